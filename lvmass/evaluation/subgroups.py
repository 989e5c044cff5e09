"""Do the errors differ between groups of people? Estimates with intervals for a forest plot, and interaction tests."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from lvmass.errors import DataError
from lvmass.evaluation.tables import FIT, NotEstimable, add_holm, check_predictions, table_of

MIN_GROUP = 20
"""Groups of fewer people are shown as too small."""

BANDS: dict[str, tuple[float, ...]] = {"age_years": (50, 65), "bmi_kg_m2": (25, 30), "qrs_duration_ms": (120,)}
"""Lower edges of the bands of each number; the study's people are split there."""

METRICS = {"mae_g": "g", "mape_percent": "%", "bias_g": "g"}


def subgroup_levels(subjects: pd.DataFrame, bands: Mapping[str, Sequence[float]] = BANDS) -> pd.DataFrame:
    """Say to which group each person belongs, by every variable that the table holds.

    Parameters
    ----------
    subjects : DataFrame
        subject_id, and any of cohort, age_years, height_cm with weight_kg (for BMI), qrs_duration_ms,
        atrial_fibrillation (bool). People with a missing value belong to no group of that variable.
    bands : mapping
        Lower edges of the bands of each number.

    Returns
    -------
    DataFrame
        cohort (if given), subject_id, variable, group.

    Raises
    ------
    DataError
        If there is no subject_id, or a subject is there twice.

    Examples
    --------
    >>> people = pd.DataFrame({"subject_id": [1, 2], "age_years": [49.0, 65.0], "height_cm": 160.0, "weight_kg": 80.0})
    >>> subgroup_levels(people)[["variable", "group"]].values.tolist()
    [['age_years', '< 50'], ['age_years', '≥ 65'], ['bmi_kg_m2', '≥ 30'], ['bmi_kg_m2', '≥ 30']]
    """
    keys = [name for name in ("cohort", "subject_id") if name in subjects.columns]
    if "subject_id" not in keys or subjects.duplicated(keys).any():
        raise DataError("The subjects table needs a subject_id, and every subject once.")
    if {"height_cm", "weight_kg"} <= set(subjects.columns):
        subjects = subjects.assign(bmi_kg_m2=subjects["weight_kg"] / (subjects["height_cm"] / 100) ** 2)
    parts = []
    for name, edges in bands.items():
        if name in subjects.columns:
            names = [f"< {edges[0]:g}", *(f"{a:g} to < {b:g}" for a, b in pairwise(edges))]
            known = subjects[subjects[name].notna()]
            which = np.digitize(known[name].to_numpy(float), edges)
            groups = np.array([*names, f"≥ {edges[-1]:g}"])[which]
            parts.append(known[keys].assign(variable=name, group=groups))
    if "atrial_fibrillation" in subjects.columns:
        known = subjects[subjects["atrial_fibrillation"].notna()]
        groups = np.where(known["atrial_fibrillation"].astype(bool), "yes", "no")
        parts.append(known[keys].assign(variable="atrial_fibrillation", group=groups))
    empty = pd.DataFrame(columns=[*keys, "variable", "group"])
    return pd.concat(parts, ignore_index=True) if parts else empty


def with_groups(predictions: pd.DataFrame, levels: pd.DataFrame) -> pd.DataFrame:
    """Join predictions to groups: one row a fit, subject and variable; sex is always one of the variables.

    Raises
    ------
    DataError
        As `lvmass.evaluation.tables.check_predictions`.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> people = pd.DataFrame({"subject_id": ["dev-0001"], "age_years": [49.0]})
    >>> with_groups(example_predictions(5), subgroup_levels(people))["variable"].value_counts().to_dict()
    {'sex': 40, 'age_years': 4}
    """
    keys = [name for name in ("cohort", "subject_id") if name in levels.columns]
    own = check_predictions(predictions).assign(variable="sex", group=predictions["sex"])
    return pd.concat([own, predictions.merge(levels, on=keys)], ignore_index=True)


def _values(people: pd.DataFrame, metric: str) -> np.ndarray:
    """Each person's contribution to the metric's mean."""
    true, predicted = people["lvm_g"].to_numpy(float), people["predicted_lvm_g"].to_numpy(float)
    if metric == "bias_g":
        return predicted - true
    return np.abs(predicted - true) / (true / 100 if metric == "mape_percent" else 1.0)


def subgroup_errors(predictions: pd.DataFrame, levels: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Mean error of every fit in every group, in everyone and within each sex, with Student's t interval.

    Parameters
    ----------
    predictions : DataFrame
        See `lvmass.evaluation.tables.check_predictions`, also for the errors raised.
    levels : DataFrame
        From `subgroup_levels`.
    level : float
        Of the intervals.

    Returns
    -------
    DataFrame
        cohort, model, training, variable, group, sex, metric, unit, estimate, ci_low, ci_high, n_subjects, note.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = subgroup_errors(example_predictions(), subgroup_levels(pd.DataFrame({"subject_id": []})))
    >>> [f"{r.group} {r.metric} {r.estimate:.1f}" for r in table.iloc[[0, 9]].itertuples()]
    ['male mae_g 12.1', 'female mae_g 11.8']
    """

    def estimate(people: pd.DataFrame, metric: str) -> dict[str, Any]:
        if len(people) < MIN_GROUP:
            raise NotEstimable("too small a group")
        values = _values(people, metric)
        low, high = stats.t.interval(level, values.size - 1, values.mean(), stats.sem(values))
        row = {"unit": METRICS[metric], "estimate": float(values.mean())}
        return row | {"ci_low": float(low), "ci_high": float(high)}

    columns, keys = ("unit", "estimate", "ci_low", "ci_high"), (*FIT, "variable", "group")
    table = table_of(with_groups(predictions, levels), columns, estimate, ("metric", tuple(METRICS)), keys)
    table["unit"] = table["metric"].map(METRICS)
    # within a sex, the groups of the variable sex say nothing new
    return table[(table["variable"] != "sex") | (table["sex"] == "all")].reset_index(drop=True)


def subgroup_interactions(predictions: pd.DataFrame, levels: pd.DataFrame) -> pd.DataFrame:
    """Does the error differ between a variable's groups? Welch's one-way test over groups of ``MIN_GROUP`` or more.

    Returns
    -------
    DataFrame
        cohort, model, training, variable, sex, metric, p_value, n_groups, n_subjects, note, p_holm (family: the
        variables of one fit, sex and metric). Parameters and errors as `subgroup_errors`.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = subgroup_interactions(example_predictions(), subgroup_levels(pd.DataFrame({"subject_id": []})))
    >>> print(*table.loc[0, ["variable", "metric", "n_groups"]])
    sex mae_g 2
    """

    def test(people: pd.DataFrame, metric: str) -> dict[str, Any]:
        groups = [_values(group, metric) for _, group in people.groupby("group") if len(group) >= MIN_GROUP]
        if len(groups) < 2:
            raise NotEstimable("fewer than two groups large enough")
        if any(np.ptp(values) == 0 for values in groups):
            raise NotEstimable("no spread within a group")
        return {"p_value": float(stats.f_oneway(*groups, equal_var=False).pvalue), "n_groups": len(groups)}

    joined = with_groups(predictions, levels)
    table = table_of(joined, ("p_value", "n_groups"), test, ("metric", tuple(METRICS)), (*FIT, "variable"))
    table = table[(table["variable"] != "sex") | (table["sex"] == "all")].reset_index(drop=True)
    return add_holm(table, (*FIT, "sex", "metric"))
