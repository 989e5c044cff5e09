"""Left-ventricular mass and geometry from the person, and the label that a CT scanner would give."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lvmass.cohort.simulation.latent import Latents


@dataclass(frozen=True, eq=False)
class Ventricle:
    """Left ventricles of n people; every array has shape (n,).

    Parameters
    ----------
    mass_g : ndarray
        True mass.
    label_g : ndarray
        Mass as measured by CT.
    body : ndarray
        Log of mass expected for sex and body size, standardized within sex.
    excess : ndarray
        Log of true over expected mass, in SDs; what the couplings carry into the ECG.
    cavity_ml : ndarray
        End-diastolic volume.
    wall_mm : ndarray
        Mean wall thickness.
    """

    mass_g: NDArray[np.float64]
    label_g: NDArray[np.float64]
    body: NDArray[np.float64]
    excess: NDArray[np.float64]
    cavity_ml: NDArray[np.float64]
    wall_mm: NDArray[np.float64]


# Median mass of a man and a woman of the reference body and 128 mmHg; gives 126 (26) and 92 (19) g in "tw-cvai"
# (study-facts 6.8). LVM ~ BSA^about 1 and height^1.7 (6.2).
_MASS_G = (119.6, 88.6)
_BSA_M2 = (1.80, 1.59)
_BSA_POWER = 1.0
# +3.8 % per 10 mmHg (UK Biobank, 6.2).
_SBP_SLOPE = 0.0038
# Smoking +7.7 g, diabetes +3.5 g on about 150 g (MESA, 6.2).
_SMOKING, _DIABETES = 0.050, 0.023
# Male mass falls with age at given body and pressure (Fuchs, MESA, 6.2).
_PER_YEAR = (-0.0016, 0.0)
_EXERCISE = 0.030
_LATENT_SD = (0.109, 0.122)
# One person in twenty has a ventricle far outside the normal (valve, cardiomyopathy): a clinical cohort's tail, set by
# the SD of LVM; it ends at three times the expected mass, or the SD of 20 000 people would hang on two of them.
_TAIL_SHARE, _TAIL_MEAN = 0.045, 0.25
# CT label noise: between-scanner CV 3.1 %, 3-6 % altogether (6.5).
LABEL_CV = 0.04
# SD of log(true / expected), the unit of ``excess``.
EXCESS_SD = 0.155
_DENSITY_G_ML = 1.055  # study-facts 6.1


def draw_ventricle(people: pd.DataFrame, z: Latents) -> Ventricle:
    """Draw the ventricles of people.

    Parameters
    ----------
    people : DataFrame
        From :func:`lvmass.cohort.simulation.people.draw_people`.
    z : Latents
        The same people's latents.

    Returns
    -------
    Ventricle
        Mass, its label, and the geometry that the heart vector follows.
    """
    men = (people["sex"] == "male").to_numpy()
    bsa, age = people["bsa_m2"].to_numpy(), people["age_years"].to_numpy()
    body = _BSA_POWER * np.log(bsa / np.where(men, *_BSA_M2))
    expected = np.log(np.where(men, *_MASS_G)) + body + np.where(men, *_PER_YEAR) * (age - 58.0)
    load = (
        _SBP_SLOPE * (people["sbp_mmhg"].to_numpy() - 128.0)
        + _SMOKING * people["smoking"].to_numpy()
        + _DIABETES * people["diabetes"].to_numpy()
        + _EXERCISE * z["exercise"]
    )
    share = z.uniform("tail")
    tail = np.where(share < _TAIL_SHARE, -_TAIL_MEAN * np.log(np.maximum(share / _TAIL_SHARE, 1e-2)), 0.0)
    excess = load + np.where(men, *_LATENT_SD) * z["mass"] + tail
    mass = np.exp(expected + excess)
    # Pressure thickens the wall, other loads widen the cavity: relative wall thickness 2h/D about 0.36 (0.06).
    relative_wall = 0.36 * np.exp(0.0025 * (people["sbp_mmhg"].to_numpy() - 128.0) + 0.14 * z["geometry"])
    # A shell of relative thickness r around a cavity V has mass density * V * ((1 + r)^3 - 1).
    cavity = mass / (_DENSITY_G_ML * ((1.0 + relative_wall) ** 3 - 1.0))
    radius_mm = 10.0 * (3.0 * cavity / (4.0 * np.pi)) ** (1.0 / 3.0)
    return Ventricle(
        mass_g=mass,
        label_g=mass * np.exp(LABEL_CV * z["label"]),
        body=body / (_BSA_POWER * 0.090),
        excess=excess / EXCESS_SD,
        cavity_ml=cavity,
        wall_mm=relative_wall * radius_mm,
    )
