"""A graph network without physics: messages are what perceptrons make of local numbers.

It sees the same graphs as the networks of wrenches and twists, as plain components in the
segments' frames, and is as blind to the world's frame. What it lacks is the exact change of frame
from bone to bone (Battaglia PW et al. 2018, arXiv:1806.01261; Sanchez-Gonzalez A et al. 2018,
ICML).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bioenv.learn.bodygraph.graphs import Graphs
from bioenv.learn.bodygraph.passing import Estimate, Message, Schedule, layers, quiet, size

NODE, BONE, DOF = 25, 12, 13


class GenericNetwork(nn.Module):
    """Torques or accelerations of all degrees of freedom.

    Args:
        job: "torque" from accelerations, or "acceleration" from torques. hidden: numbers of a node.
        rounds: sweeps up and down.
    """

    def __init__(self, job: str = "torque", hidden: int = 32, rounds: int = 1) -> None:
        super().__init__()
        self.job, self.hidden, self.rounds = job, hidden, rounds
        self.node = layers(NODE, hidden, hidden)
        self.contact = layers(6, hidden, hidden)
        self.drive = layers(DOF, hidden, hidden)
        self.up = nn.ModuleList(layers(hidden + BONE, hidden, hidden) for _ in range(rounds))
        self.down = nn.ModuleList(layers(hidden + BONE, hidden, hidden) for _ in range(rounds))
        self.joint = quiet(layers(2 * hidden + DOF, hidden, 2))

    def forward(self, graphs: Graphs) -> Estimate:
        """Torques or accelerations in the body's units."""
        schedule = Schedule(graphs)
        bone = torch.cat([graphs.rotation.flatten(1), graphs.offset], -1)
        dof = self._dof(graphs)
        state = self.node(self._node(graphs))
        state = state.index_add(0, graphs.contact_node, self.contact(graphs.wrench))
        state = state.index_add(0, graphs.dof_node, self.drive(dof))
        for up, down in zip(self.up, self.down, strict=True):
            state = schedule.up(state, _message(up, bone))
            state = schedule.down(state, _message(down, bone))
        here = state[graphs.dof_node]
        parent = graphs.parent[graphs.dof_node]
        above = torch.where(parent[:, None] < 0, 0.0, state[parent.clamp(min=0)])
        mean, spread = self.joint(torch.cat([here, above, dof], -1)).unbind(-1)
        unit = graphs.spread[:, 0 if self.job == "torque" else 1]
        return Estimate(mean * unit * 10.0, spread + 2.0 * torch.log(unit))

    def _node(self, graphs: Graphs) -> Tensor:
        motion = graphs.motion if self.job == "torque" else graphs.drift
        rows, columns = torch.triu_indices(3, 3)
        inertia = graphs.inertia[:, rows, columns]
        root = (graphs.parent < 0).to(motion.dtype)[:, None]
        mass = torch.log(graphs.mass + 1e-6)[:, None]
        parts = [mass, graphs.mass[:, None], root, graphs.center, inertia * 10, size(inertia)]
        return torch.cat([*parts, graphs.spin, 0.3 * motion, graphs.down], -1)

    def _dof(self, graphs: Graphs) -> Tensor:
        given = graphs.acceleration if self.job == "torque" else graphs.torque
        unit = graphs.spread[:, 1 if self.job == "torque" else 0]
        numbers = [
            graphs.turns, graphs.joint, graphs.armature, graphs.velocity, given / unit,
            torch.log(graphs.spread[:, 0]), torch.log(graphs.spread[:, 1]),
        ]  # fmt: skip
        return torch.cat([graphs.axis, torch.stack(numbers, -1)], -1)


def _message(network: nn.Module, bone: Tensor) -> Message:
    """What a node passes on, by the network: of its values (up) or its parent's (down)."""
    return lambda nodes, values: network(torch.cat([values, bone[nodes]], -1))
