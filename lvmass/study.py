"""The study: a study file and the tables that follow from it, computed when they are asked for.

This module and ``lvmass.stages`` are the only ones that tie the rooms together.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from lvmass import __version__
from lvmass.cohort.manifest import Cohort, content_key
from lvmass.cohort.preprocessing import Beats
from lvmass.cohort.schema import bsa_mosteller_m2
from lvmass.config import SEXES, CohortConfig, Section, Sex, StudyConfig, read_study_file
from lvmass.ecg.recording import LEADS
from lvmass.errors import DataError
from lvmass.evaluation.intervals import interval_half_widths
from lvmass.evaluation.tables import EXTERNAL_FOLD
from lvmass.folds import assign_folds
from lvmass.jobs import compute_all
from lvmass.model import FittedModel, save_model
from lvmass.stages import (
    BeatsSettings,
    ExternalSettings,
    Fit,
    FitSettings,
    FoldSaliencySettings,
    Saliency,
    SignalsSettings,
    beats_block_stage,
    beats_stage,
    cohort_blocks,
    external_stage,
    fit_stage,
    open_cohort,
    pooled_settings,
    saliency_stage,
    signals_block_stage,
    signals_stage,
)
from lvmass.store import Store

INTERVAL_LEVEL = 0.9


class Study:
    """A study file and everything that follows from it.

    Parameters
    ----------
    config : StudyConfig
        The settings.
    path : path
        The study file; relative paths in it start at its folder.
    scheduler : str, optional
        Address of a Dask scheduler that stages run on, instead of this machine's processes. Its workers need this
        package, and see the study file's folder under the same path.

    Notes
    -----
    Every method computes what is missing and reads the rest from ``cache_dir``, so that any chapter runs alone.
    """

    def __init__(self, config: StudyConfig, path: str | Path, scheduler: str | None = None) -> None:
        if scheduler is not None and find_spec("distributed") is None:
            raise DataError("A Dask scheduler needs the package dask[distributed]; install lvmass[cluster].")
        self.scheduler = scheduler
        self.path, folder = Path(path), Path(path).absolute().parent
        if config.external is not None:
            config = config.model_copy(update={"external": _located(config.external, folder)})
        self.config = config.model_copy(update={"development": _located(config.development, folder)})
        self.store = Store(folder / config.cache_dir, workers=config.workers or joblib.cpu_count())

    @classmethod
    def from_toml(cls, path: str | Path, scheduler: str | None = None) -> "Study":
        """Read a study file.

        Raises
        ------
        DataError
            With every problem of the file or of the cohorts it names.
        """
        return cls(read_study_file(path), path, scheduler)

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
        self._prepare(name, [])
        return self.store(beats_stage, self._beats_settings(name))

    def folds(self) -> pd.DataFrame:
        """Test fold of each usable person of the development cohort: ``subject_id, sex, fold``."""
        beats = self.beats()
        folds = assign_folds(beats, self.config.folds.n, self.config.folds.seed)
        return beats.people[["subject_id", "sex"]].assign(fold=folds)

    def fits(self, model: str, training: str) -> list[Fit]:
        """Fold models of one line of the comparison (two a fold, women's and men's, if sex-specific)."""
        self._fitted([(model, training)])
        return [self.store(fit_stage, fit) for fit in self._fit_settings(model, training)]

    def networks(self, model: str, training: str) -> list[FittedModel]:
        """Fold models of a network, see ``fits``."""
        return [fit.predictor for fit in self.fits(model, training) if isinstance(fit.predictor, FittedModel)]

    def predictions(self) -> pd.DataFrame:
        """Out-of-fold predictions of every model in the development cohort, one tidy table."""
        self._fitted(self._lines())
        people = self.beats().people
        tables = []
        for model, training in self._lines():
            rows = pd.concat(
                pd.DataFrame(
                    {"subject_id": fit.subject_id, "predicted_lvm_g": fit.predicted_lvm_g, "fold": settings.fold}
                )
                for settings, fit in zip(self._fit_settings(model, training), self.fits(model, training), strict=True)
            )
            mean = rows.groupby(["fold", "subject_id"], sort=False, as_index=False).mean()  # over seeds
            tables.append(mean.assign(model=model, training=training))
        return self._tidy(pd.concat(tables), people, "development")

    def external(self) -> pd.DataFrame:
        """Predictions in the external cohort: the mean of the fold models, none refitted."""
        self._fitted(self._lines())
        self._prepare("external", self.config.models)
        people = self.beats("external").people
        tables = []
        for model, training in self._lines():
            external = self._beats_settings("external", model)
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
        self._fitted([(options.model, training)])
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

    def _beats_settings(self, name: str, model: str | None = None) -> BeatsSettings:
        own = None if model is None else self.config.models[model].beat
        return BeatsSettings(cohort=self.config.cohort(name), beat=own or self.config.beat)

    def _fit_settings(self, name: str, training: str) -> list[FitSettings]:
        """One fit for each fold and seed, or two, where women and men are estimated by fits of their own."""
        config, model = self.config, self.config.models[name]
        sexes: Sequence[Sex | None] = SEXES if training == "sex-specific" or model.matched else (None,)
        # who trains is said by 'sex', which network by 'seed'
        named = ("sex-specific",) if model.fine_tune else ("pooled",)
        alone = model.model_copy(update={"training": named, "seeds": 1, "beat": None})
        return [
            FitSettings(
                beats=self._beats_settings("development", name),
                signal_rate_hz=config.signal_rate_hz if model.reads_signal else None,
                model=alone,
                folds=config.folds,
                fold=fold,
                sex=sex,
                seed=config.seed + member,
                machine=config.machine,
            )
            for fold in range(1, config.folds.n + 1)
            for sex in sexes
            for member in range(model.seeds)
        ]

    def _all(
        self, stage: Callable[..., Any], settings: Iterable[Section], label: str, parallel: bool = True
    ) -> list[Any]:
        """Results of one stage for several settings; what is missing is computed in parallel, in the order given."""
        # one network on several devices is trained by processes that Lightning starts from this one
        alone = not parallel or self.config.machine.processes > 1
        return compute_all(
            self.store,
            stage,
            settings,
            label,
            workers=1 if alone else self.store.workers,
            scheduler=None if alone else self.scheduler,
        )

    def _prepare(self, name: str, models: Iterable[str]) -> None:
        """Compute what models read of a cohort, before several processes would each compute it."""
        for model in [None, *models]:
            beats = self._beats_settings(name, model)
            if not self.store.has(beats_stage, beats):
                self._all(beats_block_stage, cohort_blocks(beats), f"beats, {name}")
                self.store(beats_stage, beats)
            if model is not None and self.config.models[model].reads_signal:
                signals = SignalsSettings(beats=beats, sampling_rate_hz=self.config.signal_rate_hz)
                if not self.store.has(signals_stage, signals):
                    parts = cohort_blocks(beats, signals.sampling_rate_hz)
                    self._all(signals_block_stage, parts, f"signals, {name}")
                    self.store(signals_stage, signals)

    def _fitted(self, lines: Sequence[tuple[str, str]]) -> None:
        """Compute the missing fits of some lines of the comparison, fold by fold: a killed run has whole folds."""
        settings = [fit for line in lines for fit in self._fit_settings(*line)]
        if not all(self.store.has(fit_stage, fit) for fit in settings):
            self._prepare("development", [model for model, _ in lines])
            settings.sort(key=lambda fit: fit.fold or 0)
            self._all(fit_stage, [pooled_settings(fit) for fit in settings if fit.model.fine_tune], "pooled fits")
            self._all(fit_stage, settings, "fits")

    def _tidy(self, predicted: pd.DataFrame, people: pd.DataFrame, cohort: str) -> pd.DataFrame:
        """Predictions table of the contract."""
        table = predicted.merge(people, on="subject_id", validate="many_to_one")
        cutoff = table["sex"].map(self.config.lvh.cutoffs_g_m2)
        table["bsa_m2"] = bsa_mosteller_m2(table["height_cm"], table["weight_kg"])
        table["lvh"] = table["lvm_g"] / table["bsa_m2"] > cutoff
        table["cohort"] = cohort
        columns = ["subject_id", "sex", "model", "training", "cohort", "fold"]
        return table[[*columns, "lvm_g", "predicted_lvm_g", "bsa_m2", "lvh"]]


def _located(cohort: CohortConfig, folder: Path) -> CohortConfig:
    """Resolve the path of a cohort in files, and add the hash of its content."""
    if cohort.subjects is None:
        return cohort
    located = cohort.model_copy(update={"subjects": str(folder / cohort.subjects)})
    return located.model_copy(update={"content": content_key(open_cohort(located))})
