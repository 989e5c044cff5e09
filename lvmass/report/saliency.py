"""What chapter 6 shows: beats coloured by attribution, maps by lead and wave, sanity, planted truth."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown
from matplotlib.collections import LineCollection

from lvmass.cohort.schema import SEXES, bsa_mosteller_m2
from lvmass.ecg.recording import LEADS
from lvmass.report.ecg_figures import _LAYOUT, _ecg_paper
from lvmass.report.page import missing, p_value, say, select, table
from lvmass.report.published import HERE, NOT_HERE, UNDECIDED
from lvmass.report.style import SEX_COLOURS, Picture, new_figure
from lvmass.report.words import printed
from lvmass.study.steps import Saliency
from lvmass.study.study import Study

DECIDES = 4000
"""People from whom on the test of measured masses found a strong difference in each simulated cohort (chapter 6)."""


ENOUGH = 10
"""People of a sex, or pairs, below which no test is made."""
FOLLOWS, SAME = 0.2, 0.5
"""Rank correlation with the map of shuffled weights: up to one a map follows its network, above the other it hardly
does."""


def shown(study: Study) -> Saliency:
    """Each explained person once, of those sexes of which enough patients were explained to show their mean."""
    own = study.saliency().own
    return own.rows((own.people.groupby("sex")["patient_id"].transform("nunique") >= study.small_cell).to_numpy(bool))


def beats_on_paper(saliency: Saliency, time_ms: Any) -> Picture:
    """Draw the median beat of women and of men side by side, coloured by the mean size of attribution, at one scale.

    ``saliency``: of each person once; ``time_ms``: of the samples.
    """
    sexes = [sex for sex in SEXES if (saliency.people["sex"] == sex).any()]
    step_ms, drawn = float(time_ms[1] - time_ms[0]), {}
    for sex in sexes:
        own = saliency.rows((saliency.people["sex"] == sex).to_numpy(bool))
        drawn[sex] = np.median(own.inputs_mv, axis=0), 1000 * np.abs(own.grams).mean(axis=0) / step_ms
    figure, axes = new_figure(3, 4 * len(sexes), width=5.6 * len(sexes), height=6.4)
    top = max(float(np.percentile(mg, 99.5)) for _, mg in drawn.values())
    shown = (time_ms >= -240) & (time_ms < 440)
    time_s = (time_ms[shown] - time_ms[shown][0]) / 1000
    for row, names in enumerate(_LAYOUT):
        for column, name in enumerate(names):
            lead = LEADS.index(name)
            both = np.concatenate([beat_mv[lead, shown] for beat_mv, _ in drawn.values()])
            low, high = np.floor(2 * both.min() - 0.2) / 2, np.ceil(2 * both.max() + 0.4) / 2
            for turn, (sex, (beat_mv, mg)) in enumerate(drawn.items()):
                panel = axes[row, column * len(sexes) + turn]
                _ecg_paper(panel, float(time_s[-1]), low, high)
                points = np.stack([time_s, beat_mv[lead, shown]], axis=1)
                lines = LineCollection(
                    list(np.stack([points[:-1], points[1:]], axis=1)), cmap="viridis_r", linewidths=2, zorder=3
                )
                lines.set_array(mg[lead, shown][1:])
                lines.set_clim(0, top)
                panel.add_collection(lines)
                panel.set_title(f"{name} {printed(sex)}", color=SEX_COLOURS[sex], fontsize=8)
    figure.colorbar(lines, ax=axes, label="mean size of attribution (mg of LVM per ms)", shrink=0.6, aspect=40)
    sexes_told = " beside that of ".join(map(printed, sexes))
    told = f"Median beat of {sexes_told} in twelve leads on ECG paper, one voltage scale a lead, one colour scale"
    return Picture(figure, f"{told}; colour is the mean size of attribution.")


def lead_wave_tables(saliency: Saliency) -> dict[str, pd.DataFrame]:
    """`mean_map` of the sizes of each sex's attributions."""
    from lvmass.saliency.waves import by_lead_and_wave, mean_map

    tables: dict[str, pd.DataFrame] = {}
    for sex in SEXES:
        rows = (saliency.people["sex"] == sex).to_numpy(bool)
        if rows.any():
            own = saliency.rows(rows)
            cells = by_lead_and_wave(np.abs(own.grams), own.waves)
            tables[sex] = mean_map(cells, own.people["patient_id"]).query("wave != 'rest'")
    return tables


