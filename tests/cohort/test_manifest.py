import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from lvmass.cohort.folds import _patient_groups
from lvmass.cohort.manifest import (
    FileSource,
    content_key,
    is_no_ecg,
    load_cohort,
    read_subjects,
    shared_people,
)
from lvmass.cohort.simulation.cohort import simulate_cohort
from lvmass.cohort.simulation.drivers import Couplings
from lvmass.errors import DataError

from .cohort_tables import people

REAL = Path(os.environ.get("LVMASS_REAL_ECG", Path(__file__).parents[3] / "shared" / "data"))
needs_real_ecgs = pytest.mark.skipif(not (REAL / "ptbxl").is_dir(), reason="real ECGs are not on this machine")


def write_cohort(folder: Path, n: int = 3) -> Path:
    for i, cell in enumerate(people(n)["ecg_path"]):
        (folder / cell).write_bytes(bytes([i]))
    people(n).to_csv(folder / "people.csv", index=False)
    return folder / "people.csv"


def test_a_cohort_is_loaded_from_any_folder(tmp_path: Path) -> None:
    cohort = load_cohort(write_cohort(tmp_path))
    assert (cohort.name, len(cohort), cohort.simulated) == ("people", 3, False)
    assert cohort.subjects["ecg_path"].iloc[0] == str((tmp_path / "a.dcm").resolve())
    assert load_cohort(tmp_path / "people.csv", name="ours").name == "ours"
    assert len(pickle.loads(pickle.dumps(cohort)).subjects) == 3


def test_arrays_are_read_at_the_stated_rate_and_leads(tmp_path: Path) -> None:
    table = people(2)
    table["ecg_path"] = ["a.npy", "b.npy"]
    leads = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
    signal_mv = np.random.default_rng(0).normal(size=(8, 500)).astype(np.float32)
    for cell in table["ecg_path"]:
        np.save(tmp_path / cell, signal_mv)
    table.to_csv(tmp_path / "people.csv", index=False)
    cohort = load_cohort(tmp_path / "people.csv", unit="mV", sampling_rate_hz=250, leads=leads)
    assert cohort.recording(1).sampling_rate_hz == 250
    assert np.allclose(cohort.recording(1).signal_mv[[0, 1, 6, 7, 8, 9, 10, 11]], signal_mv)
    other_rate = load_cohort(tmp_path / "people.csv", unit="mV", sampling_rate_hz=500, leads=leads)
    assert content_key(other_rate) != content_key(cohort)


def test_all_missing_files_are_listed(tmp_path: Path) -> None:
    table = write_cohort(tmp_path)
    (tmp_path / "a.dcm").unlink()
    (tmp_path / "c.dcm").unlink()
    (tmp_path / "c.dcm").mkdir()
    with pytest.raises(DataError) as caught:
        load_cohort(table)
    first, *lines = str(caught.value).splitlines()
    assert first.endswith("people.csv has 2 problems:")
    told = f"there is no such file under the folder {tmp_path.name}; correct the path."
    assert lines == [f"row {row}, column ecg_path, file {file}: {told}" for row, file in ((2, "a.dcm"), (4, "c.dcm"))]


def test_a_path_that_cannot_be_is_a_missing_file(tmp_path: Path) -> None:
    write_cohort(tmp_path)
    table = people().assign(ecg_path=["a" * 5000, "../" * 200 + "b\x01", "/dev/null"])
    table.to_csv(tmp_path / "people.csv", index=False)
    problems = read_subjects(tmp_path / "people.csv").problems
    assert [(each.row, each.what.split(" under")[0]) for each in problems] == [
        (row, "there is no such file") for row in (2, 3, 4)
    ]


def test_no_ecg_lies_outside_the_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    table = write_cohort(tmp_path / "in")
    (tmp_path / "in" / "c.dcm").unlink()
    (tmp_path / "in" / "c.dcm").symlink_to(tmp_path / "b.dcm")
    for name in ("a.dcm", "b.dcm"):
        (tmp_path / name).write_bytes(b"another's")
    cells = ["../a.dcm", str(tmp_path / "b.dcm"), "c.dcm"]
    people().assign(ecg_path=cells).to_csv(table, index=False)
    problems = read_subjects(table).problems
    assert [(each.row, each.file) for each in problems] == list(enumerate(cells, 2))
    assert all("it lies outside" in each.what and "ecg_folder" in each.do for each in problems)
    people().assign(ecg_path=["a.dcm", str(tmp_path / "b.dcm"), "in\\c.dcm"]).to_csv(table, index=False)
    assert load_cohort(table, ecg_folder=tmp_path).subjects["ecg_path"].tolist() == [
        str(tmp_path / name) for name in ("a.dcm", "b.dcm", "b.dcm")
    ]


