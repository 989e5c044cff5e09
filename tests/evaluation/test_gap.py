"""The gap taken apart: steps add up, agree with DeLong's tests, and find what a simulation put in."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from lvmass.errors import DataError
from lvmass.evaluation.comparisons import compare_training
from lvmass.evaluation.delong_designs import auc_influence, delong_overlapping
from lvmass.evaluation.gap import STEPS, gap_by_cutoffs, gap_steps, pair_kinds
from lvmass.evaluation.lvh import LVH_CUTOFFS_G_M2, c_statistics
from lvmass.evaluation.tables import example_predictions

from .rows import find

TABLE = example_predictions(500, seed=3)
NET = TABLE.query("model == 'net' and cohort == 'dev'")
AS_FEW = TABLE.query("model == 'body' and cohort == 'dev' and training == 'pooled'").assign(model="net")
GAP = gap_steps(NET, AS_FEW)


@pytest.mark.parametrize("sex", ["female", "male", "mean"])
def test_steps_add_up(sex: str) -> None:
    step = {name: find(GAP, sex=sex, quantity=name)["estimate"] for name in STEPS}
    assert_allclose(step["mechanical"] + step["fewer people"] + step["one sex only"], step["gap"], atol=1e-12)
    assert_allclose(step["fewer people"] + step["one sex only"], step["training"], atol=1e-12)
    for name, (start, end) in STEPS.items():
        ends = [find(GAP, sex=sex, quantity=which)["estimate"] for which in (end, start)]
        assert_allclose(step[name], ends[0] - ends[1], atol=1e-12)


@pytest.mark.parametrize("sex", ["female", "male"])
def test_training_is_delongs_paired_test_and_gap_that_of_overlapping_groups(sex: str) -> None:
    tests = compare_training(NET)
    fair = find(tests, comparison="paired within sex", sex=sex, score="grams")
    published = find(tests, comparison="unpaired as published", sex=sex, score="grams")
    training, gap = (find(GAP, sex=sex, quantity=name) for name in ("training", "gap"))
    for name in ("p_value", "ci_low", "ci_high"):
        assert_allclose(training[name], fair[name], rtol=1e-9)
    assert_allclose(gap["estimate"], published["difference"], rtol=1e-9)
    assert_allclose(gap["p_value"], published["p_overlap"], rtol=1e-9)


def test_mechanical_step_is_that_of_one_model_in_two_groups() -> None:
    pooled = NET[NET["training"] == "pooled"]
    men = pooled[pooled["sex"] == "male"]
    sides = [(t["lvh"], t["predicted_lvm_g"], t["subject_id"]) for t in (men, pooled)]
    by_hand = delong_overlapping(*sides[0], *sides[1])
    row = find(GAP, sex="male", quantity="mechanical")
    assert_allclose([row["estimate"], row["ci_low"]], [by_hand.difference, by_hand.ci_low], rtol=1e-9)
    assert (row["n_subjects"], row["n_lvh"]) == (500, int(pooled["lvh"].sum()))


def test_curves_are_the_c_statistics_with_their_intervals() -> None:
    table = c_statistics(NET)
    for quantity, where in (
        ("pooled in everyone", {"training": "pooled", "sex": "all", "score": "grams"}),
        ("pooled in everyone, indexed", {"training": "pooled", "sex": "all", "score": "indexed"}),
        ("sex-specific", {"training": "sex-specific", "sex": "female", "score": "grams"}),
    ):
        row, known = find(GAP, sex="female", quantity=quantity), find(table, **where)
        assert_allclose(
            [row["estimate"], row["ci_low"], row["ci_high"]], [known[c] for c in ("auc", "ci_low", "ci_high")]
        )


def simulated(rng: np.random.Generator, pooled_g: float, specific_g: float, n: int) -> pd.DataFrame:
    """One model whose errors have these SDs under pooled and sex-specific training."""
    table = example_predictions(n, seed=int(rng.integers(2**31))).query("model == 'net' and cohort == 'dev'")
    noise = np.where(table["training"] == "pooled", pooled_g, specific_g) * rng.normal(size=len(table))
    return table.assign(predicted_lvm_g=table["lvm_g"] + noise)


def test_intervals_cover_and_the_share_is_one_without_training() -> None:
    # same noise under both trainings: training adds nothing, so all of the gap is mechanical
    rng, steps, shares = np.random.default_rng(8), [], []
    for _ in range(60):
        table = gap_steps(simulated(rng, 9.0, 9.0, 1200), NET[:0])
        steps.append(find(table, sex="mean", quantity="training"))
        shares.append(find(table, sex="mean", quantity="mechanical share"))
    assert {row["note"] for row in shares} == {""}
    assert 97 < np.mean([row["estimate"] for row in shares]) < 103
    for rows, truth in ((steps, 0.0), (shares, 100.0)):
        assert np.mean([row["ci_low"] <= truth <= row["ci_high"] for row in rows]) >= 0.87


def test_better_training_is_found() -> None:
    row = find(gap_steps(simulated(np.random.default_rng(1), 16.0, 6.0, 800), NET[:0]), sex="mean", quantity="training")
    assert row["ci_low"] > 0
    assert row["p_value"] < 0.001


def test_share_is_withheld_where_the_gap_is_not_told_from_zero() -> None:
    guessed = NET.assign(predicted_lvm_g=np.random.default_rng(4).normal(110, 20, len(NET)))
    share = find(gap_steps(guessed, NET[:0]), sex="mean", quantity="mechanical share")
    assert (pd.isna(share["estimate"]), share["note"]) == (True, "the gap is not told apart from zero")


def test_twins_are_paired_person_by_person() -> None:
    twins = NET.assign(
        cohort="twins", predicted_lvm_g=NET["predicted_lvm_g"] + np.random.default_rng(0).normal(size=len(NET))
    )
    table = gap_steps(pd.concat([NET, twins]), AS_FEW)
    difference = find(table, cohort="dev minus twins", sex="mean", quantity="mechanical")
    alone = [find(table, cohort=cohort, sex="mean", quantity="mechanical") for cohort in ("dev", "twins")]
    assert_allclose(difference["estimate"], alone[0]["estimate"] - alone[1]["estimate"], atol=1e-12)
    width = [row["ci_high"] - row["ci_low"] for row in (difference, *alone)]
    assert width[0] < 0.5 * width[1]
    assert find(table, cohort="twins", sex="mean", quantity="fewer people")["note"] == "not computed"
    exact = gap_steps(pd.concat([NET, NET.assign(cohort="twins")]), AS_FEW)
    row = find(exact, cohort="dev minus twins", sex="mean", quantity="gap")
    assert_allclose([row["estimate"], row["p_value"]], [0, 1], atol=1e-12)


def test_cutoffs_too_few_people_and_models_with_one_training() -> None:
    table = gap_by_cutoffs(NET, AS_FEW, {**LVH_CUTOFFS_G_M2, "none": {"male": 400, "female": 400}})
    assert set(table.loc[table["cutoffs"] == "none", "note"]) == {"too few people"}
    assert "nan" not in table.to_string().lower()
    low, high = (
        find(table, cutoffs=name, sex="mean", quantity="gap")["n_lvh"] for name in ("uk-biobank", "fuchs-2016")
    )
    assert low > high
    assert gap_steps(NET[NET["training"] == "pooled"], NET[:0]).empty
    with pytest.raises(DataError, match="no LVH cut-off"):
        gap_steps(NET, AS_FEW, {"male": 80})


def test_pairs_make_up_the_c_statistic() -> None:
    table, known = pair_kinds(TABLE), c_statistics(TABLE)
    assert len(table) == 8 * 2 * 4
    for keys, rows in table.groupby(["cohort", "model", "training", "score"]):
        where = dict(zip(("cohort", "model", "training", "score"), keys, strict=True))
        assert_allclose(rows["share"].sum(), 1)
        assert_allclose((rows["share"] * rows["c_statistic"]).sum(), find(known, sex="all", **where)["auc"])
    with pytest.raises(DataError, match="lacks the columns"):
        pair_kinds(TABLE.drop(columns="lvh"))


def test_influence_sums_to_delongs_variance() -> None:
    y, score = NET["lvh"].to_numpy()[:200], NET["predicted_lvm_g"].to_numpy()[:200]
    area, part = auc_influence(y, score)
    # leave-one-out: what the area loses without a person, for large groups
    losses = np.array([area - auc_influence(np.delete(y, i), np.delete(score, i))[0] for i in range(200)])
    assert np.corrcoef(losses, part)[0, 1] > 0.999
