"""DeLong against pROC: the 36 comparisons of real ECG networks, and the unpaired test by a live pROC.

    LVMASS_REAL_ECG=FOLDER python benchmarks/delong_reference.py [--rscript RSCRIPT_WITH_PROC]

FOLDER holds delong/; without the variable it is ../shared/data beside the checkout.
"""

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from lvmass.evaluation.delong import auc_interval, delong_paired, delong_unpaired

REFERENCE = Path(os.environ.get("LVMASS_REAL_ECG", Path(__file__).parents[2] / "shared" / "data")) / "delong"

UNPAIRED = """
suppressMessages(library(pROC))
s <- read.csv(commandArgs(TRUE)[1], check.names = FALSE)
e <- read.csv(commandArgs(TRUE)[2], check.names = FALSE)
for (i in seq_len(nrow(e))) {
  y <- s[[paste0("y.", e$label[i])]]
  men <- s$sex == "M"
  a <- roc(y[men], s[[e$score_a[i]]][men], levels = c(0, 1), direction = "<", quiet = TRUE)
  b <- roc(y, s[[e$score_b[i]]], levels = c(0, 1), direction = "<", quiet = TRUE)
  t <- roc.test(a, b, method = "delong", paired = FALSE)
  cat(format(c(t$statistic, t$parameter, t$p.value), digits = 17), "\\n")
}
"""


def relative(ours: float, theirs: float) -> float:
    """Relative difference; absolute where the reference is 0."""
    return abs(ours - theirs) / abs(theirs) if theirs else abs(ours)


def unpaired_by_r(rscript: str) -> np.ndarray:
    """Statistic, degrees of freedom and p value of men against everyone, one row a comparison."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "peer.R"
        script.write_text(UNPAIRED)
        files = [str(REFERENCE / name) for name in ("code_test_scores.csv", "code_test_expected.csv")]
        out = subprocess.run([rscript, str(script), *files], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in out.splitlines()]
    return np.array([row for row in rows if len(row) == 3], dtype=float)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rscript", help="Rscript that has pROC")
    args = parser.parse_args()
    expected, scores = (pd.read_csv(REFERENCE / f"code_test_{name}.csv") for name in ("expected", "scores"))
    worst: dict[str, float] = {}

    def note(name: str, ours: float, theirs: float) -> None:
        worst[name] = max(worst.get(name, 0.0), relative(ours, theirs))

    for row in expected.to_dict(orient="records"):
        y, a, b = (scores[name].to_numpy() for name in (f"y.{row['label']}", row["score_a"], row["score_b"]))
        result = delong_paired(y, a, b)
        for name in ("auc_a", "auc_b", "z"):
            note(name, getattr(result, name), row[name])
        note("variance", result.variance_a, row["var_a"])
        note("variance", result.variance_b, row["var_b"])
        note("covariance", result.covariance, row["cov_ab"])
        note("p", result.p_value, row["p_two_sided"])
        note("difference_interval", result.ci_low, row["diff_ci95_low"])
        note("difference_interval", result.ci_high, row["diff_ci95_high"])
        for which, score in (("a", a), ("b", b)):
            _, low, high = auc_interval(y, score)
            note("auc_interval", low, row[f"auc_{which}_ci95_low"])
            note("auc_interval", high, row[f"auc_{which}_ci95_high"])
    report: dict[str, object] = {"benchmark": "delong_reference", "comparisons": len(expected)}
    if args.rscript:
        theirs, compared = unpaired_by_r(args.rscript), 0
        for row, (statistic, df, p) in zip(expected.to_dict(orient="records"), theirs, strict=True):
            men = (scores["sex"] == "M").to_numpy()
            y, a, b = (scores[name].to_numpy() for name in (f"y.{row['label']}", row["score_a"], row["score_b"]))
            unpaired = delong_unpaired(y[men], a[men], y, b)
            if not np.isfinite(statistic) or unpaired.df is None:
                continue  # two areas of 1: pROC gives no number
            compared += 1
            note("unpaired_statistic", unpaired.z, statistic)
            note("unpaired_df", unpaired.df, df)
            note("unpaired_p", unpaired.p_value, p)
        report["unpaired_comparisons"] = compared
    print(f"{'quantity':<22} largest relative difference")
    for name, value in worst.items():
        print(f"{name:<22} {value:.1e}")
    print(json.dumps(report | {"largest_relative_difference": worst}))


if __name__ == "__main__":
    main()
