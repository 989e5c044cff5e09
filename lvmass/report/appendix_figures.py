"""Figures of the appendix."""

import textwrap
from typing import Any

import pandas as pd
import seaborn as sns

from lvmass.report.figures import forest
from lvmass.report.page import say, select, table, wide
from lvmass.report.style import OURS, Picture, new_figure
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
        panel.set(xlabel="CV of mass within a sex", ylabel="", title=textwrap.fill(printed(name), 18))
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
    said = []
    for (model, test), found in select(percent, switch="off").groupby(["model", "test"], sort=False):
        counts = (f"{row['found']} of {row['n_cohorts']} in {printed(row['sex'])}" for _, row in found.iterrows())
        said.append(f"{printed(model)}, {test}: {', '.join(counts)}")
    caption = "Cohorts (%, 95 %) in which a test finds a gain; a paired one in one sex by chance in half its level."
    return [
        figure,
        table(means, "Mean steps of the c-statistic (95 %), by the simulator's switch."),
        say(f"With the switch off, tests find the sex-specific model better in cohorts as follows. {'; '.join(said)}."),
        table(shown, caption),
    ]
