"""The shipped model and the front end on real ECGs: what they rank, measure and get wrong, for chapter 9.

    python benchmarks/real_ecgs.py [--data FOLDER] [--model FOLDER] [--out book/validation/real_ecgs.json]

FOLDER holds ptbxl/, ludb/ and mitdb/; without it LVMASS_REAL_ECG, else ../shared/data beside the checkout. The score is
estimated LVM over body surface over the sex's cut-off. Where no height or weight is stated, it is the median of the
model's training people of that sex. ECGs that readers labelled LVH or VCLVH stand against NORM in PTB-XL, and against
all others in LUDB; the first usable ECG of a patient counts. Beside the estimate every criterion, with DeLong's test.
The label is a reading of the same ECG, not a mass. The direction in which growth moves the QRS, and the strength of
the simulator's couplings, were chosen with folds 1-4 of PTB-XL in sight; folds 5-7 have been printed after each.
The file holds counts, c-statistics, percentiles and shares: no recording, id, date or name.
"""

import argparse
import json
import os
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ecg_delineation import POINTS, against_readers
from simulation_tools import ptbxl
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from lvmass.ecg import FINDING_WORDS, check_quality, detect_r_peaks, lvh_criteria, read_ecg
from lvmass.ecg.quality import DISQUALIFYING
from lvmass.errors import DataError
from lvmass.evaluation import delong_paired
from lvmass.evaluation.delong import auc_interval
from lvmass.prediction import PRETRAINED, Examined, estimates, examined, load_predictor
from lvmass.training.card import Card
from tests.ecg.reference import (
    DEVELOPMENT,
    MITDB_RECORDS,
    ludb_annotations,
    match_beats,
    mitdb,
    qrs_of_beats,
    real_ecg_folder,
)

ROOT = Path(__file__).resolve().parents[1]
MODEL = "elvmass-net"


def ludb_people(folder: Path) -> pd.DataFrame:
    """LUDB's table in the columns of `ptbxl`, with the kind of rhythm or conduction that makes an ECG hard to read."""
    table = pd.read_csv(folder / "ludb" / "ludb.csv", dtype=str).fillna("")
    table = table[[(folder / "ludb" / "data" / f"{number}.hea").exists() for number in table["ID"]]]
    lvh = table["Hypertrophies"].str.contains("Left ventricular hypertrophy")
    kinds = np.select(
        [
            table["Cardiac pacing"] != "",
            table["Rhythms"].str.contains("Atrial f", regex=False),
            table["Conduction abnormalities"].str.contains("undle branch block"),
        ],
        ["paced", "atrial fibrillation", "bundle branch block"],
        "other",
    )
    return pd.DataFrame(
        {
            "patient_id": table["ID"],
            "sex": table["Sex"].str.strip().map({"F": "female", "M": "male"}),
            "age_years": table["Age"].str.strip(" >\n").astype(float),
            "height_cm": np.nan,
            "weight_kg": np.nan,
            "normal": ~lvh,
            "lvh": lvh,
            "kind": kinds,
            "path": [str(folder / "ludb" / "data" / f"{number}.hea") for number in table["ID"]],
        }
    ).reset_index(drop=True)


def measured(people: pd.DataFrame, card: Card) -> tuple[list[Examined | None], dict[str, Any]]:
    """What each ECG gives for an estimate, None where it cannot be used; how many, and what was found of them."""
    found: list[Examined | None] = []
    refused, noted, one_height = Counter[str](), Counter[str](), 0
    for row in people.to_dict("records"):
        median = {name: of.percentiles[50] for name, of in card.training_ranges[row["sex"]].items()}
        known = {n: row[n] if pd.notna(row[n]) else median[n] for n in ("age_years", "height_cm", "weight_kg")}
        known["age_years"] = min(known["age_years"], 90.0)  # above, both databases mask it
        recording = read_ecg(row["path"])
        ranges_mv = np.ptp(recording.signal_mv, axis=1)
        one_height += bool(np.ptp(ranges_mv) < 0.01)
        quality = check_quality(recording)
        noted.update({finding.code for finding in quality.findings} - DISQUALIFYING.keys())
        try:
            found.append(examined(recording, {"sex": row["sex"], **known}, card))
        except DataError:
            unusable = [finding.code for finding in quality.findings if finding.code in DISQUALIFYING]
            refused.update(unusable[:1] or ["person out of range"])
            found.append(None)
    size = len(people)
    sized = int(people[["height_cm", "weight_kg"]].notna().all(axis=1).sum())
    rows = [
        {"what": f"no estimate: {DISQUALIFYING.get(why, why)}", "n": n, "of": size} for why, n in refused.most_common()
    ]
    rows += [{"what": f"noted: {FINDING_WORDS[why]}", "n": n, "of": size} for why, n in noted.most_common()]
    return found, {"ecgs": size, "stated_size": sized, "one_height": one_height, "findings": shares(rows)}


