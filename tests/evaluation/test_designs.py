"""Groups that share people, and power: limits that must hold, published and simulated values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from lvmass.errors import DataError
from lvmass.evaluation.delong import (
    delong_overlapping,
    delong_paired,
    delong_unpaired,
    delong_variance,
    paired_power,
    paired_sample_size,
)


def people(seed: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 4 == 0
    common = rng.normal(size=n) + y
    return y, common + rng.normal(size=n), common + rng.normal(size=n)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_overlap_runs_from_unpaired_to_paired(seed: int) -> None:
    y, a, b = people(seed, 60)
    who = np.arange(60)
    whole = delong_overlapping(y, a, who, y, b, who)
    paired = delong_paired(y, a, b)
    assert_allclose(
        [whole.z, whole.p_value, whole.covariance], [paired.z, paired.p_value, paired.covariance], rtol=1e-9
    )
    none = delong_overlapping(y, a, who, y, b, who + 60)
    unpaired = delong_unpaired(y, a, y, b)
    assert unpaired.p_value_normal is not None
    assert_allclose([none.z, none.p_value], [unpaired.z, unpaired.p_value_normal], rtol=1e-12)
    order = np.random.default_rng(seed).permutation(60)
    shuffled = delong_overlapping(y, a, who, y[order], b[order], who[order])
    assert_allclose(shuffled.z, paired.z, rtol=1e-9)


def test_overlap_variance_equals_that_of_repeated_samples() -> None:
    # men within everyone: the spread of the difference over 2 000 new samples is what the formula foresees
    rng, differences, foreseen, naive = np.random.default_rng(5), [], [], []
    for _ in range(2000):
        y, a, b = people(int(rng.integers(2**31)), 160)
        men = np.arange(160) < 100
        result = delong_overlapping(y[men], a[men], np.flatnonzero(men), y, b, np.arange(160))
        differences.append(result.difference)
        foreseen.append(result.standard_error**2)
        naive.append(result.variance_a + result.variance_b)
    assert_allclose(np.mean(foreseen), np.var(differences), rtol=0.1)
    assert np.mean(naive) > 1.3 * np.var(differences)


def test_overlap_refusals() -> None:
    y, a, b = people(0, 20)
    with pytest.raises(DataError, match="appears twice"):
        delong_overlapping(y, a, np.zeros(20), y, b, np.arange(20))
    with pytest.raises(DataError, match="Subject 0 has the condition in one group only"):
        delong_overlapping(y, a, np.arange(20), ~y, b, np.arange(20))
    same = delong_overlapping(y, a, np.arange(20), y, a, np.arange(20))
    assert (same.z, same.p_value) == (0, 1)


def test_power_is_what_simulation_gives() -> None:
    n, found, areas, correlations = 240, 0, [], []
    rng = np.random.default_rng(11)
    for _ in range(600):
        y = np.arange(n) < 80
        common = rng.normal(size=n)
        a, b = (0.7 * common + 0.7141 * rng.normal(size=n) + shift * y for shift in (1.25, 0.9))
        result = delong_paired(y, a, b)
        found += result.p_value < 0.05
        areas.append((result.auc_a, result.auc_b))
        correlations.append(result.covariance / np.sqrt(result.variance_a * result.variance_b))
    (auc_a, auc_b), correlation = np.mean(areas, axis=0), float(np.mean(correlations))
    assert abs(paired_power(auc_a, auc_b, n, 1 / 3, correlation=correlation) - found / 600) < 0.07


def test_sample_size_is_the_smallest_that_suffices() -> None:
    n = paired_sample_size(0.80, 0.74, 0.25, power=0.9, correlation=0.6)
    assert paired_power(0.80, 0.74, n, 0.25, correlation=0.6) >= 0.9
    assert paired_power(0.80, 0.74, n - 1, 0.25, correlation=0.6) < 0.9
    assert paired_sample_size(0.99, 0.51, 0.5, power=0.2) == 5  # the fewest that have two in each class suffice
    assert_allclose(paired_power(0.75, 0.75, 500, 0.2), 0.05)
    with pytest.raises(DataError, match="difference of zero"):
        paired_sample_size(0.7, 0.7, 0.2)
    with pytest.raises(DataError, match="between 0 and 1"):
        paired_power(1.0, 0.7, 100, 0.2)
    with pytest.raises(DataError, match="fewer than two"):
        paired_power(0.8, 0.7, 10, 0.1)


def test_variance_shrinks_as_one_over_n() -> None:
    small, large = (np.mean([delong_variance(*people(seed, n)[:2])[1] for seed in range(100)]) for n in (100, 400))
    assert_allclose(small / large, 4, rtol=0.1)
