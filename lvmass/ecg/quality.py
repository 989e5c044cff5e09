"""Whether a recording can be used, decided by rules, with the reason for each finding."""

from dataclasses import dataclass

import numpy as np

from lvmass.ecg.peaks import detect_r_peaks
from lvmass.ecg.recording import LEADS, Recording


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
        Whether a beat can be made that stands for the person.
    findings : tuple of Finding
        Everything observed, also what does not make the recording unusable.
    """

    usable: bool
    findings: tuple[Finding, ...]


def check_quality(recording: Recording) -> Quality:
    """Check a recording by rule; never raises for a bad signal.

    Parameters
    ----------
    recording : Recording
        Twelve leads in millivolt.

    Returns
    -------
    Quality
        ``usable`` and ``findings``.
    """
    findings: list[Finding] = []
    signal = recording.signal_mv
    finite = np.isfinite(signal).all(axis=1) & (signal.shape[1] > 0)
    for lead, good in zip(LEADS, finite, strict=True):
        if not good:
            findings.append(Finding(lead, "nan", f"Lead {lead} holds missing samples."))
    for lead, values, good in zip(LEADS, signal, finite, strict=True):
        if good and np.ptp(values) == 0:
            findings.append(Finding(lead, "flat", f"Lead {lead} is flat."))
    if finite.all() and detect_r_peaks(signal, recording.sampling_rate_hz).size < 3:
        findings.append(Finding("all", "no_qrs", "Fewer than three heartbeats are found."))
    return Quality(not findings, tuple(findings))
