"""The numbers of a normal heart, its torso and their spread: fitted, in one place.

Means, SDs and age slopes of ECG features of the normal ECGs in PTB-XL (folds 1-4, by sex) were matched as in
``benchmarks/simulation_fit.py``, which continues from this table and prints it; folds 5-7 were kept to check it. PR, P,
the spread of T and men's last QRS force (for their J point) were then set by what ``benchmarks/simulation_real.py``
measures, on all folds. No single record enters. What mass does to the heart is not here but in :mod:`couplings`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NormalHeart:
    """Fitted constants. Pairs and first axes of length 2 are (men, women); vectors are (X, Y, Z).

    Parameters
    ----------
    qrs_mv : ndarray, shape (2, 7, 3)
        Mean force at seven stations of the QRS loop, from its onset to its end.
    qrs_sd_mv : ndarray, shape (7, 3)
        Individual spread of the forces' shape.
    turn_sd_deg : ndarray, shape (3,)
        Individual turn of the whole loop about X, Y and Z.
    strength_turn_deg : ndarray, shape (3,)
        Turn that goes with one SD of a person's own QRS size.
    gain_sd, gain_per_decade : float, ndarray of shape (2,)
        Individual log size of the loop, and its change with ten years of age.
    horizontal_per_decade, axis_per_decade : ndarray, shape (2,)
        Turn about Y and Z with ten years of age, degrees.
    width : float
        SD of a QRS pulse in time, as a share of the QRS duration.
    t_mv, t_sd_mv, t_gain_sd, t_with_qrs, t_per_decade
        Mean T vector, its individual spread, log size, the share of the loop's individual size that T
        has too, and change of log size with age.
    t_time_ms : ndarray, shape (3,)
        Peak of T before its end; its rise and fall.
    t_tail : float
        Exponent of the fall, exp(-|x|^t_tail / 2): 2 is Gaussian, less has a longer tail.
    st_mv, st_sd_mv, st_per_decade
        Force of the ST segment: mean, spread, change of log size with age.
    u_mv : ndarray, shape (3,)
        U wave.
    p_mv, p_sd_mv, p_time_ms
        Right and left atrial force, shape (2, 3): mean and spread; time between their peaks and width.
    pr_ms, pr_sd_ms
        PR interval.
    lead_offset : ndarray, shape (6, 3)
        Mean difference of people's lead vectors V1-V6 from Dower's.
    lead_sd, lead_rho : ndarray of shape (8,), float
        Individual spread of the lead vectors I, II, V1-V6 and correlation between neighbours in V1-V6.
    shift_sd : ndarray, shape (2,)
        Individual place of the heart behind V1-V6: along the row, in spacings; up or down.
    t_residue, p_residue : ndarray, shape (8,)
        What T and P show in a lead beyond the dipole, as a share of their size.
    residue, late_residue, t_residue_sd : float
        Individual spread of what no dipole explains: in the QRS, its last third, and T.
    """

    qrs_mv: Floats
    qrs_sd_mv: Floats
    turn_sd_deg: Floats
    strength_turn_deg: Floats
    gain_sd: float
    gain_per_decade: Floats
    horizontal_per_decade: Floats
    axis_per_decade: Floats
    width: float
    t_mv: Floats
    t_sd_mv: Floats
    t_gain_sd: float
    t_with_qrs: float
    t_per_decade: Floats
    t_time_ms: Floats
    t_tail: float
    st_mv: Floats
    st_sd_mv: Floats
    st_per_decade: Floats
    u_mv: Floats
    p_mv: Floats
    p_sd_mv: Floats
    p_time_ms: Floats
    pr_ms: Floats
    pr_sd_ms: float
    lead_offset: Floats
    lead_sd: Floats
    lead_rho: float
    shift_sd: Floats
    t_residue: Floats
    p_residue: Floats
    residue: float
    late_residue: float
    t_residue_sd: float


NORMAL = NormalHeart(
    qrs_mv=np.array(
        [
            [
                [0.018, 0.014, 0.012],
                [-0.108, 0.037, -0.254],
                [0.498, 0.011, -0.151],
                [1.511, 0.497, 0.564],
                [-0.009, 0.101, 1.101],
                [-0.035, 0.001, 0.275],
                [0.001, 0.016, 0.01],
            ],
            [
                [0.019, 0.025, 0.013],
                [-0.059, -0.043, -0.208],
                [0.389, 0.144, -0.098],
                [1.182, 0.719, 0.602],
                [0.03, 0.134, 0.851],
                [-0.041, 0.006, 0.204],
                [-0.002, -0.005, 0.022],
            ],
        ]
    ),
    qrs_sd_mv=np.array(
        [
            [0.005, 0.013, 0.009],
            [0.026, 0.025, 0.097],
            [0.064, 0.041, 0.16],
            [0.059, 0.035, 0.072],
            [0.124, 0.095, 0.048],
            [0.04, 0.031, 0.169],
            [0.008, 0.017, 0.014],
        ]
    ),
    turn_sd_deg=np.array([5.2, 9.5, 1.6]),
    strength_turn_deg=np.array([-7.2, 7.0, -2.8]),
    gain_sd=0.16,
    gain_per_decade=np.array([-0.065, 0.0]),
    horizontal_per_decade=np.array([1.8, 0.8]),
    axis_per_decade=np.array([-6.0, -2.3]),
    width=0.0746,
    t_mv=np.array([[0.323, 0.214, -0.141], [0.298, 0.231, -0.047]]),
    t_sd_mv=np.array([0.115, 0.064, 0.086]),
    t_gain_sd=0.16,
    t_with_qrs=0.6,
    t_per_decade=np.array([-0.091, 0.005]),
    t_time_ms=np.array([79.5, 46.5, 39.3]),
    t_tail=1.7,
    st_mv=np.array([[0.045, 0.017, -0.068], [0.025, 0.016, -0.042]]),
    st_sd_mv=np.array([0.015, 0.011, 0.029]),
    st_per_decade=np.array([-0.122, -0.007]),
    u_mv=np.array([0.02, 0.015, -0.01]),
    p_mv=np.array([[0.035, 0.04, -0.02], [0.06, 0.024, 0.025]]),
    p_sd_mv=np.array([0.004, 0.016, 0.01]),
    p_time_ms=np.array([40.3, 22.7]),
    pr_ms=np.array([173.0, 159.0]),
    pr_sd_ms=12.4,
    lead_offset=np.array(
        [
            [0.43, -0.21, 0.28],
            [0.35, -0.13, 0.06],
            [-0.1, 0.39, 0.38],
            [-0.22, 0.47, 0.1],
            [-0.28, 0.43, -0.05],
            [-0.2, 0.32, -0.17],
        ]
    ),
    lead_sd=np.array([0.115, 0.039, 0.122, 0.234, 0.187, 0.043, 0.033, 0.028]),
    lead_rho=0.2,
    shift_sd=np.array([0.26, 0.13]),
    t_residue=np.array([0.24, -0.07, -0.05, 0.42, 0.09, -0.19, -0.15, 0.0]),
    p_residue=np.array([0.34, 0.53, 0.07, 0.36, 0.07, -0.12, -0.1, 0.01]),
    residue=0.0362,
    late_residue=1.27,
    t_residue_sd=0.029,
)
"""The fitted heart that the simulator draws from."""
