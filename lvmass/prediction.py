"""One recording in, LVM in grams out: the whole way from the ECG to the estimate, as the book goes it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from lvmass.cohort.covariates import covariate_matrix
from lvmass.cohort.schema import bsa_mosteller_m2, check_person
from lvmass.ecg.criteria import lvh_criteria
from lvmass.ecg.intervals import EcgParameters
from lvmass.ecg.quality import examine
from lvmass.ecg.recording import LEADS, Beat, Recording
from lvmass.errors import DataError
from lvmass.training.card import VARIABLES, Card, Provenance, load_card, probability_above_cutoff
from lvmass.training.model import FittedModel

PRETRAINED = Path(__file__).parent / "pretrained"
"""The model that ships with the package; trained on the simulated cohort."""

PERSON = ("sex", "age_years", "height_cm", "weight_kg")
"""What an estimate needs to know of a person beside the ECG."""

_SHOWN = ("heart_rate_bpm", "pr_interval_ms", "qrs_duration_ms", "qtc_ms", "qrs_axis_deg")


@dataclass(frozen=True)
class Estimate:
    """An estimate of LVM and what it rests on.

    Parameters
    ----------
    lvm_g : float
    lvm_low_g, lvm_high_g : float or None
        Interval of nominal coverage ``interval_level``; None for an estimate that is not positive.
    bsa_m2, lvmi_g_m2 : float
        Body-surface area (Mosteller) and LVM / BSA.
    lvmi_low_g_m2, lvmi_high_g_m2 : float or None
        The same interval, of LVM / BSA.
    lvh_cutoff_g_m2 : float
        Cut-off for the person's sex.
    lvh_cutoff_source : str
        Where it comes from.
    lvh : bool
        Whether the estimated index is above the cut-off; most often, that alone decides nothing.
    lvh_by_interval : {"probable", "improbable", "undecided"}
        The whole interval lies above the cut-off, or below it, or holds it.
    lvh_probability : float
        Of a true index above the cut-off, see `lvmass.training.card.probability_above_cutoff`.
    heart_rate_bpm, pr_interval_ms, qrs_duration_ms, qtc_ms, qrs_axis_deg : float or None
        Measured on the synchronized beat; None where absent.
    n_beats : int
        Beats that the synchronized beat is made of.
    source : str
        The recording's name.
    notes : tuple of str
        What is worth knowing about this recording, a sentence each.
    model : dict
        How the estimate was made: network, training, whether the training people were simulated, how their mass was
        measured, and how many of the person's sex had it in their interval.
    """

    lvm_g: float
    lvm_low_g: float | None
    lvm_high_g: float | None
    interval_level: float
    bsa_m2: float
    lvmi_g_m2: float
    lvmi_low_g_m2: float | None
    lvmi_high_g_m2: float | None
    lvh_cutoff_g_m2: float
    lvh_cutoff_source: str
    lvh: bool
    lvh_by_interval: Literal["probable", "improbable", "undecided"]
    lvh_probability: float
    heart_rate_bpm: float | None
    pr_interval_ms: float | None
    qrs_duration_ms: float | None
    qtc_ms: float | None
    qrs_axis_deg: float | None
    n_beats: int
    source: str
    notes: tuple[str, ...]
    model: dict[str, Any]


def predict(
    recording: Recording,
    *,
    sex: str,
    age_years: float,
    height_cm: float,
    weight_kg: float,
    model_folder: str | Path = PRETRAINED,
) -> Estimate:
    """Estimate LVM from a recording.

    Parameters
    ----------
    recording : Recording
        Twelve leads, at least three beats.
    sex : {"female", "male"}
        In capitals too, as in the subjects table.
    age_years, height_cm, weight_kg : float
    model_folder : path
        A saved model; by default the one in the package.

    Returns
    -------
    Estimate

    Raises
    ------
    DataError
        If the person cannot be, the recording is unusable, or the folder holds no model, or one of the other sex.

    Examples
    --------
    >>> from pydicom.data import get_testdata_file
    >>> from lvmass.ecg import read_ecg
    >>> ecg = read_ecg(get_testdata_file("waveform_ecg.dcm"))
    >>> estimate = predict(ecg, sex="female", age_years=42, height_cm=160, weight_kg=58)
    >>> 60 < estimate.lvm_g < 130
    True
    """
    model, card = load_predictor(model_folder)
    person = {"sex": sex, "age_years": age_years, "height_cm": height_cm, "weight_kg": weight_kg}
    return estimates(model, card, [examined(recording, person, card)])[0]


class Examined(NamedTuple):
    """All that an estimate rests on but the model."""

    person: dict[str, Any]
    beat: Beat
    measured: EcgParameters
    notes: tuple[str, ...]
    source: str


def load_predictor(model_folder: str | Path) -> tuple[FittedModel, Card]:
    """Read a saved model, see `lvmass.training.card.load_card`, and refuse one of other leads than this package's."""
    model, card = load_card(model_folder)
    if card.leads != LEADS:
        raise DataError(
            f"{model_folder}: the model wants the leads {list(card.leads)}; this package gives {list(LEADS)}."
        )
    return model, card


