"""Subgroups and the one call that makes every table, on ordinary, tiny and odd studies."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from lvmass.errors import DataError
from lvmass.evaluation.errors import _subgroup_levels
from lvmass.evaluation.results import STATISTICS, evaluate, write_results
from lvmass.evaluation.tables import example_predictions

from .rows import find, table_of

TABLE = example_predictions(300)


def subjects(table: pd.DataFrame) -> pd.DataFrame:
    """Made-up covariates; age is missing for the first person."""
    people = table.drop_duplicates(["cohort", "subject_id"])[["cohort", "subject_id"]]
    rng = np.random.default_rng(0)
    people = people.assign(
        age_years=rng.uniform(30, 85, len(people)), height_cm=rng.normal(163, 8, len(people)),
        weight_kg=rng.normal(66, 11, len(people)), qrs_duration_ms=rng.normal(95, 12, len(people)),
        atrial_fibrillation=rng.random(len(people)) < 0.02,
    )  # fmt: skip
    people.loc[people.index[0], "age_years"] = np.nan
    return people


def criteria(table: pd.DataFrame) -> pd.DataFrame:
    people = table.drop_duplicates(["cohort", "subject_id"])
    value = people["lvm_g"] / 60 + np.random.default_rng(1).normal(size=len(people))
    return people[["cohort", "subject_id"]].assign(criterion="cornell_voltage_mv", value=value, positive=value > 3)


def test_subgroups() -> None:
    levels = _subgroup_levels(subjects(TABLE))
    assert sorted(levels["variable"].unique()) == ["age_years", "atrial_fibrillation", "bmi_kg_m2", "qrs_duration_ms"]
    assert set(levels.loc[levels["variable"] == "age_years", "group"]) == {"< 50", "50 to < 65", "≥ 65"}
    assert (levels["variable"] == "age_years").sum() == 599
    table = table_of("subgroup_errors", TABLE, subjects=subjects(TABLE))
    assert find(table, variable="atrial_fibrillation", group="yes", sex="all")["note"] == "too small a group"
    old = find(table, variable="age_years", group="≥ 65", sex="male", metric="bias_g", model="net", cohort="dev")
    men = TABLE.query("cohort == 'dev' and model == 'net' and training == 'pooled' and sex == 'male'")
    member = levels.query("variable == 'age_years' and group == '≥ 65' and cohort == 'dev'")["subject_id"]
    men = men[men["subject_id"].isin(member)]
    assert_allclose(old["estimate"], (men["predicted_lvm_g"] - men["lvm_g"]).mean())


def test_effect_of_a_group_equals_welch_by_hand() -> None:
    table = table_of("subgroup_effects", TABLE, subjects=subjects(TABLE))
    where = {"metric": "mape_percent", "model": "net", "training": "pooled", "cohort": "dev", "sex": "all"}
    row = find(table, variable="sex", **where)
    fit = TABLE.query("cohort == 'dev' and model == 'net' and training == 'pooled'")
    error = 100 * (fit["predicted_lvm_g"] / fit["lvm_g"] - 1).abs()
    women, men = (error[fit["sex"] == sex].to_numpy() for sex in ("female", "male"))
    assert_allclose(row["estimate"], women.mean() - men.mean())
    welch = CompareMeans(DescrStatsW(women), DescrStatsW(men))
    assert_allclose([row["ci_low"], row["ci_high"]], welch.tconfint_diff(usevar="unequal"))
    assert_allclose(row["p_value"], welch.ttest_ind(usevar="unequal")[1])
    assert (row["contrast"], row["n_group"], row["n_others"]) == ("women minus men", 120, 180)
    rare = find(table, variable="atrial_fibrillation", **where)
    assert (rare["note"], rare["contrast"]) == ("too small a group", "yes minus no")


def test_effect_of_a_number_is_a_slope_with_robust_limits() -> None:
    # bias 2 g a decade, and a spread that grows with age: HC3 by its formula
    people, rng = subjects(TABLE), np.random.default_rng(4)
    age = TABLE.merge(people, on=["cohort", "subject_id"])["age_years"].fillna(50).to_numpy()
    bent = TABLE.assign(predicted_lvm_g=TABLE["lvm_g"] + 0.2 * age + rng.normal(size=len(TABLE)) * age / 10)
    table = table_of("subgroup_effects", bent, subjects=people)
    where = {"model": "net", "training": "pooled", "cohort": "dev", "sex": "all"}
    row = find(table, variable="age_years", metric="bias_g", **where)
    fit = bent.query("cohort == 'dev' and model == 'net' and training == 'pooled'").merge(people.dropna())
    x = np.column_stack([np.ones(len(fit)), fit["age_years"] / 10])
    y = (fit["predicted_lvm_g"] - fit["lvm_g"]).to_numpy()
    bread = np.linalg.inv(x.T @ x)
    slope = bread @ x.T @ y
    meat = (x * ((y - x @ slope) / (1 - np.einsum("ij,jk,ik->i", x, bread, x)))[:, None]).T
    se = np.sqrt((bread @ meat @ meat.T @ bread)[1, 1])
    t = stats.t.isf(0.025, len(fit) - 2)
    assert row["n_subjects"] == len(fit) == 299
    assert_allclose([row["estimate"], row["ci_low"], row["ci_high"]], slope[1] + np.array([0, -t, t]) * se)
    assert row["ci_low"] < 2 < row["ci_high"]
    # one family of all variables and metrics, in a fit and a sex
    family = pd.DataFrame([r for r in table.to_dict("records") if all(r[k] == v for k, v in where.items())])
    tested = family[family["p_value"].notna()]
    assert len(tested) == 9 == 3 * 3
    adjusted = multipletests(tested["p_value"].astype(float), method="holm")[1]
    assert_allclose(tested["p_holm"].astype(float), adjusted)
    same_age = table_of("subgroup_effects", bent, subjects=people.assign(age_years=50.0))
    assert find(same_age, variable="age_years", **where)["note"] == "no spread, no slope"
    few = table_of("subgroup_effects", bent.query("subject_id < 'dev-0015'"), subjects=people)
    assert set(few["note"]) <= {"too small a group", "too few people"}


def every_table_of(table: pd.DataFrame, reference: str | None = None) -> dict[str, pd.DataFrame]:
    """All that `evaluate` gives, with subjects, criteria and a gap."""
    body = table.query("model == 'body'")
    gap = (body, body.query("training == 'pooled'"))
    people, single = (subjects(table), criteria(table)), fold_models(table)
    return evaluate(
        table, reference, subjects=people[0], criteria=people[1], gap=gap, external_single=single, n_resamples=99
    )


def fold_models(table: pd.DataFrame) -> pd.DataFrame | None:
    """Estimates of five fold models whose mean the table's external estimates are."""
    external = table[table["cohort"] == "ext"]
    each = [external.assign(fold=k, predicted_lvm_g=external["predicted_lvm_g"] + 8 * (k - 2)) for k in range(5)]
    return pd.concat(each, ignore_index=True) if len(external) else None


