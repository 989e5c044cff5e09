import numpy as np
import pytest

from lvmass.ecg.filters import remove_spikes, resample, zero_phase_bandpass


@pytest.mark.parametrize("rate_hz", [250.0, 500.0, 1000.0])
@pytest.mark.parametrize(("frequency_hz", "expected"), [(0.3, 0.707), (10.0, 1.0), (40.0, 0.707), (100.0, 0.058)])
def test_gain_is_the_formula_at_every_sampling_rate(rate_hz: float, frequency_hz: float, expected: float) -> None:
    time_s = np.arange(0, 60, 1 / rate_hz)
    wave = np.cos(2 * np.pi * frequency_hz * (time_s - 30))
    middle = slice(round(25 * rate_hz), round(35 * rate_hz))
    filtered = zero_phase_bandpass(wave, rate_hz, 0.3, 40.0)[middle]
    assert filtered.max() == pytest.approx(expected, abs=0.02)
    if expected > 0.5:
        assert np.corrcoef(filtered, wave[middle])[0, 1] > 0.999  # no wave is moved in time


def test_offset_and_drift_go_and_either_side_can_be_off() -> None:
    ramp = np.linspace(0, 5, 5000) + 3
    assert np.abs(zero_phase_bandpass(ramp, 500.0, 0.5, np.inf)).max() < 0.05
    np.testing.assert_allclose(zero_phase_bandpass(ramp, 500.0, 0.0, np.inf), ramp, atol=1e-4)


@pytest.mark.parametrize("n_samples", [1, 2, 3, 50])
def test_short_signals_are_filtered(n_samples: int) -> None:
    assert zero_phase_bandpass(np.ones((2, n_samples)), 500.0, 0.5, 40.0).shape == (2, n_samples)


def test_spikes_go_and_a_narrow_qrs_stays() -> None:
    time_ms = np.arange(-200, 200, 2.0)
    qrs = np.exp(-(time_ms**2) / (2 * 12.0**2)).astype(np.float32)
    spiky = qrs.copy()
    spiky[40:43] += 2.0
    cleaned = remove_spikes(spiky, 500.0)
    assert cleaned[35:48].max() < 0.01
    assert cleaned.max() > 0.9
    np.testing.assert_array_equal(remove_spikes(spiky, 100.0), spiky)


@pytest.mark.parametrize("rate_hz", [100.0, 250.0, 257.0, 360.0, 1000.0, 2000.0])
def test_resampling_keeps_time_and_voltage(rate_hz: float) -> None:
    time_s = np.arange(0, 4, 1 / rate_hz)
    wave = np.sin(2 * np.pi * 3 * time_s)
    new = resample(wave, rate_hz, 500.0)
    expected = np.sin(2 * np.pi * 3 * np.arange(new.size) / 500)
    np.testing.assert_allclose(new[100:-100], expected[100:-100], atol=0.02)
