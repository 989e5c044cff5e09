"""What each chapter says and tabulates: sentences with computed numbers, and tables of one page.

A sentence follows from the numbers of the build, whatever they are; where they are missing, it says so.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown
from scipy import special, stats
from tableone import TableOne

from lvmass.cohort.schema import SEXES, bsa_mosteller_m2
from lvmass.cohort.simulation.constants import SETTINGS
from lvmass.evaluation import LVH_CUTOFFS_G_M2, paired_sample_size
from lvmass.evaluation.calibration import interval_factors
from lvmass.evaluation.inverse import FITTED, PREDICTED
from lvmass.evaluation.lvh import with_cutoffs
from lvmass.report.page import (
    beside,
    laid_out,
    mean_sd,
    missing,
    p_value,
    say,
    select,
    table,
    verdict,
    wide,
    with_interval,
)
from lvmass.report.words import COMPARISONS, CUTOFFS, PUBLISHED, printed, reasons
from lvmass.study.study import Study
from lvmass.training.model import FittedModel

GAP_NEEDS = "it needs women and men, and a model trained both pooled and sex-specific"

TOO_FEW = "There are too few people with LVH, or without, in one of the sexes."

PAPER_SIZE = "eLVMass-Net at the paper's size, simulated"
"""Label of the kept study in figures."""

NO_GAP = pd.DataFrame(columns=["cutoffs", "cohort", "model", "sex", "quantity", "estimate", "note"])
"""The table ``gap`` of a study that trains no model both ways."""


# --- tables of one chapter ---


def everybody(study: Study) -> pd.DataFrame:
    """People of all cohorts by their first ECG: label of the cohort, body surface, LVM index and, by it, LVH."""
    ecgs = [study.cohort(name).subjects.assign(cohort=study.config.cohort(name).label) for name in study.cohort_names()]
    people = pd.concat(ecgs).drop_duplicates(["cohort", "patient_id"], ignore_index=True)
    people["bsa_m2"] = bsa_mosteller_m2(people["height_cm"], people["weight_kg"])
    people["lvmi_g_m2"] = people["lvm_g"] / people["bsa_m2"]
    return with_cutoffs(people, study.config.lvh.cutoffs_g_m2)


def counted(people: pd.DataFrame) -> str:
    """Number of people, and of those with LVH, for a caption."""
    return f"n = {len(people):,}, {people['lvh'].sum():,} with LVH"


def cohort_answer(study: Study, people: pd.DataFrame, shares: pd.DataFrame) -> Markdown:
    """Answer of chapter 1: who is in the cohorts; ``people`` of `everybody`, ``shares`` of `prevalence`."""
    said = []
    for name in study.cohort_names():
        label, published = study.config.cohort(name).label, PUBLISHED[f"n_{name}"]
        own = []
        for sex, group in select(people, cohort=label).groupby("sex"):
            mass, rows = group["lvm_g"], select(shares, cohort=label, people=printed(sex))
            others = rows["LVH (%)"]
            own.append(
                f"{len(mass):,} {printed(sex)} with a mean LVM of {mass.mean():.0f} g (SD {mass.std():.0f} g), "
                f"{100 * group['lvh'].mean():.0f} % of them with LVH ({others.min():.1f} to {others.max():.1f} % by "
                "the cut-offs below)"
            )
        said.append(f"{label}: {'; '.join(own)}. The paper: {published.value:,} {published.what}.")
    return say("**Answer.** " + "\n\n".join(said))


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
    flags = [name for name in ("hypertension", "diabetes", "lvh") if name in people and people[name].notna().any()]
    groups = people[by].unique()
    shown = people.reset_index(drop=True).rename(columns=printed)
    answers = {name: people[name].astype(float).map({0.0: "no", 1.0: "yes"}).to_numpy() for name in flags}
    flags = [*map(printed, flags)]
    shown = shown.assign(**dict(zip(flags, answers.values(), strict=True)))
    summary = TableOne(
        shown, columns=[*map(printed, numbers), *flags], groupby=printed(by), smd=len(groups) == 2,
        categorical=flags, limit=dict.fromkeys(flags, 1), order={name: ["yes", "no"] for name in flags},
        overall=False, missing=False,
    ).tableone.droplevel(0, axis=1)  # fmt: skip
    rows = {"": [f"{row}: {level}" if level else row for row, level in summary.index]}
    rows |= {printed(group): summary[group].to_numpy() for group in groups}
    if len(groups) == 2:
        rows["standardized difference"] = summary.filter(like="SMD").iloc[:, 0].str.removeprefix("-").to_numpy()
    return pd.DataFrame(rows)


def _cutoff_sets(cutoffs_g_m2: Mapping[str, float]) -> dict[str, Mapping[str, float]]:
    """Published cut-offs, and before them those of a study file if they are others."""
    own = {} if cutoffs_g_m2 in LVH_CUTOFFS_G_M2.values() else {"study file": cutoffs_g_m2}
    return own | LVH_CUTOFFS_G_M2


def cutoff_table(cutoffs_g_m2: Mapping[str, float]) -> pd.DataFrame:
    """Cut-offs of the LVM index, those of a study file among them: in whom and how each was found."""
    sets = _cutoff_sets(cutoffs_g_m2)
    rows = pd.DataFrame([{"cut-off": printed(name)} | CUTOFFS.get(name, {}) for name in sets])
    return rows.assign(**{f"{printed(sex)} (g/m²)": [each[sex] for each in sets.values()] for sex in SEXES})


def prevalence(people: pd.DataFrame, cutoffs_g_m2: Mapping[str, float]) -> pd.DataFrame:
    """People with LVH in each cohort and sex, by published cut-offs and, if they are others, those of a study file."""
    rows = [
        {"cohort": cohort, "people": printed(sex), "cut-off": printed(name), "above (g/m²)": cutoffs[str(sex)]}
        | {"n": len(index), "with LVH": (above := index > cutoffs[str(sex)]).sum(), "LVH (%)": 100 * above.mean()}
        for (cohort, sex), index in people.sort_values("sex").groupby(["cohort", "sex"], sort=False)["lvmi_g_m2"]
        for name, cutoffs in _cutoff_sets(cutoffs_g_m2).items()
    ]
    return pd.DataFrame(rows)


def main_fit(study: Study) -> dict[str, str]:
    """Model and training that a page is about: the reference, pooled if the study trains it so."""
    trainings = study.config.models[study.reference].training
    return {"model": study.reference, "training": "pooled" if "pooled" in trainings else trainings[0]}


def error_table(results: Mapping[str, pd.DataFrame], metrics: Sequence[str], cohort: str) -> pd.DataFrame:
    """Errors of everyone, a row a model and training: with intervals, and mean ± SD over folds where there are any.

    With ``bias_g`` among the metrics, that of each sex, too: opposite ones in women and men may cancel.
    """
    index, where = ["model", "training"], {"sex": "all", "metric": metrics, "cohort": cohort}
    shown = wide(select(results.get("errors"), **where), index, "metric", digits=2)
    if "bias_g" in metrics and len(shown):
        by_sex = select(results.get("errors"), cohort=cohort, metric="bias_g", sex=list(SEXES))
        names = {sex: f"{printed('bias_g')}, {printed(sex)}" for sex in SEXES}
        shown = shown.merge(wide(by_sex, index, "sex", digits=1).rename(columns=names), on=index, how="left")
    folds = select(results.get("errors_by_fold"), **where).dropna(subset="sd")  # an external cohort has no folds
    for metric, group in folds.groupby("metric", sort=False):
        over = [mean_sd(*pair) for pair in zip(group["mean"], group["sd"], strict=True)]
        shown = shown.merge(group[index].assign(**{f"{printed(metric)}, mean ± SD": over}), on=index)
    return shown.rename(columns={metric: f"{printed(metric)}, 95 %" for metric in metrics})


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


def analysed(results: Mapping[str, pd.DataFrame], *cohorts: str) -> str:
    """How many people of each cohort are analysed, and how many of them have LVH, for captions."""
    counts = []
    for cohort in cohorts:
        row = select(results.get("c_statistics"), sex="all", cohort=cohort).iloc[0]
        name = f"{printed(cohort)}: " if len(cohorts) > 1 else ""
        counts.append(f"{name}n = {row['n_subjects']:,}, {row['n_lvh']:,} with LVH")
    return "; ".join(counts)


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


def paper_size() -> tuple[pd.DataFrame, str]:
    """`over_folds` of eLVMass-Net in the kept study at the paper's size, and whose numbers these are."""
    tables, origin = kept("paper_size/paper")
    return over_folds(tables, "elvmass-net"), origin


