"""Coverage of conformal intervals by sex, on the simulated cohorts or on a study's predictions.

    python benchmarks/evaluation_intervals.py [--predictions PREDICTIONS.csv|parquet] [--seeds 5]

Without predictions, log-linear regression on demographics stands in for the network, fitted in five folds of the
simulated development cohort and applied to the simulated external one.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

from lvmass.cohort import simulate_cohort
from lvmass.evaluation import evaluate
from lvmass.evaluation.lvh import PRIMARY, with_cutoffs


def design(people: pd.DataFrame) -> np.ndarray:
    """Demographics for the regression."""
    logs = np.log(people[["height_cm", "weight_kg", "age_years"]].to_numpy(float))
    return np.column_stack([logs, people["sex"] == "male"])


def simulated(seed: int) -> pd.DataFrame:
    """Out-of-fold and external predictions of the stand-in."""
    development = simulate_cohort(1459, like="tw-cvai", seed=seed).subjects
    external = simulate_cohort(2579, like="ntuh", seed=seed + 1000).subjects
    fold = np.random.default_rng(seed).permutation(len(development)) % 5
    own, other = np.empty(len(development)), np.zeros(len(external))
    for k in range(5):
        learn = development[fold != k]
        fit = LinearRegression().fit(design(learn), np.log(learn["lvm_g"]))
        own[fold == k] = np.exp(fit.predict(design(development[fold == k])))
        other += np.exp(fit.predict(design(external))) / 5
    tables = []
    for people, cohort, folds, predicted in ((development, "tw-cvai", fold, own), (external, "ntuh", -1, other)):
        bsa = np.sqrt(people["height_cm"] * people["weight_kg"] / 3600)
        table = people[["subject_id", "sex", "lvm_g"]].assign(
            model="demographics", training="pooled", cohort=cohort, fold=folds, predicted_lvm_g=predicted,
            bsa_m2=bsa, lvh=False, patient_id=people["subject_id"],
        )  # fmt: skip
        tables.append(table)
    return with_cutoffs(pd.concat(tables, ignore_index=True), PRIMARY)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predictions", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    if args.predictions:
        read = pd.read_parquet if args.predictions.suffix == ".parquet" else pd.read_csv
        sources = {str(args.predictions): read(args.predictions)}
    else:
        sources = {f"simulated, seed {seed}": simulated(seed) for seed in range(args.seeds)}
    rows = []
    print("coverage of 90 % intervals")
    for name, predictions in sources.items():
        table = evaluate(predictions, only=["interval_coverage"])["interval_coverage"]
        for row in table.to_dict(orient="records"):
            rows.append({"source": name} | {str(key): value for key, value in row.items()})
            fit = f"{row['cohort']} {row['model']} {row['training']} {row['group']:<6}"
            limits = f"{row['coverage']:.3f} ({row['ci_low']:.3f} to {row['ci_high']:.3f})"
            print(f"  {name}: {fit} {limits}, {row['mean_width_g']:.0f} g wide, n {row['n_subjects']}")
    print(json.dumps({"benchmark": "evaluation_intervals", "confidence": 0.9, "rows": rows}, default=float))


if __name__ == "__main__":
    main()
