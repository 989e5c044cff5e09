"""What a chapter shows beside figures: the banner, tables, and sentences with computed numbers.

A table or figure that a study has nothing for is replaced by one sentence that says so, so that every page builds on
any valid study file.
"""

import html
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown

from lvmass import __version__
from lvmass.evaluation.results import safe_csv
from lvmass.report.words import LAYOUTS, PUBLISHED, TEXTS, printed
from lvmass.study.study import Study

MOST_ROWS = 8
"""Of a table that is in view; a longer one is opened by a click."""

_CELLS = {"numbers": r"<td\s*>(?=(?:[^a-zA-Z<&]|to|&lt;)+</td>)", "words": r"<td\s*>(?=[^<]{30})"}
"""Begin of cells that a narrow screen must not squeeze: estimates with intervals, and sentences."""

# --- what a page is made of ---


def banner(study: Study, *, appendix: bool = False) -> HTML:
    """Say what study made the page, whether its people are simulated, and what of its numbers is by construction."""
    cohorts = [study.config.cohort(name) for name in study.cohort_names()]
    simulated = [cohort.label for cohort in cohorts if cohort.simulate is not None]
    whose = TEXTS["appendix" if appendix else "simulated" if simulated else "own"]
    if not appendix and 0 < len(simulated) < len(cohorts):
        whose = f"{whose.replace('this study', html.escape(simulated[0]))} The other cohort is from files."
    if any(cohort.simulate is not None and cohort.setting == "published" for cohort in cohorts):
        whose += f" {TEXTS['by_construction']}"
    made = f"<code>{html.escape(study.path.name)}</code> (fingerprint <code>{study.fingerprint}</code>)"
    made = f"<summary>Study {made}, lvmass {__version__}.</summary>{TEXTS['page']}"
    return HTML(f'<div class="lvmass-banner">{whose} <details>{made}</details></div>')


say = Markdown
"""Show a paragraph in which numbers were filled in by an f-string."""


def missing(what: str, why: str = "this study file has nothing for it") -> Markdown:
    """Say in a sentence what a page lacks, and why."""
    return Markdown(f"*Not shown: {what}; {why}.*")


def few(count: int, smallest: int, of: int = 0) -> str:
    """Write a count of people, or that it, or the rest ``of`` more people, is below ``smallest``; nobody is nobody.

    Examples
    --------
    >>> [few(n, smallest=5) for n in (0, 3, 1234)], few(3, smallest=1), few(57, smallest=5, of=60)
    (['0', '< 5', '1,234'], '3', 'all but < 5')
    """
    if 0 < count < smallest:
        return f"< {smallest}"
    return f"all but < {smallest}" if 0 < of - count < smallest else f"{count:,}"


def parts(counts: Sequence[int], smallest: int) -> list[str]:
    """Write counts whose sum is known elsewhere: where one is too small to show, another one is not shown either.

    Examples
    --------
    >>> parts([57, 3], smallest=5), parts([50, 3, 8, 0], smallest=5), parts([57, 3], smallest=1)
    (['not shown', '< 5'], ['50', '< 5', 'not shown', '0'], ['57', '3'])
    """
    written = [few(count, smallest) for count in counts]
    others = [count for count in counts if count >= smallest]
    if sum(0 < count < smallest for count in counts) == 1 and others:
        written[list(counts).index(min(others))] = "not shown"
    return written


def whole(part: int, count: int, smallest: int) -> str:
    """Write a count of which ``part`` is shown beside it, so that the rest is not given away if it is too small.

    Examples
    --------
    >>> whole(298, 300, smallest=5), whole(290, 300, smallest=5), whole(300, 300, smallest=5)
    ('< 303', '300', '300')
    """
    return f"< {part + smallest:,}" if 0 < count - part < smallest else f"{count:,}"


def no_small_class(rows: pd.DataFrame, smallest: int) -> bool:
    """Whether no sex has so few people with LVH, or without, that they are not counted on a page.

    ``rows``: of ``c_statistics``, or of any table with ``n_lvh`` and ``n_subjects``; counts of everyone would give
    away those of a sex.
    """
    counts = rows.reindex(columns=["n_lvh", "n_subjects"]).to_numpy()
    return not any("<" in few(n_lvh, smallest, n) for n_lvh, n in counts)


