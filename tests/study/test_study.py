"""The tiny study runs through every stage and keeps its contracts."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lvmass.cohort.preprocessing import Beats
from lvmass.cohort.simulation import simulate_cohort
from lvmass.errors import DataError
from lvmass.evaluation.tables import check_predictions
from lvmass.study import steps
from lvmass.study.settings import COUNTERFACTUAL, SaliencyConfig
from lvmass.study.steps import fit_model, open_cohort
from lvmass.study.study import Study
from lvmass.study.tasks import FitTask, comparison
from lvmass.training import baselines
from lvmass.training.baselines import fit_baseline

COLUMNS = ["subject_id", "patient_id", "sex", "model", "training", "cohort", "fold"]
COLUMNS += ["lvm_g", "predicted_lvm_g", "bsa_m2", "lvh", "model_sd_g"]


def tasks_of(study: Study, model: str, training: str) -> list[FitTask]:
    return [task for task in comparison(study.tasks) if (task.model, task.training) == (model, training)]


def test_predictions_are_out_of_fold_for_everybody_once(tiny_study: Study) -> None:
    predictions = check_predictions(tiny_study.predictions())
    assert list(predictions.columns) == COLUMNS
    people = tiny_study.beats().people
    folds = tiny_study.folds().set_index("subject_id")["fold"]
    for _, rows in predictions.groupby(["model", "training"]):
        assert sorted(rows["subject_id"]) == sorted(people["subject_id"])
        assert (rows.set_index("subject_id")["fold"] == folds.loc[rows["subject_id"]]).all()


def test_external_predictions_are_the_mean_of_fold_models(tiny_study: Study) -> None:
    external = check_predictions(tiny_study.external())
    assert set(external["fold"]) == {-1}
    assert set(external.groupby(["model", "training"])["subject_id"].nunique()) == {
        len(tiny_study.beats("external").people)
    }
    baseline = external[external["model"] == "sex-median"]
    medians = [
        fit.predictor.predict_g(np.empty((2, 0)), np.array([[0.0], [1.0]]))
        for fit in tiny_study.fits("sex-median", "pooled")
    ]
    expected = baseline["sex"].map(dict(zip(("female", "male"), np.mean(medians, axis=0), strict=True)))
    np.testing.assert_allclose(baseline["predicted_lvm_g"], expected)


def test_estimates_of_single_fold_models_have_the_external_ones_as_their_mean(tiny_study: Study) -> None:
    tasks, keys = comparison(tiny_study.tasks), ["model", "training", "subject_id"]
    single = tiny_study.store.get(tiny_study._predictions("external", tasks, single=True))
    assert sorted(single["fold"].unique()) == [1, 2]
    assert not single.duplicated([*keys, "fold"]).any()
    mean = tiny_study.external().set_index(keys)["predicted_lvm_g"]
    pd.testing.assert_series_equal(single.groupby(keys)["predicted_lvm_g"].mean(), mean.sort_index(), rtol=1e-12)
    rows = tiny_study.results()["single_models"]
    assert set(rows["n_models"]) == {2}
    assert set(rows["cohort"]) == {"external"}


def test_lvh_is_mass_index_above_the_cutoff(tiny_study: Study) -> None:
    predictions = tiny_study.predictions()
    above = predictions["lvm_g"] / predictions["bsa_m2"] > predictions["sex"].map({"male": 80.0, "female": 65.0})
    assert (predictions["lvh"] == above).all()


def test_test_fold_never_influences_its_own_model(tiny_study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """Poison the test fold's masses and waveforms: the model of that fold must stay the same."""
    task = tasks_of(tiny_study, "elvmass-net", "pooled")[0]
    beats, folds = tiny_study.beats(), tiny_study.folds()
    test = (folds["fold"] == task.fold).to_numpy()
    people = beats.people.assign(lvm_g=beats.people["lvm_g"].where(~test, 1000.0))
    waveform_mv = np.where(test[:, None, None], 50.0, beats.waveform_mv).astype(np.float32)
    poison = Beats(waveform_mv, beats.time_ms, people, beats.criteria, beats.report)
    clean = tiny_study.networks("elvmass-net", "pooled")[0]
    poisoned = fit_model(task, beats=poison, folds=folds).predictor  # who is tested was drawn before
    for name, value in clean.weights.items():
        np.testing.assert_array_equal(value, poisoned.weights[name])  # type: ignore[attr-defined]


