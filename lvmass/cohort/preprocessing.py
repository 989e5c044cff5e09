"""From recordings to what the networks read: one synchronized beat, its measurements, or the 10-s signal.

Nobody is dropped silently: the report has one row for each person of the table, usable or not, with the reason.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.signal import resample_poly
from tqdm import tqdm

from lvmass.cohort.manifest import Cohort
from lvmass.ecg.beats import BeatConfig, synchronized_beat
from lvmass.ecg.criteria import lvh_criteria
from lvmass.ecg.intervals import measure_beat
from lvmass.ecg.quality import check_quality
from lvmass.ecg.recording import Recording
from lvmass.errors import DataError

BLOCK = 64
"""People a task; a few seconds of work, a few megabytes of results."""

PARAMETERS = (
    "heart_rate_bpm",
    "pr_interval_ms",
    "qrs_duration_ms",
    "qt_interval_ms",
    "qtc_ms",
    "p_axis_deg",
    "qrs_axis_deg",
    "t_axis_deg",
)
SIGNAL_SECONDS = 10


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
        The subjects table of usable people, with the measured ECG parameters; a device's own value in the
        subjects table is kept under the name ``device_*``.
    criteria : DataFrame, n_usable rows
        Voltage criteria of LVH, a value and a ``*_positive`` flag each.
    report : DataFrame, one row for every person
        ``subject_id, usable, reason, findings, n_beats, ecg_hash``.
    """

    waveform_mv: NDArray[np.float32]
    time_ms: NDArray[np.float64]
    people: pd.DataFrame
    criteria: pd.DataFrame
    report: pd.DataFrame


def preprocess(cohort: Cohort, config: BeatConfig, *, workers: int = 1) -> Beats:
    """Cut, measure and judge every recording of a cohort, in parallel, with a progress bar on a terminal.

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

    Raises
    ------
    DataError
        If nobody's ECG is usable; the sentence gives the commonest reason.
    """
    rows: list[dict[str, Any]] = []
    waveforms = []
    for block_rows, block_waveforms in _in_blocks(_beats_of_block, cohort, config, workers, f"beats, {cohort.name}"):
        rows += block_rows
        waveforms.append(block_waveforms)
    table = pd.DataFrame(rows)
    usable = table["usable"].to_numpy()
    if not usable.any():
        raise DataError(f"{cohort.name}: no ECG is usable; the commonest reason: {table['reason'].mode()[0]}")
    report_columns = ["subject_id", "usable", "reason", "findings", "n_beats", "ecg_hash"]
    measured = table.loc[usable, list(PARAMETERS)].reset_index(drop=True).astype(float)
    people = cohort.subjects.loc[usable].reset_index(drop=True)
    people = people.rename(columns={name: f"device_{name}" for name in PARAMETERS if name in people})
    criteria = pd.DataFrame(table.loc[usable, "criteria"].tolist())
    return Beats(
        waveform_mv=np.concatenate(waveforms),
        time_ms=(np.arange(config.n_samples) - config.r_sample) * 1000 / config.sampling_rate_hz,
        people=pd.concat([people, measured], axis=1),
        criteria=criteria,
        report=table[report_columns],
    )


def signals(
    cohort: Cohort, subject_ids: tuple[str, ...], sampling_rate_hz: float, *, workers: int = 1
) -> NDArray[np.float32]:
    """Whole recordings of the given people at one rate, for networks that read 10 seconds.

    Parameters
    ----------
    cohort : Cohort
        Whose recordings to read.
    subject_ids : tuple of str
        Usable people, in the order of the result.
    sampling_rate_hz : float
        Wanted rate; polyphase resampling with its anti-alias filter.
    workers : int
        Processes.

    Returns
    -------
    ndarray of float32, shape (n, 12, 10 s x rate)
        In millivolt; the first ten seconds, and zeros after the end of a shorter recording.
    """
    wanted = set(subject_ids)
    blocks = _in_blocks(_signals_of_block, cohort, (sampling_rate_hz, wanted), workers, f"signals, {cohort.name}")
    return np.concatenate(list(blocks))