def lead_wave_maps(tables: Mapping[str, pd.DataFrame]) -> Picture:
    """Draw `lead_wave_tables`, with 95 % intervals, the sexes side by side at one scale."""
    figure, axes = new_figure(1, len(tables), width=5.2 * len(tables), height=5.2, squeeze=False)
    top = max(float(rows["grams"].max()) for rows in tables.values())
    for panel, (sex, rows) in zip(axes[0], tables.items(), strict=True):
        grid = rows.pivot_table(index="lead", columns="wave", values="grams").loc[[*LEADS], rows["wave"].unique()]
        image = panel.imshow(grid, cmap="viridis_r", vmin=0, vmax=top, aspect="auto")
        for (y, x), row in zip(np.ndindex(grid.shape), rows.to_dict("records"), strict=True):
            text = f"{row['grams']:.2f}\n{row['ci_low']:.2f}–{row['ci_high']:.2f}"
            dark = "white" if row["grams"] > 0.55 * top else "#222222"
            panel.text(x, y, text, ha="center", va="center", fontsize=6, color=dark)
        panel.set(xticks=range(grid.shape[1]), yticks=range(12), title=printed(sex))
        panel.set_xticklabels(grid.columns)
        panel.set_yticklabels(LEADS)
    figure.colorbar(image, ax=axes, label="mean size of attribution (g)", shrink=0.6)
    return Picture(figure, "Mean size of attribution by lead and wave, women and men, with 95 % intervals.")


def sum_of_parts(saliency: Saliency) -> Markdown:
    """How well attributions add up, and what the waveform and the covariates have of them."""
    missed_g = saliency.people["completeness_error_g"].abs()
    missed = 100 * missed_g / saliency.people["difference_g"].abs()
    wave_g = np.abs(saliency.grams.sum(axis=(1, 2))).mean()
    n = saliency.people["sex"].value_counts()
    who = " and ".join(f"{n[sex]} {printed(sex)}" for sex in SEXES if sex in n)
    return say(
        f"Out of fold, {who}. The sums miss the difference that they explain by {missed.median():.2f} % in the median, "
        f"{missed.max():.1f} % at most, in grams {missed_g.max():.2f} g at most. On average, the waveform as a whole "
        f"moves an estimate by {wave_g:.1f} g, covariates together by {np.abs(saliency.covariate_grams).mean():.1f} g."
    )