HERE, NOT_HERE, UNKNOWN = "reproduced here", "not reproduced", "cannot be known from abstracts"
COMPARED, EVERY_MODEL = "04_comparison#all-comparators-at-the-paper-s-size", "05_delong#every-model"
FAIR_TEST = "05_delong#the-test-that-may-have-been-published-and-the-fair-one"
RIVALS = ["lvm-ai", "fcn"]
"""Networks that stand for the paper's two comparators, whose names its abstracts do not give."""

_RULES = {
    "better": "MAE lower than that of each, p (Holm) < 0.05",
    "same": "no significant difference in MAE, p (Holm) ≥ 0.05",
    "unknown": "–",
}


def paper_results(saliency: pd.DataFrame) -> pd.DataFrame:
    """Results that the paper's abstracts state, beside ours at its size: the rule, what it decides, and where to look.

    ``saliency``: rows of `saliency_findings`. In ``here``, "by construction" marks what the simulator was fitted to.
    """
    tables = {name: kept(f"paper_size/{name}")[0] for name in ("paper", "ablations")}
    rows: list[tuple[str, ...]] = []

    def add(what: str, published: str, ours: str, rule: str, holds: Any, shown: str, built: bool = False) -> None:
        here = UNKNOWN if holds is None else HERE + ", by construction" * built if holds else NOT_HERE
        rows.append((what, published, ours, rule, here, shown))

    rivals = pd.concat([over_folds(tables["paper"], name)[:2] for name in RIVALS])  # MAE and MAPE
    rivals = rivals.sort_values(["key", "mean"]).drop_duplicates("key")
    numbers = pd.concat([over_folds(tables["paper"], "elvmass-net"), rivals.assign(key="comparator_" + rivals["key"])])
    for key, mean, text in zip(numbers["key"], numbers["mean"], numbers["text"], strict=True):
        fact, ours = PUBLISHED[key], text.partition(";")[0]
        assert fact.sd is not None
        near, shown = abs(mean - fact.value) <= fact.sd, EVERY_MODEL if "auc" in key else COMPARED
        add(fact.what, str(fact), ours, "mean over folds within the printed SD", near, shown, key in FITTED)

    for claim in COMPARISONS:
        found = select(tables[claim["tables"]]["differences"], cohort="development", training="pooled")
        found = select(found, model_a=claim["reference"], model_b=claim["without"], sex=claim["sexes"])
        cells = laid_out(found, "error_differences")
        who = found["model_b"].map(printed) + ", " + found["sex"].map(printed)
        told = zip(who, cells["difference (95 %), g"], cells["p (Holm)"], strict=True)
        text = "MAE minus that of " + "; ".join(f"{name}: {difference} g, p {p}" for name, difference, p in told)
        low = found["p_holm"] < 0.05
        better = (low & (found["difference_g"] < 0)).all()
        holds = {"better": better, "same": not low.any(), "unknown": None}[claim["rule"]]
        add(claim["what"], claim["published"], text, _RULES[claim["rule"]], holds, claim["shown"])

    areas = select(tables["paper"]["c_statistics"], score="grams", cohort="development")
    own, others = (select(areas, model=name) for name in ("elvmass-net", RIVALS))
    others, pooled = select(others, training="pooled", sex="all"), select(own, training="pooled", sex="all").iloc[0]
    text = "; ".join(f"{printed(row['model'])} {row['auc']:.2f}" for _, row in others.iterrows())
    text, above = f"{with_interval(pooled, 'auc', 2)}; {text}", (others["auc"] < pooled["ci_low"]).all()
    rule = "both c-statistics below our 95 % interval"
    add("LVH: better than two comparators", "no number", text, rule, above, EVERY_MODEL)
    p_values, said = [], []
    for sex in SEXES:
        alone, within = (select(own, training=how, sex=sex).iloc[0] for how in ("sex-specific", "pooled"))
        z = (alone["auc"] - pooled["auc"]) / np.hypot(_standard_error(alone), _standard_error(pooled))
        p_values.append(float(stats.norm.sf(z)))
        text = f"{printed(sex)} {alone['auc']:.2f} against {pooled['auc']:.2f}, p {p_value(min(1, 2 * p_values[-1]))}"
        said.append(f"{text} (pooled model within {printed(sex)}: {within['auc']:.2f})")
    text, rule = "; ".join(said), "higher in each sex, p < 0.01, as if from other people (no test is described)"
    what, shown = "LVH: sex-specific models better than the pooled one in everyone", FAIR_TEST
    add(what, "P < 0.01 for each", text, rule, 2 * max(p_values) < 0.01, shown)

    where = {"metric": "mae_g", "model": "elvmass-net", "sex": "all", "training": "pooled", "cohort": "external"}
    text = f"MAE {with_interval(select(tables['paper']['errors'], **where).iloc[0], unit=' g')}"
    published = f"{PUBLISHED['n_external']} patients, no error"
    add("external validation", published, text, "–", None, "07_external_validation#every-model-without-refit")
    return pd.concat([pd.DataFrame(rows, columns=[*saliency.columns]), saliency], ignore_index=True)


