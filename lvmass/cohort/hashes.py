"""SHA-256 of files, each read once as long as it stays as it is."""

import hashlib
import json
import os
import time
from pathlib import Path

from lvmass.errors import DataError
from lvmass.files import whole_file

_SETTLED_NS = 2_000_000_000


class FileHashes:
    """SHA-256 of the bytes of files, remembered while path, size and times of change stay.

    Of each file only a hash of these is kept, because names of files may name people. A file changed within the last
    two seconds is not remembered: it could change again without another time.

    Parameters
    ----------
    memory : path, optional
        File to remember in; without it every file is read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "ecg.dat")
    ...     _ = path.write_bytes(b"abc")
    ...     print(FileHashes().of(path)[:8])
    ba7816bf
    """

    def __init__(self, memory: Path | None = None) -> None:
        self._memory, self._used = memory, dict[str, str]()
        try:
            self._known: dict[str, str] = dict(json.loads(memory.read_text())) if memory else {}
        except (OSError, ValueError, TypeError):  # none yet, or not ours
            self._known = {}

    def of(self, path: str | Path) -> str:
        """Hash one file.

        Raises
        ------
        DataError
            If it cannot be read.
        """
        now_ns = time.time_ns()
        try:
            state = os.stat(path)
            changed = max(state.st_mtime_ns, state.st_ctime_ns)
            stamp = f"{path}\n{state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"
            key = hashlib.sha256(stamp.encode("utf-8", "surrogateescape")).hexdigest()
            found = self._known.get(key)
            if found is None:
                with open(path, "rb") as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}); is it still there?") from None
        if changed < now_ns - _SETTLED_NS:
            self._used[key] = found
        return found

    def save(self) -> None:
        """Remember the files asked for, and no others."""
        if self._memory is not None and self._used != self._known:
            with whole_file(self._memory) as file:
                json.dump(self._used, file)
