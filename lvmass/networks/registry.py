"""The networks by name: adding one is one line here."""

import inspect
from typing import Any

from torch import nn

from lvmass.networks.cnn_lstm import CnnLstm
from lvmass.networks.elvmass_net import ElvmassNet
from lvmass.networks.fcn import Fcn
from lvmass.networks.lvm_ai import LvmAi
from lvmass.networks.resnet import ResNet

NETWORKS: dict[str, type[nn.Module]] = {
    "cnn-lstm": CnnLstm,
    "elvmass-net": ElvmassNet,
    "fcn": Fcn,
    "lvm-ai": LvmAi,
    "resnet": ResNet,
}
"""Every network maps ``(beat_or_signal (batch, 12, time), covariates (batch, covariate))`` to ``(batch,)``."""

SIGNAL_NETWORKS = frozenset({"lvm-ai"})
"""Networks that read the whole recording unless told otherwise; the others read the synchronized beat."""


def build_network(name: str, n_covariates: int, n_samples: int = 400, **arguments: Any) -> nn.Module:
    """Build a network.

    Parameters
    ----------
    name : str
        One of ``NETWORKS``.
    n_covariates : int
        Columns of the covariate matrix; 0 for ECG only.
    n_samples : int
        Samples of its input.
    **arguments
        Arguments of the network's own.

    Returns
    -------
    torch.nn.Module
        Maps ``(batch, 12, n_samples)`` and ``(batch, n_covariates)`` to ``(batch,)``: z-scored LVM.

    Raises
    ------
    ValueError
        For an unknown network or argument, naming the ones there are.

    Examples
    --------
    >>> import torch
    >>> build_network("fcn", n_covariates=2)(torch.zeros(1, 12, 400), torch.zeros(1, 2)).shape
    torch.Size([1])
    """
    if name not in NETWORKS:
        raise ValueError(f"There is no network '{name}'; there are {', '.join(sorted(NETWORKS))}.")
    known = network_arguments(name)
    for argument in arguments:
        if argument not in known:
            raise ValueError(f"Network '{name}' has no argument '{argument}'; it has {', '.join(known)}.")
    return NETWORKS[name](n_covariates, n_samples, **arguments)


def network_arguments(name: str) -> tuple[str, ...]:
    """Names of the arguments a network takes beside its input's size.

    Examples
    --------
    >>> "kernel" in network_arguments("lvm-ai")
    True
    """
    return tuple(default_arguments(name))


def default_arguments(name: str) -> dict[str, Any]:
    """Arguments of a network with their defaults.

    Examples
    --------
    >>> default_arguments("lvm-ai")["kernel"]
    71
    """
    parameters = inspect.signature(NETWORKS[name]).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
