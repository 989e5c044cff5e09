"""LVH tables: what pooling the sexes does, the two comparisons, and strata too small for a number."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import roc_auc_score

from lvmass.errors import DataError
from lvmass.evaluation.comparisons import compare_models, compare_training
from lvmass.evaluation.delong import delong_paired
from lvmass.evaluation.lvh import (
    LVH_CUTOFFS_G_M2,
    c_statistics,
    cutoff_sensitivity,
    internal_cutoffs,
    lvh_score,
    with_cutoffs,
)
from lvmass.evaluation.tables import example_predictions

from .rows import find

TABLE = example_predictions(400)
FIT = "cohort == 'dev' and model == 'net' and training == 'pooled'"


def test_c_statistics_equal_scikit_learn() -> None:
    table = c_statistics(TABLE).query(FIT)
    one = TABLE.query(FIT)
    ratio: pd.Series = one["predicted_lvm_g"] / one["bsa_m2"] / np.where(one["sex"] == "male", 80, 65)
    for sex, keep in (("all", one["sex"] != ""), ("female", one["sex"] == "female"), ("male", one["sex"] == "male")):
        grams, indexed = find(table, sex=sex, score="grams"), find(table, sex=sex, score="indexed")
        assert_allclose(grams["auc"], roc_auc_score(one["lvh"][keep], one["predicted_lvm_g"][keep]))
        assert_allclose(indexed["auc"], roc_auc_score(one["lvh"][keep], ratio[keep]))
        assert grams["n_lvh"] == one["lvh"][keep].sum()
    folds = [roc_auc_score(fold["lvh"], fold["predicted_lvm_g"]) for _, fold in one.groupby("fold")]
    row = find(table, sex="all", score="grams")
    assert_allclose([row["fold_mean"], row["fold_sd"]], [np.mean(folds), np.std(folds, ddof=1)])


def test_pooling_sexes_lowers_one_and_the_same_predictor() -> None:
    # the true mass itself ranks people perfectly once indexed, in each sex nearly so, pooled clearly less
    oracle = TABLE.query(FIT).assign(predicted_lvm_g=lambda t: t["lvm_g"])
    table = c_statistics(oracle)
    assert find(table, sex="all", score="indexed")["auc"] == 1
    within = min(find(table, sex=sex, score="grams")["auc"] for sex in ("female", "male"))
    assert find(table, sex="all", score="grams")["auc"] < within - 0.03
    assert set(table.query("auc == 1")["note"]) == {"perfect separation, no interval"}


def test_the_two_comparisons() -> None:
    table = compare_training(TABLE).query("cohort == 'dev' and model == 'net' and score == 'grams'")
    own = TABLE.query("cohort == 'dev' and model == 'net' and sex == 'male'")
    specific, pooled = own.query("training == 'sex-specific'"), own.query("training == 'pooled'")
    direct = delong_paired(specific["lvh"], specific["predicted_lvm_g"], pooled["predicted_lvm_g"])
    fair = find(table, comparison="paired within sex", sex="male")
    assert_allclose([fair["z"], fair["p_value"], fair["ci_low"]], [direct.z, direct.p_value, direct.ci_low])
    published = find(table, comparison="unpaired as published", sex="male")
    assert (published["n_a"], published["n_b"]) == (240, 400)
    assert_allclose(published["auc_b"], c_statistics(TABLE).query(FIT)["auc"].iloc[0])
    assert (table["p_holm"] >= table["p_value"]).all()


def test_compare_models_pairs_by_subject_not_by_row() -> None:
    shuffled = TABLE.sample(frac=1, random_state=0)
    keys = ["cohort", "training", "model_b", "sex", "score"]
    a, b = (compare_models(t, "net").sort_values(keys).reset_index(drop=True) for t in (TABLE, shuffled))
    pd.testing.assert_frame_equal(a, b)


def test_missing_class_gives_a_reason() -> None:
    nobody = TABLE.assign(lvh=TABLE["lvh"] & (TABLE["sex"] == "male"))
    for table in (c_statistics(nobody), compare_training(nobody), compare_models(nobody, "net")):
        women = table[table["sex"] == "female"]
        assert set(women["note"]) == {"too few with LVH"}
        assert "nan" not in table.to_string().lower()
    only_men = TABLE[TABLE["sex"] == "male"]
    assert c_statistics(only_men).query("sex == 'female'")["n_subjects"].eq(0).all()
    assert c_statistics(TABLE.assign(lvh=True))["note"].eq("too few without LVH").all()
    # only one training in the table: nothing to compare, and no crash
    assert compare_training(TABLE.query("training == 'pooled'")).empty


def test_a_constant_score_is_no_better_than_chance() -> None:
    flat = TABLE.query(FIT).assign(predicted_lvm_g=110.0)
    row = c_statistics(flat).iloc[0]
    assert row["auc"] == 0.5
    assert_allclose([row["ci_low"], row["ci_high"]], 0.5)


def test_cutoffs() -> None:
    strict = with_cutoffs(TABLE, LVH_CUTOFFS_G_M2["budoff-2009"])["lvh"].mean()
    loose = with_cutoffs(TABLE, LVH_CUTOFFS_G_M2["uk-biobank"])["lvh"].mean()
    assert strict < TABLE["lvh"].mean() < loose
    internal = internal_cutoffs(TABLE.query("cohort == 'dev'"), 80)
    share = with_cutoffs(TABLE.query("cohort == 'dev'"), internal).groupby("sex")["lvh"].mean()
    assert_allclose(share, 0.2, atol=0.01)
    table = cutoff_sensitivity(TABLE, LVH_CUTOFFS_G_M2 | {"internal": internal})
    assert list(dict.fromkeys(table["cutoffs"])) == [*LVH_CUTOFFS_G_M2, "internal"]
    with pytest.raises(DataError, match="no LVH cut-off for female"):
        with_cutoffs(TABLE, {"male": 80.0})
    with pytest.raises(DataError, match="use grams or indexed"):
        lvh_score(TABLE, "pounds")