FEW = example_predictions(60)
ODD: dict[str, tuple[str, tuple[str, ...]]] = {
    "women only": ("sex == 'female'", ()),
    "women only in development": ("sex == 'female' or cohort == 'ext'", ()),
    "without the usual reference": ("model == 'body'", ("error_differences", "model_comparison")),
    "pooled training only": ("training == 'pooled'", ("training_comparison", "gap")),
    "sex-specific training only": ("training == 'sex-specific'", ("training_comparison", "gap")),
    "men only, without an external cohort": ("cohort == 'dev' and sex == 'male'", ()),
}


@pytest.mark.parametrize("name", ODD)
def test_every_odd_study_has_every_table_with_notes(name: str, tmp_path: Path) -> None:
    keep, empty = ODD[name]
    tables = every_table_of(FEW.query(keep))
    assert len(tables) == (29 if "without an external" in name else 30)
    for table in tables.values():
        assert "nan" not in table.to_string().lower()
    for each in empty:
        assert tables[each].empty
    for each in ("errors", "agreement", "c_statistics", "operating_points", "criteria_points"):
        for sex in ("female", "male"):
            found = tables[each][tables[each]["sex"] == sex]
            people = found["n_subjects"]
            assert len(found) > 0
            assert (found.loc[people == 0, "note"] != "").all()
    write_results(tables, tmp_path, {})


@cache
def all_tables(n: int) -> dict[str, pd.DataFrame]:
    """Every table of a made-up study with all that a study can have."""
    table = example_predictions(n)
    net = table.query("model == 'net' and cohort == 'dev'")
    gap = (net, net.query("training == 'pooled'"))
    people, single = (subjects(table), criteria(table)), fold_models(table)
    return evaluate(
        table, "net", subjects=people[0], criteria=people[1], gap=gap, external_single=single, n_resamples=99
    )


@pytest.fixture
def ordinary() -> dict[str, pd.DataFrame]:
    return all_tables(150)


