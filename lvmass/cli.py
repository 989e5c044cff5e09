"""The command line: ``lvmass run | predict | init | check | doctor | book``.

Exit code 0: done; 1: the data or the study has problems, all listed; 2: wrong usage.
"""

import dataclasses
import json
import logging
import platform
import shutil
import signal
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lvmass.errors import DataError

if TYPE_CHECKING:
    from lvmass.prediction import Estimate

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Left-ventricular mass from the 12-lead ECG. Research software, not for clinical use.",
)

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study file.")]


def main() -> None:
    """Run the command line; a problem of the user's, or a Ctrl-C, is a sentence, not a traceback."""
    progress = logging.getLogger("lvmass")  # where no bar can be shown
    progress.handlers = [logging.StreamHandler()]
    progress.setLevel(logging.INFO)
    signal.signal(signal.SIGINT, _stop)
    try:
        app()
    except DataError as error:
        print(f"lvmass: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:  # a full disk, a folder that may not be written
        where = f"{error.filename}: " if error.filename else ""
        print(f"lvmass: {where}{error.strerror or error}; finished stages are kept.", file=sys.stderr)
        sys.exit(1)


def _stop(*_: object) -> None:
    print("lvmass: stopped; finished stages are kept, and the same command goes on from there.", file=sys.stderr)
    sys.exit(130)


@app.command("run")
def _run(
    study_file: StudyFile,
    save_model: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also train on the whole cohort and save the model here.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Compute on a Dask cluster; its workers share this folder.")
    ] = None,
) -> None:
    """Compute every stage of a study that is missing; what is finished is reused."""
    from lvmass.study.study import Study

    study = Study.from_toml(study_file, scheduler)
    study.run()
    if save_model is not None:
        study.save_model(save_model)
        print(f"model saved in {save_model}")
    print(_summary(study))
    print(f"next: lvmass book {study_file}")


