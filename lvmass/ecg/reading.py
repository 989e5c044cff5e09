"""Read one ECG file of any supported format into a `Recording` in millivolt.

The format is told from the file's content and name, the libraries of the field do the parsing, and everything
that can be wrong with a stranger's file ends in one `DataError`. ecgdatakit parses WFDB, DICOM, MUSE, Philips, HL7
aECG, SCP-ECG, EDF, MFER, ISHNE and Mortara, which state their own leads, unit and rate; the tests compare its WFDB
reading with that of wfdb. CSV, NPY and Parquet are plain numbers, whose rate, unit and leads the reader of the file
must know. Files are untrusted: what could make a parser allocate without bound, follow a path out of the folder or
expand entities is checked before it opens a file, and nothing is unpickled.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lvmass.ecg.recording import Floats, Recording, assemble_leads, canonical_lead
from lvmass.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

ARRAY_FILES = (".csv", ".npy", ".parquet")
"""Endings of files that hold numbers only."""

_MILLIVOLT_PER_UNIT = {"nv": 1e-6, "uv": 1e-3, "\u00b5v": 1e-3, "\u03bcv": 1e-3, "mv": 1.0, "v": 1e3}
_MAX_MILLIVOLT = 1e7  # more is damage; a unit that is wrong by a factor of 1000 or a million is left to `examine`
_MAX_FILE_MB = 24  # eight minutes of twelve leads at 2000 Hz are 23 MB as 16-bit integers
_MAX_XML_MB = 8  # XML grows about fifty-fold in memory; a 10-s ECG takes 0.1 to 2 MB
_MAX_VALUES = 12 * 2000 * 600  # ten minutes of twelve leads at 2000 Hz
_MAX_COLUMNS = 64
_WFDB_FORMATS = frozenset({"8", "16", "24", "32", "61", "80", "160", "212", "310", "311"})
_DEFLATED_DICOM = b"1.2.840.10008.1.2.1.99"
_SECONDS_PER_UNIT = {"time_s": 1.0, "time_ms": 1e-3}


class _Channel(NamedTuple):
    """One channel as a file stores it: samples in ``unit``, which is empty where the file states none."""

    name: str
    samples: Floats
    unit: str
    sampling_rate_hz: float


def read_ecg(
    path: str | Path,
    *,
    unit: str | None = None,
    sampling_rate_hz: float | None = None,
    leads: Sequence[str] | None = None,
) -> Recording:
    """Read a 12-lead ECG from a file.

    WFDB (with or without ``.hea`` or ``.dat``), DICOM waveform, GE MUSE XML, Philips XML, HL7 aECG, SCP-ECG,
    EDF, MFER, ISHNE and Mortara XML state their own leads, unit and rate. CSV, NPY and Parquet files do not,
    so they are stated here; a table may also bring lead names (``V1``, ``V1_uv``) as column names and its rate
    as a ``time_s`` or ``time_ms`` column.

    Parameters
    ----------
    path : str or Path
        The file; of a WFDB record ``record.hea``, ``record.dat`` or ``record``.
    unit : {"mV", "uV", "V", "nV"}, optional
        Unit of the stored numbers, for a file that states none.
    sampling_rate_hz : float, optional
        Only for CSV, NPY and Parquet.
    leads : sequence of str, optional
        Only for CSV, NPY and Parquet: names of the rows of an array or of the columns of a table.

    Returns
    -------
    Recording
        Twelve leads in the fixed order, in millivolt; limb leads that are not stored are derived.

    Raises
    ------
    DataError
        One sentence saying what is wrong with the file and what to do.

    Examples
    --------
    >>> from pydicom.data import get_testdata_file
    >>> recording = read_ecg(get_testdata_file("waveform_ecg.dcm"))
    >>> recording.signal_mv.shape, recording.sampling_rate_hz
    ((12, 10000), 1000.0)
    """
    path = Path(path)
    try:
        if unit is not None and unit.strip().lower() not in _MILLIVOLT_PER_UNIT:
            raise DataError(f'the unit "{unit}" is not known; give mV, uV, V or nV.')
        with np.errstate(all="ignore"):  # damaged numbers overflow; what comes out is checked
            channels, notes = _read_stored(path, sampling_rate_hz, leads)
            return _to_recording(channels, notes, unit, path.name)
    except Exception as error:  # a parser may fail in any way on a damaged file, and quote what stands there
        if isinstance(error, DataError):
            told = reason = str(error).removeprefix(f"{path.name}: ")
        else:
            kind, detail = type(error).__name__, " ".join(f"{type(error).__name__}: {error}".split())[:200]
            told, reason = (f"the file is damaged or no ECG ({what}); export it again." for what in (detail, kind))
        refused = DataError(f"{path.name}: {told}")
        refused.reason = reason
        raise refused from error


def _to_recording(channels: list[_Channel], notes: tuple[str, ...], unit: str | None, source: str) -> Recording:
    """Convert to millivolt, put the leads in order, and refuse what cannot be a resting ECG."""
    channels = [channel for channel in channels if canonical_lead(channel.name) is not None]
    if not channels:
        raise DataError("none of the twelve leads is stored; give a 12-lead ECG.")
    rates = sorted({channel.sampling_rate_hz for channel in channels})
    if len(rates) > 1:
        listed = ", ".join(f"{rate:g}" for rate in rates)
        raise DataError(f"the leads have different sampling rates ({listed} Hz); export them at one rate.")
    samples_mv = []
    for name, samples, stored, _ in channels:
        if not stored and unit is None:
            raise DataError(f'no unit is stated for lead {name}; pass unit="mV" or unit="uV".')
        scale = _MILLIVOLT_PER_UNIT.get((stored or unit or "").strip().lower())
        if scale is None:
            raise DataError(f'lead {name} is stored in "{stored}", no unit of voltage; export it in mV.')
        if stored and unit is not None and scale != _MILLIVOLT_PER_UNIT[unit.strip().lower()]:
            raise DataError(f"lead {name} is stored in {stored} but unit is {unit}; leave unit out.")
        samples_mv.append(samples * scale)
    signal_mv = assemble_leads([channel.name for channel in channels], samples_mv, source)
    if signal_mv.shape[1] == 0:
        raise DataError("the leads hold no samples; export it again.")
    if np.nanmax(np.abs(signal_mv), initial=0.0) > _MAX_MILLIVOLT:
        raise DataError(f"voltages exceed {_MAX_MILLIVOLT:.0e} mV; the file is damaged or its unit wrong.")
    return Recording(signal_mv, rates[0], source=source, notes=notes)


def _read_stored(
    path: Path, sampling_rate_hz: float | None, leads: Sequence[str] | None
) -> tuple[list[_Channel], tuple[str, ...]]:
    """Channels and notes; samples marked invalid are NaN, and a damaged file may end in any exception."""
    header = _wfdb_header(path)
    _check_file(header or path)
    if path.suffix.lower() in ARRAY_FILES:
        return _read_array(path, sampling_rate_hz, leads), ()
    if sampling_rate_hz is not None or leads is not None:
        raise DataError("sampling_rate_hz and leads are for CSV, NPY and Parquet files only.")
    if header is None:
        return _read_vendor(path)
    rate_hz = _checked_wfdb_rate(header)
    channels, notes = _read_vendor(header)
    return [channel._replace(sampling_rate_hz=rate_hz) for channel in channels], notes


def _check_file(path: Path) -> None:
    """Refuse a file that is absent, empty, too large, or that carries XML entities or a deflated DICOM body."""
    if not path.exists():
        raise DataError("there is no such file; check the path.")
    if not path.is_file():
        raise DataError("this is a folder, not an ECG file; give the file's path.")
    size = path.stat().st_size
    if size == 0:
        raise DataError("the file is empty; export it again.")
    with path.open("rb") as file:
        head = file.read(4096)
        is_xml = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(b"<")
        kind, limit_mb = ("XML", _MAX_XML_MB) if is_xml else ("file", _MAX_FILE_MB)
        if size > limit_mb * 2**20:
            most = f"the {kind} has {size / 2**20:.0f} MB and at most {limit_mb} MB are read"
            raise DataError(f"{most}; cut a resting ECG out of the long recording.")
        # UTF-16 interleaves zero bytes; without them the keyword reads the same in every encoding expat knows.
        if is_xml and b"<!ENTITY" in (head + file.read()).replace(b"\0", b"").upper():
            raise DataError("the XML declares entities, which are refused; export it without them.")
    if not is_xml and _DEFLATED_DICOM in head:
        raise DataError("deflated DICOM is not read; export it as explicit little endian.")


def _wfdb_header(path: Path) -> Path | None:
    """The header that ``record.hea``, ``record.dat`` or ``record`` means, or None if it is no WFDB record."""
    if path.suffix.lower() == ".hea":
        return path
    if path.suffix.lower() == ".dat" and path.with_suffix(".hea").is_file():
        return path.with_suffix(".hea")
    beside = path.with_name(path.name + ".hea")
    return beside if not path.exists() and beside.is_file() else None


def _checked_wfdb_rate(header: Path) -> float:
    """Sampling rate of a WFDB record, which must have one segment and its signal files in the header's folder."""
    lines = [line.split() for line in header.read_text("utf-8", "replace").splitlines()]
    record, *signals = [fields for fields in lines if fields and not fields[0].startswith("#")] or [[]]
    if len(record) < 3:
        raise DataError("the WFDB header states no sampling rate; write it in the first line.")
    if "/" in record[0]:
        raise DataError("this WFDB record has several segments; give the header of one segment.")
    for fields in signals[: int(record[1])]:
        if len(fields) < 2 or fields[1].split("x")[0].split(":")[0].split("+")[0] not in _WFDB_FORMATS:
            raise DataError("a signal line is incomplete or its storage format is not supported.")
        if Path(fields[0]).name != fields[0] or "\\" in fields[0]:
            raise DataError("it names a signal file in another folder; keep it in the header's.")
        try:
            _check_file(header.parent / fields[0])
        except DataError as error:
            raise DataError(f"a signal file that the header names: {error}") from None
    return float(record[2].split("/")[0].split("(")[0])


