"""A clean cohort in files, and single mistakes to plant into it: what `lvmass check` must find, and where."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import wfdb

from lvmass.cohort import simulate_cohort
from lvmass.cohort.schema import bsa_mosteller_m2
from lvmass.ecg.filters import resample
from lvmass.ecg.reading import read_ecg
from lvmass.ecg.recording import LEADS

RATE_HZ = 500
STATED = f'unit = "mV"\nsampling_rate_hz = {RATE_HZ}\nleads = {list(LEADS)}\n'.replace("'", '"')
SETTINGS = f"""name = "clean"
cache_dir = "CACHE"
workers = 1

[development]
label = "Our hospital"
subjects = "subjects.csv"
{STATED}
[external]
label = "Another hospital"
subjects = "external.csv"
{STATED}
[folds]
n = 2

[lvh]
male_g_m2 = 80
female_g_m2 = 65

[models.demographics]
estimator = "ridge"
covariates = ["demographics"]

[models.linear]
estimator = "linear"
covariates = ["demographics", "ecg-parameters"]
training = ["pooled", "sex-specific"]

[models.elvmass-net]
estimator = "elvmass-net"
"""


@dataclass
class Own:
    """Files of a hospital, as its tables and settings are before they are written; the tables hold text."""

    folder: Path
    people: pd.DataFrame
    external: pd.DataFrame
    settings: str
    raw: bytes | None = None  # instead of the table of people

    def write(self) -> Path:
        self.people.to_csv(self.folder / "subjects.csv", index=False)
        self.external.to_csv(self.folder / "external.csv", index=False)
        if self.raw is not None:
            (self.folder / "subjects.csv").write_bytes(self.raw)
        (self.folder / "study.toml").write_text(self.settings)
        return self.folder / "study.toml"

    def copy_to(self, folder: Path) -> "Own":
        shutil.copytree(self.folder, folder)
        return Own(folder, self.people.copy(), self.external.copy(), self.settings)

    def ecg(self, i: int) -> Path:
        return self.folder / self.people["ecg_path"][i]

    def signal(self, i: int) -> np.ndarray:
        path = self.ecg(i)
        if path.suffix == ".npy":
            return read_ecg(path, unit="mV", sampling_rate_hz=RATE_HZ, leads=LEADS).signal_mv.astype(float)
        return read_ecg(path).signal_mv.astype(float)

    def put(self, i: int, signal_mv: np.ndarray, rate_hz: float = RATE_HZ) -> None:
        """Write another ECG in the place of a row's."""
        write_wfdb(self.ecg(i), signal_mv, rate_hz)

    def numbers(self, column: str) -> pd.Series:
        return pd.to_numeric(self.people[column])


def write_wfdb(path: Path, signal_mv: np.ndarray, rate_hz: float = RATE_HZ) -> None:
    options = {"fs": rate_hz, "units": ["mV"] * 12, "sig_name": list(LEADS), "fmt": ["16"] * 12}
    options |= {"adc_gain": [1000.0] * 12, "baseline": [0] * 12}
    counts = np.round(1000 * signal_mv.T).astype(np.int64)
    wfdb.wrsamp(path.stem, d_signal=counts, write_dir=str(path.parent), **options)


