"""From a table as a hospital writes it, with its own names, units and codes, to the subjects table of the schema."""

import difflib
import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import ValidationError

from lvmass.cohort.problems import Problem
from lvmass.cohort.schema import UNITS, Subject, bsa_mosteller_m2, column
from lvmass.cohort.table import decimal_points

_MISSING = ("", "na", "n/a", "nan", "none", "null", "<na>", "nat", ".", "-", "\u2013")

# Words that mean one sex only, whatever the language; letters are read beside each other, see `_sexes`.
_SEX_WORDS = dict.fromkeys(
    ("female", "woman", "weiblich", "frau", "femme", "féminin", "mujer", "femenino", "femmina", "vrouw", "kvinna"),
    "female",
)
_SEX_WORDS |= dict.fromkeys(
    ("male", "man", "männlich", "mann", "homme", "masculin", "hombre", "masculino", "maschio"), "male"
)
_SEX_LETTERS = ({"f": "female", "m": "male"}, {"w": "female", "m": "male"})  # with h (Spanish), m is a woman

EXAMPLE_IDS = ("example-row-1", "example-row-2")
"""``subject_id`` of the rows that `lvmass init` writes to show what a row looks like."""

EXCLUSION_WORDS = {f"no_{what}": f"no {what}" for what in ("sex", "age", "height", "weight")}
EXCLUSION_WORDS |= {"no_lvm": "no LVM", "no_ecg": "no ECG file"}
"""Why a person is left out, by the code, which holds the first word of the column."""

MIN_JUDGED = 10
"""People of a sex, at least, of whom a column is judged as a whole."""

# What a column holds on average in adults of one sex. Weight is judged by the body mass index and mass by its index,
# because kilograms and pounds of single people overlap.
_AVERAGE = {"age_years": (18, 100), "height_cm": (140, 195), "weight_kg": (17, 38), "lvm_g": (20, 140)}
_AVERAGE |= {"sbp_mmhg": (85, 200), "qrs_duration_ms": (60, 180)}


class ReadSubjects(NamedTuple):
    """A subjects table as it was read.

    Parameters
    ----------
    subjects : DataFrame
        People with all that is needed, under our names, in our units; rows count from 0. ``patient_id`` is filled
        from ``subject_id`` where absent, ``table_row`` is the row in the spreadsheet. Columns that the schema does not
        know are kept as they are. Not to be used where there is an error.
    excluded : DataFrame
        ``row, subject_id, code`` of people of whom something is missing; the code, such as "no_height", names the
        first thing in the schema's order.
    problems : list of Problem
    text : DataFrame
        Cells as they were, under our names; the index is the row in the spreadsheet.
    names : dict of str to str
        The table's own name of each of our columns that it has.
    """

    subjects: pd.DataFrame
    excluded: pd.DataFrame
    problems: list[Problem]
    text: pd.DataFrame
    names: dict[str, str]


