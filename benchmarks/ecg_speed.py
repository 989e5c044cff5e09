"""Speed and memory from file to beat, measurements and LVH criteria on one core, beside NeuroKit2.

    LVMASS_REAL_ECG=FOLDER python benchmarks/ecg_speed.py [--peer-python PYTHON_WITH_NEUROKIT2] [--memory 2000 20000]

FOLDER holds ptbxl/ (10 s, 500 Hz, 12 leads); without the variable it is ../shared/data beside the checkout. Time is
that of the processor, so that other programs do not count; the fastest of the repetitions is shown. NeuroKit2 runs
``ecg_process`` on the twelve leads of the same ECGs, without reading them from files. Memory is the peak of a process
that works through so many recordings. At last: how much `examine`, which gives beat, measurements and findings in one
pass, saves of what they take one after the other.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lvmass.ecg import check_quality, examine, lvh_criteria, measure_beat, read_ecg, synchronized_beat
from tests.ecg.reference import real_ecg_folder

NEUROKIT = """
import sys, time, warnings
import numpy as np, neurokit2 as nk
warnings.filterwarnings("ignore")
signals = np.load(sys.argv[1])["signals"]
nk.ecg_process(signals[0, 1], sampling_rate=500)
started, done = time.process_time(), 0
for leads in signals:
    for lead in leads:
        try:
            nk.ecg_process(lead, sampling_rate=500)
        except Exception:
            pass
print((time.process_time() - started) / len(signals), nk.__version__)
"""

MEMORY = """
import resource, sys
from itertools import cycle, islice
from lvmass.ecg import lvh_criteria, measure_beat, read_ecg, synchronized_beat
for path in islice(cycle(sys.argv[2:]), int(sys.argv[1])):
    beat = synchronized_beat(read_ecg(path))
    lvh_criteria(beat, measure_beat(beat), "female")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def stages(paths: list[Path]) -> dict[str, float]:
    """Seconds of processor time an ECG, by stage."""
    spent = dict.fromkeys(("read", "beat", "measure", "criteria", "quality", "examine"), 0.0)
    clock = time.process_time
    for path in paths:
        marks = [clock()]
        recording = read_ecg(path)
        marks.append(clock())
        beat = synchronized_beat(recording)
        marks.append(clock())
        parameters = measure_beat(beat)
        marks.append(clock())
        lvh_criteria(beat, parameters, "female")
        marks.append(clock())
        check_quality(recording)
        marks.append(clock())
        examine(recording)
        marks.append(clock())
        for stage, seconds in zip(spent, np.diff(marks), strict=True):
            spent[stage] += float(seconds) / len(paths)
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", help="a Python that has NeuroKit2")
    parser.add_argument("--records", type=int, default=200)
    parser.add_argument("--memory", type=int, nargs="+", default=[200, 2000], help="numbers of recordings")
    arguments = parser.parse_args()
    folder = real_ecg_folder()
    if folder is None:
        raise SystemExit("the real ECGs are absent; set LVMASS_REAL_ECG")
    files = sorted((folder / "ptbxl" / "records500" / "00000").glob("*_hr.hea"))
    paths = list(islice(cycle(files), arguments.records))
    stages(paths[:10])
    with threadpool_limits(1):
        spent = min((stages(paths) for _ in range(3)), key=lambda times: sum(times.values()))
    total = sum(spent[stage] for stage in ("read", "beat", "measure", "criteria"))
    saved = 1 - spent["examine"] / (spent["quality"] + spent["beat"] + spent["measure"])
    for stage, seconds in spent.items():
        print(f"{stage:28}{1000 * seconds:8.2f} ms")
    print(f"{'file to criteria':28}{1000 * total:8.2f} ms{1 / total:8.0f} ECG/s")
    report: dict[str, object] = {"benchmark": "ecg_speed", "ecg_per_s": round(1 / total, 1), "records": len(paths)}
    print(f"{'saved by examining once':28}{saved:8.0%} of quality, beat and measure one after the other")
    report["examine_saves"] = round(saved, 3)
    report["ms"] = {stage: round(1000 * seconds, 2) for stage, seconds in spent.items()}
    peer = "peer not available"
    if arguments.peer_python:
        with tempfile.TemporaryDirectory() as scratch:
            given = Path(scratch, "signals.npz")
            np.savez(given, signals=np.stack([read_ecg(path).signal_mv for path in files[:6]]).astype(float))
            command = [arguments.peer_python, "-c", NEUROKIT, str(given)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            peer_s, version = float(done.stdout.split()[0]), done.stdout.split()[1]
            peer = f"NeuroKit2 {version}: {1000 * peer_s:.0f} ms an ECG, {peer_s / total:.0f} times ours"
            report["times_faster"] = round(peer_s / total, 1)
    print(peer)
    for count in arguments.memory:
        command = [sys.executable, "-c", MEMORY, str(count), *map(str, files)]
        root = str(Path(__file__).resolve().parents[1])
        peak = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root).stdout
        print(f"peak memory over {count:6} recordings: {float(peak):.0f} MB")
        report[f"memory_mb_{count}"] = round(float(peak), 1)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