def clean_cohort(folder: Path, n: int = 60, n_external: int = 30, data: Path | None = None, seed: int = 5) -> Own:
    """Write a cohort that has nothing wrong with it: simulated people, or real 12-lead records with stand-in masses.

    Rows 0 and 1 are of one patient, all others of one each; the ECGs of rows divisible by 10 are NPY, the others WFDB.
    """
    (folder / "ecg").mkdir(parents=True)
    size = n + n_external
    simulated = simulate_cohort(size, like="tw-cvai", seed=seed)
    people = simulated.subjects.copy()
    signals = simulated.recordings() if data is None else _real(data, people)
    rng = np.random.default_rng(seed)
    people.loc[1, ["sex", "height_cm", "age_years"]] = people.loc[0, ["sex", "height_cm", "age_years"]].to_numpy()
    for column in ("age_years", "height_cm", "weight_kg", "lvm_g", "sbp_mmhg"):
        people[column] = people[column].astype(float).round(1)
    for column in ("hypertension", "diabetes"):
        people[column] = people[column].astype(int)
    first = pd.Timestamp("2019-03-01")
    ecg_day = first + pd.to_timedelta(rng.integers(0, 900, size), "D")
    ct_day = ecg_day + pd.to_timedelta(rng.integers(-60, 60, size), "D")
    people["ecg_date"], people["ct_date"] = ecg_day.strftime("%Y-%m-%d"), ct_day.strftime("%Y-%m-%d")
    same = ["ecg_date", "ct_date", "lvm_g"]
    people.loc[1, same] = people.loc[0, same].to_numpy()
    paths = []
    people["subject_id"] = [f"row-{i}" for i in range(size)]
    people["patient_id"] = [f"patient-{max(i, 1)}" for i in range(size)]
    for i, recording in enumerate(signals):
        if i == size:
            break
        path = folder / "ecg" / f"r{i:03d}{'.npy' if i % 10 == 0 else '.hea'}"
        signal_mv = np.round(recording.signal_mv.astype(float), 3)
        if path.suffix == ".npy":
            np.save(path, signal_mv.astype(np.float32))
        else:
            write_wfdb(path, signal_mv)
        paths.append(f"ecg/{path.name}")
    people["ecg_path"] = paths
    people = people.drop(columns="site").astype(str)
    return Own(folder, people[:n].copy(), people[n:].reset_index(drop=True), SETTINGS)


def _real(data: Path, people: pd.DataFrame) -> list:
    """Records of PTB-XL, one a patient and none of the known copies, with masses drawn from body size."""
    from lvmass.ecg.quality import check_quality

    table = pd.read_csv(data / "ptbxl_database.csv").drop_duplicates("patient_id")
    table = table[table["age"].between(18, 100) & ~table["ecg_id"].isin([145, 463])]
    recordings, rows = [], []
    for row in table.itertuples():
        recording = read_ecg(data / f"{row.filename_hr}.hea")
        if check_quality(recording).usable:
            recordings.append(recording)
            rows.append(row)
        if len(rows) == len(people):
            break
    people["sex"] = ["female" if row.sex else "male" for row in rows]
    people["age_years"] = pd.DataFrame(rows)["age"].to_numpy()
    rng, men = np.random.default_rng(1), (people["sex"] == "male").to_numpy()
    people["height_cm"] = np.where(men, 176, 164) + rng.normal(0, 6, len(rows))
    people["weight_kg"] = (people["height_cm"] / 100) ** 2 * np.exp(rng.normal(np.log(26), 0.13, len(rows)))
    size = bsa_mosteller_m2(people["height_cm"], people["weight_kg"])
    people["lvm_g"] = np.where(men, 66, 56) * size**1.1 * np.exp(rng.normal(0, 0.18, len(rows)))
    return recordings


@dataclass(frozen=True)
class Mistake:
    """One mistake: how it is planted, and where it must be found."""

    kind: str
    plant: Callable[[Own], object]
    row: int | None = None
    column: str = ""
    file: str = ""
    words: tuple[str, ...] = ()
    level: str = "error"
    where: str = "subjects.csv"
    also: bool = field(default=False)  # whether other rows may be told of, too


def _cell(column: str, i: int, value: str, *, words: str = "", level: str = "error", kind: str = "") -> Mistake:
    def plant(own: Own) -> None:
        own.people.loc[i, column] = value

    return Mistake(kind or f"{column} is {value!r}", plant, i + 2, column, words=(words,), level=level)


def _column(column: str, factor: float, unit: str) -> Mistake:
    def plant(own: Own) -> None:
        own.people[column] = (own.numbers(column) / factor).map("{:.6g}".format)

    return Mistake(f"all {column} in {unit}", plant, None, column, words=(f'"{unit}"', "[development.units]"))


def _ecg(
    kind: str, i: int, change: Callable[[Own, int], object], words: str = "", level: str = "warning", also: bool = False
) -> Mistake:
    return Mistake(kind, lambda own: change(own, i), i + 2, "ecg_path", f"r{i:03d}", (words,), level, also=also)


def _signal(kind: str, i: int, change: Callable[[np.ndarray], np.ndarray], words: str = "") -> Mistake:
    return _ecg(kind, i, lambda own, row: own.put(row, change(own.signal(row))), words)


def _copy(kind: str, i: int, j: int, change: Callable[[Own], object], words: str, level: str) -> Mistake:
    return Mistake(kind, change, j + 2, "ecg_path", "", (words, f"row {i + 2}"), level)


