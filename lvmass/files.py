"""Files that are whole or absent."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


@contextmanager
def whole_file(path: Path, mode: str = "w", *, private: bool = False) -> Iterator[IO[Any]]:
    """Open a file that appears under its name when all is written, for its owner alone if it is ``private``.

    Until then it has one name beside it, always the same, so that what a killed run leaves is written over by the next.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole_file(Path(folder, "a.txt"), private=True) as file:
    ...         _ = file.write("all of it")
    ...     print([(each.name, oct(each.stat().st_mode)[-3:]) for each in Path(folder).iterdir()])
    [('a.txt', '600')]
    """
    partial = path.with_name(f".{path.name}.partial")
    opened = os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600 if private else 0o666)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    with open(opened, mode, **text) as file:  # type: ignore[call-overload]
        yield file
    try:
        partial.replace(path)
    except FileNotFoundError:  # another run wrote the same, and was first
        if not path.exists():
            raise
