"""A sign of atrial fibrillation: no P wave before an irregular beat."""

import numpy as np

from lvmass.ecg.intervals import EcgParameters
from lvmass.ecg.recording import Beat

IRREGULAR = 0.1
"""Root mean square of successive RR differences over mean RR, above which a rhythm is irregular.

Dash et al., Ann Biomed Eng 2009;37:1701 (recalled, not re-read). In simulated ten-second recordings it separates
fibrillation from sinus rhythm, but not from extrasystoles, which keep their P waves.
"""


def fibrillation_sign(beat: Beat, parameters: EcgParameters) -> bool:
    """Whether the RR intervals are irregular and the synchronized beat has no P wave: a sign, not a diagnosis.

    Parameters
    ----------
    beat : Beat
        One synchronized beat with the R peaks of its recording.
    parameters : EcgParameters
        What `lvmass.ecg.intervals.measure_beat` found in it.

    Returns
    -------
    bool
        False also with fewer than three RR intervals, in which nothing can be irregular.

    Examples
    --------
    >>> from pydicom.data import get_testdata_file
    >>> from lvmass.ecg.beats import synchronized_beat
    >>> from lvmass.ecg.intervals import measure_beat
    >>> from lvmass.ecg.reading import read_ecg
    >>> beat = synchronized_beat(read_ecg(get_testdata_file("waveform_ecg.dcm")))
    >>> fibrillation_sign(beat, measure_beat(beat))
    False
    """
    rr = np.diff(beat.r_peaks).astype(float)
    if rr.size < 3 or np.isfinite(parameters.pr_interval_ms):
        return False
    return bool(np.sqrt(np.mean(np.diff(rr) ** 2)) > IRREGULAR * rr.mean())
