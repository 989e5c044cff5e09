"""What the appendix says: the simulator, and the studies kept at the paper's size."""

from typing import Any

import numpy as np
import pandas as pd
from IPython.display import Markdown

from lvmass.cohort.schema import SEXES
from lvmass.cohort.simulation.constants import SETTINGS
from lvmass.evaluation.inverse import PREDICTED
from lvmass.report.errors import error_answer
from lvmass.report.lvh import listed
from lvmass.report.page import missing, say, select, verdict
from lvmass.report.published import paper_answer, paper_results
from lvmass.report.saliency import own_saliency
from lvmass.report.words import DEPARTURES, PUBLISHED, printed
from lvmass.study.study import Study

CREDITED = {
    "leads aligned one by one": "leads aligned one by one instead of synchronized",
    "plain CNN of equal size": "a plain CNN of equal size instead of the TCN",
    "no lead groups": "no lead groups",
}
"""Changes of eLVMass-Net that undo what the abstracts credit."""

ECG_ONLY = ", ECG only"
"""End of the names of models that see no demographics."""


def accuracy_parts(differences: pd.DataFrame, origin: str) -> Markdown:
    """What changing the parts that the paper credits costs, and what these people could have shown.

    ``differences``: those of ``studies/ablations.toml``. A standard error is the interval's width over 3.92; the power
    is that of a two-sided test at 5 %, without correction.
    """
    everyone = select(differences, sex="all")
    rows = select(everyone, model_a="elvmass-net", model_b=[*CREDITED])
    if rows.empty:
        return missing("what the parts are worth")
    told = rows["model_b"][rows["p_holm"] < 0.05].map(CREDITED)
    costs_g = "; ".join(f"{CREDITED[str(row['model_b'])]} {_cost(row)}" for _, row in rows.iterrows())
    visible_g = 2.8 * float((rows["ci_high"] - rows["ci_low"]).max()) / 3.92
    lead_g = PUBLISHED["comparator_mae_g"].value - PUBLISHED["mae_g"].value
    found = f"Significant after Holm's correction: {'; '.join(told)}." if len(told) else "None is significant."
    text = (
        f"**Which part carries it?** Changes that undo what the abstracts credit raise the MAE by: {costs_g}. {found} "
        f"A rise of {visible_g:.2f} g would have been found with a power of 80 % before correction, in the least "
        f"certain; the published lead over the better comparator is {lead_g:.2f} g. All this is in {origin}: whatever "
        "carried the lead in patients, a simulator has no more to synchronize and to group than was put into it."
    )
    for _, row in select(everyone, model_a="beat at 100 Hz", model_b="10-s signal at 100 Hz").iterrows():
        text += f" The whole signal instead of the beat, both at 100 Hz, raises the MAE by {_cost(row)}."
    return say(text)


def _cost(row: Any) -> str:
    """Rise of the MAE from the reference to the other model, with its interval."""
    return f"{-row['difference_g']:z.2f} g ({-row['ci_high']:z.2f} to {-row['ci_low']:z.2f})"


def published_settings(errors: pd.DataFrame) -> Markdown:
    """Which networks with their authors' settings err by sex, which says that they were not trainable on so few people.

    ``errors``: kept ``errors`` of the cohort developed in, pooled training; names of such models end in "(published)".
    """
    rows = errors[errors["model"].str.endswith("(published)")]
    if rows.empty:
        return missing("networks with their authors' settings")
    biases = select(rows, metric="bias_g", sex=list(SEXES))
    off = biases[(biases["ci_low"] > 0) | (biases["ci_high"] < 0)]["model"].unique()
    mae_g, bias_g = (
        listed(own, *names, digits=1)
        for own, *names in ((select(rows, metric="mae_g", sex="all"), "model"), (biases, "model", "sex"))
    )
    return say(
        f"MAE (g) of models with their authors' settings, pooled: {mae_g}; mean error (g): {bias_g}. Biased in a sex, "
        f"so not trainable so on this many people, and no victory over them: {'; '.join(map(printed, off)) or 'none'}."
    )


def stated_results(study: Study) -> pd.DataFrame:
    """Rows of `paper_results`, those on saliency from the study itself if its people are simulated."""
    found = own_saliency(study)
    return paper_results(found if study.config.development.simulate else found[:0])


def ecg_only(mae: pd.DataFrame) -> Markdown:
    """What networks have with and without demographics, and what the published comparator's error then means.

    ``mae``: rows of ``errors``, one a model, some of whose names end in ``ECG_ONLY``.
    """
    alone = mae[mae["model"].str.endswith(ECG_ONLY)]
    if alone.empty:
        return missing("networks without demographics")
    both = mae[mae["model"].isin([*alone["model"], *alone["model"].str.removesuffix(ECG_ONLY)])]
    published, errors_g = PUBLISHED["comparator_mae_g"], alone["estimate"]
    span = {"ci_low": errors_g.min() - published.value, "ci_high": errors_g.max() - published.value}
    means = verdict(
        span,
        "all without are above: leaving out demographics would explain it, and more",
        "all without are below: leaving out demographics alone does not explain it here",
        f"those without span {errors_g.min():.1f} to {errors_g.max():.1f} g: it may be such a network, or a worse one",
    )
    said = f"MAE (g) with demographics and without: {listed(both, 'model', digits=1)}."
    return say(f"{said} The better published comparator has {published}; {means}.")


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
        key = (
            row["quantity"] if setting == "published" and row["got"] > row["high"] else f"{setting}, {row['quantity']}"
        )
        names = outside.setdefault(DEPARTURES.get(key, "no reason is known; chance may be one"), [])
        names.append(f"{row['quantity']} ({printed(row['sex'])}): {row['got']:.3g} for {row['target']}")
    listed = [f"Outside ({why}): {'; '.join(names)}." for why, names in outside.items()]
    return say(
        f"In the setting {here.name} (in {other.name} in brackets), LVM grows with body surface to the power of "
        f"{here.mass_bsa_power:g} ({other.mass_bsa_power:g}). What drives the ECG correlates with mass beyond body "
        f"size: {'; '.join(told)}. In {share[0]} ({share[1]}) of the people disease enlarges the ventricle, beside its "
        f"normal spread, by a factor of its own, at most {largest[0]} ({largest[1]}).\n\n"
        f"{card['met'].sum()} of {len(card)} rows lie within their target. " + " ".join(listed)
    )


def first_answer(study: Study) -> Markdown:
    """Answer of the first page: what is reproduced in simulated people, or how a cohort from files fares."""
    simulated = study.config.development.simulate
    return paper_answer(stated_results(study)) if simulated else error_answer(study.results(), study)
