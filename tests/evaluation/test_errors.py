"""Errors, their intervals and comparisons against scikit-learn, hand-worked values and other libraries."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats
from sklearn import metrics
from statsmodels.stats.multitest import multipletests

from lvmass.errors import DataError
from lvmass.evaluation.differences import compare_errors, nadeau_bengio, paired_difference, paired_errors
from lvmass.evaluation.errors import METRICS, fold_errors, mae_g, mape_percent, pooled_errors, r2, rmse_g
from lvmass.evaluation.tables import add_holm, check_predictions, example_predictions

from .rows import find


@given(st.integers(0, 2**32 - 1), st.integers(2, 50))
@settings(max_examples=40, deadline=None)
def test_errors_equal_scikit_learn(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    true, predicted = rng.uniform(50, 250, n), rng.uniform(50, 250, n)
    assert_allclose(mae_g(true, predicted), metrics.mean_absolute_error(true, predicted))
    assert_allclose(mape_percent(true, predicted), 100 * metrics.mean_absolute_percentage_error(true, predicted))
    assert_allclose(rmse_g(true, predicted), metrics.root_mean_squared_error(true, predicted))
    assert_allclose(r2(true, predicted), metrics.r2_score(true, predicted), atol=1e-12)


def test_fold_errors_are_mean_and_sd_over_folds() -> None:
    table = example_predictions(100)
    row = (
        fold_errors(table)
        .query("model == 'net' and training == 'pooled' and cohort == 'dev' and sex == 'male'")
        .iloc[0]
    )
    rows = table.query("model == 'net' and training == 'pooled' and cohort == 'dev' and sex == 'male'")
    each = (rows["predicted_lvm_g"] - rows["lvm_g"]).abs().groupby(rows["fold"]).mean()
    assert (row["metric"], row["n_folds"], row["n_subjects"]) == ("mae_g", 5, 60)
    assert_allclose([row["mean"], row["sd"]], [each.mean(), each.std()])


def test_external_cohort_has_no_sd_and_says_so() -> None:
    table = fold_errors(example_predictions(50)).query("cohort == 'ext'")
    assert table["sd"].isna().all()
    assert set(table["note"]) == {"one cohort, no folds"}


def test_small_strata_give_a_sentence_not_nan() -> None:
    tiny = example_predictions(50).query("sex == 'male'").groupby(["cohort", "model", "training"]).head(3)
    for table in (fold_errors(tiny), pooled_errors(tiny, n_resamples=99), compare_errors(tiny, "net", n_resamples=99)):
        assert "nan" not in table.to_string().lower()
        women = table[table["sex"] == "female"]
        assert len(women) > 0
        assert (women["note"] == "too few people").all()


def test_pooled_interval_covers_and_is_fast() -> None:
    one_fit = example_predictions(1500).query("cohort == 'dev' and model == 'net' and training == 'pooled'")
    start = time.perf_counter()
    table = pooled_errors(one_fit)
    seconds = time.perf_counter() - start
    mae = find(table, sex="all", metric="mae_g")
    error = np.abs(one_fit["predicted_lvm_g"].to_numpy() - one_fit["lvm_g"].to_numpy())
    assert_allclose(mae["estimate"], error.mean())
    # at this size the bootstrap must agree with the normal interval of a mean
    assert_allclose(
        [mae["ci_low"], mae["ci_high"]], error.mean() + stats.sem(error) * np.array([-1.96, 1.96]), atol=0.08
    )
    assert seconds < 6  # three strata, five metrics; about 1 s alone on a core


def test_paired_difference_finds_the_better_model() -> None:
    table = example_predictions(300)
    result = paired_difference(table, "net", "body", cohort="dev", n_resamples=1999)
    assert result.ci_high is not None
    assert result.difference_g < result.ci_high < 0
    assert result.p_value <= 0.001
    back = paired_difference(table, "body", "net", cohort="dev", n_resamples=1999)
    assert_allclose([back.difference_g, back.p_value], [-result.difference_g, result.p_value])
    own = paired_difference(table, "net", "net", cohort="dev", n_resamples=199)
    assert (own.difference_g, own.p_value, own.ci_low) == (0, 1, None)
    with pytest.raises(DataError, match=r"no predictions of gone \(pooled\) in dev"):
        paired_difference(table, "net", "gone", cohort="dev")


def test_permutation_is_exact_for_few_people() -> None:
    # all 2^5 sign flips of 1, 2, 3, 4, 5: only the two extremes reach |mean| = 3
    assert paired_errors([2.0, 4, 6, 8, 10], [1.0, 2, 3, 4, 5]).p_value == 2 / 32
    # 7, 7, 7, -1: flips with |sum| >= 20 are +++-, ++++, and their mirrors
    assert paired_errors([8.0, 8, 8, 1], [1.0, 1, 1, 2]).p_value == 4 / 16


def test_permutation_agrees_with_the_t_test_for_many() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.gamma(2, 7, 800), rng.gamma(2, 7.5, 800)
    assert_allclose(paired_errors(a, b).p_value, stats.ttest_rel(a, b).pvalue, atol=0.02)


@pytest.mark.parametrize("p", [[0.2], [0.01, 0.04, 0.03], [0.5, 0.5, 0.001, 0.9, 0.02, 0.02]])
def test_holm_equals_statsmodels(p: list[float]) -> None:
    table = pd.DataFrame({"p_value": [*p, None], "family": "a"}).astype({"p_value": "Float64"})
    adjusted = add_holm(table, ["family"])["p_holm"]
    assert adjusted.isna().tolist() == [False] * len(p) + [True]
    assert_allclose(adjusted.dropna().to_numpy(dtype=float), multipletests(p, method="holm")[1], atol=1e-15)


def test_nadeau_bengio_hand_worked() -> None:
    # mean 3, variance 2.5: naive 3 / sqrt(2.5/5), corrected 3 / sqrt(2.5 (1/5 + 1/4)); ten folds of 9:1 likewise
    result = nadeau_bengio([1.0, 2.0, 3.0, 4.0, 5.0])
    assert_allclose(result.t_naive, 3 / np.sqrt(0.5))
    assert_allclose(result.t_corrected, 3 / np.sqrt(1.125))
    assert_allclose(result.p_naive, stats.ttest_1samp([1.0, 2, 3, 4, 5], 0).pvalue)
    assert result.p_corrected > result.p_naive
    with pytest.raises(DataError, match="two or more folds"):
        nadeau_bengio([1.0, 1.0])


def test_the_table_is_checked() -> None:
    good = example_predictions(20)
    assert check_predictions(good) is good
    row = good.iloc[[0]]
    with pytest.raises(DataError, match="Subject dev-0000 appears more than once for net"):
        check_predictions(pd.concat([good, row]))
    with pytest.raises(DataError, match="sex is woman; use female or male"):
        check_predictions(good.assign(sex="woman"))
    with pytest.raises(DataError, match=r"lvm_g is 0\.0 for subject"):
        check_predictions(good.assign(lvm_g=0.0))
    with pytest.raises(DataError, match="predicted_lvm_g is nan"):
        check_predictions(good.assign(predicted_lvm_g=np.nan))
    with pytest.raises(DataError, match="no rows"):
        check_predictions(good.head(0))
    with pytest.raises(DataError, match="lvh is missing"):
        check_predictions(good.assign(lvh=None))
    assert set(METRICS) == set(fold_errors(good)["metric"])


@given(st.integers(0, 79))
@settings(max_examples=20, deadline=None)
def test_any_duplicate_is_refused(row: int) -> None:
    table = example_predictions(10)
    with pytest.raises(DataError, match="more than once"):
        check_predictions(pd.concat([table, table.iloc[[row]].assign(fold=4)]))
