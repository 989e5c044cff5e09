"""Many ECGs: each row stands for itself, a killed run goes on, and nothing is there half."""

import os
import shutil
import signal
import struct
import subprocess
import time
from pathlib import Path

import joblib
import pandas as pd
import pydicom
import pytest

from lvmass.batch import _stamped, people_in_files, people_in_table, predict_people
from lvmass.prediction import PRETRAINED, predict
from lvmass.report.person import write_report
from tests.ecg.ecg_files import write_csv, write_edf, write_hl7, write_muse, write_scp
from tests.test_cli import ECG, LVMASS, PERSON, here, read_ecg, refused

WOMAN = {"sex": "female", "age_years": 42, "height_cm": 160, "weight_kg": 58}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a good ECG, a broken one, and a table of people with mistakes in single rows."""
    folder = tmp_path / "ecgs"
    (folder / "more").mkdir(parents=True)
    shutil.copy(ECG, folder / "good.dcm")
    shutil.copy(ECG, tmp_path / "outside.dcm")
    (folder / "more" / "broken.xml").write_text("<?xml version='1.0'?><no/>")
    rows = {
        "a": {},
        "=HYPERLINK(1)": {"weight_kg": "150"},
        "old": {"age_years": "430"},
        "unknown": {"sex": ""},
        "away": {"ecg_path": "../outside.dcm"},
        "gone": {"ecg_path": "gone.dcm"},
        "broken": {"ecg_path": "more/broken.xml"},
    }
    table = pd.DataFrame([{"subject_id": name, "ecg_path": "good.dcm"} | WOMAN | row for name, row in rows.items()])
    table.to_csv(folder / "people.csv", index=False)
    return folder


def test_table_of_people(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "predictions.csv"
    result = here("predict", "--table", folder / "people.csv", "--out", out)
    assert result.returncode == 1
    assert "2 estimated, 5 not" in result.stdout
    table = pd.read_csv(out, index_col="subject_id", keep_default_na=False)
    assert list(table.index) == ["a", "'=HYPERLINK(1)", "old", "unknown", "away", "gone", "broken"]
    single = predict(read_ecg(ECG), sex="female", age_years=42, height_cm=160, weight_kg=58)
    assert float(table["predicted_lvm_g"]["a"]) == pytest.approx(single.lvm_g, abs=1e-4)
    assert table.loc["a", "lvh_by_interval"] == single.lvh_by_interval
    assert table.loc["a", "n_beats"] == "10"
    assert "weight 150 kg" in table["notes"]["'=HYPERLINK(1)"]
    for name, word in {
        "old": "age",
        "unknown": "sex",
        "away": "outside",
        "gone": "no such file",
        "broken": "broken",
    }.items():
        assert word in table["error"][name]
        assert table.loc[name, "predicted_lvm_g"] == ""
    assert out.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ecgs", "outside.dcm", "predictions.csv"]


def test_no_name_or_id_in_a_file_is_told(tmp_path: Path) -> None:
    """Plant a person in the formats that hold one, whole and cut in half, so that errors are told too."""
    header, recording = pydicom.dcmread(ECG), read_ecg(ECG)
    identifiers = [str(header.PatientName), str(header.PatientID), "Mustermann", "4711-0815"]
    shutil.copy(ECG, tmp_path / "1.dcm")
    name, number = (
        f"<{tag}>{text}</{tag}>" for tag, text in zip(("PatientLastName", "PatientID"), identifiers[2:], strict=True)
    )
    subject = f"<subjectDemographicPerson><name><family>{identifiers[2]}</family></name></subjectDemographicPerson>"
    subject = f'<trialSubject><id extension="{identifiers[3]}"/>{subject}</trialSubject>'
    subject = f"<componentOf><timepointEvent><componentOf><subjectAssignment><subject>{subject}</subject>"
    subject += "</subjectAssignment></componentOf></timepointEvent></componentOf>"
    for write, before, planted in (
        (write_muse, "<Waveform>", f"<PatientDemographics>{number}{name}</PatientDemographics>"),
        (write_hl7, "<component><series>", subject),
    ):
        path = write(tmp_path, recording)
        path.write_text(path.read_text().replace(before, planted + before, 1))
    fields = [
        struct.pack("<BH", tag, len(text) + 1) + text.encode() + b"\0"
        for tag, text in zip((0, 2), identifiers[2:], strict=True)
    ]
    write_scp(tmp_path, recording, b"".join(fields))
    for path in list(tmp_path.iterdir()):
        assert any(each.encode() in path.read_bytes() for each in identifiers)
        damaged = path.read_bytes()[: path.stat().st_size // 2]
        path.with_stem(f"damaged-{path.stem}").write_bytes(damaged)
    out, pages = tmp_path / "out.csv", tmp_path / "pages.html"
    result = here("predict", tmp_path, *PERSON, "--out", out, "--report", pages)
    assert "4 estimated, 4 not" in result.stdout, out.read_text()
    for identifier in identifiers:
        assert identifier not in out.read_text() + pages.read_text() + result.stdout + result.stderr


def test_folder_of_ecgs_is_read_without_what_was_written(folder: Path) -> None:
    for name in ("README", "Hanna Mustermann.txt", "more/Karl.txt", "Dr.Mustermann"):
        (folder / name).write_text("what this is")
    shutil.copy(ECG, folder / "more" / "1.2.840.7")
    for _ in range(2):
        result = here("predict", folder, *PERSON, "--out", folder / "out.csv")
        assert "no ECGs, left out: 1 .csv, 2 .txt, 1 others, 1 without ending\n" in result.stderr
        assert "mustermann" not in (result.stdout + result.stderr).lower()
        assert "2 estimated, 1 not" in result.stdout
    assert list(pd.read_csv(folder / "out.csv")["file"]) == ["good.dcm", "more/1.2.840.7", "more/broken.xml"]


def test_an_ecg_beside_other_columns_or_without_ending_is_read(tmp_path: Path) -> None:
    recording = read_ecg(ECG)
    table = pd.read_csv(write_csv(tmp_path, recording))
    table.assign(patient_id=1).to_csv(tmp_path / "sample.csv", index=False)
    write_edf(tmp_path, recording).rename(tmp_path / "record")
    (tmp_path / "people.csv").write_text("subject_id,sex\na,female\n")
    people = people_in_files([tmp_path], WOMAN)
    assert list(people["file"]) == ["record", "sample.csv"]
    assert predict_people(people, tmp_path / "out.csv", workers=1) == (2, 0)


def test_where_nothing_else_lies_each_file_is_tried(tmp_path: Path) -> None:
    (tmp_path / "subjects.csv").write_text("subject_id,sex\na,female\n")
    (tmp_path / ".gitignore").write_text("*")
    assert list(people_in_files([tmp_path], WOMAN)["file"]) == ["subjects.csv"]


def test_a_wfdb_record_is_one_ecg(tmp_path: Path) -> None:
    for name in ("1.hea", "1.dat", "1.atr", "other.dat", ".hidden"):
        (tmp_path / name).write_text("x")
    (tmp_path / "2.hea").write_text("2 1 500 10\nother.dat 16")
    people = people_in_files([tmp_path], WOMAN)
    assert list(people["file"]) == ["1.hea", "2.hea"]
    before = _stamped(people)
    assert _stamped(people) == before
    (tmp_path / "other.dat").write_text("mended")
    assert [row["stamp"] for row in _stamped(people)] != [row["stamp"] for row in before]


def test_a_table_as_the_hospital_writes_it(tmp_path: Path) -> None:
    """Own names, units, codes, a decimal comma and a folder of ECGs, as the study says; bad rows fail alone."""
    (tmp_path / "study" / "ecg").mkdir(parents=True)
    shutil.copy(ECG, tmp_path / "study" / "ecg" / "good.dcm")
    study = tmp_path / "study" / "study.toml"
    study.write_text("""name = "own"
