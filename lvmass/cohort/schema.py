"""The subjects table: one row a person, described and documented in one place.

``Subject`` is the single source of truth: the check of a table, the data dictionary that the book prints and the check
of one person on the command line are all made from it. `lvmass.cohort.subjects` goes to it from a hospital's table.
"""

import re
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, BeforeValidator, Field, FiniteFloat, TypeAdapter, ValidationError

from lvmass.errors import DataError

Sex = Literal["female", "male"]
SEXES: tuple[Sex, ...] = get_args(Sex)
LVH_CUTOFF_G_M2: dict[str, float] = {"male": 80.0, "female": 65.0}
"""Primary cut-off of LVM over body surface: CT, Fuchs 2016."""

_FLAGS = {"0": False, "1": True, "false": False, "true": True}
_FLAGS |= dict.fromkeys(("no", "n", "nein", "non", "nee", "nej"), False)
_FLAGS |= dict.fromkeys(("yes", "y", "ja", "j", "oui", "si", "sí"), True)

UNITS: dict[str, dict[str, float]] = {
    "cm": {"m": 100.0, "mm": 0.1, "in": 2.54, "ft": 30.48},
    "kg": {"g": 1e-3, "lb": 0.45359237, "st": 6.35029318},
    "g": {"kg": 1e3, "mg": 1e-3, "oz": 28.349523125},
    "mmHg": {"kPa": 7.500615613},
    "years": {"months": 1 / 12},
    "ms": {"s": 1e3},
    "deg": {},
}
"""Units that a column may be written in, and the factor to ours, which stands at the end of the column's name."""


def _day(cell: str | None) -> datetime | None:
    """Read a date as the place of the examination wrote it; pydantic alone would take 20240531 for seconds."""
    if cell is None:
        return None
    # with points, the day comes first wherever that is written; with slashes it may not
    cell = re.sub(r"^([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})", lambda d: f"{d[3]}-{d[2]:0>2}-{d[1]:0>2}", cell)
    day = datetime.fromisoformat(cell).replace(tzinfo=None)
    if not 1900 <= day.year <= 2100:  # such as 9999-12-31, which stands for "unknown" in some archives
        raise ValueError("no day of an examination")
    return day


def _number(cell: Any) -> Any:
    """Refuse 1_0_0, a number to pydantic."""
    if isinstance(cell, str) and "_" in cell:
        raise ValueError("no number")
    return cell


_Number = Annotated[FiniteFloat, BeforeValidator(_number)]
_Optional = Annotated[FiniteFloat | None, BeforeValidator(_number)]
_Sex = Annotated[Sex, BeforeValidator(lambda cell: cell and cell.lower())]
_Flag = Annotated[bool | None, BeforeValidator(lambda cell: cell and _FLAGS.get(cell.lower(), cell))]
_Day = Annotated[datetime | None, BeforeValidator(_day)]


class Subject(BaseModel):
    """One row of the subjects table; columns that it does not name are kept untouched."""

    subject_id: str = Field(description="One row's own name; unique.")
    sex: _Sex = Field(description="Sex as recorded at the examination.")
    age_years: _Number = Field(ge=18, le=110, description="Age at the ECG.")
    height_cm: _Number = Field(ge=120, le=220, description="Standing height.")
    weight_kg: _Number = Field(ge=30, le=250, description="Body weight.")
    lvm_g: _Number = Field(ge=20, le=600, description="Left-ventricular mass, the label (CT, MR or echo).")
    ecg_path: str = Field(description="The ECG file, relative to this table.")
    sbp_mmhg: _Optional = Field(None, ge=60, le=280, description="Systolic blood pressure.")
    hypertension: _Flag = Field(None, description="Diagnosed or treated hypertension.")
    diabetes: _Flag = Field(None, description="Diagnosed or treated diabetes.")
    atrial_fibrillation: _Flag = Field(
        None, description="Known atrial fibrillation; if absent, the sign in the ECG stands in."
    )
    site: str | None = Field(None, description="Hospital or cohort.")
    patient_id: str | None = Field(
        None, description="The person; several ECGs of one person share it. Default: subject_id."
    )
    qrs_duration_ms: _Optional = Field(None, ge=40, le=300, description="QRS duration as printed by the device.")
    qrs_axis_deg: _Optional = Field(None, ge=-180, le=180, description="Frontal QRS axis as printed by the device.")
    ecg_date: _Day = Field(None, description="Day of the ECG.")
    ct_date: _Day = Field(None, description="Day of the image the mass was measured on.")


