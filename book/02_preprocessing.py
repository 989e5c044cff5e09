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
from pathlib import Path

import pandas as pd
from IPython.display import display
from lvmass import Study
from lvmass.ecg import (
    check_quality,
    detect_r_peaks,
    lvh_criteria,
    measure_beat,
    read_ecg,
    synchronized_beat,
)
from lvmass.report.figures.ecg import (
    aligned_beats,
    from_raw_to_peaks,
    mean_beats,
    measured_beat,
    twelve_leads,
)
from lvmass.report.pages import banner, say, table
from lvmass.study.settings import default_study_file
from pydicom.data import get_testdata_file

study = Study.from_toml(default_study_file())
banner(study)

# %% [markdown]
# ## A real recording, step by step
#
# The DICOM library ships one resting ECG of a real person, recorded by a Mortara el250.

# %%
recording = read_ecg(str(get_testdata_file("waveform_ecg.dcm")))
twelve_leads(recording, "A real resting ECG")

# %% [markdown]
# R peaks are looked for in all leads together:

# %%
r_peaks = detect_r_peaks(recording.signal_mv, recording.sampling_rate_hz)
from_raw_to_peaks(recording, r_peaks)

# %% [markdown]
# and the beats around them become one:

# %%
config = study.config.beat
beat = synchronized_beat(recording, config)
aligned_beats(recording, beat)

# %% [markdown]
# Intervals and axes are measured on the synchronized beat, in all leads together:

# %% tags=["hide-input"]
say(
    f"This study keeps {config.band_low_hz:g} to {config.band_high_hz:g} Hz, cuts {config.window_before_ms:g} ms before "
    f"to {config.window_after_ms:g} ms after R, and combines beats by '{config.average}'."
)

# %%
measured = measure_beat(beat)
measured_beat(beat, measured)

# %% [markdown]
# The device printed its own measurements of this very recording, which makes a small test of ours:

# %% tags=["hide-input"]
device = {"RR interval (ms)": 982, "QRS duration (ms)": 75}
ours = {
    "RR interval (ms)": 60_000 / measured.heart_rate_bpm,
    "QRS duration (ms)": measured.qrs_duration_ms,
}
compared = pd.DataFrame(
    {
        "": list(device),
        "device": list(device.values()),
        "ours": [ours[name] for name in device],
    }
)
table(compared, "Published by the device, and measured here.", digits=0)

# %% tags=["hide-input"]
criteria = pd.DataFrame(
    {
        "criterion": name,
        "value": c.value,
        "threshold": c.threshold,
        "unit": c.unit,
        "positive": "yes" if c.positive else "no",
        "source": c.source,
    }
    for name, c in lvh_criteria(beat, measured, "female").items()
)
display(table(criteria, "ECG criteria of LVH on the synchronized beat."))
quality = check_quality(recording)
say(
    "Quality findings: "
    + (" ".join(finding.message for finding in quality.findings) or "none.")
)

# %% [markdown]
# ## The whole cohort
#
# The same steps run over every person of the study; nobody is dropped without a reason.

# %%
beats = {name: study.beats(name) for name in study.cohort_names()}
flow = pd.DataFrame(
    {
        "cohort": study.config.cohort(name).label,
        "recordings": len(b.report),
        "usable": int(b.report["usable"].sum()),
        "not usable": int((~b.report["usable"]).sum()),
        "beats combined, median": int(b.report["n_beats"].median()),
    }
    for name, b in beats.items()
)
table(flow, "From recordings to beats.")

# %% tags=["hide-input"]
reasons = pd.concat(b.report[~b.report["usable"]] for b in beats.values())[
    "reason"
].value_counts()
say(
    "Reasons: "
    + (
        "; ".join(f"{reason} ({count})" for reason, count in reasons.items())
        or "none, every recording was usable."
    )
)

# %%
development = beats["development"]
mean_beats(
    development.waveform_mv, development.people["sex"].to_numpy(), development.time_ms
)

