"""Passing along the kinematic tree: exact changes of frame, and sweeps level by level.

A sweep costs as many steps as the tree is deep, whatever the number of segments and bodies.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bioenv.learn.bodygraph.graphs import Graphs

Message = Callable[[Tensor, Tensor], Tensor]


class Estimate(NamedTuple):
    """What a body's network returns for every degree of freedom, in the body's units: mean (D,) and
    log variance (D,)."""

    mean: Tensor
    log_variance: Tensor


class Schedule:
    """Who passes when: nodes by level, and for each its parent's place in the level before."""

    def __init__(self, graphs: Graphs) -> None:
        self.levels = graphs.levels()
        place = torch.empty_like(graphs.parent)
        for level in self.levels:
            place[level] = torch.arange(len(level))
        self.above = [place[graphs.parent[level]] for level in self.levels[1:]]
        self.back = torch.argsort(torch.cat(self.levels))

    def up(self, own: Tensor, message: Message) -> Tensor:
        """Leaves to root: every node's own values (N, ...) plus its children's messages.

        message(nodes (k,), values (k, ...)) -> what the nodes send to their parents (k, ...).
        """
        found = [own[level] for level in self.levels]
        for depth in range(len(self.levels) - 1, 0, -1):
            sent = message(self.levels[depth], found[depth])
            found[depth - 1] = found[depth - 1].index_add(0, self.above[depth - 1], sent)
        return torch.cat(found)[self.back]

    def down(self, own: Tensor, message: Message) -> Tensor:
        """Root to leaves: every node's own values plus what it makes of its parent's.

        message(nodes (k,), values of their parents (k, ...)) -> (k, ...).
        """
        found = [own[self.levels[0]]]
        for depth in range(1, len(self.levels)):
            level = self.levels[depth]
            above = found[-1][self.above[depth - 1]]
            found.append(own[level] + message(level, above))
        return torch.cat(found)[self.back]


def wrench_to_parent(rotation: Tensor, offset: Tensor, wrench: Tensor) -> Tensor:
    """Wrenches (k, c, 6) [moment, force] of segments about and in their parents' frames."""
    force = wrench[..., 3:] @ rotation.transpose(-1, -2)
    moment = wrench[..., :3] @ rotation.transpose(-1, -2)
    arm = offset[:, None].expand_as(force)
    return torch.cat([moment + torch.linalg.cross(arm, force), force], -1)


def twist_to_child(rotation: Tensor, offset: Tensor, twist: Tensor) -> Tensor:
    """Twists (k, c, 6) [rotation, translation] of parents about and in their children's frames."""
    turn = twist[..., :3]
    arm = offset[:, None].expand_as(turn)
    move = twist[..., 3:] + torch.linalg.cross(turn, arm)
    return torch.cat([turn @ rotation, move @ rotation], -1)


def layers(*sizes: int) -> nn.Sequential:
    """A perceptron with SiLU between its layers."""
    out: list[nn.Module] = []
    for one, two in pairwise(sizes):
        out += [nn.Linear(one, two), nn.SiLU()]
    return nn.Sequential(*out[:-1])


def quiet(network: nn.Sequential, factor: float = 0.1) -> nn.Sequential:
    """The perceptron with a small last layer: it begins near zero."""
    last = network[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.weight.mul_(factor)
        last.bias.zero_()
    return network


def size(vector: Tensor) -> Tensor:
    """(..., 1) logarithm of a vector's length (..., d), finite at zero."""
    return 0.5 * torch.log(vector.square().sum(-1, keepdim=True) + 1e-8)


def magnitude(graphs: Graphs, values: Tensor) -> Tensor:
    """(D, c) logarithm of the size of values (D, c) of degrees of freedom.

    Of a floating body's root it is that of all its translations, or rotations, together: a free
    root's are components along the world's axes, whose sizes change when the world is turned.
    """
    square = values.square()
    kind = 2 * graphs.dof_node + (graphs.turns > 0)
    whole = square.new_zeros(2 * len(graphs.parent), square.shape[1]).index_add(0, kind, square)
    square = torch.where(graphs.joint[:, None] > 0, square, whole[kind])
    return 0.5 * torch.log(square + 1e-8)


def dot(one: Tensor, two: Tensor) -> Tensor:
    """(...) scalar products of vectors."""
    return (one * two).sum(-1)
