"""Every statistic of a study from one call, and its files: what the book prints comes from here."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lvmass.errors import DataError
from lvmass.evaluation.agreement import agreement_table
from lvmass.evaluation.calibration import mass_calibration, recalibrate
from lvmass.evaluation.comparisons import compare_models, compare_training
from lvmass.evaluation.curves import criteria_roc, decision_curves, precision_recall, roc_points
from lvmass.evaluation.decision import criteria_points, matched_criteria, operating_points
from lvmass.evaluation.differences import compare_errors, nadeau_bengio
from lvmass.evaluation.errors import fold_errors, pooled_errors
from lvmass.evaluation.intervals import conformal_intervals, coverage_table
from lvmass.evaluation.lvh import LVH_CUTOFFS_G_M2, PRIMARY, c_statistics, cutoff_sensitivity
from lvmass.evaluation.probability import calibration_curve, lvh_probability, probability_table
from lvmass.evaluation.subgroups import subgroup_errors, subgroup_interactions, subgroup_levels
from lvmass.evaluation.tables import EXTERNAL_FOLD, check_predictions

UNITS = {"_g_m2": "g/m²", "_g": "g", "_percent": "%", "_ms": "ms", "_mv": "mV", "_years": "years"}
"""Unit of a column by the end of its name; other numbers have unit 1, or the one in a column ``unit``."""


def development_cohort(predictions: pd.DataFrame) -> str:
    """Name of the one cohort that has folds.

    Raises
    ------
    DataError
        If there is none or more than one.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> development_cohort(example_predictions(20))
    'dev'
    """
    names = predictions.loc[predictions["fold"] != EXTERNAL_FOLD, "cohort"].unique().tolist()
    if len(names) != 1:
        raise DataError(f"One cohort of the predictions must have folds; here {names or 'none'} has.")
    return str(names[0])


def fold_comparisons(predictions: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Mean difference of fold errors, reference minus other model, by the naive and the Nadeau–Bengio t test.

    Returns
    -------
    DataFrame
        training, model_a (the reference), model_b, mean_g, t_naive, p_naive, t_corrected, p_corrected, n_folds. Fits
        of fewer than two folds have no row. Errors as `lvmass.evaluation.tables.check_predictions`.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> row = fold_comparisons(example_predictions(), "net").iloc[0]
    >>> print(f"{row.model_b}: {row.mean_g:.1f} g, p {row.p_naive:.4f} becomes {row.p_corrected:.4f}")
    body: -2.7 g, p 0.0210 becomes 0.0697
    """
    own = check_predictions(predictions)
    own = own[own["fold"] != EXTERNAL_FOLD]
    own = own.assign(error_g=(own["predicted_lvm_g"] - own["lvm_g"]).abs())
    folds = own.pivot_table(values="error_g", index="fold", columns=["training", "model"], sort=False)
    rows = []
    for training, model in (tuple(map(str, fit)) for fit in folds.columns.to_list()):
        if model == reference or (training, reference) not in folds.columns:
            continue
        steps = (folds[training, reference] - folds[training, model]).dropna().to_numpy(float)
        if steps.size > 1 and np.ptp(steps) > 0:
            test = nadeau_bengio(steps)._asdict()
            keys = {"training": training, "model_a": reference, "model_b": model, "mean_g": test.pop("mean")}
            rows.append(keys | test | {"n_folds": steps.size})
    columns = ("mean_g", "t_naive", "p_naive", "t_corrected", "p_corrected", "n_folds")
    return pd.DataFrame(rows, columns=["training", "model_a", "model_b", *columns])


def evaluate(
    predictions: pd.DataFrame,
    reference: str = "elvmass-net",
    *,
    subjects: pd.DataFrame | None = None,
    criteria: pd.DataFrame | None = None,
    cutoffs_g_m2: Mapping[str, float] = PRIMARY,
    cutoff_sets: Mapping[str, Mapping[str, float]] = LVH_CUTOFFS_G_M2,
    confidence: float = 0.9,
    level: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
) -> dict[str, pd.DataFrame]:
    """Compute every table of the study.

    Parameters
    ----------
    predictions : DataFrame
        See `lvmass.evaluation.tables.check_predictions`; one cohort has folds, the others are external.
    reference : str
        The model that the others are compared with.
    subjects : DataFrame, optional
        Of all cohorts, see `lvmass.evaluation.subgroups.subgroup_levels`; without it, only sex makes subgroups.
    criteria : DataFrame, optional
        Classical criteria, see `lvmass.evaluation.decision.with_criteria`.
    cutoffs_g_m2, cutoff_sets : mapping
        The cut-offs that the column ``lvh`` came from, and all to try.
    confidence, level : float
        Of the prediction intervals for a person; of the confidence intervals.
    n_resamples, seed : int
        Of bootstrap and permutation.

    Returns
    -------
    dict of str to DataFrame
        Tables by the name of their file; each row's ``note`` says why a number is missing.

    Raises
    ------
    DataError
        If the tables are not as the functions named above ask.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> tables = evaluate(example_predictions(60), "net", n_resamples=99)
    >>> sorted(tables)[:4]
    ['agreement', 'agreement_after_recalibration', 'c_statistics', 'calibration_after_recalibration']
    """
    development = development_cohort(check_predictions(predictions))
    people = pd.DataFrame({"subject_id": []}) if subjects is None else subjects
    groups = subgroup_levels(people)
    likely = lvh_probability(predictions, development)
    resampling: dict[str, Any] = {"level": level, "n_resamples": n_resamples, "seed": seed}
    tables = {
        "errors_by_fold": fold_errors(predictions),
        "errors": pooled_errors(predictions, **resampling),
        "error_differences": compare_errors(predictions, reference, **resampling),
        "error_differences_by_fold": fold_comparisons(predictions, reference),
        "agreement": agreement_table(predictions, level=level),
        "mass_calibration": mass_calibration(predictions, level=level),
        "c_statistics": c_statistics(predictions, cutoffs_g_m2, level=level),
        "training_comparison": compare_training(predictions, cutoffs_g_m2, level=level),
        "model_comparison": compare_models(predictions, reference, cutoffs_g_m2, level=level),
        "cutoff_sensitivity": cutoff_sensitivity(predictions, cutoff_sets, level=level),
        "operating_points": operating_points(predictions, cutoffs_g_m2, level=level),
        "roc": roc_points(predictions, cutoffs_g_m2),
        "precision_recall": precision_recall(predictions, cutoffs_g_m2),
        "probability_calibration": probability_table(likely, level=level),
        "calibration_curve": calibration_curve(likely, level=level),
        "decision_curves": decision_curves(likely),
        "subgroup_errors": subgroup_errors(predictions, groups, level=level),
        "subgroup_interactions": subgroup_interactions(predictions, groups),
        "interval_coverage": coverage_table(
            conformal_intervals(predictions, development, confidence), groups, level=level
        ),
    }
    corrected = recalibrate(predictions, development)
    tables["errors_after_recalibration"] = pooled_errors(corrected, **resampling)
    tables["calibration_after_recalibration"] = mass_calibration(corrected, level=level)
    tables["agreement_after_recalibration"] = agreement_table(corrected, level=level)
    if criteria is not None:
        tables["criteria_points"] = criteria_points(predictions, criteria, level=level)
        tables["criteria_roc"] = criteria_roc(predictions, criteria)
        tables["criteria_at_equal_specificity"] = matched_criteria(predictions, criteria, cutoffs_g_m2, level=level)
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

    A file appears whole or not at all. A missing number is an empty field, or null.

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
