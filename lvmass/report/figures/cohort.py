"""Figures of the people: who came in, and who stayed."""

import textwrap
from collections import Counter
from collections.abc import Mapping

import numpy as np
import pandas as pd

from lvmass.report.figures.style import Picture, new_figure


def flow_diagram(reports: Mapping[str, pd.DataFrame], women: Mapping[str, int]) -> Picture:
    """Draw how many people of each cohort are analysed, and why the others are not.

    Parameters
    ----------
    reports : mapping of str to DataFrame
        Report of preprocessing by label of the cohort: ``usable`` and ``findings`` of everybody.
    women : mapping of str to int
        Women among the analysed people.

    Returns
    -------
    Picture
    """
    figure, axes = new_figure(1, len(reports), width=4.6 * len(reports), height=3.4)
    told = []
    for panel, (label, report) in zip(np.atleast_1d(axes), reports.items(), strict=True):
        usable = report["usable"].to_numpy(bool)
        reasons = Counter(str(text).split(".")[0] for text in report.loc[~usable, "reason"])
        listed = [textwrap.fill(f"{n} × {reason}", 30) for reason, n in reasons.most_common(3)]
        others = sum(reasons.values()) - sum(n for _, n in reasons.most_common(3))
        listed += [f"{others} for other reasons"] if others else []
        analysed, n_women = int(usable.sum()), women[label]
        boxes = (
            (0.28, 0.88, f"{len(report)} people in the table"),
            (0.72, 0.50, "\n".join([f"{(~usable).sum()} ECGs not usable", *listed])),
            (0.28, 0.10, f"{analysed} analysed\n{n_women} women, {analysed - n_women} men"),
        )
        arrow = {"arrowstyle": "->", "color": "#444444"}
        panel.annotate("", (0.28, 0.2), (0.28, 0.8), arrowprops=arrow)
        panel.annotate("", (0.45, 0.5), (0.28, 0.5), arrowprops=arrow)
        for x, y, text in boxes:
            frame = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": "#444444"}
            panel.text(x, y, text, ha="center", va="center", fontsize=9, bbox=frame)
        panel.set(title=label, xlim=(0, 1), ylim=(0, 1))
        panel.axis("off")
        told.append(f"{label}: {len(report)} people, {analysed} analysed")
    return Picture(figure, f"Flow diagram. {'; '.join(told)}.")
