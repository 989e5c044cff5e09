"""The study: a study file and the tables that follow from it, computed when they are asked for.

This module and ``lvmass.study.stages`` are the only ones that tie the rooms together.
"""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from lvmass import __version__
from lvmass.cohort.folds import assign_folds
from lvmass.cohort.manifest import Cohort, content_key
from lvmass.cohort.preprocessing import Beats
from lvmass.errors import DataError
from lvmass.evaluation.results import write_results
from lvmass.study import plan
from lvmass.study.result_stages import (
    PredictionsSettings,
    predictions_stage,
    results_stage,
)
from lvmass.study.settings import CohortConfig, StudyConfig, read_study_file
from lvmass.study.stages import (
    ExternalSettings,
    Fit,
    FitSettings,
    FoldSaliencySettings,
    Saliency,
    beats_stage,
    external_beats,
    external_stage,
    fit_stage,
    open_cohort,
    pooled_settings,
    prepare,
    saliency_stage,
)
from lvmass.study.store import Store
from lvmass.training.model import FittedModel


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
        self.path, folder = Path(path), Path(path).absolute().parent
        if config.external is not None:
            config = config.model_copy(update={"external": _located(config.external, folder)})
        self.config = config.model_copy(update={"development": _located(config.development, folder)})
        # one network on several devices is trained by processes that Lightning starts from this one
        workers = 1 if config.machine.processes > 1 else config.workers or joblib.cpu_count()
        self.store = Store(folder / config.cache_dir, workers, scheduler)

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

    @property
    def reference(self) -> str:
        """Model that the others are compared with: elvmass-net, else the last network, else the last model."""
        models = self.config.models
        networks = [name for name, model in models.items() if model.is_network]
        return "elvmass-net" if "elvmass-net" in models else (networks or [*models])[-1]

    def cohort_names(self) -> tuple[str, ...]:
        """Return "development" and, if the study has one, "external"."""
        return ("development",) if self.config.external is None else ("development", "external")

    def cohort(self, name: str = "development") -> Cohort:
        """Open the people of a cohort, whole, usable or not."""
        return open_cohort(self.config.cohort(name))

    def beats(self, name: str = "development") -> Beats:
        """Beats, measurements and the report of a cohort."""
        settings = plan.beats_settings(self.config, name)
        prepare(self.store, [(settings, None)])
        return self.store(beats_stage, settings)

    def folds(self) -> pd.DataFrame:
        """Test fold of each usable person of the development cohort: ``subject_id, sex, fold``."""
        beats = self.beats()
        folds = assign_folds(beats, self.config.folds.n, self.config.folds.seed)
        return beats.people[["subject_id", "sex"]].assign(fold=folds)

    def fits(self, model: str, training: str) -> list[Fit]:
        """Fold models of one line of the comparison (two a fold, women's and men's, if sex-specific)."""
        settings = plan.fit_settings(self.config, model, training)
        self._fit(settings)
        return [self.store(fit_stage, fit) for fit in settings]

    def networks(self, model: str, training: str) -> list[FittedModel]:
        """Fold models of a network, see ``fits``."""
        return [fit.predictor for fit in self.fits(model, training) if isinstance(fit.predictor, FittedModel)]

    def predictions(self) -> pd.DataFrame:
        """Out-of-fold predictions of every model in the development cohort, one tidy table."""
        return self._predicted(plan.development(self.config)).copy()

    def external(self) -> pd.DataFrame:
        """Predictions in the external cohort: the mean of the fold models, none refitted."""
        return self._predicted(plan.external(self.config)).copy()

    def results(self) -> dict[str, pd.DataFrame]:
        """Every statistic of the study, as tables by the name of their file; see `lvmass.evaluation.evaluate`.

        Two more are of this study alone: ``gap``, see `lvmass.evaluation.gap.gap_steps`, and ``pair_kinds``.
        """
        settings = plan.results(self.config)
        steps = () if settings.gap is None else (*settings.gap.predictions, *settings.gap.equal_n)
        for part in (*settings.predictions, *steps):
            self._predicted(part)
        return {name: table.copy() for name, table in self.store(results_stage, settings).items()}

    @property
    def results_folder(self) -> Path:
        """Where `write_results` writes: ``results/NAME`` beside the study file."""
        return self.path.parent / "results" / self.config.name

    def write_results(self) -> None:
        """Write `results` as CSV and JSON, each with units, the study's fingerprint and whether it is simulated."""
        about = {"study": self.config.name, "study_fingerprint": self.fingerprint, "simulated": self.simulated}
        write_results(self.results(), self.results_folder, about | {"package_version": __version__})

    def saliency(self, training: str | None = None) -> Saliency:
        """Out-of-fold attributions of the model that the study file names.

        Parameters
        ----------
        training : {"pooled", "sex-specific"}, optional
            By default sex-specific where the model has it, as in the paper.
        """
        options = self.config.saliency
        training = training or self.config.models[options.model].training[-1]
        fits = plan.fit_settings(self.config, options.model, training)
        self._fit(fits)
        settings = [FoldSaliencySettings(fit=fit, n_per_sex=options.n_per_sex, steps=options.steps) for fit in fits]
        parts: list[Saliency] = self.store.all(saliency_stage, settings, "saliency")
        return Saliency(
            people=pd.concat([part.people for part in parts], ignore_index=True),
            grams=np.concatenate([part.grams for part in parts]),
            inputs_mv=np.concatenate([part.inputs_mv for part in parts]),
        )

    def run(self) -> None:
        """Compute every stage that is missing, and write the tables of results."""
        self.write_results()
        if any(model.is_network for model in self.config.models.values()):
            self.saliency()

    def final_fit(self, model: str) -> Fit:
        """Fit a network on the whole development cohort, pooled; nobody is left to test it on."""
        settings = plan.fit_settings(self.config, model, "pooled")[0].model_copy(update={"fold": None})
        fit: Fit = self.store.all(fit_stage, [settings], f"final fit, {model}")[0]
        return fit

    # --- helpers ---

    def _predicted(self, settings: PredictionsSettings) -> pd.DataFrame:
        """Table of predictions, after the fits it needs."""
        fits = [fit for line in settings.lines for fit in line.fits]
        self._fit(fits)
        if settings.external is not None:
            external = [(external_beats(settings.external, fit), fit.signal_rate_hz) for fit in fits]
            prepare(self.store, [(settings.external, None), *external])
            there = [ExternalSettings(fit=fit, external=beats) for fit, (beats, _) in zip(fits, external, strict=True)]
            self.store.all(external_stage, there, "external predictions")
        table: pd.DataFrame = self.store(predictions_stage, settings)
        return table

    def _fit(self, settings: Sequence[FitSettings]) -> None:
        """Compute missing fits, fold by fold: a killed run has whole folds. In a fold the longest come first."""
        if not all(self.store.has(fit_stage, fit) for fit in settings):
            prepare(self.store, [(fit.beats, fit.signal_rate_hz) for fit in settings])
            in_order = sorted(
                settings, key=lambda fit: (fit.fold or 0, fit.signal_rate_hz is None, -fit.model.fit.epochs)
            )
            first = [pooled_settings(fit) for fit in in_order if fit.model.fine_tune]
            self.store.all(fit_stage, first, "pooled fits")
            self.store.all(fit_stage, in_order, "fits")


def _located(cohort: CohortConfig, folder: Path) -> CohortConfig:
    """Resolve the path of a cohort in files, and add the hash of its content."""
    if cohort.subjects is None:
        return cohort
    located = cohort.model_copy(update={"subjects": str(folder / cohort.subjects)})
    return located.model_copy(update={"content": content_key(open_cohort(located))})
