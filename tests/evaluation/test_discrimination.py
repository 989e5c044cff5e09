"""C-statistics and their gap: what pooling the sexes does, comparisons, steps that add up, groups too small."""

from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import roc_auc_score

from lvmass.errors import DataError
from lvmass.evaluation import evaluate
from lvmass.evaluation.delong import auc_influence, delong_paired, logit_limits
from lvmass.evaluation.discrimination import STEPS
from lvmass.evaluation.lvh import LVH_CUTOFFS_G_M2, PRIMARY, cutoffs_to_try, lvh_score, with_cutoffs
from lvmass.evaluation.tables import example_predictions

from .rows import find, table_of

TABLE = example_predictions(400)
FIT = "cohort == 'dev' and model == 'net' and training == 'pooled'"


def test_c_statistics_equal_scikit_learn() -> None:
    table = table_of("c_statistics", TABLE).query(FIT)
    one = TABLE.query(FIT)
    ratio: pd.Series = one["predicted_lvm_g"] / one["bsa_m2"] / np.where(one["sex"] == "male", 80, 65)
    for sex, keep in (("all", one["sex"] != ""), ("female", one["sex"] == "female"), ("male", one["sex"] == "male")):
        for score, values in (("grams", one["predicted_lvm_g"]), ("indexed", ratio)):
            row = find(table, sex=sex, score=score)
            own = pd.DataFrame({"lvh": one["lvh"], "score": values, "fold": one["fold"]})[keep]
            assert_allclose(row["auc_pooled"], roc_auc_score(own["lvh"], own["score"]))
            folds = [fold for _, fold in own.groupby("fold")]
            pairs = [fold["lvh"].sum() * (~fold["lvh"]).sum() for fold in folds]
            areas = [roc_auc_score(fold["lvh"], fold["score"]) for fold in folds]
            assert_allclose(row["auc"], np.average(areas, weights=pairs))
            assert row["ci_low"] < row["auc"] < row["ci_high"]
            assert row["auc_pooled_ci_low"] < row["auc_pooled"] < row["auc_pooled_ci_high"]
            assert row["n_lvh"] == own["lvh"].sum()
    folds = [roc_auc_score(fold["lvh"], fold["predicted_lvm_g"]) for _, fold in one.groupby("fold")]
    row = find(table, sex="all", score="grams")
    assert_allclose([row["fold_mean"], row["fold_sd"]], [np.mean(folds), np.std(folds, ddof=1)])


def test_pooling_sexes_lowers_one_and_the_same_predictor() -> None:
    # the true mass itself ranks people perfectly once indexed, in each sex nearly so, pooled clearly less
    oracle = TABLE.query(FIT).assign(predicted_lvm_g=lambda t: t["lvm_g"])
    table = table_of("c_statistics", oracle)
    assert find(table, sex="all", score="indexed")["auc"] == 1
    within = min(find(table, sex=sex, score="grams")["auc"] for sex in ("female", "male"))
    assert find(table, sex="all", score="grams")["auc"] < within - 0.03
    assert set(table.query("auc == 1")["note"]) == {"perfect separation, no interval"}


def test_the_two_comparisons() -> None:
    table = table_of("training_comparison", TABLE).query("cohort == 'dev' and model == 'net' and score == 'grams'")
    own = TABLE.query("cohort == 'dev' and model == 'net' and sex == 'male'")
    specific, pooled = own.query("training == 'sex-specific'"), own.query("training == 'pooled'")
    scores = specific["predicted_lvm_g"], pooled["predicted_lvm_g"]
    direct = delong_paired(specific["lvh"], *scores, fold=specific["fold"])
    fair = find(table, comparison="paired within sex", sex="male")
    assert_allclose([fair["z"], fair["p_value"], fair["ci_low"]], [direct.z, direct.p_value, direct.ci_low])
    assert_allclose(fair["correlation"], direct.covariance / np.sqrt(direct.variance_a * direct.variance_b))
    published = find(table, comparison="unpaired as published", sex="male")
    assert pd.isna(published["correlation"])
    assert (published["n_a"], published["n_b"]) == (240, 400)
    assert_allclose(published["auc_b"], table_of("c_statistics", TABLE).query(FIT)["auc"].iloc[0])
    assert (table["p_holm"] >= table["p_value"]).all()


