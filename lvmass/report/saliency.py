"""What chapter 6 shows: beats coloured by attribution, maps by lead and wave, sanity, planted truth, claims."""

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
from lvmass.report.page import p_value, say, select, table
from lvmass.report.style import SEX_COLOURS, Picture, new_figure
from lvmass.report.words import TEXTS, printed
from lvmass.study.steps import Saliency
from lvmass.study.study import Study

ENOUGH = 10
"""People of a sex, or pairs, below which no test is made."""
BY_MASS = "does a gram from a wave go with as much mass in women as in men?"


def shown(study: Study) -> Saliency:
    """Each explained person once, of those sexes of which enough were explained that their mean may be shown."""
    own = study.saliency().own
    return own.rows((own.people.groupby("sex")["sex"].transform("size") >= study.small_cell).to_numpy(bool))


def _by_sex(saliency: Saliency) -> dict[str, Saliency]:
    of = saliency.people["sex"]
    return {sex: saliency.rows((of == sex).to_numpy(bool)) for sex in SEXES if (of == sex).any()}


def beats_on_paper(saliency: Saliency, time_ms: Any) -> Picture:
    """Draw the median beat of women and of men side by side, coloured by the mean size of attribution, at one scale.

    ``saliency``: of each person once; ``time_ms``: of the samples.
    """
    step_ms = float(time_ms[1] - time_ms[0])
    drawn = {
        sex: (np.median(own.inputs_mv, axis=0), 1000 * np.abs(own.grams).mean(axis=0) / step_ms)
        for sex, own in _by_sex(saliency).items()
    }
    figure, axes = new_figure(3, 4 * len(drawn), width=5.6 * len(drawn), height=6.4)
    top = max(float(np.percentile(mg, 99.5)) for _, mg in drawn.values())
    shown = (time_ms >= -240) & (time_ms < 440)
    time_s = (time_ms[shown] - time_ms[shown][0]) / 1000
    for row, names in enumerate(_LAYOUT):
        for column, name in enumerate(names):
            lead = LEADS.index(name)
            both = np.concatenate([beat_mv[lead, shown] for beat_mv, _ in drawn.values()])
            low, high = np.floor(2 * both.min() - 0.2) / 2, np.ceil(2 * both.max() + 0.4) / 2
            for turn, (sex, (beat_mv, mg)) in enumerate(drawn.items()):
                panel = axes[row, column * len(drawn) + turn]
                _ecg_paper(panel, float(time_s[-1]), low, high)
                points = np.stack([time_s, beat_mv[lead, shown]], axis=1)
                lines = LineCollection(list(np.stack([points[:-1], points[1:]], axis=1)), linewidths=2, zorder=3)
                lines.set(array=mg[lead, shown][1:], cmap="viridis_r", clim=(0, top))
                panel.add_collection(lines)
                panel.set_title(f"{name} {printed(sex)}", color=SEX_COLOURS[sex], fontsize=8)
    figure.colorbar(lines, ax=axes, label="mean size of attribution (mg of LVM per ms)", shrink=0.6, aspect=40)
    sexes_told = " beside that of ".join(map(printed, drawn))
    told = f"Median beat of {sexes_told} in twelve leads on ECG paper, one voltage scale a lead, one colour scale"
    return Picture(figure, f"{told}; colour is the mean size of attribution.")


def lead_wave_tables(saliency: Saliency, time_ms: Any) -> dict[str, pd.DataFrame]:
    """`mean_map` of the sizes of each sex's attributions."""
    from lvmass.saliency.waves import by_lead_and_wave, mean_map

    step_ms = float(time_ms[1] - time_ms[0])
    tables: dict[str, pd.DataFrame] = {}
    for sex, own in _by_sex(saliency).items():
        cells = by_lead_and_wave(np.abs(own.grams), own.waves)
        tables[sex] = mean_map(cells, own.waves, step_ms, own.people["patient_id"]).query("wave != 'rest'")
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
    """How well attributions add up, what covariates have of them, and per millisecond which wave has most."""
    missed = 100 * (saliency.people["completeness_error_g"] / saliency.people["difference_g"]).abs()
    wave_g = np.abs(saliency.grams.sum(axis=(1, 2))).mean()
    who = " and ".join(f"{len(own.people)} {printed(sex)}" for sex, own in _by_sex(saliency).items())
    return say(
        f"Out of fold, {who}. The sums miss the difference that they explain by {missed.median():.2f} % in the median, "
        f"{missed.max():.1f} % at most. On average, the waveform as a whole moves an estimate by {wave_g:.1f} g, "
        f"covariates by {saliency.covariate_grams.mean():.1f} g (sum of their sizes)."
    )


