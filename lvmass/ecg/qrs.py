"""Where the QRS complex of one synchronized beat begins and ends, and pacing pulses before it.

All leads share one beat, so their slopes are averaged into one *speed* of the heart's electric vector, which is high
in a wave and near the noise level between waves. A wave ends where the speed has fallen to a small share of the
wave's own highest speed above the noise. This follows the multi-lead idea of the CSE working party (Willems et al.
1985, Eur Heart J 6:815) and the spatial velocity of van Bemmel et al. (1974, Comput Biomed Res 7:1). Thresholds
are shares of the wave itself, so the result does not depend on voltage; times are interpolated between samples,
so it hardly depends on the sampling rate.
"""

import numpy as np
from numpy.typing import NDArray

from lvmass.ecg.filters import zero_phase_bandpass

# smoothing, share of the top speed and time below it, and how many times the noise is let pass
_QRS_SMOOTH_HZ = 32.0
_ONSET_SHARE, _ONSET_QUIET_MS, _ONSET_NOISE = 0.02, 8.0, 2.5
_OFFSET_SHARE, _OFFSET_QUIET_MS, _OFFSET_NOISE = 0.045, 16.0, 2.0
_QRS_HALF_MS = (180.0, 190.0)  # farthest onset and offset from R
_PACING_RATIO = 1.2
_PACING_BLANK_MS = 10.0


def qrs_bounds(waves: NDArray[np.floating], r_sample: int, rate_hz: float) -> tuple[float, float]:
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
    """

    def samples(ms: float) -> int:
        return round(ms * rate_hz / 1000)

    edges = pacing_edges(waves, r_sample, rate_hz)
    first = max(0, r_sample - samples(_QRS_HALF_MS[0]))
    if edges.size:
        first = min(r_sample - samples(20), int(edges[-1]) + samples(_PACING_BLANK_MS))
        waves = _bridged(waves, int(edges[0]) - samples(4), first)
    speed = mean_speed(zero_phase_bandpass(waves, rate_hz, 0.0, _QRS_SMOOTH_HZ))
    near = slice(r_sample - samples(60), r_sample + samples(60) + 1)
    top = float(speed[near].max())
    before = speed[max(0, r_sample - samples(150)) : r_sample - samples(30)]
    after = speed[r_sample + samples(50) : r_sample + samples(180)]
    last = min(speed.size - 1, r_sample + samples(_QRS_HALF_MS[1]))
    low = _ONSET_NOISE * np.percentile(before, 20) + _ONSET_SHARE * top
    onset = walk_to_rest(speed, r_sample - samples(10), first, low, samples(_ONSET_QUIET_MS))
    low = _OFFSET_NOISE * np.percentile(after, 20) + _OFFSET_SHARE * top
    offset = walk_to_rest(speed, r_sample + samples(10), last, low, samples(_OFFSET_QUIET_MS))
    return onset, offset


def pacing_edges(waves: NDArray[np.floating], r_sample: int, rate_hz: float) -> NDArray[np.int64]:
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
    """
    ms = rate_hz / 1000
    raw = mean_speed(waves)
    start, stop = max(round(12 * ms), r_sample - round(180 * ms)), r_sample - round(34 * ms)
    if stop <= start or raw[start:stop].max() <= _PACING_RATIO * raw[stop:].max() * 0.5:
        return np.empty(0, dtype=np.int64)
    smooth = mean_speed(zero_phase_bandpass(waves, rate_hz, 0.0, _QRS_SMOOTH_HZ))
    top = float(smooth[r_sample - round(30 * ms) : r_sample + round(80 * ms)].max())
    found = []
    for i in range(start, stop):
        quiet_before = raw[i - round(10 * ms) : i - round(5 * ms)].max(initial=0.0) < 0.4 * raw[i]
        if raw[i] > _PACING_RATIO * top and raw[i] >= raw[i - 1 : i + 2].max() and quiet_before:
            found.append(i)
    return np.array(found, dtype=np.int64)


def isoelectric_level(waves: NDArray[np.floating], onset: float, rate_hz: float) -> NDArray[np.floating]:
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
    """
    start, stop = round(onset - 0.004 * rate_hz), round(onset + 0.002 * rate_hz)
    return waves[:, max(0, start) : max(0, stop) + 1].mean(axis=1, keepdims=True)


def mean_speed(waves: NDArray[np.floating]) -> NDArray[np.floating]:
    """Mean absolute slope over the leads, per sample.

    Parameters
    ----------
    waves : ndarray, shape (n_leads, n_samples)
        One beat.

    Returns
    -------
    ndarray, shape (n_samples,)
        By central differences.
    """
    slope = np.empty_like(waves)
    slope[:, 1:-1] = 0.5 * (waves[:, 2:] - waves[:, :-2])
    slope[:, 0], slope[:, -1] = waves[:, 1] - waves[:, 0], waves[:, -1] - waves[:, -2]
    return np.abs(slope).mean(axis=0)


def walk_to_rest(speed: NDArray[np.floating], start: int, limit: int, low: float, quiet: int) -> float:
    """Walk to the first place where the speed stays low for a while.

    Parameters
    ----------
    speed : ndarray, shape (n_samples,)
        From `mean_speed`.
    start, limit : int
        Where to begin and where to give up, in either direction.
    low : float
        What counts as low.
    quiet : int
        For how many samples it must stay low.

    Returns
    -------
    float
        Sample position, interpolated; ``limit`` if the speed never rests.
    """
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
    return i - step * (low - under) / (above - under) if above > under else float(i)


def _bridged(waves: NDArray[np.floating], start: int, stop: int) -> NDArray[np.floating]:
    """Replace a pacing pulse by a straight line, so that smoothing does not spread it."""
    bridged = waves.copy()
    bridged[:, start : stop + 1] = np.linspace(waves[:, start], waves[:, stop], stop - start + 1, axis=1)
    return bridged
