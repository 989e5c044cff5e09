"""The command line: ``lvmass run | predict | export | init | check | doctor | book``.

Exit code 0: done; 1: the data or the study has problems, all listed; 2: wrong usage.
"""

import dataclasses
import json
import logging
import platform
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
Model = Annotated[Path | None, typer.Option(metavar="DIR", help="A saved model instead of the package's.")]


def main() -> None:
    """Run the command line; a problem of the user's, or a Ctrl-C, is a sentence, not a traceback."""
    progress = logging.getLogger("lvmass")  # where no bar can be shown
    progress.handlers = [logging.StreamHandler()]
    progress.setLevel(logging.INFO)
    signal.signal(signal.SIGINT, _stop)
    try:
        app()
    except (DataError, OSError) as error:
        told = str(error)
        if isinstance(error, OSError):  # a full disk, a folder that may not be written
            where = f"{error.filename}: " if error.filename else ""
            kept = "; finished stages are kept" if sys.argv[1:2] in (["run"], ["check"], ["book"]) else ""
            told = f"{where}{error.strerror or error}{kept}."
        print(f"lvmass: {told}", file=sys.stderr)
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
    print(_summary(study))
    if save_model is not None:
        study.save_model(save_model)
        print(f"model saved in {save_model}")
    print(f"next: lvmass book {study_file}")


@app.command("predict")
def _predict(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE...]", help="12-lead ECGs: DICOM, WFDB, XML, SCP, EDF, CSV, ..., or a folder."),
    ] = None,
    sex: Annotated[Literal["female", "male"] | None, typer.Option(help="decides the cut-off")] = None,
    age: Annotated[float | None, typer.Option(help="years")] = None,
    height: Annotated[float | None, typer.Option(help="cm")] = None,
    weight: Annotated[float | None, typer.Option(help="kg")] = None,
    table: Annotated[
        Path | None, typer.Option(metavar="PEOPLE.csv", help="A subjects table without masses, instead of files.")
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(
            metavar="STUDY.toml", help="Names, units, codes and ecg_folder of its [development], for --table."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Write a table, one row an ECG.")] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write a page for each ECG.")] = None,
    unit: Annotated[str | None, typer.Option(help="mV, uV or V, for files that state none")] = None,
    sampling_rate_hz: Annotated[float | None, typer.Option(help="for files that state none, such as CSV")] = None,
    leads: Annotated[str | None, typer.Option(help="such as I,II,V1, for files that name none")] = None,
    model: Model = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, of one ECG.")] = False,
) -> None:
    """Estimate LVM from one recording, or from many into a table."""
    from lvmass.ecg.reading import read_ecg
    from lvmass.prediction import PRETRAINED, predict

    person: dict[str, Any] = {"sex": sex, "age_years": age, "height_cm": height, "weight_kg": weight}
    reading: dict[str, Any] = {"unit": unit, "sampling_rate_hz": sampling_rate_hz, "leads": leads and leads.split(",")}
    folder, paths, failed = model or PRETRAINED, files or [], 0
    if (table is None) == (not paths):
        raise typer.BadParameter("give ECG files, or a folder of them, or --table")
    if table is None and study is not None:
        raise typer.BadParameter("--study says how a --table is written")
    if as_json and out is not None:
        raise typer.BadParameter("--json prints one ECG, --out writes a table; give one of them")
    if single := out is None and len(paths) == 1 and not paths[0].is_dir():
        for name, value in person.items():
            if value is None:
                raise typer.BadParameter(f"one ECG needs --{name.split('_')[0]}")
    elif out is None:
        raise DataError(
            f"{table or paths[0]}: of several ECGs a table is written; give --out FILE.csv, without --json."
        )
    if single:
        estimate = predict(read_ecg(paths[0], **reading), **person, model_folder=folder)
        told = {name: value for name, value in dataclasses.asdict(estimate).items() if name != "lvh"}
        print(json.dumps(told, indent=2) if as_json else _estimate_text(estimate))
        if report is None:
            return
    from lvmass.batch import people_in_files, people_in_table, predict_people  # one estimate needs no tables

    written = [file for file in (out, report) if file is not None]
    people = people_in_files(paths, person, written) if table is None else people_in_table(table, person, study)
    if out is not None:
        estimated, failed = predict_people(people, out, model_folder=folder, reading=reading)
        print(f"{out}: {estimated} estimated, {failed} not{' (why: column error)' if failed else ''}")
    if report is not None:
        from lvmass.report.person import write_report

        write_report(people, report, model_folder=folder, reading=reading)
        print(f"{report}: a page for each ECG", file=sys.stderr)
    if failed:
        raise typer.Exit(1)