def sexes_compared(study: Study) -> pd.DataFrame:
    """Four questions on women and men, each with its own test; no rows where a study cannot ask them."""
    from lvmass.saliency import compare_maps, matched_pairs, weighting_test
    from lvmass.saliency.waves import WAVES, by_lead_and_wave

    def shares(maps: Saliency) -> Any:
        cells = by_lead_and_wave(np.abs(maps.grams), maps.waves)[:, :, :-1]
        return cells / np.maximum(cells.sum(axis=(1, 2), keepdims=True), 1e-9)

    def men_of(people: pd.DataFrame) -> Any:
        return (people["sex"] == "male").to_numpy(bool)

    def add(question: str, who: str, values: Any, men: Any = None) -> None:
        if (len(values) if men is None else min(men.sum(), (~men).sum())) < ENOUGH:
            rows.append((question, who, "too few people", np.nan))
            return
        tested = compare_maps(values, men)
        waves = pd.Series(np.tile(WAVES[:-1], len(LEADS)))[(tested["p_fdr"] < 0.05).to_numpy()]
        cells = "; ".join(f"{wave} in {n} leads" for wave, n in waves.value_counts(sort=False).items())
        rows.append((question, who, cells or "nothing", tested["effect"].abs().max()))

    trainings = study.config.models[study.config.saliency.model or study.reference].training
    rows: list[tuple[Any, ...]] = []
    if set(study.beats().people["sex"]) != set(SEXES):
        return pd.DataFrame()
    if "sex-specific" in trainings:
        both = study.saliency("sex-specific")
        twice = both.people.reset_index(drop=True).sort_values(["fold", "subject_id"])  # the same people, by both fits
        women, men = (shares(both)[twice.index[twice["fitted_on"] == sex]] for sex in SEXES)
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
        people, cells = study.contributions()
        said = "too few people"
        if min(men_of(people).sum(), (~men_of(people)).sum()) >= 4 * ENOUGH:
            known = people[["age_years", "height_cm", "weight_kg"]].to_numpy(float)
            found = weighting_test(cells, people["lvm_g"].to_numpy(float), known, men_of(people))
            sure = found[found["p_fdr"] < 0.05]
            said = "; ".join(sure["wave"] + " (p " + sure["p_fdr"].map(p_value) + ")") or "nothing"
        rows.append((BY_MASS, str(len(people)), said, np.nan))
    return pd.DataFrame(rows, columns=["question", "people", "differs at FDR 5 %", "largest effect (SD)"])


def sanity_panel(agreement: pd.DataFrame, curves: pd.DataFrame) -> Picture:
    """Draw with what maps agree, and the curves of deletion and insertion; of `Study.saliency_checks`."""
    ratios = {"width_ratios": [2, 1, 1]}
    figure, (bars, deletion, insertion) = new_figure(1, 3, width=11.5, height=4.2, gridspec_kw=ratios)
    mean = agreement.groupby("against", sort=False)[["samples", "lead_wave"]].mean()
    y = np.arange(len(mean))
    bars.barh(y - 0.2, mean["samples"], 0.4, color="#0072B2", label="samples, signed")
    bars.barh(y + 0.2, mean["lead_wave"], 0.4, color="#E69F00", label="sizes by lead and wave")
    bars.set(yticks=y, xlabel="rank correlation with the map", xlim=(-0.2, 1.05))
    bars.set_yticklabels(mean.index)
    bars.invert_yaxis()
    bars.axvline(0.2, color="#444444", ls=":", lw=1)
    bars.legend(fontsize=7, loc="lower right")
    for panel, column in ((deletion, "deletion_g"), (insertion, "insertion_g")):
        for colour, order in zip(("#0072B2", "#777777", "#E69F00"), curves["order"].unique(), strict=True):
            line = select(curves, order=order).groupby("share")[column].mean()
            panel.plot(100 * line.index, line, color=colour, label=order)
        panel.set(xlabel=f"patches {'taken away' if column == 'deletion_g' else 'put in'} (%)", ylabel="change (g)")
        panel.set_title(column.removesuffix("_g"))
    deletion.legend(fontsize=7)
    return Picture(figure, "Rank correlations of the map with other maps, and curves of deletion and insertion.")


