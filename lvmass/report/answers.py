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
from tableone import TableOne

from lvmass.cohort.schema import SEXES, bsa_mosteller_m2
from lvmass.cohort.simulation.constants import SETTINGS
from lvmass.ecg.beats import BeatConfig
from lvmass.evaluation import LVH_CUTOFFS_G_M2, paired_sample_size
from lvmass.evaluation.inverse import PREDICTED
from lvmass.report.page import mean_sd, missing, p_value, say, select, table, verdict, wide, with_interval
from lvmass.report.words import PUBLISHED, printed, reasons
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
        shown, columns=[*map(printed, numbers), *flags], groupby=printed(by), smd=len(groups) == 2,
        categorical=flags, limit=dict.fromkeys(flags, 1), order={name: ["yes", "no"] for name in flags},
        overall=False, missing=False,
    ).tableone.droplevel(0, axis=1)  # fmt: skip
    rows = {"": [f"{row}: {level}" if level else row for row, level in summary.index]}
    rows |= {printed(group): summary[group].to_numpy() for group in groups}
    if len(groups) == 2:
        rows["standardized difference"] = summary.filter(like="SMD").iloc[:, 0].str.removeprefix("-").to_numpy()
    return pd.DataFrame(rows)


def prevalence(people: pd.DataFrame, cutoffs_g_m2: Mapping[str, float]) -> pd.DataFrame:
    """Share of each cohort and sex with LVH under published cut-offs and, if they are others, those of a study file."""
    published = LVH_CUTOFFS_G_M2
    sets = published if cutoffs_g_m2 in published.values() else {"study file": cutoffs_g_m2} | published
    rows = [
        (cohort, printed(name), printed(sex), cutoffs[str(sex)], 100 * (mass_index > cutoffs[str(sex)]).mean())
        for (cohort, sex), mass_index in people.sort_values("sex").groupby(["cohort", "sex"], sort=False)["lvmi_g_m2"]
        for name, cutoffs in sets.items()
    ]
    return pd.DataFrame(rows, columns=["cohort", "cut-off", "people", "above (g/m²)", "LVH (%)"])


def main_fit(study: Study) -> dict[str, str]:
    """Model and training that a page is about: the reference, pooled if the study trains it so."""
    trainings = study.config.models[study.reference].training
    return {"model": study.reference, "training": "pooled" if "pooled" in trainings else trainings[0]}


def error_table(results: Mapping[str, pd.DataFrame], metrics: Sequence[str], cohort: str) -> pd.DataFrame:
    """Errors of everyone, a row a model and training: with intervals, and mean ± SD over folds where there are any."""
    index, where = ["model", "training"], {"sex": "all", "metric": metrics, "cohort": cohort}
    shown = wide(select(results.get("errors"), **where), index, "metric", digits=2)
    folds = select(results.get("errors_by_fold"), **where).dropna(subset="sd")  # an external cohort has no folds
    for metric, group in folds.groupby("metric", sort=False):
        over = [mean_sd(*pair) for pair in zip(group["mean"], group["sd"], strict=True)]
        shown = shown.merge(group[index].assign(**{f"{printed(metric)}, mean ± SD": over}), on=index)
    return shown.rename(columns={metric: f"{printed(metric)}, 95 %" for metric in metrics})


def c_statistic_table(rows: pd.DataFrame) -> pd.DataFrame:
    """C-statistics within folds by sex, and those of everyone over all pairs; rows of ``c_statistics`` of a cohort."""
    if rows.empty:
        return rows
    index, everyone = ["model", "training", "score"], select(rows, sex="all")
    mixed = wide(everyone, index, "sex", "auc_pooled", 2).rename(columns={"all": "everyone, folds mixed"})
    return wide(rows, index, "sex", "auc", 2).merge(mixed, on=index)


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
    why = "These are other people, and fewer people make smaller folds and train models less well."
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
    people = f"{about['people'][0]} people, simulated by the setting {about['setting']}, of {about['study']}"
    tables = {path.stem: pd.read_csv(path) for path in Path(folder).glob("*.csv")}
    return tables, people + (f" (fingerprint {about['fingerprint']} then)" if "fingerprint" in about else "")


