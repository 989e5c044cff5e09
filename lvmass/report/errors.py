"""What chapters 3 and 4 say and tabulate: errors of estimates, and what a network costs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from IPython.display import Markdown

from lvmass.cohort.schema import SEXES
from lvmass.report.page import mean_sd, missing, p_value, say, select, wide, with_interval
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


def waveform(rows: pd.DataFrame, *, reads: bool, simulated: bool) -> Markdown:
    """What the waveform adds to the best estimate without it; rows of ``error_differences``, one for each of these.

    ``reads``: whether the reference reads the waveform at all.
    """
    rows = rows.dropna(subset=["ci_low", "p_holm"]).sort_values("mae_b_g")
    if rows.empty or not reads:
        return missing("what the waveform adds", "it takes a network, a model without it, and enough people")
    best = rows.iloc[0]
    words = "it raises the error" if best["difference_g"] > 0 else "it lowers the error"
    words = f"{words if best['p_holm'] < 0.05 else 'no significant difference'} (Holm p {p_value(best['p_holm'])})"
    where = "In this simulator, reading" if simulated else "Reading"
    return say(
        f"{where} the waveform changes the MAE of the best of these, {printed(best['model_b'])}, by "
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
        "Better than": told & (rows["difference_g"] < 0),
        "Not significantly different from": ~told,
        "Worse than": told & (rows["difference_g"] > 0),
    }
    listed = [f"{kind}: {'; '.join(rows.loc[own, 'model_b'].map(printed)) or 'none'}." for kind, own in kinds.items()]
    return say(f"{reference} ({rows['mae_a_g'].iloc[0]:.2f} g), after Holm's correction. " + " ".join(listed))


def error_answer(results: Mapping[str, pd.DataFrame], study: Study) -> Markdown:
    """Answer of chapters 3 and 4: the reference's error out of fold, and who is better or worse on the same people."""
    fit, where = main_fit(study), {"cohort": "development", "sex": "all"}
    own = {row["metric"]: row for _, row in select(results.get("errors"), **where, **fit).iterrows()}
    error, bias = (with_interval(own[name], digits=2, unit=" g") for name in ("mae_g", "bias_g"))
    percent = with_interval(own["mape_percent"], digits=1, unit=" %")
    rows = select(results.get("error_differences"), training=fit["training"], **where)
    return say(
        f"**Answer.** Out of fold, {printed(fit['model'])} has an MAE of {error}, a MAPE of {percent} and a mean error "
        f"of {bias}. {verdicts(rows, 'On the same people').data}"
    )


def error_table(results: Mapping[str, pd.DataFrame], metrics: Sequence[str], cohort: str) -> pd.DataFrame:
    """Errors of everyone, a row a model and training: with intervals, and mean ± SD over folds where there are any.

    With ``bias_g`` among the metrics, that of each sex, too: opposite ones in women and men may cancel.
    """
    index, where = ["model", "training"], {"sex": "all", "metric": metrics, "cohort": cohort}
    shown = wide(select(results.get("errors"), **where), index, "metric", digits=2)
    if "bias_g" in metrics and len(shown):
        by_sex = select(results.get("errors"), cohort=cohort, metric="bias_g", sex=list(SEXES))
        names = {sex: f"{printed('bias_g')}, {printed(sex)}" for sex in SEXES}
        shown = shown.merge(wide(by_sex, index, "sex", digits=1).rename(columns=names), on=index, how="left")
    where |= {"metric": [name for name in metrics if name != "bias_g"]}
    folds = select(results.get("errors_by_fold"), **where).dropna(subset="sd")  # an external cohort has no folds
    for metric, group in folds.groupby("metric", sort=False):
        over = [mean_sd(*pair) for pair in zip(group["mean"], group["sd"], strict=True)]
        shown = shown.merge(group[index].assign(**{f"{printed(metric)}, mean ± SD": over}), on=index)
    return shown.rename(columns={metric: f"{printed(metric)}, 95 %" for metric in metrics})
