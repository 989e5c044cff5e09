"""Tables as hospitals write them, from CSV, Excel or Parquet, as text cells: the one schema of people reads those.

Files are untrusted: their size is bounded before and while they are read, XML declares no entities, and nothing is
unpickled or computed.
"""

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from lvmass.cohort.problems import Problem

MAX_TABLE_BYTES = 500_000_000
"""A larger table is none of people: at 200 bytes a row this is 2.5 million of them. Excel's unpacked XML counts."""

_MAX_CELLS = 50_000_000
_MAX_ROWS = 2**20  # of a sheet, in Excel too
_TOO_LARGE = "the table is too large", "keep one row a person and the columns of the data dictionary"
_SEPARATORS = ",;\t"
_POINT = re.compile(r"[+-]?([0-9]+|[0-9]{1,3}(,[0-9]{3})+)?(\.[0-9]*)?([eE][+-]?[0-9]+)?")
_COMMA = re.compile(r"[+-]?([0-9]+|[0-9]{1,3}(\.[0-9]{3})+)?(,[0-9]*)?([eE][+-]?[0-9]+)?")


class _Unreadable(Exception):
    """What is wrong with a file, what to do, and the row."""


def read_table(path: Path) -> tuple[pd.DataFrame | None, list[Problem]]:
    """Read a table of any kind as text.

    Parameters
    ----------
    path : Path
        CSV (comma, semicolon or tab between the columns; UTF-8, UTF-16 or Windows-1252), the first sheet of an Excel
        workbook (.xlsx, .xlsm), or Parquet. Its content says which.

    Returns
    -------
    table : DataFrame or None
        Cells as text without outer spaces, "" where empty. The index is the row in a spreadsheet, where the header of
        most tables is row 1; empty rows, and empty columns without a name, are left out.
    problems : list of Problem
        Why there is no table.

    Examples
    --------
    >>> print(*read_table(Path("nobody.csv"))[1])
    there is no such file; give the path of a subjects table (CSV, Excel or Parquet).
    """
    try:
        return _framed(_rows(path)), []
    except _Unreadable as error:
        told = error.args
    except Exception as error:  # a parser may fail in any way on a damaged file
        reason = " ".join(f"{error}".split())[:200] or type(error).__name__
        told = (f"the table cannot be read ({reason})", "check it, and save it again")
    return None, [Problem("error", str(path), *told)]


def decimal_points(cells: Sequence[str | None]) -> list[list[str | None]]:
    """Write the numbers of one column with a decimal point; decided for the whole column, never for a cell.

    Parameters
    ----------
    cells : sequence of str or None
        None where empty. What is no number in either writing decides nothing, and stays.

    Returns
    -------
    list
        The column as it is to be read; twice where ``1,234`` could be thousands or thousandths.

    Raises
    ------
    ValueError
        Where a column mixes both writings; the message is half a sentence.

    Examples
    --------
    >>> decimal_points(["1.234,5", "80", None, "n. d."])
    [['1234.5', '80', None, 'n. d.']]
    >>> decimal_points(["1,234", "80"])
    [['1234', '80'], ['1.234', '80']]
    """
    numbers = [cell for cell in cells if cell and (_POINT.fullmatch(cell) or _COMMA.fullmatch(cell))]
    if not any("," in cell for cell in numbers):
        return [list(cells)]
    point = next((cell for cell in numbers if not _COMMA.fullmatch(cell)), None)
    comma = next((cell for cell in numbers if not _POINT.fullmatch(cell)), None)
    if point and comma:
        raise ValueError(f"{comma!r} is written with a decimal comma, {point!r} with a decimal point")
    return [
        [cell.replace(gone, "").replace(",", ".") if cell and wanted.fullmatch(cell) else cell for cell in cells]
        for gone, wanted, other in ((",", _POINT, comma), (".", _COMMA, point))
        if not other
    ]


def _rows(path: Path) -> Iterator[Sequence[str]]:
    """Cells of every row, also of empty ones."""
    if not path.is_file():
        raise _Unreadable("there is no such file", "give the path of a subjects table (CSV, Excel or Parquet)")
    if path.stat().st_size > MAX_TABLE_BYTES:
        raise _Unreadable(f"the file is larger than {MAX_TABLE_BYTES // 1_000_000} MB", "give the subjects table")
    with path.open("rb") as file:
        head = file.read(4)
    if head == b"\xd0\xcf\x11\xe0":
        raise _Unreadable("this is an old or protected Excel file", "save it as .xlsx without a password, or as CSV")
    return {b"PK\3\4": _excel, b"PAR1": _parquet}.get(head, _delimited)(path)


def _framed(rows: Iterable[Sequence[str]]) -> pd.DataFrame:
    """Rows under their header."""
    numbered = ((number, row) for number, row in enumerate(rows, 1) if any(row))
    header = list(next(numbered, (0, []))[1])
    if not header:
        raise _Unreadable("the file is empty", "give a header and one row for each person")
    while not header[-1]:
        header.pop()
    width, found, numbers, size = len(header), [], [], 0
    for number, row in numbered:
        size += sum(map(len, row))
        if size > MAX_TABLE_BYTES:
            raise _Unreadable(*_TOO_LARGE)
        if any(row[width:]):
            told = f"the row has {len(row)} cells, the header {width}"
            raise _Unreadable(told, "quote text and numbers that hold the separator", number)
        found.append([*row[:width], *[""] * (width - len(row))])
        numbers.append(number)
    table = pd.DataFrame(found, pd.Index(numbers, name="row", dtype=int), header, dtype="str")
    nameless = [not name and not table.iloc[:, i].any() for i, name in enumerate(header)]
    table.columns = pd.Index([name or f"column {i}" for i, name in enumerate(header, 1)])
    return table.loc[:, [not each for each in nameless]]


