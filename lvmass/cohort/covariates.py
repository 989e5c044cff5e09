"""What is known of a person beside the waveform: demographics and ECG parameters as a matrix.

The paper's list of demographics is not public (study facts 1.3); age, sex, height, weight and body surface
area is ours. QRS duration and axis are stated; the axis enters as sine and cosine, because -179 and
+179 degrees are neighbours, and as an absolute value, which is one reading of "absolute axis values".
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lvmass.cohort.schema import bsa_mosteller_m2
from lvmass.ecg.recording import INDEPENDENT_LEADS, LEADS

COVARIATE_GROUPS: dict[str, tuple[str, ...]] = {
    "demographics": ("male", "age_years", "height_cm", "weight_kg", "bsa_m2"),
    "ecg-parameters": ("qrs_duration_ms", "qrs_axis_sin", "qrs_axis_cos", "qrs_axis_abs_deg", "heart_rate_bpm"),
    "criteria": (
        *("sokolow_lyon_voltage_mv", "sokolow_lyon_product_mv_ms", "cornell_voltage_mv", "cornell_product_mv_ms"),
        *("peguero_lo_presti_mv", "gubner_ungerleider_mv", "r_avl_mv", "strain_leads", "romhilt_estes_points"),
    ),
    "t-waves": tuple(f"t_{LEADS[i].lower()}_mv" for i in INDEPENDENT_LEADS),
}
STUDY_GROUPS = ("demographics", "ecg-parameters")
"""What the study gives its networks; the LVH criteria are for baselines that see no waveform."""


def covariate_names(groups: tuple[str, ...]) -> tuple[str, ...]:
    """Column names of the groups, in order.

    Examples
    --------
    >>> covariate_names(("demographics",))
    ('male', 'age_years', 'height_cm', 'weight_kg', 'bsa_m2')
    """
    return tuple(name for group in groups for name in COVARIATE_GROUPS[group])


def covariate_matrix(people: Mapping[str, Any] | pd.DataFrame, names: tuple[str, ...]) -> NDArray[np.float64]:
    """Covariates of people.

    Parameters
    ----------
    people : DataFrame or mapping of str to array_like, each of shape (n,)
        A table with ``sex, age_years, height_cm, weight_kg``, the measured ``qrs_duration_ms, qrs_axis_deg,
        heart_rate_bpm``, T amplitudes and the values of LVH criteria, as far as ``names`` need them.
    names : tuple of str
        Columns wanted, from ``COVARIATE_GROUPS``.

    Returns
    -------
    ndarray, shape (n, len(names))
        NaN where something is missing.

    Examples
    --------
    >>> person = {"sex": ["female"], "height_cm": [160], "weight_kg": [58]}
    >>> covariate_matrix(person, ("male", "bsa_m2")).round(2)
    array([[0.  , 1.61]])
    """

    def column(name: str) -> NDArray[np.float64]:
        return np.asarray(people[name], dtype=float)

    derived = {
        "male": lambda: (np.asarray(people["sex"]) == "male").astype(float),
        "bsa_m2": lambda: bsa_mosteller_m2(column("height_cm"), column("weight_kg")),
        "qrs_axis_sin": lambda: np.sin(np.deg2rad(column("qrs_axis_deg"))),
        "qrs_axis_cos": lambda: np.cos(np.deg2rad(column("qrs_axis_deg"))),
        "qrs_axis_abs_deg": lambda: np.abs(column("qrs_axis_deg")),
    }
    columns = [derived[name]() if name in derived else column(name) for name in names]
    return np.stack(columns, axis=1) if columns else np.empty((len(people["sex"]), 0))


def sex_medians(covariates: NDArray[np.float64], names: tuple[str, ...]) -> NDArray[np.float64]:
    """Medians that stand in for what is missing of a person: of women, and of men.

    Parameters
    ----------
    covariates : ndarray, shape (n, len(names))
        Of training people only, NaN where missing.
    names : tuple of str
        Of the columns; where ``male`` is not among them, there is one median for all.

    Returns
    -------
    ndarray, shape (2, len(names))
        The median of both sexes where fewer than five of the sex have a value (a saved model would tell of them), and
        0 where nobody has.

    Examples
    --------
    >>> people = np.array([[0.0, 160], [0, 162], [0, 164], [0, 166], [0, 168], [1, 180], [1, np.nan]])
    >>> sex_medians(people, ("male", "height_cm")).tolist()
    [[0.0, 164.0], [0.0, 165.0]]
    """
    table, sex = pd.DataFrame(covariates), _sex_row(covariates, names)
    of_sex = table.groupby(sex)
    medians = of_sex.median().where(of_sex.count() >= 5).reindex([0, 1])
    return medians.fillna(table.median()).fillna(0.0).to_numpy(dtype=float)


def impute(
    covariates: NDArray[np.float64], names: tuple[str, ...], medians: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Put `sex_medians` in the place of what is missing.

    Parameters
    ----------
    covariates : ndarray, shape (n, len(names))
        Of anybody, NaN where missing.
    names : tuple of str
        Of the columns.
    medians : ndarray, shape (2, len(names))
        Of `sex_medians`.

    Examples
    --------
    >>> medians = np.array([[0.0, 165], [1, 180]])
    >>> impute(np.array([[1.0, np.nan], [0, 150]]), ("male", "height_cm"), medians).tolist()
    [[1.0, 180.0], [0.0, 150.0]]
    """
    return np.where(np.isnan(covariates), medians[_sex_row(covariates, names)], covariates)


def _sex_row(covariates: NDArray[np.float64], names: tuple[str, ...]) -> NDArray[np.int64]:
    """Row of each person's sex among medians: 0 of women, 1 of men."""
    male = covariates[:, names.index("male")] if "male" in names else np.zeros(len(covariates))
    return (male > 0.5).astype(np.int64)  # without sex, a woman's
