"""Every page builds on any valid study file, says in a sentence what it lacks, and shows no raw names.

Studies are small: 60 people, 2 folds, an epoch; what matters is which parts a study has.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from lvmass.cohort import simulate_cohort
from lvmass.study.study import Study
from tests.report.chapters import PAGES, run_chapter

HEAD = """
name = "any"
bootstrap = 100
workers = 1
signal_rate_hz = 50
folds = { n = 2 }
saliency = { n_per_sex = 2, steps = 8 }
"""
SIMULATED = '[development]\nlabel = "Mine"\nsimulate = "tw-cvai"\nn = 60\nseed = 3\n'
FILES = '[development]\nlabel = "Mine"\nsubjects = "subjects.csv"\n'
MEDIAN = '[models.sex-median]\nestimator = "sex-median"\ncovariates = ["demographics"]\n'
DEMOGRAPHICS = '[models.demographics]\nestimator = "ridge"\ncovariates = ["demographics"]\n'
RIDGE = '[models."demographics+ecg-parameters"]\nestimator = "ridge"\n'
NETWORK = """
[models.elvmass-net]
estimator = "elvmass-net"
training = TRAINING
arguments = { channels = 4, levels = 5, stem_stride = 4 }
fit = { epochs = 1, patience = 1 }
"""
FCN = """
[models."my fcn"]
estimator = "fcn"
arguments = { filters = [8, 8, 8] }
fit = { epochs = 1, patience = 1 }
"""
BOTH = NETWORK.replace("TRAINING", '["pooled", "sex-specific"]')
STUDIES = {
    "no network": HEAD + SIMULATED + MEDIAN + DEMOGRAPHICS,
    "another network": HEAD + SIMULATED + FCN,
    "sex-specific only": HEAD + SIMULATED + NETWORK.replace("TRAINING", '["sex-specific"]'),
    "files": HEAD + FILES + MEDIAN + DEMOGRAPHICS + RIDGE + BOTH,
    "women in files": HEAD + FILES + DEMOGRAPHICS + BOTH,
}
LACKS = {
    "no network": ("saliency", "an external cohort", "the gap, taken apart", "learning"),
    "another network": (
        "the encoder of eLVMass-Net",
        "a comparator",
        "the gap, taken apart",
        "my FCN against demographics",
        "a verdict",
    ),
    "sex-specific only": ("the gap, taken apart", "a verdict"),
    "files": ("calibration card and oracle", "a counterfactual cohort", "an external cohort"),
    "women in files": ("calibration card and oracle", "an external cohort"),
}


def write_files(folder: Path, sexes: tuple[str, ...]) -> None:
    """A hospital's cohort: a table and an ECG file for everybody."""
    cohort = simulate_cohort(130, like="tw-cvai", seed=5)
    subjects = cohort.subjects[cohort.subjects["sex"].isin(sexes)].head(50)
    subjects = subjects.assign(ecg_path="", subject_id=[f"hospital-{i}" for i in subjects.index])
    for i in subjects.index:
        recording = cohort.recording(int(i))
        subjects.loc[i, "ecg_path"] = f"ecg-{i}.csv"
        header = ",".join(recording.leads)
        np.savetxt(folder / f"ecg-{i}.csv", recording.signal_mv.T, "%.3f", ",", header=header, comments="")
    subjects.to_csv(folder / "subjects.csv", index=False)


@pytest.fixture(scope="module", params=STUDIES)
def study_of_a_kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A kind of study, finished."""
    kind, folder = request.param, tmp_path_factory.mktemp("any")
    text = STUDIES[kind]
    if "files" in kind:
        write_files(folder, ("female",) if "women" in kind else ("female", "male"))
        text = text.replace('"subjects.csv"\n', '"subjects.csv"\nunit = "mV"\nsampling_rate_hz = 500\n')
    (folder / "study.toml").write_text(text)
    Study.from_toml(folder / "study.toml").run()
    return kind, folder / "study.toml"


def check_words(shown: str) -> None:
    """No missing number and no key of a table stands where a reader sees it."""
    pictures = " ".join(re.findall(r'alt="([^"]*)"', shown))
    text = re.sub(r"<[^>]*>", " ", shown) + pictures
    assert not re.search(r"(?<![\w-])(nan|NaN|<NA>|NaT)(?![\w-])", text)
    for raw in (r"elvmass-net", r"lvm-ai", r"(?<!my )\bfcn\b", r"ecg-parameters", r"\w_(mv|ms|g|years|cm|kg|m2)\b"):
        found = re.search(f".*{raw}.*", text)
        assert found is None, found


def test_pages_of_a_study(study_of_a_kind: tuple[str, Path]) -> None:
    kind, study_file = study_of_a_kind
    pages = [page for page in PAGES if "files" in kind or page.stem != "01_data"]  # the simulator's card takes long
    shown = {page.stem: run_chapter(page, study_file) for page in pages}
    for text in shown.values():
        check_words(text)
        assert "lvmass-banner" in text
    every = "\n".join(shown.values())
    for what in LACKS[kind]:
        assert f"*Not shown: {what}" in every, what
    if "files" in kind:
        here = "\n".join(shown[name] for name in shown if name not in ("03_training", "04_comparison"))
        assert "imulated" not in here  # those two show kept tables, which say that their people are simulated
        assert "hospital-" not in every
        assert str(study_file.parent) not in every


def test_pages_of_a_whole_study(tiny_study: Study) -> None:
    for page in PAGES:
        text = run_chapter(page, tiny_study.path)
        check_words(text)
        assert "Simulated cohort." in text
        lacking = re.findall(r"\*Not shown: .*", text)
        assert len(lacking) <= 2, lacking  # 80 people are too few for some
