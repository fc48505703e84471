"""Goals: what a movement is optimal for, by the names of the environments' reward terms.

Every goal is the mean over the movement's time of a quantity. Where :mod:`bioenv.envs.terms` has
one of the same name, it is the same, so that a weight means the same to a policy and to an optimal
control.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import casadi as ca
import mujoco
import numpy as np

from bioenv.agents.trajopt.tracks import Track
from bioenv.diff.symbolic import smooth
from bioenv.errors import BioenvError, unknown
from bioenv.models import Model
from bioenv.models.goals import (
    ACCELERATION_SIZE,
    ACTIVATION_RATE_SIZE,
    CONTROL_DT,
    IMPACT_THRESHOLD,
    LOADING_RATE_SIZE,
)

_LIMIT = 1.0  # N*m over which the torque's absolute value is rounded
_FOLD = {"hip_flexion": 0.4, "knee_angle": 0.9}  # rad, of a swinging leg
_HINGE = mujoco.mjtJoint.mjJNT_HINGE
STANCE = 0.62
"""Share of the cycle that a foot stands, as in the walking tasks of the environments."""


@dataclass(frozen=True, eq=False)
class Point:
    """One instant of the movement in symbols: q (nq,), v, a (nq,), act, rate (nm,), p.

    `phase` is the gait clock: cycles since the start of the movement. `symbolic` gives forces as
    functions of these; what is not asked for is not built.
    """

    symbolic: Any
    q: ca.SX
    v: ca.SX
    a: ca.SX
    act: ca.SX
    rate: ca.SX
    p: ca.SX
    phase: ca.SX = field(default_factory=lambda: ca.SX(0.0))

    @property
    def model(self) -> Model:
        """The body."""
        return self.symbolic.model

    @cached_property
    def excitation(self) -> ca.SX:
        """(nm,) what drives the activation at its rate; smooth where rising turns into falling."""
        return self.symbolic.excitation(self.act, self.rate, self.p)

    @cached_property
    def ground_reaction_force(self) -> ca.SX:
        """(feet, 3) N."""
        return self.symbolic.grf(self.q, self.v, self.a, self.p)


def time_constants(model: Model, act: ca.SX) -> tuple[ca.SX, ca.SX]:
    """(nm,) s, of rising and of falling activation (as :func:`bioenv.models.muscle` has them)."""
    shape = 0.5 + 1.5 * act
    return ca.DM(model.muscle.tau_act) * shape, ca.DM(model.muscle.tau_deact) / shape


class Squares(NamedTuple):
    """A goal that is a sum of squares, by what is squared.

    The solver leaves the residuals' own curvature out of the Hessian (Gauss-Newton, e.g. Nocedal
    and Wright 2006, 10.3): it is dear, and what is left cannot bend the wrong way.
    """

    residual: ca.SX


Term = ca.SX | Squares


def value(term: Term) -> ca.SX:
    """The value of a goal."""
    return ca.sumsqr(term.residual) if isinstance(term, Squares) else term


def _effort(s: Point) -> ca.SX:
    return ca.sumsqr(s.act) / s.act.numel()


def _effort_cubed(s: Point) -> ca.SX:
    return ca.sum1(s.act**3) / s.act.numel()


def _metabolic(s: Point) -> ca.SX:
    rate = s.symbolic.metabolic(s.q, s.v, s.act, s.excitation, s.p)
    return ca.sum1(rate) / s.model.mass


def _joint_load(s: Point) -> Squares:
    force = s.symbolic.joint_contact(s.q, s.v, s.a, s.act, s.p)
    return Squares(ca.vec(force) / (np.sqrt(force.shape[0]) * s.model.body_weight))


def _ground_impact(s: Point) -> Squares:
    load = s.ground_reaction_force[:, 2] / s.model.body_weight
    return Squares(ca.fmax(load - IMPACT_THRESHOLD, 0.0))


def _contact_loss(s: Point) -> ca.SX:
    """Power that the ground takes up by damping and friction, W per kg of body."""
    return s.symbolic.contact_loss(s.q, s.v, s.a, s.p) / s.model.mass


def _footsteps(s: Point) -> ca.SX:
    """Distance from stepping in time: mean squared errors, feet in (m/s)^2 and (5 cm)^2.

    The contact points of a foot stand for the share `STANCE` of the gait clock's cycle, then swing
    to their next place in a parabola of velocity, 10 cm higher; the joints stay near the home pose,
    a swinging leg folds. Speed and clock are all that is in it, nothing measured. First stages need
    it: a body that stands does not know that it could take steps.
    """
    model = s.model
    q, v = ca.SX.sym("q", s.q.numel()), ca.SX.sym("v", s.v.numel())
    points = s.symbolic.contact_point(q)
    flat = ca.vec(points)
    moves = ca.Function("feet", [q, v], [points, ca.reshape(ca.jtimes(flat, q, v), points.shape)])
    here, change = moves(s.q, s.v)
    standing = np.asarray(s.symbolic.contact_point(model.home))[:, 2]
    forward = ca.dot(s.v, ca.DM(_forward(model)))
    error, feet = ca.SX(0.0), s.symbolic.contact_foot
    for i, foot in enumerate(feet):
        if foot < 0:  # a seat steps nowhere
            continue
        swing = _swing(s, model.feet[foot])
        wanted = forward * 6.0 * swing * (1.0 - swing) / (1.0 - STANCE)
        height = float(standing[i]) + 0.1 * ca.sin(np.pi * swing)
        error += (change[i, 0] - wanted) ** 2 + ((here[i, 2] - height) / 0.05) ** 2
    return error / max(len(feet), 1) + _posture(s)


def _swing(s: Point, foot: str) -> ca.SX:
    """Share 0..1 of the swing of a foot that is over by the gait clock; 0 in stance."""
    phase = s.phase + (0.5 if foot == "l" else 0.0)
    return ca.fmax((phase - ca.floor(phase) - STANCE) / (1.0 - STANCE), 0.0)


def _posture(s: Point) -> ca.SX:
    """Mean squared distance from the home pose with the swinging leg folded: 0.5 rad, 5 cm."""
    model = s.model
    size = np.where(model.mj.jnt_type == _HINGE, 0.5, 0.05)
    bent = (s.q - model.home) / size
    for joint, fold in _FOLD.items():
        for foot in model.feet:
            if f"{joint}_{foot}" in model.coordinates:
                i = model.coordinate_index(f"{joint}_{foot}")
                bent[i] -= fold * ca.sin(np.pi * _swing(s, foot)) / size[i]
    bent = bent[np.flatnonzero(_forward(model) == 0.0).tolist()]
    return ca.sumsqr(bent) / max(bent.numel(), 1)


def _time(s: Point) -> ca.SX:
    """1: the price of every second, in a problem whose goals are totals."""
    return ca.SX(1.0)


def _foot_motion(s: Point) -> Squares:
    """Mean squared velocity of the feet's contact points in (10 cm/s)^2: feet that stand, stay."""
    q, v = ca.SX.sym("q", s.q.numel()), ca.SX.sym("v", s.v.numel())
    feet = np.flatnonzero(s.symbolic.contact_foot >= 0).tolist()
    points = s.symbolic.contact_point(q)[feet, :]
    moves = ca.Function("feet", [q, v], [ca.jtimes(ca.vec(points), q, v)])
    return Squares(moves(s.q, s.v) / (0.1 * np.sqrt(max(len(feet), 1))))


