"""From drivers to leads: the forces of a heart vector, their timing, and each person's own lead field.

A beat is a sum of pulses in time, each with a size and a direction in space (X left, Y inferior, Z posterior;
millivolt in Dower's frame): seven stations of the QRS loop from the septum to the base, a late force of a blocked
bundle, ST, T and U, and two atrial forces.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from scipy.special import expit

from lvmass.cohort.simulation import constants as c
from lvmass.cohort.simulation.people import N_STATIONS, Latents, People
from lvmass.ecg.recording import limb_leads

Floats = NDArray[np.float64]

RATE_HZ = 500.0
R_SAMPLE = 160
BEAT_SAMPLES = 500
BEAT_MS = (np.arange(BEAT_SAMPLES) - R_SAMPLE) * 1000.0 / RATE_HZ
_QRS = slice(0, N_STATIONS)
_LATE, _ST, _T, _U, _P, N_SOURCES = (N_STATIONS + k for k in (0, 1, 2, 3, 4, 6))
_CHEST = slice(2, 8)
_QRS_TAPER = np.array([0.2, 0.6, 1.0, 1.0, 1.0, 1.0, 0.6])  # of what no dipole explains, along the loop


class Heart(NamedTuple):
    """Electrical hearts of n people."""

    forces: Floats  # size and direction of each pulse, mV, shape (n, N_SOURCES, 3)
    time_ms: Floats  # peak of each pulse relative to the R peak, shape (n, N_SOURCES), as its widths before and after
    rise_ms: Floats
    fall_ms: Floats
    j_ms: Floats  # end of the QRS, shape (n,)


def draw_hearts(people: People, z: Latents, setting: c.Setting, normal: c.NormalHeart = c.NORMAL) -> Heart:
    """Draw the electrical hearts of people.

    Parameters
    ----------
    people, z
        n people with drivers and conduction, and their latents.
    setting : Setting
        Size of what the drivers do.
    normal : NormalHeart
        Fitted constants.

    Returns
    -------
    Heart
        Ready for :func:`lead_amplitudes` and :func:`beat_templates`.
    """
    men, woman = people["men"], (~people["men"]).astype(int)
    older = (people["age_years"] - c.HEART_AGE) / 10.0
    forces = np.zeros((len(men), N_SOURCES, 3))
    forces[:, _QRS] = _loop(people, older, z, setting, normal)
    main = forces[:, 2:6].sum(1)
    main /= np.linalg.norm(main, axis=1, keepdims=True)
    forces[people["rbbb"], _LATE] = c.RBBB_MV

    against = setting.away_mv * people["away"] + c.AWAY_TAIL_MV * _beyond(people["away"])
    strain = people["strain"] * (c.STRAIN_MV + c.STRAIN_GROWTH_MV * np.clip(people["growth"], 0.0, 3.0))
    block = c.LBBB_T_MV * people["lbbb"] + c.RBBB_T_MV * people["rbbb"]
    size = normal.t_gain_sd * z["t_size"] + normal.t_with_qrs * normal.gain_sd * people["strength"]
    size += c.T_GROWTH * people["growth"]
    size = np.exp(size + np.where(men, *normal.t_per_decade) * older)[:, None]
    forces[:, _T] = (normal.t_mv[woman] + setting.own[2] * normal.t_sd_mv * z["t_turn"]) * size
    forces[:, _T] -= (against + strain + block)[:, None] * main
    size = np.exp(np.where(men, *normal.st_per_decade) * older)[:, None]
    forces[:, _ST] = normal.st_mv[woman] * size + normal.st_sd_mv * z["st"]
    forces[:, _ST] -= (0.15 * against + 0.30 * strain + 0.40 * block)[:, None] * main
    forces[:, _U] = normal.u_mv * np.exp(0.4 * z["u_wave"])[:, None]

    size = np.exp(0.2 * z["p_wave"][:, :1]) * ~people["af"][:, None]
    atria = normal.p_mv + normal.p_sd_mv * z["p_wave"][:, 1:7].reshape(-1, 2, 3)
    forces[:, _P:] = atria * size[:, :, None]
    forces[:, _P + 1] *= np.exp(c.ATRIUM_SD * people["atrium"])[:, None]
    return Heart(forces, *_timing(people, z, normal))


def _beyond(driver: Floats) -> Floats:
    """Smooth positive part from one SD on: what is far beyond the normal shows more than in proportion."""
    return np.log1p(np.exp(3.0 * (driver - 1.0))) / 3.0


def _loop(people: People, older: Floats, z: Latents, setting: c.Setting, normal: c.NormalHeart) -> Floats:
    """QRS forces, shape (n, N_STATIONS, 3)."""
    men = people["men"]
    (size_own, shape_own, _), (force_mv, turn_sd) = setting.own, setting.growth
    shape = _chain(z["force"].reshape(-1, N_STATIONS, 3), c.NEIGHBOUR_RHO) * normal.qrs_sd_mv * shape_own
    growth_mv = force_mv * people["growth"] + c.GROWTH_TAIL_MV * _beyond(people["growth"])
    growth_mv *= np.where(men, *c.GROWTH_SEX)
    turn = turn_sd * z["growth_turn"][:, None, :] * np.linalg.norm(c.GROWTH, axis=1, keepdims=True)
    shape += growth_mv[:, None, None] * (c.GROWTH + turn)
    size = size_own * normal.gain_sd * people["strength"] + np.where(men, *normal.gain_per_decade) * older
    loop = (normal.qrs_mv[(~men).astype(int)] + shape) * np.exp(size)[:, None, None]
    # degrees about X, Y and Z; positive about Z turns towards inferior
    turn = normal.turn_sd_deg * z["position"] + normal.strength_turn_deg * z["strength"][:, None]
    turn[:, 1] += np.where(men, *normal.horizontal_per_decade) * older
    turn[:, 2] += np.where(men, *normal.axis_per_decade) * older - c.AXIS_SD * people["leftward"]
    turn[:, 2] += c.AXIS_BMI * (people["bmi_kg_m2"] - c.AXIS_BMI_MEAN) + c.LAFB_DEG * people["lafb"]
    loop = loop @ Rotation.from_euler("xyz", turn, degrees=True).as_matrix().transpose(0, 2, 1)
    loop[people["lbbb"], 1] *= -1.0
    loop[people["lbbb"], 4:6] += c.LBBB_MV
    return loop


def _chain(latents: Floats, rho: float) -> Floats:
    """Correlate neighbours along the second axis, each keeping unit variance."""
    chained = latents.copy()
    for k in range(1, chained.shape[1]):
        chained[:, k] = rho * chained[:, k - 1] + np.sqrt(1.0 - rho**2) * chained[:, k]
    return chained


def _timing(people: People, z: Latents, normal: c.NormalHeart) -> tuple[Floats, Floats, Floats, Floats]:
    """Peak, rise and fall of every pulse, and the end of the QRS."""
    qrs = people["qrs_ms"]
    onset, j = -c.R_FRACTION * qrs, (1.0 - c.R_FRACTION) * qrs
    time, rise, fall = (np.empty((len(qrs), N_SOURCES)) for _ in range(3))
    # a right block leaves the left ventricle's time alone and adds the late force
    left = np.where(people["rbbb"], people["intrinsic_ms"], qrs)[:, None]
    time[:, _QRS] = onset[:, None] + (np.arange(N_STATIONS) + 0.5) / N_STATIONS * left
    rise[:, _QRS] = fall[:, _QRS] = normal.width * left * np.exp(0.10 * z["width"])[:, None]
    time[:, _LATE], rise[:, _LATE], fall[:, _LATE] = j - 28.0, 13.0, 14.0
    before_end, t_rise, t_fall = normal.t_time_ms
    time[:, _T] = onset + people["qt_ms"] - before_end
    rise[:, _T] = t_rise * np.exp(0.12 * z["t_shape"][:, 0])
    fall[:, _T] = t_fall * np.exp(0.10 * z["t_shape"][:, 1])
    time[:, _ST], rise[:, _ST], fall[:, _ST] = time[:, _T], 8.0, 22.0
    time[:, _U], rise[:, _U], fall[:, _U] = time[:, _T] + 165.0, 45.0, 55.0
    apart, width = normal.p_time_ms
    time[:, _P] = onset - people["pr_ms"] + 2.3 * width
    time[:, _P + 1] = time[:, _P] + apart
    rise[:, _P:] = fall[:, _P:] = width
    return time, rise, fall, j


def _lead_fields(people: People, z: Latents, setting: c.Setting, normal: c.NormalHeart) -> tuple[Floats, Floats]:
    """Lead vectors of I, II and V1-V6 for each person, of depolarization and of repolarization, shape (n, 8, 3).

    Dower's vectors, changed by the person's anatomy, moved along the row V1-V6 and up or down by electrode placement,
    and weakened by body habitus.
    """
    anatomy = z["lead_field"].reshape(-1, 8, 3).copy()
    anatomy[:, _CHEST] = _chain(anatomy[:, _CHEST], normal.lead_rho)
    anatomy *= normal.lead_sd[:, None]
    anatomy[:, _CHEST] += normal.lead_offset
    # the first latent of each kind moves all electrodes, the other six one each
    side, up, near = (
        both[0] * latent[:, :1] + both[1] * latent[:, 1:]
        for both, latent in zip((c.SIDE_SD, c.UP_SD, c.NEAR_SD), np.split(z["placement"], 3, axis=1), strict=True)
    )
    side = side + normal.shift_sd[0] * z["shift"][:, :1]
    moved = np.zeros_like(anatomy)
    moved[:, :2] = setting.limb_sd * z["limb"].reshape(-1, 2, 3)
    moved[:, _CHEST] = side[:, :, None] * np.gradient(c.DOWER[_CHEST], axis=0)
    # an electrode placed higher sees the heart more from above
    moved[:, _CHEST, 1] += up + normal.shift_sd[1] * z["shift"][:, 1:]
    heavier = people["bmi_kg_m2"][:, None] - c.ATTENUATION_BMI
    log_size = np.repeat(-c.LIMB_ATTENUATION * heavier, 8, axis=1)
    attenuation = np.where(people["men"][:, None], *c.CHEST_ATTENUATION)
    log_size[:, _CHEST] = -attenuation * heavier + c.CHEST_SD * z["chest"][:, None] + near
    size = np.exp(log_size)[:, :, None]
    return (c.DOWER + anatomy + moved) * size, (c.DOWER + c.T_SHARE * anatomy + moved) * size


def lead_amplitudes(
    people: People, heart: Heart, z: Latents, setting: c.Setting, normal: c.NormalHeart = c.NORMAL
) -> tuple[Floats, Floats]:
    """Amplitude of every force in every lead: all that a noise-free ECG holds, beside timing.

    Parameters
    ----------
    people, heart, z
        The same n people, their hearts and latents.
    setting : Setting
        Spread of the limb leads from day to day.
    normal : NormalHeart
        Fitted constants.

    Returns
    -------
    amplitudes : ndarray of float64, shape (n, 8, N_SOURCES)
        Millivolt in I, II, V1-V6.
    field : ndarray of float64, shape (n, 8, 3)
        Voltage in a lead for a unit force of depolarization along X, Y and Z.
    """
    field, of_repolarization = _lead_fields(people, z, setting, normal)
    amplitude = np.einsum("nls,nfs->nlf", field, heart.forces)
    repolarization = slice(_ST, _T + 1)
    amplitude[:, :, repolarization] = np.einsum("nls,nfs->nlf", of_repolarization, heart.forces[:, repolarization])
    residue = z["residue"].reshape(-1, 8, N_STATIONS + 3)
    strength = np.linalg.norm(heart.forces, axis=2)
    taper = _QRS_TAPER * np.where(np.arange(N_STATIONS) < 5, 1.0, normal.late_residue)
    largest = strength[:, _QRS].max(1)[:, None, None]
    amplitude[:, :, _QRS] += normal.residue * largest * residue[:, :, :N_STATIONS] * taper
    own = normal.t_residue + normal.t_residue_sd * residue[:, :, N_STATIONS]
    amplitude[:, :, _T] += strength[:, _T, None] * own
    own = normal.p_residue[:, None] + 0.08 * residue[:, :, N_STATIONS + 1 :]
    amplitude[:, :, _P:] += strength[:, None, _P:] * own
    return amplitude, field


def beat_templates(heart: Heart, amplitudes: Floats, normal: c.NormalHeart = c.NORMAL) -> NDArray[np.float32]:
    """One normal beat in I, II, V1-V6, shape (n, 8, BEAT_SAMPLES), millivolt on the grid ``BEAT_MS``.

    Each pulse has peak 1: Gaussians with two widths; T falls with a longer tail; ST is a plateau from the end of the
    QRS to the peak of T.
    """
    t = BEAT_MS.astype(np.float32)
    time, rise, fall = (a[:, :, None].astype(np.float32) for a in (heart.time_ms, heart.rise_ms, heart.fall_ms))
    away = t - time
    shape = away / np.where(away < 0, rise, fall)
    pulses = np.exp(-0.5 * shape * shape)
    tail = np.exp(-0.5 * np.maximum(shape[:, _T], 0.0) ** np.float32(normal.t_tail))
    pulses[:, _T] = np.where(away[:, _T] < 0, pulses[:, _T], tail)
    start = heart.j_ms[:, None].astype(np.float32) + np.float32(12.0)
    pulses[:, _ST] = expit((t - start) / rise[:, _ST]) * expit((time[:, _ST] - t) / fall[:, _ST])
    return amplitudes.astype(np.float32) @ pulses


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
    one, two = eight[..., :1, :], eight[..., 1:2, :]
    return np.concatenate([*limb_leads(one, two), eight[..., 2:, :]], axis=-2)
