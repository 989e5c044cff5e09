"""Statistics of the study: arrays or the predictions table in, frozen results or tidy tables out.

The main names; every module has more.
"""

from lvmass.evaluation.agreement import bland_altman, intraclass_correlation
from lvmass.evaluation.calibration import mass_calibration, recalibrate
from lvmass.evaluation.comparisons import compare_models, compare_training
from lvmass.evaluation.curves import net_benefit
from lvmass.evaluation.decision import matched_criteria, operating_point
from lvmass.evaluation.delong import (
    DelongResult,
    auc_interval,
    delong_covariance,
    delong_paired,
    delong_unpaired,
    delong_variance,
)
from lvmass.evaluation.delong_designs import delong_contrast, delong_overlapping, paired_power, paired_sample_size
from lvmass.evaluation.differences import compare_errors, nadeau_bengio, paired_difference, paired_errors
from lvmass.evaluation.errors import bias_g, fold_errors, mae_g, mape_percent, pooled_errors, r2, rmse_g
from lvmass.evaluation.intervals import conformal_intervals, coverage_table, interval_half_widths
from lvmass.evaluation.lvh import (
    LVH_CUTOFFS_G_M2,
    c_statistics,
    cutoff_sensitivity,
    internal_cutoffs,
    lvh_score,
    with_cutoffs,
)
from lvmass.evaluation.probability import lvh_probability, probability_calibration
from lvmass.evaluation.results import evaluate, write_results
from lvmass.evaluation.subgroups import subgroup_errors, subgroup_interactions, subgroup_levels
from lvmass.evaluation.tables import check_predictions

__all__ = [
    "LVH_CUTOFFS_G_M2",
    "DelongResult",
    "auc_interval",
    "bias_g",
    "bland_altman",
    "c_statistics",
    "check_predictions",
    "compare_errors",
    "compare_models",
    "compare_training",
    "conformal_intervals",
    "coverage_table",
    "cutoff_sensitivity",
    "delong_contrast",
    "delong_covariance",
    "delong_overlapping",
    "delong_paired",
    "delong_unpaired",
    "delong_variance",
    "evaluate",
    "fold_errors",
    "internal_cutoffs",
    "interval_half_widths",
    "intraclass_correlation",
    "lvh_probability",
    "lvh_score",
    "mae_g",
    "mape_percent",
    "mass_calibration",
    "matched_criteria",
    "nadeau_bengio",
    "net_benefit",
    "operating_point",
    "paired_difference",
    "paired_errors",
    "paired_power",
    "paired_sample_size",
    "pooled_errors",
    "probability_calibration",
    "r2",
    "recalibrate",
    "rmse_g",
    "subgroup_errors",
    "subgroup_interactions",
    "subgroup_levels",
    "with_cutoffs",
    "write_results",
]
