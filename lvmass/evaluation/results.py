"""How a statistic becomes a table, every table of a study from one call, and their files.

A statistic is a function of a group's rows and an `At` that gives the columns of one row, or of several. It is
registered with the name of its results file, the table it takes, the columns whose values make its groups, and the
columns that it gives; one loop adds counts and notes, and Holm's adjustment. `lvmass.evaluation.decision` has short
examples. What the book prints comes from here.
"""

import re
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lvmass.errors import DataError
from lvmass.evaluation.lvh import PRIMARY, cutoffs_to_try, with_cutoffs
from lvmass.evaluation.tables import EXTERNAL_FOLD, NotEstimable, check_predictions
from lvmass.files import whole_file

# Columns that tell one set of predictions from another.
FIT = "cohort model training"


@dataclass(frozen=True, eq=False)
class Inputs:
    """What the tables of one study are computed from; the fields are the parameters of `evaluate`."""

    predictions: pd.DataFrame
    reference: str
    with_folds: Sequence[str]
    subjects: pd.DataFrame
    criteria: pd.DataFrame | None
    gap: tuple[pd.DataFrame, pd.DataFrame] | None
    external_single: pd.DataFrame | None
    cutoffs_g_m2: Mapping[str, float]
    n_resamples: int
    seed: int
    # the same with everybody, as if nobody had LVH, where ``predictions`` are of those whose body surface is known
    blank: "Inputs | None" = None
    _made: dict[Callable[..., Any], pd.DataFrame] = field(default_factory=dict)

    @property
    def development(self) -> str:
        """Name of the one cohort that has folds; DataError if there is none or more than one."""
        if len(self.with_folds) != 1:
            raise DataError(f"One cohort of the predictions must have folds; here {self.with_folds or 'none'} has.")
        return self.with_folds[0]

    def once(self, make: Callable[["Inputs"], pd.DataFrame]) -> pd.DataFrame:
        """Return ``make(self)``, made at the first call only: several statistics take the same table."""
        if make not in self._made:
            self._made[make] = make(self)
        return self._made[make]

    def _with(self, change: Callable[[pd.DataFrame], pd.DataFrame], **more: Any) -> "Inputs":
        """Return a study whose tables of predictions are changed."""
        gap = self.gap and (change(self.gap[0]), change(self.gap[1]))
        more = {"gap": gap if gap and len(gap[0]) else None} | more
        return replace(self, predictions=change(self.predictions), _made={}, **more)

    def parts(self, by: str) -> Iterator["Inputs"]:
        """Yield the fits of one value of the columns ``by`` after the other: tables made of all may not fit memory."""
        names = by.split()
        for values in self.predictions[names].drop_duplicates().to_numpy() if by else ():

            def own(table: pd.DataFrame, values: Any = values) -> pd.DataFrame:
                return table[np.logical_and.reduce([table[name] == v for name, v in zip(names, values, strict=True)])]

            single = self.external_single
            yield self._with(own, external_single=None if single is None else own(single))
        if not by:
            yield self

    def indexed(self) -> "Inputs":
        """Return the people whose body surface is known: nobody else has an LVM index, and so LVH or none."""
        if all(table["bsa_m2"].notna().all() for table in (self.predictions, *(self.gap or ()))):
            return self

        def known(table: pd.DataFrame) -> pd.DataFrame:
            return table[table["bsa_m2"].notna()].astype({"lvh": bool})

        blank = replace(self, predictions=self.predictions.assign(lvh=False, bsa_m2=1.0), _made={})
        return self._with(known, blank=blank)

    def under(self, cutoffs_g_m2: Mapping[str, float]) -> "Inputs":
        """Return the same people with ``lvh`` and index under other cut-offs."""
        return self._with(lambda table: with_cutoffs(table, cutoffs_g_m2), cutoffs_g_m2=cutoffs_g_m2)

    def rivals(self, table: pd.DataFrame | None = None, column: str = "predicted_lvm_g") -> pd.DataFrame:
        """Return the reference model (a) beside every other one (b), in each cohort and training on people of both.

        The other's ``column`` is called ``other``; by default of the predictions.
        """
        table = (self.predictions if table is None else table).rename(columns={"model": "model_a"})
        own, others = (table[(table["model_a"] == self.reference) == is_own] for is_own in (True, False))
        others = others.rename(columns={"model_a": "model_b", column: "other"})
        keys = ["cohort", "training", "subject_id"]
        return own.merge(others[[*keys, "model_b", "other"]], on=keys)


