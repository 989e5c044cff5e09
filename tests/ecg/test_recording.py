import subprocess
import sys

import numpy as np
import pytest

from lvmass.ecg.recording import LEADS, Beat, Recording, assemble_leads, canonical_lead
from lvmass.errors import DataError


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


EIGHT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")


@pytest.mark.parametrize(
    ("label", "lead"),
    [
        ("AVR", "aVR"),
        ("avl", "aVL"),
        ("Lead II", "II"),
        ("ECG V3", "V3"),
        ("MDC_ECG_LEAD_AVF", "aVF"),
        (" i ", "I"),
        ("ECG Lead V6", "V6"),
        ("I (Einthoven)", "I"),
        ("V4R", None),
        ("V7", None),
        ("resp", None),
        ("", None),
    ],
)
def test_labels_as_files_write_them(label: str, lead: str | None) -> None:
    assert canonical_lead(label) == lead


@pytest.mark.parametrize("stored", [("I", "II"), ("I", "III"), ("II", "III"), ("III", "II")])
def test_limb_leads_follow_from_any_two(stored: tuple[str, str]) -> None:
    rng = np.random.default_rng(1)
    one, two = rng.standard_normal((2, 50))
    all_limb = {"I": one, "II": two, "III": two - one}
    names = [*stored, *EIGHT[2:]]
    rows = [*(all_limb[lead] for lead in stored), *rng.standard_normal((6, 50))]
    limb = assemble_leads(names, rows, "test")[:6]
    expected = [one, two, two - one, -(one + two) / 2, (one - (two - one)) / 2, (two + two - one) / 2]
    np.testing.assert_allclose(limb, expected, atol=1e-6)


def test_order_is_by_name_not_by_place() -> None:
    names = list(reversed(LEADS))
    rows = [np.full(3, LEADS.index(name)) for name in names]
    assert assemble_leads(names, rows, "test")[:, 0].tolist() == list(range(12))


def test_stored_limb_leads_are_kept_even_where_they_break_einthoven() -> None:
    assert assemble_leads(LEADS, [np.full(3, i) for i in range(12)], "test")[2, 0] == 2


@pytest.mark.parametrize("missing", ["V1", "V2", "V3", "V4", "V5", "V6"])
def test_a_precordial_lead_is_never_derived(missing: str) -> None:
    names = [lead for lead in LEADS if lead != missing]
    with pytest.raises(DataError, match=f"{missing} is missing"):
        assemble_leads(names, [np.zeros(3)] * 11, "test")


def test_refusals_name_the_lead() -> None:
    with pytest.raises(DataError, match="lead V1 is stored twice"):
        assemble_leads([*LEADS, "Lead v1"], [np.zeros(3)] * 13, "test")
    with pytest.raises(DataError, match="different lengths"):
        assemble_leads(LEADS, [np.zeros(3)] * 11 + [np.zeros(4)], "test")
    with pytest.raises(DataError, match="no known lead"):
        assemble_leads(["EEG"], [np.zeros(3)], "test")
