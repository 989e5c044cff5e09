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
# # 4 Comparison
#
# **Question.** Is eLVMass-Net better than simpler estimates and than other networks, on the same people?

# %% tags=["remove-input"]
from IPython.display import display
from lvmass import Study
from lvmass.report import errors, figures, page
from lvmass.report.words import printed
from lvmass.study.settings import default_study_file

study = Study.from_toml(default_study_file())
results = study.results()
reference = printed(study.reference)
training = errors.main_fit(study)["training"]
page.banner(study)

# %% tags=["remove-input"]
errors.comparison_answer(results, study)

# %% tags=["remove-input"]
title = f"MAE of {reference} minus that of each other model"
pairs = errors.rivals(results, study)
display(*figures.compared(pairs, "error_differences", title))

# %% [markdown]
# Each point is the difference of two mean absolute errors ([MAE](glossary)) in the same people, with its 95 % interval: left of the dashed line the reference has the smaller error. An interval that crosses the line is no difference that these people can show.
#
# ## Who is compared
#
# The paper beats two networks it does not name in its abstract {cite:p}`pan2026`.
# We set two published designs beside ours, LVM-AI-style on the ten-second signal {cite:p}`khurshid2021` and the Naderi FCN on the median beat {cite:p}`naderi2026`, and baselines that are no networks: the sex median, demographics, demographics with ECG parameters, and these with the classical criteria.
# All see the same folds; which of them a study has, and what each reads, stands in the study file.
#
# ## How two models are compared
#
# Each person has an error under each model. Their differences, resampled over people, say more than the means of folds can. Set another model in place of `other`, or compare women only:

# %%
import numpy as np
from scipy.stats import bootstrap

models = study.config.models
every = study.predictions().query(f"training == '{training}'")
every = every.set_index(["subject_id", "model"])
error_g = (every["predicted_lvm_g"] - every["lvm_g"]).abs().unstack()
names = [name for name in error_g if name != study.reference]
other = next(iter(names), study.reference)  # or another of them
gain_g = error_g[study.reference] - error_g[other]
test = bootstrap((gain_g,), np.mean, method="percentile", rng=1)

# %% tags=["remove-input"]
low, high = test.confidence_interval
said = f"MAE of {reference} minus that of {printed(other)}"
if not names:
    display(page.missing(said, "no other has this training"))
else:
    said += f": {gain_g.mean():.2f} g ({low:.2f} to {high:.2f})."
    display(page.say(said))

# %% [markdown]
# The tables of the study resample patients instead of ECGs, and correct their p values for the number of models (Holm).
#
# ## Errors of every model

# %% tags=["remove-input"]
where = {"cohort": "development", "sex": "all", "metric": "mae_g"}
mae = page.select(results.get("errors"), **where)
kinds = {
    n: ("no network", "networks")[models[n].is_network] for n in models
}
rows = mae.assign(
    label=mae["model"].map(printed),
    hue=mae["training"],
    section=mae["model"].map(kinds),
)
display(figures.forest(rows, "Out of fold, everyone", "MAE (g)"))
metrics = ["mae_g", "mape_percent", "bias_g"]
rows = errors.error_table(results, metrics, "development")
page.table(rows, "Out-of-fold errors, development.", folded=True)

# %% [markdown]
# Points are the MAE of each model in everyone, with intervals that are wider than those of the differences above, because people differ more than models do on one person.
# In the table, a negative mean error means that masses are underestimated. The level of every estimate but the sex median is set to the mean mass of the people it was trained on.
#
# ## What an estimate costs

# %% tags=["remove-input"]
costs = errors.costs(study)
mae = page.select(mae, training=training)
display(figures.error_by_cost(costs, mae, "Error and arithmetic"))
caption = "Parameters, operations for one estimate, time of a fit."
rows = page.laid_out(costs, "costs")
page.table(rows, caption, digits=1, folded=True)

# %% [markdown]
# A network far to the right needs more multiplications for one person (millions of floating-point operations, MFLOP, on a logarithmic axis); one further down errs less. The dashed line is the best estimate without a network.
#
# What each part of eLVMass-Net is worth, and all comparators in as many people as the paper had, is tried on simulated people in the [appendix](90_simulator). The external cohort has a [chapter of its own](07_external_validation).
#
# ## What could be wrong
#
# - The comparators are re-implementations from published descriptions, with our covariates instead of their authors'; LVM-AI's exact settings are not public ([study facts 2.4](facts-2-4)), and neither was made for as few people as there are here.
# - Training budgets are stated in the study file and differ between models. The settings that `lvmass init` writes were tuned on simulated people, all with one budget, few settings each and one seed, so that a better setting may exist for any of them.
# - A network that is not significantly different from demographics has not been shown to be useless, only not shown to be useful.
#
# ## On your cohort
#
# Add a section `[models.NAME]` with `estimator`, `covariates`, `arguments` and `fit` to put another model into every figure and table of this chapter.
#
# ## Summary
#
# - Models are compared on the same people, by the difference of their absolute errors.
# - A network has to beat the best estimate without one, not only other networks.
# - No significant difference is no proof of equality: the interval says how large a difference may be.
#
# ## Exercises
#
# 1. Does the difference shown under "How two models are compared" also hold in women alone?
# 2. Give the errors of the two models to `scipy.stats.ttest_rel`, then to `scipy.stats.ttest_ind`, as if they were of different people. What happens to the p value, and why?
#
# :::{admonition} Solutions
# :class: dropdown
# 1. Add `and sex == 'female'` to the query. There are fewer people, so that the interval gets wider; it may cross 0 though the mean stays.
# 2. It grows where both models err on the same difficult hearts: the paired difference takes this common part out, the test of two groups leaves it in.
# :::
