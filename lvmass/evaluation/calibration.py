"""Agreement and calibration of predicted mass, the probability of LVH, and intervals for a person.

What is learnt from true masses (a line, a probability, an interval's width) is learnt on development people only, and
never on the person it is applied to.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats
from sklearn.linear_model import LogisticRegression
from statsmodels.genmod import families
from statsmodels.genmod.generalized_linear_model import GLM

from lvmass.errors import DataError
from lvmass.evaluation.errors import ESTIMATES, MIN_GROUP, MIN_PEOPLE, over_people, subgroup_levels, with_groups
from lvmass.evaluation.lvh import MIN_CLASS, both_classes
from lvmass.evaluation.registry import FIT, At, Inputs, Statistic
from lvmass.evaluation.tables import NotEstimable, at_least

FloatArray = NDArray[np.float64]


def _out_of_fold(predictions: pd.DataFrame, development: str) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield row numbers to learn from and to apply to: each development fold by the others, another cohort by all."""
    for (model, training), fit in predictions.reset_index(drop=True).groupby(["model", "training"], sort=False):
        rows, fold = fit.index.to_numpy(), fit["fold"].to_numpy()
        own = (fit["cohort"] == development).to_numpy()
        if not own.any():
            raise DataError(
                f"There are no predictions of {model} ({training}) in the development cohort {development}."
            )
        for left_out in np.unique(fold[own]):
            yield rows[own & (fold != left_out)], rows[own & (fold == left_out)]
        for _, other in fit[~own].groupby("cohort", sort=False):
            yield rows[own], other.index.to_numpy()


def _as_learnt_from(predictions: pd.DataFrame, learn: NDArray[np.intp], apply: NDArray[np.intp]) -> FloatArray:
    """Estimates to apply to, stretched so that a slope learnt on single models suits their mean; see `recalibrate`."""
    estimates = predictions["predicted_lvm_g"].to_numpy(float)
    if "model_sd_g" not in predictions:
        return estimates[apply]
    noise = predictions["model_sd_g"].fillna(0.0).to_numpy(float) ** 2
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
    for learn, apply in _out_of_fold(predictions, development):
        if len(learn) < 3:
            raise DataError("Recalibration needs three or more development people to learn from.")
        if np.ptp(predicted[learn]) == 0:
            corrected[apply] = predicted[apply] + (true[learn] - predicted[learn]).mean()
        else:
            line = stats.linregress(predicted[learn], true[learn])
            corrected[apply] = line.intercept + line.slope * _as_learnt_from(predictions, learn, apply)
    return predictions.assign(predicted_lvm_g=corrected)


def _recalibrated(study: Inputs) -> pd.DataFrame:
    return recalibrate(study.predictions, study.development)


Statistic("errors_after_recalibration", FIT, ESTIMATES, of=_recalibrated, clusters=True)(over_people)

_LINE = ("slope", "slope_ci_low", "slope_ci_high", "intercept_g", "intercept_ci_low_g", "intercept_ci_high_g")


@Statistic("calibration_after_recalibration", FIT, f"sex {' '.join(_LINE)} n_subjects note", of=_recalibrated)
@Statistic("mass_calibration", FIT, f"sex {' '.join(_LINE)} n_subjects note")
def _line(people: pd.DataFrame, at: At) -> dict[str, Any]:
    """Regression of true on predicted mass, ``true = intercept + slope · predicted``: ideal are 0 and 1."""
    at_least(len(people), MIN_PEOPLE)
    if people["predicted_lvm_g"].nunique() < 2:
        raise NotEstimable("one prediction for everyone, no slope")
    found = stats.linregress(people["predicted_lvm_g"].to_numpy(float), people["lvm_g"].to_numpy(float))
    t = stats.t.isf((1 - at.level) / 2, len(people) - 2)
    both = ((found.slope, found.stderr), (found.intercept, found.intercept_stderr))
    values = [float(value + k * t * se) for value, se in both for k in (0, -1, 1)]
    return dict(zip(_LINE, values, strict=True))


