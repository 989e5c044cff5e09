"""What a study file asks for, as the settings of stages: who is fitted on whom, and which tables follow.

Nothing is computed here.
"""

from collections.abc import Sequence

from lvmass.study.result_stages import GapSettings, LineSettings, PredictionsSettings, ResultsSettings
from lvmass.study.settings import SEXES, ModelConfig, Sex, StudyConfig, Training
from lvmass.study.stages import BeatsSettings, FitSettings

REFERENCE = "elvmass-net"
"""Model that the others are compared with, if the study has it; else its last one."""

TWINS = "twins without sex interaction"
"""The development cohort's people again, with an ECG that follows mass alike in men and women."""


def lines(config: StudyConfig) -> list[tuple[str, Training]]:
    """Models and trainings of the comparison, in the order of the study file."""
    return [(name, training) for name, model in config.models.items() for training in model.training]


def beats_settings(config: StudyConfig, name: str) -> BeatsSettings:
    """Beats of a cohort, "development" or "external"."""
    return BeatsSettings(cohort=config.cohort(name), beat=config.beat)


def fit_settings(
    config: StudyConfig, name: str, training: str, beats: BeatsSettings | None = None, mixed: bool = False
) -> list[FitSettings]:
    """One fit for each fold and seed of a model, or two, for women and men.

    Parameters
    ----------
    config : StudyConfig
        The study.
    name : str
        Of a model.
    training : {"pooled", "sex-specific"}
        Whether one model serves both sexes.
    beats : BeatsSettings, optional
        Of other people than the development cohort.
    mixed : bool
        A pooled model for each sex, trained on as many people, of both sexes, as a sex-specific one.
    """
    model = config.models[name]
    beats, mixed = beats or beats_settings(config, "development"), mixed or model.matched
    if model.beat is not None:
        beats = beats.model_copy(update={"beat": model.beat})
    sexes: Sequence[Sex | None] = SEXES if training == "sex-specific" or mixed else (None,)
    return [
        FitSettings(
            beats=beats,
            signal_rate_hz=config.signal_rate_hz if model.reads_signal else None,
            model=_of_one_fit(model),
            folds=config.folds,
            fold=fold,
            sex=sex,
            seed=config.seed + member,
            machine=config.machine,
            mixed=mixed,
        )
        for fold in range(1, config.folds.n + 1)
        for sex in sexes
        for member in range(model.seeds)
    ]


def development(config: StudyConfig) -> PredictionsSettings:
    """Out-of-fold predictions of every line."""
    table = tuple(_line(config, *line) for line in lines(config))
    return PredictionsSettings(cohort="development", lines=table, lvh=config.lvh)


def external(config: StudyConfig) -> PredictionsSettings:
    """Predictions of every line in the external cohort."""
    where = {"cohort": "external", "external": beats_settings(config, "external")}
    return development(config).model_copy(update=where)


def gap(config: StudyConfig) -> GapSettings | None:
    """What chapter 5 takes apart: models trained both ways, and the fits that only this needs."""
    if not config.trained_both_ways:
        return None
    cohorts = [("development", beats_settings(config, "development"), config.trained_both_ways)]
    if config.gap.twins and config.development.simulate is not None:
        cohort = config.development.model_copy(update={"sex_interaction": False, "label": TWINS})
        cohorts.append((TWINS, BeatsSettings(cohort=cohort, beat=config.beat), config.gap.twins))
    predictions: list[PredictionsSettings] = []
    equal_n: list[PredictionsSettings] = []
    for name, beats, models in cohorts:
        both = tuple(_line(config, *line, beats=beats) for line in lines(config) if line[0] in models)
        as_few = tuple(_line(config, model, "pooled", beats=beats, mixed=True) for model in models)
        for tables, table in ((predictions, both), (equal_n, as_few)):
            tables.append(PredictionsSettings(cohort=name, lines=table, lvh=config.lvh))
    return GapSettings(predictions=tuple(predictions), equal_n=tuple(equal_n))


def results(config: StudyConfig) -> ResultsSettings:
    """Every table of results."""
    cohorts = [development(config)] if config.external is None else [development(config), external(config)]
    names = tuple(config.models)
    return ResultsSettings(
        predictions=tuple(cohorts),
        gap=gap(config),
        reference=REFERENCE if REFERENCE in names else names[-1],
        bootstrap=config.bootstrap,
        seed=config.seed,
        lvh=config.lvh,
    )


def _line(
    config: StudyConfig, model: str, training: Training, beats: BeatsSettings | None = None, mixed: bool = False
) -> LineSettings:
    return LineSettings(model=model, training=training, fits=tuple(fit_settings(config, model, training, beats, mixed)))


def _of_one_fit(model: ModelConfig) -> ModelConfig:
    """Without what is said elsewhere: who trains by ``sex`` and ``mixed``, which of several networks by ``seed``."""
    training = ("sex-specific",) if model.fine_tune else ("pooled",)
    return model.model_copy(update={"training": training, "seeds": 1, "beat": None, "matched": False})
