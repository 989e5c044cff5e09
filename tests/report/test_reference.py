"""The page on settings lists what the study file may say, and its example is a study file."""

import re
from pathlib import Path

from lvmass.cohort.schema import Subject
from lvmass.networks.registry import NETWORKS
from lvmass.study.fields import tables_of
from lvmass.study.settings import StudyConfig, read_study_file
from tests.conftest import TINY
from tests.report.chapters import BOOK, run_chapter

PAGE = BOOK / "settings.md"


def test_every_setting_and_column_stands_on_the_page() -> None:
    shown = run_chapter(PAGE, TINY)
    cells = {re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<td.*?</td>", shown)}
    for name, table in tables_of(StudyConfig).items():
        assert not name or f">[{name}]</h3>" in shown
        for key in table.settings:
            assert key in cells, (name, key)
    assert {argument for network in NETWORKS.values() for argument in network.arguments} <= cells
    assert set(Subject.model_fields) <= cells


def test_the_example_of_the_page_is_a_study_file(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    (tmp_path / "study.toml").write_text(example[1])
    (tmp_path / "subjects.csv").write_text(",".join(Subject.model_fields))
    config = read_study_file(tmp_path / "study.toml")
    assert (config.development.units["height_cm"], config.models["elvmass-net"].fit.epochs) == ("in", 20)
