"""Rate, intervals and conduction disease: when each part of a person's beat happens."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lvmass.cohort.simulation.couplings import Drivers
from lvmass.cohort.simulation.latent import Latents
from lvmass.cohort.simulation.normal_heart import NORMAL, NormalHeart
from lvmass.cohort.simulation.people import Site

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_RATE_BPM, _RATE_SD = (65.0, 67.5), 0.15  # 66-67 (9) at rest (study-facts 6.4)
_QRS_MS, _QRS_SD = (94.4, 83.2), (6.5, 6.5)  # study-facts 6.8; the loop's shape adds to the spread that is measured
# Prevalence at 60 years of complete right and left bundle-branch block, left anterior block and ectopy in ten
# seconds, in adults of that age; general knowledge, not in study-facts.
_RBBB, _LBBB, _LAFB, _PVC, _PAC = 0.025, 0.006, 0.025, 0.035, 0.030


@dataclass(frozen=True, eq=False)
class Conduction:
    """Timing of n people's beats; every array has shape (n,).

    Parameters
    ----------
    rr_ms, pr_ms, qrs_ms, qt_ms : ndarray
        Mean RR, PR, QRS duration (with any block) and QT.
    intrinsic_ms : ndarray
        QRS duration without block: the driver that carries mass.
    af, rbbb, lbbb, lafb, pvc, pac : ndarray of bool
        Rhythm and conduction disease.
    """

    rr_ms: Floats
    pr_ms: Floats
    qrs_ms: Floats
    qt_ms: Floats
    intrinsic_ms: Floats
    af: Flags
    rbbb: Flags
    lbbb: Flags
    lafb: Flags
    pvc: Flags
    pac: Flags


def draw_conduction(
    people: pd.DataFrame, drivers: Drivers, z: Latents, site: Site, normal: NormalHeart = NORMAL
) -> Conduction:
    """Draw rate, intervals and conduction disease of people.

    Parameters
    ----------
    people, drivers, z
        The same n people, the drivers of their ECGs and their latents.
    site : Site
        For the prevalence of disease.
    normal : NormalHeart
        Fitted constants.

    Returns
    -------
    Conduction
        Disease follows age alone, so that it says nothing on mass.
    """
    men = (people["sex"] == "male").to_numpy()
    older = (people["age_years"].to_numpy() - 60.0) / 10.0
    af = z.uniform("af") < np.clip(site.af * np.exp(0.7 * older), 0.0, 0.3)
    disease = site.conduction * np.exp(0.5 * older)
    rbbb = z.uniform("rbbb") < _RBBB * disease
    lbbb = ~rbbb & (z.uniform("lbbb") < _LBBB * disease)
    lafb = z.uniform("lafb") < _LAFB * disease
    rate = np.where(men, *_RATE_BPM) * np.exp(_RATE_SD * z["rate"]) * np.where(af, 1.15, 1.0)
    rr = 60000.0 / np.clip(rate, 42.0, 135.0)
    intrinsic = np.clip(np.where(men, *_QRS_MS) + np.where(men, *_QRS_SD) * drivers.duration, 66.0, 126.0)
    qrs = intrinsic + 42.0 * lbbb + 34.0 * rbbb
    qt = 379.0 * (rr / 1000.0) ** 0.4 + np.where(men, -4.0, 13.0) + 15.0 * z["qt"] + 0.6 * (qrs - 88.0)
    pr = np.where(men, *normal.pr_ms) + 4.0 * older + normal.pr_sd_ms * z["pr"]
    return Conduction(
        rr_ms=rr,
        pr_ms=np.clip(pr, 110.0, 300.0),
        qrs_ms=qrs,
        qt_ms=qt,
        intrinsic_ms=intrinsic,
        af=af,
        rbbb=rbbb,
        lbbb=lbbb,
        lafb=lafb,
        pvc=z.uniform("pvc") < _PVC,
        pac=z.uniform("pac") < _PAC,
    )