# --- chapter 4 ---

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


def gap_answer(gap: pd.DataFrame, tests: pd.DataFrame) -> Markdown:
    """Answer of chapter 5, for each sex: the gap, its two parts, and what Holm's correction leaves of the second.

    Rows of ``gap`` of one model, cohort and set of cut-offs, and of ``training_comparison`` by grams.
    """
    if gap.empty:
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
        said.append(
            f"In {printed(sex)}, the model of this sex has {own}, a gap of {whole}. **Its mechanical part is "
            f"{mechanical}**: the *same* model for all, judged within the sex, without any training. **The part of "
            f"training on one sex**, on the same people, **is {training}**: {_trained(tests, sex)}."
        )
    if all(rows[sex, "gap"]["note"] for sex in SEXES):
        return say(f"**Answer.** None. {TOO_FEW}")
    everyone = with_interval(rows["mean", "pooled in everyone"], digits=2)
    start = f"**Answer.** One model for all has a c-statistic of {everyone} in everyone (95 % intervals)."
    return say("\n\n".join([start, *said]))


def _trained(tests: pd.DataFrame, sex: str) -> str:
    """Whether sex-specific training raised the c-statistic of a sex, after Holm's correction."""
    row = select(tests, comparison="paired within sex", sex=sex).iloc[0]
    if pd.isna(row["p_holm"]):
        return "there are too few people for a test"
    found = f"p {p_value(row['p_holm'])} after Holm's correction"
    if row["p_holm"] >= 0.05:
        return f"no significant difference ({found})"
    raised = "raised it" if row["difference"] > 0 else "did not raise it, but lowered it"
    return f"sex-specific training {raised} ({found})"


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
        cells = ["–" if pd.isna(mean) else f"{mean:.0f} ({sd:.0f})" for mean, sd in both]
        columns[f"{printed(sex)}, n = {len(group):,}"] = cells
    return pd.DataFrame({"": names} | columns)


BIAS_SD = "{bias_ms:.1f} ± {sd_ms:.1f}"


def beat_answer(beats: Mapping[str, Any], found: Mapping[str, Any]) -> Markdown:
    """Answer of chapter 2: how many recordings became a beat, and how the measurements did on real recordings."""
    flow = [f"{len(each.people):,} of {len(each.report):,} recordings ({name})" for name, each in beats.items()]
    edges, peaks, cart = found["ecg_delineation"], found["ecg_peaks"]["LUDB lvmass"], found["ecg_beat"]
    onset, offset = (BIAS_SD.format_map(edges[f"QRS {end} lvmass"]) for end in ("onset", "offset"))
    return say(
        f"**Answer.** By one R peak common to all leads, {' and '.join(flow)} became one beat with its measurements. "
        f"On {peaks['records']} real recordings with {peaks['beats']:,} beats that readers marked (LUDB), R peaks are "
        f"found with an F1 of {peaks['f1']:.4f}, and QRS onset and offset differ from the readers' by {onset} and "
        f"{offset} ms (bias ± SD). One beat correlates with that of an ECG cart by "
        f"{cart['device default (trimmed mean)']['correlation']:.3f}. {found['ecg_peaks']['development']}."
    )


def beat_settings(config: BeatConfig, findings: Sequence[Any]) -> Markdown:
    """Filter, window and averaging of a study, and what was found about one recording."""
    low_pass = config.band_high_hz < config.sampling_rate_hz / 2  # beyond, there is nothing left to take out
    band = f"high-pass {config.band_low_hz:g} Hz, " if config.band_low_hz else "no high-pass, "
    band += f"low-pass {config.band_high_hz:g} Hz" if low_pass else "no low-pass"
    return say(
        f"Filter of this study: {band}. Window: {config.window_before_ms:g} ms before to {config.window_after_ms:g} ms "
        f"after R. Beats are combined by '{config.average}'. Findings about this recording: "
        + (" ".join(finding.message for finding in findings) or "none.")
    )


