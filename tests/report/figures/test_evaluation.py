"""Figures of the evaluation draw every table of a study, also where numbers are missing, and say so in words."""

import numpy as np
import pandas as pd
import pytest

from lvmass.evaluation import evaluate, recalibrate, subgroup_levels
from lvmass.evaluation.gap import gap_by_cutoffs
from lvmass.evaluation.lvh import LVH_CUTOFFS_G_M2
from lvmass.evaluation.tables import example_predictions
from lvmass.report.figures import evaluation as figures
from lvmass.report.figures.style import Picture
from lvmass.report.published import PUBLISHED

TABLE = example_predictions(150)
PEOPLE = TABLE.drop_duplicates(["cohort", "subject_id"])[["cohort", "subject_id"]]
FIT = "cohort == 'dev' and model == 'net' and training == 'pooled'"
FACTS = {"everyone": PUBLISHED["auc_pooled"], "female": PUBLISHED["auc_female"], "male": PUBLISHED["auc_male"]}


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    # one person in ten is 40 years old: 15 people, too small a group
    subjects = PEOPLE.assign(age_years=[40.0 if i % 10 == 0 else 50.0 + i % 40 for i in range(len(PEOPLE))])
    value = TABLE.query(FIT)["lvm_g"] / 60 + np.random.default_rng(1).normal(size=150)
    criteria = TABLE.query(FIT)[["cohort", "subject_id"]].assign(criterion="c", value=value, positive=value > 2.5)
    return evaluate(TABLE, "net", subjects=subjects, criteria=criteria, n_resamples=99)


def drawn(picture: Picture) -> str:
    """All words in the figure."""
    axes = picture.figure.axes
    assert "<svg" in picture.svg()
    words = [text.get_text() for panel in axes for text in (*panel.texts, *panel.get_yticklabels(), panel.title)]
    return "\n".join(words)


@pytest.mark.parametrize("cutoffs", ["fuchs-2016", "budoff-2009"])
def test_gap_figures(cutoffs: str) -> None:
    net = TABLE.query("model == 'net' and cohort == 'dev'")
    gap = gap_by_cutoffs(net, net[net["training"] == "pooled"], LVH_CUTOFFS_G_M2)
    ladder = figures.gap_ladder(gap[gap["cutoffs"] == cutoffs], FACTS, "Ladder")
    enough = cutoffs == "fuchs-2016"
    assert ("one sex only" in drawn(ladder)) == enough
    assert ("men, sex-specific 0." in ladder.alt) == enough
    mean = gap[gap["sex"] == "mean"]
    steps = figures.steps_by(dict(list(mean.groupby("cutoffs"))), ["mechanical", "training"], "Steps")  # type: ignore[arg-type]
    assert drawn(steps).count("too few people") == 2  # no one reaches Budoff's cut-offs
    assert "learnt" not in steps.alt


def test_published_numbers_stand_beside_ours() -> None:
    net = TABLE.query("model == 'net' and cohort == 'dev'")
    gap = gap_by_cutoffs(net, net[net["training"] == "pooled"], {"fuchs-2016": LVH_CUTOFFS_G_M2["fuchs-2016"]})
    for panel, sex in zip(figures.gap_ladder(gap, FACTS, "").figure.axes, ("female", "male"), strict=True):
        diamonds = [np.asarray(line.get_xdata()).tolist() for line in panel.lines if line.get_marker() == "D"]
        assert diamonds == [[FACTS["everyone"].value], [FACTS[sex].value]]


def test_agreement_calibration_and_decisions(tables: dict[str, pd.DataFrame]) -> None:
    people, row = TABLE.query(FIT), tables["agreement"].query(f"{FIT} and sex == 'all'").iloc[0]
    corrected = recalibrate(people, "dev")
    picture = figures.bland_altman({"as it is": (people, row), "recalibrated": (corrected, row)})
    assert f"{row['upper_g']:+.0f}" in drawn(picture)
    assert f"bias {row['bias_g']:.1f} g" in picture.alt
    curve = tables["calibration_curve"].query(f"{FIT} and sex == 'all'")
    assert "dev" in figures.calibration_curves({"dev": curve, "none": curve[:0]}, "P").alt
    benefit = tables["decision_curves"].query("cohort == 'dev' and training == 'pooled' and sex == 'all'")
    picture = figures.decision_curves(benefit, "net", "Decisions")
    assert "net benefit of net, body" in picture.alt
    assert "<svg" in figures.decision_curves(benefit[:0], "net", "No one").svg()


def test_criteria_stand_beside_the_model_with_their_own_cutoff(tables: dict[str, pd.DataFrame]) -> None:
    point = tables["criteria_points"].query("sex == 'all'").iloc[0]
    curve = tables["criteria_roc"].query("sex == 'all'")
    ours = tables["roc"].query(f"{FIT} and sex == 'all' and score == 'indexed'")
    picture = figures.roc_beside_criteria(ours, {"Voltage": (curve, point)}, "ROC")
    assert "Voltage" in picture.alt
    lines = picture.figure.axes[0].lines
    dot = next(np.ravel([line.get_xdata(), line.get_ydata()]) for line in lines if line.get_marker() == "o")
    np.testing.assert_allclose(dot, [1 - point["specificity"], point["sensitivity"]])
    nobody = pd.Series({"sensitivity": None, "specificity": None})
    assert "<svg" in figures.roc_beside_criteria(ours[:0], {"Voltage": (curve[:0], nobody)}, "ROC").svg()


def test_forest_orders_groups_and_shows_small_ones(tables: dict[str, pd.DataFrame]) -> None:
    rows = tables["subgroup_errors"].query(f"{FIT} and metric == 'mae_g'")
    picture = figures.forest(
        rows, value="estimate", axis_label="MAE (g)", title="Forest", reference=12.0, tests={"sex": "p 0.5"}
    )
    words = drawn(picture)
    labels = [label.get_text() for label in picture.figure.axes[0].get_yticklabels()]
    assert [label.split(" (")[0] for label in labels] == ["women", "men", "< 50", "50 to < 65", "≥ 65"]
    assert "everyone, n = 15: too small a group" in words
    assert "p 0.5" in words
    assert "sex: p 0.5" in picture.alt


def test_forest_of_coverage(tables: dict[str, pd.DataFrame]) -> None:
    assert subgroup_levels(PEOPLE).empty
    rows = tables["interval_coverage"].query(FIT)
    picture = figures.forest(rows, value="coverage", axis_label="coverage", title="C", reference=0.9, tests={})
    assert "age (years)" in drawn(picture)
