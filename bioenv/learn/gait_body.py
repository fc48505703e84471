"""The equation of motion of a body in the coordinates that are fitted, with its derivatives.

``tau(z, v, a) = M a + h - sum J' f`` at one instant depends on z, v, a of that instant alone, so
its Jacobians are small dense matrices: k reverse passes for all instants at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bioenv import diff
from bioenv.diff.kinematics import Kinematics, point_jacobian
from bioenv.models.anatomy import Anatomy

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Load:
    """Forces on one body at T instants, world frame.

    body: id. force (T, 3) N and moment (T, 3) N*m about the point. The point is fixed in the world,
    `point` (T, 3) m, or in a body: `local` (3,) m in the frame of body `mover` (`body` itself when
    None), lowered by `drop` m (the radius of a sphere that touches the ground).
    """

    body: int
    force: Array
    moment: Array | None = None
    point: Array | None = None
    local: Array | None = None
    drop: float = 0.0
    mover: int | None = None


class Equation(NamedTuple):
    """tau (T, k) N, N*m, and its derivatives by z, v, a: (T, k, k) each, [force, coordinate]."""

    tau: Array
    by_position: Array
    by_velocity: Array
    by_acceleration: Array


class GaitBody:
    """An anatomy seen through the coordinates `free` (k,) that are fitted.

    Locked coordinates keep their default, coupled ones follow. Attributes: anatomy; free; root
    (k,) bool; rotational (k,) bool; names (k).
    """

    def __init__(self, anatomy: Anatomy, free: Index) -> None:
        self.anatomy, self.free = anatomy, np.asarray(free, dtype=np.intp)
        self.root = anatomy.root[self.free]
        self.rotational = anatomy.rotational[self.free]
        self.names = tuple(anatomy.coordinates[i] for i in self.free)
        self._dynamics = diff.Dynamics(anatomy.mj)
        self._coordinates = diff.Coordinates(anatomy)
        self._default = torch.tensor(np.asarray(anatomy.default, dtype=float))
        self._place = torch.as_tensor(self.free)
        independent = np.flatnonzero(anatomy.independent)
        self._kept = torch.as_tensor(np.searchsorted(independent, self.free))

    def coordinates(self, z: Array, v: Array, a: Array) -> tuple[Array, Array, Array]:
        """q, qd, qdd (T, n) of all coordinates."""
        with torch.no_grad():
            state = self._state(*_tensors(z, v, a))
        return tuple(part.numpy() for part in state)  # type: ignore[return-value]

    def torque(
        self, z: Array, v: Array, a: Array, loads: list[Load], scale: Array | None = None
    ) -> Array:
        """(T, k) generalized forces; those of `root` are residuals.

        scale: (nbody,) of the masses and inertias, or None.
        """
        with torch.no_grad():
            found = self._tau(_tensors(z, v, a), loads, self._scaled(scale))
        return found.numpy()

    def equation(
        self,
        z: Array,
        v: Array,
        a: Array,
        loads: list[Load],
        scale: Array | None = None,
        *,
        rows: Mask | None = None,
    ) -> Equation:
        """Generalized forces with their derivatives; of some coordinates only when `rows` (k,) says
        which (the first axis of forces is then theirs)."""
        at = tuple(x.clone().requires_grad_() for x in _tensors(z, v, a))
        tau = self._tau(at, loads, self._scaled(scale))
        if rows is not None:
            tau = tau[:, torch.as_tensor(rows)]
        unit = torch.eye(tau.shape[1], dtype=tau.dtype)[:, None].expand(-1, len(tau), -1)
        slopes = torch.autograd.grad(tau, at, grad_outputs=unit, is_grads_batched=True)
        return Equation(tau.detach().numpy(), *(s.transpose(0, 1).numpy() for s in slopes))

    def by_mass(self, z: Array, v: Array, a: Array, groups: Array) -> Array:
        """(T, k, g) generalized forces by the mass and inertia of groups (g, nbody) of bodies: what
        a unit of their common factor adds."""
        dynamics = self._scaled(groups[:, None])
        with torch.no_grad():
            wide = (x.expand(len(groups), -1, -1) for x in _tensors(z, v, a))
            q, qpos, qvel, qacc = self._joints(*wide)
            found = self._reduced(q, dynamics.inverse_dynamics(qpos, qvel, qacc))
        return np.moveaxis(found.numpy(), 0, 2)

    def pushes(self, z: Array, loads: list[Load]) -> tuple[Array, Array]:
        """What unit forces and moments of the world do: (T, k, c, 3) each, for c loads."""
        with torch.no_grad():
            q, qpos = self._still(z)
            pose = self._dynamics.kinematics(qpos)
            body = torch.tensor([load.body for load in loads])
            point = torch.stack([self._point(pose, load) for load in loads], dim=1)
            force = point_jacobian(self._dynamics.tree, pose, body, point)  # (T, c, 3, nv)
            carried = self._dynamics.tree.carried[body]  # (c, nv)
            turn = pose.axis[..., :3].transpose(-1, -2)[:, None] * carried[:, None]
            both = torch.stack([force, turn])  # (2, T, c, 3, nv)
            wide = q[:, None, None].expand(*both.shape[1:4], q.shape[-1]).expand(2, -1, -1, -1, -1)
            found = self._reduced(wide, both).permute(0, 1, 4, 2, 3).numpy()
        return found[0], found[1]

    def points(self, z: Array, loads: list[Load]) -> Array:
        """(T, c, 3) m, world, where the loads act."""
        with torch.no_grad():
            pose = self._dynamics.kinematics(self._still(z)[1])
            return torch.stack([self._point(pose, load) for load in loads], dim=1).numpy()

    def center_of_mass(self, z: Array) -> Array:
        """(T, 3) m, world."""
        with torch.no_grad():
            return self._dynamics.center_of_mass(
                self._dynamics.kinematics(self._still(z)[1])
            ).numpy()

    def _still(self, z: Array) -> tuple[Tensor, Tensor]:
        """q and qpos at z."""
        at = torch.as_tensor(z)
        q, qpos, *_ = self._joints(at, torch.zeros_like(at), torch.zeros_like(at))
        return q, qpos

    def _state(self, z: Tensor, v: Tensor, a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        lead = z.shape[:-1]
        wide = [self._default.expand(*lead, -1), *(2 * [torch.zeros_like(self._default)])]
        state = (
            base.expand(*lead, len(self._default)).index_copy(-1, self._place, part)
            for base, part in zip(wide, (z, v, a), strict=True)
        )
        return self._coordinates.couple(*state)

    def _joints(self, z: Tensor, v: Tensor, a: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Coordinates q, and qpos, qvel, qacc of the skeleton."""
        state = self._state(z, v, a)
        return (state[0], *self._coordinates.expand(*state))

    def _reduced(self, q: Tensor, tau: Tensor) -> Tensor:
        all_of_them = self._coordinates.reduce(q, tau)
        return self._coordinates.independent_forces(q, all_of_them)[..., self._kept]

    def _tau(
        self, movement: tuple[Tensor, ...], loads: list[Load], dynamics: diff.Dynamics
    ) -> Tensor:
        q, qpos, qvel, qacc = self._joints(*movement)
        tau = dynamics.inverse_dynamics(qpos, qvel, qacc)
        if loads:
            pose = dynamics.kinematics(qpos)
            force, moment = (
                torch.stack([pick(load) for load in loads], dim=1) for pick in (_force, _moment)
            )
            point = torch.stack([self._point(pose, load) for load in loads], dim=1)
            body = torch.tensor([load.body for load in loads])
            tau = tau - dynamics.external(pose, body, force, point, moment)
        return self._reduced(q, tau)

    def _point(self, pose: Kinematics, load: Load) -> Tensor:
        if load.point is not None:
            return torch.as_tensor(load.point)
        local = torch.as_tensor(np.asarray(load.local, dtype=float))[None]
        mover = load.body if load.mover is None else load.mover
        place = self._dynamics.points(pose, torch.tensor([mover]), local)[..., 0, :]
        return place - torch.tensor([0.0, 0.0, load.drop], dtype=torch.float64)

    def _scaled(self, scale: Array | None) -> diff.Dynamics:
        """The dynamics with masses and inertias times (..., nbody)."""
        if scale is None:
            return self._dynamics
        factor = torch.as_tensor(scale)
        own = self._dynamics.parameters
        return self._dynamics.with_parameters(
            mass=own["mass"] * factor, inertia=own["inertia"] * factor[..., None]
        )


def _tensors(z: Array, v: Array, a: Array) -> tuple[Tensor, Tensor, Tensor]:
    return torch.as_tensor(z), torch.as_tensor(v), torch.as_tensor(a)


def _force(load: Load) -> Tensor:
    return torch.as_tensor(load.force)


def _moment(load: Load) -> Tensor:
    return torch.zeros_like(_force(load)) if load.moment is None else torch.as_tensor(load.moment)
