"""The networks that eLVMass-Net is compared with."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from lvmass.ecg.recording import INDEPENDENT_LEADS
from lvmass.networks.tcn import TimeConv, to_time_layout

Sizes = tuple[int, ...]


class CnnLstm(nn.Module):
    """Three pooled convolutions, a bidirectional LSTM, and a head that joins its last states with covariates.

    CNN-LSTM over the synchronized beat: convolutions find waves, a recurrent layer reads their order.

    A common design for ECGs, with no single source; the sizes are ours, near those of the other comparators.

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
    >>> from lvmass.networks import build_network
    >>> build_network("cnn-lstm", n_covariates=3)(torch.zeros(2, 12, 400), torch.zeros(2, 3)).shape
    torch.Size([2])
    """

    def __init__(
        self, n_covariates: int, n_samples: int, *, filters: Sizes, kernel: int, hidden: int, dropout: float
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


class Fcn(nn.Module):
    """Naderi FCN.

    Fully convolutional network on the median beat, after Naderi, Kaplan et al. (EP Europace 2026, euag015).

    Written from the published specification (study facts section 3): eight independent leads x 400 samples;
    three convolutions of 128, 256 and 128 filters with 8, 5 and 3 taps, each with batch normalization, leaky ReLU,
    max-pooling by 2 and dropout 0.4; global average pooling; clinical inputs joined before two linear layers.
    Theirs has 16 clinical inputs and predicts indexed LVM; here the inputs are the covariates of the study, the
    same for every model, and the target is LVM in grams.

    Parameters
    ----------
    filters, kernels
        Of the three convolutions.
    conv_dropout, head_dropout : float
        As published.

    Examples
    --------
    >>> from lvmass.networks import build_network
    >>> build_network("fcn", n_covariates=3)(torch.zeros(2, 12, 400), torch.zeros(2, 3)).shape
    torch.Size([2])
    """

    def __init__(
        self,
        n_covariates: int,
        n_samples: int,
        *,
        filters: Sizes,
        kernels: Sizes,
        conv_dropout: float,
        head_dropout: float,
    ) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for (n_in, n_out), kernel in zip(pairwise((len(INDEPENDENT_LEADS), *filters)), kernels, strict=True):
            blocks += [TimeConv(n_in, n_out, kernel), nn.BatchNorm2d(n_out), nn.LeakyReLU()]
            blocks += [nn.MaxPool2d((1, 2), padding=(0, 1)), nn.Dropout(conv_dropout)]
        self.body = nn.Sequential(*blocks)
        width = filters[-1] + n_covariates
        self.head = nn.Sequential(
            nn.Linear(width, width), nn.LeakyReLU(), nn.Dropout(head_dropout), nn.Linear(width, 1)
        )

    def forward(self, beat: Tensor, covariates: Tensor) -> Tensor:  # (batch, 12, time), (batch, covariate) -> (batch,)
        """Estimate z-scored LVM."""
        features = self.body(to_time_layout(beat[:, INDEPENDENT_LEADS])).mean(dim=(2, 3))  # (batch, filter)
        return self.head(torch.cat([features, covariates], dim=1)).squeeze(1)


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

    LVM-AI-style network on the 10-s ECG, after Khurshid et al. (Circ Cardiovasc Imaging 2021).

    The block family is public (study facts section 2.4); the published hyper-parameters are not, so this is
    "LVM-AI-style": stem of 32 filters, three densely connected blocks of 32, 24 and 16 filters, 71 taps at 500 Hz,
    about 1.05 million parameters, which fits the size of the published weight file.

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
    >>> from lvmass.networks import build_network
    >>> network = build_network("lvm-ai", n_covariates=3, n_samples=5000)
    >>> round(sum(p.numel() for p in network.parameters()) / 1e6, 2)
    1.05
    >>> network(torch.zeros(1, 12, 5000), torch.zeros(1, 3)).shape
    torch.Size([1])
    """

    def __init__(
        self,
        n_covariates: int,
        n_samples: int,
        *,
        kernel: int,
        stem_filters: int,
        block_filters: Sizes,
        block_size: int,
        covariate_units: int,
        dense_units: Sizes,
    ) -> None:
        super().__init__()
        self.stem = TimeConv(12, stem_filters, kernel)
        self.pool = nn.MaxPool2d((1, 2))
        widths = pairwise((stem_filters, *block_filters))
        self.blocks = nn.ModuleList(_DenseBlock(n_in, filters, kernel, block_size) for n_in, filters in widths)
        covariate_units = covariate_units if n_covariates else 0
        self.covariates = nn.Sequential(nn.Linear(n_covariates, covariate_units), nn.ReLU()) if n_covariates else None
        encoded = block_filters[-1] * (n_samples // 2 ** len(block_filters))
        dense: list[nn.Module] = []
        for n_in, units in pairwise((encoded + covariate_units, *dense_units)):
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

    One-dimensional ResNet over the synchronized beat: the residual design of image networks, along time.

    After the family that Ribeiro et al. (Nature Communications 2020;11:1760) made common for ECGs: a strided
    stem, then residual blocks of two wide convolutions that halve the time axis and widen. The sizes here are
    ours, for one beat and a few hundred people.

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
    >>> from lvmass.networks import build_network
    >>> build_network("resnet", n_covariates=3)(torch.zeros(2, 12, 400), torch.zeros(2, 3)).shape
    torch.Size([2])
    """

    def __init__(
        self, n_covariates: int, n_samples: int, *, stem_filters: int, filters: Sizes, kernel: int, dropout: float
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
