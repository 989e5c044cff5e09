"""Which map may be trusted for which question, asked where the truth is known: people whose mass is planted.

    python benchmarks/saliency_truth.py --out book/validation [--n 4000] [--cohorts 10] [--workers -1] [--minutes 9]
    python benchmarks/saliency_truth.py --out book/validation --fresh 901

Paths: cohorts in which mass reaches the ECG by one path only. The same person drawn at another mass gives the true
change of the ECG; each method's share of attribution in the planted wave, and the correlation of its map by lead and
wave with that change, are printed.

Sexes: cohorts in which mass acts on ST and T more in women (switch ``strong``, or ``life`` as in the simulator's
setting), or alike in both sexes (``none``), all paths open. All else that would make the sexes' weights differ (spread
of mass, growth of smaller hearts) is set alike in these cohorts, so that what is found there and was not planted is
false. `weighting_test` is held against three comparisons of maps: (a) two sex-specific fits on the same people, (b) the
pooled fit on matched women and men, (c) each sex's own fit on its own people.

``--fresh SEED`` draws cohorts that nothing was chosen on, ``strong`` and ``none``, for `weighting_test` alone; what is
found goes to ``saliency_fresh.json``.

Networks learn from one half of a cohort and are explained on the other, and the other way round.
"""

import argparse
import json
import os
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from numpy.typing import NDArray
from real_ecgs import shares

from lvmass.cohort.covariates import covariate_matrix, covariate_names
from lvmass.cohort.manifest import Cohort
from lvmass.cohort.preprocessing import preprocess
from lvmass.cohort.simulation import constants
from lvmass.cohort.simulation.cohort import Simulated, SimulatedSource
from lvmass.cohort.simulation.constants import SETTINGS, SITES
from lvmass.cohort.simulation.drivers import Couplings, draw_conduction, draw_drivers
from lvmass.cohort.simulation.heart import beat_templates, draw_hearts, lead_amplitudes, twelve_leads
from lvmass.cohort.simulation.people import Latents, draw_people, draw_ventricles
from lvmass.ecg.beats import BeatConfig
from lvmass.saliency import METHODS, WAVES, attribute, by_lead_and_wave, cells_of, wave_of_samples
from lvmass.saliency.sexes import compare_maps, matched_pairs, weighting_test
from lvmass.training.fit import fit_network
from lvmass.training.model import FittedModel
from lvmass.training.settings import FitConfig

Floats = NDArray[np.floating]

FIRST_SEED = 701
PLANTED_R = 0.5
"""Correlation of the planted driver with excess mass: a path that a network can find."""
EXPLAINED, COMPARED = 300, 600
"""People of each half whom all methods explain, and whose maps are compared."""
NAMES = covariate_names(("demographics",))
QRS, ST_T, ATRIA, ALL = tuple(range(7)), (8, 9), (11, 12), tuple(range(13))
"""Forces of `lvmass.cohort.simulation.heart`."""


@dataclass(frozen=True)
class Planted(SimulatedSource):
    """People whose excess mass reaches only some of the forces of their heart; all else is as with couplings off.

    Parameters
    ----------
    forces : tuple of int
        That know mass, with all timing.
    more : float
        Added to everybody's excess mass, in SDs.
    """

    forces: tuple[int, ...] = ALL
    more: float = 0.0

    def simulate(self, start: int, stop: int) -> Simulated:
        """Simulate people up to their noise-free leads."""
        z = Latents(self.seed, self.site.name, start, stop, self.day)
        ventricles = draw_ventricles(draw_people(z, self.site), z, self.setting)
        ventricles["excess"] = ventricles["excess"] + self.more
        hearts = []
        with mock.patch.object(constants, "GROWTH_SEX", (1.0, 1.0)):  # a gram does the same in both sexes
            for couplings in (self.couplings, Couplings.none()):
                people = draw_conduction(draw_drivers(ventricles, z, couplings, self.setting), z, self.site)
                hearts.append((people, draw_hearts(people, z, self.setting)))
        (people, heart), (_, without) = hearts
        forces = without.forces.copy()
        forces[:, list(self.forces)] = heart.forces[:, list(self.forces)]
        heart = heart._replace(forces=forces)
        return Simulated(z, people, heart, *lead_amplitudes(people, heart, z, self.setting))


