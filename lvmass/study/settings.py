"""The study file: one TOML, every setting typed, with a default and a reason."""

import json
import os
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.json_schema import SkipJsonSchema

from lvmass.cohort.covariates import COVARIATE_GROUPS, STUDY_GROUPS
from lvmass.cohort.simulation.constants import SITES
from lvmass.ecg.beats import BeatConfig
from lvmass.ecg.recording import LEADS, assemble_leads
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

WhenMissing = Literal["exclude", "impute"]
_SIMULATION: dict[str, Any] = {"simulation": True}  # settings that concern simulated people only
_COVARIATES: dict[str, Any] = {"type": "string", "enum": [*COVARIATE_GROUPS]}


class Section(BaseModel):
    """A table of the study file: unknown keys are refused, values cannot change; the text below each is its meaning."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class MissingConfig(Section):
    """What to do with people in files of whom a value is missing; sex, mass and ECG are always needed."""

    age_years: WhenMissing = "exclude"
    """leave a person without age out, or take the median of the sex, learnt in training folds"""
    height_cm: WhenMissing = "exclude"
    """the same for height; without it nobody's LVM index is known, and so no LVH"""
    weight_kg: WhenMissing = "exclude"
    """the same for weight; without it nobody's LVM index is known, and so no LVH"""


class CohortConfig(Section):
    """Where people come from: a table and ECG files of one's own, or a simulator."""

    # What is excluded changes no result, or 'content' stands for it, wherever the files lie.
    label: str = Field(min_length=1, exclude=True, examples=["Another hospital"])
    """name shown in tables and figures"""
    modality: Modality | None = Field(None, exclude=True, examples=["CT"])
    """how the mass was measured, as a saved model says"""
    simulate: str | None = Field(None, examples=["tw-cvai"], json_schema_extra=_SIMULATION | {"enum": [*SITES]})
    """site whose people are simulated, in place of 'subjects'"""
    n: int | None = Field(None, ge=20, examples=[800], json_schema_extra=_SIMULATION)
    """people to simulate"""
    seed: int = Field(0, ge=0, json_schema_extra=_SIMULATION)
    """random seed of the simulation"""
    setting: Literal["published", "literature"] = Field("published", json_schema_extra=_SIMULATION)
    """simulate as published numbers imply, or as small studies found; 'external' follows 'development'"""
    sex_interaction: float = Field(1.0, ge=0, le=4, json_schema_extra=_SIMULATION)
    """how far the simulated ECG follows mass otherwise in women: 0 not, 4 strongly"""
    subjects: str | None = Field(None, exclude=True, examples=["external.csv"])
    """subjects table (CSV, Excel or Parquet), one row an ECG; relative to the study file"""
    ecg_folder: str | None = Field(None, exclude=True, examples=["ecg"])
    """folder of the ECG files, relative to the study file; by default the table's"""
    unit: Literal["mV", "uV", "V"] | None = Field(None, examples=["mV"])
    """voltage unit of ECG files that state none"""
    sampling_rate_hz: float | None = Field(None, gt=0, examples=[500])
    """sampling rate of ECG files that state none, such as CSV, Hz"""
    leads: tuple[str, ...] | None = Field(None, examples=[[*LEADS]])
    """leads of ECG files that name none, in the order of their columns"""
    columns: dict[str, str] = Field(
        {}, exclude=True, examples=[{"Patient number": "patient_id", "Height": "height_cm"}]
    )
    """your column name = name in the data dictionary"""
    units: dict[str, str] = Field({}, exclude=True, examples=[{"height_cm": "in", "weight_kg": "lb"}])
    """column in the data dictionary = unit in which your table gives it"""
    codes: dict[str, dict[str, str]] = Field({}, exclude=True, examples=[{"sex": {"F": "female", "M": "male"}}])
    """column in the data dictionary = { your code = value in the data dictionary, or '' for missing }"""
    # the study fills these two, and no study file may
    missing: SkipJsonSchema[MissingConfig] = MissingConfig()
    content: SkipJsonSchema[str] = ""
    """hash of the table and of every ECG file"""

    @model_validator(mode="after")
    def _one_source(self) -> "CohortConfig":
        for name in self.model_fields_set & {"missing", "content"}:
            raise ValueError(f"'{name}' is filled by the study; leave it out")
        if (self.simulate is None) == (self.subjects is None) or (self.simulate is not None and self.n is None):
            raise ValueError("give either 'simulate' and 'n', or 'subjects'")
        _require_known("site to simulate", [self.simulate], SITES)
        if self.leads is not None:
            try:
                assemble_leads(self.leads, [np.zeros(1)] * len(self.leads), "'leads'")
            except DataError as error:
                raise ValueError(str(error).rstrip(".")) from None
        return self

    def __hash__(self) -> int:
        """Of what a result depends on; dictionaries have no hash of their own."""
        return hash(self.model_dump_json())


