"""Files of a hospital as they are: names in their headers stay there, and broken ones stop nothing.

Vendor files name the patient. What `lvmass check`, `lvmass run` and the pages leave behind must not.
"""

import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest

from lvmass.cohort import simulate_cohort
from lvmass.ecg.recording import Recording
from lvmass.report.leaks import identifiers, leaks
from lvmass.study.study import Study
from tests.ecg.ecg_files import write_dicom, write_hl7, write_muse, write_scp
from tests.report.chapters import PAGES, check_words, run_chapter

N = 60
LAST, FIRST, BORN = "Quandtfeld", "Wilhelmine", "19410523"
SETTINGS = """name = "vendors"
workers = 1
bootstrap = 100

[development]
label = "Mine"
subjects = "subjects.csv"

[privacy]
small_cell = 1

[folds]
n = 2

[models.sex-median]
estimator = "sex-median"
covariates = ["demographics"]

[models.linear]
estimator = "linear"
covariates = ["demographics", "ecg-parameters"]
training = ["pooled", "sex-specific"]
"""


def number(i: int) -> str:
    """Number of a patient in the header of the ECG file, which no table names."""
    return f"HDR{7000 + i}Q"


def with_dicom_header(folder: Path, recording: Recording, i: int) -> Path:
    path = write_dicom(folder, recording)
    file = pydicom.dcmread(path)
    file.PatientName, file.PatientID, file.PatientBirthDate = f"{LAST}^{FIRST}", number(i), BORN
    file.save_as(path, enforce_file_format=True)
    return path


def with_muse_header(folder: Path, recording: Recording, i: int) -> Path:
    path = write_muse(folder, recording)
    patient = f"<PatientID>{number(i)}</PatientID><DateofBirth>05-23-1941</DateofBirth>"
    patient += f"<PatientLastName>{LAST}</PatientLastName><PatientFirstName>{FIRST}</PatientFirstName>"
    begun = "<RestingECG>"
    header = f"{begun}<PatientDemographics>{patient}</PatientDemographics>"
    path.write_text(path.read_text().replace(begun, header))
    return path


def with_hl7_header(folder: Path, recording: Recording, i: int) -> Path:
    path = write_hl7(folder, recording)
    person = f"<name><family>{LAST}</family><given>{FIRST}</given></name>"
    person += f'<birthTime value="{BORN}"/>'
    subject = f'<trialSubject><id extension="{number(i)}"/><subjectDemographicPerson>{person}'
    subject += "</subjectDemographicPerson></trialSubject>"
    inner = f"<componentOf><subjectAssignment><subject>{subject}</subject></subjectAssignment></componentOf>"
    header = f"<componentOf><timepointEvent>{inner}</timepointEvent></componentOf>"
    path.write_text(path.read_text().replace('<id root="1.2.3"/>', f'<id root="1.2.3"/>{header}', 1))
    return path


def with_scp_header(folder: Path, recording: Recording, i: int) -> Path:
    born = struct.pack("<HBB", 1941, 5, 23)
    fields = {0: LAST.encode() + b"\0", 1: FIRST.encode() + b"\0", 2: number(i).encode() + b"\0", 5: born}
    return write_scp(folder, recording, b"".join(struct.pack("<BH", tag, len(x)) + x for tag, x in fields.items()))


WRITERS = (with_dicom_header, with_muse_header, with_hl7_header, with_scp_header)


def break_files(paths: list[Path]) -> None:
    """Damage six files, each in another way; the last holds an ECG of noise alone."""
    truncated, empty, cut_xml, pdf, text, noise = paths
    truncated.write_bytes(truncated.read_bytes()[:9000])
    empty.write_bytes(b"")
    cut_xml.write_bytes(cut_xml.read_bytes()[:9000])
    pdf.write_bytes(b"%PDF-1.4\n" + np.random.default_rng(1).bytes(5000))
    text.write_text("The ECG is in the other folder.")
    signal_mv = np.random.default_rng(2).normal(0, 0.3, (12, 5000)).astype(np.float32)
    write_dicom(noise.parent, Recording(signal_mv, 500.0)).rename(noise)


