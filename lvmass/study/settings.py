"""The study file: one TOML, every setting typed, with a default and a reason."""

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.json_schema import SkipJsonSchema

from lvmass.cohort.covariates import COVARIATE_GROUPS, STUDY_GROUPS
from lvmass.cohort.simulation.constants import SITES
from lvmass.ecg.beats import BeatConfig
from lvmass.ecg.recording import assemble_leads
from lvmass.errors import DataError
from lvmass.evaluation.lvh import LVH_CUTOFF_SOURCES, LVH_CUTOFFS_G_M2, PRIMARY
from lvmass.networks.registry import NETWORKS, argument_schema
from lvmass.study.fields import tables_of
from lvmass.study.mistakes import absent_file, did_you_mean, refusal, sentences, syntax_sentence
from lvmass.training.baselines import BASELINES
from lvmass.training.card import Modality
from lvmass.training.settings import FitConfig, MachineConfig

Training = Literal["pooled", "sex-specific"]

COUNTERFACTUAL = "counterfactual cohort"
"""The development cohort's people again, with an ECG that follows mass alike in men and women."""

STUDY_VARIABLE = "LVMASS_STUDY"
"""Environment variable that tells the chapters which study file to read."""


class Section(BaseModel):
    """A table of the study file: unknown keys are refused, values cannot change."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


WhenMissing = Literal["exclude", "impute"]


class MissingConfig(Section):
    """What to do with people in files of whom a value is missing; sex, mass and ECG are always needed."""

    age_years: WhenMissing = Field(
        "exclude", description="leave a person without age out, or take the median of the sex, learnt in training folds"
    )
    height_cm: WhenMissing = Field(
        "exclude", description="the same for height; without it nobody's LVM index is known, and so no LVH"
    )
    weight_kg: WhenMissing = Field(
        "exclude", description="the same for weight; without it nobody's LVM index is known, and so no LVH"
    )


FILLED = ("content", "missing")
"""Fields of a cohort that the study fills, and no study file may."""

_SIMULATION: dict[str, Any] = {"simulation": True}


class CohortConfig(Section):
    """Where people come from: a table and ECG files of one's own, or a simulator."""

    label: str = Field(
        min_length=1, exclude=True, description="name shown in tables and figures", examples=["Another hospital"]
    )
    modality: Modality | None = Field(
        None, exclude=True, description="how the mass was measured, as a saved model says", examples=["CT"]
    )
    simulate: str | None = Field(
        None,
        description="site whose people are simulated, in place of 'subjects'",
        examples=["tw-cvai"],
        json_schema_extra=_SIMULATION | {"enum": [*SITES]},
    )
    n: int | None = Field(None, ge=20, description="people to simulate", examples=[800], json_schema_extra=_SIMULATION)
    seed: int = Field(0, ge=0, description="random seed of the simulation", json_schema_extra=_SIMULATION)
    setting: Literal["published", "literature"] = Field(
        "published",
        description="simulate as published numbers imply, or as small studies found; 'external' follows 'development'",
        json_schema_extra=_SIMULATION,
    )
    sex_interaction: float = Field(
        1.0,
        ge=0,
        le=4,
        description="how far the simulated ECG follows mass otherwise in women: 0 not, 4 strongly",
        json_schema_extra=_SIMULATION,
    )
    # excluded from the key of stages, like the label: 'content' stands for it, wherever the files lie
    subjects: str | None = Field(
        None,
        exclude=True,
        description="subjects table (CSV, Excel or Parquet), one row an ECG; relative to the study file",
        examples=["external.csv"],
    )
    ecg_folder: str | None = Field(
        None,
        exclude=True,
        description="folder of the ECG files, relative to the study file; by default the table's",
        examples=["ecg"],
    )
    unit: Literal["mV", "uV", "V"] | None = Field(
        None, description="voltage unit of ECG files that state none", examples=["mV"]
    )
    sampling_rate_hz: float | None = Field(
        None, gt=0, description="sampling rate of ECG files that state none, such as CSV, Hz", examples=[500]
    )
    leads: tuple[str, ...] | None = Field(
        None,
        description="leads of ECG files that name none, in the order of their columns",
        examples=[["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]],
    )
    # how the table is written does not change a result either
    columns: dict[str, str] = Field(
        {},
        exclude=True,
        description="your column name = name in the data dictionary",
        examples=[{"Patient number": "patient_id", "Height": "height_cm"}],
    )
    units: dict[str, str] = Field(
        {},
        exclude=True,
        description="column in the data dictionary = unit in which your table gives it",
        examples=[{"height_cm": "in", "weight_kg": "lb"}],
    )
    codes: dict[str, dict[str, str]] = Field(
        {},
        exclude=True,
        description="column in the data dictionary = { your code = value in the data dictionary, or '' for missing }",
        examples=[{"sex": {"F": "female", "M": "male"}}],
    )
    # filled by the study, see FILLED
    missing: SkipJsonSchema[MissingConfig] = MissingConfig()
    content: SkipJsonSchema[str] = Field("", description="hash of the table and of every ECG file")

    @model_validator(mode="after")
    def _one_source(self) -> "CohortConfig":
        for name in self.model_fields_set.intersection(FILLED):
            raise ValueError(f"'{name}' is filled by the study; leave it out")
        if (self.simulate is None) == (self.subjects is None):
            raise ValueError("give either 'simulate' and 'n', or 'subjects'")
        if self.leads is not None:
            try:
                assemble_leads(self.leads, [np.zeros(1)] * len(self.leads), "'leads'")
            except DataError as error:
                raise ValueError(str(error).rstrip(".")) from None
        if self.simulate is not None:
            _require_known("site to simulate", self.simulate, tuple(SITES))
            if self.n is None:
                raise ValueError("'simulate' needs 'n', the number of people")
        return self

    def __hash__(self) -> int:
        """Of what a result depends on; dictionaries have no hash of their own."""
        return hash(self.model_dump_json())


class ModelConfig(Section):
    """One model of the comparison."""

    estimator: str = Field(
        description="network or baseline",
        examples=["elvmass-net"],
        json_schema_extra={"enum": [*NETWORKS, *BASELINES]},
    )
    covariates: tuple[str, ...] = Field(
        STUDY_GROUPS,
        description="groups of measurements that it reads beside the waveform",
        json_schema_extra={"items": {"type": "string", "enum": [*COVARIATE_GROUPS]}},
    )
    training: tuple[Training, ...] = Field(
        ("pooled",), min_length=1, description="one model for everyone, one for each sex, or both"
    )
    arguments: dict[str, Any] = Field(
        {}, description="arguments of the network", examples=[{"channels": 16, "levels": 5}]
    )
    fit: FitConfig = FitConfig()
    seeds: int = Field(1, ge=1, description="networks a fold, from different starts, whose mean estimate counts")
    reads: Literal["beat", "signal"] | None = Field(
        None, description="one beat or the whole recording; by default what it was designed for", examples=["beat"]
    )
    beat: BeatConfig | None = Field(None, description="a beat of its own, instead of the study's")
    fine_tune: bool = Field(
        False,
        description='sex-specific networks go on from the pooled one of the fold; for training = ["sex-specific"]',
    )
    size_matched: bool = Field(
        False,
        description='train on as many people, of both sexes, as a sex-specific model; for training = ["pooled"]',
    )

    @model_validator(mode="after")
    def _known_names(self) -> "ModelConfig":
        _require_known("estimator", self.estimator, (*NETWORKS, *BASELINES))
        for group in self.covariates:
            _require_known("covariate group", group, tuple(COVARIATE_GROUPS))
        if self.estimator == "sex-median" and self.covariates[:1] != ("demographics",):
            raise ValueError("'sex-median' needs covariates = ['demographics']")
        if self.arguments.get("sex_head") and self.covariates[:1] != ("demographics",):
            raise ValueError("'sex_head' needs covariates of which the first are 'demographics'")
        if self.estimator in BASELINES and not self.covariates:
            raise ValueError(f"'{self.estimator}' needs covariates, such as ['demographics']")
        if self.fine_tune and (self.training != ("sex-specific",) or self.estimator in BASELINES):
            raise ValueError("'fine_tune' is for a network with training = ['sex-specific']")
        if self.size_matched and self.training != ("pooled",):
            raise ValueError("'size_matched' needs training = ['pooled']")
        if self.estimator in NETWORKS:
            for argument, value in self.arguments.items():
                _require_known(f"argument of {self.estimator}", argument, tuple(NETWORKS[self.estimator].arguments))
                refused = refusal(f"'{argument}'", value, argument_schema(self.estimator, argument))
                if refused:
                    raise ValueError(refused)
        elif self.arguments:
            raise ValueError(f"'{self.estimator}' takes no arguments; leave them out")
        return self

    @property
    def reads_signal(self) -> bool:
        """Whether it reads the whole recording instead of the beat."""
        return self.is_network and (self.reads or NETWORKS[self.estimator].reads) == "signal"

    @property
    def is_network(self) -> bool:
        """Whether it is a network, not a baseline."""
        return self.estimator in NETWORKS


class FoldsConfig(Section):
    """Cross-validation: folds by patient, stratified by sex and thirds of LVM."""

    n: int = Field(5, ge=2, le=20, description="folds of the cross-validation")
    seed: int = Field(0, ge=0, description="random seed of who is in which fold")


class _LvhConfig(Section):
    """LVH: LVM / BSA (Mosteller) above a cut-off for each sex; take those of your modality."""

    male_g_m2: float = Field(PRIMARY["male"], gt=0, description="cut-off of men's LVM index, g/m²")
    female_g_m2: float = Field(PRIMARY["female"], gt=0, description="cut-off of women's LVM index, g/m²")
    source: str = Field(
        LVH_CUTOFF_SOURCES["fuchs-2016"],
        description="where the cut-offs come from, as pages name it; by default the publication that has these",
    )

    @model_validator(mode="before")
    @classmethod
    def _source_of_these(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "source" in given:
            return given
        own = {sex: given.get(f"{sex}_g_m2", cutoff) for sex, cutoff in PRIMARY.items()}
        known = [LVH_CUTOFF_SOURCES[name] for name, cutoffs in LVH_CUTOFFS_G_M2.items() if cutoffs == own]
        return given | {"source": known[0] if known else "cut-offs of the study file"}

    @property
    def cutoffs_g_m2(self) -> dict[str, float]:
        """Cut-off for each sex."""
        return {"female": self.female_g_m2, "male": self.male_g_m2}


class SaliencyConfig(Section):
    """Attributions to the ECGs of out-of-fold people."""

    model: str | None = Field(
        None,
        description="network whose estimates are attributed; by default the reference model",
        examples=["elvmass-net"],
    )
    method: Literal["gradient × input", "integrated gradients", "DeepLift", "occlusion"] = Field(
        "integrated gradients", description="method of attribution"
    )
    baseline: Literal["flat", "mean", "mean of the sex", "several"] = Field(
        "mean",
        description="beat that a person's is held against: flat, a mean of training people, or eight of them",
    )
    n_per_sex: int = Field(20, ge=1, description="people of each sex in each fold")
    steps: int = Field(32, ge=8, description="steps of the path from the baseline to the person")


class _GapConfig(Section):
    """Why sex-specific models look better (chapter 5), for every model that is trained both ways."""

    counterfactual: tuple[str, ...] = Field(
        (),
        description="models also trained on the same simulated people, whose ECG follows mass alike in both sexes",
        examples=[["linear"]],
        json_schema_extra=_SIMULATION,
    )
    repeats: dict[str, Annotated[int, Field(ge=1, le=100)]] = Field(
        {},
        description="cross-validations of a model, each with other folds and starts, so that intervals know of both",
        examples=[{"linear": 10}],
    )


class CheckConfig(Section):
    """What the check of a cohort lets pass."""

    ecg_ct_days: float = Field(365.0, ge=0, description="a longer time between ECG and image is warned of, days")
    allow_shared_people: bool = Field(False, description="let people or ECGs be in both cohorts, with a warning")


class PrivacyConfig(Section):
    """What pages show of people in files; tables in results/ hold counts of any size."""

    show_people: bool = Field(False, description="let pages show single people's ECGs, never their names")
    small_cell: int = Field(5, ge=1, description="smaller counts of people are hidden; 1 shows all")


class StudyConfig(Section):
    """A whole study."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$",
        description="name of the study and of its folder of results: letters, digits, '.', '_' and '-'",
        examples=["own-cohort"],
    )
    seed: int = Field(2026, ge=0, description="random seed of every fit")
    workers: int = Field(0, ge=0, description="processes that compute; 0 takes one for each core")
    machine: MachineConfig = MachineConfig()
    cache_dir: str = Field(".lvmass", description="folder of finished stages, relative to the study file")
    development: CohortConfig
    external: CohortConfig | None = None
    missing: MissingConfig = MissingConfig()
    check: CheckConfig = CheckConfig()
    privacy: PrivacyConfig = PrivacyConfig()
    beat: BeatConfig = BeatConfig()
    signal_rate_hz: float = Field(100.0, ge=50, le=1000, description="rate at which networks read whole recordings, Hz")
    folds: FoldsConfig = FoldsConfig()
    lvh: _LvhConfig = _LvhConfig()
    models: dict[str, ModelConfig] = Field(min_length=1)
    saliency: SaliencyConfig = SaliencyConfig()
    gap: _GapConfig = _GapConfig()
    bootstrap: int = Field(2000, ge=100, description="resamples of every bootstrap interval")

    @model_validator(mode="after")
    def _named_models(self) -> "StudyConfig":
        networks = tuple(name for name, model in self.models.items() if model.is_network)
        for name in self.models:
            if re.search(r"[/\\]|^\s*$", name):
                raise ValueError(f"the model name '{name}' cannot be used; give one without / and \\")
        if self.saliency.model is not None:
            _require_known("saliency model", self.saliency.model, networks)
        for name in (*self.gap.counterfactual, *self.gap.repeats):
            _require_known("model trained both ways", name, self.trained_both_ways)
        if self.external is not None and self.external.label == self.development.label:
            raise ValueError("'development' and 'external' have the same label; give each its own")
        if self.gap.counterfactual and self.development.simulate is None:
            raise ValueError("'gap.counterfactual' needs a simulated development cohort; leave it out")
        return self

    @property
    def trained_both_ways(self) -> tuple[str, ...]:
        """Models that are trained pooled and sex-specific."""
        return tuple(name for name, model in self.models.items() if len(set(model.training)) == 2)

    def cohort_names(self) -> tuple[str, ...]:
        """Return "development" and, if the study has one, "external"."""
        return ("development",) if self.external is None else ("development", "external")

    def cohort(self, name: str) -> CohortConfig:
        """Settings of the development or the external cohort."""
        filled: dict[str, Any] = {"missing": self.missing}
        if name == "development":
            return self.development.model_copy(update=filled)
        if name == COUNTERFACTUAL:
            filled |= {"sex_interaction": 0.0, "label": COUNTERFACTUAL}
            return self.development.model_copy(update=filled)
        if name == "external" and self.external is not None:
            if "setting" not in self.external.model_fields_set:
                filled["setting"] = self.development.setting
            return self.external.model_copy(update=filled)
        raise DataError(f"Study '{self.name}' has no cohort '{name}'; add a table [{name}] to the study file.")


def _require_known(what: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise ValueError(f"there is no {what} '{name}'{did_you_mean(name, known)}; there are {', '.join(known)}")


def default_study_file() -> Path:
    """Study file of the book: what ``LVMASS_STUDY`` names, else ``studies/quick.toml`` beside the chapters."""
    return Path(os.environ.get(STUDY_VARIABLE, "studies/quick.toml"))


def read_study_file(path: str | Path) -> StudyConfig:
    """Read and check a study file.

    Parameters
    ----------
    path : path
        TOML.

    Returns
    -------
    StudyConfig

    Raises
    ------
    DataError
        With every problem of the file, one to a line.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        table = tomllib.loads(text)
    except OSError as error:
        hint = absent_file(path) or f"cannot be read ({error.strerror})"
        raise DataError(f"{path}: {hint}; give the path of a study file (TOML).") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not text in UTF-8; save the file with the encoding UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path}: {syntax_sentence(text, str(error))}") from error
    try:
        # JSON, in which a list is a tuple, so that types can be strict: "5" is no number, and 1 is not true
        config = StudyConfig.model_validate_json(json.dumps(table, default=str), strict=True)
    except ValidationError as error:
        found = sentences(error.errors(), tables_of(StudyConfig))
        raise DataError("\n".join(f"{path}: {sentence}" for sentence in found)) from error
    problems = [_table_problem(config.cohort(name), name, path.parent) for name in config.cohort_names()]
    if any(problems):
        raise DataError("\n".join(f"{path}: {problem}" for problem in problems if problem))
    return config


def _table_problem(cohort: CohortConfig, name: str, folder: Path) -> str:
    """Say that a cohort's table is not there; empty if it is."""
    if cohort.subjects is None:
        return ""
    file = folder / cohort.subjects
    if not file.is_file():
        return f"'{name}.subjects': {absent_file(file) or 'is no file'}; give the path of your subjects table."
    return ""
