"""Functions whose graph is made anew on the way back instead of being kept.

torch's own checkpoints keep the graph's nodes and drop the numbers. Here numbers are few, a dozen
in a vector, and nodes are what fills the memory: so nothing of a stretch is kept but its inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def recomputed(function: Callable[..., tuple[Tensor, ...]], *inputs: Tensor) -> tuple[Tensor, ...]:
    """``function(*inputs)``, differentiable once by its inputs, computed again for that.

    Whatever else the function depends on is taken as constant.
    """
    return tuple(_Recomputed.apply(function, *inputs))


class _Recomputed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, function: Callable[..., Any], *inputs: Tensor) -> tuple[Tensor, ...]:
        ctx.function = function
        ctx.save_for_backward(*inputs)
        return tuple(function(*inputs))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        wanted = ctx.needs_input_grad[1:]
        with torch.enable_grad():
            inputs = [
                x.detach().requires_grad_(want)
                for x, want in zip(ctx.saved_tensors, wanted, strict=True)
            ]
            outputs = ctx.function(*inputs)
        alive = [(y, g) for y, g in zip(outputs, slopes, strict=True) if y.requires_grad]
        chosen = [x for x in inputs if x.requires_grad]
        found: tuple[Tensor | None, ...] = (None,) * len(chosen)
        if alive:
            ends, weights = zip(*alive, strict=True)
            found = torch.autograd.grad(ends, chosen, weights, allow_unused=True)
        rest = iter(found)
        return None, *(next(rest) if want else None for want in wanted)
