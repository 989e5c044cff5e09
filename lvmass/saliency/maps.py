"""Methods of attribution under one signature, by captum; grams come out.

A method takes a network, what it reads of some people, where to start from, cells of the beat and a number of steps,
and gives z-scores for each sample and each covariate. A new method is one function and its row in `METHODS`.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import DeepLift, FeatureAblation, IntegratedGradients
from captum.attr import Saliency as Gradient
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from lvmass.errors import DataError
from lvmass.training.model import FittedModel

BATCH = 128
"""People at a time: memory does not grow with their number."""
MOST_STEPS, SMOOTH_STEPS = 4096, 512

Pair = tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Attribution:
    """What each sample and each covariate contributes to the estimates of n people.

    Parameters
    ----------
    grams : ndarray of float32, shape (n, 12, n_samples)
        Of each sample, in grams.
    covariate_grams : ndarray, shape (n, n_covariates)
        Of each covariate, in grams.
    difference_g : ndarray, shape (n,)
        Estimate for the person minus estimate at the baseline, grams.
    """

    grams: NDArray[np.float32]
    covariate_grams: NDArray[np.float64]
    difference_g: NDArray[np.float64]

    @property
    def completeness_error_g(self) -> NDArray[np.float64]:
        """By how much the contributions of each person miss the difference that they explain, grams."""
        return self.grams.sum(axis=(1, 2), dtype=np.float64) + self.covariate_grams.sum(axis=1) - self.difference_g


def attribute(
    model: FittedModel,
    inputs: ArrayLike,
    covariates: ArrayLike,
    *,
    method: str = "integrated gradients",
    baseline_mv: ArrayLike = 0.0,
    cells: ArrayLike | None = None,
    steps: int = 32,
    tolerance: float = 0.01,
    only_waveform: bool = False,
) -> Attribution:
    """Attribute estimates of LVM to the samples of the ECG and to the covariates.

    Parameters
    ----------
    model : FittedModel
        A network.
    inputs : array_like of float32, shape (n, 12, n_samples)
        Beats or signals in millivolt.
    covariates : array_like, shape (n, n_covariates)
        Raw; their baseline is the mean of the people who were fitted.
    method : str
        One of `METHODS`.
    baseline_mv : array_like
        Where the waveform starts: a number (0 is a flat ECG), one beat ``(12, n_samples)``, or several
        ``(k, 12, n_samples)`` whose attributions are averaged.
    cells : array_like of int, shape (n, 12, n_samples), optional
        Parts of the beat that are taken away together by "occlusion", numbered from 0; single leads by default.
    steps : int
        Of the path from the baseline to the person.
    tolerance : float
        For whom "integrated gradients" misses the difference by more than this share, it takes four times the steps,
        up to `MOST_STEPS`.
    only_waveform : bool
        Hold covariates at their baseline, so that a contribution depends on nothing but the ECG.

    Returns
    -------
    Attribution

    Examples
    --------
    >>> from lvmass.prediction import PRETRAINED
    >>> from lvmass.training.model import load_model
    >>> model, _ = load_model(PRETRAINED)
    >>> beats = np.random.default_rng(0).normal(0, 0.3, (2, 12, 400)).astype(np.float32)
    >>> explained = attribute(model, beats, np.tile(model.covariate_mean, (2, 1)))
    >>> bool((np.abs(explained.completeness_error_g) < 0.02 * np.abs(explained.difference_g)).all())
    True
    """
    network = model.build().requires_grad_(False)
    inputs, scaled = np.asarray(inputs, np.float32), model.scale_covariates(covariates)
    scaled = torch.zeros_like(scaled) if only_waveform else scaled
    if cells is None:
        cells = np.broadcast_to(np.arange(inputs.shape[1])[:, None], inputs.shape)
    beats_mv = np.broadcast_to(np.asarray(baseline_mv, np.float32), (*np.shape(baseline_mv)[:-2], *inputs.shape[1:]))
    starts = torch.tensor(beats_mv.reshape(-1, *inputs.shape[1:]))
    grams, of_covariates, difference = [], [], []
    for first in range(0, len(inputs), BATCH):
        part = slice(first, first + BATCH)
        person = torch.tensor(inputs[part]), scaled[part]
        own = torch.tensor(np.asarray(cells)[part], dtype=torch.int64)
        maps, columns, gap = (torch.zeros_like(each) for each in (*person, person[1][:, 0]))
        for start in starts:
            baseline = start.expand_as(person[0]), torch.zeros_like(person[1])
            gap += (network(*person) - network(*baseline)) / len(starts)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # that captum asks for gradients and hooks layers
                found = _checked(METHODS[method], network, person, baseline, own, steps, tolerance)
            maps, columns = maps + found[0] / len(starts), columns + found[1] / len(starts)
        grams.append((maps * model.target_sd_g).float().numpy())
        of_covariates.append((columns * model.target_sd_g).double().numpy().reshape(len(columns), 2, -1).sum(axis=1))
        difference.append((gap * model.target_sd_g).double().numpy())
    return Attribution(np.concatenate(grams), np.concatenate(of_covariates), np.concatenate(difference))


def _checked(
    method: "_Method", network: nn.Module, person: Pair, baseline: Pair, cells: Tensor, steps: int, tolerance: float
) -> Pair:
    """Apply a method; where it follows a path, with more steps for whom it misses the difference."""
    maps, columns = (each.detach() for each in method(network, person, baseline, cells, steps))
    if method is not _integrated_gradients or steps >= MOST_STEPS:
        return maps, columns
    gap = network(*person) - network(*baseline)
    rough = (maps.sum((1, 2)) + columns.sum(1) - gap).abs() > tolerance * gap.abs()
    if rough.any():
        (x, c), (x0, c0) = ([each[rough] for each in pair] for pair in (person, baseline))
        again = _checked(method, network, (x, c), (x0, c0), cells[rough], min(4 * steps, MOST_STEPS), tolerance)
        maps[rough], columns[rough] = again
    return maps, columns


def _gradient_times_input(network: nn.Module, person: Pair, baseline: Pair, cells: Tensor, steps: int) -> Pair:
    """Slope at the person times the distance from the baseline: right where the network is a plane between them."""
    slopes = Gradient(network).attribute(person, abs=False)
    return tuple(slope * (own - start) for slope, own, start in zip(slopes, person, baseline, strict=True))


def _integrated_gradients(network: nn.Module, person: Pair, baseline: Pair, cells: Tensor, steps: int) -> Pair:
    """Mean slope on the straight way from the baseline, times the distance (Sundararajan, Taly, Yan 2017)."""
    # the network has kinks on the way: there, many equal steps miss less than as many of Gauss and Legendre
    rule = "gausslegendre" if steps <= SMOOTH_STEPS else "riemann_middle"
    options = {"n_steps": steps, "internal_batch_size": 1024}
    return IntegratedGradients(network).attribute(person, baseline, method=rule, **options)


def _deep_lift(network: nn.Module, person: Pair, baseline: Pair, cells: Tensor, steps: int) -> Pair:
    """Differences of activations passed down by layer (Shrikumar 2017); a ReLU that is no layer passes slopes."""
    try:
        return DeepLift(network).attribute(person, baseline)
    except RuntimeError as error:
        raise DataError("DeepLift cannot go through a layer that a network uses twice; take another method.") from error


def _occlusion(network: nn.Module, person: Pair, baseline: Pair, cells: Tensor, steps: int) -> Pair:
    """Change of the estimate when a cell, or a covariate, goes to its baseline; a cell's is spread over its samples."""
    n_cells = int(cells.max()) + 1
    columns = n_cells + torch.arange(person[1].shape[1] // 2).repeat(len(cells), 2)
    found = FeatureAblation(network).attribute(person, baseline, feature_mask=(cells, columns))
    size = torch.zeros(len(cells), n_cells)
    size.scatter_add_(1, cells.flatten(1), torch.ones_like(found[0]).flatten(1))
    return found[0] / size.gather(1, cells.flatten(1)).view_as(found[0]), found[1] / 2  # value and flag go together


_Method = Callable[[nn.Module, Pair, Pair, Tensor, int], Pair]

METHODS: dict[str, _Method] = {
    "gradient × input": _gradient_times_input,
    "integrated gradients": _integrated_gradients,
    "DeepLift": _deep_lift,
    "occlusion": _occlusion,
}
"""Expected gradients (Erion 2021) are Integrated Gradients from several baselines."""
