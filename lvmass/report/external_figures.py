"""Figures of chapter 7: tables of agreement, calibration and decisions in, pictures out."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lvmass.report.external import net_benefit, spread
from lvmass.report.figures import Shown, cloud, forest, numbers
from lvmass.report.page import few, laid_out, missing, p_value, parts, select, table, wide, with_interval
from lvmass.report.style import OTHERS, OURS, SEX_COLOURS, Picture, new_figure
from lvmass.report.words import printed


def bland_altman(groups: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]], smallest: int = 1) -> Shown:
    """Draw errors against estimates, with mean and limits by sex; each label with predictions and ``agreement_limits``.

    Lines go from the 5th to the 95th percentile of the estimates; ``smallest`` as of `cloud`.
    """
    groups = {label: (people, rows) for label, (people, rows) in groups.items() if len(rows) and rows["lower_g"].any()}
    if not groups:
        return missing("Bland-Altman plots")
    options: dict[str, Any] = {"sharex": True, "sharey": True, "squeeze": False}
    figure, axes = new_figure(1, len(groups), width=4.8 * len(groups), height=3.9, **options)
    said = []
    for panel, (label, (people, limits)) in zip(axes[0], groups.items(), strict=True):
        errors = people.assign(error_g=people["predicted_lvm_g"] - people["lvm_g"])
        cloud(panel, errors, "predicted_lvm_g", "error_g", smallest, ms=3, alpha=0.35)
        for sex, rows in limits.dropna(subset="lower_g").groupby("sex"):
            x, colour = rows["predicted_g"].to_numpy(float), SEX_COLOURS[str(sex)]
            for name, style in (("mean_error", "-"), ("lower", "--"), ("upper", "--")):
                y, *ends = numbers(rows, f"{name}_g", f"{name}_ci_low_g", f"{name}_ci_high_g")
                panel.plot(x, y, color=colour, lw=1.6, ls=style)
                panel.fill_between(x, *ends, color=colour, alpha=0.2, lw=0)
            middle = rows.iloc[len(rows) // 2]
            text = "{mean_error_g:+.1f} g, limits {lower_g:.0f} to {upper_g:.0f} g".format(**middle)
            said.append(f"{label}, {printed(sex)}: mean error at the median estimate {text}")
        panel.axhline(0, color="#222222", lw=0.8)
        panel.set(title=label, xlabel="estimated LVM (g)")
    axes[0, 0].set_ylabel("estimated minus measured (g)")
    axes[0, 0].legend(loc="lower left", fontsize=8)
    return Picture(figure, f"Errors against estimates, with mean, 95 % limits, and their intervals. {'; '.join(said)}.")


def agreement(
    fits: Mapping[str, tuple[pd.DataFrame, str]],
    results: Mapping[str, pd.DataFrame],
    whose: str,
    smallest: int = 1,
    **where: str,
) -> list[Any]:
    """Bland-Altman plots, tables of agreement and limits, and a sentence on the first, of a fit in a cohort.

    ``fits``: label to predictions of the fit, and how the names of their tables end; ``whose``: for captions.
    """
    tables = {
        (name, label): select(results.get(f"{name}{end}"), **where)
        for name in ("agreement", "agreement_limits")
        for label, (_, end) in fits.items()
    }
    people = {label: (select(own, **where), tables["agreement_limits", label]) for label, (own, _) in fits.items()}
    shown = [
        table(laid_out(rows, name), f"{printed(name)}, {label} (95 %). {whose}.")
        for (name, label), rows in tables.items()
    ]
    return [bland_altman(people, smallest), *shown, spread(next(iter(tables.values())))]


def subgroups(
    rows: pd.DataFrame, effects: pd.DataFrame, title: str, axis_label: str, *, smallest: int = 1, **options: Any
) -> Shown:
    """Forest plot of rows of ``subgroup_errors`` or ``interval_coverage``, with their ``subgroup_effects``.

    Counts below ``smallest`` are not shown.
    """

    def order(group: str) -> tuple[int, float, str]:  # "< 50" before "50 to < 65" before "≥ 65"
        number = re.search(r"\d+", group)
        return ((group[0] == "≥") - (group[0] == "<"), float(number[0]) if number else 0.0, group)

    beside = {
        printed(row["variable"]): f"{row['contrast']}: {with_interval(row)}"
        + ("" if row["note"] else f", Holm p {p_value(row['p_holm'])}")
        for _, row in effects.iterrows()
    }
    ranked = sorted(rows["group"].unique(), key=order)
    rows = rows.assign(rank=rows["group"].map(ranked.index), first=pd.factorize(rows["variable"])[0])
    rows = rows.sort_values(["first", "rank", "sex"], kind="stable")
    everyone = rows[rows["sex"] == "all"]
    people = {
        (variable, group): n
        for variable, own in everyone.groupby("variable", sort=False)
        for group, n in zip(own["group"], parts(own["n_subjects"].tolist(), smallest), strict=True)
    }
    keys = zip(rows["variable"], rows["group"], strict=True)
    labels = [f"{printed(group)} (n = {people.get((variable, group), 0)})" for variable, group in keys]
    who = rows["sex"].where(rows["variable"] != "sex", rows["group"])
    shown = rows.assign(label=labels, section=rows["variable"].map(printed), hue=who.map(printed))
    counts = rows["n_subjects"].map(few, smallest=smallest)
    shown["note"] = shown["hue"] + ", n = " + counts + ": " + shown["note"].astype(str)
    for column in ("label", "note"):
        shown[column] = shown[column].str.replace("n = (?=<|not)", "n ", regex=True)
    return forest(shown, title, axis_label, tests=beside, **options)


def calibration_curves(rows: pd.DataFrame, title: str) -> Shown:
    """Draw observed against estimated probability of LVH, a curve a cohort; rows of ``calibration_curve``."""
    known = rows[rows["observed"].notna()] if len(rows) else rows
    if known.empty:
        return missing(title, "there are too few people with LVH, or without")
    figure, axes = new_figure(width=5.2, height=4.8)
    for turn, (label, curve) in enumerate(known.groupby("cohort", sort=False)):
        colour = (OURS, *OTHERS)[turn]
        x, y, low, high = numbers(curve, "mean_probability", "observed", "ci_low", "ci_high")
        axes.vlines(x, low, high, color=colour, lw=1, alpha=0.6)
        axes.plot(x, y, "o-", color=colour, ms=5, lw=1, label=label)
    axes.axline((0, 0), slope=1, color="#222222", lw=0.8, ls="--")
    axes.set(xlabel="estimated probability of LVH", ylabel="share with LVH", title=title)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.legend(loc="upper left", fontsize=8)
    return Picture(figure, f"{title}: share with LVH against estimated probability, by cohort.")


def decision_curves(rows: pd.DataFrame, pairs: pd.DataFrame, models: Sequence[str], title: str) -> list[Any]:
    """Net benefit by threshold, the first model's difference from the others in a table, and a sentence on these.

    Rows of ``decision_curves`` and ``net_benefit_differences`` of one training, cohort and sex.
    """
    known = select(rows.dropna(subset="net_benefit") if len(rows) else rows, model=[*models])
    if known.empty:
        return [missing(title, "there are too few people with LVH, or without")]
    figure, axes = new_figure(width=7.0, height=4.0)
    models = [name for name in models if (known["model"] == name).any()]
    for turn, model in enumerate(models):
        x, y, everyone = numbers(known[known["model"] == model], "threshold", "net_benefit", "net_benefit_all")
        axes.plot(100 * x, y, label=printed(model), color=(OURS, *OTHERS)[turn], lw=1.2 if turn else 2.5)
    axes.plot(100 * x, everyone, color="#222222", lw=1, ls=":", label="examine everyone")
    axes.axhline(0, color="#222222", lw=1, ls="--", label="examine no one")
    highest = max(known["net_benefit"].max(), 1e-3)
    axes.set(xlabel="probability of LVH at which one acts (%)", ylabel="net benefit", title=title)
    axes.set_ylim(-0.25 * highest, 1.1 * highest)
    axes.legend(fontsize=8)
    names = ", ".join(map(printed, models))
    drawn = Picture(figure, f"{title}: net benefit of {names}, of examining everyone and no one.")
    pairs = select(pairs, model_b=[*models[1:]]).rename(columns={"model_b": "model"})
    shown = wide(pairs.assign(at=[f"at {100 * t:.0f} %" for t in pairs["threshold"]]), ["model"], "at", "difference", 3)
    caption = f"{title}: net benefit of {printed(models[0])} minus that of others (95 %)."
    return [drawn, table(shown, caption), net_benefit(pairs)]
