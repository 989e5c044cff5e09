"""Figures of the appendix."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns

from lvmass.report.figures import forest
from lvmass.report.page import select, table, wide
from lvmass.report.style import OURS, SEX_COLOURS, Picture, new_figure
from lvmass.report.words import printed


def implied_region(cohorts: pd.DataFrame) -> Picture:
    """Draw which spreads and ECGs give the published numbers, under each cut-off; see `implied_cohorts`."""
    names = list(cohorts["cutoff"].unique())
    figure, panels = new_figure(1, len(names), width=2.0 * len(names) + 0.8, height=3.4, sharey=True)
    for panel, name in zip(panels, names, strict=True):
        fits = select(cohorts, cutoff=name).pivot_table("fits", "ecg_r2", "cv", aggfunc="sum")
        sns.heatmap(fits, ax=panel, cmap="Blues", vmin=0, vmax=4, cbar=False, linewidths=0.5, linecolor="#DDDDDD")
        panel.invert_yaxis()
        panel.tick_params(labelsize=8, rotation=0)
        # what small studies found: spread of normal people, and an ECG that says little (study facts 6.3)
        n_columns, n_rows = (int((axis.to_numpy(float) <= 0.2).sum()) for axis in (fits.columns, fits.index))
        panel.plot([0, n_columns, n_columns], [n_rows, n_rows, 0], color=OURS, lw=1.5, clip_on=False)
        panel.set(xlabel="CV of mass within a sex", ylabel="", title=fill(printed(name), 18))
        panel.xaxis.label.set_size(8)
    panels[0].set_ylabel("share of the rest from the ECG")
    return Picture(
        figure,
        "Cohorts that give the published MAE, MAPE and pooled c-statistic, by cut-off, spread and what the ECG says: "
        "darker, with more shares of body size. The corner below left, outlined, is what small studies found.",
    )


def gap_cohorts(steps: pd.DataFrame, tests: pd.DataFrame, title: str) -> list[Any]:
    """Steps of the gap over many cohorts, and how often a test finds one; tables of ``benchmarks/gap_cohorts.py``.

    Models in fewer than five cohorts are left out: their ranges say nothing.
    """
    steps, tests = (table[table["n_cohorts"] >= 5] for table in (steps, tests))
    switches = tests["switch"].unique()
    rows = select(steps, quantity=["mechanical", "fewer people", "one sex only"], switch=[*switches])
    labels = rows["quantity"] + ", " + rows["sex"].map(printed)
    hues, models = "switch " + rows["switch"], rows["model"].map(printed) + rows["n_cohorts"].map(", {} cohorts".format)
    drawn = rows.assign(label=labels, hue=hues, section=models, ci_low=rows["new_low"], ci_high=rows["new_high"])
    bars = "mean, and where a new cohort lies (95 %)"
    figure = forest(drawn, title, f"change of the c-statistic: {bars}", reference=0.0, bars="such ranges")
    means = wide(select(steps, quantity=["mechanical", "training"]), ["model", "quantity", "sex"], "switch", digits=3)
    means = means.drop(columns=["strong", "as simulated minus off"], errors="ignore")
    percent = tests.assign(test=tests["quantity"].map(printed) + tests["level"].map(", p < {:g}".format))
    percent[["estimate", "ci_low", "ci_high"]] *= 100
    shown = wide(percent, ["model", "test", "sex"], "switch", digits=0)
    caption = "Cohorts (%, 95 %) in which a test finds a gain; a paired one in one sex by chance in half its level."
    return [
        figure,
        table(means, "Mean steps of the c-statistic (95 %), by the simulator's switch.", folded=True),
        table(shown, caption, folded=True),
    ]


VERDICTS = {
    "by construction": OURS,
    "reproduced": "#009E73",
    "not reproduced": "#444444",
    "cannot be decided": "#777777",
}
"""Columns of `verdict_board`, and their colours."""


def _dots(rows: pd.Series, x: Any, kind: Any, colours: Mapping[Any, str], ticks: Mapping[Any, str], high: float) -> Any:
    """Draw a dot a row, of the colour of its kind; names of rows at the left, ``high`` inches a row."""
    figure, axes = new_figure(height=high * len(rows) + 0.8)
    for value, colour in colours.items():
        own = np.flatnonzero(np.asarray(kind) == value)
        axes.plot(np.asarray(x)[own], own, "o", color=colour, ms=7)
    axes.set_yticks(range(len(rows)), rows, fontsize=9)
    axes.set_xticks([*ticks], [*ticks.values()], fontsize=9)
    axes.set(ylim=(len(rows) - 0.5, -0.5))
    return figure, axes


def verdict_board(results: pd.DataFrame) -> Picture:
    """Draw for every result of the paper whether it is reproduced; rows of `lvmass.report.published.paper_results`."""
    here = results["here"]
    column = np.select([here.str.contains("construction"), here.str.contains("cannot"), here.str.startswith("not")],
                       [0, 3, 2], 1)  # fmt: skip
    names = results["the paper's result"].str.replace(r" \(.*?\)", "", regex=True).map(lambda name: fill(name, 36))
    # a name of one line above those of two, where there is room for it
    ticks = {at: fill(name, 12) + "\n" * (len(name) <= 12) for at, name in enumerate(VERDICTS)}
    figure, axes = _dots(names, column, column, dict(enumerate(VERDICTS.values())), ticks, 0.36)
    axes.set(xlim=(-0.6, len(VERDICTS) - 0.4))
    axes.xaxis.tick_top()
    axes.grid(axis="y", color="#DDDDDD", lw=0.6)
    counts = ", ".join(f"{(column == at).sum()} {name}" for at, name in enumerate(VERDICTS))
    return Picture(figure, f"Of {len(results)} results of the paper: {counts}. The table below says by what rule.")


def card_in_range(card: pd.DataFrame) -> Picture:
    """Draw where each number of the calibration card lies in its range, all ranges drawn at one width."""
    half = (card["high"] - card["low"]) / 2
    place = ((card["got"] - card["low"]) / half - 1).clip(-4, 4)
    names, ticks = card["quantity"] + ", " + card["sex"].map(printed), ["far\nbelow", "lowest", "highest", "far\nabove"]
    colours = {True: SEX_COLOURS["male"], False: OURS}
    figure, axes = _dots(names, place, card["met"], colours, dict(zip((-4, -1, 1, 4), ticks, strict=True)), 0.25)
    axes.axvspan(-1, 1, color="#DDDDDD", lw=0, zorder=0)
    axes.set(xlim=(-4.3, 4.3), xlabel="place in the literature's range (grey)")
    return Picture(figure, f"{card['met'].sum()} of {len(card)} numbers of the card lie within the literature's range.")
