"""Bland–Altman and intraclass correlation against the published examples they come from."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose
from numpy.typing import ArrayLike

from lvmass.evaluation.calibration import _icc
from lvmass.evaluation.tables import example_predictions

from .rows import find, table_of

# peak expiratory flow of 17 people by two meters: Bland and Altman, Lancet 1986;i:307, table 1
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]

# six targets, four judges: Shrout and Fleiss, Psychol Bull 1979;86:420, table 2
JUDGES = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def agreement(true: ArrayLike, predicted: ArrayLike) -> dict[str, Any]:
    """The row of the table for people of one sex with these masses."""
    people = pd.DataFrame({"lvm_g": np.asarray(true, float), "predicted_lvm_g": np.asarray(predicted, float)})
    people = people.assign(
        subject_id=people.index, patient_id=people.index, sex="male", model="m", training="pooled", cohort="c", fold=0
    )
    return find(table_of("agreement", people.assign(bsa_m2=1.8, lvh=False)), sex="male")


def test_bland_altman_equals_the_lancet_example() -> None:
    result = agreement(MINI, WRIGHT)
    assert (round(result["bias_g"], 1), round(result["sd_g"], 1)) == (-2.1, 38.8)
    assert (round(result["bias_ci_low_g"], 1), round(result["bias_ci_high_g"], 1)) == (-22.0, 17.8)
    # printed with 2 instead of 1.96 SD and sqrt(3/n) for the limits' error: -79.7 (-114.3 to -45.1), 75.5
    two_sd = 2 / 1.959964
    assert_allclose(result["bias_g"] + (result["lower_g"] - result["bias_g"]) * two_sd, -79.7, atol=0.1)
    assert_allclose(result["bias_g"] + (result["upper_g"] - result["bias_g"]) * two_sd, 75.5, atol=0.1)
    assert_allclose(result["lower_ci_high_g"] - result["lower_ci_low_g"], -45.1 + 114.3, rtol=0.01)
    assert result["proportional_p"] > 0.05


def test_proportional_bias_is_found() -> None:
    true = np.linspace(60, 200, 80)
    result = agreement(true, 112 + 0.6 * (true - 112) + np.tile([-5.0, 5.0], 40))
    assert result["proportional_slope"] < -0.4
    assert result["proportional_p"] < 1e-6


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
    assert agreement(np.arange(90, 101), np.arange(110, 99, -1))["note"].endswith(
        "same mean of true and predicted mass."
    )
    table = table_of("agreement", example_predictions(12))
    assert find(table, sex="female")["note"] == "too few people"
    assert find(table, sex="all")["note"] == ""
    assert "nan" not in table.to_string().lower()
