"""R peaks on all independent leads together.

One slope signal is made from all leads, so that a QRS complex that is small in one lead or buried in the noise of
another still stands out: pacing spikes are taken out, the slope of each lead in the band of the QRS complex (Thakor,
Webster & Tompkins 1984, IEEE Trans Biomed Eng 31:702) is weighed by how clean that lead is around that moment, and
the leads are summed as squares. Maxima are accepted against a threshold that follows the typical beat of the
surrounding seconds, with the T-wave and search-back rules of Pan & Tompkins (1985, IEEE Trans Biomed Eng 32:230).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks

from lvmass.ecg.filters import remove_spikes, zero_phase_bandpass
from lvmass.ecg.recording import INDEPENDENT_LEADS, LEADS, Floats
from lvmass.errors import DataError

_QRS_BAND_HZ = (6.0, 16.0)
_QRS_BAND_ORDER = 3
_SMOOTHING_S = 0.09
_FEATURE_RATE_HZ = 125.0
_NEIGHBOUR_BINS = 4  # of 1 s on each side: where the typical beat is looked up
_LEAD_BEAT_PERCENTILE, _BEAT_PERCENTILE = 70, 60  # of the highest slope in each bin; a slow heart leaves bins empty
_THRESHOLD = 0.3  # of the way from the noise level to the typical beat
_REFRACTORY_S = 0.25  # 240 beats a minute
_T_WAVE_S = 0.36
_POSITION_BAND_HZ = (4.0, 32.0)  # T waves and drift would pull the position
_POSITION_WINDOW_S = 0.06
_LEAST_SHARE = 1e-4  # of the largest slope
_TINY = float(np.finfo(np.float32).tiny)


def detect_r_peaks(signal_mv: Floats, sampling_rate_hz: float) -> NDArray[np.int64]:
    """Find the R peak of every heartbeat, one position common to all leads.

    The position is where the vector of all leads, between 4 and 32 Hz, is longest within the QRS complex; it does not
    depend on the unit, and hardly on the sampling rate.

    Parameters
    ----------
    signal_mv : ndarray, shape (n_leads, n_samples) or (n_samples,)
        Voltages. Of twelve leads only the eight independent ones are used.
    sampling_rate_hz : float
        Samples per second.

    Returns
    -------
    ndarray of int64, shape (n_peaks,)
        Sample indices in rising order; empty where there is no heartbeat.

    Raises
    ------
    DataError
        If the signal is not one- or two-dimensional, or holds NaN or infinite values.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(0, 10, 1 / 500)
    >>> qrs = np.exp(-(((t % 0.8) - 0.4) ** 2) / (2 * 0.012**2))
    >>> detect_r_peaks(qrs, 500.0)[:3].tolist()
    [200, 600, 1000]
    """
    signal = np.atleast_2d(np.asarray(signal_mv, dtype=np.float32))
    if signal.ndim != 2:
        raise DataError(f"the signal has shape {signal.shape}; (n_leads, n_samples) or (n_samples,) is needed.")
    if not np.isfinite(signal).all():
        raise DataError("the signal holds NaN or infinite values; cut them out before looking for R peaks.")
    if signal.shape[0] == len(LEADS):
        signal = signal[INDEPENDENT_LEADS]
    if signal.shape[1] < 2 * _REFRACTORY_S * sampling_rate_hz:
        return np.empty(0, dtype=np.int64)
    step = max(1, round(sampling_rate_hz / _FEATURE_RATE_HZ))
    rate_hz = sampling_rate_hz / step
    without_spikes = remove_spikes(signal, sampling_rate_hz)
    height = _beat_height(_slope_envelope(without_spikes, sampling_rate_hz, step), rate_hz)
    peaks = _centre(height, _select(height, rate_hz), rate_hz) * step
    return _locate(without_spikes, sampling_rate_hz, np.round(peaks).astype(np.int64))


def _slope_envelope(signal: Floats, sampling_rate_hz: float, step: int) -> Floats:
    """Root mean square slope of each lead in the QRS band, at every ``step``-th sample."""
    pad = min(-(-round(sampling_rate_hz) // step), (signal.shape[1] - 1) // step) * step
    padded = np.pad(signal, ((0, 0), (pad, pad)), mode="reflect")
    # The band ends far below half the feature rate, so the short inverse transform is the decimated signal.
    n_short = fft.next_fast_len(-(-padded.shape[1] // step), real=True)
    frequency_hz = fft.rfftfreq(n_short, step / sampling_rate_hz)
    low, high = ((frequency_hz / limit) ** (2 * _QRS_BAND_ORDER) for limit in _QRS_BAND_HZ)
    differentiator = (2j * np.pi * frequency_hz * low / ((1 + low) * (1 + high)) / step).astype(np.complex64)
    spectrum = fft.rfft(padded, n_short * step)[:, : frequency_hz.size]
    slope = fft.irfft(spectrum * differentiator, n_short)
    slope = slope[:, pad // step : pad // step + -(-signal.shape[1] // step)]
    window = max(1, round(_SMOOTHING_S * sampling_rate_hz / step))
    return np.sqrt(np.maximum(uniform_filter1d(slope * slope, window, axis=1), 0.0))


def _levels(envelope: Floats, rate_hz: float, percentile: float) -> tuple[Floats, Floats, Floats]:
    """Typical beat and noise level around each second, both (..., n_bins), and the bins' centres in samples."""
    n_bins = max(1, int(envelope.shape[-1] / rate_hz))
    width = envelope.shape[-1] // n_bins
    bins = envelope[..., : n_bins * width].reshape(*envelope.shape[:-1], n_bins, width)
    n_around = min(2 * _NEIGHBOUR_BINS + 1, n_bins)
    first = np.clip(np.arange(n_bins) - _NEIGHBOUR_BINS, 0, n_bins - n_around)
    around = first[:, None] + np.arange(n_around)
    beat = np.percentile(bins.max(axis=-1)[..., around], percentile, axis=-1)
    noise = np.median(np.median(bins, axis=-1)[..., around], axis=-1)
    return beat, noise, (np.arange(n_bins) + 0.5) * width


