"""The check of a rendered page finds what a reader must not find."""

import shutil
from pathlib import Path

import nbformat
import pytest

from lvmass.errors import DataError
from lvmass.report import book as builder
from lvmass.report.book import build_book, page_problems
from lvmass.report.page import missing
from lvmass.study.study import Study
from tests.conftest import ROOT

GOOD = """<html><body><article><h1>Title</h1><div class="lvmass-banner">Simulated cohort.</div>
<div class="cell"></div><p>MAE 14.3 g in Fernando's finance department</p>
<img alt="A figure" src="a.svg"></article></body></html>"""


def write(folder: Path, text: str) -> Path:
    page = folder / "page.html"
    page.write_text(text)
    return page


def test_good_page_has_no_problems(tmp_path: Path) -> None:
    assert page_problems(write(tmp_path, GOOD)) == []


def test_missing_page(tmp_path: Path) -> None:
    assert page_problems(tmp_path / "none.html") == ["the page is missing"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("<h1>Title</h1>", "", "no title"),
        ('class="lvmass-banner"', "", "no banner that names the study"),
        ("14.3 g", "nan g", 'a "nan"'),
        ("14.3 g", "&lt;NA&gt; g", 'a "nan"'),
        ("14.3 g", "Traceback (most recent call last)", "a traceback"),
        ("<p>", '<div class="output stderr">warning</div><p>', "an error stream"),
        ('<img alt="A figure" src="a.svg">', "", "no figure"),
        ('alt="A figure"', 'alt=""', "a figure without alternative text"),
    ],
)
def test_bad_page(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert page_problems(write(tmp_path, GOOD.replace(old, new))) == [problem]


def test_a_page_may_say_why_it_has_no_figure(tmp_path: Path) -> None:
    said = f"<p>{missing('LVH').data}</p>"
    assert page_problems(write(tmp_path, GOOD.replace('<img alt="A figure" src="a.svg">', said))) == []


def test_a_page_of_words_needs_no_figure_and_no_banner(tmp_path: Path) -> None:
    assert page_problems(write(tmp_path, "<article><h1>Facts</h1><p>A table.</p></article>")) == []


def test_a_page_whose_code_is_removed_shows_no_study(tmp_path: Path) -> None:
    cell = '<div class="cell tag_remove-input docutils container"><p>A table.</p></div>'
    page = f"<article><h1>Settings</h1>{cell}</article>"
    assert page_problems(write(tmp_path, page)) == []
    for shown in (
        page.replace("tag_remove-input", ""),
        page.replace("<p>", '<img class="lvmass-figure" alt="MAE"><p>'),
    ):
        assert page_problems(write(tmp_path, shown)) == ["no banner that names the study"]


BANNER = """from IPython.display import HTML
HTML('<div class="lvmass-banner">Mine</div><img alt="A figure" src="https://example.org/a.svg">')"""


def write_chapter(book: Path, name: str, words: str, code: str) -> None:
    count = f"open('{name}.count', 'a').write('x') and None"
    cells = [nbformat.v4.new_markdown_cell(words), *map(nbformat.v4.new_code_cell, (BANNER, count, code))]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), book / f"{name}.ipynb")


def test_a_book_is_built_once_and_a_chapter_that_stops_leaves_the_others(
    tmp_path: Path, tiny_study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = tmp_path / "book"
    shutil.copytree(ROOT / "book" / "_static", book / "_static")
    shutil.copy(ROOT / "book" / "references.bib", book)
    shutil.copy(ROOT / "_config.yml", tmp_path)
    chapters = "chapters: [{file: book/one}, {file: book/two}]\n"
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/intro\n" + chapters)
    (book / "intro.md").write_text("# Title\n")

    def executed() -> tuple[int, int]:
        one, two = (len((book / f"{name}.count").read_text()) for name in ("one", "two"))
        return one, two

    write_chapter(book, "one", "# One", "1 + 1")
    write_chapter(book, "two", "# Two", "table = {}\ntable['age']")
    with pytest.raises(DataError) as stopped:
        build_book(tmp_path, tiny_study)
    lines = str(stopped.value).splitlines()
    assert lines[1:] == ["book/two: stopped in the cell that begins 'table = {}': KeyError: 'age'"]
    html = tmp_path / "_build" / "html"
    assert page_problems(html / "book" / "one.html") == []
    assert "This page is not finished" in (html / "book" / "two.html").read_text()
    assert not [path for path in html.rglob("*") if path.is_file() and b"KeyError" in path.read_bytes()]
    assert executed() == (1, 2)  # once beside the others, once more by Jupyter Book, which says where it stops

    write_chapter(book, "two", "# Two", "table = {'age': 1}\ntable['age']")
    write_chapter(book, "one", "# One, in other words", "1 + 1")
    first = build_book(tmp_path, tiny_study)
    assert "in other words" in (tmp_path / "_build" / "html" / "book" / "one.html").read_text()
    assert executed() == (1, 3)  # the chapter that had run is not run again, for words are no code
    built = first.stat().st_mtime_ns
    assert build_book(tmp_path, tiny_study) == first
    assert first.stat().st_mtime_ns == built  # nothing has changed, nothing is done

    for kept in (tmp_path / "_build" / ".jupyter_cache").rglob("base.ipynb"):
        kept.unlink()  # as a build may leave it that is killed while it writes
    (tmp_path / "_build" / builder.MADE_OF).unlink()
    write_chapter(book, "one", "# One, in other words again", "1 + 1")
    build_book(tmp_path, tiny_study)
    assert executed() == (2, 4)

    (book / "validation").mkdir()
    (book / "validation" / "kept.csv").write_text("mae_g\n12\n")  # chapters read such files
    wanted = {"one, in other words": "a file name", "title": "an id"}
    monkeypatch.setattr(builder, "identifiers", lambda study: wanted)
    write_chapter(book, "one", "# One", "'one, in other ' + 'words'")
    with pytest.raises(DataError, match=r"one\.html holds a file name of the cohort"):
        build_book(tmp_path, tiny_study)
    assert executed() == (3, 5)
