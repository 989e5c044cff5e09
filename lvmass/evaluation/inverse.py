"""The inverse problem: which cohorts could have given the published numbers?

Within a sex, log mass is normal: body size explains a share of its variance, the estimate gets a share of the rest from
the ECG, and nobody knows what remains. Then MAE and MAPE have closed forms, and a c-statistic is one integral over the
estimate, because LVH is mass over body surface above a cut-off and normal as well: no random numbers are needed.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2, norm

from lvmass.evaluation.delong import foreseen_variance
from lvmass.evaluation.lvh import LVH_CUTOFFS_G_M2

Floats = NDArray[np.float64]

FITTED = {"mae_g": (14.33, 0.71), "mape_percent": (12.90, 1.12), "auc_pooled": (0.70, 0.02)}
"""Published mean and SD over five folds of what a cohort must give, as in `lvmass.report.words.PUBLISHED`."""

PREDICTED = {"auc_male": (0.77, 0.05), "auc_female": (0.75, 0.05), "comparator_mae_g": (19.51, 0.82)}
"""The same of what nobody fitted; the comparator's is held against an estimate from ECG and sex, without body size."""

PERCENTILES = (80.0, 90.0)
"""Cut-offs of the mass index that leave this share of each sex below."""

CV = (0.18, 0.20, 0.22, 0.24, 0.26, 0.28)
BODY_SHARE = (0.14, 0.20, 0.26, 0.33, 0.40)
ECG_R2 = (0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50)

# By sex: share of people, mean mass, median body surface and its log SD (study facts 1.4, 6.7), people a test fold.
_SEXES = {"male": (0.6, 126.0, 1.80, 0.086, 175.0), "female": (0.4, 92.0, 1.59, 0.094, 117.0)}
_FOLDS = 5
_GRID = np.linspace(np.log(20.0), np.log(600.0), 1000)


def implied_cohorts(
    cv: Sequence[float] = CV, body_share: Sequence[float] = BODY_SHARE, ecg_r2: Sequence[float] = ECG_R2
) -> pd.DataFrame:
    """Say what each combination of cohort, ECG and cut-off would have given, and whether it fits the published numbers.

    Parameters
    ----------
    cv : sequence of float
        Coefficient of variation of mass within a sex.
    body_share : sequence of float
        Share of the variance of log mass, within a sex, that body size explains.
    ecg_r2 : sequence of float
        Share of the rest that the estimate gets from the ECG.

    Returns
    -------
    DataFrame
        One row a combination: ``cutoff, cv, body_share, ecg_r2``; ``prevalence`` of LVH; ``mae_g, mape_percent`` and,
        by grams, ``auc_pooled, auc_male, auc_female``; ``median_mae_g`` of the sex's median, ``body_mae_g`` of sex and
        body size, ``comparator_mae_g`` of sex and ECG; ``fold_sd_p``, the two-sided probability of a printed SD over
        folds as far from the expected one, three times the smallest of three c-statistics (Bonferroni); ``fits``,
        whether all of ``FITTED`` lie within their printed SDs and ``fold_sd_p`` is 0.05 or more; ``predicts``, whether
        all of ``PREDICTED`` do.

    Examples
    --------
    >>> implied_cohorts([0.24], [0.26], [0.40]).query("cutoff == 'fuchs-2016'")["fits"].item()
    True
    """
    grid = pd.MultiIndex.from_product([cv, body_share, ecg_r2], names=["cv", "body_share", "ecg_r2"]).to_frame(False)
    cutoffs: dict[str, dict[str, float] | float] = dict(LVH_CUTOFFS_G_M2)
    cutoffs |= {f"{percentile:g}th percentile of each sex": percentile for percentile in PERCENTILES}
    table = pd.concat([_given_by(grid, name, cutoff) for name, cutoff in cutoffs.items()], ignore_index=True)
    inside = {name: (table[name] - value).abs() <= sd + 1e-9 for name, (value, sd) in (FITTED | PREDICTED).items()}
    table["fits"] = np.logical_and.reduce([inside[name] for name in FITTED]) & (table["fold_sd_p"] >= 0.05)
    table["predicts"] = np.logical_and.reduce([inside[name] for name in PREDICTED])
    return table


