"""Errors of predicted mass in gram: per fold as published, and over people with honest intervals.

Five fold means are a poor unit: their training sets overlap, so their spread says little about another cohort.
The tables over people (`pooled_errors`, and `lvmass.evaluation.differences`) are the ones to rest a conclusion on.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from lvmass.evaluation.tables import at_least, table_of

FloatArray = NDArray[np.float64]

MIN_PEOPLE = 10
"""Fewer people than this get an estimate without interval."""


def _errors(lvm_g: ArrayLike, predicted_lvm_g: ArrayLike) -> FloatArray:
    return np.asarray(predicted_lvm_g, dtype=float) - np.asarray(lvm_g, dtype=float)


def mae_g(lvm_g: ArrayLike, predicted_lvm_g: ArrayLike, axis: int = -1) -> FloatArray:
    """Mean absolute error in gram: ``mean |predicted - true|``.

    Parameters
    ----------
    lvm_g, predicted_lvm_g : array of float, shape (..., n)
        True and predicted mass in gram.
    axis : int
        Axis of the people.

    Examples
    --------
    >>> float(mae_g([100, 120], [110, 115]))
    7.5
    """
    return np.asarray(np.abs(_errors(lvm_g, predicted_lvm_g)).mean(axis=axis))


def mape_percent(lvm_g: ArrayLike, predicted_lvm_g: ArrayLike, axis: int = -1) -> FloatArray:
    """Mean absolute error as per cent of each person's true mass; parameters as `mae_g`.

    Examples
    --------
    >>> round(float(mape_percent([100, 120], [110, 114])), 6)
    7.5
    """
    share = np.abs(_errors(lvm_g, predicted_lvm_g)) / np.asarray(lvm_g, dtype=float)
    return np.asarray(100 * share.mean(axis=axis))


def rmse_g(lvm_g: ArrayLike, predicted_lvm_g: ArrayLike, axis: int = -1) -> FloatArray:
    """Root mean squared error in gram; parameters as `mae_g`.

    Examples
    --------
    >>> float(rmse_g([100, 120], [107, 119]))
    5.0
    """
    return np.asarray(np.sqrt(np.square(_errors(lvm_g, predicted_lvm_g)).mean(axis=axis)))


def bias_g(lvm_g: ArrayLike, predicted_lvm_g: ArrayLike, axis: int = -1) -> FloatArray:
    """Mean of predicted minus true mass in gram; parameters as `mae_g`.

    Examples
    --------
    >>> float(bias_g([100, 120], [110, 115]))
    2.5
    """
    return np.asarray(_errors(lvm_g, predicted_lvm_g).mean(axis=axis))


def r2(lvm_g: ArrayLike, predicted_lvm_g: ArrayLike, axis: int = -1) -> FloatArray:
    """Share of variance explained: ``1 - Σ(predicted - true)² / Σ(true - mean)²``; parameters as `mae_g`.

    Negative when the predictions are worse than the mean of these people; not finite when all masses are equal.

    Examples
    --------
    >>> float(r2([100, 120], [105, 115]))
    0.75
    """
    true = np.asarray(lvm_g, dtype=float)
    spread = np.square(true - true.mean(axis=axis, keepdims=True)).sum(axis=axis)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(1 - np.square(_errors(lvm_g, predicted_lvm_g)).sum(axis=axis) / spread)


METRICS: dict[str, tuple[Callable[..., FloatArray], str]] = {
    "mae_g": (mae_g, "g"),
    "mape_percent": (mape_percent, "%"),
    "rmse_g": (rmse_g, "g"),
    "r2": (r2, "1"),
    "bias_g": (bias_g, "g"),
}
"""Every error with its unit."""


def all_metrics(lvm_g: ArrayLike, predicted_lvm_g: ArrayLike, axis: int = -1) -> FloatArray:
    """Return every error of ``METRICS`` in its order, shape (5, ...); parameters as `mae_g`.

    Examples
    --------
    >>> all_metrics([100, 120], [107, 119]).round(2).tolist()
    [4.0, 3.92, 5.0, 0.75, 3.0]
    """
    return np.stack([metric(lvm_g, predicted_lvm_g, axis) for metric, _ in METRICS.values()])


def bootstrap_limits(
    data: tuple[FloatArray, ...], statistic: Callable[..., FloatArray], level: float, n_resamples: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Bias-corrected accelerated (BCa) bootstrap limits over people (Efron, JASA 1987;82:171), by SciPy.

    Parameters
    ----------
    data : tuple of arrays, each of shape (n,)
        What is known of each person; resampled together.
    statistic : callable
        ``statistic(*data, axis)``, vectorized; may give several statistics along a new first axis.
    level, n_resamples, seed
        Of the bootstrap.

    Examples
    --------
    >>> low, high = bootstrap_limits((np.arange(20.0),), np.mean, 0.95, 999, 0)
    >>> bool(low < 9.5 < high)
    True
    """
    # a batch keeps the resamples in the processor's cache and the memory flat
    interval = stats.bootstrap(
        data, statistic, paired=True, vectorized=True, confidence_level=level, n_resamples=n_resamples,
        method="BCa", batch=200, rng=np.random.default_rng(seed),
    ).confidence_interval  # fmt: skip
    return np.asarray(interval.low), np.asarray(interval.high)


