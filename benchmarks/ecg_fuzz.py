"""Damaged files: random mutations of one sample file of every format.

    python benchmarks/ecg_fuzz.py [--mutations 5000] [--formats wfdb dicom ...] [--seed 1]

Every mutated file must give a Recording or one DataError, within 5 s and 1 GB. What could be read goes on through
quality, beat and measurements, which must not fail in any other way either. Each format runs in a process of its own,
whose peak memory is printed.
"""

import argparse
import json
import multiprocessing
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lvmass.ecg import check_quality, lvh_criteria, measure_beat, read_ecg, synchronized_beat
from lvmass.errors import DataError
from tests.ecg.ecg_files import WRITERS
from tests.ecg.synthetic import synthetic_recording

LIMIT_S = 5
LIMIT_MB = 1024


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    """One to five random injuries; half of them in the first kilobyte, where headers are."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 6)):
        if not data:
            break
        reach = len(data) if rng.random() < 0.5 else min(len(data), 1024)
        at = int(rng.integers(reach))
        size = int(min(len(data) - at, rng.choice([1, 1, 2, 4, 16, 256])))
        kind = rng.integers(8)
        if kind == 0:
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            data[at : at + size] = rng.bytes(size)
        elif kind == 2:
            data[at : at + size] = bytes([int(rng.choice([0, 255, 127, 128, 57]))]) * size
        elif kind == 3:
            del data[at : at + size]
        elif kind == 4:
            data[at:at] = rng.bytes(size)
        elif kind == 5:
            data[at:at] = data[at : at + size] * int(rng.integers(1, 9))
        elif kind == 6:
            del data[at:]
        else:
            digits = [i for i in range(at, min(len(data), at + 200)) if 48 <= data[i] <= 57]
            for i in digits[: int(rng.integers(1, 6))]:
                data[i] = int(rng.integers(48, 58))
    return bytes(data)


def stop(*_: object) -> None:
    raise TimeoutError(f"no answer within {LIMIT_S} s")


def fuzz(name: str, mutations: int, seed: int, answer: "multiprocessing.Queue") -> None:
    """Mutate one format's sample file; report what came out."""
    resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))
    signal.signal(signal.SIGALRM, stop)
    rng = np.random.default_rng([seed, *name.encode()])
    outcome: Counter[str] = Counter()
    failures: list[str] = []
    slowest_s = 0.0
    with tempfile.TemporaryDirectory() as folder:
        write, keywords = WRITERS[name]
        path = write(Path(folder), synthetic_recording(noise_mv=0.01))
        files = [path, path.with_suffix(".dat")] if name == "wfdb" else [path]
        originals = {file: file.read_bytes() for file in files}
        read_ecg(path, **keywords)
        before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        for number in range(mutations):
            for file, content in originals.items():
                file.write_bytes(mutate(content, rng) if len(files) == 1 or rng.random() < 0.6 else content)
            read, started = False, time.perf_counter()
            signal.alarm(LIMIT_S)
            try:
                recording = read_ecg(path, **keywords)
                read = True
                if number % 10 == 0:
                    check_quality(recording)
                    beat = synchronized_beat(recording)
                    lvh_criteria(beat, measure_beat(beat), "female")
            except DataError as error:
                if "\n" in str(error) or len(str(error)) > 500:
                    failures.append(f"mutation {number}: message is no single sentence: {error!s:.200}")
            except Exception as error:  # what is looked for
                failures.append(f"mutation {number}: {type(error).__name__}: {error}")
            finally:
                signal.alarm(0)
                outcome["recording" if read else "DataError"] += 1
            slowest_s = max(slowest_s, time.perf_counter() - started)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answer.put((dict(outcome), failures, slowest_s, before_mb, peak_mb))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutations", type=int, default=5000)
    parser.add_argument("--formats", nargs="+", default=list(WRITERS), choices=list(WRITERS))
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    print(f"{'format':10}{'recording':>10}{'DataError':>10}{'failures':>10}{'slowest s':>11}{'peak MB':>9}{'added':>7}")
    report: dict[str, dict[str, float]] = {}
    for name in arguments.formats:
        answer = context.Queue()
        process = context.Process(target=fuzz, args=(name, arguments.mutations, arguments.seed, answer))
        process.start()
        while process.is_alive() and answer.empty():
            process.join(0.2)
        if answer.empty():
            report[name] = {"failures": 1, "died": float(process.exitcode or 0)}
            print(f"{name:10} the process died with exit code {process.exitcode}")
            continue
        outcome, failures, slowest_s, before_mb, peak_mb = answer.get()
        process.join()
        read, refused = outcome.get("recording", 0), outcome.get("DataError", 0)
        row = f"{name:10}{read:10}{refused:10}{len(failures):10}{slowest_s:11.2f}"
        print(f"{row}{peak_mb:9.0f}{peak_mb - before_mb:7.0f}", flush=True)
        for failure in failures[:5]:
            print("   ", failure)
        report[name] = {
            "recording": read,
            "data_error": refused,
            "failures": len(failures),
            "slowest_s": round(slowest_s, 2),
            "peak_mb": round(peak_mb),
        }
    passed = all(
        not row["failures"] and row.get("slowest_s", 0) < LIMIT_S and row.get("peak_mb", 0) < LIMIT_MB
        for row in report.values()
    )
    print(json.dumps({"benchmark": "ecg_fuzz", "mutations": arguments.mutations, "passed": passed, "formats": report}))


if __name__ == "__main__":
    main()
