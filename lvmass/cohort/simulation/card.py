"""The calibration card: what the simulator was set to, and what comes out when its ECGs are measured.

Everything about the ECG is measured by :mod:`lvmass.ecg`, as a study would measure it; nothing is read from the
simulator's inside.
"""

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.linear_model import LinearRegression

from lvmass.cohort.manifest import Cohort
from lvmass.cohort.schema import LVH_CUTOFF_G_M2, bsa_mosteller_m2
from lvmass.cohort.simulation.cohort import simulate_cohort
from lvmass.ecg.beats import synchronized_beat
from lvmass.ecg.criteria import lvh_criteria
from lvmass.ecg.intervals import measure_beat
from lvmass.ecg.recording import LEADS
from lvmass.errors import DataError

_BLOCK = 128
_OBESE, _LEAN = 30.0, 25.0  # kg/m2
_BLOCK_MS = 120.0  # QRS targets are those of normal conduction
_ECG = ["qrs_duration_ms", "sokolow_mv", "cornell_mv", "peguero_mv", "r_v5_mv", "t_v5_mv", "t_i_mv", "qrs_axis_deg"]
_VOLTAGES = {
    "sokolow": "sokolow_lyon_voltage_mv",
    "cornell": "cornell_voltage_mv",
    "product": "cornell_product_mv_ms",
    "peguero": "peguero_lo_presti_mv",
}
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


def measured_features(cohort: Cohort, start: int, stop: int) -> pd.DataFrame:
    """Measure the ECGs of some people.

    Parameters
    ----------
    cohort : Cohort
        Whose ECGs.
    start, stop : int
        Half-open range of rows.

    Returns
    -------
    DataFrame
        One row a person, indexed by row number: QRS duration and axis, voltages in mV, criteria with a
        ``*_positive`` flag, strain. People without a usable beat are absent.
    """
    rows = {}
    sexes = cohort.subjects["sex"].iloc[start:stop]
    for i, sex, recording in zip(range(start, stop), sexes, cohort.recordings(start, stop), strict=True):
        try:
            beat = synchronized_beat(recording)
            measured = measure_beat(beat)
        except DataError:
            continue
        criteria = lvh_criteria(beat, measured, sex)
        rows[i] = {
            "qrs_duration_ms": measured.qrs_duration_ms,
            "qrs_axis_deg": measured.qrs_axis_deg,
            "r_v5_mv": measured.r_mv[LEADS.index("V5")],
            "t_v5_mv": measured.t_mv[LEADS.index("V5")],
            "t_i_mv": measured.t_mv[LEADS.index("I")],
            "strain": criteria["strain_leads"].positive,
        }
        for name, criterion in _VOLTAGES.items():
            rows[i] |= {f"{name}_mv": criteria[criterion].value, f"{name}_positive": criteria[criterion].positive}
    return pd.DataFrame.from_dict(rows, orient="index")


def calibration_card(n: int = 2000, *, seed: int = 2026, setting: str = "published", workers: int = 1) -> pd.DataFrame:
    """Hold the simulated development cohort against its targets.

    Parameters
    ----------
    n : int
        People; memory does not grow with their ECGs.
    seed : int
        Of the cohort.
    setting : {"published", "literature"}
        Of the simulator.
    workers : int
        Processes.

    Returns
    -------
    DataFrame
        ``quantity, sex, target, got, low, high, met, source``: ``low`` to ``high`` is the target with its
        tolerance.

    Examples
    --------
    >>> calibration_card(60).columns.tolist()
    ['quantity', 'sex', 'target', 'got', 'low', 'high', 'met', 'source']
    """
    people = _with_measurements(simulate_cohort(n, seed=seed, setting=setting), n, workers)
    other_day = _with_measurements(
        simulate_cohort(n, seed=seed, setting=setting, day=1), min(n, max(n // 5, 200)), workers
    )
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


def _with_measurements(cohort: Cohort, n: int, workers: int) -> pd.DataFrame:
    """Subjects with what was measured on their ECGs."""
    tasks = (delayed(measured_features)(cohort, k, min(k + _BLOCK, n)) for k in range(0, n, _BLOCK))
    people = cohort.subjects.iloc[:n].join(pd.concat(Parallel(n_jobs=workers)(tasks)), how="inner")
    people["bsa_m2"] = bsa_mosteller_m2(people["height_cm"], people["weight_kg"])
    people["bmi"] = people["weight_kg"] / (people["height_cm"] / 100.0) ** 2
    people["lvh"] = people["lvm_g"] / people["bsa_m2"] > people["sex"].map(LVH_CUTOFF_G_M2)
    return people


def _found(people: pd.DataFrame, other_day: pd.DataFrame) -> dict[str, float]:
    """Every quantity of the card, in one group of people."""
    lvm, lvh, bmi, voltage = people["lvm_g"], people["lvh"], people["bmi"], people["sokolow_mv"]
    conducted = people[people["qrs_duration_ms"] < _BLOCK_MS]
    qrs = conducted["qrs_duration_ms"]
    person = ["bsa_m2", "age_years", "height_cm"]
    alone, both = _r2(people, person), _r2(people, person + _ECG)
    first, second = people["r_v5_mv"].align(other_day["r_v5_mv"], join="inner")
    found = {
        "LVM mean, g": lvm.mean(),
        "LVM SD, g": lvm.std(),
        "R² of sex, body surface and SBP": _r2(people, ["bsa_m2", "sbp_mmhg"]),
        "partial R² of the ECG": (both - alone) / (1 - alone),
        "R² of the ECG alone": _r2(people, _ECG[:4], with_sex=False),
        "QRS duration mean, ms": qrs.mean(),
        "QRS duration SD, ms": qrs.std(),
        "r of QRS duration with LVM": qrs.corr(conducted["lvm_g"]),
        "r of Sokolow-Lyon with LVM": voltage.corr(lvm),
        "r of Cornell product with LVM": people["product_mv"].corr(lvm),
        "voltage, obese to lean, %": 100 * (voltage[bmi >= _OBESE].mean() / voltage[bmi < _LEAN].mean() - 1),
        "strain, %": 100 * people["strain"].mean(),
        # coefficient of variation between two days
        "R in V5 from day to day, CV %": 100
        * np.sqrt(np.mean((first - second) ** 2) / 2)
        / np.mean((first + second) / 2),
    }
    for name in ("cornell", "sokolow", "peguero"):
        positive = people[f"{name}_positive"].astype(float)
        found[f"{name.title()} sensitivity, %"] = 100 * positive[lvh].mean()
        found[f"{name.title()} specificity, %"] = 100 * (1 - positive[~lvh].mean())
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
