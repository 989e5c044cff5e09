"""Would chapter 5's method find a gain from sex-specific training if there were one, and does it find none without?

    python benchmarks/gap_control.py --results book/paper_size/gap_control [--n 3000] [--cohorts 10] [--nulls 20]

The method sets the same simulated people beside themselves, with the switch that lets the ECG follow mass otherwise in
women and men on and off, trains a linear model without products pooled and sex-specific in both, and asks whether the
step of training is larger with the switch on. Positive control: the switch strong, in cohorts in which a gain must
appear. Null: the switch off in both, and the second ECG of the same people from another day, so that all differs but
the switch. A gain is found where the two-sided p is below 0.05 and the difference above zero.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy import stats

from lvmass.cohort import simulate_cohort
from lvmass.cohort.covariates import COVARIATE_GROUPS, covariate_matrix, covariate_names
from lvmass.cohort.folds import assign_folds
from lvmass.cohort.preprocessing import preprocess
from lvmass.cohort.schema import LVH_CUTOFF_G_M2, SEXES, bsa_mosteller_m2
from lvmass.cohort.simulation import Couplings
from lvmass.ecg.beats import BeatConfig
from lvmass.evaluation import evaluate
from lvmass.training.baselines import fit_baseline

FIRST_SEED, FOLDS, REPEATS, STRONG = 601, 5, 3, 4.0
SETS: dict[str, tuple[float, int]] = {"positive control": (STRONG, 0), "null cohorts": (0.0, 1)}
"""Switch, and day of the ECG."""


def people_of(n: int, seed: int, switch: float, day: int) -> pd.DataFrame:
    """Covariates and masses of usable people."""
    couplings = Couplings(sex_interaction=switch)
    cohort = simulate_cohort(n, like="tw-cvai", seed=seed, setting="published", couplings=couplings, day=day)
    return preprocess(cohort, BeatConfig()).people


def predicted(people: pd.DataFrame, folds: list[pd.Series], cohort: str) -> pd.DataFrame:
    """Out-of-fold predictions under both trainings, in every repetition."""
    covariates = covariate_matrix(people, covariate_names(tuple(COVARIATE_GROUPS)))
    lvm_g, sex, parts = people["lvm_g"].to_numpy(float), people["sex"].to_numpy(str), []
    bsa_m2 = bsa_mosteller_m2(people["height_cm"], people["weight_kg"])
    lvh = lvm_g / bsa_m2 > people["sex"].map(LVH_CUTOFF_G_M2)
    known = people[["subject_id", "patient_id", "sex", "lvm_g"]].assign(bsa_m2=bsa_m2, lvh=lvh, cohort=cohort)
    for repeat, of_fold in enumerate(folds):
        fold = of_fold.loc[people["subject_id"]].to_numpy()
        for training, groups in (("pooled", [SEXES]), ("sex-specific", [(each,) for each in SEXES])):
            estimate_g = np.empty(len(people))
            for k in range(1, FOLDS + 1):
                for group in groups:
                    own, test = np.isin(sex, group), fold == k
                    model = fit_baseline("linear", covariates[own & ~test], lvm_g[own & ~test])
                    estimate_g[own & test] = model.predict_g(None, covariates[own & test])
            table = known.assign(predicted_lvm_g=estimate_g, model="linear", training=training)
            parts.append(table.assign(fold=fold, repeat=repeat))
    return pd.concat(parts, ignore_index=True)


def differences(n: int, seed: int, names: list[str]) -> pd.DataFrame:
    """The step of training as each set of ``names`` has it, minus that with the switch off, in each sex."""
    without, tables = people_of(n, seed, 0.0, 0), []
    for name in names:
        on, off = people_of(n, seed, *SETS[name]), without
        both = set(on["subject_id"]) & set(off["subject_id"])  # whose ECG is usable in both
        on, off = (each[each["subject_id"].isin(both)].reset_index(drop=True) for each in (on, off))
        folds = [
            pd.Series(assign_folds(off, list(off["subject_id"]), FOLDS, seed + 1000 * k), index=off["subject_id"])
            for k in range(REPEATS)
        ]
        trained = pd.concat([predicted(on, folds, "on"), predicted(off, folds, "off")], ignore_index=True)
        first = trained.query("repeat == 0 and cohort == 'on'").drop(columns="repeat")
        sets = {"own": LVH_CUTOFF_G_M2}
        gap = evaluate(first, gap=(trained, trained[:0]), n_resamples=10, only=["gap"], cutoff_sets=sets)["gap"]
        rows = gap.query("cohort == 'on minus off' and quantity == 'training'")
        columns = ["sex", "estimate", "ci_low", "ci_high", "p_value", "n_subjects", "n_lvh"]
        tables.append(rows[columns].assign(control=name, seed=seed))
    return pd.concat(tables)


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """How often a gain is found, with Clopper and Pearson's interval, and the power by mean effect and error."""
    found = []
    for (control, sex), group in rows.groupby(["control", "sex"], sort=False):
        gains = int(((group["p_value"] < 0.05) & (group["estimate"] > 0)).sum())
        low, high = stats.binomtest(gains, len(group)).proportion_ci()
        error = float((group["ci_high"] - group["ci_low"]).astype(float).mean() / 3.92)
        mean = float(group["estimate"].astype(float).mean())
        row = {"control": control, "sex": sex, "n_subjects": int(group["n_subjects"].astype(float).median())}
        row |= {"difference": mean, "standard_error": error, "found": gains, "n_cohorts": len(group)}
        row |= {"estimate": gains / len(group), "ci_low": low, "ci_high": high}
        found.append(row | {"power": float(stats.norm.sf(1.959964 - mean / error))})
    return pd.DataFrame(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=3000)
    parser.add_argument("--cohorts", type=int, default=10, help="of the positive control")
    parser.add_argument("--nulls", type=int, default=20)
    parser.add_argument("--workers", type=int, default=-1)
    parser.add_argument("--results", type=Path, help="folder of the tables")
    given = parser.parse_args()
    wanted = dict(zip(SETS, (given.cohorts, given.nulls), strict=True))
    jobs = [(FIRST_SEED + k, [name for name in SETS if k < wanted[name]]) for k in range(max(wanted.values()))]
    rows = pd.concat(Parallel(given.workers)(delayed(differences)(given.n, *job) for job in jobs))
    table = summary(rows)
    print(table.round(4).to_string(index=False))
    if given.results is not None:
        given.results.mkdir(parents=True, exist_ok=True)
        rows.to_csv(given.results / "cohorts.csv", index=False, float_format="%.6g")
        table.to_csv(given.results / "tests.csv", index=False, float_format="%.6g")
        about = {"study": "benchmarks/gap_control.py", "people": [given.n], "setting": "published"}
        (given.results / "about.json").write_text(json.dumps(about, indent=2) + "\n")
    print(json.dumps({"benchmark": "gap_control", "n": given.n, "tests": table.round(4).to_dict("records")}))


if __name__ == "__main__":
    main()
