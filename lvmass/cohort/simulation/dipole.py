"""Depolarization and repolarization as forces of a heart vector, from the ventricle.

A beat is a sum of pulses in time, each with a size and a direction in space (X left, Y inferior, Z
posterior; millivolt in Dower's frame): seven stations of the QRS loop from the septum to the base, a late
force of a blocked bundle, ST, T and U, and two atrial forces. Mass acts on the left-ventricular
forces' size, on the QRS duration and axis, and turns repolarization away from depolarization.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from lvmass.cohort.simulation.conduction import Conduction
from lvmass.cohort.simulation.latent import N_STATIONS, Latents
from lvmass.cohort.simulation.ventricle import Couplings, Ventricle

Floats = NDArray[np.float64]

RATE_HZ = 500.0
R_SAMPLE = 160
BEAT_SAMPLES = 500
BEAT_MS = (np.arange(BEAT_SAMPLES) - R_SAMPLE) * 1000.0 / RATE_HZ
QRS = slice(0, N_STATIONS)
LATE, ST, T, U, P, N_SOURCES = (N_STATIONS + k for k in (0, 1, 2, 3, 4, 6))
_R_FRACTION = 0.48  # of the QRS lies before the R peak
_CENTRES = 0.5 + 1.10 * ((np.arange(N_STATIONS) + 0.5) / N_STATIONS - 0.5)
_WIDTH = 0.073

# Everything below to the dashed line is fitted to means and SDs, by sex and age, of the normal ECGs of PTB-XL in
# folds 1-4 (benchmarks/simulation_fit.py) and checked on folds 5-7.
_MEN = np.array(
    [
        [0.0, -0.01, 0.01],
        [-0.06, 0.12, -0.24],
        [0.48, 0.05, -0.35],
        [1.5, 0.17, 1.2],
        [-0.07, -0.01, 1.28],
        [-0.08, -0.04, 0.3],
        [0.0, 0.01, 0.0],
    ]
)
_WOMEN = np.array(
    [
        [0.02, 0.01, 0.02],
        [-0.06, 0.0, -0.2],
        [0.41, 0.07, -0.14],
        [1.2, 0.64, 0.85],
        [0.09, 0.0, 0.96],
        [-0.07, 0.02, 0.26],
        [-0.02, -0.01, -0.02],
    ]
)
_FORCE_SD = np.array(
    [
        [0.01, 0.02, 0.02],
        [0.04, 0.03, 0.05],
        [0.08, 0.09, 0.21],
        [0.11, 0.15, 0.15],
        [0.1, 0.1, 0.09],
        [0.06, 0.04, 0.12],
        [0.01, 0.02, 0.02],
    ]
)
_FORCE_RHO = -0.74  # neighbouring stations vary together
_GAIN_SD = 0.04
_TURN_SD = np.array([14.1, 7.7, 3.7])
_GAIN_AGE = (-0.06, -0.003)  # men, women; per 10 years
_HORIZONTAL_AGE = (-0.1, 0.74)  # degrees per 10 years
_AXIS_AGE = (-8.2, -2.1)  # degrees per 10 years
_T_VECTOR = np.array([[0.34, 0.19, -0.14], [0.29, 0.22, -0.02]])
_T_SD = np.array([0.05, 0.05, 0.09])
_T_GAIN_SD = 0.2
_T_AGE = (-0.086, 0.012)
_ST_VECTOR = np.array([[0.022, 0.01, -0.068], [0.013, 0.009, -0.038]])
_ST_SD = np.array([0.016, 0.008, 0.027])
_ST_AGE = (-0.196, -0.007)
_P_VECTOR = np.array([[0.06, 0.083, 0.016], [0.064, 0.067, 0.062]])
_P_SD = np.array([0.004, 0.011, 0.008])
_P_TIME = (55.9, 39.2, 14.2)  # from the P onset to the right peak, on to the left one; width, ms
_U_VECTOR = np.array([0.069, 0.082, 0.023])
_T_TIME = (79.8, 50.5, 38.3)  # peak before the end of QT, rise, fall, ms
# ----
_REFERENCE_AGE = 50.0
# What mass does. Each path is a driver with much natural spread and a modest correlation with excess mass, so that an
# ECG, however well it is read, tells no more of mass than it does in people (study-facts 6.3).
_R_GROWTH, _R_AXIS, _R_AWAY, _R_ATRIUM = 0.48, 0.28, 0.18, 0.15
_R_GROWTH_BODY = 0.30  # a larger person's larger heart, with or without couplings
# A strong left ventricle adds force to the left, backwards and a little upwards, most in the later middle of the QRS.
_GROWTH_DIRECTION = np.array([0.62, -0.25, 0.68])
_GROWTH_TURN_SD = 0.30  # which wall is thick, and how the heart lies
_GROWTH_SHAPE = np.array([0.0, 0.1, 0.6, 1.0, 0.8, 0.3, 0.0])
_GROWTH_MV, _GROWTH_TAIL_MV = 0.36, 0.30
_AXIS_SD = 15.0  # degrees, leftward
_AXIS_BMI = -2.2  # degrees per kg/m2: a raised diaphragm
_AWAY_MV, _AWAY_TAIL_MV = 0.06, 0.06  # T against the QRS
_ATRIUM_SD = 0.20
_STRAIN = (-5.2, 1.3, 0.8)  # log odds: intercept, per SD of excess mass, with hypertension


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
    drivers : DataFrame
        The noise-free quantities through which the ECG carries mass, for the oracle.
    """

    forces: Floats
    time_ms: Floats
    rise_ms: Floats
    fall_ms: Floats
    j_ms: Floats
    drivers: pd.DataFrame


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


