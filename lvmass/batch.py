"""Many ECGs in, a table or a page for each out: in parallel, row by row, and going on where a killed run stopped."""

import logging
import mimetypes
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import IO, Any

import joblib
import pandas as pd

from lvmass.cohort.manifest import find_ecgs, is_no_ecg, read_as_stated, record_files
from lvmass.cohort.problems import refuse
from lvmass.cohort.subjects import EXCLUSION_WORDS, check_subjects, folded
from lvmass.cohort.table import read_table
from lvmass.ecg.reading import ARRAY_FILES
from lvmass.ecg.recording import Recording
from lvmass.errors import DataError
from lvmass.evaluation.results import safe_csv
from lvmass.files import whole_file
from lvmass.prediction import PERSON, PRETRAINED, Estimate, Examined, estimates, examined, load_predictor
from lvmass.study.settings import read_study_file
from lvmass.study.store import Job, Store

LOG = logging.getLogger(__name__)

BLOCK = 32
"""ECGs a job: less than a second of work, and what a killed run loses of each process."""

AT_ONCE = 16384
"""ECGs whose rows are in memory at the same time."""

_ROOMS = ("ecg", "cohort", "networks", "training", "report", "prediction.py", "batch.py", "errors.py")
_PRINTED = {
    "lvm_g": "predicted_lvm_g",
    "lvm_low_g": "lower_g",
    "lvm_high_g": "upper_g",
    "lvmi_g_m2": "predicted_lvmi_g_m2",
    "lvmi_low_g_m2": "lower_g_m2",
    "lvmi_high_g_m2": "upper_g_m2",
}  # what the predictions of a study call them: lvm_g is a measured mass there

# --- who ---


def people_in_files(paths: Sequence[Path], person: Mapping[str, Any], written: Collection[Path] = ()) -> pd.DataFrame:
    """List ECG files, and those in folders, as one row each; all get the same person.

    Of a WFDB record the header stands for all its files. Of a folder, hidden files, links and what is ``written`` are
    left out, and so are tables of people, notes and files with an ending of no ECG; a line of the log counts them.

    Raises
    ------
    DataError
        If sex, age, height or weight is not given, or there is no file.
    """
    lacking = ", ".join(name for name in PERSON if person.get(name) is None)
    if lacking:
        raise DataError(f"{paths[0]}: {lacking} of these people are not known; give a table of people with --table.")
    done = {file.resolve() for file in written}
    there = [
        (str(path.relative_to(folder)), path)
        for folder in paths
        if folder.is_dir()
        for path in _files_in(folder)
        if path.resolve() not in done
    ]
    endings = _endings()
    files = [file for file in there if file[1].suffix.lower() in endings or file[1].suffix[1:].isdigit()]
    files = [file for file in files if not is_no_ecg(file[1])] or files
    if others := {path for _, path in there} - {path for _, path in files}:
        # a file's name may be a patient's, and so may what follows its last point
        kinds = {"": "without ending"} | {ending: ending for ending in mimetypes.types_map}
        counted = Counter(kinds.get(path.suffix.lower(), "others") for path in others)
        LOG.info("no ECGs, left out: %s", ", ".join(f"{n} {kind}" for kind, n in sorted(counted.items())))
    files += [(str(path), path) for path in paths if not path.is_dir()]
    if not files:
        raise DataError(f"{paths[0]}: there is no ECG file in this folder; give the folder of the ECGs.")
    table = pd.DataFrame(files, columns=["file", "ecg_path"])
    return table.assign(ecg_path=table["ecg_path"].astype(str), **{name: person[name] for name in PERSON})


def _files_in(folder: Path) -> Iterator[Path]:
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    parts = {part for path in files if path.suffix == ".hea" for part in _parts(path)[1:]}
    for path in files:
        of_wfdb = path.suffix == ".dat" and path.with_suffix(".hea").is_file()
        if not (of_wfdb or str(path) in parts):
            yield path


def _endings() -> set[str]:
    """Endings that ECG files have; those of DICOM lack one, or it is a number."""
    from ecgdatakit import FileParser

    return {"", *ARRAY_FILES, *(ending for each in FileParser.supported_formats() for ending in each["extensions"])}


