"""One synchronized beat out of a recording.

All leads are cut at one common R, so the time between leads is kept. The beats are aligned to a fraction of a
sample, those that do not look like the dominant beat (ectopics, artefacts) are left out, and the rest are combined.
A shift is common to all leads of a beat, and a fraction of a sample: at 500 Hz a whole sample of jitter would already
take 10 % off a narrow R wave.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from scipy import fft

from lvmass.ecg.delineation import isoelectric_level, qrs_bounds
from lvmass.ecg.filters import resample, zero_phase_bandpass
from lvmass.ecg.peaks import detect_r_peaks
from lvmass.ecg.recording import INDEPENDENT_LEADS, LEADS, Beat, Floats, Recording
from lvmass.errors import DataError

_LEAD_IN_MS = 240.0  # cut before the window: 200 ms for long PR intervals and the margin
_MARGIN_MS = 40.0  # cut on both sides, so that shifting a beat brings in signal and not an edge
_TRIM = 0.1  # share of the beats left out at each end of a trimmed mean
_EFFICIENCY = {"trimmed": 0.94, "median": 0.64, "mean": 1.0}  # of the mean, for normal noise

_MATCH_MS = (-90.0, 110.0)  # QRS complex and early ST segment, on which beats are compared
_MAX_SHIFT_MS = 30.0
_SAME_CLASS = 0.75
_R_SMOOTH_HZ = 100.0  # what a recording of 250 Hz still holds
_RIVAL_SHARE = 0.6  # a class this large, compared with the largest, may be the conducted one
_RIVAL_NARROWER_MS = 20.0
_MAX_COMPARED = 64  # beats of a long recording that are compared each with each
_TINY = float(np.finfo(np.float32).tiny)

Average = Literal["trimmed", "median", "mean", "single"]
Alignment = Literal["synchronized", "per-lead"]


class BeatConfig(BaseModel):
    """How a recording becomes one beat.

    Up to 0.67 Hz, the lower edge leaves the ST segment alone in a filter without phase, and an upper edge of at least
    150 Hz is asked for in adults by Kligfield et al. 2007 (AHA/ACC/HRS, Circulation 115:1306). The trimmed mean is
    nearly as blind to a stray beat as the median, with 10 to 25 % less noise. Alignment "per-lead" exists to show what
    synchronization keeps.

    Raises
    ------
    DataError
        If a value is out of range or a name is not one of these.

    Examples
    --------
    >>> BeatConfig().n_samples, BeatConfig(sampling_rate_hz=250).r_sample
    (400, 75)
    >>> BeatConfig(min_beats=0)
    Traceback (most recent call last):
    ...
    lvmass.errors.DataError: BeatConfig: min_beats: input should be greater than or equal to 1 (given: 0).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    window_before_ms: float = Field(300.0, ge=150, le=600, description="part of the beat kept before R, ms")
    window_after_ms: float = Field(500.0, ge=200, le=1000, description="part of the beat kept after R, ms")
    band_low_hz: float = Field(0.5, ge=0, le=2, description="lower edge (-3 dB) of the zero-phase filter, Hz")
    band_high_hz: float = Field(250.0, ge=20, le=500, description="upper edge (-3 dB) of the zero-phase filter, Hz")
    sampling_rate_hz: float = Field(500.0, ge=100, le=2000, description="sampling rate of the beat, Hz")
    average: Average = Field(
        "trimmed",
        description="how beats are combined at each sample: mean without the highest and lowest tenth, median, mean, "
        "or the one beat closest to the median",
    )
    min_beats: int = Field(3, ge=1, description="a recording with fewer beats in its dominant class is refused")
    alignment: Alignment = Field(
        "synchronized", description="one R for all leads, or every lead's own largest deflection at R"
    )

    def __init__(self, **values: Any) -> None:
        """Give one sentence where a value cannot make a beat."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            problem = error.errors()[0]
            name, message = problem["loc"][0], problem["msg"][0].lower() + problem["msg"][1:]
            raise DataError(f"BeatConfig: {name}: {message} (given: {problem['input']}).") from error

    # Inside a study file pydantic shall validate the fields itself and so name the place of the mistake.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @property
    def r_sample(self) -> int:
        """Index of R in the beat."""
        return round(self.window_before_ms * self.sampling_rate_hz / 1000)

    @property
    def n_samples(self) -> int:
        """Length of the beat."""
        return self.r_sample + round(self.window_after_ms * self.sampling_rate_hz / 1000)


DEFAULT = BeatConfig()


@dataclass(frozen=True, eq=False)
class _AlignedBeats:
    """The beats of a recording's dominant class, laid on each other, before they are combined.

    Parameters
    ----------
    beats_mv : ndarray of float32, shape (n_beats, 12, n_samples)
        With 240 ms before and 40 ms after the window.
    centre : float
        Samples from the index of R to the R of their mean.
    r_peaks : ndarray of int, shape (n_r_peaks,)
        All R peaks, as sample indices of the recording.
    recording : Recording
        Where they were cut from.
    config : BeatConfig
        How they were cut.
    """

    beats_mv: Floats
    centre: float
    r_peaks: NDArray[np.int64]
    recording: Recording
    config: BeatConfig

    def combined(self, average: Average, alignment: Alignment) -> Beat:
        """Make one beat of them; the level of each lead at the QRS onset becomes 0 mV."""
        config, rate_hz = self.config, self.config.sampling_rate_hz
        margin, lead_in = _margins(rate_hz)
        r, chosen = lead_in + config.r_sample, self.beats_mv
        if alignment == "per-lead":
            chosen = _align_each_lead(chosen, r, rate_hz)
        waveform = _combine(chosen, average)
        if alignment == "synchronized":
            waveform = _shift(waveform, np.array(-self.centre))
        onset, _ = qrs_bounds(waveform[INDEPENDENT_LEADS], r, rate_hz)
        waveform = (waveform - isoelectric_level(waveform, onset, rate_hz)).astype(np.float32)
        return Beat(
            waveform_mv=np.ascontiguousarray(waveform[:, lead_in : lead_in + config.n_samples]),
            r_peaks=self.r_peaks,
            n_beats=len(chosen),
            recording_rate_hz=self.recording.sampling_rate_hz,
            sampling_rate_hz=rate_hz,
            r_sample=config.r_sample,
            source=self.recording.source,
            noise_mv=_standard_error(chosen[:, :, lead_in:r], average) if len(chosen) > 1 else None,
            lead_in_mv=np.ascontiguousarray(waveform[:, margin:lead_in]),
        )


def synchronized_beat(recording: Recording, config: BeatConfig = DEFAULT) -> Beat:
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
    >>> from lvmass.ecg import read_ecg
    >>> beat = synchronized_beat(read_ecg(get_testdata_file("waveform_ecg.dcm")))
    >>> beat.waveform_mv.shape, beat.r_sample, beat.n_beats
    ((12, 400), 150, 10)
    """
    return aligned_beats(recording, config).combined(config.average, config.alignment)


