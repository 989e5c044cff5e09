"""Speed of the paired DeLong test on one core: to a million people, and beside MLstatkit and R's pROC.

    python benchmarks/delong_speed.py [--peer-python PYTHON_WITH_MLSTATKIT] [--rscript RSCRIPT_WITH_PROC]

All get the same scores. MLstatkit is timed by its own interpreter, pROC by R, each without its start.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402

from lvmass.evaluation.delong import delong_paired  # noqa: E402

SIZES = (1_000, 10_000, 20_000, 100_000, 1_000_000)
PEER_SIZE = 20_000

PYTHON_PEER = """
import sys, time, numpy as np
from MLstatkit import Delong_test
y, a, b = np.loadtxt(sys.argv[1], delimiter=",", skiprows=1, unpack=True)
times = []
for _ in range(20):
    start = time.perf_counter()
    result = Delong_test(y.astype(int), a, b, return_ci=False, return_auc=False)
    times.append(time.perf_counter() - start)
print(min(times), abs(result[0]))
"""

R_PEER = """
suppressMessages(library(pROC))
d <- read.csv(commandArgs(TRUE)[1])
whole <- c(); test <- c()
for (i in 1:20) {
  start <- proc.time()[["elapsed"]]
  a <- roc(d$y, d$a, levels = c(0, 1), direction = "<", quiet = TRUE)
  b <- roc(d$y, d$b, levels = c(0, 1), direction = "<", quiet = TRUE)
  middle <- proc.time()[["elapsed"]]
  for (k in 1:10) t <- roc.test(a, b, method = "delong", paired = TRUE)
  end <- proc.time()[["elapsed"]]
  one <- (end - middle) / 10
  whole <- c(whole, middle - start + one); test <- c(test, one)
}
cat(min(whole), min(test), format(abs(unname(t$statistic)), digits = 15), "\\n")
"""


def people(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One in five with the condition, two correlated scores."""
    rng = np.random.default_rng(n)
    y = rng.random(n) < 0.2
    common = rng.normal(size=n) + y
    return y, common + rng.normal(size=n), common + rng.normal(size=n)


def fastest(n: int, repeats: int) -> tuple[float, float]:
    """Best seconds of some runs, and z."""
    y, a, b = people(n)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = delong_paired(y, a, b)
        times.append(time.perf_counter() - start)
    return min(times), result.z


def last_numbers(command: list[str]) -> list[float]:
    """Numbers of the last line that a command prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ})
    return [float(word) for word in done.stdout.strip().splitlines()[-1].split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", help="interpreter that has MLstatkit")
    parser.add_argument("--rscript", help="Rscript that has pROC")
    args = parser.parse_args()
    seconds = {n: fastest(n, 20 if n <= 100_000 else 3)[0] for n in SIZES}
    per_n_log_n = {n: 1e9 * s / (n * np.log2(n)) for n, s in seconds.items()}
    print(f"{'people':>9} {'seconds':>9} {'ns / (n log2 n)':>16}")
    for n in SIZES:
        print(f"{n:>9} {seconds[n]:>9.5f} {per_n_log_n[n]:>16.2f}")
    growth = float(np.polyfit(np.log(SIZES[1:]), np.log([seconds[n] for n in SIZES[1:]]), 1)[0])
    report: dict[str, object] = {
        "benchmark": "delong_speed",
        "seconds": {str(n): round(s, 6) for n, s in seconds.items()},
        "growth_exponent": round(growth, 3),
    }
    ours, z = fastest(PEER_SIZE, 20)
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder) / "scores.csv", Path(folder) / "peer"
        np.savetxt(data, np.column_stack(people(PEER_SIZE)), delimiter=",", header="y,a,b", comments="", fmt="%.17g")
        if args.peer_python:
            script.write_text(PYTHON_PEER)
            took, peer_z = last_numbers([args.peer_python, str(script), str(data)])
            print(f"MLstatkit, {PEER_SIZE} people: {took:.4f} s, {took / ours:.1f} times ours")
            print(f"  its z differs by {abs(peer_z - abs(z)):.1e}")
            report |= {"mlstatkit_seconds": took, "mlstatkit_ratio": round(took / ours, 2)}
        if args.rscript:
            script.write_text(R_PEER)
            whole, test, peer_z = last_numbers([args.rscript, str(script), str(data)])
            print(f"pROC, {PEER_SIZE} people: {whole:.4f} s with its curves, {whole / ours:.1f} times ours")
            print(
                f"  the test alone {test:.4f} s, {test / ours:.1f} times; its z differs by {abs(peer_z - abs(z)):.1e}"
            )
            report |= {"proc_seconds": whole, "proc_test_seconds": test, "proc_ratio": round(whole / ours, 2)}
            report["proc_test_ratio"] = round(test / ours, 2)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