def mass_test(study: Study) -> tuple[str, int]:
    """Waves that follow mass otherwise in women by `weighting_test`, and of how many people; the reason if untested."""
    from lvmass.saliency import weighting_test

    if "pooled" not in study.config.models[study.config.saliency.model or study.reference].training:
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
    from lvmass.saliency import compare_maps, matched_pairs
    from lvmass.saliency.waves import WAVES, by_lead_and_wave

    def shares(maps: Saliency) -> Any:
        cells = by_lead_and_wave(np.abs(maps.grams), maps.waves)[:, :, :-1]
        return cells / np.maximum(cells.sum(axis=(1, 2), keepdims=True), 1e-9)

    def men_of(people: pd.DataFrame) -> Any:
        return (people["sex"] == "male").to_numpy(bool)

    def row(question: str, who: str, values: Any, men: Any = None) -> dict[str, Any]:
        told = {
            "question": question,
            "people": who,
            "differs at FDR 5 %": "too few people",
            "largest effect (SD)": np.nan,
        }
        if (len(values) if men is None else min(men.sum(), (~men).sum())) < ENOUGH:
            return told
        tested = compare_maps(values, men)
        waves = pd.Series(np.tile(WAVES[:-1], len(LEADS)))[(tested["p_fdr"] < 0.05).to_numpy()]
        cells = "; ".join(f"{wave} in {n} leads" for wave, n in waves.value_counts(sort=False).items())
        return told | {"differs at FDR 5 %": cells or "nothing", "largest effect (SD)": tested["effect"].abs().max()}

    trainings, rows = study.config.models[study.config.saliency.model or study.reference].training, []
    if set(study.beats().people["sex"]) != set(SEXES):
        return pd.DataFrame()
    if "sex-specific" in trainings:
        both = study.saliency("sex-specific")
        ids = both.people["fold"].astype(str) + both.people["subject_id"]
        order = {sex: np.flatnonzero(both.people["fitted_on"] == sex) for sex in SEXES}
        order = {sex: at[np.argsort(ids.to_numpy()[at])] for sex, at in order.items()}  # the same people, twice
        women, men = (shares(both)[order[sex]] for sex in SEXES)
        rows.append(row("two sex-specific fits, the same people", str(len(women)), women - men))
        own = both.own
        rows.append(row("each sex's own fit, its own people", str(len(own.people)), shares(own), men_of(own.people)))
    if "pooled" in trainings:
        pooled = study.saliency("pooled")
        bsa_m2 = bsa_mosteller_m2(pooled.people["height_cm"], pooled.people["weight_kg"])
        alike = np.column_stack([pooled.people["age_years"], bsa_m2, pooled.people["lvm_g"] / bsa_m2])
        women, men = matched_pairs(alike, men_of(pooled.people))
        question = "pooled fit, women and men matched for age, body surface and LVM index"
        rows.append(row(question, f"{len(women)} pairs", shares(pooled)[women] - shares(pooled)[men]))
        waves, n = mass_test(study)
        question = "does a gram from a wave go with as much mass in women as in men?"
        rows.append({"question": question, "people": str(n), "differs at FDR 5 %": waves})
    return pd.DataFrame(rows)


def sanity_panel(agreement: pd.DataFrame, curves: pd.DataFrame) -> Picture:
    """Draw with what maps agree, and the curves of deletion and insertion; of `Study.saliency_checks`."""
    ratios = {"width_ratios": [2, 1, 1]}
    figure, (bars, deletion, insertion) = new_figure(1, 3, width=11.5, height=4.2, gridspec_kw=ratios)
    mean = agreement.groupby("against", sort=False)[["samples", "lead_wave", "missed"]].mean()
    y = np.arange(len(mean))
    bars.barh(y - 0.2, mean["samples"], 0.4, color="#0072B2", label="samples, signed")
    bars.barh(y + 0.2, mean["lead_wave"], 0.4, color="#E69F00", label="sizes by lead and wave")
    bars.set(yticks=y, xlabel="rank correlation with the map", xlim=(-0.2, 1.05))
    bars.set_yticklabels([f"{name} ({100 * missed:.1f} %)" for name, missed in mean["missed"].items()])
    bars.invert_yaxis()
    bars.axvline(FOLLOWS, color="#444444", ls=":", lw=1)
    bars.legend(fontsize=7, loc="lower right")
    for panel, column in ((deletion, "deletion_g"), (insertion, "insertion_g")):
        for colour, order in zip(("#0072B2", "#777777", "#E69F00"), curves["order"].unique(), strict=True):
            line = select(curves, order=order).groupby("share")[column].mean()
            panel.plot(100 * line.index, line, color=colour, label=order)
        panel.set(xlabel=f"patches {'taken away' if column == 'deletion_g' else 'put in'} (%)", ylabel="change (g)")
        panel.set_title(column.removesuffix("_g"))
    deletion.legend(fontsize=7)
    told = "Rank correlations of the map with other maps (by how much the sums of these miss, median)"
    return Picture(figure, f"{told}, and curves of deletion and insertion.")


