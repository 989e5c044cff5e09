import numpy as np
import pytest

from lvmass.training.baselines import BASELINES, _Regression, fit_baseline


def test_sex_median_is_the_median_of_each_sex() -> None:
    male = np.array([[0.0], [0.0], [0.0], [1.0], [1.0]])
    baseline = fit_baseline("sex-median", male, np.array([80.0, 90.0, 130.0, 120.0, 140.0]))
    assert baseline.predict_g(None, np.array([[1.0], [0.0]])).tolist() == [130.0, 90.0]


def test_sex_median_without_one_sex_uses_everybody() -> None:
    baseline = fit_baseline("sex-median", np.zeros((3, 1)), np.array([80.0, 90.0, 130.0]))
    assert baseline.predict_g(None, np.ones((1, 1))).tolist() == [90.0]


def test_ridge_finds_a_product_and_bears_missing_values() -> None:
    generator = np.random.default_rng(0)
    height, weight = generator.normal(165, 8, 800), generator.normal(65, 10, 800)
    mass = 0.7 * weight * np.sqrt(height / 165)
    covariates = np.stack([height, weight], axis=1)
    baseline = fit_baseline("ridge", covariates, mass)
    assert np.abs(baseline.predict_g(None, covariates) - mass).mean() < 0.5
    covariates[0, 1] = np.nan
    assert np.isfinite(fit_baseline("ridge", covariates, mass).predict_g(None, covariates)).all()


@pytest.mark.parametrize("kind", ["linear", "ridge", "gradient-boosting"])
def test_what_is_missing_is_the_median_of_the_sex_and_flagged(kind: str) -> None:
    generator, names = np.random.default_rng(0), ("male", "height_cm")
    male = generator.integers(0, 2, 600).astype(float)
    height = 160 + 14 * male + generator.normal(0, 6, 600)
    mass = np.exp(4 + 0.005 * height)
    seen = np.where(np.arange(600) % 5 > 0, height, np.nan)
    medians = [np.nanmedian(seen[male == sex]) for sex in (0, 1)]
    baseline = fit_baseline(kind, np.column_stack([male, seen]), mass, names)
    assert isinstance(baseline, _Regression)
    shown = baseline.complete(np.array([[1.0, np.nan], [0.0, 150.0]]))
    assert shown.tolist() == [[1, medians[1], 1], [0, 150, 0]]
    unknown = baseline.predict_g(None, np.array([[0.0, np.nan], [1.0, np.nan]]))
    assert unknown == pytest.approx([mass[male == sex].mean() for sex in (0, 1)], rel=0.02)
    nobody = fit_baseline(kind, np.column_stack([male, np.full(600, np.nan)]), mass, names)  # no heights at all
    assert np.isfinite(nobody.predict_g(None, np.array([[1.0, np.nan]]))).all()


@pytest.mark.parametrize("kind", ["linear", "ridge", "gradient-boosting"])
def test_regressions_have_the_mean_of_the_people_fitted(kind: str) -> None:
    """On the log scale a skewed mass is estimated by its median, here 8 % below the mean."""
    generator = np.random.default_rng(0)
    size = generator.normal(size=(2000, 1))
    mass = np.exp(4.6 + 0.1 * size[:, 0] + generator.normal(0, 0.4, 2000))
    baseline = fit_baseline(kind, size, mass)
    assert isinstance(baseline, _Regression)
    assert baseline.predict_g(None, size).mean() == pytest.approx(mass.mean(), rel=1e-9)
    assert baseline.level == pytest.approx(np.exp(0.4**2 / 2), abs=0.02)


def test_linear_reads_no_product() -> None:
    """What men's mass follows and women's does not, it cannot tell apart when it learns from both."""
    generator = np.random.default_rng(0)
    male, voltage = generator.integers(0, 2, 4000).astype(float), generator.normal(size=4000)
    covariates = np.column_stack([male, voltage])
    mass = np.exp(4.6 + 0.2 * male * voltage)
    linear, ridge = (fit_baseline(kind, covariates, mass).predict_g(None, covariates) for kind in ("linear", "ridge"))
    slopes = [np.polyfit(voltage[male == sex], np.log(linear[male == sex]), 1)[0] for sex in (0.0, 1.0)]
    assert slopes == pytest.approx([0.1, 0.1], abs=0.01)
    assert np.abs(ridge - mass).mean() < 1 < np.abs(linear - mass).mean()


def test_gradient_boosting_finds_a_threshold_and_bears_missing_values() -> None:
    generator = np.random.default_rng(0)
    covariates = generator.normal(size=(800, 2))
    mass = np.where(covariates[:, 0] > 0.5, 140.0, 100.0)
    covariates[::50, 1] = np.nan
    baseline = fit_baseline("gradient-boosting", covariates[:600], mass[:600])
    assert np.abs(baseline.predict_g(None, covariates[600:]) - mass[600:]).mean() < 2


def test_gradient_boosting_of_many_people_is_the_same_each_time() -> None:
    generator = np.random.default_rng(0)
    covariates = generator.normal(size=(10_500, 2))
    mass = 100 + 10 * covariates[:, 0] + generator.normal(0, 10, 10_500)
    first, again = (fit_baseline("gradient-boosting", covariates, mass).predict_g(None, covariates) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_gradient_boosting_of_many_people_stops_on_no_split_of_its_own() -> None:
    """Such a split knows no patients; scikit-learn makes one above 10 000 people unless told otherwise."""
    noise = np.random.default_rng(0).normal(size=(10_001, 1))  # nothing to learn: it would stop at once
    baseline = fit_baseline("gradient-boosting", noise, np.exp(np.random.default_rng(1).normal(size=10_001)))
    assert isinstance(baseline, _Regression)
    assert baseline.pipeline.regressor_.n_iter_ == 150


@pytest.mark.parametrize("kind", BASELINES)
def test_people_of_one_sex(kind: str) -> None:
    generator = np.random.default_rng(0)
    women = np.column_stack([np.zeros(60), generator.normal(160, 7, 60)])
    mass = 0.6 * women[:, 1]
    estimates = fit_baseline(kind, women, mass).predict_g(None, women)
    assert np.abs(estimates - mass).mean() <= np.abs(mass - np.median(mass)).mean()


def test_unknown_baseline() -> None:
    with pytest.raises(ValueError, match="There is no baseline 'tree'"):
        fit_baseline("tree", np.zeros((2, 1)), np.ones(2))
