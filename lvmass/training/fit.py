"""One fit, from top to bottom: scale, build, train, keep the weights; below it the pieces, in the order of use.

Lightning runs the loop. The people of the test fold are never handed to this module.
"""

import logging
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
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
from torch.utils.data import DataLoader, Sampler, TensorDataset

from lvmass.cohort.covariates import sex_medians
from lvmass.errors import DataError
from lvmass.networks.registry import NETWORKS, build_network
from lvmass.training.augmentation import augment
from lvmass.training.baselines import smearing_factor
from lvmass.training.model import FittedModel
from lvmass.training.settings import ONE_CORE, FitConfig, MachineConfig

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
_HARMLESS = (
    ".*does not have many workers.*",
    ".*GPU available but not used.*",
    ".*LeafSpec.*",
    "You defined a `validation_step` but have no `val_dataloader`.*",
    "Checkpoint directory .* exists and is not empty",
    "The given NumPy array is not writable",  # nobody writes to it
)
NOBODY = np.empty(0, np.int64)


def fit_network(
    network: str,
    arguments: dict[str, Any],
    config: FitConfig,
    covariate_names: tuple[str, ...],
    people: tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]],
    training: NDArray[np.int64],
    validation: NDArray[np.int64] = NOBODY,
    *,
    sampling_rate_hz: float,
    seed: int,
    machine: MachineConfig = ONE_CORE,
    start: FittedModel | None = None,
    checkpoints: str | Path | None = None,
    slot: int = 0,
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
    training : ndarray of int
        Rows of ``people`` that are fitted.
    validation : ndarray of int
        Rows that choose the epoch where ``config.keep`` is "best"; otherwise leave nobody out. No other row reaches
        the network.
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
    slot : int
        Number of this fit among those that run at once: on a machine of several GPUs they take them in turn. Without
        meaning where one network is trained on several devices.

    Returns
    -------
    FittedModel
        With the weights that ``config.keep`` says, and a level at which its estimates of the people who were fitted
        have their mean mass. Its history has ``training_loss`` and ``training_mae_g`` of each
        epoch, while augmented, and ``validation_mae_g`` where there are validation people.

    Raises
    ------
    DataError
        If training diverges, a checkpoint is damaged, nobody is there to choose the best epoch, all people have one
        LVM, or a network with a head for each sex is not told sex first.

    Examples
    --------
    >>> beats, size = np.zeros((40, 12, 400), np.float32), np.linspace(1.4, 2.0, 40)[:, None]
    >>> rows, arguments, config = np.arange(40), {"channels": 4}, FitConfig(epochs=1)
    >>> people = (beats, size, 60 * size[:, 0])
    >>> model = fit_network(
    ...     "elvmass-net", arguments, config, ("bsa_m2",), people, rows, sampling_rate_hz=500, seed=0
    ... )
    >>> bool(abs(model.predict_g(beats, size) - people[2]).max() < 5)  # it starts at the regression on covariates
    True
    """
    if config.keep == "best" and not len(validation):
        raise DataError(f"Training {network} with keep = 'best' needs people who choose the epoch; add some.")
    if arguments.get("sex_head") and covariate_names[:1] != ("male",):
        raise DataError(f"A head for each sex ({network}) needs sex as first covariate; list demographics first.")
    inputs, covariates, lvm_g = people
    if len(np.unique(lvm_g[training])) < 2:
        raise DataError(f"All who train {network} have the same LVM, so that nothing can be learnt; add people.")
    torch.set_num_threads(machine.threads)
    torch.manual_seed(seed)
    if start is None:
        arguments = NETWORKS[network].arguments | arguments  # a saved model outlives a change of defaults
        scaling = *_scaling(covariates[training]), float(lvm_g[training].mean()), float(lvm_g[training].std())
        medians = sex_medians(covariates[training], covariate_names)
        model = FittedModel(
            network, arguments, inputs.shape[2], covariate_names, *scaling, weights={}, covariate_medians=medians
        )
        built = build_network(network, 2 * len(covariate_names), inputs.shape[2], **arguments)
    else:
        model, config = start, config.model_copy(update={"learning_rate": config.fine_tune_learning_rate})
        built = start.build().train()
    scaled, z_scores = model.scale_covariates(covariates), (lvm_g - model.target_mean_g) / model.target_sd_g
    straight = getattr(built, "straight", None)
    if start is None and isinstance(straight, nn.Linear):
        _start_from_ridge(straight, scaled[training], z_scores[training])

    def loader(rows: NDArray[np.int64], size: int, **options: Any) -> DataLoader[tuple[Tensor, ...]]:
        return DataLoader(data, sampler=_Batches(rows, size, machine.processes, **options), batch_size=None)

    regression = _Regression(built, model, config, sampling_rate_hz, seed)
    with warnings.catch_warnings():
        for message in _HARMLESS:
            warnings.filterwarnings("ignore", message=message)
        warnings.filterwarnings("ignore", category=FutureWarning, module="lightning.*")
        data = TensorDataset(torch.from_numpy(inputs), scaled, torch.tensor(z_scores, dtype=torch.float32))
        gpu = torch.device(machine.device(slot)).index
        callbacks: list[Any] = []
        if config.keep == "best":
            callbacks.append(EarlyStopping("validation_mae_g", patience=config.patience))
        if checkpoints is not None:
            callbacks.append(ModelCheckpoint(checkpoints, filename="last", enable_version_counter=False))
        trainer = lightning.Trainer(
            max_epochs=config.epochs,
            accelerator=machine.accelerator,
            devices=[gpu] if machine.processes == 1 and gpu is not None else machine.devices,
            num_nodes=machine.num_nodes,
            precision=machine.precision,
            strategy="ddp" if machine.processes > 1 else "auto",
            sync_batchnorm=machine.processes > 1 and machine.accelerator == "gpu",
            deterministic=machine.deterministic,
            use_distributed_sampler=False,  # _Batches does it
            callbacks=callbacks,
            enable_checkpointing=checkpoints is not None,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            gradient_clip_val=1.0,
        )
        interrupted = None if checkpoints is None else _checked(Path(checkpoints) / "last.ckpt")
        size = min(config.batch_size, len(training))  # batch normalization needs a full batch
        batches = loader(training, size, shuffle_seed=seed)
        watched = loader(validation, 256) if len(validation) else None
        try:
            trainer.fit(regression, batches, watched, ckpt_path=interrupted, weights_only=True)
        except FloatingPointError as error:
            if checkpoints is not None:
                shutil.rmtree(checkpoints, ignore_errors=True)
            told = "lower its learning_rate in the study file"
            raise DataError(f"Training {network} diverged: {error}; {told}.") from error
        if checkpoints is not None and trainer.is_global_zero:
            shutil.rmtree(checkpoints, ignore_errors=True)
    kept = regression.best_weights or regression.network.state_dict()
    weights = {name: value.cpu().numpy() for name, value in kept.items()}
    fitted = replace(model, weights=weights, history=tuple(regression.history), training_people=len(training))
    return _levelled(fitted, people, np.concatenate([training, validation]), machine.device(slot))


def _levelled(
    model: FittedModel, people: tuple[NDArray[Any], NDArray[Any], NDArray[Any]], rows: NDArray[np.int64], device: str
) -> FittedModel:
    """Take the estimates to the mean of the people fitted, by `smearing_factor`: losses aim at other places."""
    inputs, covariates, lvm_g = people
    parts = np.array_split(rows, -(-len(rows) // 4096))  # the inputs may be larger than memory
    estimated_g = np.concatenate([model.predict_g(inputs[part], covariates[part], device) for part in parts])
    if not estimated_g.sum() > 0:  # the fit has gone astray: no factor mends it
        return model
    factor = smearing_factor(lvm_g[rows], estimated_g)
    return replace(model, target_mean_g=factor * model.target_mean_g, target_sd_g=factor * model.target_sd_g)


def _scaling(covariates: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and SD of each covariate of the training people."""
    with warnings.catch_warnings():  # a covariate that nobody has is flagged as missing, no cause for a warning
        warnings.simplefilter("ignore", RuntimeWarning)
        mean = np.nan_to_num(np.nanmean(covariates, axis=0))
        sd = np.nan_to_num(np.nanstd(covariates, axis=0))
    sd[sd < 1e-9] = 1.0  # a constant, such as sex in a sex-specific model
    return mean, sd


