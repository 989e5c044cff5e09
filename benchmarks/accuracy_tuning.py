"""Tune every network with the same budget, on a simulated cohort that no chapter uses.

    python benchmarks/accuracy_tuning.py [--draws 8] [--n 1459] [--gpu] [--networks elvmass-net fcn ...]
    python benchmarks/accuracy_tuning.py --settings benchmarks/accuracy_tuning.toml --n 800 --folds 5 --seeds 3

Each network is trained with as many settings: the one that `book/studies/paper.toml` has now, and others drawn at
random from the same ranges (learning rate, epochs, batch size, weight decay, which epoch is kept, and the sizes of its
own that `SIZES` lists). The setting with the lowest out-of-fold MAE goes into the study files; within 0.1 g of it, the
present one stays, else the cheapest is taken. Recordings are read at 100 Hz.

The second form compares the models of a TOML file, each trained with several seeds: how far may a fit be cheaper before
its error leaves the spread between seeds? The seconds of a fit are its wall time on one core.
"""

import argparse
import json
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lvmass.study.settings import CohortConfig, FoldsConfig, ModelConfig, SaliencyConfig, StudyConfig, read_study_file
from lvmass.study.study import Study
from lvmass.training.settings import FitConfig, MachineConfig

PAPER = Path(__file__).resolve().parents[1] / "book" / "studies" / "paper.toml"
SIZES: dict[str, dict[str, list[Any]]] = {
    "elvmass-net": {
        "channels": [16, 24], "levels": [5], "stem_stride": [4], "dropout": [0.1, 0.3], "time_bins": [8, 20]
    },
    "lvm-ai": {"kernel": [15], "block_filters": [(32, 24, 16), (16, 12, 8)]},
    "fcn": {"conv_dropout": [0.1, 0.25, 0.4], "head_dropout": [0.3, 0.6]},
    "cnn-lstm": {"filters": [(16, 32, 32), (32, 64, 64)], "hidden": [32, 64], "dropout": [0.1, 0.3, 0.5]},
    "resnet": {"stem_filters": [16, 32], "filters": [(24, 32, 48, 64), (48, 64, 96, 128)], "dropout": [0.1, 0.3, 0.5]},
}  # fmt: skip


def draw(network: str, generator: np.random.Generator) -> ModelConfig:
    """Draw one setting."""
    epochs = int(generator.choice([15, 25, 40]))
    fit = FitConfig(
        epochs=epochs,
        patience=max(8, epochs // 2),
        batch_size=int(generator.choice([32, 64])),
        learning_rate=round(float(np.exp(generator.uniform(np.log(4e-4), np.log(6e-3)))), 5),
        weight_decay=float(generator.choice([1e-3, 1e-2, 1e-1])),
        loss="huber" if generator.random() < 0.5 else "log-cosh",
        keep="last" if generator.random() < 0.5 else "best",
    )
    arguments = {name: values[generator.integers(len(values))] for name, values in SIZES[network].items()}
    return ModelConfig(estimator=network, arguments=arguments, fit=fit)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=8, help="settings a network, the present one among them")
    parser.add_argument("--seed", type=int, default=78, help="of the draws")
    parser.add_argument("--n", type=int, default=1459)
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--processes", type=int, default=12)
    parser.add_argument("--networks", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--settings", type=Path, help="TOML file whose [models] are compared, instead of drawn ones")
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.settings is None:
        generator = np.random.default_rng(arguments.seed)
        drawn = {f"{name} {k}": draw(name, generator) for name in SIZES for k in range(1, arguments.draws)}
        present = read_study_file(PAPER).models
        drawn |= {f"{name} 0": present[name].model_copy(update={"training": ("pooled",)}) for name in SIZES}
        models = {name: model for name, model in drawn.items() if model.estimator in arguments.networks}
    else:
        tables = tomllib.loads(arguments.settings.read_text())["models"]
        models = {name: ModelConfig(**table) for name, table in tables.items()}
    models["demographics"] = ModelConfig(estimator="ridge", covariates=("demographics",))
    mae_g: dict[str, list[float]] = {name: [] for name in models}
    seconds: dict[str, list[float]] = {name: [] for name in models}
    with tempfile.TemporaryDirectory() as folder:
        config = StudyConfig(
            name="tuning",
            development=CohortConfig(label="tuning cohort", simulate="tw-cvai", n=arguments.n, seed=77),
            folds=FoldsConfig(n=arguments.folds),
            models=models,
            machine=MachineConfig(accelerator="gpu" if arguments.gpu else "cpu"),
            workers=arguments.processes if arguments.gpu else 0,
            saliency=SaliencyConfig(model=next(iter(models))),
            cache_dir=folder,
        )
        for seed in range(config.seed, config.seed + arguments.seeds):
            study = Study(config.model_copy(update={"seed": seed}), Path(folder) / "tuning.toml")
            table = study.predictions()
            errors_g = (table["lvm_g"] - table["predicted_lvm_g"]).abs()
            for name in models:
                mae_g[name].append(float(errors_g[table["model"] == name].mean()))
                seconds[name] += [fit.seconds for fit in study.fits(name, "pooled")]
    for name in sorted(models, key=lambda name: np.mean(mae_g[name])):
        model = models[name]
        fit = model.fit.model_dump(include={"epochs", "batch_size", "learning_rate", "weight_decay", "loss", "keep"})
        spread = f"+- {np.std(mae_g[name], ddof=1):.2f}" if arguments.seeds > 1 else ""
        costs = f"{np.mean(seconds[name]):6.1f} s a fit"
        settings = f"{fit if model.is_network else ''} {model.arguments or ''}"
        print(f"{np.mean(mae_g[name]):7.2f} {spread} g {costs}  {name:15}{settings}")
    report = {"benchmark": "accuracy_tuning", "n": arguments.n, "draws": arguments.draws, "seeds": arguments.seeds}
    report |= {"seconds": {name: round(float(np.mean(values)), 1) for name, values in seconds.items()}}
    print(json.dumps(report | {"mae_g": {name: np.round(values, 3).tolist() for name, values in mae_g.items()}}))


if __name__ == "__main__":
    main()
