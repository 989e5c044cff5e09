"""What chapter 2 says and tabulates: what became of recordings, and what was measured on them."""

from collections.abc import Mapping, Sequence
from typing import Any

from IPython.display import Markdown

from lvmass.ecg.beats import BeatConfig
from lvmass.report.page import say, whole


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
    return say(
        f"**Answer.** By one R peak common to all leads, {' and '.join(flow)} became one beat with its measurements, "
        f"out of {n_beats:.0f} beats each (median). On {peaks['records']} real recordings with {peaks['beats']:,} "
        f"beats that readers marked (LUDB), R peaks are found with an F1 of {peaks['f1']:.4f}, and QRS onset and "
        f"offset differ from the readers' by {onset} and {offset} ms (bias ± SD)."
    )


def beat_settings(config: BeatConfig, findings: Sequence[Any]) -> Markdown:
    """Filter, window and averaging of a study, and what was found about one recording."""
    found = " ".join(finding.message for finding in findings) or "none."
    high_hz = min(config.band_high_hz, config.sampling_rate_hz / 2)
    return say(
        f"Filter of this study: {config.band_low_hz:g} to {high_hz:g} Hz. Window: {config.window_before_ms:g} ms "
        f"before to {config.window_after_ms:g} ms after R. Beats are combined by '{config.average}'. "
        f"Findings about this recording: {found}"
    )
