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

# %% tags=["remove-input"]
import pandas as pd
from IPython.display import display
from lvmass import Study
from lvmass.ecg import examine, read_ecg
from lvmass.prediction import PRETRAINED, load_predictor
from lvmass.report import page, saliency, saliency_figures
from lvmass.saliency import attribute, by_lead_and_wave, cells_of
from lvmass.saliency.waves import WAVES, wave_of_samples
from lvmass.study.settings import default_study_file
from pydicom.data import get_testdata_file

study = Study.from_toml(default_study_file())
page.banner(study)

# %% tags=["remove-input"]
shares = saliency.saliency_shares(study)
findings = saliency.own_saliency(study)
saliency.saliency_answer(findings, shares)

# %% tags=["remove-input"]
if len(shares):
    maps, sums = study.saliency_checks()
    display(saliency_figures.shares_by_wave(shares, maps))

# %% [markdown]
# A share is that of a person's attribution by size, in a lead group and a wave; dots are means over people, lines their 95 % intervals; P and PR have the rest. Where the dot of networks of shuffled weights lies by the others, the share says what an ECG looks like, not what the network learnt.
#
# The preprint finds the T wave in precordial leads and the QRS complex in limb leads to matter {cite:p}`pan2024`; the journal version reports that the ST-T segment is weighted differently in women and men {cite:p}`pan2026`.
# Their method is not public. Ours is Integrated Gradients {cite:p}`sundararajan2017`, computed by Captum {cite:p}`captum2020`, on people of each model's own test fold. A map is easy to draw, so most of this page asks what it is worth.
#
# ## One map, made here
#
# An *attribution* says, in grams, by how much a sample of an ECG moves one person's estimate away from that of a *baseline*, here a flat ECG (see the [glossary](glossary)). The model that ships with this package, on the real ECG of [chapter 2](02_preprocessing):

# %%
network, card = load_predictor(PRETRAINED)
recording = read_ecg(str(get_testdata_file("waveform_ecg.dcm")))
beat, measured, _ = examine(recording, card.beat)
beats_mv, known = beat.waveform_mv[None], network.covariate_mean[None]
person = pd.DataFrame([vars(measured)])
waves = wave_of_samples(beats_mv, person, beat.time_ms)
options = {"method": "integrated gradients", "cells": cells_of(waves)}
explained = attribute(network, beats_mv, known, **options)
grams = by_lead_and_wave(explained.grams, waves)[0].sum(axis=0)
page.table(pd.DataFrame([grams], columns=WAVES), "Grams by wave.")

# %% [markdown]
# Added up, these grams are the difference between the estimate for this ECG and for a flat one. Another method or another baseline divides them otherwise: change either, and run the cell again.
#
# With *x* the samples and the covariates of a person, *x*ᵢ one of them, *b* the baseline, and *f* the estimate of LVM in grams, Integrated Gradients give to *x*ᵢ
#
# IGᵢ(*x*) = (*x*ᵢ − *b*ᵢ) · ∫₀¹ ∂*f*(*b* + *a* (*x* − *b*)) / ∂*x*ᵢ d*a*.
#
# In the rest of this page, unless the study file says otherwise, *b* is the mean beat and the mean covariates of the training people: a map says why this person's estimate is not the average.

# %% tags=["remove-input"]
if len(shares):
    own, time_ms = saliency.shown(study), study.beats().time_ms
    display(saliency.sum_of_parts(own))

# %% [markdown]
# ## By wave and lead
#
# Waves are each person's own: P, QRS and the end of T are measured in the beat; ST ends a third of the way from the end of QRS to the end of T.
# The six limb leads hold two independent signals, and a longer wave or a higher voltage gets more: compare the sexes in a lead, not the leads of a sex.

# %% tags=["remove-input"]
if len(shares):
    display(saliency_figures.beats_on_paper(own, time_ms))

# %% [markdown]
# Colour is the mean size of what a sample adds or takes: dark is where estimates are moved most. A lead has the same scale in both sexes; colours have one scale in all panels.

# %% tags=["remove-input"]
if len(shares):
    display(saliency_figures.time_maps(own, time_ms))
    title = "Mean size of attribution by lead and wave, 95 %."
    rows = saliency.lead_wave_table(own)
    display(page.table(rows, title, folded=True))

