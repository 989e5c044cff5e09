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


def twelve_leads(recording: Recording, title: str, *, spacing_mv: float = 3.0) -> Picture:
    """Draw a recording as 3 x 4 stretches of 2.5 s and a rhythm strip of lead II, in true scale: 25 mm/s, 10 mm/mV."""
    rate = recording.sampling_rate_hz
    seconds = min(10.0, recording.duration_s)
    low, high = -3 * spacing_mv - spacing_mv / 2 - 0.2, 1.6
    figure, axes = new_figure(width=25 * seconds / 25.4, height=10 * (high - low) / 25.4)
    figure.set_layout_engine("none")
    axes.set_position((0, 0, 1, 1))
    _ecg_paper(axes, seconds, low, high)
    for row, names in enumerate((*_LAYOUT, ("II",))):
        part = seconds / len(names)
        for column, name in enumerate(names):
            samples = slice(round(column * part * rate), round((column + 1) * part * rate))
            voltage = recording.signal_mv[LEADS.index(name), samples]
            time_s = np.arange(samples.start, samples.start + len(voltage)) / rate
            axes.plot(time_s, voltage - np.median(voltage) - row * spacing_mv, color="#111111", lw=0.7)
            axes.text(column * part + 0.04, 0.35 * spacing_mv - row * spacing_mv, name, fontsize=9, weight="bold")
    axes.set_title(f"{title} (25 mm/s, 10 mm/mV)" if title else "25 mm/s, 10 mm/mV")
    return Picture(figure, f"{title or 'Recording'}: twelve-lead ECG on millimetre paper, rhythm strip of lead II.")


def first_person(study: Study) -> Picture | Markdown:
    """Draw the first usable ECG of the development cohort, if its people are simulated or may be shown."""
    cohort = study.config.development
    if cohort.simulate is None and not study.config.privacy.show_people:
        return missing("an ECG of the cohort", "its people are real, and its study file lets no single person be shown")
    first = int(study.beats().report["usable"].to_numpy(bool).argmax())
    return twelve_leads(study.cohort().recording(first), cohort.label)


def from_raw_to_peaks(recording: Recording, r_peaks: NDArray[np.int64], leads: Sequence[str] = ("II", "V5")) -> Picture:
    """Draw a recording in some leads with the R peaks that were found."""
    figure, axes = new_figure(len(leads), 1, width=9.0, height=1.9 * len(leads), sharex=True)
    time_s = np.arange(recording.signal_mv.shape[1]) / recording.sampling_rate_hz
    for panel, name in zip(np.atleast_1d(axes), leads, strict=True):
        voltage = recording.signal_mv[LEADS.index(name)]
        panel.plot(time_s, voltage, color="#333333", lw=0.7)
        panel.plot(time_s[r_peaks], voltage[r_peaks], "v", color=OURS, ms=6, label="R peak")
        panel.set(ylabel=f"{name} (mV)")
    np.atleast_1d(axes)[-1].set_xlabel("time (s)")
    np.atleast_1d(axes)[0].legend(loc="upper right", ncols=1)
    return Picture(figure, f"Raw leads {' and '.join(leads)} with {len(r_peaks)} detected R peaks marked.")


def aligned_beats(recording: Recording, beat: Beat, leads: Sequence[str] = ("I", "aVL", "V2", "V5")) -> Picture:
    """Draw the single beats of a recording, cut at the common R peak, under the synchronized beat."""
    figure, axes = new_figure(1, len(leads), width=10.0, height=3.0, sharex=True)
    rate = recording.sampling_rate_hz
    before, after = (round(abs(beat.time_ms[i]) / 1000 * rate) for i in (0, -1))
    time_ms = np.arange(-before, after + 1) / rate * 1000
    whole = [r for r in beat.r_peaks if r >= before and r + after < recording.signal_mv.shape[1]]
    for panel, name in zip(axes, leads, strict=True):
        row = LEADS.index(name)
        for r in whole:
            single = recording.signal_mv[row, r - before : r + after + 1]
            panel.plot(time_ms, single - np.median(single), color="#BBBBBB", lw=0.6)
        panel.plot(beat.time_ms, beat.waveform_mv[row], color=OURS, lw=1.6)
        panel.set(title=name, xlabel="ms from R")
    axes[0].set_ylabel("mV")
    said = f"Single beats (grey) and the synchronized beat made of {beat.n_beats} of them (orange)"
    return Picture(figure, f"{said}, leads {', '.join(leads)}.")


def measured_beat(beat: Beat, measured: EcgParameters, *, width: float = 8.0, height: float = 3.4) -> Picture:
    """Draw the synchronized beat in all leads over each other with the measured QRS interval."""
    figure, axes = new_figure(width=width, height=height)
    axes.plot(beat.time_ms, beat.waveform_mv.T, color="#333333", lw=0.8)
    axes.axvspan(measured.qrs_onset_ms, measured.qrs_offset_ms, color="#56B4E9", alpha=0.3, lw=0)
    axes.set(xlabel="ms from R", ylabel="mV", title=f"QRS duration {measured.qrs_duration_ms:.0f} ms, all twelve leads")
    said = "Twelve leads of the synchronized beat over each other; the QRS complex"
    return Picture(figure, f"{said}, {measured.qrs_duration_ms:.0f} ms long, is shaded.")


def mean_beats(
    waveform_mv: NDArray[np.float32], sex: NDArray[Any], time_ms: NDArray[np.float64], smallest: int = 1
) -> Picture:
    """Draw the mean beat of women and of men in every lead, with the middle half of people shaded.

    A sex of fewer than ``smallest`` people is left out.
    """
    figure, axes = new_figure(3, 4, width=10.0, height=6.0, sharex=True, sharey=True)
    for panel, name in zip(axes.flat, (name for names in _LAYOUT for name in names), strict=True):
        panel.set_title(name)
        for group in (group for group in np.unique(sex) if (sex == group).sum() >= smallest):
            beats = waveform_mv[sex == group, LEADS.index(name)]
            half = np.percentile(beats, [25, 75], axis=0)
            panel.fill_between(time_ms, *half, color=SEX_COLOURS[group], alpha=0.2, lw=0)
            panel.plot(time_ms, beats.mean(axis=0), color=SEX_COLOURS[group], lw=1.3, label=printed(group))
    for panel in axes[-1]:
        panel.set_xlabel("ms from R")
    for panel in axes[:, 0]:
        panel.set_ylabel("mV")
    axes[0, 0].legend(fontsize=8)
    return Picture(figure, "Mean synchronized beat of each sex in the twelve leads, middle half of people shaded.")


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
    step = float(time_ms[1] - time_ms[0])
    step_ms = step * encoder.stem.stride[1]
    blocks = [block for block in encoder.blocks if isinstance(block, TcnBlock)]
    convolutions = [[part for part in block.body.modules() if isinstance(part, TimeConv)] for block in blocks]
    heights = {"height_ratios": [3, 1.2]}
    figure, (levels, wave) = new_figure(2, 1, width=8.0, height=4.6, sharex=True, gridspec_kw=heights)
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
    width_ms, beat_ms = network.receptive_field_samples * step, len(time_ms) * step
    levels.set_title(f"One output sees {width_ms:.0f} ms; the beat lasts {beat_ms:.0f} ms")
    said = f"The {len(convolutions)} levels of an encoder above a beat: one output at {at_ms:.0f} ms from R is reached "
    return Picture(figure, f"{said}from {width_ms:.0f} ms of the signal, in steps that double from level to level.")