def _bland_altman(true: FloatArray, predicted: FloatArray, level: float) -> dict[str, float]:
    """Bias ± 1.96 SD of predicted minus true mass (Bland and Altman, Stat Methods Med Res 1999;8:135).

    Intervals by Student's t: bias with ``SD / sqrt(n)``, limits with ``SD sqrt(1/n + 1.96² / (2 (n - 1)))``.
    Proportional bias is the regression of the difference on the mean of both; a slope below 0 is expected of any
    prediction that shrinks towards the mean, also of an unbiased one.
    """
    difference, middle = predicted - true, (predicted + true) / 2
    if np.ptp(middle) == 0:
        raise NotEstimable("Agreement: all people have the same mean of true and predicted mass.")
    n, bias, sd = true.size, float(difference.mean()), float(difference.std(ddof=1))
    z, t = float(stats.norm.isf(0.025)), float(stats.t.isf((1 - level) / 2, n - 1))
    half = {"bias": t * sd / np.sqrt(n)}
    half["lower"] = half["upper"] = t * sd * np.sqrt(1 / n + z**2 / (2 * (n - 1)))
    row = {"sd_g": sd}
    for name, value in (("bias", bias), ("lower", bias - z * sd), ("upper", bias + z * sd)):
        limits = {f"{name}_ci_low_g": value - half[name], f"{name}_ci_high_g": value + half[name]}
        row |= {f"{name}_g": value} | {limit: float(at) for limit, at in limits.items()}
    line = stats.linregress(middle, difference)
    return row | {"proportional_slope": float(line.slope), "proportional_p": float(line.pvalue)}


def _icc(x: FloatArray, level: float) -> dict[str, float]:
    """Absolute agreement ICC(A,1) = ICC(2,1) of n people rated by k methods, shape (n, k), with its interval.

    Two-way model (Shrout and Fleiss, Psychol Bull 1979;86:420; interval: McGraw and Wong, Psychol Methods 1996;1:30).
    """
    (n, k), grand = x.shape, x.mean()
    people, methods = x.mean(axis=1), x.mean(axis=0)
    msr = k * np.square(people - grand).sum() / (n - 1)
    msc = n * np.square(methods - grand).sum() / (k - 1)
    mse = np.square(x - people[:, None] - methods + grand).sum() / ((n - 1) * (k - 1))
    if mse == 0 and msc == 0:
        return {"icc": 1.0, "icc_ci_low": 1.0, "icc_ci_high": 1.0}
    icc = (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n)
    a = k * icc / (n * (1 - icc))
    b = 1 + k * icc * (n - 1) / (n * (1 - icc))
    v = (a * msc + b * mse) ** 2 / ((a * msc) ** 2 / (k - 1) + (b * mse) ** 2 / ((n - 1) * (k - 1)))
    f_low, f_high = stats.f.isf((1 - level) / 2, n - 1, v), stats.f.isf((1 - level) / 2, v, n - 1)
    rest = k * msc + (k * n - k - n) * mse
    low = n * (msr - f_low * mse) / (f_low * rest + n * msr)
    high = n * (f_high * msr - mse) / (rest + n * f_high * msr)
    return {"icc": float(icc), "icc_ci_low": float(low), "icc_ci_high": float(high)}


_AGREEMENT = (
    "sex bias_g bias_ci_low_g bias_ci_high_g sd_g lower_g lower_ci_low_g lower_ci_high_g upper_g upper_ci_low_g "
    "upper_ci_high_g proportional_slope proportional_p icc icc_ci_low icc_ci_high n_subjects note"
)


@Statistic("agreement_after_recalibration", FIT, _AGREEMENT, of=_recalibrated)
@Statistic("agreement", FIT, _AGREEMENT)
def _agreement(people: pd.DataFrame, at: At) -> dict[str, Any]:
    at_least(len(people), MIN_PEOPLE)
    both = people[["lvm_g", "predicted_lvm_g"]].to_numpy(float)
    return _bland_altman(both[:, 0], both[:, 1], at.level) | _icc(both, at.level)


