"""Why sex-specific models look better than a pooled one: the gap of c-statistics, taken apart.

The published comparison goes from the pooled model *in everyone* to the sex-specific one *in its sex*. Three things
change on the way: who is compared with whom (no model is touched: the mechanical part), how many people the model
learnt from, and whether these were of one sex. Each is a difference of c-statistics that share people, so DeLong's
covariance gives each an interval.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from lvmass.evaluation.delong import delong_variance
from lvmass.evaluation.delong_designs import auc_influence
from lvmass.evaluation.lvh import PRIMARY, SCORES, check_classes, lvh_score, with_cutoffs
from lvmass.evaluation.tables import NotEstimable, check_predictions, fits, tidy

STEPS = {
    "gap": ("pooled in everyone", "sex-specific"),
    "mechanical": ("pooled in everyone", "pooled"),
    "training": ("pooled", "sex-specific"),
    "fewer people": ("pooled", "pooled on as few"),
    "one sex only": ("pooled on as few", "sex-specific"),
    "index": ("pooled in everyone", "pooled in everyone, indexed"),
    "mechanical, measured mass": ("measured mass in everyone", "measured mass"),
}
"""Differences of c-statistics, from the first to the second; those not "in everyone" are within one sex."""

CURVES = tuple(dict.fromkeys(name for ends in STEPS.values() for name in ends))
"""C-statistics that the steps lie between."""

_COLUMNS = ("cohort", "model", "sex", "quantity", "unit", "estimate", "ci_low", "ci_high", "p_value", "n_lvh")


class _Curve(NamedTuple):
    """A c-statistic, or a sum of some, and for each person what they add to its error and whether they have LVH."""

    area: float
    part: pd.Series
    lvh: pd.Series


def _curve(people: pd.DataFrame, score: np.ndarray) -> _Curve:
    lvh = people["lvh"].to_numpy(bool)
    check_classes(lvh)
    area, part = auc_influence(lvh, score)
    who = people["subject_id"].to_numpy()
    return _Curve(area, pd.Series(part, index=who), pd.Series(lvh, index=who))


def _sum(curves: list[_Curve], weights: list[float]) -> _Curve:
    """Weighted sum of c-statistics; whoever is in several of them counts once, with all that they add."""
    parts = pd.concat([curve.part * weight for curve, weight in zip(curves, weights, strict=True)])
    area = sum(float(curve.area * weight) for curve, weight in zip(curves, weights, strict=True))
    lvh = pd.concat([curve.lvh for curve in curves])
    return _Curve(area, parts.groupby(level=0).sum(), lvh[~lvh.index.duplicated()])


def _row(curve: _Curve, level: float, *, difference: bool) -> dict[str, Any]:
    """Estimate with its interval: plain and with a p value for a difference, on the logit scale for one area."""
    z, se = float(stats.norm.isf((1 - level) / 2)), float(np.sqrt(np.square(curve.part.to_numpy(float)).sum()))
    row: dict[str, Any] = {"unit": "1", "estimate": curve.area}
    row |= {"n_lvh": int(curve.lvh.sum()), "n_subjects": len(curve.lvh)}
    if difference:
        p = float(2 * stats.norm.sf(abs(curve.area) / se)) if se > 0 else float(curve.area == 0)
        return row | {"ci_low": curve.area - z * se, "ci_high": curve.area + z * se, "p_value": p}
    if not 0 < curve.area < 1:
        return row | {"note": "perfect separation, no interval"}
    half = z * se / (curve.area * (1 - curve.area))
    limits = 1 / (1 + (1 - curve.area) / curve.area * np.exp(np.array([half, -half])))
    return row | {"ci_low": float(limits[0]), "ci_high": float(limits[1])}


def _share(part: _Curve, whole: _Curve, level: float) -> dict[str, Any]:
    """``part / whole`` in percent by the delta method, where the whole is told apart from zero.

    In a study so small that it often is not, the wholes that are told apart are too large, and shares too small.
    """
    row = _row(whole, level, difference=True)
    if row["ci_low"] <= 0 <= row["ci_high"]:
        raise NotEstimable("the gap is not told apart from zero")
    ratio = part.area / whole.area
    both = _sum([part, whole], [100 / whole.area, -100 * ratio / whole.area])
    half = float(stats.norm.isf((1 - level) / 2) * np.sqrt(np.square(both.part.to_numpy(float)).sum()))
    limits = {"ci_low": 100 * ratio - half, "ci_high": 100 * ratio + half}
    return row | {"unit": "%", "estimate": 100 * ratio, "p_value": None} | limits


def _curves(trained: pd.DataFrame, equal_n: pd.DataFrame, cutoffs: Mapping[str, float]) -> dict[str, dict[str, _Curve]]:
    """Curves of one cohort by sex and name, "mean" over both sexes too; absent where too few people allow none."""
    pooled, specific = (trained[trained["training"] == each] for each in ("pooled", "sex-specific"))
    found: dict[str, dict[str, _Curve]] = {}
    for sex in ("female", "male"):
        own = {"pooled": pooled, "sex-specific": specific, "pooled on as few": equal_n, "measured mass": pooled}
        tables = {name: table[table["sex"] == sex] for name, table in own.items()}
        tables |= dict.fromkeys(("pooled in everyone", "pooled in everyone, indexed"), pooled)
        tables["measured mass in everyone"] = pooled
        found[sex] = {}
        for name, table in tables.items():
            score = lvh_score(table, "indexed" if name.endswith("indexed") else "grams", cutoffs)
            score = table["lvm_g"].to_numpy(float) if name.startswith("measured") else score
            try:
                found[sex][name] = _curve(table, score)
            except NotEstimable:
                continue
    both = [name for name in found["female"] if name in found["male"]]
    found["mean"] = {name: _sum([found[sex][name] for sex in ("female", "male")], [0.5, 0.5]) for name in both}
    return found


def gap_steps(
    trained: pd.DataFrame,
    equal_n: pd.DataFrame,
    cutoffs_g_m2: Mapping[str, float] = PRIMARY,
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """C-statistics between the pooled model in everyone and the sex-specific ones, and the steps from one to the next.

    Parameters
    ----------
    trained : DataFrame
        Predictions under both trainings, see `lvmass.evaluation.tables.check_predictions`; models with one training
        are passed over. Several cohorts may hold the same people, such as simulated twins under another law.
    equal_n : DataFrame
        Predictions of the same models trained on both sexes, but for each sex on no more people than there are of it.
        Models and cohorts may be absent from it.
    cutoffs_g_m2 : mapping
        Cut-offs of the indexed score, in g/m².
    level : float
        Of the intervals.

    Returns
    -------
    DataFrame
        cohort, model, sex ("female", "male", and the "mean" of both), quantity, unit, estimate, ci_low, ci_high,
        p_value, n_lvh, n_subjects, note. A quantity is a c-statistic, a step of ``STEPS``, or "mechanical share" (%
        of the gap). For a second cohort also the first one's steps minus its own, named "FIRST minus SECOND".

    Raises
    ------
    DataError
        As `check_predictions`, or if a sex has no cut-off.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> net = example_predictions(400).query("model == 'net' and cohort == 'dev'")
    >>> table = gap_steps(net, net.query("training == 'pooled'")).set_index(["sex", "quantity"])["estimate"]
    >>> table["mean"][["gap", "mechanical", "fewer people", "one sex only"]].astype(float).round(3).to_list()
    [0.035, 0.055, 0.0, -0.02]
    """
    rows: list[dict[str, Any]] = []
    first: dict[str, tuple[str, dict[str, dict[str, _Curve]]]] = {}
    for (model, cohort), table in check_predictions(trained).groupby(["model", "cohort"], sort=False):
        if table["training"].nunique() < 2:
            continue
        as_few = equal_n[(equal_n["cohort"] == cohort) & (equal_n["model"] == model)]
        found = _curves(table, as_few, cutoffs_g_m2)
        for sex, curves in found.items():
            keys = {"cohort": str(cohort), "model": str(model), "sex": sex, "note": ""}
            steps = _steps(curves)
            for name in (*CURVES, *STEPS):
                if name in curves or name in steps:
                    row = _row(curves[name] if name in curves else steps[name], level, difference=name in steps)
                else:
                    untried = as_few.empty and "pooled on as few" in (name, *STEPS.get(name, ()))
                    row = {"note": "not computed" if untried else "too few people"}
                rows.append(keys | {"quantity": name} | row)
            share: dict[str, Any] = {"note": "too few people"}
            try:
                share = _share(steps["mechanical"], steps["gap"], level) if "gap" in steps else share
            except NotEstimable as why:
                share = {"note": str(why)}
            rows.append(keys | {"quantity": "mechanical share"} | share)
            if model in first:
                before = _steps(first[model][1][sex])
                keys["cohort"] = f"{first[model][0]} minus {cohort}"
                for name in (name for name in steps if name in before):
                    step = _sum([before[name], steps[name]], [1.0, -1.0])
                    rows.append(keys | {"quantity": name} | _row(step, level, difference=True))
        first.setdefault(str(model), (str(cohort), found))
    return tidy(rows, (*_COLUMNS, "n_subjects", "note"))


def _steps(curves: dict[str, _Curve]) -> dict[str, _Curve]:
    """Steps whose both ends are there."""
    ends = {name: pair for name, pair in STEPS.items() if set(pair) <= set(curves)}
    return {name: _sum([curves[end], curves[start]], [1.0, -1.0]) for name, (start, end) in ends.items()}


def gap_by_cutoffs(
    trained: pd.DataFrame, equal_n: pd.DataFrame, cutoff_sets: Mapping[str, Mapping[str, float]]
) -> pd.DataFrame:
    """`gap_steps` under each set of cut-offs, after a column ``cutoffs``; same parameters and errors.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> net = example_predictions(100).query("model == 'net'")
    >>> table = gap_by_cutoffs(net, net[:0], {"primary": PRIMARY, "high": {"male": 103, "female": 89}})
    >>> table.groupby("cutoffs", sort=False)["note"].agg(lambda notes: notes.iloc[0]).to_dict()
    {'primary': '', 'high': 'too few people'}
    """
    tables = []
    for name, cutoffs in cutoff_sets.items():
        few = with_cutoffs(equal_n, cutoffs) if len(equal_n) else equal_n
        table = gap_steps(with_cutoffs(trained, cutoffs), few, cutoffs)
        table.insert(0, "cutoffs", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def pair_kinds(predictions: pd.DataFrame, cutoffs_g_m2: Mapping[str, float] = PRIMARY) -> pd.DataFrame:
    """Of which pairs the c-statistic of everyone is made, and how many of each kind are ranked right.

    A c-statistic is the share of pairs, one with LVH and one without, in which the one with it has the higher score.
    The overall one is the sum of ``share · c_statistic`` over the four kinds of pair.

    Returns
    -------
    DataFrame
        cohort, model, training, score, sex_with_lvh, sex_without, share (of all pairs), c_statistic, n_pairs, note.
        Parameters and errors as `lvmass.evaluation.lvh.c_statistics`.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = pair_kinds(example_predictions()).iloc[:4]
    >>> round(float((table["share"] * table["c_statistic"]).sum()), 3)  # as c_statistics has it
    0.72
    """
    rows = []
    for keys, people in fits(predictions):
        lvh, sex = people["lvh"].to_numpy(bool), people["sex"].to_numpy(str)
        for score in SCORES:
            values = lvh_score(people, score, cutoffs_g_m2)
            for sick in ("female", "male"):
                for well in ("female", "male"):
                    inside = (lvh & (sex == sick)) | (~lvh & (sex == well))
                    n_pairs = int(lvh[inside].sum() * (~lvh[inside]).sum())
                    row: dict[str, Any] = {
                        "score": score,
                        "sex_with_lvh": sick,
                        "sex_without": well,
                        "n_pairs": n_pairs,
                        "note": "",
                    }
                    row["share"] = n_pairs / max(1, int(lvh.sum() * (~lvh).sum()))
                    try:
                        check_classes(lvh[inside])
                        row["c_statistic"] = delong_variance(lvh[inside], values[inside])[0]
                    except NotEstimable as why:
                        row["note"] = str(why)
                    rows.append(keys | row)
    columns = ("score", "sex_with_lvh", "sex_without", "share", "c_statistic", "n_pairs", "note")
    return tidy(rows, ("cohort", "model", "training", *columns))
