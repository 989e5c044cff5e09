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

# %% tags=["remove-input"]
import pandas as pd
from IPython.display import display
from lvmass import Study
from lvmass.evaluation.calibration import lvh_probability
from lvmass.evaluation.decision import BEST_CRITERION
from lvmass.report import (
    external,
    external_figures,
    figures,
    page,
    published,
)
from lvmass.report.words import printed
from lvmass.study.settings import default_study_file

study = Study.from_toml(default_study_file())
results = study.results()
page.banner(study)

# %% tags=["remove-input"]
there = study.cohort_names()[-1]
label, fit = study.config.cohort(there).label, published.main_fit(study)
few = study.small_cell
if there != "external":
    why = "the page shows the development cohort, out of fold"
    display(page.missing("an external cohort", why))
external.external_answer(results, there, label, fit, few)

# %% tags=["remove-input"]
people = f"{label}, {page.analysed(results, there, few=few)}"
errors = results["errors"]
title = f"Errors of {printed(study.reference)}, at home and there"
rows = page.select(errors, **fit)
display(*figures.compared(rows, "errors", title))

# %% [markdown]
# *What is seen.* The [mean absolute error](glossary) and the mean error, by sex. The fold models are averaged and meet the external cohort as they are; only then are their grams corrected, by a line learnt in the development cohort. The paper gives no error of its external cohort in its abstracts: no published number can stand beside these.
#
# ## Every model, without refit

# %% tags=["remove-input"]
title = f"Errors without refit. {people}"
rows = page.select(errors, cohort=there, sex="all")
display(*figures.compared(rows, "errors_of_models", title))

# %% [markdown]
# *What is seen.* A model left of another has the smaller MAE; a mean error beside the dashed line is a shift of everyone, which a new mean would repair.
#
# ### Differences on the same people
#
# Negative: the reference, named below, is better.

# %% tags=["remove-input"]
where = {"cohort": there, "sex": "all", "training": fit["training"]}
rows = page.select(results.get("error_differences"), **where)
title = f"Reference: {printed(study.reference)}. {people}"
display(*figures.compared(rows, "error_differences", title))

# %% [markdown]
# ### One fold model, or the mean of all
#
# An external estimate is the mean of the fold models; an out-of-fold estimate in development comes from one. So that averaging is not taken for a difference between hospitals, the error of each fold model alone, averaged over the models, stands beside both.

# %% tags=["remove-input"]
external.single_models(results, fit)

# %% [markdown]
# ## Does it rank LVH?
#
# [C-statistics](glossary) for LVH of every model by the estimated index over the cut-off of the sex, then the reference against the others by DeLong's paired test.

# %% tags=["remove-input"]
rows = page.select(results.get("c_statistics"), cohort=there)
title = f"C-statistics for LVH. {people}"
display(*figures.compared(rows, "c_statistics", title))
rows = page.select(results.get("model_comparison"), **where)
rows = page.select(rows, score="indexed")
title = f"Index of {printed(study.reference)} against others. {people}"
shown = figures.compared(rows, "model_comparison", title)
display(*shown[-2:])

# %% [markdown]
# ## Agreement
#
# Error (estimated minus measured LVM) against the estimate, within each sex, with 95 % [limits of agreement](glossary) {cite:p}`blandaltman1999`: straight lines of the estimate, mean ± 1.96 SD, the SD by regression of the absolute residuals. The table has those that are the same for everyone of a sex.
# Against the measured mass, or the mean of both, every imperfect estimate has errors that fall: regression to the mean. Against the estimate, a calibrated one has none that rise or fall.
#
# Recalibration is one line learnt at home. Put a correction of your own in place of `recalibrate`, such as one number for everybody.

# %% tags=["remove-input"]
both = study.predictions()
if there == "external":
    both = pd.concat([both, study.external()], ignore_index=True)
before = page.select(both, **fit)

# %%
from lvmass.evaluation import recalibrate