# %% [markdown]
# With its sign kept, what raises some people's estimates and lowers those of others cancels: red raises the estimate above that of the mean beat, blue lowers it. The last panel, at the same scale, is where the sexes differ.
#
# ## Does the map depend on the network?
#
# Weights are shuffled from the output down, and other methods, baselines and shifts of 4 ms are tried. A map that follows what was learnt is unlike that of shuffled weights, and like all others.

# %% tags=["remove-input"]
if len(shares):
    said = saliency.sanity_said(maps, sums)
    display(*saliency_figures.sanity(maps, sums), said)
display(*saliency.kept(study, "sanity"))

# %% [markdown]
# ## Women and men: four questions
#
# Two fits on the same people differ in what was learnt, and by chance; one fit on matched women and men differs in their ECGs; each sex's own fit on its own people differs in both. None of these asks whether *mass* goes with a wave otherwise in women. The last row does: it regresses what each wave contributes, alike for both sexes, on measured mass, and tests the product of mass and sex. FDR is the false discovery rate over all leads and waves.

# %% tags=["remove-input"]
if len(shares):
    display(page.table(saliency.sexes_compared(study), "Four tests."))

# %% [markdown]
# That maps differ says little: the next section counts how often they do where nothing differs.
#
# ## Where the truth is known
#
# In these simulated cohorts mass reaches the ECG by one path only, or acts on ST and T otherwise in women; the same person drawn at another mass gives the true change. They are no people of this study; `benchmarks/saliency_truth.py` makes them.

# %% tags=["remove-input"]
display(*saliency.kept(study, "truth", "fresh"))

# %% [markdown]
# ## Real ECGs
#
# The shipped model has seen simulated people alone. Here it reads real ones: ECGs of PTB-XL {cite:p}`ptbxl2020` whose readers state hypertrophy, or voltage criteria for it, and ECGs that they call normal, covariates held fixed (`benchmarks/saliency_real.py`). None of them has a measured mass.

# %% tags=["remove-input"]
display(*saliency.kept(study, "real"))

# %% [markdown]
# ## Published claims

# %% tags=["remove-input"]
if len(shares):
    title = "Published claims beside ours."
    display(page.table(findings.drop(columns="shown in"), title))

# %% [markdown]
# Shares of size decide little, whatever they are, where networks of shuffled weights have them too; the third claim is left to the test of masses.
#
# ## What could be wrong
#
# - Attribution explains the network, not the heart. Where people are simulated, it can at best find what the simulator put in.
# - A map from another baseline answers another question, and looks different; so do the maps of another method.
# - The test of masses sees a wave as a sum over all leads; what cancels within it is lost. A man's heart is heavier, so that a tenth more of it is more grams, and on new cohorts in which nothing differed by sex it found something in a few (`benchmarks/saliency_truth.py --fresh`). It may say where to look, not that women and men differ.
#
# ## On your cohort
#
# `[saliency]` in the study file sets the model, the method, the baseline, the number of people and the steps of the path integral.
#
# ## Summary
#
# - What a wave gets by size is, for the most part, what an ECG looks like: a network trained on shuffled masses has nearly the same table.
# - One person's signed map follows the network, and changes with its seed.
# - No map says whether women and men differ. A test against measured masses finds a strong difference that was planted, but also some that were not: the paper's claim cannot be decided in this way.
#
# ## Exercises
#
# 1. In *One map, made here*, take `"occlusion"` for the method. Do the grams still add up to the difference?
# 2. Set `baseline = "flat"` under `[saliency]` in a copy of the study file, and run this page on it. Which wave gains, and why?
#
# :::{admonition} Solutions
# :class: dropdown
# 1. No. Occlusion takes one cell of the beat away at a time and leaves all others; what two cells say together is counted twice, or not at all. `explained.completeness_error_g` says by how many grams the sum misses; for Integrated Gradients it is near 0.
# 2. The T wave, in the book's quick study. QRS differs most from person to person, and so has most of what is measured from the mean beat; from a flat line everybody's T counts, too.
# :::
