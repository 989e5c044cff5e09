"""A study file is either right, or every problem of it is one sentence."""

import random
from pathlib import Path

import pytest

from lvmass.errors import DataError
from lvmass.study.settings import read_study_file
from tests.conftest import ROOT, TINY


@pytest.mark.parametrize("path", sorted((ROOT / "book" / "studies").glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_study_files_are_valid(path: Path) -> None:
    assert read_study_file(path).name == path.stem


FOLDS, FCN, FIT, TRAINING = "[folds]\nn = 2", "[models.fcn]\n", "epochs = 2,", 'training = ["pooled", "sex-specific"]'
TOP = "bootstrap = 200\n"
EXTERNAL = 'simulate = "ntuh"\nn = 60\nseed = 2'

# What stands in the study file, what is written in its place, and what the refusal has to say.
MISSPELT = [
    ("bootstrap = 200", "bootsrap = 200", ["unknown key 'bootsrap'", "did you mean 'bootstrap'?"]),
    ("bootstrap = 200", "Bootstrap = 200", ["'Bootstrap'", "did you mean 'bootstrap'?"]),
    ("signal_rate_hz", "signal-rate-hz", ["did you mean 'signal_rate_hz'?"]),
    ("[saliency]\nn_per_sex", "[saliency]\nn_per_sx", ["'saliency.n_per_sx'", "did you mean 'saliency.n_per_sex'?"]),
    (FIT, "epoch = 2,", ["'models.elvmass-net.fit.epoch'", "did you mean 'models.elvmass-net.fit.epochs'?"]),
    (FCN, f"{FCN}covariate = []\n", ["did you mean 'models.fcn.covariates'?"]),
    (FCN, f"{FCN}seed = 3\n", ["did you mean 'models.fcn.seeds'?"]),
    ("[folds]", "[beat]\nband_low = 1.0\n[folds]", ["'beat.band_low'", "did you mean 'beat.band_low_hz'?"]),
    ("[folds]", "[lvh]\nmale = 80\n[folds]", ["did you mean 'lvh.male_g_m2'?"]),
    ("[folds]", '[missing]\nheight = "impute"\n[folds]', ["did you mean 'missing.height_cm'?"]),
    ("channels = 8", "chanels = 8", ["no argument of elvmass-net 'chanels'", "did you mean 'channels'?"]),
    ('name = "tiny"', 'nme = "tiny"', ["did you mean 'name'?"]),
    ('name = "tiny"', "", ["'name' is missing"]),
    # tables
    ("[development]", "[developement]", ["unknown table [developement]", "did you mean [development]?"]),
    ("[folds]", "[fold]", ["unknown table [fold]", "did you mean [folds]?"]),
    ("[folds]", "[Folds]", ["did you mean [folds]?"]),
    ("[models.fcn]", "[model.fcn]", ["unknown table [model]", "did you mean [models]?"]),
    (EXTERNAL, f"{EXTERNAL}\n[external.code]\nsex = {{ M = 'male' }}", ["did you mean [external.codes]?"]),
    # a right key in the wrong place
    (FCN, f"{FCN}epochs = 3\n", ["'models.fcn.epochs'", "'epochs' belongs in [models.fcn.fit]"]),
    (FCN, f"{FCN}learning-rate = 3\n", ["'learning_rate' belongs in [models.fcn.fit]"]),
    (TOP, f"{TOP}epochs = 3\n", ["'epochs' belongs in [models.NAME.fit]"]),
    (TOP, f"{TOP}male_g_m2 = 80\n", ["'male_g_m2' belongs in [lvh]"]),
    (TOP, f"{TOP}[fit]\nepochs = 3\n", ["'fit' belongs in a table of its own, [models.NAME.fit]"]),
    (FOLDS, f"{FOLDS}\nworkers = 1", ["'workers' belongs at the top of the file, above the first [table]"]),
    (EXTERNAL, f"{EXTERNAL}\nfolds = 5", ["'folds' belongs in a table of its own, [folds]"]),
    ("[models.sex-median]", "[models]\ntraining = []\n[models.sex-median]", ["below a line [models.NAME]"]),
    ("[models.fcn]", "[models.fit]\nkernel = 3", ["unknown key 'models.fit.kernel'", "allowed here: estimator,"]),
]

MISTYPED = [
    (FOLDS, '[folds]\nn = "2"', ["'folds.n' is \"2\"", "a whole number from 2 to 20", "did you mean 2?"]),
    (FOLDS, '[folds]\nn = "two"', ["'folds.n' is \"two\"", "a whole number from 2 to 20."]),
    (FOLDS, "[folds]\nn = 2.0", ["did you mean 2?"]),
    (FOLDS, "[folds]\nn = true", ["'folds.n' is true", "a whole number"]),
    (FOLDS, "[folds]\nn = [2]", ["did you mean 2?"]),
    (FOLDS, "[folds]\n[folds.n]\nfolds = 2", ["'folds.n' is a table", "did you mean 2?"]),
    (TOP, f"{TOP}lvh = 80\n", ["'lvh' is a table", "below a line [lvh]"]),
    (TOP, "bootstrap = 2.000\n", ["'bootstrap' is 2.0", "did you mean 2000?"]),
    ('name = "tiny"', "name = 5", ["text in quotes", 'did you mean "5"?']),
    ('name = "tiny"', 'name = "my study"', ['did you mean "my-study"?']),
    ("[folds]", '[privacy]\nshow_people = "true"\n[folds]', ["true or false", "did you mean true?"]),
    ("[folds]", "[privacy]\nshow_people = 0\n[folds]", ["did you mean false?"]),
    (TRAINING, 'training = "pooled"', ['did you mean ["pooled"]?']),
    (TRAINING, 'training = ["pooled", "sex_specific"]', ["'models.linear.training.1'", 'did you mean "sex-specific"?']),
    (TRAINING, "training = []", ["one or more of"]),
    ('covariates = ["demographics"]', 'covariates = "demographic"', ['did you mean ["demographics"]?']),
    ("repeats = { linear = 2 }", "repeats = 2", ["'gap.repeats' is 2", "a table in braces"]),
    ("repeats = { linear = 2 }", 'repeats = { linear = "2" }', ["'gap.repeats.linear'", "did you mean 2?"]),
    (EXTERNAL, f'{EXTERNAL}\nleads = "II"', ['did you mean ["II"]?']),
    (EXTERNAL, f'{EXTERNAL}\nleads = ["I", "II"]', ["lead V1, V2, V3, V4, V5, V6 is missing"]),
    ("[models.fcn]", '[models."a/b"]', ["the model name 'a/b' cannot be used"]),
    # ranges and units
    (FOLDS, "[folds]\nn = 1", ["'folds.n' is 1", "from 2 to 20"]),
    ("[folds]", "[beat]\nband_low_hz = 30.0\n[folds]", ["'beat.band_low_hz' is 30.0", "a number from 0 to 2"]),
    ("[folds]", "[beat]\nwindow_before_ms = 0.3\n[folds]", ["did you mean 300?"]),
    ("[folds]", '[beat]\nband_high_hz = "150 Hz"\n[folds]', ["did you mean 150?"]),
    (FIT, "validation_fraction = 15,", ["above 0 and below 0.5", "did you mean 0.15?"]),
    (FIT, 'validation_fraction = "15 %",', ["did you mean 0.15?"]),
    (FIT, 'validation_fraction = "0,15",', ["did you mean 0.15?"]),
    (FIT, "learning_rate = inf,", ["a number above 0"]),
    ("channels = 8", 'channels = "8"', ["[models.elvmass-net]: 'channels' is \"8\"", "of 1 or more (did you mean 8?)"]),
    ("channels = 8", "dropout = 10", ["'dropout' is 10", "did you mean 0.1?"]),
    ("filters = [16, 32, 16]", "filters = 16", ["a list of whole numbers of 1 or more", "did you mean [16]?"]),
    # choices
    ('estimator = "fcn"', 'estimator = "FNC"', ["no estimator 'FNC'", "did you mean 'fcn'?"]),
    (FIT, 'keep = "Best",', ['"last" or "best"', 'did you mean "best"?']),
    ("[folds]", '[beat]\naverage = "medain"\n[folds]', ['did you mean "median"?']),
    ("[folds]", '[machine]\nprecision = "bf16"\n[folds]', ['did you mean "bf16-mixed"?']),
    (EXTERNAL, f'{EXTERNAL}\nunit = "µV"', ['did you mean "uV"?']),
    ('simulate = "ntuh"', 'simulate = "ntu"', ["no site to simulate 'ntu'", "did you mean 'ntuh'?", "tw-cvai"]),
    ('counterfactual = ["l', 'counterfactual = ["fcn", "l', ["no model trained both ways 'fcn'"]),
    ("channels = 8", 'lead_groups = "anatomic"', ['"limb-precordial", "none" or "anatomical"', "did you mean"]),
    # what does not go together
    ('estimator = "ridge"\n', 'estimator = "ridge"\narguments = { alpha = 1 }\n', ["'ridge' takes no arguments"]),
    ('simulate = "ntuh"', "", ["[external]", "give either 'simulate' and 'n', or 'subjects'"]),
    (EXTERNAL, f'{EXTERNAL}\ncontent = "x"', ["'content' is filled by the study"]),
    ("external cohort (NTUH-like)", "development cohort (TW-CVAI-like)", ["have the same label"]),
    ('"ridge"\ncovariates = ["demographics"]', '"ridge"\ncovariates = []', ["'ridge' needs covariates"]),
    (
        f"{TRAINING}\narguments = {{ channels",
        f'{TRAINING}\ncovariates = ["criteria"]\narguments = {{ sex_head = true, channels',
        ["'sex_head' needs covariates of which the first are 'demographics'"],
    ),
]

NO_TOML = [
    ('estimator = "fcn"', "estimator = fcn", ["line 63", "put text in quotes"]),
    ('estimator = "fcn"', 'estimator = "fcn', ["line 63", "a quote is missing"]),
    ('estimator = "fcn"', "estimator = “fcn”", ["straight quotes"]),
    ('estimator = "fcn"', 'estimator: "fcn"', ["write = between name and value"]),
    ('estimator = "fcn"', 'estimator "fcn"', ["'name = value'"]),
    ('estimator = "fcn"', "estimator =", ["give a value after ="]),
    ('estimator = "fcn"', 'estimator = "fcn"\nestimator = "fcn"', ["line 64", "it is there twice"]),
    ("[models.fcn]", "[models.lvm-ai]", ["line 62", "it is there twice"]),
    ("[models.fcn]", "[models.fcn", ["line 62", "in brackets: [folds]"]),
    ("[models.fcn]", "[models.My net]", ["a name with spaces"]),
    ('counterfactual = ["linear"]', 'counterfactual = ["linear"', ["close the bracket, here or in the line above"]),
    ("seed = 2026", "random seed = 2026", ["line 3", "write _ for a space"]),
    ("seed = 2026", "seed = none", ["leave the line out"]),
    ("[folds]", "[lvh]\nmale_g_m2 = 80,5\n[folds]", ["line 20", "a decimal point, not a comma"]),
    ("[folds]", "[lvh]\nmale_g_m2 = 80 g\n[folds]", ["write the number alone"]),
    ("[folds]", "[privacy]\nshow_people = True\n[folds]", ["true or false, in lower case"]),
    (FIT, "validation_fraction = 15%,", ["a share, not percent"]),
    (EXTERNAL, 'subjects = "C:\\data\\subjects.csv"', ["line 15", "with / or in single quotes"]),
    (EXTERNAL, f'{EXTERNAL}\n[external.columns]\nGröße = "height_cm"', ["beyond A-Z needs quotes"]),
]

PATHS = [
    (EXTERNAL, 'subjects = "stdy.toml"', ["'external.subjects'", "no file 'stdy.toml' (did you mean 'study.toml'?)"]),
    (EXTERNAL, 'subjects = "tables/people.csv"', ["there is no folder", "tables"]),
    (EXTERNAL, 'subjects = "C:\\new\\table.csv"', ["with / or in single quotes"]),  # \n and \t are TOML
    (EXTERNAL, 'subjects = "."', ["'external.subjects': is no file"]),
]


@pytest.mark.parametrize(("old", "new", "words"), [*MISSPELT, *MISTYPED, *NO_TOML, *PATHS])
def test_problem_is_named(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    text = TINY.read_text()
    assert old in text
    path = tmp_path / "study.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError) as error:
        read_study_file(path)
    for word in [str(path), *words]:
        assert word in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_any_change_of_a_study_file_is_accepted_or_refused_in_sentences(tmp_path: Path) -> None:
    path, draw = tmp_path / "study.toml", random.Random(0)
    lines = TINY.read_text().splitlines()
    values = [
        '"5"',
        "5",
        "[5]",
        "{ a = 1 }",
        "true",
        "-1",
        "nan",
        "1e400",
        "[]",
        "{}",
        "[[1]]",
        "2024-01-01",
        "{ a = { b = 1 } }",
    ]
    sentences = []
    for _ in range(300):
        changed, at, sign = lines.copy(), draw.randrange(len(lines)), draw.choice("x\"'=[]{}#\n\\,.ä ")
        key, equals, value = changed[at].partition("=")
        here = draw.randrange(len(changed[at]) + 1)
        with_sign = changed[at][:here] + sign + changed[at][here + 1 :]
        changed[at] = draw.choice([f"{key}{equals} {draw.choice(values)}", with_sign, value, f"x{key}={value}"])
        path.write_text("\n".join(changed), encoding="utf-8")
        try:
            read_study_file(path)
        except DataError as error:
            sentences += str(error).splitlines()
    assert len(sentences) > 150
    assert [each for each in sentences if not (each.startswith(f"{path}: ") and each.endswith("."))] == []


def test_a_file_as_windows_saves_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_bytes(b"\xef\xbb\xbf" + TINY.read_bytes().replace(b"\n", b"\r\n"))
    assert read_study_file(path) == read_study_file(TINY)
    path.write_text(TINY.read_text(), encoding="utf-16")
    with pytest.raises(DataError, match="not text in UTF-8"):
        read_study_file(path)


def test_every_problem_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text('nam = "x"\n' + TINY.read_text().replace("bootstrap = 200", "bootstrap = 1"))
    with pytest.raises(DataError) as error:
        read_study_file(path)
    assert len(str(error.value).splitlines()) == 2


def test_missing_file() -> None:
    with pytest.raises(
        DataError, match=r"no file 'tny\.toml' \(did you mean 'tiny\.toml'\?\); give the path of a study"
    ):
        read_study_file(TINY.with_name("tny.toml"))
    with pytest.raises(DataError, match="cannot be read"):
        read_study_file(TINY.parent)


@pytest.mark.parametrize(
    ("stated", "source"),
    [
        ("", "Fuchs 2016 (CT, 97.5th percentile)"),
        ("male_g_m2 = 72\nfemale_g_m2 = 55", "UK Biobank (MR), as in LVM-AI"),
        ("male_g_m2 = 66", "cut-offs of the study file"),
        ('male_g_m2 = 66\nsource = "ours"', "ours"),
    ],
)
def test_cut_offs_have_the_source_that_they_are_from(tmp_path: Path, stated: str, source: str) -> None:
    path = tmp_path / "study.toml"
    path.write_text(TINY.read_text().replace("[folds]", f"[lvh]\n{stated}\n[folds]"))
    assert read_study_file(path).lvh.source == source


@pytest.mark.parametrize(("stated", "external"), [("", "literature"), ('setting = "published"\n', "published")])
def test_one_switch_sets_how_both_cohorts_are_simulated(tmp_path: Path, stated: str, external: str) -> None:
    text = TINY.read_text().replace("[development]\n", '[development]\nsetting = "literature"\n')
    path = tmp_path / "study.toml"
    path.write_text(text.replace("[external]\n", f"[external]\n{stated}"))
    config = read_study_file(path)
    assert config.cohort("development").setting == "literature"
    assert config.cohort("external").setting == external
    assert read_study_file(TINY).cohort("external").setting == "published"