def _standard_error(row: Any) -> float:
    """Standard error of a c-statistic from its interval, which is symmetric on the logit scale."""
    low, high = special.logit([row["ci_low"], row["ci_high"]])
    return float((high - low) / (2 * 1.96) * row["auc"] * (1 - row["auc"]))


def paper_answer(rows: pd.DataFrame) -> Markdown:
    """Answer of the first page; ``rows`` of `paper_results`."""
    here, not_here, unknown = (rows["here"].str.startswith(word).sum() for word in (HERE, NOT_HERE, UNKNOWN))
    built, others = rows["here"].str.endswith("by construction").sum(), len(rows) - here - not_here - unknown
    too_few = f"; {others} this study file has too few people for" if others else ""
    return say(
        f"**Answer.** Of {len(rows)} results that the paper's abstracts state, {here} are reproduced here, {built} of "
        f"them by construction; {not_here} are not reproduced; {unknown} cannot be known from abstracts{too_few}."
    )


def how_far(numbers: pd.DataFrame, model: str) -> Markdown:
    """Which of our numbers, from `over_folds`, lie within two printed SDs of the published ones."""
    numbers, far = numbers[numbers["mean"].notna()], []
    for key, mean, text in zip(numbers["key"], numbers["mean"].astype(float), numbers["text"], strict=True):
        fact = PUBLISHED[key]
        if fact.sd is not None and not abs(mean - fact.value) <= 2 * fact.sd:
            far.append(f"{fact.what}, {text.partition(';')[0]} ({fact} published)")
    if numbers.empty:
        return missing("how far ours are from the published numbers")
    within = f"{len(numbers) - len(far)} of {len(numbers)} numbers of {printed(model)} lie within two printed SDs"
    why = "These are other people; where there are fewer of them, folds are smaller and models less well trained."
    return say(f"In this study file {within}." + (f" Farther off: {'; '.join(far)}. {why}" if far else ""))


def costs(study: Study) -> pd.DataFrame:
    """Cost of every network of a study, one row a model and training.

    Parameters
    ----------
    study : Study
        Fits that are missing are computed.

    Returns
    -------
    DataFrame
        ``model, training, parameters, mflop, fits, fit_s``: trainable parameters of one network, its arithmetic for one
        person (see `_mflop_per_person`), number of fits, and their mean time in seconds on the machine that made them.

    Examples
    --------
    >>> costs(Study.from_toml("book/studies/quick.toml"))  # doctest: +SKIP
    """
    rows = []
    for name, model in study.config.models.items():
        for training in model.training if model.is_network else ():
            fits = study.fits(name, training)
            network = fits[0].predictor
            assert isinstance(network, FittedModel)
            row = {"model": name, "training": training, "parameters": network.n_parameters}
            row |= {"mflop": _mflop_per_person(network), "fits": len(fits)}
            rows.append(row | {"fit_s": float(np.mean([fit.seconds for fit in fits]))})
    return pd.DataFrame(rows)


def _mflop_per_person(model: FittedModel) -> float:
    """Floating-point operations of one estimate, in millions; a multiplication and an addition count as two.

    Counted by torch while the network runs on shapes alone, where no kernel is fused.

    Examples
    --------
    >>> from lvmass.training.model import load_model
    >>> from lvmass.prediction import PRETRAINED
    >>> _mflop_per_person(load_model(PRETRAINED)[0]) > 1
    True
    """
    import torch  # most pages count nothing
    from torch.utils.flop_counter import FlopCounterMode

    counter, network = FlopCounterMode(display=False), model.build().to("meta")
    with counter, torch.no_grad():  # weight normalization fails when counted in inference mode
        network(
            torch.zeros(1, 12, model.n_samples, device="meta"),
            torch.zeros(1, 2 * len(model.covariates), device="meta"),
        )
    return float(counter.get_total_flops()) / 1e6


def kept(folder: str) -> tuple[dict[str, pd.DataFrame], str]:
    """Tables that a benchmark computed at the paper's size, and whose they are."""
    about = json.loads((Path(folder) / "about.json").read_text())
    tables = {
        path.stem: pd.read_csv(path, dtype={"note": str}).fillna({"note": ""}) for path in Path(folder).glob("*.csv")
    }
    known = select(tables.get("c_statistics"), cohort="development", sex="all")
    with_lvh = f" ({known['n_lvh'].iloc[0]} with LVH)" if len(known) else ""
    people = f"{about['people'][0]} people{with_lvh}, simulated by the setting {about['setting']}, of {about['study']}"
    people += f" (fingerprint {about['fingerprint']} then)" if "fingerprint" in about else ""
    return tables, people + (f"; c-statistics {about['c_statistics']}" if "c_statistics" in about else "")


