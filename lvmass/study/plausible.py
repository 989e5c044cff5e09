"""What in a cohort of files cannot be, or hardly: each check is a function of the cohort that yields problems.

An error is what would stop the study or make its results wrong; what only leaves people out, or is merely odd, is a
warning. Whole columns are judged by robust statistics of each sex, so that a few odd cells do not speak for the rest.
"""

import difflib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import linregress

from lvmass.cohort import schema
from lvmass.cohort.preprocessing import UNREADABLE
from lvmass.cohort.problems import Problem
from lvmass.cohort.schema import SEXES, UNITS, Subject, bsa_mosteller_m2
from lvmass.ecg.quality import DISQUALIFYING
from lvmass.ecg.reading import ARRAY_FILES

# What a column holds on average in adults of one sex. Weight is judged by the body mass index and mass by its index,
# because kilograms and pounds of single people overlap.
_AVERAGE = {
    "age_years": (18, 100),
    "height_cm": (140, 195),
    "weight_kg": (17, 38),
    "lvm_g": (20, 140),
    "sbp_mmhg": (85, 200),
    "qrs_duration_ms": (60, 180),
}
_INDEX_G_M2 = {"female": 48.0, "male": 60.0}  # mean LVM / BSA between CT and MR, papillary muscles within
_LOW_INDEX = 0.85  # share of these below which a column of masses may be one of indices already
_INDEX_SLOPE = 0.8  # log mass rises by about 1.1 a log BSA, an index hardly
_MIN_JUDGED, _MANY_JUDGED = 10, 100  # people of a sex
_FAR_BMI, _FAR_LVM = (-5.0, 4.5), (-5.0, 6.0)  # robust z; masses have a long upper end where hypertrophy is common
_SPREAD = 0.14  # robust SD of the logarithms, at least: fewer people may look more alike than they are
_SIZES = {  # what a person's size is told by: column, unit in words, limits of robust z, what is hardly possible
    "body mass index": ("weight_kg", "kg/m2", _FAR_BMI, (12.0, 65.0)),
    "mass": ("lvm_g", "g", _FAR_LVM, (0.0, math.inf)),
    "mass index": ("lvm_g", "g/m2", _FAR_LVM, (15.0, 250.0)),
}
_DEVICE = {"qrs_duration_ms": (50.0, "ms"), "qrs_axis_deg": (90.0, "degrees")}
_FAR_HEIGHT_CM, _FAR_YEARS = 10.0, 2.0  # of one patient; ages may be whole numbers
_FIRST_IMAGE, _FIRST_ECG = 1975, 1950
_WRONG_UNIT = {"unit_too_large": "uV", "unit_too_small": "V"}
_STATE = {"sampling rate": "sampling_rate_hz", "no unit": "unit", "names no leads": "leads"}  # words of the reader


@dataclass(frozen=True, eq=False)
class Checked:
    """A cohort as far as it could be read.

    Parameters
    ----------
    section : str
        Of the study file: "development" or "external".
    where : str
        The table, as the study file names it.
    people : DataFrame
        Rows without errors, labelled by their number in the file: columns of the schema in its units, and those of
        ``ecgs``; a device's own value as ``device_*``.
    ecgs : DataFrame
        Every row that names a file, labelled in the same way: ``ecg_path, file, file_name``, the second as the table
        names it, and what was measured, see `lvmass.cohort.preprocessing.beats_of_block`.
    ecg_ct_days : float
        Longest time between ECG and image that needs no word.
    names : mapping of str to str
        The user's own name of a column, where it has one.
    """

    section: str
    where: str
    people: pd.DataFrame
    ecgs: pd.DataFrame = field(default_factory=pd.DataFrame)
    ecg_ct_days: float = math.inf
    names: Mapping[str, str] = field(default_factory=dict)

    def said(
        self, level: Literal["error", "warning"], what: str, do: str, row: Any = None, column: str = "", file: str = ""
    ) -> Problem:
        """A problem of this table."""
        return Problem(level, self.where, what, do, row, self.names.get(column, column), file)

    def by_sex(self, values: pd.Series) -> Iterator[tuple[str, pd.Series]]:
        """Values of each sex that has enough of them to judge by."""
        for sex in SEXES:
            some = values[self.people["sex"] == sex].dropna()
            if len(some) >= _MIN_JUDGED:
                yield sex, some

    @property
    def bsa_m2(self) -> pd.Series:
        """Body-surface area of each row."""
        return pd.Series(
            bsa_mosteller_m2(self.people["height_cm"], self.people["weight_kg"]), self.people.index, dtype=float
        )


