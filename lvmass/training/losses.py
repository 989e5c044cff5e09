"""Losses on z-scored LVM."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn


def log_cosh(error: Tensor) -> Tensor:
    """Mean log-cosh, in a form that cannot overflow."""
    return (error.abs() + nn.functional.softplus(-2 * error.abs()) - np.log(2.0)).mean()


def asymmetric_loss(estimate: Tensor, truth: Tensor) -> Tensor:
    """LVM-AI's asymmetric loss on z-scores (study facts 2.3, after broadinstitute/ml4h).

    ``40 (y-2)+ (y-p)+ (y-p)^2 + 20 (y-1)+ (y-p)+ (y-p)^2 + 5 (y-1)+ (p-y)+ (y-p)^2 + logcosh(y, p)``.

    Examples
    --------
    >>> float(asymmetric_loss(torch.tensor([0.0]), torch.tensor([0.0])))
    0.0
    """
    under, over = torch.relu(truth - estimate), torch.relu(estimate - truth)
    large, very_large = torch.relu(truth - 1), torch.relu(truth - 2)
    weight = 40 * very_large * under + 20 * large * under + 5 * large * over
    return (weight * (truth - estimate) ** 2).mean() + log_cosh(truth - estimate)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "huber": nn.functional.huber_loss,
    "log-cosh": lambda estimate, truth: log_cosh(estimate - truth),
    "asymmetric": asymmetric_loss,
}
