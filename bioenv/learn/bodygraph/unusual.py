"""What a sample is like, in a few numbers of bodies of any structure: for the novelty score."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bioenv.learn.bodygraph.graphs import Graphs

# Below these all is calm alike: a quiet walk must not be unusual because training was livelier.
CALM = (0.5, 3.0, 1.0, 6.0, 0.05, 0.1, 0.5, 0.05, 0.5, 1e-3, 1e-3)
LIGHT = 0.05  # body weights: the lever of a lighter force says little


def described(graphs: Graphs, estimate: Tensor) -> NDArray[np.float64]:
    """(B, 13) of motion, contacts and body; estimate (D,) is the networks' own.

    Root mean square of joint velocities and accelerations, largest of each; what the networks say
    of the root, which is small where motion and ground forces belong together, and the largest of
    joints; sum of the contacts' forces, their longest lever about the segment's origin (a foot's
    force on the other foot has a long one), and whether there is one; fastest spin; number of
    segments; concentration of mass; mean radius of gyration.
    """
    count = len(graphs)
    of_node = torch.arange(count).repeat_interleave(graphs.nodes)
    of_dof = torch.arange(count).repeat_interleave(graphs.dofs)
    of_contact = torch.arange(count).repeat_interleave(graphs.contacts)

    def total(owner: Tensor, values: Tensor) -> Tensor:
        return values.new_zeros(count).index_add(0, owner, values)

    def largest(owner: Tensor, values: Tensor) -> Tensor:
        return values.new_zeros(count).scatter_reduce(0, owner, values, "amax")

    joint, force = graphs.joint, graphs.wrench[:, 3:].norm(dim=-1)
    joints = total(of_dof, joint).clamp(min=1.0)
    root = (1.0 - joint).clamp(min=0.0)
    sizes = [
        torch.sqrt(total(of_dof, joint * graphs.velocity.square()) / joints),
        torch.sqrt(total(of_dof, joint * graphs.acceleration.square()) / joints),
        largest(of_dof, joint * graphs.velocity.abs()),
        largest(of_dof, joint * graphs.acceleration.abs()),
        torch.sqrt(total(of_dof, root * estimate.square())),
        largest(of_dof, joint * estimate.abs()),
        total(of_contact, force),
        largest(of_contact, graphs.wrench[:, :3].norm(dim=-1) / (force + LIGHT)),
        largest(of_node, graphs.spin.norm(dim=-1)),
        total(of_node, graphs.mass.square()),
        total(of_node, graphs.inertia.diagonal(dim1=-2, dim2=-1).sum(-1)),
    ]
    plain = [(graphs.contacts > 0).to(joint.dtype), torch.log(graphs.nodes.to(joint.dtype))]
    rows = [torch.log(x + calm) for x, calm in zip(sizes, CALM, strict=True)]
    table = torch.stack([*rows, *plain], -1)
    return np.asarray(table.double().numpy(), dtype=np.float64)
