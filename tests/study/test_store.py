"""A result is found again only if its settings, its inputs, its rooms' source and the libraries are the same."""

import logging
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lvmass.errors import DataError
from lvmass.study import store as store_module
from lvmass.study.store import Job, Store, _library_versions, _source_fingerprint

CALLS: list[int] = []


def double(x: int) -> int:
    CALLS.append(x)
    return 2 * x


def add(x: int, *, parts: list[int], other: int | None = None) -> int:
    return x + sum(parts) + (other or 0)


def job(x: int) -> Job:
    return Job(double, {"x": x}, ("errors.py",))


def test_computed_once_for_the_same_settings(tmp_path: Path) -> None:
    store = Store(tmp_path / "new" / "folder")
    CALLS.clear()
    assert not store.has(job(3))
    assert [store.get(job(x)) for x in (3, 3, 4)] == [6, 6, 8]
    assert store.has(job(3))
    assert CALLS == [3, 4]
    assert Store(tmp_path / "new" / "folder").get(job(4)) == 8
    assert CALLS == [3, 4]


def test_takes_the_results_of_other_jobs_and_computes_only_what_is_missing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.get(job(1))
    CALLS.clear()
    total = Job(add, {"x": 10}, ("errors.py",), {"parts": [job(1), job(2)], "other": None})
    assert store.get(total) == 16
    assert CALLS == [2]
    shutil.rmtree(tmp_path)
    assert Store(tmp_path).has(total) is False
    wider = Job(add, {"x": 10}, ("errors.py",), {"parts": [job(1), job(2)], "other": job(3)})
    assert Store(tmp_path).get(wider) == 22
    assert CALLS == [2, 1, 2, 3]


def test_jobs_of_lower_rank_come_first(tmp_path: Path) -> None:
    CALLS.clear()
    Store(tmp_path).all([Job(double, {"x": x}, ("errors.py",), rank=(-x,)) for x in (1, 3, 2)])
    assert CALLS == [3, 2, 1]


def test_key_covers_function_settings_inputs_rooms_and_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    base = Job(add, {"x": 1}, ("errors.py",), {"parts": [job(1)]})
    others = [
        Job(double, {"x": 1}, ("errors.py",), {"parts": [job(1)]}),
        Job(add, {"x": 2}, ("errors.py",), {"parts": [job(1)]}),
        Job(add, {"x": 1}, ("errors.py",), {"parts": [job(2)]}),
        Job(add, {"x": 1}, ("errors.py",), {"parts": [], "other": job(1)}),
        Job(add, {"x": 1}, ("errors.py", "ecg"), {"parts": [job(1)]}),
    ]
    keys = {each.key for each in [base, *others]}
    assert len(keys) == 6
    assert Job(add, {"x": 1}, ("errors.py",), {"parts": [job(1)]}, rank=(9,)).key == base.key
    monkeypatch.setattr(store_module, "_library_versions", lambda: ("numpy 0",))
    _source_fingerprint.cache_clear()
    assert job(1).key not in keys
    assert Job(add, {"x": 1}, ("errors.py",), {"parts": [job(1)]}).key not in keys
    _source_fingerprint.cache_clear()


def test_a_worker_finds_the_key_anew() -> None:
    total = Job(add, {"x": 1}, ("errors.py",), {"parts": [job(1)]})
    before = total.key
    sent = pickle.loads(pickle.dumps(total))
    assert not {"key"} & {*vars(sent), *vars(sent.takes["parts"][0])}
    assert sent.key == before


def test_fingerprint_follows_every_file_of_a_room_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(store_module.PACKAGE, tmp_path / "lvmass", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(store_module, "PACKAGE", tmp_path / "lvmass")

    def fingerprint() -> str:
        _source_fingerprint.cache_clear()
        return _source_fingerprint("ecg", "prediction.py")

    before = fingerprint()
    for name, changes in (
        ("ecg/peaks.py", True),
        ("prediction.py", True),
        ("cli.py", False),
        ("study/study.py", False),
    ):
        path = tmp_path / "lvmass" / name
        text = path.read_text()
        path.write_text(text + "\nEDITED = 1\n")
        assert (fingerprint() != before) is changes, name
        path.write_text(text)
    assert fingerprint() == before
    _source_fingerprint.cache_clear()


def test_versions_of_direct_and_indirect_libraries_count() -> None:
    names = {text.partition(" ")[0] for text in _library_versions()}
    assert {"numpy", "torch", "joblib", "wfdb", "contourpy"} <= names
    assert not {"pytest", "jupyter-book"} & names


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="results cannot be kept here"):
        Store(tmp_path / "file" / "cache")


def end(x: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_worker_that_the_system_ends_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'end' was ended from outside.* fewer workers"):
        Store(tmp_path, workers=2).all([Job(end, {"x": x}, ("errors.py",)) for x in (1, 2)])


SLEEPERS = """
import sys, time
from pathlib import Path
from lvmass.study.store import Job, Store

def sleep(x):
    Path(sys.argv[1], f"pid{x}").write_text(str(__import__("os").getpid()))
    time.sleep(60)

if __name__ == "__main__":
    Store(sys.argv[1] + "/store", workers=2).all([Job(sleep, {"x": x}, ("errors.py",)) for x in (1, 2)])
"""


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "sleepers.py"
    script.write_text(SLEEPERS.replace("sys.argv[1]", repr(str(tmp_path))))
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    workers = wait_for_workers(tmp_path)
    assert process.pid not in workers
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert all_gone(workers)


def wait_for_workers(folder: Path) -> list[int]:
    files, deadline = [folder / "pid1", folder / "pid2"], time.monotonic() + 60
    while not all(file.is_file() and file.read_text() for file in files) and time.monotonic() < deadline:
        time.sleep(0.05)
    return [int(file.read_text()) for file in files]


def all_gone(workers: list[int]) -> bool:
    """Whether they end within ten seconds."""
    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not any(alive(pid) for pid in workers)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")  # an ended process may wait for somebody to take note of its end
    return not (status.is_file() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def test_progress_is_lines_where_there_is_no_terminal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, logger="lvmass")
    Store(tmp_path).all([job(x) for x in range(40)])
    assert caplog.messages[0] == "double: 40 to do"
    assert caplog.messages[1:] == ["double: 40 of 40, done in 0 s"]
    caplog.clear()
    monkeypatch.setattr(store_module, "_TELL_S", 0.0)
    Store(tmp_path).all([job(x) for x in (100, 101, 102)])
    assert [text.partition(",")[0] for text in caplog.messages[1:]] == [f"double: {n} of 3" for n in (1, 2, 3)]
    assert caplog.messages[1].endswith(" s left")


def test_ctrl_c_is_one_sentence_and_leaves_no_worker(tmp_path: Path) -> None:
    script = tmp_path / "sleepers.py"
    head = "import signal\nfrom lvmass.cli import _stop\nsignal.signal(signal.SIGINT, _stop)\n"
    script.write_text(head + SLEEPERS.replace("sys.argv[1]", repr(str(tmp_path))))
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    workers = wait_for_workers(tmp_path)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert errors.startswith("lvmass: stopped; finished stages are kept, and the same command goes on from there.\n")
    assert "Traceback" not in errors  # joblib's watcher of semaphores may add a warning
    assert all_gone(workers)
