"""When the heart beats in ten seconds, and the beats that are not normal."""

import numpy as np
from numpy.typing import NDArray

from lvmass.cohort.simulation.conduction import Conduction
from lvmass.cohort.simulation.dipole import BEAT_SAMPLES, R_SAMPLE, RATE_HZ

DURATION_S = 10.0
N_SAMPLES = int(DURATION_S * RATE_HZ)
_MAX_BEATS = 32


def beat_times(
    conduction: Conduction, breathing: NDArray[np.float64], person: int, generator: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """R times of one person's recording.

    Sinus rhythm with respiratory arrhythmia and slow drift; irregular in atrial fibrillation; an ectopic
    beat comes early and, from the ventricle, with a compensatory pause.

    Parameters
    ----------
    conduction : Conduction
        Of some people.
    breathing : ndarray, shape (2,)
        Log rate of breathing and log size of its arrhythmia, standardized.
    person : int
        Which of them.
    generator : numpy.random.Generator
        The recording's own.

    Returns
    -------
    times_s : ndarray of float64, shape (n_beats,)
        From just before the recording to just after it.
    ventricular : ndarray of bool, shape (n_beats,)
        Which beats are ventricular ectopics.
    breath : ndarray of float64, shape (n_beats,)
        Sine of the respiratory phase at each beat.
    """
    rr = conduction.rr_ms[person] / 1000.0
    random = generator.standard_normal(_MAX_BEATS)
    start, where = generator.random(2)
    breathing_hz = 0.24 * np.exp(0.15 * breathing[0])
    hrv = 0.028 * np.exp(0.5 * breathing[1])
    rough = np.arange(_MAX_BEATS) * rr
    if conduction.af[person]:
        steps = rr * np.exp(0.20 * random)
    else:
        swing = np.sin(2 * np.pi * (breathing_hz * rough + start))
        steps = rr * (1.0 + hrv * (swing + 0.4 * random))
    early = np.zeros(_MAX_BEATS, dtype=bool)
    if (conduction.pvc[person] or conduction.pac[person]) and not conduction.af[person]:
        beat = 3 + int(where * 5)
        early[beat] = conduction.pvc[person]
        steps[beat - 1] *= 0.62
        steps[beat] *= 1.38 if conduction.pvc[person] else 1.10
    times = np.concatenate([[0.0], np.cumsum(steps)[:-1]]) - start * rr - 0.5 * rr
    inside = times < DURATION_S + 0.6
    return times[inside], early[inside], np.sin(2 * np.pi * (breathing_hz * times + start))[inside]


def ectopic_template(field: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float32]:
    """A broad ventricular beat with discordant repolarization, in eight leads, shape (8, BEAT_SAMPLES)."""
    t = (np.arange(BEAT_SAMPLES) - R_SAMPLE) * 1000.0 / RATE_HZ
    first, second = generator.standard_normal((2, 3))
    first *= 1.4 / np.linalg.norm(first)
    second = first + 0.5 * second
    qrs_1 = np.exp(-0.5 * ((t + 8.0) / 19.0) ** 2)
    qrs_2 = np.exp(-0.5 * ((t - 38.0) / 22.0) ** 2)
    repolarization = np.exp(-0.5 * ((t - 270.0) / np.where(t < 270.0, 65.0, 42.0)) ** 2)
    vector = (
        np.outer(first, qrs_1) + np.outer(0.7 * second, qrs_2) - np.outer(0.4 * (first + second) / 2, repolarization)
    )
    return (field @ vector).astype(np.float32)


def place_beats(
    normal: NDArray[np.float32],
    ectopic: NDArray[np.float32] | None,
    times_s: NDArray[np.float64],
    ventricular: NDArray[np.bool_],
    gains: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Add beats at their times.

    Parameters
    ----------
    normal, ectopic : ndarray, shape (8, BEAT_SAMPLES)
        Templates.
    times_s, ventricular : ndarray, shape (n_beats,)
        From :func:`beat_times`.
    gains : ndarray, shape (n_beats, 8)
        Size of each beat in each lead: respiration moves the conduction.

    Returns
    -------
    ndarray of float32, shape (8, N_SAMPLES)
        The recording without noise.
    """
    pad = BEAT_SAMPLES
    out = np.zeros((8, N_SAMPLES + 2 * pad), np.float32)
    for time, odd, gain in zip(times_s, ventricular, gains, strict=True):
        start = pad + round(time * RATE_HZ) - R_SAMPLE
        if 0 <= start <= N_SAMPLES + pad:
            beat = ectopic if odd and ectopic is not None else normal
            out[:, start : start + BEAT_SAMPLES] += gain[:, None] * beat
    return out[:, pad : pad + N_SAMPLES]


def fibrillation(field: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float32]:
    """Fibrillatory waves of 5 to 8 Hz, largest in V1 and the inferior leads, shape (8, N_SAMPLES)."""
    t = np.arange(N_SAMPLES) / RATE_HZ
    frequency, size = 5.0 + 3.0 * generator.random(), 0.03 + 0.06 * generator.random()
    phase = 2 * np.pi * frequency * t + 1.5 * np.sin(2 * np.pi * 0.4 * t + 6.0 * generator.random())
    swell = 1.0 + 0.4 * np.sin(2 * np.pi * 0.7 * t + 6.0 * generator.random())
    wave = swell * (np.sin(phase) + 0.35 * np.sin(2 * phase + 1.0))
    vector = np.outer([-0.3, 0.7, -0.6], size * wave)
    return (field @ vector).astype(np.float32)
