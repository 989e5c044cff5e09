"""What the first page shows: the figure that carries the result, and what was built when."""

import datetime
import json
from pathlib import Path
from typing import Any

import pandas as pd
from IPython.display import Markdown

from lvmass import __version__
from lvmass.report.errors import costs
from lvmass.report.figures import beside_published, published_and_ours
from lvmass.report.page import beside, say
from lvmass.report.published import PAPER_SIZE, kept, over_folds
from lvmass.report.words import printed
from lvmass.study.study import Study

BASELINES = "sex-median", "demographics"
"""Estimates without ECG, if a study has them; any network has to beat them."""


def result(study: Study, title: str) -> list[Any]:
    """Draw and tabulate published numbers beside ours, with ticks for baselines and the oracle.

    Baselines and oracle are those of the kept study at the paper's size; where people are real, of the study itself.
    """
    if study.config.development.simulate is None:
        return published_and_ours(study, title)[:2]
    results = kept("paper_size/paper")[0]
    ours = {PAPER_SIZE: over_folds(results, "elvmass-net")}
    ours["this study file"] = over_folds(study.results(), study.reference, study.small_cell)
    drawn = pd.DataFrame(json.loads(Path("validation/simulation_published.json").read_text())["rows"])
    ticks = {printed(name): over_folds(results, name) for name in BASELINES}
    ticks["oracle"] = pd.DataFrame({"key": ["mae_g"], "mean": drawn["oracle_mae_g"].mean(), "sd": 0.0})
    return [beside_published(ours, title, ticks), beside(ours, f"{title}; over all folds, 95 %.", folded=True)]


def built(study: Study) -> Markdown:
    """Say when and from what the pages were made, and how long the fits took."""
    spent = costs(study)
    minutes = (spent["fits"] * spent["fit_s"]).sum() / 60
    return say(
        f"Computed on {datetime.date.today():%d %B %Y} by lvmass {__version__} from `{study.path.name}`, fingerprint "
        f"`{study.fingerprint}`: {spent['fits'].sum()} fits of networks, {minutes:.1f} minutes of training in all."
    )
