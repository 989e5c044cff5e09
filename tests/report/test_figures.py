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
from lvmass.evaluation.calibration import lvh_probability
from lvmass.evaluation.decision import BEST_CRITERION
from lvmass.evaluation.inverse import implied_cohorts
from lvmass.evaluation.lvh import LVH_CUTOFFS_G_M2
from lvmass.evaluation.tables import example_predictions
from lvmass.networks import build_network
from lvmass.networks.elvmass_net import ElvmassNet
from lvmass.report import appendix_figures, data_figures, ecg_figures, external_figures, figures, lvh_figures
from lvmass.report.appendix import implied
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
    words(ecg_figures.twelve_leads(recording, "Somebody"), "Somebody", "10 seconds")
    narrow = ecg_figures.twelve_leads(recording, "", wide=False, r_peaks=beat.r_peaks.tolist())
    words(narrow, "5 seconds", "R peaks are marked")
    assert narrow.figure.get_figwidth() < 6
    assert len(places(narrow, "v")) == 6 * (beat.r_peaks < 5 * recording.sampling_rate_hz).sum()
    words(ecg_figures.aligned_beats(recording, beat, measured), str(beat.n_beats), f"{measured.qrs_duration_ms:.0f} ms")
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
    for text in ("a value is missing: 15", "7 × no height", "5 × no LVM", "2 × no sex", "1 × no age"):
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
    trained = figures.learning_curves({"pooled": [[{"training_mae_g": 9.0}]], "none": [[]]}, keep)
    assert "pooled: MAE of training people" in words(trained, "from 9.0 to 9.0 g, mean of 1 fits")
    assert "no network" in str(figures.learning_curves({}, keep).data)  # type: ignore[union-attr]


def test_network_is_drawn_with_the_sizes_it_has() -> None:
    sizes = {"channels": 8, "levels": 6, "kernel": 3, "time_bins": 4, "code_size": 5, "hidden": 7}
    network = build_network("elvmass-net", n_covariates=6, lead_groups="none", **sizes)
    assert isinstance(network, ElvmassNet)
    text = words(figures.network_drawing(network, 3), f"{sum(p.numel() for p in network.parameters()):,} parameters")
    for part in ("6 blocks of two", "8 channels, 3 taps", "dilation 1 to 32", "means of 4 stretches", "5 codes",
                 "3 covariates", f"head: {5 + 6} numbers, 7 hidden"):  # fmt: skip
        assert part in text.replace("\n", " "), part


def test_cost_is_drawn_beside_error_with_names_that_do_not_overlap() -> None:
    costs = pd.DataFrame({"model": ["fcn", "lvm-ai", "net"], "training": "pooled", "mflop": [90.0, 100.0, 5.0]})
    errors = pd.DataFrame({"model": ["fcn", "lvm-ai", "net", "demographics"], "training": "pooled"})
    errors = errors.assign(estimate=[14.0, 14.01, 15.0, 16.5], ci_low=13.0, ci_high=17.0)
    picture = figures.error_by_cost(costs, errors, "Title")
    assert "best without" in words(picture, "FCN, 90 MFLOP, 14.00 g; LVM-AI, 100 MFLOP, 14.01 g")
    sides = {text.get_text(): text.get_ha() for text in picture.figure.axes[0].texts}  # type: ignore[union-attr]
    assert {sides["LVM-AI"], sides["FCN"]} == {"left", "right"}
    assert isinstance(figures.error_by_cost(costs[:0], errors, "Title"), Markdown)


def test_people_and_estimates() -> None:
    own = select(TABLE, **FIT)
    far = pd.concat([own, own[:1].assign(lvm_g=430.0)])
    picture = figures.predicted_against_true(far, "Title")
    words(picture, "Title", "of 151 lie beyond")
    high = picture.figure.axes[0].get_xlim()[1]
    assert high < 300
    assert np.asarray(picture.figure.axes[0].collections[0].get_offsets())[:, 0].max() == high
    hidden = figures.predicted_against_true(far, "Title", 5)
    assert "< 5 of 151 lie beyond" in hidden.alt
    people = pd.DataFrame(
        {"sex": ["male"] * 100, "lvmi_g_m2": [*np.linspace(60, 90, 99), 300.0], "cohort": '<script>"x"'}
    )
    shown = data_figures.index_by_sex(people, {"male": 80.0, "female": 65.0})
    assert isinstance(shown, Picture)
    assert "<script>" not in shown._repr_mimebundle_()["text/html"]
    assert [text.get_text() for text in shown.figure.axes[0].texts] == ["men, cut-off 80; 1 beyond 100"]
    few = data_figures.index_by_sex(people[:4], {"male": 80.0, "female": 65.0}, smallest=5)
    assert isinstance(few, Markdown)


