"""Chapters run here as a reader's kernel runs them, without starting one."""

import re
from pathlib import Path
from typing import Any

import jupytext
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from tests.conftest import ROOT

BOOK = ROOT / "book"
PAGES = (BOOK / "intro.md", *sorted(BOOK.glob("[0-9]*.py")))


def run_chapter(page: Path, study_file: Path) -> str:
    """Execute a page's code cells in the book's folder; what a reader sees of them, as text and HTML."""
    shell: Any = InteractiveShell.instance()
    seen: list[dict[str, str]] = []
    with pytest.MonkeyPatch.context() as here:
        here.chdir(BOOK)
        here.setenv("LVMASS_STUDY", str(study_file.absolute()))
        for cell in jupytext.read(page).cells:
            if cell.cell_type != "code":
                continue
            with capture_output() as shown:
                result = shell.run_cell(cell.source, silent=False)
            result.raise_error()
            seen += [output.data for output in shown.outputs]
            if result.result is not None:
                seen.append(shell.display_formatter.format(result.result)[0])
    return "\n".join(data.get("text/html") or data.get("text/markdown") or data["text/plain"] for data in seen)


def check_words(shown: str) -> None:
    """No missing number and no key of a table stands where a reader sees it."""
    pictures = " ".join(re.findall(r'alt="([^"]*)"', shown))
    shown = re.sub(r"^```.*?^```", "", shown, flags=re.DOTALL | re.MULTILINE)  # a study file on the page
    text = re.sub(r"<[^>]*>", " ", shown) + pictures
    assert not re.search(r"(?<![\w-])(nan|NaN|<NA>|NaT)(?![\w-])", text)
    for raw in (r"elvmass-net", r"lvm-ai", r"(?<!my )\bfcn\b", r"ecg-parameters", r"\w_(mv|ms|g|years|cm|kg|m2)\b"):
        found = re.search(f".*{raw}.*", text)
        assert found is None, found
