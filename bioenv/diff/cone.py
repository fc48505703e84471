"""Friction cones of MuJoCo's soft contacts: force and its slope at a given acceleration, in torch.

Everything is in a contact's own frame, normal first. See :mod:`bioenv.diff.contact_law`.
"""

from __future__ import annotations

import torch
from torch import Tensor

_TINY = 1e-30  # keeps a square root differentiable where nothing slips


def elliptic(
    missing: Tensor, friction: Tensor, rough: Tensor, impratio: float
) -> tuple[Tensor, Tensor]:
    """Force per gain (..., n, 3), and minus its derivative by the acceleration (..., n, 3, 3).

    Args:
        missing: (..., n, 3) m/s^2, reference less present acceleration.
        friction: (..., n, 2) along both tangents; rough: (n,) bool, False without friction.
    """
    friction = torch.where(rough[:, None], friction, 1.0)
    square = friction[..., :1] ** 2 / impratio  # mu^2 of the regularized cone
    scale = torch.where(rough[:, None], friction / square, 0.0)
    x, y = missing[..., 0], missing[..., 1:] * scale
    size = ((y * y).sum(-1) + _TINY).sqrt()
    side = (square / (1.0 + square))[..., 0]
    normal = (x + side * (size - x).clamp(min=0.0)).clamp(min=0.0)
    beside, on = size > normal, normal > 0.0
    share = torch.where(on, torch.where(beside, normal / size, 1.0), 0.0)
    force = torch.cat([normal[..., None], friction * y * share[..., None]], -1)
    with torch.no_grad():
        # With u = y / |y|: dn = (1 - side) dx + side u dy beside the cone, dx inside it.
        unit = y / size[..., None] * (on & beside)[..., None]
        by_x = torch.where(beside, 1.0 - side, 1.0) * on
        spread = torch.eye(2, dtype=y.dtype) * share[..., None, None]
        spread = spread + (side - share)[..., None, None] * unit[..., :, None] * unit[..., None, :]
        top = torch.cat([by_x[..., None], side[..., None] * unit * scale], -1)
        low = friction * unit * (1.0 - side)[..., None]
        rest = friction[..., :, None] * spread * scale[..., None, :]
        slope = torch.cat([top[..., None, :], torch.cat([low[..., None], rest], -1)], -2)
    return force, slope


def pyramidal(
    rate: Tensor, push: Tensor, spring: Tensor, damping: Tensor, friction: Tensor, rough: Tensor,
    impratio: float,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Force per gain and its slope, as `elliptic`; every edge is a scalar constraint.

    Args:
        rate, push: (..., n, 3) velocity m/s and acceleration m/s^2 of the contact.
        spring: (..., n) m/s^2; damping: (..., n) 1/s.
    """
    first = torch.where(rough, friction[..., 0], 1.0) ** 2
    # All edges share one regularizer, that of the first one scaled by 2 mu^2. Without friction
    # the four edges are one, four times.
    edge = torch.where(rough, 1.0 / (2.0 * first / impratio * (1.0 + first)), 0.25)
    zero, one = torch.zeros_like(friction[..., 0]), torch.ones_like(friction[..., 0])
    along, across = friction.unbind(-1)
    edges = torch.stack(
        [one, along, zero, one, -along, zero, one, zero, across, one, zero, -across], -1
    ).unflatten(-1, (4, 3))
    speed, change = ((edges @ u[..., None])[..., 0] for u in (rate, push))
    missing = -damping[..., None] * speed - spring[..., None] - change
    force = (edges.transpose(-1, -2) @ (missing.clamp(min=0.0) * edge[..., None])[..., None])[
        ..., 0
    ]
    with torch.no_grad():
        on = (missing > 0.0) * edge[..., None]
        slope = edges.transpose(-1, -2) @ (edges * on[..., None])
    return force, slope