class Column(NamedTuple):
    """What a column of the subjects table may hold.

    Parameters
    ----------
    kind : str
        "number", "boolean", "date-time" or "string".
    unit : str
        Ours; "" where it has none.
    allowed : str
        In words.
    cells : TypeAdapter
        Checks a list of cells at once, many times faster than row by row.
    """

    kind: str
    unit: str
    allowed: str
    cells: TypeAdapter[list[Any]]


@cache
def column(name: str) -> Column:
    """What a column of `Subject` may hold.

    Examples
    --------
    >>> column("height_cm")[:3]
    ('number', 'cm', 'a number from 120 to 220')
    """
    field, schema = Subject.model_fields[name], Subject.model_json_schema()["properties"][name]
    schema = schema.get("anyOf", [schema])[0]  # of a cell that is not empty
    kind = str(schema.get("format", schema["type"]))
    allowed = {"boolean": "0 or 1", "date-time": "a date such as 2024-05-31"}.get(kind, "text")
    if "enum" in schema:
        allowed = " or ".join(schema["enum"])
    if "minimum" in schema:
        allowed = f"a number from {schema['minimum']:g} to {schema['maximum']:g}"
    unit = next((unit for unit in UNITS if name.endswith(f"_{unit.lower()}")), "")
    cells = TypeAdapter(list[Annotated[field.annotation, field]])  # type: ignore[name-defined]
    return Column(kind, unit, allowed, cells)


def bsa_mosteller_m2(height_cm: ArrayLike, weight_kg: ArrayLike) -> NDArray[np.float64]:
    """Body-surface area by Mosteller's formula, sqrt(height x weight / 3600).

    Parameters
    ----------
    height_cm, weight_kg : array_like
        Height in centimetre and weight in kilogram, of shapes that broadcast.

    Returns
    -------
    ndarray of float64
        Body-surface area in square metre.

    Examples
    --------
    >>> float(bsa_mosteller_m2(180.0, 80.0))
    2.0
    """
    return np.sqrt(np.asarray(height_cm, dtype=np.float64) * np.asarray(weight_kg, dtype=np.float64) / 3600.0)


def check_person(sex: str, age_years: float, height_cm: float, weight_kg: float) -> None:
    """Refuse a person who cannot be, with the ranges of the subjects table.

    Parameters
    ----------
    sex : str
        ``"female"`` or ``"male"``.
    age_years, height_cm, weight_kg : float
        Age, height and weight.

    Raises
    ------
    DataError
        One sentence naming the first value that is out of range, the range and what to do.

    Examples
    --------
    >>> check_person("female", 42, 160, 58)
    """
    given = {"sex": sex, "age_years": age_years, "height_cm": height_cm, "weight_kg": weight_kg}
    for name, value in given.items():
        try:
            column(name).cells.validate_python([value])
        except ValidationError:
            label = name.split("_")[0]
            raise DataError(f"{label} is {value}, which cannot be; give {column(name).allowed}.") from None


def data_dictionary() -> pd.DataFrame:
    """The data dictionary: a row for each column of the subjects table.

    Returns
    -------
    DataFrame
        Columns ``column``, ``required``, ``allowed``, ``unit`` and ``other_units`` (which the study file can name;
        both "" where there are none), and ``meaning``.

    Examples
    --------
    >>> data_dictionary().set_index("column").loc["age_years", "allowed"]
    'a number from 18 to 110'
    """
    rows = []
    for name, field in Subject.model_fields.items():
        _, unit, allowed, _ = column(name)
        required, others = "yes" if field.is_required() else "no", ", ".join(UNITS.get(unit, ()))
        rows.append((name, required, allowed, unit, others, field.description))
    return pd.DataFrame(rows, columns=["column", "required", "allowed", "unit", "other_units", "meaning"])
