"""Statistics of the study: arrays or the predictions table in, numbers or tidy tables out.

`evaluate` computes every table; `lvmass.evaluation.results` says how a statistic is added.
"""

# these modules register their statistics
from lvmass.evaluation import agreement, calibration, decision, discrimination, errors  # noqa: F401
from lvmass.evaluation.calibration import recalibrate
from lvmass.evaluation.delong import delong_paired, delong_unpaired, delong_variance, paired_sample_size
from lvmass.evaluation.lvh import LVH_CUTOFF_SOURCES, LVH_CUTOFFS_G_M2
from lvmass.evaluation.results import evaluate

__all__ = [
    "LVH_CUTOFFS_G_M2", "LVH_CUTOFF_SOURCES", "delong_paired", "delong_unpaired", "delong_variance", "evaluate",
    "paired_sample_size", "recalibrate",
]  # fmt: skip