def test_sex_specific_models_see_one_sex(tiny_study: Study) -> None:
    people = tiny_study.beats().people.set_index("subject_id")
    tasks, fits = tasks_of(tiny_study, "elvmass-net", "sex-specific"), tiny_study.fits("elvmass-net", "sex-specific")
    for task, fit in zip(tasks, fits, strict=True):
        assert set(people.loc[list(fit.estimates.subject_id), "sex"]) == {task.sex}


def test_results_are_written_with_their_origin(tiny_study: Study) -> None:
    folder = tiny_study.path.parent / "results" / "tiny"
    results = tiny_study.results()
    names = {path.name for path in folder.iterdir()}
    assert names == {".written", *(f"{name}.csv" for name in results)}
    written = pd.read_csv(folder / "gap.csv", dtype={"study_fingerprint": str})
    about = {"study": "tiny", "study_fingerprint": tiny_study.fingerprint, "simulated": True}
    assert all((written[name] == value).all() for name, value in about.items())
    assert len(written) == len(results["gap"])
    table = pd.read_csv(folder / "errors.csv")
    assert table["simulated"].all()
    assert set(table["cohort"]) == {"development", "external"}
    own = (table["model"] == "elvmass-net") & (table["training"] == "pooled") & (table["cohort"] == "external")
    mae_g = table[own & (table["sex"] == "all") & (table["metric"] == "mae_g")]["estimate"].item()
    external = tiny_study.external().query("model == 'elvmass-net' and training == 'pooled'")
    assert mae_g == pytest.approx((external["lvm_g"] - external["predicted_lvm_g"]).abs().mean())
    assert {"cornell_voltage_mv", "strain_leads"} <= set(results["criteria_points"]["criterion"])
    assert {"sex", "age_years", "bmi_kg_m2", "qrs_duration_ms", "atrial_fibrillation"} == set(
        results["subgroup_errors"]["variable"]
    )
    assert "study file" in set(results["cutoffs"]["cutoffs"])
    assert "fuchs-2016" not in set(results["cutoffs"]["cutoffs"])  # equal to the study file's


def test_what_is_known_of_each_person_lies_apart_and_is_the_owners_alone(tiny_study: Study) -> None:
    folder = tiny_study.people_folder
    assert tiny_study.results_folder.parent not in folder.parents
    assert [oct(path.stat().st_mode & 0o777) for path in (folder, *sorted(folder.glob("*.csv")))] == [
        "0o700", "0o600", "0o600",
    ]  # fmt: skip
    found, out = (pd.read_csv(folder / f"{name}.csv") for name in ("predictions", "exclusions"))
    expected = pd.concat([tiny_study.predictions(), tiny_study.external()], ignore_index=True)
    for name in ("subject_id", "cohort", "model", "training", "lvh"):
        assert (found[name] == expected[name]).all()
    np.testing.assert_allclose(found["predicted_lvm_g"], expected["predicted_lvm_g"], rtol=1e-5)
    assert (found["fold"].isna() == (found["cohort"] == "external")).all()
    inside = (found["lower_g"] <= found["lvm_g"]) & (found["lvm_g"] <= found["upper_g"])
    coverage = tiny_study.results()["interval_coverage"].query("variable == 'sex' and sex == 'all'")
    for row in coverage.query("coverage.notna()").itertuples():
        own = (found["cohort"] == row.cohort) & (found["model"] == row.model) & (found["training"] == row.training)
        own &= found["sex"] == row.group
        assert inside[own].mean() == pytest.approx(row.coverage)
    reports = {name: tiny_study.beats(name).report.query("not usable") for name in ("development", "external")}
    assert list(out["subject_id"]) == [subject for report in reports.values() for subject in report["subject_id"]]
    assert list(out.columns) == ["cohort", "subject_id", "code", "reason"]


