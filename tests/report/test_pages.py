import numpy as np
import pandas as pd
import pytest

from lvmass.evaluation import compare_errors
from lvmass.evaluation.tables import example_predictions
from lvmass.report.pages import (
    banner,
    beside,
    difference_table,
    error_table,
    p_value,
    table,
    table_one,
    verdict,
    with_interval,
)
from lvmass.study.study import Study


def test_banner_names_study_and_says_simulated(tiny_study: Study) -> None:
    text = banner(tiny_study).data
    assert "Simulated cohort." in text
    assert "tiny.toml" in text
    assert tiny_study.fingerprint in text


def test_missing_numbers_are_dashes() -> None:
    rows = pd.DataFrame(
        {"a": [np.nan, 1.25], "b": [None, "x"], "c": pd.array([None, 2.5], dtype="Float64"), "d": [pd.NaT, 1]}
    )
    text = table(rows, "Caption").data
    assert "nan" not in text.lower()
    assert "<NA>" not in text
    assert text.count("&ndash;") == 4


def test_cells_are_escaped() -> None:
    assert "<b>" not in table(pd.DataFrame({"a": ["<b>bold</b>"]}), "<b>").data


def test_published_stands_beside_ours_with_its_source() -> None:
    text = beside({"mae_g": "15.0 g"}, "Caption").data
    for word in ("14.33 ± 0.71 g", "15.0 g", "published (patients)", "medRxiv"):
        assert word in text


def test_interval_or_the_reason_why_there_is_none() -> None:
    assert with_interval({"estimate": None, "note": "too few people"}) == "too few people"
    assert with_interval({"estimate": 1.0, "ci_low": None, "note": "few"}, digits=0) == "1 (few)"
    row = {"bias_g": -0.04, "bias_ci_low_g": -1.0, "bias_ci_high_g": 1.0, "note": ""}
    assert with_interval(row, "bias_g", limits=("bias_ci_low_g", "bias_ci_high_g")) == "0.0 (-1.0 to 1.0)"


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.1, 0.2, "above"),
        (-0.2, -0.1, "below"),
        (-0.1, 0.1, "around"),
        (None, None, "there are too few people to say"),
    ],
)
def test_words_follow_the_interval(low: float | None, high: float | None, words: str) -> None:
    assert verdict({"ci_low": low, "ci_high": high}, "above", "below", "around") == words


def test_p_values() -> None:
    assert [p_value(p) for p in (0.0004, 0.0496, 1.0, pd.NA)] == ["< 0.001", "0.050", "1.000", "–"]


def test_error_table_has_a_row_a_line(tiny_study: Study) -> None:
    from lvmass.evaluation import fold_errors, pooled_errors

    predictions = tiny_study.predictions()
    found = error_table(fold_errors(predictions), pooled_errors(predictions, n_resamples=200))
    assert found[["model", "training"]].drop_duplicates().shape[0] == len(found) == 9


def test_difference_table_has_a_row_a_line() -> None:
    rows = compare_errors(example_predictions(40), "net", n_resamples=199).query("sex == 'all'")
    shown = difference_table(rows)
    assert shown["line"].tolist() == rows["model_b"].tolist()
    assert all("(" in cell for cell in shown.iloc[:, 2])


def test_table_one_describes_two_groups() -> None:
    people = pd.DataFrame({"sex": ["female"] * 3 + ["male"] * 3, "age_years": [50.0, 60, 70, 40, 50, 60]})
    people["diabetes"] = [0.0, 0, 1, 0, 1, 1]
    rows = table_one(people, ["age_years", "diabetes"], ["diabetes"], by="sex").set_index("")
    assert rows.loc["age_years, mean (SD)", "female"] == "60.0 (10.0)"
    assert rows.loc["diabetes, n (%): yes", "male"] == "2 (66.7)"
    assert rows.loc["age_years, mean (SD)", "standardized difference"] == "-1.000"
