"""From a hospital's names, units and codes to ours; every problem by row and column."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvmass.cohort.problems import Problem, refuse
from lvmass.cohort.schema import UNITS, Subject, column
from lvmass.cohort.subjects import check_subjects
from lvmass.errors import DataError

from .cohort_tables import people


def checked(table: pd.DataFrame, **written: Any) -> pd.DataFrame:
    """Subjects of a table that has no problem."""
    read = check_subjects(table, "people.csv", **written)
    assert not read.problems
    return read.subjects


def told(table: pd.DataFrame, **written: Any) -> list[str]:
    """The problems of a table, as sentences."""
    return [str(problem) for problem in check_subjects(table, "people.csv", **written)[2]]


def test_a_good_table_is_parsed_and_completed() -> None:
    table = people().assign(ecg_date=["2024-05-31", "", "2023-01-02"], hypertension=["yes", "0,0", ""], ward=[1, 2, 3])
    out = checked(table)
    assert out["sex"].tolist() == ["female", "male", "female"]
    assert out["age_years"].tolist() == [42.0, 60.5, 71.0]
    assert out["patient_id"].tolist() == ["p0", "p1", "p2"]
    assert out["table_row"].tolist() == [2, 3, 4]
    assert out["ward"].tolist() == [1, 2, 3]
    assert out["hypertension"].tolist()[:2] == [1.0, 0.0]
    assert np.isnan(out["hypertension"].iloc[2])
    assert out["ecg_date"].iloc[0] == pd.Timestamp("2024-05-31")
    assert pd.isna(out["ecg_date"].iloc[1])


def test_every_problem_is_listed_by_row_and_column() -> None:
    table = people()
    table.loc[2, "age_years"] = "420"
    table.loc[3, "sex"] = "q"
    table.loc[4, "weight_kg"] = "forty"
    table.loc[4, "height_cm"] = "inf"
    table["diabetes"] = ["maybe", "1", "0"]
    table["ct_date"] = ["2024-01-01", "31.31.2024", ""]
    table["sbp_mmhg"] = ["#N/A", "=A1*2", "120"]
    problems = check_subjects(table, "people.csv")[2]
    with pytest.raises(DataError, match=r"^people.csv has 4 problems:\nrow 2, column age_years: the value is 420;"):
        refuse(problems)
    assert [str(problem) for problem in problems] == [
        "row 2, column age_years: the value is 420; give a number from 18 to 110.",
        "row 2, column sbp_mmhg: the cell holds the formula or spreadsheet error '#N/A'; repair or empty it, and save "
        "again; until then it counts as missing.",
        "row 2, column diabetes: the value is 'maybe'; give 0 or 1, or write in [codes] what it means: "
        'diabetes = { "maybe" = "..." }; until then it counts as missing.',
        "row 3, column sex: the value is 'q'; give female or male, or write in [codes] what it means: "
        'sex = { "q" = "..." }.',
        "row 3, column sbp_mmhg: the cell holds the formula or spreadsheet error '=A1*2'; repair or empty it, and save "
        "again; until then it counts as missing.",
        "row 3, column ct_date: the value is '31.31.2024'; give a date such as 2024-05-31; until then it counts as "
        "missing.",
        "row 4, column height_cm: the value is 'inf'; give a number from 120 to 220.",
        "row 4, column weight_kg: the value is 'forty'; give a number from 30 to 250.",
    ]


def test_one_problem_is_one_sentence() -> None:
    with pytest.raises(DataError) as caught:
        refuse([Problem("warning", "a.csv", "odd", "look"), Problem("error", "a.csv", "bad", "mend it", 3, "sex")])
    assert str(caught.value) == "a.csv: row 3, column sex: bad; mend it."


# --- names ---


def test_own_names_are_found_as_they_are_then_without_case_and_spaces() -> None:
    table = people().rename(columns={"height_cm": "Größe", "sex": "SEX ", "weight_kg": "Gewicht kg"})
    columns = {"gro\u0308ße": "height_cm", "Gewicht_kg": "weight_kg"}  # an umlaut written as two signs
    assert checked(table, columns=columns).equals(checked(people())[checked(table, columns=columns).columns])
    swapped = people().rename(columns={"height_cm": "weight_kg", "weight_kg": "height_cm"})
    assert checked(swapped, columns={"weight_kg": "height_cm", "height_cm": "weight_kg"})["height_cm"].iloc[0] == 160


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (
            {"Grosse": "height_cm"},
            "column Grosse: [columns] names it, and it is not in the table; write 'Grösse' in [columns].",
        ),
        (
            {"Grösse": "heigth_cm"},
            "column Grösse: [columns] calls it 'heigth_cm', which is not in the data dictionary; write 'height_cm'.",
        ),
        (
            {"Grösse": "height_cm", "größe": "weight_kg"},
            "column größe: [columns] names it twice; keep one.",
        ),
        (
            {"Grösse": "weight_kg"},
            "column weight_kg: it appears more than once (as Grösse, weight_kg); keep one.",
        ),
    ],
)
def test_a_mapping_that_cannot_be(columns: dict[str, str], sentence: str) -> None:
    assert sentence in told(people().rename(columns={"height_cm": "Grösse"}), columns=columns)


def test_a_column_that_is_missing_gets_the_nearest_name() -> None:
    (sentence,) = told(people().rename(columns={"age_years": "age_yrs"}))
    assert sentence == (
        "column age_years: it is missing (age at the ECG); write 'age_yrs' = 'age_years' in [columns] if that is it; "
        'if nobody has it, write age_years = "impute" in [missing].'
    )
    table = people().drop(columns="lvm_g")
    table.loc[2, "age_years"] = "5"
    first, second = told(table)
    assert first.startswith("column lvm_g: it is missing (left-ventricular mass")
    assert second.startswith("row 2, column age_years")


def test_what_is_there_twice_is_refused() -> None:
    table = people().assign(subject_id="same")
    assert told(table)[0] == "row 3, column subject_id: 'same' is used again; give each row its own name."
    assert told(pd.concat([people(), people()["sex"]], axis=1)) == [
        "column sex: it appears more than once (as sex); keep one."
    ]
    assert told(people().assign(subject_id=["a", "", "b"])) == [
        "row 3, column subject_id: the cell is empty; give each row its own name."
    ]


def test_an_empty_table_is_refused() -> None:
    assert told(people(0)) == ["there is no row below the header; give one row for each person."]


def test_one_patient_with_two_ecgs_is_fine() -> None:
    assert checked(people().assign(patient_id=["x", "x", ""]))["patient_id"].tolist() == ["x", "x", "p2"]


# --- units ---


@settings(max_examples=50)
@given(st.data())
def test_every_unit_there_and_back_gives_the_same_number(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([each for each in Subject.model_fields if UNITS.get(column(each).unit)]))
    unit = data.draw(st.sampled_from(sorted(UNITS[column(name).unit])))
    low, high = (float(word) for word in column(name).allowed.split() if word.isdigit())
    value = data.draw(st.floats(low * 1.001, high * 0.999))
    cells = [repr(value / UNITS[column(name).unit][unit])] * 3
    own = data.draw(st.sampled_from([name, "Mine"]))
    table = people().assign(**{name: cells}).rename(columns={name: own})
    out = checked(table, columns={own: name} if own != name else {}, units={own: unit.upper()})
    assert out[name].tolist() == pytest.approx([value] * 3, rel=1e-12)


def of_bmi(bmi: float, n: int = 24) -> pd.DataFrame:
    """Men and women of one body-mass index, weights as a scale in kilogram gives them."""
    height_cm = np.linspace(150, 190, n)
    cells = {"sex": ["female", "male"] * (n // 2), "height_cm": height_cm, "weight_kg": bmi * (height_cm / 100) ** 2}
    cells |= {"subject_id": range(n), "age_years": 45, "lvm_g": np.linspace(140, 220, n), "ecg_path": "a.dcm"}
    return pd.DataFrame(cells, index=range(2, n + 2)).astype(str)


def test_a_stated_unit_is_never_refused() -> None:
    """A clinic of heavy people: kilograms that look like pounds, until somebody says what they are."""
    (unstated,) = check_subjects(of_bmi(43), "people.csv").problems
    assert (unstated.level, unstated.column, unstated.row) == ("error", "weight_kg", None)
    assert unstated.do == 'set weight_kg = "lb" under [units], or "kg" if that is right'
    read = check_subjects(of_bmi(43), "people.csv", units={"weight_kg": "kg"})
    assert [(each.level, each.column) for each in read.problems] == [("warning", "weight_kg")]
    refuse(read.problems)
    assert read.subjects["weight_kg"].tolist() == pytest.approx(of_bmi(43)["weight_kg"].astype(float).tolist())
    assert check_subjects(of_bmi(26), "people.csv").problems == []


def test_a_value_out_of_range_is_told_as_it_stands_and_in_our_unit() -> None:
    table = people().assign(weight_kg=["128", "1280", "108"]).rename(columns={"weight_kg": "Gewicht"})
    assert told(table, columns={"Gewicht": "weight_kg"}, units={"Gewicht": "lb"}) == [
        "row 3, column Gewicht: the value is 1280 lb, which is 580.6 kg; give a number from 30 to 250 kg."
    ]


@pytest.mark.parametrize(
    ("units", "sentence"),
    [
        ({"height_cm": "kg"}, "column height_cm: [units] says 'kg'; give cm, m, mm, in, ft."),
        ({"heigth_cm": "in"}, "column heigth_cm: [units] names it, and the table has no such column of the data "
         "dictionary; write 'height_cm' in [units]."),
        ({"sex": "in"}, "column sex: [units] says 'in'; leave it out of [units]."),
    ],
)  # fmt: skip
def test_a_unit_that_cannot_be(units: dict[str, str], sentence: str) -> None:
    assert told(people(), units=units) == [sentence]


# --- codes ---


@pytest.mark.parametrize(
    "cells",
    [
        ["F", "m", " f "],
        ["w", "M", "W"],
        ["Weiblich", "männlich", "Frau"],
        ["femme", "Homme", "female"],
        ["woman", "man", "f"],
    ],
)
def test_clear_words_and_letters_for_sex(cells: list[str]) -> None:
    assert checked(people().assign(sex=cells))["sex"].tolist() == ["female", "male", "female"]


@pytest.mark.parametrize("cells", [["1", "2", "1"], ["0", "1", "0"], ["m", "h", "m"], ["m", "m", "m"], ["w", "w", "w"]])
def test_numbers_and_letters_that_are_not_clear_need_a_word(cells: list[str]) -> None:
    problems = told(people().assign(sex=cells))
    assert len(problems) == len(set(cells))
    assert all('write in [codes] what it means: sex = { "' in problem for problem in problems)


def test_codes_say_what_a_cell_means_and_come_first() -> None:
    table = people().assign(Geschlecht=["1.0", "M", "1"], age_years=["42", "-9", "71"], diabetes=["J", "X", "n"])
    table = table.drop(columns="sex")
    codes = {"geschlecht": {"1": "male", "m": "female"}, "age_years": {"-9": ""}, "diabetes": {"x": "yes"}}
    subjects, excluded, problems, *_ = check_subjects(table, "t", columns={"Geschlecht": "sex"}, codes=codes)
    assert not problems
    assert subjects["sex"].tolist() == ["male", "male"]
    assert subjects["diabetes"].tolist() == [1.0, 0.0]
    assert excluded.to_numpy().tolist() == [[3, "p1", "no_age"]]


def test_a_code_that_cannot_be() -> None:
    assert told(people(), codes={"sex": {"1": "masculine"}, "gender": {"1": "male"}, "lvm_g": {"-1": "none"}}) == [
        "column gender: [codes] names it, and the table has no such column of the data dictionary; leave it out of "
        "[codes].",
        "column sex: [codes] says that '1' is 'masculine'; give female or male.",
    ]


# --- numbers and dates ---


def test_commas_are_read_by_the_whole_column() -> None:
    assert checked(people().assign(age_years=["42", "50,5", "50"]))["age_years"].tolist() == [42, 50.5, 50]
    assert checked(people().assign(lvm_g=["132,456", "99,123", "87,000"]))["lvm_g"].tolist() == [132.456, 99.123, 87]
    milligram = {"units": {"lvm_g": "mg"}}
    assert checked(people().assign(lvm_g=["132,456", "99,123", "87,000"]), **milligram)["lvm_g"].iloc[0] == 132.456
    assert told(people().assign(age_years=["42,5", "50.5", "50"])) == [
        "column age_years: '42,5' is written with a decimal comma, '50.5' with a decimal point; write all numbers of "
        "the column alike."
    ]
    assert told(people().assign(lvm_g=["1,234", "2,345", "90"])) == [
        "column lvm_g: '1,234' could be 1234 or 1.234; write all numbers of the column alike."
    ]


@pytest.mark.parametrize("cell", ["1_0_0", "\u0664\u0662", "1e999", "0x30", "50\x00", "--50", "5 0"])
@pytest.mark.parametrize("unit", ["years", "months"])
def test_what_looks_like_a_number_but_is_none_is_refused(cell: str, unit: str) -> None:
    (sentence,) = told(people().assign(age_years=["720", cell, "800"] if unit == "months" else ["42", cell, "50"]),
                       units={"age_years": unit})  # fmt: skip
    assert sentence.startswith("row 3, column age_years: the value is")


@pytest.mark.parametrize(
    "cell", ["20240531", "2024-05-31T10:00:00", "2024-05-31T02:00+08:00", "31.05.2024", "31.5.2024 10:15"]
)
def test_dates_are_read_as_dates_and_never_as_seconds(cell: str) -> None:
    out = checked(people().assign(ecg_date=cell))
    assert out["ecg_date"].dtype == "datetime64[ns]"
    assert out["ecg_date"].dt.strftime("%Y-%m-%d").eq("2024-05-31").all()
    (sentence,) = told(people().assign(ecg_date=[cell, "1717113600", ""]))
    assert sentence.startswith("row 3, column ecg_date: the value is '1717113600'; give a date such as")


@pytest.mark.parametrize("cell", ["0001-01-01", "1600-01-01", "9999-12-31", "05/31/2024"])
def test_a_day_of_no_examination_counts_as_missing(cell: str) -> None:
    subjects, _, (problem,), *_ = check_subjects(people().assign(ct_date=[cell, "2024-05-31", ""]), "people.csv")
    told = f"row 2, column ct_date: the value is '{cell}'; give a date such as 2024-05-31; until then it counts as "
    assert (problem.level, str(problem)) == ("warning", f"{told}missing.")
    assert subjects["ct_date"].isna().tolist() == [True, False, True]


def test_an_impossible_value_of_who_is_left_out_anyway_is_a_warning() -> None:
    table = people().assign(age_years=["420", "60", "71"], lvm_g=["", "120", "85"])
    _, excluded, (problem,), *_ = check_subjects(table, "people.csv")
    assert (problem.level, problem.row, excluded["row"].tolist()) == ("warning", 2, [2])
    table["sex"] = ["x", "x", "female"]  # of these two rows one is used
    assert [each.level for each in check_subjects(table, "people.csv")[2] if each.column == "sex"] == ["error"]


# --- missing values ---


def test_people_are_left_out_for_the_first_thing_that_is_missing() -> None:
    table = people().assign(sex=["", "male", "female"], lvm_g=["", "n/a", "85"])
    subjects, excluded, problems, *_ = check_subjects(table, "people.csv")
    assert not problems
    assert excluded.to_numpy().tolist() == [[2, "p0", "no_sex"], [3, "p1", "no_lvm"]]
    assert subjects["subject_id"].tolist() == ["p2"]
    assert told(table.assign(ecg_path="")) == [
        "of everybody something is missing (1 with no sex, 1 with no LVM, 1 with no ECG file); complete the table."
    ]


def test_what_may_be_imputed_stays_as_nan_and_may_be_no_column_at_all() -> None:
    missing = {"height_cm": "impute", "weight_kg": "impute", "age_years": "exclude"}
    table = people().assign(weight_kg=["58", "", "49"], age_years=["", "60", "71"]).drop(columns="height_cm")
    subjects, excluded, problems, *_ = check_subjects(table, "people.csv", missing=missing)
    assert not problems
    assert subjects[["height_cm", "weight_kg"]].isna().to_numpy().tolist() == [[True, True], [True, False]]
    assert excluded["code"].tolist() == ["no_age"]


def test_an_impossible_value_stays_an_error_where_missing_ones_may_be() -> None:
    table = people().assign(height_cm=["1600", "", "150"])
    assert told(table, missing={"height_cm": "impute"}) == [
        "row 2, column height_cm: the value is 1600; give a number from 120 to 220."
    ]
