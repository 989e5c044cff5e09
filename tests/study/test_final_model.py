"""A study's model, saved: what it was made from, and that it predicts."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.data import get_testdata_file

from lvmass.ecg import read_ecg
from lvmass.errors import DataError
from lvmass.prediction import predict
from lvmass.study.study import Study
from lvmass.training.model import load_model


def test_saved_model_predicts_with_intervals(tiny_study: Study, tmp_path: Path) -> None:
    tiny_study.save_model(tmp_path / "model")
    model, card = load_model(tmp_path / "model")
    beats = tiny_study.beats()
    assert card["trained_on_simulated_data"] is True
    assert set(card["interval_factor"]) == {"female", "male"}
    assert min(card["interval_factor"].values()) > 1.05
    covariates = np.full((2, len(model.covariates)), np.nan)
    assert np.isfinite(model.predict_g(beats.waveform_mv[:2], covariates)).all()
    assert card["training_people"] == model.training_people == len(beats.people)  # nobody is held out for a curve


def test_baseline_cannot_be_saved(tiny_study: Study, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no pooled network on beats called 'demographics'"):
        tiny_study.save_model(tmp_path, "demographics")


def test_size_matched_model_is_saved_trained_on_everybody(tiny_study_file: Path, tmp_path: Path) -> None:
    text = tiny_study_file.read_text().partition("[gap]")[0].replace('name = "tiny"', 'name = "all"')
    path = tiny_study_file.with_name("all.toml")
    path.write_text(
        text
        + """
[models.elvmass-net]
estimator = "elvmass-net"
size_matched = true
arguments = { channels = 4, levels = 5, stem_stride = 4 }
fit = { epochs = 1 }
"""
    )
    study = Study.from_toml(path)
    study.save_model(tmp_path / "model")
    assert load_model(tmp_path / "model")[0].training_people == len(study.beats().people)


def test_model_is_saved_with_its_own_beat(tiny_study_file: Path, tmp_path: Path) -> None:
    """A model that reads a single beat must be given one when it predicts."""
    text = tiny_study_file.read_text().partition("[models.")[0].replace('name = "tiny"', 'name = "own-beat"')
    path = tiny_study_file.with_name("own-beat.toml")
    path.write_text(
        text.partition("[gap]")[0]
        + """
[models.elvmass-net]
estimator = "elvmass-net"
beat = { average = "single", window_after_ms = 400 }
arguments = { channels = 4, levels = 5, stem_stride = 4 }
fit = { epochs = 1 }
"""
    )
    Study.from_toml(path).save_model(tmp_path / "model")
    model, card = load_model(tmp_path / "model")
    assert card["beat"]["average"] == "single"
    assert card["beat"]["window_after_ms"] == 400
    assert model.n_samples == 350
    recording = read_ecg(str(get_testdata_file("waveform_ecg.dcm")))
    person = {"age_years": 42, "height_cm": 160, "weight_kg": 58}
    found = predict(recording, sex="female", **person, model_folder=tmp_path / "model")
    assert 40 < found.lvm_g < 200
