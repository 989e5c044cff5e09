import numpy as np
import pytest

from lvmass.cohort.schema import validate_subjects
from lvmass.cohort.simulation.cohort import simulate_cohort
from lvmass.ecg.recording import LEADS
from lvmass.errors import DataError

I, II, III, AVR, AVL, AVF = range(6)  # noqa: E741


def test_the_same_seed_gives_the_same_people_and_ecgs() -> None:
    one, two = simulate_cohort(80, seed=5), simulate_cohort(80, seed=5)
    assert one.subjects.equals(two.subjects)
    assert np.array_equal(one.recording(7).signal_mv, two.recording(7).signal_mv)
    other = simulate_cohort(80, seed=6)
    assert not one.subjects["lvm_g"].equals(other.subjects["lvm_g"])


def test_a_person_is_the_same_in_every_chunk() -> None:
    small, large = simulate_cohort(10, seed=5), simulate_cohort(5000, seed=5)
    assert small.subjects.equals(large.subjects.iloc[:10])
    streamed = [r.signal_mv for r in large.recordings(60, 70)]
    for k, i in enumerate(range(60, 70)):
        assert np.array_equal(streamed[k], large.recording(i).signal_mv)


def test_contracts_of_the_recording() -> None:
    recording = simulate_cohort(3, like="ntuh", seed=2).recording(1)
    assert recording.signal_mv.dtype == np.float32
    assert recording.signal_mv.shape == (12, 5000)
    assert recording.sampling_rate_hz == 500.0
    assert recording.leads == LEADS
    assert np.isfinite(recording.signal_mv).all()


def test_einthoven_and_goldberger() -> None:
    for recording in simulate_cohort(5, seed=3).recordings():
        x = recording.signal_mv.astype(np.float64)
        assert np.abs(x[I] + x[III] - x[II]).max() < 2e-6
        assert np.abs(x[AVR] + x[AVL] + x[AVF]).max() < 2e-6
        assert np.abs(x[AVL] - (x[I] - x[III]) / 2).max() < 2e-6


def test_the_table_passes_the_schema() -> None:
    subjects = simulate_cohort(300, like="ntuh", seed=2).subjects
    assert validate_subjects(subjects.assign(ecg_path="x"), "simulated").shape[0] == 300


@pytest.mark.parametrize("bad", [{"n": 0}, {"seed": -1}, {"noise": -1.0}, {"like": "mars"}])
def test_impossible_settings(bad: dict) -> None:
    with pytest.raises(DataError):
        simulate_cohort(**{"n": 5, "seed": 1, **bad})
