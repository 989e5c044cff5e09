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
# **Question.** Which parts of the heartbeat move the estimate, do they differ between women and men, and which map may be believed?
#
# The preprint finds the T wave in precordial leads and the QRS complex in limb leads to matter {cite:p}`pan2024`; the journal version reports that the ST-T segment is weighted differently in women and men {cite:p}`pan2026`.
# Their method is not public. Ours is Integrated Gradients {cite:p}`sundararajan2017`, computed by Captum {cite:p}`captum2020`, on people of each model's own test fold; a map is easy to draw, so most of this page asks what it is worth.

# %% tags=["hide-input"]
from IPython.display import display
from lvmass import Study
from lvmass.report import page, saliency
from lvmass.report import saliency as maps
from lvmass.study.settings import default_study_file

study = Study.from_toml(default_study_file())
page.banner(study)

# %%
model = study.config.saliency.model or study.reference
shares = saliency.saliency_shares(study)
findings = saliency.own_saliency(study)
saliency.saliency_answer(findings, model)

# %% [markdown]
# ## By sample
#
# With *x* the samples of a person's ECG in mV and their covariates, *x*ᵢ one of them, *b* the mean beat and the mean covariates of the training people, and *f* the estimate of LVM in grams, the attribution to *x*ᵢ is
#
# IGᵢ(*x*) = (*x*ᵢ − *b*ᵢ) · ∫₀¹ ∂*f*(*b* + *a* (*x* − *b*)) / ∂*x*ᵢ d*a*,
#
# in grams. Added up, attributions give the difference between the estimates at *x* and at *b*: why this person's is not the average. The study file may choose another method or baseline.

# %%
if len(shares):
    own, time_ms = maps.shown(study), study.beats().time_ms
    display(maps.sum_of_parts(own))
    display(maps.beats_on_paper(own, time_ms))

# %% [markdown]
# ## By segment and lead group
#
# Waves are each person's own: P, QRS and the end of T are measured in the beat; ST ends a third of the way from the end of QRS to the end of T.
# Intervals are bootstrapped over patients. The six limb leads hold two independent signals, and a longer wave or a higher voltage gets more: compare the sexes in a cell, not the cells of a sex.

# %%
if len(shares):
    cells = maps.lead_wave_tables(own)
    display(maps.lead_wave_maps(cells))

# %% [markdown]
# ## Does the map depend on the network?
#
# Weights are shuffled from the output down; patches of 40 ms of a lead are set to the mean beat, those that the map marks first, or put into the mean beat.

# %%
if len(shares):
    checks = study.saliency_checks()
    display(maps.sanity_panel(*checks))
    display(maps.sanity_said(*checks))
kept = maps.kept("sanity")
if study.simulated and kept:
    display(maps.kept_said(kept))

# %% [markdown]
# ## Women and men: four questions
#
# Two fits on the same people differ in what was learnt, and by chance; one fit on matched women and men differs in their ECGs; each sex's own fit on its own people differs in both. None of these asks whether *mass* goes with a wave otherwise in women. The last row does: it regresses what each wave contributes, alike for both sexes, on measured mass, and tests the product of mass and sex.

# %%
if len(shares):
    caption = "Women against men, shares by lead and wave."
    display(page.table(maps.sexes_compared(study), caption))

# %% [markdown]
# ## Where the truth is known
#
# In these simulated cohorts mass reaches the ECG by one path only, or acts on ST and T otherwise in women; the same person drawn at another mass gives the true change. They are no people of this study; `benchmarks/saliency_truth.py` makes them.

# %%
truth = maps.kept("truth")
if study.simulated and truth:
    display(*maps.truth_tables(truth))
else:
    why = "the people of this study are real"
    display(page.missing("cohorts in which the truth is known", why))

# %% [markdown]
# ## Published claims

# %%
if len(shares):
    rows = findings.drop(columns="shown in")
    display(page.table(rows, "Published claims beside ours."))

# %% [markdown]
# ## What could be wrong
#
# - Attribution explains the network, not the heart. Where people are simulated, it can at best find what the simulator put in.
# - A map from another baseline answers another question, and looks different; so do the maps of another method.
# - The test of masses sees a wave as a sum over all leads; what cancels within it is lost. At the paper's size it misses most differences as small as the simulator's own, and finds some where none is: below 4 000 people it decides nothing.
#
# ## On your cohort
#
# `[saliency]` in the study file sets the model, the method, the baseline, the number of people and the steps of the path integral.
