"""Speed and memory of the simulator on one core.

    python benchmarks/simulation_speed.py [--n 1000] [--people 100000]

Time is that of the processor; the fastest of three repetitions. Memory is the peak of a process that simulates so many
people and streams the ECGs of the first thousand.
"""

import argparse
import subprocess
import sys
import time

import pandas as pd
from simulation_tools import finish
from threadpoolctl import threadpool_limits

from lvmass.cohort import simulate_cohort

MEMORY = """
import resource, sys
from lvmass.cohort import simulate_cohort
cohort = simulate_cohort(int(sys.argv[1]), seed=1)
for recording in cohort.recordings(0, min(1000, len(cohort))):
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1000, help="ECGs timed")
    parser.add_argument("--people", type=int, default=100_000, help="people in memory")
    given = parser.parse_args()
    spent = []
    with threadpool_limits(1):
        for seed in range(3):
            started = time.process_time()
            for _ in simulate_cohort(given.n, seed=seed).recordings():
                pass
            spent.append(time.process_time() - started)
    command = [sys.executable, "-c", MEMORY, str(given.people)]
    peak_mb = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    rate = given.n / min(spent)
    table = pd.DataFrame(
        {
            "measure": ["ECGs a second and core", f"peak memory, MB, {given.people} people"],
            "got": [round(rate, 1), round(peak_mb, 1)],
            "bar": [">= 150", "< 1000"],
        }
    )
    finish("simulation_speed", table, {"ecg_per_s": round(rate, 1), "peak_mb": round(peak_mb, 1)})


if __name__ == "__main__":
    main()
