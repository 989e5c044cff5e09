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
# # 1 Data
#
# **Question.** Who are the people, how heavy are their left ventricles, and how many have hypertrophy?
#
# eLVMass-Net was developed on ECGs and coronary CT scans of TW-CVAI and tested on patients of National Taiwan University Hospital (NTUH) {cite:p}`pan2026`.
# Neither cohort is public.
# The banner says whose people stand in their place: a hospital's own, or those of a simulator that was set to published means, spreads and associations, in one of two settings (below).

# %% tags=["hide-input"]
from dataclasses import asdict

import pandas as pd
from IPython.display import display
from lvmass import Study
from lvmass.ecg import read_ecg
from lvmass.report import data, ecg_figures, figures, page
from lvmass.study.settings import default_study_file
from pydicom.data import get_testdata_file

study = Study.from_toml(default_study_file())
page.banner(study)

# %%
people = data.everybody(study)
cutoffs = study.config.lvh.cutoffs_g_m2
shares = data.prevalence(people, cutoffs)
data.cohort_answer(study, people, shares)

# %% [markdown]
# ## Who is in the cohorts
#
# A cohort is a table with one row an ECG: whose it is, and where it lies.
# The tables count people, each by their first ECG.
#
# The LVM index is LVM / BSA, in g/m², with LVM in grams and the body surface area BSA, in m², after Mosteller: BSA = √(*h* · *w* / 3600), with the height *h* in cm and the weight *w* in kg.

# %%
for name, group in people.groupby("cohort", sort=False):
    rows = data.table_one(group.sort_values("sex"), by="sex")
    caption = f"{name}, {data.counted(group)}: mean (SD) or number (%)."
    display(page.table(rows, caption))

# %%
if "external" in study.cohort_names():
    rows = data.table_one(people, by="cohort")
    caption = f"The shift between the cohorts, {data.counted(people)}."
    display(page.table(rows, caption))
else:
    display(
        page.missing(
            "the shift between cohorts",
            "this study file names one cohort",
        )
    )

# %% [markdown]
# Some ECGs cannot be used, each for a reason that the report of preprocessing gives; people of whom a value is missing are left out before, unless the study file says otherwise.

# %%
labels = {n: study.config.cohort(n).label for n in study.cohort_names()}
figures.flow_diagram(
    {labels[n]: study.beats(n) for n in labels},
    {labels[n]: study.cohort(n).excluded for n in labels},
)

# %%
figures.lvm_distributions(people)

# %% [markdown]
# ## How many have hypertrophy depends on the cut-off
#
# Left-ventricular hypertrophy (LVH) is an LVM index above a cut-off for each sex.
# The paper's cut-off is not public.
# Unless a study file names another, it is here the 97.5th percentile of healthy people on CT {cite:p}`fuchs2016`.
# Cut-offs differ by modality, population and percentile; masses on CT are larger than on magnetic resonance.

# %%
rows = data.cutoff_table(cutoffs)
caption = "Cut-offs of the LVM index (study facts 6.1)."
display(page.table(rows, caption, digits=0))
caption = f"LVH by cut-off; {data.counted(people)} by the study's."
page.table(shares, caption, digits={"LVH (%)": 1, "above (g/m²)": 0})

# %% [markdown]
# A c-statistic for LVH means little without the cut-off behind it.
#
# ## Two ECGs
#
# First the first person of the development cohort whose ECG is usable; below, a patient whose recording ships with pydicom.

# %%
first = study.beats().report["usable"].to_numpy(bool).argmax()
label = study.config.development.label
ecg_figures.twelve_leads(study.cohort().recording(int(first)), label)

# %%
file = str(get_testdata_file("waveform_ecg.dcm"))
ecg_figures.twelve_leads(read_ecg(file), "A patient")

# %% [markdown]
# ## Which cohorts could have given the published numbers?
#
# Let log mass be normal within a sex, body size explain a share of its variance, and an estimate get a share of the rest from the ECG.
# Then any such cohort has an MAE, a MAPE and c-statistics, in closed form and without a simulator.
# Held against the paper's are MAE, MAPE and the pooled c-statistic, each within its printed SD, and the printed SD over folds, which tells of prevalence.
# The sex-specific c-statistics and the comparator's error are *not* fitted; the comparator is set beside an estimate from ECG and sex, without body size.

# %%
from lvmass.evaluation.inverse import implied_cohorts

cohorts = implied_cohorts()
display(figures.implied_region(cohorts), data.implied(cohorts))

# %% [markdown]
# ## Is the cohort like people, and how well could anybody do?
#
# Of people in files, the tables above are all that can be said; of simulated ones, the truth is known.
# The study file names the simulator's setting.
# `published`, the default, is set to the region above, which MAE, MAPE and the pooled c-statistic define: agreement in these three is by construction. The two sex-specific c-statistics were not fitted, but were known when the setting was chosen. How much voltage and how much duration say was also tried on real ECGs called hypertrophy. It departs from the literature where the two cannot both be had: that tension is a finding.
# `literature` is set to what small studies found of body, ECG and mass.
# The calibration card lists the literature's numbers, and what comes out when the simulator's ECGs are measured as a study would measure them.
# The oracle is told what mass did to each ECG, without noise, and estimates the label from it: no model that we could fit to these true drivers did better. That is not a proof that none can.

# %%
if study.simulated:
    from lvmass.cohort.simulation.card import calibration_card
    from lvmass.cohort.simulation.oracle import oracle

    at = {"setting": study.config.development.setting}
    card = calibration_card(1000, seed=study.config.seed, **at)
    caption = f"1000 people of the setting {at['setting']}"
    display(page.table(card, f"Calibration card, {caption}."))
    display(data.departures(card, **at))
    best = pd.DataFrame([asdict(oracle(20_000, **at))])
    caption = f"The oracle, setting {at['setting']}."
    display(page.table(page.laid_out(best, "oracle"), caption))
else:
    what = "calibration card and oracle"
    display(page.missing(what, "the people of this study are real"))

# %% [markdown]
# ## What could be wrong
#
# - A simulator holds what its makers put in. It shows whether the method works where the truth is known, not how well it works in patients.
#   Ours leaves out: infarction and its scars, pre-excitation and pacing, drugs and electrolytes, exchanged electrodes, regional hypertrophy, and disease that changes between ECG and CT.
#   Its normal heart was set to normal ECGs recorded in Germany {cite:p}`ptbxl2020`, not in Taiwan; forty of its ECGs and forty real ones, shuffled and without labels, are drawn by `benchmarks/simulation_page.py`.
# - The mean LVM of TW-CVAI is not published. MAE over MAPE gives a rough idea of it, which is off by some percent ([study facts 1.2](facts-1-2)) and is not used here.
# - Real cohorts have referral bias, missing values and several ECGs a patient.
#
# ## On your cohort
#
# Write a table with `subject_id, sex, age_years, height_cm, weight_kg, lvm_g, ecg_path`, name it in a study file (`lvmass init DIR` makes both), and run `make book STUDY=DIR/study.toml`.
