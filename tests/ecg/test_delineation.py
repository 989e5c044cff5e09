from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lvmass.ecg.beats import synchronized_beat
from lvmass.ecg.delineation import delineate, pacing_edges
from lvmass.ecg.reading import read_ecg
from lvmass.ecg.recording import INDEPENDENT_LEADS, Recording
from tests.ecg.reference import ludb_annotations, ludb_ids, qrs_of_beats, waves_near
from tests.ecg.synthetic import synthetic_recording


def test_boundaries_lie_within_the_cse_tolerances(real_ecg: Path) -> None:
    errors = []
    for number in ludb_ids(real_ecg)[::4]:
        beat = synchronized_beat(read_ecg(real_ecg / "ludb" / "data" / f"{number}.hea"))
        annotations = ludb_annotations(real_ecg, number)
        qrs = qrs_of_beats(annotations, 500.0).median()
        peaks = beat.r_peaks[np.argmin(np.abs(beat.r_peaks[:, None] - qrs[:, 1]), axis=0)]
        p = waves_near(annotations["p"], peaks, (-0.4, -0.04), 500.0).median()
        t = waves_near(annotations["t"], peaks, (0.06, 0.7), 500.0).median()
        readers = 2 * (np.stack([qrs[:, 0], qrs[:, 2], p[:, 0], t[:, 2]]) - peaks)
        points = delineate(beat)
        found = [points.qrs_onset_ms, points.qrs_offset_ms, points.p_onset_ms, points.t_offset_ms]
        known = [row[np.isfinite(row)] for row in readers]
        errors.append([f - np.median(k) if k.size else np.nan for f, k in zip(found, known, strict=True)])
    bias, spread = np.nanmean(errors, axis=0), np.nanstd(errors, axis=0)
    assert np.all(np.abs(bias) <= [4, 4, 6, 8])
    assert np.all(spread <= [6.5, 11.6, 10.2, 30.6])


def test_the_carts_fiducial_points_are_met(cart_recording: Recording) -> None:
    points = delineate(synchronized_beat(cart_recording))
    cart = {"p_onset_ms": -202, "qrs_onset_ms": -41, "qrs_offset_ms": 34, "t_offset_ms": 327}
    for name, value in cart.items():
        assert getattr(points, name) == pytest.approx(value, abs=10), name


def test_no_p_wave_is_guessed(real_ecg: Path) -> None:
    without = delineate(synchronized_beat(synthetic_recording(p_mv=0.0, noise_mv=0.02)))
    assert np.isnan([without.p_onset_ms, without.p_offset_ms]).all()
    fibrillation = delineate(synchronized_beat(read_ecg(real_ecg / "ludb" / "data" / "51")))
    assert np.isnan(fibrillation.p_onset_ms)


def test_a_wave_that_does_not_fit_into_the_beat_is_absent() -> None:
    beat = synchronized_beat(synthetic_recording())
    short = replace(beat, waveform_mv=beat.waveform_mv[:, :280])
    assert np.isnan(delineate(short).t_offset_ms)


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e3])
def test_qrs_does_not_depend_on_voltage(factor: float) -> None:
    beat = synchronized_beat(synthetic_recording(noise_mv=0.01))
    scaled = replace(beat, waveform_mv=beat.waveform_mv * np.float32(factor))
    one, other = delineate(beat), delineate(scaled)
    assert other.qrs_onset_ms == pytest.approx(one.qrs_onset_ms, abs=0.2)
    assert other.qrs_offset_ms == pytest.approx(one.qrs_offset_ms, abs=0.2)


def test_pacing_pulses_are_seen_and_not_taken_for_the_onset() -> None:
    beat = synchronized_beat(synthetic_recording(noise_mv=0.003))
    plain = delineate(beat)
    waveform_mv = beat.waveform_mv.copy()
    waveform_mv[:, 110:112] += 1.5
    assert pacing_edges(waveform_mv[INDEPENDENT_LEADS], beat.r_sample, 500.0).size
    assert not pacing_edges(beat.waveform_mv[INDEPENDENT_LEADS], beat.r_sample, 500.0).size
    paced = delineate(replace(beat, waveform_mv=waveform_mv))
    assert paced.qrs_onset_ms == pytest.approx(plain.qrs_onset_ms, abs=12)


def test_paced_ludb_records_and_few_others(real_ecg: Path) -> None:
    def paced(number: int) -> bool:
        beat = synchronized_beat(read_ecg(real_ecg / "ludb" / "data" / str(number)))
        return bool(pacing_edges(beat.waveform_mv[INDEPENDENT_LEADS], beat.r_sample, 500.0).size)

    assert all(paced(number) for number in (45, 93, 111))
    assert not any(paced(number) for number in ludb_ids(real_ecg)[:20])
