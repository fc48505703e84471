"""Measured people as `Motion`s: sagittal kinematics, joint moments, ground forces, one convention.

    motion = read("uhlrich2022")
    motion["joint_torque"]            # (T, 6) N*m, hip_flexion_r ... ankle_angle_l
    trusted(motion, "r")              # (T,) which frames' right moments may be believed

Coordinates and moments are those that the laboratories published (inverse kinematics and inverse
dynamics by OpenSim), brought to one clock of 100 Hz and low-passed alike: 6 Hz, fourth order,
without lag, for coordinates and for moments. The common cutoff takes the impact spikes off the
moments that laboratories filter differently (Kristianslund et al. 2012, J Biomech 45:666); it moves
the published moments by 0.01-0.06 N*m/kg (root mean square). `filtered=False` leaves them alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bioenv import paths
from bioenv.errors import BioenvError, unknown
from bioenv.lab import sto
from bioenv.lab.cycles import events
from bioenv.lab.filters import butterworth
from bioenv.lab.sto import Table
from bioenv.learn.people.trials import TRIALS, Spans, Trial
from bioenv.models.osim.anatomy import load as load_anatomy
from bioenv.motion import Motion

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

RATE = 100.0  # Hz, the clock of every recording
CUTOFF = 6.0  # Hz
JOINTS = ("hip_flexion", "knee_angle", "ankle_angle")
SIDES = ("r", "l")
LEGS = tuple(f"{joint}_{side}" for side in SIDES for joint in JOINTS)
PELVIS = ("pelvis_tx", "pelvis_ty", "pelvis_tz", "pelvis_tilt", "pelvis_list", "pelvis_rotation",
          "lumbar_extension")  # fmt: skip
SMALL_RESIDUAL = 0.10  # body weights of vertical force that nothing explains
SETTLED = 0.05  # s around a frame with a larger one that are not believed either
PERIODS = 3  # a trial of one exact period is shown so often; the middle one is believed


def names() -> tuple[str, ...]:
    """Trials that `read` knows."""
    return tuple(TRIALS)


def read(name: str, folder: Path | None = None, *, filtered: bool = True) -> Motion:
    """A trial of the lab data.

    Args:
        name: one of `names()`. folder: of the lab data (default: `bioenv.paths.lab_data`).
        filtered: low-pass the moments as the coordinates.

    Returns:
        A Motion at 100 Hz with qpos, qvel, qacc (pelvis and both legs; a treadmill's belt is added
        to pelvis_tx, as if walked overground), joint_torque N*m of hip, knee and ankle, and
        ground_reaction_force N. meta: subject, recording, mass_kg, thigh_m, shank_m (joint centre
        to joint centre), hip_m (the hip in the pelvis, forward and up), height_m where known,
        trusted {side: [[start, stop], ...]} s, strikes {side: [s, ...]}, notes.

    Raises BioenvError for an unknown name and without the lab data.
    """
    if name not in TRIALS:
        raise unknown("trial", name, TRIALS)
    root = folder if folder is not None else paths.lab_data()
    if root is None or not (root / TRIALS[name].folder).is_dir():
        raise BioenvError(
            f"the lab data of trial '{name}' are not here; name their folder with the environment "
            "variable BIOENV_LAB_DATA"
        )
    return _read(name, root, filtered)


def trusted(motion: Motion, side: str) -> Mask:
    """(T,) frames whose moments of one leg may be believed (all, where `meta` says nothing)."""
    spans = motion.meta.get("trusted")
    if spans is None:
        return np.ones(len(motion), dtype=bool)
    if side not in spans:
        raise unknown("side", side, spans)
    inside = np.zeros(len(motion), dtype=bool)
    for start, stop in spans[side]:
        inside |= (motion.time >= start - 1e-9) & (motion.time <= stop + 1e-9)
    return inside


@lru_cache(maxsize=32)
def _read(name: str, root: Path, filtered: bool) -> Motion:
    trial = TRIALS[name]
    folder = root / trial.folder
    moments, forces = sto.read(folder / trial.moments), sto.read(folder / trial.forces)
    pose = sto.coordinates(sto.read(folder / trial.coordinates), knee=trial.knee)
    start = max(pose.time[0], moments.time[0], forces.time[0])
    stop = min(pose.time[-1], moments.time[-1], forces.time[-1])
    time = start + np.arange(int((stop - start) * RATE + 1e-6) + 1) / RATE
    values = _clocked(pose.time, pose["qpos"], time, trial.repeats)
    labels = [label for label in (*PELVIS, *LEGS) if label in pose.labels("qpos")]
    q = values[:, [pose.labels("qpos").index(label) for label in labels]]
    ahead = labels.index("pelvis_tx")
    q[:, ahead] += trial.belt * (time - time[0])
    torque = _moments(moments, trial, time, filtered)
    force = np.stack([_force(forces, trial.feet[side], time) for side in SIDES], axis=1)
    pressure = np.stack([_pressure(forces, trial.feet[s], time, trial.belt) for s in SIDES], axis=1)
    spans = dict(trial.spans or _spans(moments, trial, time))
    if trial.repeats:
        time, q, torque, force, pressure, spans = _repeated(time, q, ahead, torque, force, pressure)
    motion = with_rates(Motion(time).add("qpos", q, labels=labels, source="measured"))
    motion = motion.add("joint_torque", torque, labels=LEGS, source="computed")
    motion = motion.add("ground_reaction_force", force, labels=SIDES, source="measured")
    motion = motion.add("center_of_pressure", pressure, labels=SIDES, source="measured")
    return motion.with_meta(
        subject=trial.person, recording=name, mass_kg=trial.mass, height_m=trial.height,
        trusted={side: [list(span) for span in spans[side]] for side in SIDES},
        strikes=_strikes(forces, trial, time, force),
        notes=list(trial.notes), **_lengths(folder / trial.model),
    )  # fmt: skip


def with_rates(motion: Motion) -> Motion:
    """The motion with qpos low-passed at 6 Hz, and its velocities and accelerations."""
    rate = (len(motion) - 1) / motion.duration
    smooth = butterworth(motion["qpos"], rate, CUTOFF, 4)
    labels = motion.labels("qpos")
    speed = np.gradient(smooth, motion.time, axis=0, edge_order=2)
    second = np.gradient(speed, motion.time, axis=0, edge_order=2)
    for name, values in (("qpos", smooth), ("qvel", speed), ("qacc", second)):
        motion = motion.add(name, values, labels=labels, source="computed")
    return motion


def _clocked(old: Array, values: Array, time: Array, repeats: bool) -> Array:
    """Values (T, n) at other instants; a rate above the clock's is low-passed first."""
    rate = (len(old) - 1) / (old[-1] - old[0])
    if rate > 1.5 * RATE and not repeats:
        values = butterworth(values, rate, RATE / 4, 4)
    return np.column_stack([np.interp(time, old, column) for column in values.T])


