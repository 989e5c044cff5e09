"""A result is found again only if its settings, its inputs and its source are the same."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from lvmass.errors import DataError
from lvmass.study.store import Store
from tests.conftest import ROOT

EDITS = {
    "cohort/simulation/torso.py": {"beats", "signals", "fit", "external", "saliency"},
    "ecg/peaks.py": {"beats", "signals", "fit", "external", "saliency"},
    "networks/fcn.py": {"fit", "external", "saliency"},
    "training/fit.py": {"fit", "external", "saliency"},
    "saliency.py": {"saliency"},
    "evaluation/delong.py": set(),
    "report/figures/ecg.py": set(),
    "cli.py": set(),
    "study/settings.py": set(),
    "study/study.py": set(),
    "cohort/folds.py": {"fit", "external", "saliency"},
}

PRINT_WHAT_CHANGES = r"""
import json, pathlib, sys
import lvmass.study.store as store
import lvmass.study.stages as stages

def fingerprints():
    store.source_fingerprint.cache_clear()
    store._imports.cache_clear()
    return {n: store.source_fingerprint(getattr(stages, n + "_stage"))
            for n in ("beats", "signals", "fit", "external", "saliency")}

assert pathlib.Path(store.__file__).parents[1] == pathlib.Path.cwd() / "lvmass"
before, changed = fingerprints(), {}
for name in sys.argv[1:]:
    path = pathlib.Path("lvmass") / name
    text = path.read_text()
    path.write_text(text + "\nEDITED = 1\n")
    after = fingerprints()
    changed[name] = [stage for stage in before if before[stage] != after[stage]]
    path.write_text(text)
assert fingerprints() == before
print(json.dumps(changed))
"""


class Settings(BaseModel):
    x: int


CALLS: list[int] = []


def double(settings: Settings, *, store: Store, key: str) -> int:
    CALLS.append(settings.x)
    return 2 * settings.x


def test_computed_once_for_the_same_settings(tmp_path: Path) -> None:
    store = Store(tmp_path / "new" / "folder")
    CALLS.clear()
    assert not store.has(double, Settings(x=3))
    assert [store(double, Settings(x=x)) for x in (3, 3, 4)] == [6, 6, 8]
    assert store.has(double, Settings(x=3))
    assert CALLS == [3, 4]
    assert Store(tmp_path / "new" / "folder")(double, Settings(x=4)) == 8
    assert CALLS == [3, 4]


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="results cannot be kept here"):
        Store(tmp_path / "file" / "cache")


@pytest.fixture(scope="module")
def changes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return which stages' fingerprints change when a line is added to a file, tried on a copy of the package."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(ROOT / "lvmass", folder / "lvmass", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-c", PRINT_WHAT_CHANGES, *EDITS]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


@pytest.mark.parametrize("edited", sorted(EDITS))
def test_edited_line_changes_what_depends_on_it_and_nothing_else(changes: dict[str, list[str]], edited: str) -> None:
    assert set(changes[edited]) == EDITS[edited]
