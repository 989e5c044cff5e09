"""Every page builds on any valid study file, says in a sentence what it lacks, and shows no raw names.

Studies are small: 60 people, 2 folds, an epoch; what matters is which parts a study has.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from lvmass.cohort import simulate_cohort
from lvmass.cohort.simulation import card, oracle
from lvmass.ecg import LEADS
from lvmass.study.study import Study
from tests.report.chapters import PAGES, check_words, run_chapter

HEAD = """
name = "any"
bootstrap = 100
workers = 1
signal_rate_hz = 50
folds = { n = 2 }
saliency = { n_per_sex = 2, steps = 8 }
"""
SIMULATED = '[development]\nlabel = "Mine"\nsimulate = "tw-cvai"\nn = 60\nseed = 3\n'
LEADS_OF_FILES = f"leads = {list(LEADS)}".replace("'", '"')
FILES = f"""[development]
label = "Mine"
subjects = "subjects.csv"
unit = "mV"
sampling_rate_hz = 500
{LEADS_OF_FILES}
"""
IMPUTED = '[missing]\nheight_cm = "impute"\nweight_kg = "impute"\n'
MEDIAN = '[models.sex-median]\nestimator = "sex-median"\ncovariates = ["demographics"]\n'
DEMOGRAPHICS = '[models.demographics]\nestimator = "ridge"\ncovariates = ["demographics"]\n'
NETWORK = """
[models.elvmass-net]
estimator = "elvmass-net"
training = ["pooled", "sex-specific"]
arguments = { channels = 4, levels = 5, stem_stride = 4 }
fit = { epochs = 1, patience = 1 }
"""
SIGNAL = """
[models."my lvm-ai"]
estimator = "lvm-ai"
training = ["sex-specific"]
arguments = { kernel = 7 }
fit = { epochs = 1, patience = 1 }
"""
BEAT = "beat = { min_beats = 4 }\n"
STUDIES = {
    "no network": HEAD + SIMULATED + MEDIAN + DEMOGRAPHICS,
    "another network, sex-specific only": HEAD + BEAT + SIMULATED + SIGNAL,
    "women in files": HEAD + FILES + DEMOGRAPHICS + NETWORK,
    "no height and weight in files": HEAD + IMPUTED + FILES + DEMOGRAPHICS + NETWORK,
}
LACKS = {
    "no network": ("saliency", "an external cohort", "the gap, taken apart", "learning"),
    "another network, sex-specific only": (
        "the encoder of eLVMass-Net", "a comparator", "the gap, taken apart", "a verdict", "saliency",
    ),
    "women in files": ("calibration card and oracle", "an external cohort", "a counterfactual cohort"),
    "no height and weight in files": ("the gap, taken apart", "what an interval means", "ROC curves"),
}  # fmt: skip


def write_files(folder: Path, kind: str) -> None:
    """A hospital's cohort of women, or without height and weight: a table and an ECG file for everybody."""
    cohort = simulate_cohort(130, like="tw-cvai", seed=5)
    subjects = cohort.subjects.query("sex == 'female'") if "women" in kind else cohort.subjects
    subjects = subjects.head(50).drop(columns=["height_cm", "weight_kg"] if "no height" in kind else [])
    subjects = subjects.assign(ecg_path="", subject_id=[f"hospital-{i}" for i in subjects.index])
    for i in subjects.index:
        subjects.loc[i, "ecg_path"] = f"ecg-{i}.npy"
        np.save(folder / f"ecg-{i}.npy", cohort.recording(int(i)).signal_mv)
    subjects.to_csv(folder / "subjects.csv", index=False)


@pytest.fixture(scope="module", params=STUDIES)
def study_of_a_kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A kind of study, finished."""
    kind, folder = request.param, tmp_path_factory.mktemp("any")
    if "files" in kind:
        write_files(folder, kind)
    (folder / "study.toml").write_text(STUDIES[kind])
    Study.from_toml(folder / "study.toml").run()
    return kind, folder / "study.toml"


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
        # these show kept tables, which say that their people are simulated
        kept = ("intro", "03_training", "04_comparison", "05_delong")
        assert "imulated" not in "\n".join(shown[name] for name in shown if name not in kept)
        assert "hospital-" not in every
        assert str(study_file.parent) not in every


def test_pages_of_a_whole_study(tiny_study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    # fewer people than the page takes: what card and oracle say has tests of its own
    whole_card, whole_oracle = card.calibration_card, oracle.oracle
    monkeypatch.setattr(card, "calibration_card", lambda n, **options: whole_card(n // 10, **options))
    monkeypatch.setattr(oracle, "oracle", lambda n, **options: whole_oracle(n // 10, **options))
    for page in PAGES:
        text = run_chapter(page, tiny_study.path)
        if page.stem.startswith("07"):
            assert "Coverage. Simulated external cohort (NTUH-like), n = " in text
        check_words(text)
        assert "Simulated cohort." in text
        lacking = re.findall(r"\*Not shown: .*", text)
        assert len(lacking) <= 2, lacking  # 80 people are too few for some