def examined(recording: Recording, person: Mapping[str, Any], card: Card) -> Examined:
    """Check a person and measure the recording; `DataError` where there is nothing to estimate from."""
    for name in PERSON:
        if str(person[name]).strip().lower() in ("", "nan", "none"):
            raise DataError(f"{name.split('_')[0]} is missing; give it.")
    check_person(*(person[name] for name in PERSON))
    sex = str(person["sex"]).lower()
    if sex not in card.interval_factor:
        raise DataError(f"The model was trained without any {sex} person; give a model of both sexes.")
    beat, measured, findings = examine(recording, card.beat)
    notes = tuple(finding.message for finding in findings)
    if beat is None or measured is None:
        raise DataError(f"{recording.source}: " + " ".join(notes))
    known: dict[str, Any] = {"sex": sex} | {name: float(person[name]) for name in PERSON[1:]}
    known |= asdict(measured) | measured.t_waves_mv
    known |= {name: found.value for name, found in lvh_criteria(beat, measured, sex).items()}
    return Examined(known, beat, measured, notes, recording.source)


def estimates(model: FittedModel, card: Card, people: Sequence[Examined]) -> list[Estimate]:
    """Estimates of all these people, the network run once."""
    if not people:
        return []
    table = {name: [each.person[name] for each in people] for name in people[0].person}
    beats = np.stack([each.beat.waveform_mv for each in people])
    grams = model.predict_g(beats, covariate_matrix(table, model.covariates))
    return [_estimate(model, card, each, float(lvm_g)) for each, lvm_g in zip(people, grams, strict=True)]


def _estimate(model: FittedModel, card: Card, rests_on: Examined, lvm_g: float) -> Estimate:
    """All that is said of a person whose LVM was estimated."""
    person, notes = rests_on.person, rests_on.notes
    sex, factor = person["sex"], card.interval_factor[person["sex"]]
    bsa_m2 = float(bsa_mosteller_m2(person["height_cm"], person["weight_kg"]))
    index, cutoff_g_m2 = lvm_g / bsa_m2, card.lvh_cutoff_g_m2[sex]
    low, high = (index / factor, index * factor) if lvm_g > 0 else (np.nan, np.nan)
    surely, hardly = low > cutoff_g_m2, high < cutoff_g_m2
    if lvm_g <= 0:
        notes += ("No interval: the estimate is not a positive mass.",)
    known = person | {"lvm_g": lvm_g, "lvmi_g_m2": index}
    known["bmi_kg_m2"] = person["weight_kg"] / (person["height_cm"] / 100) ** 2
    may_lack = {name: getattr(rests_on.measured, name) for name in _SHOWN}
    may_lack |= {"lvm_low_g": low * bsa_m2, "lvm_high_g": high * bsa_m2, "lvmi_low_g_m2": low, "lvmi_high_g_m2": high}
    return Estimate(
        lvm_g=lvm_g,
        interval_level=card.interval_level,
        bsa_m2=bsa_m2,
        lvmi_g_m2=index,
        lvh_cutoff_g_m2=cutoff_g_m2,
        lvh_cutoff_source=card.lvh_cutoff_source,
        lvh=index > cutoff_g_m2,
        lvh_by_interval="probable" if surely else "improbable" if hardly else "undecided",
        lvh_probability=float(probability_above_cutoff(max(index, 1e-9), cutoff_g_m2, factor, card.interval_level)),
        **{name: None if np.isnan(value) else float(value) for name, value in may_lack.items()},  # JSON knows no NaN
        n_beats=rests_on.beat.n_beats,
        source=rests_on.source,
        notes=(*notes, *_outside(card, known)),
        model={
            "network": model.network,
            "not_for_clinical_use": True,
            **card.model_dump(include=set(Provenance.model_fields)),
            "interval_coverage": card.interval_coverage.get(sex),
        },
    )


def _outside(card: Card, known: Mapping[str, Any]) -> Iterator[str]:
    """Name the values that hardly anyone of the same sex had in training, if there are any."""
    spans = card.training_ranges.get(known["sex"], {})
    rare = [name for name, span in spans.items() if name in VARIABLES and not span.holds(known[name])]
    if rare:
        people = "simulated " * card.trained_on_simulated_data + ("men" if known["sex"] == "male" else "women")
        said = []
        for name in rare:
            (label, unit), at = VARIABLES[name], spans[name].percentiles.values()
            said.append(f"{label} {known[name]:.0f} {unit} ({min(at):.0f} to {max(at):.0f})")
        share = max(spans[rare[0]].percentiles) - min(spans[rare[0]].percentiles)
        yield f"Outside the range of {share} % of the {people} in training: {', '.join(said)}."
