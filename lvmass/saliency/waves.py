"""From samples to what an ECG is read in: a person's own P, PR, QRS, ST and T, in each lead."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lvmass.ecg.delineation import delineate
from lvmass.ecg.recording import LEADS, Beat

WAVES = ("P", "PR", "QRS", "ST", "T", "rest")
"""Parts of a beat; "rest" lies before P and after T."""
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


def mean_map(cells: Floats, patients: ArrayLike, *, n_resamples: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Means over people by lead and wave, with intervals of a bootstrap of patients.

    Parameters
    ----------
    cells : ndarray, shape (n, 12, 6)
        From `by_lead_and_wave`.
    patients : array_like, shape (n,)
        Rows of one patient are drawn together.
    n_resamples, seed
        Of the bootstrap.

    Returns
    -------
    DataFrame
        ``lead, wave, grams, ci_low, ci_high`` (95 %).
    """
    code, _ = pd.factorize(np.asarray(patients))
    sums = np.zeros((code.max() + 1, cells[0].size))
    np.add.at(sums, code, cells.reshape(len(cells), -1))
    times = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), n_resamples)
    low, high = np.quantile((times @ sums) / (times @ np.bincount(code))[:, None], [0.025, 0.975], axis=0)
    index = pd.MultiIndex.from_product([LEADS, WAVES], names=["lead", "wave"])
    columns = {"grams": cells.mean(axis=0).ravel(), "ci_low": low, "ci_high": high}
    return pd.DataFrame(columns, index=index).reset_index()


def segment_shares(grams: Floats, waves: NDArray[np.int8]) -> pd.DataFrame:
    """Share of each person's absolute attribution by lead group and wave.

    Parameters
    ----------
    grams : ndarray, shape (n, 12, n_samples)
        Attributions.
    waves : ndarray of int, shape (n, n_samples)
        From `wave_of_samples`.

    Returns
    -------
    DataFrame
        ``person`` (row of ``grams``), ``group`` ("limb leads", "precordial leads"), ``segment`` (a wave) and ``share``
        in percent of what lies within waves; a person's shares add up to 100, or to 0 where nothing is attributed.

    Examples
    --------
    >>> shares = segment_shares(np.ones((1, 12, 4)), np.array([[0, 2, 2, 5]], np.int8))
    >>> shares.groupby("segment", sort=False)["share"].sum().round(1).to_dict()
    {'P': 33.3, 'PR': 0.0, 'QRS': 66.7, 'ST': 0.0, 'T': 0.0}
    """
    cells = by_lead_and_wave(np.abs(grams), waves)[:, :, :-1]
    total = cells.sum(axis=(1, 2), keepdims=True)
    groups = np.stack([cells[:, :6].sum(axis=1), cells[:, 6:].sum(axis=1)], axis=1)
    shares = 100 * groups / np.where(total > 0, total, 1.0)
    parts: tuple[Any, ...] = range(len(grams)), ("limb leads", "precordial leads"), WAVES[:-1]
    index = pd.MultiIndex.from_product(parts, names=["person", "group", "segment"])
    return pd.DataFrame({"share": shares.ravel()}, index=index).reset_index()
