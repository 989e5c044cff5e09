"""Fit the simulator's normal heart to PTB-XL's normal ECGs: moments by sex, never single records.

    LVMASS_REAL_ECG=FOLDER python benchmarks/simulation_fit.py [--steps 6]

Matches mean, SD and age slope of every feature below over the normal ECGs of folds 1-4, by damped Gauss-Newton steps
from the present constants with a pull towards them. Prints the new table of ``NormalHeart`` and the misfit before
and after, on folds 1-4 and on folds 5-7, which take no part. Features come from beats without noise: eight independent
leads at fractions of the QRS, after its end, and around the peaks of T and P, and the times of these.
"""

import argparse
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, uniform_filter1d
from simulation_tools import PTB_XL_LIKE, measured_ptbxl

from lvmass.cohort.schema import bsa_mosteller_m2
from lvmass.cohort.simulation.constants import NORMAL, SETTINGS, NormalHeart
from lvmass.cohort.simulation.drivers import Couplings, draw_conduction, draw_drivers
from lvmass.cohort.simulation.heart import R_SAMPLE, beat_templates, draw_hearts, lead_amplitudes, twelve_leads
from lvmass.cohort.simulation.people import Latents, draw_ventricles

Floats = NDArray[np.float64]
EIGHT = [0, 1, 6, 7, 8, 9, 10, 11]
R, REPEATS = 150, 6
POSITIVE = {name for name in NormalHeart._fields if "sd" in name} | {"width", "residue", "late_residue"}
HELD = {"gain_sd", "t_with_qrs", "lead_rho", "u_mv"}
FITTED = [name for name in NormalHeart._fields if name not in HELD]


def features(beats_mv: NDArray[np.float32], rr_ms: Floats) -> Floats:
    """Voltages at landmarks of beats (n, 12, 400), and the landmarks' times, shape (n, features)."""
    x = np.asarray(beats_mv, float)[:, EIGHT]
    speed = uniform_filter1d(np.sqrt((np.gradient(x, axis=2) ** 2).mean(1)), 5, axis=1)
    limit = 0.06 * speed[:, 120:181].max(1) + np.percentile(speed[:, 75:125], 20, axis=1)
    before = maximum_filter1d(speed, 9, axis=1, origin=4)[:, : R - 4] < limit[:, None]
    after = maximum_filter1d(speed, 9, axis=1, origin=-4)[:, R + 5 : R + 110] < limit[:, None]
    onset = np.where(before.any(1), before.shape[1] - 1 - before[:, ::-1].argmax(1), R - 30)
    end = R + 5 + np.where(after.any(1), after.argmax(1), 60)
    x -= np.take_along_axis(x, (onset[:, None] - np.arange(4))[:, None, :].repeat(8, 1), 2).mean(2, keepdims=True)
    size, sample = (uniform_filter1d(x, 5, axis=2) ** 2).sum(1), np.arange(x.shape[2])[None]
    latest = np.minimum(end + 165, R + (rr_ms / 2 - 110).astype(int))[:, None]
    t_peak = np.where((sample > end[:, None] + 30) & (sample < latest) & (sample < 395), size, -1).argmax(1)
    p_peak = np.where((sample < onset[:, None] - 12) & (sample > onset[:, None] - 110) & (sample > 6), size, -1).argmax(
        1
    )

    def at(where: Floats) -> Floats:
        place = np.clip(np.rint(where), 0, x.shape[2] - 1).astype(int)
        return np.take_along_axis(x, place[:, None, :].repeat(8, 1), 2).reshape(len(x), -1)

    qrs = onset[:, None] + np.linspace(0.04, 0.96, 12) * (end - onset)[:, None]
    times = np.column_stack([end - onset, t_peak - end, onset - p_peak]) * 2.0
    voltages = [at(qrs), at(end[:, None] + np.array([8, 20, 35, 50]))]
    voltages += [at(t_peak[:, None] + np.array([-30, -15, 0, 12, 25, 45]))]
    voltages += [at(p_peak[:, None] + np.array([-20, -10, 0, 10, 20]))]
    return np.concatenate([times, *voltages], axis=1)


def simulated_features(people: pd.DataFrame, heart: NormalHeart) -> Floats:
    """Features of healthy simulated people."""
    z = Latents(99, "fit", 0, len(people))
    columns = {str(name): people[name].to_numpy() for name in people} | {"men": (people["sex"] == "male").to_numpy()}
    setting = SETTINGS["literature"]  # with which the constants were fitted
    drawn = draw_ventricles(columns, z, setting)
    drawn |= {"excess": np.minimum(drawn["excess"], 2.0), "body": drawn["body"] - drawn["body"].mean()}
    drawn = draw_drivers(drawn, z, Couplings(), setting) | {"strain": np.zeros(len(people), bool)}
    drawn = draw_conduction(drawn, z, replace(PTB_XL_LIKE, af=0.0, conduction=0.0), heart)
    hearts = draw_hearts(drawn, z, setting, heart)
    amplitudes, _ = lead_amplitudes(drawn, hearts, z, setting, heart)
    beats = twelve_leads(beat_templates(hearts, amplitudes, heart))
    return features(beats[:, :, R_SAMPLE - R : R_SAMPLE - R + 400], drawn["rr_ms"])


