"""Calibration of predicted mass, the probability of LVH, and intervals for a person.

What is learnt from true masses (a line, a probability, an interval's width) is learnt on development people only, and
never on the person it is applied to.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special, stats
from sklearn.linear_model import LogisticRegression
from statsmodels.genmod import families
from statsmodels.genmod.generalized_linear_model import GLM

from lvmass.errors import DataError
from lvmass.evaluation.errors import ESTIMATES, MIN_GROUP, MIN_PEOPLE, bootstrap_limits, over_people, with_groups
from lvmass.evaluation.lvh import MIN_CLASS, PRIMARY, both_classes, lvh_score
from lvmass.evaluation.results import FIT, At, Inputs, Statistic
from lvmass.evaluation.tables import LEVEL, NotEstimable, limited

FloatArray = NDArray[np.float64]


def out_of_fold(predictions: pd.DataFrame, development: str) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield row numbers to learn from and to apply to: each development fold by the others, another cohort by all.

    Each model and training by itself; no person is in both. Nobody is to be learnt from where a fit has no development
    rows.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = example_predictions(50).query("model == 'net' and training == 'pooled'")
    >>> [(len(learn), len(apply)) for learn, apply in out_of_fold(table, "dev")]
    [(40, 10), (40, 10), (40, 10), (40, 10), (40, 10), (50, 50)]
    """
    for _, fit in predictions.reset_index(drop=True).groupby(["model", "training"], sort=False):
        rows, fold = fit.index.to_numpy(), fit["fold"].to_numpy()
        own = (fit["cohort"] == development).to_numpy()
        for left_out in np.unique(fold[own]):
            yield rows[own & (fold != left_out)], rows[own & (fold == left_out)]
        for _, other in fit[~own].groupby("cohort", sort=False):
            yield rows[own], other.index.to_numpy()


def as_learnt_from(
    predictions: pd.DataFrame, learn: NDArray[np.intp], apply: NDArray[np.intp], per_g: FloatArray | float = 1.0
) -> FloatArray:
    """Scores to apply to, stretched so that a slope learnt on single models suits their mean; see `recalibrate`.

    A score is the estimate times ``per_g``: by default gram, and the index with one over each person's body surface.

    Examples
    --------
    >>> table = pd.DataFrame({"predicted_lvm_g": [90.0, 110, 90, 110], "model_sd_g": [0.0, 0, 5, 5]})
    >>> as_learnt_from(table, np.array([0, 1]), np.array([2, 3])).tolist()
    [87.5, 112.5]
    """
    estimates = predictions["predicted_lvm_g"].to_numpy(float) * per_g
    if "model_sd_g" not in predictions:
        return estimates[apply]
    noise = (predictions["model_sd_g"].fillna(0.0).to_numpy(float) * per_g) ** 2
    variance = estimates[apply].var()
    added = max(0.0, noise[apply].mean() - noise[learn].mean())
    centre = estimates[learn].mean()
    return centre + (estimates[apply] - centre) * (1 + added / variance if variance > 0 else 1.0)


def recalibrate(predictions: pd.DataFrame, development: str) -> pd.DataFrame:
    """Return the predictions after linear recalibration learnt in the development cohort.

    Each development fold is corrected by the line through the other folds' out-of-fold predictions, other cohorts by
    the line through all of them: no one is corrected by the own true mass. Where there is one prediction for everyone,
    only its level is corrected.

    An external estimate is the mean of the fold models and holds less of their noise than the estimates learnt from,
    so a line learnt on these is too flat for it. With ``V`` the variance of the means and ``w`` the mean over people
    of ``model_sd_g²`` there (less that in the development cohort), single models would vary by ``V + w``; the slope is
    multiplied by ``(V + w) / V``, about the mean learnt from. No external outcome is used.

    Parameters
    ----------
    predictions : DataFrame
        See `lvmass.evaluation.tables.check_predictions`; optional column ``model_sd_g``: SD over the models whose mean
        the estimate is (dividing by their number), 0 or missing for a single one.
    development : str
        Name of the development cohort.

    Raises
    ------
    DataError
        If a fit has no development rows, or fewer than three people to learn from.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = example_predictions().query("model == 'net' and training == 'pooled'")
    >>> after = recalibrate(table, "dev")
    >>> slopes = [np.polyfit(each["predicted_lvm_g"], each["lvm_g"], 1)[0] for each in (table, after)]
    >>> print([f"{slope:.2f}" for slope in slopes])
    ['0.92', '0.99']
    """
    true, predicted = (predictions[name].to_numpy(float) for name in ("lvm_g", "predicted_lvm_g"))
    corrected = predicted.copy()
    for learn, apply in out_of_fold(predictions, development):
        if len(learn) < 3:
            raise DataError("Recalibration needs three or more development people to learn from.")
        if np.ptp(predicted[learn]) == 0:
            corrected[apply] = predicted[apply] + (true[learn] - predicted[learn]).mean()
        else:
            line = stats.linregress(predicted[learn], true[learn])
            corrected[apply] = line.intercept + line.slope * as_learnt_from(predictions, learn, apply)
    return predictions.assign(predicted_lvm_g=corrected)


