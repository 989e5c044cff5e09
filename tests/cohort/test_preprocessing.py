"""From a cohort to beats: everybody is accounted for, whatever the number of processes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb

from lvmass.cohort import Cohort, load_cohort, simulate_cohort
from lvmass.cohort.preprocessing import blocks, preprocess, signals_of_block, stack
from lvmass.ecg.beats import BeatConfig
from lvmass.ecg.recording import LEADS
from lvmass.errors import DataError


def test_simulated_cohort(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvmass.cohort.preprocessing.BLOCK", 8)
    cohort = simulate_cohort(20, like="tw-cvai", seed=3)
    beats = preprocess(cohort, BeatConfig())
    assert len(beats.report) == 20
    assert beats.waveform_mv.shape == (int(beats.report["usable"].sum()), 12, 400)
    assert beats.people["subject_id"].tolist() == beats.report.loc[beats.report["usable"], "subject_id"].tolist()
    assert beats.people["qrs_duration_ms"].between(50, 200).mean() > 0.9
    parallel = preprocess(cohort, BeatConfig(), workers=2)
    np.testing.assert_array_equal(beats.waveform_mv, parallel.waveform_mv)
    pd.testing.assert_frame_equal(beats.people, parallel.people)


def write_cohort(folder: Path) -> Path:
    """Write three people: a usable ECG, a flat one, and a file that is no ECG."""
    recording = simulate_cohort(1, like="tw-cvai", seed=5).recording(0)
    for name, signal_mv in (("good", recording.signal_mv), ("flat", np.zeros((12, 5000)))):
        wfdb.wrsamp(
            name, fs=500, units=["mV"] * 12, sig_name=list(LEADS), p_signal=signal_mv.T.astype(float),
            fmt=["16"] * 12, adc_gain=[1000.0] * 12, baseline=[0] * 12, write_dir=str(folder),
        )  # fmt: skip
    (folder / "broken.dcm").write_bytes(b"no ECG at all")
    people = pd.DataFrame(
        {"subject_id": ["a", "b", "c"], "sex": ["male", "female", "male"], "age_years": 60, "height_cm": 165,
         "weight_kg": 65, "lvm_g": [120, 95, 110], "qrs_duration_ms": [98, 88, 99],
         "ecg_path": ["good.hea", "flat.hea", "broken.dcm"]}
    )  # fmt: skip
    people.to_csv(folder / "subjects.csv", index=False)
    return folder / "subjects.csv"


def array_cohort(folder: Path, signals_mv: list[np.ndarray], rate_hz: float) -> Cohort:
    """A cohort of people whose ECGs are these arrays."""
    people = pd.DataFrame(
        {"subject_id": [f"p{i}" for i in range(len(signals_mv))], "sex": "male", "age_years": 60, "height_cm": 165,
         "weight_kg": 65, "lvm_g": 120, "ecg_path": [f"{i}.npy" for i in range(len(signals_mv))]}
    )  # fmt: skip
    for cell, signal_mv in zip(people["ecg_path"], signals_mv, strict=True):
        np.save(folder / cell, signal_mv.astype(np.float32))
    people.to_csv(folder / "subjects.csv", index=False)
    return load_cohort(folder / "subjects.csv", unit="mV", sampling_rate_hz=rate_hz, leads=LEADS)


def test_unreadable_files_are_reported_not_dropped(tmp_path: Path) -> None:
    path = write_cohort(tmp_path)
    cohort = load_cohort(path)
    beats = preprocess(cohort, BeatConfig())
    assert beats.people["device_qrs_duration_ms"].tolist() == [98]  # the cart's own value stands beside ours
    table = beats.report
    assert table["subject_id"].tolist() == ["a", "b", "c"]
    assert not table["usable"][1:].any()
    assert table["code"].tolist() == ["", "flat", "unreadable"]
    assert table["reason"].astype(bool).tolist() == [False, True, True]
    assert table["reason"][2].startswith("the file type is not known; give")
    assert beats.people["patient_id"].tolist() == ["a"]
    assert table["usable"][0]


def test_columns_that_are_measured_here_keep_the_tables_own_beside_them(tmp_path: Path) -> None:
    path = write_cohort(tmp_path)
    table = pd.read_csv(path).assign(r_avl_mv=9.0, atrial_fibrillation=[np.nan, 1, 1])
    table.to_csv(path, index=False)
    people = preprocess(load_cohort(path), BeatConfig()).people
    assert people.columns.is_unique
    assert people["device_r_avl_mv"].astype(float).tolist() == [9.0]
    assert 0 < people["r_avl_mv"][0] < 3
    assert people["atrial_fibrillation"].tolist() == [False]  # the sign stands in for an empty cell
    table.assign(atrial_fibrillation=1).to_csv(path, index=False)
    assert preprocess(load_cohort(path), BeatConfig()).people["atrial_fibrillation"].tolist() == [True]


def test_flat_lines_of_two_people_are_not_the_same_ecg(tmp_path: Path) -> None:
    signal_mv = simulate_cohort(1, like="tw-cvai", seed=5).recording(0).signal_mv
    flat = np.zeros((12, 5000))
    hashes = preprocess(array_cohort(tmp_path, [signal_mv, signal_mv, flat, flat], 500.0), BeatConfig()).report[
        "ecg_hash"
    ]
    assert hashes[0] == hashes[1] != ""
    assert hashes[2:].tolist() == ["", ""]


def test_the_code_of_too_few_beats_is_the_finding_that_says_so(tmp_path: Path) -> None:
    recording = simulate_cohort(1, like="tw-cvai", seed=5).recording(0)
    cohort = array_cohort(tmp_path, [recording.signal_mv, recording.signal_mv[:, :1500]], 500.0)
    report = preprocess(cohort, BeatConfig(min_beats=6)).report
    assert report["code"].tolist() == ["", "no_qrs"]
    assert report["findings"][1] == "all: short; all: no_qrs"  # what is worth knowing is no reason
    assert report["reason"][1].startswith("The recording lasts only 3.0 s.")


def test_nobody_usable_is_one_error(tmp_path: Path) -> None:
    path = write_cohort(tmp_path)
    table = pd.read_csv(path)
    table[1:].to_csv(path, index=False)
    with pytest.raises(DataError, match="no ECG is usable"):
        preprocess(load_cohort(path), BeatConfig())


@pytest.mark.parametrize("rate", [250.0, 500.0, 1000.0])
def test_resampled_signal_keeps_a_slow_wave(rate: float, tmp_path: Path) -> None:
    time_s = np.arange(int(10 * rate)) / rate
    wave = np.tile(np.sin(2 * np.pi * 1.2 * time_s), (12, 1))
    resampled = signals_of_block(array_cohort(tmp_path, [wave], rate), 0, 1, frozenset(["p0"]), 100.0)
    expected = np.sin(2 * np.pi * 1.2 * np.arange(1000) / 100)
    assert resampled.shape == (1, 12, 1000)
    assert np.abs(resampled[0, 0, 20:-20] - expected[20:-20]).max() < 0.01


def test_shorter_recording_is_padded_with_zeros_and_longer_one_cut(tmp_path: Path) -> None:
    cohort = array_cohort(tmp_path, [np.ones((12, 3000)), np.ones((12, 8000))], 500.0)
    short, long = signals_of_block(cohort, 0, 2, frozenset(["p0", "p1"]), 100.0)
    assert short.shape == long.shape == (12, 1000)
    assert (short[:, 600:] == 0).all()
    assert (long > 0.9).all()


def test_signals_of_chosen_people_in_order() -> None:
    cohort = simulate_cohort(4, like="tw-cvai", seed=3)
    ids = cohort.subjects["subject_id"]
    found = signals_of_block(cohort, 0, 4, frozenset(ids[[1, 3]]), 500.0)
    np.testing.assert_array_equal(found, np.stack([cohort.recording(i).signal_mv for i in (1, 3)]))


def test_blocks_cover_everybody_once() -> None:
    for n in (1, 127, 128, 129, 1000):
        rows = [row for start, stop in blocks(n) for row in range(start, stop)]
        assert rows == list(range(n))


def test_stacked_in_a_file_is_stacked_in_memory(tmp_path: Path) -> None:
    parts = [np.random.default_rng(i).normal(size=(i, 12, 5)).astype(np.float32) for i in (3, 0, 2)]
    np.testing.assert_array_equal(stack(parts, tmp_path), np.concatenate(parts))
    assert isinstance(stack(parts, tmp_path), np.memmap)
    assert list(tmp_path.iterdir()) == []  # the file has no name left to forget
