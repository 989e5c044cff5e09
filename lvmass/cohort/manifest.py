"""A cohort: the subjects table and a way to every person's ECG, from files or from the simulator."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pandas as pd

from lvmass.cohort.hashes import FileHashes
from lvmass.cohort.schema import validate_subjects
from lvmass.ecg.recording import Recording
from lvmass.errors import DataError

MAX_TABLE_BYTES = 500_000_000
"""A larger file is no subjects table: at 200 bytes a row this is 2.5 million people."""


class _RecordingSource(Protocol):
    """Where a cohort's ECGs come from; small enough to be sent to another process."""

    def one(self, i: int) -> Recording:
        """Return the ECG of row ``i``."""

    def many(self, rows: Sequence[int]) -> Iterator[Recording]:
        """Yield the ECGs of these rows in order, holding only a few at a time."""

    def key(self) -> str:
        """Hash everything that the ECGs depend on."""


@dataclass(frozen=True, eq=False)
class _FileSource:
    """ECGs in files.

    Parameters
    ----------
    paths : tuple of Path
        One file a row.
    unit : str or None
        Voltage unit for formats that state none, as ``read_ecg`` takes it.
    sampling_rate_hz : float or None
    leads : tuple of str or None
        Of files that state none, as ``read_ecg`` takes them.
    """

    paths: tuple[Path, ...]
    unit: str | None = None
    sampling_rate_hz: float | None = None
    leads: tuple[str, ...] | None = None

    def one(self, i: int) -> Recording:
        """Return the ECG of row ``i``."""
        from lvmass.ecg.reading import ARRAY_FILES, read_ecg

        path = self.paths[i]
        if path.suffix.lower() not in ARRAY_FILES:
            return read_ecg(path, unit=self.unit)
        return read_ecg(path, unit=self.unit, sampling_rate_hz=self.sampling_rate_hz, leads=self.leads)

    def many(self, rows: Sequence[int]) -> Iterator[Recording]:
        """Yield the ECGs of these rows in order."""
        return (self.one(i) for i in rows)

    def hashes(self, of: FileHashes | None = None) -> list[str]:
        """SHA-256 of each ECG's samples on disk, in the order of rows, to find the same ECG twice.

        A WFDB header names its record, so that equal ECGs of two people differ there: of such a
        record only the signal files count.
        """
        of, records = of or FileHashes(), map(_record_files, self.paths)
        return [" ".join(map(of.of, files[1:] or files)) for files in records]

    def key(self, of: FileHashes | None = None) -> str:
        """Hash how files are read and the bytes of every file."""
        of = of or FileHashes()
        hashes = [" ".join(map(of.of, _record_files(path))) for path in self.paths]
        return hashlib.sha256(
            "\n".join([f"{self.unit} {self.sampling_rate_hz} {self.leads}", *hashes]).encode()
        ).hexdigest()


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
        Where the ECGs come from: `_FileSource` or the simulator's.

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
    source: _RecordingSource = field(repr=False)

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


def _record_files(path: Path) -> list[str]:
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


def _read_table(path: Path) -> pd.DataFrame:
    """Read a CSV as text; a file that is none gets one sentence."""
    if not path.is_file():
        raise DataError(f"{path}: there is no such file; give the path of a subjects table (CSV).")
    if path.stat().st_size > MAX_TABLE_BYTES:
        raise DataError(f"{path}: larger than {MAX_TABLE_BYTES // 1_000_000} MB; is it a subjects table?")
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True)
    except UnicodeDecodeError:
        raise DataError(f"{path}: not text in UTF-8; save the table as 'CSV UTF-8'.") from None
    except pd.errors.EmptyDataError:
        raise DataError(f"{path}: the file is empty; give a header and one row for each person.") from None
    except (pd.errors.ParserError, ValueError) as error:
        reason = str(error).splitlines()[0].removeprefix("Error tokenizing data. C error: ")
        raise DataError(f"{path}: cannot be read as CSV ({reason}); check separators and quotes.") from None


