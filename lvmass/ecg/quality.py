"""Whether a recording can stand for a person, decided by rules that each say what they saw.

`examine` looks at a recording once and gives all that the rest of the package asks of it: the beat, what is measured
on it, and the findings of the rules.
"""

from collections.abc import Iterator
from itertools import combinations
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from lvmass.ecg.beats import DEFAULT, BeatConfig, aligned_beats
from lvmass.ecg.delineation import pacing_edges
from lvmass.ecg.filters import zero_phase_bands
from lvmass.ecg.intervals import EcgParameters, measure_beat
from lvmass.ecg.recording import INDEPENDENT_LEADS, LEADS, Beat, Floats, Recording
from lvmass.errors import DataError

DISQUALIFYING = {
    "unreadable": "the file cannot be read",
    "nan": "samples are missing",
    "flat": "a lead is flat",
    "gap": "an electrode was off for a while",
    "clipped": "a lead is cut off at its limit",
    "duplicate": "two leads are the same",
    "excessive_drift": "a lead drifts too far",
    "excessive_muscle_noise": "too much muscle noise",
    "no_qrs": "too few heartbeats of one kind",
    "too_noisy": "heartbeats hardly stand out of the noise",
    "unit_too_large": "the voltage unit looks too large",
    "unit_too_small": "the voltage unit looks too small",
    "mislabelled": "limb leads look exchanged or inverted",
    "limb_reversal": "limb electrodes look exchanged",
    "precordial_exchange": "chest leads look exchanged",
}
"""Codes that make a recording unusable, in short words."""

FINDING_WORDS = DISQUALIFYING | {
    "file": "the reader noted something about the file",
    "short": "shorter than five seconds",
    "drift": "a lead drifts",
    "muscle_noise": "muscle noise",
    "arrhythmia": "few heartbeats look alike",
    "paced": "paced rhythm",
    "einthoven": "Einthoven's law is not met",
    "goldberger": "Goldberger's laws are not met",
    "precordial_order": "the order of the chest leads looks unusual",
}
"""Every code of a finding in short words. ``unreadable`` is for those who list files: no recording, no finding."""

_GAP_S, _GAP_SHARE = 1.0, 0.1
_CLIP_S, _CLIP_RUNS, _CLIP_MV = 0.008, 3, 0.5
_DRIFT_MV = (1.0, 10.0)  # range of the signal below 0.5 Hz: worth saying, unusable
_MUSCLE_MV = (0.05, 0.15)  # robust SD of the signal above 35 Hz: worth saying, unusable
_MAX_QRS_MV, _MIN_QRS_MV = 15.0, 0.03
_LAW_SHARE = 0.15
_MIN_BEAT_TO_NOISE, _MIN_ALIKE_SHARE = 2.0, 0.4
_SHORT_S = 5.0

_I, _II, _III = range(3)
_V1, _V6 = LEADS.index("V1"), LEADS.index("V6")
_LAWS = {
    # I + III - II = 0, aVR + (I + II) / 2 = 0, aVL - (I - III) / 2 = 0, aVF - (II + III) / 2 = 0: weights of I to aVF
    "III": (1, -1, 1, 0, 0, 0),
    "aVR": (0.5, 0.5, 0, 1, 0, 0),
    "aVL": (-0.5, 0, 0.5, 0, 1, 0),
    "aVF": (0, -0.5, -0.5, 0, 0, 1),
}
_BROKEN_SHARE, _MENDED_SHARE = 0.3, 0.1
_FAR_FIELD_SHARE, _MIN_LIMB_QRS_MV = 0.12, 0.15
_OPPOSITE = -0.5
_ORDER_GAIN, _SURE_ORDER_GAIN = 0.2, 0.5


class _Finding(NamedTuple):
    """One observation about the signal.

    Parameters
    ----------
    lead : str
        One of ``LEADS``, or ``"all"``.
    code : str
        Short name of the rule, a key of ``FINDING_WORDS``.
    message : str
        One sentence.
    """

    lead: str
    code: str
    message: str


class _Examination(NamedTuple):
    """All that is made of a recording.

    Parameters
    ----------
    beat : Beat or None
        The synchronized beat; None where the recording is unusable.
    parameters : EcgParameters or None
        What was measured on it; None where the recording is unusable.
    findings : tuple of Finding
        Everything observed.
    """

    beat: Beat | None
    parameters: EcgParameters | None
    findings: tuple[_Finding, ...]

    @property
    def usable(self) -> bool:
        """Whether no finding has one of the codes in ``DISQUALIFYING``."""
        return self.beat is not None


