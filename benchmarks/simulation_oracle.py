"""The oracle: how well LVM could be estimated from these ECGs at best.

It does not read ECGs but the noise-free drivers that mass moves in them, beside demographics. What remains is
the part of LVM that the simulator keeps out of the ECG, and the error of the label.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import sem
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lvmass.cohort.schema import LVH_CUTOFF_G_M2
from lvmass.cohort.simulation.cohort import SimulatedSource
from lvmass.cohort.simulation.constants import SETTINGS, SITES
from lvmass.cohort.simulation.drivers import DRIVERS, Couplings

_FOLDS = 5
_OTHERS = 1_000_003


@dataclass(frozen=True)
class Oracle:
    """Best attainable performance; standard errors are over people (MAE) and over folds (AUC, R²).

    Parameters
    ----------
    n : int
        People.
    mae_g, mae_se_g : float
        Mean absolute error with the ECG's drivers.
    demographics_mae_g : float
        The same without an ECG.
    auc, auc_se : float
        For LVH by the primary cut-offs.
    partial_r2, partial_r2_se : float
        Share that the drivers explain of the variance that demographics leave.
    """

    n: int
    mae_g: float
    mae_se_g: float
    demographics_mae_g: float
    auc: float
    auc_se: float
    partial_r2: float
    partial_r2_se: float


def oracle(n: int = 100_000, *, setting: str = "published", couplings: Couplings | None = None) -> Oracle:
    """Estimate the best attainable MAE and AUC of people like the development cohort's, cross-fitted.

    Parameters
    ----------
    n : int
        People, of a seed that no cohort has that is studied.
    setting : {"published", "literature"}
        Of the simulator.
    couplings : Couplings, optional
        Open paths from mass to the ECG.

    Returns
    -------
    Oracle

    Examples
    --------
    >>> best = oracle(4000)
    >>> best.mae_g < best.demographics_mae_g
    True
    """
    demographics, drivers, lvm_g, index = _drawn(n, "tw-cvai", _OTHERS, setting, couplings or Couplings())
    both = np.concatenate([demographics, drivers], axis=1)
    without, with_ecg, aucs, gains = np.empty(n), np.empty(n), [], []
    for train, test in KFold(_FOLDS, shuffle=True, random_state=0).split(both):
        without[test] = _estimate(demographics[train], lvm_g[train], demographics[test])
        with_ecg[test] = _estimate(both[train], lvm_g[train], both[test])
        lvh = index[test] * lvm_g[test] > 1.0
        aucs.append(roc_auc_score(lvh, index[test] * with_ecg[test]))
        gains.append(1.0 - np.mean((lvm_g - with_ecg)[test] ** 2) / np.mean((lvm_g - without)[test] ** 2))
    error = np.abs(lvm_g - with_ecg)
    return Oracle(
        n=n,
        mae_g=float(error.mean()),
        mae_se_g=sem(error),
        demographics_mae_g=float(np.abs(lvm_g - without).mean()),
        auc=float(np.mean(aucs)),
        auc_se=sem(aucs),
        partial_r2=float(np.mean(gains)),
        partial_r2_se=sem(gains),
    )


def oracle_estimates(n: int, *, like: str, seed: int, setting: str, learn_from: int = 100_000) -> NDArray[np.float64]:
    """Estimate LVM of a cohort's people from what their ECG carries, learnt from other people of the site.

    Parameters
    ----------
    n, like, seed, setting
        The cohort, as `lvmass.cohort.simulate_cohort` takes it.
    learn_from : int
        People of another seed.

    Returns
    -------
    ndarray, shape (n,)
        In grams; a network's error on the same people may be held against theirs.

    Examples
    --------
    >>> oracle_estimates(3, like="tw-cvai", seed=1, setting="published", learn_from=2000).shape
    (3,)
    """
    demographics, drivers, lvm_g, _ = _drawn(learn_from, like, seed + _OTHERS, setting, Couplings())
    own_demographics, own_drivers, _, _ = _drawn(n, like, seed, setting, Couplings())
    known = np.concatenate([demographics, drivers], axis=1)
    return _estimate(known, lvm_g, np.concatenate([own_demographics, own_drivers], axis=1))


def _drawn(n: int, like: str, seed: int, setting: str, couplings: Couplings) -> tuple[NDArray[np.float64], ...]:
    """Demographics, drivers, labels, and one over (body surface times cut-off), of n people."""
    people = SimulatedSource(SITES[like], seed, couplings, SETTINGS[setting]).people(n)
    demographics = np.column_stack([people[name] for name in ("men", "age_years", "height_cm", "weight_kg", "bsa_m2")])
    cutoff = np.where(people["men"], LVH_CUTOFF_G_M2["male"], LVH_CUTOFF_G_M2["female"])
    drivers = np.column_stack([people[name] for name in DRIVERS])
    return demographics, drivers, people["lvm_g"], 1.0 / (people["bsa_m2"] * cutoff)


def _estimate(x: NDArray[np.float64], lvm_g: NDArray[np.float64], new: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear on log mass, which is how the ventricle is made, then boosted trees on what is left, in grams."""
    linear = LinearRegression().fit(x, np.log(lvm_g))
    first, start = np.exp(linear.predict(x)), np.exp(linear.predict(new))
    trees = HistGradientBoostingRegressor(
        loss="absolute_error", max_iter=100, learning_rate=0.05, max_leaf_nodes=8, random_state=0
    )
    return np.asarray(
        start + trees.fit(np.column_stack([x, first]), lvm_g - first).predict(np.column_stack([new, start]))
    )
