"""Controls of the training: shuffled masses, the same seed twice, another number of threads.

    python benchmarks/accuracy_controls.py [--n 800]

With masses shuffled among people nothing can be learnt: the c-statistic of LVH must be 0.5 +- 0.05 and the MAE no
better than the sex median's. Twice the same seed must give the same estimates to 1e-5 g, and another number of threads
the same MAE to 0.05 g.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lvmass.cohort import simulate_cohort
from lvmass.cohort.covariates import STUDY_GROUPS, covariate_matrix, covariate_names
from lvmass.cohort.preprocessing import Beats, preprocess
from lvmass.cohort.schema import bsa_mosteller_m2
from lvmass.config import LvhConfig
from lvmass.ecg.beats import BeatConfig
from lvmass.evaluation import delong_variance
from lvmass.floors import fit_floor
from lvmass.folds import assign_folds, inner_split
from lvmass.training import fit_network
from lvmass.training_config import FitConfig, MachineConfig


def out_of_fold(beats: Beats, config: FitConfig, threads: int, folds_run: int) -> tuple[NDArray, NDArray, NDArray]:
    """Rows of the first test folds, eLVMass-Net's estimates and the sex median's."""
    names = covariate_names(STUDY_GROUPS)
    covariates, lvm_g = covariate_matrix(beats.people, names), beats.people["lvm_g"].to_numpy(float)
    folds = assign_folds(beats, 5, 0)
    rows, network_g, median_g = [], [], []
    for fold in range(1, folds_run + 1):
        training, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        inner, validation = inner_split(beats, training, config.validation_fraction, fold)
        model = fit_network(
            "elvmass-net", {}, config, names, (beats.waveform_mv, covariates, lvm_g), inner, validation,
            sampling_rate_hz=500, seed=fold, machine=MachineConfig(threads=threads),
        )  # fmt: skip
        floor = fit_floor("sex-median", covariates[training], lvm_g[training])
        rows.append(test)
        network_g.append(model.predict_g(beats.waveform_mv[test], covariates[test]))
        median_g.append(floor.predict_g(None, covariates[test]))
    return np.concatenate(rows), np.concatenate(network_g), np.concatenate(median_g)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=800)
    arguments = parser.parse_args()
    config = FitConfig()
    beats = preprocess(simulate_cohort(arguments.n, like="tw-cvai", seed=3), BeatConfig(), workers=2)
    report: dict[str, object] = {"benchmark": "accuracy_controls", "n": len(beats.people)}

    # The label is shuffled as mass relative to body surface and sex would be: grams among all people.
    order = np.random.default_rng(0).permutation(len(beats.people))
    shuffled = replace(beats, people=beats.people.assign(lvm_g=beats.people["lvm_g"].to_numpy()[order]))
    rows, network_g, median_g = out_of_fold(shuffled, config, 2, 5)
    people = shuffled.people.iloc[rows]
    bsa_m2 = bsa_mosteller_m2(people["height_cm"], people["weight_kg"])
    lvm_g = people["lvm_g"].to_numpy()
    cutoff = people["sex"].map(LvhConfig().cutoffs_g_m2).to_numpy()
    for sex in ("female", "male"):
        of = (people["sex"] == sex).to_numpy()
        # grams against a cut-off in grams: the index would let body size through, which is not shuffled
        high = lvm_g[of] > np.quantile(lvm_g, 0.8)
        auc, variance = delong_variance(high.astype(int), network_g[of])
        print(f"shuffled masses, {sex}: c-statistic of the highest fifth {auc:.3f} (SE {np.sqrt(variance):.3f})")
        report[f"shuffled c-statistic, {sex}"] = round(float(auc), 3)
    auc, variance = delong_variance((lvm_g > np.quantile(lvm_g, 0.8)).astype(int), network_g)
    lvh_auc, _ = delong_variance((lvm_g / bsa_m2 > cutoff).astype(int), network_g)
    mae, floor_mae = np.abs(network_g - lvm_g).mean(), np.abs(median_g - lvm_g).mean()
    print(f"shuffled masses: c-statistic {auc:.3f} (SE {np.sqrt(variance):.3f}), of LVH by index {lvh_auc:.3f}")
    print(f"shuffled masses: MAE {mae:.2f} g, sex median {floor_mae:.2f} g")
    report |= {"shuffled c-statistic": round(float(auc), 3), "shuffled LVH c-statistic": round(float(lvh_auc), 3)}
    report |= {"shuffled mae_g": round(float(mae), 2), "shuffled sex median mae_g": round(float(floor_mae), 2)}

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
