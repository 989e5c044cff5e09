"""What chapter 5 says and tabulates: c-statistics for LVH, and the published gap taken apart."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from IPython.display import Markdown

from lvmass.cohort.schema import SEXES
from lvmass.evaluation import paired_sample_size
from lvmass.report.page import missing, p_value, say, select, verdict, wide, with_interval
from lvmass.report.words import PUBLISHED, TEXTS, printed

GAP_NEEDS = "it needs women and men, and a model trained both pooled and sex-specific"


NO_GAP = pd.DataFrame(columns=["cutoffs", "cohort", "model", "sex", "quantity", "estimate", "note"])
"""The table ``gap`` of a study that trains no model both ways."""


def gap_answer(gap: pd.DataFrame, whose: str = "**Answer.**") -> Markdown:
    """Answer of chapter 5, for each sex: the gap, its two parts, and what Holm's correction leaves of the second.

    Rows of ``gap`` of one model, cohort and set of cut-offs; ``whose`` starts the sentence.
    """
    one_sex = (select(gap, quantity="mechanical", sex=list(SEXES))["estimate"] == 0).any()  # everyone is of this sex
    if gap.empty or one_sex:
        return missing("the gap, taken apart", GAP_NEEDS)
    rows = {(row["sex"], row["quantity"]): row for _, row in gap.iterrows()}
    said = []
    for sex in SEXES:
        if rows[sex, "gap"]["note"]:
            said.append(f"In {printed(sex)}: {rows[sex, 'gap']['note']}.")
            continue
        steps = ("gap", "mechanical", "training")
        whole, mechanical, training = (with_interval(rows[sex, name], digits=3) for name in steps)
        own = with_interval(rows[sex, "sex-specific"], digits=2)
        published = PUBLISHED[f"auc_{sex}"].value - PUBLISHED["auc_pooled"].value
        p, raised = rows[sex, "training"]["p_holm"], rows[sex, "training"]["estimate"] > 0
        changed = f"sex-specific training {'raised' if raised else 'lowered'} it"
        said.append(
            f"In {printed(sex)}, the sex-specific model has {own}, a gap of {whole} (published: {published:.2f}). "
            f"**Its mechanical part is {mechanical}**: the *same* pooled model, judged within the sex, without any "
            f"training. **The part of training on one sex**, on the same people, **is {training}**: "
            f"{changed if p < 0.05 else 'no significant difference'} (p {p_value(p)} after Holm's correction)."
        )
    if all(rows[sex, "gap"]["note"] for sex in SEXES):
        return say(f"{whose} None. There are too few people with LVH, or without, in one of the sexes.")
    everyone = rows["mean", "pooled in everyone"]
    n = int(everyone["n_repeats"])
    runs = f"mean of {n} cross-validations, whose spread is part of the intervals" if n > 1 else "models held fixed"
    start = f"{whose} The pooled model has a c-statistic of {with_interval(everyone, digits=2)} in everyone"
    return say("\n\n".join([f"{start} (95 % intervals, {runs}; one cohort to learn from).", *said]))


def measured_mass(gap: pd.DataFrame) -> Markdown:
    """Whether the measured mass itself escapes the mechanical part; rows of ``gap`` as `gap_answer`."""
    mean = select(gap, sex="mean").set_index("quantity")
    if mean.empty or mean.loc["mechanical, measured mass", "note"]:
        return missing("what the measured mass would have", GAP_NEEDS if mean.empty else "there are too few people")
    curves = ("measured mass in everyone", "measured mass", "pooled in everyone, indexed")
    everyone, within, indexed = (with_interval(mean.loc[name], digits=2) for name in curves)
    start = verdict(
        mean.loc["mechanical, measured mass"],
        "No score in grams escapes, for not even the *measured* mass does",
        "The *measured* mass goes the other way here",
        "For the *measured* mass, the two are not significantly different here",
    )
    return say(
        f"{start}: in grams it has a c-statistic of {everyone} in everyone and {within} within the sexes. "
        f"The estimate as index over cut-off has {indexed} in everyone."
    )


def cutoffs(results: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Printed name of each set of cut-offs, women's and men's below it."""
    rows = results.get("cutoffs", pd.DataFrame())
    return {
        row["cutoffs"]: f"{printed(row['cutoffs'])}\n({row['female_g_m2']:.0f} / {row['male_g_m2']:.0f} g/m²)"
        for _, row in rows.iterrows()
    }


def switch(rows: pd.DataFrame) -> Markdown:
    """What the simulator's switch changes of learning from one sex only; rows of ``gap``, of each sex."""
    rows = select(rows, quantity="one sex only")
    rows = rows[rows["cohort"].astype(str).str.contains(" minus ")]
    if rows.empty:
        return missing("a counterfactual cohort", "this study file has none, or too few people")
    words = (
        "it pays where the ECG follows mass otherwise in women and men",
        "it pays less with the switch on, which was not to be expected",
        "not significantly different from zero at this number of people",
    )
    said = "; ".join(
        f"by {with_interval(row, digits=3)} in {printed(row['sex'])} ({printed(row['model'])}): {verdict(row, *words)}"
        for _, row in rows.iterrows()
    )
    return say(f"{TEXTS['switch']} The switch changes what learning from one sex only adds {said}.")


def sample_size(tests: pd.DataFrame, auc_a: float = 0.77, auc_b: float = 0.75, prevalence: float = 0.2) -> Markdown:
    """People of one sex that the paired test needs if two c-statistics correlate as they do here, with its range.

    The interval of the correlation is Fisher's, ``tanh(atanh r ± 1.96 / sqrt(n - 3))``, where n counts the people of
    the smaller class, of whom most of the spread comes. ``tests``: rows of ``training_comparison`` of one model.
    """
    said = []
    for _, row in select(tests, comparison="paired within sex").dropna(subset="correlation").iterrows():
        r, n = float(row["correlation"]), min(row["n_lvh"], row["n_a"] - row["n_lvh"])
        if n <= 3 or abs(r) > 0.9999:
            continue
        ends = np.tanh(np.arctanh(r) + np.array([0, -1.96, 1.96]) / np.sqrt(n - 3))
        needed = [paired_sample_size(auc_a, auc_b, prevalence, correlation=float(end)) for end in ends]
        said.append(
            f"{needed[0]:,} {printed(row['sex'])} ({needed[2]:,} to {needed[1]:,}) at a correlation of {r:.2f} "
            f"({ends[1]:.2f} to {ends[2]:.2f}); here there are {row['n_a']:,}"
        )
    if not said:
        return missing("how many people the paired test needs", "no correlation of two c-statistics was observed")
    return say(
        f"To find a true gain from {auc_b:g} to {auc_a:g} with a power of 80 %, the paired test needs, if "
        f"{100 * prevalence:g} % have LVH and the two c-statistics correlate as in this study (95 % intervals): "
        f"{'; '.join(said)}."
    )


def c_statistic_table(rows: pd.DataFrame) -> pd.DataFrame:
    """C-statistics within folds by sex; rows of ``c_statistics`` of a cohort.

    Where there are folds, those of everyone over all pairs stand beside them.
    """
    if rows.empty:
        return rows
    index, everyone = ["model", "training", "score"], select(rows, sex="all")
    shown = wide(rows, index, "sex", "auc", 2)
    if rows["fold_mean"].isna().all():
        return shown
    mixed = wide(everyone, index, "sex", "auc_pooled", 2).rename(columns={"all": "everyone, folds mixed"})
    return shown.merge(mixed, on=index)