def _start_from_ridge(layer: nn.Linear, covariates: Tensor, z_scores: NDArray[np.float64]) -> None:
    """Set a layer on the scaled covariates ``(n, covariate)`` to the ridge regression of z-scored LVM.

    The network then starts at what covariates alone can say, and learns from the waveform what they cannot.
    """
    ridge = RidgeCV(alphas=np.logspace(-1, 4, 21)).fit(covariates.numpy(), z_scores)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(ridge.coef_[None]))
        layer.bias.fill_(float(ridge.intercept_))


class _Batches(Sampler[list[int]]):
    """Batches of one process among ``processes``; together they are the batches of a single process.

    The order of an epoch follows from the seed and the epoch alone, so that a fit that goes on from a checkpoint
    sees the same batches as one that was never stopped; the last batch is left out unless it is full. Without a seed
    people come in order, and all of them.
    """

    def __init__(self, rows: NDArray[np.int64], size: int, processes: int, shuffle_seed: int | None = None) -> None:
        self.rows, self.size, self.processes, self.shuffle_seed = rows, size, processes, shuffle_seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.rows) // self.size) if self.shuffle_seed is None else len(self.rows) // self.size

    def __iter__(self) -> Iterator[list[int]]:
        """Rows of this process's people, batch by batch."""
        rows = self.rows
        if self.shuffle_seed is not None:
            rows = np.random.default_rng((self.shuffle_seed, self.epoch)).permutation(rows)
        process = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
        for start in range(0, len(self) * self.size, self.size):
            yield rows[start : start + self.size][process :: self.processes].tolist()


