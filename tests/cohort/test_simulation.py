from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lvmass.cohort.schema import validate_subjects
from lvmass.cohort.simulation.card import calibration_card, measured_features
from lvmass.cohort.simulation.cohort import SimulatedSource, simulate_cohort
from lvmass.cohort.simulation.constants import LABEL_CV, SITES
from lvmass.cohort.simulation.drivers import DRIVERS, Couplings
from lvmass.cohort.simulation.oracle import oracle
from lvmass.cohort.simulation.people import People
from lvmass.ecg.recording import LEADS
from lvmass.errors import DataError

I, II, III, AVR, AVL, AVF = range(6)  # noqa: E741


def people(seed: int, n: int, couplings: Couplings) -> People:
    """What the simulator knows of the first people of the development site."""
    return SimulatedSource(SITES["tw-cvai"], seed, couplings).simulate(0, n).people


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


def measured(n: int, couplings: Couplings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Demographics, measured ECG features and log LVM of simulated people."""
    cohort = simulate_cohort(n, seed=8, couplings=couplings)
    features = measured_features(cohort, 0, n).astype(float).dropna()
    people = cohort.subjects.loc[features.index]
    male = (people["sex"] == "male").to_numpy(float)
    body = people[["age_years", "height_cm", "weight_kg"]].to_numpy()
    demographics = np.column_stack([male, body, male[:, None] * body])
    return demographics, features.to_numpy(), np.log(people["lvm_g"].to_numpy())


@pytest.mark.parametrize(("couplings", "least", "most"), [(Couplings(), 0.08, 0.35), (Couplings.none(), -0.05, 0.02)])
def test_the_ecg_tells_of_mass_only_through_the_couplings(couplings: Couplings, least: float, most: float) -> None:
    demographics, ecg, log_mass = measured(800, couplings)
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 4, 9)))

    def unexplained(x: np.ndarray) -> float:
        return float(np.mean((log_mass - cross_val_predict(model, x, log_mass, cv=5)) ** 2))

    gain = 1 - unexplained(np.column_stack([demographics, ecg])) / unexplained(demographics)
    assert least < gain < most


@pytest.mark.parametrize(
    ("switch", "driver"),
    [
        ("qrs_voltage", "strength"),
        ("qrs_voltage", "growth"),
        ("qrs_duration", "duration"),
        ("axis", "leftward"),
        ("st_t", "strain"),
        ("st_t", "away"),
        ("atrium", "atrium"),
    ],
)
def test_a_switch_closes_its_own_path_and_no_other(switch: str, driver: str) -> None:
    closed: dict[str, Any] = {switch: 0.0}
    life, off = (people(4, 3000, on) for on in (Couplings(), Couplings(**closed)))
    assert np.array_equal(life["excess"], off["excess"])
    assert abs(np.corrcoef(off[driver], life["excess"])[0, 1]) < 0.05
    for name in DRIVERS:
        paths = {"qrs_voltage": ("strength", "growth"), "st_t": ("away", "strain")}.get(switch, (driver,))
        assert np.array_equal(life[name], off[name]) == (name not in paths)


def test_without_sex_interaction_voltage_and_repolarization_weigh_the_same() -> None:
    same, usual = people(4, 3000, replace(Couplings(), sex_interaction=False)), people(4, 3000, Couplings())
    men = usual["men"]
    for name in ("strength", "growth", "away"):
        assert not np.array_equal(usual[name][~men], same[name][~men])
    assert np.array_equal(same["growth"][men], usual["growth"][men])
    assert np.array_equal(same["duration"], usual["duration"])


def test_the_label_carries_the_noise_of_a_scanner() -> None:
    drawn = people(3, 4000, Couplings())
    error = np.log(drawn["lvm_g"] / drawn["mass_g"])
    assert error.std() == pytest.approx(LABEL_CV, rel=0.05)
    assert abs(error.mean()) < 0.003


def test_the_external_site_differs_in_people_and_noise() -> None:
    here, there = (simulate_cohort(3000, like=like, seed=1).subjects for like in ("tw-cvai", "ntuh"))
    assert there["age_years"].mean() > here["age_years"].mean() + 3
    assert there["hypertension"].mean() > here["hypertension"].mean() + 0.1
    loud, silent = (simulate_cohort(4, like="ntuh", seed=1, noise=noise).recording(2) for noise in (1.0, 0.0))
    assert np.abs(loud.signal_mv - silent.signal_mv).max() > 0.02


def test_another_day_is_the_same_heart_seen_from_other_places() -> None:
    first, second = (SimulatedSource(SITES["tw-cvai"], 3, Couplings(), day=day).simulate(0, 50) for day in (0, 1))
    assert np.array_equal(first.heart.forces, second.heart.forces)
    assert np.array_equal(first.amplitudes[:, :2], second.amplitudes[:, :2])  # limb leads
    assert not np.allclose(first.amplitudes[:, 2:], second.amplitudes[:, 2:])


def test_the_card_lists_every_target_by_sex() -> None:
    card = calibration_card(150, seed=1)
    assert set(card["sex"]) == {"all", "men", "women"}
    assert (card["low"] < card["high"]).all()
    assert (card["met"] == card["got"].between(card["low"], card["high"])).all()


def test_the_oracle_is_no_better_than_demographics_without_couplings() -> None:
    best, blind = oracle(6000), oracle(6000, couplings=Couplings.none())
    assert best.mae_g < best.demographics_mae_g - 0.5
    assert blind.mae_g == pytest.approx(blind.demographics_mae_g, abs=0.15)
    assert blind.auc < best.auc
