"""eLVMass-Net, reconstructed: one TCN per lead group over the synchronized beat, joined with covariates.

What the abstracts state: synchronized single heartbeats, lead grouping, a TCN encoder, and the encoded
ECG concatenated with demographics and ECG parameters (study facts 1.1). Everything else here is a design
choice of ours, named as an argument below.
"""

from typing import Any

import torch
from torch import Tensor, nn

from lvmass.ecg.recording import LEADS
from lvmass.errors import DataError
from lvmass.networks.tcn import Tcn, to_time_layout

LEAD_GROUPS: dict[str, tuple[tuple[str, ...], ...]] = {
    "limb-precordial": (LEADS[:6], LEADS[6:]),
    "none": (LEADS,),
    "anatomical": (("V1", "V2"), ("V3", "V4"), ("I", "aVL", "V5", "V6"), ("II", "III", "aVF"), ("aVR",)),
}
"""Ways of grouping the leads. The preprint reports saliency for limb and precordial leads, hence the default."""


class ElvmassNet(nn.Module):
    """Estimate LVM from one beat and covariates.

    Parameters
    ----------
    lead_groups : {"limb-precordial", "none", "anatomical"}
        Which leads share an encoder.
    channels, levels, kernel, stem_stride, dropout, dilated, norm
        Of each TCN, see :class:`lvmass.networks.tcn.Tcn`; a dilated one's receptive field must cover the beat.
    time_bins : int
        The encoded beat is averaged in this many equal stretches of time, so that the head still knows when
        something happened; an average over the whole beat would forget it.
    code_size : int
        Numbers per lead group that reach the head.
    hidden : int
        Width of the head.
    sex_head : bool
        Two outputs, one for each sex, behind one encoder; the first covariate, ``male``, chooses. A middle way
        between a pooled model and two sex-specific ones.

    Notes
    -----
    The estimate is the head's output plus a linear function of the covariates. Body size explains most of LVM, and
    nearly linearly. Training starts the straight path at the ridge regression on the covariates and the head at zero,
    so that a network trained on a few hundred people spends its capacity on what the waveform adds.

    The sizes come from ``benchmarks/accuracy_tuning.py``, on simulated people that no chapter uses.

    Examples
    --------
    >>> from lvmass.networks import build_network
    >>> network = build_network("elvmass-net", n_covariates=3, n_samples=400, channels=8)
    >>> network(torch.zeros(2, 12, 400), torch.zeros(2, 3)).shape
    torch.Size([2])
    """

    def __init__(
        self,
        n_covariates: int,
        n_samples: int,
        *,
        lead_groups: str,
        time_bins: int,
        code_size: int,
        hidden: int,
        sex_head: bool,
        channels: int,
        dropout: float,
        **tcn: Any,
    ) -> None:
        super().__init__()
        groups = LEAD_GROUPS[lead_groups]
        self.group_rows = tuple(tuple(LEADS.index(lead) for lead in group) for group in groups)
        encoders = [Tcn(len(group), channels=channels, dropout=dropout, **tcn) for group in groups]
        self.encoders = nn.ModuleList(encoders)
        self.receptive_field_samples = encoders[0].receptive_field_samples
        if tcn["dilated"] and self.receptive_field_samples < n_samples:
            raise DataError(
                f"The TCN of eLVMass-Net sees {self.receptive_field_samples} samples but its input has {n_samples}; "
                "raise levels, kernel or stem_stride."
            )
        self.pool = nn.AdaptiveAvgPool2d((1, time_bins))
        self.codes = nn.ModuleList(
            nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels * time_bins, code_size), nn.ReLU())
            for _ in groups
        )
        if sex_head and not n_covariates:
            raise ValueError("A head for each sex needs covariates of which the first is sex.")
        self.sex_head = sex_head
        last = nn.Linear(hidden, 2 if sex_head else 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.head = nn.Sequential(
            nn.Linear(code_size * len(groups) + n_covariates, hidden), nn.ReLU(), nn.Dropout(dropout), last
        )
        self.straight = nn.Linear(n_covariates, 1) if n_covariates else None

    def forward(self, beat: Tensor, covariates: Tensor) -> Tensor:  # (batch, 12, time), (batch, covariate) -> (batch,)
        """Estimate z-scored LVM."""
        codes = []
        for rows, encoder, code in zip(self.group_rows, self.encoders, self.codes, strict=True):
            encoded = encoder(to_time_layout(beat[:, rows]))  # (batch, channel, 1, time / stem_stride)
            codes.append(code(self.pool(encoded)))  # (batch, code_size)
        estimate = self.head(torch.cat([*codes, covariates], dim=1))
        if self.sex_head:  # the z-score of ``male`` is above zero for men
            estimate = torch.where(covariates[:, :1] > 0, estimate[:, 1:], estimate[:, :1])
        if self.straight is not None:
            estimate = estimate + self.straight(covariates)
        return estimate.squeeze(1)
