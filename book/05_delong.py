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
# # 5 DeLong
#
# **Question.** Do sex-specific models find hypertrophy better than one model for all, and how much of the published gap would be there without any training?

# %% tags=["hide-input"]
import pandas as pd
from IPython.display import display
from lvmass import Study
from lvmass.evaluation import lvh_score, paired_sample_size
from lvmass.report.figures.evaluation import (
    SEX_WORDS,
    gap_ladder,
    roc_beside_criteria,
    steps_by,
)
from lvmass.report.figures.results import roc_curves
from lvmass.report.figures.style import SEX_COLOURS
from lvmass.report.pages import (
    banner,
    beside,
    mean_sd,
    p_value,
    pick,
    say,
    table,
    verdict,
    with_interval,
)
from lvmass.report.published import PUBLISHED
from lvmass.study.settings import default_study_file

study = Study.from_toml(default_study_file())
banner(study)

# %%
results = study.results()
every_gap = pick(results["gap"], model="elvmass-net")
gap = pick(every_gap, cohort="development", cutoffs="study file")
mean = pick(gap, sex="mean").set_index("quantity")
known = (pick(gap, sex="mean", quantity="gap")["note"] == "").all()

# %% tags=["hide-input"]
gap_text, mechanical, training = (
    with_interval(mean.loc[name], digits=3)
    for name in ("gap", "mechanical", "training")
)
ends = [
    with_interval(mean.loc[name], digits=2)
    for name in ("pooled in everyone", "pooled", "sex-specific")
]
share = with_interval(mean.loc["mechanical share"], digits=0, unit=" %")
percent = pick(gap, sex="mean", quantity="mechanical share").iloc[0]["estimate"]
more = " (more than all, because the training part points the other way)"
more = more if pd.notna(percent) and percent > 100 else ""
trained = verdict(
    mean.loc["training"],
    "it helped",
    "it did harm",
    "no difference that can be told from zero",
)
say(
    f"**Answer.** One model for all has a c-statistic of {ends[0]} in everyone; models of one sex have {ends[2]} in their sex (mean of women and men, 95 % intervals). The gap is {gap_text}. "
    f"**Its mechanical part is {mechanical}, as a share of the gap {share}**{more}: the *same* model for all, judged within each sex, has {ends[1]}, without any training. "
    f"What training on one sex adds, on the same people, is {training}: {trained}."
    if known
    else "**Answer.** None: there are too few people with LVH, or without, in one of the sexes."
)

# %% tags=["hide-input"]
facts = {"everyone": "auc_pooled", "female": "auc_female", "male": "auc_male"}
published = {name: PUBLISHED[key] for name, key in facts.items()}
gap_ladder(gap, published, "From the pooled to the sex-specific c-statistic, in steps")

# %% tags=["hide-input"]
say(
    f"The paper reports {published['male'].value:.2f} in men and {published['female'].value:.2f} in women for sex-specific models against {published['everyone'].value:.2f} for the pooled one in everyone: the last rung against the first. "
    "Its abstracts do not give the rung between, the pooled model within each sex, so the mechanical part of *its* gap is unknown."
)

# %% [markdown]
# ## Why the same model scores lower in everyone
#
# LVH is a mass *index* above a cut-off *of one's sex*; the score is grams.
# A c-statistic is the share of pairs, one person with LVH and one without, in which the one with LVH has more grams.
# Within a sex that is a fair question.
# But a woman with LVH may well have a lighter heart than a man without.

# %%
pairs = pick(results["pair_kinds"], cohort="development", model="elvmass-net")
pairs = pick(pairs, training="pooled")

# %% tags=["hide-input"]
words = {"female": "woman", "male": "man"}
grams, indexed = (pick(pairs, score=score) for score in ("grams", "indexed"))
shown = pd.DataFrame(
    {
        "with LVH": grams["sex_with_lvh"].map(words),
        "without LVH": grams["sex_without"].map(words),
        "share of pairs (%)": 100 * grams["share"],
        "ranked right by grams (%)": 100 * grams["c_statistic"],
        "by index over cut-off (%)": 100 * indexed["c_statistic"].to_numpy(),
    }
)
display(table(shown, "Pairs behind the pooled c-statistic, same model.", digits=0))
measured = {
    name: with_interval(mean.loc[name], digits=2)
    for name in ("measured mass in everyone", "measured mass")
}
index_text = with_interval(mean.loc["pooled in everyone, indexed"], digits=2)
say(
    verdict(
        mean.loc["mechanical, measured mass"],
        "No model escapes, for not even the *measured* mass does",
        "The *measured* mass goes the other way here",
        "For the *measured* mass, the two are not told apart here",
    )
    + f": in grams it has a c-statistic of {measured['measured mass in everyone']} in everyone and {measured['measured mass']} within the sexes. "
    f"Dividing the estimated grams by body surface and by the cut-off of the sex, which needs no training either, gives {index_text} in everyone."
    if known
    else "There are too few people to say what the measured mass would have."
)

