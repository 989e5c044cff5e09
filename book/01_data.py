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

# %% tags=["remove-input"]
from IPython.display import display
from lvmass import Study
from lvmass.report import data, data_figures, ecg_figures, page
from lvmass.report.figures import forest
from lvmass.study.settings import default_study_file

study = Study.from_toml(default_study_file())
page.banner(study)

# %% tags=["remove-input"]
people, few = data.everybody(study), study.small_cell
cutoffs = study.config.lvh.cutoffs_g_m2
shares = data.prevalence(people, cutoffs, few)
data.cohort_answer(study, people, shares)

# %% tags=["remove-input"]
data_figures.index_by_sex(people, cutoffs, few)

# %% [markdown]
# The LVM index is {term}`LVM` / {term}`BSA`: grams over body surface.
# Right of a dashed line is {term}`LVH`, left-ventricular hypertrophy, in that sex.
# The tail to the right holds the heaviest hearts.
#
# ## Whose data
#
# eLVMass-Net was developed on ECGs and coronary CT scans of TW-CVAI and tested on patients of National Taiwan University Hospital (NTUH) {cite:p}`pan2026`.
# Neither cohort is public.
# The banner says whose people stand in their place: a hospital's own, or those of a [simulator](90_simulator).
#
# ## Who is in the cohorts
#
# A cohort is a table with one row an ECG: whose it is, and where it lies.
# The tables count people, each by their first ECG; the flow diagram counts ECGs.

# %% tags=["remove-input"]
rows = data.table_one(people, smallest=few)
caption = f"{data.counted(people, few)}: mean (SD) or n (%)."
page.table(rows, caption, folded=False)

# %% [markdown]
# Women and men stand apart, as in everything that follows.
# A standardized difference, in SDs, is that of two means over their SD. Where the limit lies from which it matters is a matter of convention, often 0.1; it is no test, and does not depend on how many people there are.
#
# Some ECGs cannot be used, each for a reason that [preprocessing](02_preprocessing) gives; people of whom a value is missing are left out before, unless the study file says otherwise.

# %% tags=["remove-input"]
labels = {n: study.config.cohort(n).label for n in study.cohort_names()}
data_figures.flow_diagram(
    {labels[n]: study.beats(n) for n in labels},
    {labels[n]: study.cohort(n).excluded for n in labels},
    few,
)

# %% [markdown]
# From top to bottom: ECGs in the table, and those that every later chapter analyses; at the right, why the others are not.
#
# ## How many have hypertrophy depends on the cut-off
#
# The paper's cut-off is not public; a study file names its own, and others are tried beside it, such as the 97.5th percentile of healthy people on CT {cite:p}`fuchs2016`.
# Cut-offs differ by modality, population and percentile; masses on CT are larger than on magnetic resonance.

# %% tags=["remove-input"]
caption = f"LVH by cut-off; {data.counted(people, few)} by the study's."
rows = page.laid_out(shares, "prevalence")
display(
    forest(shares, "LVH by cut-off", "people with LVH (%)"),
    page.table(rows, caption, digits=0, folded=True),
)

# %% tags=["remove-input"]
source = study.config.lvh.source
rows = data.cutoff_table(cutoffs, source)
caption = "Cut-offs of the LVM index (study facts 6.1); this study's:"
page.table(rows, f"{caption} {source}.", digits=0, folded=True)

# %% [markdown]
# The hearts are the same in every line; how many of them count as hypertrophied depends on the cut-off. A {term}`c-statistic <c-statistic (AUC)>` for LVH means little without the cut-off behind it.
#
# ## An ECG
#
# The first usable one of the development cohort, where people are simulated or the study file lets single people be shown.

# %% tags=["remove-input"]
ecg_figures.first_person(study)

# %% [markdown]
# Paper as in a hospital: a small square is 0.04 s across and 0.1 mV high, and each row starts with a pulse of 1 mV.
# Limb leads stand at the left, chest leads at the right.
# Any ECG file is read and drawn in three lines; here that of a patient whose recording ships with the DICOM library:

# %%
from lvmass.ecg import read_ecg
from pydicom.data import get_testdata_file

recording = read_ecg(get_testdata_file("waveform_ecg.dcm"))
ecg_figures.twelve_leads(recording, "A patient", wide=False)

# %% [markdown]
# A real ECG, calm and of normal height.
#
# ## What could be wrong
#
# - Where people are simulated, they are what the makers of the [simulator](90_simulator) put in.
# - The mean LVM of TW-CVAI is not published. MAE over MAPE gives a rough idea of it, which is off by some percent ([study facts 1.2](facts-1-2)) and is not used here.
# - Real cohorts have referral bias, missing values and several ECGs a patient.
#
# ## On your cohort
#
# Write a table with `subject_id, sex, age_years, height_cm, weight_kg, lvm_g, ecg_path`, name it in a study file (`lvmass init DIR` makes both), and run `make book STUDY=DIR/study.toml`.
#
# ## Summary
#
# - Mass is judged for body surface, and each sex has a cut-off of its own.
# - The same cohort has many with LVH or few, by the cut-off that is chosen: the answer gives the range.
# - In what two cohorts differ, and by how much, is told by the standardized differences of the first table.
#
# ## Exercises
#
# 1. Set `male_g_m2` and `female_g_m2` in the section `[lvh]` of a study file to 90 and 75. Which chapters change?
# 2. Draw an ECG of your own in place of the patient's.
#
# :::{admonition} Solutions
# :class: dropdown
# 1. Those with c-statistics or shares of LVH: the first page, this one, 3, 5 and 7. Errors in grams stay as they are, because no model is trained on LVH.
# 2. `read_ecg("my_ecg.xml")`, or any other format of the [data dictionary](settings); a file that states no unit needs `unit="mV"` or `unit="uV"`.
# :::
