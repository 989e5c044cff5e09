"""Operating points, matched criteria, curves and net benefit: hand-worked, published and library values."""

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose
from sklearn.metrics import roc_auc_score, roc_curve
from statsmodels.stats.contingency_tables import mcnemar

from lvmass.evaluation.calibration import lvh_probability
from lvmass.evaluation.decision import (
    BEST_CRITERION,
    DIFFERENCE_THRESHOLDS,
    GRID,
    THRESHOLDS,
    _benefit,
    _operating_point,
    _paired,
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


def at_specificity(people: pd.DataFrame, criterion: pd.DataFrame, rest: pd.Series, own: pd.Series) -> np.ndarray:
    """Whom the lowest cut-off that spares enough of the rest without LVH calls among one's own, by trying all."""
    score = pd.Series(lvh_score(people, "indexed"), people.index)
    positive = people.merge(criterion, on=["cohort", "subject_id"]).set_axis(people.index)["positive"]
    without = rest & ~people["lvh"]
    enough = [t for t in [-np.inf, *score[without]] if (score[without] <= t).mean() >= (~positive[without]).mean()]
    return (score[own] > min(enough)).to_numpy()


def test_cutoffs_of_equal_specificity_are_set_in_other_people_and_compared_as_mcnemar() -> None:
    people = TABLE.query("model == 'net' and training == 'pooled' and sex == 'male'").reset_index(drop=True)
    matched = table_of("criteria_at_equal_specificity", people, criteria=voltage())
    for cohort in ("dev", "ext"):
        own, called = people["cohort"] == cohort, np.zeros(len(people), bool)
        for fold in people.loc[own, "fold"].unique():
            judged = own & (people["fold"] == fold)
            rest = (people["cohort"] == "dev") & (people["fold"] != fold)
            called[judged] = at_specificity(people, voltage(), rest, judged)
        lvh, model = people.loc[own, "lvh"].to_numpy(bool), called[own]
        says = people[own].merge(voltage(), on=["cohort", "subject_id"])["positive"].to_numpy(bool)
        row = find(matched, cohort=cohort, sex="male")
        assert_allclose([row["specificity"], row["model_specificity"]], [(~says[~lvh]).mean(), (~model[~lvh]).mean()])
        assert_allclose([row["criterion_sensitivity"], row["model_sensitivity"]], [says[lvh].mean(), model[lvh].mean()])
        assert_allclose(row["difference"], row["model_sensitivity"] - row["criterion_sensitivity"])
        assert_allclose(row["specificity_difference"], row["model_specificity"] - row["specificity"])
        assert row["ci_low"] < row["difference"] < row["ci_high"]
        cells = [[(model & says & lvh).sum(), (model & ~says & lvh).sum()],
                 [(~model & says & lvh).sum(), (~model & ~says & lvh).sum()]]  # fmt: skip
        assert_allclose(row["p_value"], mcnemar(cells, exact=True).pvalue)
        points = find(table_of("criteria_points", people, criteria=voltage()), cohort=cohort, sex="male")
        assert_allclose(points["sensitivity"], row["criterion_sensitivity"])


def test_everyone_has_the_cutoff_of_the_own_sex() -> None:
    table = table_of("criteria_at_equal_specificity", TABLE, criteria=voltage())
    every, *sexes = (find(table, cohort="ext", training="pooled", sex=sex) for sex in ("all", "female", "male"))
    found = sum(row["model_sensitivity"] * row["n_lvh"] for row in sexes)
    assert_allclose(every["model_sensitivity"] * every["n_lvh"], found)
    few = TABLE.assign(lvh=(TABLE["sex"] == "female") & (TABLE["cohort"] == "dev") | TABLE["lvh"])
    notes = table_of("criteria_at_equal_specificity", few, criteria=voltage())
    assert find(notes, cohort="ext", sex="female")["note"] == "too few without LVH to learn a cut-off"


def test_difference_of_paired_shares() -> None:
    # 7 in a only, 1 in b only of 21: shares 8/23 and 2/23, and se² = (10/23 - (6/23)²) / 23
    a, b = (np.repeat(each, [1, 7, 1, 12]) == 1 for each in ([1, 1, 0, 0], [1, 0, 1, 0]))
    assert_allclose(_paired(a, b), [6 / 21, 0.0134, 0.5084], atol=1e-4)
    rng, inside = np.random.default_rng(0), []
    for _ in range(2000):
        kind = rng.choice(4, 50, p=[0.4, 0.25, 0.1, 0.25])
        _, low, high = _paired(kind < 2, kind % 2 == 0)
        inside.append(low < 0.15 < high)
    assert abs(np.mean(inside) - 0.95) < 0.015


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
