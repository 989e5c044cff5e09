"""Reference answers that come with the real ECGs: readers' delineations, beat annotations, a cart's own beat."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from lvmass.ecg.reading import read_ecg
from lvmass.ecg.recording import LEADS, Recording

BEAT_SYMBOLS = frozenset("NLRBAaJSVrFejnE/fQ?")
MITDB_RECORDS = ("100", "105", "119", "208")
DEVELOPMENT = "No recording was kept apart from the development of lvmass.ecg"
"""What each benchmark says of its recordings: all were at hand, and the tests use them."""


def real_ecg_folder() -> Path | None:
    """Folder of the real ECGs (LVMASS_REAL_ECG, else ../shared/data beside the repository), or None."""
    folder = Path(os.environ.get("LVMASS_REAL_ECG") or Path(__file__).parents[3] / "shared" / "data")
    return folder if folder.is_dir() else None


@dataclass(frozen=True, eq=False)
class Waves:
    """One wave over all beats and leads: onset, peak, offset in samples, shape (n_beats, 12, 3); NaN where absent."""

    samples: NDArray[np.float64]

    def median(self) -> NDArray[np.float64]:
        """Median over the leads, shape (n_beats, 3); NaN where fewer than four leads show the wave."""
        enough = np.isfinite(self.samples[..., 1]).sum(axis=1) >= 4
        result = np.full((len(self.samples), 3), np.nan)
        for beat in np.flatnonzero(enough):
            for point in range(3):
                values = self.samples[beat, :, point]
                result[beat, point] = np.median(values[np.isfinite(values)])
        return result


def ludb_ids(folder: Path) -> list[int]:
    """Numbers of the LUDB records."""
    return sorted(int(path.stem) for path in (folder / "ludb" / "data").glob("*.hea"))


def ludb_annotations(folder: Path, number: int) -> dict[str, list[NDArray[np.float64]]]:
    """Readers' points of one LUDB record: symbol ``p``, ``N`` or ``t`` -> onset, peak, offset by lead, (n, 3) each."""
    import wfdb

    waves: dict[str, list[NDArray[np.float64]]] = {"p": [], "N": [], "t": []}
    path = str(folder / "ludb" / "data" / str(number))
    header = wfdb.rdheader(path)
    for lead in LEADS:
        # rdann would parse the header again for each lead, which takes nine tenths of its time
        with mock.patch("wfdb.io.annotation.record.rdheader", return_value=header):
            annotation = wfdb.rdann(path, lead.lower())
        symbols, samples = annotation.symbol, annotation.sample
        rows: dict[str, list[tuple[float, float, float]]] = {"p": [], "N": [], "t": []}
        for i, symbol in enumerate(symbols):
            if symbol in rows:
                before = samples[i - 1] if i and symbols[i - 1] == "(" else np.nan
                after = samples[i + 1] if i + 1 < len(symbols) and symbols[i + 1] == ")" else np.nan
                rows[symbol].append((before, samples[i], after))
        for symbol, values in rows.items():
            waves[symbol].append(np.array(values, dtype=np.float64).reshape(-1, 3))
    return waves


def qrs_of_beats(annotations: dict[str, list[NDArray[np.float64]]], rate_hz: float) -> Waves:
    """QRS complexes of all leads put together by time (within 150 ms)."""
    peaks = np.sort(np.concatenate([lead[:, 1] for lead in annotations["N"]]))
    groups = np.split(peaks, np.flatnonzero(np.diff(peaks) >= 0.15 * rate_hz) + 1)
    return waves_near(annotations["N"], np.array([np.median(group) for group in groups]), (-0.15, 0.15), rate_hz)


def waves_near(
    leads: list[NDArray[np.float64]], at: NDArray[np.floating], window_s: tuple[float, float], rate_hz: float
) -> Waves:
    """Wave of each lead whose peak lies in a window around given samples (the one nearest to them)."""
    result = np.full((len(at), 12, 3), np.nan)
    for lead, rows in enumerate(leads):
        for beat, sample in enumerate(at):
            inside = rows[(rows[:, 1] > sample + window_s[0] * rate_hz) & (rows[:, 1] < sample + window_s[1] * rate_hz)]
            if len(inside):
                result[beat, lead] = inside[np.argmin(np.abs(inside[:, 1] - sample))]
    return Waves(result)


def ludb(folder: Path) -> Iterator[tuple[int, Recording, dict[str, list[NDArray[np.float64]]]]]:
    """LUDB records one after the other."""
    for number in ludb_ids(folder):
        yield number, read_ecg(folder / "ludb" / "data" / f"{number}.hea"), ludb_annotations(folder, number)