def labelled(people: pd.DataFrame, found: list[Examined | None]) -> tuple[pd.DataFrame, list[Examined]]:
    """First usable ECG of each patient with a statement of LVH, or that is called normal."""
    keep = people.index[(people["lvh"] | people["normal"]) & np.array([each is not None for each in found])]
    chosen = people.loc[keep].drop_duplicates("patient_id")
    return chosen, [each for each in (found[i] for i in chosen.index) if each is not None]


def ranking(people: pd.DataFrame, model: Any, card: Card, found: list[Examined | None]) -> dict[str, Any]:
    """C-statistics of the estimate and of each criterion, by sex; where the estimates of each label lie."""
    chosen, usable = labelled(people, found)
    shown = estimates(model, card, usable)
    table = pd.DataFrame(
        {
            "sex": chosen["sex"].to_numpy(),
            "lvh": chosen["lvh"].to_numpy(bool),
            "estimate": [each.lvmi_g_m2 / each.lvh_cutoff_g_m2 for each in shown],
            "above": [each.lvh for each in shown],
            "by_interval": [each.lvh_by_interval for each in shown],
        }
    )
    criteria = [*lvh_criteria(usable[0].beat, usable[0].measured, usable[0].person["sex"])]
    values = pd.DataFrame([{name: each.person[name] for name in criteria} for each in usable])
    rows: list[dict[str, Any]] = []
    groups = {"all": table["sex"] != "", "female": table["sex"] == "female", "male": table["sex"] == "male"}
    if "fold" in chosen:
        early = pd.Series((chosen["fold"] <= 4).to_numpy())
        groups |= {"folds 1-4": early, "folds 5-7": ~early}
    for sex, of_sex in groups.items():
        own = table[of_sex]
        truth, score = own["lvh"].to_numpy(), own["estimate"].to_numpy()
        size = {"sex": sex, "n_lvh": int(truth.sum()), "n_subjects": len(own)}
        for name in (MODEL, *criteria):
            other = own["estimate"] if name == MODEL else values.loc[own.index, name]
            auc, low, high = auc_interval(truth, other.to_numpy(float))
            kind = "shipped model" if name == MODEL else "ECG criterion"
            row: dict[str, Any] = {"score": name, "kind": kind} | size | {"auc": auc, "ci_low": low, "ci_high": high}
            if name != MODEL:
                gain = delong_paired(truth, score, other.to_numpy(float))
                row |= {"gain": gain.difference, "gain_ci_low": gain.ci_low, "gain_ci_high": gain.ci_high}
                row |= {"p_value": gain.p_value}
            rows.append(row)
        tested = rows[-len(criteria) :]
        holm = multipletests([row["p_value"] for row in tested], method="holm")[1]
        for row, p_holm in zip(tested, holm, strict=True):
            row["p_holm"] = float(p_holm)
    spread: list[dict[str, Any]] = []
    for (who, lvh), own in table.groupby(["sex", "lvh"]):
        lowest, median, highest = np.percentile(own["estimate"], [5, 50, 95])
        shown_as: dict[str, Any] = {"sex": str(who), "statement": "LVH" if lvh else "normal", "n": len(own)}
        spread.append(shown_as | {"estimate": median, "low": lowest, "high": highest})
    print(pd.DataFrame(rows).round(3).to_string(index=False))
    every = {row["score"]: row["auc"] for row in rows if row["sex"] == "all"}
    rows = sorted((row for row in rows if "fold" not in row["sex"]), key=lambda row: -every[row["score"]])
    size = {"n_lvh": int(table["lvh"].sum()), "n_normal": int((~table["lvh"]).sum()), "n": len(table)}
    size |= {"lvh_above": int((table["lvh"] & table["above"]).sum())}
    size |= {"normal_above": int((~table["lvh"] & table["above"]).sum())}
    size |= {"undecided": int((table["by_interval"] == "undecided").sum())}
    return size | {"c_statistics": rounded(rows), "index": rounded(spread)}


