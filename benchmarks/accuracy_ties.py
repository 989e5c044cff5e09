"""Why eLVMass-Net and the FCN tie on the simulated cohort: what do they find, and is it the same?

    python benchmarks/accuracy_ties.py [--n 1459] [--results FILE]

Two questions, in the same people and folds, with the settings of `book/studies/paper.toml`:

- Is it a straight line? A ridge regression on the covariates and the beat itself, averaged over 10 ms, in the eight
  independent leads; its penalty is chosen within the training folds. Paired differences with bootstrap intervals.
- Is it the same? Both networks are trained with two seeds. If two estimates of one person differ no more between the
  networks than between the seeds of one network, and their mean gains no more, both have found the same.
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
from lvmass.ecg.recording import INDEPENDENT_LEADS
from lvmass.evaluation import evaluate
from lvmass.study.settings import STUDY_GROUPS, read_study_file
from lvmass.study.study import Study

ROOT = Path(__file__).resolve().parents[1]
NAME = "ridge on the beat"
NETWORKS = ("elvmass-net", "fcn")
FREE = 100.0
"""Covariates are enlarged by this factor, so that the penalty falls on the waveform alone."""


def linear_estimates_g(beats: Beats, folds: pd.Series) -> np.ndarray:
    """Out-of-fold estimates of the ridge regression, one for each person."""
    rows = list(INDEPENDENT_LEADS)
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
        missing = np.isnan(known)
        z_scores = np.where(missing, 0.0, (known - mean) / sd)
        features = np.hstack([FREE * z_scores, FREE * missing, waveform])
        ridge = RidgeCV(alphas=np.logspace(0, 4, 17)).fit(features[~test], lvm_g[~test])
        estimates_g[test] = ridge.predict(features[test])
    return estimates_g


def agreement(estimates_g: dict[str, list[pd.Series]], lvm_g: pd.Series) -> list[dict[str, float | str]]:
    """Two seeds of each network, and the two networks: SD of their difference, MAE of one and of their mean."""
    pairs = {f"{name}, two seeds": [tuple(estimates_g[name])] for name in NETWORKS}
    first, second = (estimates_g[name] for name in NETWORKS)
    pairs[" and ".join(NETWORKS)] = [(a, b) for a in first for b in second]
    rows: list[dict[str, float | str]] = []
    for name, found in pairs.items():
        sd_g = float(np.mean([(a - b).std() for a, b in found]))
        alone_g = float(np.mean([(each - lvm_g).abs().mean() for pair in found for each in pair]))
        mean_g = float(np.mean([((a + b) / 2 - lvm_g).abs().mean() for a, b in found]))
        rows.append({"pair": name, "sd_of_difference_g": sd_g, "mae_alone_g": alone_g, "mae_of_mean_g": mean_g})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1459)
    parser.add_argument("--results", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    paper = read_study_file(ROOT / "book" / "studies" / "paper.toml")
    models = {name: paper.models[name].model_copy(update={"training": ("pooled",)}) for name in NETWORKS}
    people = paper.development.model_copy(update={"n": arguments.n})
    estimates_g: dict[str, list[pd.Series]] = {name: [] for name in NETWORKS}
    tables = []
    with tempfile.TemporaryDirectory() as folder:
        update = {"development": people, "external": None, "models": models, "cache_dir": folder}
        for seed in (paper.seed, paper.seed + 1):
            study = Study(paper.model_copy(update=update | {"seed": seed}), Path(folder) / "ties.toml")
            tables.append(study.predictions())
            for name, rows in tables[-1].groupby("model"):
                estimates_g[str(name)].append(rows.set_index("subject_id")["predicted_lvm_g"])
        beats, folds = study.beats(), study.folds()["fold"]
        straight_g = dict(zip(beats.people["subject_id"], linear_estimates_g(beats, folds), strict=True))
    own = tables[0][tables[0]["model"] == NETWORKS[0]]
    linear = own.assign(model=NAME, predicted_lvm_g=own["subject_id"].map(straight_g))
    differences = evaluate(
        pd.concat([tables[0], linear]), NAME, n_resamples=paper.bootstrap, only=["error_differences"]
    )["error_differences"]
    columns = ["model_b", "mae_a_g", "mae_b_g", "difference_g", "ci_low", "ci_high", "p_holm"]
    differences = differences.query("sex == 'all'")[columns]
    pairs = pd.DataFrame(agreement(estimates_g, own.set_index("subject_id")["lvm_g"]))
    print(differences.round(3).to_string(index=False))
    print(pairs.round(3).to_string(index=False))
    report = {
        "benchmark": "accuracy_ties",
        "n": len(own),
        "setting": paper.development.setting,
        "straight_line": differences.round(4).to_dict("records"),
    }
    text = json.dumps(report | {"pairs": pairs.round(4).to_dict("records")})
    print(text)
    if arguments.results is not None:
        arguments.results.write_text(text + "\n")


if __name__ == "__main__":
    main()
