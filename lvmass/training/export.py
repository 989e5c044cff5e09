"""A saved model as ONNX, for whoever runs it without Python or torch."""

import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lvmass.cohort.covariates import covariate_matrix
from lvmass.cohort.preprocessing import preprocess
from lvmass.cohort.simulation import simulate_cohort
from lvmass.errors import DataError
from lvmass.training.card import load_card
from lvmass.training.model import CARD_FILE, FittedModel

if TYPE_CHECKING:
    from torch import Tensor, nn

ONNX_FILE = "model.onnx"
TOLERANCE_G = 1e-4
"""How far ONNX and torch may differ."""


def export_onnx(model_folder: str | Path, folder: str | Path) -> float:
    """Write ``model.onnx`` and a copy of ``model.json``, after both have estimated the same people.

    Inputs are ``beat_mv``, float32 of shape (n, 12, n_samples) in the leads and window of ``model.json``, and
    ``covariates``, float64 of shape (n, n_covariates) in the order there: raw values, NaN where one is missing. The
    output ``lvm_g``, float64 of shape (n,), is in grams.

    Parameters
    ----------
    model_folder : path
        A saved model.
    folder : path
        Created if absent.

    Returns
    -------
    float
        Largest difference from torch over a hundred simulated people, some of whose covariates are missing, in grams.

    Raises
    ------
    DataError
        If the packages for it are missing, or the estimates differ by more than ``TOLERANCE_G``.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  # torch needs it
    except ImportError:
        raise DataError("ONNX needs the packages onnx, onnxscript and onnxruntime; install lvmass[onnx].") from None
    model, card = load_card(model_folder)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    unchecked, card_copy = folder / f".{ONNX_FILE}", folder / f".{CARD_FILE}"
    beats = preprocess(simulate_cohort(100, seed=7), card.beat)
    beat_mv, covariates = np.asarray(beats.waveform_mv), covariate_matrix(beats.people, model.covariates)
    covariates[np.random.default_rng(7).random(covariates.shape) < 0.1] = np.nan
    try:
        _write(model, unchecked)
        session = onnxruntime.InferenceSession(unchecked, providers=["CPUExecutionProvider"])
        (lvm_g,) = session.run(None, {"beat_mv": beat_mv, "covariates": covariates})
        difference_g = float(np.abs(lvm_g - model.predict_g(beat_mv, covariates)).max())
        if not difference_g <= TOLERANCE_G:
            raise DataError(f"{model_folder}: ONNX and torch differ by {difference_g:.2g} g; nothing was written.")
        card_copy.write_bytes((Path(model_folder) / CARD_FILE).read_bytes())
        card_copy.replace(folder / CARD_FILE)  # first: no model without its card
        unchecked.replace(folder / ONNX_FILE)
    finally:
        unchecked.unlink(missing_ok=True)
    return difference_g


def _write(model: FittedModel, path: Path) -> None:
    import torch

    beat, covariates = torch.zeros(2, 12, model.n_samples), torch.zeros(2, len(model.covariates), dtype=torch.float64)
    people = torch.export.Dim("people")
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # torch warns of its own packages
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            _in_grams(model),
            (beat, covariates),
            path,
            input_names=["beat_mv", "covariates"],
            output_names=["lvm_g"],
            dynamic_shapes={"beat_mv": {0: people}, "covariates": {0: people}},
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def _in_grams(model: FittedModel) -> "nn.Module":
    """Build what `FittedModel.predict_g` computes as one module: scaling, network, grams."""
    import torch
    from torch import nn

    mean, sd = torch.tensor(model.covariate_mean), torch.tensor(model.covariate_sd)
    medians = torch.stack([mean, mean]) if model.covariate_medians is None else torch.tensor(model.covariate_medians)
    male = model.covariates.index("male") if "male" in model.covariates else None

    class InGrams(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = model.build()

        def forward(self, beat_mv: "Tensor", covariates: "Tensor") -> "Tensor":
            """Estimate LVM in grams from beats and raw covariates."""
            missing = covariates.isnan()
            of_man = torch.zeros_like(covariates[:, :1]) if male is None else covariates[:, male : male + 1]
            known = torch.where(missing, torch.where(of_man > 0.5, medians[1], medians[0]), covariates)
            scaled = torch.cat([(known - mean) / sd, missing], dim=1)
            return model.target_mean_g + model.target_sd_g * self.network(beat_mv, scaled.float()).double()

    return InGrams().eval()
