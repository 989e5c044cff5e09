"""Bland–Altman and intraclass correlation against the published examples they come from."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lvmass.errors import DataError
from lvmass.evaluation.agreement import agreement_table, bland_altman, intraclass_correlation
from lvmass.evaluation.tables import example_predictions

from .rows import find

# peak expiratory flow of 17 people by two meters: Bland and Altman, Lancet 1986;i:307, table 1
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]

# six targets, four judges: Shrout and Fleiss, Psychol Bull 1979;86:420, table 2
JUDGES = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def test_bland_altman_equals_the_lancet_example() -> None:
    result = bland_altman(MINI, WRIGHT)
    assert (round(result.bias_g, 1), round(result.sd_g, 1)) == (-2.1, 38.8)
    assert (round(result.bias_ci_low_g, 1), round(result.bias_ci_high_g, 1)) == (-22.0, 17.8)
    # printed with 2 instead of 1.96 SD and sqrt(3/n) for the limits' error: -79.7 (-114.3 to -45.1), 75.5
    two_sd = 2 / 1.959964
    assert_allclose(result.bias_g + (result.lower_g - result.bias_g) * two_sd, -79.7, atol=0.1)
    assert_allclose(result.bias_g + (result.upper_g - result.bias_g) * two_sd, 75.5, atol=0.1)
    assert_allclose(result.lower_ci_high_g - result.lower_ci_low_g, -45.1 + 114.3, rtol=0.01)
    assert result.proportional_p > 0.05


def test_proportional_bias_is_found() -> None:
    true = np.linspace(60, 200, 80)
    shrunken = 112 + 0.6 * (true - 112) + np.tile([-5.0, 5.0], 40)
    result = bland_altman(true, shrunken)
    assert result.proportional_slope < -0.4
    assert result.proportional_p < 1e-6
    assert result.summary()["n_subjects"].tolist() == [80]


def test_icc_equals_shrout_and_fleiss() -> None:
    result = intraclass_correlation(JUDGES)
    assert (round(result.agreement, 2), round(result.consistency, 2)) == (0.29, 0.71)
    assert (round(result.ci_low, 2), round(result.ci_high, 2)) == (0.02, 0.76)
    # identical methods agree perfectly, a constant shift spoils agreement but not consistency
    same = intraclass_correlation([[1, 1], [2, 2], [4, 4]])
    assert (same.agreement, same.ci_low) == (1, 1)
    shifted = intraclass_correlation([[1, 3], [2, 4], [4, 6]])
    assert_allclose(shifted.consistency, 1)
    assert shifted.agreement < 0.6


def test_refusals_and_notes() -> None:
    with pytest.raises(DataError, match="three or more people"):
        bland_altman([1.0, 2], [1.0, 2])
    with pytest.raises(DataError, match="missing or infinite"):
        bland_altman([1.0, 2, np.nan], [1.0, 2, 3])
    with pytest.raises(DataError, match="same mean"):
        intraclass_correlation([[1, 2], [1, 2], [1, 2]])
    few = example_predictions(12)
    table = agreement_table(few)
    assert find(table, sex="female")["note"] == "too few people"
    assert find(table, sex="all")["note"] == ""
    assert "nan" not in table.to_string().lower()
