"""Lead names: from whatever a file calls them to twelve rows in one fixed order.

Leads are matched by name, never by position. The six limb leads carry only two independent
voltages, so the missing ones follow from any two of I, II and III:

* Einthoven: ``II = I + III``
* Goldberger: ``aVR = -(I + II) / 2``, ``aVL = (I - III) / 2``, ``aVF = (II + III) / 2``

A precordial lead cannot be derived; a recording that lacks one is refused.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lvmass.ecg.recording import LEADS
from lvmass.errors import DataError

_CANONICAL = {lead.lower(): lead for lead in LEADS}
_DECORATION = re.compile(r"^(mdc_ecg_lead_|ecg[ _-]+|lead[ _:-]+)+|[ _-]*(\((einthoven|goldberger)\)|lead)$")
INDEPENDENT_LEADS: tuple[int, ...] = (0, 1, 6, 7, 8, 9, 10, 11)
"""Rows of ``LEADS`` that carry independent voltages: I, II and V1 to V6."""


def canonical_lead(name: str) -> str | None:
    """Give a lead's standard spelling, or None if it is not one of the twelve.

    Parameters
    ----------
    name : str
        A label as files write it: ``"AVR"``, ``"Lead II"``, ``"MDC_ECG_LEAD_V1"``, ``"ecg v2"``.

    Returns
    -------
    str or None
        One of ``LEADS``, or None.

    Examples
    --------
    >>> canonical_lead("MDC_ECG_LEAD_AVF"), canonical_lead("lead ii"), canonical_lead("V4R")
    ('aVF', 'II', None)
    """
    return _CANONICAL.get(_DECORATION.sub("", name.strip().lower()).strip())


def assemble_leads(names: Sequence[str], samples: Sequence[NDArray[np.floating]], source: str) -> NDArray[np.float32]:
    """Put named channels into the order of ``LEADS`` and derive the limb leads that are not stored.

    Parameters
    ----------
    names : sequence of str
        Labels of the channels; labels that are none of the twelve leads are left out.
    samples : sequence of ndarray, each of shape (n_samples,)
        Voltages, all in one unit.
    source : str
        The file, for messages.

    Returns
    -------
    ndarray of float32, shape (12, n_samples)
        In the order of ``LEADS``, in the unit given.

    Raises
    ------
    DataError
        If a lead is stored twice, cannot be derived, or the leads differ in length.

    Examples
    --------
    >>> import numpy as np
    >>> eight = ["I", "II", "V1", "V2", "V3", "V4", "V5", "V6"]
    >>> twelve = assemble_leads(eight, np.ones((8, 3)), "eight leads")
    >>> twelve[:6, 0].tolist()  # I II III aVR aVL aVF
    [1.0, 1.0, 0.0, -1.0, 0.5, 0.5]
    """
    found: dict[str, NDArray[np.floating]] = {}
    for name, values in zip(names, samples, strict=True):
        lead = canonical_lead(name)
        if lead is None:
            continue
        if lead in found:
            raise DataError(f"{source}: lead {lead} is stored twice; keep one channel for each lead.")
        found[lead] = np.asarray(values, dtype=np.float32)
    lengths = {values.size for values in found.values()}
    if len(lengths) > 1:
        raise DataError(
            f"{source}: the leads have different lengths ({min(lengths)} to {max(lengths)} samples); "
            "export them at one sampling rate."
        )
    _derive_limb_leads(found)
    missing = [lead for lead in LEADS if lead not in found]
    if missing:
        raise DataError(
            f"{source}: lead {', '.join(missing)} is missing and cannot be derived from "
            f"{', '.join(found) or 'no known lead'}; give at least two of I, II, III and all of V1 to V6."
        )
    return np.stack([found[lead] for lead in LEADS])


def _derive_limb_leads(found: dict[str, NDArray[np.floating]]) -> None:
    """Add the limb leads that follow from any two of I, II and III."""
    if len(found.keys() & {"I", "II", "III"}) < 2:
        return
    if "I" not in found:
        found["I"] = found["II"] - found["III"]
    if "II" not in found:
        found["II"] = found["I"] + found["III"]
    one, two = found["I"], found["II"]
    found.setdefault("III", two - one)
    found.setdefault("aVR", -(one + two) / 2)
    found.setdefault("aVL", one - two / 2)
    found.setdefault("aVF", two - one / 2)
