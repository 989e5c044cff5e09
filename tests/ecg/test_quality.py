from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lvmass.ecg.beats import BeatConfig, synchronized_beat
from lvmass.ecg.intervals import measure_beat
from lvmass.ecg.peaks import detect_r_peaks
from lvmass.ecg.quality import DISQUALIFYING, FINDING_WORDS, check_quality, examine
from lvmass.ecg.reading import read_ecg
from lvmass.ecg.recording import Recording
from tests.ecg.synthetic import synthetic_recording


def test_a_good_recording_has_no_findings(cart_recording: Recording) -> None:
    assert check_quality(cart_recording).findings == ()
    assert check_quality(cart_recording).usable


@pytest.mark.parametrize(
    "config", [BeatConfig(), BeatConfig(average="single"), BeatConfig(alignment="per-lead", sampling_rate_hz=250)]
)
def test_one_pass_gives_what_cutting_and_measuring_give(config: BeatConfig, cart_recording: Recording) -> None:
    beat, parameters, findings = examine(cart_recording, config)
    expected = synchronized_beat(cart_recording, config)
    assert beat is not None
    assert parameters is not None
    np.testing.assert_array_equal(beat.waveform_mv, expected.waveform_mv)
    np.testing.assert_array_equal(beat.r_peaks, expected.r_peaks)
    np.testing.assert_equal(vars(parameters), vars(measure_beat(expected)))
    # the rules judge the synchronized trimmed mean: one beat alone is noisy, and leads apart break Einthoven's law
    assert findings == check_quality(cart_recording).findings == ()


def test_an_unusable_recording_has_no_beat() -> None:
    beat, parameters, findings = examine(Recording(synthetic_recording().signal_mv * 1000, 500.0))
    assert beat is None
    assert parameters is None
    assert "unit_too_large" in {finding.code for finding in findings}


def test_codes_have_words_and_disqualify_or_not() -> None:
    assert DISQUALIFYING.items() <= FINDING_WORDS.items()
    assert {"drift", "paced", "arrhythmia", "precordial_order", "file"} <= FINDING_WORDS.keys() - DISQUALIFYING.keys()


def test_nearly_all_real_recordings_are_usable(real_ecg: Path) -> None:
    paths = [*sorted((real_ecg / "ptbxl" / "records500" / "00000").glob("*.hea"))[::24]]
    paths += sorted((real_ecg / "ludb" / "data").glob("*.hea"))[::16]
    usable = [check_quality(read_ecg(path)).usable for path in paths]
    assert np.mean(usable) >= 0.95


def test_the_settings_of_the_beat_decide_too() -> None:
    recording = synthetic_recording(duration_s=6.0, noise_mv=0.005)  # six whole beats
    assert check_quality(recording).usable
    few = check_quality(recording, BeatConfig(min_beats=8))
    assert not few.usable
    assert few.findings[-1].code == "no_qrs"
    assert "8 are needed" in few.findings[-1].message
    one = synthetic_recording(duration_s=2.0, noise_mv=0.005)
    assert not check_quality(one).usable
    assert check_quality(one, BeatConfig(min_beats=1)).usable
    paced = synthetic_recording(noise_mv=0.003).signal_mv.copy()
    for r in detect_r_peaks(paced, 500.0)[1:]:
        paced[:, r - 40 : r - 38] += 1.5
    for config in (BeatConfig(), BeatConfig(band_high_hz=20.0), BeatConfig(sampling_rate_hz=100.0)):
        findings = check_quality(Recording(paced, 500.0), config).findings
        assert "paced" in {finding.code for finding in findings}


def test_usable_follows_from_the_codes() -> None:
    signal_mv = synthetic_recording(noise_mv=0.005).signal_mv.copy()
    signal_mv[:, :] += np.linspace(0, 3, 5000, dtype=np.float32)
    drifting = check_quality(Recording(signal_mv, 500.0))
    assert {finding.code for finding in drifting.findings} == {"drift"}
    assert drifting.usable


def test_what_the_reader_noted_is_passed_on() -> None:
    noted = replace(synthetic_recording(), notes=("The checksum does not fit.",))
    finding = check_quality(noted).findings[0]
    assert (finding.code, finding.message) == ("file", "The checksum does not fit.")


def test_a_qrs_axis_across_a_lead_is_no_electrode_fault() -> None:
    signal_mv = synthetic_recording(noise_mv=0.002).signal_mv.copy()
    one = signal_mv[0].copy()
    # lead II keeps P and T of lead I, but next to nothing of its QRS complex
    recording = Recording(np.tile(one, (12, 1)), 500.0)
    beat = synchronized_beat(recording)
    for r in beat.r_peaks:
        signal_mv[1, max(r - 40, 0) : r + 40] = 0.02 * one[max(r - 40, 0) : r + 40]
    outside = np.ones(one.size, bool)
    for r in beat.r_peaks:
        outside[max(r - 40, 0) : r + 40] = False
    signal_mv[1, outside] = one[outside]
    signal_mv[2] = signal_mv[1] - one
    signal_mv[3], signal_mv[4], signal_mv[5] = -(one + signal_mv[1]) / 2, one - signal_mv[1] / 2, signal_mv[1] - one / 2
    codes = {finding.code for finding in check_quality(Recording(signal_mv, 500.0)).findings}
    assert "limb_reversal" not in codes


def test_right_leg_electrode_exchanged_flattens_a_lead() -> None:
    signal_mv = synthetic_recording(noise_mv=0.002).signal_mv.copy()
    one = signal_mv[0].copy()
    signal_mv[1] = 0.02 * one
    signal_mv[2] = signal_mv[1] - one
    signal_mv[3], signal_mv[4], signal_mv[5] = -(one + signal_mv[1]) / 2, one - signal_mv[1] / 2, signal_mv[1] - one / 2
    findings = {finding.code: finding for finding in check_quality(Recording(signal_mv, 500.0)).findings}
    assert "RA/RL" in findings["limb_reversal"].message


def test_left_arm_exchanged_with_the_right_leg_flattens_lead_iii() -> None:
    signal_mv = synthetic_recording(noise_mv=0.002).signal_mv.copy()
    one = signal_mv[0].copy()
    two = 1.02 * one
    signal_mv[1:6] = two, two - one, -(one + two) / 2, one - two / 2, two - one / 2
    (finding,) = check_quality(Recording(signal_mv, 500.0)).findings
    assert (finding.lead, finding.code) == ("III", "limb_reversal")
    assert "LA/RL" in finding.message


@pytest.mark.parametrize("number", [45, 93, 111])
@pytest.mark.parametrize("config", [{}, {"band_high_hz": 40}, {"sampling_rate_hz": 100}])
def test_paced_records_are_said_to_be_paced(config: dict, number: int, real_ecg: Path) -> None:
    # without its pulses, record 45 looks as if the arms were exchanged
    quality = check_quality(read_ecg(real_ecg / "ludb" / "data" / str(number)), BeatConfig(**config))
    assert {finding.code for finding in quality.findings} == {"paced"}
    assert quality.usable


def test_a_single_missing_sample_is_counted() -> None:
    signal_mv = synthetic_recording().signal_mv.copy()
    signal_mv[3, 100] = np.nan
    (finding,) = check_quality(Recording(signal_mv, 500.0)).findings
    assert finding.message == "Lead aVR misses 1 of its 5000 samples."


def test_a_recording_of_half_a_second_has_too_few_heartbeats_but_no_gap() -> None:
    (finding,) = check_quality(synthetic_recording(duration_s=0.5)).findings
    assert finding.code == "no_qrs"
