"""Whether a recording can stand for a person, decided by rules that each say what they saw."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lvmass.ecg.beats import synchronized_beat
from lvmass.ecg.filters import zero_phase_bandpass
from lvmass.ecg.intervals import measure_beat
from lvmass.ecg.lead_checks import (
    exchanged_precordial_leads,
    limb_residuals,
    mislabelled_limb_leads,
    reversed_limb_electrodes,
)
from lvmass.ecg.leads import INDEPENDENT_LEADS
from lvmass.ecg.qrs import pacing_edges
from lvmass.ecg.recording import LEADS, Beat, Recording
from lvmass.errors import DataError

DISQUALIFYING: frozenset[str] = frozenset(
    (
        *("nan", "flat", "gap", "clipped", "duplicate", "excessive_drift", "excessive_muscle_noise", "no_qrs"),
        *("too_noisy", "unit_too_large", "unit_too_small", "mislabelled", "limb_reversal", "precordial_exchange"),
    )
)
"""Codes that make a recording unusable; the others are worth knowing."""

_GAP_S = 1.0
_GAP_SHARE = 0.1
_CLIP_S, _CLIP_RUNS, _CLIP_MV = 0.008, 3, 0.5
_DRIFT_MV = (1.0, 10.0)  # range of the signal below 0.5 Hz: worth saying, unusable
_MUSCLE_MV = (0.05, 0.15)  # robust SD of the signal above 35 Hz: worth saying, unusable
_MAX_QRS_MV, _MIN_QRS_MV = 15.0, 0.03
_LAW_SHARE = 0.15
_MIN_BEAT_TO_NOISE = 2.0
_MIN_ALIKE_SHARE = 0.4
_SHORT_S = 5.0


@dataclass(frozen=True)
class Finding:
    """One observation about the signal.

    Parameters
    ----------
    lead : str
        One of ``LEADS``, or ``"all"``.
    code : str
        Short name of the rule.
    message : str
        One sentence.
    """

    lead: str
    code: str
    message: str


@dataclass(frozen=True)
class Quality:
    """The verdict on a recording.

    Parameters
    ----------
    usable : bool
        False if a finding has one of the codes in ``DISQUALIFYING``.
    findings : tuple of Finding
        Everything observed.
    """

    usable: bool
    findings: tuple[Finding, ...]


def check_quality(recording: Recording) -> Quality:
    """Check a recording by rule; a bad signal gives findings, never an exception.

    Signal: ``nan``, ``flat``, ``gap`` (constant for a second), ``clipped``, ``duplicate`` (two equal precordial
    leads), ``drift``, ``excessive_drift``, ``muscle_noise``, ``excessive_muscle_noise``, ``short``, ``file`` (the
    reader's notes). Beat: ``no_qrs``, ``too_noisy``, ``unit_too_large`` (µV read as mV), ``unit_too_small`` (the
    reverse), ``paced``, ``arrhythmia``. Leads: ``einthoven``, ``goldberger``, ``mislabelled``, ``limb_reversal``,
    ``precordial_order`` (a variant, perhaps), ``precordial_exchange`` (surely wrong).

    Parameters
    ----------
    recording : Recording
        Twelve leads in millivolt.

    Returns
    -------
    Quality
        ``usable`` and ``findings``.

    Examples
    --------
    >>> import numpy as np
    >>> quality = check_quality(Recording(np.zeros((12, 5000), np.float32), 500.0))
    >>> quality.usable, quality.findings[0].code
    (False, 'flat')
    """
    findings = [Finding("all", "file", note) for note in recording.notes]
    findings += _signal_findings(recording)
    if not {finding.code for finding in findings} & {"nan", "flat"}:
        try:
            beat = synchronized_beat(recording)
        except DataError as error:
            findings.append(Finding("all", "no_qrs", str(error)))
        else:
            findings += _beat_findings(beat)
    return Quality(not any(finding.code in DISQUALIFYING for finding in findings), tuple(findings))


def _signal_findings(recording: Recording) -> list[Finding]:
    """Rules on the samples of each lead."""
    signal, rate_hz = recording.signal_mv, recording.sampling_rate_hz
    if signal.shape[1] < rate_hz:
        return [Finding("all", "nan", f"The recording lasts {recording.duration_s:.2f} s, too short for a heartbeat.")]
    findings = []
    finite = np.asarray(np.isfinite(signal).all(axis=1))
    for lead in np.flatnonzero(~finite):
        share = 1 - np.isfinite(signal[lead]).mean()
        findings.append(Finding(LEADS[lead], "nan", f"Lead {LEADS[lead]} misses {share:.0%} of its samples."))
    if recording.duration_s < _SHORT_S:
        findings.append(Finding("all", "short", f"The recording lasts only {recording.duration_s:.1f} s."))
    rows = np.flatnonzero(finite)
    low = zero_phase_bandpass(signal[rows], rate_hz, 0.0, 0.5)
    drift_mv = np.ptp(low, axis=1)
    fast = zero_phase_bandpass(signal[rows], rate_hz, 35.0, np.inf)
    # The QRS complexes fill under a fifth of the time, so the median sees what is between them.
    muscle_mv = 1.4826 * np.median(np.abs(fast), axis=1)
    for lead, drift, muscle in zip(rows, drift_mv, muscle_mv, strict=True):
        findings += _lead_findings(LEADS[lead], signal[lead], rate_hz, float(drift), float(muscle))
    for first, second in zip(range(6, 11), range(7, 12), strict=True):
        if finite[first] and np.array_equal(signal[first], signal[second]) and np.ptp(signal[first]) > 0:
            names = f"{LEADS[first]} and {LEADS[second]}"
            findings.append(Finding(LEADS[second], "duplicate", f"Leads {names} hold the same samples."))
    return findings


def _lead_findings(
    name: str, values: NDArray[np.float32], rate_hz: float, drift_mv: float, muscle_mv: float
) -> list[Finding]:
    """Rules on the samples of one lead without missing samples."""
    if np.ptp(values) == 0:
        return [Finding(name, "flat", f"Lead {name} is flat; the electrode is off.")]
    findings = []
    starts, lengths = _constant_runs(values)
    gaps_s = lengths[lengths >= _GAP_S * rate_hz].sum() / rate_hz
    if gaps_s >= _GAP_SHARE * values.size / rate_hz:
        findings.append(Finding(name, "gap", f"Lead {name} does not change for {gaps_s:.1f} s; the electrode is off."))
    at_limit = (values[starts] == values.max()) | (values[starts] == values.min())
    clipped = at_limit & (lengths >= max(3, _CLIP_S * rate_hz)) & (np.abs(values[starts]) > _CLIP_MV)
    if (clipped & (lengths < _GAP_S * rate_hz)).sum() >= _CLIP_RUNS:
        findings.append(Finding(name, "clipped", f"Lead {name} is cut off at {np.abs(values).max():.1f} mV."))
    if drift_mv > _DRIFT_MV[1]:
        findings.append(Finding(name, "excessive_drift", f"Lead {name} drifts by {drift_mv:.1f} mV."))
    elif drift_mv > _DRIFT_MV[0]:
        findings.append(Finding(name, "drift", f"Lead {name} drifts by {drift_mv:.1f} mV."))
    if muscle_mv > _MUSCLE_MV[0]:
        code = "excessive_muscle_noise" if muscle_mv > _MUSCLE_MV[1] else "muscle_noise"
        findings.append(Finding(name, code, f"Lead {name} carries {muscle_mv * 1000:.0f} µV of fast noise."))
    return findings


def _beat_findings(beat: Beat) -> list[Finding]:
    """Rules on the synchronized beat."""
    findings = []
    parameters = measure_beat(beat)
    onset, offset = (
        beat.r_sample + round(ms * beat.sampling_rate_hz / 1000)
        for ms in (parameters.qrs_onset_ms, parameters.qrs_offset_ms)
    )
    qrs = slice(onset, offset + 1)
    size_mv = float(np.median(np.ptp(beat.waveform_mv[:, qrs], axis=1)))
    if size_mv > _MAX_QRS_MV:
        findings.append(
            Finding("all", "unit_too_large", f"QRS complexes of {size_mv:.0f} mV: looks like µV read as mV.")
        )
    if size_mv < _MIN_QRS_MV:
        findings.append(
            Finding(
                "all", "unit_too_small", f"QRS complexes of {size_mv * 1000:.1f} µV: looks like mV read as µV or V."
            )
        )
    noise_mv = 0.0 if beat.noise_mv is None else float(np.median(beat.noise_mv)) * np.sqrt(beat.n_beats)
    alike = beat.n_beats / max(1, beat.r_peaks.size)
    if size_mv < _MIN_BEAT_TO_NOISE * noise_mv:
        findings.append(Finding("all", "too_noisy", "The heartbeats hardly stand out of the noise."))
    elif alike < _MIN_ALIKE_SHARE:
        message = f"Only {beat.n_beats} of {beat.r_peaks.size} heartbeats look alike."
        findings.append(Finding("all", "arrhythmia", message))
    if pacing_edges(beat.waveform_mv[list(INDEPENDENT_LEADS)], beat.r_sample, beat.sampling_rate_hz).size:
        # The rules on placement know the waves of a conducted beat only.
        return [*findings, Finding("all", "paced", "Pacing pulses precede the QRS complexes.")]
    return findings + _placement_findings(beat, qrs, parameters.p_mv)


def _placement_findings(beat: Beat, qrs: slice, p_mv: NDArray[np.floating]) -> list[Finding]:
    """Rules on how the leads fit together."""
    findings = []
    for lead, share in limb_residuals(beat.waveform_mv).items():
        law = "Einthoven" if lead == "III" else "Goldberger"
        if share > _LAW_SHARE:
            findings.append(Finding(lead, law.lower(), f"Lead {lead} deviates from {law}'s law by {share:.0%}."))
    mislabelled = mislabelled_limb_leads(beat.waveform_mv)
    if mislabelled:
        fault = "look exchanged" if len(mislabelled) == 2 else "looks inverted"
        message = f"Lead {' and '.join(mislabelled)} {fault}: the limb leads then obey Einthoven and Goldberger."
        findings.append(Finding(mislabelled[0], "mislabelled", message))
    electrodes = reversed_limb_electrodes(beat.waveform_mv, qrs, p_mv)
    if electrodes is not None:
        message = f"The limb electrodes {electrodes} look exchanged; record again."
        findings.append(Finding("II" if electrodes == "RA/RL" else "I", "limb_reversal", message))
    exchanged = exchanged_precordial_leads(beat.waveform_mv)
    if exchanged is not None:
        first, second, sure = exchanged
        findings.append(Finding(first, "precordial_order", f"Leads {first} and {second} look exchanged."))
        if sure:
            message = f"V1 to V6 cannot be in order with {first} and {second} where they are; record again."
            findings.append(Finding(first, "precordial_exchange", message))
    return findings


def _constant_runs(values: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Starts and lengths of the runs of equal samples."""
    starts = np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1])
    return starts, np.diff(np.append(starts, values.size))
