"""The ground's force as measured by plates, with their noise, and as unknown where none stood.

Every unknown is a smooth function of time times an amplitude that is zero where the ground cannot
act: a plate's error while it is loaded, the force at a point of the sole while that point touches.
An unknown force pushes, never pulls, stays in its friction cone, and since it acts at points of the
sole its center of pressure lies within the foot's outline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bioenv.inverse.analysis import GroundContact
from bioenv.learn.gait_body import GaitBody, Load
from bioenv.learn.gait_feet import FEET, FootPoint, foot_points, touch, unmeasured
from bioenv.learn.gait_ground_prior import Builder, Channels, Prior

Array = NDArray[np.float64]

FELT = 20.0  # N, vertical: less is the noise of an empty plate
NOTHING = 1e-6  # of an amplitude: less is none


@dataclass(frozen=True)
class GroundSettings:
    """force_noise N and pressure_noise m of plates; friction: coefficient of unknown forces."""

    force_noise: float = 5.0
    pressure_noise: float = 0.003
    friction: float = 0.8


@dataclass(frozen=True, eq=False)
class Ground:
    """Loads at T nodes without what is unknown, and the unknown on top.

    sides: foot of each load; belt m/s; basis (T, G) of the unknown functions; prior of w (G, S).
    """

    loads: tuple[Load, ...]
    sides: tuple[str, ...]
    channels: Channels
    basis: Array
    prior: Prior
    belt: float

    def loaded(self, w: Array) -> list[Load]:
        """The loads with the unknown functions w (G, S) added."""
        force = np.stack([load.force for load in self.loads], axis=1) if self.loads else None
        if force is None:
            return []
        moment = np.stack([_moment(load) for load in self.loads], axis=1)
        values = self.channels.amplitude * (self.basis @ w)
        for s, (load, kind, axis) in enumerate(zip(*self.channels[:3], strict=True)):
            (moment if kind else force)[:, load, axis] += values[:, s]
        return [
            replace(load, force=force[:, i], moment=moment[:, i])
            for i, load in enumerate(self.loads)
        ]

    def pushes(self, w: Array) -> Array:
        """(T, P, 3) N, the unknown forces at the points of the soles."""
        loads = self.loaded(w)[len(self.loads) - len(self.channels.push) :]
        if not loads:
            return np.zeros((len(self.basis), 0, 3))
        return np.stack([load.force for load in loads], axis=1)

    def at(
        self, nodes: Array, time: Array, measured: list[Load], basis: Array, period: float | None
    ) -> Ground:
        """The same ground at (R,) s instead of its nodes (T,) s; measured: plates there."""

        def there(rows: Array) -> Array:
            columns = [np.interp(time, nodes, column, period=period) for column in rows.T]
            return np.array(columns).reshape(-1, len(time)).T

        rest = self.loads[len(measured) :]
        still = np.zeros((len(time), 3))
        moved = [replace(load, force=still, moment=still) for load in rest]
        channels = self.channels._replace(amplitude=there(self.channels.amplitude))
        return replace(self, loads=(*measured, *moved), channels=channels, basis=basis)

    def columns(self, body: GaitBody, z: Array) -> Array:
        """(T, k, S) generalized force of a unit of each function's value before its amplitude,
        with the sign it has in the equation of motion."""
        if not self.channels.load.size:
            return np.zeros((*z.shape, 0))
        return _columns(self.channels, body, z, self.loads)


def measured_loads(
    body: GaitBody, contacts: Sequence[GroundContact]
) -> tuple[list[Load], list[str]]:
    """Plates as loads on the bodies they act on, and the foot of each ("" for other bodies)."""
    names = {body.anatomy.mj.body(i).name: i for i in range(body.anatomy.mj.nbody)}
    sides = {heel: side for side, heel in FEET.items()}
    sides |= {f"toes_{side}": side for side in FEET}
    loads = [Load(names[c.body], c.force, c.moment, np.nan_to_num(c.point)) for c in contacts]
    return loads, [sides.get(c.body, "") for c in contacts]


def ground_at(
    body: GaitBody,
    time: Array,
    z: Array,
    contacts: Sequence[GroundContact],
    basis: Array,
    settings: GroundSettings,
    period: float | None = None,
) -> Ground:
    """The ground at `time` (T,) s under a body at z (T, k).

    Args:
        contacts: plates at `time`; none at all: every step is unknown.
        basis: (T, G) of the unknown functions.

    Raises BioenvError when a step must be found for a body without feet.
    """
    plates, sides = measured_loads(body, contacts)
    points, gate, belt = _touching(body, time, z, plates, sides)
    used = np.flatnonzero(gate.max(axis=0, initial=0.0) > NOTHING)
    still = np.zeros((len(time), 3))
    soles = [_load(points[i], still) for i in used]
    loads = [*plates, *soles]
    channels = _without_idle(_channels(plates, gate[:, used]), body, z, loads)
    prior = Builder(time, basis, channels, body.anatomy.body_weight, period)
    prior.add_plates(plates, settings.force_noise, settings.pressure_noise)
    if soles:
        lean = body.center_of_mass(z)[:, None] - body.points(z, soles)
        prior.add_points(lean / lean[..., 2:])
        prior.add_total(sum((load.force[:, 2] for load in plates), np.zeros(len(time))))
    whole = (*sides, *(points[i].side for i in used))
    return Ground(tuple(loads), whole, channels, basis, prior.built(), belt)


def _load(point: FootPoint, force: Array) -> Load:
    return Load(point.carrier, force, force, None, point.local, point.drop, point.body)


def _touching(
    body: GaitBody, time: Array, z: Array, plates: list[Load], sides: list[str]
) -> tuple[tuple[FootPoint, ...], Array, float]:
    """Points of the soles, when each carries a force nobody measured, and the belt's speed."""
    felt: dict[str, NDArray[np.bool_]] = {}
    for load, side in zip(plates, sides, strict=True):
        felt[side] = felt.get(side, np.zeros(len(time), dtype=bool)) | (load.force[:, 2] > FELT)
    names = {body.anatomy.mj.body(i).name for i in range(body.anatomy.mj.nbody)}
    footless = not names & set(FEET.values())
    if not body.root.any() or (footless and plates):
        return (), np.zeros((len(time), 0)), 0.0
    points = foot_points(body.anatomy)
    still = np.zeros((len(time), 3))
    found = touch(time, body.points(z, [_load(point, still) for point in points]), points)
    return points, unmeasured(time, found.gate, points, felt), found.belt