BASE = replace(SETTINGS["published"], mass_sd=(0.17, 0.17))
PATHS: dict[str, tuple[str, dict[str, Any], tuple[int, ...], tuple[str, ...]]] = {
    "QRS size": ("qrs_voltage", {"growth_r": PLANTED_R, "strength_r": 0.4}, QRS, ("QRS",)),
    "QRS duration": ("qrs_duration", {"duration_r": PLANTED_R}, QRS, ("QRS",)),
    "axis": ("axis", {"leftward_r": PLANTED_R}, QRS, ("QRS",)),
    "ST-T": ("st_t", {"away_r": PLANTED_R, "st_t_sex": (1.0, 1.0)}, ST_T, ("ST", "T")),
    "atrium": ("atrium", {"atrium_r": PLANTED_R}, ATRIA, ("P",)),
}
"""Switch, strength, forces and waves of each path."""
SWITCHES = {"strong": 4.0, "life": 1.0, "none": 0.0}


@dataclass(frozen=True, eq=False)
class People:
    """Beats and what is known of usable people."""

    source: Planted
    beats_mv: NDArray[np.float32]
    time_ms: Floats
    table: pd.DataFrame
    rows: NDArray[Any]  # in the cohort
    waves: NDArray[np.int8]

    @property
    def half(self) -> NDArray[np.int64]:
        return np.arange(len(self.table)) % 2

    @property
    def men(self) -> NDArray[np.bool_]:
        return (self.table["sex"] == "male").to_numpy()

    def first(self, n: int) -> "People":
        return replace(self, **{name: getattr(self, name)[:n] for name in ("beats_mv", "table", "rows", "waves")})


def people_of(source: Planted, n: int) -> People:
    beats = preprocess(Cohort(source.site.name, source.subjects(n), True, source), BeatConfig())
    rows = beats.people["subject_id"].str[-6:].astype(int).to_numpy()
    waves = wave_of_samples(beats.waveform_mv, beats.people, beats.time_ms)
    return People(source, beats.waveform_mv, beats.time_ms, beats.people, rows, waves)


def fitted(
    people: People, rows: NDArray[np.int64], epochs: int, seed: int, mass_g: NDArray[np.float64] | None = None
) -> FittedModel:
    mass_g = people.table["lvm_g"].to_numpy(float) if mass_g is None else mass_g
    data = people.beats_mv, covariate_matrix(people.table, NAMES), mass_g
    return fit_network("elvmass-net", {}, FitConfig(epochs=epochs), NAMES, data, rows, sampling_rate_hz=500, seed=seed)


def true_change(people: People, rows: NDArray[np.int64]) -> Floats:
    """Change of the noise-free beat from half an SD less to half an SD more mass, mV, in the window of the beats."""
    source, changes = people.source, []
    for k in people.rows[rows]:
        less, more = (replace(source, more=by).simulate(k, k + 1) for by in (-0.5, 0.5))
        low, high = (twelve_leads(beat_templates(each.heart, each.amplitudes))[0, :, 10:410] for each in (less, more))
        changes.append(high - low)
    return np.stack(changes)


def one_path(path: str, n: int, epochs: int, seed: int) -> list[dict[str, Any]]:
    """Every method on a cohort with one path."""
    switch, strength, forces, planted = PATHS[path]
    couplings = replace(Couplings.none(), **{switch: 1.0})
    people = people_of(Planted(SITES["tw-cvai"], seed, couplings, replace(BASE, **strength), forces=forces), n)
    covariates, columns = covariate_matrix(people.table, NAMES), [WAVES.index(wave) for wave in planted]
    found: dict[str, list[Any]] = defaultdict(list)
    truths, gains = [], []
    for half in (0, 1):
        training, test = np.flatnonzero(people.half == half), np.flatnonzero(people.half != half)
        model = fitted(people, training, epochs, seed + half)
        mass_g = people.table["lvm_g"].to_numpy(float)
        blind = np.broadcast_to(people.beats_mv[training].mean(axis=0), people.beats_mv[test].shape)
        seen_g, blind_g = (
            np.abs(mass_g[test] - model.predict_g(beats, covariates[test])).mean()
            for beats in (people.beats_mv[test], blind)
        )
        gains.append(1 - seen_g / blind_g)
        test = test[:EXPLAINED]
        waves, cells = people.waves[test], cells_of(people.waves[test])
        change = true_change(people, test)
        truths.append(by_lead_and_wave(np.abs(change), waves).mean(axis=0))
        mean_mv = people.beats_mv[training].mean(axis=0)
        for method in METHODS:
            made = attribute(model, people.beats_mv[test], covariates[test], method=method, cells=cells,
                             baseline_mv=mean_mv)  # fmt: skip
            missed = np.abs(made.completeness_error_g / made.difference_g)
            found[method].append((by_lead_and_wave(np.abs(made.grams), waves).mean(0), missed))
    truth = np.mean(truths, axis=0)[:, :-1]
    rows = []
    for method, parts in found.items():
        mean = np.mean([own for own, _ in parts], axis=0)
        row = {"path": path, "method": method, "waveform_gain": float(np.mean(gains))}
        row["true_share"] = float(truth[:, columns].sum() / truth.sum())
        row["share"] = float(mean[:, columns].sum() / mean.sum())
        row["r"] = float(np.corrcoef(mean[:, :-1].ravel(), truth.ravel())[0, 1])
        row["r_leads"] = float(np.corrcoef(mean[:, columns].sum(1), truth[:, columns].sum(1))[0, 1])
        rows.append(row | {"missed": float(np.median(np.concatenate([missed for _, missed in parts])))})
    return rows


