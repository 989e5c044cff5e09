"""DeLong's variance of the area under the ROC curve, the tests that rest on it, and how many people they take.

The area is the mean over people with the condition of a *placement*, the share of people without it who
score lower (ties count half); its variance comes from the spread of the placements in both classes (DeLong,
DeLong and Clarke-Pearson, Biometrics 1988;44:837). One sort a curve gives all of them: a placement is a
person's midrank among all minus the midrank within the own class (Sun and Xu, IEEE Signal Process Lett
2014;21:1389), so the cost is O(n log n). Counts of halves are exact in float64; they are divided at the end.

Out-of-fold scores come from as many models as there are folds, each with an offset that says nothing of its people
(Airola et al., Comput Stat Data Anal 2011;55:1828). With ``fold``, only people of one fold are compared:
``AUC = Σ w_k AUC_k``, of variance ``Σ w_k² var_k``, for no patient is in two folds. The weight ``w_k`` is the fold's
share of all pairs with and without the condition, so that the area is, as without folds, the share of the pairs
compared that are ranked right.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from lvmass.errors import DataError
from lvmass.evaluation.tables import LEVEL, NotEstimable

FloatArray = NDArray[np.float64]
Z = float(stats.norm.isf((1 - LEVEL) / 2))
# Whose each row is, or in which fold; None: every row is of its own patient, or all are of one fold.
Clusters = ArrayLike | None


@dataclass(frozen=True)
class DelongResult:
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
    df: float | None = None
    p_value_normal: float | None = None


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
        told = f"{n_positive} of {y.size} people have the condition; it takes two with and two without."
        raise NotEstimable(f"DeLong: {told}")
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


class _Fold(NamedTuple):
    """People whose scores are compared with each other."""

    # Their rows, who of them has the condition, and whose each row is.
    rows: NDArray[np.intp]
    positive: NDArray[np.bool_]
    cluster: Clusters
    # The fold's share of all pairs that are compared.
    weight: float
    # Areas (k,), and the placements, less the area, of those with (k, m) and without (k, n) the condition.
    areas: FloatArray
    with_it: FloatArray
    without: FloatArray


def _folds(y_true: ArrayLike, scores: ArrayLike, cluster: Clusters, fold: Clusters) -> list[_Fold]:
    """Areas and placements of every fold, but for those with a class of fewer than two patients: no variance there."""
    positive, s = _check(y_true, scores)
    codes = np.zeros(positive.size, dtype=np.intp) if fold is None else pd.factorize(np.asarray(fold))[0]
    found: list[_Fold] = []
    for k in range(int(codes.max()) + 1):
        rows = np.flatnonzero(codes == k)
        own, whose = positive[rows], None if cluster is None else np.asarray(cluster)[rows]
        if min(_patients(own, whose)) < 2:
            continue
        counts = np.stack([_placement_counts(own, row[rows]) for row in s])
        with_it, without = counts[:, own], counts[:, ~own]
        m, n = with_it.shape[1], without.shape[1]
        areas = with_it.sum(axis=1) / (float(m) * n)
        centred = with_it / n - areas[:, None], without / m - areas[:, None]
        found.append(_Fold(rows, own, whose, float(m) * n, areas, *centred))
    if not found:
        where = "in one patient only" if fold is None else "in fewer than two patients of each fold"
        raise NotEstimable(f"DeLong: the condition, or its absence, is {where}; it takes two.")
    pairs = sum(each.weight for each in found)
    return [each._replace(weight=each.weight / pairs) for each in found]


def _areas(folds: list[_Fold], contrast: ArrayLike = ((1.0,),)) -> tuple[FloatArray, FloatArray]:
    """Linear combinations of the areas, the rows of ``contrast`` (q, k), and their covariance (q, q).

    The variance of a difference comes from differences of placements, without cancellation: 0 for equal scores.
    """
    c = np.asarray(contrast)
    area = np.sum([each.weight * each.areas for each in folds], axis=0)
    spreads = [
        each.weight**2 * _spread(c @ each.with_it, c @ each.without, each.positive, each.cluster) for each in folds
    ]
    return c @ area, np.sum(spreads, axis=0)


def _spread(with_it: FloatArray, without: FloatArray, positive: NDArray[np.bool_], cluster: Clusters) -> FloatArray:
    """Covariance of areas from their centred placements: ``S10 / m + S01 / n``, of clusters also twice ``S11 / mn``.

    In clusters (Obuchowski, Biometrics 1997;53:567) the placements are summed within each: its sums over people with
    and without the condition vary by ``S10`` and ``S01``, and together by ``S11``.
    """
    m, n = with_it.shape[1], without.shape[1]
    if cluster is None:
        return with_it @ with_it.T / (m * (m - 1.0)) + without @ without.T / (n * (n - 1.0))
    codes, names = pd.factorize(np.asarray(cluster))
    (i10, i01), i = _patients(positive, cluster), len(names)
    x = np.stack([np.bincount(codes[positive], row, i) for row in with_it / m])
    y = np.stack([np.bincount(codes[~positive], row, i) for row in without / n])
    cross = x @ y.T * i / (i - 1)
    return x @ x.T * i10 / (i10 - 1) + y @ y.T * i01 / (i01 - 1) + cross + cross.T


def _patients(positive: NDArray[np.bool_], cluster: Clusters) -> tuple[int, int]:
    """How many patients have the condition in some row, and how many lack it in some."""
    if cluster is None:
        return int(positive.sum()), int((~positive).sum())
    codes = pd.factorize(np.asarray(cluster))[0]
    return np.unique(codes[positive]).size, np.unique(codes[~positive]).size


def delong_variance(
    y_true: ArrayLike, score: ArrayLike, *, cluster: Clusters = None, fold: Clusters = None
) -> tuple[float, float]:
    """Area under one ROC curve and DeLong's variance of it.

    Parameters
    ----------
    y_true : array of bool or 0/1, shape (n,)
        True where the person has the condition.
    score : array of float, shape (n,)
        Higher means more likely; any unit.
    cluster : array, shape (n,), optional
        Whose each row is, where a patient may have several; then the variance is Obuchowski's (1997) of clusters.
    fold : array, shape (n,), optional
        Which model gave the score: only people of one fold are compared, see above. A fold with fewer than two
        patients in a class has no variance and is left out.

    Raises
    ------
    DataError
        If shapes differ, a score is not finite or a class has fewer than two people (in every fold).

    Examples
    --------
    >>> delong_variance([0, 0, 1, 1], [1, 3, 2, 4])
    (0.75, 0.125)
    >>> twice = [0, 0, 1, 1, 0, 0, 1, 1], [1, 3, 2, 4, 1, 3, 2, 4]
    >>> delong_variance(*twice, cluster=[*"abcd", *"abcd"])  # says nothing that is new
    (0.75, 0.125)
    >>> delong_variance(*twice, fold=[1, 1, 1, 1, 2, 2, 2, 2])  # other people: half the variance
    (0.75, 0.0625)
    """
    aucs, covariance = _areas(_folds(y_true, score, cluster, fold))
    return float(aucs[0]), float(covariance[0, 0])


def auc_interval(
    y_true: ArrayLike, score: ArrayLike, method: str = "plain", *, cluster: Clusters = None, fold: Clusters = None
) -> tuple[float, float, float]:
    """Area and its confidence limits: ``auc ± z·se`` clipped to [0, 1], or the same on the logit scale.

    The logit form (Pepe 2003, section 5.2) stays inside (0, 1) and covers better near 1; it does not exist at
    an area of exactly 0 or 1, where the plain one has no width. Input as `delong_variance`.

    Raises
    ------
    DataError
        As `delong_variance`, and for the logit form of an area of 0 or 1.

    Examples
    --------
    >>> auc, low, high = auc_interval([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6], method="logit")
    >>> print(f"{auc:.3f} ({low:.3f} to {high:.3f})")
    0.889 (0.261 to 0.995)
    """
    auc, variance = delong_variance(y_true, score, cluster=cluster, fold=fold)
    se = float(np.sqrt(variance))
    if method == "plain":
        return auc, max(0.0, auc - Z * se), min(1.0, auc + Z * se)
    if auc in (0.0, 1.0):
        raise NotEstimable(f"The classes are separated perfectly (area {auc:g}): there is no logit interval.")
    return auc, *logit_limits(auc, se)


def logit_limits(auc: float, se: float, level: float = LEVEL) -> tuple[float, float]:
    """Limits of an area strictly between 0 and 1 that are symmetric on the logit scale."""
    half = stats.norm.isf((1 - level) / 2) * se / (auc * (1 - auc))
    low, high = 1 / (1 + (1 - auc) / auc * np.exp(np.array([half, -half])))
    return float(low), float(high)


def _result(aucs: FloatArray, covariance: FloatArray, variance: float, df: float | None = None) -> DelongResult:
    """Test one difference of areas whose variance is known."""
    (auc_a, auc_b), se = aucs.tolist(), float(np.sqrt(variance))
    difference = auc_a - auc_b
    if se == 0 and difference != 0:
        raise NotEstimable(f"The areas {auc_a:g} and {auc_b:g} have variance 0: there is no DeLong test.")
    z = difference / se if se > 0 else 0.0
    law = stats.norm if df is None else stats.t(df)
    half, p = float(law.isf((1 - LEVEL) / 2)) * se, float(2 * law.sf(abs(z)))
    (variance_a, covariance_ab), (_, variance_b) = covariance.tolist()
    test = auc_a, auc_b, difference, difference - half, difference + half, z, p
    normal = None if df is None else float(2 * stats.norm.sf(abs(z)))
    return DelongResult(*test, variance_a, variance_b, covariance_ab, se, df, normal)


def delong_paired(
    y_true: ArrayLike, score_a: ArrayLike, score_b: ArrayLike, *, cluster: Clusters = None, fold: Clusters = None
) -> DelongResult:
    """Compare two scores of the same people: ``z = (A - B) / sqrt(var A + var B - 2 cov)``.

    Input and errors as `delong_variance`. Two equal areas without variance (both 1) give z = 0 and p = 1.

    Examples
    --------
    >>> result = delong_paired([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6], [2, 1, 6, 3, 4, 5])
    >>> round(result.difference, 3), round(result.p_value, 3)
    (0.222, 0.371)
    """
    folds = _folds(y_true, [np.asarray(score_a), np.asarray(score_b)], cluster, fold)
    areas, covariance = _areas(folds, ((1.0, 0.0), (0.0, 1.0), (1.0, -1.0)))
    return _result(areas[:2], covariance[:2, :2], float(covariance[2, 2]))


def delong_unpaired(
    y_true_a: ArrayLike,
    score_a: ArrayLike,
    y_true_b: ArrayLike,
    score_b: ArrayLike,
    *,
    cluster: tuple[ArrayLike, ArrayLike] | None = None,
    fold: tuple[Clusters, Clusters] = (None, None),
) -> DelongResult:
    """Compare areas of two *different* groups of people: ``(A - B) / sqrt(var A + var B)``.

    ``p_value`` and the interval use Student's t with Welch–Satterthwaite degrees of freedom (of people, or patients),
    as R's pROC does: the normal form (``p_value_normal``) rejects a little more often than it says. Input and errors
    as `delong_variance`; ``cluster`` and ``fold`` are pairs, one for each group.

    Examples
    --------
    >>> result = delong_unpaired([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6], [0, 0, 1, 1], [1, 3, 2, 4])
    >>> round(result.z, 3), round(result.df, 2), round(result.p_value, 3), round(result.p_value_normal, 3)
    (0.359, 4.2, 0.737, 0.72)
    """
    whose = cluster or (np.arange(np.size(y_true_a)), np.arange(np.size(y_true_b)))
    n_a, n_b = (np.unique(each).size for each in whose)
    auc_a, variance_a = delong_variance(y_true_a, score_a, cluster=whose[0], fold=fold[0])
    auc_b, variance_b = delong_variance(y_true_b, score_b, cluster=whose[1], fold=fold[1])
    variance = variance_a + variance_b
    spread = variance_a**2 / (n_a - 1) + variance_b**2 / (n_b - 1)
    df = variance**2 / spread if spread > 0 else float(n_a + n_b - 2)
    return _result(np.array([auc_a, auc_b]), np.diag([variance_a, variance_b]), variance, df)


def auc_influence(
    y_true: ArrayLike, score: ArrayLike, *, cluster: Clusters = None, fold: Clusters = None
) -> tuple[float, FloatArray]:
    """Area under one curve, and each person's part in its error, shape (n,).

    The sum of their squares is DeLong's variance; over people that two curves share, the sum of products is the
    covariance. So any weighted sum of areas, whoever they are of, has the variance of the weighted sum of parts.
    Where ``cluster`` says that rows are of one patient, the parts of a patient are to be summed first: then this is
    Obuchowski's variance, but for the factor of its smallest term (``I / (I - 1)`` of all patients there, the
    geometric mean of those with and without the condition here). Input and errors as `delong_variance`.

    Examples
    --------
    >>> area, part = auc_influence([0, 0, 1, 1], [1, 3, 2, 4])
    >>> area, round(float(part @ part), 3)
    (0.75, 0.125)
    """
    folds = _folds(y_true, score, cluster, fold)
    part = np.zeros(np.size(y_true))
    for rows, positive, whose, weight, _, with_it, without in folds:
        i10, i01 = _patients(positive, whose)
        part[rows[positive]] = weight * with_it[0] / with_it.size * np.sqrt(i10 / (i10 - 1))
        part[rows[~positive]] = weight * without[0] / without.size * np.sqrt(i01 / (i01 - 1))
    return float(_areas(folds)[0][0]), part


def foreseen_variance(auc: Any, n_with: Any, n_without: Any) -> Any:
    """Variance of an area foreseen from its size alone (Hanley and McNeil, Radiology 1982;143:29)."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (n_with - 1) * (q1 - auc**2) + (n_without - 1) * (q2 - auc**2)
    return spread / (n_with * n_without)


