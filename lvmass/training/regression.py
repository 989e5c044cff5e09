"""The steps of training: augment, estimate, compare; and the learning rate from step to step."""

from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor, nn

from lvmass.training.augmentation import augment
from lvmass.training.losses import LOSSES
from lvmass.training.settings import FitConfig


class Regression(lightning.LightningModule):
    """One network in training, as Lightning wants it.

    Parameters
    ----------
    network : Module
        ``(batch, 12, time)`` and ``(batch, covariate)`` to ``(batch,)``, z-scored LVM.
    config : FitConfig
        How it is trained.
    target_sd_g : float
        SD of LVM, which turns errors into grams.
    sampling_rate_hz : float
        Of the inputs.
    seed : int
        Of augmentation and dropout.
    rate : float
        Learning rate, or its peak.

    Notes
    -----
    ``history`` has one entry an epoch: ``training_loss`` and ``validation_mae_g``.
    """

    def __init__(
        self, network: nn.Module, config: FitConfig, target_sd_g: float, sampling_rate_hz: float, seed: int, rate: float
    ) -> None:
        super().__init__()
        self.network, self.config, self.target_sd_g = network, config, target_sd_g
        self.sampling_rate_hz, self.seed, self.rate = sampling_rate_hz, seed, rate
        self.history: list[dict[str, float]] = []
        self._losses: list[Tensor] = []
        self._errors: list[Tensor] = []

    def on_train_start(self) -> None:
        """Stop at once where a fit had stopped early just before it was killed."""
        for stopping in self.trainer.early_stopping_callbacks:
            self.trainer.should_stop |= stopping is not None and stopping.wait_count >= stopping.patience

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Give each step and process its own random numbers, whether or not the fit was stopped before it."""
        torch.manual_seed(self.seed + 1_000_003 * self.global_step + 7919 * self.global_rank)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the learning curve."""
        checkpoint["history"] = self.history

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the learning curve."""
        self.history = list(checkpoint["history"])

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        """Loss of one batch."""
        inputs, covariates, truth = batch
        inputs, covariates = augment(inputs, covariates, self.config, self.sampling_rate_hz)
        loss = LOSSES[self.config.loss](self.network(inputs, covariates), truth)
        self._losses.append(loss.detach())
        return loss

    def validation_step(self, batch: list[Tensor], _: int) -> None:
        """Absolute errors of one batch, in z-scores."""
        inputs, covariates, truth = batch
        self._errors.append((self.network(inputs, covariates) - truth).abs())

    def on_validation_epoch_end(self) -> None:
        """Add the epoch to the learning curve; raise FloatingPointError once training has diverged."""
        errors = torch.cat(self._errors).double()
        sums = torch.stack([errors.sum(), torch.ones_like(errors).sum()])
        total, n = self.trainer.strategy.reduce(sums, reduce_op="sum")  # over processes
        mae_g = float(total / n) * self.target_sd_g
        if not np.isfinite(mae_g):
            raise FloatingPointError("the loss is no longer a finite number")
        self.history.append({"training_loss": float(torch.stack(self._losses).mean()), "validation_mae_g": mae_g})
        self.log("validation_mae_g", mae_g, rank_zero_only=False)
        self._losses.clear()
        self._errors.clear()

    def configure_optimizers(self) -> Any:
        """AdamW and its schedule."""
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.rate, weight_decay=self.config.weight_decay)
        if self.config.schedule == "plateau":
            plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer, factor=self.config.plateau_factor, patience=self.config.plateau_epochs
            )
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plateau, "monitor": "validation_mae_g"}}
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.rate, total_steps=int(self.trainer.estimated_stepping_batches)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
