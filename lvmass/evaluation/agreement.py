"""Agreement of predicted and measured mass within each sex: limits of agreement and intraclass correlation.

The error, predicted minus measured, is looked at against the *prediction*. Against the mean of both or the measured
mass, any prediction that is not perfect has a slope, by regression to the mean alone; against the prediction, one that
is calibrated has none. The slope itself is that of `mass_calibration` less from 1, and is not given again.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from lvmass.evaluation.calibration import recalibrated
from lvmass.evaluation.errors import MIN_PEOPLE
from lvmass.evaluation.results import FIT, At, Statistic
from lvmass.evaluation.tables import LEVEL, NotEstimable, limited

FloatArray = NDArray[np.float64]

# Normal quantile of limits that hold 95 % of the people.
Z = float(stats.norm.isf(0.025))

# Percentiles of the predictions at which limits that follow the spread are given.
PERCENTILES = (5, 50, 95)


def _given(name: str, value: float, half: float, unit: str = "_g") -> dict[str, float]:
    """Columns of an estimate, in gram unless said otherwise, and of its interval."""
    return limited(name, value, value - half, value + half, unit)


def _bland_altman(error: FloatArray) -> dict[str, float]:
    """Bias ± 1.96 SD of predicted minus true mass (Bland and Altman, Stat Methods Med Res 1999;8:135).

    Intervals by Student's t: bias with ``SD / sqrt(n)``, limits with ``SD sqrt(1/n + 1.96² / (2 (n - 1)))``.
    """
    n, bias, sd = error.size, error.mean(), error.std(ddof=1)
    t = stats.t.isf((1 - LEVEL) / 2, n - 1)
    half = t * sd * np.sqrt(1 / n + Z**2 / (2 * (n - 1)))
    limits = _given("lower", bias - Z * sd, half) | _given("upper", bias + Z * sd, half)
    return {"sd_g": float(sd)} | _given("bias", bias, t * sd / np.sqrt(n)) | limits


def _lines(predicted: FloatArray, error: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and SD of the error as straight lines of the prediction (Bland and Altman 1999, section 3.2).

    The mean is the regression of the error; the SD that of the absolute residuals (over ``sqrt(1 - leverage)``) times
    ``sqrt(π / 2)``, the ratio of a normal variable's SD to its mean absolute deviation.

    Returns
    -------
    lines : array of float, shape (2, 2)
        Of mean and SD: value at the mean prediction, and slope.
    influence : array of float, shape (2, 2, n)
        What each person adds to the error of each number: sums of products are their sandwich covariance (HC3), in
        which the second regression knows that its residuals come from the first.
    """
    design = np.column_stack([np.ones_like(predicted), predicted - predicted.mean()])
    bread = np.linalg.inv(design.T @ design)
    left = 1 - np.einsum("ij,jk,ik->i", design, bread, design)
    mean = bread @ design.T @ error
    residual = error - design @ mean
    spread = np.sqrt(np.pi / 2) * np.abs(residual) / np.sqrt(left)
    sd = bread @ design.T @ spread
    on_mean = bread @ (design * (residual / left)[:, None]).T
    on_sd = bread @ (design * ((spread - design @ sd) / left)[:, None]).T
    turned = -np.sqrt(np.pi / 2) * bread @ (design * np.sign(residual)[:, None]).T @ design
    return np.stack([mean, sd]), np.stack([on_mean, on_sd + turned @ on_mean])


