"""Which parts of real ECGs move the shipped model: read as LVH (or voltage criteria for it) against normal, PTB-XL.

    LVMASS_REAL_ECG=FOLDER python benchmarks/saliency_real.py --out book/validation

FOLDER holds ``ptbxl/``; whose ECGs are taken, and what stands for an unknown size, is as in `real_ecgs.py`. Integrated
Gradients start from the mean of the normal ECGs; covariates are held at the mean of the training people, so that a
contribution depends on the ECG alone. Beside them stands the recording of a real woman that comes with pydicom. Means
and their intervals are kept, nothing of a person.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from pydicom.data import get_testdata_file
from real_ecgs import labelled, measured
from simulation_tools import ptbxl

from lvmass.cohort.covariates import covariate_matrix
from lvmass.ecg import read_ecg
from lvmass.prediction import PRETRAINED, examined, load_predictor
from lvmass.saliency import WAVES, attribute, by_lead_and_wave, wave_of_samples
from lvmass.saliency.waves import GROUPS, mean_of_people

SAMPLE = "one ECG (pydicom)"


def summed(rows: list[dict[str, Any]], group: str) -> dict[str, Any]:
    """Grams of some leads in the sentence of chapter 6: mean and interval of all waves, and LVH by wave."""
    own = {(row["hue"].partition(",")[0], row["label"]): row for row in rows if row["section"] == group}
    everything = {
        name: [own[f"read as {name}", "all waves"][key] for key in ("estimate", "ci_low", "ci_high")]
        for name in ("LVH", "normal")
    }
    return everything | {wave: own["read as LVH", wave]["estimate"] for wave in ("QRS", "ST", "T")}


def said(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """All numbers in that sentence."""
    small = max(abs(row["estimate"]) for row in rows if row["label"] in ("P", "PR"))
    return {group.split()[0]: summed(rows, group) for group in GROUPS} | {"p_and_pr_most_g": small}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("."))
    given = parser.parse_args()
    model, card = load_predictor(PRETRAINED)
    everyone = ptbxl()
    chosen, seen = labelled(everyone, measured(everyone, card)[0])
    woman = {"sex": "female", "age_years": 50.0, "height_cm": 160.0, "weight_kg": 60.0}  # of no influence here
    seen.append(examined(read_ecg(str(get_testdata_file("waveform_ecg.dcm"))), woman, card))
    label = np.array([*np.where(chosen["lvh"], "read as LVH", "read as normal"), SAMPLE], dtype=object)
    people = pd.DataFrame([each.person for each in seen])
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
    result |= said(result["means"])
    (given.out / "saliency_real.json").write_text(json.dumps(result, indent=1) + "\n")
    print(table.to_string())
    print({name: result[name] for name in ("missed_median", "missed_worst")})


if __name__ == "__main__":
    main()
