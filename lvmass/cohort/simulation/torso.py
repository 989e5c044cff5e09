"""From the heart vector to eight independent leads: each person's own lead field."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lvmass.cohort.simulation.dipole import QRS, ST, Heart, P, T, pulses
from lvmass.cohort.simulation.latent import N_STATIONS, Latents
from lvmass.cohort.simulation.normal_heart import NORMAL, NormalHeart

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
_CHEST = slice(2, 8)
_T_SHARE = 0.7  # of a person's difference from Dower's field also holds for repolarization, which has other sources
# Per kg/m2, limb and (men, women) chest leads: obese against lean -15 to -20 % in V1-V6 (study-facts 6.4, 6.8).
_LIMB_ATTENUATION, _CHEST_ATTENUATION = 0.006, (0.033, 0.037)
_CHEST_SD = 0.06
# Electrode placement and posture from day to day, for all of V1-V6 together and for each: along the row, in
# spacings between neighbours; up or down; nearer or farther, in log size. Gives the day-to-day CV of R in V5 of 20 %
# (study-facts 6.5).
_SIDE_SD, _UP_SD, _NEAR_SD = (0.15, 0.20), (0.08, 0.08), (0.10, 0.13)
_QRS_TAPER = np.array([0.2, 0.6, 1.0, 1.0, 1.0, 1.0, 0.6])


def lead_field(people: pd.DataFrame, z: Latents, normal: NormalHeart = NORMAL) -> tuple[Floats, Floats]:
    """Lead vectors of I, II and V1-V6 for each person.

    Dower's vectors, changed by the person's anatomy, moved along the row V1-V6 and up or down by
    electrode placement, and weakened by body habitus.

    Parameters
    ----------
    people : DataFrame
        n people with ``sex, bmi_kg_m2``.
    z : Latents
        Their latents.
    normal : NormalHeart
        Fitted constants.

    Returns
    -------
    depolarization, repolarization : ndarray of float64, shape (n, 8, 3)
        Voltage in a lead for a unit force along X, Y and Z.
    """
    n = len(people)
    anatomy = z["lead_field"].reshape(n, 8, 3).copy()
    for k in range(3, 8):
        anatomy[:, k] = normal.lead_rho * anatomy[:, k - 1] + np.sqrt(1.0 - normal.lead_rho**2) * anatomy[:, k]
    anatomy *= normal.lead_sd[:, None]
    anatomy[:, _CHEST] += normal.lead_offset
    # the first latent of each kind moves all electrodes, the other six one each
    side, up, near = (
        both[0] * latent[:, :1] + both[1] * latent[:, 1:]
        for both, latent in zip((_SIDE_SD, _UP_SD, _NEAR_SD), np.split(z["placement"], 3, axis=1), strict=True)
    )
    side = side + normal.shift_sd[0] * z["shift"][:, :1]
    up = up + normal.shift_sd[1] * z["shift"][:, 1:]
    moved = np.zeros((n, 8, 3))
    moved[:, _CHEST] = side[:, :, None] * np.gradient(DOWER[_CHEST], axis=0)
    moved[:, _CHEST, 1] += up  # an electrode placed higher sees the heart more from above
    heavier = people["bmi_kg_m2"].to_numpy()[:, None] - 24.5
    log_size = np.repeat(-_LIMB_ATTENUATION * heavier, 8, axis=1)
    attenuation = np.where(people[["sex"]] == "male", *_CHEST_ATTENUATION)
    log_size[:, _CHEST] = -attenuation * heavier + _CHEST_SD * z["chest"][:, None] + near
    size = np.exp(log_size)[:, :, None]
    return (DOWER + anatomy + moved) * size, (DOWER + _T_SHARE * anatomy + moved) * size


def lead_amplitudes(heart: Heart, fields: tuple[Floats, Floats], z: Latents, normal: NormalHeart = NORMAL) -> Floats:
    """Amplitude of every force in every lead: all that a noise-free ECG holds, beside timing.

    Parameters
    ----------
    heart : Heart
        n hearts.
    fields : pair of ndarray, shape (n, 8, 3)
        From :func:`lead_field`.
    z : Latents
        For the part that no dipole explains.
    normal : NormalHeart
        Fitted constants.

    Returns
    -------
    ndarray of float64, shape (n, 8, N_SOURCES)
        Millivolt.
    """
    amplitude = np.einsum("nls,nfs->nlf", fields[0], heart.forces)
    repolarization = slice(ST, T + 1)
    amplitude[:, :, repolarization] = np.einsum("nls,nfs->nlf", fields[1], heart.forces[:, repolarization])
    residue = z["residue"].reshape(-1, 8, N_STATIONS + 3)
    strength = np.linalg.norm(heart.forces, axis=2)
    taper = _QRS_TAPER * np.where(np.arange(N_STATIONS) < 5, 1.0, normal.late_residue)
    largest = strength[:, QRS].max(1)[:, None, None]
    amplitude[:, :, QRS] += normal.residue * largest * residue[:, :, :N_STATIONS] * taper
    own = normal.t_residue + normal.t_residue_sd * residue[:, :, N_STATIONS]
    amplitude[:, :, T] += strength[:, T, None] * own
    own = normal.p_residue[:, None] + 0.08 * residue[:, :, N_STATIONS + 1 :]
    amplitude[:, :, P:] += strength[:, None, P:] * own
    return amplitude


def beat_templates(heart: Heart, amplitudes: Floats, normal: NormalHeart = NORMAL) -> NDArray[np.float32]:
    """One normal beat in I, II, V1-V6, shape (n, 8, BEAT_SAMPLES), millivolt on the grid ``BEAT_MS``."""
    return amplitudes.astype(np.float32) @ pulses(heart, normal)


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
