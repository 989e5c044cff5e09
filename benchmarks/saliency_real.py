"""Which parts of real ECGs move the shipped model: read as LVH (or voltage criteria for it) against normal, PTB-XL.

    python benchmarks/saliency_real.py --data FOLDER --out book/validation

FOLDER holds ``ptbxl/`` as PhysioNet has it. Integrated Gradients start from the mean of the normal ECGs; covariates are
held at the mean of the training people, so that a contribution depends on the ECG alone. One ECG a patient, copies
dropped. Beside them stands the recording of a real woman that comes with pydicom. Means and their intervals are kept,
nothing of a person.
"""

import argparse
import ast
import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from pydicom.data import get_testdata_file

from lvmass.cohort.covariates import covariate_matrix
from lvmass.ecg import read_ecg
from lvmass.errors import DataError
from lvmass.prediction import PRETRAINED, examined, load_predictor
from lvmass.saliency import WAVES, attribute, by_lead_and_wave, wave_of_samples
from lvmass.saliency.waves import GROUPS, mean_of_people

SAMPLE = "one ECG (pydicom)"


def records(folder: Path) -> pd.DataFrame:
    """One ECG of each patient that is read as LVH or as normal: path, what the model needs to know, label."""
    table = pd.read_csv(folder / "ptbxl" / "ptbxl_database.csv")
    codes = table["scp_codes"].map(ast.literal_eval)
    lvh = codes.map(lambda own: "LVH" in own or "VCLVH" in own)
    normal = codes.map(lambda own: own.get("NORM", 0) > 0)
    rows = pd.DataFrame({
        "sex": table["sex"].map({0: "male", 1: "female"}),
        "age_years": table["age"].clip(upper=90).astype(float),  # 300 stands for above 89
        "height_cm": table["height"].astype(float),
        "weight_kg": table["weight"].astype(float),
        "label": np.where(lvh, "read as LVH", "read as normal"),
        "patient": table["patient_id"],
        "path": [str(folder / "ptbxl" / f"{name}.hea") for name in table["filename_hr"]],
    })[lvh | normal]  # fmt: skip
    content = rows["path"].map(lambda path: Path(path).with_suffix(".dat").read_bytes())
    rows = rows[~content.duplicated()].sort_values("label").drop_duplicates("patient")
    for name in ("height_cm", "weight_kg"):
        rows[name] = rows[name].fillna(rows.groupby("sex")[name].transform("median"))
    return rows


def shown(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The figure of chapter 6, and what it says."""
    said = []
    for group in GROUPS:
        own = {(row["hue"].partition(",")[0], row["label"]): row for row in rows if row["section"] == group}
        waves = ", ".join(f"{wave} {own['read as LVH', wave]['estimate']:.1f} g" for wave in ("QRS", "ST", "T"))
        lvh, normal = (own[name, "all waves"] for name in ("read as LVH", "read as normal"))
        said.append(
            f"in {group}, ECGs read as LVH raise the estimate by {lvh['estimate']:.1f} g ({lvh['ci_low']:.1f} to "
            f"{lvh['ci_high']:.1f}; {waves}), normal ones by {normal['estimate']:.1f} g ({normal['ci_low']:.1f} to "
            f"{normal['ci_high']:.1f})"
        )
    title, axis = "Real ECGs, the shipped model: read as LVH and as normal", "mean signed attribution (g)"
    small = max(abs(row["estimate"]) for row in rows if row["label"] in ("P", "PR"))
    return {
        "title": title,
        "axis": axis,
        "rows": [row for row in rows if row["label"] in ("QRS", "ST", "T")],
        "said": f"Against the mean of the normal ECGs, {'; '.join(said)}. P and PR, not drawn, have {small:.2f} g at "
        "most.",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("."))
    given = parser.parse_args()
    model, card = load_predictor(PRETRAINED)
    sample: dict[str, Any] = {
        "sex": "female",
        "age_years": 50.0,
        "height_cm": 160.0,
        "weight_kg": 60.0,
    }  # of no influence here
    sample |= {"label": SAMPLE, "path": str(get_testdata_file("waveform_ecg.dcm"))}
    everyone: list[dict[Any, Any]] = [*records(given.data).to_dict("records"), sample]
    seen, labels = [], []
    for row in everyone:
        try:
            seen.append(examined(read_ecg(row["path"]), row, card))
        except DataError:  # no usable beat
            continue
        labels.append(row["label"])
    people, label = pd.DataFrame([each.person for each in seen]), np.array(labels)
    beats = np.stack([each.beat.waveform_mv for each in seen])
    waves = wave_of_samples(beats, people, seen[0].beat.time_ms)
    made = attribute(
        model, beats, covariate_matrix(people, model.covariates), only_waveform=True,
        baseline_mv=beats[label == "read as normal"].mean(axis=0),
    )  # fmt: skip
    cells = by_lead_and_wave(made.grams, waves)
    missed = np.abs(made.completeness_error_g / made.difference_g)
    rows: list[dict[str, Any]] = []
    for group, leads in GROUPS.items():
        for name in ("read as LVH", "read as normal", SAMPLE):
            own = cells[label == name][:, leads].sum(axis=1)[:, :-1]
            mean, low, high = mean_of_people(np.column_stack([own, own.sum(axis=1)]), np.arange(len(own)))
            low, high = (low, high) if len(own) > 1 else (low * np.nan, high * np.nan)
            hue = f"{name}, n = {len(own)}" if len(own) > 1 else name
            rows += [
                {"section": group, "label": wave, "hue": hue, "estimate": a, "ci_low": b, "ci_high": c}
                for wave, a, b, c in zip((*WAVES[:-1], "all waves"), mean, low, high, strict=True)
            ]
    table = pd.DataFrame(rows).round(3)
    result: dict[str, Any] = {
        "benchmark": "saliency_real",
        "missed_median": round(float(np.median(missed)), 4),
        "missed_worst": round(float(missed.max()), 4),
        "means": json.loads(table.to_json(orient="records")),
    }
    result["shown"] = [shown(result["means"])]
    (given.out / "saliency_real.json").write_text(json.dumps(result, indent=1) + "\n")
    print(table.to_string())
    print({name: result[name] for name in ("missed_median", "missed_worst")})


if __name__ == "__main__":
    main()
