"""What in a cohort of files cannot be, or hardly: each check is a function of the cohort that yields problems.

An error is what would stop the study or make its results wrong; what only leaves people out, or is merely odd, is a
warning. Whole columns are judged by robust statistics of each sex, so that a few odd cells do not speak for the rest.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import linregress

from lvmass.cohort.preprocessing import UNREADABLE
from lvmass.cohort.problems import Problem, what_and_do
from lvmass.cohort.schema import SEXES, Subject, bsa_mosteller_m2
from lvmass.cohort.subjects import MIN_JUDGED, nearest
from lvmass.ecg.quality import DISQUALIFYING
from lvmass.ecg.reading import ARRAY_FILES

_INDEX_G_M2 = {"female": 48.0, "male": 60.0}  # mean LVM / BSA between CT and MR, papillary muscles within
_LOW_INDEX = 0.85  # share of these below which a column of masses may be one of indices already
_TOO_LOW_INDEX = 0.7  # the same where the column rises with body size: lower than masses by any kind of image
_INDEX_SLOPE = 0.8  # log mass rises by about 1.1 a log BSA, an index hardly
_MANY_JUDGED = 100  # people of a sex
_FAR_BMI, _FAR_LVM = (-5.0, 4.5), (-5.0, 6.0)  # robust z; masses have a long upper end where hypertrophy is common
_SPREAD = 0.14  # robust SD of the logarithms, at least: fewer people may look more alike than they are
_SIZES = {  # what a person's size is told by: column, unit in words, limits of robust z, what is hardly possible
    "body mass index": ("weight_kg", "kg/m2", _FAR_BMI, (12.0, 65.0)),
    "mass": ("lvm_g", "g", _FAR_LVM, (0.0, math.inf)),
    "mass index": ("lvm_g", "g/m2", _FAR_LVM, (15.0, 250.0)),
}
_SAME_PATIENT = {  # what rows of a patient agree in: column, what else is the same, how far apart, level, in words
    "man": ("sex", [], 0.0, "error", "another sex"),
    "height_cm": ("height_cm", [], 10.0, "warning", "another height"),
    "born": ("age_years", [], 2.0, "warning", "another age, by the dates of the ECGs,"),  # may be whole numbers
    "lvm_g": ("lvm_g", ["ct_date"], 0.0, "warning", "another mass on the same day"),
}
_FIRST_YEAR = {"ecg_date": 1950, "ct_date": 1975}
_DEVICE = {"qrs_duration_ms": (50.0, "ms"), "qrs_axis_deg": (90.0, "degrees")}
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
        Every row that names a file, labelled in the same way: ``ecg_path, file``, the second as the table
        names it, and what was measured, see `lvmass.cohort.preprocessing.beats_of_block`.
    ecg_ct_days : float
        Longest time between ECG and image that needs no word.
    names : mapping of str to str
        The user's own name of a column, where it has one.
    outlines : DataFrame
        Of each usable beat, a row as `lvmass.study.duplicates.outline` makes it, labelled in the same way.
    """

    section: str
    where: str
    people: pd.DataFrame
    ecgs: pd.DataFrame = field(default_factory=pd.DataFrame)
    ecg_ct_days: float = math.inf
    names: Mapping[str, str] = field(default_factory=dict)
    outlines: pd.DataFrame = field(default_factory=pd.DataFrame)

    def said(self, level: Any, what: str, do: str, row: Any = None, column: str = "", file: str = "") -> Problem:
        """A problem of this table."""
        return Problem(level, self.where, what, do, row, self.names.get(column, column), file)

    def by_sex(self, values: pd.Series) -> Iterator[tuple[str, pd.Series]]:
        """Values of each sex that has enough of them to judge by."""
        for sex in SEXES:
            some = values[self.people["sex"] == sex].dropna()
            if len(some) >= MIN_JUDGED:
                yield sex, some

    @property
    def bsa_m2(self) -> pd.Series:
        """Body-surface area of each row."""
        size = bsa_mosteller_m2(self.people["height_cm"], self.people["weight_kg"])
        return pd.Series(size, self.people.index, dtype=float)


