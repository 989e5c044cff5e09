"""Does the DeLong test reject as often as it says, and do its intervals cover?

    python benchmarks/delong_simulation.py [--pairs 2000] [--people 300] [--only-clusters]

Binormal scores with a known area; two scores of the same people correlate 0.5 within a class. The rates of 2 000 null
pairs have a standard error of 0.5 points of their own, so several seeds are shown.

Then patients with several ECGs that correlate 0.95 within a patient: coverage of 95 % intervals of an area and of a
mean absolute error by DeLong for clusters, by bootstraps over patients, and as if every ECG were of another patient.
"""

import argparse
import json

import numpy as np
import pandas as pd
from scipy import stats

from lvmass.evaluation.delong import auc_interval, delong_paired, delong_unpaired
from lvmass.evaluation.errors import over_people
from lvmass.evaluation.results import At


def shift(auc: float) -> float:
    """Difference of two unit normals with this area."""
    return float(np.sqrt(2) * stats.norm.ppf(auc))


def scores(
    rng: np.random.Generator, n: int, prevalence: float, auc: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcome and two equally good, correlated scores."""
    y = np.arange(n) < round(n * prevalence)
    noise = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], n)
    return y, noise[:, 0] + shift(auc) * y, noise[:, 1] + shift(auc) * y


def bootstrap_limits_auc(
    rng: np.random.Generator, y: np.ndarray, score: np.ndarray, whose: np.ndarray, n_resamples: int = 499
) -> tuple[float, float]:
    """Percentile bootstrap over patients: a resample is a weight of each, the area a quadratic form in the weights."""
    n = int(whose.max()) + 1
    of_positive, of_negative = np.eye(n)[whose[y]], np.eye(n)[whose[~y]]
    kernel = of_positive.T @ (score[y][:, None] > score[~y]) @ of_negative
    weights = rng.multinomial(n, np.full(n, 1 / n), size=n_resamples).astype(float)
    pairs = (weights @ of_positive.sum(axis=0)) * (weights @ of_negative.sum(axis=0))
    low, high = np.quantile(((weights @ kernel) * weights).sum(axis=1) / pairs, [0.025, 0.975])
    return float(low), float(high)


def cluster_coverage(
    samples: int, patients: int, rho: float = 0.95, truth: float = 0.75
) -> dict[str, dict[str, float]]:
    """Coverage by the number of ECGs a patient has."""
    report = {}
    for name, numbers in (("1", (1, 1)), ("2", (2, 2)), ("3", (3, 3)), ("4", (4, 4)), ("1 to 4", (1, 4))):
        rng, inside = np.random.default_rng(7), dict.fromkeys(("clusters", "bootstrap", "mae by patient", "ignored"), 0)
        for _ in range(samples):
            whose = np.repeat(np.arange(patients), rng.integers(numbers[0], numbers[1] + 1, patients))
            y = whose % 4 == 0
            common, own = rng.normal(size=patients)[whose], rng.normal(size=whose.size)
            noise = np.sqrt(rho) * common + np.sqrt(1 - rho) * own
            score = noise + shift(truth) * y
            limits = {
                "clusters": auc_interval(y, score, method="logit", cluster=whose)[1:],
                "ignored": auc_interval(y, score, method="logit")[1:],
                "bootstrap": bootstrap_limits_auc(rng, y, score, whose),
            }
            people = pd.DataFrame({"lvm_g": 100.0, "predicted_lvm_g": 100 + noise, "patient_id": whose})
            error = over_people(people, At("all", people, {}, 499, int(rng.integers(2**31))))[0]
            limits["mae by patient"] = error["ci_low"], error["ci_high"]
            for method, (low, high) in limits.items():
                inside[method] += low <= (np.sqrt(2 / np.pi) if method == "mae by patient" else truth) <= high
        report[name] = {method: count / samples for method, count in inside.items()}
        print(f"  {name:<7} ECGs a patient   " + "   ".join(f"{m} {share:.4f}" for m, share in report[name].items()))
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only-clusters", action="store_true")
    args = parser.parse_args()
    report: dict[str, object] = {"benchmark": "delong_simulation", "pairs": args.pairs, "people": args.people}
    print(f"coverage of 95 % intervals, {args.pairs} samples of {args.people} patients with several ECGs")
    report["clusters"] = cluster_coverage(args.pairs, args.people)
    if args.only_clusters:
        print(json.dumps(report))
        return
    print(
        f"rejections at 5 %, {args.pairs} null pairs of {args.people} people, area 0.75, a quarter with the condition"
    )
    rates: dict[str, list[float]] = {"paired": [], "unpaired, t": [], "unpaired, normal": []}
    for seed in range(args.seeds):
        rng, found = np.random.default_rng(seed), np.zeros(3)
        for _ in range(args.pairs):
            y, a, b = scores(rng, args.people, 0.25, 0.75)
            _, other, _ = scores(rng, args.people, 0.25, 0.75)
            unpaired = delong_unpaired(y, a, y, other)
            assert unpaired.p_value_normal is not None
            found += np.array([delong_paired(y, a, b).p_value, unpaired.p_value, unpaired.p_value_normal]) < 0.05
        for name, count in zip(rates, found, strict=True):
            rates[name].append(float(count / args.pairs))
    for name, values in rates.items():
        print(f"  {name:<17} mean {np.mean(values):.4f}   by seed {' '.join(f'{v:.4f}' for v in values)}")
        report[name] = {"mean": round(float(np.mean(values)), 5), "by_seed": [round(v, 5) for v in values]}
    print(f"coverage of 95 % intervals, {args.pairs} samples of {args.people} people")
    for auc in (0.60, 0.75, 0.85, 0.95):
        rng, inside = np.random.default_rng(100), {"plain": 0, "logit": 0}
        for _ in range(args.pairs):
            y, a, _ = scores(rng, args.people, 0.25, auc)
            for method in ("plain", "logit"):
                _, low, high = auc_interval(y, a, method=method)
                inside[method] += low <= auc <= high
        shares = {method: count / args.pairs for method, count in inside.items()}
        print(f"  area {auc:.2f}         plain {shares['plain']:.4f}   logit {shares['logit']:.4f}")
        report[f"coverage_{auc:.2f}"] = shares
    print(json.dumps(report))


if __name__ == "__main__":
    main()
