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
# **Question.** Do sex-specific models find hypertrophy better than a pooled one?
#
# The paper reports a higher c-statistic for sex-specific models, each in its sex, than for the pooled model in everyone, by DeLong's test {cite:p}`pan2026,delong1988`.
# LVH is a mass *index* above a cut-off *of one's sex*, while the score is grams.
# So the same predictor scores lower where men and women are mixed, however it was trained.
# The fair comparison sets both models on the same people.

# %% tags=["hide-input"]
import pandas as pd
from lvmass import Study
from lvmass.config import default_study_file
from lvmass.evaluation import c_statistics, compare_training, lvh_score
from lvmass.figures.results import intervals, roc_curves
from lvmass.figures.style import SEX_COLOURS
from lvmass.pages import banner, beside, mean_sd, say, table, with_interval

study = Study.from_toml(default_study_file())
banner(study)

# %%
cutoffs = study.config.lvh.cutoffs_g_m2
predictions = study.predictions()
aucs = c_statistics(predictions, cutoffs)
own = aucs[aucs["model"] == "elvmass-net"]


# %% tags=["hide-input"]
def find(training, sex, score):
    return own[
        (own["training"] == training) & (own["sex"] == sex) & (own["score"] == score)
    ].iloc[0]


def number(row):
    return str(row["note"]) if pd.isna(row["auc"]) else f"{row['auc']:.2f}"


steps = [
    ("pooled model, everyone, grams", find("pooled", "all", "grams")),
    ("pooled model, men, grams", find("pooled", "male", "grams")),
    ("pooled model, women, grams", find("pooled", "female", "grams")),
    ("pooled model, everyone, index over cut-off", find("pooled", "all", "indexed")),
    ("sex-specific model, men, grams", find("sex-specific", "male", "grams")),
    ("sex-specific model, women, grams", find("sex-specific", "female", "grams")),
]
say(
    f"One and the same pooled network has a c-statistic of {number(steps[0][1])} in everyone, {number(steps[1][1])} within men, "
    f"{number(steps[2][1])} within women, and {number(steps[3][1])} in everyone once its grams are divided by body surface and by the cut-off of the sex. "
    f"Sex-specific training gives {number(steps[4][1])} in men and {number(steps[5][1])} in women."
)

# %% tags=["hide-input"]
ladder = pd.DataFrame([row for _, row in steps]).assign(
    label=[label for label, _ in steps]
)
intervals(
    ladder[ladder["auc"].notna()],
    label="label",
    value="auc",
    low="ci_low",
    high="ci_high",
    axis_label="c-statistic for LVH",
    title="Where the gap comes from",
)

# %% [markdown]
# ## Published beside ours

# %% tags=["hide-input"]
ours = {}
for key, row in {
    "auc_male": steps[4][1],
    "auc_female": steps[5][1],
    "auc_pooled": steps[0][1],
}.items():
    folds = mean_sd(row["fold_mean"], row["fold_sd"])
    everyone = with_interval(row, "auc", digits=2)
    people = f"{row['n_lvh']} of {row['n_subjects']} with LVH"
    ours[key] = f"{folds}; all folds {everyone}; {people}"
beside(
    ours,
    "C-statistics of eLVMass-Net: mean ± SD over folds, and over all with a 95 % interval.",
)

# %% [markdown]
# ## The test as published, and the fair one
#
# *Unpaired as published* sets the sex-specific model in one sex against the pooled model in everyone, as if they were different people.
# *Paired within sex* sets both models on the people of one sex.

# %%
tests = compare_training(predictions, cutoffs).query(
    "model == 'elvmass-net' and score == 'grams'"
)

# %% tags=["hide-input"]
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
        "p": tests["p_value"],
        "p (Holm)": tests["p_holm"],
    }
)
table(shown, "DeLong's test.", digits=3)

# %% tags=["hide-input"]
curves = {}
for training, sex, label, colour in (
    ("pooled", "all", "pooled, everyone", SEX_COLOURS["all"]),
    ("sex-specific", "male", "sex-specific, men", SEX_COLOURS["male"]),
    ("sex-specific", "female", "sex-specific, women", SEX_COLOURS["female"]),
):
    chosen = predictions.query("model == 'elvmass-net' and training == @training")
    chosen = chosen if sex == "all" else chosen[chosen["sex"] == sex]
    if chosen["lvh"].nunique() == 2:
        curves[f"{label}: {number(find(training, sex, 'grams'))}"] = (
            chosen["lvh"],
            lvh_score(chosen, "grams"),
            colour,
        )
roc_curves(curves, "LVH by estimated grams")

# %% [markdown]
# ## Every model

# %% tags=["hide-input"]
wide = aucs.assign(
    cell=[number(row) for _, row in aucs.iterrows()],
    who=aucs["sex"].replace({"all": "everyone"}) + ", " + aucs["score"],
).pivot_table(
    index=["model", "training"],
    columns="who",
    values="cell",
    aggfunc="first",
    sort=False,
)
table(
    wide.reset_index(), "C-statistics for LVH: estimated grams, or index over cut-off."
)

# %% [markdown]
# ## What could be wrong
#
# - With another cut-off the prevalence, and with it every number here, moves (chapter 1).
# - DeLong's test takes people for independent and the models for fixed; it says nothing of what another training run would give.
# - Out-of-fold scores of five different fold models are pooled into one curve; the column "over folds" avoids that.
#
# ## On your cohort
#
# `delong_paired(y_true, score_a, score_b)` and `delong_unpaired(...)` take plain arrays and can be used without the rest of the study.
