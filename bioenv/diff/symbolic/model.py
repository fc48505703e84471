"""A Model as CasADi functions: what trajectory optimization differentiates.

The same body as in MuJoCo: rigid-body dynamics, springs, dampers, ends of range, contact law and
muscles are those of the MjModel, only rounded by an adjustable ``smoothing``. Muscle paths are
fitted polynomials; their errors are reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import casadi as ca
import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.diff.symbolic import contact_law, couplers, joint_load, muscles_symbolic, passive, rigid
from bioenv.diff.symbolic.contact_pairs import ContactPoint, contact_points
from bioenv.diff.symbolic.limits_symbolic import limit_torque
from bioenv.diff.symbolic.path_fit import FittedPaths, PathError, fit_paths
from bioenv.diff.symbolic.path_samples import subtree
from bioenv.diff.symbolic.supported import check_supported
from bioenv.errors import BioenvError, unknown
from bioenv.models.model import Model

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Parameters:
    """Layout of the parameter vector p: names, where each lies, and its default."""

    slices: Mapping[str, slice]
    default: Array

    def pack(self, **values: ArrayLike) -> Array:
        """p (np,) from defaults and ``values`` by name; a scalar fills an array.

        Raises BioenvError for an unknown name or a wrong size.
        """
        p = self.default.copy()
        for name, value in values.items():
            if name not in self.slices:
                raise unknown("parameter", name, self.slices)
            where = self.slices[name]
            array = np.asarray(value, dtype=float)
            if array.shape not in ((), (1,), (where.stop - where.start,)):
                raise BioenvError(
                    f"parameter {name} must have {where.stop - where.start} values, "
                    f"got shape {array.shape}"
                )
            p[where] = array
        return p


@dataclass(frozen=True, eq=False)
class SymbolicModel:
    """CasADi functions of one model. q, v, a: qpos, qvel, qacc (nq,); act, exc: (nm,) 0..1.

    Functions (all SX; units as in MuJoCo, world axes, muscles pull positive):
        balance(q, v, a, act, p) -> (nq,) N or N*m: what is missing for Newton, zero on a motion.
        contact_force(q, v, a, p), contact_point(q) -> (n_contact, 3) N and m.
        muscle(q, v, act, p) -> force N, fiber length in L0, fiber velocity in vmax; (nm,) each.
        muscle_torque(q, v, act, p), limit_torque(q, v, a, p), passive_torque(q, v) -> (nq,).
        grf(q, v, a, p) -> (feet, 3) N; contact_loss(q, v, a, p) -> W that the ground takes up.
        positions(q) -> (len(position_names), 3) m; com(q), com_velocity(q, v) -> (3,).
        joint_contact(q, v, a, act, p) -> (joints, 3) N on the child in its frame.
        metabolic(q, v, act, exc, p) -> (nm,) W, Bhargava 2004.
        excitation(act, rate, p), activation_rate(act, exc, p) -> (nm,).
        muscle_path(q) -> length (nm,) m and its derivative (nm, nq).

    Attributes:
        parameters: layout and defaults of p: ``smoothing`` (0: MuJoCo's corners, 1 close, 20
            round), ``softness`` (contact, 1 is MuJoCo's), ``strength`` (nm,), ``gravity`` (3,).
        contacts: the contact points; contact_foot (n_contact,) index in ``model.feet``, -1 none.
        position_names: "body:<name>" and "site:<name>".
        path_error: by muscle; valid_range (nq, 2): where the paths hold; keep q within it.
    """

    model: Model
    parameters: Parameters
    contacts: tuple[ContactPoint, ...]
    contact_foot: NDArray[np.intp]
    paths: FittedPaths
    position_names: tuple[str, ...]
    balance: ca.Function
    contact_force: ca.Function
    contact_point: ca.Function
    muscle: ca.Function
    muscle_torque: ca.Function
    muscle_path: ca.Function
    limit_torque: ca.Function
    passive_torque: ca.Function
    grf: ca.Function
    contact_loss: ca.Function
    positions: ca.Function
    com: ca.Function
    com_velocity: ca.Function
    joint_contact: ca.Function
    metabolic: ca.Function
    excitation: ca.Function
    activation_rate: ca.Function

    @property
    def nq(self) -> int:
        """Number of coordinates."""
        return int(self.model.mj.nq)

    @property
    def nm(self) -> int:
        """Number of muscles."""
        return int(self.model.mj.nu)

    @property
    def n_contact(self) -> int:
        """Number of contact points."""
        return len(self.contacts)

    @property
    def valid_range(self) -> Array:
        """(nq, 2) rad or m where the fitted paths hold: keep coordinates within it."""
        return self.paths.valid

    @cached_property
    def path_error(self) -> dict[str, PathError]:
        """Error of the fitted path by muscle."""
        return dict(zip(self.model.muscles, self.paths.error, strict=True))

    def position(self, name: str) -> int:
        """Row of a point in ``positions(q)``; the name of a body or site, the prefix optional."""
        for full in (name, f"site:{name}", f"body:{name}"):
            if full in self.position_names:
                return self.position_names.index(full)
        raise unknown("body or site", name, [n.split(":")[1] for n in self.position_names])


def build(model: Model, *, smoothing: float = 1.0, contact_softness: float = 1.0) -> SymbolicModel:
    """The symbolic model of a body; the arguments are defaults of parameters.

    Raises BioenvError naming an element of the model that cannot be expressed.
    """
    check_supported(model)
    parameters = _parameters(model, smoothing, contact_softness)
    points = contact_points(model.mj)
    fitted = fit_paths(model)
    feet = _contact_feet(model, points)
    expressions = _Expressions(model, parameters, points, fitted, feet)
    names = tuple(
        [f"body:{model.mj.body(i).name}" for i in range(model.mj.nbody)]
        + [f"site:{model.mj.site(i).name}" for i in range(model.mj.nsite)]
    )
    return SymbolicModel(
        model=model,
        parameters=parameters,
        contacts=points,
        contact_foot=feet,
        paths=fitted,
        position_names=names,
        **expressions.functions(),
    )


class _Expressions:
    """All quantities at one symbolic state."""

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
        self.smoothing, self.strength = get["smoothing"], get["strength"]

        self.kin = rigid.kinematics(mj, self.q)
        self.contacts = contact_law.contacts(
            self.kin, points, self.v, self.a, self.smoothing, get["softness"]
        )
        external: dict[int, list[tuple[ca.SX, ca.SX]]] = {}
        for contact in self.contacts:
            external.setdefault(contact.body, []).append((contact.force, contact.point))
        self.loads = rigid.newton_euler(self.kin, self.v, self.a, get["gravity"], external)
        powers = muscles_symbolic.Powers(self.q)
        self.path = muscles_symbolic.paths(fitted.length, self.q, powers)
        self.muscles = muscles_symbolic.forces(
            model.muscle, self.path, self.v, self.act, self.strength, self.smoothing
        )
        self.limit = limit_torque(mj, self.q, self.v, self.a, self.smoothing)
        self.passive = passive.passive_torque(mj, self.q, self.v)
        self.coupler = couplers.coupler_torque(mj, self.q, self.v, self.a)
        self.torque = -self.path.arm.T @ self.muscles.force
        self.joint_contact = joint_load.contact_forces(
            model, self.kin, self.loads, fitted.pull, self.muscles.force, powers
        )

    def functions(self) -> dict[str, ca.Function]:
        """Every function of SymbolicModel by name."""
        q, v, a, act, p = self.q, self.v, self.a, self.act, self.p
        muscle, mj, params = self.muscles, self.model.mj, self.model.muscle
        motion = self.loads.generalized + ca.DM(mj.dof_armature) * a
        given = self.passive + self.limit + self.coupler
        center = rigid.center_of_mass(self.kin)
        rate = muscles_symbolic.activation_rate(params, self.exc, act, self.smoothing)
        excitation = muscles_symbolic.excitation(params, act, self.rate, self.smoothing)
        metabolic = muscles_symbolic.bhargava(
            params, muscle, self.path.arm @ v, act, self.exc, self.strength, self.smoothing
        )
        table: dict[str, tuple[list[ca.SX], list[ca.SX]]] = {
            "balance": ([q, v, a, act, p], [motion - given - self.torque]),
            "contact_force": ([q, v, a, p], [_rows([c.force for c in self.contacts])]),
            "contact_point": ([q], [_rows([c.point for c in self.contacts])]),
            "muscle": ([q, v, act, p], [muscle.force, muscle.length, muscle.velocity]),
            "muscle_torque": ([q, v, act, p], [self.torque]),
            "muscle_path": ([q], [self.path.length, self.path.arm]),
            "limit_torque": ([q, v, a, p], [self.limit]),
            "passive_torque": ([q, v], [self.passive]),
            "grf": ([q, v, a, p], [_rows(self._foot_forces())]),
            "contact_loss": ([q, v, a, p], [self._contact_loss()]),
            "positions": ([q], [_rows(self._positions())]),
            "com": ([q], [center]),
            "com_velocity": ([q, v], [ca.jtimes(center, q, v)]),
            "joint_contact": ([q, v, a, act, p], [_rows(self.joint_contact)]),
            "metabolic": ([q, v, act, self.exc, p], [metabolic]),
            "excitation": ([act, self.rate, p], [excitation]),
            "activation_rate": ([act, self.exc, p], [rate]),
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


def _parameters(model: Model, smoothing: float, softness: float) -> Parameters:
    defaults: dict[str, Array] = {
        "smoothing": np.array([smoothing]),
        "softness": np.array([softness]),
        "strength": np.ones(model.mj.nu),
        "gravity": np.array(model.mj.opt.gravity),
    }
    slices, start = {}, 0
    for name, value in defaults.items():
        slices[name] = slice(start, start + len(value))
        start += len(value)
    return Parameters(slices, np.concatenate(list(defaults.values())))


def _contact_feet(model: Model, points: tuple[ContactPoint, ...]) -> NDArray[np.intp]:
    """(n_contact,) index of the foot whose force sensor counts each contact point; -1 for none."""
    mj = model.mj
    out = np.full(len(points), -1, dtype=np.intp)
    bodies = (int(mujoco.mjtObj.mjOBJ_BODY), int(mujoco.mjtObj.mjOBJ_XBODY))
    for index, foot in enumerate(model.feet):
        sensor = mj.sensor(f"grf_{foot}").id
        for kind, number in (
            (mj.sensor_objtype[sensor], mj.sensor_objid[sensor]),
            (mj.sensor_reftype[sensor], mj.sensor_refid[sensor]),
        ):
            if int(kind) in bodies:
                inside = subtree(mj, int(number))
                out[[i for i, point in enumerate(points) if inside[point.body]]] = index
    return out


def _rows(vectors: list[ca.SX]) -> ca.SX:
    """(n, 3) of n vectors (3,)."""
    if not vectors:
        return ca.SX(0, 3)
    return ca.horzcat(*vectors).T
