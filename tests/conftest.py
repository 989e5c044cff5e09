"""One tiny study, run once and shared by every test that needs its results."""

import shutil
from pathlib import Path

import pytest

from lvmass.study.study import Study

ROOT = Path(__file__).parent.parent
TINY = ROOT / "book" / "studies" / "tiny.toml"


@pytest.fixture(scope="session")
def tiny_study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the tiny study file, so that its results stay out of the checkout."""
    return Path(shutil.copy(TINY, tmp_path_factory.mktemp("study") / "tiny.toml"))


@pytest.fixture(scope="session")
def tiny_study(tiny_study_file: Path) -> Study:
    """Return the tiny study with every stage finished."""
    study = Study.from_toml(tiny_study_file)
    study.run()
    return study
