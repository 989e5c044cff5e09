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
# # 5 DeLong
#
# **Question.** Do sex-specific models find hypertrophy better than a pooled one, and how much of the published gap would be there without any training?

# %% tags=["hide-input"]
from IPython.display import display
from lvmass import Study
from lvmass.report import lvh, lvh_figures, page, published
from lvmass.report.words import CRITERIA, printed
from lvmass.study.settings import default_study_file

study = Study.from_toml(default_study_file())
results = study.results()
page.banner(study)

# %%
where = {"cohort": "development", "model": study.reference}
own = {"cutoffs": "study file"} | where
gaps = results.get("gap", lvh.NO_GAP)
gap = page.select(gaps, **own)
lvh.gap_answer(gap)

# %%
title = "From the pooled to the sex-specific c-statistic, in steps"
lvh_figures.gap_ladder(gap, title)

# %% [markdown]
# The last rung against the first is what the paper reports.
# Its abstracts do not give the rung between, the pooled model within each sex, so the mechanical part of *its* gap is unknown.
#
# ## Why the same model scores lower in everyone
#
# LVH is a mass *index* above a cut-off *of one's sex*; the score is grams.
# A c-statistic is the share of pairs, one person with LVH and one without, in which the one with LVH has more grams.
# Within a sex that is a fair question.
# But a woman with LVH may well have a lighter heart than a man without.
# Dividing the estimated grams by body surface and by the cut-off of the sex (*indexed*) needs no training either.

# %%
fit = published.main_fit(study)
pairs = page.select(results.get("pair_kinds"), **where | fit)
caption = "Pairs behind the c-statistic in everyone, same model."
display(
    page.table(page.laid_out(pairs, "pair_kinds"), caption, digits=0)
)
lvh.measured_mass(gap)

# %% [markdown]
# ## The test that may have been published, and the fair one
#
# The abstracts call both sex-specific c-statistics significantly larger than the pooled one {cite:p}`pan2026`, but do not describe the test: neither its name, nor on whom, nor whether paired. We take DeLong's {cite:p}`delong1988`, in two forms.
# *Unpaired, if published so*, is our reading of the abstracts: it sets the sex-specific model in one sex against the pooled model in everyone, as if they were different people.
# Men and women are part of everyone, so one more p value respects the people they share.
# *Paired within sex* sets both models on the same people of one sex: the question that matters to a patient.
# What is significant is read from the column of Holm's correction, which is over models and sexes. This table is of the first cross-validation, with models held fixed; the answer above takes all that a model has, so that p values of repeated models differ.

# %%
tests = results.get("training_comparison")
tests = page.select(tests, score="grams", **where)
rows = page.laid_out(tests, "training_comparison")
few = study.small_cell
people = page.analysed(results, "development", few=few)
caption = f"DeLong's test, by grams. {people}."
page.table(rows, caption, digits=3)

# %%
numbers = published.over_folds(results, study.reference, few)
ours = numbers[numbers["key"].str.startswith("auc")]
page.beside(ours, "Mean ± SD over folds; over all, 95 %.")

# %%
points = page.select(results.get("roc"), score="grams", **where)
curves = {
    f"{training}, {printed(sex)}": page.select(
        points, training=training, sex=sex
    )
    for training, sex in published.PUBLISHED_FITS.values()
}
lvh_figures.roc(
    curves, "LVH by estimated grams, set side by side as in the paper"
)

# %% [markdown]
# ## Training taken apart: fewer people, and one sex only
#
# A sex-specific model learns from fewer people, which costs, and from one sex only, which may pay.
# So the same model is also trained on both sexes, but on no more people than there are of the one (*size-matched*).
#
# One sex only can pay where the ECG follows mass *otherwise* in women and men.
# A simulator has a switch for one such difference: its *counterfactual cohort* are the same people with the switch off. No hospital has such a cohort.