def _read_vendor(path: Path) -> tuple[list[_Channel], tuple[str, ...]]:
    """Read the rhythm strips through ecgdatakit, which tells the format from the content."""
    from ecgdatakit import ChecksumWarning, FileParser, UnsupportedFormatError

    with warnings.catch_warnings(record=True) as caught:
        # Most warnings are about metadata that is not used here; a wrong checksum is about the samples.
        warnings.simplefilter("always")
        try:
            stored = FileParser.parse(path).leads
        except UnsupportedFormatError as error:
            formats = "WFDB, DICOM, GE MUSE or Philips XML, HL7 aECG, SCP-ECG, EDF, MFER, ISHNE, CSV, NPY or Parquet"
            raise DataError(f"the file type is not known; give {formats}.") from error
    channels = []
    for lead in stored:
        # The parser names a second channel of lead V1 "V1_2".
        stem, _, number = lead.label.rpartition("_")
        if number.isdigit() and canonical_lead(stem) is not None:
            raise DataError(f"lead {stem} is stored twice; keep one channel for each lead.")
        samples, unit = np.asarray(lead.samples, dtype=np.float64), lead.units
        if lead.is_raw:  # a scale may be stated without a unit
            samples, unit = samples * lead.resolution + lead.offset if lead.resolution else samples, ""
        channels.append(_Channel(lead.label, samples, unit, float(lead.sampling_rate)))
    damaged = any(issubclass(warning.category, ChecksumWarning) for warning in caught)
    return channels, ("The checksum stored in the file does not fit its samples.",) * damaged


