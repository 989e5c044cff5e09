"""Cost of a study in files (Linux): time and memory of 'lvmass check' and 'run' at growing numbers of people.

    python benchmarks/scale_files.py [--n 1000 10000 100000] [--folder DIR] [--workers 2] [--network]

Files are WFDB records of 5 s at 250 Hz (30 kB), made from a few hundred simulated people with gains, noise and a start
of their own, so that no two are equal; four of five are the development cohort. Folders are kept and used again.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil  # type: ignore[import-untyped]

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lvmass.cohort import simulate_cohort
from lvmass.ecg import LEADS

ROOT = Path(__file__).resolve().parents[1]
DISTINCT, RATE_HZ, SECONDS = 300, 250, 5
STUDY = """
name = "scale"
workers = {workers}

[development]
label = "Development"
subjects = "development.csv"

[external]
label = "External"
subjects = "external.csv"

[check]
allow_shared_people = true   # a few hundred people, told apart by noise and gain: 'check' sees that they are copies

[models.sex-median]
estimator = "sex-median"
covariates = ["demographics"]

[models.ridge]
estimator = "ridge"
training = ["pooled", "sex-specific"]

[models.linear]
estimator = "linear"
covariates = ["demographics", "ecg-parameters", "criteria"]
"""
NETWORK = """
[models.elvmass-net]
estimator = "elvmass-net"
arguments = {{ channels = 8, levels = 5, stem_stride = 4 }}
fit = {{ epochs = 1 }}
"""


def write_cohorts(folder: Path, n: int) -> None:
    """Write ECG files and the two tables, unless they are there."""
    if (folder / "external.csv").is_file():
        return
    rng = np.random.default_rng(1)
    kind = simulate_cohort(DISTINCT, like="tw-cvai", seed=1)
    # microvolts at half the rate; simulated ECGs hold nothing above 125 Hz
    signals = [np.round(1000 * each.signal_mv[:, ::2]).astype(np.int16) for each in kind.recordings()]
    length = RATE_HZ * SECONDS
    of = rng.integers(0, DISTINCT, n)
    people = kind.subjects.iloc[of].reset_index(drop=True)
    for name, sd in (("age_years", 0.03), ("height_cm", 0.02), ("weight_kg", 0.05), ("lvm_g", 0.08)):
        people[name] *= np.exp(sd * rng.standard_normal(n)).round(3)
    people["subject_id"] = people["patient_id"] = [f"person-{i:07d}" for i in range(n)]
    people["age_years"] = people["age_years"].clip(18, 110)
    paths = []
    for i, which in enumerate(of):
        name, inside = f"{i:07d}", folder / f"ecg{i // 1000:04d}"
        inside.mkdir(parents=True, exist_ok=True)
        start = rng.integers(0, 2500 - length)
        gains = np.exp(0.1 * rng.standard_normal((12, 1)))
        signal = gains * signals[which][:, start : start + length] + rng.normal(0, 5, (12, length))
        samples = signal.astype("<i2")
        (inside / f"{name}.dat").write_bytes(samples.T.tobytes())
        lines = [
            f"{name}.dat 16 1000(0)/mV 16 0 {each[0]} {each.sum(dtype=np.int16)} 0 {lead}\n"
            for each, lead in zip(samples, LEADS, strict=True)
        ]
        (inside / f"{name}.hea").write_text(f"{name} 12 {RATE_HZ} {length}\n" + "".join(lines))
        paths.append(f"{inside.name}/{name}.hea")
    people["ecg_path"] = paths
    people = people.drop(columns=[name for name in ("qrs_duration_ms", "qrs_axis_deg") if name in people])
    edge = round(0.8 * n)
    people[:edge].to_csv(folder / "development.csv", index=False)
    people[edge:].to_csv(folder / "external.csv", index=False)


def resident_mb(process: psutil.Process) -> tuple[float, float]:
    """Memory of a process and all below it: their own, and with pages of files, which the system may take back."""
    own = files = 0.0
    for each in [process, *process.children(recursive=True)]:
        try:
            lines = Path(f"/proc/{each.pid}/smaps_rollup").read_text().splitlines()[1:]
        except OSError:
            continue
        kb = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        own += (kb["Pss_Anon"] + kb["Pss_Shmem"]) / 1000
        files += kb["Pss_File"] / 1000
    return own, own + files


def measured(command: list[str], log: Path) -> dict[str, float]:
    """Run a command; wall and processor seconds, and the peaks of `resident_mb`."""
    before, started, peak = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter(), np.zeros(2)
    with log.open("a") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=ROOT)
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                peak = np.maximum(peak, resident_mb(watched))
            except psutil.NoSuchProcess:
                break
            time.sleep(0.3)
    if process.wait():
        sys.exit(f"{' '.join(command)} failed, see {log}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    wall_s = time.perf_counter() - started
    return {"wall_s": wall_s, "cpu_s": cpu_s, "own_mb": peak[0], "with_file_pages_mb": peak[1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "scale")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--network", action="store_true", help="also one epoch of a small network in each fold")
    arguments = parser.parse_args()
    rows = []
    for n in arguments.n:
        folder = arguments.folder / str(n)
        folder.mkdir(parents=True, exist_ok=True)
        write_cohorts(folder, n)
        study = folder / "study.toml"
        study.write_text((STUDY + (NETWORK if arguments.network else "")).format(workers=arguments.workers))
        run = [sys.executable, "-c", "import sys; from lvmass.cli import main; sys.argv[0] = 'lvmass'; main()"]
        for what in ("check", "run", "run again, nothing to do"):
            if what in ("check", "run"):  # else run would find the beats of check
                shutil.rmtree(folder / ".lvmass", ignore_errors=True)
            command = [*run, what.split()[0], str(study)]
            rows.append({"n": n, "what": what} | measured(command, folder / "log.txt"))
            row = rows[-1]
            row["wall_s_per_1000"], row["cpu_s_per_1000"] = (1000 * row[k] / n for k in ("wall_s", "cpu_s"))
            print(pd.DataFrame([row]).round(1).to_string(index=False, header=len(rows) == 1), flush=True)
        row["cache_mb"] = sum(f.stat().st_size for f in (folder / ".lvmass").rglob("*") if f.is_file()) / 1e6
    print(
        json.dumps(
            {
                "benchmark": "scale_files",
                "rows": [{k: v if isinstance(v, str) else round(v, 1) for k, v in row.items()} for row in rows],
            }
        )
    )


if __name__ == "__main__":
    main()
