"""How a network is trained and on what machine: the settings that a study file may give."""

from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator


class FitConfig(BaseModel):
    """How one network is trained; every field may be set per model in the study file.

    Notes
    -----
    None of these values is published for eLVMass-Net (study facts 1.3); they are ours, from
    ``benchmarks/accuracy_tuning.py``. On a few hundred people the
    inner split is small, and the epoch that looks best there is partly luck: the last epoch of a one-cycle schedule,
    whose learning rate has come down to nothing, does better.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: Annotated[int, Field(ge=1, description="most epochs")] = 15
    patience: Annotated[int, Field(ge=1, description="epochs without a better validation MAE before 'best' stops")] = 15
    keep: Annotated[
        Literal["last", "best"],
        Field(description="weights of the last epoch, or of the best one on the inner split, with early stopping"),
    ] = "last"
    batch_size: Annotated[int, Field(ge=2, description="people a step")] = 32
    learning_rate: Annotated[float, Field(gt=0, description="AdamW; the peak of a one-cycle schedule")] = 1.4e-3
    schedule: Annotated[
        Literal["one-cycle", "plateau"],
        Field(description="of the learning rate: up and down once, or lowered when the validation MAE stays"),
    ] = "one-cycle"
    plateau_epochs: Annotated[int, Field(ge=1, description="epochs without a better one before 'plateau' lowers")] = 8
    plateau_factor: Annotated[float, Field(gt=0, lt=1, description="by which 'plateau' lowers")] = 0.5
    fine_tune_learning_rate: Annotated[
        float, Field(gt=0, description="the same, where training goes on from a pooled model")
    ] = 3e-4
    weight_decay: Annotated[float, Field(ge=0, description="AdamW")] = 0.1
    loss: Annotated[
        Literal["huber", "log-cosh", "asymmetric"],
        Field(description="on z-scored LVM; 'asymmetric' is LVM-AI's, which punishes underestimating large hearts"),
    ] = "log-cosh"
    validation_fraction: Annotated[
        float,
        Field(gt=0, lt=0.5, description="share of the training people who choose the epoch for keep = 'best'"),
    ] = 0.15
    shift_ms: Annotated[float, Field(ge=0, description="augmentation: largest shift in time, ms")] = 8.0
    noise_mv: Annotated[float, Field(ge=0, description="augmentation: SD of added noise, mV")] = 0.01
    electrode_shift: Annotated[
        float,
        Field(ge=0, le=0.5, description="augmentation: SD of a chest electrode's shift, in distances to its neighbour"),
    ] = 0.1
    chest_voltage_cv: Annotated[
        float,
        Field(ge=0, le=0.2, description="augmentation: CV of chest voltages; measured from day to day 0.2, no more"),
    ] = 0.1
    covariate_dropout: Annotated[
        float, Field(ge=0, lt=1, description="augmentation: chance that a covariate is masked as missing")
    ] = 0.02

    @model_validator(mode="after")
    def _plateau_has_people_to_watch(self) -> "FitConfig":
        if self.schedule == "plateau" and self.keep != "best":
            raise ValueError("schedule = 'plateau' follows the validation MAE and needs keep = 'best'")
        return self


class MachineConfig(BaseModel):
    """What a fit runs on; part of its key, because every field can change the last digits of a result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accelerator: Annotated[Literal["cpu", "gpu"], Field(description="processor of a fit")] = "cpu"
    devices: Annotated[int, Field(ge=1, description="GPUs, or processes on a CPU, that train one network")] = 1
    num_nodes: Annotated[int, Field(ge=1, description="machines that train one network")] = 1
    precision: Annotated[Literal["32-true", "bf16-mixed", "16-mixed"], Field(description="of the arithmetic")] = (
        "32-true"
    )
    threads: Annotated[int, Field(ge=1, description="threads of one fit on a CPU")] = 1
    deterministic: Annotated[bool, Field(description="refuse GPU operations that differ from run to run")] = False

    @property
    def processes(self) -> int:
        """How many processes train one network."""
        return self.devices * self.num_nodes

    def device(self, slot: int = 0) -> str:
        """Where torch computes: of fits that run at once, each with a slot of its own, every GPU takes its share.

        Examples
        --------
        >>> MachineConfig().device(slot=3)
        'cpu'
        """
        return f"cuda:{slot % max(1, torch.cuda.device_count())}" if self.accelerator == "gpu" else "cpu"


ONE_CORE = MachineConfig()
