"""C-statistics for LVH, their comparisons by DeLong's test, and the gap between pooled and sex-specific ones.

The published comparison goes from the pooled model *in everyone* to the sex-specific one *in its sex*, as if these
were different people. Three things change on the way: who is compared with whom (no model is touched: the mechanical
part), how many people the model learnt from, and whether these were of one sex. Each is a difference of c-statistics
that share people, so DeLong's covariance gives each an interval; the fair comparison takes the same people of one sex.

All of them compare people within folds only, see `lvmass.evaluation.delong`: an external cohort is one fold.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from lvmass.cohort.schema import SEXES
from lvmass.evaluation.delong import auc_influence, delong_paired, delong_unpaired, delong_variance, logit_limits
from lvmass.evaluation.lvh import EACH_SCORE, both_classes, lvh_score
from lvmass.evaluation.results import FIT, At, Inputs, Statistic
from lvmass.evaluation.tables import EXTERNAL_FOLD, LEVEL, NotEstimable


@contextmanager
def _noted(row: dict[str, Any]) -> Iterator[None]:
    """Write the reason into the row if what is to be added to it cannot be estimated."""
    try:
        yield
    except NotEstimable as why:
        row["note"] = str(why)


def _limits(area: float, se: float) -> dict[str, Any]:
    """Logit interval of an area, which covers better than the plain one (benchmarks/delong_simulation.py)."""
    if not 0 < area < 1:
        return {"note": "perfect separation, no interval"}
    return dict(zip(("ci_low", "ci_high"), logit_limits(area, se), strict=True))


_AUC = (
    "sex score auc ci_low ci_high auc_pooled auc_pooled_ci_low auc_pooled_ci_high fold_mean fold_sd "
    "n_lvh n_subjects note"
)


def _fold_spread(people: pd.DataFrame, lvh: NDArray[np.bool_], values: NDArray[np.float64]) -> dict[str, float]:
    """Mean and SD of the folds' c-statistics, as published, over folds that hold both classes."""
    aucs = []
    for fold in sorted(set(people["fold"]) - {EXTERNAL_FOLD}):
        inside = (people["fold"] == fold).to_numpy()
        if min(lvh[inside].sum(), (~lvh[inside]).sum()) >= 2:
            aucs.append(delong_variance(lvh[inside], values[inside])[0])
    return {"fold_mean": float(np.mean(aucs)), "fold_sd": float(np.std(aucs, ddof=1))} if len(aucs) > 1 else {}


@Statistic("cutoff_sensitivity", FIT, _AUC, each=EACH_SCORE, by_cutoffs=True, clusters=True, lvh=True)
@Statistic("c_statistics", FIT, _AUC, each=EACH_SCORE, clusters=True, lvh=True)
def _c_statistic(people: pd.DataFrame, at: At, score: str) -> dict[str, Any]:
    """C-statistic of out-of-fold people: of the pairs within a fold, and (``auc_pooled``) of all pairs."""
    lvh, values = both_classes(people), lvh_score(people, score, at.cutoffs_g_m2)
    row: dict[str, Any] = _fold_spread(people, lvh, values)
    area, variance = delong_variance(lvh, values, cluster=people["patient_id"])
    limits = _limits(area, float(np.sqrt(variance)))
    row |= {"auc_pooled": area} | {f"auc_pooled_{end}": limits.get(end) for end in ("ci_low", "ci_high")}
    with _noted(row):
        area, variance = delong_variance(lvh, values, cluster=people["patient_id"], fold=people["fold"])
        row |= {"auc": area} | _limits(area, float(np.sqrt(variance)))
    return row


_DIFFERENCE = "sex score auc_a auc_b difference ci_low ci_high z p_value correlation n_lvh n_a n_b note"