def _paired_power(auc_a: float, auc_b: float, n: float, prevalence: float, correlation: float = 0.5) -> float:
    """Power of the paired two-sided test at 5 % with n people (Hanley–McNeil variances, Obuchowski 1994).

    Examples
    --------
    >>> round(_paired_power(0.77, 0.70, 700, 0.2, correlation=0.5), 2)
    0.78
    """
    var_a, var_b = (foreseen_variance(auc, n * prevalence, n * (1 - prevalence)) for auc in (auc_a, auc_b))
    shift = abs(auc_a - auc_b) / np.sqrt(var_a + var_b - 2 * correlation * np.sqrt(var_a * var_b))
    return float(stats.norm.sf(Z - shift) + stats.norm.cdf(-Z - shift))


def paired_sample_size(
    auc_a: float, auc_b: float, prevalence: float, *, power: float = 0.8, correlation: float = 0.5
) -> int:
    """Fewest people that give the paired two-sided test at 5 % this power.

    Parameters
    ----------
    auc_a, auc_b : float
        Areas supposed to be true.
    prevalence : float
        Share of people with the condition.
    power : float
    correlation : float
        Of the two estimated areas: ``covariance / sqrt(variance_a variance_b)`` of a `DelongResult`.

    Raises
    ------
    DataError
        If there is no difference, or a share is not inside its range.

    Examples
    --------
    >>> paired_sample_size(0.77, 0.70, 0.2, correlation=0.5)
    740
    """
    if auc_a == auc_b:
        raise DataError("No number of people finds a difference of zero.")
    if not (0 < prevalence < 1 and 1 - LEVEL < power < 1):
        raise DataError("Sample size: the prevalence must lie between 0 and 1, the power between 0.05 and 1.")

    def lacking(n: float) -> float:
        return _paired_power(auc_a, auc_b, n, prevalence, correlation) - power

    fewest = 2.1 / min(prevalence, 1 - prevalence)
    if lacking(fewest) >= 0:
        return int(np.ceil(fewest))
    return int(np.ceil(optimize.brentq(lacking, fewest, 1e12, xtol=1e-6)))
