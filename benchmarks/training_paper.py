"""A whole study, timed: every fold, model, sex and the external cohort, with its peak memory and its errors.

    python benchmarks/training_paper.py [--study FILE] [--gpu] [--reference MODEL ...] [--results FOLDER]
        [--cache FOLDER]

On two cores the study file is run as it is. With --gpu its fits run on a GPU, several at once, and LVM-AI-style reads
500 Hz. The cache is a new folder, so that nothing is reused. With --results the tables of errors are written there.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path

import joblib
import pandas as pd
import psutil  # type: ignore[import-untyped]

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lvmass.evaluation import evaluate
from lvmass.report.errors import costs
from lvmass.study.settings import StudyConfig, read_study_file
from lvmass.study.study import Study
from lvmass.training.settings import MachineConfig

SAVED = ("errors", "errors_by_fold", "c_statistics", "training_comparison", "model_comparison")
ROOT = Path(__file__).resolve().parents[1]


class PeakMemory(threading.Thread):
    """Highest memory of this process and its workers together, in GB; what they share counts once."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_gb = 0.0

    def run(self) -> None:
        """Look once a second."""
        while True:
            me, total = psutil.Process(), 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    continue  # it ended
            self.peak_gb = max(self.peak_gb, total / 1024**3)
            time.sleep(1)


def on_gpu(config: StudyConfig, processes: int) -> StudyConfig:
    """Return the same study with its fits on a GPU and recordings at 500 Hz."""
    models = dict(config.models)
    for name, model in models.items():
        if model.estimator == "lvm-ai":
            models[name] = model.model_copy(update={"arguments": model.arguments | {"kernel": 71}})
    machine = MachineConfig(accelerator="gpu")
    update = {"models": models, "machine": machine, "signal_rate_hz": 500.0, "workers": processes}
    return config.model_copy(update=update)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, default=ROOT / "book" / "studies" / "paper.toml")
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--processes", type=int, default=12, help="fits at once on the GPU")
    parser.add_argument("--results", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--reference", nargs="+", default=["elvmass-net"], help="models that others are compared with")
    arguments = parser.parse_args()
    config = read_study_file(arguments.study)
    if arguments.gpu:
        config = on_gpu(config, arguments.processes)
    memory = PeakMemory()
    memory.start()
    with tempfile.TemporaryDirectory() as folder:
        cache = str((arguments.cache or Path(folder)).absolute())
        study = Study(config.model_copy(update={"cache_dir": cache}), arguments.study)
        marks = [("start", time.perf_counter())]
        for name in study.cohort_names():
            study.beats(name)
        marks.append(("beats", time.perf_counter()))
        predictions = study.predictions()
        marks.append(("fits", time.perf_counter()))
        tables = [predictions]
        if config.external is not None:
            tables.append(study.external())
            marks.append(("external", time.perf_counter()))
        cost = costs(study)
        gap = study.results()["gap"] if config.gap.repeats else None  # of a study that is there to take it apart
    seconds = {name: round(end - begin, 1) for (_, begin), (name, end) in pairwise(marks)}
    minutes = (marks[-1][1] - marks[0][1]) / 60
    workers = config.workers or joblib.cpu_count()
    table = pd.concat(tables)
    tables_of = evaluate(table, arguments.reference[0], n_resamples=config.bootstrap, only=SAVED)
    if gap is not None:
        tables_of["gap"] = gap
    errors = tables_of["errors"]
    # every line, sex-specific ones too, against each pooled reference
    alone = predictions.groupby("model")["training"].transform("nunique") == 1
    pooled = alone | (predictions["training"] == "pooled")
    line = predictions["model"].where(pooled, predictions["model"] + " (sex-specific)")
    lines = predictions.assign(model=line, training="pooled")
    name = "error_differences"
    found = [evaluate(lines, each, n_resamples=config.bootstrap, only=[name])[name] for each in arguments.reference]
    differences = pd.concat(found, ignore_index=True)
    mae = errors.query("metric == 'mae_g' and sex == 'all'")
    print(mae[["cohort", "model", "training", "estimate", "ci_low", "ci_high"]].round(2).to_string(index=False))
    shown = ["model_a", "model_b", "difference_g", "ci_low", "ci_high", "p_holm"]
    print(differences.query("sex == 'all'")[shown].round(4).to_string(index=False))
    print(cost.round(1).to_string(index=False))
    print(f"{minutes:.1f} min with {workers} processes ({', '.join(f'{k} {v} s' for k, v in seconds.items())})")
    print(f"peak memory of all processes together: {memory.peak_gb:.2f} GB")
    if arguments.results is not None:
        arguments.results.mkdir(parents=True, exist_ok=True)
        for old in arguments.results.glob("*.csv"):
            old.unlink()
        for name, each in tables_of.items():
            each.to_csv(arguments.results / f"{name}.csv", index=False)
        differences.to_csv(arguments.results / "differences.csv", index=False)
        cost.to_csv(arguments.results / "costs.csv", index=False)
        about = {"study": arguments.study.name, "fingerprint": study.fingerprint, "minutes": round(minutes, 1)}
        about |= {"people": [int(t["subject_id"].nunique()) for t in tables], "gpu": arguments.gpu}
        about |= {
            "setting": config.development.setting,
            "signal_rate_hz": config.signal_rate_hz,
            "simulated": study.simulated,
        }
        (arguments.results / "about.json").write_text(json.dumps(about, indent=2) + "\n")
    report = {"benchmark": "training_paper", "study": config.name, "gpu": arguments.gpu, "minutes": round(minutes, 2)}
    report |= {"seconds": seconds, "peak_gb": round(memory.peak_gb, 2)}
    own = mae[mae["cohort"] == "development"]
    report["mae_g"] = {
        f"{m} ({t})": round(v, 2) for m, t, v in own[["model", "training", "estimate"]].itertuples(index=False)
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
