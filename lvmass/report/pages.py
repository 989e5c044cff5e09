"""What a chapter shows beside figures: the banner, tables and sentences with computed numbers."""

import html
from typing import Any

import pandas as pd
from IPython.display import HTML, Markdown
from tableone import TableOne

from lvmass import __version__
from lvmass.report.published import PUBLISHED
from lvmass.study.study import Study

SIMULATED = (
    "<strong>Simulated cohort.</strong> The people of this study and their ECGs come out of a simulator; "
    "its numbers are no clinical evidence."
)
OWN = "<strong>Cohort from files.</strong> No person of this study is simulated."


def banner(study: Study) -> HTML:
    """Say what study made the page, and whether its people are simulated."""
    text = SIMULATED if study.simulated else OWN
    made = (
        f"Study <code>{html.escape(study.path.name)}</code> (fingerprint <code>{study.fingerprint}</code>), "
        f"lvmass {__version__}. Published numbers are labelled as such and come from patients."
    )
    return HTML(f'<div class="lvmass-banner">{text} {made}</div>')


def table(rows: pd.DataFrame, caption: str, *, digits: int | dict[str, int] = 2) -> HTML:
    """Show a table with a caption; a missing number is shown as a dash, never as "nan".

    Examples
    --------
    >>> "&ndash;" in table(pd.DataFrame({"MAE (g)": [1.234, None]}), "Errors").data
    True
    """

    def text(value: Any, places: int) -> str:
        if value is None or value is pd.NA or value != value:
            return "&ndash;"
        return f"{value:.{places}f}" if isinstance(value, float) else html.escape(str(value))

    shown = rows.copy().astype(object)
    for column in shown.columns:
        places = digits if isinstance(digits, int) else digits.get(str(column), 2)
        shown[column] = [text(value, places) for value in rows[column]]
    body = shown.to_html(index=False, escape=False, border=0, classes="table")
    return HTML(f'<figure class="lvmass-table"><figcaption>{html.escape(caption)}</figcaption>{body}</figure>')


def beside(ours: dict[str, str], caption: str) -> HTML:
    """Show published numbers beside ours, each labelled; ``ours`` maps keys of ``PUBLISHED`` to our numbers as text."""
    facts = [PUBLISHED[key] for key in ours]
    columns = {
        "": [fact.what for fact in facts],
        "published (patients)": [str(fact) for fact in facts],
        "this study file": list(ours.values()),
        "source": [fact.source for fact in facts],
    }
    return table(pd.DataFrame(columns), caption)


def error_table(by_fold: pd.DataFrame, pooled: pd.DataFrame) -> pd.DataFrame:
    """Put ``fold_errors`` and ``pooled_errors`` of everyone side by side, a row a model and training."""
    rows = []
    for (model, training), group in pooled[pooled["sex"] == "all"].groupby(["model", "training"], sort=False):
        row = {"model": model, "training": training}
        same = (by_fold["model"] == model) & (by_fold["training"] == training) & (by_fold["sex"] == "all")
        folds, everyone = by_fold[same].set_index("metric"), group.set_index("metric")
        for metric, name in (("mae_g", "MAE (g)"), ("mape_percent", "MAPE (%)")):
            row[f"{name}, mean ± SD"] = mean_sd(folds.loc[metric, "mean"], folds.loc[metric, "sd"])
            row[f"{name}, all folds (95 % interval)"] = with_interval(everyone.loc[metric], digits=2)
        rows.append(row)
    return pd.DataFrame(rows)


