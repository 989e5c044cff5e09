"""The subjects table: one row a person, described, validated and documented in one place.

``Subject`` is the single source of truth: the check of a table, the data dictionary that the book prints and the check
of one person on the command line are all made from it.
"""

import difflib
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, BeforeValidator, Field, FiniteFloat, TypeAdapter, ValidationError

from lvmass.errors import DataError

Sex = Literal["female", "male"]
SEXES: tuple[Sex, ...] = get_args(Sex)
LVH_CUTOFF_G_M2: dict[str, float] = {"male": 80.0, "female": 65.0}
"""Primary cut-off of LVM over body surface: CT, Fuchs 2016."""

_MISSING = ("", "na", "n/a", "nan", "none", "null", "<na>")
_FLAGS = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True, "no": False, "yes": True}


def _day(cell: str | None) -> datetime | None:
    """Read a date as the place of the examination wrote it; pydantic alone would take 20240531 for seconds."""
    if cell is None:
        return None
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


@cache
def _column(name: str) -> TypeAdapter[list[Any]]:
    """What checks the cells of a whole column at once, many times faster than row by row."""
    field = Subject.model_fields[name]
    return TypeAdapter(list[Annotated[field.annotation, field]])  # type: ignore[name-defined]


@cache
def _schema(name: str) -> dict[str, Any]:
    """JSON schema of a cell that is not empty."""
    schema: dict[str, Any] = Subject.model_json_schema()["properties"][name]
    return dict(schema.get("anyOf", [schema])[0])


def _kind(name: str) -> str:
    """ "number", "boolean", "date-time" or "string"."""
    return str(_schema(name).get("format", _schema(name)["type"]))


def _allowed(name: str) -> str:
    """What a cell of a column may hold, in words."""
    schema = _schema(name)
    if "enum" in schema:
        return " or ".join(schema["enum"])
    if "minimum" in schema:
        return f"a number from {schema['minimum']:g} to {schema['maximum']:g}"
    return {"boolean": "0 or 1", "date-time": "a date such as 2024-05-31"}.get(_kind(name), "text")


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
            _column(name).validate_python([value])
        except ValidationError:
            label = name.split("_")[0]
            raise DataError(f"{label} is {value}, which cannot be; give {_allowed(name)}.") from None


def data_dictionary() -> pd.DataFrame:
    """The data dictionary: a row for each column of the subjects table.

    Returns
    -------
    DataFrame
        Columns ``column``, ``required``, ``allowed`` and ``meaning``.

    Examples
    --------
    >>> data_dictionary().set_index("column").loc["age_years", "allowed"]
    'a number from 18 to 110'
    """
    rows = [
        (name, "yes" if field.is_required() else "no", _allowed(name), field.description)
        for name, field in Subject.model_fields.items()
    ]
    return pd.DataFrame(rows, columns=["column", "required", "allowed", "meaning"])


def _header_problems(df: pd.DataFrame) -> list[str]:
    """One sentence for each required column that is absent, with the nearest name that is there."""
    spare = [str(name) for name in df.columns if name not in Subject.model_fields]
    problems = []
    for name, field in Subject.model_fields.items():
        if field.is_required() and name not in df.columns:
            near = difflib.get_close_matches(name, spare, n=1, cutoff=0.6)
            hint = f"rename {near[0]!r}, which looks like it" if near else "add it"
            problems.append(f"column {name} is missing: {hint} ({str(field.description).rstrip('.')}).")
    if len(df) == 0:
        problems.append("there is no row below the header; give one row for each person.")
    return problems


def validate_subjects(df: pd.DataFrame, source: str) -> pd.DataFrame:
    """Read, check and complete a subjects table.

    Parameters
    ----------
    df : DataFrame
        The table as read, cells of any type; row labels are ignored.
    source : str
        What to call the table in messages, usually its file name.

    Returns
    -------
    DataFrame
        The same rows and columns with parsed types, sex in lower case and ``patient_id`` filled from
        ``subject_id`` where absent. Columns the schema does not know are kept as they are.

    Raises
    ------
    DataError
        Listing *all* problems, one sentence each, by row and column. Rows count as in a spreadsheet:
        the header is row 1.

    Examples
    --------
    >>> row = dict(subject_id="a", sex="female", age_years=420, height_cm=160, weight_kg=58, lvm_g=90,
    ...            ecg_path="a.dcm")
    >>> validate_subjects(pd.DataFrame([row]), "people.csv")
    Traceback (most recent call last):
    ...
    lvmass.errors.DataError: people.csv has 1 problem:
    row 2, column age_years: the value is 420; give a number from 18 to 110.
    """
    repeated = sorted({str(name) for name in df.columns[df.columns.duplicated()]})
    if repeated:
        raise _all_problems([f"column {name} appears more than once; keep one." for name in repeated], source)
    table = df.reset_index(drop=True).copy()
    complaints: list[tuple[int, str]] = []
    for name in Subject.model_fields:
        if name in table:
            table[name], wrong = _parse(table[name], name)
            complaints += [(row, f"row {row + 2}, column {name}: {what}.") for row, what in wrong]
    complaints.sort(key=lambda complaint: complaint[0])  # stable: columns of a row keep the schema's order
    problems = _header_problems(df) + [sentence for _, sentence in complaints]
    if problems:
        raise _all_problems(problems, source)
    if "patient_id" not in table:
        table["patient_id"] = table["subject_id"]
    table["patient_id"] = table["patient_id"].fillna(table["subject_id"])
    return table


def _parse(cells: pd.Series, name: str) -> tuple[pd.Series, list[tuple[int, str]]]:
    """Read one column; also say by row what is wrong and what to give."""
    text = cells.astype("string").str.strip()
    given = text.astype(object).mask(text.isna() | text.str.lower().isin(_MISSING), None)
    wrong = []
    try:
        values = _column(name).validate_python(given.tolist())
    except ValidationError as error:
        values = [None] * len(given)
        allowed = _allowed(name)
        for problem in error.errors(include_url=False, include_context=False):
            cell = problem["input"]
            quoted = problem["type"] not in ("greater_than_equal", "less_than_equal")
            seen = "the cell is empty" if cell is None else f"the value is {repr(cell[:60]) if quoted else cell[:60]}"
            wrong.append((int(problem["loc"][0]), f"{seen}; give {allowed}"))
    if name == "subject_id":
        again = given[given.notna() & given.duplicated()]
        wrong += [(int(str(row)), f"{cell!r} is used again; give each row its own name") for row, cell in again.items()]
    dtypes: dict[str, Any] = {"number": np.float64, "boolean": np.float64, "date-time": "datetime64[ns]"}
    return pd.Series(values, dtype=object).astype(dtypes.get(_kind(name), object)), wrong


def _all_problems(problems: list[str], source: str) -> DataError:
    """One exception that lists every problem on a line of its own."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return DataError("\n".join([f"{source} has {count}:", *problems]))
