"""Compute one table, and pick rows of tables, in tests."""

from typing import Any

import pandas as pd

from lvmass.evaluation import evaluate


def table_of(name: str, predictions: pd.DataFrame, reference: str | None = None, **options: Any) -> pd.DataFrame:
    """Return one table of `evaluate`."""
    return evaluate(predictions, reference, only=[name], **options)[name]


def find(table: pd.DataFrame, **where: object) -> dict[str, Any]:
    """Return the first row whose columns have these values."""
    for row in table.to_dict(orient="records"):
        if all(row[name] == value for name, value in where.items()):
            return {str(name): value for name, value in row.items()}
    raise AssertionError(f"no row with {where}")
