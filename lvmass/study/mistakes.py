"""What is wrong with a study file, in sentences: where, what, and what was probably meant."""

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lvmass.study.fields import Setting, Table, allowed, as_toml

RENAMED = {"matched": "size_matched", "twins": "counterfactual"}
"""Keys of earlier study files, and what they are called now."""

_TYPES: dict[str, tuple[type, ...]] = {
    **{"boolean": (bool,), "integer": (int,), "number": (int, float), "string": (str,), "array": (list, tuple)},
}
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}

# What a line that is not TOML looks like, and how to mend it; the first that fits is said.
_CAUSES = {
    r"[„“”‚‘’]": 'write straight quotes: "text"',
    r"^\w+( +\w+)+ *=": "write _ for a space in a setting's name; your own names with spaces stand in quotes",
    r"^[^#\"'=]*[^\x00-\x7f][^\"'=]*=|^\[[^\]\"]*[^\]\w.-]": "a name with spaces or letters beyond A-Z needs quotes",
    r"^(//|;|/\*)": "begin a comment with #",
    r"\"[^\"]*\\": "write a path with / or in single quotes: 'C:\\data\\subjects.csv'",
    r"^[\w-]+ *: ": "write = between name and value",
    r"^[^=]*$(?<!\])|^\[[^\]]*$": "write 'name = value', or the name of a table in brackets: [folds]",
    r"= *(#|$)": "give a value after =, or leave the line out",
    r"= *-?\d+,\d+\s*(#|$)": "write a decimal point, not a comma: 0.5",
    r"= *-?[\d.]+ *%": "write a share, not percent: 0.15",
    r"= *-?[\d.]+ *[A-Za-zµ]": "write the number alone; its unit is in the setting's name",
    r"(?i)= *(true|false|yes|no|on|off)\b": "write true or false, in lower case",
    r"(?i)= *(none|null|nil|na)\b": "leave the line out where there is no value",
    r"= *[^\"'\[{\s]*[A-Za-z]": "put text in quotes",
    r"^[^\"]*(\"[^\"]*\"[^\"]*)*\"[^\"]*$|^[^']*('[^']*'[^']*)*'[^']*$": "a quote is missing",
    r"= *-?0\d": "write a number without zeros in front",
}


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Nearest known name, as a question in brackets; empty if none is near.

    Examples
    --------
    >>> did_you_mean("Learning-rates", ["epochs", "learning_rate"])
    " (did you mean 'learning_rate'?)"
    """
    near = _closest(name, known, 0.5)
    return f" (did you mean '{near}'?)" if near else ""


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip().lower().replace("µ", "u"))


def _closest(name: str, known: Iterable[str], cutoff: float) -> str | None:
    plain = {_plain(each): each for each in known}
    near = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=cutoff)
    return plain[near[0]] if near else None


def absent_file(path: Path) -> str:
    """Say that a file is not there, with the nearest name in its folder; empty if it is there.

    Examples
    --------
    >>> absent_file(Path("no_folder/subjects.csv"))
    "there is no folder 'no_folder'"
    """
    if path.exists():
        return ""
    if re.search(r"[\t\n\r\b\f]", str(path)):  # "C:\new\table.csv" in double quotes
        return "the path holds a tab or a line break; write it with / or in single quotes"
    if not path.parent.is_dir():
        return f"there is no folder '{path.parent}'"
    return f"there is no file '{path.name}'{did_you_mean(path.name, (each.name for each in path.parent.iterdir()))}"


def syntax_sentence(text: str, message: str) -> str:
    """One sentence on a file that is not TOML: the line, what tomllib says, and the usual cause.

    Parameters
    ----------
    text, message : str
        The file, and the error.

    Examples
    --------
    >>> syntax_sentence("name = own", "Invalid value (at line 1, column 8)")
    'line 1 is not valid TOML (invalid value): name = own; put text in quotes.'
    """
    place = re.search(r" \(at (?:line (\d+).*|end of document)\)", message)
    lines = text.splitlines()
    number = min(int(place[1]), len(lines)) if place and place[1] else len(lines)
    reason = message[: place.start()] if place else message
    line = lines[number - 1].strip() if lines else ""
    advice = next((cause for pattern, cause in _CAUSES.items() if re.search(pattern, line)), "correct it")
    if re.search("twice|overwrite|mutate", reason):
        advice = "it is there twice; keep one of them"
    elif advice == "correct it" and "nclosed" in reason:
        advice = "close the bracket, here or in the line above"
    return f"line {number} is not valid TOML ({reason[0].lower() + reason[1:]}): {line[:80]}; {advice}."


def sentences(problems: Iterable[Any], tables: Mapping[str, Table]) -> list[str]:
    """Say each of pydantic's problems in one sentence.

    Parameters
    ----------
    problems : iterable of dict
        ``ValidationError.errors()`` of the class of a study file.
    tables : dict of str to Table
        Of the same class, see `lvmass.study.fields.tables_of`.

    Returns
    -------
    list of str
        Without what follows from another problem: a misspelt key is not missing, too.
    """
    found, meant, problems = [], set(), list(problems)
    for problem in sorted(problems, key=lambda each: each["type"] == "missing"):
        location = problem["loc"]
        if problem["type"] == "extra_forbidden":
            sentence, key = _unknown(location, problem["input"], tables)
            meant.add((*location[:-1], key))
        elif problem["type"] == "too_short" and any(each["loc"][:-1] == location for each in problems):
            continue  # its items are wrong, and said to be
        elif problem["type"] != "missing":
            sentence = _wrong(problem, tables)
        elif location in meant:
            continue
        else:
            sentence = f"{_called(location, tables)} is missing; add it."
        found.append(sentence)
    return found


def _table_name(location: Iterable[Any]) -> str:
    """Name under which a table is listed: every model's is that of ``NAME``."""
    parts = list(map(str, location))
    return ".".join(["models", "NAME", *parts[2:]] if parts[:1] == ["models"] else parts)


