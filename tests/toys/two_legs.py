"""A planar person walking on a belt, with exact markers, ground forces and joint moments.

Everything is computed here by itself, in OpenSim's axes (x forward, y up, z right): segment angles,
Newton's laws, straight muscles. The files of a trial are written as text.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np

GRAVITY = 9.80665
COORDINATES = (
    "pelvis_tilt", "pelvis_tx", "pelvis_ty",
    "hip_flexion_r", "knee_angle_r", "ankle_angle_r",
    "hip_flexion_l", "knee_angle_l", "ankle_angle_l",
)  # fmt: skip
ROTATIONAL = np.array([name[-3:] not in ("_tx", "_ty") for name in COORDINATES])
CHAIN = ("femur", "tibia", "calcn")
# mass kg, center of mass m, moment of inertia kg m^2 about z
BODIES = {
    "pelvis": (46.0, (-0.02, 0.25), 2.0),
    "femur": (8.0, (0.0, -0.18), 0.12),
    "tibia": (3.5, (0.0, -0.18), 0.05),
    "calcn": (1.0, (0.06, -0.02), 0.004),
}
# where a segment's joint lies in its parent
JOINTS = {"femur": ("hip", (0.0, -0.08)), "tibia": ("knee", (0.0, -0.42)),
          "calcn": ("ankle", (0.0, -0.42))}  # fmt: skip
WIDTH = 0.09  # m, hips from the middle
# origin, insertion, N: one straight line each, both legs
MUSCLES = {
    "iliopsoas": (("pelvis", 0.06, 0.0), ("femur", 0.02, -0.12), 2500.0),
    "glut_max": (("pelvis", -0.09, 0.0), ("femur", -0.03, -0.16), 2500.0),
    "hamstrings": (("pelvis", -0.06, -0.12), ("tibia", -0.04, -0.06), 2700.0),
    "rect_fem": (("pelvis", 0.05, -0.04), ("tibia", 0.05, -0.06), 1200.0),
    "vasti": (("femur", 0.04, -0.15), ("tibia", 0.05, -0.07), 5000.0),
    "gastroc": (("femur", -0.03, -0.38), ("calcn", -0.05, -0.02), 2500.0),
    "soleus": (("tibia", -0.03, -0.12), ("calcn", -0.05, -0.03), 5000.0),
    "tib_ant": (("tibia", 0.03, -0.15), ("calcn", 0.06, 0.0), 3000.0),
}
MARKERS = {
    "pelvis": ((0.1, 0.05, 0.12), (0.1, 0.05, -0.12), (-0.1, 0.05, 0.0), (0.0, 0.45, 0.0)),
    "femur": ((0.06, -0.1, 0.03), (0.05, -0.25, 0.05), (-0.05, -0.3, 0.04)),
    "tibia": ((0.05, -0.1, 0.02), (0.04, -0.25, 0.05), (-0.05, -0.3, 0.03)),
    "calcn": ((-0.05, -0.03, 0.0), (0.12, -0.02, 0.03), (0.1, 0.0, -0.03)),
}
PERIOD = 1.2  # s


def angles(time):
    """(T, 9) coordinates, rad and m: smooth in every derivative."""
    q = np.zeros((len(time), 9))
    phase = 2 * np.pi * np.asarray(time) / PERIOD
    q[:, 0] = 0.03 * np.sin(2 * phase)
    q[:, 1] = 0.4 + 0.01 * np.sin(2 * phase + 1)
    q[:, 2] = 0.93 + 0.01 * np.cos(2 * phase)
    for leg in range(2):
        p = phase + np.pi * leg
        q[:, 3 + 3 * leg] = 0.1 + 0.2 * np.cos(p)
        q[:, 4 + 3 * leg] = -0.4 + 0.3 * np.sin(p - 0.2)
        q[:, 5 + 3 * leg] = 0.05 - 0.12 * np.sin(p - 0.3)
    return q


class Walk:
    """The trial: time (T,) s, q (T, 9), and what belongs to it."""

    def __init__(self, rate=100.0, seconds=2.6):
        self.time = np.arange(round(seconds * rate)) / rate
        self.q = angles(self.time)

    def frames(self, q):
        """Segment -> origin (T, 2) m and angle (T,) rad."""
        found = {"pelvis": (q[:, 1:3], q[:, 0])}
        for leg, side in enumerate("rl"):
            parent = "pelvis"
            for k, name in enumerate(CHAIN):
                origin = place(found[parent], JOINTS[name][1])
                found[f"{name}_{side}"] = origin, found[parent][1] + q[:, 3 + 3 * leg + k]
                parent = f"{name}_{side}"
        return found

    @cached_property
    def loads(self):
        """Segment -> force (T, 2) m (a - g) at its center of mass, the center, I alpha (T,)."""
        steps, h = np.array([-2, -1, 0, 1, 2]), 1e-3
        weights = np.array([-1, 16, -30, 16, -1]) / (12 * h * h)
        found = {}
        at = [self.frames(angles(self.time + k * h)) for k in steps]
        for name in at[2]:
            mass, center, inertia = BODIES[name.split("_")[0]]
            path = [place(frame[name], center) for frame in at]
            acceleration = sum(w * p for w, p in zip(weights, path, strict=True))
            turning = sum(w * frame[name][1] for w, frame in zip(weights, at, strict=True))
            force = mass * (acceleration + np.array([0.0, GRAVITY]))
            found[name] = force, path[2], inertia * turning
        return found

    @cached_property
    def ground(self):
        """Side -> force (T, 2) N and its point's x (T,) m on the floor: Newton is obeyed."""
        force = sum(f for f, _, _ in self.loads.values())
        moment = sum(cross(c, f) + turn for f, c, turn in self.loads.values())
        step = {side: stance(self.time / PERIOD + 0.5 * k) for k, side in enumerate("rl")}
        share = {side: step[side] / (step["r"] + step["l"]) for side in "rl"}
        foot = {side: self.frames(self.q)[f"calcn_{side}"][0][:, 0] for side in "rl"}
        # A vertical force Fy at x turns by x Fy; both pressure centers shift by the same amount.
        late = moment - sum(foot[s] * share[s] * force[:, 1] for s in "rl")
        shift = late / force[:, 1]
        return {s: (share[s][:, None] * force, foot[s] + shift) for s in "rl"}

    @cached_property
    def torque(self):
        """(T, 9) generalized forces; nothing is left at the root."""
        tau = np.zeros_like(self.q)
        frames = self.frames(self.q)
        for leg, side in enumerate("rl"):
            for k, name in enumerate(CHAIN):
                joint = frames[f"{name}_{side}"][0]
                total = np.zeros(len(self.time))
                for below in CHAIN[k:]:
                    force, center, turn = self.loads[f"{below}_{side}"]
                    total += cross(center - joint, force) + turn
                push, x = self.ground[side]
                point = np.column_stack([x, np.zeros_like(x)])
                tau[:, 3 + 3 * leg + k] = total - cross(point - joint, push)
        return tau

    def muscle(self, name, side):
        """Origin and insertion (T, 2) m of a muscle, and the segments they are on."""
        frames, ends = self.frames(self.q), []
        for body, x, y in MUSCLES[name][:2]:
            own = body if body == "pelvis" else f"{body}_{side}"
            ends.append((place(frames[own], (x, y)), own))
        return ends

    def muscle_torque(self, force):
        """(T, 9) of muscle forces {name_side: (T,)}: pull times lever about each joint."""
        tau = np.zeros_like(self.q)
        frames = self.frames(self.q)
        for leg, side in enumerate("rl"):
            for k, name in enumerate(CHAIN):
                joint = frames[f"{name}_{side}"][0]
                below = {f"{n}_{side}" for n in CHAIN[k:]}
                for muscle in MUSCLES:
                    (start, a), (stop, b) = self.muscle(muscle, side)
                    if (a in below) == (b in below):
                        continue
                    line = (start - stop) / np.linalg.norm(start - stop, axis=1)[:, None]
                    pull = force[f"{muscle}_{side}"][:, None] * line
                    tau[:, 3 + 3 * leg + k] += cross(stop - joint, pull)
        return tau

    def knee_load(self, force, side):
        """(T,) N, size of the contact force on the tibia."""
        total = -self.ground[side][0].copy()
        for name in ("tibia", "calcn"):
            total += self.loads[f"{name}_{side}"][0]
        for muscle in MUSCLES:
            (start, a), (stop, b) = self.muscle(muscle, side)
            below = {f"tibia_{side}", f"calcn_{side}"}
            if (a in below) != (b in below):
                line = (start - stop) / np.linalg.norm(start - stop, axis=1)[:, None]
                total -= force[f"{muscle}_{side}"][:, None] * line
        return np.linalg.norm(total, axis=1)

    @cached_property
    def markers(self):
        """Name -> (T, 3) m."""
        found = {}
        for segment, frame in self.frames(self.q).items():
            name, side = [*segment.split("_"), ""][:2]
            for k, (x, y, z) in enumerate(MARKERS[name]):
                flat = place(frame, (x, y))
                depth = z if name == "pelvis" else (z + WIDTH) * (1 if side == "r" else -1)
                found[f"{segment}_{k}"] = np.column_stack([flat, np.full(len(flat), depth)])
        return found