def _in_blocks(
    function: Callable[[Cohort, int, int, Any], Any], cohort: Cohort, settings: Any, workers: int, label: str
) -> Iterator[Any]:
    """Run ``function`` over blocks of people, in order, with a bar that counts people."""
    starts = range(0, len(cohort), BLOCK)
    tasks = (delayed(function)(cohort, start, min(start + BLOCK, len(cohort)), settings) for start in starts)
    with tqdm(total=len(cohort), desc=label, unit="ECG", disable=None) as bar:
        for start, result in zip(starts, Parallel(n_jobs=workers, return_as="generator")(tasks), strict=True):
            yield result
            bar.update(min(BLOCK, len(cohort) - start))


def _beats_of_block(
    cohort: Cohort, start: int, stop: int, config: BeatConfig
) -> tuple[list[dict[str, Any]], NDArray[np.float32]]:
    rows = []
    waveforms: list[NDArray[np.float32]] = []
    people = cohort.subjects.iloc[start:stop]
    for subject_id, sex, recording in zip(
        people["subject_id"], people["sex"], _readable(cohort, start, stop), strict=True
    ):
        row: dict[str, Any] = {"subject_id": subject_id, "usable": False, "reason": "", "findings": "", "n_beats": 0}
        row["ecg_hash"] = ""
        try:
            if isinstance(recording, DataError):
                raise recording
            row["ecg_hash"] = hashlib.sha256(np.ascontiguousarray(recording.signal_mv).tobytes()).hexdigest()
            quality = check_quality(recording)
            row["findings"] = "; ".join(f"{finding.lead}: {finding.code}" for finding in quality.findings)
            if not quality.usable:
                raise DataError(" ".join(finding.message for finding in quality.findings))
            beat = synchronized_beat(recording, config)
        except DataError as error:
            row["reason"] = str(error)
            rows.append(row)
            continue
        measured = measure_beat(beat)
        row |= {name: getattr(measured, name) for name in PARAMETERS}
        row["criteria"] = {}
        for name, criterion in lvh_criteria(beat, measured, sex).items():
            row["criteria"] |= {name: criterion.value, f"{name}_positive": criterion.positive}
        row |= {"usable": True, "n_beats": beat.n_beats}
        rows.append(row)
        waveforms.append(beat.waveform_mv)
    return rows, np.stack(waveforms) if waveforms else np.empty((0, 12, config.n_samples), np.float32)


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


def _signals_of_block(cohort: Cohort, start: int, stop: int, settings: tuple[float, set[str]]) -> NDArray[np.float32]:
    sampling_rate_hz, wanted = settings
    ids = cohort.subjects["subject_id"].iloc[start:stop]
    recordings = zip(ids, cohort.recordings(start, stop), strict=True)
    kept = [resample_signal(recording, sampling_rate_hz) for subject, recording in recordings if subject in wanted]
    return np.stack(kept) if kept else np.empty((0, 12, round(SIGNAL_SECONDS * sampling_rate_hz)), np.float32)


def resample_signal(recording: Recording, sampling_rate_hz: float) -> NDArray[np.float32]:
    """First ten seconds of a recording at another rate, zero after its end: ``(12, 10 s x rate)`` in mV.

    Examples
    --------
    >>> resample_signal(Recording(np.ones((12, 5000), np.float32), 500.0), 100.0).shape
    (12, 1000)
    """
    n_samples = round(SIGNAL_SECONDS * sampling_rate_hz)
    # rates are whole numbers or fractions such as 976.56 Hz; a hundredth of a hertz is exact enough for ten seconds
    up, down = round(sampling_rate_hz * 100), round(recording.sampling_rate_hz * 100)
    whole = resample_poly(recording.signal_mv.astype(np.float64), up, down, axis=1, padtype="line")[:, :n_samples]
    return np.pad(whole, ((0, 0), (0, n_samples - whole.shape[1]))).astype(np.float32)