def check_subjects(
    table: pd.DataFrame,
    where: str,
    *,
    columns: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    codes: Mapping[str, Mapping[str, str]] | None = None,
    missing: Mapping[str, str] | None = None,
    unneeded: Collection[str] = (),
) -> ReadSubjects:
    """Turn a table as a hospital writes it into the one that the study works with, and say all that is wrong with it.

    Parameters
    ----------
    table : DataFrame
        The table as read, cells of any type; the index is the row in a spreadsheet.
    where : str
        What to call the table in problems, usually its file name.
    columns : mapping, optional
        The table's name of a column = ours. Names are compared as they are, then without regard to case and spaces.
    units : mapping, optional
        Column (its name there, or ours) = unit it is written in, where this is not ours.
    codes : mapping, optional
        Column = {code = our value}; "" means that the value is missing.
    missing : mapping, optional
        Of ``age_years, height_cm, weight_kg``: "exclude" (the default) leaves people without it out, "impute" keeps
        them, with NaN.
    unneeded : collection of str, optional
        Required columns that may be missing here, such as the mass where it is to be estimated.

    Returns
    -------
    ReadSubjects

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     [["a", "f", "63", "128", "90", "a.dcm", "42"], ["b", "m", "", "180", "120", "b.dcm", "420"]],
    ...     index=[2, 3], columns=["subject_id", "Sex", "Größe", "weight_kg", "lvm_g", "ecg_path", "age_years"],
    ... )
    >>> written = {"columns": {"größe": "height_cm"}, "units": {"height_cm": "in", "weight_kg": "lb"}}
    >>> read = check_subjects(table, "people.csv", **written)
    >>> read.subjects[["sex", "height_cm", "weight_kg"]].round(1).values.tolist()
    [['female', 160.0, 58.1]]
    >>> read.excluded.values.tolist()
    [[3, 'b', 'no_height']]
    >>> print(*read.problems)
    row 3, column age_years: the value is 420; give a number from 18 to 110; until then it counts as missing.
    """
    columns, units, codes, missing = columns or {}, units or {}, codes or {}, missing or {}
    text, theirs, problems = _renamed(table, where, columns)
    units, codes, more = _for_our_columns(where, theirs, units, codes)
    units, whole = _other_units(text, where, theirs, units)
    problems += more + whole
    mistaken, table = {problem.column for problem in whole}, text.copy()
    code = pd.Series("", table.index, dtype=object)
    cells: list[tuple[bool, str, str, str, list[int]]] = []
    for name, field in Subject.model_fields.items():
        needed, imputed = field.is_required() and name not in unneeded, missing.get(name) == "impute"
        if name in table:
            own, written = theirs.get(name, name), (units.get(name, ""), codes.get(name, {}))
            table[name], absent, wrong = _parsed(table[name], name, *written)
            cells += [(field.is_required(), own, *said) for said in wrong if name in units or own not in mistaken]
            if needed and not imputed and name != "subject_id":
                code[absent & (code == "")] = f"no_{name.split('_')[0]}"
        elif needed and imputed:
            table[name] = np.nan
        elif needed:
            problems.append(_lacking(table, where, name, imputable=not unneeded))
    if table.empty:
        problems.append(Problem("error", where, "there is no row below the header", "give one row for each person"))
    left_out = (code != "").to_numpy()
    for required, own, what, do, rows in cells:
        row = rows[0] if rows else None
        if required and not (rows and set(rows) <= set(table.index[left_out])):
            problems.append(Problem("error", where, what, do, row, own))
        else:
            problems.append(Problem("warning", where, what, f"{do}; until then it counts as missing", row, own))
    if left_out.all() and not any(problem.level == "error" for problem in problems):
        counts = ", ".join(f"{n} with {EXCLUSION_WORDS[str(each)]}" for each, n in code.value_counts().items())
        problems.append(Problem("error", where, f"of everybody something is missing ({counts})", "complete the table"))
    ids = table["subject_id"] if "subject_id" in table else pd.Series("", table.index)
    excluded = pd.DataFrame({"row": table.index, "subject_id": ids.to_numpy(), "code": code.to_numpy()})[left_out]
    table["table_row"] = table.index
    table["patient_id"] = table["patient_id"].fillna(ids) if "patient_id" in table else ids
    examples = [name for name in EXAMPLE_IDS if (ids == name).any()]
    if examples:  # of the starter's table there is nothing else to say
        told = f"it still has the rows {' and '.join(examples)}"
        problems, left_out = [Problem("error", where, told, "put your people in their place")], np.ones(len(ids), bool)
    problems.sort(key=lambda problem: problem.row or 0)  # stable: columns of a row keep the schema's order
    subjects, excluded = table[~left_out].reset_index(drop=True), excluded.reset_index(drop=True)
    return ReadSubjects(subjects, excluded, problems, text, theirs)


