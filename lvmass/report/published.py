"""Published numbers, each with its source, to stand beside ours.

They come from patients; ours, unless a hospital runs the study, from simulated people. They are shown together
to compare the shape of a result, never as evidence for or against it.
"""

from dataclasses import dataclass

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
