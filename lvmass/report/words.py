"""Printed names of what tables and study files call by a key, and published numbers with their sources.

Published numbers come from patients; ours, unless a hospital runs the study, from simulated people. They are shown
together to compare the shape of a result, never as evidence for or against it.
"""

import re
from collections import Counter
from dataclasses import dataclass

import pandas as pd

from lvmass.ecg import FINDING_WORDS
from lvmass.networks import NETWORKS

CRITERIA = {
    "sokolow_lyon_voltage_mv": "Sokolow-Lyon voltage",
    "cornell_voltage_mv": "Cornell voltage",
    "cornell_product_mv_ms": "Cornell product",
    "peguero_lo_presti_mv": "Peguero-Lo Presti",
}
"""Criteria that chapter 5 sets beside the estimate."""

NAMES = CRITERIA | {
    "sokolow_lyon_product_mv_ms": "Sokolow-Lyon product",
    "gubner_ungerleider_mv": "Gubner-Ungerleider",
    "r_avl_mv": "R in aVL",
    "strain_leads": "strain",
    "romhilt_estes_points": "Romhilt-Estes score",
    "perugia": "Perugia score",
    "framingham": "Framingham criterion",
    "all": "everyone",
    "female": "women",
    "male": "men",
    "mean": "mean of women and men",
    "age_years": "age (years)",
    "height_cm": "height (cm)",
    "weight_kg": "weight (kg)",
    "bmi_kg_m2": "body-mass index (kg/m²)",
    "bsa_m2": "body surface (m²)",
    "sbp_mmhg": "systolic pressure (mmHg)",
    "lvm_g": "LVM (g)",
    "lvmi_g_m2": "LVM index (g/m²)",
    "heart_rate_bpm": "heart rate (/min)",
    "pr_interval_ms": "PR interval (ms)",
    "qrs_duration_ms": "QRS duration (ms)",
    "qtc_ms": "QTc (ms)",
    "qrs_axis_deg": "QRS axis (°)",
    "atrial_fibrillation": "atrial fibrillation, or its sign in the ECG",
    "mae_g": "MAE (g)",
    "mape_percent": "MAPE (%)",
    "bias_g": "mean error (g)",
    "uk-biobank": "UK Biobank",
    "budoff-2009": "Budoff 2009",
    "fuchs-2016": "Fuchs 2016",
}
"""What a reader sees instead of a key of a table."""

MODELS = {name: network.printed for name, network in NETWORKS.items()} | {
    "sex-median": "sex median",
    "ecg-parameters": "ECG parameters",
    "ecg": "ECG parameters",
}
"""Words inside the names that study files give to models, cohorts and trainings."""

_WORD = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, MODELS))})(?![\w-])")


def printed(key: object) -> str:
    """Name that a reader sees for a key of a table or of a study file.

    Examples
    --------
    >>> [printed(key) for key in ("demographics+ecg-parameters", "fcn (published)", "male", "my model")]
    ['demographics, ECG parameters', 'FCN (published)', 'men', 'my model']
    """
    text = str(key)
    return NAMES.get(text) or _WORD.sub(lambda found: MODELS[found[0]], text.replace("+", ", "))


def reasons(report: pd.DataFrame) -> dict[str, int]:
    """Count why ECGs are not usable, commonest first; ``report`` of `Beats`, by the ``code`` of the finding.

    Examples
    --------
    >>> reasons(pd.DataFrame({"usable": [True, False, False], "code": ["", "nan", "excessive_drift"]}))
    {'samples are missing': 1, 'a lead drifts too far': 1}
    """
    codes = report.loc[~report["usable"].astype(bool), "code"].map(str)
    return dict(Counter(codes.map(lambda code: FINDING_WORDS.get(code, code))).most_common())


def link_facts(text: str) -> str:
    """Let every "study facts 6.3" in HTML lead to that section of the book's appendix.

    Examples
    --------
    >>> link_facts("study facts 5 and 6.8")
    'study facts <a href="facts.html#facts-5">5</a> and <a href="facts.html#facts-6-8">6.8</a>'
    """

    def link(number: re.Match[str]) -> str:
        return f'<a href="facts.html#facts-{number[0].replace(".", "-")}">{number[0]}</a>'

    return re.sub(r"study[- ]facts (\d[\d.]*\d|\d)((,| and) (\d[\d.]*\d|\d))*",
                  lambda cited: "study facts " + re.sub(r"\d(\.\d+)?", link, cited[0][12:]), text)  # fmt: skip


PAN_2026 = "Pan et al. 2026, Eur Heart J Digit Health (ztaf122)"
PAN_PREPRINT = "Pan et al. 2024, medRxiv 2024.02.19.24303061"
KHURSHID_2021 = "Khurshid et al. 2021, Circ Cardiovasc Imaging"


@dataclass(frozen=True)
class Published:
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
    sd: float | None
    unit: str
    source: str

    def __str__(self) -> str:
        """Value, SD and unit as printed."""
        number = f"{self.value:g}" if self.sd is None else f"{self.value:.2f} ± {self.sd:.2f}"
        return f"{number} {self.unit}".strip()


PUBLISHED: dict[str, Published] = {
    "n_development": Published("people, development (TW-CVAI)", 1459, None, "", PAN_2026),
    "n_external": Published("people, external (NTUH)", 2579, None, "", PAN_2026),
    "mean_lvm_g": Published("mean LVM implied by MAE / MAPE", 111, None, "g", "own arithmetic on " + PAN_PREPRINT),
    "mae_g": Published("MAE, eLVMass-Net, pooled", 14.33, 0.71, "g", PAN_PREPRINT),
    "mape_percent": Published("MAPE, eLVMass-Net, pooled", 12.90, 1.12, "%", PAN_PREPRINT),
    "comparator_mae_g": Published("MAE, better of two comparators", 19.51, 0.82, "g", PAN_PREPRINT),
    "comparator_mape_percent": Published("MAPE, better of two comparators", 17.62, 0.78, "%", PAN_PREPRINT),
    "auc_male": Published("LVH c-statistic, men, sex-specific", 0.77, 0.05, "", PAN_2026),
    "auc_female": Published("LVH c-statistic, women, sex-specific", 0.75, 0.05, "", PAN_2026),
    "auc_pooled": Published("LVH c-statistic, everyone, pooled", 0.70, 0.02, "", PAN_2026),
    "lvm_ai_auc": Published("LVH c-statistic, LVM-AI, UK Biobank", 0.653, None, "", KHURSHID_2021),
    "lvm_ai_r": Published("correlation with CMR mass, LVM-AI, UK Biobank", 0.79, None, "", KHURSHID_2021),
}
