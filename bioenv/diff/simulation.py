"""Forward simulation in torch with gradients: MuJoCo's integrators, step by step.

Every step keeps its intermediate results for the backward pass; with checkpoints only the states
between stretches of steps are kept and the rest is computed anew (Griewank & Walther 2000,
doi:10.1145/347837.347846): memory like the square root of the number of steps, for one more
forward pass.
"""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import torch
from torch import Tensor

from bioenv.diff.checkpoints import recomputed
from bioenv.diff.dynamics import Dynamics
from bioenv.diff.kinematics import quaternion_product
from bioenv.errors import BioenvError, unknown

INTEGRATORS = ("euler", "implicitfast")


class SimulationState(NamedTuple):
    """qpos (..., nq) m or rad, qvel (..., nv), activation (..., nm)."""

    qpos: Tensor
    qvel: Tensor
    activation: Tensor


class Trajectory(NamedTuple):
    """States at T + 1 instants, the given one first: qpos (T + 1, ..., nq), qvel, activation; and
    time (T + 1,) s."""

    time: Tensor
    qpos: Tensor
    qvel: Tensor
    activation: Tensor


def simulate(
    dyn: Dynamics,
    state: SimulationState,
    excitation: Tensor,
    *,
    timestep: float | None = None,
    integrator: str = "euler",
    checkpoint: int | None = None,
) -> Trajectory:
    """Roll the model out from a state under excitations (T, ..., nm), one for each step.

    Args:
        timestep: s, the model's own when None.
        integrator: "euler" (semi-implicit, joint dampers implicit unless the model disables it) or
            "implicitfast" (muscles' damping implicit too), both as MuJoCo's.
        checkpoint: steps between kept states; None keeps everything. The square root of T is best.

    Gradients are exact for the discrete simulation, also through contact; whether they are of use
    over many steps is another question (see docs/differentiable.md).

    Raises BioenvError when a step is not finite or does not converge, with its number.
    """
    if integrator not in INTEGRATORS:
        raise unknown("integrator", integrator, INTEGRATORS)
    h = float(dyn.mj.opt.timestep) if timestep is None else float(timestep)
    if not h > 0.0:
        raise BioenvError(f"timestep must be positive, got {h:g} s")
    if checkpoint is not None and checkpoint < 1:
        raise BioenvError(f"checkpoint must be 1 step or more, got {checkpoint}")
    state = _started(dyn, state, excitation)
    steps = len(excitation)
    stretch = checkpoint or max(steps, 1)
    parts = [state]
    kept: list[tuple[Tensor, ...]] = [tuple(x[None] for x in state)]
    for first in range(0, steps, stretch):
        piece = excitation[first : first + stretch]
        if checkpoint is None:
            run = _stretch(dyn, piece, h, integrator, first, *parts[-1])
        else:
            run = _kept_short(dyn, piece, h, integrator, first, *parts[-1])
        kept.append(run)
        parts.append(SimulationState(*(x[-1] for x in run)))
    joined = (torch.cat(values) for values in zip(*kept, strict=True))
    return Trajectory(h * torch.arange(steps + 1, dtype=torch.float64), *joined)


def step(
    dyn: Dynamics,
    state: SimulationState,
    excitation: Tensor | None,
    timestep: float,
    integrator: str = "euler",
    guess: Tensor | None = None,
) -> tuple[SimulationState, Tensor]:
    """The state one timestep later, and the acceleration (..., nv) at its start.

    ``v' = v + h (M + h D)^-1 M qacc``, ``q' = q + h v'``, ``a' = a + h da/dt``: D holds the joints'
    dampers ("euler") and, for "implicitfast", the muscles' too. Without an excitation (a model
    without muscles) the activation stays.
    """
    q, v, activation = state
    muscles = activation if dyn.nm else None
    qacc, mass, drag = dyn.accelerated(q, v, muscles, None, guess)
    matrix = _damping(dyn, drag, integrator)
    rate = qacc
    if matrix is not None:
        force = mass @ qacc[..., None]
        rate = torch.linalg.solve(mass + timestep * matrix, force)[..., 0]
    velocity = v + timestep * rate
    if excitation is not None:
        activation = activation + timestep * dyn.activation_rate(excitation, activation)
    place = integrated(dyn, q, velocity, timestep)
    return SimulationState(place, velocity, activation), qacc


