"""Where the real ECGs lie, and a synthetic recording for everything else."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lvmass.ecg.leads import assemble_leads
from lvmass.ecg.reading import read_ecg
from lvmass.ecg.recording import LEADS, Recording


def real_ecg_folder() -> Path | None:
    """Folder of the real ECGs (LVMASS_REAL_ECG, else ../shared/data beside the repository), or None."""
    folder = Path(os.environ.get("LVMASS_REAL_ECG") or Path(__file__).parents[3] / "shared" / "data")
    return folder if (folder / "manifest.csv").is_file() else None


@pytest.fixture(scope="session")
def real_ecg() -> Path:
    folder = real_ecg_folder()
    if folder is None:
        pytest.skip("the real ECGs are absent; set LVMASS_REAL_ECG to their folder")
    return folder


@pytest.fixture(scope="session")
def cart_recording() -> Recording:
    """The Mortara ECG that ships with pydicom; its cart measured RR 982 ms and QRS 75 ms."""
    from pydicom.data import get_testdata_file

    return read_ecg(str(get_testdata_file("waveform_ecg.dcm")))


def _synthetic_recording(
    sampling_rate_hz: float = 500.0,
    duration_s: float = 10.0,
    rr_s: float = 0.85,
    noise_mv: float = 0.0,
    p_mv: float = 0.12,
) -> Recording:
    """A regular rhythm of Gaussian waves, Einthoven and Goldberger fulfilled."""
    time_s = np.arange(round(duration_s * sampling_rate_hz)) / sampling_rate_hz
    phase_s = (time_s + 0.5 * rr_s) % rr_s - 0.5 * rr_s
    # amplitude of Q, R, S and T in the eight independent leads
    table = {
        "I": (-0.05, 0.7, -0.1, 0.20),
        "II": (-0.08, 1.1, -0.2, 0.30),
        "V1": (0.0, 0.2, -0.9, -0.10),
        "V2": (0.0, 0.4, -1.4, 0.40),
        "V3": (0.0, 0.8, -0.9, 0.45),
        "V4": (-0.05, 1.5, -0.5, 0.45),
        "V5": (-0.10, 1.6, -0.2, 0.35),
        "V6": (-0.10, 1.2, -0.1, 0.25),
    }
    rng = np.random.default_rng(0)
    rows = []
    for amplitudes in table.values():
        waves = zip((-0.025, 0.0, 0.025, 0.28), (0.008, 0.010, 0.009, 0.045), amplitudes, strict=True)
        row = sum(a * np.exp(-((phase_s - centre) ** 2) / (2 * width**2)) for centre, width, a in waves)
        row = row + p_mv * np.exp(-((phase_s + 0.16) ** 2) / (2 * 0.022**2))
        rows.append(row + noise_mv * rng.standard_normal(time_s.size))
    signal_mv = assemble_leads(list(table), rows, "synthetic")
    return Recording(signal_mv, sampling_rate_hz, LEADS, "synthetic")


@pytest.fixture(scope="session")
def synthetic() -> Callable[..., Recording]:
    """Make a synthetic recording: ``synthetic(sampling_rate_hz=500.0, duration_s=10.0, ...)``."""
    return _synthetic_recording
