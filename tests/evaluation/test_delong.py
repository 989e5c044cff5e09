"""DeLong against pROC's numbers, published numbers, the plain quadratic form and its invariances."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from lvmass.errors import DataError
from lvmass.evaluation.delong import (
    auc_influence,
    auc_interval,
    delong_paired,
    delong_unpaired,
    delong_variance,
)

REFERENCE = Path(os.environ.get("LVMASS_REAL_ECG", Path(__file__).parents[3] / "shared" / "data")) / "delong"

# albumin, total protein, K-G score, outcome of 43 people with ovarian cancer: DeLong 1988, as printed in the
# SAS/STAT user's guide ("Comparing Receiver Operating Characteristic Curves"), whose output is quoted below
OVARIAN = np.fromstring(
    """
    3.0 5.8 10 0 3.2 6.3 5 1 3.9 6.8 3 1 2.8 4.8 6 0 3.2 5.8 3 1 0.9 4.0 5 0 2.5 5.7 8 0 1.6 5.6 5 1 3.8 5.7 5 1
    3.7 6.7 6 1 3.2 5.4 4 1 3.8 6.6 6 1 4.1 6.6 5 1 3.6 5.7 5 1 4.3 7.0 4 1 3.6 6.7 4 0 2.3 4.4 6 1 4.2 7.6 4 0
    4.0 6.6 6 0 3.5 5.8 6 1 3.8 6.8 7 1 3.0 4.7 8 0 4.5 7.4 5 1 3.7 7.4 5 1 3.1 6.6 6 1 4.1 8.2 6 1 4.3 7.0 5 1
    4.3 6.5 4 1 3.2 5.1 5 1 2.6 4.7 6 1 3.3 6.8 6 0 1.7 4.0 7 0 3.7 6.1 5 1 3.3 6.3 7 1 4.2 7.7 6 1 3.5 6.2 5 1
    2.9 5.7 9 0 2.1 4.8 7 1 2.8 6.2 8 0 4.0 7.0 7 1 3.3 5.7 6 1 3.7 6.9 5 1 3.6 6.6 5 1
    """,
    sep=" ",
).reshape(43, 4)
ALBUMIN, PROTEIN, KG, GOOD = OVARIAN[:, 0], OVARIAN[:, 1], 10 - OVARIAN[:, 2], OVARIAN[:, 3] == 1


def people(seed: int, n: int = 60, decimals: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcome and two correlated scores with ties."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3 == 0
    common = rng.normal(size=n) + y
    return y, (common + rng.normal(size=n)).round(decimals), (common + rng.normal(size=n)).round(decimals)


def quadratic(y: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """DeLong 1988 written out: every pair of people with and without the condition."""
    x, z = scores[:, y], scores[:, ~y]
    psi = (x[:, :, None] > z[:, None, :]) + 0.5 * (x[:, :, None] == z[:, None, :])
    return psi.mean(axis=(1, 2)), np.cov(psi.mean(axis=2)) / y.sum() + np.cov(psi.mean(axis=1)) / (~y).sum()


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the DeLong reference tables are not on this machine")
def test_equals_proc_on_real_ecg_networks() -> None:
    expected = pd.read_csv(REFERENCE / "code_test_expected.csv")
    scores = pd.read_csv(REFERENCE / "code_test_scores.csv")
    assert len(expected) == 36
    for row in expected.itertuples():
        y, a, b = (scores[name].to_numpy() for name in (f"y.{row.label}", row.score_a, row.score_b))
        ours = delong_paired(y, a, b)
        pairs = {
            "auc_a": ours.auc_a, "auc_b": ours.auc_b, "var_a": ours.variance_a, "var_b": ours.variance_b,
            "cov_ab": ours.covariance, "z": ours.z, "p_two_sided": ours.p_value,
            "diff_ci95_low": ours.ci_low, "diff_ci95_high": ours.ci_high,
            "auc_a_ci95_low": auc_interval(y, a)[1], "auc_a_ci95_high": auc_interval(y, a)[2],
            "auc_b_ci95_low": auc_interval(y, b)[1], "auc_b_ci95_high": auc_interval(y, b)[2],
        }  # fmt: skip
        for name, value in pairs.items():
            assert_allclose(value, getattr(row, name), rtol=1e-10, atol=0, err_msg=f"{row.Index} {name}")


def test_equals_the_published_ovarian_example() -> None:
    for score, auc, se in ((ALBUMIN, 0.7366, 0.0927), (KG, 0.7258, 0.1028), (PROTEIN, 0.6478, 0.1000)):
        ours, variance = delong_variance(GOOD, score)
        assert (round(ours, 4), round(variance**0.5, 4)) == (auc, se)
    result = delong_paired(GOOD, ALBUMIN, KG)
    assert (round(result.difference, 4), round(result.standard_error, 4)) == (0.0108, 0.0953)
    assert (round(result.ci_low, 4), round(result.ci_high, 4), round(result.p_value, 4)) == (-0.1761, 0.1976, 0.9102)
    result = delong_paired(GOOD, PROTEIN, KG)
    assert (round(result.ci_low, 4), round(result.ci_high, 4), round(result.p_value, 4)) == (-0.2830, 0.1271, 0.4561)


def test_hand_worked() -> None:
    # with: 2, 4; without: 1, 3. Placements 1/2, 1 and 1/2... area 3/4, S10 = S01 = 1/8, variance 1/16 + 1/16
    assert delong_variance([0, 0, 1, 1], [1, 3, 2, 4]) == (0.75, 0.125)
    # every score the same: the area is 1/2 without spread
    assert delong_variance([0, 0, 1, 1], [5, 5, 5, 5]) == (0.5, 0.0)


@given(st.integers(0, 2**32 - 1), st.integers(6, 40), st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_equals_the_quadratic_form(seed: int, n: int, decimals: int) -> None:
    y, a, b = people(seed, n, decimals)
    aucs, expected = quadratic(y, np.stack([a, b]))
    own = [delong_variance(y, score) for score in (a, b)]
    assert_allclose([auc for auc, _ in own], aucs, rtol=1e-13)
    assert_allclose([variance for _, variance in own], np.diag(expected), rtol=1e-10, atol=1e-15)
    if np.diff(aucs) == 0 or expected.any():
        assert_allclose(delong_paired(y, a, b).covariance, expected[0, 1], rtol=1e-10, atol=1e-15)


def test_unpaired_follows_welch() -> None:
    y, a, b = people(1, 80)
    half, rest = np.arange(80) < 50, np.arange(80) >= 50
    result = delong_unpaired(y[half], a[half], y[rest], b[rest])
    (auc_a, va), (auc_b, vb) = delong_variance(y[half], a[half]), delong_variance(y[rest], b[rest])
    df = (va + vb) ** 2 / (va**2 / 49 + vb**2 / 29)
    z = (auc_a - auc_b) / (va + vb) ** 0.5
    assert result.df is not None
    assert result.p_value_normal is not None
    assert_allclose([result.z, result.df], [z, df], rtol=1e-12)
    assert_allclose(result.p_value, 2 * stats.t.sf(abs(z), df), rtol=1e-12)
    assert_allclose(result.p_value_normal, 2 * stats.norm.sf(abs(z)), rtol=1e-12)
    assert result.covariance == 0
    assert (result.ci_low > 0 or result.ci_high < 0) == (result.p_value < 0.05)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_invariances(seed: int) -> None:
    y, a, b = people(seed)
    result = delong_paired(y, a, b)
    # what a network says in grams or as their logarithm is the same ranking
    transformed = delong_paired(y, np.exp(a / 3), 5 * b - 2)
    assert transformed == result
    swapped = delong_paired(y, b, a)
    assert (swapped.z, swapped.p_value, swapped.difference) == (-result.z, result.p_value, -result.difference)
    relabelled = delong_paired(~y, a, b)
    assert_allclose(relabelled.auc_a, 1 - result.auc_a, rtol=1e-12)
    assert_allclose((relabelled.z, relabelled.variance_a), (-result.z, result.variance_a), rtol=1e-9, atol=1e-12)
    negated = delong_paired(y, -a, -b)
    assert_allclose((negated.auc_a, negated.z), (1 - result.auc_a, -result.z), rtol=1e-9, atol=1e-12)
    order = np.random.default_rng(seed).permutation(y.size)
    assert_allclose(delong_paired(y[order], a[order], b[order]).z, result.z, rtol=1e-9, atol=1e-12)


def test_degenerate_cases() -> None:
    y = np.array([0, 0, 0, 1, 1])
    perfect, constant = np.array([1, 2, 3, 4, 5.0]), np.ones(5)
    same = delong_paired(y, perfect, perfect**2)
    assert (same.auc_a, same.z, same.p_value) == (1.0, 0.0, 1.0)
    assert delong_unpaired(y, perfect, y, perfect).p_value == 1.0
    assert auc_interval(y, perfect) == (1.0, 1.0, 1.0)
    with pytest.raises(DataError, match="no logit interval"):
        auc_interval(y, perfect, method="logit")
    with pytest.raises(DataError, match="no DeLong test"):
        delong_paired(y, perfect, constant)
    for classes in (np.zeros(5), np.ones(5), np.array([0, 0, 0, 0, 1])):
        with pytest.raises(DataError, match=r"of 5 people have the condition"):
            delong_variance(classes, perfect)
    with pytest.raises(DataError, match="missing or infinite"):
        delong_variance(y, [1, 2, np.nan, 4, 5])
    with pytest.raises(DataError, match="0 and 1"):
        delong_variance([0, 1, 2, 1, 0], perfect)
    with pytest.raises(DataError, match="one score a person"):
        delong_variance(y, perfect[:4])


def test_rejects_and_covers_as_often_as_it_says() -> None:
    # benchmarks/delong_simulation.py has more of this; the rates have a standard error of 0.005 of their own
    rng, rejected, covered = np.random.default_rng(0), 0, 0
    y = np.arange(300) < 75
    for _ in range(2000):
        common = rng.normal(size=300)
        null_a, null_b = (0.7 * common + 0.7141 * rng.normal(size=300) + 0.95 * y for _ in "ab")
        rejected += delong_paired(y, null_a, null_b).p_value < 0.05
        good = rng.normal(size=300) + np.sqrt(2) * stats.norm.ppf(0.95) * y
        _, low, high = auc_interval(y, good, method="logit")
        covered += low <= 0.95 <= high
    assert 0.04 <= rejected / 2000 <= 0.06
    assert 0.93 <= covered / 2000 <= 0.97


def test_folds_are_weighted_by_their_pairs_and_add_up_as_independent() -> None:
    y, a, b = people(1, 240)
    fold = np.repeat([3, 1, 2], [120, 80, 40])
    own = [np.flatnonzero(fold == k) for k in (1, 2, 3)]
    pairs = np.array([y[rows].sum() * (~y[rows]).sum() for rows in own], float)
    areas, covariances = zip(*(quadratic(y[rows], np.stack([a, b])[:, rows]) for rows in own), strict=True)
    weight = pairs / pairs.sum()
    result = delong_paired(y, a, b, fold=fold)
    assert_allclose([result.auc_a, result.auc_b], weight @ np.array(areas), rtol=1e-12)
    ours = [[result.variance_a, result.covariance], [result.covariance, result.variance_b]]
    assert_allclose(ours, np.tensordot(weight**2, np.array(covariances), 1), rtol=1e-10)
    assert_allclose(result.standard_error**2, np.array([1, -1]) @ ours @ [1, -1], rtol=1e-9)
    area, part = auc_influence(y, a, fold=fold)
    assert_allclose(np.array([area, part @ part]), np.array(delong_variance(y, a, fold=fold)), rtol=1e-12)
    # offsets of the folds, and any monotone change within one, say nothing
    assert_allclose(delong_paired(y, a + 9 * fold, np.exp(b / 3) ** fold, fold=fold).z, result.z, rtol=1e-9)


def test_one_fold_is_the_ordinary_test_and_a_fold_without_a_class_counts_for_nothing() -> None:
    y, a, b = people(2, 120)
    whose, one = np.arange(120) // 2, np.ones(120)
    for cluster in (None, whose):
        both = None if cluster is None else (cluster, cluster)
        for ours, ordinary in (
            (delong_paired(y, a, b, cluster=cluster, fold=one), delong_paired(y, a, b, cluster=cluster)),
            (delong_unpaired(y, a, y, b, cluster=both, fold=(one, one)), delong_unpaired(y, a, y, b, cluster=both)),
        ):
            assert ours == ordinary
    more = np.concatenate([y, [True, False, False]]), np.concatenate([a, [0.0, 1, 2]])
    assert delong_variance(*more, fold=[*one, 2, 2, 2]) == delong_variance(y, a)
    with pytest.raises(DataError, match="fewer than two patients of each fold"):
        delong_variance(y, a, fold=np.arange(120))


def test_interval_within_folds_covers_where_the_pooled_one_misses() -> None:
    # the paper's size, prevalence 0.2: every fold model has an offset and a spread of its own
    rng, truth, inside = np.random.default_rng(3), 0.75, np.zeros(2)
    fold, shift = np.arange(1459) % 5, np.sqrt(2) * stats.norm.ppf(0.75)
    for _ in range(2000):
        y = rng.random(1459) < 0.2
        score = rng.normal(size=1459) + shift * y
        score = score * rng.uniform(0.7, 1.4, 5)[fold] + rng.normal(0, 0.6, 5)[fold]
        for k, each in enumerate((fold, None)):
            _, low, high = auc_interval(y, score, method="logit", fold=each)
            inside[k] += low <= truth <= high
    assert 0.93 <= inside[0] / 2000 <= 0.97  # 0.952; the rate has a standard error of 0.005 of its own
    assert inside[1] / 2000 < 0.8


def test_a_million_people_take_a_second() -> None:
    # a generous bound against a quadratic slip; benchmarks/delong_speed.py measures
    y, a, b = people(0, 1_000_000, 9)
    assert 0.5 < delong_paired(y, a, b).auc_a < 1