@app.command("predict")
def _predict(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A 12-lead ECG: DICOM, WFDB, XML, SCP, EDF, CSV, ...")],
    sex: Annotated[Literal["female", "male"], typer.Option(help="decides the cut-off")],
    age: Annotated[float, typer.Option(help="years")],
    height: Annotated[float, typer.Option(help="cm")],
    weight: Annotated[float, typer.Option(help="kg")],
    unit: Annotated[str | None, typer.Option(help="mV, uV or V, for files that state none")] = None,
    sampling_rate_hz: Annotated[float | None, typer.Option(help="for files that state none, such as CSV")] = None,
    leads: Annotated[str | None, typer.Option(help="such as I,II,V1, for files that name none")] = None,
    model: Annotated[Path | None, typer.Option(metavar="DIR", help="A saved model instead of the package's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Estimate LVM from one recording."""
    from lvmass.ecg.reading import read_ecg
    from lvmass.prediction import PRETRAINED, predict

    estimate = predict(
        read_ecg(file, unit=unit, sampling_rate_hz=sampling_rate_hz, leads=leads and leads.split(",")),
        sex=sex,
        age_years=age,
        height_cm=height,
        weight_kg=weight,
        model_folder=model or PRETRAINED,
    )
    print(json.dumps(dataclasses.asdict(estimate), indent=2) if as_json else _estimate_text(estimate))


@app.command("check")
def _check(study_file: StudyFile) -> None:
    """Check a study file and the cohorts it names, without computing anything."""
    from lvmass.study.study import Study

    study = Study.from_toml(study_file)
    for name in study.cohort_names():
        config = study.config.cohort(name)
        people = config.n if config.simulate else len(study.cohort(name))
        print(f"{name}: {config.label}, {people} people{' (simulated)' if config.simulate else ''}")
    print(f"{study_file}: no problems found")


@app.command("init")
def _init(folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder for a study of your own.")]) -> None:
    """Start a study on a cohort of your own: a study file and an empty subjects table with its data dictionary."""
    from lvmass.cohort.schema import data_dictionary

    if folder.exists() and any(folder.iterdir()):
        raise DataError(f"{folder}: exists and is not empty; give a new folder.")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(__file__).with_name("study") / "template.toml", folder / "study.toml")
    (folder / "subjects.csv").write_text(",".join(data_dictionary()["column"]) + "\n")
    (folder / "data_dictionary.csv").write_text(data_dictionary().to_csv(index=False))
    print(f"{folder}: fill subjects.csv (see data_dictionary.csv), then run 'lvmass check {folder / 'study.toml'}'")


@app.command("doctor")
def _doctor() -> None:
    """Print versions and say whether this installation works."""
    import torch

    from lvmass.prediction import PRETRAINED
    from lvmass.training.model import load_model

    print(f"Python {platform.python_version()} on {platform.platform()}")
    for name in ("lvmass", "torch", "lightning", "numpy", "scipy", "pandas", "captum", "ecgdatakit", "jupyter-book"):
        try:
            print(f"{name} {version(name)}")
        except PackageNotFoundError:
            print(f"{name} is not installed")
    print(f"GPU: {torch.cuda.get_device_name() if torch.cuda.is_available() else 'none, not needed'}")
    model, card = load_model(PRETRAINED)
    print(f"model in the package: {model.network}, {model.n_parameters} parameters, study '{card['study']}'")


@app.command("book")
def _book(study_file: StudyFile) -> None:
    """Compute what a study lacks, build the book of this folder (``_toc.yml``) from it, and check its pages."""
    from lvmass.report.book import build_book
    from lvmass.study.study import Study

    study = Study.from_toml(study_file)
    page = build_book(Path.cwd(), study)
    print(_summary(study))
    print(page)


def _summary(study: Any) -> str:
    """Who is used and who is not, the results of every model, and where the tables are, for the terminal."""
    from lvmass.report.page import select, with_interval
    from lvmass.report.words import reasons

    results, lines = study.results(), [study.config.name + (" (simulated people)" if study.simulated else "")]
    for name in study.cohort_names():
        report = study.beats(name).report
        why = "".join(f"; {n} not: {reason}" for reason, n in reasons(report).items())
        lines.append(f"{name}: {report['usable'].sum()} of {len(report)} ECGs used{why}")
    for name in study.cohort_names():
        errors = select(results["errors"], cohort=name, sex="all", metric="mae_g")
        areas = select(results["c_statistics"], cohort=name, sex="all", score="indexed")
        how = "out of fold" if name == "development" else "without refit"
        lines.append(
            f"{name}, {how}: mean absolute error; c-statistic of LVH by index ({areas['n_lvh'].max()} with LVH)"
        )
        for (_, mae), (_, auc) in zip(errors.iterrows(), areas.iterrows(), strict=True):
            c_statistic = with_interval(auc, "auc", 3)
            lines.append(
                f"  {with_interval(mae, digits=2, unit=' g')}; {c_statistic}  {mae['model']} ({mae['training']})"
            )
    return "\n".join([*lines, f"tables: {study.results_folder}", f"people, never in the book: {study.people_folder}"])


def _estimate_text(estimate: "Estimate") -> str:
    """An estimate for a person's eyes."""
    interval = "no interval"
    if estimate.lvm_low_g is not None:
        interval = f"{100 * estimate.interval_level:.0f} % interval "
        interval += f"{estimate.lvm_low_g:.0f} to {estimate.lvm_high_g:.0f} g"
    shown = [
        ("LV mass", f"{estimate.lvm_g:.0f} g ({interval})"),
        ("LVM index", f"{estimate.lvmi_g_m2:.0f} g/m2 (BSA {estimate.bsa_m2:.2f} m2, Mosteller)"),
        ("LVH", f"{'yes' if estimate.lvh else 'no'}: the cut-off is {estimate.lvh_cutoff_g_m2:g} g/m2, "
                f"{estimate.lvh_cutoff_source}"),
        ("ECG", f"heart rate {_number(estimate.heart_rate_bpm, '/min')}, PR {_number(estimate.pr_interval_ms, ' ms')}, "
                f"QRS {_number(estimate.qrs_duration_ms, ' ms')}, QTc {_number(estimate.qtc_ms, ' ms')}, "
                f"axis {_number(estimate.qrs_axis_deg, ' deg')}; {estimate.n_beats} beats"),
        ("Made by", f"{estimate.model['network']}, trained on {estimate.model['training_people']} "
                    f"{'simulated ' if estimate.model['trained_on_simulated_data'] else ''}people "
                    f"(out-of-fold MAE {estimate.model['out_of_fold_mae_g']:.1f} g there)"),
    ]  # fmt: skip
    lines = [f"{name:<10}{text}" for name, text in shown]
    lines += [f"{'Note':<10}{note}" for note in estimate.notes]
    return "\n".join([*lines, "Research software, not for clinical use."])


def _number(value: float | None, unit: str) -> str:
    return "not measurable" if value is None else f"{value:.0f}{unit}"
