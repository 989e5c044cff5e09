"""Write one ECG in every format that `read_ecg` reads, from the public descriptions of the formats."""

import base64
import binascii
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lvmass.ecg.recording import LEADS, Recording

MICROVOLT_PER_COUNT = 5
EIGHT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")


def counts(recording: Recording, leads: tuple[str, ...] = LEADS) -> NDArray[np.int16]:
    """Samples of some leads in steps of 5 µV, shape (n_leads, n_samples)."""
    rows = [LEADS.index(lead) for lead in leads]
    return np.round(recording.signal_mv[rows] * 1000 / MICROVOLT_PER_COUNT).astype(np.int16)


def _base64(samples: NDArray[np.int16]) -> str:
    return base64.b64encode(samples.astype("<i2").tobytes()).decode()


def write_wfdb(folder: Path, recording: Recording) -> Path:
    import wfdb

    wfdb.wrsamp(
        "sample",
        fs=recording.sampling_rate_hz,
        units=["mV"] * 12,
        sig_name=list(LEADS),
        d_signal=counts(recording).T.astype(np.int64),
        fmt=["16"] * 12,
        adc_gain=[1000.0 / MICROVOLT_PER_COUNT] * 12,
        baseline=[0] * 12,
        write_dir=str(folder),
    )
    return folder / "sample.hea"


def write_dicom(folder: Path, recording: Recording) -> Path:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.sequence import Sequence
    from pydicom.uid import ExplicitVRLittleEndian, TwelveLeadECGWaveformStorage, generate_uid

    samples = counts(recording)
    group = Dataset()
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = samples.shape
    group.SamplingFrequency = recording.sampling_rate_hz
    group.WaveformOriginality = "ORIGINAL"
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 16, "SS"
    channels = []
    for lead in LEADS:
        name, unit, channel = Dataset(), Dataset(), Dataset()
        name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning = f"MDC_{lead}", "MDC", f"Lead {lead}"
        unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "uV", "UCUM", "microvolt"
        channel.ChannelSourceSequence = Sequence([name])
        channel.ChannelSensitivity = MICROVOLT_PER_COUNT
        channel.ChannelSensitivityUnitsSequence = Sequence([unit])
        channel.ChannelSensitivityCorrectionFactor, channel.ChannelBaseline = 1, 0
        channel.WaveformBitsStored = 16
        channels.append(channel)
    group.ChannelDefinitionSequence = Sequence(channels)
    group.WaveformData = samples.T.astype("<i2").tobytes()
    file = Dataset()
    file.file_meta = FileMetaDataset()
    file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file.file_meta.MediaStorageSOPClassUID = file.SOPClassUID = TwelveLeadECGWaveformStorage
    file.file_meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID = generate_uid()
    file.Modality = "ECG"
    file.WaveformSequence = Sequence([group])
    path = folder / "sample.dcm"
    file.save_as(path, enforce_file_format=True)
    return path


def write_muse(folder: Path, recording: Recording) -> Path:
    leads = "".join(
        f"<LeadData><LeadID>{lead}</LeadID><LeadSampleSize>2</LeadSampleSize>"
        f"<LeadAmplitudeUnitsPerBit>{MICROVOLT_PER_COUNT}</LeadAmplitudeUnitsPerBit>"
        f"<LeadAmplitudeUnits>MICROVOLTS</LeadAmplitudeUnits><WaveFormData>{_base64(samples)}</WaveFormData></LeadData>"
        for lead, samples in zip(EIGHT, counts(recording, EIGHT), strict=True)
    )
    path = folder / "muse.xml"
    path.write_text(
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<!DOCTYPE RestingECG SYSTEM "restecg.dtd">\n<RestingECG>'
        "<MuseInfo><MuseVersion>9.0</MuseVersion></MuseInfo><Waveform><WaveformType>Rhythm</WaveformType>"
        f"<SampleBase>{recording.sampling_rate_hz:.0f}</SampleBase>{leads}</Waveform></RestingECG>"
    )
    return path


def write_philips(folder: Path, recording: Recording) -> Path:
    samples = counts(recording)
    path = folder / "philips.xml"
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<restingecgdata xmlns="http://www3.medical.philips.com"><documentinfo>'
        "<documenttype>PhilipsECG</documenttype><documentversion>1.03</documentversion></documentinfo><waveforms>"
        f'<parsedwaveforms dataencoding="Base64" numberofleads="12" leadlabels="{" ".join(LEADS)}" '
        f'durationperchannel="{1000 * recording.duration_s:.0f}" samplespersecond="{recording.sampling_rate_hz:.0f}" '
        f'resolution="{MICROVOLT_PER_COUNT}">{_base64(samples)}</parsedwaveforms></waveforms></restingecgdata>'
    )
    return path


