"""What chapter 7 says: its sentences follow from the tables, whatever these hold."""

import re
from functools import cache

import numpy as np
import pandas as pd
import pytest

from lvmass.evaluation import evaluate
from lvmass.evaluation.calibration import interval_factors
from lvmass.evaluation.tables import example_predictions
from lvmass.report import external, external_figures, figures, page
from lvmass.report.page import laid_out, select, with_interval
from lvmass.report.style import Picture

FIT = {"model": "net", "training": "pooled"}
CUTOFFS = {"female": 65.0, "male": 80.0}
SHOWN = ["errors", "errors_by_fold", "errors_after_recalibration", "single_models", "c_statistics", "interval_coverage",
         "subgroup_effects", "agreement", "agreement_limits", "model_comparison"]  # fmt: skip


def predictions() -> pd.DataFrame:
    names = {"dev": "development", "ext": "external"}
    table = example_predictions(150)
    return table.assign(cohort=table["cohort"].map(names))


@cache
def tables() -> dict[str, pd.DataFrame]:
    table = predictions()
    there = table[table["cohort"] == "external"]
    noise = np.random.default_rng(0).normal(0, 8, (5, len(there)))
    noise -= noise.mean(axis=0)
    single = pd.concat([there.assign(fold=k, predicted_lvm_g=there["predicted_lvm_g"] + noise[k]) for k in range(5)])
    age = table.drop_duplicates("subject_id")[["cohort", "subject_id"]]
    age = age.assign(age_years=np.arange(len(age)) % 40 + 40.0)
    return evaluate(table, "net", subjects=age, external_single=single, n_resamples=99, only=SHOWN)


def test_captions_count_people_and_those_with_lvh() -> None:
    one = select(predictions(), cohort="external", **FIT)
    assert page.analysed(tables(), "external") == f"n = 150, {one['lvh'].sum()} with LVH"
    assert page.analysed(tables(), "development", "external").startswith("development: n = 150, ")


def test_errors_of_every_model_stand_in_the_figure_and_of_both_cohorts_in_the_table() -> None:
    rows = select(tables()["errors"], sex="all")
    drawn, shown = figures.compared(select(rows, cohort="external"), "errors_of_models", "Errors")
    known = select(rows, cohort="external", metric=["mae_g", "bias_g"])["estimate"].astype(float)
    dots = [x for line in drawn.figure.axes[0].lines if line.get_marker() == "o" for x in line.get_xdata()]
    assert sorted(dots) == pytest.approx(sorted(known.dropna()))
    assert "R²" in shown.data
    drawn, shown = figures.compared(select(tables()["errors"], **FIT), "errors", "Errors")
    for cohort in ("development", "external"):
        row = select(rows, cohort=cohort, metric="bias_g", **FIT).iloc[0]
        assert with_interval(row, digits=2) in shown.data
        assert cohort in [label.get_text() for label in drawn.figure.axes[0].get_yticklabels()]


def test_the_answer_says_whether_errors_differ_from_those_in_development() -> None:
    text = str(external.external_answer(tables(), "external", "Ours", FIT).data)
    assert text.startswith("**Answer.** Ours, n = 150, ")
    assert text.count("out of fold in development (not significantly different)") == 2
    moved = tables() | {"errors": tables()["errors"].copy()}
    far = (moved["errors"]["cohort"] == "external") & (moved["errors"]["metric"] == "bias_g")
    moved["errors"].loc[far, ["estimate", "ci_low", "ci_high"]] += 50.0
    text = str(external.external_answer(moved, "external", "Ours", FIT).data)
    assert "out of fold in development (higher there)" in text
    assert ": it overestimates, " in text
    ranks = select(tables()["c_statistics"], cohort="external", sex="all", score="indexed", **FIT).iloc[0]
    assert f"by the index: everyone {with_interval(ranks, 'auc', 2)}. For" in text
    assert "whose MAPE differs significantly are " in text
    alone = str(external.external_answer(tables(), "development", "Ours", FIT).data)
    assert "in development (" not in alone


def test_averaging_and_another_cohort_are_told_apart() -> None:
    said = external.single_models(tables(), FIT)
    row = select(tables()["single_models"], sex="all", **FIT).iloc[0]
    home = select(tables()["errors"], sex="all", cohort="development", metric="mae_g", **FIT).iloc[0]
    assert row["difference_ci_high_g"] < 0
    assert f"changes its MAE by {row['difference_g']:.2f} g (" in str(said.data)
    assert f"fold model changes by {row['mae_single_g'] - home['estimate']:.2f} g (" in str(said.data)
    assert "Not shown" in str(external.single_models({}, FIT).data)


