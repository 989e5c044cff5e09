"""The networks by name: adding one is one row here."""

import inspect
from typing import Any, Literal, NamedTuple

import torch
from torch import nn

from lvmass.networks.cnn_lstm import CnnLstm
from lvmass.networks.elvmass_net import ElvmassNet
from lvmass.networks.fcn import Fcn
from lvmass.networks.lvm_ai import LvmAi
from lvmass.networks.resnet import ResNet


class _Network(NamedTuple):
    """What is known of a network before it is built.

    Parameters
    ----------
    built : type of Module
        Called with ``(n_covariates, n_samples, **arguments)``; a module that maps
        ``(beat_or_signal (batch, 12, time), covariates (batch, covariate))`` to ``(batch,)``, z-scored LVM.
    printed : str
        Its name in tables, figures and prose.
    reads : {"beat", "signal"}
        The synchronized beat or the whole recording, in mV; what it was designed for.
    """

    built: type[nn.Module]
    printed: str
    reads: Literal["beat", "signal"] = "beat"


NETWORKS: dict[str, _Network] = {
    "cnn-lstm": _Network(CnnLstm, "CNN-LSTM"),
    "elvmass-net": _Network(ElvmassNet, "eLVMass-Net"),
    "fcn": _Network(Fcn, "FCN"),
    "lvm-ai": _Network(LvmAi, "LVM-AI", reads="signal"),
    "resnet": _Network(ResNet, "ResNet"),
}
"""Every network, under the name a study file gives it."""


def build_network(name: str, n_covariates: int, n_samples: int = 400, **arguments: Any) -> nn.Module:
    """Build a network.

    Parameters
    ----------
    name : str
        One of ``NETWORKS``.
    n_covariates : int
        Columns of the covariate matrix; 0 for ECG only.
    n_samples : int
        Samples of its input; LVM-AI is built for one length, eLVMass-Net up to its receptive field, the others for any.
    **arguments
        Arguments of the network's own, see `default_arguments`.

    Returns
    -------
    torch.nn.Module
        Maps ``(batch, 12, n_samples)`` and ``(batch, n_covariates)`` to ``(batch,)``: z-scored LVM. Its weights lie in
        channels-last memory order, as `lvmass.networks.tcn.to_time_layout` puts the signal.

    Raises
    ------
    ValueError
        For an unknown network or argument, naming the ones there are.

    Examples
    --------
    >>> build_network("fcn", n_covariates=2)(torch.zeros(1, 12, 400), torch.zeros(1, 2)).shape
    torch.Size([1])
    """
    if name not in NETWORKS:
        raise ValueError(f"There is no network '{name}'; there are {', '.join(sorted(NETWORKS))}.")
    known = default_arguments(name)
    for argument in arguments:
        if argument not in known:
            raise ValueError(f"Network '{name}' has no argument '{argument}'; it has {', '.join(known)}.")
    network = NETWORKS[name].built(n_covariates, n_samples, **arguments)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs


def default_arguments(name: str) -> dict[str, Any]:
    """Arguments a network takes beside the sizes of its inputs, with their defaults.

    Examples
    --------
    >>> default_arguments("lvm-ai")["kernel"]
    71
    """
    parameters = inspect.signature(NETWORKS[name].built).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
