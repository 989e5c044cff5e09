"""What chapter 7 says: another cohort, for whom the model fails, and a person's interval."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import Markdown

from lvmass.cohort.schema import SEXES
from lvmass.evaluation.calibration import interval_factors
from lvmass.report.lvh import listed
from lvmass.report.page import analysed, in_sexes, missing, say, select, verdict, with_interval
from lvmass.report.words import printed
from lvmass.study.study import INTERVAL_LEVEL

ENDS = ("estimate", "ci_low", "ci_high")


def group_effects(rows: pd.DataFrame) -> Markdown:
    """Which variables change an error, by how much; rows of ``subgroup_effects``, one Holm family."""
    tested = rows.dropna(subset=["p_holm"])
    found = listed(tested[tested["p_holm"] < 0.05], "variable", "contrast", "metric", digits=1)
    return say(f"Significant after Holm's correction of all {len(tested)} effects together (95 % intervals): {found}.")


def coverage(rows: pd.DataFrame) -> Markdown:
    """In which groups fewer people than promised lie in their interval; rows of ``interval_coverage``."""
    low = listed(rows[(rows["ci_high"] < INTERVAL_LEVEL).fillna(False)], "group", "sex", value="coverage", digits=2)
    below = f"Coverage below {100 * INTERVAL_LEVEL:g} % beyond chance"
    return say(f"{below}: {low}. These are many looks at once, without correction.")


def interval_meaning(people: pd.DataFrame, cutoffs_g_m2: Mapping[str, float]) -> Markdown:
    """What prediction intervals mean near the limit of LVH; ``people``: out-of-fold predictions of one fit."""
    factors, near = interval_factors(people, INTERVAL_LEVEL), []
    if not factors or people["bsa_m2"].isna().all():
        return missing("what an interval means", "there are too few people whose LVM index is known")
    for sex, factor in factors.items():
        bsa_m2, cutoff = float(people.loc[people["sex"] == sex, "bsa_m2"].median()), cutoffs_g_m2[sex]
        near.append(
            f"in {printed(sex)} *f* is {factor:.2f}: at the cut-off ({cutoff:g} g/m², {cutoff * bsa_m2:.0f} g at the "
            f"median body surface) the interval spans {cutoff * bsa_m2 / factor:.0f} to "
            f"{cutoff * bsa_m2 * factor:.0f} g, an index of {cutoff / factor:.0f} to {cutoff * factor:.0f} g/m²"
        )
    return say(
        f"{100 * INTERVAL_LEVEL:g} % of masses lie within a factor *f* of the estimate, from estimate / *f* to "
        f"estimate · *f*. Out of fold in development, {'; '.join(near)}. Whether such a person has LVH, the estimate "
        "alone cannot say."
    )


def _apart(here: Any, home: Any) -> dict[str, Any]:
    """Difference of estimates in two cohorts, here minus home, with the interval that theirs give.

    Of independent estimates (MOVER; Zou and Donner, Stat Med 2008;27:1693).

    Examples
    --------
    >>> row = {"estimate": 5.0, "ci_low": 2.0, "ci_high": 8.0}
    >>> [_apart(row, {"estimate": 1.0, "ci_low": -3.0, "ci_high": 5.0})[name] for name in ENDS]
    [4.0, -1.0, 9.0]
    """
    (a, low_a, high_a), (b, low_b, high_b) = ([float(row[name]) for name in ENDS] for row in (here, home))
    low, high = a - b - np.hypot(a - low_a, high_b - b), a - b + np.hypot(high_a - a, b - low_b)
    return dict(zip(ENDS, (a - b, float(low), float(high)), strict=True)) | {"note": "too few people"}


def single_models(results: Mapping[str, pd.DataFrame], fit: Mapping[str, str]) -> Markdown:
    """Single fold models against their mean in the external cohort, and out of fold at home; of one fit."""
    rows = select(results.get("single_models"), sex="all", **fit)
    if rows.empty:
        return missing("single fold models against their mean", "there is no external cohort")
    row, names = rows.iloc[0], ["mae_single_g", "mae_single_ci_low_g", "mae_single_ci_high_g"]
    home = select(results["errors"], sex="all", metric="mae_g", cohort="development", **fit).iloc[0]
    moved = _apart(dict(zip(ENDS, row[names], strict=True)), home)
    return say(
        f"Averaging {row['n_models']} fold models of {printed(fit['model'])} changes its MAE by "
        f"{with_interval(row, 'difference_g', 2, ' g')}. From development, out of fold, to here, the MAE of one fold "
        f"model changes by {with_interval(moved, digits=2, unit=' g')}: that is the cohort, without averaging. The "
        "mean error of single models is that of their mean, by arithmetic."
    )


def external_answer(
    results: Mapping[str, pd.DataFrame], there: str, label: str, fit: Mapping[str, str], few: int = 1
) -> Markdown:
    """Answer of chapter 7: errors there and at home, before and after recalibration."""
    before, after = (results[name] for name in ("errors", "errors_after_recalibration"))
    told, recalibrated = [], []
    for metric in ("mae_g", "bias_g"):
        where = {"sex": "all", "metric": metric, **fit}
        here, home = (select(before, cohort=cohort, **where).iloc[0] for cohort in (there, "development"))
        differs = verdict(_apart(here, home), "higher there", "lower there", "not significantly different")
        against = f", against {with_interval(home, unit=' g')} out of fold in development ({differs})"
        told.append(with_interval(here, unit=" g") + against * (there != "development"))
        recalibrated.append(with_interval(select(after, cohort=there, **where).iloc[0], unit=" g"))
    ranks = select(results.get("c_statistics"), cohort=there, sex="all", score="indexed", **fit)
    effects = select(results.get("subgroup_effects"), cohort=there, sex="all", metric="mape_percent", **fit)
    failing = listed(effects[(effects["p_holm"] < 0.05).fillna(False)], "variable", "contrast", digits=1)
    of_sex = select(before, sex=list(SEXES), metric="bias_g", cohort=there, **fit)
    words = verdict(here, "it overestimates", "it underestimates", "no significant mean error")
    return say(
        f"**Answer.** {label}, {analysed(results, there, few=few)}: the MAE of {printed(fit['model'])} is {told[0]}; "
        f"its mean error is {told[1]}: {words}, {in_sexes(of_sex)}. C-statistic for LVH, by the index: "
        f"{listed(ranks, 'sex', value='auc', digits=2)}. For whom it fails: groups whose MAPE differs significantly "
        f"are {failing}. A line learnt in the development cohort leaves an MAE of {recalibrated[0]} and a mean error "
        f"of {recalibrated[1]}."
    )
