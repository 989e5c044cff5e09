"""The way of a hospital with the README alone: init, fill in, check, run, every page of the book.

Pages are executed here; that they become a book is tested with the builder, and by building one.
"""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb

from lvmass.cohort import simulate_cohort
from lvmass.ecg import LEADS
from lvmass.report.book import page_problems
from lvmass.study.study import Study
from tests.report.chapters import PAGES, check_words, run_chapter

LVMASS = str(Path(sys.executable).with_name("lvmass"))
N, N_EXTERNAL = 80, 40
SMALL_NETWORKS = {
    "elvmass-net": "arguments = { channels = 4, levels = 5, stem_stride = 8 }\nfit = { epochs = 1 }",
    "lvm-ai": "arguments = { kernel = 7 }\nfit = { epochs = 1 }",
    "fcn": "arguments = { filters = [8, 8, 8] }\nfit = { epochs = 1 }",
}


def write_people(folder: Path, name: str, n: int, seed: int, *, sexes: tuple[str, ...] = ("female", "male")) -> None:
    """Write a subjects table and an ECG file a row, WFDB and NPY in turn; every tenth person has two ECGs."""
    cohort = simulate_cohort(2 * n, like="tw-cvai", seed=seed)
    rows = [i for i, sex in enumerate(cohort.subjects["sex"]) if sex in sexes][:n]
    (folder / "ecg").mkdir(exist_ok=True)
    table = cohort.subjects.iloc[rows].reset_index(drop=True)
    table["subject_id"] = [f"{name}-{i}" for i in range(n)]
    table["patient_id"] = [f"{name}-patient-{i - (i % 10 == 9)}" for i in range(n)]
    same = [i - (i % 10 == 9) for i in range(n)]  # of one patient: the same mass, size and sex
    person = ["sex", "age_years", "height_cm", "weight_kg", "lvm_g"]
    table[person] = table[person].to_numpy()[same]
    paths = []
    for i, row in enumerate(rows):
        signal_mv = cohort.recording(row).signal_mv
        record = f"{name}{i}"
        if i % 2:
            np.save(folder / "ecg" / f"{record}.npy", signal_mv)
        else:
            options = {"fs": 500, "units": ["mV"] * 12, "sig_name": list(LEADS), "fmt": ["16"] * 12}
            wfdb.wrsamp(record, p_signal=signal_mv.T.astype(float), write_dir=str(folder / "ecg"), **options)
        paths.append(f"ecg/{record}.{'npy' if i % 2 else 'hea'}")
    table.assign(ecg_path=paths).to_csv(folder / f"{name}.csv", index=False)


def small(study: Path) -> None:
    """Turn the settings that `lvmass init` wrote into ones that take seconds, and say how NPY files are to be read."""
    text = study.read_text()
    for name, settings in SMALL_NETWORKS.items():
        head, _, tail = text.partition(f"[models.{name}]\n")
        section, _, rest = tail.partition("\n\n")
        kept = [line for line in section.splitlines() if not line.startswith(("arguments", "fit"))]
        text = "\n".join([head + f"[models.{name}]", *kept, settings, "", rest])
    for setting, value in {"bootstrap": 100, "signal_rate_hz": 50}.items():
        text = re.sub(rf"# {setting} = \S+", f"{setting} = {value}", text)
    text = text.replace("linear = 10", "linear = 2")
    stated = f'unit = "mV"\nsampling_rate_hz = 500\nleads = {list(LEADS)}'.replace("'", '"')
    text = re.sub(r"# unit = .*\n# sampling_rate_hz.*\n# leads.*", stated, text)
    text = re.sub(r"# (\[external\]).*\n# (label.*)\n# (subjects.*)", rf"\1\n\2\n\3\n{stated}", text)
    study.write_text(text + "\n[folds]\nn = 2\n\n[saliency]\nn_per_sex = 3\nsteps = 8\n")


def lvmass(*arguments: object, cwd: Path) -> str:
    command = [LVMASS, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the study file of a filled-in folder."""
    root = tmp_path_factory.mktemp("hospital")
    lvmass("init", "own", cwd=root)
    write_people(root / "own", "subjects", N, seed=5)
    write_people(root / "own", "external", N_EXTERNAL, seed=6)
    small(root / "own" / "study.toml")
    return root / "own" / "study.toml"


def test_check_finds_no_error(own: Path) -> None:
    text = lvmass("check", own, cwd=own.parents[1])
    assert f"development: Own cohort, {N - N // 10} people, {N} ECGs" in text
    assert f"external: Another hospital, {N_EXTERNAL - N_EXTERNAL // 10} people" in text
    assert ": 0 errors, " in text
    assert (own.parent / "check_report.html").is_file()


def test_run_then_every_page_of_the_book(own: Path) -> None:
    root = own.parents[1]
    assert "simulated" not in lvmass("run", own, "--save-model", "own/model", cwd=root)
    ids = {
        *pd.read_csv(own.parent / "subjects.csv")["subject_id"],
        *pd.read_csv(own.parent / "external.csv")["subject_id"],
    }
    for page in PAGES[:-1]:  # the appendix is not about them
        shown = run_chapter(page, own)
        file = root / f"{page.stem}.html"
        file.write_text(f'<article><h1>{page.stem}</h1><div class="cell">{shown}</div></article>')
        assert page_problems(file) == []
        check_words(shown)
        assert not [name for name in ids if re.search(rf"\b{re.escape(name)}\b", shown)], page
        assert str(own.parent) not in shown, page
        if page.stem == "01_data":  # every tenth ECG is a second one of a person
            assert f"<td>{N - N // 10}</td>" in re.sub(r"<td[^>]*>", "<td>", shown)


def test_renamed_cohort_recomputes_nothing(own: Path) -> None:
    study = Study.from_toml(own)
    study.run()
    renamed = own.with_name("renamed.toml")
    renamed.write_text(own.read_text().replace('label = "Own cohort"', 'label = "Our patients"'))
    again = Study.from_toml(renamed)
    assert again.cohort().name == "Our patients"
    assert again.store.has(again._statistics())


def test_development_and_external_that_share_a_patient_are_refused(own: Path) -> None:
    shared = own.with_name("shared.toml")
    shared.write_text(own.read_text().replace('"external.csv"', '"subjects.csv"'))
    done = subprocess.run([LVMASS, "check", str(shared)], capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "subjects-patient-0" in done.stderr
    run = subprocess.run([LVMASS, "run", str(shared)], capture_output=True, text=True, check=False, timeout=100)
    assert run.returncode == 1
    assert "subjects-patient-0" in run.stderr
