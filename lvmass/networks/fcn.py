"""Fully convolutional network on the median beat, after Naderi, Kaplan et al. (EP Europace 2026, euag015).

Written from the published specification (study facts section 3): eight independent leads x 400 samples;
three convolutions of 128, 256 and 128 filters with 8, 5 and 3 taps, each with batch normalization, leaky ReLU,
max-pooling by 2 and dropout 0.4; global average pooling; clinical inputs joined before two linear layers.
Theirs has 16 clinical inputs and predicts indexed LVM; here the inputs are the covariates of the study, the
same for every model, and the target is LVM in grams.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from lvmass.ecg.recording import INDEPENDENT_LEADS
from lvmass.networks.tcn import TimeConv, to_time_layout


class Fcn(nn.Module):
    """Naderi FCN.

    Parameters
    ----------
    filters, kernels
        Of the three convolutions.
    conv_dropout, head_dropout : float
        As published.

    Examples
    --------
    >>> Fcn(n_covariates=3)(torch.zeros(2, 12, 400), torch.zeros(2, 3)).shape
    torch.Size([2])
    """

    def __init__(
        self,
        n_covariates: int,
        n_samples: int = 400,
        *,
        filters: tuple[int, int, int] = (128, 256, 128),
        kernels: tuple[int, int, int] = (8, 5, 3),
        conv_dropout: float = 0.4,
        head_dropout: float = 0.6,
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
