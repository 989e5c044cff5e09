"""What `lvmass check` found: for the terminal, as a page for the data manager, and as a table."""

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from lvmass.cohort.problems import Problem
from lvmass.evaluation.results import write_private
from lvmass.files import whole_file
from lvmass.study.check import BOOK, Findings

MAX_LINES = 40
"""On the terminal; the page has all."""

PAGE = "check_report.html"
_STYLE = Path(__file__).with_name("check_report.css")
_HEADS = {"error": "Errors: to mend before the study runs", "warning": "Warnings: the study runs all the same"}
_LACKS = 'What the book will lack: pages say "not in this study"'


@dataclass(frozen=True)
class Line:
    """Equal problems as one.

    Parameters
    ----------
    level, where, column, what, do : str
        As of a `Problem`; of problems that differ in a number or a name, those of the first.
    rows : str
        Such as "3-18, 22".
    files : tuple of str
    n : int
        How many.
    """

    level: str
    where: str
    column: str
    what: str
    do: str
    rows: str
    files: tuple[str, ...]
    n: int

    def __str__(self) -> str:
        """Say it on one line."""
        if self.where == BOOK:
            return f"{self.what} ({self.do})"
        rows = self.rows and f"row{'s' if self.n > 1 else ''} {_shortened(self.rows.split(', '), 12)}"
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
    table = pd.DataFrame([asdict(problem) for problem in problems], columns=[*Problem.__dataclass_fields__])
    kind = table["what"].str.replace(r"'[^']*'|[-\d.]+", "#", regex=True)
    lines = []
    for _, same in table.groupby(["level", "where", "column", kind, "do"], sort=False):
        first, rows = same.iloc[0], [int(row) for row in same["row"].dropna()]
        what = (
            first["what"]
            if same["what"].eq(first["what"]).all()
            else f"{first['what']} ({f'row {rows[0]}; ' if rows else ''}the others likewise)"
        )
        files = tuple(dict.fromkeys(file for file in same["file"] if file))
        lines.append(
            Line(first["level"], first["where"], first["column"], what, first["do"], _ranges(rows), files, len(same))
        )
    return sorted(lines, key=lambda line: (line.where == BOOK, line.level != "error"))


def _ranges(rows: Sequence[int]) -> str:
    """Write rows as ranges.

    Examples
    --------
    >>> _ranges([40, 3, 4, 5, 22])
    '3-5, 22, 40'
    """
    parts: list[list[int]] = []
    for row in sorted(set(rows)):
        if parts and row == parts[-1][-1] + 1:
            parts[-1].append(row)
        else:
            parts.append([row])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def _sections(lines: Sequence[Line]) -> dict[str, list[Line]]:
    told = [line for line in lines if line.where != BOOK]
    found = {head: [line for line in told if line.level == level] for level, head in _HEADS.items()}
    return found | {_LACKS: [line for line in lines if line.where == BOOK]}


def counted(findings: Findings) -> str:
    """Say how many problems there are.

    Examples
    --------
    >>> problem = Problem("warning", "a.csv", "odd", "look")
    >>> counted(Findings("s", Path("s.toml"), pd.DataFrame(), (problem,)))
    '0 errors, 1 warning'
    """
    lines = [line for line in grouped(findings.problems) if line.where != BOOK]
    numbers = {level: sum(line.level == level for line in lines) for level in _HEADS}
    return ", ".join(f"{n} {level}{'' if n == 1 else 's'}" for level, n in numbers.items())


def check_text(findings: Findings) -> str:
    """What the terminal shows: people, and up to ``MAX_LINES`` lines of problems."""
    text = [f"{findings.path}: {counted(findings) if findings.problems else 'no problems found'}"]
    for cohort in findings.counts.itertuples():
        read = " (simulated)" if cohort.simulated else f", {cohort.ecgs} ECGs, {cohort.usable} usable"
        text.append(f"{cohort.section}: {cohort.label}, {cohort.people} people{read}")
    left = MAX_LINES
    for head, lines in _sections(grouped(findings.problems)).items():
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
    folder = findings.path.parent
    table = pd.DataFrame([asdict(problem) for problem in findings.problems], columns=[*Problem.__dataclass_fields__])
    table["row"] = table["row"].astype("Int64")
    files = [folder / PAGE, folder / "check_report.csv"]
    with whole_file(files[0], private=True) as page:
        page.write(_page(findings))
    write_private(table, files[1])
    return files


