"""A trial of a body: its movement, forces and activations as the terms of Newton's equation."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import NamedTuple

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bioenv.diff import Dynamics
from bioenv.errors import BioenvError, unknown
from bioenv.learn.identify_model import Groups
from bioenv.models import Model
from bioenv.models.skeleton import floating
from bioenv.motion import Motion

Array = NDArray[np.float64]

FEWEST = 10  # frames

_GRF, _COP, _MOMENT = "ground_reaction_force", "center_of_pressure", "free_moment"


@dataclass(frozen=True)
class TrialNoise:
    """What is believed of the errors of a trial; one common factor is estimated with the body.

    Standard deviations: turning rad/s^2 and moving m/s^2, of accelerations (the defaults are those
    of 0.3 degrees and 1 mm at 200 Hz behind a filter of 10 Hz); activation, as a share of itself
    plus 0.1; force, as a share of the largest ground force; pressure m, of the center of pressure.
    """

    turning: float = 3.0
    moving: float = 0.6
    activation: float = 0.1
    force: float = 0.02
    pressure: float = 0.005

    def __post_init__(self) -> None:
        if not min(astuple(self)) >= 0:
            raise BioenvError(f"noise must be 0 or positive, got {self}")


class Trial(NamedTuple):
    """T frames of one body; N and N*m in every coordinate.

    size (nv,): RMS of the largest term of each equation: inertia and weight, other forces, muscles.
    rest (T, nv): what the sought numbers do not change, M qacc + bias - passive - ground ...;
    weight (T, nv, g): M qacc + bias of each group of bodies; inertia (1 + g, T, nv, nv): mass
    matrix of the other bodies and of each group. length, velocity (T, nm) m, m/s and slope
    (T, nm, nv) of the muscle paths, activation (T, nm). Standard deviations: shaken (nv,) of qacc,
    excited (T, nm) of activation; pushed (T, nv, k): N and N*m that one deviation of a ground force
    or its point does. coordinates (nv,) bool: whose equations count; notes in words.
    """

    size: Array
    rest: Tensor
    weight: Tensor
    inertia: Tensor
    length: Tensor
    velocity: Tensor
    slope: Tensor
    activation: Tensor
    shaken: Tensor
    excited: Tensor
    pushed: Tensor
    coordinates: NDArray[np.bool_]
    notes: tuple[str, ...]


def trial(
    model: Model, dynamics: Dynamics, motion: Motion, bodies: Groups, noise: TrialNoise
) -> Trial:
    """The equations of a motion.

    Raises BioenvError for a motion of another body, without qpos or qvel, with fewer than ten
    frames, or of a body that floats and has no ground forces.
    """
    q, v, a, notes = _state(model, motion)
    active, counts, more = _activation(model, motion)
    ground, pushed = _ground(model, dynamics, motion, q, noise)
    known = dynamics.passive_torque(q, v) + dynamics.constraint_torque(q, v, a) + ground
    parts = _alone(dynamics)
    carried = torch.stack([one.inverse_dynamics(q, v, a) for one in parts])
    inertia = torch.stack([one.mass_matrix(q) for one in parts])
    member = torch.tensor(np.append(-1, bodies.of))
    rows = [member == i for i in range(-1, len(bodies.names))]
    weight = torch.stack([carried[row].sum(dim=0) for row in rows], dim=-1)
    path = dynamics.muscle_path(q)
    terms = torch.stack([carried.sum(dim=0), known, carried.sum(dim=0) - known])
    return Trial(
        size=terms.square().mean(dim=1).sqrt().amax(dim=0).numpy(),
        rest=weight[..., 0] - known,
        weight=weight[..., 1:],
        inertia=torch.stack([inertia[row].sum(dim=0) for row in rows]),
        length=path.length,
        velocity=(path.slope @ v[..., None])[..., 0],
        slope=path.slope if "activation" in motion else torch.zeros_like(path.slope),
        activation=active,
        shaken=torch.tensor(np.where(_slides(model), noise.moving, noise.turning)),
        excited=noise.activation * (active + 0.1),
        pushed=pushed,
        coordinates=counts,
        notes=notes + more,
    )


def _slides(model: Model) -> NDArray[np.bool_]:
    """(nv,) coordinates in m; the others are in rad."""
    return np.asarray(model.mj.jnt_type == mujoco.mjtJoint.mjJNT_SLIDE)


def _alone(dynamics: Dynamics) -> list[Dynamics]:
    """The armatures without bodies, then every body without armatures and the others."""
    own = dynamics.parameters
    nothing = torch.zeros_like(own["armature"])
    parts = [dynamics.with_parameters(mass=0.0, inertia=0.0)]
    for i in range(len(own["mass"])):
        mass, inertia = torch.zeros_like(own["mass"]), torch.zeros_like(own["inertia"])
        mass[i], inertia[i] = own["mass"][i], own["inertia"][i]
        parts.append(dynamics.with_parameters(mass=mass, inertia=inertia, armature=nothing))
    return parts


def _activation(model: Model, motion: Motion) -> tuple[Tensor, NDArray[np.bool_], tuple[str, ...]]:
    """(T, nm), the equations that count, and a note."""
    if "activation" in motion:
        active = _channel(motion, "activation", model.muscles)
        return torch.tensor(np.array(active)), np.ones(model.mj.nv, dtype=bool), ()
    root = floating(model.mj)
    if not root.any():
        raise BioenvError(f"a motion of {model.name!r} needs activations: it has no free root")
    none = torch.zeros(len(motion), model.mj.nu, dtype=torch.float64)
    return none, root, ("no activations: only the root's equations count",)


def _state(model: Model, motion: Motion) -> tuple[Tensor, Tensor, Tensor, tuple[str, ...]]:
    for name in ("qpos", "qvel"):
        if name not in motion:
            raise BioenvError(f"the motion has no channel {name}; identification needs it")
    if len(motion) < FEWEST:
        raise BioenvError(
            f"identification needs {FEWEST} frames or more, the motion has {len(motion)}"
        )
    q, v = (_channel(motion, name, model.coordinates) for name in ("qpos", "qvel"))
    if "qacc" in motion:
        a = _channel(motion, "qacc", model.coordinates)
    else:
        a = np.gradient(v, motion.time, axis=0, edge_order=2)
    notes = () if "qacc" in motion else ("no qacc: central differences of qvel",)
    state = [torch.tensor(np.array(one)) for one in (q, v, a)]
    return state[0], state[1], state[2], notes


def _channel(motion: Motion, name: str, labels: tuple[str, ...]) -> Array:
    if motion.labels(name) != labels:
        raise BioenvError(
            f"{name} of the motion is for {', '.join(motion.labels(name))}; "
            f"the model has {', '.join(labels)}"
        )
    return motion[name]


class _Load(NamedTuple):
    """A measured force (T, 3) N at a point (T, 3) m with a moment (T, 3) N*m on bodies, each with
    its sign."""

    bodies: tuple[tuple[int, float], ...]
    force: Array
    point: Array
    moment: Array


def _ground(
    model: Model, dynamics: Dynamics, motion: Motion, q: Tensor, noise: TrialNoise
) -> tuple[Tensor, Tensor]:
    """(T, nv) of the measured ground forces, and (T, nv, k) what errors of them would do."""
    loads = _loads(model, motion)
    pose, shape = dynamics.kinematics(q), (len(q), 3)
    peak = max((float(np.abs(one.force).max()) for one in loads), default=0.0)

    def torque(one: _Load, force: Array, moment: Array) -> Tensor:
        body = torch.tensor([i for i, _ in one.bodies])
        sign = np.array([s for _, s in one.bodies])[:, None]
        rows = [torch.tensor(sign * x[:, None]) for x in (force, moment)]
        point = torch.tensor(np.repeat(one.point[:, None], len(sign), axis=1))
        return dynamics.external(pose, body, rows[0], point, rows[1])

    total = torch.zeros(len(q), model.mj.nv, dtype=torch.float64)
    errors = []
    for one in loads:
        total = total + torque(one, one.force, one.moment)
        loaded = np.abs(one.force).max(axis=1, keepdims=True) > 0
        for axis in np.eye(3):
            push = noise.force * peak * loaded * np.broadcast_to(axis, shape)
            errors.append(torque(one, push, np.zeros(shape)))
        for axis in np.eye(3)[:2]:
            errors.append(torque(one, np.zeros(shape), np.cross(noise.pressure * axis, one.force)))
    none = torch.zeros(len(q), model.mj.nv, 0, dtype=torch.float64)
    return total, torch.stack(errors, dim=-1) if errors else none


def _loads(model: Model, motion: Motion) -> list[_Load]:
    """Ground forces by label; those under the toes are part of the foot's."""
    if _GRF not in motion:
        if floating(model.mj).any():
            raise BioenvError(
                f"{model.name!r} floats: its trial needs {_GRF} and {_COP} to weigh it"
            )
        return []
    if _COP not in motion or motion.labels(_COP) != motion.labels(_GRF):
        raise BioenvError(f"{_GRF} needs {_COP} with the same labels, where the forces act")
    loads = []
    for i, label in enumerate(motion.labels(_GRF)):
        point = motion[_COP][:, i]
        on = np.isfinite(point).all(axis=1, keepdims=True)
        moment = np.zeros_like(point)
        if _MOMENT in motion and label in motion.labels(_MOMENT):
            moment = np.nan_to_num(motion.column(_MOMENT, label))
        foot = label.removeprefix("toes_")
        bodies = [(_body(model, f"calcn_{label}" if label in model.feet else label), 1.0)]
        if foot != label and foot in motion.labels(_GRF):
            bodies.append((_body(model, f"calcn_{foot}"), -1.0))
        force, point, moment = (np.where(on, x, 0.0) for x in (motion[_GRF][:, i], point, moment))
        loads.append(_Load(tuple(bodies), force, point, moment))
    return loads


def _body(model: Model, name: str) -> int:
    names = [model.mj.body(i).name for i in range(model.mj.nbody)]
    if name not in names:
        raise unknown("body with a ground force", name, names)
    return names.index(name)
