"""Broken recordings of more than 60 kinds: each gives one sentence that says what, where and what to do."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lvmass.ecg import (
    FINDING_WORDS,
    LEADS,
    Recording,
    check_quality,
    lvh_criteria,
    measure_beat,
    read_ecg,
    synchronized_beat,
)
from lvmass.errors import DataError
from tests.ecg.ecg_files import WRITERS
from tests.ecg.synthetic import synthetic_recording


def _wfdb(edit: Callable[[str], str], dat: Callable[[bytes], bytes] = lambda data: data) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = WRITERS["wfdb"][0](folder, synthetic_recording(duration_s=1.0))
        path.write_text(edit(path.read_text()))
        path.with_suffix(".dat").write_bytes(dat(path.with_suffix(".dat").read_bytes()))
        return path

    return write


def _edited(name: str, edit: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = WRITERS[name][0](folder, synthetic_recording(duration_s=1.0))
        path.write_bytes(edit(path.read_bytes()))
        return path

    return write


def _text(name: str, old: str, new: str, count: int = -1) -> Callable[[Path], Path]:
    def edit(content: bytes) -> bytes:
        assert old.encode() in content
        return content.replace(old.encode(), new.encode(), count)

    return _edited(name, edit)


def _content(name: str, content: bytes | str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return folder / name

    return write


def _npy(array: np.ndarray) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        np.save(folder / "x.npy", array, allow_pickle=array.dtype == object)
        return folder / "x.npy"

    return write


def _parquet(column: pa.Array) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        pq.write_table(pa.table({lead: column for lead in LEADS}), folder / "x.parquet")
        return folder / "x.parquet"

    return write


def _dicom(change: Callable) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        import pydicom

        path = WRITERS["dicom"][0](folder, synthetic_recording(duration_s=1.0))
        file = pydicom.dcmread(path)
        change(file, file.WaveformSequence[0])
        file.save_as(path)
        return path

    return write


def _big(folder: Path) -> Path:
    path = folder / "holter.edf"
    with path.open("wb") as file:
        file.truncate(10**9)
    return path


def _folder(folder: Path) -> Path:
    (folder / "record.d").mkdir()
    return folder / "record.d"


LEADS_CSV = ",".join(LEADS)
ROW = ",".join(["0.1"] * 12)
BOMB = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;">]>'
ARRAY = {"unit": "mV", "sampling_rate_hz": 500.0, "leads": LEADS}
ONES = np.ones((12, 600))

FILES: dict[str, tuple[Callable[[Path], Path], dict, str]] = {
    # what is wrong -> how to make it, keywords of read_ecg, what the message must say
    "no such file": (lambda folder: folder / "absent.dcm", {}, "no such file"),
    "a folder": (_folder, {}, "folder"),
    "an empty file": (_content("x.dcm", b""), {}, "empty"),
    "random bytes": (_content("x.bin", np.random.default_rng(0).bytes(5000)), {}, "file type is not known"),
    "a text": (_content("x.txt", "I am no ECG"), {}, "file type is not known"),
    "a picture": (_content("x.png", b"\x89PNG\r\n\x1a\n" + bytes(500)), {}, "file type is not known"),
    "a pickle": (_content("x.pkl", b"\x80\x04\x95" + bytes(100)), {}, "file type is not known"),
    "a Holter of a gigabyte": (_big, {}, "cut a resting ECG"),
    "an unknown unit": (_content("x.csv", "I\n1"), {"unit": "mm"}, "unit"),
    "a rate for a file that states one": (_wfdb(str), {"sampling_rate_hz": 500.0}, "CSV, NPY and Parquet"),
    # WFDB
    "WFDB without samples": (_wfdb(str, lambda data: b""), {}, "empty"),
    "WFDB cut short": (_wfdb(str, lambda data: data[:3000]), {}, "damaged"),
    "WFDB without a rate": (_wfdb(lambda text: text.replace("sample 12 500 500", "sample 12")), {}, "sampling rate"),
    "WFDB at 50 Hz": (_wfdb(lambda text: text.replace("12 500 ", "12 50 ", 1)), {}, "100 to 2000 Hz"),
    "WFDB at 5000 Hz": (_wfdb(lambda text: text.replace("12 500 ", "12 5000 ", 1)), {}, "100 to 2000 Hz"),
    "WFDB without gains": (_wfdb(lambda text: text.replace("200.0(0)/mV", "0")), {}, "no unit is stated"),
    "WFDB in mmHg": (_wfdb(lambda text: text.replace("/mV", "/mmHg")), {}, "no unit of voltage|no unit is stated"),
    "WFDB with a lead twice": (_wfdb(lambda text: text.replace("V2", "V1")), {}, "V1 is stored twice"),
    "WFDB without V3": (_wfdb(lambda text: text.replace("V3", "resp")), {}, "V3 is missing"),
    "WFDB without I and II": (_wfdb(lambda text: re.sub(r" II?\n", " x\n", text)), {}, "missing"),
    "WFDB with several segments": (_wfdb(lambda text: "sample/2 12 500 500\n"), {}, "segment"),
    "WFDB out of its folder": (_wfdb(lambda text: text.replace("sample.dat", "../sample.dat")), {}, "folder"),
    "WFDB of a foreign format": (_wfdb(lambda text: text.replace(".dat 16", ".dat 516")), {}, "format"),
    "WFDB promising too much": (_wfdb(lambda text: text.replace("500 500", "500 999999999")), {}, "damaged"),
    "WFDB header of noise": (_content("x.hea", bytes(range(256))), {}, "x.hea"),
    "WFDB with unit given otherwise": (_wfdb(str), {"unit": "uV"}, "leave unit out"),
    # DICOM
    "DICOM cut short": (_edited("dicom", lambda data: data[: len(data) // 2]), {}, "sample.dcm"),
    "DICOM without waveform": (_dicom(lambda file, group: file.__delattr__("WaveformSequence")), {}, "sample.dcm"),
    "DICOM without rate": (_dicom(lambda file, group: setattr(group, "SamplingFrequency", 0)), {}, "sample.dcm"),
    "DICOM with too many samples": (
        _dicom(lambda file, group: setattr(group, "NumberOfWaveformSamples", 10**9)),
        {},
        "sample.dcm",
    ),
    "DICOM deflated": (
        _edited("dicom", lambda data: data.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99")),
        {},
        "deflated",
    ),
    "DICOM without sensitivities": (
        _dicom(
            lambda file, group: [
                channel.__delattr__(name)
                for channel in group.ChannelDefinitionSequence
                for name in ("ChannelSensitivity", "ChannelSensitivityUnitsSequence")
            ]
        ),
        {},
        "unit",
    ),
    # XML
    "MUSE with entities": (_text("muse", '<!DOCTYPE RestingECG SYSTEM "restecg.dtd">', BOMB), {}, "entities"),
    "HL7 with entities": (_text("hl7", "<AnnotatedECG", BOMB + "<AnnotatedECG", 1), {}, "entities"),
    "Philips with entities in UTF-16": (
        _content("x.xml", f'<?xml version="1.0"?>{BOMB}<restingecgdata/>'.encode("utf-16")),
        {},
        "entities",
    ),
    "MUSE cut short": (_edited("muse", lambda data: data[:-100]), {}, "damaged"),
    "MUSE without unit": (_text("muse", "MICROVOLTS", ""), {}, "no unit is stated"),
    "MUSE without V4": (_text("muse", ">V4<", ">V9<"), {}, "V4 is missing"),
    "MUSE with a lead twice": (_text("muse", ">V4<", ">V3<"), {}, "V3 is stored twice"),
    "MUSE with broken base64": (_text("muse", "<WaveFormData>", "<WaveFormData>$$"), {}, "damaged"),
    "MUSE without rate": (_text("muse", "<SampleBase>500</SampleBase>", ""), {}, "damaged"),
    "HL7 without a time step": (_text("hl7", '<increment value="0.002" unit="s"/>', ""), {}, "damaged"),
    "HL7 with words for numbers": (_text("hl7", "<digits>", "<digits>many "), {}, "damaged"),
    "HL7 without unit": (_text("hl7", ' unit="uV"', ""), {}, "no unit is stated"),
    "Philips of an unknown version": (_text("philips", ">1.03<", ">9.99<"), {}, "philips.xml"),
    "Philips without resolution": (_text("philips", 'resolution="5"', ""), {}, "no unit is stated"),
    "other XML": (_content("x.xml", '<?xml version="1.0"?><note>hello</note>'), {}, "file type is not known"),
    "XML nested without end": (_content("x.xml", "<RestingECG>" * 50_000), {}, "damaged"),
    # other vendors' formats
    "SCP with a pointer out of the file": (
        _edited("scp", lambda data: data[:50] + b"\xff\xff\xff\x7f" + data[54:]),
        {},
        "sample.scp",
    ),
    "SCP cut short": (_edited("scp", lambda data: data[:500]), {}, "sample.scp"),
    "EDF without records": (_edited("edf", lambda data: data[: 256 * 13]), {}, "sample.edf"),
    "EDF of the brain": (_text("edf", "ECG ", "EEG "), {}, "none of the twelve leads"),
    "ISHNE of one lead": (_edited("ishne", lambda data: data[:156] + b"\1\0" + data[158:]), {}, "missing"),
    "MFER without waveform": (_edited("mfer", lambda data: data[:100]), {}, "sample.mwf"),
    # arrays
    "CSV without rate": (_content("x.csv", f"{LEADS_CSV}\n{ROW}\n{ROW}"), {"unit": "mV"}, "no sampling rate"),
    "CSV without unit": (_content("x.csv", f"{LEADS_CSV}\n{ROW}"), {"sampling_rate_hz": 500.0}, "no unit is stated"),
    "CSV without names": (_content("x.csv", f"{ROW}\n{ROW}"), {}, "first row"),
    "CSV with a word": (_content("x.csv", f"{LEADS_CSV}\n{ROW}\n{ROW[:-3]}ten"), {}, "12 numbers"),
    "CSV with short rows": (_content("x.csv", f"{LEADS_CSV}\n{ROW}\n0.1,0.2\n{ROW},1,2"), {}, "x.csv"),
    "CSV with a gap in time": (
        _content("x.csv", f"time_s,{LEADS_CSV}\n0,{ROW}\n0.002,{ROW}\n0.010,{ROW}"),
        {"unit": "mV"},
        "evenly spaced",
    ),
    "CSV with two rates": (
        _content("x.csv", f"time_s,{LEADS_CSV}\n0,{ROW}\n0.002,{ROW}"),
        {"unit": "mV", "sampling_rate_hz": 250.0},
        "says 500 Hz",
    ),
    "CSV without rows": (_content("x.csv", LEADS_CSV), {"unit": "mV", "sampling_rate_hz": 500.0}, "x.csv"),
    "NPY without leads": (_npy(ONES), {"unit": "mV", "sampling_rate_hz": 500.0}, "names no leads"),
    "NPY of a wrong shape": (_npy(np.ones((3, 4, 5))), ARRAY, "shape"),
    "NPY of eleven leads": (_npy(ONES[:11]), ARRAY, "shape"),
    "NPY of text": (_npy(np.full((12, 9), "a")), ARRAY, "type"),
    "NPY of objects": (_npy(np.array([{"a": 1}], dtype=object)), ARRAY, "damaged"),
    "NPY of infinities": (_npy(ONES * np.inf), ARRAY, "exceed"),
    "NPY of nothing": (_npy(ONES[:, :0]), ARRAY, "x.npy"),
    "Parquet of repeated words": (_parquet(pa.array(["word"] * 600).dictionary_encode()), ARRAY, "numbers"),
    "Parquet of lists": (_parquet(pa.array([[0.1] * 600])), ARRAY, "numbers"),
    "Parquet cut short": (_edited("parquet", lambda data: data[:-20]), {"sampling_rate_hz": 500.0}, "damaged"),
}


@pytest.mark.parametrize("kind", FILES)
def test_broken_files(kind: str, tmp_path: Path) -> None:
    write, keywords, expected = FILES[kind]
    path = write(tmp_path)
    with pytest.raises(DataError, match=expected) as caught:
        read_ecg(path, **keywords)
    message = str(caught.value)
    assert path.name in message or path.stem in message
    assert "\n" not in message
    assert message.endswith(".")
    assert len(message) < 400
    reason = caught.value.reason  # what results on disk may hold
    assert reason.endswith(".")
    assert path.name not in reason
    assert str(tmp_path) not in reason


def test_a_reason_names_no_file(tmp_path: Path) -> None:
    path = tmp_path / "Doe John.hea"
    for signal_file in ("Doe.dat", "/home/Doe.dat", "../Doe.dat"):
        path.write_text(f"Doe 12 500 5000\n{signal_file} 16 1000 16 0 0 0 0 I\n")
        with pytest.raises(DataError) as caught:
            read_ecg(path)
        assert str(caught.value) == f"Doe John.hea: {caught.value.reason}"
        assert "Doe" not in caught.value.reason


def _signal(change: Callable[[np.ndarray], None]) -> Recording:
    signal_mv = synthetic_recording(noise_mv=0.005).signal_mv.copy()
    change(signal_mv)
    return Recording(signal_mv, 500.0, source="broken")


def _set(rows: Any, columns: Any, value: float) -> Callable[[np.ndarray], None]:
    def change(signal_mv: np.ndarray) -> None:
        signal_mv[rows, columns] = value

    return change


def _noise(size_mv: float) -> Callable[[np.ndarray], None]:
    def change(signal_mv: np.ndarray) -> None:
        signal_mv += size_mv * np.random.default_rng(0).standard_normal(signal_mv.shape).astype(np.float32)

    return change


def _times(factor: float, rows: Any = slice(None)) -> Callable[[np.ndarray], None]:
    def change(signal_mv: np.ndarray) -> None:
        signal_mv[rows] *= factor

    return change


def _swap(first: str, second: str) -> Callable[[np.ndarray], None]:
    def change(signal_mv: np.ndarray) -> None:
        a, b = LEADS.index(first), LEADS.index(second)
        signal_mv[[a, b]] = signal_mv[[b, a]]

    return change


def _exchange_arms(signal_mv: np.ndarray) -> None:
    signal_mv[0] *= -1
    signal_mv[[1, 2]] = signal_mv[[2, 1]]
    signal_mv[[3, 4]] = signal_mv[[4, 3]]


def _clip(signal_mv: np.ndarray) -> None:
    np.clip(signal_mv, -0.6, 0.6, out=signal_mv)


EVERYWHERE = slice(None)
SIGNALS: dict[str, tuple[Callable[[np.ndarray], None], str]] = {
    # what is wrong -> how to make it, the finding it must give
    "one NaN": (_set(3, 100, np.nan), "nan"),
    "a lead of NaN": (_set(7, EVERYWHERE, np.nan), "nan"),
    "all NaN": (_set(EVERYWHERE, EVERYWHERE, np.nan), "nan"),
    "infinite": (_set(3, 100, np.inf), "nan"),
    "all zero": (_set(EVERYWHERE, EVERYWHERE, 0), "flat"),
    "one lead flat": (_set(9, EVERYWHERE, 0.3), "flat"),
    "electrode off for three seconds": (_set(8, slice(1000, 2500), 0), "gap"),
    "clipped": (_clip, "clipped"),
    "V2 twice, as V3": (lambda signal_mv: signal_mv.__setitem__(8, signal_mv[7]), "duplicate"),
    "V2 twice, as V6": (lambda signal_mv: signal_mv.__setitem__(11, signal_mv[7]), "duplicate"),
    "µV read as mV": (_times(1000.0), "unit_too_large"),
    "mV read as µV": (_times(0.001), "unit_too_small"),
    "noise alone": (lambda signal_mv: (_times(0.0)(signal_mv), _noise(0.1)(signal_mv))[0], "no_qrs"),
    "ECG in noise": (_noise(0.3), "excessive_muscle_noise"),
    "arms exchanged": (_exchange_arms, "limb_reversal"),
    "aVR inverted": (_times(-1.0, 3), "mislabelled"),
    "aVL and aVF exchanged": (_swap("aVL", "aVF"), "mislabelled"),
    "V1 and V3 exchanged": (_swap("V1", "V3"), "precordial_order"),
    "V2 and V5 exchanged": (_swap("V2", "V5"), "precordial_order"),
    "one heartbeat": (_set(EVERYWHERE, slice(500, None), 0), "no_qrs"),
}


@pytest.mark.parametrize("kind", SIGNALS)
def test_broken_signals(kind: str) -> None:
    change, code = SIGNALS[kind]
    quality = check_quality(_signal(change))
    assert not quality.usable
    codes = {finding.code for finding in quality.findings}
    assert code in codes
    assert codes <= FINDING_WORDS.keys()
    assert all(finding.message.endswith(".") and finding.lead in (*LEADS, "all") for finding in quality.findings)


@pytest.mark.parametrize("kind", ["one NaN", "all NaN", "infinite", "all zero", "one lead flat", "one heartbeat"])
def test_what_cannot_give_a_beat_is_refused_with_a_sentence(kind: str) -> None:
    with pytest.raises(DataError, match=r"^broken: .*; .*\.$"):
        synchronized_beat(_signal(SIGNALS[kind][0]))


@pytest.mark.parametrize(
    "kind", [kind for kind in SIGNALS if kind not in ("one NaN", "all NaN", "infinite", "all zero")]
)
def test_no_broken_signal_escapes_as_another_error(kind: str) -> None:
    try:
        beat = synchronized_beat(_signal(SIGNALS[kind][0]))
    except DataError:
        return
    lvh_criteria(beat, measure_beat(beat), "male")


@pytest.mark.parametrize("n_samples", [0, 1, 2, 10, 100, 300, 700])
def test_very_short_recordings(n_samples: int) -> None:
    recording = Recording(np.random.default_rng(0).normal(size=(12, n_samples)).astype(np.float32), 500.0, source="x")
    assert not check_quality(recording).usable
    with pytest.raises(DataError, match="x: "):
        synchronized_beat(recording)
