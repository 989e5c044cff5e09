"""`lvmass check`: mistakes planted into a clean cohort in files, what it says of them, and what a killed one leaves."""

import csv
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from lvmass.cohort.problems import Problem
from lvmass.ecg.recording import LEADS
from lvmass.report.check_report import check_text, grouped, write_check_report
from lvmass.study.check import Findings, _read_people, check_study
from lvmass.study.duplicates import alike, outline
from lvmass.study.plausible import Checked, _index_as_mass
from lvmass.study.settings import read_study_file
from lvmass.study.study import Study
from tests.study.mistakes import MISTAKES, Mistake, Own, clean_cohort
from tests.study.test_store import alive

N, N_EXTERNAL = 44, 16
ALONE = [mistake for mistake in MISTAKES if mistake.where in ("study.toml", "the book", "the study")]
ALONE += [mistake for mistake in MISTAKES if mistake.kind in ("all ECGs in µV", "a header only", "no text")]
UNITS = [mistake for mistake in MISTAKES if mistake.words[1:] == ("[development.units]",)]
ROWS = [mistake for mistake in MISTAKES if mistake.row and mistake.where == "subjects.csv" and not mistake.also]
KINDS = {
    "cells": [mistake for mistake in ROWS if " is '" in mistake.kind],
    "files": [mistake for mistake in ROWS if mistake.file],
    "people": [mistake for mistake in ROWS if mistake.kind.startswith(("ECG two", "a patient of", "a copy", "an ECG"))],
}


def has(mistake: Mistake, problems: tuple[Problem, ...]) -> bool:
    """Whether a mistake is told of, at its level and place."""
    return any(
        problem.level == mistake.level
        and (problem.row, problem.where) == (mistake.row, mistake.where)
        and problem.column in (mistake.column, problem.column if not mistake.column else mistake.column)
        and mistake.file in problem.file
        and all(word in f"{problem.where} {problem}" for word in mistake.words)
        for problem in problems
    )


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Own:
    folder = tmp_path_factory.mktemp("check")
    own = clean_cohort(folder / "clean", N, N_EXTERNAL)
    own.settings = own.settings.replace("CACHE", str(folder / "cache"))
    return own


@pytest.fixture
def own(clean: Own, tmp_path: Path) -> Iterator[Own]:
    yield clean.copy_to(tmp_path / "own")
    shutil.rmtree(tmp_path / "own")


def test_a_clean_cohort_has_no_error_and_run_finds_its_beats(clean: Own) -> None:
    findings = check_study(clean.write())
    assert [str(problem) for problem in findings.problems if problem.level == "error" or problem.row] == []
    assert findings.counts[["people", "ecgs", "usable"]].to_numpy()[0].tolist() == [N - 1, N, N]
    study = Study.from_toml(clean.folder / "study.toml")
    for name in study.cohort_names():
        assert all(study.store.has(job) for job in study._beats(name).takes["blocks"])


@pytest.mark.parametrize("kind", KINDS)
def test_many_mistakes_are_listed_at_once(own: Own, kind: str) -> None:
    planted: dict[int | None, Mistake] = {}
    for mistake in KINDS[kind]:
        planted.setdefault(mistake.row, mistake)  # one a row
    for mistake in planted.values():
        mistake.plant(own)
    problems = check_study(own.write()).problems
    assert [mistake.kind for mistake in planted.values() if not has(mistake, problems)] == []
    assert len(planted) >= 7


@pytest.mark.parametrize("mistake", UNITS, ids=lambda mistake: mistake.kind)
def test_a_column_in_another_unit_is_one_error_until_the_unit_is_stated(own: Own, mistake: Mistake) -> None:
    def told() -> list[Problem]:
        return _read_people("development", read_study_file(own.write()).development, own.folder)[1]

    mistake.plant(own)
    problems = told()
    assert has(mistake, tuple(problems))
    assert len([problem for problem in problems if problem.level == "error"]) == 1
    unit = re.findall(r'"(\w+)"', problems[0].do)[0]
    own.settings += f'[development.units]\n{mistake.column} = "{unit}"\n'
    assert told() == []


@pytest.mark.parametrize("mistake", ALONE, ids=lambda mistake: mistake.kind)
def test_mistakes_of_a_study(own: Own, mistake: Mistake) -> None:
    mistake.plant(own)
    assert has(mistake, check_study(own.write()).problems)


def test_the_table_is_read_as_the_study_file_says(own: Own) -> None:
    own.people["sex"] = own.people["sex"].map({"female": "F", "male": "M"})
    own.people = own.people.assign(height_cm=own.numbers("height_cm") / 2.54).rename(columns={"height_cm": "Size"})
    own.settings += '[development.columns]\nSize = "height_cm"\n[development.units]\nSize = "in"\n'
    own.settings += '[development.codes]\nsex = { F = "female", M = "male" }\n'
    assert [problem for problem in check_study(own.write()).problems if problem.level == "error"] == []
    own.settings = own.settings.replace('F = "female"', 'F = "femal"')
    assert any("[development.codes] says" in problem.what for problem in check_study(own.write()).problems)


def test_a_mended_cell_reads_no_ecg_again(own: Own, monkeypatch: pytest.MonkeyPatch) -> None:
    check_study(own.write())
    monkeypatch.setattr("lvmass.study.steps.beats_of_block", None)
    own.people.loc[3, "age_years"] = "420"
    assert any(problem.row == 5 for problem in check_study(own.write()).problems)
    own.people.loc[3, "age_years"] = "42"
    check_study(own.write())


