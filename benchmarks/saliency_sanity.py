"""Do maps depend on what a network learnt, hold still, and mark what moves it? At the paper's size, five folds.

    python benchmarks/saliency_sanity.py --out book/validation [--n 1459] [--workers -1]

Each fold: two fits that differ in their seed alone, and one to shuffled masses; their maps by lead and wave are held
against each other. Patches are taken away by map, at random and by |dV/dt|. Then the same people are drawn at other
masses, and estimated. What all methods, baselines and shuffled weights do is in every study's chapter 6.
"""

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from saliency_truth import NAMES, People, Planted, fitted, people_of

from lvmass.cohort.covariates import covariate_matrix
from lvmass.cohort.simulation.constants import SETTINGS, SITES
from lvmass.cohort.simulation.drivers import Couplings
from lvmass.cohort.simulation.heart import beat_templates, twelve_leads
from lvmass.saliency import WAVES, attribute, by_lead_and_wave
from lvmass.saliency.sanity import deletion_insertion, rank_correlation
from lvmass.training.model import FittedModel

SEED, FOLDS, STEP_MS = 31, 5, 2.0
MASSES_G = (80.0, 120.0, 180.0)


def of_fold(people: People, fold: int, epochs: int) -> dict[str, Any]:
    """All checks of one fold."""
    test = np.flatnonzero(np.arange(len(people.table)) % FOLDS == fold)
    training = np.setdiff1d(np.arange(len(people.table)), test)
    beats, covariates, waves = people.beats_mv[test], covariate_matrix(people.table, NAMES)[test], people.waves[test]
    mean_mv = people.beats_mv[training].mean(0)
    mass_g = people.table["lvm_g"].to_numpy(float)
    shuffled = np.random.default_rng(fold).permutation(mass_g)
    models = {
        "first": fitted(people, training, epochs, SEED + fold),
        "second": fitted(people, training, epochs, 77 + fold),
    }
    models["shuffled masses"] = fitted(people, training, epochs, SEED + fold, shuffled)

    made = {name: attribute(model, beats, covariates, baseline_mv=mean_mv) for name, model in models.items()}
    maps = {name: by_lead_and_wave(np.abs(each.grams), waves).mean(0)[:, :-1] for name, each in made.items()}
    own, second = made["first"], made["second"]
    orders = {"random": np.random.default_rng(fold).normal(size=beats.shape), "|dV/dt|": np.gradient(beats, axis=2)}
    orders["map"] = own.grams
    return {
        "map": maps["first"].tolist(),
        "map_shuffled": maps["shuffled masses"].tolist(),
        "another_seed": {
            "samples_signed": float(rank_correlation(own.grams, second.grams).mean()),
            "lead_wave_mean_map": float(rank_correlation(maps["first"][None], maps["second"][None])[0]),
        },
        "completeness_worst": float(np.abs(own.completeness_error_g / own.difference_g).max()),
        "areas": deletion_insertion(models["first"], beats, covariates, orders, mean_mv, STEP_MS).to_dict("records"),
        "estimates_g": drawn_at(people, test[:100], models["first"]),
    }  # fmt: skip


def drawn_at(people: People, rows: np.ndarray, model: FittedModel) -> list[float]:
    """Mean estimate of the same people, drawn at other masses."""
    drawn: dict[float, list[np.ndarray]] = {mass: [] for mass in MASSES_G}
    for k in people.rows[rows]:
        own = people.source.simulate(k, k + 1).people
        for mass in MASSES_G:
            more = float(np.log(mass / own["mass_g"][0]) / people.source.setting.excess_sd)
            made = replace(people.source, more=more).simulate(k, k + 1)
            drawn[mass].append(twelve_leads(beat_templates(made.heart, made.amplitudes))[0, :, 10:410])
    covariates = covariate_matrix(people.table.iloc[rows], NAMES)
    return [float(model.predict_g(np.stack(each).astype(np.float32), covariates).mean()) for each in drawn.values()]


def told(kept: dict[str, Any]) -> dict[str, Any]:
    """Rows of the figure of chapter 6, and what the maps in it add up to."""
    maps = {"masses": np.array(kept["map_g"]), "shuffled masses": np.array(kept["map_shuffled_masses_g"])}
    rows = [
        {"wave": wave, "hue": f"trained on {name}", "share_percent": 100 * grams / made.sum()}
        for name, made in maps.items()
        for wave, grams in zip(kept["waves"], made.sum(axis=0), strict=True)
    ]
    own, blind = maps.values()
    return {"shares": rows, "r": np.corrcoef(own.ravel(), blind.ravel())[0, 1], "sums_g": [own.sum(), blind.sum()]}


def summary(folds: list[dict[str, Any]], n: int, epochs: int) -> dict[str, Any]:
    """What chapter 6 reads, of all folds."""
    deletion_g = pd.DataFrame([{row["order"]: row["deletion_g"] for row in each["areas"]} for each in folds])
    kept: dict[str, Any] = {
        "benchmark": "saliency_sanity",
        "n": n,
        "epochs": epochs,
        "folds": len(folds),
        "waves": WAVES[:-1],
        "map_g": np.mean([each["map"] for each in folds], axis=0).round(3).tolist(),
        "map_shuffled_masses_g": np.mean([each["map_shuffled"] for each in folds], axis=0).round(3).tolist(),
        "another_seed": pd.DataFrame([each["another_seed"] for each in folds]).mean().round(3).to_dict(),
        "deletion_g": deletion_g.mean().round(3).to_dict(),
        "folds_deletion_beats": {
            rival: int((deletion_g["map"] > deletion_g[rival]).sum()) for rival in ("random", "|dV/dt|")
        },
        "missed_worst": round(max(each["completeness_worst"] for each in folds), 4),
        "masses_g": MASSES_G,
        "estimates_g": np.mean([each["estimates_g"] for each in folds], axis=0).round(1).tolist(),
    }
    return kept | told(kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1459)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--workers", type=int, default=-1)
    parser.add_argument("--out", type=Path, default=Path("."))
    given = parser.parse_args()
    source = Planted(SITES["tw-cvai"], SEED, Couplings(), SETTINGS["published"])
    people = people_of(source, given.n)
    folds = Parallel(given.workers)(delayed(of_fold)(people, fold, given.epochs) for fold in range(FOLDS))
    (given.out / "saliency_sanity.json").write_text(
        json.dumps(summary(folds, given.n, given.epochs), indent=1, default=float) + "\n"
    )


if __name__ == "__main__":
    main()
