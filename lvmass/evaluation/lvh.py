"""What left-ventricular hypertrophy (LVH) is: cut-offs of the mass index, and the score that predicts it.

LVH is a mass index above a *sex-specific* cut-off, while a model's score is absolute grams. Pooling women and men
therefore lowers the c-statistic of any predictor, however it was trained; predicted mass over body surface over
the own sex's cut-off (the score ``"indexed"``) does not pay that price.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lvmass.cohort.schema import LVH_CUTOFF_G_M2
from lvmass.errors import DataError
from lvmass.evaluation.tables import EXTERNAL_FOLD, NotEstimable

# Cut-offs of the mass index (LVM over body surface after Mosteller) by sex, in g/m²; the first is the primary one.
LVH_CUTOFFS_G_M2: dict[str, dict[str, float]] = {
    "fuchs-2016": {sex: LVH_CUTOFF_G_M2[sex] for sex in ("female", "male")},
    "uk-biobank": {"female": 55.0, "male": 72.0},
    "budoff-2009": {"female": 89.0, "male": 103.0},
}

# Label of each; in tables and figures, the part before the brackets. Sources: Eur Heart J Cardiovasc Imaging 17:1009;
# LVM-AI, Khurshid 2021; Acad Radiol 16:726.
LVH_CUTOFF_SOURCES: dict[str, str] = {
    "fuchs-2016": "Fuchs 2016 (CT, 97.5th percentile)",
    "uk-biobank": "UK Biobank (MR), as in LVM-AI",
    "budoff-2009": "Budoff 2009 (CT)",
}

PRIMARY = LVH_CUTOFFS_G_M2["fuchs-2016"]
# Name of a study's own cut-offs in its tables.
OWN_CUTOFFS = "study file"

# Percentiles of the development cohort's mass index that are tried as cut-offs.
PERCENTILES = (90.0, 97.5)

EACH_SCORE = {"score": ("grams", "indexed")}
# Fewer people than this with or without LVH get no c-statistic.
MIN_CLASS = 5


def _cutoff(table: pd.DataFrame, cutoffs_g_m2: Mapping[str, float]) -> NDArray[np.float64]:
    lacking = sorted(set(table["sex"]) - set(cutoffs_g_m2))
    if lacking:
        raise DataError(f"There is no LVH cut-off for {' and '.join(lacking)}.")
    return np.asarray(table["sex"].map(dict(cutoffs_g_m2)), dtype=np.float64)


def above_cutoff(table: pd.DataFrame, cutoffs_g_m2: Mapping[str, float]) -> pd.Series:
    """Who has LVH: true mass over BSA above the cut-off of the sex; missing where nobody knows the BSA.

    Parameters
    ----------
    table : DataFrame
        Columns ``sex``, ``lvm_g`` and ``bsa_m2``, NaN where unknown.
    cutoffs_g_m2 : mapping
        Cut-off of ``"female"`` and ``"male"`` in g/m².

    Examples
    --------
    >>> table = pd.DataFrame({"sex": "male", "lvm_g": [170.0, 150.0, 170.0], "bsa_m2": [2.0, 2.0, np.nan]})
    >>> above_cutoff(table, PRIMARY).tolist()
    [True, False, <NA>]
    """
    above, known = table["lvm_g"] / table["bsa_m2"] > _cutoff(table, cutoffs_g_m2), table["bsa_m2"].notna()
    return above if known.all() else above.astype("boolean").where(known)


def with_cutoffs(predictions: pd.DataFrame, cutoffs_g_m2: Mapping[str, float]) -> pd.DataFrame:
    """Return a copy whose ``lvh`` is that of these cut-offs, see `above_cutoff`.

    Parameters
    ----------
    predictions : DataFrame
        See `lvmass.evaluation.tables.check_predictions`.
    cutoffs_g_m2 : mapping
        Cut-off of ``"female"`` and ``"male"`` in g/m².

    Raises
    ------
    DataError
        If a sex has no cut-off.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = example_predictions()
    >>> int(table["lvh"].sum()), int(with_cutoffs(table, LVH_CUTOFFS_G_M2["uk-biobank"])["lvh"].sum())
    (336, 752)
    """
    return predictions.assign(lvh=above_cutoff(predictions, cutoffs_g_m2))


def cutoffs_to_try(predictions: pd.DataFrame, cutoffs_g_m2: Mapping[str, float]) -> dict[str, Mapping[str, float]]:
    """Return a study's own cut-offs, the published ones, and percentiles of the index in its development cohort.

    Parameters
    ----------
    predictions : DataFrame
        See `lvmass.evaluation.tables.check_predictions`. Every person of the cohort with folds counts once; where it
        lacks a sex that another cohort has, there are no percentiles.
    cutoffs_g_m2 : mapping
        The study's own; published ones that are equal to them are not repeated.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> found = cutoffs_to_try(example_predictions(), PRIMARY)
    >>> list(found)[:3], {sex: round(value, 1) for sex, value in found["internal, 90th percentile"].items()}
    (['study file', 'uk-biobank', 'budoff-2009'], {'female': 71.9, 'male': 84.1})
    """
    people = predictions[predictions["fold"] != EXTERNAL_FOLD].drop_duplicates("patient_id")
    by_sex = (people["lvm_g"] / people["bsa_m2"]).groupby(people["sex"])
    tried = dict(LVH_CUTOFFS_G_M2)
    for percentile in PERCENTILES if set(people["sex"]) == set(predictions["sex"]) != set() else ():
        internal = {str(sex): float(np.percentile(index, percentile)) for sex, index in by_sex}
        tried[f"internal, {percentile:g}th percentile"] = internal
    return {OWN_CUTOFFS: cutoffs_g_m2} | {name: each for name, each in tried.items() if each != dict(cutoffs_g_m2)}


def lvh_score(
    table: pd.DataFrame, score: str, cutoffs_g_m2: Mapping[str, float] = PRIMARY, column: str = "predicted_lvm_g"
) -> NDArray[np.float64]:
    """Score of each person, shape (n,): grams, or mass index over the sex's cut-off ("indexed").

    Parameters
    ----------
    table : DataFrame
        Columns sex and bsa_m2, and the mass in gram in ``column``.
    score : str
        "grams" or "indexed".
    cutoffs_g_m2 : mapping
        Cut-off of each sex, in g/m².
    column : str
        Of the mass.

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
    if score not in EACH_SCORE["score"]:
        raise DataError(f"The score is {score}; use {' or '.join(EACH_SCORE['score'])}.")
    grams = table[column].to_numpy(dtype=float)
    return grams if score == "grams" else grams / table["bsa_m2"].to_numpy(dtype=float) / _cutoff(table, cutoffs_g_m2)


def both_classes(people: pd.DataFrame) -> NDArray[np.bool_]:
    """Who has LVH, shape (n,); `NotEstimable` if fewer than ``MIN_CLASS`` patients have it, or have none.

    Examples
    --------
    >>> both_classes(pd.DataFrame({"patient_id": [*"abc"], "lvh": [True, False, False]}))
    Traceback (most recent call last):
    ...
    lvmass.evaluation.tables.NotEstimable: too few with LVH
    """
    lvh = people["lvh"].to_numpy(dtype=bool)
    for those, which in ((lvh, "with"), (~lvh, "without")):
        if people.loc[those, "patient_id"].nunique() < MIN_CLASS:
            raise NotEstimable(f"too few {which} LVH")
    return lvh
