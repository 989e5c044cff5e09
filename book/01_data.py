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
# Unless the study file names a hospital's own files, the people below come out of a simulator that was set to published means, spreads and associations.

# %% tags=["hide-input"]
import pandas as pd
from IPython.display import display
from lvmass import Study
from lvmass.cohort import bsa_mosteller_m2
from lvmass.cohort.simulation.card import calibration_card
from lvmass.cohort.simulation.oracle import oracle
from lvmass.ecg import read_ecg
from lvmass.evaluation import LVH_CUTOFFS_G_M2
from lvmass.report.figures.cohort import flow_diagram
from lvmass.report.figures.ecg import twelve_leads
from lvmass.report.figures.results import lvm_distributions
from lvmass.report.pages import banner, beside, say, table, table_one
from lvmass.study.settings import default_study_file
from pydicom.data import get_testdata_file

N_CARD, N_ORACLE = 1000, 20_000
study = Study.from_toml(default_study_file())
banner(study)

# %% [markdown]
# ## Who is in the cohorts
#
# A cohort is a table with one row a person and a way to each person's ECG.

# %%
cohorts = {name: study.cohort(name) for name in study.cohort_names()}
labels = {name: study.config.cohort(name).label for name in cohorts}
people = pd.concat(
    [cohort.subjects.assign(cohort=labels[name]) for name, cohort in cohorts.items()],
    ignore_index=True,
)
people["bsa_m2"] = bsa_mosteller_m2(people["height_cm"], people["weight_kg"])
people["lvmi_g_m2"] = people["lvm_g"] / people["bsa_m2"]

# %% tags=["hide-input"]
numbers = [
    "age_years",
    "height_cm",
    "weight_kg",
    "bsa_m2",
    "sbp_mmhg",
    "lvm_g",
    "lvmi_g_m2",
]
flags = [name for name in ("hypertension", "diabetes") if name in people]
columns = [name for name in numbers if name in people] + flags
for name, group in people.groupby("cohort", sort=False):
    rows = table_one(group.sort_values("sex"), columns, flags, by="sex")
    rows = rows.rename(columns={"female": "women", "male": "men"})
    display(table(rows, f"Table 1. {name}: mean (SD) or number (%)."))

# %% tags=["hide-input"]
if len(cohorts) > 1:
    rows = table_one(people, columns, flags, by="cohort")
    display(table(rows, "The external cohort is another one: the shift between them."))

# %% [markdown]
# Some ECGs cannot be used, each for a reason that the report of preprocessing gives.

# %% tags=["hide-input"]
beats = {labels[name]: study.beats(name) for name in cohorts}
flow_diagram(
    {label: each.report for label, each in beats.items()},
    {label: (each.people["sex"] == "female").sum() for label, each in beats.items()},
)

# %% tags=["hide-input"]
lvm_distributions({labels[name]: cohort.subjects for name, cohort in cohorts.items()})

# %% tags=["hide-input"]
ours = {"n_development": str(len(cohorts["development"]))}
if "external" in cohorts:
    ours["n_external"] = str(len(cohorts["external"]))
ours["mean_lvm_g"] = f"{cohorts['development'].subjects['lvm_g'].mean():.1f} g"
beside(ours, "Published numbers beside ours.")

# %% [markdown]
# ## How many have hypertrophy depends on the cut-off
#
# Left-ventricular hypertrophy (LVH) is a mass index, LVM over body surface area, above a cut-off for each sex.
# The paper's cut-off is not public.
# The primary one here is the 97.5th percentile of healthy people on CT {cite:p}`fuchs2016`.

# %%
prevalence = pd.DataFrame(
    {
        "cohort": label,
        "cut-off": name,
        "sex": sex,
        "above (g/m²)": cutoffs[str(sex)],
        "LVH (%)": 100 * (group["lvmi_g_m2"] > cutoffs[str(sex)]).mean(),
    }
    for (label, sex), group in people.groupby(["cohort", "sex"], sort=False)
    for name, cutoffs in LVH_CUTOFFS_G_M2.items()
)
table(prevalence, "Prevalence of LVH under three published cut-offs.", digits=1)

# %% tags=["hide-input"]
shares = prevalence.groupby("cut-off")["LVH (%)"].mean()
say(
    f"Averaged over sexes and cohorts, prevalence runs from {shares.min():.1f} % to {shares.max():.1f} %. "
    "A c-statistic for LVH means little without the cut-off behind it."
)

# %% [markdown]
# ## A simulated and a real ECG
#
# Above, the first person of the development cohort; below, a patient whose recording ships with pydicom.
# Forty ECGs of either kind, shuffled and without labels, are drawn by `benchmarks/simulation_page.py`.

# %%
first = cohorts["development"]
twelve_leads(
    first.recording(0), f"{labels['development']}: {first.subjects['subject_id'][0]}"
)

# %%
twelve_leads(read_ecg(str(get_testdata_file("waveform_ecg.dcm"))), "A patient")

# %% [markdown]
# ## Is the simulator like people?
#
# This section and the next are about the simulator that the book comes with, whatever cohort the study file names.
# The calibration card lists what the simulator was set to and what comes out when its ECGs are measured as a study would measure them.
# Each target has a source; a row that is not met says so.
# The card is made here with few people to save time, so that rows near the edge of their range may fall on either side.

# %%
card = calibration_card(N_CARD, seed=study.config.seed)
met = card["met"].map({True: "yes", False: "no"})
shown = card.assign(met=met)[
    ["quantity", "sex", "target", "got", "low", "high", "met", "source"]
]
table(shown, f"Calibration card, {N_CARD} simulated people (TW-CVAI-like).")

# %% tags=["hide-input"]
missed = card[~card["met"]]
say(
    f"{len(card) - len(missed)} of {len(card)} rows are within tolerance. "
    "The same card with 20 000 people is printed by `benchmarks/simulation_card.py`."
)

# %% [markdown]
# ## How well could anybody do?
#
# The oracle is told what the ECG carries without noise, and regresses the label on it.
# No model can be expected to do better on these people, however large.

# %%
best = oracle(N_ORACLE)

# %% tags=["hide-input"]
say(
    f"With {best.n:,} people the oracle's mean absolute error is {best.mae_g:.2f} g (standard error {best.mae_se_g:.2f}), "
    f"against {best.demographics_mae_g:.2f} g from demographics alone, and its c-statistic for LVH is "
    f"{best.auc:.3f} ({best.auc_se:.3f}). "
    f"The ECG explains {100 * best.partial_r2:.0f} % of the variance that demographics leave."
)

# %% [markdown]
# ## What could be wrong
#
# - A simulator holds what its makers put in. It shows whether the method works where the truth is known, not how well it works in patients.
# - The simulator leaves out: infarction and its scars, pre-excitation and pacing, drugs and electrolytes, exchanged electrodes, regional hypertrophy, and disease that changes between ECG and CT.
#   Its normal heart was set to normal ECGs recorded in Germany {cite:p}`ptbxl2020`, not in Taiwan.
# - The mean LVM of TW-CVAI is not published; the number above is what its MAE and MAPE imply together.
# - Real cohorts have referral bias, missing values and several ECGs a patient.
#
# ## On your cohort
#
# Write a table with `subject_id, sex, age_years, height_cm, weight_kg, lvm_g, ecg_path`, name it in a study file (`lvmass init DIR` makes both), and run `make book STUDY=DIR/study.toml`.