def test_forest_draws_each_estimate_where_it_is() -> None:
    rows = pd.DataFrame({"label": ["a", "b", "b"], "hue": ["women", "women", "men"], "estimate": [1.0, 2.0, np.nan]})
    rows = rows.assign(ci_low=[0.5, np.nan, np.nan], ci_high=[1.5, np.nan, np.nan], note=["", "", "too few"])
    picture = figures.forest(rows, "Title", "grams", reference=0.0)
    assert "too few" not in words(picture, "Title: grams", "b: 2.000.")
    assert places(picture, "o") == [1.0, 2.0]
    lines: Any = picture.figure.axes[0].collections  # type: ignore[union-attr]
    assert [segment[:, 0].tolist() for line in lines for segment in line.get_segments()] == [[0.5, 1.5]]
    assert to_hex(lines[0].get_colors()[0]).upper() == SEX_COLOURS["female"]
    for nothing in (rows[:0], rows[2:]):
        assert isinstance(figures.forest(nothing, "Title", "grams"), Markdown)


def test_forest_shows_the_bulk_and_points_to_what_lies_beyond() -> None:
    x = np.array([-1.0, -0.5, 0.5, 1.0, 80.0])
    rows = pd.DataFrame({"label": list("abcde"), "estimate": x, "ci_low": x - 0.2, "ci_high": x + 0.2})
    rows.loc[0, "ci_low"] = -50.0
    picture = figures.forest(rows, "Title", "grams", reference=0.0, sides=("low", "high"))
    assert "80" in words(picture, "e: 80.000").split()
    left, right = picture.figure.axes[0].get_xlim()  # type: ignore[union-attr]
    assert -20 < left < -1 < 1 < right < 20
    assert places(picture, "o") == [-1.0, -0.5, 0.5, 1.0]
    assert [len(places(picture, arrow)) for arrow in "<>"] == [1, 1]
    texts = {text.get_text().strip(): text.get_ha() for text in picture.figure.axes[0].texts}  # type: ignore[union-attr]
    assert (texts["← low"], texts["high →"]) == ("right", "left")


