"""C-statistics for left-ventricular hypertrophy (LVH): in grams and indexed, pooled and within each sex.

LVH is a mass index above a *sex-specific* cut-off, while a model's score is absolute grams. Pooling women and men
therefore lowers the c-statistic of any predictor, however it was trained; predicted mass over body surface over
the own sex's cut-off (the score ``"indexed"``) does not pay that price.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lvmass.errors import DataError
from lvmass.evaluation.delong import auc_interval
from lvmass.evaluation.tables import EXTERNAL_FOLD, NotEstimable, check_predictions, table_of

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

LVH_CUTOFFS_G_M2: dict[str, dict[str, float]] = {
    "fuchs-2016": {"male": 80.0, "female": 65.0},
    "uk-biobank": {"male": 72.0, "female": 55.0},
    "budoff-2009": {"male": 103.0, "female": 89.0},
}
"""Mass-index cut-offs: Fuchs 2016 (CT, 97.5th percentile), UK Biobank as in LVM-AI, Budoff 2009 (CT)."""

PRIMARY = LVH_CUTOFFS_G_M2["fuchs-2016"]
SCORES = ("grams", "indexed")
MIN_CLASS = 5
"""Fewer people than this with or without LVH get no c-statistic."""


def _cutoff(table: pd.DataFrame, cutoffs_g_m2: Mapping[str, float]) -> FloatArray:
    lacking = sorted(set(table["sex"]) - set(cutoffs_g_m2))
    if lacking:
        raise DataError(f"There is no LVH cut-off for {' and '.join(lacking)}.")
    return np.array([cutoffs_g_m2[sex] for sex in table["sex"]], dtype=float)


def with_cutoffs(predictions: pd.DataFrame, cutoffs_g_m2: Mapping[str, float]) -> pd.DataFrame:
    """Return a copy whose ``lvh`` is true mass over BSA above these cut-offs.

    Parameters
    ----------
    predictions : DataFrame
        See `lvmass.evaluation.tables.check_predictions`.
    cutoffs_g_m2 : mapping
        Cut-off of ``"female"`` and ``"male"`` in g/m².

    Raises
    ------
    DataError
        As `check_predictions`, or if a sex has no cut-off.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = example_predictions()
    >>> int(table["lvh"].sum()), int(with_cutoffs(table, LVH_CUTOFFS_G_M2["uk-biobank"])["lvh"].sum())
    (336, 752)
    """
    index = check_predictions(predictions)["lvm_g"] / predictions["bsa_m2"]
    return predictions.assign(lvh=index > _cutoff(predictions, cutoffs_g_m2))


def internal_cutoffs(predictions: pd.DataFrame, percentile: float = 90.0) -> dict[str, float]:
    """Percentile of the true mass index (g/m²) of each sex, every person counted once; errors as `with_cutoffs`.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> {sex: round(value, 1) for sex, value in internal_cutoffs(example_predictions()).items()}
    {'female': 70.2, 'male': 85.8}
    """
    people = check_predictions(predictions).drop_duplicates(["cohort", "subject_id"])
    index = people["lvm_g"] / people["bsa_m2"]
    return {str(sex): float(np.percentile(values, percentile)) for sex, values in index.groupby(people["sex"])}


def lvh_score(table: pd.DataFrame, score: str, cutoffs_g_m2: Mapping[str, float] = PRIMARY) -> FloatArray:
    """Score of each person: predicted grams, or predicted mass index over the sex's cut-off ("indexed").

    Raises
    ------
    DataError
        If the score has another name or a sex has no cut-off.

    Examples
    --------
    >>> table = pd.DataFrame({"sex": ["male"], "predicted_lvm_g": [160.0], "bsa_m2": [2.0]})
    >>> lvh_score(table, "indexed").tolist()
    [1.0]
    """
    if score not in SCORES:
        raise DataError(f"The score is {score}; use {' or '.join(SCORES)}.")
    grams = table["predicted_lvm_g"].to_numpy(dtype=float)
    if score == "grams":
        return grams
    return grams / table["bsa_m2"].to_numpy(dtype=float) / _cutoff(table, cutoffs_g_m2)


def check_classes(lvh: BoolArray, least: int = MIN_CLASS) -> None:
    """Raise `NotEstimable` if too few people have LVH, or have none.

    Examples
    --------
    >>> check_classes(np.array([True, False, False]))
    Traceback (most recent call last):
    ...
    lvmass.evaluation.tables.NotEstimable: too few with LVH
    """
    if lvh.sum() < least:
        raise NotEstimable("too few with LVH")
    if (~lvh).sum() < least:
        raise NotEstimable("too few without LVH")


def _over_folds(people: pd.DataFrame, lvh: BoolArray, values: FloatArray) -> dict[str, float]:
    """Mean and SD of the folds' c-statistics."""
    aucs = []
    for fold in sorted(set(people["fold"]) - {EXTERNAL_FOLD}):
        inside = (people["fold"] == fold).to_numpy()
        if min(lvh[inside].sum(), (~lvh[inside]).sum()) >= 2:
            aucs.append(auc_interval(lvh[inside], values[inside]).auc)
    return {"fold_mean": float(np.mean(aucs)), "fold_sd": float(np.std(aucs, ddof=1))} if len(aucs) > 1 else {}


