"""How a statistic becomes a table: functions ``people -> columns``, and the one loop over the groups they are for.

A statistic is a function of a group's rows and an `At` that gives the columns of one row, or of several. It is
registered with the name of its results file, the table it takes, the columns whose values make its groups, and the
columns that it gives; the loop adds counts and notes, and Holm's adjustment. `lvmass.evaluation.decision` has short
examples.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from operator import attrgetter
from typing import Any, NamedTuple

import pandas as pd

from lvmass.errors import DataError
from lvmass.evaluation.lvh import with_cutoffs
from lvmass.evaluation.tables import EXTERNAL_FOLD, NotEstimable, add_holm, tidy

# Columns that tell one set of predictions from another.
FIT = "cohort model training"


@dataclass(frozen=True, eq=False)
class Inputs:
    """What the tables of one study are computed from; the fields are the parameters of `evaluate`."""

    predictions: pd.DataFrame
    reference: str
    subjects: pd.DataFrame
    criteria: pd.DataFrame | None
    gap: tuple[pd.DataFrame, pd.DataFrame] | None
    cutoffs_g_m2: Mapping[str, float]
    confidence: float
    level: float
    n_resamples: int
    seed: int
    _made: dict[Callable[..., Any], pd.DataFrame] = field(default_factory=dict)

    @property
    def development(self) -> str:
        """Name of the one cohort that has folds; DataError if there is none or more than one."""
        names = self.predictions.loc[self.predictions["fold"] != EXTERNAL_FOLD, "cohort"].unique().tolist()
        if len(names) != 1:
            raise DataError(f"One cohort of the predictions must have folds; here {names or 'none'} has.")
        return str(names[0])

    def once(self, make: Callable[["Inputs"], pd.DataFrame]) -> pd.DataFrame:
        """Return ``make(self)``, made at the first call only: several statistics take the same table."""
        if make not in self._made:
            self._made[make] = make(self)
        return self._made[make]

    def under(self, cutoffs_g_m2: Mapping[str, float]) -> "Inputs":
        """Return the same people with ``lvh`` and index under other cut-offs."""
        predictions, *gap = (with_cutoffs(table, cutoffs_g_m2) for table in (self.predictions, *(self.gap or ())))
        both = (gap[0], gap[1]) if gap else None
        return replace(self, predictions=predictions, gap=both, cutoffs_g_m2=cutoffs_g_m2, _made={})


class At(NamedTuple):
    """Where a statistic is computed, beside its people."""

    sex: str
    # Rows of the group in both sexes.
    everyone: pd.DataFrame
    cutoffs_g_m2: Mapping[str, float]
    level: float
    n_resamples: int
    seed: int


STATISTICS: dict[str, "Statistic"] = {}


@dataclass
class Statistic:
    """A results file: as a decorator, registers the function that computes its rows, and gives it back unchanged.

    Parameters
    ----------
    name : str
        Of the results file.
    keys, columns : str
        Columns of the file, with spaces between: those whose values make the groups, then the others. ``sex``,
        ``n_subjects``, ``n_lvh`` and ``note`` are filled in by the loop, and ``n_patients`` stands beside n_subjects.
    of : callable
        ``of(study)`` is the table that is grouped; by default the predictions.
    sexes : sequence of str
        "all", "female", "male" restrict the rows; another word is handed on with all rows.
    each : mapping
        More columns and the values to compute each for, handed to the function by name.
    holm : str
        Columns whose equal values make a family of tests; adds ``p_holm``.
    by_cutoffs : bool
        Whether under every set of cut-offs, named in a first column ``cutoffs``, or under the study's own only.
    clusters : bool
        Whether the statistic knows of several ECGs of one patient, or assumes no independence. Others are computed on
        the first ECG of each patient of the group, and the note says so where that leaves out any.
    needs : str
        Field of `Inputs` without which there is no such file.

    Examples
    --------
    >>> from lvmass.evaluation import evaluate
    >>> from lvmass.evaluation.tables import example_predictions
    >>> @Statistic("heaviest", FIT, "sex heaviest_g n_subjects note", sexes=("female", "male"))
    ... def heaviest(people, at):
    ...     return {"heaviest_g": float(people["predicted_lvm_g"].max())}
    >>> table = evaluate(example_predictions(20), only=["heaviest"])["heaviest"]
    >>> print(*table.loc[0, ["model", "sex", "n_subjects"]])
    net female 8
    >>> del STATISTICS["heaviest"]
    """

    name: str
    keys: str
    columns: str
    of: Callable[[Inputs], pd.DataFrame] = attrgetter("predictions")
    sexes: Sequence[str] = ("all", "female", "male")
    each: Mapping[str, Sequence[str]] = field(default_factory=dict)
    holm: str = ""
    by_cutoffs: bool = False
    clusters: bool = False
    needs: str = ""

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Register the function."""
        STATISTICS[self.name], self.function = self, function
        return function

    def table(self, study: Inputs, cutoff_sets: Mapping[str, Inputs]) -> pd.DataFrame:
        """Compute the rows of every group, sex and value of ``each``, under each set of cut-offs if wanted."""
        rows: list[dict[str, Any]] = []
        names = self.keys.split()
        for cutoffs, part in (cutoff_sets if self.by_cutoffs else {"": study}).items():
            for key, everyone in part.once(self.of).groupby(names, sort=False, observed=True):
                keys = {"cutoffs": cutoffs, **dict(zip(names, key, strict=True)), "note": ""}
                if not self.clusters and everyone["patient_id"].duplicated().any():
                    everyone = everyone.drop_duplicates("patient_id")
                    keys["note"] = "the first ECG of each patient"
                # within a sex, the groups of the variable sex say nothing new
                for sex in self.sexes if keys.get("variable") != "sex" else ("all",):
                    people = everyone[everyone["sex"] == sex] if sex in ("female", "male") else everyone
                    at = At(sex, everyone, part.cutoffs_g_m2, part.level, part.n_resamples, part.seed)
                    keys |= {"sex": sex, "n_subjects": len(people), "n_lvh": int(people["lvh"].sum())}
                    keys["n_patients"] = people["patient_id"].nunique()
                    for each in product(*self.each.values()):
                        values = dict(zip(self.each, each, strict=True))
                        try:
                            found = self.function(people, at, **values)
                        except NotEstimable as why:
                            found = {"note": str(why)}
                        rows += [keys | values | row for row in (found if isinstance(found, list) else [found])]
        columns = self.columns.replace("n_subjects", "n_subjects n_patients").split()
        table = tidy(rows, [*(["cutoffs"] if self.by_cutoffs else []), *names, *columns])
        return add_holm(table, self.holm.split()) if self.holm else table


def rivals(study: Inputs) -> pd.DataFrame:
    """The reference model (a) beside every other one (b) in each cohort and training, on the people of both."""
    table = study.predictions.rename(columns={"model": "model_a"})
    own, others = (table[(table["model_a"] == study.reference) == is_own] for is_own in (True, False))
    others = others.rename(columns={"model_a": "model_b", "predicted_lvm_g": "other_g"})
    keys = ["cohort", "training", "subject_id"]
    return own.merge(others[[*keys, "model_b", "other_g"]], on=keys)


def trainings(study: Inputs) -> pd.DataFrame:
    """The sex-specific fits (a, missing where there is none) beside the pooled ones (b) of each cohort and model."""
    keys = ["cohort", "model", "subject_id"]
    pooled, specific = (study.predictions[study.predictions["training"] == t] for t in ("pooled", "sex-specific"))
    both = pooled.merge(specific[keys[:2]].drop_duplicates()).rename(columns={"predicted_lvm_g": "other_g"})
    return both.merge(specific[[*keys, "predicted_lvm_g"]], on=keys, how="left")