# --- the table as it was read, before cells are checked ---


def header_problems(table: pd.DataFrame, about: Checked) -> Iterator[Problem]:
    """Columns that are misspelt, unknown or empty, after names are ours; the schema says which required ones lack."""
    known, unknown = list(Subject.model_fields), []
    for name in map(str, table.columns):
        near = difflib.get_close_matches(name.lower().replace(" ", "_"), known, n=1, cutoff=0.75)
        if name in known:
            if len(table) and table[name].eq("").all() and not Subject.model_fields[name].is_required():
                yield about.said("warning", "the column is empty", "fill it or leave it out", column=name)
        elif not near or near[0] in table:
            unknown.append(name)
        elif not Subject.model_fields[near[0]].is_required():
            what, do = f"it is not used; {near[0]!r} looks like it", f"rename it, or see [{about.section}.columns]"
            yield about.said("warning", what, do, column=name)
    if unknown:
        what = ", ".join(unknown[:8]) + (f" and {len(unknown) - 8} more" if len(unknown) > 8 else "")
        do = f"leave them out, or map them under [{about.section}.columns]"
        yield about.said("warning", f"columns that nothing uses: {what}", do)


def units_of_columns(
    table: pd.DataFrame, about: Checked, stated: Mapping[str, str]
) -> tuple[dict[str, str], list[Problem]]:
    """Find whole columns in another unit than stated, so that what comes after can be checked all the same.

    Parameters
    ----------
    table : DataFrame
        Text cells under the names of the schema.
    about : Checked
        Of which table; its people are not looked at.
    stated : mapping of str to str
        Unit of a column, by its name in the table or ours, where it is not ours.

    Returns
    -------
    units : dict of str to str
        The unit of each such column, by our name and by the table's.
    problems : list of Problem
        One for each; they name the setting that mends it.
    """
    numbers = pd.DataFrame({name: _numbers(table[name]) for name in _AVERAGE if name in table})
    sex = table["sex"].str.lower() if "sex" in table else pd.Series("", table.index)
    units: dict[str, str] = {}
    problems = []

    def averages(name: str, factor: float) -> list[float]:
        """Median of each sex of the column, or of the index that it is judged by, were its unit this factor larger."""
        values = numbers[name] * factor
        if name == "weight_kg":
            values = values / (numbers["height_cm"] / 100) ** 2
        if name == "lvm_g" and {"height_cm", "weight_kg"} <= set(numbers):
            values = values / bsa_mosteller_m2(numbers["height_cm"], numbers["weight_kg"])
        groups = [group for _, group in values.dropna().groupby(sex) if len(group) >= _MIN_JUDGED]
        return [float(group.median()) for group in groups]

    for name, (low, high) in _AVERAGE.items():
        if name not in numbers or (name == "weight_kg" and "height_cm" not in numbers):
            continue
        own, ours, median = about.names.get(name, name), schema.column(name).unit, numbers[name].median()
        factors = {ours: 1.0} | UNITS[ours]
        said = stated.get(own, stated.get(name, ours))
        found = averages(name, factors.get(said, 1.0))
        fitting = said
        if found and not any(low <= average <= high for average in found):
            fits = (
                unit for unit, factor in factors.items() if all(low <= each <= high for each in averages(name, factor))
            )
            fitting = next(fits, said)
        if fitting != said:
            units |= dict.fromkeys((own, name), fitting)
            setting = f'set {own} = "{fitting}" under [{about.section}.units]'
            what = f"the whole column looks as if written in {fitting} (median {median:g})"
            problems.append(about.said("error", what, setting, column=name))
        numbers[name] *= factors.get(fitting, 1.0)
    if "age_years" in numbers and 1900 <= numbers["age_years"].median() <= 2100:
        what, do = "the whole column looks like years of birth", "give the age at the ECG, in years"
        problems.append(about.said("error", what, do, column="age_years"))
    return units, problems


def _numbers(cells: pd.Series) -> pd.Series:
    return pd.to_numeric(cells.str.replace(",", "."), errors="coerce")


# --- people ---