def c_statistics(
    predictions: pd.DataFrame, cutoffs_g_m2: Mapping[str, float] = PRIMARY, *, level: float = 0.95
) -> pd.DataFrame:
    """C-statistic of every fit, in everyone and within each sex, in grams and indexed, with DeLong's interval.

    The interval is the logit form, which covers better than the plain one (benchmarks/delong_simulation.py).

    Parameters
    ----------
    predictions : DataFrame
        See `lvmass.evaluation.tables.check_predictions`; its ``lvh`` is the outcome.
    cutoffs_g_m2 : mapping
        Cut-offs of the indexed score, in g/m².
    level : float
        Of the intervals.

    Returns
    -------
    DataFrame
        cohort, model, training, sex (``"all"`` too), score, auc, ci_low, ci_high (over all out-of-fold people),
        fold_mean, fold_sd (over folds that hold both classes, as published), n_lvh, n_subjects, note.

    Raises
    ------
    DataError
        As `check_predictions`, or if a sex has no cut-off.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = c_statistics(example_predictions()).set_index(["sex", "score"])
    >>> table["auc"].iloc[:4].astype(float).round(3).to_dict()
    {('all', 'grams'): 0.72, ('all', 'indexed'): 0.846, ('female', 'grams'): 0.73, ('female', 'indexed'): 0.807}
    """

    def one_score(people: pd.DataFrame, score: str) -> dict[str, Any]:
        lvh = people["lvh"].to_numpy(dtype=bool)
        check_classes(lvh)
        values = lvh_score(people, score, cutoffs_g_m2)
        row: dict[str, Any] = _over_folds(people, lvh, values)
        try:
            return row | auc_interval(lvh, values, level, method="logit")._asdict()
        except NotEstimable:
            return row | {"auc": auc_interval(lvh, values).auc, "note": "perfect separation, no interval"}

    columns = ("auc", "ci_low", "ci_high", "fold_mean", "fold_sd", "n_lvh")
    return table_of(predictions, columns, one_score, ("score", SCORES))


def cutoff_sensitivity(
    predictions: pd.DataFrame,
    cutoff_sets: Mapping[str, Mapping[str, float]] = LVH_CUTOFFS_G_M2,
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """`c_statistics` under each set of cut-offs (outcome and indexed score both move), after column ``cutoffs``.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = cutoff_sensitivity(example_predictions())
    >>> table.groupby("cutoffs", sort=False)["n_lvh"].first().to_dict()
    {'fuchs-2016': 39, 'uk-biobank': 82, 'budoff-2009': 4}
    """
    tables = []
    for name, cutoffs in cutoff_sets.items():
        table = c_statistics(with_cutoffs(predictions, cutoffs), cutoffs, level=level)
        table.insert(0, "cutoffs", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