# --- chapters 3 and 4 ---


def waveform(rows: pd.DataFrame, *, reads: bool, simulated: bool) -> Markdown:
    """What the waveform adds to the best estimate without it; rows of ``error_differences``, one for each of these.

    ``reads``: whether the reference reads the waveform at all.
    """
    rows = rows.dropna(subset=["ci_low", "p_holm"]).sort_values("mae_b_g")
    if rows.empty or not reads:
        return missing("what the waveform adds", "it takes a network, a model without it, and enough people")
    best = rows.iloc[0]
    words = "it raises the error" if best["difference_g"] > 0 else "it lowers the error"
    words = f"{words if best['p_holm'] < 0.05 else 'no significant difference'} (Holm p {p_value(best['p_holm'])})"
    where = "In this simulator, reading" if simulated else "Reading"
    return say(
        f"{where} the waveform changes the MAE of the best of these, {printed(best['model_b'])}, by "
        f"{with_interval(best, 'difference_g', 2, ' g')}: {words}."
    )


CREDITED = {
    "leads aligned one by one": "leads aligned one by one instead of synchronized",
    "plain CNN of equal size": "a plain CNN of equal size instead of the TCN",
    "no lead groups": "no lead groups",
}
"""Changes of eLVMass-Net that undo what the abstracts credit."""


def parts(differences: pd.DataFrame, origin: str) -> Markdown:
    """What changing the parts that the paper credits costs, and what these people could have shown.

    ``differences``: those of ``studies/ablations.toml``. A standard error is the interval's width over 3.92; the power
    is that of a two-sided test at 5 %, without correction.
    """
    everyone = select(differences, sex="all")
    rows = select(everyone, model_a="elvmass-net", model_b=[*CREDITED])
    if rows.empty:
        return missing("what the parts are worth")
    significant = rows[rows["p_holm"] < 0.05]
    told = [CREDITED[str(name)] for name in significant["model_b"]]
    costs_g = "; ".join(f"{CREDITED[str(row['model_b'])]} {_cost(row)}" for _, row in rows.iterrows())
    visible_g = 2.8 * float((rows["ci_high"] - rows["ci_low"]).max()) / 3.92
    lead_g = PUBLISHED["comparator_mae_g"].value - PUBLISHED["mae_g"].value
    found = f"Significant after Holm's correction: {'; '.join(told)}." if told else "None is significant."
    text = (
        f"**Which part carries it?** Changes that undo what the abstracts credit raise the MAE by: {costs_g}. {found} "
        f"A rise of {visible_g:.2f} g would have been found with a power of 80 % before correction; the "
        f"published lead over the better comparator is {lead_g:.2f} g. All this is in {origin}: "
        + ("" if told else "whatever carried the lead in patients, ")
        + "a simulator has no more to synchronize and to group than was put into it."
    )
    for _, row in select(everyone, model_a="beat at 100 Hz", model_b="10-s signal at 100 Hz").iterrows():
        text += f" The whole signal instead of the beat, both at 100 Hz, raises the MAE by {_cost(row)}."
    return say(text)


def _cost(row: Any) -> str:
    """Rise of the MAE from the reference to the other model, with its interval."""
    return f"{-row['difference_g']:z.2f} g ({-row['ci_high']:z.2f} to {-row['ci_low']:z.2f})"


def verdicts(rows: pd.DataFrame, reference: str) -> Markdown:
    """Who is worse than, not significantly different from, or better than the reference, after Holm's correction.

    ``rows``: ``model_b``, ``mae_a_g`` (of the reference), ``difference_g`` and ``p_holm``.
    """
    if rows.empty:
        return missing("a verdict", "there is no other model of the same training")
    rows = rows[rows["p_holm"].notna()]  # too few people: no test, no verdict
    if rows.empty:
        return missing("a verdict", "there are too few people for a test")
    told = rows["p_holm"] < 0.05
    kinds = {
        "Better than": told & (rows["difference_g"] < 0),
        "Not significantly different from": ~told,
        "Worse than": told & (rows["difference_g"] > 0),
    }
    listed = [f"{kind}: {'; '.join(rows.loc[own, 'model_b'].map(printed)) or 'none'}." for kind, own in kinds.items()]
    return say(f"{reference} ({rows['mae_a_g'].iloc[0]:.2f} g), after Holm's correction. " + " ".join(listed))


def published_settings(errors: pd.DataFrame) -> Markdown:
    """Which networks with their authors' settings err by sex, which says that they were not trainable on so few people.

    ``errors``: kept ``errors`` of the cohort developed in, pooled training; names of such models end in "(published)".
    """
    rows = errors[errors["model"].str.endswith("(published)")]
    said = []
    for name, own in rows.groupby("model", sort=False):
        mae = select(own, metric="mae_g", sex="all").iloc[0]
        biases = select(own, metric="bias_g", sex=list(SEXES))
        off = ((biases["ci_low"] > 0) | (biases["ci_high"] < 0)).any()
        by_sex = ", ".join(f"{with_interval(row, unit=' g')} in {printed(row['sex'])}" for _, row in biases.iterrows())
        words = "not trainable so on this many people, and no victory over it" if off else "no significant bias"
        said.append(
            f"{printed(name)} has an MAE of {with_interval(mae, unit=' g')} and a mean error of {by_sex}: {words}"
        )
    return say(f"{'; '.join(said)}.") if said else missing("networks with their authors' settings")


def comparison_answer(results: Mapping[str, pd.DataFrame], study: Study) -> Markdown:
    """Answer of chapter 4: the reference's error, and who is better or worse on the same people."""
    fit, where = main_fit(study), {"cohort": "development", "sex": "all"}
    own = {row["metric"]: row for _, row in select(results.get("errors"), **where, **fit).iterrows()}
    error, bias = (with_interval(own[name], digits=2, unit=" g") for name in ("mae_g", "bias_g"))
    rows = select(results.get("error_differences"), training=fit["training"], **where)
    others = verdicts(rows, "On the same people").data
    return say(
        f"**Answer.** Out of fold, {printed(fit['model'])} has an MAE of {error} and a mean error of {bias}. {others}"
    )


