"""DeLong comparisons of LVH c-statistics: sex-specific against pooled training, and model against model.

The published comparison sets a sex-specific model *in one sex* against a pooled model *in everyone*, which mixes the
effect of training with that of pooling grams over sexes; it also treats groups that share people as different ones.
The fair one takes the same people of one sex for both.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from lvmass.evaluation.delong import delong_paired, delong_unpaired
from lvmass.evaluation.delong_designs import delong_overlapping
from lvmass.evaluation.lvh import PRIMARY, SCORES, check_classes, lvh_score
from lvmass.evaluation.tables import NotEstimable, add_holm, by_sex, fits, matched, tidy

_COLUMNS = ("score", "auc_a", "auc_b", "difference", "ci_low", "ci_high", "z", "p_value", "n_a", "n_b", "note")


def _rows(
    keys: dict[str, Any], a: pd.DataFrame, b: pd.DataFrame, cutoffs: Mapping[str, float], level: float, *, paired: bool
) -> list[dict[str, Any]]:
    """One row a score: DeLong's test, or the reason why there is none."""
    if paired:
        a, b = matched(a, b)
    lvh_a, lvh_b = a["lvh"].to_numpy(dtype=bool), b["lvh"].to_numpy(dtype=bool)
    rows = []
    for score in SCORES:
        row = {**keys, "score": score, "n_a": len(a), "n_b": len(b), "note": ""}
        try:
            check_classes(lvh_a)
            check_classes(lvh_b)
            score_a, score_b = lvh_score(a, score, cutoffs), lvh_score(b, score, cutoffs)
            if paired:
                row |= asdict(delong_paired(lvh_a, score_a, score_b, level))
            else:
                row |= asdict(delong_unpaired(lvh_a, score_a, lvh_b, score_b, level))
                both = (lvh_a, score_a, a["subject_id"], lvh_b, score_b, b["subject_id"])
                row["p_overlap"] = delong_overlapping(*both, level).p_value
        except NotEstimable as why:
            row["note"] = str(why)
        rows.append(row)
    return rows


def compare_training(
    predictions: pd.DataFrame, cutoffs_g_m2: Mapping[str, float] = PRIMARY, *, level: float = 0.95
) -> pd.DataFrame:
    """Sex-specific (a) against pooled training (b) of each model, as published and fairly.

    ``"unpaired as published"`` sets the sex-specific model in one sex against the pooled one in everyone, as if
    these were different people; ``"paired within sex"`` sets both on the same people of that sex.

    Returns
    -------
    DataFrame
        cohort, model, comparison, sex, score, auc_a, auc_b, difference, ci_low, ci_high, z, p_value, n_a, n_b,
        note, p_overlap (of the unpaired rows: the p value once the shared people are respected), p_holm (family:
        one cohort, comparison and score). Parameters and errors as `lvmass.evaluation.lvh.c_statistics`.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = compare_training(example_predictions())
    >>> table.loc[table["score"] == "grams", ["comparison", "n_a", "n_b"]].values.tolist()[:2]
    [['paired within sex', 80, 80], ['unpaired as published', 80, 200]]
    """
    rows = []
    trained = {tuple(keys.values()): fit for keys, fit in fits(predictions)}
    for (cohort, model, training), specific in trained.items():
        pooled = trained.get((cohort, model, "pooled"))
        if training == "pooled" or pooled is None:
            continue
        for sex in ("female", "male"):
            own, same = (table[table["sex"] == sex] for table in (specific, pooled))
            keys = {"cohort": cohort, "model": model, "sex": sex}
            fair, published = keys | {"comparison": "paired within sex"}, keys | {"comparison": "unpaired as published"}
            rows += _rows(fair, own, same, cutoffs_g_m2, level, paired=True)
            rows += _rows(published, own, pooled, cutoffs_g_m2, level, paired=False)
    table = tidy(rows, ("cohort", "model", "comparison", "sex", *_COLUMNS, "p_overlap"))
    return add_holm(table, ("cohort", "comparison", "score"))


def compare_models(
    predictions: pd.DataFrame, reference: str, cutoffs_g_m2: Mapping[str, float] = PRIMARY, *, level: float = 0.95
) -> pd.DataFrame:
    """C-statistic of ``reference`` (a) against every other model (b) on the same people, by DeLong's paired test.

    Returns
    -------
    DataFrame
        cohort, training, model_a, model_b, sex (``"all"`` too), then as `compare_training`; Holm's family is one
        cohort, training, sex and score. Parameters and errors as `lvmass.evaluation.lvh.c_statistics`.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> row = compare_models(example_predictions(), "net").iloc[0]
    >>> print(row.sex, row.score, row.model_b, f"{row.difference:.3f}")
    all grams body -0.006
    """
    rows = []
    trained = {tuple(keys.values()): fit for keys, fit in fits(predictions)}
    for (cohort, model, training), other in trained.items():
        own = trained.get((cohort, reference, training))
        if model == reference or own is None:
            continue
        keys = {"cohort": cohort, "training": training, "model_a": reference, "model_b": model}
        for (sex, a), (_, b) in zip(by_sex(own), by_sex(other), strict=True):
            rows += _rows({**keys, "sex": sex}, a, b, cutoffs_g_m2, level, paired=True)
    table = tidy(rows, ("cohort", "training", "model_a", "model_b", "sex", *_COLUMNS))
    return add_holm(table, ("cohort", "training", "sex", "score"))
