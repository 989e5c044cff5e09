"""eLVMass-Net against the oracle of its own simulated people, and what it costs, as the cohort grows.

    python benchmarks/accuracy_oracle.py [--n 1459 20000 100000] [--folds 5] [--gpu]

The oracle reads the noise-free drivers that mass moves in the ECG, learnt from 100 000 other people, and estimates the
very people that the network estimates out of fold. Bars: within 10 % at n = 1 459, within 5 % at n = 20 000.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from simulation_oracle import oracle_estimates
from training_paper import PeakMemory

from lvmass.study.settings import CohortConfig, FoldsConfig, ModelConfig, StudyConfig
from lvmass.study.study import Study
from lvmass.training.settings import FitConfig, MachineConfig

SEED = 1


def row(n: int, folds: int, gpu: bool, processes: int, setting: str) -> dict[str, float]:
    """Errors and costs at one size."""
    many = n > 5000  # larger batches keep a processor busy, and more people bear more channels and need fewer epochs
    epochs = 15 if n <= 50_000 else 6
    fit = FitConfig(batch_size=128, learning_rate=2.8e-3, epochs=epochs) if many else FitConfig()
    network = ModelConfig(estimator="elvmass-net", arguments={"channels": 32} if many else {}, fit=fit)
    with tempfile.TemporaryDirectory() as folder:
        config = StudyConfig(
            name="oracle",
            development=CohortConfig(label="people", simulate="tw-cvai", n=n, seed=SEED, setting=setting),
            folds=FoldsConfig(n=folds),
            models={
                "elvmass-net": network,
                "demographics": ModelConfig(estimator="ridge", covariates=("demographics",)),
            },
            machine=MachineConfig(accelerator="gpu" if gpu else "cpu"),
            workers=processes,
            cache_dir=folder,
        )
        study = Study(config, Path(folder) / "study.toml")
        begun = time.perf_counter()
        study.beats()
        cut = time.perf_counter()
        table = study.predictions()
        done = time.perf_counter()
        rows = study.cohort().subjects["subject_id"]
    best = dict(zip(rows, oracle_estimates(n, like="tw-cvai", seed=SEED, setting=setting), strict=True))
    table["error_g"] = (table["lvm_g"] - table["predicted_lvm_g"]).abs()
    own, baseline = (table[table["model"] == name] for name in ("elvmass-net", "demographics"))
    oracle_g = (own["lvm_g"] - own["subject_id"].map(best)).abs()
    excess = own["error_g"].to_numpy() - oracle_g.to_numpy()
    return {
        "n": len(own),
        "mae_g": own["error_g"].mean(),
        "oracle_mae_g": oracle_g.mean(),
        "ratio": own["error_g"].mean() / oracle_g.mean(),
        "ratio_se": float(np.std(excess) / np.sqrt(len(own)) / oracle_g.mean()),
        "demographics_mae_g": baseline["error_g"].mean(),
        "beats_s": cut - begun,
        "fits_s": done - cut,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, nargs="+", default=[1459, 20000])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--processes", type=int, default=0, help="0 takes one for each core")
    parser.add_argument("--setting", default="published", choices=["published", "literature"])
    arguments = parser.parse_args()
    memory = PeakMemory()
    memory.start()
    rows = []
    for n in arguments.n:
        found = row(n, arguments.folds, arguments.gpu, arguments.processes, arguments.setting)
        found["peak_gb"] = memory.peak_gb
        rows.append({name: round(float(value), 3) for name, value in found.items()})
        print("  ".join(f"{name} {value:g}" for name, value in rows[-1].items()), flush=True)
    print(
        json.dumps({"benchmark": "accuracy_oracle", "gpu": arguments.gpu, "setting": arguments.setting, "rows": rows})
    )


if __name__ == "__main__":
    main()