def sanity_said(agreement: pd.DataFrame, curves: pd.DataFrame) -> Markdown:
    """Whether maps follow the network, and the estimate follows maps, in words."""
    from lvmass.saliency.sanity import areas

    last = _shuffled(agreement)
    by_fold = [areas(own).set_index("order")["deletion_g"] for _, own in curves.groupby("fold")]
    random, slopes = (sum(bool(area["map"] > area[rival]) for area in by_fold) for rival in ("random", "|dV/dt|"))
    return say(
        "Of a network with shuffled weights, the signed map by sample has a rank correlation of at most "
        f"{last['samples'].abs().max():.2f} with the real one: it follows the network. **The mean size by lead and "
        f"wave hardly does**: there it is {last['lead_wave'].mean():.2f}, because any network's attributions are large "
        "where voltages are. What such a table shows is, first of all, the ECG. Deletion by map changes the estimate "
        f"faster than at random in {random} of {len(by_fold)} folds, and faster than by |dV/dt|, which knows nothing "
        f"of the network, in {slopes}."
    )


def _shuffled(agreement: pd.DataFrame) -> pd.DataFrame:
    """Agreement with the map of a network whose weights are all shuffled, a row a fold."""
    return agreement[agreement["against"].str.startswith("weights shuffled")].groupby("fold").tail(1)


def kept(name: str) -> dict[str, Any] | None:
    """What ``benchmarks/saliency_*.py`` left in ``validation/``."""
    path = Path("validation") / f"saliency_{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def kept_said(sanity: Mapping[str, Any]) -> Markdown:
    """What the paper-size run adds: shuffled masses, other seeds, deletion, the beat that a network asks for."""
    maps, waves = sanity["mean_map"], sanity["mean_map"]["waves"]

    def told(grams: Any) -> str:
        percent = 100 * np.sum(grams, axis=0) / np.sum(grams)
        return ", ".join(f"{wave} {share:.0f} %" for wave, share in zip(waves, percent, strict=True))

    against = {row["with"]: row for row in sanity["agreement"]}
    seed, other, beaten = against["another seed"], sanity["counterfactual"], sanity["folds_deletion_beats"]
    area = {row["order"]: row["deletion_g"] for row in sanity["areas"]}
    heart = other["estimates_g"]
    return say(
        f"At the paper's size ({sanity['n']} simulated people, {sanity['folds']} folds): "
        f"shares by wave are {told(maps['grams'])}. **A network trained on shuffled masses, which knows nothing, has "
        f"{told(maps['shuffled_masses_grams'])}.** Fits that differ in their seed alone agree in the mean map "
        f"({seed['lead_wave_mean_map']:.2f}), hardly in one person's samples ({seed['samples_signed']:.2f}). "
        f"Deletion by map moves the estimate by {area['integrated gradients, mean']:.1f} g on average over shares, at "
        f"random by {area['random']:.1f} g, by |dV/dt| by {area['|dV/dt|']:.1f} g; it is better than random in "
        f"{beaten['random']} folds and than |dV/dt| in {beaten['|dV/dt|']}. Drawn at 80, 120 and 180 g, the "
        f"same people are estimated at {heart['80.0']:.0f}, {heart['120.0']:.0f} and {heart['180.0']:.0f} g. "
        "A change of one SD of what differs from day to day, chosen by the network, raises the estimate by "
        f"{other['wish_raises_g']:.0f} g, not as the heart would: its cosine with the true change is "
        f"{other['cosine']:.2f}."
    )


