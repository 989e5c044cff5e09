import re
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from lvmass.cohort import simulate_cohort
from lvmass.ecg import lvh_criteria, measure_beat, synchronized_beat
from lvmass.ecg.beats import BeatConfig
from lvmass.evaluation import evaluate, paired_sample_size
from lvmass.evaluation.lvh import LVH_CUTOFF_SOURCES, LVH_CUTOFFS_G_M2
from lvmass.evaluation.tables import example_predictions
from lvmass.report import published
from lvmass.report.appendix import accuracy_parts, departures, ecg_only, published_settings
from lvmass.report.data import cohort_answer, counted, cutoff_table, everybody, prevalence, table_one
from lvmass.report.data_figures import flow_diagram
from lvmass.report.errors import comparison_answer, error_table, waveform
from lvmass.report.figures import compared
from lvmass.report.lvh import GAIN, gap_answer, sample_size
from lvmass.report.page import (
    analysed,
    banner,
    beside,
    laid_out,
    missing,
    p_value,
    select,
    table,
    verdict,
    with_interval,
)
from lvmass.report.preprocessing import beat_answer, beat_settings
from lvmass.report.published import how_far, kept, over_folds, paper_answer, paper_results
from lvmass.report.saliency import saliency_answer, saliency_findings
from lvmass.report.words import COMPARISONS, CRITERIA, CUTOFFS, NAMES, PUBLISHED, printed
from lvmass.study.study import Study
from tests.conftest import ROOT


def test_banner_names_study_and_says_simulated(tiny_study: Study) -> None:
    text = banner(tiny_study).data
    assert "Simulated cohort." in text
    assert "tiny.toml" in text
    assert "by construction" in text
    assert tiny_study.fingerprint in text


def test_missing_numbers_are_dashes() -> None:
    rows = pd.DataFrame(
        {"a": [np.nan, 1.25], "b": [None, "x"], "c": pd.array([None, 2.5], dtype="Float64"), "d": [pd.NaT, 1]}
    )
    text = table(rows, "Caption").data
    assert "nan" not in text.lower()
    assert "<NA>" not in text
    assert text.count("–") == 4


def test_cells_are_escaped() -> None:
    assert "<b>" not in table(pd.DataFrame({"a": ["<b>bold</b>"]}), "<b>").data


def test_published_stands_beside_ours_with_its_source() -> None:
    ours = pd.DataFrame({"key": ["mae_g", "auc_male"], "text": ["15.0 g", "0.80"]})
    text = beside(ours, "Caption").data
    for word in ("14.33 ± 0.71 g", "15.0 g", "published (patients)", "medRxiv"):
        assert word in text
    both = beside({"small": ours, "large": ours[:1].assign(text="14.0 g")}, "Caption").data
    shown = re.sub(r"<[^>]*>\s*", "|", both)
    assert re.search(r"small\|+large\|", shown)
    assert re.search(r"14\.33 ± 0\.71 g\|+15\.0 g\|+14\.0 g\|", shown)
    assert re.search(r"0\.77 ± 0\.05\|+0\.80\|+–\|", shown)  # what one of them has not
    assert "Not shown" in beside(ours[:0], "Caption").data


@pytest.mark.parametrize(
    ("grams", "means"),
    [
        ((17.0, 18.0), "all without are below"),
        ((19.0, 20.0), "span 19.0 to 20.0 g"),
        ((18.0, 20.0), "span 18.0 to 20.0 g"),
        ((21.0, 22.0), "and more"),
    ],
)
def test_networks_without_demographics_stand_beside_the_published_comparator(
    grams: tuple[float, float], means: str
) -> None:
    rows = {"model": ["fcn", "fcn, ECG only", "resnet, ECG only"], "estimate": [14.0, *grams], "ci_low": 13.0}
    text = ecg_only(pd.DataFrame(rows).assign(ci_high=20.0)).data
    assert f"FCN 14.0 (13.0 to 20.0); FCN, ECG only {grams[0]:.1f} (13.0 to 20.0); " in text
    assert means in text
    assert "Not shown" in ecg_only(pd.DataFrame(rows)[:1]).data


def test_rows_outside_the_card_are_named_with_the_reason() -> None:
    rows = {"quantity": ["LVM SD, g", "LVM SD, g", "LVM mean, g"], "sex": ["men", "women", "all"]}
    card = pd.DataFrame(rows).assign(target="26", high=27.0, got=[31.7, 9.0, 26.0], met=[False, False, True])
    published, literature = (departures(card, setting).data for setting in ("published", "literature"))
    assert "1 of 3 rows" in published
    assert "need a wider spread of mass): LVM SD, g (men): 31.7 for 26." in published
    assert "no reason is known; chance may be one): LVM SD, g (women): 9" in published  # too small, not too wide
    assert "wider spread" not in literature
    assert "to the power of 1.5 (1)" in published


