"""Does a cohort of the paper's size give the published numbers? eLVMass-Net out of fold on simulated people.

    python benchmarks/simulation_published.py [--seeds 101 102 103] [--setting published] [--ecg-only] [--results FILE]

Prints, for each cohort and their mean: MAE, MAPE and the c-statistics for LVH by grams (sex-specific models in their
sex, the pooled one in everyone and within each sex), the oracle on the same people, and demographics without an ECG.
With ``--ecg-only`` also eLVMass-Net, FCN and LVM-AI-style without demographics. The seeds appear nowhere else.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import pandas as pd
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from simulation_oracle import oracle_estimates

from lvmass.cohort.simulation.constants import SETTINGS
from lvmass.evaluation.inverse import FITTED, PREDICTED
from lvmass.study.settings import CohortConfig, ModelConfig, StudyConfig, read_study_file
from lvmass.study.study import Study

N = 1459
PAPER = Path(__file__).resolve().parents[1] / "book" / "studies" / "paper.toml"


def models(ecg_only: bool) -> dict[str, ModelConfig]:
    """Models by name; comparators as tuned for the paper-size study, without demographics."""
    found = {
        "eLVMass-Net": ModelConfig(estimator="elvmass-net", training=("pooled", "sex-specific")),
        "demographics": ModelConfig(estimator="ridge", covariates=("demographics",)),
    }
    if ecg_only:
        alone = {"covariates": (), "training": ("pooled",)}
        tuned = read_study_file(PAPER).models
        found |= {
            f"{name}, ECG only": tuned[name].model_copy(update=alone) for name in ("elvmass-net", "fcn", "lvm-ai")
        }
    return found


def row(seed: int, setting: str, ecg_only: bool, workers: int) -> dict[str, float]:
    """Every number of one cohort."""
    people = CohortConfig(label="people", simulate="tw-cvai", n=N, seed=seed, setting=setting)
    with tempfile.TemporaryDirectory() as folder:
        config = StudyConfig(
            name="published",
            development=people,
            models=models(ecg_only),
            signal_rate_hz=100.0,
            workers=workers,
            cache_dir=folder,
        )
        study = Study(config, Path(folder) / "study.toml")
        table, ids = study.predictions(), study.cohort().subjects["subject_id"]
    best = dict(zip(ids, oracle_estimates(N, like="tw-cvai", seed=seed, setting=setting), strict=True))
    table["error_g"] = (table["lvm_g"] - table["predicted_lvm_g"]).abs()
    own = table[table["model"] == "eLVMass-Net"]
    pooled, specific = (own[own["training"] == training] for training in ("pooled", "sex-specific"))

    def auc(group: pd.DataFrame) -> float:
        return float(roc_auc_score(group["lvh"], group["predicted_lvm_g"]))

    oracle_g = (pooled["lvm_g"] - pooled["subject_id"].map(best)).abs().mean()
    found = {
        "mae_g": pooled["error_g"].mean(),
        "mape_percent": 100.0 * (pooled["error_g"] / pooled["lvm_g"]).mean(),
        "auc_male": auc(specific[specific["sex"] == "male"]),
        "auc_female": auc(specific[specific["sex"] == "female"]),
        "auc_pooled": auc(pooled),
        "auc_pooled_in_men": auc(pooled[pooled["sex"] == "male"]),
        "auc_pooled_in_women": auc(pooled[pooled["sex"] == "female"]),
        "oracle_mae_g": oracle_g,
        "over_oracle": pooled["error_g"].mean() / oracle_g,
    }
    others = table[table["model"] != "eLVMass-Net"].groupby("model")["error_g"].mean()
    return found | {f"{name}, mae_g": value for name, value in others.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[101, 102, 103])
    parser.add_argument("--setting", choices=list(SETTINGS), default="published")
    parser.add_argument("--ecg-only", action="store_true")
    parser.add_argument("--workers", type=int, default=0, help="processes; 0 takes one for each core")
    parser.add_argument("--results", type=Path, help="JSON file for the table of chapter 3")
    given = parser.parse_args()
    rows = {}
    for seed in given.seeds:
        rows[str(seed)] = row(seed, given.setting, given.ecg_only, given.workers)
        print(seed, "  ".join(f"{name} {value:.3f}" for name, value in rows[str(seed)].items()), flush=True)
    table = pd.DataFrame(rows)
    table["mean"] = table.mean(axis=1)
    for name, (value, sd) in (FITTED | PREDICTED).items():
        table.loc[table.index == name, ["published", "sd"]] = value, sd
    print(table.round(3).to_string())
    if given.results is not None:
        lines = table.drop(columns="sd").T.round(4)
        lines = lines.rename({"published": "published (patients)", "mean": "mean of these"})
        lines = lines.rename_axis("cohort").reset_index().astype(object)
        rows_kept = lines.where(lines.notna(), None).to_dict("records")
        kept = {"seeds": given.seeds, "setting": given.setting, "n": N, "rows": rows_kept}
        given.results.write_text(json.dumps(kept, indent=1) + "\n")
    result = {"setting": given.setting, "n": N, "mean": table["mean"].round(4).to_dict()}
    print(json.dumps({"benchmark": "simulation_published", **result}))


if __name__ == "__main__":
    main()