@Statistic(
    "model_comparison", "cohort training model_a model_b", _DIFFERENCE,
    of=Inputs.rivals, by="training", each=EACH_SCORE, holm="cohort training sex score", clusters=True, lvh=True,
)  # fmt: skip
def _paired(people: pd.DataFrame, at: At, score: str) -> dict[str, Any]:
    """DeLong's paired test of the reference (a) against another model (b), and how their c-statistics correlate."""
    row: dict[str, Any] = {"n_a": len(people), "n_b": len(people)}
    with _noted(row):
        a, b = (lvh_score(people, score, at.cutoffs_g_m2, name) for name in ("predicted_lvm_g", "other"))
        result = delong_paired(both_classes(people), a, b, cluster=people["patient_id"], fold=people["fold"])
        row |= asdict(result)
        if (product := result.variance_a * result.variance_b) > 0:
            row["correlation"] = result.covariance / product**0.5
    return row


def _both_trainings(study: Inputs) -> pd.DataFrame:
    """The sex-specific fits (a, missing where there is none) beside the pooled ones (b) of each cohort and model."""
    keys = ["cohort", "model", "subject_id"]
    pooled, specific = (study.predictions[study.predictions["training"] == t] for t in ("pooled", "sex-specific"))
    both = pooled.merge(specific[keys[:2]].drop_duplicates()).rename(columns={"predicted_lvm_g": "other"})
    return both.merge(specific[[*keys, "predicted_lvm_g"]], on=keys, how="left")


@Statistic(
    "training_comparison", "cohort model", f"comparison {_DIFFERENCE} p_overlap",
    of=_both_trainings, by="model", sexes=("female", "male"), holm="cohort comparison score", clusters=True,
    each={"comparison": ("paired within sex", "unpaired as published"), **EACH_SCORE}, lvh=True,
)  # fmt: skip
def _trainings(people: pd.DataFrame, at: At, comparison: str, score: str) -> dict[str, Any]:
    """Sex-specific (a) against pooled training (b), fairly and as the paper may have compared them.

    "unpaired as published" sets the sex-specific model in one sex against the pooled one in everyone, as if these
    were different people, which is our reading: the abstracts describe no test; ``p_overlap`` is its p value once the
    shared people are respected. "paired within sex" sets both on the same people of that sex.
    """
    own, everyone = people.dropna(subset="predicted_lvm_g"), at.everyone
    if comparison == "paired within sex":
        return _paired(own, at, score)
    row: dict[str, Any] = {"n_a": len(own), "n_b": len(everyone)}
    with _noted(row):
        ends = [_curve(own, score, at), _curve(everyone, score, at, "other")]
        step = _row("gap", _sum(ends, [1.0, -1.0]), everyone.set_index("subject_id"))
        a = both_classes(own), lvh_score(own, score, at.cutoffs_g_m2)
        b = both_classes(everyone), lvh_score(everyone, score, at.cutoffs_g_m2, "other")
        whose, folds = ((own[of], everyone[of]) for of in ("patient_id", "fold"))
        result = delong_unpaired(*a, *b, cluster=whose, fold=folds)
        row |= asdict(result) | {"p_overlap": step["p_value"]}
    return row


@Statistic(
    "pair_kinds", FIT, "score sex_with_lvh sex_without share c_statistic n_pairs note", sexes=("all",), clusters=True,
    each={**EACH_SCORE, "sex_with_lvh": ("female", "male"), "sex_without": ("female", "male")}, lvh=True,
)  # fmt: skip
def _pair_kind(people: pd.DataFrame, at: At, score: str, sex_with_lvh: str, sex_without: str) -> dict[str, Any]:
    """Of which pairs the c-statistic of everyone is made, and how many of each kind are ranked right.

    A c-statistic is the share of pairs, one with LVH and one without, in which the one with it has the higher score.
    The overall one is the sum of ``share · c_statistic`` over the four kinds of pair, all of them within a fold.
    """
    lvh, sex = people["lvh"].to_numpy(bool), people["sex"].to_numpy(str)
    inside = (lvh & (sex == sex_with_lvh)) | (~lvh & (sex == sex_without))
    n_pairs, of_all = (
        int((by_fold.sum() * (by_fold.size() - by_fold.sum())).sum())
        for by_fold in (rows.groupby("fold")["lvh"] for rows in (people[inside], people))
    )
    row: dict[str, Any] = {"n_pairs": n_pairs, "share": n_pairs / max(1, of_all)}
    with _noted(row):
        classes, score_in = both_classes(people[inside]), lvh_score(people[inside], score, at.cutoffs_g_m2)
        row["c_statistic"] = delong_variance(classes, score_in, fold=people.loc[inside, "fold"])[0]
    return row


