"""People of whom a laboratory published a mean cycle, or one leg: as `Motion`s of several strides.

What was not measured is said in `meta["notes"]`: the other leg is the same leg half a stride later,
a path of the pelvis that is missing comes from an inertial sensor. Only the measured leg is
trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.lab import planar
from bioenv.lab.cycles import events
from bioenv.lab.datasets import dorschky2019, falisse2019
from bioenv.lab.filters import butterworth
from bioenv.lab.reference import PERCENT, Reference
from bioenv.learn.people.legs import SHANK, THIGH, Build
from bioenv.learn.people.measured_people import CUTOFF, JOINTS, LEGS, RATE, SIDES, read, with_rates
from bioenv.motion import Motion

Array = NDArray[np.float64]

MIRRORED = "the left leg is the right one half a stride later"
PATH = "angles and the path of the pelvis are integrals of inertial sensors' signals"
_REPEATS = 3  # cycles shown; the middle one is trusted


def cycle_names() -> tuple[str, ...]:
    """People that `read_cycle` knows."""
    return tuple(_READERS)


def read_cycle(name: str, folder: Path) -> Motion:
    """A person of a mean cycle, with the channels and `meta` of `bioenv.learn.people.read`.

    Only the right leg is trusted, in the middle of three cycles. Raises BioenvError for an unknown
    name and for files that are not there.
    """
    if name not in _READERS:
        raise unknown("mean cycle", name, _READERS)
    where, reader = _READERS[name]
    if not (folder / where).is_dir():
        raise BioenvError(
            f"the lab data of '{name}' are not in '{folder}' (no folder {where}); name it with the "
            "environment variable BIOENV_LAB_DATA"
        )
    return reader(folder)


def of_cycle(
    reference: Reference, build: Build, pose: Mapping[str, Array], notes: tuple[str, ...]
) -> Motion:
    """Three equal strides: a pose over one, moments and forces from the right leg's mean curves.

    pose: column name -> (n,) over the cycle from right heel strike, the last sample before the next
    one; pelvis_tx with a forward speed on average. The left leg's moments are the right one's half
    a stride later, and not trusted.
    """
    period = reference.figures["stride_time"].value
    speed = reference.figures["speed"].value
    mass = float(reference.mass_kg or 0.0)
    time = np.arange(int(_REPEATS * period * RATE + 1e-6) + 1) / RATE
    share = {"r": (time / period) % 1.0, "l": (time / period + 0.5) % 1.0}

    def curve(name: str, side: str) -> Array:
        return np.interp(100 * share[side], PERCENT, reference.curves[name].mean)

    q = {}
    for name, values in pose.items():
        at = np.arange(len(values) + 1) / len(values)
        q[name] = np.interp(share["r"], at, np.append(values, values[0]))
    q["pelvis_tx"] = q["pelvis_tx"] + speed * time
    motion = with_rates(
        Motion(time).add("qpos", np.column_stack(list(q.values())), labels=q, source="computed")
    )
    moments = [curve(f"{joint}_moment", side) for side in SIDES for joint in JOINTS]
    torque = mass * butterworth(np.column_stack(moments), RATE, CUTOFF, 4)
    force = np.zeros((len(time), 2, 3))
    for i, side in enumerate(SIDES):
        force[:, i, 0] = 9.81 * mass * curve("grf_fore_aft", side)
        force[:, i, 2] = 9.81 * mass * curve("grf_vertical", side)
    motion = motion.add("joint_torque", torque, labels=LEGS, source="computed")
    motion = motion.add("ground_reaction_force", force, labels=SIDES, source="measured")
    return motion.with_meta(
        subject=reference.name, recording=f"{reference.name}_mean", mass_kg=mass,
        height_m=reference.height_m, thigh_m=build.thigh, shank_m=build.shank, hip_m=[0.0, 0.0],
        trusted={"r": [[period, 2 * period]], "l": []},
        strikes={"r": [i * period for i in range(_REPEATS + 1)],
                 "l": [(i + 0.5) * period for i in range(_REPEATS)]}, notes=list(notes),
    )  # fmt: skip


def _falisse(folder: Path) -> Motion:
    """Mean of 11 overground trials: both legs and the pelvis, moments of the right leg."""
    where = folder / "falisse2019_subject1"
    rows = np.genfromtxt(where / "IK_average_walking_full_cycle.csv", delimiter=",", names=True)
    cycle = {name: rows[name][:-1] for name in rows.dtype.names or ()}  # the last row is the first
    sign = {"knee_angle": -1.0}
    pose = {f"{j}_{s}": sign.get(j, 1.0) * np.radians(cycle[f"{j}_{s}"])
            for s in SIDES for j in JOINTS}  # fmt: skip
    for name in ("pelvis_tilt", "pelvis_list", "pelvis_rotation", "lumbar_extension"):
        pose[name] = np.radians(cycle[name])
    forward = rows["pelvis_tx"]
    steady = np.linspace(forward[0], forward[-1], len(forward))
    pose["pelvis_tx"], pose["pelvis_tz"] = (forward - steady)[:-1], cycle["pelvis_ty"]
    trial = read("falisse2019_trial", folder).meta
    motion = of_cycle(
        falisse2019(where), Build(trial["thigh_m"], trial["shank_m"]), pose, (MIRRORED,)
    )
    return motion.with_meta(hip_m=trial["hip_m"])


def _dorschky(folder: Path) -> Motion:
    """P01 walking: the segments' angles and the pelvis' path are integrals of the IMU's signals.

    The published hip angle spans 30 degrees, the gyroscope's thigh 37: the published angles give
    the means, the gyroscopes what happens around them; tilt is zero on average.
    """
    where = folder / "biomac_mean_cycles"
    reference = dorschky2019(where)
    return of_cycle(
        reference, Build(THIGH * float(reference.height_m or 0.0),
                         SHANK * float(reference.height_m or 0.0)),
        imu_pose(where / "P01_normwalking.csv", reference.figures["stride_time"].value),
        (MIRRORED, PATH),
    )  # fmt: skip


def imu_pose(path: Path, period: float) -> dict[str, Array]:
    """Sagittal pose over a cycle from the mean signals of seven IMUs (pelvis and legs).

    Every integral of a periodic movement is periodic; its mean comes from the optical angles.
    """
    rows = np.genfromtxt(path, delimiter=",", names=True, dtype=None, encoding="utf-8")
    signal: dict[tuple[str, str], Array] = {
        (kind, name): rows["mean"][(rows["type"] == kind) & (rows["signal"] == name)]
        for kind, name in {(str(r["type"]), str(r["signal"])) for r in rows}
    }
    step = period / len(signal["gyro", "pelvis_z"])
    tilt = _integral(signal["gyro", "pelvis_z"], step)
    mean = {j: float(signal["angle", f"{j}_r"].mean()) for j in JOINTS}
    thigh = {s: mean["hip_flexion"] + _integral(signal["gyro", f"femur_{s}_z"], step)
             for s in SIDES}  # fmt: skip
    shank = {s: mean["hip_flexion"] + mean["knee_angle"]
             + _integral(signal["gyro", f"tibia_{s}_z"], step) for s in SIDES}  # fmt: skip
    foot = {s: mean["hip_flexion"] + mean["knee_angle"] + mean["ankle_angle"]
            + _integral(signal["gyro", f"foot_{s}_z"], step) for s in SIDES}  # fmt: skip
    ahead, up = signal["acc", "pelvis_x"], signal["acc", "pelvis_y"]
    level = float(np.arctan2(ahead.mean(), up.mean()))  # of the sensor on the pelvis
    c, s = np.cos(tilt - level), np.sin(tilt - level)
    pose = {"pelvis_tilt": tilt, "lumbar_extension": -tilt}
    for side in SIDES:
        pose[f"hip_flexion_{side}"] = thigh[side] - tilt
        pose[f"knee_angle_{side}"] = thigh[side] - shank[side]
        pose[f"ankle_angle_{side}"] = foot[side] - shank[side]
    pose["pelvis_tx"] = _integral(_integral(c * ahead - s * up, step), step)
    pose["pelvis_tz"] = 0.95 + _integral(_integral(s * ahead + c * up, step), step)
    return pose


def _integral(rate: Array, step: float) -> Array:
    """The periodic integral of a periodic signal (n,), of zero mean; the signal's mean is drift."""
    spectrum = np.fft.rfft(rate)
    turn = 2 * np.pi * np.fft.rfftfreq(len(rate), step)
    spectrum[1:] /= 1j * turn[1:]
    spectrum[0] = 0.0
    return np.fft.irfft(spectrum, len(rate))


