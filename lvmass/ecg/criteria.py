"""Conventional ECG criteria of left-ventricular hypertrophy (LVH); 10 mm on paper are 1 mV.

Formulas and cut-offs follow table 1 of PMC4750022 unless a source is named. They were made for paper tracings:
an S wave counts by its depth, a QS complex counts as an S, an absent wave counts as 0.
"""

from dataclasses import dataclass

import numpy as np

from lvmass.ecg.intervals import EcgParameters, part_of_beat
from lvmass.ecg.recording import LEADS, Beat
from lvmass.errors import DataError

_TABLE = "PMC4750022, table 1"
_GUBNER = "Gubner & Ungerleider 1943; uncertain: PMC4750022 uses 2.0 mV"
_LEFT_PRECORDIAL = [LEADS.index("V5"), LEADS.index("V6")]
_V1 = LEADS.index("V1")
_LEFT_AXIS_DEG = (-90.0, -30.0)  # further round it is extreme; quadrants of ECGpedia, "QRS axis"


@dataclass(frozen=True)
class _Criterion:
    """One criterion in one person.

    Parameters
    ----------
    value : float
        What was measured, in ``unit``.
    threshold : float
        The cut-off for the person's sex.
    unit : str
        Unit of value and threshold.
    positive : bool
        Whether the criterion is met.
    source : str
        Where formula and cut-off come from; says so where that is uncertain.
    """

    value: float
    threshold: float
    unit: str
    positive: bool
    source: str


def lvh_criteria(beat: Beat, parameters: EcgParameters, sex: str) -> dict[str, _Criterion]:
    """Compute the criteria of one person.

    ``sokolow_lyon_voltage_mv``: SV1 + max(RV5, RV6) ≥ 3.5 mV; ``sokolow_lyon_product_mv_ms``: times QRS duration,
    ≥ 371 mV·ms. ``cornell_voltage_mv``: RaVL + SV3 > 2.8 mV (men), > 2.0 mV (women);
    ``cornell_product_mv_ms``: times QRS duration after adding 0.8 mV in women, ≥ 244 mV·ms (uncertain: some protocols
    add 0.6 mV). ``peguero_lo_presti_mv``: deepest S + SV4 > 2.8 mV (men), > 2.3 mV (women) (uncertain: ≥ in some
    papers). ``gubner_ungerleider_mv``: RI + SIII ≥ 2.5 mV (uncertain: PMC4750022 uses 2.0 mV). ``r_avl_mv``:
    RaVL > 1.1 mV. ``strain_leads``: number of V5 and V6 with ST depression, falling ST and inverted T under a positive
    QRS, ≥ 1 (a visual pattern; this is a rule after Okin et al. 2001). ``romhilt_estes_points``: ≥ 4 probable,
    ≥ 5 definite; left axis deviation is -30 to -90 degrees, no digitalis is assumed, as the recording does not tell.
    ``perugia``: strain, or Romhilt-Estes ≥ 5, or RaVL + SV3 > 2.4 mV (men), > 2.0 mV (women).

    Parameters
    ----------
    beat : Beat
        One synchronized beat.
    parameters : EcgParameters
        What `lvmass.ecg.intervals.measure_beat` found in it.
    sex : {"female", "male"}
        Sets the sex-specific cut-offs.

    Returns
    -------
    dict of str to _Criterion
        By the names above.

    Raises
    ------
    DataError
        If the sex is neither "female" nor "male".

    Examples
    --------
    >>> from pydicom.data import get_testdata_file
    >>> from lvmass.ecg import measure_beat, read_ecg, synchronized_beat
    >>> beat = synchronized_beat(read_ecg(get_testdata_file("waveform_ecg.dcm")))
    >>> sokolow = lvh_criteria(beat, measure_beat(beat), "female")["sokolow_lyon_voltage_mv"]
    >>> round(sokolow.value, 1), sokolow.threshold, sokolow.positive
    (3.1, 3.5, False)
    """
    if sex not in ("female", "male"):
        raise DataError(f'sex is "{sex}"; the criteria have cut-offs for "female" and "male".')
    male = sex == "male"
    r = dict(zip(LEADS, np.nan_to_num(parameters.r_mv).tolist(), strict=True))
    s = dict(zip(LEADS, np.abs(np.nan_to_num(parameters.s_mv)).tolist(), strict=True))
    qrs_ms = parameters.qrs_duration_ms
    sokolow = s["V1"] + max(r["V5"], r["V6"])
    cornell = r["aVL"] + s["V3"]
    product = (cornell + (0.0 if male else 0.8)) * qrs_ms
    peguero = max(s.values()) + s["V4"]
    gubner = r["I"] + s["III"]
    strain = _strain_leads(beat, parameters)
    points = _romhilt_estes(beat, parameters, r, s, strain > 0)
    perugia = strain > 0 or points >= 5 or cornell > (2.4 if male else 2.0)
    rules: dict[str, tuple[float, str, float, str, str]] = {
        "sokolow_lyon_voltage_mv": (sokolow, ">=", 3.5, "mV", f"Sokolow & Lyon 1949; {_TABLE}"),
        "sokolow_lyon_product_mv_ms": (sokolow * qrs_ms, ">=", 371.0, "mV·ms", _TABLE),
        "cornell_voltage_mv": (cornell, ">", 2.8 if male else 2.0, "mV", f"Casale et al. 1987; {_TABLE}"),
        "cornell_product_mv_ms": (product, ">=", 244.0, "mV·ms", f"{_TABLE}; uncertain: 0.6 or 0.8 mV"),
        "peguero_lo_presti_mv": (peguero, ">", 2.8 if male else 2.3, "mV", "Peguero et al. 2017; PMC7846009"),
        "gubner_ungerleider_mv": (gubner, ">=", 2.5, "mV", _GUBNER),
        "r_avl_mv": (r["aVL"], ">", 1.1, "mV", "ECG rules of broadinstitute/ml4h"),
        "strain_leads": (strain, ">=", 1.0, "leads", "rule after Okin et al. 2001"),
        "romhilt_estes_points": (points, ">=", 4.0, "points", f"Romhilt & Estes 1968; {_TABLE}"),
        "perugia": (perugia, ">=", 1.0, "yes/no", "Schillaci et al. 1994"),
    }
    criteria = {}
    for name, (value, sign, threshold, unit, source) in rules.items():
        # voltages are stored as 32-bit numbers, hence the tolerance
        positive = value >= threshold - 1e-6 if sign == ">=" else value > threshold + 1e-6
        criteria[name] = _Criterion(float(value), threshold, unit, bool(positive), source)
    return criteria


