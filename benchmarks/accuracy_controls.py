"""Controls of the training: shuffled masses, the same seed twice, another number of threads.

    python benchmarks/accuracy_controls.py [--n 1459] [--shuffles 3]

With masses shuffled among people nothing can be learnt: the c-statistic must be 0.5 +- 0.05 and the MAE no better than
the sex median's. One shuffle leaves a standard error of 0.02, hence the mean of several. Twice the same seed must give
the same estimates to 1e-5 g, and another number of threads in a fit the same MAE to 0.05 g. (A study sets that number
in its file, one by default, so that its results do not depend on the processors it meets.)
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lvmass.cohort import simulate_cohort
from lvmass.cohort.covariates import STUDY_GROUPS, covariate_matrix, covariate_names
from lvmass.cohort.folds import assign_folds
from lvmass.cohort.preprocessing import Beats, preprocess
from lvmass.ecg.beats import BeatConfig
from lvmass.evaluation import delong_variance
from lvmass.training.baselines import fit_baseline
from lvmass.training.fit import fit_network
from lvmass.training.settings import FitConfig, MachineConfig


def out_of_fold(beats: Beats, config: FitConfig, threads: int, folds_run: int) -> tuple[NDArray, NDArray, NDArray]:
    """Rows of the first test folds, eLVMass-Net's estimates and the sex median's."""
    names = covariate_names(STUDY_GROUPS)
    covariates, lvm_g = covariate_matrix(beats.people, names), beats.people["lvm_g"].to_numpy(float)
    hashes = beats.report.loc[beats.report["usable"], "ecg_hash"].tolist()
    folds = assign_folds(beats.people, hashes, 5, 0)
    rows, network_g, median_g = [], [], []
    for fold in range(1, folds_run + 1):
        training, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        model = fit_network(
            "elvmass-net", {}, config, names, (beats.waveform_mv, covariates, lvm_g), training,
            sampling_rate_hz=500, seed=fold, machine=MachineConfig(threads=threads),
        )  # fmt: skip
        baseline = fit_baseline("sex-median", covariates[training], lvm_g[training])
        rows.append(test)
        network_g.append(model.predict_g(beats.waveform_mv[test], covariates[test]))
        median_g.append(baseline.predict_g(None, covariates[test]))
    return np.concatenate(rows), np.concatenate(network_g), np.concatenate(median_g)


def shuffled_masses(beats: Beats, config: FitConfig, seed: int) -> dict[str, float]:
    """Error and c-statistics where masses are shuffled among people.

    High mass is the highest fifth in grams: by mass index, body size, which is not shuffled, would tell LVH.
    """
    order = np.random.default_rng(seed).permutation(len(beats.people))
    shuffled = replace(beats, people=beats.people.assign(lvm_g=beats.people["lvm_g"].to_numpy()[order]))
    rows, network_g, median_g = out_of_fold(shuffled, config, 2, 5)
    people = shuffled.people.iloc[rows]
    lvm_g, sex = people["lvm_g"].to_numpy(), people["sex"].to_numpy()
    high = (lvm_g > np.quantile(lvm_g, 0.8)).astype(int)
    groups = {"all": np.ones(len(sex), bool), "female": sex == "female", "male": sex == "male"}
    aucs = {f"c-statistic, {name}": delong_variance(high[of], network_g[of])[0] for name, of in groups.items()}
    errors_g = {"mae_g": np.abs(network_g - lvm_g).mean(), "sex median mae_g": np.abs(median_g - lvm_g).mean()}
    return {name: float(value) for name, value in (aucs | errors_g).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1459)
    parser.add_argument("--shuffles", type=int, default=3)
    arguments = parser.parse_args()
    config = FitConfig()
    beats = preprocess(simulate_cohort(arguments.n, like="tw-cvai", seed=3), BeatConfig(), workers=2)
    report: dict[str, object] = {"benchmark": "accuracy_controls", "n": len(beats.people)}

    found = pd.DataFrame([shuffled_masses(beats, config, seed) for seed in range(arguments.shuffles)])
    print(found.round(3).to_string(index=False))
    report |= {f"shuffled {name}, mean": round(float(value), 3) for name, value in found.mean().items()}

    true_g = beats.people["lvm_g"].to_numpy()
    rows, first, _ = out_of_fold(beats, config, 2, 5)
    _, again, _ = out_of_fold(beats, config, 2, 2)
    _, one_thread, _ = out_of_fold(beats, config, 1, 5)
    same = float(np.abs(first[: len(again)] - again).max())
    maes = [float(np.abs(estimate - true_g[rows]).mean()) for estimate in (first, one_thread)]
    print(f"same seed and threads: largest difference {same:.1e} g")
    print(f"two threads: MAE {maes[0]:.3f} g, one thread {maes[1]:.3f} g")
    report |= {"same_seed_g": same, "threads_mae_difference_g": round(abs(maes[0] - maes[1]), 4)}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
