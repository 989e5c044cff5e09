"""Recordings in, LVM in grams out: the whole way from the ECG to the estimate, as the book goes it.

`predict` takes one recording; `predict_people` takes any number of files, in parallel, and writes a table.
"""

import hashlib
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from joblib import Memory, Parallel, delayed
from tqdm import tqdm

from lvmass.cohort.covariates import covariate_matrix
from lvmass.cohort.schema import bsa_mosteller_m2, check_person
from lvmass.ecg.criteria import lvh_criteria
from lvmass.ecg.intervals import EcgParameters
from lvmass.ecg.quality import examine
from lvmass.ecg.reading import ARRAY_FILES, read_ecg
from lvmass.ecg.recording import LEADS, Beat, Recording
from lvmass.errors import DataError
from lvmass.training.card import VARIABLES, Card, Provenance, load_card, lvh_probability
from lvmass.training.model import FittedModel

if TYPE_CHECKING:
    import pandas as pd

PRETRAINED = Path(__file__).parent / "pretrained"
"""The model that ships with the package; trained on the simulated cohort."""

PERSON = ("sex", "age_years", "height_cm", "weight_kg")
"""What an estimate needs to know of a person beside the ECG."""

BLOCK = 32
"""ECGs a task: less than a second of work, and what a killed run loses of each process."""

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
        Of a true index above the cut-off, see `lvmass.training.card.lvh_probability`.
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
    model, card = _load(model_folder)
    person = {"sex": sex, "age_years": age_years, "height_cm": height_cm, "weight_kg": weight_kg}
    return _estimates(model, card, [_examined(recording, person, card)])[0]


class _Examined(NamedTuple):
    """All that an estimate rests on but the model."""

    person: dict[str, Any]
    beat: Beat
    measured: EcgParameters
    notes: tuple[str, ...]
    source: str


def _load(model_folder: str | Path) -> tuple[FittedModel, Card]:
    """Read a model whose leads are those of this package."""
    model, card = load_card(model_folder)
    if card.leads != LEADS:
        raise DataError(
            f"{model_folder}: the model wants the leads {list(card.leads)}; this package gives {list(LEADS)}."
        )
    return model, card


def _examined(recording: Recording, person: Mapping[str, Any], card: Card) -> _Examined:
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
    return _Examined(known, beat, measured, notes, recording.source)


def _estimates(model: FittedModel, card: Card, examined: Sequence[_Examined]) -> list[Estimate]:
    """Estimates of all these people, the network run once."""
    if not examined:
        return []
    table = {name: [each.person[name] for each in examined] for name in examined[0].person}
    beats = np.stack([each.beat.waveform_mv for each in examined])
    grams = model.predict_g(beats, covariate_matrix(table, model.covariates))
    return [_estimate(model, card, each, float(lvm_g)) for each, lvm_g in zip(examined, grams, strict=True)]


