"""A compiled simulation as a step of a torch computation: tensors in, tensors out, gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bioenv.diff.symbolic.simulation import CompiledSimulation


class SimulatedStates(NamedTuple):
    """qpos, qvel (T + 1, n) and activation (T + 1, m) at every instant."""

    qpos: Tensor
    qvel: Tensor
    activation: Tensor


def simulated(
    made: CompiledSimulation,
    qpos: Tensor,
    qvel: Tensor,
    activation: Tensor,
    excitation: Tensor,
    parameters: Tensor | None = None,
) -> SimulatedStates:
    """As ``made.simulate``, differentiable by all its arguments, once.

    For losses and networks written in torch: only the simulation is compiled, what comes before and
    after is torch's. qpos, qvel (n,), activation (m,), excitation (T, m), parameters (np,).

    Raises BioenvError as ``simulate`` and ``gradient`` do.
    """
    if parameters is None:
        parameters = torch.from_numpy(made.parameters.default)
    found = _Simulation.apply(made, qpos, qvel, activation, excitation, parameters)
    return SimulatedStates(*found)


class _Simulation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, made: CompiledSimulation, *given: Tensor) -> tuple[Tensor, ...]:
        path = made.simulate(*(x.detach().cpu().double().numpy() for x in given))
        ctx.made, ctx.path = made, path
        ctx.kinds = [(x.dtype, x.device) for x in given]
        return tuple(torch.from_numpy(x) for x in (path.qpos, path.qvel, path.activation))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        seed = np.hstack([x.numpy() for x in slopes])
        g = ctx.made.gradient(ctx.path, seed)
        by_p = np.concatenate([g.parameters[name] for name in ctx.made.parameters.slices])
        found = (g.qpos, g.qvel, g.activation, g.excitation, by_p)
        return None, *(
            torch.from_numpy(x).to(dtype=dtype, device=device)
            for x, (dtype, device) in zip(found, ctx.kinds, strict=True)
        )
