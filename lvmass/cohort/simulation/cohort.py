"""simulate_cohort: from a seed to people with 12-lead ECGs, in constant memory."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lvmass.cohort.manifest import Cohort
from lvmass.cohort.simulation.constants import SETTINGS, SITES, Setting, Site
from lvmass.cohort.simulation.drivers import Couplings, draw_conduction, draw_drivers
from lvmass.cohort.simulation.heart import RATE_HZ, Heart, beat_templates, draw_hearts, lead_amplitudes
from lvmass.cohort.simulation.people import Latents, People, draw_people, draw_ventricles, person_generator
from lvmass.cohort.simulation.recording import N_SAMPLES, record_ecg
from lvmass.ecg.recording import Recording
from lvmass.errors import DataError

BLOCK = 64  # people whose ECGs are made together; memory grows with it, results do not depend on it
_TABLE_BLOCK = 4096


class Simulated(NamedTuple):
    """Some simulated people, before anything is recorded."""

    z: Latents
    people: People
    heart: Heart
    amplitudes: NDArray[np.float64]
    field: NDArray[np.float64]


@dataclass(frozen=True)
class SimulatedSource:
    """People and their ECGs, made on demand.

    Parameters
    ----------
    site : Site
        Where the people are examined, and with which device.
    seed : int
        Seed of the cohort.
    couplings : Couplings
        Paths from mass to the ECG.
    setting : Setting
        Spread of mass, and how much an open path carries.
    noise : float
        Factor on the recording's noise.
    day : int
        Another day gives the same people another recording.
    """

    site: Site
    seed: int
    couplings: Couplings
    setting: Setting = SETTINGS["published"]
    noise: float = 1.0
    day: int = 0

    def one(self, i: int) -> Recording:
        """Return the ECG of person ``i``."""
        return next(self.many([i]))

    def many(self, rows: Sequence[int]) -> Iterator[Recording]:
        """Yield the ECGs of consecutive people, made in blocks."""
        first, last = (rows[0], rows[-1] + 1) if len(rows) else (0, 0)
        for start in range(first, last, BLOCK):
            stop = min(start + BLOCK, last)
            for i, signal_mv in zip(range(start, stop), self._signals_mv(start, stop), strict=True):
                yield Recording(signal_mv, RATE_HZ, source=f"simulated:{self.site.name}:{self.seed}:{i}")

    def key(self) -> str:
        """Hash the settings; the package's own source belongs into the caller's key."""
        return hashlib.sha256(repr(self).encode()).hexdigest()

    def simulate(self, start: int, stop: int) -> Simulated:
        """Simulate people ``start`` to ``stop``, up to their noise-free leads.

        Examples
        --------
        >>> SimulatedSource(SITES["ntuh"], 1, Couplings()).simulate(0, 3).amplitudes.shape
        (3, 8, 13)
        """
        z, people = self.driven(start, stop)
        people = draw_conduction(people, z, self.site)
        heart = draw_hearts(people, z, self.setting)
        return Simulated(z, people, heart, *lead_amplitudes(people, heart, z, self.setting))

    def driven(self, start: int, stop: int) -> tuple[Latents, People]:
        """Draw people ``start`` to ``stop``, their ventricles, and the drivers of their ECGs."""
        z = Latents(self.seed, self.site.name, start, stop, self.day)
        people = draw_ventricles(draw_people(z, self.site), z, self.setting)
        return z, draw_drivers(people, z, self.couplings, self.setting)

    def people(self, n: int) -> People:
        """Draw the first ``n`` people, with the drivers of their ECGs, in blocks."""
        starts = range(0, n, _TABLE_BLOCK)
        blocks = [self.driven(start, min(start + _TABLE_BLOCK, n))[1] for start in starts]
        return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}

    def _signals_mv(self, start: int, stop: int) -> NDArray[np.float32]:
        """Make the ECGs of people ``start`` to ``stop``, shape (n, 12, N_SAMPLES)."""
        made = self.simulate(start, stop)
        beats = beat_templates(made.heart, made.amplitudes)
        columns = made.people | {name: made.z[name] for name in ("breathing", "noise")}
        out = np.empty((stop - start, 12, N_SAMPLES), np.float32)
        for k, i in enumerate(range(start, stop)):
            generator = person_generator(self.seed, self.site.name, i, 1 + 2 * self.day)
            person = {name: values[k] for name, values in columns.items()}
            out[k] = record_ecg(person, beats[k], made.field[k], generator, self.site, self.noise)
        return out

    def subjects(self, n: int) -> pd.DataFrame:
        """Make the subjects table of the first ``n`` people."""
        people = self.people(n)
        people["sex"] = np.where(people["men"], "male", "female")
        columns = ["sex", "age_years", "height_cm", "weight_kg", "sbp_mmhg", "hypertension", "diabetes", "lvm_g"]
        ids = [f"{self.site.name}-{self.seed}-{i:06d}" for i in range(n)]
        table = {"subject_id": ids, "patient_id": ids, "site": self.site.name} | {
            name: people[name] for name in columns
        }
        return pd.DataFrame(table).round({"lvm_g": 1}).assign(ecg_path="")


def simulate_cohort(
    n: int,
    *,
    like: str = "tw-cvai",
    seed: int,
    setting: str = "published",
    couplings: Couplings | None = None,
    noise: float = 1.0,
    day: int = 0,
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
    setting : {"published", "literature"}
        A spread of mass and an ECG as the published numbers imply them, or as small studies of them found them. The
        latents are the same: person i has one age, body and disease under both.
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
        If ``n``, ``seed`` or ``noise`` is negative, or the site or setting unknown.

    Examples
    --------
    >>> cohort = simulate_cohort(50, like="tw-cvai", seed=1)
    >>> cohort.simulated, cohort.subjects["sex"].isin(["female", "male"]).all().item()
    (True, True)
    """
    if n < 1 or seed < 0 or noise < 0 or day < 0:
        given = f"n is {n}, seed {seed}, noise {noise}, day {day}"
        raise DataError(f"{given}; n must be positive, the others not negative.")
    for name, value, known in (("like", like, SITES), ("setting", setting, SETTINGS)):
        if value not in known:
            raise DataError(f"{name} is {value!r}; the simulator knows {' and '.join(map(repr, known))}.")
    source = SimulatedSource(SITES[like], seed, couplings or Couplings(), SETTINGS[setting], noise, day)
    return Cohort(like, source.subjects(n), True, source)
