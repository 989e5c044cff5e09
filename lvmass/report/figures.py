"""Figures of people and results: tables in, pictures out; nothing is computed here that a table would need."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import HTML, Markdown
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from lvmass.ecg.recording import LEADS
from lvmass.networks.elvmass_net import ElvmassNet
from lvmass.networks.tcn import TimeConv
from lvmass.report.lvh import SIDES, sides
from lvmass.report.page import (
    MOST_ROWS,
    beside,
    few,
    laid_out,
    missing,
    p_value,
    say,
    select,
    table,
    wide,
    with_interval,
)
from lvmass.report.published import how_far, over_folds
from lvmass.report.style import COLOURS, OTHERS, OURS, SEX_COLOURS, Picture, new_figure
from lvmass.report.words import FORESTS, PUBLISHED, printed
from lvmass.study.study import Study

Shown = Picture | Markdown
"""A figure, or the sentence that says why there is none."""


def numbers(rows: pd.DataFrame, *names: str) -> list[np.ndarray]:
    """Columns as arrays of float, NaN where missing."""
    return [rows[name].to_numpy(dtype=float, na_value=np.nan) for name in names]


def colour_of(label: str, turn: int = 0) -> str:
    """Colour of a word that has one, such as the "women" of "sex-specific, women", else the next of the others."""
    return COLOURS.get(label) or COLOURS.get(label.split(", ")[-1]) or OTHERS[turn % len(OTHERS)]


def _framed(figure: Figure, title: str, axes: Any = None) -> int:
    """Write a title over the whole width, and below the legend of ``axes``; how many lines the title takes."""
    text = textwrap.fill(title, 62)
    figure.suptitle(text, fontsize=10, weight="bold")
    if axes:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    return 1 + text.count("\n")


# --- networks ---


def network_drawing(network: ElvmassNet, n_covariates: int) -> Picture:
    """Draw the parts of eLVMass-Net from top to bottom; every size is read from the network itself."""
    first, code, head = (cast(Any, part) for part in (network.encoders[0], network.codes[0], network.head[0]))
    taps = [part for part in first.blocks.modules() if isinstance(part, TimeConv)]
    groups = [" ".join(LEADS[row] for row in rows) for rows in network.group_rows]
    encoder = [
        f"stem: {first.stem.kernel_size[1]} taps, 1 of {first.stem.stride[1]} samples kept",
        f"{len(first.blocks)} blocks of two convolutions, {first.stem.out_channels} channels, "
        f"{taps[0].kernel_size[1]} taps, dilation 1 to {taps[-1].dilation[1]}",
        f"means of {code[2].in_features // first.stem.out_channels} stretches of time, {code[2].out_features} codes",
    ]
    joins = f"head: {head.in_features} numbers, {head.out_features} hidden"
    n, middle = len(groups), (len(groups) - 1) / 2
    boxes: dict[tuple[float, int], str] = {
        (x, -y): text for x in range(n) for y, text in enumerate([groups[x], *encoder])
    }
    boxes |= {
        (n, -2): f"{n_covariates} covariates, and which of them are missing",
        (middle, -4): joins,
        (middle, -5): "LVM",
    }
    arrows = [((x, -y), (x, -y - 1)) if y < 3 else ((x, -3), (middle, -4)) for x in range(n) for y in range(4)]
    figure, axes = new_figure(height=5.6)
    for start, end in [*arrows, ((middle, -4), (middle, -5)), ((n, -2), (middle, -4)), ((n, -2), (middle, -5))]:
        axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "#777777", "shrinkB": 17})
    for place, text in boxes.items():
        box = {"boxstyle": "round", "facecolor": "#EAF3F8" if text in encoder else "white", "edgecolor": "#777777"}
        axes.text(*place, textwrap.fill(text, 60 // (n + 1)), ha="center", va="center", fontsize=9, bbox=box)
    axes.text(0.45 * n + 0.55 * middle + 0.08, -3.65, "straight path", fontsize=9)
    axes.set(xlim=(-0.5, n + 0.5), ylim=(-5.4, 0.5))
    axes.set_axis_off()
    said = f"{sum(weights.numel() for weights in network.parameters()):,} parameters: {n} groups of leads"
    said += f" ({'; '.join(groups)}), each through {'; '.join(encoder)}. {joins}."
    return Picture(figure, f"The network, {said} Covariates reach the head, and on a straight path the mass.")


def learning_curves(histories: Mapping[str, Sequence[Sequence[Mapping[str, float]]]], keep: str) -> Shown:
    """Draw the MAE by epoch, of the validation people if there are any; a line a fit, with the epoch that was kept."""
    drawn = {name: [fit for fit in fits if fit] for name, fits in histories.items() if any(fits)}
    if not drawn:
        return missing("learning curves", "the reference is no network")
    figure, axes = new_figure(len(drawn), height=0.5 + 1.9 * len(drawn), sharex=True, squeeze=False)
    said = []
    for panel, (name, fits) in zip(axes[:, 0], drawn.items(), strict=True):
        whose = "validation" if "validation_mae_g" in fits[0][0] else "training"
        curves = [[epoch[f"{whose}_mae_g"] for epoch in fit] for fit in fits]
        for mae_g in curves:
            kept = int(np.argmin(mae_g)) if keep == "best" else len(mae_g) - 1
            panel.plot(range(1, len(mae_g) + 1), mae_g, color="#999999", lw=0.9)
            panel.plot(kept + 1, mae_g[kept], "o", color=OURS, ms=5)
        panel.set(title=f"{name}: MAE of {whose} people", ylabel="g")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        first, last = (np.mean([mae_g[end] for mae_g in curves]) for end in (0, -1))
        said.append(f"{name}, {whose} people: from {first:.1f} to {last:.1f} g, mean of {len(curves)} fits")
    axes[-1, 0].set_xlabel("epoch; the point is the one that was kept")
    return Picture(figure, f"MAE by epoch. {'; '.join(said)}.")


def error_by_cost(costs: pd.DataFrame, errors: pd.DataFrame, title: str) -> Shown:
    """Draw the MAE of each network against its arithmetic; rows of `costs`, and of ``errors`` of one training.

    The best estimate without a network is a line.
    """
    rows = costs.merge(errors, on=["model", "training"]).sort_values("estimate")
    if rows.empty:
        return missing(title, "there is no network")
    figure, axes = new_figure(height=3.6)
    x, y, low, high = numbers(rows, "mflop", "estimate", "ci_low", "ci_high")
    axes.errorbar(x, y, [y - low, high - y], fmt="o", color=OURS, ms=5, lw=1.4)
    cells = list(zip(rows["model"].map(printed), x, y, strict=True))
    for turn, (name, *place) in enumerate(cells):  # names of near points on opposite sides
        side = {"ha": "right", "xytext": (-6, 0)} if turn % 2 else {"ha": "left", "xytext": (6, 0)}
        axes.annotate(name, place, textcoords="offset points", va="center", fontsize=9, **side)
    best = errors[~errors["model"].isin(rows["model"])].nsmallest(1, "estimate")
    for name, mae_g in zip(best["model"].map(printed), best["estimate"], strict=True):
        axes.axhline(mae_g, color="#777777", ls="--", lw=1)
        across = {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": 9}
        axes.text(1.02, mae_g, textwrap.fill(f"best without a network: {name}", 16), **across)
    axes.set(xscale="log", xlim=(x.min() / 8, x.max() * 8), xlabel="MFLOP for one person", ylabel="MAE (g)")
    _framed(figure, title)
    return Picture(figure, f"{title}: " + "; ".join(f"{name}, {b:.0f} MFLOP, {a:.2f} g" for name, b, a in cells) + ".")


# --- people ---


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
    """Draw estimated against measured LVM, the few far ones at the edge; ``smallest`` as of `cloud`."""
    masses = predictions[["lvm_g", "predicted_lvm_g"]].astype(float)
    low, high = np.quantile(masses, [0.003, 0.997]) // 10 * 10 + [0, 10]
    beyond = (masses.lt(low) | masses.gt(high)).any(axis=1)
    figure, axes = new_figure(width=5.0, height=4.9)
    cloud(axes, predictions[~beyond], "lvm_g", "predicted_lvm_g", smallest, ms=3.5, alpha=0.55)
    if smallest == 1:
        edge = masses[beyond].clip(low, high)
        colours = predictions.loc[beyond, "sex"].map(SEX_COLOURS)
        axes.scatter(edge["lvm_g"], edge["predicted_lvm_g"], 28, colours, marker="^", clip_on=False)
    axes.plot([low, high], [low, high], color="#222222", lw=0.8, ls="--", label="equality")
    axes.set(xlim=(low, high), ylim=(low, high), xlabel="measured LVM (g)", ylabel="estimated LVM (g)", aspect="equal")
    n_beyond = f"{few(int(beyond.sum()), smallest)} of {len(masses):,} lie beyond {low:.0f} to {high:.0f} g"
    _framed(figure, f"{title}; {n_beyond}")
    axes.legend(loc="upper left", fontsize=9, frameon=False)
    spread = np.cov(masses.to_numpy().T)
    return Picture(
        figure, f"{title}: estimated rises by {spread[0, 1] / spread[0, 0]:.2f} g a gram of measured LVM; {n_beyond}."
    )


# --- estimates with intervals: the one forest plot ---


def _bulk(value: NDArray[np.floating], low: NDArray[np.floating], high: NDArray[np.floating]) -> tuple[float, float]:
    """Limits that hold most estimates and their intervals: one that lies far off would squeeze all others.

    Examples
    --------
    >>> estimates = np.array([1.0, 2.0, 3.0, 90.0])
    >>> _bulk(estimates, estimates - 1, estimates + 1)
    (0.0, 14.5)
    """
    middle = np.median(value)
    reach = 12 * max(np.median(abs(value - middle)), np.median(high - low) / 2) or np.inf
    return float(max(low.min(), middle - reach)), float(min(high.max(), middle + reach))


def forest(
    rows: pd.DataFrame,
    title: str,
    axis_label: str,
    *,
    value: str = "estimate",
    reference: float | None = None,
    tests: Mapping[str, str] | None = None,
    bars: str = "95 % intervals",
    sides: tuple[str, str] | None = None,
) -> Shown:
    """Draw estimates with intervals, a line each; an arrow at the edge stands for what lies beyond it.

    Parameters
    ----------
    rows : DataFrame
        ``label``, ``value``, ``ci_low``, ``ci_high``; optional ``section``, a heading; ``hue``, a colour each, side by
        side under one label; ``aside``, text at the right. A row without a number is not drawn.
    title, axis_label, value : str
        Texts; column of the estimate.
    reference : float, optional
        Where the vertical line stands.
    tests : mapping of str to str, optional
        What to write beside a section.
    bars : str
        What the lines are, for the alternative text.
    sides : (str, str), optional
        What it means to lie left of the reference, and right of it.
    """
    rows = rows if rows.empty else rows[rows[value].notna()].reset_index(drop=True)
    if rows.empty:
        return missing(title)
    plain: dict[str, Any] = {"section": "", "aside": "", "note": "", "hue": "this study file"}
    plain |= {"ci_low": np.nan, "ci_high": np.nan}
    rows = rows.assign(**{name: each for name, each in plain.items() if name not in rows})
    x, low, high = numbers(rows, value, "ci_low", "ci_high")
    left, right = _bulk(x, np.fmin(low, x), np.fmax(high, x))
    figure, axes = new_figure()
    across = {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": 9}
    if reference is not None:
        left, right = min(left, reference), max(right, reference)
        axes.axvline(reference, color="#222222", lw=0.8, ls="--", zorder=0)
        for end, text in zip(("right", "left"), sides or (), strict=False):
            arrow = f"← {text}  " if end == "right" else f"  {text} →"
            axes.text(reference, -0.13, arrow, ha=end, va="center", fontsize=9)
    labels, at, y = {}, np.zeros(len(rows)), -0.25 if sides else 0.0  # in inches: a line is as high in any figure
    for section, block in rows.groupby("section", sort=False):
        head, test = textwrap.fill(str(section), 24), textwrap.fill((tests or {}).get(str(section), ""), 50)
        half = 0.08 * (1 + max(head.count("\n"), test.count("\n"))) + 0.06 if head else 0.0
        axes.text(-0.02, y - half, head, weight="bold", ha="right", **across)
        axes.text(0.02, y - half, test, **across)
        y -= 2 * half
        for label, lines in block.groupby("label", sort=False):
            name, aside = textwrap.fill(str(label), 24, break_on_hyphens=False), "\n".join(filter(None, lines["aside"]))
            half = 0.08 * max(1 + name.count("\n"), 1 + aside.count("\n"), len(lines)) + 0.06
            axes.text(1.02, y - half, aside, **across)
            at[lines.index] = y - half + 0.16 * ((len(lines) - 1) / 2 - np.arange(len(lines)))
            labels[y - half], y = name, y - 2 * half
    for turn, hue in enumerate(hues := list(dict.fromkeys(rows["hue"]))):
        own, color = (rows["hue"] == hue).to_numpy(), colour_of(hue, turn)
        marker = "D" if hue.startswith("published") else "o"
        inside = own & (left <= x) & (x <= right)
        known = inside & ~np.isnan(low)
        axes.hlines(at[known], np.maximum(low, left)[known], np.minimum(high, right)[known], color=color, lw=1.8)
        axes.plot(x[inside], at[inside], marker, color=color, ms=5, label=hue)
        for beyond, edge, arrow in ((np.fmin(low, x) < left, left, "<"), (np.fmax(high, x) > right, right, ">")):
            axes.plot(np.full(sum(own & beyond), edge), at[own & beyond], arrow, color=color, ms=6)
        for i in np.flatnonzero(own & ~inside).tolist():
            edge, side = (left, "left") if x[i] < left else (right, "right")
            axes.text(edge, at[i], f"   {x[i]:.3g}   ", ha=side, va="center", fontsize=9)
    edge = 0.03 * (right - left) or 1.0
    axes.set(yticks=[*labels], yticklabels=[*labels.values()], ylim=(y, 0), xlim=(left - edge, right + edge))
    axes.set_xlabel(axis_label)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    n_lines = _framed(figure, title, axes if len(hues) > 1 else None)
    figure.set_figheight(0.8 + 0.2 * n_lines + 0.22 * (len(hues) // 2) - y)
    names = rows["label"].astype(str) + (", " + rows["hue"] if len(hues) > 1 else "")
    cells = [f"{name}: {with_interval(row, value, 3)}" for name, (_, row) in zip(names, rows.iterrows(), strict=True)]
    said = "".join(f" {section}: {text}." for section, text in (tests or {}).items())
    words = "; ".join(cells).replace(" ()", "")  # no interval
    return Picture(figure, f"{title}: {axis_label} with {bars} for {words}.{said}")


def drawn(rows: pd.DataFrame, name: str, title: str, **options: Any) -> Shown:
    """Forest plot of rows of a results table, or of a kept file, as ``FORESTS[name]`` says; ``options`` of `forest`.

    Where rows have ``p_holm`` and one colour, it stands at the right.
    """
    how = FORESTS[name]
    rows = select(rows, **how.get("drawn", {}))
    if rows.empty:
        return missing(title)
    cells: dict[str, Any] = {key: rows[how[key]].map(printed) for key in ("section", "hue", "aside") if key in how}
    cells["label"] = rows[how["label"]].map(printed).agg(", ".join, axis=1)
    if "p_holm" in rows and "hue" not in how:
        cells["aside"] = ["" if pd.isna(p) else f"p {p_value(p)}" for p in rows["p_holm"]]
    options |= {key: how[key] for key in ("value", "reference", "bars", "sides") if key in how}
    return forest(rows.assign(**cells), title, how["axis"], **options)


def tabulated(rows: pd.DataFrame, name: str, title: str) -> HTML | Markdown:
    """Folded table of rows: as ``FORESTS[name]`` says, a column for each colour, or as the layout of this name says."""
    how = FORESTS[name]
    index = how.get("index")
    if not index:
        return table(laid_out(rows, name), title, folded=True)
    across = how.get("columns") or how.get("hue", "metric")
    shown = wide(rows, index, across, how.get("value", "estimate"), how.get("digits", 2))
    shown[index] = shown[index].map(printed)
    return table(shown, title, folded=True)


def compared(rows: pd.DataFrame, name: str, title: str, **options: Any) -> list[Any]:
    """Forest plot of rows of a results table, what tests say of them, and the numbers in a folded table.

    ``name``: in ``FORESTS``; ``options`` of `forest`. Where rows have ``p_holm``, a sentence tells who differs.

    Examples
    --------
    >>> row = {"model_b": ["fcn"], "auc_a": 0.9, "auc_b": 0.8, "difference": 0.1, "ci_low": 0.0, "ci_high": 0.2}
    >>> drawn, said, _ = compared(pd.DataFrame(row | {"p_holm": 0.04}), "model_comparison", "Title")
    >>> [text.get_text() for text in drawn.figure.axes[0].texts if text.get_text()], said.data
    (['p 0.040'], 'Higher: FCN 0.100 (0.000 to 0.200).')
    """
    if rows.empty:
        return [missing(title)]
    how, said = FORESTS[name], []
    rows = rows.sort_values(how["sort"]) if "sort" in how else rows
    if "p_holm" in rows:
        names = *how["label"], *[how[key] for key in ("section",) if key in how]
        # of many, the table has the numbers
        digits, words = how.get("digits", 3) if len(rows) <= MOST_ROWS else None, how.get("words", SIDES)
        said = [say(sides(rows, *names, value=how["value"], digits=digits, words=words))]
    return [drawn(rows, name, title, **options), *said, tabulated(rows, name, title)]


def published_and_ours(study: Study, title: str) -> list[Any]:
    """Draw and tabulate the published mean ± SD over folds beside those of a study, and say how far they are apart."""
    results, smallest = study.results(), study.small_cell
    ours = over_folds(results, study.reference, smallest)
    baselines = [name for name in ("sex-median", "demographics") if name in study.config.models]
    ticks = {printed(name): over_folds(results, name, smallest) for name in baselines}
    return [
        beside_published({"this study file": ours}, title, ticks),
        beside(ours, "Mean ± SD over folds; over all, 95 %. Different people: no test.", folded=True),
        how_far(ours, study.reference),
    ]


def beside_published(
    ours: Mapping[str, pd.DataFrame], title: str, ticks: Mapping[str, pd.DataFrame] | None = None
) -> Shown:
    """Draw the published mean ± SD over folds and below it ours, one unit a panel.

    ``ours``: tables of `lvmass.report.published.over_folds`, by whose numbers they are; ``ticks``: such tables of what
    either has to beat, drawn as upright lines.
    """
    facts = {key: fact for key, fact in PUBLISHED.items() if any(key in set(rows["key"]) for rows in ours.values())}
    if not facts:
        return missing(title)
    units = {fact.unit: [key for key in facts if facts[key].unit == fact.unit] for fact in facts.values()}
    theirs = pd.DataFrame([(key, fact.value, fact.sd) for key, fact in facts.items()], columns=["key", "mean", "sd"])
    every = {"published, patients": theirs} | dict(ours)
    tall = [0.6 + 0.6 * len(keys) for keys in units.values()]
    figure, axes = new_figure(len(units), height=sum(tall) + 1.0, height_ratios=tall, squeeze=False)
    for panel, (unit, keys) in zip(axes[:, 0], units.items(), strict=True):
        for turn, (whose, rows) in enumerate((every | dict(ticks or {})).items()):
            rows = select(rows, key=keys).dropna(subset="mean")
            y, (mean, sd) = -rows["key"].map(keys.index).to_numpy(float), numbers(rows, "mean", "sd")
            if whose in every:
                y += 0.2 - 0.4 * turn / max(1, len(every) - 1)
                look: dict[str, Any] = {"fmt": "o" if turn else "D", "xerr": sd, "color": colour_of(whose, turn)}
                panel.errorbar(mean, y, ms=5, lw=1.8, label=whose, **look)
            else:
                panel.vlines(mean, y - 0.35, y + 0.35, lw=2, color=OTHERS[turn - len(every)], label=whose)
        names = [textwrap.fill(facts[key].what, 20, break_on_hyphens=False) for key in keys]
        panel.set(yticks=-np.arange(len(keys)), yticklabels=names, ylim=(0.5 - len(keys), 0.5))
        panel.set_xlabel(unit or "c-statistic")
        panel.xaxis.set_major_locator(MaxNLocator(6))
    _framed(figure, title, axes[0, 0])
    said = [f"{fact.what}, published {fact}" for fact in facts.values()]
    said += [f"{whose} {text}" for whose, rows in ours.items() for text in rows.get("text", pd.Series(dtype=str))]
    return Picture(figure, f"{title}, {' and '.join(every)}. {'; '.join(said)}.")
