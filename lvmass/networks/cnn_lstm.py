"""CNN-LSTM over the synchronized beat: convolutions find waves, a recurrent layer reads their order.

A common design for ECGs, with no single source; the sizes are ours, near those of the other comparators.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from lvmass.networks.tcn import TimeConv, to_time_layout


class CnnLstm(nn.Module):
    """Three pooled convolutions, a bidirectional LSTM, and a head that joins its last states with covariates.

    Parameters
    ----------
    filters : tuple of int
        Of the convolutions, each followed by batch normalization and max-pooling by 2.
    kernel : int
        Taps of each convolution.
    hidden : int
        Units of the LSTM in each direction, and of the head.
    dropout : float
        Before the LSTM and in the head.

    Examples
    --------
    >>> CnnLstm(n_covariates=3)(torch.zeros(2, 12, 400), torch.zeros(2, 3)).shape
    torch.Size([2])
    """

    def __init__(
        self,
        n_covariates: int,
        n_samples: int = 400,
        *,
        filters: tuple[int, ...] = (32, 64, 64),
        kernel: int = 7,
        hidden: int = 64,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for n_in, n_out in pairwise((12, *filters)):
            blocks += [TimeConv(n_in, n_out, kernel), nn.BatchNorm2d(n_out), nn.ReLU(), nn.MaxPool2d((1, 2))]
        self.convolutions = nn.Sequential(*blocks, nn.Dropout(dropout))
        self.recurrent = nn.LSTM(filters[-1], hidden, batch_first=True, bidirectional=True)
        self.head = nn.Sequential(
            nn.Linear(2 * hidden + n_covariates, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, 1)
        )

    def forward(self, beat: Tensor, covariates: Tensor) -> Tensor:  # (batch, 12, time), (batch, covariate) -> (batch,)
        """Estimate z-scored LVM."""
        waves = self.convolutions(to_time_layout(beat)).squeeze(2).transpose(1, 2)  # (batch, time / 8, filter)
        _, (last, _) = self.recurrent(waves)  # (direction, batch, hidden)
        return self.head(torch.cat([last[0], last[1], covariates], dim=1)).squeeze(1)