def lvh_probability(predictions: pd.DataFrame, development: str) -> pd.DataFrame:
    """Return the predictions with ``lvh_probability``: logistic regression on predicted mass and sex.

    Fitted practically without penalty in the development cohort, fold by fold as in `recalibrate` (same parameters
    and errors; also its stretch of a mean of models, after which probabilities are still a little too near the middle,
    because a mean of models leaves less of the outcome open). Where a class has fewer than five patients to learn from,
    the probability is missing.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = lvh_probability(example_predictions(), "dev")
    >>> table.groupby("lvh")["lvh_probability"].mean().round(2).to_dict()
    {False: 0.15, True: 0.39}
    """
    mass = predictions["predicted_lvm_g"].to_numpy(float)
    spread, male = mass.std() or 1.0, (predictions["sex"] == "male").to_numpy(float)
    features = np.column_stack([(mass - mass.mean()) / spread, male])
    probability = np.full(len(predictions), np.nan)
    for learn, apply in _out_of_fold(predictions, development):
        with suppress(NotEstimable):
            lvh = both_classes(predictions.iloc[learn])
            # a trace of ridge (1e-6) keeps the fit finite where the mass separates the classes or repeats the sex
            fit = LogisticRegression(C=1e6, solver="newton-cholesky").fit(features[learn], lvh)
            scaled = (_as_learnt_from(predictions, learn, apply) - mass.mean()) / spread
            probability[apply] = fit.predict_proba(np.column_stack([scaled, male[apply]]))[:, 1]
    return predictions.assign(lvh_probability=pd.array(probability, dtype="Float64"))


def probable(study: Inputs) -> pd.DataFrame:
    """All fits with `lvh_probability`."""
    return lvh_probability(study.predictions, study.development)


def known_probability(people: pd.DataFrame) -> tuple[NDArray[np.bool_], FloatArray]:
    """Outcome and probability of people that all have one; `NotEstimable` otherwise or where a class is too small."""
    if people["lvh_probability"].isna().any():
        raise NotEstimable("too few to learn a probability")
    return both_classes(people), people["lvh_probability"].to_numpy(float)


@Statistic(
    "probability_calibration", FIT,
    "sex slope slope_ci_low slope_ci_high intercept intercept_ci_low intercept_ci_high brier observed_over_expected "
    "n_lvh n_subjects note", of=probable,
)  # fmt: skip
def _calibrated(people: pd.DataFrame, at: At) -> dict[str, Any]:
    """Logistic calibration of probabilities (Cox 1958; Van Calster et al., BMC Med 2019;17:230).

    The slope (ideal 1) is that of the outcome on ``logit p``; the intercept (ideal 0, "in the large") is fitted with
    slope 1.
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
        low, high = fit.conf_int(1 - at.level)[0]
        row |= {name: float(fit.params[0]), f"{name}_ci_low": float(low), f"{name}_ci_high": float(high)}
    return row | {"brier": float(np.square(p - y).mean()), "observed_over_expected": float(y.sum() / p.sum())}


def wilson(count: int, n: int, level: float) -> tuple[float, float]:
    """Wilson's interval of a share (JASA 1927;22:209)."""
    limits = stats.binomtest(count, n).proportion_ci(level, method="wilson")
    return float(limits.low), float(limits.high)


