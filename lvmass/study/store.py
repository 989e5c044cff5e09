"""Results on disk: found again by what they depend on, computed in parallel where they are missing.

joblib stores, finds and runs; this module says what a result depends on (`Job`) and in which order jobs come.
"""

import hashlib
import logging
import os
import signal
import threading
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, requires, version
from multiprocessing import current_process
from pathlib import Path
from typing import Any

from joblib import Memory, Parallel, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor
from joblib.memory import CacheWarning
from packaging.requirements import Requirement
from pydantic_core import to_json
from tqdm import tqdm

from lvmass.errors import DataError

PACKAGE = Path(__file__).parents[1]
LOG = logging.getLogger(__name__)
_TELL_S = 30.0


@dataclass(frozen=True, eq=False)
class Job:
    """One call of a plain function, ``function(**settings, **takes, **places)``, and all that its result depends on.

    Parameters
    ----------
    function : callable
        Of a module of this package; it gets everything handed over, and asks nobody for more.
    settings : dict of str to plain values or models
        What the result depends on; a model's fields that are excluded from its JSON do not change the result.
    rooms : tuple of str
        Folders and files of the package, such as "ecg" or "errors.py", whose source the function runs.
    takes : dict of str to Job, to a list of these, or to None
        Results of other jobs, by the name of the argument.
    rank : tuple
        Among jobs that could run now, the lower comes first.
    places : dict of str
        Folders that it may use meanwhile, and what a setting already stands for.
    """

    function: Callable[..., Any]
    settings: dict[str, Any]
    rooms: tuple[str, ...]
    takes: dict[str, Any] = field(default_factory=dict)
    rank: tuple[Any, ...] = ()
    places: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """SHA-256 over settings, inputs, the source of its rooms and the versions of all libraries."""
        parts = [self.function.__qualname__, to_json(self.settings).decode(), _source_fingerprint(*self.rooms)]
        parts += [f"{name}={[job.key for job in _jobs(taken)]}" for name, taken in self.takes.items()]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def __getstate__(self) -> dict[str, Any]:
        """Without the key: a worker finds it anew, from the source that it runs."""
        return {name: value for name, value in vars(self).items() if name != "key"}

    def inputs(self) -> list["Job"]:
        """Jobs whose results it takes."""
        return [job for taken in self.takes.values() for job in _jobs(taken)]


def _jobs(taken: Any) -> list[Job]:
    return [taken] if isinstance(taken, Job) else [job for each in taken or () for job in _jobs(each)]


class Store:
    """A folder of finished results.

    Parameters
    ----------
    folder : path
        Created if absent, for its owner alone.
    workers : int
        Processes that compute at the same time; not part of any key.
    scheduler : str, optional
        Address of a Dask scheduler whose workers compute instead; they see the folder under the same path.

    Raises
    ------
    DataError
        If the folder cannot be written.

    Notes
    -----
    joblib writes to a temporary name and renames, so that a killed run leaves no half result, and two runs at once at
    worst compute the same thing twice.
    """

    def __init__(self, folder: str | Path, workers: int = 1, scheduler: str | None = None) -> None:
        self.folder, self.workers, self.scheduler = Path(folder), workers, scheduler
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            told = f"{self.folder}: results cannot be kept here ({error.strerror})"
            raise DataError(f"{told}; set cache_dir in the study file.") from error

    def has(self, job: Job) -> bool:
        """Whether a result is there."""
        return bool(self._kept.check_call_in_cache(job.key, self, job))

    def get(self, job: Job) -> Any:
        """Return a result, computed if it is not there, after what it takes; see `all`."""
        return self.all([job])[0]

    def all(self, jobs: Sequence[Job]) -> list[Any]:
        """Return results; what is missing is computed in parallel, step by step, by rank."""
        for label, step in self._missing_steps(jobs):
            self._compute(label, sorted(step, key=lambda job: job.rank))
        return [self._load(job) for job in jobs]

    @property
    def _kept(self) -> Any:
        # mmap: several workers read the same beats without a copy each
        memory = Memory(self.folder, mmap_mode="r", verbose=0)
        return memory.cache(_result, ignore=["store", "job"])

    def _load(self, job: Job) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", CacheWarning)  # joblib would only warn that nothing was kept
                return self._kept(job.key, self, job)
        except CacheWarning as warning:
            reason = str(warning).rpartition("Exception: ")[2].rstrip(".")
            do = "make room on the disk and run again, finished results are not lost."
            raise DataError(f"{self.folder}: a result could not be kept ({reason}); {do}") from warning

    def _missing_steps(self, jobs: Sequence[Job]) -> list[tuple[str, list[Job]]]:
        """Missing jobs and the missing ones that they need, the deepest first; jobs of one step need none of it."""
        depths: dict[str, int] = {}
        missing: dict[str, Job] = {}

        def depth(job: Job) -> int:
            if job.key not in depths:
                if self.has(job):
                    depths[job.key] = -1
                else:
                    missing[job.key] = job
                    depths[job.key] = 1 + max((depth(taken) for taken in job.inputs()), default=-1)
            return depths[job.key]

        for job in jobs:
            depth(job)
        steps: dict[tuple[int, str], list[Job]] = defaultdict(list)
        for key, job in missing.items():
            steps[depths[key], job.function.__name__.replace("_", " ")].append(job)
        return [(label, step) for (_, label), step in sorted(steps.items(), key=lambda step: step[0])]

    def _compute(self, label: str, jobs: Sequence[Job]) -> None:
        where: dict[str, Any] = {"n_jobs": min(self.workers, len(jobs))}
        tasks = (delayed(_compute_one)(self, job, job.key, os.getpid()) for job in jobs)
        with ExitStack() as stack:
            # joblib renews a worker whose memory grew, as it does when torch is loaded; nothing is lost
            stack.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", message="A worker stopped")
            if self.scheduler is not None:
                from distributed import Client

                where = {"backend": "dask", "client": stack.enter_context(Client(self.scheduler)), "n_jobs": -1}
            elif where["n_jobs"] == 1:  # computed in this process: idle workers keep memory that it may need
                get_reusable_executor().shutdown()
            stack.enter_context(parallel_config(**where))
            try:
                _tell(label, Parallel(return_as="generator_unordered")(tasks), len(jobs))
            except BrokenExecutor as error:
                told = f"A process that computed '{label}' was ended from outside, mostly because memory ran out"
                do = "set fewer workers in the study file and run again, finished results are kept."
                raise DataError(f"{told}; {do}") from error


