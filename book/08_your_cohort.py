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
# # 8 Your cohort
#
# **Question.** A hospital has a table and a folder of ECG files. How does that become a study?
#
# This page goes the whole way on a folder that it writes itself, so that every command and every answer below is real.
# The people are simulated. Their table is in inches, pounds and M/F, their ECGs are DICOM, WFDB and CSV files, and ten mistakes are hidden among them.

# %% tags=["hide-input"]
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from IPython.display import display
from lvmass import Study
from lvmass.report import figures, page
from lvmass.report.words import printed
from lvmass.study.settings import default_study_file

from hospital import write_hospital

study = Study.from_toml(default_study_file())
page.banner(study, appendix=True)

# %% [markdown]
# ## Start
#
# A new folder gets a study file in which every setting is explained, a table with two example rows, and the data dictionary.

# %%
kept_until_the_end = TemporaryDirectory()
desk = Path(kept_until_the_end.name)
own = desk / "own"
page.terminal("init own", desk)

# %% [markdown]
# Table and ECG files are put into it, as they are:

# %%
planted = write_hospital(own, 120)
theirs = pd.read_csv(own / "subjects.csv", sep=";").head(4)
page.table(theirs, "First rows of the hospital's table.")

# %% [markdown]
# ## Say what the columns mean
#
# Nobody renames a column or converts a unit by hand: the study file says how the table is to be read.
# The names on the right are those of the [data dictionary](settings).

# %%
MEANING = """
[development.columns]
Exam = "subject_id"
Patient = "patient_id"
Sex = "sex"
Age = "age_years"
"Height (in)" = "height_cm"
"Weight (lb)" = "weight_kg"
"LV mass CT (g)" = "lvm_g"
"ECG file" = "ecg_path"
"ECG taken" = "ecg_date"
"CT taken" = "ct_date"

[development.units]
height_cm = "in"
weight_kg = "lb"

[development.codes]
sex = { F = "female", M = "male" }
"""
MODELS = """
[models.sex-median]
estimator = "sex-median"
covariates = ["demographics"]

[models.linear]
estimator = "linear"
covariates = ["demographics", "ecg-parameters", "criteria"]

[models.elvmass-net]
estimator = "elvmass-net"

[saliency]
n_per_sex = 2
steps = 8
"""
study_file = own / "study.toml"
settings, _, _ = study_file.read_text().partition("## Models:")
_ = study_file.write_text(settings + MODELS + MEANING)

# %% [markdown]
# Only three of the models of the new study file are kept here, so that this page is made in a minute.
#
# ## Check
#
# `check` reads every row and every ECG, and says everything at once: errors stop a study, warnings do not.

# %%
page.terminal("check own/study.toml", desk)

# %% [markdown]
# What was hidden, for comparison. A missing weight is no mistake of the table: that person is left out and counted, or the weight is imputed, as `[missing]` says.

# %%
page.table(planted, "The ten mistakes, by row of the table.")

# %% [markdown]
# ## Repair
#
# Whoever keeps the data gets `check_report.html`, corrects the table at its source, and exports it again. Then:

# %%
write_hospital(own, 120, mistakes=False)
page.terminal("check own/study.toml", desk)

# %% [markdown]
# ## Run

# %%
page.terminal("run own/study.toml --save-model own/model", desk)

# %% [markdown]
# ## Read
#
# `lvmass book own/study.toml` makes all pages of this book from the new study. Its tables can be read at once:

# %%
study = Study.from_toml(study_file)
results = study.results()["errors"]
errors = page.select(results, metric="mae_g", sex="all")
names = errors["model"] + " (" + errors["training"] + ")"
errors = errors.assign(label=names.map(printed))
display(figures.forest(errors, "MAE out of fold", "MAE (g)"))
fit = page.select(study.predictions(), model="elvmass-net")
title = f"{printed('elvmass-net')}, {len(fit)} ECGs from files"
figures.predicted_against_true(fit, title)

# %% [markdown]
# and one ECG is estimated by the model that was saved:

# %%
person = "--sex female --age 60 --height 162 --weight 80"
file = "own/ecg/3.dcm"
page.terminal(f"predict {file} --model own/model {person}", desk)

# %% [markdown]
# ## What could be wrong
#
# - 120 people are too few for a study: the check says what is missing then. [How many are enough](05_delong) depends on how many have hypertrophy.
# - The cut-offs of hypertrophy must fit the way the mass was measured: `[lvh]`.
# - A check finds what does not fit together. A mass that was written down for the wrong person, but is plausible, stays unseen.
#
# ## On your cohort
#
# The same commands, in the same order. Nothing leaves the machine: no command uses the network, no page shows a single person, and what names people (`check_report.html`, `people/`) lies beside the study file, never in the book.
