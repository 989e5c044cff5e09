"""The subjects table: one row a person, described, validated and documented in one place.

``COLUMNS`` is the single source of truth. The pandera schema, the data dictionary that the book
prints and the check of one person on the command line are all made from it.
"""

import difflib
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lvmass.errors import DataError

if TYPE_CHECKING:
    import pandera.pandas as pa

Sex = Literal["female", "male"]
SEXES: tuple[Sex, ...] = get_args(Sex)
LVH_CUTOFF_G_M2: dict[str, float] = {"male": 80.0, "female": 65.0}
"""Primary cut-off of LVM over body surface: CT, Fuchs 2016."""


@dataclass(frozen=True)
class Column:
    """One column of the subjects table.

    Parameters
    ----------
    name : str
        Column name, with its unit.
    kind : {"text", "number", "flag", "date"}
        What the cells hold; a flag is 0/1, true/false or yes/no.
    meaning : str
        One line for the data dictionary.
    required : bool
        Whether every table must have the column and a value in every row.
    low, high : float
        Inclusive range of a number.
    choices : tuple of str
        The words a text cell may hold; empty for any.
    """

    name: str
    kind: str
    meaning: str
    required: bool = False
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """What a cell may hold, in words."""
        if self.choices:
            return " or ".join(self.choices)
        words = {"text": "text", "flag": "0 or 1", "date": "a date such as 2024-05-31"}
        return words.get(self.kind, f"a number from {self.low:g} to {self.high:g}")


COLUMNS: tuple[Column, ...] = (
    Column("subject_id", "text", "One row's own name; unique.", required=True),
    Column("sex", "text", "Sex as recorded at the examination.", required=True, choices=SEXES),
    Column("age_years", "number", "Age at the ECG.", required=True, low=18, high=110),
    Column("height_cm", "number", "Standing height.", required=True, low=120, high=220),
    Column("weight_kg", "number", "Body weight.", required=True, low=30, high=250),
    Column("lvm_g", "number", "Left-ventricular mass, the label (CT, MR or echo).", required=True, low=20, high=600),
    Column("ecg_path", "text", "The ECG file, relative to this table.", required=True),
    Column("sbp_mmhg", "number", "Systolic blood pressure.", low=60, high=280),
    Column("hypertension", "flag", "Diagnosed or treated hypertension."),
    Column("diabetes", "flag", "Diagnosed or treated diabetes."),
    Column("atrial_fibrillation", "flag", "Known atrial fibrillation; if absent, the sign in the ECG stands in."),
    Column("site", "text", "Hospital or cohort."),
    Column("patient_id", "text", "The person; several ECGs of one person share it. Default: subject_id."),
    Column("qrs_duration_ms", "number", "QRS duration as printed by the device.", low=40, high=300),
    Column("qrs_axis_deg", "number", "Frontal QRS axis as printed by the device.", low=-180, high=180),
    Column("ecg_date", "date", "Day of the ECG."),
    Column("ct_date", "date", "Day of the image the mass was measured on."),
)
BY_NAME = {column.name: column for column in COLUMNS}
REQUIRED = tuple(column.name for column in COLUMNS if column.required)
_FLAGS = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0, "false": 0.0, "true": 1.0, "no": 0.0, "yes": 1.0}
_MISSING = ("", "na", "n/a", "nan", "none", "null", "<na>")


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
    given: dict[str, Any] = {"sex": sex, "age_years": age_years, "height_cm": height_cm, "weight_kg": weight_kg}
    for name, value in given.items():
        column = BY_NAME[name]
        fine = value in column.choices if column.choices else column.low <= float(value) <= column.high
        if not fine:
            label = name.split("_")[0]
            raise DataError(f"{label} is {value}, which cannot be; give {column.allowed}.")