# %% [markdown]
# ## The test as published, and the fair one
#
# The paper compares by DeLong's test {cite:p}`pan2026,delong1988`.
# *Unpaired as published* sets the sex-specific model in one sex against the pooled model in everyone, as if they were different people.
# Men and women are part of everyone, so one more p value respects the people they share.
# *Paired within sex* sets both models on the same people of one sex: the question that matters to a patient.

# %% tags=["hide-input"]
tests = pick(
    results["training_comparison"],
    cohort="development",
    model="elvmass-net",
    score="grams",
)
shown = pd.DataFrame(
    {
        "comparison": tests["comparison"],
        "sex": tests["sex"],
        "sex-specific": tests["auc_a"],
        "pooled": tests["auc_b"],
        "difference (95 % interval)": [
            with_interval(row, "difference", digits=3) for _, row in tests.iterrows()
        ],
        "z": tests["z"],
        "p": tests["p_value"].map(p_value),
        "p, shared people": tests["p_overlap"].map(p_value),
        "p, Holm": tests["p_holm"].map(p_value),
    }
)
display(table(shown, "DeLong's test of eLVMass-Net, by grams.", digits=3))
low = tests[(tests["p_value"] < 0.05).fillna(False)]
names = [f"{row['comparison']}, {row['sex']}" for _, row in low.iterrows()]
say(f"P below 0.05: {'; '.join(names) or 'in none of them'}.")

# %% tags=["hide-input"]
aucs = pick(results["c_statistics"], cohort="development", score="grams")
aucs = pick(aucs, model="elvmass-net")
lines = {
    "auc_pooled": ("pooled", "all"),
    "auc_male": ("sex-specific", "male"),
    "auc_female": ("sex-specific", "female"),
}
ours = {}
for key, (training_name, sex) in lines.items():
    row = pick(aucs, training=training_name, sex=sex).iloc[0]
    folds = mean_sd(row["fold_mean"], row["fold_sd"])
    n = f"{row['n_lvh']} of {row['n_subjects']} with LVH"
    ours[key] = f"{folds}; all folds {with_interval(row, 'auc', digits=2)}; {n}"
display(beside(ours, "C-statistics: mean ± SD over folds; over all, 95 % interval."))
predictions = pick(study.predictions(), model="elvmass-net")
curves = {}
for training_name, sex in lines.values():
    people = pick(predictions, training=training_name)
    people = people if sex == "all" else pick(people, sex=sex)
    name = "pooled, everyone" if sex == "all" else f"sex-specific, {SEX_WORDS[sex]}"
    if people["lvh"].nunique() == 2:
        curves[name] = people["lvh"], lvh_score(people, "grams"), SEX_COLOURS[sex]
roc_curves(curves, "LVH by estimated grams, as published") if curves else None

# %% [markdown]
# ## Training taken apart: fewer people, and one sex only
#
# A sex-specific model learns from fewer people, which costs, and from one sex only, which may pay.
# So the same network is also trained on both sexes, but on no more people than there are of the one (*as few*).
#
# Whether one sex only can pay depends on whether the ECG follows mass *otherwise* in women and men.
# The simulator has a switch for that: its *twins* are the same people with the switch off.
# They are given to a regression on demographics, ECG parameters and criteria, which trains in seconds. It has a term for each product of sex with a measurement, so that it, too, can learn from both sexes what differs between them.


# %% tags=["hide-input"]
def steps_of(model, cohort):
    rows = pick(results["gap"], model=model, cohort=cohort, sex="mean")
    return pick(rows, cutoffs="study file")


fits = results["gap"][["model", "cohort"]].drop_duplicates()
groups = {
    f"{model},\n{cohort}": steps_of(model, cohort)
    for model, cohort in fits.itertuples(index=False)
    if len(steps_of(model, cohort))
}
display(steps_by(groups, ["mechanical", "fewer people", "one sex only"], "Three steps"))


def cell(rows, step):
    row = pick(rows, quantity=step)
    return with_interval(row.iloc[0], digits=3) if len(row) else "not computed"


def steps_row(name, rows):
    steps = ("gap", "mechanical", "training", "fewer people", "one sex only")
    n = rows[["n_lvh", "n_subjects"]].max().tolist()
    people = "" if pd.isna(n[0]) else f"{n[0]:.0f} of {n[1]:.0f}"
    start = {"": name.replace("\n", " "), "with LVH": people}
    return start | {step: cell(rows, step) for step in steps}


table(
    pd.DataFrame([steps_row(name, rows) for name, rows in groups.items()]),
    "Steps of the c-statistic, mean of women and men (95 %).",
)

