"""Costs of networks, against arithmetic by hand."""

from typing import Any

import numpy as np
import pytest

from lvmass.networks import build_network
from lvmass.report.errors import _mflop_per_person, costs
from lvmass.study.study import Study
from lvmass.training.model import FittedModel


def unfitted(network: str, **arguments: Any) -> FittedModel:
    """One covariate, weights as they are drawn."""
    weights = build_network(network, 2, 400, **arguments).state_dict()
    return FittedModel(
        network=network, arguments=arguments, n_samples=400, covariates=("bsa_m2",), covariate_mean=np.zeros(1),
        covariate_sd=np.ones(1), target_mean_g=110.0, target_sd_g=25.0,
        weights={name: value.numpy() for name, value in weights.items()}, history=(),
    )  # fmt: skip


def test_fcn_by_hand() -> None:
    # three convolutions on 400, 201 and 101 samples; head of 130 x 130 and 130 x 1
    multiplications = 400 * 8 * 8 * 128 + 201 * 128 * 5 * 256 + 101 * 256 * 3 * 128 + 130 * 130 + 130
    # an even kernel pads by hand, so that its length stays; pooling by 2 pads one sample on either side
    assert _mflop_per_person(unfitted("fcn")) == pytest.approx(2 * multiplications / 1e6, rel=0.01)


def test_elvmass_net_by_hand() -> None:
    model = unfitted("elvmass-net", channels=16, levels=5, stem_stride=4, time_bins=8)
    group = 100 * (6 * 8 * 16 + 2 * 5 * 16 * 16 * 5) + 16 * 8 * 16
    head = (2 * 16 + 2) * 32 + 32 + 2
    assert _mflop_per_person(model) == pytest.approx(2 * (2 * group + head) / 1e6, rel=1e-6)


def test_weight_normalization_costs_nothing_more() -> None:
    plain, normalized = unfitted("elvmass-net"), unfitted("elvmass-net", norm="weight")
    assert _mflop_per_person(normalized) == _mflop_per_person(plain)


def test_a_lstm_counts_too() -> None:
    small, large = (unfitted("cnn-lstm", hidden=hidden) for hidden in (32, 64))
    # four gates, both directions, 50 steps of 64 channels each
    steps = 2 * 50 * 4 * 2 * (64 * (64 + 64) - 32 * (64 + 32)) / 1e6
    assert _mflop_per_person(large) - _mflop_per_person(small) == pytest.approx(steps, rel=0.02)


def test_costs_of_a_study(tiny_study: Study) -> None:
    table = costs(tiny_study)
    assert "sex-median" not in set(table["model"])  # no network
    own = table[(table["model"] == "elvmass-net") & (table["training"] == "pooled")].iloc[0]
    fits, model = tiny_study.fits("elvmass-net", "pooled"), tiny_study.networks("elvmass-net", "pooled")[0]
    assert own["fits"] == len(fits)
    assert own["fit_s"] == pytest.approx(np.mean([fit.seconds for fit in fits]))
    assert 0.01 < own["fit_s"] < 600
    trained = [value.size for name, value in model.weights.items() if name.endswith(("weight", "bias"))]
    assert own["parameters"] == sum(trained)
    assert own["mflop"] == _mflop_per_person(model)
