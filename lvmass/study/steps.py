"""The steps of a study: ``recordings -> beats -> fits -> predictions -> statistics``, and saliency.

Each is a plain function of its settings and of what `lvmass.study.study.Study` hands it; none asks for more.
"""

import hashlib
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lvmass.cohort.covariates import covariate_matrix, covariate_names
from lvmass.cohort.folds import assign_folds, inner_split
from lvmass.cohort.manifest import Cohort, load_cohort, table_key
from lvmass.cohort.preprocessing import Beats, Block, assemble, beats_of_block, signals_of_block
from lvmass.cohort.schema import SEXES, Subject, bsa_mosteller_m2
from lvmass.cohort.simulation import Couplings, simulate_cohort
from lvmass.ecg.beats import BeatConfig
from lvmass.errors import DataError
from lvmass.evaluation.calibration import conformal_intervals, lvh_probability
from lvmass.evaluation.decision import criteria_rows
from lvmass.evaluation.lvh import with_cutoffs
from lvmass.evaluation.results import evaluate
from lvmass.evaluation.tables import COLUMNS, EXTERNAL_FOLD
from lvmass.study.settings import CohortConfig, FoldsConfig, SaliencyConfig
from lvmass.study.tasks import FitTask
from lvmass.training.baselines import Predictor, fit_baseline
from lvmass.training.model import FittedModel

PEOPLE_COLUMNS = (
    "subject_id patient_id sex cohort model training fold lvm_g predicted_lvm_g lower_g upper_g "
    "bsa_m2 lvmi_g_m2 predicted_lvmi_g_m2 lvh lvh_probability"
)

Array = NDArray[np.floating]
Tables = Sequence[pd.DataFrame]