# --- the table as it was read, before cells are checked ---


def header_problems(table: pd.DataFrame, about: Checked) -> Iterator[Problem]:
    """Columns that are misspelt, unknown or empty, after names are ours; the schema says which required ones lack."""
    known, unknown = Subject.model_fields, []
    for name in map(str, table.columns):
        near = nearest(name, known, 0.75)
        if name in known:
            if len(table) and table[name].eq("").all() and not known[name].is_required():
                yield about.said("warning", "the column is empty", "fill it or leave it out", column=name)
        elif near is None or near in table:
            unknown.append(name)
        elif not known[near].is_required():
            what, do = f"it is not used; {near!r} looks like it", f"rename it, or see [{about.section}.columns]"
            yield about.said("warning", what, do, column=name)
    if unknown:
        do = f"leave them out, or map them under [{about.section}.columns]"
        yield about.said("warning", f"columns that nothing uses: {', '.join(unknown)[:300]}", do)


# --- people ---


def _one_patient(about: Checked) -> Iterator[Problem]:
    """What several rows of one patient say of each other."""
    people = about.people.assign(row=about.people.index, man=(about.people["sex"] == "male").astype(float))
    if "ecg_date" in people:
        people["born"] = people["ecg_date"].dt.year + people["ecg_date"].dt.day_of_year / 365.25 - people["age_years"]
    for value, (column, also, far, level, what) in _SAME_PATIENT.items():
        if {value, *also} <= set(people):
            known = people.dropna(subset=[value, *also])
            first = known.groupby(["patient_id", *also])[["row", value]].transform("first")
            for row in known.index[(known[value] - first[value]).abs() > far]:
                told = f"{what} than in row {first['row'][row]}, of the same patient"
                yield about.said(level, told, "correct it, or the patient_id of one", row, column)


def _index_as_mass(about: Checked) -> Iterator[Problem]:
    """LVM index in the place of grams: low and surely hardly rising with body size, or lower than any mass."""
    mass, found = about.people["lvm_g"], []
    for sex, index in about.by_sex(mass / about.bsa_m2):
        size = np.log(about.bsa_m2[index.index])
        line = linregress(size, np.log(mass[index.index])) if size.std() else (1.0, 0.0, 0.0, 1.0, 0.0)
        found.append((np.log(index.median() / _INDEX_G_M2[sex]), line[0], line[4], len(index)))
    if not found:
        return
    ratio, slope, error, people = np.transpose(found)
    low, flat = np.exp(ratio.mean()), slope.mean() + 1.96 * np.sqrt(np.sum(error**2)) / len(slope) < _INDEX_SLOPE
    if low < (_LOW_INDEX if flat else _TOO_LOW_INDEX):
        what = f"the whole column looks like LVM index (g/m2) in the place of grams (median {mass.median():g})"
        do = "give the mass in grams: the index times the body surface area that it was made with"
        yield about.said("error" if flat and min(people) >= _MANY_JUDGED else "warning", what, do, column="lvm_g")


def _outliers(about: Checked) -> Iterator[Problem]:
    """Body mass index, mass and mass index far from the others of the sex."""
    people = about.people
    values = {
        "body mass index": people["weight_kg"] / (people["height_cm"] / 100) ** 2,
        "mass": people["lvm_g"],
        "mass index": people["lvm_g"] / about.bsa_m2,
    }
    found: dict[tuple[str, Any], Problem] = {}
    for what, (column, unit, (low, high), (least, most)) in _SIZES.items():
        for sex, group in about.by_sex(values[what]):
            log = np.log(group) - np.log(group.median())
            z = log / max(1.4826 * log.abs().median(), _SPREAD)
            usual = "{:.3g} to {:.3g}".format(*group.quantile([0.05, 0.95]))
            for row in group.index[(z < low) | (z > high) | (group < least) | (group > most)]:
                seen = f"a {what} of {group[row]:.3g} {unit} is far from the other {sex} ones ({usual})"
                do = "check height, weight, mass and their units"
                found.setdefault((column, row), about.said("warning", seen, do, row, column))
    yield from found.values()


