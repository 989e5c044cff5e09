"""One ECG: from a file of any supported format to one synchronized beat, its intervals and its LVH criteria."""

from lvmass.ecg.beats import BeatConfig, synchronized_beat
from lvmass.ecg.criteria import lvh_criteria
from lvmass.ecg.intervals import measure_beat
from lvmass.ecg.peaks import detect_r_peaks
from lvmass.ecg.quality import FINDING_WORDS, check_quality, examine
from lvmass.ecg.reading import read_ecg
from lvmass.ecg.recording import LEADS, Beat, Recording
