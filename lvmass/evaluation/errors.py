"""Errors of predicted mass: per fold as published, over people with honest intervals, between models, in subgroups.

Five fold means are a poor unit: their training sets overlap, so their spread says little about another cohort.
The tables over people are the ones to rest a conclusion on.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special, stats
from statsmodels.regression.linear_model import OLS

from lvmass.evaluation.results import FIT, At, Inputs, Statistic
from lvmass.evaluation.tables import LEVEL, NotEstimable, limited

FloatArray = NDArray[np.float64]

# Every error with its unit.
METRICS = {"mae_g": "g", "mape_percent": "%", "rmse_g": "g", "r2": "1", "bias_g": "g"}

# Fewer people than this get an estimate without interval.
MIN_PEOPLE = 10

# Of more patients, sums over resamples and flips are drawn from their normal limit: the cost stays that of so many.
# Where fewer than RARE of them differ from the others in a term, as in rare LVH, that limit is not near.
MANY, RARE = 10_000, 100

# Subgroups of fewer people are shown as too small.
MIN_GROUP = 20

# Lower edges of the bands of each number; the study's people are split there.
BANDS: dict[str, tuple[float, ...]] = {"age_years": (50, 65), "bmi_kg_m2": (25, 30), "qrs_duration_ms": (120,)}

# Effect of each variable on the error: of being in a group against the other one, or of so much more of a number.
EFFECTS: dict[str, tuple[str, str | float]] = {
    "sex": ("women minus men", "female"),
    "age_years": ("per 10 years", 10.0),
    "bmi_kg_m2": ("per 5 kg/m²", 5.0),
    "qrs_duration_ms": ("≥ 120 ms minus shorter", "≥ 120"),
    "atrial_fibrillation": ("yes minus no", "yes"),
}


def _terms(people: pd.DataFrame) -> FloatArray:
    """What each person adds to the sums that every error is a function of, shape (7, n).

    Rows: 1, the absolute error, the same in % of the true mass, the squared and the plain error, the true mass and
    its square (less the mean of all, against cancellation).
    """
    true = people["lvm_g"].to_numpy(float)
    error = people["predicted_lvm_g"].to_numpy(float) - true
    around = true - (true.mean() if true.size else 0.0)
    absolute = np.abs(error)
    return np.stack([np.ones_like(error), absolute, 100 * absolute / true, error**2, error, around, around**2])


def _errors(sums: FloatArray) -> FloatArray:
    """Every error of ``METRICS`` in its order, shape (5, ...), from sums of `_terms`, shape (7, ...).

    R² is ``1 - Σ error² / Σ (true - mean)²``: negative where the mean of these people predicts better, not finite
    where all masses are equal.
    """
    n, absolute, percent, squared, plain, true, true_squared = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = true_squared - true**2 / n
        spread = np.where(spread > 1e-12 * true_squared, spread, 0.0)
        return np.stack([absolute / n, percent / n, np.sqrt(squared / n), 1 - squared / spread, plain / n])


def by_patient(terms: FloatArray, people: pd.DataFrame) -> FloatArray:
    """Sums of the terms, shape (k, n), within each patient, in order of appearance.

    Examples
    --------
    >>> by_patient(np.array([[1.0, 2, 3]]), pd.DataFrame({"patient_id": ["a", "b", "a"]})).tolist()
    [[4.0, 2.0]]
    """
    codes, patients = pd.factorize(people["patient_id"])
    return np.stack([np.bincount(codes, each, len(patients)) for each in terms])


def bootstrap_limits(
    terms: FloatArray, function: Callable[[FloatArray], FloatArray], level: float, n_resamples: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Bias-corrected accelerated (BCa) bootstrap limits of functions of sums (Efron, JASA 1987;82:171).

    The numbers are those of `scipy.stats.bootstrap`, which computes the statistic of every jackknife sample anew: its
    cost grows with the square of the people. Here a person is left out by a subtraction from the sums. Above ``MANY``
    people, sums over resamples come from the normal distribution with their mean and covariance, which changes no more
    than another seed does; not so where a term is that of fewer than ``RARE`` people, as of a few with LVH.

    Parameters
    ----------
    terms : array of float, shape (k, n)
        What each of n people, who are resampled, adds to k sums.
    function : callable
        Gives m statistics, shape (m, ...), of sums of shape (k, ...).
    level, n_resamples, seed
        Of the bootstrap.

    Returns
    -------
    tuple of array
        Lower and upper limits, shape (m,); NaN where the statistic has no spread.

    Examples
    --------
    >>> low, high = bootstrap_limits(np.arange(20.0)[None], lambda sums: sums / 20, 0.95, 999, 0)
    >>> bool(low[0] < 9.5 < high[0])
    True
    """
    rng, n, sums = np.random.default_rng(seed), terms.shape[1], []
    limit = n > MANY
    if limit:
        own = (terms != np.median(terms, axis=1, keepdims=True)).sum(axis=1)
        limit = not ((own > 0) & (own < RARE)).any()
    batch = max(1, 60_000 // n)  # the draws stay in the processor's cache
    for start in range(0, 0 if limit else n_resamples, batch):
        drawn = rng.integers(0, n, (min(batch, n_resamples - start), n))
        sums.append([each[drawn].sum(axis=1) for each in terms])
    whole = terms.sum(axis=1)
    if limit:
        root = np.linalg.qr((terms - whole[:, None] / n).T).R
        sums.append(whole[:, None] + root.T @ rng.standard_normal((len(root), n_resamples)))
    resampled = function(np.concatenate(sums, axis=1))
    estimate, left_out = function(whole)[:, None], function(whole[:, None] - terms)
    below = ((resampled < estimate).mean(axis=1) + (resampled <= estimate).mean(axis=1)) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        influence = left_out.mean(axis=1, keepdims=True) - left_out
        acceleration = (influence**3).sum(axis=1) / (6 * (influence**2).sum(axis=1) ** 1.5)
        z = special.ndtri(below) + np.array([[1], [-1]]) * special.ndtri((1 - level) / 2)
        shares = special.ndtr(special.ndtri(below) + z / (1 - acceleration * z))
    low, high = ([np.quantile(v, p) if p >= 0 else np.nan for v, p in zip(resampled, ps, strict=True)] for ps in shares)
    return np.array(low), np.array(high)


def patient_limits(
    terms: FloatArray, people: pd.DataFrame, function: Callable[[FloatArray], FloatArray], at: At
) -> tuple[FloatArray, FloatArray, FloatArray, str]:
    """Statistics of sums over people with `bootstrap_limits` over patients, and a note where these are too few."""
    sums = by_patient(terms, people)
    values = function(sums.sum(axis=1))
    if sums.shape[1] < MIN_PEOPLE:
        return values, *np.full((2, len(values)), np.nan), "too few people for an interval"
    return values, *bootstrap_limits(sums, function, LEVEL, at.n_resamples, at.seed), "no spread, no interval"


def means(sums: FloatArray) -> FloatArray:
    """Means over people, of sums whose first is their number."""
    return sums[1:] / sums[0]


_METRIC = {"metric": tuple(METRICS)}


@Statistic(
    "errors_by_fold", FIT, "sex metric unit mean sd n_folds n_subjects note", each=_METRIC, clusters=True, least=1
)
def _by_fold(people: pd.DataFrame, at: At, metric: str) -> dict[str, Any]:
    """Mean ± SD over folds, as the paper prints it; an external cohort has one "fold", the averaged fold models."""
    folds = [_errors(_terms(fold).sum(axis=1)) for _, fold in people.groupby("fold")]
    values = np.array([fold[list(METRICS).index(metric)] for fold in folds])
    values = values[np.isfinite(values)]
    if not values.size:
        raise NotEstimable("too few people")
    row = {"unit": METRICS[metric], "mean": float(values.mean()), "n_folds": len(values)}
    return row | ({"sd": float(values.std(ddof=1))} if len(values) > 1 else {"note": "one cohort, no folds"})


ESTIMATES = "sex metric unit estimate ci_low ci_high n_subjects note"


@Statistic("errors", FIT, ESTIMATES, clusters=True)
def over_people(people: pd.DataFrame, at: At) -> list[dict[str, Any]]:
    """Errors over all out-of-fold people with a BCa bootstrap interval (patients are resampled, not ECGs or folds)."""
    *found, why = patient_limits(_terms(people), people, _errors, at)
    rows = []
    for (metric, unit), value, low, high in zip(METRICS.items(), *found, strict=True):
        row: dict[str, Any] = {"metric": metric, "unit": unit}
        row |= {"estimate": float(value)} if np.isfinite(value) else {}
        note = why if "estimate" in row else why.removesuffix(" for an interval")
        rows.append(row | ({"ci_low": low, "ci_high": high} if np.isfinite([low, high]).all() else {"note": note}))
    return rows


@Statistic(
    "error_differences", "cohort training model_a model_b",
    "sex unit mae_a_g mae_b_g difference_g ci_low ci_high p_value p_floor n_subjects note",
    of=Inputs.rivals, by="training", holm="cohort training sex", clusters=True, least=2,
)  # fmt: skip
def _differences(people: pd.DataFrame, at: At) -> dict[str, Any]:
    """Mean absolute error of the reference (a) minus that of another model (b); negative means that a is better.

    The interval is a BCa bootstrap over patients; the two-sided p value flips the sign of each patient's difference at
    random (exchanges the two models within a patient), exactly where all flips are fewer than the resamples, else no
    lower than ``p_floor = 2 / (resamples + 1)``: a p value there is only known not to be larger. Above ``MANY``
    patients it comes from the normal limit of the flipped sums, which has no floor.
    """
    a, b = (np.abs((people[name] - people["lvm_g"]).to_numpy(float)) for name in ("predicted_lvm_g", "other"))
    terms = np.stack([np.ones_like(a), a - b])
    differences = by_patient(terms, people)[1]
    row: dict[str, Any] = {"unit": "g", "difference_g": float((a - b).mean())}
    row |= {"mae_a_g": float(a.mean()), "mae_b_g": float(b.mean())}
    if (n := differences.size) > MANY:
        spread = np.sqrt(np.square(differences).sum())
        row["p_value"] = float(2 * stats.norm.sf(abs(differences.sum()) / spread)) if spread else 1.0
    else:
        permuted = stats.permutation_test(
            (differences,), np.mean, permutation_type="samples", vectorized=True, n_resamples=at.n_resamples,
            batch=200, rng=np.random.default_rng(at.seed),
        )  # fmt: skip
        row["p_value"] = float(permuted.pvalue)
        if n > np.log2(at.n_resamples):
            row["p_floor"] = 2 / (at.n_resamples + 1)
    _, (low,), (high,), why = patient_limits(terms, people, means, at)
    return row | ({"ci_low": low, "ci_high": high} if np.isfinite([low, high]).all() else {"note": why})


def _alone(study: Inputs) -> pd.DataFrame:
    """External predictions, each with the mean absolute error ``single_g`` of the models that it is the mean of."""
    assert study.external_single is not None
    each, keys = study.external_single, [*FIT.split(), "subject_id"]
    errors = each.assign(single_g=(each["predicted_lvm_g"] - each["lvm_g"]).abs()).groupby(keys, sort=False)["single_g"]
    return study.predictions.merge(errors.agg(["mean", "size"]).set_axis(["single_g", "n_models"], axis=1), on=keys)


_ALONE = ("mae_single", "mae_mean", "difference")


@Statistic(
    "single_models", FIT,
    f"sex {' '.join(f'{name}_g {name}_ci_low_g {name}_ci_high_g' for name in _ALONE)} n_models n_subjects note",
    of=_alone, needs="external_single", clusters=True, least=1,
)  # fmt: skip
def _single_against_mean(people: pd.DataFrame, at: At) -> dict[str, Any]:
    """Mean absolute error of a single fold model, of the mean of all, and the second minus the first, with BCa limits.

    Their mean error is the same by arithmetic; it is in ``errors``.
    """
    single, mean = people["single_g"].to_numpy(float), _terms(people)[1]
    terms = np.stack([np.ones_like(single), single, mean, mean - single])
    *found, why = patient_limits(terms, people, means, at)
    row: dict[str, Any] = {"n_models": int(people["n_models"].max())}
    for name, value, low, high in zip(_ALONE, *found, strict=True):
        row |= limited(name, value, low, high, "_g")
    return row if np.isfinite(found[1][-1]) else row | {"note": why}


def _subgroup_levels(subjects: pd.DataFrame) -> pd.DataFrame:
    """Say to which group each person belongs, by every variable that the table holds.

    Parameters
    ----------
    subjects : DataFrame
        subject_id, and any of cohort, age_years, height_cm with weight_kg (for BMI), qrs_duration_ms,
        atrial_fibrillation (bool). People with a missing value belong to no group of that variable.

    Returns
    -------
    DataFrame
        cohort (if given), subject_id, variable, value, group.

    Examples
    --------
    >>> people = pd.DataFrame({"subject_id": [1, 2], "age_years": [49.0, 65.0], "height_cm": 160.0, "weight_kg": 80.0})
    >>> _subgroup_levels(people)[["variable", "group"]].values.tolist()
    [['age_years', '< 50'], ['age_years', '≥ 65'], ['bmi_kg_m2', '≥ 30'], ['bmi_kg_m2', '≥ 30']]
    """
    keys = [name for name in ("cohort", "subject_id") if name in subjects.columns]
    if {"height_cm", "weight_kg"} <= set(subjects.columns):
        subjects = subjects.assign(bmi_kg_m2=subjects["weight_kg"] / (subjects["height_cm"] / 100) ** 2)
    parts = []
    for name in (*BANDS, "atrial_fibrillation"):
        if name in subjects.columns:
            known = subjects[subjects[name].notna()]
            edges = BANDS.get(name, (1,))
            names = [f"< {edges[0]:g}", *(f"{a:g} to < {b:g}" for a, b in pairwise(edges)), f"≥ {edges[-1]:g}"]
            values = known[name].to_numpy(float)
            groups = np.array(names if name in BANDS else ["no", "yes"])[np.digitize(values, edges)]
            parts.append(known[keys].assign(variable=name, value=values, group=groups))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*keys, "variable", "value", "group"])


