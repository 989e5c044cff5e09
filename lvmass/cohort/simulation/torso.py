"""From the heart vector to eight independent leads: each person's own lead field."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lvmass.cohort.simulation.dipole import N_SOURCES, QRS, ST, Heart, P, T, pulses
from lvmass.cohort.simulation.latent import N_STATIONS, Latents

Floats = NDArray[np.float64]

# Dower's matrix for I, II, V1-V6 (study-facts 6.6); the other four leads follow from I and II.
DOWER: Floats = np.array(
    [
        [0.632, -0.235, 0.059],
        [0.235, 1.066, -0.132],
        [-0.515, 0.157, -0.917],
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],
    ]
)
# Fitted with the heart vector (see dipole.py): mean difference of people's lead vectors from Dower's, their SD
# by lead, and what T adds to no dipole.
_OFFSET = np.array(
    [
        [-0.1, 0.28, -0.02],
        [0.23, -0.31, 0.16],
        [0.51, -0.14, 0.31],
        [0.45, -0.04, 0.17],
        [0.16, 0.23, 0.55],
        [0.06, 0.1, 0.28],
        [-0.02, 0.1, 0.05],
        [-0.07, 0.12, -0.12],
    ]
)
_FIELD_SD = np.array([0.14, 0.04, 0.17, 0.21, 0.29, 0.17, 0.09, 0.08])
_FIELD_RHO = 0.51  # neighbouring electrodes see the heart from nearly the same place
_T_RESIDUE = np.array([0.08, -0.02, -0.04, 0.19, 0.04, -0.08, -0.08, 0.0])
_T_RESIDUE_SD = 0.02
_P_RESIDUE = np.array([0.36, 0.28, 0.08, 0.31, -0.05, -0.16, -0.12, 0.0])
_LATE_RESIDUE = 1.25  # of the residue in the last third of the QRS
_T_SHARE = 0.7  # of a person's difference from Dower's field also holds for repolarization
# ----
_BMI_ATTENUATION = 0.028  # per kg/m2: obese against lean -15 to -20 % (study-facts 6.4, 6.8)
_LIMB_ATTENUATION = 0.006
_RESIDUE = 0.031  # what a best dipole leaves of the QRS in the normal ECGs of PTB-XL
_SIDE_SD = 0.20  # electrode placement in units of the spacing between neighbours; day-to-day CV of R in V5 20 % (6.5)
_HEIGHT_SD = 0.10


def lead_field(people: pd.DataFrame, z: Latents) -> tuple[Floats, Floats]:
    """Lead vectors of I, II and V1-V6 for each person.

    Dower's vectors, changed by the person's anatomy, moved along the row V1-V6 and up or down by
    electrode placement, and weakened by body habitus.

    Parameters
    ----------
    people : DataFrame
        n people with ``bmi_kg_m2``.
    z : Latents
        Their latents.

    Returns
    -------
    depolarization, repolarization : ndarray of float64, shape (n, 8, 3)
        Voltage in a lead for a unit force along X, Y and Z.
    """
    n = len(people)
    anatomy = z["lead_field"].reshape(n, 8, 3).copy()
    for k in range(3, 8):
        anatomy[:, k] = _FIELD_RHO * anatomy[:, k - 1] + np.sqrt(1 - _FIELD_RHO**2) * anatomy[:, k]
    anatomy *= _FIELD_SD[:, None]
    placement = np.zeros((n, 8, 3))
    sideways = _SIDE_SD * (0.6 * z["placement"][:, :1] + 0.8 * z["placement"][:, 1:7])
    placement[:, 2:] = sideways[:, :, None] * np.gradient(DOWER[2:], axis=0)
    # an electrode placed higher sees the heart more from above
    placement[:, 2:, 1] += _HEIGHT_SD * z["placement"][:, 7:13]
    heavier = people["bmi_kg_m2"].to_numpy()[:, None, None] - 24.5
    weaker = np.where(np.arange(8) < 2, _LIMB_ATTENUATION, _BMI_ATTENUATION)[:, None] * heavier
    chest = np.where(np.arange(8) < 2, 0.0, 0.06)[:, None] * z["chest"][:, None, None]
    size = np.exp(chest - weaker)
    mean = DOWER + _OFFSET
    return (mean + anatomy + placement) * size, (DOWER + _T_SHARE * (_OFFSET + anatomy) + placement) * size


def beat_templates(heart: Heart, fields: tuple[Floats, Floats], z: Latents) -> NDArray[np.float32]:
    """One normal beat in eight leads.

    Parameters
    ----------
    heart : Heart
        n hearts.
    fields : pair of ndarray, shape (n, 8, 3)
        From :func:`lead_field`.
    z : Latents
        For the part that no dipole explains.

    Returns
    -------
    ndarray of float32, shape (n, 8, BEAT_SAMPLES)
        Millivolt on the grid ``BEAT_MS``.
    """
    amplitude = np.empty((len(fields[0]), 8, N_SOURCES))
    amplitude[:] = np.einsum("nls,nfs->nlf", fields[0], heart.forces)
    amplitude[:, :, ST : T + 1] = np.einsum("nls,nfs->nlf", fields[1], heart.forces[:, ST : T + 1])
    residue = z["residue"].reshape(-1, 8, N_STATIONS + 3)
    strength = np.linalg.norm(heart.forces, axis=2)
    largest = strength[:, QRS].max(1)[:, None, None]
    amplitude[:, :, QRS] += (
        _RESIDUE
        * largest
        * residue[:, :, :N_STATIONS]
        * np.array([0.2, 0.6, 1, 1, 1, _LATE_RESIDUE, 0.6 * _LATE_RESIDUE])
    )
    t_size = strength[:, T, None]
    amplitude[:, :, T] += t_size * (_T_RESIDUE / 0.45 + _T_RESIDUE_SD / 0.45 * residue[:, :, N_STATIONS])
    amplitude[:, :, P:] += strength[:, None, P:] * (_P_RESIDUE[:, None] + 0.08 * residue[:, :, N_STATIONS + 1 :])
    return amplitude.astype(np.float32) @ pulses(heart)


def twelve_leads(eight: NDArray[np.float32]) -> NDArray[np.float32]:
    """All twelve leads from I, II, V1-V6, by Einthoven's and Goldberger's equations.

    Parameters
    ----------
    eight : ndarray, shape (..., 8, n_samples)
        I, II, V1-V6.

    Returns
    -------
    ndarray, shape (..., 12, n_samples)
        In the order of ``LEADS``.

    Examples
    --------
    >>> leads = twelve_leads(np.array([[1.0], [3.0], *[[0.0]] * 6]))
    >>> leads[:6, 0].tolist()
    [1.0, 3.0, 2.0, -2.0, -0.5, 2.5]
    """
    one, two = eight[..., 0, :], eight[..., 1, :]
    out = np.empty((*eight.shape[:-2], 12, eight.shape[-1]), eight.dtype)
    out[..., 0, :], out[..., 1, :], out[..., 2, :] = one, two, two - one
    out[..., 3, :], out[..., 4, :], out[..., 5, :] = -(one + two) / 2, one - two / 2, two - one / 2
    out[..., 6:, :] = eight[..., 2:, :]
    return out
