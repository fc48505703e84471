"""A learned articulated-body recursion: accelerations of all joints by messages along the tree.

Every segment has a spatial inertia (6, 6) and a wrench that it needs at zero joint acceleration;
both go from the leaves to the root, less what the joints give way, and accelerations come back: the
form of Featherstone's algorithm (1983, Int J Robot Res 2:13), with learned factors of segments,
bones, joints and contacts in the place of what the algorithm knows. Tensors and wrenches are moved
exactly between the segments' frames: nothing depends on how the world lies. What the network says
of its own error comes from a second, scalar passing that sees invariants only.

Factors that vary with the state were tried and made the mean worse: a foot's acceleration is a
small difference of large torques over a small inertia, and forgives no noise in a factor.
"""

from __future__ import annotations

from typing import NamedTuple

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
    twist_to_child,
)
from bioenv.learn.bodygraph.wrench import (
    FORCES,
    INVARIANTS,
    MOMENTS,
    invariants,
    newton_euler_parts,
)

LEAST = 1e-11  # inertia of a joint in the body's units, so that nothing is divided by nothing
_START = 0.7  # of every learned factor; physics' own is 1 (or 0), and it must be found


class _Joints(NamedTuple):
    """Of nodes (k): held (k, 6, w) wrench by which the body resists a unit acceleration of each of
    its joints; inverse (k, w, w) of the joints' inertia; free (k, w) torque left over."""

    held: Tensor
    inverse: Tensor
    free: Tensor


class ArticulatedNetwork(nn.Module):
    """Accelerations of all degrees of freedom from torques, ground contacts, pose and velocity.

    Args:
        hidden: numbers that every node carries beside its inertia and wrench.
    """

    job = "acceleration"

    def __init__(self, hidden: int = 32) -> None:
        super().__init__()
        self.hidden = hidden
        self.node = layers(INVARIANTS, hidden, hidden)
        self.contact = quiet(layers(3, hidden, hidden))
        self.drive = quiet(layers(5, hidden, hidden))
        self.above = quiet(layers(hidden + 1, hidden, hidden))
        self.below = quiet(layers(hidden, hidden))
        self.weight = nn.Parameter(0.3 * torch.randn(FORCES + MOMENTS))
        self.pass_on = nn.Parameter(torch.tensor([1.0, _START, _START]))
        self.joint = quiet(layers(hidden + 6, hidden, 1))
        self.touch = nn.Parameter(torch.full((2,), _START))
        self.rotor = nn.Parameter(torch.zeros(()) + 0.3)

    def coefficients(self) -> list[nn.Parameter]:
        """The factors that are the same at every segment, bone, joint and contact."""
        return [self.weight, self.pass_on, self.touch, self.rotor]

    def forward(self, graphs: Graphs) -> Estimate:
        """Accelerations in the body's units."""
        schedule = Schedule(graphs)
        inertia, wrench = self._own(graphs)
        slots = _Slots(graphs)
        give, left, whole = self.pass_on.unbind()
        give = torch.sigmoid(3.0 * give)

        def message(nodes: Tensor, both: Tensor) -> Tensor:
            stiff, need = both[:, :36].unflatten(-1, (6, 6)), both[:, 36:]
            joints = self._joints(graphs, slots, nodes, stiff, need)
            yielding = joints.held @ joints.inverse
            stiff = stiff - give * yielding @ joints.held.transpose(-1, -2)
            push = (yielding @ joints.free[..., None])[..., 0]
            need = whole * need + left * push
            shift = _shift(graphs.rotation[nodes], graphs.offset[nodes])
            stiff = shift @ stiff @ shift.transpose(-1, -2)
            return torch.cat([stiff.flatten(1), (shift @ need[..., None])[..., 0]], -1)

        both = schedule.up(torch.cat([inertia.flatten(1), wrench], -1), message)
        every = torch.arange(len(graphs.parent))
        stiff, need = both[:, :36].unflatten(-1, (6, 6)), both[:, 36:]
        joints = self._joints(graphs, slots, every, stiff, need)
        return self._down(graphs, schedule, slots, joints)

    def _down(self, graphs: Graphs, schedule: Schedule, slots: _Slots, joints: _Joints) -> Estimate:
        """Accelerations from root to leaves, over what they are at rest joints."""
        still = (joints.inverse @ joints.free[..., None])[..., 0]
        own = (slots.axis @ still[..., None])[..., 0]
        follow = slots.axis @ joints.inverse @ joints.held.transpose(-1, -2)

        def message(nodes: Tensor, above: Tensor) -> Tensor:
            moved = twist_to_child(graphs.rotation[nodes], graphs.offset[nodes], above[:, None])
            return moved[:, 0] - (follow[nodes] @ moved.transpose(-1, -2))[..., 0]

        twist = schedule.down(own, message)
        above = torch.where(
            graphs.parent[:, None] < 0, 0.0, twist[graphs.parent.clamp(min=0)]
        )  # fmt: skip
        moved = twist_to_child(graphs.rotation, graphs.offset, above[:, None])
        push = (joints.held.transpose(-1, -2) @ moved.transpose(-1, -2))[..., 0]
        rate = (joints.inverse @ (joints.free - push)[..., None])[..., 0]
        mean = rate[graphs.dof_node, slots.slot]
        weak = joints.inverse.diagonal(dim1=-2, dim2=-1)[graphs.dof_node, slots.slot]
        free = joints.free[graphs.dof_node, slots.slot]
        # what is said of the error must not move the mean: it is small where all is understood
        seen = [
            magnitude(graphs, x[:, None].detach()) for x in (mean, weak.sqrt(), free, graphs.torque)
        ]
        seen += [graphs.turns[:, None], graphs.joint[:, None]]
        state = self._state(graphs, schedule)[graphs.dof_node]
        made = self.joint(torch.cat([state, *seen], -1))
        return Estimate(mean, made[:, 0] + 2.0 * seen[0][:, 0] - 2.0)

    def _state(self, graphs: Graphs, schedule: Schedule) -> Tensor:
        state = self.node(invariants(graphs, graphs.drift))
        state = state.index_add(0, graphs.contact_node, self._touch(graphs))
        given = (graphs.torque, graphs.velocity, graphs.armature)
        parts = [magnitude(graphs, x[:, None]) for x in given]
        known = torch.cat([*parts, graphs.turns[:, None], graphs.joint[:, None]], -1)
        state = state.index_add(0, graphs.dof_node, self.drive(known))
        bone = size(graphs.offset)
        state = schedule.up(state, lambda i, own: self.above(torch.cat([own, bone[i]], -1)))
        return schedule.down(state, lambda _, above: self.below(above))

    def _touch(self, graphs: Graphs) -> Tensor:
        moment, force = graphs.wrench[:, :3], graphs.wrench[:, 3:]
        return self.contact(torch.cat([size(moment), size(force), dot(moment, force)[:, None]], -1))

    def _own(self, graphs: Graphs) -> tuple[Tensor, Tensor]:
        """Spatial inertias (N, 6, 6) and wrenches at zero joint acceleration (N, 6)."""
        forces, moments = newton_euler_parts(graphs, graphs.drift)
        of_force, of_moment = self.weight[:FORCES], self.weight[FORCES:]
        # the first of each is the inertia's own, the same that resists the joints' accelerations
        mass, turn = of_force[0].exp(), of_moment[0].exp()
        force = mass * forces[:, 0] + of_force[1:] @ forces[:, 1:]
        moment = turn * moments[:, 0] + of_moment[1:] @ moments[:, 1:]
        moment = moment + torch.linalg.cross(graphs.center, force)
        wrench = torch.cat([moment, force], -1)
        there = self.touch.repeat_interleave(3) * graphs.wrench
        return _spatial(graphs, mass, turn), wrench.index_add(0, graphs.contact_node, -there)

    def _joints(
        self, graphs: Graphs, slots: _Slots, nodes: Tensor, stiff: Tensor, need: Tensor
    ) -> _Joints:
        axis = slots.axis[nodes]
        held = stiff @ axis
        inertia = axis.transpose(-1, -2) @ held
        own = slots.rotor[nodes] * self.rotor.exp() + slots.empty[nodes] + LEAST
        inverse = torch.linalg.inv(inertia + torch.diag_embed(own))
        free = slots.torque[nodes] - (axis.transpose(-1, -2) @ need[..., None])[..., 0]
        return _Joints(held, inverse, free)


