from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from lvmass.ecg.beats import BeatConfig, synchronized_beat
from lvmass.ecg.filters import resample
from lvmass.ecg.reading import read_ecg
from lvmass.ecg.recording import Recording
from lvmass.errors import DataError
from tests.ecg.reference import compare_with_device, device_beat
from tests.ecg.synthetic import synthetic_recording


def test_the_carts_own_beat_is_met(real_ecg: Path) -> None:
    device_mv, trigger_ms, _ = device_beat(real_ecg)
    beat = synchronized_beat(read_ecg(real_ecg / "vendor_beats" / "mortara_rhythm"))
    correlation, lag_ms, rms_uv, _ = compare_with_device(beat.waveform_mv, beat.time_ms, device_mv, trigger_ms)
    assert correlation >= 0.998
    assert rms_uv <= 10
    assert abs(lag_ms) <= 2
    assert beat.n_beats == 10


@pytest.mark.parametrize("rate_hz", [250.0, 400.0, 500.0, 1000.0, 2000.0])
def test_the_sampling_rate_does_not_matter(rate_hz: float, cart_recording: Recording) -> None:
    reference = synchronized_beat(cart_recording).waveform_mv
    recording = Recording(resample(cart_recording.signal_mv, 1000.0, rate_hz), rate_hz)
    beat = synchronized_beat(recording)
    assert beat.waveform_mv.shape == (12, 400)
    assert 1000 * np.sqrt(np.square(beat.waveform_mv - reference).mean()) < 6  # µV


@given(st.floats(-3, 3), st.floats(-2, 2))
@settings(max_examples=10, deadline=None)
def test_voltage_is_kept_in_proportion_and_offsets_vanish(exponent: float, offset_mv: float) -> None:
    recording = synthetic_recording(noise_mv=0.01)
    reference = synchronized_beat(recording).waveform_mv
    factor = np.float32(10.0**exponent)
    scaled = Recording(recording.signal_mv * factor + np.float32(offset_mv) * factor, 500.0)
    np.testing.assert_allclose(synchronized_beat(scaled).waveform_mv / factor, reference, atol=2e-3)


def test_r_is_common_to_all_leads_and_the_waves_are_recovered() -> None:
    recording = synthetic_recording(noise_mv=0.02)
    clean = synthetic_recording()
    beat = synchronized_beat(recording)
    assert beat.r_sample == 150
    assert np.argmax(np.square(beat.waveform_mv).sum(axis=0)) == beat.r_sample
    period = round(0.85 * 500)
    truth = clean.signal_mv[:, 5 * period - 150 : 5 * period + 250]
    difference = beat.waveform_mv - (truth - truth[:, 120:123].mean(axis=1, keepdims=True))
    assert np.sqrt(np.square(difference[:, :350]).mean()) < 0.015


def test_ectopic_beats_do_not_blur_the_beat() -> None:
    recording = synthetic_recording(noise_mv=0.005)
    reference = synchronized_beat(recording)
    signal_mv = recording.signal_mv.copy()
    time_s = np.arange(5000) / 500
    wide = np.exp(-((time_s[:, None] - np.array([2.1, 4.65, 7.2])) ** 2) / (2 * 0.05**2)).sum(axis=1)
    polarity = np.array([1, 1, 0, -1, 0.5, 0.5, -1, -1, -0.5, 0.5, 1, 1])[:, None]
    beat = synchronized_beat(Recording((signal_mv + 1.5 * polarity * wide).astype(np.float32), 500.0))
    assert beat.n_beats < len(beat.r_peaks)
    assert np.sqrt(np.square(beat.waveform_mv - reference.waveform_mv)[:, 90:210].mean()) < 0.02


def test_in_bigeminy_the_narrow_beats_win() -> None:
    narrow = synthetic_recording(rr_s=1.6, duration_s=12.0, noise_mv=0.005)
    time_s = np.arange(narrow.signal_mv.shape[1]) / 500
    phase_s = (time_s + 0.8) % 1.6 - 0.8
    wide = np.exp(-((phase_s - 0.65) ** 2) / (2 * 0.045**2)) - 0.6 * np.exp(-((phase_s + 0.68) ** 2) / (2 * 0.06**2))
    polarity = np.array([1, 1, 0, -1, 0.5, 0.5, -1, -1, -0.5, 0.5, 1, 1])[:, None]
    beat = synchronized_beat(Recording((narrow.signal_mv + 1.4 * polarity * wide).astype(np.float32), 500.0))
    reference = synchronized_beat(narrow)
    correlation = np.corrcoef(beat.waveform_mv[:, 100:200].ravel(), reference.waveform_mv[:, 100:200].ravel())[0, 1]
    assert correlation > 0.98