def terminal(command: str, folder: str | Path) -> HTML:
    """Run a command line of lvmass in a folder, and show it with what it prints.

    Examples
    --------
    >>> "Usage" in terminal("--help", ".").data
    True
    """
    lvmass = [sys.executable, "-c", "from lvmass.cli import main; main()", *shlex.split(command)]
    said = subprocess.getoutput(f"cd {shlex.quote(str(folder))} && COLUMNS=90 {shlex.join(lvmass)}")
    shown = html.escape(f"$ lvmass {command}\n{said}")
    return HTML(f'<pre class="lvmass-terminal">{shown}</pre>')


def select(rows: pd.DataFrame | None, **where: Any) -> pd.DataFrame:
    """Rows whose columns have these values, or one of them; no rows where the table itself is absent.

    Examples
    --------
    >>> table = pd.DataFrame({"sex": ["female", "male"], "auc": [0.75, 0.77]})
    >>> select(table, sex="male")["auc"].tolist(), len(select(None, sex="male"))
    ([0.77], 0)
    """
    rows = pd.DataFrame(columns=[*where]) if rows is None else rows
    for column, value in where.items():
        rows = rows[rows[column].isin(value if isinstance(value, (list, tuple)) else [value])]
    return rows


def table(rows: pd.DataFrame, caption: str, *, digits: int = 2, folded: bool | None = None) -> HTML | Markdown:
    """Show a table with a caption and its numbers as CSV; a missing number is a dash, and no rows are a sentence.

    Parameters
    ----------
    rows : DataFrame
    caption : str
    digits : int
        After the decimal point.
    folded : bool, optional
        Whether a reader opens it by a click, as one does that belongs to a figure; by default one of more than
        ``MOST_ROWS`` rows.

    Examples
    --------
    >>> "–" in table(pd.DataFrame({"MAE (g)": [1.234, None]}), "Errors").data
    True
    """
    if rows.empty:
        return missing(caption.rstrip("."))
    shown = rows.rename(columns=printed).astype(object).where(rows.notna().to_numpy(), None)
    for column in {"model", "training", "cohort", "sex", ""} & set(rows.columns) | {*rows.select_dtypes(bool)}:
        shown[printed(column)] = rows[column].map(printed)
    styler = shown.style.hide(axis="index").format(precision=digits, na_rep="–", escape="html")
    body = styler.format_index(escape="html", axis=1).to_html(exclude_styles=True)
    for kind, begin in _CELLS.items():
        body = re.sub(begin, f'<td class="lvmass-{kind}">', body)
    # as text, so that whoever looks for people on a page finds them there too
    csv = quote(safe_csv(shown).to_csv(index=False), safe=" ,;:()")
    body = f'<div class="lvmass-scroll" tabindex="0">{_link_facts(body)}</div>'  # scrolled by keys where it is too wide
    body += f'<a class="lvmass-csv" download="table.csv" href="data:text/csv,{csv}">CSV</a>'
    title = f"<figcaption>{html.escape(caption)}</figcaption>"
    if len(rows) > MOST_ROWS if folded is None else folded:  # no link in what is itself clicked
        body = f"<details><summary>{title}</summary>{body}</details>"
    else:
        body = f"{_link_facts(title)}{body}"
    return HTML(f'<figure class="lvmass-table">{body}</figure>')


