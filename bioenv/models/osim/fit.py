"""Paths that MuJoCo can follow, moved until lengths and moment arms are those of the file.

Levenberg-Marquardt on lengths and moment arms together, in metres, over poses of the range of
motion. Moment arms are central differences of the path's length, so that one routine
(`bioenv.models.osim.tendon.reach`) serves both. A weak pull holds every site and roll near where it
began. Errors count as ``e² / (1 + (e / s)²)`` (Geman and McClure): some files' paths jump by
centimetres in a few poses, which no continuous path can follow and which must not spoil the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.models.osim.skeleton import about
from bioenv.models.osim.tendon import BodyFrames, Path, Roll, Site, reach

Array = NDArray[np.float64]

STEP = 1e-3  # rad, of the differences
_LEAST_RADIUS = 0.003  # m
# How far each parameter may go for the price of _PRICE: sites and centers m, turns rad, ln radius.
_SITE_REACH, _ROLL_REACH = 0.015, np.array([0.02, 0.02, 0.02, 0.4, 0.4, 0.5])
_PRICE = 5e-5  # m, as an error of every length and moment arm
_SCALES = (0.03, 0.005)  # m, s of the coarse and the final fit


@dataclass(frozen=True, eq=False)
class Carrier:
    """A small body that moves with a coordinate: it carries what were moving points.

    joints: (slides, axis (3,)) in order, slides first; polynomial (k, 5) of the leader's qpos,
    lowest power first; origin (3,) in the parent's frame.
    """

    name: str
    parent: str
    leader: str
    origin: Array
    joints: tuple[tuple[bool, Array], ...]
    polynomial: Array


class Goal(NamedTuple):
    """What a path should give: length (N,) m and moment arms (N, d) by d leaders' joints.

    frames hold N * (1 + 2 d) poses: the poses, then each with a leader STEP up, then down.
    leader: qpos of every leader there, by name.
    """

    length: Array
    arm: Array
    frames: BodyFrames
    leader: dict[str, Array]


class Quality(NamedTuple):
    """Errors of a path, m: length (N,), moment arms (N, d)."""

    length: Array
    arm: Array

    @property
    def score(self) -> float:
        """Root mean of all errors as they count in a fit."""
        both = np.concatenate([self.length, self.arm.ravel()])
        return float(np.sqrt(np.mean(both**2 / (1.0 + (both / _SCALES[-1]) ** 2))))

    def worst(self, share: float = 95.0) -> float:
        """The larger of the percentiles of length and moment arm errors."""
        arms = np.percentile(np.abs(self.arm), share) if self.arm.size else 0.0
        return float(max(np.percentile(np.abs(self.length), share), arms))


def quality(path: Path, goal: Goal, carriers: Sequence[Carrier] = ()) -> Quality:
    """Errors of a path against the goal."""
    found = _differences(reach(path, carried(goal, carriers)).length, len(goal.length))
    return Quality(found[0] - goal.length, found[1:].T + goal.arm)


def carried(goal: Goal, carriers: Sequence[Carrier]) -> BodyFrames:
    """The frames with the carriers' added."""
    position, rotation = dict(goal.frames.position), dict(goal.frames.rotation)
    for carrier in carriers:
        frame = _carrier_frame(carrier, goal)
        position[carrier.name], rotation[carrier.name] = frame.position, frame.rotation
    return BodyFrames(position, rotation)


def _differences(values: Array, count: int) -> Array:
    """(1 + d, count, ...) values at the poses, then slopes by each leader."""
    blocks = values.reshape(-1, count, *values.shape[1:])
    leaders = (len(blocks) - 1) // 2
    slopes = (blocks[1 : 1 + leaders] - blocks[1 + leaders :]) / (2.0 * STEP)
    return np.concatenate([blocks[:1], slopes])


# -- parameters of a path ------------------------------------------------------------------------


