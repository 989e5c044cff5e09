"""One call from a range of person numbers to their bodies, hearts and noise-free leads."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lvmass.cohort.simulation.conduction import Conduction, draw_conduction
from lvmass.cohort.simulation.couplings import Couplings, Drivers, draw_drivers
from lvmass.cohort.simulation.dipole import Heart, draw_heart
from lvmass.cohort.simulation.latent import Latents, draw_latents
from lvmass.cohort.simulation.normal_heart import NORMAL, NormalHeart
from lvmass.cohort.simulation.people import Site, draw_people
from lvmass.cohort.simulation.torso import lead_amplitudes, lead_field
from lvmass.cohort.simulation.ventricle import Ventricle, draw_ventricle


@dataclass(frozen=True, eq=False)
class Simulated:
    """Some simulated people, before anything is recorded.

    Parameters
    ----------
    z : Latents
        What makes them differ.
    people : DataFrame
        Who they are.
    ventricle : Ventricle
        Mass and its label.
    drivers : Drivers
        What mass does to the ECG.
    conduction : Conduction
        Rate, intervals and disease.
    heart : Heart
        Forces and their timing.
    field : ndarray, shape (n, 8, 3)
        Lead vectors of I, II, V1-V6.
    amplitudes : ndarray, shape (n, 8, N_SOURCES)
        Every force in every lead, mV.
    """

    z: Latents
    people: pd.DataFrame
    ventricle: Ventricle
    drivers: Drivers
    conduction: Conduction
    heart: Heart
    field: NDArray[np.float64]
    amplitudes: NDArray[np.float64]


def simulate_people(
    seed: int,
    site: Site,
    start: int,
    stop: int,
    couplings: Couplings,
    *,
    day: int = 0,
    normal: NormalHeart = NORMAL,
) -> Simulated:
    """Simulate people ``start`` to ``stop`` of a cohort.

    Parameters
    ----------
    seed : int
        Seed of the cohort.
    site : Site
        Where they are examined.
    start, stop : int
        Half-open range of person numbers.
    couplings : Couplings
        Which paths lead from mass to the ECG.
    day : int
        Day of the recording.
    normal : NormalHeart
        Fitted constants.

    Returns
    -------
    Simulated
        Of ``stop - start`` people.

    Examples
    --------
    >>> from lvmass.cohort.simulation.people import SITES
    >>> simulate_people(1, SITES["ntuh"], 0, 3, Couplings()).amplitudes.shape
    (3, 8, 13)
    """
    z = draw_latents(seed, site.name, start, stop, day)
    people = draw_people(z, site)
    ventricle = draw_ventricle(people, z)
    drivers = draw_drivers(people, ventricle, z, couplings)
    conduction = draw_conduction(people, drivers, z, site, normal)
    heart = draw_heart(people, drivers, conduction, z, normal)
    fields = lead_field(people, z, normal)
    amplitudes = lead_amplitudes(heart, fields, z, normal)
    return Simulated(z, people, ventricle, drivers, conduction, heart, fields[0], amplitudes)
