"""What a chapter shows beside figures: the banner, tables, and sentences with computed numbers.

A table or figure that a study has nothing for is replaced by one sentence that says so, so that every page builds on
any valid study file.
"""

import html
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from IPython.display import HTML, Markdown
from tableone import TableOne

from lvmass import __version__
from lvmass.cohort.schema import bsa_mosteller_m2
from lvmass.evaluation import LVH_CUTOFFS_G_M2
from lvmass.report.words import PUBLISHED, link_facts, printed, reasons
from lvmass.study.study import Study

SIMULATED = (
    "<strong>Simulated cohort.</strong> The people of this study and their ECGs come out of a simulator; "
    "its numbers are no clinical evidence."
)
OWN = "<strong>Cohort from files.</strong> Its people are real."
GAP_NEEDS = "it needs women and men, and a model trained both pooled and sex-specific"
TOO_FEW = "There are too few people with LVH, or without, in one of the sexes."

NO_GAP = pd.DataFrame(
    columns=["cutoffs", "cohort", "model", "sex", "quantity", "estimate", "ci_low", "ci_high", "note"]
)
"""The table ``gap`` of a study that trains no model both ways."""

Columns = Mapping[str, str | tuple[str, int]]
LAYOUTS: dict[str, Columns] = {
    "error_differences": {
        "against": "model_b", "reference (g)": "mae_a_g", "other (g)": "mae_b_g",
        "difference (95 %), g": ("difference_g", 2), "p (Holm)": "p_holm", "n": "n_subjects",
    },
    "training_comparison": {
        "comparison": "comparison", "sex": "sex", "sex-specific": "auc_a", "pooled": "auc_b",
        "difference (95 %)": ("difference", 3), "z": "z", "p": "p_value", "p, shared people": "p_overlap",
        "p, Holm": "p_holm",
    },
    "pair_kinds": {
        "with LVH": "sex_with_lvh", "without LVH": "sex_without", "score": "score", "share of pairs (%)": "share %",
        "ranked right (%)": "c_statistic %",
    },
    "criteria_at_equal_specificity": {
        "criterion": "criterion", "specificity (%)": "specificity %", "sensitivity (%)": "criterion_sensitivity %",
        "of the estimate (%)": "model_sensitivity %", "p (Holm)": "p_holm",
    },
    "agreement": {
        "people": "sex", "bias (g)": ("bias_g", 1), "lower limit (g)": ("lower_g", 1),
        "upper limit (g)": ("upper_g", 1), "slope": "proportional_slope", "p (slope)": "proportional_p", "ICC": "icc",
    },
    "mass_calibration": {"cohort": "cohort", "intercept (g)": ("intercept_g", 1), "slope": ("slope", 2)},
    "calibration_after_recalibration": {
        "cohort": "cohort", "intercept (g)": ("intercept_g", 1), "slope": ("slope", 2),
    },
    "probability_calibration": {
        "cohort": "cohort", "slope": ("slope", 2), "observed / expected": "observed_over_expected",
        "Brier score": "brier",
    },
    "interval_coverage": {
        "cohort": "cohort", "people": "group", "coverage (95 %)": ("coverage", 3), "mean width (g)": "mean_width_g",
    },
    "costs": {
        "model": "model", "training": "training", "parameters": "parameters", "MFLOP a person": "mflop",
        "fits in all": "fits", "time of a fit (s)": "fit_s",
    },
    "pairs": {
        "two estimates of one person": "pair", "SD of their difference (g)": "sd_of_difference_g",
        "MAE of one (g)": "mae_alone_g", "MAE of their mean (g)": "mae_of_mean_g",
    },
    "oracle": {
        "people": "n", "MAE (g)": "mae_g", "demographics, MAE (g)": "demographics_mae_g", "c-statistic for LVH": "auc",
        "explained of what demographics leave (%)": "partial_r2 %",
    },
    "growth": {
        "people": "n", "demographics, MAE (g)": "demographics_mae_g", "eLVMass-Net, MAE (g)": "mae_g",
        "oracle, MAE (g)": "oracle_mae_g", "MAE over the oracle's": "ratio", "cutting beats (s)": "beats_s",
        "all fits (s)": "fits_s", "peak memory (GB)": "peak_gb",
    },
}  # fmt: skip
"""Header and column of each table that pages show: see `laid_out`."""


