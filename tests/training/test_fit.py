"""Training finds what is there, the same each time, and touches nothing it should not."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from lvmass.errors import DataError
from lvmass.networks.elvmass_net import ElvmassNet
from lvmass.training.fit import LOSSES, NOBODY, _Batches, _Regression, fit_network
from lvmass.training.model import FittedModel
from lvmass.training.settings import FitConfig, MachineConfig

Part = tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]
ARGUMENTS: dict[str, Any] = {"channels": 8, "levels": 5, "stem_stride": 4, "dropout": 0.0}


def toy(n: int, seed: int) -> Part:
    """Mass follows a covariate and the height of the QRS complex in V5."""
    generator = np.random.default_rng(seed)
    beats = generator.normal(0, 0.02, (n, 12, 400)).astype(np.float32)
    voltage, size = generator.normal(1.5, 0.4, n), generator.normal(1.7, 0.2, n)
    beats[:, 10, 140:160] += voltage[:, None].astype(np.float32)
    return beats, size[:, None], 112 + 60 * (size - 1.7) + 25 * (voltage - 1.5)


def fit(config: FitConfig, seed: int = 0, arguments: dict[str, Any] = ARGUMENTS, **options: Any) -> FittedModel:
    validation = np.arange(256, 320) if config.keep == "best" else NOBODY
    return fit_network(
        "elvmass-net", arguments, config, ("bsa_m2",), both(toy(256, 1), toy(64, 2)), np.arange(256), validation,
        sampling_rate_hz=500, seed=seed, **options,
    )  # fmt: skip


def both(training: Part, validation: Part) -> Part:
    return (
        np.concatenate([training[0], validation[0]]),
        np.concatenate([training[1], validation[1]]),
        np.concatenate([training[2], validation[2]]),
    )


@pytest.fixture(scope="module")
def fitted() -> FittedModel:
    return fit(FitConfig(epochs=15, learning_rate=5e-3, keep="best"))


def test_learns_what_the_waveform_holds(fitted: FittedModel) -> None:
    beats, covariates, mass = toy(200, 3)
    error = np.abs(fitted.predict_g(beats, covariates) - mass).mean()
    without_waveform = np.abs(112 + 60 * (covariates[:, 0] - 1.7) - mass).mean()
    assert error < 0.5 * without_waveform


def test_keeps_the_best_epoch(fitted: FittedModel) -> None:
    beats, covariates, mass = toy(64, 2)  # the validation people
    best = min(epoch["validation_mae_g"] for epoch in fitted.history)
    level = fitted.target_mean_g / toy(256, 1)[2].mean()  # set after the epoch was chosen
    assert np.abs(fitted.predict_g(beats, covariates) / level - mass).mean() == pytest.approx(best, rel=1e-3)


@pytest.mark.parametrize("loss", ["log-cosh", "asymmetric"])
def test_estimates_have_the_mean_of_the_people_fitted(loss: str) -> None:
    """A loss may aim at the median of a skewed mass, or above it; the level is set by those who were fitted."""
    (beats, covariates, mass), rows = toy(256, 1), np.arange(200)
    skewed = mass + np.random.default_rng(0).exponential(30.0, 256)
    config = FitConfig.model_validate({"epochs": 6, "loss": loss})
    people = (beats, covariates, skewed)
    model = fit_network("elvmass-net", ARGUMENTS, config, ("bsa_m2",), people, rows, sampling_rate_hz=500, seed=0)
    estimated = model.predict_g(beats, covariates)
    assert estimated[rows].mean() == pytest.approx(skewed[rows].mean(), rel=1e-6)
    assert abs(estimated[200:].mean() - skewed[200:].mean()) > 1e-3  # no one else had a say


def test_the_last_epoch_is_kept_by_default_and_everybody_is_fitted() -> None:
    model = fit(FitConfig(epochs=3, patience=1))
    assert [sorted(epoch) for epoch in model.history] == [["training_loss", "training_mae_g"]] * 3
    assert model.training_people == 256
    beats, covariates, mass = toy(256, 1)
    settings: dict[str, Any] = {
        "epochs": 1, "learning_rate": 1e-12, "shift_ms": 0, "noise_mv": 0, "electrode_shift": 0, "chest_voltage_cv": 0,
        "covariate_dropout": 0,
    }  # fmt: skip
    still = fit(FitConfig.model_validate(settings), arguments=ARGUMENTS | {"norm": "weight"})  # no step, no noise
    found = np.abs(still.predict_g(beats, covariates) - mass).mean()
    assert still.history[0]["training_mae_g"] == pytest.approx(found, rel=1e-4)


def test_the_best_epoch_needs_people_who_choose_it() -> None:
    with pytest.raises(DataError, match="needs people who choose the epoch"):
        fit_network(
            "elvmass-net", ARGUMENTS, FitConfig(keep="best"), ("bsa_m2",), toy(64, 1), np.arange(64),
            sampling_rate_hz=500, seed=0,
        )  # fmt: skip
    with pytest.raises(ValidationError, match="'plateau' follows the validation MAE and needs keep = 'best'"):
        FitConfig(schedule="plateau")


def test_same_seed_same_model_other_seed_another() -> None:
    config = FitConfig(epochs=1)
    beats, covariates, _ = toy(20, 4)
    first, again, other = (fit(config, seed).predict_g(beats, covariates) for seed in (1, 1, 2))
    np.testing.assert_allclose(first, again, atol=1e-5)
    assert np.abs(first - other).max() > 1e-3


def test_stops_early() -> None:
    assert len(fit(FitConfig(epochs=60, patience=1, learning_rate=1e-6, keep="best")).history) < 60


def test_scaling_comes_from_training_people_only(fitted: FittedModel) -> None:
    _, covariates, mass = toy(256, 1)
    assert fitted.target_mean_g / fitted.target_sd_g == pytest.approx(mass.mean() / mass.std())
    assert fitted.covariate_mean == pytest.approx(covariates.mean(axis=0))


def test_divergence_is_one_sentence() -> None:
    beats, covariates, mass = toy(64, 1)
    beats[0] = np.nan
    with pytest.raises(DataError, match="Training elvmass-net diverged"):
        fit_network(
            "elvmass-net", ARGUMENTS, FitConfig(epochs=2), ("bsa_m2",), (beats, covariates, mass), np.arange(64),
            sampling_rate_hz=500, seed=0,
        )  # fmt: skip


def test_people_of_one_mass_are_one_sentence() -> None:
    beats, covariates, _ = toy(64, 1)
    with pytest.raises(DataError, match="All who train elvmass-net have the same LVM"):
        fit_network(
            "elvmass-net", ARGUMENTS, FitConfig(epochs=1), ("bsa_m2",), (beats, covariates, np.full(64, 110.1)),
            np.arange(64), sampling_rate_hz=500, seed=0,
        )  # fmt: skip


@pytest.mark.parametrize("loss", ["huber", "log-cosh", "asymmetric"])
def test_every_loss_trains(loss: str) -> None:
    model = fit(FitConfig.model_validate({"epochs": 3, "loss": loss}))
    assert model.history[-1]["training_loss"] < model.history[0]["training_loss"]


def test_log_cosh_against_numpy() -> None:
    error, log_cosh = torch.linspace(-5, 5, 11), LOSSES["log-cosh"]
    found = float(log_cosh(error, torch.zeros(11)))
    assert found == pytest.approx(float(np.log(np.cosh(error.numpy())).mean()), rel=1e-6)
    assert np.isfinite(float(log_cosh(torch.tensor([1e4]), torch.zeros(1))))


def test_asymmetric_loss_by_hand() -> None:
    # y = 3, p = 1: (40 (3-2) + 20 (3-1)) (3-1) (3-1)^2 + log cosh 2
    expected = (40 * 1 + 20 * 2) * 2 * 4 + np.log(np.cosh(2))
    assert float(LOSSES["asymmetric"](torch.tensor([1.0]), torch.tensor([3.0]))) == pytest.approx(expected, rel=1e-6)
    # y = 2, p = 3: 5 (2-1) (3-2) (2-3)^2 + log cosh 1
    expected = 5 + np.log(np.cosh(1))
    assert float(LOSSES["asymmetric"](torch.tensor([3.0]), torch.tensor([2.0]))) == pytest.approx(expected, rel=1e-6)


def test_misspelt_setting_is_refused() -> None:
    with pytest.raises(ValidationError):
        FitConfig.model_validate({"epoch": 3})


def test_starts_at_the_ridge_regression_on_covariates() -> None:
    _, covariates, mass = toy(256, 1)
    start = fit(FitConfig(epochs=1, learning_rate=1e-9))
    beats, size, _ = toy(200, 3)
    slope, intercept = np.polyfit(covariates[:, 0], mass, 1)
    np.testing.assert_allclose(start.predict_g(beats, size), intercept + slope * size[:, 0], atol=0.5)


def test_plateau_schedule_lowers_the_rate_and_trains() -> None:
    options: dict[str, Any] = {"schedule": "plateau", "plateau_epochs": 1, "plateau_factor": 0.1, "epochs": 8}
    options |= {"keep": "best", "patience": 8}
    model = fit(FitConfig.model_validate(options | {"learning_rate": 5e-3}))
    assert model.history[-1]["validation_mae_g"] < 0.8 * model.history[0]["validation_mae_g"]
    # once lowered to next to nothing, nothing changes any more
    frozen = fit(FitConfig.model_validate(options | {"learning_rate": 1e-9, "plateau_factor": 1e-3, "epochs": 4}))
    assert frozen.history[-1]["validation_mae_g"] == pytest.approx(frozen.history[-3]["validation_mae_g"], rel=0.05)


class Killed(BaseException):
    """Ends a fit as a signal would: nothing catches it."""


def test_a_killed_fit_goes_on_to_the_same_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = FitConfig(epochs=4)
    arguments = ARGUMENTS | {"dropout": 0.3}
    whole = fit(config, arguments=arguments)
    finish = _Regression.on_train_epoch_end
    epochs: list[int] = []

    def killed_in_the_third_epoch(module: _Regression) -> None:
        epochs.append(module.current_epoch)
        if epochs == [0, 1, 2]:
            raise Killed
        finish(module)

    monkeypatch.setattr(_Regression, "on_train_epoch_end", killed_in_the_third_epoch)
    with pytest.raises(Killed):
        fit(config, arguments=arguments, checkpoints=tmp_path / "fit")
    resumed = fit(config, arguments=arguments, checkpoints=tmp_path / "fit")
    assert epochs == [0, 1, 2, 2, 3]  # finished epochs are not trained again
    assert resumed.history == whole.history
    for name, value in whole.weights.items():
        np.testing.assert_array_equal(resumed.weights[name], value)
    assert not (tmp_path / "fit").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a checkpoint", b"\x80\x04\x95"])
def test_a_damaged_checkpoint_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "last.ckpt").write_bytes(content)
    with pytest.raises(DataError, match=r"last\.ckpt: the state of an interrupted fit cannot be read; delete"):
        fit(FitConfig(epochs=1), checkpoints=tmp_path)


def test_another_error_of_a_resumed_fit_is_not_called_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finish = _Regression.on_train_epoch_end

    def out_of_memory_in_the_second_epoch(module: _Regression) -> None:
        if module.current_epoch == 1:
            raise RuntimeError("out of memory")
        finish(module)

    monkeypatch.setattr(_Regression, "on_train_epoch_end", out_of_memory_in_the_second_epoch)
    for _ in range(2):  # the second time it resumes
        with pytest.raises(RuntimeError, match="out of memory"):
            fit(FitConfig(epochs=3), checkpoints=tmp_path)
        assert (tmp_path / "last.ckpt").exists()


def test_goes_on_from_another_model_with_its_scaling() -> None:
    arguments = ARGUMENTS | {"norm": "weight"}  # batch normalization would follow the batches at any learning rate
    first = fit(FitConfig(epochs=3), arguments=arguments)
    tuned = fit(FitConfig(epochs=1, fine_tune_learning_rate=1e-9), arguments=arguments, start=first)
    beats, covariates, _ = toy(50, 3)
    np.testing.assert_allclose(tuned.predict_g(beats, covariates), first.predict_g(beats, covariates), atol=1e-3)
    assert tuned.target_mean_g == pytest.approx(first.target_mean_g, rel=1e-6)  # up to its own level


def test_batches_of_processes_are_those_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _Batches(np.arange(50), 8, 1, shuffle_seed=3)
    whole.set_epoch(4)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    shares = []
    for rank in range(2):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        share = _Batches(np.arange(50), 8, 2, shuffle_seed=3)
        share.set_epoch(4)
        shares.append(list(share))
    monkeypatch.undo()
    assert [sorted(a + b) for a, b in zip(*shares, strict=True)] == [sorted(batch) for batch in whole]
    assert len(whole) == len(list(whole)) == 6
    other_epoch = _Batches(np.arange(50), 8, 1, shuffle_seed=3)
    assert list(other_epoch) != list(whole)


def test_fits_that_run_at_once_take_the_gpus_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of eight GPUs that this machine need not have: what Lightning is asked for, not what it then does."""
    asked: list[Any] = []

    class Asked(Exception):
        """Ends the fit before a GPU is needed."""

    def trainer(*, devices: Any, **_: Any) -> None:
        asked.append(devices)
        raise Asked

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)
    monkeypatch.setattr(lightning, "Trainer", trainer)
    gpu, many, cpu = MachineConfig(accelerator="gpu"), MachineConfig(accelerator="gpu", devices=4), MachineConfig()
    for machine, slot in [(gpu, 0), (gpu, 1), (gpu, 7), (gpu, 8), (many, 3), (cpu, 3)]:
        with pytest.raises(Asked):
            fit(FitConfig(epochs=1), machine=machine, slot=slot)
    assert asked == [[0], [1], [7], [0], 4, 1]
    assert gpu.device(9) == "cuda:1"


