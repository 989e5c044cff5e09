"""The study: a study file and all that follows from it, computed when it is asked for.

``study file -> fit tasks -> beats -> fits -> predictions -> statistics -> files``. `Study` says which job takes the
results of which, from the top down; `lvmass.study.steps` holds what the jobs do, `lvmass.study.store` runs and keeps.
"""

import hashlib
from collections.abc import Sequence
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from lvmass import __version__
from lvmass.cohort.manifest import Cohort, content_key, shared_people
from lvmass.cohort.preprocessing import Beats, blocks, stack
from lvmass.cohort.schema import SEXES
from lvmass.ecg.beats import BeatConfig
from lvmass.ecg.recording import LEADS
from lvmass.errors import DataError
from lvmass.evaluation.calibration import interval_factors
from lvmass.evaluation.results import write_results
from lvmass.evaluation.tables import EXTERNAL_FOLD
from lvmass.study import steps
from lvmass.study.settings import CohortConfig, StudyConfig, read_study_file
from lvmass.study.steps import Fit, Saliency
from lvmass.study.store import Job, Store
from lvmass.study.tasks import FitTask, comparison, fit_tasks
from lvmass.training.model import FittedModel, save_model

RECORDINGS = ("ecg", "cohort", "study/steps.py", "errors.py")
FITS = (*RECORDINGS, "networks", "training")
STATISTICS = (*RECORDINGS, "evaluation")
INTERVAL_LEVEL = 0.9
"""Of the interval that a saved model gives with an estimate."""


