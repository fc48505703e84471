"""The least-squares problem of a gait network: its terms, their sum and its Gauss-Newton matrix.

Unknown are the coefficients c (F, k) of the coordinates, w (G, S) of the ground's unknown functions
and m (g,), relative changes of segment masses. The cost is a negative log posterior,

    data + 1/2 sum (root residual / noise)^2 + 1/2 |W tau_j / noise_j|^2 + priors + constraints,

with W from :func:`bioenv.learn.gait_torque.galerkin`. Its weights are noises, not knobs; W makes
the physics count the same whatever the number of collocation nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.inverse.analysis import GroundContact
from bioenv.learn.gait_basis import Columns
from bioenv.learn.gait_body import GaitBody
from bioenv.learn.gait_data import Term
from bioenv.learn.gait_ground import Ground, GroundSettings, ground_at
from bioenv.learn.gait_torque import Tests

Array = NDArray[np.float64]

RIDGE = 1e-3  # prior precision of the coefficients: standard deviation 32 m or rad
BREACH = 5.0  # N: violation of a contact constraint that counts as one
SHUT = 1e8  # precision of a coefficient that must be zero
LIGHTEST = 0.1  # of a segment's mass; less is refused


class State(NamedTuple):
    """Unknowns: c (F, k), w (G, S), m (g,)."""

    c: Array
    w: Array
    m: Array

    def flat(self) -> Array:
        """(P,) all of them."""
        return np.concatenate([part.ravel() for part in self])

    def moved(self, step: Array) -> State:
        """The state after a step (P,)."""
        first, second = self.c.size, self.c.size + self.w.size
        parts = step[:first], step[first:second], step[second:]
        return State(*(x + p.reshape(x.shape) for x, p in zip(self, parts, strict=True)))


class Noise(NamedTuple):
    """Standard deviations: row (k,) of root residuals and of joint torques, N or N*m; change (k,)
    of accelerations, m/s^2 or rad/s^2.

    mass (g,): the relative masses at which joint torques are judged. Only the root tells masses:
    a torque that is a little too large for its prior would be made small by moving mass about.
    """

    row: Array
    change: Array
    mass: Array


@dataclass(eq=False)
class GaitProblem:
    """Everything that is known.

    at_data, at_nodes: functions of the coordinates at the measured frames and the collocation
    nodes; nodes (T,) s; contacts: plates at the nodes; ground_basis (T, G); tests (R, T);
    groups (g, nbody): segments that share a mass factor, of prior deviation mass_noise; weight: of
    the physics, 1 unless for experiments; shut (F, k) bool: coefficients that are zero.
    """

    body: GaitBody
    term: Term
    at_data: Columns
    at_nodes: Columns
    nodes: Array
    contacts: Sequence[GroundContact]
    ground_basis: Array
    tests: Tests
    ground: GroundSettings
    groups: Array
    mass_noise: float
    weight: float
    shut: NDArray[np.bool_]
    period: float | None = None

    def movement(self, c: Array) -> tuple[Array, Array, Array]:
        """z, v, a (T, k) at the nodes."""
        return tuple(part @ c for part in self.at_nodes)  # type: ignore[return-value]

    def grounded(self, state: State) -> tuple[Ground, State]:
        """The ground under the present movement, and the state with w brought to its functions."""
        z = self.at_nodes.value @ state.c
        found = ground_at(
            self.body, self.nodes, z, self.contacts, self.ground_basis, self.ground, self.period
        )
        count = found.channels.load.size
        if state.w.shape[1] == count:
            return found, state
        return found, state._replace(w=np.zeros((self.ground_basis.shape[1], count)))

    def scale(self, m: Array) -> Array | None:
        """(nbody,) factors of masses and inertias, or None for the model's own."""
        return 1.0 + m @ self.groups if len(m) else None

    def torque(self, state: State, ground: Ground) -> Array:
        """(T, k) generalized forces at the nodes."""
        loads = ground.loaded(state.w)
        return self.body.torque(*self.movement(state.c), loads, self.scale(state.m))

    def cost(self, state: State, ground: Ground, noise: Noise) -> float:
        """The sum of all terms; infinite for masses no body has."""
        scale = self.scale(state.m)
        if scale is not None and scale.min() < LIGHTEST:
            return np.inf
        return sum(self.losses(state, ground, noise).values())

    def losses(self, state: State, ground: Ground, noise: Noise) -> dict[str, float]:
        """The terms of the cost by name."""
        rows = self._tested(self._judged(state, ground, noise)[:, :, None], noise)[:, :, 0]
        breach = np.minimum(self._constraints(state, ground)[1], 0.0) / BREACH
        squares = {
            "root": (rows[self.body.root] ** 2).sum(),
            "torque": (rows[~self.body.root] ** 2).sum(),
            "contact": (breach**2).sum(),
            "mass": (state.m**2).sum() / self.mass_noise**2,
            "features": (self._ridge() * state.c**2).sum(),
            "acceleration": ((self._calm @ state.c / noise.change) ** 2).sum(),
        }
        halves = {name: 0.5 * float(square) for name, square in squares.items()}
        data = self.term.cost(self.at_data.value @ state.c)
        return {"data": data, "ground": ground.prior.cost(state.w), **halves}

    def normal(self, state: State, ground: Ground, noise: Noise) -> tuple[Array, Array]:
        """Gradient (P,) and Gauss-Newton matrix (P, P) of the cost."""
        rows, value = self._physics(state, ground, noise)
        matrix, gradient = rows.T @ rows, rows.T @ value
        first, second = state.c.size, state.c.size + state.w.size
        z = self.at_data.value @ state.c
        _, slope, bend = self.term.normal(z)
        matrix[:first, :first] += _gram(self.at_data.value, bend)
        gradient[:first] += (self.at_data.value.T @ slope).ravel()
        ridge = self._ridge().ravel()
        own = np.arange(first)
        matrix[own, own] += ridge
        gradient[:first] += ridge * state.c.ravel()
        self._add_calm(state, noise, gradient[:first], matrix)
        slope, bend = self._of_ground(state, ground)
        gradient[first:second] += slope
        matrix[first:second, first:second] += bend
        last = np.arange(second, len(matrix))
        matrix[last, last] += 1.0 / self.mass_noise**2
        gradient[last] += state.m / self.mass_noise**2
        return gradient, matrix

    def sensitivity(self, state: State, ground: Ground) -> Array:
        """(k, T, P) derivative of the generalized forces at the nodes by the unknowns."""
        z, v, a = self.movement(state.c)
        scale = self.scale(state.m)
        found = self.body.equation(z, v, a, ground.loaded(state.w), scale)
        k, frames = z.shape[1], len(z)
        out = np.empty((k, frames, len(state.flat())))
        first, second = state.c.size, state.c.size + state.w.size
        mine = np.zeros((k, frames, state.c.shape[0], k))
        slopes = (found.by_position, found.by_velocity, found.by_acceleration)
        for part, slope in zip(self.at_nodes, slopes, strict=True):
            mine += part[None, :, :, None] * slope.transpose(1, 0, 2)[:, :, None, :]
        out[:, :, :first] = mine.reshape(k, frames, -1)
        columns = ground.columns(self.body, z).transpose(1, 0, 2)[:, :, None, :]
        push = ground.basis[None, :, :, None] * columns
        out[:, :, first:second] = push.reshape(k, frames, -1)
        if len(state.m):
            out[:, :, second:] = self.body.by_mass(z, v, a, self.groups).transpose(1, 0, 2)
        return out

    def _physics(self, state: State, ground: Ground, noise: Noise) -> tuple[Array, Array]:
        """Whitened rows (k T, P) of the equation of motion and their values (k T,)."""
        slope = self.sensitivity(state, ground)
        slope[~self.body.root, :, slope.shape[2] - len(state.m) :] = 0.0
        slope = self._tested(slope, noise)
        value = self._tested(self._judged(state, ground, noise)[:, :, None], noise)
        return slope.reshape(-1, slope.shape[2]), value.ravel()

    def _judged(self, state: State, ground: Ground, noise: Noise) -> Array:
        """(k, T) generalized forces: the root's with the masses found, the joints' with those of
        `noise`."""
        tau = self.torque(state, ground).T
        if len(state.m):
            more = self.body.by_mass(*self.movement(state.c), self.groups) @ (state.m - noise.mass)
            tau = np.where(self.body.root[:, None], tau, tau - more.T)
        return tau

    def _tested(self, rows: Array, noise: Noise) -> Array:
        """Rows (k, T, P) tested, (k, R, P), in units of their noise."""
        scale = np.sqrt(self.weight) / noise.row
        out = np.empty((len(rows), len(self.tests.root), rows.shape[2]))
        for j, (row, root) in enumerate(zip(rows, self.body.root, strict=True)):
            out[j] = scale[j] * ((self.tests.root if root else self.tests.joint) @ row)
        return out

    @cached_property
    def _calm(self) -> Array:
        """(R, F) whitened accelerations of unit variance by the coefficients."""
        return self.tests.change @ self.at_nodes.acceleration

    def _add_calm(self, state: State, noise: Noise, gradient: Array, matrix: Array) -> None:
        """The prior of the accelerations, added in place."""
        size, k = state.c.shape
        gram = self._calm.T @ self._calm
        gradient += (gram @ state.c / noise.change**2).ravel()
        for j in range(k):
            mine = np.arange(size) * k + j
            matrix[np.ix_(mine, mine)] += gram / noise.change[j] ** 2

    def _ridge(self) -> Array:
        return np.where(self.shut, SHUT, RIDGE)

    def _constraints(self, state: State, ground: Ground) -> tuple[Array, Array]:
        """Directions (d, 3) and (d, p, T) what must not be negative at each point: the force along
        them, N. Up, and the four faces of the friction pyramid."""
        friction = self.ground.friction
        faces = np.array([[0, 0, 1], [1, 0, friction], [-1, 0, friction],
                          [0, 1, friction], [0, -1, friction]], dtype=float)  # fmt: skip
        return faces, np.einsum("dx,tpx->dpt", faces, ground.pushes(state.w))

    def _of_ground(self, state: State, ground: Ground) -> tuple[Array, Array]:
        """Gradient (G S,) and matrix (G S, G S) of priors and constraints of the ground's
        functions."""
        channels, (size, count) = ground.channels, state.w.shape
        blocks, slope = ground.prior.precision.copy(), ground.prior.gradient(state.w)
        faces, along = self._constraints(state, ground)
        for p, push in enumerate(channels.push):
            own = push[push >= 0]
            reach = channels.amplitude[:, own] / BREACH
            for face, value in zip(faces[:, push >= 0], along[:, p], strict=True):
                bad = value < 0.0
                share = (reach[bad] * face)[:, None, :] * ground.basis[bad][:, :, None]
                rows = share.reshape(len(share), size * len(own))
                slope[:, own] += (rows.T @ (value[bad] / BREACH)).reshape(size, len(own))
                bend = (rows.T @ rows).reshape(size, len(own), size, len(own))
                blocks[np.ix_(range(size), own, range(size), own)] += bend
        return slope.ravel(), blocks.reshape(size * count, size * count)


def _gram(basis: Array, bend: Array) -> Array:
    """(F k, F k) sum over frames of basis' basis times matrices (T, k, k)."""
    size, k = basis.shape[1], bend.shape[1]
    out = np.empty((size, k, size, k))
    for row in range(k):
        right = basis[:, :, None] * bend[:, row, None, :]
        out[:, row] = (basis.T @ right.reshape(len(basis), -1)).reshape(size, size, k)
    return out.reshape(size * k, size * k)