TWO_PROCESSES = """
import os
from tests.training.test_fit import fit_on
estimates = fit_on(devices=2)
if os.environ.get("LOCAL_RANK", "0") == "0":
    print(*estimates)
"""


def fit_on(devices: int) -> NDArray[np.float64]:
    """Estimates of a model that so many processes trained, without random numbers and batch statistics."""
    config = FitConfig(epochs=4, shift_ms=0, noise_mv=0, electrode_shift=0, chest_voltage_cv=0, covariate_dropout=0)
    model = fit(config, arguments=ARGUMENTS | {"norm": "weight"}, machine=MachineConfig(devices=devices))
    return model.predict_g(*toy(50, 3)[:2])


def test_two_processes_train_the_model_of_one(tmp_path: Path) -> None:
    """Data-parallel training over gloo is the same arithmetic."""
    (tmp_path / "train.py").write_text(TWO_PROCESSES)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, tmp_path / "train.py"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    estimates = fit_on(devices=1)
    np.testing.assert_allclose(np.array(result.stdout.split(), float), estimates, atol=0.02)
    assert estimates.std() > 5


def two_sexes(n: int, seed: int) -> Part:
    beats, covariates, mass = toy(n, seed)
    male = (np.arange(n) % 2).astype(float)
    return beats, np.column_stack([male, covariates]), mass + 30 * male


