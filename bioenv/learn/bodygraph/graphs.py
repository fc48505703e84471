"""Many frames of many bodies as one graph: nodes, joints and ground contacts, one after another.

Everything is in the segments' own frames and divided by the body's own units
(`bioenv.learn.bodygraph.skeleton.Units`): no number depends on where the world's origin is, where
its axes point, or (for bodies of one shape) how large the body is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from bioenv.errors import BioenvError


@dataclass(frozen=True, eq=False)
class Graphs:
    """B samples with N nodes, D degrees of freedom and C contacts together.

    Counts (B,): nodes, dofs, contacts of each sample.

    Of nodes: parent (N,) node in this batch, -1 the world; depth (N,); rotation (N, 3, 3) from the
    segment's to its parent's frame; offset (N, 3) of its origin in the parent's frame; mass (N,);
    center (N, 3); inertia (N, 3, 3) about it; spin (N, 3) angular velocity; motion (N, 6) angular
    acceleration and that of the centre of mass less gravity; drift (N, 6): the same without the
    joints' accelerations; down (N, 3): gravity.

    Of degrees of freedom: node (D,); axis (D, 6) unit motion about the segment's origin, rotation
    first; turns (D,) 1 for rotations; joint (D,) 0 where it is the root's of a floating body;
    armature, velocity, acceleration, torque (D,); carried (D,): inertia of all that the joint
    moves, as its axis feels it; spread (D, 2): how much torque and acceleration of the coordinate
    usually vary, the unit of errors in training.

    Of contacts that are there: node (C,); wrench (C, 6) moment about the segment's origin, force.

    scale (B, 5): kg, m, m/s^2, N*m, and kg*m^2 of the sample's units.
    """

    nodes: Tensor
    dofs: Tensor
    contacts: Tensor
    parent: Tensor
    depth: Tensor
    rotation: Tensor
    offset: Tensor
    mass: Tensor
    center: Tensor
    inertia: Tensor
    spin: Tensor
    motion: Tensor
    drift: Tensor
    down: Tensor
    dof_node: Tensor
    axis: Tensor
    turns: Tensor
    joint: Tensor
    armature: Tensor
    velocity: Tensor
    acceleration: Tensor
    torque: Tensor
    carried: Tensor
    spread: Tensor
    contact_node: Tensor
    wrench: Tensor
    scale: Tensor

    def __len__(self) -> int:
        return len(self.nodes)

    def take(self, samples: Tensor) -> Graphs:
        """The samples (k,) in this order, as a batch of their own."""
        rows: dict[str, Tensor] = {}
        picked = {
            kind: _ragged(getattr(self, kind), samples) for kind in ("nodes", "dofs", "contacts")
        }
        for one in fields(self):
            rows[one.name] = getattr(self, one.name)[picked.get(_KIND[one.name], samples)]
        moved = _starts(rows["nodes"]) - _starts(self.nodes)[samples]
        for name, kind in (("parent", "nodes"), ("dof_node", "dofs"), ("contact_node", "contacts")):
            shifted = rows[name] + moved.repeat_interleave(rows[kind])
            rows[name] = torch.where(rows[name] < 0, rows[name], shifted)
        return Graphs(**rows)

    @staticmethod
    def join(parts: Sequence[Graphs]) -> Graphs:
        """All samples of all parts."""
        if not parts:
            raise BioenvError("no graphs to join")
        rows: dict[str, list[Tensor]] = {one.name: [] for one in fields(Graphs)}
        before = 0
        for part in parts:
            for name, found in rows.items():
                value = getattr(part, name)
                if name in _NODE_IDS:
                    value = torch.where(value < 0, value, value + before)
                found.append(value)
            before += len(part.parent)
        return Graphs(**{name: torch.cat(found) for name, found in rows.items()})

    def to(self, dtype: torch.dtype) -> Graphs:
        """Real numbers in another precision."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        real = {name: x.to(dtype) for name, x in values.items() if x.is_floating_point()}
        return replace(self, **real)

    def of_dofs(self, values: Tensor) -> Tensor:
        """(D, ...) for every degree of freedom what (B, ...) says of its sample."""
        return values.repeat_interleave(self.dofs, dim=0)

    def levels(self) -> list[Tensor]:
        """Nodes by depth, the root's first."""
        order = torch.argsort(self.depth, stable=True)
        count = torch.bincount(self.depth)
        return list(order.split(count.tolist()))


_NODE_IDS = ("parent", "dof_node", "contact_node")
_NODES = (
    "parent", "depth", "rotation", "offset", "mass", "center", "inertia", "spin", "motion", "drift",
    "down",
)  # fmt: skip
_DOFS = (
    "dof_node", "axis", "turns", "joint", "armature", "velocity", "acceleration", "torque",
    "carried", "spread",
)  # fmt: skip
_SAMPLES = ("nodes", "dofs", "contacts", "scale")
_KIND = {
    **dict.fromkeys(_NODES, "nodes"),
    **dict.fromkeys(_DOFS, "dofs"),
    **dict.fromkeys(("contact_node", "wrench"), "contacts"),
    **dict.fromkeys(_SAMPLES, "samples"),
}


def _starts(count: Tensor) -> Tensor:
    return torch.cumsum(count, 0) - count


def _ragged(count: Tensor, samples: Tensor) -> Tensor:
    """Rows of the samples in an array whose rows lie one sample after the other."""
    chosen = count[samples]
    first = _starts(count)[samples].repeat_interleave(chosen)
    within = torch.arange(int(chosen.sum())) - _starts(chosen).repeat_interleave(chosen)
    return first + within
