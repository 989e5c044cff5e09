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
# # 3 Training
#
# **Question.** How well does eLVMass-Net estimate [LVM](glossary) in people it has not seen?

# %% tags=["remove-input"]
from IPython.display import display
from lvmass import Study
from lvmass.networks.elvmass_net import ElvmassNet
from lvmass.report import ecg_figures, errors, figures, page, published
from lvmass.report.words import printed
from lvmass.study.settings import default_study_file

study = Study.from_toml(default_study_file())
results = study.results()
fit = published.main_fit(study)
name = printed(study.reference)
page.banner(study)

# %% tags=["remove-input"]
errors.error_answer(results, study)

# %% tags=["remove-input"]
predictions = study.predictions()
own = page.select(predictions, **fit)
title = f"Out-of-fold estimates of {name}"
figures.predicted_against_true(own, title, study.small_cell)

# %% [markdown]
# Each point is a person, estimated by a model that was trained on other people; where people are real, a hexagon holds several. On the dashed line an estimate equals the measured mass.
# Light hearts are estimated too heavy and heavy ones too light, as in every regression that explains a part of what it estimates; triangles at the edge are masses beyond the frame.
#
# **MAE** is the mean absolute error, in grams; **MAPE** is the same in percent of the measured mass; **out of fold** means that nobody is estimated by a model that has seen them.
#
# ## Published numbers beside ours

# %% tags=["remove-input"]
display(*figures.published_and_ours(study, f"{name}, mean ± SD"))

# %% [markdown]
# Upright lines are what needs no ECG: the median mass of a person's sex, and a regression on age, sex, height and weight. The abstracts report neither; without them an error in grams is hard to judge.
# The [appendix](90_simulator) runs the same code on as many simulated people as the paper had patients.
#
# ## The network
#
# The abstracts say: a temporal convolutional network (TCN) per lead group over the synchronized beat, its output joined with demographics and ECG parameters {cite:p}`pan2026`.
# Depth, width, loss and optimizer are not public; ours is a reconstruction, and every such choice is a named setting of the study file.

# %% tags=["remove-input"]
model = study.config.models[study.reference]
trainings = model.training if model.is_network else []
networks = {t: study.networks(study.reference, t) for t in trainings}
fitted = networks[fit["training"]][0] if networks else None
network = fitted.build() if fitted else None
plain = not (model.reads_signal or model.beat)
if drawn := isinstance(network, ElvmassNet) and plain:
    n = len(fitted.covariates)
    display(figures.network_drawing(network, n))
else:
    what = "the encoder of eLVMass-Net on a beat"
    display(page.missing(what, f"the reference is {name}"))

# %% [markdown]
# The drawing is made from the network that was trained: each group of leads has an encoder of its own (shaded), whose averages over a few stretches of time reach the head, so that it still knows when something happened.
# A second, straight path leads from the covariates to the mass; it starts at their ridge regression, and the waveform's path at zero.
#
# Each encoder is a stack of residual blocks whose dilation doubles from level to level {cite:p}`bai2018`, until one output sees much of the beat:

# %% tags=["remove-input"]
if drawn:
    own = study.beats()
    wave_mv = own.waveform_mv[:, 10].mean(axis=0)
    display(ecg_figures.receptive_field(network, wave_mv, own.time_ms))

# %% [markdown]
# Where an encoder is drawn, the mean beat of lead V5 stands below its levels; the grey funnel is the stretch that one output sees.
#
# ## Trained on all folds but one, tested on that one
#
# People are dealt into folds, all ECGs of a patient into the same one. A test fold is never seen: not by the scaling, not by early stopping, not by any choice.
# The smallest such study is a regression on age, sex, height and weight. Change what it reads, or the fold it is tested on:

# %%
import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline

people = study.beats().people.merge(study.folds())
people["male"] = (people["sex"] == "male").astype(float)
reads = ["male", "age_years", "height_cm", "weight_kg"]
x, log_g = people[reads].astype(float), np.log(people["lvm_g"])
test = people["fold"] == 1
fill = SimpleImputer(keep_empty_features=True)
ridge = make_pipeline(fill, RidgeCV()).fit(x[~test], log_g[~test])
live_g = np.exp(ridge.predict(x[test])) - people["lvm_g"][test]

# %% tags=["remove-input"]
tested = page.select(predictions, fold=1, training=fit["training"])
error_g = (tested["predicted_lvm_g"] - tested["lvm_g"]).abs()
stored = error_g.groupby(tested["model"], sort=False).mean()
told = "; ".join(f"{printed(m)} {g:.1f} g" for m, g in stored.items())
live = f"{live_g.abs().mean():.1f} g by the fit above"
page.say(f"MAE in this fold: {live}; in the study's tables: {told}.")

# %% [markdown]
# The study's own baseline "demographics" also reads squares and products of these covariates, which is why the two differ a little.
#
# How the network's error falls while it trains:

# %% tags=["remove-input"]
own = {t: [f.history for f in m] for t, m in networks.items()}
figures.learning_curves(own, model.fit.keep)

# %% [markdown]
# A line is one fit, its point the epoch that was kept: the last one, or where a study file asks for it the best in an inner validation split of the training folds.
# Training people are measured while their beats are shifted and noise is added, so that their error may lie above the one out of fold.
#
# ## Does the waveform add anything?
#
# The question the abstracts leave open: how far do age, sex, height and weight go alone, and how far with what a cart measures, QRS duration and axis, and the classical criteria? The answer above names the best of them; [chapter 4](04_comparison) shows them all, on the same people.
#
# ## What could be wrong
#
# - The architecture is ours below the level of the abstract ([study facts 1.3](facts-1-3)); a different one may do better or worse.
# - The mean ± SD over folds is how the paper prints its errors. Folds share training people, so the SD is no standard error; the bootstrap over people is.
# - Where people are simulated, the ECG carries as much of LVM as the simulator gave it.
#
# ## On your cohort
#
# Set `[models.elvmass-net]` in the study file: `arguments` for the network, `fit` for the training. Editing one model leaves the finished fits of the others alone.
#
# ## Summary
#
# - An error counts only in people that the model has not seen, and only beside what needs no ECG.
# - The network reads one beat per lead group and the covariates; below that, its design is ours.
# - Published and own numbers are of different people: they are shown together, and not tested.
#
# ## Exercises
#
# 1. What does weight add? Take `weight_kg` out of `reads`. By how much does the MAE of the regression change?
# 2. Is one fold enough? Set `test = people["fold"] == 2`, then 3. How much do the numbers differ?
#
# :::{admonition} Solutions
# :class: dropdown
# 1. Run the cell with `reads = ["male", "age_years", "height_cm"]`. Mass grows with body size, of which height alone says only a part, so the error rises; most in people far from the weight that is usual for their height.
# 2. They differ by chance, as the SD over folds in the table of published numbers says. This is why models are compared on the same people, and over all folds.
# :::
