"""Chapters are pairs: a percent script, which is the source, and a notebook without outputs."""

import re
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest

from lvmass.report.book import _pages
from tests.conftest import ROOT

SCRIPTS = sorted((ROOT / "book").glob("[0-9]*.py"))
PAGES = (ROOT / "book" / "intro.md", *SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_notebook_has_the_cells_of_its_script_and_no_outputs(script: Path) -> None:
    notebook = nbformat.read(script.with_suffix(".ipynb"), as_version=4)
    source = jupytext.read(script)
    assert [(c.cell_type, c.source, c.metadata.get("tags")) for c in notebook.cells] == [
        (c.cell_type, c.source, c.metadata.get("tags")) for c in source.cells
    ]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def test_contents_name_every_chapter() -> None:
    pages = _pages(ROOT)
    assert pages[: len(PAGES)] == tuple(f"book/{page.stem}" for page in PAGES)
    assert {*pages} == {f"book/{page.stem}" for page in (*SCRIPTS, *(ROOT / "book").glob("*.md"))}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_chapter_has_its_parts(script: Path) -> None:
    text = script.read_text()
    for part in ("**Question.**", "page.banner(study", "## What could be wrong", "## On your cohort", "## Summary"):
        assert part in text, part
    exercises, solutions = text.partition("## Exercises")[2].split(":::{admonition} Solutions\n# :class: dropdown")
    for numbered in (exercises, solutions):
        assert re.findall(r"^# (\d)\. ", numbered, re.MULTILINE) == ["1", "2"]


def code_cells(page: Path) -> list[Any]:
    return [cell for cell in jupytext.read(page).cells if cell.cell_type == "code"]


def code_lines(page: Path) -> list[str]:
    every = [line for cell in code_cells(page) for line in cell.source.splitlines()]
    return [line for line in every if line.strip() and not line.strip().startswith("#")]


def test_chapters_are_prose_calls_and_figures() -> None:
    assert sum(len(code_lines(page)) for page in PAGES) <= 60 * len(PAGES)
    for page in PAGES:
        assert max(map(len, code_lines(page))) <= 72, page.name
        assert not any(line.startswith("def ") for line in code_lines(page)), page.name
        folded = [cell for cell in code_cells(page) if "hide-input" in cell.metadata.get("tags", [])]
        assert len(folded) <= 4, page.name


def test_a_cited_study_fact_has_its_section() -> None:
    sections = set(re.findall(r"^#+ (\d[\d.]*) ", (ROOT / "book" / "facts.md").read_text(), re.MULTILINE))
    cited: set[str] = set()
    for path in (
        *(ROOT / "lvmass").rglob("*.py"),
        *(ROOT / "book").glob("[0-9]*.py"),
        *(ROOT / "book").rglob("*.toml"),
    ):
        for numbers in re.findall(r"study[- ]facts(?: section)? ([\d., and]*\d)", path.read_text()):
            cited |= set(re.findall(r"\d+(?:\.\d+)?", numbers))
    assert len(cited) > 5
    assert cited <= sections
    for number in sections:
        assert f"(facts-{number.replace('.', '-')})=" in (ROOT / "book" / "facts.md").read_text()
