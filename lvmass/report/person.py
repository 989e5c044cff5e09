"""A page for each person whose LVM was estimated: the ECG on paper, the beat, and where the estimate stands.

One HTML file without script or foreign request; printed on A4 across, the ECG has its true scale.
"""

from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from lvmass.batch import block_by_block, finished_file, recording_of
from lvmass.errors import DataError
from lvmass.prediction import PERSON, Estimate, estimates, examined, load_predictor
from lvmass.report.ecg_figures import aligned_beats, twelve_leads
from lvmass.report.style import OURS, SEX_COLOURS, Picture, new_figure
from lvmass.report.words import facts, printed
from lvmass.training.card import Card

_ROOM = Path(__file__).parent


def write_report(
    people: pd.DataFrame, out: Path, *, model_folder: str | Path, reading: Mapping[str, Any], workers: int | None = None
) -> None:
    """Write a page for each row, whole or not at all; who cannot be estimated gets a page that says why.

    Parameters
    ----------
    people, model_folder, reading, workers
        As `lvmass.batch.predict_people` takes them.
    out : Path
        The pages, HTML; only its owner may read it.
    """
    load_predictor(model_folder)  # a bad model is one sentence, before anything is written
    template = jinja2.Environment(loader=jinja2.FileSystemLoader(_ROOM), autoescape=True).get_template("person.html")
    with finished_file(out) as file:
        pages = chain.from_iterable(block_by_block(report_block, people, out, (1, 16), model_folder, reading, workers))
        file.writelines(template.generate(pages=pages, style=(_ROOM / "person.css").read_text(encoding="utf-8")))


def report_block(
    rows: list[dict[str, Any]], reading: dict[str, Any], model_folder: Path, model_key: str
) -> list[dict[str, Any]]:
    """What stands on the page of each row; ``model_key`` stands for what is in the folder."""
    return [_page(row, reading, model_folder) for row in rows]


def _page(row: dict[str, Any], reading: dict[str, Any], model_folder: Path) -> dict[str, Any]:
    who = str(row["subject_id"]) if "subject_id" in row else Path(row["file"]).name
    model, card = load_predictor(model_folder)
    try:
        recording = recording_of(row, reading)
        rests_on = examined(recording, row, card)
    except DataError as error:
        return {"who": who, "error": str(error)}
    (estimate,) = estimates(model, card, [rests_on])
    sex, age, height, weight = (rests_on.person[name] for name in PERSON)
    pictures = [
        twelve_leads(recording, "", spacing_mv=2.3),
        standing(estimate, sex, card),
        aligned_beats(recording, rests_on.beat, rests_on.measured, ("V2", "V5"), height=2.8),
    ]
    *shown, (_, made_by) = facts(estimate)
    return {
        "who": who,
        "person": f"{sex}, {age:.0f} years, {height:.0f} cm, {weight:.0f} kg",
        "pictures": [picture._repr_mimebundle_()["text/html"] for picture in pictures],
        "facts": shown,
        "notes": estimate.notes,
        "simulated": estimate.model["trained_on_simulated_data"],
        "made_by": made_by,
    }


def standing(estimate: Estimate, sex: str, card: Card) -> Picture:
    """Draw the interval of an LVM index against the cut-off, and the training people of the same sex below it."""
    figure, axes = new_figure(width=3.5, height=1.9)
    whose = f"{'simulated ' if card.trained_on_simulated_data else ''}{printed(sex)} in training"
    axes.axvline(estimate.lvh_cutoff_g_m2, color="#222222", ls="--", lw=1)
    axes.text(estimate.lvh_cutoff_g_m2, 1.62, "cut-off", ha="center", fontsize=8)
    if estimate.lvmi_low_g_m2 is not None:
        axes.plot([estimate.lvmi_low_g_m2, estimate.lvmi_high_g_m2], [1, 1], color=OURS, lw=2.5)
    axes.plot(estimate.lvmi_g_m2, 1, "o", color=OURS, ms=8)
    span = card.training_ranges.get(sex, {}).get("lvmi_g_m2")  # type: ignore[call-overload]
    if span is not None:
        at = span.percentiles
        axes.plot([min(at.values()), max(at.values())], [0, 0], color=SEX_COLOURS[sex], lw=2, alpha=0.5)
        axes.plot([at[25], at[75]], [0, 0], color=SEX_COLOURS[sex], lw=8, solid_capstyle="butt")
        axes.plot(at[50], 0, "|", color="white", ms=8, mew=2)
    axes.set(ylim=(-0.6, 1.6), yticks=[0, 1] if span else [1], xlabel="LVM index (g/m²)")
    axes.set_yticklabels(([whose.replace(" in ", "\nin ")] if span else []) + ["this ECG"], fontsize=8)
    shown = ", ".join(map(str, span.percentiles)) if span else ""
    said = f"LVM index of this ECG with its interval against the cut-off of {estimate.lvh_cutoff_g_m2:g} g/m²"
    return Picture(figure, f"{said}{f', above percentiles {shown} of the {whose}' if span else ''}.")