def lvmass(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lvmass")), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checked and run: 60 people in four vendors' formats, six files of them broken."""
    folder, cohort = tmp_path_factory.mktemp("hospital"), simulate_cohort(N, seed=9)
    (folder / "ecg").mkdir()
    paths = []
    for i, recording in enumerate(cohort.recordings()):
        written = WRITERS[i % 4](folder, recording, i)
        paths.append(written.rename(folder / "ecg" / f"{i}{written.suffix}"))
    break_files(paths[20:26])
    ids = [f"own-{i}-id" for i in range(N)]
    people = cohort.subjects.assign(subject_id=ids, patient_id=ids, ecg_path=[f"ecg/{path.name}" for path in paths])
    people.drop(columns="site").to_csv(folder / "subjects.csv", index=False)
    (folder / "study.toml").write_text(SETTINGS)
    for command in ("check", "run"):
        done = lvmass(command, folder / "study.toml")
        (folder / f"{command}.log").write_text(done.stdout + done.stderr)
        assert done.returncode == 0, done.stderr
    for name in (f"{FIRST} {LAST}.txt", f"Dr.{LAST}"):
        (folder / "ecg" / name).write_text("a letter")
    person = ("--sex", "female", "--age", 60, "--height", 165, "--weight", 70)
    done = lvmass("predict", folder / "ecg", *person, "--out", folder / "predicted.csv")
    (folder / "predict.log").write_text(done.stdout + done.stderr)
    return folder


@pytest.fixture(scope="module")
def pages(folder: Path) -> dict[str, str]:
    """What a reader sees of every page about the study."""
    about = [page for page in PAGES if not page.stem.startswith(("08", "09", "90"))]
    return {page.stem: run_chapter(page, folder / "study.toml") for page in about}


def test_broken_files_are_listed_left_out_and_counted(folder: Path, pages: dict[str, str]) -> None:
    report = pd.read_csv(folder / "check_report.csv")
    told = report[report["column"] == "ecg_path"]
    assert told["row"].tolist() == list(range(22, 28))
    assert set(told["level"]) == {"warning"}
    for what, word in zip(told["what"], ("damaged", "empty", "damaged", "type", "type", "noise"), strict=True):
        assert word in what
    assert f"development: {N - 6} of {N} ECGs used" in (folder / "run.log").read_text()
    excluded = pd.read_csv(next((folder / "people").rglob("exclusions.csv")))
    assert sorted(excluded["subject_id"]) == sorted(f"own-{i}-id" for i in range(20, 26))
    assert re.search(rf"Mine: {N} ECGs, {N - 6} analysed", pages["01_data"])
    for shown in pages.values():
        check_words(shown)


def test_a_folder_is_estimated_file_by_file(folder: Path) -> None:
    log = (folder / "predict.log").read_text()
    assert "no ECGs, left out: 1 .txt, 1 others" in log
    assert f"{N - 6} estimated, 6 not" in log


def test_what_headers_say_of_patients_is_found_nowhere(folder: Path, pages: dict[str, str], tmp_path: Path) -> None:
    study = Study.from_toml(folder / "study.toml")
    wanted, readable = identifiers(study), [i for i in range(N) if not 20 <= i < 26]
    named = {text.lower() for text in (LAST, FIRST, "1941-05-23", f"{LAST}, {FIRST}", *map(number, readable))}
    assert named <= set(wanted)  # the headers are read: what follows looks for what is in them
    for name, shown in pages.items():
        (tmp_path / f"{name}.html").write_text(shown)
    assert leaks(tmp_path, wanted) == []
    assert leaks(study.results_folder, wanted) == []
    kept = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "ecg"]
    assert len(kept) > 30  # tables, logs, reports and the cache
    for path in kept:
        content = path.read_bytes().lower()
        for text in ("quandtfeld", "wilhelmine", "hdr70", "19410523", "1941-05-23", "23.05.1941", "05-23-1941"):
            assert text.encode() not in content, (path, text)
            assert text.encode("utf-16-le") not in content, (path, text)
    hidden = b"".join(path.read_bytes() for path in study.store.folder.rglob("*") if path.is_file())
    assert b"own-" not in hidden
    assert str(folder).encode() not in hidden
    (tmp_path / "planted.html").write_text(f"<p>The ECG of {LAST}</p>")
    assert leaks(tmp_path, wanted) == ["planted.html holds an entry of an ECG file's header of the cohort"]
