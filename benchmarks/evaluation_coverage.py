"""Coverage of 95 % intervals of O/E, Brier skill and differences of net benefit, in people like those of the paper.

    python benchmarks/evaluation_coverage.py [--n 1459] [--cohorts 1000] [--bootstrap 999]

People have a chance of LVH by their index, two models know parts of it, and a criterion says yes or no. Both models'
probabilities are learnt once, in people of their own, and kept; then cohorts are drawn, and each interval either holds
the value that a million people give, or does not.
"""

import argparse
import json

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from lvmass.evaluation.calibration import _calibrated
from lvmass.evaluation.decision import _benefit_differences
from lvmass.evaluation.results import At


def people(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """LVH, the scores of two models, and what a criterion says."""
    score, other = rng.normal(size=(2, n))
    hidden = 0.8 * score + 0.4 * other + 0.9 * rng.normal(size=n)
    table = pd.DataFrame({"lvh": hidden > 1.6, "score": score, "weaker": 0.5 * score + other})
    return table.assign(criterion=(0.5 * hidden + rng.normal(size=n) > 1.9).astype(float))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1459)
    parser.add_argument("--cohorts", type=int, default=1000)
    parser.add_argument("--bootstrap", type=int, default=999)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    known = people(args.n, rng)
    fits = {name: LogisticRegression(C=np.inf).fit(known[[name]], known["lvh"]) for name in ("score", "weaker")}

    def found(n: int, n_resamples: int) -> dict[str, tuple[float, float, float]]:
        """Estimate and limits of each quantity in new people."""
        table = people(n, rng)
        table["patient_id"] = np.arange(n)
        p = {name: fit.predict_proba(table[[name]])[:, 1] for name, fit in fits.items()}
        table, at = (
            table.assign(lvh_probability=p["score"]),
            At("all", table, {}, n_resamples, int(rng.integers(2**31))),
        )
        row, rows = _calibrated(table, at), dict[str, tuple[float, float, float]]()
        for name in ("slope", "intercept", "observed_over_expected", "brier", "brier_skill"):
            rows[name] = tuple(row[f"{name}{end}"] for end in ("", "_ci_low", "_ci_high"))
        for against, other in (("weaker model", p["weaker"]), ("criterion", table["criterion"].to_numpy())):
            for each in _benefit_differences(table.assign(other=other), at):
                key = f"net benefit at {each['threshold']:.2f} against {against}"
                rows[key] = (each["difference"], each.get("ci_low", np.nan), each.get("ci_high", np.nan))
        return rows

    truth = {name: value for name, (value, *_) in found(1_000_000, 1).items()}
    drawn = [found(args.n, args.bootstrap) for _ in range(args.cohorts)]
    held = {name: float(np.mean([row[name][1] < truth[name] < row[name][2] for row in drawn])) for name in truth}
    print(f"coverage in {args.cohorts} cohorts of {args.n}, {known['lvh'].mean():.1%} with LVH")
    for name, share in held.items():
        print(f"  {name:<45} {truth[name]:8.4f} {100 * share:5.1f} %")
    print(json.dumps({"benchmark": "evaluation_coverage", "n": args.n, "cohorts": args.cohorts, "coverage": held}))


if __name__ == "__main__":
    main()
