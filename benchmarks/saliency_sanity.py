"""Do maps depend on the network, hold still, and ask for what a heart would do? At the paper's size, five folds.

    python benchmarks/saliency_sanity.py --out book/validation [--n 1459] [--workers -1]

Each fold: two fits that differ in their seed alone, and one to shuffled masses. Their maps by lead and wave are held
against each other, against those of the network with shuffled weights, of other methods and baselines, and of beats
shifted by 4 ms; patches are taken away and put in by map, at random and by |dV/dt|. Then the same people are drawn at
other masses, beside the beat that the network asks for: moved along its slope, within what differs from day to day.
"""

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from saliency_truth import DEVICE, NAMES, People, Planted, fitted, people_of, slopes_g_per_mv

from lvmass.cohort.covariates import covariate_matrix
from lvmass.cohort.simulation.constants import SETTINGS, SITES
from lvmass.cohort.simulation.drivers import Couplings
from lvmass.cohort.simulation.heart import beat_templates, twelve_leads
from lvmass.ecg.recording import LEADS
from lvmass.saliency import METHODS, WAVES, attribute, by_lead_and_wave
from lvmass.saliency.sanity import areas, deletion_insertion, randomized, rank_correlation
from lvmass.saliency.waves import cells_of

SEED, FOLDS, STEP_MS = 31, 5, 2.0
MASSES_G = (80.0, 120.0, 180.0)


def source_of(day: int = 0) -> Planted:
    """People of the simulator's setting, all paths open."""
    return Planted(SITES["tw-cvai"], SEED, Couplings(), SETTINGS["published"], day=day)


def of_fold(people: People, fold: int, epochs: int, variation_mv: np.ndarray) -> dict[str, Any]:
    """All checks of one fold."""
    test = np.flatnonzero(np.arange(len(people.table)) % FOLDS == fold)
    training = np.setdiff1d(np.arange(len(people.table)), test)
    beats, covariates, waves = people.beats_mv[test], covariate_matrix(people.table, NAMES)[test], people.waves[test]
    baselines = {
        "flat": 0.0,
        "mean": people.beats_mv[training].mean(0),
        "several": people.beats_mv[training[::150]][:8],
    }
    mass_g = people.table["lvm_g"].to_numpy(float)
    shuffled = np.random.default_rng(fold).permutation(mass_g)
    models = {
        "first": fitted(people, training, epochs, SEED + fold),
        "second": fitted(people, training, epochs, 77 + fold),
    }
    models["shuffled masses"] = fitted(people, training, epochs, SEED + fold, shuffled)

    def maps(model: Any, method: str = "integrated gradients", start: str = "mean", x: Any = beats) -> Any:
        return attribute(model, x, covariates, method=method, baseline_mv=baselines[start], cells=cells_of(waves),
                         device=DEVICE)  # fmt: skip

    def mean(made: Any) -> np.ndarray:
        return by_lead_and_wave(np.abs(made.grams), waves).mean(0)[:, :-1]

    begun = time.process_time()
    own = maps(models["first"])
    result: dict[str, Any] = {
        "fold": fold,
        "people": len(test),
        "seconds_per_person": (time.process_time() - begun) / len(test),
    }
    missed = np.abs(own.completeness_error_g / own.difference_g)
    result |= {"completeness_median": float(np.median(missed)), "completeness_worst": float(missed.max())}
    result |= {"map": mean(own).tolist(), "map_shuffled": mean(maps(models["shuffled masses"])).tolist()}
    result |= {"map_second": mean(maps(models["second"])).tolist()}
    result["waveform_g"] = float(np.abs(own.grams.sum((1, 2))).mean())
    result["covariates_g"] = float(np.abs(own.covariate_grams).sum(1).mean())
    result["mae_g"] = {
        k: float(np.abs(m.predict_g(beats, covariates) - mass_g[test]).mean()) for k, m in models.items()
    }
    others = {f"{method}, {start}": maps(models["first"], method, start) for method in METHODS for start in
              (("mean",) if method == "occlusion" else baselines)}  # fmt: skip
    others["another seed"], others["shuffled masses"] = (maps(models[name]) for name in ("second", "shuffled masses"))
    for ms in (-4, 4):
        others[f"shifted {ms:+d} ms"] = maps(models["first"], x=np.roll(beats, round(ms / STEP_MS), axis=2))
    for part, random in randomized(models["first"], fold):
        others[f"shuffled weights down to {part}"] = maps(random)
    result["agreement"] = [
        {
            "with": name,
            "samples_signed": float(rank_correlation(own.grams, other.grams).mean()),
            "samples_size": float(rank_correlation(np.abs(own.grams), np.abs(other.grams)).mean()),
            "lead_wave_signed": float(
                rank_correlation(*[by_lead_and_wave(each.grams, waves)[:, :, :-1] for each in (own, other)]).mean()
            ),
            "lead_wave_mean_map": float(rank_correlation(mean(own)[None], mean(other)[None])[0]),
        }
        for name, other in others.items()
    ]
    noise = np.random.default_rng(fold).normal(size=beats.shape)
    orders = {"random": noise, "|dV/dt|": np.gradient(beats, axis=2)}
    orders |= {name: each.grams for name, each in others.items() if "," in name}
    curves = deletion_insertion(models["first"], beats, covariates, orders, baselines["mean"], STEP_MS)
    result["areas"] = areas(curves).to_dict("records")
    result["curves"] = curves[curves["order"].isin(["random", "|dV/dt|", "integrated gradients, mean"])].to_dict(
        "records"
    )
    return result | counterfactual(people, test[:100], models["first"], variation_mv)


