"""What chapters 3 and 4 say and tabulate: errors of estimates, and what a network costs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from IPython.display import Markdown

from lvmass.cohort.schema import SEXES
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


def waveform(results: Mapping[str, pd.DataFrame], study: Study) -> Markdown:
    """What the waveform adds to the best estimate without it, by the paired test on the same people."""
    without = [name for name, model in study.config.models.items() if not model.is_network]
    rows = select(results.get("error_differences"), cohort="development", sex="all", model_b=without)
    rows = select(rows, training=main_fit(study)["training"]).dropna(subset=["ci_low", "p_holm"]).sort_values("mae_b_g")
    if rows.empty or study.reference in without:
        return missing("what the waveform adds", "it takes a network, a model without it, and enough people")
    best = rows.iloc[0]
    words = "it raises the error" if best["difference_g"] > 0 else "it lowers the error"
    words = f"{words if best['p_holm'] < 0.05 else 'no significant difference'} (Holm p {p_value(best['p_holm'])})"
    where = "In this simulator, reading" if study.simulated else "Reading"
    return say(
        f"{where} the waveform changes the MAE of the best model without it, {printed(best['model_b'])}, by "
        f"{with_interval(best, 'difference_g', 2, ' g')}: {words}."
    )


def verdicts(rows: pd.DataFrame, reference: str) -> Markdown:
    """Who is worse than, not significantly different from, or better than the reference, after Holm's correction.

    ``rows``: ``model_b``, ``mae_a_g`` (of the reference), ``difference_g`` and ``p_holm``.
    """
    if rows.empty or rows["p_holm"].isna().all():
        return missing("a verdict", "it takes another model of the same training, and enough people for a test")
    rows = rows.dropna(subset="p_holm")
    told = rows["p_holm"] < 0.05
    kinds = {
        "better than": told & (rows["difference_g"] < 0),
        "not significantly different from": ~told,
        "worse than": told & (rows["difference_g"] > 0),
    }
    listed = [f"{kind} {'; '.join(rows.loc[own, 'model_b'].map(printed))}" for kind, own in kinds.items() if own.any()]
    return say(f"{reference} ({rows['mae_a_g'].iloc[0]:.2f} g) is, after Holm's correction, {'; it is '.join(listed)}.")


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
    index, rows = ["model", "training"], select(results.get("errors"), cohort=cohort)
    shown = wide(select(rows, sex="all", metric=metrics), index, "metric", digits=2)
    if "bias_g" in metrics and len(shown):
        by_sex = select(rows, metric="bias_g", sex=list(SEXES))
        names = {sex: f"{printed('bias_g')}, {printed(sex)}" for sex in SEXES}
        shown = shown.merge(wide(by_sex, index, "sex", digits=1).rename(columns=names), on=index, how="left")
    return shown.rename(columns={metric: f"{printed(metric)}, 95 %" for metric in metrics})
