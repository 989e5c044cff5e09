"""Time of the statistics at the size of the study, on one core.

    python benchmarks/evaluation_speed.py

Six models, both trainings, 1 459 development and 2 579 external people (made up, without any network).
"""

import json
import os
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import pandas as pd  # noqa: E402

from lvmass.evaluation import evaluate  # noqa: E402
from lvmass.evaluation.tables import example_predictions  # noqa: E402


def study() -> pd.DataFrame:
    """Predictions table of paper size."""
    table = example_predictions(2579)
    table = table[(table["cohort"] == "ext") | (table["subject_id"] < "dev-1459")]
    more = [table.assign(model=table["model"] + suffix) for suffix in ("", "-2", "-3")]
    return pd.concat(more, ignore_index=True)


def main() -> None:
    predictions, seconds = study(), {}
    one = example_predictions(1500).query("cohort == 'dev' and model == 'net' and training == 'pooled'")
    start = time.perf_counter()
    evaluate(one, only=["errors"])
    seconds["errors, one fit of 1 500, three groups, five metrics"] = time.perf_counter() - start
    two = example_predictions(1500).query("cohort == 'dev' and training == 'pooled'")
    start = time.perf_counter()
    evaluate(two, only=["error_differences"])
    seconds["error_differences, two models of 1 500 people, three groups"] = time.perf_counter() - start
    start = time.perf_counter()
    tables = evaluate(predictions, "net")
    seconds[f"evaluate, {len(predictions)} rows, {len(tables)} tables"] = time.perf_counter() - start
    for what, took in seconds.items():
        print(f"{took:8.2f} s  {what}")
    print(json.dumps({"benchmark": "evaluation_speed", "seconds": {k: round(v, 3) for k, v in seconds.items()}}))


if __name__ == "__main__":
    main()