def _one_patient(about: Checked) -> Iterator[Problem]:
    """What several rows of one patient say of each other."""
    people = about.people[about.people["patient_id"].duplicated(keep=False)]
    people = people.assign(row=people.index)
    patients = people.groupby("patient_id", sort=False)
    first = patients[["row", "sex", "height_cm"]].transform("first")

    def as_in(row: Any, first_row: Any) -> str:
        return f"of patient {people['patient_id'][row]!r}, as row {first_row}"

    for row in people.index[people["sex"] != first["sex"]]:
        what, do = f"another sex {as_in(row, first['row'][row])}", "correct the sex, or the patient_id of one"
        yield about.said("error", what, do, row, "sex")
    for row in people.index[(people["height_cm"] - first["height_cm"]).abs() > _FAR_HEIGHT_CM]:
        cm = f"{people['height_cm'][row]:g} cm and in row {first['row'][row]} {first['height_cm'][row]:g} cm"
        yield about.said("warning", f"two heights of one patient: {cm}", "correct one", row, "height_cm")
    if "ecg_date" in people:
        dated = people.dropna(subset="ecg_date")
        start = dated.groupby("patient_id")[["row", "ecg_date", "age_years"]].transform("first")
        years = (dated["ecg_date"] - start["ecg_date"]).dt.days / 365.25
        for row in dated.index[(dated["age_years"] - start["age_years"] - years).abs() > _FAR_YEARS]:
            what = f"the age does not go with the dates of the ECGs {as_in(row, start['row'][row])}"
            yield about.said("warning", what, "correct the age, the date or the patient_id", row, "age_years")
    if "ct_date" in people:
        start = people.groupby(["patient_id", "ct_date"])[["row", "lvm_g"]].transform("first")
        for row in people.index[(people["lvm_g"] != start["lvm_g"]) & start["lvm_g"].notna()]:
            grams = f"{people['lvm_g'][row]:g} g and in row {start['row'][row]:.0f} {start['lvm_g'][row]:g} g"
            yield about.said("warning", f"two masses on one day: {grams}", "keep the one that counts", row, "lvm_g")


def _index_as_mass(about: Checked) -> Iterator[Problem]:
    """LVM index in the place of grams: too low for a mass, and surely hardly rising with body size."""
    ratios, slopes, errors, people = [], [], [], []
    for sex, index in about.by_sex(about.people["lvm_g"] / about.bsa_m2):
        size, mass = np.log(about.bsa_m2[index.index]), np.log(about.people["lvm_g"][index.index])
        line = linregress(size, mass) if size.std() else None
        ratios.append(float(np.log(index.median() / _INDEX_G_M2[sex])))
        slopes.append(line.slope if line else 1.0)
        errors.append(line.stderr if line else 0.0)
        people.append(len(index))
    most = np.mean(slopes) + 1.96 * np.sqrt(np.sum(np.square(errors))) / len(slopes) if slopes else np.inf
    if most < _INDEX_SLOPE and np.exp(np.mean(ratios)) < _LOW_INDEX:
        yield about.said(
            "error" if min(people) >= _MANY_JUDGED else "warning",
            "the whole column looks like LVM index (g/m2) in the place of grams "
            f"(median {about.people['lvm_g'].median():g})",
            "give the mass in grams: the index times the body surface area that it was made with",
            column="lvm_g",
        )


def _outliers(about: Checked) -> Iterator[Problem]:
    """Body mass index, mass and mass index far from the others of the sex."""
    people = about.people
    values = {
        "body mass index": people["weight_kg"] / (people["height_cm"] / 100) ** 2,
        "mass": people["lvm_g"],
        "mass index": people["lvm_g"] / about.bsa_m2,
    }
    told: set[tuple[str, Any]] = set()
    for what, (column, unit, (low, high), (least, most)) in _SIZES.items():
        for sex, group in about.by_sex(values[what]):
            log = np.log(group)
            spread = max(1.4826 * float((log - log.median()).abs().median()), _SPREAD)
            z = (log - log.median()) / spread
            for row in group.index[(z < low) | (z > high) | (group < least) | (group > most)]:
                if (column, row) not in told:
                    told.add((column, row))
                    seen = f"a {what} of {group[row]:.3g} {unit} is far from the other {sex} ones"
                    usual = f"{group.quantile(0.05):.3g} to {group.quantile(0.95):.3g}"
                    checked = "height and weight" if column == "weight_kg" else "the mass, its unit and the body size"
                    yield about.said("warning", f"{seen} ({usual})", f"check {checked}", row, column)