def _read_array(path: Path, sampling_rate_hz: float | None, leads: Sequence[str] | None) -> list[_Channel]:
    """Read plain numbers, one row or column a lead."""
    kind = path.suffix.lower()
    if kind == ".npy":
        names, samples = _read_npy(path, leads)
    else:
        table = _read_csv(path) if kind == ".csv" else _read_parquet(path)
        names, samples = table.columns.tolist(), [column.to_numpy(np.float64) for _, column in table.items()]
    for index, name in enumerate(names):
        if name.strip().lower() in _SECONDS_PER_UNIT:
            time_s = samples.pop(index) * _SECONDS_PER_UNIT[names.pop(index).strip().lower()]
            sampling_rate_hz = _rate_of(time_s, f"the column {name}", sampling_rate_hz)
            break
    if sampling_rate_hz is None:
        raise DataError("no sampling rate is stated; pass sampling_rate_hz or add a time_s column.")
    if leads is not None and kind != ".npy":
        if len(leads) != len(names):
            raise DataError(f"it has {len(names)} columns of voltages but {len(leads)} leads are given.")
        names = list(leads)
    channels = []
    for name, values in zip(names, samples, strict=True):
        stem, _, unit = name.strip().rpartition("_")
        if unit.lower() not in ("mv", "uv") or canonical_lead(stem) is None:
            stem, unit = name, ""
        channels.append(_Channel(stem, values, unit, sampling_rate_hz))
    return channels


