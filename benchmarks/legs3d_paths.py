"""The muscle paths of legs3d: the file's, or fitted ones, as MuJoCo can follow them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import NamedTuple

import mujoco
import numpy as np
from legs3d_body import RANGE
from legs3d_jumps import LATERAL, Sweeps, settled, sweep_poses
from numpy.typing import NDArray

from bioenv.models.osim.anatomy import OsimAnatomy
from bioenv.models.osim.convert_fit import Planner
from bioenv.models.osim.convert_poses import Poses, file_coordinates, file_slopes
from bioenv.models.osim.convert_skeleton import Converted, Leader
from bioenv.models.osim.description import Description, Muscle
from bioenv.models.osim.fit import Goal, fit, quality
from bioenv.models.osim.skeleton import UPRIGHT
from bioenv.models.osim.tendon import BodyFrames, Path, Roll, Site

Array = NDArray[np.float64]

# Poses to fit to, and to look for jumps in: about those of gait, and wide ones.
_FIT, _CHECK = (110, 60), (800, 500)
_SCATTER = np.radians(6.0)  # of joint angles about those of gait
_TOES = np.radians([-5.0, 30.0])
# The wide poses, degrees: where people walk, run, climb and sit down.
_WIDE = {
    "hip_flexion": (-25.0, 100.0),
    "hip_adduction": (-30.0, 20.0),
    "hip_rotation": (-25.0, 25.0),
    "knee_angle": (2.0, 110.0),
    "ankle_angle": (-40.0, 28.0),
    "subtalar_angle": (-15.0, 15.0),
    "mtp_angle": (-20.0, 50.0),
}
# Cylinders tried at a knee, in place of the kneecap and behind it: radii, heights above the knee's
# center and places before it, m.
_RADII, _DROP = (0.03, 0.04, 0.05), (0.0, 0.015)
_FRONT, _BEHIND = (-0.005, 0.01), (-0.02, 0.0)
# A path whose moment arms err by more than the one is given a cylinder at the knee; one that errs
# by less than the other without its cylinder does without. m, RMS.
_POOR, _LEAN = 1e-3, 0.7e-3
_JUMP = 0.01  # m: a length or moment arm this far off shows a path that jumps
_ITERATIONS = 60


class Planned(NamedTuple):
    """Paths of the right side by muscle, and how each came about."""

    paths: dict[str, Path]
    how: dict[str, str]


class GaitPoses(Poses):
    """`Poses` at given angles of the leaders (N, k)."""

    def __init__(
        self, anatomy: OsimAnatomy, converted: Converted, mj: mujoco.MjModel, leader: Array
    ) -> None:
        self.leaders, self.mj, self.leader = converted.leaders, mj, leader
        self._followers, self._coordinates = converted.followers, anatomy.coordinates
        self.q = file_coordinates(anatomy, converted.leaders, leader)
        geometry = anatomy.muscle_geometry(self.q)
        self.length = geometry.length
        self.arm = geometry.moment_arm @ file_slopes(anatomy, converted.leaders, self.q)
        self._frames: dict[tuple[int, int], BodyFrames] = {}

    def frames(self, leader: Array) -> BodyFrames:
        """Body frames at other angles of the leaders (N, k)."""
        return self._kinematics(leader)


def draw(converted: Converted, gait: dict[str, Array], seed: int, check: bool) -> Array:
    """(N, k) poses of the leaders: about measured gait (coordinate -> (n,) rad) and wide ones, all
    over the joints' ranges for a check."""
    rng = np.random.default_rng(seed)
    count, wide = _CHECK if check else _FIT
    frames = rng.integers(0, len(next(iter(gait.values()))), count)
    out = np.zeros((count + wide, len(converted.leaders)))
    for k, one in enumerate(converted.leaders):
        stem = one.coordinate[:-2]
        if one.root or stem not in _WIDE:
            continue
        around = gait[one.coordinate][frames] if one.coordinate in gait else np.zeros(count)
        near = around + _SCATTER * rng.standard_normal(count)
        if stem == "mtp_angle":
            near = rng.uniform(*_TOES, count)
        span = RANGE[stem] if check else _WIDE[stem]
        far = rng.uniform(*np.radians(span), wide)
        out[:, k] = np.clip(np.concatenate([near, far]), *np.radians(RANGE[stem]))
    return out