def shares(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Percent of each count, with Wilson's 95 % interval."""
    for row in rows:
        low, high = proportion_confint(row["n"], row["of"], method="wilson")
        row |= {"share_percent": 100 * row["n"] / row["of"], "ci_low": 100 * low, "ci_high": 100 * high}
    return rounded(rows)


def rounded(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()} for row in rows]


def mistakes(folder: Path, people: pd.DataFrame) -> list[dict[str, Any]]:
    """R peaks missed or made up; boundaries farther from the readers' than CSE's tolerance, by kind of ECG."""
    readers, ours, _ = against_readers(folder)
    errors = np.array([ours[n] - np.nanmedian(readers[n], axis=1) for n in readers])
    far = np.abs(errors) > np.array([*POINTS.values()])
    kinds = people.set_index("patient_id").loc[list(readers), "kind"]
    seen = np.array([np.isfinite(readers[n][2]).any() for n in readers])
    found = np.array([np.isfinite(ours[n][3]) for n in readers])
    peaks = {"LUDB": Counter[str](), "MIT-BIH": Counter[str]()}
    for number in readers:
        marked = qrs_of_beats(ludb_annotations(folder, int(number)), 500.0).median()[:, 1]
        r_peaks = detect_r_peaks(read_ecg(folder / "ludb" / "data" / f"{number}.hea").signal_mv, 500.0)
        inside = r_peaks[(r_peaks > marked[0] - 50) & (r_peaks < marked[-1] + 50)]  # incomplete beats are not marked
        matched, missed, extra = match_beats(marked, inside, 50)
        peaks["LUDB"].update({"beats": matched + missed, "missed": missed, "extra": extra})
    for name in MITDB_RECORDS:
        signal_mv, rate_hz, annotated = mitdb(folder, name)
        matched, missed, extra = match_beats(annotated, detect_r_peaks(signal_mv, rate_hz), 0.1 * rate_hz)
        peaks["MIT-BIH"].update({"beats": matched + missed, "missed": missed, "extra": extra})
    rows = [
        {"what": f"{name}: R peaks {how}", "n": counts[key], "of": counts["beats"]}
        for name, counts in peaks.items()
        for how, key in (("missed", "missed"), ("made up", "extra"))
    ]
    rows += [
        {"what": "LUDB: P wave missed", "n": int((seen & ~found).sum()), "of": int(seen.sum())},
        {"what": "LUDB: P wave made up", "n": int((~seen & found).sum()), "of": int((~seen).sum())},
    ]
    for i, (point, limit_ms) in enumerate(POINTS.items()):
        name = f"LUDB: {point} off by {limit_ms:g} ms or more"
        rows.append({"what": name, "n": int(far[:, i].sum()), "of": int(np.isfinite(errors[:, i]).sum())})
    for kind in sorted(kinds.unique()):
        own = far[kinds == kind].any(axis=1)
        rows.append({"what": f"LUDB, {kind}: any so far off", "n": int(own.sum()), "of": len(own)})
    return shares(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=real_ecg_folder(), help="real ECGs")
    parser.add_argument("--model", type=Path, default=PRETRAINED, help="a saved model")
    parser.add_argument("--out", type=Path, default=ROOT / "book" / "validation" / "real_ecgs.json")
    given = parser.parse_args()
    if given.data is None or not given.data.is_dir():
        raise SystemExit("the real ECGs are absent; give --data")
    os.environ["LVMASS_REAL_ECG"] = str(given.data)
    warnings.filterwarnings("ignore", "All-NaN slice encountered")
    model, card = load_predictor(given.model)
    report: dict[str, Any] = {"benchmark": "real_ecgs", "development": DEVELOPMENT}
    report["model"] = {"study": card.study, "training_people": card.training_people}
    ludb = ludb_people(given.data)
    for name, people in (("PTB-XL", ptbxl()), ("LUDB", ludb)):
        found, counts = measured(people, card)
        report[name] = counts | ranking(people, model, card, found)
        print(f"{name}: {counts}\n")
        print(pd.DataFrame(report[name]["index"]).to_string(index=False))
    report["mistakes"] = mistakes(given.data, ludb)
    given.out.write_text(json.dumps(report, indent=1, default=int) + "\n")
    print(pd.DataFrame(report["mistakes"]).to_string(index=False))
    print(json.dumps({"benchmark": "real_ecgs", "n": report["PTB-XL"]["n"], "LUDB": report["LUDB"]["n"]}))


if __name__ == "__main__":
    main()
