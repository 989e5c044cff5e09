"""Who is in a simulated cohort: sex, age, body, blood pressure and disease, jointly, for each site."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from lvmass.cohort.schema import bsa_mosteller_m2
from lvmass.cohort.simulation.latent import Latents
from lvmass.errors import DataError


@dataclass(frozen=True)
class Site:
    """What differs between the development and the external hospital.

    Pairs are (men, women).

    Parameters
    ----------
    name : str
        Value of ``like``.
    share_men : float
        TW-CVAI: 60 % fits the published MAE and MAPE (study-facts 1.2).
    age_years, age_sd : pair of float
        Mean and SD; people undergoing coronary CT (study-facts 6.7).
    hypertension, diabetes : float
        Prevalence at the reference age and BMI.
    bmi_shift : float
        Added to the mean body-mass index, kg/m2.
    af, conduction : float
        Prevalence of atrial fibrillation at 60 years; factor on conduction disease.
    noise : float
        Factor on the recording's noise.
    band_hz : pair of float
        High-pass and low-pass corner of the device.
    step_uv : float
        Quantization step of the device.
    mains_hz : float
        60 Hz in Taiwan.
    height_shift_cm : float
        Added to the mean height.
    """

    name: str
    share_men: float
    age_years: tuple[float, float]
    age_sd: tuple[float, float]
    hypertension: float
    diabetes: float
    bmi_shift: float
    af: float
    conduction: float
    noise: float
    band_hz: tuple[float, float]
    step_uv: float
    mains_hz: float = 60.0
    height_shift_cm: float = 0.0


SITES: dict[str, Site] = {
    site.name: site
    for site in (
        Site("tw-cvai", 0.60, (57.0, 60.0), (11.0, 10.5), 0.45, 0.16, 0.0, 0.015, 1.0, 1.0, (0.05, 150.0), 4.88),
        # a referral hospital: older, sicker, another cart with a narrower band and coarser steps
        Site("ntuh", 0.55, (63.0, 65.5), (13.0, 12.5), 0.60, 0.26, 0.4, 0.04, 1.6, 1.3, (0.16, 100.0), 2.5),
    )
}

# Height and BMI at 50-70 years (study-facts 6.7); 0.10 cm a year is the difference between birth cohorts there.
_HEIGHT_CM = (167.0, 155.5)
_HEIGHT_SD = (6.2, 5.7)
_HEIGHT_PER_YEAR = -0.10
_BMI = (25.2, 24.5)
_BMI_SD = (3.3, 3.7)
_REFERENCE_AGE = 58.0
# SBP 129 (20) mmHg in Taiwanese over 40 (study-facts 6.7); its rise with age and BMI as in population surveys.
_SBP = 124.0
_SBP_PER_YEAR = 0.45
_SBP_PER_BMI = 0.6
_SBP_HYPERTENSION = 11.0
_SBP_SD = 16.5
_SMOKING = (0.35, 0.04)


def site_of(like: str) -> Site:
    """Return the site called ``like``.

    Raises
    ------
    DataError
        If there is none.
    """
    if like not in SITES:
        raise DataError(f"like is {like!r}; the simulator knows {' and '.join(map(repr, SITES))}.")
    return SITES[like]


def draw_people(z: Latents, site: Site) -> pd.DataFrame:
    """Turn latents into people.

    Parameters
    ----------
    z : Latents
        Of n people.
    site : Site
        Where they were examined.

    Returns
    -------
    DataFrame
        n rows with ``sex, age_years, height_cm, weight_kg, bmi_kg_m2, bsa_m2, sbp_mmhg, hypertension,
        diabetes, smoking``.

    Examples
    --------
    >>> from lvmass.cohort.simulation.latent import draw_latents
    >>> people = draw_people(draw_latents(1, "tw-cvai", 0, 500), SITES["tw-cvai"])
    >>> bool(people.height_cm.between(120, 220).all())
    True
    """
    men = z.uniform("sex") < site.share_men

    def by_sex(pair: tuple[float, float]) -> NDArray[np.float64]:
        return np.where(men, pair[0], pair[1])

    age = np.clip(by_sex(site.age_years) + by_sex(site.age_sd) * z["age"], 20.0, 92.0)
    older = age - _REFERENCE_AGE
    height = by_sex(_HEIGHT_CM) + site.height_shift_cm + _HEIGHT_PER_YEAR * older + by_sex(_HEIGHT_SD) * z["height"]
    height = np.clip(height, 135.0, 205.0)
    # log-normal with the stated mean and SD
    spread = np.sqrt(np.log1p((by_sex(_BMI_SD) / by_sex(_BMI)) ** 2))
    bmi = (by_sex(_BMI) + site.bmi_shift) * np.exp(spread * z["bmi"] - spread**2 / 2)
    bmi = np.clip(bmi, 15.0, 48.0)
    heavier = bmi - 25.0
    odds = np.log(site.hypertension / (1 - site.hypertension))
    hypertension = z.uniform("hypertension") < expit(odds + 0.045 * older + 0.13 * heavier)
    odds = np.log(site.diabetes / (1 - site.diabetes))
    diabetes = z.uniform("diabetes") < expit(odds + 0.025 * older + 0.09 * heavier + 0.5 * hypertension)
    sbp = _SBP + _SBP_PER_YEAR * older + _SBP_PER_BMI * heavier + _SBP_HYPERTENSION * hypertension
    sbp = np.clip(sbp + _SBP_SD * z["sbp"], 85.0, 230.0)
    weight = np.clip(bmi * (height / 100.0) ** 2, 32.0, 180.0)
    return pd.DataFrame(
        {
            "sex": np.where(men, "male", "female"),
            "age_years": np.round(age, 1),
            "height_cm": np.round(height, 1),
            "weight_kg": np.round(weight, 1),
            "bmi_kg_m2": bmi,
            "bsa_m2": bsa_mosteller_m2(np.round(height, 1), np.round(weight, 1)),
            "sbp_mmhg": np.round(sbp),
            "hypertension": hypertension.astype(np.float64),
            "diabetes": diabetes.astype(np.float64),
            "smoking": z.uniform("smoking") < by_sex(_SMOKING),
        }
    )
