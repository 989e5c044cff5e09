"""The paper's results beside ours, and the kept tables of studies at the paper's size."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import Markdown

from lvmass.evaluation.inverse import FITTED
from lvmass.report.lvh import listed
from lvmass.report.page import laid_out, mean_sd, missing, no_small_class, say, select, with_interval
from lvmass.report.words import COMPARISONS, PUBLISHED, TESTS, printed
from lvmass.study.study import Study

PAPER_SIZE = "eLVMass-Net at the paper's size, simulated"
"""Label of the kept study in figures."""


def main_fit(study: Study) -> dict[str, str]:
    """Model and training that a page is about: the reference, pooled if the study trains it so."""
    trainings = study.config.models[study.reference].training
    return {"model": study.reference, "training": "pooled" if "pooled" in trainings else trainings[0]}


PUBLISHED_FITS = {
    "mae_g": ("pooled", "all"),
    "mape_percent": ("pooled", "all"),
    "auc_pooled": ("pooled", "all"),
    "auc_male": ("sex-specific", "male"),
    "auc_female": ("sex-specific", "female"),
}
"""Training and sex of each published number of eLVMass-Net."""


def over_folds(results: Mapping[str, pd.DataFrame], model: str, smallest: int = 1) -> pd.DataFrame:
    """Our counterpart of each published number: ``key`` of ``PUBLISHED``, ``unit``, ``mean`` and ``sd`` over folds.

    ``text`` has mean ± SD and, over all folds, the estimate with its interval; no count of people below ``smallest``.
    """
    everyone, found = {"cohort": "development", "model": model}, []
    open_counts = no_small_class(select(results.get("c_statistics"), score="grams", **everyone), smallest)
    for key, (training, sex) in PUBLISHED_FITS.items():
        own, area = everyone | {"training": training, "sex": sex}, key.startswith("auc")
        own |= {"score": "grams"} if area else {"metric": key}
        for _, row in select(results.get("c_statistics" if area else "errors"), **own).iterrows():
            folds = row if area else select(results["errors_by_fold"], **own).add_prefix("fold_").iloc[0]
            people = f"; {row['n_lvh']} of {row['n_subjects']} with LVH" if area and open_counts else ""
            text = f"{mean_sd(folds['fold_mean'], folds['fold_sd'])} {PUBLISHED[key].unit}".strip()
            text += f"; all folds {with_interval(row, 'auc' if area else 'estimate', 2)}{people}"
            found.append((key, PUBLISHED[key].unit, folds["fold_mean"], folds["fold_sd"], text))
    return pd.DataFrame(found, columns=["key", "unit", "mean", "sd", "text"])


HERE, NOT_HERE, UNKNOWN = "reproduced here", "not reproduced", "cannot be known from abstracts"
UNDECIDED = "cannot be decided here"

EVERY_MODEL = "90_simulator#the-study-at-the-paper-s-size"

RIVALS = ["lvm-ai", "fcn"]
"""Networks that stand for the paper's two comparators, whose names its abstracts do not give."""

