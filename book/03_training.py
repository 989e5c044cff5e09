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
import json
from pathlib import Path

import pandas as pd
from IPython.display import display
from lvmass import Study
from lvmass.networks.elvmass_net import ElvmassNet
from lvmass.networks.tcn import TcnBlock
from lvmass.report.figures.networks import receptive_field
from lvmass.report.figures.results import (
    learning_curves,
    predicted_against_true,
    published_beside_ours,
)
from lvmass.report.pages import banner, beside, mean_sd, pick, say, table, with_interval
from lvmass.report.published import PUBLISHED
from lvmass.study.settings import default_study_file

study = Study.from_toml(default_study_file())
results = study.results()
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

# %%
beats = study.beats()
receptive_field(network, beats.waveform_mv[:, 10].mean(axis=0), beats.time_ms)

# %% [markdown]
# The mean beat of lead V5 is drawn below the first encoder's levels.
# Averages over a few stretches of time, not over the whole beat, reach the head, so that it still knows when something happened.
# A second, straight path leads from the covariates to the output; it starts at their ridge regression, and the waveform's path at zero.
#
# ## Five folds, split by patient
#
# A test fold is never seen: not by the scaling, not by early stopping, not by any choice.
# An inner split of the other folds gives the learning curve; where a study file asks for the best epoch instead of the last, it alone chooses.

# %%
folds = study.folds()
counts = pd.crosstab(folds["fold"], folds["sex"])
table(counts.rename_axis(columns=None).reset_index(), "People in each test fold.")

# %%
learning_curves(
    {name: [fold.history for fold in networks[name]] for name in networks},
    model.fit.keep,
)

# %% [markdown]
# ## Errors out of fold

# %%
predictions = study.predictions()
pooled = predictions[
    (predictions["model"] == "elvmass-net") & (predictions["training"] == "pooled")
]
predicted_against_true(pooled, "Out-of-fold estimates of eLVMass-Net")

# %%
own = {
    "cohort": "development",
    "model": "elvmass-net",
    "training": "pooled",
    "sex": "all",
}
by_fold = pick(results["errors_by_fold"], **own).set_index("metric")
with_bootstrap = pick(results["errors"], **own).set_index("metric")

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
floors = pick(
    results["error_differences"],
    cohort="development",
    training="pooled",
    model_a="elvmass-net",
    model_b="demographics",
    sex="all",
)
difference = floors.iloc[0]

# %% tags=["hide-input"]
if pd.isna(difference["ci_low"]):
    answer = "; too few people for an interval."
else:
    low, high = difference["ci_low"], difference["ci_high"]
    answer = f" (95 % interval {low:+.2f} to {high:+.2f}): "
    if high < 0:
        answer += "the ECG lowers the error."
    elif low > 0:
        answer += "the network does worse than demographics."
    else:
        answer += "the interval holds zero, so this study file cannot tell."
say(
    f"MAE of eLVMass-Net {difference['mae_a_g']:.2f} g, of demographics alone {difference['mae_b_g']:.2f} g; "
    f"paired difference {difference['difference_g']:+.2f} g{answer}"
)

# %% [markdown]
# ## At the paper's size
#
# The study that this page computes is small, so that it fits into minutes.
# `benchmarks/training_paper.py` runs the same code on as many people as the paper had; what follows was computed there and is kept in `book/paper_size/`.

# %% tags=["hide-input"]
kept = Path("paper_size/paper")
about = json.loads((kept / "about.json").read_text())
errors, folds_there = (
    pd.read_csv(kept / f"{name}.csv") for name in ("errors", "fold_errors")
)
there = pick(errors, **own).set_index("metric")
fold_there = pick(folds_there, **own).set_index("metric")
ours = {
    metric: f"{mean_sd(fold_there.loc[metric, 'mean'], fold_there.loc[metric, 'sd'])} {PUBLISHED[metric].unit}; "
    f"all folds {with_interval(there.loc[metric], digits=2)}"
    for metric in ("mae_g", "mape_percent")
}
people = f"{about['people'][0]} simulated people for development, {about['people'][1]} external"
display(
    beside(
        ours,
        f"{people}; study file {about['study']}, fingerprint {about['fingerprint']}.",
    )
)

# %% [markdown]
# ## How much is there to find?
#
# In a simulated cohort the best attainable error is known: the oracle of chapter 1 reads what mass did to each ECG, free of noise, and estimates the same people.

# %% tags=["hide-input"]
grown = json.loads(Path("validation/accuracy_oracle.json").read_text())
rows = pd.DataFrame(grown["rows"])
shown = pd.DataFrame(
    {
        "people": rows["n"].astype(int),
        "demographics, MAE (g)": rows["demographics_mae_g"],
        "eLVMass-Net, MAE (g)": rows["mae_g"],
        "oracle, MAE (g)": rows["oracle_mae_g"],
        "above the oracle (%)": 100 * (rows["ratio"] - 1),
        "cutting beats (s)": rows["beats_s"],
        "all fits (s)": rows["fits_s"],
        "peak memory (GB)": rows["peak_gb"],
    }
)
table(
    shown,
    "Error and cost as a simulated cohort grows, from benchmarks/accuracy_oracle.py"
    + (" on a GPU" if grown["gpu"] else " on two processor cores")
    + "; larger cohorts train more channels in fewer epochs, as the script says.",
    digits={
        "cutting beats (s)": 0,
        "all fits (s)": 0,
        "peak memory (GB)": 1,
        "above the oracle (%)": 1,
        "demographics, MAE (g)": 2,
        "eLVMass-Net, MAE (g)": 2,
        "oracle, MAE (g)": 2,
    },
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
