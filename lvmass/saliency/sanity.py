"""Whether a map deserves belief: does it depend on the network, and does the estimate depend on what it marks?"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr

from lvmass.errors import DataError
from lvmass.saliency.maps import METHODS, Attribution, attribute
from lvmass.saliency.waves import GROUPS, WAVES, by_lead_and_wave, cells_of, group_shares
from lvmass.training.model import FittedModel

Floats = NDArray[np.floating]

SHUFFLED = "weights shuffled down to"
SHARES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
"""Of the beat's patches that are taken away or put in."""
PATCH_MS = 40.0


def rank_correlation(a: Floats, b: Floats) -> NDArray[np.float64]:
    """Spearman's correlation of two maps of each person, over all but the first axis; 0 where a map is constant.

    Examples
    --------
    >>> rank_correlation(np.array([[1.0, 2.0, 9.0]]), np.array([[1.0, 4.0, 5.0]])).round(6).tolist()
    [1.0]
    """
    pairs = [(x.ravel(), y.ravel()) for x, y in zip(a, b, strict=True)]
    return np.array([0.0 if 0 in (np.ptp(x), np.ptp(y)) else spearmanr(x, y).statistic for x, y in pairs])


def randomized(model: FittedModel, seed: int) -> Iterator[tuple[str, FittedModel]]:
    """Shuffle the weights of a network part by part, from its output down (cascading; Adebayo 2018).

    Parameters
    ----------
    model : FittedModel
        A network.
    seed : int
        Of the shuffles, each within one array of weights, so that sizes stay.

    Yields
    ------
    tuple of str and FittedModel
        The part that was shuffled last, and the network so far.
    """
    rng, weights = np.random.default_rng(seed), dict(model.weights)
    parts = list(dict.fromkeys(name.split(".")[0] for name in weights))
    for part in reversed(parts):
        own = [name for name, value in weights.items() if name.split(".")[0] == part and value.ndim]
        weights |= {name: rng.permuted(weights[name].ravel()).reshape(weights[name].shape) for name in own}
        yield part, replace(model, weights=dict(weights))


def agreement(
    model: FittedModel,
    beats_mv: Floats,
    covariates: Floats,
    waves: NDArray[np.int8],
    baselines_mv: Mapping[str, Floats],
    step_ms: float,
    *,
    seed: int,
) -> tuple[pd.DataFrame, NDArray[np.float32]]:
    """Hold maps (Integrated Gradients from the mean beat) against those of other methods, baselines and networks.

    Networks of shuffled weights take as many steps as the map itself, for what a map misses lowers its correlation. All
    else takes half the steps: what is compared are ranks and shares.

    Parameters
    ----------
    model : FittedModel
        A network.
    beats_mv, covariates : ndarray
        Of n people, as `lvmass.saliency.attribute` takes them.
    waves : ndarray of int, shape (n, n_samples)
        From `lvmass.saliency.wave_of_samples`.
    baselines_mv : mapping of str to ndarray
        With "mean", from which the maps start.
    step_ms : float
        Between two samples; other beats are shifted by 4 ms, where a sample is no longer than that.
    seed : int
        Of the shuffled weights.

    Returns
    -------
    table : DataFrame
        ``against`` what, ``samples`` (rank correlation of a person's signed maps, mean), ``lead_wave`` (of mean sizes
        by lead and wave), and the other map's mean share in percent by lead group and wave, in columns such as "limb
        leads, QRS".
    grams : ndarray, shape (n, 12, n_samples)
        The maps themselves.
    """
    options: dict[str, Any] = {"covariates": covariates, "baseline_mv": baselines_mv["mean"]}
    own = attribute(model, beats_mv, **options)
    quick = options | {"steps": 16, "tolerance": np.inf}
    others: dict[str, Attribution] = {}
    for method in [each for each in METHODS if each != "integrated gradients"]:
        with suppress(DataError):  # one that cannot go through this network
            others[f"{method}, mean beat"] = attribute(model, beats_mv, method=method, cells=cells_of(waves), **options)
    for name, start_mv in baselines_mv.items():
        if name != "mean":
            others[f"baseline: {name}"] = attribute(model, beats_mv, **quick | {"baseline_mv": start_mv})
    for ms in (-4, 4) if step_ms <= 4 else ():
        others[f"shifted by {ms:+d} ms"] = attribute(model, np.roll(beats_mv, round(ms / step_ms), axis=2), **quick)
    for part, blind in randomized(model, seed):
        others[f"{SHUFFLED} {part}"] = attribute(blind, beats_mv, **options)

    mean, rows = by_lead_and_wave(np.abs(own.grams), waves).mean(axis=0)[None, :, :-1], []
    names = [f"{group}, {wave}" for group, wave in product(GROUPS, WAVES[:-1])]
    for name, other in others.items():
        cells = by_lead_and_wave(np.abs(other.grams), waves)
        row = {"against": name, "samples": rank_correlation(own.grams, other.grams).mean()}
        row["lead_wave"] = rank_correlation(mean, cells.mean(axis=0)[None, :, :-1])[0]
        rows.append(row | dict(zip(names, group_shares(cells).mean(axis=0).ravel(), strict=True)))
    return pd.DataFrame(rows), own.grams


def deletion_insertion(
    model: FittedModel,
    inputs: Floats,
    covariates: Floats,
    orders: dict[str, Floats],
    baseline_mv: Floats,
    step_ms: float,
) -> pd.DataFrame:
    """Take away what a map marks, most first, or put it into the baseline, and see how fast the estimate follows.

    Parameters
    ----------
    model : FittedModel
        A network.
    inputs, covariates : ndarray
        Of n people, as `lvmass.saliency.attribute` takes them.
    orders : dict of str to ndarray, shape (n, 12, n_samples)
        What to go by: the size of a map, |dV/dt|, random numbers; summed over patches of 40 ms in a lead.
    baseline_mv : ndarray, shape (12, n_samples)
        What a patch becomes.
    step_ms : float
        Between two samples.

    Returns
    -------
    DataFrame
        ``order``, and ``deletion_g, insertion_g``: mean absolute distance of the estimate from that of the whole beat,
        when a share of patches is taken away, or all but this share, on average over `SHARES`. A good order has much
        deletion and little insertion.
    """
    of_time = (np.arange(inputs.shape[2]) * step_ms // PATCH_MS).astype(np.int64)
    patches = (of_time.max() + 1) * np.arange(12)[:, None] + of_time  # (12, n_samples)
    n_patches = patches.max() + 1
    member = np.eye(n_patches)[patches.ravel()]
    whole_g, rows = model.predict_g(inputs, covariates), []
    for name, order in orders.items():
        marked = np.abs(order).reshape(len(order), -1) @ member
        place = np.argsort(np.argsort(-marked, axis=1), axis=1)[:, patches]  # (n, 12, n_samples)
        apart_g: dict[str, list[float]] = {"deletion_g": [], "insertion_g": []}
        for share in SHARES:
            first = place < round(share * n_patches)
            for column, kept in (("deletion_g", ~first), ("insertion_g", first)):
                changed = np.where(kept, inputs, baseline_mv).astype(np.float32)
                apart_g[column].append(np.abs(model.predict_g(changed, covariates) - whole_g).mean())
        rows.append({"order": name} | {column: np.trapezoid(each, SHARES) for column, each in apart_g.items()})
    return pd.DataFrame(rows)
