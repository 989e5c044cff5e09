"""What a study file asks for: a flat list of fits. Nothing is computed here."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, field_serializer

from lvmass.cohort.schema import Sex
from lvmass.ecg.beats import BeatConfig
from lvmass.study.settings import COUNTERFACTUAL, ModelConfig, Section, StudyConfig, Training
from lvmass.training.settings import MachineConfig


class FitTask(Section):
    """One fit.

    Parameters
    ----------
    cohort : str
        Who is learnt from: "development" or the counterfactual cohort.
    model : str
        Name in the study file.
    training : {"pooled", "sex-specific"}
        As the table of predictions calls it.
    config : ModelConfig
        Settings of the model; what they say of several fits counts for none of them.
    beat : BeatConfig
        How the beat that it reads is cut.
    signal_rate_hz : float or None
        Rate of whole recordings, where it reads these instead.
    fold : int or None
        Left out; None trains on everybody.
    sex : {"female", "male"} or None
        Whom it estimates, and, unless size-matched, whom it learns from.
    size_matched : bool
        Learns from both sexes, but from no more people than there are of ``sex``.
    seed : int
    repeat : int
        Which of several cross-validations, each with folds of its own; the tables of predictions are made of the first.
    machine : MachineConfig
    slot : int
        Its number in the order of running, which spreads fits over GPUs.
    """

    cohort: str = Field(exclude=True)
    model: str = Field(exclude=True)
    training: Training = Field(exclude=True)
    config: ModelConfig
    beat: BeatConfig
    signal_rate_hz: float | None
    fold: int | None
    sex: Sex | None
    size_matched: bool
    seed: int
    machine: MachineConfig
    repeat: Annotated[int, Field(exclude=True)] = 0
    slot: Annotated[int, Field(exclude=True)] = 0

    @field_serializer("config")
    def _of_one_fit(self, config: ModelConfig) -> dict[str, object]:
        return config.model_dump(mode="json", exclude={"training", "seeds", "reads", "beat", "size_matched"})

    @property
    def start(self) -> "FitTask | None":
        """The pooled fit that this one goes on from."""
        if not self.config.fine_tune:
            return None
        pooled = self.config.model_copy(update={"fine_tune": False})
        return self.model_copy(update={"sex": None, "size_matched": False, "config": pooled})

    @property
    def rank(self) -> tuple[int, bool, int]:
        """Its place in the order of running: by fold, so that a killed run has whole folds; the longest first."""
        return 100 * self.repeat + (self.fold or 0), self.signal_rate_hz is None, -self.config.fit.epochs


def fit_tasks(config: StudyConfig, sexes: Sequence[Sex]) -> tuple[FitTask, ...]:
    """Every fit of a study, in the order of the study file.

    Parameters
    ----------
    config : StudyConfig
    sexes : sequence of {"female", "male"}
        Those that the development cohort has.

    Returns
    -------
    tuple of FitTask
        Of the models in their trainings; then size-matched ones of those that are trained both ways; then both again
        in the counterfactual cohort; and all of these as often as they are repeated. See `comparison`.
    """
    both = config.trained_both_ways
    plan: list[tuple[str, str, Training, bool, int]] = []
    for name, model in config.models.items():
        plan += [("development", name, training, model.size_matched, 0) for training in model.training]
    taken_apart = [("development", name) for name in both] + [
        (COUNTERFACTUAL, name) for name in config.gap.counterfactual
    ]
    for cohort, name in taken_apart:
        for repeat in range(config.gap.repeats.get(name, 1)):
            plan += [(cohort, name, training, False, repeat) for training in config.models[name].training]
            plan += [(cohort, name, "pooled", True, repeat)]
    plan = list(dict.fromkeys(plan))
    tasks = [
        FitTask(
            cohort=cohort,
            model=name,
            training=training,
            config=model,
            beat=model.beat or config.beat,
            signal_rate_hz=config.signal_rate_hz if model.reads_signal else None,
            fold=fold,
            sex=sex,
            size_matched=matched,
            seed=config.seed + member + 1000 * repeat,
            repeat=repeat,
            machine=config.machine,
        )
        for cohort, name, training, matched, repeat in plan
        for model in (config.models[name],)
        for fold in range(1, config.folds.n + 1)
        for sex in (sexes if training == "sex-specific" or matched else (None,))
        for member in range(model.seeds)
    ]
    running = sorted(range(len(tasks)), key=lambda i: tasks[i].rank)  # fits that run at once stand side by side
    slots = {i: slot for slot, i in enumerate(running)}
    return tuple(task.model_copy(update={"slot": slots[i]}) for i, task in enumerate(tasks))


def comparison(tasks: Sequence[FitTask]) -> list[FitTask]:
    """Fits that the tables of predictions are made of."""
    first = [task for task in tasks if task.cohort == "development" and task.repeat == 0]
    return [task for task in first if task.size_matched == task.config.size_matched]