def _delimited(path: Path) -> Iterator[Sequence[str]]:
    """Rows of a text file."""
    raw, text = path.read_bytes(), ""
    for encoding in ("utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig", "cp1252", "latin-1"):
        with suppress(UnicodeDecodeError):
            text = text or raw.decode(encoding)
    if "\0" in text:
        raise _Unreadable("this is no text", "save the table as CSV, Excel (.xlsx) or Parquet")
    stated = re.match(r"sep=(.)\r?\n", text, re.IGNORECASE)  # Excel reads such a first line and does not show it
    lines = io.StringIO(text[stated.end() :] if stated else text, newline="")
    separator = stated[1] if stated else max(_SEPARATORS, key=lambda each: _fit(text, each))
    for row in csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True):
        yield [cell.strip() for cell in row]


def _fit(text: str, separator: str) -> tuple[int, int]:
    """How many of the first rows have as many cells as the header if this stands between them, and how many cells."""
    try:
        rows = [row for row in islice(csv.reader(io.StringIO(text, newline=""), delimiter=separator), 30) if row]
    except csv.Error:
        return 0, 0
    width = len(rows[0]) if rows else 0
    return (Counter(map(len, rows))[width] if width > 1 else 0), width


def _excel(path: Path) -> Iterator[Sequence[str]]:
    """Rows of the first sheet; a formula whose value the file does not keep gives its own text."""
    import openpyxl

    with zipfile.ZipFile(path) as parts:
        if sum(part.file_size for part in parts.infolist()) > MAX_TABLE_BYTES:
            raise _Unreadable("the workbook is too large once unpacked", "save its first sheet as CSV")
        computed = False
        for part in parts.namelist():
            if part.endswith((".xml", ".rels")):
                xml = parts.read(part)
                # UTF-16 interleaves zero bytes; without them the keyword reads the same in every encoding
                if b"<!ENTITY" in xml.replace(b"\0", b""):
                    raise _Unreadable("the workbook declares XML entities", "save it again with a spreadsheet program")
                computed |= part.startswith("xl/worksheets/") and (b"<f>" in xml or b"<f " in xml)
    books = [openpyxl.load_workbook(path, read_only=True, data_only=value) for value in (True, False)[: 1 + computed]]
    try:
        sheets = [book.worksheets[0] for book in books]
        for sheet in sheets:
            sheet.reset_dimensions()  # stated ones may be false
        n_cells, rows = 0, zip(*(sheet.iter_rows(values_only=True) for sheet in sheets), strict=True)
        for number, (values, *formulas) in enumerate(rows, 1):
            n_cells += len(values)
            if n_cells > _MAX_CELLS or number > _MAX_ROWS:
                raise _Unreadable("the first sheet is too large", "delete empty rows and columns, or save it as CSV")
            cells = zip(values, formulas[0] if formulas else values, strict=True)
            yield [_text(getattr(own, "text", own) if cell is None else cell) for cell, own in cells]
    finally:
        for book in books:
            book.close()


def _parquet(path: Path) -> Iterator[Sequence[str]]:
    """Rows of a Parquet table.

    Text is read as a dictionary, because a file of 2 kB can hold 2 GB of repeated words, and measured before use.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    about = pq.read_metadata(path)
    stored = [about.schema.column(i) for i in range(about.num_columns)]
    text = [each.path for each in stored if each.physical_type == "BYTE_ARRAY"]
    with pq.ParquetFile(path, metadata=about, read_dictionary=text) as file:
        schema = file.schema_arrow
        unpacked = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
        if about.num_rows * about.num_columns > _MAX_CELLS or unpacked > MAX_TABLE_BYTES:
            raise _Unreadable(*_TOO_LARGE)
        nested = [field.name for field in schema if pa.types.is_nested(field.type) or "binary" in str(field.type)]
        if nested:
            raise _Unreadable(f"the column {nested[0]} holds no plain cells", "keep numbers, text and dates only")
        yield schema.names
        for batch in file.iter_batches(batch_size=256):
            for column in batch.columns:
                if pa.types.is_dictionary(column.type):
                    unpacked += pc.sum(pc.take(pc.binary_length(column.dictionary), column.indices)).as_py() or 0
            if unpacked > MAX_TABLE_BYTES:
                raise _Unreadable(*_TOO_LARGE)
            yield from zip(*([_text(value) for value in column.to_pylist()] for column in batch.columns), strict=True)


def _text(value: Any) -> str:
    """One cell as a CSV would have it."""
    if value is None or value != value:  # NaN, NaT
        return ""
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer() and abs(value) < 1e15):
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    return value.isoformat() if isinstance(value, date) else str(value).strip()
