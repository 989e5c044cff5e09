"""Temporal convolutional network (TCN): dilated residual blocks over one heartbeat.

Generic block of Bai, Kolter, Koltun (arXiv 1803.01271): two dilated convolutions, normalization,
activation, dropout and a residual connection, with the dilation doubling from level to level.
Two deliberate differences: the convolutions look both ways, because the whole beat is known when
the mass is estimated, and batch normalization replaces weight normalization by default, because it
trains faster on a few hundred people.

All tensors inside a network are ``(batch, channel, 1, time)`` in channels-last memory order: a
one-dimensional convolution written so runs about twice as fast on a CPU as ``Conv1d``.
"""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.grad import conv2d_input
from torch.nn.utils.parametrizations import weight_norm

Norm = Literal["batch", "weight"]


class TimeConv(nn.Conv2d):
    """Convolution along time that keeps the number of samples ('same' padding).

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    kernel : int
        Taps in samples.
    dilation, stride : int
        In samples. With a stride the output has ``ceil(n / stride)`` samples.

    Examples
    --------
    >>> TimeConv(12, 8, kernel=5, dilation=4)(torch.zeros(2, 12, 1, 400)).shape
    torch.Size([2, 8, 1, 400])
    """

    def __init__(self, n_in: int, n_out: int, kernel: int, dilation: int = 1, stride: int = 1) -> None:
        super().__init__(n_in, n_out, (1, kernel), stride=(1, stride), dilation=(1, dilation))
        span = dilation * (kernel - 1)
        self.pad_left, self.pad_right = span // 2, span - span // 2
        self.wide_window = kernel * n_in >= 240 and stride == dilation == 1

    def forward(self, x: Tensor) -> Tensor:  # (batch, n_in, 1, time) -> (batch, n_out, 1, time)
        """Convolve."""
        pad = self.pad_left
        if pad != self.pad_right:
            x, pad = nn.functional.pad(x, (pad, self.pad_right)), 0
        on_cpu = x.device.type == "cpu" and torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu")
        if on_cpu and self.wide_window:
            return _WideWindow.apply(x, self.weight, self.bias, pad)
        return nn.functional.conv2d(x, self.weight, self.bias, self.stride, (0, pad), self.dilation)


class _WideWindow(torch.autograd.Function):
    """The same convolution; its weights' gradient is one matrix product a tap, up to twice as fast as oneDNN's.

    The gradient is the sum over people and time of ``g[t]`` times the window that it comes from, ``taps`` samples of
    all channels. Every ``taps``-th window begins where the last one ends: these are the rows of a matrix, uncopied.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, pad: int) -> Tensor:  # (batch, n_in, 1, time)
        ctx.save_for_backward(x, weight)
        ctx.pad = pad
        return nn.functional.conv2d(x, weight, bias, padding=(0, pad))

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        n_out, n_in, _, taps = weight.shape
        into_x = conv2d_input(x.shape, weight, g, padding=(0, ctx.pad)) if ctx.needs_input_grad[0] else None
        # (batch, time + taps - 1, channel), one person after the other; g is 0 where a window would span two people
        rows = nn.functional.pad(x, (ctx.pad, ctx.pad)).permute(0, 3, 2, 1).reshape(-1, n_in)
        ends = nn.functional.pad(g, (0, taps - 1)).permute(0, 3, 2, 1).reshape(-1, n_out)
        into_weight = weight.new_zeros(n_out, taps * n_in)
        for first in range(taps):
            n_windows = (len(rows) - first) // taps
            windows = rows[first : first + n_windows * taps].reshape(n_windows, taps * n_in)
            into_weight.addmm_(ends[first::taps][:n_windows].T, windows)
        into_weight = into_weight.view(n_out, taps, n_in).transpose(1, 2).unsqueeze(2)
        return into_x, into_weight, g.sum(dim=(0, 2, 3)), None


def to_time_layout(signal: Tensor) -> Tensor:
    """Turn ``(batch, lead, time)`` into ``(batch, lead, 1, time)`` in channels-last memory order."""
    return signal.unsqueeze(2).contiguous(memory_format=torch.channels_last)


class TcnBlock(nn.Module):
    """One level: two dilated convolutions and a residual connection."""

    def __init__(self, n_in: int, n_out: int, kernel: int, dilation: int, dropout: float, norm: Norm) -> None:
        super().__init__()
        body: list[nn.Module] = []
        for width in (n_in, n_out):
            convolution = TimeConv(width, n_out, kernel, dilation)
            body += [weight_norm(convolution)] if norm == "weight" else [convolution, nn.BatchNorm2d(n_out)]
            body += [nn.ReLU(), nn.Dropout2d(dropout)]
        self.body = nn.Sequential(*body)
        self.skip = nn.Identity() if n_in == n_out else TimeConv(n_in, n_out, kernel=1)

    def forward(self, x: Tensor) -> Tensor:  # (batch, n_in, 1, time) -> (batch, n_out, 1, time)
        """Residual step."""
        return torch.relu(self.body(x) + self.skip(x))


class Tcn(nn.Module):
    """A strided stem and ``levels`` residual blocks with dilations 1, 2, 4, ...

    Parameters
    ----------
    n_leads : int
        Leads of the group that this encoder reads.
    channels, levels, kernel : int
        Width, number of blocks, taps.
    stem_stride : int
        The stem convolves ``2 * stem_stride`` samples and keeps every ``stem_stride``-th, so that the
        blocks run on fewer samples; 1 keeps the full rate.
    dropout : float
        Share of the channels that are switched off after each activation, whole, as Bai et al. describe it (spatial
        dropout). A random number a channel, not a sample, also halves the time of a training step on a CPU.
    dilated : bool
        False leaves all dilations at 1: a plain residual CNN of equal size, for comparison.
    norm : {"batch", "weight"}
        Batch normalization, or weight normalization as in Bai's block.

    Notes
    -----
    ``receptive_field_samples`` of the input reach one output sample of a dilated encoder:
    ``1 + 2 (k - 1) (2^L - 1)`` steps of the blocks (Bai 2018), each of ``stem_stride`` samples, plus the stem.

    Examples
    --------
    >>> tcn = Tcn(6, channels=16, levels=6, kernel=5, stem_stride=1, dropout=0.1)
    >>> tcn(torch.zeros(2, 6, 1, 400)).shape
    torch.Size([2, 16, 1, 400])
    >>> tcn.receptive_field_samples
    506
    """

    def __init__(
        self,
        n_leads: int,
        *,
        channels: int,
        levels: int,
        kernel: int,
        stem_stride: int,
        dropout: float,
        dilated: bool = True,
        norm: Norm = "batch",
    ) -> None:
        super().__init__()
        self.stem = TimeConv(n_leads, channels, kernel=2 * stem_stride, stride=stem_stride)
        dilations = (2**level if dilated else 1 for level in range(levels))
        self.blocks = nn.Sequential(*(TcnBlock(channels, channels, kernel, d, dropout, norm) for d in dilations))
        self.receptive_field_samples = stem_stride * (2 * (kernel - 1) * (2**levels - 1) + 2)

    def forward(self, x: Tensor) -> Tensor:  # (batch, lead, 1, time) -> (batch, channel, 1, time / stride)
        """Encode one lead group."""
        return self.blocks(torch.relu(self.stem(x)))
