"""Intervals, axes and amplitudes of one synchronized beat, and a sign of atrial fibrillation."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import find_peaks

from lvmass.ecg.delineation import ST_MS, Fiducials, delineate, isoelectric_level
from lvmass.ecg.recording import INDEPENDENT_LEADS, LEADS, Beat, Floats

_I, _AVF = LEADS.index("I"), LEADS.index("aVF")
_MIN_WAVE_MV = 0.02  # smaller deflections of a QRS complex are not named (CSE working party)
_MIN_R_MV = 0.03
_MIN_AXIS_MV_MS = 0.3  # net area below which an axis has no direction

IRREGULAR = 0.1
"""Root mean square of successive RR differences over mean RR, above which a rhythm is irregular.

One of the three statistics of Dash et al., Ann Biomed Eng 2009;37:1701; the threshold is ours. In simulated ten-second
recordings it separates fibrillation from sinus rhythm, but not from extrasystoles, which keep their P waves.
"""


@dataclass(frozen=True, eq=False)
class EcgParameters(Fiducials):
    """What a cart prints above the ECG; NaN where a wave is absent or does not fit into the beat.

    Parameters
    ----------
    heart_rate_bpm : float
        60 s over the median RR interval.
    pr_interval_ms, qrs_duration_ms, qt_interval_ms : float
        Global intervals, from all leads together.
    qtc_ms : float
        QT corrected for rate after Bazett 1920 (``QT / sqrt(RR)``), with RR in seconds.
    p_axis_deg, qrs_axis_deg, t_axis_deg : float
        Frontal axes, above -180 up to 180 degrees, from the net areas in I and aVF.
    p_onset_ms, p_offset_ms, qrs_onset_ms, qrs_offset_ms, t_offset_ms : float
        Relative to R.
    p_mv, q_mv, r_mv, s_mv, st_j_mv, t_mv : ndarray, shape (12,)
        Signed amplitudes by lead in the order of ``LEADS``. QRS, J point and T are measured from the level at the QRS
        onset, P from the line between its onset and offset. R is the largest positive wave, Q the negative wave
        before the first positive one, S the deepest after it; a complex without a positive wave (QS) is an S.
    """

    heart_rate_bpm: float
    pr_interval_ms: float
    qrs_duration_ms: float
    qt_interval_ms: float
    qtc_ms: float
    p_axis_deg: float
    qrs_axis_deg: float
    t_axis_deg: float
    p_mv: Floats
    q_mv: Floats
    r_mv: Floats
    s_mv: Floats
    st_j_mv: Floats
    t_mv: Floats

    @property
    def t_waves_mv(self) -> dict[str, float]:
        """T amplitudes of the eight independent leads by name, such as ``t_v5_mv``."""
        return {f"t_{LEADS[i].lower()}_mv": float(self.t_mv[i]) for i in INDEPENDENT_LEADS}


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
    >>> from lvmass.ecg import read_ecg, synchronized_beat
    >>> parameters = measure_beat(synchronized_beat(read_ecg(get_testdata_file("waveform_ecg.dcm"))))
    >>> round(parameters.heart_rate_bpm)  # the cart's RR interval is 982 ms
    61
    """
    points, rate_hz = delineate(beat), beat.sampling_rate_hz
    rr_s = float(np.median(np.diff(beat.r_peaks))) / beat.recording_rate_hz if beat.r_peaks.size > 1 else np.nan
    waves = beat.waveform_mv.astype(np.float64)
    waves -= isoelectric_level(waves, beat.r_sample + points.qrs_onset_ms * rate_hz / 1000, rate_hz)
    qrs = part_of_beat(beat, waves, points.qrs_onset_ms, points.qrs_offset_ms)
    p = part_of_beat(beat, waves, points.p_onset_ms, points.p_offset_ms)
    t = part_of_beat(beat, waves, points.qrs_offset_ms + ST_MS, points.t_offset_ms)
    if p.shape[1]:
        p = p - np.linspace(p[:, 0], p[:, -1], p.shape[1], axis=1)
    q_mv, r_mv, s_mv = _qrs_amplitudes(qrs)
    qt_ms = points.t_offset_ms - points.qrs_onset_ms
    return EcgParameters(
        heart_rate_bpm=60.0 / rr_s,
        pr_interval_ms=points.qrs_onset_ms - points.p_onset_ms,
        qrs_duration_ms=points.qrs_offset_ms - points.qrs_onset_ms,
        qt_interval_ms=qt_ms,
        qtc_ms=float(qt_ms / np.sqrt(rr_s)),
        p_axis_deg=_axis(p, rate_hz),
        qrs_axis_deg=_axis(qrs, rate_hz),
        t_axis_deg=_axis(t, rate_hz),
        **vars(points),
        p_mv=_largest(p),
        q_mv=q_mv,
        r_mv=r_mv,
        s_mv=s_mv,
        st_j_mv=qrs[:, -1].copy(),
        t_mv=_largest(t),
    )


