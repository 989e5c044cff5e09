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
# The preprint finds the T wave in precordial leads and the QRS complex in limb leads to matter {cite:p}`pan2024`; the journal version reports that the ST-T segment is weighted differently in women and men {cite:p}`pan2026`.
# Their method is not public; we use Integrated Gradients {cite:p}`sundararajan2017`, computed by Captum {cite:p}`captum2020`, on people of each model's own test fold.

# %% tags=["hide-input"]
from IPython.display import display
from lvmass import Study
from lvmass.report import answers, ecg_figures, figures, page
from lvmass.report.words import printed
from lvmass.saliency import SEGMENTS_MS
from lvmass.study.settings import default_study_file

study = Study.from_toml(default_study_file())
page.banner(study)

# %%
model = study.config.saliency.model or study.reference
shares = answers.saliency_shares(study)
findings = answers.saliency_findings(shares, study.simulated)
answers.saliency_answer(findings, model)

# %% [markdown]
# ## By sample
#
# With *x* the samples of a person's ECG in mV, *x*ᵢ one of them (a lead at a time), and *f* the estimate of LVM in grams at this person's covariates, the attribution to that sample is
#
# IGᵢ(*x*) = *x*ᵢ · ∫₀¹ ∂*f*(*a* *x*) / ∂*x*ᵢ d*a*,
#
# in grams, where *a* goes from a flat ECG (0) to the person's own (1). Added over the beat, attributions give the difference between the estimate for a person and for the same person with a flat ECG.

# %%
if len(shares):
    saliency, time_ms = study.saliency(), study.beats().time_ms
    how = study.config.models[model].training[-1]
    who = f"{printed(model)} ({how}), {answers.explained(shares)}"
    missed_g = saliency.people["completeness_error_g"].abs()
    text = (
        f"{who}. The sums miss that difference by "
        f"{missed_g.median():.2f} g in the median, "
        f"{missed_g.max():.2f} g at most."
    )
    display(page.say(text))
    means, sexes = saliency.mean_by_sex(), shares["sex"].unique()
    by_sex = {sex: means[sex] for sex in sexes}
    display(ecg_figures.saliency_beats(by_sex, time_ms))

# %% [markdown]
# ## By segment and lead group
#
# Segments are fixed stretches of time around R, not measured waves. A share is that of the absolute attributions.

# %%
if len(shares):
    display(figures.saliency_by_segment(shares))
    caption = f"Published findings beside ours; {who}."
    rows = findings.drop(columns="shown in")
    display(page.table(rows, caption))
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
