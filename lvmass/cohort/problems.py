"""A problem of the data a user gave: what, where and what to do, as one record."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lvmass.errors import DataError


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a study's data.

    Parameters
    ----------
    level : {"error", "warning"}
        An error stops the study; a warning does not.
    where : str
        The file, or the cohort, as the user knows it.
    what, do : str
        Half a sentence each: what is wrong, and what to do about it.
    row : int, optional
        As in a spreadsheet: the header is row 1.
    column : str
        Of the table, under the name it has in the user's file.
    file : str
        The ECG file, as the table names it.

    Examples
    --------
    >>> print(Problem("error", "people.csv", "the value is 420", "give a number from 18 to 110", 2, "age_years"))
    row 2, column age_years: the value is 420; give a number from 18 to 110.
    """

    level: Literal["error", "warning"]
    where: str
    what: str
    do: str
    row: int | None = None
    column: str = ""
    file: str = ""

    def __str__(self) -> str:
        """Say it in one sentence, without ``where``."""
        row = "" if self.row is None else f"row {self.row}"
        place = [row, self.column and f"column {self.column}", self.file and f"file {self.file}"]
        stated = ", ".join(part for part in place if part)
        return f"{stated + ': ' if stated else ''}{self.what}; {self.do}."


def what_and_do(sentence: object, otherwise: str) -> tuple[str, str]:
    """Take a sentence apart: what is wrong, and what to do, or otherwise where it says no such thing.

    Examples
    --------
    >>> what_and_do("the file is empty; export it again.", "look at it")
    ('the file is empty', 'export it again')
    """
    what, _, do = str(sentence).rstrip(".").rpartition("; ")
    return (what, do) if what else (do, otherwise)


def refuse(problems: Sequence[Problem]) -> None:
    """Raise what is an error among problems.

    Raises
    ------
    DataError
        With a line for each error, after the file and their number.

    Examples
    --------
    >>> refuse([Problem("warning", "people.csv", "only women are there", "nothing needs to be done")])
    """
    errors = [problem for problem in problems if problem.level == "error"]
    if len(errors) == 1:
        raise DataError(f"{errors[0].where}: {errors[0]}")
    if errors:
        raise DataError("\n".join([f"{errors[0].where} has {len(errors)} problems:", *map(str, errors)]))