def part_of_beat(beat: Beat, waves: Floats, start_ms: float, stop_ms: float) -> Floats:
    """Samples between two times relative to R.

    Parameters
    ----------
    beat : Beat
        The beat that ``waves`` belongs to.
    waves : ndarray, shape (n_leads, n_samples)
        Its voltages.
    start_ms, stop_ms : float
        Both ends are included; NaN gives no samples.

    Returns
    -------
    ndarray, shape (n_leads, n_between)
        A view.

    Examples
    --------
    >>> beat = Beat(np.zeros((12, 400), np.float32), np.array([150]), 1, 500.0)
    >>> part_of_beat(beat, beat.waveform_mv, -40, 40).shape
    (12, 41)
    """
    if not np.isfinite(start_ms + stop_ms):
        return waves[:, :0]
    start, stop = (beat.r_sample + round(ms * beat.sampling_rate_hz / 1000) for ms in (start_ms, stop_ms))
    return waves[:, max(0, start) : max(0, stop + 1)]


def fibrillation_sign(beat: Beat, parameters: EcgParameters) -> bool:
    """Whether the RR intervals are irregular and the synchronized beat has no P wave: a sign, not a diagnosis.

    Parameters
    ----------
    beat : Beat
        One synchronized beat with the R peaks of its recording.
    parameters : EcgParameters
        What `measure_beat` found in it.

    Returns
    -------
    bool
        False also with fewer than three RR intervals, in which nothing can be irregular.

    Examples
    --------
    >>> from pydicom.data import get_testdata_file
    >>> from lvmass.ecg import read_ecg, synchronized_beat
    >>> beat = synchronized_beat(read_ecg(get_testdata_file("waveform_ecg.dcm")))
    >>> fibrillation_sign(beat, measure_beat(beat))
    False
    """
    rr = np.diff(beat.r_peaks).astype(float)
    if rr.size < 3 or np.isfinite(parameters.pr_interval_ms):
        return False
    return bool(np.sqrt(np.mean(np.diff(rr) ** 2)) > IRREGULAR * rr.mean())


def _qrs_amplitudes(qrs: Floats) -> Floats:
    """Q, R and S of each lead, shape (3, 12)."""
    q, r, s = amplitudes = np.full((3, len(LEADS)), np.nan)
    for lead, wave in enumerate(qrs):
        # Prominence keeps an elevated J point, to which the complex merely returns, from being taken for an R.
        peaks, _ = find_peaks(wave, height=_MIN_R_MV, prominence=_MIN_R_MV)
        first = int(peaks[0]) if peaks.size else 0
        if peaks.size:
            r[lead] = wave[peaks].max()
            if wave[:first].min(initial=0.0) <= -_MIN_WAVE_MV:
                q[lead] = wave[:first].min()
        if wave[first:].min() <= -_MIN_WAVE_MV:
            s[lead] = wave[first:].min()
    return amplitudes


def _largest(wave: Floats) -> Floats:
    """Value farthest from zero in each lead."""
    if wave.shape[1] == 0:
        return np.full(len(LEADS), np.nan)
    return np.take_along_axis(wave, np.argmax(np.abs(wave), axis=1)[:, None], axis=1)[:, 0]


def _axis(wave: Floats, rate_hz: float) -> float:
    """Frontal axis from the net areas in I and aVF; the augmented lead is brought to scale by 2 / sqrt(3)."""
    across, down = (wave[lead].sum() * 1000 / rate_hz for lead in (_I, _AVF))
    if np.hypot(across, down) < _MIN_AXIS_MV_MS:
        return float("nan")
    return float(np.degrees(np.arctan2(down * 2 / np.sqrt(3), across)))
