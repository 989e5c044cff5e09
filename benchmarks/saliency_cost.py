"""What the maps of everybody cost at the paper's size: Integrated Gradients of 1 459 people, 32 steps, out of fold.

    python benchmarks/saliency_cost.py STUDY.toml [--n 1459]

The networks are those of a finished study, a fifth of people each: the cost depends on them and on the number of
people, not on who these are. One process; a study divides the folds among processes.
"""

import argparse
import json
import os
import resource
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from lvmass import Study
from lvmass.cohort import simulate_cohort
from lvmass.cohort.covariates import covariate_matrix
from lvmass.cohort.preprocessing import preprocess
from lvmass.saliency import attribute
from lvmass.training.model import FittedModel


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--n", type=int, default=1459)
    given = parser.parse_args()
    study = Study.from_toml(given.study)
    fits = [fit.predictor for fit in study.fits(study.reference, "pooled")]
    models = [model for model in fits if isinstance(model, FittedModel)]
    beats = preprocess(simulate_cohort(given.n, seed=77), study.config.beat)
    mean_mv, missed, seconds = beats.waveform_mv.mean(axis=0), [], time.process_time()
    for rows, model in zip(np.array_split(np.arange(len(beats.people)), len(models)), models, strict=True):
        known = covariate_matrix(beats.people.iloc[rows], model.covariates)
        made = attribute(model, beats.waveform_mv[rows], known, baseline_mv=mean_mv)
        missed.append(np.abs(made.completeness_error_g / made.difference_g))
    share = np.concatenate(missed)
    result = {
        "benchmark": "saliency_cost",
        "n": len(share),
        "processor_minutes": round((time.process_time() - seconds) / 60, 2),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2, 2),
        "missed_median": round(float(np.median(share)), 4),
        "missed_worst": round(float(share.max()), 4),
        "missed_more_than_5_percent": int((share > 0.05).sum()),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