@lru_cache(maxsize=1)
def subjects_schema() -> "pa.DataFrameSchema":
    """Return the pandera schema of the subjects table; columns it does not know are kept untouched."""
    import pandera.pandas as pa  # seconds to import: only a table pays for it

    columns: dict[str, Any] = {}
    for column in COLUMNS:
        checks = []
        if column.kind in ("number", "flag"):
            low, high = (0.0, 1.0) if column.kind == "flag" else (column.low, column.high)
            checks.append(pa.Check.in_range(low, high))
            dtype: Any = "float64"
        else:
            dtype = "datetime64[ns]" if column.kind == "date" else "object"
            if column.choices:
                checks.append(pa.Check.isin(list(column.choices)))
        columns[column.name] = pa.Column(
            dtype,
            checks=checks,
            nullable=not column.required,
            required=column.required,
            unique=column.name == "subject_id",
            description=column.meaning,
        )
    return pa.DataFrameSchema(columns, strict=False, name="subjects")


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
    rows = [(c.name, "yes" if c.required else "no", c.allowed, c.meaning) for c in COLUMNS]
    return pd.DataFrame(rows, columns=["column", "required", "allowed", "meaning"])


def _text(cells: pd.Series) -> pd.Series:
    """Cells as stripped text, None where empty or a word for missing."""
    return pd.Series(
        [None if pd.isna(cell) or str(cell).strip().lower() in _MISSING else str(cell).strip() for cell in cells],
        dtype=object,
    )


def _parse(cells: pd.Series, column: Column) -> tuple[pd.Series, pd.Series]:
    """Read one column; also return the words that could not be read, by row position."""
    text = _text(cells)
    if column.kind == "text":
        return (text.str.lower() if column.choices else text), text[:0]
    parsed: pd.Series
    if column.kind == "flag":
        parsed = text.str.lower().map(_FLAGS).astype("float64")
    elif column.kind == "number":
        # "inf" is a number to pandas, but no age or mass
        parsed = pd.to_numeric(text, errors="coerce").astype("float64").replace([np.inf, -np.inf], np.nan)
    else:
        parsed = pd.to_datetime(text, errors="coerce", format="ISO8601", utc=True).dt.tz_localize(None)
        parsed = parsed.astype("datetime64[ns]")
    return parsed, text[text.notna() & parsed.isna()]


def _header_problems(df: pd.DataFrame) -> list[str]:
    """One sentence for each required column that is absent, with the nearest name that is there."""
    spare = [str(name) for name in df.columns if name not in BY_NAME]
    problems = []
    for name in REQUIRED:
        if name not in df.columns:
            near = difflib.get_close_matches(name, spare, n=1, cutoff=0.6)
            hint = f"rename {near[0]!r}, which looks like it" if near else "add it"
            problems.append(f"column {name} is missing: {hint} ({BY_NAME[name].meaning.rstrip('.')}).")
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
    import pandera.errors

    repeated = sorted({str(name) for name in df.columns[df.columns.duplicated()]})
    if repeated:
        raise _all_problems([f"column {name} appears more than once; keep one." for name in repeated], source)
    header = _header_problems(df)
    table = df.reset_index(drop=True).copy()
    cells: dict[tuple[int, str], str] = {}
    for column in COLUMNS:
        if column.name in table:
            table[column.name], unread = _parse(table[column.name], column)
            for row, word in unread.items():
                cells[int(str(row)), column.name] = f"the value is {word[:60]!r}"
    try:
        subjects_schema().validate(table, lazy=True)
    except pandera.errors.SchemaErrors as error:
        for case in error.failure_cases.itertuples():
            if case.column in table and not pd.isna(case.index):
                # a word that is no number was noted above; the schema sees only the hole it left
                cells.setdefault((int(case.index), str(case.column)), _complaint(case, table))
    sentences = [
        f"row {row + 2}, column {name}: {what}; give "
        + ("each row its own name." if "used again" in what else f"{BY_NAME[name].allowed}.")
        for (row, name), what in sorted(cells.items(), key=lambda item: item[0][0])
    ]
    if header or sentences:
        raise _all_problems(header + sentences, source)
    if "patient_id" not in table:
        table["patient_id"] = table["subject_id"]
    table["patient_id"] = table["patient_id"].fillna(table["subject_id"])
    return table


def _complaint(case: Any, table: pd.DataFrame) -> str:
    """What is wrong with one cell, from a row of pandera's failure cases."""
    value = table[case.column].iloc[int(case.index)]
    if case.check == "not_nullable":
        return "the cell is empty"
    if case.check == "field_uniqueness":
        return f"{value!r} is used again"
    return f"the value is {value:g}" if isinstance(value, float) else f"the value is {str(value)[:60]!r}"


def _all_problems(problems: list[str], source: str) -> DataError:
    """One exception that lists every problem on a line of its own."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return DataError("\n".join([f"{source} has {count}:", *problems]))
