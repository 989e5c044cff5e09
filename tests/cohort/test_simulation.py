import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simulation_card import calibration_card
from simulation_oracle import oracle
from simulation_tools import measure
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lvmass.cohort.simulation.cohort import SimulatedSource, simulate_cohort
from lvmass.cohort.simulation.constants import LABEL_CV, SETTINGS, SITES
from lvmass.cohort.simulation.drivers import DRIVERS, Couplings
from lvmass.cohort.simulation.people import People
from lvmass.cohort.subjects import check_subjects
from lvmass.ecg.recording import LEADS
from lvmass.errors import DataError

I, II, III, AVR, AVL, AVF = range(6)  # noqa: E741


EACH_SETTING = pytest.mark.parametrize("setting", list(SETTINGS))


def people(
    seed: int, n: int, couplings: Couplings | None = None, setting: str = "published", like: str = "tw-cvai"
) -> People:
    """What the simulator knows of the first people of a site."""
    return SimulatedSource(SITES[like], seed, couplings or Couplings(), SETTINGS[setting]).simulate(0, n).people


def test_the_literature_setting_gives_the_people_of_earlier_versions() -> None:
    seen = hashlib.sha256()
    for like in SITES:
        for day in (0, 1):
            cohort = simulate_cohort(12, like=like, seed=5, day=day, setting="literature")
            seen.update(cohort.subjects.to_csv().encode())
            for recording in cohort.recordings():
                # rounded to 10 nV: libraries may differ in a last bit
                seen.update(np.round(recording.signal_mv.astype(np.float64), 5).tobytes())
    assert seen.hexdigest() == "602d00d4e3f1ff422edca6873b6d2310b53221cb5e5f5e17f6ad53b4c9632649"


def test_a_setting_changes_mass_and_its_ecg_but_not_who_the_people_are() -> None:
    published, literature = (simulate_cohort(200, seed=5, setting=name).subjects for name in SETTINGS)
    assert published.drop(columns="lvm_g").equals(literature.drop(columns="lvm_g"))
    assert (published["lvm_g"] != literature["lvm_g"]).mean() > 0.9
    assert simulate_cohort(200, seed=5).subjects.equals(published)


def test_the_published_setting_lies_in_the_region_that_the_published_numbers_imply() -> None:
    drawn = people(104, 20_000)
    lvm_g, men = drawn["lvm_g"], drawn["men"]
    assert lvm_g.mean() == pytest.approx(112.0, abs=1.5)
    for sex in (men, ~men):
        assert 0.23 < lvm_g[sex].std() / lvm_g[sex].mean() < 0.27
        body_share = np.corrcoef(np.log(lvm_g[sex]), drawn["body"][sex])[0, 1] ** 2
        assert 0.2 < body_share < 0.4
    assert drawn["excess"].std() == pytest.approx(1.0, abs=0.03)
    assert oracle(8000).partial_r2 > oracle(8000, setting="literature").partial_r2 + 0.05


def test_no_outlier_carries_the_spread_of_the_published_setting() -> None:
    for like in SITES:
        drawn = people(104, 20_000, like=like)
        for sex in (drawn["men"], ~drawn["men"]):
            lvm_g = np.sort(drawn["lvm_g"][sex])
            assert lvm_g[-1] < 400.0
            assert lvm_g[:-2].std() > 0.995 * lvm_g.std()


def test_the_external_site_is_no_narrower_in_the_published_setting() -> None:
    here, there = (people(104, 20_000, like=like) for like in ("tw-cvai", "ntuh"))
    for men in (True, False):
        assert there["lvm_g"][there["men"] == men].std() > 0.98 * here["lvm_g"][here["men"] == men].std()


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
    subjects, excluded, problems, *_ = check_subjects(subjects.assign(ecg_path="x"), "simulated")
    assert (len(subjects), len(excluded), problems) == (300, 0, [])


@pytest.mark.parametrize("bad", [{"n": 0}, {"seed": -1}, {"noise": -1.0}, {"like": "mars"}, {"setting": "guessed"}])
def test_impossible_settings(bad: dict) -> None:
    with pytest.raises(DataError):
        simulate_cohort(**{"n": 5, "seed": 1, **bad})


FEATURES = ["qrs_duration_ms", "qrs_axis_deg", "r_V5", "t_V5", "t_I"]
CRITERIA = ["sokolow_lyon_voltage_mv", "cornell_voltage_mv", "cornell_product_mv_ms", "peguero_lo_presti_mv"]


