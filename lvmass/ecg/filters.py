"""Zero-phase filtering and resampling of all leads at once, with one response at every sampling rate."""

from fractions import Fraction
from functools import lru_cache

import numpy as np
from scipy import fft
from scipy.signal import resample_poly

from lvmass.ecg.recording import Floats

_PAD_S = 1.5
_AT_EDGE = np.sqrt(2.0) - 1.0  # 1 / (1 + _AT_EDGE) is -3 dB


@lru_cache(maxsize=64)
def _gain(n_padded: int, sampling_rate_hz: float, low_hz: float, high_hz: float) -> Floats:
    """Squared magnitude of second-order analogue Butterworth high- and low-pass filters at the FFT's frequencies."""
    frequency_hz = fft.rfftfreq(n_padded, 1.0 / sampling_rate_hz)
    gain = np.ones_like(frequency_hz)
    if low_hz > 0:
        ratio = (frequency_hz / low_hz) ** 4 / _AT_EDGE
        gain *= ratio / (1.0 + ratio)
    if high_hz < np.inf:
        gain /= 1.0 + _AT_EDGE * (frequency_hz / high_hz) ** 4
    return gain.astype(np.float32)


def zero_phase_bands(signal: Floats, sampling_rate_hz: float, *bands_hz: tuple[float, float]) -> list[Floats]:
    """Filter one signal to several bands, with one Fourier transform of it; see `zero_phase_bandpass`.

    Parameters
    ----------
    signal : ndarray, shape (..., n_samples)
        Any unit.
    sampling_rate_hz : float
        Samples per second.
    *bands_hz : tuple of (low, high)
        Frequencies at which 71 % of the amplitude (-3 dB) is left; 0 and inf switch a side off.

    Returns
    -------
    list of ndarray of float32, same shape as ``signal``
        One filtered signal a band.

    Examples
    --------
    >>> import numpy as np
    >>> slow, fast = zero_phase_bands(np.arange(1000.0), 500.0, (0.0, 0.5), (35.0, np.inf))
    >>> bool(abs(slow - np.arange(1000.0)).max() < 0.01), bool(abs(fast).max() < 0.01)
    (True, True)
    """
    n_samples = signal.shape[-1]
    signal = np.asarray(signal, dtype=np.float32)
    # Drift is taken out as a straight line first: mirrored at the ends it would turn into a slow wave.
    time = np.linspace(-1.0, 1.0, n_samples, dtype=np.float32)
    slope = (signal @ time) / max(float(time @ time), 1.0)
    line = signal.mean(axis=-1, keepdims=True) + slope[..., None] * time
    pad = min(round(_PAD_S * sampling_rate_hz), n_samples - 1)
    n_fast = fft.next_fast_len(n_samples + 2 * pad, real=True)
    padded = np.pad(signal - line, [(0, 0)] * (signal.ndim - 1) + [(pad, pad)], mode="reflect")
    spectrum = fft.rfft(padded, n_fast)
    filtered = []
    for low_hz, high_hz in bands_hz:
        band = fft.irfft(spectrum * _gain(n_fast, sampling_rate_hz, low_hz, high_hz), n_fast)[
            ..., pad : pad + n_samples
        ]
        filtered.append(band if low_hz > 0 else band + line)
    return filtered


def zero_phase_bandpass(signal: Floats, sampling_rate_hz: float, low_hz: float, high_hz: float) -> Floats:
    r"""Filter without moving a wave in time.

    The gain is that of a Butterworth high- and low-pass filter of order n = 2 run forwards and backwards,
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
    return zero_phase_bands(signal, sampling_rate_hz, (low_hz, high_hz))[0]


def remove_spikes(signal: Floats, sampling_rate_hz: float) -> Floats:
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

    Examples
    --------
    >>> import numpy as np
    >>> remove_spikes(np.array([0, 0, 0, 5, 0, 0, 0], np.float32), 250.0).max().item()
    0.0
    """
    gap = round(0.004 * sampling_rate_hz)
    if gap < 1:
        return signal
    n_samples = signal.shape[-1]
    padded = np.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(2 * gap, 2 * gap)], mode="edge")
    a, b, c, d, e = (padded[..., k * gap : k * gap + n_samples] for k in range(5))
    # Median of five by comparing pairs, on whole arrays: far faster than sorting each window.
    a, b = np.minimum(a, b), np.maximum(a, b)
    d, e = np.minimum(d, e), np.maximum(d, e)
    low, high = np.maximum(a, d), np.minimum(b, e)
    low, high = np.minimum(low, high), np.maximum(low, high)
    return np.maximum(low, np.minimum(c, high))


def resample(signal: Floats, sampling_rate_hz: float, new_rate_hz: float) -> Floats:
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

    Examples
    --------
    >>> import numpy as np
    >>> resample(np.zeros((12, 5000)), 500.0, 250.0).shape
    (12, 2500)
    """
    signal = np.asarray(signal, dtype=np.float32)
    if sampling_rate_hz == new_rate_hz:
        return signal
    ratio = Fraction(new_rate_hz / sampling_rate_hz).limit_denominator(1000)
    return resample_poly(signal, ratio.numerator, ratio.denominator, axis=-1, padtype="line").astype(np.float32)
