"""The folder of a study of one's own, as `lvmass init` writes it, generated from the settings."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lvmass.cohort.schema import data_dictionary
from lvmass.evaluation.lvh import PRIMARY
from lvmass.study.fields import Table, allowed, as_toml, tables_of, toml_key
from lvmass.study.settings import StudyConfig

_STARTER = Path(__file__).with_name("starter")
_WIDTH, _COLUMN = 118, 34

# What is stated, and not only shown with its default.
_STATED: dict[str, dict[str, Any]] = {
    "": {"name": "own-cohort"},
    "development": {"label": "Own cohort", "subjects": "subjects.csv"},
    "lvh": {f"{sex}_g_m2": cutoff for sex, cutoff in PRIMARY.items()},
    "gap.repeats": {"linear": 10},
}


def write_starter(folder: Path) -> None:
    """Write a study file, a subjects table with two example rows, its data dictionary and what to do next.

    Parameters
    ----------
    folder : Path
        Exists.
    """
    files = {
        "study.toml": study_template(),
        "subjects.csv": _starter("subjects.csv") + "\n",
        "data_dictionary.csv": data_dictionary().to_csv(index=False),
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
    blocks = [_starter("head.txt")]
    for name, table in tables_of(StudyConfig).items():
        if name == "models.NAME":
            blocks.append(_starter("models.toml"))
        blocks += _blocks(name, table)
    return "\n\n".join(blocks) + "\n"


def _starter(name: str) -> str:
    return (_STARTER / name).read_text(encoding="utf-8").strip()


def _blocks(name: str, table: Table) -> Iterator[str]:
    """Text of one table, then of the tables in it whose keys are the user's own."""
    settings = {key: kind for key, kind in table.settings.items() if "simulation" not in kind}
    if table.same_as != name:  # [external] is as [development], a model's [beat] as the study's
        settings = {key: kind for key, kind in settings.items() if key in ("label", "subjects")}
    lines, stated, own = list[str](), _STATED.get(name, {}), {}
    for key, kind in settings.items():
        if kind["type"] == "object":
            own[f"{name}.{key}"] = kind
        else:
            words = f"{kind['description']}; {allowed(kind)}".removesuffix("; text in quotes")
            lines += _line(key, stated.get(key, kind["example"]), words, key in stated)
    if lines or table.same_as != name:
        yield _block(name, table.meaning, lines, stated)
    for inner, kind in own.items():
        meaning, stated = kind["description"], _STATED.get(inner, {})
        rows = [_line(toml_key(key), value, "", stated)[0] for key, value in (stated or kind["example"]).items()]
        yield _block(inner, f"{meaning[0].upper()}{meaning[1:]}.", rows, stated)


def _block(name: str, meaning: str, lines: list[str], stated: Any) -> str:
    """Say what a table is for, begin it and list its lines; the top of the file has no name."""
    about = textwrap.wrap(meaning, _WIDTH, initial_indent="## ", subsequent_indent="## ")
    return "\n".join([*about, f"{'' if stated else '# '}[{name}]", *lines] if name else lines)


def _line(key: str, value: Any, meaning: str, stated: Any) -> list[str]:
    """Write a setting with its meaning beside it, or below where the value is long."""
    text = f"{'' if stated else '# '}{key} = {as_toml(value)}"
    words = textwrap.wrap(meaning, _WIDTH - _COLUMN - 2, break_on_hyphens=False)
    first = [f"{text:<{_COLUMN}}# {words.pop(0)}"] if words and len(text) < _COLUMN else [text]
    return first + [f"{'##':<{_COLUMN}}# {line}" for line in words]
