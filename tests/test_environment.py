"""environment.yml, pyproject.toml and requirements.lock describe one environment."""

import re
import tomllib
from importlib.metadata import version

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK_LINES = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
LOCK = {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in LOCK_LINES}
DIRECT = [
    Requirement(text)
    for text in [*PROJECT["dependencies"], *(r for extra in PROJECT["optional-dependencies"].values() for r in extra)]
]


def test_lock_pins_each_package_to_one_plain_version() -> None:
    assert len(LOCK) == len(LOCK_LINES)
    for line in LOCK_LINES:
        # no local version such as +cpu, which no index holds; no address
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line), line


@pytest.mark.parametrize("requirement", DIRECT, ids=str)
def test_lock_satisfies_project(requirement: Requirement) -> None:
    assert requirement.specifier.contains(LOCK[canonicalize_name(requirement.name)])


def test_lock_is_what_is_installed() -> None:
    installed = {name: version(name).partition("+")[0] for name in LOCK}
    assert installed == LOCK


def test_lab_comes_on_top_of_the_lock_and_changes_none_of_it() -> None:
    lines = (ROOT / "requirements-lab.lock").read_text().splitlines()[1:]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines)
    names = [canonicalize_name(line.split("==")[0]) for line in lines]
    assert "jupyterlab" in names
    assert not {*names} & {*LOCK}


def test_lock_pulls_no_cuda_packages() -> None:
    assert not [name for name in LOCK if name.startswith(("nvidia", "triton", "cuda"))]


def test_conda_environment_is_the_lock_on_the_same_python() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python = next(item for item in environment["dependencies"] if str(item).startswith("python="))
    from_pip = next(item["pip"] for item in environment["dependencies"] if isinstance(item, dict))
    assert f"{python.removeprefix('python=')}.1" in Requirement(f"python{PROJECT['requires-python']}").specifier
    assert from_pip == ["--requirement requirements.lock", "--editable ."]


def test_the_public_host_checks_what_lands_and_asks_by_forms() -> None:
    files = {path.name: yaml.safe_load(path.read_text()) for path in (ROOT / ".github").rglob("*.yml")}
    steps = files.pop("book.yml")["jobs"]["check"]["steps"]
    assert {"run": ".ci/run"} in steps
    for form in files.values():
        assert {"name", "description", "body"} <= {*form}
        assert all(field["attributes"]["label"] for field in form["body"])
