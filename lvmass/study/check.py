"""All that is wrong with a study before it runs: the study file, every row, every ECG.

Each check is a function registered in one list (`PLAUSIBLE` for a cohort, ``_STUDY`` for the study) that yields
problems; one loop runs them. ECGs are read through the study's own stage, so that `lvmass run` finds their beats.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from lvmass.cohort.folds import assign_folds
from lvmass.cohort.manifest import Cohort, _FileSource, _read_table, _resolve, shared_people
from lvmass.cohort.problems import Problem
from lvmass.cohort.schema import SEXES, validate_subjects
from lvmass.errors import DataError
from lvmass.evaluation.lvh import MIN_CLASS
from lvmass.study import steps
from lvmass.study.duplicates import alike, outline
from lvmass.study.plausible import PLAUSIBLE, Checked, header_problems, mend_units
from lvmass.study.settings import CohortConfig, StudyConfig, read_study_file
from lvmass.study.store import Store
from lvmass.study.study import beats_of_files

BOOK = "the book"
"""Where a problem stands that only says what pages will lack."""

_PEOPLE = {"female": "women", "male": "men"}
_SMALL_COHORT, _SMALL_SEX = 100, 20
_CUTOFFS_G_M2, _MANY_LVH = (30.0, 200.0), 0.6
_SAID = re.compile(
    r"(?:row (?P<row>\d+), )?(?:column (?P<column>\w+)(?:: | (?=is |app)))?(?P<what>.*)[;:] (?P<do>.*)\."
)


@dataclass(frozen=True, eq=False)
class Findings:
    """What `check_study` found.

    Parameters
    ----------
    study : str
        Name of the study.
    path : Path
        Its file.
    counts : DataFrame
        A row a cohort: ``section, label, simulated, people, ecgs, usable``; no ECG of simulated people is read.
    problems : tuple of Problem
        All of them; those of ``BOOK`` say what pages will lack.
    """

    study: str
    path: Path
    counts: pd.DataFrame
    problems: tuple[Problem, ...]


def check_study(path: str | Path) -> Findings:
    """Read a study file and all that it names, and list every problem.

    Parameters
    ----------
    path : path
        The study file.

    Returns
    -------
    Findings

    Raises
    ------
    DataError
        If the study file itself is not valid: what it means to say is not known then.

    Examples
    --------
    >>> check_study("nowhere.toml")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    lvmass.errors.DataError: nowhere.toml: cannot be read (No such file or directory); give the path of a study file...
    """
    path = Path(path)
    config = read_study_file(path)
    folder = path.absolute().parent
    store = Store(folder / config.cache_dir, config.workers or joblib.cpu_count())
    problems: list[Problem] = []
    opened: dict[str, Checked] = {}
    cohorts: dict[str, Cohort] = {}
    for section in ("development", "external") if config.external else ("development",):
        settings = config.cohort(section)
        if settings.simulate is None:
            about, found, cohort = _read_people(section, settings, folder)
            problems += found
        else:
            cohort = steps.open_cohort(settings)
            about = Checked(section, settings.label, cohort.subjects.set_axis(range(2, len(cohort) + 2)))
        opened[section] = replace(about, ecg_ct_days=config.check.ecg_ct_days)
        if cohort is not None:
            cohorts[section] = cohort
    in_files = [section for section in opened if config.cohort(section).simulate is None]
    read, shapes = _with_ecgs({section: opened[section] for section in in_files}, store, config)
    known = {section: about for section, about in (opened | read).items() if len(about.people)}
    for section, about in read.items():
        checks = PLAUSIBLE if section in known else PLAUSIBLE[:1]
        problems += [problem for check in checks for problem in check(about)]
    problems += _duplicates({section: known[section] for section in in_files if section in known}, shapes, config)
    if len(cohorts) == 2:
        allowed = config.check.allow_shared_people
        problems += shared_people(cohorts["development"], cohorts["external"], allowed=allowed)
    problems += [problem for check in _STUDY for problem in check(config, path.name, known)]
    rows = [
        {
            "section": section,
            "label": config.cohort(section).label,
            "simulated": section not in in_files,
            "people": about.people["patient_id"].nunique(),
            "ecgs": len(about.people),
            "usable": int(_usable(about).sum()),
        }
        for section, about in known.items()
    ]
    counts = pd.DataFrame(rows, columns=["section", "label", "simulated", "people", "ecgs", "usable"])
    return Findings(config.name, path, counts, tuple(dict.fromkeys(problems)))


# --- people and their ECGs ---


def _read_people(section: str, settings: CohortConfig, folder: Path) -> tuple[Checked, list[Problem], Cohort | None]:
    """Rows of a table whose cells are all right, the ECGs of all rows, and what is wrong; and the rows as a cohort."""
    path = folder / str(settings.subjects)
    names = {ours: theirs for theirs, ours in settings.columns.items()}
    about = Checked(section, str(settings.subjects), pd.DataFrame(), pd.DataFrame(), names=names)
    try:
        raw = _read_table(path).rename(columns=settings.columns)
    except DataError as error:
        what, _, do = str(error).removeprefix(f"{path}: ").rstrip(".").rpartition("; ")
        return about, [about.said("error", what, do)], None
    problems = list(header_problems(raw, about))
    raw, units = mend_units(raw, about)
    raw.index += 2
    problems += units
    try:
        people = validate_subjects(raw, about.where).set_axis(raw.index)
    except DataError as error:
        wrong = [_said(about, line) for line in str(error).splitlines()[1:]]
        problems += wrong
        rows = {problem.row for problem in wrong}
        good = raw[~raw.index.isin(rows)]
        people = pd.DataFrame() if None in rows or good.empty else validate_subjects(good, "").set_axis(good.index)
    if "ecg_path" not in raw:
        return about, problems, None
    cells = raw["ecg_path"].astype(str).str.strip()
    found = cells.map(lambda cell: _resolve(path.parent, cell) if cell else None)
    for row in raw.index[found.isna() & cells.ne("")]:
        what, do = f"there is no file {cells[row]!r} beside the table", "correct the path"
        problems.append(about.said("error", what, do, row, "ecg_path", cells[row]))
    found = found.dropna()
    sex = raw.get("sex", cells).astype(str).str.strip().str.lower()
    ecgs = pd.DataFrame(
        {
            "subject_id": raw.get("subject_id", cells).astype(str).str.strip(),
            "sex": sex.where(sex.isin(SEXES), SEXES[0]),
            "ecg_path": found.astype(str),
            "file": cells,
            "file_name": found.map(lambda file: file.name),
        },
        index=found.index,
    )
    people = people[people.index.isin(found.index)]
    source = _FileSource(tuple(found[people.index]), settings.unit, settings.sampling_rate_hz, settings.leads)
    cohort = Cohort(settings.label, people.reset_index(drop=True), False, source) if len(people) else None
    return replace(about, people=people, ecgs=ecgs), problems, cohort


def _said(about: Checked, line: str) -> Problem:
    """A line of `validate_subjects` as a problem."""
    said = _SAID.fullmatch(line)
    assert said is not None, line
    row, column = said["row"] and int(said["row"]), said["column"] or ""
    return about.said("error", said["what"], said["do"], row, column)


def _with_ecgs(
    opened: Mapping[str, Checked], store: Store, config: StudyConfig
) -> tuple[dict[str, Checked], dict[str, pd.DataFrame]]:
    """Add what is measured on ECGs; also the outline of each usable beat, a row each, by cohort."""
    jobs = {}
    for section, about in opened.items():
        settings, paths = config.cohort(section), tuple(map(Path, about.ecgs.get("ecg_path", ())))
        source = _FileSource(paths, settings.unit, settings.sampling_rate_hz, settings.leads)
        everybody = Cohort(settings.label, about.ecgs.reset_index(drop=True), False, source)
        jobs[section] = beats_of_files(everybody, config.beat) if paths else []
    store.all([job for parts in jobs.values() for job in parts])
    read, shapes = {}, {}
    for section, about in opened.items():
        if jobs[section]:
            tables, outlines = [], []
            for job in jobs[section]:  # the beats of one block in memory at a time
                table, waveform_mv = store.get(job)
                tables.append(table.drop(columns=["subject_id", "criteria"]))
                outlines.append(outline(waveform_mv))
            measured = pd.concat(tables, ignore_index=True).set_axis(about.ecgs.index)
            shapes[section] = pd.DataFrame(np.concatenate(outlines), index=measured.index[measured["usable"]])
            people = about.people.rename(columns={name: f"device_{name}" for name in measured if name in about.people})
            ecgs = about.ecgs.drop(columns=["subject_id", "sex"]).join(measured)
            people = people.drop(columns="ecg_path", errors="ignore").join(ecgs)
            about = replace(about, people=people, ecgs=ecgs)
        read[section] = about
    return read, shapes


def _duplicates(
    checked: Mapping[str, Checked], shapes: Mapping[str, pd.DataFrame], config: StudyConfig
) -> Iterator[Problem]:
    """One file in two rows, one ECG under two names, and ECGs that are copies of each other."""
    tables = [about.people.assign(section=section) for section, about in checked.items() if section in shapes]
    if not tables:
        return
    ecgs = pd.concat(tables)
    ecgs = ecgs.assign(row=ecgs.index).reset_index(drop=True)
    for _, same in ecgs[ecgs.duplicated("ecg_path", keep=False)].groupby(["section", "ecg_path"]):
        for _, later in same.iloc[1:].iterrows():
            what, do = f"the same file as in row {same['row'].iloc[0]}", "give each row an ECG of its own"
            about = checked[later["section"]]
            yield about.said("error", what, do, later["row"], "ecg_path", later["file"])
    own = ecgs.drop_duplicates("ecg_path")
    same = own[own["ecg_hash"].ne("") & own["ecg_hash"].duplicated(keep=False)]
    for _, copies in same.groupby("ecg_hash", sort=False):
        for _, later in copies.iloc[1:].iterrows():
            yield from _copied(checked, config, copies.iloc[0], later, "the samples of the ECG are those of")
    usable = ecgs[ecgs["usable"].astype(bool)].reset_index(drop=True)
    beats = [shapes[str(section)].loc[rows["row"]] for section, rows in usable.groupby("section", sort=False)]
    for i, j in alike(np.concatenate(beats), usable["heart_rate_bpm"].tolist()) if beats else ():
        one, other = usable.iloc[i], usable.iloc[j]
        if one["ecg_hash"] != other["ecg_hash"] and one["patient_id"] != other["patient_id"]:
            yield from _copied(checked, config, one, other, "the ECG looks like another copy of that of")


def _copied(
    checked: Mapping[str, Checked], config: StudyConfig, one: pd.Series, other: pd.Series, what: str
) -> Iterator[Problem]:
    """Say that two rows hold one ECG."""
    about, patients = checked[other["section"]], one["patient_id"] == other["patient_id"]
    if one["section"] != other["section"]:
        if not patients:  # shared patients are told of once
            level: Any = "warning" if config.check.allow_shared_people else "error"
            seen = f"{what} row {one['row']} of {checked[one['section']].where}"
            yield about.said(level, seen, "leave it in one cohort", other["row"], "ecg_path", other["file"])
    elif patients:
        seen, do = f"{what} row {one['row']}, the same patient", "leave one row out"
        yield about.said("warning", seen, do, other["row"], "ecg_path", other["file"])
    else:
        seen, do = f"{what} row {one['row']}, another patient", "find out whose it is, or give both one patient_id"
        level = "error" if one["ecg_hash"] == other["ecg_hash"] else "warning"
        yield about.said(level, seen, do, other["row"], "ecg_path", other["file"])


# --- the study ---


def _cutoffs(config: StudyConfig, study: str, checked: Mapping[str, Checked]) -> Iterator[Problem]:
    """Cut-offs that are in another unit, or exchanged."""
    low, high = _CUTOFFS_G_M2
    for sex, cutoff in config.lvh.cutoffs_g_m2.items():
        if not low <= cutoff <= high:
            what = f"the cut-off of {cutoff:g} is no LVM index"
            yield Problem("error", study, what, f"give g/m2, {low:g} to {high:g}", column=f"lvh.{sex}_g_m2")
    if config.lvh.male_g_m2 < config.lvh.female_g_m2:
        what = f"the men's cut-off ({config.lvh.male_g_m2:g}) is below the women's ({config.lvh.female_g_m2:g})"
        yield Problem("warning", study, what, "see whether they are exchanged", column="lvh.male_g_m2")
    for about in checked.values():
        share = _lvh(about, config).mean()
        if share > _MANY_LVH and low <= min(config.lvh.cutoffs_g_m2.values()):
            what = f"{100 * share:.0f} % have LVH by the study's cut-offs"
            yield about.said("warning", what, "see whether masses and cut-offs are of one kind of image")


def _lvh(about: Checked, config: StudyConfig) -> pd.Series:
    """Who has LVH."""
    return about.people["lvm_g"] / about.bsa_m2 > about.people["sex"].map(config.lvh.cutoffs_g_m2)


def _usable(about: Checked) -> pd.Series:
    return about.people.get("usable", pd.Series(True, about.people.index)).astype(bool)


def _few(config: StudyConfig, study: str, checked: Mapping[str, Checked]) -> Iterator[Problem]:
    """Too few people, of a sex, or with LVH, in cohorts that the user did not choose the size of."""
    for about in checked.values():
        if config.cohort(about.section).simulate is not None or not _usable(about).any():
            continue
        people = about.people[_usable(about)]
        by_sex = people.groupby("sex")["patient_id"].nunique()
        listed = ", ".join(f"{n} {_PEOPLE[str(sex)]}" for sex, n in by_sex.items())
        if by_sex.sum() < _SMALL_COHORT or by_sex.min() < _SMALL_SEX:
            what = f"{listed} are few: intervals will be wide and some tests not made"
            yield about.said("warning", what, "add people, if you can", column="sex")
        for sex in set(SEXES) - set(by_sex.index):
            lacks = f"chapters 1, 4, 5 and 7: {_PEOPLE[sex]}, and the comparison of sexes"
            yield Problem("warning", BOOK, lacks, f"{about.where} has none")
        if about.bsa_m2[people.index].isna().all():
            lacks = "chapters 1, 5 and 7: LVM index and all about LVH"
            yield Problem("warning", BOOK, lacks, f"{about.where} has no height and weight")
            continue
        lvh = _lvh(about, config)[people.index]
        with_lvh = people[lvh].groupby("sex")["patient_id"].nunique().reindex(by_sex.index, fill_value=0)
        without = people[~lvh].groupby("sex")["patient_id"].nunique().reindex(by_sex.index, fill_value=0)
        for kind, counts in (("with", with_lvh), ("without", without)):
            few = [sex for sex in counts.index if counts[sex] < MIN_CLASS]
            if few:
                whose = "" if len(few) == len(counts) else f" of {_PEOPLE[few[0]]}"
                lacks = f"chapters 5 and 7: c-statistics, ROC and decision curves{whose}"
                listed = " and ".join(f"{counts[sex]} of {by_sex[sex]} {_PEOPLE[sex]}" for sex in few)
                why = f"in {about.where}, {listed} are {kind} LVH by the study's cut-offs; {MIN_CLASS} are needed"
                yield Problem("warning", BOOK, lacks, why)


def _folds(config: StudyConfig, study: str, checked: Mapping[str, Checked]) -> Iterator[Problem]:
    """Folds that cannot be drawn, or that hold nobody with LVH."""
    about = checked.get("development")
    if about is None or not _usable(about).any():
        return
    people, number = about.people, config.folds.n
    hashes = people.get("ecg_hash", people["patient_id"]).tolist()
    try:
        fold = assign_folds(people, hashes, number, config.folds.seed)
    except (DataError, ValueError) as error:
        what, _, do = str(error).rstrip(".").rpartition("; ")
        yield about.said("error", what or str(error), do or "use fewer folds or more people")
        return
    with_lvh, usable = _lvh(about, config), _usable(about)
    none = [k for k in range(1, number + 1) if not with_lvh[usable & (fold == k)].any()]
    if none and with_lvh.any():
        lacks = f"chapter 5: the c-statistic of {'fold' if len(none) == 1 else 'folds'} {', '.join(map(str, none))}"
        yield Problem("warning", BOOK, lacks, "nobody there has LVH; use fewer folds or another seed under [folds]")


def _pages(config: StudyConfig, study: str, checked: Mapping[str, Checked]) -> Iterator[Problem]:
    """What chapters lack because the study file does not ask for it."""
    networks = [model for model in config.models.values() if model.is_network]
    lacking = {
        "chapter 7: external validation": (config.external is None, "there is no table [external]"),
        "chapters 3 and 6: training and saliency": (not networks, "no model is a network"),
        "chapter 3: the encoder": (
            all(model.estimator != "elvmass-net" for model in networks),
            "no model is elvmass-net",
        ),
        "chapter 4: comparison": (len(config.models) == 1, "there is one model only"),
        "chapter 5: the gap between pooled and sex-specific models, taken apart": (
            not config.trained_both_ways,
            'no model has training = ["pooled", "sex-specific"]',
        ),
    }
    for lacks, (yes, why) in lacking.items():
        if yes:
            yield Problem("warning", BOOK, lacks, why)


_Check = Callable[[StudyConfig, str, Mapping[str, Checked]], Iterator[Problem]]
_STUDY: Sequence[_Check] = (_cutoffs, _few, _folds, _pages)
