import pytest

from lvmass.cohort.schema import Subject, bsa_mosteller_m2, check_person, data_dictionary
from lvmass.errors import DataError

from .cohort_tables import people


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
    units = table.loc[["subject_id", "height_cm", "lvm_g", "sbp_mmhg", "qrs_axis_deg"], ["unit", "other_units"]]
    assert units.to_numpy().tolist() == [
        ["", ""],
        ["cm", "m, mm, in, ft"],
        ["g", "kg, mg, oz"],
        ["mmHg", "kPa"],
        ["deg", ""],
    ]
    allowed = table["allowed"][["subject_id", "sex", "qrs_axis_deg", "diabetes", "ct_date"]].tolist()
    assert allowed == ["text", "female or male", "a number from -180 to 180", "0 or 1", "a date such as 2024-05-31"]


def test_mosteller() -> None:
    assert bsa_mosteller_m2([180.0, 160.0], [80.0, 57.6]).tolist() == pytest.approx([2.0, 1.6])
