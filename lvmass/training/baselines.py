"""Floors: what an estimate of LVM reaches without any waveform.

A network has to beat these before anything else is said about it (study facts, finding 3).
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

FLOORS = ("sex-median", "ridge", "gradient-boosting")


class Predictor(Protocol):
    """What a fold's fit leaves behind, network or floor."""

    def predict_g(self, inputs: ArrayLike, covariates: ArrayLike) -> NDArray[np.float64]:
        """Estimate LVM in grams."""
        ...


@dataclass(frozen=True, eq=False)
class SexMedian:
    """Everybody gets the median LVM of their sex; the first covariate is ``male``."""

    median_g: tuple[float, float]

    def predict_g(self, inputs: ArrayLike | None, covariates: ArrayLike) -> NDArray[np.float64]:
        """Estimate LVM in grams."""
        return np.asarray(self.median_g)[np.asarray(covariates)[:, 0].astype(int)]


@dataclass(frozen=True, eq=False)
class Regression:
    """Regression of log LVM on covariates: ridge on them, their squares and products, or gradient boosting.

    LVM grows as a product of body size and the rest (allometry, study facts 6.2), hence the logarithm; the
    back-transform estimates the median, which is what an absolute error asks for.
    """

    pipeline: Any

    def predict_g(self, inputs: ArrayLike | None, covariates: ArrayLike) -> NDArray[np.float64]:
        """Estimate LVM in grams."""
        return self.pipeline.predict(np.asarray(covariates))


def fit_floor(kind: str, covariates: NDArray[np.float64], lvm_g: NDArray[np.float64]) -> SexMedian | Regression:
    """Fit a floor.

    Parameters
    ----------
    kind : {"sex-median", "ridge", "gradient-boosting"}
        For "sex-median" the first covariate must be ``male``.
    covariates : ndarray, shape (n, n_covariates)
        Raw, NaN where missing (ridge imputes the training median and adds a flag; boosting sorts them by itself).
    lvm_g : ndarray, shape (n,)
        Target.

    Returns
    -------
    SexMedian or Regression

    Examples
    --------
    >>> male, lvm_g = np.array([[0.0], [0.0], [1.0]]), np.array([80.0, 100.0, 126.0])
    >>> fit_floor("sex-median", male, lvm_g).predict_g(None, male)
    array([ 90.,  90., 126.])
    """
    if kind == "sex-median":
        male = covariates[:, 0].astype(bool)
        both = float(np.median(lvm_g))
        women, men = (float(np.median(lvm_g[rows])) if rows.any() else both for rows in (~male, male))
        return SexMedian((women, men))
    if kind not in FLOORS:
        raise ValueError(f"There is no floor '{kind}'; there are {', '.join(FLOORS)}.")
    if kind == "ridge":
        regression: Any = make_pipeline(
            SimpleImputer(strategy="median", add_indicator=True),
            StandardScaler(),
            PolynomialFeatures(2, include_bias=False),
            StandardScaler(),
            RidgeCV(alphas=np.logspace(-1, 4, 21)),
        )
    else:
        # shallow trees and a slow rate, usual for some hundred people; not tuned
        regression = HistGradientBoostingRegressor(max_iter=150, learning_rate=0.05, max_leaf_nodes=8)
    return Regression(TransformedTargetRegressor(regression, func=np.log, inverse_func=np.exp).fit(covariates, lvm_g))
