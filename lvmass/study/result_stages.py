"""The stages after the fits: tables of predictions, and from them every statistic of the study."""

import pandas as pd

from lvmass.cohort.preprocessing import Beats
from lvmass.cohort.schema import bsa_mosteller_m2
from lvmass.evaluation.gap import gap_by_cutoffs, pair_kinds
from lvmass.evaluation.lvh import LVH_CUTOFFS_G_M2, internal_cutoffs
from lvmass.evaluation.results import evaluate
from lvmass.evaluation.tables import EXTERNAL_FOLD
from lvmass.study.settings import LvhConfig, Section, Training
from lvmass.study.stages import (
    BeatsSettings,
    ExternalSettings,
    Fit,
    FitSettings,
    beats_stage,
    external_beats,
    external_stage,
    fit_stage,
)
from lvmass.study.store import Store

PERCENTILES = (90.0, 97.5)
"""Internal LVH cut-offs that are tried: percentiles of the mass index of each sex in the development cohort."""


OWN_CUTOFFS = "study file"
"""Name of the study's own cut-offs in the tables; others that are equal to them are not repeated."""


class LineSettings(Section):
    """One line of the comparison: all its fold models."""

    model: str
    training: Training
    fits: tuple[FitSettings, ...]


class PredictionsSettings(Section):
    """What a table of predictions depends on; with ``external`` the fold models' mean there, else out of fold."""

    cohort: str
    lines: tuple[LineSettings, ...]
    external: BeatsSettings | None = None
    lvh: LvhConfig


class GapSettings(Section):
    """What taking the sex-specific gap apart depends on; every cohort has folds."""

    predictions: tuple[PredictionsSettings, ...]
    equal_n: tuple[PredictionsSettings, ...]


class ResultsSettings(Section):
    """What the tables of results depend on; the development cohort comes first."""

    predictions: tuple[PredictionsSettings, ...]
    gap: GapSettings | None
    reference: str
    bootstrap: int
    seed: int
    lvh: LvhConfig


def predictions_stage(settings: PredictionsSettings, *, store: Store, key: str) -> pd.DataFrame:
    """Predictions table of the contract: one row a person, model and training."""
    tables = []
    for line in settings.lines:
        rows = pd.concat([_predicted(fit, settings.external, store) for fit in line.fits])
        if settings.external is not None:
            rows["fold"] = EXTERNAL_FOLD
        rows = rows.groupby(["fold", "subject_id"], sort=False, as_index=False).mean()  # over seeds, or fold models
        tables.append(rows.assign(model=line.model, training=line.training))
    people = _beats(settings, store).people
    table = pd.concat(tables).merge(people, on="subject_id", validate="many_to_one")
    table["bsa_m2"] = bsa_mosteller_m2(table["height_cm"], table["weight_kg"])
    table["lvh"] = table["lvm_g"] / table["bsa_m2"] > table["sex"].map(settings.lvh.cutoffs_g_m2)
    table["cohort"] = settings.cohort
    columns = ["subject_id", "sex", "model", "training", "cohort", "fold"]
    return table[[*columns, "lvm_g", "predicted_lvm_g", "bsa_m2", "lvh"]]


def results_stage(settings: ResultsSettings, *, store: Store, key: str) -> dict[str, pd.DataFrame]:
    """Every table of results, by the name of its file."""
    predictions = pd.concat([store(predictions_stage, part) for part in settings.predictions], ignore_index=True)
    beats = {part.cohort: _beats(part, store) for part in settings.predictions}
    cutoffs = settings.lvh.cutoffs_g_m2
    development = predictions[predictions["cohort"] == settings.predictions[0].cohort]
    internal = {f"internal, {p:g}th percentile": internal_cutoffs(development, p) for p in PERCENTILES}
    cutoff_sets = {OWN_CUTOFFS: cutoffs}
    cutoff_sets |= {name: each for name, each in {**LVH_CUTOFFS_G_M2, **internal}.items() if each != cutoffs}
    tables = evaluate(
        predictions,
        settings.reference,
        subjects=pd.concat([each.people.assign(cohort=cohort) for cohort, each in beats.items()], ignore_index=True),
        criteria=pd.concat([criteria_table(each, cohort) for cohort, each in beats.items()], ignore_index=True),
        cutoffs_g_m2=cutoffs,
        cutoff_sets=cutoff_sets,
        n_resamples=settings.bootstrap,
        seed=settings.seed,
    )
    if settings.gap is not None:
        trained, equal_n = (
            pd.concat([store(predictions_stage, part) for part in parts], ignore_index=True)
            for parts in (settings.gap.predictions, settings.gap.equal_n)
        )
        tables["gap"] = gap_by_cutoffs(trained, equal_n, cutoff_sets)
    tables["pair_kinds"] = pair_kinds(predictions, cutoffs)
    rows = [{"cutoffs": name} | {f"{sex}_g_m2": each[sex] for sex in each} for name, each in cutoff_sets.items()]
    tables["cutoffs"] = pd.DataFrame(rows)
    return tables


def criteria_table(beats: Beats, cohort: str) -> pd.DataFrame:
    """Classical criteria, one row a person and criterion; see `lvmass.evaluation.decision.with_criteria`."""
    names = [name for name in beats.criteria.columns if not name.endswith("_positive")]
    parts = [
        pd.DataFrame(
            {"cohort": cohort, "subject_id": beats.people["subject_id"], "criterion": name}
            | {"value": beats.criteria[name].astype(float), "positive": beats.criteria[f"{name}_positive"].astype(bool)}
        )
        for name in names
    ]
    return pd.concat(parts, ignore_index=True)


def _predicted(settings: FitSettings, external: BeatsSettings | None, store: Store) -> pd.DataFrame:
    """Estimates of one fold model: of its test fold, or of everybody in an external cohort."""
    part: Fit
    if external is None:
        part = store(fit_stage, settings)
    else:
        there = external_beats(external, settings)
        part = store(external_stage, ExternalSettings(fit=settings, external=there))
    return pd.DataFrame({"subject_id": part.subject_id, "predicted_lvm_g": part.predicted_lvm_g, "fold": settings.fold})


def _beats(settings: PredictionsSettings, store: Store) -> Beats:
    beats: Beats = store(beats_stage, settings.external or settings.lines[0].fits[0].beats)
    return beats
