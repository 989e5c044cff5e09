"""R peaks against LUDB's readers and the MIT-BIH annotations, beside NeuroKit2 and wfdb's XQRS.

    LVMASS_REAL_ECG=FOLDER python benchmarks/ecg_peaks.py [--peer-python PYTHON_WITH_NEUROKIT2]

FOLDER holds ludb/, mitdb/ and nstdb/; without the variable it is ../shared/data beside the checkout. A beat is found
within 100 ms, in LUDB between the first and last annotated beat. lvmass gets all leads (12 of LUDB, 2 of MIT-BIH) and
once more only the lead that the peers get, who take one: II of LUDB, the first of MIT-BIH, which is a modified II. Both
peers run as their documentation shows: NeuroKit2 by ``ecg_clean`` and ``ecg_peaks``, XQRS with learning, on millivolts.
Noise is added as in the MIT-BIH noise stress test.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lvmass.ecg import LEADS, detect_r_peaks
from tests.ecg.reference import (
    DEVELOPMENT,
    MITDB_RECORDS,
    add_noise,
    f1_score,
    ludb,
    match_beats,
    mitdb,
    qrs_of_beats,
    real_ecg_folder,
)

NEUROKIT = """
import sys, warnings
import numpy as np, neurokit2 as nk
warnings.filterwarnings("ignore")
signals, found = np.load(sys.argv[1]), {}
for name in signals.files:
    rate = int(name.split("@")[1])
    clean = nk.ecg_clean(signals[name].astype(float), sampling_rate=rate)
    found[name] = nk.ecg_peaks(clean, sampling_rate=rate)[1]["ECG_R_Peaks"]
np.savez(sys.argv[2], **found)
print(nk.__version__)
"""

TOLERANCE_S = 0.1

Detector = Callable[[str, np.ndarray, float], np.ndarray]


def neurokit(python: str | None, signals: dict[str, np.ndarray]) -> tuple[str, dict[str, np.ndarray]]:
    """R peaks by NeuroKit2 in its own interpreter; its version, or why it is not there."""
    if python is None:
        return "peer not available", {}
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder, "signals.npz"), Path(folder, "peaks.npz")
        np.savez(given, allow_pickle=False, **signals)
        done = subprocess.run([python, "-c", NEUROKIT, given, answer], capture_output=True, text=True, check=False)
        if done.returncode:
            return f"peer not available ({done.stderr.strip().splitlines()[-1]})", {}
        with np.load(answer) as found:
            return f"NeuroKit2 {done.stdout.strip()}", dict(found)


def xqrs(signal: np.ndarray, rate_hz: float) -> np.ndarray:
    from wfdb import processing

    detector = processing.XQRS(sig=signal.astype(float), fs=rate_hz)
    detector.detect(verbose=False)
    return np.asarray(detector.qrs_inds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", help="a Python that has NeuroKit2")
    arguments = parser.parse_args()
    folder = real_ecg_folder()
    if folder is None:
        raise SystemExit("the real ECGs are absent; set LVMASS_REAL_ECG")
    cases: dict[str, tuple[str, np.ndarray, float, np.ndarray]] = {}
    positions = []
    for number, recording, annotations in ludb(folder):
        reference = qrs_of_beats(annotations, recording.sampling_rate_hz).median()[:, 1]
        cases[f"ludb {number}@500"] = ("LUDB", recording.signal_mv, 500.0, reference)
        found = detect_r_peaks(recording.signal_mv, 500.0)
        nearest = found[np.argmin(np.abs(found[:, None] - reference), axis=0)] - reference
        positions.append(2.0 * nearest[np.abs(nearest) <= 50])
    for name in MITDB_RECORDS:
        signal, rate_hz, beats = mitdb(folder, name)
        cases[f"mitdb {name}@360"] = ("MIT-BIH", signal, rate_hz, beats)
        for kind, label in (("bw", "MIT-BIH + drift 6 dB"), ("ma", "MIT-BIH + muscle 6 dB")):
            noisy = add_noise(signal, rate_hz, beats, folder, kind, 6.0)
            cases[f"{kind} {name}@360"] = (label, noisy, rate_hz, beats)
    single = {name: case[1][LEADS.index("II") if case[0] == "LUDB" else 0] for name, case in cases.items()}
    version, by_neurokit = neurokit(arguments.peer_python, single)
    detectors: dict[str, Detector] = {
        "lvmass": lambda name, signal, rate_hz: detect_r_peaks(signal, rate_hz),
        "lvmass one lead": lambda name, signal, rate_hz: detect_r_peaks(single[name], rate_hz),
        "XQRS": lambda name, signal, rate_hz: xqrs(single[name], rate_hz),
    }
    if by_neurokit:
        detectors["NeuroKit2"] = lambda name, signal, rate_hz: by_neurokit[name]
    print(
        f"{version}\n{'records':24}{'method':>16}{'leads':>6}{'beats':>8}{'missed':>8}{'extra':>7}{'F1':>9}{'worst':>8}"
    )
    report: dict[str, object] = {"benchmark": "ecg_peaks", "peer": version, "tolerance_ms": 1000 * TOLERANCE_S}
    report["development"] = DEVELOPMENT
    rows: list[dict[str, object]] = []
    for label in dict.fromkeys(case[0] for case in cases.values()):
        for method, detector in detectors.items():
            total, worst, n_leads, n_records = np.zeros(3, dtype=int), 1.0, 1, 0
            for name, (group, signal, rate_hz, reference) in cases.items():
                if group != label:
                    continue
                found = np.asarray(detector(name, signal, rate_hz), dtype=float)
                tolerance = TOLERANCE_S * rate_hz
                if label == "LUDB":
                    found = found[(found >= reference[0] - tolerance) & (found <= reference[-1] + tolerance)]
                counts = match_beats(reference, found, tolerance)
                total += counts
                worst = min(worst, f1_score(*counts))
                n_leads, n_records = len(signal) if method == "lvmass" else 1, n_records + 1
            f1, n_beats = f1_score(*total.tolist()), int(total[0] + total[1])
            print(f"{label:24}{method:>16}{n_leads:6}{n_beats:8}{total[1]:8}{total[2]:7}{f1:9.4f}{worst:8.3f}")
            row = {"recordings": label.replace(" + ", ", "), "method": method, "f1": round(f1, 4)}
            rows.append(row | {"worst": round(worst, 3), "leads": n_leads, "beats": n_beats, "records": n_records})
    report["detectors"] = rows
    error_ms = np.concatenate(positions)
    offset_ms = float(np.median(error_ms))
    spread_ms = float(np.median(np.abs(error_ms - offset_ms)))
    print(f"R position against LUDB's QRS peak: offset {offset_ms:.1f} ms, median absolute error {spread_ms:.1f} ms")
    report["position_offset_ms"], report["position_error_ms"] = offset_ms, spread_ms
    print(json.dumps(report))


if __name__ == "__main__":
    main()
