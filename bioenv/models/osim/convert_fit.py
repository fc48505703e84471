"""Every muscle's path in MuJoCo: the file's where that is exact enough, else a fitted one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bioenv.models.osim.convert_moving import Moving, carriers
from bioenv.models.osim.convert_paths import (
    candidates,
    is_plain,
    mirrored,
    other_side,
    plain_path,
)
from bioenv.models.osim.convert_poses import Poses
from bioenv.models.osim.description import Description, Muscle
from bioenv.models.osim.fit import Carrier, Goal, fit, quality
from bioenv.models.osim.skeleton import about
from bioenv.models.osim.tendon import Path, Roll

GOOD = 5e-4  # m: 95 % of a path's lengths and moment arms this near the file's need no fit
_FEW = 40  # poses that candidates are compared on
_FINALISTS = 3
_JUMP = 0.01  # m: a length this far off shows a path that jumps
_SIDE_TURNS = np.radians([0.0, 25.0, -25.0, 50.0, -50.0, 75.0, -75.0])


@dataclass(eq=False)
class Plan:
    """Paths by muscle, how each came about, and the carriers they share."""

    paths: dict[str, Path] = field(default_factory=dict)
    how: dict[str, str] = field(default_factory=dict)
    carriers: list[Carrier] = field(default_factory=list)


class Planner:
    """Finds a path for every muscle of a model.

    Args:
        poses: what paths are fitted to; check: more poses, where they must not jump.
    """

    def __init__(self, description: Description, poses: Poses, check: Poses) -> None:
        self._description, self._poses, self._check = description, poses, check
        self._moving = carriers(description, poses.leaders)
        self.plan = Plan(carriers=[one.carrier for one in self._moving])

    def run(self) -> Plan:
        """``how`` says "points" (the file's fixed points), "wrap" (its points and a wrap of
        MuJoCo's) or "fitted" (points and rolls moved by least squares over the poses)."""
        for one in self._moving:
            self._group(one)
        for index, muscle in enumerate(self._description.muscles):
            if muscle.name not in self.plan.paths:
                self._alone(index, muscle)
        return self.plan

    def _alone(self, index: int, muscle: Muscle) -> None:
        goal = self._poses.goal(index)
        if is_plain(muscle):
            options = [plain_path(muscle)]
        else:
            found = candidates(muscle, self._description, self._poses, ())
            options = [_best_sides(path, goal) for path in found]
        best = min(options, key=lambda path: quality(path, goal).score)
        how = "wrap" if any(isinstance(element, Roll) for element in best) else "points"
        if quality(best, goal).worst() > GOOD or self._jump(index, best) > _JUMP:
            fitted = self._finalists(index, options, ())
            twin = other_side(muscle.name)
            if self.plan.how.get(twin) == "fitted":
                fitted.append(fit([mirrored(self.plan.paths[twin])], [goal]).paths[0])
            fitted = [_best_sides(path, goal) for path in fitted]
            chosen = min([best, *fitted], key=lambda path: self._rank(index, path, goal))
            how = how if chosen is best else "fitted"
            best = chosen
        self.plan.paths[muscle.name], self.plan.how[muscle.name] = best, how

    def _finalists(
        self, index: int, options: Sequence[Path], held: Sequence[Carrier]
    ) -> list[Path]:
        """The best candidate of each kind, fitted."""
        few, goal = self._poses.goal(index, _FEW), self._poses.goal(index)
        order = sorted(range(len(options)), key=lambda k: quality(options[k], few, held).score)
        kinds: dict[str, int] = {}
        for k in order:
            kinds.setdefault(_kind(options[k]), k)
        chosen = dict.fromkeys([*order[:_FINALISTS], *list(kinds.values())[:_FINALISTS]])
        return [fit([options[k]], [goal], held, move_carriers=False).paths[0] for k in chosen]

    def _rank(self, index: int, path: Path, goal: Goal, held: Sequence[Carrier] = ()) -> float:
        """What a path costs: its score, and what it jumps."""
        return quality(path, goal, held).score + 0.1 * max(
            self._jump(index, path, held) - _JUMP, 0.0
        )

    def _jump(self, index: int, path: Path, held: Sequence[Carrier] = ()) -> float:
        """The largest error of length in the poses of the check, m."""
        return float(np.abs(quality(path, self._check.lengths(index), held).length).max())

    def _group(self, one: Moving) -> None:
        """The muscles that share a carrier, fitted together with its motion."""
        names = {muscle for muscle, _ in one.sites}
        members = [(i, m) for i, m in enumerate(self._description.muscles) if m.name in names]
        goals = [self._poses.goal(index) for index, _ in members]
        carrier, held = self._start(one, [muscle.name for _, muscle in members])
        start = []
        for (index, muscle), goal in zip(members, goals, strict=True):
            found = candidates(muscle, self._description, self._poses, [one])
            options = [_best_sides(path, goal, held) for path in found]
            options = self._finalists(index, options, held)
            twin = other_side(muscle.name)
            if twin in self.plan.paths:
                options.append(mirrored(self.plan.paths[twin]))
            ranks = [self._rank(index, path, goal, held) for path in options]
            start.append(options[int(np.argmin(ranks))])
        fitted = fit(start, goals, [carrier], iterations=40)
        for (_, muscle), path in zip(members, fitted.paths, strict=True):
            self.plan.paths[muscle.name], self.plan.how[muscle.name] = path, "fitted"
        self.plan.carriers = [
            fitted.carriers[0] if other.name == carrier.name else other
            for other in self.plan.carriers
        ]

    def _start(self, one: Moving, names: Sequence[str]) -> tuple[Carrier, list[Carrier]]:
        """The carrier to begin with: that of the other side where it is fitted already."""
        carrier = one.carrier
        twins = {other.name: other for other in self.plan.carriers}
        twin = twins.get(other_side(carrier.name))
        if twin is not None and all(other_side(name) in self.plan.paths for name in names):
            carrier = _mirrored_carrier(twin, carrier)
        return carrier, [carrier]


def _best_sides(path: Path, goal: Goal, held: Sequence[Carrier] = ()) -> Path:
    """The path with the sides of its cylinders turned to where they err least.

    A side chooses one of two ways around, and where the path leaves the roll; every direction of
    half a circle chooses the same way.
    """
    for k, element in enumerate(path):
        if not isinstance(element, Roll) or element.side is None or element.sphere:
            continue
        turned = [
            replace(element, side=about(np.array([0.0, 0.0, 1.0]), angle) @ element.side)
            for angle in _SIDE_TURNS
        ]
        options = [(*path[:k], roll, *path[k + 1 :]) for roll in turned]
        path = min(options, key=lambda one: quality(one, goal, held).score)
    return path


def _kind(path: Path) -> str:
    return "".join(type(element).__name__[0] + element.body for element in path)


def _mirrored_carrier(source: Carrier, target: Carrier) -> Carrier:
    """`target` with the motion of the other side's carrier."""
    flip = np.diag([1.0, -1.0, 1.0])
    same = len(source.joints) == len(target.joints) and all(
        slides == other and np.array_equal(axis, way)
        for (slides, axis), (other, way) in zip(source.joints, target.joints, strict=False)
    )
    if not same:
        return target
    # A slide along y and a turn about x or z change their sense in the mirror.
    signs = [
        float(axis @ flip @ axis) * (1.0 if slides else -1.0) for slides, axis in source.joints
    ]
    polynomial = source.polynomial * np.array(signs)[:, None]
    return replace(target, polynomial=polynomial, origin=flip @ source.origin)
