"""Figures of people and results: tables in, pictures out; nothing is computed here that a table would need."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import Markdown
from matplotlib.ticker import MaxNLocator

from lvmass.report.errors import verdicts
from lvmass.report.page import beside, laid_out, missing, select, table
from lvmass.report.published import how_far, over_folds
from lvmass.report.style import COLOURS, OTHERS, OURS, SEX_COLOURS, Picture, new_figure
from lvmass.report.words import PUBLISHED, printed
from lvmass.study.study import Study

Shown = Picture | Markdown
"""A figure, or the sentence that says why there is none."""


def numbers(rows: pd.DataFrame, *names: str) -> list[np.ndarray]:
    """Columns as arrays of float, NaN where missing."""
    return [rows[name].to_numpy(dtype=float, na_value=np.nan) for name in names]


def colour_of(label: str, turn: int = 0) -> str:
    """Colour of a word that has one, such as the "women" of "sex-specific, women", else the next of the others."""
    return COLOURS.get(label) or COLOURS.get(label.split(", ")[-1]) or OTHERS[turn % len(OTHERS)]


# --- people ---


# --- estimates ---


def learning_curves(histories: Mapping[str, Sequence[Sequence[Mapping[str, float]]]], keep: str) -> Shown:
    """Draw the MAE on the inner validation split by epoch, a line a fit, a panel a training; mark the epoch kept."""
    drawn = {name: [fit for fit in fits if fit and "validation_mae_g" in fit[0]] for name, fits in histories.items()}
    drawn = {name: fits for name, fits in drawn.items() if fits}
    if not drawn:
        kept_last = "the last epoch counts, and nobody was set apart to look at the others"
        return missing("learning curves", kept_last if histories else "the reference is no network")
    figure, axes = new_figure(1, len(drawn), width=3.3 * max(2, len(drawn)), height=3.0, sharey=True, squeeze=False)
    for panel, (name, fits) in zip(axes[0], drawn.items(), strict=True):
        for history in fits:
            mae_g = [epoch["validation_mae_g"] for epoch in history]
            panel.plot(range(1, len(mae_g) + 1), mae_g, color="#999999", lw=0.9)
            kept = int(np.argmin(mae_g)) if keep == "best" else len(mae_g) - 1
            panel.plot(kept + 1, mae_g[kept], "o", color=OURS, ms=5)
        panel.set(title=name, xlabel="epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0, 0].set_ylabel("MAE, inner validation split (g)")
    return Picture(figure, f"MAE on the inner validation split by epoch, {', '.join(drawn)}; the kept epoch is marked.")


def cloud(axes: Any, people: pd.DataFrame, x: str, y: str, smallest: int, **look: Any) -> None:
    """Draw a point a person by sex; where people must not be told apart, hexagons that hold ``smallest`` or more."""
    for sex, rows in people.groupby("sex"):
        colour = SEX_COLOURS[str(sex)]
        if smallest == 1:
            axes.plot(rows[x], rows[y], "o", label=printed(sex), mew=0, color=colour, **look)
        elif len(rows) >= smallest:
            shades = sns.light_palette(colour, as_cmap=True)
            axes.hexbin(rows[x], rows[y], gridsize=14, mincnt=smallest, cmap=shades, alpha=0.6, lw=0)
            axes.plot([], [], "h", label=f"{printed(sex)}, {smallest} or more", color=colour)


def predicted_against_true(predictions: pd.DataFrame, title: str, smallest: int = 1) -> Picture:
    """Draw estimated against measured LVM; ``smallest`` as of `cloud`."""
    figure, axes = new_figure(width=5.2, height=5.0)
    cloud(axes, predictions, "lvm_g", "predicted_lvm_g", smallest, ms=3.5, alpha=0.55)
    values = predictions[["lvm_g", "predicted_lvm_g"]].to_numpy(float)
    ends = [np.floor(values.min() / 10) * 10 - 10, np.ceil(values.max() / 10) * 10 + 10]
    axes.plot(ends, ends, color="#222222", lw=0.8, ls="--", label="equality")
    axes.set(xlim=ends, ylim=ends, xlabel="LVM (g)", ylabel="estimated LVM (g)", title=title, aspect="equal")
    axes.legend()
    return Picture(figure, f"{title}: estimated against measured LVM, with the line of equality.")


# --- estimates with intervals: the one forest plot ---


def forest(
    rows: pd.DataFrame,
    title: str,
    axis_label: str,
    *,
    value: str = "estimate",
    reference: float | None = None,
    tests: Mapping[str, str] | None = None,
    bars: str = "95 % intervals",
) -> Shown:
    """Draw estimates with intervals, a line each.

    Parameters
    ----------
    rows : DataFrame
        ``label``, ``value``, ``ci_low``, ``ci_high``; optional ``section``, a heading; ``hue``, a colour each, side by
        side under one label; ``note``, shown where there is no number; ``aside``, text at the right.
    title, axis_label, value : str
        Texts; column of the estimate.
    reference : float, optional
        Where the vertical line stands.
    tests : mapping of str to str, optional
        What to write beside a section.
    bars : str
        What the lines are, for the alternative text.
    """
    if rows.empty:
        return missing(title)
    plain = {"section": "", "note": "", "aside": "", "hue": "this study file"}
    rows = rows.assign(**{name: text for name, text in plain.items() if name not in rows})
    hues, sections = list(dict.fromkeys(rows["hue"])), rows["section"].unique()
    shifts = dict(zip(hues, np.linspace(0.24, -0.24, len(hues)) if len(hues) > 1 else [0.0], strict=True))
    n_labels = len(rows[["section", "label"]].drop_duplicates())
    thick = 0.3 + 0.06 * len(hues) + 0.15 * max(str(label).count("\n") for label in rows["label"])
    figure, axes = new_figure(width=8.6, height=thick * (n_labels + len(sections)) + 1.2)
    labels, places, y = [], [], 0.0
    across = {"transform": axes.get_yaxis_transform(), "va": "center"}
    for section, block in rows.groupby("section", sort=False):
        if section:
            axes.text(0.0, y, " " + str(section), weight="bold", fontsize=9, **across)
            axes.text(1.0, y, (tests or {}).get(str(section), ""), fontsize=8, ha="right", **across)
            y -= 1.0
        for label, lines in block.groupby("label", sort=False):
            for _, row in lines.iterrows():
                at = y + (shifts[row["hue"]] if len(lines) > 1 else 0.0)
                colour = colour_of(row["hue"], hues.index(row["hue"]))
                if pd.isna(row[value]):
                    axes.text(0.0, at, f" {row['note']}", fontsize=6.5, color="#777777", **across)
                    continue
                if pd.notna(row["ci_low"]):
                    axes.hlines(at, row["ci_low"], row["ci_high"], color=colour, lw=1.8)
                axes.plot(row[value], at, "D" if row["hue"].startswith("published") else "o", color=colour, ms=5)
                axes.text(1.01, at, row["aside"], fontsize=8, **across)
            labels.append(label)
            places.append(y)
            y -= 1.0
    if reference is not None:
        axes.axvline(reference, color="#222222", lw=0.8, ls="--", zorder=0)
    if len(hues) > 1:
        for turn, hue in enumerate(hues):
            axes.plot([], [], "o-", color=colour_of(hue, turn), label=hue)
        figure.legend(loc="outside lower center", ncols=3)
    axes.set(yticks=places, yticklabels=labels, ylim=(y + 0.4, 0.6), xlabel=axis_label, title=textwrap.fill(title, 72))
    words = "; ".join(str(label).replace("\n", " ") for label in dict.fromkeys(labels))
    said = "".join(f" {section}: {text}." for section, text in (tests or {}).items())
    return Picture(figure, f"{title}: {axis_label} with {bars} for {words}.{said}")


def differences(rows: pd.DataFrame, reference: str, title: str) -> list[Any]:
    """Table, forest plot and verdicts of rows of ``error_differences``, smallest error first."""
    if rows.empty:
        return [missing(f"{title}: paired difference of absolute errors"), missing(title), verdicts(rows, reference)]
    words = verdicts(rows, reference)
    rows = rows.sort_values("mae_b_g").assign(label=rows["model_b"].map(printed))
    near = rows[rows["difference_g"].abs() < 5]
    far = "" if len(near) == len(rows) else "; farther than 5 g: in the table only"
    axis_label = f"MAE of {reference} minus MAE of the other (g)"
    shown = table(laid_out(rows, "error_differences"), f"{title}: paired difference of absolute errors.")
    drawn = forest(near, title + far, axis_label, value="difference_g", reference=0.0)
    return [shown, drawn, words]


def published_and_ours(study: Study, title: str) -> list[Any]:
    """Draw and tabulate the published mean ± SD over folds beside those of a study, and say how far they are apart."""
    numbers = over_folds(study.results(), study.reference, study.small_cell)
    return [
        beside_published({"this study file": numbers}, title),
        beside(numbers, "Mean ± SD over folds; over all, 95 %. Different people: no test."),
        how_far(numbers, study.reference),
    ]


def beside_published(ours: Mapping[str, pd.DataFrame], title: str) -> Shown:
    """Draw the published mean ± SD over folds and below it ours, one unit a panel.

    ``ours``: tables of `lvmass.report.published.over_folds`, by whose numbers they are.
    """
    given = {key for numbers in ours.values() for key in numbers["key"]}
    facts = {key: fact for key, fact in PUBLISHED.items() if key in given}
    if not facts:
        return missing(title)
    units = {fact.unit: [key for key in facts if facts[key].unit == fact.unit] for fact in facts.values()}
    theirs = pd.DataFrame([{"key": key, "mean": fact.value, "sd": fact.sd} for key, fact in facts.items()])
    every = {"published, patients": theirs} | dict(ours)
    tall = [0.4 + len(keys) for keys in units.values()]
    options: dict[str, Any] = {"height_ratios": tall, "squeeze": False}
    figure, axes = new_figure(len(units), width=6.0, height=0.8 * sum(tall) + 0.9, **options)
    for panel, (unit, keys) in zip(axes[:, 0], units.items(), strict=True):
        grey = {"transform": panel.get_yaxis_transform(), "va": "center", "fontsize": 8, "color": "#777777"}
        for turn, (whose, numbers) in enumerate(every.items()):
            for _, row in select(numbers, key=keys).iterrows():
                y = 0.25 - 0.5 * turn / max(1, len(every) - 1) - keys.index(row["key"])
                if pd.isna(row["mean"]):
                    panel.text(0.01, y, f"{whose}: too few for folds", **grey)
                    continue
                look = {"fmt": "D" if turn == 0 else "o", "color": colour_of(whose, turn), "ms": 5, "lw": 1.8}
                panel.errorbar(row["mean"], y, xerr=row["sd"], **look)
        names = [textwrap.fill(facts[key].what, 26, break_on_hyphens=False) for key in keys]
        panel.set(yticks=-np.arange(len(keys)), yticklabels=names, ylim=(0.6 - len(keys), 0.6))
        panel.set_xlabel(unit or "c-statistic")
        panel.xaxis.set_major_locator(MaxNLocator(6))
    for turn, whose in enumerate(every):
        axes[0, 0].plot([], [], "D-" if turn == 0 else "o-", color=colour_of(whose, turn), label=whose)
    figure.suptitle(title, fontsize=11)
    figure.legend(loc="outside lower center", ncols=len(every), fontsize=9)
    said = "; ".join(f"{fact.what}, published {fact}" for fact in facts.values())
    return Picture(figure, f"{title}, {' and '.join(every)}. {said}.")


# --- hypertrophy ---
