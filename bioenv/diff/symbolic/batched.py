"""CasADi functions as torch functions of a batch, differentiable: one compiled pass over all rows.

Eager torch pays for every operation on every array; a CasADi function is one list of scalar
operations that :mod:`bioenv.diff.symbolic.compiled` runs through at many rows at once. For large
batches of a small model that is several times faster, gradient included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import casadi as ca
import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bioenv.diff.symbolic import rigid
from bioenv.diff.symbolic.columns import Columns
from bioenv.diff.symbolic.compiled import compiler
from bioenv.errors import BioenvError
from bioenv.models.model import Model

Array = NDArray[np.float64]


class BatchedFunction:
    """A CasADi function of vectors with one vector result, over rows.

    Calling it with tensors (..., n_i) that share their leading axes gives (..., m), float64. It has
    first derivatives by reverse mode; not second ones. Without a C compiler CasADi does it, row by
    row.
    """

    def __init__(self, function: ca.Function) -> None:
        inputs = [ca.SX.sym(f"x{i}", function.numel_in(i)) for i in range(function.n_in())]
        (output,) = function.call(inputs)
        seed = ca.SX.sym("seed", output.numel())
        pulled = [ca.densify(ca.jtimes(output, x, seed, True)) for x in inputs]
        name = function.name()
        self.sizes = tuple(int(x.numel()) for x in inputs)
        fast = compiler() is not None
        self._value = Columns(ca.Function(name, inputs, [ca.densify(output)]), fast)
        self._pull = Columns(ca.Function(f"{name}_reverse", [*inputs, seed], pulled), fast)

    def __call__(self, *values: Tensor) -> Tensor:
        """(..., m) of inputs (..., n_i). Raises BioenvError for shapes that do not fit."""
        shapes = tuple(tuple(x.shape) for x in values)
        lead = shapes[0][:-1] if shapes and shapes[0] else ()
        if shapes != tuple((*lead, n) for n in self.sizes):
            raise BioenvError(f"inputs must end in {self.sizes} numbers, got shapes {shapes}")
        flat = [x.to(torch.float64).reshape(-1, n) for x, n in zip(values, self.sizes, strict=True)]
        result: Tensor = _Apply.apply(self, *flat)
        return result.reshape(*lead, result.shape[-1])


class _Apply(torch.autograd.Function):
    """The function over rows and, backward, its transposed Jacobian times the seeds."""

    @staticmethod
    def forward(ctx: Any, function: BatchedFunction, *values: Tensor) -> Tensor:
        ctx.function = function
        ctx.save_for_backward(*values)
        return torch.from_numpy(function._value(*_arrays(values))[0])

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, seed: Tensor) -> tuple[Tensor | None, ...]:
        found = ctx.function._pull(*_arrays([*ctx.saved_tensors, seed]))
        return (None, *(torch.from_numpy(x) for x in found))


def _arrays(values: Sequence[Tensor]) -> list[Array]:
    return [np.ascontiguousarray(x.detach().numpy()) for x in values]


def inverse_dynamics(model: Model | mujoco.MjModel) -> BatchedFunction:
    """``tau(q, v, a) = M a + bias`` (..., nv) of a tree of hinges and slides, with armature.

    The same as :meth:`bioenv.diff.Dynamics.inverse_dynamics`, for large batches of a body with
    fixed parameters. Raises BioenvError for ball and free joints.
    """
    mj = model.mj if isinstance(model, Model) else model
    kinds = mujoco.mjtJoint
    if not np.isin(mj.jnt_type, (kinds.mjJNT_HINGE, kinds.mjJNT_SLIDE)).all():
        raise BioenvError("compiled inverse dynamics takes hinges and slides only: use Dynamics")
    q, v, a = (ca.SX.sym(name, mj.nv) for name in ("q", "v", "a"))
    pose = rigid.kinematics(mj, q)
    tau = rigid.newton_euler(pose, v, a, ca.SX(np.array(mj.opt.gravity)), {}).generalized
    return BatchedFunction(
        ca.Function("inverse_dynamics", [q, v, a], [tau + ca.DM(mj.dof_armature) * a])
    )