def _strain_leads(beat: Beat, parameters: EcgParameters) -> int:
    """Count leads V5 and V6 with a falling, depressed ST segment and an inverted T under a positive QRS complex."""
    rows = _LEFT_PRECORDIAL
    later = part_of_beat(beat, beat.waveform_mv[rows], parameters.qrs_offset_ms, parameters.qrs_offset_ms + 80)
    if later.shape[1] == 0:
        return 0
    upright = np.nan_to_num(parameters.r_mv[rows]) > -np.nan_to_num(parameters.s_mv[rows])
    falling = (parameters.st_j_mv[rows] <= -0.05) & (later[:, -1] <= later[:, 0] + 0.01)
    return int((upright & falling & (parameters.t_mv[rows] <= -0.1)).sum())


def _romhilt_estes(
    beat: Beat, parameters: EcgParameters, r: dict[str, float], s: dict[str, float], strain: bool
) -> int:
    """Romhilt-Estes points, without digitalis."""
    limb = max(max(r[lead], s[lead]) for lead in LEADS[:6])
    large = limb >= 2.0 or max(s["V1"], s["V2"]) >= 3.0 or max(r["V5"], r["V6"]) >= 3.0
    points = 3 * large + 3 * strain + 3 * _left_atrial(beat, parameters)
    points += 2 * (_LEFT_AXIS_DEG[0] <= parameters.qrs_axis_deg <= _LEFT_AXIS_DEG[1])
    points += parameters.qrs_duration_ms >= 90
    qrs = part_of_beat(beat, beat.waveform_mv, parameters.qrs_onset_ms, parameters.qrs_offset_ms)
    to_peak_ms = np.argmax(qrs[_LEFT_PRECORDIAL], axis=1) * 1000 / beat.sampling_rate_hz
    return int(points + (to_peak_ms.max() >= 50))


def _left_atrial(beat: Beat, parameters: EcgParameters) -> bool:
    """Terminal negative P wave in V1, at least 0.1 mV deep and 40 ms long."""
    p = part_of_beat(beat, beat.waveform_mv, parameters.p_onset_ms, parameters.p_offset_ms)[_V1]
    if p.size < 3:
        return False
    p = p - np.linspace(p[0], p[-1], p.size)
    deepest = int(np.argmin(p))
    last_positive = np.flatnonzero(p[: deepest + 1] >= 0)[-1]  # at the latest the onset, which is 0
    length_ms = (p.size - last_positive) * 1000 / beat.sampling_rate_hz
    return bool(p[deepest] <= -0.1 and length_ms >= 40)
