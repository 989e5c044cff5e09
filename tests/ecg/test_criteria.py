from dataclasses import replace

import numpy as np
import pytest

from lvmass.ecg.beats import synchronized_beat
from lvmass.ecg.criteria import _Criterion, lvh_criteria
from lvmass.ecg.intervals import EcgParameters, measure_beat
from lvmass.ecg.recording import LEADS, Beat, Recording
from lvmass.errors import DataError
from tests.ecg.synthetic import synthetic_recording


@pytest.fixture(scope="module")
def beat() -> Beat:
    return synchronized_beat(synthetic_recording())


def _judge(
    beat: Beat, sex: str = "male", r: dict | None = None, s: dict | None = None, **changes
) -> dict[str, _Criterion]:
    """Criteria of a person with given R and S waves (mV, S as depth) and nothing else."""
    r_mv, s_mv = np.full(12, np.nan), np.full(12, np.nan)
    for lead, value in (r or {}).items():
        r_mv[LEADS.index(lead)] = value
    for lead, value in (s or {}).items():
        s_mv[LEADS.index(lead)] = -value
    parameters: EcgParameters = replace(
        measure_beat(beat), r_mv=r_mv, s_mv=s_mv, **{"qrs_duration_ms": 85.0, **changes}
    )
    return lvh_criteria(beat, parameters, sex)


@pytest.mark.parametrize(
    ("name", "sex", "r", "s", "value", "positive"),
    [
        ("sokolow_lyon_voltage_mv", "male", {"V5": 2.0, "V6": 2.4}, {"V1": 1.1}, 3.5, True),
        ("sokolow_lyon_voltage_mv", "male", {"V5": 2.3}, {"V1": 1.1}, 3.4, False),
        ("sokolow_lyon_product_mv_ms", "female", {"V6": 2.4}, {"V1": 1.1}, 3.5 * 85, False),
        ("cornell_voltage_mv", "male", {"aVL": 1.0}, {"V3": 1.8}, 2.8, False),
        ("cornell_voltage_mv", "male", {"aVL": 1.0}, {"V3": 1.81}, 2.81, True),
        ("cornell_voltage_mv", "female", {"aVL": 0.5}, {"V3": 1.6}, 2.1, True),
        ("cornell_product_mv_ms", "male", {"aVL": 1.0}, {"V3": 1.9}, 2.9 * 85, True),
        ("cornell_product_mv_ms", "female", {"aVL": 0.5}, {"V3": 1.6}, 2.9 * 85, True),
        ("peguero_lo_presti_mv", "male", {}, {"V2": 1.6, "V4": 1.3}, 2.9, True),
        ("peguero_lo_presti_mv", "female", {}, {"V4": 1.1}, 2.2, False),
        ("gubner_ungerleider_mv", "male", {"I": 1.4}, {"III": 1.1}, 2.5, True),
        ("r_avl_mv", "female", {"aVL": 1.1}, {}, 1.1, False),
        ("r_avl_mv", "female", {"aVL": 1.2}, {}, 1.2, True),
    ],
)
def test_voltage_and_product_criteria_by_hand(
    beat: Beat, name: str, sex: str, r: dict, s: dict, value: float, positive: bool
) -> None:
    criterion = _judge(beat, sex, r, s)[name]
    assert criterion.value == pytest.approx(value)
    assert criterion.positive is positive


def _strained(beat: Beat) -> tuple[Beat, dict]:
    """ST depression, falling into an inverted T wave, in V5 and V6."""
    waveform_mv = beat.waveform_mv.copy()
    falling = np.clip((beat.time_ms - 40) / 200, 0, 1) * (beat.time_ms < 320)
    for lead in (10, 11):
        waveform_mv[lead] -= (0.1 + 0.5 * falling).astype(np.float32) * (beat.time_ms > 40)
    t_mv, st_j_mv = np.zeros(12), np.zeros(12)
    t_mv[10:], st_j_mv[10:] = -0.3, -0.1
    return replace(beat, waveform_mv=waveform_mv), {"t_mv": t_mv, "st_j_mv": st_j_mv}


def test_strain_and_the_scores_built_on_it(beat: Beat) -> None:
    strained, changes = _strained(beat)
    r = {"V5": 2.6, "V6": 2.0, "aVL": 0.3}
    found = _judge(strained, "male", r, {"V1": 1.0}, **changes)
    assert found["strain_leads"].value == 2
    assert found["perugia"].positive
    assert found["romhilt_estes_points"].value >= 3
    plain = _judge(beat, "male", r, {"V1": 1.0})
    assert plain["strain_leads"].value == 0


def test_romhilt_estes_points_add_up(beat: Beat) -> None:
    nothing = _judge(beat, r={"V5": 1.0}, qrs_duration_ms=85.0, qrs_axis_deg=40.0)["romhilt_estes_points"].value
    voltage = _judge(beat, r={"V5": 3.0}, qrs_duration_ms=85.0, qrs_axis_deg=40.0)["romhilt_estes_points"].value
    wide = _judge(beat, r={"V5": 3.0}, qrs_duration_ms=95.0, qrs_axis_deg=40.0)["romhilt_estes_points"].value
    left = _judge(beat, r={"V5": 3.0}, qrs_duration_ms=95.0, qrs_axis_deg=-31.0)["romhilt_estes_points"]
    assert (nothing, voltage, wide, left.value) == (0, 3, 4, 6)
    assert left.positive


@pytest.mark.parametrize(
    ("axis_deg", "points"),
    [(-29.0, 0), (-30.0, 2), (-90.0, 2), (-91.0, 0), (-150.0, 0), (180.0, 0), (np.nan, 0)],
)
def test_left_axis_points_end_where_the_axis_is_extreme(beat: Beat, axis_deg: float, points: int) -> None:
    assert _judge(beat, r={"V5": 1.0}, qrs_axis_deg=axis_deg)["romhilt_estes_points"].value == points


def test_every_criterion_has_value_threshold_unit_and_source(cart_recording: Recording) -> None:
    cart = synchronized_beat(cart_recording)
    found = lvh_criteria(cart, measure_beat(cart), "female")
    assert len(found) == 10
    for criterion in found.values():
        assert np.isfinite([criterion.value, criterion.threshold]).all()
        assert criterion.unit
        assert criterion.source
    assert not any(criterion.positive for criterion in found.values())  # the cart: normal ECG


@pytest.mark.parametrize("sex", ["F", "Male", "", "unknown"])
def test_sex_is_female_or_male(beat: Beat, sex: str) -> None:
    with pytest.raises(DataError, match="cut-offs for"):
        lvh_criteria(beat, measure_beat(beat), sex)
