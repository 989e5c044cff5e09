from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvmass.ecg.beats import synchronized_beat
from lvmass.ecg.filters import resample
from lvmass.ecg.intervals import EcgParameters, fibrillation_sign, measure_beat
from lvmass.ecg.reading import read_ecg
from lvmass.ecg.recording import LEADS, Beat, Recording
from tests.ecg.synthetic import synthetic_recording

BEAT = synchronized_beat(synthetic_recording())
PARAMETERS = measure_beat(BEAT)


def test_the_carts_own_measurements_are_met(cart_recording: Recording) -> None:
    found = measure_beat(synchronized_beat(cart_recording))
    assert 60000 / found.heart_rate_bpm == pytest.approx(982, abs=3)
    assert found.pr_interval_ms == pytest.approx(161, abs=15)
    assert found.qrs_duration_ms == pytest.approx(75, abs=10)
    assert found.qt_interval_ms == pytest.approx(368, abs=20)
    assert found.qtc_ms == pytest.approx(370, abs=20)
    assert found.p_axis_deg == pytest.approx(74, abs=10)
    assert found.qrs_axis_deg == pytest.approx(52, abs=10)
    assert found.t_axis_deg == pytest.approx(57, abs=10)


def test_500_hz_against_the_publishers_100_hz_files(real_ecg: Path) -> None:
    amplitudes, durations = [], []
    for path in sorted((real_ecg / "ptbxl" / "records500" / "00000").glob("*.hea"))[::30]:
        low = real_ecg / "ptbxl" / "records100" / "00000" / path.name.replace("_hr", "_lr")
        at_500, at_100 = (measure_beat(synchronized_beat(read_ecg(file))) for file in (path, low))
        amplitudes.append([at_100.r_mv / at_500.r_mv - 1, at_100.s_mv / at_500.s_mv - 1])
        durations.append(at_100.qrs_duration_ms - at_500.qrs_duration_ms)
    assert (np.nanmedian(np.abs(amplitudes), axis=(0, 2)) <= 0.1).all()
    assert np.median(np.abs(durations)) <= 12


def test_known_amplitudes_come_back() -> None:
    found = PARAMETERS
    leads = {lead: i for i, lead in enumerate(LEADS)}
    assert found.r_mv[leads["V4"]] == pytest.approx(1.5, abs=0.05)
    assert found.s_mv[leads["V1"]] == pytest.approx(-0.9, abs=0.05)
    assert found.s_mv[leads["V2"]] == pytest.approx(-1.4, abs=0.08)
    assert found.q_mv[leads["V5"]] == pytest.approx(-0.06, abs=0.015)  # -0.1 mV under the foot of R
    assert np.isnan(found.q_mv[leads["V1"]])
    assert found.t_mv[leads["V3"]] == pytest.approx(0.45, abs=0.03)
    assert found.t_mv[leads["V1"]] == pytest.approx(-0.1, abs=0.03)
    assert found.p_mv[leads["II"]] == pytest.approx(0.12, abs=0.03)
    assert found.heart_rate_bpm == pytest.approx(60 / 0.85, abs=0.3)


def _with_lead(beat: Beat, lead: str, wave: np.ndarray) -> Beat:
    waveform_mv = beat.waveform_mv.copy()
    waveform_mv[LEADS.index(lead)] = wave
    return replace(beat, waveform_mv=waveform_mv)


@pytest.mark.parametrize(
    ("waves", "q", "r", "s"),
    [
        ([(0, -1.2, 10)], None, None, -1.2),  # QS
        ([(0, -1.2, 10), (25, 0.15, 200)], None, None, -1.05),  # QS with an elevated ST segment
        ([(-20, 0.2, 6), (2, -1.0, 8)], None, 0.2, -1.0),  # rS
        ([(-20, 0.2, 6), (0, -0.7, 6), (22, 0.9, 7)], None, 0.9, -0.7),  # rSR'
        ([(-20, -0.3, 6), (2, 1.1, 8)], -0.3, 1.1, None),  # qR
        ([(-20, -0.3, 6), (0, 1.1, 7), (22, -0.4, 6)], -0.3, 1.1, -0.4),  # qRs
    ],
)
def test_names_of_the_qrs_waves(waves: list, q: float | None, r: float | None, s: float | None) -> None:
    wave = np.zeros(400, dtype=np.float32)
    for centre_ms, size_mv, width_ms in waves:
        inside = np.exp(-((BEAT.time_ms - centre_ms) ** 2) / (2 * width_ms**2))
        wave += (size_mv * np.where((BEAT.time_ms < centre_ms) & (width_ms > 100), 0, inside)).astype(np.float32)
    found = measure_beat(_with_lead(BEAT, "V1", wave))
    for name, value in (("q_mv", q), ("r_mv", r), ("s_mv", s)):
        measured = getattr(found, name)[LEADS.index("V1")]
        assert np.isnan(measured) if value is None else measured == pytest.approx(value, abs=0.2 * abs(value)), name


