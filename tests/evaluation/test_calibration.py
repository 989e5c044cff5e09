"""Recalibration and probabilities: hand-worked lines, scikit-learn, and no look at the own truth."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from statsmodels.api import GLM, add_constant, families

from lvmass.errors import DataError
from lvmass.evaluation.calibration import _calibrated, lvh_probability, recalibrate
from lvmass.evaluation.lvh import PRIMARY
from lvmass.evaluation.results import At
from lvmass.evaluation.tables import NotEstimable, example_predictions

from .rows import find, table_of

TABLE = example_predictions(400)
FIT = TABLE.query("model == 'net' and training == 'pooled'")


def test_a_linear_distortion_is_undone_exactly() -> None:
    # true = 20 + 0.8 predicted, in every fold: slope and intercept are those, and the correction gives the truth
    bent = FIT.assign(predicted_lvm_g=(FIT["lvm_g"] - 20) / 0.8)
    row = find(table_of("mass_calibration", bent), cohort="ext", sex="all")
    assert_allclose([row["slope"], row["intercept_g"]], [0.8, 20])
    assert_allclose(recalibrate(bent, "dev")["predicted_lvm_g"], FIT["lvm_g"])


def test_recalibration_learns_from_development_only_and_never_from_oneself() -> None:
    before = recalibrate(TABLE, "dev")["predicted_lvm_g"]
    external, first_fold = TABLE["cohort"] == "ext", TABLE["fold"] == 0
    for hidden in (external, first_fold):
        other_truth = TABLE.assign(lvm_g=TABLE["lvm_g"].where(~hidden, 500 - TABLE["lvm_g"]))
        after = recalibrate(other_truth, "dev")["predicted_lvm_g"]
        assert_allclose(after[hidden], before[hidden])
        chance = lvh_probability(TABLE.assign(lvh=TABLE["lvh"] ^ hidden), "dev")
        assert_allclose(chance[hidden], lvh_probability(TABLE, "dev")[hidden])
    row = find(table_of("calibration_after_recalibration", FIT), cohort="dev", sex="all")
    assert abs(row["slope"] - 1) < 0.05


def noisy_models(n: int = 4000) -> pd.DataFrame:
    """Both cohorts alike; development estimates of one model with noise, external ones the mean of five such."""
    rng, parts = np.random.default_rng(5), []
    for cohort, models in (("dev", 1), ("ext", 5)):
        signal = rng.normal(112, 20, n)
        each = signal[:, None] + rng.normal(0, 12, (n, models))
        people = pd.DataFrame({"predicted_lvm_g": each.mean(axis=1), "model_sd_g": each.std(axis=1), "cohort": cohort})
        people["lvm_g"] = 22 + 0.8 * signal + rng.normal(0, 10, n)
        people["subject_id"] = people["patient_id"] = [f"{cohort}-{i}" for i in range(n)]
        parts.append(people.assign(fold=np.arange(n) % 5 if cohort == "dev" else -1, bsa_m2=1.7))
    table = pd.concat(parts, ignore_index=True)
    return table.assign(sex="male", model="net", training="pooled", lvh=table["lvm_g"] / 1.7 > 80)


def test_the_mean_of_models_is_recalibrated_by_a_steeper_line_than_one_model() -> None:
    table = noisy_models()
    where = {"cohort": "ext", "sex": "all"}
    known = find(table_of("calibration_after_recalibration", table), **where)
    unknown = find(table_of("calibration_after_recalibration", table.drop(columns="model_sd_g")), **where)
    # variances 400 + 144 of one model, 400 + 144/5 of the mean: 1.27 where the line of one model is applied
    assert_allclose([known["slope"], unknown["slope"]], [1, (400 + 144) / (400 + 144 / 5)], atol=0.03)
    assert abs(known["intercept_g"]) < 4
    own = find(table_of("calibration_after_recalibration", table), cohort="dev", sex="all")
    assert_allclose(own["slope"], 1, atol=0.03)
    chance = find(table_of("probability_calibration", table), **where)
    blind = find(table_of("probability_calibration", table.drop(columns="model_sd_g")), **where)
    assert blind["slope"] > 1.4
    assert abs(chance["slope"] - 1) < 0.5 * abs(blind["slope"] - 1)


def test_mass_calibration_of_a_constant_says_so() -> None:
    note = table_of("mass_calibration", FIT.assign(predicted_lvm_g=110.0))["note"]
    assert set(note) == {"one prediction for everyone, no slope"}
    # and only its level can be learnt: the mean of the other folds, or of the whole development cohort
    level = recalibrate(FIT.assign(predicted_lvm_g=110.0), "dev")["predicted_lvm_g"]
    assert_allclose(level[FIT["cohort"] == "ext"], FIT.loc[FIT["cohort"] == "dev", "lvm_g"].mean())
    with pytest.raises(DataError, match="three or more development people"):
        recalibrate(FIT.head(3), "dev")
    with pytest.raises(DataError, match="three or more development people"):
        recalibrate(FIT, "elsewhere")


def calibration(y: ArrayLike, p: ArrayLike) -> dict[str, float]:
    """Calibration of these probabilities of LVH."""
    people = pd.DataFrame({"lvh": np.asarray(y, bool), "lvh_probability": p})
    people["patient_id"] = people.index
    return _calibrated(people, At("all", people, {}, 999, 0))


def test_probability_calibration_hand_worked() -> None:
    # two groups of 100 with 20 and 60 events: saturated. Said 0.2 and 0.6 it is perfect; said 0.5 and 0.8 instead,
    # the slope is (logit .6 - logit .2) / (logit .8 - logit .5) and observed over expected 80 / 130
    y = np.repeat([1, 0, 1, 0], [20, 80, 60, 40])
    good = calibration(y, np.repeat([0.2, 0.6], 100))
    assert_allclose([good["slope"], good["intercept"]], [1, 0], atol=1e-8)
    assert good["slope_ci_low"] < 1 < good["slope_ci_high"]
    bad = calibration(y, np.repeat([0.5, 0.8], 100))
    assert_allclose(bad["slope"], (np.log(1.5) + np.log(4)) / np.log(4), rtol=1e-6)
    assert_allclose(bad["observed_over_expected"], 80 / 130)
    assert bad["intercept_ci_high"] < 0
    assert_allclose(bad["brier"], brier_score_loss(y, np.repeat([0.5, 0.8], 100)))
    # Brier score (0.2 · 0.8 + 0.6 · 0.4) / 2 against 0.4 · 0.6 of the prevalence, and 0.265 against it
    assert_allclose([good["brier_skill"], bad["brier_skill"]], [1 - 0.2 / 0.24, 1 - 0.265 / 0.24])
    assert bad["brier_skill_ci_low"] < bad["brier_skill"] < bad["brier_skill_ci_high"] < good["brier_skill"]
    # interval of a ratio by the delta method: ln(O/E) has the variance of y - (O/E) p over n · mean(y)²
    p, ratio = np.repeat([0.5, 0.8], 100), 80 / 130
    half = 1.96 * (y - ratio * p).std() / np.sqrt(200) / y.mean()
    ends = [bad["observed_over_expected_ci_low"], bad["observed_over_expected_ci_high"]]
    assert_allclose(ends, ratio * np.exp([-half, half]), rtol=0.03)


def test_probability_calibration_equals_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    p = rng.uniform(0.02, 0.9, 500)
    y = rng.random(500) < p**1.3
    odds = np.log(p / (1 - p))[:, None]
    slope = LogisticRegression(C=np.inf, tol=1e-10).fit(odds, y).coef_[0, 0]
    assert_allclose(calibration(y, p)["slope"], slope, rtol=1e-4)


@pytest.mark.parametrize(
    ("p", "reason"),
    [
        (np.full(20, 0.4), "more than one probability"),
        (np.linspace(0.1, 0.9, 20), "separate"),
        (np.r_[np.linspace(0.1, 0.5, 10), np.linspace(0.5, 0.9, 10)], "separate"),
    ],
)
def test_probabilities_without_a_slope_say_so(p: np.ndarray, reason: str) -> None:
    with pytest.raises(NotEstimable, match=reason):
        calibration(np.arange(20) >= 10, p)


def test_probabilities_of_exactly_one_have_a_finite_slope() -> None:
    p = np.linspace(0.1, 0.9, 20)
    p[[3, 19]] = 1.0
    assert np.isfinite(calibration(np.arange(20) >= 8, p)["slope"])


def test_a_probability_is_learnt_from_patients_not_from_ecgs() -> None:
    one_person = (FIT["subject_id"] < "dev-0010") & (FIT["cohort"] == "dev")
    table = FIT.assign(lvh=one_person, patient_id=FIT["patient_id"].where(~one_person, "the same"))
    assert np.isnan(lvh_probability(table, "dev")).all()


def test_a_probability_is_the_models_own_logistic_regression_on_the_index() -> None:
    apart = lvh_probability(FIT, "dev")
    assert_allclose(lvh_probability(TABLE, "dev")[TABLE.index.get_indexer(FIT.index)], apart, rtol=0, atol=0)
    index = FIT["predicted_lvm_g"] / FIT["bsa_m2"] / FIT["sex"].map(PRIMARY)
    for own, rest in ((FIT["fold"] == 2, FIT["fold"].isin([0, 1, 3, 4])), (FIT["fold"] == -1, FIT["fold"] >= 0)):
        known = GLM(FIT.loc[rest, "lvh"].astype(float), add_constant(index[rest]), family=families.Binomial()).fit()
        assert_allclose(apart[own], known.predict(add_constant(index[own])), atol=1e-4)
    # the cut-offs are those of the study
    other = {"female": 60.0, "male": 90.0}
    assert not np.allclose(lvh_probability(FIT, "dev", other), apart, atol=0.01)


def test_small_and_large_people_have_calibrated_probabilities() -> None:
    rng, n = np.random.default_rng(3), 6000
    bsa, index = np.exp(rng.normal(np.log(1.7), 0.12, n)), rng.normal(68, 10, n)
    people = pd.DataFrame({"lvm_g": index * bsa, "bsa_m2": bsa, "lvh": index > 80, "fold": np.arange(n) % 5})
    people = people.assign(
        predicted_lvm_g=(68 + 0.5 * (index - 68) + rng.normal(0, 5, n)) * bsa, subject_id=people.index,
        patient_id=people.index, sex="male", model="net", training="pooled", cohort="dev",
    )  # fmt: skip
    grams = people[["predicted_lvm_g"]] / 100
    by_grams = LogisticRegression(C=np.inf).fit(grams, people["lvh"]).predict_proba(grams)[:, 1]
    third = pd.qcut(bsa, 3, labels=False)
    for p, calibrated in ((lvh_probability(people, "dev"), True), (by_grams, False)):
        ratios = (people["lvh"].groupby(third).sum() / pd.Series(p).groupby(third).sum()).to_numpy()
        assert (np.abs(np.log(ratios)).max() < np.log(1.15)) == calibrated


def test_learnt_probabilities_are_calibrated_and_tables_hold() -> None:
    row = find(table_of("probability_calibration", TABLE), cohort="dev", model="net", sex="all")
    assert row["slope_ci_low"] < 1 < row["slope_ci_high"]
    assert abs(row["observed_over_expected"] - 1) < 0.05
    curve = table_of("calibration_curve", TABLE)
    one = curve.query("cohort == 'dev' and model == 'net' and training == 'pooled' and sex == 'all'")
    assert one["n_subjects"].sum() == 400
    cases = int(TABLE.query("cohort == 'dev' and model == 'net' and training == 'pooled'")["lvh"].sum())
    assert_allclose((one["observed"] * one["n_subjects"]).sum(), cases)
    rare = TABLE.assign(lvh=TABLE["subject_id"].isin(["dev-0001", "dev-0002", "ext-0003"]))
    for name in ("probability_calibration", "calibration_curve", "decision_curves", "net_benefit_differences"):
        table = table_of(name, rare)
        assert set(table["note"]) == {"too few to learn a probability"}
        assert "nan" not in table.to_string().lower()
