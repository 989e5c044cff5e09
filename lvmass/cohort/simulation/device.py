"""What the recording adds to the ECG: noise at the electrodes, the device's band, quantization."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from lvmass.cohort.simulation.dipole import RATE_HZ
from lvmass.cohort.simulation.people import Site
from lvmass.cohort.simulation.rhythm import N_SAMPLES
from lvmass.cohort.simulation.torso import twelve_leads

# Potentials of RA, LA, LL, V1-V6 to the leads I, II, V1-V6 (against Wilson's terminal): noise made at electrodes
# obeys Einthoven and Goldberger as the heart does.
_ELECTRODES = np.zeros((8, 9), np.float32)
_ELECTRODES[0, [0, 1]] = -1.0, 1.0
_ELECTRODES[1, [0, 2]] = -1.0, 1.0
_ELECTRODES[2:, :3] = -1.0 / 3.0
_ELECTRODES[2:, 3:] = np.eye(6)

_MUSCLE_MV = 0.004
_WANDER_MV = 0.045
_MAINS_MV = 0.003
_CONTACT_SHARE = 0.04
_TIME_S = (np.arange(N_SAMPLES) / RATE_HZ).astype(np.float32)


def electrode_noise(
    latents: NDArray[np.float64], generator: np.random.Generator, noise: float, mains_hz: float
) -> NDArray[np.float32]:
    """Noise in eight leads, made at nine electrodes.

    Parameters
    ----------
    latents : ndarray, shape (5,)
        Log size of muscle noise, wander and mains, and two phases.
    generator : numpy.random.Generator
        The recording's own.
    noise : float
        Factor on everything; 0 for none.
    mains_hz : float
        Frequency of the mains.

    Returns
    -------
    ndarray of float32, shape (8, N_SAMPLES)
        Millivolt.
    """
    muscle, wander, mains = np.exp([0.6, 0.5, 0.8] * latents[:3])
    out = generator.standard_normal((9, N_SAMPLES), dtype=np.float32)
    out *= np.float32(_MUSCLE_MV * muscle)
    # muscle tone swells and fades
    out *= 1.0 + 0.3 * np.sin(2 * np.pi * 0.3 * _TIME_S + np.float32(latents[3]))
    # wander: a few slow waves, breathing among them
    frequencies = np.array([0.06, 0.13, 0.24, 0.41], np.float32)
    waves = np.concatenate(
        [np.sin(2 * np.pi * np.outer(frequencies, _TIME_S)), np.cos(2 * np.pi * np.outer(frequencies, _TIME_S))]
    )
    sizes = np.tile([1.0, 0.6, 0.5, 0.15], 2) * _WANDER_MV * wander
    out += (generator.standard_normal((9, 8)) * sizes).astype(np.float32) @ waves.astype(np.float32)
    hum = np.sin(2 * np.pi * mains_hz * _TIME_S + np.float32(latents[4]))
    out += (_MAINS_MV * mains * generator.standard_normal((9, 1))).astype(np.float32) * hum
    if generator.random() < _CONTACT_SHARE:
        electrode, at = int(generator.integers(3, 9)), int(generator.integers(500, N_SAMPLES - 500))
        decay = np.exp(-_TIME_S[: N_SAMPLES - at] / 0.3)
        out[electrode, at:] += np.float32(0.4 * generator.standard_normal()) * decay
    return np.float32(noise) * (_ELECTRODES @ out)


def record(eight_mv: NDArray[np.float32], site: Site) -> NDArray[np.float32]:
    """Pass eight leads through the device.

    Parameters
    ----------
    eight_mv : ndarray of float32, shape (8, N_SAMPLES)
        I, II, V1-V6 at the electrodes.
    site : Site
        Whose device.

    Returns
    -------
    ndarray of float32, shape (12, N_SAMPLES)
        In the order of ``LEADS``: band-limited and quantized; carts quantize I, II and V1-V6 and compute
        the other leads.
    """
    low, high = site.band_hz
    sections = np.concatenate(
        [butter(1, low, "highpass", fs=RATE_HZ, output="sos"), butter(2, high, "lowpass", fs=RATE_HZ, output="sos")]
    )
    filtered = sosfilt(sections, eight_mv, axis=-1)
    step = site.step_uv / 1000.0
    return twelve_leads((np.round(filtered / step) * step).astype(np.float32))
