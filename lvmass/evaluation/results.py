"""Every statistic of a study from one call, and its files: what the book prints comes from here."""

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lvmass.errors import DataError

# each of these modules registers its statistics
from lvmass.evaluation import calibration, decision, discrimination, errors  # noqa: F401
from lvmass.evaluation.lvh import PRIMARY, cutoffs_to_try
from lvmass.evaluation.registry import STATISTICS, Inputs
from lvmass.evaluation.tables import check_predictions, tidy

# Unit of a column by the end of its name; other numbers have unit 1, or the one in a column ``unit``.
UNITS = {"_g_m2": "g/m²", "_g": "g", "_percent": "%", "_ms": "ms", "_mv": "mV", "_years": "years"}


def evaluate(
    predictions: pd.DataFrame,
    reference: str | None = None,
    *,
    subjects: pd.DataFrame | None = None,
    criteria: pd.DataFrame | None = None,
    gap: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    cutoffs_g_m2: Mapping[str, float] = PRIMARY,
    cutoff_sets: Mapping[str, Mapping[str, float]] | None = None,
    confidence: float = 0.9,
    level: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
    only: Collection[str] = (),
) -> dict[str, pd.DataFrame]:
    """Compute every table of the study: each statistic of `lvmass.evaluation.registry.STATISTICS`.

    Several ECGs of one ``patient_id`` are not taken for independent: c-statistics have DeLong's variance of clusters,
    bootstrap and permutation draw patients, and what assumes independence takes the first ECG of each patient (then
    ``n_subjects`` equals ``n_patients``, and the note says so).

    Parameters
    ----------
    predictions : DataFrame
        See `lvmass.evaluation.tables.check_predictions`; one cohort has folds, the others are external.
    reference : str, optional
        The model that the others are compared with; by default the first one.
    subjects : DataFrame, optional
        Of all cohorts, see `lvmass.evaluation.errors.subgroup_levels`; without it, only sex makes subgroups.
    criteria : DataFrame, optional
        Classical criteria of all cohorts, see `lvmass.evaluation.decision.criteria_rows`.
    gap : two DataFrames, optional
        Predictions under both trainings, and those of the same models trained on both sexes but on no more people
        than there are of the one (size-matched), in cohorts with folds; with them there is a table ``gap``.
    cutoffs_g_m2 : mapping
        The LVH cut-offs that the column ``lvh`` came from.
    cutoff_sets : mapping, optional
        Cut-offs to try; by default `lvmass.evaluation.lvh.cutoffs_to_try` in the development cohort.
    confidence, level : float
        Of the prediction intervals for a person; of the confidence intervals.
    n_resamples, seed : int
        Of bootstrap and permutation.
    only : collection of str
        Names of tables; by default all.

    Returns
    -------
    dict of str to DataFrame
        Tables by the name of their file; each row's ``note`` says why a number is missing.

    Raises
    ------
    DataError
        If the tables are not as the functions named above ask, or there are no predictions of the reference.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> tables = evaluate(example_predictions(60), n_resamples=99)
    >>> sorted(tables)[:4]
    ['agreement', 'agreement_after_recalibration', 'c_statistics', 'calibration_after_recalibration']
    """
    for table in (predictions, *(table for table in gap or () if len(table))):
        check_predictions(table)
    models = predictions["model"].unique()
    if reference is not None and reference not in models:
        raise DataError(f"There are no predictions of the reference model {reference}.")
    unknown = set(only) - set(STATISTICS)
    if unknown:
        raise DataError(f"There is no table {', '.join(sorted(unknown))}; there are {', '.join(sorted(STATISTICS))}.")
    if cutoff_sets is None:
        cutoff_sets = cutoffs_to_try(predictions, cutoffs_g_m2)
    folks = pd.DataFrame({"subject_id": []}) if subjects is None else subjects
    reference = str(models[0]) if reference is None else reference
    study = Inputs(predictions, reference, folks, criteria, gap, cutoffs_g_m2, confidence, level, n_resamples, seed)
    under = {name: study.under(each) for name, each in cutoff_sets.items()}
    tables = {
        name: each.table(study, under)
        for name, each in STATISTICS.items()
        if name in (only or STATISTICS) and (not each.needs or getattr(study, each.needs) is not None)
    }
    if not only:
        sets = cutoff_sets.items()
        rows = [{"cutoffs": name} | {f"{sex}_g_m2": each[sex] for sex in each} for name, each in sets]
        tables["cutoffs"] = tidy(rows, ("cutoffs", "female_g_m2", "male_g_m2"))
    return tables


def _unit(table: pd.DataFrame, column: str) -> str:
    """Unit of a column: by its name, or a reference to the column ``unit``."""
    if not pd.api.types.is_numeric_dtype(table[column]) or pd.api.types.is_bool_dtype(table[column]):
        return ""
    if "unit" in table.columns and column in ("mean", "sd", "estimate", "ci_low", "ci_high"):
        return "see column unit"
    if column in ("ci_low", "ci_high") and "difference_g" in table.columns:
        return "g"
    return next((unit for ending, unit in UNITS.items() if column.endswith(ending)), "1")


def write_results(
    tables: Mapping[str, pd.DataFrame], directory: str | Path, about: Mapping[str, Any] | None = None
) -> list[Path]:
    """Write every table as ``NAME.csv`` and as ``NAME.json`` with the unit of each column.

    A file appears whole or not at all, and files of tables that are no longer among them go. A missing number is an
    empty field, or null.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        From `evaluate`.
    directory : path
        Made if it is not there.
    about : mapping, optional
        Where the numbers come from, such as the study and whether its people are simulated: last columns of every
        CSV, so that no copied row loses them, and a head of the JSON.

    Returns
    -------
    list of Path
        The files.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = pd.DataFrame({"model": ["net"], "mae_g": [12.5]})
    ...     paths = write_results({"errors": table}, folder, {"simulated": True})
    ...     print(paths[0].read_text(encoding="utf-8").split(), json.loads(paths[1].read_text(encoding="utf-8")))
    ['model,mae_g,simulated', 'net,12.5,True'] {'about': {'simulated': True}, 'units': {'model': '', 'mae_g': 'g'}, \
'rows': [{'model': 'net', 'mae_g': 12.5}]}
    """
    folder, written, about = Path(directory), [], dict(about or {})
    folder.mkdir(parents=True, exist_ok=True)
    for name in STATISTICS.keys() - tables.keys():
        for ending in (".csv", ".json"):
            (folder / f"{name}{ending}").unlink(missing_ok=True)
    for name, table in tables.items():
        units = {str(column): _unit(table, column) for column in table.columns}
        rows = table.astype(object).where(table.notna(), None).to_dict(orient="records")
        contents = {
            ".csv": table.assign(**about).to_csv(index=False, lineterminator="\n"),
            ".json": json.dumps(
                {"about": about, "units": units, "rows": rows}, indent=1, ensure_ascii=False, allow_nan=False
            )
            + "\n",
        }
        for ending, text in contents.items():
            path = folder / f"{name}{ending}"
            partial = path.with_name(f".{path.name}.{os.getpid()}")
            partial.write_text(text, encoding="utf-8")
            os.replace(partial, path)
            written.append(path)
    return written