def _moments(table: Table, trial: Trial, time: Array, filtered: bool) -> Array:
    rate = (len(table.time) - 1) / (table.time[-1] - table.time[0])
    sign = -1.0 if trial.knee == "negative" else 1.0
    columns = [
        (sign if label.startswith("knee") else 1.0) * table.column(f"{label}_moment")
        for label in LEGS
    ]
    values = np.column_stack(columns)
    if filtered:
        values = _low_pass(values, rate, trial.repeats)
    return np.column_stack([np.interp(time, table.time, column) for column in values.T])


def _low_pass(values: Array, rate: float, repeats: bool) -> Array:
    if not repeats:
        return butterworth(values, rate, CUTOFF, 4)
    around = np.concatenate([values[:-1], values, values[1:]])
    return butterworth(around, rate, CUTOFF, 4)[len(values) - 1 : 2 * len(values) - 1]


def _force(table: Table, plates: tuple[str, ...], time: Array) -> Array:
    """(T, 3) force of the ground on one foot, z up."""
    total = np.zeros((len(time), 3))
    for prefix in plates:
        x, y, z = (table.column(f"{prefix}v{axis}") for axis in "xyz")
        for i, column in enumerate((x, -z, y)):
            total[:, i] += np.interp(time, table.time, column)
    return total