[development]
label = "own"
subjects = "own.csv"
ecg_folder = "ecg"
columns = { "Größe" = "height_cm", "Masse" = "lvm_g" }
units = { height_cm = "in" }
codes = { sex = { "1" = "female" } }
[models.sex-median]
estimator = "sex-median"
covariates = ["demographics"]
""")
    (tmp_path / "study" / "own.csv").write_text("subject_id\n")
    rows = ["a;1;42;62,9;58;good.dcm", "b;3;42;62,9;58;good.dcm", "c;3;42;62,9;58;good.dcm", "d;1;42;;58;good.dcm"]
    table, out = tmp_path / "people.csv", tmp_path / "out.csv"
    table.write_text("\n".join(["subject_id;Sex;age_years;GRÖSSE;weight_kg;ecg_path", *rows]), encoding="cp1252")
    assert "1 estimated, 3 not" in here("predict", "--table", table, "--study", study, "--out", out).stdout
    found = pd.read_csv(out, index_col="subject_id", keep_default_na=False)
    known = predict(read_ecg(ECG), sex="female", age_years=42, height_cm=62.9 * 2.54, weight_kg=58)
    assert float(found["predicted_lvm_g"]["a"]) == pytest.approx(known.lvm_g, abs=1e-4)
    assert found["error"]["b"] == found["error"]["c"]
    assert "the value is '3', in 2 rows" in found["error"]["c"]
    assert found["error"]["d"] == "no height; complete the table."
    assert {"lower_g", "upper_g", "predicted_lvmi_g_m2", "lower_g_m2", "upper_g_m2"} < set(found)
    assert not {"lvm_g", "lvmi_g_m2", "lvh"} & set(found)
    table.write_text("subject_id,sex,sex,age_years,height_cm,weight_kg,ecg_path\na,female,male,42,160,58,good.dcm\n")
    refused(here("predict", "--table", table, "--out", out), "column sex", "more than once")


def test_what_is_lacking_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    refused(here("predict", folder, "--out", tmp_path / "out.csv"), "age_years", "--table")
    refused(here("predict", folder, *PERSON), "--out")
    refused(here("predict", ECG, ECG, *PERSON), "--out")
    refused(here("predict", "--table", folder / "gone.csv", "--out", tmp_path / "out.csv"), "gone.csv")
    (folder / "people.csv").write_text("subject_id,ecg_path,sex,age_years,height_cm\na,good.dcm,female,42,160\n")
    refused(
        here("predict", "--table", folder / "people.csv", "--out", tmp_path / "out.csv"),
        "column weight_kg: it is missing",
    )
    assert people_in_table(folder / "people.csv", {"weight_kg": 58})["weight_kg"].tolist() == [58]
    refused(here("predict", ECG, *PERSON, "--out", tmp_path / "out.csv", "--model", folder), "not a saved model")
    refused(here("predict", ECG, *PERSON, "--out", tmp_path / "no" / "out.csv"), "there is no folder", "give the path")
    assert not list(tmp_path.glob("*out.csv*"))
    for arguments in ((ECG, *PERSON, "--out", tmp_path / "out.csv", "--json"), (ECG, *PERSON, "--study", "study.toml")):
        assert here("predict", *arguments).returncode == 2
    assert here("predict", ECG, "--table", folder / "people.csv").returncode == 2


def test_a_page_for_each_person(folder: Path, tmp_path: Path) -> None:
    people = people_in_table(folder / "people.csv", {}).iloc[[0, 2]].assign(subject_id=["<b>a", "old"])
    write_report(people, tmp_path / "pages.html", model_folder=Path(PRETRAINED), reading={}, workers=1)
    page = (tmp_path / "pages.html").read_text()
    assert page.count("<section>") == page.count("</section>") == 2
    assert "&lt;b&gt;a" in page
    assert "Not estimated. column age_years: the value is 430" in page
    for words in ("90 % interval", "undecided", "simulated", "not for clinical use", "twelve-lead ECG on millimetre"):
        assert words in page
    assert page.count('src="data:image/svg+xml;base64,') == page.count("<img") == 3
    assert "http" not in page
    assert "<script" not in page


def test_killed_run_goes_on_with_the_people_that_were_not_finished(folder: Path, tmp_path: Path) -> None:
    rows = [{"subject_id": f"p{i}", "ecg_path": "good.dcm"} | WOMAN | {"age_years": 40 + i % 40} for i in range(480)]
    pd.DataFrame(rows).to_csv(folder / "many.csv", index=False)
    out, whole = tmp_path / "out.csv", tmp_path / "whole.csv"
    command = [LVMASS, "predict", "--table", str(folder / "many.csv"), "--out", str(out)]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    unfinished, deadline = tmp_path / ".out.csv.unfinished", time.monotonic() + 120
    while len(list(unfinished.rglob("output.pkl"))) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    killed = time.monotonic()
    while (left := _left(process.pid)) and time.monotonic() < killed + 10:
        time.sleep(0.1)
    assert left == []
    kept = list(unfinished.rglob("output.pkl"))
    assert 2 <= len(kept) < 15
    assert not out.exists()
    for path in kept:  # so that it shows whose rows are computed again
        joblib.dump([row | {"notes": "kept"} for row in joblib.load(path)], path)
    assert here(*command[1:]).returncode == 0
    table = pd.read_csv(out)
    assert (table["notes"] == "kept").sum() == 32 * len(kept)
    assert not unfinished.exists()
    assert predict_people(people_in_table(folder / "many.csv", {})[:64], whole, workers=1) == (64, 0)
    pd.testing.assert_frame_equal(
        pd.read_csv(whole).drop(columns="notes"), table[:64].drop(columns="notes"), rtol=0, atol=1e-4
    )


def _left(leader: int) -> list[int]:
    """Processes that a killed one left behind."""
    found = subprocess.run(["ps", "-eo", "pid,sid,stat"], capture_output=True, text=True, check=True).stdout.split("\n")
    rows = [line.split() for line in found[1:] if line]
    return [int(pid) for pid, session, state in rows if int(session) == leader and not state.startswith("Z")]
