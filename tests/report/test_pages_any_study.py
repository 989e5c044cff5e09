"""Every page builds on any valid study file, says in a sentence what it lacks, and shows no raw names.

Studies are small: 60 people, 2 folds, an epoch; what matters is which parts a study has.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from lvmass.cohort import simulate_cohort
from lvmass.ecg import LEADS
from lvmass.report.leaks import identifiers, leaks
from lvmass.study.study import Study
from tests.report.chapters import PAGES, check_words, run_chapter

APPENDIX = next(page for page in PAGES if page.stem.startswith("9"))
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
LVH = '[lvh]\nmale_g_m2 = 500\nfemale_g_m2 = 499\nsource = "our echo laboratory"\n'
BEAT = "beat = { min_beats = 4 }\n"
STUDIES = {
    "no network": HEAD + SIMULATED + MEDIAN + DEMOGRAPHICS,
    "another network, sex-specific only": HEAD + BEAT + SIMULATED + SIGNAL,
    "women in files": HEAD + FILES + DEMOGRAPHICS + NETWORK,
    "no height and weight in files": HEAD + IMPUTED + FILES + DEMOGRAPHICS + NETWORK,
    "no LVH in files": HEAD + FILES + LVH + MEDIAN + DEMOGRAPHICS,
}
LACKS = {
    "no network": ("saliency", "an external cohort", "the gap, taken apart", "learning"),
    "another network, sex-specific only": (
        "the encoder of eLVMass-Net", "the gap, taken apart", "a verdict", "saliency",
    ),
    "women in files": ("an ECG of the cohort", "an external cohort", "a counterfactual cohort", "the gap, taken apart"),
    "no height and weight in files": ("the gap, taken apart", "what an interval means", "ROC curves"),
    "no LVH in files": ("an ECG of the cohort", "an external cohort", "saliency", "ROC curves"),
}  # fmt: skip


def write_files(folder: Path, kind: str) -> None:
    """A hospital's cohort: a table with ids and dates, and an ECG file for everybody, one of them not readable."""
    cohort = simulate_cohort(130, like="tw-cvai", seed=5)
    subjects = cohort.subjects.query("sex == 'female'") if "women" in kind else cohort.subjects
    subjects = subjects.head(60).drop(columns=["height_cm", "weight_kg"] if "no height" in kind else [])
    subjects = subjects.assign(ecg_path="", subject_id=[f"hospital-{i}" for i in subjects.index], ecg_date="2019-03-04")
    subjects["patient_id"] = subjects["subject_id"].str.replace("hospital", "person")
    for i in subjects.index:
        subjects.loc[i, "ecg_path"] = f"ecg-{i}.npy"
        np.save(folder / f"ecg-{i}.npy", cohort.recording(int(i)).signal_mv)
    (folder / f"ecg-{i}.npy").write_bytes(b"")
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


def test_pages_of_a_study(study_of_a_kind: tuple[str, Path], tmp_path: Path) -> None:
    kind, study_file = study_of_a_kind
    simulated = {APPENDIX.stem, "08_your_cohort"}  # whatever the study, these pages are of simulated people
    pages = [page for page in PAGES if kind == "women in files" or page.stem not in simulated]
    shown = {page.stem: run_chapter(page, study_file) for page in pages}
    for name, text in shown.items():
        check_words(text)
        assert "lvmass-banner" in text
        (tmp_path / f"{name}.html").write_text(text)
    every = "\n".join(text for name, text in shown.items() if name not in simulated)
    for what in LACKS[kind]:
        assert f"*Not shown: {what}" in every, what
    if "files" not in kind:
        return
    for word in ("imulat", "oracle", "paper's size", "counterfactual cohorts"):
        assert word not in every, word
    assert re.search(r"Mine: (<|&lt;) \d+ ECGs, \d+ analysed", shown["01_data"])
    if "LVH" in kind:
        assert "our echo laboratory" in shown["01_data"]
    study = Study.from_toml(study_file)
    wanted = identifiers(study)
    patients = study.cohort().subjects["patient_id"]
    assert {
        "2019-03-04": "a date",
        patients[3]: "an id",
        str(study_file.parent).lower(): "a folder",
    }.items() <= wanted.items()
    assert leaks(tmp_path, wanted) == []
    assert leaks(study.results_folder, wanted) == []
    kept = b"".join(path.read_bytes() for path in study.store.folder.rglob("*") if path.is_file())
    unreadable = Path(study.cohort().subjects["ecg_path"].iloc[-1])
    for name in ("hospital-", "person-", "2019-03-04", unreadable.stem, str(study_file.parent)):
        assert name.encode() not in kept, name
    assert set(study.predictions()["patient_id"]) <= set(patients)
    assert study.beats().report["subject_id"].tolist() == study.cohort().subjects["subject_id"].tolist()


def test_pages_of_a_whole_study(tiny_study: Study) -> None:
    for page in PAGES:
        text = run_chapter(page, tiny_study.path)
        if page.stem.startswith("07"):
            assert "Coverage. Simulated external cohort (NTUH-like), n = " in text
        check_words(text)
        assert "imulated" in text
        lacking = re.findall(r"\*Not shown: .*", text)
        assert len(lacking) <= 2, lacking  # 80 people are too few for some