after = recalibrate(before, "development")
for name, table in {"as it is": before, "recalibrated": after}.items():
    error_g = table["predicted_lvm_g"] - table["lvm_g"]
    for cohort, e in error_g.groupby(table["cohort"]):
        mae, bias = f"{e.abs().mean():.1f} g", f"{e.mean():+.1f} g"
        print(f"{cohort}, {name}: MAE {mae}, mean error {bias}")

# %% tags=["remove-input"]
own = (page.select(rows, cohort=there) for rows in (before, after))
was, now = own
display(*external_figures.agreement(was, now, results, people, few))

# %% [markdown]
# *What is seen.* Solid, the mean error; dashed, the limits; shaded, what is not known of both. Solid lines near zero after recalibration were repaired by the line; what is left between a sex and zero is a shift that no line from the development cohort can know.
#
# ## Calibration
#
# Grams are [calibrated](glossary) if people with an estimate of 120 g have 120 g on average: measured mass, regressed on estimated mass, then has slope 1 and intercept 0.

# %% tags=["remove-input"]
title = "Measured mass by tenths of the estimate"
external_figures.calibration(before, "lvm_g", title, few)

# %% [markdown]
# *What is seen.* Dots are tenths of the people with 95 % intervals, the line a smooth mean (lowess), the dashed line equality; below, where people are. Dots below the dashed line are overestimated.
#
# The probability of LVH comes from a logistic regression of LVH on the *estimated index over the cut-off of the sex* (estimated LVM / BSA / cut-off), learnt in the development cohort without the person's own fold.
# Observed / expected is the number of people with LVH over the sum of their probabilities *p*. With *y* = 1 for LVH, else 0, the Brier score is the mean of (*p* − *y*)²; its skill, 1 − Brier / (*π* (1 − *π*)) with the prevalence *π*, is 0 for giving everyone *π* and 1 if every *p* is 0 or 1 and right. In the development cohort, observed / expected and the intercept are near 1 and 0 by construction, and their intervals, which hold the regression fixed, are too wide there.

# %% tags=["remove-input"]
cutoffs = study.config.lvh.cutoffs_g_m2
known = before.dropna(subset=["lvh"]).astype({"lvh": bool})
p = lvh_probability(known, "development", cutoffs)
known, title = (
    known.assign(lvh_probability=p),
    "LVH by fifths of its probability",
)
display(external_figures.calibration(known, "lvh", title, few))
everyone = {"sex": "all"} | fit
counts = page.analysed(results, *study.cohort_names(), few=few)
names = ["mass_calibration", "calibration_after_recalibration"]
for name in (*names, "probability_calibration"):
    rows = page.laid_out(page.select(results[name], **everyone), name)
    caption = f"{printed(name)} (95 %). {counts}."
    display(page.table(rows, caption, digits=3, folded=True))

# %% [markdown]
# *What is seen.* A cohort whose dots lie above the dashed line has more LVH than was said.
#
# ## Is it of use?
#
# Whoever sends people with a probability of LVH of *t* or more to imaging has the net benefit {cite:p}`vickers2006`
#
# NB(*t*) = TP / *n* − FP / *n* · *t* / (1 − *t*),
#
# where TP and FP count those of the *n* people who are sent with and without LVH. The range of *t* in the figure was stated beforehand. A classical criterion says yes or no at every *t*; the best one is that of the highest net benefit in other people (the other folds, or the development cohort).

# %% tags=["remove-input"]
models = [study.reference, BEST_CRITERION, "demographics"]
names = ("decision_curves", "net_benefit_differences")
curves, pairs = (page.select(results.get(n), **where) for n in names)
title = f"Net benefit. {people}"
display(*external_figures.decision_curves(curves, pairs, models, title))

