"""The steps of a study: ``recordings -> beats -> fits -> predictions -> statistics``, and saliency.

Each is a plain function of its settings and of what `lvmass.study.study.Study` hands it; none asks for more.
"""

import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lvmass.cohort.covariates import covariate_matrix, covariate_names
from lvmass.cohort.folds import assign_folds, inner_split
from lvmass.cohort.manifest import Cohort, load_cohort
from lvmass.cohort.preprocessing import Beats, BeatsBlock, assemble, beats_of_block, signals_of_block, stack
from lvmass.cohort.schema import bsa_mosteller_m2
from lvmass.cohort.simulation import Couplings, simulate_cohort
from lvmass.ecg.beats import BeatConfig
from lvmass.errors import DataError
from lvmass.evaluation.decision import criteria_rows
from lvmass.evaluation.results import evaluate
from lvmass.evaluation.tables import EXTERNAL_FOLD
from lvmass.study.settings import CohortConfig, FoldsConfig
from lvmass.study.tasks import FitTask
from lvmass.training.baselines import Predictor, fit_baseline
from lvmass.training.model import FittedModel

Array = NDArray[np.float32]


class _Estimates(NamedTuple):
    """Estimates of LVM for some people."""

    subject_id: tuple[str, ...]
    predicted_lvm_g: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted model, its estimates for the people of its fold (nobody, if trained on everybody), and its time."""

    predictor: Predictor
    estimates: _Estimates
    seconds: float


@dataclass(frozen=True, eq=False)
class Saliency:
    """Out-of-fold attributions of one model.

    Parameters
    ----------
    people : DataFrame, n rows
        ``subject_id, sex, fold`` and the completeness error in grams.
    grams : ndarray, shape (n, 12, n_samples)
        Integrated Gradients.
    inputs_mv : ndarray, shape (n, 12, n_samples)
        What was attributed to.
    """

    people: pd.DataFrame
    grams: Array
    inputs_mv: Array

    def mean_by_sex(self) -> dict[str, tuple[Array, Array]]:
        """Mean input in mV and mean absolute attribution in grams of each sex, each of shape (12, n_samples)."""
        sex = self.people["sex"].to_numpy()
        return {
            str(group): (self.inputs_mv[sex == group].mean(axis=0), np.abs(self.grams[sex == group]).mean(axis=0))
            for group in sorted(set(sex))
        }


@lru_cache(maxsize=4)
def open_cohort(config: CohortConfig) -> Cohort:
    """Simulate a cohort, or open the one in files."""
    if config.simulate is not None and config.n is not None:
        couplings = Couplings(sex_interaction=config.sex_interaction)
        simulated = config.model_dump(include={"n", "seed", "setting"})
        return simulate_cohort(like=config.simulate, couplings=couplings, **simulated)
    options = config.model_dump(include={"unit", "sampling_rate_hz", "leads"})
    return load_cohort(str(config.subjects), name=config.label, **options)


# --- recordings ---


def cut_beats(*, cohort: CohortConfig, start: int, stop: int, beat: BeatConfig) -> BeatsBlock:
    """Cut and measure the recordings of rows ``start`` to ``stop``."""
    return beats_of_block(open_cohort(cohort), start, stop, beat)


def join_beats(*, cohort: CohortConfig, beat: BeatConfig, blocks: Sequence[BeatsBlock], scratch: Path) -> Beats:
    """Beats of everybody."""
    return assemble(open_cohort(cohort), blocks, beat, folder=scratch)


def cut_signals(*, cohort: CohortConfig, start: int, stop: int, rate_hz: float, beats: Beats) -> Array:
    """Whole recordings of rows ``start`` to ``stop``, as far as they are usable, at a common rate."""
    return signals_of_block(open_cohort(cohort), start, stop, frozenset(beats.people["subject_id"]), rate_hz)


def join_signals(*, blocks: Sequence[Array], scratch: Path) -> Array:
    """Whole recordings of the usable people."""
    return stack(blocks, scratch)


def draw_folds(*, cohort: CohortConfig, folds: FoldsConfig, beats: Beats) -> pd.DataFrame:
    """Test fold of each usable person, drawn among everybody: ``subject_id, sex, fold``."""
    subjects = open_cohort(cohort).subjects
    fold = assign_folds(subjects, beats.report["ecg_hash"].tolist(), folds.n, folds.seed)
    return subjects[["subject_id", "sex"]].assign(fold=fold)[beats.report["usable"].to_numpy()].reset_index(drop=True)


# --- fits ---


def fit_model(
    task: FitTask,
    *,
    beats: Beats,
    folds: pd.DataFrame,
    cut: Beats | None = None,
    signals: Array | None = None,
    start: Fit | None = None,
    unfinished: Path | None = None,
) -> Fit:
    """Train one model on the other folds and estimate its own.

    Parameters
    ----------
    task : FitTask
    beats : Beats
        Of the cohort, cut as the study says; covariates are measured on these.
    folds : DataFrame
        From `draw_folds`.
    cut : Beats, optional
        Cut as the model says, where it has a beat of its own.
    signals : ndarray, shape (n, 12, time), optional
        Whole recordings of ``beats.people``, where the model reads these.
    start : Fit, optional
        The pooled fit that training goes on from.
    unfinished : path, optional
        Where its state is kept after each epoch.
    """
    from lvmass.training.fit import NOBODY, fit_network  # Lightning takes seconds to import: only a fit pays for it

    people, inputs = readings(beats, cut, signals)
    fold = folds.set_index("subject_id")["fold"].loc[people["subject_id"]].to_numpy()
    test = fold == task.fold if task.fold is not None else np.zeros(len(people), bool)
    eligible = np.ones(len(test), bool) if task.sex is None else (people["sex"] == task.sex).to_numpy()
    training, test_rows = np.flatnonzero(eligible & ~test), np.flatnonzero(eligible & test)
    if not len(training):
        raise DataError(f"There is nobody to train {task.model} ({task.training}) on in fold {task.fold}; add people.")
    seed = zlib.crc32(f"{task.seed}/{task.fold}/{task.sex}".encode())
    if task.size_matched:
        chosen = np.random.default_rng(seed).choice(np.flatnonzero(~test), len(training), replace=False)
        training = np.sort(chosen)
    names = covariate_names(task.config.covariates)
    covariates = covariate_matrix(people, names)
    lvm_g = people["lvm_g"].to_numpy(float)
    begun = time.perf_counter()
    predictor: Predictor
    if task.config.is_network:
        fitted, validation = training, NOBODY
        if task.config.fit.keep == "best":
            hashes = beats.report.set_index("subject_id")["ecg_hash"].loc[people["subject_id"]].tolist()
            fitted, validation = inner_split(people, hashes, training, task.config.fit.validation_fraction, seed)
        pooled = None if start is None else start.predictor
        assert pooled is None or isinstance(pooled, FittedModel)
        predictor = fit_network(
            task.config.estimator,
            task.config.arguments,
            task.config.fit,
            names,
            (inputs, covariates, lvm_g),
            fitted,
            validation,
            sampling_rate_hz=task.signal_rate_hz or task.beat.sampling_rate_hz,
            seed=seed,
            machine=task.machine,
            start=pooled,
            checkpoints=unfinished,
            slot=task.slot,
        )
    else:
        predictor = fit_baseline(task.config.estimator, covariates[training], lvm_g[training])
    seconds = time.perf_counter() - begun
    device = task.machine.device(task.slot)
    return Fit(predictor, _estimated(predictor, people, inputs, covariates, test_rows, device), seconds)


def estimate_external(
    task: FitTask, *, fit: Fit, beats: Beats, cut: Beats | None = None, signals: Array | None = None
) -> _Estimates:
    """Estimate external people with a fold's model, without refit; arguments as `fit_model`."""
    people, inputs = readings(beats, cut, signals)
    rows = np.arange(len(people))
    if task.sex is not None:
        rows = np.flatnonzero(people["sex"] == task.sex)
    covariates = covariate_matrix(people, covariate_names(task.config.covariates))
    return _estimated(fit.predictor, people, inputs, covariates, rows, task.machine.device(task.slot))


