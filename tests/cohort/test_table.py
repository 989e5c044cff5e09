"""The same people, however a hospital's programs write them, are the same table."""

import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lvmass.cohort import table as module
from lvmass.cohort.manifest import read_subjects
from lvmass.cohort.table import read_table

from .cohort_tables import people

PEOPLE = people().assign(
    sex=["female", "male", "female"], age_years=["42", "60.5", "71"], lvm_g=["90.25", "140", "85.5"],
    ecg_date=["2024-05-31", "", "2023-01-02"], Bemerkung=["groß, kräftig", 'sagt "nein"; oder', "" ],
)  # fmt: skip
NUMBERS = ["age_years", "height_cm", "weight_kg", "lvm_g"]
DIALECTS = [
    (separator, decimal, encoding, ending)
    for separator in ",;\t"
    for decimal in ".,"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252")
    for ending in ("\n", "\r\n", "\r")
]


def read(path: Path) -> pd.DataFrame:
    table, problems = read_table(path)
    assert not problems
    assert table is not None
    return table


def why(path: Path) -> str:
    """Why there is no table."""
    table, (problem,) = read_table(path)
    assert table is None
    return str(problem)


def with_ecgs(folder: Path) -> Path:
    for cell in PEOPLE["ecg_path"]:
        (folder / cell).write_bytes(b"ecg")
    return folder


def written(dialect: tuple[str, str, str, str], table: pd.DataFrame = PEOPLE, blank: int = 0) -> bytes:
    """Return a CSV, with empty lines at its end."""
    separator, decimal, encoding, ending = dialect
    table = table.assign(**{name: table[name].str.replace(".", decimal) for name in NUMBERS})
    return (table.to_csv(index=False, sep=separator, lineterminator=ending) + blank * ending).encode(encoding)


