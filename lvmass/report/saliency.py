"""What chapter 6 says: shares by wave, what maps are worth, women against men, and what was planted."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import Markdown

from lvmass.cohort.schema import SEXES, bsa_mosteller_m2
from lvmass.ecg.recording import LEADS
from lvmass.report.page import missing, p_value, say, select, with_interval
from lvmass.report.published import HERE, NOT_HERE, UNDECIDED
from lvmass.report.real_ecgs import drawn
from lvmass.report.words import CAPTIONS, FORESTS, printed
from lvmass.study.steps import Saliency
from lvmass.study.study import Study

DECIDES = 4000
"""People from whom on the test of measured masses is believed (chapter 6)."""
ENOUGH = 10
"""People of a sex, or pairs, below which no test is made."""
FOLLOWS, SAME = 0.2, 0.5
"""Rank correlation with the map of shuffled weights: up to one a map follows its network, above the other it hardly
does."""


def kept(study: Study, *names: str) -> list[Any]:
    """What ``benchmarks/saliency_*.py`` left in ``validation/``: each figure, then what it says.

    Figures and captions of these names stand in ``words.toml``. What is of simulated people, all but "real", stands in
    no study of others.
    """
    if not study.simulated and names != ("real",):
        return [missing("cohorts in which the truth is known", "the people of this study are real")]
    shown: list[Any] = []
    for file in (f"saliency_{name}" for name in names):
        found = json.loads(Path("validation", f"{file}.json").read_text())
        for figure in (each.removeprefix("real_") for each in FORESTS if each.startswith(f"real_{file}")):
            shown += [drawn(found, figure), say(CAPTIONS[figure].format_map(found))]
    return shown


# --- shares by wave, and the claims on them ---


def explained(study: Study) -> Any:
    """Options of the model whose estimates are attributed."""
    return study.config.models[study.config.saliency.model or study.reference]


def shown(study: Study) -> Saliency:
    """Each explained person once, of those sexes of which enough patients were explained to show their mean."""
    own = study.saliency().own
    return own.rows((own.people.groupby("sex")["patient_id"].transform("nunique") >= study.small_cell).to_numpy(bool))


def by_sex(saliency: Saliency) -> dict[str, Saliency]:
    """Maps of each sex that is there."""
    sex = saliency.people["sex"]
    return {name: saliency.rows((sex == name).to_numpy(bool)) for name in SEXES if (sex == name).any()}


def saliency_shares(study: Study) -> pd.DataFrame:
    """Mean share of attribution by sex, lead group and wave, percent; no rows without maps of beats.

    Columns ``sex, group, segment, share, ci_low, ci_high``: intervals of 95 % over the patients whom `shown` has.
    """
    names, options = ["share", "ci_low", "ci_high"], explained(study)
    if not options.is_network or options.reads_signal or options.beat:
        return pd.DataFrame()
    from lvmass.saliency.waves import GROUPS, WAVES, by_lead_and_wave, group_shares, mean_of_people  # with torch

    index, parts = pd.MultiIndex.from_product([GROUPS, WAVES[:-1]], names=["group", "segment"]), []
    for sex, own in by_sex(shown(study)).items():
        shares = group_shares(by_lead_and_wave(np.abs(own.grams), own.waves))
        mean = mean_of_people(shares, own.people["patient_id"]).reshape(3, -1).T
        parts.append(pd.DataFrame(mean, index, names).reset_index().assign(sex=sex))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def largest(shares: pd.DataFrame, group: str) -> tuple[set[str], str]:
    """Waves with the largest share of some leads in a sex, and their shares in words."""
    own = select(shares, group=group)
    rows = own.loc[own.groupby("sex", sort=False)["share"].idxmax()]
    said = [f"{row['segment']} in {printed(row['sex'])}, {with_interval(row, 'share', 0, ' %')}"
            for _, row in rows.iterrows()]  # fmt: skip
    return set(rows["segment"]), "; ".join(said)


def saliency_findings(shares: pd.DataFrame, same: float, by_mass: tuple[str, int], simulated: bool) -> pd.DataFrame:
    """Published findings on saliency beside ours, as rows of `paper_results`, with the one verdict on each.

    Parameters
    ----------
    shares : DataFrame
        Of `saliency_shares`.
    same : float
        Rank correlation of the mean sizes by lead and wave with those of networks of shuffled weights.
    by_mass : tuple of str and int
        Of `mass_test`.
    simulated : bool
        Whether repolarization says more of mass in women because the simulator was made so.
    """
    columns = ["the paper's result", "published (patients)", "ours", "reproduced if", "here", "shown in"]
    if shares.empty:
        return pd.DataFrame(columns=columns)
    found, section = [], "06_saliency#by-wave-and-lead"
    for group, wave, other in (("limb leads", "QRS", "T"), ("precordial leads", "T", "QRS")):
        waves, said = largest(shares, group)
        here = (UNDECIDED if same > SAME else HERE) if waves == {wave} else NOT_HERE
        here += ", but the reverse" * (waves == {other})
        ours = f"largest: {said}; rank correlation with networks of shuffled weights {same:.2f}"
        rule = f"{wave} has the largest share of these leads in each sex, and that correlation is at most {SAME:g}"
        found.append((f"saliency: {wave} matters in {group}", "no number", ours, rule, here, section))
    st_t = select(shares, segment=["ST", "T"]).groupby("sex", sort=False)["share"].sum()
    text = ", ".join(f"{printed(sex)} {share:.0f} %" for sex, share in st_t.items())
    by_wave, n = by_mass
    text += f" (shares differ wherever ECGs or fits do); the test of measured masses, {n:,} people: {by_wave}"
    sure = n >= DECIDES and "T (" in by_wave
    here = HERE + ", by construction" * simulated if sure else UNDECIDED
    rule = f"of {DECIDES:,} people or more, the test of measured masses finds ST or T"
    section = "06_saliency#women-and-men-four-questions"
    found.append(("saliency: ST-T weighted differently by sex", "no number", text, rule, here, section))
    return pd.DataFrame(found, columns=columns)


def own_saliency(study: Study) -> pd.DataFrame:
    """`saliency_findings` of a study."""
    shares = saliency_shares(study)
    if shares.empty:
        return saliency_findings(shares, np.nan, ("no test", 0), study.simulated)
    same = shuffled(study.saliency_checks()[0])["lead_wave"].mean()
    return saliency_findings(shares, same, mass_test(study), study.simulated)


def saliency_answer(rows: pd.DataFrame, shares: pd.DataFrame) -> Markdown:
    """Answer of chapter 6; ``rows`` of `saliency_findings`, ``shares`` of `saliency_shares`."""
    if rows.empty:
        return missing("saliency", "its model reads no beats of this study, or too few people were explained")
    said = [f"in {group} {largest(shares, group)[1]}" for group in shares["group"].unique()]
    verdicts = [f"{what.removeprefix('saliency: ')}: {here}" for what, here in rows.iloc[:, [0, 4]].to_numpy()]
    return say(
        f"**Answer.** The largest shares of all attribution (with 95 % intervals) are {', and '.join(said)}. Held "
        f"against the paper, {'; '.join(verdicts)}."
    )


def lead_wave_table(saliency: Saliency) -> pd.DataFrame:
    """Mean size by lead and wave of each sex, grams, with 95 % intervals."""
    from lvmass.saliency.waves import WAVES, by_lead_and_wave, mean_of_people

    columns = {}
    for sex, own in by_sex(saliency).items():
        means = mean_of_people(by_lead_and_wave(np.abs(own.grams), own.waves), own.people["patient_id"])
        cells = means[:, :, :-1].reshape(3, -1).T
        columns[f"{printed(sex)} (g)"] = [f"{mean:.2f} ({low:.2f} to {high:.2f})" for mean, low, high in cells]
    index = pd.MultiIndex.from_product([LEADS, WAVES[:-1]], names=["lead", "wave"])
    return pd.DataFrame(columns, index).reset_index()


# --- what maps are worth ---


def sum_of_parts(saliency: Saliency) -> Markdown:
    """How well attributions add up, and what the waveform and the covariates have of them."""
    missed = saliency.people["completeness_error_g"].abs()
    share = 100 * missed / saliency.people["difference_g"].abs()
    moved = [np.abs(grams).mean() for grams in (saliency.grams.sum(axis=(1, 2)), saliency.covariate_grams)]
    n = " and ".join(f"{n} {printed(sex)}" for sex, n in saliency.people["sex"].value_counts().items())
    return say(
        f"Of {n}, out of fold, the sums miss the difference that they explain by {share.median():.2f} % in the median, "
        f"{share.max():.1f} % at most, in grams {missed.max():.2f} g at most. On average, the waveform as a whole "
        f"moves an estimate by {moved[0]:.1f} g, covariates together by {moved[1]:.1f} g."
    )


def shuffled(agreement: pd.DataFrame) -> pd.DataFrame:
    """Rows on networks all of whose weights are shuffled, one a fit."""
    rows = agreement[agreement["against"].str.startswith("weights shuffled")]
    return rows.groupby(["fold", "fitted_on"]).tail(1)


def sanity_said(agreement: pd.DataFrame, deletion: pd.DataFrame) -> Markdown:
    """Whether maps follow the network, and the estimate follows maps, in words."""
    last = shuffled(agreement)
    samples, cells = last["samples"].abs().max(), last["lead_wave"].mean()
    by_fit = deletion.pivot_table(index=["fold", "fitted_on"], columns="order", values="deletion_g")
    better = {rival: int((by_fit["map"] > by_fit[rival]).sum()) for rival in ("random", "|dV/dt|")}
    follows = "it follows the network" if samples <= FOLLOWS else "**part of it is the ECG's, whatever the network**"
    says = "hardly depends on the network: it shows, first of all, the ECG" if cells > SAME else "follows the network"
    return say(
        f"With a network of shuffled weights, a map by sample has a rank correlation of at most {samples:.2f}: "
        f"{follows}. **The mean size by lead and wave {says}**; there it is {cells:.2f}. Deletion by map changes the "
        f"estimate faster than at random in {better['random']} of {len(by_fit)} fits, and faster than by |dV/dt|, "
        f"which knows nothing of the network, in {better['|dV/dt|']}."
    )


# --- women and men ---


def mass_test(study: Study) -> tuple[str, int]:
    """Waves that follow mass otherwise in women by `weighting_test`, and of how many people; the reason if untested."""
    from lvmass.saliency.sexes import weighting_test

    if "pooled" not in explained(study).training:
        return "no pooled fit", 0
    people, cells = study.contributions()
    known = people[["age_years", "height_cm", "weight_kg"]].to_numpy(float)
    whole, men = np.isfinite(known).all(axis=1), (people["sex"] == "male").to_numpy(bool)
    if min((men & whole).sum(), (~men & whole).sum()) < 4 * ENOUGH:
        return "too few people", int(whole.sum())
    found = weighting_test(cells[whole], people["lvm_g"].to_numpy(float)[whole], known[whole], men[whole])
    sure = found[found["p_fdr"] < 0.05].to_dict("records")
    return "; ".join(f"{each['wave']} (p {p_value(each['p_fdr'])})" for each in sure) or "nothing", int(whole.sum())


def sexes_compared(study: Study) -> pd.DataFrame:
    """Four questions on women and men, each with its own test; no rows where a study cannot ask them."""
    from lvmass.saliency.sexes import compare_maps, matched_pairs
    from lvmass.saliency.waves import WAVES, by_lead_and_wave

    def shares(maps: Saliency) -> Any:
        cells = by_lead_and_wave(np.abs(maps.grams), maps.waves)[:, :, :-1]
        return cells / np.maximum(cells.sum(axis=(1, 2), keepdims=True), 1e-9)

    def men_of(people: pd.DataFrame) -> Any:
        return (people["sex"] == "male").to_numpy(bool)

    rows: list[dict[str, Any]] = []
    columns = ["question", "people", "differs at FDR 5 %", "largest effect (SD)"]

    def add(question: str, who: str, values: Any, men: Any = None) -> None:
        found, most = "too few people", np.nan
        if (len(values) if men is None else min(men.sum(), (~men).sum())) >= ENOUGH:
            tested = compare_maps(values, men)
            waves = pd.Series(np.tile(WAVES[:-1], len(LEADS)))[(tested["p_fdr"] < 0.05).to_numpy()]
            cells = "; ".join(f"{wave} in {n} leads" for wave, n in waves.value_counts(sort=False).items())
            found, most = cells or "nothing", tested["effect"].abs().max()
        rows.append(dict(zip(columns, (question, who, found, most), strict=True)))

    trainings = explained(study).training
    if set(study.beats().people["sex"]) != set(SEXES):
        return pd.DataFrame()
    if "sex-specific" in trainings:
        both = study.saliency("sex-specific")
        order = both.people.sort_values(["fitted_on", "fold", "subject_id"]).index  # the same people, twice
        women, men = np.split(shares(both)[order], 2)
        add("two sex-specific fits, the same people", str(len(women)), women - men)
        own = both.own
        add("each sex's own fit, its own people", str(len(own.people)), shares(own), men_of(own.people))
    if "pooled" in trainings:
        pooled = study.saliency("pooled")
        bsa_m2 = bsa_mosteller_m2(pooled.people["height_cm"], pooled.people["weight_kg"])
        alike = np.column_stack([pooled.people["age_years"], bsa_m2, pooled.people["lvm_g"] / bsa_m2])
        women, men = matched_pairs(alike, men_of(pooled.people))
        question = "pooled fit, women and men matched for age, body surface and LVM index"
        add(question, f"{len(women)} pairs", shares(pooled)[women] - shares(pooled)[men])
        waves, n = mass_test(study)
        question = "does a gram from a wave go with as much mass in women as in men?"
        rows.append(dict(zip(columns, (question, str(n), waves), strict=False)))
    return pd.DataFrame(rows)