def folded(name: str) -> str:
    """A name without regard to case, spaces, dashes and the ways to write an umlaut or a micro sign."""
    return re.sub(r"[\s_-]+", "", unicodedata.normalize("NFKC", name).casefold()).replace("\u03bc", "u")


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name that looks most like it; None if none does.

    Examples
    --------
    >>> nearest("Heigth", ["weight_kg", "height_cm"])
    'height_cm'
    """
    by_fold = {folded(each): each for each in known}
    near = difflib.get_close_matches(folded(name), by_fold, n=1, cutoff=cutoff)
    return by_fold[near[0]] if near else None


def _nearest(name: str, known: Iterable[str], do: str, otherwise: str) -> str:
    """What to do, with the name that looks most like it in the place of NAME; or otherwise, where none does."""
    near = nearest(name, known)
    return do.replace("NAME", repr(near)) if near else otherwise


def _renamed(
    table: pd.DataFrame, where: str, columns: Mapping[str, str]
) -> tuple[pd.DataFrame, dict[str, str], list[Problem]]:
    """Give the columns our names; also the table's names by ours."""
    header, ours, problems = [str(name) for name in table.columns], tuple(Subject.model_fields), []
    named: dict[str, str] = {}  # theirs to ours
    for own, name in columns.items():
        same = [each for each in header if each == own] or [each for each in header if folded(each) == folded(own)]
        if name in ours and same and same[0] not in named:
            named[same[0]] = name
            continue
        told, do = "[columns] names it twice", "keep one"
        if name not in ours:
            told = f"[columns] calls it {name!r}, which is not in the data dictionary"
            do = _nearest(name, ours, "write NAME", f"give one of {', '.join(ours)}")
        elif not same:
            told = "[columns] names it, and it is not in the table"
            do = _nearest(own, header, "write NAME in [columns]", f"there are {', '.join(header)[:300]}")
        problems.append(Problem("error", where, told, do, column=own))
    named |= {name: name for name in header if name in ours and name not in named}
    for name in header:  # such as "Sex" for sex, where nothing else is
        meant = [each for each in ours if folded(each) == folded(name)]
        if name not in named and meant and meant[0] not in named.values():
            named[name] = meant[0]
    final = pd.Series([named.get(name, name) for name in header])
    for name in dict.fromkeys(final[final.duplicated()]):
        own = ", ".join(dict.fromkeys(each for each, new in zip(header, final, strict=True) if new == name))
        problems.append(Problem("error", where, f"it appears more than once (as {own})", "keep one", column=name))
    table = table.set_axis(final.tolist(), axis=1).loc[:, ~final.duplicated().to_numpy()]
    return table.copy(), {new: own for own, new in named.items()}, problems


def _other_units(
    text: pd.DataFrame, where: str, theirs: Mapping[str, str], stated: Mapping[str, str]
) -> tuple[dict[str, str], list[Problem]]:
    """Units as stated, or as the numbers of a whole column say, so that its cells can be checked all the same.

    A stated unit stays, whatever the numbers look like: there are clinics of heavy people.
    """
    cells = {name: text[name].astype("string").str.replace(",", ".") for name in _AVERAGE if name in text}
    numbers = pd.DataFrame({name: pd.to_numeric(each, errors="coerce").astype(float) for name, each in cells.items()})
    sex = text.get("sex", pd.Series("", text.index)).astype("string").str.lower()
    units, problems = dict(stated), list[Problem]()
    for name in cells:  # height, then weight, then mass
        ours, (low, high), judged = column(name).unit, _AVERAGE[name], numbers[name]
        if name == "weight_kg":
            judged = judged / (numbers.get("height_cm", math.nan) / 100) ** 2
        if name == "lvm_g" and {"height_cm", "weight_kg"} <= set(numbers):
            judged = judged / bsa_mosteller_m2(numbers["height_cm"], numbers["weight_kg"])
        by_sex, factors = judged.dropna().groupby(sex), {ours: 1.0} | UNITS[ours]
        medians = by_sex.median()[by_sex.size() >= MIN_JUDGED]
        fits = [unit for unit, factor in factors.items() if (medians * factor).between(low, high).any()]
        if fits and units.get(name, ours) not in fits:
            what = f"the whole column looks as if written in {fits[0]} (median {numbers[name].median():g})"
            do = f'set {name} = "{fits[0]}" under [units]'
            do += " if that is so" if name in stated else f', or "{ours}" if that is right'
            problems.append(Problem("warning" if name in stated else "error", where, what, do, column=theirs[name]))
            units.setdefault(name, fits[0])
        numbers[name] *= factors[units.get(name, ours)]
    if "age_years" in numbers and 1900 <= numbers["age_years"].median() <= 2100:
        what, do = "the whole column looks like years of birth", "give the age at the ECG, in years"
        problems.append(Problem("error", where, what, do, column=theirs["age_years"]))
    return units, problems


