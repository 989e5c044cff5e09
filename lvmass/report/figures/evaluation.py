"""Figures of the evaluation: rows of the tables of ``Study.results`` in, pictures out."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lvmass.report.figures.style import MODEL_COLOURS, OURS, PUBLISHED, SEX_COLOURS, Picture, new_figure
from lvmass.report.published import Published

SEX_WORDS = {"female": "women", "male": "men", "all": "everyone", "mean": "mean of women and men"}
RUNGS = {
    "pooled in everyone": "one model for all,\nwomen and men mixed",
    "pooled": "same model,\n{0} among {0}",
    "pooled on as few": "model for all, from\nas few as the {0}",
    "sex-specific": "model of {0},\n{0} among {0}",
}
STEP_COLOURS = {"mechanical": "#D55E00", "fewer people": "#E69F00", "one sex only": "#009E73", "training": "#009E73"}
STEP_WORDS = {
    "mechanical": "mechanical: who is ranked with whom",
    "fewer people": "learnt from fewer people",
    "one sex only": "learnt from one sex only",
    "training": "training, both together",
}


def _numbers(rows: pd.DataFrame, *names: str) -> list[np.ndarray]:
    return [rows[name].to_numpy(dtype=float, na_value=np.nan) for name in names]


def gap_ladder(gap: pd.DataFrame, published: Mapping[str, Published], title: str) -> Picture:
    """Draw the way from the pooled model in everyone to the sex-specific one, a panel a sex.

    ``gap``: rows of the table ``gap`` of one cohort, model and set of cut-offs. ``published``: "everyone", "female"
    and "male".
    """
    figure, axes = new_figure(1, 2, width=9.6, height=4.6, sharex=True)
    ends = _numbers(gap[gap["quantity"].isin(RUNGS) & (gap["sex"] != "mean")], "ci_low", "ci_high")
    right = max([np.nanmax(ends[1], initial=0.5), *(fact.value + (fact.sd or 0.0) for fact in published.values())])
    left = min([np.nanmin(ends[0], initial=0.7), *(fact.value - (fact.sd or 0.0) for fact in published.values())])
    ticks = [tick for tick in np.arange(0, 1.05, 0.1) if left <= tick <= right + 0.02]  # the room beyond is for words
    for panel, sex in zip(axes, ("female", "male"), strict=True):
        who, rows = SEX_WORDS[sex], gap[gap["sex"] == sex].set_index("quantity")
        names = [name for name in RUNGS if rows["note"].get(name) == ""]
        y = np.arange(len(names))[::-1]
        value, low, high = _numbers(rows.loc[names], "estimate", "ci_low", "ci_high")
        panel.hlines(y, low, high, color=SEX_COLOURS[sex], lw=2)
        panel.plot(value, y, "o", color=SEX_COLOURS[sex], ms=8, label=f"this study file, {who}, 95 % interval")
        for k, step in enumerate(("mechanical", "fewer people", "one sex only") if len(names) == len(RUNGS) else ()):
            panel.annotate("", (value[k + 1], y[k] - 0.88), (value[k], y[k] - 0.12), arrowprops={"arrowstyle": "->"})
            row = rows.loc[step]
            text = f"{step}\n{row['estimate']:+.3f} ({row['ci_low']:+.3f} to {row['ci_high']:+.3f})"
            panel.text(right + 0.02, y[k] - 0.5, text, va="center", fontsize=9, color=STEP_COLOURS[step])
        look: dict[str, Any] = {"fmt": "D", "color": PUBLISHED, "ms": 5, "capsize": 2}
        for name, key in (("pooled in everyone", "everyone"), ("sex-specific", sex)):
            place = len(RUNGS) - 1 - list(RUNGS).index(name) - 0.2
            label = "published, patients, ± SD over folds" if (key, sex) == ("male", "male") else None
            panel.errorbar(published[key].value, place, xerr=published[key].sd, label=label, **look)
        panel.set(yticks=y, yticklabels=[RUNGS[name].format(who) for name in names], title=who)
        panel.set(ylim=(-0.6, len(RUNGS) - 0.5), xlim=(left - 0.02, right + 0.95 * (right - left)))
        panel.set(xlabel="c-statistic for LVH, by estimated grams", xticks=ticks)
    figure.legend(loc="outside lower center", ncols=3)
    figure.suptitle(title, weight="bold", fontsize=10)
    said = "; ".join(
        f"{SEX_WORDS[sex]}, {name} {row['estimate']:.2f}"
        for sex in ("female", "male")
        for name, row in gap[gap["sex"] == sex].set_index("quantity").iterrows()
        if name in RUNGS and pd.notna(row["estimate"])
    )
    return Picture(figure, f"{title}. C-statistics: {said}.")


def steps_by(groups: Mapping[str, pd.DataFrame], steps: Sequence[str], title: str) -> Picture:
    """Draw steps of c-statistics with intervals, side by side for several groups, such as sets of cut-offs.

    Each group holds rows of the table ``gap``, one a step.
    """
    figure, axes = new_figure(width=8.5, height=0.62 * len(groups) + 1.5)
    y = np.arange(len(groups))[::-1]
    shifts = np.linspace(0.22, -0.22, len(steps))
    for step, shift in zip(steps, shifts, strict=True):
        found = [rows[rows["quantity"] == step].head(1) for rows in groups.values()]
        known = np.array([len(row) == 1 and row["estimate"].notna().all() for row in found])
        if known.any():
            value, low, high = _numbers(
                pd.concat([row for row, yes in zip(found, known, strict=True) if yes]), "estimate", "ci_low", "ci_high"
            )
            axes.hlines(y[known] + shift, low, high, color=STEP_COLOURS[step], lw=2)
            axes.plot(value, y[known] + shift, "o", color=STEP_COLOURS[step], label=STEP_WORDS[step])
        for place in y[~known]:
            axes.text(0, place + shift, " too few people", fontsize=7, color="#777777", va="center")
    axes.axvline(0, color="#222222", lw=0.8, ls="--")
    axes.set(yticks=y, yticklabels=groups, ylim=(-0.6, len(groups) - 0.4), title=title)
    axes.set_xlabel("change of the c-statistic, mean of women and men, with 95 % interval")
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower center", ncols=len(steps))
    named = "; ".join(name.replace("\n", " ") for name in groups)
    return Picture(figure, f"{title}: {', '.join(STEP_WORDS[step] for step in steps)}, for {named}.")


def bland_altman(groups: Mapping[str, tuple[pd.DataFrame, pd.Series]]) -> Picture:
    """Draw differences against means with bias and limits; each label with predictions and their agreement row."""
    figure, axes = new_figure(1, len(groups), width=4.8 * len(groups), height=3.9, sharex=True, sharey=True)
    said = []
    for panel, (label, (people, row)) in zip(np.atleast_1d(axes), groups.items(), strict=True):
        for sex in ("female", "male"):
            own = people[people["sex"] == sex]
            middle, difference = (own["predicted_lvm_g"] + own["lvm_g"]) / 2, own["predicted_lvm_g"] - own["lvm_g"]
            panel.plot(middle, difference, "o", ms=3, alpha=0.45, mew=0, color=SEX_COLOURS[sex], label=SEX_WORDS[sex])
        for name, style in (("bias", "-"), ("lower", "--"), ("upper", "--")):
            value = row[f"{name}_g"]
            if pd.notna(value):
                panel.axhline(value, color="#222222", lw=1.2, ls=style)
                panel.axhspan(row[f"{name}_ci_low_g"], row[f"{name}_ci_high_g"], color="#999999", alpha=0.35, lw=0)
                panel.text(1.0, value, f"{value:+.0f}", transform=panel.get_yaxis_transform(), va="center", fontsize=8)
        panel.axhline(0, color=OURS, lw=0.8)
        panel.set(title=label, xlabel="mean of estimated and measured LVM (g)")
        if pd.notna(row["bias_g"]):
            said.append(f"{label}: bias {row['bias_g']:.1f} g, limits {row['lower_g']:.0f} to {row['upper_g']:.0f} g")
    np.atleast_1d(axes)[0].set_ylabel("estimated minus measured (g)")
    np.atleast_1d(axes)[0].legend(loc="lower left", fontsize=8)
    return Picture(figure, f"Bland-Altman plots with 95 % intervals of bias and limits. {'; '.join(said)}.")


def roc_beside_criteria(
    ours: pd.DataFrame, criteria: Mapping[str, tuple[pd.DataFrame, pd.Series]], title: str
) -> Picture:
    """Draw the model's ROC curve beside those of classical criteria, with their yes/no cut-off as a point.

    ``ours``: rows of ``roc``; each criterion's name with rows of ``criteria_roc`` and its row of ``criteria_points``.
    """
    figure, axes = new_figure(width=5.6, height=5.0)
    for (label, (rows, point)), colour in zip(criteria.items(), MODEL_COLOURS[1:], strict=False):
        axes.plot(*_numbers(rows, "false_positive_rate", "sensitivity"), color=colour, lw=1.2, label=label)
        if pd.notna(point["sensitivity"]):
            axes.plot(1 - point["specificity"], point["sensitivity"], "o", color=colour, ms=7, mec="white")
    axes.plot(*_numbers(ours, "false_positive_rate", "sensitivity"), color=OURS, lw=2.5, label="estimated mass index")
    axes.axline((0, 0), slope=1, color="#999999", lw=0.8, ls="--")
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", title=title, xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.legend(loc="lower right", fontsize=8)
    return Picture(figure, f"{title}: ROC curves of the estimated mass index and of {', '.join(criteria)}.")


def calibration_curves(groups: Mapping[str, pd.DataFrame], title: str) -> Picture:
    """Draw observed against estimated probability of LVH; each label with rows of ``calibration_curve``."""
    figure, axes = new_figure(width=5.2, height=4.8)
    for (label, rows), colour in zip(groups.items(), MODEL_COLOURS, strict=False):
        known = rows[rows["observed"].notna()]
        x, y, low, high = _numbers(known, "mean_probability", "observed", "ci_low", "ci_high")
        axes.vlines(x, low, high, color=colour, lw=1, alpha=0.6)
        axes.plot(x, y, "o-", color=colour, ms=5, lw=1, label=label)
    axes.axline((0, 0), slope=1, color="#222222", lw=0.8, ls="--")
    axes.set(xlabel="estimated probability of LVH", ylabel="share with LVH", title=title)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.legend(loc="upper left", fontsize=8)
    return Picture(figure, f"{title}: share with LVH against estimated probability, {' and '.join(groups)}.")


def decision_curves(rows: pd.DataFrame, ours: str, title: str) -> Picture:
    """Draw net benefit by threshold, ours in front; rows of ``decision_curves``, one training, cohort and sex."""
    figure, axes = new_figure(width=7.0, height=4.0)
    known = rows[rows["net_benefit"].notna()]
    models = list(dict.fromkeys(known["model"]))
    colours = dict(zip((name for name in models if name != ours), MODEL_COLOURS[1:], strict=False)) | {ours: OURS}
    for model in models:
        x, y, everyone = _numbers(known[known["model"] == model], "threshold", "net_benefit", "net_benefit_all")
        axes.plot(x, y, color=colours[model], lw=2.5 if model == ours else 1.2, label=model, zorder=2 + (model == ours))
        axes.set_ylim(-0.15 * everyone.max(), 1.1 * everyone.max())
    if models:
        axes.plot(x, everyone, color="#222222", lw=1, ls=":", label="treat everyone as having LVH")
    axes.axhline(0, color="#222222", lw=1, ls="--", label="treat no one")
    axes.set(xlabel="probability of LVH at which one acts", ylabel="net benefit", title=title)
    axes.legend(fontsize=8)
    return Picture(figure, f"{title}: net benefit of {', '.join(models)}, beside treating everyone and no one.")


def forest(
    rows: pd.DataFrame, *, value: str, axis_label: str, title: str, reference: float, tests: Mapping[str, str]
) -> Picture:
    """Draw an estimate by subgroup and sex, subgroups under their variable.

    Parameters
    ----------
    rows : DataFrame
        Columns variable, group, sex, ``value``, ci_low, ci_high, n_subjects, note; a row without a number shows its
        note.
    value, axis_label, title : str
        Column to draw; texts.
    reference : float
        Where the vertical line stands.
    tests : mapping of str to str
        What to write beside a variable.
    """
    groups = rows[["variable", "group"]].drop_duplicates()
    labels, places, y = [], [], 0.0
    figure, axes = new_figure(width=9.0, height=0.34 * len(groups) + 0.42 * groups["variable"].nunique() + 1.4)
    for variable, levels in groups.groupby("variable", sort=False):
        axes.text(0.0, y, f" {VARIABLE_WORDS.get(str(variable), variable)}", transform=axes.get_yaxis_transform(),
                  weight="bold", fontsize=9, va="center")  # fmt: skip
        axes.text(1.0, y, tests.get(str(variable), ""), transform=axes.get_yaxis_transform(), fontsize=8, ha="right",
                  va="center")  # fmt: skip
        y -= 1.0
        for group in sorted(levels["group"], key=_in_order):
            own = rows[(rows["variable"] == variable) & (rows["group"] == group)]
            for _, row in own.iterrows():
                shift = {"all": 0.0, "female": 0.24, "male": -0.24}[row["sex"]]
                colour = SEX_COLOURS[group if variable == "sex" else row["sex"]]
                if pd.notna(row[value]):
                    axes.hlines(y + shift, row["ci_low"], row["ci_high"], color=colour, lw=1.8)
                    axes.plot(row[value], y + shift, "o", color=colour, ms=5)
                else:
                    text = f" {SEX_WORDS[row['sex']]}, n = {row['n_subjects']}: {row['note']}"
                    axes.text(0.0, y + shift, text, transform=axes.get_yaxis_transform(), fontsize=6.5,
                              color="#777777", va="center")  # fmt: skip
            n = int(own.loc[own["sex"] == "all", "n_subjects"].sum())
            labels.append(f"{GROUP_WORDS.get(group, group)} (n = {n})")
            places.append(y)
            y -= 1.0
    axes.axvline(reference, color="#222222", lw=0.8, ls="--", zorder=0)
    for sex in ("all", "female", "male"):
        axes.plot([], [], "o-", color=SEX_COLOURS[sex], label=SEX_WORDS[sex])
    figure.legend(loc="outside lower center", ncols=3)
    axes.set(yticks=places, yticklabels=labels, ylim=(y + 0.3, 0.7), xlabel=axis_label, title=title)
    said = ", ".join(f"{VARIABLE_WORDS.get(v, v)}: {text}" for v, text in tests.items())
    return Picture(figure, f"{title}: {axis_label} by subgroup and sex with 95 % intervals. {said}")


def _in_order(group: str) -> tuple[int, float, str]:
    """Groups from low to high: "< 50" before "50 to < 65" before "≥ 65"."""
    number = re.search(r"\d+", group)
    return ((group[0] == "≥") - (group[0] == "<"), float(number[0]) if number else 0.0, group)


VARIABLE_WORDS = {
    "sex": "sex",
    "age_years": "age (years)",
    "bmi_kg_m2": "body-mass index (kg/m²)",
    "qrs_duration_ms": "QRS duration (ms)",
    "atrial_fibrillation": "atrial fibrillation, or its sign in the ECG",
}
GROUP_WORDS = {"female": "women", "male": "men"}
