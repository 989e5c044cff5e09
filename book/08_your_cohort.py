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
# This page goes the whole way on a folder that it writes itself, so that every command and every answer is real:
# write down what the hospital has, start a study, say what the columns mean, check, repair, run, read.
# The people are simulated; their table is in inches, pounds and M/F, their ECGs are DICOM, WFDB and CSV files, and ten mistakes are hidden in it.

# %% tags=["hide-input"]
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd
from IPython.display import display
from lvmass import Study
from lvmass.cohort.simulation.hospital import write_hospital
from lvmass.report import figures, page
from lvmass.study.settings import default_study_file

study = Study.from_toml(default_study_file())
page.banner(study)

# %% [markdown]
# ## What the hospital has

# %%
desk = Path(mkdtemp())
(desk / "own").mkdir()
planted = write_hospital(desk / "own", 120, seed=8)
table = pd.read_csv(desk / "own" / "subjects.csv", sep=";")
page.table(table.head(4), "First rows of the hospital's table.")
