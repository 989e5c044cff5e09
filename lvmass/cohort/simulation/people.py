"""Who is in a simulated cohort: bodies, diseases and ventricles, each person from a row of standard normals.

Everything random about a person but the recording's noise comes from one row of named latents, drawn from a generator
of that person's own. So a person is the same whatever chunk, process or cohort size they are drawn in, and an
experiment that switches a coupling off changes nothing else.
"""

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from lvmass.cohort.schema import bsa_mosteller_m2
from lvmass.cohort.simulation import constants as c

# Some people: name to values of shape (n,). Each step of the simulation adds columns of its own.
People = dict[str, NDArray[Any]]
N_STATIONS = 7  # forces along the QRS loop, see lvmass.cohort.simulation.heart

_WIDTHS: dict[str, int] = {
    # people
    "sex": 1, "age": 1, "height": 1, "bmi": 1, "hypertension": 1, "sbp": 1, "diabetes": 1, "smoking": 1,
    # ventricle; "spare" is read by nobody, but without it every other latent would move
    "exercise": 1, "mass": 1, "tail": 1, "label": 1, "spare": 1,
    # rhythm and conduction
    "rate": 1, "pr": 1, "qt": 1, "af": 1, "rbbb": 1, "lbbb": 1, "lafb": 1, "pvc": 1, "pac": 1,
    # drivers of the ECG
    "strength": 1, "growth": 1, "duration": 1, "leftward": 1, "away": 1, "atrium": 1, "strain": 1,
    # depolarization and repolarization
    "growth_turn": 3, "position": 3, "force": 3 * N_STATIONS, "width": 1,
    "t_size": 1, "t_turn": 3, "t_shape": 2, "st": 3, "u_wave": 1, "p_wave": 7,
    # torso
    "chest": 1, "shift": 2, "lead_field": 24, "residue": 8 * (N_STATIONS + 3),
    # the day of the recording: last, because another day draws them anew
    "placement": 21, "breathing": 2, "noise": 5, "limb": 6,
}  # fmt: skip
_OFFSETS = dict(zip(_WIDTHS, np.cumsum([0, *_WIDTHS.values()]), strict=False))
_N_LATENTS = sum(_WIDTHS.values())


def person_generator(seed: int, like: str, i: int, stream: int) -> np.random.Generator:
    """Return a generator of person ``i``: streams 0 and 1 + day are for latents, 1 + 2 day for a recording."""
    return np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(like.encode()), i, stream]))


class Latents:
    """Latents of people ``start`` to ``stop``, by name.

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

    Examples
    --------
    >>> z = Latents(7, "tw-cvai", 0, 4)
    >>> z["age"].shape, z["force"].shape
    ((4,), (4, 21))
    >>> bool((z["age"][2:] == Latents(7, "tw-cvai", 2, 4)["age"]).all())
    True
    """

    def __init__(self, seed: int, like: str, start: int, stop: int, day: int = 0) -> None:
        self._values = np.empty((stop - start, _N_LATENTS))
        first = _OFFSETS["placement"]
        for row, i in zip(self._values, range(start, stop), strict=True):
            person_generator(seed, like, i, 0).standard_normal(out=row)
            if day:
                row[first:] = person_generator(seed, like, i, 1 + day).standard_normal(_N_LATENTS - first)

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        """Return the standard normals called ``name``, of shape (n,) or (n, width)."""
        start, width = _OFFSETS[name], _WIDTHS[name]
        return self._values[:, start] if width == 1 else self._values[:, start : start + width]

    def uniform(self, name: str) -> NDArray[np.float64]:
        """Return the same latent as a uniform number in (0, 1), for events of a given probability."""
        return ndtr(self[name])