class _Slots:
    """Degrees of freedom by node, in as many slots (w) as the fullest node needs: axis (N, 6, w),
    torque and rotor (armature) (N, w), empty (N, w) 1 where a slot has no joint; slot (D,)."""

    def __init__(self, graphs: Graphs) -> None:
        count = torch.bincount(graphs.dof_node, minlength=len(graphs.parent))
        first = torch.cumsum(count, 0) - count
        self.slot = torch.arange(len(graphs.dof_node)) - first[graphs.dof_node]
        width = int(count.max())
        shape = (len(graphs.parent), width)
        at = (graphs.dof_node, self.slot)

        def laid(values: Tensor) -> Tensor:
            empty = values.new_zeros(*shape, *values.shape[1:])
            return empty.index_put(at, values)

        self.axis = laid(graphs.axis).transpose(-1, -2)
        self.torque, self.rotor = laid(graphs.torque), laid(graphs.armature)
        self.empty = 1.0 - laid(torch.ones_like(graphs.torque))


def _spatial(graphs: Graphs, mass_factor: Tensor, turn_factor: Tensor) -> Tensor:
    """(N, 6, 6) spatial inertias about the segments' origins, [rotation, translation] first."""
    mass = (graphs.mass * mass_factor)[:, None, None]
    lever = _skew(graphs.center)
    one = torch.eye(3, dtype=mass.dtype).expand_as(lever)
    about = graphs.inertia * turn_factor + mass * lever @ lever.transpose(-1, -2)
    upper = torch.cat([about, mass * lever], -1)
    lower = torch.cat([mass * lever.transpose(-1, -2), mass * one], -1)
    return torch.cat([upper, lower], -2)


def _shift(rotation: Tensor, offset: Tensor) -> Tensor:
    """(k, 6, 6) wrenches of segments to their parents' frames."""
    zero = torch.zeros_like(rotation)
    upper = torch.cat([rotation, _skew(offset) @ rotation], -1)
    return torch.cat([upper, torch.cat([zero, rotation], -1)], -2)


def _skew(vector: Tensor) -> Tensor:
    """(..., 3, 3) matrices of the cross product."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
