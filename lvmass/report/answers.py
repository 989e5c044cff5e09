"""What chapters 3 to 6 say and tabulate: sentences with computed numbers, and tables of one page.

A sentence follows from the numbers of the build, whatever they are; where they are missing, it says so.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import Markdown

from lvmass.cohort.schema import SEXES
from lvmass.evaluation import paired_sample_size
from lvmass.report.page import in_sexes, missing, p_value, say, select, verdict, with_interval
from lvmass.report.published import HERE, NOT_HERE, UNDECIDED, main_fit, paper_answer, paper_results
from lvmass.report.saliency import SAME, mass_test, shuffled
from lvmass.report.words import PUBLISHED, TEXTS, printed
from lvmass.study.study import Study
from lvmass.training.model import FittedModel

GAP_NEEDS = "it needs women and men, and a model trained both pooled and sex-specific"

NO_GAP = pd.DataFrame(columns=["cutoffs", "cohort", "model", "sex", "quantity", "estimate", "note"])
"""The table ``gap`` of a study that trains no model both ways."""


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
    networks = {name: model for name, model in study.config.models.items() if model.is_network}
    rows = []
    for name, training in ((name, training) for name, model in networks.items() for training in model.training):
        network, seconds = study.networks(name, training)[0], [fit.seconds for fit in study.fits(name, training)]
        size = network.n_parameters, _mflop_per_person(network)
        rows.append((name, training, *size, len(seconds), float(np.mean(seconds))))
    return pd.DataFrame(rows, columns=["model", "training", "parameters", "mflop", "fits", "fit_s"])


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
    shapes = (1, 12, model.n_samples), (1, 2 * len(model.covariates))
    with counter, torch.no_grad():  # weight normalization fails when counted in inference mode
        network(*(torch.zeros(shape, device="meta") for shape in shapes))
    return float(counter.get_total_flops()) / 1e6


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


def verdicts(rows: pd.DataFrame, reference: str) -> Markdown:
    """Who is worse than, not significantly different from, or better than the reference, after Holm's correction.

    ``rows``: ``model_b``, ``mae_a_g`` (of the reference), ``difference_g`` and ``p_holm``.
    """
    if rows.empty or rows["p_holm"].isna().all():
        return missing("a verdict", "it takes another model of the same training, and enough people for a test")
    rows = rows.dropna(subset="p_holm")
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
        words = "not trainable so on this many people: no victory over it" if off else "no significant bias"
        mae_g = with_interval(mae, unit=" g")
        said.append(f"{printed(name)}, pooled, has an MAE of {mae_g} and a mean error of {in_sexes(biases)}: {words}")
    return say(f"{'; '.join(said)}.") if said else missing("networks with their authors' settings")


def error_answer(results: Mapping[str, pd.DataFrame], study: Study) -> Markdown:
    """Answer of chapters 3 and 4: the reference's error out of fold, and who is better or worse on the same people."""
    fit, where = main_fit(study), {"cohort": "development", "sex": "all"}
    own = {row["metric"]: row for _, row in select(results.get("errors"), **where, **fit).iterrows()}
    error, bias = (with_interval(own[name], digits=2, unit=" g") for name in ("mae_g", "bias_g"))
    percent = with_interval(own["mape_percent"], digits=1, unit=" %")
    rows = select(results.get("error_differences"), training=fit["training"], **where)
    return say(
        f"**Answer.** Out of fold, {printed(fit['model'])} has an MAE of {error}, a MAPE of {percent} and a mean error "
        f"of {bias}. {verdicts(rows, 'On the same people').data}"
    )


def first_answer(study: Study) -> Markdown:
    """Answer of the first page: what is reproduced in simulated people, or how a cohort from files fares."""
    return paper_answer(stated_results(study)) if study.simulated else error_answer(study.results(), study)


