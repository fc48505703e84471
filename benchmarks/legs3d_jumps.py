"""Paths that do not jump: sides of cylinders, and how deep they lie, chosen by sweeps of joints.

MuJoCo takes the way around a cylinder whose middle points most to the side. As a path begins to
touch, the middle of the wrong way points anywhere: over a few hundredths of a degree it wins, and
the path leaps around the back, unless the side points to where the path touches first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from legs3d_body import RANGE
from numpy.typing import NDArray

from bioenv.models.osim.convert_skeleton import Leader
from bioenv.models.osim.fit import Goal, fit, quality
from bioenv.models.osim.skeleton import about
from bioenv.models.osim.tendon import BodyFrames, Path, Roll, Site, reach

Array = NDArray[np.float64]

_BASES, _STEP = 28, 0.25  # poses that sweeps start from; degrees
_MOVES = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle")
_FINE = 20  # frames in place of one of the trial's
STEP_ALLOWED = 3e-4  # m: what a path may leave its line by from one sample to the next
_TURNS = np.radians(np.arange(0.0, 360.0, 30.0))
_DEPTHS = (-0.03, -0.02, -0.01, 0.0, 0.02, 0.04)  # m
_HEAD_RADIUS = 0.04  # m
LATERAL = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])  # z along y
_LEAST_RADIUS = 0.006  # m
_JUMP_COUNTS = 0.1  # of a jump, as an error of all lengths and moment arms
_SAME = 2e-5  # m: scores this near are the same


def sweep_poses(leaders: tuple[Leader, ...], gait: dict[str, Array]) -> tuple[Array, Array]:
    """Poses (N, k) of sweeps one after another, and the sweep's number of each (N,)."""
    rng = np.random.default_rng(2)
    index = {n: [one.coordinate for one in leaders].index(f"{n}_r") for n in _MOVES}
    low, high = np.radians([RANGE[name] for name in _MOVES]).T
    parts = []
    for base in range(_BASES):
        start = rng.uniform(low, high) if base else np.clip(np.zeros(len(low)), low, high)
        for k, name in enumerate(_MOVES):
            line = np.arange(*np.degrees((low[k], high[k])), _STEP)
            part = np.zeros((len(line), len(leaders)))
            part[:, [index[n] for n in _MOVES]] = start
            part[:, index[name]] = np.radians(line)
            parts.append(part)
    half = len(gait["knee_angle_r"]) // 2
    for rows in (slice(0, half), slice(half, None)):
        frames = np.arange(half)
        fine = np.linspace(0, half - 1, _FINE * (half - 1) + 1)
        part = np.zeros((len(fine), len(leaders)))
        for name in _MOVES:
            part[:, index[name]] = np.interp(fine, frames, gait[f"{name}_r"][rows])
        parts.append(part)
    return np.vstack(parts), np.concatenate([np.full(len(p), i) for i, p in enumerate(parts)])


class Sweeps:
    """Finds jumps of a path along sweeps."""

    def __init__(self, frames: BodyFrames, sweep: Array) -> None:
        self._frames = frames
        self._inside = (sweep[2:] == sweep[1:-1]) & (sweep[1:-1] == sweep[:-2])

    def jump(self, path: Path) -> float:
        """The largest second difference of length within a sweep, m."""
        bend = np.abs(np.diff(reach(path, self._frames).length, 2))
        return float(bend[self._inside].max())


def settled(path: Path, goal: Goal, sweeps: Sweeps) -> Path:
    """The path, with sides, and depths where needed, that let it jump least."""
    if not any(isinstance(element, Roll) for element in path):
        return path
    path = _sided(path, goal, sweeps)
    if sweeps.jump(path) < STEP_ALLOWED:
        return path
    bare = tuple(element for element in path if isinstance(element, Site))
    options = [path, fit([bare], [goal], iterations=60).paths[0]]
    for other in (*_shifted(path, goal), *_about_hip(bare)):
        fitted = fit([other], [goal], iterations=60).paths[0]
        options += [other, _sided(other, goal, sweeps), _sided(fitted, goal, sweeps)]
    return min(options, key=lambda one: _rank(one, goal, sweeps))


