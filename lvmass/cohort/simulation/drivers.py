"""What mass, body, age and disease do to a person's ECG: drivers with a switch each, intervals, conduction.

A driver has much natural spread and a modest correlation with excess mass, so that an ECG, however well it is read,
tells no more of mass than it does in people. With a switch off the driver keeps its spread but loses its tie to mass;
sex, age and body size act on it as before.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from lvmass.cohort.simulation import constants as c
from lvmass.cohort.simulation.people import Latents, People


@dataclass(frozen=True)
class Couplings:
    """Which parts of the ECG know the ventricle's mass; 1 is life, 0 is off.

    Parameters
    ----------
    qrs_voltage, qrs_duration, axis, st_t, atrium : float
        Strength of each path from excess mass (beyond what sex and body size predict) to the ECG, 0 to 1.
    sex_interaction : float
        Power of the factors by which paths differ in strength between men and women: 0 makes them alike, 4 is a
        positive control.

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
    sex_interaction: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a power at which a correlation would pass 1."""
        if not 0 <= self.sex_interaction <= 4:
            raise ValueError(f"sex_interaction must lie between 0 and 4; got {self.sex_interaction:g}.")

    @classmethod
    def none(cls) -> "Couplings":
        """Return all couplings switched off."""
        return cls(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


# all that mass reaches in an ECG
DRIVERS = ("strength", "growth", "duration", "leftward", "away", "atrium", "strain")


def draw_drivers(people: People, z: Latents, on: Couplings, setting: c.Setting) -> People:
    """Draw the drivers of people's ECGs.

    Parameters
    ----------
    people, z
        n people with their ventricles, and their latents.
    on : Couplings
        Which paths from mass to the ECG are open, and how far.
    setting : Setting
        How much an open path carries.

    Returns
    -------
    People
        With standardized ``strength`` (size of all QRS forces and, in part, of T), ``growth`` (extra force of the left
        ventricle's wall), ``duration`` (of the QRS), ``leftward`` (frontal axis), ``away`` (T turned against the QRS),
        ``atrium`` (left-atrial force), and ``strain`` (bool: ST down and T inverted against the QRS).
    """
    more_qrs = np.where(people["men"], *setting.voltage_sex) ** on.sex_interaction
    more_st = np.where(people["men"], *setting.st_t_sex) ** on.sex_interaction

    def driver(name: str, r: float | NDArray[np.float64], r_body: float = 0.0) -> NDArray[np.float64]:
        own = np.sqrt(1.0 - np.square(r) - r_body**2) * z[name]
        return np.asarray(r * people["excess"] + r_body * people["body"] + own)

    strain = c.STRAIN_MASS * people["excess"] + c.STRAIN_HYPERTENSION * people["hypertension"]
    return people | {
        "strength": driver("strength", setting.strength_r * on.qrs_voltage * more_qrs, c.STRENGTH_BODY_R),
        "growth": driver("growth", setting.growth_r * on.qrs_voltage * more_qrs),
        "duration": driver("duration", setting.duration_r * on.qrs_duration, c.DURATION_BODY_R),
        "leftward": driver("leftward", setting.leftward_r * on.axis),
        "away": driver("away", setting.away_r * on.st_t * more_st),
        "atrium": driver("atrium", setting.atrium_r * on.atrium),
        "strain": z.uniform("strain") < expit(c.STRAIN + on.st_t * strain),
    }


def draw_conduction(people: People, z: Latents, site: c.Site, normal: c.NormalHeart = c.NORMAL) -> People:
    """Draw rate, intervals and conduction disease of people.

    Parameters
    ----------
    people, z
        n people with the drivers of their ECGs, and their latents.
    site : Site
        For the prevalence of disease.
    normal : NormalHeart
        Fitted constants.

    Returns
    -------
    People
        With ``rr_ms, pr_ms, qt_ms``, ``qrs_ms`` (with any block), ``intrinsic_ms`` (QRS without block) and the flags
        ``af, rbbb, lbbb, lafb, pvc, pac``. Disease follows age alone, so that it says nothing on mass.
    """
    men = people["men"]
    older = (people["age_years"] - c.CONDUCTION_AGE) / 10.0
    af = z.uniform("af") < np.clip(site.af * np.exp(0.7 * older), 0.0, 0.3)
    disease = site.conduction * np.exp(0.5 * older)
    rbbb = z.uniform("rbbb") < c.RBBB * disease
    lbbb = ~rbbb & (z.uniform("lbbb") < c.LBBB * disease)
    rate = np.where(men, *c.RATE_BPM) * np.exp(c.RATE_SD * z["rate"]) * np.where(af, 1.15, 1.0)
    rr = 60000.0 / np.clip(rate, 42.0, 135.0)
    intrinsic = np.clip(np.where(men, *c.QRS_MS) + np.where(men, *c.QRS_SD) * people["duration"], 66.0, 126.0)
    qrs = intrinsic + c.LBBB_MS * lbbb + c.RBBB_MS * rbbb
    qt = c.QT_MS * (rr / 1000.0) ** 0.4 + np.where(men, *c.QT_SEX_MS) + c.QT_SD * z["qt"] + 0.6 * (qrs - 88.0)
    pr = np.where(men, *normal.pr_ms) + c.PR_PER_DECADE * older + normal.pr_sd_ms * z["pr"]
    return people | {
        "rr_ms": rr,
        "pr_ms": np.clip(pr, 110.0, 300.0),
        "qrs_ms": qrs,
        "qt_ms": qt,
        "intrinsic_ms": intrinsic,
        "af": af,
        "rbbb": rbbb,
        "lbbb": lbbb,
        "lafb": z.uniform("lafb") < c.LAFB * disease,
        "pvc": z.uniform("pvc") < c.PVC,
        "pac": z.uniform("pac") < c.PAC,
    }
