"""Women against men: do their maps differ, and, another question, does a part of the ECG weigh differently in them?

Maps differ wherever the ECGs do, or two fits: `compare_maps` tests people and cannot know why. Whether the same
contribution of a wave goes with the same difference in mass, is asked of the masses: `weighting_test`.
"""

import numpy as np
import pandas as pd
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from statsmodels.stats.multitest import multipletests

from lvmass.ecg.recording import LIMB_LEADS
from lvmass.saliency.waves import WAVES

Floats = NDArray[np.floating]

CALIPER_SD = 0.25
"""Pairs farther apart than this in any of what they are matched for, in SDs of everybody, are left out."""


def matched_pairs(matched_for: Floats, men: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair women with men who are alike, each person at most once, with the least distance in all.

    Parameters
    ----------
    matched_for : ndarray, shape (n, k)
        Age, body surface and LVM index, say, in any unit.
    men : ndarray of bool, shape (n,)
        Who is a man.

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
    scaled = (matched_for - matched_for.mean(axis=0)) / matched_for.std(axis=0)
    women_rows, men_rows = np.flatnonzero(~men), np.flatnonzero(men)
    apart = np.abs(scaled[women_rows, None] - scaled[men_rows])
    far = apart.max(axis=2) > CALIPER_SD
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
    """Test whether the contributions of a wave go with mass otherwise in women than in men.

    Log mass is regressed on what is known of people, on each wave's contributions, and on both times sex; a wave's test
    is that of its products with sex (Wald, with HC3 errors, because men's masses scatter more).

    Parameters
    ----------
    cells : ndarray, shape (n, 12, 6)
        From `lvmass.saliency.waves.by_lead_and_wave`: signed, out of fold, of one model for both sexes that held
        covariates fixed (``only_waveform``), so that sex cannot reach them.
    mass_g : ndarray, shape (n,)
        Measured mass.
    known : ndarray, shape (n, k)
        Covariates that masses are compared at, such as age and body size, without sex.
    men : ndarray of bool, shape (n,)
        Who is a man.

    Returns
    -------
    DataFrame
        ``wave, women, men`` (percent of mass for one gram that the wave contributes, mean of limb and chest leads),
        ``p_value, p_fdr``, a row for each wave that contributes.
    """
    limb = len(LIMB_LEADS)
    waves = [wave for wave in WAVES[:-1] if cells[:, :, WAVES.index(wave)].any()]
    of_wave = [
        cells[:, part, WAVES.index(wave)].sum(axis=1) for wave in waves for part in (slice(limb), slice(limb, None))
    ]
    parts = np.column_stack([np.log(known), *of_wave])
    parts = parts - parts.mean(axis=0)
    sex = men - men.mean()
    fit = sm.OLS(np.log(mass_g), sm.add_constant(np.column_stack([sex, parts, sex[:, None] * parts]))).fit(
        cov_type="HC3"
    )
    rows = []
    first_main, first_product = 2 + known.shape[1], 2 + parts.shape[1] + known.shape[1]
    for turn, wave in enumerate(waves):
        main, product = (start + 2 * turn + np.arange(2) for start in (first_main, first_product))
        p = float(fit.wald_test(np.eye(len(fit.params))[product], use_f=True, scalar=True).pvalue)
        slopes = [100 * (fit.params[main] + at * fit.params[product]).mean() for at in (sex.min(), sex.max())]
        rows.append({"wave": wave, "women": slopes[0], "men": slopes[1], "p_value": p})
    table = pd.DataFrame(rows)
    return table.assign(p_fdr=multipletests(table["p_value"], method="fdr_bh")[1])