class ModelConfig(Section):
    """One model of the comparison."""

    estimator: str = Field(examples=["elvmass-net"], json_schema_extra={"enum": [*NETWORKS, *BASELINES]})
    """network or baseline"""
    covariates: tuple[str, ...] = Field(STUDY_GROUPS, json_schema_extra={"items": _COVARIATES})
    """groups of measurements that it reads beside the waveform"""
    training: tuple[Training, ...] = Field(("pooled",), min_length=1)
    """one model for everyone, one for each sex, or both"""
    arguments: dict[str, Any] = Field({}, examples=[{"channels": 16, "levels": 5}])
    """arguments of the network"""
    fit: FitConfig = FitConfig()
    seeds: int = Field(1, ge=1)
    """networks a fold, from different starts, whose mean estimate counts"""
    reads: Literal["beat", "signal"] | None = Field(None, examples=["beat"])
    """one beat or the whole recording; by default what it was designed for"""
    beat: BeatConfig | None = None
    """a beat of its own, instead of the study's"""
    fine_tune: bool = False
    """sex-specific networks go on from the pooled one of the fold; for training = ["sex-specific"]"""
    size_matched: bool = False
    """train on as many people, of both sexes, as a sex-specific model; for training = ["pooled"]"""

    @model_validator(mode="after")
    def _what_goes_together(self) -> "ModelConfig":
        _require_known("estimator", [self.estimator], (*NETWORKS, *BASELINES))
        _require_known("covariate group", self.covariates, COVARIATE_GROUPS)
        network, sexless = self.is_network, self.covariates[:1] != ("demographics",)
        headed, fine_tuned = self.arguments.get("sex_head"), network and self.training == ("sex-specific",)
        refused: dict[str, Any] = {
            "'sex-median' needs covariates = ['demographics']": self.estimator == "sex-median" and sexless,
            "'sex_head' needs covariates of which the first are 'demographics'": headed and sexless,
            f"'{self.estimator}' needs covariates, such as ['demographics']": not network and not self.covariates,
            f"'{self.estimator}' takes no arguments; leave them out": not network and self.arguments,
            "'fine_tune' is for a network with training = ['sex-specific']": self.fine_tune and not fine_tuned,
            "'size_matched' needs training = ['pooled']": self.size_matched and self.training != ("pooled",),
        }
        if network:
            _require_known(f"argument of {self.estimator}", self.arguments, NETWORKS[self.estimator].arguments)
            given = self.arguments.items()
            mistakes = (refusal(f"'{name}'", value, argument_schema(self.estimator, name)) for name, value in given)
            refused |= {sentence: sentence for sentence in mistakes}
        for sentence, wrong in refused.items():
            if wrong:
                raise ValueError(sentence)
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

    n: int = Field(5, ge=2, le=20)
    """folds of the cross-validation"""
    seed: int = Field(0, ge=0)
    """random seed of who is in which fold"""


class _LvhConfig(Section):
    """LVH: LVM / BSA (Mosteller) above a cut-off for each sex; take those of your modality."""

    male_g_m2: float = Field(PRIMARY["male"], gt=0)
    """cut-off of men's LVM index, g/m²"""
    female_g_m2: float = Field(PRIMARY["female"], gt=0)
    """cut-off of women's LVM index, g/m²"""
    source: str = LVH_CUTOFF_SOURCES["fuchs-2016"]
    """where the cut-offs come from, as pages name it; by default the publication that has these"""

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

    model: str | None = Field(None, examples=["elvmass-net"])
    """network whose estimates are attributed; by default the reference model"""
    method: Literal["gradient × input", "integrated gradients", "DeepLift", "occlusion"] = "integrated gradients"
    """method of attribution"""
    baseline: Literal["flat", "mean", "mean of the sex", "several"] = "mean"
    """beat that a person's is held against: flat, a mean of training people, or eight of them"""
    n_per_sex: int = Field(20, ge=1)
    """people of each sex in each fold"""
    steps: int = Field(32, ge=8)
    """steps of the path from the baseline to the person"""


