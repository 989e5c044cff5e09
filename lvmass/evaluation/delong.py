"""DeLong's variance of the area under the ROC curve and the tests that rest on it.

The area is the mean over people with the condition of a *placement*, the share of people without it who
score lower (ties count half); its variance comes from the spread of the placements in both classes (DeLong,
DeLong and Clarke-Pearson, Biometrics 1988;44:837). One sort a curve gives all of them: a placement is a
person's midrank among all minus the midrank within the own class (Sun and Xu, IEEE Signal Process Lett
2014;21:1389), so the cost is O(n log n). Counts of halves are exact in float64; they are divided at the end.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from lvmass.errors import DataError
from lvmass.evaluation.tables import NotEstimable, Result

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class DelongResult(Result):
    """Two areas under the ROC curve and the test of their difference.

    ``z`` is the difference over its standard error. ``p_value`` is two-sided: from the normal distribution for
    a paired test; for an unpaired one from Student's t with the Welch–Satterthwaite ``df``, and then the normal
    form stands beside it in ``p_value_normal``.
    """

    auc_a: float
    auc_b: float
    difference: float
    ci_low: float
    ci_high: float
    z: float
    p_value: float
    variance_a: float
    variance_b: float
    covariance: float
    standard_error: float
    level: float = 0.95
    df: float | None = None
    p_value_normal: float | None = None


class AucInterval(NamedTuple):
    """An area under the ROC curve and its confidence interval."""

    auc: float
    ci_low: float
    ci_high: float


def _check(y_true: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], FloatArray]:
    """Refuse what has no DeLong variance; return classes (n,) and scores (k, n)."""
    y = np.asarray(y_true)
    s = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    if y.ndim != 1 or s.ndim != 2 or s.shape[1] != y.size:
        raise DataError(f"DeLong: {y.shape} classes and {s.shape} scores do not match; give one score a person.")
    if y.dtype != np.bool_ and not np.isin(y, (0, 1)).all():
        raise DataError("DeLong: the classes must be 0 and 1 (or false and true).")
    if not np.isfinite(s).all():
        raise DataError("DeLong: a score is missing or infinite.")
    positive = y.astype(bool)
    n_positive = int(positive.sum())
    if min(n_positive, y.size - n_positive) < 2:
        raise NotEstimable(
            f"DeLong: {n_positive} of {y.size} people have the condition; it takes two with and two without."
        )
    return positive, s


def _placement_counts(positive: NDArray[np.bool_], score: FloatArray) -> FloatArray:
    """People of the other class beaten (with) or unbeaten (without) by each person's score, ties half."""
    order = np.argsort(score)
    ranked, cases = score[order], positive[order]
    starts = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))
    sizes = np.diff(starts, append=score.size)
    cases_below = np.concatenate(([0], np.cumsum(cases)))
    first, last = cases_below[starts], cases_below[starts + sizes]
    controls_below = np.repeat(starts - first + 0.5 * (sizes - (last - first)), sizes)
    cases_above = np.repeat(cases_below[-1] - 0.5 * (first + last), sizes)
    counts = np.empty_like(score)
    counts[order] = np.where(cases, controls_below, cases_above)
    return counts


