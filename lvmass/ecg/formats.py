"""The binary and XML formats that state their own leads, unit and sampling rate.

ecgdatakit parses WFDB, DICOM, MUSE, Philips, HL7 aECG, SCP-ECG, EDF, MFER, ISHNE and Mortara; the tests compare its
WFDB reading with that of wfdb. Before a parser opens a file, the few things that could make it allocate without
bound, follow a path out of the folder or expand entities are checked here.
"""

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lvmass.ecg.recording import canonical_lead
from lvmass.errors import DataError

if TYPE_CHECKING:
    from ecgdatakit import Lead

MAX_FILE_BYTES = 24 * 2**20
"""Larger files are refused: eight minutes of twelve leads at 2000 Hz are 23 MB as 16-bit integers."""

MAX_XML_BYTES = 8 * 2**20
"""XML grows about fifty-fold in memory; a 10-s ECG takes 0.1 to 2 MB."""

_WFDB_FORMATS = frozenset({"8", "16", "24", "32", "61", "80", "160", "212", "310", "311"})
_DEFLATED_DICOM = b"1.2.840.10008.1.2.1.99"


@dataclass(frozen=True, eq=False)
class Channels:
    """What a file stores, before units are converted and leads are ordered.

    Parameters
    ----------
    names : list of str
        Labels as stored.
    samples : list of ndarray
        One array a channel, in ``units``.
    units : list of str
        Unit of each channel; empty where the file states none.
    sampling_rate_hz : float
        Samples per second.
    notes : tuple of str
        What the parser found odd about the samples.
    """

    names: list[str]
    samples: list[NDArray[np.floating]]
    units: list[str]
    sampling_rate_hz: float
    notes: tuple[str, ...] = ()


def check_file(path: Path) -> None:
    """Refuse a file that is absent, empty, too large, or that carries XML entities or a deflated DICOM body.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    DataError
        If the file must not be handed to a parser.
    """
    if not path.exists():
        raise DataError(f"{path.name}: there is no such file in {path.parent}; check the path.")
    if not path.is_file():
        raise DataError(f"{path.name}: this is a folder, not an ECG file; give the file's path.")
    size = path.stat().st_size
    if size == 0:
        raise DataError(f"{path.name}: the file is empty; export it again.")
    if size > MAX_FILE_BYTES:
        raise DataError(
            f"{path.name}: the file has {size / 2**20:.0f} MB and at most {MAX_FILE_BYTES // 2**20} MB are read; "
            "cut a resting ECG out of the long recording."
        )
    with path.open("rb") as file:
        head = file.read(4096)
        if not head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(b"<"):
            if _DEFLATED_DICOM in head:
                raise DataError(f"{path.name}: deflated DICOM is not read; export it as explicit little endian.")
            return
        if size > MAX_XML_BYTES:
            raise DataError(
                f"{path.name}: the XML has {size / 2**20:.0f} MB and at most {MAX_XML_BYTES // 2**20} MB are read; "
                "export the 10-s resting ECG alone."
            )
        # UTF-16 interleaves zero bytes; without them the keyword reads the same in every encoding expat knows.
        if b"<!ENTITY" in (head + file.read()).replace(b"\0", b"").upper():
            raise DataError(f"{path.name}: the XML declares entities, which are refused; export it without them.")


def wfdb_header(path: Path) -> Path | None:
    """Find the WFDB header that a path means.

    Parameters
    ----------
    path : Path
        ``record.hea``, ``record.dat`` or ``record``.

    Returns
    -------
    Path or None
        The header, or None if the path does not mean a WFDB record.
    """
    if path.suffix.lower() == ".hea":
        return path
    if path.suffix.lower() == ".dat" and path.with_suffix(".hea").is_file():
        return path.with_suffix(".hea")
    beside = path.with_name(path.name + ".hea")
    return beside if not path.exists() and beside.is_file() else None


def read_wfdb(header: Path) -> Channels:
    """Read a single-segment WFDB record.

    Parameters
    ----------
    header : Path
        The ``.hea`` file.

    Returns
    -------
    Channels
        Physical values; samples marked invalid are NaN.

    Raises
    ------
    DataError
        If the header states no rate, points out of its folder, or does not fit its signal files.
    """
    lines = [line for line in header.read_text("utf-8", "replace").splitlines() if line.strip()]
    lines = [line for line in lines if not line.lstrip().startswith("#")]
    record = lines[0].split() if lines else []
    if len(record) < 3:
        raise DataError(f"{header.name}: the WFDB header states no sampling rate; write it in the first line.")
    if "/" in record[0]:
        raise DataError(f"{header.name}: this WFDB record has several segments; give the header of one segment.")
    for fields in (line.split() for line in lines[1 : 1 + int(record[1])]):
        if len(fields) < 2 or fields[1].split("x")[0].split(":")[0].split("+")[0] not in _WFDB_FORMATS:
            raise DataError(f"{header.name}: a signal line is incomplete or its storage format is not supported.")
        if Path(fields[0]).name != fields[0] or "\\" in fields[0]:
            raise DataError(f"{header.name}: it names the signal file {fields[0]}; keep it in the header's folder.")
        check_file(header.parent / fields[0])
    rate_hz = float(record[2].split("/")[0].split("(")[0])
    return replace(read_vendor(header), sampling_rate_hz=rate_hz)


def read_vendor(path: Path) -> Channels:
    """Read any other format through ecgdatakit, which tells the format from the content.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Channels
        The rhythm strips of the known leads, in the unit the file states.

    Raises
    ------
    DataError
        If the format is not known or the leads differ in sampling rate.
    """
    from ecgdatakit import ChecksumWarning, FileParser, UnsupportedFormatError

    with warnings.catch_warnings(record=True) as caught:
        # Most warnings are about metadata that is not used here; a wrong checksum is about the samples.
        warnings.simplefilter("always")
        try:
            record = FileParser.parse(path)
        except UnsupportedFormatError as error:
            raise DataError(
                f"{path.name}: the file type is not known; give WFDB, DICOM, GE MUSE or Philips XML, HL7 aECG, "
                "SCP-ECG, EDF, MFER, ISHNE, CSV, NPY or Parquet."
            ) from error
    damaged = any(issubclass(warning.category, ChecksumWarning) for warning in caught)
    for lead in record.leads:
        # The parser names a second channel of lead V1 "V1_2".
        stem, _, number = lead.label.rpartition("_")
        if number.isdigit() and canonical_lead(stem) is not None:
            raise DataError(f"{path.name}: lead {stem} is stored twice; keep one channel for each lead.")
    known = [lead for lead in record.leads if canonical_lead(lead.label) is not None]
    rates = {float(lead.sampling_rate) for lead in known}
    if len(rates) > 1:
        raise DataError(
            f"{path.name}: the leads have different sampling rates ({min(rates):g} to {max(rates):g} Hz); "
            "export them at one rate."
        )
    return Channels(
        [lead.label for lead in known],
        [_values(lead) for lead in known],
        ["" if lead.is_raw else lead.units for lead in known],
        rates.pop() if rates else 0.0,
        ("The checksum stored in the file does not fit its samples.",) if damaged else (),
    )


def _values(lead: "Lead") -> NDArray[np.floating]:
    """Samples of a lead; where the file states a scale but no unit, the scale is applied and the unit left open."""
    samples = np.asarray(lead.samples, dtype=np.float64)
    return samples * lead.resolution + lead.offset if lead.is_raw and lead.resolution else samples
