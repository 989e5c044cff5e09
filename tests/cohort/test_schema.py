import numpy as np
import pandas as pd
import pytest

from lvmass.cohort.schema import (
    Subject,
    bsa_mosteller_m2,
    check_person,
    data_dictionary,
    validate_subjects,
)
from lvmass.errors import DataError

from .cohort_tables import people


def test_a_good_table_is_parsed_and_completed() -> None:
    table = people().assign(ecg_date=["2024-05-31", "", "2023-01-02"], hypertension=["yes", "0", ""], ward=[1, 2, 3])
    out = validate_subjects(table, "people.csv")
    assert out["sex"].tolist() == ["female", "male", "female"]
    assert out["age_years"].tolist() == [42.0, 60.5, 71.0]
    assert out["patient_id"].tolist() == ["p0", "p1", "p2"]
    assert out["ward"].tolist() == [1, 2, 3]
    assert out["hypertension"].tolist()[:2] == [1.0, 0.0]
    assert np.isnan(out["hypertension"].iloc[2])
    assert out["ecg_date"].iloc[0] == pd.Timestamp("2024-05-31")
    assert pd.isna(out["ecg_date"].iloc[1])


def test_every_problem_is_listed_by_row_and_column() -> None:
    table = people()
    table.loc[0, "age_years"] = "420"
    table.loc[1, "sex"] = "m"
    table.loc[1, "lvm_g"] = ""
    table.loc[2, "weight_kg"] = "forty"
    table.loc[2, "height_cm"] = "inf"
    table["diabetes"] = ["maybe", "1", "0"]
    table["ct_date"] = ["2024-01-01", "31.31.2024", ""]
    with pytest.raises(DataError) as caught:
        validate_subjects(table, "people.csv")
    lines = str(caught.value).splitlines()
    assert lines[0] == "people.csv has 7 problems:"
    assert "row 2, column age_years: the value is 420; give a number from 18 to 110." in lines
    assert "row 3, column sex: the value is 'm'; give female or male." in lines
    assert "row 3, column lvm_g: the cell is empty; give a number from 20 to 600." in lines
    assert "row 4, column weight_kg: the value is 'forty'; give a number from 30 to 250." in lines
    assert "row 4, column height_cm: the value is 'inf'; give a number from 120 to 220." in lines
    assert "row 2, column diabetes: the value is 'maybe'; give 0 or 1." in lines
    assert [line.split(",")[0] for line in lines[1:]] == sorted(line.split(",")[0] for line in lines[1:])


def test_a_misspelt_column_gets_the_nearest_name() -> None:
    with pytest.raises(DataError, match=r"column age_years is missing: rename 'age_yrs', which looks like it"):
        validate_subjects(people().rename(columns={"age_years": "age_yrs"}), "people.csv")


def test_header_and_cells_are_reported_together() -> None:
    table = people().drop(columns="lvm_g")
    table.loc[0, "age_years"] = "5"
    with pytest.raises(DataError, match="2 problems") as caught:
        validate_subjects(table, "people.csv")
    assert "column lvm_g is missing: add it" in str(caught.value)


def test_duplicates_are_refused() -> None:
    table = people()
    table["subject_id"] = "same"
    with pytest.raises(DataError, match=r"row 3, column subject_id: 'same' is used again; give each row its own"):
        validate_subjects(table, "people.csv")
    twice = pd.concat([people(), people()["sex"]], axis=1)
    with pytest.raises(DataError, match="column sex appears more than once"):
        validate_subjects(twice, "people.csv")


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(DataError, match="no row below the header"):
        validate_subjects(people(0), "people.csv")


def test_one_patient_with_two_ecgs_is_fine() -> None:
    out = validate_subjects(people().assign(patient_id=["x", "x", ""]), "people.csv")
    assert out["patient_id"].tolist() == ["x", "x", "p2"]


@pytest.mark.parametrize(
    ("person", "message"),
    [
        (("female", 420, 160, 58), "age is 420, which cannot be; give a number from 18 to 110."),
        (("female", 42, 16, 58), "height is 16, which cannot be; give a number from 120 to 220."),
        (("male", 42, 160, float("nan")), "weight is nan, which cannot be; give a number from 30 to 250."),
        (("m", 42, 160, 58), "sex is m, which cannot be; give female or male."),
    ],
)
def test_an_impossible_person_is_one_sentence(person: tuple[str, float, float, float], message: str) -> None:
    with pytest.raises(DataError) as caught:
        check_person(*person)
    assert str(caught.value) == message


def test_the_dictionary_describes_every_column_of_the_schema() -> None:
    table = data_dictionary().set_index("column")
    assert table.index.tolist() == list(Subject.model_fields)
    assert table.index[table["required"] == "yes"].tolist() == people().columns.tolist()
    assert table["meaning"].str.endswith(".").all()
    allowed = table["allowed"][["subject_id", "sex", "qrs_axis_deg", "diabetes", "ct_date"]].tolist()
    assert allowed == ["text", "female or male", "a number from -180 to 180", "0 or 1", "a date such as 2024-05-31"]


@pytest.mark.parametrize("cell", ["20240531", "2024-05-31T10:00:00", "2024-05-31T02:00+08:00"])
def test_dates_are_read_as_iso_dates_and_never_as_seconds(cell: str) -> None:
    out = validate_subjects(people().assign(ecg_date=cell), "people.csv")
    assert out["ecg_date"].dtype == "datetime64[ns]"
    assert out["ecg_date"].dt.strftime("%Y-%m-%d").eq("2024-05-31").all()
    with pytest.raises(DataError, match="row 3, column ecg_date: the value is '1717113600'; give a date such as"):
        validate_subjects(people().assign(ecg_date=[cell, "1717113600", ""]), "people.csv")


@pytest.mark.parametrize("cell", ["0001-01-01", "1600-01-01", "9999-12-31"])
def test_a_day_of_no_examination_is_refused(cell: str) -> None:
    with pytest.raises(
        DataError, match=f"row 2, column ct_date: the value is '{cell}'; give a date such as 2024-05-31"
    ):
        validate_subjects(people().assign(ct_date=[cell, "2024-05-31", ""]), "people.csv")


@pytest.mark.parametrize("cell", ["1_0_0", "\u0664\u0662", "1e999", "0x30", "50\x00", "--50", "50,5"])
def test_what_looks_like_a_number_but_is_none_is_refused(cell: str) -> None:
    with pytest.raises(DataError, match="row 3, column age_years: the value is"):
        validate_subjects(people().assign(age_years=["42", cell, "50"]), "people.csv")


def test_mosteller() -> None:
    assert bsa_mosteller_m2([180.0, 160.0], [80.0, 57.6]).tolist() == pytest.approx([2.0, 1.6])
