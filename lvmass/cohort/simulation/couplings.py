"""What mass does to the ECG: a few drivers, each with a switch.

A driver has much natural spread and a modest correlation with excess mass, so that an ECG, however well
it is read, tells no more of mass than it does in people (study-facts 6.3). With a switch off the driver
keeps its spread but loses its tie to mass; sex, age and body size act on it as before.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from lvmass.cohort.simulation.latent import Latents
from lvmass.cohort.simulation.ventricle import Ventricle

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Couplings:
    """Which parts of the ECG know the ventricle's mass; 1 is life, 0 is off.

    Parameters
    ----------
    qrs_voltage, qrs_duration, axis, st_t, atrium : float
        Strength of each path from excess mass (beyond what sex and body size predict) to the ECG, 0 to 1.
    sex_interaction : bool
        Whether the paths differ in strength between men and women.

    Examples
    --------
    >>> Couplings.none().qrs_voltage
    0.0
    """

    qrs_voltage: float = 1.0
    qrs_duration: float = 1.0
    axis: float = 1.0
    st_t: float = 1.0
    atrium: float = 1.0
    sex_interaction: bool = True

    @classmethod
    def none(cls) -> "Couplings":
        """Return all couplings switched off."""
        return cls(0.0, 0.0, 0.0, 0.0, 0.0, False)


@dataclass(frozen=True, eq=False)
class Drivers:
    """Standardized drivers of n people's ECGs, each of shape (n,).

    Parameters
    ----------
    strength : ndarray
        Size of all QRS forces (and, in part, of T).
    growth : ndarray
        Extra force of the left-ventricular wall: to the left, backwards and up.
    duration : ndarray
        QRS duration.
    leftward : ndarray
        Frontal axis, positive to the left.
    away : ndarray
        T turned against the QRS.
    atrium : ndarray
        Left-atrial force.
    strain : ndarray of bool
        The strain pattern: ST down and T inverted against the QRS.
    """

    strength: Floats
    growth: Floats
    duration: Floats
    leftward: Floats
    away: Floats
    atrium: Floats
    strain: NDArray[np.bool_]


# Correlation with excess mass, set against the calibration card (study-facts 6.3 and 6.8; benchmarks/simulation_card.py
# says what is met): r of QRS duration 0.25-0.4 within sex, Sokolow-Lyon 0.2-0.3, Cornell product 0.3-0.4, and a partial
# r2 of 0.10-0.20 of the measured ECG, which keeps voltages and duration this weak.
_STRENGTH, _GROWTH, _DURATION, _LEFTWARD, _AWAY, _ATRIUM = 0.255, 0.355, 0.21, 0.03, 0.03, 0.10
# Factor on the voltage paths in men and women: gives both about the same r of Sokolow-Lyon (0.2-0.3 in each, 6.8).
_VOLTAGE_SEX = 1.0, 1.1
# Correlation with log body surface: a larger person has a larger heart and a longer QRS (r of QRS duration with
# body surface 0.40, study-facts 6.4), with couplings or without. The size of the forces is set with the chest's
# attenuation in torso.py: obese against lean -15 to -20 % in all.
_STRENGTH_BODY, _DURATION_BODY = 0.42, 0.62
# Log odds of strain: intercept, per SD of excess mass, with hypertension. 2-5 % in all, steep in mass (6.4, 6.8).
_STRAIN, _STRAIN_MASS, _STRAIN_HYPERTENSION = -4.1, 1.05, 0.8
# The study saw sex differences in ST-T weighting (study-facts 1.1): here repolarization says more in women.
_ST_T_SEX = 0.85, 1.2


def draw_drivers(people: pd.DataFrame, ventricle: Ventricle, z: Latents, on: Couplings) -> Drivers:
    """Draw the drivers of people's ECGs.

    Parameters
    ----------
    people, ventricle, z
        The same n people, their ventricles and latents.
    on : Couplings
        Which paths from mass to the ECG are open, and how far.

    Returns
    -------
    Drivers
        Of n people.
    """
    men = (people["sex"] == "male").to_numpy()
    more_st = np.where(men, *_ST_T_SEX) if on.sex_interaction else np.ones(len(people))
    more_qrs = np.where(men, *_VOLTAGE_SEX) if on.sex_interaction else np.ones(len(people))

    def driver(r: Floats | float, own: Floats, r_body: float = 0.0) -> Floats:
        return r * ventricle.excess + r_body * ventricle.body + np.sqrt(1.0 - np.square(r) - r_body**2) * own

    hypertension = people["hypertension"].to_numpy()
    odds = _STRAIN + on.st_t * (_STRAIN_MASS * ventricle.excess + _STRAIN_HYPERTENSION * hypertension)
    return Drivers(
        strength=driver(_STRENGTH * on.qrs_voltage * more_qrs, z["strength"], _STRENGTH_BODY),
        growth=driver(_GROWTH * on.qrs_voltage * more_qrs, z["growth"]),
        duration=driver(_DURATION * on.qrs_duration, z["duration"], _DURATION_BODY),
        leftward=driver(_LEFTWARD * on.axis, z["leftward"]),
        away=driver(_AWAY * on.st_t * more_st, z["away"]),
        atrium=driver(_ATRIUM * on.atrium, z["atrium"]),
        strain=z.uniform("strain") < expit(odds),
    )