def _page(findings: Findings) -> str:
    """The report as one file without script or anything fetched from elsewhere."""
    lines = grouped(findings.problems)
    errors = any(line.level == "error" for line in lines)
    warned = any(line.where != BOOK for line in lines)
    verdict = (
        ("error", "The study cannot be run like this.")
        if errors
        else ("warning", "The study can be run; look at the warnings first.")
        if warned
        else ("", "The study can be run.")
    )
    parts = [
        f"<h1>Check of the study “{html.escape(findings.study)}”</h1>",
        f'<p class="about">Study file <code>{html.escape(findings.path.name)}</code>. This page may name people: keep '
        "it with the data, and do not publish it.</p>",
        f'<p class="verdict {verdict[0]}"><strong>{verdict[1]}</strong> {counted(findings)}.</p>',
        _counts(findings.counts),
    ]
    for (head, some), level in zip(_sections(lines).items(), ("error", "warning", ""), strict=True):
        if some:
            parts.append(f'<h2 class="{level}">{html.escape(head)}</h2>{_problems(some)}')
    parts.append(f"<h2>What to do next</h2>{_next(errors, html.escape(str(findings.path)))}")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>Check of {html.escape(findings.study)}</title><style>{_STYLE.read_text()}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _counts(counts: pd.DataFrame) -> str:
    if counts.empty:
        return "<p>No cohort could be read.</p>"
    rows = "".join(
        f"<tr><td>{html.escape(f'{row.section}: {row.label}')}{' (simulated)' if row.simulated else ''}</td>"
        f'<td class="n">{row.people:,}</td><td class="n">{row.ecgs:,}</td>'
        f'<td class="n">{"not read" if row.simulated else f"{row.usable:,}"}</td></tr>'
        for row in counts.itertuples()
    )
    heads = '<th scope="col">Cohort</th>'
    heads += "".join(f'<th scope="col" class="n">{head}</th>' for head in ("People", "ECGs", "ECGs usable"))
    note = "Rows with errors are not counted."
    return (
        f'<table class="counts"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table><p class="rows">{note}</p>'
    )


def _problems(lines: Sequence[Line]) -> str:
    """A row for each line; long lists of rows and files fold."""
    lacks = lines[0].where == BOOK
    heads = ("Chapter", "Why") if lacks else ("Where", "What is wrong", "What to do")
    rows = []
    for line in lines:
        if lacks:
            cells = [("what", html.escape(line.what)), ("", html.escape(line.do))]
        else:
            column = f"<br>column <code>{html.escape(line.column)}</code>" if line.column else ""
            where = f"{html.escape(line.where)}{column}{_folded('row', line.rows.split(', ') if line.rows else [])}"
            what = f"{html.escape(_sentence(line.what))}{_folded('file', line.files)}"
            cells = [("where", where), ("what", what), ("do", html.escape(_sentence(line.do)))]
        rows.append("<tr>" + "".join(f'<td class="{name}">{cell}</td>' for name, cell in cells) + "</tr>")
    head = "".join(f'<th scope="col">{head}</th>' for head in heads)
    return f'<table class="problems"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _folded(word: str, parts: Sequence[str]) -> str:
    if not parts:
        return ""
    many = len(parts) > 1 or bool(re.search(r"\d-\d", parts[0]) and word == "row")
    listed = html.escape(", ".join(parts))
    if len(listed) <= 60:
        return f'<div class="rows">{word}{"s" if many else ""} {listed}</div>'
    shown = html.escape(_shortened(parts, 3))
    return f'<details class="rows"><summary>{word}s {shown}</summary>{listed}</details>'


def _next(errors: bool, study: str) -> str:
    if errors:
        return (
            "<ol><li>Mend what is listed under errors, in the table or in the study file.</li><li>Run "
            f"<code>lvmass check {study}</code> again; ECGs that did not change are not read again.</li></ol>"
        )
    return (
        f"<ol><li>Look at the warnings; rows named there may be right.</li><li>Run <code>lvmass run {study}</code>; "
        "it goes on from the ECGs that this check has read.</li></ol>"
    )