# C-statistics between which the gap lies: training, people, score and column of the mass.
CURVES = {
    "pooled in everyone": ("pooled", "everyone", "grams", "predicted_lvm_g"),
    "sex-specific": ("sex-specific", "one sex", "grams", "predicted_lvm_g"),
    "pooled": ("pooled", "one sex", "grams", "predicted_lvm_g"),
    "pooled, size-matched": ("size-matched", "one sex", "grams", "predicted_lvm_g"),
    "pooled in everyone, indexed": ("pooled", "everyone", "indexed", "predicted_lvm_g"),
    "measured mass in everyone": ("pooled", "everyone", "grams", "lvm_g"),
    "measured mass": ("pooled", "one sex", "grams", "lvm_g"),
}

# Differences of c-statistics, from the first to the second.
STEPS = {
    "gap": ("pooled in everyone", "sex-specific"),
    "mechanical": ("pooled in everyone", "pooled"),
    "training": ("pooled", "sex-specific"),
    "fewer people": ("pooled", "pooled, size-matched"),
    "one sex only": ("pooled, size-matched", "sex-specific"),
    "index": ("pooled in everyone", "pooled in everyone, indexed"),
    "mechanical, measured mass": ("measured mass in everyone", "measured mass"),
}


class _Sum(NamedTuple):
    """A weighted sum of c-statistics, one for each repetition, and by subject what each person adds to its error."""

    areas: NDArray[np.float64]
    part: pd.Series


def _sum(terms: Sequence[_Sum], weights: Sequence[float]) -> _Sum:
    """Weighted sum; whoever is in several of the terms counts once, with all that they add."""
    parts = pd.concat([term.part * weight for term, weight in zip(terms, weights, strict=True)])
    areas = np.sum([term.areas * weight for term, weight in zip(terms, weights, strict=True)], axis=0)
    return _Sum(areas, parts.groupby(level=0, sort=False).sum())


def _curve(people: pd.DataFrame, score: str, at: At, column: str = "predicted_lvm_g") -> _Sum:
    """One c-statistic, in every repetition, with the mean of what each person adds."""
    areas, parts = [], []
    several = "repeat" in people and len(people)
    for _, each in people.groupby("repeat", sort=False) if several else [(0, people)]:
        values = lvh_score(each, score, at.cutoffs_g_m2, column)
        area, part = auc_influence(both_classes(each), values, cluster=each["patient_id"], fold=each["fold"])
        areas.append(area)
        parts.append(pd.Series(part, index=each["subject_id"].to_numpy()))
    mean = pd.concat(parts).groupby(level=0, sort=False).sum() / len(parts) if len(parts) > 1 else parts[0]
    return _Sum(np.array(areas), mean)


def _quantities(table: pd.DataFrame, at: At) -> dict[str, dict[str, _Sum]]:
    """The curves and steps of one cohort that enough people allow, in each sex and as the mean of both."""
    found: dict[str, dict[str, _Sum]] = {sex: {} for sex in (*SEXES, "mean")}
    for name, (training, who, score, column) in CURVES.items():
        rows = table[table["training"] == training]
        for sex in SEXES if who == "one sex" else ("mean",):
            with suppress(NotEstimable):
                found[sex][name] = _curve(rows[rows["sex"] == sex] if who == "one sex" else rows, score, at, column)
        if who == "everyone":
            found |= {sex: found[sex] | {k: v for k, v in found["mean"].items() if k == name} for sex in SEXES}
        elif all(name in found[sex] for sex in SEXES):
            found["mean"][name] = _sum([found[sex][name] for sex in SEXES], [0.5, 0.5])
    for curves in found.values():
        ends = [(name, pair) for name, pair in STEPS.items() if set(pair) <= set(curves)]
        curves |= {name: _sum([curves[end], curves[start]], [1.0, -1.0]) for name, (start, end) in ends}
    return found


