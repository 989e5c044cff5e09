"""The stages of a study: each a function of its own settings, kept on disk by ``lvmass.study.store``.

``cohort -> beats -> fold fits -> predictions -> saliency``. A stage asks the store for the stages before it. Its key
covers the settings and the source that it uses, and no more: this module imports from the modules that define a name.
"""

import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lvmass.cohort.covariates import covariate_matrix, covariate_names
from lvmass.cohort.folds import assign_folds, inner_split
from lvmass.cohort.manifest import Cohort, load_cohort
from lvmass.cohort.preprocessing import Beats, BeatsBlock, assemble, beats_of_block, blocks, signals_of_block, stack
from lvmass.cohort.simulation import Couplings, simulate_cohort
from lvmass.ecg.beats import BeatConfig
from lvmass.saliency import integrated_gradients
from lvmass.study.settings import CohortConfig, FoldsConfig, ModelConfig, Section, Sex
from lvmass.study.store import Store
from lvmass.training.baselines import Predictor, fit_baseline
from lvmass.training.fit import NOBODY, fit_network
from lvmass.training.model import FittedModel
from lvmass.training.settings import MachineConfig


class BeatsSettings(Section):
    """What the beats of a cohort depend on."""

    cohort: CohortConfig
    beat: BeatConfig


class BlockSettings(Section):
    """What the beats, or at a rate the recordings, of consecutive people depend on."""

    beats: BeatsSettings
    start: int
    stop: int
    signal_rate_hz: float | None = None


class SignalsSettings(Section):
    """What the whole recordings of a cohort depend on."""

    beats: BeatsSettings
    sampling_rate_hz: float


class FitSettings(Section):
    """What one fit depends on; ``fold`` None trains on everybody, ``sex`` None on both sexes.

    ``mixed`` trains on people of both sexes, but on no more than there are of ``sex``, and estimates that sex.
    """

    beats: BeatsSettings
    signal_rate_hz: float | None
    model: ModelConfig
    folds: FoldsConfig
    fold: int | None
    sex: Sex | None
    seed: int
    machine: MachineConfig
    mixed: bool = False


class ExternalSettings(Section):
    """What one fold model's external predictions depend on."""

    fit: FitSettings
    external: BeatsSettings


class FoldSaliencySettings(Section):
    """What one fold model's attributions depend on."""

    fit: FitSettings
    n_per_sex: int
    steps: int


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted model, its estimates for the people of its test fold (nobody, if trained on everybody), and its time."""

    predictor: Predictor
    subject_id: tuple[str, ...]
    predicted_lvm_g: NDArray[np.float64]
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
    grams: NDArray[np.float32]
    inputs_mv: NDArray[np.float32]

    def mean_by_sex(self) -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
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
        return simulate_cohort(config.n, like=config.simulate, seed=config.seed, couplings=couplings)
    return load_cohort(
        str(config.subjects),
        name=config.label,
        unit=config.unit,
        sampling_rate_hz=config.sampling_rate_hz,
        leads=config.leads,
    )


def beats_block_stage(settings: BlockSettings, *, store: Store, key: str) -> BeatsBlock:
    """Cut and measure some people's recordings."""
    return beats_of_block(open_cohort(settings.beats.cohort), settings.start, settings.stop, settings.beats.beat)


def beats_stage(settings: BeatsSettings, *, store: Store, key: str) -> Beats:
    """Beats of everybody, put together from blocks."""
    cohort = open_cohort(settings.cohort)
    parts = [store(beats_block_stage, block) for block in cohort_blocks(settings)]
    return assemble(cohort, parts, settings.beat, folder=store.folder)


def signals_block_stage(settings: BlockSettings, *, store: Store, key: str) -> NDArray[np.float32]:
    """Whole recordings of some people, as far as they are usable, at a common rate."""
    usable = frozenset(store(beats_stage, settings.beats).people["subject_id"])
    cohort = open_cohort(settings.beats.cohort)
    return signals_of_block(cohort, settings.start, settings.stop, usable, settings.signal_rate_hz or 0.0)


def signals_stage(settings: SignalsSettings, *, store: Store, key: str) -> NDArray[np.float32]:
    """Whole recordings of the usable people, put together from blocks."""
    parts = [store(signals_block_stage, block) for block in cohort_blocks(settings.beats, settings.sampling_rate_hz)]
    return stack(parts, store.folder)


def cohort_blocks(beats: BeatsSettings, signal_rate_hz: float | None = None) -> list[BlockSettings]:
    """Blocks of people of a cohort."""
    return [
        BlockSettings(beats=beats, start=start, stop=stop, signal_rate_hz=signal_rate_hz)
        for start, stop in blocks(len(open_cohort(beats.cohort)))
    ]