class Study:
    """A study file and everything that follows from it.

    Parameters
    ----------
    config : StudyConfig
        The settings.
    path : path
        The study file; relative paths in it start at its folder.
    scheduler : str, optional
        Address of a Dask scheduler whose workers compute, instead of this machine's processes. They need this package,
        and see the study file's folder under the same path.

    Notes
    -----
    Every method computes what is missing and reads the rest from ``cache_dir``, so that any chapter runs alone.
    """

    def __init__(self, config: StudyConfig, path: str | Path, scheduler: str | None = None) -> None:
        if scheduler is not None and find_spec("distributed") is None:
            raise DataError("A Dask scheduler needs the package dask[distributed]; install lvmass[cluster].")
        self.path, folder = Path(path), Path(path).absolute().parent
        names = ("development",) if config.external is None else ("development", "external")
        self.config = config.model_copy(update={name: _located(config.cohort(name), folder) for name in names})
        if config.external is not None:
            shared = shared_people(self.cohort("development"), self.cohort("external"))
            if shared:
                raise DataError(f"{path}: nobody may be in both cohorts.\n" + "\n".join(shared))
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
        """Eight hex digits of all that changes a result: settings and data, not where they lie or what runs them."""
        text = self.config.model_dump_json(exclude={"name", "cache_dir", "workers", "check", "privacy"})
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @property
    def reference(self) -> str:
        """Model that the others are compared with: eLVMass-Net, else the last network, else the last model."""
        names = list(self.config.models)
        networks = [name for name in names if self.config.models[name].is_network]
        return "elvmass-net" if "elvmass-net" in networks else (networks or names)[-1]

    def cohort_names(self) -> tuple[str, ...]:
        """Return "development" and, if the study has one, "external"."""
        return ("development",) if self.config.external is None else ("development", "external")

    def cohort(self, name: str = "development") -> Cohort:
        """Open the people of a cohort, whole, usable or not."""
        return steps.open_cohort(self.config.cohort(name))

    @cached_property
    def tasks(self) -> tuple[FitTask, ...]:
        """Every fit of the study, one record each."""
        people = self.cohort().subjects["sex"]
        return fit_tasks(self.config, [sex for sex in SEXES if (people == sex).any()])

    def beats(self, name: str = "development") -> Beats:
        """Beats, measurements and the report of a cohort."""
        return self.store.get(self._beats(name))

    def folds(self) -> pd.DataFrame:
        """Test fold of each usable person of the development cohort: ``subject_id, sex, fold``."""
        return self.store.get(self._folds("development"))

    def fits(self, model: str, training: str) -> list[Fit]:
        """Fold models of a model in a training (two a fold, women's and men's, if sex-specific)."""
        return self.store.all([self._fit(task) for task in self._tasks_of(model, training)])

    def networks(self, model: str, training: str) -> list[FittedModel]:
        """Fold models of a network, see `fits`."""
        return [fit.predictor for fit in self.fits(model, training) if isinstance(fit.predictor, FittedModel)]

    def predictions(self) -> pd.DataFrame:
        """Out-of-fold predictions of every model in the development cohort, one tidy table."""
        return self.store.get(self._predictions("development", comparison(self.tasks))).copy()

    def external(self) -> pd.DataFrame:
        """Predictions in the external cohort: the mean of the fold models, none refitted."""
        return self.store.get(self._predictions("external", comparison(self.tasks))).copy()

    def results(self) -> dict[str, pd.DataFrame]:
        """Every statistic of the study, as tables by the name of their file; see `lvmass.evaluation.evaluate`."""
        return {name: table.copy() for name, table in self.store.get(self._statistics()).items()}

    @property
    def results_folder(self) -> Path:
        """Where `write_results` writes: ``results/NAME`` beside the study file."""
        return self.path.parent / "results" / self.config.name

    def write_results(self) -> None:
        """Write `results` as CSV and JSON, each with units, the study's fingerprint and whether it is simulated."""
        about = {"study": self.config.name, "study_fingerprint": self.fingerprint, "simulated": self.simulated}
        about |= {"package_version": __version__}
        tables, folder, origin = self.results(), self.results_folder, f"{about} {self._statistics().key}"
        stamp = folder / ".written"
        files = [folder / f"{name}{ending}" for name in tables for ending in (".csv", ".json")]
        if stamp.is_file() and stamp.read_text() == _digest(origin, files):
            return
        stamp.unlink(missing_ok=True)  # nothing vouches for tables that a killed run leaves half
        write_results(tables, folder, about)
        stamp.write_text(_digest(origin, files))

    def saliency(self, training: str | None = None) -> Saliency:
        """Out-of-fold attributions of the model that the study file names, by default the reference.

        Parameters
        ----------
        training : {"pooled", "sex-specific"}, optional
            By default sex-specific where the model has it, as in the paper.
        """
        return steps.join_saliency(self._explain(steps.attribute, training))

    def saliency_checks(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Sanity of these maps, of every fold: with what they agree, and curves of deletion and insertion."""
        agreement, curves = zip(*self._explain(steps.check_maps), strict=True)
        return pd.concat(agreement, ignore_index=True), pd.concat(curves, ignore_index=True)

    def contributions(self) -> tuple[pd.DataFrame, Any]:
        """Out-of-fold contributions of waveforms to the pooled fits: people, and ``(n, 12, 6)`` by lead and wave."""
        people, cells = zip(*self._explain(steps.contribute, "pooled"), strict=True)
        return pd.concat(people, ignore_index=True), np.concatenate(cells)

    def _explain(self, step: Any, training: str | None = None) -> list[Any]:
        options = self.config.saliency
        name = options.model or self.reference
        jobs = []
        for task in self._tasks_of(name, training or self.config.models[name].training[-1]):
            settings: dict[str, Any] = {"fold": task.fold}
            if step is not steps.contribute:
                settings |= {"sex": None if task.training == "pooled" else task.sex, "options": options}
            takes = {"fit": self._fit(task), "folds": self._folds(task.cohort, task.repeat)}
            jobs.append(Job(step, settings, (*FITS, "saliency"), takes | self._readings(task, task.cohort)))
        return self.store.all(jobs)

    def run(self) -> None:
        """Compute all that is missing, and write the tables of results."""
        self.write_results()
        if any(model.is_network for model in self.config.models.values()):
            self.saliency()
            self.saliency_checks()

    def save_model(self, folder: str | Path, model: str | None = None) -> None:
        """Train a network on the whole development cohort, pooled, and save it for ``lvmass predict``.

        The factor of its intervals comes from the out-of-fold errors of each sex, see
        `lvmass.evaluation.calibration.interval_factors`; it is a little wide, because fold models saw fewer people.

        Parameters
        ----------
        folder : path
            Written to.
        model : str, optional
            A network of the study that reads beats, by default the reference.

        Raises
        ------
        DataError
            If the study has no such network, or too few people of a sex.
        """
        config, name = self.config, model or self.reference
        options = config.models.get(name)
        if options is None or not options.is_network or options.reads_signal or "pooled" not in options.training:
            raise DataError(f"Study '{config.name}' has no pooled network on beats called '{name}'; name one to save.")
        table = self.predictions().query("model == @name and training == 'pooled'")
        factors = interval_factors(table, INTERVAL_LEVEL)
        if set(factors) != set(table["sex"]):
            raise DataError(f"Study '{config.name}' has too few people of a sex to give intervals; add people.")
        whole = {"fold": None, "sex": None, "size_matched": False}
        task = self._tasks_of(name, "pooled")[0].model_copy(update=whole)
        fit: Fit = self.store.get(self._fit(task))
        assert isinstance(fit.predictor, FittedModel)
        card = {
            "input": "synchronized beat, mV",
            "leads": LEADS,
            "beat": task.beat.model_dump(mode="json"),
            "sampling_rate_hz": task.beat.sampling_rate_hz,
            "interval_level": INTERVAL_LEVEL,
            "interval_factor": factors,
            "lvh_cutoff_g_m2": config.lvh.cutoffs_g_m2,
            "lvh_cutoff_source": config.lvh.source,
            "trained_on_simulated_data": config.development.simulate is not None,
            "out_of_fold_mae_g": float((table["lvm_g"] - table["predicted_lvm_g"]).abs().mean()),
            "study": config.name,
            "study_fingerprint": self.fingerprint,
            "package_version": __version__,
        }
        save_model(fit.predictor, folder, card)

    def _tasks_of(self, model: str, training: str) -> list[FitTask]:
        return [task for task in comparison(self.tasks) if (task.model, task.training) == (model, training)]

    # --- which job takes the results of which ---

    def _beats(self, name: str, beat: BeatConfig | None = None, rate_hz: float | None = None) -> Job:
        """Beats of a cohort, or at a rate its whole recordings."""
        return _recordings(self.config.cohort(name), beat or self.config.beat, rate_hz, self.store.folder)

    def _folds(self, name: str, repeat: int = 0) -> Job:
        folds = self.config.folds.model_copy(update={"seed": self.config.folds.seed + 1000 * repeat})
        settings = {"cohort": self.config.cohort(name), "folds": folds}
        return Job(steps.draw_folds, settings, RECORDINGS, {"beats": self._beats(name)})

    def _readings(self, task: FitTask, name: str) -> dict[str, Job | None]:
        """What a fit is handed of a cohort, see `steps.readings`."""
        own = task.signal_rate_hz is None and task.beat != self.config.beat
        return {
            "beats": self._beats(name),
            "cut": self._beats(name, task.beat) if own else None,
            "signals": self._beats(name, rate_hz=task.signal_rate_hz) if task.signal_rate_hz else None,
        }

    def _fit(self, task: FitTask) -> Job:
        takes: dict[str, Any] = self._readings(task, task.cohort) | {"folds": self._folds(task.cohort, task.repeat)}
        takes |= {"start": None if task.start is None else self._fit(task.start)}
        job = Job(steps.fit_model, {"task": task}, FITS, takes, task.rank)
        job.places["unfinished"] = self.store.folder / "unfinished" / job.key
        return job

    def _predictions(self, name: str, tasks: Sequence[FitTask], *, single: bool = False) -> Job:
        """Out of fold in the cohort that was learnt from, else the mean of the fold models, or each if ``single``."""
        external = any(task.cohort != name for task in tasks)
        mean = external and not single
        rows = [(task.model, task.training, EXTERNAL_FOLD if mean else task.fold) for task in tasks]
        settings = {"cohort": name, "rows": rows, "cutoffs_g_m2": self.config.lvh.cutoffs_g_m2}
        estimates = [self._fit(task) for task in tasks]
        if external:
            estimates = [
                Job(steps.estimate_external, {"task": task}, FITS, {"fit": fit, **self._readings(task, name)})
                for task, fit in zip(tasks, estimates, strict=True)
            ]
        takes = {"beats": self._beats(name), "estimates": estimates}
        return Job(steps.tabulate_predictions, settings, RECORDINGS, takes)

    def _statistics(self) -> Job:
        config, names = self.config, self.cohort_names()
        settings = {"reference": self.reference, "n_resamples": config.bootstrap, "seed": config.seed}
        settings |= {"cutoffs_g_m2": config.lvh.cutoffs_g_m2}
        takes: dict[str, Any] = {"predictions": [self._predictions(name, comparison(self.tasks)) for name in names]}
        takes |= {"beats": [self._beats(name) for name in names]}
        if config.external is not None:
            takes["external_single"] = self._predictions("external", comparison(self.tasks), single=True)
        for argument, matched in (("trained", False), ("size_matched", True)):
            gap = [t for t in self.tasks if t.model in config.trained_both_ways and t.size_matched == matched]
            parts = dict.fromkeys((t.cohort, t.repeat) for t in gap)
            takes[argument] = [
                self._predictions(name, [t for t in gap if (t.cohort, t.repeat) == (name, repeat)])
                for name, repeat in parts
            ]
            settings |= {"repeats": [repeat for _, repeat in parts]}
        return Job(steps.compute_statistics, settings, STATISTICS, takes)


@cache
def _recordings(cohort: CohortConfig, beat: BeatConfig, rate_hz: float | None, scratch: Path) -> Job:
    """Beats of a cohort, or at a rate the whole recordings of those with a beat, from blocks of people."""
    rows = [{"cohort": cohort, "start": start, "stop": stop} for start, stop in blocks(len(steps.open_cohort(cohort)))]
    if rate_hz is None:
        cut = [Job(steps.cut_beats, part | {"beat": beat}, RECORDINGS) for part in rows]
        settings = {"cohort": cohort, "beat": beat}
        return Job(steps.join_beats, settings, RECORDINGS, {"blocks": cut}, places={"scratch": scratch})
    takes = {"beats": _recordings(cohort, beat, None, scratch)}
    cut = [Job(steps.cut_signals, part | {"rate_hz": rate_hz}, RECORDINGS, takes) for part in rows]
    return Job(stack, {}, RECORDINGS, {"arrays": cut}, places={"folder": scratch})


def _digest(origin: str, files: Sequence[Path]) -> str:
    """SHA-256 of what tables come from, and of their files as far as they are there."""
    contents = [path.read_bytes() for path in files if path.is_file()]
    return hashlib.sha256(b"".join([origin.encode(), *contents])).hexdigest()


def _located(cohort: CohortConfig, folder: Path) -> CohortConfig:
    """Resolve the path of a cohort in files, and add the hash of its content."""
    if cohort.subjects is None:
        return cohort
    located = cohort.model_copy(update={"subjects": str(folder / cohort.subjects)})
    as_it_is_now = steps.open_cohort.__wrapped__(located)  # one opened before may have been edited since
    return located.model_copy(update={"content": content_key(as_it_is_now)})
