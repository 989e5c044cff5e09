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
# No real ECG was among those that the model was trained on. But how much voltage and duration say of mass in its simulator was also tried on records of PTB-XL that readers called hypertrophy, many of these among them ([appendix](90_simulator)).
#
# ## What these records can say
#
# PTB-XL {cite:p}`ptbxl2020` is a public collection of ECGs with the statements that readers made.

# %% tags=["remove-input"]
page.say(CAPTIONS["records"].format_map(ptb_xl))

# %% [markdown]
# **LVH by statement is not mass.** Readers saw the same ECG, and called LVH largely by voltage, so voltage criteria cannot but do well.
# Nobody's heart was measured. These numbers check that the model reads real voltages as it should; they say nothing of grams.
#
# The model is the one that ships with the package (`lvmass predict`), trained on simulated people.
# Its score is the estimated LVM index over the cut-off of the sex. Where no height or weight is stated, it gets the median of its training people of that sex.

# %% tags=["remove-input"]
real_ecgs.drawn(ptb_xl, "by_sex")

# %% [markdown]
# Each sex has a part of the ECGs with LVH only, so that its intervals are wider.

# %% tags=["remove-input"]
decided = page.say(CAPTIONS["decisions"].format_map(ptb_xl))
display(real_ecgs.drawn(ptb_xl, "index"), decided)

# %% [markdown]
# A line shows where nine of ten estimates lie. Estimates from weak signals are drawn towards the mean, so that a score may rank hearts and yet leave most of them undecided.
#
# ## Without voltage
#
# LUDB {cite:p}`ludb2020` holds ECGs with wave boundaries that readers set by hand, and diagnoses.

# %% tags=["remove-input"]
ludb = real["LUDB"]
display(
    page.say(CAPTIONS["scaled"].format_map(ludb)),
    real_ecgs.tabulated(ludb, "c_statistics", folded=True),
    real_ecgs.tabulated(ludb, "findings", folded=True),
)

# %% [markdown]
# What the tables say: how much ranking is left without voltage (an interval that holds 0.5 is not significantly different from chance), and what the front end noted of such recordings. Limb leads that were scaled one by one do not add up, as Einthoven's and Goldberger's laws want it.
#
# ## The front end against readers

# %% tags=["remove-input"]
edges = found["ecg_delineation"]
display(*real_ecgs.shown(edges, "boundaries", digits=1))

# %% [markdown]
# A dot is the mean difference from the readers' boundary, the line one SD to each side; at the right is twice the SD of the readers of the CSE working party, the usual tolerance.
# A method whose SD is below it differs from the readers no more than they do from each other.
# NeuroKit2 runs on each lead by itself, and the median over the leads is taken, of its points as of the readers'.
# Its default method, dwt, takes the last downstroke between the P wave and its Q point for the onset of the QRS complex. Where a lead has no Q wave, that is the end of the P wave, and the onset comes early ([issue 1042](https://github.com/neuropsychology/NeuroKit/issues/1042) of NeuroKit2, closed without a change). It is in the table only; the figure shows its newer method, prominence.

# %% tags=["remove-input"]
peaks = found["ecg_peaks"]
display(*real_ecgs.shown(peaks, "detectors", digits=4))

# %% [markdown]
# A line is a set of recordings, the lower ones with noise added: the way down says how much drift and muscle noise cost each detector.
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
# Two programs seldom agree to the ms, least of all at the faint ends of P and T.
# The second table holds beats that were combined, filtered or aligned otherwise against the cart's: the higher the correlation, the more alike.
#
# ## What went wrong

# %% tags=["remove-input"]
display(*real_ecgs.shown(ptb_xl, "findings"))

# %% [markdown]
# What is only noted stops no estimate: drift, for one, is taken away by filter and averaging.
# "No estimate" is what is refused: exchanged electrodes, and people out of the range of the subjects table, such as children.

# %% tags=["remove-input"]
display(*real_ecgs.shown(real, "mistakes"))

# %% [markdown]
# The recordings of MIT-BIH are long and were chosen for their arrhythmias; those of LUDB last ten seconds.
# A boundary is far off if it lies farther from the readers' than the tolerance of CSE. Kinds of ECG of which there are few have wide intervals.
#
# ## One ECG, live
#
# The patient's height and weight are not in the file; the two numbers below are guesses to be changed.

# %%
from lvmass.ecg import read_ecg
from lvmass.prediction import predict
from pydicom.data import get_testdata_file

recording = read_ecg(get_testdata_file("waveform_ecg.dcm"))
estimate = predict(
    recording,
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
# - A model of simulated people can be held against what readers said of real ECGs: the answer says which criteria it is better or worse than, and which it is not significantly different from.
# - To rank is not to decide: LVH is undecided wherever the interval of an estimate holds the cut-off.
# - Mass is read from true voltage: recordings that were scaled are noted by the front end, and of no use for it.
#
# ## Exercises
#
# 1. Predict with `height_cm=180` and `weight_kg=90`. What changes, and what does not?
# 2. Halve the voltage: after `from lvmass.ecg import Recording`, predict with `Recording(recording.signal_mv / 2, recording.sampling_rate_hz)`. Is the estimate halved?
#
# :::{admonition} Solutions
# :class: dropdown
# 1. The mass rises, as it does with size in the training people; the index rises less or not at all, and the measurements of the ECG stay.
# 2. No. Voltage is one of several things that the model weighs, beside sex, age and size; the estimate falls by some grams.
# :::
