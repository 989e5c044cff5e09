# ---
# jupyter:
#   jupytext:
#     cell_metadata_filter: tags,-all
#     notebook_metadata_filter: kernelspec,jupytext,-jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
# ---

# %% [markdown]
# # 7 External validation
#
# **Question.** Does the model hold in a hospital that it has never seen, for whom does it fail, and what can be repaired without retraining?
#
# The fold models are averaged and meet the external cohort as they are. Only then are their grams corrected, by a line learnt in the development cohort.

# %% tags=["hide-input"]
import pandas as pd
from IPython.display import display
from lvmass import Study
from lvmass.evaluation import recalibrate
from lvmass.report.figures.evaluation import (
    SEX_WORDS,
    VARIABLE_WORDS,
    bland_altman,
    calibration_curves,
    decision_curves,
    forest,
)
from lvmass.report.pages import (
    banner,
    p_value,
    pick,
    say,
    table,
    verdict,
    with_interval,
)
from lvmass.report.published import PUBLISHED
from lvmass.study.settings import default_study_file

study = Study.from_toml(default_study_file())
banner(study)

# %%
results = study.results()
where = study.cohort_names()[-1]
label = study.config.cohort(where).label
fit = {"model": "elvmass-net", "training": "pooled"}

# %% tags=["hide-input"]
if where != "external":
    display(say("**This study file has no external cohort.** The page shows the development cohort, out of fold, in its place."))  # fmt: skip


def error(metric, cohort=where, key="errors"):
    rows = pick(results[key], sex="all", metric=metric, cohort=cohort, **fit)
    return rows.iloc[0]


after = "errors_after_recalibration"
bias, mae = error("bias_g"), error("mae_g")
say(
    f"**Answer.** {label}: the MAE of eLVMass-Net is {with_interval(mae, unit=' g')}, against {with_interval(error('mae_g', 'development'), unit=' g')} out of fold in the development cohort. "
    f"The mean error is {with_interval(bias, unit=' g')}: "
    + verdict(
        bias, "it overestimates", "it underestimates", "no bias is told from zero"
    )
    + f". Recalibrated in the development cohort, MAE {with_interval(error('mae_g', key=after), unit=' g')} and mean error {with_interval(error('bias_g', key=after), unit=' g')}. "
    f"The paper validated in {PUBLISHED['n_external'].value:,} patients (NTUH), but **its abstracts give no error there**: there is no published number to stand beside these."
)

# %% [markdown]
# ## Every model, without refit


# %% tags=["hide-input"]
def cells(rows):
    by_metric = rows.set_index("metric")
    names = {"mae_g": "MAE (g)", "mape_percent": "MAPE (%)", "bias_g": "bias (g)"}
    return {text: with_interval(by_metric.loc[m]) for m, text in names.items()}


every = pick(results["errors"], cohort=where, sex="all")
shown = [
    {"model": model, "training": training} | cells(rows)
    for (model, training), rows in every.groupby(["model", "training"], sort=False)
]
table(pd.DataFrame(shown), f"{label}: errors without refit (95 %).")

# %% [markdown]
# ## Agreement
#
# Difference against mean, with 95 % limits {cite:p}`blandaltman1999`. A falling cloud is expected of any estimate that keeps to the middle when it is unsure: small hearts are overestimated and large ones underestimated, also without bias on average.

# %% tags=["hide-input"]
everyone = pd.concat(
    [study.predictions()] + ([study.external()] if where == "external" else [])
)
before = pick(everyone, **fit)
corrected = recalibrate(before, "development")
kinds = {"as it is": "agreement", "recalibrated": "agreement_after_recalibration"}
agreement = {
    name: pick(results[key], cohort=where, sex="all", **fit).iloc[0]
    for name, key in kinds.items()
}
clouds = {
    name: (pick(people, cohort=where), agreement[name])
    for name, people in zip(kinds, (before, corrected), strict=True)
}
display(bland_altman(clouds))


# %% tags=["hide-input"]
def grams(row, name):
    return with_interval(
        row, f"{name}_g", limits=(f"{name}_ci_low_g", f"{name}_ci_high_g")
    )


shown = [
    {"": name, "people": row["sex"].replace("all", "everyone")}
    | {f"{part} (g)": grams(row, part) for part in ("bias", "lower", "upper")}
    | {"slope": row["proportional_slope"], "p (slope)": p_value(row["proportional_p"])}
    | {"ICC": row["icc"]}
    for name, key in kinds.items()
    for _, row in pick(results[key], cohort=where, **fit).iterrows()
]
table(
    pd.DataFrame(shown),
    "Bland-Altman: bias and limits of agreement (95 %), and the slope of difference on mean.",
)

# %% [markdown]
# ## Calibration
#
# Grams are calibrated if measured mass, regressed on estimated mass, has slope 1 and intercept 0.
# The probability of LVH comes from a logistic regression on estimated mass and sex, learnt in the development cohort.

