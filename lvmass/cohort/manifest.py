"""A cohort: the subjects table and a way to every person's ECG, from files or from the simulator."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from lvmass.cohort.hashes import FileHashes
from lvmass.cohort.problems import Problem, refuse
from lvmass.cohort.schema import Subject
from lvmass.cohort.subjects import ReadSubjects, check_subjects, folded
from lvmass.cohort.table import read_table
from lvmass.ecg.recording import Recording, canonical_lead
from lvmass.errors import DataError

EXCLUDED = ("row", "subject_id", "code")
"""Columns of `Cohort.excluded`."""


def read_as_stated(path: Path, *, unit: str | None = None, **stated: Any) -> Recording:
    """Read an ECG file of any format; ``stated`` rate and leads are for files of numbers alone, which have none."""
    from lvmass.ecg.reading import ARRAY_FILES, read_ecg

    return read_ecg(path, unit=unit, **(stated if path.suffix.lower() in ARRAY_FILES else {}))


def is_no_ecg(path: Path) -> bool:
    """Whether a file is a table of people, or plain text without an ending, such as README; not if it names a lead.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     people, ecg = Path(folder, "people.csv"), Path(folder, "ecg.csv")
    ...     _ = people.write_text("Exam;Sex;Age"), ecg.write_text("time_s,I_mv,II_mv")
    ...     is_no_ecg(people), is_no_ecg(ecg)
    (True, False)
    """
    if path.suffix.lower() not in ("", ".csv"):
        return False
    try:
        with path.open("rb") as file:
            head = file.read(4096).removeprefix(b"\xef\xbb\xbf")
    except OSError:  # reading it as an ECG says why
        return False
    if not path.suffix:
        return bool(head) and not re.search(rb"[\0-\x08]|^\s*[<{]|^0 {7}", head)  # XML, JSON, EDF
    names = [name.strip(' \r"') for name in re.split("[,;\t]", head.partition(b"\n")[0].decode("utf-8", "replace"))]
    if any(canonical_lead(re.sub("(?i)_[mu]v$", "", name)) for name in names):
        return False
    return not set(map(folded, names)).isdisjoint(map(folded, ("file", *Subject.model_fields)))


@dataclass(frozen=True, eq=False)
class FileSource:
    """ECGs in files.

    Parameters
    ----------
    paths : tuple of Path
        One file a row.
    reading : dict
        ``unit, sampling_rate_hz, leads`` of files that state none, as ``read_ecg`` takes them.
    """

    paths: tuple[Path, ...]
    reading: dict[str, Any]

    def one(self, i: int) -> Recording:
        """Return the ECG of row ``i``."""
        return read_as_stated(self.paths[i], **self.reading)

    def many(self, rows: Sequence[int]) -> Iterator[Recording]:
        """Yield the ECGs of these rows in order."""
        return map(self.one, rows)

    def hashes(self, of: FileHashes | None = None) -> list[str]:
        """SHA-256 of each ECG's samples on disk, in the order of rows, to find the same ECG twice.

        A WFDB header names its record, so that equal ECGs of two people differ there: of such a
        record only the signal files count.
        """
        of, records = of or FileHashes(), map(record_files, self.paths)
        return [" ".join(map(of.of, files[1:] or files)) for files in records]

    def key(self, of: FileHashes | None = None) -> str:
        """Hash how files are read and the bytes of every file."""
        of, lines = of or FileHashes(), [str([*self.reading.values()])]
        lines += [" ".join(map(of.of, record_files(path))) for path in self.paths]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Cohort:
    """People with an ECG each.

    Parameters
    ----------
    name : str
        What tables and figures call the cohort.
    subjects : DataFrame
        The validated subjects table, one row an ECG, row labels 0 to n - 1.
    simulated : bool
        Whether these people exist only in a simulator; every page and model says so.
    source
        Where the ECGs come from: `FileSource`, the simulator's or another with its methods ``one``, ``many`` and
        ``key``, small enough to be sent to another process.
    excluded : DataFrame
        People of the table of whom a value is missing, who are not among ``subjects``: ``EXCLUDED``, see
        `lvmass.cohort.subjects.check_subjects`.

    Examples
    --------
    >>> from lvmass.cohort import simulate_cohort
    >>> cohort = simulate_cohort(3, like="tw-cvai", seed=1)
    >>> len(cohort), cohort.recording(2).signal_mv.shape
    (3, (12, 5000))
    """

    name: str
    subjects: pd.DataFrame
    simulated: bool
    source: Any = field(repr=False)
    excluded: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(EXCLUDED)), repr=False)

    @property
    def rows(self) -> list[int]:
        """Row of each person in a spreadsheet, where the header of most tables is row 1."""
        return list(self.subjects.get("table_row", range(2, len(self) + 2)))

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.subjects)

    def recording(self, i: int) -> Recording:
        """Return the ECG of row ``i``.

        Raises
        ------
        IndexError
            If there is no such row.
        DataError
            If its file cannot be read.
        """
        if not 0 <= i < len(self):
            raise IndexError(f"row {i} of a cohort of {len(self)}")
        return self.source.one(i)

    def recordings(self, start: int = 0, stop: int | None = None) -> Iterator[Recording]:
        """Yield the ECGs of rows ``start`` to ``stop`` in order, in constant memory."""
        return self.source.many(range(start, len(self) if stop is None else min(stop, len(self))))


def record_files(path: Path) -> list[str]:
    """Return the header of a WFDB record and the signal files that it names; of any other format the file alone."""
    header = f"{os.path.splitext(path)[0]}.hea" if path.suffix.lower() == ".dat" else str(path)
    if not header.lower().endswith(".hea") or not os.path.isfile(header):
        return [str(path)]
    try:
        lines = Path(header).read_text("utf-8", "replace").splitlines()
    except OSError as error:
        raise DataError(f"{header}: cannot be read ({error.strerror}); see that it is there and readable.") from error
    folder, names = os.path.dirname(header), dict.fromkeys(line.split()[0] for line in lines if line.strip())
    files = (os.path.join(folder, os.path.basename(name)) for name in names)
    return [header, *filter(os.path.isfile, files)]  # a name that is no file is no signal


def _resolve(folder: Path, text: str) -> Path | None:
    """Return the regular file that a cell names, or None; ``name.hea`` may be written without its ending."""
    text = text.replace("\\", "/")
    try:
        return next((path.resolve() for path in (folder / text, folder / f"{text}.hea") if path.is_file()), None)
    except OSError:  # such as a name that is too long
        return None


def read_subjects(
    path: str | Path, *, where: str = "", ecg_folder: str | Path | None = None, **written: Any
) -> ReadSubjects:
    """Read a subjects table and find its ECG files; never raises for a mistake in them.

    Parameters
    ----------
    path : str or Path
        The table, as `lvmass.cohort.table.read_table` takes it.
    ecg_folder : str or Path, optional
        What ``ecg_path`` is relative to; by default the table's folder. No ECG file lies outside it.
    where : str
        What to call the table in problems; its path by default.
    **written
        How the table is written, ``columns, units, codes, missing``, as `lvmass.cohort.subjects.check_subjects` takes
        it.

    Returns
    -------
    ReadSubjects
        With ``ecg_path`` as absolute paths, "" where there is no such file.

    Examples
    --------
    >>> print(*read_subjects("nobody.csv").problems)
    there is no such file; give the path of a subjects table (CSV, Excel or Parquet).
    """
    path, where = Path(path), where or str(path)
    table, problems = read_table(path)
    if table is None:
        none, told = pd.DataFrame(), [replace(problem, where=where) for problem in problems]
        return ReadSubjects(none, pd.DataFrame(columns=list(EXCLUDED)), told, none, {})
    read = check_subjects(table, where, **written)
    if "ecg_path" in read.subjects:
        folder = path.parent if ecg_folder is None else Path(ecg_folder)
        found, absent = find_ecgs(read.subjects, where, folder, read.names["ecg_path"])
        read.subjects["ecg_path"] = [str(file or "") for file in found]
        read.problems.extend(absent)
    return read


def find_ecgs(subjects: pd.DataFrame, where: str, folder: Path, column: str) -> tuple[list[Path | None], list[Problem]]:
    """Find the ECG file of each row inside a folder; None and a problem where there is none.

    ``column`` is what the table ``where`` calls ``ecg_path``.
    """
    inside, found, problems = folder.resolve(), [], []
    for row, cell in zip(subjects["table_row"], subjects["ecg_path"], strict=True):
        file = _resolve(folder, cell)
        if file is None or not file.is_relative_to(inside):
            what = f"{'it lies outside' if file else 'there is no such file under'} the folder {folder.name or folder}"
            do = "name its folder as ecg_folder in the study file, or move it" if file else "correct the path"
            problems.append(Problem("error", where, what, do, int(row), column, cell[:200]))
            file = None
        found.append(file)
    return found, problems


def load_cohort(
    path_to_subjects_csv: str | Path,
    *,
    name: str | None = None,
    unit: str | None = None,
    sampling_rate_hz: float | None = None,
    leads: Sequence[str] | None = None,
    **written: Any,
) -> Cohort:
    """Load a cohort from its subjects table.

    Parameters
    ----------
    path_to_subjects_csv : str or Path
        A CSV, an Excel workbook or a Parquet file with the columns of
        :func:`lvmass.cohort.schema.data_dictionary`; ``ecg_path`` is relative to its folder.
    name : str, optional
        Name of the cohort; the file's stem by default.
    unit : str, optional
        Voltage unit of ECG formats that state none.
    sampling_rate_hz : float, optional
    leads : sequence of str, optional
        Of ECG files that state none, as :func:`lvmass.ecg.read_ecg` takes them.
    **written
        How the table is written, ``columns, units, codes, missing, ecg_folder``, as `read_subjects` takes it.

    Returns
    -------
    Cohort
        With ``ecg_path`` as absolute paths.

    Raises
    ------
    DataError
        Listing every bad cell, and every ECG file that is not there.

    Examples
    --------
    >>> load_cohort("nobody.csv")
    Traceback (most recent call last):
    ...
    lvmass.errors.DataError: nobody.csv: there is no such file; give the path of a subjects table (CSV, Excel or \
Parquet).
    """
    subjects, excluded, problems, *_ = read_subjects(path_to_subjects_csv, **written)
    refuse(problems)
    found = tuple(map(Path, subjects["ecg_path"]))
    reading = {"unit": unit, "sampling_rate_hz": sampling_rate_hz, "leads": leads and tuple(leads)}
    return Cohort(name or Path(path_to_subjects_csv).stem, subjects, False, FileSource(found, reading), excluded)


def content_key(cohort: Cohort, of: FileHashes | None = None) -> str:
    """Hash a cohort's table and everything its ECGs depend on, for the cache.

    Parameters
    ----------
    cohort : Cohort
        For files, every byte counts; where the files lie and what the cohort is called does not matter.
    of : FileHashes, optional
        Remembers hashes of files that are as they were.

    Returns
    -------
    str
        64 hexadecimal digits, of which the first are `table_key`.
    """
    table, source = table_key(cohort), cohort.source
    key = source.key(of) if isinstance(source, FileSource) else source.key()
    return table + hashlib.sha256(f"{table}\n{key}".encode()).hexdigest()[len(table) :]


def table_key(cohort: Cohort) -> str:
    """Hash a cohort's table alone: 32 hexadecimal digits."""
    table = cohort.subjects.drop(columns=["ecg_path", "table_row"], errors="ignore").to_csv(index=False)
    left_out = cohort.excluded["code"].to_csv(index=False)  # pages count them
    return hashlib.sha256(f"{table}\n{left_out}".encode()).hexdigest()[:32]