def test_compare_models_pairs_by_subject_not_by_row() -> None:
    shuffled = TABLE.sample(frac=1, random_state=0)
    keys = ["cohort", "training", "model_b", "sex", "score"]
    a, b = (table_of("model_comparison", t, "net").sort_values(keys).reset_index(drop=True) for t in (TABLE, shuffled))
    pd.testing.assert_frame_equal(a, b)


def test_missing_class_gives_a_reason() -> None:
    nobody = TABLE.assign(lvh=TABLE["lvh"] & (TABLE["sex"] == "male"))
    for table in (
        table_of("c_statistics", nobody),
        table_of("training_comparison", nobody),
        table_of("model_comparison", nobody, "net"),
    ):
        women = table[table["sex"] == "female"]
        assert set(women["note"]) == {"too few with LVH"}
        assert "nan" not in table.to_string().lower()
    only_men = TABLE[TABLE["sex"] == "male"]
    assert table_of("c_statistics", only_men).query("sex == 'female'")["n_subjects"].eq(0).all()
    assert table_of("c_statistics", TABLE.assign(lvh=True))["note"].eq("too few without LVH").all()
    # only one training in the table: nothing to compare, and no crash
    assert table_of("training_comparison", TABLE.query("training == 'pooled'")).empty


def test_a_constant_score_is_no_better_than_chance() -> None:
    flat = TABLE.query(FIT).assign(predicted_lvm_g=110.0)
    row = table_of("c_statistics", flat).iloc[0]
    assert row["auc"] == 0.5
    assert_allclose([row["ci_low"], row["ci_high"]], 0.5)


def test_offsets_of_fold_models_are_no_discrimination() -> None:
    # a fold model that gives everyone the mean of its training people: low where its test people are heavy
    table = TABLE.query(FIT)
    means = {fold: table.loc[table["fold"] != fold, "lvm_g"].mean() for fold in range(5)}
    flat = table.assign(predicted_lvm_g=table["fold"].map(means))
    row = table_of("c_statistics", flat).iloc[0]
    assert (row["auc"], row["ci_low"], row["ci_high"]) == (0.5, 0.5, 0.5)
    assert abs(row["auc_pooled"] - 0.5) > 0.005
    # such offsets change nothing of what compares people within folds
    shifted = NET.assign(predicted_lvm_g=NET["predicted_lvm_g"] + 10 * NET["fold"] * (NET["training"] == "pooled"))
    for name in ("c_statistics", "training_comparison", "pair_kinds", "gap"):
        was, now = (gap_of(each, NET[:0]) if name == "gap" else table_of(name, each) for each in (NET, shifted))
        same = [column for column in was.columns if "pooled" not in column]
        grams = was["quantity"] != "index" if name == "gap" else was["score"] == "grams"
        grams &= ~was.get("quantity", pd.Series("", index=was.index)).str.contains("indexed")
        pd.testing.assert_frame_equal(was.loc[grams, same], now.loc[grams, same], check_exact=False, rtol=1e-9)


def test_an_external_cohort_is_one_fold() -> None:
    rows = table_of("c_statistics", TABLE).query("cohort == 'ext'")
    for column in ("", "_ci_low", "_ci_high"):
        own = (column[1:] or "auc") if column else "auc"
        assert_allclose(rows[own].astype(float), rows[f"auc_pooled{column}"].astype(float), rtol=1e-12)


def test_no_fold_with_both_classes_leaves_the_pooled_number_and_a_reason() -> None:
    # one person with LVH in each of five folds
    few = TABLE.query(FIT).assign(lvh=False).reset_index(drop=True)
    few["lvh"] = few.index.isin(range(0, 25, 5))
    row = table_of("c_statistics", few).iloc[0]
    assert 0 < row["auc_pooled"] < 1
    assert (pd.isna(row["auc"]), "of each fold" in row["note"]) == (True, True)