@pytest.mark.parametrize("cutoffs", ["fuchs-2016", "budoff-2009"])
def test_gap_ladder_and_steps(cutoffs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = TABLE.query("model == 'net' and cohort == 'dev'")
    pair = (net, net[net["training"] == "pooled"])
    gap = evaluate(TABLE, "net", gap=pair, cutoff_sets=LVH_CUTOFFS_G_M2, only=["gap"])["gap"]
    ladder = lvh_figures.gap_ladder(gap[gap["cutoffs"] == cutoffs], "Ladder")
    enough = cutoffs == "fuchs-2016"
    assert ("mechanical" in words(ladder)) == enough
    published = [PUBLISHED[key].value for key in ("auc_pooled", "auc_female", "auc_pooled", "auc_male")]
    assert sorted(places(ladder, "D")) == sorted(published)
    monkeypatch.setattr(lvh_figures, "FEWEST", 5)
    steps, said, opened = lvh_figures.gap_steps(gap[gap["sex"] == "mean"], "gap_by_cutoff", "Steps")
    assert len(places(steps, "o")) == 4
    assert said.data.endswith("without: Budoff 2009, mean of women and men.")  # no one reaches these cut-offs
    assert "Budoff 2009" in opened.data
    monkeypatch.setattr(lvh_figures, "FEWEST", 150)
    said, _ = lvh_figures.gap_steps(gap, "gap_by_cutoff", "Steps")
    assert "Fuchs" in said.data
    assert isinstance(lvh_figures.gap_steps(gap[:0], "gap_by_cutoff", "Steps")[0], Markdown)


def test_every_kind_of_pair_has_its_share_and_how_many_are_ranked_right(tables: dict[str, pd.DataFrame]) -> None:
    rows = select(tables["pair_kinds"], **FIT)
    own = select(rows, score="grams", sex_with_lvh="female", sex_without="male").iloc[0]
    told = f"women with LVH, men without: {100 * own['c_statistic']:.0f} % right of {100 * own['share']:.0f} % of pairs"
    picture = lvh_figures.pair_kinds(rows, "Pairs")
    assert "women" in words(picture, f"by estimated grams, {told}")
    assert [len(panel.texts) for panel in picture.figure.axes] == [4, 4]  # type: ignore[union-attr]
    women = lvh_figures.pair_kinds(select(rows, sex_with_lvh="female", sex_without="female"), "Pairs")
    assert [len(panel.texts) for panel in women.figure.axes] == [1, 1]  # type: ignore[union-attr]
    assert isinstance(lvh_figures.pair_kinds(rows[:0], "Pairs"), Markdown)


def test_a_forest_its_tests_and_its_table(tables: dict[str, pd.DataFrame]) -> None:
    rows = select(tables["training_comparison"], cohort="dev", model="net", score="grams")
    drawn, said, opened = figures.compared(rows, "training_comparison", "Title")
    assert sorted(places(drawn, "o")) == pytest.approx(sorted(rows["difference"].astype(float)))
    assert words(drawn).count("p ") == len(rows)
    row = select(rows, sex="male", comparison="paired within sex").iloc[0]
    assert f"paired within sex, men {row['difference']:.3f} ({row['ci_low']:.3f} to" in said.data
    assert ("Higher: " in said.data) == bool(((rows["p_holm"] < 0.05) & (rows["difference"] > 0)).any())
    assert "<details>" in opened.data
    rows = select(tables["c_statistics"], cohort="dev")
    drawn, opened = figures.compared(rows, "c_statistics", "Title")
    indexed = select(rows, score="indexed").dropna(subset=["auc"])
    assert sorted(places(drawn, "o")) == pytest.approx(sorted(indexed["auc"].astype(float)))
    assert "grams" in opened.data  # the table has both scores
    assert isinstance(figures.compared(rows[:0], "c_statistics", "Title")[0], Markdown)


def test_published_numbers_stand_beside_ours() -> None:
    ours = pd.DataFrame({"key": ["mae_g", "auc_male"], "mean": [15.0, None], "sd": [1.0, None]})
    large = pd.DataFrame({"key": ["auc_male"], "mean": [0.78], "sd": [0.02]})
    picture = figures.beside_published({"at the paper's size, simulated": large, "this study file": ours}, "Title")
    words(picture, "published 14.33 ± 0.71 g")
    assert isinstance(picture, Picture)
    grams, areas = picture.figure.axes
    for panel, published, own in ((grams, 14.33, 15.0), (areas, 0.77, 0.78)):
        assert places_in([panel], "D") == [published]
        assert places_in([panel], "o") == [own]  # too few people for folds: no point
    assert (grams.get_xlabel(), areas.get_xlabel()) == ("g", "c-statistic")
    assert isinstance(figures.beside_published({"this study file": ours[:0]}, "Title"), Markdown)


def test_steps_of_the_gap_over_cohorts() -> None:
    people = {"model": "net", "switch": ["off", "strong", "strong minus off"], "n_cohorts": 5, "sex": "male"}
    steps = pd.DataFrame({**people, "quantity": "one sex only", "estimate": [0.0, 0.1, 0.1]})
    steps = pd.concat([steps, steps.assign(quantity="training")])
    steps = steps.assign(ci_low=-0.05, ci_high=0.15, new_low=-0.1, new_high=0.2)
    tests = pd.DataFrame({**people, "quantity": "paired within sex", "level": 0.05, "found": [1, 4, 0]})[:2]
    tests = tests.assign(estimate=[0.2, 0.8], ci_low=[0.01, 0.28], ci_high=[0.72, 0.99])
    drawn, means, shown = appendix_figures.gap_cohorts(steps, tests, "Title")
    assert places(drawn, "o") == [0.0, 0.1]
    assert "0.100 (-0.050 to 0.150)" in means.data
    assert "80 (28 to 99)" in shown.data
    told = appendix_figures.gap_cohorts(steps, tests.assign(quantity="unpaired as published"), "Title")[2].data
    assert "unpaired, if published so, p &lt; 0.05" in told


def test_agreement_calibration_and_decisions(tables: dict[str, pd.DataFrame]) -> None:
    people, rows = select(TABLE, **FIT), select(tables["agreement_limits"], **FIT)
    corrected = recalibrate(people, "dev")
    picture = external_figures.bland_altman({"as it is": (people, rows), "recalibrated": (corrected, rows)})
    middle = select(rows, sex="female", percentile=50).iloc[0]
    words(picture, f"recalibrated, women: mean error at the median estimate {middle['mean_error_g']:+.1f} g")
    lines = [line for line in picture.figure.axes[0].lines if line.get_linestyle() == "--"]  # type: ignore[union-attr]
    assert len(lines) == 4
    assert lines[0].get_ydata() == pytest.approx(select(rows, sex="female")["lower_g"].to_numpy(float))
    known = people.assign(lvh_probability=lvh_probability(people, "dev"))
    for outcome, x, bins in (("lvm_g", "predicted_lvm_g", 10), ("lvh", "lvh_probability", 5)):
        drawn = external_figures.calibration(known, outcome, "P")
        words(drawn, "P: dev, from ")
        dots = places_in([drawn.figure.axes[0]], "o")  # type: ignore[union-attr]
        assert len(dots) == bins
        assert np.mean(dots) == pytest.approx(known[x].mean(), rel=0.02)
        assert isinstance(external_figures.calibration(known, outcome, "P", 1000), Markdown)
        assert isinstance(external_figures.calibration(known[:30], outcome, "P"), Markdown)
    rare = known.assign(lvh=known["lvh_probability"].rank() > len(known) - 4)  # three people in the last fifth
    dots = places_in([external_figures.calibration(rare, "lvh", "P", 5).figure.axes[0]], "o")  # type: ignore[union-attr]
    assert len(dots) == 4 * known["cohort"].nunique()
    benefit = select(tables["decision_curves"], cohort="dev", training="pooled", sex="all")
    pairs = select(tables["net_benefit_differences"], cohort="dev", training="pooled", sex="all")
    models = ["net", BEST_CRITERION, "demographics"]
    drawn, said, shown = external_figures.decision_curves(benefit, pairs, models, "Decisions")
    first = select(benefit, model="net")["net_benefit"].iloc[0]
    assert "examine everyone" in words(drawn, f"from 10 to 30 %: net {100 * first:.1f} to ")
    middle = select(pairs, model_b=BEST_CRITERION, threshold=0.2).iloc[0]
    told = f"{middle['difference']:.3f} ({middle['ci_low']:.3f} to {middle['ci_high']:.3f})"
    assert middle["ci_low"] < 0 < middle["ci_high"]
    assert f"Not significantly different: {BEST_CRITERION} {told}" in said.data
    _, above, _ = external_figures.decision_curves(benefit, pairs.assign(ci_low=0.001), models[:2], "Decisions")
    assert f"Higher: {BEST_CRITERION}" in above.data
    assert told in shown.data
    assert "<td >body" not in shown.data
    for nothing in (
        external_figures.bland_altman({"as it is": (people, rows[:0])}),
        *external_figures.decision_curves(benefit[:0], pairs, ["net"], "No one"),
    ):
        assert isinstance(nothing, Markdown)
    assert "too few people" in external_figures.decision_curves(benefit, pairs, ["net"], "Nothing beside")[1].data


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
    picture, opened = external_figures.subgroups(rows, effects, "bias_g", "Forest")
    words(picture, "women minus men: ", "per 10 years: ")
    strong = effects.assign(estimate=2.5, ci_low=1.0, ci_high=4.0, p_holm=1e-8)
    assert "per 10 years: 2.5 (1.0 to 4.0), p < 0.001" in words(
        external_figures.subgroups(rows, strong, "bias_g", "F")[0]
    ).replace("\n", " ")
    labels = [label.get_text() for label in picture.figure.axes[0].get_yticklabels()]
    assert [label.split(" (")[0] for label in labels if "< 50" not in label] == [
        "women", "men", "50 to < 65", "≥ 65"
    ]  # fmt: skip
    assert "too small a group" in opened.data  # 15 people
    coverage = select(tables["interval_coverage"], **FIT)
    assert "age (years)" in words(external_figures.subgroups(coverage, effects[:0], "interval_coverage", "C")[0])


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
