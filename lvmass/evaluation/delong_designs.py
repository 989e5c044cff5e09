"""DeLong's test beyond two curves of one group: K curves, groups that share people, and how many people it takes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from lvmass.errors import DataError
from lvmass.evaluation.delong import DelongResult, components, delong_covariance, result_of
from lvmass.evaluation.tables import NotEstimable


class ContrastResult(NamedTuple):
    """The test that several correlated areas are equal: statistic, degrees of freedom, p."""

    chi_square: float
    df: int
    p_value: float


def delong_contrast(y_true: ArrayLike, scores: ArrayLike) -> ContrastResult:
    """Test that K correlated areas A are equal: ``(L A)' (L S L')⁺ (L A)`` against chi-square.

    L takes the steps from one area to the next, S is their covariance (DeLong 1988, equation 5); the degrees of
    freedom are the rank of ``L S L'``, K - 1 unless curves coincide. Input and errors as
    `lvmass.evaluation.delong.delong_covariance`; equal areas are certain (p = 1) where nothing varies, and unequal
    ones without variance raise DataError.

    Examples
    --------
    >>> a, b = [1, 2, 4, 3, 5, 6], [2, 1, 6, 3, 4, 5]
    >>> result = delong_contrast([0, 0, 0, 1, 1, 1], [a, b, a])
    >>> round(result.chi_square, 3), result.df
    (0.8, 1)
    """
    aucs, covariance = delong_covariance(y_true, scores)
    steps = np.diff(np.eye(aucs.size), axis=0)
    spread, gaps = steps @ covariance @ steps.T, steps @ aucs
    values, vectors = np.linalg.eigh(spread)
    kept = values > 1e-12 * max(covariance.max(), 1e-300)
    along = vectors.T @ gaps
    if np.abs(along[~kept]).max(initial=0) > 1e-9:
        raise NotEstimable("Some areas differ without any variance of the difference: there is no contrast.")
    rank = int(kept.sum())
    chi_square = float((along[kept] ** 2 / values[kept]).sum())
    return ContrastResult(chi_square, rank, float(stats.chi2.sf(chi_square, rank)) if rank else 1.0)


def auc_influence(y_true: ArrayLike, score: ArrayLike) -> tuple[float, NDArray[np.float64]]:
    """Area under one curve, and each person's part in its error, shape (n,).

    The sum of their squares is DeLong's variance; over people that two curves share, the sum of products is the
    covariance. So any weighted sum of areas, whoever they are of, has the variance of the weighted sum of parts.
    Input and errors as `lvmass.evaluation.delong.delong_covariance`.

    Examples
    --------
    >>> area, part = auc_influence([0, 0, 1, 1], [1, 3, 2, 4])
    >>> area, round(float(part @ part), 3)
    (0.75, 0.125)
    """
    area, with_it, without = components(y_true, score)
    positive = np.asarray(y_true).astype(bool)
    part = np.empty(positive.size)
    m, n = with_it.size, without.size
    part[positive], part[~positive] = with_it[0] / np.sqrt(m * (m - 1.0)), without[0] / np.sqrt(n * (n - 1.0))
    return float(area[0]), part


def delong_overlapping(
    y_true_a: ArrayLike,
    score_a: ArrayLike,
    subject_a: ArrayLike,
    y_true_b: ArrayLike,
    score_b: ArrayLike,
    subject_b: ArrayLike,
    level: float = 0.95,
) -> DelongResult:
    """Compare areas of two groups that share some people, such as the men and everyone.

    The covariance of the areas is the sum of products of the shared people's placements; with no one shared it is 0
    (the unpaired test's z), with all shared it is DeLong's (the paired test). Normal form.

    Parameters
    ----------
    y_true_a, score_a, y_true_b, score_b : array, shape (n_a,) and (n_b,)
        As `lvmass.evaluation.delong.delong_unpaired`.
    subject_a, subject_b : array, shape (n_a,) and (n_b,)
        Who they are, once each.

    Raises
    ------
    DataError
        As `lvmass.evaluation.delong.delong_covariance`; if a subject is twice in a group, or has the condition in
        one group only.

    Examples
    --------
    >>> y, score, who = np.array([0, 0, 0, 1, 1, 1]), np.array([1, 2, 4, 3, 5, 6]), np.arange(6)
    >>> result = delong_overlapping(y, score, who, y[1:], score[1:], who[1:])
    >>> round(result.covariance, 4), round(result.z, 3)
    (0.0346, 0.526)
    """
    who_a, who_b = np.asarray(subject_a), np.asarray(subject_b)
    y_a, y_b = np.asarray(y_true_a).astype(bool), np.asarray(y_true_b).astype(bool)
    shared, in_a, in_b = np.intersect1d(who_a, who_b, return_indices=True)
    if np.unique(who_a).size < who_a.size or np.unique(who_b).size < who_b.size:
        raise DataError("A subject appears twice in one group; the test needs each person once.")
    if (y_a[in_a] != y_b[in_b]).any():
        raise DataError(f"Subject {shared[y_a[in_a] != y_b[in_b]][0]} has the condition in one group only.")
    (area_a, part_a), (area_b, part_b) = auc_influence(y_true_a, score_a), auc_influence(y_true_b, score_b)
    covariance = part_a[in_a] @ part_b[in_b]
    matrix = np.array([[part_a @ part_a, covariance], [covariance, part_b @ part_b]])
    variance = max(0.0, float(matrix[0, 0] + matrix[1, 1] - 2 * covariance))
    # rounding must not turn equal groups into a difference
    variance = variance if variance > 1e-15 * matrix.max() else 0.0
    return result_of(np.array([area_a, area_b]), matrix, variance, level)


def hanley_mcneil_variance(auc: float | NDArray[np.float64], n_with: float, n_without: float) -> float:
    """Variance of an area foreseen from its size alone (Hanley and McNeil, Radiology 1982;143:29).

    Examples
    --------
    >>> round(hanley_mcneil_variance(0.77, 35, 140) ** 0.5, 3), round(hanley_mcneil_variance(0.77, 70, 105) ** 0.5, 3)
    (0.05, 0.038)
    """
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (n_with - 1) * (q1 - auc**2) + (n_without - 1) * (q2 - auc**2)
    return float(spread / (n_with * n_without))


def paired_power(
    auc_a: float, auc_b: float, n: float, prevalence: float, *, correlation: float = 0.5, alpha: float = 0.05
) -> float:
    """Power of the paired two-sided test with n people (Hanley–McNeil variances, Obuchowski 1994).

    Parameters
    ----------
    auc_a, auc_b : float
        Areas supposed to be true.
    n, prevalence : float
        People, and the share with the condition.
    correlation : float
        Of the two estimated areas; two scores of the same ECG often have 0.5 to 0.8.
    alpha : float
        Level of the test.

    Raises
    ------
    DataError
        If a share is not inside (0, 1) or there are fewer than two people in a class.

    Examples
    --------
    >>> round(paired_power(0.77, 0.70, 700, 0.2, correlation=0.5), 2)
    0.78
    """
    n_with = n * prevalence
    if not all(0 < share < 1 for share in (auc_a, auc_b, prevalence, alpha)) or not -1 < correlation < 1:
        raise DataError(
            "Power: areas, prevalence and alpha must lie between 0 and 1, the correlation between -1 and 1."
        )
    if min(n_with, n - n_with) < 2:
        raise DataError(f"Power: {n:g} people at prevalence {prevalence:g} leave fewer than two in a class.")
    var_a, var_b = (hanley_mcneil_variance(auc, n_with, n - n_with) for auc in (auc_a, auc_b))
    se = np.sqrt(var_a + var_b - 2 * correlation * np.sqrt(var_a * var_b))
    shift, critical = abs(auc_a - auc_b) / se, stats.norm.isf(alpha / 2)
    return float(stats.norm.sf(critical - shift) + stats.norm.cdf(-critical - shift))


def paired_sample_size(
    auc_a: float, auc_b: float, prevalence: float, *, power: float = 0.8, correlation: float = 0.5, alpha: float = 0.05
) -> int:
    """Fewest people that give the paired test this power; parameters and errors as `paired_power`.

    Examples
    --------
    >>> paired_sample_size(0.77, 0.70, 0.2, correlation=0.5)
    740
    """
    if auc_a == auc_b:
        raise DataError("No number of people finds a difference of zero.")
    low, high = 1, int(np.ceil(2.1 / min(prevalence, 1 - prevalence)))
    while paired_power(auc_a, auc_b, high, prevalence, correlation=correlation, alpha=alpha) < power:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        enough = paired_power(auc_a, auc_b, middle, prevalence, correlation=correlation, alpha=alpha) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high