def test_cutoffs() -> None:
    strict = with_cutoffs(TABLE, LVH_CUTOFFS_G_M2["budoff-2009"])["lvh"].mean()
    loose = with_cutoffs(TABLE, LVH_CUTOFFS_G_M2["uk-biobank"])["lvh"].mean()
    assert strict < TABLE["lvh"].mean() < loose
    development = TABLE.query("cohort == 'dev'")
    tried = cutoffs_to_try(TABLE, PRIMARY)
    assert list(tried)[:3] == ["study file", "uk-biobank", "budoff-2009"]
    share = with_cutoffs(development, tried["internal, 90th percentile"]).groupby("sex")["lvh"].mean()
    assert_allclose(share, 0.1, atol=0.01)
    tables = evaluate(TABLE, only=["cutoff_sensitivity"])["cutoff_sensitivity"]
    assert list(dict.fromkeys(tables["cutoffs"])) == list(tried)
    with pytest.raises(DataError, match="no LVH cut-off for female"):
        with_cutoffs(TABLE, {"male": 80.0})
    with pytest.raises(DataError, match="use grams or indexed"):
        lvh_score(TABLE, "pounds")


MORE = example_predictions(500, seed=3)
NET = MORE.query("model == 'net' and cohort == 'dev'")
SIZE_MATCHED = MORE.query("model == 'body' and cohort == 'dev' and training == 'pooled'").assign(model="net")


def gap_of(
    trained: pd.DataFrame, size_matched: pd.DataFrame, sets: Any = MappingProxyType({"own": PRIMARY})
) -> pd.DataFrame:
    """The table of the gap."""
    return table_of("gap", trained, gap=(trained, size_matched), cutoff_sets=sets)


GAP = gap_of(NET, SIZE_MATCHED)


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
    tests = table_of("training_comparison", NET)
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
    (own, part), (whole, parts) = (auc_influence(t["lvh"], t["predicted_lvm_g"], fold=t["fold"]) for t in (men, pooled))
    difference = -parts
    difference[(pooled["sex"] == "male").to_numpy()] += part
    low = own - whole - 1.959964 * float(np.linalg.norm(difference))
    row = find(GAP, sex="male", quantity="mechanical")
    assert_allclose([row["estimate"], row["ci_low"]], [own - whole, low], rtol=1e-6)
    assert (row["n_subjects"], row["n_lvh"]) == (500, int(pooled["lvh"].sum()))


def test_curves_are_the_c_statistics_with_their_intervals() -> None:
    table = table_of("c_statistics", NET)
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


def test_without_training_all_of_the_gap_is_mechanical_and_intervals_cover() -> None:
    # same noise under both trainings: training adds nothing
    rng, steps = np.random.default_rng(8), []
    for _ in range(40):
        table = gap_of(simulated(rng, 9.0, 9.0, 1200), NET[:0])
        steps.append([find(table, sex="mean", quantity=name) for name in ("training", "mechanical", "gap")])
    training, mechanical, gap = (np.mean([row[k]["estimate"] for row in steps]) for k in range(3))
    assert abs(training) < 0.003 < 0.05 < gap
    assert_allclose(mechanical, gap, atol=0.003)
    assert np.mean([row[0]["ci_low"] <= 0 <= row[0]["ci_high"] for row in steps]) >= 0.87


def test_better_training_is_found() -> None:
    row = find(gap_of(simulated(np.random.default_rng(1), 16.0, 6.0, 800), NET[:0]), sex="mean", quantity="training")
    assert row["ci_low"] > 0
    assert row["p_value"] < 0.001


def test_a_counterfactual_cohort_is_paired_person_by_person() -> None:
    counterfactual = NET.assign(
        cohort="counterfactual", predicted_lvm_g=NET["predicted_lvm_g"] + np.random.default_rng(0).normal(size=len(NET))
    )
    table = gap_of(pd.concat([NET, counterfactual]), SIZE_MATCHED)
    difference = find(table, cohort="dev minus counterfactual", sex="mean", quantity="mechanical")
    alone = [find(table, cohort=cohort, sex="mean", quantity="mechanical") for cohort in ("dev", "counterfactual")]
    assert_allclose(difference["estimate"], alone[0]["estimate"] - alone[1]["estimate"], atol=1e-12)
    width = [row["ci_high"] - row["ci_low"] for row in (difference, *alone)]
    assert width[0] < 0.5 * width[1]
    assert find(table, cohort="counterfactual", sex="mean", quantity="fewer people")["note"] == "not computed"
    exact = gap_of(pd.concat([NET, NET.assign(cohort="counterfactual")]), SIZE_MATCHED)
    row = find(exact, cohort="dev minus counterfactual", sex="mean", quantity="gap")
    assert_allclose([row["estimate"], row["p_value"]], [0, 1], atol=1e-12)