def fold_errors(predictions: pd.DataFrame) -> pd.DataFrame:
    """Mean ± SD over folds of each error, as the paper prints it.

    Parameters
    ----------
    predictions : DataFrame
        See `lvmass.evaluation.tables.check_predictions`, also for the errors raised.

    Returns
    -------
    DataFrame
        One row a fit, sex (``"all"`` too) and metric: cohort, model, training, sex, metric, unit, mean, sd,
        n_folds, n_subjects, note. An external cohort has one "fold" (the averaged fold models), so no SD.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> row = fold_errors(example_predictions()).iloc[0]
    >>> print(f"{row.metric} {row['mean']:.1f} ± {row.sd:.1f} over {row.n_folds} folds")
    mae_g 12.6 ± 1.2 over 5 folds
    """

    def over_folds(people: pd.DataFrame, metric: str) -> dict[str, Any]:
        at_least(len(people), 1)
        function, unit = METRICS[metric]
        folds = (fold for _, fold in people.groupby("fold"))
        values = np.array([float(function(fold["lvm_g"], fold["predicted_lvm_g"])) for fold in folds])
        values = values[np.isfinite(values)]
        at_least(len(values), 1)
        row = {"unit": unit, "mean": float(values.mean()), "n_folds": len(values)}
        if len(values) == 1:
            return row | {"note": "one cohort, no folds"}
        return row | {"sd": float(values.std(ddof=1))}

    return table_of(predictions, ("unit", "mean", "sd", "n_folds"), over_folds, ("metric", tuple(METRICS)))


def pooled_errors(
    predictions: pd.DataFrame, *, level: float = 0.95, n_resamples: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Errors over all out-of-fold people with a BCa bootstrap interval (people are resampled, not folds).

    Parameters
    ----------
    predictions : DataFrame
        See `lvmass.evaluation.tables.check_predictions`, also for the errors raised.
    level, n_resamples, seed
        Of the bootstrap.

    Returns
    -------
    DataFrame
        One row a fit, sex (``"all"`` too) and metric: cohort, model, training, sex, metric, unit, estimate,
        ci_low, ci_high, n_subjects, note. Under ``MIN_PEOPLE`` people there is no interval.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> row = pooled_errors(example_predictions(), n_resamples=499).iloc[0]
    >>> print(f"{row.metric} {row.estimate:.1f} ({row.ci_low:.1f} to {row.ci_high:.1f})")
    mae_g 12.6 (11.3 to 14.0)
    """

    def over_people(people: pd.DataFrame, _: str) -> list[dict[str, Any]]:
        data = (people["lvm_g"].to_numpy(dtype=float), people["predicted_lvm_g"].to_numpy(dtype=float))
        values = all_metrics(*data) if len(people) else np.full(len(METRICS), np.nan)
        low = high = np.full(len(METRICS), np.nan)
        if len(people) >= MIN_PEOPLE:
            low, high = bootstrap_limits(data, all_metrics, level, n_resamples, seed)
        rows = []
        for k, (metric, (_function, unit)) in enumerate(METRICS.items()):
            row = {"metric": metric, "unit": unit} | ({"estimate": float(values[k])} if np.isfinite(values[k]) else {})
            if np.isfinite([low[k], high[k]]).all():
                row |= {"ci_low": float(low[k]), "ci_high": float(high[k])}
            else:
                row["note"] = "too few people" if len(people) < MIN_PEOPLE else "no spread, no interval"
            rows.append(row)
        return rows

    return table_of(predictions, ("metric", "unit", "estimate", "ci_low", "ci_high"), over_people)
