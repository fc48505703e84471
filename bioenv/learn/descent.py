"""First-order searches, for networks too large for a dense Gauss-Newton matrix.

The unknowns are scaled by the diagonal of that matrix where the search starts, since an equation of
motion is thousands of times more sensitive to fast waves than to slow ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor

from bioenv.learn.row import Row

STILL = 0.1  # standard deviations
WINDOW = 20  # iterations over which the decrease is judged


def descend(
    rows: Sequence[Row],
    x: Tensor,
    iterations: int,
    tolerance: float,
    method: str,
    learning_rate: float,
) -> tuple[Tensor, list[float], bool]:
    """Unknowns (P,) of the least loss met, the loss of each iteration, and whether it converged.

    method: "lbfgs" (with a strong Wolfe line search) or "adam" (cosine decay of learning_rate,
    which is in units of the scaled unknowns).
    The search ends early, with that loss last, when the loss stops being finite.
    """
    diagonal = torch.stack([row.diagonal(x) for row in rows]).sum(dim=0)
    scale = diagonal.clamp_min(1e-12 * float(diagonal.max())).rsqrt()
    if not bool(torch.isfinite(scale).all()):
        return x, [float("inf")], False
    moving = (x / scale).requires_grad_(True)
    optimizer = _optimizer(method, moving, learning_rate)
    best, least = x, float("inf")
    losses: list[float] = []
    for number in range(iterations):
        if method == "adam":
            turn = math.cos(math.pi * number / iterations)
            optimizer.param_groups[0]["lr"] = learning_rate * (0.505 + 0.495 * turn)
        before = scale * moving.detach()
        # torch's stubs say float; its own examples return the loss as a tensor, as here.
        closure = cast(Callable[[], float], partial(_closure, rows, scale, moving))
        loss = float(cast(Tensor, optimizer.step(closure)).detach())
        if not loss < float("inf"):
            return best, [*losses, float("inf")], False
        losses.append(loss)
        if loss < least:
            best, least = before, loss
        if len(losses) > WINDOW and method == "lbfgs":
            gained = losses[-1 - WINDOW] - loss
            if gained <= tolerance * WINDOW * (1.0 + loss):
                return best, losses, True
    return best, losses, method == "adam" and _still(rows, scale, best)


def _optimizer(method: str, moving: Tensor, learning_rate: float) -> torch.optim.Optimizer:
    if method == "adam":
        return torch.optim.Adam([moving], lr=learning_rate)
    return torch.optim.LBFGS([moving], max_iter=1, history_size=50, line_search_fn="strong_wolfe")


def _still(rows: Sequence[Row], scale: Tensor, x: Tensor) -> bool:
    """Whether no unknown alone is farther from the minimum than a tenth of its deviation."""
    moving = (x / scale).requires_grad_(True)
    _closure(rows, scale, moving)
    return moving.grad is not None and float(moving.grad.abs().max()) < STILL


def _closure(rows: Sequence[Row], scale: Tensor, moving: Tensor) -> Tensor:
    moving.grad = None
    total: Tensor = torch.stack([row.cost(scale * moving) for row in rows]).sum()
    torch.autograd.backward(total)
    return total
