"""Kill 'lvmass run' at random moments and let it go on; full disk, broken checkpoint and a loss without end beside it.

    python benchmarks/training_faults.py [--kills 20] [--study book/studies/tiny.toml]

The killed run must end with the predictions of a run in one go, equal to the last bit.
"""

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lvmass.study.study import Study

ROOT = Path(__file__).resolve().parents[1]
RUN = "import sys; from lvmass.cli import main; sys.argv = ['lvmass', 'run', sys.argv[1]]; main()"
LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000)); " + RUN


def run(code: str, study: Path, seconds: float | None = None) -> tuple[int, str]:
    """Run a study in a process group of its own; kill the group after some seconds."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(study)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        return process.wait(seconds), process.stderr.read() if process.stderr else ""
    except subprocess.TimeoutExpired:
        subprocess.run(["pkill", f"-{signal.SIGKILL.value}", "--session", str(process.pid)], check=False)
        process.wait()
        return -9, ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--study", type=Path, default=ROOT / "book" / "studies" / "tiny.toml")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    generator = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as scratch:
        copies = {}
        for name in ("whole", "killed", "limited"):
            Path(scratch, name).mkdir()
            copies[name] = Path(shutil.copy(arguments.study, Path(scratch, name)))
        started = time.perf_counter()
        assert run(RUN, copies["whole"])[0] == 0
        whole_s = time.perf_counter() - started
        kills = ended = 0
        while kills < arguments.kills:
            # moments spread over starting, cutting beats, fitting and what comes after
            code, _ = run(RUN, copies["killed"], generator.uniform(2.0, 0.5 * whole_s))
            kills += code == -9
            if code == 0:  # it was through; begin again
                ended += 1
                shutil.rmtree(copies["killed"].parent / ".lvmass")
        code, errors = run(RUN, copies["killed"])
        assert code == 0, errors
        first, second = (Study.from_toml(copies[name]) for name in ("whole", "killed"))
        equal = {
            "development": first.predictions().equals(second.predictions()),
            "external": first.external().equals(second.external()),
        }
        code, errors = run(LIMITED, copies["limited"])
        full_disk = code == 1 and errors.startswith("lvmass: ") and errors.count("\n") == 1
    print(f"a run in one go takes {whole_s:.0f} s; {kills} kills at random moments, {ended} runs ended between them")
    print(f"predictions equal to the last bit: {equal}")
    print(f"full disk: one sentence, exit code 1: {full_disk}: {errors.strip()}")
    report = {"benchmark": "training_faults", "kills": kills, "whole_s": round(whole_s, 1), "equal": equal}
    print(json.dumps(report | {"full_disk": full_disk}))


if __name__ == "__main__":
    main()
