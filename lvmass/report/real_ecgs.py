"""What chapter 9 says and shows: the shipped model and the front end on real ECGs, as the benchmarks have kept it."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from IPython.display import HTML, Markdown

from lvmass.report import figures
from lvmass.report.figures import Shown
from lvmass.report.lvh import sides
from lvmass.report.page import laid_out, say, select, table, with_interval
from lvmass.report.words import CAPTIONS, FORESTS

MODEL = "elvmass-net"


def answer(ptb_xl: Mapping[str, Any], ludb: Mapping[str, Any]) -> Markdown:
    """Answer of chapter 9: how the shipped model ranks real ECGs, and whether criteria do better."""
    rows, other = (pd.DataFrame(each["c_statistics"]) for each in (ptb_xl, ludb))
    own = select(rows, score=MODEL)
    everyone, women, men = (with_interval(select(own, sex=sex).iloc[0], "auc", 3) for sex in ("all", "female", "male"))
    scaled = with_interval(select(other, score=MODEL, sex="all").iloc[0], "auc", 3)
    tests = select(rows, sex="all").dropna(subset="gain")
    words = ("Better than", "Worse than", "Not significantly different from")
    told = sides(tests, "score", value="gain", digits=None, words=words)
    return say(
        f"**Answer.** Of {ptb_xl['n']} real ECGs in PTB-XL, {ptb_xl['n_lvh']} with a statement of LVH, the shipped "
        f"model ranks those with it above normal ones with a c-statistic of {everyone}; women {women}, men {men}. "
        f"By DeLong's test with Holm's correction: {told} On {ludb['n']} ECGs of LUDB, in which every "
        f"lead was scaled to one height, it is {scaled}: without true voltage little is left."
    )


def drawn(found: Mapping[str, Any], name: str) -> Shown:
    """Draw rows of a file, as ``FORESTS`` says of this name.

    Rows may have an interval, ``ci_low, ci_high``, another spread, ``low, high``, or neither.
    """
    how = FORESTS[f"real_{name}"]
    rows = pd.DataFrame(found[how.get("rows", name)]).rename(columns={"low": "ci_low", "high": "ci_high"})
    return figures.drawn(rows, f"real_{name}", how["title"])


def shown(found: Mapping[str, Any], name: str, **options: Any) -> list[Any]:
    """Draw rows of a file, with the table that a reader opens by a click; ``options`` of `tabulated`."""
    return [drawn(found, name), tabulated(found, name, folded=True, **options)]


def tabulated(found: Mapping[str, Any], name: str, **options: Any) -> HTML | Markdown:
    """Tabulate rows of a file, as the layout of this name says."""
    rows = pd.DataFrame(found[name]).assign(note="–")
    return table(laid_out(rows, name), CAPTIONS[name].format_map(found), **options)
