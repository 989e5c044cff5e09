"""A person is a row of standard normals.

Everything random about a person but the recording's noise comes from one row of named latents,
drawn from a generator of that person's own. So a person is the same whatever chunk, process or
cohort size they are drawn in, and an experiment that switches a coupling off changes nothing else.
"""

import zlib

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

N_STATIONS = 7
"""Forces along the QRS loop, see :mod:`lvmass.cohort.simulation.dipole`."""

WIDTHS: dict[str, int] = {
    # people
    "sex": 1, "age": 1, "height": 1, "bmi": 1, "hypertension": 1, "sbp": 1, "diabetes": 1, "smoking": 1,
    # ventricle
    "exercise": 1, "mass": 1, "tail": 1, "label": 1, "geometry": 1,
    # rhythm and conduction
    "rate": 1, "pr": 1, "qt": 1, "af": 1, "rbbb": 1, "lbbb": 1, "lafb": 1, "pvc": 1, "pac": 1,
    # drivers of the ECG
    "strength": 1, "growth": 1, "duration": 1, "leftward": 1, "away": 1, "atrium": 1, "strain": 1,
    # depolarization and repolarization
    "growth_turn": 3, "position": 3, "force": 3 * N_STATIONS, "width": 1,
    "t_size": 1, "t_turn": 3, "t_shape": 2, "st": 3, "u_wave": 1, "p_wave": 7,
    # torso
    "chest": 1, "shift": 2, "lead_field": 24, "residue": 8 * (N_STATIONS + 3),
    # the day of the recording
    "placement": 21, "breathing": 2, "noise": 5,
}  # fmt: skip
_OF_THE_DAY = ("placement", "breathing", "noise")
_OFFSETS = dict(zip(WIDTHS, np.cumsum([0, *WIDTHS.values()]), strict=False))
N_LATENTS = sum(WIDTHS.values())


class Latents:
    """Latents of some people, by name.

    Parameters
    ----------
    values : ndarray of float64, shape (n_people, N_LATENTS)
        Standard normals.

    Examples
    --------
    >>> z = draw_latents(7, "tw-cvai", 0, 4)
    >>> z["age"].shape, z["force"].shape
    ((4,), (4, 21))
    >>> bool((z["age"][2:] == draw_latents(7, "tw-cvai", 2, 4)["age"]).all())
    True
    """

    def __init__(self, values: NDArray[np.float64]) -> None:
        self.values = values

    def __len__(self) -> int:
        """Count the people."""
        return len(self.values)

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        """Return the standard normals called ``name``, of shape (n,) or (n, width)."""
        start, width = _OFFSETS[name], WIDTHS[name]
        return self.values[:, start] if width == 1 else self.values[:, start : start + width]

    def uniform(self, name: str) -> NDArray[np.float64]:
        """Return the same latent as a uniform number in (0, 1), for events of a given probability."""
        return ndtr(self[name])


def person_generator(seed: int, like: str, i: int, stream: int) -> np.random.Generator:
    """Return the generator of person ``i`` for one purpose: stream 0 for the person, 1 + day for a recording."""
    return np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(like.encode()), i, stream]))


def draw_latents(seed: int, like: str, start: int, stop: int, day: int = 0) -> Latents:
    """Draw the latents of people ``start`` to ``stop``.

    Parameters
    ----------
    seed : int
        Seed of the cohort, not negative.
    like : str
        Site; sites with one seed share no person.
    start, stop : int
        Half-open range of person numbers.
    day : int
        The same people on another day have other electrode places, breathing and noise.

    Returns
    -------
    Latents
        Of ``stop - start`` people.
    """
    values = np.empty((stop - start, N_LATENTS))
    first = _OFFSETS[_OF_THE_DAY[0]]  # these come last in WIDTHS
    for row, i in enumerate(range(start, stop)):
        person_generator(seed, like, i, 0).standard_normal(out=values[row])
        if day:
            values[row, first:] = person_generator(seed, like, i, 1 + day).standard_normal(N_LATENTS - first)
    return Latents(values)
