"""The list of fits."""

import pytest

from lvmass.study.settings import StudyConfig
from lvmass.study.tasks import fit_tasks


@pytest.mark.parametrize("n_folds", [2, 4, 5, 8, 10])
def test_fits_that_run_at_once_have_slots_side_by_side(n_folds: int) -> None:
    """With as many folds as GPUs, too, the fits of one fold are on different ones."""
    models = {name: {"estimator": "elvmass-net", "fit": {"epochs": 3 + i}} for i, name in enumerate("abcd")}
    cohort = {"label": "people", "simulate": "tw-cvai", "n": 80}
    study = {"name": "s", "folds": {"n": n_folds}, "development": cohort, "models": models}
    tasks = sorted(fit_tasks(StudyConfig.model_validate(study), ["female", "male"]), key=lambda task: task.rank)
    assert [task.slot for task in tasks] == list(range(4 * n_folds))
