"""CSV, NPY and Parquet: plain numbers, whose rate, unit and leads the reader of the file must know."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lvmass.ecg.formats import Channels
from lvmass.ecg.recording import canonical_lead
from lvmass.errors import DataError

MAX_VALUES = 12 * 2000 * 600
"""Ten minutes of twelve leads at 2000 Hz."""

_SECONDS_PER_UNIT = {"time_s": 1.0, "time_ms": 1e-3}


def read_array(path: Path, sampling_rate_hz: float | None, leads: Sequence[str] | None) -> Channels:
    """Read a CSV, NPY or Parquet file of ECG voltages.

    Parameters
    ----------
    path : Path
        A file ending in ``.csv``, ``.npy`` or ``.parquet``. Tables have one column a lead, named after it
        (``V1``, or ``V1_mv`` and ``V1_uv`` to state the unit), and may have a ``time_s`` or ``time_ms`` column.
    sampling_rate_hz : float or None
        Needed unless a time column states it.
    leads : sequence of str or None
        Names of the rows (or columns) of an NPY array, or new names for a table's columns.

    Returns
    -------
    Channels
        With an empty unit where the file states none.

    Raises
    ------
    DataError
        If the numbers, the leads or the rate cannot be told.
    """
    kind = path.suffix.lower()
    if kind == ".npy":
        names, samples = _read_npy(path, leads)
    else:
        names, samples = _read_csv(path) if kind == ".csv" else _read_parquet(path)
    names, samples, rate_hz = _take_time(path.name, names, samples, sampling_rate_hz)
    if leads is not None and kind != ".npy":
        if len(leads) != len(names):
            raise DataError(f"{path.name}: it has {len(names)} columns of voltages but {len(leads)} leads are given.")
        names = list(leads)
    bare, units = [], []
    for name in names:
        stem, _, suffix = name.strip().rpartition("_")
        stated = suffix.lower() in ("mv", "uv") and canonical_lead(stem) is not None
        bare.append(stem if stated else name)
        units.append(suffix if stated else "")
    if rate_hz is None:
        raise DataError(f"{path.name}: no sampling rate is stated; pass sampling_rate_hz or add a time_s column.")
    return Channels(bare, samples, units, rate_hz)


def _read_npy(path: Path, leads: Sequence[str] | None) -> tuple[list[str], list[NDArray[np.floating]]]:
    """Rows (or columns) of a two-dimensional array; memory-mapped first, so a false shape allocates nothing."""
    if leads is None:
        raise DataError(f"{path.name}: an NPY array names no leads; pass leads=, in the order of its rows.")
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.ndim != 2 or array.dtype.kind not in "iuf" or len(leads) not in array.shape:
        raise DataError(
            f"{path.name}: the array has shape {array.shape} and type {array.dtype}; "
            f"numbers of shape ({len(leads)}, n_samples) are needed for {len(leads)} leads."
        )
    rows = array if array.shape[0] == len(leads) else array.T
    if rows.size > MAX_VALUES:
        raise DataError(f"{path.name}: it holds {rows.size} values; give at most ten minutes of ECG.")
    return list(leads), list(np.array(rows, dtype=np.float64))


def _read_csv(path: Path) -> tuple[list[str], list[NDArray[np.floating]]]:
    """Columns of a comma- or semicolon-separated table with a header row."""
    import pandas as pd

    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first = file.readline(100_000)
    separator = ";" if first.count(";") > first.count(",") else ","
    names = [name.strip().strip('"') for name in first.rstrip("\n").split(separator)]
    if all(_is_number(name) for name in names):
        raise DataError(f"{path.name}: the first row holds numbers; write the lead names there.")
    if len(names) > 64:
        raise DataError(f"{path.name}: it has {len(names)} columns; one column a lead is needed.")
    decimal = "," if separator == ";" else "."
    table = pd.read_csv(
        path, sep=separator, decimal=decimal, header=None, skiprows=1, encoding="utf-8-sig", encoding_errors="replace"
    )
    if table.shape[1] != len(names) or not all(kind in "iuf" for kind in (table[c].dtype.kind for c in table)):
        raise DataError(f"{path.name}: a row does not hold {len(names)} numbers; write one number a lead in every row.")
    return names, [table[column].to_numpy(np.float64) for column in table]


def _read_parquet(path: Path) -> tuple[list[str], list[NDArray[np.floating]]]:
    """Columns of a Parquet table; its size is checked in the metadata before a column is read."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        if file.metadata.num_rows * file.metadata.num_columns > MAX_VALUES or file.metadata.num_columns > 64:
            raise DataError(f"{path.name}: the table is too large; give at most ten minutes of ECG, a column a lead.")
        table = file.read()
    return list(schema.names), [
        column.to_numpy(zero_copy_only=False).astype(np.float64)
        for column in (chunk.combine_chunks() for chunk in table.columns)
    ]


def _take_time(
    source: str, names: list[str], samples: list[NDArray[np.floating]], sampling_rate_hz: float | None
) -> tuple[list[str], list[NDArray[np.floating]], float | None]:
    """Turn a time column into the sampling rate."""
    for index, name in enumerate(names):
        scale = _SECONDS_PER_UNIT.get(name.strip().lower())
        if scale is None:
            continue
        time_s = samples[index] * scale
        step_s = (time_s[-1] - time_s[0]) / (time_s.size - 1) if time_s.size > 1 else 0.0
        if not step_s > 0 or not np.allclose(np.diff(time_s), step_s, rtol=0, atol=0.1 * step_s):
            raise DataError(f"{source}: the column {name} is not evenly spaced; samples may be missing.")
        rate_hz = 1.0 / step_s
        if sampling_rate_hz is not None and abs(rate_hz / sampling_rate_hz - 1) > 0.01:
            raise DataError(
                f"{source}: the column {name} says {rate_hz:g} Hz but sampling_rate_hz is {sampling_rate_hz:g}."
            )
        rest = [i for i in range(len(names)) if i != index]
        return [names[i] for i in rest], [samples[i] for i in rest], sampling_rate_hz or rate_hz
    return names, samples, sampling_rate_hz


def _is_number(text: str) -> bool:
    """Tell whether a CSV field is a number rather than a name."""
    try:
        float(text)
    except ValueError:
        return False
    return True
