"""The list of fits."""

import pytest

from lvmass.study.settings import StudyConfig
from lvmass.study.tasks import comparison, fit_tasks


@pytest.mark.parametrize("n_folds", [2, 4, 5, 8, 10])
def test_fits_that_run_at_once_have_slots_side_by_side(n_folds: int) -> None:
    """With as many folds as GPUs, too, the fits of one fold are on different ones."""
    models = {name: {"estimator": "elvmass-net", "fit": {"epochs": 3 + i}} for i, name in enumerate("abcd")}
    cohort = {"label": "people", "simulate": "tw-cvai", "n": 80}
    study = {"name": "s", "folds": {"n": n_folds}, "development": cohort, "models": models}
    tasks = sorted(fit_tasks(StudyConfig.model_validate(study), ["female", "male"]), key=lambda task: task.rank)
    assert [task.slot for task in tasks] == list(range(4 * n_folds))


def test_repeated_cross_validations_have_seeds_of_their_own_and_stay_out_of_the_comparison() -> None:
    both = {"estimator": "linear", "training": ["pooled", "sex-specific"]}
    cohort = {"label": "people", "simulate": "tw-cvai", "n": 80}
    study = {"name": "s", "folds": {"n": 2}, "development": cohort, "models": {"a": both, "b": both}}
    once, often = (
        fit_tasks(StudyConfig.model_validate(study | {"gap": gap}), ["female", "male"])
        for gap in ({}, {"repeats": {"a": 3}})
    )
    per_repeat = 2 * (1 + 2 + 2)  # folds; pooled, sex-specific and size-matched of each sex
    assert (len(once), len(often)) == (2 * per_repeat, (3 + 1) * per_repeat)
    assert [task.model_dump() for task in comparison(once)] == [task.model_dump() for task in comparison(often)]
    assert len({task.seed for task in often if task.model == "a"}) == 3
    assert {task.repeat for task in often if task.model == "b"} == {0}
    with pytest.raises(ValueError, match="no model trained both ways 'c'"):
        StudyConfig.model_validate(study | {"gap": {"repeats": {"c": 3}}})