def aligned_beats(recording: Recording, config: BeatConfig) -> _AlignedBeats:
    """Filter, find R, cut, align, and leave out other beat classes: `synchronized_beat` before its last step.

    Parameters
    ----------
    recording : Recording
        At least ``config.min_beats`` whole beats of one class.
    config : BeatConfig
        Window and filter.

    Returns
    -------
    _AlignedBeats

    Raises
    ------
    DataError
        If the signal holds NaN, a lead is flat, or too few beats are found.

    Examples
    --------
    >>> from pydicom.data import get_testdata_file
    >>> from lvmass.ecg import read_ecg
    >>> aligned = aligned_beats(read_ecg(get_testdata_file("waveform_ecg.dcm")), BeatConfig())
    >>> aligned.beats_mv.shape  # 240 + 300 + 500 + 40 ms at 500 Hz
    (10, 12, 540)
    """
    name, signal = recording.source or "recording", recording.signal_mv
    missing, flat = ~np.isfinite(signal).all(axis=1), (signal == signal[:, :1]).all(axis=1)
    for bad, what in ((missing, "holds NaN; cut the gap out or"), (flat, "is flat; check the electrode and")):
        if bad.any():
            raise DataError(f"{name}: lead {', '.join(np.array(LEADS)[bad])} {what} record again.")
    r_peaks = detect_r_peaks(recording.signal_mv, recording.sampling_rate_hz)
    rate_hz = config.sampling_rate_hz
    signal = resample(recording.signal_mv, recording.sampling_rate_hz, rate_hz)
    signal = zero_phase_bandpass(signal, rate_hz, config.band_low_hz, config.band_high_hz)
    at = np.round(r_peaks * (rate_hz / recording.sampling_rate_hz)).astype(np.int64)
    margin, lead_in = _margins(rate_hz)
    before, length = lead_in + config.r_sample, lead_in + config.n_samples + margin
    needed = f"and {config.min_beats} are needed; give a longer or cleaner recording."
    whole = (at >= config.r_sample + margin) & (at - before + length <= signal.shape[1])
    if whole.sum() < config.min_beats:
        found = f"{whole.sum()} whole heartbeats were found in {recording.duration_s:.1f} s"
        raise DataError(f"{name}: {found} {needed}")
    # A beat near the start may lack a part of the lead-in; its first sample stands in for it.
    index = np.maximum((at[whole] - before)[:, None] + np.arange(length), 0)
    cut = signal[:, index].transpose(1, 0, 2)
    cut = cut - _quiet_level(cut, before, rate_hz)
    delay, same = _align_dominant(cut, before, rate_hz)
    if same.sum() < config.min_beats:
        raise DataError(f"{name}: only {same.sum()} of {same.size} heartbeats look alike {needed}")
    chosen = _shift(cut[same], -delay[same])
    centre = _peak_offset(chosen.mean(axis=0), before, rate_hz)
    r_peaks = r_peaks.copy()
    moved = (at[whole][same] + delay[same] + centre) * (recording.sampling_rate_hz / rate_hz)
    r_peaks[np.flatnonzero(whole)[same]] = np.round(moved).astype(np.int64)
    return _AlignedBeats(chosen, centre, r_peaks, recording, config)


