"""What chapter 2 says and tabulates: what became of recordings, and what was measured on them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from IPython.display import HTML, Markdown

from lvmass.ecg.beats import BeatConfig
from lvmass.report.page import laid_out, parts, say, table, whole
from lvmass.report.words import CAPTIONS, printed, reasons

_BIAS_SD = "{bias_ms:.1f} ± {sd_ms:.1f}"


def flow_table(beats: Mapping[str, Any], smallest: int = 1) -> pd.DataFrame:
    """From recordings to beats, a row a cohort; reasons by code, commonest first, counts below ``smallest`` hidden."""
    rows = []
    for name, each in beats.items():
        n_beats, counts = int(each.report.query("usable")["n_beats"].median()), reasons(each.report)
        numbers = parts([*counts.values()], smallest)
        why_not = "; ".join(f"{n} × {why}" for why, n in zip(counts, numbers, strict=True)) or "none"
        rows.append((name, whole(len(each.people), len(each.report), smallest), len(each.people), n_beats, why_not))
    columns = ["cohort", "recordings", "usable", "beats combined, median", "not usable"]
    return pd.DataFrame(rows, columns=columns)


def measured_by_sex(people: pd.DataFrame, smallest: int = 1) -> pd.DataFrame:
    """Mean (SD) of what is measured on the beats, a column for each sex of at least ``smallest`` patients."""
    names = ["heart_rate_bpm", "pr_interval_ms", "qrs_duration_ms", "qtc_ms", "qrs_axis_deg"]
    columns = {}
    for sex, group in (
        people.groupby("sex").filter(lambda group: group["patient_id"].nunique() >= smallest).groupby("sex")
    ):
        both = zip(group[names].mean(), group[names].std(), strict=True)
        columns[f"{printed(sex)}, n = {len(group):,}"] = [f"{mean:.0f} ({sd:.0f})" for mean, sd in both]
    return pd.DataFrame({"": names} | columns).replace("nan (nan)", "–")


def beat_answer(beats: Mapping[str, Any], found: Mapping[str, Any], smallest: int = 1) -> Markdown:
    """Answer of chapter 2: how many recordings became a beat, and how the measurements did on real recordings."""
    flow = [
        f"{len(each.people):,} of {whole(len(each.people), len(each.report), smallest)} recordings ({name})"
        for name, each in beats.items()
    ]
    edges, peaks, cart = found["ecg_delineation"], found["ecg_peaks"]["LUDB lvmass"], found["ecg_beat"]
    onset, offset = (_BIAS_SD.format_map(edges[f"QRS {end} lvmass"]) for end in ("onset", "offset"))
    return say(
        f"**Answer.** By one R peak common to all leads, {' and '.join(flow)} became one beat with its measurements. "
        f"On {peaks['records']} real recordings with {peaks['beats']:,} beats that readers marked (LUDB), R peaks are "
        f"found with an F1 of {peaks['f1']:.4f}, and QRS onset and offset differ from the readers' by {onset} and "
        f"{offset} ms (bias ± SD). One beat correlates with that of an ECG cart by "
        f"{cart['device default (trimmed mean)']['correlation']:.3f}. {found['ecg_peaks']['development']}."
    )


def beat_settings(config: BeatConfig, findings: Sequence[Any]) -> Markdown:
    """Filter, window and averaging of a study, and what was found about one recording."""
    low_pass = config.band_high_hz < config.sampling_rate_hz / 2  # beyond, there is nothing left to take out
    band = f"high-pass {config.band_low_hz:g} Hz, " if config.band_low_hz else "no high-pass, "
    band += f"low-pass {config.band_high_hz:g} Hz" if low_pass else "no low-pass"
    found = " ".join(finding.message for finding in findings) or "none."
    return say(
        f"Filter of this study: {band}. Window: {config.window_before_ms:g} ms before to {config.window_after_ms:g} ms "
        f"after R. Beats are combined by '{config.average}'. Findings about this recording: {found}"
    )


def validation(found: Mapping[str, Any]) -> list[HTML | Markdown]:
    """Tables of ``book/validation``: wave boundaries, R peaks, beats and criteria on real recordings."""
    edges, peaks, beats, criteria = (found[f"ecg_{name}"] for name in CAPTIONS)

    def by_method(rows: Mapping[str, Any], methods: Sequence[str], text: str) -> pd.DataFrame:
        columns = {
            method: {key.removesuffix(f" {method}").replace(" + ", ", "): text.format_map(rows[key])
                     for key in rows if key.endswith(f" {method}")} for method in methods
        }  # fmt: skip
        return pd.DataFrame(columns).rename_axis("").reset_index()

    carts = [row | {"beat": name.removeprefix("device ")} for name, row in beats.items() if name.startswith("device ")]
    rows = [row | {"criterion": name} for name, row in criteria.items() if isinstance(row, dict)]
    areas = pd.DataFrame(rows).rename(columns={"low": "ci_low", "high": "ci_high"})
    sizes = [f"{row['beats']:,} beats of {row['records']} recordings in {name.removesuffix(' lvmass')}"
             for name, row in peaks.items() if name in ("LUDB lvmass", "MIT-BIH lvmass")]  # fmt: skip
    captions = [CAPTIONS[name].format_map(found[f"ecg_{name}"] | {"people": "; ".join(sizes)}) for name in CAPTIONS]
    headers = {"beat": "the cart's beat against", "correlation": "correlation", "rms_uv": "difference, RMS (µV)"}
    shown = pd.DataFrame(carts)[[*headers]].rename(columns=headers)
    return [
        table(by_method(edges, ("lvmass", "NeuroKit2 prominence", "NeuroKit2 dwt"), _BIAS_SD + " ({n})"), captions[0]),
        table(by_method(peaks, ("lvmass", "lvmass one lead", "NeuroKit2", "XQRS"), "{f1:.4f} ({leads})"), captions[1]),
        table(shown, captions[2], digits={"correlation": 4, "difference, RMS (µV)": 1}),
        table(laid_out(areas, "areas"), captions[3]),
    ]