def stated_results(study: Study) -> pd.DataFrame:
    """Rows of `paper_results`, those on saliency from the study itself if its people are simulated."""
    found = own_saliency(study)
    return paper_results(found if study.simulated else found[:0])


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
    span = {"ci_low": min(errors_g) - published.value, "ci_high": max(errors_g) - published.value}
    means = verdict(
        span,
        "all of these are above: leaving out demographics would explain it, and more",
        "all of these are below: leaving out demographics alone does not explain it here",
        f"these span {min(errors_g):.1f} to {max(errors_g):.1f} g: it may be such a network, or a worse one",
    )
    return say(f"{'; '.join(pairs)}. The better published comparator has {published}; {means}.")


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


def saliency_shares(study: Study) -> pd.DataFrame:
    """`segment_shares` of a study's maps with each person's ``sex``; no rows where it explains no beats.

    Nor are there rows of a sex of which so few people were explained that their mean is not shown.
    """
    options = study.config.models[study.config.saliency.model or study.reference]
    if not options.is_network or options.reads_signal or options.beat:
        return pd.DataFrame(columns=["person", "group", "segment", "share", "sex"])
    from lvmass.saliency.waves import segment_shares  # torch and captum, which most pages do without

    saliency = study.saliency().own
    shares = segment_shares(saliency.grams, saliency.waves)
    shares = shares.merge(saliency.people[["sex", "patient_id"]], left_on="person", right_index=True)
    return shares[shares.groupby("sex")["patient_id"].transform("nunique") >= study.small_cell]


DECIDES = 4000
"""People from whom on the test of measured masses found a strong difference in each simulated cohort (chapter 6)."""


def saliency_findings(shares: pd.DataFrame, same: float, by_mass: tuple[str, int], simulated: bool) -> pd.DataFrame:
    """Published findings on saliency beside ours, as rows of `paper_results`, with the one verdict on each.

    Parameters
    ----------
    shares : DataFrame
        Of `saliency_shares`.
    same : float
        Rank correlation of the mean sizes by lead and wave with those of networks of shuffled weights.
    by_mass : tuple of str and int
        Of `lvmass.report.saliency.mass_test`.
    simulated : bool
        Whether repolarization says more of mass in women because the simulator was made so.
    """
    columns = ["the paper's result", "published (patients)", "ours", "reproduced if", "here", "shown in"]
    if shares.empty:
        return pd.DataFrame(columns=columns)
    mean = shares.groupby(["group", "sex", "segment"], sort=False)["share"].mean().reset_index()
    largest = mean.loc[mean.groupby(["group", "sex"], sort=False)["share"].idxmax()]
    found, section = [], "06_saliency#by-segment-and-lead-group"
    for group, wave, other in (("limb leads", "QRS", "T"), ("precordial leads", "T", "QRS")):
        own = select(largest, group=group)
        first = "; ".join(f"{row.segment} in {printed(row.sex)}, {row.share:.0f} %" for row in own.itertuples())
        here = (UNDECIDED if same > SAME else HERE) if (own["segment"] == wave).all() else NOT_HERE
        here += ", but the reverse" * bool((own["segment"] == other).all())
        ours = f"largest: {first}; networks of shuffled weights have a table with a rank correlation of {same:.2f}"
        rule = f"{wave} has the largest share of these leads in each sex, and that correlation is at most {SAME:g}"
        found.append((f"saliency: {wave} matters in {group}", "no number", ours, rule, here, section))
    st_t = select(shares, segment=["ST", "T"]).groupby(["sex", "person"])["share"].sum()
    text = ", ".join(f"{printed(sex)} {share:.0f} %" for sex, share in st_t.groupby("sex").mean().items())
    waves, n = by_mass
    text += f" (shares differ wherever ECGs or fits do); the test of measured masses, {n:,} people: {waves}"
    sure = n >= DECIDES and "T (" in waves
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


def saliency_answer(rows: pd.DataFrame, model: str) -> Markdown:
    """Answer of chapter 6; ``rows`` of `saliency_findings`."""
    if rows.empty:
        return missing("saliency", f"{printed(model)} does not read this study's beats")
    said = [f"{what.removeprefix('saliency: ')}: {here} ({ours})" for what, _, ours, _, here, _ in rows.to_numpy()]
    return say(f"**Answer.** Of what the paper states, by shares of all attribution: {'. '.join(said)}.")
