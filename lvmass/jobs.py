"""Independent stages side by side: on this machine's processes, or on a Dask cluster."""

import warnings
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import joblib
from pydantic import BaseModel
from tqdm import tqdm

from lvmass.errors import DataError
from lvmass.store import Store, stage_key


def compute_all(
    store: Store,
    stage: Callable[..., Any],
    settings: Iterable[BaseModel],
    label: str,
    *,
    workers: int,
    scheduler: str | None = None,
) -> list[Any]:
    """Compute one stage for several settings; what is finished is read.

    Parameters
    ----------
    store : Store
        Where results are kept; every process reads and writes there.
    stage : function
        The stage.
    settings : iterable of BaseModel
        One result each.
    label : str
        Of the progress bar, shown on a terminal.
    workers : int
        Processes of this machine.
    scheduler : str, optional
        Address of a Dask scheduler whose workers compute instead.

    Returns
    -------
    list
        Results in the order of ``settings``.
    """
    settings = list(settings)
    missing = {stage_key(stage, each): each for each in settings if not store.has(stage, each)}
    if missing:
        with ExitStack() as stack:
            # joblib renews a worker whose memory grew, as it does when torch is loaded; nothing is lost
            stack.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", message="A worker stopped")
            where: dict[str, Any] = {"n_jobs": min(workers, len(missing))}
            if scheduler is not None:
                from distributed import Client

                where = {"backend": "dask", "client": stack.enter_context(Client(scheduler)), "n_jobs": -1}
            stack.enter_context(joblib.parallel_config(**where))
            tasks = (joblib.delayed(_compute)(store, stage, each, key) for key, each in missing.items())
            finished = joblib.Parallel(return_as="generator_unordered")(tasks)
            bar = tqdm(finished, total=len(settings), initial=len(settings) - len(missing), desc=label, disable=None)
            for _ in bar:
                pass
    return [store(stage, each) for each in settings]


def _compute(store: Store, stage: Callable[..., Any], settings: BaseModel, key: str) -> None:
    """Fill the store from a worker process; the result is read back from disk, not sent."""
    if stage_key(stage, settings) != key:
        raise DataError("The source of lvmass was edited during the run; run the same command again.")
    store(stage, settings)