def _resolve(folder: Path, text: str) -> Path | None:
    """Return the regular file that a cell names, or None; ``name.hea`` may be written without its ending."""
    for candidate in (folder / text, folder / f"{text}.hea"):
        try:
            if candidate.is_file():
                return candidate.resolve()
        except OSError:
            return None
    return None


def load_cohort(
    path_to_subjects_csv: str | Path,
    *,
    name: str | None = None,
    unit: str | None = None,
    sampling_rate_hz: float | None = None,
    leads: Sequence[str] | None = None,
) -> Cohort:
    """Load a cohort from its subjects table.

    Parameters
    ----------
    path_to_subjects_csv : str or Path
        A CSV (UTF-8) with the columns of :func:`lvmass.cohort.schema.data_dictionary`; ``ecg_path``
        is relative to the CSV's folder.
    name : str, optional
        Name of the cohort; the file's stem by default.
    unit : str, optional
        Voltage unit of ECG formats that state none.
    sampling_rate_hz : float, optional
    leads : sequence of str, optional
        Of ECG files that state none, as :func:`lvmass.ecg.read_ecg` takes them.

    Returns
    -------
    Cohort
        With ``ecg_path`` as absolute paths.

    Raises
    ------
    DataError
        Listing every bad cell, or every ECG file that is not there.

    Examples
    --------
    >>> load_cohort("nobody.csv")
    Traceback (most recent call last):
    ...
    lvmass.errors.DataError: nobody.csv: there is no such file; give the path of a subjects table (CSV).
    """
    path = Path(path_to_subjects_csv)
    subjects = validate_subjects(_read_table(path), str(path))
    files = [_resolve(path.parent, cell) for cell in subjects["ecg_path"]]
    absent = [
        f"row {i + 2}, column ecg_path: there is no file {cell!r} under {path.parent}; correct the path."
        for i, (cell, file) in enumerate(zip(subjects["ecg_path"], files, strict=True))
        if file is None
    ]
    if absent:
        raise DataError("\n".join([f"{path}: {len(absent)} ECG files are missing:", *absent]))
    found = tuple(file for file in files if file is not None)
    subjects["ecg_path"] = [str(file) for file in found]
    source = _FileSource(found, unit, sampling_rate_hz, None if leads is None else tuple(leads))
    return Cohort(name or path.stem, subjects, simulated=False, source=source)


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
        64 hexadecimal digits.
    """
    table = cohort.subjects.drop(columns="ecg_path").to_csv(index=False)
    key = cohort.source.key(of) if isinstance(cohort.source, _FileSource) else cohort.source.key()
    return hashlib.sha256(f"{table}\n{key}".encode()).hexdigest()


def shared_people(development: Cohort, external: Cohort, of: FileHashes | None = None) -> list[str]:
    """Say who stands in both of two cohorts, which would let a model be tested on people it was trained on.

    Parameters
    ----------
    development, external : Cohort
        Compared by ``patient_id`` and, where both have their ECGs in files, by the bytes of these. Simulated people
        carry their site, seed and number in ``patient_id``.
    of : FileHashes, optional
        As `content_key` takes it.

    Returns
    -------
    list of str
        At most two sentences, on patients and on ECGs, with up to five examples by row (the header is row 1); empty
        if nobody is shared.

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
    if isinstance(development.source, _FileSource) and isinstance(external.source, _FileSource):
        names = [path.name for path in development.source.paths]
        compared.append(("ECG", names, development.source.hashes(of), external.source.hashes(of)))
    sentences = []
    for what, names, ours, theirs in compared:
        here = pd.DataFrame({"key": ours, "name": names, "row": range(2, len(ours) + 2)}).drop_duplicates("key")
        there = pd.DataFrame({"key": theirs, "other": range(2, len(theirs) + 2)}).drop_duplicates("key")
        rows = here.merge(there, on="key")
        examples = [
            f"{name!r} (row {row} of development, row {other} of external)"
            for _, name, row, other in rows.head(5).itertuples(index=False)
        ]
        if len(rows):
            count = f"1 {what} stands" if len(rows) == 1 else f"{len(rows)} {what}s stand"
            some = "for example " if len(rows) > len(examples) else ""
            sentences.append(f"{count} in both cohorts: {some}{', '.join(examples)}; leave each in one.")
    return sentences