def _sizes(path: Path) -> list[int]:
    return [6 if isinstance(element, Roll) else 3 for element in path]


def _reaches(path: Path) -> Array:
    parts = [_ROLL_REACH if isinstance(e, Roll) else np.full(3, _SITE_REACH) for e in path]
    return np.concatenate(parts)


def moved(path: Path, x: Array) -> Path:
    """The path with its parameters moved by x: sites; centers, turns and ln radius of rolls."""
    out: list[Site | Roll] = []
    start = 0
    for element, size in zip(path, _sizes(path), strict=True):
        part = x[start : start + size]
        start += size
        if isinstance(element, Site):
            out.append(Site(element.body, element.position + part))
            continue
        angle = float(np.linalg.norm(part[3:5]))
        turn = np.eye(3) if angle == 0.0 else about(np.append(part[3:5], 0.0) / angle, angle)
        radius = max(element.radius * float(np.exp(part[5])), _LEAST_RADIUS)
        center, rotation = element.center + part[:3], element.rotation @ turn
        out.append(replace(element, center=center, rotation=rotation, radius=radius))
    return tuple(out)


def _gradient(path: Path, parts: Sequence[Array]) -> Array:
    """(N_total, parameters) derivative of length by the path's parameters."""
    columns = []
    for element, part in zip(path, parts, strict=True):
        if isinstance(element, Roll):
            part = part.copy()
            part[:, 5] *= element.radius
        columns.append(part)
    return np.concatenate(columns, axis=1)


# -- carriers ------------------------------------------------------------------------------------


class _CarrierFrame(NamedTuple):
    position: Array
    rotation: Array
    axes: list[Array]  # (N, 3) per joint, world
    powers: Array  # (N, 5) of the leader


def _carrier_frame(carrier: Carrier, goal: Goal) -> _CarrierFrame:
    powers = goal.leader[carrier.leader][:, None] ** np.arange(5)
    values = powers @ carrier.polynomial.T
    rotation = goal.frames.rotation[carrier.parent]
    position = goal.frames.position[carrier.parent] + rotation @ carrier.origin
    axes = []
    for (slides, axis), value in zip(carrier.joints, values.T, strict=True):
        axes.append(rotation @ axis)
        if slides:
            position = position + axes[-1] * value[:, None]
        else:
            rotation = rotation @ _turns(axis, value)
    return _CarrierFrame(position, rotation, axes, powers)


def _turns(axis: Array, angle: Array) -> Array:
    """(N, 3, 3) rotations about one axis."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    sine, versine = np.sin(angle)[:, None, None], (1.0 - np.cos(angle))[:, None, None]
    return np.eye(3) + sine * cross + versine * (cross @ cross)


def _carrier_gradient(carrier: Carrier, goal: Goal, path: Path, world: Sequence[Array]) -> Array:
    """(N_total, k * 5) derivative of length by a carrier's polynomial."""
    frame = _carrier_frame(carrier, goal)
    columns = np.zeros((len(frame.powers), len(carrier.joints), 5))
    for element, pull in zip(path, world, strict=True):
        if element.body != carrier.name:
            continue
        assert isinstance(element, Site)
        arm = frame.rotation @ element.position
        for k, (slides, _) in enumerate(carrier.joints):
            way = frame.axes[k] if slides else np.cross(frame.axes[k], arm)
            columns[:, k] += (pull * way).sum(axis=1)[:, None] * frame.powers
    return columns.reshape(len(columns), -1)


# -- Levenberg-Marquardt -------------------------------------------------------------------------


class Fit(NamedTuple):
    """Fitted paths, in the order given, and carriers."""

    paths: list[Path]
    carriers: list[Carrier]