def _row(quantity: str, term: _Sum, who: pd.DataFrame) -> dict[str, Any]:
    """Estimate with its interval: plain and with a p value for a step, on the logit scale for one area.

    The estimate is the mean over ``n_repeats`` cross-validations with folds and starts of their own. Its variance is
    DeLong's over people, of that mean, plus ``sd_repeats² / n_repeats``; with one repetition, models are held fixed.
    """
    who = who.loc[term.part.index]
    by_patient = term.part.groupby(who["patient_id"].to_numpy(), sort=False).sum()
    area, variance, n = float(term.areas.mean()), float(np.square(by_patient.to_numpy(float)).sum()), term.areas.size
    row: dict[str, Any] = {"quantity": quantity, "unit": "1", "estimate": area, "n_lvh": int(who["lvh"].sum())}
    row |= {"n_subjects": len(who), "n_patients": len(by_patient), "n_repeats": n}
    if n > 1:
        row["sd_repeats"] = float(term.areas.std(ddof=1))
        variance += row["sd_repeats"] ** 2 / n
    se = float(np.sqrt(variance))
    if quantity in STEPS:
        z, p = float(stats.norm.isf((1 - LEVEL) / 2)), 2 * stats.norm.sf(abs(area) / se) if se > 0 else area == 0
        return row | {"ci_low": area - z * se, "ci_high": area + z * se, "p_value": float(p)}
    return row | _limits(area, se)


def _trained_twice(study: Inputs) -> pd.DataFrame:
    """Cohorts of each model trained both ways, in ``cohort`` and ``part``; and each later one with the first."""
    assert study.gap is not None
    trained, size_matched = study.gap
    keys = ["model", "cohort"]
    trainings = trained.groupby(keys, sort=False)["training"].nunique()
    both = trainings[trainings > 1].reset_index()[keys]
    rows = pd.concat([trained, size_matched.assign(training="size-matched")]).merge(both, on=keys)
    rows, pairs = rows.assign(part=rows["cohort"]), []
    for _, table in rows.groupby("model", sort=False):
        first, *later = table["cohort"].unique()
        pairs += [table[table["part"].isin([first, name])].assign(cohort=f"{first} minus {name}") for name in later]
    return pd.concat([rows, *pairs], ignore_index=True)


@Statistic(
    "gap", "cohort model",
    "sex quantity unit estimate ci_low ci_high p_value n_repeats sd_repeats n_lvh n_subjects note",
    of=_trained_twice, by="model", sexes=("mean",), by_cutoffs=True, clusters=True, needs="gap", lvh=True,
    holm="cutoffs cohort quantity",
)  # fmt: skip
def _gap(people: pd.DataFrame, at: At) -> list[dict[str, Any]]:
    """``CURVES`` and ``STEPS`` in each sex and as their mean; of two cohorts the steps in the first minus the other's.

    Two cohorts may hold the same people, such as a counterfactual cohort: then they are paired person by person.
    """
    first, *others = (_quantities(each, at) for _, each in at.everyone.groupby("part", sort=False))
    who = at.everyone.drop_duplicates("subject_id").set_index("subject_id")[["lvh", "patient_id"]]
    tried, rows = "size-matched" in set(at.everyone["training"]), []
    for sex, terms in first.items():
        if others:
            both = [name for name in STEPS if name in terms and name in others[0][sex]]
            steps = {name: _sum([terms[name], others[0][sex][name]], [1.0, -1.0]) for name in both}
            rows += [{"sex": sex} | _row(name, step, who) for name, step in steps.items()]
            continue
        for name in (*CURVES, *STEPS):
            untried = not tried and "pooled, size-matched" in (name, *STEPS.get(name, ()))
            lacking: dict[str, Any] = {"quantity": name, "note": "not computed" if untried else "too few people"}
            lacking |= dict.fromkeys(("n_subjects", "n_patients", "n_lvh"))
            rows.append({"sex": sex} | (_row(name, terms[name], who) if name in terms else lacking))
    return rows
