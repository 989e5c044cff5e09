"""What a saved model says of itself: how it estimates, on whom it was trained, and how far off it was there.

A study writes a `Card` beside the weights, and `lvmass.prediction` reads it. It describes groups of people only: what
fewer than ``MIN_PEOPLE`` people have is not written.
"""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, Field, ValidationError
from scipy.special import ndtr, ndtri

from lvmass.cohort.schema import SEXES, Sex, bsa_mosteller_m2
from lvmass.ecg.beats import BeatConfig
from lvmass.errors import DataError
from lvmass.training.model import FittedModel, load_model

MIN_PEOPLE = 5

Modality = Literal["CT", "MR", "echo"]
Share = Annotated[float, Field(ge=0, le=1)]


VARIABLES = {
    "age_years": ("age", "years"),
    "height_cm": ("height", "cm"),
    "weight_kg": ("weight", "kg"),
    "bmi_kg_m2": ("body-mass index", "kg/m²"),
    "qrs_duration_ms": ("QRS duration", "ms"),
    "lvm_g": ("LV mass", "g"),
    "lvmi_g_m2": ("LVM index", "g/m²"),
}
"""What a card gives the ranges of: how it is called, and its unit."""


class Range(BaseModel):
    """One variable in the training people of one sex.

    Parameters
    ----------
    people : int
        Of whom it is known.
    percentiles : dict of int to float
        The 1st, 25th, 50th, 75th and 99th; of fewer than 500 people the 5th and 95th are the outer ones; of fewer than
        100, they are those of a normal distribution with the mean and SD of these people. The extremes of a few would
        be real people's own values.
    """

    people: int = Field(ge=MIN_PEOPLE)
    percentiles: Annotated[dict[int, float], Field(min_length=5)]

    def holds(self, value: float) -> bool:
        """Whether a value lies between the outer percentiles; so does one that is not known."""
        return not (value < min(self.percentiles.values()) or value > max(self.percentiles.values()))


class Provenance(BaseModel):
    """Where a saved model comes from, which its estimates repeat."""

    trained_on_simulated_data: bool
    training_people: int
    out_of_fold_mae_g: float
    modality: Modality | None = Field(None, description="how the mass was measured")
    study: str
    study_fingerprint: str
    package_version: str


class Card(Provenance):
    """What an estimate needs beside the weights; models of earlier versions lack what has a default."""

    leads: tuple[str, ...]
    beat: BeatConfig
    interval_level: float = Field(gt=0, lt=1)
    interval_factor: dict[str, Annotated[float, Field(ge=1)]]
    lvh_cutoff_g_m2: Annotated[dict[Sex, float], Field(min_length=2)]
    lvh_cutoff_source: str
    training_ranges: dict[Sex, dict[str, Range]] = {}
    interval_coverage: dict[Sex, Share] = Field({}, description="share of people in their interval, out of fold")
    lvh_observed: dict[Sex, Share] = Field({}, description="share of the training people with LVH")
    lvh_expected: dict[Sex, Share] = Field({}, description="their mean probability of LVH, out of fold")


def load_card(folder: str | Path) -> tuple[FittedModel, Card]:
    """Read a saved model, and what it says of itself.

    Raises
    ------
    DataError
        If the folder holds no model, or its card lacks something or has a value that is not usable.
    """
    model, contents = load_model(folder)
    try:
        return model, Card.model_validate(contents)
    except ValidationError as error:
        where = ", ".join(sorted({str(problem["loc"][0]) for problem in error.errors()}))
        raise DataError(f"{folder}: model.json lacks, or has no usable value of, {where}; save it again.") from None


def training_ranges(people: pd.DataFrame) -> dict[Sex, dict[str, Range]]:
    """Ranges of `VARIABLES` in each sex.

    Parameters
    ----------
    people : DataFrame
        The training people: sex, age, height, weight, mass and QRS duration.

    Examples
    --------
    >>> people = pd.DataFrame({"sex": "male", "age_years": np.arange(40.0, 61), "height_cm": 180.0, "weight_kg": 80.0,
    ...                        "lvm_g": 120.0, "qrs_duration_ms": 90.0})
    >>> found = training_ranges(people)["male"]
    >>> found["age_years"].percentiles[50], found["lvmi_g_m2"].holds(59)
    (50.0, False)
    """
    known = people.assign(
        bmi_kg_m2=people["weight_kg"] / (people["height_cm"] / 100) ** 2,
        lvmi_g_m2=people["lvm_g"] / bsa_mosteller_m2(people["height_cm"], people["weight_kg"]),
    )
    found: dict[Sex, dict[str, Range]] = {}
    for sex in SEXES:
        for name in VARIABLES:
            values = known.loc[known["sex"] == sex, name].dropna().to_numpy(float)
            if len(values) >= MIN_PEOPLE:
                outer = 1 if len(values) >= 500 else 5
                shares = (outer, 25, 50, 75, 100 - outer)
                at = values.mean() + values.std(ddof=1) * ndtri(np.array(shares) / 100)
                if len(values) >= 100:
                    at = np.percentile(values, shares)
                percentiles = dict(zip(shares, at.round(1).tolist(), strict=True))
                found.setdefault(sex, {})[name] = Range(people=len(values), percentiles=percentiles)
    return found


def probability_above_cutoff(
    lvmi_g_m2: ArrayLike, cutoff_g_m2: ArrayLike, interval_factor: ArrayLike, interval_level: float
) -> NDArray[np.float64]:
    """Probability that the true LVM index is above a cut-off, from the estimate and its interval alone.

    The interval from ``estimate / factor`` to ``estimate · factor`` says how far true masses scatter in proportion:
    were the scatter log-normal, its standard deviation would be ``σ = ln(factor) / z``, with ``z`` the normal quantile
    of ``(1 + level) / 2``. The estimate is the mean of true masses, so that their median lies lower by ``σ² / 2`` on
    the logarithmic scale: ``p = Φ(ln(index / cut-off) / σ - σ / 2)``. The card of a saved model says how the mean of
    these probabilities compares with the share of people who had LVH, out of fold. Studies do not use it: the column
    ``lvh_probability`` of their tables is fitted to who had LVH, see `lvmass.evaluation.calibration.lvh_probability`.

    Parameters
    ----------
    lvmi_g_m2 : array_like
        Estimated index; NaN where it is not positive.
    cutoff_g_m2, interval_factor : array_like
        Of the person's sex.
    interval_level : float
        Nominal coverage of the interval.

    Examples
    --------
    >>> probability_above_cutoff([50, 65, 80], 65, 1.25, 0.9).round(2).tolist()
    [0.02, 0.47, 0.93]
    """
    sd = np.maximum(np.log(interval_factor), 1e-9) / ndtri((1 + interval_level) / 2)
    return ndtr(np.log(np.asarray(lvmi_g_m2, float) / cutoff_g_m2) / sd - sd / 2)