def published_errors(results: Mapping[str, pd.DataFrame], study: Study) -> HTML | Markdown:
    """The published errors of eLVMass-Net and its better comparator beside the reference's and its best rival's."""
    mae = select(results.get("errors"), metric="mae_g", sex="all", cohort="development")
    models = study.config.models
    kind = models[study.reference].estimator
    rivals = [name for name, model in models.items() if model.is_network and model.estimator != kind]
    best = select(mae, model=rivals).sort_values("estimate")[:1]
    ours = {
        key: f"{row['estimate']:.2f} g, {printed(row['model'])} ({row['training']})"
        for key, rows in (("mae_g", select(mae, **main_fit(study))), ("comparator_mae_g", best))
        for _, row in rows.iterrows()
    }
    return beside(ours, "Published errors beside ours; ours are of other people, so there is no test.")


ECG_ONLY = ", ECG only"
"""End of the names of models that see no demographics."""


def ecg_only(mae: pd.DataFrame) -> Markdown:
    """What networks have with and without demographics, and what the published comparator's error then means.

    ``mae``: rows of ``errors``, one a model, some of whose names end in ``ECG_ONLY``.
    """
    rows = {str(row["model"]): row for _, row in mae.iterrows()}
    alone = {name.removesuffix(ECG_ONLY): row for name, row in rows.items() if name.endswith(ECG_ONLY)}
    if not alone:
        return missing("networks without demographics")
    pairs = [
        f"{printed(name)} has {with_interval(row, unit=' g')} without and {with_interval(rows[name], unit=' g')} "
        "with demographics"
        for name, row in alone.items()
        if name in rows
    ]
    published, errors_g = PUBLISHED["comparator_mae_g"], [row["estimate"] for row in alone.values()]
    assert published.sd is not None
    low, high = published.value - published.sd, published.value + published.sd
    if min(errors_g) > high:
        means = "all of these are above: leaving out demographics would explain it, and more"
    elif max(errors_g) < low:
        means = "all of these are below: leaving out demographics alone does not explain it here"
    elif min(errors_g) < low or max(errors_g) > high:
        means = f"these span {min(errors_g):.1f} to {max(errors_g):.1f} g: it may be such a network, or a worse one"
    else:
        means = "such an error is what each of these networks has here without demographics, whatever its architecture"
    return say(f"{'; '.join(pairs)}. The better published comparator has {published}; {means}.")


# --- chapter 5 ---


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
        p, difference = rows[sex, "training"]["p_holm"], rows[sex, "training"]["estimate"]
        changed = "sex-specific training raised it" if difference > 0 else "sex-specific training lowered it"
        found = "no significant difference" if p >= 0.05 else changed
        said.append(
            f"In {printed(sex)}, the model of this sex has {own}, a gap of {whole}. **Its mechanical part is "
            f"{mechanical}**: the *same* model for all, judged within the sex, without any training. **The part of "
            f"training on one sex**, on the same people, **is {training}**: {found} (p {p_value(p)} after "
            "Holm's correction)."
        )
    if all(rows[sex, "gap"]["note"] for sex in SEXES):
        return say(f"{whose} None. {TOO_FEW}")
    n = int(rows["mean", "pooled in everyone"]["n_repeats"])
    runs = f"mean of {n} cross-validations, whose spread is part of the intervals" if n > 1 else "models held fixed"
    runs += "; these people to learn from"
    everyone = with_interval(rows["mean", "pooled in everyone"], digits=2)
    start = f"{whose} One model for all has a c-statistic of {everyone} in everyone (95 % intervals, {runs})."
    return say("\n\n".join([start, *said]))


def control(rows: pd.DataFrame) -> Markdown:
    """Whether the method finds a gain that is there, and none that is not; from ``benchmarks/gap_control.py``."""
    said = [
        f"{row['control']} ({printed(row['sex'])}): a difference of {row['difference']:z.3f} on average was found in "
        f"{row['found']} of {row['n_cohorts']} cohorts (power by its standard error of {row['standard_error']:.3f}: "
        f"{100 * row['power']:.0f} %)"
        for _, row in rows.iterrows()
    ]
    return say(f"{'; '.join(said)}.")


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


def implied(cohorts: pd.DataFrame) -> Markdown:
    """Which of the cohorts of `implied_cohorts` give the published numbers, and what of the rest came out."""
    fits, prior = cohorts[cohorts["fits"]], cohorts[(cohorts["cv"] <= 0.2) & (cohorts["ecg_r2"] <= 0.2)]

    def span(column: str, digits: int = 2) -> str:
        return f"{fits[column].min():.{digits}f} to {fits[column].max():.{digits}f}"

    def came_out(*names: str) -> int:
        ranges = [(fits[name] - PREDICTED[name][0]).abs() <= PREDICTED[name][1] + 1e-9 for name in names]
        return int(np.logical_and.reduce(ranges).sum())

    return say(
        f"Of {len(cohorts):,} combinations {len(fits)} fit (blue), with a CV of {span('cv')}, {span('body_share')} of "
        f"the variance by body size and {span('ecg_r2')} of the rest from the ECG; of the {len(prior)} in the corner "
        f"that small studies span (outlined), {prior['fits'].sum()} do. Where they fit, the sex median has an MAE of "
        f"{span('median_mae_g', 1)} g, and sex with body size {span('body_mae_g', 1)} g. Not fitted: both sex-specific "
        f"c-statistics come out within their printed SD in {came_out('auc_male', 'auc_female')} of the {len(fits)}, "
        f"and the published comparator's error, as that of an ECG without body size, in {came_out('comparator_mae_g')}."
    )


