"""A page of 20 real normal ECGs and 20 simulated ones, matched in sex and age, shuffled and unlabelled.

    LVMASS_REAL_ECG=FOLDER python benchmarks/simulation_page.py --out FOLDER_FOR_THE_PAGE

Each panel shows 2.5 s of each lead, in the order of a printed ECG. The key is printed: which panels are real. Real ECGs
are not to be published from here: give a folder outside the repository.
"""

import json

import matplotlib.pyplot as plt
import numpy as np
from simulation_tools import arguments, healthy_rows, like_in_age, ptb_xl_like, ptbxl

from lvmass.ecg import LEADS, Recording, read_ecg

EACH, COLUMNS, SECONDS, APART_MV = 20, 5, 2.5, 2.2
PRINTED = [["I", "aVR", "V1", "V4"], ["II", "aVL", "V2", "V5"], ["III", "aVF", "V3", "V6"]]


def draw(axis: plt.Axes, recording: Recording, number: int) -> None:
    """Draw one ECG on one pair of axes."""
    shown = round(SECONDS * recording.sampling_rate_hz)
    seconds = np.arange(shown) / recording.sampling_rate_hz
    for row, leads in enumerate(PRINTED):
        for column, lead in enumerate(leads):
            lead_mv = recording.signal_mv[LEADS.index(lead), shown : 2 * shown]
            axis.plot(seconds + column * SECONDS, lead_mv - np.median(lead_mv) - row * APART_MV, "k", lw=0.5)
    axis.set(ylim=(-2.6 * APART_MV, 0.9 * APART_MV), xlim=(0, 4 * SECONDS), title=str(number))
    axis.set_axis_off()


def main() -> None:
    given = arguments(__doc__, 3000)
    random = np.random.default_rng(given.seed)
    people = ptbxl()
    normal = people[people["normal"] & ~people["lvh"]]
    chosen = normal.iloc[random.choice(len(normal), EACH, replace=False)]
    cohort = ptb_xl_like(given.n, given.seed, given.setting)
    healthy = healthy_rows(cohort)
    rows = healthy[like_in_age(chosen, cohort.subjects.iloc[healthy], 1, given.seed)][:EACH]
    ecgs = [(True, read_ecg(path)) for path in chosen["path"]] + [(False, cohort.recording(int(i))) for i in rows]
    order = random.permutation(len(ecgs))
    figure, axes = plt.subplots(-(-len(ecgs) // COLUMNS), COLUMNS, figsize=(26, 30), layout="constrained")
    for number, (axis, k) in enumerate(zip(axes.flat, order, strict=False), start=1):
        draw(axis, ecgs[k][1], number)
    path = given.out / "simulation_page.png"
    figure.savefig(path, dpi=75)
    real = [number for number, k in enumerate(order, start=1) if ecgs[k][0]]
    print(f"The page is {path}.")
    print(json.dumps({"benchmark": "simulation_page", "panels": len(ecgs), "real": real}))


if __name__ == "__main__":
    main()
