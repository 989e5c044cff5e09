"""A study of a cohort in files: values that are imputed, ids that are renamed, tables that are edited meanwhile."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lvmass.cohort import simulate_cohort
from lvmass.errors import DataError
from lvmass.study.steps import open_cohort
from lvmass.study.study import Study
from lvmass.training.card import load_card

SETTINGS = """name = "own"
workers = 1

[development]
label = "Own"
subjects = "subjects.csv"
unit = "mV"
sampling_rate_hz = 500
leads = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]

[missing]
height_cm = "impute"

[folds]
n = 2

[models.elvmass-net]
estimator = "elvmass-net"
arguments = { channels = 4, levels = 5, stem_stride = 8 }
fit = { epochs = 1 }
"""


@pytest.fixture(scope="module")
def study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the study file of 60 people, six without height and one without mass."""
    folder, cohort = tmp_path_factory.mktemp("own"), simulate_cohort(60, seed=1)
    for i, recording in enumerate(cohort.recordings()):
        np.save(folder / f"{i}.npy", recording.signal_mv)
    people = cohort.subjects.assign(ecg_path=[f"{i}.npy" for i in range(60)])
    people.loc[:5, "height_cm"] = np.nan
    people.loc[6, "lvm_g"] = np.nan
    people.to_csv(folder / "subjects.csv", index=False)
    (folder / "own.toml").write_text(SETTINGS)
    return folder / "own.toml"


def test_a_model_of_an_imputed_cohort_is_saved(study_file: Path, tmp_path: Path) -> None:
    study = Study.from_toml(study_file)
    study.save_model(tmp_path / "model")
    _, card = load_card(tmp_path / "model")
    assert set(card.interval_coverage) == {"female", "male"}
    assert study.store.folder.stat().st_mode & 0o777 == 0o700


def test_exclusions_follow_an_id_that_is_renamed(study_file: Path) -> None:
    study = Study.from_toml(study_file)
    study.write_people()
    table, written = study_file.with_name("subjects.csv"), study.people_folder / "exclusions.csv"
    before, own = table.read_text(), pd.read_csv(table)["subject_id"][6]
    assert own in written.read_text()
    table.write_text(before.replace(own, "renamed"))
    open_cohort.cache_clear()  # the next run is another process
    Study.from_toml(study_file).write_people()
    assert "renamed" in written.read_text()
    table.write_text(before)


def test_a_table_edited_during_a_run_stops_it(study_file: Path) -> None:
    table, other = study_file.with_name("subjects.csv"), study_file.with_name("other.toml")
    before = table.read_text()
    other.write_text(SETTINGS.replace("impute", "exclude"))  # a cohort that this process has not opened yet
    study = Study.from_toml(other)
    pd.read_csv(table).assign(lvm_g=150.0).to_csv(table, index=False)
    with pytest.raises(DataError, match=r"subjects\.csv: the table was edited during the run"):
        study.beats()
    table.write_text(before)