def _forward(model: Model) -> np.ndarray:
    """(nv,) 1 for the slide along x."""
    slides = model.mj.jnt_type == mujoco.mjtJoint.mjJNT_SLIDE
    return np.where(slides & (np.abs(model.mj.jnt_axis[:, 0]) > 0.5), 1.0, 0.0)


def _limit_torque(s: Point) -> ca.SX:
    """N*m, sum of the torques of ligaments and bone at the ends of the ranges."""
    torque = s.symbolic.limit_torque(s.q, s.v, s.a, s.p)
    return ca.sum1(smooth.absolute(torque, _LIMIT) - _LIMIT)


def _acceleration(s: Point) -> ca.SX:
    """Mean squared acceleration of the hinges in (10 rad/s^2)^2: keeps rates smooth."""
    return ca.sumsqr(s.a / ACCELERATION_SIZE) / s.a.numel()


def _activation_rate(s: Point) -> ca.SX:
    """Mean squared rate of activation in (10/s)^2."""
    return ca.sumsqr(s.rate / ACTIVATION_RATE_SIZE) / s.rate.numel()


def _smoothness(s: Point, t: Point, h: ca.SX) -> Squares:
    step = (t.excitation - s.excitation) * (CONTROL_DT / h)
    return Squares(step / np.sqrt(step.numel()))


