"""The settings of a study file as a list, made from the classes that check it: for the template, the book, messages."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

_NOUNS = {"boolean": "true or false", "object": "a table in braces, { name = value }", "string": "text in quotes"}
_BOUNDS = {"exclusiveMinimum": "above {:g}", "minimum": "of {:g} or more", "exclusiveMaximum": "below {:g}"}


@dataclass(frozen=True)
class Setting:
    """One setting of a study file.

    Parameters
    ----------
    key : str
    meaning : str
        What it says, with its unit.
    kind : dict
        JSON schema of a value that is stated.
    default : Any
        Value if nothing is stated; None if there is none.
    example : Any
        A value to show: the default or, without one, an example.
    required : bool
        Whether there is no default.
    is_table : bool
        Whether its keys are the user's own, as in ``[development.columns]``.
    for_simulation : bool
        Whether it concerns simulated people only.
    """

    key: str
    meaning: str
    kind: dict[str, Any]
    default: Any
    example: Any
    required: bool
    is_table: bool
    for_simulation: bool


@dataclass(frozen=True)
class Table:
    """One table of a study file, such as ``[folds]``.

    Parameters
    ----------
    meaning : str
        A sentence.
    same_as : str
        The first table of the same class, whose settings it has too; its own name where it is that.
    settings : tuple of Setting
    inner : tuple of str
        Keys of the tables in it.
    """

    meaning: str
    same_as: str
    settings: tuple[Setting, ...]
    inner: tuple[str, ...]

    @property
    def keys(self) -> list[str]:
        """All keys that may stand in it."""
        return [*(setting.key for setting in self.settings), *self.inner]


def tables_of(root: type[BaseModel]) -> dict[str, Table]:
    """Tables of a study file by name, the one at its top as ``""``.

    Parameters
    ----------
    root : type
        Class of a whole study file.

    Returns
    -------
    dict of str to Table
        In the order of the class; ``models.NAME`` stands for every model.

    Examples
    --------
    >>> from lvmass.study.settings import StudyConfig
    >>> folds = tables_of(StudyConfig)["folds"].settings[0]
    >>> folds.key, folds.default, allowed(folds.kind), folds.meaning
    ('n', 5, 'a whole number from 2 to 20', 'folds of the cross-validation')
    """
    whole = root.model_json_schema()
    return dict(_walk("", root.__name__, whole, whole["$defs"], {}))


def _walk(
    name: str, kind: str, schema: dict[str, Any], classes: dict[str, Any], first: dict[str, str]
) -> Iterator[tuple[str, Table]]:
    """Yield a table and those in it; ``first`` remembers where each class came first."""
    settings, inner = [], {}
    for key, field in schema["properties"].items():
        stated = field.get("anyOf", [field])[0]
        each = stated.get("additionalProperties")
        if "$ref" in stated:
            inner[key] = (key, stated["$ref"], field)
        elif isinstance(each, dict) and "$ref" in each:
            inner[key] = (f"{key}.NAME", each["$ref"], field)
        else:
            kind_of, default = {**field, **stated}, field.get("default")
            example = field["examples"][0] if default in (None, [], {}) else default
            flags = key in schema.get("required", ()), kind_of["type"] == "object", "simulation" in field
            settings.append(Setting(key, field.get("description", ""), kind_of, default, example, *flags))
    about = schema.get("description", "").partition("\n")[0].replace("``", "").rstrip(".")
    same_as = first.setdefault(kind, name)
    same = f" The same settings as [{same_as}]." if same_as != name else ""
    yield name, Table(f"{about[0].upper()}{about[1:]}.{same}", same_as, tuple(settings), tuple(inner))
    for place, reference, field in inner.values():
        kind = reference.rpartition("/")[2]
        own = {"description": field["description"]} if "description" in field else {}
        yield from _walk(f"{name}.{place}".lstrip("."), kind, classes[kind] | own, classes, first)


def allowed(kind: dict[str, Any]) -> str:
    """Say what a value may be.

    Parameters
    ----------
    kind : dict
        JSON schema.

    Examples
    --------
    >>> allowed({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5})
    'a number above 0 and below 0.5'
    >>> allowed({"type": "array", "items": {"enum": ["pooled", "sex-specific"]}})
    'a list of "pooled" or "sex-specific"'
    """
    if "enum" in kind:
        *others, last = (json.dumps(value) for value in kind["enum"])
        return f"{', '.join(others)} or {last}"
    if kind["type"] == "array":
        items = allowed(kind["items"]).replace("a whole number", "whole numbers")
        return f"a list of {'one or more of ' if kind.get('minItems') else ''}{items}"
    if kind["type"] in _NOUNS:
        return _NOUNS[kind["type"]]
    noun = "a whole number" if kind["type"] == "integer" else "a number"
    if "maximum" in kind:
        return f"{noun} from {kind['minimum']:g} to {kind['maximum']:g}"
    words = [word.format(kind[bound]) for bound, word in _BOUNDS.items() if bound in kind]
    return f"{noun} {' and '.join(words)}".rstrip()


def as_toml(value: Any) -> str:
    """Write a value as TOML, a table in one line.

    Examples
    --------
    >>> as_toml({"sex": {"1": "male"}, "Größe": [1.0, True, "a"]})
    '{ sex = { 1 = "male" }, "Größe" = [1.0, true, "a"] }'
    """
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml_key(key)} = {as_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def toml_key(key: str) -> str:
    """Write a key, in quotes where TOML asks for them.

    Examples
    --------
    >>> toml_key("lvm-ai"), toml_key("Größe")
    ('lvm-ai', '"Größe"')
    """
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)