def measured(n: int, couplings: Couplings, setting: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Demographics, measured ECG features and log LVM of simulated people."""
    cohort = simulate_cohort(n, seed=8, setting=setting, couplings=couplings)
    people, _ = measure(cohort.subjects, cohort, np.arange(n), workers=1)
    people = people.dropna(subset=[*FEATURES, *CRITERIA])
    male = (people["sex"] == "male").to_numpy(float)
    body = people[["age_years", "height_cm", "weight_kg"]].to_numpy()
    demographics = np.column_stack([male, body, male[:, None] * body])
    return demographics, people[[*FEATURES, *CRITERIA]].to_numpy(float), np.log(people["lvm_g"].to_numpy())


@pytest.mark.parametrize(
    ("setting", "couplings", "least", "most"),
    [
        ("literature", Couplings(), 0.08, 0.35),
        ("published", Couplings(), 0.15, 0.45),
        ("published", Couplings.none(), -0.05, 0.02),
    ],
)
def test_the_ecg_tells_of_mass_only_through_the_couplings(
    setting: str, couplings: Couplings, least: float, most: float
) -> None:
    demographics, ecg, log_mass = measured(800, couplings, setting)
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
@EACH_SETTING
def test_a_switch_closes_its_own_path_and_no_other(setting: str, switch: str, driver: str) -> None:
    closed: dict[str, Any] = {switch: 0.0}
    life, off = (people(4, 3000, on, setting) for on in (Couplings(), Couplings(**closed)))
    assert np.array_equal(life["excess"], off["excess"])
    assert abs(np.corrcoef(off[driver], life["excess"])[0, 1]) < 0.05
    for name in DRIVERS:
        paths = {"qrs_voltage": ("strength", "growth"), "st_t": ("away", "strain")}.get(switch, (driver,))
        assert np.array_equal(life[name], off[name]) == (name not in paths)


@pytest.mark.parametrize(
    ("setting", "differ"), [("literature", {"strength", "growth", "away"}), ("published", {"away"})]
)
def test_without_sex_interaction_voltage_and_repolarization_weigh_the_same(setting: str, differ: set[str]) -> None:
    same, usual = (people(4, 3000, replace(Couplings(), sex_interaction=on), setting) for on in (0.0, 1.0))
    men = usual["men"]
    for name in DRIVERS:
        assert np.array_equal(usual[name][~men], same[name][~men]) == (name not in differ)
    assert np.array_equal(same["growth"][men], usual["growth"][men])


def test_a_power_at_which_a_correlation_would_pass_one_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 4; got 8"):
        Couplings(sex_interaction=8.0)


@EACH_SETTING
@pytest.mark.parametrize("power", [0.0, 1.0, 4.0])
def test_repolarization_says_more_of_mass_in_women(setting: str, power: float) -> None:
    drawn = people(4, 40_000, replace(Couplings(), sex_interaction=power), setting)
    men = drawn["men"]
    follows = [np.corrcoef(drawn["excess"][sex], drawn["away"][sex])[0, 1] for sex in (men, ~men)]
    expected = SETTINGS[setting].away_r * np.array(SETTINGS[setting].st_t_sex) ** power
    assert follows == pytest.approx(expected, abs=0.02)


@EACH_SETTING
def test_every_driver_keeps_its_spread_with_and_without_couplings(setting: str) -> None:
    for on in (Couplings(), Couplings.none()):
        drawn = people(4, 20_000, on, setting)
        for name in set(DRIVERS) - {"strain"}:
            assert drawn[name].std() == pytest.approx(1.0, abs=0.05)


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


@pytest.mark.parametrize(("setting", "limb_leads_stay"), [("literature", True), ("published", False)])
def test_another_day_is_the_same_heart_seen_from_other_places(setting: str, limb_leads_stay: bool) -> None:
    days = (SimulatedSource(SITES["tw-cvai"], 3, Couplings(), SETTINGS[setting], day=day) for day in (0, 1))
    first, second = (source.simulate(0, 50) for source in days)
    assert np.array_equal(first.heart.forces, second.heart.forces)
    assert np.array_equal(first.amplitudes[:, :2], second.amplitudes[:, :2]) == limb_leads_stay
    assert not np.allclose(first.amplitudes[:, 2:], second.amplitudes[:, 2:])


def test_the_card_lists_every_target_by_sex() -> None:
    card = calibration_card(150, 1, "published")
    assert set(card["sex"]) == {"all", "men", "women"}
    assert (card["low"] < card["high"]).all()
    assert (card["met"] == card["got"].between(card["low"], card["high"])).all()


def test_the_kept_card_is_that_of_the_present_simulator() -> None:
    kept = json.loads((Path(__file__).parents[2] / "book/validation/simulation_card.json").read_text())
    assert kept["n"] >= 1000
    for setting in SETTINGS:
        card, best = (kept["settings"][setting][name] for name in ("card", "oracle"))
        mean_g = next(row["got"] for row in card if (row["quantity"], row["sex"]) == ("LVM mean, g", "all"))
        drawn = simulate_cohort(kept["n"], seed=kept["seed"], setting=setting).subjects
        # people without a usable beat are not on the card
        assert mean_g == pytest.approx(drawn["lvm_g"].mean(), abs=0.1)
        again = asdict(oracle(best["n"] // 10, setting=setting))
        for name in ("mae_g", "demographics_mae_g", "auc"):
            assert best[name] == pytest.approx(again[name], rel=0.05)


def test_the_oracle_is_no_better_than_demographics_without_couplings() -> None:
    best, blind = oracle(6000), oracle(6000, couplings=Couplings.none())
    assert best.mae_g < best.demographics_mae_g - 0.5
    assert blind.mae_g == pytest.approx(blind.demographics_mae_g, abs=0.15)
    assert blind.auc < best.auc
