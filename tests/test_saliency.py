"""Maps add up, fall on a person's own waves, and their tests find what is there and nothing else."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from lvmass.cohort import simulate_cohort
from lvmass.ecg import LEADS, measure_beat, synchronized_beat
from lvmass.networks import build_network
from lvmass.saliency import METHODS, WAVES, attribute, by_lead_and_wave, cells_of, wave_of_samples
from lvmass.saliency.sanity import agreement, deletion_insertion, randomized, rank_correlation
from lvmass.saliency.sexes import compare_maps, matched_pairs, weighting_test
from lvmass.saliency.waves import group_shares, mean_of_people
from lvmass.training.model import FittedModel

TIME_MS = np.arange(-300, 500, 2.0)


@pytest.fixture(scope="module")
def model() -> FittedModel:
    torch.manual_seed(0)
    arguments = {"channels": 4, "levels": 5, "stem_stride": 4}
    network = build_network("elvmass-net", n_covariates=2, n_samples=400, **arguments)
    torch.nn.init.normal_(network.head[-1].weight)  # type: ignore[union-attr,index]  # it starts at zero
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    return FittedModel("elvmass-net", arguments, 400, ("age_years",), np.zeros(1), np.ones(1), 112.0, 28.0, weights)


def beats(n: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.normal(0, 0.5, (n, 12, 400)).astype(np.float32), generator.normal(size=(n, 1))


def some_waves(n: int) -> np.ndarray:
    """PR before -40 ms, QRS to 40 ms, ST to 140 ms, then T."""
    return np.tile(1 + np.digitize(TIME_MS, [-40, 40, 140]), (n, 1)).astype(np.int8)


@pytest.mark.parametrize("baseline", ["flat", "mean", "several"])
def test_integrated_gradients_add_up_within_a_percent(model: FittedModel, baseline: str) -> None:
    x, age = beats(6)
    starts = {"flat": np.zeros((12, 400), np.float32), "mean": beats(1, 9)[0][0], "several": beats(3, 9)[0]}
    made = attribute(model, x, age, baseline_mv=starts[baseline])
    start = np.atleast_3d(starts[baseline]).reshape(-1, 12, 400)
    difference = model.predict_g(x, age) - model.predict_g(start, np.zeros((len(start), 1))).mean()
    np.testing.assert_allclose(made.difference_g, difference, atol=1e-3)
    sums = made.grams.sum(axis=(1, 2)) + made.covariate_grams.sum(axis=1)
    np.testing.assert_allclose(sums, difference, rtol=0.012, atol=1e-3)
    np.testing.assert_allclose(made.completeness_error_g, sums - difference, atol=1e-2)


def test_steps_go_up_to_their_limit(model: FittedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def rough(*args: Any) -> Any:
        tried.append(args[-1])
        return torch.zeros_like(args[1][0]), torch.zeros_like(args[1][1])

    monkeypatch.setattr("lvmass.saliency.maps._integrated_gradients", rough)
    monkeypatch.setitem(METHODS, "integrated gradients", rough)
    attribute(model, *beats(1), steps=32)
    assert tried == [32, 128, 512, 2048, 4096]


@pytest.mark.parametrize("method", METHODS)
def test_a_sample_that_is_at_its_baseline_contributes_nothing(model: FittedModel, method: str) -> None:
    x, age = beats(2)
    x[:, 3, 100:200] = 0
    made = attribute(model, x, age, method=method, cells=np.arange(12 * 400).reshape(1, 12, 400).repeat(2, 0) // 100)
    assert np.abs(made.grams[:, 3, 100:200]).max() < 1e-6
    assert np.abs(made.grams[:, 3, :100]).max() > 0


def test_only_the_waveform_counts_where_covariates_are_held(model: FittedModel) -> None:
    x, age = beats(2)
    one, other = (attribute(model, x, column, only_waveform=True) for column in (age, age + 5))
    np.testing.assert_array_equal(one.grams, other.grams)
    assert not one.covariate_grams.any()


def test_occlusion_takes_a_wave_away(model: FittedModel) -> None:
    x, age = beats(3)
    cells = cells_of(some_waves(3))
    made = attribute(model, x, age, method="occlusion", cells=cells)
    without = np.where(cells == 6 * LEADS.index("V2") + WAVES.index("QRS"), 0, x)
    by_wave = by_lead_and_wave(made.grams, some_waves(3))[:, LEADS.index("V2"), WAVES.index("QRS")]
    np.testing.assert_allclose(by_wave, model.predict_g(x, age) - model.predict_g(without, age), atol=1e-3)
    covariate = model.predict_g(x, age) - model.predict_g(x, np.zeros_like(age))
    np.testing.assert_allclose(made.covariate_grams[:, 0], covariate, atol=1e-3)


def test_waves_are_those_that_are_measured() -> None:
    recordings = list(simulate_cohort(6, seed=3).recordings())
    cut = [synchronized_beat(recording) for recording in recordings]
    measured = [measure_beat(beat) for beat in cut]
    people = pd.DataFrame([{"heart_rate_bpm": m.heart_rate_bpm, "pr_interval_ms": m.pr_interval_ms} for m in measured])
    people.loc[0, "pr_interval_ms"] = np.nan
    waves = wave_of_samples(np.stack([beat.waveform_mv for beat in cut]), people, cut[0].time_ms)
    for row, own in zip(waves, measured, strict=True):
        qrs = cut[0].time_ms[row == WAVES.index("QRS")]
        assert abs(np.ptp(qrs) + 2 - own.qrs_duration_ms) <= 8
        assert abs(qrs[0] - own.qrs_onset_ms) <= 6
        assert (np.diff(np.flatnonzero(row == WAVES.index("T"))) == 1).all()
    assert not (waves[0] == WAVES.index("P")).any()  # no P wave was measured
    assert (waves[1:] == WAVES.index("P")).any(axis=1).all()


def test_shares_and_means_by_wave() -> None:
    grams, waves = np.zeros((4, 12, 400)), some_waves(4)
    grams[:, LEADS.index("V1"), 150] = [-2.0, -2.0, 2.0, 4.0]  # at R
    cells = by_lead_and_wave(np.abs(grams), waves)
    assert (group_shares(cells)[:, 1, WAVES.index("QRS")] == 100).all()
    assert group_shares(cells).sum() == 400
    assert not group_shares(0 * cells).any()
    mean, low, high = mean_of_people(cells, ["a", "a", "b", "c"])[:, LEADS.index("V1"), WAVES.index("QRS")]
    assert mean == 2.5
    # patient a has two rows of 2 g: a resample of patients is between all a (2 g) and all c (4 g)
    assert low == 2.0
    assert high == pytest.approx(4.0)


def test_maps_are_compared_in_pairs_and_between_the_sexes() -> None:
    rng = np.random.default_rng(0)
    men, maps = np.arange(120) % 2 == 1, rng.normal(size=(120, 12, 5))
    assert (compare_maps(maps, men)["p_fdr"] > 0.05).all()
    maps[~men, 3, 2] += 1.5
    found = compare_maps(maps, men)
    assert np.flatnonzero(found["p_fdr"] < 0.05).tolist() == [3 * 5 + 2]
    assert found["effect"].iloc[17] == pytest.approx(1.5, abs=0.4)
    paired = compare_maps(maps[~men] - maps[men])
    assert np.flatnonzero(paired["p_fdr"] < 0.05).tolist() == [17]
    women, matched = matched_pairs(rng.normal(size=(120, 1)), men)
    assert len(women) > 20
    assert not men[women].any()
    assert men[matched].all()
    age = rng.normal(size=(120, 1))
    unknown = np.column_stack([age, np.zeros(120)])
    unknown[:10, 0] = np.nan
    women, matched = matched_pairs(unknown, men)  # in the second, all are alike
    assert len(women) > 20
    assert min(*women, *matched) >= 10
    assert len(matched_pairs(np.full((120, 1), np.nan), men)[0]) == 0


def test_weighting_is_found_where_a_wave_follows_mass_otherwise_in_women() -> None:
    rng, n = np.random.default_rng(1), 2000
    men, size = np.arange(n) % 5 < 3, rng.normal(170, 8, (n, 1))
    more = rng.normal(0, 0.15, n)  # log of mass over what size says
    cells = rng.normal(size=(n, 12, 6))
    cells[:, 0, WAVES.index("QRS")] += 40 * more
    cells[:, 7, WAVES.index("T")] += 20 * more
    alike = weighting_test(cells, size[:, 0] * np.exp(more), size, men)
    assert alike["wave"].tolist() == ["QRS", "T"]  # the others carry no mass
    assert (alike["p_fdr"] > 0.05).all()
    np.testing.assert_allclose(alike["women"], np.log(1.1) * np.array([40, 20]), atol=0.3)
    cells[~men, 7, WAVES.index("T")] += 20 * more[~men]
    found = weighting_test(cells, size[:, 0] * np.exp(more), size, men)
    assert found.loc[found["p_fdr"] < 0.05, "wave"].tolist() == ["T"]
    np.testing.assert_allclose(found[["women", "men"]].iloc[1], np.log(1.1) * np.array([40, 20]), atol=0.3)
    constant = np.column_stack([size, np.full(n, 60.0)])
    pd.testing.assert_frame_equal(weighting_test(cells, size[:, 0] * np.exp(more), constant, men), found)


def test_a_map_of_shuffled_weights_is_another(model: FittedModel) -> None:
    x, age = beats(4)
    own = attribute(model, x, age).grams
    parts = list(randomized(model, 0))
    assert [name for name, _ in parts] == ["straight", "head", "codes", "encoders"]
    assert rank_correlation(own, attribute(parts[0][1], x, age).grams).min() > 0.99  # covariates' path only
    assert abs(rank_correlation(own, attribute(parts[-1][1], x, age).grams).mean()) < 0.2
    assert rank_correlation(own, own).min() == pytest.approx(1)
    constant, unknown = (np.full_like(own, value) for value in (1, np.nan))
    assert not rank_correlation(own, constant).any()
    assert np.isnan(rank_correlation(own, unknown)).all()  # no pass for a map that is none
    for name, value in model.weights.items():
        np.testing.assert_allclose(np.sort(parts[-1][1].weights[name].ravel()), np.sort(value.ravel()))


def test_deletion_follows_what_is_marked(model: FittedModel) -> None:
    x, age = beats(8)
    flat = np.zeros((12, 400), np.float32)
    orders: dict[str, Any] = {
        "map": attribute(model, x, age).grams,
        "random": np.random.default_rng(0).normal(size=x.shape),
    }
    curves = deletion_insertion(model, x, age, orders, flat, 2.0)
    area = {row["order"]: row for row in curves.to_dict("records")}
    assert area["map"]["deletion_g"] > area["random"]["deletion_g"]
    assert area["map"]["insertion_g"] < area["random"]["insertion_g"]


def test_deletion_ends_at_the_baseline_and_insertion_at_the_beat(model: FittedModel) -> None:
    flat, age = np.zeros((1, 12, 400), np.float32), np.ones((1, 1))
    one_patch = flat.copy()
    one_patch[0, 3, 40:60] = 2.0  # mV, one of 240 patches: marked first or last
    whole_g = np.abs(model.predict_g(one_patch, age) - model.predict_g(flat, age)).item()
    assert whole_g > 0.1
    orders: dict[str, Any] = {"first": one_patch, "last": 2 - one_patch}
    found = deletion_insertion(model, one_patch, age, orders, flat[0], 2.0).set_index("order")
    areas = [[0.99, 0.01], [0.15, 0.85]]  # a step between the first two shares, or between the last two
    np.testing.assert_allclose(found.loc[["first", "last"]] / whole_g, areas, atol=1e-5)


def test_agreement_says_which_maps_change(model: FittedModel) -> None:
    x, age = beats(4)
    starts = {"flat": np.zeros((12, 400), np.float32), "mean": x.mean(axis=0), "several": x[:2]}
    table, grams = agreement(model, x, age, some_waves(4), starts, 2.0, seed=0)
    samples = dict(zip(table["against"], table["samples"], strict=True))
    assert grams.shape == x.shape
    assert samples["weights shuffled down to straight"] > 0.99
    assert abs(samples["weights shuffled down to encoders"]) < 0.2
    shares = table[[name for name in table.columns if ", " in str(name)]]
    np.testing.assert_allclose(shares.sum(axis=1), 100)
    assert sum(table["against"].str.startswith("shifted")) == 2
    slow, _ = agreement(model, x, age, some_waves(4), {"mean": starts["mean"]}, 10.0, seed=0)
    assert not slow["against"].str.startswith("shifted").any()  # 4 ms are no sample at 100 Hz
