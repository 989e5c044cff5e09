"""ECGs as clinicians read them, and what becomes of them on the way to one beat."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from IPython.display import Markdown
from matplotlib.axes import Axes
from numpy.typing import NDArray

from lvmass.ecg.intervals import EcgParameters
from lvmass.ecg.recording import LEADS, Beat, Recording
from lvmass.networks.elvmass_net import ElvmassNet
from lvmass.networks.tcn import Tcn, TcnBlock, TimeConv
from lvmass.report.page import missing
from lvmass.report.style import OURS, SEX_COLOURS, Picture, new_figure
from lvmass.report.words import printed
from lvmass.study.study import Study

_PAPER, _FINE, _COARSE = "#FFFAF7", "#F7DDD5", "#EDB8A8"
_LAYOUT = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
_FOUR = ("V1", "V2", "V5", "aVL")
_MARGIN_S = 0.4  # of paper, for the calibration pulse


def _ecg_paper(axes: Axes, seconds: float, low_mv: float, high_mv: float) -> None:
    """Draw the grid of ECG paper: 25 mm/s and 10 mm/mV, a thin line each millimetre, a thick one each five."""
    axes.set_facecolor(_PAPER)
    for step_s, step_mv, colour, width in ((0.04, 0.1, _FINE, 0.3), (0.2, 0.5, _COARSE, 0.6)):
        axes.vlines(np.arange(0, seconds + 1e-9, step_s), low_mv, high_mv, color=colour, lw=width, zorder=0)
        levels = np.arange(np.ceil(low_mv / step_mv) * step_mv, high_mv + 1e-9, step_mv)
        axes.hlines(levels, 0, seconds, color=colour, lw=width, zorder=0)
    axes.set(xlim=(0, seconds), ylim=(low_mv, high_mv), xticks=[], yticks=[])
    axes.set_aspect(0.4)  # 25 mm a second against 10 mm a millivolt
    for spine in axes.spines.values():
        spine.set_visible(False)


def twelve_leads(
    recording: Recording, title: str, *, wide: bool = True, spacing_mv: float = 2.3, r_peaks: Sequence[int] = ()
) -> Picture:
    """Draw stretches of 2.5 s in rows of leads, each after a pulse of 1 mV, in true scale: 25 mm/s, 10 mm/mV.

    Either 3 x 4 leads and a rhythm strip of lead II, or 6 x 2 leads, for a page that is not ``wide``; ``r_peaks``,
    sample indices, are marked.
    """
    rows = (*_LAYOUT, ("II",)) if wide else tuple(zip(LEADS[:6], LEADS[6:], strict=True))
    rate = recording.sampling_rate_hz
    seconds = min(2.5 * len(rows[0]), recording.duration_s)
    low, high = -(len(rows) - 0.5) * spacing_mv - 0.2, 1.6
    figure, axes = new_figure(width=25 * (seconds + _MARGIN_S) / 25.4, height=10 * (high - low) / 25.4)
    figure.set_layout_engine("none")
    axes.set_position((0, 0, 1, 1))
    _ecg_paper(axes, seconds + _MARGIN_S, low, high)
    for row, names in enumerate(rows):
        part, level_mv = seconds / len(names), -row * spacing_mv
        pulse_s, pulse_mv = np.array([0.05, 0.1, 0.1, 0.3, 0.3, 0.35]), np.array([0, 0, 1, 1, 0, 0])
        axes.plot(pulse_s, pulse_mv + level_mv, color="#111111", lw=0.7)
        for column, name in enumerate(names):
            samples = slice(round(column * part * rate), round((column + 1) * part * rate))
            voltage = recording.signal_mv[LEADS.index(name), samples]
            time_s = _MARGIN_S + np.arange(samples.start, samples.start + len(voltage)) / rate
            shown_mv = voltage - np.median(voltage) + level_mv
            axes.plot(time_s, shown_mv, color="#111111", lw=0.7)
            peaks = [r - samples.start for r in r_peaks if samples.start <= r < samples.stop]
            axes.plot(time_s[peaks], shown_mv[peaks], "v", color=OURS, ms=4)
            axes.text(time_s[0] + 0.04, 0.35 * spacing_mv + level_mv, name, fontsize=9, weight="bold", zorder=1,
                      bbox={"facecolor": _PAPER, "alpha": 0.7, "lw": 0, "pad": 1})  # fmt: skip
    axes.set_title(f"{title} (25 mm/s, 10 mm/mV)" if title else "25 mm/s, 10 mm/mV")
    told = f"twelve-lead ECG on millimetre paper, {seconds:g} seconds, each row after a pulse of 1 mV"
    return Picture(figure, f"{title or 'Recording'}: {told}{'; R peaks are marked' if len(r_peaks) else ''}.")


def first_person(study: Study) -> Picture | Markdown:
    """Draw the first usable ECG of the development cohort, if its people are simulated or may be shown."""
    cohort = study.config.development
    if cohort.simulate is None and not study.config.privacy.show_people:
        return missing("an ECG of the cohort", "its people are real, and its study file lets no single person be shown")
    first = int(study.beats().report["usable"].to_numpy(bool).argmax())
    return twelve_leads(study.cohort().recording(first), cohort.label, wide=False)


def _panels(leads: Sequence[str], height: float) -> tuple[Any, dict[str, Axes]]:
    figure, axes = new_figure(len(leads) // 2, 2, height=height, sharex=True)
    panels = dict(zip(leads, axes.flat, strict=True))
    for name, panel in panels.items():
        panel.set_title(name)
    figure.supxlabel("time from R (ms)", fontsize=10)
    figure.supylabel("mV", fontsize=10)
    return figure, panels


def aligned_beats(
    recording: Recording, beat: Beat, measured: EcgParameters, leads: Sequence[str] = _FOUR, *, height: float = 4.4
) -> Picture:
    """Draw the single beats of a recording, cut at the common R peak, under the synchronized beat, on its baseline."""
    figure, panels = _panels(leads, height)
    rate = recording.sampling_rate_hz
    before, after = (round(abs(beat.time_ms[i]) / 1000 * rate) for i in (0, -1))
    time_ms = np.arange(-before, after + 1) / rate * 1000
    whole = [r for r in beat.r_peaks if r >= before and r + after < recording.signal_mv.shape[1]]
    for name, panel in panels.items():
        row = LEADS.index(name)
        panel.axvspan(measured.qrs_onset_ms, measured.qrs_offset_ms, color="#56B4E9", alpha=0.25, lw=0)
        for r in whole:
            single = recording.signal_mv[row, r - before : r + after + 1]
            level_mv = np.median(single - np.interp(time_ms, beat.time_ms, beat.waveform_mv[row]))
            panel.plot(time_ms, single - level_mv, color="#888888", lw=0.6)
        panel.plot(beat.time_ms, beat.waveform_mv[row], color=OURS, lw=1.2)
    colours = {"recorded beats": "#888888", "synchronized beat": OURS, "QRS complex": "#BBDFF5"}
    lines = [panel.plot([], [], color=colour, lw=3)[0] for colour in colours.values()]
    figure.legend(lines, colours, loc="outside upper center", ncols=3, fontsize=9)
    said = f"Recorded beats (grey) and the synchronized beat made of {beat.n_beats} of them (orange) on one baseline"
    qrs = f"the QRS complex, {measured.qrs_duration_ms:.0f} ms long, is shaded"
    return Picture(figure, f"{said}, leads {', '.join(leads)}; {qrs}.")


def mean_beats(
    waveform_mv: NDArray[np.float32], sex: NDArray[Any], time_ms: NDArray[np.float64], smallest: int = 1
) -> Picture:
    """Draw the mean beat of women and of men in four leads, with the middle half of people shaded.

    A sex of fewer than ``smallest`` people is left out.
    """
    figure, panels = _panels(_FOUR, 4.4)
    tallest = []
    for group in (group for group in np.unique(sex) if (sex == group).sum() >= smallest):
        for name, panel in panels.items():
            beats = waveform_mv[sex == group, LEADS.index(name)]
            half, mean = np.percentile(beats, [25, 75], axis=0), beats.mean(axis=0)
            panel.fill_between(time_ms, *half, color=SEX_COLOURS[group], alpha=0.2, lw=0)
            panel.plot(time_ms, mean, color=SEX_COLOURS[group], lw=1.3, label=printed(group))
            tallest.append(f"{name} {mean.max():.2f} mV in {printed(group)}")
    panel.legend(fontsize=9)
    said = "Mean synchronized beat of each sex in four leads, middle half of people shaded. Its highest point"
    return Picture(figure, f"{said}: {', '.join(tallest)}.")


def receptive_field(network: ElvmassNet, beat_mv: NDArray[np.floating], time_ms: NDArray[np.floating]) -> Picture:
    """Draw which samples of a beat the output of an encoder at R sees, level by level.

    Parameters
    ----------
    network : ElvmassNet
        Its first encoder's dilations are drawn.
    beat_mv : ndarray, shape (n_samples,)
        One lead of a beat, in mV, drawn below.
    time_ms : ndarray, shape (n_samples,)
        Time of its samples relative to R.

    Returns
    -------
    Picture
    """
    encoder = network.encoders[0]
    assert isinstance(encoder, Tcn)
    step = float(time_ms[1] - time_ms[0])
    step_ms = step * encoder.stem.stride[1]
    blocks = [block for block in encoder.blocks if isinstance(block, TcnBlock)]
    convolutions = [[part for part in block.body.modules() if isinstance(part, TimeConv)] for block in blocks]
    figure, (levels, wave) = new_figure(2, 1, height=4.6, sharex=True, gridspec_kw={"height_ratios": [3, 1.2]})
    seen = np.zeros(1, int)  # steps from the output
    for level in range(len(convolutions), 0, -1):
        top_ms = seen * step_ms
        for convolution in reversed(convolutions[level - 1]):
            taps = np.arange(convolution.kernel_size[1]) * convolution.dilation[1] - convolution.pad_left
            seen = np.unique(seen[:, None] + taps)
        sides_ms = np.stack([top_ms[[0, -1]], seen[[0, -1]] * step_ms], axis=1)
        levels.fill_betweenx([level, level - 1], *sides_ms, color="#DDDDDD", lw=0)
        levels.plot(top_ms, np.full(len(top_ms), level), "o", ms=4, color=OURS)
        dilation = convolutions[level - 1][0].dilation[1]
        levels.text(1.01, level - 0.5, f"dilation {dilation}", transform=levels.get_yaxis_transform(), va="center")
    levels.plot(seen * step_ms, np.zeros(len(seen)), "o", ms=2, color="#444444")
    levels.set(ylabel="level of the encoder", ylim=(-0.3, len(convolutions) + 0.4))
    levels.set_yticks(range(len(convolutions) + 1), ["stem", *map(str, range(1, len(convolutions) + 1))])
    wave.plot(time_ms, beat_mv, color="#222222", lw=1.1)
    wave.set(xlabel="time from R (ms)", ylabel="mV", xlim=(time_ms[0], time_ms[-1]))
    width_ms, beat_ms = network.receptive_field_samples * step, len(time_ms) * step
    levels.set_title(f"One output sees {width_ms:.0f} ms; the beat lasts {beat_ms:.0f} ms")
    said = f"The {len(convolutions)} levels of an encoder above a beat: one output at R is reached "
    return Picture(figure, f"{said}from {width_ms:.0f} ms of the signal, in steps that double from level to level.")
