"""Printed names of what tables and study files call by a key, and published numbers with their sources.

Published numbers come from patients; ours, unless a hospital runs the study, from simulated people. They are shown
together to compare the shape of a result, never as evidence for or against it.
"""

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from lvmass.ecg import FINDING_WORDS
from lvmass.evaluation.lvh import LVH_CUTOFF_SOURCES
from lvmass.networks import NETWORKS

if TYPE_CHECKING:
    from lvmass.prediction import Estimate

# Keys of tables and study files, published numbers, and what tables show: words.toml says what each part is.
_DATA = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
CRITERIA: dict[str, str] = _DATA["criteria"]
NAMES: dict[str, str] = CRITERIA | _DATA["names"]
NAMES |= {name: label.partition(" (")[0] for name, label in LVH_CUTOFF_SOURCES.items()}
COMPARISONS: list[dict[str, Any]] = _DATA["comparisons"]
CUTOFFS: dict[str, dict[str, str]] = _DATA["cutoffs"]
LAYOUTS: dict[str, dict[str, str | tuple[str, int]]] = _DATA["layouts"]
FORESTS: dict[str, dict[str, Any]] = _DATA["forests"]
TESTS: dict[str, dict[str, Any]] = _DATA["tests"]
TEXTS, CAPTIONS, DEPARTURES = (dict[str, str](_DATA[part]) for part in ("texts", "captions", "departures"))

_MODELS = {name: network.printed for name, network in NETWORKS.items()} | {
    "sex-median": "sex median",
    "ecg-parameters": "ECG parameters",
    "ecg": "ECG parameters",
}
"""Words inside the names that study files give to models, cohorts and trainings."""

_WORD = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, _MODELS))})(?![\w-])")


def printed(key: object) -> str:
    """Name that a reader sees for a key of a table or of a study file.

    Examples
    --------
    >>> [printed(key) for key in ("demographics+ecg-parameters", "fcn (published)", "male", "my model")]
    ['demographics, ECG parameters', 'FCN (published)', 'men', 'my model']
    """
    text = str(key)
    return NAMES.get(text) or _WORD.sub(lambda found: _MODELS[found[0]], text.replace("+", ", "))


def reasons(report: pd.DataFrame) -> dict[str, int]:
    """Count why ECGs are not usable, commonest first; ``report`` of `Beats`, by the ``code`` of the finding.

    Examples
    --------
    >>> reasons(pd.DataFrame({"usable": [True, False, False], "code": ["", "nan", "excessive_drift"]}))
    {'samples are missing': 1, 'a lead drifts too far': 1}
    """
    codes = report.loc[~report["usable"].astype(bool), "code"].map(str)
    return dict(Counter(codes.map(lambda code: FINDING_WORDS.get(code, code))).most_common())


class _Published(NamedTuple):
    """A published number.

    Parameters
    ----------
    what : str
        What was estimated, in whom.
    value : float
        Mean over folds, unless the source gives a single estimate.
    sd : float or None
        SD over folds, where given.
    unit : str
    source : str
    """

    what: str
    value: float
    unit: str
    source: str
    sd: float | None = None

    def __str__(self) -> str:
        """Value, SD and unit as printed."""
        number = f"{self.value:g}" if self.sd is None else f"{self.value:.2f} ± {self.sd:.2f}"
        return f"{number} {self.unit}".strip()


PUBLISHED = {key: _Published(**fact) for key, fact in _DATA["published"].items()}


def facts(estimate: "Estimate") -> list[tuple[str, str]]:
    """What is said of an estimate, on the terminal and on a page: terms, and a text for each; the model is the last."""
    e, made, level = estimate, estimate.model, f"{100 * estimate.interval_level:.0f} % interval"
    of_g = of_index = "no interval"
    if e.lvmi_low_g_m2 is not None:
        of_g = f"{level} {e.lvm_low_g:.0f} to {e.lvm_high_g:.0f}"
        of_index = f"{level} {e.lvmi_low_g_m2:.0f} to {e.lvmi_high_g_m2:.0f}"
    units = {"heart_rate_bpm": ("heart rate", "/min"), "pr_interval_ms": ("PR", "ms"), "qrs_duration_ms": ("QRS", "ms"),
             "qtc_ms": ("QTc", "ms"), "qrs_axis_deg": ("axis", "°")}  # fmt: skip
    measured = {label: (getattr(e, name), unit) for name, (label, unit) in units.items()}
    ecg = [f"{name} {'not measurable' if v is None else f'{v:.0f} {unit}'}" for name, (v, unit) in measured.items()]
    people = "simulated people" if made["trained_on_simulated_data"] else "people"
    covered = made["interval_coverage"]
    share = "" if covered is None else f", and its intervals held {100 * covered:.0f} % of this sex there"
    said = {"of_g": of_g, "of_index": of_index, "percent": 100 * e.lvh_probability, "ecg": ", ".join(ecg), "made": made}
    said |= {"people": people, "by": made["modality"] or "a method not stated", "share": share}
    return [(term, text.format(e=e, network=printed(made["network"]), **said)) for term, text in _DATA["facts"].items()]
