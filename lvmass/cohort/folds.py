"""Splits by patient: test folds, and the inner split that decides when training stops."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold

from lvmass.errors import DataError

Hashes = Sequence[str] | NDArray[np.str_] | NDArray[np.object_]


def assign_folds(subjects: pd.DataFrame, ecg_hash: Hashes, n_folds: int, seed: int) -> NDArray[np.int64]:
    """Test fold of each row of a cohort, whether its ECG is usable or not.

    Folds belong to the cohort: drawn among everybody, they are the same for every beat setting. Several ECGs of one
    patient, and identical ECGs under different names, share a fold; folds are balanced by sex and by thirds of LVM
    within sex.

    Parameters
    ----------
    subjects : DataFrame
        The cohort's table, everybody: ``patient_id, sex, lvm_g``.
    ecg_hash : sequence of str, shape (n,)
        A hash of each row's ECG, ``""`` where there is none.
    n_folds : int
        How many folds.
    seed : int
        Of the assignment.

    Returns
    -------
    ndarray of int, shape (n,)
        Fold numbers 1 to ``n_folds``.

    Raises
    ------
    DataError
        If there are fewer patients than folds in some stratum.

    Examples
    --------
    >>> ids = [f"p{i}" for i in range(60)]
    >>> people = pd.DataFrame({"patient_id": ids, "sex": ["female", "male"] * 30, "lvm_g": np.arange(60.0)})
    >>> folds = assign_folds(people, ids, n_folds=3, seed=1)
    >>> len(folds), sorted(set(folds.tolist()))
    (60, [1, 2, 3])
    """
    strata, groups = _strata(subjects), _patient_groups(subjects, ecg_hash)
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


def inner_split(
    subjects: pd.DataFrame, ecg_hash: Hashes, rows: NDArray[np.int64], fraction: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split training people into those that are fitted and those that decide when to stop.

    Parameters
    ----------
    subjects, ecg_hash
        As :func:`assign_folds` takes them, everybody.
    rows : ndarray of int, shape (n_training,)
        The training people among them; strata are made from their masses alone.
    fraction : float
        Share of them that decides.
    seed : int
        Of the split.

    Returns
    -------
    training, validation : ndarray of int
        Rows; no patient and no ECG stands in both.

    Raises
    ------
    DataError
        If all of them are one patient.

    Examples
    --------
    >>> ids = [f"p{i}" for i in range(60)]
    >>> people = pd.DataFrame({"patient_id": ids, "sex": ["female", "male"] * 30, "lvm_g": np.arange(60.0)})
    >>> training, validation = inner_split(people, ids, np.arange(30), 0.2, seed=1)
    >>> len(training) + len(validation), len(set(training) & set(validation))
    (30, 0)
    """
    strata, groups = _strata(subjects.iloc[rows]), _patient_groups(subjects, ecg_hash)[rows]
    if len(set(groups)) < 2:
        raise DataError("One patient alone cannot both be trained on and choose when to stop; add people.")
    parts = min(round(1 / fraction), np.unique(strata, return_counts=True)[1].min())  # each stratum reaches each part
    splitter = StratifiedGroupKFold(min(max(2, parts), len(set(groups))), shuffle=True, random_state=seed)
    training, validation = next(splitter.split(rows, strata, groups))
    return rows[training], rows[validation]


def _strata(people: pd.DataFrame) -> NDArray[np.str_]:
    """Sex and the third of LVM within it, among the people given."""
    third = people.groupby("sex")["lvm_g"].rank(pct=True).mul(3).clip(upper=2.999).astype(int)
    return (people["sex"].astype(str) + third.astype(str)).to_numpy(dtype=str)


def _patient_groups(subjects: pd.DataFrame, ecg_hash: Hashes) -> NDArray[np.int64]:
    """Group rows that must stay on one side of every split.

    Parameters
    ----------
    subjects : DataFrame
        With ``patient_id``.
    ecg_hash : sequence of str, shape (n,)
        A hash of each row's ECG; rows with equal ECGs are grouped even if their patients differ. Rows with ``""``,
        whose ECG cannot be read, have none in common.

    Returns
    -------
    ndarray of int64, shape (n,)
        Group ids: rows linked by a patient or by an ECG, directly or through others, share one.

    Examples
    --------
    >>> people = pd.DataFrame({"patient_id": ["a", "b", "a", "c"]})
    >>> _patient_groups(people, ["1", "2", "2", "3"]).tolist()
    [0, 0, 0, 1]
    """
    n = len(subjects)
    if len(ecg_hash) != n:
        raise ValueError(f"{len(ecg_hash)} hashes for {n} rows")
    # patients and ECGs are the nodes of a graph and rows its edges; its connected parts are the groups
    patient = pd.factorize(subjects["patient_id"])[0]
    own = [text or row for row, text in enumerate(ecg_hash)]
    ecg = pd.factorize(np.asarray(own, dtype=object))[0] + n
    graph = coo_matrix((np.ones(n), (patient, ecg)), shape=(2 * n, 2 * n))
    labels = connected_components(graph, directed=False)[1][patient]
    return pd.factorize(labels)[0].astype(np.int64)