def pooled_fits(people: People, epochs: int, seed: int) -> list[FittedModel]:
    """A fit of each half."""
    return [fitted(people, np.flatnonzero(people.half == half), epochs, seed + half) for half in (0, 1)]


def explained(people: People, fits: list[FittedModel]) -> Floats:
    """Signed out-of-fold contributions of the waveform alone, by lead and wave."""
    covariates, cells = covariate_matrix(people.table, NAMES), np.empty((len(people.table), 12, len(WAVES)))
    for half, model in enumerate(fits):
        training, test = np.flatnonzero(people.half == half), np.flatnonzero(people.half != half)
        made = attribute(model, people.beats_mv[test], covariates[test], steps=8, tolerance=np.inf, only_waveform=True,
                         baseline_mv=people.beats_mv[training].mean(axis=0))  # fmt: skip
        cells[test] = by_lead_and_wave(made.grams, people.waves[test])
    return cells


def comparisons(people: People, pooled: list[FittedModel], epochs: int, seed: int) -> dict[str, pd.DataFrame]:
    """Maps of sizes under sex-specific and pooled fits, compared in three ways, and two pooled fits with each other."""
    covariates, men = covariate_matrix(people.table, NAMES), people.men
    maps: dict[str, list[Floats]] = {}
    tested = []
    for half in (0, 1):
        test = np.flatnonzero(people.half != half)[:COMPARED]
        tested.append(test)
        for name, who in (("female", ~men), ("male", men), ("pooled", men | ~men), ("again", men | ~men)):
            training = np.flatnonzero((people.half == half) & who)
            other = seed + half + 100 * (name == "again")
            model = pooled[half] if name == "pooled" else fitted(people, training, epochs, other)
            own = covariates[test].copy()
            if name in ("female", "male"):  # the only sex that this network knows
                own[:, NAMES.index("male")] = name == "male"
            made = attribute(model, people.beats_mv[test], own, steps=8, tolerance=np.inf,
                             baseline_mv=people.beats_mv[training].mean(axis=0))  # fmt: skip
            maps.setdefault(name, []).append(by_lead_and_wave(np.abs(made.grams), people.waves[test])[:, :, :-1])
    rows, shares = np.concatenate(tested), {}
    for name, parts in maps.items():
        whole = np.concatenate(parts)
        shares[name] = whole / whole.sum(axis=(1, 2), keepdims=True)
    bsa_m2, men = covariates[rows, NAMES.index("bsa_m2")], men[rows]
    age_years, lvm_g = (people.table[name].to_numpy(float)[rows] for name in ("age_years", "lvm_g"))
    alike = np.column_stack([age_years, bsa_m2, lvm_g / bsa_m2])
    women, matched = matched_pairs(alike, men)
    return {
        "a: two sex-specific fits, same people": compare_maps(shares["female"] - shares["male"]),
        "b: pooled fit, matched people": compare_maps(shares["pooled"][women] - shares["pooled"][matched]),
        "c: own fits, own people": compare_maps(np.where(men[:, None, None], shares["male"], shares["female"]), men),
        "d: two pooled fits, same people": compare_maps(shares["pooled"] - shares["again"]),
    }


