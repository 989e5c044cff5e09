"""The predictions table that every statistic takes, and the tidy tables that they give back.

A stratum can be too small for a number. Its row then stays, with the reason in the column ``note`` and
missing (never NaN) in the numeric columns, so that a reader sees a sentence where a number cannot be.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from lvmass.errors import DataError

COLUMNS = (
    "subject_id",
    "sex",
    "model",
    "training",
    "cohort",
    "fold",
    "lvm_g",
    "predicted_lvm_g",
    "bsa_m2",
    "lvh",
)
FIT = ("cohort", "model", "training")
"""What tells one set of predictions from another."""

EXTERNAL_FOLD = -1
"""The fold of an external cohort: one row a person, the mean of the fold models."""


class NotEstimable(DataError):
    """These people are too few or too much alike for this number; tables turn it into a note.

    Examples
    --------
    >>> raise NotEstimable("too few with LVH")
    Traceback (most recent call last):
    ...
    lvmass.evaluation.tables.NotEstimable: too few with LVH
    """


@dataclass(frozen=True)
class Result:
    """What every frozen result of this room can do."""

    def summary(self) -> pd.DataFrame:
        """Return the result as a table of one row, without what does not apply to it."""
        return pd.DataFrame([{name: value for name, value in asdict(self).items() if value is not None}])


def check_predictions(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the table unchanged if every statistic can rely on it.

    Parameters
    ----------
    predictions : DataFrame
        Columns ``COLUMNS``: one row a subject, model, training and cohort; masses in gram, BSA in m².

    Raises
    ------
    DataError
        If a column is missing, a word is unknown, a number is not finite or not positive where it must be,
        or a subject appears twice for one fit (the statistics take subjects for independent).

    Examples
    --------
    >>> check_predictions(pd.DataFrame({"subject_id": ["a"]}))
    Traceback (most recent call last):
    ...
    lvmass.errors.DataError: The predictions table lacks the columns sex, model, training, cohort, fold, \
lvm_g, predicted_lvm_g, bsa_m2, lvh.
    """
    missing = [name for name in COLUMNS if name not in predictions.columns]
    if missing:
        raise DataError(f"The predictions table lacks the columns {', '.join(missing)}.")
    if predictions.empty:
        raise DataError("The predictions table has no rows.")
    for name, allowed in (("sex", ("female", "male")), ("training", ("pooled", "sex-specific"))):
        strange = sorted({str(value) for value in predictions[name].unique()} - set(allowed))
        if strange:
            raise DataError(f"The predictions table: {name} is {', '.join(strange)}; use {' or '.join(allowed)}.")
    for name in ("lvm_g", "predicted_lvm_g", "bsa_m2"):
        values = predictions[name].to_numpy(dtype=float, na_value=np.nan)
        wrong = ~np.isfinite(values) if name == "predicted_lvm_g" else ~(np.isfinite(values) & (values > 0))
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise DataError(
                f"The predictions table: {name} is {values[row]} for subject "
                f"{predictions['subject_id'].iloc[row]}; it must be finite{'' if name[0] == 'p' else ' and positive'}."
            )
    if predictions["lvh"].isna().any():
        raise DataError("The predictions table: lvh is missing for some subjects; it must be true or false.")
    twice = predictions.duplicated(["subject_id", *FIT])
    if twice.any():
        first = predictions[twice].iloc[0]
        raise DataError(
            f"Subject {first['subject_id']} appears more than once for {first['model']} ({first['training']}) in "
            f"{first['cohort']}; the statistics need one prediction a person."
        )
    return predictions


