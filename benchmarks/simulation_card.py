"""The calibration card of the simulated development cohort, and its oracle, in each setting of the simulator.

    python benchmarks/simulation_card.py [--n 2000] [--seed 2024] [--workers 2] [--out book/validation]

Prints target, what came out, tolerance and whether it is met; then the best attainable MAE and AUC. Everything about
the ECG is measured by lvmass.ecg, as a study would measure it; nothing is read from the simulator's inside. The
appendix of the book shows the file that it writes, ``simulation_card.json``.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from simulation_oracle import oracle
from simulation_tools import measure
from sklearn.linear_model import LinearRegression

from lvmass.cohort.schema import LVH_CUTOFF_G_M2, bsa_mosteller_m2
from lvmass.cohort.simulation import simulate_cohort
from lvmass.cohort.simulation.constants import SETTINGS

_OBESE, _LEAN = 30.0, 25.0  # kg/m2
_BLOCK_MS = 120.0  # QRS targets are those of normal conduction
_CRITERIA = {
    "Cornell": "cornell_voltage_mv",
    "Sokolow": "sokolow_lyon_voltage_mv",
    "Peguero": "peguero_lo_presti_mv",
}
_FEW = ["qrs_duration_ms", "sokolow_lyon_voltage_mv", "cornell_voltage_mv", "peguero_lo_presti_mv"]
_ECG = [*_FEW, "r_V5", "t_V5", "t_I", "qrs_axis_deg"]
_CT, _ELECTRO, _FACTS = "Natori 2006, Kang 2017, Zhang 2021", "J Electrocardiol 2006;39:67", "study-facts 5 and 6.8"
Target = tuple[str, str, float, float, str]
# quantity, target, the lowest and the highest value that meets it, source
_OF_ALL: list[Target] = [
    ("LVM mean, g", "112", 110.5, 113.5, "60 % men, masses of the sexes below"),
    ("R² of sex, body surface and SBP", "0.55-0.65", 0.55, 0.65, "Fuchs 2016, Petersen 2017"),
    ("partial R² of the ECG", "0.10-0.20", 0.10, 0.20, "study facts 6.3"),
    ("R² of the ECG alone", "0.15-0.30", 0.15, 0.30, "athletes (TU Delft), CHS 1996: study facts 6.3"),
    ("r of QRS duration with LVM", "0.45-0.6", 0.45, 0.60, _ELECTRO),
    ("strain, %", "2-5", 2.0, 5.0, "MESA (PMC5634304)"),
]
_OF_EACH_SEX: list[Target] = [
    ("r of QRS duration with LVM", "0.25-0.4", 0.25, 0.40, "PMC4051227"),
    ("r of Sokolow-Lyon with LVM", "0.2-0.3", 0.2, 0.3, _ELECTRO),
    ("r of Cornell product with LVM", "0.3-0.4", 0.3, 0.4, "PMC7486900"),
    ("voltage, obese to lean, %", "-15 to -20", -20.0, -15.0, "PMC4750022"),
    ("Cornell sensitivity, %", "15-30", 15, 30, _FACTS),
    ("Cornell specificity, %", "92-97", 92, 97, _FACTS),
    ("Sokolow sensitivity, %", "10-32", 10, 32, _FACTS),
    ("Sokolow specificity, %", "88-99", 88, 99, _FACTS),
    ("Peguero sensitivity, %", "15-50", 15, 50, _FACTS),
    ("Peguero specificity, %", "80-99", 80, 99, _FACTS),
    ("R in V5 from day to day, CV %", "20", 17.0, 23.0, "McLaughlin 1998"),
]


def _of_sex(lvm_g: float, lvm_sd_g: float, qrs_ms: float, qrs_sd_ms: float) -> list[Target]:
    """Targets that differ between men and women, before those that do not."""
    return [
        ("LVM mean, g", f"{lvm_g:.0f}", 0.95 * lvm_g, 1.05 * lvm_g, _CT),
        ("LVM SD, g", f"{lvm_sd_g:.0f}", 0.95 * lvm_sd_g, 1.05 * lvm_sd_g, _CT),
        ("QRS duration mean, ms", f"{qrs_ms:.0f}", qrs_ms - 2, qrs_ms + 2, "PMC3825808"),
        ("QRS duration SD, ms", f"{qrs_sd_ms:.0f}", qrs_sd_ms - 2, qrs_sd_ms + 2, "PMC3825808"),
        *_OF_EACH_SEX,
    ]


_TARGETS = {"all": _OF_ALL, "men": _of_sex(126.0, 26.0, 93.0, 9.0), "women": _of_sex(92.0, 19.0, 85.0, 8.0)}


def calibration_card(n: int, seed: int, setting: str, workers: int = 1) -> pd.DataFrame:
    """Hold the simulated development cohort against its targets: ``low`` to ``high``, with its tolerance."""
    people = _measured(n, seed, setting, workers)
    other_day = _measured(min(n, max(n // 5, 200)), seed, setting, workers, day=1)
    groups = {"all": people, "men": people[people["sex"] == "male"], "women": people[people["sex"] == "female"]}
    parts = []
    for sex, targets in _TARGETS.items():
        part = pd.DataFrame(targets, columns=["quantity", "target", "low", "high", "source"])
        part.insert(1, "sex", sex)
        part.insert(3, "got", part["quantity"].map(_found(groups[sex], other_day)))
        parts.append(part)
    card = pd.concat(parts, ignore_index=True)
    card.insert(6, "met", card["got"].between(card["low"], card["high"]))
    return card


def _measured(n: int, seed: int, setting: str, workers: int, day: int = 0) -> pd.DataFrame:
    """Subjects with what was measured on their ECGs; those without a usable beat are absent."""
    cohort = simulate_cohort(n, seed=seed, setting=setting, day=day)
    people, _ = measure(cohort.subjects, cohort, np.arange(n), workers)
    people = people.set_index("subject_id")
    people["bsa_m2"] = bsa_mosteller_m2(people["height_cm"], people["weight_kg"])
    people["bmi"] = people["weight_kg"] / (people["height_cm"] / 100.0) ** 2
    people["lvh"] = people["lvm_g"] / people["bsa_m2"] > people["sex"].map(LVH_CUTOFF_G_M2)
    return people


def _found(people: pd.DataFrame, other_day: pd.DataFrame) -> dict[str, float]:
    """Every quantity of the card, in one group of people."""
    lvm, lvh, bmi, voltage = people["lvm_g"], people["lvh"], people["bmi"], people["sokolow_lyon_voltage_mv"]
    conducted = people[people["qrs_duration_ms"] < _BLOCK_MS]
    qrs = conducted["qrs_duration_ms"]
    person = ["bsa_m2", "age_years", "height_cm"]
    alone, both = _r2(people, person), _r2(people, person + _ECG)
    first, second = people["r_V5"].align(other_day["r_V5"], join="inner")
    found = {
        "LVM mean, g": lvm.mean(),
        "LVM SD, g": lvm.std(),
        "R² of sex, body surface and SBP": _r2(people, ["bsa_m2", "sbp_mmhg"]),
        "partial R² of the ECG": (both - alone) / (1 - alone),
        "R² of the ECG alone": _r2(people, _FEW, with_sex=False),
        "QRS duration mean, ms": qrs.mean(),
        "QRS duration SD, ms": qrs.std(),
        "r of QRS duration with LVM": qrs.corr(conducted["lvm_g"]),
        "r of Sokolow-Lyon with LVM": voltage.corr(lvm),
        "r of Cornell product with LVM": people["cornell_product_mv_ms"].corr(lvm),
        "voltage, obese to lean, %": 100 * (voltage[bmi >= _OBESE].mean() / voltage[bmi < _LEAN].mean() - 1),
        "strain, %": 100 * people["strain_leads_positive"].mean(),
        # coefficient of variation between two days
        "R in V5 from day to day, CV %": 100
        * np.sqrt(np.mean((first - second) ** 2) / 2)
        / np.mean((first + second) / 2),
    }
    for name, criterion in _CRITERIA.items():
        positive = people[f"{criterion}_positive"]
        found[f"{name} sensitivity, %"] = 100 * positive[lvh].mean()
        found[f"{name} specificity, %"] = 100 * (1 - positive[~lvh].mean())
    return found


def _r2(people: pd.DataFrame, names: list[str], *, with_sex: bool = True) -> float:
    """Share of the variance of LVM that a linear model with sex explains."""
    known = people[[*names, "lvm_g", "sex"]].dropna()
    columns = [known[names].to_numpy(float)]
    if with_sex:
        male = (known["sex"] == "male").to_numpy(float)[:, None]
        columns += [male, male * columns[0]]
    x = np.concatenate(columns, axis=1)
    return float(LinearRegression().fit(x, known["lvm_g"]).score(x, known["lvm_g"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=2000, help="simulated people")
    parser.add_argument("--seed", type=int, default=2024)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("."), help="folder for simulation_card.json")
    given = parser.parse_args()
    settings: dict[str, Any] = {}
    for setting in SETTINGS:
        card = calibration_card(given.n, given.seed, setting, given.workers)
        print(f"{setting}\n{card.round(3).to_string(index=False)}")
        settings[setting] = {"card": card.to_dict("records"), "oracle": asdict(oracle(setting=setting))}
    kept = {"n": given.n, "seed": given.seed, "settings": settings}
    (given.out / "simulation_card.json").write_text(
        json.dumps(kept, indent=1, ensure_ascii=False, default=float) + "\n"
    )
    result: dict[str, Any] = {"benchmark": "simulation_card", "n": given.n}
    for setting, each in settings.items():
        missed = [f"{row['quantity']} ({row['sex']}): {row['got']:.3g}" for row in each["card"] if not row["met"]]
        result[setting] = {"rows": len(each["card"]), "not_met": missed, "oracle": each["oracle"]}
    print(json.dumps(result, default=float))


if __name__ == "__main__":
    main()