def _channels(plates: list[Load], gate: Array) -> Channels:
    """Six functions for a plate's error while it is loaded, three for the force at a sole point."""
    on = [(np.linalg.norm(load.force, axis=1) > FELT).astype(float) for load in plates]
    first, count = 6 * len(plates), gate.shape[1]
    load = [*np.repeat(np.arange(len(plates)), 6), *np.repeat(np.arange(count) + len(plates), 3)]
    amplitude = [*(column for one in on for column in 6 * [one]), *np.repeat(gate.T, 3, axis=0)]
    return Channels(
        np.array(load, dtype=np.intp),
        np.array([*([0, 0, 0, 1, 1, 1] * len(plates)), *([0, 0, 0] * count)], dtype=np.intp),
        np.array([0, 1, 2] * (2 * len(plates) + count), dtype=np.intp),
        np.array(amplitude).reshape(-1, len(gate)).T,
        first + np.arange(3 * count, dtype=np.intp).reshape(-1, 3),
    )


def _without_idle(channels: Channels, body: GaitBody, z: Array, loads: list[Load]) -> Channels:
    """Without functions that move nothing: sideways forces on a planar body, an unloaded plate."""
    if not loads:
        return channels
    strength = np.abs(_columns(channels, body, z, loads)).max(axis=(0, 1), initial=0.0)
    kept = np.flatnonzero(strength > NOTHING)
    place = np.full(len(strength), -1, dtype=np.intp)
    place[kept] = np.arange(len(kept))
    return Channels(
        channels.load[kept], channels.kind[kept], channels.axis[kept],
        channels.amplitude[:, kept], place[channels.push],
    )  # fmt: skip


def _columns(channels: Channels, body: GaitBody, z: Array, loads: Sequence[Load]) -> Array:
    both = np.stack(body.pushes(z, list(loads)))
    found = both[channels.kind, :, :, channels.load, channels.axis]
    return np.asarray(-np.moveaxis(found, 0, 2) * channels.amplitude[:, None])


def _moment(load: Load) -> Array:
    return np.zeros_like(load.force) if load.moment is None else load.moment
