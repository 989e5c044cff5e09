"""What a yes/no decision would look like: operating points, and classical criteria at equal specificity."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from lvmass.errors import DataError
from lvmass.evaluation.delong import auc_interval
from lvmass.evaluation.lvh import PRIMARY, check_classes, lvh_score
from lvmass.evaluation.tables import FIT, Result, add_holm, check_predictions, table_of

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class OperatingPoint(Result):
    """Sensitivity, specificity and predictive values (at the prevalence at hand) with Wilson's intervals.

    A predictive value is missing (None) where no one is called positive, or no one negative.
    """

    sensitivity: float
    sensitivity_ci_low: float
    sensitivity_ci_high: float
    specificity: float
    specificity_ci_low: float
    specificity_ci_high: float
    ppv: float | None
    ppv_ci_low: float | None
    ppv_ci_high: float | None
    npv: float | None
    npv_ci_low: float | None
    npv_ci_high: float | None


def operating_point(y_true: ArrayLike, positive: ArrayLike, level: float = 0.95) -> OperatingPoint:
    """Count a yes/no rule against the truth.

    Parameters
    ----------
    y_true, positive : array of bool, shape (n,)
        Who has the condition and whom the rule calls positive.
    level : float
        Of the intervals (Wilson, JASA 1927;22:209).

    Raises
    ------
    DataError
        If the shapes differ or a class is absent.

    Examples
    --------
    >>> point = operating_point([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], [1, 1, 1, 0, 1, 0, 0, 0, 0, 0])
    >>> point.sensitivity, round(point.specificity, 3), point.ppv, round(point.npv, 3)
    (0.75, 0.833, 0.75, 0.833)
    """
    y, called = np.asarray(y_true).astype(bool), np.asarray(positive).astype(bool)
    if y.shape != called.shape or y.all() or not y.any():
        raise DataError("An operating point needs people with and without the condition, and one call for each.")
    values: dict[str, float | None] = {}
    hits, rejections = int((y & called).sum()), int((~y & ~called).sum())
    counts = {
        "sensitivity": (hits, y),
        "specificity": (rejections, ~y),
        "ppv": (hits, called),
        "npv": (rejections, ~called),
    }
    for name, (count, of) in counts.items():
        n = int(of.sum())
        values[name] = count / n if n else None
        limits = proportion_confint(count, n, alpha=1 - level, method="wilson") if n else (None, None)
        values[f"{name}_ci_low"], values[f"{name}_ci_high"] = limits
    return OperatingPoint(**values)  # type: ignore[arg-type]


def threshold_at_specificity(y_true: ArrayLike, score: ArrayLike, specificity: float) -> float:
    """Lowest observed score t for which calling ``score > t`` positive has at least this specificity.

    Raises
    ------
    DataError
        If there is no one without the condition, or the specificity is not between 0 and 1.

    Examples
    --------
    >>> threshold_at_specificity([0, 0, 0, 0, 1], [1.0, 2.0, 3.0, 4.0, 3.5], 0.75)
    3.0
    """
    without = np.sort(np.asarray(score, dtype=float)[~np.asarray(y_true).astype(bool)])
    if without.size == 0 or not 0 <= specificity <= 1:
        raise DataError("A threshold needs people without the condition and a specificity between 0 and 1.")
    # the tolerance undoes the rounding of a specificity that came from counts
    rank = int(np.ceil(specificity * without.size - 1e-9))
    return float(without[rank - 1]) if rank else float(np.nextafter(without[0], -np.inf))


def operating_points(
    predictions: pd.DataFrame, cutoffs_g_m2: Mapping[str, float] = PRIMARY, *, level: float = 0.95
) -> pd.DataFrame:
    """`OperatingPoint` of every fit when a predicted index above the sex's cut-off is called LVH.

    Returns
    -------
    DataFrame
        cohort, model, training, sex, the fields of `OperatingPoint`, n_lvh, n_subjects, note. Parameters and errors
        as `lvmass.evaluation.lvh.c_statistics`.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> row = operating_points(example_predictions()).iloc[0]
    >>> print(f"{row.sensitivity:.2f} {row.specificity:.2f}")
    0.56 0.84
    """

    def at_cutoff(people: pd.DataFrame, _: str) -> dict[str, Any]:
        lvh = people["lvh"].to_numpy(bool)
        check_classes(lvh)
        return asdict(operating_point(lvh, lvh_score(people, "indexed", cutoffs_g_m2) > 1, level))

    return table_of(predictions, (*OperatingPoint.__dataclass_fields__, "n_lvh"), at_cutoff)


def with_criteria(predictions: pd.DataFrame, criteria: pd.DataFrame) -> pd.DataFrame:
    """Join the classical criteria to the predictions: one row a fit, subject and criterion.

    Parameters
    ----------
    predictions : DataFrame
        See `lvmass.evaluation.tables.check_predictions`.
    criteria : DataFrame
        Columns cohort, subject_id, criterion (name), value (its own unit, NaN where a wave is absent), positive (bool).

    Raises
    ------
    DataError
        As `check_predictions`, or if a column of the criteria is missing or a subject has one twice.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = example_predictions(20)
    >>> voltage = table.query("model == 'net' and training == 'pooled'")[["cohort", "subject_id"]]
    >>> len(with_criteria(table, voltage.assign(criterion="cornell", value=2.0, positive=False))) == len(table)
    True
    """
    lacking = {"cohort", "subject_id", "criterion", "value", "positive"} - set(criteria.columns)
    if lacking:
        raise DataError(f"The criteria table lacks the columns {', '.join(sorted(lacking))}.")
    if criteria.duplicated(["cohort", "subject_id", "criterion"]).any():
        raise DataError("The criteria table has a subject twice for one criterion.")
    return check_predictions(predictions).merge(criteria, on=["cohort", "subject_id"])


def matched_criteria(
    predictions: pd.DataFrame,
    criteria: pd.DataFrame,
    cutoffs_g_m2: Mapping[str, float] = PRIMARY,
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """Every fit against every classical criterion at the criterion's own specificity, on the same people.

    The indexed score's threshold is the lowest with at least that specificity; sensitivities are compared by
    McNemar's exact test over people with LVH.

    Returns
    -------
    DataFrame
        cohort, model, training, criterion, sex, specificity, model_specificity, criterion_sensitivity,
        model_sensitivity, difference, p_value, criterion_auc with its limits (of the value), n_lvh, n_subjects, note,
        p_holm (family: one fit and sex). Parameters and errors as `with_criteria`.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = example_predictions()
    >>> mass = table.query("model == 'body' and training == 'pooled'")
    >>> voltage = mass[["cohort", "subject_id"]].assign(criterion="voltage", value=mass["predicted_lvm_g"] / 50)
    >>> row = matched_criteria(table, voltage.assign(positive=voltage["value"] > 2.8)).iloc[0]
    >>> print(f"{row.specificity:.2f}: {row.criterion_sensitivity:.2f} and {row.model_sensitivity:.2f}")
    0.92: 0.33 and 0.44
    """

    def compare(people: pd.DataFrame, _: str) -> dict[str, Any]:
        lvh, called = people["lvh"].to_numpy(bool), people["positive"].to_numpy(bool)
        check_classes(lvh)
        score = lvh_score(people, "indexed", cutoffs_g_m2)
        specificity = float((~called[~lvh]).mean())
        model = score > threshold_at_specificity(lvh, score, specificity)
        only_model, only_criterion = int((model & ~called & lvh).sum()), int((called & ~model & lvh).sum())
        discordant = only_model + only_criterion
        # an absent wave is no sign of hypertrophy: it ranks lowest
        value = people["value"].to_numpy(float)
        ranked = np.where(np.isnan(value), np.nanmin(value, initial=0.0) - 1, value)
        auc, low, high = auc_interval(lvh, ranked, level)
        return {
            "specificity": specificity,
            "model_specificity": float((~model[~lvh]).mean()),
            "criterion_sensitivity": float(called[lvh].mean()),
            "model_sensitivity": float(model[lvh].mean()),
            "difference": (only_model - only_criterion) / int(lvh.sum()),
            "p_value": float(stats.binomtest(only_model, discordant).pvalue) if discordant else 1.0,
        } | {"criterion_auc": auc, "criterion_auc_ci_low": low, "criterion_auc_ci_high": high}

    columns = (
        "specificity",
        "model_specificity",
        "criterion_sensitivity",
        "model_sensitivity",
        "difference",
        "p_value",
    )
    aucs = ("criterion_auc", "criterion_auc_ci_low", "criterion_auc_ci_high", "n_lvh")
    table = table_of(with_criteria(predictions, criteria), (*columns, *aucs), compare, keys=(*FIT, "criterion"))
    return add_holm(table, (*FIT, "sex"))


def criteria_points(predictions: pd.DataFrame, criteria: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """`OperatingPoint` of every classical criterion: cohort, criterion, sex, its fields, n_lvh, n_subjects, note.

    Parameters and errors as `with_criteria`.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = example_predictions()
    >>> mass = table.query("model == 'body' and training == 'pooled'")
    >>> voltage = mass[["cohort", "subject_id"]].assign(criterion="voltage", value=mass["predicted_lvm_g"] / 50)
    >>> row = criteria_points(table, voltage.assign(positive=voltage["value"] > 2.8)).iloc[0]
    >>> print(f"{row.sensitivity:.2f} ({row.sensitivity_ci_low:.2f} to {row.sensitivity_ci_high:.2f})")
    0.33 (0.21 to 0.49)
    """

    def point(people: pd.DataFrame, _: str) -> dict[str, Any]:
        lvh = people["lvh"].to_numpy(bool)
        check_classes(lvh)
        return asdict(operating_point(lvh, people["positive"].to_numpy(bool), level))

    once = predictions.drop_duplicates(["cohort", "subject_id"])
    columns = (*OperatingPoint.__dataclass_fields__, "n_lvh")
    return table_of(with_criteria(once, criteria), columns, point, keys=("cohort", "criterion"))
