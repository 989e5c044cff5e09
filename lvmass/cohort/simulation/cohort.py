"""simulate_cohort: from a seed to people with 12-lead ECGs, in constant memory."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lvmass.cohort.manifest import Cohort
from lvmass.cohort.simulation.couplings import Couplings
from lvmass.cohort.simulation.device import electrode_noise, record
from lvmass.cohort.simulation.dipole import RATE_HZ
from lvmass.cohort.simulation.latent import draw_latents, person_generator
from lvmass.cohort.simulation.people import Site, draw_people, site_of
from lvmass.cohort.simulation.person import simulate_people
from lvmass.cohort.simulation.rhythm import N_SAMPLES, beat_times, ectopic_template, fibrillation, place_beats
from lvmass.cohort.simulation.torso import beat_templates
from lvmass.cohort.simulation.ventricle import draw_ventricle
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
    site : Site
        Where the people are examined, and with which device.
    seed : int
        Seed of the cohort.
    couplings : Couplings
        Paths from mass to the ECG.
    noise : float
        Factor on the recording's noise.
    day : int
        Another day gives the same people another recording.
    """

    site: Site
    seed: int
    couplings: Couplings
    noise: float = 1.0
    day: int = 0

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
        return Recording(signal, RATE_HZ, source=f"simulated:{self.site.name}:{self.seed}:{i}")

    def signals_mv(self, start: int, stop: int) -> NDArray[np.float32]:
        """Make the ECGs of people ``start`` to ``stop``, shape (n, 12, 5000)."""
        made = simulate_people(self.seed, self.site, start, stop, self.couplings, day=self.day)
        normal = beat_templates(made.heart, made.amplitudes)
        out = np.empty((stop - start, 12, N_SAMPLES), np.float32)
        for k, i in enumerate(range(start, stop)):
            generator = person_generator(self.seed, self.site.name, i, 1 + 2 * self.day)
            times, odd, breath = beat_times(made.conduction, made.z["breathing"][k], k, generator)
            gains = 1.0 + _RESPIRATION_GAIN * np.outer(breath, generator.standard_normal(8))
            ectopic = ectopic_template(made.field[k], generator) if odd.any() else None
            eight = place_beats(normal[k], ectopic, times, odd, gains.astype(np.float32))
            if made.conduction.af[k]:
                eight += fibrillation(made.field[k], generator)
            eight += electrode_noise(made.z["noise"][k], generator, self.noise * self.site.noise, self.site.mains_hz)
            out[k] = record(eight, self.site)
        return out


def simulate_cohort(
    n: int, *, like: str = "tw-cvai", seed: int, couplings: Couplings | None = None, noise: float = 1.0, day: int = 0
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
    day : int
        The same people on another day: other electrode places, breathing and noise.

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
    if n < 1 or seed < 0 or noise < 0 or day < 0:
        raise DataError(
            f"n is {n}, seed {seed}, noise {noise}, day {day}; n must be positive, the others not negative."
        )
    source = SimulatedSource(site_of(like), seed, couplings or Couplings(), noise, day)
    return Cohort(like, subjects_table(source, n), True, source)


def subjects_table(source: SimulatedSource, n: int) -> pd.DataFrame:
    """Make the subjects table of the first ``n`` people of a source, in blocks."""
    tables = []
    for start in range(0, n, _TABLE_BLOCK):
        z = draw_latents(source.seed, source.site.name, start, min(start + _TABLE_BLOCK, n))
        people = draw_people(z, source.site)
        people["lvm_g"] = np.round(draw_ventricle(people, z).label_g, 1)
        tables.append(people)
    subjects = pd.concat(tables, ignore_index=True)
    subjects["subject_id"] = [f"{source.site.name}-{source.seed}-{i:06d}" for i in range(n)]
    subjects["patient_id"] = subjects["subject_id"]
    subjects["site"] = source.site.name
    subjects["ecg_path"] = ""
    columns = ["subject_id", "patient_id", "site", "sex", "age_years", "height_cm", "weight_kg", "sbp_mmhg"]
    return subjects[[*columns, "hypertension", "diabetes", "lvm_g", "ecg_path"]]
