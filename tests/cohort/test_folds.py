"""Splits: patients and recordings stay together, strata are balanced, and inner splits know training people only."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvmass.cohort.folds import assign_folds, inner_split, strata_of
from lvmass.cohort.preprocessing import Beats
from lvmass.errors import DataError


def toy_beats(patient_id: list[str], ecg_hash: list[str]) -> Beats:
    n = len(patient_id)
    people = pd.DataFrame(
        {"subject_id": [str(i) for i in range(n)], "patient_id": patient_id, "sex": ["male", "female"] * (n // 2),
         "lvm_g": np.random.default_rng(0).normal(110, 25, n)}
    )  # fmt: skip
    report = pd.DataFrame({"usable": True, "ecg_hash": ecg_hash})
    return Beats(np.zeros((n, 12, 400), np.float32), np.zeros(400), people, pd.DataFrame(), report)


def test_one_patient_and_one_ecg_never_straddle_folds() -> None:
    n = 240
    patient_id = [f"p{i // 4}" for i in range(n)]
    ecg_hash = [f"h{i}" for i in range(n)]
    ecg_hash[7] = ecg_hash[150]  # one recording under two patients' names
    folds = pd.Series(assign_folds(toy_beats(patient_id, ecg_hash), n_folds=5, seed=0))
    assert all(len(set(of_patient)) == 1 for _, of_patient in folds.groupby(patient_id))
    assert folds[7] == folds[150]
    assert set(folds) == {1, 2, 3, 4, 5}


def test_too_few_people_for_the_folds_is_one_sentence() -> None:
    ids = [str(i) for i in range(20)]
    with pytest.raises(DataError, match="use fewer folds or more people"):
        assign_folds(toy_beats(ids, ids), n_folds=5, seed=0)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), n_folds=st.integers(2, 6))
def test_folds_are_balanced_by_sex_and_mass(seed: int, n_folds: int) -> None:
    ids = [str(i) for i in range(360)]
    beats = toy_beats(ids, ids)
    counts = pd.crosstab(assign_folds(beats, n_folds, seed), strata_of(beats.people))
    assert counts.shape == (n_folds, 6)
    assert int((counts.max() - counts.min()).max()) <= 1


def test_inner_split_holds_its_share_and_keeps_patients_together() -> None:
    patient_id = [f"p{i // 4}" for i in range(400)]
    beats = toy_beats(patient_id, [f"h{i}" for i in range(400)])
    rows = np.arange(400)[80:]
    training, validation = inner_split(beats, rows, 0.15, seed=1)
    assert sorted([*training, *validation]) == list(rows)
    assert len(validation) == pytest.approx(0.15 * len(rows), abs=12)
    patients = np.array(patient_id)
    assert not set(patients[training]) & set(patients[validation])


def test_inner_split_does_not_depend_on_the_masses_of_other_people() -> None:
    ids = [str(i) for i in range(200)]
    beats, rows = toy_beats(ids, ids), np.arange(120)
    before = inner_split(beats, rows, 0.2, seed=3)
    beats.people.loc[120:, "lvm_g"] = 1000.0 - beats.people.loc[120:, "lvm_g"]
    for one, other in zip(before, inner_split(beats, rows, 0.2, seed=3), strict=True):
        np.testing.assert_array_equal(one, other)
