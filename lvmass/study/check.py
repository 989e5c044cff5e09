"""All that is wrong with a study before it runs: the study file, every row, every ECG.

Each check is a function registered in one list (`PLAUSIBLE` for a cohort, ``_STUDY`` for the study) that yields
problems; one loop runs them. ECGs are read through the study's own stage, so that `lvmass run` finds their beats.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from lvmass.cohort.covariates import covariate_names
from lvmass.cohort.folds import assign_folds
from lvmass.cohort.hashes import FileHashes
from lvmass.cohort.manifest import Cohort, _FileSource, find_ecgs, shared_people
from lvmass.cohort.preprocessing import SIGNAL_SECONDS
from lvmass.cohort.problems import Problem
from lvmass.cohort.schema import SEXES, Subject
from lvmass.cohort.subjects import EXCLUSION_WORDS, _renamed, check_subjects
from lvmass.cohort.table import read_table
from lvmass.errors import DataError
from lvmass.evaluation.lvh import MIN_CLASS, above_cutoff
from lvmass.networks.registry import build_network
from lvmass.study import steps
from lvmass.study.duplicates import alike, outline
from lvmass.study.plausible import PLAUSIBLE, Checked, header_problems, units_of_columns
from lvmass.study.settings import CohortConfig, StudyConfig, read_study_file
from lvmass.study.store import Store
from lvmass.study.study import beats_of_files

BOOK = "the book"
"""Where a problem stands that only says what pages will lack."""

_PEOPLE = {"female": "women", "male": "men"}
_SMALL_COHORT, _SMALL_SEX = 100, 20
_CUTOFFS_G_M2, _MANY_LVH = (30.0, 200.0), 0.6
_NEEDED = [name for name, field in Subject.model_fields.items() if field.is_required()]
_COLUMN_OF = {f"no_{name.split('_')[0]}": name for name in _NEEDED}  # as exclusions are coded


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
    lvmass.errors.DataError: nowhere.toml: there is no file 'nowhere.toml'...; give the path of a study file (TOML).
    """
    path = Path(path)
    config = read_study_file(path)
    folder = path.parent
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
        hashes = FileHashes(store.folder / "files.json")
        problems += shared_people(cohorts["development"], cohorts["external"], hashes, allowed=allowed)
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
    """Rows of a table that have all that is needed, their ECGs, and what is wrong; and the rows as a cohort."""
    where, path = str(settings.subjects), folder / str(settings.subjects)
    about = Checked(section, where, pd.DataFrame())
    table, problems = read_table(path)
    if table is None:
        return about, [replace(problem, where=where) for problem in problems], None
    named, theirs, _ = _renamed(table, where, settings.columns)
    about = replace(about, names=theirs)
    units, wrong_units = units_of_columns(named, about, settings.units)
    problems += [*header_problems(named, about), *wrong_units]
    written: dict[str, Any] = {
        "columns": settings.columns,
        "codes": settings.codes,
        "missing": settings.missing.model_dump(),
    }
    subjects, excluded, found = check_subjects(table, where, units=settings.units | units, **written)
    mistaken = {problem.column for problem in wrong_units} - set(units)  # as a whole: no word on its cells
    problems += [problem for problem in found if problem.column not in mistaken]
    for _, row in excluded.iterrows():
        what, column = f"left out: {EXCLUSION_WORDS[row['code']]}", _COLUMN_OF[row["code"]]
        problems.append(about.said("warning", what, "complete it, or see [missing]", row["row"], column))
    if subjects.empty or "ecg_path" not in subjects:
        return about, problems, None
    files = folder / settings.ecg_folder if settings.ecg_folder else path.parent
    paths, absent = find_ecgs(subjects, where, files, theirs["ecg_path"])
    problems += absent
    there = [file is not None for file in paths]
    found_paths = [file for file in paths if file is not None]
    subjects = subjects[there].assign(
        file=subjects["ecg_path"][there],
        file_name=[file.name for file in found_paths],
        ecg_path=[str(file) for file in found_paths],
    )
    subjects = subjects.set_axis([int(row) for row in subjects["table_row"]])
    lacking = [name for name in _NEEDED if name not in subjects]
    people = pd.DataFrame()
    if not lacking:
        imputed = {name for name, how in settings.missing if how == "impute"}
        people = subjects.dropna(subset=[name for name in _NEEDED if name not in imputed])
        people = people.drop_duplicates("subject_id").drop(columns=["file", "file_name"])
    ids, sex = (subjects.get(name, pd.Series(None, subjects.index, dtype=object)) for name in ("subject_id", "sex"))
    ecgs = subjects[["ecg_path", "file", "file_name"]].assign(
        subject_id=ids.fillna(""), sex=sex.where(sex.isin(SEXES), SEXES[0])
    )
    source = _source(settings, people.get("ecg_path", ()))
    cohort = Cohort(settings.label, people.reset_index(drop=True), False, source) if len(people) else None
    return replace(about, people=people, ecgs=ecgs), problems, cohort