def test_copies_are_found_among_many() -> None:
    rng = np.random.default_rng(1)
    beats = rng.normal(size=(5000, len(LEADS), 64)).astype(np.float32)
    beats[4321] = 1.2 * beats[17] + rng.normal(0, 0.02, beats[17].shape)
    assert list(alike(outline(beats), rng.uniform(50, 100, 5000).tolist())) in ([], [(17, 4321)])
    assert list(alike(outline(beats), [60.0] * 5000)) == [(17, 4321)]


def findings_of(folder: Path, problems: tuple[Problem, ...]) -> Findings:
    counts = pd.DataFrame(
        [("development", "Ours <b>", False, 60, 61, 58)],
        columns=["section", "label", "simulated", "people", "ecgs", "usable"],
    )
    return Findings("study", folder / "study.toml", counts, problems)


def test_the_report_is_one_file_that_fetches_nothing_and_runs_nothing(tmp_path: Path) -> None:
    script = "<script>alert(1)</script>"
    problems = tuple(Problem("error", "a.csv", f"the value is {script}{i}", "=cmd|x", i, "+x") for i in range(2, 90, 2))
    page, table = write_check_report(findings_of(tmp_path, problems))
    soup = BeautifulSoup(page.read_text(), "html.parser")
    assert not soup.find_all(["script", "img", "link", "iframe"])
    assert "http:" not in page.read_text()
    assert "https:" not in page.read_text()
    assert script in soup.get_text()
    assert len(soup.select(".problems tbody tr")) == 1  # forty-four problems are one line
    rows = list(csv.DictReader(table.open()))
    assert len(rows) == 44
    assert {row["do"] for row in rows} == {"'=cmd|x"}
    assert {row["column"] for row in rows} == {"'+x"}
    assert rows[0]["row"] == "2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["check_report.csv", "check_report.html"]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_the_terminal_gets_forty_lines(tmp_path: Path) -> None:
    problems = tuple(Problem("warning", "a.csv", "odd", "look", column=f"c{i}") for i in range(100))
    text = check_text(findings_of(tmp_path, problems))
    assert "and 60 more in check_report.html" in text
    assert len(text.splitlines()) < 48
    assert "0 errors, 100 warnings" in text


def test_equal_problems_are_one_line_with_their_rows() -> None:
    rows = [*range(3, 19), 22, 40]
    same = [Problem("error", "a.csv", "the cell is empty", "give a number", row, "x") for row in rows]
    other = Problem("warning", "a.csv", "odd", "look", 7, "x")
    lines = grouped([other, *same])
    assert [str(line) for line in lines] == [
        "a.csv, rows 3-18, 22, 40, column x: the cell is empty; give a number.",
        "a.csv, row 7, column x: odd; look.",
    ]


def test_problems_without_a_row_are_one_line() -> None:
    told = [Problem("error", "a.csv", f"[codes] says {code!r}", "give 0 or 1", column="sex") for code in "FM"]
    assert str(grouped(told)[0]) == "a.csv, column sex: [codes] says 'F' (the others likewise); give 0 or 1."


def sixty(rng: np.random.Generator, n: int) -> Checked:
    """Masses as MR gives them, which are near LVM indices by CT."""
    people = pd.DataFrame({"sex": ["female", "male"] * (n // 2), "height_cm": rng.normal(170, 8, n)})
    people["weight_kg"] = 26 * (people["height_cm"] / 100) ** 2 * np.exp(rng.normal(0, 0.15, n))
    size = people["height_cm"] ** 0.5 * people["weight_kg"] ** 0.5 / 60
    grams = np.where(people["sex"] == "male", 44, 36) * size**1.1 * np.exp(rng.normal(0, 0.2, n))
    return Checked("development", "a.csv", people.assign(lvm_g=grams))


@pytest.mark.parametrize(("n", "level"), [(60, "warning"), (400, "error")])
def test_an_index_in_the_place_of_grams_is_told_where_it_is_sure(n: int, level: str) -> None:
    rng, found = np.random.default_rng(0), []
    for _ in range(100):
        about = sixty(rng, n)
        index = replace(about, people=about.people.assign(lvm_g=about.people["lvm_g"] / about.bsa_m2))
        found.append([[problem.level for problem in _index_as_mass(each)] for each in (about, index)])
    assert sum(bool(false) for false, _ in found) <= 1
    assert sum(true == [level] for _, true in found) >= 60


SMALL_BLOCKS = """
import sys
import lvmass.cohort.preprocessing as preprocessing
from lvmass.cli import main
preprocessing.BLOCK = 6
if __name__ == "__main__":
    sys.argv = ["lvmass", "check", sys.argv[1]]
    main()
"""


def children(parent: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(status.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(status.parent.name))
        except OSError:  # ended meanwhile
            continue
    return found


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="children are looked up in /proc")
def test_killed_check_goes_on_from_finished_blocks(own: Own, monkeypatch: pytest.MonkeyPatch) -> None:
    own.settings = re.sub("cache_dir = .*\nworkers = 1", 'cache_dir = "cache"\nworkers = 2', own.settings)
    study, script = own.write(), own.folder / "small.py"
    script.write_text(SMALL_BLOCKS)
    command = [sys.executable, str(script), str(study)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def done() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in own.folder.glob("cache/**/output.pkl")}

    deadline = time.monotonic() + 120
    while len(done()) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    workers = children(process.pid)
    process.kill()
    process.wait()
    before = done()
    assert 2 <= len(before) < 11
    assert not list(own.folder.glob("check_report*"))
    deadline = time.monotonic() + 10
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert workers
    assert not any(map(alive, workers))
    monkeypatch.setattr("lvmass.cohort.preprocessing.BLOCK", 6)
    own.settings = own.settings.replace("workers = 2", "workers = 1")
    write_check_report(check_study(own.write()))
    assert {path: done()[path] for path in before} == before
    assert len(done()) == 11  # 44 and 16 rows, six a block
    assert (own.folder / "check_report.html").is_file()
