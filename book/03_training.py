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
from lvmass import Study
from lvmass.config import default_study_file
from lvmass.evaluation import fold_errors, paired_difference, pooled_errors
from lvmass.figures.results import (
    learning_curves,
    predicted_against_true,
    published_beside_ours,
)
from lvmass.networks.elvmass_net import ElvmassNet
from lvmass.networks.tcn import TcnBlock
from lvmass.pages import banner, beside, mean_sd, say, table, with_interval
from lvmass.published import PUBLISHED

study = Study.from_toml(default_study_file())
banner(study)

# %% [markdown]
# ## The network
#
# Each encoder is a stack of residual blocks, the first of which is printed below, whose dilation doubles from level to level {cite:p}`bai2018`, until one output sees the whole beat.

# %%
model = study.config.models["elvmass-net"]
networks = {
    training: study.networks("elvmass-net", training) for training in model.training
}
network = networks["pooled"][0].build()
assert isinstance(network, ElvmassNet)
next(part for part in network.modules() if isinstance(part, TcnBlock))

# %% tags=["hide-input"]
say(
    f"{len(network.encoders)} encoders, {networks['pooled'][0].n_parameters:,} parameters in all. "
    f"One output of an encoder sees {network.receptive_field_samples} samples; the beat has {study.config.beat.n_samples}."
)

# %% [markdown]
# ## Five folds, split by patient
#
# A test fold is never seen: not by the scaling, not by early stopping, not by any choice.
# Training stops on an inner split of the other folds.

# %%
folds = study.folds()
counts = pd.crosstab(folds["fold"], folds["sex"])
table(counts.rename_axis(columns=None).reset_index(), "People in each test fold.")

# %%
learning_curves({name: [fold.history for fold in networks[name]] for name in networks})

# %% [markdown]
# ## Errors out of fold

# %%
predictions = study.predictions()
pooled = predictions[
    (predictions["model"] == "elvmass-net") & (predictions["training"] == "pooled")
]
predicted_against_true(pooled, "Out-of-fold estimates of eLVMass-Net")

# %%
by_fold = fold_errors(pooled).query("sex == 'all'").set_index("metric")
with_bootstrap = (
    pooled_errors(pooled, n_resamples=study.config.bootstrap)
    .query("sex == 'all'")
    .set_index("metric")
)

# %% tags=["hide-input"]
ours = {
    metric: f"{mean_sd(by_fold.loc[metric, 'mean'], by_fold.loc[metric, 'sd'])} {PUBLISHED[metric].unit}; "
    f"all folds {with_interval(with_bootstrap.loc[metric], digits=2)}"
    for metric in ("mae_g", "mape_percent")
}
beside(
    ours,
    "Mean ± SD over folds, and with a 95 % interval over all. Different people, so the columns do not test each other.",
)

# %% tags=["hide-input"]
pairs = pd.DataFrame(
    {
        "what": PUBLISHED[metric].what,
        "published": PUBLISHED[metric].value,
        "published_sd": PUBLISHED[metric].sd,
        "ours": by_fold.loc[metric, "mean"],
        "ours_sd": by_fold.loc[metric, "sd"],
    }
    for metric in ("mae_g", "mape_percent")
)
published_beside_ours(pairs, "g, or %")

# %% [markdown]
# ## Does the waveform add anything?
#
# The question the abstracts leave open: how far do age, sex, height and weight go alone?

# %%
difference = paired_difference(
    predictions,
    "elvmass-net",
    "demographics",
    cohort="development",
    n_resamples=study.config.bootstrap,
)

# %% tags=["hide-input"]
if difference.ci_low is None or difference.ci_high is None:
    answer = "; too few people for an interval."
else:
    answer = f" (95 % interval {difference.ci_low:+.2f} to {difference.ci_high:+.2f}): "
    if difference.ci_high < 0:
        answer += "the ECG lowers the error."
    elif difference.ci_low > 0:
        answer += "the network does worse than demographics."
    else:
        answer += "the interval holds zero, so this study file cannot tell."
say(
    f"MAE of eLVMass-Net {difference.mae_a_g:.2f} g, of demographics alone {difference.mae_b_g:.2f} g; "
    f"paired difference {difference.difference_g:+.2f} g{answer}"
)

# %% [markdown]
# ## What could be wrong
#
# - The architecture is ours below the level of the abstract; a different one may do better or worse.
# - The mean ± SD over folds is how the paper prints its errors. Folds share training people, so the SD is no standard error; the bootstrap over people is.
# - In a simulated cohort the ECG carries as much of LVM as the simulator gave it.
#
# ## On your cohort
#
# Set `[models.elvmass-net]` in the study file: `arguments` for the network, `fit` for the training. Editing one model leaves the finished fits of the others alone.