def attribute(
    *,
    n_per_sex: int,
    steps: int,
    fold: int,
    fit: Fit,
    beats: Beats,
    cut: Beats | None = None,
    signals: Array | None = None,
) -> Saliency:
    """Attribute a fold model's estimates of its own test people; the last three arguments as `fit_model`."""
    from lvmass.saliency import integrated_gradients  # so does captum

    people, inputs = readings(beats, cut, signals)
    tested = people[people["subject_id"].isin(fit.estimates.subject_id)]
    chosen = tested.groupby("sex", sort=True).head(n_per_sex)
    rows, model = chosen.index.to_numpy(), fit.predictor
    assert isinstance(model, FittedModel)
    covariates = covariate_matrix(chosen, model.covariates)
    grams, error_g = integrated_gradients(model, inputs[rows], covariates, steps=steps)
    table = chosen[["subject_id", "sex"]].assign(fold=fold, completeness_error_g=error_g)
    return Saliency(table.reset_index(drop=True), grams, np.array(inputs[rows]))


def readings(beats: Beats, cut: Beats | None, signals: Array | None) -> tuple[pd.DataFrame, Array]:
    """People and what a model reads of them: beats, beats cut otherwise, or whole recordings.

    Covariates are the study's, whatever the model reads. Whose beat cannot be cut otherwise is left out.
    """
    if signals is not None:
        return beats.people, signals
    if cut is None:
        return beats.people, beats.waveform_mv
    rows = pd.Index(cut.people["subject_id"]).get_indexer(beats.people["subject_id"])
    return beats.people[rows >= 0].reset_index(drop=True), cut.waveform_mv[rows[rows >= 0]]


