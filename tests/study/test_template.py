"""What `lvmass init` writes follows from the settings, and holds as it stands and with every line taken up."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lvmass.cohort import load_cohort
from lvmass.cohort.schema import Subject, data_dictionary
from lvmass.errors import DataError
from lvmass.study.fields import tables_of
from lvmass.study.settings import StudyConfig, read_study_file
from lvmass.study.template import study_template, write_starter

TABLES = tables_of(StudyConfig)
SETTINGS = [(name, *setting) for name, table in TABLES.items() for setting in table.settings.items()]


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    write_starter(tmp_path)
    return tmp_path


def fill(folder: Path) -> None:
    """Put people in place of the examples."""
    for name in ("subjects.csv", "external.csv"):
        (folder / name).write_text(f"{','.join(Subject.model_fields)}\n")


def taken_up(text: str) -> str:
    """Take the mark from every line that shows a setting; what only explains has two."""
    return re.sub(r"(?m)^# ", "", text)


def test_the_template_holds_as_it_stands(starter: Path) -> None:
    fill(starter)
    config = read_study_file(starter / "study.toml")
    plain = StudyConfig.model_validate(
        {"name": "x", "development": {"label": "x", "subjects": "x"}, "models": config.models}
    )
    assert config.model_dump(exclude={"name", "development", "gap"}) == plain.model_dump(
        exclude={"name", "development", "gap"}
    )
    assert {"sex-median", "demographics", "linear", "elvmass-net", "lvm-ai", "fcn"} <= set(config.models)
    assert {"linear", "elvmass-net"} <= set(config.trained_both_ways)
    assert config.external is None


def test_every_line_of_the_template_holds_and_defaults_are_those_of_the_classes(starter: Path) -> None:
    fill(starter)
    as_it_stands = read_study_file(starter / "study.toml")
    (starter / "study.toml").write_text(taken_up(study_template()), encoding="utf-8")
    every = read_study_file(starter / "study.toml")
    defaults = {"missing", "check", "privacy", "beat", "folds", "lvh", "gap", "machine"}
    defaults |= {"seed", "workers", "cache_dir", "signal_rate_hz", "bootstrap"}
    assert every.model_dump(include=defaults) == as_it_stands.model_dump(include=defaults)
    added = every.models["NAME"]
    assert added.fit == as_it_stands.models["elvmass-net"].fit
    assert every.external is not None


def test_every_setting_stands_in_the_template_or_is_for_simulated_people() -> None:
    table = tomllib.loads(taken_up(study_template()))
    for name, key, kind in SETTINGS:
        if "simulation" in kind or name.startswith(("external", "models.NAME.beat")):
            continue
        place = table
        for part in filter(None, name.split(".")):
            place = place[part]
        assert key in place, (name, key)


@pytest.mark.parametrize(("name", "key", "kind"), SETTINGS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_setting_says_what_it_means_in_which_unit(name: str, key: str, kind: dict[str, Any]) -> None:
    assert kind["description"], f"{name}.{key}"
    assert kind["example"] is not None
    for ending, unit in {"_hz": "Hz", "_ms": "ms", "_mv": "mV", "_g_m2": "g/m²", "_days": "days"}.items():
        if key.endswith(ending):
            assert re.search(rf"\b{unit}(\W|$)", kind["description"])


def test_no_line_of_the_template_is_wider_than_a_screen() -> None:
    assert max(map(len, study_template().splitlines())) <= 120


def test_example_rows_are_valid_and_refused_in_one_sentence(starter: Path) -> None:
    table = pd.read_csv(starter / "subjects.csv", dtype=str)
    assert list(table) == list(data_dictionary()["column"])
    assert table[[name for name, field in Subject.model_fields.items() if field.is_required()]].notna().all(axis=None)
    table.to_excel(starter / "subjects.xlsx", index=False)
    for name in ("subjects.csv", "subjects.xlsx"):
        told = "it still has the rows example-row-1 and example-row-2; put your people in their place."
        with pytest.raises(DataError, match=f"{name}: {told}$"):
            load_cohort(starter / name)


def test_nothing_that_names_people_goes_under_version_control(starter: Path) -> None:
    for name in (
        "ecg/1.dcm",
        "people.xlsx",
        "results/own/errors.csv",
        "model/model.json",
        ".lvmass/x",
        "predictions.csv",
    ):
        (starter / name).parent.mkdir(parents=True, exist_ok=True)
        (starter / name).touch()
    subprocess.run(["git", "init", "--quiet", str(starter)], check=True)
    listed = ["git", "-C", str(starter), "ls-files", "--others", "--exclude-standard"]
    kept = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split()
    assert sorted(kept) == [".gitignore", "README.md", "data_dictionary.csv", "study.toml"]


def test_next_steps_name_the_folder_and_every_command(starter: Path) -> None:
    text = (starter / "README.md").read_text(encoding="utf-8")
    assert "FOLDER" not in text
    for command in ("check", "run", "book"):
        assert f"lvmass {command} {starter.as_posix()}/study.toml" in text