TELLS_MORE = "the published errors need an ECG that says more of mass than small studies found"
DEPARTURES = {
    "LVM SD, g": "the published MAE and MAPE need a wider spread of mass",
    "partial R² of the ECG": TELLS_MORE,
    "R² of the ECG alone": TELLS_MORE,
    "r of Sokolow-Lyon with LVM": TELLS_MORE,
    "r of Cornell product with LVM": TELLS_MORE,
    "voltage, obese to lean, %": "large bodies have larger hearts, whose voltage makes up for part of the chest",
}
"""Why quantities of the calibration card are above their target in the setting ``published``."""


def departures(card: pd.DataFrame, setting: str) -> Markdown:
    """What a setting of the simulator lets an ECG know of mass, and the rows of the card outside their target, why."""
    here, other = SETTINGS[setting], next(each for name, each in SETTINGS.items() if name != setting)
    ties = {"QRS voltage": "growth_r", "T against the QRS": "away_r", "QRS duration": "duration_r"}
    told = [f"{what} {getattr(here, tie):.2f} ({getattr(other, tie):.2f})" for what, tie in ties.items()]
    share = [f"{100 * each.tail[0]:g} %" for each in (here, other)]
    largest = [f"{each.tail[2] ** -each.tail[1]:.1f}" for each in (here, other)]
    outside: dict[str, list[str]] = {}
    for row in card[~card["met"]].to_dict("records"):
        known = setting == "published" and row["got"] > row["high"]
        why = DEPARTURES.get(row["quantity"], "") if known else ""
        names = outside.setdefault(why or "no reason but chance is known", [])
        names.append(f"{row['quantity']} ({printed(row['sex'])}): {row['got']:.3g} for {row['target']}")
    listed = [f"Outside ({why}): {'; '.join(names)}." for why, names in outside.items()]
    return say(
        f"In the setting {here.name} (in {other.name} in brackets), LVM grows with body surface to the power of "
        f"{here.mass_bsa_power:g} ({other.mass_bsa_power:g}). What drives the ECG correlates with mass beyond body "
        f"size: {'; '.join(told)}. In {share[0]} ({share[1]}) of the people disease enlarges the ventricle, beside its "
        f"normal spread, by a factor of its own, at most {largest[0]} ({largest[1]}).\n\n"
        f"{card['met'].sum()} of {len(card)} rows lie within their target. " + " ".join(listed)
    )


def switch(rows: pd.DataFrame) -> Markdown:
    """What the simulator's switch changes of learning from one sex only; rows of ``gap``, of each sex."""
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
        who = f"in {printed(row['sex'])} ({printed(row['model'])})"
        said.append(f"by {with_interval(row, digits=3)} {who}: {what}")
    return say(f"The switch changes what learning from one sex only adds {'; '.join(said)}.")


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


# --- chapters 2, 6 and 7 ---


def flow_table(beats: Mapping[str, Any]) -> pd.DataFrame:
    """From recordings to beats, a row a cohort; reasons by code, commonest first."""
    rows = []
    for name, each in beats.items():
        n_beats = int(each.report.query("usable")["n_beats"].median())
        why_not = "; ".join(f"{n} × {why}" for why, n in reasons(each.report).items()) or "none"
        rows.append((name, len(each.report), len(each.people), n_beats, why_not))
    columns = ["cohort", "recordings", "usable", "beats combined, median", "not usable"]
    return pd.DataFrame(rows, columns=columns)


def measured_by_sex(people: pd.DataFrame) -> pd.DataFrame:
    """Mean (SD) of what is measured on the beats, a column a sex."""
    names = ["heart_rate_bpm", "pr_interval_ms", "qrs_duration_ms", "qtc_ms", "qrs_axis_deg"]
    columns = {}
    for sex, group in people.groupby("sex"):
        both = zip(group[names].mean(), group[names].std(), strict=True)
        columns[printed(sex)] = ["–" if pd.isna(mean) else f"{mean:.0f} ({sd:.0f})" for mean, sd in both]
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
        for name, row in criteria.items() if isinstance(row, dict)
    ]  # fmt: skip
    edges = by_method(boundaries, ("lvmass", "NeuroKit2 dwt"), "{bias_ms:.1f} ± {sd_ms:.1f} ms".format_map)
    beats_found = by_method(peaks, ("lvmass", "NeuroKit2", "XQRS"), "{f1:.4f}".format_map)
    people = f"{criteria['n_lvh']} LVH statements against {criteria['n_normal']} normal ECGs in PTB-XL."
    return [
        table(edges, "Wave boundaries: bias ± SD against LUDB's readers, 100 real recordings."),
        table(beats_found, "R peaks within 100 ms of the readers' beats: F1. Added noise at 6 dB."),
        table(pd.DataFrame(device), "Synchronized beats against the beat that a cart made of the same real recording."),
        table(pd.DataFrame(areas), people),
    ]


def saliency_shares(study: Study) -> pd.DataFrame:
    """`lvmass.saliency.segment_shares` of a study with each person's ``sex``; no rows where it explains no beats."""
    options = study.config.models[study.config.saliency.model or study.reference]
    if not options.is_network or options.reads_signal or options.beat:
        return pd.DataFrame(columns=["person", "group", "segment", "share", "sex"])
    from lvmass.saliency import segment_shares  # torch and captum, which most pages do without

    saliency = study.saliency()
    shares = segment_shares(saliency.grams, study.beats().time_ms)
    return shares.assign(sex=shares["person"].map(saliency.people["sex"]))


def explained(shares: pd.DataFrame) -> str:
    """How many people of each sex were explained, for a caption; ``shares`` of `saliency_shares`."""
    n = shares.groupby("sex")["person"].nunique()
    return "out of fold, " + " and ".join(f"{n[sex]} {printed(sex)}" for sex in SEXES if sex in n)