def place(frame, point):
    """(T, 2) m, a segment's point in the world."""
    origin, angle = frame
    c, s = np.cos(angle), np.sin(angle)
    return origin + np.column_stack([c * point[0] - s * point[1], s * point[0] + c * point[1]])


def cross(a, b):
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def stance(cycle):
    """0 to 1, smooth: a foot carries from 0.96 to 0.6 of its cycle, where its hip extends."""
    x = np.abs(np.mod(cycle - 0.28 + 0.5, 1.0) - 0.5)
    edge = np.clip((0.32 - x) / 0.1, 0.0, 1.0)
    return edge**3 * (10 - 15 * edge + 6 * edge**2)


# -- files ---------------------------------------------------------------------------------------


def write_markers(path: Path, walk: Walk, markers=None):
    """A .trc in millimetres; NaN is an empty cell."""
    markers = walk.markers if markers is None else markers
    rate = 1 / (walk.time[1] - walk.time[0])
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\t"
        "OrigNumFrames",
        f"{rate:g}\t{rate:g}\t{len(walk.time)}\t{len(markers)}\tmm\t{rate:g}\t1\t{len(walk.time)}",
        "Frame#\tTime\t" + "\t\t\t".join(markers) + "\t\t",
        "\t\t" + "\t".join(f"{a}{k + 1}" for k in range(len(markers)) for a in "XYZ"),
        "",
    ]
    values = 1000 * np.hstack(list(markers.values()))
    for i, row in enumerate(values):
        cells = ["" if np.isnan(value) else f"{value:.7f}" for value in row]
        lines.append("\t".join([str(i + 1), f"{walk.time[i]:.5f}", *cells]))
    path.write_text("\n".join(lines) + "\n")
    return path


