"""Does the DeLong test reject as often as it says, and do its intervals cover?

    python benchmarks/delong_simulation.py [--pairs 2000] [--people 300]

Binormal scores with a known area; two scores of the same people correlate 0.5 within a class. The rates of 2 000 null
pairs have a standard error of 0.5 points of their own, so several seeds are shown.
"""

import argparse
import json

import numpy as np
from scipy import stats

from lvmass.evaluation.delong import auc_interval, delong_paired, delong_unpaired


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    report: dict[str, object] = {"benchmark": "delong_simulation", "pairs": args.pairs, "people": args.people}
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
