"""Prediction intervals in gram by split conformal prediction within each sex, and whether they cover.

For exchangeable people an interval of the form ``prediction ± q``, with q the ``⌈(n + 1) confidence⌉``-th smallest
absolute error of n others of the same sex, covers at least at its confidence (Vovk 2005; by crepes). Another cohort is
not exchangeable: its coverage has to be looked at.
"""

from typing import Any

import numpy as np
import pandas as pd
from crepes import ConformalRegressor
from numpy.typing import NDArray
from statsmodels.stats.proportion import proportion_confint

from lvmass.evaluation.calibration import out_of_fold
from lvmass.evaluation.subgroups import MIN_GROUP, with_groups
from lvmass.evaluation.tables import FIT, NotEstimable, table_of


def _half_width_g(errors_g: NDArray[np.float64], confidence: float) -> float:
    """Half width of the interval learnt from these errors; infinite if they are too few."""
    # crepes warns of too few itself, and truncates 0.0999… people to none: the margin undoes float rounding
    if (errors_g.size + 1) * (1 - confidence) < 1 - 1e-9:
        return float("inf")
    fitted = ConformalRegressor().fit(errors_g)
    return float(fitted.predict_int(np.zeros(1), confidence=confidence - 1e-12)[0, 1])


def interval_half_widths(fit: pd.DataFrame, confidence: float = 0.9) -> dict[str, float]:
    """Half width in gram for each sex, learnt from out-of-fold predictions: what a saved model carries.

    Parameters
    ----------
    fit : DataFrame
        Rows of one fit in the development cohort: sex, lvm_g, predicted_lvm_g.
    confidence : float
        Nominal coverage.

    Returns
    -------
    dict
        Sex to gram; a sex with too few people (fewer than 9 at 90 %) is left out.

    Examples
    --------
    >>> people = pd.DataFrame({"sex": "male", "lvm_g": 100.0, "predicted_lvm_g": np.arange(101.0, 120.0)})
    >>> interval_half_widths(people)
    {'male': 18.0}
    """
    widths = {}
    for sex, people in fit.groupby("sex"):
        errors = (people["predicted_lvm_g"] - people["lvm_g"]).to_numpy(float)
        width = _half_width_g(errors, confidence)
        if np.isfinite(width):
            widths[str(sex)] = width
    return widths


def conformal_intervals(predictions: pd.DataFrame, development: str, confidence: float = 0.9) -> pd.DataFrame:
    """Return the predictions with ``lower_g`` and ``upper_g``, learnt from other people of the same sex.

    Development folds learn from the other folds' out-of-fold errors, other cohorts from all of them, as in
    `lvmass.evaluation.calibration.recalibrate` (same parameters and errors); missing where too few can be learnt from.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = conformal_intervals(example_predictions(), "dev")
    >>> inside = (table["lower_g"] <= table["lvm_g"]) & (table["lvm_g"] <= table["upper_g"])
    >>> inside.groupby(table["cohort"]).mean().round(2).to_dict()
    {'dev': 0.91, 'ext': 0.86}
    """
    rows = predictions.reset_index(drop=True)
    half = np.full(len(rows), np.nan)
    for learn, apply in out_of_fold(predictions, development):
        half[apply] = rows.loc[apply, "sex"].map(interval_half_widths(rows.loc[learn], confidence)).to_numpy(float)
    predicted = rows["predicted_lvm_g"].to_numpy(float)
    limits = {"lower_g": np.maximum(predicted - half, 0.0), "upper_g": predicted + half}
    return predictions.assign(**{name: pd.array(values, dtype="Float64") for name, values in limits.items()})


def coverage_table(with_intervals: pd.DataFrame, levels: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Share of people whose true mass lies in their interval: by sex, and within each sex by group.

    Parameters
    ----------
    with_intervals : DataFrame
        From `conformal_intervals`.
    levels : DataFrame
        From `lvmass.evaluation.subgroups.subgroup_levels`.
    level : float
        Of Wilson's interval of the coverage.

    Returns
    -------
    DataFrame
        cohort, model, training, variable, group, sex, coverage, ci_low, ci_high, mean_width_g, n_subjects, note.

    Examples
    --------
    >>> from lvmass.evaluation.subgroups import subgroup_levels
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = coverage_table(conformal_intervals(example_predictions(), "dev"), subgroup_levels(
    ...     pd.DataFrame({"subject_id": []})))
    >>> print(table.loc[0, "group"], round(table.loc[0, "coverage"], 2))
    male 0.92
    """

    def cover(people: pd.DataFrame, _: str) -> dict[str, Any]:
        if len(people) < MIN_GROUP:
            raise NotEstimable("too small a group")
        if people["lower_g"].isna().any():
            raise NotEstimable("too few to learn an interval")
        true, low, high = (people[name].to_numpy(float) for name in ("lvm_g", "lower_g", "upper_g"))
        inside = int(((low <= true) & (true <= high)).sum())
        below, above = proportion_confint(inside, true.size, alpha=1 - level, method="wilson")
        row = {"coverage": inside / true.size, "ci_low": float(below), "ci_high": float(above)}
        return row | {"mean_width_g": float((high - low).mean())}

    columns, keys = ("coverage", "ci_low", "ci_high", "mean_width_g"), (*FIT, "variable", "group")
    table = table_of(with_groups(with_intervals, levels), columns, cover, keys=keys)
    return table[(table["variable"] != "sex") | (table["sex"] == "all")].reset_index(drop=True)