def _source(settings: CohortConfig, paths: Iterable[str]) -> _FileSource:
    return _FileSource(tuple(map(Path, paths)), settings.unit, settings.sampling_rate_hz, settings.leads)


def _with_ecgs(
    opened: Mapping[str, Checked], store: Store, config: StudyConfig
) -> tuple[dict[str, Checked], dict[str, pd.DataFrame]]:
    """Add what is measured on ECGs; also the outline of each usable beat, a row each, by cohort."""
    jobs = {}
    hashes = FileHashes(store.folder / "files.json")
    for section, about in opened.items():
        source = _source(config.cohort(section), about.ecgs.get("ecg_path", ()))
        everybody = Cohort(section, about.ecgs.reset_index(drop=True), False, source)
        jobs[section] = beats_of_files(everybody, config.beat, hashes) if len(everybody) else []
    hashes.save()
    store.all([job for parts in jobs.values() for job in parts])
    read, shapes = {}, {}
    for section, about in opened.items():
        if jobs[section]:
            tables, outlines = [], []
            for job in jobs[section]:  # the beats of one block in memory at a time
                table, waveform_mv = store.get(job)
                tables.append(table.drop(columns="criteria"))
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
        modality, of = config.cohort(about.section).modality, re.search(r"\((CT|MR|echo)\b", config.lvh.source)
        if modality and of and of[1] != modality:
            what = f"the cut-offs are of {of[1]} ({config.lvh.source}), the masses of {modality}"
            do = "take cut-offs of one modality with the masses"
            yield Problem("warning", study, what, do, column="lvh.source")
        lvh = _lvh(about, config)
        share = lvh.mean() if len(lvh) else 0.0
        if share > _MANY_LVH and low <= min(config.lvh.cutoffs_g_m2.values()):
            what = f"{100 * share:.0f} % have LVH by the study's cut-offs"
            yield about.said("warning", what, "see whether masses and cut-offs are of one kind of image")


def _lvh(about: Checked, config: StudyConfig) -> pd.Series:
    """Who has LVH, among those of whom it is known."""
    return above_cutoff(about.people.assign(bsa_m2=about.bsa_m2), config.lvh.cutoffs_g_m2).dropna().astype(bool)


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
        lvh = _lvh(about, config)
        for kind, those in (("with", lvh), ("without", ~lvh)):
            some = people[people.index.isin(lvh.index[those])]
            counts = some.groupby("sex")["patient_id"].nunique().reindex(by_sex.index, fill_value=0)
            few = [sex for sex in counts.index if counts[sex] < MIN_CLASS]
            if few:
                whose = "" if len(few) == len(counts) else f" of {_PEOPLE[few[0]]}"
                lacks = f"chapters 5 and 7: c-statistics, ROC and decision curves{whose}"
                listed = " and ".join(f"{counts[sex]} of {by_sex[sex]} {_PEOPLE[sex]}" for sex in few)
                why = f"in {about.where}, {listed} are {kind} LVH by the study's cut-offs; {MIN_CLASS} are needed"
                yield Problem("warning", BOOK, lacks, why)


def _networks(config: StudyConfig, study: str, checked: Mapping[str, Checked]) -> Iterator[Problem]:
    """Networks that cannot be built for their input."""
    for name, model in config.models.items():
        if model.is_network:
            n_samples = (model.beat or config.beat).n_samples
            if model.reads_signal:
                n_samples = round(SIGNAL_SECONDS * config.signal_rate_hz)
            try:
                build_network(model.estimator, 2 * len(covariate_names(model.covariates)), n_samples, **model.arguments)
            except (ValueError, RuntimeError) as error:
                what, _, do = str(error).rstrip(".").rpartition("; ")
                do = do if what else "change its arguments or its input"
                yield Problem("error", study, what or str(error), do, column=f"models.{name}")


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
    lvh = _lvh(about, config)
    folds = set(fold[people.index.isin(lvh.index[lvh]) & _usable(about)].tolist())
    none = [k for k in range(1, number + 1) if k not in folds]
    if none and folds:
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
_STUDY: Sequence[_Check] = (_cutoffs, _networks, _few, _folds, _pages)