EDITED = "{}: the table was edited during the run; run the same command again."


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted model, its estimates for the people of its fold (nobody, if trained on everybody), and its time.

    Estimates are a table of ``subject_id`` and ``predicted_lvm_g``.
    """

    predictor: Predictor
    estimates: pd.DataFrame
    seconds: float


@dataclass(frozen=True, eq=False)
class Saliency:
    """Out-of-fold attributions of one model.

    Parameters
    ----------
    people : DataFrame, n rows
        The subjects table of who was explained, with ``fold``, ``fitted_on`` (sex that the fit learnt from, "all" if
        both), ``completeness_error_g`` and ``difference_g`` (estimate less estimate at the baseline); sex-specific fits
        explain both sexes, so that a person has two rows.
    grams : ndarray, shape (n, 12, n_samples)
        Contribution of each sample to the estimate, in grams; see `lvmass.saliency.attribute`.
    covariate_grams : ndarray, shape (n,)
        Contribution of all covariates together, in grams.
    inputs_mv : ndarray, shape (n, 12, n_samples)
        What was attributed to.
    waves : ndarray of int, shape (n, n_samples)
        Wave of each sample, see `lvmass.saliency.WAVES`.
    """

    people: pd.DataFrame
    grams: Array
    covariate_grams: Array
    inputs_mv: Array
    waves: NDArray[np.int8]

    def rows(self, chosen: NDArray[np.bool_]) -> "Saliency":
        """Some of its rows."""
        arrays = {name: getattr(self, name)[chosen] for name in ("grams", "covariate_grams", "inputs_mv", "waves")}
        return Saliency(self.people[chosen].reset_index(drop=True), **arrays)

    @property
    def own(self) -> "Saliency":
        """Each person once, by a fit that learnt from their sex."""
        learnt = self.people["fitted_on"]
        return self.rows(((learnt == "all") | (learnt == self.people["sex"])).to_numpy(bool))


@lru_cache(maxsize=4)
def open_cohort(config: CohortConfig) -> Cohort:
    """Simulate a cohort, or open the one in files."""
    if config.simulate is not None and config.n is not None:
        couplings = Couplings(sex_interaction=config.sex_interaction)
        simulated = config.model_dump(include={"n", "seed", "setting"})
        return simulate_cohort(like=config.simulate, couplings=couplings, **simulated)
    written = ("columns", "units", "codes", "ecg_folder")  # as `lvmass.cohort.manifest.read_subjects` takes them
    options = {name: getattr(config, name) for name in ("unit", "sampling_rate_hz", "leads", *written)}
    return load_cohort(str(config.subjects), name=config.label, **options | {"missing": config.missing.model_dump()})


@lru_cache(maxsize=4)
def hidden_cohort(config: CohortConfig) -> Cohort:
    """Open a cohort with nothing that a result on disk must not hold: no path, no date, and hashes in place of ids.

    The key of the hashes is that of all of the cohort's files: who has these has the ids, and nobody else can try them.
    """
    cohort = open_cohort(config)
    if cohort.simulated:
        return cohort
    if table_key(cohort) not in config.content:
        raise DataError(EDITED.format(config.subjects))
    key, ids = config.content[:64].encode(), cohort.subjects[["subject_id", "patient_id"]]
    hidden = ids.map(lambda own: hashlib.blake2b(str(own).encode(), key=key, digest_size=12).hexdigest())
    needed = {*Subject.model_fields, "table_row"} - {"ecg_path", "ecg_date", "ct_date"}
    kept = cohort.subjects[[name for name in cohort.subjects if name in needed]]
    return replace(cohort, subjects=kept.assign(**hidden))


# --- recordings ---


def cut_beats(*, cohort: CohortConfig, start: int, stop: int, beat: BeatConfig) -> Block:
    """Cut and measure the recordings of rows ``start`` to ``stop``."""
    return beats_of_block(hidden_cohort(cohort), start, stop, beat)


def cut_files(*, content: str, cohort: Cohort, beat: BeatConfig) -> Block:
    """Cut and measure recordings in files; ``content`` stands for them in the key."""
    return beats_of_block(cohort, 0, len(cohort), beat)


def join_beats(*, cohort: CohortConfig, beat: BeatConfig, blocks: Sequence[Block], scratch: Path) -> Beats:
    """Beats of everybody."""
    return assemble(hidden_cohort(cohort), blocks, beat, folder=scratch)


def cut_signals(*, cohort: CohortConfig, start: int, stop: int, rate_hz: float, beats: Beats) -> Array:
    """Whole recordings of rows ``start`` to ``stop``, as far as they are usable, at a common rate."""
    return signals_of_block(hidden_cohort(cohort), start, stop, frozenset(beats.people["subject_id"]), rate_hz)


def draw_folds(*, cohort: CohortConfig, folds: FoldsConfig, beats: Beats) -> pd.DataFrame:
    """Test fold of each usable person, drawn among everybody: ``subject_id, sex, fold``."""
    subjects = hidden_cohort(cohort).subjects
    fold = assign_folds(subjects, beats.report["ecg_hash"].tolist(), folds.n, folds.seed)
    return subjects[["subject_id", "sex"]].assign(fold=fold)[beats.report["usable"].to_numpy()].reset_index(drop=True)


# --- fits ---


def fit_model(
    task: FitTask, *, folds: pd.DataFrame, start: Fit | None = None, unfinished: Path | None = None, **read: Any
) -> Fit:
    """Train one model on the other folds and estimate its own.

    Parameters
    ----------
    task : FitTask
    folds : DataFrame
        From `draw_folds`.
    start : Fit, optional
        The pooled fit that training goes on from.
    unfinished : path, optional
        Where its state is kept after each epoch.
    **read
        Of the cohort, as `readings` takes it.
    """
    from lvmass.training.fit import NOBODY, fit_network  # Lightning takes seconds to import: only a fit pays for it

    people, inputs = readings(**read)
    fold = folds.set_index("subject_id")["fold"].loc[people["subject_id"]].to_numpy()
    test = fold == (task.fold or 0)  # folds count from 1
    eligible = people["sex"].isin([task.sex] if task.sex else SEXES).to_numpy()
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
            hashes = read["beats"].report.set_index("subject_id")["ecg_hash"].loc[people["subject_id"]].tolist()
            fitted, validation = inner_split(people, hashes, training, task.config.fit.validation_fraction, seed)
        pooled = None if start is None else start.predictor
        assert pooled is None or isinstance(pooled, FittedModel)
        model, data = task.config, (inputs, covariates, lvm_g)
        run: dict[str, Any] = {"seed": seed, "machine": task.machine, "slot": task.slot, "checkpoints": unfinished}
        run |= {"sampling_rate_hz": task.signal_rate_hz or task.beat.sampling_rate_hz, "start": pooled}
        predictor = fit_network(model.estimator, model.arguments, model.fit, names, data, fitted, validation, **run)
    else:
        predictor = fit_baseline(task.config.estimator, covariates[training], lvm_g[training], names)
    seconds = time.perf_counter() - begun
    return Fit(predictor, _estimated(task, predictor, people, inputs, covariates, test_rows), seconds)


def estimate_external(task: FitTask, *, fit: Fit, **read: Any) -> pd.DataFrame:
    """Estimate external people with a fold's model, without refit: ``subject_id, predicted_lvm_g``."""
    people, inputs = readings(**read)
    rows = np.flatnonzero(people["sex"].isin([task.sex] if task.sex else SEXES))
    covariates = covariate_matrix(people, covariate_names(task.config.covariates))
    return _estimated(task, fit.predictor, people, inputs, covariates, rows)