def fit(
    paths: Sequence[Path],
    goals: Sequence[Goal],
    carriers: Sequence[Carrier] = (),
    *,
    iterations: int = 40,
    move_carriers: bool = True,
) -> Fit:
    """Move the paths, and the carriers they share, until they fit their goals best."""
    reaches = np.concatenate([_reaches(path) for path in paths])
    extra = sum(c.polynomial.size for c in carriers) if move_carriers else 0
    start = [c.polynomial.ravel() for c in carriers] if extra else []
    x = np.concatenate([np.zeros(reaches.size), *start])
    problem = _Problem(paths, goals, carriers, reaches, extra)
    for scale in _SCALES:
        x = _descend(problem, x, scale, iterations // len(_SCALES))
    return problem.at(x)


def _descend(problem: _Problem, x: Array, scale: float, iterations: int) -> Array:
    """Levenberg-Marquardt steps on the errors' counting cost."""
    cost, right, normal = problem.system(x, scale)
    damping = 1e-3
    for _ in range(iterations):
        ridge = damping * (np.diag(normal) + 1e-12 * np.trace(normal))
        trial = x + np.linalg.solve(normal + np.diag(ridge), -right)
        changed = problem.system(trial, scale)
        if changed[0] < cost:
            gain = 1.0 - changed[0] / cost
            x, (cost, right, normal) = trial, changed
            damping = max(damping * 0.2, 1e-9)
            if gain < 1e-4:
                break
        else:
            damping *= 8.0
            if damping > 1e6:
                break
    return x


@dataclass(frozen=True, eq=False)
class _Problem:
    """What is fitted: parameters are those of all paths, then of the carriers (`extra` of them)."""

    paths: Sequence[Path]
    goals: Sequence[Goal]
    carriers: Sequence[Carrier]
    reaches: Array
    extra: int

    def at(self, x: Array) -> Fit:
        """Paths and carriers at parameters x."""
        out, start = [], 0
        for path in self.paths:
            size = sum(_sizes(path))
            out.append(moved(path, x[start : start + size]))
            start += size
        if not self.extra:
            return Fit(out, list(self.carriers))
        moving = []
        for carrier in self.carriers:
            size = carrier.polynomial.size
            polynomial = x[start : start + size].reshape(carrier.polynomial.shape)
            moving.append(replace(carrier, polynomial=polynomial))
            start += size
        return Fit(out, moving)

    def system(self, x: Array, scale: float) -> tuple[float, Array, Array]:
        """Cost, half its gradient, and the Gauss-Newton matrix; every muscle weighs the same."""
        now, own = self.at(x), self.reaches.size
        held = (_PRICE / self.reaches) ** 2
        cost = float(held @ x[:own] ** 2)
        right = np.append(held * x[:own], np.zeros(self.extra))
        normal = np.diag(np.append(held, np.zeros(self.extra)))
        start = 0
        for path, goal in zip(now.paths, self.goals, strict=True):
            size = sum(_sizes(path))
            residual, rows = self._rows(path, goal, now.carriers)
            columns = np.append(np.arange(start, start + size), np.arange(own, own + self.extra))
            weight = 1.0 / (1.0 + (residual / scale) ** 2)
            cost += float(residual**2 @ weight) / residual.size
            bent = rows * (weight**2)[:, None] / residual.size
            right[columns] += bent.T @ residual
            normal[np.ix_(columns, columns)] += bent.T @ rows
            start += size
        return cost, right, normal

    def _rows(self, path: Path, goal: Goal, carriers: Sequence[Carrier]) -> tuple[Array, Array]:
        """Errors of one path and their derivatives by its and the carriers' parameters."""
        count = len(goal.length)
        found = reach(path, carried(goal, carriers))
        parts = [_gradient(path, found.by_element)]
        if self.extra:
            parts += [_carrier_gradient(c, goal, path, found.world) for c in carriers]
        gradient = np.concatenate(parts, axis=1)
        wanted = np.concatenate([goal.length[None], -goal.arm.T])
        residual = (_differences(found.length, count) - wanted).ravel()
        return residual, _differences(gradient, count).reshape(residual.size, -1)