def test_trimmed_mean_leaves_less_noise_than_the_median() -> None:
    recording, clean = synthetic_recording(noise_mv=0.05), synthetic_recording()
    left = {}
    for average in ("trimmed", "median", "mean", "single"):
        config = BeatConfig(average=average)
        difference = synchronized_beat(recording, config).waveform_mv - synchronized_beat(clean, config).waveform_mv
        left[average] = float(np.sqrt(np.square(difference).mean()))
    assert left["trimmed"] < left["median"] < left["single"]


def test_noise_is_estimated() -> None:
    beat = synchronized_beat(synthetic_recording(noise_mv=0.05, duration_s=20.0))
    assert beat.noise_mv is not None
    expected = 0.05 / np.sqrt(beat.n_beats)
    assert beat.noise_mv[[0, 1, *range(6, 12)]].mean() == pytest.approx(expected, rel=0.3)


def test_per_lead_alignment_destroys_the_time_between_leads(cart_recording: Recording) -> None:
    together = synchronized_beat(cart_recording)
    apart = synchronized_beat(cart_recording, BeatConfig(alignment="per-lead"))
    near = slice(apart.r_sample - 20, apart.r_sample + 21)
    at = np.argmax(np.abs(apart.waveform_mv[:, near]), axis=1) - 20
    assert np.abs(at).max() <= 1
    assert np.ptp(np.argmax(np.abs(together.waveform_mv[:, near]), axis=1)) > 3


def test_window_and_rate_follow_the_configuration(cart_recording: Recording) -> None:
    config = BeatConfig(window_before_ms=200, window_after_ms=400, sampling_rate_hz=250)
    beat = synchronized_beat(cart_recording, config)
    assert beat.waveform_mv.shape == (12, 150)
    assert beat.r_sample == 50
    assert beat.time_ms[[0, 50, -1]].tolist() == [-200.0, 0.0, 396.0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"window_before_ms": 10},
        {"window_after_ms": 5000},
        {"band_low_hz": -1},
        {"band_high_hz": 5},
        {"sampling_rate_hz": 50},
        {"average": "mode"},
        {"min_beats": 0},
        {"alignment": "none"},
        {"band_low_hz": float("nan")},
        {"min_beat": 3},
    ],
)
def test_impossible_configurations_are_refused(wrong: dict) -> None:
    with pytest.raises(DataError, match=rf"^BeatConfig: {next(iter(wrong))}: [^\n]+\.$"):
        BeatConfig(**wrong)


def test_a_configuration_inside_another_model_names_its_place_and_keeps_its_keys() -> None:
    class Section(BaseModel):
        beat: BeatConfig = BeatConfig()

    with pytest.raises(ValidationError) as caught:
        Section.model_validate({"beat": {"min_beats": 0, "window": 3}})
    assert {problem["loc"] for problem in caught.value.errors()} == {("beat", "min_beats"), ("beat", "window")}
    assert list(Section().model_dump(mode="json")["beat"]) == [
        *("window_before_ms", "window_after_ms", "band_low_hz", "band_high_hz"),
        *("sampling_rate_hz", "average", "min_beats", "alignment"),
    ]


def test_too_few_beats_of_one_kind() -> None:
    with pytest.raises(DataError, match=r"2 whole heartbeats .* 3 are needed"):
        synchronized_beat(synthetic_recording(duration_s=2.7))
    rng = np.random.default_rng(3)
    with pytest.raises(DataError, match="heartbeats"):
        synchronized_beat(Recording(rng.normal(size=(12, 5000)).astype(np.float32), 500.0), BeatConfig(min_beats=8))


def test_all_beats_of_a_long_recording_are_used() -> None:
    beat = synchronized_beat(synthetic_recording(duration_s=300.0, noise_mv=0.02))
    assert beat.n_beats > 340
