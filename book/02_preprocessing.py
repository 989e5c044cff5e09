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
#
# The paper credits its gain to *synchronized single-heartbeat* extraction {cite:p}`pan2026`.
# Its filters, window and averaging are not public.
# Here all twelve leads are cut at one common R peak, so that the time between leads is kept, and the beats that look like the dominant one are combined into one.

# %% tags=["hide-input"]
import json
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from IPython.display import display
from lvmass import Study
from lvmass.ecg import detect_r_peaks, examine, lvh_criteria, read_ecg
from lvmass.report import ecg_figures, page, preprocessing
from lvmass.report.words import printed
from lvmass.study.settings import default_study_file
from pydicom.data import get_testdata_file

study = Study.from_toml(default_study_file())
found = {
    path.stem: json.loads(path.read_text())
    for path in Path("validation").glob("ecg_*.json")
}
page.banner(study)

# %%
beats = {name: study.beats(name) for name in study.cohort_names()}
preprocessing.beat_answer(beats, found, study.small_cell)

# %% [markdown]
# ## A real recording, step by step
#
# The DICOM library ships one resting ECG of a real person, a woman, recorded by a Mortara el250.

# %%
recording = read_ecg(str(get_testdata_file("waveform_ecg.dcm")))
ecg_figures.twelve_leads(recording, "A real resting ECG")

# %% [markdown]
# R peaks are looked for in all leads together:

# %%
rate_hz = recording.sampling_rate_hz
r_peaks = detect_r_peaks(recording.signal_mv, rate_hz)
ecg_figures.from_raw_to_peaks(recording, r_peaks)

# %% [markdown]
# and the beats around them become one, on which intervals and axes are measured in all leads together:

# %%
config = study.config.beat.model_copy(update={"min_beats": 1})
beat, measured, findings = examine(recording, config)
ecg_figures.aligned_beats(recording, beat)

# %%
ecg_figures.measured_beat(beat, measured)

# %%
preprocessing.beat_settings(config, findings)

# %% [markdown]
# The device printed its own measurements of this very recording, which makes a small test of ours:

# %%
rr_ms, qrs_ms = 982, 75  # as the device printed them
ours = 60_000 / measured.heart_rate_bpm, measured.qrs_duration_ms
page.say(
    f"RR interval: {rr_ms} ms by the device, {ours[0]:.0f} ms here. "
    f"QRS duration: {qrs_ms} and {ours[1]:.0f} ms."
)

# %%
criteria = pd.DataFrame(
    {"criterion": printed(name)} | asdict(criterion)
    for name, criterion in lvh_criteria(
        beat, measured, "female"
    ).items()
)
page.table(
    criteria,
    "ECG criteria of LVH in this one beat (thresholds of women).",
)

# %% [markdown]
# ## The whole cohort
#
# The same steps run over every person of the study; nobody is dropped without a reason.

# %%
rows = preprocessing.flow_table(beats, study.small_cell)
page.table(rows, "From recordings to beats.")

# %%
own = beats["development"]
sex = own.people["sex"].to_numpy()
few = study.small_cell
ecg_figures.mean_beats(own.waveform_mv, sex, own.time_ms, few)

# %%
caption = "Measured on the synchronized beats: mean (SD)."
page.table(preprocessing.measured_by_sex(own.people, few), caption)

# %% [markdown]
# ## Against readers and a device
#
# The numbers above are about one recording.
# The benchmarks in `benchmarks/` measure the same functions on open databases, which this book does not ship: wave boundaries set by readers in LUDB {cite:p}`ludb2020`, beats annotated in the MIT-BIH Arrhythmia Database {cite:p}`mitbih2001`, a cart's own beat, and ECG statements in PTB-XL {cite:p}`ptbxl2020`.
# Their last results are kept in `book/validation/`.

# %%
display(*preprocessing.validation(found))

# %% [markdown]
# NeuroKit2 and XQRS run as their documentation shows; they take one lead.
# For R peaks they get lead II in LUDB and the first lead, a modified lead II, in MIT-BIH; "lvmass one lead" gets the same.
# For wave boundaries NeuroKit2 runs on each lead by itself, and the median over the leads is taken, of its points as of the readers'.
# Its default method, dwt, takes the last downstroke between the P wave and its Q point for the onset of the QRS complex. Where a lead has no Q wave, that is the end of the P wave, and the onset comes early ([issue 1042](https://github.com/neuropsychology/NeuroKit/issues/1042) of NeuroKit2, closed without a change). Its newer method, prominence, is therefore shown as well.
#
# The recordings of LUDB, MIT-BIH, PTB-XL and the cart were all at hand while `lvmass.ecg` was developed, and its tests use them. None was kept apart, so these are results of development, not of unseen recordings.
#
# The statements of PTB-XL are readings of the same ECGs, so they check our measurements, not the criteria.
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
