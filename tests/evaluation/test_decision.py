"""Operating points, matched criteria, curves and net benefit: hand-worked, published and library values."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve
from statsmodels.stats.contingency_tables import mcnemar

from lvmass.errors import DataError
from lvmass.evaluation.curves import GRID, criteria_roc, decision_curves, net_benefit, precision_recall, roc_points
from lvmass.evaluation.decision import (
    criteria_points,
    matched_criteria,
    operating_point,
    operating_points,
    threshold_at_specificity,
    with_criteria,
)
from lvmass.evaluation.lvh import PRIMARY, lvh_score
from lvmass.evaluation.probability import lvh_probability
from lvmass.evaluation.tables import example_predictions

from .rows import find

TABLE = example_predictions(400)
FIT = TABLE.query("cohort == 'dev' and model == 'net' and training == 'pooled'")


def voltage(noise: float = 0.5) -> pd.DataFrame:
    """A weak criterion for every person of both cohorts."""
    people = TABLE.drop_duplicates(["cohort", "subject_id"])
    value = people["lvm_g"] / 60 + noise * np.random.default_rng(1).normal(size=len(people))
    table = people[["cohort", "subject_id"]].assign(criterion="voltage_mv", value=value, positive=value > 2.8)
    table.loc[table.index[:3], ["value", "positive"]] = [np.nan, False]
    return table


def test_operating_point_hand_worked() -> None:
    # 81 of 263: Wilson's interval is 0.2553 to 0.3662 (Newcombe, Stat Med 1998;17:857, table I)
    y = np.repeat([1, 0], [263, 100])
    called = np.r_[np.repeat([1, 0], [81, 182]), np.repeat([1, 0], [10, 90])]
    point = operating_point(y, called)
    assert_allclose([point.sensitivity, point.specificity], [81 / 263, 0.9])
    assert point.ppv is not None
    assert point.npv is not None
    assert_allclose([point.ppv, point.npv], [81 / 91, 90 / 272])
    assert (round(point.sensitivity_ci_low, 4), round(point.sensitivity_ci_high, 4)) == (0.2553, 0.3662)
    nobody = operating_point([1, 0], [0, 0])
    assert (nobody.ppv, nobody.ppv_ci_low, nobody.npv) == (None, None, 0.5)
    with pytest.raises(DataError, match="with and without"):
        operating_point([1, 1], [1, 0])


@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_threshold_reaches_the_specificity_and_no_lower_score_does(seed: int, specificity: float) -> None:
    rng = np.random.default_rng(seed)
    y, score = rng.random(40) < 0.3, rng.normal(size=40).round(1)
    y[:2] = [True, False]
    threshold = threshold_at_specificity(y, score, specificity)
    assert (score[~y] <= threshold).mean() >= specificity - 1e-9
    lower = score[~y][score[~y] < threshold]
    if lower.size:
        assert (score[~y] <= lower.max()).mean() < specificity


def test_operating_points_call_lvh_at_the_cutoff() -> None:
    row = find(operating_points(TABLE), cohort="dev", model="net", training="pooled", sex="male")
    men = FIT[FIT["sex"] == "male"]
    called = men["predicted_lvm_g"] / men["bsa_m2"] > PRIMARY["male"]
    assert_allclose(row["sensitivity"], called[men["lvh"]].mean())
    assert_allclose(row["npv"], (~men["lvh"])[~called].mean())


def test_matched_criteria_equals_mcnemar_by_statsmodels() -> None:
    row = find(matched_criteria(TABLE, voltage()), cohort="dev", model="net", training="pooled", sex="all")
    joined = with_criteria(FIT, voltage())
    lvh, called = joined["lvh"].to_numpy(bool), joined["positive"].to_numpy(bool)
    assert_allclose(row["specificity"], (~called[~lvh]).mean())
    assert 0 <= row["model_specificity"] - row["specificity"] < 1 / 200
    score = lvh_score(joined, "indexed")
    model = score > threshold_at_specificity(lvh, score, row["specificity"])
    cells = [[(model & called & lvh).sum(), (model & ~called & lvh).sum()],
             [(~model & called & lvh).sum(), (~model & ~called & lvh).sum()]]  # fmt: skip
    assert_allclose(row["p_value"], mcnemar(cells, exact=True).pvalue)
    assert_allclose(row["difference"], row["model_sensitivity"] - row["criterion_sensitivity"])
    own = find(criteria_points(TABLE, voltage()), cohort="dev", sex="all")
    assert_allclose(own["sensitivity"], row["criterion_sensitivity"])
    with pytest.raises(DataError, match="lacks the columns positive"):
        with_criteria(TABLE, voltage().drop(columns="positive"))
    with pytest.raises(DataError, match="subject twice"):
        with_criteria(TABLE, voltage().iloc[[0, 0]])


def test_curves_equal_scikit_learn() -> None:
    lvh, grams = FIT["lvh"].to_numpy(bool), FIT["predicted_lvm_g"].to_numpy(float)
    where = "cohort == 'dev' and model == 'net' and training == 'pooled' and sex == 'all' and score == 'grams'"
    roc = roc_points(TABLE).query(where)
    false, true, _ = roc_curve(lvh, grams, drop_intermediate=False)
    for x, y in zip(roc["false_positive_rate"], roc["sensitivity"], strict=True):
        assert_allclose(y, true[false <= x + 1e-12].max())
    area = np.trapezoid(roc["sensitivity"].to_numpy(float), GRID)
    assert abs(area - roc_auc_score(lvh, grams)) < 0.01
    pr = precision_recall(TABLE).query(where)
    assert_allclose(pr["average_precision"].iloc[0], average_precision_score(lvh, grams))
    assert_allclose(pr["precision"].iloc[-1], max(lvh[grams >= t].mean() for t in grams if (grams >= t)[lvh].all()))
    criteria = criteria_roc(TABLE, voltage())
    assert set(criteria["sex"]) == {"all", "female", "male"}
    assert criteria["sensitivity"].between(0, 1).all()


def test_net_benefit_hand_worked() -> None:
    # at 20 %: 2 hits, 1 false alarm of 5: 2/5 - 1/5 · 0.25; at 50 %: 1 and 1: 1/5 - 1/5
    assert_allclose(net_benefit([1, 1, 0, 0, 0], [0.9, 0.3, 0.6, 0.1, 0.1], [0.2, 0.5]), [0.35, 0.0])
    # acting on everyone: prevalence - (1 - prevalence) t / (1 - t), which is 0 at t = prevalence
    assert_allclose(net_benefit([1, 0, 0, 0], np.ones(4), [0.25]), [0.0], atol=1e-15)
    with pytest.raises(DataError, match="thresholds between 0 and 1"):
        net_benefit([1, 0], [0.1, 0.2], [1.0])
    table = decision_curves(lvh_probability(TABLE, "dev"))
    one = table.query("cohort == 'dev' and model == 'net' and training == 'pooled' and sex == 'all'")
    near = one.iloc[(one["threshold"] - 0.2).abs().argmin()]
    assert near["net_benefit"] > max(0, near["net_benefit_all"])
