"""Which parts of the beat move the estimate: Integrated Gradients over a fitted network.

Attributions are in grams of LVM and add up to the difference between the estimate for a person and the estimate
for the same person with a flat ECG (completeness, Sundararajan 2017).
"""

import numpy as np
import pandas as pd
import torch
from captum.attr import IntegratedGradients
from numpy.typing import ArrayLike, NDArray

from lvmass.ecg.recording import LEADS, LIMB_LEADS, PRECORDIAL_LEADS
from lvmass.training.model import FittedModel

SEGMENTS_MS: dict[str, tuple[float, float]] = {
    "P": (-300.0, -60.0),
    "QRS": (-60.0, 60.0),
    "ST": (60.0, 160.0),
    "T": (160.0, 500.0),
}
"""Stretches of the beat around R that hold these waves at ordinary heart rates; the same for everybody."""


def integrated_gradients(
    model: FittedModel, inputs: ArrayLike, covariates: ArrayLike, *, steps: int = 32
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Attribute estimates of LVM to the samples of the ECG.

    Parameters
    ----------
    model : FittedModel
        A network.
    inputs : array_like of float32, shape (n, 12, n_samples)
        Beats or signals in millivolt.
    covariates : array_like, shape (n, n_covariates)
        Raw; held fixed, so that only the waveform is explained.
    steps : int
        Of the path from the flat ECG (0 mV) to the person's.

    Returns
    -------
    grams : ndarray, shape (n, 12, n_samples)
        Contribution of each sample to the estimate, in grams.
    completeness_error_g : ndarray, shape (n,)
        By how much each person's contributions miss the difference they should add up to.

    Notes
    -----
    ``IG_i = x_i * mean over a in (0, 1) of d f(a x) / d x_i`` (Sundararajan, Taly, Yan 2017), computed by captum.
    """
    network = model.build()
    x = torch.tensor(np.asarray(inputs, np.float32))
    z_scores, delta = IntegratedGradients(network).attribute(
        x,
        baselines=torch.zeros_like(x),
        additional_forward_args=(model.scale_covariates(covariates),),
        n_steps=steps,
        internal_batch_size=256,  # memory is steps x people otherwise
        return_convergence_delta=True,
    )
    grams = (z_scores.detach().float() * model.target_sd_g).numpy()
    return grams, delta.detach().double().numpy() * model.target_sd_g


def segment_shares(grams: NDArray[np.floating], time_ms: NDArray[np.floating]) -> pd.DataFrame:
    """Share of each person's absolute attribution by lead group and segment of the beat.

    Parameters
    ----------
    grams : ndarray, shape (n, 12, n_samples)
        Attributions.
    time_ms : ndarray, shape (n_samples,)
        Time relative to R.

    Returns
    -------
    DataFrame
        ``person`` (row of ``grams``), ``group`` ("limb leads", "precordial leads"), ``segment`` and ``share`` in
        percent of what lies within these segments; a person's shares add up to 100.

    Examples
    --------
    >>> time_ms = np.arange(-300, 500, 2.0)
    >>> shares = segment_shares(np.ones((1, 12, 400)), time_ms)
    >>> float(shares.loc[shares["segment"] == "QRS", "share"].sum())
    15.0
    """
    inside = (time_ms >= SEGMENTS_MS["P"][0]) & (time_ms < SEGMENTS_MS["T"][1])
    size, time_ms = np.abs(grams)[:, :, inside], time_ms[inside]
    total = size.sum(axis=(1, 2))
    total = np.where(total > 0, total, 1.0)
    tables = []
    for group, leads in (("limb leads", LIMB_LEADS), ("precordial leads", PRECORDIAL_LEADS)):
        rows = [LEADS.index(lead) for lead in leads]
        for segment, (start, stop) in SEGMENTS_MS.items():
            columns = (time_ms >= start) & (time_ms < stop)
            share = 100 * size[:, rows][:, :, columns].sum(axis=(1, 2)) / total
            tables.append(
                pd.DataFrame({"person": range(len(size)), "group": group, "segment": segment, "share": share})
            )
    return pd.concat(tables, ignore_index=True)