def examine(recording: Recording, config: BeatConfig = DEFAULT) -> _Examination:
    """Cut, measure and judge a recording in one pass; a bad signal gives findings, never an exception.

    Signal: ``nan``, ``flat``, ``gap`` (constant for a second), ``clipped``, ``duplicate`` (two equal precordial
    leads), ``drift``, ``excessive_drift``, ``muscle_noise``, ``excessive_muscle_noise``, ``short``, ``file`` (the
    reader's notes). Beat: ``no_qrs``, ``too_noisy``, ``unit_too_large`` (µV read as mV), ``unit_too_small`` (the
    reverse), ``paced``, ``arrhythmia``. Leads: ``einthoven``, ``goldberger``, ``mislabelled``, ``limb_reversal``,
    ``precordial_order`` (a variant, perhaps), ``precordial_exchange`` (surely wrong).

    The rules judge the recording: they look at the synchronized trimmed mean, also where ``config`` asks for another
    average or alignment of the same beats, and for pacing pulses at 500 Hz up to 250 Hz at least.

    Parameters
    ----------
    recording : Recording
        Twelve leads in millivolt.
    config : BeatConfig
        Window, filter and average of the beat.

    Returns
    -------
    Examination
        ``beat``, ``parameters`` and ``findings``.

    Examples
    --------
    >>> from pydicom.data import get_testdata_file
    >>> from lvmass.ecg import read_ecg
    >>> beat, parameters, findings = examine(read_ecg(get_testdata_file("waveform_ecg.dcm")))
    >>> beat.n_beats, round(parameters.heart_rate_bpm), findings
    (10, 61, ())
    """
    findings = [_Finding("all", "file", note) for note in recording.notes]
    findings += _signal_findings(recording)
    beat = parameters = None
    if not {finding.code for finding in findings} & {"nan", "flat", "no_qrs"}:
        try:
            aligned = aligned_beats(recording, config)
            beat = aligned.combined("trimmed", "synchronized")
            paced = _is_paced(recording, config, beat)
        except DataError as error:
            findings.append(_Finding("all", "no_qrs", str(error)))
        else:
            parameters = measure_beat(beat)
            findings += _beat_findings(beat, parameters, paced)
            if (config.average, config.alignment) != ("trimmed", "synchronized"):
                beat = aligned.combined(config.average, config.alignment)
                parameters = measure_beat(beat)
    if any(finding.code in DISQUALIFYING for finding in findings):
        beat = parameters = None
    return _Examination(beat, parameters, tuple(findings))


check_quality = examine
"""`examine` for those who ask only whether a recording is usable: ``check_quality(recording).usable``."""


def _signal_findings(recording: Recording) -> Iterator[_Finding]:
    """Rules on the samples of each lead."""
    signal, rate_hz = recording.signal_mv, recording.sampling_rate_hz
    if signal.shape[1] < rate_hz:
        yield _Finding("all", "no_qrs", f"The recording lasts {recording.duration_s:.2f} s, too short for a heartbeat.")
        return
    missing = (~np.isfinite(signal)).sum(axis=1)
    for lead in np.flatnonzero(missing):
        name = LEADS[lead]
        yield _Finding(name, "nan", f"Lead {name} misses {missing[lead]} of its {signal.shape[1]} samples.")
    if recording.duration_s < _SHORT_S:
        yield _Finding("all", "short", f"The recording lasts only {recording.duration_s:.1f} s.")
    rows = np.flatnonzero(missing == 0)
    slow, fast = zero_phase_bands(signal[rows], rate_hz, (0.0, 0.5), (35.0, np.inf))
    # The QRS complexes fill under a fifth of the time, so the median sees what is between them.
    muscle_mv = 1.4826 * np.median(np.abs(fast), axis=1)
    for lead, drift, muscle in zip(rows, np.ptp(slow, axis=1), muscle_mv, strict=True):
        yield from _lead_findings(LEADS[lead], signal[lead], rate_hz, float(drift), float(muscle))
    for first, second in combinations(range(_V1, _V6 + 1), 2):
        if np.array_equal(signal[first], signal[second]) and np.ptp(signal[first]) > 0:
            names = f"{LEADS[first]} and {LEADS[second]}"
            yield _Finding(LEADS[second], "duplicate", f"Leads {names} hold the same samples.")


