"""Look for people of a cohort in files in what is to be published: ids, names, file names, folders and dates."""

import base64
import datetime
import html
import re
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pandas as pd

from lvmass.cohort.preprocessing import UNREADABLE
from lvmass.study.study import Study

MAX_HEADERS = 300
"""ECG files of a cohort whose headers are read, spread over the table."""

_WORD = re.compile(r"\w+")
_DRAWING = re.compile(r"data:image/svg\+xml;base64,([\w+/=]*)")


def identifiers(study: Study) -> dict[str, str]:
    """What must not be published of the real people of a study, and what it is.

    Short ones would be found everywhere: of fewer than four characters only those with letters and digits count.

    Parameters
    ----------
    study : Study

    Returns
    -------
    dict of str to str
        Lower case; empty where everybody is simulated.
    """
    found: dict[str, str] = {}
    for name in (name for name in study.cohort_names() if study.config.cohort(name).simulate is None):
        people = study.cohort(name).subjects
        paths, days = people["ecg_path"].map(Path), people.filter(["ecg_date", "ct_date"])
        readable = np.flatnonzero(study.beats(name).report["code"] != UNREADABLE)
        chosen = readable[np.linspace(0, len(readable) - 1, min(MAX_HEADERS, len(readable))).astype(int)]
        kinds: dict[str, list[Any]] = {
            "an id": [*people["subject_id"], *people["patient_id"]],
            "a folder": [study.path.absolute().parent, *{path.parent for path in paths}],
            "a file name": [text for path in paths for text in (path.name, path.stem)],
            "a date": [day for column in days for day in pd.to_datetime(days[column]).dropna()],
            "an entry of an ECG file's header": [text for i in chosen for text in _header(paths[i])],
        }
        for kind, texts in kinds.items():
            found |= {each: kind for text in texts for each in _written(text) if each not in found}
    return found


def _written(text: object) -> list[str]:
    """How a page might write it, as far as that can be told from other words and numbers."""
    if isinstance(text, datetime.date):
        forms = [f"{text:%Y-%m-%d}", f"{text:%Y%m%d}", f"{text:%d.%m.%Y}", f"{text:%d/%m/%Y}", f"{text:%m/%d/%Y}"]
    else:
        forms = [str(text).strip().lower()]
    mixed = re.compile(r"(?=.*[^\W\d_])(?=.*\d)")
    return [form for form in forms if len(form) >= (6 if form.isdigit() else 4) or mixed.match(form)]


def _header(path: Path) -> list[object]:
    """Names, ids and dates of the patient as the header of an ECG file gives them."""
    from ecgdatakit import FileParser  # for the files of a real cohort only

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            record = FileParser.parse(path)
    except Exception:  # plain numbers have no header; a damaged one says nothing here
        return []
    patient, recording = record.patient, record.recording
    first, last = patient.first_name, patient.last_name
    names = [f"{first} {last}", f"{last} {first}", f"{last}, {first}", f"{last}^{first}"] if first and last else []
    entries = [patient.patient_id, first, last, *names, patient.birth_date, recording.date]
    return [entry for entry in entries if entry]


def leaks(folder: Path, wanted: Mapping[str, str], known: Iterable[Path] = ()) -> list[str]:
    """Which files below a folder hold an identifier as a whole word, and of what kind; never the identifier itself.

    Parameters
    ----------
    folder : path
        A built book.
    wanted : mapping of str to str
        From `identifiers`.
    known : iterable of path
        What the book is made of: identifiers that stand there, such as the year of a paper, cannot be told from it.

    Returns
    -------
    list of str
        One sentence a file and kind.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as book:
    ...     _ = Path(book, "one.html").write_text("<p>Of patient P-0017 an ECG was lost.</p>")
    ...     leaks(Path(book), {"p-0017": "an id", "p-001": "an id"})
    ['one.html holds an id of the cohort']
    """
    sources = "\n".join(_text(path) for path in known)
    tokens = {text: _WORD.findall(text) for text in wanted}
    unknown = {text: kind for text, kind in wanted.items() if not _stands(text, tokens[text], sources, None)}
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        text, name = _text(path), path.relative_to(folder)
        words, theme = set(_WORD.findall(text)), "_static" in name.parts  # full of numbers and short names
        kinds = {
            kind
            for each, kind in unknown.items()
            if not (theme and (each.isdigit() or len(each) < 8)) and _stands(each, tokens[each], text, words)
        }
        found += [f"{name} holds {kind} of the cohort" for kind in sorted(kinds)]
    return found


def _text(path: Path) -> str:
    """Text of a file in lower case, with that of the drawings in it."""
    text = path.read_bytes().decode("utf-8", "replace")
    drawn = [base64.b64decode(each).decode("utf-8", "replace") for each in _DRAWING.findall(text)]
    said = [" ".join(part) for each in drawn for part in re.findall(r"<!--(.*?)-->|>([^<]+)(?=<)", each)]
    # tables for download are percent-encoded
    return unquote(html.unescape(" ".join([_DRAWING.sub("", text), *said]))).lower()


def _stands(identifier: str, tokens: list[str], text: str, words: set[str] | None) -> bool:
    """Whether it stands in a text, not as part of a longer word or number; ``words`` are those of the text."""
    if identifier not in text if words is None else not words.issuperset(tokens):
        return False
    before, after = (r"[\w.]", r"\w|[.]\d|,\d{3}\b") if identifier.isdigit() else (r"\w", r"[\w-]")
    return re.search(rf"(?<!{before}){re.escape(identifier)}(?!{after})", text) is not None
