"""The probability of LVH from a predicted mass, learnt in folds, and whether it is calibrated."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special
from sklearn.linear_model import LogisticRegression
from statsmodels.genmod import families
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.stats.proportion import proportion_confint

from lvmass.errors import DataError
from lvmass.evaluation.calibration import out_of_fold
from lvmass.evaluation.lvh import MIN_CLASS, check_classes
from lvmass.evaluation.tables import NotEstimable, Result, table_of

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def lvh_probability(predictions: pd.DataFrame, development: str) -> pd.DataFrame:
    """Return the predictions with ``lvh_probability``: logistic regression on predicted mass and sex.

    Fitted practically without penalty in the development cohort, fold by fold as in
    `lvmass.evaluation.calibration.recalibrate` (same parameters and errors). Where a class has fewer than five people
    to learn from, the probability is missing.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = lvh_probability(example_predictions(), "dev")
    >>> table.groupby("lvh")["lvh_probability"].mean().round(2).to_dict()
    {False: 0.15, True: 0.39}
    """
    lvh, mass = predictions["lvh"].to_numpy(bool), predictions["predicted_lvm_g"].to_numpy(float)
    scaled = (mass - mass.mean()) / (mass.std() or 1.0)
    features = np.column_stack([scaled, predictions["sex"] == "male"]).astype(float)
    probability = np.full(len(predictions), np.nan)
    for learn, apply in out_of_fold(predictions, development):
        if min(lvh[learn].sum(), (~lvh[learn]).sum()) >= MIN_CLASS:
            # a trace of ridge (1e-6) keeps the fit finite where the mass separates the classes or repeats the sex
            fit = LogisticRegression(C=1e6, solver="newton-cholesky").fit(features[learn], lvh[learn])
            probability[apply] = fit.predict_proba(features[apply])[:, 1]
    return predictions.assign(lvh_probability=pd.array(probability, dtype="Float64"))


@dataclass(frozen=True)
class ProbabilityCalibration(Result):
    """Calibration of probabilities: slope (ideal 1) and intercept (ideal 0), Brier score, observed over expected."""

    slope: float
    slope_ci_low: float
    slope_ci_high: float
    intercept: float
    intercept_ci_low: float
    intercept_ci_high: float
    brier: float
    observed_over_expected: float


def probability_calibration(y_true: ArrayLike, probability: ArrayLike, level: float = 0.95) -> ProbabilityCalibration:
    """Logistic calibration (Cox 1958; Van Calster et al., BMC Med 2019;17:230).

    The slope is that of the outcome on ``logit p``; the intercept ("in the large") is fitted with slope 1.

    Parameters
    ----------
    y_true : array of bool, shape (n,)
        The outcome.
    probability : array of float, shape (n,)
        Inside (0, 1).
    level : float
        Of the intervals.

    Raises
    ------
    DataError
        If a probability is not inside (0, 1), a class is absent, all probabilities are equal or separate the classes.

    Examples
    --------
    >>> y, p = np.repeat([1, 0, 1, 0], [20, 80, 60, 40]), np.repeat([0.2, 0.6], 100)
    >>> result = probability_calibration(y, p)
    >>> round(result.slope, 3), abs(round(result.intercept, 3)), round(result.observed_over_expected, 3)
    (1.0, 0.0, 1.0)
    """
    y, p = np.asarray(y_true).astype(float), np.asarray(probability, dtype=float)
    if y.shape != p.shape or not ((p > 0) & (p < 1)).all():
        raise DataError("Calibration needs one probability between 0 and 1 for each outcome.")
    if not 0 < y.mean() < 1 or np.ptp(p) == 0:
        raise NotEstimable("Calibration needs both outcomes and more than one probability.")
    if p[y == 1].min() > p[y == 0].max() or p[y == 1].max() < p[y == 0].min():
        raise NotEstimable("The probabilities separate the outcomes perfectly: there is no calibration slope.")
    odds = special.logit(p)
    slope = GLM(y, np.column_stack([np.ones_like(odds), odds]), family=families.Binomial()).fit()
    large = GLM(y, np.ones((y.size, 1)), family=families.Binomial(), offset=odds).fit()
    (low, high), (below, above) = slope.conf_int(1 - level)[1], large.conf_int(1 - level)[0]
    brier, ratio = np.square(p - y).mean(), y.sum() / p.sum()
    fitted = [float(x) for x in (slope.params[1], low, high, large.params[0], below, above, brier, ratio)]
    return ProbabilityCalibration(**dict(zip(ProbabilityCalibration.__dataclass_fields__, fitted, strict=True)))


def known_probability(people: pd.DataFrame) -> tuple[BoolArray, FloatArray]:
    """Outcome and probability of people that all have one; `NotEstimable` otherwise or where a class is too small.

    Examples
    --------
    >>> known_probability(pd.DataFrame({"lvh": [True], "lvh_probability": [None]}))
    Traceback (most recent call last):
    ...
    lvmass.evaluation.tables.NotEstimable: too few to learn a probability
    """
    if people["lvh_probability"].isna().any():
        raise NotEstimable("too few to learn a probability")
    lvh = people["lvh"].to_numpy(bool)
    check_classes(lvh)
    return lvh, people["lvh_probability"].to_numpy(float)


def probability_table(with_probability: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """`probability_calibration` of every fit, in everyone and within each sex; input from `lvh_probability`.

    Returns
    -------
    DataFrame
        cohort, model, training, sex, the fields of `ProbabilityCalibration`, n_lvh, n_subjects, note.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> row = probability_table(lvh_probability(example_predictions(), "dev")).iloc[0]
    >>> print(f"{row.slope:.2f} {row.intercept:.2f} {row.brier:.3f}")
    0.91 -0.01 0.122
    """

    def calibration(people: pd.DataFrame, _: str) -> dict[str, Any]:
        return asdict(probability_calibration(*known_probability(people), level))

    return table_of(with_probability, (*ProbabilityCalibration.__dataclass_fields__, "n_lvh"), calibration)


def calibration_curve(with_probability: pd.DataFrame, *, bins: int = 10, level: float = 0.95) -> pd.DataFrame:
    """Observed share with LVH against mean probability in groups of equal size, with Wilson's interval.

    Returns
    -------
    DataFrame
        cohort, model, training, sex, bin, mean_probability, observed, ci_low, ci_high, n_subjects (of the bin, at
        least ``MIN_CLASS``), note.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> curve = calibration_curve(lvh_probability(example_predictions(), "dev"), bins=4)
    >>> curve.loc[:3, "observed"].astype(float).round(2).tolist()
    [0.06, 0.08, 0.22, 0.42]
    """

    def observed(people: pd.DataFrame, _: str) -> list[dict[str, Any]]:
        lvh, p = known_probability(people)
        rows = []
        for k, group in enumerate(np.array_split(np.argsort(p, kind="stable"), max(1, min(bins, p.size // MIN_CLASS)))):
            low, high = proportion_confint(lvh[group].sum(), group.size, alpha=1 - level, method="wilson")
            row = {"bin": k, "mean_probability": float(p[group].mean()), "observed": float(lvh[group].mean())}
            rows.append(row | {"ci_low": float(low), "ci_high": float(high), "n_subjects": group.size})
        return rows

    return table_of(with_probability, ("bin", "mean_probability", "observed", "ci_low", "ci_high"), observed)
