"""Many ECGs in, a table or a page for each out: in parallel, row by row, and going on where a killed run stopped."""

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import IO, Any

import joblib
import pandas as pd

from lvmass.cohort.problems import refuse
from lvmass.cohort.table import read_table
from lvmass.ecg.reading import ARRAY_FILES, read_ecg
from lvmass.ecg.recording import Recording
from lvmass.errors import DataError
from lvmass.evaluation.results import safe_csv
from lvmass.files import whole_file
from lvmass.prediction import PERSON, PRETRAINED, Estimate, Examined, estimates, examined, load_predictor
from lvmass.study.store import Job, Store

BLOCK = 32
"""ECGs a job: less than a second of work, and what a killed run loses of each process."""

AT_ONCE = 16384
"""ECGs whose rows are in memory at the same time."""

_ROOMS = ("ecg", "cohort", "networks", "training", "report", "prediction.py", "batch.py", "errors.py")
# --- who ---


def people_in_files(paths: Sequence[Path], person: Mapping[str, Any], written: Collection[Path] = ()) -> pd.DataFrame:
    """List ECG files, and those in folders, as one row each; all get the same person.

    Of a WFDB record the header stands for all its files. Hidden files, links and what is ``written`` are left out.

    Raises
    ------
    DataError
        If sex, age, height or weight is not given, or there is no file.
    """
    lacking = [name for name in PERSON if person.get(name) is None]
    if lacking:
        raise DataError(
            f"{paths[0]}: {', '.join(lacking)} of these people are not known; give a table of people with --table."
        )
    files = [
        (str(path.relative_to(given)), path)
        for given in paths
        if given.is_dir()
        for path in _ecg_files(given)
        if path.resolve() not in {file.resolve() for file in written}
    ]
    files += [(str(path), path) for path in paths if not path.is_dir()]
    if not files:
        raise DataError(f"{paths[0]}: there is no file in this folder; give the folder of the ECGs.")
    table = pd.DataFrame(files, columns=["file", "ecg_path"])
    return table.assign(ecg_path=table["ecg_path"].astype(str), folder="", **{name: person[name] for name in PERSON})


def _ecg_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        of_wfdb = path.suffix != ".hea" and path.with_suffix(".hea").is_file()
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not (of_wfdb or hidden or path.is_symlink()):
            yield path


def people_in_table(path: Path, person: Mapping[str, Any]) -> pd.DataFrame:
    """Read a subjects table that needs no mass: one row an ECG, cells unchecked, so that each fails by itself.

    Parameters
    ----------
    path : Path
        Columns ``subject_id, ecg_path, sex, age_years, height_cm, weight_kg``; ECG files lie in its folder.
    person : mapping
        Values for everybody, of columns that the table lacks.

    Raises
    ------
    DataError
        If it cannot be read, or lacks a column.
    """
    read, problems = read_table(path)
    refuse(problems)
    assert read is not None
    table = read.assign(**{k: v for k, v in person.items() if v is not None and k not in read})
    wanted = ["subject_id", "ecg_path", *PERSON]
    lacking = [name for name in wanted if name not in table]
    if lacking or table.empty:
        what = f"the column {' and '.join(lacking)} is missing" if lacking else "there is no row below the header"
        raise DataError(f"{path}: {what}; give one row an ECG with the columns {', '.join(wanted)}.")
    return table[wanted].assign(folder=str(path.absolute().parent))


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

    A row that cannot be estimated says why in the column ``error``. The table appears whole or not at all; after a
    killed run the same call goes on with the people that were not finished.

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
    with finished_file(out) as file:
        for rows in block_by_block(predict_block, people, out, (BLOCK, AT_ONCE), model_folder, reading, workers):
            table = pd.DataFrame(rows, columns=[people.columns[0], *_COLUMNS], dtype=object)
            safe_csv(table).to_csv(file, index=False, header=file.tell() == 0)
            failed += int((table["error"] != "").sum())
    return len(people) - failed, failed


_COLUMNS = [field.name for field in fields(Estimate) if field.name not in ("source", "model")]
_COLUMNS += ["model", "trained_on_simulated_data", "error"]


def predict_block(
    rows: list[dict[str, Any]], reading: dict[str, Any], model_folder: Path, model_key: str
) -> list[dict[str, Any]]:
    """Estimates of some people as rows of the table; ``model_key`` stands for what is in the folder."""
    model, card = load_predictor(model_folder)
    usable: dict[int, Examined] = {}
    found = [dict.fromkeys(_COLUMNS, "") | dict([next(iter(row.items()))]) for row in rows]
    for i, row in enumerate(rows):
        try:
            usable[i] = examined(recording_of(row, reading), row, card)
        except DataError as error:
            found[i]["error"] = str(error)
    for i, estimate in zip(usable, estimates(model, card, list(usable.values())), strict=True):
        made = estimate.model
        found[i] |= asdict(estimate) | {"notes": " ".join(estimate.notes)}
        found[i]["model"] = f"{made['network']}, study {made['study']} ({made['study_fingerprint']})"
        found[i]["trained_on_simulated_data"] = made["trained_on_simulated_data"]
    return found


def recording_of(row: Mapping[str, Any], reading: Mapping[str, Any]) -> Recording:
    """Read the ECG of a row; a table names files in its own folder only."""
    path = Path(row["folder"], str(row["ecg_path"]))
    if row["folder"] and not path.resolve().is_relative_to(Path(row["folder"]).resolve()):
        raise DataError(f"{row['ecg_path']}: outside the folder of the table; move the ECG there.")
    if path.suffix.lower() not in ARRAY_FILES:
        return read_ecg(path, unit=reading.get("unit"))
    return read_ecg(path, **reading)


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
    load_predictor(model_folder)  # a bad model is one sentence, not one for each person
    files = [path for path in sorted(Path(model_folder).iterdir()) if path.is_file()]
    settings = {"reading": dict(reading or {}), "model_key": joblib.hash([path.read_bytes() for path in files])}
    store = Store(_unfinished(out), workers or joblib.cpu_count())
    places = {"model_folder": Path(model_folder)}
    size, at_once = sizes
    for first in range(0, len(people), at_once):
        part = people[first : first + at_once]
        blocks = [_stamped(part[start : start + size]) for start in range(0, len(part), size)]
        yield from store.all([Job(function, settings | {"rows": rows}, _ROOMS, places=places) for rows in blocks])


@contextmanager
def finished_file(out: Path) -> Iterator[IO[Any]]:
    """Open a file as `lvmass.files.whole_file` does, for its owner alone; then no unfinished block is needed more."""
    with whole_file(out, private=True) as file:
        yield file
    shutil.rmtree(_unfinished(out), ignore_errors=True)


def _unfinished(out: Path) -> Path:
    return out.with_name(f".{out.name}.unfinished")


def _stamped(people: pd.DataFrame) -> list[dict[Any, Any]]:
    """Rows with size and time of each file, so that a resumed run sees one that was mended."""
    rows = people.to_dict("records")
    for row in rows:
        path = Path(row["folder"], str(row["ecg_path"]))
        found = [file.stat() for file in (path, path.with_suffix(".dat")) if file.is_file()]
        row["stamp"] = [(stat.st_size, stat.st_mtime_ns) for stat in found]
    return rows
