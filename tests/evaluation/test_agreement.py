"""Bland–Altman and intraclass correlation against the published examples they come from."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose
from numpy.typing import ArrayLike

from lvmass.evaluation.agreement import _icc, _limits
from lvmass.evaluation.results import At
from lvmass.evaluation.tables import example_predictions

from .rows import find, table_of

# peak expiratory flow of 17 people by two meters: Bland and Altman, Lancet 1986;i:307, table 1
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]

# six targets, four judges: Shrout and Fleiss, Psychol Bull 1979;86:420, table 2
JUDGES = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def men(true: ArrayLike, predicted: ArrayLike) -> pd.DataFrame:
    """Predictions for people of one sex with these masses."""
    people = pd.DataFrame({"lvm_g": np.asarray(true, float), "predicted_lvm_g": np.asarray(predicted, float)})
    people = people.assign(
        subject_id=people.index, patient_id=people.index, sex="male", model="m", training="pooled", cohort="c", fold=0
    )
    return people.assign(bsa_m2=1.8, lvh=False)


def agreement(true: ArrayLike, predicted: ArrayLike) -> dict[str, Any]:
    """Their row of the table."""
    return find(table_of("agreement", men(true, predicted)), sex="male")


def limits(true: ArrayLike, predicted: ArrayLike) -> pd.DataFrame:
    """Their limits that follow the estimate."""
    table = table_of("agreement_limits", men(true, predicted))
    return table[table["sex"] == "male"]


def test_bland_altman_equals_the_lancet_example() -> None:
    result = agreement(MINI, WRIGHT)
    assert (round(result["bias_g"], 1), round(result["sd_g"], 1)) == (-2.1, 38.8)
    assert (round(result["bias_ci_low_g"], 1), round(result["bias_ci_high_g"], 1)) == (-22.0, 17.8)
    # printed with 2 instead of 1.96 SD and sqrt(3/n) for the limits' error: -79.7 (-114.3 to -45.1), 75.5
    two_sd = 2 / 1.959964
    assert_allclose(result["bias_g"] + (result["lower_g"] - result["bias_g"]) * two_sd, -79.7, atol=0.1)
    assert_allclose(result["bias_g"] + (result["upper_g"] - result["bias_g"]) * two_sd, 75.5, atol=0.1)
    assert_allclose(result["lower_ci_high_g"] - result["lower_ci_low_g"], -45.1 + 114.3, rtol=0.01)


def growing(n: int, seed: int) -> tuple[ArrayLike, ArrayLike]:
    """Errors against the estimate x of mean 2 + 0.1 (x - 110) and SD 12 + 0.15 (x - 110)."""
    rng = np.random.default_rng(seed)
    predicted = rng.normal(110, 20, n)
    return predicted - (2 + 0.1 * (predicted - 110)) - (12 + 0.15 * (predicted - 110)) * rng.normal(size=n), predicted


def test_limits_follow_a_known_spread_and_hold_95_percent_everywhere() -> None:
    true, predicted = (np.asarray(each) for each in growing(40_000, 1))
    rows = limits(true, predicted)
    x = rows["predicted_g"].to_numpy(float)
    assert_allclose(x, np.percentile(predicted, [5, 50, 95]))
    mean, sd = 2 + 0.1 * (x - 110), 12 + 0.15 * (x - 110)
    for name, known in (("mean_error", mean), ("lower", mean - 1.96 * sd), ("upper", mean + 1.96 * sd)):
        assert_allclose(rows[f"{name}_g"].to_numpy(float), known, atol=0.5)
    assert_allclose(agreement(true, predicted)["sd_slope"], 0.15, atol=0.01)
    low, high = (np.polynomial.Polynomial.fit(x, rows[f"{name}_g"].to_numpy(float), 1) for name in ("lower", "upper"))
    error, same = predicted - true, agreement(true, predicted)
    follow, fixed = [], []
    for third in np.array_split(np.argsort(predicted), 3):
        inside = (low(predicted[third]) <= error[third]) & (error[third] <= high(predicted[third]))
        follow.append(inside.mean())
        fixed.append(((same["lower_g"] <= error[third]) & (error[third] <= same["upper_g"])).mean())
    assert_allclose(follow, 0.95, atol=0.01)
    # the same limits for everyone are too wide for small hearts and too narrow for large ones
    assert fixed[0] > 0.97 > 0.93 > fixed[2]


def test_intervals_of_limits_that_follow_hold_what_they_promise() -> None:
    inside = []
    for seed in range(400):
        true, predicted = (np.asarray(each) for each in growing(150, seed))
        rows = pd.DataFrame(_limits(men(true, predicted), At("male", pd.DataFrame(), {}, 0, 0)))
        x = rows["predicted_g"].to_numpy(float) - 110
        for name, z in (("mean_error", 0), ("lower", -1.96), ("upper", 1.96)):
            known = 2 + 0.1 * x + z * (12 + 0.15 * x)
            inside.append((rows[f"{name}_ci_low_g"] < known) & (known < rows[f"{name}_ci_high_g"]))
    assert_allclose(np.mean(inside), 0.945, atol=0.015)


def test_errors_of_a_calibrated_estimate_have_no_slope_against_it() -> None:
    rng = np.random.default_rng(4)
    predicted = rng.normal(110, 15, 20_000)
    true = predicted + rng.normal(0, 15, 20_000)
    rows = limits(true, predicted)
    assert_allclose(rows["mean_error_g"].to_numpy(float), 0, atol=0.6)
    # although it falls against the mean of both, by arithmetic
    assert np.polyfit((true + predicted) / 2, predicted - true, 1)[0] < -0.3


def test_icc_equals_shrout_and_fleiss() -> None:
    result = _icc(np.array(JUDGES, float))
    assert (round(result["icc"], 2), round(result["icc_ci_low"], 2), round(result["icc_ci_high"], 2)) == (
        0.29,
        0.02,
        0.76,
    )
    # identical methods agree perfectly, a constant shift spoils agreement
    assert set(_icc(np.array([[1.0, 1], [2, 2], [4, 4]])).values()) == {1.0}
    assert _icc(np.array([[1.0, 3], [2, 4], [4, 6]]))["icc"] < 0.6


def test_notes() -> None:
    flat = agreement(np.arange(90, 101), np.full(11, 95.0))
    assert flat["note"] == "one prediction for everyone, no slope"
    assert flat["bias_g"] == 0
    assert set(limits(np.arange(90, 101), np.full(11, 95.0))["note"]) == {flat["note"]}
    table = table_of("agreement", example_predictions(12))
    assert list(table["sex"][:3]) == ["female", "male", "all"]
    assert find(table, sex="female")["note"] == "too few people"
    assert find(table, sex="all")["note"] == ""
    assert "nan" not in table.to_string().lower()