def _dates(about: Checked) -> Iterator[Problem]:
    """Days that are not over yet, that are too early, and ECGs long before or after the image."""
    people, tomorrow = about.people, pd.Timestamp.now().normalize() + pd.Timedelta(days=1)
    for column in [name for name in _FIRST_YEAR if name in people]:
        day = people[column]
        for row in people.index[(day > tomorrow) | (day.dt.year < _FIRST_YEAR[column])]:
            odd = "in the future" if day[row] > tomorrow else "before such examinations were made"
            do = "correct the date, or leave the cell empty"
            yield about.said("warning", f"{day[row]:%Y-%m-%d} is {odd}", do, row, column)
    if set(_FIRST_YEAR) <= set(people):
        days = (people["ct_date"] - people["ecg_date"]).dt.days
        for row in people.index[days.abs() > about.ecg_ct_days]:
            apart = f"{abs(days[row]):.0f} days {'before' if days[row] > 0 else 'after'} the image"
            what = f"the ECG was recorded {apart}; the limit is {about.ecg_ct_days:g}"
            do = "correct a date, take another ECG, or set ecg_ct_days under [check]"
            yield about.said("warning", what, do, row, "ecg_date")


# --- ECGs ---


def _unusable(about: Checked) -> Iterator[Problem]:
    """ECGs that are no use, each with the first reason; a unit that is wrong for most is one error."""
    ecgs = about.ecgs
    if ecgs.empty:
        return
    told = ecgs["usable"].astype(bool)
    if not told.any():
        yield about.said("error", "no ECG can be used", "look at the files named here", column="ecg_path")
    for code, unit in _WRONG_UNIT.items():
        wrong = ecgs["findings"].str.contains(code)
        if wrong.mean() > 0.5:
            what = f"{DISQUALIFYING[code]} in most ECG files: QRS complexes of the wrong size"
            yield about.said("error", what, f'set unit = "{unit}" under [{about.section}]', column="ecg_path")
            told |= wrong
    for row, ecg in ecgs[~told].iterrows():
        # of several reasons, a unit explains the others
        code = next((code for code in _WRONG_UNIT if code in ecg["findings"]), ecg["code"])
        level, what, do = "warning", f"not used: {DISQUALIFYING[code]}", "look at the recording"
        if code == UNREADABLE:
            what, do = what_and_do(ecg["reason"], do)
        do += "; without a usable one the row is left out"
        stated = next((setting for word, setting in _STATE.items() if word in what), None)
        if stated is not None and ecg["ecg_path"].lower().endswith(ARRAY_FILES):
            level, do = "error", f"state {stated} under [{about.section}]"
        yield about.said(level, what, do, row, "ecg_path", str(ecg["file"]))


def _device(about: Checked) -> Iterator[Problem]:
    """What the device printed against what is measured here."""
    for column in [name for name in _DEVICE if {name, f"device_{name}"} <= set(about.people)]:
        ours, theirs = (about.people[name].astype(float) for name in (column, f"device_{column}"))
        apart, (most, unit) = (ours - theirs).abs(), _DEVICE[column]
        if column == "qrs_axis_deg":
            apart = apart.where(apart <= 180, 360 - apart)
        unrelated = theirs.nunique() > 5 and ours.corr(theirs, method="spearman") < 0.2
        if apart.count() >= 2 * MIN_JUDGED and ((apart > most).sum() > apart.count() / 2 or unrelated):
            what, do = "most values of the device do not go with the ECGs", "see whether files and rows are shifted"
            yield about.said("warning", what, do, column=column)
            continue
        for row in apart.index[apart > most]:
            what = f"the device says {theirs[row]:.0f} {unit}, the ECG {ours[row]:.0f} {unit}"
            yield about.said("warning", what, "see whether the file is of this person", row, column)


_Check = Callable[[Checked], Iterator[Problem]]
PLAUSIBLE: tuple[_Check, ...] = (_unusable, _index_as_mass, _one_patient, _outliers, _dates, _device)
"""Checks of one cohort; the first is of ECGs alone, and of rows with errors too."""
