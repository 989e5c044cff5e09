"""Coverage of 95 % intervals of c-statistics within folds, and of the gap over people and training runs.

    python benchmarks/gap_coverage.py [--n 1459] [--cohorts 1000] [--repeats 1 3 10] [--shared 0]

People of two sexes have a mass that six features say part of, and LVH by its index. A model is the true function of the
features, with errors in its coefficients that differ between trainings, folds and repetitions, and an offset of its
own in each fold. In each cohort both people and models are drawn anew; an interval holds the mean over all cohorts, or
does not. Intervals of one repetition hold models fixed and must not be expected to cover what another run would give:
they are shown to say how much repetitions matter. Repetitions learn from the same people, so that part of their error
is common to them and does not show in their spread: ``--shared`` is the share of its variance that is. With 0,
intervals must cover; with more they cannot, because one cohort does not tell what another one would teach.
"""

import argparse
import json

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from lvmass.cohort.schema import LVH_CUTOFF_G_M2
from lvmass.evaluation import evaluate

FEATURES, FOLDS = 6, 5
QUANTITIES = ("gap", "mechanical", "training", "fewer people", "one sex only", "sex-specific", "pooled in everyone")
ERRORS = {"pooled": 0.015, "sex-specific": 0.03, "size-matched": 0.03}
"""SD of each coefficient's error, per unit of log mass; a model that learns from fewer people has a larger one."""


def cohort(n: int, repeats: int, shared: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions under both trainings and size-matched, of every repetition."""
    rng = np.random.default_rng(seed)
    male = rng.random(n) < 0.6
    features = rng.normal(size=(n, FEATURES))
    bsa_m2 = np.where(male, 1.80, 1.59) * np.exp(0.09 * rng.normal(size=n))
    weights = np.full(FEATURES, 0.14 / FEATURES**0.5)
    known = np.log(np.where(male, 68.0, 56.0) * bsa_m2) + features @ weights
    lvm_g = np.exp(known + 0.16 * rng.normal(size=n))
    names = [f"p{i:05d}" for i in range(n)]
    sex = np.where(male, "male", "female")
    people = pd.DataFrame({"subject_id": names, "patient_id": names, "sex": sex, "lvm_g": lvm_g, "bsa_m2": bsa_m2})
    people["lvh"] = people["lvm_g"] / people["bsa_m2"] > people["sex"].map(LVH_CUTOFF_G_M2)
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in ERRORS}
    common = {name: rng.normal(size=(1, 2, FEATURES)) for name in ERRORS}
    for repeat in range(repeats):
        fold = rng.permutation(np.arange(n) % FOLDS) + 1
        for training, error in ERRORS.items():
            own = rng.normal(size=(FOLDS, 2, FEATURES))
            wrong = error * (shared**0.5 * common[training] + (1 - shared) ** 0.5 * own)
            wrong[:, 1] = wrong[:, 0] if training == "pooled" else wrong[:, 1]  # one model for both sexes
            offset = 0.02 * rng.normal(size=FOLDS)
            score = known + np.sum(features * wrong[fold - 1, male.astype(int)], axis=1) + offset[fold - 1]
            of = {"predicted_lvm_g": np.exp(score), "fold": fold, "repeat": repeat, "cohort": "dev", "model": "m"}
            as_called = "pooled" if training == "size-matched" else training
            parts[training].append(people.assign(training=as_called, **of))
    return pd.concat(parts["pooled"] + parts["sex-specific"], ignore_index=True), pd.concat(parts["size-matched"])


def intervals(n: int, repeats: int, shared: float, seed: int) -> pd.DataFrame:
    """Estimate and limits of every quantity in one cohort: ``quantity, sex, estimate, ci_low, ci_high``."""
    trained, size_matched = cohort(n, repeats, shared, seed)
    first = trained[trained["repeat"] == 0].drop(columns="repeat")
    tables = evaluate(
        first, gap=(trained, size_matched), n_resamples=10, only=["gap", "c_statistics"],
        cutoff_sets={"own": LVH_CUTOFF_G_M2},
    )  # fmt: skip
    areas = tables["c_statistics"].query("score == 'grams' and training == 'pooled'")
    areas = areas.assign(quantity="c-statistic within folds").rename(columns={"auc": "estimate"})
    gap = tables["gap"].query("quantity in @QUANTITIES")
    columns = ["quantity", "sex", "estimate", "ci_low", "ci_high"]
    return pd.concat([areas[columns], gap[columns]]).astype({name: float for name in columns[2:]})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1459)
    parser.add_argument("--cohorts", type=int, default=1000)
    parser.add_argument("--repeats", type=int, nargs="+", default=[1, 3, 10])
    parser.add_argument("--shared", type=float, default=0.0, help="share of the variance of errors, 0 to 1")
    parser.add_argument("--workers", type=int, default=-1)
    given = parser.parse_args()
    found = []
    for repeats in given.repeats:
        drawn = Parallel(given.workers)(
            delayed(intervals)(given.n, repeats, given.shared, k) for k in range(given.cohorts)
        )
        rows = pd.concat(drawn)
        groups = rows.groupby(["quantity", "sex"], sort=False)
        truth = groups["estimate"].transform("mean")
        rows["held"] = (rows["ci_low"] <= truth) & (truth <= rows["ci_high"])
        table = (
            groups[["estimate"]]
            .mean()
            .assign(sd=groups["estimate"].std(), coverage=rows.groupby(["quantity", "sex"], sort=False)["held"].mean())
        )
        found.append(table.assign(repeats=repeats).reset_index())
        print(f"{given.cohorts} cohorts of {given.n}, {repeats} repetitions")
        print(table.round(4).to_string(), flush=True)
    report = pd.concat(found).round(4).to_dict("records")
    print(
        json.dumps(
            {
                "benchmark": "gap_coverage",
                "n": given.n,
                "cohorts": given.cohorts,
                "shared": given.shared,
                "rows": report,
            }
        )
    )


if __name__ == "__main__":
    main()