def ecgs_of_rows(cohort: Cohort, start: int, stop: int) -> Cohort:
    """Rows of a cohort in files with nothing but what their beats depend on: ECG and sex."""
    assert isinstance(cohort.source, FileSource)
    people = cohort.subjects[["sex", "ecg_path"]].iloc[start:stop].reset_index(drop=True)
    return Cohort(cohort.name, people, False, replace(cohort.source, paths=cohort.source.paths[start:stop]))


def shared_people(
    development: Cohort, external: Cohort, of: FileHashes | None = None, *, allowed: bool = False
) -> list[Problem]:
    """Say who stands in both of two cohorts, which would let a model be tested on people it was trained on.

    Parameters
    ----------
    development, external : Cohort
        Compared by ``patient_id`` and, where both have their ECGs in files, by the bytes of these. Simulated people
        carry their site, seed and number in ``patient_id``.
    of : FileHashes, optional
        As `content_key` takes it.
    allowed : bool
        Whether that is a warning and no error.

    Returns
    -------
    list of Problem
        At most two, on patients and on ECGs, with up to five examples by row (the header is row 1); empty if nobody is
        shared.

    Raises
    ------
    DataError
        If an ECG file has gone.

    Examples
    --------
    >>> from lvmass.cohort import simulate_cohort
    >>> one, other = simulate_cohort(2, seed=1), simulate_cohort(2, seed=2)
    >>> shared_people(one, other)
    []
    >>> print(*shared_people(one, simulate_cohort(1, seed=1, day=3)))
    1 patient stands in both cohorts: 'tw-cvai-1-000000' (row 2 of development, row 2 of external); leave each in one.
    """
    ours, theirs = (cohort.subjects["patient_id"].tolist() for cohort in (development, external))
    compared = [("patient", ours, ours, theirs)]
    if isinstance(development.source, FileSource) and isinstance(external.source, FileSource):
        names = [path.name for path in development.source.paths]
        compared.append(("ECG", names, development.source.hashes(of), external.source.hashes(of)))
    problems = []
    for what, names, ours, theirs in compared:
        here = pd.DataFrame({"key": ours, "name": names, "row": development.rows}).drop_duplicates("key")
        there = pd.DataFrame({"key": theirs, "other": external.rows}).drop_duplicates("key")
        rows = here.merge(there, on="key")
        examples = [
            f"{name!r} (row {row} of development, row {other} of external)"
            for _, name, row, other in rows.head(5).itertuples(index=False)
        ]
        if len(rows):
            count = f"1 {what} stands" if len(rows) == 1 else f"{len(rows)} {what}s stand"
            seen = f"{count} in both cohorts: {'for example ' * (len(rows) > 5)}{', '.join(examples)}"
            problems.append(Problem("warning" if allowed else "error", "the study", seen, "leave each in one"))
    return problems