# --- what a page is made of ---


def banner(study: Study) -> HTML:
    """Say what study made the page, and whether its people are simulated."""
    cohorts = [study.config.cohort(name) for name in study.cohort_names()]
    simulated = [cohort.label for cohort in cohorts if cohort.simulate is not None]
    whose = SIMULATED if simulated else OWN
    if 0 < len(simulated) < len(cohorts):
        whose = f"{SIMULATED.replace('this study', html.escape(simulated[0]))} The other cohort is from files."
    made = (
        f"Study <code>{html.escape(study.path.name)}</code> (fingerprint <code>{study.fingerprint}</code>), "
        f"lvmass {__version__}. Published numbers are labelled as such and come from patients."
    )
    return HTML(f'<div class="lvmass-banner">{whose} {made}</div>')


def say(text: str) -> Markdown:
    """Show a paragraph in which numbers were filled in by an f-string."""
    return Markdown(text)


def missing(what: str, why: str = "this study file has nothing for it") -> Markdown:
    """Say in a sentence what a page lacks, and why."""
    return Markdown(f"*Not shown: {what}; {why}.*")


def select(rows: pd.DataFrame | None, **where: Any) -> pd.DataFrame:
    """Rows whose columns have these values, or one of them; no rows where the table itself is absent.

    Examples
    --------
    >>> table = pd.DataFrame({"sex": ["female", "male"], "auc": [0.75, 0.77]})
    >>> select(table, sex="male")["auc"].tolist(), len(select(None, sex="male"))
    ([0.77], 0)
    """
    rows = pd.DataFrame(columns=[*where]) if rows is None else rows
    for column, value in where.items():
        rows = rows[rows[column].isin(value if isinstance(value, (list, tuple)) else [value])]
    return rows


def table(rows: pd.DataFrame, caption: str, *, digits: int | Mapping[str, int] = 2) -> HTML | Markdown:
    """Show a table with a caption; a missing number is a dash, never "nan", and no rows are a sentence.

    Examples
    --------
    >>> "–" in table(pd.DataFrame({"MAE (g)": [1.234, None]}), "Errors").data
    True
    """
    if rows.empty:
        return missing(caption.rstrip("."))
    shown = rows.rename(columns=printed).astype(object).where(rows.notna().to_numpy(), None)
    for column in rows.select_dtypes(bool):
        shown[printed(column)] = rows[column].map({True: "yes", False: "no"})
    for column in {"model", "training", "cohort", "sex", ""} & set(rows.columns):
        shown[printed(column)] = rows[column].map(printed)
    styler = shown.style.hide(axis="index").format(
        precision=digits if isinstance(digits, int) else 2, na_rep="–", escape="html"
    )
    for column, places in digits.items() if isinstance(digits, Mapping) else ():
        if column in shown:
            styler.format(precision=places, na_rep="–", subset=[column])
    body = styler.format_index(escape="html", axis=1).to_html(exclude_styles=True, table_attributes='class="table"')
    body = link_facts(f"<figcaption>{html.escape(caption)}</figcaption>{body}")
    return HTML(f'<figure class="lvmass-table">{body}</figure>')


def laid_out(rows: pd.DataFrame, layout: str) -> pd.DataFrame:
    """Columns of ``LAYOUTS[layout]``: names are printed, p values written, columns of "x %" multiplied by 100.

    A pair of column and digits is written as an estimate with its interval.
    """
    found: dict[str, Any] = {}
    for header, column in LAYOUTS[layout].items() if len(rows) else ():
        if isinstance(column, tuple):
            found[header] = [with_interval(row, *column) for _, row in rows.iterrows()]
        elif column.endswith(" %"):
            found[header] = 100 * rows[column[:-2]]
        elif column.startswith("p_") or column.endswith("_p"):
            found[header] = rows[column].map(p_value)
        else:
            text = not pd.api.types.is_numeric_dtype(rows[column])
            found[header] = rows[column].map(printed) if text else rows[column]
    return pd.DataFrame(found)