def counterfactual_beats(sanity: Mapping[str, Any]) -> Picture:
    """Draw a woman and a man at 80, 120 and 180 g, and the beat that the network asks for at 120 g."""
    beats = sanity["counterfactual"]["beats"]
    figure, axes = new_figure(2, len(beats) // 2, width=9.5, height=4.6, sharex=True)
    for panel, beat in zip(axes.flat, beats, strict=True):
        middle = np.array(beat["120_g_uv"]) / 1000
        time_ms = np.arange(len(middle)) * 4.0 - 300
        for mass, colour in (("80", "#56B4E9"), ("120", "#222222"), ("180", "#0072B2")):
            panel.plot(time_ms, np.array(beat[f"{mass}_g_uv"]) / 1000, color=colour, lw=1.1, label=f"drawn at {mass} g")
        wish = middle + np.array(beat["wish_uv"]) / 1000
        panel.plot(time_ms, wish, color="#D55E00", lw=0.9, ls="--", label="what the network asks for")
        panel.set(title=f"{beat['lead']}, {printed(beat['sex'])}", xlim=(-250, 450))
    for panel in axes[:, 0]:
        panel.set_ylabel("mV")
    axes[0, 0].legend(fontsize=6)
    told = "A woman's and a man's beat drawn at 80, 120 and 180 g, and the beat that the network asks for at 120 g"
    return Picture(figure, f"{told}: it changes other samples than mass does.")


def truth_tables(truth: Mapping[str, Any]) -> list[HTML | Markdown]:
    """Methods where mass is planted on one path, and tests of women against men where the answer is known."""
    rows = pd.DataFrame(truth["methods"])
    mean = rows.query("baseline == 'mean'")
    cells = mean["share_samples"].map("{:.0%}".format) + mean["r_samples"].map(" ({:.2f})".format)
    shown = mean.assign(cell=cells.str.replace("%", " %"))
    wide = shown.pivot_table(index="path", columns="method", values="cell", aggfunc="first").loc[rows["path"].unique()]
    limits = mean.groupby("path", sort=False).agg(truth=("true_share", "first"), gain=("waveform_gain", "first"))
    wide.insert(0, "true share", [f"{100 * share:.0f} %" for share in limits["truth"]])
    wide.insert(1, "waveform lowers MAE by", [f"{100 * gain:.0f} %" for gain in limits["gain"]])
    caption = (
        f"Mass planted on one path, {truth['n']} simulated people each: share of the attribution's size in the planted "
        "wave (correlation of the map by lead and wave with the true change); from the mean beat."
    )
    tests = pd.DataFrame(truth["tests"])
    names = {"strong": "ST-T, strong", "life": "ST-T, as in the simulator", "none": "nothing"}
    tests = tests.assign(planted=tests["planted"].map(names), people=tests["people"].round().astype(int))
    for found, header in {"finds_st_t": "finds ST or T", "finds_other": "finds another wave"}.items():
        tests[header] = tests[found].map(str) + " of " + tests["cohorts"].map(str)
    columns = ["test", "planted", "people", "finds ST or T", "finds another wave"]
    return [
        table(wide.reset_index(), caption),
        table(tests[columns], "Women against men where the difference is planted: cohorts in which a test finds it."),
        say(f"{TEXTS['trust']} {truth['development']}"),
    ]


def claims(findings: pd.DataFrame, agreement: pd.DataFrame, compared: pd.DataFrame) -> pd.DataFrame:
    """Published claims beside ours, and what may be said of each.

    ``findings`` of `lvmass.report.answers.saliency_findings`, ``agreement`` of `Study.saliency_checks`, ``compared`` of
    `sexes_compared`.
    """
    same, undecided = _shuffled(agreement)["lead_wave"].mean(), "cannot be decided here"
    tested = "no test" if compared.empty else (*select(compared, question=BY_MASS)["differs at FDR 5 %"], "no test")[0]
    rows = []
    for claim, _, ours, _, here, _ in findings.to_numpy():
        if "by sex" in claim:
            verdict = "supported" if "T (" in tested else undecided  # in ST or T
            why = f"shares differ wherever ECGs or fits do; the test of measured masses finds {tested}"
        else:
            supported = undecided if same > 0.5 else "supported"
            verdict = supported if here.startswith("reproduced") else "not supported"
            why = f"a network of shuffled weights has nearly this table, too (rank correlation {same:.2f})"
        rows.append((claim.removeprefix("saliency: "), ours, verdict, why))
    return pd.DataFrame(rows, columns=["published", "ours", "verdict", "why"])