def _parts(path: Path) -> list[str]:
    """All files of an ECG; of a WFDB header that cannot be read, itself: reading it says why."""
    try:
        return record_files(path)
    except DataError:
        return [str(path)]


def people_in_table(path: Path, person: Mapping[str, Any], study_file: Path | None = None) -> pd.DataFrame:
    """Read a subjects table that needs no mass: one row an ECG; what is wrong with a row is its ``error``.

    Parameters
    ----------
    path : Path
        As a study takes it, with the columns ``subject_id, ecg_path, sex, age_years, height_cm, weight_kg``.
    person : mapping
        Values for everybody, of columns that the table lacks.
    study_file : Path, optional
        A study whose development table is written in the same way: names, units and codes, and the folder of the ECGs;
        without it, ECG files lie in the table's folder.

    Raises
    ------
    DataError
        If it cannot be read, lacks a column, or a column as a whole is not clear.
    """
    given = {name: value for name, value in person.items() if value is not None}
    read, problems = read_table(path)
    refuse(problems)
    assert read is not None
    folder, written = path.parent, dict[str, dict[str, Any]]()
    if study_file is not None:
        of, header = read_study_file(study_file).development, {folded(str(name)) for name in read}
        names = {own: name for own, name in of.columns.items() if folded(own) in header}
        written = {"columns": names, "units": of.units, "codes": of.codes}
        folder = folder if of.ecg_folder is None else study_file.parent / of.ecg_folder
    checked = check_subjects(read, str(path), unneeded={"lvm_g", *given}, **written)
    subjects, excluded, problems, _, theirs = checked
    wanted = [name for name in ("subject_id", "ecg_path", *PERSON) if name in subjects or name not in given]
    concern = {folded(name) for name in (*wanted, *(theirs.get(name, name) for name in wanted))}
    problems = [problem for problem in problems if folded(problem.column) in concern]
    refuse([problem for problem in problems if problem.row is None])
    if read.empty:
        raise DataError(f"{path}: there is no row below the header; give one row an ECG.")
    found, absent = find_ecgs(subjects, str(path), folder, theirs["ecg_path"])
    told = {
        (each.column, read.loc[each.row, each.column]): str(replace(each, row=None))
        for each in problems + absent
        if each.row is not None
    }
    own = [theirs[name] for name in wanted]  # what is wrong with a cell is so wherever it stands in the column
    errors = [
        " ".join(told[cell] for cell in zip(own, cells, strict=True) if cell in told)
        for cells in read[own].itertuples(index=False, name=None)
    ]
    subjects["ecg_path"] = [str(file or "") for file in found]
    people = subjects.set_index("table_row").reindex(read.index).assign(error=errors)
    people.loc[excluded["row"], "subject_id"] = excluded["subject_id"].to_numpy()
    people.loc[excluded["row"], "error"] = [
        f"{EXCLUSION_WORDS[code]}; complete the table." for code in excluded["code"]
    ]
    people = people.assign(**{name: value for name, value in given.items() if name not in people})
    blank = {"subject_id": "", "ecg_path": ""}
    return people[["subject_id", "ecg_path", *PERSON, "error"]].fillna(blank).reset_index(drop=True)


# --- what is made of them ---


def predict_people(
    people: pd.DataFrame,
    out: Path,
    *,
    model_folder: str | Path = PRETRAINED,
    reading: Mapping[str, Any] | None = None,
    workers: int | None = None,
) -> tuple[int, int]:
    """Estimate LVM of many people and write a table with one row each.

    Columns are called as in a study's ``predictions.csv``. A row that cannot be estimated says why in the column
    ``error``. The table appears whole or not at all; after a killed run the same call goes on with the people that
    were not finished.

    Parameters
    ----------
    people : DataFrame
        From `people_in_files` or `people_in_table`.
    out : Path
        The table, CSV; only its owner may read it.
    model_folder : path
        A saved model.
    reading : mapping, optional
        ``unit``, and ``sampling_rate_hz`` and ``leads`` of array files, as ``read_ecg`` takes them.
    workers : int, optional
        Processes, by default one for each core.

    Returns
    -------
    estimated, failed : int
    """
    failed = 0
    load_predictor(model_folder)  # a bad model is one sentence, before anything is written
    with finished_file(out) as file:
        for rows in block_by_block(predict_block, people, out, (BLOCK, AT_ONCE), model_folder, reading, workers):
            table = pd.DataFrame(rows, columns=[people.columns[0], *_COLUMNS], dtype=object)
            safe_csv(table.rename(columns=_PRINTED)).to_csv(file, index=False, header=file.tell() == 0)
            failed += int((table["error"] != "").sum())
    return len(people) - failed, failed


