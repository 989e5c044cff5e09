"""What chapter 5 says: c-statistics for LVH, and the published gap taken apart."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from IPython.display import Markdown

from lvmass.cohort.schema import SEXES
from lvmass.evaluation import paired_sample_size
from lvmass.report.page import missing, parts, say, select, verdict, with_interval
from lvmass.report.words import PUBLISHED, printed

SIDES = ("Higher", "Lower", "Not significantly different")

GAP_NEEDS = "it needs women and men, and a model trained both pooled and sex-specific"


NO_GAP = pd.DataFrame(columns=["cutoffs", "cohort", "model", "sex", "quantity", "estimate", "note"])
"""The table ``gap`` of a study that trains no model both ways."""


def listed(rows: pd.DataFrame, *names: str, value: str = "estimate", digits: int | None = 3) -> str:
    """Rows in words: the printed names of some columns, then the estimate with its interval; "none" if there is none.

    Without ``digits`` only the names are written.

    Examples
    --------
    >>> rows = pd.DataFrame({"sex": ["male"], "auc": 0.8, "ci_low": 0.7, "ci_high": 0.9})
    >>> listed(rows, "sex", value="auc", digits=2), listed(rows[:0], "sex", value="auc")
    ('men 0.80 (0.70 to 0.90)', 'none')
    """
    told = []
    for _, row in rows.iterrows():
        number = "" if digits is None else f" {with_interval(row, value, digits)}"
        told.append(f"{', '.join(map(printed, row[[*names]]))}{number}")
    return "; ".join(told) or "none"


def sides(
    rows: pd.DataFrame, *names: str, value: str = "difference", digits: int | None = 3, words: Sequence[str] = SIDES
) -> str:
    """Rows in words, as `listed` has them: those above zero, below it, and not significantly different from it.

    After Holm's correction where rows have its p value, else by the interval; who has none is left out.

    Examples
    --------
    >>> rows = pd.DataFrame({"sex": ["male", "female"], "difference": 0.1, "ci_low": 0.01, "ci_high": 0.19})
    >>> sides(rows.assign(p_holm=[0.03, 0.06]), "sex", digits=1)
    'Higher: men 0.1 (0.0 to 0.2). Not significantly different: women 0.1 (0.0 to 0.2).'
    """
    if rows.empty or rows["ci_low"].isna().all():
        return "there are too few people to say."
    rows = rows.dropna(subset=["ci_low"])
    found = (rows["p_holm"] < 0.05) if "p_holm" in rows else (rows["ci_low"] > 0) | (rows["ci_high"] < 0)
    kinds = found & (rows[value] > 0), found & (rows[value] < 0), ~found
    parts = [
        f"{word}: {listed(rows[kind], *names, value=value, digits=digits)}."
        for word, kind in zip(words, kinds, strict=True)
        if kind.any()
    ]
    return " ".join(parts)


def gap_answer(gap: pd.DataFrame, whose: str = "**Answer.**") -> Markdown:
    """Answer of chapter 5: the gap of each sex, its two parts, and what Holm's correction leaves of the second.

    Rows of ``gap`` of one model, cohort and set of cut-offs; ``whose`` starts the sentence.
    """
    rows = {name: select(gap, quantity=name, sex=list(SEXES)) for name in ("gap", "mechanical", "training")}
    if gap.empty or (rows["mechanical"]["estimate"] == 0).any():  # everyone is of one sex
        return missing("the gap, taken apart", GAP_NEEDS)
    if rows["gap"]["estimate"].isna().all():
        return say(f"{whose} None. There are too few people with LVH, or without, in one of the sexes.")
    everyone = select(gap, quantity="pooled in everyone", sex="mean").iloc[0]
    n, pooled = int(everyone["n_repeats"]), PUBLISHED["auc_pooled"].value
    runs = f"mean of {n} cross-validations, whose spread is part of the intervals" if n > 1 else "models held fixed"
    published = ", ".join(f"{printed(sex)} {PUBLISHED[f'auc_{sex}'].value - pooled:.2f}" for sex in SEXES)
    words = ("a significant gain", "a significant loss", "nothing significant")
    adds = sides(rows["training"], "sex", value="estimate", words=words)
    return say(
        f"{whose} The c-statistic of the sex-specific model minus that of the pooled model in everyone, "
        f"{with_interval(everyone, digits=2)}, is {listed(rows['gap'], 'sex')} (published: {published}). **Its "
        f"mechanical part is {listed(rows['mechanical'], 'sex')}**, for the *same* pooled model judged within the sex, "
        f"without any training; **training on one sex adds {adds}** (95 % intervals, {runs}; significant: after Holm's "
        "correction.)"
    )


def measured_mass(gap: pd.DataFrame) -> Markdown:
    """Whether the measured mass itself escapes the mechanical part; rows of ``gap`` as `gap_answer`."""
    mean = select(gap, sex="mean").dropna(subset=["estimate"]).set_index("quantity")
    curves = ("measured mass in everyone", "measured mass", "pooled in everyone, indexed")
    if not {*curves} <= {*mean.index}:
        return missing("what the measured mass would have", GAP_NEEDS if mean.empty else "there are too few people")
    everyone, within, indexed = (with_interval(mean.loc[name], digits=2) for name in curves)
    words = ("No score in grams escapes", "The measured mass goes the other way here", "Here the two are alike")
    return say(
        f"{verdict(mean.loc['mechanical, measured mass'], *words)}: in grams, the *measured* mass itself has a "
        f"c-statistic of {everyone} in everyone and {within} within the sexes. The estimate as index over cut-off has "
        f"{indexed} in everyone."
    )


def cutoffs(results: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Printed name of each set of cut-offs, with women's and men's."""
    rows = results.get("cutoffs", pd.DataFrame())
    return {
        row["cutoffs"]: f"{printed(row['cutoffs'])} ({row['female_g_m2']:.0f}\xa0/\xa0{row['male_g_m2']:.0f}\xa0g/m²)"
        for _, row in rows.iterrows()
    }


