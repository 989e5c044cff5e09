"""Wave boundaries against LUDB's readers and a cart's measurements, beside two methods of NeuroKit2.

    LVMASS_REAL_ECG=FOLDER python benchmarks/ecg_delineation.py [--peer-python PYTHON_WITH_NEUROKIT2]

FOLDER holds ludb/ and vendor_beats/; without the variable it is ../shared/data beside the checkout. The readers'
point of a beat is the median over the leads; the error of a record is the median over its beats, in milliseconds,
positive where the method is late. NeuroKit2 takes one lead and runs on each of the twelve as its documentation shows,
``ecg_clean``, ``ecg_peaks``, ``ecg_delineate``, with R peaks of its own; its points within 100 ms of a beat are put
together as the readers' are. Its default method, ``dwt``, looks for the QRS onset at the last downstroke between P and
Q; where there is no Q wave, that is the end of P (its issue 1042). Hence its newer method, ``prominence``, as well.
CSE tolerances (two standard deviations of the readers of the CSE working party, Eur Heart J 1985;6:815): QRS onset 6.5,
QRS offset 11.6, P onset 10.2, P offset 12.7, T offset 30.6 ms.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lvmass.ecg import measure_beat, read_ecg, synchronized_beat
from tests.ecg.reference import DEVELOPMENT, device_beat, ludb, qrs_of_beats, real_ecg_folder, waves_near

METHODS = ("prominence", "dwt")
NEUROKIT = """
import sys, warnings
import numpy as np, neurokit2 as nk
warnings.filterwarnings("ignore")
given, found = np.load(sys.argv[1]), {}
names = ("ECG_R_Onsets", "ECG_R_Offsets", "ECG_P_Onsets", "ECG_P_Offsets", "ECG_T_Offsets")
for key in given.files:
    if not key.startswith("signal"):
        continue
    number = key.split()[1]
    beats = given["beats " + number]
    rows = {method: np.full((12, len(names), len(beats)), np.nan) for method in sys.argv[3:]}
    for lead, signal in enumerate(given[key].astype(float)):
        clean = nk.ecg_clean(signal, sampling_rate=500)
        peaks = np.asarray(nk.ecg_peaks(clean, sampling_rate=500)[1]["ECG_R_Peaks"])
        for method in rows:
            try:
                points = nk.ecg_delineate(clean, peaks, sampling_rate=500, method=method)[1]
                apart = np.abs(peaks[:, None] - beats)
                nearest, near = apart.argmin(axis=0), apart.min(axis=0) <= 50
            except Exception:  # no R peaks, or a wave that it cannot find: the lead has no points
                continue
            for row, name in zip(rows[method][lead], names):
                if len(points[name]) == len(peaks):
                    row[:] = np.where(near, np.array(points[name], float)[nearest], np.nan)
    found |= {f"{method} {number}": each for method, each in rows.items()}
np.savez(sys.argv[2], **found)
print(nk.__version__)
"""
POINTS = {"QRS onset": 6.5, "QRS offset": 11.6, "P onset": 10.2, "P offset": 12.7, "T offset": 30.6}


def neurokit(python: str | None, given: dict[str, np.ndarray]) -> tuple[str, dict[str, np.ndarray]]:
    """Points by NeuroKit2 in its own interpreter; its version, or why it is not there."""
    if python is None:
        return "peer not available", {}
    with tempfile.TemporaryDirectory() as folder:
        signals, answer = Path(folder, "signals.npz"), Path(folder, "points.npz")
        np.savez(signals, allow_pickle=False, **given)
        done = subprocess.run(
            [python, "-c", NEUROKIT, signals, answer, *METHODS], capture_output=True, text=True, check=False
        )
        if done.returncode:
            return f"peer not available ({done.stderr.strip().splitlines()[-1]})", {}
        with np.load(answer) as found:
            return f"NeuroKit2 {done.stdout.strip()}", dict(found)


def against_readers(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """``POINTS`` of each LUDB record in ms from R: the readers' by beat, ours; and what a peer gets of each record."""
    readers, ours, given = {}, {}, {}
    for number, recording, annotations in ludb(folder):
        beat = synchronized_beat(recording)
        qrs = qrs_of_beats(annotations, 500.0).median()
        peaks = beat.r_peaks[np.argmin(np.abs(beat.r_peaks[:, None] - qrs[:, 1]), axis=0)]
        near = np.abs(peaks - qrs[:, 1]) < 50
        qrs, peaks = qrs[near], peaks[near]
        p = waves_near(annotations["p"], peaks, (-0.4, -0.04), 500.0).median()
        t = waves_near(annotations["t"], peaks, (0.06, 0.7), 500.0).median()
        readers[str(number)] = 2 * (np.stack([qrs[:, 0], qrs[:, 2], p[:, 0], p[:, 2], t[:, 2]]) - peaks)
        given[f"signal {number}"], given[f"beats {number}"] = recording.signal_mv, peaks
        found = measure_beat(beat)
        edges = (found.qrs_onset_ms, found.qrs_offset_ms, found.p_onset_ms, found.p_offset_ms, found.t_offset_ms)
        ours[str(number)] = np.array(edges)
    return readers, ours, given


