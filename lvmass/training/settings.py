"""How a network is trained and on what machine: the settings that a study file may give."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class FitConfig(BaseModel):
    """How one network is trained; each model of a study file may have its own.

    Notes
    -----
    None of these values is published for eLVMass-Net (study facts 1.3); they are ours, from
    ``benchmarks/accuracy_tuning.py``. On a few hundred people the inner split is small, and the epoch that looks best
    there is partly luck: the last epoch of a one-cycle schedule, whose learning rate has come down to nothing, does
    better.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    epochs: int = Field(15, ge=1, description="epochs, with early stopping at most")
    patience: int = Field(15, ge=1, description='epochs without a better validation MAE before keep = "best" stops')
    keep: Literal["last", "best"] = Field(
        "last", description="weights of the last epoch, or of the best on the inner split, with early stopping"
    )
    batch_size: int = Field(32, ge=2, description="people in each step")
    learning_rate: float = Field(1.4e-3, gt=0, description='learning rate of AdamW; with "one-cycle" its peak')
    schedule: Literal["one-cycle", "plateau"] = Field(
        "one-cycle", description="learning rate up and down once, or lowered when the validation MAE gets no better"
    )
    plateau_epochs: int = Field(8, ge=1, description='epochs without a better one before "plateau" lowers')
    plateau_factor: float = Field(0.5, gt=0, lt=1, description='factor by which "plateau" lowers the learning rate')
    fine_tune_learning_rate: float = Field(3e-4, gt=0, description="learning rate when going on from a pooled network")
    weight_decay: float = Field(0.1, ge=0, description="weight decay of AdamW")
    loss: Literal["huber", "log-cosh", "asymmetric"] = Field(
        "log-cosh", description='loss of z-scored LVM; "asymmetric", LVM-AI\'s, punishes underestimating large hearts'
    )
    validation_fraction: float = Field(
        0.15, gt=0, lt=0.5, description='training people by whom keep = "best" chooses, as a share'
    )
    shift_ms: float = Field(8.0, ge=0, description="augmentation: largest shift in time, ms")
    noise_mv: float = Field(0.01, ge=0, description="augmentation: SD of added noise, mV")
    electrode_shift: float = Field(
        0.1, ge=0, le=0.5, description="augmentation: SD of a chest electrode's shift, in distances to the next"
    )
    chest_voltage_cv: float = Field(
        0.1, ge=0, le=0.2, description="augmentation: CV of chest voltages; from day to day it is 0.2, no more"
    )
    covariate_dropout: float = Field(0.02, ge=0, lt=1, description="augmentation: chance to mask a covariate")

    @model_validator(mode="after")
    def _plateau_has_people_to_watch(self) -> "FitConfig":
        if self.schedule == "plateau" and self.keep != "best":
            raise ValueError("schedule = 'plateau' follows the validation MAE and needs keep = 'best'")
        return self


class MachineConfig(BaseModel):
    """What a fit runs on; each of these settings can change the last digits of a result."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    accelerator: Literal["cpu", "gpu"] = Field("cpu", description="processor of a fit")
    devices: int = Field(1, ge=1, description="GPUs, or processes on a CPU, that train one network")
    num_nodes: int = Field(1, ge=1, description="machines that train one network")
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = Field("32-true", description="arithmetic")
    threads: int = Field(1, ge=1, description="threads of one fit on a CPU")
    deterministic: bool = Field(False, description="refuse GPU operations that differ from run to run")

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
        if self.accelerator == "cpu":
            return "cpu"
        import torch  # a study file is read without it

        return f"cuda:{slot % max(1, torch.cuda.device_count())}"


ONE_CORE = MachineConfig()