def _estimate(model: FittedModel, card: Card, examined: _Examined, lvm_g: float) -> Estimate:
    """All that is said of a person whose LVM was estimated."""
    person, notes = examined.person, examined.notes
    sex, factor = person["sex"], card.interval_factor[person["sex"]]
    bsa_m2 = float(bsa_mosteller_m2(person["height_cm"], person["weight_kg"]))
    index, cutoff_g_m2 = lvm_g / bsa_m2, card.lvh_cutoff_g_m2[sex]
    low, high = (index / factor, index * factor) if lvm_g > 0 else (None, None)
    by_interval: Literal["probable", "improbable", "undecided"] = "undecided"
    if low is None or high is None:
        notes += ("No interval: the estimate is not a positive mass.",)
    elif low > cutoff_g_m2 or high < cutoff_g_m2:
        by_interval = "probable" if low > cutoff_g_m2 else "improbable"
    known = person | {"lvm_g": lvm_g, "lvmi_g_m2": index}
    known["bmi_kg_m2"] = person["weight_kg"] / (person["height_cm"] / 100) ** 2
    shown = {name: getattr(examined.measured, name) for name in _SHOWN}
    probability = lvh_probability(max(index, 1e-9), cutoff_g_m2, factor, card.interval_level)
    return Estimate(
        lvm_g=lvm_g,
        lvm_low_g=None if low is None else low * bsa_m2,
        lvm_high_g=None if high is None else high * bsa_m2,
        interval_level=card.interval_level,
        bsa_m2=bsa_m2,
        lvmi_g_m2=index,
        lvmi_low_g_m2=low,
        lvmi_high_g_m2=high,
        lvh_cutoff_g_m2=cutoff_g_m2,
        lvh_cutoff_source=card.lvh_cutoff_source,
        lvh=index > cutoff_g_m2,
        lvh_by_interval=by_interval,
        lvh_probability=float(probability),
        **{name: None if np.isnan(value) else float(value) for name, value in shown.items()},  # JSON knows no NaN
        n_beats=examined.beat.n_beats,
        source=examined.source,
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
        said = [
            f"{VARIABLES[name].name} {known[name]:.0f} {VARIABLES[name].unit} "
            f"({spans[name].percentiles[1]:.0f} to {spans[name].percentiles[99]:.0f})"
            for name in rare
        ]
        yield f"Outside the range of 98 % of the {people} in training: {', '.join(said)}."


# --- many people ---


def people_in_files(paths: Sequence[Path], person: Mapping[str, Any]) -> "pd.DataFrame":
    """List ECG files, and those in folders, as one row each; all get the same person.

    Of a WFDB record the header stands for all its files. Hidden files and links are left out.

    Raises
    ------
    DataError
        If sex, age, height or weight is not given, or there is no file.
    """
    import pandas as pd

    lacking = [name for name in PERSON if person.get(name) is None]
    if lacking:
        raise DataError(
            f"{paths[0]}: {', '.join(lacking)} of these people are not known; give a table of people with --table."
        )
    files = [(str(path.relative_to(given)), path) for given in paths if given.is_dir() for path in _ecg_files(given)]
    files += [(str(path), path) for path in paths if not path.is_dir()]
    if not files:
        raise DataError(f"{paths[0]}: there is no file in this folder; give the folder of the ECGs.")
    table = pd.DataFrame(files, columns=["file", "ecg_path"])
    return table.assign(ecg_path=table["ecg_path"].astype(str), folder="", **{name: person[name] for name in PERSON})


def _ecg_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        of_wfdb = path.suffix != ".hea" and path.with_suffix(".hea").is_file()
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not (of_wfdb or hidden or path.is_symlink()):
            yield path


def people_in_table(path: Path, person: Mapping[str, Any]) -> "pd.DataFrame":
    """Read a subjects table that needs no mass: one row an ECG, cells unchecked, so that each fails by itself.

    Parameters
    ----------
    path : Path
        Columns ``subject_id, ecg_path, sex, age_years, height_cm, weight_kg``; ECG files lie in its folder.
    person : mapping
        Values for everybody, of columns that the table lacks.

    Raises
    ------
    DataError
        If it cannot be read, or lacks a column.
    """
    from lvmass.cohort.manifest import read_table

    table = read_table(path)
    table = table.assign(**{k: v for k, v in person.items() if v is not None and k not in table})
    wanted = ["subject_id", "ecg_path", *PERSON]
    lacking = [name for name in wanted if name not in table]
    if lacking or table.empty:
        what = f"the column {' and '.join(lacking)} is missing" if lacking else "there is no row below the header"
        raise DataError(f"{path}: {what}; give one row an ECG with the columns {', '.join(wanted)}.")
    return table[wanted].assign(folder=str(path.absolute().parent))


def predict_people(
    people: "pd.DataFrame",
    out: Path,
    *,
    model_folder: str | Path = PRETRAINED,
    reading: Mapping[str, Any] | None = None,
    workers: int = -1,
) -> tuple[int, int]:
    """Estimate LVM of many people, in parallel, and write a table with one row each.

    A row that cannot be estimated says why in the column ``error``. The table appears whole or not at all; after a
    killed run the same call goes on with the people that were not finished.

    Parameters
    ----------
    people : DataFrame
        From `people_in_files` or `people_in_table`.
    out : Path
        The table, CSV; only its owner may read it.
    model_folder : path
        A saved model.
    reading : mapping, optional
        ``unit``, and ``sampling_rate_hz`` and ``leads`` of array files, as ``read_ecg`` takes them.
    workers : int
        Processes; -1 takes one for each core.

    Returns
    -------
    estimated, failed : int
    """
    import pandas as pd

    _load(model_folder)  # a bad model is one sentence, not one for each person
    files = [path for path in sorted(Path(model_folder).iterdir()) if path.is_file()]
    model_key = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    unfinished = out.with_name(f".{out.name}.unfinished")
    unfinished.mkdir(mode=0o700, exist_ok=True)
    kept = Memory(unfinished, verbose=0).cache(_block, ignore=["model_folder"])
    blocks = range(0, len(people), BLOCK)
    tasks = (
        delayed(kept)(_stamped(people[start : start + BLOCK]), dict(reading or {}), model_key, str(model_folder))
        for start in blocks
    )
    failed, temporary = 0, unfinished / out.name
    with warnings.catch_warnings(), temporary.open("w", encoding="utf-8", newline="") as file:
        temporary.chmod(0o600)
        # joblib renews a worker whose memory grew, as it does when torch is loaded; nothing is lost
        warnings.filterwarnings("ignore", message="A worker stopped")
        done = Parallel(n_jobs=min(workers, len(blocks)), return_as="generator")(tasks)
        for start, rows in zip(blocks, tqdm(done, total=len(blocks), desc="predict", disable=None), strict=True):
            table = pd.DataFrame(rows, columns=[people.columns[0], *_COLUMNS], dtype=object)  # an integer stays one
            failed += int((table["error"] != "").sum())
            _safe_cells(table).to_csv(file, index=False, header=start == 0)
    temporary.replace(out)
    shutil.rmtree(unfinished, ignore_errors=True)
    return len(people) - failed, failed


_COLUMNS = [field.name for field in fields(Estimate) if field.name not in ("source", "model")]
_COLUMNS += ["model", "trained_on_simulated_data", "error"]


def _stamped(people: "pd.DataFrame") -> list[dict[Any, Any]]:
    """Rows with size and time of each file, so that a resumed run sees one that was mended."""
    rows = people.to_dict("records")
    for row in rows:
        path = Path(row["folder"], str(row["ecg_path"]))
        found = [file.stat() for file in (path, path.with_suffix(".dat")) if file.is_file()]
        row["stamp"] = [(stat.st_size, stat.st_mtime_ns) for stat in found]
    return rows


def _block(
    rows: list[dict[str, Any]], reading: dict[str, Any], model_key: str, model_folder: str
) -> list[dict[str, Any]]:
    """Estimates of some people as rows of the table; ``model_key`` stands for what is in the folder."""
    model, card = _load(model_folder)
    examined: dict[int, _Examined] = {}
    found = [{next(iter(row)): next(iter(row.values())), "error": ""} for row in rows]
    for i, row in enumerate(rows):
        try:
            examined[i] = _examined(_recording(row, reading), row, card)
        except DataError as error:
            found[i]["error"] = str(error)
    for i, estimate in zip(examined, _estimates(model, card, list(examined.values())), strict=True):
        found[i] |= asdict(estimate) | {"notes": " ".join(estimate.notes)}
        made = estimate.model
        found[i]["model"] = f"{made['network']}, study {made['study']} ({made['study_fingerprint']})"
        found[i]["trained_on_simulated_data"] = made["trained_on_simulated_data"]
    return found


def estimate_row(
    row: Mapping[str, Any], reading: Mapping[str, Any], model_folder: str | Path
) -> tuple[Recording, _Examined, Estimate, Card]:
    """Estimate one row of `people_in_table` or `people_in_files`, with all that its page shows."""
    model, card = _load(model_folder)
    recording = _recording(row, reading)
    examined = _examined(recording, row, card)
    return recording, examined, _estimates(model, card, [examined])[0], card


def _recording(row: Mapping[str, Any], reading: Mapping[str, Any]) -> Recording:
    """Read the ECG of a row; a table names files in its own folder only."""
    path = Path(row["folder"], str(row["ecg_path"]))
    if row["folder"] and not path.resolve().is_relative_to(Path(row["folder"]).resolve()):
        raise DataError(f"{row['ecg_path']}: outside the folder of the table; move the ECG there.")
    if path.suffix.lower() not in ARRAY_FILES:
        return read_ecg(path, unit=reading.get("unit"))
    return read_ecg(path, **reading)


def _safe_cells(table: "pd.DataFrame") -> "pd.DataFrame":
    """Put an apostrophe before text that a spreadsheet would take for a formula."""

    def safe(cell: Any) -> Any:
        return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell

    return table.map(safe)