def recalibrated(study: Inputs) -> pd.DataFrame:
    """All fits after `recalibrate`."""
    return recalibrate(study.predictions, study.development)


Statistic("errors_after_recalibration", FIT, ESTIMATES, of=recalibrated, clusters=True)(over_people)

_LINE = ("slope", "slope_ci_low", "slope_ci_high", "intercept_g", "intercept_ci_low_g", "intercept_ci_high_g")


@Statistic(
    "calibration_after_recalibration", FIT, f"sex {' '.join(_LINE)} n_subjects note", of=recalibrated, least=MIN_PEOPLE
)
@Statistic("mass_calibration", FIT, f"sex {' '.join(_LINE)} n_subjects note", least=MIN_PEOPLE)
def _line(people: pd.DataFrame, at: At) -> dict[str, Any]:
    """Regression of true on predicted mass, ``true = intercept + slope · predicted``: ideal are 0 and 1."""
    if people["predicted_lvm_g"].nunique() < 2:
        raise NotEstimable("one prediction for everyone, no slope")
    found = stats.linregress(people["predicted_lvm_g"].to_numpy(float), people["lvm_g"].to_numpy(float))
    t = stats.t.isf((1 - LEVEL) / 2, len(people) - 2)
    both = ((found.slope, found.stderr), (found.intercept, found.intercept_stderr))
    values = [float(value + k * t * se) for value, se in both for k in (0, -1, 1)]
    return dict(zip(_LINE, values, strict=True))


def lvh_probability(
    predictions: pd.DataFrame, development: str, cutoffs_g_m2: Mapping[str, float] = PRIMARY
) -> FloatArray:
    """Return each row's probability of LVH: logistic regression on the estimated index over the cut-off of the sex.

    ``logit p = a + b · (predicted LVM / BSA) / cut-off``: LVH is an index above the cut-off of one's sex, so that grams
    would give the large person with a normal heart too much, and the small one too little. ``a`` and ``b`` are each
    model's and training's own, fitted practically without penalty in the development cohort, fold by fold as in
    `recalibrate`, also with its stretch of a mean of models (after which probabilities are still a little too near the
    middle, because a mean of models leaves less of the outcome open). A saved model knows no outcomes: of one person it
    tells `lvmass.training.card.probability_above_cutoff`, which follows from the interval alone.

    Parameters
    ----------
    predictions : DataFrame
        As `recalibrate` takes them.
    development : str
        Name of the development cohort.
    cutoffs_g_m2 : mapping
        Those that the column ``lvh`` came from.

    Returns
    -------
    array of float
        NaN where a class has fewer than ``MIN_CLASS`` patients to learn from.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = example_predictions()
    >>> table.assign(p=lvh_probability(table, "dev")).groupby("lvh")["p"].mean().round(2).to_dict()
    {False: 0.14, True: 0.4}
    """
    index_per_g = lvh_score(predictions.assign(gram=1.0), "indexed", cutoffs_g_m2, "gram")
    probability = np.full(len(predictions), np.nan)
    for learn, apply in out_of_fold(predictions, development):
        with suppress(NotEstimable):
            lvh = both_classes(predictions.iloc[learn])
            known = predictions["predicted_lvm_g"].to_numpy(float)[learn] * index_per_g[learn]
            centre, spread = known.mean(), known.std() or 1.0
            # a trace of ridge (1e-6) keeps the fit finite where the index separates the classes
            fit = LogisticRegression(C=1e6, solver="newton-cholesky").fit((known[:, None] - centre) / spread, lvh)
            there = as_learnt_from(predictions, learn, apply, index_per_g)
            probability[apply] = fit.predict_proba((there[:, None] - centre) / spread)[:, 1]
    return probability