def test_tables_of_people_come_back_whole(tiny_study: Study) -> None:
    table = tiny_study.people_folder / "predictions.csv"
    before = table.read_bytes()
    table.write_bytes(before[:1000])
    tiny_study.write_people()
    assert table.read_bytes() == before


def test_tables_of_an_earlier_study_file_do_not_stay(tiny_study_file: Path, tiny_study: Study) -> None:
    table, kept = (tiny_study.results_folder / name for name in ("gap.csv", "mine.csv"))
    kept.write_text("mine")
    retired = tiny_study.results_folder / "a_table_of_an_earlier_version.json"
    retired.write_text('{"about": {}')
    text = tiny_study_file.read_text().replace("[gap]", "")
    text = text.replace("counterfactual = ", "# ").replace("repeats = ", "# ")
    edited = tiny_study_file.with_name("pooled.toml")
    edited.write_text(text.replace('training = ["pooled", "sex-specific"]', ""))
    assert table.exists()
    Study.from_toml(edited).write_results()
    assert not table.exists()
    assert not retired.exists()
    assert kept.exists()
    kept.unlink()
    tiny_study.write_results()
    assert table.exists()


def test_a_table_that_went_or_was_edited_is_written_again(tiny_study: Study) -> None:
    edited, lost = (tiny_study.results_folder / name for name in ("errors.csv", "gap.csv"))
    before = edited.read_bytes(), lost.read_bytes()
    edited.write_text("mine")
    lost.unlink()
    tiny_study.write_results()
    assert (edited.read_bytes(), lost.read_bytes()) == before


def test_a_subjects_table_edited_meanwhile_is_read_anew(tmp_path: Path) -> None:
    cohort = simulate_cohort(2, seed=1)
    for i, recording in enumerate(cohort.recordings()):
        np.save(tmp_path / f"{i}.npy", recording.signal_mv)
    subjects = cohort.subjects.assign(ecg_path=[f"{i}.npy" for i in range(2)])
    subjects.to_csv(tmp_path / "subjects.csv", index=False)
    path = tmp_path / "own.toml"
    path.write_text(
        'name = "own"\n[development]\nlabel = "Own"\nsubjects = "subjects.csv"\nunit = "mV"\nsampling_rate_hz = 500\n'
        '[models.median]\nestimator = "sex-median"\ncovariates = ["demographics"]\n'
    )
    before = Study.from_toml(path)
    subjects.assign(lvm_g=150.0).to_csv(tmp_path / "subjects.csv", index=False)
    after = Study.from_toml(path)
    assert set(after.cohort().subjects["lvm_g"]) == {150.0}
    assert after.fingerprint != before.fingerprint


