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
from lvmass.report import answers, figures, page
from lvmass.report.words import printed
from lvmass.study.settings import default_study_file

study = Study.from_toml(default_study_file())
results = study.results()
page.banner(study)

# %%
there = study.cohort_names()[-1]
label, fit = study.config.cohort(there).label, answers.main_fit(study)
if there != "external":
    why = "the page shows the development cohort, out of fold"
    display(page.missing("an external cohort", why))
answers.external_answer(results, there, label, fit)

# %% [markdown]
# ## Every model, without refit

# %%
metrics = ["mae_g", "mape_percent", "bias_g"]
errors = answers.error_table(results, metrics, cohort=there)
page.table(errors, f"{label}: errors without refit (95 %).")

# %% [markdown]
# ## Agreement
#
# Error (estimated minus measured LVM) against the estimate, within each sex, with 95 % limits of agreement {cite:p}`blandaltman1999`: mean ± 1.96 SD, both once the same for everyone of a sex (first table), once as straight lines of the estimate, the SD by regression of the absolute residuals.
# Against the measured mass, or the mean of both, every imperfect estimate has errors that fall: regression to the mean. Against the estimate, a calibrated one has none that rise or fall.

# %%
people = study.predictions()
if there == "external":
    people = pd.concat([people, study.external()], ignore_index=True)
before = page.select(people, **fit)
after = recalibrate(before, "development")
where = {"cohort": there} | fit
ends = {"as it is": "", "recalibrated": "_after_recalibration"}
panels = {}
for when, end in ends.items():
    people = page.select(after if end else before, cohort=there)
    rows = page.select(results.get(f"agreement_limits{end}"), **where)
    panels[when] = people, rows
figures.bland_altman(panels)

# %%
for name in ("agreement", "agreement_limits"):
    for when, end in ends.items():
        rows = page.select(results.get(f"{name}{end}"), **where)
        caption = f"{printed(name)}, {when} (95 %)."
        display(page.table(page.laid_out(rows, name), caption))
answers.spread(page.select(results.get("agreement"), **where))

# %% [markdown]
# ## Calibration
#
# Grams are calibrated if measured mass, regressed on estimated mass, has slope 1 and intercept 0.
# The probability of LVH comes from a logistic regression of LVH on the *estimated index over the cut-off of the sex* (estimated LVM / BSA / cut-off), learnt in the development cohort without the person's own fold.
# Observed / expected is the number of people with LVH over the sum of their probabilities *p*. With *y* = 1 for LVH, else 0, the Brier score is the mean of (*p* − *y*)²; its skill, 1 − Brier / (*π* (1 − *π*)) with the prevalence *π*, is 0 for giving everyone *π* and 1 for certainty. In the development cohort, observed / expected is near 1 by construction.

# %%
everyone = {"sex": "all"} | fit
kinds = {
    "mass_calibration": "grams",
    "calibration_after_recalibration": "grams, recalibrated",
    "probability_calibration": "the probability of LVH",
}
for name, what in kinds.items():
    rows = page.select(results.get(name), **everyone)
    caption = f"Calibration of {what} (95 %)."
    display(page.table(page.laid_out(rows, name), caption, digits=3))
rows = page.select(results.get("calibration_curve"), **everyone)
figures.calibration_curves(rows, "Probability of LVH")

# %% [markdown]
# ## Is it of use?
#
# Whoever sends people with a probability of LVH of *t* or more to imaging has the net benefit {cite:p}`vickers2006`
#
# NB(*t*) = TP / *n* − FP / *n* · *t* / (1 − *t*),
#
# where TP and FP count those of the *n* people who are sent with and without LVH. The range of *t*, 10 to 30 %, was stated beforehand. A classical criterion says yes or no at every *t*; the best one is that of the highest net benefit in other people (the other folds, or the development cohort).

# %%
where = {"sex": "all", "cohort": there, "training": fit["training"]}
models = [study.reference, BEST_CRITERION, "demographics"]
names = ("decision_curves", "net_benefit_differences")
curves, pairs = (page.select(results.get(n), **where) for n in names)
title = f"Net benefit, {label}"
display(*figures.decision_curves(curves, pairs, models, title))

# %% [markdown]
# ## For whom does it fail?
#
# Errors by subgroup, with Welch's test of whether a variable's groups differ, and Holm's correction over the variables.
# Groups under 20 people are shown as too small, not left out.

# %%
where = {"cohort": there} | fit
groups = page.select(results.get("subgroup_errors"), **where)
tests = results.get("subgroup_interactions")
tests = page.select(tests, sex="all", **where)
axes = {"mae_g": "MAE (g)", "bias_g": "mean error (g)"}
for metric, axis in axes.items():
    rows = page.select(groups, metric=metric)
    own = page.select(tests, metric=metric)
    zero = 0.0 if metric == "bias_g" else None
    drawn = figures.subgroups(rows, own, label, axis, reference=zero)
    display(drawn)

# %%
answers.group_effects(tests)

# %% [markdown]
# ## Do the intervals hold?
#
# A person's 90 % prediction interval comes from the out-of-fold errors of each sex in the development cohort {cite:p}`vovk2005`. They promise coverage there on average, not in every subgroup and not in another hospital.

# %%
coverage = page.select(results.get("interval_coverage"), **fit)
rows = page.select(coverage, variable="sex")
rows = page.laid_out(rows, "interval_coverage")
display(page.table(rows, "Coverage of 90 % intervals.", digits=0))
kinds = ["sex", "age_years", "bmi_kg_m2"]
rows = page.select(coverage, cohort=there, variable=kinds)
title = f"Coverage, {label}"
axis = "share of people inside their 90 % interval"
display(
    figures.subgroups(
        rows, tests[:0], title, axis, value="coverage", reference=0.9
    )
)
low = rows[(rows["ci_high"] < 0.9).fillna(False)]
names = low["group"].map(printed) + ", " + low["sex"].map(printed)
page.say(
    "Coverage below 90 % beyond chance: "
    f"{'; '.join(names) or 'in no group of this size'}. These are many "
    "looks at once, without correction."
)

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
# The tables of this page are in `results/`: `errors`, `agreement`, `agreement_limits`, `mass_calibration`, `probability_calibration`, `calibration_curve`, `decision_curves`, `net_benefit_differences`, `subgroup_errors`, `subgroup_interactions`, `interval_coverage`.
