"""How much of what eLVMass-Net reads could a straight line read? Why networks tie on the simulated cohort.

    python benchmarks/accuracy_linear.py [--n 1459] [--results FILE]

A ridge regression on the covariates and the beat itself, averaged over 10 ms, in the eight independent leads: nothing
is chosen, nothing is bent. Its penalty is chosen within the training folds. Same people, folds and covariates as the
networks; paired differences with bootstrap intervals. Where they hold zero, the waveform's information on mass is as
good as linear in its voltages at this size, and no shape of network can be told from another by it.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lvmass.cohort.covariates import covariate_matrix, covariate_names
from lvmass.cohort.preprocessing import Beats
from lvmass.config import STUDY_GROUPS, read_study_file
from lvmass.ecg.recording import LEADS
from lvmass.evaluation import compare_errors
from lvmass.model import scale_covariates
from lvmass.networks.fcn import INDEPENDENT_LEADS
from lvmass.study import Study

ROOT = Path(__file__).resolve().parents[1]
NAME = "ridge on the beat"
MODELS = ("elvmass-net", "fcn", "demographics+ecg-parameters+criteria (boosting)")
FREE = 100.0
"""Covariates are enlarged by this factor, so that the penalty falls on the waveform alone."""


def linear_estimates_g(beats: Beats, folds: pd.Series) -> np.ndarray:
    """Out-of-fold estimates of the ridge regression, one for each person."""
    rows = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]
    step = round(10 / np.diff(beats.time_ms).mean())  # samples in 10 ms
    n = beats.waveform_mv.shape[2] // step * step
    means_mv = beats.waveform_mv[:, rows, :n].reshape(len(folds), len(rows), -1, step).mean(axis=3)
    waveform = means_mv.reshape(len(folds), -1).astype(float)
    known = covariate_matrix(beats.people, covariate_names(STUDY_GROUPS))
    lvm_g = beats.people["lvm_g"].to_numpy(float)
    estimates_g = np.full(len(folds), np.nan)
    for fold in sorted(set(folds)):
        test = (folds == fold).to_numpy()
        mean, sd = np.nanmean(known[~test], axis=0), np.nanstd(known[~test], axis=0)
        features = np.hstack([FREE * scale_covariates(known, mean, sd).numpy(), waveform])
        ridge = RidgeCV(alphas=np.logspace(0, 4, 17)).fit(features[~test], lvm_g[~test])
        estimates_g[test] = ridge.predict(features[test])
    return estimates_g


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1459)
    parser.add_argument("--results", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    paper = read_study_file(ROOT / "book" / "studies" / "paper.toml")
    models = {name: paper.models[name].model_copy(update={"training": ("pooled",)}) for name in MODELS}
    people = paper.development.model_copy(update={"n": arguments.n})
    with tempfile.TemporaryDirectory() as folder:
        update = {"development": people, "external": None, "models": models, "cache_dir": folder}
        study = Study(paper.model_copy(update=update), Path(folder) / "linear.toml")
        table, beats, folds = study.predictions(), study.beats(), study.folds()["fold"]
        estimates_g = dict(zip(beats.people["subject_id"], linear_estimates_g(beats, folds), strict=True))
    own = table[table["model"] == "elvmass-net"]
    linear = own.assign(model=NAME, predicted_lvm_g=own["subject_id"].map(estimates_g))
    differences = compare_errors(pd.concat([table, linear]), NAME, n_resamples=paper.bootstrap).query("sex == 'all'")
    columns = ["model_b", "mae_a_g", "mae_b_g", "difference_g", "ci_low", "ci_high", "p_holm"]
    print(differences[columns].round(3).to_string(index=False))
    rows = differences[columns].round(4).to_dict("records")
    text = json.dumps({"benchmark": "accuracy_linear", "n": len(own), "model_a": NAME, "rows": rows})
    print(text)
    if arguments.results is not None:
        arguments.results.write_text(text + "\n")


if __name__ == "__main__":
    main()
