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
# # 2 Preprocessing
#
# **Question.** How does a ten-second recording become one heartbeat and a handful of measurements?

# %% tags=["remove-input"]
import json
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from lvmass import Study
from lvmass.ecg import lvh_criteria, read_ecg
from lvmass.report import data, ecg_figures, page, preprocessing
from lvmass.report.words import printed
from lvmass.study.settings import default_study_file
from pydicom.data import get_testdata_file

study = Study.from_toml(default_study_file())
found = {
    path.stem: json.loads(path.read_text())
    for path in Path("validation").glob("ecg_*.json")
}
recording = read_ecg(get_testdata_file("waveform_ecg.dcm"))
page.banner(study)

# %% tags=["remove-input"]
beats = {name: study.beats(name) for name in study.cohort_names()}
preprocessing.beat_answer(beats, found, study.small_cell)

# %% [markdown]
# The beats of a real ECG, and the one that is made of them:

# %%
from lvmass.ecg import BeatConfig, examine

beat, measured, findings = examine(recording, BeatConfig())
ecg_figures.aligned_beats(recording, beat, measured)

# %% [markdown]
# Grey are the beats as recorded, orange is the *synchronized beat*, both on one baseline; blue is the QRS complex that was measured.
# What differs from beat to beat, noise and drift, is gone; what all beats share has stayed, at its full height.
#
# ## Why one beat
#
# The paper credits its gain to *synchronized single-heartbeat* extraction {cite:p}`pan2026`.
# Its filters, window and averaging are not public.
# Here all twelve leads are cut at one common R peak, so that the time between leads is kept, and the beats that look like the dominant one are combined into one.
#
# ## Step by step
#
# The recording ships with the DICOM library: a resting ECG of a woman, by a Mortara el250.
# R peaks are looked for in all leads together:

# %%
from lvmass.ecg import detect_r_peaks

rate_hz = recording.sampling_rate_hz
r_peaks = detect_r_peaks(recording.signal_mv, rate_hz)
ecg_figures.twelve_leads(
    recording, "A real resting ECG", wide=False, r_peaks=r_peaks
)

# %% [markdown]
# Every beat carries its mark at the same time in all leads, also in leads where R is small or absent.

# %% tags=["remove-input"]
preprocessing.beat_settings(study.config.beat, findings)

# %% tags=["remove-input"]
criteria = pd.DataFrame(
    {"criterion": printed(name)} | asdict(criterion)
    for name, criterion in lvh_criteria(
        beat, measured, "female"
    ).items()
)
caption = "ECG criteria of LVH in this one beat (thresholds of women)."
page.table(criteria, caption, folded=True)

# %% [markdown]
# Classical criteria of LVH are computed from the same beat; the table has the threshold and the source of each.
#
# ## The whole cohort
#
# The same steps run over every person of the study; nobody is dropped without a reason, which the [flow diagram](01_data) gives.

# %% tags=["remove-input"]
own, few = beats["development"], study.small_cell
sex = own.people["sex"].to_numpy()
ecg_figures.mean_beats(own.waveform_mv, sex, own.time_ms, few)

# %% [markdown]
# Lines are means. At each instant, the middle half of women, and of men, lies within the shaded band: how wide it is against the distance of the lines says how little one voltage tells of one person.

# %% tags=["remove-input"]
measured_names = ["heart_rate_bpm", "pr_interval_ms"]
measured_names += ["qrs_duration_ms", "qtc_ms", "qrs_axis_deg"]
once = own.people.drop_duplicates("patient_id")
rows = data.table_one(
    once.assign(cohort="development"), measured_names, few
)
page.table(rows, "Measured on the synchronized beats: mean (SD).")

# %% [markdown]
# Means and SDs, by sex, of everybody whose ECG could be used.
# How well the same functions do on real recordings, against readers and devices, is the subject of [chapter 9](09_real_ecgs).
#
# ## What could be wrong
#
# - One beat for ten seconds hides beat-to-beat change; whatever arrhythmia says about mass is lost here.
# - Voltages are absolute. A recording in the wrong unit would pass for a giant or a tiny heart, so such recordings are refused.
# - Window, filter and averaging are our choices, not the paper's.
#
# ## On your cohort
#
# `read_ecg` reads DICOM, WFDB, the common vendors' XML, SCP-ECG, EDF and plain arrays; the section `[beat]` of the study file sets window, filter and averaging.
#
# ## Summary
#
# - One R peak for all leads keeps the time between them.
# - Averaging takes noise away and keeps voltage, which is what carries mass.
# - What cannot be used is refused with a reason, not repaired.
#
# ## Exercises
#
# 1. Cut the beat with `BeatConfig(average="single")`. What comes back?
# 2. Filter harder, with `BeatConfig(band_high_hz=40)`. What happens to R in V5?
#
# :::{admonition} Solutions
# :class: dropdown
# 1. The noise of one beat: the orange line follows one of the grey ones.
# 2. It gets lower, by some percent: a part of the height of a narrow QRS lies above 40 Hz. The filter band of a cart therefore changes voltage criteria, and all ECGs of a study should have the same.
# :::
