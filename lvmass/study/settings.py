"""The study file: one TOML, every setting typed, with a default and a reason."""

import difflib
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lvmass.cohort.covariates import COVARIATE_GROUPS, STUDY_GROUPS
from lvmass.cohort.simulation.constants import SITES
from lvmass.ecg.beats import BeatConfig
from lvmass.errors import DataError
from lvmass.evaluation.lvh import LVH_CUTOFF_SOURCES, PRIMARY
from lvmass.networks.registry import NETWORKS
from lvmass.training.baselines import BASELINES
from lvmass.training.settings import FitConfig, MachineConfig

Training = Literal["pooled", "sex-specific"]

COUNTERFACTUAL = "counterfactual cohort"
"""The development cohort's people again, with an ECG that follows mass alike in men and women."""

RENAMED = {"matched": "size_matched", "twins": "counterfactual"}
"""Keys of earlier study files, and what they are called now."""

STUDY_VARIABLE = "LVMASS_STUDY"
"""Environment variable that tells the chapters which study file to read."""


class Section(BaseModel):
    """A table of the study file: unknown keys are refused, values cannot change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


WhenMissing = Literal["exclude", "impute"]


class MissingConfig(Section):
    """What to do with people in files of whom a value is missing; sex, mass and ECG are always needed."""

    age_years: WhenMissing = Field("exclude", description="leave the person out, or the median of the sex")
    height_cm: WhenMissing = Field("exclude", description="the same; nobody's LVM index is known without height")
    weight_kg: WhenMissing = Field("exclude", description="the same; nobody's LVM index is known without weight")


FILLED = ("content", "missing")
"""Fields of a cohort that the study fills, and no study file may."""


class CohortConfig(Section):
    """Where people come from: simulated, or a table and ECG files of one's own."""

    label: str = Field(min_length=1, exclude=True, description="name shown in tables and figures")
    simulate: str | None = Field(None, description="site to simulate")
    n: int | None = Field(None, ge=20, description="people to simulate")
    seed: int = Field(0, ge=0, description="of the simulation")
    setting: Literal["published", "literature"] = Field(
        "published", description="simulate as published numbers imply, or as small studies found; 'external' follows"
    )
    sex_interaction: float = Field(
        1.0,
        ge=0,
        le=4,
        description="how far the simulated ECG follows mass otherwise in women: 0 not, 4 strongly",
    )
    # excluded from the key of stages, like the label: 'content' stands for it, wherever the files lie
    subjects: str | None = Field(None, exclude=True, description="subjects table (CSV), relative to the study file")
    unit: Literal["mV", "uV", "V"] | None = Field(None, description="voltage unit of ECG files that state none")
    sampling_rate_hz: float | None = Field(None, gt=0, description="of ECG files that state none")
    leads: tuple[str, ...] | None = Field(None, description="of ECG files that name none")
    # how the table is written does not change a result either
    columns: dict[str, str] = Field({}, exclude=True, description="your column name = name in the data dictionary")
    units: dict[str, str] = Field({}, exclude=True, description="column = unit it is written in, such as 'in' or 'lb'")
    codes: dict[str, dict[str, str]] = Field(
        {}, exclude=True, description="column = { your code = value in the data dictionary }"
    )
    # filled by the study, see FILLED
    missing: MissingConfig = MissingConfig()
    content: str = Field("", description="hash of the table and of every ECG file")

    @model_validator(mode="before")
    @classmethod
    def _nothing_filled(cls, given: Any) -> Any:
        for name in FILLED:
            if isinstance(given, dict) and name in given:
                raise ValueError(f"'{name}' is filled by the study; leave it out")
        return given

    @model_validator(mode="after")
    def _one_source(self) -> "CohortConfig":
        if (self.simulate is None) == (self.subjects is None):
            raise ValueError("give either 'simulate' and 'n', or 'subjects'")
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

    estimator: str = Field(description="a network or a baseline")
    covariates: tuple[str, ...] = Field(STUDY_GROUPS, description="covariate groups")
    training: tuple[Training, ...] = Field(("pooled",), min_length=1, description="one model for all, or for each sex")
    arguments: dict[str, Any] = Field({}, description="of the network")
    fit: FitConfig = FitConfig()
    seeds: int = Field(1, ge=1, description="networks a fold, of whose estimates the mean counts")
    reads: Literal["beat", "signal"] | None = Field(None, description="beat or 10-s recording; by default as designed")
    beat: BeatConfig | None = Field(None, description="a beat of its own, instead of the study's")
    fine_tune: bool = Field(False, description="sex-specific models go on from the fold's pooled model")
    size_matched: bool = Field(
        False, description="pooled models trained on as many people, of both sexes, as a sex-specific one"
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
            for argument in self.arguments:
                _require_known(f"argument of {self.estimator}", argument, tuple(NETWORKS[self.estimator].arguments))
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

    n: int = Field(5, ge=2, le=20, description="folds")
    seed: int = Field(0, ge=0, description="of the assignment")


class _LvhConfig(Section):
    """LVH: LVM / BSA (Mosteller) above a cut-off for each sex; default Fuchs 2016 (CT, 97.5th percentile)."""

    male_g_m2: float = Field(PRIMARY["male"], gt=0)
    female_g_m2: float = Field(PRIMARY["female"], gt=0)
    source: str = LVH_CUTOFF_SOURCES["fuchs-2016"]

    @property
    def cutoffs_g_m2(self) -> dict[str, float]:
        """Cut-off for each sex."""
        return {"female": self.female_g_m2, "male": self.male_g_m2}


class SaliencyConfig(Section):
    """Attributions to the ECGs of out-of-fold people."""

    model: str | None = Field(None, description="a network; by default the reference model")
    method: Literal["gradient × input", "integrated gradients", "DeepLift", "occlusion"] = Field(
        "integrated gradients", description="of attribution"
    )
    baseline: Literal["flat", "mean", "mean of the sex", "several"] = Field(
        "mean",
        description="held against: a flat beat, a mean of the training people, or eight of them",
    )
    n_per_sex: int = Field(20, ge=1, description="people of each sex and fold")
    steps: int = Field(32, ge=8, description="of the path from the baseline to the person, where a method has one")


class _GapConfig(Section):
    """Why sex-specific models look better (chapter 5), for every model that is trained both ways."""

    counterfactual: tuple[str, ...] = Field(
        (), description="also trained on the same simulated people, whose ECG follows mass alike in both sexes"
    )
    repeats: dict[str, Annotated[int, Field(ge=1, le=100)]] = Field(
        {},
        description="model = n: cross-validated n times, with other folds and starts, so that intervals know of both",
    )


class CheckConfig(Section):
    """What `lvmass check` lets pass."""

    ecg_ct_days: float = Field(365.0, ge=0, description="longer between ECG and image is warned of, days")
    allow_shared_people: bool = Field(False, description="let people or ECGs stand in both cohorts, with a warning")


class PrivacyConfig(Section):
    """What pages and tables of results show of people in files."""

    show_people: bool = Field(False, description="show single people's ECGs, never their names")
    small_cell: int = Field(5, ge=1, description="smaller counts of people are shown as '< 5'; 1 shows all")


class StudyConfig(Section):
    """A whole study."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    seed: int = Field(2026, ge=0, description="of every fit")
    workers: int = Field(0, ge=0, description="processes; 0 takes one for each core")
    machine: MachineConfig = MachineConfig()
    cache_dir: str = Field(".lvmass", description="finished stages, relative to the study file")
    development: CohortConfig
    external: CohortConfig | None = None
    missing: MissingConfig = MissingConfig()
    check: CheckConfig = CheckConfig()
    privacy: PrivacyConfig = PrivacyConfig()
    beat: BeatConfig = BeatConfig()
    signal_rate_hz: float = Field(100.0, ge=50, le=1000, description="rate at which networks read whole recordings")
    folds: FoldsConfig = FoldsConfig()
    lvh: _LvhConfig = _LvhConfig()
    models: dict[str, ModelConfig] = Field(min_length=1)
    saliency: SaliencyConfig = SaliencyConfig()
    gap: _GapConfig = _GapConfig()
    bootstrap: int = Field(2000, ge=100, description="resamples of every bootstrap interval")

    @model_validator(mode="after")
    def _named_models(self) -> "StudyConfig":
        networks = tuple(name for name, model in self.models.items() if model.is_network)
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
        raise ValueError(f"there is no {what} '{name}'{_nearest(name, known)}; there are {', '.join(known)}")


def _nearest(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f" (did you mean '{near[0]}'?)" if near else ""


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
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); give the path of a study file (TOML).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not valid TOML ({error}); correct that line.") from error
    try:
        return StudyConfig.model_validate(table)
    except ValidationError as error:
        raise DataError("\n".join(_sentence(path, problem) for problem in error.errors())) from error


def _sentence(path: Path, problem: Any) -> str:
    """One pydantic problem as one sentence that says where it is and what to do."""
    location = problem["loc"]
    where = ".".join(str(part) for part in location) or "the file"
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        known = _known_keys(location[:-1])
        if str(location[-1]) in RENAMED:
            return f"{path}: '{where}' is now called '{RENAMED[str(location[-1])]}'; rename it."
        return f"{path}: unknown key '{where}'{_nearest(str(location[-1]), known)}; allowed here: {', '.join(known)}."
    if problem["type"] == "missing":
        return f"{path}: '{where}' is missing; add it."
    message = problem["msg"].removeprefix("Value error, ")
    given = problem["input"]
    shown = f", got {given!r}" if isinstance(given, (str, int, float, bool)) else ""
    return f"{path}: '{where}': {message[0].lower() + message[1:]}{shown}."


def _known_keys(location: tuple[str | int, ...]) -> tuple[str, ...]:
    """Keys allowed in a section of the study file."""
    section: Any = StudyConfig
    if location[:1] == ("models",):  # followed by the model's own name
        section, location = ModelConfig, location[2:]
    for part in location:
        annotation = section.model_fields[str(part)].annotation
        candidates = (annotation, *get_args(annotation))
        section = next(c for c in candidates if isinstance(c, type) and c is not type(None))
    return tuple(name for name in section.model_fields if section is not CohortConfig or name not in FILLED)
