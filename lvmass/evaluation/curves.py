"""Curves as tables: ROC, precision–recall and net benefit."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_curve

from lvmass.errors import DataError
from lvmass.evaluation.decision import with_criteria
from lvmass.evaluation.lvh import PRIMARY, SCORES, check_classes, lvh_score
from lvmass.evaluation.probability import known_probability
from lvmass.evaluation.tables import table_of

GRID = np.linspace(0, 1, 201)
"""Where ROC and precision–recall curves are evaluated, so that every one has the same length."""

THRESHOLDS = tuple(np.arange(2, 61) / 100)
"""Probabilities at which someone may want to act on suspected LVH."""


def _roc(lvh: NDArray[np.bool_], values: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Step of the empirical ROC curve at each false positive rate of the grid."""
    check_classes(lvh)
    false, true, _ = roc_curve(lvh, values, drop_intermediate=False)
    sensitivity = true[np.searchsorted(false, GRID + 1e-12, side="right") - 1]
    return [{"false_positive_rate": float(x), "sensitivity": float(y)} for x, y in zip(GRID, sensitivity, strict=True)]


def roc_points(predictions: pd.DataFrame, cutoffs_g_m2: Mapping[str, float] = PRIMARY) -> pd.DataFrame:
    """ROC curves: the highest sensitivity at each false positive rate of ``GRID``.

    Returns
    -------
    DataFrame
        cohort, model, training, sex, score, false_positive_rate, sensitivity, n_subjects, note. Parameters and errors
        as `lvmass.evaluation.lvh.c_statistics`.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = roc_points(example_predictions())
    >>> table.loc[[0, 40, 200], ["false_positive_rate", "sensitivity"]].astype(float).round(2).values.tolist()
    [[0.0, 0.13], [0.2, 0.56], [1.0, 1.0]]
    """

    def curve(people: pd.DataFrame, score: str) -> list[dict[str, Any]]:
        return _roc(people["lvh"].to_numpy(bool), lvh_score(people, score, cutoffs_g_m2))

    return table_of(predictions, ("false_positive_rate", "sensitivity"), curve, ("score", SCORES))


def criteria_roc(predictions: pd.DataFrame, criteria: pd.DataFrame) -> pd.DataFrame:
    """ROC curves of the classical criteria's values: cohort, criterion, sex, then as `roc_points`.

    Parameters and errors as `lvmass.evaluation.decision.with_criteria`.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = example_predictions()
    >>> mass = table.query("model == 'body' and training == 'pooled'")
    >>> voltage = mass[["cohort", "subject_id"]].assign(criterion="voltage", value=mass["predicted_lvm_g"] / 50)
    >>> round(float(criteria_roc(table, voltage.assign(positive=False)).loc[40, "sensitivity"]), 2)
    0.51
    """

    def curve(people: pd.DataFrame, _: str) -> list[dict[str, Any]]:
        value = people["value"].to_numpy(float)
        # an absent wave is no sign of hypertrophy: it ranks lowest
        return _roc(people["lvh"].to_numpy(bool), np.where(np.isnan(value), -np.finfo(float).max, value))

    once = with_criteria(predictions.drop_duplicates(["cohort", "subject_id"]), criteria)
    return table_of(once, ("false_positive_rate", "sensitivity"), curve, keys=("cohort", "criterion"))


def precision_recall(predictions: pd.DataFrame, cutoffs_g_m2: Mapping[str, float] = PRIMARY) -> pd.DataFrame:
    """Precision–recall curves: the best precision that reaches each sensitivity of ``GRID``.

    Returns
    -------
    DataFrame
        cohort, model, training, sex, score, sensitivity, precision, average_precision, n_lvh, n_subjects, note.
        Parameters and errors as `roc_points`.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = precision_recall(example_predictions())
    >>> table.loc[[0, 200], "precision"].astype(float).round(2).tolist()
    [1.0, 0.22]
    """

    def curve(people: pd.DataFrame, score: str) -> list[dict[str, Any]]:
        lvh, values = people["lvh"].to_numpy(bool), lvh_score(people, score, cutoffs_g_m2)
        check_classes(lvh)
        precision, recall, _ = precision_recall_curve(lvh, values)
        best = np.maximum.accumulate(precision)
        # recall falls along the curve: the last point that still reaches the wanted one
        reaching = np.searchsorted(-recall, -GRID + 1e-12, side="right") - 1
        average = float(average_precision_score(lvh, values))
        return [
            {"sensitivity": float(x), "precision": float(y), "average_precision": average}
            for x, y in zip(GRID, best[reaching], strict=True)
        ]

    return table_of(predictions, ("sensitivity", "precision", "average_precision", "n_lvh"), curve, ("score", SCORES))


def net_benefit(y_true: ArrayLike, probability: ArrayLike, thresholds: ArrayLike) -> NDArray[np.float64]:
    """Net benefit ``TP/n - FP/n · t/(1 - t)`` of acting on a probability of t or more.

    Vickers and Elkin, Med Decis Making 2006;26:565. Acting on everyone is the probability 1, on no one gives 0.

    Parameters
    ----------
    y_true, probability : array, shape (n,)
        The outcome and its probability.
    thresholds : array of float, shape (k,)
        Inside (0, 1).

    Raises
    ------
    DataError
        If the shapes differ, there is no one, or a threshold is not inside (0, 1).

    Examples
    --------
    >>> net_benefit([1, 1, 0, 0, 0], [0.9, 0.3, 0.6, 0.1, 0.1], [0.2, 0.5]).round(3).tolist()
    [0.35, 0.0]
    """
    y, p, t = np.asarray(y_true).astype(bool), np.asarray(probability, dtype=float), np.asarray(thresholds, dtype=float)
    if y.shape != p.shape or y.size == 0 or not ((t > 0) & (t < 1)).all():
        raise DataError("Net benefit needs one probability for each outcome and thresholds between 0 and 1.")
    acted = p >= t[:, None]
    return np.asarray(((acted & y).sum(axis=1) - (acted & ~y).sum(axis=1) * t / (1 - t)) / y.size)


def decision_curves(with_probability: pd.DataFrame, thresholds: Sequence[float] = THRESHOLDS) -> pd.DataFrame:
    """Net benefit of every fit's LVH probability, beside acting on everyone (acting on no one is 0).

    Parameters
    ----------
    with_probability : DataFrame
        From `lvmass.evaluation.probability.lvh_probability`.
    thresholds : sequence of float
        Inside (0, 1).

    Returns
    -------
    DataFrame
        cohort, model, training, sex, threshold, net_benefit, net_benefit_all, n_lvh, n_subjects, note.

    Examples
    --------
    >>> from lvmass.evaluation.probability import lvh_probability
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = decision_curves(lvh_probability(example_predictions(), "dev"), [0.2])
    >>> table.loc[0, ["net_benefit", "net_benefit_all"]].astype(float).round(3).tolist()
    [0.084, -0.006]
    """

    def curve(people: pd.DataFrame, _: str) -> list[dict[str, Any]]:
        lvh, probability = known_probability(people)
        model, everyone = (net_benefit(lvh, p, thresholds) for p in (probability, np.ones(lvh.size)))
        return [
            {"threshold": float(t), "net_benefit": float(a), "net_benefit_all": float(b)}
            for t, a, b in zip(thresholds, model, everyone, strict=True)
        ]

    return table_of(with_probability, ("threshold", "net_benefit", "net_benefit_all", "n_lvh"), curve)