def test_repetitions_are_averaged_and_widen_intervals_by_their_spread() -> None:
    rng = np.random.default_rng(2)
    again = NET.assign(predicted_lvm_g=NET["predicted_lvm_g"] + rng.normal(0, 6, len(NET)))
    parts = [each.assign(repeat=k) for k, each in enumerate((NET, again))]
    alone = [gap_of(each, NET[:0]) for each in parts]
    together = gap_of(pd.concat(parts), NET[:0])
    for sex, name in (("female", "training"), ("male", "mechanical"), ("mean", "gap")):
        rows = [find(table, sex=sex, quantity=name) for table in (*alone, together)]
        values = [row["estimate"] for row in rows]
        assert_allclose(values[2], np.mean(values[:2]))
        assert_allclose(rows[2]["sd_repeats"], np.std(values[:2], ddof=1))
        assert (rows[2]["n_repeats"], rows[0]["n_repeats"]) == (2, 1)
        assert pd.isna(rows[0]["sd_repeats"])
    same = gap_of(pd.concat([NET.assign(repeat=0), NET.assign(repeat=1)]), NET[:0])
    for sex in ("female", "mean"):
        row, once = (find(table, sex=sex, quantity="training") for table in (same, alone[0]))
        assert_allclose([row["ci_low"], row["p_value"]], [once["ci_low"], once["p_value"]])
    # the same people in both: half the difference of two areas, each with DeLong's variance, and the spread of two
    pooled = [each.query("training == 'pooled' and sex == 'female'") for each in parts]
    part = np.mean([auc_influence(t["lvh"], t["predicted_lvm_g"], fold=t["fold"])[1] for t in pooled], axis=0)
    row = find(together, sex="female", quantity="pooled")
    variance = np.square(part).sum() + row["sd_repeats"] ** 2 / 2
    low, high = logit_limits(row["estimate"], variance**0.5, 0.95)
    assert_allclose([row["ci_low"], row["ci_high"]], [low, high])


def test_cutoffs_too_few_people_and_models_with_one_training() -> None:
    table = gap_of(NET, SIZE_MATCHED, {**LVH_CUTOFFS_G_M2, "none": {"male": 400, "female": 400}})
    assert set(table.loc[table["cutoffs"] == "none", "note"]) == {"too few people"}
    assert "nan" not in table.to_string().lower()
    low, high = (
        find(table, cutoffs=name, sex="mean", quantity="gap")["n_lvh"] for name in ("uk-biobank", "fuchs-2016")
    )
    assert low > high
    assert gap_of(NET[NET["training"] == "pooled"], NET[:0]).empty
    with pytest.raises(DataError, match="no LVH cut-off"):
        gap_of(NET, SIZE_MATCHED, {"men": {"male": 80}})


def test_pairs_make_up_the_c_statistic() -> None:
    table, known = table_of("pair_kinds", MORE), table_of("c_statistics", MORE)
    assert len(table) == 8 * 2 * 4
    for keys, rows in table.groupby(["cohort", "model", "training", "score"]):
        where = dict(zip(("cohort", "model", "training", "score"), keys, strict=True))
        assert_allclose(rows["share"].sum(), 1)
        assert_allclose((rows["share"] * rows["c_statistic"]).sum(), find(known, sex="all", **where)["auc"])
    with pytest.raises(DataError, match="lacks the columns"):
        table_of("pair_kinds", MORE.drop(columns="lvh"))


def test_influence_sums_to_delongs_variance() -> None:
    y, score = NET["lvh"].to_numpy()[:200], NET["predicted_lvm_g"].to_numpy()[:200]
    area, part = auc_influence(y, score)
    # leave-one-out: what the area loses without a person, for large groups
    losses = np.array([area - auc_influence(np.delete(y, i), np.delete(score, i))[0] for i in range(200)])
    assert np.corrcoef(losses, part)[0, 1] > 0.999