def test_how_far_ours_are_from_the_published_numbers() -> None:
    numbers = pd.DataFrame({"key": ["mae_g", "auc_male"], "mean": [14.0, 0.88], "text": ["14.0 g; all", "0.88; all"]})
    text = how_far(numbers, "elvmass-net").data
    assert "1 of 2 numbers of eLVMass-Net lie within two printed SDs" in text
    assert "LVH c-statistic, men, sex-specific, 0.88 (0.77 ± 0.05 published)" in text
    assert "Farther" not in how_far(numbers[:1], "elvmass-net").data
    too_few = numbers.assign(mean=pd.array([14.0, None], dtype="Float64"))
    assert "1 of 1 numbers" in how_far(too_few, "elvmass-net").data
    assert "Not shown" in how_far(numbers[:0], "elvmass-net").data


def test_interval_or_the_reason_why_there_is_none() -> None:
    assert with_interval({"estimate": None, "note": "too few people"}) == "too few people"
    assert with_interval({"estimate": 1.0, "ci_low": None, "note": "few"}, digits=0) == "1 (few)"
    row = {"bias_g": -0.04, "bias_ci_low_g": -1.0, "bias_ci_high_g": 1.0, "note": ""}
    assert with_interval(row, "bias_g") == "0.0 (-1.0 to 1.0)"
    row = {"slope": 0.9, "slope_ci_low": 0.8, "slope_ci_high": 1.0, "ci_low": 7.0, "note": ""}
    assert with_interval(row, "slope") == "0.9 (0.8 to 1.0)"


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.1, 0.2, "above"),
        (-0.2, -0.1, "below"),
        (-0.1, 0.1, "around"),
        (None, None, "there are too few people to say"),
    ],
)
def test_words_follow_the_interval(low: float | None, high: float | None, words: str) -> None:
    assert verdict({"ci_low": low, "ci_high": high}, "above", "below", "around") == words


def test_p_values() -> None:
    assert [p_value(p) for p in (0.0004, 0.0496, 1.0, pd.NA)] == ["< 0.001", "0.050", "1.000", "–"]


def test_a_resampled_p_at_its_floor_is_a_bound() -> None:
    rows = evaluate(example_predictions(100), "net", n_resamples=199, only=["error_differences"])["error_differences"]
    rows = select(rows, cohort="dev", training="pooled")
    assert rows["p_floor"].eq(0.01).all()
    rows = pd.concat([rows.assign(p_value=0.01, p_holm=0.03)[:1], rows.assign(p_value=0.04, p_holm=0.04)[:1]])
    assert laid_out(rows, "error_differences")["p (Holm)"].tolist() == ["≤ 0.030", "0.040"]
    # one that Holm's procedure lifts to that of a bound is a bound, too; without a floor, none is
    lifted = laid_out(rows.assign(p_holm=0.04), "error_differences")["p (Holm)"]
    assert lifted.tolist() == ["≤ 0.040", "≤ 0.040"]
    assert laid_out(rows.drop(columns="p_floor"), "error_differences")["p (Holm)"].tolist() == ["0.030", "0.040"]


def test_the_paper_test_is_named_as_our_reading() -> None:
    rows = evaluate(example_predictions(), only=["training_comparison"])["training_comparison"]
    named = set(laid_out(rows, "training_comparison")["comparison"])
    assert named == {"paired within sex", "unpaired, if published so"}


def test_error_table_has_a_row_a_fit(tiny_study: Study) -> None:
    found = error_table(tiny_study.results(), ["mae_g", "mape_percent"], "development")
    assert found[["model", "training"]].drop_duplicates().shape[0] == len(found) == 10
    assert found.shape[1] == 4


def test_over_folds_are_the_numbers_of_the_tables(tiny_study: Study) -> None:
    results = tiny_study.results()
    found = over_folds(results, "elvmass-net").set_index("key")
    assert set(found.index) <= set(PUBLISHED)
    own = select(results["errors_by_fold"], model="elvmass-net", training="pooled", sex="all", metric="mae_g")
    own = select(own, cohort="development")
    assert found.loc["mae_g", "mean"] == own["mean"].item()
    assert over_folds({}, "elvmass-net").empty


def test_differences_have_a_row_a_model_and_a_line_in_the_figure() -> None:
    name = "error_differences"
    rows = select(evaluate(example_predictions(40), "net", n_resamples=199, only=[name])[name], sex="all")
    picture, _, shown = compared(rows, name, "Title")
    for name in rows["model_b"]:
        assert name in shown.data
        assert name in picture.alt
    assert all("(" in cell for cell in laid_out(rows, "error_differences")["difference (95 %), g"])


def test_nothing_to_show_is_a_sentence() -> None:
    assert table(pd.DataFrame(), "Errors.").data == missing("Errors").data
    assert laid_out(select(None, sex="all"), "agreement").empty
    assert compared(select(None), "error_differences", "Title")[0].data.startswith("*Not shown: Title")