def _beat_height(envelope: Floats, rate_hz: float) -> Floats:
    """Slope of all leads together, 0 at the noise level and 1 at the typical beat."""
    beat, noise, centres = _levels(envelope, rate_hz, _LEAD_BEAT_PERCENTILE)
    # Where the electrode is off, the rounding of the filter must not become a heartbeat.
    beat[beat < _LEAST_SHARE * envelope.max(axis=-1, keepdims=True)] = 0.0
    # In units of its own beat, a lead counts by the square of its excess of beat over noise.
    excess = np.maximum(beat / np.maximum(noise, _TINY) - 1.0, 0.05) ** 2
    excess[beat <= _TINY] = 0.0
    weight = excess / np.maximum(beat, _TINY) / np.maximum(np.linalg.norm(excess, axis=0), _TINY)
    time = np.arange(envelope.shape[1])
    weights = np.stack([np.interp(time, centres, lead) for lead in weight])
    together = np.sqrt(np.square(envelope * weights).sum(axis=0))
    beat, noise, centres = _levels(together, rate_hz, _BEAT_PERCENTILE)
    span = np.maximum(beat - noise, 1e-6)
    return (together - np.interp(time, centres, noise)) / np.interp(time, centres, span)


def _select(height: Floats, rate_hz: float) -> NDArray[np.int64]:
    """Accept maxima as beats: threshold, T-wave rule, search-back."""
    candidates, _ = find_peaks(height, distance=max(1, int(_REFRACTORY_S * rate_hz)))
    accepted: list[int] = []
    for peak in candidates[height[candidates] >= _THRESHOLD].tolist():
        follows_closely = accepted and peak - accepted[-1] < _T_WAVE_S * rate_hz
        if not follows_closely or height[peak] >= 0.5 * height[accepted[-1]]:
            accepted.append(peak)
    beats = np.array(accepted, dtype=np.int64)
    if beats.size < 3:
        return beats
    intervals = np.diff(beats)
    missed = []
    for i in np.flatnonzero(intervals > 1.5 * np.median(intervals)):
        if intervals[i] <= 1.5 * np.median(intervals[max(0, i - 5) : i + 6]):
            continue
        inside = (candidates > beats[i] + _T_WAVE_S * rate_hz) & (candidates < beats[i + 1] - 0.3 * rate_hz)
        gap = candidates[inside & (height[candidates] > 0.5 * _THRESHOLD)]
        if gap.size:
            missed.append(gap[np.argmax(height[gap])])
    return np.sort(np.concatenate([beats, np.array(missed, dtype=np.int64)]))


def _centre(height: Floats, peaks: NDArray[np.int64], rate_hz: float) -> Floats:
    """Centre of mass of each maximum: a wide QRS complex has a plateau whose highest point wanders."""
    half = round(_SMOOTHING_S * rate_hz)
    around = np.arange(-half, half + 1)
    index = np.clip(peaks[:, None] + around, 0, height.size - 1)
    mass = np.maximum(height[index] - 0.5 * height[peaks][:, None], 0.0)
    return peaks + (mass * around).sum(axis=1) / np.maximum(mass.sum(axis=1), _TINY)


def _locate(signal: Floats, sampling_rate_hz: float, peaks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Move each peak to where the vector of all leads is longest."""
    if peaks.size == 0:
        return peaks
    band = zero_phase_bandpass(signal, sampling_rate_hz, *_POSITION_BAND_HZ)
    length = np.einsum("ij,ij->j", band, band)
    half = round(_POSITION_WINDOW_S * sampling_rate_hz)
    window = np.clip(peaks[:, None] + np.arange(-half, half + 1), 0, signal.shape[1] - 1)
    return np.unique(window[np.arange(peaks.size), np.argmax(length[window], axis=1)]).astype(np.int64)
