"""Build the book from a study, and look at every page before calling it built.

Jupyter Book's exit code is not enough: a page may hold a traceback or a "nan" and the build still say 0.
"""

import hashlib
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml
from bs4 import BeautifulSoup
from joblib import Parallel, cpu_count, delayed
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from jupyter_cache.readers import get_reader
from nbclient.exceptions import DeadKernelError

from lvmass.errors import DataError
from lvmass.report.leaks import identifiers, leaks
from lvmass.study.settings import STUDY_VARIABLE
from lvmass.study.store import end_with_parent, package_fingerprint
from lvmass.study.study import Study

LOG = logging.getLogger(__name__)
BUILD_FOLDER = "_build"
MADE_OF = "made_of"
"""File of the build folder: what made the outputs that are kept there, and behind it what made the finished pages."""
UNFINISHED = """<!doctype html><html lang="en"><title>Not finished</title>
<p>This page is not finished: one of its cells stopped with an error, which 'lvmass book' prints.</p>"""


def build_book(folder: str | Path, study: Study) -> Path:
    """Compute what the study lacks and render the book, or leave it if nothing that it is made of has changed.

    Parameters
    ----------
    folder : path
        Holds ``_config.yml``, ``_toc.yml`` and ``book/``.
    study : Study
        What the chapters read.

    Returns
    -------
    Path
        The first page.

    Raises
    ------
    DataError
        If the folder holds no book, a chapter stops, the build fails or a page does not pass ``page_problems``; the
        other pages are there.

    Notes
    -----
    Jupyter Book keeps a chapter's outputs as long as its code stays the same. It does not know that numbers also depend
    on the package, the study and the files that chapters read, so kept outputs are thrown away when these have changed.
    """
    folder, study_file = Path(folder).absolute(), study.path.absolute()
    build = folder / BUILD_FOLDER
    html = {page: build / "html" / f"{page}.html" for page in _pages(folder)}
    study.run()
    first = next(iter(html.values()))
    read = [file for name in ("paper_size", "validation") for file in _files(folder / "book" / name, ".json", ".csv")]
    read += _files(folder / "book" / "hospital", ".py", ".toml")
    results = _files(study.results_folder, ".csv")
    # the study file, too: labels and privacy change no result, but what pages show of it
    outputs = package_fingerprint(study_file, *read, *results) + f" {study_file} {study.fingerprint}"
    written = [folder / "_config.yml", folder / "_toc.yml"]
    written += _files(folder / "book", ".ipynb", ".md", ".bib", ".css")
    pages = hashlib.sha256(b"".join(path.read_bytes() for path in written)).hexdigest()
    made_of = build / MADE_OF
    before = made_of.read_text() if made_of.is_file() else ""
    if before == outputs + pages and not _problems(html):
        return first
    if not before.startswith(outputs):
        shutil.rmtree(build, ignore_errors=True)
    # a page that failed before counts as up to date otherwise, and would pass
    for stale in (build / ".doctrees", build / "html"):
        shutil.rmtree(stale, ignore_errors=True)
    build.mkdir(exist_ok=True)
    made_of.unlink(missing_ok=True)  # outputs of a build that is killed from here on may be half written
    environment = {STUDY_VARIABLE: str(study_file), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    sources = [path for page in reversed(html) for path in folder.glob(f"{page}.*") if path.suffix in (".ipynb", ".md")]
    executed = [path for path in sources if path.suffix == ".ipynb" or "kernelspec:" in path.read_text("utf-8")]
    _execute(executed, build / ".jupyter_cache", environment)  # the longest early, which stands near the end
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(folder), "-W", "-n", "--keep-going"]
    finished = subprocess.run(command, env=os.environ | environment, check=False, stderr=subprocess.PIPE, text=True)
    made_of.write_text(outputs)
    reports = build / "html" / "reports"
    stopped = {page: said for page in html if (said := _stopped(reports / f"{page}.err.log", page))}
    problems = [*stopped.values()]
    for page in stopped:  # what an error says may be about a person
        html[page].write_text(UNFINISHED)
    shutil.rmtree(reports, ignore_errors=True)  # they quote data and folders
    if finished.returncode and not problems:
        problems = [line for line in finished.stderr.splitlines() if re.search("WARNING|ERROR|Error", line)]
    problems += [] if problems and finished.returncode else _problems(html)
    problems += leaks(build / "html", identifiers(study), [*written, *read])
    if problems or finished.returncode:
        raise DataError("\n".join([f"the book is not finished; pages that are lie in {first.parent}:", *problems]))
    made_of.write_text(outputs + pages)
    return first


