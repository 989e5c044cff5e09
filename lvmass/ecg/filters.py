"""Zero-phase filtering and resampling of all leads at once, with one response at every sampling rate."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

_PAD_S = 1.5


@lru_cache(maxsize=64)
def _gain(n_padded: int, sampling_rate_hz: float, low_hz: float, high_hz: float, order: int) -> NDArray[np.float32]:
    """Squared magnitude of analogue Butterworth high- and low-pass filters at the FFT's frequencies."""
    frequency_hz = fft.rfftfreq(n_padded, 1.0 / sampling_rate_hz)
    gain = np.ones_like(frequency_hz)
    at_edge = np.sqrt(2.0) - 1.0  # 1 / (1 + at_edge) is -3 dB
    if low_hz > 0:
        ratio = (frequency_hz / low_hz) ** (2 * order) / at_edge
        gain *= ratio / (1.0 + ratio)
    if high_hz < np.inf:
        gain /= 1.0 + at_edge * (frequency_hz / high_hz) ** (2 * order)
    return gain.astype(np.float32)


def zero_phase_bandpass(
    signal: NDArray[np.floating],
    sampling_rate_hz: float,
    low_hz: float,
    high_hz: float,
    order: int = 2,
) -> NDArray[np.float32]:
    r"""Filter without moving a wave in time.

    The gain is that of a Butterworth high- and low-pass filter of order n run forwards and backwards,
    :math:`\frac{(f/f_l)^{2n}}{1+(f/f_l)^{2n}} \cdot \frac{1}{1+(f/f_h)^{2n}}` with corners :math:`f_l, f_h` set so that
    the gain is -3 dB at the stated frequencies, which is how the bandwidth of an ECG is stated
    (Oppenheim & Schafer, Discrete-Time Signal Processing), applied to the spectrum. The analogue formula is used on
    purpose: a digital design warps near the Nyquist frequency, so that 250 Hz and 1000 Hz recordings of one
    heart would be filtered differently. A straight line through the signal is taken out first and the ends are
    mirrored.

    Parameters
    ----------
    signal : ndarray, shape (..., n_samples)
        Any unit.
    sampling_rate_hz : float
        Samples per second.
    low_hz, high_hz : float
        Frequencies at which 71 % of the amplitude (-3 dB) is left; 0 and inf switch a side off.
    order : int
        Order of the Butterworth filter.

    Returns
    -------
    ndarray of float32, same shape
        The filtered signal.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(0, 10, 1 / 500)
    >>> passed = zero_phase_bandpass(np.sin(2 * np.pi * 10 * t) + 3.0, 500.0, 0.5, 150.0)
    >>> bool(abs(passed[2000:3000] - np.sin(2 * np.pi * 10 * t)[2000:3000]).max() < 0.01)
    True
    """
    n_samples = signal.shape[-1]
    signal = np.asarray(signal, dtype=np.float32)
    # Drift is taken out as a straight line first: mirrored at the ends it would turn into a slow wave.
    time = np.linspace(-1.0, 1.0, n_samples, dtype=np.float32)
    slope = (signal @ time) / max(float(time @ time), 1.0)
    line = signal.mean(axis=-1, keepdims=True) + slope[..., None] * time
    pad = min(round(_PAD_S * sampling_rate_hz), n_samples - 1)
    padded = mirrored(signal - line, pad)
    n_fast = fft.next_fast_len(padded.shape[-1], real=True)
    spectrum = fft.rfft(padded, n_fast)
    spectrum *= _gain(n_fast, sampling_rate_hz, low_hz, high_hz, order)
    filtered = fft.irfft(spectrum, n_fast)[..., pad : pad + n_samples]
    return filtered if low_hz > 0 else filtered + line


def mirrored(signal: NDArray[np.float32], pad: int) -> NDArray[np.float32]:
    """Extend both ends by their mirror image, so that a filter sees no step.

    Parameters
    ----------
    signal : ndarray of float32, shape (..., n_samples)
        Any unit.
    pad : int
        Samples to add at each end, below n_samples.

    Returns
    -------
    ndarray of float32, shape (..., n_samples + 2 * pad)
        The extended signal.
    """
    return np.concatenate([signal[..., pad:0:-1], signal, signal[..., -2 : -pad - 2 : -1]], axis=-1)


def remove_spikes(signal: NDArray[np.float32], sampling_rate_hz: float) -> NDArray[np.float32]:
    """Take out pacing spikes: the median of five points 4 ms apart drops what is shorter than 8 ms.

    Parameters
    ----------
    signal : ndarray of float32, shape (..., n_samples)
        Any unit.
    sampling_rate_hz : float
        Samples per second; below 125 Hz a spike is a sample wide and the signal is returned as it is.

    Returns
    -------
    ndarray of float32, same shape
        A QRS complex, 20 ms and more wide, stays.
    """
    gap = round(0.004 * sampling_rate_hz)
    if gap < 1:
        return signal
    n_samples = signal.shape[-1]
    ends = [(0, 0)] * (signal.ndim - 1) + [(2 * gap, 2 * gap)]
    padded = np.pad(signal, ends, mode="edge")
    a, b, c, d, e = (padded[..., k * gap : k * gap + n_samples] for k in range(5))
    # Median of five by comparing pairs, on whole arrays: far faster than sorting each window.
    a, b = np.minimum(a, b), np.maximum(a, b)
    d, e = np.minimum(d, e), np.maximum(d, e)
    low, high = np.maximum(a, d), np.minimum(b, e)
    low, high = np.minimum(low, high), np.maximum(low, high)
    return np.maximum(low, np.minimum(c, high))


def resample(signal: NDArray[np.floating], sampling_rate_hz: float, new_rate_hz: float) -> NDArray[np.float32]:
    """Change the sampling rate by a polyphase filter (`scipy.signal.resample_poly`).

    Parameters
    ----------
    signal : ndarray, shape (..., n_samples)
        Any unit.
    sampling_rate_hz, new_rate_hz : float
        Samples per second before and after.

    Returns
    -------
    ndarray of float32, shape (..., n_new)
        The signal at the new rate; the first sample keeps its time.
    """
    signal = np.asarray(signal, dtype=np.float32)
    if sampling_rate_hz == new_rate_hz:
        return signal
    from fractions import Fraction

    from scipy.signal import resample_poly

    ratio = Fraction(new_rate_hz / sampling_rate_hz).limit_denominator(1000)
    return resample_poly(signal, ratio.numerator, ratio.denominator, axis=-1, padtype="line").astype(np.float32)
