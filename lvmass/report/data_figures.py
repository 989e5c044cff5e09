"""Figures of chapter 1: tables of people in, pictures out."""

import textwrap
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns

from lvmass.cohort.schema import SEXES
from lvmass.cohort.subjects import EXCLUSION_WORDS
from lvmass.report.page import parts, whole
from lvmass.report.style import SEX_COLOURS, Picture, new_figure
from lvmass.report.words import printed, reasons


def flow_diagram(
    beats: Mapping[str, Any], excluded: Mapping[str, pd.DataFrame] | None = None, smallest: int = 1
) -> Picture:
    """Draw how many ECGs of each cohort are analysed, and why the others are not, by label of the cohort.

    ``beats`` are of `Beats`; ``excluded`` of `Cohort`, people of whom a value is missing. Counts below ``smallest`` are
    not shown, nor those that would give them away.
    """
    figure, axes = new_figure(1, len(beats), width=4.6 * len(beats), height=3.4, squeeze=False)
    arrow = {"arrowstyle": "->", "color": "#444444"}
    frame = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": "#444444"}
    told = []
    for panel, (label, each) in zip(axes[0], beats.items(), strict=True):
        codes = excluded[label]["code"].map(str) if excluded else pd.Series(dtype=str)
        unusable, left_out = reasons(each.report), dict(Counter(codes.map(EXCLUSION_WORDS)))
        analysed, people = len(each.people), each.people.drop_duplicates("patient_id")
        every = whole(analysed, len(each.report) + len(codes), smallest)
        lost, missed = parts([sum(unusable.values()), len(codes)], smallest)
        women, men = parts([int((people["sex"] == sex).sum()) for sex in SEXES], smallest)
        boxes = [
            (0.28, 0.90, f"{every} ECGs in the table"),
            (0.28, 0.10, f"{analysed:,} analysed, of\n{women} women, {men} men"),
            (0.72, 0.32 if left_out else 0.50, _listed(f"{lost} ECGs not usable", unusable, smallest)),
        ]
        if left_out:
            boxes.append((0.72, 0.72, _listed(f"{missed} with a missing value", left_out, smallest)))
        panel.annotate("", (0.28, 0.2), (0.28, 0.8), arrowprops=arrow)
        for x, y, text in boxes:
            if x > 0.5:
                panel.annotate("", (0.45, y), (0.28, y), arrowprops=arrow)
            panel.text(x, y, text, ha="center", va="center", fontsize=9, bbox=frame)
        panel.set(title=label, xlim=(0, 1), ylim=(0, 1))
        panel.axis("off")
        told.append(f"{label}: {every} ECGs, {analysed:,} analysed")
    return Picture(figure, f"Flow diagram. {'; '.join(told)}.")


def _listed(head: str, counts: Mapping[str, int], smallest: int) -> str:
    """A box of the flow diagram: the three commonest reasons below its head."""
    common = sorted(counts.items(), key=lambda each: -each[1])
    shown = parts([*(n for _, n in common[:3]), sum(n for _, n in common[3:])], smallest)
    lines = [textwrap.fill(f"{n} × {why}", 30) for (why, _), n in zip(common[:3], shown, strict=False)]
    return "\n".join([head, *lines, *([f"{shown[3]} for other reasons"] if len(common) > 3 else [])])


def lvm_distributions(people: pd.DataFrame, smallest: int = 1) -> Picture:
    """Draw LVM by sex in each cohort; columns ``cohort, sex, lvm_g``."""
    cohorts = people["cohort"].unique()
    figure, axes = new_figure(1, len(cohorts), width=4.6 * len(cohorts), height=3.2, sharex=True, sharey=True)
    low, high = people["lvm_g"].min(), people["lvm_g"].max()
    bins = np.arange(low - low % 8, high + 8, 8)
    for panel, label in zip(np.atleast_1d(axes), cohorts, strict=True):
        groups = people[people["cohort"] == label].groupby("sex")["lvm_g"]
        apart = groups.size().min() >= smallest  # else the number of one gives away the other's
        for sex, masses in groups:
            text = f"{printed(sex)}, n = {len(masses)}" if apart else printed(sex)
            sns.histplot(masses, ax=panel, color=SEX_COLOURS[str(sex)], label=text, bins=bins, alpha=0.5)
        panel.set(title=label, xlabel="LVM (g)", ylabel="people")
        panel.legend()
    return Picture(figure, f"Histograms of LVM by sex in {' and '.join(cohorts)}.")