def mitdb(folder: Path, name: str) -> tuple[NDArray[np.float32], float, NDArray[np.int64]]:
    """Two leads in mV, rate and annotated beats of one MIT-BIH record."""
    import wfdb

    record = wfdb.rdrecord(str(folder / "mitdb" / name))
    annotation = wfdb.rdann(str(folder / "mitdb" / name), "atr")
    beats = [s for s, symbol in zip(annotation.sample, annotation.symbol, strict=True) if symbol in BEAT_SYMBOLS]
    return record.p_signal.T.astype(np.float32), float(record.fs), np.array(beats, dtype=np.int64)


def add_noise(
    signal: NDArray[np.float32], rate_hz: float, beats: NDArray[np.int64], folder: Path, kind: str, snr_db: float
) -> NDArray[np.float32]:
    """Add NSTDB noise as Moody's nst does: from the fifth minute on, two minutes of noise, two minutes of none.

    The signal's power is an eighth of the square of the mean QRS height of the first 300 beats, the noise's power the
    mean variance of its 1-s segments, both without the most extreme 5 % (nst(1), WFDB Applications Guide).
    """
    import wfdb

    noise = wfdb.rdrecord(str(folder / "nstdb" / f"{kind}_first15min")).p_signal.T
    time_s = np.arange(signal.shape[1]) / rate_hz
    on = (time_s >= 300) & ((time_s - 300) // 120 % 2 == 0)
    half, second = round(0.05 * rate_hz), round(rate_hz)
    noisy = signal.copy()
    for lead in range(2):
        heights = np.sort([np.ptp(signal[lead, max(0, s - half) : s + half]) for s in beats[:300]])[15:-15]
        segments = noise[lead, : noise.shape[1] // second * second].reshape(-1, second).std(axis=1)
        edge = len(segments) // 20
        size = float(np.sort(segments)[edge:-edge].mean())
        gain = np.sqrt(np.mean(heights) ** 2 / 8 / size**2 / 10 ** (snr_db / 10))
        repeated = np.resize(noise[lead], signal.shape[1])
        noisy[lead] += (gain * on * repeated).astype(np.float32)
    return noisy


def match_beats(reference: NDArray, found: NDArray, tolerance: float) -> tuple[int, int, int]:
    """Pair beats in time: how many match, are missed, are extra."""
    i = j = matched = 0
    while i < len(reference) and j < len(found):
        distance = found[j] - reference[i]
        if abs(distance) <= tolerance:
            matched, i, j = matched + 1, i + 1, j + 1
        elif distance > 0:
            i += 1
        else:
            j += 1
    return matched, len(reference) - matched, len(found) - matched


def f1_score(matched: int, missed: int, extra: int) -> float:
    """Harmonic mean of sensitivity and positive predictive value."""
    return 2 * matched / max(1, 2 * matched + missed + extra)


def device_beat(folder: Path) -> tuple[NDArray[np.float64], float, dict]:
    """The Mortara cart's median beat (12, 1200) in mV, its trigger in ms after the first sample, its measurements."""
    import wfdb

    record = wfdb.rdrecord(str(folder / "vendor_beats" / "mortara_beat"))
    measurements = json.loads((folder / "vendor_beats" / "mortara_measurements.json").read_text())
    return record.p_signal.T, float(measurements["beat_trigger_sample_1based"] - 1), measurements


def compare_with_device(
    waveform_mv: NDArray[np.floating], time_ms: NDArray[np.floating], device_mv: NDArray[np.float64], trigger_ms: float
) -> tuple[float, float, float, float]:
    """Best mean correlation over the leads within +-4 ms, with its lag (ms), RMS and RMS without offsets (µV)."""
    from scipy.interpolate import CubicSpline

    spline = CubicSpline(np.arange(device_mv.shape[1]), device_mv, axis=1)
    best = (-1.0, 0.0, 0.0, 0.0)
    for lag_ms in np.arange(-4, 4.01, 0.25):
        other = spline(trigger_ms + lag_ms + time_ms)
        correlation = float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(other, waveform_mv, strict=True)]))
        difference = (other - waveform_mv) * 1000
        centred = difference - difference.mean(axis=1, keepdims=True)
        rms, rms_centred = (float(np.sqrt(np.square(d).mean())) for d in (difference, centred))
        best = max(best, (correlation, float(lag_ms), rms, rms_centred))
    return best
