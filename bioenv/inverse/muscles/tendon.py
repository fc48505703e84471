"""Fibers behind tendons that stretch by the force they carry, and the activation that takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.inverse.muscles.stencil import Stencil
from bioenv.models.osim.muscle_curves import Fiber, MuscleCurves

Array = NDArray[np.float64]

LONGEST = 1.3  # of the slack length, some six times the strain at maximum isometric force
GRID = 1500  # points of the tabulated inverse of the tendon's curve, before Newton's steps
POLISH = 4  # Newton steps from the table
# Active capacity, of the maximum isometric force, below which a fiber's activation is not asked
# for exactly: at its fastest shortening a fiber would need infinite activation.
LEAST_CAPACITY = 0.02
DIFFERENCE = 1e-6  # of normalized force, for derivatives


class Demand(NamedTuple):
    """Activation (T, m) that a normalized tendon force takes, and its slopes by force and rate."""

    activation: Array
    by_force: Array
    by_rate: Array


@dataclass(frozen=True, eq=False)
class ElasticTendons:
    """m muscles over T frames whose tendons carry normalized forces (T, m), of the maximum
    isometric force. length m and velocity m/s of the whole muscles, (T, m)."""

    curves: MuscleCurves
    length: Array
    velocity: Array
    time: Array

    @property
    def rate(self) -> Stencil:
        """Central differences in time (second order, also with uneven steps)."""
        before, here, after = (one[:, None] for one in _differences(self.time))
        ones = np.ones_like(self.length)
        return Stencil({-1: before * ones, 0: here * ones, 1: after * ones})

    def strain(self, force: Array) -> Array:
        """(T, m) tendon strain; 0 where it is slack."""
        curve = self.curves.tendon_force_length
        grid = np.linspace(1.0, LONGEST, GRID)
        table = curve.value(np.repeat(grid[:, None], force.shape[1], axis=1))
        table = np.maximum.accumulate(table, axis=0)
        length = np.empty_like(force)
        for i in range(force.shape[1]):
            length[:, i] = np.interp(force[:, i], table[:, i], grid)
        for _ in range(POLISH):
            slope = np.maximum(curve.slope(length), 1e-3)
            step = np.clip((force - curve.value(length)) / slope, -1e-3, 1e-3)
            length = np.maximum(length + np.where(force > 0, step, 0.0), 1.0)
        return length - 1.0

    @property
    def rigid_force(self) -> Array:
        """(T, m) normalized force at full activation behind tendons that do not stretch."""
        hill, fiber = self.curves, self.curves.fiber(self.length, self.velocity)
        active = hill.active_force_length.value(fiber.length / hill.optimal_fiber_length)
        active *= hill.force_velocity.value(fiber.velocity / hill.max_velocity)
        return np.asarray(np.maximum(active * fiber.able, 0.0) * fiber.cosine)

    def fiber(self, force: Array, rate: Array) -> Fiber:
        """Fibers when the tendons carry `force`, changing by `rate` 1/s."""
        length = 1.0 + self.strain(force)
        stiffness = np.maximum(self.curves.tendon_force_length.slope(length), 1e-3)
        slack = self.curves.tendon_slack_length
        speed = self.velocity - slack * rate / stiffness
        return self.curves.fiber(self.length, speed, slack * length)

    def needed(self, force: Array, rate: Array) -> Array:
        """(T, m) activation with which the fiber balances the tendon."""
        hill, fiber = self.curves, self.fiber(force, rate)
        length = fiber.length / hill.optimal_fiber_length
        velocity = fiber.velocity / hill.max_velocity
        active = hill.active_force_length.value(length) * hill.force_velocity.value(velocity)
        rest = hill.passive_force_length.value(length) + hill.damping * velocity
        along = force / np.maximum(fiber.cosine, 1e-3)
        return np.asarray((along - rest) / np.maximum(active * fiber.able, LEAST_CAPACITY))

    def demand(self, force: Array) -> Demand:
        """The activation that `force` (T, m) takes in every frame, and its slopes."""
        rate = self.rate(force)
        slopes = [
            (self.needed(force + f, rate + r) - self.needed(force - f, rate - r)) / (2.0 * (f + r))
            for f, r in ((DIFFERENCE, 0.0), (0.0, DIFFERENCE))
        ]
        return Demand(self.needed(force, rate), *slopes)


def _differences(time: Array) -> tuple[Array, Array, Array]:
    """Weights (T,) of the frame before, itself and after: numpy.gradient's."""
    step = np.diff(time)
    before, after = np.zeros_like(time), np.zeros_like(time)
    back, ahead = step[:-1], step[1:]
    before[1:-1] = -ahead / (back * (back + ahead))
    after[1:-1] = back / (ahead * (back + ahead))
    after[0], before[-1] = 1.0 / step[0], -1.0 / step[-1]
    return before, -(before + after), after
