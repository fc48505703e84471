"""Dynamic optimization with compliant tendons.

The unknown is every tendon's normalized force over time. It fixes the tendon's length and speed,
hence the fiber's, hence the activation that Hill's balance takes: a nonlinear function of force and
its rate, which stands where activation stands in the convex program of rigid tendons. De Groote F,
Kinney AL, Rao AV, Fregly BJ (2016), Ann Biomed Eng 44:2922, found normalized force the best state
for this problem. The program is solved with that function made linear at the last forces, and the
step towards its solution is as long as a merit function allows, until a step promises nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.inverse.muscles import banded
from bioenv.inverse.muscles.activation import ActivationDynamics
from bioenv.inverse.muscles.stencil import Stencil
from bioenv.inverse.muscles.tendon import ElasticTendons

Array = NDArray[np.float64]

LEAST_FORCE = 0.002  # normalized; the tendon's curve is flat below, and its rate without limit
STEPS = 40
PROMISE = 1e-3  # of the merit: a step that promises less ends the search
VIOLATION = 2e-3  # of activation, that a bound may be missed by in the end
PENALTY = 2.0  # merit of a unit of violation, by the largest multiplier of a limit so far
SHORTEST = 1e-3  # part of a step


class Stretched(NamedTuple):
    """activation, force (T, m), the latter normalized; residual (T,): largest violation of a bound;
    converged; promises: share of the merit each step promised to save."""

    activation: Array
    force: Array
    residual: Array
    converged: bool
    promises: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class StretchedProgram:
    """One group of m muscles and k balances over T frames.

    gain (T, k, m) torque per normalized force; demand (T, k); compliance (T, k) > 0, see
    :class:`bioenv.inverse.muscles.banded.Chain`; weight (T,): cost is ``½ weight a²``; lower, upper
    (m,) bounds of excitation.
    """

    tendons: ElasticTendons
    dynamics: ActivationDynamics
    gain: Array
    demand: Array
    compliance: Array
    weight: Array
    lower: Array
    upper: Array

    def solve(self, start: Array) -> Stretched:
        """From normalized forces `start` (T, m)."""
        force = np.maximum(start, LEAST_FORCE)
        promises: list[float] = []
        needed = self.tendons.needed(force, self.tendons.rate(force))
        settled, penalty = False, 10.0 * float(self.weight.mean())
        while not settled and len(promises) < STEPS:
            chain = self._linear(force)
            goal = banded.minimize(chain, force)
            penalty = max(penalty, PENALTY * goal.pressure)  # any smaller one is not exact
            now = self._merit(force, needed, penalty)
            saved = now - self._merit(goal.x, chain.effort(goal.x) + chain.offset, penalty)
            promises.append(saved / max(now, 1e-12))
            settled = promises[-1] < PROMISE and self._violation(needed).max() < VIOLATION
            if settled:
                break
            step = self._step(force, goal.x - force, (now, saved, penalty))
            if step is None:
                break
            force, needed = step
        residual = self._violation(needed)
        activation = np.clip(needed, self.lower, self.upper)
        return Stretched(activation, force, residual, settled, tuple(promises))

    def _linear(self, force: Array) -> banded.Chain:
        """The program with activation made linear at `force`."""
        demand = self.tendons.demand(force)
        parts = dict(self.tendons.rate.scaled(demand.by_rate).parts)
        parts[0] = parts[0] + demand.by_force
        activation = Stencil(parts)
        offset = demand.activation - activation(force)
        pulls = Stencil({0: np.full_like(force, -1.0)}), np.full_like(force, -LEAST_FORCE)
        return banded.Chain(
            gain=self.gain,
            demand=self.demand,
            compliance=self.compliance,
            effort=activation,
            offset=offset,
            curvature=np.repeat(self.weight[:, None], force.shape[1], axis=1),
            limits=(*self.dynamics.limits(activation, offset, self.lower, self.upper), pulls),
        )

    def _step(
        self, force: Array, direction: Array, merit: tuple[float, float, float]
    ) -> tuple[Array, Array] | None:
        """Force and activation after the longest of the steps 1, 1/2, ... that lowers the merit
        (now, promised saving, penalty) enough."""
        (now, saved, penalty), length = merit, 1.0
        while length >= SHORTEST:
            new = force + length * direction
            needed = self.tendons.needed(new, self.tendons.rate(new))
            if self._merit(new, needed, penalty) <= now - 1e-3 * length * saved:
                return new, needed
            length *= 0.5
        return None

    def _merit(self, force: Array, activation: Array, penalty: float) -> float:
        """Cost, missing torque and violations."""
        missing = self.demand - np.matmul(self.gain, force[:, :, None])[:, :, 0]
        cost = 0.5 * (self.weight[:, None] * activation**2).sum()
        balance = 0.5 * (missing**2 / self.compliance).sum()
        beyond = sum(excess.sum() for excess in self._beyond(activation))
        return float(cost + balance + penalty * beyond)

    def _beyond(self, activation: Array) -> list[Array]:
        """How far activation misses its bounds and those of its change, (T, m) each."""
        itself, zero = Stencil({0: np.ones_like(activation)}), np.zeros_like(activation)
        limits = self.dynamics.limits(itself, zero, self.lower, self.upper)
        return [np.maximum(rows(activation) - limit, 0.0) for rows, limit in limits]

    def _violation(self, activation: Array) -> Array:
        """(T,) the worst of a frame."""
        return np.asarray(np.max(self._beyond(activation), axis=(0, 2)))
