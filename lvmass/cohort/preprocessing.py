"""From recordings to what the networks read: one synchronized beat, its measurements, or the 10-s signal.

Nobody is dropped silently: the report has one row for each person of the table, usable or not, with the reason.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from lvmass.cohort.covariates import COVARIATE_GROUPS
from lvmass.cohort.manifest import Cohort
from lvmass.ecg.beats import BeatConfig
from lvmass.ecg.criteria import lvh_criteria
from lvmass.ecg.filters import resample
from lvmass.ecg.intervals import fibrillation_sign
from lvmass.ecg.quality import DISQUALIFYING, examine
from lvmass.ecg.recording import Recording
from lvmass.errors import DataError

BLOCK = 128
"""People a task: a second or two of work, and what a killed run loses of each process."""

PARAMETERS = (
    *("heart_rate_bpm", "pr_interval_ms", "qrs_duration_ms", "qt_interval_ms", "qtc_ms"),
    *("p_axis_deg", "qrs_axis_deg", "t_axis_deg"),
)
SIGNAL_SECONDS = 10
UNREADABLE = "unreadable"
"""Code of a file that holds no ECG; the others are those of :func:`lvmass.ecg.check_quality`."""


@dataclass(frozen=True, eq=False)
class Beats:
    """What preprocessing leaves of a cohort.

    Parameters
    ----------
    waveform_mv : ndarray of float32, shape (n_usable, 12, n_samples)
        Synchronized beats.
    time_ms : ndarray, shape (n_samples,)
        Time of each sample relative to R.
    people : DataFrame, n_usable rows
        The subjects table of usable people, with the measured ECG parameters and T amplitudes, the sign of atrial
        fibrillation and the criteria that are covariates; a device's own value in the subjects table is kept under the
        name ``device_*``.
    criteria : DataFrame, n_usable rows
        Voltage criteria of LVH, a value and a ``*_positive`` flag each.
    report : DataFrame, one row for every person
        ``subject_id, usable, code, reason, findings, n_beats, ecg_hash``; ``code`` is that of the first finding which
        makes the recording unusable, ``UNREADABLE`` where there is none, and empty for usable people; ``reason`` says
        the same in words.
    """

    waveform_mv: NDArray[np.float32]
    time_ms: NDArray[np.float64]
    people: pd.DataFrame
    criteria: pd.DataFrame
    report: pd.DataFrame


Block = tuple[pd.DataFrame, NDArray[np.float32]]
"""Beats of some consecutive people: a table with one row for everybody, and waveforms in mV of the usable ones."""


def preprocess(cohort: Cohort, config: BeatConfig, *, workers: int = 1) -> Beats:
    """Cut, measure and judge every recording of a cohort, in parallel.

    Parameters
    ----------
    cohort : Cohort
        Whose recordings to read.
    config : BeatConfig
        Window, filter and averaging of the beat.
    workers : int
        Processes.

    Returns
    -------
    Beats
        In memory; a study keeps blocks of it on disk instead, see ``assemble``, and so resumes where it stopped.

    Raises
    ------
    DataError
        If nobody's ECG is usable; the sentence gives the commonest reason.
    """
    tasks = (delayed(beats_of_block)(cohort, start, stop, config) for start, stop in blocks(len(cohort)))
    return assemble(cohort, Parallel(n_jobs=workers)(tasks), config)


def blocks(n: int) -> list[tuple[int, int]]:
    """Split ``n`` people into blocks of ``BLOCK``: first row and the row after the last.

    Examples
    --------
    >>> blocks(300)
    [(0, 128), (128, 256), (256, 300)]
    """
    return [(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK)]


def assemble(cohort: Cohort, parts: Sequence[Block], config: BeatConfig, *, folder: str | Path | None = None) -> Beats:
    """Put the blocks of a cohort together.

    Parameters
    ----------
    cohort : Cohort
        Whose blocks they are.
    parts : sequence of Block
        In order; their waveforms may be memory-mapped.
    config : BeatConfig
        That the beats were cut with.
    folder : path, optional
        Where to keep the waveforms in a temporary file instead of in memory.

    Returns
    -------
    Beats

    Raises
    ------
    DataError
        If nobody's ECG is usable.
    """
    table = pd.concat([part for part, _ in parts], ignore_index=True)
    table.insert(0, "subject_id", cohort.subjects["subject_id"].to_numpy())
    usable = table["usable"].to_numpy()
    if not usable.any():
        raise DataError(f"{cohort.name}: no ECG is usable; the commonest reason: {table['reason'].mode()[0]}")
    kept = table[usable].reset_index(drop=True)
    people = cohort.subjects.loc[usable].reset_index(drop=True)
    measured = kept[[*PARAMETERS, *COVARIATE_GROUPS["t-waves"]]].astype(float)
    names = (*measured, *COVARIATE_GROUPS["criteria"])
    people = people.rename(columns={name: f"device_{name}" for name in names if name in people})
    criteria = pd.DataFrame(kept["criteria"].tolist())
    # an ECG shows fibrillation on its day only: what the subjects table says of the person comes first
    known = people.pop("atrial_fibrillation") if "atrial_fibrillation" in people else pd.Series(np.nan, people.index)
    measured["atrial_fibrillation"] = known.fillna(kept["atrial_fibrillation"].astype(float)).astype(bool)
    return Beats(
        waveform_mv=stack([waveform_mv for _, waveform_mv in parts], folder),
        time_ms=(np.arange(config.n_samples) - config.r_sample) * 1000 / config.sampling_rate_hz,
        people=pd.concat([people, measured, criteria[list(COVARIATE_GROUPS["criteria"])]], axis=1),
        criteria=criteria,
        report=table[["subject_id", "usable", "code", "reason", "findings", "n_beats", "ecg_hash"]],
    )


def stack(arrays: Sequence[NDArray[np.float32]], folder: str | Path | None = None) -> NDArray[np.float32]:
    """Join arrays along the first axis, in memory or in a file that vanishes with the last reference to it."""
    shape = (sum(len(array) for array in arrays), *arrays[0].shape[1:])
    if folder is None or shape[0] == 0:
        return np.concatenate(arrays)
    with tempfile.TemporaryFile(dir=folder) as file:
        joined = np.memmap(file, np.float32, "w+", shape=shape)
    start = 0
    for array in arrays:
        joined[start : start + len(array)] = array
        start += len(array)
    return joined


def beats_of_block(cohort: Cohort, start: int, stop: int, config: BeatConfig) -> Block:
    """Cut and measure the recordings of rows ``start`` to ``stop``."""
    rows: list[dict[str, Any]] = []
    waveforms = [np.empty((0, 12, config.n_samples), np.float32)]
    people = cohort.subjects.iloc[start:stop]
    for sex, recording in zip(people["sex"], _readable(cohort, start, stop), strict=True):
        row: dict[str, Any] = {"usable": False, "code": "", "reason": "", "findings": "", "n_beats": 0}
        row |= {"ecg_hash": "", "criteria": {}}
        rows.append(row)
        if isinstance(recording, DataError):
            row |= {"code": UNREADABLE, "reason": recording.reason or str(recording)}  # results are kept on disk
            continue
        if np.ptp(recording.signal_mv, axis=1).any():  # two flat lines are not the same ECG
            row["ecg_hash"] = hashlib.sha256(np.ascontiguousarray(recording.signal_mv).tobytes()).hexdigest()
        beat, measured, findings = examine(recording, config)
        row["findings"] = "; ".join(f"{finding.lead}: {finding.code}" for finding in findings)
        if beat is None or measured is None:
            row["code"] = next(finding.code for finding in findings if finding.code in DISQUALIFYING)
            row["reason"] = " ".join(finding.message for finding in findings)
            continue
        for name, criterion in lvh_criteria(beat, measured, sex).items():
            row["criteria"] |= {name: criterion.value, f"{name}_positive": criterion.positive}
        row |= {name: getattr(measured, name) for name in PARAMETERS} | measured.t_waves_mv
        row |= {"atrial_fibrillation": fibrillation_sign(beat, measured), "usable": True, "n_beats": beat.n_beats}
        waveforms.append(beat.waveform_mv[None])
    return pd.DataFrame(rows), np.concatenate(waveforms)


def _readable(cohort: Cohort, start: int, stop: int) -> Iterator[Recording | DataError]:
    """Recordings, and in the place of a file that cannot be read, the reason."""
    if cohort.simulated:
        yield from cohort.recordings(start, stop)
        return
    for i in range(start, stop):
        try:
            yield cohort.recording(i)
        except DataError as error:
            yield error


def signals_of_block(
    cohort: Cohort, start: int, stop: int, wanted: frozenset[str], sampling_rate_hz: float
) -> NDArray[np.float32]:
    """Whole recordings of the wanted people among rows ``start`` to ``stop``: ``(n, 12, 10 s x rate)`` in mV.

    Zero after the end of one that is shorter.
    """
    ids = cohort.subjects["subject_id"].iloc[start:stop]
    n_samples = round(SIGNAL_SECONDS * sampling_rate_hz)
    kept = [np.empty((0, 12, n_samples), np.float32)]
    for subject_id, recording in zip(ids, _readable(cohort, start, stop), strict=True):
        if subject_id in wanted and isinstance(recording, Recording):
            whole = resample(recording.signal_mv, recording.sampling_rate_hz, sampling_rate_hz)[:, :n_samples]
            kept.append(np.pad(whole, ((0, 0), (0, n_samples - whole.shape[1])))[None])
    return np.concatenate(kept)
