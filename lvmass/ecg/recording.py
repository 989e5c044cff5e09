"""What the ECG room passes around: a 12-lead recording and one synchronized beat, with leads in one fixed order.

Leads are matched by name, never by position. The six limb leads carry only two independent
voltages, so the missing ones follow from any two of I, II and III:

* Einthoven: ``II = I + III``
* Goldberger: ``aVR = -(I + II) / 2``, ``aVL = (I - III) / 2``, ``aVF = (II + III) / 2``

A precordial lead cannot be derived; a recording that lacks one is refused.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lvmass.errors import DataError

Floats = NDArray[np.floating]
"""Any array of real numbers; docstrings say its shape and unit."""

LEADS: tuple[str, ...] = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""The twelve leads in the one order used everywhere."""

INDEPENDENT_LEADS = [0, 1, 6, 7, 8, 9, 10, 11]
"""Rows of ``LEADS`` that carry independent voltages: I, II and V1 to V6."""

_CANONICAL = {lead.lower(): lead for lead in LEADS}
_DECORATION = re.compile(r"^(mdc_ecg_lead_|ecg[ _-]+|lead[ _:-]+)+|[ _-]*(\((einthoven|goldberger)\)|lead)$")


@dataclass(frozen=True, eq=False)
class Recording:
    """A 12-lead ECG in absolute millivolt.

    Parameters
    ----------
    signal_mv : ndarray of float32, shape (12, n_samples)
        Voltages in the order of ``LEADS``; never scaled per record, because absolute voltage
        carries information on left-ventricular mass.
    sampling_rate_hz : float
        Between 100 and 2000 Hz.
    leads : tuple of str
        Always ``LEADS``; stored so that a file made from it can say so.
    source : str
        Where the recording came from, for messages.
    notes : tuple of str
        What was odd about the file, one sentence each; `check_quality` passes them on.

    Raises
    ------
    DataError
        If the shape, the leads or the sampling rate are not as stated.

    Examples
    --------
    >>> import numpy as np
    >>> recording = Recording(np.zeros((12, 5000), np.float32), 500.0, source="silence")
    >>> recording.duration_s
    10.0
    """

    signal_mv: Floats
    sampling_rate_hz: float
    leads: tuple[str, ...] = LEADS
    source: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse anything that is not twelve named leads at a usable rate."""
        name = self.source or "recording"
        if self.leads != LEADS:
            raise DataError(f"{name}: leads are {self.leads}, but a Recording holds {LEADS} in this order.")
        if self.signal_mv.ndim != 2 or self.signal_mv.shape[0] != len(LEADS):
            raise DataError(f"{name}: the signal has shape {self.signal_mv.shape}, not (12, n_samples).")
        if not 100 <= self.sampling_rate_hz <= 2000:
            raise DataError(f"{name}: the sampling rate is {self.sampling_rate_hz:g} Hz; 100 to 2000 Hz can be read.")

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.signal_mv.shape[1] / self.sampling_rate_hz


@dataclass(frozen=True, eq=False)
class Beat:
    """One representative heartbeat, all leads cut at one common R peak (*synchronized*).

    Parameters
    ----------
    waveform_mv : ndarray of float32, shape (12, 400)
        Voltages in the order of ``LEADS``; 400 samples with the default window of -300 to +500 ms.
    r_peaks : ndarray of int, shape (n_r_peaks,)
        All R peaks found in the recording, as sample indices at ``recording_rate_hz``.
    n_beats : int
        How many beats of the dominant class went into the waveform, or were there to choose a single one from.
    recording_rate_hz : float
        Sampling rate of the recording that ``r_peaks`` counts in.
    sampling_rate_hz : float
        Sampling rate of ``waveform_mv``.
    r_sample : int
        Index of the R peak in ``waveform_mv``.
    source : str
        Where the recording came from, for messages.
    lead_in_mv : ndarray of float32, shape (12, n_before), optional
        What comes before the window, at the same sampling rate: a long PR interval begins there.
    noise_mv : ndarray of float32, shape (12,), optional
        Standard error of ``waveform_mv`` in each lead, from the scatter between the beats before R; None where there
        was only one beat to look at.
    """

    waveform_mv: Floats
    r_peaks: NDArray[np.int64]
    n_beats: int
    recording_rate_hz: float
    sampling_rate_hz: float = 500.0
    r_sample: int = 150
    source: str = ""
    noise_mv: Floats | None = None
    lead_in_mv: Floats | None = None

    @property
    def time_ms(self) -> Floats:
        """Time of each sample relative to the R peak, in milliseconds."""
        return np.asarray((np.arange(self.waveform_mv.shape[1]) - self.r_sample) * 1000.0 / self.sampling_rate_hz)


def canonical_lead(name: str) -> str | None:
    """Give a lead's standard spelling, or None if it is not one of the twelve.

    Parameters
    ----------
    name : str
        A label as files write it: ``"AVR"``, ``"Lead II"``, ``"MDC_ECG_LEAD_V1"``, ``"ecg v2"``.

    Returns
    -------
    str or None
        One of ``LEADS``, or None.

    Examples
    --------
    >>> canonical_lead("MDC_ECG_LEAD_AVF"), canonical_lead("lead ii"), canonical_lead("V4R")
    ('aVF', 'II', None)
    """
    return _CANONICAL.get(_DECORATION.sub("", name.strip().lower()).strip())


def assemble_leads(names: Sequence[str], samples: Sequence[Floats], source: str) -> Floats:
    """Put named channels into the order of ``LEADS`` and derive the limb leads that are not stored.

    Parameters
    ----------
    names : sequence of str
        Labels of the channels; labels that are none of the twelve leads are left out.
    samples : sequence of ndarray, each of shape (n_samples,)
        Voltages, all in one unit.
    source : str
        The file, for messages.

    Returns
    -------
    ndarray of float32, shape (12, n_samples)
        In the order of ``LEADS``, in the unit given.

    Raises
    ------
    DataError
        If a lead is stored twice, cannot be derived, or the leads differ in length.

    Examples
    --------
    >>> import numpy as np
    >>> eight = ["I", "II", "V1", "V2", "V3", "V4", "V5", "V6"]
    >>> twelve = assemble_leads(eight, np.ones((8, 3)), "eight leads")
    >>> twelve[:6, 0].tolist()  # I II III aVR aVL aVF
    [1.0, 1.0, 0.0, -1.0, 0.5, 0.5]
    """
    found: dict[str, Floats] = {}
    for name, values in zip(names, samples, strict=True):
        lead = canonical_lead(name)
        if lead in found:
            raise DataError(f"{source}: lead {lead} is stored twice; keep one channel for each lead.")
        if lead is not None:
            found[lead] = np.asarray(values, dtype=np.float32)
    lengths = {values.size for values in found.values()}
    if len(lengths) > 1:
        span = f"{min(lengths)} to {max(lengths)} samples"
        raise DataError(f"{source}: the leads have different lengths ({span}); export them at one sampling rate.")
    if len(found.keys() & {"I", "II", "III"}) >= 2:
        one = found["I"] if "I" in found else found["II"] - found["III"]
        two = found["II"] if "II" in found else one + found["III"]
        found |= dict(zip(LEADS, limb_leads(one, two), strict=False)) | found
    missing = [lead for lead in LEADS if lead not in found]
    if missing:
        raise DataError(
            f"{source}: lead {', '.join(missing)} is missing and cannot be derived from "
            f"{', '.join(found) or 'no known lead'}; give at least two of I, II, III and all of V1 to V6."
        )
    return np.stack([found[lead] for lead in LEADS])


def limb_leads(one: Floats, two: Floats) -> list[Floats]:
    """All six limb leads in the order of ``LEADS``, from I and II of any shape.

    Examples
    --------
    >>> limb_leads(np.float64(1.0), np.float64(3.0))
    [np.float64(1.0), np.float64(3.0), np.float64(2.0), np.float64(-2.0), np.float64(-0.5), np.float64(2.5)]
    """
    return [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
