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
from lvmass.evaluation.decision import BEST_CRITERION
from lvmass.report import (
    external,
    external_figures,
    figures,
    lvh,
    page,
    published,
)
from lvmass.report.words import printed
from lvmass.study.settings import default_study_file

study = Study.from_toml(default_study_file())
results = study.results()
page.banner(study)

# %%
there = study.cohort_names()[-1]
label, fit = study.config.cohort(there).label, published.main_fit(study)
few = study.small_cell
if there != "external":
    why = "the page shows the development cohort, out of fold"
    display(page.missing("an external cohort", why))
external.external_answer(results, there, label, fit, few)

# %% [markdown]
# ## Every model, without refit

# %%
people = f"{label}, {page.analysed(results, there, few=few)}"
errors = external.external_errors(results, there)
page.table(errors, f"Errors without refit (95 %). {people}.")

# %% [markdown]
# ### Differences on the same people
#
# Negative: the reference, named below, is better.

# %%
where = {"cohort": there, "sex": "all", "training": fit["training"]}
rows = page.select(results.get("error_differences"), **where)
display(*figures.differences(rows, printed(study.reference), people))

# %% [markdown]
# ### One fold model, or the mean of all
#
# An external estimate is the mean of the fold models; an out-of-fold estimate in development comes from one. So that averaging is not taken for a difference between hospitals, the error of each fold model alone, averaged over the models, stands beside both.

# %%
title = f"One fold model and the mean of all (95 %). {people}."
display(*external.single_models(results, fit, title))

# %% [markdown]
# ## Does it rank LVH?
#
# C-statistics for LVH of every model by estimated grams and by the index over the cut-off of the sex, then the reference against the others by DeLong's paired test on the index.

# %%
rows = page.select(results.get("c_statistics"), cohort=there)
shown = lvh.c_statistic_table(rows)
display(page.table(shown, f"C-statistics for LVH (95 %). {people}."))
rows = page.select(results.get("model_comparison"), **where)
rows = page.select(rows, score="indexed")
shown = page.laid_out(rows, "model_comparison")
page.table(shown, f"C-statistics of the index compared. {people}.")

# %% [markdown]
# ## Agreement
#
# Error (estimated minus measured LVM) against the estimate, within each sex, with 95 % limits of agreement {cite:p}`blandaltman1999`: mean ± 1.96 SD, both once the same for everyone of a sex (first table), once as straight lines of the estimate, the SD by regression of the absolute residuals.
# Against the measured mass, or the mean of both, every imperfect estimate has errors that fall: regression to the mean. Against the estimate, a calibrated one has none that rise or fall.

# %%
both = study.predictions()
if there == "external":
    both = pd.concat([both, study.external()], ignore_index=True)
before = page.select(both, **fit)
after = recalibrate(before, "development")
kinds = {
    "as it is": (before, ""),
    "recalibrated": (after, "_after_recalibration"),
}
own = {"cohort": there} | fit
display(*external_figures.agreement(kinds, results, people, few, **own))

# %% [markdown]
# ## Calibration
#
# Grams are calibrated if measured mass, regressed on estimated mass, has slope 1 and intercept 0.
# The probability of LVH comes from a logistic regression of LVH on the *estimated index over the cut-off of the sex* (estimated LVM / BSA / cut-off), learnt in the development cohort without the person's own fold.
# Observed / expected is the number of people with LVH over the sum of their probabilities *p*. With *y* = 1 for LVH, else 0, the Brier score is the mean of (*p* − *y*)²; its skill, 1 − Brier / (*π* (1 − *π*)) with the prevalence *π*, is 0 for giving everyone *π* and 1 if every *p* is 0 or 1 and right. In the development cohort, observed / expected and the intercept are near 1 and 0 by construction, and their intervals, which hold the regression fixed, are too wide there.

# %%
everyone = {"sex": "all"} | fit
counts = page.analysed(results, *study.cohort_names(), few=few)
scales = {
    "mass_calibration": "grams",
    "calibration_after_recalibration": "grams, recalibrated",
    "probability_calibration": "the probability of LVH",
}
for name, what in scales.items():
    rows = page.select(results.get(name), **everyone)
    caption = f"Calibration of {what} (95 %). {counts}."
    display(page.table(page.laid_out(rows, name), caption, digits=3))