# %% tags=["hide-input"]
shown = [
    {"": name, "cohort": row["cohort"], "intercept (g)": grams(row, "intercept")}
    | {
        "slope": with_interval(
            row, "slope", 2, limits=("slope_ci_low", "slope_ci_high")
        )
    }
    for name, key in (
        ("as it is", "mass_calibration"),
        ("recalibrated", "calibration_after_recalibration"),
    )
    for _, row in pick(results[key], sex="all", **fit).iterrows()
]
display(table(pd.DataFrame(shown), "Calibration of grams (95 %)."))
curves = pick(results["calibration_curve"], sex="all", **fit)
groups = {str(cohort): rows for cohort, rows in curves.groupby("cohort", sort=False)}
display(calibration_curves(groups, "Probability of LVH"))
shown = [
    {"cohort": row["cohort"]}
    | {
        "slope": with_interval(
            row, "slope", 2, limits=("slope_ci_low", "slope_ci_high")
        )
    }
    | {
        "observed / expected": row["observed_over_expected"],
        "Brier score": row["brier"],
    }
    for _, row in pick(results["probability_calibration"], sex="all", **fit).iterrows()
]
table(pd.DataFrame(shown), "Calibration of the probability of LVH.", digits=3)

# %% [markdown]
# ## Is it of use?
#
# Net benefit counts those rightly sent to imaging, minus those wrongly sent, weighted by how many of these one would accept for one of those {cite:p}`vickers2006`.

# %% tags=["hide-input"]
benefit = pick(results["decision_curves"], cohort=where, sex="all", training="pooled")
display(decision_curves(benefit, "elvmass-net", f"Decision curves, {label}"))
net = pick(benefit, model="elvmass-net")
net = net[net["net_benefit"].notna()]
better = net[net["net_benefit"] > net["net_benefit_all"].clip(lower=0)]["threshold"]
say(
    f"eLVMass-Net beats both treating everyone and treating no one at {len(better)} of {len(net)} thresholds from 2 to 60 %."
    if len(net)
    else "There are too few people with LVH for decision curves."
)

# %% [markdown]
# ## For whom does it fail?
#
# Errors by subgroup, with Welch's test of whether a variable's groups differ, and Holm's correction over the variables.
# Groups under 20 people are shown as too small, not left out.


# %% tags=["hide-input"]
def tests(metric):
    rows = pick(results["subgroup_interactions"], cohort=where, metric=metric, **fit)
    rows = pick(rows, sex="all")
    return {
        row["variable"]: "no test: " + row["note"]
        if row["note"]
        else f"do groups differ? p {p_value(row['p_value'])}, Holm {p_value(row['p_holm'])}"
        for _, row in rows.iterrows()
    }


def by_subgroup(metric, axis_label, reference):
    rows = pick(results["subgroup_errors"], cohort=where, metric=metric, **fit)
    return forest(
        rows,
        value="estimate",
        axis_label=axis_label,
        title=label,
        reference=reference,
        tests=tests(metric),
    )


display(by_subgroup("mae_g", "MAE (g); dashed: everyone", mae["estimate"]))
by_subgroup("bias_g", "mean error (g), estimated minus measured", 0.0)

# %% tags=["hide-input"]
interactions = pick(results["subgroup_interactions"], cohort=where, sex="all", **fit)
found = interactions[(interactions["p_holm"] < 0.05).fillna(False)]
metrics = {"mae_g": "absolute error", "mape_percent": "absolute error in %"}
listed = ", ".join(
    f"{VARIABLE_WORDS[row['variable']]} ({metrics.get(row['metric'], 'mean error')})"
    for _, row in found.iterrows()
)
say(
    f"Differences between groups after Holm's correction: {listed or 'none that this number of people shows'}."
)

# %% [markdown]
# ## Do the intervals hold?
#
# Conformal intervals of 90 % are learnt from out-of-fold errors of each sex in the development cohort {cite:p}`vovk2005`. They promise coverage there on average, not in every subgroup and not in another hospital.

# %% tags=["hide-input"]
coverage = pick(results["interval_coverage"], **fit)
shown = [
    {
        "cohort": row["cohort"],
        "sex": row["group"],
        "coverage (95 %)": with_interval(row, "coverage", 3),
        "mean width (g)": row["mean_width_g"],
    }
    for _, row in pick(coverage, variable="sex")
    .sort_values(["cohort", "group"])
    .iterrows()
]
display(table(pd.DataFrame(shown), "Coverage of 90 % intervals.", digits=0))
rows = pick(coverage, cohort=where)
rows = rows[rows["variable"].isin(["sex", "age_years", "bmi_kg_m2"])]
forest(
    rows,
    value="coverage",
    axis_label="share of people inside their 90 % interval",
    title=f"Coverage, {label}",
    reference=0.9,
    tests={},
)

# %% tags=["hide-input"]
low = rows[(rows["ci_high"] < 0.9).fillna(False)]
names = [
    f"{VARIABLE_WORDS[row['variable']]} {row['group']}, {SEX_WORDS[row['sex']]}"
    for _, row in low.iterrows()
]
say(
    f"Coverage below 90 % beyond chance: {'; '.join(names) or 'in no group of this size'}. These are many looks at once, without correction."
)

# %% [markdown]
# ## What could be wrong
#
# - The external cohort of a simulated study is older, sicker and recorded by another cart because the simulator says so; no one knows how far real hospitals differ.
# - Recalibration by a line from the development cohort cannot know the external mean: it repairs shrinkage, not a shift.
# - Atrial fibrillation is known here only by its sign in the ECG, irregular RR without P wave, unless the subjects table says more.
# - Tests of many subgroups find little in few people; "not told apart" is not "alike".
#
# ## On your cohort
#
# Add a table `[external]` with your second cohort to the study file. A column `atrial_fibrillation` in the subjects table replaces the sign in the ECG.
# The tables of this page are in `results/`: `errors`, `agreement`, `mass_calibration`, `probability_calibration`, `calibration_curve`, `decision_curves`, `subgroup_errors`, `subgroup_interactions`, `interval_coverage`.