def _tell(label: str, finished: Iterable[Any], n: int) -> None:
    """Show how far a step is: a bar in a terminal, elsewhere a line at its start and end, and every half minute."""
    bar = tqdm(finished, total=n, desc=label, disable=None)
    begun = told = time.monotonic()
    if bar.disable:
        LOG.info("%s: %d to do", label, n)
    for done, _ in enumerate(bar, start=1):
        now = time.monotonic()
        if bar.disable and (done == n or now - told >= _TELL_S):
            seconds, told = (now - begun) / done * (n - done), now
            left = f"{seconds / 60:.0f} min left" if seconds > 90 else f"{seconds:.0f} s left"
            LOG.info("%s: %d of %d, %s", label, done, n, left if done < n else f"done in {now - begun:.0f} s")


def _result(key: str, store: Store, job: Job) -> Any:
    """Compute one result from what it takes, all of which is there; joblib keeps it under the key."""

    def handed(taken: Any) -> Any:
        return store._load(taken) if isinstance(taken, Job) else taken and [handed(each) for each in taken]

    takes = {name: handed(taken) for name, taken in job.takes.items()}
    return job.function(**job.settings, **takes, **job.places)


def _compute_one(store: Store, job: Job, key: str, parent: int) -> None:
    """Fill the store from a worker process; the result is read back from disk, not sent."""
    if store.scheduler is None and os.getpid() != parent:
        end_with_parent(parent)
    elif current_process().name.startswith("Loky"):  # not of a cluster: its parent was killed while it started
        os._exit(1)
    if job.key != key:
        raise DataError("The source of lvmass was edited during the run; run the same command again.")
    store._load(job)


@cache
def end_with_parent(parent: int) -> None:
    """End this worker within a second of a killed parent, instead of after the work that it was handed.

    Ctrl-C reaches every process of a terminal: the parent answers it, and ends the workers.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.getppid() != parent:  # it was killed while this worker still started
        os._exit(1)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@cache
def _source_fingerprint(*rooms: str) -> str:
    """SHA-256 over every Python file of some rooms of the package, or single files, and the versions of its libraries.

    Examples
    --------
    >>> len(_source_fingerprint("ecg", "errors.py"))
    64
    """
    files = [path for room in rooms for path in sorted((PACKAGE / room).rglob("*.py")) or [PACKAGE / room]]
    digest = hashlib.sha256("\n".join(_library_versions()).encode())
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _library_versions() -> tuple[str, ...]:
    """Installed version of every library that this package needs, and of those that these need."""
    found, waiting = dict[str, str](), ["lvmass"]
    while waiting:
        for needed in map(Requirement, requires(waiting.pop()) or ()):
            if needed.name not in found and (needed.marker is None or needed.marker.evaluate({"extra": ""})):
                with suppress(PackageNotFoundError):
                    found[needed.name] = version(needed.name)
                    waiting.append(needed.name)
    return tuple(sorted(map(" ".join, found.items())))


def package_fingerprint(*files: str | Path) -> str:
    """SHA-256 over the whole package and the given files; a book built under another one is stale."""
    digest = hashlib.sha256(_source_fingerprint(".").encode())
    for path in [*sorted(PACKAGE.rglob("*.json")), *sorted(PACKAGE.rglob("*.toml")), *map(Path, files)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()
