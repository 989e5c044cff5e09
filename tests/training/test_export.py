"""ONNX, the saved folder and the model in memory say the same, of real and of simulated people."""

import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from lvmass.cohort import simulate_cohort
from lvmass.cohort.covariates import covariate_matrix
from lvmass.cohort.preprocessing import preprocess
from lvmass.ecg import examine, read_ecg
from lvmass.errors import DataError
from lvmass.prediction import PRETRAINED
from lvmass.training import export
from lvmass.training.model import load_model, save_model
from tests.ecg.reference import real_ecg_folder

N = 500


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    assert export.export_onnx(PRETRAINED, folder) < 1e-4
    assert (folder / "model.json").read_bytes() == (PRETRAINED / "model.json").read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.onnx"]
    return folder


def real_beats(wanted: int) -> list[np.ndarray]:
    """Beats of real ECGs, as many as are at hand."""
    folder, beats = real_ecg_folder(), []
    records = [] if folder is None else [*folder.glob("ludb/data/*.hea"), *folder.glob("ptbxl/records500/*/*.hea")]
    for path in sorted(records)[:wanted]:
        beat, _, _ = examine(read_ecg(path))
        beats += [] if beat is None else [beat.waveform_mv]
    return beats


def test_three_ways_agree_on_five_hundred_ecgs(exported: Path, tmp_path: Path) -> None:
    model, card = load_model(PRETRAINED)
    real = real_beats(N // 4)
    cohort = preprocess(simulate_cohort(N + 30, seed=3), export.load_card(PRETRAINED)[1].beat)
    beats = np.stack([*real, *cohort.waveform_mv])[:N]
    covariates = covariate_matrix(cohort.people, model.covariates)[:N]
    covariates[np.random.default_rng(0).random(covariates.shape) < 0.05] = np.nan
    assert len(beats) == len(covariates) == N
    save_model(model, tmp_path, card)
    saved = load_model(tmp_path)[0].predict_g(beats, covariates)
    session = onnxruntime.InferenceSession(exported / "model.onnx", providers=["CPUExecutionProvider"])
    (onnx,) = session.run(None, {"beat_mv": beats, "covariates": covariates})
    in_memory = model.predict_g(beats, covariates)
    assert np.ptp(in_memory) > 50
    np.testing.assert_array_equal(saved, in_memory)
    np.testing.assert_allclose(onnx, in_memory, rtol=0, atol=1e-4)
    (one,) = session.run(None, {"beat_mv": beats[:1], "covariates": covariates[:1]})
    np.testing.assert_allclose(one, in_memory[:1], rtol=0, atol=1e-4)


def test_a_difference_is_refused(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "TOLERANCE_G", 0.0)
    monkeypatch.setattr(export, "_write", lambda _, path: shutil.copy(exported / "model.onnx", path))  # seconds less
    with pytest.raises(DataError, match=r"differ by .* g; nothing was written"):
        export.export_onnx(PRETRAINED, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_model_is_exported_into_its_own_folder(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(PRETRAINED, tmp_path / "model")
    monkeypatch.setattr(export, "_write", lambda _, path: shutil.copy(exported / "model.onnx", path))
    export.export_onnx(tmp_path / "model", tmp_path / "model")
    assert load_model(tmp_path / "model")[1] == load_model(PRETRAINED)[1]
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert names == {path.name for path in PRETRAINED.iterdir()} | {"model.onnx"}
