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

# %% tags=["remove-input"]
from IPython.display import display
from lvmass import Study
from lvmass.report import figures, lvh, lvh_figures, page, published
from lvmass.report.words import CRITERIA, TEXTS, printed
from lvmass.study.settings import default_study_file

study = Study.from_toml(default_study_file())
results = study.results()
page.banner(study)

# %% tags=["remove-input"]
where = {"cohort": "development", "model": study.reference}
own = {"cutoffs": "study file"} | where
gaps = results.get("gap", lvh.NO_GAP)
gap = page.select(gaps, **own)
lvh.gap_answer(gap)

# %% tags=["remove-input"]
title = "From the pooled to the sex-specific c-statistic, in steps"
lvh_figures.gap_ladder(gap, title)

# %% [markdown]
# *What is seen.* Each line is a [c-statistic](glossary) with its interval, and under its name stands the step from the line above. The last line against the first is what the paper reports; its abstracts do not give the second, the pooled model within each sex, so the mechanical part of *its* gap is unknown.
#
# ## Why the same model scores lower in everyone
#
# LVH is a mass *index* above a cut-off *of one's sex*; the score is grams.
# A c-statistic is the share of pairs, one person with LVH and one without, in which the one with LVH has more grams.
# In everyone there are four kinds of pairs. Within a sex, grams are a fair score.
# But a woman with LVH may well have a lighter heart than a man without.
# Dividing the estimated grams by body surface and by the cut-off of the sex (*indexed*) needs no training either.

# %% tags=["remove-input"]
fit = published.main_fit(study)
pairs = page.select(results.get("pair_kinds"), **where | fit)
title = "The four kinds of pairs behind one c-statistic"
display(lvh_figures.pair_kinds(pairs, title))
lvh.measured_mass(gap)

# %% [markdown]
# *What is seen.* A c-statistic in everyone is the mean over the four squares, each counted by its share of pairs. By grams (left) the squares differ: a heart's size says man or woman before it says LVH. The nearer the four squares are by the index (right), the less of the mechanical part is left.
#
# ## The test that may have been published, and the fair one
#
# The abstracts call both sex-specific c-statistics significantly larger than the pooled one {cite:p}`pan2026`, but do not describe the test: neither its name, nor on whom, nor whether paired. We take DeLong's {cite:p}`delong1988`.
# The fair form sets both models on the *same people* of one sex, the question that matters to a patient, and compares people of one fold only, because fold models differ by offsets. It takes the predictions table and one call; change the model, the two trainings or the score to ask something else.

# %% tags=["remove-input"]
tests = page.select(
    results.get("training_comparison"), score="grams", **where
)
paired = page.select(tests, comparison="paired within sex")
testable = paired.dropna(subset=["p_value"])["sex"].tolist()
if not testable:
    why = "it takes two trainings, and people with LVH and without"
    display(page.missing("DeLong's paired test", why))

# %%
from lvmass.evaluation import delong_paired

people = study.predictions().dropna(subset=["lvh"])
people = people[people["model"] == study.reference]
who = ["sex", "subject_id", "patient_id", "fold", "lvh"]
grams = people.pivot_table("predicted_lvm_g", who, "training")
for sex in testable:
    own = grams.loc[sex].reset_index()
    a, b = own["sex-specific"], own["pooled"]
    by = {"cluster": own["patient_id"], "fold": own["fold"]}
    test = delong_paired(own["lvh"], a, b, **by)
    ends = f"({test.ci_low:+.3f} to {test.ci_high:+.3f})"
    print(f"{sex}: {test.difference:+.3f} {ends}, p {test.p_value:.3f}")

# %% [markdown]
# *Unpaired, if published so*, is our reading of the abstracts: it sets the sex-specific model in one sex against the pooled model in everyone, as if they were different people. Below, both forms stand beside each other, with p values after [Holm's correction](glossary) over models and sexes.

# %% tags=["remove-input"]
few = study.small_cell
analysed = page.analysed(results, "development", few=few)
name, title = "training_comparison", f"DeLong's test. {analysed}"
display(*figures.compared(tests, name, title))

# %% [markdown]
# These tests are of the first cross-validation, with models held fixed; the answer above takes all that a model has, so that p values of repeated models differ. Men and women are part of everyone: a p value that respects the people they share (*shared people*) stands in the table.
#
# Folds can also be looked at one by one, as the paper does: the SD says how far they lie apart, not how sure the mean is.

# %% tags=["remove-input"]
numbers = published.over_folds(results, study.reference, few)
ours = numbers[numbers["key"].str.startswith("auc")]
page.beside(ours, "Mean ± SD over folds; over all, 95 %.")

