"""Conformal intervals: the rank they rest on, coverage by sex and size, means of models, and strata too small."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from numpy.typing import ArrayLike

from lvmass.evaluation.calibration import _smallest, conformal_intervals, interval_factors
from lvmass.evaluation.tables import EXTERNAL_FOLD, example_predictions

from .rows import find, table_of


def people_off_by(ratios: ArrayLike, sex: str = "female") -> pd.DataFrame:
    """Out-of-fold predictions whose true masses are these times the estimate of 100 g."""
    people = pd.DataFrame({"sex": sex, "lvm_g": 100 * np.asarray(ratios), "predicted_lvm_g": 100.0})
    people["subject_id"] = people["patient_id"] = [f"dev-{i}" for i in people.index]
    return people.assign(model="net", training="pooled", cohort="dev", fold=people.index % 3, bsa_m2=1.7, lvh=False)


def test_factor_is_the_conformal_rank() -> None:
    # ⌈(n + 1) · 0.9⌉-th smallest ratio, up or down: of 9 the 9th, of 19 the 18th, of 100 the 91st; of 8 none
    for n, rank in ((9, 9), (19, 18), (100, 91)):
        ratios = 1 + np.arange(1, n + 1) / 100
        people = people_off_by(np.where(np.arange(n) % 2, ratios, 1 / ratios))
        found = interval_factors(people)
        assert_allclose(found["female"], 1 + rank / 100)
    assert interval_factors(people.head(8)) == {}
    twice = pd.concat([people, people.assign(lvm_g=1000.0)])  # the first ECG of each patient counts
    assert interval_factors(twice) == found


def test_factor_is_the_empirical_quantile_at_the_level_of_n_plus_one() -> None:
    # Lei et al., J Am Stat Assoc 2018;113:1094: the ⌈(n + 1)(1 - α)⌉-th smallest, here the 301st of 333
    people = people_off_by(np.exp(np.random.default_rng(1).normal(0, 0.2, 333)))
    scores = np.abs(np.log((people["lvm_g"] / people["predicted_lvm_g"]).to_numpy(float)))
    q = np.quantile(scores, 300.5 / 333, method="inverted_cdf")
    assert (scores <= q).sum() == 301
    assert_allclose(interval_factors(people)["female"], np.exp(q))


def test_one_model_for_all_folds_gives_the_split_interval_and_others_that_of_cv_plus() -> None:
    rng = np.random.default_rng(2)
    development = people_off_by(np.exp(rng.normal(0, 0.2, 200)))
    external = people_off_by(np.exp(rng.normal(0, 0.2, 50))).assign(cohort="ext", fold=EXTERNAL_FOLD)
    external["subject_id"] = external["subject_id"] + "-there"
    table = pd.concat([development, external], ignore_index=True)
    same = pd.concat([external.assign(fold=fold) for fold in range(3)])
    split, plus = (conformal_intervals(table, "dev", each)[["lower_g", "upper_g"]] for each in (None, same))
    assert_allclose(plus.to_numpy(float), split.to_numpy(float))
    assert_allclose(split["upper_g"].iloc[-1], 100 * interval_factors(development)["female"])
    # models that differ: limits as the definition says (Barber et al. 2021), person by person
    noisy = same.assign(predicted_lvm_g=100 * np.exp(rng.normal(0, 0.1, len(same))))
    found = conformal_intervals(table, "dev", noisy).query("cohort == 'ext'")
    r = np.abs(np.log(development["lvm_g"] / 100)).to_numpy()
    for row in found.head(5).itertuples():
        mine = noisy[noisy["subject_id"] == row.subject_id].set_index("fold")["predicted_lvm_g"]
        m = np.log(mine.loc[development["fold"]].to_numpy())
        low, high = np.sort(m - r)[int(0.1 * 201) - 1], np.sort(m + r)[int(np.ceil(0.9 * 201)) - 1]
        assert_allclose(np.array([row.lower_g, row.upper_g], float), np.exp([low, high]))


def test_coverage_by_sex() -> None:
    # women's errors are twice as large: one width for both sexes would fail them
    table = example_predictions(1500).query("model == 'net' and training == 'pooled'")
    error = table["predicted_lvm_g"] - table["lvm_g"]
    table = table.assign(predicted_lvm_g=table["lvm_g"] + error * np.where(table["sex"] == "female", 2.0, 1.0))
    coverage = table_of("interval_coverage", table)
    for sex in ("female", "male"):
        row = find(coverage, cohort="dev", group=sex)
        assert 0.88 <= row["coverage"] <= 0.92
        assert row["ci_low"] < 0.9 < row["ci_high"]
        assert 0.86 <= find(coverage, cohort="ext", group=sex)["coverage"] <= 0.94
    widths = {sex: find(coverage, cohort="dev", group=sex)["mean_width_g"] for sex in ("female", "male")}
    assert_allclose(widths["female"] / widths["male"], 2, rtol=0.15)


def fold_models(seed: int, own: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """1459 people out of fold and 2000 external ones like them with the mean of five models; and each model's.

    Log estimates have an error of SD 0.15 that the models share and one of their own, of SD ``own``.
    """
    rng, tables = np.random.default_rng(seed), []
    for cohort, n in (("dev", 1459), ("ext", 2000)):
        people = example_predictions(n, seed).query("model == 'net' and training == 'pooled'")
        people = people[people["cohort"] == cohort].reset_index(drop=True)
        known = np.log(people["lvm_g"].to_numpy()) + 0.15 * rng.normal(size=n)
        tables.append((people, np.exp(known[:, None] + own * rng.normal(size=(n, 5)))))
    (development, out), (external, each) = tables
    development = development.assign(predicted_lvm_g=out[np.arange(len(out)), development["fold"]])
    mean = external.assign(predicted_lvm_g=each.mean(axis=1))
    single = pd.concat([external.assign(fold=k, predicted_lvm_g=each[:, k]) for k in range(5)], ignore_index=True)
    return pd.concat([development, mean], ignore_index=True), single


@pytest.mark.parametrize(("own", "highest"), [(0.03, 0.92), (0.1, 0.97)])
def test_crossconformal_intervals_cover_as_they_say(own: float, highest: float) -> None:
    covered = []
    for seed in range(10):
        table, single = fold_models(seed, own)
        rows = table_of("interval_coverage", table, external_single=single)
        covered.append([find(rows, cohort="ext", group=sex)["coverage"] for sex in ("female", "male")])
    # models that differ much make a mean that errs less than any of them, and an interval that is too wide for it
    assert (np.mean(covered, axis=0) > 0.89).all()
    assert (np.mean(covered, axis=0) < highest).all()


def test_width_grows_with_the_estimate_so_that_large_and_small_hearts_are_covered_alike() -> None:
    table = example_predictions(4000).query("model == 'net' and training == 'pooled' and cohort == 'dev'")
    noise = np.random.default_rng(3).normal(0, 0.15, len(table))
    table = table.assign(predicted_lvm_g=table["lvm_g"] * np.exp(noise))
    found = conformal_intervals(table, "dev")
    inside = ((found["lower_g"] <= found["lvm_g"]) & (found["lvm_g"] <= found["upper_g"])).to_numpy(float)
    by_size = pd.Series(inside).groupby(pd.qcut(table["lvm_g"].to_numpy(), 4, labels=False)).mean()
    assert_allclose(by_size, 0.9, atol=0.025)
    ratio = (found["upper_g"] / found["lower_g"]).groupby([found["sex"], found["fold"]]).agg(["min", "max"])
    assert_allclose(ratio["min"].to_numpy(float), ratio["max"].to_numpy(float))


def test_an_estimate_that_is_not_positive_has_no_interval_and_counts_as_not_covered() -> None:
    table = example_predictions(300).query("model == 'net' and training == 'pooled'")
    odd = table["subject_id"].isin(["dev-0001", "ext-0001", "ext-0002"])
    table = table.assign(predicted_lvm_g=table["predicted_lvm_g"].mask(odd, 0.0))
    table.loc[table["subject_id"] == "ext-0002", "predicted_lvm_g"] = -80.0
    found = conformal_intervals(table, "dev")
    assert found.loc[odd, ["lower_g", "upper_g"]].isna().all(axis=None)
    assert found.loc[~odd, ["lower_g", "upper_g"]].notna().all(axis=None)
    row = find(table_of("interval_coverage", table), cohort="ext", group="male")
    assert row["note"] == "no interval for 2: estimate not positive"
    assert 0 < row["coverage"] < 1
    # one fold model of a person below zero: the interval goes down, and stays one
    external = table[table["cohort"] == "ext"]
    single = pd.concat([external.assign(fold=k, predicted_lvm_g=100.0 * (k > 0)) for k in range(5)])
    found = conformal_intervals(table, "dev", single).query("cohort == 'ext' and predicted_lvm_g > 0")
    assert (found["lower_g"] < 1e-9).all()
    assert found["upper_g"].between(100, 300).all()
    # where more than one in ten are not positive, no factor is known
    assert interval_factors(table.assign(predicted_lvm_g=-1.0)) == {}
    none = table_of("interval_coverage", table.assign(predicted_lvm_g=-1.0))
    assert set(none["note"]) == {"too few to learn an interval"}


def test_shift_is_seen() -> None:
    table = example_predictions(500).query("model == 'net' and training == 'pooled'")
    moved = table.assign(predicted_lvm_g=table["predicted_lvm_g"] + 30 * (table["cohort"] == "ext"))
    coverage = table_of("interval_coverage", moved)
    assert find(coverage, cohort="ext", group="male")["coverage"] < 0.8


def test_too_few_people_get_no_interval_but_a_reason() -> None:
    tiny = example_predictions(20)
    intervals = conformal_intervals(tiny, "dev")
    assert intervals.loc[intervals["sex"] == "female", "lower_g"].isna().all()
    table = table_of("interval_coverage", tiny)
    assert set(table["note"]) == {"too small a group"}
    some = example_predictions(60).query("cohort == 'ext' or sex == 'male'")
    row = find(table_of("interval_coverage", some), cohort="ext", group="female")
    assert row["note"] == "too few to learn an interval"


@pytest.mark.parametrize("seed", range(20))
def test_a_limit_found_by_halving_is_the_one_among_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 60, rng.integers(1, 6))
    logs = rng.normal(4.7, 0.3, (25, len(sizes)))
    ratios = [np.sort(rng.choice([*np.abs(rng.normal(0, 0.2, 40)), 0.1, np.inf], size)) for size in sizes]
    every = np.concatenate([logs[:, [k]] - each for k, each in enumerate(ratios)], axis=1)
    for rank in {1, int(sizes.sum()) // 10 + 1, int(sizes.sum())}:
        np.testing.assert_array_equal(_smallest(logs, ratios, rank), np.sort(every, axis=1)[:, rank - 1])