def shuffled(agreement: pd.DataFrame) -> pd.DataFrame:
    """Rows on networks all of whose weights are shuffled, one a fit."""
    rows = agreement[agreement["against"].str.startswith("weights shuffled")]
    return rows.groupby(["fold", "fitted_on"]).tail(1)


def sanity_said(agreement: pd.DataFrame, curves: pd.DataFrame) -> Markdown:
    """Whether maps follow the network, and the estimate follows maps, in words."""
    from lvmass.saliency.sanity import areas

    last = shuffled(agreement)
    samples, cells = last["samples"].abs().max(), last["lead_wave"].mean()
    by_fit = [dict(areas(own)[["order", "deletion_g"]].to_numpy()) for _, own in curves.groupby(["fold", "fitted_on"])]
    better = {rival: sum(bool(area["map"] > area[rival]) for area in by_fit) for rival in ("random", "|dV/dt|")}
    follows = "it follows the network" if samples <= FOLLOWS else "**part of it is the ECG's, whatever the network**"
    says = (
        f"**The mean size by lead and wave hardly depends on the network**: there it is {cells:.2f}. What such a table "
        "shows is, first of all, the ECG."
        if cells > SAME
        else f"For the mean size by lead and wave it is {cells:.2f}."
    )
    return say(
        f"Of a network with shuffled weights, the signed map by sample has a rank correlation of at most {samples:.2f} "
        f"with the real one: {follows}. {says} "
        f"Deletion by map changes the estimate faster than at random in {better['random']} of {len(by_fit)} "
        f"fits, and faster than by |dV/dt|, which knows nothing of the network, in {better['|dV/dt|']}."
    )


def kept(name: str) -> dict[str, Any] | None:
    """What ``benchmarks/saliency_*.py`` left in ``validation/``."""
    path = Path("validation") / f"saliency_{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def kept_said(sanity: Mapping[str, Any]) -> Markdown:
    """What the paper-size run adds: shuffled masses, other seeds, deletion, the same people at other masses."""
    waves, own, blind = sanity["waves"], np.array(sanity["map_g"]), np.array(sanity["map_shuffled_masses_g"])
    shares = [
        ", ".join(f"{wave} {100 * x:.0f} %" for wave, x in zip(waves, each.sum(axis=0) / each.sum(), strict=True))
        for each in (own, blind)
    ]
    seed = sanity["another_seed"]
    area, beaten, drawn_g = sanity["deletion_g"], sanity["folds_deletion_beats"], sanity["estimates_g"]
    masses, estimates = (", ".join(f"{float(each):.0f}" for each in part) for part in (drawn_g, drawn_g.values()))
    return say(
        f"At the paper's size ({sanity['n']} simulated people, {sanity['folds']} folds): of {own.sum():.1f} g by lead "
        f"and wave, summed, shares by wave are {shares[0]}. **A network trained on shuffled masses, which knows "
        f"nothing, has {blind.sum():.1f} g, and of these {shares[1]}**; its mean map has a correlation of "
        f"{np.corrcoef(own.ravel(), blind.ravel())[0, 1]:.2f} with the real one. Fits that differ in their seed alone "
        f"have a rank correlation of {seed['lead_wave_mean_map']:.2f} in the mean map, of "
        f"{seed['samples_signed']:.2f} in one person's samples. "
        f"Deletion by map moves the estimate by {area['map']:.1f} g on average over shares, at "
        f"random by {area['random']:.1f} g, by |dV/dt| by {area['|dV/dt|']:.1f} g; it moves it more than random in "
        f"{beaten['random']} folds and than |dV/dt| in {beaten['|dV/dt|']}. Sums miss a person's difference by up to "
        f"{100 * sanity['missed_worst']:.1f} % in the worst fold, where this difference is small. Drawn at {masses} g, "
        f"the same people are estimated at {estimates} g."
    )


