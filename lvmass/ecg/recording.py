"""What the ECG room passes around: a 12-lead recording and one synchronized beat.

Lead order, units and shapes are fixed here once; every other module relies on them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lvmass.errors import DataError

LEADS: tuple[str, ...] = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""The twelve leads in the one order used everywhere."""

LIMB_LEADS: tuple[str, ...] = LEADS[:6]
PRECORDIAL_LEADS: tuple[str, ...] = LEADS[6:]

MIN_SAMPLING_RATE_HZ = 100.0
MAX_SAMPLING_RATE_HZ = 2000.0


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

    signal_mv: NDArray[np.float32]
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
        if not MIN_SAMPLING_RATE_HZ <= self.sampling_rate_hz <= MAX_SAMPLING_RATE_HZ:
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
        How many beats of the dominant class went into the waveform.
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
        Standard error of ``waveform_mv`` in each lead, from the scatter between the beats before the QRS
        complex; None where there was only one beat to look at.
    """

    waveform_mv: NDArray[np.float32]
    r_peaks: NDArray[np.int64]
    n_beats: int
    recording_rate_hz: float
    sampling_rate_hz: float = 500.0
    r_sample: int = 150
    source: str = ""
    noise_mv: NDArray[np.float32] | None = None
    lead_in_mv: NDArray[np.float32] | None = None

    @property
    def time_ms(self) -> NDArray[np.float64]:
        """Time of each sample relative to the R peak, in milliseconds."""
        return np.asarray((np.arange(self.waveform_mv.shape[1]) - self.r_sample) * 1000.0 / self.sampling_rate_hz)
