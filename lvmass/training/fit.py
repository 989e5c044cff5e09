"""One fit: scale, train with early stopping on an inner split, return the best network.

Lightning runs the loop. The people of the test fold are never handed to this module.
"""

import logging
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from torch import Tensor, nn
from torch.utils.data import DataLoader

from lvmass.errors import DataError
from lvmass.networks.registry import build_network, default_arguments
from lvmass.networks.tcn import in_time_layout
from lvmass.training.batches import Batches, PeopleInBatches
from lvmass.training.model import FittedModel, scale_covariates
from lvmass.training.regression import Regression
from lvmass.training.settings import ONE_CORE, FitConfig, MachineConfig

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


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
    people: tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]],
    training: NDArray[np.int64],
    validation: NDArray[np.int64],
    *,
    sampling_rate_hz: float,
    seed: int,
    machine: MachineConfig = ONE_CORE,
    start: FittedModel | None = None,
    checkpoints: str | Path | None = None,
) -> FittedModel:
    """Train one network.

    Parameters
    ----------
    network, arguments
        Which network, see ``lvmass.networks.build_network``.
    config : FitConfig
        How to train it.
    covariate_names : tuple of str
        Columns of the covariate matrix.
    people : tuple of (inputs, covariates, lvm_g)
        Shapes ``(n, 12, n_samples)`` in mV, ``(n, n_covariates)`` raw with NaN where missing, ``(n,)`` in grams. The
        inputs may be memory-mapped: they are read a batch at a time.
    training, validation : ndarray of int
        Rows of ``people`` that are fitted, and those that serve early stopping and the learning curve only. No other
        row is read.
    sampling_rate_hz : float
        Of the inputs.
    seed : int
        The same seed on the same machine settings gives the same model.
    machine : MachineConfig
        With several processes, each takes its share of every batch and their gradients are averaged.
    start : FittedModel, optional
        Go on from this model, with its scaling, at ``fine_tune_learning_rate``.
    checkpoints : path, optional
        Folder that keeps the state after each epoch, so that a killed fit goes on from there. Removed at the end.

    Returns
    -------
    FittedModel
        With the weights that ``config.keep`` says.

    Raises
    ------
    DataError
        If training diverges, or a checkpoint is damaged.
    """
    inputs, covariates, lvm_g = people
    scaling = _Scaling.of(covariates[training], lvm_g[training]) if start is None else _Scaling.like(start)

    def loader(rows: NDArray[np.int64], size: int, **options: Any) -> DataLoader[list[Tensor]]:
        scaled = scale_covariates(covariates[rows], scaling.covariate_mean, scaling.covariate_sd)
        z_scores = torch.tensor((lvm_g[rows] - scaling.target_mean_g) / scaling.target_sd_g, dtype=torch.float32)
        batches = Batches(len(rows), size, processes=machine.processes, **options)
        return DataLoader(PeopleInBatches(inputs, rows, scaled, z_scores), sampler=batches, batch_size=None)

    torch.set_num_threads(machine.threads)
    torch.manual_seed(seed)
    built = in_time_layout(build_network(network, 2 * len(covariate_names), inputs.shape[2], **arguments))
    straight = getattr(built, "straight", None)
    if start is not None:
        built.load_state_dict({name: torch.tensor(value) for name, value in start.weights.items()})
    elif isinstance(straight, nn.Linear):
        scaled = scale_covariates(covariates[training], scaling.covariate_mean, scaling.covariate_sd)
        start_from_ridge(straight, scaled, lvm_g[training])
    rate = config.learning_rate if start is None else config.fine_tune_learning_rate
    module = Regression(built, config, scaling.target_sd_g, sampling_rate_hz, seed, rate)
    size = min(config.batch_size, len(training))  # batch normalization needs a full batch
    with tempfile.TemporaryDirectory() as temporary, warnings.catch_warnings():
        for message in (".*does not have many workers.*", ".*GPU available but not used.*", ".*LeafSpec.*"):
            warnings.filterwarnings("ignore", message=message)
        warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
        warnings.filterwarnings("ignore", category=FutureWarning, module="lightning.*")
        folder = Path(checkpoints or temporary)
        early = EarlyStopping("validation_mae_g", patience=config.patience)
        best = ModelCheckpoint(folder, filename="best", monitor="validation_mae_g", enable_version_counter=False)
        newest = ModelCheckpoint(folder, filename="last", enable_version_counter=False)  # knows the best so far
        trainer = lightning.Trainer(
            max_epochs=config.epochs,
            accelerator=machine.accelerator,
            devices=machine.devices,
            num_nodes=machine.num_nodes,
            precision=machine.precision,
            strategy="ddp" if machine.processes > 1 else "auto",
            sync_batchnorm=machine.processes > 1 and machine.accelerator == "gpu",
            deterministic=machine.deterministic,
            use_distributed_sampler=False,  # Batches does it
            callbacks=[*([early] if config.keep == "best" else []), best, newest],
            default_root_dir=temporary,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            gradient_clip_val=1.0,
        )
        stopped = _checked(folder / "last.ckpt")
        batches = loader(training, size, shuffle_seed=seed, drop_last=True)
        try:
            trainer.fit(module, batches, loader(validation, 256), ckpt_path=stopped, weights_only=True)
        except FloatingPointError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise DataError(
                f"Training {network} diverged: {error}; lower its learning_rate in the study file."
            ) from error
        kept = best if config.keep == "best" else newest
        weights = torch.load(kept.best_model_path, map_location="cpu", weights_only=True)["state_dict"]
        trainer.strategy.barrier()  # every process has read the best weights
        if checkpoints is not None and trainer.is_global_zero:
            shutil.rmtree(folder, ignore_errors=True)
    return FittedModel(
        network=network,
        arguments=default_arguments(network) | arguments,  # a saved model outlives a change of defaults
        n_samples=inputs.shape[2],
        covariates=covariate_names,
        covariate_mean=scaling.covariate_mean,
        covariate_sd=scaling.covariate_sd,
        target_mean_g=scaling.target_mean_g,
        target_sd_g=scaling.target_sd_g,
        weights={name.removeprefix("network."): value.numpy() for name, value in weights.items()},
        history=tuple(module.history),
    )


def _checked(checkpoint: Path) -> Path | None:
    """Return the state of an interrupted fit if there is one and it can be read."""
    if not checkpoint.exists():
        return None
    try:
        torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (RuntimeError, UnpicklingError, EOFError, KeyError) as error:
        raise DataError(
            f"{checkpoint}: the state of an interrupted fit cannot be read; delete this file and run again."
        ) from error
    return checkpoint


@dataclass(frozen=True, eq=False)
class _Scaling:
    """Means and SDs of the training people."""

    covariate_mean: NDArray[np.float64]
    covariate_sd: NDArray[np.float64]
    target_mean_g: float
    target_sd_g: float

    @classmethod
    def of(cls, covariates: NDArray[np.float64], lvm_g: NDArray[np.float64]) -> "_Scaling":
        with warnings.catch_warnings():  # a covariate that nobody has is flagged as missing, no cause for a warning
            warnings.simplefilter("ignore", RuntimeWarning)
            mean = np.nan_to_num(np.nanmean(covariates, axis=0))
            sd = np.nan_to_num(np.nanstd(covariates, axis=0))
        sd[sd < 1e-9] = 1.0  # a constant, such as sex in a sex-specific model
        return cls(mean, sd, float(lvm_g.mean()), float(lvm_g.std()))

    @classmethod
    def like(cls, model: FittedModel) -> "_Scaling":
        return cls(model.covariate_mean, model.covariate_sd, model.target_mean_g, model.target_sd_g)
