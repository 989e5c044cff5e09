"""What chapter 2 says and tabulates: what became of recordings, and what was measured on them."""

from collections.abc import Mapping, Sequence
from typing import Any

from IPython.display import Markdown

from lvmass.ecg.beats import BeatConfig
from lvmass.report.page import say, whole
from lvmass.report.words import CAPTIONS


def beat_answer(beats: Mapping[str, Any], found: Mapping[str, Any], smallest: int = 1) -> Markdown:
    """Answer of chapter 2: how many recordings became a beat, and how the measurements did on real recordings."""
    flow = [
        f"{len(each.people):,} of {whole(len(each.people), len(each.report), smallest)} recordings ({name})"
        for name, each in beats.items()
    ]
    n_beats = beats["development"].report.query("usable")["n_beats"].median()
    edges = {row["boundary"]: row for row in found["ecg_delineation"]["boundaries"] if row["method"] == "lvmass"}
    onset, offset = (f"{row['bias_ms']:.1f} ± {row['sd_ms']:.1f}" for row in (edges["QRS onset"], edges["QRS offset"]))
    peaks = {row["recordings"]: row for row in found["ecg_peaks"]["detectors"] if row["method"] == "lvmass"}["LUDB"]
    told = {"flow": " and ".join(flow), "n_beats": n_beats, "onset": onset, "offset": offset}
    return say(CAPTIONS["beat_answer"].format_map(peaks | told))


def beat_settings(config: BeatConfig, findings: Sequence[Any]) -> Markdown:
    """Filter, window and averaging of a study, and what was found about one recording."""
    told = {"high_hz": min(config.band_high_hz, config.sampling_rate_hz / 2), "config": config}
    told["found"] = " ".join(finding.message for finding in findings) or "none."
    return say(CAPTIONS["beat_settings"].format_map(told))