def _for_our_columns(
    where: str, theirs: Mapping[str, str], units: Mapping[str, str], codes: Mapping[str, Mapping[str, str]]
) -> tuple[dict[str, str], dict[str, Mapping[str, str]], list[Problem]]:
    """Units and codes by our names of the columns, as far as they can be."""
    known = {folded(own): name for name, own in theirs.items()} | {folded(name): name for name in theirs}
    problems: list[Problem] = []

    def of_ours(section: str, given: Mapping[str, Any]) -> dict[str, Any]:
        for own in given:
            if folded(own) not in known:
                do = _nearest(own, known.values(), f"write NAME in [{section}]", f"leave it out of [{section}]")
                told = f"[{section}] names it, and the table has no such column of the data dictionary"
                problems.append(Problem("error", where, told, do, column=own))
        return {known[folded(own)]: value for own, value in given.items() if folded(own) in known}

    found, kept = {}, of_ours("codes", codes)
    for name, unit in of_ours("units", units).items():
        ours = column(name).unit
        allowed = {each.lower(): each for each in (ours, *UNITS.get(ours, ())) if each}
        if unit.strip().lower() in allowed:
            found[name] = allowed[unit.strip().lower()]
        else:
            do = f"give {', '.join(allowed.values())}" if allowed else "leave it out of [units]"
            problems.append(Problem("error", where, f"[units] says {unit!r}", do, column=theirs[name]))
    for name, code, value in ((name, *pair) for name, meant in kept.items() for pair in meant.items()):
        if value.strip().lower() not in _MISSING and _faults(name, [value]):
            told, do = f"[codes] says that {code!r} is {value!r}", f"give {column(name).allowed}"
            problems.append(Problem("error", where, told, do, column=theirs[name]))
    return found, kept, problems


def _lacking(table: pd.DataFrame, where: str, name: str, *, imputable: bool) -> Problem:
    """A required column that is not there, with the nearest name that is."""
    others = [str(each) for each in table if each not in Subject.model_fields]
    named = f"write NAME = {name!r} in [columns] if that is it"
    do = _nearest(name, others, named, "add it, or name yours in [columns]")
    if imputable and name in ("age_years", "height_cm", "weight_kg"):
        do += f'; if nobody has it, write {name} = "impute" in [missing]'
    meaning = str(Subject.model_fields[name].description).rstrip(".")
    return Problem("error", where, f"it is missing ({meaning[0].lower() + meaning[1:]})", do, column=name)


