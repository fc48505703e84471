"""References to compare a gait with: mean curves over the gait cycle, by name.

A cycle runs from right heel strike to the next right heel strike in 101 points; the curves are
those of the right leg. Angles rad in the signs of `bioenv.motion` (knee flexion positive), ground
reaction force in body weights, joint moments N*m/kg with the sign of their coordinate, EMG
envelopes divided by their own maximum.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv import paths
from bioenv.errors import BioenvError, unknown
from bioenv.motion_io import write_atomically

Array = NDArray[np.float64]
POINTS = 101
PERCENT = np.linspace(0.0, 100.0, POINTS)
COHORT = "cohort"

MUSCLES_OF_EMG: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "emg_hamstrings_lateralis": ("hamstrings", "bflh", "bifemlh"),
        "emg_hamstrings_medialis": ("hamstrings", "semimem", "semiten"),
        "emg_rectus_femoris": ("rect_fem", "recfem"),
        "emg_vastus_lateralis": ("vasti", "vaslat", "vas_lat"),
        "emg_vastus_medialis": ("vasti", "vasmed", "vas_med"),
        "emg_gastrocnemius_lateralis": ("gastroc", "gaslat", "lat_gas"),
        "emg_gastrocnemius_medialis": ("gastroc", "gasmed", "med_gas"),
        "emg_soleus": ("soleus",),
        "emg_tibialis_anterior": ("tib_ant", "tibant"),
        "emg_glut_med": ("glmed1", "glmed2", "glmed3", "glut_med1", "glut_med2", "glut_med3"),
        "emg_adductor_longus": ("addlong", "add_long"),
        "emg_tensor_fasciae_latae": ("tfl",),
        "emg_peroneus_longus": ("perlong", "per_long"),
        "emg_peroneus_brevis": ("perbrev", "per_brev"),
    }
)
"""Electrode -> the muscles that it listens to, by their names in walker2d, legs3d and the bodies
imported from OpenSim. Muscles that are not here have no surface EMG in these sets."""

EMG_CHANNELS = tuple(MUSCLES_OF_EMG)[:9]
"""Electrodes that every walking body has a muscle for."""

EMG_OF_MUSCLE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        muscle: tuple(site for site, heard in MUSCLES_OF_EMG.items() if muscle in heard)
        for muscle in dict.fromkeys(m for heard in MUSCLES_OF_EMG.values() for m in heard)
    }
)
"""Muscle -> the electrodes that listen to it."""


class Figure(NamedTuple):
    """One number of a reference, with unit and where it comes from."""

    value: float
    unit: str
    source: str


@dataclass(frozen=True, eq=False)
class Curve:
    """Mean and standard deviation (101,) over the gait cycle; sd is NaN where none is known."""

    mean: Array
    sd: Array
    unit: str

    def __post_init__(self) -> None:
        for name in ("mean", "sd"):
            values = np.array(getattr(self, name), dtype=np.float64)
            if values.shape != (POINTS,):
                raise BioenvError(f"a curve's {name} needs shape ({POINTS},), got {values.shape}")
            values.flags.writeable = False
            object.__setattr__(self, name, values)
        if not np.isfinite(self.mean).all():
            raise BioenvError("a curve's mean must be finite")


@dataclass(frozen=True, eq=False)
class Reference:
    """Measured gait: curves by name, figures (speed, stride_time, ...), and whose they are.

    Curve names: hip_flexion, knee_angle, ankle_angle, pelvis_tilt, lumbar_extension, and in three
    dimensions hip_adduction, hip_rotation, subtalar_angle, pelvis_list, pelvis_rotation,
    lumbar_bending, lumbar_rotation, pelvis_ty (m, to the left); grf_vertical, grf_fore_aft,
    grf_lateral (pushes the body to the right, the leg's outer side); hip_flexion_moment,
    knee_angle_moment, ankle_angle_moment, and with _power instead W/kg (+ where muscles give
    energy); emg_<muscle>. Not every reference has all of them. members: the people of a cohort
    (see `bioenv.lab.cohort`), () for a single reference.
    """

    name: str
    curves: Mapping[str, Curve]
    figures: Mapping[str, Figure]
    source: str
    licence: str
    people: str
    mass_kg: float | None = None
    height_m: float | None = None
    notes: tuple[str, ...] = field(default=())
    members: tuple[Reference, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "curves", MappingProxyType(dict(self.curves)))
        object.__setattr__(self, "figures", MappingProxyType(dict(self.figures)))

    def curve(self, name: str) -> Curve:
        """The curve of a name. Raises BioenvError listing what the reference has."""
        if name not in self.curves:
            raise unknown(f"curve of reference {self.name}", name, self.curves)
        return self.curves[name]

    def figure(self, name: str) -> float | None:
        """The value of a figure, or None when the reference does not give it."""
        return self.figures[name].value if name in self.figures else None

    def to_csv(self, path: str | Path) -> Path:
        """Write the table of `assets/reference`: commented header, names, units, 101 rows."""
        text = io.StringIO()
        for key in ("name", "people", "source", "licence", "mass_kg", "height_m"):
            if getattr(self, key) is not None:
                text.write(f"# {key}: {getattr(self, key)}\n")
        for name, figure in self.figures.items():
            text.write(f"# figure {name}: {figure.value:.6g} | {figure.unit} | {figure.source}\n")
        for note in self.notes:
            text.write(f"# note: {note}\n")
        names, units, columns = ["percent_cycle"], ["%"], [PERCENT]
        for name, curve in self.curves.items():
            names += [name, f"{name}_sd"]
            units += [curve.unit, curve.unit]
            columns += [curve.mean, curve.sd]
        text.write(",".join(names) + "\n" + ",".join(units) + "\n")
        np.savetxt(text, np.column_stack(columns), fmt="%.6g", delimiter=",")
        return write_atomically(Path(path), text.getvalue().encode())


def available() -> tuple[str, ...]:
    """Names that `load` takes on this machine: shipped tables, "cohort", lab data sets at hand."""
    return (*_shipped(), COHORT, *_lab_sets())


def load(name_or_path: str | Path) -> Reference:
    """A reference by name, or from a table, a lab data folder or a Motion file.

    Names are those of `available()`; a path is a .csv table as written by `to_csv`, a folder of
    the lab data, or a Motion (.nc, .npz) that holds walking. "cohort" is the mean of all shipped
    adults, "winter,falisse2019,me.csv" that of those named. Raises BioenvError otherwise.
    """
    path = Path(name_or_path)
    name = str(name_or_path)
    if name in _shipped():
        return _table(paths.asset("reference", f"{name}.csv"))
    if name == COHORT or "," in name:
        return _cohort(name)
    if name in _lab_sets():
        return _lab_sets()[name]()
    if path.is_dir():
        return _from_folder(path)
    if path.suffix == ".csv" and path.is_file():
        return from_csv(path)
    if path.suffix in (".nc", ".npz"):
        from bioenv.lab.cycles import reference_of
        from bioenv.motion import Motion

        return reference_of(Motion.load(path), path.stem)
    raise unknown("reference", name, available())


@lru_cache(maxsize=16)
def _table(path: Path) -> Reference:
    """A shipped table; they do not change, and every evaluation asks for all of them."""
    return from_csv(path)


@lru_cache(maxsize=4)
def _shipped_cohort() -> Reference:
    from bioenv.lab import cohort

    return cohort.cohort([load(name) for name in cohort.MEMBERS], COHORT)


def _cohort(name: str) -> Reference:
    from bioenv.lab.cohort import cohort

    if name == COHORT:
        return _shipped_cohort()
    return cohort([load(part.strip()) for part in name.split(",") if part.strip()], name)


def from_csv(path: Path) -> Reference:
    """Read a table written by `Reference.to_csv`. Raises BioenvError for anything else."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        entries = [line[2:].split(": ", 1) for line in lines if line.startswith("# ")]
        rows = list(csv.reader(line for line in lines if not line.startswith("#")))
        data = np.array(rows[2:], dtype=np.float64)
        head = {key: value for key, value in entries if key not in ("note",)}
        figures = {
            key.removeprefix("figure "): Figure(float(number), unit, source)
            for key, value in head.items()
            if key.startswith("figure ")
            for number, unit, source in [value.split(" | ", 2)]
        }
        curves = {
            name: Curve(data[:, i], data[:, i + 1], rows[1][i])
            for i, name in enumerate(rows[0])
            if i % 2 == 1
        }
        return Reference(
            head["name"], curves, figures, head["source"], head["licence"], head["people"],
            float(head["mass_kg"]) if "mass_kg" in head else None,
            float(head["height_m"]) if "height_m" in head else None,
            tuple(value for key, value in entries if key == "note"),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise BioenvError(f"'{path}' is not a table of reference curves ({error})") from error


def periodic(values: ArrayLike, percent: ArrayLike) -> Array:
    """Resample curves (n, ...) given at `percent` of the cycle on 101 points, end = start.

    Cubic in between. A last sample at 100 % is averaged with the first one, since both are the
    same instant of the cycle.
    """
    from scipy.interpolate import CubicSpline

    curve = np.array(values, dtype=np.float64)
    at = np.array(percent, dtype=np.float64)
    if at[-1] < 100.0:
        at, curve = np.append(at, 100.0), np.concatenate([curve, curve[:1]])
    curve[0] = curve[-1] = (curve[0] + curve[-1]) / 2
    return np.asarray(CubicSpline(at, curve, bc_type="periodic")(PERCENT), dtype=np.float64)


def _shipped() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in paths.asset("reference").glob("*.csv")))


def _lab_sets() -> dict[str, Callable[[], Reference]]:
    """Readers of the lab data sets that are present, by name."""
    from bioenv.lab import datasets

    root = paths.lab_data()
    if root is None:
        return {}
    return {
        name: partial(read, root / folder)
        for name, (folder, read) in datasets.READERS.items()
        if (root / folder).is_dir()
    }


def _from_folder(folder: Path) -> Reference:
    from bioenv.lab import datasets

    readable: Iterable[str] = sorted({name for name, _ in datasets.READERS.values()})
    for where, read in datasets.READERS.values():
        if folder.resolve().name == where:
            return read(folder)
    raise BioenvError(
        f"cannot read '{folder}' as a reference: it is not one of the lab data folders "
        f"{', '.join(readable)}"
    )