def _lead_findings(name: str, values: Floats, rate_hz: float, drift_mv: float, muscle_mv: float) -> Iterator[_Finding]:
    """Rules on the samples of one lead without missing samples."""
    starts = np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1])  # of the runs of equal samples
    lengths = np.diff(np.append(starts, values.size))
    if lengths.size == 1:
        yield _Finding(name, "flat", f"Lead {name} is flat; the electrode is off.")
        return
    gaps_s = lengths[lengths >= _GAP_S * rate_hz].sum() / rate_hz
    if gaps_s >= _GAP_SHARE * values.size / rate_hz:
        yield _Finding(name, "gap", f"Lead {name} does not change for {gaps_s:.1f} s; the electrode is off.")
    level = values[starts]
    at_limit = ((level == values.max()) | (level == values.min())) & (np.abs(level) > _CLIP_MV)
    clipped = at_limit & (lengths >= max(3, _CLIP_S * rate_hz)) & (lengths < _GAP_S * rate_hz)
    if clipped.sum() >= _CLIP_RUNS:
        yield _Finding(name, "clipped", f"Lead {name} is cut off at {np.abs(values).max():.1f} mV.")
    for code, size_mv, (worth_saying, unusable), what in (
        ("drift", drift_mv, _DRIFT_MV, f"drifts by {drift_mv:.1f} mV"),
        ("muscle_noise", muscle_mv, _MUSCLE_MV, f"carries {muscle_mv * 1000:.0f} µV of fast noise"),
    ):
        if size_mv > worth_saying:
            yield _Finding(name, f"excessive_{code}" if size_mv > unusable else code, f"Lead {name} {what}.")


def _is_paced(recording: Recording, config: BeatConfig, beat: Beat) -> bool:
    """Whether pacing pulses precede the QRS complexes, also where the band or rate of the beat leaves none to see."""
    high_hz, rate_hz = config.band_high_hz, config.sampling_rate_hz
    if high_hz < DEFAULT.band_high_hz or rate_hz < DEFAULT.sampling_rate_hz:
        wide = {"band_high_hz": DEFAULT.band_high_hz, "sampling_rate_hz": max(rate_hz, DEFAULT.sampling_rate_hz)}
        wide_config = config.model_copy(update={**wide, "min_beats": 1})
        beat = aligned_beats(recording, wide_config).combined("trimmed", "synchronized")
    return pacing_edges(beat.waveform_mv[INDEPENDENT_LEADS], beat.r_sample, beat.sampling_rate_hz).size > 0


def _beat_findings(beat: Beat, parameters: EcgParameters, paced: bool) -> Iterator[_Finding]:
    """Rules on the synchronized beat."""
    ends_ms = (parameters.qrs_onset_ms, parameters.qrs_offset_ms)
    onset, offset = (beat.r_sample + round(ms * beat.sampling_rate_hz / 1000) for ms in ends_ms)
    qrs = slice(onset, offset + 1)
    size_mv = float(np.median(np.ptp(beat.waveform_mv[:, qrs], axis=1)))
    if size_mv > _MAX_QRS_MV:
        yield _Finding("all", "unit_too_large", f"QRS complexes of {size_mv:.0f} mV: looks like µV read as mV.")
    if size_mv < _MIN_QRS_MV:
        found = f"QRS complexes of {size_mv * 1000:.1f} µV"
        yield _Finding("all", "unit_too_small", f"{found}: looks like mV read as µV or V.")
    noise_mv = 0.0 if beat.noise_mv is None else float(np.median(beat.noise_mv)) * np.sqrt(beat.n_beats)
    if size_mv < _MIN_BEAT_TO_NOISE * noise_mv:
        yield _Finding("all", "too_noisy", "The heartbeats hardly stand out of the noise.")
    elif beat.n_beats / max(1, beat.r_peaks.size) < _MIN_ALIKE_SHARE:
        yield _Finding("all", "arrhythmia", f"Only {beat.n_beats} of {beat.r_peaks.size} heartbeats look alike.")
    if paced:
        # The rules on placement know the waves of a conducted beat only.
        yield _Finding("all", "paced", "Pacing pulses precede the QRS complexes.")
    else:
        yield from _placement_findings(beat.waveform_mv, qrs, parameters.p_mv)


