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
from lvmass.cohort.manifest import Cohort, FileSource, read_subjects, shared_people
from lvmass.cohort.preprocessing import SIGNAL_SECONDS
from lvmass.cohort.problems import Problem, what_and_do
from lvmass.cohort.schema import SEXES, Subject
from lvmass.cohort.subjects import EXCLUSION_WORDS
from lvmass.ecg.beats import BeatConfig
from lvmass.errors import DataError
from lvmass.evaluation.lvh import MIN_CLASS, above_cutoff
from lvmass.networks.registry import build_network
from lvmass.study import steps
from lvmass.study.duplicates import alike, outline
from lvmass.study.plausible import PLAUSIBLE, Checked, header_problems
from lvmass.study.settings import CohortConfig, StudyConfig, read_study_file
from lvmass.study.store import Store
from lvmass.study.study import beats_of_files

BOOK = "the book"
"""Where a problem stands that only says what pages will lack."""

COUNTED = ["section", "label", "simulated", "people", "ecgs", "usable"]
"""Columns of `Findings.counts`."""

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
        A row a cohort: ``COUNTED``; no ECG of simulated people is read.
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
    store = Store(path.parent / config.cache_dir, config.workers or joblib.cpu_count())
    hashes = FileHashes(store.folder / "files.json")
    problems, counts = list[Problem](), list[tuple[Any, ...]]()
    known, cohorts = dict[str, Checked](), dict[str, Cohort]()
    for section in config.cohort_names():
        settings = config.cohort(section)
        if settings.simulate is None:
            about, found = _read_people(section, settings, path.parent)
            about = replace(about, ecg_ct_days=config.check.ecg_ct_days)
            about = _with_ecgs(about, settings, store, config.beat, hashes)
            checks = PLAUSIBLE if len(about.people) else PLAUSIBLE[:1]
            problems += [*found, *(problem for check in checks for problem in check(about))]
            cohort = Cohort(settings.label, about.people, False, _source(settings, about.people.get("ecg_path", ())))
        else:
            cohort = steps.open_cohort(settings)
            about = Checked(section, settings.label, cohort.subjects.set_axis(range(2, len(cohort) + 2)))
        if len(cohort):
            known[section], cohorts[section], n = about, cohort, about.people["patient_id"].nunique()
            counts.append((section, cohort.name, cohort.simulated, n, len(cohort), int(_usable(about).sum())))
    problems += [problem for check in _STUDY for problem in check(config, path.name, known)]
    if len(cohorts) == 2:
        ours, theirs = cohorts.values()
        problems += shared_people(ours, theirs, hashes, allowed=config.check.allow_shared_people)
    return Findings(config.name, path, pd.DataFrame(counts, columns=COUNTED), tuple(dict.fromkeys(problems)))


# --- people and their ECGs ---


def _read_people(section: str, settings: CohortConfig, folder: Path) -> tuple[Checked, list[Problem]]:
    """Rows of a table that have all that is needed, their ECGs, and what is wrong."""
    where, missing = str(settings.subjects), settings.missing.model_dump()
    written: dict[str, Any] = {"columns": settings.columns, "units": settings.units, "codes": settings.codes}
    ecg_folder = settings.ecg_folder and folder / settings.ecg_folder
    read = read_subjects(folder / where, where=where, ecg_folder=ecg_folder, missing=missing, **written)
    about = Checked(section, where, pd.DataFrame(), names=read.names)

    def named(words: str) -> str:
        """Tables of the study file by their whole name."""
        return re.sub(r"\[(columns|units|codes)\]", rf"[{section}.\1]", words)

    problems = [replace(each, what=named(each.what), do=named(each.do)) for each in read.problems]
    problems += header_problems(read.text, about)
    for _, row in read.excluded.iterrows():
        what, column = f"left out: {EXCLUSION_WORDS[row['code']]}", _COLUMN_OF[row["code"]]
        problems.append(about.said("warning", what, "complete it, or see [missing]", row["row"], column))
    if "ecg_path" not in read.subjects:
        return about, problems
    subjects = read.subjects[read.subjects["ecg_path"] != ""].set_index("table_row", drop=False).rename_axis(None)
    sex = subjects.get("sex", pd.Series("", subjects.index))
    ecgs = pd.DataFrame({"ecg_path": subjects["ecg_path"], "sex": sex.where(sex.isin(SEXES), SEXES[0]).astype(object)})
    people = pd.DataFrame()
    if set(_NEEDED) <= set(subjects):
        needed = [name for name in _NEEDED if missing.get(name) != "impute"]
        people = subjects.dropna(subset=needed).drop_duplicates("subject_id").drop(columns="ecg_path")
    return replace(about, people=people, ecgs=ecgs.join(read.text["ecg_path"].rename("file"))), problems