def test_people_of_whom_something_is_missing_are_kept_apart(tmp_path: Path) -> None:
    table = write_cohort(tmp_path)
    people().assign(sex=["", "male", "female"], height_cm=["160", "", "150"]).to_csv(table, index=False)
    cohort = load_cohort(table)
    assert cohort.excluded.to_numpy().tolist() == [[2, "p0", "no_sex"], [3, "p1", "no_height"]]
    assert (cohort.subjects["subject_id"].tolist(), cohort.rows, len(cohort)) == (["p2"], [4], 1)
    assert isinstance(cohort.source, FileSource)
    assert [path.name for path in cohort.source.paths] == ["c.dcm"]
    imputed = load_cohort(table, missing={"height_cm": "impute"})
    assert imputed.excluded["code"].tolist() == ["no_sex"]
    assert imputed.subjects["height_cm"].isna().tolist() == [True, False]
    assert content_key(imputed) != content_key(cohort)
    assert simulate_cohort(2, seed=1).rows == [2, 3]


def test_the_key_follows_every_byte(tmp_path: Path) -> None:
    table = write_cohort(tmp_path)
    before = content_key(load_cohort(table))
    assert content_key(load_cohort(table)) == before
    assert content_key(load_cohort(table, name="another name for the same people")) == before
    (tmp_path / "b.dcm").write_bytes(b"other")
    after = content_key(load_cohort(table))
    assert after != before
    text = table.read_text().replace("140", "141")
    table.write_text(text)
    assert content_key(load_cohort(table)) not in (before, after)


def test_the_key_of_a_simulated_cohort_follows_its_settings() -> None:
    keys = {
        content_key(simulate_cohort(5, like=like, seed=seed, noise=noise))
        for like, seed, noise in [("tw-cvai", 1, 1.0), ("ntuh", 1, 1.0), ("tw-cvai", 2, 1.0), ("tw-cvai", 1, 0.5)]
    }
    assert len(keys) == 4


def test_people_in_two_cohorts_are_found_by_patient_and_by_ecg(tmp_path: Path) -> None:
    for folder in ("ours", "theirs"):
        (tmp_path / folder).mkdir()
    ours = load_cohort(write_cohort(tmp_path / "ours"))
    theirs = write_cohort(tmp_path / "theirs")
    for cell in ("a.dcm", "b.dcm"):
        (tmp_path / "theirs" / cell).write_bytes(b"another ECG, " + cell.encode())
    people().assign(subject_id=["x", "y", "z"]).to_csv(theirs, index=False)
    assert [str(problem) for problem in shared_people(ours, load_cohort(theirs))] == [
        "1 ECG stands in both cohorts: 'c.dcm' (row 4 of development, row 4 of external); leave each in one."
    ]
    people().assign(subject_id=["x", "y", "z"], patient_id=["p2", "y", "p0"]).to_csv(theirs, index=False)
    patients, ecgs = map(str, shared_people(ours, load_cohort(theirs)))
    assert patients == (
        "2 patients stand in both cohorts: 'p0' (row 2 of development, row 4 of external), "
        "'p2' (row 4 of development, row 2 of external); leave each in one."
    )
    assert ecgs.startswith("1 ECG stands")
    (tmp_path / "ours" / "a.dcm").unlink()
    with pytest.raises(DataError, match=r"a\.dcm: cannot be read"):
        shared_people(ours, load_cohort(theirs))