def with_groups(table: pd.DataFrame, subjects: pd.DataFrame) -> pd.DataFrame:
    """Rows of a table of predictions with their ``variable`` and ``group``: sex, and those of `_subgroup_levels`."""
    levels = _subgroup_levels(subjects)
    keys = [name for name in ("cohort", "subject_id") if name in levels.columns]
    by_sex = table.assign(variable="sex", group=table["sex"])
    return pd.concat([by_sex, table.merge(levels, on=keys)], ignore_index=True)


def _grouped(study: Inputs) -> pd.DataFrame:
    return with_groups(study.predictions, study.subjects)


def _mean_terms(people: pd.DataFrame, metric: str) -> FloatArray:
    """Each person's part of an error that is a mean."""
    return _terms(people)[{"mae_g": 1, "mape_percent": 2, "bias_g": 4}[metric]]


_MEANS = {"metric": ("mae_g", "mape_percent", "bias_g")}


@Statistic("subgroup_errors", f"{FIT} variable group", ESTIMATES, of=_grouped, each=_MEANS)
def _in_group(people: pd.DataFrame, at: At, metric: str) -> dict[str, Any]:
    """Mean error with Student's t interval."""
    if len(people) < MIN_GROUP:
        return {"unit": METRICS[metric], "note": "too small a group"}
    values = _mean_terms(people, metric)
    low, high = stats.t.interval(LEVEL, values.size - 1, values.mean(), stats.sem(values))
    row = {"unit": METRICS[metric], "estimate": float(values.mean())}
    return row | {"ci_low": float(low), "ci_high": float(high)}