rows = page.select(results.get("calibration_curve"), **everyone)
external_figures.calibration_curves(rows, "Probability of LVH")

# %% [markdown]
# ## Is it of use?
#
# Whoever sends people with a probability of LVH of *t* or more to imaging has the net benefit {cite:p}`vickers2006`
#
# NB(*t*) = TP / *n* − FP / *n* · *t* / (1 − *t*),
#
# where TP and FP count those of the *n* people who are sent with and without LVH. The range of *t*, 10 to 30 %, was stated beforehand. A classical criterion says yes or no at every *t*; the best one is that of the highest net benefit in other people (the other folds, or the development cohort).

# %%
models = [study.reference, BEST_CRITERION, "demographics"]
names = ("decision_curves", "net_benefit_differences")
curves, pairs = (page.select(results.get(n), **where) for n in names)
display(
    *external_figures.decision_curves(curves, pairs, models, people)
)

# %% [markdown]
# ## For whom does it fail?
#
# Errors by subgroup, in grams and in % of the mass, because grams grow with the heart. Groups under 20 people are shown as too small, not left out.
# Between two groups, the effect is the difference of mean errors with Welch's interval; of age and body-mass index it is the slope of a regression line on the number itself, with HC3 standard errors. All variables and errors in everyone are one family for Holm's correction.

# %%
where = {"cohort": there} | fit
groups = page.select(results.get("subgroup_errors"), **where)
effects = page.select(results.get("subgroup_effects"), **where)
effects = page.select(effects, sex="all")
for metric in ("mae_g", "mape_percent", "bias_g"):
    rows = page.select(groups, metric=metric)
    own, axis = page.select(effects, metric=metric), printed(metric)
    zero = 0.0 if metric == "bias_g" else None
    how = {"reference": zero, "smallest": few}
    display(external_figures.subgroups(rows, own, people, axis, **how))

# %%
shown = page.laid_out(effects, "subgroup_effects", few)
display(page.table(shown, f"Effects on the error. {people}."))
external.group_effects(effects)

# %% [markdown]
# ## Do the intervals hold?
#
# A person's 90 % prediction interval is learnt from out-of-fold errors of the same sex in the development cohort (conformal prediction {cite:p}`vovk2005`), as a factor, because errors grow with the mass. For a mean of fold models it is cross-conformal, from each model's estimate and the errors in the fold that it has not seen {cite:p}`vovk2015,barber2021`. It promises coverage in such people on average, not in every subgroup and not in another hospital.

# %%
own = page.select(before, cohort="development")
cutoffs = study.config.lvh.cutoffs_g_m2
display(external.interval_meaning(own, cutoffs))
rows = page.select(results.get("interval_coverage"), **fit)
shown = page.select(rows, variable="sex")
shown = page.laid_out(shown, "interval_coverage", few)
caption = f"Coverage of 90 % intervals. {counts}."
display(page.table(shown, caption, digits=0))
kinds = ["sex", "age_years", "bmi_kg_m2"]
rows = page.select(rows, cohort=there, variable=kinds)
title, axis = f"Coverage. {people}", "share in their interval"
options = {"value": "coverage", "reference": 0.9, "smallest": few}
display(
    external_figures.subgroups(
        rows, effects[:0], title, axis, **options
    )
)
external.coverage(rows)

# %% [markdown]
# ## What could be wrong
#
# - Where people are simulated, the external cohort is older, sicker and recorded by another cart because the simulator says so; no one knows how far real hospitals differ.
# - Recalibration by a line from the development cohort cannot know the external mean: it repairs shrinkage, not a shift.
# - Atrial fibrillation is known here only by its sign in the ECG, irregular RR without P wave, unless the subjects table says more.
# - Tests of many subgroups find little in few people; "not significantly different" is not "alike".
#
# ## On your cohort
#
# Add a table `[external]` with your second cohort to the study file. A column `atrial_fibrillation` in the subjects table replaces the sign in the ECG.
# The tables of this page are in `results/`: `errors`, `error_differences`, `single_models`, `c_statistics`, `model_comparison`, `agreement`, `agreement_limits`, `mass_calibration`, `probability_calibration`, `calibration_curve`, `decision_curves`, `net_benefit_differences`, `subgroup_errors`, `subgroup_effects`, `interval_coverage`.
