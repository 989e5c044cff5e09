"""What chapter 7 says and tabulates: another cohort, for whom the model fails, and a person's interval."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown

from lvmass.cohort.schema import SEXES
from lvmass.evaluation.calibration import interval_factors
from lvmass.report.errors import error_table
from lvmass.report.page import analysed, in_sexes, laid_out, missing, say, select, table, verdict, wide, with_interval
from lvmass.report.words import PUBLISHED, printed


def spread(rows: pd.DataFrame) -> Markdown:
    """Intraclass correlation within each sex, and whether errors spread more in large estimates; of ``agreement``."""
    said = []
    for _, row in select(rows.dropna(subset=["icc", "sd_slope"]), sex=list(SEXES)).iterrows():
        ends = {"ci_low": row["sd_slope_ci_low"], "ci_high": row["sd_slope_ci_high"]}
        how = verdict(ends, "grows", "falls", "does not change significantly")
        text = f"in {printed(row['sex'])} {with_interval(row, 'icc', 2)}, where the SD of the error {how} with the "
        said.append(f"{text}estimate: by {with_interval(row, 'sd_slope', 2)} g a gram")
    if not said:
        return missing("the intraclass correlation", "there are too few people")
    return say(f"Intraclass correlation of estimated and measured mass: {'; '.join(said)}.")


def group_effects(rows: pd.DataFrame) -> Markdown:
    """Which variables change an error, by how much and in how many; rows of ``subgroup_effects``, one Holm family."""
    tested, said = rows[rows["p_holm"].notna()], []
    if tested.empty:
        return missing("effects of subgroups on the error", "there are too few people")
    for _, row in tested[tested["p_holm"] < 0.05].iterrows():
        text = f"{printed(row['variable'])}, {row['contrast']}: {printed(row['metric'])} {with_interval(row)}, n = "
        apart = pd.notna(row["n_group"])
        said.append(text + (f"{row['n_group']} against {row['n_others']}" if apart else f"{row['n_subjects']}"))
    found = "; ".join(said) or "no significant difference"
    return say(f"After Holm's correction of all {len(tested)} effects together (95 % intervals): {found}.")


def coverage(rows: pd.DataFrame) -> Markdown:
    """In which groups fewer people than 90 % lie in their interval; rows of ``interval_coverage``."""
    low = rows[(rows["ci_high"] < 0.9).fillna(False)]
    who = low["group"].map(printed) + ", " + low["sex"].map(printed)
    said = [f"{name} {with_interval(row, 'coverage', 2)}" for name, (_, row) in zip(who, low.iterrows(), strict=True)]
    found = "; ".join(said) or "in no group of this size"
    return say(f"Coverage below 90 % beyond chance: {found}. These are many looks at once, without correction.")


def interval_meaning(people: pd.DataFrame, cutoffs_g_m2: Mapping[str, float]) -> Markdown:
    """What 90 % intervals mean near the limit of LVH; ``people``: out-of-fold predictions of one fit."""
    factors, within, near = interval_factors(people), [], []
    for sex, factor in factors.items():
        bsa_m2, cutoff = float(people.loc[people["sex"] == sex, "bsa_m2"].median()), cutoffs_g_m2[sex]
        at_limit_g = cutoff * bsa_m2
        within.append(f"{factor:.2f} in {printed(sex)}")
        near.append(
            f"for a {'woman' if sex == 'female' else 'man'} of median body surface ({bsa_m2:.2f} m²) with an estimate "
            f"at the cut-off ({cutoff:g} g/m², {at_limit_g:.0f} g), the interval spans {at_limit_g / factor:.0f} to "
            f"{at_limit_g * factor:.0f} g, an index of {cutoff / factor:.0f} to {cutoff * factor:.0f} g/m²"
        )
    if not factors or people["bsa_m2"].isna().all():
        return missing("what an interval means", "there are too few people whose LVM index is known")
    return say(
        "90 % of masses lie within a factor *f* of the estimate, from estimate / *f* to estimate · *f*; out of fold in "
        f"development, *f* is {' and '.join(within)}. Near the limit of LVH: {'; '.join(near)}. Whether such a person "
        "has LVH, the estimate alone cannot say."
    )


def _apart(here: Any, home: Any) -> dict[str, Any]:
    """Difference of estimates in two cohorts, here minus home, with the interval that theirs give.

    Of independent estimates (MOVER; Zou and Donner, Stat Med 2008;27:1693).

    Examples
    --------
    >>> row = {"estimate": 5.0, "ci_low": 2.0, "ci_high": 8.0}
    >>> _apart(row, {"estimate": 1.0, "ci_low": -3.0, "ci_high": 5.0})
    {'estimate': 4.0, 'ci_low': -1.0, 'ci_high': 9.0, 'note': ''}
    """
    apart = here["estimate"] - home["estimate"]
    ends = [row[end] - row["estimate"] for row, end in
            ((here, "ci_low"), (home, "ci_high"), (here, "ci_high"), (home, "ci_low"))]  # fmt: skip
    if pd.isna(ends).any():
        return {"estimate": apart, "ci_low": None, "ci_high": None, "note": "too few people"}
    low, high = apart - np.hypot(*ends[:2]), apart + np.hypot(*ends[2:])
    return {"estimate": float(apart), "ci_low": float(low), "ci_high": float(high), "note": ""}


def net_benefit(rows: pd.DataFrame, at: float = 0.2) -> Markdown:
    """How the reference compares at the middle of the thresholds; rows of ``net_benefit_differences``."""
    known = select(rows, threshold=at)
    if known.empty or known["ci_low"].isna().all():
        return missing("differences of net benefit", "there are too few people with LVH, or nothing to compare with")
    words = ("higher than that of", "lower than that of", "not significantly different from that of")
    known = known.dropna(subset="ci_low")
    said = [
        f"{verdict(row, *words)} {printed(row['model'])} (difference {with_interval(row, 'difference', 3)})"
        for _, row in known.iterrows()
    ]
    here = printed(known["model_a"].iloc[0])
    return say(f"At {100 * at:.0f} %, the middle of the range, the net benefit of {here} is {'; '.join(said)}.")


def external_errors(results: Mapping[str, pd.DataFrame], there: str) -> pd.DataFrame:
    """Errors of every fit in a cohort, and its mean error in development beside the one there."""
    shown, index = error_table(results, ["mae_g", "mape_percent", "r2", "bias_g"], there), ["model", "training"]
    if there == "development":
        return shown
    home = select(results.get("errors"), sex="all", metric="bias_g", cohort="development")
    home = wide(home, index, "metric", digits=2)
    return shown.merge(home.rename(columns={"bias_g": "mean error in development (g), 95 %"}), on=index)


def single_models(results: Mapping[str, pd.DataFrame], fit: Mapping[str, str], caption: str) -> list[HTML | Markdown]:
    """Single fold models against their mean in the external cohort, and out of fold at home: table and a sentence."""
    rows = select(results.get("single_models"), sex="all")
    if rows.empty:
        return [missing("single fold models against their mean", "there is no external cohort")]
    home = select(results.get("errors"), sex="all", metric="mae_g", cohort="development")
    rows = rows.merge(home.drop(columns=["cohort", "sex", "note"]), on=["model", "training"])
    row = select(rows, **fit).iloc[0]
    names = {"mae_single_g": "estimate", "mae_single_ci_low_g": "ci_low", "mae_single_ci_high_g": "ci_high"}
    moved = with_interval(_apart(row[[*names]].rename(names), row), digits=2, unit=" g")
    return [
        table(laid_out(rows, "single_models"), caption),
        say(
            f"Averaging {row['n_models']} fold models of {printed(fit['model'])} changes its MAE by "
            f"{with_interval(row, 'difference_g', 2, ' g')}. From development, out of fold, to here, the MAE of one "
            f"fold model changes by {moved}: that is the cohort, without averaging. The mean error of single "
            "models is that of their mean, by arithmetic."
        ),
    ]


def external_answer(
    results: Mapping[str, pd.DataFrame], there: str, label: str, fit: Mapping[str, str], few: int = 1
) -> Markdown:
    """Answer of chapter 7: errors there and at home, before and after recalibration."""

    def error(metric: str, name: str = "errors", cohort: str = there) -> Any:
        return select(results.get(name), sex="all", metric=metric, cohort=cohort, **fit).iloc[0]

    def against_home(row: Any) -> str:
        if there == "development":
            return ""
        home = error(row["metric"], cohort="development")
        apart = _apart(row, home)
        differs = verdict(apart, "higher there", "lower there", "not significantly different")
        text = f", against {with_interval(home, unit=' g')} out of fold in development"
        return f"{text} ({differs}: {with_interval(apart, unit=' g')})"

    mae, bias, after = error("mae_g"), error("bias_g"), "errors_after_recalibration"
    of_sex = select(results.get("errors"), sex=list(SEXES), metric="bias_g", cohort=there, **fit)
    words = verdict(bias, "it overestimates", "it underestimates", "no significant bias")
    auc = select(results.get("c_statistics"), sex="all", score="indexed", cohort=there, **fit).iloc[0]
    return say(
        f"**Answer.** {label}, {analysed(results, there, few=few)}: the MAE of {printed(fit['model'])} is "
        f"{with_interval(mae, unit=' g')}{against_home(mae)}. The mean error is {with_interval(bias, unit=' g')} "
        f"({words}){against_home(bias)}; it is {in_sexes(of_sex)}. The c-statistic of the estimated index: "
        f"{with_interval(auc, 'auc', 2)}. Recalibrated in the development cohort, MAE "
        f"{with_interval(error('mae_g', after), unit=' g')} and mean error "
        f"{with_interval(error('bias_g', after), unit=' g')}. "
        f"The paper validated in {PUBLISHED['n_external'].value:,} patients (NTUH), but **its abstracts give no "
        "error there**: no published number can stand beside these."
    )
