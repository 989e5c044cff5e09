"""Figures of chapter 7: tables of errors, agreement, calibration and decisions in, pictures out."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.nonparametric.smoothers_lowess import lowess
from statsmodels.stats.proportion import proportion_confint

from lvmass.cohort.schema import SEXES
from lvmass.report.figures import Shown, cloud, compared, numbers
from lvmass.report.lvh import listed, sides
from lvmass.report.page import laid_out, missing, p_value, parts, say, select, table, wide, with_interval
from lvmass.report.style import OTHERS, OURS, SEX_COLOURS, Picture, new_figure
from lvmass.report.words import printed


def bland_altman(groups: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]], smallest: int = 1) -> Shown:
    """Draw errors against estimates, with mean and limits by sex; each label with predictions and ``agreement_limits``.

    Lines go from the 5th to the 95th percentile of the estimates; ``smallest`` as of `cloud`.
    """
    groups = {label: (people, rows) for label, (people, rows) in groups.items() if len(rows) and rows["lower_g"].any()}
    if not groups:
        return missing("Bland-Altman plots")
    shape: dict[str, Any] = {"height": 3.2 * len(groups), "sharex": True, "sharey": True, "squeeze": False}
    figure, axes = new_figure(len(groups), **shape)
    said = []
    for panel, (label, (people, limits)) in zip(axes[:, 0], groups.items(), strict=True):
        errors = people.assign(error_g=people["predicted_lvm_g"] - people["lvm_g"])
        cloud(panel, errors, "predicted_lvm_g", "error_g", smallest, ms=3, alpha=0.35)
        for sex, rows in limits.dropna(subset="lower_g").groupby("sex"):
            colour = SEX_COLOURS[str(sex)]
            for name, style in (("mean_error", "-"), ("lower", "--"), ("upper", "--")):
                x, y, *ends = numbers(rows, "predicted_g", *(f"{name}{end}_g" for end in ("", "_ci_low", "_ci_high")))
                panel.plot(x, y, color=colour, lw=1.6, ls=style)
                panel.fill_between(x, *ends, color=colour, alpha=0.2, lw=0)
            text = "{mean_error_g:+.1f} g, limits {lower_g:.0f} to {upper_g:.0f} g".format(**rows.iloc[len(rows) // 2])
            said.append(f"{label}, {printed(sex)}: mean error at the median estimate {text}")
        panel.axhline(0, color="#222222", lw=0.8)
        panel.set(title=label, ylabel="estimated minus\nmeasured LVM (g)")
    axes[-1, 0].set_xlabel("estimated LVM (g)")
    axes[0, 0].legend(loc="lower left", fontsize=9)
    return Picture(figure, f"Errors against estimates, with mean, 95 % limits, and their intervals. {'; '.join(said)}.")


def agreement(
    before: pd.DataFrame, after: pd.DataFrame, results: Mapping[str, pd.DataFrame], whose: str, smallest: int = 1
) -> list[Any]:
    """Bland-Altman plots, a sentence on the first, and a folded table of agreement, of a fit in a cohort.

    ``before``, ``after``: predictions of the fit there, as they are and recalibrated; ``whose``: for the caption.
    """
    where: dict[str, Any] = {name: before[name].iloc[0] for name in ("cohort", "model", "training")}
    fits, shown = {}, []
    for label, people, end in (("as it is", before, ""), ("recalibrated", after, "_after_recalibration")):
        limits, rows = (select(results.get(f"{name}{end}"), **where) for name in ("agreement_limits", "agreement"))
        fits[label] = people, limits
        shown.append(laid_out(rows, "agreement").assign(estimates=label))
    first = select(results.get("agreement"), sex=list(SEXES), **where)
    icc, slope = (listed(first, "sex", value=value, digits=2) for value in ("icc", "sd_slope"))
    said = f"Intraclass correlation: {icc}. Change of the SD of the error for each gram estimated: {slope}."
    caption = f"{printed('agreement')} (95 %). {whose}."
    return [bland_altman(fits, smallest), say(said), table(pd.concat(shown), caption, folded=True)]


def subgroups(rows: pd.DataFrame, effects: pd.DataFrame, name: str, title: str, smallest: int = 1) -> list[Any]:
    """Forest plot of rows of ``subgroup_errors`` or ``interval_coverage`` of everyone, and a folded table by sex.

    ``name``: in ``FORESTS``. Beside a variable stand its ``effects`` (of ``subgroup_effects``); counts below
    ``smallest`` are not shown.
    """
    # "< 50" before "50 to < 65" before "≥ 65"
    number, below = rows["group"].str.extract(r"(\d+)", expand=False).astype(float), rows["group"].str.startswith("<")
    rows = rows.assign(first=pd.factorize(rows["variable"])[0], number=number, above=~below)
    rows = rows.sort_values(["first", "number", "above", "group"])
    everyone = select(rows, sex="all").groupby("variable", sort=False)["n_subjects"]
    counts = everyone.transform(lambda n: parts(n.tolist(), smallest))
    label = (rows["group"].map(printed) + " (n = " + counts + ")").str.replace("n = (?=<|not)", "n ", regex=True)
    beside = {
        printed(row["variable"]): f"{row['contrast']}: {with_interval(row)}, p {p_value(row['p_holm'])}"
        for _, row in effects.dropna(subset=["p_holm"]).iterrows()
    }
    return compared(rows.assign(label=label), name, title, tests=beside)


def calibration(people: pd.DataFrame, outcome: str, title: str, smallest: int = 1) -> Shown:
    """Draw what was observed against what was estimated: bins with 95 % intervals, a smooth line, and who is where.

    ``people``: rows of fits, a curve a ``cohort``. ``outcome``: "lvm_g" against ``predicted_lvm_g`` in tenths, or "lvh"
    against ``lvh_probability`` in fifths. A bin or a bar of the histogram is not drawn where it holds fewer than
    ``smallest`` people, or of these fewer with LVH, or without.
    """
    x, bins, unit = (
        ("lvh_probability", 5, "probability of LVH") if outcome == "lvh" else ("predicted_lvm_g", 10, "LVM (g)")
    )
    known = people.dropna(subset=[x, outcome])[["cohort", x, outcome]].astype({x: float, outcome: float})
    if len(known) < 50 or known[outcome].nunique() < 2:
        return missing(title, "there are too few people, with LVH or without")
    figure, (axes, below) = new_figure(2, height=5.6, sharex=True, height_ratios=[4, 1])
    edges = np.linspace(known[x].quantile(0.005), known[x].quantile(0.995), 25)
    said = []
    for colour, (label, rows) in zip((OURS, *OTHERS), known.groupby("cohort", sort=False), strict=False):
        bin_of = rows.groupby(pd.qcut(rows[x], bins, duplicates="drop"), observed=True)
        each = bin_of[outcome].agg(["mean", "sum", "size", "sem"]).assign(x=bin_of[x].mean())
        counts = [each["sum"], each["size"] - each["sum"]] if outcome == "lvh" else [each["size"]]
        each = each[~np.any([n.between(0, smallest, inclusive="neither") for n in counts], axis=0)]
        if each.empty:
            continue
        mean, y, n = each["x"], each["mean"], each["size"]
        if outcome == "lvh":
            low, high = proportion_confint(each["sum"], n, method="wilson")
        else:
            low, high = stats.t.interval(0.95, n - 1, y, each["sem"])
        axes.vlines(mean, low, high, color=colour, lw=1.2)
        axes.plot(mean, y, "o", color=colour, ms=5)
        smooth = lowess(rows[outcome], rows[x], frac=0.6, it=0)
        smooth = smooth[(smooth[:, 0] >= mean.min()) & (smooth[:, 0] <= mean.max())]  # no single person's at its ends
        axes.plot(*smooth.T, color=colour, lw=1.6, label=str(label))
        share = np.histogram(rows[x], edges)[0]
        below.stairs(100 * np.where(share < smallest, 0, share) / len(rows), edges, color=colour, lw=1.3)
        said.append(f"{label}, from {y.iloc[0]:.3g} where {mean.iloc[0]:.3g} is estimated to {y.iloc[-1]:.3g} where "
                    f"{mean.iloc[-1]:.3g} is")  # fmt: skip
    if not said:
        return missing(title, "there are too few people, with LVH or without")
    axes.axline((edges[0],) * 2, slope=1, color="#222222", lw=0.8, ls="--", zorder=0)
    axes.set(ylabel="share with LVH" if outcome == "lvh" else f"measured {unit}", title=title, xlim=edges[[0, -1]])
    axes.legend(loc="upper left", fontsize=9)
    below.set(xlabel=f"estimated {unit}", ylabel="people (%)")
    return Picture(figure, f"{title}: {'; '.join(said)}.")


def decision_curves(rows: pd.DataFrame, pairs: pd.DataFrame, models: Sequence[str], title: str) -> list[Any]:
    """Net benefit by threshold, a sentence on the first model's difference from others, and a folded table of these.

    Rows of ``decision_curves`` and ``net_benefit_differences`` of one training, cohort and sex.
    """
    known = select(rows.dropna(subset="net_benefit") if len(rows) else rows, model=[*models])
    if known.empty:
        return [missing(title, "there are too few people with LVH, or without")]
    models = [name for name in models if (known["model"] == name).any()]
    lines = {printed(name): numbers(select(known, model=name), "threshold", "net_benefit") for name in models}
    lines["examine everyone"] = numbers(select(known, model=models[0]), "threshold", "net_benefit_all")
    lines["examine no one"] = [lines["examine everyone"][0], np.zeros(len(lines["examine everyone"][0]))]
    figure, axes = new_figure(width=6.0, height=4.2)
    high = 105 * max(y.max() for _, y in lines.values())
    low, place = -0.15 * high, np.inf
    for (label, (x, y)), colour in zip(lines.items(), (OURS, *OTHERS), strict=False):
        look = {"ls": ":", "color": "#222222"} if label.startswith("examine") else {"color": colour}
        axes.plot(100 * x, 100 * y, lw=2.8 if colour == OURS else 1.5, **look)
    for label, (x, y) in sorted(lines.items(), key=lambda line: -line[1][1][-1]):
        end = max(low, 100 * y[-1])
        place = min(place - 0.11 * (high - low), end)  # at the line's end, below the name before
        arrow = {"arrowstyle": "-", "color": "#999999", "lw": 0.7}
        name = textwrap.fill(label, 18)
        axes.annotate(name, (100 * x[-1], end), (100 * x[-1] + 1, place), va="center", fontsize=9, arrowprops=arrow)
    axes.set(xlabel="probability of LVH at which one acts (%)", ylabel="net benefit, per 100 people", title=title)
    axes.set(xlim=(100 * x[0], 100 * x[-1]), ylim=(low, high))
    told = "; ".join(f"{label} {100 * y[0]:.1f} to {100 * y[-1]:.1f}" for label, (_, y) in lines.items())
    drawn = Picture(
        figure, f"{title}: net benefit per 100 people from {100 * x[0]:.0f} to {100 * x[-1]:.0f} %: {told}."
    )
    pairs = select(pairs, model_b=models[1:]).rename(columns={"model_b": "model"})
    shown = wide(pairs.assign(at=[f"at {100 * t:.0f} %" for t in pairs["threshold"]]), ["model"], "at", "difference", 3)
    caption = f"{title}: net benefit of {printed(models[0])} minus that of others (95 %)."
    middle = sides(select(pairs, threshold=0.2), "model")
    said = f"Net benefit of {printed(models[0])} minus that of others at 20 %, the middle of the range. {middle}"
    return [drawn, say(said), table(shown, caption, folded=True)]