def fit_stage(settings: FitSettings, *, store: Store, key: str) -> Fit:
    """Train one model on the other folds and estimate the test fold."""
    model, beats = settings.model, store(beats_stage, settings.beats)
    inputs = inputs_of(beats, settings.beats, settings.signal_rate_hz, store)
    test = np.zeros(len(beats.people), bool)
    if settings.fold is not None:
        test = assign_folds(beats, settings.folds.n, settings.folds.seed) == settings.fold
    eligible = np.ones(len(test), bool) if settings.sex is None else (beats.people["sex"] == settings.sex).to_numpy()
    training, test_rows = np.flatnonzero(eligible & ~test), np.flatnonzero(eligible & test)
    seed = zlib.crc32(f"{settings.seed}/{settings.fold}/{settings.sex}".encode())
    if settings.mixed:
        chosen = np.random.default_rng(seed).choice(np.flatnonzero(~test), len(training), replace=False)
        training = np.sort(chosen)
    names = covariate_names(model.covariates)
    covariates = covariate_matrix(beats.people, names)
    lvm_g = beats.people["lvm_g"].to_numpy(float)
    begun = time.perf_counter()
    predictor: Predictor
    if model.is_network:
        start = store(fit_stage, pooled_settings(settings)).predictor if model.fine_tune else None
        fitted, validation = training, NOBODY
        if model.fit.keep == "best":
            fitted, validation = inner_split(beats, training, model.fit.validation_fraction, seed)
        predictor = fit_network(
            model.estimator,
            model.arguments,
            model.fit,
            names,
            (inputs, covariates, lvm_g),
            fitted,
            validation,
            sampling_rate_hz=settings.signal_rate_hz or settings.beats.beat.sampling_rate_hz,
            seed=seed,
            machine=settings.machine,
            start=start,
            checkpoints=store.folder / "unfinished" / key if key else None,
        )
    else:
        predictor = fit_baseline(model.estimator, covariates[training], lvm_g[training])
    seconds = time.perf_counter() - begun
    estimates = predict_rows(predictor, inputs, covariates, test_rows, settings.machine)
    return Fit(predictor, tuple(beats.people["subject_id"].iloc[test_rows]), estimates, seconds)


def pooled_settings(settings: FitSettings) -> FitSettings:
    """Settings of the pooled fit of the same fold."""
    pooled = settings.model.model_copy(update={"fine_tune": False, "training": ("pooled",)})
    return settings.model_copy(update={"sex": None, "mixed": False, "model": pooled})


def predict_rows(
    predictor: Predictor,
    inputs: NDArray[np.float32],
    covariates: NDArray[np.float64],
    rows: NDArray[np.int64],
    machine: MachineConfig,
) -> NDArray[np.float64]:
    """Estimate LVM of some rows, a few thousand at a time, because the inputs may be larger than memory."""
    parts = [rows[start : start + 4096] for start in range(0, len(rows), 4096)]
    return np.concatenate(
        [np.empty(0), *(predictor.predict_g(inputs[p], covariates[p], machine.device()) for p in parts)]
    )


def external_beats(external: BeatsSettings, fit: FitSettings) -> BeatsSettings:
    """Beats of an external cohort, cut as a fit's own."""
    return external.model_copy(update={"beat": fit.beats.beat})


def external_stage(settings: ExternalSettings, *, store: Store, key: str) -> Fit:
    """Estimate external people with a fold's model, without refit."""
    fit: Fit = store(fit_stage, settings.fit)
    beats = store(beats_stage, settings.external)
    rows = np.arange(len(beats.people))
    if settings.fit.sex is not None:
        rows = np.flatnonzero(beats.people["sex"] == settings.fit.sex)
    inputs = inputs_of(beats, settings.external, settings.fit.signal_rate_hz, store)
    covariates = covariate_matrix(beats.people, covariate_names(settings.fit.model.covariates))
    estimates = predict_rows(fit.predictor, inputs, covariates, rows, settings.fit.machine)
    return Fit(fit.predictor, tuple(beats.people["subject_id"].iloc[rows]), estimates, fit.seconds)


def saliency_stage(settings: FoldSaliencySettings, *, store: Store, key: str) -> Saliency:
    """Attribute a fold model's estimates of its own test people."""
    fit: Fit = store(fit_stage, settings.fit)
    beats = store(beats_stage, settings.fit.beats)
    inputs = inputs_of(beats, settings.fit.beats, settings.fit.signal_rate_hz, store)
    people = beats.people.set_index("subject_id", drop=False).loc[list(fit.subject_id)]
    chosen = people.groupby("sex", sort=True).head(settings.n_per_sex)
    rows = beats.people.index[beats.people["subject_id"].isin(chosen["subject_id"])]
    model, chosen = fit.predictor, beats.people.loc[rows]
    assert isinstance(model, FittedModel)
    attribution = integrated_gradients(
        model, inputs[rows], covariate_matrix(chosen, model.covariates), steps=settings.steps
    )
    table = chosen[["subject_id", "sex"]].assign(
        fold=settings.fit.fold, completeness_error_g=attribution.completeness_error_g
    )
    return Saliency(table.reset_index(drop=True), attribution.grams, np.array(inputs[rows]))


def prepare(store: Store, inputs: Iterable[tuple[BeatsSettings, float | None]]) -> None:
    """Compute in parallel the beats, and recordings at a rate, before several processes would each compute them."""
    for beats, rate_hz in inputs:
        if not store.has(beats_stage, beats):
            store.all(beats_block_stage, cohort_blocks(beats), f"beats, {beats.cohort.label}")
            store(beats_stage, beats)
        signals = None if rate_hz is None else SignalsSettings(beats=beats, sampling_rate_hz=rate_hz)
        if signals is not None and not store.has(signals_stage, signals):
            store.all(signals_block_stage, cohort_blocks(beats, rate_hz), f"signals, {beats.cohort.label}")
            store(signals_stage, signals)


def inputs_of(beats: Beats, settings: BeatsSettings, signal_rate_hz: float | None, store: Store) -> NDArray[np.float32]:
    """What a model reads: beats, or signals at a rate."""
    if signal_rate_hz is None:
        return beats.waveform_mv
    return store(signals_stage, SignalsSettings(beats=settings, sampling_rate_hz=signal_rate_hz))
