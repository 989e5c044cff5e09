"""Women against men: do their maps differ, and, another question, does a part of the ECG weigh differently in them?

Maps differ wherever the ECGs do, or two fits: `compare_maps` tests people and cannot know why. Whether a wave follows
mass alike in both sexes is asked of measured masses: `weighting_test`.
"""

import numpy as np
import pandas as pd
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from statsmodels.stats.multitest import multipletests

from lvmass.saliency.waves import WAVES

Floats = NDArray[np.floating]

CALIPER_SD = 0.25
"""Pairs farther apart than this in any of what they are matched for, in SDs of everybody, are left out."""

CARRIES = 0.1
"""Share of what follows mass, below which a wave is not tested."""


def matched_pairs(matched_for: Floats, men: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair women with men who are alike, each person at most once, with the least distance in all.

    Parameters
    ----------
    matched_for : ndarray, shape (n, k)
        Age, body surface and LVM index, say, in any unit. Who lacks one gets no pair; what is alike in all is left out.
    men : ndarray of bool, shape (n,)
        Who is a man; one row a patient.

    Returns
    -------
    women, men : ndarray of int, shape (n_pairs,)
        Rows.

    Examples
    --------
    >>> age = np.array([[40.0], [60.0], [61.0], [41.0], [90.0]])
    >>> matched_pairs(age, np.array([False, False, True, True, True]))
    (array([0, 1]), array([3, 2]))
    """
    known = np.isfinite(matched_for).all(axis=1)
    women_rows, men_rows = np.flatnonzero(known & ~men), np.flatnonzero(known & men)
    if not (len(women_rows) and len(men_rows)):
        return women_rows[:0], men_rows[:0]
    sd = matched_for[known].std(axis=0)
    scaled = matched_for[:, sd > 0] / sd[sd > 0]
    apart = np.abs(scaled[women_rows, None] - scaled[men_rows])
    far = apart.max(axis=2, initial=0) > CALIPER_SD
    women, matched = linear_sum_assignment(np.where(far, 1e3, np.square(apart).sum(axis=2)))
    near = ~far[women, matched]
    return women_rows[women[near]], men_rows[matched[near]]


def compare_maps(
    values: Floats, men: NDArray[np.bool_] | None = None, *, n_permutations: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Test the difference of maps in each cell, by permutation, with the false discovery rate held over cells.

    Parameters
    ----------
    values : ndarray, shape (n, ...)
        A map of each person, or the difference of maps of each person (two models) or pair (matched).
    men : ndarray of bool, shape (n,), optional
        Who is a man: labels are exchanged. Without, the signs of differences are.
    n_permutations, seed
        Of the test.

    Returns
    -------
    DataFrame
        A row a cell, in the order of the raveled map: ``difference`` (women minus men), ``effect`` in SDs (of a sex, or
        of the differences), ``p_value`` and ``p_fdr`` (Benjamini and Hochberg 1995).

    Examples
    --------
    >>> maps = np.random.default_rng(0).normal(size=(60, 2)) + np.repeat([[0, 0], [0, 2]], 30, axis=0)
    >>> found = compare_maps(maps, np.repeat([False, True], 30))
    >>> (found["p_fdr"] < 0.05).tolist()
    [False, True]
    """
    flat, rng = values.reshape(len(values), -1), np.random.default_rng(seed)
    if men is None:
        weights = np.full((1, len(flat)), 1 / len(flat))
        drawn = rng.choice([-1.0, 1.0], (n_permutations, len(flat))) / len(flat)
        sd = flat.std(axis=0, ddof=1)
    else:
        weights = np.where(men, -1 / men.sum(), 1 / (~men).sum())[None]
        drawn = rng.permuted(np.repeat(weights, n_permutations, axis=0), axis=1)
        sd = np.sqrt((flat[men].var(axis=0, ddof=1) + flat[~men].var(axis=0, ddof=1)) / 2)
    difference = (weights @ flat)[0]
    beyond = (np.abs(drawn @ flat) >= np.abs(difference) * (1 - 1e-9)).sum(axis=0)
    p = (1 + beyond) / (1 + n_permutations)
    effect = np.divide(difference, sd, out=np.zeros_like(difference), where=sd > 0)
    p_fdr = multipletests(p, method="fdr_bh")[1]
    return pd.DataFrame({"difference": difference, "effect": effect, "p_value": p, "p_fdr": p_fdr})


def weighting_test(cells: Floats, mass_g: Floats, known: Floats, men: NDArray[np.bool_]) -> pd.DataFrame:
    """Test whether what a wave contributes follows mass otherwise in women than in men.

    A wave's contribution, in grams, is regressed on log mass and what is known of people, each also times sex; the test
    is that of mass times sex (HC3 errors, because contributions scatter more where masses do). Waves that carry less
    than `CARRIES` of all that follows mass are left out: a difference between nothing and nothing.

    Parameters
    ----------
    cells : ndarray, shape (n, 12, 6)
        From `lvmass.saliency.waves.by_lead_and_wave`: signed, out of fold, of one model for both sexes that held
        covariates fixed (``only_waveform``), so that sex cannot reach them.
    mass_g : ndarray, shape (n,)
        Measured mass.
    known : ndarray, shape (n, k)
        Covariates that masses are compared at, such as age and body size, without sex; all above 0. What is alike in
        everybody is left out.
    men : ndarray of bool, shape (n,)
        Who is a man; one row a patient, for rows of one patient would count as several people.

    Returns
    -------
    DataFrame
        ``wave, women, men`` (grams that the wave contributes more where mass is 10 % more), ``p_value, p_fdr``, a row
        for each wave that carries mass.
    """
    columns = np.log(np.column_stack([mass_g, known[:, known.std(axis=0) > 0]]))
    columns, sex = columns - columns.mean(axis=0), men - men.mean()
    design = np.column_stack([np.ones(len(men)), columns, sex, sex[:, None] * columns])
    product = columns.shape[1] + 2
    rows = []
    for wave in WAVES[:-1]:
        fit = sm.OLS(cells[:, :, WAVES.index(wave)].sum(axis=1), design).fit(cov_type="HC3")
        slopes = [np.log(1.1) * (fit.params[1] + at * fit.params[product]) for at in (sex.min(), sex.max())]
        rows.append({"wave": wave, "women": slopes[0], "men": slopes[1], "p_value": fit.pvalues[product]})
    table = pd.DataFrame(rows)
    carried = table[["women", "men"]].mean(axis=1).abs()
    table = table[carried >= CARRIES * carried.sum()].reset_index(drop=True)
    return table.assign(p_fdr=multipletests(table["p_value"], method="fdr_bh")[1])
