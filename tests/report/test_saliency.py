"""Chapter 6: figures of maps, what is said of them, and what benchmarks keep for it."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lvmass.cohort.schema import SEXES
from lvmass.cohort.simulation.constants import SETTINGS, SITES
from lvmass.report import saliency, saliency_figures
from lvmass.report.style import Picture
from lvmass.study.study import Study
from tests.conftest import ROOT


def drawn(picture: Any) -> str:
    """The words of a figure that can be drawn."""
    assert isinstance(picture, Picture)
    assert picture.svg().startswith("<?xml")
    assert picture.figure.get_figwidth() <= 6 or len(picture.figure.axes) == 1  # the shared forest has its own width
    return picture.alt


def test_figures_of_maps(tiny_study: Study) -> None:
    maps, time_ms = saliency.shown(tiny_study), tiny_study.beats().time_ms
    women = maps.rows((maps.people["sex"] == "female").to_numpy(bool))
    for own, sexes in ((maps, 2), (women, 1)):
        beats, heat = saliency_figures.beats_on_paper(own, time_ms), saliency_figures.time_maps(own, time_ms)
        assert len(beats.figure.axes) == 12 * sexes + 1
        assert len(heat.figure.axes) == 2 * sexes  # their difference, and the colours
        assert "at one scale: women, largest in" in drawn(heat)
        assert ("men: most in" in drawn(beats).replace("women", "")) == (sexes == 2)
        assert list(saliency.lead_wave_table(own)) == ["lead", "wave", "women (g)", "men (g)"][: 2 + sexes]
    agreement, deletion = tiny_study.saliency_checks()
    assert agreement.groupby(["fold", "fitted_on"]).ngroups == 4  # each fold and sex
    shares = saliency.saliency_shares(tiny_study)
    assert (shares["ci_low"] <= shares["share"]).all()
    np.testing.assert_allclose(shares.groupby("sex")["share"].sum(), 100)
    drawn(saliency_figures.shares_by_wave(shares, agreement))
    for picture in saliency_figures.sanity(agreement, deletion):
        drawn(picture)
    assert "shuffled weights" in saliency.sanity_said(agreement, deletion).data
    assert "12 women and 12 men" in saliency.sum_of_parts(tiny_study.saliency()).data.replace("men and 12 wo", "")


def test_shares_of_too_few_people_are_not_shown(tiny_study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saliency, "shown", lambda study: study.saliency().rows(np.zeros(24, bool)))
    shares = saliency.saliency_shares(tiny_study)
    assert shares.empty
    assert "too few people" in saliency.saliency_answer(saliency.own_saliency(tiny_study), shares).data


def test_what_is_kept_is_shown(tiny_study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "book")
    found = saliency.kept(tiny_study, "sanity", "truth", "real")
    said = " ".join(each.data for each in found if not isinstance(each, Picture))
    assert sum(isinstance(each, Picture) for each in found) == 5
    assert "58.4 g against 6.1 g" in said
    assert "No map says so" in said
    assert "In 13 of 13 cohorts, maps of two fits" in said
    tests = next(each for each in found if isinstance(each, Picture) and "test of masses" in each.alt)
    assert "nothing planted, ST or T: 22.222 (6.322 to 54.741)" in tests.alt  # 2 of 9, at the paper's size
    monkeypatch.setattr(Study, "simulated", False)
    assert len(saliency.kept(tiny_study, "sanity", "truth")) == 1
    assert len(saliency.kept(tiny_study, "real")) == 2


def test_what_is_said_of_maps_follows_the_numbers() -> None:
    def said(samples: float, lead_wave: float) -> str:
        rows = [
            {"against": against, "samples": samples, "lead_wave": lead_wave, "fold": 0, "fitted_on": sex}
            for sex in SEXES
            for against in ("weights shuffled down to head", "weights shuffled down to encoders")
        ]
        deletion = pd.DataFrame(
            {"order": order, "deletion_g": rise[sex], "fold": 0, "fitted_on": sex}
            for sex in SEXES
            for order, rise in {"map": {"female": 2, "male": 1}, "random": {"female": 1, "male": 2},
                                "|dV/dt|": {"female": 3, "male": 3}}.items()
        )  # fmt: skip
        return str(saliency.sanity_said(pd.DataFrame(rows), deletion).data)

    assert "it follows the network" in said(0.1, 0.9)
    assert "hardly depends on the network" in said(0.1, 0.9)
    assert "it follows the network" not in said(0.6, 0.9)
    assert "hardly depends" not in said(0.1, 0.2)
    assert "at random in 1 of 2 fits" in said(0.1, 0.2)
    assert "of the network, in 0" in said(0.1, 0.2)


def test_four_questions_on_women_and_men(tiny_study: Study) -> None:
    people, cells = tiny_study.contributions()
    assert cells.shape == (len(people), 12, 6)
    assert np.isfinite(cells).all()
    waves, n = saliency.mass_test(tiny_study)
    assert n == len(people) == len(tiny_study.beats().people)
    compared = saliency.sexes_compared(tiny_study)
    assert len(compared) == 4
    assert compared["differs at FDR 5 %"].tolist()[-1] == waves
    assert compared["people"].tolist()[:2] == ["12", "12"]


@pytest.mark.parametrize("unknown", ["height_cm", "nothing"])
def test_masses_are_tested_of_whom_all_is_known(
    tiny_study: Study, monkeypatch: pytest.MonkeyPatch, unknown: str
) -> None:
    people, cells = tiny_study.contributions()
    people = pd.concat([people] * 4, ignore_index=True)
    if unknown in people:
        people.loc[:3, unknown] = np.nan
    monkeypatch.setattr(Study, "contributions", lambda self: (people, np.concatenate([cells] * 4)))
    waves, n = saliency.mass_test(tiny_study)
    assert n == len(people) - 4 * (unknown in people)
    assert waves != "too few people"


def test_kept_saliency_is_what_the_benchmarks_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import saliency_real
    import saliency_sanity
    import saliency_truth

    def as_kept(made: Any) -> Any:
        return json.loads(json.dumps(made, default=float))

    def kept(name: str) -> Any:
        return json.loads((ROOT / f"book/validation/saliency_{name}.json").read_text())

    source = saliency_truth.Planted(SITES["tw-cvai"], 1, saliency_truth.Couplings(), SETTINGS["published"])
    part = saliency_sanity.of_fold(saliency_truth.people_of(source, 60), 0, 1)
    for name in ("map", "map_shuffled"):  # after one epoch nothing has reached the last layer, which starts at zero
        part[name] = (np.array(part[name]) + np.arange(1, 61).reshape(12, 5)).tolist()
    sanity = kept("sanity")
    assert as_kept(saliency_sanity.summary([part], 60, 1)).keys() == sanity.keys()
    told = as_kept(saliency_sanity.told(sanity))
    assert told == {name: sanity[name] for name in told}
    truth = kept("truth")
    methods = pd.DataFrame([row for row in truth["methods"] if row["method"] != "true share"])
    told = as_kept(saliency_truth.with_truth(methods, truth["tests"]))
    assert told == {name: truth[name] for name in told}
    with np.errstate(invalid="ignore"):
        rows = saliency_truth.one_path("axis", 60, 1, 1)
    assert as_kept(rows)[0].keys() == truth["methods"][0].keys()
    test = {"test": "weighting", "planted": "none", "seed": 1, "n": 60, "whole": True, "waves": ["T"]}
    fresh = saliency_truth.fresh_summary([test, test | {"seed": 2, "waves": []}])
    assert as_kept(fresh).keys() == kept("fresh").keys()
    assert [(row["finds"], row["count"]) for row in fresh["tests"]] == [
        ("ST or T", "1 of 2"),
        ("another wave", "0 of 2"),
    ]
    assert fresh["tests"][0].keys() == truth["tests"][0].keys()
    real = kept("real")
    told = as_kept(saliency_real.said(real["means"]))
    assert told == {name: real[name] for name in told}
