"""The plain network that a graph is compared with: all numbers of one kind of body in one row.

It gets the same information (pose, motion, ground contacts, parameters of all segments) and, unlike
a graph, belongs to one structure. With `similar` its numbers are divided by the body's units as the
graphs' are; without, they are in SI units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bioenv.inverse.dynamics import Contact
from bioenv.learn.bodygraph.graphs import Graphs
from bioenv.learn.bodygraph.passing import Estimate, layers
from bioenv.learn.bodygraph.skeleton import Skeleton
from bioenv.learn.bodygraph.states import States

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rows:
    """B samples of one structure: given (B, nv) is accelerations or torques; inputs (B, i) are
    everything else; torque, acceleration (B, nv); spread (B, nv, 2), as in `Graphs`."""

    inputs: Tensor
    torque: Tensor
    acceleration: Tensor
    spread: Tensor

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, samples: Tensor) -> Rows:
        """The samples (k,)."""
        return Rows(
            *(x[samples] for x in (self.inputs, self.torque, self.acceleration, self.spread))
        )

    @staticmethod
    def of(states: Sequence[States], similar: bool) -> Rows:
        """From states of bodies of one structure; `spread` is that of these samples."""
        parts = [_rows(one, similar) for one in states]
        inputs, torque, acceleration = (
            torch.tensor(np.concatenate(x), dtype=torch.float32) for x in zip(*parts, strict=True)
        )
        spread = torch.stack([torque.std(0), acceleration.std(0)], -1)
        return Rows(inputs, torque, acceleration, spread.expand(len(inputs), *spread.shape))

    @staticmethod
    def of_graphs(graphs: Graphs, job: str) -> Rows:
        """From graphs of one structure: everything that a graph network sees for this job, one node
        after the other."""
        motion = graphs.motion if job == "torque" else graphs.drift
        nodes, dofs = int(graphs.nodes[0]), int(graphs.dofs[0])
        touched = graphs.mass.new_zeros(len(graphs.mass), 6)
        touched = touched.index_add(0, graphs.contact_node, graphs.wrench)
        rows, columns = torch.triu_indices(3, 3)
        each = [
            graphs.mass[:, None], graphs.center, graphs.inertia[:, rows, columns], graphs.spin,
            motion, graphs.down, graphs.offset, graphs.rotation.flatten(1),
            touched,
        ]  # fmt: skip
        there = torch.cat(each, -1).unflatten(0, (-1, nodes)).flatten(1)
        joints = torch.cat([graphs.axis, graphs.velocity[:, None]], -1)
        joints = joints.unflatten(0, (-1, dofs)).flatten(1)
        torque, acceleration = (
            x.unflatten(0, (-1, dofs)) for x in (graphs.torque, graphs.acceleration)
        )
        spread = torch.stack([torque.std(0), acceleration.std(0)], -1)
        spread = spread.expand(len(graphs), *spread.shape)
        return Rows(torch.cat([there, joints], -1), torque, acceleration, spread)

    def like(self, other: Rows) -> Rows:
        """The same samples with the spread of others (the training data)."""
        spread = other.spread[:1].expand(len(self), *other.spread.shape[1:])
        return Rows(self.inputs, self.torque, self.acceleration, spread)


def _rows(states: States, similar: bool) -> tuple[Array, Array, Array]:
    """Inputs, torques and accelerations (T, ...)."""
    one = states.skeleton
    units = one.units
    turns = one.turns
    if similar:
        length, time, force = units.length, units.time, units.force
        mass, inertia = units.mass, units.inertia
    else:
        length = time = force = mass = inertia = 1.0
    each = np.where(turns, 1.0, length)  # of a coordinate
    count = len(states.qpos)
    bones = one.mj.body_pos[one.body] / length
    body = np.concatenate([
        one.mass / mass, (one.center / length).ravel(), bones.ravel(),
        one.inertia[:, *np.triu_indices(3)].ravel() / inertia, [units.mass, units.length],
    ])  # fmt: skip
    place = states.qpos[:, one.root][:, ~turns[one.root]]
    slides = np.flatnonzero(~turns)
    kept = np.setdiff1d(np.arange(one.mj.nq), np.intersect1d(one.root, slides))
    columns = [
        states.qpos[:, kept] / each[kept],
        states.qvel * time / each,
        *(_contact(c, place, one, force, length) for c in states.contacts),
        np.tile(body, (count, 1)),
    ]
    torque = states.torque / np.where(turns, force * length, force)
    return np.concatenate(columns, 1), torque, states.qacc * time**2 / each


def _contact(contact: Contact, place: Array, one: Skeleton, force: float, length: float) -> Array:
    """(T, 10) whether it is there, force, point from the root, free moment."""
    there = np.isfinite(contact.point).all(axis=1, keepdims=True)
    root = np.zeros((len(place), 3))
    axes = one.mj.jnt_axis[one.root][~one.turns[one.root]]
    root += place @ axes
    point = np.where(there, np.nan_to_num(contact.point) - root, 0.0) / length
    moment = 0.0 * point if contact.moment is None else contact.moment / (force * length)
    return np.concatenate([there, contact.force / force, point, moment], 1)


class PlainNetwork(nn.Module):
    """A perceptron of two hidden layers on standardized rows of one structure.

    Args:
        train: rows whose columns it standardizes by; columns that do not vary are left out.
        job: "torque" or "acceleration". parameters: how many it may have, about.
    """

    center: Tensor
    scale: Tensor
    kept: Tensor
    middle: Tensor

    def __init__(self, train: Rows, job: str = "torque", parameters: int = 10000) -> None:
        super().__init__()
        self.job = job
        x, width = self._see(train), train.torque.shape[1]
        spread = x.std(0)
        varies = spread > 1e-6 * (1 + x.abs().amax(0))
        self.register_buffer("center", x.mean(0))
        self.register_buffer("scale", torch.where(varies, spread, 1.0))
        self.register_buffer("kept", varies)
        unit = train.torque if job == "torque" else train.acceleration
        self.register_buffer("middle", unit.mean(0))
        known = int(varies.sum())
        # h (known + 1) + h (h + 1) + 2 width (h + 1) = parameters
        b = known + 2 + 2 * width
        hidden = round((-b + (b**2 + 4.0 * (parameters - 2 * width)) ** 0.5) / 2.0)
        self.inner = layers(known, hidden, hidden, 2 * width)

    def forward(self, rows: Rows) -> Estimate:
        """(B, nv) torques or accelerations."""
        x = ((self._see(rows) - self.center) / self.scale)[:, self.kept]
        mean, spread = self.inner(x).chunk(2, -1)
        unit = rows.spread[..., 0 if self.job == "torque" else 1]
        return Estimate(self.middle + mean * unit, spread + 2.0 * torch.log(unit))

    def _see(self, rows: Rows) -> Tensor:
        given = rows.acceleration if self.job == "torque" else rows.torque
        return torch.cat([rows.inputs, given], -1)