def _loading_rate(s: Point, t: Point, h: ca.SX) -> Squares:
    """Squared rate of the ground reaction force in (20 body weights/s)^2, summed over feet."""
    change = (t.ground_reaction_force - s.ground_reaction_force) / s.model.body_weight
    return Squares(ca.vec(change) / (h * LOADING_RATE_SIZE))


def _jerk(s: Point, t: Point, h: ca.SX) -> Squares:
    """Mean squared jerk of the hand in (100 m/s^3)^2 (Flash & Hogan 1985)."""
    change = hand_acceleration(t) - hand_acceleration(s)
    return Squares(change / h / 100.0)


def hand_acceleration(s: Point) -> ca.SX:
    """(3,) m/s^2 of the site "hand"."""
    q, v, a = (ca.SX.sym(name, s.q.numel()) for name in "qva")
    hand = site(Point(s.symbolic, q, v, a, s.act, s.rate, s.p), "hand")
    jacobian = ca.jacobian(hand, q)
    velocity = ca.mtimes(jacobian, v)
    found = ca.mtimes(ca.jacobian(velocity, q), v) + ca.mtimes(jacobian, a)
    return ca.Function("hand", [q, v, a], [found])(s.q, s.v, s.a)


def tracking(s: Point, tracks: Sequence[Track], wanted: ca.SX, sd: ca.SX) -> Squares:
    """Mean squared distance from what is tracked, in standard deviations; wanted, sd (tracks,)."""
    found = []
    for track in tracks:
        force = track.force(s.model)
        if force is None:
            found.append(s.q[s.model.coordinate_index(track.name)])
        else:
            found.append(s.ground_reaction_force[force] / s.model.body_weight)
    return Squares((ca.vertcat(*found) - wanted) / sd / np.sqrt(len(tracks)))


def site(s: Point, name: str) -> ca.SX:
    """(3,) m, world position of a site or body; BioenvError for a name the model lacks."""
    row = s.symbolic.position(name)
    return s.symbolic.positions(s.q)[row, :].T


AT_POINT: Mapping[str, Callable[[Point], Term]] = {
    "effort": _effort,
    "effort_cubed": _effort_cubed,
    "metabolic": _metabolic,
    "joint_load": _joint_load,
    "ground_impact": _ground_impact,
    "contact_loss": _contact_loss,
    "limit_torque": _limit_torque,
    "footsteps": _footsteps,
    "foot_motion": _foot_motion,
    "time": _time,
    "acceleration": _acceleration,
    "activation_rate": _activation_rate,
}
"""Functions of one instant."""

BETWEEN: Mapping[str, Callable[[Point, Point, ca.SX], Term]] = {
    "smoothness": _smoothness,
    "jerk": _jerk,
    "loading_rate": _loading_rate,
}
"""Functions of two neighbouring instants, h seconds apart."""


TRACKING = "tracking"
"""The goal that needs curves to follow."""


def checked(goals: Mapping[str, float]) -> dict[str, float]:
    """The goals with a weight above zero.

    Raises BioenvError for an unknown name, a weight that is negative or not finite, or none.
    """
    known = (*AT_POINT, *BETWEEN, TRACKING)
    for name, weight in goals.items():
        if name not in known:
            raise unknown("goal", name, known)
        if not (np.isfinite(weight) and weight >= 0):
            raise BioenvError(f"goal {name}: a weight is a number from 0, not {weight!r}")
    used = {name: float(weight) for name, weight in goals.items() if weight > 0}
    if not used:
        raise BioenvError(f"no goal has a weight above 0; choose among {', '.join(known)}")
    return used
