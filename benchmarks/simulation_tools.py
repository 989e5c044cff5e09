"""What the simulator's benchmarks share: real ECGs, measured features, healthy people to hold against them."""

import argparse
import ast
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lvmass.cohort.manifest import Cohort
from lvmass.cohort.schema import LVH_CUTOFF_G_M2
from lvmass.cohort.simulation.cohort import SimulatedSource
from lvmass.cohort.simulation.constants import SETTINGS, SITES
from lvmass.cohort.simulation.drivers import Couplings
from lvmass.ecg import LEADS, Recording, lvh_criteria, measure_beat, read_ecg, synchronized_beat
from lvmass.errors import DataError
from tests.ecg.reference import real_ecg_folder

PARAMETERS = (
    *("heart_rate_bpm", "pr_interval_ms", "qrs_duration_ms", "qt_interval_ms", "qtc_ms"),
    *("p_axis_deg", "qrs_axis_deg", "t_axis_deg"),
)
# Outpatients and volunteers in Germany, 1989-96: younger, taller, another device and mains.
PTB_XL_LIKE = replace(
    SITES["tw-cvai"],
    name="ptb-xl-like",
    share_men=0.46,
    age_years=(42.0, 42.0),
    age_sd=(22.0, 22.0),
    height_shift_cm=7.5,
    bmi_shift=-0.3,
    mains_hz=50.0,
    step_uv=1.0,
)


def arguments(description: str | None, n: int) -> argparse.Namespace:
    """Command-line arguments that every benchmark takes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=n, help="simulated people")
    parser.add_argument("--seed", type=int, default=2024)
    parser.add_argument("--setting", choices=list(SETTINGS), default="published", help="of the simulator")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("."), help="folder for figures")
    return parser.parse_args()


def finish(name: str, table: pd.DataFrame, result: dict[str, Any]) -> None:
    """Print the table, then one JSON line."""
    print(table.to_string(index=False))
    print(json.dumps({"benchmark": name, **result}))


def ptbxl() -> pd.DataFrame:
    """PTB-XL's table: sex, age, height, weight, statements and the path of each ECG, byte-identical copies dropped."""
    folder = real_ecg_folder()
    if folder is None:
        raise SystemExit("the real ECGs are absent; set LVMASS_REAL_ECG")
    table = pd.read_csv(folder / "ptbxl" / "ptbxl_database.csv")
    codes = table["scp_codes"].map(ast.literal_eval)
    people = pd.DataFrame(
        {
            "patient_id": table["patient_id"],
            "sex": np.where(table["sex"] == 0, "male", "female"),  # PTB-XL codes female as 1
            "age_years": table["age"].astype(float),
            "height_cm": table["height"].astype(float),
            "weight_kg": table["weight"].astype(float),
            "normal": codes.map(lambda c: c.get("NORM", 0) > 0),
            "lvh": codes.map(lambda c: "LVH" in c or "VCLVH" in c),
            "fold": table["strat_fold"],
            "path": [str(folder / "ptbxl" / f"{name}.hea") for name in table["filename_hr"]],
        }
    )
    content = people["path"].map(lambda path: Path(path).with_suffix(".dat").read_bytes())
    return people[~content.duplicated()].reset_index(drop=True)


def ptb_xl_like(n: int, seed: int, setting: str) -> Cohort:
    """Simulated people of the ages and sizes in PTB-XL."""
    source = SimulatedSource(PTB_XL_LIKE, seed, Couplings(), SETTINGS[setting])
    return Cohort(PTB_XL_LIKE.name, source.subjects(n), True, source)


def healthy_rows(cohort: Cohort) -> NDArray[np.int64]:
    """Which simulated people a reader of their ECG and file would call normal."""
    source = cohort.source
    assert isinstance(source, SimulatedSource)
    people = source.simulate(0, len(cohort)).people
    cutoff = np.where(people["men"], LVH_CUTOFF_G_M2["male"], LVH_CUTOFF_G_M2["female"])
    ill = (people["hypertension"] > 0) | (people["diabetes"] > 0) | (people["mass_g"] / people["bsa_m2"] > cutoff)
    for name in ("strain", "af", "pvc", "pac", "rbbb", "lbbb", "lafb"):
        ill |= people[name]
    return np.flatnonzero(~ill)


def like_in_age(real: pd.DataFrame, simulated: pd.DataFrame, times: int, seed: int) -> NDArray[np.int64]:
    """Rows of simulated people that match the real ones in sex and age, ``times`` for each real person."""
    random = np.random.default_rng(seed)
    rows: list[NDArray[np.int64]] = []
    for sex, age in zip(real["sex"], real["age_years"], strict=True):
        distance = np.abs(simulated["age_years"].to_numpy() - age) + np.where(simulated["sex"] == sex, 0.0, 1e3)
        rows.append(random.choice(np.argsort(distance, kind="stable")[: 8 * times], times, replace=False))
    return np.unique(np.concatenate(rows))


def features_of(recording: Recording, sex: str) -> tuple[dict[str, float], NDArray[np.float32]] | None:
    """Everything measured on one ECG, and its beat; None where there is no usable beat."""
    try:
        beat = synchronized_beat(recording)
        measured = measure_beat(beat)
    except DataError:
        return None
    row = {name: float(getattr(measured, name)) for name in PARAMETERS}
    for wave in ("p", "r", "s", "t", "st_j"):
        values = getattr(measured, f"{wave}_mv")
        row |= {f"{wave}_{lead}": float(value) for lead, value in zip(LEADS, values, strict=True)}
    for name, criterion in lvh_criteria(beat, measured, sex).items():
        row |= {name: float(criterion.value), f"{name}_positive": float(criterion.positive)}
    return row, beat.waveform_mv


def _of_block(source: Cohort | list[str], rows: list[int], sexes: list[str]) -> list[Any]:
    recordings = (read_ecg(source[i]) if isinstance(source, list) else source.recording(i) for i in rows)
    return [features_of(recording, sex) for recording, sex in zip(recordings, sexes, strict=True)]


def _blocks(n: int, size: int = 64) -> Iterator[slice]:
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def measure(
    people: pd.DataFrame, source: Cohort | list[str], rows: NDArray[np.int64], workers: int
) -> tuple[pd.DataFrame, NDArray[np.float32]]:
    """Features beside the people's table, and the beats, of rows of a simulated cohort or of files."""
    chosen = people.iloc[rows]
    sexes = chosen["sex"].tolist()
    jobs = (delayed(_of_block)(source, rows[part].tolist(), sexes[part]) for part in _blocks(len(rows)))
    results = [one for block in Parallel(n_jobs=workers)(jobs) for one in block]
    usable = np.array([one is not None for one in results])
    table = pd.DataFrame([one[0] for one in results if one is not None])
    people = chosen.loc[usable].reset_index(drop=True)
    return pd.concat([people, table], axis=1), np.stack([one[1] for one in results if one is not None])


def measured_ptbxl(workers: int) -> tuple[pd.DataFrame, NDArray[np.float32]]:
    """Features and beats of all PTB-XL ECGs at hand."""
    people = ptbxl()
    return measure(people, people["path"].tolist(), np.arange(len(people)), workers)