def test_gap_has_a_counterfactual_cohort_and_size_matched_training(
    tiny_study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    gap = tiny_study.results()["gap"]
    assert set(gap["cohort"]) == {"development", COUNTERFACTUAL, f"development minus {COUNTERFACTUAL}"}
    assert set(gap.loc[gap["cohort"] == COUNTERFACTUAL, "model"]) == {"linear"}
    people, folds = tiny_study.beats().people, tiny_study.folds()["fold"]
    fitted: list[np.ndarray] = []

    def spy(kind: str, covariates: np.ndarray, lvm_g: np.ndarray, names: tuple[str, ...]) -> object:
        fitted.append(covariates)
        return baselines.fit_baseline(kind, covariates, lvm_g, names)

    monkeypatch.setattr(steps, "fit_baseline", spy)
    tasks = [task for task in tiny_study.tasks if task.size_matched and task.cohort == "development"]
    for task in (task for task in tasks if task.model == "linear"):
        fit = fit_model(task, beats=tiny_study.beats(), folds=tiny_study.folds())
        male = fitted.pop()[:, 0]
        assert len(male) == ((folds != task.fold) & (people["sex"] == task.sex)).sum()
        assert 0.2 < male.mean() < 0.8
        assert set(people.set_index("subject_id").loc[list(fit.estimates.subject_id), "sex"]) == {task.sex}


def test_counterfactual_cohort_is_the_same_people(tiny_study: Study) -> None:
    others = open_cohort(tiny_study.config.cohort(COUNTERFACTUAL))
    cohort = tiny_study.cohort()
    pd.testing.assert_frame_equal(others.subjects, cohort.subjects)
    assert any((others.recording(i).signal_mv != cohort.recording(i).signal_mv).any() for i in range(5))


def test_saliency_is_of_out_of_fold_people(tiny_study: Study) -> None:
    saliency = tiny_study.saliency()
    folds = tiny_study.folds().set_index("subject_id")["fold"]
    assert saliency.grams.shape == saliency.inputs_mv.shape == (len(saliency.people), 12, 400)
    assert (saliency.people["fold"].to_numpy() == folds.loc[saliency.people["subject_id"]].to_numpy()).all()
    assert set(saliency.people["sex"]) == {"female", "male"}


def test_one_ecg_of_each_patient_is_explained(tiny_study: Study) -> None:
    people = tiny_study.beats().people
    again = pd.concat([people.assign(patient_id=people["patient_id"].iloc[0]).iloc[:3], people])  # one has four
    again = again.assign(subject_id=[f"s{i}" for i in range(len(again))]).reset_index(drop=True)
    folds = pd.DataFrame({"subject_id": again["subject_id"], "fold": 0})
    rows, _ = steps._explained(again, folds, 0, None, len(again))
    assert again["patient_id"].iloc[rows].is_unique
    assert set(again["patient_id"].iloc[rows]) == set(again["patient_id"])


def test_a_sex_that_a_fit_never_saw_starts_from_the_mean_of_the_fit(tiny_study: Study) -> None:
    beats, fit = tiny_study.beats(), tiny_study.fits("elvmass-net", "sex-specific")[0]
    women = (beats.people["sex"] == "female").to_numpy()
    only = replace(beats, people=beats.people[women].reset_index(drop=True), waveform_mv=beats.waveform_mv[women])
    made = []
    for baseline in ("mean", "mean of the sex"):
        options = SaliencyConfig(n_per_sex=2, steps=8, baseline=baseline)
        asked: dict[str, Any] = {"options": options, "fold": 1, "sex": "female", "fit": fit}
        both = steps.attribute(**asked, folds=tiny_study.folds(), beats=beats)
        made.append(both.people.sort_values("subject_id", ignore_index=True))
        alone = steps.attribute(**asked, folds=tiny_study.folds(), beats=only)
        assert set(alone.people["sex"]) == {"female"}
    pd.testing.assert_frame_equal(made[0], made[1], atol=1e-4)


def test_finished_study_recomputes_nothing(tiny_study: Study) -> None:
    again = Study.from_toml(tiny_study.path)
    outputs = sorted(again.store.folder.rglob("output.pkl"))
    times = [path.stat().st_mtime_ns for path in outputs]
    again.run()
    assert sorted(again.store.folder.rglob("output.pkl")) == outputs
    assert [path.stat().st_mtime_ns for path in outputs] == times


def test_another_number_recomputes_only_what_uses_it(tiny_study: Study, tmp_path: Path) -> None:
    text = tiny_study.path.read_text()
    path = tiny_study.path.with_name("edited.toml")
    path.write_text(text.replace("filters = [16, 32, 16]", "filters = [16, 24, 16]").replace("Simulated", "Invented"))
    edited = Study.from_toml(path)
    assert missing_fits(edited) == {("fcn", "pooled")}
    path.write_text(text + "\n[lvh]\nmale_g_m2 = 70\n")  # a cut-off moves labels, not fits
    assert not missing_fits(Study.from_toml(path))


def missing_fits(study: Study) -> set[tuple[str, str]]:
    """Models and trainings with fits that are not in the store."""
    return {(task.model, task.training) for task in comparison(study.tasks) if not study.store.has(study._fit(task))}


def test_unknown_cohort(tiny_study: Study) -> None:
    with pytest.raises(DataError, match="has no cohort 'third'"):
        tiny_study.cohort("third")


VARIANTS = """
[models.seeds]
estimator = "elvmass-net"
arguments = { channels = 4, levels = 5, stem_stride = 4 }
fit = { epochs = 4, batch_size = 8 }
seeds = 2

[models.fine-tuned]
estimator = "elvmass-net"
training = ["sex-specific"]
fine_tune = true
arguments = { channels = 4, levels = 5, stem_stride = 4 }
fit = { epochs = 1, patience = 1 }

[models.size-matched]
estimator = "ridge"
size_matched = true

[models.ten-seconds]
estimator = "elvmass-net"
reads = "signal"
arguments = { channels = 4, levels = 6, stem_stride = 4 }
fit = { epochs = 1, patience = 1 }

[models.one-beat]
estimator = "fcn"
beat = { average = "single" }
arguments = { filters = [8, 8, 8] }
fit = { epochs = 1, patience = 1 }

[models.everything-but-the-waveform]
estimator = "gradient-boosting"
covariates = ["demographics", "ecg-parameters", "criteria"]
"""


@pytest.fixture(scope="module")
def variants(tiny_study_file: Path) -> Study:
    """Return a study of variants beside the tiny one, with which it shares the beats."""
    head = tiny_study_file.read_text().partition("[gap]")[0].partition("[models.")[0]
    head = head.replace('name = "tiny"', 'name = "variants"').replace("[saliency]", "[saliency]\nmodel = 'seeds'")
    path = tiny_study_file.with_name("variants.toml")
    path.write_text(head + VARIANTS)
    return Study.from_toml(path)


def test_every_variant_estimates_everybody_once(variants: Study) -> None:
    for cohort, table in (("development", variants.predictions()), ("external", variants.external())):
        check_predictions(table)
        counts = table.groupby("model")["subject_id"].nunique()
        assert set(counts.index) == set(variants.config.models)
        assert set(counts) == {len(variants.beats(cohort).people)}
        assert np.isfinite(table["predicted_lvm_g"]).all()


def test_estimates_are_means_over_seeds(variants: Study) -> None:
    fits = variants.fits("seeds", "pooled")
    assert len(fits) == 4  # two folds, two seeds
    table = variants.predictions().query("model == 'seeds' and fold == 1").set_index("subject_id")
    mean = np.mean([fit.estimates.predicted_lvm_g for fit in fits[:2]], axis=0)
    np.testing.assert_allclose(table.loc[list(fits[0].estimates.subject_id), "predicted_lvm_g"], mean)
    assert np.abs(fits[0].estimates.predicted_lvm_g - fits[1].estimates.predicted_lvm_g).max() > 1e-3


def test_fine_tuned_models_have_the_scaling_of_the_pooled_one(variants: Study) -> None:
    tuned = variants.networks("fine-tuned", "sex-specific")
    pooled = variants.networks("seeds", "pooled")  # of the same settings
    scales = [each.target_mean_g / each.target_sd_g for each in (*tuned[:2], pooled[0])]  # both times a level
    np.testing.assert_allclose(scales, scales[2])


def test_a_beat_of_its_own_leaves_the_covariates_as_they_are(variants: Study) -> None:
    own, study = (variants.networks(name, "pooled")[0] for name in ("one-beat", "seeds"))
    assert own.covariates == study.covariates
    np.testing.assert_array_equal(own.covariate_mean, study.covariate_mean)


def test_fingerprint_is_of_what_changes_results_alone(tiny_study: Study, tmp_path: Path) -> None:
    text = (tiny_study.path).read_text()

    def fingerprint(name: str, edited: str) -> str:
        path = tmp_path / name
        path.write_text(edited)
        return Study.from_toml(path).fingerprint

    same = 'cache_dir = "elsewhere"\nworkers = 1\n' + text.replace('name = "tiny"', 'name = "other"')
    assert fingerprint("same.toml", same) == tiny_study.fingerprint
    assert fingerprint("seed.toml", text.replace("seed = 2026", "seed = 2027")) != tiny_study.fingerprint
    assert fingerprint("cohort.toml", text.replace("n = 80", "n = 81")) != tiny_study.fingerprint


def test_size_matched_training_has_as_many_people_as_one_sex(variants: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def counted(kind: str, covariates: np.ndarray, lvm_g: np.ndarray, names: tuple[str, ...]) -> object:
        seen.append(len(lvm_g))
        assert set(covariates[:, 0]) == {0.0, 1.0}  # both sexes
        return fit_baseline(kind, covariates, lvm_g, names)

    monkeypatch.setattr(steps, "fit_baseline", counted)
    for task in tasks_of(variants, "size-matched", "pooled"):
        fit_model(task, beats=variants.beats(), folds=variants.folds())
    folds = variants.folds()
    expected = [
        int(((folds["sex"] == sex) & (folds["fold"] != fold)).sum()) for fold in (1, 2) for sex in ("female", "male")
    ]
    assert seen == expected


def test_a_dask_cluster_gives_the_results_of_this_machine(tiny_study: Study, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    path = Path(shutil.copy(tiny_study.path, tmp_path / "tiny.toml"))
    fits = [("demographics", "pooled"), ("elvmass-net", "pooled")]
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        study = Study.from_toml(path, scheduler=cluster.scheduler_address)
        for model, training in fits:
            for there, here in zip(study.fits(model, training), tiny_study.fits(model, training), strict=True):
                np.testing.assert_allclose(there.estimates.predicted_lvm_g, here.estimates.predicted_lvm_g, atol=1e-5)
        # and what has no network in it, from cutting beats to the tables, is equal to the last bit
        head, _, models = tiny_study.path.read_text().partition("[models.sex-median]")
        text = head.partition("[gap]")[0].partition("[saliency]")[0] + "[models.sex-median]" + models
        text = text.partition("[models.elvmass-net]")[0].replace("bootstrap = 200", "bootstrap = 100")
        tables = []
        for name, scheduler in (("one", None), ("two", cluster.scheduler_address)):
            (tmp_path / name).mkdir()
            (tmp_path / name / "plain.toml").write_text("workers = 1\n" + text)
            plain = Study.from_toml(tmp_path / name / "plain.toml", scheduler=scheduler)
            plain.run()
            files = [*plain.results_folder.glob("*.csv"), *plain.people_folder.glob("*.csv")]
            tables.append({file.name: file.read_bytes() for file in files})
        assert tables[0] == tables[1]
        assert {"errors.csv", "gap.csv", "predictions.csv", "exclusions.csv"} <= set(tables[0])


def test_full_disk_is_one_sentence_and_keeps_what_is_finished(tiny_study: Study, tmp_path: Path) -> None:
    path = Path(shutil.copy(tiny_study.path, tmp_path / "tiny.toml"))
    # a file may not grow beyond 600 kB: tables fit, beats do not
    code = """
import resource, sys
from lvmass.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
sys.argv = ["lvmass", "run", sys.argv[1]]
main()
"""
    result = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=False, timeout=300
    )
    assert result.returncode == 1, result
    assert "Traceback" not in result.stderr
    assert "could not be kept" in result.stderr or "finished stages are kept" in result.stderr, result.stderr
