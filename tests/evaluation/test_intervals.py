"""Conformal intervals: the rank they rest on, coverage by sex, and strata too small."""

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose

from lvmass.evaluation.calibration import _conformal_intervals, interval_half_widths
from lvmass.evaluation.tables import example_predictions

from .rows import find, table_of


def test_half_width_is_the_conformal_rank() -> None:
    # ⌈(n + 1) · 0.9⌉-th smallest absolute error: of 9 the 9th, of 19 the 18th, of 100 the 91st; of 8 none
    for n, rank in ((9, 9), (19, 18), (100, 91)):
        people = pd.DataFrame({"sex": "female", "lvm_g": 100.0, "predicted_lvm_g": 100 + np.arange(1.0, n + 1)})
        people["patient_id"] = people.index
        assert interval_half_widths(people) == {"female": float(rank)}
    assert interval_half_widths(people.head(8)) == {}


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


def test_no_limit_is_below_zero() -> None:
    # a mass far below all others: whatever is predicted, an interval of a mass starts at 0
    table = example_predictions(300).query("model == 'net' and training == 'pooled'")
    predicted = table["predicted_lvm_g"].where(table["subject_id"] != "ext-0001", -80.0)
    intervals = _conformal_intervals(table.assign(predicted_lvm_g=predicted), "dev")
    assert (intervals[["lower_g", "upper_g"]] >= 0).all(axis=None)
    half = interval_half_widths(table[table["cohort"] == "dev"])
    predicted = table["predicted_lvm_g"].where(table["cohort"] == "dev", 12.0)
    intervals = _conformal_intervals(table.assign(predicted_lvm_g=predicted), "dev").query("cohort == 'ext'")
    assert (intervals["lower_g"] == 0).all()
    assert_allclose(intervals["upper_g"].to_numpy(float), 12 + intervals["sex"].map(half).to_numpy(float))


def test_shift_is_seen() -> None:
    table = example_predictions(500).query("model == 'net' and training == 'pooled'")
    moved = table.assign(predicted_lvm_g=table["predicted_lvm_g"] + 20 * (table["cohort"] == "ext"))
    coverage = table_of("interval_coverage", moved)
    assert find(coverage, cohort="ext", group="male")["coverage"] < 0.8


def test_too_few_people_get_no_interval_but_a_reason() -> None:
    tiny = example_predictions(20)
    intervals = _conformal_intervals(tiny, "dev")
    assert intervals.loc[intervals["sex"] == "female", "lower_g"].isna().all()
    table = table_of("interval_coverage", tiny)
    assert set(table["note"]) == {"too small a group"}
    some = example_predictions(60).query("cohort == 'ext' or sex == 'male'")
    row = find(table_of("interval_coverage", some), cohort="ext", group="female")
    assert row["note"] == "too few to learn an interval"