def _icc(x: FloatArray) -> dict[str, float]:
    """Absolute agreement ICC(A,1) = ICC(2,1) of n people rated by k methods, shape (n, k), with its interval.

    Two-way model (Shrout and Fleiss, Psychol Bull 1979;86:420; interval: McGraw and Wong, Psychol Methods 1996;1:30).
    """
    (n, k), grand = x.shape, x.mean()
    people, methods = x.mean(axis=1), x.mean(axis=0)
    msr = k * np.square(people - grand).sum() / (n - 1)
    msc = n * np.square(methods - grand).sum() / (k - 1)
    mse = np.square(x - people[:, None] - methods + grand).sum() / ((n - 1) * (k - 1))
    if mse == 0 and msc == 0:
        return limited("icc", 1, 1, 1)
    icc = (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n)
    a = k * icc / (n * (1 - icc))
    b = 1 + k * icc * (n - 1) / (n * (1 - icc))
    v = (a * msc + b * mse) ** 2 / ((a * msc) ** 2 / (k - 1) + (b * mse) ** 2 / ((n - 1) * (k - 1)))
    f_low, f_high = stats.f.isf((1 - LEVEL) / 2, n - 1, v), stats.f.isf((1 - LEVEL) / 2, v, n - 1)
    rest = k * msc + (k * n - k - n) * mse
    low = n * (msr - f_low * mse) / (f_low * rest + n * msr)
    high = n * (f_high * msr - mse) / (rest + n * f_high * msr)
    return limited("icc", icc, low, high)


_AGREEMENT = (
    "sex bias_g bias_ci_low_g bias_ci_high_g sd_g lower_g lower_ci_low_g lower_ci_high_g upper_g upper_ci_low_g "
    "upper_ci_high_g sd_slope sd_slope_ci_low sd_slope_ci_high icc icc_ci_low icc_ci_high n_subjects note"
)
_SEXES_FIRST = ("female", "male", "all")


def _two(people: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """Prediction, and predicted minus true mass."""
    predicted = people["predicted_lvm_g"].to_numpy(float)
    return predicted, predicted - people["lvm_g"].to_numpy(float)


@Statistic("agreement_after_recalibration", FIT, _AGREEMENT, of=recalibrated, sexes=_SEXES_FIRST, least=MIN_PEOPLE)
@Statistic("agreement", FIT, _AGREEMENT, sexes=_SEXES_FIRST, least=MIN_PEOPLE)
def _agreement(people: pd.DataFrame, at: At) -> dict[str, Any]:
    """Bias, limits that are the same for everyone, how much the SD grows with each gram predicted, and ICC.

    Both sexes together differ more among each other, which raises the ICC without any better agreement.
    """
    predicted, error = _two(people)
    row: dict[str, Any] = _bland_altman(error) | _icc(people[["lvm_g", "predicted_lvm_g"]].to_numpy(float))
    if np.ptp(predicted) == 0:
        return row | {"note": "one prediction for everyone, no slope"}
    lines, influence = _lines(predicted, error)
    half = stats.t.isf((1 - LEVEL) / 2, error.size - 2) * np.sqrt(np.square(influence[1, 1]).sum())
    return row | _given("sd_slope", lines[1, 1], half, "")


_LIMITS = "sex percentile predicted_g " + " ".join(
    f"{name}_g {name}_ci_low_g {name}_ci_high_g" for name in ("mean_error", "lower", "upper")
)


@Statistic(
    "agreement_limits_after_recalibration", FIT, f"{_LIMITS} n_subjects note", of=recalibrated,
    sexes=("female", "male"), least=MIN_PEOPLE,
)  # fmt: skip
@Statistic("agreement_limits", FIT, f"{_LIMITS} n_subjects note", sexes=("female", "male"), least=MIN_PEOPLE)
def _limits(people: pd.DataFrame, at: At) -> list[dict[str, Any]]:
    """Mean error and the limits ``mean ± 1.96 SD`` at percentiles of the predictions, mean and SD by `_lines`."""
    predicted, error = _two(people)
    if np.ptp(predicted) == 0:
        raise NotEstimable("one prediction for everyone, no slope")
    lines, influence = _lines(predicted, error)
    t, rows = stats.t.isf((1 - LEVEL) / 2, error.size - 2), []
    for percentile, there in zip(PERCENTILES, np.percentile(predicted, PERCENTILES), strict=True):
        (mean, sd), own = lines @ [1, there - predicted.mean()], np.array([1, there - predicted.mean()]) @ influence
        row: dict[str, Any] = {"percentile": percentile, "predicted_g": float(there)}
        for name, z in (("mean_error", 0.0), ("lower", -Z), ("upper", Z)):
            row |= _given(name, mean + z * max(sd, 0.0), t * np.sqrt(np.square(own[0] + z * own[1]).sum()))
        rows.append(row)
    return rows
