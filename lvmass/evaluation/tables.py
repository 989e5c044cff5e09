"""The predictions table that every statistic takes, and the tidy tables that they give back.

A stratum can be too small for a number. Its row then stays, with the reason in the column ``note`` and
missing (never NaN) in the numeric columns, so that a reader sees a sentence where a number cannot be.
"""

import numpy as np
import pandas as pd

from lvmass.cohort.schema import SEXES
from lvmass.errors import DataError

COLUMNS = (
    *("subject_id", "patient_id", "sex", "model", "training", "cohort", "fold"),
    *("lvm_g", "predicted_lvm_g", "bsa_m2", "lvh"),
)
# Of every confidence interval.
LEVEL = 0.95
# The fold of an external cohort: one row a person, the mean of the fold models.
EXTERNAL_FOLD = -1


class NotEstimable(DataError):
    """These people are too few or too much alike for this number; tables turn it into a note.

    Examples
    --------
    >>> raise NotEstimable("too few with LVH")
    Traceback (most recent call last):
    ...
    lvmass.evaluation.tables.NotEstimable: too few with LVH
    """


def limited(name: str, value: float, low: float, high: float, unit: str = "") -> dict[str, float]:
    """Columns of an estimate and of its interval, as far as that is finite.

    Examples
    --------
    >>> limited("bias", 1, -0.5, 2.5, "_g")
    {'bias_g': 1.0, 'bias_ci_low_g': -0.5, 'bias_ci_high_g': 2.5}
    """
    ends = {f"{name}_ci_low{unit}": float(low), f"{name}_ci_high{unit}": float(high)}
    return {f"{name}{unit}": float(value)} | (ends if np.isfinite([low, high]).all() else {})


def check_predictions(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the table unchanged if every statistic can rely on it.

    Parameters
    ----------
    predictions : DataFrame
        Columns ``COLUMNS``: one row a subject (an ECG), model, training and cohort; masses in gram, BSA in m². Where
        the BSA is unknown (NaN), ``lvh`` is missing, and statistics of LVH leave the person out. Subjects of one
        ``patient_id`` are one person's; without repeated ECGs it equals ``subject_id``.

    Raises
    ------
    DataError
        If a column is missing, a word is unknown, a number is not finite or not positive where it must be,
        or a subject appears twice for one fit.

    Examples
    --------
    >>> check_predictions(pd.DataFrame({"subject_id": ["a"]}))
    Traceback (most recent call last):
    ...
    lvmass.errors.DataError: The predictions table lacks the columns patient_id, sex, model, training, cohort, fold, \
lvm_g, predicted_lvm_g, bsa_m2, lvh.
    """
    missing = [name for name in COLUMNS if name not in predictions.columns]
    if missing:
        raise DataError(f"The predictions table lacks the columns {', '.join(missing)}.")
    if predictions.empty:
        raise DataError("The predictions table has no rows.")
    known = predictions["bsa_m2"].notna()
    numbers = predictions[["lvm_g", "predicted_lvm_g", "bsa_m2"]].astype(float)
    finite, positive = numbers.abs() < np.inf, (numbers > 0) & (numbers < np.inf)
    keys = ["subject_id", "cohort", "model", "training"] + ["repeat"] * ("repeat" in predictions)
    for name, wrong, rule in (
        ("sex", ~predictions["sex"].isin(SEXES), "use female or male"),
        ("training", ~predictions["training"].isin(("pooled", "sex-specific")), "use pooled or sex-specific"),
        ("lvm_g", ~positive["lvm_g"], "it must be finite and positive"),
        ("predicted_lvm_g", ~finite["predicted_lvm_g"], "it must be finite"),
        ("bsa_m2", known & ~positive["bsa_m2"], "it must be finite and positive"),
        ("lvh", known & predictions["lvh"].isna(), "it must be true or false"),
        ("patient_id", predictions["patient_id"].isna(), "it says whose ECG it is"),
        ("subject_id", predictions.duplicated(keys), "it appears more than once for one model in one cohort"),
    ):
        if wrong.any():
            first = predictions[wrong].iloc[0]
            told = f"{name} is {first[name]} for subject {first['subject_id']}, {first['model']}"
            raise DataError(f"The predictions table: {told}; {rule}.")
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
        names = [f"{cohort}-{i:04d}" for i in range(n)]
        people = pd.DataFrame(
            {"subject_id": names, "patient_id": names, "sex": np.where(male, "male", "female")}
            | {"cohort": cohort, "fold": np.arange(n) // 5 % 5 if cohort == "dev" else EXTERNAL_FOLD}
            | {"lvm_g": lvm, "bsa_m2": bsa, "lvh": lvm / bsa > np.where(male, 80, 65)}
        )
        for model, noise in (("net", 14.0), ("body", 20.0)):
            for training in ("pooled", "sex-specific"):
                predicted = 112 + 0.7 * (lvm - 112) + noise * rng.normal(size=n)
                parts.append(people.assign(model=model, training=training, predicted_lvm_g=predicted))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]
