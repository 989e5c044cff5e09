"""Whether a map deserves belief: does it depend on the network, and does the estimate depend on what it marks?"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from lvmass.errors import DataError
from lvmass.saliency.maps import METHODS, Attribution, attribute
from lvmass.saliency.waves import by_lead_and_wave, cells_of
from lvmass.training.model import FittedModel

Floats = NDArray[np.floating]

SHARES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
"""Of the beat's patches that are taken away or put in."""


def rank_correlation(a: Floats, b: Floats) -> NDArray[np.float64]:
    """Spearman's correlation of two maps of each person, over all but the first axis.

    Examples
    --------
    >>> rank_correlation(np.array([[1.0, 2.0, 9.0]]), np.array([[1.0, 4.0, 5.0]])).round(6).tolist()
    [1.0]
    """
    ranks = [rankdata(each.reshape(len(each), -1), axis=1) for each in (a, b)]
    x, y = (each - each.mean(axis=1, keepdims=True) for each in ranks)
    size = np.sqrt(np.square(x).sum(axis=1) * np.square(y).sum(axis=1))
    return np.divide((x * y).sum(axis=1), size, out=np.zeros(len(x)), where=size > 0)


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
        by lead and wave) and ``missed`` (median share of the difference by which the other map misses its sum).
    grams : ndarray, shape (n, 12, n_samples)
        The maps themselves.
    """

    def maps(
        fitted: FittedModel = model, method: str = "integrated gradients", start: str = "mean", shift_ms: float = 0
    ) -> Attribution:
        moved = np.roll(beats_mv, round(shift_ms / step_ms), axis=2)
        return attribute(
            fitted, moved, covariates, method=method, baseline_mv=baselines_mv[start], cells=cells_of(waves)
        )

    def by_wave(made: Attribution) -> Floats:
        return by_lead_and_wave(np.abs(made.grams), waves).mean(axis=0)[None, :, :-1]

    own = maps()
    others: dict[str, Attribution] = {}
    for method in METHODS:
        with suppress(DataError):  # one that cannot go through this network
            others |= {} if method == "integrated gradients" else {f"{method}, mean beat": maps(method=method)}
    others |= {f"baseline: {start}": maps(start=start) for start in baselines_mv if start != "mean"}
    others |= {f"shifted by {ms:+d} ms": maps(shift_ms=ms) for ms in (-4, 4) if step_ms <= 4}
    others |= {f"weights shuffled down to {part}": maps(shuffled) for part, shuffled in randomized(model, seed)}
    rows = [
        {
            "against": name,
            "samples": rank_correlation(own.grams, other.grams).mean(),
            "lead_wave": rank_correlation(by_wave(own), by_wave(other))[0],
            "missed": np.median(np.abs(other.completeness_error_g / other.difference_g)),
        }
        for name, other in others.items()
    ]
    return pd.DataFrame(rows), own.grams


def patches_of(n_samples: int, step_ms: float, patch_ms: float = 40.0) -> NDArray[np.int64]:
    """Number of the patch of each sample, a lead and ``patch_ms`` each, shape (12, n_samples)."""
    of_time = (np.arange(n_samples) * step_ms // patch_ms).astype(np.int64)
    return (of_time.max() + 1) * np.arange(12)[:, None] + of_time


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
        ``order, share`` of patches, and ``deletion_g, insertion_g``: mean absolute distance of the estimate from that
        of the whole beat, when this share is taken away, or all but this share.
    """
    patches = patches_of(inputs.shape[2], step_ms)
    n_patches = patches.max() + 1
    member = np.eye(n_patches)[patches.ravel()]
    whole_g, rows = model.predict_g(inputs, covariates), []
    for name, order in orders.items():
        marked = np.abs(order).reshape(len(order), -1) @ member
        place = np.argsort(np.argsort(-marked, axis=1), axis=1)[:, patches]  # (n, 12, n_samples)
        for share in SHARES:
            first = place < round(share * n_patches)
            row = {"order": name, "share": share}
            for column, kept in (("deletion_g", ~first), ("insertion_g", first)):
                changed = np.where(kept, inputs, baseline_mv).astype(np.float32)
                row[column] = np.abs(model.predict_g(changed, covariates) - whole_g).mean()
            rows.append(row)
    return pd.DataFrame(rows)


def areas(curves: pd.DataFrame) -> pd.DataFrame:
    """Mean height of the curves of `deletion_insertion`, grams: a good order has much deletion and little insertion."""
    names = ["deletion_g", "insertion_g"]
    rows = {
        order: [np.trapezoid(part[name], part["share"]) for name in names] for order, part in curves.groupby("order")
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=names).rename_axis("order").reset_index()