def _smooth(z: Floats, rho: float) -> Floats:
    """Standard normals whose neighbours along axis 1 correlate with ``rho``."""
    out = z.copy()
    for k in range(1, z.shape[1]):
        out[:, k] = rho * out[:, k - 1] + np.sqrt(1.0 - rho**2) * z[:, k]
    return out


def _driver(r: Floats | float, excess: Floats, z: Floats) -> Floats:
    """A standard normal driver of the ECG that correlates with excess mass."""
    return r * excess + np.sqrt(1.0 - np.square(r)) * z


def _beyond(driver: Floats) -> Floats:
    """Smooth positive part from one SD on: what is far beyond the normal shows more than in proportion."""
    return np.log1p(np.exp(3.0 * (driver - 1.0))) / 3.0


def draw_heart(people: pd.DataFrame, ventricle: Ventricle, conduction: Conduction, z: Latents, on: Couplings) -> Heart:
    """Draw the electrical hearts of people.

    Parameters
    ----------
    people, ventricle, conduction, z
        The same n people, their ventricles, timing and latents.
    on : Couplings
        Which paths from mass to the ECG are open.

    Returns
    -------
    Heart
        Ready for :func:`pulses` and the torso.
    """
    n = len(people)
    men = (people["sex"] == "male").to_numpy()
    woman = (~men).astype(int)
    older = (people["age_years"].to_numpy() - _REFERENCE_AGE) / 10.0
    heavier = people["bmi_kg_m2"].to_numpy() - 24.5
    excess = ventricle.excess
    # The study saw sex differences in ST-T weighting (study-facts 1.1): repolarization says more in women.
    more_st = np.where(men, 0.85, 1.2) if on.sex_interaction else np.ones(n)
    more_voltage = np.where(men, 1.0, 0.9) if on.sex_interaction else np.ones(n)
    rest = np.sqrt(1.0 - _R_GROWTH_BODY**2)
    growth = _driver(_R_GROWTH * on.qrs_voltage * more_voltage / rest, excess, z["growth"])
    growth = _R_GROWTH_BODY * ventricle.body + rest * growth
    leftward = _driver(_R_AXIS * on.axis, excess, z["axis"])
    away = _driver(_R_AWAY * on.st_t * more_st, excess, z["away"])
    atrium = _ATRIUM_SD * _driver(_R_ATRIUM * on.atrium, excess, z["atrium"])

    # depolarization
    gain = np.exp(_GAIN_SD * z["voltage"] + np.where(men, *_GAIN_AGE) * older)
    shape = _smooth(z["force"].reshape(n, N_STATIONS, 3), _FORCE_RHO) * _FORCE_SD
    grown_mv = _GROWTH_MV * growth + _GROWTH_TAIL_MV * _beyond(growth)
    direction = _GROWTH_DIRECTION + _GROWTH_TURN_SD * z["growth_turn"]
    shape += grown_mv[:, None, None] * _GROWTH_SHAPE[:, None] * direction[:, None, :]
    loop = (np.stack([_MEN, _WOMEN])[woman] + shape) * gain[:, None, None]
    turn = _TURN_SD * z["position"]
    turn[:, 1] += np.where(men, *_HORIZONTAL_AGE) * older
    turn[:, 2] += np.where(men, *_AXIS_AGE) * older + _AXIS_BMI * heavier - _AXIS_SD * leftward
    turn[:, 2] -= 45.0 * conduction.lafb
    forces = np.zeros((n, N_SOURCES, 3))
    forces[:, QRS] = loop @ rotation(turn).transpose(0, 2, 1)
    forces[conduction.lbbb, 1] *= -1.0
    forces[conduction.lbbb, 4:6] += np.array([0.45, 0.1, 0.4])
    forces[conduction.rbbb, LATE] = np.array([-0.35, 0.0, -0.45])
    main = forces[:, 2:6].sum(1)
    main /= np.linalg.norm(main, axis=1, keepdims=True)

    # repolarization turns away from depolarization with mass; strain comes steeply with mass and hypertension
    odds = _STRAIN[0] + on.st_t * (_STRAIN[1] * excess + _STRAIN[2] * people["hypertension"].to_numpy())
    strain = z.uniform("strain") < expit(odds)
    against = _AWAY_MV * away + _AWAY_TAIL_MV * _beyond(away)
    severity = strain * (0.35 + 0.10 * np.clip(growth, 0.0, 3.0))
    t_gain = np.exp(_T_GAIN_SD * z["t_size"] + np.where(men, *_T_AGE) * older)[:, None]
    t_vector = (_T_VECTOR[woman] + _T_SD * z["t_turn"]) * t_gain
    block = 0.45 * conduction.lbbb + 0.15 * conduction.rbbb
    forces[:, T] = t_vector - (against + severity + block)[:, None] * main
    st_size = np.exp(np.where(men, *_ST_AGE) * older)[:, None]
    st_vector = _ST_VECTOR[woman] * st_size + _ST_SD * z["st"]
    forces[:, ST] = st_vector - (0.15 * against + 0.30 * severity + 0.4 * block)[:, None] * main
    forces[:, U] = _U_VECTOR * np.exp(0.4 * z["u_wave"])[:, None]

    # atria: right, then left; the left one grows behind a loaded ventricle
    size = np.exp(0.2 * z["p_wave"][:, 0])
    atria = _P_VECTOR + _P_SD * z["p_wave"][:, 1:7].reshape(n, 2, 3)
    forces[:, P:] = atria * (size * ~conduction.af)[:, None, None]
    forces[:, P + 1] *= np.exp(atrium)[:, None]

    drivers = pd.DataFrame(
        {
            "growth": growth,
            "leftward": leftward,
            "away": away,
            "atrium": atrium,
            "strain": strain.astype(np.float64),
            "qrs_ms": conduction.intrinsic_ms,
        }
    )
    return Heart(forces, *_timing(conduction, z, atrium), drivers)


