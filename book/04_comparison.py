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
import json
from pathlib import Path

import pandas as pd
from IPython.display import display
from lvmass import Study
from lvmass.report import answers, external, figures, page, published
from lvmass.report.words import printed
from lvmass.study.settings import default_study_file

study = Study.from_toml(default_study_file())
results = study.results()
page.banner(study)

# %%
kept, origin = published.kept("paper_size/ablations")
ablations = kept["differences"]
display(answers.error_answer(results, study))
answers.parts(ablations, origin)

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
errors = external.error_table(results, metrics, **where)
people = external.analysed(results, "development")
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
# ## All comparators at the paper's size
#
# `benchmarks/training_paper.py` trains every network of this book, pooled and sex-specific, on as many people as the paper had; some appear twice, with the loss and training settings that their authors published and with tuned ones. LVM-AI reads its signal at 100 Hz here, its authors' at 500 Hz, with kernels of the same duration. The linear regression that also reads T waves was not run at this size.
# All were tuned with the same budget, on simulated people that appear nowhere else.
# From here to the end of the page the numbers are of other study files and of simulated people, whatever cohort stands in the banner.

# %%
kept, origin = published.kept("paper_size/paper")
rivals = page.select(kept["differences"], sex="all")
untrained = rivals["model_b"].str.startswith("lvm-ai (published)")
rivals = rivals[~untrained]  # judged below
display(*figures.differences(rivals, "eLVMass-Net", origin))
where = {"cohort": "development", "training": "pooled"}
answers.published_settings(page.select(kept["errors"], **where))

# %% [markdown]
# ### What the published comparators' error may mean
#
# The better published comparator is much worse than eLVMass-Net; the abstracts do not say what it reads.
# Some designs see the ECG alone, so three networks are trained without demographics and without ECG parameters, too.

# %%
where |= {"sex": "all", "metric": "mae_g"}
answers.ecg_only(page.select(kept["errors"], **where))

# %% [markdown]
# ### Do two networks find the same?
#
# `benchmarks/accuracy_ties.py` asks what eLVMass-Net and the FCN find in the same people and folds: whether a straight line through the beat's voltages would have found it, and whether it is the same.

# %%
ties = json.loads(Path("validation/accuracy_ties.json").read_text())
straight = pd.DataFrame(ties["straight_line"])
straight = straight.assign(label=straight["model_b"].map(printed))
title = "Ridge regression on covariates and beat"
people = f"{ties['n']} people, setting {ties['setting']}"
axis, value = "its MAE minus that of the network (g)", "difference_g"
display(
    figures.forest(
        straight, f"{title}, {people}", axis, value=value, reference=0.0
    )
)
answers.verdicts(straight, title)

# %% [markdown]
# The regression reads the beat every 10 ms in eight leads. A network that it is worse than reads what no straight line does.

# %%
pairs = page.laid_out(pd.DataFrame(ties["pairs"]), "pairs")
caption = "Two seeds of one network, and two networks"
page.table(pairs, f"{caption}; {people}.")

# %% [markdown]
# The less two networks differ beyond what two seeds of one differ by, and the less their mean gains, the more of what they find is the same.
# Both read the same synchronized beat with the same covariates.
# What they share, either finds in that prepared beat; this is said of the simulator, in patients it may be otherwise.
#
# ### What each costs

# %%
costs = page.laid_out(kept["costs"], "costs")
caption = "Parameters, operations for one estimate, and time of a fit"
page.table(costs, f"{caption}; {origin}.", digits=1)

# %% [markdown]
# ## What each part is worth
#
# The preprint's ablations and some of our own: one part of eLVMass-Net is changed at a time. Beats are at 500 Hz unless a name says otherwise; the whole signal is at 100 Hz, so the beat at 100 Hz is what it is to be compared with. LVM-AI reads its signal at the rate of its study file, too.

# %%
_, origin = published.kept("paper_size/ablations")
parts = page.select(ablations, sex="all", model_a="elvmass-net")
shown, drawn, _ = figures.differences(parts, "eLVMass-Net", origin)
display(shown, drawn)

# %% [markdown]
# A difference below zero means that the change costs accuracy; whether significantly in these people, the column of Holm's correction says.
#
# ## What could be wrong
#
# - The comparators are re-implementations from published descriptions, with our covariates instead of their authors'; LVM-AI's exact settings are not public ([study facts 2.4](facts-2-4)), and neither was made for as few people as there are here.
# - Training budgets are stated in the study file and differ between models. All were tuned with one budget, few settings each and one seed, so that a better setting may exist for any of them. How far electrodes move was chosen on eLVMass-Net, a shorter fit of LVM-AI for the quick study on its own, and networks that see the ECG alone were not tuned again. All of this was chosen on people that appear nowhere else.
# - A network that is not significantly different from demographics has not been shown to be useless, only not shown to be useful.
#
# ## On your cohort
#
# Add a section `[models.NAME]` with `estimator`, `covariates`, `arguments` and `fit` to put another model into every table of this chapter.
