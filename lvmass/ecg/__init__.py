"""One ECG: from a file of any supported format to one synchronized beat, its intervals and its LVH criteria."""

from lvmass.ecg.beats import BeatConfig, synchronized_beat
from lvmass.ecg.criteria import Criterion, lvh_criteria
from lvmass.ecg.intervals import EcgParameters, measure_beat
from lvmass.ecg.peaks import detect_r_peaks
from lvmass.ecg.quality import Finding, Quality, check_quality
from lvmass.ecg.reading import read_ecg
from lvmass.ecg.recording import LEADS, LIMB_LEADS, PRECORDIAL_LEADS, Beat, Recording

__all__ = [
    "LEADS",
    "LIMB_LEADS",
    "PRECORDIAL_LEADS",
    "Beat",
    "BeatConfig",
    "Criterion",
    "EcgParameters",
    "Finding",
    "Quality",
    "Recording",
    "check_quality",
    "detect_r_peaks",
    "lvh_criteria",
    "measure_beat",
    "read_ecg",
    "synchronized_beat",
]