def probable(study: Inputs) -> pd.DataFrame:
    """All fits with a column ``lvh_probability``, see there."""
    found = lvh_probability(study.predictions, study.development, study.cutoffs_g_m2)
    return study.predictions.assign(lvh_probability=pd.array(found, dtype="Float64"))


def known_probability(people: pd.DataFrame) -> tuple[NDArray[np.bool_], FloatArray]:
    """Outcome and probability of people that all have one; `NotEstimable` otherwise or where a class is too small."""
    if people["lvh_probability"].isna().any():
        raise NotEstimable("too few to learn a probability")
    return both_classes(people), people["lvh_probability"].to_numpy(float)


_PROBABLE = "slope intercept observed_over_expected brier brier_skill"


@Statistic(
    "probability_calibration", FIT,
    f"sex {' '.join(f'{name} {name}_ci_low {name}_ci_high' for name in _PROBABLE.split())} n_lvh n_subjects note",
    of=probable, lvh=True,
)  # fmt: skip
def _calibrated(people: pd.DataFrame, at: At) -> dict[str, Any]:
    """Logistic calibration of probabilities, and how far they are off (Van Calster et al., BMC Med 2019;17:230).

    The slope (ideal 1) is that of the outcome on ``logit p``; the intercept (ideal 0, "in the large") is fitted with
    slope 1. Observed over expected is ``Σ y / Σ p``; in the development cohort it is near 1 by construction. The Brier
    score is the mean of ``(p - y)²``, its skill ``1 - Brier / (π (1 - π))`` that against giving everyone the share
    ``π`` of these people with LVH. Intervals of the last three: BCa bootstrap.
    """
    y, p = known_probability(people)
    if np.ptp(p) == 0:
        raise NotEstimable("Calibration needs both outcomes and more than one probability.")
    if p[y].min() >= p[~y].max() or p[y].max() <= p[~y].min():
        raise NotEstimable("The probabilities separate the outcomes perfectly: there is no calibration slope.")
    odds, row = special.logit(p.clip(1e-12, 1 - 1e-12)), dict[str, float]()
    steep = GLM(y.astype(float), np.column_stack([odds, np.ones_like(odds)]), family=families.Binomial()).fit()
    large = GLM(y.astype(float), np.ones((y.size, 1)), family=families.Binomial(), offset=odds).fit()
    for name, fit in (("slope", steep), ("intercept", large)):
        row |= limited(name, fit.params[0], *fit.conf_int(1 - LEVEL)[0])
    terms = np.stack([np.ones_like(p), y, p, (p - y) ** 2])
    limits = bootstrap_limits(terms, _off, LEVEL, at.n_resamples, at.seed)
    for name, value, low, high in zip(_PROBABLE.split()[2:], _off(terms.sum(axis=1)), *limits, strict=True):
        row |= limited(name, value, low, high)
    return row


def _off(sums: FloatArray) -> FloatArray:
    """Observed over expected, Brier score and its skill, from sums over people of 1, y, p and (p - y)²."""
    n, y, p, squared = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.stack([y / p, squared / n, 1 - squared / (y * (1 - y / n))])