def summary(error_ms: np.ndarray) -> tuple[int, float, float]:
    """How many, bias and standard deviation of the errors that exist."""
    known = error_ms[np.isfinite(error_ms)]
    return known.size, float(known.mean()), float(known.std(ddof=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", help="a Python that has NeuroKit2")
    arguments = parser.parse_args()
    folder = real_ecg_folder()
    if folder is None:
        raise SystemExit("the real ECGs are absent; set LVMASS_REAL_ECG")
    warnings.filterwarnings("ignore", "All-NaN slice encountered")
    readers, ours, given = against_readers(folder)
    p_waves = np.zeros((2, 2), dtype=int)
    for number, points_ms in ours.items():
        p_waves[int(np.isfinite(readers[number][2]).any()), int(np.isfinite(points_ms[3]))] += 1
    version, points = neurokit(arguments.peer_python, given)
    errors = {"lvmass": np.array([ours[n] - np.nanmedian(readers[n], axis=1) for n in readers])}
    for method in METHODS if points else ():
        peer = {n: 2 * (np.nanmedian(points[f"{method} {n}"], axis=0) - given[f"beats {n}"]) for n in readers}
        errors[f"NeuroKit2 {method}"] = np.array([np.nanmedian(peer[n] - readers[n], axis=1) for n in readers])
    report: dict[str, object] = {"benchmark": "ecg_delineation", "peer": version, "leads": 12, "records": len(readers)}
    report["development"] = DEVELOPMENT
    boundaries: list[dict[str, object]] = []
    print(f"{version}\nLUDB{'':10}{'method':>22}{'records':>9}{'bias ms':>9}{'SD ms':>8}{'CSE SD':>8}")
    for column, (point, tolerance) in enumerate(POINTS.items()):
        for method, error_ms in errors.items():
            n, bias, sd = summary(error_ms[:, column])
            print(f"{point:14}{method:>22}{n:9}{bias:9.1f}{sd:8.1f}{tolerance:8.1f}")
            row = {"boundary": point, "method": method, "n": n, "bias_ms": round(bias, 2), "sd_ms": round(sd, 2)}
            ends = {"low": round(bias - sd, 2), "high": round(bias + sd, 2)}
            boundaries.append(row | ends | {"tolerance_ms": tolerance})
    print(f"P wave seen by readers and by us: {p_waves[1, 1]} of {p_waves[1].sum()}; by us alone: {p_waves[0, 1]}")
    report["p_seen"], report["p_false"] = int(p_waves[1, 1]), int(p_waves[0, 1])
    _, _, device = device_beat(folder)
    found = measure_beat(synchronized_beat(read_ecg(folder / "vendor_beats" / "mortara_rhythm.hea")))
    rows = {
        "RR Interval [ms]": 60000 / found.heart_rate_bpm,
        "PR Interval [ms]": found.pr_interval_ms,
        "QRS Duration [ms]": found.qrs_duration_ms,
        "QT Interval [ms]": found.qt_interval_ms,
        "P Axis [deg]": found.p_axis_deg,
        "QRS Axis [deg]": found.qrs_axis_deg,
        "T Axis [deg]": found.t_axis_deg,
    }
    print(f"\nMortara cart{'':10}{'device':>9}{'lvmass':>9}{'difference':>12}")
    for name, value in rows.items():
        print(f"{name:22}{device[name]:9.0f}{value:9.1f}{value - device[name]:12.1f}")
    report["boundaries"] = boundaries
    for old, new in {
        "[ms]": "(ms)",
        "[deg]": "(°)",
        "Interval": "interval",
        "Duration": "duration",
        "Axis": "axis",
    }.items():
        rows, device = ({name.replace(old, new): value for name, value in each.items()} for each in (rows, device))
    report["cart"] = [{"what": name, "difference": round(rows[name] - device[name], 1)} for name in rows]
    print(json.dumps(report))


if __name__ == "__main__":
    main()
