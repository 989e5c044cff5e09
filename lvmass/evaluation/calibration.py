"""Calibration of predicted mass; what is fitted, is fitted on development data only."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from lvmass.errors import DataError
from lvmass.evaluation.errors import MIN_PEOPLE
from lvmass.evaluation.tables import NotEstimable, at_least, check_predictions, table_of


def mass_calibration(predictions: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Regression of true on predicted mass, ``true = intercept + slope · predicted``: ideal are 0 and 1.

    Returns
    -------
    DataFrame
        cohort, model, training, sex, slope, slope_ci_low, slope_ci_high, intercept_g, intercept_ci_low_g,
        intercept_ci_high_g, n_subjects, note. Errors as `lvmass.evaluation.tables.check_predictions`.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> row = mass_calibration(example_predictions()).iloc[0]
    >>> print(f"true = {row.intercept_g:.0f} g + {row.slope:.2f} predicted")
    true = 8 g + 0.93 predicted
    """
    columns = ("slope", "slope_ci_low", "slope_ci_high", "intercept_g", "intercept_ci_low_g", "intercept_ci_high_g")

    def line(people: pd.DataFrame, _: str) -> dict[str, Any]:
        at_least(len(people), MIN_PEOPLE)
        if people["predicted_lvm_g"].nunique() < 2:
            raise NotEstimable("one prediction for everyone, no slope")
        found = stats.linregress(people["predicted_lvm_g"].to_numpy(float), people["lvm_g"].to_numpy(float))
        t = stats.t.isf((1 - level) / 2, len(people) - 2)
        both = ((found.slope, found.stderr), (found.intercept, found.intercept_stderr))
        values = [float(value + k * t * se) for value, se in both for k in (0, -1, 1)]
        return dict(zip(columns, values, strict=True))

    return table_of(predictions, columns, line)


def out_of_fold(predictions: pd.DataFrame, development: str) -> Iterator[tuple[pd.Index, pd.Index]]:
    """Yield row numbers to learn from and to apply to: each development fold by the others, other cohorts by all.

    Parameters and errors as `recalibrate`.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = example_predictions(50).query("model == 'net' and training == 'pooled'")
    >>> [(len(learn), len(apply)) for learn, apply in out_of_fold(table, "dev")]
    [(40, 10), (40, 10), (40, 10), (40, 10), (40, 10), (50, 50)]
    """
    rows = check_predictions(predictions).reset_index(drop=True)
    for (model, training), fit in rows.groupby(["model", "training"], sort=False):
        own, fold = (fit["cohort"] == development).to_numpy(), fit["fold"].to_numpy()
        if not own.any():
            raise DataError(
                f"There are no predictions of {model} ({training}) in the development cohort {development}."
            )
        for left_out in np.unique(fold[own]):
            yield fit.index[own & (fold != left_out)], fit.index[own & (fold == left_out)]
        if not own.all():
            yield fit.index[own], fit.index[~own]


def recalibrate(predictions: pd.DataFrame, development: str) -> pd.DataFrame:
    """Return the predictions after linear recalibration learnt in the development cohort.

    Each development fold is corrected by the line through the other folds' out-of-fold predictions, other cohorts by
    the line through all of them: no one is corrected by the own true mass. Where there is one prediction for everyone,
    only its level is corrected.

    Parameters
    ----------
    predictions : DataFrame
        See `lvmass.evaluation.tables.check_predictions`.
    development : str
        Name of the development cohort.

    Raises
    ------
    DataError
        As `check_predictions`; if a fit has no development rows, or fewer than three people to learn from.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> after = mass_calibration(recalibrate(example_predictions(), "dev"))
    >>> print(f"{after.loc[0, 'slope']:.2f}")
    0.99
    """
    true, predicted = (predictions[name].to_numpy(float) for name in ("lvm_g", "predicted_lvm_g"))
    corrected = predicted.copy()
    for learn, apply in out_of_fold(predictions, development):
        if len(learn) < 3:
            raise DataError("Recalibration needs three or more development people to learn from.")
        if np.ptp(predicted[learn]) == 0:
            corrected[apply] = predicted[apply] + (true[learn] - predicted[learn]).mean()
        else:
            line = stats.linregress(predicted[learn], true[learn])
            corrected[apply] = line.intercept + line.slope * predicted[apply]
    return predictions.assign(predicted_lvm_g=corrected)
