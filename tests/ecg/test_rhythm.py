"""The sign of fibrillation: both of irregular and without P wave, on synthetic and simulated rhythms."""

import dataclasses

import numpy as np
import pytest

from lvmass.cohort import simulate_cohort
from lvmass.ecg.beats import synchronized_beat
from lvmass.ecg.intervals import fibrillation_sign, measure_beat

BEAT = synchronized_beat(simulate_cohort(1, like="tw-cvai", seed=2).recording(0))
PARAMETERS = measure_beat(BEAT)
NO_P = dataclasses.replace(PARAMETERS, pr_interval_ms=np.nan)
REGULAR = np.arange(12) * 400
IRREGULAR = np.cumsum([0, 300, 520, 380, 610, 290, 450, 560, 330])


@pytest.mark.parametrize(
    ("r_peaks", "parameters", "sign"),
    [
        (IRREGULAR, NO_P, True),
        (IRREGULAR, PARAMETERS, False),
        (REGULAR, NO_P, False),
        (IRREGULAR[:3], NO_P, False),
    ],
)
def test_needs_irregular_rr_and_no_p_wave(r_peaks: np.ndarray, parameters: object, sign: bool) -> None:
    assert np.isfinite(PARAMETERS.pr_interval_ms)
    assert fibrillation_sign(dataclasses.replace(BEAT, r_peaks=r_peaks), parameters) is sign  # type: ignore[arg-type]


def test_rarely_seen_in_sinus_rhythm() -> None:
    recordings = [simulate_cohort(60, like="tw-cvai", seed=5).recording(i) for i in range(60)]
    beats = [synchronized_beat(recording) for recording in recordings]
    # 1.5 % of this cohort fibrillate
    assert sum(fibrillation_sign(beat, measure_beat(beat)) for beat in beats) <= 4
