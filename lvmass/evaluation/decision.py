"""What a yes/no decision would look like: operating points, ROC curves, classical criteria, and net benefit.

Short examples of registered statistics: `roc` takes every fit, sex and score, `criteria_roc` every criterion.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import roc_curve

from lvmass.evaluation.calibration import as_learnt_from, known_probability, out_of_fold, probable
from lvmass.evaluation.delong import auc_interval
from lvmass.evaluation.errors import means, patient_limits
from lvmass.evaluation.lvh import EACH_SCORE, MIN_CLASS, both_classes, lvh_score
from lvmass.evaluation.results import FIT, At, Inputs, Statistic
from lvmass.evaluation.tables import LEVEL, NotEstimable

# Where ROC curves are evaluated, so that every one has the same length.
GRID = np.linspace(0, 1, 201)


def _operating_point(y: NDArray[np.bool_], called: NDArray[np.bool_]) -> dict[str, float | None]:
    """Sensitivity, specificity and, at the prevalence at hand, predictive values, with Wilson's intervals.

    A predictive value is None where no one is called positive, or no one negative.
    """
    values: dict[str, float | None] = {}
    right = y == called
    for name, of in (("sensitivity", y), ("specificity", ~y), ("ppv", called), ("npv", ~called)):
        count, n = int((right & of).sum()), int(of.sum())
        limits = stats.binomtest(count, n).proportion_ci(LEVEL, "wilson") if n else (None, None)
        values |= {name: count / n if n else None, f"{name}_ci_low": limits[0], f"{name}_ci_high": limits[1]}
    return values


_POINT = (
    "sex sensitivity sensitivity_ci_low sensitivity_ci_high specificity specificity_ci_low specificity_ci_high "
    "ppv ppv_ci_low ppv_ci_high npv npv_ci_low npv_ci_high n_lvh n_subjects note"
)


@Statistic("operating_points", FIT, _POINT, lvh=True)
def _at_cutoff(people: pd.DataFrame, at: At) -> dict[str, Any]:
    """`_operating_point` when a predicted index above the sex's cut-off is called LVH."""
    return _operating_point(both_classes(people), lvh_score(people, "indexed", at.cutoffs_g_m2) > 1)


def _roc_points(lvh: NDArray[np.bool_], values: NDArray[np.float64]) -> list[dict[str, Any]]:
    """The highest sensitivity at each false positive rate of the grid."""
    false, true, _ = roc_curve(lvh, values, drop_intermediate=False)
    sensitivity = true[np.searchsorted(false, GRID + 1e-12, side="right") - 1]
    return [{"false_positive_rate": float(x), "sensitivity": float(y)} for x, y in zip(GRID, sensitivity, strict=True)]


@Statistic(
    "roc", FIT, "sex score false_positive_rate sensitivity n_subjects note", each=EACH_SCORE, clusters=True, lvh=True
)
def _roc(people: pd.DataFrame, at: At, score: str) -> list[dict[str, Any]]:
    return _roc_points(both_classes(people), lvh_score(people, score, at.cutoffs_g_m2))


def criteria_rows(criteria: pd.DataFrame, subject_id: pd.Series, cohort: str) -> pd.DataFrame:
    """One row a person and classical criterion, as `evaluate` takes them, from one row a person.

    Parameters
    ----------
    criteria : DataFrame
        For each criterion a column of values and one of whether positive, named ``NAME`` and ``NAME_positive``.
    subject_id : Series
        Of the rows.
    cohort : str
        Name of the cohort.

    Returns
    -------
    DataFrame
        cohort, subject_id, criterion, value (its own unit, NaN where a wave is absent), positive.

    Examples
    --------
    >>> wide = pd.DataFrame({"cornell_voltage_mv": [1.2, 3.0], "cornell_voltage_mv_positive": [False, True]})
    >>> print(*criteria_rows(wide, pd.Series(["a", "b"]), "dev").iloc[1])
    dev b cornell_voltage_mv 3.0 True
    """
    names, parts = [name for name in criteria.columns if not name.endswith("_positive")], []
    for name in names:
        found = {"value": criteria[name].to_numpy(float), "positive": criteria[f"{name}_positive"].to_numpy(bool)}
        parts.append(pd.DataFrame({"cohort": cohort, "subject_id": subject_id.to_numpy(), "criterion": name} | found))
    return pd.concat(parts, ignore_index=True)


def _with_criteria(study: Inputs) -> pd.DataFrame:
    """One row a fit, subject and criterion."""
    assert study.criteria is not None
    return study.predictions.merge(study.criteria, on=["cohort", "subject_id"])


def _criteria_once(study: Inputs) -> pd.DataFrame:
    """One row a subject and criterion."""
    assert study.criteria is not None
    who = ["cohort", "subject_id"]
    once = study.predictions.drop_duplicates(who).drop(columns=["model", "predicted_lvm_g", "bsa_m2"])
    return once.merge(study.criteria, on=who)


