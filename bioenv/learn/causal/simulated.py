"""Mechanisms of the simulator: every arrow of the graph as bioenv and MuJoCo compute it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bioenv.learn.causal.body import Body
from bioenv.learn.causal.graph import INPUTS, Graph, body_graph
from bioenv.learn.causal.reflex import Reflex

Array = NDArray[np.float64]


class Given(NamedTuple):
    """What acts at one instant: strength (N, nm), load (N, 1) kg, push (N, 3) N,
    assistance (N, nv) N*m, target (N, nq) rad."""

    strength: Array
    load: Array
    push: Array
    assistance: Array
    target: Array


class Moved(NamedTuple):
    """qacc (N, nv); force (N, nm) N and torque (N, nv) N*m where the mechanisms know them."""

    qacc: Array
    force: Array | None = None
    torque: Array | None = None


class Mechanisms(Protocol):
    """The functions of a structural causal model, over rows.

    Each has an exogenous noise that enters additively, so that it can be inferred from a record:
    neural noise in excitation, noise of activation, and `disturbance` in what accelerates the body.
    """

    name: str
    dt: float
    muscles: tuple[str, ...]
    coordinates: tuple[str, ...]
    lag: int
    graph: Graph
    needs: tuple[str, ...]
    """Inputs that a record must hold."""

    def excite(self, qpos: Array, qvel: Array, given: Given) -> Array:
        """(N, nm) excitation without noise and limits, from the state `lag` steps ago."""

    def activate(self, excitation: Array, activation: Array) -> Array:
        """(N, nm) activation of the next step."""

    def move(
        self, qpos: Array, qvel: Array, activation: Array, given: Given, disturbance: Array
    ) -> Moved:
        """Acceleration now."""

    def disturbance(
        self, qpos: Array, qvel: Array, activation: Array, given: Given, qacc: Array
    ) -> Array:
        """(N, nv) the noise under which `move` gives qacc."""


class Simulated:
    """The simulator's own mechanisms.

    Args:
        body: segments and muscles. reflex: the feedback.
        extra: arrows between constants that say how inputs were given, ("health", "strength").

    Noise of acceleration is a torque, N*m.
    """

    def __init__(
        self, body: Body, reflex: Reflex | None = None, extra: tuple[tuple[str, str], ...] = ()
    ) -> None:
        self.body, self.reflex = body, reflex or Reflex()
        self.name, self.dt, self.muscles = body.model.name, body.dt, body.model.muscles
        self.coordinates = body.model.coordinates
        self.lag = self.reflex.lag(body.dt)
        self.graph = body_graph(self.lag, extra=extra)
        self.needs: tuple[str, ...] = INPUTS

    def excite(self, qpos: Array, qvel: Array, given: Given) -> Array:
        """Stretch reflex (:class:`Reflex`)."""
        return self.reflex.excite(self.body, qpos, qvel, given.target)

    def activate(self, excitation: Array, activation: Array) -> Array:
        """Activation dynamics (:func:`bioenv.models.muscle.activation_rate`)."""
        return self.body.activate(excitation, activation)

    def move(
        self, qpos: Array, qvel: Array, activation: Array, given: Given, disturbance: Array
    ) -> Moved:
        """Hill forces, moment arms, forward dynamics."""
        force, torque = self._torque(qpos, qvel, activation, given)
        torque = torque + disturbance
        qacc = self.body.accelerate(qpos, qvel, torque, given.load[:, 0], given.push)
        return Moved(qacc, force, torque)

    def disturbance(
        self, qpos: Array, qvel: Array, activation: Array, given: Given, qacc: Array
    ) -> Array:
        """Inverse dynamics less muscles and assistance, N*m."""
        needed = self.body.torque_for(qpos, qvel, qacc, given.load[:, 0], given.push)
        return needed - self._torque(qpos, qvel, activation, given)[1]

    def _torque(
        self, qpos: Array, qvel: Array, activation: Array, given: Given
    ) -> tuple[Array, Array]:
        paths = self.body.paths(qpos)
        force = self.body.force(paths, qvel, activation, given.strength)
        return force, self.body.torque(paths, force) + given.assistance