# %%
apart = ["female", "male"]
every = page.select(gaps, sex=apart, cutoffs="study file")
every = every.assign(
    label=every["model"].map(printed)
    + ", "
    + every["sex"].map(printed)
    + ",\n"
    + every["cohort"].map(printed)
)
steps = ["mechanical", "fewer people", "one sex only"]
caption = "Steps of the c-statistic (95 %)."
display(*lvh_figures.gap_steps(every, steps, "Three steps", caption))

# %%
display(lvh.switch(every))
lvh.sample_size(tests)

# %% [markdown]
# ## Would another cohort say the same?
#
# One cohort gives one number for each step. Where models are cross-validated several times (`[gap] repeats` in the study file), with other folds and starts, the variance of an interval is that over people plus that over the repetitions, divided by their number; otherwise models are held fixed. These repetitions learn from the same people: what another cohort to learn from would give, no interval knows, and `benchmarks/gap_coverage.py` says how often intervals hold with and without errors of training that repetitions share.
# The [appendix](90_simulator) draws many simulated cohorts instead, and tries whether the method finds a gain that is there, and none that is not.
#
# ## With another cut-off
#
# Hypertrophy is a convention; cut-offs of one modality and population move both prevalence and the mechanical part.

# %%
others = page.select(gaps, sex=apart, **where)
others = others.assign(
    label=others["cutoffs"].map(lvh.cutoffs(results))
    + "\n"
    + others["sex"].map(printed)
)
title = "By cut-off, women / men"
caption = f"Steps by cut-off (95 %). {people}, by the study's own."
steps = ["mechanical", "training"]
display(*lvh_figures.gap_steps(others, steps, title, caption))

# %% [markdown]
# ## Beside the classical criteria
#
# A criterion says yes or no, at a specificity of its own (dots). For a fair comparison the estimate, as index over cut-off, is read at that same specificity. Within each sex, the estimate's own cut-off for it is set in the people of the *other* folds; in the people who are judged the two specificities then need not be quite equal, and both are given. McNemar's test compares who of the people with LVH is found.

# %%
every = {"cohort": "development", "sex": "all"}
points = results.get("roc")
points = page.select(points, score="indexed", **every | fit)
curves, dots = {printed(study.reference): points}, {}
for key in CRITERIA:
    own, name = {"criterion": key} | every, printed(key)
    curves[name] = page.select(results.get("criteria_roc"), **own)
    dots[name] = page.select(results.get("criteria_points"), **own)
display(lvh_figures.roc(curves, "LVH in everyone, development", dots))
name = "criteria_at_equal_specificity"
every |= {"sex": apart, "criterion": [*CRITERIA]}
matched = page.select(results.get(name), **every | fit)
rows = page.laid_out(matched, name)
page.table(
    rows,
    f"Sensitivity at each criterion's specificity. {people}.",
    digits=0,
)

# %% [markdown]
# ## Every model
#
# By estimated grams, or as index over cut-off.
# Fold models differ by offsets that say nothing of their people: over all out-of-fold scores, even a model that gives everyone of a fold the same grams does not score exactly 0.5.
# So c-statistics and DeLong's tests on this page compare people within a fold, but for those of many cohorts where their title says otherwise. A fold counts by its number of pairs, and variances of folds add up. The last column mixes the folds.

# %%
aucs = page.select(results.get("c_statistics"), cohort="development")
caption = f"C-statistics for LVH (95 %). {people}."
page.table(lvh.c_statistic_table(aucs), caption)

# %% [markdown]
# ## What could be wrong
#
# - The mechanical part depends on how far apart the sexes' masses and cut-offs lie; in another population it differs.
# - Intervals of c-statistics, tests between models and steps of models that are not repeated hold models fixed. They say nothing of what another training run would give.
# - ROC curves, and readings at a criterion's specificity, mix the out-of-fold scores of different fold models; c-statistics do not.
#
# ## On your cohort
#
# This chapter needs a reference model with `training = ["pooled", "sex-specific"]`. The cut-offs are `[lvh]` in the study file. Every model that is trained both ways is taken apart; `[gap] counterfactual` is for simulated cohorts only.
# The numbers of this page are in `results/` beside the study file: `gap`, `pair_kinds`, `training_comparison`, `c_statistics`, `criteria_at_equal_specificity`.
