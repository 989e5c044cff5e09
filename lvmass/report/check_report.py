"""What `lvmass check` found: for the terminal, as a page for the data manager, and as a table."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import jinja2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lvmass.cohort.problems import Problem
from lvmass.evaluation.results import write_private
from lvmass.files import whole_file
from lvmass.study.check import BOOK, Findings

MAX_LINES = 40
"""On the terminal; the page has all."""

PAGE = "check_report.html"
_ROOM = Path(__file__).parent
_HEADS = {  # of the problems of each level; those of `BOOK` have none
    "error": "Errors: to mend before the study runs",
    "warning": "Warnings: the study runs all the same",
    "": 'What the book will lack: pages say "not in this study"',
}


class Line(NamedTuple):
    """Equal problems as one.

    Parameters
    ----------
    level, where, column, what, do : str
        As of a `Problem`; of problems that differ in a number or a name, those of the first.
    rows : tuple of str
        Such as "3-18" and "22".
    files : tuple of str
    n : int
        How many.
    """

    level: str
    where: str
    column: str
    what: str
    do: str
    rows: tuple[str, ...]
    files: tuple[str, ...]
    n: int

    def __str__(self) -> str:
        """Say it on one line."""
        if self.where == BOOK:
            return f"{self.what} ({self.do})"
        rows = self.rows and f"row{'s' if self.n > 1 else ''} {_shortened(self.rows, 12)}"
        files = self.files and f"file{'s' if len(self.files) > 1 else ''} {_shortened(self.files, 3)}"
        place = ", ".join(part for part in (self.where, rows, self.column and f"column {self.column}", files) if part)
        return f"{place}: {self.what}; {self.do}."


def _shortened(parts: Sequence[str], most: int) -> str:
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return ", ".join(parts[:most]) + more


def grouped(problems: Iterable[Problem]) -> list[Line]:
    """Make one line of problems that differ in row, file, numbers and quoted names only; errors come first.

    Examples
    --------
    >>> forty = [Problem("error", "a.csv", f"the value is {i}", "give 1 or 2", i, "x") for i in range(3, 43)]
    >>> print(grouped(forty)[0])
    a.csv, rows 3-42, column x: the value is 3 (row 3; the others likewise); give 1 or 2.
    """
    table = _table(problems)
    kind = table["what"].str.replace(r"'[^']*'|[-\d.]+", "#", regex=True)
    lines = []
    for _, same in table.groupby(["level", "where", "column", kind, "do"], sort=False):
        first, rows = same.iloc[0], same["row"].dropna().astype(int).to_numpy()
        what, files = first["what"], tuple(file for file in same["file"].unique() if file)
        if (same["what"] != what).any():
            what += f" ({f'row {rows[0]}; ' if len(rows) else ''}the others likewise)"
        told = (first["level"], first["where"], first["column"], what, first["do"])
        lines.append(Line(*told, _ranges(rows), files, len(same)))
    return sorted(lines, key=lambda line: (line.where == BOOK, line.level != "error"))


def _table(problems: Iterable[Problem]) -> pd.DataFrame:
    table = pd.DataFrame([asdict(problem) for problem in problems], columns=[*Problem.__dataclass_fields__])
    return table.astype({"row": "Int64"})


def _ranges(rows: NDArray[np.integer]) -> tuple[str, ...]:
    """Write rows as ranges.

    Examples
    --------
    >>> _ranges(np.array([40, 3, 4, 5, 22]))
    ('3-5', '22', '40')
    """
    numbers = np.unique(rows)
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return tuple(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs if len(run))


def _sections(findings: Findings) -> list[tuple[str, str, list[Line]]]:
    """Level, head and lines of each part of the report."""
    found: dict[str, list[Line]] = {level: [] for level in _HEADS}
    for line in grouped(findings.problems):
        found["" if line.where == BOOK else line.level].append(line)
    return [(level, _HEADS[level], lines) for level, lines in found.items()]


def counted(findings: Findings) -> str:
    """Say how many problems there are.

    Examples
    --------
    >>> problem = Problem("warning", "a.csv", "odd", "look")
    >>> counted(Findings("s", Path("s.toml"), pd.DataFrame(), (problem,)))
    '0 errors, 1 warning'
    """
    numbers = [(len(lines), level) for level, _, lines in _sections(findings) if level]
    return ", ".join(f"{n} {level}{'' if n == 1 else 's'}" for n, level in numbers)


def check_text(findings: Findings) -> str:
    """What the terminal shows: people, and up to ``MAX_LINES`` lines of problems."""
    text = [f"{findings.path}: {counted(findings) if findings.problems else 'no problems found'}"]
    for cohort in findings.counts.itertuples():
        read = " (simulated)" if cohort.simulated else f", {cohort.ecgs} ECGs, {cohort.usable} usable"
        text.append(f"{cohort.section}: {cohort.label}, {cohort.people} people{read}")
    left = MAX_LINES
    for _, head, lines in _sections(findings):
        if lines:
            text += ["", head, *(f"  {line}" for line in lines[:left])]
            if len(lines) > left:
                text.append(f"  and {len(lines) - left} more in {PAGE}")
            left = max(0, left - len(lines))
    return "\n".join(text)


def write_check_report(findings: Findings) -> list[Path]:
    """Write `PAGE`, and a CSV with a row for each problem, beside the study file, each whole or not at all.

    They may hold names of people: only their owner may read them, and they are no part of the book.
    """
    pages = jinja2.Environment(loader=jinja2.FileSystemLoader(_ROOM), autoescape=True)
    pages.filters["shortened"] = _shortened
    text = pages.get_template(PAGE).render(
        study=findings.study,
        path=findings.path,
        counted=counted(findings),
        counts=[*findings.counts.itertuples()],
        sections=_sections(findings),
        style=(_ROOM / "check_report.css").read_text(encoding="utf-8"),
    )
    page, table = (findings.path.with_name(name) for name in (PAGE, "check_report.csv"))
    with whole_file(page, private=True) as file:
        file.write(text)
    write_private(_table(findings.problems), table)
    return [page, table]
