"""The look of every figure, and a figure that carries its alternative text into the page."""

import base64
import html
import io
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.text import Text

_DATA = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
STYLE, COLOURS, SEX_COLOURS = (_DATA[name] for name in ("matplotlib", "colours", "sexes"))
OURS = COLOURS["this study file"]
OTHERS = ("#009E73", "#E69F00", "#8C564B", "#777777", "#000000", "#B8A800", "#56B4E9")
"""Colours of models that have none of their own: none is a sex's."""

LETTERS_PX = 7.1
"""A figure's smallest letters on a narrow screen: 9 points at 6 inches fill that of a phone."""


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
        for axes in self.figure.axes:  # written after the style was left
            axes.title.set(fontsize=STYLE["axes.titlesize"], fontweight=STYLE["axes.titleweight"])
        # no date in the file: the same figure is the same text
        with mpl.rc_context(STYLE):
            self.figure.savefig(buffer, format="svg", metadata={"Date": None}, bbox_inches="tight", facecolor="white")
        return buffer.getvalue()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        svg = self.svg()
        texts = [each for each in self.figure.findobj(Text) if isinstance(each, Text) and each.get_visible()]
        letters_pt = min((float(text.get_fontsize()) for text in texts if text.get_text().strip()), default=10)
        # on a narrow screen a figure shrinks as far as its letters can be read, and then scrolls
        least = LETTERS_PX / letters_pt * float(svg.partition('width="')[2].partition("pt")[0])
        data = base64.b64encode(svg.encode()).decode()
        return {
            "text/html": '<div class="lvmass-scroll" tabindex="0">'
            f'<img class="lvmass-figure" alt="{html.escape(self.alt)}" data-letters-pt="{letters_pt:g}" '
            f'style="max-width:100%;min-width:{least:.0f}px;background:white" '
            f'src="data:image/svg+xml;base64,{data}"></div>',
            "text/plain": self.alt,
        }


def new_figure(rows: int = 1, columns: int = 1, *, width: float = 5.6, height: float = 3.6, **options: Any) -> Any:
    """Make a figure and its axes in the study's style, outside pyplot's global state."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, columns, **options)
    return figure, axes
