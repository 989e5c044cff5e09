"""A fitted network with everything it needs to answer in grams, and the folder it is saved in.

A saved model is ``model.safetensors`` (weights) and ``model.json`` (all the rest). Nothing is unpickled.
"""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from lvmass.cohort.covariates import impute
from lvmass.errors import DataError
from lvmass.files import whole_file
from lvmass.networks.registry import build_network

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS_FILE, CARD_FILE = "model.safetensors", "model.json"
MAX_BATCH = 256


@dataclass(frozen=True, eq=False)
class FittedModel:
    """One trained network.

    Parameters
    ----------
    network : str
        Name in ``lvmass.networks.NETWORKS``.
    arguments : dict
        Its arguments.
    n_samples : int
        Samples of its input (beat or signal).
    covariates : tuple of str
        Names of the covariate columns, in order.
    covariate_mean, covariate_sd : ndarray, shape (n_covariates,)
        From the training people.
    target_mean_g, target_sd_g : float
        LVM of the training people, both times the factor that takes estimates to their mean.
    weights : dict of str to ndarray
        State of the network.
    training_people : int
        How many were fitted.
    history : tuple of dict
        One row an epoch: ``training_loss``, ``training_mae_g`` and, where people chose the epoch, ``validation_mae_g``.
    covariate_medians : ndarray, shape (2, n_covariates), or None
        Of the training women and men, see `lvmass.cohort.covariates.sex_medians`: they stand for a missing value, whose
        flag is raised. None, as in models saved by earlier versions, takes the mean.
    """

    network: str
    arguments: dict[str, Any]
    n_samples: int
    covariates: tuple[str, ...]
    covariate_mean: NDArray[np.float64]
    covariate_sd: NDArray[np.float64]
    target_mean_g: float
    target_sd_g: float
    weights: dict[str, NDArray[Any]]
    training_people: int = 0
    history: tuple[dict[str, float], ...] = ()
    covariate_medians: NDArray[np.float64] | None = None

    def build(self) -> "nn.Module":
        """Build the network with its weights, ready for inference."""
        import torch  # here and below: reading finished results needs none

        network = build_network(self.network, 2 * len(self.covariates), self.n_samples, **self.arguments)
        # a copy, because the cache hands out read-only arrays
        network.load_state_dict({name: torch.tensor(value) for name, value in self.weights.items()})
        return network.eval()

    def scale_covariates(self, covariates: ArrayLike) -> "Tensor":
        """Turn raw covariates ``(n, covariate)`` into z-scores and missing flags ``(n, 2 * covariate)``."""
        import torch

        values, mean = np.asarray(covariates, dtype=float), self.covariate_mean
        missing = np.isnan(values)
        medians = np.stack([mean, mean]) if self.covariate_medians is None else self.covariate_medians
        z_scores = (impute(values, self.covariates, medians) - mean) / self.covariate_sd
        return torch.tensor(np.concatenate([z_scores, missing], axis=1), dtype=torch.float32)

    def predict_g(self, inputs: ArrayLike, covariates: ArrayLike, device: str = "cpu") -> NDArray[np.float64]:
        """Estimate LVM.

        Parameters
        ----------
        inputs : array_like of float32, shape (n, 12, n_samples)
            Beats or signals in millivolt.
        covariates : array_like, shape (n, n_covariates)
            Raw values in the order of ``covariates``; NaN where missing.
        device : str
            Where torch computes.

        Returns
        -------
        ndarray, shape (n,)
            LVM in grams.
        """
        import torch

        network = self.build().to(device)
        inputs, scaled = np.asarray(inputs, np.float32), self.scale_covariates(covariates)
        estimates = []
        with torch.inference_mode():
            for start in range(0, len(inputs), MAX_BATCH):
                part = slice(start, start + MAX_BATCH)
                batch = torch.tensor(inputs[part]).to(device)
                estimates.append(network(batch, scaled[part].to(device)).double().cpu().numpy())
        z_scores = np.concatenate(estimates) if estimates else np.empty(0)
        return self.target_mean_g + self.target_sd_g * z_scores

    @property
    def n_parameters(self) -> int:
        """Trainable parameters."""
        return sum(p.numel() for p in self.build().parameters())


def save_model(model: FittedModel, folder: str | Path, card: dict[str, Any]) -> None:
    """Write a model as a folder.

    Parameters
    ----------
    model : FittedModel
        What to save.
    folder : path
        Created if absent.
    card : dict
        What else ``model.json`` should hold: lead order, beat window, cut-offs, interval quantiles, provenance.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = save({name: np.ascontiguousarray(value) for name, value in model.weights.items()})
    own = {f.name: getattr(model, f.name) for f in fields(model) if f.name not in ("weights", "history")}
    text = json.dumps(own | {"target_unit": "g"} | card, indent=2, default=np.ndarray.tolist) + "\n"
    contents = {WEIGHTS_FILE: weights, CARD_FILE: text.encode()}
    for name, content in contents.items():
        with whole_file(folder / name, "wb") as file:
            file.write(content)


def load_model(folder: str | Path) -> tuple[FittedModel, dict[str, Any]]:
    """Read a model's folder.

    Parameters
    ----------
    folder : path
        Holds ``model.safetensors`` and ``model.json``.

    Returns
    -------
    model : FittedModel
    card : dict
        The whole of ``model.json``.

    Raises
    ------
    DataError
        If a file is missing or is not what it should be.
    """
    folder = Path(folder)
    try:
        card = json.loads((folder / CARD_FILE).read_text())
        covariates, medians = tuple(card["covariates"]), card.get("covariate_medians")
        model = FittedModel(
            network=card["network"],
            arguments={k: tuple(v) if isinstance(v, list) else v for k, v in dict(card["arguments"]).items()},
            n_samples=int(card["n_samples"]),
            covariates=covariates,
            covariate_mean=np.array(card["covariate_mean"], dtype=float).reshape(len(covariates)),
            covariate_sd=np.array(card["covariate_sd"], dtype=float).reshape(len(covariates)),
            target_mean_g=float(card["target_mean_g"]),
            target_sd_g=float(card["target_sd_g"]),
            weights=load_file(folder / WEIGHTS_FILE),
            training_people=int(card["training_people"]),
            covariate_medians=None if medians is None else np.array(medians, dtype=float).reshape(2, len(covariates)),
        )
        model.build()
    except (OSError, KeyError, TypeError, ValueError, ArithmeticError, RuntimeError, SafetensorError) as error:
        reason = f"'{error.args[0]}' is missing from {CARD_FILE}" if isinstance(error, KeyError) else str(error)
        told = f"{folder}: not a saved model ({reason.splitlines()[0]})"
        raise DataError(f"{told}; give a folder that 'lvmass run --save-model' wrote.") from error
    return model, card
