"""How well each LVH criterion separates LVH statements from normal ECGs in PTB-XL, with DeLong's interval.

    LVMASS_REAL_ECG=FOLDER python benchmarks/ecg_criteria.py

FOLDER holds ptbxl/; without the variable it is ../shared/data beside the checkout. The statements LVH and VCLVH are
readings of the same ECGs, largely by these very criteria: this checks our measurements, not the criteria.
"""

import argparse
import ast
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lvmass.ecg import lvh_criteria, measure_beat, read_ecg, synchronized_beat
from lvmass.evaluation.delong import auc_interval
from tests.ecg.reference import DEVELOPMENT, real_ecg_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    folder = real_ecg_folder()
    if folder is None:
        raise SystemExit("the real ECGs are absent; set LVMASS_REAL_ECG")
    table = pd.read_csv(folder / "ptbxl" / "ptbxl_database.csv")
    lvh, values, positive, qrs_ms, female = [], [], [], [], []
    for row in table.itertuples():
        codes = ast.literal_eval(str(row.scp_codes))
        hypertrophy = bool({"LVH", "VCLVH"} & codes.keys())
        if not hypertrophy and "NORM" not in codes:
            continue
        beat = synchronized_beat(read_ecg(folder / "ptbxl" / f"{row.filename_hr}.hea"))
        parameters = measure_beat(beat)
        sex = "female" if row.sex == 1 else "male"  # PTB-XL codes female as 1
        found = lvh_criteria(beat, parameters, sex)
        lvh.append(hypertrophy)
        values.append({name: criterion.value for name, criterion in found.items()})
        positive.append({name: criterion.positive for name, criterion in found.items()})
        qrs_ms.append(parameters.qrs_duration_ms)
        female.append(sex == "female")
    y, scores, flags = np.array(lvh), pd.DataFrame(values), pd.DataFrame(positive)
    print(f"{y.sum()} ECGs with LVH or VCLVH, {(~y).sum()} normal")
    print(f"{'criterion':30}{'AUC':>7}{'95 % interval':>18}{'sensitivity':>13}{'specificity':>13}")
    report: dict[str, object] = {"benchmark": "ecg_criteria", "n_lvh": int(y.sum()), "n_normal": int((~y).sum())}
    report["development"] = DEVELOPMENT
    for name in scores:
        auc, low, high = auc_interval(y, scores[name].to_numpy())
        flag = flags[name].to_numpy()
        sensitivity, specificity = flag[y].mean(), 1 - flag[~y].mean()
        print(f"{name:30}{auc:7.3f}{f'{low:.3f} to {high:.3f}':>18}{sensitivity:13.2f}{specificity:13.2f}")
        report[str(name)] = {"auc": round(auc, 3), "low": round(low, 3), "high": round(high, 3)}
    for sex, of_sex in (("men", ~np.array(female)), ("women", np.array(female))):
        normal = np.array(qrs_ms)[of_sex & ~y]
        print(f"QRS duration of normal {sex}: {normal.mean():.1f} ± {normal.std(ddof=1):.1f} ms (n = {normal.size})")
        report[f"qrs_ms_{sex}"] = round(float(normal.mean()), 1)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
