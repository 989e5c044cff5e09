"""One-dimensional ResNet over the synchronized beat: the residual design of image networks, along time.

After the family that Ribeiro et al. (Nature Communications 2020;11:1760) made common for ECGs: a strided
stem, then residual blocks of two wide convolutions that halve the time axis and widen. The sizes here are
ours, for one beat and a few hundred people.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from lvmass.networks.tcn import TimeConv, to_time_layout


class _Block(nn.Module):
    """Two convolutions, the first halving time, beside a pooled 1 x 1 shortcut."""

    def __init__(self, n_in: int, n_out: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            TimeConv(n_in, n_out, kernel, stride=2),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.Dropout(dropout),
            TimeConv(n_out, n_out, kernel),
            nn.BatchNorm2d(n_out),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d((1, 2), ceil_mode=True), TimeConv(n_in, n_out, kernel=1))

    def forward(self, x: Tensor) -> Tensor:  # (batch, n_in, 1, time) -> (batch, n_out, 1, time / 2)
        """Residual step."""
        return torch.relu(self.body(x) + self.shortcut(x))


class ResNet(nn.Module):
    """Residual network.

    Parameters
    ----------
    stem_filters : int
        Filters of the stem.
    filters : tuple of int
        Filters of the residual blocks.
    kernel : int
        Taps of each convolution.
    dropout : float
        In each block and before the output.

    Examples
    --------
    >>> ResNet(n_covariates=3)(torch.zeros(2, 12, 400), torch.zeros(2, 3)).shape
    torch.Size([2])
    """

    def __init__(
        self,
        n_covariates: int,
        n_samples: int = 400,
        *,
        stem_filters: int = 32,
        filters: tuple[int, ...] = (48, 64, 96, 128),
        kernel: int = 9,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(
            TimeConv(12, stem_filters, kernel, stride=2),
            nn.BatchNorm2d(stem_filters),
            nn.ReLU(),
            *(_Block(n_in, n_out, kernel, dropout) for n_in, n_out in pairwise((stem_filters, *filters))),
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(filters[-1] + n_covariates, 1))

    def forward(self, beat: Tensor, covariates: Tensor) -> Tensor:  # (batch, 12, time), (batch, covariate) -> (batch,)
        """Estimate z-scored LVM."""
        features = self.body(to_time_layout(beat)).mean(dim=(2, 3))  # (batch, filter)
        return self.head(torch.cat([features, covariates], dim=1)).squeeze(1)
