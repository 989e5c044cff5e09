from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lvmass.ecg.reading import read_ecg
from lvmass.ecg.recording import LEADS
from lvmass.errors import DataError
from tests.ecg.ecg_files import WRITERS
from tests.ecg.synthetic import synthetic_recording


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_recording(name: str, tmp_path: Path) -> None:
    original = synthetic_recording(duration_s=2.0)
    write, keywords = WRITERS[name]
    recording = read_ecg(write(tmp_path, original), **keywords)
    assert recording.leads == LEADS
    assert recording.sampling_rate_hz == 500.0
    assert recording.signal_mv.dtype == np.float32
    # samples are stored in steps of 5 µV, and limb leads derived from two of them
    np.testing.assert_allclose(recording.signal_mv, original.signal_mv, atol=0.0051)


@pytest.mark.parametrize("fmt", [8, 16, 24, 32, 61, 80, 160, 212, 310, 311])
def test_wfdb_storage_formats_are_decoded_as_by_wfdb(fmt: int, tmp_path: Path) -> None:
    import wfdb

    n_samples = 64
    bits = {8: 8, 24: 24, 32: 32, 80: 8, 212: 12, 310: 32 / 3, 311: 32 / 3}.get(fmt, 16)
    content = np.random.default_rng(fmt).integers(0, 256, round(n_samples * 12 * bits / 8), dtype=np.uint8)
    if fmt == 32:
        content[3::4] = 0  # keeps the voltages readable
    if fmt == 310:
        content[::2] &= 0xFE  # unused bits
    if fmt == 311:
        content[3::4] &= 0x3F
    (tmp_path / "r.dat").write_bytes(content.tobytes())
    signals = [f"r.dat {fmt} 200(3)/mV 12 0 0 0 0 {lead}" for lead in LEADS]
    (tmp_path / "r.hea").write_text("\n".join([f"r 12 500 {n_samples}", *signals]) + "\n")
    reference = wfdb.rdrecord(str(tmp_path / "r")).p_signal.T
    signal_mv = read_ecg(tmp_path / "r").signal_mv
    both = np.isfinite(reference) & np.isfinite(signal_mv)  # the two mark the lowest value as invalid in other formats
    assert both.mean() > 0.98
    np.testing.assert_allclose(signal_mv[both], reference[both], rtol=1e-5, atol=1e-5)


def test_real_wfdb_records_agree_with_wfdb(real_ecg: Path) -> None:
    import wfdb

    paths = [
        *sorted((real_ecg / "ludb" / "data").glob("*.hea"))[:5],
        *sorted((real_ecg / "ptbxl" / "records100" / "00000").glob("*.hea"))[:3],
        real_ecg / "ptbdb" / "s0010_re.hea",
    ]
    for path in paths:
        record = wfdb.rdrecord(str(path.with_suffix("")))
        recording = read_ecg(path)
        np.testing.assert_allclose(recording.signal_mv, record.p_signal.T, atol=1e-5)
        assert recording.sampling_rate_hz == record.fs
        assert recording.notes == ()


def test_wfdb_is_found_with_any_ending(real_ecg: Path) -> None:
    stem = real_ecg / "ludb" / "data" / "1"
    signals = [read_ecg(path).signal_mv for path in (stem, stem.with_suffix(".hea"), stem.with_suffix(".dat"))]
    signals.append(read_ecg(str(stem)).signal_mv)
    assert all(np.array_equal(signals[0], signal) for signal in signals)


def test_dicom_agrees_with_the_carts_own_wfdb_copy(cart_recording, real_ecg: Path) -> None:
    copy = read_ecg(real_ecg / "vendor_beats" / "mortara_rhythm")
    np.testing.assert_allclose(cart_recording.signal_mv, copy.signal_mv, atol=1e-4)


@pytest.mark.parametrize(("unit", "factor"), [("mV", 1.0), ("uV", 1e3), ("µV", 1e3), ("V", 1e-3), ("nV", 1e6)])
def test_units_of_arrays(unit: str, factor: float, tmp_path: Path) -> None:
    recording = synthetic_recording(duration_s=1.0)
    np.save(tmp_path / "x.npy", (recording.signal_mv.astype(float) * factor).T)
    read = read_ecg(tmp_path / "x.npy", unit=unit, sampling_rate_hz=500, leads=LEADS)
    np.testing.assert_allclose(read.signal_mv, recording.signal_mv, rtol=1e-5, atol=1e-7)


def test_decimal_comma_and_semicolon(tmp_path: Path) -> None:
    rows = [";".join(LEADS), *[";".join(["0,5"] * 12)] * 100]
    (tmp_path / "x.csv").write_text("\n".join(rows), encoding="utf-8-sig")
    assert read_ecg(tmp_path / "x.csv", unit="mV", sampling_rate_hz=250).signal_mv[0, 0] == 0.5


def test_a_wrong_checksum_is_noted(tmp_path: Path) -> None:
    path = WRITERS["wfdb"][0](tmp_path, synthetic_recording(duration_s=1.0))
    data = bytearray(path.with_suffix(".dat").read_bytes())
    data[100] ^= 1
    path.with_suffix(".dat").write_bytes(data)
    assert "checksum" in read_ecg(path).notes[0]


def test_non_integer_sampling_rate_is_kept(tmp_path: Path) -> None:
    path = WRITERS["wfdb"][0](tmp_path, synthetic_recording(duration_s=1.0))
    path.write_text(path.read_text().replace(" 500 ", " 257.5 ", 1))
    assert read_ecg(path).sampling_rate_hz == 257.5


@pytest.mark.parametrize("name", WRITERS)
def test_mutated_files_give_a_recording_or_one_sentence(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp(name)
    write, keywords = WRITERS[name]
    path = write(folder, synthetic_recording(duration_s=1.0))
    content = path.read_bytes()

    @settings(max_examples=40, deadline=5000, suppress_health_check=list(HealthCheck), database=None)
    @given(
        at=st.floats(0, 1), size=st.sampled_from([1, 2, 4, 64, 10**6]), fill=st.binary(max_size=8), header=st.booleans()
    )
    def mutate(at: float, size: int, fill: bytes, header: bool) -> None:
        start = int(at * (min(len(content), 1024) if header else len(content)))
        path.write_bytes(content[:start] + fill + content[start + size :])
        try:
            message = "" if read_ecg(path, **keywords).signal_mv.shape[0] == 12 else "not twelve leads\n"
        except DataError as error:
            message = str(error)
        assert "\n" not in message

    mutate()
