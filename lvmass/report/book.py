"""Build the book from a study, and look at every page before calling it built.

Jupyter Book's exit code is not enough: a page may hold a traceback or a "nan" and the build still say 0.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from bs4 import BeautifulSoup

from lvmass.errors import DataError
from lvmass.study.settings import STUDY_VARIABLE, read_study_file
from lvmass.study.store import package_fingerprint

BUILD_FOLDER = "_build"
STAMP = "fingerprint"


def build_book(folder: str | Path, study_file: str | Path) -> Path:
    """Render the book.

    Parameters
    ----------
    folder : path
        Holds ``_config.yml`` and ``_toc.yml``.
    study_file : path
        Study that the chapters read; its stages should be finished, else the chapters compute them.

    Returns
    -------
    Path
        The first page.

    Raises
    ------
    DataError
        If the build fails or a page does not pass ``page_problems``.

    Notes
    -----
    Jupyter Book keeps a chapter's outputs as long as its cells stay the same. It does not know that numbers also
    depend on the package and on the study file, so kept outputs are thrown away when either has changed.
    """
    folder, study_file = Path(folder).absolute(), Path(study_file).absolute()
    read_study_file(study_file)
    build = folder / BUILD_FOLDER
    stamp = package_fingerprint(study_file, folder / "_config.yml", folder / "_toc.yml") + f" {study_file}"
    if not (build / STAMP).is_file() or (build / STAMP).read_text() != stamp:
        shutil.rmtree(build, ignore_errors=True)
    # a page that failed before counts as up to date otherwise, and would pass
    shutil.rmtree(build / "_build" / ".doctrees", ignore_errors=True)
    shutil.rmtree(build / "html", ignore_errors=True)
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(folder), "-W", "-n", "--keep-going"]
    environment = os.environ | {STUDY_VARIABLE: str(study_file), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    finished = subprocess.run(command, env=environment, check=False)
    if finished.returncode:
        raise DataError(f"{folder}: the book did not build; the reason stands above.")
    problems = [
        f"{page}: {problem}" for page in pages(folder) for problem in page_problems(build / "html" / f"{page}.html")
    ]
    if problems:
        raise DataError("\n".join(["the book was built, but", *problems]))
    (build / STAMP).write_text(stamp)
    return build / "html" / f"{pages(folder)[0]}.html"


def pages(folder: str | Path) -> tuple[str, ...]:
    """Pages of the table of contents, in order, without extension."""
    toc = yaml.safe_load((Path(folder) / "_toc.yml").read_text())
    chapters = [*toc.get("chapters", [])]
    for part in toc.get("parts", []):
        chapters += part["chapters"]
    return (toc["root"], *(chapter["file"] for chapter in chapters))


def page_problems(page: str | Path) -> list[str]:
    """What is wrong with a rendered page; empty if nothing is.

    A page must exist, have a title, say what study made it, hold a figure with an alternative text, and hold
    neither a traceback, nor an error stream, nor the word "nan".
    """
    page = Path(page)
    if not page.is_file():
        return ["the page is missing"]
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    article = soup.select_one("article") or soup
    text = article.get_text(" ")
    problems = []
    if article.find("h1") is None:
        problems.append("no title")
    if not article.select(".lvmass-banner"):
        problems.append("no banner that names the study")
    if "Traceback (most recent call last)" in text:
        problems.append("a traceback")
    if article.select(".stderr"):
        problems.append("an error stream")
    if re.search(r"(?<![\w-])(nan|NaN|<NA>|NaT)(?![\w-])", text):
        problems.append('a "nan"')
    images = [image for image in article.find_all("img")]
    if not images:
        problems.append("no figure")
    problems += [
        f"a figure without alternative text ({str(image.get('src'))[:40]})" for image in images if not image.get("alt")
    ]
    return problems
