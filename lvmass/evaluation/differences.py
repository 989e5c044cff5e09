"""Is one model better than another? Paired over the same people; and why not over five fold means."""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from lvmass.errors import DataError
from lvmass.evaluation.errors import MIN_PEOPLE, bootstrap_limits
from lvmass.evaluation.tables import Result, add_holm, by_sex, check_predictions, matched, tidy


@dataclass(frozen=True)
class PairedDifference(Result):
    """Mean absolute error of model a minus that of model b on the same people, in gram.

    Negative means that a is better. The interval is a BCa bootstrap over people (absent under ten); the two-sided
    p value flips the sign of each person's difference at random (exchanges the two models within a person).
    """

    mae_a_g: float
    mae_b_g: float
    difference_g: float
    ci_low: float | None
    ci_high: float | None
    p_value: float
    n_subjects: int
    level: float = 0.95


def paired_errors(
    error_a_g: ArrayLike, error_b_g: ArrayLike, *, level: float = 0.95, n_resamples: int = 4999, seed: int = 0
) -> PairedDifference:
    """Compare two models by their errors on the same people.

    Parameters
    ----------
    error_a_g, error_b_g : array of float, shape (n,)
        Predicted minus true mass of each person, in gram.
    level, n_resamples, seed
        Of the bootstrap and the permutation test (exact where all sign flips are fewer than ``n_resamples``).

    Raises
    ------
    DataError
        If the shapes differ, a value is not finite or there are fewer than two people.

    Examples
    --------
    >>> result = paired_errors([1.0, -2.0, 3.0, 1.0, 2.0], [2.0, 4.0, -3.5, 2.0, 2.5])
    >>> result.difference_g, result.p_value
    (-1.0, 0.0625)
    """
    a, b = np.abs(np.asarray(error_a_g, dtype=float)), np.abs(np.asarray(error_b_g, dtype=float))
    if a.shape != b.shape or a.ndim != 1 or a.size < 2 or not np.isfinite([a, b]).all():
        raise DataError("A paired comparison needs finite errors of both models on the same two or more people.")
    difference = a - b
    permuted = stats.permutation_test(
        (difference,), np.mean, permutation_type="samples", vectorized=True, n_resamples=n_resamples,
        batch=200, rng=np.random.default_rng(seed),
    )  # fmt: skip
    low = high = None
    if a.size >= MIN_PEOPLE and np.ptp(difference) > 0:
        low, high = (float(x) for x in bootstrap_limits((difference,), np.mean, level, n_resamples, seed))
    means = (float(a.mean()), float(b.mean()), float(difference.mean()))
    return PairedDifference(*means, low, high, float(permuted.pvalue), a.size, level)


def _compare(a: pd.DataFrame, b: pd.DataFrame, level: float, n_resamples: int, seed: int) -> PairedDifference:
    error_a, error_b = ((t["predicted_lvm_g"] - t["lvm_g"]).to_numpy(dtype=float) for t in matched(a, b))
    return paired_errors(error_a, error_b, level=level, n_resamples=n_resamples, seed=seed)


def paired_difference(
    predictions: pd.DataFrame,
    model_a: str,
    model_b: str,
    *,
    cohort: str,
    training_a: str = "pooled",
    training_b: str = "pooled",
    sex: str = "all",
    level: float = 0.95,
    n_resamples: int = 4999,
    seed: int = 0,
) -> PairedDifference:
    """Compare two fits on the people that both predicted; see `PairedDifference` and `paired_errors`.

    Raises
    ------
    DataError
        If the table is not as `check_predictions` asks, or a fit is not in it for two people of this sex.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> result = paired_difference(example_predictions(), "net", "body", cohort="dev", n_resamples=499)
    >>> result.difference_g < 0, result.n_subjects
    (True, 200)
    """
    check_predictions(predictions)
    sides = []
    for model, training in ((model_a, training_a), (model_b, training_b)):
        wanted = {"model": model, "training": training, "cohort": cohort} | ({} if sex == "all" else {"sex": sex})
        sides.append(predictions[(predictions[list(wanted)] == pd.Series(wanted)).all(axis=1)])
        if sides[-1].empty:
            raise DataError(f"There are no predictions of {model} ({training}) in {cohort}, sex {sex}.")
    return _compare(sides[0], sides[1], level, n_resamples, seed)


