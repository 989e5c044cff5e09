"""Kill commands at random moments and give them again; a full disk beside it (Linux).

    python benchmarks/training_faults.py [COMMAND ...] [--folder DIR] [--kills 20]

A COMMAND is what follows 'lvmass', in quotes, such as "predict --table people.csv --out out.csv"; by default it is
"run study.toml". It runs in a copy of DIR, by default a study (study.toml) of 240 people in files with a small network.
Only the process of the command is killed, with -9: its workers have to go within ten seconds by themselves. At every
moment each output is whole or absent, and those of the killed command end as those of one in one go, to the byte.
"""

import argparse
import json
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scale_files import NETWORK, STUDY, write_cohorts

ROOT = Path(__file__).resolve().parents[1]
LVMASS = "import sys; from lvmass.cli import main; sys.argv[0] = 'lvmass'; main()"
LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000)); " + LVMASS


def start(code: str, command: str, folder: Path) -> "subprocess.Popen[str]":
    """Start a command in a session of its own, by which its workers are known."""
    return subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}", *shlex.split(command)],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def left_over(session: int) -> list[int]:
    """Processes of a session that still run."""
    found = []
    for process in psutil.process_iter(["pid", "status"]):
        try:
            if process.info["status"] != psutil.STATUS_ZOMBIE and process.pid != session:
                found += [process.pid] if _session(process.pid) == session else []
        except (psutil.NoSuchProcess, OSError):
            continue
    return found


def _session(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[3])


def outputs(folder: Path, given: set[str]) -> dict[str, bytes]:
    """Files that a command has written and that a user sees, by their path."""
    files = (path for path in folder.rglob("*") if path.is_file())
    named = {str(path.relative_to(folder)): path for path in files}
    return {
        name: path.read_bytes()
        for name, path in named.items()
        if name not in given and not any(part.startswith(".") for part in Path(name).parts)
    }


def tried(command: str, template: Path, scratch: Path, kills: int, generator: random.Random) -> dict[str, object]:
    """Kill one command some times, let it end, and say what differs from one in one go."""
    given = {str(path.relative_to(template)) for path in template.rglob("*")}
    whole, killed = (Path(shutil.copytree(template, scratch / name)) for name in ("whole", "killed"))
    started = time.perf_counter()
    process = start(LVMASS, command, whole)
    first_errors, code = process.communicate()[1], process.returncode
    whole_s, expected = time.perf_counter() - started, outputs(whole, given)
    done = ended = half = 0
    slowest_s = 0.0
    while done < kills:
        process = start(LVMASS, command, killed)
        try:
            process.communicate(timeout=generator.uniform(0.5, whole_s))
            ended += 1  # it was through; begin again
            shutil.rmtree(killed)
            shutil.copytree(template, killed)
            continue
        except subprocess.TimeoutExpired:
            process.kill()
        killed_at, done = time.perf_counter(), done + 1
        process.wait()
        while left_over(process.pid):
            time.sleep(0.1)
        slowest_s = max(slowest_s, time.perf_counter() - killed_at)
        half += sum(expected.get(name) != content for name, content in outputs(killed, given).items())
    process = start(LVMASS, command, killed)
    errors = process.communicate()[1]
    if process.returncode != code:
        told = "".join(
            f"\n--- exit code {n}:\n{text[-2000:]}" for n, text in [(code, first_errors), (process.returncode, errors)]
        )
        raise RuntimeError(f"'{command}' ended otherwise after kills (second) than in one go (first){told}")
    found = outputs(killed, given)
    row = {"command": command, "exit_code": code, "whole_s": round(whole_s, 1), "kills": done, "ended_between": ended}
    row |= {"slowest_worker_s": round(slowest_s, 1), "outputs": len(expected), "half_outputs": half}
    for folder in (whole, killed):
        shutil.rmtree(folder)
    return row | {"equal": found == expected}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", nargs="*", default=["run study.toml"])
    parser.add_argument("--folder", type=Path, help="holds what the commands need; a copy is used")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    generator, rows = random.Random(arguments.seed), []
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        template = arguments.folder or scratch / "template"
        if not arguments.folder:
            template.mkdir()
            write_cohorts(template, 240)
            (template / "study.toml").write_text("bootstrap = 200\n" + (STUDY + NETWORK).format(workers=2))
        for command in arguments.commands:
            rows.append(tried(command, template, scratch, arguments.kills, generator))
            print(*(f"{name} {value}" for name, value in rows[-1].items()), sep="; ", flush=True)
        limited = Path(shutil.copytree(template, scratch / "limited"))
        process = start(LIMITED, arguments.commands[0], limited)
        errors = process.communicate()[1]
        told = [line for line in errors.splitlines() if line.startswith("lvmass: ")]
        full_disk = process.returncode == 1 and len(told) == 1 and "Traceback" not in errors
    print(f"full disk: one sentence, exit code 1: {full_disk}: {' '.join(told)}")
    print(json.dumps({"benchmark": "training_faults", "commands": rows, "full_disk": full_disk}))


if __name__ == "__main__":
    main()