def write_hl7(folder: Path, recording: Recording) -> Path:
    leads = "".join(
        f'<component><sequence><code code="MDC_ECG_LEAD_{lead}"/><value><origin value="0" unit="uV"/>'
        f'<scale value="{MICROVOLT_PER_COUNT}" unit="uV"/><digits>{" ".join(map(str, samples))}</digits></value>'
        "</sequence></component>"
        for lead, samples in zip(EIGHT, counts(recording, EIGHT).tolist(), strict=True)
    )
    path = folder / "aecg.xml"
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<AnnotatedECG xmlns="urn:hl7-org:v3"><id root="1.2.3"/><component>'
        '<series><code code="RHYTHM"/><component><sequenceSet><component><sequence><code code="TIME_RELATIVE"/><value>'
        f'<head value="0" unit="s"/><increment value="{1 / recording.sampling_rate_hz}" unit="s"/></value></sequence>'
        f"</component>{leads}</sequenceSet></component></series></component></AnnotatedECG>"
    )
    return path


def write_mortara(folder: Path, recording: Recording) -> Path:
    channels = "".join(
        f'<CHANNEL NAME="{lead}" SAMPLE_FREQ="{recording.sampling_rate_hz:.0f}" BITS="16" FORMAT="SIGNED" '
        f'UNITS_PER_MV="{1000 // MICROVOLT_PER_COUNT}" DURATION="{samples.size}" DATA="{_base64(samples)}"/>'
        for lead, samples in zip(LEADS, counts(recording), strict=True)
    )
    path = folder / "mortara.xml"
    path.write_text(f'<?xml version="1.0"?>\n<ECG ACQUISITION_TIME="20260101120000">{channels}</ECG>')
    return path


def write_scp(folder: Path, recording: Recording, patient: bytes = b"") -> Path:
    """Write SCP-ECG; ``patient`` are fields of section 1."""
    codes = (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8)
    samples = counts(recording)

    def section(number: int, body: bytes) -> bytes:
        body += b"\0" * (len(body) % 2)
        rest = struct.pack("<HI", number, 16 + len(body)) + bytes([20, 20]) + b"\0" * 6 + body
        return struct.pack("<H", binascii.crc_hqx(rest, 0xFFFF)) + rest

    definition = bytes([12, 4]) + b"".join(struct.pack("<IIB", 1, samples.shape[1], code) for code in codes)
    interval_us = round(1e6 / recording.sampling_rate_hz)
    rhythm = struct.pack("<HHBB", 1000 * MICROVOLT_PER_COUNT, interval_us, 0, 0)
    rhythm += struct.pack("<12H", *[2 * samples.shape[1]] * 12) + samples.astype("<i2").tobytes()
    sections = {1: section(1, patient + b"\xff\0\0"), 3: section(3, definition), 6: section(6, rhythm)}
    length = 16 + 10 * 4
    at, pointers = 7 + length, struct.pack("<HII", 0, length, 7)
    for number, content in sections.items():
        pointers += struct.pack("<HII", number, len(content), at)
        at += len(content)
    rest = struct.pack("<I", at - 1) + section(0, pointers) + b"".join(sections.values())
    path = folder / "sample.scp"
    path.write_bytes(struct.pack("<H", binascii.crc_hqx(rest, 0xFFFF)) + rest)
    return path


def write_edf(folder: Path, recording: Recording) -> Path:
    samples = counts(recording)
    rate = round(recording.sampling_rate_hz)
    n_records = samples.shape[1] // rate
    limit_mv = 32767 * MICROVOLT_PER_COUNT / 1000

    def field(text: object, width: int) -> bytes:
        return str(text).ljust(width)[:width].encode()

    header = field("0", 8) + field("X X X X", 80) + field("Startdate X", 80) + b"01.01.2612.00.00"
    header += field(256 * 13, 8) + field("", 44) + field(n_records, 8) + field(1, 8) + field(12, 4)
    header += b"".join(field(f"ECG {lead}", 16) for lead in LEADS) + field("", 80) * 12 + field("mV", 8) * 12
    header += field(-limit_mv, 8) * 12 + field(limit_mv, 8) * 12 + field(-32767, 8) * 12 + field(32767, 8) * 12
    header += field("", 80) * 12 + field(rate, 8) * 12 + field("", 32) * 12
    blocks = samples[:, : n_records * rate].reshape(12, n_records, rate).transpose(1, 0, 2)
    path = folder / "sample.edf"
    path.write_bytes(header + np.ascontiguousarray(blocks).astype("<i2").tobytes())
    return path


