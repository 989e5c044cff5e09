"""How a statistic becomes a table, every table of a study from one call, and their files.

A statistic is a function of a group's rows and an `At` that gives the columns of one row, or of several. It is
registered with the name of its results file, the table it takes, the columns whose values make its groups, and the
columns that it gives; one loop adds counts and notes, and Holm's adjustment. `lvmass.evaluation.decision` has short
examples. What the book prints comes from here.
"""

import json
import re
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
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
        table = (self.blank or self).predictions
        names = table.loc[table["fold"] != EXTERNAL_FOLD, "cohort"].unique().tolist()
        if len(names) != 1:
            raise DataError(f"One cohort of the predictions must have folds; here {names or 'none'} has.")
        return str(names[0])

    def once(self, make: Callable[["Inputs"], pd.DataFrame]) -> pd.DataFrame:
        """Return ``make(self)``, made at the first call only: several statistics take the same table."""
        if make not in self._made:
            self._made[make] = make(self)
        return self._made[make]

    def indexed(self) -> "Inputs":
        """Return the people whose body surface is known: nobody else has an LVM index, and so LVH or none."""
        everybody, own = (self.predictions, *(self.gap or ())), []
        if all(table["bsa_m2"].notna().all() for table in everybody):
            return self
        for table in everybody:
            known = table[table["bsa_m2"].notna()]
            own.append(known.assign(lvh=known["lvh"].astype(bool)))
        blank = replace(self, predictions=self.predictions.assign(lvh=False, bsa_m2=1.0), _made={})
        gap = (own[1], own[2]) if self.gap and len(own[1]) else None
        return replace(self, predictions=own[0], gap=gap, blank=blank, _made={})

    def keep(self, wanted: Collection[Callable[..., Any]]) -> None:
        """Forget what `once` made, but for these."""
        for make in set(self._made) - set(wanted):
            del self._made[make]

    def under(self, cutoffs_g_m2: Mapping[str, float]) -> "Inputs":
        """Return the same people with ``lvh`` and index under other cut-offs."""
        predictions, *gap = (with_cutoffs(table, cutoffs_g_m2) for table in (self.predictions, *(self.gap or ())))
        both = (gap[0], gap[1]) if gap else None
        return replace(self, predictions=predictions, gap=both, cutoffs_g_m2=cutoffs_g_m2, _made={})

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

    def table(self, study: Inputs, cutoff_sets: Mapping[str, Inputs]) -> pd.DataFrame:
        """Compute the rows of every group, sex and value of ``each``, under each set of cut-offs if wanted."""
        rows: list[dict[str, Any]] = []
        names = self.keys.split()
        for cutoffs, part in (cutoff_sets if self.by_cutoffs else {"": study}).items():
            groups: Iterable[Any] = part.once(self.of).groupby(names, sort=False, observed=True)
            if part.blank is not None and self.needs != "gap":  # also those of whom nobody's body surface is known
                whole = part.blank.once(self.of)
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
                    at = At(sex, everyone, part.cutoffs_g_m2, part.n_resamples, part.seed)
                    n_patients = people["patient_id"].nunique()
                    keys |= {"sex": sex, "n_subjects": len(people), "n_patients": n_patients}
                    keys["n_lvh"] = int(people["lvh"].sum())
                    for each in product(*self.each.values()):
                        values = dict(zip(self.each, each, strict=True))
                        try:
                            if part.blank is not None and everyone.empty:
                                raise NotEstimable("nobody's LVM index is known")
                            if n_patients < self.least:
                                raise NotEstimable("too few people")
                            found = self.function(people, at, **values)
                        except NotEstimable as why:
                            found = {"note": str(why)}
                        rows += [keys | values | row for row in (found if isinstance(found, list) else [found])]
        columns = self.columns.replace("n_subjects", "n_subjects n_patients").split()
        table = _tidy(rows, [*(["cutoffs"] if self.by_cutoffs else []), *names, *columns])
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


