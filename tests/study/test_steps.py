"""The steps alone, on tables made by hand."""

from typing import Any

import numpy as np
import pandas as pd

from lvmass.cohort.preprocessing import Beats
from lvmass.evaluation.lvh import PRIMARY
from lvmass.study import steps
from lvmass.study.settings import CohortConfig, FoldsConfig


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
    estimates = [steps._Estimates(("a", "b"), np.array([125.0, 160.0]))]
    found, expected = (
        steps.tabulate_predictions(
            cohort="development",
            rows=[("ridge", "pooled", 1)],
            external=False,
            cutoffs_g_m2=PRIMARY,
            beats=Beats(np.empty((2, 12, 400), np.float32), np.empty(400), table, table, table),
            estimates=estimates,
        )
        for table in (people.assign(**own), people)
    )
    pd.testing.assert_frame_equal(found, expected)
    assert found["lvh"].tolist() == [False, True]