def test_two_cohorts_have_standardized_differences_and_one_has_none(tiny_study: Study) -> None:
    people = everybody(tiny_study)
    people["diabetes"] = (people["cohort"] == "external").astype(float)
    both = table_one(people).set_index("")
    women = people[people["sex"] == "female"]
    (own, theirs) = (select(women, cohort=cohort)["lvm_g"].to_numpy(float) for cohort in ("development", "external"))
    for cohort, grams in (("development", own), ("external", theirs)):
        shown = f"{grams.mean():.1f} ({grams.std(ddof=1):.1f})"
        assert both.loc["LVM (g)", f"women, {cohort}"] == shown
    assert both.loc["diabetes, n (%)", "women, development"] == "0 (0.0)"
    expected = abs(theirs.mean() - own.mean()) / ((own.var(ddof=1) + theirs.var(ddof=1)) / 2) ** 0.5
    told = both.loc["LVM (g)", "women, difference in SDs"]
    assert float(str(told)) == pytest.approx(expected, abs=0.006)
    one = table_one(people[(people["sex"] == "female") & (people["cohort"] == "external")])
    assert list(one.columns) == ["", "women, external"]


def test_names_a_reader_sees() -> None:
    shown = table(pd.DataFrame({"model": ["elvmass-net"], "age_years": [3.0], "met": [True]}), "Caption").data
    for word in ("eLVMass-Net", "age (years)", ">yes<"):
        assert word in shown


def test_every_criterion_has_a_printed_name() -> None:
    beat = synchronized_beat(simulate_cohort(1, like="tw-cvai", seed=0).recording(0))
    names = set(lvh_criteria(beat, measure_beat(beat), "male"))
    assert names <= set(NAMES)
    assert set(CRITERIA) <= names


def test_banner_of_a_half_simulated_study_says_whose_people_are_simulated(tiny_study: Study) -> None:
    class Half:
        path, fingerprint = tiny_study.path, "1"

        def cohort_names(self) -> tuple[str, ...]:
            return "development", "external"

        class config:
            @staticmethod
            def cohort(name: str) -> Any:
                simulate = "ntuh" if name == "external" else None
                return SimpleNamespace(label=name, simulate=simulate, setting="literature")

    text = banner(cast("Study", Half())).data
    assert "The people of external and their ECGs come out of a simulator" in text
    assert "The other cohort is from files." in text
    assert "by construction" not in text