def _setting(kind: str, old: str, new: str, **found: object) -> Mistake:
    def plant(own: Own) -> None:
        assert re.search(old, own.settings, re.DOTALL), old
        own.settings = re.sub(old, new, own.settings, flags=re.DOTALL)

    return Mistake(kind, plant, **found)  # type: ignore[arg-type]


def _table(kind: str, change: Callable[[Own], object], **found: object) -> Mistake:
    return Mistake(kind, change, **found)  # type: ignore[arg-type]


def _rename(old: str, new: str) -> Callable[[Own], None]:
    def plant(own: Own) -> None:
        own.people = own.people.rename(columns={old: new})

    return plant


def _raw(make: Callable[[str], bytes]) -> Callable[[Own], None]:
    def plant(own: Own) -> None:
        own.raw = make(own.people.to_csv(index=False))

    return plant


def _index(own: Own) -> None:
    bsa = bsa_mosteller_m2(own.numbers("height_cm"), own.numbers("weight_kg"))
    own.people["lvm_g"] = (own.numbers("lvm_g") / bsa).round(1).astype(str)


def _set(own: Own, i: int, **cells: str) -> None:
    for column, value in cells.items():
        own.people.loc[i, column] = value


def _copied_file(own: Own, i: int, j: int) -> None:
    for ending in (".hea", ".dat"):
        shutil.copy(own.ecg(i).with_suffix(ending), own.ecg(j).with_suffix(ending))
    header = own.ecg(j).read_text().replace(own.ecg(i).stem, own.ecg(j).stem)
    own.ecg(j).write_text(header)


def _bytes(own: Own, i: int, content: bytes, name: str = "") -> None:
    path = own.ecg(i).with_name(name) if name else own.ecg(i)
    path.write_bytes(content)
    own.people.loc[i, "ecg_path"] = f"ecg/{path.name}"


def _truncate(own: Own, i: int) -> None:
    path = own.ecg(i).with_suffix(".dat")
    path.write_bytes(path.read_bytes()[:30_000])


def _rescale(own: Own, gain: str) -> None:
    for i in own.people.index:
        if own.ecg(i).suffix == ".npy":
            np.save(own.ecg(i), np.load(own.ecg(i)) * (1000 / float(gain)))
        else:
            own.ecg(i).write_text(own.ecg(i).read_text().replace("1000.0(0)/mV", f"{gain}(0)/mV"))


def _csv(own: Own, i: int, *, unit: str, timed: bool) -> None:
    table = pd.DataFrame(own.signal(i).T, columns=[f"{lead}{unit}" for lead in LEADS])
    if timed:
        table.insert(0, "time_s", np.arange(len(table)) / RATE_HZ)
    path = own.ecg(i).with_suffix(".csv")
    table.to_csv(path, index=False)
    own.people.loc[i, "ecg_path"] = f"ecg/{path.name}"


def _unstated(own: Own, i: int, setting: str, *, unit: str, timed: bool) -> None:
    """A CSV that does not say what the study file does not say either."""
    _csv(own, i, unit=unit, timed=timed)
    own.settings = re.sub(rf"\n(leads|{setting}) = [^\n]*", "", own.settings)