def as_excel(path: Path, rows: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def cells(table: pd.DataFrame) -> list[list[Any]]:
    """Rows as a spreadsheet has them: numbers as numbers, dates as dates, nothing where nothing is."""
    typed = table.assign(**{name: table[name].astype(float) for name in NUMBERS}).astype(object)
    typed["ecg_date"] = [datetime.fromisoformat(cell) if cell else None for cell in table["ecg_date"]]
    return [list(typed.columns), *[[None if cell == "" else cell for cell in row] for row in typed.to_numpy().tolist()]]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(dialect=st.sampled_from(DIALECTS), blank=st.integers(0, 3), order=st.permutations(list(PEOPLE)))
def test_any_dialect_of_csv_gives_the_same_people(
    tmp_path: Path, dialect: tuple[str, str, str, str], blank: int, order: list[str]
) -> None:
    path = with_ecgs(tmp_path) / "people.csv"
    path.write_bytes(written(dialect, PEOPLE[order], blank))
    subjects, _, problems, *_ = read_subjects(path)
    assert not problems
    (tmp_path / "plain.csv").write_bytes(written((",", ".", "utf-8", "\n")))
    plain = read_subjects(tmp_path / "plain.csv")[0]
    assert subjects is not None
    assert plain is not None
    pd.testing.assert_frame_equal(subjects[plain.columns], plain)


def test_excel_and_parquet_give_the_same_people(tmp_path: Path) -> None:
    folder = with_ecgs(tmp_path)
    (folder / "plain.csv").write_bytes(written((",", ".", "utf-8", "\n")))
    plain = read_subjects(folder / "plain.csv")[0]
    assert plain is not None
    rows = cells(PEOPLE)
    as_excel(folder / "people.xlsx", [[*row, None, None] for row in rows] + [[None] * 12] * 5)
    typed = pd.DataFrame(rows[1:], columns=rows[0])
    typed.to_parquet(folder / "people.parquet")
    typed.assign(sex=typed["sex"].astype("category"), age_years=typed["age_years"].astype("float32")).to_parquet(
        folder / "category.parquet"
    )
    for name in ("people.xlsx", "people.parquet", "category.parquet"):
        subjects, _, problems, *_ = read_subjects(folder / name)
        assert not problems
        assert subjects is not None
        pd.testing.assert_frame_equal(subjects, plain)


def test_rows_are_those_of_a_spreadsheet(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a,b,\n\n1,"two\nlines",\n,,\n3,4,\n\n')
    table = read(tmp_path / "t.csv")
    assert table.index.tolist() == [3, 5]
    assert table.to_dict("list") == {"a": ["1", "3"], "b": ["two\nlines", "4"]}
    (tmp_path / "t.csv").write_text("sep=;\nx;a\n1;2,5\n")  # Excel shows no such line
    assert read(tmp_path / "t.csv").index.tolist() == [2]
    (tmp_path / "t.csv").write_text(",a\n1,2\n")  # as R writes row names
    assert read(tmp_path / "t.csv").columns.tolist() == ["column 1", "a"]
    as_excel(tmp_path / "t.xlsx", [[], ["a", "b"], [], [1, True], [None, None], [2.5, "x"]])
    table = read(tmp_path / "t.xlsx")
    assert table.index.tolist() == [4, 6]
    assert table.to_numpy().tolist() == [["1", "1"], ["2.5", "x"]]


def test_formulas_without_a_kept_value_and_errors_stay_as_they_are(tmp_path: Path) -> None:
    as_excel(tmp_path / "t.xlsx", [["a", "b"], ["=1+1", "#N/A"], [2, 3]])
    assert read(tmp_path / "t.xlsx").to_numpy().tolist() == [["=1+1", "#N/A"], ["2", "3"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty; give a header"),
        (b"\n ,\n", "the file is empty; give a header"),
        (b"\xff\xfe\x00subjects", "this is no text; save the table as CSV"),
        (b'a,b\n1,2\n"', "the table cannot be read (unexpected end of data)"),
        (b"a,b\n1,2\n1,2,3\n", "row 3: the row has 3 cells, the header 2; quote text and numbers"),
        (b"subject_id\n\0\n", "this is no text; save the table as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "this is an old or protected Excel file"),
        (b"PK\3\4 and no more", "the table cannot be read (File is not a zip file)"),
        (b"PAR1 and no more", "the table cannot be read ("),
        (b"a,b\n" + b'"' + b"x" * 200_000, "the table cannot be read (field larger than field limit"),
    ],
)
def test_a_hostile_table_is_one_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    assert why(tmp_path / "t.csv").startswith(message)


def replaced(path: Path, part: str, change: Callable[[bytes], bytes]) -> Path:
    """Change a part of a workbook."""
    with zipfile.ZipFile(path) as parts:
        contents = {name: parts.read(name) for name in parts.namelist()}
    contents[part] = change(contents[part])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as parts:
        for name, content in contents.items():
            parts.writestr(name, content)
    return path


SHEET = "xl/worksheets/sheet1.xml"


def test_a_workbook_cannot_grow_without_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def workbook(change: Callable[[bytes], bytes]) -> Path:
        return replaced(as_excel(tmp_path / "t.xlsx", [["a"], [1]]), SHEET, change)

    entities = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaa">]>'
    assert why(workbook(lambda xml: entities + xml.partition(b"?>")[2])).startswith(
        "the workbook declares XML entities"
    )
    far = workbook(lambda xml: xml.replace(b'r="2"', b'r="999999999"').replace(b'r="A2"', b'r="A999999999"'))
    assert why(far).startswith("the first sheet is too large")
    stated = workbook(lambda xml: xml.replace(b'ref="A1:A2"', b'ref="A1:XFD1048576"'))
    assert read(stated).shape == (1, 1)
    monkeypatch.setattr(module, "_MAX_CELLS", 100_000)
    row = b'<row r="%d"><c r="XFD%d"/></row>'
    wide = workbook(
        lambda xml: xml.replace(b"</sheetData>", b"".join(row % (i, i) for i in range(3, 20)) + b"</sheetData>")
    )
    assert why(wide).startswith("the first sheet is too large")
    monkeypatch.setattr(module, "MAX_TABLE_BYTES", 100_000)
    bomb = workbook(lambda xml: xml.replace(b"</sheetData>", b" " * 1_000_000 + b"</sheetData>"))
    assert bomb.stat().st_size < 20_000
    assert why(bomb).startswith("the workbook is too large once unpacked")


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_text_of_a_parquet_file_is_measured_before_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: pa.DataType
) -> None:
    path, before, pool = tmp_path / "t.parquet", pa.default_memory_pool(), pa.proxy_memory_pool(pa.system_memory_pool())
    pq.write_table(pa.table({"n": range(256), "a": pa.array(["x" * 400_000] * 256, pa.string()).cast(kind)}), path)
    assert path.stat().st_size < 100_000  # of 102 MB
    monkeypatch.setattr(module, "MAX_TABLE_BYTES", 20_000_000)
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        assert why(path).startswith("the table is too large")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(before)
    assert 0 < pool.max_memory() < 20_000_000


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary(1)])
def test_bytes_are_no_cells(tmp_path: Path, kind: pa.DataType) -> None:
    pq.write_table(pa.table({"a": pa.array([b"x"], kind)}), tmp_path / "t.parquet")
    assert why(tmp_path / "t.parquet").startswith("the column a holds no plain cells")


def test_a_parquet_file_cannot_grow_without_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [[1, 2]]}), path)
    assert why(path).startswith("the column a holds no plain cells")
    pq.write_table(pa.table({"a": pa.array(["x" * 1000] * 20_000)}), path)
    assert path.stat().st_size < 10_000
    assert len(read(path)) == 20_000
    monkeypatch.setattr(module, "MAX_TABLE_BYTES", 1_000_000)
    assert why(path).startswith("the table is too large")
    monkeypatch.setattr(module, "_MAX_CELLS", 100)
    assert why(path).startswith("the table is too large")
    (tmp_path / "t.csv").write_bytes(b"a\n" * 600_000)
    assert why(tmp_path / "t.csv").startswith("the file is larger than 1 MB")
