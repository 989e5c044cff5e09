"""Results of the study's stages on disk: found again by settings and source code, never by luck.

``joblib.Memory`` stores and finds; this module decides what the key is. A stage's key covers its settings, the
source of the stage and of every lvmass module that it uses, and the versions of the numerical libraries. So an
edited line or number recomputes what depends on it, and nothing else.
"""

import ast
import hashlib
import inspect
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from joblib import Memory, Parallel, delayed, parallel_config
from joblib.memory import CacheWarning
from pydantic import BaseModel
from tqdm import tqdm

from lvmass.errors import DataError

PACKAGE = __name__.partition(".")[0]
NUMERICAL_LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn", "torch", "captum")


class Store:
    """A folder of finished stages.

    Parameters
    ----------
    folder : path
        Created if absent.
    workers : int
        Processes that a stage may use; not part of any key.
    scheduler : str, optional
        Address of a Dask scheduler whose workers compute instead; they see the folder under the same path.

    Notes
    -----
    A stage is a function ``stage(settings, *, store, key)``: ``settings`` is a pydantic model with only what the stage
    uses, ``store`` gives it the stages before it. joblib writes to a temporary name and renames, so that a killed
    run leaves no half result, and two runs at once at worst compute the same thing twice.
    """

    def __init__(self, folder: str | Path, workers: int = 1, scheduler: str | None = None) -> None:
        self.folder, self.workers, self.scheduler = Path(folder), workers, scheduler
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(
                f"{self.folder}: results cannot be kept here ({error.strerror}); set cache_dir in the study file."
            ) from error

    def _cached(self, stage: Callable[..., Any]) -> Any:
        # mmap: several workers read the same beats without a copy each
        memory = Memory(self.folder, mmap_mode="r", verbose=0)
        return memory.cache(stage, ignore=["settings", "store"])

    def __call__(self, stage: Callable[..., Any], settings: BaseModel) -> Any:
        """Result of a stage, computed if it is not there yet."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", CacheWarning)  # joblib would only warn that nothing was kept
                return self._cached(stage)(settings, store=self, key=stage_key(stage, settings))
        except CacheWarning as warning:
            reason = str(warning).rpartition("Exception: ")[2].rstrip(".")
            raise DataError(
                f"{self.folder}: a result could not be kept ({reason}); make room on the disk and run again, "
                "finished results are not lost."
            ) from warning

    def all(self, stage: Callable[..., Any], settings: Sequence[Any], label: str) -> list[Any]:
        """Results of a stage for several settings; what is missing is computed in parallel, in the order given."""
        missing = {stage_key(stage, each): each for each in settings if not self.has(stage, each)}
        if missing:
            with ExitStack() as stack:
                # joblib renews a worker whose memory grew, as it does when torch is loaded; nothing is lost
                stack.enter_context(warnings.catch_warnings())
                warnings.filterwarnings("ignore", message="A worker stopped")
                where: dict[str, Any] = {"n_jobs": min(self.workers, len(missing))}
                if self.scheduler is not None:
                    from distributed import Client

                    where = {"backend": "dask", "client": stack.enter_context(Client(self.scheduler)), "n_jobs": -1}
                stack.enter_context(parallel_config(**where))
                tasks = (delayed(_compute)(self, stage, each, key) for key, each in missing.items())
                finished = Parallel(return_as="generator_unordered")(tasks)
                done = len(settings) - len(missing)
                for _ in tqdm(finished, total=len(settings), initial=done, desc=label, disable=None):
                    pass
        return [self(stage, each) for each in settings]

    def has(self, stage: Callable[..., Any], settings: BaseModel) -> bool:
        """Whether a stage is finished."""
        return bool(self._cached(stage).check_call_in_cache(settings, store=self, key=stage_key(stage, settings)))


def _compute(store: Store, stage: Callable[..., Any], settings: BaseModel, key: str) -> None:
    """Fill the store from a worker process; the result is read back from disk, not sent."""
    if stage_key(stage, settings) != key:
        raise DataError("The source of lvmass was edited during the run; run the same command again.")
    store(stage, settings)


def stage_key(stage: Callable[..., Any], settings: BaseModel) -> str:
    """Key of a stage: settings, source and library versions, as a SHA-256 hex digest."""
    text = settings.model_dump_json() + source_fingerprint(stage)
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def source_fingerprint(stage: Callable[..., Any]) -> str:
    """SHA-256 over the stage's own source, the functions it calls in its module, and the modules it uses.

    Examples
    --------
    >>> from lvmass.evaluation.delong import delong_variance
    >>> len(source_fingerprint(delong_variance))
    64
    """
    sources: set[str] = set()
    modules: set[str] = set()
    _collect(stage, sources, modules)
    digest = hashlib.sha256()
    for text in sorted(sources):
        digest.update(text.encode())
    for path in sorted(_closure(modules)):
        digest.update(Path(path).read_bytes())
    for library in NUMERICAL_LIBRARIES:
        digest.update(f"{library} {version(library)}".encode())
    return digest.hexdigest()


def package_fingerprint(*files: str | Path) -> str:
    """SHA-256 over the whole package and the given files; a book built under another one is stale."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for path in [*sorted(root.rglob("*.py")), *sorted(root.rglob("*.json")), *map(Path, files)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _collect(item: Any, sources: set[str], modules: set[str]) -> None:
    """Add the source of ``item`` and what it names: helpers of the same module by source, others by module."""
    source = inspect.getsource(item)
    if source in sources:
        return
    sources.add(source)
    functions = [item] if isinstance(item, FunctionType) else [f for f in vars(item).values() if inspect.isfunction(f)]
    for function in functions:
        for name in _names(function.__code__):
            value = function.__globals__.get(name)
            value = inspect.unwrap(value) if callable(value) else value  # a cached function is wrapped
            home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            if not isinstance(home, str) or home.partition(".")[0] != PACKAGE:
                if name in function.__globals__ and isinstance(value, (str, int, float, tuple, frozenset)):
                    sources.add(f"{name} = {value!r}")  # a constant
            elif home == function.__module__ and not isinstance(value, ModuleType):
                if inspect.isfunction(value) or inspect.isclass(value):
                    _collect(value, sources, modules)
            else:
                modules.add(home)


def _names(code: CodeType) -> set[str]:
    """Global names a function uses, its inner functions included."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names


def _closure(modules: set[str]) -> set[str]:
    """Files of the modules and of every lvmass module they import, directly or not."""
    files: set[str] = set()
    waiting = list(modules)
    while waiting:
        spec = find_spec(waiting.pop())
        if spec is None or spec.origin is None or spec.origin in files:
            continue
        files.add(spec.origin)
        waiting.extend(_imports(spec.origin))
    return files


@cache
def _imports(path: str) -> tuple[str, ...]:
    """Modules of this package that a file imports anywhere in it."""
    found: list[str] = []
    for node in ast.walk(ast.parse(Path(path).read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # "from lvmass.ecg import beats" names a module too
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    ours = [name for name in found if name.partition(".")[0] == PACKAGE]
    return tuple(name for name in ours if _is_module(name))


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # an attribute of a plain module
        return False
