"""A model saved is the model loaded, and nothing else is loaded."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lvmass.errors import DataError
from lvmass.networks import build_network
from lvmass.training.model import FittedModel, load_model, save_model


@pytest.fixture
def model() -> FittedModel:
    arguments = {"filters": (8, 16, 8)}
    network = build_network("fcn", n_covariates=4, n_samples=400, **arguments)
    return FittedModel(
        network="fcn",
        arguments=arguments,
        n_samples=400,
        covariates=("male", "age_years"),
        covariate_mean=np.array([0.5, 60.0]),
        covariate_sd=np.array([0.5, 10.0]),
        target_mean_g=112.0,
        target_sd_g=28.0,
        weights={name: value.numpy() for name, value in network.state_dict().items()},
    )


BEATS = np.random.default_rng(0).normal(size=(3, 12, 400)).astype(np.float32)
COVARIATES = np.array([[1.0, 50.0], [0.0, np.nan], [1.0, 70.0]])


def test_same_grams_after_saving_and_loading(model: FittedModel, tmp_path: Path) -> None:
    save_model(model, tmp_path / "model", {"study": "test"})
    loaded, card = load_model(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_g(BEATS, COVARIATES), model.predict_g(BEATS, COVARIATES))
    assert card["study"] == "test"
    assert card["target_unit"] == "g"
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["model.json", "model.safetensors"]


def test_missing_covariate_is_flagged_not_guessed(model: FittedModel) -> None:
    assert np.isfinite(model.predict_g(BEATS, COVARIATES)).all()
    assert model.scale_covariates(COVARIATES)[1].tolist() == [-1.0, 0.0, 0.0, 1.0]


def test_medians_of_the_sexes_stand_for_what_is_missing_and_are_saved(model: FittedModel, tmp_path: Path) -> None:
    own = replace(model, covariate_medians=np.array([[0.0, 70.0], [1.0, 50.0]]))
    assert own.scale_covariates(COVARIATES)[:, 1].tolist() == [-1.0, 1.0, 1.0]
    save_model(own, tmp_path, {})
    loaded, _ = load_model(tmp_path)
    np.testing.assert_array_equal(loaded.predict_g(BEATS, COVARIATES), own.predict_g(BEATS, COVARIATES))
    assert np.abs(loaded.predict_g(BEATS, COVARIATES) - model.predict_g(BEATS, COVARIATES))[1] > 0


def test_nobody(model: FittedModel) -> None:
    assert model.predict_g(np.empty((0, 12, 400)), np.empty((0, 2))).shape == (0,)


def test_batches_do_not_change_estimates(model: FittedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = model.predict_g(BEATS, COVARIATES)
    monkeypatch.setattr("lvmass.training.model.MAX_BATCH", 2)
    np.testing.assert_allclose(model.predict_g(BEATS, COVARIATES), whole, rtol=1e-6)


@pytest.mark.parametrize("broken", ["no folder", "no weights", "bad json", "bad weights", "missing key", "other shape"])
def test_broken_folder_is_one_sentence(model: FittedModel, tmp_path: Path, broken: str) -> None:
    folder = tmp_path / "model"
    if broken != "no folder":
        save_model(model, folder, {})
    card = folder / "model.json"
    if broken == "no weights":
        (folder / "model.safetensors").unlink()
    elif broken == "bad json":
        card.write_text("{")
    elif broken == "bad weights":
        (folder / "model.safetensors").write_bytes(b"\x80\x04pickle?")
    elif broken == "missing key":
        card.write_text(json.dumps({k: v for k, v in json.loads(card.read_text()).items() if k != "covariates"}))
    elif broken == "other shape":
        card.write_text(card.read_text().replace("16", "17"))
    with pytest.raises(DataError, match="not a saved model") as error:
        load_model(folder)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("wrong", [None, "x", [], {}])
def test_a_card_with_a_wrong_value_is_one_sentence(model: FittedModel, tmp_path: Path, wrong: object) -> None:
    for name in ("network", "n_samples", "covariates", "covariate_mean", "covariate_sd", "target_mean_g"):
        save_model(model, tmp_path, {name: wrong})
        with pytest.raises(DataError, match="not a saved model"):
            load_model(tmp_path)
    save_model(model, tmp_path, {"arguments": wrong or 3})
    with pytest.raises(DataError, match="not a saved model"):
        load_model(tmp_path)