def example_predictions(n: int = 200, seed: int = 0) -> pd.DataFrame:
    """Return made-up predictions for the examples and tests of this room: two models, both trainings, two cohorts.

    The development cohort ``"dev"`` has five folds, the external ``"ext"`` none; ``"net"`` has less noise than
    ``"body"``. Nothing of it resembles a study's result.

    Examples
    --------
    >>> example_predictions(10).groupby(["cohort", "model", "training"]).size().unique().tolist()
    [10]
    """
    rng, parts = np.random.default_rng(seed), []
    for cohort in ("dev", "ext"):
        male = np.arange(n) % 5 < 3
        bsa = np.where(male, 1.8, 1.6) * np.exp(0.08 * rng.normal(size=n))
        lvm = bsa * np.where(male, 70.0, 57.0) * np.exp(0.17 * rng.normal(size=n))
        people = pd.DataFrame(
            {"subject_id": [f"{cohort}-{i:04d}" for i in range(n)], "sex": np.where(male, "male", "female")}
            | {"cohort": cohort, "fold": np.arange(n) // 5 % 5 if cohort == "dev" else EXTERNAL_FOLD}
            | {"lvm_g": lvm, "bsa_m2": bsa, "lvh": lvm / bsa > np.where(male, 80, 65)}
        )
        for model, noise in (("net", 14.0), ("body", 20.0)):
            for training in ("pooled", "sex-specific"):
                predicted = 112 + 0.7 * (lvm - 112) + noise * rng.normal(size=n)
                parts.append(people.assign(model=model, training=training, predicted_lvm_g=predicted))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def fits(predictions: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Yield each fit's keys and its rows, in order of appearance."""
    for key, group in check_predictions(predictions).groupby(list(FIT), sort=False, observed=True):
        yield dict(zip(FIT, key, strict=True)), group


def by_sex(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield ``("all", table)`` and each sex with its rows (which may be none)."""
    yield "all", table
    for sex in ("female", "male"):
        yield sex, table[table["sex"] == sex]


def matched(table_a: pd.DataFrame, table_b: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of the subjects that both tables hold, in one order."""
    a, b = table_a.set_index("subject_id"), table_b.set_index("subject_id")
    shared = a.index.intersection(b.index)
    return a.loc[shared].reset_index(), b.loc[shared].reset_index()


def tidy(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Rows as a table of exactly these columns; floats nullable, so that a missing number is missing."""
    table = pd.DataFrame(list(rows), columns=list(columns), dtype=object)
    for name, values in table.items():
        kinds = {type(value) for value in values if not pd.isna(value)}
        if name == "note":
            table[name] = values.fillna("").astype("str")
        elif kinds <= {float, np.float64}:
            table[name] = values.astype("Float64")
        else:
            table[name] = values.convert_dtypes() if values.isna().any() else values.infer_objects()
    return table


def table_of(
    predictions: pd.DataFrame,
    columns: Sequence[str],
    compute: Callable[[pd.DataFrame, str], dict[str, Any] | list[dict[str, Any]]],
    each: tuple[str, Sequence[str]] = ("", ("",)),
    keys: Sequence[str] = FIT,
) -> pd.DataFrame:
    """Compute the rows of every fit (or other group) and sex, for each value of one more column if wanted.

    ``compute(people, value)`` gives the columns of one row, or of several; its `NotEstimable` becomes the note of
    a row without numbers. ``n_subjects`` and ``note`` come last by themselves, ``n_lvh`` if among the columns.
    """
    if tuple(keys) == FIT:
        check_predictions(predictions)
    rows: list[dict[str, Any]] = []
    for key, group in predictions.groupby(list(keys), sort=False, observed=True):
        for sex, people in by_sex(group):
            for value in each[1]:
                start = {**dict(zip(keys, key, strict=True)), "sex": sex, each[0]: value, "note": ""}
                start |= {"n_subjects": len(people), "n_lvh": int(people["lvh"].sum())}
                try:
                    found = compute(people, value)
                except NotEstimable as why:
                    found = {"note": str(why)}
                rows += [start | row for row in (found if isinstance(found, list) else [found])]
    extra = (each[0],) if each[0] else ()
    return tidy(rows, (*keys, "sex", *extra, *columns, "n_subjects", "note"))


def at_least(people: int, least: int) -> None:
    """Refuse a stratum of too few people."""
    if people < least:
        raise NotEstimable("too few people")


def add_holm(table: pd.DataFrame, family: Sequence[Hashable], p_column: str = "p_value") -> pd.DataFrame:
    """Put Holm-adjusted p values beside the raw ones; one family of tests for each value of ``family``."""
    adjusted = pd.Series(pd.NA, index=table.index, dtype="Float64")
    tested = table[table[p_column].notna()]
    for _, group in tested.groupby(list(family), sort=False, observed=True):
        # written out (Holm 1979): statsmodels' multipletests collects garbage on every call, 80 ms a family
        p = group[p_column].astype(float).sort_values()
        steps = np.maximum.accumulate(p.to_numpy() * np.arange(len(p), 0, -1))
        adjusted[p.index] = np.minimum(steps, 1.0)
    return table.assign(p_holm=adjusted)
