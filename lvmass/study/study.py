"""The study: a study file and all that follows from it, computed when it is asked for.

``study file -> fit tasks -> beats -> fits -> predictions -> statistics -> files``. `Study` says which job takes the
results of which, from the top down; `lvmass.study.steps` holds what the jobs do, `lvmass.study.store` runs and keeps.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from lvmass import __version__
from lvmass.cohort.hashes import FileHashes
from lvmass.cohort.manifest import Cohort, content_key, ecgs_of_rows, shared_people
from lvmass.cohort.preprocessing import Beats, blocks, stack
from lvmass.cohort.problems import refuse
from lvmass.cohort.schema import SEXES
from lvmass.cohort.subjects import EXCLUSION_WORDS
from lvmass.ecg.beats import BeatConfig
from lvmass.ecg.recording import LEADS
from lvmass.errors import DataError
from lvmass.evaluation.calibration import conformal_intervals, interval_factors
from lvmass.evaluation.lvh import lvh_score
from lvmass.evaluation.results import write_private, write_results
from lvmass.evaluation.tables import EXTERNAL_FOLD
from lvmass.study import steps
from lvmass.study.settings import CohortConfig, StudyConfig, read_study_file
from lvmass.study.steps import EDITED, Fit, Saliency
from lvmass.study.store import Job, Store
from lvmass.study.tasks import FitTask, comparison, fit_tasks
from lvmass.training.card import MIN_PEOPLE, Card, probability_above_cutoff, training_ranges
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
        # one network on several devices is trained by processes that Lightning starts from this one
        workers = 1 if config.machine.processes > 1 else config.workers or joblib.cpu_count()
        self.store = Store(folder / config.cache_dir, workers, scheduler)
        hashes = FileHashes(self.store.folder / "files.json")
        located = {name: _located(config.cohort(name), folder, hashes) for name in config.cohort_names()}
        self.config = config.model_copy(update=located)
        if config.external is not None:
            people, allowed = (self.cohort("development"), self.cohort("external")), config.check.allow_shared_people
            refuse(shared_people(*people, hashes, allowed=allowed))
        hashes.save()

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
        return any(self.config.cohort(name).simulate is not None for name in self.cohort_names())

    @property
    def small_cell(self) -> int:
        """Counts of people below this are not shown on a page; 1 if nobody is real."""
        cohorts = (self.config.cohort(name) for name in self.cohort_names())
        return self.config.privacy.small_cell if any(cohort.simulate is None for cohort in cohorts) else 1

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
        return self.config.cohort_names()

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
        beats: Beats = self.store.get(self._beats(name))
        return replace(beats, people=self._named(beats.people, name), report=self._named(beats.report, name))

    def folds(self) -> pd.DataFrame:
        """Test fold of each usable person of the development cohort: ``subject_id, sex, fold``."""
        return self._named(self.store.get(self._folds("development")))

    def fits(self, model: str, training: str) -> list[Fit]:
        """Fold models of a model in a training (two a fold, women's and men's, if sex-specific)."""
        return self.store.all([self._fit(task) for task in self._tasks_of(model, training)])

    def networks(self, model: str, training: str) -> list[FittedModel]:
        """Fold models of a network, see `fits`."""
        return [fit.predictor for fit in self.fits(model, training) if isinstance(fit.predictor, FittedModel)]

    def predictions(self) -> pd.DataFrame:
        """Out-of-fold predictions of every model in the development cohort, one tidy table."""
        return self._named(self.store.get(self._predictions("development", comparison(self.tasks))))

    def external(self) -> pd.DataFrame:
        """Predictions in the external cohort: the mean of the fold models, none refitted."""
        return self._named(self.store.get(self._predictions("external", comparison(self.tasks))), "external")

    def results(self) -> dict[str, pd.DataFrame]:
        """Every statistic of the study, as tables by the name of their file; see `lvmass.evaluation.evaluate`."""
        return {name: table.copy() for name, table in self.store.get(self._statistics()).items()}

    @property
    def results_folder(self) -> Path:
        """Where `write_results` writes: ``results/NAME`` beside the study file."""
        return self.path.parent / "results" / self.config.name

    def write_results(self) -> None:
        """Write `results` as CSV, each with the study's fingerprint and whether it is simulated."""
        about = {"study": self.config.name, "study_fingerprint": self.fingerprint, "simulated": self.simulated}
        about |= {"package_version": __version__}
        write_results(self.results(), self.results_folder, about)

    @property
    def people_folder(self) -> Path:
        """Where `write_people` writes: ``people/NAME`` beside the study file, away from what a book is made of."""
        return self.path.parent / "people" / self.config.name

    def exclusions(self) -> pd.DataFrame:
        """Everybody who is not used, for want of a value or of a usable ECG: ``cohort, subject_id, code, reason``."""
        parts = []
        for name in self.cohort_names():
            left_out, report = self.cohort(name).excluded, self.beats(name).report.query("not usable")
            left_out = left_out.assign(reason=left_out["code"].map(EXCLUSION_WORDS))
            parts += [each.assign(cohort=name) for each in (left_out, report)]
        return pd.concat(parts)[["cohort", "subject_id", "code", "reason"]]

    def write_people(self) -> None:
        """Write what is known of each person, for the owner of the data alone: ``predictions.csv``, ``exclusions.csv``.

        Predictions have a row for each ECG, model and training, see `lvmass.study.steps.tabulate_people`.
        """
        settings = {"cutoffs_g_m2": self.config.lvh.cutoffs_g_m2}
        job = Job(steps.tabulate_people, settings, STATISTICS, self._compared())
        self.people_folder.mkdir(parents=True, exist_ok=True)
        self.people_folder.chmod(0o700)
        write_private(self.exclusions(), self.people_folder / "exclusions.csv")
        path, noted = self.people_folder / "predictions.csv", self.store.folder / f"{self.config.name}.written"

        def state() -> str:  # of a table of millions of rows that is as it should be
            return f"{job.key} {path.stat().st_size} {path.stat().st_mtime_ns}"

        if not (path.is_file() and noted.is_file() and noted.read_text() == state()):
            tables = self.store.get(job).groupby("cohort", sort=False)
            write_private(pd.concat([self._named(part, str(name)) for name, part in tables]), path)
            noted.write_text(state())

    def saliency(self, training: str | None = None) -> Saliency:
        """Out-of-fold attributions of the model that the study file names, by default the reference.

        Parameters
        ----------
        training : {"pooled", "sex-specific"}, optional
            By default sex-specific where the model has it, as in the paper.
        """
        found = steps.join_saliency(self._explain(steps.attribute, training))
        return replace(found, people=self._named(found.people))

    def saliency_checks(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Sanity of these maps, of every fold: with what they agree, and curves of deletion and insertion."""
        agreement, curves = zip(*self._explain(steps.check_maps), strict=True)
        return pd.concat(agreement, ignore_index=True), pd.concat(curves, ignore_index=True)

    def contributions(self) -> tuple[pd.DataFrame, Any]:
        """Out-of-fold contributions of waveforms to the pooled fits: people, and ``(n, 12, 6)`` by lead and wave."""
        people, cells = zip(*self._explain(steps.contribute, "pooled"), strict=True)
        return self._named(pd.concat(people, ignore_index=True)), np.concatenate(cells)

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
        """Compute all that is missing, and write the tables of results and of people."""
        self.write_results()
        self.write_people()
        if any(model.is_network for model in self.config.models.values()):
            self.saliency_checks()
            options = self.config.models[self.config.saliency.model or self.reference]
            for training in options.training:
                self.saliency(training)
            if "pooled" in options.training and not (options.reads_signal or options.beat):
                self.contributions()

    def save_model(self, folder: str | Path, model: str | None = None) -> None:
        """Train a network on the whole development cohort, pooled, and save it for ``lvmass predict``.

        The factor of its intervals comes from the out-of-fold errors of each sex, see
        `lvmass.evaluation.calibration.interval_factors`; it is a little wide, because fold models saw fewer people.
        What else it says of itself: `lvmass.training.card.Card`.

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
        simulated = config.development.simulate is not None
        card = Card(
            leads=LEADS,
            beat=task.beat,
            interval_level=INTERVAL_LEVEL,
            interval_factor=factors,
            lvh_cutoff_g_m2=config.lvh.cutoffs_g_m2,
            lvh_cutoff_source=config.lvh.source,
            training_ranges=training_ranges(self.beats().people),
            **_out_of_fold(table, config.lvh.cutoffs_g_m2),
            trained_on_simulated_data=simulated,
            training_people=fit.predictor.training_people,
            out_of_fold_mae_g=float((table["lvm_g"] - table["predicted_lvm_g"]).abs().mean()),
            modality=config.development.modality,
            study=config.name,
            study_fingerprint=self.fingerprint,
            package_version=__version__,
        )
        about = {"input": "synchronized beat, mV", "sampling_rate_hz": task.beat.sampling_rate_hz}
        save_model(fit.predictor, folder, about | card.model_dump(mode="json", exclude_none=True))

    def _named(self, table: pd.DataFrame, name: str = "development") -> pd.DataFrame:
        """Copy a table of the store, in which people of files have hashes, with the ids of the cohort's own table."""
        own, hidden = self.cohort(name).subjects, steps.hidden_cohort(self.config.cohort(name)).subjects
        names = {column: dict(zip(hidden[column], own[column], strict=True)) for column in ("subject_id", "patient_id")}
        named = table.assign(**{column: table[column].map(ids) for column, ids in names.items() if column in table})
        if named[[column for column in names if column in named]].isna().any(axis=None):
            raise DataError(EDITED.format(self.config.cohort(name).subjects))
        return named

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

    def _compared(self) -> dict[str, Any]:
        """Predictions of every cohort, and in an external one also those of each fold model."""
        tasks = comparison(self.tasks)
        takes: dict[str, Any] = {"predictions": [self._predictions(name, tasks) for name in self.cohort_names()]}
        if self.config.external is not None:
            takes["external_single"] = self._predictions("external", tasks, single=True)
        return takes

    def _statistics(self) -> Job:
        config = self.config
        settings = {"reference": self.reference, "n_resamples": config.bootstrap, "seed": config.seed}
        settings |= {"cutoffs_g_m2": config.lvh.cutoffs_g_m2}
        takes = self._compared() | {"beats": [self._beats(name) for name in self.cohort_names()]}
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
        if cohort.simulate is None:
            cut = beats_of_files(steps.open_cohort(cohort), beat, FileHashes(scratch / "files.json"))
        else:
            cut = [Job(steps.cut_beats, part | {"beat": beat}, RECORDINGS) for part in rows]
        settings = {"cohort": cohort, "beat": beat}
        return Job(steps.join_beats, settings, RECORDINGS, {"blocks": cut}, places={"scratch": scratch})
    takes = {"beats": _recordings(cohort, beat, None, scratch)}
    cut = [Job(steps.cut_signals, part | {"rate_hz": rate_hz}, RECORDINGS, takes) for part in rows]
    return Job(stack, {}, RECORDINGS, {"arrays": cut}, places={"folder": scratch})


def beats_of_files(cohort: Cohort, beat: BeatConfig, hashes: FileHashes) -> list[Job]:
    """Beats of a cohort in files, a job a block of rows; the rest of the table can change without cutting them anew."""
    parts = [ecgs_of_rows(cohort, start, stop) for start, stop in blocks(len(cohort))]
    keys = [{"content": content_key(part, hashes), "beat": beat} for part in parts]
    return [
        Job(steps.cut_files, key, RECORDINGS, places={"cohort": part}) for key, part in zip(keys, parts, strict=True)
    ]


def _out_of_fold(table: pd.DataFrame, cutoffs_g_m2: dict[Any, float]) -> dict[str, dict[str, float]]:
    """What a card says of each sex: who lies in an interval learnt from others, and who has LVH, as told and in truth.

    A share that stands for fewer than `MIN_PEOPLE` people is left out. LVH is that of people whose BSA is known.
    """
    found: dict[str, dict[str, float]] = {"interval_coverage": {}, "lvh_observed": {}, "lvh_expected": {}}
    # of a positive estimate that others were enough to learn an interval for
    known = conformal_intervals(table, "development", confidence=INTERVAL_LEVEL).dropna(subset="upper_g")
    for sex, own in known.groupby("sex"):
        covered = own["lvm_g"].between(own["lower_g"], own["upper_g"])
        found["interval_coverage"][str(sex)] = round(float(covered.mean()), 3)
        own = own.dropna(subset="bsa_m2")
        factor = (own["upper_g"] / own["predicted_lvm_g"]).to_numpy(float)
        of_cutoff = lvh_score(own, "indexed", cutoffs_g_m2)
        probability = probability_above_cutoff(of_cutoff, 1.0, factor, INTERVAL_LEVEL)
        if MIN_PEOPLE <= own["lvh"].sum() <= len(own) - MIN_PEOPLE:
            found["lvh_observed"][str(sex)] = round(float(own["lvh"].mean()), 3)
            found["lvh_expected"][str(sex)] = round(float(probability.mean()), 3)
    return found


def _located(cohort: CohortConfig, folder: Path, hashes: FileHashes) -> CohortConfig:
    """Resolve the paths of a cohort in files, and add the hash of its content."""
    if cohort.subjects is None:
        return cohort
    named = {name: getattr(cohort, name) for name in ("subjects", "ecg_folder")}
    located = cohort.model_copy(update={name: str(folder / path) for name, path in named.items() if path is not None})
    as_it_is_now = steps.open_cohort.__wrapped__(located)  # one opened before may have been edited since
    return located.model_copy(update={"content": content_key(as_it_is_now, hashes)})