def compare_errors(
    predictions: pd.DataFrame, reference: str, *, level: float = 0.95, n_resamples: int = 4999, seed: int = 0
) -> pd.DataFrame:
    """`paired_difference` of ``reference`` (a) against every other model (b), in each cohort, training and sex.

    Returns
    -------
    DataFrame
        cohort, training, model_a, model_b, sex, mae_a_g, mae_b_g, difference_g, ci_low, ci_high, p_value, p_holm
        (over the models of one cohort, training and sex), n_subjects, note.

    Raises
    ------
    DataError
        As `check_predictions`, or if ``reference`` is not among the models.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> table = compare_errors(example_predictions(12), "net", n_resamples=499)
    >>> table.loc[:1, ["sex", "model_b", "note"]].values.tolist()
    [['all', 'body', ''], ['female', 'body', 'too few people for an interval']]
    """
    if reference not in set(check_predictions(predictions)["model"]):
        raise DataError(f"There are no predictions of the reference model {reference}.")
    rows = []
    for (cohort, training), group in predictions.groupby(["cohort", "training"], sort=False):
        models = dict(list(group.groupby("model", sort=False)))
        for name, other in models.items():
            if name == reference or reference not in models:
                continue
            keys = {"cohort": cohort, "training": training, "model_a": reference, "model_b": name}
            for (sex, a), (_, b) in zip(by_sex(models[reference]), by_sex(other), strict=True):
                n = len(matched(a, b)[0])
                row: dict[str, Any] = {**keys, "sex": sex, "n_subjects": n, "note": "too few people"}
                if n >= 2:
                    result = _compare(a, b, level, n_resamples, seed)
                    row |= asdict(result)
                    row["note"] = "too few people for an interval" if result.ci_low is None else ""
                rows.append(row)
    columns = (
        *("cohort", "training", "model_a", "model_b", "sex", "mae_a_g", "mae_b_g", "difference_g"),
        *("ci_low", "ci_high", "p_value", "n_subjects", "note"),
    )
    return add_holm(tidy(rows, columns), ("cohort", "training", "sex"))


class CorrectedT(NamedTuple):
    """Mean difference over folds with the naive and the corrected resampled t test."""

    mean: float
    t_naive: float
    p_naive: float
    t_corrected: float
    p_corrected: float


def nadeau_bengio(fold_differences: ArrayLike, test_share: float | None = None) -> CorrectedT:
    """Corrected resampled t test of k fold differences: ``mean / sqrt((1/k + n_test/n_train) · variance)``.

    Folds share training people, so the naive ``variance / k`` is too small (Nadeau and Bengio, Mach Learn
    2003;52:239); both forms have k - 1 degrees of freedom.

    Parameters
    ----------
    fold_differences : array of float, shape (k,)
        Difference of two models' error in each fold.
    test_share : float, optional
        ``n_test / n_train``; by default that of k-fold cross-validation, ``1 / (k - 1)``.

    Raises
    ------
    DataError
        With fewer than two folds, or folds without any spread.

    Examples
    --------
    >>> result = nadeau_bengio([1.0, 2.0, 3.0, 4.0, 5.0])
    >>> round(result.t_naive, 3), round(result.t_corrected, 3)
    (4.243, 2.828)
    """
    d = np.asarray(fold_differences, dtype=float)
    if d.size < 2 or not np.isfinite(d).all() or np.ptp(d) == 0:
        raise DataError("The corrected t test needs the differences of two or more folds, not all equal.")
    mean, variance, k = float(d.mean()), float(d.var(ddof=1)), d.size
    share = 1 / (k - 1) if test_share is None else test_share
    t_naive, t_corrected = mean / np.sqrt(variance / k), mean / np.sqrt(variance * (1 / k + share))
    p_naive, p_corrected = (2 * stats.t.sf(abs(t), k - 1) for t in (t_naive, t_corrected))
    return CorrectedT(mean, float(t_naive), float(p_naive), float(t_corrected), float(p_corrected))