def _link_facts(text: str) -> str:
    """Let every "study facts 6.3" in HTML lead to that section of the facts, and "06_saliency#title" to a chapter's.

    Examples
    --------
    >>> _link_facts("study facts 5 and 6.8")
    'study facts <a href="facts.html#facts-5">5</a> and <a href="facts.html#facts-6-8">6.8</a>'
    >>> _link_facts("06_saliency#title")
    '<a href="06_saliency.html#title">chapter 6</a>'
    """
    text = re.sub(r"\b(0(\d)_\w+)#([\w-]+)", r'<a href="\1.html#\3">chapter \2</a>', text)
    text = re.sub(r"\b9\d_\w+(#[\w-]+)", r'<a href="\1">below</a>', text)  # the appendix says so of itself

    def link(number: re.Match[str]) -> str:
        return f'<a href="facts.html#facts-{number[0].replace(".", "-")}">{number[0]}</a>'

    return re.sub(r"study[- ]facts (\d[\d.]*\d|\d)((,| and) (\d[\d.]*\d|\d))*",
                  lambda cited: "study facts " + re.sub(r"\d(\.\d+)?", link, cited[0][12:]), text)  # fmt: skip


def laid_out(rows: pd.DataFrame, layout: str, smallest: int = 1) -> pd.DataFrame:
    """Columns of ``LAYOUTS[layout]``: names are printed, p values written, columns of "x %" multiplied by 100.

    A pair of column and digits is written as an estimate with its interval; of counts below ``smallest``, or that leave
    so few of ``n_subjects``, only that.
    """
    found: dict[str, Any] = {}
    for header, column in LAYOUTS[layout].items() if len(rows) else ():
        if not isinstance(column, str):
            found[header] = [with_interval(row, *column) for _, row in rows.iterrows()]
        elif column.endswith(" %"):
            found[header] = 100 * rows[column[:-2]]
        elif column.startswith("p_") or column.endswith("_p"):
            # as low as its resampling can give
            floor = rows.get("p_floor", pd.Series(0.0, rows.index)).astype("Float64")
            at_floor = (rows.get("p_value", 1.0) <= floor * (1 + 1e-9)).fillna(False)
            bounds = rows[column].isin(rows.loc[at_floor, column])
            found[header] = [p_value(*each) for each in zip(rows[column], bounds, strict=True)]
        elif column.startswith("n_") and smallest > 1:
            counts = zip(rows[column], rows.get("n_subjects", rows[column]), strict=True)
            found[header] = [None if pd.isna(n) else few(n, smallest, of) for n, of in counts]
        else:
            found[header] = rows[column] if pd.api.types.is_numeric_dtype(rows[column]) else rows[column].map(printed)
    return pd.DataFrame(found)


def wide(
    rows: pd.DataFrame, index: Sequence[str], columns: str, value: str = "estimate", digits: int = 1
) -> pd.DataFrame:
    """Estimates, with any intervals: a row for each ``index``, a column for each value of ``columns``."""
    if rows.empty:
        return rows
    cells = rows.assign(cell=[with_interval(row, value, digits) for _, row in rows.iterrows()])
    cells = cells.pivot_table(index=list(index), columns=columns, values="cell", aggfunc="first", sort=False)
    return cells.reset_index().rename_axis(columns=None)


def beside(
    ours: Mapping[str, pd.DataFrame] | pd.DataFrame, caption: str, whose: str = "this study file",
    folded: bool | None = None,
) -> HTML | Markdown:  # fmt: skip
    """Show published numbers beside ours, of `over_folds`: one table, or several by whose numbers they are."""
    tables = ours if isinstance(ours, Mapping) else {whose: ours}
    texts = pd.concat({name: rows.set_index("key")["text"] for name, rows in tables.items()}, axis=1)
    facts = [PUBLISHED[key] for key in texts.index]
    texts.insert(0, "what", [fact.what for fact in facts])
    texts.insert(1, "published (patients)", [str(fact) for fact in facts])
    return table(texts.assign(source=[fact.source for fact in facts]), caption, folded=folded)


# --- numbers in sentences ---


def in_sexes(rows: pd.DataFrame) -> str:
    """Write the mean error of each sex, rows of ``errors``."""
    return ", ".join(f"{with_interval(row, unit=' g')} in {printed(row['sex'])}" for _, row in rows.iterrows())


