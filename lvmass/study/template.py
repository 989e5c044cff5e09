"""The folder of a study of one's own, as `lvmass init` writes it, generated from the settings."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from lvmass.cohort.schema import data_dictionary
from lvmass.cohort.subjects import EXAMPLE_IDS
from lvmass.evaluation.lvh import PRIMARY
from lvmass.study.fields import Table, allowed, as_toml, tables_of, toml_key
from lvmass.study.settings import StudyConfig

_STARTER = Path(__file__).with_name("starter")
_WIDTH, _COLUMN = 118, 34

# What a hospital looks at first; a table that is not named here comes last.
_ORDER = (
    *("", "development", "external", "missing", "lvh", "check", "privacy", "folds", "beat"),
    *("models.NAME", "models.NAME.fit", "models.NAME.beat", "gap", "saliency", "machine"),
)
# What is stated, and not only shown with its default.
_STATED: dict[str, dict[str, Any]] = {
    "": {"name": "own-cohort"},
    "development": {"label": "Own cohort", "subjects": "subjects.csv"},
    "lvh": {f"{sex}_g_m2": cutoff for sex, cutoff in PRIMARY.items()},
    "gap.repeats": {"linear": 10},
}
_EXAMPLE_ROWS = {
    "subject_id": EXAMPLE_IDS,
    "patient_id": ("patient-1", "patient-2"),
    "sex": ("female", "male"),
    "age_years": (54, 61),
    "height_cm": (163, 178),
    "weight_kg": (62, 84),
    "lvm_g": (98, 141),
    "ecg_path": ("ecg/example-1.dcm", "ecg/example-2.dcm"),
}


def study_tables() -> dict[str, Table]:
    """Tables of a study file by name, in the order in which a hospital looks at them.

    Examples
    --------
    >>> list(study_tables())[:4]
    ['', 'development', 'external', 'missing']
    """
    tables = tables_of(StudyConfig)
    return {name: tables[name] for name in dict.fromkeys((*_ORDER, *tables))}


def write_starter(folder: Path) -> None:
    """Write a study file, a subjects table with two example rows, its data dictionary and what to do next.

    Parameters
    ----------
    folder : Path
        Exists.
    """
    columns = data_dictionary()
    rows = pd.DataFrame(_EXAMPLE_ROWS).reindex(columns=columns["column"])
    files = {
        "study.toml": study_template(),
        "subjects.csv": rows.to_csv(index=False),
        "data_dictionary.csv": columns.to_csv(index=False),
        "README.md": _starter("README.md").replace("FOLDER", folder.as_posix()) + "\n",
        ".gitignore": _starter("gitignore") + "\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def study_template() -> str:
    """Write a study file in which every setting for a cohort in files stands with its default and meaning.

    Returns
    -------
    str
        TOML. What is stated is what a hospital has to decide; every other line is a comment that holds if its first
        two characters are taken away.

    Examples
    --------
    >>> print(next(line for line in study_template().splitlines() if "bootstrap" in line))
    # bootstrap = 2000                # resamples of every bootstrap interval; a whole number of 100 or more
    """
    seen: dict[str, str] = {}
    blocks = [_starter("head.txt")]
    for name, table in study_tables().items():
        if name == "models.NAME":
            blocks.append(_starter("models.toml"))
        blocks += _blocks(name, table, seen.setdefault(table.kind, name))
    return "\n\n".join(blocks) + "\n"


def _starter(name: str) -> str:
    return (_STARTER / name).read_text(encoding="utf-8").strip()


def _blocks(name: str, table: Table, first: str) -> Iterator[str]:
    """Text of one table, then of the tables in it whose keys are the user's own; ``first`` is the first of its kind."""
    settings = [setting for setting in table.settings if not setting.for_simulation]
    meaning = table.meaning
    if first != name:  # [external] is as [development], a model's [beat] as the study's
        settings = [setting for setting in settings if setting.key in ("label", "subjects")]
        meaning = f"{meaning.rstrip('.')}; the same settings as [{first}]"
    lines, stated = [], _STATED.get(name, {})
    for setting in settings:
        if not setting.is_table:
            words = allowed(setting.kind)
            words = setting.meaning if words == "text in quotes" else f"{setting.meaning}; {words}"
            lines += _line(setting.key, stated.get(setting.key, setting.example), words, setting.key in stated)
    if lines or first != name:
        yield "\n".join([*_header(name, meaning, bool(stated)), *lines])
    for setting in settings:
        if setting.is_table:
            inner = f"{name}.{setting.key}"
            stated = _STATED.get(inner, {})
            rows = [
                _line(toml_key(key), value, "", bool(stated))[0] for key, value in (stated or setting.example).items()
            ]
            yield "\n".join([*_header(inner, setting.meaning, bool(stated)), *rows])


def _header(name: str, meaning: str, stated: bool) -> list[str]:
    """Say what a table is for and begin it; the top of the file has no name."""
    sentence = f"{meaning[0].upper()}{meaning[1:].rstrip('.')}."
    lines = textwrap.wrap(sentence, _WIDTH, initial_indent="## ", subsequent_indent="## ")
    return [*lines, f"{_mark(stated)}[{name}]"] if name else []


def _line(key: str, value: Any, meaning: str, stated: bool) -> list[str]:
    """Write a setting with its meaning beside it, or below where the value is long."""
    text = f"{_mark(stated)}{key} = {as_toml(value)}"
    words = textwrap.wrap(meaning, _WIDTH - _COLUMN - 2, break_on_hyphens=False)
    first = [f"{text:<{_COLUMN}}# {words.pop(0)}"] if words and len(text) < _COLUMN else [text]
    return first + [f"{'##':<{_COLUMN}}# {line}" for line in words]


def _mark(stated: bool) -> str:
    return "" if stated else "# "