def table_one(people: pd.DataFrame, columns: list[str], flags: list[str], *, by: str) -> pd.DataFrame:
    """Describe two groups of people side by side, with standardized differences (tableone).

    Parameters
    ----------
    people : DataFrame, one row a person
        With a unique index.
    columns : list of str
        What to describe; those in ``flags`` are 0 or 1 and counted, the others have mean and SD.
    flags : list of str
        Columns whose ones are counted.
    by : str
        Column of the two groups, which come in the order of their appearance.

    Returns
    -------
    DataFrame
        A row a column, a column a group, and "standardized difference".
    """
    shown = people.assign(**{name: people[name].map({0.0: "no", 1.0: "yes"}) for name in flags})
    summary = TableOne(
        shown,
        columns=columns,
        categorical=flags,
        limit=dict.fromkeys(flags, 1),
        order={name: ["yes", "no"] for name in flags},
        groupby=by,
        overall=False,
        missing=False,
        smd=True,
    ).tableone.droplevel(0, axis=1)
    rows = {"": [f"{row}: {level}" if level else row for row, level in summary.index]}
    rows |= {group: summary[group].to_numpy() for group in people[by].unique()}
    return pd.DataFrame(rows | {"standardized difference": summary.filter(like="SMD").iloc[:, 0].to_numpy()})


def difference_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Put ``compare_errors`` rows into words: the other line, its MAE, the difference with its interval, Holm's p."""
    cells = [with_interval(row, "difference_g", digits=2) for _, row in rows.iterrows()]
    return pd.DataFrame(
        {
            "line": rows["model_b"],
            "MAE (g)": rows["mae_b_g"],
            "eLVMass-Net minus it (95 % interval), g": cells,
            "p (Holm)": rows["p_holm"],
        }
    )


def mean_sd(mean: Any, sd: Any, digits: int = 2) -> str:
    """Write mean ± SD over folds, as the paper does.

    Examples
    --------
    >>> mean_sd(14.331, 0.712)
    '14.33 ± 0.71'
    """
    return "too few for folds" if pd.isna(mean) else f"{mean:.{digits}f} ± {sd:.{digits}f}"


def p_value(p: Any) -> str:
    """Write a p value.

    Examples
    --------
    >>> p_value(0.0421), p_value(2e-7)
    ('0.042', '< 0.001')
    """
    return "–" if pd.isna(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def pick(rows: pd.DataFrame, **where: Any) -> pd.DataFrame:
    """Rows whose columns have these values.

    Examples
    --------
    >>> pick(pd.DataFrame({"sex": ["female", "male"], "auc": [0.75, 0.77]}), sex="male")["auc"].tolist()
    [0.77]
    """
    kept = pd.Series(True, index=rows.index)
    for name, value in where.items():
        kept &= rows[name] == value
    return rows[kept]


def verdict(row: Any, above: str, below: str, around: str, reference: float = 0.0) -> str:
    """Choose words by where the 95 % interval lies: above the reference, below it or around it.

    Examples
    --------
    >>> verdict({"ci_low": -0.01, "ci_high": 0.03}, "better", "worse", "not told apart")
    'not told apart'
    """
    if pd.isna(row["ci_low"]):
        return "there are too few people to say"
    return above if row["ci_low"] > reference else below if row["ci_high"] < reference else around


def say(text: str) -> Markdown:
    """Show a paragraph in which numbers were filled in by an f-string."""
    return Markdown(text)


def with_interval(
    row: Any,
    value: str = "estimate",
    digits: int = 1,
    unit: str = "",
    *,
    limits: tuple[str, str] = ("ci_low", "ci_high"),
) -> str:
    """Write an estimate with its 95 % interval, from the columns ``limits``, or the reason why there is none.

    Examples
    --------
    >>> with_interval(pd.Series({"estimate": 14.31, "ci_low": 13.7, "ci_high": 15.02, "note": ""}), unit=" g")
    '14.3 g (13.7 to 15.0)'
    """
    if pd.isna(row[value]):
        return str(row["note"])
    text = f"{row[value]:z.{digits}f}{unit}"
    if pd.isna(row[limits[0]]):
        return f"{text} ({row['note']})"
    return f"{text} ({row[limits[0]]:z.{digits}f} to {row[limits[1]]:z.{digits}f})"
