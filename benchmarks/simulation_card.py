"""The calibration card of the simulated development cohort, and its oracle.

    python benchmarks/simulation_card.py [--n 20000] [--workers 2]

Prints target, what was measured by lvmass.ecg, tolerance and whether it is met; then the best attainable MAE and AUC.
"""

from dataclasses import asdict

from simulation_tools import arguments, finish

from lvmass.cohort.simulation.card import calibration_card
from lvmass.cohort.simulation.oracle import oracle


def main() -> None:
    given = arguments(__doc__, 20_000)
    card = calibration_card(given.n, seed=given.seed, setting=given.setting, workers=given.workers)
    best = {name: round(value, 4) for name, value in asdict(oracle(setting=given.setting)).items()}
    failed = [f"{row.quantity} ({row.sex}): {row.got:.3g}" for row in card[~card["met"]].itertuples()]
    result = {"setting": given.setting, "n": given.n, "rows": len(card), "met": int(card["met"].sum())}
    finish("simulation_card", card.round(3), result | {"not_met": failed, "oracle": best})


if __name__ == "__main__":
    main()
