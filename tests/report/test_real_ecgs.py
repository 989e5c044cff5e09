"""Chapter 9: what the benchmarks have kept of real ECGs is shown as it is, and holds numbers only."""

import json
import re
from typing import Any

import pytest

from lvmass.ecg import lvh_criteria, measure_beat, read_ecg, synchronized_beat
from lvmass.report.real_ecgs import answer, drawn, shown, tabulated
from lvmass.report.style import Picture
from tests.conftest import ROOT

VALIDATION = ROOT / "book" / "validation"
REAL: dict[str, Any] = json.loads((VALIDATION / "real_ecgs.json").read_text())


def scores(*of_criteria: tuple[str, float, float]) -> dict[str, Any]:
    """A file in which the model has 0.9, and each criterion a gain and a p value."""
    size = {"auc": 0.9, "ci_low": 0.8, "ci_high": 1.0}
    rows: list[dict[str, Any]] = [{"score": "elvmass-net", "sex": sex, **size} for sex in ("all", "female", "male")]
    rows += [{"score": name, "sex": "all", **size, "gain": gain, "p_holm": p} for name, gain, p in of_criteria]
    return {"n": 50, "n_lvh": 10, "c_statistics": rows}


def test_the_answer_says_what_is_better_worse_and_neither() -> None:
    tested = scores(("r_avl_mv", 0.2, 0.01), ("perugia", -0.2, 0.01), ("cornell_voltage_mv", 0.2, 0.06))
    text = str(answer(tested, scores(("r_avl_mv", 0.0, 1.0))).data)
    for said in (
        "0.900 (0.800 to 1.000)",
        "Of 50 real ECGs in PTB-XL, 10 with",
        "Better than: R in aVL. Worse than: Perugia score. Not significantly different from: Cornell voltage. On",
    ):
        assert said in text
    assert "Worse than" not in str(answer(scores(("r_avl_mv", 0.2, 0.01)), tested).data)


def test_lines_stand_where_the_file_says() -> None:
    picture = drawn(REAL["PTB-XL"], "c_statistics")
    assert isinstance(picture, Picture)
    lines: list[Any] = list(picture.figure.axes[0].lines)
    points = [(y, x) for line in lines if line.get_marker() in ("o", "D") for x, y in line.get_xydata().tolist()]
    dots = [x for _, x in sorted(points, reverse=True)]  # from top to bottom; a line a colour
    assert dots == [row["auc"] for row in REAL["PTB-XL"]["c_statistics"] if row["sex"] == "all"]
    assert dots == sorted(dots, reverse=True)
    for name in ("by_sex", "index", "findings"):
        assert isinstance(drawn(REAL["PTB-XL"], name), Picture)
    detectors = json.loads((VALIDATION / "ecg_peaks.json").read_text())  # without intervals
    assert isinstance(shown(detectors, "detectors", digits=4)[0], Picture)


@pytest.mark.parametrize(
    ("file", "name", "said"),
    [
        ("ecg_delineation", "boundaries", "each method gets 12 leads"),
        ("ecg_delineation", "cart", "QRS axis (°)"),
        ("ecg_peaks", "detectors", "R peaks within 100 ms"),
        ("ecg_beat", "beats", "per-lead alignment"),
        ("real_ecgs", "mistakes", "MIT-BIH: R peaks missed"),
    ],
)
def test_tables_of_each_file(file: str, name: str, said: str) -> None:
    assert said in tabulated(json.loads((VALIDATION / f"{file}.json").read_text()), name).data


def test_the_file_holds_numbers_of_every_criterion_and_no_recording() -> None:
    from pydicom.data import get_testdata_file

    beat = synchronized_beat(read_ecg(str(get_testdata_file("waveform_ecg.dcm"))))
    names = {"elvmass-net", *lvh_criteria(beat, measure_beat(beat), "female")}
    for database in ("PTB-XL", "LUDB"):
        found = REAL[database]
        rows = found["c_statistics"]
        assert {(row["score"], row["sex"]) for row in rows} == {
            (n, s) for n in names for s in ("all", "female", "male")
        }
        everyone = next(row for row in rows if row["sex"] == "all")
        assert (found["n"], found["n_lvh"]) == (everyone["n_subjects"], everyone["n_lvh"])
        assert all(row["ci_low"] <= row["auc"] <= row["ci_high"] for row in rows)
    text = json.dumps(REAL)
    assert not re.search(r"\d{4}-\d\d-\d\d|\.dat|\.hea|records\d+|patient_id", text)
    assert len(text) < 40_000