def _wide(
    rows: pd.DataFrame, index: Sequence[str], columns: str, value: str = "estimate", digits: int = 1
) -> pd.DataFrame:
    """Estimates with their intervals, a row for each ``index``, a column for each value of ``columns``."""
    if rows.empty:
        return pd.DataFrame()
    cells = rows.assign(cell=[with_interval(row, value, digits) for _, row in rows.iterrows()])
    cells = cells.pivot_table(index=list(index), columns=columns, values="cell", aggfunc="first", sort=False)
    return cells.reset_index().rename_axis(columns=None)


def beside(ours: Mapping[str, str] | pd.Series, caption: str, whose: str = "this study file") -> HTML | Markdown:
    """Show published numbers beside ours, each labelled; ``ours`` maps keys of ``PUBLISHED`` to our numbers as text."""
    ours = dict(ours)
    facts = [PUBLISHED[key] for key in ours]
    columns = {
        "what": [fact.what for fact in facts],
        "published (patients)": [str(fact) for fact in facts],
        whose: list(ours.values()),
        "source": [fact.source for fact in facts],
    }
    return table(pd.DataFrame(columns), caption)


# --- numbers in sentences ---


def mean_sd(mean: Any, sd: Any, digits: int = 2) -> str:
    """Write mean ± SD over folds, as the paper does.

    Examples
    --------
    >>> mean_sd(14.331, 0.712)
    '14.33 ± 0.71'
    """
    return "too few for folds" if pd.isna(mean) else f"{mean:.{digits}f} ± {sd:.{digits}f}"


