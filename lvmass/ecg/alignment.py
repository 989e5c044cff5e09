"""Which beats of a recording belong together, and by how much each must be shifted to lie on the others.

Beats are arrays of shape (n_beats, n_leads, n_samples) with R near one common sample. A shift is common to all leads
of a beat, and a fraction of a sample: at 500 Hz a whole sample of jitter would already take 10 % off a narrow R wave.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from lvmass.ecg.filters import zero_phase_bandpass
from lvmass.ecg.leads import INDEPENDENT_LEADS
from lvmass.ecg.qrs import qrs_bounds

_MATCH_MS = (-90.0, 110.0)  # QRS complex and early ST segment, on which beats are compared
_MAX_SHIFT_MS = 30.0
_SAME_CLASS = 0.75
_R_SMOOTH_HZ = 100.0  # what a recording of 250 Hz still holds
_RIVAL_SHARE = 0.6  # a class this large, compared with the largest, may be the conducted one
_RIVAL_NARROWER_MS = 20.0
_MAX_COMPARED = 64  # beats of a long recording that are compared each with each
_TINY = float(np.finfo(np.float32).tiny)


def align_dominant(
    beats: NDArray[np.float32], r_sample: int, rate_hz: float
) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """Find the dominant class of beats and the delay of each beat behind it.

    The dominant class is the largest; in bigeminy, where a class of wide beats can be as large, it is the narrow one.

    Parameters
    ----------
    beats : ndarray, shape (n_beats, 12, n_samples)
        Beats cut at roughly detected R peaks, level removed.
    r_sample : int
        Index of R.
    rate_hz : float
        Samples per second.

    Returns
    -------
    delay : ndarray, shape (n_beats,)
        In samples, with fractions; at most 30 ms.
    same : ndarray of bool, shape (n_beats,)
        Whether the beat belongs to the dominant class.
    """
    start, stop = (r_sample + round(ms * rate_hz / 1000) for ms in _MATCH_MS)
    part = np.ascontiguousarray(beats[:, list(INDEPENDENT_LEADS), start:stop])
    template = _dominant_template(part, r_sample - start, rate_hz)
    delay = _delay(part, template, rate_hz)
    same = np.ones(len(beats), dtype=bool)
    for _ in range(2):
        aligned = shift(part, -delay)
        same = similarity(aligned, template) >= _SAME_CLASS
        if not same.any():
            break
        template = aligned[same].mean(axis=0)
        delay = _delay(part, template, rate_hz)
    return delay, same


def similarity(beats: NDArray[np.floating], template: NDArray[np.floating]) -> NDArray[np.floating]:
    """Compare beats with a template, in shape and in voltage.

    ``1 - |a - b|² / (|a|² + |b|²)``: 1 for equal, 0 for unrelated, -1 for opposite beats, in any unit.

    Parameters
    ----------
    beats : ndarray, shape (n_beats, n_leads, n_samples)
        Beats.
    template : ndarray, shape (n_leads, n_samples)
        Template.

    Returns
    -------
    ndarray, shape (n_beats,)
        The similarity.
    """
    flat, one = beats.reshape(len(beats), -1), template.ravel()
    size = np.einsum("ij,ij->i", flat, flat) + one @ one
    return 2 * (flat @ one) / np.maximum(size, _TINY)


def shift(beats: NDArray[np.floating], samples: NDArray[np.floating]) -> NDArray[np.floating]:
    """Delay beats by a fraction of samples, through the phase of the spectrum.

    Parameters
    ----------
    beats : ndarray, shape (..., n_leads, n_samples)
        Beats, with some margin: what is shifted in at an end is not signal.
    samples : ndarray, shape (...)
        Delay of each beat.

    Returns
    -------
    ndarray, same shape as ``beats``
        Shifted beats.
    """
    n = beats.shape[-1]
    # The straight line between the ends is moved aside: a step between them would ring after the shift.
    line = beats[..., :1] + (beats[..., -1:] - beats[..., :1]) * np.linspace(0.0, 1.0, n, dtype=np.float32)
    phase = np.exp(-2j * np.pi * fft.rfftfreq(n) * np.asarray(samples)[..., None]).astype(np.complex64)
    return fft.irfft(fft.rfft(beats - line) * phase[..., None, :], n) + line


def peak_offset(beat: NDArray[np.floating], r_sample: int, rate_hz: float) -> float:
    """Find R: where the vector of all leads is longest, after smoothing so that the bandwidth does not move it.

    Parameters
    ----------
    beat : ndarray, shape (12, n_samples)
        One beat.
    r_sample : int
        Where R is looked for.
    rate_hz : float
        Samples per second.

    Returns
    -------
    float
        Samples after ``r_sample``, with a fraction.
    """
    half = round(_MAX_SHIFT_MS * rate_hz / 1000) + 1
    smooth = zero_phase_bandpass(beat[list(INDEPENDENT_LEADS)], rate_hz, 0.0, _R_SMOOTH_HZ)
    length = np.square(smooth[:, r_sample - half : r_sample + half + 1]).sum(axis=0)[None]
    best = 1 + np.argmax(length[:, 1:-1], axis=1)
    return float(best[0] - half + _parabola(length, best)[0])


def _dominant_template(beats: NDArray[np.floating], r_sample: int, rate_hz: float) -> NDArray[np.floating]:
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
            narrow, wide = (_width_ms(some[friends[i]].mean(axis=0), r_sample, rate_hz) for i in (rival, first))
            if narrow < wide - _RIVAL_NARROWER_MS:
                return some[rival]
    return some[first]


def _width_ms(beat: NDArray[np.floating], r_sample: int, rate_hz: float) -> float:
    """QRS duration of a beat cut to the matching window."""
    onset, offset = qrs_bounds(beat, r_sample, rate_hz)
    return (offset - onset) * 1000 / rate_hz


def _delay(beats: NDArray[np.floating], template: NDArray[np.floating], rate_hz: float) -> NDArray[np.floating]:
    """Delay of each beat behind the template, by cross-correlation over all leads with a parabola at its top."""
    n_fast = fft.next_fast_len(2 * beats.shape[-1], real=True)
    spectrum = np.einsum("ijk,jk->ik", fft.rfft(beats, n_fast), np.conj(fft.rfft(template, n_fast)))
    correlation = fft.irfft(spectrum, n_fast)
    limit = round(_MAX_SHIFT_MS * rate_hz / 1000)
    correlation = np.concatenate([correlation[:, -limit - 1 :], correlation[:, : limit + 2]], axis=1)
    best = 1 + np.argmax(correlation[:, 1:-1], axis=1)
    return best - (limit + 1) + _parabola(correlation, best)


def _parabola(values: NDArray[np.floating], index: NDArray[np.int64]) -> NDArray[np.floating]:
    """Fraction of a sample between the highest value and the top of the parabola through it and its neighbours."""
    row = np.arange(len(values))
    left, top, right = values[row, index - 1], values[row, index], values[row, index + 1]
    curvature = left - 2 * top + right
    fraction = 0.5 * (left - right) / np.where(curvature < 0, curvature, -np.inf)
    return np.clip(fraction, -0.5, 0.5)
