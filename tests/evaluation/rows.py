"""Pick rows of result tables in tests."""

from typing import Any

import pandas as pd


def find(table: pd.DataFrame, **where: object) -> dict[str, Any]:
    """Return the first row whose columns have these values."""
    for row in table.to_dict(orient="records"):
        if all(row[name] == value for name, value in where.items()):
            return {str(name): value for name, value in row.items()}
    raise AssertionError(f"no row with {where}")
