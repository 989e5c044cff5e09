"""Mistakes that hospitals make, planted one at a time: does `lvmass check` find each, where it is, and invent none?

    python benchmarks/check_mistakes.py [--people 60] [--data FOLDER] [--kinds WORD ...]

Each mistake of ``tests/study/mistakes.py`` is planted into a clean cohort in files: simulated people, or with
``--data`` real records (a folder with ``ptbxl_database.csv`` of PTB-XL) with stand-in masses drawn from body size. A
mistake counts as found where a problem of the right level is told with the right row, column and file; problems that
the clean cohort does not have and that the mistake does not explain count as invented. Nothing is trained.
"""

import argparse
import json
import re
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lvmass.cohort.problems import Problem
from lvmass.errors import DataError
from lvmass.study.check import check_study
from tests.study.mistakes import MISTAKES, Mistake, Own, clean_cohort


def kind(problem: Problem) -> str:
    """A problem without its numbers: with a row less, there are also less people."""
    return re.sub(r"\d+", "#", f"{problem.where} {problem}")


def judged(mistake: Mistake, problems: set[Problem], known: set[str]) -> tuple[bool, list[Problem]]:
    """Whether a mistake is among problems, and those that neither it nor the clean cohort explains."""

    def is_it(problem: Problem) -> bool:
        told = f"{problem.where} {problem}"
        return (
            problem.level == mistake.level
            and problem.row == mistake.row
            and (not mistake.column or problem.column == mistake.column)
            and mistake.file in problem.file
            and problem.where == mistake.where
            and all(word in told for word in mistake.words)
        )

    beside = [
        problem
        for problem in problems
        if kind(problem) not in known and (problem.row != mistake.row or problem.where != mistake.where)
    ]
    return any(map(is_it, problems)), [] if mistake.also else beside


def planted(own: Own, mistake: Mistake, folder: Path) -> set[Problem]:
    """Problems of a copy of a cohort with one mistake."""
    copy = own.copy_to(folder)
    mistake.plant(copy)
    try:
        return set(check_study(copy.write()).problems)
    except DataError as error:  # the study file itself names what is not there: nothing more can be checked
        what, _, do = str(error).rstrip(".").rpartition("; ")
        return {Problem("error", mistake.where if mistake.where in what else "", what, do)}


def main() -> None:
    """Print a row a mistake and one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--kinds", nargs="*", default=[""])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, begun = Path(name), time.perf_counter()
        own = clean_cohort(folder / "clean", options.people, data=options.data)
        own.settings = own.settings.replace("CACHE", str(folder / "cache"))
        clean = check_study(own.write()).problems
        print(f"clean: {sum(p.level == 'error' for p in clean)} errors, {len(clean)} problems")
        for problem in clean:
            print(f"    {problem.level}: {problem.where}: {problem}")
        found, invented, n = 0, 0, 0
        for i, mistake in enumerate(MISTAKES):
            if not any(word in mistake.kind for word in options.kinds):
                continue
            known = {kind(problem) for problem in clean}
            problems = planted(own, mistake, folder / str(i))
            yes, beside = judged(mistake, problems, known)
            found, invented, n = found + yes, invented + len(beside), n + 1
            print(f"{'found ' if yes else 'MISSED'}  {len(beside)} beside  {mistake.kind}")
            for problem in list(problems)[:6] if not yes else beside[:6]:
                print(f"    {problem.level}: {problem.where}: {problem}")
    errors = sum(problem.level == "error" for problem in clean)
    result = {
        "planted": n,
        "found": found,
        "beside": invented,
        "errors_on_clean": errors,
        "problems_on_clean": len(clean),
    }
    print(json.dumps(result | {"real_ecgs": options.data is not None, "seconds": round(time.perf_counter() - begun)}))


if __name__ == "__main__":
    main()
