"""What chapter 1 says and tabulates: people, cut-offs, and how many have hypertrophy by them."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from IPython.display import Markdown
from statsmodels.stats.proportion import proportion_confint

from lvmass.cohort.schema import SEXES, bsa_mosteller_m2
from lvmass.evaluation import LVH_CUTOFFS_G_M2
from lvmass.evaluation.lvh import with_cutoffs
from lvmass.report.page import few, no_small_class, parts, say, select, with_lvh
from lvmass.report.words import CUTOFFS, PUBLISHED, printed
from lvmass.study.study import Study

FLAGS = ("hypertension", "diabetes", "lvh")
TABLE_ONE = ("age_years", "height_cm", "weight_kg", "bsa_m2", "sbp_mmhg", "lvm_g", "lvmi_g_m2", *FLAGS)
"""What Table 1 describes."""


def everybody(study: Study) -> pd.DataFrame:
    """People of all cohorts by their first ECG: name of the cohort, body surface, LVM index and, by it, LVH."""
    ecgs = [study.cohort(name).subjects.assign(cohort=name) for name in study.cohort_names()]
    people = pd.concat(ecgs).drop_duplicates(["cohort", "patient_id"], ignore_index=True)
    people["bsa_m2"] = bsa_mosteller_m2(people["height_cm"], people["weight_kg"])
    people["lvmi_g_m2"] = people["lvm_g"] / people["bsa_m2"]
    return with_cutoffs(people, study.config.lvh.cutoffs_g_m2)


def counted(people: pd.DataFrame, smallest: int = 1) -> str:
    """Number of people, and of those with LVH unless that gave away fewer than ``smallest``, for a caption."""
    known = people.dropna(subset="lvh")
    rows = known.groupby(["cohort", "sex"]).agg(n_lvh=("lvh", "sum"), n_subjects=("lvh", "size"))
    return with_lvh(len(people), int(known["lvh"].sum()), len(known), shown=no_small_class(rows, smallest))


def cohort_answer(study: Study, people: pd.DataFrame, shares: pd.DataFrame) -> Markdown:
    """Answer of chapter 1: who is in the cohorts; ``people`` of `everybody`, ``shares`` of `prevalence`.

    A sex of too few people is not described.
    """
    said = []
    for name in study.cohort_names():
        own, published, told = select(people, cohort=name), PUBLISHED[f"n_{name}"], []
        for sex, (n, mass, lvh) in _described(own, ("lvm_g", "lvh"), study.small_cell).items():
            known = f"LVM {mass} g", f"with LVH {lvh.replace(')', ' %)')}"
            who = f"{n} {printed(sex)}".removeprefix("not shown ")
            told.append(", ".join([who, *(each for each in known if "–" not in each)]))
        said += [
            f"{study.config.cohort(name).label} ({len(own):,} people, {len(study.cohort(name)):,} ECGs), mean (SD) and "
            f"n (%): {'; '.join(told)}. The paper: {published.value:,} {published.what}."
        ]
    by = shares["estimate"]
    if by.notna().any():
        said.append(f"By the cut-offs below, {by.min():.0f} to {by.max():.0f} % of a sex in a cohort have LVH.")
    return say("**Answer.** " + "\n\n".join(said))


def _described(people: pd.DataFrame, names: Sequence[str], smallest: int) -> dict[str, list[str]]:
    """Of each sex in a cohort: how many, then mean (SD) of a number, or number (%) of a flag, of those who have one.

    Nothing that fewer than ``smallest`` people have is told, nor a count that gives away so few others.
    """
    groups, told = people.groupby("sex"), {}
    for (sex, own), n in zip(groups, parts([*groups.size()], smallest), strict=True):
        told[str(sex)] = [n]
        for values in (own[name].dropna().astype(float) for name in names):
            if len(values) < max(smallest, 2) or (values.name in FLAGS and not n[0].isdigit()):
                told[str(sex)].append("–")
            elif values.name in FLAGS:
                count = few(int(values.sum()), smallest, len(values))
                told[str(sex)].append(count if "<" in count else f"{count} ({100 * values.mean():.1f})")
            else:
                told[str(sex)].append(f"{values.mean():.1f} ({values.std():.1f})")
    return told


def table_one(people: pd.DataFrame, names: Sequence[str] = TABLE_ONE, smallest: int = 1) -> pd.DataFrame:
    """Describe women and men, a column for each cohort, two cohorts with their standardized differences.

    Parameters
    ----------
    people : DataFrame, one row a person
        Columns ``cohort, sex`` and any of ``names``.
    names : sequence of str
        What to describe: a row for mean (SD) of a number, or number (%) of a flag.
    smallest : int
        Groups of fewer people are not described; nor are counts shown that are smaller, or that leave fewer people.

    Examples
    --------
    >>> people = pd.DataFrame({"cohort": "ours", "sex": "male", "age_years": [50.0, 60.0], "diabetes": [True, False]})
    >>> table_one(people)["men, ours"].tolist()
    ['2', '55.0 (7.1)', '1 (50.0)']
    """
    names = [name for name in names if name in people and people[name].notna().any()]
    columns = {"": ["n", *(f"{printed(name)}{', n (%)' if name in FLAGS else ''}" for name in names)]}
    cohorts = {str(cohort): own for cohort, own in people.groupby("cohort", sort=False)}
    told = {cohort: _described(own, names, smallest) for cohort, own in cohorts.items()}
    for sex in sorted(people["sex"].unique()):
        written = {f"{printed(sex)}, {cohort}": own[sex] for cohort, own in told.items() if sex in own}
        columns |= written
        if len(written) == 2:
            a, b = (select(own, sex=sex)[names].astype(float) for own in cohorts.values())
            shift = (a.mean() - b.mean()).abs() / np.sqrt((a.var() + b.var()) / 2)
            known = zip(shift, *(cells[1:] for cells in written.values()), strict=True)
            # of what is hidden the difference would tell
            differences = ["–" if pd.isna(d) or {*one + two} & {*"<–"} else f"{d:.2f}" for d, one, two in known]
            columns[f"{printed(sex)}, difference in SDs"] = ["", *differences]
    return pd.DataFrame(columns)


def _cutoff_sets(cutoffs_g_m2: Mapping[str, float]) -> dict[str, Mapping[str, float]]:
    """Published cut-offs, and before them those of a study file if they are others."""
    own = {} if cutoffs_g_m2 in LVH_CUTOFFS_G_M2.values() else {"study file": cutoffs_g_m2}
    return own | LVH_CUTOFFS_G_M2


def cutoff_table(cutoffs_g_m2: Mapping[str, float], source: str) -> pd.DataFrame:
    """Cut-offs of the LVM index, those of a study file with their source among them: in whom and how each was found."""
    sets, own = _cutoff_sets(cutoffs_g_m2), {"source": source}
    rows = pd.DataFrame([{"cut-off": printed(name)} | CUTOFFS.get(name, own) for name in sets])
    return rows.assign(**{f"{printed(sex)} (g/m²)": [each[sex] for each in sets.values()] for sex in SEXES})


def prevalence(people: pd.DataFrame, cutoffs_g_m2: Mapping[str, float], smallest: int = 1) -> pd.DataFrame:
    """People with LVH in each cohort and sex, by published cut-offs and, if they are others, those of a study file.

    The share, in percent with Wilson's 95 % interval, is the ``estimate`` of `lvmass.report.figures.forest`. Where
    fewer than ``smallest`` have LVH, or have not, neither their number nor their share is shown; nor where the number
    of a sex is not, since the share would tell it.
    """
    rows, known = [], people.dropna(subset="lvmi_g_m2")
    for cohort, own in known.groupby("cohort", sort=False):
        groups = own.groupby("sex")["lvmi_g_m2"]
        for (sex, index), n in zip(groups, parts([*groups.size()], smallest), strict=True):
            for name, cutoffs in _cutoff_sets(cutoffs_g_m2).items():
                above = index > cutoffs[str(sex)]
                count = few(int(above.sum()), smallest, len(above)) if n[0].isdigit() else "–"
                share = above.mean(), *proportion_confint(above.sum(), len(above), method="wilson")
                percent = [100 * each if count[0].isdigit() else np.nan for each in share]
                what = printed(sex), printed(name), cutoffs[str(sex)], n, count
                rows.append((cohort, *what, *percent, "too few to show"))
    columns = ["section", "hue", "label", "above_g_m2", "n", "with_lvh", "estimate", "ci_low", "ci_high", "note"]
    return pd.DataFrame(rows, columns=columns)
