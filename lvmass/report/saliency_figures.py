"""Figures of chapter 6; those of dots with intervals are `lvmass.report.figures.forest`."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from scipy.ndimage import uniform_filter1d

from lvmass.ecg.recording import LEADS
from lvmass.report.ecg_figures import _ecg_paper
from lvmass.report.figures import Shown, colour_of, forest
from lvmass.report.saliency import by_sex, shuffled
from lvmass.report.style import Picture, new_figure
from lvmass.report.words import printed
from lvmass.study.steps import Saliency


def shares_by_wave(shares: pd.DataFrame, agreement: pd.DataFrame) -> Shown:
    """Draw `saliency_shares`, and beside them those of networks of shuffled weights."""
    own = shares.assign(section=shares["group"], label=shares["segment"], hue=shares["sex"].map(printed))
    cells = own.drop_duplicates(["section", "label"])
    blind = shuffled(agreement)[[*(cells["section"] + ", " + cells["label"])]].mean().to_numpy()
    other = cells[["section", "label"]].assign(hue="weights shuffled", share=blind)
    rows = pd.concat([own, other]).query("label in ('QRS', 'ST', 'T')")
    return forest(rows, "What moves the estimate", "share of all attribution (%)", value="share")


def sanity(agreement: pd.DataFrame, deletion: pd.DataFrame) -> tuple[Shown, Shown]:
    """Draw the tables of `Study.saliency_checks`: with what maps agree, and how fast the estimate follows them."""
    alike = {"samples": "by sample, signed", "lead_wave": "mean sizes by lead and wave"}
    follows = {"deletion_g": "deletion: more is better", "insertion_g": "insertion: less is better"}
    drawn = []
    for rows, label, hues, title, axis in (
        (agreement, "against", alike, "The map against other maps", "rank correlation"),
        (deletion, "order", follows, "Patches taken away, or put in, by rank", "mean change of the estimate (g)"),
    ):
        long = rows.melt(label, [*hues], "hue", "estimate").replace({"hue": hues})
        by_map = long.groupby([label, "hue"], sort=False)["estimate"]
        means = pd.DataFrame({"estimate": by_map.mean(), "ci_low": by_map.min(), "ci_high": by_map.max()}).round(2)
        found = means.rename_axis(["label", "hue"]).reset_index()
        drawn.append(forest(found, title, axis, reference=0.0, bars="lowest and highest fit"))
    return drawn[0], drawn[1]


def beats_on_paper(saliency: Saliency, time_ms: Any) -> Picture:
    """Draw the median beat of women above that of men, coloured by the mean size of attribution, at one scale.

    ``saliency``: of each person once; ``time_ms``: of the samples.
    """
    inside, per_ms = (time_ms >= -240) & (time_ms < 440), 1000 / (time_ms[1] - time_ms[0])
    time_s = (time_ms[inside] - time_ms[inside][0]) / 1000
    drawn = {
        sex: (np.median(own.inputs_mv, axis=0)[:, inside], per_ms * np.abs(own.grams).mean(axis=0)[:, inside])
        for sex, own in by_sex(saliency).items()
    }
    top = max(float(np.percentile(mg, 99.5)) for _, mg in drawn.values())
    beats = np.stack([beat_mv for beat_mv, _ in drawn.values()])
    ends = [(np.floor(2 * half.min()) / 2, np.ceil(2 * half.max()) / 2) for half in (beats[:, :6], beats[:, 6:])]
    tall = [high - low for low, high in ends] * len(drawn)
    size: dict[str, Any] = {"width": 5.8, "height": 0.5 * sum(tall) + 0.25 * len(tall) + 0.7, "height_ratios": tall}
    figure, axes = new_figure(len(tall), 6, **size)
    for k, panel in enumerate(axes.flat):
        (sex, (beat_mv, mg)), lead = [*drawn.items()][k // 12], k % 12
        _ecg_paper(panel, float(time_s[-1]), *ends[lead // 6])
        points = np.stack([time_s, beat_mv[lead]], axis=1)
        lines = LineCollection([*np.stack([points[:-1], points[1:]], axis=1)], cmap="viridis_r", lw=1.6, zorder=3)
        lines.set(array=mg[lead][1:], clim=(0, top))
        panel.add_collection(lines)
        panel.set_title(LEADS[lead], fontsize=9)
        if lead % 6 == 0:
            panel.set_ylabel(printed(sex), color=colour_of(printed(sex)))
    _bar(figure, axes, lines, "mean size of attribution (mg of LVM per ms)")
    most = "; ".join(
        f"most in {LEADS[int(mg.max(axis=1).argmax())]} in {printed(sex)}" for sex, (_, mg) in drawn.items()
    )
    said = "Median beat in twelve leads on ECG paper, 25 mm/s and 10 mm/mV, coloured by the mean size of attribution"
    return Picture(figure, f"{said}, {' above '.join(map(printed, drawn))}: {most}.")


def time_maps(saliency: Saliency, time_ms: Any) -> Picture:
    """Draw signed means over 8 ms, by lead and time, of women, of men, and their difference, at one scale."""
    step_ms = time_ms[1] - time_ms[0]
    grids = {
        printed(sex): uniform_filter1d(1000 / step_ms * own.grams.mean(axis=0), max(1, round(8 / step_ms)), axis=1)
        for sex, own in by_sex(saliency).items()
    }
    if len(grids) == 2:
        grids[" minus ".join(grids)] = np.subtract(*grids.values())
    top = max(float(np.percentile(np.abs(grid), 98)) for grid in grids.values())
    figure, axes = new_figure(len(grids), height=2.5 * len(grids) + 0.8, sharex=True, squeeze=False)
    look: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -top, "vmax": top, "aspect": "auto"}
    most = []
    for panel, (name, grid) in zip(axes[:, 0], grids.items(), strict=True):
        image = panel.imshow(grid, extent=(time_ms[0], time_ms[-1], 11.5, -0.5), **look)
        panel.set(yticks=range(12), xlim=(-240, 440), title=name)
        panel.set_yticklabels(LEADS, fontsize=9)
        lead, sample = np.unravel_index(np.abs(grid).argmax(), grid.shape)
        most.append(f"{name}, largest in {LEADS[lead]} {time_ms[sample]:.0f} ms from R")
    axes[-1, 0].set_xlabel("time from R (ms)")
    _bar(figure, axes, image, "mean attribution (mg of LVM per ms)")
    return Picture(figure, f"Signed mean attribution by lead and time, at one scale: {'; '.join(most)}.")


def _bar(figure: Any, axes: Any, coloured: Any, label: str) -> None:
    figure.colorbar(
        coloured, ax=axes, location="bottom", extend="max" if coloured.norm.vmin == 0 else "both", shrink=0.7, aspect=40
    ).set_label(label)
