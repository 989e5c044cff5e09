"""Every figure of the book draws, as vector graphics with an alternative text."""

import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from lvmass.cohort import simulate_cohort
from lvmass.ecg import measure_beat, synchronized_beat
from lvmass.evaluation import c_statistics, pooled_errors
from lvmass.networks.elvmass_net import ElvmassNet
from lvmass.report.figures import cohort, ecg, networks, results
from lvmass.report.figures.style import Picture
from lvmass.saliency import segment_shares
from lvmass.study.study import Study


def check(picture: Picture, *texts: str) -> None:
    ET.fromstring(picture.svg())
    bundle = picture._repr_mimebundle_()
    assert 'alt="' in bundle["text/html"]
    assert len(picture.alt) > 20
    for text in texts:
        assert text in picture.alt


def test_ecg_figures() -> None:
    recording = simulate_cohort(1, like="tw-cvai", seed=2).recording(0)
    beat = synchronized_beat(recording)
    measured = measure_beat(beat)
    check(ecg.twelve_leads(recording, "Somebody"), "Somebody")
    check(ecg.from_raw_to_peaks(recording, beat.r_peaks), f"{len(beat.r_peaks)} detected R peaks")
    check(ecg.aligned_beats(recording, beat), str(beat.n_beats))
    check(ecg.measured_beat(beat, measured), f"{measured.qrs_duration_ms:.0f} ms")


def test_flow_diagram_counts_everybody(tiny_study: Study) -> None:
    beats = tiny_study.beats()
    picture = cohort.flow_diagram({"development": beats.report}, {"development": 30})
    check(picture, f"{len(beats.report)} people, {len(beats.people)} analysed")
    unusable = beats.report.assign(usable=False, reason="No QRS. More.")
    shown = cohort.flow_diagram({"x": unusable}, {"x": 0}).figure.axes[0].texts
    assert f"{len(unusable)} × No QRS" in shown[3].get_text()


def test_receptive_field_is_drawn_from_the_network(tiny_study: Study) -> None:
    beats = tiny_study.beats()
    network = ElvmassNet(n_covariates=1)
    picture = networks.receptive_field(network, beats.waveform_mv[0, 10], beats.time_ms)
    check(picture, "The 5 levels", f"{2 * network.receptive_field_samples} ms")


def test_result_figures(tiny_study: Study) -> None:
    beats, predictions = tiny_study.beats(), tiny_study.predictions()
    own = predictions[predictions["model"] == "elvmass-net"]
    check(ecg.mean_beats(beats.waveform_mv, beats.people["sex"].to_numpy(), beats.time_ms))
    check(ecg.deflection_times(beats.waveform_mv, beats.time_ms))
    check(results.lvm_distributions({"development": beats.people}), "development")
    histories = {"a": [fit.history for fit in tiny_study.networks("fcn", "pooled")]}
    for keep in ("last", "best"):
        check(results.learning_curves(histories, keep))
    check(results.predicted_against_true(own, "Title"), "Title")
    errors = pooled_errors(own, n_resamples=200).query("metric == 'mae_g'").assign(label="x")
    check(
        results.intervals(
            errors,
            label="label",
            value="estimate",
            low="ci_low",
            high="ci_high",
            axis_label="MAE (g)",
            title="T",
            zero=True,
        )
    )
    c_statistics(own)
    table = pd.DataFrame({"what": ["a"], "published": [1.0], "published_sd": [None], "ours": [2.0], "ours_sd": [0.1]})
    check(results.published_beside_ours(table, "g"))
    check(results.roc_curves({"label": (own["lvh"], own["predicted_lvm_g"], "black")}, "ROC"), "label")
    saliency = tiny_study.saliency()
    check(ecg.saliency_beats(saliency.mean_by_sex(), beats.time_ms))
    shares = segment_shares(saliency.grams, beats.time_ms)
    check(results.saliency_by_segment(shares.merge(saliency.people[["sex"]], left_on="person", right_index=True)))


def test_same_data_same_file() -> None:
    recording = simulate_cohort(1, like="tw-cvai", seed=2).recording(0)
    assert ecg.twelve_leads(recording, "A").svg() == ecg.twelve_leads(recording, "A").svg()


def test_alternative_text_is_escaped() -> None:
    figure = results.lvm_distributions({'<script>"x"': pd.DataFrame({"sex": ["male"] * 3, "lvm_g": [1.0, 2, 3]})})
    assert "<script>" not in figure._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize("seconds", [4.0, 10.0])
def test_paper_is_true_to_scale(seconds: float) -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    ecg.ecg_paper(axes, seconds, -2.0, 2.0)
    # 1 mV is 10 mm and 1 s is 25 mm: a millivolt is 0.4 of a second's length
    assert axes.get_aspect() == pytest.approx(0.4)
    assert np.ptp(axes.get_xlim()) == seconds
