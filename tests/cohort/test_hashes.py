"""A file is read again exactly when it may have changed."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from lvmass.cohort.hashes import FileHashes
from lvmass.errors import DataError


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def ecg(tmp_path: Path) -> Path:
    path = tmp_path / "Miller_Anna.dcm"
    path.write_text("first")
    return path


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let time go on, so that the file is no longer one that has just been written."""
    now_ns = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now_ns + 10_000_000_000)


def hashed(ecg: Path, memory: Path) -> str:
    hashes = FileHashes(memory)
    found = hashes.of(ecg)
    hashes.save()
    return found


def test_a_file_that_stays_is_read_once(
    ecg: Path, tmp_path: Path, later: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = tmp_path / "files.json"
    assert hashed(ecg, memory) == sha("first")
    monkeypatch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("read again"))
    assert hashed(ecg, memory) == sha("first")
    assert "Miller" not in memory.read_text()


def test_an_edited_file_is_noticed_though_size_and_time_are_put_back(ecg: Path, tmp_path: Path, later: None) -> None:
    memory, before = tmp_path / "files.json", ecg.stat()
    hashed(ecg, memory)
    ecg.write_text("other")
    os.utime(ecg, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert ecg.stat().st_size == before.st_size
    assert hashed(ecg, memory) == sha("other")


def test_a_file_just_written_is_not_remembered(ecg: Path, tmp_path: Path) -> None:
    memory = tmp_path / "files.json"
    hashed(ecg, memory)
    assert not memory.exists() or memory.read_text() == "{}"


def test_a_broken_memory_is_made_anew_and_a_lost_file_is_one_sentence(ecg: Path, tmp_path: Path, later: None) -> None:
    memory = tmp_path / "files.json"
    memory.write_text('{"half')
    assert hashed(ecg, memory) == sha("first")
    ecg.unlink()
    with pytest.raises(DataError, match=r"Miller_Anna.dcm: cannot be read"):
        hashed(ecg, memory)
