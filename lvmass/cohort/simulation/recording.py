"""Ten seconds of one person: when the heart beats, the beats that are not normal, noise, and the device."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from lvmass.cohort.simulation import constants as c
from lvmass.cohort.simulation.heart import BEAT_MS, BEAT_SAMPLES, R_SAMPLE, RATE_HZ, twelve_leads

DURATION_S = 10.0
N_SAMPLES = int(DURATION_S * RATE_HZ)
_MAX_BEATS = 32
_TIME_S = (np.arange(N_SAMPLES) / RATE_HZ).astype(np.float32)
_WAVES = 2 * np.pi * np.outer(np.asarray(c.WANDER_HZ, np.float32), _TIME_S)
_WAVES = np.concatenate([np.sin(_WAVES), np.cos(_WAVES)]).astype(np.float32)
# Potentials of RA, LA, LL, V1-V6 to the leads I, II, V1-V6 (against Wilson's terminal): noise made at electrodes
# obeys Einthoven and Goldberger as the heart does.
_ELECTRODES = np.zeros((8, 9), np.float32)
_ELECTRODES[0, [0, 1]] = -1.0, 1.0
_ELECTRODES[1, [0, 2]] = -1.0, 1.0
_ELECTRODES[2:, :3] = -1.0 / 3.0
_ELECTRODES[2:, 3:] = np.eye(6)


def record_ecg(
    person: Mapping[str, Any],
    beat_mv: NDArray[np.float32],
    field: NDArray[np.float64],
    generator: np.random.Generator,
    site: c.Site,
    noise: float,
) -> NDArray[np.float32]:
    """Record one person.

    Parameters
    ----------
    person : mapping
        ``rr_ms, af, pvc, pac`` and the day's latents ``breathing`` (log rate of breathing, log size of its arrhythmia)
        and ``noise`` (log size of muscle noise, wander and mains, and two phases).
    beat_mv : ndarray, shape (8, BEAT_SAMPLES)
        A normal beat.
    field : ndarray, shape (8, 3)
        Lead vectors.
    generator : numpy.random.Generator
        The recording's own.
    site : Site
        Whose device.
    noise : float
        Factor on the site's noise; 0 for none.

    Returns
    -------
    ndarray of float32, shape (12, N_SAMPLES)
        Millivolt, in the order of ``LEADS``.
    """
    times, ventricular, breath = _beat_times(person, generator)
    gains = 1.0 + c.RESPIRATION_GAIN * np.outer(breath, generator.standard_normal(8))
    ectopic = _ectopic_beat(field, generator) if ventricular.any() else beat_mv
    eight = np.zeros((8, N_SAMPLES + 2 * BEAT_SAMPLES), np.float32)
    for time, odd, gain in zip(times, ventricular, gains.astype(np.float32), strict=True):
        start = BEAT_SAMPLES + round(time * RATE_HZ) - R_SAMPLE
        if 0 <= start <= N_SAMPLES + BEAT_SAMPLES:
            eight[:, start : start + BEAT_SAMPLES] += gain[:, None] * (ectopic if odd else beat_mv)
    eight = eight[:, BEAT_SAMPLES : BEAT_SAMPLES + N_SAMPLES]
    if person["af"]:
        eight += _fibrillation(field, generator)
    eight += _electrode_noise(person["noise"], generator, noise * site.noise, site.mains_hz)
    low, high = site.band_hz
    sections = [butter(1, low, "highpass", fs=RATE_HZ, output="sos"), butter(2, high, fs=RATE_HZ, output="sos")]
    # carts quantize I, II and V1-V6 and compute the other leads
    filtered, step_mv = sosfilt(np.concatenate(sections), eight, axis=-1), site.step_uv / 1000.0
    return twelve_leads((np.round(filtered / step_mv) * step_mv).astype(np.float32))


def _beat_times(
    person: Mapping[str, Any], generator: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """R times from just before to just after the recording, which beats are ventricular, and the sine of breathing.

    Sinus rhythm with respiratory arrhythmia and slow drift; irregular in atrial fibrillation; an ectopic beat comes
    early and, from the ventricle, with a compensatory pause.
    """
    rr = person["rr_ms"] / 1000.0
    random = generator.standard_normal(_MAX_BEATS)
    start, where = generator.random(2)
    breathing_hz = c.BREATHING_HZ * np.exp(0.15 * person["breathing"][0])
    hrv = c.HRV * np.exp(0.5 * person["breathing"][1])
    swing = np.sin(2 * np.pi * (breathing_hz * (np.arange(_MAX_BEATS) * rr) + start))
    steps = rr * (np.exp(c.AF_RR_SD * random) if person["af"] else 1.0 + hrv * (swing + 0.4 * random))
    early = np.zeros(_MAX_BEATS, dtype=bool)
    if (person["pvc"] or person["pac"]) and not person["af"]:
        beat = 3 + int(where * 5)
        early[beat] = person["pvc"]
        steps[beat - 1] *= 0.62
        steps[beat] *= 1.38 if person["pvc"] else 1.10
    times = np.concatenate([[0.0], np.cumsum(steps)[:-1]]) - start * rr - 0.5 * rr
    inside = times < DURATION_S + 0.6
    return times[inside], early[inside], np.sin(2 * np.pi * (breathing_hz * times + start))[inside]


def _ectopic_beat(field: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float32]:
    """A broad ventricular beat with discordant repolarization, in eight leads, shape (8, BEAT_SAMPLES)."""
    first, second = generator.standard_normal((2, 3))
    first *= 1.4 / np.linalg.norm(first)
    second = first + 0.5 * second
    qrs_1 = np.exp(-0.5 * ((BEAT_MS + 8.0) / 19.0) ** 2)
    qrs_2 = np.exp(-0.5 * ((BEAT_MS - 38.0) / 22.0) ** 2)
    repolarization = np.exp(-0.5 * ((BEAT_MS - 270.0) / np.where(BEAT_MS < 270.0, 65.0, 42.0)) ** 2)
    vector = np.outer(first, qrs_1) + np.outer(0.7 * second, qrs_2)
    return (field @ (vector - np.outer(0.4 * (first + second) / 2, repolarization))).astype(np.float32)


def _fibrillation(field: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float32]:
    """Fibrillatory waves of 5 to 8 Hz, largest in V1 and the inferior leads, shape (8, N_SAMPLES)."""
    t = np.arange(N_SAMPLES) / RATE_HZ
    frequency, size = 5.0 + 3.0 * generator.random(), 0.03 + 0.06 * generator.random()
    phase = 2 * np.pi * frequency * t + 1.5 * np.sin(2 * np.pi * 0.4 * t + 6.0 * generator.random())
    swell = 1.0 + 0.4 * np.sin(2 * np.pi * 0.7 * t + 6.0 * generator.random())
    wave = swell * (np.sin(phase) + 0.35 * np.sin(2 * phase + 1.0))
    return (field @ np.outer([-0.3, 0.7, -0.6], size * wave)).astype(np.float32)


def _electrode_noise(
    latents: NDArray[np.float64], generator: np.random.Generator, noise: float, mains_hz: float
) -> NDArray[np.float32]:
    """Noise in eight leads, made at nine electrodes, mV, shape (8, N_SAMPLES)."""
    muscle, wander, mains = np.exp([0.6, 0.5, 0.8] * latents[:3])
    out = generator.standard_normal((9, N_SAMPLES), dtype=np.float32)
    out *= np.float32(c.MUSCLE_MV * muscle)
    # muscle tone swells and fades
    out *= 1.0 + 0.3 * np.sin(2 * np.pi * 0.3 * _TIME_S + np.float32(latents[3]))
    sizes = np.tile(c.WANDER_SHARE, 2) * c.WANDER_MV * wander
    out += (generator.standard_normal((9, 8)) * sizes).astype(np.float32) @ _WAVES
    hum = np.sin(2 * np.pi * mains_hz * _TIME_S + np.float32(latents[4]))
    out += (c.MAINS_MV * mains * generator.standard_normal((9, 1))).astype(np.float32) * hum
    if generator.random() < c.CONTACT_SHARE:
        electrode, at = int(generator.integers(3, 9)), int(generator.integers(500, N_SAMPLES - 500))
        decay = np.exp(-_TIME_S[: N_SAMPLES - at] / c.CONTACT_S)
        out[electrode, at:] += np.float32(c.CONTACT_MV * generator.standard_normal()) * decay
    return np.float32(noise) * (_ELECTRODES @ out)