def write_mfer(folder: Path, recording: Recording) -> Path:
    codes = (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8)
    samples = counts(recording)

    def tag(number: int, value: bytes) -> bytes:
        length = bytes([len(value)]) if len(value) < 128 else b"\x84" + struct.pack(">I", len(value))
        return bytes([number]) + length + value

    content = b"MFR " + tag(0x01, b"\1") + tag(0x08, struct.pack("<H", 1)) + tag(0x05, bytes([12]))
    content += tag(0x0B, bytes([1, 256 - 6]) + struct.pack("<I", round(1e6 / recording.sampling_rate_hz)))
    content += tag(0x0C, bytes([0, 256 - 6]) + struct.pack("<H", MICROVOLT_PER_COUNT)) + tag(0x0A, b"\0")
    content += tag(0x04, struct.pack("<I", samples.shape[1])) + tag(0x06, struct.pack("<I", 1))
    for channel, code in enumerate(codes):
        content += bytes([0x3F, channel, 4]) + tag(0x09, struct.pack("<H", code))
    path = folder / "sample.mwf"
    path.write_bytes(
        b"\x40\x20" + b"MFR 12-lead ECG".ljust(32) + content[4:] + tag(0x1E, samples.astype("<i2").tobytes())
    )
    return path


def write_ishne(folder: Path, recording: Recording) -> Path:
    samples = counts(recording)
    header = bytearray(512)
    struct.pack_into("<iiiih", header, 0, 0, samples.shape[1], 522, 522, 1)
    struct.pack_into("<h", header, 146, 12)
    struct.pack_into("<12h", header, 148, *range(5, 17))
    struct.pack_into("<12h", header, 172, *[1] * 12)
    struct.pack_into("<12h", header, 196, *[1000 * MICROVOLT_PER_COUNT] * 12)
    struct.pack_into("<h", header, 262, round(recording.sampling_rate_hz))
    path = folder / "sample.ecg"
    checksum = struct.pack("<H", binascii.crc_hqx(bytes(header), 0xFFFF))
    path.write_bytes(b"ISHNE1.0" + checksum + bytes(header) + samples.T.astype("<i2").tobytes())
    return path


def write_csv(folder: Path, recording: Recording) -> Path:
    path = folder / "sample.csv"
    time_s = np.arange(recording.signal_mv.shape[1]) / recording.sampling_rate_hz
    header = ",".join(["time_s", *(f"{lead}_uv" for lead in LEADS)])
    table = np.column_stack([time_s, counts(recording).T.astype(float) * MICROVOLT_PER_COUNT])
    np.savetxt(path, table, "%.6g", ",", header=header, comments="")
    return path


def write_npy(folder: Path, recording: Recording) -> Path:
    path = folder / "sample.npy"
    np.save(path, counts(recording) * np.float32(MICROVOLT_PER_COUNT / 1000))
    return path


def write_parquet(folder: Path, recording: Recording) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = zip(LEADS, counts(recording) * np.float32(MICROVOLT_PER_COUNT / 1000), strict=True)
    path = folder / "sample.parquet"
    pq.write_table(pa.table({f"{lead}_mv": values for lead, values in columns}), path)
    return path


WRITERS: dict[str, tuple[Callable[[Path, Recording], Path], dict]] = {
    "wfdb": (write_wfdb, {}),
    "dicom": (write_dicom, {}),
    "muse": (write_muse, {}),
    "philips": (write_philips, {}),
    "hl7": (write_hl7, {}),
    "mortara": (write_mortara, {}),
    "scp": (write_scp, {}),
    "edf": (write_edf, {}),
    "mfer": (write_mfer, {}),
    "ishne": (write_ishne, {}),
    "csv": (write_csv, {}),
    "npy": (write_npy, {"unit": "mV", "sampling_rate_hz": 500.0, "leads": LEADS}),
    "parquet": (write_parquet, {"sampling_rate_hz": 500.0}),
}
"""Name of the format -> writer and what `read_ecg` must be told besides the path."""
