"""States of bodies around gait with their joint torques, by MuJoCo: what the networks learn from.

A state is drawn from an optimized gait (any speed, any instant), moved to the drawn body by dynamic
similarity, and disturbed. The root's accelerations then follow from Newton, up to a small residual
as measurements have it; joint torques are MuJoCo's inverse dynamics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from bioenv import models, paths
from bioenv.diff.kinematics import kinematics, points
from bioenv.errors import BioenvError
from bioenv.inverse.dynamics import Contact, inverse_dynamics
from bioenv.learn.bodygraph.features import graphs_of
from bioenv.learn.bodygraph.graphs import Graphs
from bioenv.learn.bodygraph.skeleton import Skeleton
from bioenv.models import Model
from bioenv.motion import Motion

Array = NDArray[np.float64]

FEET = ("r", "l")
PLANS = "walk-speeds"


@dataclass(frozen=True)
class Disturbance:
    """Standard deviations by which states leave the gait.

    angle rad, rate rad/s, jerkiness rad/s^2 of every rotation; length m, speed m/s and push m/s^2
    of joints that slide; strength: share of each foot's force; force: of each component, body
    weights; point: of the pressure centre, lengths of the body; moment: free moment, body weight
    times length; lost: share of contacts that are taken away; move m/s^2 and turn rad/s^2: what the
    root's accelerations miss of Newton.
    """

    angle: float = 0.15
    rate: float = 1.0
    jerkiness: float = 20.0
    length: float = 0.005
    speed: float = 0.1
    push: float = 2.0
    strength: float = 0.2
    force: float = 0.04
    point: float = 0.02
    moment: float = 0.01
    lost: float = 0.1
    move: float = 0.3
    turn: float = 1.0


@dataclass(frozen=True, eq=False)
class States:
    """T states of one body: qpos (T, nq), qvel, qacc, torque (T, nv) in SI units, and contacts."""

    skeleton: Skeleton
    qpos: Array
    qvel: Array
    qacc: Array
    torque: Array
    contacts: tuple[Contact, ...]

    def graphs(self) -> Graphs:
        """One graph per state."""
        return graphs_of(
            self.skeleton, self.qpos, self.qvel, self.qacc,
            torque=self.torque, contacts=self.contacts,
        )  # fmt: skip


class Gait(NamedTuple):
    """Instants of a gait by dynamic similarity: qpos rad or body lengths, qvel and qacc in the
    body's units (P, k) by coordinate; force (P, feet, 3) body weights, point (P, feet, 3) body
    lengths in the foot, NaN without contact."""

    coordinates: tuple[str, ...]
    qpos: Array
    qvel: Array
    qacc: Array
    force: Array
    point: Array


@lru_cache(maxsize=2)
def gait(plans: str = PLANS) -> Gait:
    """The shipped optimized gaits of all speeds. Raises BioenvError when there are none."""
    found = [_of_motion(Motion.load(one)) for one in _plan_files(plans)]
    arrays = (np.concatenate(parts) for parts in zip(*(one[1:] for one in found), strict=True))
    return Gait(found[0].coordinates, *arrays)


def _plan_files(plans: str) -> list[Path]:
    files = sorted(paths.agent_file("plans", plans).glob("*/motion.nc"))
    if not files:
        raise BioenvError(f"no gaits in {paths.agent_file('plans', plans)}")
    return files


def _of_motion(motion: Motion) -> Gait:
    model = models.load(motion.model or "walker2d_elastic")
    skeleton = Skeleton(model)
    units, length = skeleton.units, _lengths(skeleton)
    force = np.stack([motion.column("ground_reaction_force", foot) for foot in FEET], 1)
    center = np.stack([motion.column("center_of_pressure", foot) for foot in FEET], 1)
    body = torch.as_tensor([int(model.mj.body(f"calcn_{foot}").id) for foot in FEET])
    pose = kinematics(skeleton.tree, skeleton.frame, torch.tensor(motion["qpos"]))
    turned, place = pose.rotation[:, body].numpy(), pose.position[:, body].numpy()
    return Gait(
        motion.labels("qpos"),
        motion["qpos"] / length,
        motion["qvel"] * units.time / length,
        motion["qacc"] * units.time**2 / length,
        force / units.force,
        np.einsum("tfji,tfj->tfi", turned, center - place) / units.length,
    )


def around_gait(
    model: Model,
    count: int,
    rng: np.random.Generator,
    disturbance: Disturbance | None = None,
) -> States:
    """`count` states of a body whose coordinates have the gait's names, as far as it has them.

    What the gait does not know stands at the home pose; a body without feet has no contacts. Ranges
    of joints are kept.
    """
    one, how, skeleton = gait(), disturbance or Disturbance(), Skeleton(model)
    units, length = skeleton.units, _lengths(skeleton)
    at = rng.integers(len(one.qpos), size=count)
    qpos = np.tile(np.array(model.home), (count, 1))
    qvel, qacc = np.zeros((2, count, model.mj.nv))
    for column, name in enumerate(model.coordinates):
        if name in one.coordinates:
            source = one.coordinates.index(name)
            qpos[:, column] = one.qpos[at, source] * length[column]
            qvel[:, column] = one.qvel[at, source] * length[column] / units.time
            qacc[:, column] = one.qacc[at, source] * length[column] / units.time**2
    turns = skeleton.turns
    for values, turn, slide in (
        (qpos, how.angle, how.length), (qvel, how.rate, how.speed),
        (qacc, how.jerkiness, how.push),
    ):  # fmt: skip
        values += rng.normal(size=values.shape) * np.where(turns, turn, slide)
    limited = model.mj.jnt_limited.astype(bool)
    low, high = model.mj.jnt_range[limited].T
    qpos[:, limited] = np.clip(qpos[:, limited], low, high)
    contacts = _disturbed_contacts(skeleton, one, at, qpos, how, rng)
    qacc, torque = _consistent(skeleton, qpos, qvel, qacc, contacts, how, rng)
    return States(skeleton, qpos, qvel, qacc, torque, contacts)


def _disturbed_contacts(
    skeleton: Skeleton, one: Gait, at: NDArray[np.intp], qpos: Array, how: Disturbance,
    rng: np.random.Generator,
) -> tuple[Contact, ...]:  # fmt: skip
    """Contacts on the feet that the body has; drawn for both, so that seeds mean the same."""
    mj, units, count = skeleton.mj, skeleton.units, len(at)
    names = [mj.body(i).name for i in range(mj.nbody)]
    pose = kinematics(skeleton.tree, skeleton.frame, torch.tensor(qpos))
    out = []
    for index, foot in enumerate(FEET):
        strength = 1.0 + how.strength * rng.normal(size=(count, 1))
        force = one.force[at, index] * strength + how.force * rng.normal(size=(count, 3))
        local = one.point[at, index] + how.point * rng.normal(size=(count, 3))
        moment = how.moment * rng.normal(size=(count, 1)) * [0.0, 0.0, 1.0]
        lost = rng.random(count) < how.lost
        gone = lost | ~np.isfinite(one.point[at, index]).all(axis=1)
        if f"calcn_{foot}" not in names:
            continue
        body = torch.as_tensor([names.index(f"calcn_{foot}")])
        place = torch.tensor(np.nan_to_num(local) * units.length)[:, None]
        point = points(pose, body, place)[:, 0].numpy().copy()
        point[gone], force[gone], moment[gone] = np.nan, 0.0, 0.0
        weight = units.mass * units.acceleration
        out.append(Contact(f"calcn_{foot}", force * weight, point, moment * weight * units.length))
    return tuple(out)


def _consistent(
    skeleton: Skeleton, qpos: Array, qvel: Array, qacc: Array, contacts: Sequence[Contact],
    how: Disturbance, rng: np.random.Generator,
) -> tuple[Array, Array]:  # fmt: skip
    """Accelerations whose root obeys Newton but for a small residual, and all torques."""
    root, count = skeleton.root, len(qpos)
    torque = torques(skeleton, qpos, qvel, qacc, contacts)
    if len(root):
        times = len(root)
        moved = np.repeat(qacc[None], times, axis=0)
        moved[np.arange(times), :, root] += 1.0
        q, v = np.tile(qpos, (times, 1)), np.tile(qvel, (times, 1))
        many = tuple(_repeated(one, times) for one in contacts)
        each = torques(skeleton, q, v, moved.reshape(-1, qacc.shape[1]), many)
        mass = each.reshape(times, count, -1)[:, :, root] - torque[:, root]
        step = np.linalg.solve(mass.transpose(1, 2, 0), -torque[:, root, None])[..., 0]
        noise = np.where(skeleton.turns[root], how.turn, how.move)
        qacc = qacc.copy()
        qacc[:, root] += step + noise * rng.normal(size=step.shape)
        torque = torques(skeleton, qpos, qvel, qacc, contacts)
    return qacc, torque


def torques(
    skeleton: Skeleton, qpos: Array, qvel: Array, qacc: Array, contacts: Sequence[Contact]
) -> Array:
    """(T, nv) N or N*m, net of everything at the joints, by MuJoCo."""
    return inverse_dynamics(skeleton.mj, qpos, qvel, qacc, contacts=contacts, net=True)


def _repeated(one: Contact, times: int) -> Contact:
    moment = None if one.moment is None else np.tile(one.moment, (times, 1))
    return Contact(one.body, np.tile(one.force, (times, 1)), np.tile(one.point, (times, 1)), moment)


def _lengths(skeleton: Skeleton) -> Array:
    """(nv,) unit of each coordinate: m of body length for a translation, 1 for a rotation."""
    return np.where(skeleton.turns, 1.0, skeleton.units.length)
