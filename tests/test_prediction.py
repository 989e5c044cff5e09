"""From a real recording to grams, with the model that ships in the package."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.data import get_testdata_file
from scipy.stats import norm

from lvmass.cli import _estimate_text
from lvmass.ecg import read_ecg
from lvmass.ecg.recording import Recording
from lvmass.errors import DataError
from lvmass.prediction import PRETRAINED, Estimate, predict
from lvmass.training.model import load_model

PERSON = {"sex": "female", "age_years": 42, "height_cm": 160, "weight_kg": 58}


@pytest.fixture(scope="module")
def recording() -> Recording:
    return read_ecg(str(get_testdata_file("waveform_ecg.dcm")))


def estimate(recording: Recording, **changes: object) -> Estimate:
    return predict(recording, **(PERSON | changes))  # type: ignore[arg-type]


def test_device_agrees_on_heart_rate_and_qrs_duration(recording: Recording) -> None:
    found = estimate(recording)
    assert found.heart_rate_bpm == pytest.approx(60_000 / 982, abs=2)  # the device's own RR
    assert found.qrs_duration_ms == pytest.approx(75, abs=20)


def test_estimate_is_consistent(recording: Recording) -> None:
    found = estimate(recording)
    assert found.bsa_m2 == pytest.approx(np.sqrt(160 * 58 / 3600))
    assert found.lvmi_g_m2 == pytest.approx(found.lvm_g / found.bsa_m2)
    assert found.lvh_cutoff_g_m2 == 65
    assert found.lvh == (found.lvmi_g_m2 > 65)
    assert found.lvm_low_g is not None
    assert found.lvmi_low_g_m2 is not None
    assert found.lvmi_high_g_m2 is not None
    assert found.lvh_by_interval == ("probable" if found.lvmi_low_g_m2 > 65 else "improbable"
                                     if found.lvmi_high_g_m2 < 65 else "undecided")  # fmt: skip
    factor = json.loads((PRETRAINED / "model.json").read_text())["interval_factor"]["female"]
    assert 1.1 < factor < 1.6
    assert (found.lvm_low_g, found.lvm_high_g) == pytest.approx((found.lvm_g / factor, found.lvm_g * factor))
    assert found.lvmi_low_g_m2 == pytest.approx(found.lvm_low_g / found.bsa_m2)
    sd = np.log(factor) / norm.isf(0.05)  # half of the people outside the 90 % interval lie above it
    above = norm.sf(np.log(65 / found.lvmi_g_m2) / sd + sd / 2)
    assert found.lvh_probability == pytest.approx(above)
    assert found.model["trained_on_simulated_data"] is True
    assert found.model["not_for_clinical_use"] is True


def test_an_estimate_that_is_not_positive_has_no_interval(recording: Recording, tmp_path: Path) -> None:
    shutil.copytree(PRETRAINED, tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"target_mean_g": -1000.0}))
    found = estimate(recording, model_folder=path.parent)
    assert found.lvm_g < 0
    assert (found.lvm_low_g, found.lvm_high_g) == (None, None)
    assert any("No interval" in note for note in found.notes)
    assert (found.lvh_by_interval, found.lvh_probability) == ("undecided", 0)
    assert " g (no interval)" in _estimate_text(found)


def test_larger_person_has_a_larger_heart(recording: Recording) -> None:
    assert estimate(recording, height_cm=175, weight_kg=90).lvm_g > estimate(recording).lvm_g
    assert estimate(recording, sex="male").lvh_cutoff_g_m2 == 80


def test_sampling_rate_hardly_matters(recording: Recording) -> None:
    from scipy.signal import resample_poly

    half = resample_poly(recording.signal_mv, 1, 2, axis=1).astype(np.float32)
    slower = replace(recording, signal_mv=half, sampling_rate_hz=recording.sampling_rate_hz / 2)
    assert estimate(slower).lvm_g == pytest.approx(estimate(recording).lvm_g, abs=2)


@pytest.mark.parametrize(
    ("changes", "word"), [({"age_years": 430}, "age"), ({"height_cm": 16}, "height"), ({"weight_kg": -1}, "weight")]
)
def test_impossible_person(recording: Recording, changes: dict[str, float], word: str) -> None:
    with pytest.raises(DataError, match=word):
        estimate(recording, **changes)


def test_flat_recording(recording: Recording) -> None:
    with pytest.raises(DataError):
        estimate(replace(recording, signal_mv=np.zeros_like(recording.signal_mv)))


def test_shipped_model_is_small_and_honest() -> None:
    assert sum(path.stat().st_size for path in PRETRAINED.iterdir()) < 1_000_000
    _, card = load_model(PRETRAINED)
    assert card["trained_on_simulated_data"] is True
    assert card["target_unit"] == "g"


def test_model_of_other_leads_is_refused(recording: Recording, tmp_path: Path) -> None:
    for path in PRETRAINED.iterdir():
        text = path.read_bytes()
        (tmp_path / path.name).write_bytes(text.replace(b'"aVR",', b'"aVX",') if path.suffix == ".json" else text)
    with pytest.raises(DataError, match="the model wants the leads"):
        estimate(recording, model_folder=tmp_path)


def test_model_of_women_only_estimates_women_only(recording: Recording, tmp_path: Path) -> None:
    shutil.copytree(PRETRAINED, tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    card = json.loads(path.read_text())
    del card["interval_factor"]["male"]
    path.write_text(json.dumps(card))
    assert estimate(recording, model_folder=path.parent).lvm_g == estimate(recording).lvm_g
    with pytest.raises(DataError, match="trained without any male person; give a model of both sexes") as error:
        estimate(recording, model_folder=path.parent, sex="male")
    assert len(str(error.value).splitlines()) == 1


def test_sex_in_capitals_is_the_same_sex(recording: Recording) -> None:
    assert estimate(recording, sex="Male") == estimate(recording, sex="male")


@pytest.mark.parametrize("wrong", [None, 3, "x", {}])
def test_a_card_with_a_wrong_value_is_one_sentence(recording: Recording, tmp_path: Path, wrong: object) -> None:
    shutil.copytree(PRETRAINED, tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    card = json.loads(path.read_text())
    for name in ("leads", "beat", "interval_factor", "lvh_cutoff_g_m2"):
        if wrong == {} and name in ("beat", "interval_factor"):
            continue  # all settings of the beat have defaults; the other says that the training people had no sex
        path.write_text(json.dumps(card | {name: wrong}))
        with pytest.raises(DataError, match=f"model.json lacks, or has no usable value of, {name}; save") as error:
            estimate(recording, model_folder=path.parent)
        assert len(str(error.value).splitlines()) == 1
    path.write_text(json.dumps({name: value for name, value in card.items() if name not in ("study", "beat")}))
    with pytest.raises(DataError, match="no usable value of, beat, study; save"):
        estimate(recording, model_folder=path.parent)


def test_estimate_is_plain_data(recording: Recording) -> None:
    assert "NaN" not in json.dumps(asdict(estimate(recording)))


def test_lvh_is_probable_where_the_whole_interval_is_above(recording: Recording, tmp_path: Path) -> None:
    shutil.copytree(PRETRAINED, tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    card = json.loads(path.read_text())
    for cutoff, said in ((30, "probable"), (54, "undecided"), (90, "improbable")):
        path.write_text(json.dumps(card | {"lvh_cutoff_g_m2": {"female": cutoff, "male": 80}}))
        found = estimate(recording, model_folder=path.parent)
        assert found.lvh_by_interval == said
        assert f"{said} by this interval" in _estimate_text(found)


def test_person_unlike_those_in_training_is_told(recording: Recording) -> None:
    ordinary = {"age_years": 58, "height_cm": 157, "weight_kg": 60}
    assert estimate(recording, **ordinary).notes == ()
    (note,) = estimate(recording, **ordinary | {"weight_kg": 150}).notes
    assert "simulated women in training: weight 150 kg (" in note
    assert "body-mass index 61 kg/m²" in note


def test_a_card_of_an_earlier_version_is_read(recording: Recording, tmp_path: Path) -> None:
    shutil.copytree(PRETRAINED, tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    card = json.loads(path.read_text())
    later = ("modality", "training_ranges", "interval_coverage", "lvh_observed", "lvh_expected")
    path.write_text(json.dumps({name: value for name, value in card.items() if name not in later}))
    found = estimate(recording, model_folder=path.parent, weight_kg=150)
    assert found.notes == ()
    assert found.lvm_g == estimate(recording, weight_kg=150).lvm_g
