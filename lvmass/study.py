"""The study: its stages in order, each cached on disk, and the tables that the chapters read.

``cohort -> beats -> fold fits -> predictions -> saliency``. This is the only module that ties the rooms together.
"""

import hashlib
import warnings
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold
from tqdm import tqdm

from lvmass import __version__
from lvmass.cohort.covariates import covariate_matrix, covariate_names
from lvmass.cohort.manifest import Cohort, content_key, load_cohort, patient_groups
from lvmass.cohort.preprocessing import Beats, preprocess, signals
from lvmass.cohort.schema import bsa_mosteller_m2
from lvmass.cohort.simulation.cohort import simulate_cohort
from lvmass.config import SEXES, CohortConfig, FoldsConfig, ModelConfig, Section, Sex, StudyConfig, read_study_file
from lvmass.ecg.beats import BeatConfig
from lvmass.ecg.recording import LEADS
from lvmass.errors import DataError
from lvmass.evaluation.intervals import interval_half_widths
from lvmass.floors import Predictor, fit_floor
from lvmass.model import FittedModel, save_model
from lvmass.saliency import integrated_gradients
from lvmass.store import Store, stage_key
from lvmass.training import fit_network

EXTERNAL_FOLD = -1
INTERVAL_LEVEL = 0.9


# --- stages: each a function of its own settings, cached by lvmass.store ---


class BeatsSettings(Section):
    """What the beats of a cohort depend on."""

    cohort: CohortConfig
    beat: BeatConfig


class SignalsSettings(Section):
    """What the whole recordings of a cohort depend on."""

    beats: BeatsSettings
    sampling_rate_hz: float


class FitSettings(Section):
    """What one fit depends on; ``fold`` None trains on everybody, ``sex`` None on both sexes."""

    beats: BeatsSettings
    signal_rate_hz: float | None
    model: ModelConfig
    folds: FoldsConfig
    fold: int | None
    sex: Sex | None
    seed: int
    threads: int


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
    """A fitted model and its estimates for the people of its test fold (nobody, if trained on everybody)."""

    predictor: Predictor
    subject_id: tuple[str, ...]
    predicted_lvm_g: NDArray[np.float64]


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


def open_cohort(config: CohortConfig) -> Cohort:
    """Simulate a cohort, or open the one in files."""
    if config.simulate is not None and config.n is not None:
        return simulate_cohort(config.n, like=config.simulate, seed=config.seed)
    return load_cohort(str(config.subjects), name=config.label, unit=config.unit)


def beats_stage(settings: BeatsSettings, *, store: Store, key: str) -> Beats:
    """Cut and measure every recording."""
    return preprocess(open_cohort(settings.cohort), settings.beat, workers=store.workers)


def signals_stage(settings: SignalsSettings, *, store: Store, key: str) -> NDArray[np.float32]:
    """Whole recordings of the usable people at a common rate."""
    people = store(beats_stage, settings.beats).people
    return signals(
        open_cohort(settings.beats.cohort),
        tuple(people["subject_id"]),
        settings.sampling_rate_hz,
        workers=store.workers,
    )