@Statistic(
    "calibration_curve", FIT, "sex bin mean_probability observed ci_low ci_high n_subjects note", of=probable, lvh=True
)
def _curve(people: pd.DataFrame, at: At) -> list[dict[str, Any]]:
    """Observed share with LVH against mean probability in at most ten groups of equal size, with Wilson's interval."""
    lvh, p = known_probability(people)
    rows = []
    for k, group in enumerate(np.array_split(np.argsort(p, kind="stable"), max(1, min(10, p.size // MIN_CLASS)))):
        low, high = stats.binomtest(int(lvh[group].sum()), group.size).proportion_ci(LEVEL, "wilson")
        row = {"bin": k, "mean_probability": float(p[group].mean()), "observed": float(lvh[group].mean())}
        rows.append(row | {"ci_low": low, "ci_high": high} | dict.fromkeys(("n_subjects", "n_patients"), group.size))
    return rows


def _known_ratios(fit: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each sex with people to learn from, one row a patient, and how far each is off (column ``ratio``).

    That is ``|ln(true / estimated)|``: the error in proportion, because it grows with the mass. Infinite where the
    estimate is not positive.
    """
    fit = fit.drop_duplicates("patient_id")
    true, estimates = (fit[name].to_numpy(float) for name in ("lvm_g", "predicted_lvm_g"))
    with np.errstate(divide="ignore"):
        ratio = np.abs(np.log(true) - np.log(np.maximum(estimates, 0.0)))
    for sex, own in fit.assign(ratio=ratio).groupby("sex"):
        yield str(sex), own


def _rank(n: int, confidence: float) -> int:
    """Rank of the limit among n ratios, 1 for the largest; 0 where n are too few for the confidence."""
    return int(np.floor((n + 1) * (1 - confidence) + 1e-9))  # undoes the rounding of 0.9


def interval_factors(fit: pd.DataFrame, confidence: float = 0.9) -> dict[str, float]:
    """Factor of a person's interval, ``estimate / factor`` to ``estimate · factor``, for each sex.

    Split conformal prediction (Vovk 2005) within each sex, learnt from out-of-fold predictions: with the factor
    ``exp q``, q the ``⌈(n + 1) confidence⌉``-th smallest ``|ln(true / estimated)|`` of n others, the interval covers at
    least at its confidence if they are exchangeable. Another cohort is not exchangeable: its coverage has to be looked
    at.

    Parameters
    ----------
    fit : DataFrame
        Rows of one fit in the development cohort: patient_id (the first ECG of each counts), sex, lvm_g,
        predicted_lvm_g.
    confidence : float
        Nominal coverage.

    Returns
    -------
    dict
        Sex to factor; a sex with too few people (fewer than 9 at 90 %), or too many estimates that are not positive,
        is left out.

    Examples
    --------
    >>> people = pd.DataFrame({"sex": "male", "lvm_g": 100.0, "predicted_lvm_g": np.arange(101.0, 120.0)})
    >>> people["patient_id"] = people.index
    >>> {sex: round(factor, 2) for sex, factor in interval_factors(people).items()}
    {'male': 1.18}
    """
    found = {}
    for sex, own in _known_ratios(fit):
        rank, ratios = _rank(len(own), confidence), np.sort(own["ratio"].to_numpy())
        if rank and np.isfinite(ratios[-rank]):
            found[sex] = float(np.exp(ratios[-rank]))
    return found


def conformal_intervals(
    predictions: pd.DataFrame, development: str, external_single: pd.DataFrame | None = None, confidence: float = 0.9
) -> pd.DataFrame:
    """Return the predictions with ``lower_g`` and ``upper_g``, learnt from other people of the same sex.

    Development folds learn from the other folds' out-of-fold errors, see `interval_factors`, other cohorts from all of
    them. An external estimate is a mean of fold models, each of which errs more than their mean; with the estimates of
    each (``external_single``) the interval is cross-conformal (CV+: Barber et al., Ann Stat 2021;49:486): with the log
    estimate ``m`` of a person by the model that has not seen person i, and the ratio ``r`` of i, it goes from the
    ``⌊α (n + 1)⌋``-th smallest ``m - r`` to the same rank of the largest ``m + r``. Because the mean errs less than one
    model, it covers a little more than its confidence, the more so the more the models differ. Missing where too few
    can be learnt from, or the estimate is not positive.

    Parameters
    ----------
    predictions, external_single : DataFrame
        See `lvmass.evaluation.tables.check_predictions`.
    development : str
        Name of the development cohort.
    confidence : float
        Nominal coverage.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = conformal_intervals(example_predictions(), "dev")
    >>> inside = (table["lower_g"] <= table["lvm_g"]) & (table["lvm_g"] <= table["upper_g"])
    >>> inside.groupby(table["cohort"]).mean().round(2).to_dict()
    {'dev': 0.9, 'ext': 0.88}
    """
    rows = predictions.reset_index(drop=True)
    estimates, limits = rows["predicted_lvm_g"].to_numpy(float), np.full((2, len(rows)), np.nan)
    keys, single, tiny = [*FIT.split(), "sex"], external_single, np.finfo(float).tiny
    fits = {} if single is None else {key: fit for key, fit in single.groupby(keys)}
    for learn, apply in out_of_fold(predictions, development):
        for sex, known in _known_ratios(rows.loc[learn]):
            own = apply[(rows.loc[apply, "sex"] == sex) & (estimates[apply] > 0)]
            rank, ratio = _rank(len(known), confidence), known["ratio"].to_numpy()
            if not (rank and own.size):
                continue
            if (fit := fits.get(tuple(rows.loc[own[0], keys]))) is None:  # the same ratio decides for everybody
                log, limit = np.log(np.maximum(estimates[own], tiny)), np.sort(ratio)[-rank]
                limits[:, own] = log - limit, log + limit
                continue
            codes, folds = pd.factorize(known["fold"])
            table = fit.pivot_table("predicted_lvm_g", "subject_id", "fold")
            by_model = np.log(np.maximum(table.loc[rows.loc[own, "subject_id"], folds].to_numpy(float), tiny))
            ratios = [np.sort(ratio[codes == k]) for k in range(len(folds))]
            limits[:, own] = _smallest(by_model, ratios, rank), -_smallest(-by_model, ratios, rank)
    limits[:, ~np.isfinite(limits[1])] = np.nan
    low, high = (pd.array(np.exp(limit), dtype="Float64") for limit in limits)
    return predictions.assign(lower_g=low, upper_g=high)


def _smallest(logs: FloatArray, ratios: list[FloatArray], rank: int) -> FloatArray:
    """For each row of logs, shape (n, k), the ``rank``-th smallest of ``logs[:, k] - r`` over all r of ``ratios[k]``.

    Found by halving, because all of them, people times people, would not fit into memory. Ratios ascend.

    Examples
    --------
    >>> _smallest(np.array([[5.0, 6.0]]), [np.array([0.1, 0.2]), np.array([0.3, 1.5])], 2).tolist()
    [4.8]
    """

    def counted(limit: FloatArray) -> NDArray[np.intp]:
        pairs = zip(ratios, logs.T, strict=True)
        return np.stack([each.size - np.searchsorted(each, log - limit) for each, log in pairs])

    largest = max(float(each[np.isfinite(each)].max(initial=0)) for each in ratios)
    low, high = logs.min(axis=1) - largest - 1, logs.max(axis=1)
    for _ in range(64):  # to the last bit
        middle = (low + high) / 2
        enough = counted(middle).sum(axis=0) >= rank
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    below = [
        np.where(n > 0, log - each[each.size - np.maximum(n, 1)], -np.inf)
        for each, log, n in zip(ratios, logs.T, counted(high), strict=True)
    ]
    return np.max(below, axis=0)


def _with_intervals(study: Inputs) -> pd.DataFrame:
    table = conformal_intervals(study.predictions, study.development, study.external_single)
    return with_groups(table, study.subjects)


@Statistic(
    "interval_coverage", f"{FIT} variable group", "sex coverage ci_low ci_high mean_width_g n_subjects note",
    of=_with_intervals,
)  # fmt: skip
def _coverage(people: pd.DataFrame, at: At) -> dict[str, Any]:
    """Share of people whose true mass lies in their interval, with Wilson's interval, and the mean width.

    Whose estimate is not positive has no interval, and counts as not covered.
    """
    if len(people) < MIN_GROUP:
        raise NotEstimable("too small a group")
    without = people["predicted_lvm_g"] <= 0
    if people.loc[~without, "lower_g"].isna().any() or without.all():
        raise NotEstimable("too few to learn an interval")
    true, low, high = (people[name].to_numpy(float, na_value=np.nan) for name in ("lvm_g", "lower_g", "upper_g"))
    inside = int(((low <= true) & (true <= high)).sum())
    below, above = stats.binomtest(inside, true.size).proportion_ci(LEVEL, "wilson")
    row = {"coverage": inside / true.size, "ci_low": below, "ci_high": above}
    row |= {"mean_width_g": float(np.nanmean(high - low))}
    return row | ({"note": f"no interval for {without.sum()}: estimate not positive"} if without.any() else {})
