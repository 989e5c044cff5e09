"""From samples to what an ECG is read in: a person's own P, PR, QRS, ST and T, in each lead."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lvmass.ecg.delineation import delineate
from lvmass.ecg.recording import LEADS, Beat

WAVES = ("P", "PR", "QRS", "ST", "T", "rest")
"""Parts of a beat; "rest" lies before P and after T."""
GROUPS = {"limb leads": slice(0, 6), "precordial leads": slice(6, 12)}
"""Rows of ``LEADS``."""
ST_SHARE = 1 / 3
"""ST ends, and T begins, this far from the end of QRS to the end of T: no onset of T is measured. It is 95 ms after the
QRS at a QT of 380 ms; the simulator's T begins (2.5 SD before its peak) 90 ms after it."""

Floats = NDArray[np.floating]


def wave_of_samples(beats_mv: Floats, people: pd.DataFrame, time_ms: Floats) -> NDArray[np.int8]:
    """Which wave each sample of a person's beat belongs to.

    Parameters
    ----------
    beats_mv : ndarray, shape (n, 12, n_samples)
        Synchronized beats.
    people : DataFrame, n rows
        With the measured ``heart_rate_bpm`` and ``pr_interval_ms``, which is NaN where there is no P wave.
    time_ms : ndarray, shape (n_samples,)
        Time relative to R.

    Returns
    -------
    ndarray of int8, shape (n, n_samples)
        Index into `WAVES`. Without a P wave nothing before QRS is P or PR, without an end of T all after QRS is "rest".

    Examples
    --------
    >>> from pydicom.data import get_testdata_file
    >>> from lvmass.ecg import read_ecg, synchronized_beat
    >>> beat = synchronized_beat(read_ecg(get_testdata_file("waveform_ecg.dcm")))
    >>> people = pd.DataFrame({"heart_rate_bpm": [61.0], "pr_interval_ms": [160.0]})
    >>> waves = wave_of_samples(beat.waveform_mv[None], people, beat.time_ms)[0]
    >>> [int(2 * (waves == WAVES.index(wave)).sum()) for wave in ("QRS", "ST", "T")]  # ms
    [74, 100, 202]
    """
    step_ms, zero = float(time_ms[1] - time_ms[0]), int(np.argmin(np.abs(time_ms)))
    waves = np.full((len(beats_mv), len(time_ms)), WAVES.index("rest"), np.int8)
    for row, beat_mv, rate_bpm, pr_ms in zip(
        waves, beats_mv, people["heart_rate_bpm"], people["pr_interval_ms"], strict=True
    ):
        rr = np.nan_to_num(60_000 / rate_bpm / step_ms, nan=len(time_ms))
        r_peaks = np.array([zero, zero + round(rr)])
        at = delineate(Beat(beat_mv, r_peaks, 1, 1000 / step_ms, 1000 / step_ms, zero))
        t_onset = at.qrs_offset_ms + ST_SHARE * (at.t_offset_ms - at.qrs_offset_ms)
        ends = [at.p_onset_ms, at.p_offset_ms, at.qrs_onset_ms, at.qrs_offset_ms, t_onset, at.t_offset_ms]
        for wave in range(0 if np.isfinite(pr_ms) else WAVES.index("QRS"), len(WAVES) - 1):
            row[(time_ms >= ends[wave]) & (time_ms < ends[wave + 1])] = wave
    return waves


def cells_of(waves: NDArray[np.int8]) -> NDArray[np.int64]:
    """Number of the lead × wave cell of each sample, shape (n, 12, n_samples), for "occlusion"."""
    return len(WAVES) * np.arange(len(LEADS))[:, None] + waves[:, None].astype(np.int64)


def by_lead_and_wave(grams: Floats, waves: NDArray[np.int8]) -> NDArray[np.float64]:
    """Sum maps over each person's own waves.

    Parameters
    ----------
    grams : ndarray, shape (n, 12, n_samples)
        Signed, or their absolute values.
    waves : ndarray of int, shape (n, n_samples)
        From `wave_of_samples`.

    Returns
    -------
    ndarray, shape (n, 12, 6)
        In the order of ``LEADS`` and `WAVES`.

    Examples
    --------
    >>> by_lead_and_wave(np.ones((1, 12, 4)), np.array([[0, 2, 2, 5]], np.int8))[0, 0].tolist()
    [1.0, 0.0, 2.0, 0.0, 0.0, 1.0]
    """
    member = waves[:, :, None] == np.arange(len(WAVES))
    return np.matmul(np.asarray(grams, np.float64), member.astype(np.float64))


def group_shares(cells: Floats) -> NDArray[np.float64]:
    """Share of each person's attribution by lead group and wave, percent of what lies within waves.

    Parameters
    ----------
    cells : ndarray, shape (n, 12, 6)
        From `by_lead_and_wave`, of absolute values.

    Returns
    -------
    ndarray, shape (n, 2, 5)
        In the order of `GROUPS` and `WAVES`; a person's add up to 100, or to 0 where nothing is attributed.

    Examples
    --------
    >>> cells = np.zeros((1, 12, 6))
    >>> cells[0, 0, 0], cells[0, 6:, 2] = 2, 1
    >>> group_shares(cells)[0].tolist()
    [[25.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 75.0, 0.0, 0.0]]
    """
    groups = np.stack([cells[:, rows, :-1].sum(axis=1) for rows in GROUPS.values()], axis=1)
    total = groups.sum(axis=(1, 2), keepdims=True)
    return 100 * groups / np.where(total > 0, total, 1.0)


def mean_of_people(
    values: Floats, patients: ArrayLike, *, n_resamples: int = 1000, seed: int = 0
) -> NDArray[np.float64]:
    """Means over people with 95 % intervals of a bootstrap of patients.

    Parameters
    ----------
    values : ndarray, shape (n, ...)
        A map of each person, in any unit.
    patients : array_like, shape (n,)
        Rows of one patient are drawn together.
    n_resamples, seed
        Of the bootstrap.

    Returns
    -------
    ndarray, shape (3, ...)
        Mean, lower and upper limit.

    Examples
    --------
    >>> mean_of_people(np.array([[1.0], [1.0], [3.0]]), ["a", "a", "b"]).ravel().round(2).tolist()
    [1.67, 1.0, 3.0]
    """
    code, _ = pd.factorize(np.asarray(patients))
    sums = np.zeros((code.max() + 1, values[0].size))
    np.add.at(sums, code, values.reshape(len(values), -1))
    times = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), n_resamples)
    ends = np.quantile((times @ sums) / (times @ np.bincount(code))[:, None], [0.025, 0.975], axis=0)
    return np.stack([values.mean(axis=0), *ends.reshape(2, *values.shape[1:])])