_COLUMNS = [field.name for field in fields(Estimate) if field.name not in ("source", "lvh", "model")]
_COLUMNS += ["model", "trained_on_simulated_data", "error"]


def predict_block(
    rows: list[dict[str, Any]], reading: dict[str, Any], model_folder: Path, model_key: str
) -> list[dict[str, Any]]:
    """Estimates of some people as rows of the table; ``model_key`` stands for what is in the folder."""
    model, card = load_predictor(model_folder)
    usable: dict[int, Examined] = {}
    first = next(iter(rows[0]))  # what the table calls its rows by
    found = [dict.fromkeys(_COLUMNS, "") | {first: row[first]} for row in rows]
    for i, row in enumerate(rows):
        try:
            usable[i] = examined(recording_of(row, reading), row, card)
        except DataError as error:
            found[i]["error"] = str(error)
    for i, estimate in zip(usable, estimates(model, card, list(usable.values())), strict=True):
        made = estimate.model
        model_name = f"{made['network']}, study {made['study']} ({made['study_fingerprint']})"
        found[i] |= asdict(estimate) | made | {"notes": " ".join(estimate.notes), "model": model_name}
    return found


def recording_of(row: Mapping[str, Any], reading: Mapping[str, Any]) -> Recording:
    """Read the ECG of a row, unless its table says what is wrong with it."""
    if row.get("error"):
        raise DataError(row["error"])
    return read_as_stated(Path(row["ecg_path"]), **reading)


# --- how it is made ---


def block_by_block(
    function: Callable[..., list[Any]],
    people: pd.DataFrame,
    out: Path,
    sizes: tuple[int, int],
    model_folder: str | Path,
    reading: Mapping[str, Any] | None,
    workers: int | None = None,
) -> Iterator[list[Any]]:
    """Yield what a function of this package makes of each block of people, in order.

    Finished blocks are kept beside ``out`` until it is there; the function gets ``rows, reading, model_folder,
    model_key``. ``sizes`` are the people of a block, and of all blocks that are in memory at the same time.
    """
    files = [path for path in sorted(Path(model_folder).iterdir()) if path.is_file()]
    settings = {"reading": dict(reading or {}), "model_key": joblib.hash([path.read_bytes() for path in files])}
    store, places = Store(_unfinished(out), workers or joblib.cpu_count()), {"model_folder": Path(model_folder)}
    size, at_once = sizes
    for first in range(0, len(people), at_once):
        part = people[first : first + at_once]
        blocks = [_stamped(part[start : start + size]) for start in range(0, len(part), size)]
        yield from store.all([Job(function, settings | {"rows": rows}, _ROOMS, places=places) for rows in blocks])


@contextmanager
def finished_file(out: Path) -> Iterator[IO[Any]]:
    """Open a file as `lvmass.files.whole_file` does, for its owner alone; then no unfinished block is needed more."""
    if out.is_dir() or not out.parent.is_dir():
        what = "this is a folder" if out.is_dir() else f"there is no folder {out.parent}"
        raise DataError(f"{out}: {what}; give the path of a new file in a folder that exists.")
    with whole_file(out, private=True) as file:
        yield file
    shutil.rmtree(_unfinished(out), ignore_errors=True)


def _unfinished(out: Path) -> Path:
    return out.with_name(f".{out.name}.unfinished")


def _stamped(people: pd.DataFrame) -> list[dict[Any, Any]]:
    """Rows with size and time of each file, so that a resumed run sees one that was mended."""
    rows = people.to_dict("records")
    for row in rows:
        found = [Path(file).stat() for file in _parts(Path(row["ecg_path"])) if Path(file).is_file()]
        row["stamp"] = [(stat.st_size, stat.st_mtime_ns) for stat in found]
    return rows
