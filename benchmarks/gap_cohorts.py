"""The gap between sex-specific and pooled c-statistics in many simulated cohorts of the paper's size.

    python benchmarks/gap_cohorts.py --results book/paper_size/gap_cohorts [--cohorts 20] [--networks 8]

Every cohort is drawn with its sex interaction switched off, as the simulator's setting has it, and strong. In each the
models are trained pooled, size-matched and sex-specific, out of fold. How large are the steps of the gap, and how much
do they vary from cohort to cohort, training included? How often does the test as published find p < 0.01 with the
switch off? How often does the paired test, within a sex, find what there is to gain? eLVMass-Net is trained in the
first cohorts only. The seeds appear nowhere else.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import pandas as pd
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lvmass.study.settings import CohortConfig, FoldsConfig, ModelConfig, StudyConfig, read_study_file
from lvmass.study.study import Study

QUICK = Path(__file__).resolve().parents[1] / "book" / "studies" / "quick.toml"
N, FIRST_SEED = 1459, 401
SWITCH = {"off": 0.0, "as simulated": 1.0, "strong": 4.0}
BOTH = ("pooled", "sex-specific")
MODELS = {
    "linear": read_study_file(QUICK).models["linear"],
    "elvmass-net": ModelConfig(estimator="elvmass-net", training=BOTH),
}
STEPS = ("gap", "mechanical", "training", "fewer people", "one sex only")
PAIRS = "of pairs within a fold"
LEVELS = {"unpaired as published": 0.01, "paired within sex": 0.05}


def rows_of(seed: int, switch: str, names: list[str], setting: str, workers: int) -> pd.DataFrame:
    """Steps and tests of one cohort: ``model, sex, quantity, estimate, p_value``."""
    people = CohortConfig(
        label="people", simulate="tw-cvai", n=N, seed=seed, setting=setting, sex_interaction=SWITCH[switch]
    )
    with tempfile.TemporaryDirectory() as folder:
        config = StudyConfig(
            name="gap",
            seed=seed,  # another start and other folds in every cohort: what varies is all of it
            folds=FoldsConfig(seed=seed),
            development=people,
            models={name: MODELS[name] for name in names},
            bootstrap=100,  # nothing of it is used
            workers=workers,
            cache_dir=folder,
        )
        results = Study(config, Path(folder) / "study.toml").results()
    gap = results["gap"].query("cutoffs == 'study file' and quantity in @STEPS and sex != 'mean'")
    tests = results["training_comparison"].query("score == 'grams'")
    tests = tests.rename(columns={"comparison": "quantity", "difference": "estimate"})
    columns = ["model", "sex", "quantity", "estimate", "p_value"]
    return pd.concat([gap[columns], tests[columns]]).assign(seed=seed, switch=switch)


def summary(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Steps: mean over cohorts with its 95 % interval, and where a new cohort lies; how often tests find a gain.

    Cohorts of one seed are the same people, so that switches are compared within them. A test finds a gain where its
    two-sided p is below the level and the sex-specific model has the larger c-statistic, so that without any gain it
    does so in half of the level.
    """
    keys = ["model", "sex", "quantity"]
    order = {name: k for k, name in enumerate((*MODELS, "female", "male", *STEPS))}
    wide = rows[rows["quantity"].isin(STEPS)].pivot_table(index=[*keys, "seed"], columns="switch", values="estimate")
    wide = wide[[*SWITCH]].sort_index(key=lambda level: level.map(lambda name: order.get(name, name)))
    for on in ("as simulated", "strong"):
        wide[f"{on} minus off"] = wide[on] - wide["off"]
    long = wide.reset_index().melt([*keys, "seed"], var_name="switch", value_name="estimate")
    steps = []
    for key, group in long.groupby([*keys, "switch"], sort=False):
        values = group["estimate"].to_numpy(float)
        n, mean, t = len(values), values.mean(), stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1)
        found = {"n_cohorts": n, "estimate": mean, "ci_low": mean - t / n**0.5, "ci_high": mean + t / n**0.5}
        found |= {"new_low": mean - t * (1 + 1 / n) ** 0.5, "new_high": mean + t * (1 + 1 / n) ** 0.5}
        steps.append(dict(zip([*keys, "switch"], map(str, key), strict=True)) | found)
    tests = []
    tested = rows[rows["quantity"].isin(LEVELS)].dropna(subset="p_value")
    for (model, quantity, switch), group in tested.groupby(["model", "quantity", "switch"], sort=False):
        level = LEVELS[str(quantity)]
        gains = group.assign(gain=(group["p_value"] < level) & (group["estimate"] > 0))
        by_sex = gains.pivot_table(index="seed", columns="sex", values="gain", aggfunc="all").dropna().astype(bool)
        flags_of = {sex: by_sex[sex] for sex in ("female", "male")} | {"both sexes": by_sex.all(axis=1)}
        for sex, flags in flags_of.items():
            low, high = stats.binomtest(int(flags.sum()), len(flags)).proportion_ci()
            row = {"model": model, "sex": sex, "quantity": quantity, "level": level, "switch": switch}
            row |= {"found": int(flags.sum()), "n_cohorts": len(flags), "estimate": flags.mean()}
            tests.append(row | {"ci_low": low, "ci_high": high})
    return pd.DataFrame(steps), pd.DataFrame(tests)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohorts", type=int, default=20)
    parser.add_argument("--networks", type=int, default=8, help="cohorts in which eLVMass-Net is trained too")
    parser.add_argument("--setting", default="published", choices=["published", "literature"])
    parser.add_argument("--workers", type=int, default=0, help="processes; 0 takes one for each core")
    parser.add_argument("--results", type=Path, required=True, help="folder of the tables; what is there is not redone")
    given = parser.parse_args()
    given.results.mkdir(parents=True, exist_ok=True)
    kept, told = given.results / "cohorts.csv", given.results / "about.json"
    if kept.exists() and json.loads(told.read_text())["c_statistics"] != PAIRS:
        parser.error(f"{kept} has c-statistics of other pairs than '{PAIRS}'; give another folder")
    about = {"study": "benchmarks/gap_cohorts.py", "people": [N], "setting": given.setting, "c_statistics": PAIRS}
    told.write_text(json.dumps(about, indent=2) + "\n")
    rows = pd.read_csv(kept) if kept.exists() else pd.DataFrame(columns=["seed", "switch", "model"])
    for k in range(given.cohorts):
        for switch in SWITCH:
            done = set(rows.loc[(rows["seed"] == FIRST_SEED + k) & (rows["switch"] == switch), "model"])
            names = [name for name in MODELS if name == "linear" or k < given.networks]
            if names := [name for name in names if name not in done]:
                found = rows_of(FIRST_SEED + k, switch, names, given.setting, given.workers)
                rows = pd.concat([rows, found], ignore_index=True) if len(rows) else found
                rows.to_csv(kept, index=False, float_format="%.6g")
            print(f"cohort {k + 1}, switch {switch}", flush=True)
    steps, tests = summary(rows)
    for name, table in (("steps", steps), ("tests", tests)):
        table.to_csv(given.results / f"{name}.csv", index=False, float_format="%.6g")
        print(table.round(4).to_string(index=False))
    report = {"benchmark": "gap_cohorts", "cohorts": given.cohorts, "networks": given.networks}
    print(json.dumps(report | {"tests": tests.to_dict("records")}))


if __name__ == "__main__":
    main()
