"""The commands as a newcomer runs them: each in a process of its own, and its refusals and variants in this one."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydicom.data import get_testdata_file

from lvmass.cli import main
from lvmass.ecg.reading import read_ecg
from lvmass.ecg.recording import LEADS
from tests.conftest import TINY

LVMASS = str(Path(sys.executable).with_name("lvmass"))
ECG = str(get_testdata_file("waveform_ecg.dcm"))
PERSON = ["--sex", "female", "--age", "42", "--height", "160", "--weight", "58"]


def lvmass(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [LVMASS, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def here(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command in this process, which has imported everything once; what it does not catch fails the test."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(out), redirect_stderr(err):
        patched.setattr(sys, "argv", ["lvmass", *map(str, arguments)])
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return subprocess.CompletedProcess(sys.argv, code, out.getvalue(), err.getvalue())


def refused(result: subprocess.CompletedProcess[str], *words: str) -> None:
    """Expect exit code 1, one sentence for each problem, no traceback, nothing on standard output."""
    assert result.returncode == 1, result
    assert result.stderr.startswith("lvmass: ")
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    for word in words:
        assert word in result.stderr


def test_predict_json() -> None:
    result = lvmass("predict", ECG, *PERSON, "--json")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    found = json.loads(result.stdout)
    assert found["heart_rate_bpm"] == pytest.approx(60_000 / 982, abs=2)
    assert found["qrs_duration_ms"] == pytest.approx(75, abs=20)
    assert {"lvm_g", "lvmi_g_m2", "lvh_cutoff_g_m2"} <= set(found)


def test_predict_text_says_how_and_what_not_for() -> None:
    text = here("predict", ECG, *PERSON).stdout
    for words in ("LV mass", "g/m²", "65", "simulated people", "not for clinical use"):
        assert words in text


def test_predict_reads_an_array_whose_rate_and_leads_are_stated(tmp_path: Path) -> None:
    recording = read_ecg(ECG)
    np.save(tmp_path / "ecg.npy", recording.signal_mv)
    stated = ["--unit", "mV", "--sampling-rate-hz", recording.sampling_rate_hz, "--leads", ",".join(LEADS)]
    estimates = [
        json.loads(here("predict", file, *PERSON, *options, "--json").stdout)["lvm_g"]
        for file, options in ((ECG, []), (tmp_path / "ecg.npy", stated))
    ]
    assert estimates[0] == pytest.approx(estimates[1], abs=1e-3)


@pytest.fixture
def broken(tmp_path: Path) -> dict[str, Path]:
    """Return files that are no usable ECG, by what is wrong with them."""
    generator = np.random.default_rng(0)
    signal_mv = pd.DataFrame(generator.normal(0, 0.3, (5000, 12)), columns=list(LEADS))
    tables = {
        "missing lead": signal_mv.drop(columns="V3"),
        "NaN": signal_mv.assign(V3=np.nan),
        "flat": signal_mv * 0,
    }
    files = {}
    for number, (what, table) in enumerate(tables.items()):
        files[what] = tmp_path / f"{number}.csv"
        table.to_csv(files[what], index=False)
    for what, name, content in (
        ("type", "ecg.xyz", b"?"),
        ("empty", "empty.dcm", b""),
        ("text", "notes.txt", b"hello"),
    ):
        files[what] = tmp_path / name
        files[what].write_bytes(content)
    files["absent"] = tmp_path / "absent.dcm"
    files["folder"] = tmp_path
    return files


@pytest.mark.parametrize("what", ["missing lead", "NaN", "flat", "type", "empty", "text", "absent", "folder"])
def test_unusable_file_is_one_sentence(broken: dict[str, Path], what: str) -> None:
    result = here("predict", broken[what], *PERSON, "--unit", "mV")
    refused(result, broken[what].name)
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(("option", "value"), [("--age", "430"), ("--height", "1.6"), ("--weight", "nan")])
def test_impossible_person_is_one_sentence(option: str, value: str) -> None:
    arguments = PERSON.copy()
    arguments[arguments.index(option) + 1] = value
    refused(here("predict", ECG, *arguments), option.removeprefix("--"))


@pytest.mark.parametrize(
    "arguments", [[], ["predict", ECG], ["predict", ECG, *PERSON[:-1]], ["predict", ECG, "--sex", "x"], ["fly"]]
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    result = here(*arguments)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_study_with_problems(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(TINY.read_text().replace("bootstrap", "bootsrap"))
    for command in ("run", "check"):
        refused(here(command, path), "unknown key 'bootsrap'", "bootstrap")
    assert sorted(tmp_path.iterdir()) == [path]  # nothing written half


def test_init_then_check_lists_what_is_missing(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    assert here("init", folder).returncode == 0
    written = {"study.toml", "subjects.csv", "data_dictionary.csv", "README.md", ".gitignore"}
    assert written == {path.name for path in folder.iterdir()}
    refused(lvmass("check", folder / "study.toml"), "still has the rows example-row-1 and example-row-2")
    table = (folder / "subjects.csv").read_text()
    (folder / "subjects.csv").write_text(table.replace("example-row", "person"))
    refused(here("check", folder / "study.toml"), "ecg/example-1.dcm")
    refused(here("init", folder), "not empty")


def test_check_and_doctor() -> None:
    result = lvmass("check", TINY)
    assert result.returncode == 0, result.stderr
    assert "80 people (simulated)" in result.stdout
    assert "no problems found" in result.stdout
    result = lvmass("doctor")
    assert result.returncode == 0, result.stderr
    assert "torch 2." in result.stdout


def finished(folder: Path) -> dict[Path, int]:
    """Return when each fit was written; nothing else has weights or a pipeline, and so a predictor."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("output.pkl") if b"predictor" in path.read_bytes()}


def test_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    """Kill a run in its third fold: the fits of finished folds are reused, and the result is that of a whole run."""
    text = TINY.read_text().replace("n = 80", "n = 120").replace("[folds]\nn = 2", "[folds]\nn = 4")
    text = text[: text.index("[models.lvm-ai]")]
    text = text.replace('training = ["pooled", "sex-specific"]', "")
    text = text.replace("counterfactual = ", "# ").replace("repeats = ", "# ")
    killed, whole = tmp_path / "killed.toml", tmp_path / "whole.toml"
    killed.write_text(text)
    whole.write_text('cache_dir = "other"\n' + text)
    process = subprocess.Popen([LVMASS, "run", str(killed)], start_new_session=True, stderr=subprocess.DEVNULL)
    folder, deadline = tmp_path / ".lvmass", time.monotonic() + 240
    while len(finished(folder)) < 10 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = finished(folder)
    assert 10 <= len(before) < 24
    result = lvmass("run", killed)
    assert result.returncode == 0, result.stderr
    after = finished(folder)
    assert {path: after[path] for path in before} == before
    assert len(after) == 24  # six models in four folds
    in_one_go = lvmass("run", whole)
    assert in_one_go.returncode == 0, in_one_go.stderr
    assert in_one_go.stdout.replace(whole.name, killed.name) == result.stdout
