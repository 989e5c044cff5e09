"""Operating points, matched criteria, curves and net benefit: hand-worked, published and library values."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.metrics import roc_auc_score, roc_curve
from statsmodels.stats.contingency_tables import mcnemar

from lvmass.errors import DataError
from lvmass.evaluation.calibration import lvh_probability
from lvmass.evaluation.decision import (
    BEST_CRITERION,
    DIFFERENCE_THRESHOLDS,
    GRID,
    THRESHOLDS,
    _benefit,
    _operating_point,
)
from lvmass.evaluation.lvh import PRIMARY, lvh_score
from lvmass.evaluation.tables import example_predictions

from .rows import find, table_of

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
    point = _operating_point(y == 1, called == 1)
    assert_allclose([point["sensitivity"], point["specificity"]], [81 / 263, 0.9])  # type: ignore[arg-type]
    assert_allclose([point["ppv"], point["npv"]], [81 / 91, 90 / 272])  # type: ignore[arg-type]
    assert_allclose([point["sensitivity_ci_low"], point["sensitivity_ci_high"]], [0.2553, 0.3662], atol=5e-5)  # type: ignore[arg-type]
    nobody = _operating_point(np.array([True, False]), np.array([False, False]))
    assert (nobody["ppv"], nobody["ppv_ci_low"], nobody["npv"]) == (None, None, 0.5)


def test_operating_points_call_lvh_at_the_cutoff() -> None:
    row = find(table_of("operating_points", TABLE), cohort="dev", model="net", training="pooled", sex="male")
    men = FIT[FIT["sex"] == "male"]
    called = men["predicted_lvm_g"] / men["bsa_m2"] > PRIMARY["male"]
    assert_allclose(row["sensitivity"], called[men["lvh"]].mean())
    assert_allclose(row["npv"], (~men["lvh"])[~called].mean())


@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
@settings(max_examples=20, deadline=None)
def test_the_model_reaches_the_criterions_specificity_and_no_lower_threshold_does(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    people = FIT[FIT["sex"] == "male"].head(60)
    people = people.assign(predicted_lvm_g=(people["predicted_lvm_g"] / 10).round() * 10, lvh=np.arange(60) % 3 == 0)
    positive = rng.random(60) < share
    criterion = people[["cohort", "subject_id"]].assign(criterion="c", value=1.0, positive=positive)
    row = find(table_of("criteria_at_equal_specificity", people, criteria=criterion), sex="male")
    lvh, score = people["lvh"].to_numpy(bool), lvh_score(people, "indexed")
    assert row["model_specificity"] >= row["specificity"] == (~positive[~lvh]).mean()
    threshold = max((t for t in score[~lvh] if (score[~lvh] <= t).mean() == row["model_specificity"]), default=-np.inf)
    lower = score[~lvh][score[~lvh] < threshold]
    if lower.size:
        assert (score[~lvh] <= lower.max()).mean() < row["specificity"]


def test_matched_criteria_equals_mcnemar_by_statsmodels() -> None:
    matched = table_of("criteria_at_equal_specificity", TABLE, criteria=voltage())
    row = find(matched, cohort="dev", model="net", training="pooled", sex="all")
    joined = FIT.merge(voltage(), on=["cohort", "subject_id"])
    lvh, called = joined["lvh"].to_numpy(bool), joined["positive"].to_numpy(bool)
    assert_allclose(row["specificity"], (~called[~lvh]).mean())
    assert 0 <= row["model_specificity"] - row["specificity"] < 1 / 200
    score = lvh_score(joined, "indexed")
    model = score > np.sort(score[~lvh])[round(row["specificity"] * (~lvh).sum()) - 1]
    cells = [[(model & called & lvh).sum(), (model & ~called & lvh).sum()],
             [(~model & called & lvh).sum(), (~model & ~called & lvh).sum()]]  # fmt: skip
    assert_allclose(row["p_value"], mcnemar(cells, exact=True).pvalue)
    assert_allclose(row["difference"], row["model_sensitivity"] - row["criterion_sensitivity"])
    own = find(table_of("criteria_points", TABLE, criteria=voltage()), cohort="dev", sex="all")
    assert_allclose(own["sensitivity"], row["criterion_sensitivity"])
    with pytest.raises(DataError, match="lacks the columns positive"):
        table_of("criteria_points", TABLE, criteria=voltage().drop(columns="positive"))
    with pytest.raises(DataError, match="subject twice"):
        table_of("criteria_roc", TABLE, criteria=voltage().iloc[[0, 0]])


def test_at_specificity_zero_the_model_may_call_everyone() -> None:
    people = FIT.assign(predicted_lvm_g=FIT["predicted_lvm_g"].where(~FIT["lvh"], FIT["predicted_lvm_g"] - 300))
    criterion = people[["cohort", "subject_id"]].assign(criterion="c", value=1.0, positive=True)
    row = find(table_of("criteria_at_equal_specificity", people, criteria=criterion), sex="all")
    assert (row["specificity"], row["model_sensitivity"], row["p_value"]) == (0, 1, 1)


def test_curves_equal_scikit_learn() -> None:
    lvh, grams = FIT["lvh"].to_numpy(bool), FIT["predicted_lvm_g"].to_numpy(float)
    where = "cohort == 'dev' and model == 'net' and training == 'pooled' and sex == 'all' and score == 'grams'"
    roc = table_of("roc", TABLE).query(where)
    false, true, _ = roc_curve(lvh, grams, drop_intermediate=False)
    for x, y in zip(roc["false_positive_rate"], roc["sensitivity"], strict=True):
        assert_allclose(y, true[false <= x + 1e-12].max())
    area = np.trapezoid(roc["sensitivity"].to_numpy(float), GRID)
    assert abs(area - roc_auc_score(lvh, grams)) < 0.01
    criteria = table_of("criteria_roc", TABLE, criteria=voltage())
    assert set(criteria["sex"]) == {"all", "female", "male"}
    assert criteria["sensitivity"].between(0, 1).all()


def test_net_benefit_hand_worked() -> None:
    # at 20 %: 2 hits, 1 false alarm of 5: 2/5 - 1/5 · 0.25; at 50 %: 1 and 1: 1/5 - 1/5
    y, p = np.array([1, 1, 0, 0, 0]) == 1, np.array([0.9, 0.3, 0.6, 0.1, 0.1])
    assert_allclose(_benefit(y, p, np.array([0.2, 0.5])).mean(axis=1), [0.35, 0.0], atol=1e-15)
    # acting on everyone: prevalence - (1 - prevalence) t / (1 - t), which is 0 at t = prevalence
    assert_allclose(_benefit(np.arange(4) == 0, np.ones(4), np.array([0.25])).mean(), 0, atol=1e-15)
    assert_allclose([THRESHOLDS[0], THRESHOLDS[-1], *DIFFERENCE_THRESHOLDS], [0.1, 0.3, 0.1, 0.15, 0.2, 0.25, 0.3])
    one = table_of("decision_curves", TABLE).query(
        "cohort == 'dev' and model == 'net' and training == 'pooled' and sex == 'all'"
    )
    near = one.iloc[(one["threshold"] - 0.2).abs().argmin()]
    assert near["net_benefit"] > max(0, near["net_benefit_all"])


def test_differences_of_net_benefit_are_those_of_the_curves_with_an_interval() -> None:
    options = {"criteria": voltage(), "n_resamples": 999}
    curves = table_of("decision_curves", TABLE, "net", **options)
    table = table_of("net_benefit_differences", TABLE, "net", **options)
    assert set(table["model_b"]) == {"body", BEST_CRITERION}
    for other in ("body", BEST_CRITERION):
        where = {"cohort": "ext", "training": "pooled", "sex": "female"}
        at = [find(curves, model=model, threshold=0.2, **where)["net_benefit"] for model in ("net", other)]
        row = find(table, model_b=other, threshold=0.2, **where)
        assert_allclose([row["net_benefit_a"], row["net_benefit_b"], row["difference"]], [*at, at[0] - at[1]])
    # by hand, against a yes/no rule: hits minus false alarms · 1/4, and the normal interval of a mean
    row = find(table, model_b=BEST_CRITERION, threshold=0.2, cohort="ext", training="pooled", sex="all")
    people = TABLE.query("cohort == 'ext' and model == 'net' and training == 'pooled'")
    p = lvh_probability(TABLE.query("model == 'net' and training == 'pooled'"), "dev")[400:]
    says = people.merge(voltage(), on=["cohort", "subject_id"])["positive"].to_numpy(bool)
    worth = np.where(people["lvh"], 1, -0.25)
    each = worth * (p >= 0.2) - worth * says
    assert_allclose(row["difference"], each.mean())
    half = 1.96 * each.std() / 20
    assert_allclose([row["ci_low"], row["ci_high"]], [each.mean() - half, each.mean() + half], atol=0.15 * half)


def test_the_best_criterion_is_chosen_without_the_people_it_is_judged_on() -> None:
    people = FIT.drop_duplicates("subject_id")
    inside, lvh = people["fold"] == 0, people["lvh"]
    # "here" is right in the first fold and nowhere else, "elsewhere" the other way round
    rules = {"here": lvh.where(inside, ~lvh), "elsewhere": lvh.where(~inside, ~lvh)}
    criteria = pd.concat(
        people[["cohort", "subject_id"]].assign(criterion=name, value=1.0, positive=rule)
        for name, rule in rules.items()
    )
    curves = table_of("decision_curves", FIT, criteria=criteria)
    row = find(curves, model=BEST_CRITERION, sex="all", threshold=0.2)
    # the better one in the rest is wrong about everyone of the first fold, whose truth it must not know
    right = lvh & ~inside, inside & ~lvh
    assert_allclose(row["net_benefit"], (right[0].sum() - 0.25 * right[1].sum()) / len(people))