def components(y_true: ArrayLike, scores: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Areas (k,) and the placements, less the area, of those with (k, m) and without (k, n) the condition.

    Input and errors as `delong_covariance`; the building block of the other designs.

    Examples
    --------
    >>> areas, with_it, without = components([0, 0, 1, 1], [1, 3, 2, 4])
    >>> areas.tolist(), with_it.tolist(), without.tolist()
    ([0.75], [[-0.25, 0.25]], [[0.25, -0.25]])
    """
    positive, s = _check(y_true, scores)
    counts = np.stack([_placement_counts(positive, row) for row in s])
    with_it, without = counts[:, positive], counts[:, ~positive]
    m, n = with_it.shape[1], without.shape[1]
    aucs = with_it.sum(axis=1) / (float(m) * n)
    return aucs, with_it / n - aucs[:, None], without / m - aucs[:, None]


def _spread(with_it: FloatArray, without: FloatArray) -> FloatArray:
    """Covariance of areas from their centred placements: ``S10 / m + S01 / n``."""
    m, n = with_it.shape[1], without.shape[1]
    return with_it @ with_it.T / (m * (m - 1.0)) + without @ without.T / (n * (n - 1.0))


def delong_covariance(y_true: ArrayLike, scores: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Areas under the curves of several scores on the same people, and their covariance matrix.

    Parameters
    ----------
    y_true : array of bool or 0/1, shape (n,)
        True where the person has the condition.
    scores : array of float, shape (k, n) or (n,)
        Higher means more likely; any unit.

    Returns
    -------
    tuple
        Areas, shape (k,), and their covariance, shape (k, k).

    Raises
    ------
    DataError
        If shapes differ, a score is not finite or a class has fewer than two people.

    Examples
    --------
    >>> aucs, covariance = delong_covariance([0, 0, 1, 1], [[1, 2, 3, 4], [1, 3, 2, 4]])
    >>> aucs.tolist(), covariance.tolist()
    ([1.0, 0.75], [[0.0, 0.0], [0.0, 0.125]])
    """
    aucs, with_it, without = components(y_true, scores)
    return aucs, _spread(with_it, without)


def delong_variance(y_true: ArrayLike, score: ArrayLike) -> tuple[float, float]:
    """Area under one ROC curve and DeLong's variance of it; input and errors as `delong_covariance`.

    Examples
    --------
    >>> delong_variance([0, 0, 1, 1], [1, 3, 2, 4])
    (0.75, 0.125)
    """
    aucs, covariance = delong_covariance(y_true, score)
    return float(aucs[0]), float(covariance[0, 0])


def auc_interval(
    y_true: ArrayLike, score: ArrayLike, level: float = 0.95, method: Literal["plain", "logit"] = "plain"
) -> AucInterval:
    """Area with its confidence interval: ``auc ± z·se`` clipped to [0, 1], or the same on the logit scale.

    The logit form (Pepe 2003, section 5.2) stays inside (0, 1) and covers better near 1; it does not exist at
    an area of exactly 0 or 1, where the plain one has no width.

    Raises
    ------
    DataError
        As `delong_covariance`, and for the logit form of an area of 0 or 1.

    Examples
    --------
    >>> auc, low, high = auc_interval([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6], method="logit")
    >>> print(f"{auc:.3f} ({low:.3f} to {high:.3f})")
    0.889 (0.261 to 0.995)
    """
    auc, variance = delong_variance(y_true, score)
    half = stats.norm.isf((1 - level) / 2) * np.sqrt(variance)
    if method == "plain":
        return AucInterval(auc, max(0.0, float(auc - half)), min(1.0, float(auc + half)))
    if auc in (0.0, 1.0):
        raise NotEstimable(f"The classes are separated perfectly (area {auc:g}): there is no logit interval.")
    centre, half = np.log(auc / (1 - auc)), half / (auc * (1 - auc))
    low, high = 1 / (1 + np.exp(-(centre + np.array([-half, half]))))
    return AucInterval(auc, float(low), float(high))


def result_of(aucs: FloatArray, covariance: FloatArray, variance: float, level: float, **extra: Any) -> DelongResult:
    """Test one difference of areas whose variance is known."""
    difference, se = float(aucs[0] - aucs[1]), float(np.sqrt(variance))
    if se == 0 and difference != 0:
        raise NotEstimable(f"The areas {aucs[0]:g} and {aucs[1]:g} have variance 0: there is no DeLong test.")
    z = difference / se if se > 0 else 0.0
    df = extra.get("df")
    law = stats.norm if df is None else stats.t(df)
    half = float(law.isf((1 - level) / 2)) * se
    return DelongResult(
        auc_a=float(aucs[0]),
        auc_b=float(aucs[1]),
        difference=difference,
        ci_low=difference - half,
        ci_high=difference + half,
        z=z,
        p_value=float(2 * law.sf(abs(z))),
        variance_a=float(covariance[0, 0]),
        variance_b=float(covariance[1, 1]),
        covariance=float(covariance[0, 1]),
        standard_error=se,
        level=level,
        p_value_normal=None if df is None else float(2 * stats.norm.sf(abs(z))),
        **extra,
    )


def delong_paired(y_true: ArrayLike, score_a: ArrayLike, score_b: ArrayLike, level: float = 0.95) -> DelongResult:
    """Compare two scores of the same people: ``z = (A - B) / sqrt(var A + var B - 2 cov)``.

    Input and errors as `delong_covariance`. Two equal areas without variance (both 1) give z = 0 and p = 1.

    Examples
    --------
    >>> result = delong_paired([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6], [2, 1, 6, 3, 4, 5])
    >>> round(result.difference, 3), round(result.p_value, 3)
    (0.222, 0.371)
    """
    aucs, with_it, without = components(y_true, [np.asarray(score_a), np.asarray(score_b)])
    # var A + var B - 2 cov without its cancellation: exactly 0 for equal scores
    variance = _spread(with_it[:1] - with_it[1:], without[:1] - without[1:])
    return result_of(aucs, _spread(with_it, without), float(variance[0, 0]), level)


def delong_unpaired(
    y_true_a: ArrayLike, score_a: ArrayLike, y_true_b: ArrayLike, score_b: ArrayLike, level: float = 0.95
) -> DelongResult:
    """Compare areas of two *different* groups of people: ``(A - B) / sqrt(var A + var B)``.

    ``p_value`` and the interval use Student's t with Welch–Satterthwaite degrees of freedom, as R's pROC does: the
    normal form (``p_value_normal``) rejects a little more often than it says. Input and errors: `delong_covariance`.

    Examples
    --------
    >>> result = delong_unpaired([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6], [0, 0, 1, 1], [1, 3, 2, 4])
    >>> round(result.z, 3), round(result.df, 2), round(result.p_value, 3), round(result.p_value_normal, 3)
    (0.359, 4.2, 0.737, 0.72)
    """
    auc_a, variance_a = delong_variance(y_true_a, score_a)
    auc_b, variance_b = delong_variance(y_true_b, score_b)
    variance = variance_a + variance_b
    spread = variance_a**2 / (np.size(y_true_a) - 1) + variance_b**2 / (np.size(y_true_b) - 1)
    df = variance**2 / spread if spread > 0 else float(np.size(y_true_a) + np.size(y_true_b) - 2)
    return result_of(np.array([auc_a, auc_b]), np.diag([variance_a, variance_b]), variance, level, df=df)