def test_effects_are_told_with_size_and_interval() -> None:
    rows = pd.DataFrame(
        {"variable": ["qrs_duration_ms", "age_years", "sex"], "metric": ["bias_g", "mae_g", "mape_percent"],
         "contrast": ["≥ 120 ms minus shorter", "per 10 years", "women minus men"], "estimate": [9.3, 1.2, 0.1],
         "ci_low": [4.0, 0.4, -1.0], "ci_high": [14.6, 2.0, 1.2], "p_holm": [0.001, 0.02, 0.9], "note": "",
         "n_group": pd.array([21, None, 100]), "n_others": pd.array([379, None, 300]), "n_subjects": 400}
    )  # fmt: skip
    text = str(external.group_effects(rows).data)
    assert "all 3 effects together" in text
    assert "≥ 120 ms minus shorter, mean error (g) 9.3 (4.0 to 14.6); " in text
    assert "per 10 years, MAE (g) 1.2 (0.4 to 2.0)." in text
    assert "women" not in text
    assert str(external.group_effects(rows.assign(p_holm=0.3)).data).endswith(": none.")
    assert "all 0 effects" in str(external.group_effects(rows[:0]).data)
    table = laid_out(select(tables()["subgroup_effects"], sex="all", cohort="external", **FIT), "subgroup_effects")
    assert len(table) == 6
    assert table["effect"].unique().tolist() == ["women minus men", "per 10 years"]


def test_an_interval_near_the_limit_is_told_in_grams_and_as_index() -> None:
    people = select(predictions(), cohort="development", **FIT)
    factor, bsa_m2 = interval_factors(people)["male"], people.loc[people["sex"] == "male", "bsa_m2"].median()
    text = str(external.interval_meaning(people, CUTOFFS).data)
    near = f"in men *f* is {factor:.2f}: at the cut-off (80 g/m², {80 * bsa_m2:.0f} g at the median body surface) "
    assert near + f"the interval spans {80 * bsa_m2 / factor:.0f} to {80 * bsa_m2 * factor:.0f} g, " in text
    assert f"an index of {80 / factor:.0f} to {80 * factor:.0f} g/m²" in text
    men = external.interval_meaning(people[people["sex"] == "male"], CUTOFFS)
    assert "women" not in str(men.data)
    assert "Not shown" in str(external.interval_meaning(people[:5], CUTOFFS).data)


@pytest.mark.parametrize(("high", "words"), [(0.85, "men, everyone 0.80 (0.70 to 0.85)"), (0.95, "chance: none.")])
def test_groups_below_90_percent_are_named(high: float, words: str) -> None:
    rows = pd.DataFrame(
        {"group": ["male"], "sex": "all", "coverage": 0.8, "ci_low": 0.7, "ci_high": [high], "note": ""}
    )
    assert words in str(external.coverage(rows.convert_dtypes()).data)


def test_c_statistics_are_compared_with_one_interval() -> None:
    rows = select(tables()["model_comparison"], cohort="external", sex="all", training="pooled", score="indexed")
    shown = laid_out(rows, "model_comparison")
    assert not shown["reference"].astype(str).str.contains("to").any()  # the interval is that of the difference
    _, said, opened = figures.compared(rows, "model_comparison", "Compared")
    assert with_interval(rows.iloc[0], "difference", 3) in said.data
    assert with_interval(rows.iloc[0], "difference", 3) in opened.data


def test_agreement_shows_figure_tables_and_a_sentence() -> None:
    own = select(predictions(), cohort="external", **FIT)
    picture, said, shown = external_figures.agreement(own, own, tables(), "Ours, n = 150")
    assert isinstance(picture, Picture)
    assert len(picture.figure.axes) == 1  # there is no table after recalibration here
    assert "(95 %). Ours, n = 150." in str(shown.data)
    assert "<td>as it is" in re.sub("<td [^>]*>", "<td>", str(shown.data))
    row = select(tables()["agreement"], cohort="external", sex="male", **FIT).iloc[0]
    assert f"men {row['icc']:.2f} ({row['icc_ci_low']:.2f} to {row['icc_ci_high']:.2f})" in str(said.data)
    assert f"men {row['sd_slope']:.2f} ({row['sd_slope_ci_low']:.2f} to " in str(said.data)
