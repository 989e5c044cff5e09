"""Chapters are pairs: a percent script, which is the source, and a notebook without outputs."""

from pathlib import Path

import jupytext
import nbformat
import pytest

from lvmass.report.book import pages
from tests.conftest import ROOT

SCRIPTS = sorted((ROOT / "book").glob("[0-9]*.py"))


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
    assert pages(ROOT) == ("book/intro", *(f"book/{script.stem}" for script in SCRIPTS))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_chapter_has_its_parts(script: Path) -> None:
    text = script.read_text()
    for part in ("**Question.**", "banner(study)", "## What could be wrong", "## On your cohort"):
        assert part in text, part
    assert "\ndef " not in text or all(
        len(block.split("\n\n")[0].splitlines()) <= 10 for block in text.split("\ndef ")[1:]
    )