def _with_ecgs(about: Checked, settings: CohortConfig, store: Store, beat: BeatConfig, hashes: FileHashes) -> Checked:
    """Add what is measured on ECGs, and the outline of each usable beat."""
    if about.ecgs.empty:
        return about
    cohort = Cohort(about.section, about.ecgs.reset_index(drop=True), False, _source(settings, about.ecgs["ecg_path"]))
    jobs = beats_of_files(cohort, beat, hashes)
    hashes.save()
    store.all(jobs)
    tables, outlines = [], list[Any]()
    for table, waveform_mv in map(store.get, jobs):  # the beats of one block in memory at a time
        tables.append(table.drop(columns="criteria"))
        outlines.append(outline(waveform_mv))
    measured = pd.concat(tables, ignore_index=True).set_axis(about.ecgs.index)
    ecgs = about.ecgs.drop(columns="sex").join(measured)
    people = about.people.rename(columns={name: f"device_{name}" for name in measured}).join(ecgs)
    beats = pd.DataFrame(np.concatenate(outlines), index=measured.index[measured["usable"]])
    return replace(about, people=people, ecgs=ecgs, outlines=beats)


def _source(settings: CohortConfig, paths: Iterable[str]) -> FileSource:
    reading = settings.model_dump(include={"unit", "sampling_rate_hz", "leads"})
    return FileSource(tuple(map(Path, paths)), reading)


def _duplicates(config: StudyConfig, study: str, checked: Mapping[str, Checked]) -> Iterator[Problem]:
    """One file in two rows, one ECG under two names, and ECGs that are copies of each other."""
    read = [about for about in checked.values() if not about.ecgs.empty]
    if not read:
        return
    tables = [about.people.assign(section=about.section, row=about.people.index) for about in read]
    ecgs = pd.concat(tables, ignore_index=True)
    rows = ecgs[["section", "row", "patient_id", "ecg_path", "file", "ecg_hash"]].to_dict("records")
    position = ecgs.index.to_series()
    first = position.groupby(ecgs["ecg_hash"]).transform("first")
    pairs = [(first[i], i) for i in position[(first != position) & (ecgs["ecg_hash"] != "")]]
    usable = position[ecgs["usable"].astype(bool)].to_numpy()
    if len(usable):
        beats = [about.outlines.loc[about.people.index[_usable(about)]] for about in read]
        found = alike(np.concatenate(beats), ecgs["heart_rate_bpm"][usable].tolist())
        near = ((usable[i], usable[j]) for i, j in found)
        pairs += [(i, j) for i, j in near if rows[i]["ecg_hash"] != rows[j]["ecg_hash"]]
    shared = "warning" if config.check.allow_shared_people else "error"
    for one, other in ((rows[i], rows[j]) for i, j in pairs):
        same, patients = one["ecg_hash"] == other["ecg_hash"], one["patient_id"] == other["patient_id"]
        across = one["section"] != other["section"]
        if patients and (across or not same):
            continue  # shared patients are told of once; two days' ECGs of a patient may look alike
        what = "the samples of the ECG are those of" if same else "the ECG looks like another copy of that of"
        if one["ecg_path"] == other["ecg_path"]:
            what = "the same file as in"
        level, whose, do = "warning", ", the same patient", "leave one row out"
        if across:
            level, whose, do = shared, f" of {checked[one['section']].where}", "leave it in one cohort"
        elif not patients:
            level, whose = "error" if same else "warning", ", another patient"
            do = "find out whose it is, or give both one patient_id"
        what = f"{what} row {one['row']}{whose}"
        yield checked[other["section"]].said(level, what, do, other["row"], "ecg_path", other["file"])


# --- the study ---