def counterfactual(people: People, rows: np.ndarray, model: Any, variation_mv: np.ndarray) -> dict[str, Any]:
    """The true change from 120 to 180 g of these people, the network's wish, and how they agree."""
    drawn: dict[float, list[np.ndarray]] = {mass: [] for mass in MASSES_G}
    for k in people.rows[rows]:
        own = people.source.simulate(k, k + 1).people
        for mass in MASSES_G:
            more = float(np.log(mass / own["mass_g"][0]) / people.source.setting.excess_sd)
            made = replace(people.source, more=more).simulate(k, k + 1)
            drawn[mass].append(twelve_leads(beat_templates(made.heart, made.amplitudes))[0, :, 10:410])
    beats = {mass: np.stack(each).astype(np.float32) for mass, each in drawn.items()}
    covariates = covariate_matrix(people.table.iloc[rows], NAMES)
    slope = slopes_g_per_mv(model, beats[120.0], covariates)
    wish = variation_mv**2 * slope
    wish /= np.sqrt(np.square(wish / variation_mv).mean(axis=(1, 2), keepdims=True))  # one SD of day to day, on average
    heart = beats[180.0] - beats[120.0]
    a, b = ((each / variation_mv).reshape(len(rows), -1) for each in (wish, heart))
    waves = people.waves[rows]
    cells = [by_lead_and_wave(each, waves)[:, :, :-1] for each in (wish, heart)]
    men = people.men[rows]
    shown = [int(np.flatnonzero(men == sex)[0]) for sex in (False, True)]
    moved_g = model.predict_g(beats[120.0] + wish, covariates) - model.predict_g(beats[120.0], covariates)
    drawn_mv = {f"{mass:.0f}_g_uv": each for mass, each in beats.items()} | {"wish_uv": wish}
    return {
        "counterfactual": {
            "estimates_g": {str(m): float(model.predict_g(each, covariates).mean()) for m, each in beats.items()},
            "wish_raises_g": float(moved_g.mean()),
            "cosine": float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).mean()),
            "lead_wave_rank_correlation": float(rank_correlation(*cells).mean()),
            "mean_lead_wave_correlation": float(np.corrcoef(cells[0].mean(0).ravel(), cells[1].mean(0).ravel())[0, 1]),
            "beats": [
                {"sex": people.table["sex"].iloc[rows[i]], "lead": lead}
                | {name: (1000 * each[i, LEADS.index(lead), ::2]).round().tolist() for name, each in drawn_mv.items()}
                for i in shown for lead in ("I", "V2", "V5")
            ],
        }
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1459)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--workers", type=int, default=-1)
    parser.add_argument("--out", type=Path, default=Path("."))
    given = parser.parse_args()
    days = Parallel(given.workers)(
        delayed(people_of)(source_of(day), n) for day, n in ((0, given.n), (1, min(given.n, 300)))
    )
    people, again = days
    both, left, right = np.intersect1d(people.rows, again.rows, return_indices=True)
    variation_mv = (people.beats_mv[left] - again.beats_mv[right]).std(axis=0) / np.sqrt(2)
    folds = Parallel(given.workers)(delayed(of_fold)(people, fold, given.epochs, variation_mv) for fold in range(FOLDS))
    maps = np.array([each["map"] for each in folds])
    pairs = [(i, j) for i in range(FOLDS) for j in range(i)]
    between = [float(rank_correlation(maps[i][None], maps[j][None])[0]) for i, j in pairs]
    result = {"benchmark": "saliency_sanity", "n": given.n, "epochs": given.epochs, "people_of_two_days": len(both),
              "leads": LEADS, "waves": WAVES[:-1], "between_folds": {"mean": np.mean(between), "least": min(between)},
              "folds": folds}  # fmt: skip
    table = pd.concat([pd.DataFrame(each["agreement"]).assign(fold=each["fold"]) for each in folds])
    print(table.groupby("with", sort=False).mean().round(3).to_string())
    curves = pd.concat([pd.DataFrame(each["areas"]).assign(fold=each["fold"]) for each in folds])
    print(curves.groupby("order", sort=False).mean().round(3).to_string())
    (given.out / "saliency_sanity.json").write_text(json.dumps(result, default=float) + "\n")
    print(json.dumps({k: v for k, v in result.items() if k != "folds"}, default=float))


if __name__ == "__main__":
    main()
