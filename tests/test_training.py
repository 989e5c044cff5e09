"""Training finds what is there, the same each time, and touches nothing it should not."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from lvmass.errors import DataError
from lvmass.model import FittedModel
from lvmass.training import FitConfig, asymmetric_loss, fit_network, log_cosh

Part = tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]
ARGUMENTS: dict[str, Any] = {"channels": 8, "levels": 5, "stem_stride": 4, "dropout": 0.0}


def toy(n: int, seed: int) -> Part:
    """Mass follows a covariate and the height of the QRS complex in V5."""
    generator = np.random.default_rng(seed)
    beats = generator.normal(0, 0.02, (n, 12, 400)).astype(np.float32)
    voltage, size = generator.normal(1.5, 0.4, n), generator.normal(1.7, 0.2, n)
    beats[:, 10, 140:160] += voltage[:, None].astype(np.float32)
    return beats, size[:, None], 112 + 60 * (size - 1.7) + 25 * (voltage - 1.5)


def fit(config: FitConfig, seed: int = 0, threads: int = 1, arguments: dict[str, Any] = ARGUMENTS) -> FittedModel:
    return fit_network(
        "elvmass-net", arguments, config, ("bsa_m2",), toy(256, 1), toy(64, 2), sampling_rate_hz=500, seed=seed,
        threads=threads,
    )  # fmt: skip


@pytest.fixture(scope="module")
def fitted() -> FittedModel:
    return fit(FitConfig(epochs=15, learning_rate=5e-3))


def test_learns_what_the_waveform_holds(fitted: FittedModel) -> None:
    beats, covariates, mass = toy(200, 3)
    error = np.abs(fitted.predict_g(beats, covariates) - mass).mean()
    without_waveform = np.abs(112 + 60 * (covariates[:, 0] - 1.7) - mass).mean()
    assert error < 0.5 * without_waveform


def test_keeps_the_best_epoch(fitted: FittedModel) -> None:
    beats, covariates, mass = toy(64, 2)  # the validation people
    best = min(epoch["validation_mae_g"] for epoch in fitted.history)
    assert np.abs(fitted.predict_g(beats, covariates) - mass).mean() == pytest.approx(best, rel=1e-3)


def test_same_seed_same_model_other_seed_another() -> None:
    config = FitConfig(epochs=2)
    beats, covariates, _ = toy(20, 4)
    first, again, other = (fit(config, seed).predict_g(beats, covariates) for seed in (1, 1, 2))
    np.testing.assert_allclose(first, again, atol=1e-5)
    assert np.abs(first - other).max() > 1e-3


def test_stops_early() -> None:
    assert len(fit(FitConfig(epochs=60, patience=1, learning_rate=1e-6)).history) < 60


def test_scaling_comes_from_training_people_only(fitted: FittedModel) -> None:
    _, covariates, mass = toy(256, 1)
    assert fitted.target_mean_g == pytest.approx(mass.mean())
    assert fitted.covariate_mean == pytest.approx(covariates.mean(axis=0))


def test_divergence_is_one_sentence() -> None:
    beats, covariates, mass = toy(64, 1)
    beats[0] = np.nan
    with pytest.raises(DataError, match="Training elvmass-net diverged"):
        fit_network(
            "elvmass-net", ARGUMENTS, FitConfig(epochs=2), ("bsa_m2",), (beats, covariates, mass), toy(32, 2),
            sampling_rate_hz=500, seed=0,
        )  # fmt: skip


@pytest.mark.parametrize("loss", ["huber", "log-cosh", "asymmetric"])
def test_every_loss_trains(loss: str) -> None:
    model = fit(FitConfig.model_validate({"epochs": 4, "loss": loss}))
    assert model.history[-1]["training_loss"] < model.history[0]["training_loss"]


def test_log_cosh_against_numpy() -> None:
    error = torch.linspace(-5, 5, 11)
    assert float(log_cosh(error)) == pytest.approx(float(np.log(np.cosh(error.numpy())).mean()), rel=1e-6)
    assert np.isfinite(float(log_cosh(torch.tensor([1e4]))))


def test_asymmetric_loss_by_hand() -> None:
    # y = 3, p = 1: (40 (3-2) + 20 (3-1)) (3-1) (3-1)^2 + log cosh 2
    expected = (40 * 1 + 20 * 2) * 2 * 4 + np.log(np.cosh(2))
    assert float(asymmetric_loss(torch.tensor([1.0]), torch.tensor([3.0]))) == pytest.approx(expected, rel=1e-6)
    # y = 2, p = 3: 5 (2-1) (3-2) (2-3)^2 + log cosh 1
    expected = 5 + np.log(np.cosh(1))
    assert float(asymmetric_loss(torch.tensor([3.0]), torch.tensor([2.0]))) == pytest.approx(expected, rel=1e-6)


def test_misspelt_setting_is_refused() -> None:
    with pytest.raises(ValidationError):
        FitConfig.model_validate({"epoch": 3})


def test_starts_at_the_ridge_regression_on_covariates() -> None:
    _, covariates, mass = toy(256, 1)
    start = fit(FitConfig(epochs=1, learning_rate=1e-9))
    beats, size, _ = toy(200, 3)
    slope, intercept = np.polyfit(covariates[:, 0], mass, 1)
    np.testing.assert_allclose(start.predict_g(beats, size), intercept + slope * size[:, 0], atol=0.5)