def _margins(rate_hz: float) -> tuple[int, int]:
    """Samples cut beyond the window, after and before it."""
    return round(_MARGIN_MS * rate_hz / 1000), round(_LEAD_IN_MS * rate_hz / 1000)


def _quiet_level(beats: Floats, r_sample: int, rate_hz: float) -> Floats:
    """Level of each lead in the quietest 20 ms of the 160 to 30 ms before R: the isoelectric PR segment."""
    width = max(2, round(0.020 * rate_hz))
    start, stop = r_sample - round(0.160 * rate_hz), r_sample - round(0.030 * rate_hz)
    slope = np.diff(beats[:, INDEPENDENT_LEADS, start:stop], axis=-1)
    moved = np.cumsum(np.einsum("bij,bij->bj", slope, slope), axis=-1)
    quietest = start + 1 + np.argmin(moved[:, width:] - moved[:, :-width], axis=-1)
    index = quietest[:, None, None] + np.arange(width + 1)
    return np.take_along_axis(beats, index, axis=-1).mean(axis=-1, keepdims=True)


def _align_each_lead(beats: Floats, r_sample: int, rate_hz: float) -> Floats:
    """Put every lead's own largest deflection at R (the ablation of synchronization)."""
    half = round(0.06 * rate_hz)
    peak = np.argmax(np.abs(beats[..., r_sample - half : r_sample + half + 1]), axis=-1) - half
    return _shift(beats[..., None, :], -peak.astype(np.float64))[..., 0, :]