# %% [markdown]
# *What is seen.* The highest line at one's own threshold is the best policy there. A net benefit of 2 per 100 people is worth two people with LVH found and nobody sent in vain.
#
# ## For whom does it fail?
#
# Errors by subgroup of everyone, in % of the mass, because grams grow with the heart, and the mean error; by sex in the tables. A group that is too small for it has no number.
# Between two groups, the effect is the difference of mean errors with Welch's interval; of age and body-mass index it is the slope of a regression line on the number itself, with HC3 standard errors. All variables and errors in everyone are one family for Holm's correction.

# %% tags=["remove-input"]
where = {"cohort": there} | fit
groups = page.select(results.get("subgroup_errors"), **where)
effects = page.select(results.get("subgroup_effects"), **where)
effects = page.select(effects, sex="all")
for metric in ("mape_percent", "bias_g"):
    rows, own = (
        page.select(t, metric=metric) for t in (groups, effects)
    )
    title = f"{printed(metric)} by subgroup. {people}"
    drawn = external_figures.subgroups(rows, own, metric, title, few)
    display(*drawn)

# %% tags=["remove-input"]
shown = page.laid_out(effects, "subgroup_effects", few)
caption = f"Effects on the error. {people}."
display(external.group_effects(effects))
page.table(shown, caption, folded=True)

# %% [markdown]
# *What is seen.* A group right of the others fails more; one whose mean error lies beside the dashed line is over- or underestimated as a group. Beside each heading stands the effect of the variable.
#
# ## Do the intervals hold?
#
# A person's prediction interval is learnt from out-of-fold errors of the same sex in the development cohort ([conformal](glossary) prediction {cite:p}`vovk2005`), as a factor, because errors grow with the mass. For a mean of fold models it is cross-conformal, from each model's estimate and the errors in the fold that it has not seen {cite:p}`vovk2015,barber2021`. It promises coverage in such people on average, not in every subgroup and not in another hospital.

# %% tags=["remove-input"]
home = page.select(before, cohort="development")
display(external.interval_meaning(home, cutoffs))
kinds = ["sex", "age_years", "bmi_kg_m2"]
rows = page.select(results["interval_coverage"], variable=kinds, **fit)
rows, nobody = page.select(rows, cohort=there), effects[:0]
title, name = f"Coverage. {people}", "interval_coverage"
display(
    *external_figures.subgroups(rows, nobody, name, title, smallest=few)
)
external.coverage(rows)

# %% [markdown]
# *What is seen.* Left of the dashed line, fewer people lie in their interval than was promised.
#
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
#
# ## Summary
#
# - An error in another hospital mixes three things: other people, a shift of everyone, and averaging of fold models; each can be told apart.
# - A line learnt at home repairs shrinkage; only masses measured there repair a shift.
# - A probability is judged by calibration and net benefit, a ranking by its c-statistic: one says little of the other.
#
# ## Exercises
#
# 1. How many measured masses of the other hospital would repair the shift? Correct the mean with 20 people drawn at random, and look at the mean error of the others.
# 2. Correct by a factor in place of the line: the mean measured over the mean estimated mass, learnt at home. What does it repair that the line does not?
#
# :::{admonition} Solutions
# :class: dropdown
# 1. With `those = before[before["cohort"] == "external"]` and `first = those.sample(20, random_state=1)`, `shift = (first["predicted_lvm_g"] - first["lvm_g"]).mean()`. Take `shift` off the estimates of the others. Its standard error is the SD of the errors over √20: with errors of 20 g it is about 4 g, so that a shift smaller than that cannot be repaired with so few.
# 2. Nothing: a line can be a factor, too, and this one is near 1, because the level of each model is set at home. `home = page.select(before, cohort="development")`, `factor = home["lvm_g"].mean() / home["predicted_lvm_g"].mean()`, and `after = before.assign(predicted_lvm_g=factor * before["predicted_lvm_g"])`. Only a factor learnt in the other hospital repairs a scale, such as another way to measure mass. A factor changes no ranking; lines do at home, where each fold has its own.
# :::
