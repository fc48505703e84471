"""A Model as CasADi functions: what trajectory optimization differentiates.

The same body as in MuJoCo: rigid-body dynamics, springs, dampers, ends of range, contact law and
muscles are those of the MjModel, only rounded by an adjustable ``smoothing``. Muscle paths are
fitted polynomials; their errors are reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import casadi as ca
import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.diff.symbolic.contact_pairs import ContactPoint, contact_points
from bioenv.diff.symbolic.expressions import Expressions
from bioenv.diff.symbolic.parameters import Parameters, layout
from bioenv.diff.symbolic.path_fit import FittedPaths, PathError, fit_paths
from bioenv.diff.symbolic.path_samples import subtree
from bioenv.diff.symbolic.supported import check_supported
from bioenv.errors import unknown
from bioenv.models.model import Model

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SymbolicModel:
    """CasADi functions of one model. q, v, a: qpos, qvel, qacc (nq,); act, exc: (nm,) 0..1.

    Functions (all SX; units as in MuJoCo, world axes, muscles pull positive):
        balance(q, v, a, act, p) -> (nq,) N or N*m: what is missing for Newton, zero on a motion.
        contact_force(q, v, a, p), contact_point(q) -> (n_contact, 3) N and m.
        muscle(q, v, act, p) -> force N, fiber length in L0, fiber velocity in vmax; (nm,) each.
        muscle_torque(q, v, act, p), limit_torque(q, v, a, p), passive_torque(q, v, p) -> (nq,).
        grf(q, v, a, p) -> (feet, 3) N; contact_loss(q, v, a, p) -> W that the ground takes up.
        positions(q) -> (len(position_names), 3) m; com(q, p), com_velocity(q, v, p) -> (3,).
        joint_contact(q, v, a, act, p) -> (joints, 3) N on the child in its frame.
        metabolic(q, v, act, exc, p) -> (nm,) W, Bhargava 2004.
        excitation(act, rate, p), activation_rate(act, exc, p) -> (nm,).
        muscle_path(q) -> length (nm,) m and its derivative (nm, nq).

    Attributes:
        parameters: layout and defaults of p: ``smoothing`` (0: MuJoCo's corners, 1 close, 20
            round), ``softness`` (contact, 1 is MuJoCo's), ``strength`` (nm,), ``gravity`` (3,).
        contacts: the contact points; contact_foot (n_contact,) index in ``model.feet``, -1 none.
        position_names: "body:<name>" and "site:<name>".
        expressions: the same quantities as SX, to build more functions of.
        path_error: by muscle; valid_range (nq, 2): where the paths hold; keep q within it.
    """

    model: Model
    parameters: Parameters
    contacts: tuple[ContactPoint, ...]
    contact_foot: NDArray[np.intp]
    paths: FittedPaths
    position_names: tuple[str, ...]
    expressions: Expressions
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


def build(
    model: Model, *, smoothing: float = 1.0, contact_softness: float = 1.0, free: Sequence[str] = ()
) -> SymbolicModel:
    """The symbolic model of a body; smoothing and softness are defaults of parameters.

    Args:
        free: more parameters, in this order after the others: ``mass`` (nbody,) kg, at unchanged
            inertia about each center of mass; ``damping`` (nv,), ``stiffness`` (njnt,) of the
            joints; ``optimal_fiber_length``, ``tendon_slack_length`` (nm,) m; ``friction``
            (n_contact,) factors of the sliding friction. Every one costs operations, so name
            only what changes. Contacts and ends of range keep the inverse weights of the
            model's own masses, as MuJoCo does until mj_setConst.

    Raises BioenvError naming an element of the model that cannot be expressed.
    """
    check_supported(model)
    points = contact_points(model.mj)
    parameters = layout(model, len(points), smoothing, contact_softness, free)
    fitted = fit_paths(model)
    feet = _contact_feet(model, points)
    names = tuple(
        [f"body:{model.mj.body(i).name}" for i in range(model.mj.nbody)]
        + [f"site:{model.mj.site(i).name}" for i in range(model.mj.nsite)]
    )
    expressions = Expressions(model, parameters, points, fitted, feet)
    return SymbolicModel(
        model=model,
        parameters=parameters,
        contacts=points,
        contact_foot=feet,
        paths=fitted,
        position_names=names,
        expressions=expressions,
        **expressions.functions(),
    )


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
