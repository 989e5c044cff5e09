import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from lvmass.evaluation.inverse import FITTED, PREDICTED, implied_cohorts
from lvmass.report.words import PUBLISHED

SHARES = st.floats(0.05, 0.6)


def one(cutoff: str, cv: float, body_share: float, ecg_r2: float) -> dict:
    """What one combination gives."""
    table = implied_cohorts([cv], [body_share], [ecg_r2])
    return table[table["cutoff"] == cutoff].iloc[0].to_dict()


def test_the_published_numbers_are_those_that_the_pages_show() -> None:
    for name, (value, sd) in (FITTED | PREDICTED).items():
        assert (PUBLISHED[name].value, PUBLISHED[name].sd) == (value, sd)


@pytest.mark.parametrize(
    ("cutoff", "cv", "body_share", "ecg_r2", "mae_g", "mape_percent", "men", "women", "pooled"),
    [
        ("fuchs-2016", 0.20, 0.33, 0.19, 13.0, 11.7, 0.69, 0.67, 0.60),
        ("fuchs-2016", 0.24, 0.26, 0.40, 14.1, 12.7, 0.78, 0.77, 0.69),
        ("fuchs-2016", 0.26, 0.34, 0.38, 14.6, 13.2, 0.80, 0.78, 0.72),
        ("80th percentile of each sex", 0.24, 0.40, 0.25, 14.2, 12.8, 0.76, 0.74, 0.69),
        ("90th percentile of each sex", 0.24, 0.40, 0.25, 14.2, 12.8, 0.79, 0.77, 0.71),
        ("budoff-2009", 0.20, 0.21, 0.19, 14.2, 12.8, 0.72, 0.75, 0.70),
    ],
)
def test_what_random_numbers_gave(
    cutoff: str,
    cv: float,
    body_share: float,
    ecg_r2: float,
    mae_g: float,
    mape_percent: float,
    men: float,
    women: float,
    pooled: float,
) -> None:
    # the last row hangs on a handful of people among random ones
    tolerance = 0.04 if cutoff == "budoff-2009" else 0.012
    given_by = one(cutoff, cv, body_share, ecg_r2)
    assert given_by["mae_g"] == pytest.approx(mae_g, abs=0.12)
    assert given_by["mape_percent"] == pytest.approx(mape_percent, abs=0.1)
    found = [given_by[f"auc_{who}"] for who in ("male", "female", "pooled")]
    assert found == pytest.approx([men, women, pooled], abs=tolerance)


def test_closed_forms_agree_with_random_people() -> None:
    random, n, cv, share, r2 = np.random.default_rng(1), 400_000, 0.25, 0.3, 0.35
    sigma, male = np.sqrt(np.log1p(cv**2)), np.arange(n) < 0.6 * n
    body, ecg, rest = random.standard_normal((3, n))
    median = np.where(male, 126.0, 92.0) * np.exp(-(sigma**2) / 2)
    estimate = median * np.exp(sigma * (np.sqrt(share) * body + np.sqrt((1 - share) * r2) * ecg))
    lvm_g = estimate * np.exp(sigma * np.sqrt((1 - share) * (1 - r2)) * rest)
    bsa_m2 = np.where(male, 1.80 * np.exp(0.086 * body), 1.59 * np.exp(0.094 * body))
    lvh = lvm_g / bsa_m2 > np.where(male, 80, 65)
    ranks, positive = rankdata(estimate), lvh.sum()
    auc = (ranks[lvh].sum() - positive * (positive + 1) / 2) / positive / (n - positive)
    found = one("fuchs-2016", cv, share, r2)
    assert found["mae_g"] == pytest.approx(np.abs(lvm_g - estimate).mean(), abs=0.06)
    assert found["mape_percent"] == pytest.approx(100 * np.abs(estimate / lvm_g - 1).mean(), abs=0.06)
    assert found["prevalence"] == pytest.approx(lvh.mean(), abs=0.003)
    assert found["auc_pooled"] == pytest.approx(auc, abs=0.003)


def test_which_cohorts_fit() -> None:
    table = implied_cohorts()
    fitting = table[table["fits"]]
    fuchs = fitting[fitting["cutoff"] == "fuchs-2016"]
    assert fuchs["cv"].between(0.24, 0.26).all()
    assert fuchs["ecg_r2"].between(0.30, 0.50).all()
    assert set(fitting["cutoff"]) >= {"fuchs-2016", "80th percentile of each sex", "90th percentile of each sex"}
    # one person in a hundred with LVH: folds would differ far more than printed
    assert "budoff-2009" not in set(fitting["cutoff"])
    assert table.loc[table["cutoff"] == "budoff-2009", "fold_sd_p"].median() < 0.05
    # the small studies: an ECG of no more than 0.20, a spread of 0.20 and a fifth of people with LVH
    prior = table["cv"].le(0.20) & table["ecg_r2"].le(0.20) & table["prevalence"].between(0.15, 0.30)
    assert not table[prior]["fits"].any()
    assert 0 < fitting["predicts"].mean() < 1


@settings(max_examples=15, deadline=None)
@given(cv=st.floats(0.1, 0.35), body_share=SHARES, ecg_r2=SHARES)
def test_more_from_the_ecg_lowers_errors_and_lifts_every_c_statistic(
    cv: float, body_share: float, ecg_r2: float
) -> None:
    table = implied_cohorts([cv], [body_share], [ecg_r2, ecg_r2 + 0.1])
    less, more = (part.reset_index(drop=True) for _, part in table.groupby("ecg_r2"))
    for name in ("mae_g", "mape_percent", "comparator_mae_g"):
        assert (more[name] < less[name]).all()
    for name in ("auc_male", "auc_female", "auc_pooled"):
        assert (more[name] > less[name]).all()
    assert np.allclose(more["prevalence"], less["prevalence"], atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(cv=st.floats(0.1, 0.3), body_share=SHARES, ecg_r2=SHARES)
def test_more_spread_raises_every_error(cv: float, body_share: float, ecg_r2: float) -> None:
    table = implied_cohorts([cv, cv + 0.02], [body_share], [ecg_r2])
    narrow, wide = (part.reset_index(drop=True) for _, part in table.groupby("cv"))
    for name in ("mae_g", "mape_percent", "median_mae_g", "body_mae_g", "comparator_mae_g"):
        assert (wide[name] > narrow[name]).all()
    errors = table[["mae_g", "body_mae_g", "median_mae_g"]]
    assert (errors.diff(axis=1).iloc[:, 1:] > 0).all(axis=None)
    assert (table["comparator_mae_g"] < table["median_mae_g"]).all()
