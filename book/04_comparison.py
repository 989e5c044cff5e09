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
# # 4 Comparison
#
# **Question.** Is eLVMass-Net better than simpler estimates and than other networks, on the same people?
#
# The paper beats two networks it does not name in its abstract {cite:p}`pan2026`.
# We set two published designs beside ours, LVM-AI-style on the ten-second signal {cite:p}`khurshid2021` and the Naderi FCN on the median beat {cite:p}`naderi2026`, and three floors that read no waveform: the sex median, demographics, and demographics with ECG parameters.
# All see the same folds, and the networks the same covariates.

# %% tags=["hide-input"]
import pandas as pd
from IPython.display import display
from lvmass import Study
from lvmass.config import default_study_file
from lvmass.evaluation import compare_errors, fold_errors, pooled_errors
from lvmass.figures.results import intervals
from lvmass.pages import banner, beside, error_table, say, table, with_interval

study = Study.from_toml(default_study_file())
banner(study)

# %% [markdown]
# ## Errors of every model

# %%
predictions = study.predictions()
by_fold = fold_errors(predictions)
pooled = pooled_errors(predictions, n_resamples=study.config.bootstrap)
table(error_table(by_fold, pooled), "Out-of-fold errors in the development cohort.")

# %% tags=["hide-input"]
mae = pooled.query("metric == 'mae_g' and sex == 'all'")
mae = mae.assign(label=mae["model"] + " (" + mae["training"] + ")")
intervals(
    mae,
    label="label",
    value="estimate",
    low="ci_low",
    high="ci_high",
    axis_label="MAE (g)",
    title="Out-of-fold error",
)

# %% tags=["hide-input"]
best = mae[mae["model"].isin(["lvm-ai", "fcn"])].sort_values("estimate").iloc[0]
own = mae[(mae["model"] == "elvmass-net") & (mae["training"] == "pooled")].iloc[0]
ours = {
    "mae_g": f"{own['estimate']:.2f} g",
    "comparator_mae_g": f"{best['estimate']:.2f} g ({best['model']})",
}
display(beside(ours, "Published errors beside ours."))
median = mae[mae["model"] == "sex-median"].iloc[0]
say(
    f"The sex median, which needs no ECG at all, has an MAE of {median['estimate']:.2f} g here. "
    "The abstracts report no such floor; without one, an error in grams is hard to judge."
)

# %% [markdown]
# ## Differences on the same people
#
# Each person has an error under each model. Their differences, resampled over people, say more than five fold means can.

# %%
differences = compare_errors(
    predictions, "elvmass-net", n_resamples=study.config.bootstrap
)
everyone = differences.query("sex == 'all' and training == 'pooled'")

# %% tags=["hide-input"]
paired = pd.DataFrame(
    {
        "against": everyone["model_b"],
        "eLVMass-Net (g)": everyone["mae_a_g"],
        "other (g)": everyone["mae_b_g"],
        "difference (95 % interval), g": [
            with_interval(row, "difference_g", digits=2)
            for _, row in everyone.iterrows()
        ],
        "p (Holm)": everyone["p_holm"],
        "people": everyone["n_subjects"],
    }
)
caption = "Paired difference of absolute errors; negative: eLVMass-Net is better."
display(table(paired, caption, digits={"p (Holm)": 4}))
intervals(
    everyone,
    label="model_b",
    value="difference_g",
    low="ci_low",
    high="ci_high",
    zero=True,
    axis_label="MAE of eLVMass-Net minus MAE of the other (g)",
    title="Paired differences, everyone",
)

# %% tags=["hide-input"]
known = everyone[everyone["ci_low"].notna()]
wins = known.loc[known["ci_high"] < 0, "model_b"]
ties = known.loc[(known["ci_high"] >= 0) & (known["ci_low"] <= 0), "model_b"]
losses = known.loc[known["ci_low"] > 0, "model_b"]
say(
    f"Better than: {', '.join(wins) or 'none'}. Not told apart: {', '.join(ties) or 'none'}. "
    f"Worse than: {', '.join(losses) or 'none'}."
)

# %% [markdown]
# ## External validation without refit
#
# The fold models are averaged and meet the external cohort as they are.

# %% tags=["hide-input"]
shown = []
if study.config.external is None:
    display(say("This study file has no external cohort."))
else:
    external = study.external()
    errors = pooled_errors(external, n_resamples=study.config.bootstrap)
    for (model, training), group in errors[errors["sex"] == "all"].groupby(
        ["model", "training"], sort=False
    ):
        cell = {
            row["metric"]: with_interval(row, digits=2) for _, row in group.iterrows()
        }
        shown.append(
            {
                "model": model,
                "training": training,
                "MAE (g)": cell["mae_g"],
                "MAPE (%)": cell["mape_percent"],
                "bias (g)": cell["bias_g"],
            }
        )
    label = study.config.external.label
    caption = f"{label}: errors with 95 % intervals. The paper's external error is not in its abstract."
    display(table(pd.DataFrame(shown), caption))

# %% [markdown]
# ## What could be wrong
#
# - The comparators are re-implementations from published descriptions, with our covariates instead of their authors'; LVM-AI's exact settings are not public, and neither was made for as few people as there are here.
# - Training budgets are stated in the study file and differ between models.
# - A network that is not told apart from demographics has not been shown to be useless, only not shown to be useful.
#
# ## On your cohort
#
# Add a section `[models.NAME]` with `estimator`, `covariates`, `arguments` and `fit` to put another line into every table of this chapter.
