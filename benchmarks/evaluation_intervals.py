"""Coverage of conformal intervals by sex, age and body-mass index, in simulated cohorts of the paper's size.

    python benchmarks/evaluation_intervals.py [--seeds 20]

Log-linear regression on demographics, with noise of each fold's own that grows with ``--noise``, stands in for the
network. It is fitted in five folds of a simulated development cohort of 1459 people; the mean of the fold models
meets people alike and the simulated external cohort, with cross-conformal intervals. Prints the mean coverage over
seeds and the lowest of a seed, with the mean number of people.
"""

import argparse
import json
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

from lvmass.cohort import simulate_cohort
from lvmass.evaluation import evaluate
from lvmass.evaluation.tables import EXTERNAL_FOLD


def design(people: pd.DataFrame) -> np.ndarray:
    """Demographics for the regression."""
    logs = np.log(people[["height_cm", "weight_kg", "age_years"]].to_numpy(float))
    return np.column_stack([logs, people["sex"] == "male"])


def simulated(seed: int, noise: float) -> dict[str, Any]:
    """Out-of-fold and external predictions of the stand-in, those of each fold model, and the people."""
    rng, tables, single, subjects = np.random.default_rng(seed), [], [], []
    cohorts = {"development": ("tw-cvai", 1459, 0), "alike": ("tw-cvai", 1459, 2000), "external": ("ntuh", 2579, 1000)}
    for cohort, (like, n, more) in cohorts.items():
        people = simulate_cohort(n, like=like, seed=seed + more).subjects.assign(cohort=cohort)
        if cohort == "development":
            fold = rng.permutation(n) % 5
            parts = [people[fold != k] for k in range(5)]
            fits = [LinearRegression().fit(design(part), np.log(part["lvm_g"])) for part in parts]
        each = np.exp([fit.predict(design(people)) + noise * rng.normal(size=n) for fit in fits])
        table = people[["subject_id", "sex", "lvm_g", "cohort"]].assign(
            model="demographics", training="pooled", lvh=False, patient_id=people["subject_id"],
            bsa_m2=np.sqrt(people["height_cm"] * people["weight_kg"] / 3600),
        )  # fmt: skip
        if cohort == "development":
            tables.append(table.assign(fold=fold, predicted_lvm_g=each[fold, np.arange(n)]))
        else:
            tables.append(table.assign(fold=EXTERNAL_FOLD, predicted_lvm_g=each.mean(axis=0)))
            single += [table.assign(fold=k, predicted_lvm_g=own) for k, own in enumerate(each)]
        subjects.append(people)
    drawn = {"predictions": tables, "external_single": single, "subjects": subjects}
    return {name: pd.concat(rows, ignore_index=True) for name, rows in drawn.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--noise", type=float, default=0.05)
    args = parser.parse_args()
    drawn = (simulated(seed, args.noise) for seed in range(args.seeds))
    tables = [evaluate(**each, only=["interval_coverage"])["interval_coverage"] for each in drawn]
    rows = pd.concat(tables).query("sex == 'all'").dropna(subset="coverage")
    groups = rows.groupby(["cohort", "variable", "group"], sort=False)
    found = groups["coverage"].agg(["mean", "min"]).join(groups[["n_subjects", "mean_width_g"]].mean()).astype(float)
    print("coverage of 90 % intervals")
    print(found.round({"mean": 3, "min": 3, "n_subjects": 0, "mean_width_g": 0}).to_string())
    records = found.reset_index().to_dict("records")
    print(json.dumps({"benchmark": "evaluation_intervals", "confidence": 0.9, "rows": records}))


if __name__ == "__main__":
    main()