def attribute(
    *, options: SaliencyConfig, fold: int, sex: str | None, fit: Fit, folds: pd.DataFrame, **read: Any
) -> Saliency:
    """Attribute a fold model's estimates of test people of both sexes, from what `readings` takes."""
    from lvmass import saliency  # so does captum

    people, inputs, model = *readings(**read), fit.predictor
    assert isinstance(model, FittedModel)
    rows, training = _explained(people, folds, fold, sex, options.n_per_sex)
    chosen = people.loc[rows].reset_index(drop=True)
    waves = _waves(chosen, inputs[rows], read["beats"].time_ms)
    parts = []
    for own in SEXES if options.baseline == "mean of the sex" else (None,):
        of_sex = np.ones(len(chosen), bool) if own is None else (chosen["sex"] == own).to_numpy()
        if not of_sex.any():
            continue
        learnt = training if own is None else training[(people["sex"].iloc[training] == own).to_numpy()]
        learnt = learnt if len(learnt) else training  # a fit that never saw this sex has but one mean
        made = saliency.attribute(
            model, inputs[rows[of_sex]], _covariates(chosen[of_sex], model, sex), method=options.method,
            baseline_mv=_baseline_mv(inputs, learnt, options.baseline), steps=options.steps,
            cells=saliency.cells_of(waves[of_sex]),
        )  # fmt: skip
        missed = {"completeness_error_g": made.completeness_error_g, "difference_g": made.difference_g}
        table = chosen[of_sex].assign(fold=fold, fitted_on=sex or "all", **missed)
        parts.append(Saliency(table, made.grams, made.covariate_grams.sum(axis=1), inputs[rows[of_sex]], waves[of_sex]))
    return join_saliency(parts)


def join_saliency(parts: Sequence[Saliency]) -> Saliency:
    """Attributions of several fits as one."""
    names = ("grams", "covariate_grams", "inputs_mv", "waves")
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Saliency(_joined([part.people for part in parts]), **arrays)


