"""What may differ between two ECGs of one person, made anew for every batch while a network is trained."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lvmass.ecg.recording import LEADS
from lvmass.training.settings import FitConfig

FIRST_CHEST_LEAD = LEADS.index("V1")


def augment(
    inputs: Tensor, covariates: Tensor, config: FitConfig, sampling_rate_hz: float, known: Sequence[int] = ()
) -> tuple[Tensor, Tensor]:  # (batch, 12, time), (batch, covariate), the same shapes again
    """Shift in time, move the chest electrodes, add noise, mask covariates.

    Noise comes with the independent leads I, II and V1 to V6; III, aVR, aVL and aVF follow from I and II, so that
    Einthoven's and Goldberger's relations hold as they do in the input.

    Voltage carries the mass, so that it is never rescaled beyond what two recordings of one person differ by: the CV
    of R in V5 is 20 % from day to day (McLaughlin 1998), mostly because electrodes are not put where they were.

    Parameters
    ----------
    inputs : Tensor, shape (batch, 12, time)
        Beats or recordings in mV.
    covariates : Tensor, shape (batch, 2 n)
        Scaled values, then a flag for each that says whether it is missing.
    config : FitConfig
        How much of each.
    sampling_rate_hz : float
        Of the inputs.
    known : sequence of int
        Columns that are never masked: sex, which everybody has.

    Examples
    --------
    >>> beats, covariates = augment(torch.zeros(2, 12, 400), torch.zeros(2, 6), FitConfig(noise_mv=0.0), 500.0)
    >>> beats.shape, float(beats.abs().max())
    (torch.Size([2, 12, 400]), 0.0)
    """
    if max_shift := round(config.shift_ms * sampling_rate_hz / 1000):
        shift = torch.randint(-max_shift, max_shift + 1, (len(inputs), 1), device=inputs.device)
        n = inputs.shape[2]
        index = (torch.arange(n, device=inputs.device) + shift).clamp(0, n - 1)  # (batch, time)
        inputs = inputs.gather(2, index.unsqueeze(1).expand_as(inputs))
    if config.electrode_shift or config.chest_voltage_cv:
        limb, chest = inputs[:, :FIRST_CHEST_LEAD], inputs[:, FIRST_CHEST_LEAD:]
        moved = _move_chest_electrodes(chest, config.electrode_shift * torch.randn_like(chest[:, :, :1]))
        gain = torch.exp(config.chest_voltage_cv * torch.randn_like(chest[:, :, :1]))
        inputs = torch.cat([limb, moved * gain], dim=1)
    if config.noise_mv:
        noise = config.noise_mv * torch.randn_like(inputs)
        one, two = noise[:, 0], noise[:, 1]
        noise[:, 2:FIRST_CHEST_LEAD] = torch.stack([two - one, -(one + two) / 2, one - two / 2, two - one / 2], dim=1)
        inputs = inputs + noise
    if config.covariate_dropout and covariates.shape[1]:
        values, missing = covariates.chunk(2, dim=1)
        masked = torch.rand_like(values) < config.covariate_dropout
        masked[:, list(known)] = False
        covariates = torch.cat([values.masked_fill(masked, 0.0), missing.masked_fill(masked, 1.0)], dim=1)
    return inputs, covariates


def _move_chest_electrodes(chest: Tensor, by: Tensor) -> Tensor:  # (batch, 6, time), (batch, 6, 1) -> (batch, 6, time)
    """Voltages of V1 to V6 whose electrodes lie a part of the way towards V6 (``by`` > 0) or V1 (< 0).

    Between two electrodes the potential is interpolated; beyond V1 and V6 it stays as it is there.

    Examples
    --------
    >>> chest = torch.arange(6.0).reshape(1, 6, 1)
    >>> _move_chest_electrodes(chest, torch.tensor([-0.2, 0.5, 0.0, -0.5, 0.0, 0.2]).reshape(1, 6, 1)).flatten()
    tensor([0.0000, 1.5000, 2.0000, 2.5000, 4.0000, 5.0000])
    """
    towards_v6 = torch.cat([chest[:, 1:], chest[:, -1:]], dim=1)
    towards_v1 = torch.cat([chest[:, :1], chest[:, :-1]], dim=1)
    right, left = (-by).clamp(0, 1), by.clamp(0, 1)
    return chest + left * (towards_v6 - chest) + right * (towards_v1 - chest)
