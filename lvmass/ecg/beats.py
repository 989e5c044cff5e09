"""One synchronized beat out of a recording.

All leads are cut at one common R, so the time between leads is kept. The beats are aligned to a fraction of a
sample, those that do not look like the dominant beat (ectopics, artefacts) are left out, and the rest are combined.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lvmass.ecg.alignment import align_dominant, peak_offset, shift, similarity
from lvmass.ecg.filters import resample, zero_phase_bandpass
from lvmass.ecg.leads import INDEPENDENT_LEADS
from lvmass.ecg.peaks import detect_r_peaks
from lvmass.ecg.qrs import isoelectric_level, qrs_bounds
from lvmass.ecg.recording import LEADS, Beat, Recording
from lvmass.errors import DataError

_LEAD_IN_MS = 240.0  # cut before the window: 200 ms for long PR intervals and the margin
_MARGIN_MS = 40.0  # cut on both sides, so that shifting a beat brings in signal and not an edge
_TRIM = 0.1  # share of the beats left out at each end of a trimmed mean
_EFFICIENCY = {"trimmed": 0.94, "median": 0.64, "mean": 1.0}  # of the mean, for normal noise


@dataclass(frozen=True)
class BeatConfig:
    """How a recording becomes one beat.

    Parameters
    ----------
    window_before_ms, window_after_ms : float
        Part of the beat kept before and after R.
    band_low_hz, band_high_hz : float
        Edges (-3 dB) of the zero-phase filter. Up to 0.67 Hz leave the ST segment alone in a filter without phase, and
        at least 150 Hz are asked for in adults by Kligfield et al. 2007 (AHA/ACC/HRS, Circulation 115:1306).
    sampling_rate_hz : float
        Sampling rate of the beat.
    average : {"trimmed", "median", "mean", "single"}
        How the beats of the dominant class are combined. "trimmed" leaves out the highest and lowest tenth at each
        sample (at least one each) and averages the rest: nearly as blind to a stray beat as the median, with 10 to
        25 % less noise. "single" takes the one beat closest to the median.
    min_beats : int
        Fewer beats in the dominant class are refused.
    alignment : {"synchronized", "per-lead"}
        "per-lead" puts every lead's own largest deflection at R and so destroys the time between leads; it exists
        to show what synchronization keeps.

    Raises
    ------
    DataError
        If a value is out of range.

    Examples
    --------
    >>> BeatConfig().n_samples, BeatConfig().r_sample
    (400, 150)
    """

    window_before_ms: float = 300.0
    window_after_ms: float = 500.0
    band_low_hz: float = 0.5
    band_high_hz: float = 250.0
    sampling_rate_hz: float = 500.0
    average: Literal["trimmed", "median", "mean", "single"] = "trimmed"
    min_beats: int = 3
    alignment: Literal["synchronized", "per-lead"] = "synchronized"

    def __post_init__(self) -> None:
        """Refuse values that cannot make a beat."""
        problems = {
            "window_before_ms must be 150 to 600": not 150 <= self.window_before_ms <= 600,
            "window_after_ms must be 200 to 1000": not 200 <= self.window_after_ms <= 1000,
            "band_low_hz must be 0 to 2": not 0 <= self.band_low_hz <= 2,
            "band_high_hz must be 20 to 500": not 20 <= self.band_high_hz <= 500,
            "sampling_rate_hz must be 100 to 2000": not 100 <= self.sampling_rate_hz <= 2000,
            'average must be "trimmed", "median", "mean" or "single"': self.average
            not in ("trimmed", "median", "mean", "single"),
            "min_beats must be at least 1": self.min_beats < 1,
            'alignment must be "synchronized" or "per-lead"': self.alignment not in ("synchronized", "per-lead"),
        }
        for problem, present in problems.items():
            if present:
                raise DataError(f"BeatConfig: {problem} (given: {getattr(self, problem.split()[0])}).")

    @property
    def r_sample(self) -> int:
        """Index of R in the beat."""
        return round(self.window_before_ms * self.sampling_rate_hz / 1000)

    @property
    def n_samples(self) -> int:
        """Length of the beat."""
        return self.r_sample + round(self.window_after_ms * self.sampling_rate_hz / 1000)


_DEFAULT = BeatConfig()


def synchronized_beat(recording: Recording, config: BeatConfig = _DEFAULT) -> Beat:
    """Make one representative beat of a recording.

    Filter, find R, cut, align, leave out other beat classes, combine. The level of each lead at the QRS onset
    becomes 0 mV; the voltage is not scaled.

    Parameters
    ----------
    recording : Recording
        At least ``config.min_beats`` whole beats of one class.
    config : BeatConfig
        Window, filter and average.

    Returns
    -------
    Beat
        ``waveform_mv`` of shape (12, config.n_samples) with R at ``config.r_sample``.

    Raises
    ------
    DataError
        If the signal holds NaN, a lead is flat, or too few beats are found.

    Examples
    --------
    >>> from pydicom.data import get_testdata_file
    >>> from lvmass.ecg.reading import read_ecg
    >>> beat = synchronized_beat(read_ecg(get_testdata_file("waveform_ecg.dcm")))
    >>> beat.waveform_mv.shape, beat.r_sample, beat.n_beats
    ((12, 400), 150, 10)
    """
    name = recording.source or "recording"
    _refuse_unusable(recording, name)
    r_peaks = detect_r_peaks(recording.signal_mv, recording.sampling_rate_hz)
    rate_hz = config.sampling_rate_hz
    signal = resample(recording.signal_mv, recording.sampling_rate_hz, rate_hz)
    signal = zero_phase_bandpass(signal, rate_hz, config.band_low_hz, config.band_high_hz)
    at = np.round(r_peaks * (rate_hz / recording.sampling_rate_hz)).astype(np.int64)
    margin, lead_in = (round(ms * rate_hz / 1000) for ms in (_MARGIN_MS, _LEAD_IN_MS))
    before, length = lead_in + config.r_sample, lead_in + config.n_samples + margin
    whole = (at >= config.r_sample + margin) & (at - before + length <= signal.shape[1])
    if whole.sum() < config.min_beats:
        raise DataError(
            f"{name}: {int(whole.sum())} whole heartbeats were found in {recording.duration_s:.1f} s and "
            f"{config.min_beats} are needed; give a longer or cleaner recording."
        )
    # A beat near the start may lack a part of the lead-in; its first sample stands in for it.
    index = np.maximum((at[whole] - before)[:, None] + np.arange(length), 0)
    cut = signal[:, index].transpose(1, 0, 2)
    cut = cut - _quiet_level(cut, before, rate_hz)
    delay, same = align_dominant(cut, before, rate_hz)
    if same.sum() < config.min_beats:
        raise DataError(
            f"{name}: only {int(same.sum())} of {same.size} heartbeats look alike and "
            f"{config.min_beats} are needed; give a longer or cleaner recording."
        )
    chosen = shift(cut[same], -delay[same])
    centre = peak_offset(chosen.mean(axis=0), before, rate_hz)
    if config.alignment == "per-lead":
        chosen = _align_each_lead(chosen, before, rate_hz)
        waveform = _combine(chosen, config.average)
    else:
        waveform = shift(_combine(chosen, config.average), np.array(-centre))
    onset, _ = qrs_bounds(waveform[list(INDEPENDENT_LEADS)], before, rate_hz)
    waveform = waveform - isoelectric_level(waveform, onset, rate_hz)
    r_peaks = r_peaks.copy()
    moved = (at[whole][same] + delay[same] + centre) * (recording.sampling_rate_hz / rate_hz)
    r_peaks[np.flatnonzero(whole)[same]] = np.round(moved).astype(np.int64)
    noise_mv = _standard_error(chosen[:, :, lead_in:before], config.average) if len(chosen) > 1 else None
    waveform = waveform.astype(np.float32)
    return Beat(
        waveform_mv=np.ascontiguousarray(waveform[:, lead_in : lead_in + config.n_samples]),
        r_peaks=r_peaks,
        n_beats=int(same.sum()),
        recording_rate_hz=recording.sampling_rate_hz,
        sampling_rate_hz=rate_hz,
        r_sample=config.r_sample,
        source=recording.source,
        noise_mv=noise_mv,
        lead_in_mv=np.ascontiguousarray(waveform[:, margin:lead_in]),
    )


def _refuse_unusable(recording: Recording, name: str) -> None:
    """Raise where no beat can be made whatever the algorithm."""
    finite = np.asarray(np.isfinite(recording.signal_mv).all(axis=1))
    if not finite.all():
        names = ", ".join(lead for lead, good in zip(LEADS, finite, strict=True) if not good)
        raise DataError(f"{name}: lead {names} holds NaN; cut the gap out or record again.")
    flat = np.ptp(recording.signal_mv, axis=1) == 0 if recording.signal_mv.shape[1] else np.ones(12, dtype=bool)
    if flat.any():
        names = ", ".join(lead for lead, bad in zip(LEADS, flat, strict=True) if bad)
        raise DataError(f"{name}: lead {names} is flat; check the electrode and record again.")


def _quiet_level(beats: NDArray[np.float32], r_sample: int, rate_hz: float) -> NDArray[np.float32]:
    """Level of each lead in the quietest 20 ms of the 160 to 30 ms before R: the isoelectric PR segment."""
    width = max(2, round(0.020 * rate_hz))
    start, stop = r_sample - round(0.160 * rate_hz), r_sample - round(0.030 * rate_hz)
    slope = np.diff(beats[..., list(INDEPENDENT_LEADS), start:stop], axis=-1)
    moved = np.cumsum(np.einsum("...ij,...ij->...j", slope, slope), axis=-1)
    window = moved[..., width:] - moved[..., :-width]
    quietest = start + 1 + np.argmin(window, axis=-1)
    index = np.asarray(quietest)[..., None, None] + np.arange(width + 1)
    return np.take_along_axis(beats, np.broadcast_to(index, (*beats.shape[:-1], width + 1)), axis=-1).mean(
        axis=-1, keepdims=True
    )


def _align_each_lead(beats: NDArray[np.float32], r_sample: int, rate_hz: float) -> NDArray[np.float32]:
    """Put every lead's own largest deflection at R (the ablation of synchronization)."""
    half = round(0.06 * rate_hz)
    peak = np.argmax(np.abs(beats[..., r_sample - half : r_sample + half + 1]), axis=-1) - half
    return shift(beats[..., None, :], -peak.astype(np.float64))[..., 0, :]


