"""What is wrong with a study file, in sentences: where, what, and what was probably meant."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lvmass.cohort.subjects import nearest
from lvmass.study.fields import Table, allowed, as_toml

_TYPES: dict[str, Any] = {"boolean": bool, "integer": int, "number": int | float, "string": str, "array": list | tuple}
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}

# What a line that is not TOML looks like, and how to mend it; the first that fits is said.
_CAUSES = {
    r"[„“”‚‘’]": 'write straight quotes: "text"',
    r"^\w+( +\w+)+ *=": "write _ for a space in a setting's name; your own names with spaces stand in quotes",
    r"^[^#\"'=]*[^\x00-\x7f][^\"'=]*=|^\[[^\]\"]*[^\]\w.-]": "a name with spaces or letters beyond A-Z needs quotes",
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
}


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Nearest known name, as a question in brackets; empty if none is near.

    Examples
    --------
    >>> did_you_mean("Learning-rates", ["epochs", "learning_rate"])
    " (did you mean 'learning_rate'?)"
    """
    near = nearest(name, known, 0.5)
    return f" (did you mean '{near}'?)" if near else ""


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
    reason, _, place = message.partition(" (at ")
    lines, stated = text.splitlines() or [""], re.match(r"line (\d+)", place)
    number = min(int(stated[1]), len(lines)) if stated else len(lines)
    line = lines[number - 1].strip()
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
            found.append(sentence)
        elif problem["type"] == "too_short" and any(each["loc"][:-1] == location for each in problems):
            continue  # its items are wrong, and said to be
        elif location not in meant:
            found.append(_wrong(problem, tables))
    return found


def _table_name(location: Iterable[Any]) -> str:
    """Name under which a table is listed: every model's is that of ``NAME``."""
    parts = list(map(str, location))
    return ".".join(["models", "NAME", *parts[2:]] if parts[:1] == ["models"] else parts)


def _unknown(location: tuple[Any, ...], value: Any, tables: Mapping[str, Table]) -> tuple[str, str]:
    """Sentence on a key that its table does not have, and the key that was meant."""
    *inside, key = map(str, location)
    table, shown = tables[_table_name(inside)], "[{}]" if isinstance(value, dict) else "'{}'"
    here = [*table.settings, *table.inner]
    told = f"unknown {'table' if isinstance(value, dict) else 'key'} {shown.format('.'.join((*inside, key)))}"
    near = nearest(key, here, 0.8)
    if near is None:
        homes: dict[str, list[str]] = {}  # where each key of a study file belongs
        for name, table in tables.items():
            homes.setdefault(name.rpartition(".")[2], []).append(f"in a table of its own, [{name}]")
            for each in table.settings:
                place = f"in [{name}]" if name else "at the top of the file, above the first [table]"
                homes.setdefault(each, []).append(place)
        other = nearest(key, homes, 0.85)
        if other is not None:
            own = inside[1] if inside[:1] == ["models"] else "NAME"
            return f"{told}; '{other}' belongs {' or '.join(homes[other]).replace('NAME', own)}.", key
        near = nearest(key, here, 0.5)
    hint = f" (did you mean {shown.format('.'.join((*inside, near)))}?)" if near else ""
    return f"{told}{hint}; allowed here: {', '.join(here)}.", near or key


def _wrong(problem: Any, tables: Mapping[str, Table]) -> str:
    """Sentence on a value that is missing, or that its setting cannot have."""
    location, name = problem["loc"], ".".join(map(str, problem["loc"]))
    if problem["type"] == "missing":
        return f"'{name}' is missing; add it."
    if problem["type"] == "model_type":
        return f"'{name}' is a table; write its settings below a line [{_table_name(location)}]."
    for end in range(len(location)):
        table = tables.get(_table_name(location[:end]))
        if table is not None and location[end] in table.settings:
            kind = table.settings[location[end]]
            for part in location[end + 1 :]:  # of a list or of the user's own keys
                kind = kind["items"] if isinstance(part, int) else kind["additionalProperties"]
            if refused := refusal(f"'{name}'", problem["input"], kind):
                return f"{refused}."
    message = problem["msg"].removeprefix("Value error, ")
    return f"{f'[{name}]: ' if name else ''}{message[0].lower()}{message[1:]}."


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
        yield nearest(value, kind.get("enum", ()), 0.5)
        yield _WORDS.get(value.strip().lower())
        yield re.sub(r"[^A-Za-z0-9_.-]+", "-", value).strip("-._")
        number = re.fullmatch(r"\s*(-?\d+(?:[.,]\d+)?)\s*%?.*", value)
        value = float(number[1].replace(",", ".")) if number else None
    if type(value) in (int, float) and -1e15 < value < 1e15:
        yield bool(value)
        yield int(value) if float(value).is_integer() else value
        yield value / 100 if kind.get("maximum", kind.get("exclusiveMaximum", 2)) <= 1 else None  # percent
        yield round(1000 * value)  # of seconds, and where a comma or point stood between thousands
        yield str(value)


def _fits(value: Any, kind: dict[str, Any]) -> bool:
    """Whether a value has the type, is among the choices and within the range of a schema."""
    if not isinstance(value, _TYPES.get(kind["type"], ())) or isinstance(value, bool) != (kind["type"] == "boolean"):
        return False
    if isinstance(value, (list, tuple)):
        return bool(value or not kind.get("minItems")) and all(_fits(each, kind["items"]) for each in value)
    if isinstance(value, (bool, str)):
        return value in kind.get("enum", [value]) and bool(re.search(kind.get("pattern", ""), str(value)))
    within = kind.get("exclusiveMinimum", -math.inf) < value < kind.get("exclusiveMaximum", math.inf)
    return within and kind.get("minimum", value) <= value <= kind.get("maximum", value)
