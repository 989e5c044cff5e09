"""Figures of people and results: tables in, pictures out; nothing is computed here that a table would need."""

import re
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import Markdown
from matplotlib.ticker import MaxNLocator

from lvmass.cohort.schema import SEXES
from lvmass.cohort.subjects import EXCLUSION_WORDS
from lvmass.report.answers import verdicts
from lvmass.report.external import net_benefit, spread
from lvmass.report.page import (
    beside,
    few,
    laid_out,
    missing,
    p_value,
    parts,
    say,
    select,
    table,
    whole,
    wide,
    with_interval,
)
from lvmass.report.published import how_far, over_folds
from lvmass.report.style import COLOURS, OTHERS, OURS, SEX_COLOURS, Picture, new_figure
from lvmass.report.words import PUBLISHED, printed, reasons
from lvmass.study.study import Study

Shown = Picture | Markdown
"""A figure, or the sentence that says why there is none."""


def _numbers(rows: pd.DataFrame, *names: str) -> list[np.ndarray]:
    return [rows[name].to_numpy(dtype=float, na_value=np.nan) for name in names]


def _colour(label: str, turn: int = 0) -> str:
    """Colour of a word that has one, such as the "women" of "sex-specific, women", else the next of the others."""
    return COLOURS.get(label) or COLOURS.get(label.split(", ")[-1]) or OTHERS[turn % len(OTHERS)]


# --- people ---


def flow_diagram(
    beats: Mapping[str, Any], excluded: Mapping[str, pd.DataFrame] | None = None, smallest: int = 1
) -> Picture:
    """Draw how many ECGs of each cohort are analysed, and why the others are not, by label of the cohort.

    ``beats`` are of `Beats`; ``excluded`` of `Cohort`, people of whom a value is missing. Counts below ``smallest`` are
    not shown, nor those that would give them away.
    """
    figure, axes = new_figure(1, len(beats), width=4.6 * len(beats), height=3.4, squeeze=False)
    arrow = {"arrowstyle": "->", "color": "#444444"}
    frame = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": "#444444"}
    told = []
    for panel, (label, each) in zip(axes[0], beats.items(), strict=True):
        codes = excluded[label]["code"].map(str) if excluded else pd.Series(dtype=str)
        unusable, left_out = reasons(each.report), dict(Counter(codes.map(EXCLUSION_WORDS)))
        analysed, people = len(each.people), each.people.drop_duplicates("patient_id")
        every = whole(analysed, len(each.report) + len(codes), smallest)
        lost, missed = parts([sum(unusable.values()), len(codes)], smallest)
        women, men = parts([int((people["sex"] == sex).sum()) for sex in SEXES], smallest)
        boxes = [
            (0.28, 0.90, f"{every} ECGs in the table"),
            (0.28, 0.10, f"{analysed:,} analysed, of\n{women} women, {men} men"),
            (0.72, 0.32 if left_out else 0.50, _listed(f"{lost} ECGs not usable", unusable, smallest)),
        ]
        if left_out:
            boxes.append((0.72, 0.72, _listed(f"{missed} with a missing value", left_out, smallest)))
        panel.annotate("", (0.28, 0.2), (0.28, 0.8), arrowprops=arrow)
        for x, y, text in boxes:
            if x > 0.5:
                panel.annotate("", (0.45, y), (0.28, y), arrowprops=arrow)
            panel.text(x, y, text, ha="center", va="center", fontsize=9, bbox=frame)
        panel.set(title=label, xlim=(0, 1), ylim=(0, 1))
        panel.axis("off")
        told.append(f"{label}: {every} ECGs, {analysed:,} analysed")
    return Picture(figure, f"Flow diagram. {'; '.join(told)}.")


def _listed(head: str, counts: Mapping[str, int], smallest: int) -> str:
    """A box of the flow diagram: the three commonest reasons below its head."""
    common = sorted(counts.items(), key=lambda each: -each[1])
    shown = parts([*(n for _, n in common[:3]), sum(n for _, n in common[3:])], smallest)
    lines = [textwrap.fill(f"{n} × {why}", 30) for (why, _), n in zip(common[:3], shown, strict=False)]
    return "\n".join([head, *lines, *([f"{shown[3]} for other reasons"] if len(common) > 3 else [])])