GAIN = 0.02
"""Rise of a c-statistic for which `sample_size` counts people: about the published difference of women and men."""


def sample_size(tests: pd.DataFrame, smallest: int = 1) -> Markdown:
    """People of one sex that the paired test needs to find ``GAIN``, if all else is as in this study, with its range.

    The interval of the correlation is Fisher's, ``tanh(atanh r ± 1.96 / sqrt(n - 3))``, where n counts the people of
    the smaller class, of whom most of the spread comes; below ``smallest`` of these nothing is said. ``tests``: rows of
    ``training_comparison`` of one model.
    """
    rows, said = select(tests, comparison="paired within sex"), []
    rows = rows.assign(**rows[["n_a", "n_lvh"]].fillna(0).astype(int))
    counts = parts(rows["n_a"].tolist(), smallest)
    for (_, row), here in zip(rows.iterrows(), counts, strict=True):
        r, pooled, n = row["correlation"], row["auc_b"], min(row["n_lvh"], row["n_a"] - row["n_lvh"])
        if pd.isna(r) or n < max(4, smallest) or abs(r) > 0.9999 or pooled > 1 - 2 * GAIN:
            continue
        share = row["n_lvh"] / row["n_a"]
        ends = np.tanh(np.arctanh(float(r)) + np.array([0, -1.96, 1.96]) / np.sqrt(n - 3))
        needed, most, least = (paired_sample_size(pooled + GAIN, pooled, share, correlation=float(r)) for r in ends)
        said.append(
            f"{needed:,} {printed(row['sex'])} ({least:,} to {most:,}), from {pooled:.2f} at a correlation of "
            f"{r:.2f} ({ends[1]:.2f} to {ends[2]:.2f}) with {100 * share:.0f} % LVH; number here: {here}"
        )
    if not said:
        return missing("how many people the paired test needs", "no correlation of two c-statistics was observed")
    return say(
        f"To find a true gain of {GAIN:g} with a power of 80 %, the paired test needs, if the pooled c-statistic, the "
        f"share with LVH and the correlation of the two are as in this study (95 % intervals): {'; '.join(said)}."
    )