def _rank(path: Path, goal: Goal, sweeps: Sweeps) -> float:
    return quality(path, goal).score + _JUMP_COUNTS * max(sweeps.jump(path) - STEP_ALLOWED, 0.0)


def _sided(path: Path, goal: Goal, sweeps: Sweeps) -> Path:
    """Sides turned to where the path jumps least among those that fit as well."""
    for k, roll in enumerate(path):
        if not isinstance(roll, Roll) or roll.sphere:
            continue
        first = _touch(path, k, goal)
        options = [(*path[:k], turned, *path[k + 1 :]) for turned in _turned(roll, first)]
        scores = np.array([quality(one, goal).score for one in options])
        good = np.flatnonzero(scores < scores.min() + _SAME)
        jumps = np.array([sweeps.jump(options[i]) for i in good])
        quiet = good[jumps < max(STEP_ALLOWED, jumps.min() + 1e-6)]
        path = options[_middle(quiet, len(_TURNS))]
    return path


def _touch(path: Path, k: int, goal: Goal) -> Array | None:
    """(3,) where the path touches its roll k on average, a direction in the roll's frame."""
    roll = path[k]
    assert isinstance(roll, Roll)
    # What lengthens the path is a shift of the cylinder to where it touches.
    push = roll.rotation.T @ reach(path, goal.frames).by_element[k][:, :3].mean(axis=0)
    push[2] = 0.0
    size = float(np.linalg.norm(push))
    return push / size if size > 1e-6 else None


def _turned(roll: Roll, first: Array | None) -> Iterator[Roll]:
    start = np.array([1.0, 0.0, 0.0]) if first is None else first
    for angle in _TURNS:
        yield replace(roll, side=about(np.array([0.0, 0.0, 1.0]), angle) @ start)
    if roll.side is None:
        yield roll


def _middle(found: Array, count: int) -> int:
    """The one of some places on a ring of `count` that lies deepest among its likes."""
    marks = np.zeros(count, dtype=bool)
    marks[found[found < count]] = True
    if not marks.any():
        return int(found[0])
    depth = [
        next((d for d in range(count) if not (marks[(i - d) % count] and marks[(i + d) % count])),
             count)
        for i in range(count)
    ]  # fmt: skip
    return int(np.argmax(depth))


def _about_hip(sites: Path) -> Iterator[Path]:
    """Paths from the pelvis over a cylinder across the thigh's head, in front or behind."""
    last = [k for k, site in enumerate(sites) if site.body == "pelvis"][-1:]
    if not last or last[0] + 1 == len(sites) or sites[last[0] + 1].body != "femur_r":
        return
    for way in (1.0, -1.0):
        side = np.array([way, 0.0, 0.0])
        roll = Roll("femur_r", np.zeros(3), LATERAL, _HEAD_RADIUS, side)
        yield (*sites[: last[0] + 1], roll, *sites[last[0] + 1 :])


def _shifted(path: Path, goal: Goal) -> Iterator[Path]:
    """Thinner and thicker cylinders with the same surface where the path touches.

    MuJoCo, as OpenSim, lets a path with an end inside a cylinder pass through: a thinner one has
    less inside. A path that slips over the far side stays on a thicker one.
    """
    for k, roll in enumerate(path):
        if not isinstance(roll, Roll):
            continue
        side = _touch(path, k, goal)
        if side is None:
            continue
        for depth in _DEPTHS:
            radius = roll.radius + depth
            if radius > _LEAST_RADIUS:
                center = roll.center - depth * (roll.rotation @ side)
                moved = replace(roll, center=center, radius=radius, side=side)
                yield (*path[:k], moved, *path[k + 1 :])