def lvm_distributions(people: pd.DataFrame, smallest: int = 1) -> Picture:
    """Draw LVM by sex in each cohort; columns ``cohort, sex, lvm_g``."""
    cohorts = people["cohort"].unique()
    figure, axes = new_figure(1, len(cohorts), width=4.6 * len(cohorts), height=3.2, sharex=True, sharey=True)
    low, high = people["lvm_g"].min(), people["lvm_g"].max()
    bins = np.arange(low - low % 8, high + 8, 8)
    for panel, label in zip(np.atleast_1d(axes), cohorts, strict=True):
        groups = people[people["cohort"] == label].groupby("sex")["lvm_g"]
        apart = groups.size().min() >= smallest  # else the number of one gives away the other's
        for sex, masses in groups:
            text = f"{printed(sex)}, n = {len(masses)}" if apart else printed(sex)
            sns.histplot(masses, ax=panel, color=SEX_COLOURS[str(sex)], label=text, bins=bins, alpha=0.5)
        panel.set(title=label, xlabel="LVM (g)", ylabel="people")
        panel.legend()
    return Picture(figure, f"Histograms of LVM by sex in {' and '.join(cohorts)}.")


# --- estimates ---


def implied_region(cohorts: pd.DataFrame) -> Picture:
    """Draw which spreads and ECGs give the published numbers, under each cut-off; see `implied_cohorts`."""
    names = list(cohorts["cutoff"].unique())
    figure, panels = new_figure(1, len(names), width=2.0 * len(names) + 0.8, height=3.4, sharey=True)
    for panel, name in zip(panels, names, strict=True):
        fits = select(cohorts, cutoff=name).pivot_table("fits", "ecg_r2", "cv", aggfunc="sum")
        sns.heatmap(fits, ax=panel, cmap="Blues", vmin=0, vmax=4, cbar=False, linewidths=0.5, linecolor="#DDDDDD")
        panel.invert_yaxis()
        panel.tick_params(labelsize=8, rotation=0)
        # what small studies found: spread of normal people, and an ECG that says little (study facts 6.3)
        n_columns, n_rows = (int((axis.to_numpy(float) <= 0.2).sum()) for axis in (fits.columns, fits.index))
        panel.plot([0, n_columns, n_columns], [n_rows, n_rows, 0], color=OURS, lw=1.5, clip_on=False)
        panel.set(xlabel="CV of mass within a sex", ylabel="", title=textwrap.fill(printed(name), 18))
        panel.xaxis.label.set_size(8)
    panels[0].set_ylabel("share of the rest from the ECG")
    return Picture(
        figure,
        "Cohorts that give the published MAE, MAPE and pooled c-statistic, by cut-off, spread and what the ECG says: "
        "darker, with more shares of body size. The corner below left, outlined, is what small studies found.",
    )


