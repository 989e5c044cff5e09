"""Groups that share people, several ECGs of a patient, and power: limits that must hold, and simulated values."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import ArrayLike
from scipy import stats

from lvmass.errors import DataError
from lvmass.evaluation.delong import (
    _paired_power,
    auc_influence,
    auc_interval,
    delong_paired,
    delong_unpaired,
    delong_variance,
    paired_sample_size,
)
from lvmass.evaluation.tables import NotEstimable


def people(seed: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 4 == 0
    common = rng.normal(size=n) + y
    return y, common + rng.normal(size=n), common + rng.normal(size=n)


class Overlap(NamedTuple):
    """Difference of the areas of two groups that share people, by the sums of their parts."""

    difference: float
    covariance: float
    standard_error: float
    variances: float

    @property
    def z(self) -> float:
        """Of the test in its normal form."""
        return self.difference / self.standard_error


def overlapping(a: tuple[ArrayLike, ...], b: tuple[ArrayLike, ...]) -> Overlap:
    """Compare groups of outcome, score and whose they are."""
    (area_a, part_a), (area_b, part_b) = (auc_influence(y, score, cluster=whose) for y, score, whose in (a, b))
    codes = np.unique(np.concatenate([a[2], b[2]]), return_inverse=True)[1]
    x = np.bincount(codes[: part_a.size], part_a, codes.max() + 1)
    y = np.bincount(codes[part_a.size :], part_b, codes.max() + 1)
    return Overlap(area_a - area_b, float(x @ y), float(np.linalg.norm(x - y)), float(x @ x + y @ y))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_overlap_runs_from_unpaired_to_paired(seed: int) -> None:
    y, a, b = people(seed, 60)
    who = np.arange(60)
    paired, unpaired = delong_paired(y, a, b), delong_unpaired(y, a, y, b)
    whole = overlapping((y, a, who), (y, b, who))
    assert_allclose([whole.z, whole.covariance], [paired.z, paired.covariance], rtol=1e-9)
    assert_allclose(overlapping((y, a, who), (y, b, who + 60)).z, unpaired.z, rtol=1e-9)
    order = np.random.default_rng(seed).permutation(60)
    assert_allclose(overlapping((y, a, who), (y[order], b[order], who[order])).z, paired.z, rtol=1e-9)


def test_overlap_variance_equals_that_of_repeated_samples() -> None:
    # men within everyone: the spread of the difference over 2 000 new samples is what the formula foresees
    rng, differences, foreseen, naive = np.random.default_rng(5), [], [], []
    for _ in range(2000):
        y, a, b = people(int(rng.integers(2**31)), 160)
        men = np.arange(160) < 100
        result = overlapping((y[men], a[men], np.flatnonzero(men)), (y, b, np.arange(160)))
        differences.append(result.difference)
        foreseen.append(result.standard_error**2)
        naive.append(result.variances)
    assert_allclose(np.mean(foreseen), np.var(differences), rtol=0.1)
    assert np.mean(naive) > 1.3 * np.var(differences)


def ecgs(seed: int, patients: int = 150, rho: float = 0.85) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Outcome, two scores and the patient of one to four near-equal ECGs each; some patients change their outcome."""
    rng = np.random.default_rng(seed)
    whose = np.repeat(np.arange(patients), rng.integers(1, 5, patients))
    y = (whose % 3 == 0) ^ ((whose % 10 == 0) & (rng.random(whose.size) < 0.3))
    common = np.sqrt(rho) * rng.normal(size=patients)
    a, b = (np.sqrt(1 - rho) * rng.normal(size=whose.size) + common[whose] + y for _ in "ab")
    return y, a, b, whose


def test_clustered_variance_is_obuchowskis_formula_written_out() -> None:
    y, a, _, whose = ecgs(3, 40)
    psi = (a[y][:, None] > a[~y]) + 0.5 * (a[y][:, None] == a[~y])
    area, m, n = psi.mean(), y.sum(), (~y).sum()
    v10, v01 = np.zeros(y.size), np.zeros(y.size)
    v10[y], v01[~y] = psi.mean(axis=1) - area, psi.mean(axis=0) - area
    x, z = (np.array([v[whose == i].sum() for i in range(40)]) for v in (v10, v01))
    i10, i01 = len(set(whose[y])), len(set(whose[~y]))
    s10, s01 = i10 / ((i10 - 1) * m) * (x @ x), i01 / ((i01 - 1) * n) * (z @ z)
    expected = s10 / m + s01 / n + 2 * 40 / 39 * (x @ z) / (m * n)
    assert_allclose(delong_variance(y, a, cluster=whose), (area, expected), rtol=1e-12)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_one_ecg_a_patient_gives_the_usual_numbers_and_copies_say_nothing_new(seed: int) -> None:
    y, a, b = people(seed, 60)
    who = np.random.default_rng(seed).permutation(60)
    for one, other in (
        (delong_paired(y, a, b), delong_paired(y, a, b, cluster=who)),
        (delong_unpaired(y, a, y, b), delong_unpaired(y, a, y, b, cluster=(who, who))),
    ):
        for name in one.__dataclass_fields__:
            if getattr(one, name) is not None:
                assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-12, err_msg=name)
    four = delong_paired(np.tile(y, 4), np.tile(a, 4), np.tile(b, 4), cluster=np.tile(who, 4))
    assert_allclose([four.z, four.variance_a], [delong_paired(y, a, b).z, delong_variance(y, a)[1]])