def sexes(kind: str, n: int, small: int, epochs: int, seed: int, maps: bool) -> list[dict[str, Any]]:
    """Tests on one cohort, whole and on its first ``small`` people."""
    whole, rows = planted_people(kind, n, seed), []
    for people in (whole, whole.first(small)):
        fits = pooled_fits(people, epochs, seed)
        row = weighted(people, fits) | {"planted": kind, "seed": seed, "whole": people is whole}
        rows.append(row)
        if maps and people is whole:
            for name, found in comparisons(people, fits, epochs, seed).items():
                wave = np.tile(WAVES[:-1], 12)[found["p_fdr"].to_numpy() < 0.05]
                row = row | {"test": name, "waves": sorted(set(wave.tolist())), "cells": len(wave)}
                rows.append(row | {"largest_effect": float(found["effect"].abs().max())})
    return rows


def planted_people(kind: str, n: int, seed: int) -> People:
    """A cohort in which mass acts on ST and T otherwise in women, or not."""
    return people_of(Planted(SITES["tw-cvai"], seed, Couplings(sex_interaction=SWITCHES[kind]), BASE), n)


def weighted(people: People, fits: list[FittedModel]) -> dict[str, Any]:
    """The test of measured masses."""
    known = people.table[["age_years", "height_cm", "weight_kg"]].to_numpy(float)
    test = weighting_test(explained(people, fits), people.table["lvm_g"].to_numpy(float), known, people.men)
    found = test.loc[test["p_fdr"] < 0.05, "wave"].tolist()
    return {"n": len(people.table), "test": "weighting", "waves": found, "table": test.round(5).to_dict("records")}


def fresh(kind: str, n: int, epochs: int, seed: int, whole: bool) -> list[dict[str, Any]]:
    """The test of measured masses on a cohort that nothing was chosen on."""
    people = planted_people(kind, n, seed)
    return [weighted(people, pooled_fits(people, epochs, seed)) | {"planted": kind, "seed": seed, "whole": whole}]


def guarded(job: Any, path: Path, stop: float) -> list[dict[str, Any]]:
    """Do a job unless its rows are there or there is no time; its rows go to a file of their own."""
    if path.exists():
        return json.loads(path.read_text())
    if time.time() > stop:
        return []
    begun = time.time()
    rows = [row | {"seconds": round(time.time() - begun, 1)} for row in job()]
    path.write_text(json.dumps(rows))
    print(f"{path.stem}: {time.time() - begun:.0f} s", flush=True)
    return rows


PLANTED_WORDS = {"strong": "ST-T planted", "life": "ST-T as simulated", "none": "nothing planted"}


