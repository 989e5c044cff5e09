"""Agreement of predicted with true mass: Bland–Altman limits and the intraclass correlation."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from lvmass.errors import DataError
from lvmass.evaluation.errors import MIN_PEOPLE
from lvmass.evaluation.tables import NotEstimable, Result, at_least, table_of


@dataclass(frozen=True)
class BlandAltman(Result):
    """Bias, limits of agreement and their intervals in gram, and the slope of difference on mean.

    A slope below 0 is expected of any prediction that shrinks towards the mean, also an unbiased one.
    """

    bias_g: float
    bias_ci_low_g: float
    bias_ci_high_g: float
    sd_g: float
    lower_g: float
    lower_ci_low_g: float
    lower_ci_high_g: float
    upper_g: float
    upper_ci_low_g: float
    upper_ci_high_g: float
    proportional_slope: float
    proportional_p: float
    n_subjects: int


def _pairs(lvm_g: ArrayLike, predicted_lvm_g: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    true, predicted = np.asarray(lvm_g, dtype=float), np.asarray(predicted_lvm_g, dtype=float)
    if true.shape != predicted.shape or true.ndim != 1 or true.size < 3:
        raise DataError("Agreement needs true and predicted masses of the same three or more people.")
    if not np.isfinite([true, predicted]).all():
        raise DataError("Agreement: a mass is missing or infinite.")
    return true, predicted


def bland_altman(lvm_g: ArrayLike, predicted_lvm_g: ArrayLike, level: float = 0.95) -> BlandAltman:
    """Bias ± 1.96 SD of predicted minus true mass (Bland and Altman, Stat Methods Med Res 1999;8:135).

    Intervals by Student's t: bias with ``SD / sqrt(n)``, limits with ``SD sqrt(1/n + 1.96² / (2 (n - 1)))``.
    Proportional bias is the regression of the difference on the mean of both.

    Parameters
    ----------
    lvm_g, predicted_lvm_g : array of float, shape (n,)
        In gram.
    level : float
        Of the intervals; the limits always hold 95 % of people.

    Raises
    ------
    DataError
        If the shapes differ, a mass is not finite, there are fewer than three people or all means are equal.

    Examples
    --------
    >>> result = bland_altman([100.0, 120, 140, 90], [104.0, 118, 133, 95])
    >>> print(f"{result.bias_g:.1f} g, limits {result.lower_g:.1f} to {result.upper_g:.1f} g")
    0.0 g, limits -11.0 to 11.0 g
    """
    true, predicted = _pairs(lvm_g, predicted_lvm_g)
    difference, middle = predicted - true, (predicted + true) / 2
    if np.ptp(middle) == 0:
        raise NotEstimable("Agreement: all people have the same mean of true and predicted mass.")
    n, bias, sd = true.size, float(difference.mean()), float(difference.std(ddof=1))
    z, t = float(stats.norm.isf(0.025)), float(stats.t.isf((1 - level) / 2, n - 1))
    around_bias, around_limit = t * sd / np.sqrt(n), t * sd * np.sqrt(1 / n + z**2 / (2 * (n - 1)))
    lower, upper = bias - z * sd, bias + z * sd
    line = stats.linregress(middle, difference)
    return BlandAltman(
        *(bias, bias - around_bias, bias + around_bias, sd),
        *(lower, lower - around_limit, lower + around_limit),
        *(upper, upper - around_limit, upper + around_limit),
        *(float(line.slope), float(line.pvalue), n),
    )


@dataclass(frozen=True)
class Icc(Result):
    """Intraclass correlations of single ratings: absolute agreement with its interval, and consistency."""

    agreement: float
    ci_low: float
    ci_high: float
    consistency: float


def intraclass_correlation(ratings: ArrayLike, level: float = 0.95) -> Icc:
    """ICC(A,1) = ICC(2,1), and ICC(C,1) = ICC(3,1), of n people rated by k methods.

    Two-way model (Shrout and Fleiss, Psychol Bull 1979;86:420; interval: McGraw and Wong, Psychol Methods 1996;1:30).

    Parameters
    ----------
    ratings : array of float, shape (n, k)
        For instance true and predicted mass in gram in two columns.
    level : float
        Of the interval.

    Raises
    ------
    DataError
        With fewer than three people or two methods, missing values or no spread between people.

    Examples
    --------
    >>> result = intraclass_correlation([[100.0, 104], [120, 118], [140, 133], [90, 95]])
    >>> round(result.agreement, 3), round(result.consistency, 3)
    (0.969, 0.959)
    """
    x = np.asarray(ratings, dtype=float)
    if x.ndim != 2 or x.shape[0] < 3 or x.shape[1] < 2 or not np.isfinite(x).all():
        raise DataError(
            "The intraclass correlation needs finite ratings of three or more people by two or more methods."
        )
    (n, k), grand = x.shape, x.mean()
    people, methods = x.mean(axis=1), x.mean(axis=0)
    msr = k * np.square(people - grand).sum() / (n - 1)
    msc = n * np.square(methods - grand).sum() / (k - 1)
    mse = np.square(x - people[:, None] - methods + grand).sum() / ((n - 1) * (k - 1))
    if msr == 0:
        raise NotEstimable("The intraclass correlation does not exist: all people have the same mean.")
    consistency = (msr - mse) / (msr + (k - 1) * mse)
    agreement = (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n)
    if mse == 0 and msc == 0:
        return Icc(1.0, 1.0, 1.0, 1.0)
    a = k * agreement / (n * (1 - agreement))
    b = 1 + k * agreement * (n - 1) / (n * (1 - agreement))
    v = (a * msc + b * mse) ** 2 / ((a * msc) ** 2 / (k - 1) + (b * mse) ** 2 / ((n - 1) * (k - 1)))
    f_low, f_high = stats.f.isf((1 - level) / 2, n - 1, v), stats.f.isf((1 - level) / 2, v, n - 1)
    rest = k * msc + (k * n - k - n) * mse
    low = n * (msr - f_low * mse) / (f_low * rest + n * msr)
    high = n * (f_high * msr - mse) / (rest + n * f_high * msr)
    return Icc(float(agreement), float(low), float(high), float(consistency))


def agreement_table(predictions: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Bland–Altman and ICC of every fit, in everyone and within each sex.

    Returns
    -------
    DataFrame
        cohort, model, training, sex, the fields of `BlandAltman`, icc, icc_ci_low, icc_ci_high, n_subjects, note.
        Errors as `lvmass.evaluation.tables.check_predictions`.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> row = agreement_table(example_predictions()).iloc[0]
    >>> print(f"{row.bias_g:.1f} g, limits {row.lower_g:.0f} to {row.upper_g:.0f} g, ICC {row.icc:.2f}")
    -0.1 g, limits -32 to 32 g, ICC 0.80
    """

    def agree(people: pd.DataFrame, _: str) -> dict[str, Any]:
        at_least(len(people), MIN_PEOPLE)
        true, predicted = people["lvm_g"].to_numpy(float), people["predicted_lvm_g"].to_numpy(float)
        icc = intraclass_correlation(np.column_stack([true, predicted]), level)
        row = {"icc": icc.agreement, "icc_ci_low": icc.ci_low, "icc_ci_high": icc.ci_high}
        return asdict(bland_altman(true, predicted, level)) | row

    fields = [name for name in BlandAltman.__dataclass_fields__ if name != "n_subjects"]
    return table_of(predictions, (*fields, "icc", "icc_ci_low", "icc_ci_high"), agree)
