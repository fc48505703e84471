"""Dynamics: a Model in torch, differentiable by states, controls and parameters.

    dyn = Dynamics(models.load("walker2d"))
    tau = dyn.inverse_dynamics(q, v, a)          # (..., nv), for any leading batch axes
    heavy = dyn.with_parameters(mass=mass)       # mass may require grad, or be batched

Same bodies, muscles and contacts as MuJoCo's, float64.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from types import MappingProxyType

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bioenv.diff import constraints, forward, muscles, parameters, rigid
from bioenv.diff.constraints import ScalarConstraints
from bioenv.diff.contact_law import ContactLaw, Contacts, Touch, contact_arrays
from bioenv.diff.kinematics import Frame, Kinematics, kinematics, points
from bioenv.diff.muscles import Curves, MuscleState
from bioenv.diff.passive import Passive
from bioenv.diff.paths import MusclePath, Paths
from bioenv.diff.supported import check_supported
from bioenv.diff.tree import tree
from bioenv.errors import BioenvError
from bioenv.models.model import Model, muscle_parameters


class Dynamics:
    """Rigid bodies, muscles, contacts and limits of one model.

    All methods take float64 tensors (or arrays) q (..., nq), v, a (..., nv), activation (..., nm)
    in SI units, radians, world z up, with any leading batch axes that broadcast, and agree with
    MuJoCo. A free joint has 7 numbers in q and 6 in v, a ball 4 and 3, as in MuJoCo.

    Attributes:
        mj: the MjModel; name; nq, nv, nm.
        parameters: the model's numbers by name (`bioenv.diff.PARAMETERS` says their units).

    Raises BioenvError for a model with elements that cannot be expressed, named.
    """

    def __init__(self, model: Model | mujoco.MjModel) -> None:
        mj, name = (model.mj, model.name) if isinstance(model, Model) else (model, "model")
        check_supported(mj, name)
        self.mj, self.name = mj, name
        self.nq, self.nv, self.nm = int(mj.nq), int(mj.nv), int(mj.nu)
        self.tree = tree(mj)
        muscle = muscle_parameters(mj, name) if mj.nu else None
        self._curves = None if muscle is None else Curves(muscle)
        self._paths = Paths(mj) if mj.nu else None
        arrays = contact_arrays(mj)
        self.contact_law = ContactLaw(arrays)
        self._scalar, self._passive = ScalarConstraints(mj), Passive(mj)
        self._turned = _matrices(mj.body_quat), _matrices(mj.body_iquat)
        self.parameters: Mapping[str, Tensor] = {}
        self._set(parameters.defaults(mj, muscle, arrays))

    def with_parameters(self, **values: Tensor | float | NDArray[np.float64]) -> Dynamics:
        """The same model with some parameters replaced; leading batch axes are free.

        Contacts and limits keep their inverse weights, by which MuJoCo scales them to the masses it
        was compiled with. Raises BioenvError for an unknown name or a wrong shape.
        """
        other = copy.copy(self)
        other._set(parameters.replaced(self.parameters, values))
        return other

    def _set(self, values: dict[str, Tensor]) -> None:
        mj = self.mj
        constant = {
            name: torch.tensor(np.array(x, dtype=float))
            for name, x in (("anchor", mj.jnt_pos), ("axis", mj.jnt_axis), ("reference", mj.qpos0))
        }
        self.parameters = MappingProxyType(values)
        self._frame = Frame(values["body_position"], self._turned[0], **constant)
        self._inertia = rigid.Inertia(
            values["mass"],
            values["center_of_mass"],
            values["inertia"],
            self._turned[1],
            values["armature"],
            values["gravity"],
            torch.tensor(1.0 - mj.body_gravcomp),
        )

    def kinematics(self, q: Tensor) -> Kinematics:
        """Poses of all bodies."""
        return kinematics(self.tree, self._frame, self._last(q, "q", self.nq))

    def points(self, pose: Kinematics, body: Tensor, local: Tensor) -> Tensor:
        """(..., k, 3) m, world, of points fixed in bodies: body (k,) ids, local (..., k, 3) m."""
        return points(pose, body, local)

    def center_of_mass(self, pose: Kinematics) -> Tensor:
        """(..., 3) m, world."""
        return rigid.center_of_mass(self._inertia, pose)

    def mass_matrix(self, q: Tensor) -> Tensor:
        """(..., nv, nv), with armature."""
        return rigid.mass_matrix(self.tree, self._inertia, self.kinematics(q))

    def bias(self, q: Tensor, v: Tensor) -> Tensor:
        """(..., nv) N or N*m of Coriolis and centrifugal forces and weight (less what gravity
        compensation carries, which MuJoCo counts as passive)."""
        return self.inverse_dynamics(q, v, torch.zeros((), dtype=torch.float64).expand(self.nv))

    def inverse_dynamics(self, q: Tensor, v: Tensor, a: Tensor) -> Tensor:
        """M a + bias, (..., nv) N or N*m: no springs, no contacts, no muscles."""
        v, a = self._last(v, "v", self.nv), self._last(a, "a", self.nv)
        return rigid.inverse_dynamics(self.tree, self._inertia, self.kinematics(q), v, a)

    def external(
        self,
        pose: Kinematics,
        body: Tensor,
        force: Tensor,
        point: Tensor,
        moment: Tensor | None = None,
    ) -> Tensor:
        """(..., nv) sum of J^T f: body (k,) ids; force N, world point m, moment N*m (..., k, 3)."""
        return rigid.external(self.tree, pose, body, force, point, moment)

    def passive_torque(self, q: Tensor, v: Tensor) -> Tensor:
        """(..., nv) N or N*m of the joints' springs and dampers."""
        q, v = self._last(q, "q", self.nq), self._last(v, "v", self.nv)
        return self._passive.torque(self.parameters, q, v)

    def constraint_torque(self, q: Tensor, v: Tensor, a: Tensor) -> Tensor:
        """(..., nv) N or N*m of the ends of ranges and of tied coordinates."""
        q, v, a = (self._last(x, n, k) for x, n, k in ((q, "q", self.nq), (v, "v", self.nv),
                                                       (a, "a", self.nv)))  # fmt: skip
        rows = self._scalar.rows(q, v)
        force, _ = constraints.forces(rows, a)
        return (rows.jacobian.transpose(-1, -2) @ force[..., None])[..., 0]

    def contacts(self, q: Tensor, v: Tensor, a: Tensor) -> Contacts:
        """Forces of the ground at every contact point, explicit in the acceleration."""
        touch = self._touch(self.kinematics(q), self._last(v, "v", self.nv))
        return self.contact_law.contacts(touch, self._last(a, "a", self.nv))

    def muscle_path(self, q: Tensor) -> MusclePath:
        """Lengths (..., nm) m and their derivatives by the coordinates (..., nm, nv)."""
        return self._with_muscles()[0](self.tree, self.kinematics(q), self._last(q, "q", self.nq))

    def muscle(self, q: Tensor, v: Tensor, activation: Tensor) -> MuscleState:
        """Forces, fiber lengths and velocities of all muscles."""
        return self._pull(self.muscle_path(q), self._last(v, "v", self.nv), activation)

    def muscle_torque(self, q: Tensor, v: Tensor, activation: Tensor) -> Tensor:
        """(..., nv) N or N*m of all muscles."""
        path = self.muscle_path(q)
        return _torque(path, self._pull(path, self._last(v, "v", self.nv), activation).force)

    def activation_rate(self, excitation: Tensor, activation: Tensor) -> Tensor:
        """(..., nm) 1/s."""
        return muscles.activation_rate(
            self._with_muscles()[1],
            self.parameters,
            self._last(excitation, "excitation", self.nm),
            self._last(activation, "activation", self.nm),
        )

    def balance(self, q: Tensor, v: Tensor, a: Tensor, activation: Tensor | None = None) -> Tensor:
        """(..., nv) N or N*m that is missing for Newton: zero on a motion of the model.

        ``M a + bias - passive - constraints - contacts - muscles``.
        """
        found = self.contacts(q, v, a)
        ground = self.external(self.kinematics(q), self.contact_law.body, found.force, found.point)
        tau = self.inverse_dynamics(q, v, a) - self.passive_torque(q, v) - ground
        tau = tau - self.constraint_torque(q, v, a)
        return tau if activation is None else tau - self.muscle_torque(q, v, activation)

    def forward_dynamics(
        self,
        q: Tensor,
        v: Tensor,
        activation: Tensor | None = None,
        *,
        torque: Tensor | None = None,
        guess: Tensor | None = None,
    ) -> Tensor:
        """qacc (..., nv), through contacts and limits, with exact first derivatives.

        Args:
            activation: (..., nm), or None for limp muscles that do not even pull passively.
            torque: (..., nv) N or N*m more on every coordinate; guess: (..., nv) where to start.

        Raises BioenvError when the solver does not arrive.
        """
        return self.accelerated(q, v, activation, torque, guess)[0]

    def accelerated(
        self,
        q: Tensor,
        v: Tensor,
        activation: Tensor | None,
        torque: Tensor | None = None,
        guess: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """qacc (..., nv), mass matrix, and minus the derivative of dampers' and muscles' torque by
        the velocity (..., nv, nv): what MuJoCo's implicit integrators need."""
        q, v = self._last(q, "q", self.nq), self._last(v, "v", self.nv)
        pose = self.kinematics(q)
        mass = rigid.mass_matrix(self.tree, self._inertia, pose)
        bias = rigid.inverse_dynamics(self.tree, self._inertia, pose, v, torch.zeros_like(v))
        force = self._passive.torque(self.parameters, q, v) - bias
        drag = torch.diag_embed(self._passive.velocity_slope(self.parameters, v))
        if activation is not None:
            path = self._with_muscles()[0](self.tree, pose, q)
            state = self._pull(path, v, activation)
            force = force + _torque(path, state.force)
            drag = drag + path.slope.transpose(-1, -2) @ (state.damping[..., None] * path.slope)
        if torque is not None:
            force = force + self._last(torque, "torque", self.nv)
        rows = self._scalar.rows(q, v) if self._scalar.count else None
        touch = self._touch(pose, v) if self.contact_law.count else None
        system = forward.System(mass, force, rows, touch, self.contact_law)
        return forward.solve(system, guess).qacc, mass, drag

    def _touch(self, pose: Kinematics, v: Tensor) -> Touch:
        return self.contact_law.touch(self.tree, pose, v, self.parameters)

    def _pull(self, path: MusclePath, v: Tensor, activation: Tensor) -> MuscleState:
        velocity = (path.slope @ v[..., None])[..., 0]
        active = self._last(activation, "activation", self.nm)
        curves = self._with_muscles()[1]
        return muscles.muscle(curves, self.parameters, path.length, velocity, active)

    def _with_muscles(self) -> tuple[Paths, Curves]:
        if self._paths is None or self._curves is None:
            raise BioenvError(f"model {self.name!r} has no muscles")
        return self._paths, self._curves

    def _last(self, values: Tensor, name: str, count: int) -> Tensor:
        """A float64 tensor that ends in `count` numbers."""
        tensor = torch.as_tensor(values, dtype=torch.float64)
        if tensor.ndim == 0 or tensor.shape[-1] != count:
            raise BioenvError(
                f"{name} must end in {count} numbers for model {self.name!r}, "
                f"got shape {tuple(tensor.shape)}"
            )
        return tensor


def _torque(path: MusclePath, force: Tensor) -> Tensor:
    """A pull of F along a path of length l(q) does the work -F dl: its torque is -F dl/dq."""
    return -(path.slope.transpose(-1, -2) @ force[..., None])[..., 0]


def _matrices(quaternions: NDArray[np.float64]) -> Tensor:
    """(n, 3, 3) rotations of quaternions (n, 4), by MuJoCo."""
    out = np.empty((len(quaternions), 9))
    for row, quaternion in zip(out, quaternions, strict=True):
        mujoco.mju_quat2Mat(row, quaternion)
    return torch.tensor(out.reshape(-1, 3, 3))