def _combine(beats: NDArray[np.float32], average: str) -> NDArray[np.float32]:
    """Combine aligned beats (n, 12, t) as `BeatConfig.average` says."""
    if average == "mean":
        return beats.mean(axis=0)
    if average == "trimmed":
        n_dropped = min(max(1, round(_TRIM * len(beats))), (len(beats) - 1) // 2)
        return np.sort(beats, axis=0)[n_dropped : len(beats) - n_dropped].mean(axis=0)
    median = np.median(beats, axis=0)
    return median if average == "median" else beats[np.argmax(similarity(beats, median))]


def _standard_error(before_qrs: NDArray[np.floating], average: str) -> NDArray[np.float32]:
    """Standard error of each lead from how the beats (n, 12, t) scatter before their QRS complexes.

    A straight line is taken out of each beat first: drift is no obstacle to seeing a P wave, fibrillation is.
    """
    n_beats, _, n_samples = before_qrs.shape
    line = np.linspace(-1.0, 1.0, n_samples)
    lines = np.stack([np.ones(n_samples), line / np.sqrt((line**2).mean())]) / np.sqrt(n_samples)
    rest = before_qrs - before_qrs.mean(axis=0)
    rest = rest - (rest @ lines.T) @ lines
    variance = np.square(rest).mean(axis=(0, 2)) * n_beats / (n_beats - 1)
    n_effective = 1.0 if average == "single" else n_beats * _EFFICIENCY[average]
    return np.sqrt(variance / n_effective).astype(np.float32)