@Statistic("calibration_curve", FIT, "sex bin mean_probability observed ci_low ci_high n_subjects note", of=probable)
def _curve(people: pd.DataFrame, at: At) -> list[dict[str, Any]]:
    """Observed share with LVH against mean probability in at most ten groups of equal size, with Wilson's interval."""
    lvh, p = known_probability(people)
    rows = []
    for k, group in enumerate(np.array_split(np.argsort(p, kind="stable"), max(1, min(10, p.size // MIN_CLASS)))):
        low, high = wilson(int(lvh[group].sum()), group.size, at.level)
        row = {"bin": k, "mean_probability": float(p[group].mean()), "observed": float(lvh[group].mean())}
        rows.append(row | {"ci_low": low, "ci_high": high} | dict.fromkeys(("n_subjects", "n_patients"), group.size))
    return rows


def interval_half_widths(fit: pd.DataFrame, confidence: float = 0.9) -> dict[str, float]:
    """Half width in gram of a person's interval for each sex, learnt from out-of-fold predictions.

    Split conformal prediction (Vovk 2005) within each sex: ``prediction ± q``, with q the ``⌈(n + 1) confidence⌉``-th
    smallest absolute error of n others, covers at least at its confidence if they are exchangeable. Another cohort is
    not exchangeable: its coverage has to be looked at.

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
        Sex to gram; a sex with too few people (fewer than 9 at 90 %) is left out.

    Examples
    --------
    >>> people = pd.DataFrame({"sex": "male", "lvm_g": 100.0, "predicted_lvm_g": np.arange(101.0, 120.0)})
    >>> people["patient_id"] = people.index
    >>> interval_half_widths(people)
    {'male': 18.0}
    """
    fit = fit.drop_duplicates("patient_id")
    errors = (fit["predicted_lvm_g"] - fit["lvm_g"]).abs()
    widths = {}
    for sex, values in errors.groupby(fit["sex"]):
        rank = int(np.ceil((len(values) + 1) * confidence - 1e-9))  # undoes the rounding of 0.9
        if rank <= len(values):
            widths[str(sex)] = float(np.sort(values.to_numpy(float))[rank - 1])
    return widths


def interval_limits(predicted_lvm_g: ArrayLike, half_width_g: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Limits ``prediction ± half width`` in gram, both at least 0: no mass is negative.

    Parameters
    ----------
    predicted_lvm_g, half_width_g : float or array of float, shape (n,)
        Estimates, and half widths from `interval_half_widths`, in gram.

    Examples
    --------
    >>> low, high = interval_limits([20.0, 120.0], 30.0)
    >>> low.tolist(), high.tolist()
    ([0.0, 90.0], [50.0, 150.0])
    """
    predicted, half = np.asarray(predicted_lvm_g, dtype=float), np.asarray(half_width_g, dtype=float)
    return np.maximum(predicted - half, 0.0), np.maximum(predicted + half, 0.0)


def conformal_intervals(predictions: pd.DataFrame, development: str, confidence: float = 0.9) -> pd.DataFrame:
    """Return the predictions with ``lower_g`` and ``upper_g``, learnt from other people of the same sex.

    Development folds learn from the other folds' out-of-fold errors, other cohorts from all of them, as in
    `recalibrate` (same parameters and errors); missing where too few can be learnt from.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = conformal_intervals(example_predictions(), "dev")
    >>> inside = (table["lower_g"] <= table["lvm_g"]) & (table["lvm_g"] <= table["upper_g"])
    >>> inside.groupby(table["cohort"]).mean().round(2).to_dict()
    {'dev': 0.91, 'ext': 0.86}
    """
    rows = predictions.reset_index(drop=True)
    half = np.full(len(rows), np.nan)
    for learn, apply in _out_of_fold(predictions, development):
        half[apply] = rows.loc[apply, "sex"].map(interval_half_widths(rows.loc[learn], confidence)).to_numpy(float)
    predicted = rows["predicted_lvm_g"].to_numpy(float)
    low, high = (pd.array(limit, dtype="Float64") for limit in interval_limits(predicted, half))
    return predictions.assign(lower_g=low, upper_g=high)


def _with_intervals(study: Inputs) -> pd.DataFrame:
    table = conformal_intervals(study.predictions, study.development, study.confidence)
    return with_groups(table, subgroup_levels(study.subjects))


@Statistic(
    "interval_coverage", f"{FIT} variable group", "sex coverage ci_low ci_high mean_width_g n_subjects note",
    of=_with_intervals,
)  # fmt: skip
def _coverage(people: pd.DataFrame, at: At) -> dict[str, Any]:
    """Share of people whose true mass lies in their interval, with Wilson's interval, and the mean width."""
    if len(people) < MIN_GROUP:
        raise NotEstimable("too small a group")
    if people["lower_g"].isna().any():
        raise NotEstimable("too few to learn an interval")
    true, low, high = (people[name].to_numpy(float) for name in ("lvm_g", "lower_g", "upper_g"))
    inside = int(((low <= true) & (true <= high)).sum())
    below, above = wilson(inside, true.size, at.level)
    row = {"coverage": inside / true.size, "ci_low": below, "ci_high": above}
    return row | {"mean_width_g": float((high - low).mean())}
