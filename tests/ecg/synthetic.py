"""A regular rhythm of Gaussian waves whose answers are known."""

import numpy as np

from lvmass.ecg.recording import LEADS, Recording, assemble_leads


def synthetic_recording(
    sampling_rate_hz: float = 500.0,
    duration_s: float = 10.0,
    rr_s: float = 0.85,
    noise_mv: float = 0.0,
    p_mv: float = 0.12,
) -> Recording:
    """A regular rhythm of Gaussian waves, Einthoven and Goldberger fulfilled."""
    time_s = np.arange(round(duration_s * sampling_rate_hz)) / sampling_rate_hz
    phase_s = (time_s + 0.5 * rr_s) % rr_s - 0.5 * rr_s
    # amplitude of Q, R, S and T in the eight independent leads
    table = {
        "I": (-0.05, 0.7, -0.1, 0.20),
        "II": (-0.08, 1.1, -0.2, 0.30),
        "V1": (0.0, 0.2, -0.9, -0.10),
        "V2": (0.0, 0.4, -1.4, 0.40),
        "V3": (0.0, 0.8, -0.9, 0.45),
        "V4": (-0.05, 1.5, -0.5, 0.45),
        "V5": (-0.10, 1.6, -0.2, 0.35),
        "V6": (-0.10, 1.2, -0.1, 0.25),
    }
    rng = np.random.default_rng(0)
    rows = []
    for amplitudes in table.values():
        waves = zip((-0.025, 0.0, 0.025, 0.28), (0.008, 0.010, 0.009, 0.045), amplitudes, strict=True)
        row = sum(a * np.exp(-((phase_s - centre) ** 2) / (2 * width**2)) for centre, width, a in waves)
        row = row + p_mv * np.exp(-((phase_s + 0.16) ** 2) / (2 * 0.022**2))
        rows.append(row + noise_mv * rng.standard_normal(time_s.size))
    signal_mv = assemble_leads(list(table), rows, "synthetic")
    return Recording(signal_mv, sampling_rate_hz, LEADS, "synthetic")
