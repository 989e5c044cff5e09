"""Conventional ECG criteria of left-ventricular hypertrophy (10 mm on paper are 1 mV)."""

from dataclasses import dataclass

import numpy as np

from lvmass.ecg.intervals import EcgParameters
from lvmass.ecg.recording import LEADS, Beat
from lvmass.errors import DataError

_I, _II, _III, _AVR, _AVL, _AVF, _V1, _V2, _V3, _V4, _V5, _V6 = range(len(LEADS))


@dataclass(frozen=True)
class Criterion:
    """One criterion in one person.

    Parameters
    ----------
    value : float
        What was measured, in ``unit``; NaN where a wave or interval that it needs is absent.
    threshold : float
        The cut-off for the person's sex.
    unit : str
        Unit of value and threshold.
    positive : bool
        Whether the criterion is met; False where the value is NaN.
    source : str
        Where formula and cut-off come from, and whether that is uncertain.
    """

    value: float
    threshold: float
    unit: str
    positive: bool
    source: str


def _at_least(value: float, threshold: float, unit: str, source: str) -> Criterion:
    return Criterion(float(value), threshold, unit, bool(value >= threshold - 1e-9), source)


def _above(value: float, threshold: float, unit: str, source: str) -> Criterion:
    return Criterion(float(value), threshold, unit, bool(value > threshold), source)


def lvh_criteria(beat: Beat, parameters: EcgParameters, sex: str) -> dict[str, Criterion]:
    """Compute the voltage, product and score criteria.

    Parameters
    ----------
    beat : Beat
        One synchronized beat.
    parameters : EcgParameters
        What `measure_beat` found in it.
    sex : {"female", "male"}
        Sets the sex-specific cut-offs.

    Returns
    -------
    dict of str to Criterion
        By name.

    Raises
    ------
    DataError
        If the sex is neither "female" nor "male".
    """
    if sex not in ("female", "male"):
        raise DataError(f'sex is "{sex}"; the criteria have cut-offs for "female" and "male".')
    male = sex == "male"
    r = np.nan_to_num(parameters.r_mv)
    s = np.abs(np.nan_to_num(parameters.s_mv))
    qrs_ms = parameters.qrs_duration_ms
    sokolow = s[_V1] + max(r[_V5], r[_V6])
    cornell = r[_AVL] + s[_V3]
    return {
        "sokolow_lyon_voltage_mv": _at_least(sokolow, 3.5, "mV", "Sokolow & Lyon 1949; PMC4750022"),
        "sokolow_lyon_product_mv_ms": _at_least(sokolow * qrs_ms, 371.0, "mV·ms", "PMC4750022"),
        "cornell_voltage_mv": _above(cornell, 2.8 if male else 2.0, "mV", "Casale 1987; PMC4750022"),
        "cornell_product_mv_ms": _at_least(
            (cornell + (0.0 if male else 0.8)) * qrs_ms, 244.0, "mV·ms", "PMC4750022; some protocols add 0.6 mV"
        ),
        "peguero_lo_presti_mv": _above(s.max() + s[_V4], 2.8 if male else 2.3, "mV", "PMC7846009"),
        "gubner_ungerleider_mv": _at_least(r[_I] + s[_III], 2.5, "mV", "Gubner & Ungerleider 1943"),
        "r_avl_mv": _above(r[_AVL], 1.1, "mV", "ml4h ECG rules"),
    }
