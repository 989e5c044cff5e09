"""Figures of the networks, drawn from the networks themselves."""

import numpy as np
from numpy.typing import NDArray

from lvmass.networks.elvmass_net import ElvmassNet
from lvmass.networks.tcn import Tcn, TcnBlock, TimeConv
from lvmass.report.figures.style import OURS, Picture, new_figure


def receptive_field(
    network: ElvmassNet, beat_mv: NDArray[np.floating], time_ms: NDArray[np.floating], *, at_ms: float = 0.0
) -> Picture:
    """Draw which samples of a beat one output of an encoder sees, level by level.

    Parameters
    ----------
    network : ElvmassNet
        Its first encoder's dilations are drawn.
    beat_mv : ndarray, shape (n_samples,)
        One lead of a beat, in mV, drawn below.
    time_ms : ndarray, shape (n_samples,)
        Time of its samples relative to R.
    at_ms : float
        Where the output lies.

    Returns
    -------
    Picture
    """
    encoder = network.encoders[0]
    assert isinstance(encoder, Tcn)
    step_ms = float(time_ms[1] - time_ms[0]) * encoder.stem.stride[1]
    convolutions = [
        [part for part in block.body.modules() if isinstance(part, TimeConv)]
        for block in encoder.blocks
        if isinstance(block, TcnBlock)
    ]
    figure, (levels, wave) = new_figure(
        2, 1, width=8.0, height=4.6, sharex=True, gridspec_kw={"height_ratios": [3, 1.2]}
    )
    seen = np.zeros(1, int)  # steps from the output
    for level in range(len(convolutions), 0, -1):
        reach = seen
        for convolution in reversed(convolutions[level - 1]):
            taps = np.arange(convolution.kernel_size[1]) * convolution.dilation[1] - convolution.pad_left
            reach = np.unique(reach[:, None] + taps)
        ends_ms = at_ms + reach[[0, -1]] * step_ms
        levels.fill([at_ms + seen[0] * step_ms, at_ms + seen[-1] * step_ms, ends_ms[1], ends_ms[0]],
                    [level, level, level - 1, level - 1], color="#DDDDDD", lw=0)  # fmt: skip
        levels.plot(at_ms + seen * step_ms, np.full(len(seen), level), "o", ms=4, color=OURS)
        dilation = convolutions[level - 1][0].dilation[1]
        levels.text(1.01, level - 0.5, f"dilation {dilation}", transform=levels.get_yaxis_transform(), va="center")
        seen = reach
    levels.plot(at_ms + seen * step_ms, np.zeros(len(seen)), "o", ms=2, color="#444444")
    levels.set(yticks=range(len(convolutions) + 1), ylabel="level of the encoder", ylim=(-0.3, len(convolutions) + 0.4))
    levels.set_yticklabels(["stem", *(str(level) for level in range(1, len(convolutions) + 1))])
    wave.plot(time_ms, beat_mv, color="#222222", lw=1.1)
    wave.set(xlabel="time from R (ms)", ylabel="mV", xlim=(time_ms[0], time_ms[-1]))
    step = float(time_ms[1] - time_ms[0])
    width_ms, beat_ms = network.receptive_field_samples * step, len(time_ms) * step
    levels.set_title(f"One output sees {width_ms:.0f} ms; the beat lasts {beat_ms:.0f} ms")
    return Picture(
        figure,
        f"The {len(convolutions)} levels of an encoder above a beat: one output at {at_ms:.0f} ms from R is reached "
        f"from {width_ms:.0f} ms of the signal, in steps that double from level to level.",
    )