def saliency_findings(shares: pd.DataFrame, simulated: bool) -> pd.DataFrame:
    """Published findings on saliency beside ours, as rows of `paper_results`; ``shares`` of `saliency_shares`."""
    columns = ["the paper's result", "published (patients)", "ours", "reproduced if", "here", "shown in"]
    if shares.empty:
        return pd.DataFrame(columns=columns)
    mean = shares.groupby(["group", "sex", "segment"], sort=False)["share"].mean().reset_index()
    largest = mean.loc[mean.groupby(["group", "sex"], sort=False)["share"].idxmax()]
    found, section = [], "06_saliency#by-segment-and-lead-group"
    for group, wave, other in (("limb leads", "QRS", "T"), ("precordial leads", "T", "QRS")):
        own = select(largest, group=group)
        first = "; ".join(f"{row.segment} in {printed(row.sex)}, {row.share:.0f} %" for row in own.itertuples())
        here = HERE if (own["segment"] == wave).all() else NOT_HERE
        here += ", but the reverse" * bool((own["segment"] == other).all())
        rule = f"{wave} has the largest share of these leads in each sex"
        found.append((f"saliency: {wave} matters in {group}", "no number", f"largest: {first}", rule, here, section))
    st_t = select(shares, segment=["ST", "T"]).groupby(["sex", "person"])["share"].sum()
    text = ", ".join(f"{printed(sex)} {share:.0f} %" for sex, share in st_t.groupby("sex").mean().items())
    groups, row = [people for _, people in st_t.groupby("sex")], {"ci_low": np.nan}
    if len(groups) == 2 and min(map(len, groups)) > 1:
        row["ci_low"], row["ci_high"] = stats.ttest_ind(*groups, equal_var=False).confidence_interval()
        row["difference"] = groups[0].mean() - groups[1].mean()
        text += f"; difference {with_interval(row, 'difference')}"
    differs = HERE + ", by construction" * simulated  # repolarization says more of mass in the simulator's women
    rule, here = "95 % interval of the difference of shares excludes 0", verdict(row, differs, differs, NOT_HERE)
    found.append(("saliency: ST-T weighted differently by sex", "no number", text, rule, here, section))
    return pd.DataFrame(found, columns=columns)


def saliency_answer(rows: pd.DataFrame, model: str) -> Markdown:
    """Answer of chapter 6; ``rows`` of `saliency_findings`."""
    if rows.empty:
        return missing("saliency", f"{printed(model)} does not read this study's beats")
    said = [f"{what.removeprefix('saliency: ')}: {here} ({ours})" for what, _, ours, _, here, _ in rows.to_numpy()]
    return say(f"**Answer.** Of what the paper states, by shares of all attribution: {'. '.join(said)}.")


def spread(rows: pd.DataFrame) -> Markdown:
    """Intraclass correlation within each sex, and whether errors spread more in large estimates; of ``agreement``."""
    said = []
    for _, row in select(rows[rows["icc"].notna()], sex=["female", "male"]).iterrows():
        text = f"in {printed(row['sex'])} {with_interval(row, 'icc', 2)}"
        if pd.notna(row["sd_slope"]):
            ends = {"ci_low": row["sd_slope_ci_low"], "ci_high": row["sd_slope_ci_high"]}
            how = verdict(ends, "grows", "falls", "does not change significantly")
            text += (
                f", where the SD of the error {how} with the estimate: by {with_interval(row, 'sd_slope', 2)} g a gram"
            )
        said.append(text)
    if not said:
        return missing("the intraclass correlation", "there are too few people")
    return say(f"Intraclass correlation of estimated and measured mass: {'; '.join(said)}.")


def group_effects(rows: pd.DataFrame) -> Markdown:
    """Which variables change an error, by how much and in how many; rows of ``subgroup_effects``, one Holm family."""
    tested = rows[rows["p_holm"].notna()]
    if tested.empty:
        return missing("effects of subgroups on the error", "there are too few people")
    said = [
        f"{printed(row['variable'])}, {row['contrast']}: {printed(row['metric'])} {with_interval(row)}, "
        + (
            f"n = {row['n_group']} against {row['n_others']}"
            if pd.notna(row["n_group"])
            else f"n = {row['n_subjects']}"
        )
        for _, row in tested[tested["p_holm"] < 0.05].iterrows()
    ]
    found = "; ".join(said) or "no significant difference"
    return say(f"After Holm's correction of all {len(tested)} effects together (95 % intervals): {found}.")


def coverage(rows: pd.DataFrame) -> Markdown:
    """In which groups fewer people than 90 % lie in their interval; rows of ``interval_coverage``."""
    low = rows[(rows["ci_high"] < 0.9).fillna(False)]
    said = [
        f"{printed(row['group'])}, {printed(row['sex'])} {with_interval(row, 'coverage', 2)}"
        for _, row in low.iterrows()
    ]
    return say(
        f"Coverage below 90 % beyond chance: {'; '.join(said) or 'in no group of this size'}. These are many looks at "
        "once, without correction."
    )


def interval_meaning(people: pd.DataFrame, cutoffs_g_m2: Mapping[str, float]) -> Markdown:
    """What 90 % intervals mean near the limit of LVH; ``people``: out-of-fold predictions of one fit."""
    factors, within, near = interval_factors(people), [], []
    for sex, factor in factors.items():
        bsa_m2, cutoff = float(people.loc[people["sex"] == sex, "bsa_m2"].median()), cutoffs_g_m2[sex]
        at_limit_g = cutoff * bsa_m2
        within.append(f"{factor:.2f} in {printed(sex)}")
        near.append(
            f"for a {'woman' if sex == 'female' else 'man'} of median body surface ({bsa_m2:.2f} m²) with an estimate "
            f"at the cut-off ({cutoff:g} g/m², {at_limit_g:.0f} g), the interval spans {at_limit_g / factor:.0f} to "
            f"{at_limit_g * factor:.0f} g, an index of {cutoff / factor:.0f} to {cutoff * factor:.0f} g/m²"
        )
    if not factors:
        return missing("what an interval means", "there are too few people to learn one")
    return say(
        "90 % of masses lie within a factor *f* of the estimate, from estimate / *f* to estimate · *f*; out of fold in "
        f"development, *f* is {' and '.join(within)}. Near the limit of LVH: {'; '.join(near)}. Whether such a person "
        "has LVH, the estimate alone cannot say."
    )