def test_a_person_with_several_ecgs_is_counted_once(tiny_study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    n = len(everybody(tiny_study))
    whole = Study.cohort

    def twice(study: Study, name: str = "development") -> Any:
        subjects = whole(study, name).subjects
        return SimpleNamespace(subjects=pd.concat([subjects, subjects.assign(subject_id=subjects["subject_id"] + "b")]))

    monkeypatch.setattr(Study, "cohort", twice)
    assert len(everybody(tiny_study)) == n


def test_prevalence_is_also_that_of_the_study_file() -> None:
    people = pd.DataFrame({"cohort": "dev", "sex": ["male", "female", "male"], "lvmi_g_m2": [60.0, 60.0, 75.0]})
    assert "study file" not in set(prevalence(people, LVH_CUTOFFS_G_M2["fuchs-2016"])["label"])
    own = select(prevalence(people, {"female": 50.0, "male": 70.0}), label="study file")
    counts = {row["hue"]: (row["n"], row["with_lvh"], row["estimate"]) for _, row in own.iterrows()}
    assert counts == {"women": ("1", "1", 100), "men": ("2", "1", 50)}
    men = select(own, hue="men").iloc[0]
    assert (men["ci_low"], men["ci_high"]) == pytest.approx((9.5, 90.5), abs=0.1)  # Wilson's, 1 of 2


def test_every_published_cutoff_has_its_modality_population_and_percentile() -> None:
    shown = {row["cut-off"]: row for row in cutoff_table({"female": 50.0, "male": 70.0}, "Ours").to_dict("records")}
    assert [shown["study file"][key] for key in ("women (g/m²)", "men (g/m²)", "source")] == [50, 70, "Ours"]
    assert all(isinstance(shown[printed(name)]["source"], str) for name in LVH_CUTOFFS_G_M2)
    assert [shown["Budoff 2009"][key] for key in ("men (g/m²)", "percentile", "modality")] == [103, "97th", "CT"]
    for name, label in LVH_CUTOFF_SOURCES.items():  # the two places do not contradict each other
        assert CUTOFFS[name]["modality"].replace("magnetic resonance", "MR") in label
        assert "percentile" not in label or CUTOFFS[name]["percentile"] in label


def test_chapter_1_answers_for_each_sex(tiny_study: Study) -> None:
    people = everybody(tiny_study)
    cutoffs = tiny_study.config.lvh.cutoffs_g_m2
    text = cohort_answer(tiny_study, people, prevalence(people, cutoffs)).data
    own = select(people, cohort="development", sex="female")
    lvh = 100 * (own["lvmi_g_m2"] > cutoffs["female"]).mean()
    assert tiny_study.config.development.label in text
    assert f"{len(own)} women, LVM {own['lvm_g'].mean():.1f} ({own['lvm_g'].std():.1f}) g" in text
    assert f"({lvh:.1f} %)" in text
    assert "The paper: 1,459 people, development (TW-CVAI)." in text


# --- the paper's results ---

NO_TEST = ("no pooled fit", 0)
PRECORDIAL = {"QRS": 20.0, "T": 30.0, "ST": 5.0}


def shares(limb: dict[str, float], women: dict[str, float], men: dict[str, float]) -> pd.DataFrame:
    """As of `saliency_shares`."""
    return pd.DataFrame(
        (sex, group, segment, share, share - 1, share + 1)
        for sex, own in (("female", women), ("male", men))
        for group, segments in (("limb leads", limb), ("precordial leads", own))
        for segment, share in segments.items()
    ).set_axis(["sex", "group", "segment", "share", "ci_low", "ci_high"], axis=1)


def test_saliency_is_held_against_what_the_abstracts_name() -> None:
    limb = {"QRS": 25.0, "T": 10.0, "ST": 5.0}
    found = saliency_findings(shares(limb, PRECORDIAL, PRECORDIAL), 0.2, ("nothing", 5000), simulated=True)
    assert found["here"].tolist() == ["reproduced here", "reproduced here", "cannot be decided here"]
    for by_mass, here in {
        ("T (p 0.01)", 5000): "reproduced here, by construction",
        ("ST (p 0.01)", 5000): "reproduced here, by construction",
        ("QRS (p 0.01)", 5000): "cannot be decided here",
        ("T (p 0.01)", 1459): "cannot be decided here",
    }.items():
        found = saliency_findings(shares(limb, PRECORDIAL, PRECORDIAL), 0.9, by_mass, simulated=True)
        assert found["here"].tolist() == ["cannot be decided here"] * 2 + [here]
    assert "largest: QRS in women, 25 % (24 to 26); QRS in men, 25 % (24 to 26); rank" in found["ours"].tolist()[0]
    reverse = {"QRS": 30.0, "T": 20.0, "ST": 5.0}
    found = saliency_findings(shares(limb, reverse, reverse), 0.9, NO_TEST, simulated=True)
    assert found["here"].tolist()[1] == "not reproduced, but the reverse"
    answer = saliency_answer(found, shares(limb, reverse, reverse)).data
    assert "T matters in precordial leads: not reproduced, but the reverse" in answer
    assert "in precordial leads QRS in women, 30 % (29 to 31)" in answer
    other = saliency_findings(shares(limb, PRECORDIAL, reverse), 0.2, ("T (p 0.01)", 5000), simulated=False)
    assert other["here"].tolist()[1:] == ["not reproduced", "reproduced here"]
    assert "women 50 %, men 40 %" in other["ours"].tolist()[2]
    none = saliency_findings(other[:0], np.nan, NO_TEST, simulated=True)
    assert "Not shown: saliency" in saliency_answer(none, other[:0]).data


def changed(name: str, where: str, **values: float) -> Any:
    """`kept` with other values in a table, in the rows for which ``where`` holds."""

    def changed_kept(folder: str) -> Any:
        tables, origin = kept(folder)
        if name in tables:
            rows = tables[name].eval(where)
            for column, value in values.items():
                tables[name].loc[rows, column] = value
        return tables, origin

    return changed_kept


def verdicts_of(rows: pd.DataFrame) -> dict[str, str]:
    return dict(zip(rows["the paper's result"], rows["here"], strict=True))


@pytest.fixture
def nothing_on_saliency(monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    monkeypatch.chdir(ROOT / "book")
    return saliency_findings(pd.DataFrame(), np.nan, NO_TEST, simulated=True)


EVERYONE = "LVH c-statistic, everyone, pooled"
MEN, BETTER = "LVH c-statistic, men, sex-specific", "LVM: better than two comparators"
GAP = "LVH: sex-specific models better than the pooled one in everyone"
TCN = "gain credited to the TCN encoder"
PARAMETERS = "ECG parameters (QRS axis and duration; here heart rate, too) add nothing significant"
OWN = 'model == "elvmass-net" and score == "grams"'
UNPAIRED = f'{OWN} and comparison == "unpaired as published"'


@pytest.mark.parametrize(
    ("what", "table", "where", "values", "here"),
    [
        # with 0.776, 0.795 and 0.784 in the three other cohorts, the mean is 0.82 at 0.925
        (MEN, "c_statistics", OWN, {"fold_mean": 0.92}, "reproduced here"),
        (MEN, "c_statistics", OWN, {"fold_mean": 0.93}, "not reproduced"),
        (EVERYONE, "c_statistics", OWN, {"fold_mean": 0.71}, "reproduced here, by construction"),
        (BETTER, "differences", "difference_g < 9", {"difference_g": -1.0, "p_holm": 0.049}, "reproduced here"),
        (BETTER, "differences", "difference_g < 9", {"difference_g": -1.0, "p_holm": 0.051}, "not reproduced"),
        (TCN, "differences", "difference_g < 9", {"difference_g": 1.0, "p_holm": 0.001}, "not reproduced"),
        (PARAMETERS, "differences", "difference_g < 9", {"p_holm": 0.001}, "not reproduced"),
        (PARAMETERS, "differences", "difference_g < 9", {"p_holm": 0.05}, "reproduced here"),
        (GAP, "training_comparison", UNPAIRED, {"p_value": 0.009}, "reproduced here"),
        (GAP, "training_comparison", UNPAIRED, {"p_value": 0.011}, "not reproduced"),
        (GAP, "training_comparison", UNPAIRED, {"p_value": 0.009, "difference": -0.1}, "not reproduced"),
        ("external validation", "errors", "estimate > 0", {"estimate": 1.0}, "cannot be known from abstracts"),
    ],
)  # fmt: skip
def test_a_result_is_judged_by_the_stated_rule(
    what: str,
    table: str,
    where: str,
    values: dict[str, float],
    here: str,
    nothing_on_saliency: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(published, "kept", changed(table, where, **values))
    assert verdicts_of(paper_results(nothing_on_saliency))[what] == here


def test_a_claim_of_percent_is_held_against_percent(nothing_on_saliency: pd.DataFrame) -> None:
    rows = paper_results(nothing_on_saliency).set_index("the paper's result")
    text = str(rows.loc["LVM: sex-specific training, no significant gain", "ours"])
    errors = select(kept("paper_size/paper")[0]["errors"], cohort="development", metric="mape_percent", sex="female")
    own = select(errors, model="elvmass-net").set_index("training")["estimate"]
    assert text.startswith(f"MAPE (%) women, pooled {own['pooled']:.1f} (")
    assert f"; women, sex-specific {own['sex-specific']:.1f} (" in text


def test_first_page_counts_and_leads_to_sections(nothing_on_saliency: pd.DataFrame) -> None:
    rows = paper_results(nothing_on_saliency)
    assert f"Of {len(rows)} results" in paper_answer(rows).data
    assert (
        f"{rows['here'].str.startswith('reproduced').sum()} are reproduced here, 3 of them" in paper_answer(rows).data
    )
    said = "".join(rows["ours"])
    assert all(
        printed(name) in said for claim in COMPARISONS for name in claim["where"].get("model_b", [])
    )  # none has left the tables
    found = saliency_findings(shares({"T": 1.0}, PRECORDIAL, PRECORDIAL), 0.9, NO_TEST, simulated=True)
    everywhere = pd.concat([rows, found])
    assert "2 cannot be decided here" in paper_answer(everywhere).data
    for chapter, section in everywhere["shown in"].str.split("#"):
        headings = re.findall(r"^# ##+ (.*)", (ROOT / "book" / f"{chapter}.py").read_text(), re.MULTILINE)
        assert section in [re.sub(r"[^a-z0-9]+", "-", each.lower()).strip("-") for each in headings], section


def test_without_a_test_there_is_no_verdict() -> None:
    rows = pd.DataFrame({"model_b": ["a", "b"], "mae_b_g": [12.0, 9.0], "note": "", "n_subjects": 50, "mae_a_g": 9.0})
    rows = rows.assign(difference_g=[-3.0, 0.5], ci_low=[-4.0, np.nan], ci_high=[-2.0, np.nan], p_holm=[0.01, np.nan])
    said = str(compared(rows, "error_differences", "Title")[1].data)
    assert said == "Reference better than: a -3.00 (-4.00 to -2.00)."


@pytest.mark.parametrize(("p_holm", "words"), [(0.01, "the reference errs less"), (0.2, "no significant difference")])
def test_chapter_4_answers_with_the_best_of_the_others(p_holm: float, words: str, tiny_study: Study) -> None:
    where: Any = {"cohort": "development", "sex": "all", "training": "pooled", "note": ""}
    rows = pd.DataFrame({"model_b": ["fcn", "demographics"], "mae_b_g": [14.0, 15.0], "difference_g": [-1.0, -2.0]})
    rows = rows.assign(ci_low=-3.0, ci_high=[0.5, -0.5], p_holm=[p_holm, 0.01], **where)
    errors = pd.DataFrame({"model": ["elvmass-net", "fcn"], "estimate": [13.0, 14.0], "metric": "mae_g"})
    errors = errors.assign(ci_low=12.0, ci_high=15.0, **where)
    text = str(comparison_answer({"error_differences": rows, "errors": errors}, tiny_study).data)
    for said in ("eLVMass-Net 13.00 (12.00 to 15.00)", "FCN 14.00 (", f"-1.00 g (-3.00 to 0.50): {words} (Holm p "):
        assert said in text
    assert f"Of 2 others, {1 + (p_holm < 0.05)} err significantly more, 0 significantly less." in text
    assert "Not shown: a verdict" in str(comparison_answer({"error_differences": rows[:0]}, tiny_study).data)


@pytest.mark.parametrize(
    ("p_holm", "difference", "words"),
    [
        (0.2, 0.02, "nothing significant: women"),
        (0.01, 0.02, "a significant gain: women"),
        (0.0001, -0.02, "a significant loss: women"),
    ],
)
def test_answer_tells_the_sexes_apart(p_holm: float, difference: float, words: str) -> None:
    names = ["gap", "mechanical", "training", "pooled in everyone", "sex-specific"]
    rows = pd.DataFrame({"quantity": names, "estimate": [0.05, 0.13, difference, 0.7, 0.75], "note": ""})
    rows = rows.assign(ci_low=rows["estimate"] - 0.1, ci_high=rows["estimate"] + 0.1, p_holm=p_holm, n_repeats=1)
    gap = pd.concat([rows.assign(sex=sex) for sex in ("female", "male", "mean")], ignore_index=True)
    gap.loc[gap["sex"] == "male", ["note", "estimate", "ci_low"]] = ["too few people", None, None]
    text = str(gap_answer(gap).data)
    assert "**Answer.** The c-statistic of the sex-specific model minus that of the pooled model in everyone, " in text
    assert "everyone, 0.70 (0.60 to 0.80), is women 0.050 (-0.050 to 0.150); men too few people" in text
    assert "(published: women 0.05, men 0.07)" in text
    assert "models held fixed" in text
    assert "mechanical part is women 0.130 (0.030 to 0.230)" in text
    assert f"adds {words} {difference:.3f} ({difference - 0.1:.3f} to {difference + 0.1:.3f})." in text
    often = str(gap_answer(gap.assign(n_repeats=3), "At the paper's size:").data)
    assert "At the paper's size: The c-statistic" in often
    assert "mean of 3 cross-validations, whose spread is part of the intervals" in often
    assert "**Answer.** None." in gap_answer(gap.assign(note="too few people", estimate=None)).data
    assert "Not shown" in gap_answer(gap[:0]).data
    women = gap.assign(estimate=gap["estimate"].where(gap["quantity"] != "mechanical", 0.0))
    assert "it needs women and men" in gap_answer(women).data  # everyone is of one sex


def test_sample_size_follows_the_correlation_that_was_observed() -> None:
    rows = {"sex": ["female", "male"], "correlation": [0.94, None], "n_lvh": 120, "n_a": [593, 3], "auc_b": 0.75}
    tests = pd.DataFrame(rows).assign(comparison="paired within sex")
    text = str(sample_size(tests).data)
    n = paired_sample_size(0.75 + GAIN, 0.75, 120 / 593, correlation=0.94)
    assert f"{n:,} women (" in text
    assert "from 0.75 at a correlation of 0.94 (0.91 to 0.96) with 20 % LVH; number here: 593." in text
    assert " men " not in text
    few, many = map(int, re.findall(r"\(([\d,]+) to ([\d,]+)\)", text.replace(",", ""))[0])
    assert few < n < many < paired_sample_size(0.75 + GAIN, 0.75, 120 / 593, correlation=0.8)
    assert "number here: not shown." in str(sample_size(tests, 5).data)  # all others are the three men
    for nothing in (
        sample_size(tests.assign(n_lvh=4), 5),
        sample_size(tests.assign(correlation=1.0)),
        sample_size(tests[:0]),
    ):
        assert "Not shown" in nothing.data


def test_chapter_2_answers_with_recordings_beats_and_readers() -> None:
    each = SimpleNamespace(people=range(58), report=pd.DataFrame({"usable": [True] * 60, "n_beats": 9}))
    edges = [
        {"boundary": f"QRS {end}", "method": method, "bias_ms": bias, "sd_ms": 4.0}
        for method in ("lvmass", "another")
        for end, bias in (("onset", 1.5 if method == "lvmass" else 9.0), ("offset", -0.5))
    ]
    peaks = {"recordings": "LUDB", "method": "lvmass", "f1": 0.5, "beats": 800, "records": 100}
    found = {"ecg_delineation": {"boundaries": edges}, "ecg_peaks": {"detectors": [peaks]}}
    text = str(beat_answer({"development": each, "external": each}, found).data)
    assert "58 of 60 recordings (development) and 58 of 60 recordings (external)" in text
    assert "out of 9 beats each" in text
    assert "100 real recordings with 800 beats" in text
    assert "F1 of 0.5000" in text
    assert "by 1.5 ± 4.0 and -0.5 ± 4.0 ms" in text


@pytest.mark.parametrize(
    ("band", "said"),
    [
        ({}, "Filter of this study: 0.5 to 250 Hz."),
        ({"band_high_hz": 40}, "0.5 to 40 Hz."),
        ({"band_low_hz": 0, "sampling_rate_hz": 200}, "0 to 100 Hz."),
    ],
)
def test_the_band_ends_where_the_sampling_rate_ends_it(band: dict[str, float], said: str) -> None:
    text = str(beat_settings(BeatConfig(**band), []).data)
    assert said in text
    assert text.endswith("Findings about this recording: none.")


def ablations(**changes: Any) -> pd.DataFrame:
    """Differences of four changed networks, and of the whole signal against the beat at its rate."""
    names = ["leads aligned one by one", "plain CNN of equal size", "no lead groups", "without demographics"]
    rows = pd.DataFrame({"model_a": "elvmass-net", "model_b": names, "difference_g": [-0.05, 0.02, 0.0, -3.0]})
    signal = {"model_a": "beat at 100 Hz", "model_b": "10-s signal at 100 Hz", "difference_g": -1.5}
    rows = pd.concat([rows, pd.DataFrame([signal])], ignore_index=True).assign(sex="all", p_holm=1.0)
    return rows.assign(ci_low=rows["difference_g"] - 0.14, ci_high=rows["difference_g"] + 0.14, **changes)


def test_parts_of_the_network_are_judged_with_their_power() -> None:
    text = str(accuracy_parts(ablations(), "1453 people").data)
    assert "synchronized 0.05 g (-0.09 to 0.19); a plain CNN of equal size instead of the TCN -0.02 g (-0.16 to" in text
    assert (
        "None is significant. A rise of 0.20 g would have been found with a power of 80 % before correction" in text
    )  # 2.8 * 0.28 / 3.92
    assert "5.18 g" in text  # 19.51 less 14.33
    assert "whatever carried the lead in patients" in text
    assert "both at 100 Hz, raises the MAE by 1.50 g (1.36 to 1.64)" in text
    assert "demographics" not in text
    helps = ablations(p_holm=[1.0, 0.001, 1.0, 1.0, 1.0])  # the plain CNN is better
    assert (
        "Significant after Holm's correction: a plain CNN of equal size instead of the TCN."
        in accuracy_parts(helps, "").data
    )
    text = str(accuracy_parts(ablations(p_holm=[0.001, 1.0, 1.0, 1.0, 1.0]), "1453 people").data)
    assert "Significant after Holm's correction: leads aligned one by one instead of synchronized." in text
    assert "Not shown" in accuracy_parts(ablations()[3:], "1453 people").data


@pytest.mark.parametrize(
    ("difference_g", "words"),
    [(-1.0, "by -1.00 g (-1.50 to -0.50): it lowers"), (1.0, "it raises"), (0.1, "no significant difference")],
)
def test_the_waveform_is_set_against_the_best_estimate_without_it(
    difference_g: float, words: str, tiny_study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pd.DataFrame({"model_b": ["demographics", "linear", "fcn"], "mae_b_g": [17.0, 14.0, 13.0], "note": ""})
    rows = rows.assign(difference_g=[-4.0, difference_g, 2.0], training="pooled", cohort="development", sex="all")
    rows = rows.assign(ci_low=rows["difference_g"] - 0.5, ci_high=rows["difference_g"] + 0.5)
    rows["p_holm"] = 0.2 if words.startswith("no") else 0.01

    def said(rows: pd.DataFrame) -> str:
        return str(waveform({"error_differences": rows}, tiny_study).data)

    start = "In this simulator, a network on the waveform changes the MAE of the best model without a network, linear r"
    assert said(rows).startswith(start)
    assert words in said(rows)
    assert "Not shown" in said(rows.assign(ci_low=None))
    real = tiny_study.config.development.model_copy(update={"simulate": None})  # the external cohort is simulated
    with monkeypatch.context() as here:
        here.setattr(tiny_study, "config", tiny_study.config.model_copy(update={"development": real}))
        assert "simulator" not in said(rows)
    monkeypatch.setattr(Study, "reference", "demographics")
    assert "Not shown" in said(rows)


def test_networks_with_their_authors_settings_are_judged_within_each_sex() -> None:
    rows = pd.DataFrame({"sex": ["all", "female", "male"], "metric": ["mae_g", "bias_g", "bias_g"], "note": ""})
    rows = rows.assign(model="lvm-ai (published)", estimate=[19.1, 11.1, -7.5])
    rows = rows.assign(ci_low=rows["estimate"] - 1, ci_high=rows["estimate"] + 1)
    text = str(published_settings(rows).data)
    assert "women 11.1 (10.1 to 12.1); LVM-AI (published), men -7.5 (-8.5 to -6.5). Biased in a sex" in text
    assert text.endswith(": LVM-AI (published).")
    fair = rows.assign(ci_low=-20.0, ci_high=20.0)
    assert str(published_settings(fair).data).endswith(": none.")
    assert "Not shown" in published_settings(rows[:0]).data


def test_small_cells_are_not_shown_nor_given_away() -> None:
    sexes = ["female"] * 20 + ["male"] * 30
    lvh = [True] * 3 + [False] * 17 + [True] * 27 + [False] * 3
    people = pd.DataFrame({"cohort": "Ours", "sex": sexes, "lvm_g": np.linspace(90.0, 190.0, 50), "lvh": lvh})
    people = people.assign(hypertension=1.0, diabetes=[1.0] * 10 + [0.0] * 40, lvmi_g_m2=np.where(lvh, 99.0, 50.0))
    people.loc[49, "hypertension"] = 0.0
    assert counted(people, 5) == "n = 50"
    assert counted(people) == "n = 50, 30 with LVH"
    shown = table_one(people, smallest=5).set_index("")
    assert list(shown.loc["LVH, n (%)"]) == ["< 5", "all but < 5"]
    assert list(shown.loc["hypertension, n (%)"]) == ["20 (100.0)", "all but < 5"]
    assert list(shown.loc["diabetes, n (%)"]) == ["10 (50.0)", "0 (0.0)"]
    own = select(prevalence(people, LVH_CUTOFFS_G_M2["fuchs-2016"], 5), label="Fuchs 2016")
    assert own["with_lvh"].tolist() == ["< 5", "all but < 5"]
    assert own[["estimate", "ci_low", "ci_high"]].isna().all(axis=None)
    theirs = people.assign(cohort="Theirs", lvh=[True, False] * 25)
    both = table_one(pd.concat([people, theirs]), smallest=5).set_index("")
    differences = both["women, difference in SDs"]
    assert differences["LVH, n (%)"] == "–"  # of a hidden count it would tell
    assert differences["diabetes, n (%)"] == "0.00"
    few_men = table_one(pd.concat([people[:23], theirs]), smallest=5).set_index("")
    assert list(few_men.loc["n", ["women, Ours", "men, Ours", "women, Theirs"]]) == ["not shown", "< 5", "20"]
    assert set(few_men["men, Ours"][1:]) == set(few_men["men, difference in SDs"][1:]) == {"–"}


def test_the_other_sex_does_not_give_a_small_one_away() -> None:
    people = pd.DataFrame({"cohort": "Ours", "sex": ["female"] * 57 + ["male"] * 3, "lvm_g": np.linspace(90, 150, 60)})
    people = people.assign(lvmi_g_m2=60.0, lvh=[True] * 20 + [False] * 40)
    women = table_one(people, ("lvm_g", "lvh"), 5)["women, Ours"].tolist()
    assert women == ["not shown", f"{people['lvm_g'][:57].mean():.1f} ({people['lvm_g'][:57].std():.1f})", "–"]
    shares = prevalence(people, LVH_CUTOFFS_G_M2["fuchs-2016"], 5)
    assert set(zip(shares["n"], shares["with_lvh"], strict=True)) == {("not shown", "–"), ("< 5", "–")}
    assert shares[["estimate", "ci_low", "ci_high"]].isna().all(axis=None)
    counts = pd.DataFrame({"variable": "sex", "contrast": "women", "metric": "mae_g", "estimate": 1.0, "note": ""}, [0])
    counts = counts.assign(p_holm=0.5, n_group=57, n_subjects=60)
    for smallest, shown in ((5, ["all but < 5", "60"]), (1, [57, 60])):
        assert laid_out(counts, "subgroup_effects", smallest).iloc[0, -2:].tolist() == shown


def test_a_mean_of_few_known_values_is_not_told() -> None:
    people = pd.DataFrame({"cohort": "Ours", "sex": "male", "age_years": 60.0, "sbp_mmhg": [143.0] + [np.nan] * 9})
    people = people.assign(diabetes=[1.0, 0.0] + [np.nan] * 8)
    for smallest, diabetes in ((5, "–"), (1, "1 (50.0)")):
        shown = table_one(people, ("sbp_mmhg", "diabetes"), smallest)["men, Ours"].tolist()
        assert shown == ["10", "–", diabetes]


def test_counts_in_captions_do_not_give_away_a_small_cell() -> None:
    rows = pd.DataFrame({"sex": ["all", "female", "male"], "n_lvh": [12, 3, 9], "n_subjects": [60, 20, 40]})
    rows = rows.assign(cohort="development", n_patients=rows["n_subjects"])
    results = dict.fromkeys(("c_statistics", "errors"), rows)
    assert analysed(results, "development") == "n = 60, 12 with LVH"
    assert analysed(results, "development", few=5) == "n = 60"
    results["errors"] = rows.assign(n_patients=[54, 18, 36])
    assert analysed(results, "development") == "n = 60 ECGs of 54 people, 12 with LVH"


def test_the_flow_of_a_real_cohort_hides_small_numbers() -> None:
    usable = [False] * 8 + [True] * 42
    report = pd.DataFrame({"usable": usable, "code": ["nan"] * 3 + ["no_qrs"] * 5 + [""] * 42, "n_beats": 9})
    people = pd.DataFrame({"patient_id": range(42), "sex": ["female"] * 2 + ["male"] * 40})
    each = SimpleNamespace(report=report, people=people)

    def said() -> str:
        return " ".join(text.get_text() for text in flow_diagram({"Ours": each}, smallest=5).figure.axes[0].texts)

    for text in ("50 ECGs", "< 5 × samples are missing", "not shown × "):
        assert text in said()
    each.report = report[5:]
    for text in ("< 47 ECGs", "not usable: < 5", "< 5 women, not shown men"):
        assert text in said()