class At(NamedTuple):
    """Where a statistic is computed, beside its people."""

    sex: str
    # Rows of the group in both sexes.
    everyone: pd.DataFrame
    cutoffs_g_m2: Mapping[str, float]
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
    by : str
        Columns of the predictions: ``of`` gets the fits of one value of these at a time, by default one fit.
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
    lvh : bool
        Whether it is of LVH, so that only people whose body surface is known count.
    needs : str
        Field of `Inputs` without which there is no such file.
    least : int
        Patients; where there are fewer, the note says so and nothing is computed.

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
    by: str = "model training"
    sexes: Sequence[str] = ("all", "female", "male")
    each: Mapping[str, Sequence[str]] = field(default_factory=dict)
    holm: str = ""
    by_cutoffs: bool = False
    clusters: bool = False
    lvh: bool = False
    needs: str = ""
    least: int = 0

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Register the function."""
        STATISTICS[self.name], self.function = self, function
        return function

    def rows(self, study: Inputs, cutoffs: str = "") -> Iterator[dict[str, Any]]:
        """Compute the rows of every group, sex and value of ``each``; ``cutoffs`` names those of the study."""
        names, shared = self.keys.split(), sum(each.of is self.of for each in STATISTICS.values()) > 1
        table = study.once(self.of) if shared else self.of(study)  # of large cohorts, memory would not hold them all
        groups: Iterable[Any] = table.groupby(names, sort=False, observed=True)
        if study.blank is not None and self.needs != "gap":  # also those of whom nobody's body surface is known
            whole = study.blank.once(self.of)
            nobody = {key: whole[:0] for key in whole.groupby(names, sort=False, observed=True).groups}
            groups = (nobody | dict(iter(groups))).items()
        for key, everyone in groups:
            keys = {"cutoffs": cutoffs, **dict(zip(names, key, strict=True)), "note": ""}
            if not self.clusters and everyone["patient_id"].duplicated().any():
                everyone = everyone.drop_duplicates("patient_id")
                keys["note"] = "the first ECG of each patient"
            # within a sex, the groups of the variable sex say nothing new
            for sex in self.sexes if keys.get("variable") != "sex" else ("all",):
                people = everyone[everyone["sex"] == sex] if sex in ("female", "male") else everyone
                at = At(sex, everyone, study.cutoffs_g_m2, study.n_resamples, study.seed)
                n_patients = people["patient_id"].nunique()
                keys |= {"sex": sex, "n_subjects": len(people), "n_patients": n_patients}
                keys["n_lvh"] = int(people["lvh"].sum())
                for each in product(*self.each.values()):
                    values = dict(zip(self.each, each, strict=True))
                    try:
                        if study.blank is not None and everyone.empty:
                            raise NotEstimable("nobody's LVM index is known")
                        if n_patients < self.least:
                            raise NotEstimable("too few people")
                        found = self.function(people, at, **values)
                    except NotEstimable as why:
                        found = {"note": str(why)}
                    yield from (keys | values | row for row in (found if isinstance(found, list) else [found]))

    def table(self, rows: list[dict[str, Any]]) -> pd.DataFrame:
        """All rows, by set of cut-offs and cohort in the order of their coming, with Holm's adjustment if wanted."""
        columns = [*self.keys.split(), *self.columns.replace("n_subjects", "n_subjects n_patients").split()]
        order = [dict.fromkeys(row.get(name) for row in rows) for name in ("cutoffs", "cohort")]
        ranks = [{value: i for i, value in enumerate(values)} for values in order]
        rows = sorted(rows, key=lambda row: (ranks[0][row["cutoffs"]], ranks[1][row.get("cohort")]))
        table = _tidy(rows, ["cutoffs", *columns] if self.by_cutoffs else columns)
        return _add_holm(table, self.holm.split()) if self.holm else table