def _timing(conduction: Conduction, z: Latents, atrium: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Peak, rise and fall of every pulse, and the end of the QRS."""
    qrs = conduction.qrs_ms
    n = len(qrs)
    onset, j = -_R_FRACTION * qrs, (1.0 - _R_FRACTION) * qrs
    time, rise, fall = (np.empty((n, N_SOURCES)) for _ in range(3))
    # a right block leaves the left ventricle's time alone and adds the late force
    left = np.where(conduction.rbbb, conduction.intrinsic_ms, qrs)[:, None]
    time[:, QRS] = onset[:, None] + _CENTRES * left
    rise[:, QRS] = fall[:, QRS] = _WIDTH * left * np.exp(0.10 * z["width"])[:, None]
    time[:, LATE], rise[:, LATE], fall[:, LATE] = j - 28.0, 13.0, 14.0
    peak = onset + conduction.qt_ms - _T_TIME[0]
    time[:, T], rise[:, T] = peak, _T_TIME[1] * np.exp(0.12 * z["t_shape"][:, 0])
    fall[:, T] = _T_TIME[2] * np.exp(0.10 * z["t_shape"][:, 1])
    time[:, ST], rise[:, ST], fall[:, ST] = peak, 8.0, 22.0
    time[:, U], rise[:, U], fall[:, U] = peak + 165.0, 45.0, 55.0
    time[:, P] = onset - conduction.pr_ms + _P_TIME[0]
    time[:, P + 1] = time[:, P] + _P_TIME[1] + 4.0 * atrium
    rise[:, P:] = fall[:, P:] = _P_TIME[2]
    return time, rise, fall, j


def pulses(heart: Heart) -> NDArray[np.float32]:
    """Time courses of the forces.

    Returns
    -------
    ndarray of float32, shape (n, N_SOURCES, BEAT_SAMPLES)
        Each pulse with peak 1 on the grid ``BEAT_MS``: Gaussians with two widths; ST is a plateau from
        the end of the QRS to the peak of T.
    """
    t = BEAT_MS.astype(np.float32)
    time, rise, fall = (a[:, :, None].astype(np.float32) for a in (heart.time_ms, heart.rise_ms, heart.fall_ms))
    away = t - time
    shape = away / np.where(away < 0, rise, fall)
    out = np.exp(-0.5 * shape * shape)
    start = heart.j_ms[:, None].astype(np.float32) + np.float32(12.0)
    out[:, ST] = expit((t - start) / rise[:, ST]) * expit((time[:, ST] - t) / fall[:, ST])
    return out
