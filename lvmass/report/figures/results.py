"""Figures of the results: tables of ``lvmass.evaluation`` in, pictures out."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import roc_curve

from lvmass.report.figures.style import OURS, PUBLISHED, SEX_COLOURS, Picture, new_figure


def lvm_distributions(cohorts: Mapping[str, pd.DataFrame]) -> Picture:
    """Draw LVM by sex in each cohort."""
    figure, axes = new_figure(1, len(cohorts), width=4.6 * len(cohorts), height=3.2, sharex=True, sharey=True)
    every = np.concatenate([people["lvm_g"] for people in cohorts.values()])
    bins = np.arange(every.min() - every.min() % 8, every.max() + 8, 8)
    for panel, (label, people) in zip(np.atleast_1d(axes), cohorts.items(), strict=True):
        for sex in ("female", "male"):
            masses = people.loc[people["sex"] == sex, "lvm_g"]
            text = f"{sex}, n = {len(masses)}"
            sns.histplot(masses, ax=panel, color=SEX_COLOURS[sex], label=text, bins=bins, alpha=0.5)
        panel.set(title=label, xlabel="LVM (g)", ylabel="people")
        panel.legend()
    return Picture(figure, f"Histograms of LVM by sex in {' and '.join(cohorts)}.")


def learning_curves(
    histories: Mapping[str, Sequence[Sequence[Mapping[str, float]]]], keep: Literal["last", "best"]
) -> Picture:
    """Draw the validation MAE of every fold by epoch, a panel a model, and mark the epoch that was kept."""
    figure, axes = new_figure(1, len(histories), width=3.3 * len(histories), height=3.0, sharey=True)
    for panel, (model, folds) in zip(np.atleast_1d(axes), histories.items(), strict=True):
        for history in folds:
            mae_g = [epoch["validation_mae_g"] for epoch in history]
            panel.plot(range(1, len(mae_g) + 1), mae_g, color="#999999", lw=0.9)
            kept = int(np.argmin(mae_g)) if keep == "best" else len(mae_g) - 1
            panel.plot(kept + 1, mae_g[kept], "o", color=OURS, ms=5)
        panel.set(title=model, xlabel="epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    np.atleast_1d(axes)[0].set_ylabel("MAE on the inner split (g)")
    return Picture(
        figure, f"Validation MAE by epoch for each fold of {', '.join(histories)}; the kept epoch is marked."
    )


def predicted_against_true(predictions: pd.DataFrame, title: str) -> Picture:
    """Draw estimated against measured LVM."""
    figure, axes = new_figure(width=5.2, height=5.0)
    for sex in ("female", "male"):
        rows = predictions[predictions["sex"] == sex]
        axes.plot(
            rows["lvm_g"], rows["predicted_lvm_g"], "o", ms=3.5, alpha=0.55, mew=0, color=SEX_COLOURS[sex], label=sex
        )
    values = predictions[["lvm_g", "predicted_lvm_g"]].to_numpy(float)
    ends = [values.min() - 5, values.max() + 5]
    axes.plot(ends, ends, color="#222222", lw=0.8, ls="--", label="equality")
    axes.set(xlim=ends, ylim=ends, xlabel="LVM (g)", ylabel="estimated LVM (g)", title=title)
    axes.set_aspect("equal")
    axes.legend()
    return Picture(figure, f"{title}: estimated against measured LVM, women and men, with the line of equality.")


def intervals(
    rows: pd.DataFrame, *, label: str, value: str, low: str, high: str, axis_label: str, title: str, zero: bool = False
) -> Picture:
    """Draw estimates with their intervals, a row each (a forest plot)."""
    figure, axes = new_figure(width=8.0, height=0.45 * len(rows) + 1.2)
    y = np.arange(len(rows))[::-1]
    estimate = rows[value].to_numpy(float)
    ends = rows[[low, high]].to_numpy(dtype=float, na_value=np.nan)
    known = np.isfinite(ends).all(axis=1)
    axes.hlines(y[known], ends[known, 0], ends[known, 1], color=OURS, lw=2)
    axes.plot(estimate, y, "o", color=OURS, ms=6)
    if zero:
        axes.axvline(0, color="#222222", lw=0.8, ls="--")
    axes.set(yticks=y, yticklabels=rows[label], xlabel=axis_label, title=title, ylim=(-0.6, len(rows) - 0.4))
    return Picture(figure, f"{title}: {axis_label} with 95 % intervals for {', '.join(map(str, rows[label]))}.")


def published_beside_ours(table: pd.DataFrame, axis_label: str) -> Picture:
    """Draw pairs of published and own numbers; columns ``what, published, published_sd, ours, ours_sd``."""
    figure, axes = new_figure(width=7.5, height=0.6 * len(table) + 1.3)
    y = np.arange(len(table))[::-1]
    for shift, name, colour, text in (
        (0.14, "published", PUBLISHED, "published, patients"),
        (-0.14, "ours", OURS, "this study file"),
    ):
        values = table[name].to_numpy(dtype=float, na_value=np.nan)
        spread = table[f"{name}_sd"].to_numpy(dtype=float, na_value=np.nan)
        known = np.isfinite(values)
        errors = np.nan_to_num(spread[known])
        axes.errorbar(values[known], y[known] + shift, xerr=errors, fmt="o", color=colour, capsize=3, label=text)
    axes.set(yticks=y, yticklabels=table["what"], xlabel=axis_label, ylim=(-0.6, len(table) - 0.4))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.0 + 0.35 / (0.6 * len(table))), ncols=2)
    return Picture(figure, f"Published numbers and ours side by side, mean and SD over folds: {axis_label}.")


def roc_curves(curves: Mapping[str, tuple[Any, Any, str]], title: str) -> Picture:
    """Draw ROC curves; each a label with outcomes, scores and a colour."""
    figure, axes = new_figure(width=5.0, height=4.8)
    for label, (lvh, score, colour) in curves.items():
        false_positive, true_positive, _ = roc_curve(lvh, score)
        axes.plot(false_positive, true_positive, color=colour, lw=1.8, label=label)
    axes.plot([0, 1], [0, 1], color="#999999", lw=0.8, ls="--")
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", title=title, xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set_aspect("equal")
    axes.legend(loc="lower right", fontsize=8)
    return Picture(figure, f"{title}: ROC curves of {'; '.join(curves)}.")


def saliency_by_segment(table: pd.DataFrame) -> Picture:
    """Draw the share of attribution by segment, lead group and sex; columns ``sex, group, segment, share``."""
    groups = list(dict.fromkeys(table["group"]))
    figure, axes = new_figure(1, len(groups), width=9.0, height=3.2, sharey=True)
    for panel, group in zip(axes, groups, strict=True):
        sns.barplot(
            table[table["group"] == group],
            x="segment",
            y="share",
            hue="sex",
            hue_order=["female", "male"],
            palette=SEX_COLOURS,
            errorbar=("ci", 95),
            seed=0,
            err_kws={"color": "#333333", "linewidth": 1},
            ax=panel,
        )
        panel.set(title=group, xlabel="", ylabel="share of all attribution (%)")
        panel.legend(title=None)
    return Picture(
        figure, "Share of attribution by segment of the beat, lead group and sex, with 95 % intervals over people."
    )