def truth_tables(truth: Mapping[str, Any]) -> list[HTML | Markdown]:
    """Methods where mass is planted on one path, and tests of women against men where the answer is known."""
    rows = pd.DataFrame(truth["methods"])
    shown = rows.assign(
        cell=[
            f"{100 * share:.0f} % ({r:z.2f}, {r_leads:z.2f})"
            for share, r, r_leads in rows[["share", "r", "r_leads"]].itertuples(index=False)
        ]
    )
    wide = shown.pivot_table(index="path", columns="method", values="cell", aggfunc="first").loc[rows["path"].unique()]
    paths = rows.groupby("path", sort=False)
    wide.insert(0, "true share", [f"{100 * share:.0f} %" for share in paths["true_share"].first()])
    wide.insert(1, "waveform lowers MAE by", [f"{100 * gain:.0f} %" for gain in paths["waveform_gain"].first()])
    caption = (
        f"Mass planted on one path, {truth['n']} simulated people each: share of the attribution's size in the planted "
        "wave (correlation of the map with the true change: by lead and wave; by lead within the planted wave); from "
        "the mean beat."
    )
    tests = pd.DataFrame(truth["tests"])
    names = {"strong": "ST-T, strong", "life": "ST-T, as in the simulator", "none": "nothing"}
    tests = tests.assign(planted=tests["planted"].map(names), people=tests["people"].round().astype(int))
    tests["finds ST or T"] = [f"{a} of {n}" for a, n in zip(tests["finds_st_t"], tests["cohorts"], strict=True)]
    tests["finds another wave"] = [f"{a} of {n}" for a, n in zip(tests["finds_other"], tests["cohorts"], strict=True)]
    columns = ["test", "planted", "people", "finds ST or T", "finds another wave"]
    ranges = paths[["share", "r_leads"]].agg(["min", "max"])
    most: list[str] = []
    rest: list[str] = []
    for path, own in ranges["share"].iterrows():
        text = f"{path} {100 * own['min']:.0f} to {100 * own['max']:.0f} %"
        (most if own["min"] > 0.5 else rest).append(text)
    leads = "; ".join(f"{path} {own['min']:z.2f} to {own['max']:z.2f}" for path, own in ranges["r_leads"].iterrows())
    ends = rows.groupby("method")["missed"].agg(["min", "max"])
    missed = "; ".join(f"{name} {100 * low:.1f} to {100 * high:.1f} %" for name, low, high in ends.itertuples())
    seeds = tests[tests["test"].str.startswith("d:")]
    rates = "; ".join(
        f"with {row['planted']} planted, {row['people']:,} people: ST or T in {row['finds ST or T']} cohorts, another "
        f"wave in {row['finds another wave']}"
        for row in select(tests, test="weighting").to_dict("records")
    )
    return [
        table(wide.reset_index(), caption),
        table(
            tests[columns],
            "Women against men where the difference is planted: cohorts in which a test finds it, of those that were "
            "finished (10 were begun; 5 as in the simulator, and where maps are compared).",
        ),
        say(
            "**Which map for which question.** *Which wave carries mass?* One path is open, and more than half lies in "
            f"the planted wave for {'; '.join(most) or 'no path'}; not by every method for "
            f"{'; '.join(rest) or 'no path'}. No map gives the true share. *In which leads of that wave?* It depends "
            f"on the path: the correlation by lead is {leads}. A high correlation over all cells says little, for the "
            "map of a network that learnt shuffled masses has it, too (above). By how much sums miss "
            f"what they explain (median): {missed}. *Do women and men differ?* No map says so: two fits that differ in "
            f"nothing but their seed differ in ST or T in {seeds['finds_st_t'].sum()} of {seeds['cohorts'].sum()} "
            f"cohorts. The test of measured masses errs, too: {rates}. {truth['development']}"
        ),
    ]


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
