"""One fit: scale, train with early stopping on an inner split, return the best network.

Lightning runs the loop. The people of the test fold are never handed to this module.
"""

import logging
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from sklearn.linear_model import RidgeCV
from torch import Tensor, nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, TensorDataset

from lvmass.errors import DataError
from lvmass.model import FittedModel, scale_covariates
from lvmass.networks.registry import build_network
from lvmass.networks.tcn import in_time_layout

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class FitConfig(BaseModel):
    """How one network is trained; every field may be set per model in the study file.

    Notes
    -----
    None of these values is published for eLVMass-Net (study facts 1.3); they are ours.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: Annotated[int, Field(ge=1, description="most epochs")] = 60
    patience: Annotated[int, Field(ge=1, description="epochs without a better validation MAE before stopping")] = 15
    batch_size: Annotated[int, Field(ge=2, description="people a step")] = 32
    learning_rate: Annotated[float, Field(gt=0, description="peak of the one-cycle schedule, AdamW")] = 2e-3
    weight_decay: Annotated[float, Field(ge=0, description="AdamW")] = 1e-2
    loss: Annotated[
        Literal["huber", "log-cosh", "asymmetric"],
        Field(description="on z-scored LVM; 'asymmetric' is LVM-AI's, which punishes underestimating large hearts"),
    ] = "huber"
    validation_fraction: Annotated[
        float, Field(gt=0, lt=0.5, description="share of the training people held back for early stopping")
    ] = 0.15
    shift_ms: Annotated[float, Field(ge=0, description="augmentation: largest shift in time, ms")] = 8.0
    noise_mv: Annotated[float, Field(ge=0, description="augmentation: SD of added noise, mV")] = 0.01
    covariate_dropout: Annotated[
        float, Field(ge=0, lt=1, description="augmentation: chance that a covariate is masked as missing")
    ] = 0.02


def log_cosh(error: Tensor) -> Tensor:
    """Mean log-cosh, in a form that cannot overflow."""
    return (error.abs() + nn.functional.softplus(-2 * error.abs()) - np.log(2.0)).mean()


def asymmetric_loss(estimate: Tensor, truth: Tensor) -> Tensor:
    """LVM-AI's asymmetric loss on z-scores (study facts 2.3, after broadinstitute/ml4h).

    ``40 (y-2)+ (y-p)+ (y-p)^2 + 20 (y-1)+ (y-p)+ (y-p)^2 + 5 (y-1)+ (p-y)+ (y-p)^2 + logcosh(y, p)``.

    Examples
    --------
    >>> float(asymmetric_loss(torch.tensor([0.0]), torch.tensor([0.0])))
    0.0
    """
    under, over = torch.relu(truth - estimate), torch.relu(estimate - truth)
    large, very_large = torch.relu(truth - 1), torch.relu(truth - 2)
    weight = 40 * very_large * under + 20 * large * under + 5 * large * over
    return (weight * (truth - estimate) ** 2).mean() + log_cosh(truth - estimate)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "huber": nn.functional.huber_loss,
    "log-cosh": lambda estimate, truth: log_cosh(estimate - truth),
    "asymmetric": asymmetric_loss,
}


class _Regression(lightning.LightningModule):
    """The training step: augment, estimate, compare."""

    def __init__(self, network: nn.Module, config: FitConfig, target_sd_g: float, sampling_rate_hz: float) -> None:
        super().__init__()
        self.network, self.config, self.target_sd_g = network, config, target_sd_g
        self.max_shift = round(config.shift_ms * sampling_rate_hz / 1000)
        self.history: list[dict[str, float]] = []
        self._losses: list[float] = []

    def augment(self, inputs: Tensor, covariates: Tensor) -> tuple[Tensor, Tensor]:
        """Shift in time, add noise, mask covariates; voltage itself is never rescaled."""
        if self.max_shift:
            shift = torch.randint(-self.max_shift, self.max_shift + 1, (len(inputs), 1), device=inputs.device)
            n = inputs.shape[2]
            index = (torch.arange(n, device=inputs.device) + shift).clamp(0, n - 1)  # (batch, time)
            inputs = inputs.gather(2, index.unsqueeze(1).expand_as(inputs))
        if self.config.noise_mv:
            inputs = inputs + self.config.noise_mv * torch.randn_like(inputs)
        if self.config.covariate_dropout and covariates.shape[1]:
            values, missing = covariates.chunk(2, dim=1)
            masked = torch.rand_like(values) < self.config.covariate_dropout
            covariates = torch.cat([values.masked_fill(masked, 0.0), missing.masked_fill(masked, 1.0)], dim=1)
        return inputs, covariates

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        inputs, covariates, truth = batch
        loss = LOSSES[self.config.loss](self.network(*self.augment(inputs, covariates)), truth)
        self._losses.append(float(loss.detach()))
        return loss

    def validation_step(self, batch: list[Tensor], _: int) -> None:
        inputs, covariates, truth = batch
        error_g = (self.network(inputs, covariates) - truth).abs().mean() * self.target_sd_g
        self.log("validation_mae_g", error_g, on_epoch=True, batch_size=len(truth))

    def on_validation_epoch_end(self) -> None:
        mae_g = float(self.trainer.callback_metrics["validation_mae_g"])
        if not np.isfinite(mae_g):
            raise FloatingPointError("the loss is no longer a finite number")
        self.history.append({"training_loss": float(np.mean(self._losses)), "validation_mae_g": mae_g})
        self._losses.clear()

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(
            self.parameters(), lr=self.config.learning_rate, weight_decay=self.config.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.config.learning_rate, total_steps=int(self.trainer.estimated_stepping_batches)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def start_from_ridge(layer: nn.Linear, covariates: Tensor, lvm_g: NDArray[np.float64]) -> None:
    """Set a layer on the scaled covariates ``(n, covariate)`` to the ridge regression of z-scored LVM.

    The network then starts at what covariates alone can say, and learns from the waveform what they cannot.
    """
    z_scores = (lvm_g - lvm_g.mean()) / lvm_g.std()
    ridge = RidgeCV(alphas=np.logspace(-1, 4, 21)).fit(covariates.numpy(), z_scores)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(ridge.coef_[None]))
        layer.bias.fill_(float(ridge.intercept_))


def fit_network(
    network: str,
    arguments: dict[str, Any],
    config: FitConfig,
    covariate_names: tuple[str, ...],
    training: tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]],
    validation: tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]],
    *,
    sampling_rate_hz: float,
    seed: int,
    threads: int = 1,
) -> FittedModel:
    """Train one network.

    Parameters
    ----------
    network, arguments
        Which network, see ``lvmass.networks.build_network``.
    config : FitConfig
        How to train it.
    covariate_names : tuple of str
        Columns of the covariate matrices.
    training, validation : tuple of (inputs, covariates, lvm_g)
        Shapes ``(n, 12, n_samples)`` in mV, ``(n, n_covariates)`` raw with NaN where missing, ``(n,)`` in grams.
        Scaling comes from the training people; validation serves early stopping only.
    sampling_rate_hz : float
        Of the inputs.
    seed, threads : int
        The same seed and thread count give the same model.

    Returns
    -------
    FittedModel
        With the weights of the epoch that had the lowest validation MAE.

    Raises
    ------
    DataError
        If training diverges.
    """
    inputs, covariates, lvm_g = training
    with (
        warnings.catch_warnings()
    ):  # a covariate that nobody has is flagged as missing, which is no cause for a warning
        warnings.simplefilter("ignore", RuntimeWarning)
        covariate_mean = np.nan_to_num(np.nanmean(covariates, axis=0))
        covariate_sd = np.nan_to_num(np.nanstd(covariates, axis=0))
    covariate_sd[covariate_sd < 1e-9] = 1.0  # a constant, such as sex in a sex-specific model
    target_mean_g, target_sd_g = float(lvm_g.mean()), float(lvm_g.std())

    def dataset(part: tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]) -> TensorDataset:
        z_scores = torch.tensor((part[2] - target_mean_g) / target_sd_g, dtype=torch.float32)
        return TensorDataset(torch.tensor(part[0]), scale_covariates(part[1], covariate_mean, covariate_sd), z_scores)

    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    built = in_time_layout(build_network(network, 2 * len(covariate_names), inputs.shape[2], **arguments))
    straight = getattr(built, "straight", None)
    if isinstance(straight, nn.Linear):
        start_from_ridge(straight, scale_covariates(covariates, covariate_mean, covariate_sd), lvm_g)
    module = _Regression(built, config, target_sd_g, sampling_rate_hz)
    train_set, validation_set = dataset(training), dataset(validation)
    batch_size = min(config.batch_size, len(train_set))  # batch normalization needs a full batch
    shuffled = RandomSampler(train_set, generator=torch.Generator().manual_seed(seed))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*GPU available but not used.*")
        warnings.filterwarnings("ignore", category=FutureWarning, module="lightning.*")
        warnings.filterwarnings("ignore", message=".*LeafSpec.*")
        checkpoint = ModelCheckpoint(folder, monitor="validation_mae_g", save_weights_only=True)
        trainer = lightning.Trainer(
            max_epochs=config.epochs,
            accelerator="cpu",
            callbacks=[EarlyStopping("validation_mae_g", patience=config.patience), checkpoint],
            default_root_dir=folder,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            gradient_clip_val=1.0,
        )
        try:
            trainer.fit(
                module,
                DataLoader(train_set, sampler=BatchSampler(shuffled, batch_size, drop_last=True), batch_size=None),
                DataLoader(
                    validation_set, sampler=BatchSampler(SequentialSampler(validation_set), 256, False), batch_size=None
                ),
            )
        except FloatingPointError as error:
            raise DataError(
                f"Training {network} diverged: {error}; lower its learning_rate in the study file."
            ) from error
        best = torch.load(Path(checkpoint.best_model_path), weights_only=True)["state_dict"]
    return FittedModel(
        network=network,
        arguments=arguments,
        n_samples=inputs.shape[2],
        covariates=covariate_names,
        covariate_mean=covariate_mean,
        covariate_sd=covariate_sd,
        target_mean_g=target_mean_g,
        target_sd_g=target_sd_g,
        weights={name.removeprefix("network."): value.numpy() for name, value in best.items()},
        history=tuple(module.history),
    )