def learning_curves(histories: Mapping[str, Sequence[Sequence[Mapping[str, float]]]], keep: str) -> Shown:
    """Draw the MAE on the inner validation split by epoch, a line a fit, a panel a training; mark the epoch kept."""
    drawn = {name: [fit for fit in fits if fit and "validation_mae_g" in fit[0]] for name, fits in histories.items()}
    drawn = {name: fits for name, fits in drawn.items() if fits}
    if not drawn:
        kept_last = "the last epoch counts, and nobody was set apart to look at the others"
        return missing("learning curves", kept_last if histories else "the reference is no network")
    figure, axes = new_figure(1, len(drawn), width=3.3 * max(2, len(drawn)), height=3.0, sharey=True, squeeze=False)
    for panel, (name, fits) in zip(axes[0], drawn.items(), strict=True):
        for history in fits:
            mae_g = [epoch["validation_mae_g"] for epoch in history]
            panel.plot(range(1, len(mae_g) + 1), mae_g, color="#999999", lw=0.9)
            kept = int(np.argmin(mae_g)) if keep == "best" else len(mae_g) - 1
            panel.plot(kept + 1, mae_g[kept], "o", color=OURS, ms=5)
        panel.set(title=name, xlabel="epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0, 0].set_ylabel("MAE, inner validation split (g)")
    return Picture(figure, f"MAE on the inner validation split by epoch, {', '.join(drawn)}; the kept epoch is marked.")


def _cloud(axes: Any, people: pd.DataFrame, x: str, y: str, smallest: int, **look: Any) -> None:
    """Draw a point a person by sex; where people must not be told apart, hexagons that hold ``smallest`` or more."""
    for sex, rows in people.groupby("sex"):
        colour = SEX_COLOURS[str(sex)]
        if smallest == 1:
            axes.plot(rows[x], rows[y], "o", label=printed(sex), mew=0, color=colour, **look)
        elif len(rows) >= smallest:
            shades = sns.light_palette(colour, as_cmap=True)
            axes.hexbin(rows[x], rows[y], gridsize=14, mincnt=smallest, cmap=shades, alpha=0.6, lw=0)
            axes.plot([], [], "h", label=f"{printed(sex)}, {smallest} or more", color=colour)


def predicted_against_true(predictions: pd.DataFrame, title: str, smallest: int = 1) -> Picture:
    """Draw estimated against measured LVM; ``smallest`` as of `_cloud`."""
    figure, axes = new_figure(width=5.2, height=5.0)
    _cloud(axes, predictions, "lvm_g", "predicted_lvm_g", smallest, ms=3.5, alpha=0.55)
    values = predictions[["lvm_g", "predicted_lvm_g"]].to_numpy(float)
    ends = [np.floor(values.min() / 10) * 10 - 10, np.ceil(values.max() / 10) * 10 + 10]
    axes.plot(ends, ends, color="#222222", lw=0.8, ls="--", label="equality")
    axes.set(xlim=ends, ylim=ends, xlabel="LVM (g)", ylabel="estimated LVM (g)", title=title, aspect="equal")
    axes.legend()
    return Picture(figure, f"{title}: estimated against measured LVM, with the line of equality.")


def bland_altman(groups: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]], smallest: int = 1) -> Shown:
    """Draw errors against estimates, with mean and limits by sex; each label with predictions and ``agreement_limits``.

    Lines go from the 5th to the 95th percentile of the estimates; ``smallest`` as of `_cloud`.
    """
    groups = {label: (people, rows) for label, (people, rows) in groups.items() if len(rows) and rows["lower_g"].any()}
    if not groups:
        return missing("Bland-Altman plots")
    options: dict[str, Any] = {"sharex": True, "sharey": True, "squeeze": False}
    figure, axes = new_figure(1, len(groups), width=4.8 * len(groups), height=3.9, **options)
    said = []
    for panel, (label, (people, limits)) in zip(axes[0], groups.items(), strict=True):
        errors = people.assign(error_g=people["predicted_lvm_g"] - people["lvm_g"])
        _cloud(panel, errors, "predicted_lvm_g", "error_g", smallest, ms=3, alpha=0.35)
        for sex, rows in limits.dropna(subset="lower_g").groupby("sex"):
            x, colour = rows["predicted_g"].to_numpy(float), SEX_COLOURS[str(sex)]
            for name, style in (("mean_error", "-"), ("lower", "--"), ("upper", "--")):
                y, *ends = _numbers(rows, f"{name}_g", f"{name}_ci_low_g", f"{name}_ci_high_g")
                panel.plot(x, y, color=colour, lw=1.6, ls=style)
                panel.fill_between(x, *ends, color=colour, alpha=0.2, lw=0)
            middle = rows.iloc[len(rows) // 2]
            text = "{mean_error_g:+.1f} g, limits {lower_g:.0f} to {upper_g:.0f} g".format(**middle)
            said.append(f"{label}, {printed(sex)}: mean error at the median estimate {text}")
        panel.axhline(0, color="#222222", lw=0.8)
        panel.set(title=label, xlabel="estimated LVM (g)")
    axes[0, 0].set_ylabel("estimated minus measured (g)")
    axes[0, 0].legend(loc="lower left", fontsize=8)
    return Picture(figure, f"Errors against estimates, with mean, 95 % limits, and their intervals. {'; '.join(said)}.")


def agreement(
    fits: Mapping[str, tuple[pd.DataFrame, str]],
    results: Mapping[str, pd.DataFrame],
    whose: str,
    smallest: int = 1,
    **where: str,
) -> list[Any]:
    """Bland-Altman plots, tables of agreement and limits, and a sentence on the first, of a fit in a cohort.

    ``fits``: label to predictions of the fit, and how the names of their tables end; ``whose``: for captions.
    """
    tables = {
        (name, label): select(results.get(f"{name}{end}"), **where)
        for name in ("agreement", "agreement_limits")
        for label, (_, end) in fits.items()
    }
    people = {label: (select(own, **where), tables["agreement_limits", label]) for label, (own, _) in fits.items()}
    shown = [
        table(laid_out(rows, name), f"{printed(name)}, {label} (95 %). {whose}.")
        for (name, label), rows in tables.items()
    ]
    return [bland_altman(people, smallest), *shown, spread(next(iter(tables.values())))]


# --- estimates with intervals: the one forest plot ---


def forest(
    rows: pd.DataFrame,
    title: str,
    axis_label: str,
    *,
    value: str = "estimate",
    reference: float | None = None,
    tests: Mapping[str, str] | None = None,
    bars: str = "95 % intervals",
) -> Shown:
    """Draw estimates with intervals, a line each.

    Parameters
    ----------
    rows : DataFrame
        ``label``, ``value``, ``ci_low``, ``ci_high``; optional ``section``, a heading; ``hue``, a colour each, side by
        side under one label; ``note``, shown where there is no number; ``aside``, text at the right.
    title, axis_label, value : str
        Texts; column of the estimate.
    reference : float, optional
        Where the vertical line stands.
    tests : mapping of str to str, optional
        What to write beside a section.
    bars : str
        What the lines are, for the alternative text.
    """
    if rows.empty:
        return missing(title)
    plain = {"section": "", "note": "", "aside": "", "hue": "this study file"}
    rows = rows.assign(**{name: text for name, text in plain.items() if name not in rows})
    hues, sections = list(dict.fromkeys(rows["hue"])), rows["section"].unique()
    shifts = dict(zip(hues, np.linspace(0.24, -0.24, len(hues)) if len(hues) > 1 else [0.0], strict=True))
    n_labels = len(rows[["section", "label"]].drop_duplicates())
    thick = 0.3 + 0.06 * len(hues) + 0.15 * max(str(label).count("\n") for label in rows["label"])
    figure, axes = new_figure(width=8.6, height=thick * (n_labels + len(sections)) + 1.2)
    labels, places, y = [], [], 0.0
    across = {"transform": axes.get_yaxis_transform(), "va": "center"}
    for section, block in rows.groupby("section", sort=False):
        if section:
            axes.text(0.0, y, " " + str(section), weight="bold", fontsize=9, **across)
            axes.text(1.0, y, (tests or {}).get(str(section), ""), fontsize=8, ha="right", **across)
            y -= 1.0
        for label, lines in block.groupby("label", sort=False):
            for _, row in lines.iterrows():
                at = y + (shifts[row["hue"]] if len(lines) > 1 else 0.0)
                colour = _colour(row["hue"], hues.index(row["hue"]))
                if pd.isna(row[value]):
                    axes.text(0.0, at, f" {row['note']}", fontsize=6.5, color="#777777", **across)
                    continue
                if pd.notna(row["ci_low"]):
                    axes.hlines(at, row["ci_low"], row["ci_high"], color=colour, lw=1.8)
                axes.plot(row[value], at, "D" if row["hue"].startswith("published") else "o", color=colour, ms=5)
                axes.text(1.01, at, row["aside"], fontsize=8, **across)
            labels.append(label)
            places.append(y)
            y -= 1.0
    if reference is not None:
        axes.axvline(reference, color="#222222", lw=0.8, ls="--", zorder=0)
    if len(hues) > 1:
        for turn, hue in enumerate(hues):
            axes.plot([], [], "o-", color=_colour(hue, turn), label=hue)
        figure.legend(loc="outside lower center", ncols=3)
    axes.set(yticks=places, yticklabels=labels, ylim=(y + 0.4, 0.6), xlabel=axis_label, title=textwrap.fill(title, 72))
    words = "; ".join(str(label).replace("\n", " ") for label in dict.fromkeys(labels))
    said = "".join(f" {section}: {text}." for section, text in (tests or {}).items())
    return Picture(figure, f"{title}: {axis_label} with {bars} for {words}.{said}")


def differences(rows: pd.DataFrame, reference: str, title: str) -> list[Any]:
    """Table, forest plot and verdicts of rows of ``error_differences``, smallest error first."""
    if rows.empty:
        return [missing(f"{title}: paired difference of absolute errors"), missing(title), verdicts(rows, reference)]
    words = verdicts(rows, reference)
    rows = rows.sort_values("mae_b_g").assign(label=rows["model_b"].map(printed))
    near = rows[rows["difference_g"].abs() < 5]
    far = "" if len(near) == len(rows) else "; farther than 5 g: in the table only"
    axis_label = f"MAE of {reference} minus MAE of the other (g)"
    shown = table(laid_out(rows, "error_differences"), f"{title}: paired difference of absolute errors.")
    drawn = forest(near, title + far, axis_label, value="difference_g", reference=0.0)
    return [shown, drawn, words]


def gap_steps(rows: pd.DataFrame, steps: Sequence[str], title: str, caption: str) -> list[Any]:
    """Forest plot of steps of the c-statistic for each ``label``, and a table of all; rows of ``gap``."""
    drawn, axis_label = select(rows, quantity=steps), "change of the c-statistic"
    every = select(rows, quantity=["gap", "mechanical", "training", "fewer people", "one sex only"])
    shown = wide(every, ["label"], "quantity", digits=3).rename(columns={"label": ""})
    return [forest(drawn.assign(hue=drawn["quantity"]), title, axis_label, reference=0.0), table(shown, caption)]


def published_and_ours(study: Study, title: str) -> list[Any]:
    """Draw and tabulate the published mean ± SD over folds beside those of a study, and say how far they are apart."""
    numbers = over_folds(study.results(), study.reference, study.small_cell)
    return [
        beside_published({"this study file": numbers}, title),
        beside(numbers, "Mean ± SD over folds; over all, 95 %. Different people: no test."),
        how_far(numbers, study.reference),
    ]


def beside_published(ours: Mapping[str, pd.DataFrame], title: str) -> Shown:
    """Draw the published mean ± SD over folds and below it ours, one unit a panel.

    ``ours``: tables of `lvmass.report.published.over_folds`, by whose numbers they are.
    """
    given = {key for numbers in ours.values() for key in numbers["key"]}
    facts = {key: fact for key, fact in PUBLISHED.items() if key in given}
    if not facts:
        return missing(title)
    units = {fact.unit: [key for key in facts if facts[key].unit == fact.unit] for fact in facts.values()}
    theirs = pd.DataFrame([{"key": key, "mean": fact.value, "sd": fact.sd} for key, fact in facts.items()])
    every = {"published, patients": theirs} | dict(ours)
    tall = [0.4 + len(keys) for keys in units.values()]
    options: dict[str, Any] = {"height_ratios": tall, "squeeze": False}
    figure, axes = new_figure(len(units), width=6.0, height=0.8 * sum(tall) + 0.9, **options)
    for panel, (unit, keys) in zip(axes[:, 0], units.items(), strict=True):
        grey = {"transform": panel.get_yaxis_transform(), "va": "center", "fontsize": 8, "color": "#777777"}
        for turn, (whose, numbers) in enumerate(every.items()):
            for _, row in select(numbers, key=keys).iterrows():
                y = 0.25 - 0.5 * turn / max(1, len(every) - 1) - keys.index(row["key"])
                if pd.isna(row["mean"]):
                    panel.text(0.01, y, f"{whose}: too few for folds", **grey)
                    continue
                look = {"fmt": "D" if turn == 0 else "o", "color": _colour(whose, turn), "ms": 5, "lw": 1.8}
                panel.errorbar(row["mean"], y, xerr=row["sd"], **look)
        names = [textwrap.fill(facts[key].what, 26, break_on_hyphens=False) for key in keys]
        panel.set(yticks=-np.arange(len(keys)), yticklabels=names, ylim=(0.6 - len(keys), 0.6))
        panel.set_xlabel(unit or "c-statistic")
        panel.xaxis.set_major_locator(MaxNLocator(6))
    for turn, whose in enumerate(every):
        axes[0, 0].plot([], [], "D-" if turn == 0 else "o-", color=_colour(whose, turn), label=whose)
    figure.suptitle(title, fontsize=11)
    figure.legend(loc="outside lower center", ncols=len(every), fontsize=9)
    said = "; ".join(f"{fact.what}, published {fact}" for fact in facts.values())
    return Picture(figure, f"{title}, {' and '.join(every)}. {said}.")


def gap_cohorts(steps: pd.DataFrame, tests: pd.DataFrame, title: str) -> list[Any]:
    """Steps of the gap over many cohorts, and how often a test finds one; tables of ``benchmarks/gap_cohorts.py``.

    Models in fewer than five cohorts are left out: their ranges say nothing.
    """
    steps, tests = (table[table["n_cohorts"] >= 5] for table in (steps, tests))
    switches = tests["switch"].unique()
    rows = select(steps, quantity=["mechanical", "fewer people", "one sex only"], switch=[*switches])
    labels = rows["quantity"] + ", " + rows["sex"].map(printed)
    hues, models = "switch " + rows["switch"], rows["model"].map(printed) + rows["n_cohorts"].map(", {} cohorts".format)
    drawn = rows.assign(label=labels, hue=hues, section=models, ci_low=rows["new_low"], ci_high=rows["new_high"])
    bars = "mean, and where a new cohort lies (95 %)"
    figure = forest(drawn, title, f"change of the c-statistic: {bars}", reference=0.0, bars="such ranges")
    means = wide(select(steps, quantity=["mechanical", "training"]), ["model", "quantity", "sex"], "switch", digits=3)
    means = means.drop(columns=["strong", "as simulated minus off"], errors="ignore")
    percent = tests.assign(test=tests["quantity"].map(printed) + tests["level"].map(", p < {:g}".format))
    percent[["estimate", "ci_low", "ci_high"]] *= 100
    shown = wide(percent, ["model", "test", "sex"], "switch", digits=0)
    said = []
    for (model, test), found in select(percent, switch="off").groupby(["model", "test"], sort=False):
        counts = (f"{row['found']} of {row['n_cohorts']} in {printed(row['sex'])}" for _, row in found.iterrows())
        said.append(f"{printed(model)}, {test}: {', '.join(counts)}")
    caption = "Cohorts (%, 95 %) in which a test finds a gain; a paired one in one sex by chance in half its level."
    return [
        figure,
        table(means, "Mean steps of the c-statistic (95 %), by the simulator's switch."),
        say(f"With the switch off, tests find the sex-specific model better in cohorts as follows. {'; '.join(said)}."),
        table(shown, caption),
    ]


RUNGS = {
    "pooled in everyone": "pooled, in everyone",
    "pooled": "pooled, within the sex",
    "pooled, size-matched": "pooled, size-matched",
    "sex-specific": "sex-specific",
}
"""C-statistics between the pooled model in everyone and the sex-specific one."""


def gap_ladder(gap: pd.DataFrame, title: str) -> Shown:
    """Draw the way from the pooled c-statistic in everyone to the sex-specific one, published ends beside it.

    ``gap``: rows of the table ``gap`` of one cohort, model and set of cut-offs.
    """
    rungs = gap[gap["quantity"].isin(RUNGS) & gap["sex"].isin(SEXES)]
    steps = {(row["sex"], row["quantity"]): row for _, row in gap.iterrows()}
    before = {"pooled": "mechanical", "pooled, size-matched": "fewer people", "sex-specific": "one sex only"}
    rows = []
    for sex in rungs["sex"].unique():
        own = rungs[rungs["sex"] == sex].set_index("quantity")
        for rung in (name for name in RUNGS if name in own.index):
            row = own.loc[rung].to_dict() | {"section": printed(sex), "label": RUNGS[rung], "aside": ""}
            step = steps.get((sex, before.get(rung, "")))
            if step is not None and pd.notna(step["estimate"]):
                row["aside"] = "{quantity} {estimate:+.3f}\n({ci_low:+.3f} to {ci_high:+.3f})".format(**step)
            rows.append(row | {"hue": "this study file"})
            key = {"pooled in everyone": "auc_pooled", "sex-specific": f"auc_{sex}"}.get(rung)
            if key:
                value, sd = PUBLISHED[key].value, PUBLISHED[key].sd or 0.0
                ends = {"estimate": value, "ci_low": value - sd, "ci_high": value + sd, "aside": "", "note": ""}
                rows.append(row | ends | {"hue": "published, patients"})
    return forest(pd.DataFrame(rows), title, "c-statistic for LVH, by estimated grams (published: ± SD over folds)")


def subgroups(
    rows: pd.DataFrame, effects: pd.DataFrame, title: str, axis_label: str, *, smallest: int = 1, **options: Any
) -> Shown:
    """Forest plot of rows of ``subgroup_errors`` or ``interval_coverage``, with their ``subgroup_effects``.

    Counts below ``smallest`` are not shown.
    """

    def order(group: str) -> tuple[int, float, str]:  # "< 50" before "50 to < 65" before "≥ 65"
        number = re.search(r"\d+", group)
        return ((group[0] == "≥") - (group[0] == "<"), float(number[0]) if number else 0.0, group)

    beside = {
        printed(row["variable"]): f"{row['contrast']}: {with_interval(row)}"
        + ("" if row["note"] else f", Holm p {p_value(row['p_holm'])}")
        for _, row in effects.iterrows()
    }
    ranked = sorted(rows["group"].unique(), key=order)
    rows = rows.assign(rank=rows["group"].map(ranked.index), first=pd.factorize(rows["variable"])[0])
    rows = rows.sort_values(["first", "rank", "sex"], kind="stable")
    everyone = rows[rows["sex"] == "all"]
    people = {
        (variable, group): n
        for variable, own in everyone.groupby("variable", sort=False)
        for group, n in zip(own["group"], parts(own["n_subjects"].tolist(), smallest), strict=True)
    }
    keys = zip(rows["variable"], rows["group"], strict=True)
    labels = [f"{printed(group)} (n = {people.get((variable, group), 0)})" for variable, group in keys]
    who = rows["sex"].where(rows["variable"] != "sex", rows["group"])
    shown = rows.assign(label=labels, section=rows["variable"].map(printed), hue=who.map(printed))
    counts = rows["n_subjects"].map(few, smallest=smallest)
    shown["note"] = shown["hue"] + ", n = " + counts + ": " + shown["note"].astype(str)
    for column in ("label", "note"):
        shown[column] = shown[column].str.replace("n = (?=<|not)", "n ", regex=True)
    return forest(shown, title, axis_label, tests=beside, **options)


# --- hypertrophy ---


def roc(curves: Mapping[str, pd.DataFrame], title: str, points: Mapping[str, pd.DataFrame] | None = None) -> Shown:
    """Draw ROC curves from rows of ``roc`` or ``criteria_roc``; a point for the cut-off of those in ``points``."""
    drawn = {label: rows for label, rows in curves.items() if rows.get("sensitivity", pd.Series()).notna().any()}
    if not drawn:
        return missing(f"ROC curves ({title})", "there are too few people with LVH, or without")
    figure, axes = new_figure(width=5.4, height=5.0)
    for turn, (label, rows) in enumerate(drawn.items()):
        colour = _colour(label, turn - 1)
        axes.plot(*_numbers(rows, "false_positive_rate", "sensitivity"), color=colour, lw=1.8, label=label)
        for _, point in (points or {}).get(label, pd.DataFrame()).iterrows():
            if pd.notna(point["sensitivity"]):
                axes.plot(1 - point["specificity"], point["sensitivity"], "o", color=colour, ms=7, mec="white")
    axes.axline((0, 0), slope=1, color="#999999", lw=0.8, ls="--")
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", title=title, xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set_aspect("equal")
    axes.legend(loc="lower right", fontsize=8)
    return Picture(figure, f"{title}: ROC curves of {'; '.join(drawn)}.")


def calibration_curves(rows: pd.DataFrame, title: str) -> Shown:
    """Draw observed against estimated probability of LVH, a curve a cohort; rows of ``calibration_curve``."""
    known = rows[rows["observed"].notna()] if len(rows) else rows
    if known.empty:
        return missing(title, "there are too few people with LVH, or without")
    figure, axes = new_figure(width=5.2, height=4.8)
    for turn, (label, curve) in enumerate(known.groupby("cohort", sort=False)):
        colour = (OURS, *OTHERS)[turn]
        x, y, low, high = _numbers(curve, "mean_probability", "observed", "ci_low", "ci_high")
        axes.vlines(x, low, high, color=colour, lw=1, alpha=0.6)
        axes.plot(x, y, "o-", color=colour, ms=5, lw=1, label=label)
    axes.axline((0, 0), slope=1, color="#222222", lw=0.8, ls="--")
    axes.set(xlabel="estimated probability of LVH", ylabel="share with LVH", title=title)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.legend(loc="upper left", fontsize=8)
    return Picture(figure, f"{title}: share with LVH against estimated probability, by cohort.")


def decision_curves(rows: pd.DataFrame, pairs: pd.DataFrame, models: Sequence[str], title: str) -> list[Any]:
    """Net benefit by threshold, the first model's difference from the others in a table, and a sentence on these.

    Rows of ``decision_curves`` and ``net_benefit_differences`` of one training, cohort and sex.
    """
    known = select(rows.dropna(subset="net_benefit") if len(rows) else rows, model=[*models])
    if known.empty:
        return [missing(title, "there are too few people with LVH, or without")]
    figure, axes = new_figure(width=7.0, height=4.0)
    models = [name for name in models if (known["model"] == name).any()]
    for turn, model in enumerate(models):
        x, y, everyone = _numbers(known[known["model"] == model], "threshold", "net_benefit", "net_benefit_all")
        axes.plot(100 * x, y, label=printed(model), color=(OURS, *OTHERS)[turn], lw=1.2 if turn else 2.5)
    axes.plot(100 * x, everyone, color="#222222", lw=1, ls=":", label="examine everyone")
    axes.axhline(0, color="#222222", lw=1, ls="--", label="examine no one")
    highest = max(known["net_benefit"].max(), 1e-3)
    axes.set(xlabel="probability of LVH at which one acts (%)", ylabel="net benefit", title=title)
    axes.set_ylim(-0.25 * highest, 1.1 * highest)
    axes.legend(fontsize=8)
    names = ", ".join(map(printed, models))
    drawn = Picture(figure, f"{title}: net benefit of {names}, of examining everyone and no one.")
    pairs = select(pairs, model_b=[*models[1:]]).rename(columns={"model_b": "model"})
    shown = wide(pairs.assign(at=[f"at {100 * t:.0f} %" for t in pairs["threshold"]]), ["model"], "at", "difference", 3)
    caption = f"{title}: net benefit of {printed(models[0])} minus that of others (95 %)."
    return [drawn, table(shown, caption), net_benefit(pairs)]