def _read_npy(path: Path, leads: Sequence[str] | None) -> tuple[list[str], list[Floats]]:
    """Rows (or columns) of a two-dimensional array; memory-mapped first, so a false shape allocates nothing."""
    if leads is None:
        raise DataError("an NPY array names no leads; pass leads=, in the order of its rows.")
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.ndim != 2 or array.dtype.kind not in "iuf" or len(leads) not in array.shape:
        found = f"the array has shape {array.shape} and type {array.dtype}"
        raise DataError(f"{found}; numbers of shape ({len(leads)}, n_samples) are needed.")
    if array.size > _MAX_VALUES:
        raise DataError(f"it holds {array.size} values; give at most ten minutes of ECG.")
    return list(leads), list(np.array(array if array.shape[0] == len(leads) else array.T, dtype=np.float64))


def _read_csv(path: Path) -> "pd.DataFrame":
    """A comma-separated table, or with semicolons and decimal commas, with a header row.

    The header is split here: pandas renames a lead that comes twice, and its own search for the separator reads
    thirteen times slower.
    """
    import pandas as pd

    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first = file.readline(100_000)
        separator, decimal = (";", ",") if first.count(";") > first.count(",") else (",", ".")
        names = [name.strip().strip('"') for name in first.rstrip("\n").split(separator)]
        if pd.to_numeric(pd.Series(names), errors="coerce").notna().all():
            raise DataError("the first row holds numbers; write the lead names there.")
        if len(names) > _MAX_COLUMNS:
            raise DataError(f"it has {len(names)} columns; one column a lead is needed.")
        table = pd.read_csv(file, sep=separator, decimal=decimal, header=None)
    if table.shape[1] != len(names) or not all(dtype.kind in "iuf" for dtype in table.dtypes):
        raise DataError(f"a row does not hold {len(names)} numbers; write one number a lead in every row.")
    return table.set_axis(names, axis=1)


def _read_parquet(path: Path) -> "pd.DataFrame":
    """Columns of a Parquet table; its size and types are checked in the metadata before a column is read.

    Columns of text or lists could grow without bound: a file of 2 kB can hold 2 GB of repeated words.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        n_rows, n_columns = file.metadata.num_rows, file.metadata.num_columns
        if n_rows * n_columns > _MAX_VALUES or n_columns > _MAX_COLUMNS:
            raise DataError("the table is too large; give at most ten minutes of ECG, a column a lead.")
        if not all(pa.types.is_floating(kind) or pa.types.is_integer(kind) for kind in file.schema_arrow.types):
            raise DataError("a column does not hold numbers; keep one column of voltages a lead.")
        return file.read().to_pandas(ignore_metadata=True)


def _rate_of(time_s: Floats, column: str, sampling_rate_hz: float | None) -> float:
    """The sampling rate that a time column means."""
    step_s = (time_s[-1] - time_s[0]) / (time_s.size - 1) if time_s.size > 1 else 0.0
    if not step_s > 0 or not np.allclose(np.diff(time_s), step_s, rtol=0, atol=0.1 * step_s):
        raise DataError(f"{column} is not evenly spaced; samples may be missing.")
    if sampling_rate_hz is not None and abs(1.0 / step_s / sampling_rate_hz - 1) > 0.01:
        raise DataError(f"{column} says {1.0 / step_s:g} Hz but sampling_rate_hz is {sampling_rate_hz:g}.")
    return sampling_rate_hz or 1.0 / step_s