def test_no_man_reaches_the_womens_head(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []
    forward = ElvmassNet.forward

    def watched(network: ElvmassNet, beat: torch.Tensor, covariates: torch.Tensor) -> torch.Tensor:
        seen.append(covariates[:, 0])
        return forward(network, beat, covariates)

    monkeypatch.setattr(ElvmassNet, "forward", watched)
    config = FitConfig(epochs=1, covariate_dropout=0.5)
    fit_network(
        "elvmass-net", ARGUMENTS | {"sex_head": True}, config, ("male", "bsa_m2"), two_sexes(64, 1), np.arange(64),
        sampling_rate_hz=500, seed=0,
    )  # fmt: skip
    men = torch.cat(seen[:-1])  # the last are everybody's estimates, which set the level
    assert set(men.tolist()) == {-1.0, 1.0}  # z-scores of half women, half men
    assert int((men > 0).sum()) == 32


def test_people_of_one_sex_train_a_head_for_each() -> None:
    """Of women only, or of men only, a constant column is no reason for NaN, and all go to one head."""
    from lvmass.saliency import attribute  # captum is slow to import, and the processes need none

    beats, covariates, mass = two_sexes(256, 1)
    for sex in (0.0, 1.0):
        rows = np.flatnonzero(covariates[:, 0] == sex)
        model = fit_network(
            "elvmass-net", ARGUMENTS | {"sex_head": True}, FitConfig(epochs=3, learning_rate=5e-3), ("male", "bsa_m2"),
            (beats, covariates, mass), rows, sampling_rate_hz=500, seed=0,
        )  # fmt: skip
        estimates = model.predict_g(beats[rows], covariates[rows])
        assert np.abs(estimates - mass[rows]).mean() < np.abs(mass[rows] - np.median(mass[rows])).mean()
        made = attribute(model, beats[rows[:2]], covariates[rows[:2]])
        assert np.abs(made.completeness_error_g).max() < 1


def test_a_head_for_each_sex_needs_sex_first() -> None:
    with pytest.raises(DataError, match="needs sex as first covariate; list demographics first") as error:
        fit(FitConfig(epochs=1), arguments=ARGUMENTS | {"sex_head": True})
    assert len(str(error.value).splitlines()) == 1
