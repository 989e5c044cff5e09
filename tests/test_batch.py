"""Many ECGs: each row stands for itself, a killed run goes on, and nothing is there half."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import joblib
import pandas as pd
import pydicom
import pytest

from lvmass.batch import people_in_files, people_in_table, predict_people
from lvmass.prediction import PRETRAINED, predict
from lvmass.report.person import write_report
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
    assert float(table["lvm_g"]["a"]) == pytest.approx(single.lvm_g, abs=1e-4)
    assert table.loc["a", "lvh_by_interval"] == single.lvh_by_interval
    assert table.loc["a", "n_beats"] == "10"
    assert "weight 150 kg" in table["notes"]["'=HYPERLINK(1)"]
    for name, word in {
        "old": "age",
        "unknown": "sex",
        "away": "outside",
        "gone": "no such",
        "broken": "broken",
    }.items():
        assert word in table["error"][name]
        assert table.loc[name, "lvm_g"] == ""
    assert out.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ecgs", "outside.dcm", "predictions.csv"]
    header = pydicom.dcmread(ECG)
    for identifier in (str(header.PatientName), str(header.PatientID)):
        assert identifier not in out.read_text() + result.stdout + result.stderr


def test_folder_of_ecgs_is_read_without_what_was_written(folder: Path) -> None:
    (folder / "people.csv").unlink()
    for _ in range(2):
        result = here("predict", folder, *PERSON, "--out", folder / "out.csv")
        assert "1 estimated, 1 not" in result.stdout
    assert list(pd.read_csv(folder / "out.csv")["file"]) == ["good.dcm", "more/broken.xml"]


def test_a_wfdb_record_is_one_ecg(tmp_path: Path) -> None:
    for name in ("1.hea", "1.dat", "1.atr", ".hidden"):
        (tmp_path / name).write_text("x")
    assert list(people_in_files([tmp_path], WOMAN)["file"]) == ["1.hea"]


def test_what_is_lacking_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    refused(here("predict", folder, "--out", tmp_path / "out.csv"), "age_years", "--table")
    refused(here("predict", folder, *PERSON), "--out")
    refused(here("predict", ECG, ECG, *PERSON), "--out")
    refused(here("predict", "--table", folder / "gone.csv", "--out", tmp_path / "out.csv"), "gone.csv")
    (folder / "people.csv").write_text("subject_id,ecg_path,sex,age_years,height_cm\na,good.dcm,female,42,160\n")
    refused(here("predict", "--table", folder / "people.csv", "--out", tmp_path / "out.csv"), "weight_kg is missing")
    assert people_in_table(folder / "people.csv", {"weight_kg": 58})["weight_kg"].tolist() == [58]
    refused(here("predict", ECG, *PERSON, "--out", tmp_path / "out.csv", "--model", folder), "not a saved model")
    assert not list(tmp_path.glob("out.csv"))
    assert here("predict", ECG, "--table", folder / "people.csv").returncode == 2


def test_a_page_for_each_person(folder: Path, tmp_path: Path) -> None:
    people = people_in_table(folder / "people.csv", {}).iloc[[0, 2]].assign(subject_id=["<b>a", "old"])
    write_report(people, tmp_path / "pages.html", model_folder=Path(PRETRAINED), reading={}, workers=1)
    page = (tmp_path / "pages.html").read_text()
    assert page.count("<section>") == page.count("</section>") == 2
    assert "&lt;b&gt;a" in page
    assert "Not estimated. age is 430" in page
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