# %% [markdown]
# ## Training taken apart: fewer people, and one sex only
#
# A sex-specific model learns from fewer people, which costs, and from one sex only, which may pay.
# So the same model is also trained on both sexes, but on no more people than there are of the one (*size-matched*).
#
# One sex only can pay where the ECG follows mass *otherwise* in women and men.
# A simulator has a switch for one such difference: its *counterfactual cohort* are the same people with the switch off. No hospital has such a cohort.

# %% tags=["remove-input"]
apart = ["female", "male"]
every = page.select(gaps, sex=apart, cutoffs="study file")
title = "Three steps"
display(*lvh_figures.gap_steps(every, "gap_by_model", title))

# %% tags=["remove-input"]
rows = page.select(every, quantity="one sex only")
rows = rows[rows["cohort"].astype(str).str.contains(" minus ")]
said = lvh.listed(rows, "sex", "model")
if rows.empty:
    why = "this study file has none, or too few people"
    display(page.missing("a counterfactual cohort", why))
else:
    what = "With the switch on minus off, one sex only adds"
    display(page.say(f"{TEXTS['switch']} {what}: {said}."))
lvh.sample_size(tests, study.small_cell)

# %% [markdown]
# *What is seen.* The mechanical step (orange) beside the two of training, whose sum is what training adds; an interval that crosses the dashed line is no significant change.
#
# ## Would another cohort say the same?
#
# One cohort gives one number for each step. Where models are cross-validated several times (`[gap] repeats` in the study file), with other folds and starts, the variance of an interval is that over people plus that over the repetitions, divided by their number; otherwise models are held fixed. These repetitions learn from the same people: what another cohort to learn from would give, no interval knows, and `benchmarks/gap_coverage.py` says how often intervals hold with and without errors of training that repetitions share.
# The [appendix](90_simulator) draws many simulated cohorts instead, and tries whether the method finds a gain that is there, and none that is not.
#
# ## With another cut-off
#
# Hypertrophy is a convention; cut-offs of one modality and population move both prevalence and the mechanical part.

# %% tags=["remove-input"]
others = page.select(gaps, sex=apart, **where)
others["cutoffs"] = others["cutoffs"].map(lvh.cutoffs(results))
title = "Steps by cut-off, women / men"
display(*lvh_figures.gap_steps(others, "gap_by_cutoff", title))

# %% [markdown]
# *What is seen.* How far the mechanical part (orange) moves from cut-off to cut-off, and whether training (green) ever leaves zero.
#
# ## Beside the classical criteria
#
# A criterion says yes or no, at a specificity of its own (dots). For a fair comparison the estimate, as index over cut-off, is read at that same specificity. Within each sex, the estimate's own cut-off for it is set in the people of the *other* folds; in the people who are judged the two specificities then need not be quite equal, and the table has both. McNemar's test compares who of the people with LVH is found.

# %% tags=["remove-input"]
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
equal = page.select(results.get(name), **every | fit)
title = f"Sensitivity at each criterion's specificity. {analysed}"
display(*figures.compared(equal, name, title))

# %% [markdown]
# ## Every model
#
# By the estimated index over the cut-off; the table also has the grams.
# Fold models differ by offsets that say nothing of their people: over all out-of-fold scores, even a model that gives everyone of a fold the same grams does not score exactly 0.5.
# So c-statistics and DeLong's tests on this page compare people within a fold. A fold counts by its number of pairs, and variances of folds add up.

# %% tags=["remove-input"]
aucs = page.select(results["c_statistics"], cohort="development")
title = f"C-statistics for LVH. {analysed}"
display(*figures.compared(aucs, "c_statistics", title))

# %% [markdown]
# *What is seen.* Where everyone (grey) lies near women and men, the mechanical part is gone: that is what the index does. The ranking of a model whose interval holds the dashed line is not significantly different from chance.
#
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
#
# ## Summary
#
# - A c-statistic in everyone and one within a sex are of different pairs, and must not be compared.
# - The fair test sets both models on the same people: DeLong's paired test within a sex.
# - An index over the cut-off of the sex gives the pooled model, without training, what grams hide.
#
# ## Exercises
#
# 1. Run the DeLong test above on the index instead of the grams. Should the answer change?
# 2. Compare the sex-specific model in women with the pooled model in everyone by `delong_unpaired`. What does its p value say?
#
# :::{admonition} Solutions
# :class: dropdown
# 1. It may: pairs are ranked otherwise. Within a sex the cut-off is one number, so that dividing by body surface is enough: add `people["predicted_lvm_g"] /= people["bsa_m2"]` before the pivot. LVH is an index, so that both c-statistics tend to rise, not always by as much. Two scores in two sexes are four tests, here without correction.
# 2. In the loop, with `all = grams.reset_index()`: `delong_unpaired(own["lvh"], a, all["lvh"], all["pooled"])`. A small p value says that the two numbers differ; it does not say that training made the difference. Put `b` in place of `a`, the pooled model on both sides, and see how small the p value still is.
# :::