def _execute(pages: list[Path], cache: Path, environment: Mapping[str, str]) -> None:
    """Execute pages in parallel, into the cache where Jupyter Book, which runs one after the other, finds them.

    One that stops, or whose process is ended from outside, is left to Jupyter Book, which then says where.
    """
    LOG.info("pages: executing what has changed")
    get_cache(str(cache)).db  # noqa: B018  # made once, before processes share it
    tasks = [delayed(_execute_one)(path, cache, dict(environment), os.getpid()) for path in pages]
    with suppress(BrokenExecutor):
        Parallel(n_jobs=max(1, min(len(pages), cpu_count())))(tasks)


def _execute_one(page: Path, cache_folder: Path, environment: Mapping[str, str], parent: int) -> None:
    os.environ.update(environment)
    if os.getpid() != parent:
        end_with_parent(parent)
    cache, kind = get_cache(str(cache_folder)), "myst_nb_md" if page.suffix == ".md" else "nbformat"
    notebook = get_reader({"type": "plugin", "name": kind})(str(page))
    with suppress(KeyError):  # none is kept
        cache.match_cache_notebook(notebook)
        return
    with suppress(DeadKernelError), _silent():
        result = single_nb_execution(notebook, cwd=str(page.parent), timeout=3600, allow_errors=False)
        if result.err is None:
            bundle = CacheBundleIn(notebook, str(page), data={"execution_seconds": result.time})
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


@contextmanager
def _silent() -> Iterator[None]:
    """Keep what processes that start here write to the error stream, such as warnings of kernels, off the terminal."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _pages(folder: str | Path) -> tuple[str, ...]:
    """Pages of the table of contents, in order, without extension."""
    toc = yaml.safe_load((Path(folder) / "_toc.yml").read_text())
    return (toc["root"], *(chapter["file"] for chapter in toc["chapters"]))


def page_problems(page: str | Path) -> list[str]:
    """What is wrong with a rendered page of any study; empty if nothing is.

    A page must exist, have a title, and hold neither a traceback, nor an error stream, nor the word "nan". One that
    shows code or a figure must say what study made it; one that does must hold a figure, or say why one is not shown.
    Every figure needs an alternative text. The rest is a matter of the tests in a browser.
    """
    if not Path(page).is_file():
        return ["the page is missing"]
    soup = BeautifulSoup(Path(page).read_text(encoding="utf-8"), "html.parser")
    article = soup.select_one("article") or soup
    text, images, banner = article.get_text(" "), article.find_all("img"), article.select(".lvmass-banner")
    found = {
        "no title": not article.find("h1"),
        "no banner that names the study": article.select(".cell:not(.tag_remove-input), .lvmass-figure") and not banner,
        "a traceback": "Traceback (most recent call last)" in text,
        "an error stream": article.select(".stderr"),
        'a "nan"': re.search(r"(?<![\w-])(nan|NaN|<NA>|NaT)(?![\w-])", text),
        "no figure": banner and not images and "Not shown: " not in text,
        "a figure without alternative text": [image for image in images if not image.get("alt")],
    }
    return [problem for problem, yes in found.items() if yes]


def _problems(html: dict[str, Path]) -> list[str]:
    return [f"{page}: {problem}" for page, path in html.items() for problem in page_problems(path)]


def _files(folder: Path, *endings: str) -> list[Path]:
    """Files below a folder, in order, none of them hidden."""
    found = (path for path in sorted(folder.rglob("*")) if path.suffix in endings)
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def _stopped(report: Path, page: str) -> str:
    """One sentence on the cell at which a chapter stopped, from the report of its execution; empty if it did not."""
    if not report.is_file():
        return ""
    text = re.sub(r"\x1b\[[\d;]*m", "", report.read_text(encoding="utf-8"))
    cell = re.search(r"-{5,}\n(.*?)\n", text)
    error = [line for line in text.splitlines() if line.strip()][-1]
    return f"{page}: stopped in the cell that begins '{cell[1] if cell else ''}': {error}"
