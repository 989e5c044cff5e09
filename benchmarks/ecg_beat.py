"""The synchronized beat: against a cart's own, over sampling rates, and what filter and average do to it.

    LVMASS_REAL_ECG=FOLDER python benchmarks/ecg_beat.py [--records 309]

FOLDER holds vendor_beats/, ptbdb/, ptbxl/, ludb/ and nstdb/; without the variable it is ../shared/data beside the
checkout.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lvmass.ecg import BeatConfig, Recording, measure_beat, read_ecg, synchronized_beat
from lvmass.ecg.filters import resample
from tests.ecg.reference import DEVELOPMENT, compare_with_device, device_beat, ludb_ids, real_ecg_folder


def against_device(folder: Path, report: dict[str, object]) -> None:
    device_mv, trigger_ms, _ = device_beat(folder)
    recording = read_ecg(folder / "vendor_beats" / "mortara_rhythm.hea")
    rows: list[dict[str, object]] = []
    print(f"{'Mortara median beat':28}{'correlation':>12}{'RMS µV':>8}{'without offsets':>17}{'lag ms':>8}")
    for label, config in {
        "default (trimmed mean)": BeatConfig(),
        "median": BeatConfig(average="median"),
        "mean": BeatConfig(average="mean"),
        "single": BeatConfig(average="single"),
        "0.5-150 Hz": BeatConfig(band_low_hz=0.5, band_high_hz=150),
        "0.67-40 Hz": BeatConfig(band_low_hz=0.67, band_high_hz=40),
        "per-lead alignment": BeatConfig(alignment="per-lead"),
    }.items():
        beat = synchronized_beat(recording, config)
        correlation, lag_ms, rms, centred = compare_with_device(beat.waveform_mv, beat.time_ms, device_mv, trigger_ms)
        print(f"{label:28}{correlation:12.4f}{rms:8.1f}{centred:17.1f}{lag_ms:8.2f}")
        rows.append({"beat": label, "correlation": round(correlation, 5), "rms_uv": round(rms, 2)})
    report["beats"] = rows


def over_rates(folder: Path, report: dict[str, object]) -> None:
    print(f"\n{'one ECG, other rates':28}{'rate Hz':>8}{'RMS µV':>8}{'QRS ms':>8}{'PR ms':>8}{'QT ms':>8}{'axis':>7}")
    for name in ("ptbdb/s0010_re", "vendor_beats/mortara_rhythm"):
        original = read_ecg(folder / f"{name}.hea")
        reference = synchronized_beat(original).waveform_mv
        for rate_hz in (250.0, 400.0, 500.0, 1000.0):
            recording = Recording(resample(original.signal_mv, 1000.0, rate_hz), rate_hz)
            beat = synchronized_beat(recording)
            found = measure_beat(beat)
            rms = 1000 * float(np.sqrt(np.square(beat.waveform_mv - reference).mean()))
            row = f"{name:28}{rate_hz:8.0f}{rms:8.1f}{found.qrs_duration_ms:8.1f}{found.pr_interval_ms:8.1f}"
            print(f"{row}{found.qt_interval_ms:8.1f}{found.qrs_axis_deg:7.1f}")
            report[f"{name} {rate_hz:.0f} Hz"] = {"rms_uv": round(rms, 2), "qrs_ms": round(found.qrs_duration_ms, 1)}


def against_100_hz(folder: Path, n_records: int, report: dict[str, object]) -> None:
    amplitudes, durations = [], []
    files = sorted((folder / "ptbxl" / "records500" / "00000").glob("*_hr.hea"))[:n_records]
    for file in files:
        low = folder / "ptbxl" / "records100" / "00000" / file.name.replace("_hr", "_lr")
        at_500, at_100 = (measure_beat(synchronized_beat(read_ecg(path))) for path in (file, low))
        amplitudes.append([at_100.r_mv / at_500.r_mv - 1, at_100.s_mv / at_500.s_mv - 1])
        durations.append(at_100.qrs_duration_ms - at_500.qrs_duration_ms)
    r, s = np.nanmedian(np.abs(amplitudes), axis=(0, 2))
    qrs_ms = float(np.median(np.abs(durations)))
    print(f"\nPTB-XL, {len(files)} ECGs, the publisher's 100 Hz files against 500 Hz, median absolute difference:")
    print(f"R {r:.1%}, S {s:.1%}, QRS duration {qrs_ms:.1f} ms")
    report["100 Hz"] = {"r": round(float(r), 4), "s": round(float(s), 4), "qrs_ms": round(qrs_ms, 2)}


def filter_effect(folder: Path, report: dict[str, object]) -> None:
    recordings = [read_ecg(path) for path in sorted((folder / "ptbxl" / "records500" / "00000").glob("*_hr.hea"))[:60]]
    wide = [measure_beat(synchronized_beat(r, BeatConfig(band_low_hz=0, band_high_hz=250))) for r in recordings]
    print(f"\n{'filter band (60 PTB-XL ECGs)':30}{'R voltage':>10}{'S voltage':>10}{'QRS ms':>8}{'ST-J µV':>9}")
    for low, high in ((0.05, 250.0), (0.3, 250.0), (0.5, 150.0), (0.67, 100.0), (0.67, 40.0)):
        config = BeatConfig(band_low_hz=low, band_high_hz=high)
        found = [measure_beat(synchronized_beat(r, config)) for r in recordings]
        r = np.nanmedian([a.r_mv / b.r_mv - 1 for a, b in zip(found, wide, strict=True)])
        s = np.nanmedian([a.s_mv / b.s_mv - 1 for a, b in zip(found, wide, strict=True)])
        qrs = np.median([a.qrs_duration_ms - b.qrs_duration_ms for a, b in zip(found, wide, strict=True)])
        st = 1000 * np.median([np.abs(a.st_j_mv - b.st_j_mv) for a, b in zip(found, wide, strict=True)])
        print(f"{f'{low:g}-{high:g} Hz':30}{r:10.1%}{s:10.1%}{qrs:8.1f}{st:9.1f}")
        report[f"filter {low:g}-{high:g}"] = {"r": round(float(r), 4), "s": round(float(s), 4)}


def average_effect(folder: Path, report: dict[str, object]) -> None:
    """Noise that is left when noise of the noise stress test is added to clean recordings."""
    import wfdb

    print(f"\n{'noise left, 20 LUDB ECGs':28}{'added':>8}{'trimmed':>9}{'median':>9}{'mean':>9}{'single':>9}  (RMS µV)")
    for kind, size_mv in (("ma", 0.05), ("bw", 0.3)):
        noise = resample(wfdb.rdrecord(str(folder / "nstdb" / f"{kind}_first15min")).p_signal.T, 360.0, 500.0)
        left: dict[str, list[float]] = {}
        for number in ludb_ids(folder)[::5]:
            recording = read_ecg(folder / "ludb" / "data" / f"{number}.hea")
            rows = np.stack([noise[j % 2, (number * 3001 + j * 23003) % 400000 :][:5000] for j in range(12)])
            rows = (rows - rows.mean(axis=1, keepdims=True)) * (size_mv / rows.std())
            noisy = Recording((recording.signal_mv + rows).astype(np.float32), 500.0)
            for average in ("trimmed", "median", "mean", "single"):
                config = BeatConfig(average=average)
                difference = (
                    synchronized_beat(noisy, config).waveform_mv - synchronized_beat(recording, config).waveform_mv
                )
                left.setdefault(average, []).append(1000 * float(np.sqrt(np.square(difference).mean())))
        medians = {average: float(np.median(values)) for average, values in left.items()}
        print(f"{kind:28}{1000 * size_mv:8.0f}" + "".join(f"{value:9.1f}" for value in medians.values()))
        report[f"noise {kind}"] = {average: round(value, 1) for average, value in medians.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=309, help="PTB-XL ECGs to compare at 500 and 100 Hz")
    arguments = parser.parse_args()
    folder = real_ecg_folder()
    if folder is None:
        raise SystemExit("the real ECGs are absent; set LVMASS_REAL_ECG")
    report: dict[str, object] = {"benchmark": "ecg_beat", "development": DEVELOPMENT}
    against_device(folder, report)
    over_rates(folder, report)
    against_100_hz(folder, arguments.records, report)
    filter_effect(folder, report)
    average_effect(folder, report)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