class _Regression(lightning.LightningModule):
    """The steps of training, as Lightning wants them: augment, estimate, compare.

    ``history`` has one entry an epoch; ``best_weights`` are those of the best epoch, where they are to be kept.
    """

    def __init__(
        self, network: nn.Module, model: FittedModel, config: FitConfig, sampling_rate_hz: float, seed: int
    ) -> None:
        super().__init__()
        self.network, self.model, self.config = network, model, config
        self.sampling_rate_hz, self.seed = sampling_rate_hz, seed
        self.history: list[dict[str, float]] = []
        self.best_weights: dict[str, Tensor] = {}
        self._losses: list[Tensor] = []
        self._errors: dict[str, list[Tensor]] = {"training": [], "validation": []}

    def configure_optimizers(self) -> Any:
        """AdamW and its schedule."""
        config = self.config
        optimizer = torch.optim.AdamW(
            self.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=self.trainer.precision == "32-true",  # faster, but Lightning cannot clip it in mixed precision
        )
        if config.schedule == "plateau":
            plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer, factor=config.plateau_factor, patience=config.plateau_epochs
            )
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plateau, "monitor": "validation_mae_g"}}
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, config.learning_rate, total_steps=int(self.trainer.estimated_stepping_batches)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_start(self) -> None:
        """Stop at once where a fit had stopped early just before it was killed."""
        for stopping in self.trainer.early_stopping_callbacks:
            self.trainer.should_stop |= stopping is not None and stopping.wait_count >= stopping.patience

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Give each step and process its own random numbers, whether or not the fit was stopped before it."""
        torch.manual_seed(self.seed + 1_000_003 * self.global_step + 7919 * self.global_rank)

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        """Loss of one batch."""
        inputs, covariates, truth = batch
        sex = [column for column, name in enumerate(self.model.covariates) if name == "male"]
        estimate = self.network(*augment(inputs, covariates, self.config, self.sampling_rate_hz, known=sex))
        loss = LOSSES[self.config.loss](estimate, truth)
        self._losses.append(loss.detach())
        self._errors["training"].append((estimate.detach() - truth).abs())
        return loss

    def validation_step(self, batch: list[Tensor], _: int) -> None:
        """Absolute errors of one batch, in z-scores."""
        inputs, covariates, truth = batch
        self._errors["validation"].append((self.network(inputs, covariates) - truth).abs())

    def on_train_epoch_end(self) -> None:
        """Add the epoch to the learning curve; raise FloatingPointError once training has diverged."""
        epoch = {"training_loss": float(torch.stack(self._losses).mean())}
        epoch |= {f"{part}_mae_g": self._mae_g(errors) for part, errors in self._errors.items() if errors}
        state = self.network.state_dict()
        if not np.isfinite([*epoch.values()]).all() or not all(value.isfinite().all() for value in state.values()):
            raise FloatingPointError("the loss is no longer a finite number")
        if self.config.keep == "best":
            mae_g = epoch["validation_mae_g"]
            self.log("validation_mae_g", mae_g, rank_zero_only=False)
            if all(mae_g < earlier["validation_mae_g"] for earlier in self.history):
                self.best_weights = {name: value.clone() for name, value in state.items()}
        self.history.append(epoch)
        for gathered in (self._losses, *self._errors.values()):
            gathered.clear()

    def _mae_g(self, errors: list[Tensor]) -> float:
        """Mean over people and processes."""
        together = torch.cat(errors).double()
        sums = torch.stack([together.sum(), torch.ones_like(together).sum()])
        total, n = self.trainer.strategy.reduce(sums, reduce_op="sum")
        return float(total / n) * self.model.target_sd_g

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the learning curve and the best epoch."""
        checkpoint |= {"history": self.history, "best_weights": self.best_weights}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with them."""
        self.history, self.best_weights = list(checkpoint["history"]), dict(checkpoint["best_weights"])


def _log_cosh(estimate: Tensor, truth: Tensor) -> Tensor:
    """Mean log-cosh of the errors, in a form that cannot overflow."""
    error = (estimate - truth).abs()
    return (error + nn.functional.softplus(-2 * error) - np.log(2.0)).mean()


def _asymmetric(estimate: Tensor, truth: Tensor) -> Tensor:
    """LVM-AI's asymmetric loss on z-scores (study facts 2.3, after broadinstitute/ml4h).

    ``40 (y-2)+ (y-p)+ (y-p)^2 + 20 (y-1)+ (y-p)+ (y-p)^2 + 5 (y-1)+ (p-y)+ (y-p)^2 + logcosh(y, p)``.
    """
    under, over = torch.relu(truth - estimate), torch.relu(estimate - truth)
    large, very_large = torch.relu(truth - 1), torch.relu(truth - 2)
    weight = 40 * very_large * under + 20 * large * under + 5 * large * over
    return (weight * (truth - estimate) ** 2).mean() + _log_cosh(estimate, truth)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "huber": nn.functional.huber_loss,
    "log-cosh": _log_cosh,
    "asymmetric": _asymmetric,
}
"""Losses of a batch: estimates and true values, z-scored LVM of shape ``(batch,)``, to one number."""


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
