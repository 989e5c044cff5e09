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
#
# The paper beats two networks it does not name in its abstract {cite:p}`pan2026`.
# We set two published designs beside ours, LVM-AI-style on the ten-second signal {cite:p}`khurshid2021` and the Naderi FCN on the median beat {cite:p}`naderi2026`, and baselines that read no waveform: the sex median, demographics, demographics with ECG parameters, and these with the classical criteria.
# All see the same folds; which of them a study has, and what each reads, stands in the study file.

# %% tags=["hide-input"]
from IPython.display import display
from lvmass import Study
from lvmass.report import errors, figures, page, published
from lvmass.report.words import printed
from lvmass.study.settings import default_study_file

study = Study.from_toml(default_study_file())
results = study.results()
page.banner(study)

# %%
errors.error_answer(results, study)

# %% [markdown]
# ## Errors of every model
#
# A negative mean error means that masses are underestimated. The level of every estimate but the sex median is set to the mean mass of the people it was trained on.

# %%
fit = published.main_fit(study)
metrics, where = (
    ["mae_g", "mape_percent", "bias_g"],
    {"cohort": "development"},
)
errors = errors.error_table(results, metrics, **where)
few = study.small_cell
people = page.analysed(results, "development", few=few)
page.table(errors, f"Out-of-fold errors, development. {people}.")

# %%
mae = page.select(results.get("errors"), metric="mae_g", sex="all")
mae = page.select(mae, **where)
fits = mae["model"].map(printed) + " (" + mae["training"] + ")"
mae = mae.assign(label=fits)
figures.forest(mae, "Out-of-fold error", "MAE (g)")

# %%
display(*published.published_errors(results, study))

# %% [markdown]
# The abstracts report no estimate that needs no ECG at all, such as the sex median; without one, an error in grams is hard to judge.
#
# ## Differences on the same people
#
# Each person has an error under each model. Their differences, resampled over people, say more than five fold means can.
# Negative: the reference, named below, is better.

# %%
where |= {"sex": "all", "training": fit["training"]}
rows = page.select(results.get("error_differences"), **where)
reference = printed(study.reference)
display(*figures.differences(rows, reference, "Everyone"))

# %% [markdown]
# The external cohort has a chapter of its own, the seventh.
#
# What each part of eLVMass-Net is worth, and all comparators in as many people as the paper had, is tried on simulated people in the [appendix](90_simulator).
#
# ## What could be wrong
#
# - The comparators are re-implementations from published descriptions, with our covariates instead of their authors'; LVM-AI's exact settings are not public ([study facts 2.4](facts-2-4)), and neither was made for as few people as there are here.
# - Training budgets are stated in the study file and differ between models. The settings that `lvmass init` writes were tuned on simulated people, all with one budget, few settings each and one seed, so that a better setting may exist for any of them.
# - A network that is not significantly different from demographics has not been shown to be useless, only not shown to be useful.
#
# ## On your cohort
#
# Add a section `[models.NAME]` with `estimator`, `covariates`, `arguments` and `fit` to put another model into every table of this chapter.