def _parsed(
    cells: pd.Series, name: str, unit: str, codes: Mapping[str, str]
) -> tuple[pd.Series, pd.Series, list[tuple[str, str, list[int]]]]:
    """Values of one column, whose are missing, and what is wrong, what to do and the rows, none for all of them."""
    kind, rows = column(name).kind, [int(row) for row in cells.index]
    seen = [str(cell) for cell in cells.astype("string").str.strip().fillna("")]
    meant = {code.strip().lower(): value.strip() for code, value in codes.items()}
    coded = name == "sex" or kind == "boolean"
    # a code is a whole number in most tables, and 1.0 where another cell of its column was empty
    whole = zip(seen, [re.sub(r"^([0-9]+)[.,]0+$", r"\1", cell) for cell in seen], strict=True)
    given = [meant.get(cell.lower(), meant.get(code.lower(), code if coded else cell)) for cell, code in whole]
    values: list[Any] = [None if cell.lower() in _MISSING else cell for cell in given]
    absent = pd.Series([cell is None for cell in values], cells.index)
    wrong: list[tuple[str, str, list[int]]] = []
    try:
        values = _numbers(values, name, unit) if kind == "number" else _sexes(values) if name == "sex" else values
    except ValueError as error:
        wrong.append((str(error), "write all numbers of the column alike", []))
        values = [None] * len(values)
    faults = _faults(name, values)
    good = [i for i in range(len(values)) if i not in faults]
    checked = column(name).cells.validate_python([values[i] for i in good])
    read = pd.Series(checked, good, dtype=object).reindex(range(len(values))).set_axis(cells.index)
    unknown: dict[str, list[int]] = {}
    for i, fault in faults.items():
        if values[i] is None and name == "subject_id":
            wrong.append(("the cell is empty", "give each row its own name", [rows[i]]))
        elif values[i] is not None and coded:
            unknown.setdefault(given[i], []).append(rows[i])
        elif values[i] is not None:
            beyond = fault in ("greater_than_equal", "less_than_equal")
            wrong.append((*_told(seen[i], values[i] if beyond else None, name, unit), [rows[i]]))
    example = ", ".join(f'"{code}" = "..."' for code in list(unknown)[:6])
    for code, where in unknown.items():  # one code is one problem, however many rows have it
        more = f", in {len(where)} rows" if len(where) > 1 else ""
        do = f"give {column(name).allowed}, or write in [codes] what it means: {name} = {{ {example} }}"
        wrong.append((f"the value is {code[:60]!r}{more}", do, where))
    again = pd.Series(values, rows, dtype=object).dropna()
    for row, cell in again[again.duplicated()].items() if name == "subject_id" else ():
        wrong.append((f"{cell!r} is used again", "give each row its own name", [int(str(row))]))
    dtypes: dict[str, Any] = {"number": np.float64, "boolean": np.float64, "date-time": "datetime64[ns]"}
    return read.astype(dtypes.get(kind, object)), absent, wrong


def _told(cell: str, number: Any, name: str, unit: str) -> tuple[str, str]:
    """What is wrong with a cell, as it stands in the file, and what to do; the number where it is one out of range."""
    _, ours, allowed, _ = column(name)
    if cell.startswith("=") or re.fullmatch(r"#[A-Z/0]+[!?]?", cell):
        return f"the cell holds the formula or spreadsheet error {cell[:60]!r}", "repair or empty it, and save again"
    if number is None or unit in ("", ours):
        return f"the value is {cell[:60] if number is not None else repr(cell[:60])}", f"give {allowed}"
    return f"the value is {cell[:60]} {unit}, which is {float(number):.4g} {ours}", f"give {allowed} {ours}"


def _numbers(given: Sequence[str | None], name: str, unit: str) -> list[Any]:
    """Numbers of a column in our unit, written with a decimal point where they stay as they are.

    Where commas can be read in two ways, the column is as its range says.
    """
    factor = UNITS.get(column(name).unit, {}).get(unit, 1.0)
    readings = [[_times(cell, factor) for cell in cells] for cells in decimal_points(given)]
    fitting = [cells for cells in readings if len(readings) == 1 or not _faults(name, [c for c in cells if c])]
    if len(fitting) != 1:
        unclear = next(cell for cell in given if cell and "," in cell)
        raise ValueError(f"{unclear!r} could be {unclear.replace(',', '')} or {unclear.replace(',', '.')}")
    return fitting[0]


def _times(cell: str | None, factor: float) -> Any:
    """A number times a factor; any other cell as it is."""
    if cell is None or factor == 1.0 or "_" in cell or not cell.isascii():
        return cell
    try:
        return factor * float(cell)
    except ValueError:
        return cell


def _faults(name: str, cells: Sequence[Any]) -> dict[int, str]:
    """Which cells a column may not hold, and why in pydantic's words."""
    try:
        column(name).cells.validate_python(list(cells))
    except ValidationError as error:
        return {int(fault["loc"][0]): fault["type"] for fault in error.errors(include_url=False)}
    return {}


def _sexes(given: Sequence[str | None]) -> list[str | None]:
    """Sexes in our words, as far as words and letters are clear; letters only where both sexes' or f are there."""
    cells = [cell and cell.lower() for cell in given]
    there = {cell for cell in cells if cell and len(cell) == 1}
    words = _SEX_WORDS | next((pair for pair in _SEX_LETTERS if there == set(pair)), {"f": "female"})
    return [cell and words.get(cell, cell) for cell in cells]