RULES = {
    "better": "better than each, p < {:g}",
    "same": "no significant difference, p ≥ {:g}",
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
    others = pd.DataFrame(json.loads(Path("validation/simulation_published.json").read_text())["rows"])
    others = others[others["cohort"].str.isdigit()]  # more cohorts, eLVMass-Net only
    for key, mean, text in zip(numbers["key"], numbers["mean"], numbers["text"], strict=True):
        fact, ours = PUBLISHED[key], text.partition(";")[0]
        if key in others:
            each = others[key].astype(float)
            ours += f"; {len(each)} other cohorts {each.min():.2f} to {each.max():.2f}"
            mean = (mean + each.sum()) / (1 + len(each))
        rule = "mean over folds, and over cohorts, within the printed SD"
        shown = EVERY_MODEL if "auc" in key else "90_simulator#all-comparators-at-the-paper-s-size"
        add(fact.what, str(fact), ours, rule, abs(mean - fact.value) <= (fact.sd or 0), shown, key in FITTED)

    for claim in COMPARISONS:
        test = TESTS[claim["table"]]
        found = select(tables[claim["tables"]][claim["table"]], cohort="development", **claim["where"])
        cells, low = laid_out(found, test["layout"]), found[test["p"]] < test["level"]
        told = found[test["names"]].map(printed).agg(", ".join, axis=1) + ": "
        told += cells[test["cell"]] + ", p " + cells[test["p_cell"]].to_numpy()
        reference = printed(claim["where"].get("model_a", ""))
        text = f"{test['measure'].format(reference)} {'; '.join(told)}"
        if "percent" in claim:  # so the paper compares; the kept tables test grams
            percent = select(tables[claim["tables"]]["errors"], cohort="development", metric="mape_percent")
            percent = select(percent, model=claim["where"]["model_a"], sex=claim["where"]["sex"])
            text = f"MAPE (%) {listed(percent, 'sex', 'training', digits=1)}. {text}"
        better = (low & (test["sign"] * found[test["value"]] > 0)).all()
        holds = {"better": better, "same": not low.any(), "unknown": None}[claim["rule"]]
        rule = RULES[claim["rule"]].format(test["level"])
        add(claim["what"], claim["published"], text, rule, holds, claim["shown"])

    where = {"metric": "mae_g", "model": "elvmass-net", "sex": "all", "training": "pooled", "cohort": "external"}
    text = f"MAE {with_interval(select(tables['paper']['errors'], **where).iloc[0], unit=' g')}"
    published = f"{PUBLISHED['n_external']} patients, no error"
    add("external validation", published, text, "–", None, "07_external_validation#every-model-without-refit")
    return pd.concat([pd.DataFrame(rows, columns=[*saliency.columns]), saliency], ignore_index=True)


def paper_answer(rows: pd.DataFrame) -> Markdown:
    """Answer of the first page; ``rows`` of `paper_results`."""
    words = HERE, NOT_HERE, UNKNOWN, UNDECIDED
    here, not_here, unknown, undecided = (rows["here"].str.startswith(word).sum() for word in words)
    built = rows["here"].str.endswith("by construction").sum()
    return say(
        f"**Answer.** Of {len(rows)} results that the paper's abstracts state, {here} are reproduced here, {built} of "
        f"them by construction; {not_here} are not reproduced; {unknown} cannot be known from abstracts, {undecided} "
        "cannot be decided here."
    )


def how_far(numbers: pd.DataFrame, model: str) -> Markdown:
    """Which of our numbers, from `over_folds`, lie within two printed SDs of the published ones."""
    numbers = numbers.dropna(subset="mean")
    if numbers.empty:
        return missing("how far ours are from the published numbers")
    rows = [(PUBLISHED[row["key"]], row["mean"], row["text"].partition(";")[0]) for _, row in numbers.iterrows()]
    far = [(fact, text) for fact, mean, text in rows if abs(mean - fact.value) > 2 * (fact.sd or np.inf)]
    listed = "; ".join(f"{fact.what}, {text} ({fact} published)" for fact, text in far)
    within = f"{len(rows) - len(far)} of {len(rows)} numbers of {printed(model)} lie within two printed SDs"
    why = "These are other people; where there are fewer of them, folds are smaller and models less well trained."
    return say(f"In this study file {within}." + (f" Farther off: {listed}. {why}" if far else ""))


def kept(folder: str) -> tuple[dict[str, pd.DataFrame], str]:
    """Tables that a benchmark computed at the paper's size, and whose they are."""
    about = json.loads((Path(folder) / "about.json").read_text())
    read = {path.stem: pd.read_csv(path, dtype={"note": str}) for path in Path(folder).glob("*.csv")}
    tables = {name: rows.fillna({"note": ""}) for name, rows in read.items()}
    known = select(tables.get("c_statistics"), cohort="development", sex="all")
    with_lvh = f" ({known['n_lvh'].iloc[0]} with LVH)" if len(known) else ""
    people = f"{about['people'][0]} people{with_lvh}, simulated by the setting {about['setting']}, of {about['study']}"
    people += f" (fingerprint {about['fingerprint']} then)" if "fingerprint" in about else ""
    return tables, people + (f"; c-statistics {about['c_statistics']}" if "c_statistics" in about else "")
