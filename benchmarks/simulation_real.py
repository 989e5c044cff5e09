"""Simulated healthy people beside PTB-XL's normal ECGs, matched in sex and age, by lvmass.ecg on both.

    LVMASS_REAL_ECG=FOLDER python benchmarks/simulation_real.py [--n 8000]

Standardized mean differences of measured features, the AUC of a logistic regression that tells simulated from real by
them, and sensitivity and specificity of the criteria. PTB-XL is European, 1989 to 1996, and its filters are not those
of today: the J point in V2 of men, where the end of a deep S meets a steep ST, stays the feature farthest off.
"""

import numpy as np
import pandas as pd
from simulation_tools import (
    PARAMETERS,
    arguments,
    finish,
    healthy_rows,
    like_in_age,
    measure,
    measured_ptbxl,
    ptb_xl_like,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FEATURES = [
    *(name for name in PARAMETERS if name != "heart_rate_bpm"),  # a rest of 10 s says little of an outpatient's rate
    *("p_II", "p_V1", "r_I", "r_II", "r_aVF", "r_V1", "r_V3", "r_V5", "r_V6", "s_V1", "s_V2", "s_V3", "s_V5"),
    *("t_I", "t_II", "t_V2", "t_V5", "st_j_V2", "st_j_V5"),
    *("sokolow_lyon_voltage_mv", "cornell_voltage_mv", "peguero_lo_presti_mv"),
]


def main() -> None:
    given = arguments(__doc__, 8000)
    every_real, _ = measured_ptbxl(given.workers)
    real = every_real[every_real["normal"] & ~every_real["lvh"]].reset_index(drop=True)
    cohort = ptb_xl_like(given.n, given.seed, given.setting)
    healthy = healthy_rows(cohort)
    rows = healthy[like_in_age(real, cohort.subjects.iloc[healthy], 5, given.seed)]
    simulated, _ = measure(cohort.subjects, cohort, rows, given.workers)
    table = []
    for sex in ("male", "female"):
        a, b = (people.loc[people["sex"] == sex, FEATURES] for people in (simulated, real))
        smd = (a.mean() - b.mean()) / np.sqrt((a.var() + b.var()) / 2)
        table.append(
            pd.DataFrame({"sex": sex, "feature": FEATURES, "simulated": a.mean(), "real": b.mean(), "smd": smd})
        )
    differences = pd.concat(table, ignore_index=True)
    size = differences["smd"].abs()
    classifier = make_pipeline(
        SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=2000, class_weight="balanced")
    )
    both = pd.concat([simulated[FEATURES], real[FEATURES]])
    is_real = np.r_[np.zeros(len(simulated)), np.ones(len(real))]
    told = cross_val_predict(classifier, both, is_real, cv=5, method="predict_proba")[:, 1]
    labelled = every_real[every_real["normal"] | every_real["lvh"]]
    criteria = {}
    for name in ("sokolow_lyon_voltage_mv", "cornell_voltage_mv", "peguero_lo_presti_mv"):
        flag, lvh = labelled[f"{name}_positive"] > 0, labelled["lvh"]
        criteria[name] = {
            "real_sensitivity": round(float(flag[lvh].mean()), 3),
            "real_specificity": round(float(1 - flag[~lvh].mean()), 3),
            "simulated_specificity": round(float(1 - simulated[f"{name}_positive"].mean()), 3),
        }
    result = {
        "setting": given.setting,
        "n_real": len(real),
        "n_simulated": len(simulated),
        "features": len(FEATURES),
        "share_within_0.3": round(float((size <= 0.3).mean()), 3),
        "largest": round(float(size.max()), 3),
        "beyond_0.6": [f"{row.feature} ({row.sex})" for row in differences[size > 0.6].itertuples()],
        "logistic_auc": round(float(roc_auc_score(is_real, told)), 3),
        "criteria": criteria,
    }
    finish("simulation_real", differences.round(3), result)


if __name__ == "__main__":
    main()