def _estimated(
    predictor: Predictor,
    people: pd.DataFrame,
    inputs: Array,
    covariates: NDArray[np.float64],
    rows: NDArray[np.int64],
    device: str,
) -> _Estimates:
    """Estimate some rows, a few thousand at a time, because the inputs may be larger than memory."""
    parts = [rows[start : start + 4096] for start in range(0, len(rows), 4096)]
    lvm_g = np.concatenate([np.empty(0), *(predictor.predict_g(inputs[p], covariates[p], device) for p in parts)])
    return _Estimates(tuple(people["subject_id"].iloc[rows]), lvm_g)


# --- tables ---


def tabulate_predictions(
    *,
    cohort: str,
    rows: Sequence[tuple[str, str, int | None]],
    external: bool,
    cutoffs_g_m2: Mapping[str, float],
    beats: Beats,
    estimates: Sequence[Fit | _Estimates],
) -> pd.DataFrame:
    """Predictions table of the contract: one row a person, model and training; ``rows`` says which, and the fold.

    Estimates of several seeds, and in an external cohort those of the fold models, are averaged; ``model_sd_g`` is
    their SD, 0 for a single one.
    """
    parts = []
    for (model, training, fold), part in zip(rows, estimates, strict=True):
        subject_id, predicted_lvm_g = part.estimates if isinstance(part, Fit) else part
        named = {"model": model, "training": training, "fold": EXTERNAL_FOLD if external else fold}
        parts.append(pd.DataFrame({"subject_id": subject_id, "predicted_lvm_g": predicted_lvm_g}).assign(**named))
    keys = ["model", "training", "fold", "subject_id"]
    groups = pd.concat(parts).groupby(keys, sort=False)["predicted_lvm_g"]
    table = groups.mean().reset_index().assign(model_sd_g=groups.std(ddof=0).to_numpy())
    known = beats.people[["subject_id", "patient_id", "sex", "lvm_g", "height_cm", "weight_kg"]]
    table = table.merge(known, on="subject_id", validate="many_to_one")  # people may have columns of these names
    table["bsa_m2"] = bsa_mosteller_m2(table["height_cm"], table["weight_kg"])
    table["lvh"] = table["lvm_g"] / table["bsa_m2"] > table["sex"].map(cutoffs_g_m2)
    table["cohort"] = cohort
    columns = ["subject_id", "patient_id", "sex", "model", "training", "cohort", "fold"]
    return table[[*columns, "lvm_g", "predicted_lvm_g", "bsa_m2", "lvh", "model_sd_g"]]


def compute_statistics(
    *,
    reference: str,
    bootstrap: int,
    seed: int,
    cutoffs_g_m2: Mapping[str, float],
    predictions: Sequence[pd.DataFrame],
    beats: Sequence[Beats],
    trained: Sequence[pd.DataFrame],
    size_matched: Sequence[pd.DataFrame],
) -> dict[str, pd.DataFrame]:
    """Every table of results, by the name of its file; the first cohort has folds.

    ``trained`` and ``size_matched``, a table a cohort, are what the gap is taken apart with.
    """
    names = [str(part["cohort"].iloc[0]) for part in predictions]
    people = [each.people.assign(cohort=name) for name, each in zip(names, beats, strict=True)]
    criteria = [
        criteria_rows(each.criteria, each.people["subject_id"], name) for name, each in zip(names, beats, strict=True)
    ]
    return evaluate(
        pd.concat(predictions, ignore_index=True),
        reference,
        subjects=pd.concat(people, ignore_index=True),
        criteria=pd.concat(criteria, ignore_index=True),
        gap=(pd.concat(trained, ignore_index=True), pd.concat(size_matched, ignore_index=True)) if trained else None,
        cutoffs_g_m2=cutoffs_g_m2,
        n_resamples=bootstrap,
        seed=seed,
    )
