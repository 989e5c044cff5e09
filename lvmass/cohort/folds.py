"""Splits by patient: test folds, and the inner split that decides when training stops."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from lvmass.cohort.manifest import patient_groups
from lvmass.cohort.preprocessing import Beats
from lvmass.errors import DataError


def assign_folds(beats: Beats, n_folds: int, seed: int) -> NDArray[np.int64]:
    """Test fold of each usable person.

    Several ECGs of one patient, and identical ECGs under different names, share a fold; folds are balanced by
    sex and by thirds of LVM within sex.

    Parameters
    ----------
    beats : Beats
        Of the development cohort.
    n_folds : int
        How many folds.
    seed : int
        Of the assignment.

    Returns
    -------
    ndarray of int, shape (n_usable,)
        Fold numbers 1 to ``n_folds``.

    Raises
    ------
    DataError
        If there are fewer patients than folds in some stratum.
    """
    strata, groups = strata_of(beats.people), patient_groups_of(beats)
    smallest = min(len(set(groups[strata == stratum])) for stratum in set(strata))
    if smallest < n_folds:
        raise DataError(
            f"{n_folds} folds need {n_folds} patients in every third of LVM of each sex, but one has {smallest}; "
            "use fewer folds or more people."
        )
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    folds = np.zeros(len(strata), dtype=np.int64)
    for number, (_, test) in enumerate(splitter.split(strata, strata, groups), start=1):
        folds[test] = number
    return folds


def strata_of(people: pd.DataFrame) -> NDArray[np.str_]:
    """Sex and the third of LVM within it, among the people given."""
    third = people.groupby("sex")["lvm_g"].rank(pct=True).mul(3).clip(upper=2.999).astype(int)
    return (people["sex"].astype(str) + third.astype(str)).to_numpy(dtype=str)


def patient_groups_of(beats: Beats) -> NDArray[np.int64]:
    """Group number of each usable person: one patient, or one and the same ECG."""
    hashes = beats.report.loc[beats.report["usable"], "ecg_hash"]
    return patient_groups(beats.people, hashes.tolist())


def inner_split(
    beats: Beats, rows: NDArray[np.int64], fraction: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split training people into those that are fitted and those that decide when to stop."""
    strata = strata_of(beats.people.iloc[rows])  # thirds of these alone: the test fold's masses stay unknown
    parts = min(round(1 / fraction), np.unique(strata, return_counts=True)[1].min())  # each stratum reaches each part
    splitter = StratifiedGroupKFold(max(2, parts), shuffle=True, random_state=seed)
    training, validation = next(splitter.split(rows, strata, patient_groups_of(beats)[rows]))
    return rows[training], rows[validation]