def _called(location: tuple[Any, ...], tables: Mapping[str, Table]) -> str:
    """A key or table as the file writes it."""
    name = ".".join(map(str, location))
    return f"table [{name}]" if _table_name(location) in tables or location == ("models",) else f"'{name}'"


def _unknown(location: tuple[Any, ...], value: Any, tables: Mapping[str, Table]) -> tuple[str, str]:
    """Sentence on a key that its table does not have, and the key that was meant."""
    key, inside = str(location[-1]), location[:-1]
    here, where = tables[_table_name(inside)].keys, ".".join(map(str, location))
    if key in RENAMED:
        return f"'{where}' is now called '{RENAMED[key]}'; rename it.", RENAMED[key]
    what, shown = ("table [{}]", "[{}]") if isinstance(value, dict) else ("key '{}'", "'{}'")
    near = _closest(key, here, 0.8)
    if near is None:
        homes = _homes(tables)
        other = _closest(key, homes, 0.85)
        if other is not None:
            own = str(inside[1]) if inside[:1] == ("models",) else "NAME"
            place = " or ".join(homes[other]).replace("NAME", own)
            return f"unknown {what.format(where)}; '{other}' belongs {place}.", key
        near = _closest(key, here, 0.5)
    hint = f" (did you mean {shown.format('.'.join((*inside, near)))}?)" if near else ""
    if inside[:1] == ("models",) and isinstance(value, dict) and "estimator" in value:
        hint = f' (a name with a point stands in quotes: [models."{inside[1]}.{key}"])'
    return f"unknown {what.format(where)}{hint}; allowed here: {', '.join(here)}.", near or key


def _homes(tables: Mapping[str, Table]) -> dict[str, list[str]]:
    """Where each key of a study file belongs, in words."""
    homes: dict[str, list[str]] = {}
    for name, table in tables.items():
        homes.setdefault(name.rpartition(".")[2], []).append(f"in a table of its own, [{name}]")
        for setting in table.settings:
            place = f"in [{name}]" if name else "at the top of the file, above the first [table]"
            homes.setdefault(setting.key, []).append(place)
    return homes


