"""One recording in, LVM in grams out: the whole way from the ECG to the estimate, as the book goes it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from lvmass.cohort.covariates import covariate_matrix
from lvmass.cohort.schema import Sex, bsa_mosteller_m2, check_person
from lvmass.ecg.beats import BeatConfig
from lvmass.ecg.criteria import lvh_criteria
from lvmass.ecg.quality import examine
from lvmass.ecg.recording import LEADS, Recording
from lvmass.errors import DataError
from lvmass.training.model import load_model

PRETRAINED = Path(__file__).parent / "pretrained"
"""The model that ships with the package; trained on the simulated cohort."""

_SHOWN = ("heart_rate_bpm", "pr_interval_ms", "qrs_duration_ms", "qtc_ms", "qrs_axis_deg")


class _Provenance(BaseModel):
    """Where a saved model comes from, which its estimates repeat."""

    trained_on_simulated_data: bool
    training_people: int
    out_of_fold_mae_g: float
    study: str
    study_fingerprint: str
    package_version: str


class _Card(_Provenance):
    """What `lvmass.study.study.Study.save_model` says of a model beside its weights, and an estimate needs."""

    leads: tuple[str, ...]
    beat: BeatConfig
    interval_level: float
    interval_factor: dict[str, Annotated[float, Field(ge=1)]]
    lvh_cutoff_g_m2: Annotated[dict[Sex, float], Field(min_length=2)]
    lvh_cutoff_source: str


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
    lvh_cutoff_g_m2 : float
        Cut-off for the person's sex.
    lvh_cutoff_source : str
        Where it comes from.
    lvh : bool
        Whether the estimated index is above the cut-off.
    heart_rate_bpm, pr_interval_ms, qrs_duration_ms, qtc_ms, qrs_axis_deg : float or None
        Measured on the synchronized beat; None where absent.
    n_beats : int
        Beats that the synchronized beat is made of.
    source : str
        The recording's name.
    notes : tuple of str
        What is worth knowing about this recording, a sentence each.
    model : dict
        How the estimate was made: network, training, and whether the training people were simulated.
    """

    lvm_g: float
    lvm_low_g: float | None
    lvm_high_g: float | None
    interval_level: float
    bsa_m2: float
    lvmi_g_m2: float
    lvh_cutoff_g_m2: float
    lvh_cutoff_source: str
    lvh: bool
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
    check_person(sex, age_years, height_cm, weight_kg)
    sex = sex.lower()
    model, contents = load_model(model_folder)
    try:
        card = _Card.model_validate(contents)
    except ValidationError as error:
        where = ", ".join(sorted({str(problem["loc"][0]) for problem in error.errors()}))
        told = f"model.json lacks, or has no usable value of, {where}; save the model again."
        raise DataError(f"{model_folder}: {told}") from None
    if card.leads != LEADS:
        raise DataError(
            f"{model_folder}: the model wants the leads {list(card.leads)}; this package gives {list(LEADS)}."
        )
    if sex not in card.interval_factor:
        raise DataError(f"{model_folder}: this model was trained without any {sex} person; give a model of both sexes.")
    beat, measured, findings = examine(recording, card.beat)
    notes = tuple(finding.message for finding in findings)
    if beat is None or measured is None:
        raise DataError(f"{recording.source}: " + " ".join(notes))
    person: dict[str, Any] = {"sex": sex, "age_years": age_years, "height_cm": height_cm, "weight_kg": weight_kg}
    person |= asdict(measured) | measured.t_waves_mv
    person |= {name: found.value for name, found in lvh_criteria(beat, measured, sex).items()}
    covariates = covariate_matrix({name: [value] for name, value in person.items()}, model.covariates)
    lvm_g = float(model.predict_g(beat.waveform_mv[None], covariates)[0])
    factor = card.interval_factor[sex] if lvm_g > 0 else None
    if factor is None:
        notes += ("No interval: the estimate is not a positive mass.",)
    bsa_m2 = float(bsa_mosteller_m2(height_cm, weight_kg))
    cutoff_g_m2 = card.lvh_cutoff_g_m2[sex]  # type: ignore[index]  # check_person knows both
    shown = {name: getattr(measured, name) for name in _SHOWN}
    return Estimate(
        lvm_g=lvm_g,
        lvm_low_g=None if factor is None else lvm_g / factor,
        lvm_high_g=None if factor is None else lvm_g * factor,
        interval_level=card.interval_level,
        bsa_m2=bsa_m2,
        lvmi_g_m2=lvm_g / bsa_m2,
        lvh_cutoff_g_m2=cutoff_g_m2,
        lvh_cutoff_source=card.lvh_cutoff_source,
        lvh=lvm_g / bsa_m2 > cutoff_g_m2,
        **{name: None if np.isnan(value) else float(value) for name, value in shown.items()},  # JSON knows no NaN
        n_beats=beat.n_beats,
        source=recording.source,
        notes=notes,
        model={
            "network": model.network,
            "not_for_clinical_use": True,
            **card.model_dump(include=set(_Provenance.model_fields)),
        },
    )