def _placement_findings(beat_mv: Floats, qrs: slice, p_mv: Floats) -> Iterator[_Finding]:
    """Rules on how the leads fit together."""
    for lead, share in _limb_residuals(beat_mv).items():
        law = "Einthoven" if lead == "III" else "Goldberger"
        if share > _LAW_SHARE:
            yield _Finding(lead, law.lower(), f"Lead {lead} deviates from {law}'s law by {share:.0%}.")
    mislabelled = _mislabelled_limb_leads(beat_mv)
    if mislabelled:
        fault = "look exchanged" if len(mislabelled) == 2 else "looks inverted"
        message = f"Lead {' and '.join(mislabelled)} {fault}: the limb leads then obey Einthoven and Goldberger."
        yield _Finding(mislabelled[0], "mislabelled", message)
    electrodes = _reversed_limb_electrodes(beat_mv, qrs, p_mv)
    if electrodes is not None:
        message = f"The limb electrodes {electrodes} look exchanged; record again."
        yield _Finding({"RA/RL": "II", "LA/RL": "III"}.get(electrodes, "I"), "limb_reversal", message)
    first, second, gain = _exchanged_precordial_leads(beat_mv)
    if gain > _ORDER_GAIN:
        yield _Finding(first, "precordial_order", f"Leads {first} and {second} look exchanged.")
    if gain > _SURE_ORDER_GAIN:
        wrong = f"V1 to V6 cannot be in order with {first} and {second} where they are"
        yield _Finding(first, "precordial_exchange", f"{wrong}; record again.")


def _limb_residuals(beat_mv: Floats) -> dict[str, float]:
    """How far III, aVR, aVL and aVF are from Einthoven's or Goldberger's law, as a share of the size of the limb leads.

    Carts filter each lead's offset, so deviations from the mean are compared.
    """
    limb = beat_mv[:6] - beat_mv[:6].mean(axis=1, keepdims=True)
    residual = np.sqrt(np.square(np.array([*_LAWS.values()]) @ limb).mean(axis=1))
    return dict(zip(_LAWS, (residual / max(np.sqrt(np.square(limb).mean()), 1e-9)).tolist(), strict=True))


def _mislabelled_limb_leads(beat_mv: Floats) -> tuple[str, ...]:
    """The two limb leads whose exchange, or the one whose inversion, would make the laws hold that are now broken."""
    if max(_limb_residuals(beat_mv).values()) < _BROKEN_SHARE:
        return ()
    for leads in [*((lead,) for lead in range(6)), *combinations(range(6), 2)]:
        changed = beat_mv.copy()
        changed[list(leads)] = -beat_mv[list(leads)] if len(leads) == 1 else beat_mv[list(reversed(leads))]
        if max(_limb_residuals(changed).values()) < _MENDED_SHARE:
            return tuple(LEADS[lead] for lead in leads)
    return ()


def _reversed_limb_electrodes(beat_mv: Floats, qrs: slice, p_mv: Floats) -> str | None:
    """Name the limb electrodes that look exchanged: RA/LA, RA/RL or LA/RL.

    Right and left arm: lead I is upside down against V6, which looks the same way, and its P wave is not upright.
    Right or left arm with the right leg: lead II (or III) lies between the two legs and shows next to nothing of any
    wave (Rudiger, Hellermann & Mukherjee 2007, J Electrocardiol 40:346); a QRS axis across the lead leaves P and T.
    """
    size = np.ptp(beat_mv[:3, qrs], axis=1)
    p_and_t = np.ptp(np.delete(beat_mv[:3], qrs, axis=1), axis=1)
    for lead, electrodes in ((_II, "RA/RL"), (_III, "LA/RL")):
        flat = size[lead] < _FAR_FIELD_SHARE * size.max() and p_and_t[lead] < 2 * _FAR_FIELD_SHARE * p_and_t.max()
        if size.max() > _MIN_LIMB_QRS_MV and flat:
            return electrodes
    one, six = beat_mv[_I], beat_mv[_V6]
    alike = float(one @ six) / max(float(np.linalg.norm(one) * np.linalg.norm(six)), 1e-9)
    return "RA/LA" if alike < _OPPOSITE and not p_mv[_I] > 0 else None


def _exchanged_precordial_leads(beat_mv: Floats) -> tuple[str, str, float]:
    """The two precordial leads whose exchange would make V1 to V6 smoothest, and by how much smoother than it is.

    Neighbouring electrodes see similar waves, so the beat's correlation from lead to lead sums up highest in the
    right order. One normal ECG in some hundreds gains a little from an exchange.
    """
    waves = beat_mv[_V1:].astype(np.float64)
    waves = waves / np.maximum(np.linalg.norm(waves, axis=1, keepdims=True), 1e-9)
    alike = waves @ waves.T
    found = []
    for first, second in combinations(range(6), 2):
        order = np.arange(6)
        order[[first, second]] = second, first
        gain = float(alike[order[:-1], order[1:]].sum() - np.diag(alike, 1).sum())
        found.append((LEADS[_V1 + first], LEADS[_V1 + second], gain))
    return max(found, key=itemgetter(2))