def _wrong(problem: Any, tables: Mapping[str, Table]) -> str:
    """Sentence on a value that its setting cannot have."""
    location, value = problem["loc"], problem["input"]
    if problem["type"] == "value_error":
        message = problem["msg"].removeprefix("Value error, ")
        return f"{_called(location, tables)}: {message}." if location else f"{message}."
    name = _called(location, tables)
    if problem["type"] == "model_type":
        if location[0] == "models" and len(location) == 2:
            return f"'{'.'.join(location)}' is no table; settings of a model stand below a line [models.NAME]."
        return f"'{location[-1]}' is a table; write its settings below a line [{'.'.join(map(str, location))}]."
    setting, inside = _setting(location, tables)
    fallback = f"{name}: {problem['msg'][0].lower() + problem['msg'][1:]}"
    if setting is None:
        return f"{fallback}."
    kind = setting.kind
    for part in inside:  # of a list or of the user's own keys
        kind = kind["items"] if isinstance(part, int) else kind["additionalProperties"]
    return f"{refusal(name, value, kind) or fallback}."


def refusal(name: str, value: Any, kind: dict[str, Any]) -> str:
    """Say that a value does not fit its JSON schema, and what was probably meant; empty if it fits.

    Examples
    --------
    >>> print(refusal("n", "5", {"type": "integer", "minimum": 2, "maximum": 20}))
    n is "5", but has to be a whole number from 2 to 20 (did you mean 5?)
    """
    if _fits(value, kind):
        return ""
    meant = _meant(value, kind, name)
    hint = "" if meant in (None, []) else f" (did you mean {as_toml(meant)}?)"
    given = "a table" if isinstance(value, dict) else as_toml(value)
    return f"{name} is {given}, but has to be {allowed(kind)}{hint}"


def _setting(location: tuple[Any, ...], tables: Mapping[str, Table]) -> tuple[Setting | None, tuple[Any, ...]]:
    """Find the setting at a location, and what of the location lies inside its value."""
    for end in range(len(location), 0, -1):
        table = tables.get(_table_name(location[: end - 1]))
        for setting in table.settings if table else ():
            if setting.key == location[end - 1]:
                return setting, location[end:]
    return None, ()


def _meant(value: Any, kind: dict[str, Any], name: str) -> Any:
    """What was probably meant by a value of the wrong type or size; None if nothing comes to mind."""
    return next((each for each in _candidates(value, kind, name) if _fits(each, kind)), None)


def _candidates(value: Any, kind: dict[str, Any], name: str) -> Iterator[Any]:
    """What may have been meant, likeliest first."""
    if isinstance(value, (dict, list)) and len(value) == 1:
        yield next(iter(value.values() if isinstance(value, dict) else value))
    if kind["type"] == "array":
        items = value if isinstance(value, list) else [value]
        yield [item if _fits(item, kind["items"]) else _meant(item, kind["items"], name) for item in items]
    if isinstance(value, str):
        yield _closest(value, kind.get("enum", ()), 0.5)
        yield _WORDS.get(value.strip().lower())
        yield re.sub(r"[^A-Za-z0-9_.-]+", "-", value).strip("-._")
        number = re.fullmatch(r"\s*(-?\d+(?:[.,]\d+)?)\s*%?.*", value)
        if number is None:
            return
        value = float(number[1].replace(",", "."))
    if type(value) in (int, float) and -1e15 < value < 1e15:
        share = kind.get("maximum", kind.get("exclusiveMaximum", 2)) <= 1
        yield from (bool(value),) if kind["type"] == "boolean" else ()
        yield int(value) if float(value).is_integer() else value
        yield from (value / 100,) if share else ()
        yield from (round(1000 * value),) if name.endswith("_ms'") or kind["type"] == "integer" else ()
        yield str(value)


def _fits(value: Any, kind: dict[str, Any]) -> bool:
    """Whether a value has the type, is among the choices and within the range of a schema."""
    if type(value) not in _TYPES.get(kind["type"], ()):
        return False
    if isinstance(value, (list, tuple)):
        return bool(value or not kind.get("minItems")) and all(_fits(each, kind["items"]) for each in value)
    if isinstance(value, (bool, str)):
        return value in kind.get("enum", [value]) and bool(re.search(kind.get("pattern", ""), str(value)))
    within = kind.get("exclusiveMinimum", -math.inf) < value < kind.get("exclusiveMaximum", math.inf)
    return within and kind.get("minimum", value) <= value <= kind.get("maximum", value)