def write_table(path: Path, columns, in_degrees=False):
    """An OpenSim table of columns by label."""
    values = np.column_stack(list(columns.values()))
    head = f"{path.stem}\nversion=1\nnRows={len(values)}\nnColumns={values.shape[1]}\n"
    head += f"inDegrees={'yes' if in_degrees else 'no'}\nendheader\n" + "\t".join(columns) + "\n"
    rows = "\n".join("\t".join(f"{value:.10g}" for value in row) for row in values)
    path.write_text(head + rows + "\n")
    return path


def write_coordinates(path: Path, walk: Walk, in_degrees=True):
    factor = np.where(ROTATIONAL & in_degrees, 180 / np.pi, 1.0)
    columns = dict(zip(COORDINATES, (walk.q * factor).T, strict=True))
    return write_table(path, {"time": walk.time, **columns}, in_degrees)


def force_columns(walk: Walk, sides="rl", named=True):
    """Columns of plates; without names of feet "ground_force" is the first of `sides`."""
    columns = {"time": walk.time}
    zero = np.zeros_like(walk.time)
    for k, side in enumerate(sides):
        force, x = walk.ground[side]
        z = zero + (WIDTH if side == "r" else -WIDTH)
        loaded = force[:, 1] != 0
        stem = f"ground_force_{side}_" if named else f"{'1_' * k}ground_force_"
        torque = stem.replace("force", "torque")
        for axis, push, point in zip(
            "xyz", (*force.T, zero), (x * loaded, zero, z * loaded), strict=True
        ):
            columns[f"{stem}v{axis}"] = push
            columns[f"{stem}p{axis}"] = point
        columns |= {f"{torque}{axis}": zero for axis in "xyz"}
    return columns
