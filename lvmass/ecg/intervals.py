"""Intervals, axes and amplitudes of one synchronized beat."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lvmass.ecg.delineation import delineate
from lvmass.ecg.recording import LEADS, Beat

_MIN_WAVE_MV = 0.02
_MIN_AXIS_MV = 0.02


@dataclass(frozen=True, eq=False)
class EcgParameters:
    """What a cart prints above the ECG; NaN where a wave is absent.

    Parameters
    ----------
    heart_rate_bpm : float
        60 s over the median RR interval.
    pr_interval_ms, qrs_duration_ms, qt_interval_ms : float
        Global intervals: earliest onset to latest offset over all leads.
    qtc_ms, qtc_fridericia_ms : float
        QT corrected for rate after Bazett (``QT / sqrt(RR)``) and Fridericia (``QT / cbrt(RR)``), RR in seconds.
    p_axis_deg, qrs_axis_deg, t_axis_deg : float
        Frontal axes from the areas in I and aVF, -180 to 180 degrees.
    qrs_onset_ms, qrs_offset_ms, t_offset_ms, p_onset_ms, p_offset_ms : float
        Relative to R.
    p_mv, q_mv, r_mv, s_mv, st_j_mv, t_mv : ndarray, shape (12,)
        Amplitudes by lead in the order of ``LEADS``, signed, against the level at the QRS onset: P peak; Q, largest R
        and deepest S; the J point (QRS offset); T peak.
    """

    heart_rate_bpm: float
    pr_interval_ms: float
    qrs_duration_ms: float
    qt_interval_ms: float
    qtc_ms: float
    qtc_fridericia_ms: float
    p_axis_deg: float
    qrs_axis_deg: float
    t_axis_deg: float
    qrs_onset_ms: float
    qrs_offset_ms: float
    t_offset_ms: float
    p_onset_ms: float
    p_offset_ms: float
    p_mv: NDArray[np.float64]
    q_mv: NDArray[np.float64]
    r_mv: NDArray[np.float64]
    s_mv: NDArray[np.float64]
    st_j_mv: NDArray[np.float64]
    t_mv: NDArray[np.float64]


def measure_beat(beat: Beat) -> EcgParameters:
    """Measure intervals, axes and amplitudes.

    Parameters
    ----------
    beat : Beat
        One synchronized beat.

    Returns
    -------
    EcgParameters
        NaN where a wave is absent or cut off, never a guess.

    Examples
    --------
    >>> from pydicom.data import get_testdata_file
    >>> from lvmass.ecg.beats import synchronized_beat
    >>> from lvmass.ecg.reading import read_ecg
    >>> parameters = measure_beat(synchronized_beat(read_ecg(get_testdata_file("waveform_ecg.dcm"))))
    >>> round(parameters.heart_rate_bpm)  # the cart's RR interval is 982 ms
    61
    """
    points = delineate(beat)
    rate_hz = beat.sampling_rate_hz
    time_ms = beat.time_ms
    rr_s = float(np.median(np.diff(beat.r_peaks))) / beat.recording_rate_hz if beat.r_peaks.size > 1 else np.nan
    near_onset = (time_ms >= points.qrs_onset_ms - 8) & (time_ms <= points.qrs_onset_ms)
    level = beat.waveform_mv[:, near_onset].mean(axis=1, keepdims=True)
    waves = (beat.waveform_mv - level).astype(np.float64)

    def between(start_ms: float, stop_ms: float) -> NDArray[np.float64]:
        return waves[:, (time_ms >= start_ms) & (time_ms <= stop_ms)]

    qrs = between(points.qrs_onset_ms, points.qrs_offset_ms)
    p = between(points.p_onset_ms, points.p_offset_ms)
    t = between(points.qrs_offset_ms, points.t_offset_ms)
    q_mv, r_mv, s_mv = _qrs_amplitudes(qrs)
    qt_ms = points.t_offset_ms - points.qrs_onset_ms
    return EcgParameters(
        heart_rate_bpm=60.0 / rr_s,
        pr_interval_ms=points.qrs_onset_ms - points.p_onset_ms,
        qrs_duration_ms=points.qrs_offset_ms - points.qrs_onset_ms,
        qt_interval_ms=qt_ms,
        qtc_ms=qt_ms / np.sqrt(rr_s),
        qtc_fridericia_ms=qt_ms / np.cbrt(rr_s),
        p_axis_deg=_axis(p, rate_hz),
        qrs_axis_deg=_axis(qrs, rate_hz),
        t_axis_deg=_axis(t, rate_hz),
        qrs_onset_ms=points.qrs_onset_ms,
        qrs_offset_ms=points.qrs_offset_ms,
        t_offset_ms=points.t_offset_ms,
        p_onset_ms=points.p_onset_ms,
        p_offset_ms=points.p_offset_ms,
        p_mv=_largest(p),
        q_mv=q_mv,
        r_mv=r_mv,
        s_mv=s_mv,
        st_j_mv=qrs[:, -1],
        t_mv=_largest(t),
    )


def _qrs_amplitudes(
    qrs: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Q, R and S of each lead: R is the largest positive wave, Q a negative one before it, S the deepest after."""
    q, r, s = np.full((3, len(LEADS)), np.nan)
    for lead, wave in enumerate(qrs):
        top = int(np.argmax(wave))
        if wave[top] >= _MIN_WAVE_MV:
            r[lead] = wave[top]
            early, late = wave[:top], wave[top:]
            if early.size and early.min() <= -_MIN_WAVE_MV:
                q[lead] = early.min()
            if late.min() <= -_MIN_WAVE_MV:
                s[lead] = late.min()
        elif wave.min() <= -_MIN_WAVE_MV:
            s[lead] = wave.min()  # a QS complex counts as S in the voltage criteria
    return q, r, s


def _largest(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    """Value farthest from zero in each lead."""
    if wave.shape[1] == 0:
        return np.full(len(LEADS), np.nan)
    return np.take_along_axis(wave, np.argmax(np.abs(wave), axis=1)[:, None], axis=1)[:, 0]


def _axis(wave: NDArray[np.float64], rate_hz: float) -> float:
    """Frontal axis from the areas in I and aVF; aVF is weighed by 2/sqrt(3) as an augmented lead."""
    if wave.shape[1] == 0:
        return float("nan")
    area = wave.sum(axis=1) / rate_hz
    return float(np.degrees(np.arctan2(area[5] * 2 / np.sqrt(3), area[0])))