@given(st.floats(-180, 180))
@settings(max_examples=25, deadline=None)
def test_axes_are_angles_in_the_hexaxial_system(angle_deg: float) -> None:
    size = BEAT.waveform_mv[LEADS.index("V5")]
    leads_deg = {"I": 0, "II": 60, "III": 120, "aVR": -150, "aVL": -30, "aVF": 90}
    waveform_mv = BEAT.waveform_mv.copy()
    for lead, lead_deg in leads_deg.items():
        scale = np.sqrt(3) / 2 if lead.startswith("a") else 1.0
        waveform_mv[LEADS.index(lead)] = size * scale * np.cos(np.radians(angle_deg - lead_deg))
    found = measure_beat(replace(BEAT, waveform_mv=waveform_mv))
    for axis_deg in (found.qrs_axis_deg, found.t_axis_deg):
        assert abs((axis_deg - angle_deg + 180) % 360 - 180) < 1


@pytest.mark.parametrize("rate_hz", [250.0, 500.0, 1000.0])
def test_the_sampling_rate_does_not_matter(rate_hz: float, cart_recording: Recording) -> None:
    reference = measure_beat(synchronized_beat(cart_recording))
    found = measure_beat(synchronized_beat(Recording(resample(cart_recording.signal_mv, 1000.0, rate_hz), rate_hz)))
    for name in ("pr_interval_ms", "qrs_duration_ms", "qt_interval_ms", "heart_rate_bpm"):
        assert getattr(found, name) == pytest.approx(getattr(reference, name), abs=3), name
    np.testing.assert_allclose(found.r_mv, reference.r_mv, rtol=0.08, atol=0.02)


def test_absent_waves_are_nan_and_the_types_are_plain() -> None:
    found = measure_beat(synchronized_beat(synthetic_recording(p_mv=0.0, noise_mv=0.01)))
    assert np.isnan([found.pr_interval_ms, found.p_axis_deg, found.p_onset_ms]).all()
    assert np.isnan(found.p_mv).all()
    for field in fields(EcgParameters):
        value = getattr(found, field.name)
        assert value.shape == (12,) if field.name.endswith("_mv") else type(value) is float, field.name


def test_one_beat_alone_has_no_rate() -> None:
    found = measure_beat(replace(BEAT, r_peaks=BEAT.r_peaks[:1], noise_mv=None))
    assert np.isnan([found.heart_rate_bpm, found.qtc_ms]).all()
    assert np.isfinite(found.qrs_duration_ms)


NO_P = replace(PARAMETERS, pr_interval_ms=np.nan)
REGULAR = np.arange(12) * 400
IRREGULAR = np.cumsum([0, 300, 520, 380, 610, 290, 450, 560, 330])


@pytest.mark.parametrize(
    ("r_peaks", "parameters", "sign"),
    [
        (IRREGULAR, NO_P, True),
        (IRREGULAR, PARAMETERS, False),
        (REGULAR, NO_P, False),
        (IRREGULAR[:3], NO_P, False),
    ],
)
def test_needs_irregular_rr_and_no_p_wave(r_peaks: np.ndarray, parameters: EcgParameters, sign: bool) -> None:
    assert np.isfinite(PARAMETERS.pr_interval_ms)
    assert fibrillation_sign(replace(BEAT, r_peaks=r_peaks), parameters) is sign


def test_rarely_seen_in_sinus_rhythm() -> None:
    from lvmass.cohort import simulate_cohort

    beats = [synchronized_beat(recording) for recording in simulate_cohort(40, like="tw-cvai", seed=5).recordings()]
    # 1.5 % of this cohort fibrillate
    assert sum(fibrillation_sign(beat, measure_beat(beat)) for beat in beats) <= 2