def test_wfdb_records_are_compared_by_their_samples(tmp_path: Path) -> None:
    for folder, record in (("ours", "a"), ("theirs", "b[1]")):
        (tmp_path / folder).mkdir()
        people(1).assign(subject_id=folder, ecg_path=f"{record}.hea").to_csv(tmp_path / folder / "t.csv", index=False)
        (tmp_path / folder / f"{record}.hea").write_text(f"{record} 12 500 5000\n{record}.dat 16\n# no file\n")
        (tmp_path / folder / f"{record}.dat").write_bytes(b"the same samples")
    ours, theirs = (load_cohort(tmp_path / folder / "t.csv") for folder in ("ours", "theirs"))
    assert len(shared_people(ours, theirs)) == 1
    (tmp_path / "theirs" / "b[1].dat").write_bytes(b"others")
    assert shared_people(ours, load_cohort(tmp_path / "theirs" / "t.csv")) == []


def test_the_key_of_a_wfdb_record_follows_its_header_and_the_signals_it_names(tmp_path: Path) -> None:
    header, signals = tmp_path / "a.hea", tmp_path / "samples.dat"
    header.write_text("a 12 500 5000\nsamples.dat 16\n")
    signals.write_bytes(b"samples")
    people(1).assign(ecg_path="a.hea").to_csv(tmp_path / "t.csv", index=False)
    before = content_key(load_cohort(tmp_path / "t.csv"))
    signals.write_bytes(b"others")
    assert content_key(load_cohort(tmp_path / "t.csv")) != before
    (tmp_path / "a.dat").write_bytes(b"samples")
    header.write_text("a 12 500 5000\na.dat 16 1000\n")
    people(1).assign(ecg_path="a.dat").to_csv(tmp_path / "t.csv", index=False)
    before = content_key(load_cohort(tmp_path / "t.csv"))
    header.write_text("a 12 500 5000\na.dat 16 2000\n")  # the same samples at half the voltage
    assert content_key(load_cohort(tmp_path / "t.csv")) != before


def test_simulated_cohorts_of_one_site_and_seed_share_people() -> None:
    development = simulate_cohort(8, seed=1)
    (shared,) = shared_people(development, simulate_cohort(20, seed=1, noise=0.5, couplings=Couplings.none()))
    assert shared.level == "error"
    sentence = str(shared)
    assert sentence.startswith("8 patients stand in both cohorts: for example 'tw-cvai-1-000000' (row 2 of development")
    assert sentence.count("row") == 10
    for other in (simulate_cohort(8, seed=2), simulate_cohort(8, like="ntuh", seed=1)):
        assert shared_people(development, other) == []


@needs_real_ecgs
def test_real_duplicates_under_two_patients_share_a_group(tmp_path: Path) -> None:
    folder = REAL / "ptbxl" / "records500" / "00000"
    people().assign(ecg_path=[f"{n:05d}_hr" for n in (145, 463, 1)]).to_csv(tmp_path / "real.csv", index=False)
    cohort = load_cohort(tmp_path / "real.csv", ecg_folder=folder)
    assert isinstance(cohort.source, FileSource)
    groups = _patient_groups(cohort.subjects, cohort.source.hashes())
    assert groups.tolist() == [0, 0, 1]
    signals = [recording.signal_mv for recording in cohort.recordings()]
    assert np.array_equal(signals[0], signals[1])
    assert signals[2].shape == (12, 5000)


@pytest.mark.parametrize(
    ("name", "content", "no_ecg"),
    [
        ("people.csv", b"subject_id,Sex,age_years\n", True),
        ("people.csv", b"file;lead\n", True),
        ("ecg.csv", b"patient_id,time_s,I_mV,II_mV\n", False),
        ("ecg.csv", b'\xef\xbb\xbf"site";"V1";"V2"\r\n', False),
        ("README", b"0 ECGs are here", True),
        ("record", b"0       X X X X", False),  # EDF
        ("record", b" \n<xml>", False),
    ],
)
def test_what_is_no_ecg(tmp_path: Path, name: str, content: bytes, no_ecg: bool) -> None:
    (tmp_path / name).write_bytes(content)
    assert is_no_ecg(tmp_path / name) == no_ecg


def test_a_file_that_cannot_be_opened_is_left_to_the_reader(tmp_path: Path) -> None:
    assert not is_no_ecg(tmp_path / "gone")
    assert not is_no_ecg(tmp_path / "gone.csv")


def test_a_row_that_is_not_there() -> None:
    with pytest.raises(IndexError):
        simulate_cohort(2, seed=1).recording(2)