class _GapConfig(Section):
    """Why sex-specific models look better (chapter 5), for every model that is trained both ways."""

    counterfactual: tuple[str, ...] = Field((), examples=[["linear"]], json_schema_extra=_SIMULATION)
    """models also trained on the same simulated people, whose ECG follows mass alike in both sexes"""
    repeats: dict[str, Annotated[int, Field(ge=1, le=100)]] = Field({}, examples=[{"linear": 10}])
    """cross-validations of a model, each with other folds and starts, so that intervals know of both"""


class CheckConfig(Section):
    """What the check of a cohort lets pass."""

    ecg_ct_days: float = Field(365.0, ge=0)
    """a longer time between ECG and image is warned of, days"""
    allow_shared_people: bool = False
    """let people or ECGs be in both cohorts, with a warning"""


class PrivacyConfig(Section):
    """What pages show of people in files; tables in results/ hold counts of any size."""

    show_people: bool = False
    """let pages show single people's ECGs, never their names"""
    small_cell: int = Field(5, ge=1)
    """smaller counts of people are hidden; 1 shows all"""


class StudyConfig(Section):
    """A whole study."""

    # in the order in which `lvmass init` writes them: what a hospital looks at first
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", examples=["own-cohort"])
    """name of the study and of its folder of results: letters, digits, '.', '_' and '-'"""
    seed: int = Field(2026, ge=0)
    """random seed of every fit"""
    workers: int = Field(0, ge=0)
    """processes that compute; 0 takes one for each core"""
    cache_dir: str = ".lvmass"
    """folder of finished stages, relative to the study file"""
    signal_rate_hz: float = Field(100.0, ge=50, le=1000)
    """rate at which networks read whole recordings, Hz"""
    bootstrap: int = Field(2000, ge=100)
    """resamples of every bootstrap interval"""
    development: CohortConfig
    external: CohortConfig | None = None
    missing: MissingConfig = MissingConfig()
    lvh: _LvhConfig = _LvhConfig()
    check: CheckConfig = CheckConfig()
    privacy: PrivacyConfig = PrivacyConfig()
    folds: FoldsConfig = FoldsConfig()
    beat: BeatConfig = BeatConfig()
    models: dict[str, ModelConfig] = Field(min_length=1)
    gap: _GapConfig = _GapConfig()
    saliency: SaliencyConfig = SaliencyConfig()
    machine: MachineConfig = MachineConfig()

    @model_validator(mode="after")
    def _what_goes_together(self) -> "StudyConfig":
        for name in self.models:
            if re.search(r"[/\\]|^\s*$", name):
                raise ValueError(f"the model name '{name}' cannot be used; give one without / and \\")
        networks = [name for name, model in self.models.items() if model.is_network]
        _require_known("saliency model", [self.saliency.model], networks)
        _require_known("model trained both ways", (*self.gap.counterfactual, *self.gap.repeats), self.trained_both_ways)
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
        sections = {"development": self.development, "external": self.external, COUNTERFACTUAL: self.development}
        section = sections.get(name)
        if section is None:
            raise DataError(f"Study '{self.name}' has no cohort '{name}'; add a table [{name}] to the study file.")
        filled: dict[str, Any] = {"missing": self.missing}
        if name == COUNTERFACTUAL:
            filled |= {"sex_interaction": 0.0, "label": COUNTERFACTUAL}
        if name == "external" and "setting" not in section.model_fields_set:
            filled["setting"] = self.development.setting
        return section.model_copy(update=filled)


def _require_known(what: str, names: Iterable[str | None], known: Iterable[str]) -> None:
    for name in names:
        if name is not None and name not in known:
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
    tables = {name: path.parent / (config.cohort(name).subjects or "") for name in config.cohort_names()}
    absent = {n: file for n, file in tables.items() if config.cohort(n).subjects is not None and not file.is_file()}
    if absent:
        found = [f"'{name}.subjects': {absent_file(file) or 'is no file'}" for name, file in absent.items()]
        raise DataError("\n".join(f"{path}: {each}; give the path of your subjects table." for each in found))
    return config
