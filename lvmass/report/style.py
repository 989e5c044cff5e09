"""The look of every figure, and a figure that carries its alternative text into the page."""

import base64
import html
import io
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

OURS, PUBLISHED = "#D55E00", "#444444"
SEX_COLOURS = {"female": "#CC79A7", "male": "#0072B2", "all": "#444444"}
"""Okabe and Ito's palette, safe for colour-blind readers; the same meaning in every chapter."""

COLOURS = {
    "this study file": OURS,
    "published, patients": PUBLISHED,
    "women": SEX_COLOURS["female"],
    "men": SEX_COLOURS["male"],
    "everyone": SEX_COLOURS["all"],
    "mechanical": "#D55E00",
    "fewer people": "#E69F00",
    "one sex only": "#009E73",
    "training": "#009E73",
}
"""Colours of what has a meaning; other models take those of ``OTHERS`` in turn, none of which is a sex's."""

OTHERS = ("#009E73", "#E69F00", "#56B4E9", "#777777", "#000000", "#8C564B", "#B8A800")

STYLE: dict[Any, Any] = {
    "figure.dpi": 100,
    "font.size": 10,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "lvmass",
}


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure and what it shows, in words.

    A notebook displays it as vector graphics with the words as alternative text.
    """

    figure: Figure
    alt: str

    def svg(self) -> str:
        """Draw as SVG."""
        buffer = io.StringIO()
        # no date in the file: the same figure is the same text
        with mpl.rc_context(STYLE):
            self.figure.savefig(buffer, format="svg", metadata={"Date": None}, bbox_inches="tight", facecolor="white")
        return buffer.getvalue()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        data = base64.b64encode(self.svg().encode()).decode()
        alt = html.escape(self.alt, quote=True)
        return {
            "text/html": f'<img class="lvmass-figure" alt="{alt}" src="data:image/svg+xml;base64,{data}" '
            'style="max-width:100%;background:white">',
            "text/plain": self.alt,
        }


def new_figure(rows: int = 1, columns: int = 1, *, width: float = 8.0, height: float = 4.0, **options: Any) -> Any:
    """Make a figure and its axes in the study's style, outside pyplot's global state."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, columns, **options)
    return figure, axes
