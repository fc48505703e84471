"""All quantities of a symbolic model at one symbolic state, in CasADi SX."""

from __future__ import annotations

import casadi as ca
import numpy as np
from numpy.typing import NDArray

from bioenv.diff.symbolic import (
    contact_law,
    cords,
    couplers,
    joint_load,
    muscles_symbolic,
    passive,
    rigid,
)
from bioenv.diff.symbolic.contact_pairs import ContactPoint
from bioenv.diff.symbolic.limits_symbolic import limit_torque
from bioenv.diff.symbolic.parameters import Parameters
from bioenv.diff.symbolic.path_fit import FittedPaths
from bioenv.models.model import Model


class Expressions:
    """Symbols q, v, a, act, exc, rate, p, and what follows from them."""

    def __init__(
        self,
        model: Model,
        parameters: Parameters,
        points: tuple[ContactPoint, ...],
        fitted: FittedPaths,
        feet: NDArray[np.intp],
    ) -> None:
        mj, n, m = model.mj, model.mj.nv, model.mj.nu
        self.model, self.feet = model, feet
        self.q, self.v, self.a = (ca.SX.sym(name, n) for name in ("q", "v", "a"))
        self.act, self.exc, self.rate = (ca.SX.sym(name, m) for name in ("act", "exc", "rate"))
        self.p = ca.SX.sym("p", len(parameters.default))
        get = {name: self.p[where] for name, where in parameters.slices.items()}
        self.smoothing, self.strength, self.gravity = (
            get[name] for name in ("smoothing", "strength", "gravity")
        )
        # None: a constant of the model, whose zeros cost nothing.
        self.mass, self.damping = get.get("mass"), get.get("damping")

        self._rigid(points, get)
        powers = muscles_symbolic.Powers(self.q)
        self._muscles(fitted, powers, get)
        self.limit = limit_torque(mj, self.q, self.v, self.a, self.smoothing)
        self.passive = passive.passive_torque(
            mj, self.q, self.v, get.get("stiffness"), self.damping
        ) + cords.cord_torque(mj, self.q, self.smoothing)
        self.coupler = couplers.coupler_torque(mj, self.q, self.v, self.a)
        self.joint_contact = joint_load.contact_forces(
            model, self.kin, self.loads, fitted.pull, self.muscles.force, powers
        )

    def _rigid(self, points: tuple[ContactPoint, ...], get: dict[str, ca.SX]) -> None:
        """Poses, contacts, and the loads that follow from all motion."""
        self.kin = rigid.kinematics(self.model.mj, self.q)
        self.contacts = contact_law.contacts(
            self.kin, points, self.v, self.a, self.smoothing, get["softness"], get.get("friction")
        )
        self.external: rigid.External = {}
        for contact in self.contacts:
            self.external.setdefault(contact.body, []).append((contact.force, contact.point))
        self.loads = rigid.newton_euler(
            self.kin, self.v, self.a, self.gravity, self.external, self.mass
        )

    def _muscles(
        self, fitted: FittedPaths, powers: muscles_symbolic.Powers, get: dict[str, ca.SX]
    ) -> None:
        """Paths, forces, torque and activation dynamics."""
        params = self.model.muscle
        self.path = muscles_symbolic.paths(fitted.length, self.q, powers)
        self.sizes = muscles_symbolic.sizes(
            params, get.get("optimal_fiber_length"), get.get("tendon_slack_length")
        )
        self.muscles = muscles_symbolic.forces(
            params, self.path, self.v, self.act, self.strength, self.smoothing, self.sizes
        )
        self.torque = -self.path.arm.T @ self.muscles.force
        self.activation_rate = muscles_symbolic.activation_rate(
            params, self.exc, self.act, self.smoothing
        )

    @property
    def balance(self) -> ca.SX:
        """(nq,) N or N*m, what is missing for Newton."""
        motion = self.loads.generalized + ca.DM(self.model.mj.dof_armature) * self.a
        return motion - (self.passive + self.limit + self.coupler) - self.torque

    def functions(self) -> dict[str, ca.Function]:
        """Every function of SymbolicModel by name."""
        q, v, a, act, p = self.q, self.v, self.a, self.act, self.p
        muscle, params = self.muscles, self.model.muscle
        center = rigid.center_of_mass(self.kin, self.mass)
        excitation = muscles_symbolic.excitation(params, act, self.rate, self.smoothing)
        metabolic = muscles_symbolic.bhargava(
            params, muscle, self.path.arm @ v, act, self.exc, self.strength, self.smoothing,
            self.sizes,
        )  # fmt: skip
        table: dict[str, tuple[list[ca.SX], list[ca.SX]]] = {
            "balance": ([q, v, a, act, p], [self.balance]),
            "contact_force": ([q, v, a, p], [_rows([c.force for c in self.contacts])]),
            "contact_point": ([q], [_rows([c.point for c in self.contacts])]),
            "muscle": ([q, v, act, p], [muscle.force, muscle.length, muscle.velocity]),
            "muscle_torque": ([q, v, act, p], [self.torque]),
            "muscle_path": ([q], [self.path.length, self.path.arm]),
            "limit_torque": ([q, v, a, p], [self.limit]),
            "passive_torque": ([q, v, p], [self.passive]),
            "grf": ([q, v, a, p], [_rows(self._foot_forces())]),
            "contact_loss": ([q, v, a, p], [self._contact_loss()]),
            "positions": ([q], [_rows(self._positions())]),
            "com": ([q, p], [center]),
            "com_velocity": ([q, v, p], [ca.jtimes(center, q, v)]),
            "joint_contact": ([q, v, a, act, p], [_rows(self.joint_contact)]),
            "metabolic": ([q, v, act, self.exc, p], [metabolic]),
            "excitation": ([act, self.rate, p], [excitation]),
            "activation_rate": ([act, self.exc, p], [self.activation_rate]),
        }
        return {
            name: ca.Function(name, inputs, [ca.densify(o) for o in outputs])
            for name, (inputs, outputs) in table.items()
        }

    def _foot_forces(self) -> list[ca.SX]:
        total = [ca.SX(3, 1) for _ in self.model.feet]
        for foot, contact in zip(self.feet, self.contacts, strict=True):
            if foot >= 0:
                total[int(foot)] += contact.force
        return total

    def _contact_loss(self) -> ca.SX:
        return -sum((ca.dot(c.force, c.velocity) for c in self.contacts), ca.SX(0.0))

    def _positions(self) -> list[ca.SX]:
        mj = self.model.mj
        sites = [self.kin.point(int(mj.site_bodyid[s]), mj.site_pos[s]) for s in range(mj.nsite)]
        return [*self.kin.position, *sites]


def _rows(vectors: list[ca.SX]) -> ca.SX:
    """(n, 3) of n vectors (3,)."""
    if not vectors:
        return ca.SX(0, 3)
    return ca.horzcat(*vectors).T
