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
# The banner says whose people stand in their place: a hospital's own, or those of a [simulator](90_simulator).

# %% tags=["hide-input"]
from IPython.display import display
from lvmass import Study
from lvmass.ecg import read_ecg
from lvmass.report import data, data_figures, ecg_figures, page
from lvmass.study.settings import default_study_file
from pydicom.data import get_testdata_file

study = Study.from_toml(default_study_file())
page.banner(study)

# %%
people, few = data.everybody(study), study.small_cell
cutoffs = study.config.lvh.cutoffs_g_m2
shares = data.prevalence(people, cutoffs, few)
data.cohort_answer(study, people, shares)

# %% [markdown]
# ## Who is in the cohorts
#
# A cohort is a table with one row an ECG: whose it is, and where it lies.
# The tables count people, each by their first ECG; the flow diagram below counts ECGs.
#
# The LVM index is LVM / BSA, in g/m², with LVM in grams and the body surface area BSA, in m², after Mosteller: BSA = √(*h* · *w* / 3600), with the height *h* in cm and the weight *w* in kg.

# %%
for name, group in people.groupby("cohort", sort=False):
    rows = data.table_one(group.sort_values("sex"), "sex", few)
    counts = data.counted(group, few)
    caption = f"{name}, {counts}: mean (SD) or number (%)."
    display(page.table(rows, caption))

# %%
if "external" in study.cohort_names():
    rows = data.table_one(people, "cohort", few)
    counts = data.counted(people, few)
    caption = f"The shift between the cohorts, {counts}."
    display(page.table(rows, caption))
else:
    why = "this study file names one cohort"
    display(page.missing("the shift between cohorts", why))

# %% [markdown]
# Some ECGs cannot be used, each for a reason that preprocessing gives; people of whom a value is missing are left out before, unless the study file says otherwise.

# %%
labels = {n: study.config.cohort(n).label for n in study.cohort_names()}
data_figures.flow_diagram(
    {labels[n]: study.beats(n) for n in labels},
    {labels[n]: study.cohort(n).excluded for n in labels},
    few,
)

# %%
data_figures.lvm_distributions(people, few)

# %% [markdown]
# ## How many have hypertrophy depends on the cut-off
#
# Left-ventricular hypertrophy (LVH) is an LVM index above a cut-off for each sex.
# The paper's cut-off is not public; a study file names its own, and others are tried beside it, such as the 97.5th percentile of healthy people on CT {cite:p}`fuchs2016`.
# Cut-offs differ by modality, population and percentile; masses on CT are larger than on magnetic resonance.

# %%
source = study.config.lvh.source
rows = data.cutoff_table(cutoffs, source)
caption = "Cut-offs of the LVM index (study facts 6.1); this study's:"
display(page.table(rows, f"{caption} {source}.", digits=0))
caption = f"LVH by cut-off; {data.counted(people, few)} by the study's."
page.table(shares, caption, digits={"LVH (%)": 1, "above (g/m²)": 0})

# %% [markdown]
# A c-statistic for LVH means little without the cut-off behind it.
#
# ## An ECG
#
# The first usable one of the development cohort, where people are simulated or the study file lets single people be shown; and that of a patient whose recording ships with pydicom.

# %%
ecg_figures.first_person(study)

# %%
file = str(get_testdata_file("waveform_ecg.dcm"))
ecg_figures.twelve_leads(read_ecg(file), "A patient")

# %% [markdown]
# ## What could be wrong
#
# - Where people are simulated, they are what the makers of the [simulator](90_simulator) put in.
# - The mean LVM of TW-CVAI is not published. MAE over MAPE gives a rough idea of it, which is off by some percent ([study facts 1.2](facts-1-2)) and is not used here.
# - Real cohorts have referral bias, missing values and several ECGs a patient.
#
# ## On your cohort
#
# Write a table with `subject_id, sex, age_years, height_cm, weight_kg, lvm_g, ecg_path`, name it in a study file (`lvmass init DIR` makes both), and run `make book STUDY=DIR/study.toml`.