def with_lvh(n: int, n_lvh: int, n_known: int, *, people: int | None = None, shown: bool = True) -> str:
    """Count people, or ECGs of fewer ``people``, and if they may be ``shown`` those with LVH among the ``n_known``.

    Known is of whom there is an LVM index.

    Examples
    --------
    >>> with_lvh(60, 8, 60), with_lvh(60, 8, 30), with_lvh(60, 8, 60, people=55)
    ('n = 60, 8 with LVH', 'n = 60, 8 of 30 whose LVM index is known with LVH', 'n = 60 ECGs of 55 people, 8 with LVH')
    """
    counted = f"n = {n:,}" if people in (None, n) else f"n = {n:,} ECGs of {people:,} people"
    of_known = "" if n_known == n else f" of {n_known:,} whose LVM index is known"
    return f"{counted}, {n_lvh:,}{of_known} with LVH" if shown else counted


def mean_sd(mean: Any, sd: Any, digits: int = 2) -> str:
    """Write mean ± SD over folds, as the paper does.

    Examples
    --------
    >>> mean_sd(14.331, 0.712)
    '14.33 ± 0.71'
    """
    return "too few for folds" if pd.isna(mean) else f"{mean:.{digits}f} ± {sd:.{digits}f}"


def p_value(p: Any, at_most: bool = False) -> str:
    """Write a p value, or one that is only known not to be larger, rounded up.

    Examples
    --------
    >>> p_value(0.0421), p_value(2e-7), p_value(0.0189, at_most=True)
    ('0.042', '< 0.001', '≤ 0.019')
    """
    if at_most:
        return f"≤ {np.ceil(1000 * p) / 1000:.3f}"
    return "–" if pd.isna(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def verdict(row: Any, above: str, below: str, around: str, reference: float = 0.0) -> str:
    """Choose words by where the 95 % interval lies: above the reference, below it or around it.

    Examples
    --------
    >>> verdict({"ci_low": -0.01, "ci_high": 0.03}, "better", "worse", "not significantly different")
    'not significantly different'
    """
    if pd.isna(row["ci_low"]):
        return "there are too few people to say"
    return above if row["ci_low"] > reference else below if row["ci_high"] < reference else around


def with_interval(row: Any, value: str = "estimate", digits: int = 1, unit: str = "") -> str:
    """Write an estimate with its 95 % interval, or the reason why there is none.

    The limits of ``bias_g`` are ``bias_ci_low_g`` and ``bias_ci_high_g``; without such columns, ``ci_low, ci_high``;
    without these too, only the estimate is written.

    Examples
    --------
    >>> with_interval(pd.Series({"estimate": 14.31, "ci_low": 13.7, "ci_high": 15.02, "note": ""}), unit=" g")
    '14.3 g (13.7 to 15.0)'
    """
    if pd.isna(row[value]):
        return str(row["note"])
    stem, gram = (value[:-2], "_g") if value.endswith("_g") else (value, "")
    own = f"{stem}_ci_low{gram}" in row
    low, high = (f"{stem}_ci_{end}{gram}" if own else f"ci_{end}" for end in ("low", "high"))
    text = f"{row[value]:z.{digits}f}{unit}"
    if low not in row:
        return text
    interval = row["note"] if pd.isna(row[low]) else f"{row[low]:z.{digits}f} to {row[high]:z.{digits}f}"
    return f"{text} ({interval})"


def analysed(results: Mapping[str, pd.DataFrame], *cohorts: str, few: int = 1) -> str:
    """How many ECGs, and people if these are fewer, of each cohort are analysed, how many with LVH, for captions.

    The latter is left out where it would give away fewer than ``few`` people.
    """
    counts = []
    for cohort in cohorts:
        rows, errors = (select(results.get(name), cohort=cohort) for name in ("c_statistics", "errors"))
        row, (n, people) = (
            select(rows, sex="all").iloc[0],
            select(errors, sex="all")[["n_subjects", "n_patients"]].iloc[0],
        )
        name = f"{printed(cohort)}: " if len(cohorts) > 1 else ""
        shown = no_small_class(rows, few)
        counts.append(name + with_lvh(n, row["n_lvh"], row["n_subjects"], people=people, shown=shown))
    return "; ".join(counts)