def _replaced(lead: str, values: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    def change(signal_mv: np.ndarray) -> np.ndarray:
        changed = signal_mv.copy()
        changed[LEADS.index(lead)] = values(changed)
        return changed

    return change


def _reversed_arms(signal_mv: np.ndarray) -> np.ndarray:
    changed = signal_mv.copy()
    one, two, three = signal_mv[:3]
    changed[0], changed[1], changed[2] = -one, three, two
    changed[3], changed[4] = signal_mv[4], signal_mv[3]
    return changed


def _device(own: Own) -> None:
    """Add what a device printed; close to what is measured."""
    from lvmass.ecg.quality import examine
    from lvmass.ecg.recording import Recording

    found = []
    for i in own.people.index:
        _, measured, _ = examine(Recording(own.signal(i).astype(np.float32), RATE_HZ))
        found.append((measured.qrs_duration_ms, measured.qrs_axis_deg) if measured else (np.nan, np.nan))
    table = pd.DataFrame(found, columns=["qrs_duration_ms", "qrs_axis_deg"]).round()
    own.people[table.columns] = table.astype(object).where(table.notna(), "").astype(str)


def _with_device(change: Callable[[Own], object]) -> Callable[[Own], object]:
    def plant(own: Own) -> None:
        _device(own)
        change(own)

    return plant


def _roll(own: Own) -> None:
    for column in ("qrs_duration_ms", "qrs_axis_deg"):
        own.people[column] = np.roll(own.people[column], 1)


def _external_row(own: Own, **cells: str) -> None:
    for column, value in cells.items():
        own.external.loc[3, column] = value


def _allowed(own: Own) -> None:
    _external_row(own, patient_id="patient-7")
    own.settings += "\n[check]\nallow_shared_people = true\n"


def _outside(own: Own) -> None:
    (own.folder.parent / "outside.npy").write_bytes(own.ecg(0).read_bytes())
    _set(own, 41, ecg_path="../outside.npy")


def _without_size(own: Own) -> None:
    own.people, own.external = (table.drop(columns=["height_cm", "weight_kg"]) for table in (own.people, own.external))
    own.settings += '\n[missing]\nheight_cm = "impute"\nweight_kg = "impute"\n'


def _same_patient(own: Own) -> None:
    _copied_file(own, 22, 25)
    person = ["patient_id", "sex", "height_cm", "age_years", "ecg_date", "ct_date", "lvm_g"]
    own.people.loc[25, person] = own.people.loc[22, person].to_numpy()


def _external_copy(own: Own, change: Callable[[np.ndarray], np.ndarray]) -> None:
    write_wfdb(own.folder / own.external["ecg_path"][3], change(own.signal(5)))


def _same_external(own: Own) -> None:
    own.external = own.people.copy()


BOOK = {"level": "warning", "where": "the book", "also": True}
STUDY = {"where": "study.toml"}

MISTAKES: tuple[Mistake, ...] = (
    # cells
    _cell("age_years", 4, "420"),
    _cell("age_years", 5, "-5"),
    _cell("age_years", 6, "fifty"),
    _cell("age_years", 7, "1_0"),
    _cell("age_years", 8, "4"),
    _cell("height_cm", 9, "1.75"),
    _cell("height_cm", 10, "68"),
    _cell("height_cm", 11, "1750"),
    _cell("weight_kg", 12, "700"),
    _cell("weight_kg", 13, "190", words="body mass index", level="warning", kind="one weight in lb"),
    _cell("weight_kg", 14, "7.1"),
    _table("height and weight exchanged in a row", lambda own: _set(own, 15, height_cm="70", weight_kg="170"),
           row=17, column="height_cm"),
    _cell("lvm_g", 16, "0.12"),
    _cell("lvm_g", 17, "1200"),
    _cell("lvm_g", 18, "590", words="far from", level="warning"),
    _cell("lvm_g", 19, "21", words="far from", level="warning"),
    _cell("lvm_g", 20, "12O"),
    _cell("sex", 21, "x"),
    _cell("sex", 22, "1"),
    _cell("sbp_mmhg", 23, "12", level="warning"),
    _cell("hypertension", 24, "maybe", level="warning"),
    _cell("diabetes", 25, "2", level="warning"),
    _cell("ecg_date", 26, "May 24th", level="warning"),
    _cell("ct_date", 27, "2024-02-30", level="warning"),
    _cell("ct_date", 28, "9999-12-31", level="warning"),
    _cell("ecg_date", 29, "2093-01-05", words="future", level="warning"),
    _cell("ct_date", 30, "2091-01-05", words="future", level="warning"),
    _cell("ct_date", 31, "1951-01-05", words="before such", level="warning"),
    _cell("subject_id", 32, "row-3", words="used again"),
    _cell("ecg_path", 33, "ecg/nobody.hea", words="no such file"),
    _cell("ecg_path", 34, "ecg", words="no such file", kind="a folder for an ECG file"),
    _cell("height_cm", 37, "", words="no height", level="warning", kind="no height"),
    _cell("lvm_g", 38, "NA", words="no LVM", level="warning", kind="no mass"),
    _cell("ecg_path", 39, "", words="no ECG", level="warning", kind="no ECG file"),
    _cell("subject_id", 40, "", kind="no subject_id"),
    _table("a file outside the folder", _outside, row=43, column="ecg_path", words=("outside",)),
    _cell("weight_kg", 42, "#REF!", words="spreadsheet error"),
    _table("ECG two years after the image", lambda own: _set(own, 35, ecg_date="2021-06-01", ct_date="2019-05-01"),
           row=37, column="ecg_date", words=("after the image",), level="warning"),
    _table("ECG two years before the image", lambda own: _set(own, 36, ecg_date="2019-06-01", ct_date="2021-05-01"),
           row=38, column="ecg_date", words=("before the image",), level="warning"),
    # columns
    _table("required column misspelt", _rename("height_cm", "heigth_cm"), column="height_cm", words=("'heigth_cm'",)),
    _table("required column absent", lambda own: own.people.pop("lvm_g"), column="lvm_g"),
    _table("optional column misspelt", _rename("hypertension", "hypertention"),
           column="hypertention", words=("'hypertension'",), level="warning"),
    _table("unknown column", lambda own: own.people.insert(3, "shoe_size", "42"), words=("shoe_size",),
           level="warning"),
    _table("optional column empty", lambda own: own.people.insert(3, "site", ""), column="site", level="warning"),
    _table("column twice", lambda own: own.people.insert(3, "age_years", "50", allow_duplicates=True),
           column="age_years", words=("more than once",)),
    # whole columns in another unit
    _column("height_cm", 2.54, "in"),
    _column("height_cm", 100, "m"),
    _column("height_cm", 30.48, "ft"),
    _column("height_cm", 0.1, "mm"),
    _column("weight_kg", 0.45359237, "lb"),
    _column("weight_kg", 0.001, "g"),
    _column("weight_kg", 6.35029318, "st"),
    _column("lvm_g", 1000, "kg"),
    _column("lvm_g", 28.349523, "oz"),
    _column("lvm_g", 0.001, "mg"),
    _column("age_years", 1 / 12, "months"),
    _column("sbp_mmhg", 7.500617, "kPa"),
    _table("all lvm_g are indices", _index, column="lvm_g", words=("index", "grams"), level="warning",
           also=True),
    _table("years of birth", lambda own: own.people.update((2020 - own.numbers("age_years")).round().astype(str)),
           column="age_years", words=("years of birth",)),
    _table("device QRS in seconds", _with_device(lambda own: own.people.update(
        (pd.to_numeric(own.people["qrs_duration_ms"]) / 1000).astype(str))),
        column="qrs_duration_ms", words=('"s"',)),
    _setting("codes that are no sex, in every row", r"\[external\]",
             '[development.codes]\nsex = { F = "femal", M = "mal" }\n\n[external]', column="sex", also=True),
    # files
    _ecg("empty file", 2, lambda own, i: _bytes(own, i, b"", "r002.dcm"), "empty"),
    _ecg("text for an ECG", 3, lambda own, i: _bytes(own, i, b"hello, this is a report", "r003.txt"), "type"),
    _ecg("random bytes", 4, lambda own, i: _bytes(own, i, np.random.default_rng(1).bytes(9000), "r004.dcm")),
    _ecg("truncated samples", 5, _truncate),
    _ecg("header without samples", 6, lambda own, i: own.ecg(i).with_suffix(".dat").unlink()),
    _ecg("damaged header", 7, lambda own, i: own.ecg(i).write_text("r007 12\nr007.dat")),
    _ecg("a lead is missing", 8, lambda own, i: wfdb.wrsamp(
        own.ecg(i).stem, fs=RATE_HZ, units=["mV"] * 11, sig_name=list(LEADS[:-1]), fmt=["16"] * 11,
        p_signal=own.signal(i)[:-1].T, write_dir=str(own.ecg(i).parent)), "V6"),
    _ecg("CSV without a rate", 9, lambda own, i: _unstated(own, i, "sampling_rate_hz", unit="_mv", timed=False),
         "state sampling_rate_hz", level="error", also=True),
    _ecg("CSV without a unit", 9, lambda own, i: _unstated(own, i, "unit", unit="", timed=True), "state unit",
         level="error", also=True),
    _setting("NPY without leads", r"leads = [^\n]*\n", "", row=2, column="ecg_path", file="r000.npy",
             words=("state leads under [development]",), also=True),
    _ecg("missing samples", 10, lambda own, i: np.save(own.ecg(i), np.where(
        np.arange(own.signal(i).shape[1]) < 900, np.nan, own.signal(i)).astype(np.float32)), "missing"),
    _ecg("one ECG in µV", 20, lambda own, i: np.save(own.ecg(i), 1000 * np.load(own.ecg(i))), "too large"),
    _signal("flat line", 12, lambda signal_mv: 0 * signal_mv, "flat"),
    _signal("electrode off", 13, _replaced("V3", lambda signal_mv: 0 * signal_mv[0]), "flat"),
    _signal("one second", 14, lambda signal_mv: signal_mv[:, :500]),
    _signal("noise only", 15, lambda signal_mv: np.random.default_rng(1).normal(0, 0.3, signal_mv.shape)),
    _signal("arm electrodes exchanged", 16, _reversed_arms, "exchanged"),
    _signal("clipped", 17, lambda signal_mv: np.clip(2 * signal_mv, -0.6, 0.6), "cut off"),
    _signal("two leads the same", 18, _replaced("V3", lambda signal_mv: signal_mv[LEADS.index("V2")]), "same"),
    _signal("lead inverted", 19, _replaced("II", lambda signal_mv: -signal_mv[1]), "inverted"),
    _table("all ECGs in µV", lambda own: _rescale(own, "1.0"), column="ecg_path", words=('unit = "uV"',)),
    _table("all ECGs in V", lambda own: _rescale(own, "1000000.0"), column="ecg_path", words=('unit = "V"',)),
    # the same ECG twice
    _copy("an ECG under two patients", 22, 25, lambda own: _copied_file(own, 22, 25), "another patient", "error"),
    _copy("an ECG twice of a patient", 22, 25, _same_patient, "same patient", "warning"),
    _copy("one file in two rows", 22, 25, lambda own: _set(own, 25, ecg_path=own.people["ecg_path"][22]),
          "same file", "error"),
    _copy("an ECG again as NPY", 22, 40, lambda own: np.save(own.ecg(40), own.signal(22).astype(np.float32)),
          "another patient", "error"),
    _copy("a copy 10 % larger", 22, 26, lambda own: own.put(26, 1.1 * own.signal(22)), "another copy", "warning"),
    _copy("a copy at 250 Hz", 22, 27, lambda own: own.put(27, resample(own.signal(22), 500, 250), 250),
          "another copy", "warning"),
    _copy("a copy at 1000 Hz", 23, 27, lambda own: own.put(27, resample(own.signal(23), 500, 1000), 1000),
          "another copy", "warning"),
    _copy("a copy without its first 0.1 s", 22, 28, lambda own: own.put(28, own.signal(22)[:, 50:]),
          "another copy", "warning"),
    _copy("a copy without its first 2 s", 24, 28, lambda own: own.put(28, own.signal(24)[:, 1000:]),
          "another copy", "warning"),
    _copy("a copy with noise", 22, 29, lambda own: own.put(
        29, own.signal(22) + np.random.default_rng(1).normal(0, 0.01, (12, 5000))), "another copy", "warning"),
    # patients
    _table("a patient of two sexes", lambda own: _set(own, 1, sex="male" if own.people["sex"][0] == "female" else
           "female"), row=3, column="sex", words=("another sex",)),
    _table("a patient of two heights", lambda own: _set(
        own, 1, height_cm=str(float(own.people["height_cm"][0]) + (-20 if float(own.people["height_cm"][0]) > 160 else
        20))), row=3, column="height_cm", level="warning"),
    _table("an age against the dates", lambda own: _set(own, 1, ecg_date="2012-01-01", ct_date="2012-01-09"),
           row=3, column="age_years", level="warning"),
    _table("two masses on one day", lambda own: _set(own, 1, lvm_g=str(float(own.people["lvm_g"][0]) + 9)),
           row=3, column="lvm_g", level="warning"),
    # two cohorts
    _table("a patient in both cohorts", lambda own: _external_row(own, patient_id="patient-7"), where="the study",
           words=("patient-7", "row 9 of development", "row 5 of external")),
    _table("an ECG in both cohorts", lambda own: _external_copy(own, lambda signal_mv: signal_mv), where="external.csv",
           row=5, column="ecg_path", also=True),
    _table("a scaled ECG in both cohorts", lambda own: _external_copy(own, lambda signal_mv: 1.05 * signal_mv),
           where="external.csv", row=5, column="ecg_path"),
    _table("external is a copy of development", _same_external, where="the study", words=("both cohorts",), also=True),
    _table("a patient in both cohorts, allowed", _allowed, where="the study", words=("patient-7",), level="warning"),
    # the device
    _table("another QRS duration", _with_device(lambda own: _set(own, 30, qrs_duration_ms="230")), row=32,
           column="qrs_duration_ms", level="warning"),
    _table("another axis", _with_device(lambda own: _set(own, 31, qrs_axis_deg=str(
        (own.numbers("qrs_axis_deg")[31] + 310) % 360 - 180))), row=33, column="qrs_axis_deg", level="warning"),
    _table("files shifted by a row", _with_device(_roll), column="qrs_duration_ms", level="warning",
           words=("shifted",), also=True),
    # the table as a whole
    _table("no table", lambda own: setattr(own, "settings", own.settings.replace('"subjects.csv"', '"people.csv"')),
           where="people.csv", words=("no file",)),
    _table("an empty table", _raw(lambda text: b""), words=("empty",)),
    _table("a header only", _raw(lambda text: text.splitlines()[0].encode()), words=("no row",)),
    _table("no text", _raw(lambda text: b"PK\x03\x04" + np.random.default_rng(1).bytes(5000))),
    _table("a row with too many cells", _raw(lambda text: text.replace("row-4,", "row-4,a,b,", 1).encode()), row=6),
    # the study
    _setting("a network too short for its beat", r'estimator = "elvmass-net"',
             'estimator = "elvmass-net"\narguments = { channels = 4, levels = 2 }', column="models.elvmass-net",
             words=("stem_stride",), **STUDY),
    _setting("masses by MR, cut-offs by CT", r'label = "Our hospital"', 'label = "Our hospital"\nmodality = "MR"',
             column="lvh.source", words=("CT", "MR"), level="warning", **STUDY),
    _setting("cut-offs exchanged", r"male_g_m2 = 80\nfemale_g_m2 = 65", "male_g_m2 = 65\nfemale_g_m2 = 80",
             column="lvh.male_g_m2", level="warning", also=True, **STUDY),
    _setting("a cut-off in kg", "male_g_m2 = 80", "male_g_m2 = 0.08", column="lvh.male_g_m2", also=True, **STUDY),
    _setting("a cut-off in grams", "female_g_m2 = 65", "female_g_m2 = 650", column="lvh.female_g_m2", also=True,
             **STUDY),
    _setting("cut-offs of another kind of image", r"male_g_m2 = 80\nfemale_g_m2 = 65",
             "male_g_m2 = 48\nfemale_g_m2 = 44", words=("have LVH",), level="warning", also=True),
    _setting("nobody has LVH", r"male_g_m2 = 80\nfemale_g_m2 = 65", "male_g_m2 = 190\nfemale_g_m2 = 180",
             words=("LVH",), **BOOK),
    _setting("no external cohort", r"\[external\].*\[folds\]", "[folds]", words=("chapter 7",), **BOOK),
    _setting("no network", r"\[models.elvmass-net\]\nestimator = \"elvmass-net\"", "", words=("saliency",), **BOOK),
    _setting("no eLVMass-Net", 'estimator = "elvmass-net"', 'estimator = "fcn"', words=("encoder",), **BOOK),
    _setting("no model both ways", r'training = \["pooled", "sex-specific"\]', "", words=("gap",), **BOOK),
    _setting("one model", r"\[models.demographics\].*\[models.elvmass-net\]", "[models.elvmass-net]",
             words=("comparison",), **BOOK),
    _setting("too many folds", "n = 2", "n = 20", words=("folds",)),
    _table("women only", lambda own: setattr(own, "people", own.people[own.people["sex"] == "female"]),
           words=("chapters 1, 4", "men"), **BOOK),
    _table("few men", lambda own: setattr(own, "people", pd.concat([
        own.people[own.people["sex"] == "female"], own.people[own.people["sex"] == "male"][:8]])),
        column="sex", words=("men are few",), level="warning", also=True),
    _table("no height and weight", _without_size, words=("LVM index",), **BOOK),
    _table("twelve people", lambda own: setattr(own, "people", own.people[:8]), words=("folds",), also=True),
)  # fmt: skip
"""Every kind once or a few times; names of columns are the schema's, ``row`` counts as in a spreadsheet."""