# Unit of a column by the end of its name; other numbers have unit 1, or the one in a column ``unit``.
_UNITS = {"_g_m2": "g/m²", "_g": "g", "_percent": "%", "_ms": "ms", "_mv": "mV", "_years": "years"}


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
    study = Inputs(predictions, reference, folks, criteria, gap, external_single, cutoffs_g_m2, n_resamples, seed)
    indexed = study.indexed()
    if cutoff_sets is None:
        cutoff_sets = cutoffs_to_try(indexed.predictions, cutoffs_g_m2)
    under = {name: indexed.under(each) for name, each in cutoff_sets.items()}
    chosen = [(each, indexed if each.lvh else study) for n, each in STATISTICS.items() if n in (only or STATISTICS)]
    chosen = [(each, part) for each, part in chosen if not each.needs or getattr(part, each.needs) is not None]
    tables = {}
    for number, (each, part) in enumerate(chosen, start=1):
        tables[each.name] = each.table(part, under)
        for kept in (study, indexed, *under.values()):  # what no later statistic takes is several times the predictions
            kept.keep({later.of for later, _ in chosen[number:]})
    if not only:
        sets = cutoff_sets.items()
        rows = [{"cutoffs": name} | {f"{sex}_g_m2": each[sex] for sex in each} for name, each in sets]
        tables["cutoffs"] = _tidy(rows, ("cutoffs", "female_g_m2", "male_g_m2"))
    return tables


def _plain(table: Any) -> Any:
    """A table with Python's strings, each word once, instead of pandas' own, which are slow to select from; or None."""
    if table is None:
        return None
    words = {str(name): pd.factorize(table[name]) for name in table.select_dtypes("str")}
    return table.assign(**{name: np.append(each, [np.nan])[codes] for name, (codes, each) in words.items()})


def _unit(table: pd.DataFrame, column: str) -> str:
    """Unit of a column: by its name, or a reference to the column ``unit``."""
    if not pd.api.types.is_numeric_dtype(table[column]) or pd.api.types.is_bool_dtype(table[column]):
        return ""
    if "unit" in table.columns and column in ("mean", "sd", "estimate", "ci_low", "ci_high"):
        return "see column unit"
    if column in ("ci_low", "ci_high") and "difference_g" in table.columns:
        return "g"
    return next((unit for ending, unit in _UNITS.items() if column.endswith(ending)), "1")


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


def write_results(
    tables: Mapping[str, pd.DataFrame], directory: str | Path, about: Mapping[str, Any] | None = None
) -> list[Path]:
    """Write every table as ``NAME.csv`` and as ``NAME.json`` with the unit of each column.

    A file appears whole or not at all, and files of tables that are no longer among them go. A missing number is an
    empty field, or null.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        From `evaluate`.
    directory : path
        Made if it is not there.
    about : mapping, optional
        Where the numbers come from, such as the study and whether its people are simulated: last columns of every
        CSV, so that no copied row loses them, and a head of the JSON.

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
    ...     print(paths[0].read_text(encoding="utf-8").split(), json.loads(paths[1].read_text(encoding="utf-8")))
    ['model,mae_g,simulated', 'net,12.5,True'] {'about': {'simulated': True}, 'units': {'model': '', 'mae_g': 'g'}, \
'rows': [{'model': 'net', 'mae_g': 12.5}]}
    """
    folder, written, about = Path(directory), [], dict(about or {})
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.json"):  # tables of an earlier study file or version; nothing of anybody else
        if path.stem not in tables and '"about"' in path.read_text(encoding="utf-8")[:20]:
            path.unlink()
            path.with_suffix(".csv").unlink(missing_ok=True)
    for name, table in tables.items():
        units = {str(column): _unit(table, column) for column in table.columns}
        rows = table.astype(object).where(table.notna(), None).to_dict(orient="records")
        head, *lines = (
            # without indent, which json writes ten times as slowly
            json.dumps(each, ensure_ascii=False, allow_nan=False)
            for each in ({"about": about, "units": units}, *rows)
        )
        contents = {
            ".csv": safe_csv(table.assign(**about)).to_csv(index=False, lineterminator="\n"),
            ".json": f'{head[:-1]}, "rows": [\n' + ",\n".join(lines) + "\n]}\n",
        }
        for ending, text in contents.items():
            written.append(folder / f"{name}{ending}")
            with whole_file(written[-1]) as file:
                file.write(text)
    return written


def write_private(table: pd.DataFrame, path: Path) -> None:
    """Write a table of people as CSV that its owner alone may read; it appears whole or not at all.

    See `safe_csv` for texts that a spreadsheet would take for formulas.
    """
    with whole_file(path, private=True) as file:
        safe_csv(table).to_csv(file, index=False, lineterminator="\n", float_format="%.6g")
