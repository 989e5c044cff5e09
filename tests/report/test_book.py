"""The check of a rendered page finds what a reader must not find."""

from pathlib import Path

import pytest

from lvmass.report.book import page_problems

GOOD = """<html><body><article><h1>Title</h1><div class="lvmass-banner">Simulated cohort.</div>
<p>MAE 14.3 g in Fernando's finance department</p><img alt="A figure" src="a.svg"></article></body></html>"""


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
        ('alt="A figure"', 'alt=""', "a figure without alternative text (a.svg)"),
    ],
)
def test_bad_page(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert page_problems(write(tmp_path, GOOD.replace(old, new))) == [problem]
