"""Depolarization and repolarization as forces of a heart vector.

A beat is a sum of pulses in time, each with a size and a direction in space (X left, Y inferior, Z
posterior; millivolt in Dower's frame): seven stations of the QRS loop from the septum to the base, a late
force of a blocked bundle, ST, T and U, and two atrial forces.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from lvmass.cohort.simulation.conduction import Conduction
from lvmass.cohort.simulation.couplings import Drivers
from lvmass.cohort.simulation.latent import N_STATIONS, Latents
from lvmass.cohort.simulation.normal_heart import NORMAL, NormalHeart

Floats = NDArray[np.float64]

RATE_HZ = 500.0
R_SAMPLE = 160
BEAT_SAMPLES = 500
BEAT_MS = (np.arange(BEAT_SAMPLES) - R_SAMPLE) * 1000.0 / RATE_HZ
QRS = slice(0, N_STATIONS)
LATE, ST, T, U, P, N_SOURCES = (N_STATIONS + k for k in (0, 1, 2, 3, 4, 6))
_R_FRACTION = 0.48  # of the QRS lies before the R peak
_CENTRES = (np.arange(N_STATIONS) + 0.5) / N_STATIONS
_NEIGHBOUR_RHO = 0.2  # neighbouring stations vary together
_REFERENCE_AGE = 50.0
# A strong left ventricle adds force to the left and backwards, a little upwards, from before the R peak on (tall R in
# V5-V6, deep S and less r in V1-V3: the direction in which hypertrophy moves the loop in every textbook, and that of
# the ECGs called LVH in PTB-XL, folds 1-4, as a group); a stronger one in more than proportion. Its size is set by
# sensitivity and specificity of the Cornell, Sokolow-Lyon and Peguero-Lo Presti criteria (study-facts 5, 6.8).
_GROWTH = np.array(
    [[0, 0, 0], [0.05, 0, 0.1], [0.25, -0.15, 0.4], [1, -0.05, 0.85], [0.4, 0, 0.75], [0, -0.05, 0.2], [0, 0, 0]]
)
_GROWTH_TURN_SD = 0.42  # which wall is thick, and how the heart lies
_GROWTH_MV, _GROWTH_TAIL_MV = 0.245, 0.46
_GROWTH_SEX = 1.0, 0.88  # men, women: a smaller heart has smaller forces (normal_heart: 0.8)
_AXIS_SD = 16.5  # degrees for one SD of the leftward driver, which hardly knows mass: most of Cornell's spread
_AXIS_BMI = -0.5  # degrees per kg/m2: a raised diaphragm
_T_GROWTH = 0.10  # T grows with the wall until strain turns it
_AWAY_MV, _AWAY_TAIL_MV = 0.06, 0.08  # T against the QRS
_STRAIN_MV, _STRAIN_GROWTH_MV = 0.45, 0.20
_ATRIUM_SD = 0.20
# Blocks: a right one adds a late force to the right and front, a left one takes the septal force away and adds to
# the later ones, a left anterior one turns the axis up; all turn ST and T against the QRS.
_RBBB_MV, _LBBB_MV, _LAFB_DEG = np.array([-0.35, 0.0, -0.45]), np.array([0.45, 0.1, 0.4]), -45.0


@dataclass(frozen=True, eq=False)
class Heart:
    """Electrical hearts of n people.

    Parameters
    ----------
    forces : ndarray, shape (n, N_SOURCES, 3)
        Size and direction of each pulse, mV.
    time_ms, rise_ms, fall_ms : ndarray, shape (n, N_SOURCES)
        Peak of each pulse relative to the R peak and its widths before and after.
    j_ms : ndarray, shape (n,)
        End of the QRS.
    """

    forces: Floats
    time_ms: Floats
    rise_ms: Floats
    fall_ms: Floats
    j_ms: Floats


def rotation(degrees: Floats) -> Floats:
    """Rotation matrices, shape (n, 3, 3), from angles about X, Y and Z (positive Z: towards inferior)."""
    a, b, c = np.deg2rad(degrees).T
    one, zero = np.ones_like(a), np.zeros_like(a)

    def stack(*cells: Floats) -> Floats:
        return np.stack(cells, axis=-1).reshape(-1, 3, 3)

    x = stack(one, zero, zero, zero, np.cos(a), -np.sin(a), zero, np.sin(a), np.cos(a))
    y = stack(np.cos(b), zero, np.sin(b), zero, one, zero, -np.sin(b), zero, np.cos(b))
    z = stack(np.cos(c), -np.sin(c), zero, np.sin(c), np.cos(c), zero, zero, zero, one)
    return z @ y @ x


def _beyond(driver: Floats) -> Floats:
    """Smooth positive part from one SD on: what is far beyond the normal shows more than in proportion."""
    return np.log1p(np.exp(3.0 * (driver - 1.0))) / 3.0


def draw_heart(
    people: pd.DataFrame, drivers: Drivers, conduction: Conduction, z: Latents, normal: NormalHeart = NORMAL
) -> Heart:
    """Draw the electrical hearts of people.

    Parameters
    ----------
    people, drivers, conduction, z
        The same n people, the drivers of their ECGs, their timing and latents.
    normal : NormalHeart
        Fitted constants.

    Returns
    -------
    Heart
        Ready for :func:`pulses` and the torso.
    """
    men = (people["sex"] == "male").to_numpy()
    older = (people["age_years"].to_numpy() - _REFERENCE_AGE) / 10.0
    forces = np.zeros((len(people), N_SOURCES, 3))
    forces[:, QRS] = _loop(people, drivers, conduction, z, normal)
    main = forces[:, 2:6].sum(1)
    main /= np.linalg.norm(main, axis=1, keepdims=True)
    forces[conduction.rbbb, LATE] = _RBBB_MV

    woman = (~men).astype(int)
    against = _AWAY_MV * drivers.away + _AWAY_TAIL_MV * _beyond(drivers.away)
    strain = drivers.strain * (_STRAIN_MV + _STRAIN_GROWTH_MV * np.clip(drivers.growth, 0.0, 3.0))
    block = 0.45 * conduction.lbbb + 0.15 * conduction.rbbb
    size = normal.t_gain_sd * z["t_size"] + normal.t_with_qrs * normal.gain_sd * drivers.strength
    size += _T_GROWTH * drivers.growth
    size = np.exp(size + np.where(men, *normal.t_per_decade) * older)[:, None]
    forces[:, T] = (normal.t_mv[woman] + normal.t_sd_mv * z["t_turn"]) * size
    forces[:, T] -= (against + strain + block)[:, None] * main
    size = np.exp(np.where(men, *normal.st_per_decade) * older)[:, None]
    forces[:, ST] = normal.st_mv[woman] * size + normal.st_sd_mv * z["st"]
    forces[:, ST] -= (0.15 * against + 0.30 * strain + 0.40 * block)[:, None] * main
    forces[:, U] = normal.u_mv * np.exp(0.4 * z["u_wave"])[:, None]

    size = np.exp(0.2 * z["p_wave"][:, :1]) * ~conduction.af[:, None]
    atria = normal.p_mv + normal.p_sd_mv * z["p_wave"][:, 1:7].reshape(-1, 2, 3)
    forces[:, P:] = atria * size[:, :, None]
    forces[:, P + 1] *= np.exp(_ATRIUM_SD * drivers.atrium)[:, None]
    return Heart(forces, *_timing(conduction, z, normal))


def _loop(people: pd.DataFrame, drivers: Drivers, conduction: Conduction, z: Latents, normal: NormalHeart) -> Floats:
    """QRS forces, shape (n, N_STATIONS, 3)."""
    men = (people["sex"] == "male").to_numpy()
    older = (people["age_years"].to_numpy() - _REFERENCE_AGE) / 10.0
    shape = z["force"].reshape(-1, N_STATIONS, 3).copy()
    for k in range(1, N_STATIONS):
        shape[:, k] = _NEIGHBOUR_RHO * shape[:, k - 1] + np.sqrt(1.0 - _NEIGHBOUR_RHO**2) * shape[:, k]
    shape *= normal.qrs_sd_mv
    growth_mv = _GROWTH_MV * drivers.growth + _GROWTH_TAIL_MV * _beyond(drivers.growth)
    growth_mv *= np.where(men, *_GROWTH_SEX)
    turn = _GROWTH_TURN_SD * z["growth_turn"][:, None, :] * np.linalg.norm(_GROWTH, axis=1, keepdims=True)
    shape += growth_mv[:, None, None] * (_GROWTH + turn)
    size = np.exp(normal.gain_sd * drivers.strength + np.where(men, *normal.gain_per_decade) * older)
    loop = (normal.qrs_mv[(~men).astype(int)] + shape) * size[:, None, None]
    turn = normal.turn_sd_deg * z["position"] + normal.strength_turn_deg * z["strength"][:, None]
    turn[:, 1] += np.where(men, *normal.horizontal_per_decade) * older
    turn[:, 2] += np.where(men, *normal.axis_per_decade) * older - _AXIS_SD * drivers.leftward
    turn[:, 2] += _AXIS_BMI * (people["bmi_kg_m2"].to_numpy() - 24.5) + _LAFB_DEG * conduction.lafb
    loop = loop @ rotation(turn).transpose(0, 2, 1)
    loop[conduction.lbbb, 1] *= -1.0
    loop[conduction.lbbb, 4:6] += _LBBB_MV
    return loop


def _timing(conduction: Conduction, z: Latents, normal: NormalHeart) -> tuple[Floats, Floats, Floats, Floats]:
    """Peak, rise and fall of every pulse, and the end of the QRS."""
    qrs = conduction.qrs_ms
    onset, j = -_R_FRACTION * qrs, (1.0 - _R_FRACTION) * qrs
    time, rise, fall = (np.empty((len(qrs), N_SOURCES)) for _ in range(3))
    # a right block leaves the left ventricle's time alone and adds the late force
    left = np.where(conduction.rbbb, conduction.intrinsic_ms, qrs)[:, None]
    time[:, QRS] = onset[:, None] + _CENTRES * left
    rise[:, QRS] = fall[:, QRS] = normal.width * left * np.exp(0.10 * z["width"])[:, None]
    time[:, LATE], rise[:, LATE], fall[:, LATE] = j - 28.0, 13.0, 14.0
    before_end, t_rise, t_fall = normal.t_time_ms
    peak = onset + conduction.qt_ms - before_end
    time[:, T] = peak
    rise[:, T] = t_rise * np.exp(0.12 * z["t_shape"][:, 0])
    fall[:, T] = t_fall * np.exp(0.10 * z["t_shape"][:, 1])
    time[:, ST], rise[:, ST], fall[:, ST] = peak, 8.0, 22.0
    time[:, U], rise[:, U], fall[:, U] = peak + 165.0, 45.0, 55.0
    apart, width = normal.p_time_ms
    time[:, P] = onset - conduction.pr_ms + 2.3 * width
    time[:, P + 1] = time[:, P] + apart
    rise[:, P:] = fall[:, P:] = width
    return time, rise, fall, j


def pulses(heart: Heart, normal: NormalHeart = NORMAL) -> NDArray[np.float32]:
    """Time courses of the forces.

    Returns
    -------
    ndarray of float32, shape (n, N_SOURCES, BEAT_SAMPLES)
        Each pulse with peak 1 on the grid ``BEAT_MS``: Gaussians with two widths; T falls with a longer
        tail; ST is a plateau from the end of the QRS to the peak of T.
    """
    t = BEAT_MS.astype(np.float32)
    time, rise, fall = (a[:, :, None].astype(np.float32) for a in (heart.time_ms, heart.rise_ms, heart.fall_ms))
    away = t - time
    shape = away / np.where(away < 0, rise, fall)
    out = np.exp(-0.5 * shape * shape)
    tail = np.exp(-0.5 * np.maximum(shape[:, T], 0.0) ** np.float32(normal.t_tail))
    out[:, T] = np.where(away[:, T] < 0, out[:, T], tail)
    start = heart.j_ms[:, None].astype(np.float32) + np.float32(12.0)
    out[:, ST] = expit((t - start) / rise[:, ST]) * expit((time[:, ST] - t) / fall[:, ST])
    return out