@Statistic("criteria_points", "cohort criterion", _POINT, of=_criteria_once, by="", needs="criteria", lvh=True)
def _criterion_point(people: pd.DataFrame, at: At) -> dict[str, Any]:
    return _operating_point(both_classes(people), people["positive"].to_numpy(bool))


def _ranked(people: pd.DataFrame) -> NDArray[np.float64]:
    """A criterion's values; an absent wave is no sign of hypertrophy: it ranks lowest."""
    value = people["value"].to_numpy(float)
    return np.where(np.isnan(value), np.nanmin(value, initial=0.0) - 1, value)


@Statistic(
    "criteria_roc", "cohort criterion", "sex false_positive_rate sensitivity n_subjects note",
    of=_criteria_once, by="", clusters=True, needs="criteria", lvh=True,
)  # fmt: skip
def _criterion_roc(people: pd.DataFrame, at: At) -> list[dict[str, Any]]:
    return _roc_points(both_classes(people), _ranked(people))


def _at_its_specificity(study: Inputs) -> pd.DataFrame:
    """Fits beside criteria, with ``called``: whether the estimated index is above a cut-off set in other people.

    Within each sex, the cut-off is the lowest that has at least the criterion's specificity in the people without LVH
    to learn from, see `out_of_fold`; missing where these are fewer than ``MIN_CLASS``. No one has a say in the own
    cut-off, so that neither specificity nor sensitivity profits from it.
    """
    table = _with_criteria(study)
    per_g = lvh_score(table.assign(gram=1.0), "indexed", study.cutoffs_g_m2, "gram")
    score, called = table["predicted_lvm_g"].to_numpy(float) * per_g, np.full(len(table), np.nan)
    lvh, positive, sexes = table["lvh"].to_numpy(bool), table["positive"].to_numpy(bool), table["sex"].to_numpy()
    for _, rows in table.groupby("criterion", sort=False):
        for among, judged in out_of_fold(rows, study.development):
            for sex in set(sexes[rows.index[judged]]):
                learn, apply = (at[sexes[rows.index[at]] == sex] for at in (among, judged))
                without = rows.index[learn][~lvh[rows.index[learn]]]
                if table.loc[without, "patient_id"].nunique() < MIN_CLASS:
                    continue
                spared = int((~positive[without]).sum())
                limit = np.sort(score[without])[spared - 1] if spared else -np.inf
                called[rows.index[apply]] = as_learnt_from(rows, learn, apply, per_g[rows.index]) > limit
    return table.assign(called=pd.array(called, dtype="Float64"))


