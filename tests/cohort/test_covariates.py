import numpy as np
import pandas as pd

from lvmass.cohort.covariates import COVARIATE_GROUPS, covariate_matrix, covariate_names, impute, sex_medians


def test_columns_by_hand() -> None:
    people = pd.DataFrame(
        {"sex": ["male", "female"], "age_years": [50, 60], "height_cm": [180, 160], "weight_kg": [80, 58],
         "qrs_duration_ms": [90, np.nan], "qrs_axis_deg": [-90, 30], "heart_rate_bpm": [60, 70]}
    ).assign(**dict.fromkeys((*COVARIATE_GROUPS["criteria"], *COVARIATE_GROUPS["t-waves"]), 1.5))  # fmt: skip
    names = covariate_names(tuple(COVARIATE_GROUPS))
    table = pd.DataFrame(covariate_matrix(people, names), columns=list(names))
    assert table["male"].tolist() == [1, 0]
    assert table["bsa_m2"].round(3).tolist() == [2.0, 1.606]
    assert table["qrs_axis_sin"].round(6).tolist() == [-1, 0.5]
    assert table["qrs_axis_cos"].round(6).tolist() == [0, 0.866025]
    assert table["qrs_axis_abs_deg"].tolist() == [90, 30]
    assert np.isnan(table["qrs_duration_ms"][1])
    assert table["cornell_voltage_mv"].tolist() == [1.5, 1.5]


def test_no_columns() -> None:
    assert covariate_matrix({"sex": ["male"] * 3}, ()).shape == (3, 0)


def test_missing_values_are_the_median_of_the_sex_of_those_learnt_from() -> None:
    names = ("height_cm", "male", "weight_kg", "qrs_duration_ms")
    people = np.array([[150, 0, 50, np.nan], [160, 0, np.nan, np.nan], [180, 1, np.nan, np.nan]] * 5, dtype=float)
    medians = sex_medians(people, names)
    assert medians.tolist() == [
        [155, 0, 50, 0],
        [180, 1, 50, 0],
    ]  # of both sexes where one has none, 0 where nobody has
    others = np.array([[np.nan, 1, 90, 100], [np.nan, 0, np.nan, np.nan]])
    assert impute(others, names, medians).tolist() == [[180, 1, 90, 100], [155, 0, 50, 0]]
    assert sex_medians(people[:, [0]], names[:1]).tolist() == [[160], [160]]
    women = people[people[:, 1] == 0]
    assert sex_medians(women, names)[1].tolist() == [155, 0, 50, 0]  # women only
    assert sex_medians(np.vstack([women, people[2:3]]), names)[1].tolist() == [160, 0, 50, 0]  # one man tells nothing
