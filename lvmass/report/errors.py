"""What chapters 3 and 4 say and tabulate: errors of estimates, and what a network costs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import Markdown

from lvmass.cohort.schema import SEXES
from lvmass.report.lvh import listed
from lvmass.report.page import missing, p_value, say, select, wide, with_interval
from lvmass.report.published import main_fit
from lvmass.report.words import printed
from lvmass.study.study import Study
from lvmass.training.model import FittedModel


def costs(study: Study) -> pd.DataFrame:
    """Cost of every network of a study, one row a model and training.

    Parameters
    ----------
    study : Study
        Fits that are missing are computed.

    Returns
    -------
    DataFrame
        ``model, training, parameters, mflop, fits, fit_s``: trainable parameters of one network, its arithmetic for one
        person (see `_mflop_per_person`), number of fits, and their mean time in seconds on the machine that made them.

    Examples
    --------
    >>> costs(Study.from_toml("book/studies/quick.toml"))  # doctest: +SKIP
    """
    networks = {name: model for name, model in study.config.models.items() if model.is_network}
    rows = []
    for name, training in ((name, training) for name, model in networks.items() for training in model.training):
        network, seconds = study.networks(name, training)[0], [fit.seconds for fit in study.fits(name, training)]
        size = network.n_parameters, _mflop_per_person(network)
        rows.append((name, training, *size, len(seconds), float(np.mean(seconds))))
    return pd.DataFrame(rows, columns=["model", "training", "parameters", "mflop", "fits", "fit_s"])


def _mflop_per_person(model: FittedModel) -> float:
    """Floating-point operations of one estimate, in millions; a multiplication and an addition count as two.

    Counted by torch while the network runs on shapes alone, where no kernel is fused.

    Examples
    --------
    >>> from lvmass.training.model import load_model
    >>> from lvmass.prediction import PRETRAINED
    >>> _mflop_per_person(load_model(PRETRAINED)[0]) > 1
    True
    """
    import torch  # most pages count nothing
    from torch.utils.flop_counter import FlopCounterMode

    counter, network = FlopCounterMode(display=False), model.build().to("meta")
    shapes = (1, 12, model.n_samples), (1, 2 * len(model.covariates))
    with counter, torch.no_grad():  # weight normalization fails when counted in inference mode
        network(*(torch.zeros(shape, device="meta") for shape in shapes))
    return float(counter.get_total_flops()) / 1e6


def rivals(results: Mapping[str, pd.DataFrame], study: Study) -> pd.DataFrame:
    """Rows of ``error_differences`` of everyone in development, of the fit that pages are about; best other first."""
    rows = select(results.get("error_differences"), cohort="development", sex="all")
    return select(rows, training=main_fit(study)["training"]).dropna(subset=["ci_low", "p_holm"]).sort_values("mae_b_g")


def _against(row: Any, more: str, less: str) -> str:
    """Difference of the reference's MAE and another one's, with the verdict."""
    words = "no significant difference" if row["p_holm"] >= 0.05 else more if row["difference_g"] > 0 else less
    return f"{with_interval(row, 'difference_g', 2, ' g')}: {words} (Holm p {p_value(row['p_holm'])})"


def waveform(results: Mapping[str, pd.DataFrame], study: Study) -> Markdown:
    """What a network on the waveform adds to the best estimate without one, by the paired test on the same people."""
    without = [name for name, model in study.config.models.items() if not model.is_network]
    rows = select(rivals(results, study), model_b=without)
    if rows.empty or study.reference in without:
        return missing("what the waveform adds", "it takes a network, a model without it, and enough people")
    where = "In this simulator, a" if study.config.development.simulate else "A"
    changes = _against(rows.iloc[0], "it raises the error", "it lowers the error")
    best = printed(rows.iloc[0]["model_b"])
    return say(
        f"{where} network on the waveform changes the MAE of the best model without a network, {best}, by {changes}."
    )


def comparison_answer(results: Mapping[str, pd.DataFrame], study: Study) -> Markdown:
    """Answer of chapter 4: the reference against the best of the others, and how many of these differ from it."""
    rows, fit = rivals(results, study), main_fit(study)
    if rows.empty:
        return missing("a verdict", "it takes another model of the same training, and enough people for a test")
    best, told = rows.iloc[0], rows[rows["p_holm"] < 0.05]["difference_g"]
    mae = select(results["errors"], cohort="development", sex="all", metric="mae_g", training=fit["training"])
    mae = mae.set_index("model", drop=False).loc[[study.reference, best["model_b"]]]
    own, other = listed(mae, "model", digits=2).split("; ")
    return say(
        f"**Answer.** MAE on the same people, in g: {own}; best of the others, {other}. The difference is "
        f"{_against(best, 'the reference errs more', 'the reference errs less')}. Of {len(rows)} others, "
        f"{(told < 0).sum()} err significantly more, {(told > 0).sum()} significantly less."
    )


def error_answer(results: Mapping[str, pd.DataFrame], study: Study) -> Markdown:
    """Answer of chapter 3: the reference's error out of fold, and what the waveform adds."""
    fit = main_fit(study)
    rows = select(results.get("errors"), cohort="development", sex="all", **fit).set_index("metric")
    units = {"mae_g": (2, " g"), "mape_percent": (1, " %"), "bias_g": (2, " g")}
    error, percent, bias = (with_interval(rows.loc[name], "estimate", *unit) for name, unit in units.items())
    return say(
        f"**Answer.** Out of fold, {printed(fit['model'])} has an MAE of {error}, a MAPE of {percent} and a mean error "
        f"of {bias}. {waveform(results, study).data}"
    )


def error_table(results: Mapping[str, pd.DataFrame], metrics: Sequence[str], cohort: str) -> pd.DataFrame:
    """Errors of everyone with their intervals, a row a model and training.

    With ``bias_g`` among the metrics, that of each sex, too: opposite ones in women and men may cancel.
    """
    rows = select(results.get("errors"), cohort=cohort, metric=[*metrics])
    rows = rows[(rows["sex"] == "all") | (rows["metric"] == "bias_g")]
    whose = rows["sex"].map({"all": ""} | {sex: f"{printed(sex)}, " for sex in SEXES})
    rows = rows.assign(header=rows["metric"].map(printed) + ", " + whose + "95 %")
    return wide(rows, ["model", "training"], "header", digits=2)