def p_value(p: Any) -> str:
    """Write a p value.

    Examples
    --------
    >>> p_value(0.0421), p_value(2e-7)
    ('0.042', '< 0.001')
    """
    return "–" if pd.isna(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def verdict(row: Any, above: str, below: str, around: str, reference: float = 0.0) -> str:
    """Choose words by where the 95 % interval lies: above the reference, below it or around it.

    Examples
    --------
    >>> verdict({"ci_low": -0.01, "ci_high": 0.03}, "better", "worse", "not significantly different")
    'not significantly different'
    """
    if pd.isna(row["ci_low"]):
        return "there are too few people to say"
    return above if row["ci_low"] > reference else below if row["ci_high"] < reference else around


def with_interval(row: Any, value: str = "estimate", digits: int = 1, unit: str = "") -> str:
    """Write an estimate with its 95 % interval, or the reason why there is none.

    The limits of ``bias_g`` are ``bias_ci_low_g`` and ``bias_ci_high_g``; without such columns, ``ci_low, ci_high``.

    Examples
    --------
    >>> with_interval(pd.Series({"estimate": 14.31, "ci_low": 13.7, "ci_high": 15.02, "note": ""}), unit=" g")
    '14.3 g (13.7 to 15.0)'
    """
    if pd.isna(row[value]):
        return str(row["note"])
    stem, gram = (value[:-2], "_g") if value.endswith("_g") else (value, "")
    own = f"{stem}_ci_low{gram}" in row
    low, high = (f"{stem}_ci_{end}{gram}" if own else f"ci_{end}" for end in ("low", "high"))
    text = f"{row[value]:z.{digits}f}{unit}"
    if pd.isna(row[low]):
        return f"{text} ({row['note']})"
    return f"{text} ({row[low]:z.{digits}f} to {row[high]:z.{digits}f})"


# --- tables of one chapter ---


def everybody(study: Study) -> pd.DataFrame:
    """People of all cohorts, each by their first ECG, with the label of their cohort, body surface and LVM index."""
    ecgs = [study.cohort(name).subjects.assign(cohort=study.config.cohort(name).label) for name in study.cohort_names()]
    people = pd.concat(ecgs).drop_duplicates(["cohort", "patient_id"], ignore_index=True)
    people["bsa_m2"] = bsa_mosteller_m2(people["height_cm"], people["weight_kg"])
    return people.assign(lvmi_g_m2=people["lvm_g"] / people["bsa_m2"])


def table_one(people: pd.DataFrame, *, by: str) -> pd.DataFrame:
    """Describe groups of people side by side (tableone), two groups with their standardized differences.

    Parameters
    ----------
    people : DataFrame, one row a person
        From `everybody`.
    by : str
        Column of the groups, which come in the order of their appearance.

    Returns
    -------
    DataFrame
        A row for mean (SD) of a number or number (%) of a flag, a column for each group.
    """
    numbers = ["age_years", "height_cm", "weight_kg", "bsa_m2", "sbp_mmhg", "lvm_g", "lvmi_g_m2"]
    numbers = [name for name in numbers if name in people and people[name].notna().any()]
    flags = [name for name in ("hypertension", "diabetes") if name in people and people[name].notna().any()]
    groups = people[by].unique()
    shown = people.reset_index(drop=True).rename(columns=printed)
    shown = shown.assign(**{name: people[name].astype(float).map({0.0: "no", 1.0: "yes"}).to_numpy() for name in flags})
    summary = TableOne(
        shown,
        columns=[*map(printed, numbers), *flags],
        categorical=flags,
        limit=dict.fromkeys(flags, 1),
        order={name: ["yes", "no"] for name in flags},
        groupby=printed(by),
        overall=False,
        missing=False,
        smd=len(groups) == 2,
    ).tableone.droplevel(0, axis=1)
    rows = {"": [f"{row}: {level}" if level else row for row, level in summary.index]}
    rows |= {printed(group): summary[group].to_numpy() for group in groups}
    if len(groups) == 2:
        rows["standardized difference"] = summary.filter(like="SMD").iloc[:, 0].str.removeprefix("-").to_numpy()
    return pd.DataFrame(rows)


def prevalence(people: pd.DataFrame, cutoffs_g_m2: Mapping[str, float]) -> pd.DataFrame:
    """Share of each cohort and sex with LVH under published cut-offs and, if they are others, those of a study file."""
    published = LVH_CUTOFFS_G_M2
    sets = published if cutoffs_g_m2 in published.values() else {"study file": cutoffs_g_m2} | published
    return pd.DataFrame(
        {
            "cohort": cohort,
            "cut-off": printed(name),
            "people": printed(sex),
            "above (g/m²)": cutoffs[str(sex)],
            "LVH (%)": 100 * (group["lvmi_g_m2"] > cutoffs[str(sex)]).mean(),
        }
        for (cohort, sex), group in people.sort_values("sex").groupby(["cohort", "sex"], sort=False)
        for name, cutoffs in sets.items()
    )


def main_fit(study: Study) -> dict[str, str]:
    """Model and training that a page is about: the reference, pooled if the study trains it so."""
    trainings = study.config.models[study.reference].training
    return {"model": study.reference, "training": "pooled" if "pooled" in trainings else trainings[0]}


def error_table(results: Mapping[str, pd.DataFrame], metrics: Sequence[str], cohort: str) -> pd.DataFrame:
    """Errors of everyone, a row a model and training: with intervals, and mean ± SD over folds where there are any."""
    index, where = ["model", "training"], {"sex": "all", "metric": metrics, "cohort": cohort}
    shown = _wide(select(results.get("errors"), **where), index, "metric", digits=2)
    folds = select(results.get("errors_by_fold"), **where).dropna(subset="sd")  # an external cohort has no folds
    for metric, group in folds.groupby("metric", sort=False):
        over = [mean_sd(*pair) for pair in zip(group["mean"], group["sd"], strict=True)]
        shown = shown.merge(group[index].assign(**{f"{printed(metric)}, mean ± SD": over}), on=index)
    return shown.rename(columns={metric: f"{printed(metric)}, 95 %" for metric in metrics})


PUBLISHED_FITS = {
    "auc_pooled": ("pooled", "all"),
    "auc_male": ("sex-specific", "male"),
    "auc_female": ("sex-specific", "female"),
}
"""Training and sex of each published c-statistic."""


def over_folds(results: Mapping[str, pd.DataFrame], model: str) -> pd.DataFrame:
    """Our counterpart of each published number: ``key`` of ``PUBLISHED``, ``unit``, ``mean`` and ``sd`` over folds.

    ``text`` has mean ± SD and, over all folds, the estimate with its interval.
    """
    where = {"cohort": "development", "model": model}
    found: list[dict[str, Any]] = []

    def add(key: str, mean: float, sd: float, whole: str) -> None:
        unit = PUBLISHED[key].unit
        text = f"{mean_sd(mean, sd)} {unit}".strip() + f"; all folds {whole}"
        found.append({"key": key, "unit": unit, "mean": mean, "sd": sd, "text": text})

    for metric in ("mae_g", "mape_percent"):
        own = {"training": "pooled", "sex": "all", "metric": metric} | where
        folds, whole = (select(results.get(name), **own) for name in ("errors_by_fold", "errors"))
        for (_, fold), (_, row) in zip(folds.iterrows(), whole.iterrows(), strict=True):
            add(metric, fold["mean"], fold["sd"], with_interval(row, digits=2))
    for key, (training, sex) in PUBLISHED_FITS.items():
        own = {"training": training, "sex": sex, "score": "grams"} | where
        for _, row in select(results.get("c_statistics"), **own).iterrows():
            people = f"{row['n_lvh']} of {row['n_subjects']} with LVH"
            add(key, row["fold_mean"], row["fold_sd"], f"{with_interval(row, 'auc', 2)}; {people}")
    return pd.DataFrame(found, columns=["key", "unit", "mean", "sd", "text"])


def verdicts(rows: pd.DataFrame, reference: str) -> Markdown:
    """Who is worse than, not significantly different from, or better than the reference, after Holm's correction."""
    if rows.empty:
        return missing("a verdict", "there is no other model of the same training")
    rows = rows[rows["p_holm"].notna()]  # too few people: no test, no verdict
    told = rows["p_holm"] < 0.05
    kinds = {
        "Better than": told & (rows["difference_g"] < 0),
        "Not significantly different from": ~told,
        "Worse than": told & (rows["difference_g"] > 0),
    }
    listed = [f"{kind}: {'; '.join(rows.loc[own, 'model_b'].map(printed)) or 'none'}." for kind, own in kinds.items()]
    return say(f"{reference} ({rows['mae_a_g'].iloc[0]:.2f} g), after Holm's correction. " + " ".join(listed))


def kept(folder: str) -> tuple[dict[str, pd.DataFrame], str]:
    """Tables that a benchmark computed at the paper's size, and whose they are."""
    about = json.loads((Path(folder) / "about.json").read_text())
    people = f"{about['people'][0]} simulated people of study file {about['study']}.toml"
    tables = {path.stem: pd.read_csv(path) for path in Path(folder).glob("*.csv")}
    tables["errors_by_fold"] = tables["fold_errors"]
    return tables, f"{people} (fingerprint {about['fingerprint']})"


# --- chapter 5 ---


def gap_answer(gap: pd.DataFrame) -> Markdown:
    """Answer of chapter 5 from the rows of ``gap`` of one model, cohort and set of cut-offs."""
    mean = select(gap, sex="mean").set_index("quantity")
    if mean.empty:
        return missing("the gap, taken apart", GAP_NEEDS)
    if mean.loc["gap", "note"]:
        return say(f"**Answer.** None. {TOO_FEW}")
    size, mechanical, training = (with_interval(mean.loc[name], digits=3) for name in ("gap", "mechanical", "training"))
    everyone, within, specific = (
        with_interval(mean.loc[name], digits=2) for name in ("pooled in everyone", "pooled", "sex-specific")
    )
    share = mean.loc["mechanical share"]
    share_text = "which is not given as a share, because " + str(share["note"])
    if pd.notna(share["estimate"]):
        share_text = "as a share of the gap " + with_interval(share, digits=0, unit=" %")
    more = " (more than all, because training points the other way)" if (share["estimate"] or 0) > 100 else ""
    trained = verdict(mean.loc["training"], "it helped", "it did harm", "not significantly different from zero")
    return say(
        f"**Answer.** One model for all has a c-statistic of {everyone} in everyone; models of one sex have {specific} "
        f"in their sex (mean of women and men, 95 % intervals). The gap is {size}. **Its mechanical part is "
        f"{mechanical}, {share_text}**{more}: the *same* model for all, judged within each sex, has "
        f"{within}, without any training. What training on one sex adds, on the same people, is {training}: {trained}."
    )


def measured_mass(gap: pd.DataFrame) -> Markdown:
    """Whether the measured mass itself escapes the mechanical part; rows of ``gap`` as `gap_answer`."""
    mean = select(gap, sex="mean").set_index("quantity")
    if mean.empty or mean.loc["mechanical, measured mass", "note"]:
        return missing("what the measured mass would have", GAP_NEEDS if mean.empty else "there are too few people")
    everyone, within, indexed = (
        with_interval(mean.loc[name], digits=2)
        for name in ("measured mass in everyone", "measured mass", "pooled in everyone, indexed")
    )
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


def steps_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Steps of the c-statistic, a row for each ``label``, from rows of ``gap``."""
    steps = ["gap", "mechanical", "training", "fewer people", "one sex only"]
    return _wide(select(rows, quantity=steps), ["label"], "quantity", digits=3).rename(columns={"label": ""})


def cutoffs(results: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Printed name of each set of cut-offs, women's and men's below it."""
    rows = results.get("cutoffs", pd.DataFrame())
    return {
        row["cutoffs"]: f"{printed(row['cutoffs'])}\n({row['female_g_m2']:.0f} / {row['male_g_m2']:.0f} g/m²)"
        for _, row in rows.iterrows()
    }


def switch(rows: pd.DataFrame) -> Markdown:
    """What the simulator's switch changes of learning from one sex only; rows of ``gap``, means of both sexes."""
    rows = select(rows, quantity="one sex only")
    rows = rows[rows["cohort"].astype(str).str.contains(" minus ")]
    if rows.empty:
        return missing("a counterfactual cohort", "this study file has none, or too few people")
    said = []
    for _, row in rows.iterrows():
        what = verdict(
            row,
            "it pays where the ECG follows mass otherwise in women and men",
            "it pays less with the switch on, which was not to be expected",
            "not significantly different from zero at this number of people",
        )
        said.append(f"by {with_interval(row, digits=3)} in the model {printed(row['model'])}: {what}")
    return say(f"The switch changes what learning from one sex only adds {'; '.join(said)}.")


def auc_table(aucs: pd.DataFrame) -> pd.DataFrame:
    """C-statistics, a row a model and training, a column for each group of people and score."""
    if aucs.empty:
        return pd.DataFrame()
    cells = [row["note"] if pd.isna(row["auc"]) else f"{row['auc']:.2f}" for _, row in aucs.iterrows()]
    aucs = aucs.assign(cell=cells, who=aucs["sex"].map(printed) + ", " + aucs["score"])
    found = aucs.pivot_table(index=["model", "training"], columns="who", values="cell", aggfunc="first", sort=False)
    return found.reset_index().rename_axis(columns=None)


# --- chapters 2, 6 and 7 ---


def flow_table(beats: Mapping[str, Any]) -> pd.DataFrame:
    """From recordings to beats, a row a cohort; reasons by code, commonest first."""
    return pd.DataFrame(
        {
            "cohort": name,
            "recordings": len(each.report),
            "usable": len(each.people),
            "beats combined, median": int(each.report.query("usable")["n_beats"].median()),
            "not usable": "; ".join(f"{n} × {why}" for why, n in reasons(each.report).items()) or "none",
        }
        for name, each in beats.items()
    )


def measured_by_sex(people: pd.DataFrame) -> pd.DataFrame:
    """Mean (SD) of what is measured on the beats, a column a sex."""
    names = ["heart_rate_bpm", "pr_interval_ms", "qrs_duration_ms", "qtc_ms", "qrs_axis_deg"]
    columns = {
        printed(sex): [
            f"{group[name].mean():.0f} ({group[name].std():.0f})" if group[name].notna().any() else "–"
            for name in names
        ]
        for sex, group in people.groupby("sex")
    }
    return pd.DataFrame({"": names} | columns)


def validation(found: Mapping[str, Any]) -> list[HTML | Markdown]:
    """Tables of ``book/validation``: wave boundaries, R peaks, beats and criteria on real recordings."""
    boundaries, peaks, beats, criteria = (found[f"ecg_{name}"] for name in ("delineation", "peaks", "beat", "criteria"))

    def by_method(rows: Mapping[str, Any], methods: Sequence[str], write: Callable[[Any], str]) -> pd.DataFrame:
        cells: dict[str, dict[str, str]] = {}
        for method in methods:
            for key in (key for key in rows if key.endswith(method)):
                cells.setdefault(key.removesuffix(method).strip().replace(" + ", ", "), {})[method] = write(rows[key])
        return pd.DataFrame([{"": name} | each for name, each in cells.items()])

    device = [
        {"the cart's beat against": key.removeprefix("device "), "correlation": f"{row['correlation']:.4f}",
         "difference, RMS (µV)": f"{row['rms_uv']:.1f}"}
        for key, row in beats.items() if key.startswith("device ")
    ]  # fmt: skip
    areas = [
        {"criterion": printed(name), "AUC (95 %)": f"{row['auc']:.2f} ({row['low']:.2f} to {row['high']:.2f})"}
        for name, row in criteria.items()
        if isinstance(row, dict)
    ]
    edges = by_method(
        boundaries, ("lvmass", "NeuroKit2 dwt"), lambda row: f"{row['bias_ms']:.1f} ± {row['sd_ms']:.1f} ms"
    )
    beats_found = by_method(peaks, ("lvmass", "NeuroKit2", "XQRS"), lambda row: f"{row['f1']:.4f}")
    people = f"{criteria['n_lvh']} LVH statements against {criteria['n_normal']} normal ECGs in PTB-XL."
    return [
        table(edges, "Wave boundaries: bias ± SD against LUDB's readers, 100 real recordings."),
        table(beats_found, "R peaks within 100 ms of the readers' beats: F1. Added noise at 6 dB."),
        table(pd.DataFrame(device), "Synchronized beats against the beat that a cart made of the same real recording."),
        table(pd.DataFrame(areas), people),
    ]


def saliency_findings(shares: pd.DataFrame) -> pd.DataFrame:
    """Published findings beside the largest shares of attribution; columns ``sex, group, segment, share``."""
    mean = shares.groupby(["sex", "group", "segment"], sort=False)["share"].mean().reset_index()
    top = mean.loc[mean.groupby(["sex", "group"], sort=False)["share"].idxmax()]
    largest = {
        group: "largest share: "
        + ", ".join(f"{row.segment} in {printed(row.sex)} ({row.share:.0f} %)" for row in rows.itertuples())
        for group, rows in top.groupby("group")
    }
    st_t = mean[mean["segment"].isin(["ST", "T"])].groupby("sex")["share"].sum()
    both = ", ".join(f"{printed(sex)} {share:.0f} %" for sex, share in st_t.items())
    findings = [
        ("limb leads (preprint)", "QRS complex matters", largest["limb leads"]),
        ("precordial leads (preprint)", "T wave matters", largest["precordial leads"]),
        ("women against men (journal)", "weights of the ST-T segment differ", f"share of ST-T: {both}"),
    ]
    return pd.DataFrame(findings, columns=["", "published (patients)", "this study file"])


def external_answer(results: Mapping[str, pd.DataFrame], there: str, label: str, fit: Mapping[str, str]) -> Markdown:
    """Answer of chapter 7: errors there and at home, before and after recalibration."""

    def error(metric: str, name: str = "errors", cohort: str = there) -> Any:
        return select(results.get(name), sex="all", metric=metric, cohort=cohort, **fit).iloc[0]

    bias, after = error("bias_g"), "errors_after_recalibration"
    words = verdict(bias, "it overestimates", "it underestimates", "no significant bias")
    home = f", against {with_interval(error('mae_g', cohort='development'), unit=' g')} out of fold in development"
    return say(
        f"**Answer.** {label}: the MAE of {printed(fit['model'])} is {with_interval(error('mae_g'), unit=' g')}"
        f"{home if there != 'development' else ''}. The mean error is {with_interval(bias, unit=' g')}: {words}. "
        f"Recalibrated in the development cohort, MAE {with_interval(error('mae_g', after), unit=' g')} and mean error "
        f"{with_interval(error('bias_g', after), unit=' g')}. The paper validated in {PUBLISHED['n_external'].value:,} "
        "patients (NTUH), but **its abstracts give no error there**: no published number can stand beside these."
    )