def people_like(real: pd.DataFrame) -> pd.DataFrame:
    """Healthy people of the same sexes and ages, several for each real one."""
    people, random = pd.concat([real[["sex", "age_years"]]] * REPEATS, ignore_index=True), np.random.default_rng(0)
    male, age = (people["sex"] == "male").to_numpy(), people["age_years"].to_numpy()
    height = np.where(male, 175.0, 163.0) + 6.5 * random.standard_normal(len(people))
    bmi = (np.where(male, 25.0, 24.5) + 0.05 * (age - 45)) * np.exp(0.13 * random.standard_normal(len(people)))
    weight = bmi * (height / 100) ** 2
    sbp = np.round(120 + 0.3 * (age - 45) + 10 * random.standard_normal(len(people)))
    body = {"height_cm": height, "weight_kg": weight, "bmi_kg_m2": bmi, "bsa_m2": bsa_mosteller_m2(height, weight)}
    return people.assign(**body, sbp_mmhg=sbp, hypertension=0.0, diabetes=0.0, smoking=False)


def misfit(simulated: Floats, people: pd.DataFrame, real: Floats, table: pd.DataFrame) -> Floats:
    """Differences of mean, log SD and age slope, by sex, in units near their standard errors and bounded."""
    parts = []
    for sex in ("male", "female"):
        a, b = simulated[(people["sex"] == sex).to_numpy()], real[(table["sex"] == sex).to_numpy()]
        sd, n = b.std(0), len(b)
        ages = [frame.loc[frame["sex"] == sex, "age_years"].to_numpy() for frame in (people, table)]
        slopes = [
            (x - x.mean(0)).T @ (age - age.mean()) / age.std() / len(age) for x, age in zip((a, b), ages, strict=True)
        ]
        parts.append((a.mean(0) - b.mean(0)) / sd * np.sqrt(n))
        parts.append(0.6 * np.log(a.std(0) / sd) * np.sqrt(2 * n))
        parts.append(0.7 * (slopes[0] - slopes[1]) / sd * np.sqrt(n))
    difference = np.concatenate(parts) / 3.0  # neighbouring voltages are one observation
    return np.sign(difference) * np.minimum(np.abs(difference), np.sqrt(2 * np.abs(difference)))


def packed(heart: NormalHeart) -> tuple[Floats, Floats]:
    """Free numbers of a heart, logarithms where positive, and the step that counts as one of each."""
    values, steps = [], []
    for name in FITTED:
        value = np.atleast_1d(np.asarray(getattr(heart, name), float)).ravel()
        logged = name in POSITIVE
        values.append(np.log(value) if logged else value)
        steps.append(np.full(value.size, 0.2 if logged else max(0.25 * np.abs(value).mean(), 1e-3)))
    return np.concatenate(values), np.concatenate(steps)


def unpacked(values: Floats) -> NormalHeart:
    """Put the free numbers back into a heart."""
    new: dict[str, Any] = {}
    start = 0
    for name in FITTED:
        shape = np.shape(getattr(NORMAL, name))
        part = values[start : start + int(np.prod(shape))].reshape(shape)
        part = np.exp(part) if name in POSITIVE else part
        start += part.size
        new[name] = part if shape else float(part)
    return NORMAL._replace(**new)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    table, beats = measured_ptbxl(given.workers)
    usable = (table["normal"] & ~table["lvh"]).to_numpy()
    table, real = (
        table[usable].reset_index(drop=True),
        features(beats[usable], 60000.0 / table["heart_rate_bpm"].to_numpy()[usable]),
    )
    tuned = (table["fold"] <= 4).to_numpy()
    sets = {"folds 1-4": tuned, "folds 5-7": ~tuned}
    people = {name: people_like(table[rows]) for name, rows in sets.items()}

    def cost(values: Floats, name: str = "folds 1-4") -> Floats:
        rows = sets[name]
        return misfit(simulated_features(people[name], unpacked(values)), people[name], real[rows], table[rows])

    start, step = packed(NORMAL)
    values = start
    for _ in range(given.steps):
        now = cost(values)
        slope = np.stack(
            [(cost(values + 0.5 * s * unit) - now) / 0.5 for s, unit in zip(step, np.eye(len(step)), strict=True)],
            axis=1,
        )
        tries = []
        for damping in (0.3, 3.0, 30.0):
            normal = slope.T @ slope + np.diag(damping * (0.1 * np.diag(slope.T @ slope) + 0.5) + 0.5)
            move = -np.linalg.solve(normal, slope.T @ now + 0.5 * (values - start) / step)
            tries.append(values + np.clip(move, -2, 2) * step)
        best = min([values, *tries], key=lambda v: (cost(v) ** 2).sum() + 0.5 * (((v - start) / step) ** 2).sum())
        if best is values:
            break
        values = best
    for name in FITTED:
        print(f"    {name}={np.round(getattr(unpacked(values), name), 4).tolist()},")
    report = {name: [round(float((cost(v, name) ** 2).sum()), 1) for v in (start, values)] for name in sets}
    print(json.dumps({"benchmark": "simulation_fit", "misfit_before_and_after": report}))


if __name__ == "__main__":
    main()
