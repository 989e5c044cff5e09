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
from lvmass.evaluation import errors, evaluate
from lvmass.evaluation.errors import bootstrap_limits
from lvmass.evaluation.results import _add_holm
from lvmass.evaluation.tables import check_predictions, example_predictions

from .rows import find, table_of


def people_with(**columns: object) -> pd.DataFrame:
    """Predictions of one fit for men, with these columns."""
    table = pd.DataFrame({"model": "a", "training": "pooled", "cohort": "c", "fold": 0, "lvm_g": 100.0, **columns})
    table = table.assign(subject_id=table.groupby("model").cumcount().astype(str))
    return table.assign(patient_id=table["subject_id"], sex="male", bsa_m2=1.8, lvh=False)


@given(st.integers(0, 2**32 - 1), st.integers(2, 50))
@settings(max_examples=20, deadline=None)
def test_errors_equal_scikit_learn(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    true, predicted = rng.uniform(50, 250, n), rng.uniform(50, 250, n)
    table = table_of("errors", people_with(lvm_g=true, predicted_lvm_g=predicted), n_resamples=9)
    found = table[table["sex"] == "all"].set_index("metric")["estimate"].astype(float)
    expected = {
        "mae_g": metrics.mean_absolute_error(true, predicted),
        "mape_percent": 100 * metrics.mean_absolute_percentage_error(true, predicted),
        "rmse_g": metrics.root_mean_squared_error(true, predicted),
        "r2": metrics.r2_score(true, predicted),
        "bias_g": (predicted - true).mean(),
    }
    assert_allclose(found[list(expected)], list(expected.values()), rtol=1e-9, atol=1e-9)


def test_fold_errors_are_mean_and_sd_over_folds() -> None:
    table = example_predictions(100)
    row = (
        table_of("errors_by_fold", table)
        .query("model == 'net' and training == 'pooled' and cohort == 'dev' and sex == 'male'")
        .iloc[0]
    )
    rows = table.query("model == 'net' and training == 'pooled' and cohort == 'dev' and sex == 'male'")
    each = (rows["predicted_lvm_g"] - rows["lvm_g"]).abs().groupby(rows["fold"]).mean()
    assert (row["metric"], row["n_folds"], row["n_subjects"]) == ("mae_g", 5, 60)
    assert_allclose([row["mean"], row["sd"]], [each.mean(), each.std()])


def test_external_cohort_has_no_sd_and_says_so() -> None:
    table = table_of("errors_by_fold", example_predictions(50)).query("cohort == 'ext'")
    assert table["sd"].isna().all()
    assert set(table["note"]) == {"one cohort, no folds"}


def test_small_strata_give_a_sentence_not_nan() -> None:
    tiny = example_predictions(50).query("sex == 'male'").groupby(["cohort", "model", "training"]).head(3)
    for name in ("errors_by_fold", "errors", "error_differences"):
        table = table_of(name, tiny, n_resamples=99)
        assert "nan" not in table.to_string().lower()
        women = table[table["sex"] == "female"]
        assert len(women) > 0
        assert (women["note"] == "too few people").all()
        if name != "errors_by_fold":
            men = table[table["sex"] == "male"]
            value = "estimate" if name == "errors" else "difference_g"
            assert men[value].notna().all()
            assert set(men["note"]) == {"too few people for an interval"}


def test_pooled_interval_covers_and_is_fast() -> None:
    one_fit = example_predictions(1500).query("cohort == 'dev' and model == 'net' and training == 'pooled'")
    start = time.perf_counter()
    table = table_of("errors", one_fit)
    seconds = time.perf_counter() - start
    mae = find(table, sex="all", metric="mae_g")
    error = np.abs(one_fit["predicted_lvm_g"].to_numpy() - one_fit["lvm_g"].to_numpy())
    assert_allclose(mae["estimate"], error.mean())
    # at this size the bootstrap must agree with the normal interval of a mean
    assert_allclose(
        [mae["ci_low"], mae["ci_high"]], error.mean() + stats.sem(error) * np.array([-1.96, 1.96]), atol=0.08
    )
    assert seconds < 6  # three strata, five metrics; about 1 s alone on a core


def moments(sums: np.ndarray) -> np.ndarray:
    """Mean and variance from a count, a sum and a sum of squares."""
    n, total, squares = sums
    return np.stack([total / n, squares / n - (total / n) ** 2])


@pytest.mark.parametrize("n", [10, 57, 400])
def testbootstrap_limits_are_those_of_scipy(n: int) -> None:
    x = np.random.default_rng(n).gamma(2, 7, n)
    low, high = bootstrap_limits(np.stack([np.ones(n), x, x**2]), moments, 0.9, 1999, 5)
    for k, function in enumerate((np.mean, np.var)):
        expected = stats.bootstrap(
            (x,), function, confidence_level=0.9, n_resamples=1999, rng=np.random.default_rng(5), batch=200
        ).confidence_interval
        assert_allclose([low[k], high[k]], expected, rtol=1e-9)
    none = bootstrap_limits(np.ones((3, n)), moments, 0.9, 99, 0)
    assert np.isnan(none).all()


def test_time_of_the_bootstrap_does_not_grow_with_the_square_of_the_people() -> None:
    terms = np.stack([np.ones(24_000), *np.random.default_rng(0).normal(size=(2, 24_000)) ** 2])
    seconds = []
    for n in (3_000, 24_000):
        start = time.process_time()
        bootstrap_limits(terms[:, :n], moments, 0.95, 200, 0)
        seconds.append(time.process_time() - start)
    assert seconds[1] < 24 * seconds[0]  # eight times the people; the square would be 64 times


def test_the_better_model_is_found() -> None:
    table = example_predictions(300)
    where = {"cohort": "dev", "training": "pooled", "sex": "all"}
    row = find(table_of("error_differences", table, "net", n_resamples=1999), **where)
    assert row["difference_g"] < row["ci_high"] < 0
    assert_allclose([row["p_value"], row["p_floor"]], 0.001)
    back = find(table_of("error_differences", table, "body", n_resamples=1999), **where)
    assert_allclose([back["difference_g"], back["p_value"]], [-row["difference_g"], row["p_value"]])
    same = pd.concat([table.query("model == 'net'").assign(model=name) for name in ("net", "twin")])
    own = find(table_of("error_differences", same, "net", n_resamples=199), **where)
    assert (own["difference_g"], own["p_value"], pd.isna(own["ci_low"])) == (0, 1, True)
    assert own["note"] == "no spread, no interval"


def test_more_people_than_a_float_has_powers_of_two() -> None:
    table = example_predictions(1100)  # 2.0**1100 is beyond the largest float
    row = find(table_of("error_differences", table, "net"), cohort="dev", training="pooled", sex="all")
    assert row["n_subjects"] == 1100
    assert row["p_value"] == row["p_floor"] > 0


def test_single_models_against_their_mean_hand_worked() -> None:
    # in half of the people two models off by +12 and -8, in the others by 0 and 4: in all, their mean is off by 2
    table = example_predictions(40).query("model == 'net' and training == 'pooled'")
    external = table["cohort"] == "ext"
    first = (table["subject_id"] < "ext-0020") & external
    table = table.assign(predicted_lvm_g=table["predicted_lvm_g"].mask(external, table["lvm_g"] + 2))
    there = table[external]
    half = first[external].to_numpy()
    models = (np.where(half, 12.0, 0.0), np.where(half, -8.0, 4.0))
    single = pd.concat([there.assign(fold=k, predicted_lvm_g=there["lvm_g"] + off) for k, off in enumerate(models)])
    row = find(table_of("single_models", table, external_single=single, n_resamples=999), sex="all")
    assert (row["cohort"], row["n_models"], row["n_subjects"]) == ("ext", 2, 40)
    assert_allclose([row["mae_single_g"], row["mae_mean_g"], row["difference_g"]], [(10 + 2) / 2, 2, -4])
    # the mean of 20 differences of -8 and 20 of 0: SE 4 / sqrt(40)
    assert_allclose([row["difference_ci_low_g"], row["difference_ci_high_g"]], -4 + np.array([-1.24, 1.24]), atol=0.25)
    assert row["note"] == ""
    alike = table_of("single_models", table, external_single=there.assign(fold=0), n_resamples=99)
    assert set(alike["note"]) == {"no spread, no interval"}
    few = table.groupby("cohort").head(5)
    few = table_of("single_models", few, external_single=single, n_resamples=99)
    assert set(few["note"]) == {"too few people for an interval"}
    assert few["mae_mean_g"].notna().all()
    assert "single_models" not in evaluate(example_predictions(20), n_resamples=9)
    with pytest.raises(DataError, match="appears more than once"):
        table_of("single_models", table, external_single=pd.concat([single, single]))


def differences(a: list[float], b: list[float], folds: object = 0) -> pd.DataFrame:
    """Predictions of two models with these errors."""
    return people_with(model=["a"] * len(a) + ["b"] * len(b), predicted_lvm_g=100 + np.array([*a, *b]), fold=folds)


def test_permutation_is_exact_for_few_people() -> None:
    # all 2^5 sign flips of 1, 2, 3, 4, 5: only the two extremes reach |mean| = 3
    # 7, 7, 7, -1: flips with |sum| >= 20 are +++-, ++++, and their mirrors
    for a, b, p in (([2.0, 4, 6, 8, 10], [1.0, 2, 3, 4, 5], 2 / 32), ([8.0, 8, 8, 1], [1.0, 1, 1, 2], 4 / 16)):
        row = find(table_of("error_differences", differences(a, b)), sex="male")
        assert (row["p_value"], pd.isna(row["p_floor"])) == (p, True)


def test_a_group_of_one_patient_with_two_ecgs_is_too_small_to_compare() -> None:
    table = differences([2.0, 4], [1.0, 3]).assign(patient_id="the same")
    assert find(table_of("error_differences", table), sex="male")["note"] == "too few people"


def test_permutation_agrees_with_the_t_test_for_many() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.gamma(2, 7, 800), rng.gamma(2, 7.5, 800)
    row = find(table_of("error_differences", differences(a.tolist(), b.tolist()), n_resamples=4999), sex="male")
    assert_allclose(row["p_value"], stats.ttest_rel(a, b).pvalue, atol=0.02)


@pytest.mark.parametrize("p", [[0.2], [0.01, 0.04, 0.03], [0.5, 0.5, 0.001, 0.9, 0.02, 0.02]])
def test_holm_equals_statsmodels(p: list[float]) -> None:
    table = pd.DataFrame({"p_value": [*p, None], "family": "a"}).astype({"p_value": "Float64"})
    adjusted = _add_holm(table, ["family"])["p_holm"]
    assert adjusted.isna().tolist() == [False] * len(p) + [True]
    assert_allclose(adjusted.dropna().to_numpy(dtype=float), multipletests(p, method="holm")[1], atol=1e-15)


def test_the_table_is_checked() -> None:
    good = example_predictions(20)
    assert check_predictions(good) is good
    row = good.iloc[[0]]
    with pytest.raises(DataError, match=r"subject_id is dev-0000 .* net; it appears more than once"):
        check_predictions(pd.concat([good, row]))
    with pytest.raises(DataError, match="sex is woman for subject dev-0000, net; use female or male"):
        check_predictions(good.assign(sex="woman"))
    with pytest.raises(DataError, match=r"lvm_g is 0\.0 for subject"):
        check_predictions(good.assign(lvm_g=0.0))
    with pytest.raises(DataError, match="predicted_lvm_g is nan"):
        check_predictions(good.assign(predicted_lvm_g=np.nan))
    with pytest.raises(DataError, match="no rows"):
        check_predictions(good.head(0))
    for name in ("lvh", "patient_id"):
        with pytest.raises(DataError, match=f"{name} is (None|nan|<NA>) for subject"):
            check_predictions(good.assign(**{name: None}))


@given(st.integers(0, 79))
@settings(max_examples=20, deadline=None)
def test_any_duplicate_is_refused(row: int) -> None:
    table = example_predictions(10)
    with pytest.raises(DataError, match="more than once"):
        check_predictions(pd.concat([table, table.iloc[[row]].assign(fold=4)]))


def test_the_normal_limit_of_many_people_gives_what_resampling_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    table = example_predictions(2000).query("cohort == 'dev' and training == 'pooled'")
    found = []
    for many in (10_000, 500):
        monkeypatch.setattr(errors, "MANY", many)
        found.append(
            {
                name: table_of(name, table, n_resamples=2000).query("sex == 'all'").reset_index()
                for name in ("errors", "error_differences")
            }
        )
    for name, resampled in found[0].items():
        limit = found[1][name]
        width = (resampled["ci_high"] - resampled["ci_low"]).to_numpy(float)
        for end in ("ci_low", "ci_high"):
            off = (resampled[end] - limit[end]).to_numpy(float) / width
            assert np.abs(off).max() < 0.1, (name, end)  # as much as another seed does
    assert found[0]["error_differences"]["p_floor"].notna().all()
    assert found[1]["error_differences"]["p_floor"].isna().all()
    assert (found[1]["error_differences"]["p_value"] < found[0]["error_differences"]["p_floor"]).all()


def test_rare_terms_of_many_people_are_resampled(monkeypatch: pytest.MonkeyPatch) -> None:
    terms = np.stack([np.ones(1000), np.arange(1000) < 12])
    found = []
    for many in (10_000, 500):
        monkeypatch.setattr(errors, "MANY", many)
        found.append(bootstrap_limits(terms, lambda sums: sums[1:] / sums[0], 0.95, 500, 0))
    assert_allclose(found[0], found[1])  # the normal limit has no part in it


def test_p_of_many_people_is_that_of_flipped_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    true = rng.uniform(80, 200, 300)
    table = pd.concat(
        people_with(lvm_g=true, predicted_lvm_g=true + rng.normal(0, sd, 300), model=name)
        for name, sd in (("a", 10.0), ("b", 10.6))
    )
    p = []
    for many in (10_000, 100):
        monkeypatch.setattr(errors, "MANY", many)
        p.append(float(table_of("error_differences", table, n_resamples=9999)["p_value"].iloc[0]))
    assert 0.01 < p[0] < 0.9
    assert p[1] == pytest.approx(p[0], abs=0.02)
