"""Figures of chapter 5: tables of c-statistics in, pictures out."""

from collections.abc import Mapping
from itertools import product
from typing import Any

import pandas as pd
import seaborn as sns

from lvmass.cohort.schema import SEXES
from lvmass.report.figures import Shown, colour_of, drawn, forest, numbers, tabulated
from lvmass.report.lvh import GAP_NEEDS
from lvmass.report.page import missing, say, select
from lvmass.report.style import OURS, Picture, new_figure
from lvmass.report.words import FORESTS, PUBLISHED, printed

RUNGS = {
    "pooled in everyone": ("pooled, in everyone", ""),
    "pooled": ("pooled, within the sex", "mechanical"),
    "sex-specific": ("sex-specific", "training"),
}
"""C-statistics between the pooled model in everyone and the sex-specific one, and the step that leads to each."""

SCORES = {"grams": "by estimated grams", "indexed": "by index over cut-off"}

FEWEST = 30
"""People with LVH, and without, that a group needs to be drawn: of fewer, intervals span the figure."""


def gap_steps(rows: pd.DataFrame, name: str, title: str) -> list[Any]:
    """Forest plot of steps of the c-statistic, what is too small for it, and a folded table.

    Rows of ``gap``; ``name``: in ``FORESTS``.
    """
    rows = select(rows, quantity=["gap", "mechanical", "training", "fewer people", "one sex only"])
    if rows.empty:
        return [missing(title, GAP_NEEDS)]
    labels = rows[FORESTS[name]["label"]].map(printed).agg(", ".join, axis=1)
    classes = pd.concat([rows["n_lvh"], rows["n_subjects"] - rows["n_lvh"]], axis=1).min(axis=1)
    fewest = classes.groupby(labels).transform("min").fillna(0)
    small = fewest < FEWEST
    said = f"Not drawn, for fewer than {FEWEST} people with LVH, or without: {'; '.join(labels[small].unique())}."
    return [
        *[drawn(rows[~small], name, title)] * bool((~small).any()),
        *[say(said)] * bool(small.any()),
        tabulated(rows, name, f"{title} (95 %)"),
    ]


def gap_ladder(gap: pd.DataFrame, title: str) -> Shown:
    """Draw the way from the pooled c-statistic in everyone to the sex-specific one, published ends beside it.

    ``gap``: rows of the table ``gap`` of one cohort, model and set of cut-offs.
    """
    known: dict[Any, Any] = {(row["sex"], row["quantity"]): row.to_dict() for _, row in gap.iterrows()}
    rows: list[dict[str, Any]] = []
    for sex, (rung, (label, step)) in product(SEXES if known else (), RUNGS.items()):
        if step and pd.notna(known[sex, step]["estimate"]):  # no-break spaces keep together what belongs together
            text = "\n{quantity}\xa0{estimate:+.3f}\n({ci_low:+.3f}\xa0to\xa0{ci_high:+.3f})"
            label += text.format(**known[sex, step])
        rows.append(known[sex, rung] | {"section": printed(sex), "label": label, "hue": "this study file"})
        if key := {"pooled in everyone": "auc_pooled", "sex-specific": f"auc_{sex}"}.get(rung):
            value, sd = PUBLISHED[key].value, PUBLISHED[key].sd or 0.0
            ends = {"estimate": value, "ci_low": value - sd, "ci_high": value + sd, "note": ""}
            rows.append(rows[-1] | ends | {"hue": "published, patients"})
    return forest(pd.DataFrame(rows), title, "c-statistic for LVH, by estimated grams (published: ± SD over folds)")


def pair_kinds(rows: pd.DataFrame, title: str) -> Shown:
    """Draw how many pairs of each kind are ranked right, a square a kind, a panel a score; of ``pair_kinds``."""
    rows = rows.dropna(subset=["c_statistic"]).copy() if len(rows) else rows
    if rows.empty:
        return missing(title, "there are too few people with LVH, or without")
    row_of, column_of = "sex_with_lvh", "sex_without"
    rows[[row_of, column_of]] = rows[[row_of, column_of]].map(printed)
    rows["right"] = 100 * rows["c_statistic"].astype(float)
    rows["told"] = rows["right"].map("{:.0f} % right\n".format) + (100 * rows["share"]).map("{:.0f} % of pairs".format)
    figure, axes = new_figure(1, rows["score"].nunique(), width=6.0, height=3.2, sharey=True, squeeze=False)
    look = {"cmap": "PuOr", "vmin": -10, "vmax": 110, "cbar": False, "linewidths": 3, "square": True, "fmt": ""}
    for panel, (score, own) in zip(axes[0], rows.groupby("score", sort=False), strict=True):
        right, told = (own.set_index([row_of, column_of])[name].unstack(sort=False) for name in ("right", "told"))  # noqa: PD010
        sns.heatmap(right, annot=told, ax=panel, annot_kws={"fontsize": 10}, **look)
        panel.set(title=SCORES[str(score)], xlabel="without LVH", ylabel="with LVH" if panel == axes[0, 0] else "")
    said = (
        rows["score"].map(SCORES) + ", " + rows[row_of] + " with LVH, " + rows[column_of] + " without: " + rows["told"]
    )
    return Picture(figure, f"{title}. Pairs ranked right: {'; '.join(said)}.".replace("\n", " of "))


def roc(curves: Mapping[str, pd.DataFrame], title: str, points: Mapping[str, pd.DataFrame] | None = None) -> Shown:
    """Draw ROC curves from rows of ``roc`` or ``criteria_roc``; a point for the cut-off of those in ``points``."""
    known = {label: rows for label, rows in curves.items() if rows.get("sensitivity", pd.Series()).notna().any()}
    if not known:
        return missing(f"ROC curves ({title})", "there are too few people with LVH, or without")
    figure, axes = new_figure(width=5.2, height=5.2)
    for turn, (label, rows) in enumerate(known.items()):
        colour = colour_of(label, turn - 1) if turn else OURS
        x, y = numbers(rows.sort_values(["false_positive_rate", "sensitivity"]), "false_positive_rate", "sensitivity")
        axes.plot(x, y, color=colour, lw=1.8)
        # a curve's name stands below the diagonal, where no curve is; the lines to the names do not cross
        at = x.searchsorted(0.4 - 0.3 * turn / len(known))
        arrow = {"arrowstyle": "-", "color": colour, "lw": 1.2, "relpos": (0, 0.5)}
        axes.annotate(label, (x[at], y[at]), (0.46, 0.38 - 0.08 * turn), va="center", arrowprops=arrow)
        for _, point in (points or {}).get(label, rows[:0]).iterrows():
            axes.plot(1 - point["specificity"], point["sensitivity"], "o", color=colour, ms=8, mec="white")
    axes.axline((0, 0), slope=1, color="#999999", lw=0.8, ls="--")
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", title=title, xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set_aspect("equal")
    return Picture(figure, f"{title}: ROC curves of {'; '.join(known)}.")
