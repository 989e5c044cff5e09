"""What chapters 1 and 2 say and tabulate: people, cut-offs, the simulator's cohort, and what became of recordings."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import Markdown
from tableone import TableOne

from lvmass.cohort.schema import SEXES, bsa_mosteller_m2
from lvmass.evaluation import LVH_CUTOFFS_G_M2
from lvmass.evaluation.lvh import with_cutoffs
from lvmass.report.page import few, no_small_class, parts, say, select, with_lvh
from lvmass.report.words import CUTOFFS, PUBLISHED, printed
from lvmass.study.study import Study


def everybody(study: Study) -> pd.DataFrame:
    """People of all cohorts by their first ECG: label of the cohort, body surface, LVM index and, by it, LVH."""
    ecgs = [study.cohort(name).subjects.assign(cohort=study.config.cohort(name).label) for name in study.cohort_names()]
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

    A sex of too few people is not described, and a number of people with LVH that ``shares`` lack is not said.
    """
    said = []
    for name in study.cohort_names():
        label, published = study.config.cohort(name).label, PUBLISHED[f"n_{name}"]
        own, groups = [], select(people, cohort=label).groupby("sex")
        sizes = parts([len(group) for _, group in groups], study.small_cell)
        for (sex, group), n in zip(groups, sizes, strict=True):
            mass, known = group["lvm_g"], group["lvh"].dropna()
            others = select(shares, cohort=label, people=printed(sex))["LVH (%)"]
            told = f"{n} {printed(sex)}".removeprefix("not shown ")
            if len(group) >= study.small_cell:
                told += f" with a mean LVM of {mass.mean():.0f} g (SD {mass.std():.0f} g)"
                if len(known) and others.notna().all():
                    of = "them" if len(known) == len(group) else f"{len(known):,}"
                    told += f", {100 * known.mean():.0f} % of {of} with LVH ({others.min():.1f} to {others.max():.1f} %"
                    told += " by the cut-offs below)"
            own.append(told)
        size = f"{people['cohort'].eq(label).sum():,} people, {len(study.cohort(name)):,} ECGs"
        said.append(f"{label} ({size}): {'; '.join(own)}. The paper: {published.value:,} {published.what}.")
    return say("**Answer.** " + "\n\n".join(said))


def _hidden(n_yes: int, n: int, smallest: int) -> str:
    """What to write for a count if it, or the rest of ``n``, is too small to show; nothing if it may be shown."""
    if 0 < n_yes < smallest:
        return f"< {smallest}"
    return f"all but < {smallest}" if 0 < n - n_yes < smallest else ""


def table_one(people: pd.DataFrame, by: str, smallest: int = 1) -> pd.DataFrame:
    """Describe groups of people side by side (tableone), two groups with their standardized differences.

    Parameters
    ----------
    people : DataFrame, one row a person
        From `everybody`.
    by : str
        Column of the groups, which come in the order of their appearance.
    smallest : int
        Groups of fewer people are not described; nor are counts shown that are smaller, or that leave fewer people.

    Returns
    -------
    DataFrame
        A row for mean (SD) of a number or number (%) of a flag, a column for each group.
    """
    numbers = ["age_years", "height_cm", "weight_kg", "bsa_m2", "sbp_mmhg", "lvm_g", "lvmi_g_m2"]
    known, groups = people.columns[people.notna().any()], people[by].unique()
    flags = [printed(name) for name in ("hypertension", "diabetes", "lvh") if name in known]
    shown = people.reset_index(drop=True).rename(columns=printed)
    shown = shown.assign(**{flag: shown[flag].astype(float).map({0.0: "no", 1.0: "yes"}) for flag in flags})
    summary = TableOne(
        shown, columns=[*(printed(name) for name in numbers if name in known), *flags], groupby=printed(by),
        smd=len(groups) == 2, categorical=flags, limit=dict.fromkeys(flags, 1),
        order={name: ["yes", "no"] for name in flags}, overall=False, missing=False, include_null=False,
    ).tableone.droplevel(0, axis=1)  # fmt: skip
    rows: dict[str, Any] = {"": [f"{row}: {level}" if level else row for row, level in summary.index]}
    sizes, hidden = [int((people[by] == group).sum()) for group in groups], np.zeros(len(rows[""]), bool)
    for group, size, written in zip(groups, sizes, parts(sizes, smallest), strict=True):
        cells = np.array(summary[group], dtype=object)
        for flag in flags:
            answers = shown.loc[shown[printed(by)] == group, flag].dropna()
            if instead := _hidden(answers.eq("yes").sum(), len(answers), smallest):
                of_flag = np.array([text.startswith(f"{flag}, ") for text in rows[""]])
                cells[of_flag], hidden = instead, hidden | of_flag
        if smallest > 1:
            cells = np.where(size < smallest, "–", cells)
            cells[0] = written
        rows[printed(group)] = cells
    if len(groups) == 2 and min(sizes) >= smallest:
        differences = summary.filter(like="SMD").iloc[:, 0].str.removeprefix("-")
        rows["standardized difference"] = differences.mask(hidden, "–").to_numpy()
    return pd.DataFrame(rows)


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

    Where fewer than ``smallest`` have LVH, or have not, neither their number nor their share is shown.
    """
    rows, known = [], people.dropna(subset="lvmi_g_m2").sort_values("sex")
    for (cohort, sex), index in known.groupby(["cohort", "sex"], sort=False)["lvmi_g_m2"]:
        for name, cutoffs in _cutoff_sets(cutoffs_g_m2).items():
            above = index > cutoffs[str(sex)]
            hidden = _hidden(above.sum(), len(above), smallest)
            counts = few(len(above), smallest), hidden or f"{above.sum():,}", None if hidden else 100 * above.mean()
            rows.append((cohort, printed(sex), printed(name), cutoffs[str(sex)], *counts))
    columns = ["cohort", "people", "cut-off", "above (g/m²)", "n", "with LVH", "LVH (%)"]
    return pd.DataFrame(rows, columns=columns).astype({"LVH (%)": float})
