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
from IPython.display import display
from lvmass import Study
from lvmass.report import answers, ecg_figures, figures, page
from lvmass.report.words import printed
from lvmass.saliency import SEGMENTS_MS, segment_shares
from lvmass.study.settings import default_study_file

study = Study.from_toml(default_study_file())
page.banner(study)

# %% [markdown]
# An attribution is in grams: added over the beat it gives the difference between the estimate for a person and for the same person with a flat ECG.

# %%
model = study.config.saliency.model or study.reference
options = study.config.models[model]
if options.is_network and not (options.reads_signal or options.beat):
    saliency, time_ms = study.saliency(), study.beats().time_ms
    name = printed(model)
    missed_g = saliency.people["completeness_error_g"].abs()
    text = (
        f"{len(missed_g)} people out of fold, {name}. They miss "
        f"the sum they should reach by {missed_g.median():.2f} g in "
        f"the median, {missed_g.max():.2f} g at most."
    )
    display(page.say(text))
    by_sex = saliency.mean_by_sex()
    display(ecg_figures.saliency_beats(by_sex, time_ms))
else:
    saliency = None
    why = f"{printed(model)} does not read this study's beats"
    display(page.missing("saliency", why))

# %% [markdown]
# ## By segment and lead group
#
# Segments are fixed stretches of time around R, not measured waves.

# %%
if saliency is not None:
    shares = segment_shares(saliency.grams, time_ms)
    sex = saliency.people["sex"]
    shares = shares.assign(sex=shares["person"].map(sex))
    display(figures.saliency_by_segment(shares))
    caption = "Published findings beside ours."
    display(page.table(answers.saliency_findings(shares), caption))
SEGMENTS_MS

# %% [markdown]
# ## What could be wrong
#
# - Attribution explains the network, not the heart. Where people are simulated, it can at best find what the simulator put in.
# - Attribution starts from a flat ECG, which no network was trained on; another start moves the maps.
# - Women's and men's maps come from different people and, where the model is sex-specific, from different networks.
#
# ## On your cohort
#
# `[saliency]` in the study file sets the model, the number of people and the steps of the path integral.