@pytest.mark.parametrize("n", [10, 40, 150])
def test_everything_at_once_without_a_nan(n: int, tmp_path: Path) -> None:
    tables = all_tables(n)
    assert len(tables) == 30
    for name, result in tables.items():
        assert not result.empty, name
        assert "nan" not in result.to_string().lower(), name
        if n == 150 and "note" in result.columns and name != "errors_by_fold":
            assert (result["note"] == "").any(), name
    paths = write_results(tables, tmp_path, {"study": "own"})
    assert len(paths) == len(tables)
    assert {path.name for path in tmp_path.iterdir()} == {".written", *(path.name for path in paths)}
    for name, result in tables.items():
        written = pd.read_csv(tmp_path / f"{name}.csv")
        assert list(written.columns) == [*result.columns, "study"]
        assert len(written) == len(result)
        assert "nan" not in (tmp_path / f"{name}.csv").read_text(encoding="utf-8").lower()


def test_results_are_the_same_every_time(tmp_path: Path) -> None:
    tables = all_tables(10), all_tables.__wrapped__(10)
    first, second = (write_results(t, tmp_path / str(k), {"study": "own"}) for k, t in enumerate(tables))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


@pytest.mark.parametrize("about", [{"study": "own"}, {}], ids=["about", "about nothing"])
def test_tables_of_an_earlier_study_do_not_stay_and_files_of_others_do(
    ordinary: dict[str, pd.DataFrame], tmp_path: Path, about: dict[str, str]
) -> None:
    errors, *_ = write_results({name: ordinary[name] for name in ("errors", "gap", "roc")}, tmp_path, about)
    for name in ("errors.json", "retired.json"):  # as an earlier version wrote them
        (tmp_path / name).write_text('{"about": {}, "units": {}, "rows": []}\n')
    (tmp_path / "retired.csv").write_text("model,study\n")
    mine = {
        "errors_for_paper.csv": errors.read_bytes(), "latin.csv": "Größe,study\n".encode("latin-1"), "empty.csv": b"",
        "mine.json": b'{"x": 1}', "other.json": b"\xff\xfe{",
    }  # fmt: skip
    for name, content in mine.items():
        (tmp_path / name).write_bytes(content)
    for _ in range(2):
        write_results({"errors": ordinary["errors"]}, tmp_path, about)
        assert {path.name for path in tmp_path.iterdir()} == {".written", "errors.csv", *mine}
    assert {name: (tmp_path / name).read_bytes() for name in mine} == mine


# Numbers without a unit: counts, shares, probabilities and what is made of these; by the name's end or start.
DIMENSIONLESS = r"""
(n|p)_\w+|bin|(model_|criterion_)?(sensitivity|specificity|auc)|false_positive_rate|ppv|npv|mean_probability|observed
coverage|threshold|net_benefit(_a|_b|_all)?|auc(_a|_b|_pooled)|c_statistic|share|fold_(mean|sd)|z|correlation
(specificity_)?difference|slope|intercept|sd_slope|icc|observed_over_expected|brier(_skill)?|percentile
"""


def test_every_number_has_a_unit(ordinary: dict[str, pd.DataFrame]) -> None:
    """In its column's name, in a column ``unit``, or it is on the list; limits are of the number that they follow."""
    dimensionless = re.compile("|".join(DIMENSIONLESS.split()))
    stated = re.compile(r"\w+_(g|g_m2|percent)")
    lacking = []
    for name, table in ordinary.items():
        estimate = ""
        for column in map(str, table.select_dtypes("number")):
            if (limit := re.fullmatch(r"(\w+_)?ci_(low|high)", column)) is None:
                estimate = column
            of = limit[1].removesuffix("_") if limit and limit[1] else estimate  # ci_low alone has no unit in its name
            known = bool(dimensionless.fullmatch(of)) or (limit is None and bool(stated.fullmatch(of)))
            if not known and ("unit" not in table or table.loc[table[column].notna(), "unit"].isna().any()):
                lacking.append(f"{name}.{column}")
    assert lacking == []


