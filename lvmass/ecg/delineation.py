"""Where the P, QRS and T waves of one synchronized beat begin and end, from all leads together.

P and T end where the speed of `lvmass.ecg.qrs` comes to rest, as the QRS complex does, after it has been held still so
that it does not leak into their slower bands.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lvmass.ecg.filters import zero_phase_bandpass
from lvmass.ecg.leads import INDEPENDENT_LEADS
from lvmass.ecg.qrs import isoelectric_level, mean_speed, pacing_edges, qrs_bounds, walk_to_rest
from lvmass.ecg.recording import Beat

NAN = float("nan")

_P_SMOOTH_HZ, _P_ONSET_SHARE, _P_OFFSET_SHARE = 16.0, 0.3, 0.4
_P_HALF_MS = 80.0
_P_STEEP = 0.6
_MIN_P_MV, _MIN_P_SNR = 0.0125, 2.2
_IRREGULAR_RR, _MIN_P_SNR_DOUBTFUL = 0.09, 7.0

_T_SMOOTH_HZ, _T_STEEP, _T_SHARE = 10.0, 0.5, 0.2
_MIN_T_MV, _MIN_T_SNR = 0.03, 2.0
_ST_MS = 60.0
_PR_MS = 180.0  # room left for the next beat's P wave and QRS onset


@dataclass(frozen=True)
class Fiducials:
    """Times relative to R in milliseconds; NaN where a wave is absent or lies outside the beat.

    Parameters
    ----------
    p_onset_ms, p_offset_ms : float
        P wave.
    qrs_onset_ms, qrs_offset_ms : float
        QRS complex over all leads.
    t_offset_ms : float
        End of the T wave.
    """

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
    >>> from lvmass.ecg.beats import synchronized_beat
    >>> from lvmass.ecg.reading import read_ecg
    >>> points = delineate(synchronized_beat(read_ecg(get_testdata_file("waveform_ecg.dcm"))))
    >>> -50 < points.qrs_onset_ms < -30 < 25 < points.qrs_offset_ms < 45  # the cart: -41 and +34
    True
    """
    rate_hz, r = beat.sampling_rate_hz, beat.r_sample
    waves = beat.waveform_mv[list(INDEPENDENT_LEADS)]
    if beat.lead_in_mv is not None:
        waves = np.concatenate([beat.lead_in_mv[list(INDEPENDENT_LEADS)], waves], axis=1)
        r += beat.lead_in_mv.shape[1]
    noise_mv = 0.0 if beat.noise_mv is None else float(beat.noise_mv[list(INDEPENDENT_LEADS)].mean())
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


def _t_offset(
    waves: NDArray[np.float32], onset: float, offset: float, limit: float, rate_hz: float, noise_mv: float
) -> float:
    """End of the T wave: where the last steep slope has come to rest."""
    start, stop = round(offset + _ST_MS * rate_hz / 1000), round(min(limit, waves.shape[1] - 1))
    if stop - start < 0.06 * rate_hz:
        return NAN
    smooth = _smooth_part(waves, round(offset), waves.shape[1], rate_hz, _T_SMOOTH_HZ)
    size = np.sqrt(np.square(smooth - isoelectric_level(waves, onset, rate_hz)).mean(axis=0))
    peak = start + int(np.argmax(size[start:stop]))
    if size[peak] < max(_MIN_T_MV, _MIN_T_SNR * noise_mv):
        return NAN
    speed = mean_speed(smooth)
    rest = float(np.percentile(speed[peak:], 10))
    moving = speed[start : stop + 1] - rest
    # The last steep slope is that of the T wave; a U wave after it is flatter.
    steep = stop - int(np.argmax(moving[::-1] >= _T_STEEP * moving.max()))
    end = walk_to_rest(speed, steep, waves.shape[1] - 1, rest + _T_SHARE * float(moving.max()), round(0.010 * rate_hz))
    return end if end < waves.shape[1] - 1 else NAN


def _p_wave(
    waves: NDArray[np.float32], first: float, last: float, rate_hz: float, noise_mv: float, doubtful: bool
) -> tuple[float, float]:
    """Onset and offset of the P wave between the last T wave and the QRS complex; NaN where there is none.

    In atrial fibrillation the averaged fibrillatory waves stay within a few standard errors of the beat; an irregular
    or paced rhythm, behind which it may hide, asks for more.
    """
    start, stop = round(first), round(last)
    if stop - start < 0.05 * rate_hz:
        return NAN, NAN
    smooth = _smooth_part(waves, 0, stop, rate_hz, _P_SMOOTH_HZ)[:, :stop]
    part = smooth[:, start:]
    edge = max(1, round(0.010 * rate_hz))
    line = np.linspace(part[:, :edge].mean(axis=1), part[:, -edge:].mean(axis=1), part.shape[1], axis=1)
    size = np.sqrt(np.square(part - line).mean(axis=0))
    peak = start + int(np.argmax(size))
    snr = _MIN_P_SNR_DOUBTFUL if doubtful else _MIN_P_SNR
    if size.max() < max(_MIN_P_MV, snr * noise_mv):
        return NAN, NAN
    speed = mean_speed(smooth)
    half = round(_P_HALF_MS * rate_hz / 1000)
    rest = float(np.percentile(speed[start:], 20))
    left = max(start, peak - half)
    rising, falling = speed[left : peak + 1] - rest, speed[peak : peak + half] - rest
    # A notched P wave slows down between its humps: start from the outermost steep place.
    up = left + int(np.argmax(rising >= _P_STEEP * rising.max()))
    down = peak + falling.size - 1 - int(np.argmax(falling[::-1] >= _P_STEEP * falling.max()))
    quiet = round(0.008 * rate_hz)
    onset = walk_to_rest(speed, up, start, rest + _P_ONSET_SHARE * float(rising.max()), quiet)
    offset = walk_to_rest(speed, down, stop - 1, rest + _P_OFFSET_SHARE * float(falling.max()), quiet)
    return (onset if onset > start else NAN), offset


def _smooth_part(
    waves: NDArray[np.float32], start: int, stop: int, rate_hz: float, high_hz: float
) -> NDArray[np.float32]:
    """Low-pass after holding the signal still outside a part, so that the QRS complex does not leak into it."""
    held = waves.copy()
    held[:, :start] = waves[:, start : start + 1]
    held[:, stop:] = waves[:, stop - 1 : stop]
    return zero_phase_bandpass(held, rate_hz, 0.0, high_hz)
