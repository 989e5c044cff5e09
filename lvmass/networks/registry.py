"""The networks by name: adding one is one row here. A study file is read without torch, so that one needs none."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from torch import nn


class _Network(NamedTuple):
    """What is known of a network before it is built.

    Parameters
    ----------
    module, built : str
        A module of this folder and its class, called with ``(n_covariates, n_samples, **arguments)``: it maps
        ``(beat_or_signal (batch, 12, time), covariates (batch, covariate))`` to ``(batch,)``, z-scored LVM.
    printed : str
        Its name in tables, figures and prose.
    arguments : dict
        What else it takes, with defaults.
    reads : {"beat", "signal"}
        The synchronized beat or the whole recording, in mV; what it was designed for.
    """

    module: str
    built: str
    printed: str
    arguments: dict[str, Any]
    reads: Literal["beat", "signal"] = "beat"


_CNN_LSTM = {"filters": (32, 64, 64), "kernel": 7, "hidden": 64, "dropout": 0.3}
_ELVMASS_NET = {
    **{"lead_groups": "limb-precordial", "channels": 16, "levels": 5, "kernel": 5, "stem_stride": 4, "dropout": 0.1},
    **{"time_bins": 8, "code_size": 16, "hidden": 32, "dilated": True, "norm": "batch", "sex_head": False},
}
_FCN = {"filters": (128, 256, 128), "kernels": (8, 5, 3), "conv_dropout": 0.4, "head_dropout": 0.6}
_LVM_AI = {
    **{"kernel": 71, "stem_filters": 32, "block_filters": (32, 24, 16), "block_size": 3},
    **{"covariate_units": 32, "dense_units": (16, 64)},
}
_RESNET = {"stem_filters": 32, "filters": (48, 64, 96, 128), "kernel": 9, "dropout": 0.3}

NETWORKS: dict[str, _Network] = {
    "cnn-lstm": _Network("comparators", "CnnLstm", "CNN-LSTM", _CNN_LSTM),
    "elvmass-net": _Network("elvmass_net", "ElvmassNet", "eLVMass-Net", _ELVMASS_NET),
    "fcn": _Network("comparators", "Fcn", "FCN", _FCN),
    "lvm-ai": _Network("comparators", "LvmAi", "LVM-AI", _LVM_AI, reads="signal"),
    "resnet": _Network("comparators", "ResNet", "ResNet", _RESNET),
}
"""Every network, under the name a study file gives it."""


_CHOICES = {"lead_groups": ["limb-precordial", "none", "anatomical"], "norm": ["batch", "weight"]}


def argument_schema(name: str, argument: str) -> dict[str, Any]:
    """JSON schema of a network's argument, from its default: counts are 1 or more, fractional ones are shares.

    Examples
    --------
    >>> argument_schema("fcn", "filters")
    {'type': 'array', 'items': {'type': 'integer', 'minimum': 1}}
    """
    default, count = NETWORKS[name].arguments[argument], {"type": "integer", "minimum": 1}
    if isinstance(default, bool):
        return {"type": "boolean"}
    if isinstance(default, str):
        return {"type": "string", "enum": _CHOICES[argument]}
    if isinstance(default, float):
        return {"type": "number", "minimum": 0, "exclusiveMaximum": 1}
    return count if isinstance(default, int) else {"type": "array", "items": count}


def build_network(name: str, n_covariates: int, n_samples: int = 400, **arguments: Any) -> "nn.Module":
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
        Arguments of the network's own, see ``NETWORKS[name].arguments``.

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
    >>> import torch
    >>> build_network("fcn", n_covariates=2)(torch.zeros(1, 12, 400), torch.zeros(1, 2)).shape
    torch.Size([1])
    """
    if name not in NETWORKS:
        raise ValueError(f"There is no network '{name}'; there are {', '.join(sorted(NETWORKS))}.")
    known = NETWORKS[name].arguments
    for argument in arguments:
        if argument not in known:
            raise ValueError(f"Network '{name}' has no argument '{argument}'; it has {', '.join(known)}.")
    import torch

    module = import_module(f"lvmass.networks.{NETWORKS[name].module}")
    network = getattr(module, NETWORKS[name].built)(n_covariates, n_samples, **known | arguments)
    return network.to(memory_format=torch.channels_last)
