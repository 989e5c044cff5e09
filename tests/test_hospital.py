"""The simulated hospital's folder holds what its cohort holds, in the hospital's own words."""

from pathlib import Path

import numpy as np
import pandas as pd
from hospital import write_hospital

from lvmass.cohort import simulate_cohort
from lvmass.ecg import read_ecg


def test_people_and_ecgs_are_those_of_the_cohort(tmp_path: Path) -> None:
    assert write_hospital(tmp_path, 30, seed=4, mistakes=False).empty
    cohort = simulate_cohort(30, like="tw-cvai", seed=4)
    table = pd.read_csv(tmp_path / "subjects.csv", sep=";", decimal=",")
    np.testing.assert_allclose(table["Height (in)"][:19] * 2.54, cohort.subjects["height_cm"][:19], atol=0.13)
    for i in (0, 1, 2, 19):
        recording = read_ecg(tmp_path / table["ECG file"][i])
        np.testing.assert_allclose(recording.signal_mv, cohort.recording(i).signal_mv, atol=0.0026)
    assert table["Patient"][19] == table["Patient"][18]
    assert table["Sex"][19] == table["Sex"][18]


def test_mistakes_stand_where_they_are_said_to_stand(tmp_path: Path) -> None:
    write_hospital(tmp_path, 30, mistakes=False)
    clean = pd.read_csv(tmp_path / "subjects.csv", sep=";", dtype=str)
    planted = write_hospital(tmp_path, 30)
    table = pd.read_csv(tmp_path / "subjects.csv", sep=";", dtype=str)
    different = [(row + 2, column) for row, column in zip(*np.nonzero((clean != table).to_numpy()), strict=True)]
    named = [(row, clean.columns[column]) for row, column in different]
    assert named == list(zip(planted["row"], planted["column"], strict=True))