def _cutoffs(config: StudyConfig, study: str, checked: Mapping[str, Checked]) -> Iterator[Problem]:
    """Cut-offs that are in another unit, or exchanged."""
    (low, high), cutoffs = _CUTOFFS_G_M2, config.lvh.cutoffs_g_m2
    for sex, cutoff in cutoffs.items():
        if not low <= cutoff <= high:
            what = f"the cut-off of {cutoff:g} is no LVM index"
            yield Problem("error", study, what, f"give g/m2, {low:g} to {high:g}", column=f"lvh.{sex}_g_m2")
    if cutoffs["male"] < cutoffs["female"]:
        what = f"the men's cut-off ({cutoffs['male']:g}) is below the women's ({cutoffs['female']:g})"
        yield Problem("warning", study, what, "see whether they are exchanged", column="lvh.male_g_m2")
    for about in checked.values():
        modality, of = config.cohort(about.section).modality, re.search(r"\((CT|MR|echo)\b", config.lvh.source)
        if modality and of and of[1] != modality:
            what = f"the cut-offs are of {of[1]} ({config.lvh.source}), the masses of {modality}"
            do = "take cut-offs of one modality with the masses"
            yield Problem("warning", study, what, do, column="lvh.source")
        share = _lvh(about, config).mean()
        if share > _MANY_LVH and low <= min(cutoffs.values()):
            what = f"{100 * share:.0f} % have LVH by the study's cut-offs"
            yield about.said("warning", what, "see whether masses and cut-offs are of one kind of image")


def _lvh(about: Checked, config: StudyConfig) -> pd.Series:
    """Who has LVH, among those with a usable ECG of whom it is known."""
    people = about.people.assign(bsa_m2=about.bsa_m2)[_usable(about)]
    return above_cutoff(people, config.lvh.cutoffs_g_m2).dropna().astype(bool)


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
        for none in sorted({*SEXES} - {*by_sex.index}):
            lacks = f"chapters 1, 4, 5 and 7: {_PEOPLE[none]}, and the comparison of sexes"
            yield Problem("warning", BOOK, lacks, f"{about.where} has none")
        if about.bsa_m2[people.index].isna().all():
            lacks = "chapters 1, 5 and 7: LVM index and all about LVH"
            yield Problem("warning", BOOK, lacks, f"{about.where} has no height and weight")
            continue
        lvh = people["patient_id"].groupby([people["sex"], _lvh(about, config)]).nunique()
        for sex, n in by_sex.items():
            for kind, yes in (("with", True), ("without", False)):
                if lvh.get((sex, yes), 0) < MIN_CLASS:
                    lacks = f"chapters 5 and 7: c-statistics, ROC and decision curves of {_PEOPLE[str(sex)]}"
                    why = f"{lvh.get((sex, yes), 0)} of {n} in {about.where} are {kind} LVH by the study's cut-offs"
                    yield Problem("warning", BOOK, lacks, f"{why}; {MIN_CLASS} are needed")


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
                told = what_and_do(error, "change its arguments or its input")
                yield Problem("error", study, *told, column=f"models.{name}")


def _folds(config: StudyConfig, study: str, checked: Mapping[str, Checked]) -> Iterator[Problem]:
    """Folds that cannot be drawn, or that hold nobody with LVH."""
    about = checked.get("development")
    if about is None or not _usable(about).any():
        return
    people = about.people
    hashes = people.get("ecg_hash", people["patient_id"]).tolist()
    try:
        fold = pd.Series(assign_folds(people, hashes, config.folds.n, config.folds.seed), people.index)
    except (DataError, ValueError) as error:
        yield about.said("error", *what_and_do(error, "use fewer folds or more people"))
        return
    lvh = _lvh(about, config)
    none = sorted(set(fold) - set(fold[lvh.index[lvh]]))
    if none and lvh.any():
        lacks = f"chapter 5: the c-statistic of fold {', '.join(map(str, none))}"
        yield Problem("warning", BOOK, lacks, "nobody there has LVH; use fewer folds or another seed under [folds]")


def _pages(config: StudyConfig, study: str, checked: Mapping[str, Checked]) -> Iterator[Problem]:
    """What chapters lack because the study file does not ask for it."""
    networks = {model.estimator for model in config.models.values() if model.is_network}
    lacking = [
        (config.external is None, "chapter 7: external validation", "there is no table [external]"),
        (not networks, "chapters 3 and 6: training and saliency", "no model is a network"),
        ("elvmass-net" not in networks, "chapter 3: the encoder", "no model is elvmass-net"),
        (len(config.models) == 1, "chapter 4: comparison", "there is one model only"),
        (not config.trained_both_ways, "chapter 5: the gap, taken apart", "no model is pooled and sex-specific"),
    ]
    yield from (Problem("warning", BOOK, lacks, why) for yes, lacks, why in lacking if yes)


_Check = Callable[[StudyConfig, str, Mapping[str, Checked]], Iterator[Problem]]
_STUDY: Sequence[_Check] = (_duplicates, _cutoffs, _networks, _few, _folds, _pages)