def test_clustered_variances_are_those_of_a_cluster_bootstrap() -> None:
    y, a, b, whose = ecgs(1)
    n, men = 150, whose < 90
    # Σ over pairs of patients: a resample of patients is a vector of weights
    kernels = []
    for score, has, lacks in ((a, y, ~y), (b, y, ~y), (a, y & men, ~y & men)):
        beaten = (score[has][:, None] > score[lacks]).astype(float)
        of = [np.eye(n)[whose[rows]] for rows in (has, lacks)]
        kernels.append((of[0].T @ beaten @ of[1], of[0].sum(axis=0), of[1].sum(axis=0)))
    weights = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=10_000).astype(float)
    areas = [((weights @ k) * weights).sum(axis=1) / ((weights @ m) * (weights @ w)) for k, m, w in kernels]
    paired = delong_paired(y, a, b, cluster=whose)
    shared = overlapping((y[men], a[men], whose[men]), (y, a, whose))
    for ours, theirs in (
        (paired.variance_a**0.5, areas[0].std()),
        (paired.standard_error, (areas[0] - areas[1]).std()),
        (shared.standard_error, (areas[2] - areas[0]).std()),
    ):
        assert_allclose(ours, theirs, rtol=0.06)
    assert delong_variance(y, a)[1] < 0.65 * paired.variance_a  # as if every ECG were of another patient


def test_clustered_intervals_cover_and_the_usual_ones_do_not() -> None:
    # benchmarks/delong_simulation.py has more of this; the rates have a standard error of 0.7 points of their own
    rng, inside, truth = np.random.default_rng(2), np.zeros(2), 0.75
    for _ in range(1000):
        whose = np.repeat(np.arange(120), 4)
        y, patient = whose % 3 == 0, np.sqrt(0.95) * rng.normal(size=120)
        score = patient[whose] + np.sqrt(0.05) * rng.normal(size=480) + np.sqrt(2) * stats.norm.ppf(truth) * y
        for k, cluster in enumerate((whose, None)):
            _, low, high = auc_interval(y, score, method="logit", cluster=cluster)
            inside[k] += low <= truth <= high
    assert 0.93 <= inside[0] / 1000 <= 0.97
    assert inside[1] / 1000 < 0.75


def test_a_class_in_one_patient_only_has_no_variance() -> None:
    y, a, _, whose = ecgs(0, 20)
    with pytest.raises(NotEstimable, match="in one patient only"):
        delong_variance(y, a, cluster=np.where(y, "same", whose.astype(str)))


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
    assert abs(_paired_power(auc_a, auc_b, n, 1 / 3, correlation=correlation) - found / 600) < 0.07


def test_fishers_interval_of_the_correlation_of_two_areas_covers() -> None:
    # `page.sample_size` has it on the people of the smaller class; the rate has a standard error of 0.7 points
    rng, found, areas = np.random.default_rng(1), [], []
    y = np.arange(300) < 60
    for _ in range(1000):
        common = np.sqrt(0.95) * rng.normal(size=300)
        result = delong_paired(y, *(common + np.sqrt(0.05) * rng.normal(size=300) + y for _ in "ab"))
        found.append(result.covariance / np.sqrt(result.variance_a * result.variance_b))
        areas.append((result.auc_a, result.auc_b))
    truth = np.corrcoef(np.transpose(areas))[0, 1]
    inside = np.abs(np.arctanh(found) - np.arctanh(truth)) < 1.96 / np.sqrt(60 - 3)
    assert 0.92 <= inside.mean() <= 0.98


def test_sample_size_is_the_smallest_that_suffices() -> None:
    n = paired_sample_size(0.80, 0.74, 0.25, power=0.9, correlation=0.6)
    assert _paired_power(0.80, 0.74, n, 0.25, correlation=0.6) >= 0.9
    assert _paired_power(0.80, 0.74, n - 1, 0.25, correlation=0.6) < 0.9
    assert paired_sample_size(0.99, 0.51, 0.5, power=0.2) == 5  # the fewest that have two in each class suffice
    assert_allclose(_paired_power(0.75, 0.75, 500, 0.2), 0.05)
    with pytest.raises(DataError, match="difference of zero"):
        paired_sample_size(0.7, 0.7, 0.2)
    for odd in ({"prevalence": 0.0}, {"prevalence": 0.2, "power": 1.0}):
        with pytest.raises(DataError, match="prevalence must lie between 0 and 1, the power between"):
            paired_sample_size(0.8, 0.7, **odd)


def test_variance_shrinks_as_one_over_n() -> None:
    small, large = (np.mean([delong_variance(*people(seed, n)[:2])[1] for seed in range(100)]) for n in (100, 400))
    assert_allclose(small / large, 4, rtol=0.1)
