"""The calibration card: what the simulator was set to, and what comes out when its ECGs are measured.

Targets are those of study-facts 6.8. Everything about the ECG is measured by :mod:`lvmass.ecg`, as a study
would measure it; nothing is read from the simulator's inside.
"""

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.linear_model import LinearRegression

from lvmass.cohort.manifest import Cohort
from lvmass.cohort.schema import bsa_mosteller_m2
from lvmass.cohort.simulation.cohort import simulate_cohort
from lvmass.ecg.beats import synchronized_beat
from lvmass.ecg.criteria import lvh_criteria
from lvmass.ecg.intervals import measure_beat
from lvmass.ecg.recording import LEADS
from lvmass.errors import DataError

LVH_G_M2 = {"male": 80.0, "female": 65.0}
_BLOCK = 128
_OBESE, _LEAN = 30.0, 25.0  # kg/m2
_BLOCK_MS = 120.0  # QRS targets are those of normal conduction
_ECG = ["qrs_duration_ms", "sokolow_mv", "cornell_mv", "peguero_mv", "r_v5_mv", "t_v5_mv", "t_i_mv", "qrs_axis_deg"]
Row = tuple[str, str, str, float, float, float, str]
_VOLTAGES = {
    "sokolow": "sokolow_lyon_voltage_mv",
    "cornell": "cornell_voltage_mv",
    "product": "cornell_product_mv_ms",
    "peguero": "peguero_lo_presti_mv",
}


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


