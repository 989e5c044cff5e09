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
# # 9 Real ECGs
#
# **Question.** A model that has only seen simulated hearts: what does it make of real ECGs, and what goes wrong?

# %% tags=["remove-input"]
import json
from pathlib import Path

from IPython.display import display
from lvmass import Study
from lvmass.report import page, real_ecgs
from lvmass.report.words import CAPTIONS, facts
from lvmass.study.settings import default_study_file

study = Study.from_toml(default_study_file())
names = ["real_ecgs", "ecg_delineation", "ecg_peaks", "ecg_beat"]
found = {
    name: json.loads(Path(f"validation/{name}.json").read_text())
    for name in names
}
real = found["real_ecgs"]
page.banner(study)

# %% tags=["remove-input"]
real_ecgs.answer(real["PTB-XL"], real["LUDB"])

# %% tags=["remove-input"]
ptb_xl = real["PTB-XL"]
display(*real_ecgs.shown(ptb_xl, "c_statistics"))

# %% [markdown]
# Each dot is a {term}`c-statistic <c-statistic (AUC)>`, the line its 95 % interval; 0.5 is chance.
# The model keeps up with the best criteria, although it has never seen a real ECG.
#
# ## What these records can say
#
# PTB-XL {cite:p}`ptbxl2020` is a public collection of ECGs with the statements that readers made.
# At hand were some hundred of its records; those with the statement LVH, or voltage criteria for LVH, stand against those called normal, one ECG a patient.
# **LVH by statement is not mass.** Readers saw the same ECG, and called LVH largely by voltage, so voltage criteria cannot but do well.
# Nobody's heart was measured. These numbers check that the model reads real voltages as it should; they say nothing of grams.
#
# The model is the one that ships with the package (`lvmass predict`), trained on simulated people.
# Its score is the estimated LVM index over the cut-off of the sex. Where no height or weight is stated, it gets the median of its training people of that sex.

# %% tags=["remove-input"]
real_ecgs.drawn(ptb_xl, "by_sex")

# %% [markdown]
# By sex the intervals are wide: there are few ECGs with LVH in each.

# %% tags=["remove-input"]
decided = page.say(CAPTIONS["decisions"].format_map(ptb_xl))
display(real_ecgs.drawn(ptb_xl, "index"), decided)

# %% [markdown]
# It ranks well and decides little. A line shows where nine of ten estimates lie; all are drawn towards the mean, as estimates from weak signals are.
#
# ## Voltage is what it reads
#
# LUDB {cite:p}`ludb2020` holds ECGs with wave boundaries that readers set by hand, and diagnoses.
# In the copy at hand every lead of every ECG has the same height: the voltages are lost, only shape and time are left.
# The model then ranks LVH not much better than chance, and so does every voltage criterion. A recording that was scaled is useless for mass, and the front end says so of most of them: Einthoven's law is not met.
#
# ## The front end against readers

# %% tags=["remove-input"]
edges = found["ecg_delineation"]
display(*real_ecgs.shown(edges, "boundaries", digits=1))

# %% [markdown]
# A dot is the mean difference from the readers' boundary, the line one SD to each side; at the right is twice the SD of the readers of the CSE working party, the usual tolerance.
# The SD of this package is below it at every boundary.
# NeuroKit2 runs on each lead by itself, and the median over the leads is taken, of its points as of the readers'.
# Its default method, dwt, takes the last downstroke between the P wave and its Q point for the onset of the QRS complex. Where a lead has no Q wave, that is the end of the P wave, and the onset comes early ([issue 1042](https://github.com/neuropsychology/NeuroKit/issues/1042) of NeuroKit2, closed without a change). It is in the table only; the figure shows its newer method, prominence.

# %% tags=["remove-input"]
peaks = found["ecg_peaks"]
display(*real_ecgs.shown(peaks, "detectors", digits=4))

# %% [markdown]
# Without noise all but XQRS find nearly every beat; muscle noise is what makes R peaks go astray.
# NeuroKit2 and XQRS run as their documentation shows; they take one lead: lead II in LUDB, the first, a modified lead II, in MIT-BIH {cite:p}`mitbih2001`. "lvmass one lead" gets the same.
#
# ## Against a cart
#
# The cart that made the recording of [chapter 2](02_preprocessing) printed measurements and a beat of its own.

# %% tags=["remove-input"]
display(
    real_ecgs.tabulated(edges, "cart", digits=1),
    real_ecgs.tabulated(
        found["ecg_beat"], "beats", digits=3, folded=True
    ),
)

# %% [markdown]
# Most differ by a few ms or degrees. PR is shorter here and QT longer: the faint ends of P and T are where any two programs disagree.
# Leads that are aligned one by one give the beat that is least like the cart's.
#
# ## What went wrong

# %% tags=["remove-input"]
display(*real_ecgs.shown(ptb_xl, "findings"))

# %% [markdown]
# Drift is the commonest; a beat is cut all the same, because filter and averaging take drift away.
# "No estimate" is what is refused: exchanged electrodes, and people out of the range of the subjects table, such as children.

# %% tags=["remove-input"]
display(*real_ecgs.shown(real, "mistakes"))

# %% [markdown]
# R peaks were missed or made up only in the long recordings of MIT-BIH, which were chosen for their arrhythmias.
# A boundary is most often far off in paced rhythm, of which there are few ECGs; QRS onset and the end of P are the hardest.
#
# ## One ECG, live
#
# The patient's height and weight are not in the file; the two numbers below are guesses to be changed.

# %%
from lvmass.ecg import read_ecg
from lvmass.prediction import predict
from pydicom.data import get_testdata_file

estimate = predict(
    read_ecg(get_testdata_file("waveform_ecg.dcm")),
    sex="female",
    age_years=42,
    height_cm=160,
    weight_kg=58,
)
said = [f"- {what}: {text}" for what, text in facts(estimate)]
page.say("\n".join(said[:5]))

# %% [markdown]
# The device called this ECG normal. The interval is wide, and that is honest: height, weight and voltage do not say more.
#
# ## What could be wrong
#
# - Few ECGs: a handful of records more or less with LVH would move every number of the first figure.
# - The recordings of LUDB, MIT-BIH, PTB-XL and the cart were all at hand while `lvmass.ecg` and the simulator were developed. None was kept apart, so these are results of development, not of unseen recordings.
# - Labels are statements about ECGs. A test of mass needs masses: your cohort.
#
# ## On your cohort
#
# `lvmass predict FILE` estimates one ECG, and `benchmarks/real_ecgs.py --data DIR` writes the numbers of this page anew, with `--model DIR` for a model of your own.
# What it takes to train one is the subject of [chapter 8](08_your_cohort).
#
# ## Summary
#
# - Trained on simulated people only, the model ranks real ECGs about as well as the best criteria do.
# - Its interval holds the cut-off in almost everybody: it ranks, it does not decide.
# - Scaled voltages undo it; the front end notes them.
#
# ## Exercises
#
# 1. Predict with `height_cm=180` and `weight_kg=90`. What changes, and what does not?
# 2. Halve the voltage: `Recording(recording.signal_mv / 2, recording.sampling_rate_hz)`. Is the estimate halved?
#
# :::{admonition} Solutions
# :class: dropdown
# 1. The mass rises, as it does with size in the training people; the index rises less or not at all, and the measurements of the ECG stay.
# 2. No. Voltage is one of several things that the model weighs, beside sex, age and size; the estimate falls by some grams.
# :::
