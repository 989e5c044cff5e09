"""Batches of people for training: read from disk one at a time, shared out to processes."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler


class PeopleInBatches(Dataset[list[Tensor]]):
    """Some rows of the inputs, taken a batch at a time, so that memory-mapped inputs stay on disk.

    Parameters
    ----------
    inputs : ndarray, shape (n, 12, n_samples)
        Beats or signals of everybody, in mV.
    rows : ndarray of int, shape (n_rows,)
        Whom this set holds.
    covariates : Tensor, shape (n_rows, n_features)
        Scaled.
    z_scores : Tensor, shape (n_rows,)
        The target.

    Examples
    --------
    >>> people = PeopleInBatches(np.zeros((9, 12, 400), np.float32), np.arange(5), torch.zeros(5, 2), torch.zeros(5))
    >>> [tuple(part.shape) for part in people[[0, 3]]]
    [(2, 12, 400), (2, 2), (2,)]
    """

    def __init__(
        self, inputs: NDArray[np.float32], rows: NDArray[np.int64], covariates: Tensor, z_scores: Tensor
    ) -> None:
        self.inputs, self.rows, self.covariates, self.z_scores = inputs, rows, covariates, z_scores

    def __len__(self) -> int:
        """Count people."""
        return len(self.rows)

    def __getitem__(self, batch: list[int]) -> list[Tensor]:
        """Inputs, covariates and targets of a batch."""
        inputs = torch.from_numpy(np.array(self.inputs[self.rows[batch]]))  # (batch, lead, time)
        return [inputs, self.covariates[batch], self.z_scores[batch]]


class Batches(Sampler[list[int]]):
    """Batches of one process among ``processes``; together they are the batches of a single process.

    The order of an epoch follows from the seed and the epoch alone, so that a fit that goes on from a checkpoint
    sees the same batches as one that was never stopped.

    Parameters
    ----------
    n : int
        People.
    size : int
        People a batch, over all processes.
    processes : int
        How many share each batch.
    shuffle_seed : int, optional
        Without it people come in order.
    drop_last : bool
        Leave an incomplete last batch out.

    Examples
    --------
    >>> list(Batches(5, 2, processes=1))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self, n: int, size: int, *, processes: int, shuffle_seed: int | None = None, drop_last: bool = False
    ) -> None:
        self.n, self.size, self.processes, self.drop_last = n, size, processes, drop_last
        self.shuffle_seed, self.epoch = shuffle_seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Count batches."""
        return self.n // self.size if self.drop_last else -(-self.n // self.size)

    def __iter__(self) -> Iterator[list[int]]:
        """Positions of this process's people, batch by batch."""
        order = np.arange(self.n)
        if self.shuffle_seed is not None:
            order = np.random.default_rng((self.shuffle_seed, self.epoch)).permutation(self.n)
        process = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
        for start in range(0, len(self) * self.size, self.size):
            yield order[start : start + self.size][process :: self.processes].tolist()
