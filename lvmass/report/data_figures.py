"""Figures of chapter 1: tables of people in, pictures out."""

import itertools
import textwrap
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd
import seaborn as sns

from lvmass.cohort.schema import SEXES
from lvmass.cohort.subjects import EXCLUSION_WORDS
from lvmass.report.figures import Shown
from lvmass.report.page import few, missing, parts, whole
from lvmass.report.style import SEX_COLOURS, Picture, new_figure
from lvmass.report.words import printed, reasons


def flow_diagram(
    beats: Mapping[str, Any], excluded: Mapping[str, pd.DataFrame] | None = None, smallest: int = 1
) -> Picture:
    """Draw how many ECGs of each cohort are analysed, and why the others are not, by label of the cohort.

    ``beats`` are of `Beats`; ``excluded`` of `Cohort`, people of whom a value is missing. Counts below ``smallest`` are
    not shown, nor those that would give them away.
    """
    drawn = {}
    for label, each in beats.items():
        codes = excluded[label]["code"].map(str) if excluded else pd.Series(dtype=str)
        unusable, left_out = reasons(each.report), Counter(codes.map(EXCLUSION_WORDS))
        lost, missed = parts([sum(unusable.values()), len(codes)], smallest)
        why = [*_listed(f"a value is missing: {missed}", left_out, smallest)] if left_out else []
        why += _listed(f"not usable: {lost}", unusable, smallest)
        sexes = each.people.drop_duplicates("patient_id")["sex"]
        women, men = parts([int((sexes == sex).sum()) for sex in SEXES], smallest)
        every = whole(len(each.people), len(each.report) + len(codes), smallest)
        drawn[label] = f"{every} ECGs", f"{len(each.people):,} analysed", f"{women} women, {men} men", why
    tall = [max(7, 2 + len(why)) for *_, why in drawn.values()]
    figure, axes = new_figure(len(beats), height=0.17 * sum(tall) + 0.4 * len(tall), height_ratios=tall, squeeze=False)
    frame = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": "#444444"}
    for panel, rows, (label, (every, analysed, who, why)) in zip(axes[:, 0], tall, drawn.items(), strict=True):
        panel.annotate("", (0.2, 2.3), (0.2, rows - 2), arrowprops={"arrowstyle": "->", "color": "#444444"})
        panel.plot([0.2, 0.7], [rows / 2] * 2, color="#444444", lw=0.8, zorder=0)
        boxes = (0.2, rows - 1, every), (0.2, 1.2, f"{analysed}, of\n{who}"), (0.72, rows / 2, "\n".join(why))
        for x, y, text in boxes:
            panel.text(x, y, text, ha="center", va="center", fontsize=9, bbox=frame)
        panel.set(title=label, xlim=(0, 1), ylim=(0, rows))
        panel.axis("off")
    told = "; ".join(f"{label}: {every}, {analysed}" for label, (every, analysed, *_) in drawn.items())
    return Picture(figure, f"Flow diagram. {told}.")


def _listed(head: str, counts: Mapping[str, int], smallest: int) -> list[str]:
    """Lines of a box: all reasons below its head, commonest first."""
    common = sorted(counts.items(), key=lambda each: -each[1])
    shown = parts([n for _, n in common], smallest)
    why = [textwrap.wrap(f"{n} × {why}", 34) for (why, _), n in zip(common, shown, strict=True)]
    return [head, *itertools.chain(*why)]


def index_by_sex(people: pd.DataFrame, cutoffs_g_m2: Mapping[str, float], smallest: int = 1) -> Shown:
    """Draw the density of the LVM index by sex in each cohort, with cut-offs; who lies beyond the axis is counted.

    Columns ``cohort, sex, lvmi_g_m2``; a sex of fewer than ``smallest`` people, or than three, is left out.
    """
    groups = people.dropna(subset="lvmi_g_m2").groupby(["cohort", "sex"], sort=False)
    known = groups.filter(lambda group: len(group) >= max(smallest, 3))
    if known.empty:
        return missing("the LVM index by sex", "too few people have one")
    low, high = known["lvmi_g_m2"].quantile([0.001, 0.99]) // 10 * 10 + [0, 10]
    cohorts, said = known["cohort"].unique(), []
    figure, axes = new_figure(len(cohorts), width=5.6, height=0.6 + 1.7 * len(cohorts), sharex=True, squeeze=False)
    for panel, cohort in zip(axes[:, 0], cohorts, strict=True):
        own, x = known[known["cohort"] == cohort], "lvmi_g_m2"
        sns.kdeplot(own, x=x, hue="sex", palette=SEX_COLOURS, common_norm=False, fill=True, ax=panel, legend=False)
        for turn, (sex, index) in enumerate(own.groupby("sex")[x]):
            cutoff, look = cutoffs_g_m2[str(sex)], {"color": SEX_COLOURS[str(sex)]}
            panel.axvline(cutoff, ls="--", lw=1.2, **look)
            beyond = few(int((index > high).sum()), smallest)
            text = f"{printed(sex)}, cut-off {cutoff:g}; {beyond} beyond {high:.0f}"
            panel.annotate(text, (0.99, 0.9 - 0.2 * turn), xycoords="axes fraction", ha="right", fontsize=9,
                           bbox={"facecolor": "white", "lw": 0, "pad": 1}, **look)  # fmt: skip
            said += [f"{cohort}, {printed(sex)}: median {index.median():.0f} g/m², cut-off {cutoff:g}"]
        panel.set(title=cohort, xlim=(low, high), yticks=[], xlabel="LVM index (g/m²)", ylabel="density")
    return Picture(figure, f"Density of the LVM index. {'; '.join(said)}.")
