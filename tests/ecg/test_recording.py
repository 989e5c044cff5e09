import subprocess
import sys

import numpy as np
import pytest

from lvmass.ecg.recording import LEADS, Beat, Recording
from lvmass.errors import DataError


def test_a_recording_knows_its_length() -> None:
    recording = Recording(np.zeros((12, 2500), np.float32), 250.0)
    assert recording.duration_s == 10.0
    assert recording.leads == LEADS


@pytest.mark.parametrize(
    ("shape", "rate_hz", "leads", "expected"),
    [
        ((11, 10), 500.0, LEADS, "shape"),
        ((10,), 500.0, LEADS, "shape"),
        ((12, 10), 99.0, LEADS, "100 to 2000 Hz"),
        ((12, 10), 2001.0, LEADS, "100 to 2000 Hz"),
        ((12, 10), float("nan"), LEADS, "100 to 2000 Hz"),
        ((12, 10), 500.0, LEADS[::-1], "in this order"),
    ],
)
def test_anything_else_is_refused(shape: tuple, rate_hz: float, leads: tuple, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        Recording(np.zeros(shape, np.float32), rate_hz, leads, source="x")


def test_time_of_a_beat() -> None:
    beat = Beat(np.zeros((12, 400), np.float32), np.array([0]), 1, 500.0)
    assert beat.time_ms[[0, 150, 399]].tolist() == [-300.0, 0.0, 498.0]


def test_importing_the_room_loads_no_reader() -> None:
    heavy = ("pandas", "wfdb", "ecgdatakit", "pyarrow", "pydicom", "torch", "matplotlib")
    code = f"import sys, lvmass.ecg; print([name for name in {heavy} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert loaded == "[]"