# %% tags=["hide-input"]
names = [
    "heart_rate_bpm",
    "pr_interval_ms",
    "qrs_duration_ms",
    "qtc_ms",
    "qrs_axis_deg",
]
spread = pd.DataFrame({"": names})
for sex, group in development.people.groupby("sex"):
    spread[str(sex)] = [
        f"{group[name].mean():.0f} ({group[name].std():.0f})" for name in names
    ]
table(spread, "Measured on the synchronized beats: mean (SD) by sex.")

# %% [markdown]
# ## Against readers and a device
#
# The numbers above are about one recording.
# The benchmarks in `benchmarks/` measure the same functions on open databases, which this book does not ship: wave boundaries set by readers in LUDB {cite:p}`ludb2020`, beats annotated in the MIT-BIH Arrhythmia Database {cite:p}`mitbih2001`, a cart's own beat, and ECG statements in PTB-XL {cite:p}`ptbxl2020`.
# Their last results are kept in `book/validation/`.

# %%
found = {
    path.stem: json.loads(path.read_text())
    for path in Path("validation").glob("*.json")
}
waves = ["P onset", "P offset", "QRS onset", "QRS offset", "T offset"]
boundaries = found["ecg_delineation"]

# %% tags=["hide-input"]
rows = []
for wave in waves:
    own, peer = boundaries[f"{wave} lvmass"], boundaries[f"{wave} NeuroKit2 dwt"]
    rows.append(
        {
            "wave": wave,
            "lvmass, bias ± SD (ms)": f"{own['bias_ms']:.1f} ± {own['sd_ms']:.1f}",
            "NeuroKit2, bias ± SD (ms)": f"{peer['bias_ms']:.1f} ± {peer['sd_ms']:.1f}",
            "recordings": own["n"],
        }
    )
display(
    table(
        pd.DataFrame(rows), "Wave boundaries against LUDB's readers, real recordings."
    )
)
peaks = found["ecg_peaks"]
detected = {
    "LUDB, 100 recordings": "LUDB",
    "MIT-BIH 100, 105, 119, 208": "MIT-BIH",
    "the same with baseline drift, 6 dB": "MIT-BIH + drift 6 dB",
    "the same with muscle noise, 6 dB": "MIT-BIH + muscle 6 dB",
}
methods = ("lvmass", "NeuroKit2", "XQRS")
rows = [
    {
        "recordings": shown,
        **{f"{m}, F1": f"{peaks[f'{name} {m}']['f1']:.4f}" for m in methods},
    }
    for shown, name in detected.items()
]
display(table(pd.DataFrame(rows), "R peaks within 100 ms of the readers' beats."))
device = found["ecg_beat"]
averages = {
    "trimmed mean": "device default (trimmed mean)",
    "median": "device median",
    "mean": "device mean",
    "single beat": "device single",
    "each lead aligned alone": "device per-lead alignment",
}
agreement = pd.DataFrame(
    {
        "beats combined by": name,
        "correlation": f"{device[key]['correlation']:.4f}",
        "difference, RMS (µV)": device[key]["rms_uv"],
    }
    for name, key in averages.items()
)
display(
    table(
        agreement,
        "Synchronized beat against the beat that a cart made of the same real recording.",
    )
)
separated = found["ecg_criteria"]
criteria_auc = pd.DataFrame(
    {
        "criterion": name,
        "AUC (95 % interval)": f"{row['auc']:.2f} ({row['low']:.2f} to {row['high']:.2f})",
    }
    for name, row in separated.items()
    if isinstance(row, dict)
)
caption = (
    f"LVH statements ({separated['n_lvh']}) against normal ECGs ({separated['n_normal']}) in PTB-XL. "
    "The statements are readings of the same ECGs, so this checks our measurements, not the criteria."
)
table(criteria_auc, caption)

# %% [markdown]
# ## What could be wrong
#
# - One beat for ten seconds hides beat-to-beat change; whatever arrhythmia says about mass is lost here.
# - Voltages are absolute. A recording in the wrong unit would pass for a giant or a tiny heart, so such recordings are refused.
# - Window, filter and averaging are our choices, not the paper's.
#
# ## On your cohort
#
# `read_ecg` reads DICOM, WFDB, the common vendors' XML, SCP-ECG, EDF and plain arrays; the section `[beat]` of the study file sets window, filter and averaging.
