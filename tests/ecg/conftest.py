"""Where the real ECGs lie, and a synthetic recording for everything else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lvmass.ecg.reading import read_ecg
from lvmass.ecg.recording import Recording
from tests.ecg.reference import real_ecg_folder
from tests.ecg.synthetic import synthetic_recording


@pytest.fixture(scope="session")
def real_ecg() -> Path:
    """Folder of the real ECGs; the test is skipped where they are absent."""
    folder = real_ecg_folder()
    if folder is None or not (folder / "manifest.csv").is_file():
        pytest.skip("the real ECGs are absent; set LVMASS_REAL_ECG to their folder")
    return folder


@pytest.fixture(scope="session")
def cart_recording() -> Recording:
    """The Mortara ECG that ships with pydicom; its cart measured RR 982 ms and QRS 75 ms."""
    from pydicom.data import get_testdata_file

    return read_ecg(str(get_testdata_file("waveform_ecg.dcm")))


@pytest.fixture(scope="session")
def synthetic() -> Callable[..., Recording]:
    """Make a synthetic recording: ``synthetic(sampling_rate_hz=500.0, duration_s=10.0, ...)``."""
    return synthetic_recording
