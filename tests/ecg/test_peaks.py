from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvmass.ecg.filters import resample
from lvmass.ecg.peaks import detect_r_peaks
from lvmass.errors import DataError
from tests.ecg.reference import (
    MITDB_RECORDS,
    add_noise,
    f1_score,
    ludb_annotations,
    ludb_ids,
    match_beats,
    mitdb,
    qrs_of_beats,
)
from tests.ecg.synthetic import synthetic_recording


def test_every_tenth_ludb_record_without_a_miss(real_ecg: Path) -> None:
    from lvmass.ecg.reading import read_ecg

    errors_ms = []
    for number in ludb_ids(real_ecg)[::10]:
        recording = read_ecg(real_ecg / "ludb" / "data" / f"{number}.hea")
        reference = qrs_of_beats(ludb_annotations(real_ecg, number), 500.0).median()[:, 1]
        found = detect_r_peaks(recording.signal_mv, 500.0)
        found = found[(found >= reference[0] - 50) & (found <= reference[-1] + 50)]
        assert match_beats(reference, found, 50) == (len(reference), 0, 0), number
        errors_ms.extend(2 * (found - reference))
    assert np.median(np.abs(errors_ms - np.median(errors_ms))) <= 8


def test_mit_bih_with_two_leads(real_ecg: Path) -> None:
    total = np.zeros(3, dtype=int)
    for name in MITDB_RECORDS:
        signal, rate_hz, beats = mitdb(real_ecg, name)
        total += match_beats(beats, detect_r_peaks(signal, rate_hz), 0.1 * rate_hz)
    assert f1_score(*total.tolist()) >= 0.995


@pytest.mark.parametrize(("kind", "least"), [("bw", 0.99), ("ma", 0.93)])
def test_noise_of_the_stress_test_at_6_db(kind: str, least: float, real_ecg: Path) -> None:
    signal, rate_hz, beats = mitdb(real_ecg, "119")
    noisy = add_noise(signal, rate_hz, beats, real_ecg, kind, 6.0)
    assert f1_score(*match_beats(beats, detect_r_peaks(noisy, rate_hz), 0.1 * rate_hz)) >= least


@given(st.floats(-9, 9), st.floats(-5, 5))
@settings(max_examples=15, deadline=None)
def test_neither_unit_nor_offset_matters(exponent: float, offset: float) -> None:
    signal = synthetic_recording(noise_mv=0.02).signal_mv.astype(np.float64)
    moved = signal * 10.0**exponent + offset * 10.0**exponent
    difference = detect_r_peaks(moved, 500.0) - detect_r_peaks(signal, 500.0)
    assert np.abs(difference).max() <= 1


@given(st.sampled_from([100.0, 128.0, 250.0, 360.0, 1000.0, 2000.0]), st.floats(0.35, 1.8))
@settings(max_examples=15, deadline=None)
def test_sampling_rate_does_not_matter(rate_hz: float, rr_s: float) -> None:
    recording = synthetic_recording(rr_s=rr_s)
    reference_s = detect_r_peaks(recording.signal_mv, 500.0) / 500
    found_s = detect_r_peaks(resample(recording.signal_mv, 500.0, rate_hz), rate_hz) / rate_hz
    apart_s = np.abs(reference_s[:, None] - found_s)
    # beats cut by an end of the recording need not be found; a beat near 0.3 or 9.7 s may have its fellow beyond
    for peaks_s, nearest_s in ((reference_s, apart_s.min(axis=1)), (found_s, apart_s.min(axis=0))):
        assert nearest_s[(peaks_s > 0.3) & (peaks_s < 9.7)].max() < 0.015


@pytest.mark.parametrize("rr_s", [0.3, 0.5, 0.85, 1.3, 2.0])
def test_rates_from_30_to_200_a_minute(rr_s: float) -> None:
    recording = synthetic_recording(rr_s=rr_s, noise_mv=0.02)
    expected = np.arange(rr_s, 9.7, rr_s)
    found_s = detect_r_peaks(recording.signal_mv, 500.0) / 500
    assert match_beats(expected, found_s[(found_s > 0.15) & (found_s < 9.8)], 0.02) == (len(expected), 0, 0)


def test_large_t_waves_low_voltage_and_pacing_spikes() -> None:
    recording = synthetic_recording(noise_mv=0.005)
    expected = detect_r_peaks(recording.signal_mv, 500.0)
    time_s = np.arange(5000) / 500
    phase_s = (time_s + 0.425) % 0.85 - 0.425
    tall_t = recording.signal_mv + (1.5 * np.exp(-((phase_s - 0.3) ** 2) / (2 * 0.05**2))).astype(np.float32)
    low = recording.signal_mv * 0.15
    spikes = recording.signal_mv.copy()
    spikes[:, expected[1:] - 80] += 3.0  # atrial pacing 160 ms before each beat
    for signal_mv in (tall_t, low, spikes):
        assert match_beats(expected, detect_r_peaks(signal_mv, 500.0), 5) == (len(expected), 0, 0)


def test_one_lead_and_integers() -> None:
    recording = synthetic_recording()
    lead = np.round(recording.signal_mv[1] * 1000).astype(np.int16)
    assert len(detect_r_peaks(lead, 500.0)) == len(detect_r_peaks(recording.signal_mv, 500.0))


def test_no_heartbeat_and_bad_arrays() -> None:
    assert detect_r_peaks(np.zeros((12, 5000)), 500.0).size == 0
    assert detect_r_peaks(np.zeros((12, 20)), 500.0).size == 0
    with pytest.raises(DataError, match="NaN"):
        detect_r_peaks(np.full((2, 5000), np.nan), 500.0)
    with pytest.raises(DataError, match="shape"):
        detect_r_peaks(np.zeros((2, 3, 4)), 500.0)