def _paired(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Difference of two shares of the same people with its interval, which is that of one more for each of a and b.

    Bonett and Price, J Educ Behav Stat 2012;37:479: with ``p`` the shares ``(count + 1) / (n + 2)`` of those in a
    only and in b only, ``p_a - p_b ± 1.96 sqrt((p_a + p_b - (p_a - p_b)²) / (n + 2))``.
    """
    n = a.size + 2
    p_a, p_b = (float((own & ~other).sum() + 1) / n for own, other in ((a, b), (b, a)))
    half = stats.norm.isf((1 - LEVEL) / 2) * np.sqrt((p_a + p_b - (p_a - p_b) ** 2) / n)
    return float(a.mean() - b.mean()), float(max(p_a - p_b - half, -1)), float(min(p_a - p_b + half, 1))


@Statistic(
    "criteria_at_equal_specificity", f"{FIT} criterion",
    "sex specificity model_specificity specificity_difference specificity_difference_ci_low "
    "specificity_difference_ci_high criterion_sensitivity model_sensitivity difference ci_low ci_high p_value "
    "criterion_auc criterion_auc_ci_low criterion_auc_ci_high n_lvh n_subjects note",
    of=_at_its_specificity, holm=f"{FIT} sex", needs="criteria", lvh=True,
)  # fmt: skip
def _matched(people: pd.DataFrame, at: At) -> dict[str, Any]:
    """A fit against a classical criterion, at the cut-off that has the criterion's specificity in other people.

    In the people at hand the two specificities can differ, and are given. Sensitivities are compared by McNemar's
    exact test over people with LVH, and their difference has the interval of `_paired`.
    """
    lvh, positive = both_classes(people), people["positive"].to_numpy(bool)
    if people["called"].isna().any():
        raise NotEstimable("too few without LVH to learn a cut-off")
    model = people["called"].to_numpy(float) > 0
    only_model, only_criterion = int((model & ~positive & lvh).sum()), int((positive & ~model & lvh).sum())
    discordant = only_model + only_criterion
    spared, found = _paired(~model[~lvh], ~positive[~lvh]), _paired(model[lvh], positive[lvh])
    row = dict(zip(("difference", "ci_low", "ci_high"), found, strict=True))
    ends = ("", "_ci_low", "_ci_high")
    row |= {f"specificity_difference{end}": value for end, value in zip(ends, spared, strict=True)}
    auc = auc_interval(lvh, _ranked(people))
    row |= {f"criterion_auc{end}": value for end, value in zip(ends, auc, strict=True)}
    row |= {"specificity": float((~positive[~lvh]).mean()), "model_specificity": float((~model[~lvh]).mean())}
    row |= {"criterion_sensitivity": float(positive[lvh].mean()), "model_sensitivity": float(model[lvh].mean())}
    return row | {"p_value": float(stats.binomtest(only_model, discordant).pvalue) if discordant else 1.0}


# Probabilities of LVH at which one may want to act, stated beforehand: who acts at 10 % accepts nine unnecessary
# examinations for each right one, at 30 % little more than two. Curves, and differences with intervals.
THRESHOLDS = np.arange(10, 31) / 100
DIFFERENCE_THRESHOLDS = THRESHOLDS[::5]

# The "model" that calls LVH by the criterion that was best in other people.
BEST_CRITERION = "best classical criterion"


def _benefit(
    y: NDArray[np.bool_], probability: NDArray[np.float64], thresholds: NDArray[np.float64] = THRESHOLDS
) -> NDArray[np.float64]:
    """Each person's part of the net benefit of acting on a probability of t or more, shape (thresholds, n).

    Its mean over people is ``TP/n - FP/n · t/(1 - t)`` (Vickers and Elkin, Med Decis Making 2006;26:565). Acting on
    everyone is the probability 1, on no one, which gives 0, the probability 0.
    """
    odds = (thresholds / (1 - thresholds))[:, None]
    return np.where(probability >= thresholds[:, None], np.where(y, 1.0, -odds), 0.0)


def _acting(study: Inputs) -> pd.DataFrame:
    """All fits with their probability of LVH, and beside each training ``BEST_CRITERION``, whose probability is 1 or 0.

    A criterion is chosen as everything is learnt, `out_of_fold`: that of the highest mean net benefit over
    ``THRESHOLDS`` in the other development folds, or for another cohort in all of them.
    """
    table = study.once(probable)
    if study.criteria is None:
        return table
    rows = _criteria_once(study)
    rows = rows.assign(model=BEST_CRITERION, lvh_probability=rows["positive"].astype("Float64"))
    lvh, says = rows["lvh"].to_numpy(bool), rows["lvh_probability"].to_numpy(float)
    benefit, criterion = _benefit(lvh, says).mean(axis=0), rows["criterion"].to_numpy()
    chosen = []
    for learn, apply in out_of_fold(rows, study.development):
        if not learn.size:
            continue
        best = pd.Series(benefit[learn]).groupby(criterion[learn]).mean().idxmax()
        chosen.append(rows.iloc[apply[criterion[apply] == best]])
    return pd.concat([table, *chosen], ignore_index=True)


@Statistic(
    "decision_curves", FIT, "sex threshold net_benefit net_benefit_all n_lvh n_subjects note",
    of=_acting, by="training", clusters=True, lvh=True,
)  # fmt: skip
def _decisions(people: pd.DataFrame, at: At) -> list[dict[str, Any]]:
    """Net benefit of the LVH probability, beside acting on everyone (acting on no one is 0)."""
    lvh, probability = known_probability(people)
    model, everyone = (_benefit(lvh, p).mean(axis=1) for p in (probability, np.ones(lvh.size)))
    return [
        {"threshold": float(t), "net_benefit": float(a), "net_benefit_all": float(b)}
        for t, a, b in zip(THRESHOLDS, model, everyone, strict=True)
    ]


@Statistic(
    "net_benefit_differences", "cohort training model_a model_b",
    "sex threshold net_benefit_a net_benefit_b difference ci_low ci_high n_lvh n_subjects note",
    of=lambda study: study.rivals(study.once(_acting), "lvh_probability"), by="training", clusters=True, lvh=True,
)  # fmt: skip
def _benefit_differences(people: pd.DataFrame, at: At) -> list[dict[str, Any]]:
    """Net benefit of the reference (a) minus that of another model or of ``BEST_CRITERION`` (b).

    Intervals: BCa bootstrap over patients, with probabilities as they were learnt.
    """
    lvh, a = known_probability(people)
    _, b = known_probability(people.assign(lvh_probability=people["other"]))
    parts = np.stack([_benefit(lvh, p, DIFFERENCE_THRESHOLDS) for p in (a, b)])
    terms = np.concatenate([np.ones((1, lvh.size)), parts[0] - parts[1]])
    _, *limits, why = patient_limits(terms, people, means, at)
    rows = []
    for t, (own, other), *ends in zip(DIFFERENCE_THRESHOLDS, parts.mean(axis=2).T, *limits, strict=True):
        row = {"threshold": float(t), "net_benefit_a": own, "net_benefit_b": other, "difference": own - other}
        known = np.isfinite(ends).all()
        rows.append(row | (dict(zip(("ci_low", "ci_high"), ends, strict=True)) if known else {"note": why}))
    return rows
