"""What chapters 1 and 2 say and tabulate: people, cut-offs, the simulator's cohort, and what became of recordings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown
from tableone import TableOne

from lvmass.cohort.schema import SEXES, bsa_mosteller_m2
from lvmass.cohort.simulation.constants import SETTINGS
from lvmass.ecg.beats import BeatConfig
from lvmass.evaluation import LVH_CUTOFFS_G_M2
from lvmass.evaluation.inverse import PREDICTED
from lvmass.evaluation.lvh import with_cutoffs
from lvmass.report.page import few, laid_out, no_small_class, parts, say, select, table, whole, with_lvh
from lvmass.report.words import CAPTIONS, CUTOFFS, DEPARTURES, PUBLISHED, printed, reasons
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


def departures(card: pd.DataFrame, setting: str) -> Markdown:
    """What a setting of the simulator lets an ECG know of mass, and the rows of the card outside their target, why."""
    here, other = SETTINGS[setting], next(each for name, each in SETTINGS.items() if name != setting)
    ties = {"QRS voltage": "growth_r", "T against the QRS": "away_r", "QRS duration": "duration_r"}
    told = [f"{what} {getattr(here, tie):.2f} ({getattr(other, tie):.2f})" for what, tie in ties.items()]
    share = [f"{100 * each.tail[0]:g} %" for each in (here, other)]
    largest = [f"{each.tail[2] ** -each.tail[1]:.1f}" for each in (here, other)]
    outside: dict[str, list[str]] = {}
    for row in card[~card["met"]].to_dict("records"):
        known = DEPARTURES if setting == "published" and row["got"] > row["high"] else {}
        names = outside.setdefault(known.get(row["quantity"], "no reason but chance is known"), [])
        names.append(f"{row['quantity']} ({printed(row['sex'])}): {row['got']:.3g} for {row['target']}")
    listed = [f"Outside ({why}): {'; '.join(names)}." for why, names in outside.items()]
    return say(
        f"In the setting {here.name} (in {other.name} in brackets), LVM grows with body surface to the power of "
        f"{here.mass_bsa_power:g} ({other.mass_bsa_power:g}). What drives the ECG correlates with mass beyond body "
        f"size: {'; '.join(told)}. In {share[0]} ({share[1]}) of the people disease enlarges the ventricle, beside its "
        f"normal spread, by a factor of its own, at most {largest[0]} ({largest[1]}).\n\n"
        f"{card['met'].sum()} of {len(card)} rows lie within their target. " + " ".join(listed)
    )


def flow_table(beats: Mapping[str, Any], smallest: int = 1) -> pd.DataFrame:
    """From recordings to beats, a row a cohort; reasons by code, commonest first, counts below ``smallest`` hidden."""
    rows = []
    for name, each in beats.items():
        n_beats, counts = int(each.report.query("usable")["n_beats"].median()), reasons(each.report)
        numbers = parts([*counts.values()], smallest)
        why_not = "; ".join(f"{n} × {why}" for why, n in zip(counts, numbers, strict=True)) or "none"
        rows.append((name, whole(len(each.people), len(each.report), smallest), len(each.people), n_beats, why_not))
    columns = ["cohort", "recordings", "usable", "beats combined, median", "not usable"]
    return pd.DataFrame(rows, columns=columns)


def measured_by_sex(people: pd.DataFrame, smallest: int = 1) -> pd.DataFrame:
    """Mean (SD) of what is measured on the beats, a column for each sex of at least ``smallest`` patients."""
    names = ["heart_rate_bpm", "pr_interval_ms", "qrs_duration_ms", "qtc_ms", "qrs_axis_deg"]
    columns = {}
    for sex, group in (
        people.groupby("sex").filter(lambda group: group["patient_id"].nunique() >= smallest).groupby("sex")
    ):
        both = zip(group[names].mean(), group[names].std(), strict=True)
        columns[f"{printed(sex)}, n = {len(group):,}"] = [f"{mean:.0f} ({sd:.0f})" for mean, sd in both]
    return pd.DataFrame({"": names} | columns).replace("nan (nan)", "–")


_BIAS_SD = "{bias_ms:.1f} ± {sd_ms:.1f}"


def beat_answer(beats: Mapping[str, Any], found: Mapping[str, Any], smallest: int = 1) -> Markdown:
    """Answer of chapter 2: how many recordings became a beat, and how the measurements did on real recordings."""
    flow = [
        f"{len(each.people):,} of {whole(len(each.people), len(each.report), smallest)} recordings ({name})"
        for name, each in beats.items()
    ]
    edges, peaks, cart = found["ecg_delineation"], found["ecg_peaks"]["LUDB lvmass"], found["ecg_beat"]
    onset, offset = (_BIAS_SD.format_map(edges[f"QRS {end} lvmass"]) for end in ("onset", "offset"))
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
    found = " ".join(finding.message for finding in findings) or "none."
    return say(
        f"Filter of this study: {band}. Window: {config.window_before_ms:g} ms before to {config.window_after_ms:g} ms "
        f"after R. Beats are combined by '{config.average}'. Findings about this recording: {found}"
    )


def validation(found: Mapping[str, Any]) -> list[HTML | Markdown]:
    """Tables of ``book/validation``: wave boundaries, R peaks, beats and criteria on real recordings."""
    edges, peaks, beats, criteria = (found[f"ecg_{name}"] for name in CAPTIONS)

    def by_method(rows: Mapping[str, Any], methods: Sequence[str], text: str) -> pd.DataFrame:
        columns = {
            method: {key.removesuffix(f" {method}").replace(" + ", ", "): text.format_map(rows[key])
                     for key in rows if key.endswith(f" {method}")} for method in methods
        }  # fmt: skip
        return pd.DataFrame(columns).rename_axis("").reset_index()

    carts = [row | {"beat": name.removeprefix("device ")} for name, row in beats.items() if name.startswith("device ")]
    rows = [row | {"criterion": name} for name, row in criteria.items() if isinstance(row, dict)]
    areas = pd.DataFrame(rows).rename(columns={"low": "ci_low", "high": "ci_high"})
    sizes = [f"{row['beats']:,} beats of {row['records']} recordings in {name.removesuffix(' lvmass')}"
             for name, row in peaks.items() if name in ("LUDB lvmass", "MIT-BIH lvmass")]  # fmt: skip
    captions = [CAPTIONS[name].format_map(found[f"ecg_{name}"] | {"people": "; ".join(sizes)}) for name in CAPTIONS]
    headers = {"beat": "the cart's beat against", "correlation": "correlation", "rms_uv": "difference, RMS (µV)"}
    shown = pd.DataFrame(carts)[[*headers]].rename(columns=headers)
    return [
        table(by_method(edges, ("lvmass", "NeuroKit2 prominence", "NeuroKit2 dwt"), _BIAS_SD + " ({n})"), captions[0]),
        table(by_method(peaks, ("lvmass", "lvmass one lead", "NeuroKit2", "XQRS"), "{f1:.4f} ({leads})"), captions[1]),
        table(shown, captions[2], digits={"correlation": 4, "difference, RMS (µV)": 1}),
        table(laid_out(areas, "areas"), captions[3]),
    ]