def _csu(folder: Path) -> Motion:
    """Van den Bogert's planar benchmark: a treadmill, markers of the right side and a plate."""
    raw = np.loadtxt(folder / "csu_leg2d" / "rawdata.txt", comments="%")
    mass = 67.2
    time, points, plate = raw[:, 0], raw[:, 1:13].reshape(-1, 6, 2), raw[:, 13:16]
    points = np.where(points == 0.0, np.nan, points)
    leg = planar.leg_dynamics(time, points, plate, mass, CUTOFF)
    seen = np.column_stack([_filled(time, column) for column in points.reshape(len(time), -1).T])
    smooth = butterworth(seen, RATE, CUTOFF, 4).reshape(points.shape)
    line = np.diff(smooth, axis=1)  # shoulder-hip, hip-knee, knee-ankle, ankle-heel, heel-toe
    trunk = np.arctan2(line[:, 0, 0], -line[:, 0, 1])
    thigh, shank = (np.arctan2(line[:, i, 0], -line[:, i, 1]) for i in (1, 2))
    foot = np.arctan2(line[:, 4, 1], line[:, 4, 0])
    force = butterworth(plate[:, :2], RATE, CUTOFF, 4)
    strikes = events(time, plate[:, 1]).strikes
    period = float(np.diff(strikes).mean())
    belt = _belt(time, smooth[:, 5, 0], plate[:, 1] > 0.5 * 9.81 * mass)
    right = np.column_stack([thigh - trunk, thigh - shank, foot - shank])
    torque = leg.moment * [1.0, 1.0, -1.0]
    both = np.column_stack([right, torque, force])
    # half a stride later, or earlier where the trial ends
    later = np.where(time + period / 2 <= time[-1], time + period / 2, time - period / 2)
    other = np.column_stack([np.interp(later, time, column) for column in both.T])
    q = {"pelvis_tx": smooth[:, 1, 0] + belt * (time - time[0]), "pelvis_tz": smooth[:, 1, 1],
         "pelvis_tilt": trunk, "lumbar_extension": np.zeros(len(time))}  # fmt: skip
    q |= {f"{j}_r": right[:, i] for i, j in enumerate(JOINTS)}
    q |= {f"{j}_l": other[:, i] for i, j in enumerate(JOINTS)}
    motion = with_rates(
        Motion(time).add("qpos", np.column_stack(list(q.values())), labels=q, source="computed")
    )
    loads = np.zeros((len(time), 2, 3))
    loads[:, 0, ::2], loads[:, 1, ::2] = force, other[:, 6:]
    motion = motion.add(
        "joint_torque", np.hstack([torque, other[:, 3:6]]), labels=LEGS, source="computed"
    ).add("ground_reaction_force", loads, labels=SIDES, source="measured")
    length = np.linalg.norm(line, axis=2).mean(axis=0)
    return motion.with_meta(
        subject="csu_leg2d", recording="csu_leg2d", mass_kg=mass, height_m=None,
        thigh_m=float(length[1]), shank_m=float(length[2]), hip_m=[0.0, 0.0],
        trusted={"r": [[float(time[0]) + 0.6, float(time[-1]) - 0.6]], "l": []},
        strikes={"r": strikes.tolist(), "l": []},
        notes=[MIRRORED, "the trunk is the line from hip to shoulder; segments by Winter's table"],
    )  # fmt: skip


def _filled(time: Array, values: Array) -> Array:
    seen = np.isfinite(values)
    return np.interp(time, time[seen], values[seen])


def _belt(time: Array, toe: Array, stance: NDArray[np.bool_]) -> float:
    """Speed of a treadmill, m/s, from the toe marker of a standing foot."""
    speed = np.gradient(toe, time)
    return float(-np.median(speed[stance]))


_READERS: Mapping[str, tuple[str, Callable[[Path], Motion]]] = MappingProxyType(
    {
        "dorschky2019": ("biomac_mean_cycles", _dorschky),
        "falisse2019": ("falisse2019_subject1", _falisse),
        "csu_leg2d": ("csu_leg2d", _csu),
    }
)
