"""Splits: patients and recordings stay together, strata are balanced, and inner splits know training people only."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvmass.cohort.folds import _patient_groups, assign_folds, inner_split
from lvmass.errors import DataError


def toy_people(patient_id: list[str]) -> pd.DataFrame:
    n = len(patient_id)
    lvm_g = np.random.default_rng(0).normal(110, 25, n)
    return pd.DataFrame({"patient_id": patient_id, "sex": ["male", "female"] * (n // 2), "lvm_g": lvm_g})


def test_groups_join_patients_and_equal_ecgs() -> None:
    table = pd.DataFrame({"patient_id": list("abcadee")})
    assert _patient_groups(table, list("1234567")).tolist() == [0, 1, 2, 0, 3, 4, 4]
    # b and c carry the same ECG, d and e too
    assert _patient_groups(table, ["1", "2", "2", "3", "5", "5", "6"]).tolist() == [0, 1, 1, 0, 2, 2, 2]
    with pytest.raises(ValueError, match="2 hashes for 7 rows"):
        _patient_groups(table, ["1", "2"])


def test_one_patient_and_one_ecg_never_straddle_folds() -> None:
    n = 240
    patient_id = [f"p{i // 4}" for i in range(n)]
    ecg_hash = [f"h{i}" for i in range(n)]
    ecg_hash[7] = ecg_hash[150]  # one recording under two patients' names
    folds = pd.Series(assign_folds(toy_people(patient_id), ecg_hash, n_folds=5, seed=0))
    assert all(len(set(of_patient)) == 1 for _, of_patient in folds.groupby(patient_id))
    assert folds[7] == folds[150]
    assert set(folds) == {1, 2, 3, 4, 5}


def test_people_without_a_usable_ecg_change_nobody_elses_fold() -> None:
    patient_id = [f"p{i}" for i in range(240)]
    known = [f"h{i}" for i in range(240)]
    unreadable = ["" if i % 20 == 0 else text for i, text in enumerate(known)]
    before, after = (assign_folds(toy_people(patient_id), each, n_folds=5, seed=0) for each in (known, unreadable))
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("sex", ["female", "male"])
def test_a_cohort_of_one_sex_has_folds(sex: str) -> None:
    people = toy_people([f"p{i}" for i in range(120)]).assign(sex=sex)
    ids = people["patient_id"].tolist()
    folds = assign_folds(people, ids, n_folds=5, seed=0)
    assert np.bincount(folds).tolist() == [0, 24, 24, 24, 24, 24]
    training, validation = inner_split(people, ids, np.flatnonzero(folds != 1), 0.2, seed=0)
    assert (len(training), len(validation)) == pytest.approx((77, 19), abs=2)


def test_too_few_people_for_the_folds_is_one_sentence() -> None:
    ids = [str(i) for i in range(20)]
    with pytest.raises(DataError, match="use fewer folds or more people"):
        assign_folds(toy_people(ids), ids, n_folds=5, seed=0)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), n_folds=st.integers(2, 6))
def test_folds_are_balanced_by_sex_and_mass(seed: int, n_folds: int) -> None:
    ids = [str(i) for i in range(360)]
    people = toy_people(ids)
    thirds = people.groupby("sex")["lvm_g"].transform(lambda lvm_g: pd.qcut(lvm_g, 3, labels=False))
    counts = pd.crosstab(assign_folds(people, ids, n_folds, seed), [people["sex"], thirds])
    assert counts.shape == (n_folds, 6)
    assert int((counts.max() - counts.min()).max()) <= 2  # one for each boundary person that thirds may count otherwise


def test_inner_split_holds_its_share_and_keeps_patients_together() -> None:
    patient_id = [f"p{i // 4}" for i in range(400)]
    rows = np.arange(400)[80:]
    training, validation = inner_split(toy_people(patient_id), [f"h{i}" for i in range(400)], rows, 0.15, seed=1)
    assert sorted([*training, *validation]) == list(rows)
    assert len(validation) == pytest.approx(0.15 * len(rows), abs=12)
    patients = np.array(patient_id)
    assert not set(patients[training]) & set(patients[validation])


def test_inner_split_of_few_patients() -> None:
    people = toy_people(["a"] * 12)
    with pytest.raises(DataError, match="One patient alone cannot both be trained on and choose when to stop"):
        inner_split(people, [f"h{i}" for i in range(12)], np.arange(12), 0.15, seed=0)
    people["patient_id"] = ["a"] * 6 + ["b"] * 6
    parts = inner_split(people, [f"h{i}" for i in range(12)], np.arange(12), 0.15, seed=0)
    assert [len(part) for part in parts] == [6, 6]


def test_inner_split_does_not_depend_on_the_masses_of_other_people() -> None:
    ids = [str(i) for i in range(200)]
    people, rows = toy_people(ids), np.arange(120)
    before = inner_split(people, ids, rows, 0.2, seed=3)
    people.loc[120:, "lvm_g"] = 1000.0 - people.loc[120:, "lvm_g"]
    for one, other in zip(before, inner_split(people, ids, rows, 0.2, seed=3), strict=True):
        np.testing.assert_array_equal(one, other)