def plan(
    exact: OsimAnatomy, lean: Description, converted: Converted, gait: dict[str, Array]
) -> Planned:
    """Paths of all muscles of `exact`, which are the right side's."""
    mj = converted.spec.compile()
    poses = GaitPoses(exact, converted, mj, draw(converted, gait, 0, check=False))
    check = GaitPoses(exact, converted, mj, draw(converted, gait, 1, check=True))
    swept, number = sweep_poses(converted.leaders, gait)
    sweeps = Sweeps(poses.frames(swept), number)
    muscles = exact.description.muscles
    over_kneecap = [any(p.body == "patella_r" for p in muscle.points) for muscle in muscles]
    count = over_kneecap.index(True)
    assert all(over_kneecap[count:]), "muscles over the kneecap come last"
    planned = Planner(replace(lean, muscles=muscles[:count]), poses, check).run()
    assert not planned.carriers
    paths, how = planned.paths, planned.how
    for index, muscle in enumerate(muscles):
        goal, beyond = poses.goal(index), check.goal(index)
        crosses = any(one.coordinate == "knee_angle_r" for one in _touched(poses, index))
        path = paths.get(muscle.name)
        if path is None or (crosses and errors(path, goal).max() > _POOR):
            starts = list(_starts(muscle, kneecap=path is None))
            path = _best([] if path is None else [path], starts, goal, beyond)
            how[muscle.name] = "fitted"
        thin = _without_rolls(path, goal, beyond)
        if thin is not None:
            path, how[muscle.name] = thin, "fitted"
        paths[muscle.name] = settled(path, goal, sweeps)
        if [_shape(e) for e in path] != [_shape(e) for e in paths[muscle.name]]:
            how[muscle.name] = "fitted"
    return Planned(paths, how)


def _shape(element: Site | Roll) -> tuple[float, ...]:
    """What a side of a cylinder does not change."""
    if isinstance(element, Site):
        return tuple(element.position)
    return (*element.center, element.radius)


def _touched(poses: Poses, index: int) -> list[Leader]:
    return [poses.leaders[k] for k in poses.touched(index)]


def _best(ready: Sequence[Path], starts: Sequence[Path], goal: Goal, beyond: Goal) -> Path:
    """The best path of those ready and those fitted from `starts`; `beyond` must not show jumps."""
    fitted = [fit([path], [goal], iterations=_ITERATIONS).paths[0] for path in starts]
    return min([*ready, *fitted], key=lambda path: _rank(path, goal, beyond))


def _rank(path: Path, goal: Goal, beyond: Goal) -> float:
    return quality(path, goal).score + 0.1 * max(_jump(path, beyond) - _JUMP, 0.0)


def _jump(path: Path, beyond: Goal) -> float:
    """The largest error of length or moment arm, m: either shows a path that slips about a roll."""
    found = quality(path, beyond)
    return float(max(np.abs(found.length).max(), np.abs(found.arm).max()))


def _without_rolls(path: Path, goal: Goal, beyond: Goal) -> Path | None:
    """The path without its cylinders, fitted again, where it is as good for gait; else None."""
    sites = tuple(element for element in path if isinstance(element, Site))
    if len(sites) == len(path):
        return None
    bare = _best([sites], [sites], goal, beyond)
    good = errors(bare, goal).max() < _LEAN and _jump(bare, beyond) < _JUMP
    return bare if good else None


def _starts(muscle: Muscle, kneecap: bool) -> Iterator[Path]:
    """Paths over a cylinder at the knee: in the condyles in front, or in either bone behind."""
    sites = [Site(p.body, UPRIGHT @ p.location) for p in muscle.points if p.body != "patella_r"]
    last = next(k for k, site in enumerate(sites) if site.body == "tibia_r")
    across = float(sites[last].position[1])
    bodies = {"femur_r": -0.40} if kneecap else {"femur_r": -0.40, "tibia_r": -0.01}
    for body, height in bodies.items():
        for radius, drop, reach in product(_RADII, _DROP, _FRONT if kneecap else _BEHIND):
            center = np.array([reach, across, height + drop])
            side = np.array([1.0 if kneecap else -1.0, 0.0, 0.0])
            yield (*sites[:last], Roll(body, center, LATERAL, radius, side), *sites[last:])


def errors(path: Path, goal: Goal, rows: slice = slice(None)) -> Array:
    """(d,) RMS errors of the moment arms over some of the poses, m."""
    return np.asarray(np.sqrt((quality(path, goal).arm[rows] ** 2).mean(axis=0)))
