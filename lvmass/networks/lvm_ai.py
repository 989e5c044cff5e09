"""LVM-AI-style network on the 10-s ECG, after Khurshid et al. (Circ Cardiovasc Imaging 2021).

The block family is public (study facts section 2.4); the published hyper-parameters are not, so this is
"LVM-AI-style": stem of 32 filters, three densely connected blocks of 32, 24 and 16 filters, 71 taps at 500 Hz, about
1.05 million parameters, which fits the size of the published weight file.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from lvmass.networks.tcn import TimeConv, to_time_layout


class _DenseBlock(nn.Module):
    """Convolutions that each read the block's input and all earlier outputs; the last output alone leaves."""

    def __init__(self, n_in: int, filters: int, kernel: int, size: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(TimeConv(n_in + i * filters, filters, kernel) for i in range(size))

    def forward(self, x: Tensor) -> Tensor:  # (batch, n_in, 1, time) -> (batch, filters, 1, time)
        """Densely connected convolutions."""
        seen = [x]
        for convolution in self.convolutions:
            seen.append(torch.relu(convolution(torch.cat(seen, dim=1))))
        return seen[-1]


class LvmAi(nn.Module):
    """LVM-AI-style regression of LVM from the whole recording.

    Parameters
    ----------
    n_covariates, n_samples : int
        See :func:`lvmass.networks.build_network`; ``n_samples`` is 5 000 at 500 Hz, 1 000 at 100 Hz.
    kernel : int
        Taps of every convolution: 71 at 500 Hz; 15 at 100 Hz spans the same 0.14 s.
    stem_filters, block_filters, block_size, covariate_units, dense_units
        As in the family.

    Examples
    --------
    >>> network = LvmAi(n_covariates=3, n_samples=5000)
    >>> round(sum(p.numel() for p in network.parameters()) / 1e6, 2)
    1.05
    >>> network(torch.zeros(1, 12, 5000), torch.zeros(1, 3)).shape
    torch.Size([1])
    """

    def __init__(
        self,
        n_covariates: int,
        n_samples: int = 5000,
        *,
        kernel: int = 71,
        stem_filters: int = 32,
        block_filters: tuple[int, ...] = (32, 24, 16),
        block_size: int = 3,
        covariate_units: int = 32,
        dense_units: tuple[int, ...] = (16, 64),
    ) -> None:
        super().__init__()
        self.stem = TimeConv(12, stem_filters, kernel)
        self.pool = nn.MaxPool2d((1, 2))
        widths = pairwise((stem_filters, *block_filters))
        self.blocks = nn.ModuleList(_DenseBlock(n_in, filters, kernel, block_size) for n_in, filters in widths)
        self.covariates = nn.Sequential(nn.Linear(n_covariates, covariate_units), nn.ReLU()) if n_covariates else None
        encoded = block_filters[-1] * (n_samples // 2 ** len(block_filters))
        dense: list[nn.Module] = []
        for n_in, units in pairwise((encoded + (covariate_units if n_covariates else 0), *dense_units)):
            dense += [nn.Linear(n_in, units), nn.ReLU()]
        self.head = nn.Sequential(*dense, nn.Linear(dense_units[-1], 1))

    def forward(self, signal: Tensor, covariates: Tensor) -> Tensor:
        """Estimate z-scored LVM."""
        x = torch.relu(self.stem(to_time_layout(signal)))
        for block in self.blocks:  # a pool before each block, none after the last
            x = block(self.pool(x))
        features = [x.flatten(1)]
        if self.covariates is not None:
            features.append(self.covariates(covariates))
        return self.head(torch.cat(features, dim=1)).squeeze(1)