def validation(found: Mapping[str, Any]) -> list[HTML | Markdown]:
    """Tables of ``book/validation``: wave boundaries, R peaks, beats and criteria on real recordings."""
    boundaries, peaks, beats, criteria = (found[f"ecg_{name}"] for name in ("delineation", "peaks", "beat", "criteria"))

    def by_method(rows: Mapping[str, Any], methods: Sequence[str], write: Callable[[Any], str]) -> pd.DataFrame:
        cells: dict[str, dict[str, str]] = {}
        for method in methods:
            for key in (key for key in rows if key.endswith(f" {method}")):
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
    methods = ("lvmass", "NeuroKit2 prominence", "NeuroKit2 dwt")
    edges = by_method(boundaries, methods, (BIAS_SD + " ({n})").format_map)
    detectors = ("lvmass", "lvmass one lead", "NeuroKit2", "XQRS")
    beats_found = by_method(peaks, detectors, "{f1:.4f} ({leads})".format_map)
    sizes = [f"{row['beats']:,} beats of {row['records']} recordings in {name.removesuffix(' lvmass')}"
             for name, row in peaks.items() if name in ("LUDB lvmass", "MIT-BIH lvmass")]  # fmt: skip
    return [
        table(
            edges,
            "Wave boundaries: bias ± SD in ms against LUDB's readers, over the recordings with this wave (their number "
            f"in brackets). n = {boundaries['records']} recordings; each method gets {boundaries['leads']} leads. "
            f"Peer: {boundaries['peer']}.",
        ),
        table(
            beats_found,
            f"R peaks within {peaks['tolerance_ms']:.0f} ms of the readers' beats: F1, and in brackets the number of "
            f"leads that the detector gets. n = {'; '.join(sizes)}. Added noise at 6 dB.",
        ),
        table(
            pd.DataFrame(device),
            "Synchronized beats against the beat that a cart made of the same real recording. n = 1 recording.",
        ),
        table(
            pd.DataFrame(areas),
            f"Criteria of LVH: n = {criteria['n_lvh']} ECGs with LVH statements against {criteria['n_normal']} normal "
            "ones in PTB-XL.",
        ),
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


def group_effects(tests: pd.DataFrame) -> Markdown:
    """Which groups differ in their errors; rows of ``subgroup_interactions``."""
    low = tests[(tests["p_holm"] < 0.05).fillna(False)]
    names = low["variable"].map(printed) + ", " + low["metric"].map(printed)
    named = "; ".join(names) or "none that this number of people shows"
    return say(f"Differences between groups after Holm's correction: {named}.")


def net_benefit(rows: pd.DataFrame, at: float = 0.2) -> Markdown:
    """How the reference compares at the middle of the thresholds; rows of ``net_benefit_differences``."""
    known = select(rows, threshold=at)
    if known.empty:
        return missing("differences of net benefit", "there are too few people with LVH, or nothing to compare with")
    words = ("higher than that of", "lower than that of", "not significantly different from that of")
    said = [
        f"{verdict(row, *words)} {printed(row['model'])} (difference {with_interval(row, 'difference', 3)})"
        for _, row in known.iterrows()
    ]
    here = printed(known["model_a"].iloc[0])
    return say(f"At {100 * at:.0f} %, the middle of the range, the net benefit of {here} is {'; '.join(said)}.")


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
        f"Recalibrated in the development cohort, MAE {with_interval(error('mae_g', after), unit=' g')} and "
        f"mean error {with_interval(error('bias_g', after), unit=' g')}. "
        f"The paper validated in {PUBLISHED['n_external'].value:,} patients (NTUH), but **its abstracts give no "
        "error there**: no published number can stand beside these."
    )