def integrated(dyn: Dynamics, q: Tensor, v: Tensor, timestep: float) -> Tensor:
    """qpos (..., nq) moved on at qvel v (..., nv) for a timestep, s; balls and free joints turn."""
    if dyn.nq == dyn.nv:
        return q + timestep * v
    parts = []
    for joint in range(dyn.mj.njnt):
        kind, a = int(dyn.mj.jnt_type[joint]), int(dyn.mj.jnt_qposadr[joint])
        d = int(dyn.mj.jnt_dofadr[joint])
        if kind == mujoco.mjtJoint.mjJNT_FREE:
            parts.append(q[..., a : a + 3] + timestep * v[..., d : d + 3])
            parts.append(_turned(q[..., a + 3 : a + 7], timestep * v[..., d + 3 : d + 6]))
        elif kind == mujoco.mjtJoint.mjJNT_BALL:
            parts.append(_turned(q[..., a : a + 4], timestep * v[..., d : d + 3]))
        else:
            parts.append(q[..., a : a + 1] + timestep * v[..., d : d + 1])
    return torch.cat(parts, -1)


def _stretch(
    dyn: Dynamics, excitation: Tensor, h: float, integrator: str, first: int, *state: Tensor
) -> tuple[Tensor, ...]:
    """States after each of some steps, stacked."""
    here, guess, out = SimulationState(*state), None, []
    for k, control in enumerate(excitation):
        try:
            here, guess = step(dyn, here, control, h, integrator, guess)
        except BioenvError as error:
            raise BioenvError(f"step {first + k} of the simulation: {error}") from error
        guess = guess.detach()
        out.append(here)
        if not all(bool(torch.isfinite(x.detach()).all()) for x in here):
            raise BioenvError(f"step {first + k} of the simulation: the state is no longer finite")
    return tuple(torch.stack(values) for values in zip(*out, strict=True))


def _kept_short(
    dyn: Dynamics, excitation: Tensor, h: float, integrator: str, first: int, *state: Tensor
) -> tuple[Tensor, ...]:
    """The same, computed anew for its gradient."""
    free = [name for name, value in dyn.parameters.items() if value.requires_grad]

    def stretch(control: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        chosen = dict(zip(free, rest[3:], strict=True))
        return _stretch(dyn.with_parameters(**chosen), control, h, integrator, first, *rest[:3])

    return recomputed(stretch, excitation, *state, *(dyn.parameters[name] for name in free))


def _damping(dyn: Dynamics, drag: Tensor, integrator: str) -> Tensor | None:
    """What is taken implicitly; None where MuJoCo takes nothing."""
    if integrator == "implicitfast":
        return drag
    bit = mujoco.mjtDisableBit
    off = dyn.mj.opt.disableflags & (bit.mjDSBL_EULERDAMP | bit.mjDSBL_DAMPER)
    damping = dyn.parameters["damping"]
    if off or not bool((damping.detach() != 0).any()):
        return None
    return torch.diag_embed(damping)


def _turned(quaternion: Tensor, angle: Tensor) -> Tensor:
    """Quaternion (..., 4) turned by a rotation vector (..., 3) rad in its own axes."""
    size = (angle * angle).sum(-1, keepdim=True).clamp(min=1e-30).sqrt()
    half = torch.cat([(0.5 * size).cos(), angle * (0.5 * size).sin() / size], -1)
    return quaternion_product(torch.nn.functional.normalize(quaternion, dim=-1), half)


def _started(dyn: Dynamics, state: SimulationState, excitation: Tensor) -> SimulationState:
    """The state with all batch axes, or a BioenvError that says what does not fit."""
    if excitation.ndim < 2 or excitation.shape[-1] != dyn.nm:
        raise BioenvError(
            f"excitation must have shape (T, ..., {dyn.nm}), got {tuple(excitation.shape)}"
        )
    for name, value, count in zip(
        SimulationState._fields, state, (dyn.nq, dyn.nv, dyn.nm), strict=True
    ):
        if value.ndim == 0 or value.shape[-1] != count:
            raise BioenvError(f"{name} must end in {count} numbers, got {tuple(value.shape)}")
        if not torch.isfinite(value.detach()).all():
            raise BioenvError(f"{name} of the first state must be finite")
    lead = torch.broadcast_shapes(*(x.shape[:-1] for x in state), excitation.shape[1:-1])
    return SimulationState(*(x.expand(*lead, x.shape[-1]) for x in state))