def draw_people(z: Latents, site: c.Site) -> People:
    """Turn latents into people.

    Parameters
    ----------
    z : Latents
        Of n people.
    site : Site
        Where they were examined.

    Returns
    -------
    People
        ``men`` (bool), ``age_years, height_cm, weight_kg, bmi_kg_m2, bsa_m2, sbp_mmhg, hypertension, diabetes`` and
        ``smoking``.

    Examples
    --------
    >>> people = draw_people(Latents(1, "tw-cvai", 0, 500), c.SITES["tw-cvai"])
    >>> bool(((people["height_cm"] > 120) & (people["height_cm"] < 220)).all())
    True
    """
    men = z.uniform("sex") < site.share_men
    age = np.clip(np.where(men, *site.age_years) + np.where(men, *site.age_sd) * z["age"], 20.0, 92.0)
    older = age - c.PEOPLE_AGE
    height = np.where(men, *c.HEIGHT_CM) + site.height_shift_cm + c.HEIGHT_PER_YEAR * older
    height = np.clip(height + np.where(men, *c.HEIGHT_SD) * z["height"], 135.0, 205.0)
    # log-normal with the stated mean and SD
    spread = np.sqrt(np.log1p((np.where(men, *c.BMI_SD) / np.where(men, *c.BMI)) ** 2))
    bmi = (np.where(men, *c.BMI) + site.bmi_shift) * np.exp(spread * z["bmi"] - spread**2 / 2)
    bmi = np.clip(bmi, 15.0, 48.0)
    heavier = bmi - 25.0
    per_year, per_bmi = c.HYPERTENSION_ODDS
    odds = np.log(site.hypertension / (1 - site.hypertension)) + per_year * older + per_bmi * heavier
    hypertension = z.uniform("hypertension") < expit(odds)
    per_year, per_bmi, with_hypertension = c.DIABETES_ODDS
    odds = np.log(site.diabetes / (1 - site.diabetes)) + per_year * older + per_bmi * heavier
    diabetes = z.uniform("diabetes") < expit(odds + with_hypertension * hypertension)
    sbp = c.SBP + c.SBP_PER_YEAR * older + c.SBP_PER_BMI * heavier + c.SBP_HYPERTENSION * hypertension
    height_cm = np.round(height, 1)
    weight_kg = np.round(np.clip(bmi * (height / 100.0) ** 2, 32.0, 180.0), 1)
    return {
        "men": men,
        "age_years": np.round(age, 1),
        "height_cm": height_cm,
        "weight_kg": weight_kg,
        "bmi_kg_m2": bmi,
        "bsa_m2": bsa_mosteller_m2(height_cm, weight_kg),
        "sbp_mmhg": np.round(np.clip(sbp + c.SBP_SD * z["sbp"], 85.0, 230.0)),
        "hypertension": hypertension.astype(np.float64),
        "diabetes": diabetes.astype(np.float64),
        "smoking": z.uniform("smoking") < np.where(men, *c.SMOKING),
    }


def draw_ventricles(people: People, z: Latents, setting: c.Setting) -> People:
    """Give people a left-ventricular mass, and the label that a CT scanner would give.

    Parameters
    ----------
    people : People
        From :func:`draw_people`.
    z : Latents
        The same people's latents.
    setting : Setting
        How widely mass is spread.

    Returns
    -------
    People
        With ``mass_g``; ``lvm_g``, the mass as measured by CT; ``body``, the log of mass expected for body size,
        standardized within sex; ``excess``, the log of true over expected mass in SDs: what couplings carry to the ECG.
    """
    men = people["men"]
    body = setting.mass_bsa_power * np.log(people["bsa_m2"] / np.where(men, *c.MASS_BSA_M2))
    expected = np.log(np.where(men, *c.MASS_G)) + body
    expected = expected + np.where(men, *c.MASS_PER_YEAR) * (people["age_years"] - c.PEOPLE_AGE)
    excess = c.MASS_PER_SBP * (people["sbp_mmhg"] - c.MASS_SBP) + c.MASS_SMOKING * people["smoking"]
    excess = excess + c.MASS_DIABETES * people["diabetes"] + c.MASS_EXERCISE * z["exercise"]
    share, (tail_share, tail_mean, tail_end) = z.uniform("tail"), setting.tail
    tail = -tail_mean * np.log(np.maximum(share / tail_share, tail_end))
    excess = excess + np.where(men, *setting.mass_sd) * z["mass"] + np.where(share < tail_share, tail, 0.0)
    mass = np.exp(expected + excess)
    return people | {
        "mass_g": mass,
        "lvm_g": mass * np.exp(c.LABEL_CV * z["label"]),
        "body": body / (setting.mass_bsa_power * c.BODY_SD),
        "excess": excess / setting.excess_sd,
    }
