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
# # 6 Saliency
#
# **Question.** Which parts of the heartbeat move the estimate, and do they differ between women and men?
#
# The preprint finds the T wave in precordial leads and the QRS complex in limb leads to matter, and the journal version reports sex differences in the ST-T segment {cite:p}`pan2026`.
# Its method is not public; we use Integrated Gradients {cite:p}`sundararajan2017`, computed by Captum {cite:p}`captum2020`, on people of each model's own test fold.

# %% tags=["hide-input"]
import pandas as pd
from IPython.display import display
from lvmass import Study
from lvmass.report.figures.ecg import saliency_beats
from lvmass.report.figures.results import saliency_by_segment
from lvmass.report.pages import banner, say, table
from lvmass.saliency import SEGMENTS_MS, segment_shares
from lvmass.study.settings import SEXES, default_study_file

study = Study.from_toml(default_study_file())
banner(study)

# %% [markdown]
# An attribution is in grams: added over the beat it gives the difference between the estimate for a person and for the same person with a flat ECG.

# %%
saliency = study.saliency()
time_ms = study.beats().time_ms

# %% tags=["hide-input"]
worst = saliency.people["completeness_error_g"].abs()
training = study.config.models[study.config.saliency.model or study.reference].training[
    -1
]
say(
    f"{len(saliency.people)} people out of fold, {study.config.saliency.model} ({training}). The attributions of a person miss the sum "
    f"they should reach by {worst.median():.2f} g in the median and {worst.max():.2f} g at most."
)

# %%
by_sex = saliency.mean_by_sex()
saliency_beats(by_sex, time_ms)

# %% [markdown]
# ## By segment and lead group

# %%
shares = segment_shares(saliency.grams, time_ms)
shares = shares.merge(saliency.people[["sex"]], left_on="person", right_index=True)
saliency_by_segment(shares)

# %% tags=["hide-input"]
mean_share = (
    shares.groupby(["sex", "group", "segment"], sort=False)["share"]
    .mean()
    .reset_index()
)
top = mean_share.loc[mean_share.groupby(["sex", "group"], sort=False)["share"].idxmax()]
largest = {
    group: "largest share: "
    + ", ".join(
        f"{row.segment} in {row.sex} ({row.share:.0f} %)" for row in rows.itertuples()
    )
    for group, rows in top.groupby("group")
}
st_t = mean_share[mean_share["segment"].isin(["ST", "T"])].groupby("sex")["share"].sum()
both = ", ".join(f"{group} {st_t[group]:.0f} %" for group in SEXES)
findings = [
    ("limb leads (preprint)", "QRS complex matters", largest["limb leads"]),
    ("precordial leads (preprint)", "T wave matters", largest["precordial leads"]),
    (
        "women against men (journal)",
        "weights of the ST-T segment differ",
        f"share of ST-T: {both}",
    ),
]
columns = ["", "published (patients)", "this study file"]
display(
    table(pd.DataFrame(findings, columns=columns), "Published findings beside ours.")
)
edges = "; ".join(
    f"{name} {low:g} to {high:g} ms" for name, (low, high) in SEGMENTS_MS.items()
)
say(f"Segments are fixed stretches of time around R, not measured waves: {edges}.")

# %% [markdown]
# ## What could be wrong
#
# - Attribution explains the network, not the heart. In a simulated cohort it can at best find what the simulator put in.
# - The baseline is a flat ECG, which no network was trained on; another baseline moves the maps.
# - Women's and men's maps come from different people as well as from different models.
#
# ## On your cohort
#
# `[saliency]` in the study file sets the model, the number of people and the steps of the path integral.
