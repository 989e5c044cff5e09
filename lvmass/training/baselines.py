"""Baselines: what an estimate of LVM reaches without any waveform.

A network has to beat these before anything else is said about it (study facts, finding 3).
"""

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from lvmass.cohort.covariates import impute, sex_medians

BASELINES = ("sex-median", "linear", "ridge", "gradient-boosting")


class Predictor(Protocol):
    """What a fold's fit leaves behind, network or baseline."""

    def predict_g(self, inputs: ArrayLike, covariates: ArrayLike, device: str = "cpu") -> NDArray[np.float64]:
        """Estimate LVM in grams, shape (n,), from inputs (n, 12, n_samples) in mV and covariates (n, covariate)."""
        ...


@dataclass(frozen=True, eq=False)
class _SexMedian:
    """Everybody gets the median LVM of their sex; the first covariate is ``male``."""

    median_g: tuple[float, float]

    def predict_g(self, inputs: ArrayLike | None, covariates: ArrayLike, device: str = "cpu") -> NDArray[np.float64]:
        return np.asarray(self.median_g)[np.asarray(covariates)[:, 0].astype(int)]


@dataclass(frozen=True, eq=False)
class _Regression:
    """A pipeline of scikit-learn's on the covariates alone, times a factor that sets its level.

    What is missing is the training median of the sex; a flag says so, for covariates that training people lacked.
    """

    names: tuple[str, ...]
    medians: NDArray[np.float64]
    flagged: NDArray[np.bool_]
    pipeline: Any
    level: float = 1.0

    def complete(self, covariates: ArrayLike) -> NDArray[np.float64]:
        values = np.asarray(covariates, dtype=float)
        flags = np.isnan(values[:, self.flagged])
        return np.concatenate([impute(values, self.names, self.medians), flags], axis=1)

    def predict_g(self, inputs: ArrayLike | None, covariates: ArrayLike, device: str = "cpu") -> NDArray[np.float64]:
        return self.level * self.pipeline.predict(self.complete(covariates))


def smearing_factor(lvm_g: ArrayLike, estimated_g: ArrayLike) -> float:
    """Factor by which estimates have the mean of the true masses, both of the people who were fitted.

    ``Σ true / Σ estimated``: a fit that aims at the median of a skewed mass, such as one on the log scale or with a
    loss that grows less than the squared error, lies below the mean. After Duan's smearing estimate (JASA 1983;78:605).

    Parameters
    ----------
    lvm_g, estimated_g : array_like, shape (n,)
        True and estimated LVM in grams.

    Examples
    --------
    >>> smearing_factor([90.0, 100, 140], [90.0, 100, 110])
    1.1
    """
    return float(np.sum(lvm_g) / np.sum(estimated_g))


def fit_baseline(
    kind: str, covariates: NDArray[np.float64], lvm_g: NDArray[np.float64], names: tuple[str, ...] = ()
) -> _SexMedian | _Regression:
    """Fit a baseline.

    Parameters
    ----------
    kind : {"sex-median", "linear", "ridge", "gradient-boosting"}
        For "sex-median" the first covariate must be ``male``. "linear" is a ridge regression on the covariates alone,
        which cannot learn from both sexes what differs between them; "ridge" also reads their squares and products.
    covariates : ndarray, shape (n, n_covariates)
        Raw, NaN where missing: regressions take the training median of the sex, and a flag.
    lvm_g : ndarray, shape (n,)
        Target.
    names : tuple of str
        Of the covariates; medians are by sex where ``male`` is among them.

    Returns
    -------
    Predictor
        Its ``predict_g`` ignores the inputs.

    Raises
    ------
    ValueError
        For an unknown kind, naming the ones there are.

    Notes
    -----
    Regressions are of log LVM: LVM grows as a product of body size and the rest (allometry, study facts 6.2); the
    back-transform estimates the median, and `smearing_factor` takes it to the mean.

    Examples
    --------
    >>> male, lvm_g = np.array([[0.0], [0.0], [1.0]]), np.array([80.0, 100.0, 126.0])
    >>> fit_baseline("sex-median", male, lvm_g).predict_g(None, male)
    array([ 90.,  90., 126.])
    """
    if kind == "sex-median":
        male = covariates[:, 0].astype(bool)
        both = float(np.median(lvm_g))
        women, men = (float(np.median(lvm_g[rows])) if rows.any() else both for rows in (~male, male))
        return _SexMedian((women, men))
    if kind not in BASELINES:
        raise ValueError(f"There is no baseline '{kind}'; there are {', '.join(BASELINES)}.")
    if kind in ("linear", "ridge"):
        regression: Any = make_pipeline(
            StandardScaler(),
            *((PolynomialFeatures(2, include_bias=False), StandardScaler()) if kind == "ridge" else ()),
            RidgeCV(alphas=np.logspace(-1, 4, 21)),
        )
    else:
        # shallow trees and a slow rate, usual for some hundred people; not tuned. Above 10 000 people it would stop
        # early on a split of its own, which knows no patients.
        regression = HistGradientBoostingRegressor(
            max_iter=150, learning_rate=0.05, max_leaf_nodes=8, early_stopping=False, random_state=0
        )
    pipeline = TransformedTargetRegressor(regression, func=np.log, inverse_func=np.exp)
    flagged = np.asarray(np.isnan(covariates).any(axis=0))
    model = _Regression(names, sex_medians(covariates, names), flagged, pipeline)
    pipeline.fit(model.complete(covariates), lvm_g)
    return replace(model, level=smearing_factor(lvm_g, model.predict_g(None, covariates)))