# %% tags=["hide-input"]
switch = [
    row
    for name, rows in groups.items()
    if " minus " in name
    for _, row in pick(rows, quantity="one sex only").iterrows()
]
sentences = [
    f"The switch changes what learning from one sex only adds by {with_interval(row, digits=3)}: "
    + verdict(
        row,
        "it pays where the ECG follows mass otherwise in women and men.",
        "it pays less with the switch on, which was not to be expected.",
        "not told from zero at this number of people.",
    )
    for row in switch
]
plan = {"auc_a": 0.77, "auc_b": 0.75, "prevalence": 0.2, "correlation": 0.8}
say(
    " ".join(sentences)
    + f" To find a true gain from {plan['auc_b']} to {plan['auc_a']} with a power of 80 %, the paired test needs about {paired_sample_size(**plan):,} people of one sex if {plan['prevalence']:.0%} have LVH and the two c-statistics correlate with {plan['correlation']}."
)

# %% [markdown]
# ## With another cut-off
#
# Hypertrophy is a convention; cut-offs of one modality and population move both prevalence and the mechanical part.

# %% tags=["hide-input"]
own = pick(every_gap, cohort="development", sex="mean")
by_cutoff = {
    f"{row['cutoffs']}\n({row['female_g_m2']:.0f} / {row['male_g_m2']:.0f} g/m²)": pick(
        own, cutoffs=row["cutoffs"]
    )
    for _, row in results["cutoffs"].iterrows()
}
display(steps_by(by_cutoff, ["mechanical", "training"], "By cut-off, women / men"))
table(
    pd.DataFrame([steps_row(name, rows) for name, rows in by_cutoff.items()]),
    "eLVMass-Net, steps by cut-off, mean of women and men (95 %).",
    digits=3,
)

# %% [markdown]
# ## Beside the classical criteria
#
# A criterion says yes or no, at a specificity of its own (dots). For a fair comparison the estimate, as index over cut-off, is read at that same specificity; McNemar's test compares who of the people with LVH is found.


# %% tags=["hide-input"]
def of(name, **where):
    return pick(results[name], cohort="development", sex="all", **where)


titles = {
    "sokolow_lyon_voltage_mv": "Sokolow-Lyon voltage",
    "cornell_voltage_mv": "Cornell voltage",
    "cornell_product_mv_ms": "Cornell product",
    "peguero_lo_presti_mv": "Peguero-Lo Presti",
}
fit = {"model": "elvmass-net", "training": "pooled"}
criteria = {
    title: (
        of("criteria_roc", criterion=name),
        of("criteria_points", criterion=name).iloc[0],
    )
    for name, title in titles.items()
}
ours = of("roc", score="indexed", **fit)
display(roc_beside_criteria(ours, criteria, "LVH in everyone, development"))
matched = of("criteria_at_equal_specificity", **fit)
matched = matched[matched["criterion"].isin(list(titles))]
shown = pd.DataFrame(
    {
        "criterion": matched["criterion"].map(titles),
        "specificity (%)": 100 * matched["specificity"],
        "sensitivity (%)": 100 * matched["criterion_sensitivity"],
        "eLVMass-Net there (%)": 100 * matched["model_sensitivity"],
        "p (Holm)": matched["p_holm"].map(p_value),
    }
)
table(shown, "Sensitivity for LVH at each criterion's own specificity.", digits=0)

# %% [markdown]
# ## Every model

# %% tags=["hide-input"]
aucs = pick(results["c_statistics"], cohort="development")
wide = aucs.assign(
    cell=[
        row["note"] if pd.isna(row["auc"]) else f"{row['auc']:.2f}"
        for _, row in aucs.iterrows()
    ],
    who=aucs["sex"].replace({"all": "everyone"}) + ", " + aucs["score"],
).pivot_table(
    index=["model", "training"],
    columns="who",
    values="cell",
    aggfunc="first",
    sort=False,
)
table(
    wide.reset_index().rename_axis(columns=None),
    "C-statistics for LVH: estimated grams, or index over cut-off.",
)

# %% [markdown]
# ## What could be wrong
#
# - The mechanical part depends on how far apart the sexes' masses and cut-offs lie; in another population it differs.
# - Intervals are DeLong's: people are independent and models fixed. They say nothing of what another training run would give; the steps of training would be wider with it.
# - The share is given only where the gap is told from zero; in small studies such gaps are overstated, and the mechanical share of them understated.
# - Out-of-fold scores of different fold models are pooled into one curve; the column "over folds" avoids that.
# - The switch of the simulator is one idea of how sexes could differ. A null result in twins says that the method finds nothing where there is nothing, not that women and men are alike.
#
# ## On your cohort
#
# This chapter needs `elvmass-net` with `training = ["pooled", "sex-specific"]`. The cut-offs are `[lvh]` in the study file. Every model that is trained both ways is taken apart; `[gap] twins` is for simulated cohorts only.
# Every number of this page is in `results/` beside the study file: `gap`, `pair_kinds`, `training_comparison`, `c_statistics`, `criteria_at_equal_specificity`.