def _given_by(grid: pd.DataFrame, name: str, cutoff: dict[str, float] | float) -> pd.DataFrame:
    """What the combinations of ``grid`` give with one cut-off: g/m² of each sex, or a percentile."""
    cv, body, ecg = (grid[column].to_numpy()[:, None] for column in grid)
    spread = np.sqrt(np.log1p(cv**2))
    known = body + (1.0 - body) * ecg
    positive, negative = {}, {}
    for sex, (share, mean_g, bsa_m2, bsa_sd, _) in _SEXES.items():
        log_median = np.log(mean_g) - spread**2 / 2.0
        # the index loses from body size what mass owes to it
        body_left = spread * np.sqrt(body) - bsa_sd
        index_sd = np.sqrt(body_left**2 + spread**2 * (1.0 - body))
        covariance = spread * np.sqrt(body) * body_left + spread**2 * (1.0 - body) * ecg
        rho = covariance / (spread * np.sqrt(known) * index_sd)
        if isinstance(cutoff, float):
            limit = np.full_like(spread, norm.ppf(cutoff / 100.0))
        else:
            limit = (np.log(cutoff[sex] * bsa_m2) - log_median) / index_sd
        z = (_GRID - log_median) / (spread * np.sqrt(known))
        people = norm.pdf(z)
        people *= share / people.sum(1, keepdims=True)
        above = norm.cdf((rho * z - limit) / np.sqrt(1.0 - rho**2))
        positive[sex], negative[sex] = people * above, people * (1.0 - above)
    positive["pooled"], negative["pooled"] = sum(positive.values()), sum(negative.values())
    found = grid.assign(cutoff=name, prevalence=positive["pooled"].sum(1))
    mean_g = sum(share * mean_g for share, mean_g, *_ in _SEXES.values())
    unknown = {"mae_g": 1.0 - known, "median_mae_g": 1.0, "body_mae_g": 1.0 - body}
    unknown |= {"comparator_mae_g": 1.0 - known + body}
    for column, share_unknown in unknown.items():
        sd = (spread * np.sqrt(share_unknown))[:, 0]
        # of the median estimate; the mean estimate is smaller than the mean mass by exp(-sd² / 2)
        found[column] = mean_g * (2.0 * norm.cdf(sd) - 1.0)
    found["mape_percent"] = 100.0 * found["mae_g"] / mean_g * np.exp(spread**2 * (1.0 - known) / 2.0)[:, 0]
    tested = {sex: n for sex, (*_, n) in _SEXES.items()}
    tested["pooled"] = sum(tested.values())
    odds = []
    for who, n in tested.items():
        auc = _auc(positive[who], negative[who])
        found[f"auc_{who}"] = auc
        with_lvh = n * positive[who].sum(1) / (positive[who] + negative[who]).sum(1)
        printed_sd = (FITTED | PREDICTED)[f"auc_{who}"][1]
        variance = foreseen_variance(auc, np.maximum(with_lvh, 1.0), n - with_lvh)
        below = chi2.cdf((_FOLDS - 1) * printed_sd**2 / variance, _FOLDS - 1)
        odds.append(2.0 * np.minimum(below, 1.0 - below))
    return found.assign(fold_sd_p=np.minimum(1.0, len(odds) * np.min(odds, axis=0)))


def _auc(positive: Floats, negative: Floats) -> Floats:
    """c-statistic of an estimate whose density in people with and without LVH is given on ``_GRID``."""
    below = np.cumsum(negative, axis=1) - negative / 2.0
    return np.asarray((positive * below).sum(1) / positive.sum(1) / negative.sum(1))
