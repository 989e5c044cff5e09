"""A study's model, saved: what it was made from, and that it predicts."""

from pathlib import Path

import numpy as np
import pytest

from lvmass.errors import DataError
from lvmass.study.final_model import save_final_model
from lvmass.study.study import Study
from lvmass.training.model import load_model


def test_saved_model_predicts_with_intervals(tiny_study: Study, tmp_path: Path) -> None:
    save_final_model(tiny_study, tmp_path / "model")
    model, card = load_model(tmp_path / "model")
    beats = tiny_study.beats()
    assert card["trained_on_simulated_data"] is True
    assert set(card["interval_half_width_g"]) == {"female", "male"}
    assert min(card["interval_half_width_g"].values()) > 5
    covariates = np.full((2, len(model.covariates)), np.nan)
    assert np.isfinite(model.predict_g(beats.waveform_mv[:2], covariates)).all()
    assert card["training_people"] == model.training_people == len(beats.people)  # nobody is held out for a curve


def test_baseline_cannot_be_saved(tiny_study: Study, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no network on beats called 'demographics'"):
        save_final_model(tiny_study, tmp_path, model="demographics")
