"""Read one ECG file of any supported format into a `Recording` in millivolt.

The format is told from the file's content and name, the libraries of the field do the parsing, and everything
that can be wrong with a stranger's file ends in one `DataError`. Files are untrusted: sizes are bounded before a
parser sees them, XML with entities is refused, and nothing is unpickled.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lvmass.ecg.formats import ARRAY_FILES as ARRAY_FILES
from lvmass.ecg.formats import Channels, read_channels
from lvmass.ecg.recording import Recording, assemble_leads, canonical_lead
from lvmass.errors import DataError

_MILLIVOLT_PER_UNIT = {"nv": 1e-6, "uv": 1e-3, "\u00b5v": 1e-3, "\u03bcv": 1e-3, "mv": 1.0, "v": 1e3}
_MAX_MILLIVOLT = 1e7  # more is damage; a unit that is wrong by a factor of 1000 or a million is left to `examine`


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
        The file.
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
    if unit is not None and unit.strip().lower() not in _MILLIVOLT_PER_UNIT:
        raise DataError(f'{path.name}: the unit "{unit}" is not known; give mV, uV, V or nV.')
    try:
        with np.errstate(all="ignore"):  # damaged numbers overflow; what comes out is checked
            return _to_recording(read_channels(path, sampling_rate_hz, leads), unit, path.name)
    except DataError:
        raise
    except Exception as error:  # a parser may fail in any way on a damaged file
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise DataError(f"{path.name}: the file is damaged or no ECG ({reason}); export it again.") from error


def _to_recording(channels: Channels, unit: str | None, source: str) -> Recording:
    """Convert to millivolt, put the leads in order, and refuse what cannot be a resting ECG."""
    names, samples_mv = [], []
    for name, samples, stored in zip(channels.names, channels.samples, channels.units, strict=True):
        if canonical_lead(name) is None:
            continue
        if not stored and unit is None:
            raise DataError(f'{source}: no unit is stated for lead {name}; pass unit="mV" or unit="uV".')
        scale = _MILLIVOLT_PER_UNIT.get((stored or unit or "").strip().lower())
        if scale is None:
            raise DataError(f'{source}: lead {name} is stored in "{stored}", no unit of voltage; export it in mV.')
        if stored and unit is not None and scale != _MILLIVOLT_PER_UNIT[unit.strip().lower()]:
            raise DataError(f"{source}: lead {name} is stored in {stored} but unit is {unit}; leave unit out.")
        names.append(name)
        samples_mv.append(samples * scale)
    if not names:
        raise DataError(f"{source}: none of the twelve leads is stored; give a 12-lead ECG.")
    signal_mv = assemble_leads(names, samples_mv, source)
    if signal_mv.shape[1] == 0:
        raise DataError(f"{source}: the leads hold no samples; export it again.")
    if np.nanmax(np.abs(signal_mv), initial=0.0) > _MAX_MILLIVOLT:
        raise DataError(f"{source}: voltages exceed {_MAX_MILLIVOLT:.0e} mV; the file is damaged or its unit wrong.")
    return Recording(signal_mv, channels.sampling_rate_hz, source=source, notes=channels.notes)