@Statistic(
    "subgroup_effects", f"{FIT} variable",
    "sex metric unit contrast estimate ci_low ci_high p_value n_group n_others n_subjects note",
    of=_grouped, each=_MEANS, holm=f"{FIT} sex",
)  # fmt: skip
def _effect(people: pd.DataFrame, at: At, metric: str) -> dict[str, Any]:
    """How much a variable of ``EFFECTS`` changes an error.

    Between two groups: difference of means with Welch's interval. Of a number: slope by least squares with HC3 standard
    errors, because errors spread more in some people than in others. All variables and errors are one Holm family.
    """
    contrast, of = EFFECTS[at.everyone["variable"].iloc[0]]
    values = _mean_terms(people, metric)
    row: dict[str, Any] = {"unit": METRICS[metric], "contrast": contrast}
    if isinstance(of, str):
        inside = (people["group"] == of).to_numpy()
        groups = values[inside], values[~inside]
        row |= {"n_group": groups[0].size, "n_others": groups[1].size}
        if min(map(len, groups)) < MIN_GROUP:
            return row | {"note": "too small a group"}
        if max(map(np.ptp, groups)) == 0:
            return row | {"note": "no spread within the groups"}
        test = stats.ttest_ind(*groups, equal_var=False)
        low, high = test.confidence_interval(LEVEL)
        estimate, p = groups[0].mean() - groups[1].mean(), test.pvalue
    else:
        x = people["value"].to_numpy(float) / of
        if x.size < MIN_GROUP or np.ptp(x) == 0:
            return row | {"note": "too few people" if x.size < MIN_GROUP else "no spread, no slope"}
        line = OLS(values, np.column_stack([np.ones_like(x), x])).fit(cov_type="HC3", use_t=True)
        if not 0 < line.bse[1] < np.inf:  # all but one have the same value
            return row | {"note": "no spread, no slope"}
        (low, high), estimate, p = line.conf_int(1 - LEVEL)[1], line.params[1], line.pvalues[1]
    return row | {"estimate": float(estimate), "ci_low": float(low), "ci_high": float(high), "p_value": float(p)}
