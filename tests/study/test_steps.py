"""The steps alone, on tables made by hand."""

from typing import Any

import numpy as np
import pandas as pd

from lvmass.cohort.preprocessing import Beats
from lvmass.evaluation.lvh import PRIMARY
from lvmass.study import steps
from lvmass.study.settings import CohortConfig, FoldsConfig, StudyConfig
from lvmass.study.tasks import fit_tasks


def test_the_fold_of_a_person_does_not_depend_on_who_else_is_usable() -> None:
    cohort = CohortConfig(label="people", simulate="tw-cvai", n=60)
    subjects = steps.open_cohort(cohort).subjects
    report = pd.DataFrame({"subject_id": subjects["subject_id"], "ecg_hash": subjects["subject_id"], "usable": True})
    some = report.assign(usable=np.arange(60) % 7 > 0)
    nothing = np.empty((0, 12, 400), np.float32), np.empty(400), subjects, subjects
    everybody, usable = (
        steps.draw_folds(cohort=cohort, folds=FoldsConfig(n=3), beats=Beats(*nothing, table))
        for table in (report, some)
    )
    expected = everybody[everybody["subject_id"].isin(some.loc[some["usable"], "subject_id"])]
    pd.testing.assert_frame_equal(usable, expected.reset_index(drop=True))


def test_columns_of_a_hospital_do_not_stand_in_the_way() -> None:
    body: dict[str, Any] = {"sex": "male", "lvm_g": [120.0, 170.0], "height_cm": 170.0, "weight_kg": 70.0}
    people = pd.DataFrame({"subject_id": ["a", "b"], "patient_id": ["a", "b"]}).assign(**body)
    own: dict[str, Any] = {
        "model": "MAC 5500",
        "fold": 9,
        "cohort": "ours",
        "training": "none",
        "bsa_m2": 0.0,
        "lvh": "?",
    }
    estimates = [pd.DataFrame({"subject_id": ["a", "b"], "predicted_lvm_g": [125.0, 160.0]})]
    found, expected = (
        steps.tabulate_predictions(
            cohort="development",
            rows=[("ridge", "pooled", 1)],
            cutoffs_g_m2=PRIMARY,
            beats=Beats(np.empty((2, 12, 400), np.float32), np.empty(400), table, table, table),
            estimates=estimates,
        )
        for table in (people.assign(**own), people)
    )
    pd.testing.assert_frame_equal(found, expected)
    assert found["lvh"].tolist() == [False, True]


def test_imputation_learns_from_nobody_of_the_test_fold() -> None:
    """The estimate of a person without height is the same, whatever the heights of the others of the own fold."""
    generator, n = np.random.default_rng(0), 60
    fold, sex = np.arange(n) % 3, np.where(np.arange(n) // 3 % 2, "male", "female")
    people = pd.DataFrame({"subject_id": [f"p{i}" for i in range(n)], "patient_id": [f"p{i}" for i in range(n)]})
    people = people.assign(sex=sex, age_years=60.0, height_cm=generator.normal(165, 8, n), weight_kg=70.0)
    people["lvm_g"] = 0.6 * people["height_cm"] + generator.normal(0, 2, n)
    people.loc[[0, 1], "height_cm"] = np.nan
    folds = people[["subject_id", "sex"]].assign(fold=fold)
    waves = generator.normal(size=(n, 12, 400)).astype(np.float32)
    report = people[["subject_id"]].assign(ecg_hash=people["subject_id"])
    fit = {"epochs": 1}
    models = {
        "ridge": {"estimator": "ridge", "covariates": ["demographics"]},
        "net": {"estimator": "elvmass-net", "covariates": ["demographics"], "arguments": {"channels": 4}, "fit": fit},
    }
    study = {"name": "s", "development": {"label": "d", "simulate": "tw-cvai", "n": 60}, "models": models}
    tasks = fit_tasks(StudyConfig.model_validate(study | {"folds": {"n": 3}}), ["female", "male"])
    for task in (task for task in tasks if task.fold == 0):
        estimates = []
        for others in (150.0, 200.0):
            changed = people.assign(height_cm=people["height_cm"].mask((fold == 0) & (people.index > 0), others))
            beats = Beats(waves, np.empty(400), changed, changed, report)
            estimates.append(steps.fit_model(task, folds=folds, beats=beats).estimates.set_index("subject_id"))
        one, other = (table["predicted_lvm_g"] for table in estimates)
        assert one["p0"] == other["p0"]
        assert (one.drop("p0") != other.drop("p0")).all()


def test_nobody_without_body_surface_has_lvh_or_none() -> None:
    people = pd.DataFrame({"subject_id": ["a", "b"], "patient_id": ["a", "b"], "sex": "male", "lvm_g": [120.0, 170.0]})
    people = people.assign(height_cm=[np.nan, 170.0], weight_kg=70.0)
    estimates = [pd.DataFrame({"subject_id": ["a", "b"], "predicted_lvm_g": [125.0, 160.0]})]
    table = steps.tabulate_predictions(
        cohort="development",
        rows=[("ridge", "pooled", 1)],
        cutoffs_g_m2=PRIMARY,
        beats=Beats(np.empty((2, 12, 400), np.float32), np.empty(400), people, people, people),
        estimates=estimates,
    )
    assert table["lvh"].tolist() == [pd.NA, True]
    assert table["bsa_m2"].isna().tolist() == [True, False]
