"""The one exception that means "your data or your study file has a problem"."""


class DataError(ValueError):
    """A problem in what the user gave: one sentence saying what, where and what to do.

    The command line prints the sentence and exits with code 1; nothing else of the package's
    errors is meant for a user's eyes.

    Examples
    --------
    >>> raise DataError("subjects.csv, row 3: age_years is 430; give an age between 18 and 110.")
    Traceback (most recent call last):
    ...
    lvmass.errors.DataError: subjects.csv, row 3: age_years is 430; give an age between 18 and 110.
    """

    reason: str = ""
    """The sentence without the name of the file that it is about, and without what stands in the file."""