def test_every_row_and_file_says_where_it_comes_from(ordinary: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    paths = write_results(ordinary, tmp_path, {"study": "own", "simulated": True})
    for path in paths:
        table = pd.read_csv(path)
        assert list(table.columns[-2:]) == ["study", "simulated"]
        assert table["simulated"].all()


def repeated(table: pd.DataFrame, times: int) -> pd.DataFrame:
    """Every person with several near-equal ECGs, in the same fold."""
    rng = np.random.default_rng(0)
    copies = [table.assign(subject_id=table["subject_id"] + f"/{k}", ecg=k) for k in range(times)]
    for copy in copies[1:]:
        copy["predicted_lvm_g"] += 0.01 * rng.normal(size=len(copy))
    return pd.concat(copies).sort_values(["model", "training", "cohort", "patient_id", "ecg"]).drop(columns="ecg")


def test_four_ecgs_of_a_patient_are_not_four_patients() -> None:
    one = TABLE.query("cohort == 'dev' or training == 'pooled'")
    one = one.sort_values(["model", "training", "cohort", "patient_id"])
    four = repeated(one, 4)
    gaps = ((t.query("model == 'net' and cohort == 'dev'"),) * 2 for t in (one, four))
    gaps = ((trained, of.query("training == 'pooled'")) for trained, of in gaps)
    (before, after) = (evaluate(t, gap=g, n_resamples=499) for t, g in zip((one, four), gaps, strict=True))
    for name, table in after.items():
        ends = [column for column in map(str, table) if "ci_" in column or column.startswith(("p_", "t_"))]
        assert ends or name in ("roc", "decision_curves", "pair_kinds", "cutoffs", "errors_by_fold")
        if ends:
            # nothing new was seen: the same intervals, whatever the statistic does with the copies
            pairs = [(t[ends].to_numpy(float, na_value=np.nan) for t in (before[name], table))]
            assert all(np.allclose(a, b, atol=0.01, rtol=0.03, equal_nan=True) for a, b in pairs), name
        if {"n_subjects", "ci_low"} <= set(table):
            ratio = (table["n_subjects"] / table["n_patients"]).dropna()
            assert set(ratio) <= {1.0, 4.0}, name
    agreement = after["agreement"]
    assert (agreement["n_subjects"] == agreement["n_patients"]).all()
    assert set(agreement["note"]) == {"the first ECG of each patient"}
    assert (after["errors"]["n_subjects"] == 4 * after["errors"]["n_patients"]).all()


def test_odd_studies() -> None:
    with pytest.raises(DataError, match="One cohort of the predictions must have folds; here none has"):
        evaluate(TABLE[TABLE["cohort"] == "ext"])
    with pytest.raises(DataError, match="no predictions of the reference model elvmass-net"):
        evaluate(TABLE, "elvmass-net")
    with pytest.raises(DataError, match="no table roca"):
        evaluate(TABLE, only=["roca"])
    # baselines: one number for everyone, or for each sex, must not stop the rest
    some = example_predictions(60).query("model == 'net' and training == 'pooled'")
    flat = some.assign(model="flat", predicted_lvm_g=112.0)
    with_flat = evaluate(pd.concat([some, flat]), "net", n_resamples=99)
    row = find(with_flat["c_statistics"], model="flat", sex="all", score="grams")
    assert row["auc"] == 0.5


def without_bsa(table: pd.DataFrame, unknown: pd.Series) -> pd.DataFrame:
    """The predictions of a cohort of which some have no height."""
    lvh = table["lvh"].astype("boolean").mask(unknown)
    return table.assign(bsa_m2=table["bsa_m2"].mask(unknown), lvh=lvh)


SOME = {  # of each kind
    "c_statistics", "model_comparison", "training_comparison", "pair_kinds", "gap", "criteria_at_equal_specificity",
    "decision_curves", "probability_calibration", "errors", "subgroup_errors",
}  # fmt: skip


def test_lvh_is_of_those_whose_body_surface_is_known_and_grams_are_of_everybody() -> None:
    every = example_predictions(80)
    unknown = every["subject_id"].str[-1].isin([*"036"])
    options: dict[str, Any] = {
        "subjects": subjects(every),
        "criteria": criteria(every),
        "n_resamples": 99,
        "only": SOME,
    }

    def tables(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
        gap = table[table["cohort"] == "dev"]
        return evaluate(table, gap=(gap, gap[gap["training"] == "sex-specific"]), **options)

    found, whole, part = (tables(table) for table in (without_bsa(every, unknown), every, every[~unknown]))
    for name in SOME:
        expected = part if STATISTICS[name].lvh else whole
        pd.testing.assert_frame_equal(found[name], expected[name], check_exact=True)
    assert found["c_statistics"]["n_subjects"].max() == 56
    assert found["errors"]["n_subjects"].max() == 80


@pytest.mark.parametrize("cohorts", [("dev",), ("ext",), ("dev", "ext")])
def test_a_cohort_in_which_nobodys_body_surface_is_known(cohorts: tuple[str, ...]) -> None:
    every = example_predictions(100)
    table = without_bsa(every, every["cohort"].isin(cohorts))
    gap = table[table["cohort"] == "dev"]
    found = evaluate(table, criteria=criteria(every), gap=(gap, gap[:0]), n_resamples=99, only=SOME)
    assert ("gap" in found) == ("dev" not in cohorts)
    for name in ("c_statistics", "decision_curves", "criteria_at_equal_specificity", "model_comparison"):
        rows = found[name][found[name]["cohort"].isin(cohorts)]
        assert set(rows["cohort"]) == set(cohorts)
        assert set(rows["note"]) == {"nobody's LVM index is known"}
    assert set(found["errors"]["note"]) == {""}
    others = found["c_statistics"][~found["c_statistics"]["cohort"].isin(cohorts)]
    assert others.loc[others["sex"] == "all", "auc"].notna().all()
