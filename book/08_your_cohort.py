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

# %% tags=["remove-input"]
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from lvmass import Study
from lvmass.report import figures, page
from lvmass.report.words import printed
from lvmass.study.settings import default_study_file

from hospital import write_hospital

study = Study.from_toml(default_study_file())
page.banner(study, appendix=True)

# %% tags=["remove-input"]
began = time.perf_counter()
kept_until_the_end = TemporaryDirectory()
desk = Path(kept_until_the_end.name)
own = desk / "own"
started = page.terminal("init own", desk)
planted = write_hospital(own, 120)
theirs = pd.read_csv(own / "subjects.csv", sep=";")
models = Path("hospital/models.toml").read_text()
meaning = Path("hospital/meaning.toml").read_text()
study_file = own / "study.toml"
settings, _, _ = study_file.read_text().partition("## Models:")
_ = study_file.write_text(settings + models + meaning)
checked = page.terminal("check own/study.toml", desk)
told = pd.read_csv(own / "check_report.csv")[["row", "column"]]
write_hospital(own, 120, mistakes=False)
checked_again = page.terminal("check own/study.toml", desk)
ran = page.terminal("run own/study.toml --save-model own/model", desk)
minutes = (time.perf_counter() - began) / 60

# %% tags=["remove-input"]
study = Study.from_toml(study_file)
results = study.results()["errors"]
name = "elvmass-net"
errors = page.select(results, metric="mae_g", sex="all")
mae = page.select(errors, model=name).iloc[0]
fit = page.select(study.predictions(), model=name)
found = len(planted.merge(told.drop_duplicates()))
page.say(
    "**Answer.** By four commands: `init`, `check`, `run` and `book`. "
    f"Here `check` tells {found} of {len(planted)} mistakes that were "
    f"hidden in a table of {len(theirs)} rows; repaired, it gives a "
    f"study in which {printed(name)} has an MAE out of fold of "
    f"{page.with_interval(mae, unit=' g')} in {len(fit)} ECGs. "
    f"The first three commands took {minutes:.1f} minutes here."
)

# %% tags=["remove-input"]
title = f"{printed(name)}, {len(fit)} ECGs from files"
figures.predicted_against_true(fit, title)

# %% [markdown]
# Few people give a wide cloud; what matters here is the way to it.
# This page goes that way on a folder that it writes itself, so that every command and every answer below is real.
# The people are simulated. Their table is in inches, pounds and M/F, their ECGs are DICOM, WFDB and CSV files, and mistakes are hidden among them.
#
# ## Start
#
# A new folder gets a study file in which every setting is explained, a table with two example rows, and the data dictionary.

# %% tags=["remove-input"]
started

# %% [markdown]
# Table and ECG files are put into it, as they are:

# %% tags=["remove-input"]
page.table(theirs.head(4), "First rows of the hospital's table.")

# %% [markdown]
# ## Say what the columns mean
#
# Nobody renames a column or converts a unit by hand: the study file says how the table is to be read.
# The names on the right are those of the [data dictionary](settings).

# %% tags=["remove-input"]
page.say(f"```toml\n{meaning}```")

# %% [markdown]
# Of the models of the new study file only a few are kept here, so that this page is soon made.
#
# ## Check
#
# `check` reads every row and every ECG, and says everything at once: errors stop a study, warnings do not.

# %% tags=["remove-input"]
checked

# %% [markdown]
# What was hidden, for comparison. A missing weight is no mistake of the table: that person is left out and counted, or the weight is imputed, as `[missing]` says.

# %% tags=["remove-input"]
page.table(planted, "Mistakes that were hidden, by row of the table.")

# %% [markdown]
# ## Repair
#
# Whoever keeps the data gets `check_report.html`, corrects the table at its source, and exports it again. Then:

# %% tags=["remove-input"]
checked_again

# %% [markdown]
# ## Run

# %% tags=["remove-input"]
ran

# %% [markdown]
# ## Read
#
# `lvmass book own/study.toml` makes all pages of this book from the new study. Its results are tables that can be read at once, here from Python:

# %%
results = Study.from_toml(study_file).results()["errors"]
errors = page.select(results, metric="mae_g", sex="all")
names = errors["model"] + " (" + errors["training"] + ")"
errors = errors.assign(label=names.map(printed))
figures.forest(errors, "MAE out of fold", "MAE (g)")

# %% [markdown]
# Intervals of so few people overlap: no model is shown to be better than another by this figure. One ECG is estimated by the model that was saved:

# %% tags=["remove-input"]
person = "--sex female --age 60 --height 162 --weight 80"
file = "own/ecg/3.dcm"
page.terminal(f"predict {file} --model own/model {person}", desk)

# %% [markdown]
# "LVH" is probable, improbable or undecided by the interval, never yes or no.
#
# ## What could be wrong
#
# - So few people are too few for a study: the check says what is missing then. [How many are enough](05_delong) depends on how many have hypertrophy.
# - The cut-offs of hypertrophy must fit the way the mass was measured: `[lvh]`.
# - A check finds what does not fit together. A mass that was written down for the wrong person, but is plausible, stays unseen.
#
# ## On your cohort
#
# The same commands, in the same order. Nothing leaves the machine: no command uses the network, no page shows an ECG of one person unless `show_people` in the section `[privacy]` says so, and what names people (`check_report.html`, `people/`) lies beside the study file, never in the book.
#
# ## Summary
#
# - A study file says what the columns of a table mean; nobody edits the table.
# - `check` tells all problems at once, by row, column and file, before anything is fitted.
# - What is finished is kept: each command goes on where it was stopped.
#
# ## Exercises
#
# 1. Take the line of `height_cm` out of `[development.units]` and check again. What is said?
# 2. Which mistake could be planted that `check` cannot find?
#
# :::{admonition} Solutions
# :class: dropdown
# 1. One error for the whole column, not one for each row: heights in inches are no heights in cm, and the unit that fits is named.
# 2. Two plausible masses exchanged between two people of one sex and size: each row fits together as before.
# :::