def fit_stage(settings: FitSettings, *, store: Store, key: str) -> Fit:
    """Train one model on the other folds and estimate the test fold."""
    model, beats = settings.model, store(beats_stage, settings.beats)
    inputs = _inputs(beats, settings.beats, settings.signal_rate_hz, store)
    groups = _groups(beats)
    test = np.zeros(len(beats.people), bool)
    if settings.fold is not None:
        test = assign_folds(beats, settings.folds) == settings.fold
    eligible = np.ones(len(test), bool) if settings.sex is None else (beats.people["sex"] == settings.sex).to_numpy()
    training, test_rows = np.flatnonzero(eligible & ~test), np.flatnonzero(eligible & test)
    names = covariate_names(model.covariates)
    covariates = covariate_matrix(beats.people, names)
    lvm_g = beats.people["lvm_g"].to_numpy(float)
    predictor: Predictor
    if model.is_network:
        seed = zlib.crc32(f"{settings.seed}/{settings.fold}/{settings.sex}".encode())
        inner_training, validation = _inner_split(beats, groups, training, model.fit.validation_fraction, seed)
        predictor = fit_network(
            model.estimator,
            model.arguments,
            model.fit,
            names,
            (inputs[inner_training], covariates[inner_training], lvm_g[inner_training]),
            (inputs[validation], covariates[validation], lvm_g[validation]),
            sampling_rate_hz=settings.signal_rate_hz or settings.beats.beat.sampling_rate_hz,
            seed=seed,
            threads=settings.threads,
        )
    else:
        predictor = fit_floor(model.estimator, covariates[training], lvm_g[training])
    return Fit(
        predictor=predictor,
        subject_id=tuple(beats.people["subject_id"].iloc[test_rows]),
        predicted_lvm_g=predictor.predict_g(inputs[test_rows], covariates[test_rows])
        if len(test_rows)
        else np.empty(0),
    )


def external_stage(settings: ExternalSettings, *, store: Store, key: str) -> Fit:
    """Estimate external people with a fold's model, without refit."""
    fit: Fit = store(fit_stage, settings.fit)
    beats = store(beats_stage, settings.external)
    eligible = np.arange(len(beats.people))
    if settings.fit.sex is not None:
        eligible = np.flatnonzero(beats.people["sex"] == settings.fit.sex)
    inputs = _inputs(beats, settings.external, settings.fit.signal_rate_hz, store)[eligible]
    people = beats.people.iloc[eligible]
    covariates = covariate_matrix(people, covariate_names(settings.fit.model.covariates))
    return Fit(fit.predictor, tuple(people["subject_id"]), fit.predictor.predict_g(inputs, covariates))


def saliency_stage(settings: FoldSaliencySettings, *, store: Store, key: str) -> Saliency:
    """Attribute a fold model's estimates of its own test people."""
    fit: Fit = store(fit_stage, settings.fit)
    beats = store(beats_stage, settings.fit.beats)
    inputs = _inputs(beats, settings.fit.beats, settings.fit.signal_rate_hz, store)
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


def assign_folds(beats: Beats, config: FoldsConfig) -> NDArray[np.int64]:
    """Test fold of each usable person.

    Several ECGs of one patient, and identical ECGs under different names, share a fold; folds are balanced by
    sex and by thirds of LVM within sex.

    Parameters
    ----------
    beats : Beats
        Of the development cohort.
    config : FoldsConfig
        How many folds, and the seed.

    Returns
    -------
    ndarray of int, shape (n_usable,)
        Fold numbers 1 to ``config.n``.
    """
    strata, groups = _strata(beats), _groups(beats)
    smallest = min(len(set(groups[strata == stratum])) for stratum in set(strata))
    if smallest < config.n:
        raise DataError(
            f"{config.n} folds need {config.n} patients in every third of LVM of each sex, but one has {smallest}; "
            "use fewer folds or more people."
        )
    splitter = StratifiedGroupKFold(config.n, shuffle=True, random_state=config.seed)
    folds = np.zeros(len(strata), dtype=np.int64)
    for number, (_, test) in enumerate(splitter.split(strata, strata, groups), start=1):
        folds[test] = number
    return folds


def _strata(beats: Beats) -> NDArray[np.str_]:
    third = beats.people.groupby("sex")["lvm_g"].rank(pct=True).mul(3).clip(upper=2.999).astype(int)
    return (beats.people["sex"].astype(str) + third.astype(str)).to_numpy(dtype=str)


def _groups(beats: Beats) -> NDArray[np.int64]:
    hashes = beats.report.loc[beats.report["usable"], "ecg_hash"]
    return patient_groups(beats.people, hashes.tolist())


