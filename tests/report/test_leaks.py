"""What must not be published is known from the table, the files and their headers, and found wherever it is planted."""

from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from lvmass.report.leaks import _header, _written, identifiers, leaks
from lvmass.report.style import Picture, new_figure
from lvmass.study.study import Study

WANTED = {
    "hospital-17": "an id",
    "20417": "an id",
    "/data/heart study": "a folder",
    "doe^jane": "a name",
    "1459": "an id",
}


def drawn(text: str) -> str:
    figure, axes = new_figure()
    axes.set_title(text)
    return str(Picture(figure, "A figure")._repr_mimebundle_()["text/html"])


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("page.html", "<p>ECG of HOSPITAL-17.</p>", "an id"),
        ("page.html", "<p>ECG of patient 20417, lost.</p>", "an id"),
        ("page.html", "<p>in &#x2F;data/heart study/ecg</p>", "a folder"),
        ("searchindex.js", '{"terms": ["doe^jane"]}', "a name"),
        ("reports/page.err.log", "KeyError: 'hospital-17'", "an id"),
        ("_static/data.csv", "hospital-17,1.2", "an id"),
        ("page.html", drawn("hospital-17"), "an id"),
    ],
)
def test_planted_identifiers_are_found_and_not_repeated(tmp_path: Path, name: str, text: str, kind: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    assert leaks(tmp_path, WANTED) == [f"{name} holds {kind} of the cohort"]


def test_parts_of_words_and_numbers_are_not_identifiers(tmp_path: Path) -> None:
    page, source = tmp_path / "book" / "page.html", tmp_path / "source.md"
    page.parent.mkdir()
    page.write_text("hospital-170 0.20417 20417.5 20,417 20417,000 the paper's 1459 people" + drawn("120417"))
    source.write_text("Of 1459 people")
    assert leaks(page.parent, WANTED, [source]) == []
    assert leaks(page.parent, WANTED) == ["page.html holds an id of the cohort"]  # the number of the paper


def test_the_header_of_an_ecg_file_names_its_patient() -> None:
    entries = [text for entry in _header(Path(str(get_testdata_file("waveform_ecg.dcm")))) for text in _written(entry)]
    assert {"642341", "anonymous", "1971-01-23", "25.01.2013"} <= set(entries)
    assert _header(Path(__file__)) == []


def test_short_identifiers_are_left_out_but_for_mixed_ones() -> None:
    assert [_written(text) for text in ("12", "p1", "ab", "1234", "123456")] == [[], ["p1"], [], [], ["123456"]]


def test_simulated_people_have_no_identifiers(tiny_study: Study) -> None:
    assert identifiers(tiny_study) == {}