def contribute(*, fold: int, fit: Fit, folds: pd.DataFrame, **read: Any) -> tuple[pd.DataFrame, Array]:
    """Contributions of the waveform alone, by lead and wave, to a fold model's estimates of all its test people."""
    from lvmass import saliency

    people, inputs, model = *readings(**read), fit.predictor
    assert isinstance(model, FittedModel)
    rows, training = _explained(people, folds, fold, None, len(people))
    chosen, mean_mv, cells = people.loc[rows].reset_index(drop=True), _baseline_mv(inputs, training, "mean"), []
    for part in np.array_split(np.arange(len(rows)), -(-len(rows) // 1024)):  # maps of everybody may not fit memory
        beats_mv = inputs[rows[part]]
        made = saliency.attribute(
            model, beats_mv, _covariates(chosen.loc[part], model, None), steps=8, tolerance=np.inf, only_waveform=True,
            baseline_mv=mean_mv,
        )  # fmt: skip
        waves = _waves(chosen.loc[part], beats_mv, read["beats"].time_ms)
        cells.append(saliency.by_lead_and_wave(made.grams, waves))
    return chosen, np.concatenate(cells)


def check_maps(
    *, options: SaliencyConfig, fold: int, sex: str | None, fit: Fit, folds: pd.DataFrame, **read: Any
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sanity of a fold model's maps: agreement with others, and curves of deletion and insertion."""
    from lvmass.saliency.sanity import agreement, deletion_insertion

    people, inputs, model = *readings(**read), fit.predictor
    assert isinstance(model, FittedModel)
    rows, training = _explained(people, folds, fold, sex, -(-options.n_per_sex // 2))
    beats_mv, covariates = np.array(inputs[rows]), _covariates(people.loc[rows], model, sex)
    starts = {name: _baseline_mv(inputs, training, name) for name in ("flat", "mean", "several")}
    time_ms = read["beats"].time_ms
    waves, step_ms = _waves(people.loc[rows], beats_mv, time_ms), float(time_ms[1] - time_ms[0])
    table, own = agreement(model, beats_mv, covariates, waves, starts, step_ms, seed=fold)
    orders: dict[str, Array] = {"map": own, "random": np.random.default_rng(fold).normal(size=own.shape)}
    orders |= {"|dV/dt|": np.gradient(beats_mv, axis=2)}
    curves = deletion_insertion(model, beats_mv, covariates, orders, starts["mean"], step_ms)
    whose: dict[str, Any] = {"fold": fold, "fitted_on": sex or "all"}
    return table.assign(**whose), curves.assign(**whose)


def _explained(
    people: pd.DataFrame, folds: pd.DataFrame, fold: int, sex: str | None, n_per_sex: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of test people of a fold, the first ECG of each, and of those who were learnt from."""
    of = folds.set_index("subject_id")["fold"].loc[people["subject_id"]].to_numpy()
    learnt = (of != fold) & ((people["sex"] == sex).to_numpy() if sex else True)
    tested = people[of == fold].drop_duplicates("patient_id").groupby("sex", sort=True).head(n_per_sex)
    return tested.index.to_numpy(), np.flatnonzero(learnt)


def _covariates(people: pd.DataFrame, model: FittedModel, sex: str | None) -> NDArray[np.float64]:
    """Covariates; to a fit that knows one sex, everybody is of this sex."""
    return covariate_matrix(people if sex is None else people.assign(sex=sex), model.covariates)


def _baseline_mv(inputs: Array, training: NDArray[np.int64], name: str) -> Array:
    """Beat, or beats, that a person's is held against."""
    if name == "flat":
        return np.zeros(inputs.shape[1:], np.float32)
    if name == "several":
        return np.array(inputs[training[:: -(-len(training) // 8)]])
    parts = np.array_split(training, -(-len(training) // 4096))
    return np.asarray(sum(inputs[part].sum(axis=0, dtype=np.float64) for part in parts) / len(training), np.float32)


def _waves(people: pd.DataFrame, inputs: Array, time_ms: Array) -> NDArray[np.int8]:
    """Wave of each sample; of inputs that are not the study's beats, none."""
    from lvmass.saliency import WAVES, wave_of_samples

    if inputs.shape[2] != len(time_ms):
        return np.full((len(inputs), inputs.shape[2]), WAVES.index("rest"), np.int8)
    return wave_of_samples(inputs, people, time_ms)


def readings(beats: Beats, cut: Beats | None = None, signals: Array | None = None) -> tuple[pd.DataFrame, Array]:
    """People and what a model reads of them: beats, beats cut otherwise, or whole recordings.

    Covariates are the study's, whatever the model reads. Whose beat cannot be cut otherwise is left out.

    Parameters
    ----------
    beats : Beats
        Of the cohort, cut as the study says; covariates are measured on these.
    cut : Beats, optional
        Cut as the model says, where it has a beat of its own.
    signals : ndarray, shape (n, 12, time), optional
        Whole recordings of ``beats.people``, where the model reads these.
    """
    if signals is not None:
        return beats.people, signals
    if cut is None:
        return beats.people, beats.waveform_mv
    rows = pd.Index(cut.people["subject_id"]).get_indexer(beats.people["subject_id"])
    return beats.people[rows >= 0].reset_index(drop=True), cut.waveform_mv[rows[rows >= 0]]


def _estimated(
    task: FitTask, predictor: Predictor, people: pd.DataFrame, inputs: Array, covariates: Array, rows: NDArray[np.int64]
) -> pd.DataFrame:
    """Estimate some rows, a few thousand at a time, because the inputs may be larger than memory."""
    parts, device = [rows[start : start + 4096] for start in range(0, len(rows), 4096)], task.machine.device(task.slot)
    lvm_g = np.concatenate([np.empty(0), *(predictor.predict_g(inputs[p], covariates[p], device) for p in parts)])
    return pd.DataFrame({"subject_id": people["subject_id"].to_numpy()[rows], "predicted_lvm_g": lvm_g})


# --- tables ---


def tabulate_predictions(
    *, cohort: str, rows: Sequence[Any], cutoffs_g_m2: Mapping[str, float], beats: Beats, estimates: Sequence[Any]
) -> pd.DataFrame:
    """Predictions table of the contract: one row a person, model and training.

    ``rows`` says model, training and fold of each of ``estimates``, which are tables or fits.
    Estimates of several seeds, and in an external cohort those of the fold models, are averaged; ``model_sd_g`` is
    their SD, 0 for a single one.
    """
    parts = []
    for (model, training, fold), part in zip(rows, estimates, strict=True):
        table = part.estimates if isinstance(part, Fit) else part
        parts.append(table.assign(model=model, training=training, fold=fold))
    keys = ["model", "training", "fold", "subject_id"]
    groups = pd.concat(parts).groupby(keys, sort=False)["predicted_lvm_g"]
    table = groups.mean().reset_index().assign(model_sd_g=groups.std(ddof=0).to_numpy())
    known = beats.people[["subject_id", "patient_id", "sex", "lvm_g", "height_cm", "weight_kg"]]
    table = table.merge(known, on="subject_id", validate="many_to_one")  # people may have columns of these names
    table = table.assign(cohort=cohort, bsa_m2=bsa_mosteller_m2(table["height_cm"], table["weight_kg"]))
    return with_cutoffs(table, cutoffs_g_m2)[[*COLUMNS, "model_sd_g"]]


def tabulate_people(
    *, predictions: Tables, cutoffs_g_m2: Mapping[str, float], external_single: pd.DataFrame | None = None
) -> pd.DataFrame:
    """What is known of each ECG: predictions of every cohort with interval, mass index and probability of LVH.

    Each is learnt from other people, as in the statistics; the first cohort has folds.
    """
    table, development = _joined(predictions), str(predictions[0]["cohort"].iloc[0])
    table = conformal_intervals(table, development, external_single)
    known = table[table["bsa_m2"].notna()].astype({"lvh": bool})
    table["lvh_probability"] = pd.Series(lvh_probability(known, development, cutoffs_g_m2), known.index)
    table["fold"] = table["fold"].astype("Int64").where(table["fold"] != EXTERNAL_FOLD)
    for mass, index in (("lvm_g", "lvmi_g_m2"), ("predicted_lvm_g", "predicted_lvmi_g_m2")):
        table[index] = table[mass] / table["bsa_m2"]
    return table[PEOPLE_COLUMNS.split()]


def compute_statistics(
    *,
    predictions: Tables,
    beats: Sequence[Beats],
    trained: Tables,
    size_matched: Tables,
    repeats: Sequence[int],
    **options: Any,
) -> dict[str, pd.DataFrame]:
    """Every table of results, by the name of its file; the first cohort has folds.

    ``trained`` and ``size_matched``, a table a cohort and a cross-validation of ``repeats``, are what the gap is taken
    apart with; ``options`` are those of `lvmass.evaluation.results.evaluate`.
    """
    named = [(str(part["cohort"].iloc[0]), each) for part, each in zip(predictions, beats, strict=True)]
    subjects = _joined([each.people.assign(cohort=name) for name, each in named])
    criteria = _joined([criteria_rows(each.criteria, each.people["subject_id"], name) for name, each in named])

    def numbered(tables: Tables) -> pd.DataFrame:
        return _joined([table.assign(repeat=repeat) for table, repeat in zip(tables, repeats, strict=True)])

    gap = (numbered(trained), numbered(size_matched)) if repeats else None
    return evaluate(_joined(predictions), subjects=subjects, criteria=criteria, gap=gap, **options)


def _joined(tables: Tables) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True)
