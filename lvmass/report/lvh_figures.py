"""Figures of chapter 5: tables of c-statistics in, pictures out."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lvmass.cohort.schema import SEXES
from lvmass.report.figures import Shown, colour_of, forest, numbers
from lvmass.report.page import missing, select, table, wide
from lvmass.report.style import Picture, new_figure
from lvmass.report.words import PUBLISHED, printed

RUNGS = {
    "pooled in everyone": "pooled, in everyone",
    "pooled": "pooled, within the sex",
    "pooled, size-matched": "pooled, size-matched",
    "sex-specific": "sex-specific",
}
"""C-statistics between the pooled model in everyone and the sex-specific one."""


def gap_steps(rows: pd.DataFrame, steps: Sequence[str], title: str, caption: str) -> list[Any]:
    """Forest plot of steps of the c-statistic for each ``label``, and a table of all; rows of ``gap``."""
    drawn, axis_label = select(rows, quantity=steps), "change of the c-statistic"
    every = select(rows, quantity=["gap", "mechanical", "training", "fewer people", "one sex only"])
    shown = wide(every, ["label"], "quantity", digits=3).rename(columns={"label": ""})
    return [forest(drawn.assign(hue=drawn["quantity"]), title, axis_label, reference=0.0), table(shown, caption)]


def gap_ladder(gap: pd.DataFrame, title: str) -> Shown:
    """Draw the way from the pooled c-statistic in everyone to the sex-specific one, published ends beside it.

    ``gap``: rows of the table ``gap`` of one cohort, model and set of cut-offs.
    """
    rungs = gap[gap["quantity"].isin(RUNGS) & gap["sex"].isin(SEXES)]
    steps = {(row["sex"], row["quantity"]): row for _, row in gap.iterrows()}
    before = {"pooled": "mechanical", "pooled, size-matched": "fewer people", "sex-specific": "one sex only"}
    rows = []
    for sex in rungs["sex"].unique():
        own = rungs[rungs["sex"] == sex].set_index("quantity")
        for rung in (name for name in RUNGS if name in own.index):
            row = own.loc[rung].to_dict() | {"section": printed(sex), "label": RUNGS[rung], "aside": ""}
            step = steps.get((sex, before.get(rung, "")))
            if step is not None and pd.notna(step["estimate"]):
                row["aside"] = "{quantity} {estimate:+.3f}\n({ci_low:+.3f} to {ci_high:+.3f})".format(**step)
            rows.append(row | {"hue": "this study file"})
            key = {"pooled in everyone": "auc_pooled", "sex-specific": f"auc_{sex}"}.get(rung)
            if key:
                value, sd = PUBLISHED[key].value, PUBLISHED[key].sd or 0.0
                ends = {"estimate": value, "ci_low": value - sd, "ci_high": value + sd, "aside": "", "note": ""}
                rows.append(row | ends | {"hue": "published, patients"})
    return forest(pd.DataFrame(rows), title, "c-statistic for LVH, by estimated grams (published: ± SD over folds)")


def roc(curves: Mapping[str, pd.DataFrame], title: str, points: Mapping[str, pd.DataFrame] | None = None) -> Shown:
    """Draw ROC curves from rows of ``roc`` or ``criteria_roc``; a point for the cut-off of those in ``points``."""
    drawn = {label: rows for label, rows in curves.items() if rows.get("sensitivity", pd.Series()).notna().any()}
    if not drawn:
        return missing(f"ROC curves ({title})", "there are too few people with LVH, or without")
    figure, axes = new_figure(width=5.4, height=5.0)
    for turn, (label, rows) in enumerate(drawn.items()):
        colour = colour_of(label, turn - 1)
        axes.plot(*numbers(rows, "false_positive_rate", "sensitivity"), color=colour, lw=1.8, label=label)
        for _, point in (points or {}).get(label, pd.DataFrame()).iterrows():
            if pd.notna(point["sensitivity"]):
                axes.plot(1 - point["specificity"], point["sensitivity"], "o", color=colour, ms=7, mec="white")
    axes.axline((0, 0), slope=1, color="#999999", lw=0.8, ls="--")
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", title=title, xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set_aspect("equal")
    axes.legend(loc="lower right", fontsize=8)
    return Picture(figure, f"{title}: ROC curves of {'; '.join(drawn)}.")
