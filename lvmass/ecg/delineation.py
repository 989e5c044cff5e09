"""Where the P, QRS and T waves of one synchronized beat begin and end, from all leads together.

All leads share one beat, so their slopes are averaged into one *speed* of the heart's electric vector, which is high
in a wave and near the noise level between waves. A wave ends where the speed has fallen to a small share of the
wave's own highest speed above the noise. This follows the multi-lead idea of the CSE working party (Willems et al.
1985, Eur Heart J 6:815) and the spatial velocity of van Bemmel et al. (1974, Comput Biomed Res 7:1). Thresholds
are shares of the wave itself, so the result does not depend on voltage; times are interpolated between samples,
so it hardly depends on the sampling rate. For P and T, the QRS complex is held still first, so that it does not leak
into their slower bands.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lvmass.ecg.filters import zero_phase_bandpass
from lvmass.ecg.recording import INDEPENDENT_LEADS, Beat, Floats

# smoothing, share of the top speed and time below it, and how many times the noise is let pass
_QRS_SMOOTH_HZ = 32.0
_ONSET_SHARE, _ONSET_QUIET_MS, _ONSET_NOISE = 0.02, 8.0, 2.5
_OFFSET_SHARE, _OFFSET_QUIET_MS, _OFFSET_NOISE = 0.045, 16.0, 2.0
_QRS_HALF_MS = (180.0, 190.0)  # farthest onset and offset from R
_PACING_RATIO = 1.2
_PACING_BLANK_MS = 10.0

_P_SMOOTH_HZ, _P_ONSET_SHARE, _P_OFFSET_SHARE = 16.0, 0.3, 0.4
_P_HALF_MS = 80.0
_P_STEEP = 0.6
_MIN_P_MV, _MIN_P_SNR = 0.0125, 2.2
_IRREGULAR_RR, _MIN_P_SNR_DOUBTFUL = 0.09, 7.0

_T_SMOOTH_HZ, _T_STEEP, _T_SHARE = 10.0, 0.5, 0.2
_MIN_T_MV, _MIN_T_SNR = 0.03, 2.0
_PR_MS = 180.0  # room left for the next beat's P wave and QRS onset

ST_MS = 60.0
"""The T wave is looked for this long after the QRS offset."""


@dataclass(frozen=True, eq=False)
class Fiducials:
    """Times relative to R in milliseconds; NaN where a wave is absent or lies outside the beat."""

    p_onset_ms: float
    p_offset_ms: float
    qrs_onset_ms: float
    qrs_offset_ms: float
    t_offset_ms: float


def delineate(beat: Beat) -> Fiducials:
    """Find onset and offset of P and QRS and the end of T.

    Parameters
    ----------
    beat : Beat
        One synchronized beat.

    Returns
    -------
    Fiducials
        Times relative to R.

    Examples
    --------
    >>> from pydicom.data import get_testdata_file
    >>> from lvmass.ecg import read_ecg, synchronized_beat
    >>> points = delineate(synchronized_beat(read_ecg(get_testdata_file("waveform_ecg.dcm"))))
    >>> -50 < points.qrs_onset_ms < -30 < 25 < points.qrs_offset_ms < 45  # the cart: -41 and +34
    True
    """
    rate_hz, r = beat.sampling_rate_hz, beat.r_sample
    waves = beat.waveform_mv[INDEPENDENT_LEADS]
    if beat.lead_in_mv is not None:
        waves = np.concatenate([beat.lead_in_mv[INDEPENDENT_LEADS], waves], axis=1)
        r += beat.lead_in_mv.shape[1]
    noise_mv = 0.0 if beat.noise_mv is None else float(beat.noise_mv[INDEPENDENT_LEADS].mean())
    onset, offset = qrs_bounds(waves, r, rate_hz)
    rr = np.diff(beat.r_peaks) * (rate_hz / beat.recording_rate_hz)
    # The beat after a short interval shows up in the averaged window, so the short intervals set the limits.
    short_rr = float(np.percentile(rr, 20)) if rr.size else np.inf
    t_offset = _t_offset(waves, onset, offset, r + short_rr - _PR_MS * rate_hz / 1000, rate_hz, noise_mv)
    first = (t_offset if np.isfinite(t_offset) else offset) - short_rr
    paced = pacing_edges(waves, r, rate_hz)
    last = onset if paced.size == 0 else paced[0] - 0.004 * rate_hz
    irregular = rr.size >= 3 and float(np.median(np.abs(rr - np.median(rr)))) > _IRREGULAR_RR * np.median(rr)
    doubtful = bool(irregular or paced.size)
    p_onset, p_offset = _p_wave(waves, max(0.0, first), last, rate_hz, noise_mv, doubtful)
    times = (np.array([p_onset, p_offset, onset, offset, t_offset]) - r) * (1000.0 / rate_hz)
    return Fiducials(*times.tolist())


def qrs_bounds(waves: Floats, r_sample: int, rate_hz: float) -> tuple[float, float]:
    """Onset and offset of the QRS complex.

    Parameters
    ----------
    waves : ndarray, shape (n_leads, n_samples)
        One beat, from at least 150 ms before to 200 ms after R.
    r_sample : int
        Index of R.
    rate_hz : float
        Samples per second.

    Returns
    -------
    tuple of float
        Sample positions, interpolated.

    Examples
    --------
    >>> import numpy as np
    >>> waves = np.exp(-(np.arange(-150, 250) ** 2) / (2 * 7.0**2))[None]  # 14 ms wide at 500 Hz
    >>> [round(sample) for sample in qrs_bounds(waves, 150, 500.0)]
    [127, 172]
    """

    def samples(ms: float) -> int:
        return round(ms * rate_hz / 1000)

    edges = pacing_edges(waves, r_sample, rate_hz)
    first = max(0, r_sample - samples(_QRS_HALF_MS[0]))
    if edges.size:
        first = min(r_sample - samples(20), int(edges[-1]) + samples(_PACING_BLANK_MS))
        # The pulse becomes a straight line, so that smoothing does not spread it.
        before, waves = int(edges[0]) - samples(4), waves.copy()
        waves[:, before : first + 1] = np.linspace(waves[:, before], waves[:, first], first - before + 1, axis=1)
    speed = _mean_speed(zero_phase_bandpass(waves, rate_hz, 0.0, _QRS_SMOOTH_HZ))
    top = float(speed[r_sample - samples(60) : r_sample + samples(60) + 1].max())
    before_qrs = speed[max(0, r_sample - samples(150)) : r_sample - samples(30)]
    after_qrs = speed[r_sample + samples(50) : r_sample + samples(180)]
    last = min(speed.size - 1, r_sample + samples(_QRS_HALF_MS[1]))
    low = _ONSET_NOISE * np.percentile(before_qrs, 20) + _ONSET_SHARE * top
    onset = _walk_to_rest(speed, r_sample - samples(10), first, low, samples(_ONSET_QUIET_MS))
    low = _OFFSET_NOISE * np.percentile(after_qrs, 20) + _OFFSET_SHARE * top
    offset = _walk_to_rest(speed, r_sample + samples(10), last, low, samples(_OFFSET_QUIET_MS))
    return onset, offset


def pacing_edges(waves: Floats, r_sample: int, rate_hz: float) -> NDArray[np.int64]:
    """Sharp edges of pacing pulses before the QRS complex.

    A pacing pulse jumps within a few milliseconds out of a quiet signal, faster than any part of the smoothed QRS
    complex that follows.

    Parameters
    ----------
    waves : ndarray, shape (n_leads, n_samples)
        One beat.
    r_sample : int
        Index of R.
    rate_hz : float
        Samples per second.

    Returns
    -------
    ndarray of int64, shape (n_edges,)
        Sample positions; empty in a beat that is not paced.

    Examples
    --------
    >>> import numpy as np
    >>> waves = np.exp(-(np.arange(-150, 250) ** 2) / (2 * 7.0**2))[None]
    >>> waves[0, 110:112] += 2.0  # a pulse 80 ms before R
    >>> pacing_edges(waves, 150, 500.0).tolist()
    [110]
    """
    ms = rate_hz / 1000
    raw = _mean_speed(waves)
    start, stop = max(round(12 * ms), r_sample - round(180 * ms)), r_sample - round(34 * ms)
    if stop <= start or raw[start:stop].max() <= _PACING_RATIO * raw[stop:].max() * 0.5:
        return np.empty(0, dtype=np.int64)
    smooth = _mean_speed(zero_phase_bandpass(waves, rate_hz, 0.0, _QRS_SMOOTH_HZ))
    top = float(smooth[r_sample - round(30 * ms) : r_sample + round(80 * ms)].max())
    found = []
    for i in range(start, stop):
        quiet_before = raw[i - round(10 * ms) : i - round(5 * ms)].max(initial=0.0) < 0.4 * raw[i]
        if raw[i] > _PACING_RATIO * top and raw[i] >= raw[i - 1 : i + 2].max() and quiet_before:
            found.append(i)
    return np.array(found, dtype=np.int64)


def isoelectric_level(waves: Floats, onset: float, rate_hz: float) -> Floats:
    """Level of each lead at the QRS onset (over 6 ms, against noise), from which amplitudes are measured.

    Parameters
    ----------
    waves : ndarray, shape (n_leads, n_samples)
        One beat.
    onset : float
        QRS onset as a sample position.
    rate_hz : float
        Samples per second.

    Returns
    -------
    ndarray, shape (n_leads, 1)
        In the unit of ``waves``.

    Examples
    --------
    >>> import numpy as np
    >>> isoelectric_level(np.arange(400.0)[None], 120.0, 500.0).tolist()  # samples 118 to 121
    [[119.5]]
    """
    start, stop = round(onset - 0.004 * rate_hz), round(onset + 0.002 * rate_hz)
    return waves[:, max(0, start) : max(0, stop) + 1].mean(axis=1, keepdims=True)


def _t_offset(waves: Floats, onset: float, offset: float, limit: float, rate_hz: float, noise_mv: float) -> float:
    """End of the T wave: where the last steep slope has come to rest."""
    start, stop = round(offset + ST_MS * rate_hz / 1000), round(min(limit, waves.shape[1] - 1))
    if stop - start < 0.06 * rate_hz:
        return np.nan
    smooth = _smooth_part(waves, round(offset), waves.shape[1], rate_hz, _T_SMOOTH_HZ)
    size = np.sqrt(np.square(smooth - isoelectric_level(waves, onset, rate_hz)).mean(axis=0))
    peak = start + int(np.argmax(size[start:stop]))
    if size[peak] < max(_MIN_T_MV, _MIN_T_SNR * noise_mv):
        return np.nan
    speed = _mean_speed(smooth)
    rest = float(np.percentile(speed[peak:], 10))
    moving = speed[start : stop + 1] - rest
    # The last steep slope is that of the T wave; a U wave after it is flatter.
    steep = stop - int(np.argmax(moving[::-1] >= _T_STEEP * moving.max()))
    end = _walk_to_rest(speed, steep, waves.shape[1] - 1, rest + _T_SHARE * float(moving.max()), round(0.010 * rate_hz))
    return end if end < waves.shape[1] - 1 else np.nan


def _p_wave(
    waves: Floats, first: float, last: float, rate_hz: float, noise_mv: float, doubtful: bool
) -> tuple[float, float]:
    """Onset and offset of the P wave between the last T wave and the QRS complex; NaN where there is none.

    In atrial fibrillation the averaged fibrillatory waves stay within a few standard errors of the beat; an irregular
    or paced rhythm, behind which it may hide, asks for more.
    """
    start, stop = round(first), round(last)
    if stop - start < 0.05 * rate_hz:
        return np.nan, np.nan
    smooth = _smooth_part(waves, 0, stop, rate_hz, _P_SMOOTH_HZ)[:, :stop]
    part = smooth[:, start:]
    edge = max(1, round(0.010 * rate_hz))
    line = np.linspace(part[:, :edge].mean(axis=1), part[:, -edge:].mean(axis=1), part.shape[1], axis=1)
    size = np.sqrt(np.square(part - line).mean(axis=0))
    peak = start + int(np.argmax(size))
    snr = _MIN_P_SNR_DOUBTFUL if doubtful else _MIN_P_SNR
    if size.max() < max(_MIN_P_MV, snr * noise_mv):
        return np.nan, np.nan
    speed = _mean_speed(smooth)
    half = round(_P_HALF_MS * rate_hz / 1000)
    rest = float(np.percentile(speed[start:], 20))
    left = max(start, peak - half)
    rising, falling = speed[left : peak + 1] - rest, speed[peak : peak + half] - rest
    # A notched P wave slows down between its humps: start from the outermost steep place.
    up = left + int(np.argmax(rising >= _P_STEEP * rising.max()))
    down = peak + falling.size - 1 - int(np.argmax(falling[::-1] >= _P_STEEP * falling.max()))
    quiet = round(0.008 * rate_hz)
    onset = _walk_to_rest(speed, up, start, rest + _P_ONSET_SHARE * float(rising.max()), quiet)
    offset = _walk_to_rest(speed, down, stop - 1, rest + _P_OFFSET_SHARE * float(falling.max()), quiet)
    return (onset if onset > start else np.nan), offset


def _smooth_part(waves: Floats, start: int, stop: int, rate_hz: float, high_hz: float) -> Floats:
    """Low-pass after holding the signal still outside a part, so that the QRS complex does not leak into it."""
    held = np.pad(waves[:, start:stop], ((0, 0), (start, waves.shape[1] - stop)), mode="edge")
    return zero_phase_bandpass(held, rate_hz, 0.0, high_hz)


def _mean_speed(waves: Floats) -> Floats:
    """Mean absolute slope over the leads, per sample."""
    return np.abs(np.gradient(waves, axis=1)).mean(axis=0)


def _walk_to_rest(speed: Floats, start: int, limit: int, low: float | np.floating, quiet: int) -> float:
    """Walk from ``start`` to the first place where the speed is below ``low`` for ``quiet`` samples, interpolated."""
    step = 1 if limit > start else -1
    below = speed[start : limit + step if limit + step >= 0 else None : step] < low
    quiet = max(1, quiet)
    if below.size < quiet:
        return float(limit)
    runs = np.convolve(below, np.ones(quiet), "valid") >= quiet - 0.5
    if not runs.any():
        return float(limit)
    i = start + step * int(np.argmax(runs))
    if i == start:
        return float(start)
    above, under = float(speed[i - step]), float(speed[i])
    return float(i - step * (low - under) / (above - under)) if above > under else float(i)