def _apart(here: Any, home: Any) -> dict[str, Any]:
    """Difference of estimates in two cohorts, here minus home, with the interval that theirs give.

    Of independent estimates (MOVER; Zou and Donner, Stat Med 2008;27:1693).

    Examples
    --------
    >>> row = {"estimate": 5.0, "ci_low": 2.0, "ci_high": 8.0}
    >>> _apart(row, {"estimate": 1.0, "ci_low": -3.0, "ci_high": 5.0})
    {'estimate': 4.0, 'ci_low': -1.0, 'ci_high': 9.0, 'note': ''}
    """
    apart = here["estimate"] - home["estimate"]
    ends = [row[end] - row["estimate"] for row, end in
            ((here, "ci_low"), (home, "ci_high"), (here, "ci_high"), (home, "ci_low"))]  # fmt: skip
    if pd.isna(ends).any():
        return {"estimate": apart, "ci_low": None, "ci_high": None, "note": "too few people"}
    low, high = apart - np.hypot(*ends[:2]), apart + np.hypot(*ends[2:])
    return {"estimate": float(apart), "ci_low": float(low), "ci_high": float(high), "note": ""}


def net_benefit(rows: pd.DataFrame, at: float = 0.2) -> Markdown:
    """How the reference compares at the middle of the thresholds; rows of ``net_benefit_differences``."""
    known = select(rows, threshold=at)
    if known.empty:
        return missing("differences of net benefit", "there are too few people with LVH, or nothing to compare with")
    words = ("higher than that of", "lower than that of", "not significantly different from that of")
    known = known[known["ci_low"].notna()]
    if known.empty:
        return missing("differences of net benefit", "no difference has an interval")
    said = [
        f"{verdict(row, *words)} {printed(row['model'])} (difference {with_interval(row, 'difference', 3)})"
        for _, row in known.iterrows()
    ]
    here = printed(known["model_a"].iloc[0])
    return say(f"At {100 * at:.0f} %, the middle of the range, the net benefit of {here} is {'; '.join(said)}.")


def external_errors(results: Mapping[str, pd.DataFrame], there: str) -> pd.DataFrame:
    """Errors of every fit in a cohort, and its mean error in development beside the one there."""
    shown, index = error_table(results, ["mae_g", "mape_percent", "r2", "bias_g"], there), ["model", "training"]
    home = select(results.get("errors"), sex="all", metric="bias_g", cohort="development")
    if there == "development":
        return shown
    home = wide(home, index, "metric", digits=2)
    return shown.merge(home.rename(columns={"bias_g": "mean error in development (g), 95 %"}), on=index)


def single_models(results: Mapping[str, pd.DataFrame], fit: Mapping[str, str], caption: str) -> list[HTML | Markdown]:
    """Single fold models against their mean in the external cohort, and out of fold at home: table and a sentence."""
    rows = select(results.get("single_models"), sex="all")
    if rows.empty:
        return [missing("single fold models against their mean", "there is no external cohort")]
    home = select(results.get("errors"), sex="all", metric="mae_g", cohort="development")
    rows = rows.merge(home.drop(columns=["cohort", "sex", "note"]), on=["model", "training"])
    row = select(rows, **fit).iloc[0]
    names = {"mae_single_g": "estimate", "mae_single_ci_low_g": "ci_low", "mae_single_ci_high_g": "ci_high"}
    moved = with_interval(_apart(row[[*names]].rename(names), row), digits=2, unit=" g")
    return [
        table(laid_out(rows, "single_models"), caption),
        say(
            f"Averaging {row['n_models']} fold models of {printed(fit['model'])} changes its MAE by "
            f"{with_interval(row, 'difference_g', 2, ' g')}. From development, out of fold, to here, the MAE of one "
            f"fold model changes by {moved}: that is the cohort, without averaging. The mean error of single "
            "models is that of their mean, by arithmetic."
        ),
    ]


def external_answer(results: Mapping[str, pd.DataFrame], there: str, label: str, fit: Mapping[str, str]) -> Markdown:
    """Answer of chapter 7: errors there and at home, before and after recalibration."""

    def error(metric: str, name: str = "errors", cohort: str = there) -> Any:
        return select(results.get(name), sex="all", metric=metric, cohort=cohort, **fit).iloc[0]

    mae, bias, after = error("mae_g"), error("bias_g"), "errors_after_recalibration"
    of_sex = select(results.get("errors"), sex=list(SEXES), metric="bias_g", cohort=there, **fit).dropna(
        subset="ci_low"
    )
    by_sex = ", ".join(f"{with_interval(row, unit=' g')} in {printed(row['sex'])}" for _, row in of_sex.iterrows())
    words = verdict(bias, "it overestimates", "it underestimates", "no significant bias")
    compared = [""] * 2
    if there != "development":
        for k, row in enumerate((mae, bias)):
            home = error(row["metric"], cohort="development")
            apart = _apart(row, home)
            differs = verdict(apart, "higher there", "lower there", "not significantly different")
            compared[k] = f", against {with_interval(home, unit=' g')} out of fold in development ({differs}: "
            compared[k] += f"{with_interval(apart, unit=' g')})"
    auc = select(results.get("c_statistics"), sex="all", score="indexed", cohort=there, **fit).iloc[0]
    return say(
        f"**Answer.** {label}, {analysed(results, there)}: the MAE of {printed(fit['model'])} is "
        f"{with_interval(mae, unit=' g')}{compared[0]}. The mean error is {with_interval(bias, unit=' g')} ({words})"
        f"{compared[1]}{f'; it is {by_sex}' if by_sex else ''}. The c-statistic of the estimated index is "
        f"{with_interval(auc, 'auc', 2)}. "
        f"Recalibrated in the development cohort, MAE {with_interval(error('mae_g', after), unit=' g')} and "
        f"mean error {with_interval(error('bias_g', after), unit=' g')}. "
        f"The paper validated in {PUBLISHED['n_external'].value:,} patients (NTUH), but **its abstracts give no "
        "error there**: no published number can stand beside these."
    )