def calibration_card(n: int = 2000, *, seed: int = 2026, workers: int = 1) -> pd.DataFrame:
    """Hold the simulated development cohort against its targets.

    Parameters
    ----------
    n : int
        People; memory does not grow with their ECGs.
    seed : int
        Of the cohort.
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
    cohort = simulate_cohort(n, seed=seed)
    people = _with_measurements(cohort, n, workers)
    other_day = _with_measurements(simulate_cohort(n, seed=seed, day=1), min(n, max(n // 5, 200)), workers)
    groups = {"all": people, "men": people[people["sex"] == "male"], "women": people[people["sex"] == "female"]}
    rows: list[Row] = []
    for sex, group in groups.items():
        rows += _of_mass(sex, group) + _of_ecg(sex, group) + [_day_to_day(sex, group, other_day)]
    card = pd.DataFrame(rows, columns=["quantity", "sex", "target", "got", "low", "high", "source"])
    card = card.dropna(subset="low").reset_index(drop=True)
    card.insert(6, "met", card["got"].between(card["low"], card["high"]))
    return card


def _with_measurements(cohort: Cohort, n: int, workers: int) -> pd.DataFrame:
    """Subjects with what was measured on their ECGs."""
    tasks = (delayed(measured_features)(cohort, k, min(k + _BLOCK, n)) for k in range(0, n, _BLOCK))
    people = cohort.subjects.iloc[:n].join(pd.concat(Parallel(n_jobs=workers)(tasks)), how="inner")
    people["bsa_m2"] = bsa_mosteller_m2(people["height_cm"], people["weight_kg"])
    people["bmi"] = people["weight_kg"] / (people["height_cm"] / 100.0) ** 2
    people["lvh"] = people["lvm_g"] / people["bsa_m2"] > people["sex"].map(LVH_G_M2)
    return people


def _of_mass(sex: str, people: pd.DataFrame) -> list[Row]:
    lvm = people["lvm_g"]
    if sex == "all":
        body = _r2(people, ["bsa_m2", "sbp_mmhg"])
        person = ["bsa_m2", "age_years", "height_cm"]
        alone, both = _r2(people, person), _r2(people, person + _ECG)
        return [
            ("LVM mean, g", sex, "112", lvm.mean(), 110.5, 113.5, "MAE over MAPE (1.2)"),
            ("R² of sex, body surface and SBP", sex, "0.55-0.65", body, 0.55, 0.65, "Fuchs 2016, Petersen 2017"),
            ("partial R² of the ECG", sex, "0.10-0.20", (both - alone) / (1 - alone), 0.10, 0.20, "6.3"),
            ("R² of the ECG alone", sex, "0.15-0.30", _r2(people, _ECG[:4], False), 0.15, 0.30, "Delft, CHS"),
        ]
    mean, sd = {"men": (126.0, 26.0), "women": (92.0, 19.0)}[sex]
    source = "Natori 2006, Kang 2017, Zhang 2021"
    return [
        ("LVM mean, g", sex, f"{mean:.0f}", lvm.mean(), 0.95 * mean, 1.05 * mean, source),
        ("LVM SD, g", sex, f"{sd:.0f}", lvm.std(), 0.95 * sd, 1.05 * sd, source),
    ]


def _of_ecg(sex: str, people: pd.DataFrame) -> list[Row]:
    conducted = people[people["qrs_duration_ms"] < _BLOCK_MS]
    qrs, lvm, lvh = conducted["qrs_duration_ms"], people["lvm_g"], people["lvh"]
    r_qrs = qrs.corr(conducted["lvm_g"])
    if sex == "all":
        strain = 100 * people["strain"].mean()
        return [
            ("r of QRS duration with LVM", sex, "0.45-0.6", r_qrs, 0.45, 0.60, "J Electrocardiol 2006;39:67"),
            ("strain, %", sex, "2-5", strain, 2.0, 5.0, "MESA (PMC5634304)"),
        ]
    mean, sd = {"men": (93.0, 9.0), "women": (85.0, 8.0)}[sex]
    bmi, voltage = people["bmi"], people["sokolow_mv"]
    obese = 100 * (voltage[bmi >= _OBESE].mean() / voltage[bmi < _LEAN].mean() - 1)
    rows: list[Row] = [
        ("QRS duration mean, ms", sex, f"{mean:.0f}", qrs.mean(), mean - 2, mean + 2, "PMC3825808"),
        ("QRS duration SD, ms", sex, f"{sd:.0f}", qrs.std(), sd - 2, sd + 2, "PMC3825808"),
        ("r of QRS duration with LVM", sex, "0.25-0.4", r_qrs, 0.25, 0.40, "PMC4051227"),
        ("r of Sokolow-Lyon with LVM", sex, "0.2-0.3", voltage.corr(lvm), 0.2, 0.3, "J Electrocardiol 2006;39:67"),
        ("r of Cornell product with LVM", sex, "0.3-0.4", people["product_mv"].corr(lvm), 0.3, 0.4, "PMC7486900"),
        ("voltage, obese to lean, %", sex, "-15 to -20", obese, -20.0, -15.0, "PMC4750022"),
    ]
    limits = {"cornell": (15, 30, 92, 97), "sokolow": (10, 32, 88, 99), "peguero": (15, 50, 80, 99)}
    for name, (low, high, least, most) in limits.items():
        positive = people[f"{name}_positive"].astype(float)
        found, spared = 100 * positive[lvh].mean(), 100 * (1 - positive[~lvh].mean())
        source = "study-facts 5 and 6.8"
        rows.append((f"{name.title()} sensitivity, %", sex, f"{low}-{high}", found, low, high, source))
        rows.append((f"{name.title()} specificity, %", sex, f"{least}-{most}", spared, least, most, source))
    return rows


def _day_to_day(sex: str, people: pd.DataFrame, other_day: pd.DataFrame) -> Row:
    """Coefficient of variation of R in V5 between two days."""
    first, second = people["r_v5_mv"].align(other_day["r_v5_mv"], join="inner")
    got = 100 * np.sqrt(np.mean((first - second) ** 2) / 2) / np.mean((first + second) / 2)
    low, high = (np.nan, np.nan) if sex == "all" else (17.0, 23.0)
    return ("R in V5 from day to day, CV %", sex, "20", float(got), low, high, "McLaughlin 1998")


def _r2(people: pd.DataFrame, names: list[str], with_sex: bool = True) -> float:
    """Share of the variance of LVM that a linear model with sex explains."""
    known = people[[*names, "lvm_g", "sex"]].dropna()
    columns = [known[names].to_numpy(float)]
    if with_sex:
        male = (known["sex"] == "male").to_numpy(float)[:, None]
        columns += [male, male * columns[0]]
    x = np.concatenate(columns, axis=1)
    return float(LinearRegression().fit(x, known["lvm_g"]).score(x, known["lvm_g"]))
