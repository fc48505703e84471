"""Forward derivatives of a function of parameters, many directions in one pass."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.autograd import forward_ad

__all__ = ["Sloped", "forward_ad", "slopes"]

with warnings.catch_warnings():
    # Their first use compiles some of torch's own functions by torch.jit, which torch itself calls
    # deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    with forward_ad.dual_level():
        forward_ad.make_dual(torch.zeros(1), torch.zeros(1))


@runtime_checkable
class Sloped(Protocol):
    """A function that knows a better way to its derivatives."""

    def __call__(self, values: Tensor) -> Tensor: ...

    def slopes(self, values: Tensor, along: Tensor) -> tuple[Tensor, Tensor]: ...


def slopes(
    function: Callable[[Tensor], Tensor], values: Tensor, along: Tensor
) -> tuple[Tensor, Tensor]:
    """Outputs (B, N, O) of a function and their derivatives (B, N, O, F) by F directions
    along (B, P, F), at values (B, P).

    One pass with F times the batch, or the function's own way.
    """
    if isinstance(function, Sloped):
        return function.slopes(values, along)
    directions = along.movedim(-1, 0).contiguous()
    many = values.detach().expand_as(directions).contiguous()
    with torch.no_grad(), forward_ad.dual_level():
        value, slope = forward_ad.unpack_dual(function(forward_ad.make_dual(many, directions)))
    if slope is None:  # the outputs depend on nothing
        slope = torch.zeros_like(value)
    return value[0], slope.movedim(0, -1)