@app.command("export")
def _export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write.")], model: Model = None
) -> None:
    """Write a saved model as ONNX, for use without Python or torch."""
    from lvmass.prediction import PRETRAINED
    from lvmass.training.export import ONNX_FILE, export_onnx

    difference_g = export_onnx(model or PRETRAINED, folder)
    print(f"{folder / ONNX_FILE}: within {difference_g:.1g} g of torch; how to use it: model.json beside it")


@app.command("check")
def _check(study_file: StudyFile) -> None:
    """List every problem of a study: its file, every row and every ECG; writes check_report.html and .csv beside it."""
    from lvmass.report.check_report import check_text, write_check_report
    from lvmass.study.check import check_study

    findings = check_study(study_file)
    text = check_text(findings)
    if not len(findings.counts) or not findings.counts["simulated"].all():
        text += f"\n\nreport: {write_check_report(findings)[0]}"
    if any(problem.level == "error" for problem in findings.problems):
        raise DataError(text)
    print(text)


@app.command("init")
def _init(folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder for a study of your own.")]) -> None:
    """Start a study on a cohort of your own: study file, subjects table, data dictionary, and what to do next."""
    from lvmass.study.template import write_starter

    if folder.exists() and any(folder.iterdir()):
        raise DataError(f"{folder}: exists and is not empty; give a new folder.")
    folder.mkdir(parents=True, exist_ok=True)
    write_starter(folder)
    print(f"{folder}: read README.md there; fill subjects.csv, then run 'lvmass check {folder / 'study.toml'}'")


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
    from lvmass.report.page import analysed, select, with_interval
    from lvmass.report.words import printed

    results, lines = study.results(), [study.config.name + (" (simulated people)" if study.simulated else "")]
    left_out = study.exclusions()
    for name in study.cohort_names():
        why = select(left_out, cohort=name)["reason"].value_counts()
        n_used = int(study.beats(name).report["usable"].sum())
        lines.append(f"{name}: {n_used} of {n_used + why.sum()} ECGs used")
        lines += [f"  {n} not: {reason}" for reason, n in why.items()]
    for name in study.cohort_names():
        errors = select(results["errors"], cohort=name, sex="all", metric="mae_g")
        areas = select(results["c_statistics"], cohort=name, sex="all", score="indexed")
        how = "out of fold" if name == "development" else "without refit"
        lines.append(f"{name}, {how}: MAE; c-statistic of LVH by index; {analysed(results, name)}")
        for (_, mae), (_, auc) in zip(errors.iterrows(), areas.iterrows(), strict=True):
            numbers = f"{with_interval(mae, digits=2, unit=' g')}; {with_interval(auc, 'auc', 3)}"
            lines.append(f"  {numbers}  {printed(mae['model'])} ({mae['training']})")
    return "\n".join([*lines, f"tables: {study.results_folder}", f"people, never in the book: {study.people_folder}"])


def _estimate_text(estimate: "Estimate") -> str:
    """An estimate for a person's eyes."""
    from lvmass.report.words import facts

    said = [*facts(estimate), *(("Note", note) for note in estimate.notes)]
    lines = [f"{name:<10}{text}" for name, text in said]
    return "\n".join([*lines, "Research software, not for clinical use."])