def _inner_split(
    beats: Beats, groups: NDArray[np.int64], rows: NDArray[np.int64], fraction: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split training people into those that are fitted and those that decide when to stop."""
    strata = _strata(beats)[rows]
    parts = min(round(1 / fraction), np.unique(strata, return_counts=True)[1].min())  # each stratum reaches each part
    splitter = StratifiedGroupKFold(max(2, parts), shuffle=True, random_state=seed)
    training, validation = next(splitter.split(rows, strata, groups[rows]))
    return rows[training], rows[validation]


def _inputs(beats: Beats, settings: BeatsSettings, signal_rate_hz: float | None, store: Store) -> NDArray[np.float32]:
    """What a model reads: beats, or signals at a rate."""
    if signal_rate_hz is None:
        return beats.waveform_mv
    return store(signals_stage, SignalsSettings(beats=settings, sampling_rate_hz=signal_rate_hz))


# --- the study ---


class Study:
    """A study file and everything that follows from it.

    Parameters
    ----------
    config : StudyConfig
        The settings.
    path : path
        The study file; relative paths in it start at its folder.

    Notes
    -----
    Every method computes what is missing and reads the rest from ``cache_dir``, so that any chapter runs alone.
    """

    def __init__(self, config: StudyConfig, path: str | Path) -> None:
        self.path, folder = Path(path), Path(path).absolute().parent
        if config.external is not None:
            config = config.model_copy(update={"external": _located(config.external, folder)})
        self.config = config.model_copy(update={"development": _located(config.development, folder)})
        self.store = Store(folder / config.cache_dir, workers=config.workers or joblib.cpu_count())

    @classmethod
    def from_toml(cls, path: str | Path) -> "Study":
        """Read a study file.

        Raises
        ------
        DataError
            With every problem of the file or of the cohorts it names.
        """
        return cls(read_study_file(path), path)

    @property
    def simulated(self) -> bool:
        """Whether any of its people are simulated."""
        cohorts = (self.config.development, self.config.external)
        return any(cohort is not None and cohort.simulate is not None for cohort in cohorts)

    @cached_property
    def fingerprint(self) -> str:
        """Eight hex digits of the settings and data: another number, another fingerprint."""
        return hashlib.sha256(self.config.model_dump_json().encode()).hexdigest()[:8]

    def cohort_names(self) -> tuple[str, ...]:
        """Return "development" and, if the study has one, "external"."""
        return ("development",) if self.config.external is None else ("development", "external")

    def cohort(self, name: str = "development") -> Cohort:
        """Open the people of a cohort, whole, usable or not."""
        return open_cohort(self.config.cohort(name))

    def beats(self, name: str = "development") -> Beats:
        """Beats, measurements and the report of a cohort."""
        return self.store(beats_stage, self._beats_settings(name))

    def folds(self) -> pd.DataFrame:
        """Test fold of each usable person of the development cohort: ``subject_id, sex, fold``."""
        beats = self.beats()
        return beats.people[["subject_id", "sex"]].assign(fold=assign_folds(beats, self.config.folds))

    def fits(self, model: str, training: str) -> list[Fit]:
        """Fold models of one line of the comparison (two a fold, women's and men's, if sex-specific)."""
        return self._all(fit_stage, self._fit_settings(model, training), f"fits, {model}")

    def networks(self, model: str, training: str) -> list[FittedModel]:
        """Fold models of a network, see ``fits``."""
        return [fit.predictor for fit in self.fits(model, training) if isinstance(fit.predictor, FittedModel)]

    def predictions(self) -> pd.DataFrame:
        """Out-of-fold predictions of every model in the development cohort, one tidy table."""
        self._all(fit_stage, [fit for line in self._lines() for fit in self._fit_settings(*line)], "fits")
        people = self.beats().people
        tables = []
        for model, training in self._lines():
            for settings, fit in zip(self._fit_settings(model, training), self.fits(model, training), strict=True):
                rows = pd.DataFrame({"subject_id": fit.subject_id, "predicted_lvm_g": fit.predicted_lvm_g})
                tables.append(rows.assign(model=model, training=training, fold=settings.fold))
        return self._tidy(pd.concat(tables), people, "development")

    def external(self) -> pd.DataFrame:
        """Predictions in the external cohort: the mean of the fold models, none refitted."""
        external = self._beats_settings("external")
        people = self.beats("external").people
        tables = []
        for model, training in self._lines():
            settings = [ExternalSettings(fit=fit, external=external) for fit in self._fit_settings(model, training)]
            parts = self._all(external_stage, settings, f"external, {model}", parallel=False)
            rows = pd.concat(
                pd.DataFrame({"subject_id": part.subject_id, "predicted_lvm_g": part.predicted_lvm_g}) for part in parts
            )
            mean = rows.groupby("subject_id", as_index=False)["predicted_lvm_g"].mean()
            tables.append(mean.assign(model=model, training=training, fold=EXTERNAL_FOLD))
        return self._tidy(pd.concat(tables), people, "external")

    def saliency(self, training: str | None = None) -> Saliency:
        """Out-of-fold attributions of the model that the study file names.

        Parameters
        ----------
        training : {"pooled", "sex-specific"}, optional
            By default sex-specific where the model has it, as in the paper.
        """
        options = self.config.saliency
        training = training or self.config.models[options.model].training[-1]
        settings = [
            FoldSaliencySettings(fit=fit, n_per_sex=options.n_per_sex, steps=options.steps)
            for fit in self._fit_settings(options.model, training)
        ]
        parts: list[Saliency] = self._all(saliency_stage, settings, "saliency")
        return Saliency(
            people=pd.concat([part.people for part in parts], ignore_index=True),
            grams=np.concatenate([part.grams for part in parts]),
            inputs_mv=np.concatenate([part.inputs_mv for part in parts]),
        )

    def run(self) -> None:
        """Compute every stage that is missing."""
        for name in self.cohort_names():
            self.beats(name)
        self.predictions()
        if self.config.external is not None:
            self.external()
        if any(model.is_network for model in self.config.models.values()):
            self.saliency()

    def save_model(self, folder: str | Path, model: str = "elvmass-net") -> None:
        """Train a pooled model on the whole development cohort and save it for ``lvmass predict``.

        The half-width of its intervals comes from the out-of-fold errors of each sex, see
        ``lvmass.evaluation.intervals``; it is a little wide, because the fold models saw fewer people.

        Parameters
        ----------
        folder : path
            Written to.
        model : str
            A network of the study that reads beats.
        """
        options = self.config.models.get(model)
        if options is None or not options.is_network or options.reads_signal:
            raise DataError(f"Study '{self.config.name}' has no network on beats called '{model}'; name one to save.")
        settings = self._fit_settings(model, "pooled")[0].model_copy(update={"fold": None})
        (fit,) = self._all(fit_stage, [settings], f"final fit, {model}")
        table = self.predictions().query("model == @model and training == 'pooled'")
        half_width_g = interval_half_widths(table, INTERVAL_LEVEL)
        if set(half_width_g) != set(SEXES):
            raise DataError(f"Study '{self.config.name}' has too few people of a sex to give intervals; add people.")
        beat, lvh = settings.beats.beat, self.config.lvh
        card = {
            "input": "synchronized beat, mV",
            "leads": LEADS,
            "beat": BeatsSettings.model_validate(settings.beats).model_dump(mode="json")["beat"],
            "sampling_rate_hz": beat.sampling_rate_hz,
            "interval_level": INTERVAL_LEVEL,
            "interval_half_width_g": half_width_g,
            "lvh_cutoff_g_m2": lvh.cutoffs_g_m2,
            "lvh_cutoff_source": lvh.source,
            "trained_on_simulated_data": self.config.development.simulate is not None,
            "training_people": len(self.beats().people),
            "out_of_fold_mae_g": float((table["lvm_g"] - table["predicted_lvm_g"]).abs().mean()),
            "study": self.config.name,
            "study_fingerprint": self.fingerprint,
            "package_version": __version__,
        }
        save_model(fit.predictor, folder, card)

    # --- helpers ---

    def _lines(self) -> list[tuple[str, str]]:
        """Models and trainings of the comparison, in the order of the study file."""
        return [(name, training) for name, model in self.config.models.items() for training in model.training]

    def _beats_settings(self, name: str) -> BeatsSettings:
        return BeatsSettings(cohort=self.config.cohort(name), beat=self.config.beat)

    def _fit_settings(self, name: str, training: str) -> list[FitSettings]:
        """One fit for each fold, or two."""
        config, model = self.config, self.config.models[name]
        sexes: Sequence[Sex | None] = SEXES if training == "sex-specific" else (None,)
        return [
            FitSettings(
                beats=self._beats_settings("development"),
                signal_rate_hz=config.signal_rate_hz if model.reads_signal else None,
                model=model.model_copy(update={"training": ("pooled",)}),  # who trains is said by 'sex'
                folds=config.folds,
                fold=fold,
                sex=sex,
                seed=config.seed,
                threads=config.threads,
            )
            for fold in range(1, config.folds.n + 1)
            for sex in sexes
        ]

    def _all(
        self, stage: Callable[..., Any], settings: Iterable[FitSettings | Any], label: str, parallel: bool = True
    ) -> list[Any]:
        """Results of one stage for several settings; what is missing is computed in parallel, fold by fold."""
        settings = list(settings)
        missing = [each for each in settings if not self.store.has(stage, each)]
        if missing:
            self._prepare_inputs(missing)
            missing.sort(key=lambda each: getattr(each, "fold", 0) or 0)  # a killed run has whole folds
            workers = min(self.store.workers, len(missing)) if parallel else 1
            tasks = (joblib.delayed(_compute)(self.store, stage, each, stage_key(stage, each)) for each in missing)
            finished = joblib.Parallel(n_jobs=workers, return_as="generator_unordered")(tasks)
            bar = tqdm(finished, total=len(settings), initial=len(settings) - len(missing), desc=label, disable=None)
            with warnings.catch_warnings():
                # joblib renews a worker whose memory grew, as it does when torch is loaded; nothing is lost
                warnings.filterwarnings("ignore", message="A worker stopped")
                for _ in bar:
                    pass
        return [self.store(stage, each) for each in settings]

    def _prepare_inputs(self, missing: list[Any]) -> None:
        """Compute beats and signals once, before processes would each compute them."""
        for each in missing:
            fit = getattr(each, "fit", each)
            for beats in (fit.beats, getattr(each, "external", fit.beats)):
                _inputs(self.store(beats_stage, beats), beats, fit.signal_rate_hz, self.store)

    def _tidy(self, predicted: pd.DataFrame, people: pd.DataFrame, cohort: str) -> pd.DataFrame:
        """Predictions table of the contract."""
        table = predicted.merge(people, on="subject_id", validate="many_to_one")
        cutoff = table["sex"].map(self.config.lvh.cutoffs_g_m2)
        table["bsa_m2"] = bsa_mosteller_m2(table["height_cm"], table["weight_kg"])
        table["lvh"] = table["lvm_g"] / table["bsa_m2"] > cutoff
        table["cohort"] = cohort
        columns = ["subject_id", "sex", "model", "training", "cohort", "fold"]
        return table[[*columns, "lvm_g", "predicted_lvm_g", "bsa_m2", "lvh"]]


def _compute(store: Store, stage: Callable[..., Any], settings: Section, key: str) -> None:
    """Fill the store from a worker process; the result is read back from disk, not sent."""
    if stage_key(stage, settings) != key:
        raise DataError("The source of lvmass was edited during the run; run the same command again.")
    store(stage, settings)


def _located(cohort: CohortConfig, folder: Path) -> CohortConfig:
    """Resolve the path of a cohort in files, and add the hash of its content."""
    if cohort.subjects is None:
        return cohort
    located = cohort.model_copy(update={"subjects": str(folder / cohort.subjects)})
    return located.model_copy(update={"content": content_key(open_cohort(located))})
