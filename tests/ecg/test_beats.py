import numpy as np

from lvmass.ecg import measure_beat, synchronized_beat


def test_the_carts_own_measurements_are_met(cart_recording) -> None:
    beat = synchronized_beat(cart_recording)
    parameters = measure_beat(beat)
    assert beat.waveform_mv.shape == (12, 400)
    assert abs(60000 / parameters.heart_rate_bpm - 982) < 5
    assert abs(parameters.qrs_duration_ms - 75) <= 10


def test_r_is_at_the_r_sample(synthetic) -> None:
    beat = synchronized_beat(synthetic())
    assert np.argmax(np.abs(beat.waveform_mv[1])) == beat.r_sample == 150