def verdicts(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """In how many cohorts each test found ST or T, and another wave, with Wilson's 95 % intervals."""
    size = rows.assign(size=np.where(rows["whole"], "whole", "small"))
    counts = []
    for (test, planted, _), own in size.groupby(["test", "planted", "size"], sort=False):
        people = float(own["n"].median())
        section = "test of masses" if test == "weighting" else f"maps, {test}"
        row = {
            "section": f"{section}, n {round(people, -2):,.0f}",
            "planted": PLANTED_WORDS[str(planted)],
            "people": people,
        }
        for name, waves in (("ST or T", {"ST", "T"}), ("another wave", set(WAVES) - {"ST", "T"})):
            n = sum(bool(waves & set(found)) for found in own["waves"])
            counts.append(row | {"finds": name, "count": f"{n} of {len(own)}", "n": n, "of": len(own)})
    return shares(counts)


def told(methods: pd.DataFrame) -> dict[str, Any]:
    """Names and numbers in the sentences of chapter 6 on methods; shares in percent."""
    by_method, paths = methods.groupby("method"), methods.groupby("path", sort=False)
    missed, by_lead = 100 * by_method["missed"].max().sort_values(), by_method["r_leads"].mean().sort_values()
    found = paths["r_leads"].min()
    right, wrong = (", ".join(found.index[mask]) or "none" for mask in (found > 0.5, found <= 0.5))
    best = methods.loc[paths["share"].idxmax()]
    cells = zip(best["path"], best["method"], best["share"], strict=True)
    return {
        "adds_up": {"best": missed.index[0], "missed": missed.iloc[0], "others": [missed.iloc[1], missed.iloc[-1]]},
        "largest": "; ".join(f"{path} {method}, {100 * share:.0f} %" for path, method, share in cells),
        "apart": 100 * (paths["share"].max() - paths["share"].min()).max(),
        "leads": {"best": by_lead.index[-1], "r": by_lead.iloc[-1], "others": [by_lead.iloc[0], by_lead.iloc[-2]]},
        "right": right,
        "wrong": wrong,
    }


def summary(rows: list[dict[str, Any]], n: int) -> dict[str, Any]:
    """What chapter 6 reads, of all jobs."""
    methods = pd.DataFrame([row for row in rows if "path" in row]).drop(columns="seconds").round(4)
    tests = verdicts(pd.DataFrame([row for row in rows if "test" in row]))
    return {"benchmark": "saliency_truth", "n": n, "tests": tests, **with_truth(methods, tests)}


def with_truth(methods: pd.DataFrame, tests: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows of methods and of the truth, what is said of them, and of maps of two fits that differ in their seed."""
    true = methods.drop_duplicates("path")[["path", "true_share"]].rename(columns={"true_share": "share"})
    rows = [*methods.to_dict("records"), *true.assign(method="true share").to_dict("records")]
    seeds = [row for row in tests if row["section"].startswith("maps, d:") and row["finds"] == "ST or T"]
    alike = {"found": sum(row["n"] for row in seeds), "of": sum(row["of"] for row in seeds)}
    return {"methods": rows, **told(methods), "two_seeds": alike}


def fresh_summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What chapter 6 reads of the cohorts that nothing was chosen on."""
    seeds = [row["seed"] for row in rows]
    first, last = {"first_seed": min(seeds)}, {"last_seed": max(seeds)}
    return {"benchmark": "saliency_fresh", **first, **last, "tests": verdicts(pd.DataFrame(rows))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=4000)
    parser.add_argument("--small", type=int, default=1459)
    parser.add_argument("--cohorts", type=int, default=10, help="of each kind, strong and none; half as many of life")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--workers", type=int, default=-1)
    parser.add_argument("--minutes", type=float, default=600, help="start no job after this")
    parser.add_argument("--out", type=Path, default=Path("."))
    parser.add_argument("--fresh", type=int, default=0, metavar="SEED", help="first seed of cohorts of their own")
    parser.add_argument("--parts", type=Path, help="folder of finished jobs; a run goes on from them")
    given = parser.parse_args()
    print({module.__name__: module.__version__ for module in (np, pd, torch)}, os.cpu_count(), "cores", flush=True)
    stop, parts = time.time() + 60 * given.minutes, given.parts or given.out / "saliency_truth_parts"
    parts.mkdir(parents=True, exist_ok=True)
    jobs: list[tuple[Any, str]] = []
    for k in range(given.cohorts):
        for kind in SWITCHES:
            if kind != "life" or k < given.cohorts // 2:
                job = delayed(sexes)(kind, given.n, given.small, given.epochs, FIRST_SEED + k, k < given.cohorts // 2)
                jobs.append((job, f"sexes_{kind}_{k}"))
    paths = [(delayed(one_path)(path, given.n, given.epochs, FIRST_SEED + 50), f"path_{path}") for path in PATHS]
    jobs = jobs[: 2 * given.cohorts // 3] + paths + jobs[2 * given.cohorts // 3 :]
    if given.fresh:
        jobs = [
            (
                delayed(fresh)(kind, n, given.epochs, given.fresh + k, n == given.n),
                f"fresh_{given.fresh + k}_{kind}_{n}",
            )
            for n in (given.n, given.small)
            for k in range(given.cohorts)
            for kind in ("strong", "none")
        ]
    tasks = (
        delayed(guarded)(Bound(job), parts / f"{name.replace(' ', '_')}_{given.n}_{given.epochs}.json", stop)
        for job, name in jobs
    )
    rows = [row for done in Parallel(given.workers)(tasks) for row in done]
    made = json.dumps(fresh_summary(rows) if given.fresh else summary(rows, given.n), indent=1, default=float)
    (given.out / f"saliency_{'fresh' if given.fresh else 'truth'}.json").write_text(made + "\n")
    print(made)


@dataclass(frozen=True)
class Bound:
    """A delayed call that can be sent to a process."""

    job: Any

    def __call__(self) -> Any:
        function, args, options = self.job
        return function(*args, **options)


if __name__ == "__main__":
    main()