def _combine(beats: Floats, average: Average) -> Floats:
    """Combine aligned beats (n, 12, t) as `BeatConfig.average` says."""
    if average == "mean":
        return beats.mean(axis=0)
    if average == "trimmed":
        n_dropped = min(max(1, round(_TRIM * len(beats))), (len(beats) - 1) // 2)
        return np.sort(beats, axis=0)[n_dropped : len(beats) - n_dropped].mean(axis=0)
    median = np.median(beats, axis=0)
    return median if average == "median" else beats[np.argmax(_similarity(beats, median))]


def _standard_error(before_r: Floats, average: Average) -> Floats:
    """Standard error of each lead from how the beats (n, 12, t) scatter before R.

    A straight line is taken out of each beat first: drift is no obstacle to seeing a P wave, fibrillation is.
    """
    n_beats, _, n_samples = before_r.shape
    line = np.linspace(-1.0, 1.0, n_samples)
    lines = np.stack([np.ones(n_samples), line / np.sqrt((line**2).mean())]) / np.sqrt(n_samples)
    rest = before_r - before_r.mean(axis=0)
    rest = rest - (rest @ lines.T) @ lines
    variance = np.square(rest).mean(axis=(0, 2)) * n_beats / (n_beats - 1)
    n_effective = 1.0 if average == "single" else n_beats * _EFFICIENCY[average]
    return np.sqrt(variance / n_effective).astype(np.float32)


def _align_dominant(beats: Floats, r_sample: int, rate_hz: float) -> tuple[Floats, NDArray[np.bool_]]:
    """Delay of each beat (n, 12, t) behind the dominant class in samples, at most 30 ms, and whether it belongs to it.

    The dominant class is the largest; in bigeminy, where a class of wide beats can be as large, it is the narrow one.
    """
    start, stop = (r_sample + round(ms * rate_hz / 1000) for ms in _MATCH_MS)
    part = np.ascontiguousarray(beats[:, INDEPENDENT_LEADS, start:stop])
    template = _dominant_template(part, r_sample - start, rate_hz)
    delay = _delay(part, template, rate_hz)
    same = np.ones(len(beats), dtype=bool)
    for _ in range(2):
        aligned = _shift(part, -delay)
        same = _similarity(aligned, template) >= _SAME_CLASS
        if not same.any():
            break
        template = aligned[same].mean(axis=0)
        delay = _delay(part, template, rate_hz)
    return delay, same


def _dominant_template(beats: Floats, r_sample: int, rate_hz: float) -> Floats:
    """Beat most like the others of the dominant class."""
    some = beats[np.linspace(0, len(beats) - 1, min(len(beats), _MAX_COMPARED)).astype(int)]
    flat = some.reshape(len(some), -1)
    product = flat @ flat.T
    size = np.diag(product)
    alike = 2 * product / np.maximum(size[:, None] + size, _TINY)
    friends = alike >= _SAME_CLASS
    rank = friends.sum(axis=1) + 0.5 * alike.mean(axis=1)
    first = int(np.argmax(rank))
    others = ~friends[first]
    if others.any():
        rank = np.where(others, (friends & others).sum(axis=1) + 0.5 * alike.mean(axis=1), -np.inf)
        rival = int(np.argmax(rank))
        if (friends[rival] & others).sum() >= max(3, _RIVAL_SHARE * friends[first].sum()):
            means = (some[friends[i]].mean(axis=0) for i in (rival, first))
            narrow_ms, wide_ms = (np.ptp(qrs_bounds(mean, r_sample, rate_hz)) * 1000 / rate_hz for mean in means)
            if narrow_ms < wide_ms - _RIVAL_NARROWER_MS:
                return some[rival]
    return some[first]


def _similarity(beats: Floats, template: Floats) -> Floats:
    """Compare beats (n, leads, t) with a template (leads, t), in shape and in voltage.

    ``1 - |a - b|² / (|a|² + |b|²)``: 1 for equal, 0 for unrelated, -1 for opposite beats, in any unit.
    """
    flat, one = beats.reshape(len(beats), -1), template.ravel()
    size = np.einsum("ij,ij->i", flat, flat) + one @ one
    return 2 * (flat @ one) / np.maximum(size, _TINY)


def _shift(beats: Floats, samples: Floats) -> Floats:
    """Delay beats (..., leads, t) by fractions of samples (...), through the phase of the spectrum.

    The beats need some margin: what is shifted in at an end is not signal.
    """
    n = beats.shape[-1]
    # The straight line between the ends is moved aside: a step between them would ring after the shift.
    line = beats[..., :1] + (beats[..., -1:] - beats[..., :1]) * np.linspace(0.0, 1.0, n, dtype=np.float32)
    phase = np.exp(-2j * np.pi * fft.rfftfreq(n) * np.asarray(samples)[..., None]).astype(np.complex64)
    return fft.irfft(fft.rfft(beats - line) * phase[..., None, :], n) + line


def _peak_offset(beat: Floats, r_sample: int, rate_hz: float) -> float:
    """Samples from ``r_sample`` to R: where the vector of all leads is longest, smoothed to a common bandwidth."""
    half = round(_MAX_SHIFT_MS * rate_hz / 1000) + 1
    smooth = zero_phase_bandpass(beat[INDEPENDENT_LEADS], rate_hz, 0.0, _R_SMOOTH_HZ)
    length = np.square(smooth[:, r_sample - half : r_sample + half + 1]).sum(axis=0)[None]
    return float(_top(length, half)[0])


def _delay(beats: Floats, template: Floats, rate_hz: float) -> Floats:
    """Delay of each beat behind the template, by cross-correlation over all leads."""
    n_fast = fft.next_fast_len(2 * beats.shape[-1], real=True)
    spectrum = np.einsum("ijk,jk->ik", fft.rfft(beats, n_fast), np.conj(fft.rfft(template, n_fast)))
    correlation = fft.irfft(spectrum, n_fast)
    limit = round(_MAX_SHIFT_MS * rate_hz / 1000)
    return _top(np.concatenate([correlation[:, -limit - 1 :], correlation[:, : limit + 2]], axis=1), limit + 1)


def _top(values: Floats, zero: int) -> Floats:
    """Samples from ``zero`` to the top of each row, by the parabola through the highest value and its neighbours."""
    row, best = np.arange(len(values)), 1 + np.argmax(values[:, 1:-1], axis=1)
    left, top, right = (values[row, best + step] for step in (-1, 0, 1))
    curvature = left - 2 * top + right
    fraction = 0.5 * (left - right) / np.where(curvature < 0, curvature, -np.inf)
    return best - zero + np.clip(fraction, -0.5, 0.5)
