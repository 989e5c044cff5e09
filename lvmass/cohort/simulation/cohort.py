"""simulate_cohort: from a seed to people with 12-lead ECGs, in constant memory."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lvmass.cohort.manifest import Cohort
from lvmass.cohort.simulation.conduction import draw_conduction
from lvmass.cohort.simulation.device import electrode_noise, record
from lvmass.cohort.simulation.dipole import RATE_HZ, draw_heart
from lvmass.cohort.simulation.latent import draw_latents, person_generator
from lvmass.cohort.simulation.people import draw_people, site_of
from lvmass.cohort.simulation.rhythm import beat_times, ectopic_template, fibrillation, place_beats
from lvmass.cohort.simulation.torso import beat_templates, lead_field
from lvmass.cohort.simulation.ventricle import Couplings, draw_ventricle
from lvmass.ecg.recording import Recording
from lvmass.errors import DataError

BLOCK = 64
"""People whose ECGs are made together; memory grows with it, results do not depend on it."""

_TABLE_BLOCK = 4096
_RESPIRATION_GAIN = 0.03


@dataclass(frozen=True)
class SimulatedSource:
    """ECGs made on demand.

    Parameters
    ----------
    like : str
        Site.
    seed : int
        Seed of the cohort.
    couplings : Couplings
        Paths from mass to the ECG.
    noise : float
        Factor on the recording's noise.
    """

    like: str
    seed: int
    couplings: Couplings = field(default_factory=Couplings)
    noise: float = 1.0

    def one(self, i: int) -> Recording:
        """Return the ECG of person ``i``."""
        return self._wrap(i, self.signals_mv(i, i + 1)[0])

    def many(self, rows: Sequence[int]) -> Iterator[Recording]:
        """Yield the ECGs of consecutive people, made in blocks."""
        first, last = (rows[0], rows[-1] + 1) if len(rows) else (0, 0)
        for start in range(first, last, BLOCK):
            stop = min(start + BLOCK, last)
            for i, signal in zip(range(start, stop), self.signals_mv(start, stop), strict=True):
                yield self._wrap(i, signal)

    def key(self) -> str:
        """Hash the settings; the package's own source belongs into the caller's key."""
        return hashlib.sha256(repr(self).encode()).hexdigest()

    def _wrap(self, i: int, signal: NDArray[np.float32]) -> Recording:
        return Recording(signal, RATE_HZ, source=f"simulated:{self.like}:{self.seed}:{i}")

    def signals_mv(self, start: int, stop: int) -> NDArray[np.float32]:
        """Make the ECGs of people ``start`` to ``stop``, shape (n, 12, 5000)."""
        site = site_of(self.like)
        z = draw_latents(self.seed, self.like, start, stop)
        people = draw_people(z, site)
        ventricle = draw_ventricle(people, z)
        conduction = draw_conduction(people, ventricle, z, site, self.couplings)
        heart = draw_heart(people, ventricle, conduction, z, self.couplings)
        fields = lead_field(people, z)
        normal = beat_templates(heart, fields, z)
        leads = fields[0]
        noise_latents = np.concatenate([z["noise"], z["mains"]], axis=1)
        out = np.empty((stop - start, 12, 5000), np.float32)
        for k, i in enumerate(range(start, stop)):
            generator = person_generator(self.seed, self.like, i, 1)
            times, odd, breath = beat_times(conduction, z, k, generator)
            gains = 1.0 + _RESPIRATION_GAIN * np.outer(breath, generator.standard_normal(8))
            ectopic = ectopic_template(leads[k], generator) if odd.any() else None
            eight = place_beats(normal[k], ectopic, times, odd, gains.astype(np.float32))
            if conduction.af[k]:
                eight += fibrillation(leads[k], generator)
            eight += electrode_noise(noise_latents[k], generator, self.noise * site.noise)
            out[k] = record(eight, site)
        return out


def simulate_cohort(
    n: int, *, like: str = "tw-cvai", seed: int, couplings: Couplings | None = None, noise: float = 1.0
) -> Cohort:
    """Simulate people with a CT-like left-ventricular mass and a 12-lead ECG of 10 s at 500 Hz.

    Parameters
    ----------
    n : int
        Number of people; person i is the same for every ``n``.
    like : {"tw-cvai", "ntuh"}
        The development or the external site.
    seed : int
        Not negative; sites with one seed share no person.
    couplings : Couplings, optional
        Switches of the paths from mass to the ECG.
    noise : float
        Factor on the recording's noise; 0 for none.

    Returns
    -------
    Cohort
        With ``simulated`` true; ECGs are made when asked for.

    Raises
    ------
    DataError
        If ``n``, ``seed`` or ``noise`` is negative or the site unknown.

    Examples
    --------
    >>> cohort = simulate_cohort(50, like="tw-cvai", seed=1)
    >>> cohort.simulated, cohort.subjects["sex"].isin(["female", "male"]).all().item()
    (True, True)
    """
    site = site_of(like)
    if n < 1 or seed < 0 or noise < 0:
        raise DataError(f"n is {n}, seed {seed}, noise {noise}; n must be positive, seed and noise not negative.")
    tables = []
    for start in range(0, n, _TABLE_BLOCK):
        z = draw_latents(seed, like, start, min(start + _TABLE_BLOCK, n))
        people = draw_people(z, site)
        people["lvm_g"] = np.round(draw_ventricle(people, z).label_g, 1)
        tables.append(people)
    subjects = pd.concat(tables, ignore_index=True)
    subjects.insert(0, "subject_id", [f"{like}-{seed}-{i:06d}" for i in range(n)])
    subjects["patient_id"] = subjects["subject_id"]
    subjects["site"] = like
    subjects["ecg_path"] = ""
    columns = ["subject_id", "patient_id", "site", "sex", "age_years", "height_cm", "weight_kg", "sbp_mmhg"]
    columns += ["hypertension", "diabetes", "lvm_g", "ecg_path"]
    return Cohort(like, subjects[columns], True, SimulatedSource(like, seed, couplings or Couplings(), noise))