def _strikes(table: Table, trial: Trial, time: Array, force: Array) -> dict[str, list[float]]:
    """Heel strikes of each foot, s: over the whole force file, which may begin before the clock."""
    if trial.repeats:
        found = [events(time, force[:, i, 2]).strikes for i in range(len(SIDES))]
    else:
        load = [sum(table.column(f"{p}vy") for p in trial.feet[side]) for side in SIDES]
        found = [events(table.time, np.asarray(one)).strikes for one in load]
    return {side: [float(t) for t in one] for side, one in zip(SIDES, found, strict=True)}


def _pressure(table: Table, plates: tuple[str, ...], time: Array, belt: float) -> Array:
    """(T, 3) center of pressure of one foot on the moving belt, NaN below 40 N."""
    point, load = np.zeros((len(time), 3)), np.full(len(time), 1e-9)
    for prefix in plates:
        vertical = np.maximum(table.column(f"{prefix}vy"), 0.0)
        load += np.interp(time, table.time, vertical)
        x, y, z = (table.column(f"{prefix}p{axis}") for axis in "xyz")
        for i, column in enumerate((x, -z, y)):
            point[:, i] += np.interp(time, table.time, vertical * column)
    point /= load[:, None]
    point[:, 0] += belt * (time - time[0])
    point[load < 40.0] = np.nan
    return point


def _spans(moments: Table, trial: Trial, time: Array) -> Mapping[str, Spans]:
    """Where the vertical residual stays small, for both legs alike: both feet stood on plates.

    A constant part is a wrong mass, and what lies above 6 Hz the impact: neither is a lost foot.
    """
    rate = (len(moments.time) - 1) / (moments.time[-1] - moments.time[0])
    residual = moments.column("pelvis_ty_force") / (9.81 * trial.mass)
    residual = _low_pass(residual[:, None], rate, trial.repeats)[:, 0]
    bad = np.interp(time, moments.time, np.abs(residual - np.median(residual))) > SMALL_RESIDUAL
    reach = round(SETTLED * RATE)
    bad = np.convolve(bad, np.ones(2 * reach + 1), mode="same") > 0
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (~bad).astype(np.int8), [0]])))
    found = tuple((float(time[a]), float(time[b - 1])) for a, b in edges.reshape(-1, 2))
    return dict.fromkeys(SIDES, found)


def _repeated(
    time: Array, q: Array, ahead: int, torque: Array, force: Array, pressure: Array
) -> tuple[Array, Array, Array, Array, Array, dict[str, Spans]]:
    """A trial of one period, PERIODS times; the middle one may be believed."""
    count = len(time) - 1
    longer = time[0] + np.arange(PERIODS * count + 1) / RATE
    rows = np.arange(PERIODS * count + 1) % count
    forward = (np.arange(PERIODS * count + 1) // count) * (q[-1, ahead] - q[0, ahead])
    path, point = q[rows].copy(), pressure[rows].copy()
    path[:, ahead] += forward
    point[..., 0] += forward[:, None]
    middle = ((float(longer[count]), float(longer[2 * count])),)
    return longer, path, torque[rows], force[rows], point, dict.fromkeys(SIDES, middle)


@lru_cache(maxsize=32)
def _lengths(model: Path) -> dict[str, object]:
    """Thigh and shank between joint centres, and the hip in the pelvis (forward, up), m, with the
    leg straight."""
    body = load_anatomy(model)
    where = body.body_frames(np.zeros((1, len(body.coordinates))))[0][0]
    hip, knee, ankle = (where[body.body_id(n)] for n in ("femur_r", "tibia_r", "talus_r"))
    return {
        "thigh_m": float(np.linalg.norm(hip - knee)),
        "shank_m": float(np.linalg.norm(knee - ankle)),
        "hip_m": [float(x) for x in (hip - where[body.body_id("pelvis")])[[0, 2]]],
    }
