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
class Table:
    """One table of a study file, such as ``[folds]``.

    Parameters
    ----------
    meaning : str
        A sentence.
    same_as : str
        The first table of the same class, whose settings it has too; its own name where it is that.
    settings : dict of str to dict
        JSON schema of each value as it is stated, with its ``description``, which names the unit, its ``default`` if it
        has one, and an ``example`` to show; ``simulation`` is among the keys of what concerns simulated people only.
    inner : tuple of str
        Keys of the tables in it.
    """

    meaning: str
    same_as: str
    settings: dict[str, dict[str, Any]]
    inner: tuple[str, ...]


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
    >>> n = tables_of(StudyConfig)["folds"].settings["n"]
    >>> n["default"], allowed(n), n["description"]
    (5, 'a whole number from 2 to 20', 'folds of the cross-validation')
    """
    whole, first = root.model_json_schema(), dict[str, str]()  # where each class came first

    def walk(name: str, kind: str, about: str = "") -> Iterator[tuple[str, Table]]:
        schema, settings, inner = whole["$defs"].get(kind, whole), dict[str, dict[str, Any]](), []
        for key, field in schema["properties"].items():
            stated = field | field.get("anyOf", [field])[0]
            many = "$ref" in str(stated.get("additionalProperties"))
            reference = (stated["additionalProperties"] if many else stated).get("$ref", "").rpartition("/")[2]
            if reference:
                place = f"{name}.{key}{'.NAME' * many}".lstrip(".")
                inner.append((key, place, reference, field.get("description", "")))
            else:
                empty = stated.get("default") in (None, [], {})
                settings[key] = stated | {"example": stated["examples"][0] if empty else stated["default"]}
        about = (about or schema["description"].partition("\n")[0]).replace("``", "").rstrip(".")
        same_as = first.setdefault(kind, name)
        same = f" The same settings as [{same_as}]." if same_as != name else ""
        yield name, Table(f"{about[0].upper()}{about[1:]}.{same}", same_as, settings, tuple(each[0] for each in inner))
        for _, *table in inner:
            yield from walk(*table)

    return dict(walk("", root.__name__))


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
