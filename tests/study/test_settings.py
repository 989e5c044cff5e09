"""A study file is either right, or every problem of it is one sentence."""

from pathlib import Path

import pytest

from lvmass.errors import DataError
from lvmass.study.settings import read_study_file
from tests.conftest import ROOT, TINY


@pytest.mark.parametrize("path", sorted((ROOT / "book" / "studies").glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_study_files_are_valid(path: Path) -> None:
    assert read_study_file(path).name == path.stem


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("bootstrap = 200", "bootsrap = 200", ["unknown key 'bootsrap'", "did you mean 'bootstrap'?"]),
        ("[saliency]\nn_per_sex", "[saliency]\nn_per_sx", ["'saliency.n_per_sx'", "did you mean 'n_per_sex'?"]),
        ("epochs = 2,", "epoch = 2,", ["'models.elvmass-net.fit.epoch'", "did you mean 'epochs'?"]),
        ("[folds]\nn = 2", "[folds]\nn = 'two'", ["'folds.n'", "integer", "'two'"]),
        ("[folds]\nn = 2", "[folds]\nn = 1", ["'folds.n'", "greater than or equal to 2"]),
        ('name = "tiny"', "", ["'name' is missing"]),
        ('estimator = "fcn"', 'estimator = "fnc"', ["no estimator 'fnc'", "did you mean 'fcn'?"]),
        ('counterfactual = ["l', 'counterfactual = ["fcn", "l', ["no model trained both ways 'fcn'"]),
        ("counterfactual =", "twins =", ["'gap.twins' is now called 'counterfactual'; rename it"]),
        ("[models.fcn]", "[models.fcn]\nmatched = true", ["'models.fcn.matched' is now called 'size_matched'"]),
        ("channels = 8", "chanels = 8", ["no argument of elvmass-net 'chanels'", "did you mean 'channels'?"]),
        ('simulate = "ntuh"', 'simulate = "ntu"', ["no site to simulate 'ntu'", "did you mean 'ntuh'?", "tw-cvai"]),
        ('simulate = "ntuh"', "", ["'external'", "give either 'simulate' and 'n', or 'subjects'"]),
        ("external cohort (NTUH-like)", "development cohort (TW-CVAI-like)", ["have the same label"]),
        ("bootstrap = 200", "bootstrap = ", ["not valid TOML", "line"]),
        ("[folds]", "[beat]\nband_low = 1.0\n[folds]", ["'beat.band_low'", "did you mean 'band_low_hz'?"]),
        ('"ridge"\ncovariates = ["demographics"]', '"ridge"\ncovariates = []', ["'ridge' needs covariates"]),
        (
            'training = ["pooled", "sex-specific"]\narguments = { channels',
            'covariates = ["criteria"]\narguments = { sex_head = true, channels',
            ["'sex_head' needs covariates of which the first are 'demographics'"],
        ),
        ("[models.fcn]", "[models.fit]\nkernel = 3", ["unknown key 'models.fit.kernel'", "allowed here: estimator,"]),
        ("[folds]", "[beat]\nband_low_hz = 30.0\n[folds]", ["'beat.band_low_hz'", "less than or equal to 2"]),
    ],
)
def test_problem_is_named(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    text = TINY.read_text()
    assert old in text
    path = tmp_path / "study.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DataError) as error:
        read_study_file(path)
    for word in [str(path), *words]:
        assert word in str(error.value)


def test_every_problem_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text('nam = "x"\n' + TINY.read_text().replace("bootstrap = 200", "bootstrap = 1"))
    with pytest.raises(DataError) as error:
        read_study_file(path)
    assert len(str(error.value).splitlines()) == 2


def test_missing_file() -> None:
    with pytest.raises(DataError, match=r"none\.toml: cannot be read"):
        read_study_file("none.toml")


@pytest.mark.parametrize(("stated", "external"), [("", "literature"), ('setting = "published"\n', "published")])
def test_one_switch_sets_how_both_cohorts_are_simulated(tmp_path: Path, stated: str, external: str) -> None:
    text = TINY.read_text().replace("[development]\n", '[development]\nsetting = "literature"\n')
    path = tmp_path / "study.toml"
    path.write_text(text.replace("[external]\n", f"[external]\n{stated}"))
    config = read_study_file(path)
    assert config.cohort("development").setting == "literature"
    assert config.cohort("external").setting == external
    assert read_study_file(TINY).cohort("external").setting == "published"
