"""Figures draw every table of a study, also where numbers are missing, as vector graphics that are told in words."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from IPython.display import Markdown
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from lvmass.cohort import simulate_cohort
from lvmass.ecg import measure_beat, synchronized_beat
from lvmass.evaluation import evaluate, recalibrate
from lvmass.evaluation.decision import BEST_CRITERION
from lvmass.evaluation.inverse import implied_cohorts
from lvmass.evaluation.lvh import LVH_CUTOFFS_G_M2
from lvmass.evaluation.tables import example_predictions
from lvmass.networks import build_network
from lvmass.networks.elvmass_net import ElvmassNet
from lvmass.report import appendix_figures, data_figures, ecg_figures, external_figures, figures, lvh_figures
from lvmass.report.appendix import implied
from lvmass.report.external import spread
from lvmass.report.page import select
from lvmass.report.style import SEX_COLOURS, Picture
from lvmass.report.words import PUBLISHED
from lvmass.study.study import Study

TABLE = example_predictions(150)
PEOPLE = TABLE.drop_duplicates(["cohort", "subject_id"])[["cohort", "subject_id"]]
FIT = {"cohort": "dev", "model": "net", "training": "pooled"}


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    # one person in ten is 40 years old: 15 people, too small a group
    subjects = PEOPLE.assign(age_years=[40.0 if i % 10 == 0 else 50.0 + i % 40 for i in range(len(PEOPLE))])
    own = select(TABLE, **FIT)
    value = own["lvm_g"] / 60 + np.random.default_rng(1).normal(size=150)
    criteria = own[["cohort", "subject_id"]].assign(criterion="c", value=value, positive=value > 2.5)
    return evaluate(TABLE, "net", subjects=subjects, criteria=criteria, n_resamples=99)


def words(picture: Any, *told: str) -> str:
    """All words drawn in a figure; its alternative text holds those of ``told``."""
    assert isinstance(picture, Picture)
    ET.fromstring(picture.svg())
    assert 'alt="' in picture._repr_mimebundle_()["text/html"]
    for text in told:
        assert text in picture.alt
    panels = picture.figure.axes
    return "\n".join(text.get_text() for axes in panels for text in (*axes.texts, *axes.get_yticklabels(), axes.title))


def places(picture: Any, marker: str) -> list[float]:
    """Values at which markers were drawn."""
    return places_in(picture.figure.axes, marker)


def places_in(panels: Sequence[Any], marker: str) -> list[float]:
    """Values at which markers were drawn in these panels."""
    lines = [line for axes in panels for line in axes.lines if line.get_marker() == marker]
    return [float(x) for line in lines for x in np.ravel(line.get_xdata())]


def test_one_recording_from_paper_to_beat() -> None:
    recording = simulate_cohort(1, like="tw-cvai", seed=2).recording(0)
    beat = synchronized_beat(recording)
    measured = measure_beat(beat)
    words(ecg_figures.twelve_leads(recording, "Somebody"), "Somebody")
    words(ecg_figures.from_raw_to_peaks(recording, beat.r_peaks), f"{len(beat.r_peaks)} detected R peaks")
    words(ecg_figures.aligned_beats(recording, beat), str(beat.n_beats))
    words(ecg_figures.measured_beat(beat, measured), f"{measured.qrs_duration_ms:.0f} ms")
    twice = [ecg_figures.twelve_leads(recording, "A").svg() for _ in range(2)]
    assert twice[0] == twice[1]


def test_flow_diagram_counts_everybody(tiny_study: Study) -> None:
    beats = tiny_study.beats()
    words(data_figures.flow_diagram({"Mine": beats}), f"Mine: {len(beats.report)} ECGs, {len(beats.people)} analysed")
    # a message has a full stop in its numbers, so a reason is told by its code
    report = beats.report.assign(usable=False, code="excessive_drift", reason="Lead aVR drifts by 2.3 mV.")
    shown = words(data_figures.flow_diagram({"Mine": replace(beats, report=report, people=beats.people[:0])}))
    assert f"{len(report)} × a lead drifts too far" in shown.replace("\n", " ")
    assert "aVR" not in shown
    codes = pd.DataFrame({"code": ["no_height"] * 7 + ["no_lvm"] * 5 + ["no_sex", "no_sex", "no_age"]})
    total = f"Mine: {len(beats.report) + 15} ECGs, {len(beats.people)} analysed"
    shown = words(data_figures.flow_diagram({"Mine": beats}, {"Mine": codes}), total)
    for text in ("15 with a missing value", "7 × no height", "5 × no LVM", "2 × no sex", "1 for other reasons"):
        assert text in shown


def test_figures_of_the_networks(tiny_study: Study) -> None:
    beats, network = tiny_study.beats(), build_network("elvmass-net", n_covariates=1)
    assert isinstance(network, ElvmassNet)
    field = ecg_figures.receptive_field(network, beats.waveform_mv[0, 10], beats.time_ms)
    words(field, "The 5 levels", f"{2 * network.receptive_field_samples} ms")
    words(ecg_figures.mean_beats(beats.waveform_mv, beats.people["sex"].to_numpy(), beats.time_ms))


@pytest.mark.parametrize(("keep", "epoch"), [("last", 3), ("best", 2)])
def test_learning_curves_mark_the_epoch_that_was_kept(keep: str, epoch: int) -> None:
    history = [{"validation_mae_g": mae_g} for mae_g in (20.0, 15.0, 16.0)]
    picture = figures.learning_curves({"pooled": [history]}, keep)
    words(picture, "pooled")
    assert places(picture, "o") == [epoch]
    none = figures.learning_curves({"pooled": [[{"training_loss": 1.0}]], "none": [[]]}, keep)
    assert isinstance(none, Markdown)
    assert "nobody was set apart" in str(none.data)
    assert "no network" in str(figures.learning_curves({}, keep).data)  # type: ignore[union-attr]


def test_people_and_estimates() -> None:
    own = select(TABLE, **FIT)
    words(figures.predicted_against_true(own, "Title"), "Title")
    people = pd.DataFrame({"sex": ["male"] * 3, "lvm_g": [1.0, 2, 3], "cohort": '<script>"x"'})
    assert "<script>" not in data_figures.lvm_distributions(people)._repr_mimebundle_()["text/html"]


def test_forest_draws_each_estimate_where_it_is() -> None:
    rows = pd.DataFrame({"label": ["a", "b", "b"], "hue": ["women", "women", "men"], "estimate": [1.0, 2.0, np.nan]})
    rows = rows.assign(ci_low=[0.5, np.nan, np.nan], ci_high=[1.5, np.nan, np.nan], note=["", "", "too few"])
    picture = figures.forest(rows, "Title", "grams", reference=0.0)
    assert "too few" in words(picture, "Title: grams")
    assert places(picture, "o") == [1.0, 2.0]
    lines: Any = picture.figure.axes[0].collections  # type: ignore[union-attr]
    assert [segment[:, 0].tolist() for line in lines for segment in line.get_segments()] == [[0.5, 1.5]]
    assert to_hex(lines[0].get_colors()[0]).upper() == SEX_COLOURS["female"]
    assert isinstance(figures.forest(rows[:0], "Title", "grams"), Markdown)


@pytest.mark.parametrize("cutoffs", ["fuchs-2016", "budoff-2009"])
def test_gap_ladder_and_steps(cutoffs: str) -> None:
    net = TABLE.query("model == 'net' and cohort == 'dev'")
    pair = (net, net[net["training"] == "pooled"])
    gap = evaluate(TABLE, "net", gap=pair, cutoff_sets=LVH_CUTOFFS_G_M2, only=["gap"])["gap"]
    ladder = lvh_figures.gap_ladder(gap[gap["cutoffs"] == cutoffs], "Ladder")
    enough = cutoffs == "fuchs-2016"
    assert ("one sex only" in words(ladder)) == enough
    published = [PUBLISHED[key].value for key in ("auc_pooled", "auc_female", "auc_pooled", "auc_male")]
    assert places(ladder, "D") == published
    mean = gap[gap["sex"] == "mean"].assign(label=lambda rows: rows["cutoffs"])
    steps = lvh_figures.gap_steps(mean, ["mechanical", "training"], "Steps", "Caption")[0]
    assert words(steps).count("too few people") == 2  # no one reaches Budoff's cut-offs
    assert len(places(steps, "o")) == 4


def test_published_numbers_stand_beside_ours() -> None:
    ours = pd.DataFrame({"key": ["mae_g", "auc_male"], "mean": [15.0, None], "sd": [1.0, None]})
    large = pd.DataFrame({"key": ["auc_male"], "mean": [0.78], "sd": [0.02]})
    picture = figures.beside_published({"at the paper's size, simulated": large, "this study file": ours}, "Title")
    assert words(picture, "published 14.33 ± 0.71 g").count("too few for folds") == 1
    assert isinstance(picture, Picture)
    grams, areas = picture.figure.axes
    assert [places_in([panel], "D") for panel in (grams, areas)] == [[14.33], [0.77]]
    assert [places_in([panel], "o") for panel in (grams, areas)] == [[15.0], [0.78]]
    assert (grams.get_xlabel(), areas.get_xlabel()) == ("g", "c-statistic")
    assert isinstance(figures.beside_published({"this study file": ours[:0]}, "Title"), Markdown)


def test_steps_of_the_gap_over_cohorts() -> None:
    people = {"model": "net", "switch": ["off", "strong", "strong minus off"], "n_cohorts": 5, "sex": "male"}
    steps = pd.DataFrame({**people, "quantity": "one sex only", "estimate": [0.0, 0.1, 0.1]})
    steps = pd.concat([steps, steps.assign(quantity="training")])
    steps = steps.assign(ci_low=-0.05, ci_high=0.15, new_low=-0.1, new_high=0.2)
    tests = pd.DataFrame({**people, "quantity": "paired within sex", "level": 0.05, "found": [1, 4, 0]})[:2]
    tests = tests.assign(estimate=[0.2, 0.8], ci_low=[0.01, 0.28], ci_high=[0.72, 0.99])
    drawn, means, said, shown = appendix_figures.gap_cohorts(steps, tests, "Title")
    assert places(drawn, "o") == [0.0, 0.1]
    assert "0.100 (-0.050 to 0.150)" in means.data
    assert "net, paired within sex, p < 0.05: 1 of 5 in men" in said.data
    assert "80 (28 to 99)" in shown.data
    told = appendix_figures.gap_cohorts(steps, tests.assign(quantity="unpaired as published"), "Title")[2].data
    assert "unpaired, if published so, p < 0.05: 1 of 5" in told


def test_agreement_calibration_and_decisions(tables: dict[str, pd.DataFrame]) -> None:
    people, rows = select(TABLE, **FIT), select(tables["agreement_limits"], **FIT)
    corrected = recalibrate(people, "dev")
    picture = external_figures.bland_altman({"as it is": (people, rows), "recalibrated": (corrected, rows)})
    middle = select(rows, sex="female", percentile=50).iloc[0]
    words(picture, f"recalibrated, women: mean error at the median estimate {middle['mean_error_g']:+.1f} g")
    lines = [line for line in picture.figure.axes[0].lines if line.get_linestyle() == "--"]  # type: ignore[union-attr]
    assert len(lines) == 4
    assert lines[0].get_ydata() == pytest.approx(select(rows, sex="female")["lower_g"].to_numpy(float))
    said = spread(select(tables["agreement"], **FIT))
    own = select(tables["agreement"], sex="male", **FIT).iloc[0]
    assert f"in men {own['icc']:.2f} ({own['icc_ci_low']:.2f} to {own['icc_ci_high']:.2f})" in str(said.data)
    assert str(said.data).count("does not change significantly with the estimate: by") == 2
    grown = spread(tables["agreement"].assign(sd_slope_ci_low=0.01))
    assert "SD of the error grows with the estimate" in str(grown.data)
    curve = select(tables["calibration_curve"], sex="all", **FIT)
    words(external_figures.calibration_curves(curve, "P"))
    benefit = select(tables["decision_curves"], cohort="dev", training="pooled", sex="all")
    pairs = select(tables["net_benefit_differences"], cohort="dev", training="pooled", sex="all")
    drawn, shown, said = external_figures.decision_curves(
        benefit, pairs, ["net", BEST_CRITERION, "demographics"], "Decisions"
    )
    words(drawn, f"net benefit of net, {BEST_CRITERION}, of")
    middle = select(pairs, model_b=BEST_CRITERION, threshold=0.2).iloc[0]
    told = f"{middle['difference']:.3f} ({middle['ci_low']:.3f} to {middle['ci_high']:.3f})"
    assert middle["ci_low"] < 0 < middle["ci_high"]
    assert f"not significantly different from that of {BEST_CRITERION} (difference {told})" in said.data
    above = external_figures.decision_curves(benefit, pairs.assign(ci_low=0.001), ["net", BEST_CRITERION], "Decisions")[
        2
    ]
    assert f"of net is higher than that of {BEST_CRITERION}" in above.data
    assert told in shown.data
    assert "<td >body" not in shown.data
    for nothing in (
        external_figures.bland_altman({"as it is": (people, rows[:0])}),
        spread(tables["agreement"][:0]),
        external_figures.calibration_curves(curve[:0], "P"),
        *external_figures.decision_curves(benefit[:0], pairs, ["net"], "No one"),
        external_figures.decision_curves(benefit, pairs, ["net"], "Nothing beside")[2],
    ):
        assert isinstance(nothing, Markdown)


def test_criteria_stand_beside_the_model_with_their_own_cutoff(tables: dict[str, pd.DataFrame]) -> None:
    point = select(tables["criteria_points"], sex="all", cohort="dev")
    curves = {"ours": select(tables["roc"], sex="all", score="indexed", **FIT)}
    curves["Voltage"] = select(tables["criteria_roc"], sex="all", cohort="dev")
    picture = lvh_figures.roc(curves, "ROC", {"Voltage": point})
    words(picture, "Voltage")
    assert places(picture, "o") == [pytest.approx(1 - point["specificity"].item())]
    assert isinstance(lvh_figures.roc({"Voltage": curves["Voltage"][:0]}, "ROC"), Markdown)


def test_subgroups_are_in_order_and_show_small_ones(tables: dict[str, pd.DataFrame]) -> None:
    rows = select(tables["subgroup_errors"], metric="mae_g", **FIT)
    effects = select(tables["subgroup_effects"], metric="mae_g", sex="all", **FIT)
    picture = external_figures.subgroups(rows, effects, "Forest", "MAE (g)")
    drawn = words(picture, "women minus men: ", "per 10 years: ")
    tiny = external_figures.subgroups(
        rows, effects.assign(estimate=2.5, ci_low=1.0, ci_high=4.0, p_holm=1e-8), "F", "MAE (g)"
    )
    assert "per 10 years: 2.5 (1.0 to 4.0), Holm p < 0.001" in words(tiny)
    labels = [label.get_text() for label in picture.figure.axes[0].get_yticklabels()]  # type: ignore[union-attr]
    assert [label.split(" (")[0] for label in labels] == ["women", "men", "< 50", "50 to < 65", "≥ 65"]
    assert "everyone, n = 15: too small a group" in drawn
    coverage = select(tables["interval_coverage"], **FIT)
    assert "age (years)" in words(external_figures.subgroups(coverage, effects[:0], "C", "share", value="coverage"))


@pytest.mark.parametrize("seconds", [4.0, 10.0])
def test_paper_is_true_to_scale(seconds: float) -> None:
    axes = Figure().subplots()
    ecg_figures._ecg_paper(axes, seconds, -2.0, 2.0)
    # 1 mV is 10 mm and 1 s is 25 mm: a millivolt is 0.4 of a second's length
    assert axes.get_aspect() == pytest.approx(0.4)
    assert np.ptp(axes.get_xlim()) == seconds


def test_region_of_the_cohorts_that_fit() -> None:
    cohorts = implied_cohorts([0.20, 0.24], [0.26], [0.15, 0.40])
    drawn = appendix_figures.implied_region(cohorts)
    assert "what small studies found" in drawn.alt
    assert len(drawn.figure.axes) == cohorts["cutoff"].nunique()
    said = str(implied(cohorts).data)
    n_fit = int(cohorts["fits"].sum())
    assert 0 < n_fit < len(cohorts)
    assert f"Of {len(cohorts)} combinations {n_fit} fit" in said
    assert "(outlined), 0 do" in said