def _dates(about: Checked) -> Iterator[Problem]:
    """Days that are not over yet, that are too early, and ECGs long before or after the image."""
    people, today = about.people, pd.Timestamp.now().normalize()
    for column, first in (("ecg_date", _FIRST_ECG), ("ct_date", _FIRST_IMAGE)):
        if column not in people:
            continue
        day = people[column]
        for row in people.index[day > today + pd.Timedelta(days=1)]:
            yield about.said("warning", f"{day[row]:%Y-%m-%d} is in the future", "correct the date", row, column)
        for row in people.index[day.dt.year < first]:
            what = f"{day[row]:%Y-%m-%d} is before such examinations were made"
            yield about.said("warning", what, "correct the date, or leave the cell empty", row, column)
    if {"ecg_date", "ct_date"} <= set(people):
        apart = (people["ct_date"] - people["ecg_date"]).dt.days
        for row in people.index[apart.abs() > about.ecg_ct_days]:
            order = "before" if apart[row] > 0 else "after"
            what = (
                f"the ECG was recorded {abs(apart[row]):.0f} days {order} the image; the limit is {about.ecg_ct_days:g}"
            )
            do = "correct a date, take another ECG, or set ecg_ct_days under [check]"
            yield about.said("warning", what, do, row, "ecg_date")


# --- ECGs ---


def _unusable(about: Checked) -> Iterator[Problem]:
    """ECGs that are no use, each with the first reason; a unit that is wrong for most is one error."""
    ecgs = about.ecgs
    if ecgs.empty:
        return
    told = ecgs["usable"].astype(bool)
    for code, unit in _WRONG_UNIT.items():
        wrong = ecgs["findings"].str.contains(code)
        if wrong.mean() > 0.5:
            what = f"{DISQUALIFYING[code]} in most ECG files: QRS complexes of the wrong size"
            yield about.said("error", what, f'set unit = "{unit}" under [{about.section}]', column="ecg_path")
            told |= wrong
    for row, ecg in ecgs[~told].iterrows():
        level: Literal["error", "warning"] = "warning"
        if ecg["code"] == UNREADABLE:
            what, _, do = str(ecg["reason"]).rstrip(".").rpartition("; ")
            asked = str(ecg["file_name"]).lower().endswith(ARRAY_FILES)
            stated = next((setting for word, setting in _STATE.items() if word in what and asked), None)
            do = f"{do}; without it the row is left out"
            if stated is not None:
                level, do = "error", f"state {stated} under [{about.section}]"
        else:
            codes = [finding.rpartition(": ")[2] for finding in str(ecg["findings"]).split("; ")]
            what = f"not used: {DISQUALIFYING[next((code for code in _WRONG_UNIT if code in codes), ecg['code'])]}"
            do = "look at the recording; without another one the row is left out"
        yield about.said(level, what, do, row, "ecg_path", str(ecg["file"]))
    if not ecgs["usable"].any():
        yield about.said("error", "no ECG can be used", "look at the files named here", column="ecg_path")


def _device(about: Checked) -> Iterator[Problem]:
    """What the device printed against what is measured here."""
    for column, (most, unit) in _DEVICE.items():
        if f"device_{column}" not in about.people or column not in about.people:
            continue
        ours, theirs = (about.people[name].astype(float) for name in (column, f"device_{column}"))
        apart = (ours - theirs).abs()
        if column == "qrs_axis_deg":
            apart = apart.where(apart <= 180, 360 - apart)
        far = apart.index[apart > most]
        given = int(apart.notna().sum())
        if given >= 2 * _MIN_JUDGED and (len(far) > given / 2 or _unrelated(ours, theirs)):
            what = "most values of the device do not go with the ECGs"
            yield about.said(
                "warning", what, "see whether files and rows are shifted against each other", column=column
            )
            continue
        for row in far:
            what = f"the device says {theirs[row]:.0f} {unit}, the ECG {ours[row]:.0f} {unit}"
            yield about.said("warning", what, "see whether the file is of this person", row, column)


def _unrelated(ours: pd.Series, theirs: pd.Series) -> bool:
    both = pd.concat([ours, theirs], axis=1).dropna()
    return bool(both.iloc[:, 1].nunique() > 5 and float(both.rank().corr().to_numpy()[0, 1]) < 0.2)


PLAUSIBLE: tuple[Callable[[Checked], Iterator[Problem]], ...] = (
    *(_unusable, _index_as_mass),
    *(_one_patient, _outliers, _dates, _device),
)
"""Checks of one cohort; the first is of ECGs alone, and of rows with errors too."""
