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
# **Question.** How well does eLVMass-Net estimate LVM in people it has not seen?
#
# The abstracts say: a temporal convolutional network (TCN) per lead group over the synchronized beat, its output joined with demographics and ECG parameters {cite:p}`pan2026`.
# Depth, width, loss and optimizer are not public; ours is a reconstruction, and every such choice is a named setting of the study file.

# %% tags=["hide-input"]
import pandas as pd
from IPython.display import display
from lvmass import Study
from lvmass.networks.elvmass_net import ElvmassNet
from lvmass.networks.tcn import TcnBlock
from lvmass.report import ecg_figures, errors, figures, page, published
from lvmass.report.words import printed
from lvmass.study.settings import default_study_file

study = Study.from_toml(default_study_file())
results = study.results()
page.banner(study)

# %%
errors.error_answer(results, study)

# %% [markdown]
# ## The network
#
# Each encoder is a stack of residual blocks, the first of which is printed below, whose dilation doubles from level to level {cite:p}`bai2018`, until one output sees much of the beat; the figure says how much.

# %%
fit = published.main_fit(study)
name = printed(study.reference)
model = study.config.models[study.reference]
networks = {
    training: study.networks(study.reference, training)
    for training in model.training
    if model.is_network
}
network = networks[fit["training"]][0].build() if networks else None
drawn = isinstance(network, ElvmassNet) and not (
    model.reads_signal or model.beat
)
if drawn:
    display(
        next(p for p in network.modules() if isinstance(p, TcnBlock))
    )
else:
    why = f"the reference of this study file is {name}"
    display(page.missing("the encoder of eLVMass-Net on a beat", why))

# %%
if drawn:
    own = study.beats()
    wave_mv = own.waveform_mv[:, 10].mean(axis=0)
    display(ecg_figures.receptive_field(network, wave_mv, own.time_ms))
    n = networks[fit["training"]][0].n_parameters
    display(
        page.say(f"{len(network.encoders)} encoders, {n:,} parameters.")
    )

# %% [markdown]
# Where an encoder is drawn, the mean beat of lead V5 stands below its levels.
# In eLVMass-Net, averages over a few stretches of time, not over the whole beat, reach the head, so that it still knows when something happened.
# A second, straight path leads from the covariates to the output; it starts at their ridge regression, and the waveform's path at zero.
#
# ## Folds, split by patient
#
# A test fold is never seen: not by the scaling, not by early stopping, not by any choice.
# Where a study file asks for the best epoch instead of the last, an inner validation split of the other folds chooses it.

# %%
folds = study.folds()
counts = pd.crosstab(folds["fold"], folds["sex"])
counts = counts.map(page.few, smallest=study.small_cell).reset_index()
page.table(counts, "ECGs in each test fold.")

# %%
histories = {
    training: [fold.history for fold in fits]
    for training, fits in networks.items()
}
figures.learning_curves(histories, model.fit.keep)

# %% [markdown]
# ## Errors out of fold

# %%
predictions = study.predictions()
own = page.select(predictions, **fit)
title = f"Out-of-fold estimates of {name}"
figures.predicted_against_true(own, title, study.small_cell)

# %%
display(*figures.published_and_ours(study, f"{name}, mean ± SD"))

# %% [markdown]
# The [appendix](90_simulator) shows the same code run on as many people as the paper had, all of them simulated.
#
# ## Does the waveform add anything?
#
# The question the abstracts leave open: how far do age, sex, height and weight go alone, and how far with what a cart measures, QRS duration and axis, and the classical criteria? The same people, estimated without the waveform (but partly from what is measured on the beat):

# %%
waveless = [
    n for n, m in study.config.models.items() if not m.is_network
]
rows = page.select(results.get("error_differences"), model_b=waveless)
where = {"cohort": "development", "sex": "all", "training": "pooled"}
rows = page.select(rows, **where)
shown = page.laid_out(rows, "error_differences")
display(page.table(shown, f"{name} against models without waveform."))
reads = model.is_network
errors.waveform(rows, reads=reads, simulated=study.simulated)

# %% [markdown]
# ## What could be wrong
#
# - The architecture is ours below the level of the abstract ([study facts 1.3](facts-1-3)); a different one may do better or worse.
# - The mean ± SD over folds is how the paper prints its errors. Folds share training people, so the SD is no standard error; the bootstrap over people is.
# - Where people are simulated, the ECG carries as much of LVM as the simulator gave it.
#
# ## On your cohort
#
# Set `[models.elvmass-net]` in the study file: `arguments` for the network, `fit` for the training. Editing one model leaves the finished fits of the others alone.