def _tidy(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Rows as a table of exactly these columns; floats nullable, so that a missing number is missing."""
    table = pd.DataFrame(list(rows), columns=list(columns), dtype=object)
    for name, values in table.items():
        kinds = {type(value) for value in values if not pd.isna(value)}
        if name == "note":
            table[name] = values.fillna("").astype("str")
        elif kinds <= {float, np.float64}:
            table[name] = values.astype("Float64")
        else:
            table[name] = values.convert_dtypes() if values.isna().any() else values.infer_objects()
    return table


def _add_holm(table: pd.DataFrame, family: Sequence[Hashable]) -> pd.DataFrame:
    """Put Holm-adjusted p values beside the raw ones; one family of tests for each value of ``family``."""
    adjusted = pd.Series(pd.NA, index=table.index, dtype="Float64")
    tested = table[table["p_value"].notna()]
    if "sex" in tested:
        tested = tested[tested["sex"] != "mean"]  # a mean of the sexes follows from them
    for _, group in tested.groupby(list(family), sort=False, observed=True):
        # written out (Holm 1979): statsmodels' multipletests collects garbage on every call, 80 ms a family
        p = group["p_value"].astype(float).sort_values()
        steps = np.maximum.accumulate(p.to_numpy() * np.arange(len(p), 0, -1))
        adjusted[p.index] = np.minimum(steps, 1.0)
    return table.assign(p_holm=adjusted)


def evaluate(
    predictions: pd.DataFrame,
    reference: str | None = None,
    *,
    subjects: pd.DataFrame | None = None,
    criteria: pd.DataFrame | None = None,
    gap: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    external_single: pd.DataFrame | None = None,
    cutoffs_g_m2: Mapping[str, float] = PRIMARY,
    cutoff_sets: Mapping[str, Mapping[str, float]] | None = None,
    n_resamples: int = 2000,
    seed: int = 0,
    only: Collection[str] = (),
) -> dict[str, pd.DataFrame]:
    """Compute every table of the study: each statistic of `STATISTICS`.

    Several ECGs of one ``patient_id`` are not taken for independent: c-statistics have DeLong's variance of clusters,
    bootstrap and permutation draw patients, and what assumes independence takes the first ECG of each patient (then
    ``n_subjects`` equals ``n_patients``, and the note says so).

    Parameters
    ----------
    predictions : DataFrame
        See `lvmass.evaluation.tables.check_predictions`; one cohort has folds, the others are external.
    reference : str, optional
        The model that the others are compared with; by default the first one.
    subjects : DataFrame, optional
        Of all cohorts, see `lvmass.evaluation.errors._subgroup_levels`; without it, only sex makes subgroups.
    criteria : DataFrame, optional
        Classical criteria of all cohorts, see `lvmass.evaluation.decision.criteria_rows`.
    gap : two DataFrames, optional
        Predictions under both trainings, and those of the same models trained on both sexes but on no more people
        than there are of the one (size-matched), in cohorts with folds; with them there is a table ``gap``. A column
        ``repeat`` tells several cross-validations apart.
    external_single : DataFrame, optional
        Estimates of each fold model, whose mean an external prediction is: ``fold`` says which was left out in
        training. With them there is a table ``single_models``, and intervals of external people are cross-conformal.
    cutoffs_g_m2 : mapping
        The LVH cut-offs that the column ``lvh`` came from.
    cutoff_sets : mapping, optional
        Cut-offs to try; by default `lvmass.evaluation.lvh.cutoffs_to_try` in the development cohort.
    n_resamples, seed : int
        Of bootstrap and permutation.
    only : collection of str
        Names of tables; by default all.

    Returns
    -------
    dict of str to DataFrame
        Tables by the name of their file; each row's ``note`` says why a number is missing.

    Raises
    ------
    DataError
        If the tables are not as the functions named above ask, or there are no predictions of the reference.

    Examples
    --------
    >>> from lvmass.evaluation.tables import example_predictions
    >>> tables = evaluate(example_predictions(60), n_resamples=99)
    >>> sorted(tables)[:4]
    ['agreement', 'agreement_after_recalibration', 'agreement_limits', 'agreement_limits_after_recalibration']
    """
    folds = [] if external_single is None else [rows for _, rows in external_single.groupby("fold")]
    for table in (predictions, *(table for table in gap or () if len(table)), *folds):
        check_predictions(table)
    predictions, subjects, criteria, external_single = map(_plain, (predictions, subjects, criteria, external_single))
    gap = gap and (_plain(gap[0]), _plain(gap[1]))
    models = predictions["model"].unique()
    if reference is not None and reference not in models:
        raise DataError(f"There are no predictions of the reference model {reference}.")
    unknown = set(only) - set(STATISTICS)
    if unknown:
        raise DataError(f"There is no table {', '.join(sorted(unknown))}; there are {', '.join(sorted(STATISTICS))}.")
    folks = pd.DataFrame({"subject_id": []}) if subjects is None else subjects
    reference = str(models[0]) if reference is None else reference
    with_folds = predictions.loc[predictions["fold"] != EXTERNAL_FOLD, "cohort"].unique().tolist()
    own: Any = (reference, with_folds, folks, criteria, gap, external_single, cutoffs_g_m2, n_resamples, seed)
    study = Inputs(predictions, *own)
    if cutoff_sets is None:
        cutoff_sets = cutoffs_to_try(predictions[predictions["bsa_m2"].notna()], cutoffs_g_m2)
    chosen = {name: each for name, each in STATISTICS.items() if name in (only or STATISTICS)}
    rows: dict[str, list[dict[str, Any]]] = {}
    for by in dict.fromkeys(each.by for each in chosen.values()):
        for part in study.parts(by):
            indexed = part.indexed()
            for name, each in chosen.items():
                taken = indexed if each.lvh else part
                if each.by == by and (not each.needs or getattr(taken, each.needs) is not None):
                    found = rows.setdefault(name, [])
                    for label, cutoffs in cutoff_sets.items() if each.by_cutoffs else ():
                        found += each.rows(taken.under(cutoffs), label)
                    found += [] if each.by_cutoffs else each.rows(taken)
    tables = {name: each.table(rows[name]) for name, each in chosen.items() if name in rows}
    if not only:
        sets = cutoff_sets.items()
        tables["cutoffs"] = _tidy(
            [{"cutoffs": name} | {f"{sex}_g_m2": each[sex] for sex in each} for name, each in sets],
            ("cutoffs", "female_g_m2", "male_g_m2"),
        )
    return tables


def _plain(table: Any) -> Any:
    """A table with Python's strings, each word once, instead of pandas' own, which are slow to select from; or None."""
    if table is None:
        return None
    words = {str(name): pd.factorize(table[name]) for name in table.select_dtypes("str")}
    return table.assign(**{name: np.append(each, [np.nan])[codes] for name, (codes, each) in words.items()})


def safe_csv(table: pd.DataFrame) -> pd.DataFrame:
    """Copy a table for a CSV file, in which no text is run as a formula by the spreadsheet that opens it.

    Examples
    --------
    >>> safe_csv(pd.DataFrame({"id": ["=1+1", "a-b", "-7"], "mae_g": [-1.0, 2.0, 3.0]}))["id"].tolist()
    ["'=1+1", 'a-b', '-7']
    """

    def plain(cell: Any) -> Any:
        return f"'{cell}" if isinstance(cell, str) and re.match(r"[=+\-@\t\r](?!\d*\.?\d+$)", cell) else cell

    texts = table.select_dtypes(exclude=["number", "bool"])
    return table.assign(**{str(name): texts[name].map(plain) for name in texts}).rename(columns=plain)


def write_results(tables: Mapping[str, pd.DataFrame], directory: str | Path, about: Mapping[str, Any]) -> list[Path]:
    """Write every table as ``NAME.csv``, with units in the names of columns or in a column ``unit``.

    A file appears whole or not at all. ``.written`` keeps the files' names, and of these go those of tables that are no
    longer there; so do the JSON files of an earlier version. A missing number is an empty field.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        From `evaluate`.
    directory : path
        Made if it is not there.
    about : mapping
        Where the numbers come from, such as the study and whether its people are simulated: last columns of every
        file, so that no copied row loses them.

    Returns
    -------
    list of Path
        The files.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = pd.DataFrame({"model": ["net"], "mae_g": [12.5]})
    ...     paths = write_results({"errors": table}, folder, {"simulated": True})
    ...     print(paths[0].read_text(encoding="utf-8").split())
    ['model,mae_g,simulated', 'net,12.5,True']
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    listed, names = folder / ".written", [f"{name}.csv" for name in tables]
    before = listed.read_text(encoding="utf-8").splitlines() if listed.is_file() else []
    for path in folder.glob("*.json"):
        if path.is_file() and path.read_bytes().startswith(b'{"about"'):
            before += [path.name, path.with_suffix(".csv").name]
    for name in {*before} - {*names}:  # nothing of anybody else
        (folder / name).unlink(missing_ok=True)
    with whole_file(listed) as file:
        file.write("\n".join(names))
    for name, table in tables.items():
        with whole_file(folder / f"{name}.csv") as file:
            safe_csv(table.assign(**about)).to_csv(file, index=False, lineterminator="\n")
    return [folder / name for name in names]


def write_private(table: pd.DataFrame, path: Path) -> None:
    """Write a table of people as CSV that its owner alone may read; it appears whole or not at all.

    See `safe_csv` for texts that a spreadsheet would take for formulas.
    """
    with whole_file(path, private=True) as file:
        safe_csv(table).to_csv(file, index=False, lineterminator="\n", float_format="%.6g")
