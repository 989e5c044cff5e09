"""A folder as a hospital would hand it over, of simulated people: their table in its own words, and an ECG file each.

Chapter 8 starts from it, and so can anybody who wants to try the way from files to a book; no part of the package.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from lvmass.cohort.simulation.cohort import simulate_cohort
from lvmass.ecg.recording import LEADS, Recording

_UV_PER_STEP = 5
_CM_PER_INCH, _KG_PER_LB = 2.54, 0.45359237
_OWN_NAMES = {
    "subject_id": "Exam",
    "patient_id": "Patient",
    "sex": "Sex",
    "age_years": "Age",
    "height_cm": "Height (in)",
    "weight_kg": "Weight (lb)",
    "lvm_g": "LV mass CT (g)",
    "ecg_path": "ECG file",
    "ecg_date": "ECG taken",
    "ct_date": "CT taken",
}


def write_hospital(folder: str | Path, n: int = 120, *, seed: int = 8, mistakes: bool = True) -> pd.DataFrame:
    """Write ``subjects.csv`` and ``ecg/`` of simulated people, the table in inches, pounds and M/F.

    Parameters
    ----------
    folder : path
        Is there; ECGs that are in it already are kept.
    n : int
        Rows, 30 or more. ECGs are DICOM, WFDB and CSV files in turn; every twentieth person has two.
    seed : int
        Of the simulation.
    mistakes : bool
        Whether ten mistakes are made, as they happen when tables are typed and files are copied.

    Returns
    -------
    DataFrame
        The mistakes: ``row`` (the header is row 1), ``column`` (the hospital's) and ``mistake``.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     planted = write_hospital(folder, 30)
    ...     print(len(planted), open(folder + "/subjects.csv").readline())
    10 Exam;Patient;Sex;Age;Height (in);Weight (lb);LV mass CT (g);ECG file;ECG taken;CT taken
    <BLANKLINE>
    """
    folder, cohort = Path(folder), simulate_cohort(n, like="tw-cvai", seed=seed)
    (folder / "ecg").mkdir(exist_ok=True)
    own = np.arange(n) - (np.arange(n) % 20 == 19)  # whose values a row has
    people = cohort.subjects.iloc[own].reset_index(drop=True)
    # years before any real cohort, so that a page with these dates says nothing of one
    taken = pd.Timestamp("1976-01-05") + pd.to_timedelta(np.arange(n) % 200, "D")
    table = pd.DataFrame(
        {
            "subject_id": [f"sim-E{1000 + i}" for i in range(n)],
            "patient_id": [f"sim-P{1000 + i}" for i in own],
            "sex": people["sex"].map({"female": "F", "male": "M"}),
            "age_years": people["age_years"].round().astype(int),
            "height_cm": (people["height_cm"] / _CM_PER_INCH).round(1),
            "weight_kg": (people["weight_kg"] / _KG_PER_LB).round(1),
            "lvm_g": people["lvm_g"].round(1),
            "ecg_path": [f"ecg/{_WRITERS[i % 3][0].format(i)}" for i in range(n)],
            "ecg_date": taken.strftime("%Y-%m-%d"),
            "ct_date": (taken[own] + pd.Timedelta(9, "D")).strftime("%Y-%m-%d"),
        }
    )
    for i, path in enumerate(table["ecg_path"]):
        if not (folder / path).is_file():
            _WRITERS[i % 3][1](folder / path, cohort.recording(i))
    empty, spare = folder / "ecg" / "empty.dcm", table.loc[8, "ecg_path"]
    made: list[tuple[int, str, Any, str]] = []
    if mistakes:
        empty.touch()
        made = [
            (1, "age_years", 430, "a digit too many in an age"),
            (4, "sex", "X", "an unknown code of sex"),
            (7, "weight_kg", np.nan, "no weight"),
            (10, "ecg_path", "ecg/empty.dcm", "an empty ECG file"),
            (13, "ecg_path", "ecg/not-there.dcm", "an ECG file that is not there"),
            (15, "subject_id", table.loc[14, "subject_id"], "a name used twice"),
            (17, "ecg_path", spare, "another patient's ECG"),
            (19, "sex", {"F": "M", "M": "F"}[str(table.loc[19, "sex"])], "one patient, two sexes"),
            (22, "ct_date", "2091-05-02", "a CT in the future"),
            (25, "height_cm", 170.0, "a height in cm among inches"),
        ]
        for row, column, value, _ in made:
            table.loc[row, column] = value
    text = table.rename(columns=_OWN_NAMES).to_csv(sep=";", decimal=",", index=False)
    (folder / "subjects.csv").write_text(text, encoding="utf-8")
    planted = [(row + 2, _OWN_NAMES[column], what) for row, column, _, what in made]
    return pd.DataFrame(planted, columns=["row", "column", "mistake"])


def _steps(recording: Recording) -> np.ndarray:
    """Samples in steps of 5 µV, shape (n_samples, 12)."""
    return np.round(recording.signal_mv.T * 1000 / _UV_PER_STEP).astype("<i2")


def _write_wfdb(path: Path, recording: Recording) -> None:
    import wfdb

    options = {"fs": recording.sampling_rate_hz, "units": ["mV"] * 12, "sig_name": list(LEADS), "fmt": ["16"] * 12}
    options |= {"adc_gain": [1000 / _UV_PER_STEP] * 12, "baseline": [0] * 12}
    wfdb.wrsamp(path.stem, d_signal=_steps(recording).astype(np.int64), write_dir=str(path.parent), **options)


def _write_csv(path: Path, recording: Recording) -> None:
    table = pd.DataFrame(_steps(recording) * _UV_PER_STEP, columns=[f"{lead}_uv" for lead in LEADS])
    table.insert(0, "time_ms", np.arange(len(table)) * 1000 / recording.sampling_rate_hz)
    table.to_csv(path, index=False)


def _write_dicom(path: Path, recording: Recording) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, TwelveLeadECGWaveformStorage, generate_uid

    def dataset(**values: object) -> Dataset:
        made = Dataset()
        for keyword, value in values.items():
            setattr(made, keyword, value)
        return made

    def coded(value: str, scheme: str, meaning: str) -> list[Dataset]:
        return [dataset(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)]

    channels = [
        dataset(
            ChannelSourceSequence=coded(f"MDC_{lead}", "MDC", f"Lead {lead}"),
            ChannelSensitivity=_UV_PER_STEP,
            ChannelSensitivityUnitsSequence=coded("uV", "UCUM", "microvolt"),
            ChannelSensitivityCorrectionFactor=1,
            ChannelBaseline=0,
            WaveformBitsStored=16,
        )
        for lead in LEADS
    ]
    samples = _steps(recording)
    waveform = dataset(
        NumberOfWaveformChannels=12,
        NumberOfWaveformSamples=len(samples),
        SamplingFrequency=recording.sampling_rate_hz,
        WaveformOriginality="ORIGINAL",
        WaveformBitsAllocated=16,
        WaveformSampleInterpretation="SS",
        ChannelDefinitionSequence=channels,
        WaveformData=samples.tobytes(),
    )
    kind, uid = TwelveLeadECGWaveformStorage, generate_uid(entropy_srcs=[path.name])
    file = dataset(SOPClassUID=kind, SOPInstanceUID=uid, Modality="ECG", WaveformSequence=[waveform])
    file.file_meta = FileMetaDataset()
    file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file.file_meta.MediaStorageSOPClassUID, file.file_meta.MediaStorageSOPInstanceUID = kind, uid
    file.save_as(path, enforce_file_format=True)


_WRITERS: tuple[tuple[str, Callable[[Path, Recording], None]], ...] = (
    ("{}.dcm", _write_dicom),
    ("r{}.hea", _write_wfdb),
    ("{}.csv", _write_csv),
)
