"""A learned recursive Newton-Euler: joint torques by messages that are wrenches.

Every segment makes a few wrenches of its own (a force and a moment): linear combinations of vectors
that physics offers (acceleration, gravity, angular acceleration, their products with the inertia),
with coefficients that are learned. Wrenches go from the leaves to the root, moved exactly between
the segments' frames, and times learned factors at every bone and contact. A torque is a learned
combination of their components along the joint's axis. Nothing depends on how the world or the
segments' frames lie: coefficients see invariants only (lengths, scalar products), vectors are only
scaled, added and crossed (Villar S et al. 2021, NeurIPS, "Scalars are universal").
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bioenv.learn.bodygraph.graphs import Graphs
from bioenv.learn.bodygraph.passing import (
    Estimate,
    Schedule,
    dot,
    layers,
    magnitude,
    quiet,
    size,
    wrench_to_parent,
)

INVARIANTS = 12
FORCES, MOMENTS = 3, 5


class WrenchNetwork(nn.Module):
    """Torques of all joints (and of the root) from motion and ground contacts.

    Args:
        hidden: numbers that every node carries beside its wrenches. channels: wrenches of a node.
    """

    job = "torque"

    def __init__(self, hidden: int = 32, channels: int = 4) -> None:
        super().__init__()
        self.hidden, self.channels = hidden, channels
        self.node = layers(INVARIANTS, hidden, hidden)
        self.force = nn.Parameter(torch.randn(channels, FORCES) * 0.5)
        self.moment = nn.Parameter(torch.randn(channels, MOMENTS) * 0.5)
        self.gates = quiet(layers(hidden, hidden, channels * (FORCES + MOMENTS)))
        self.touch = nn.Parameter(torch.randn(channels) * 0.5)
        self.contact = quiet(layers(3, hidden, channels + hidden))
        self.bone = quiet(layers(hidden + 1, hidden, channels + hidden))
        self.back = quiet(layers(hidden, hidden))
        self.read = nn.Parameter(torch.randn(channels) * 0.5)
        self.joint = quiet(layers(hidden + 3 + channels, hidden, channels + 1))
        self.rotor = nn.Parameter(torch.zeros(()))

    def coefficients(self) -> list[nn.Parameter]:
        """The factors that are the same at every segment, joint and contact."""
        return [self.force, self.moment, self.touch, self.read, self.rotor]

    def forward(self, graphs: Graphs) -> Estimate:
        """Torques in the body's units."""
        schedule = Schedule(graphs)
        state = self.node(invariants(graphs, graphs.motion))
        wrench = self._own(graphs, state)
        touch = self._touch(graphs)
        state = state.index_add(0, graphs.contact_node, touch[:, self.channels :])
        factor = (self.touch + touch[:, : self.channels])[..., None]
        there = factor * graphs.wrench[:, None]
        wrench = wrench.index_add(0, graphs.contact_node, there)
        state, wrench = self._up(graphs, schedule, state, wrench)
        state = schedule.down(state, lambda _, above: self.back(above))
        return self._read(graphs, state, wrench)

    def _own(self, graphs: Graphs, state: Tensor) -> Tensor:
        """(N, c, 6) what the segments alone make of their motion."""
        forces, moments = newton_euler_parts(graphs, graphs.motion)
        gate = self.gates(state).unflatten(-1, (self.channels, FORCES + MOMENTS))
        force = (self.force + gate[..., :FORCES]) @ forces
        moment = (self.moment + gate[..., FORCES:]) @ moments
        center = graphs.center[:, None].expand_as(force)
        return torch.cat([moment + torch.linalg.cross(center, force), force], -1)

    def _touch(self, graphs: Graphs) -> Tensor:
        moment, force = graphs.wrench[:, :3], graphs.wrench[:, 3:]
        along = dot(moment, force)[:, None]
        return self.contact(torch.cat([size(moment), size(force), along], -1))

    def _up(
        self, graphs: Graphs, schedule: Schedule, state: Tensor, wrench: Tensor
    ) -> tuple[Tensor, Tensor]:
        """State and wrenches go up together, side by side in one array."""
        c = self.channels
        bone = size(graphs.offset)

        def message(nodes: Tensor, both: Tensor) -> Tensor:
            state, wrench = both[:, : self.hidden], both[:, self.hidden :].unflatten(-1, (c, 6))
            made = self.bone(torch.cat([state, bone[nodes]], -1))
            sent = wrench_to_parent(graphs.rotation[nodes], graphs.offset[nodes], wrench)
            sent = sent * (1.0 + made[:, :c])[..., None]
            return torch.cat([made[:, c:], sent.flatten(1)], -1)

        both = schedule.up(torch.cat([state, wrench.flatten(1)], -1), message)
        return both[:, : self.hidden], both[:, self.hidden :].unflatten(-1, (c, 6))

    def _read(self, graphs: Graphs, state: Tensor, wrench: Tensor) -> Estimate:
        along = dot(wrench[graphs.dof_node], graphs.axis[:, None])
        rotor = graphs.armature * graphs.acceleration
        level = magnitude(graphs, along)
        known = [graphs.turns[:, None], graphs.joint[:, None], magnitude(graphs, rotor[:, None])]
        made = self.joint(torch.cat([state[graphs.dof_node], level, *known], -1))
        mean = dot(self.read + made[:, :-1], along) + self.rotor * rotor
        return Estimate(mean, made[:, -1] + 2.0 * level.mean(-1) - 2.0)


def newton_euler_parts(graphs: Graphs, motion: Tensor) -> tuple[Tensor, Tensor]:
    """Vectors from which the segments' wrenches are made: (N, 3, 3) forces at the centre of mass
    and (N, 5, 3) moments about it."""
    turn, move = motion[:, :3], motion[:, 3:]
    mass, spin, center = graphs.mass[:, None], graphs.spin, graphs.center
    whirl = torch.linalg.cross(spin, torch.linalg.cross(spin, center))
    forces = torch.stack([mass * move, mass * graphs.down, mass * whirl], 1)
    of_rate, of_spin = (torch.einsum("nij,nj->ni", graphs.inertia, x) for x in (turn, spin))
    moments = [
        of_rate, torch.linalg.cross(spin, of_spin), of_spin,
        mass * torch.linalg.cross(center, move), mass * torch.linalg.cross(center, graphs.down),
    ]  # fmt: skip
    return forces, torch.stack(moments, 1)


def invariants(graphs: Graphs, motion: Tensor) -> Tensor:
    """(N, 12) what a segment's figures say whatever frame they are in."""
    turn, move = motion[:, :3], motion[:, 3:]
    inertia, spin, center = graphs.inertia, graphs.spin, graphs.center
    trace = inertia.diagonal(dim1=-2, dim2=-1).sum(-1)
    products = [
        dot(move, graphs.down), dot(center, graphs.down), dot(center, move), dot(spin, turn),
        (graphs.parent < 0).to(spin.dtype),
    ]  # fmt: skip
    sizes = [torch.log(graphs.mass + 1e-6)[:, None], torch.log(trace + 1e-9)[:, None]]
    sizes += [size(x) for x in (center, spin, turn, move, torch.linalg.cross(spin, center))]
    return torch.cat([*sizes, soft(torch.stack(products, -1))], -1)


def soft(values: Tensor) -> Tensor:
    """Values with their large ones drawn in, sign(x) log(1 + |x|)."""
    return torch.sign(values) * torch.log1p(values.abs())
