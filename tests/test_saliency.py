import numpy as np
import pytest
import torch

from lvmass.networks import build_network
from lvmass.saliency import integrated_gradients, segment_shares
from lvmass.training.model import FittedModel


@pytest.fixture(scope="module")
def model() -> FittedModel:
    arguments = {"channels": 4, "levels": 5, "stem_stride": 4}
    network = build_network("elvmass-net", n_covariates=2, n_samples=400, **arguments)
    torch.nn.init.normal_(network.head[-1].weight)  # type: ignore[union-attr,index]  # it starts at zero
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    return FittedModel("elvmass-net", arguments, 400, ("age_years",), np.zeros(1), np.ones(1), 112.0, 28.0, weights)


def test_contributions_add_up_to_the_difference_from_a_flat_ecg(model: FittedModel) -> None:
    generator = np.random.default_rng(0)
    beats, age = generator.normal(0, 0.5, (4, 12, 400)).astype(np.float32), generator.normal(size=(4, 1))
    grams, error_g = integrated_gradients(model, beats, age, steps=128)
    difference = model.predict_g(beats, age) - model.predict_g(np.zeros_like(beats), age)
    np.testing.assert_allclose(grams.sum(axis=(1, 2)), difference, atol=0.1)
    np.testing.assert_allclose(grams.sum(axis=(1, 2)) - difference, error_g, atol=1e-3)


def test_silent_sample_contributes_nothing(model: FittedModel) -> None:
    beats = np.ones((1, 12, 400), np.float32)
    beats[:, 3, 100:200] = 0
    assert np.abs(integrated_gradients(model, beats, np.zeros((1, 1)))[0][:, 3, 100:200]).max() == 0


def test_shares_add_up_to_all() -> None:
    time_ms = np.arange(-300, 500, 2.0)
    grams = np.random.default_rng(0).normal(size=(5, 12, 400))
    shares = segment_shares(grams, time_ms)
    np.testing.assert_allclose(shares.groupby("person")["share"].sum(), 100)
    only_v1 = np.zeros((1, 12, 400))
    only_v1[0, 6, 150] = -2.0
    found = segment_shares(only_v1, time_ms).set_index(["group", "segment"])["share"]
    assert found["precordial leads", "QRS"] == 100
    assert found.sum() == 100
    wide = np.pad(only_v1, ((0, 0), (0, 0), (50, 50)), constant_values=3.0)  # a wider window, outside the segments
    found = segment_shares(wide, np.arange(-400, 600, 2.0)).set_index(["group", "segment"])["share"]
    assert found["precordial leads", "QRS"] == 100


def test_nothing_attributed_is_no_share_not_nan() -> None:
    assert (segment_shares(np.zeros((1, 12, 400)), np.arange(-300, 500, 2.0))["share"] == 0).all()
