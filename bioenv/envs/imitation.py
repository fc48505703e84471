"""Tasks that follow a reference gait: the one builder behind every imitation task.

A measured gait is poses only, and feet slip or hang in it: the policy has to find the muscles'
part. A motion of one's own that physics and muscles made (optimized, or another policy's rollout)
also knows the excitations, and what remains to be learned is the feedback that stabilizes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioenv import models
from bioenv.envs import gait, terms
from bioenv.envs.random import Draws
from bioenv.envs.reference import Reference
from bioenv.envs.state import State
from bioenv.envs.stride import TRAVEL, stride_reference
from bioenv.envs.task import Task, Term
from bioenv.errors import BioenvError
from bioenv.models import Model, Subject
from bioenv.motion import Motion

Array = NDArray[np.float64]

JOINTS = tuple(f"{j}_{side}" for side in "rl" for j in ("hip_flexion", "knee_angle", "ankle_angle"))
TRUNK = ("pelvis_tilt", "lumbar_extension")
LEAD_S = 0.017  # the state shown is a physics step old; the middle of the action comes 10 ms later
_FALLEN = terms.fallen()


@dataclass(frozen=True)
class ImitationTask(Task):
    """A task whose clock ``state.phase`` runs once through ``reference`` in every stride."""

    reference: Reference = field(kw_only=True)

    def miss(self, s: State) -> Array:
        """(B, 6) rad, by how much `JOINTS` exceed the reference at the clock's phase."""
        return _miss(s, self.reference, JOINTS)


def imitation_task(
    reference: Reference,
    *,
    model: str | Callable[[Subject | None], Model] = "walker2d",
    observe: Callable[[State], Sequence[Any]] = gait.observe,
    rewards: Mapping[str, tuple[float, Term]] | None = None,
    start_noise: float = 0.0,
    lost_deg: float = 25.0,
    **others: Any,
) -> ImitationTask:
    """The task of following ``reference``, from a random phase of it.

    Args:
        model, observe: as in :class:`bioenv.Task`.
        rewards: name -> (weight, term), in place of the common ones or added to them.
        start_noise: rad/s, standard deviation of the joints' velocities from the reference's at the
            start; in their angles it would drive feet into the floor.
        lost_deg: root-mean-square deviation of the joints in degrees that ends an episode.
        others: of :class:`bioenv.Task`; by default 20 ms control steps, episodes of 10 s, and
            success is a mean speed within 15 % of the reference's.
    """
    common = {"control_dt": 0.02, "episode_s": 10.0, "success": terms.mean_speed_within(0.15)}
    return ImitationTask(
        model=model,
        observe=observe,
        rewards={**_rewards(reference), **(rewards or {})},
        goal=lambda rng: np.full((len(rng), 1), reference.speed),
        cycle_s=reference.cycle_s,
        reset=_start(reference, start_noise),
        terminate=lost(reference, lost_deg),
        reference=reference,
        **{**common, **others},
    )


def motion_task(
    motion: Motion | str | Path, model: str | Path | None = None, **others: Any
) -> ImitationTask:
    """The task of following a motion of one's own, in the simulator and with muscles.

    Beside its body the policy sees how far it is from the motion, and the motion's excitations.

    Args:
        motion: one whole stride, such as ``bioenv solve predict-walk`` writes, or its file; what it
            must hold: :func:`bioenv.envs.stride.stride_reference`.
        model: name or MJCF file of the body; the motion's own by default.
        others: as in :func:`imitation_task`.

    Raises:
        BioenvError: the motion is another body's, or not one whole stride.
    """
    if not isinstance(motion, Motion):
        motion = Motion.load(motion)
    body = str(model or motion.model or "")
    if not body:
        raise BioenvError("the motion does not say whose it is: name the body with model=...")
    reference = stride_reference(motion, models.load(body))
    settings: dict[str, Any] = {
        "observe": observe_with(reference),
        "start_noise": 0.2,
        "success": close_and_on_pace(reference),
        **others,
    }
    settings["rewards"] = {**_motion_rewards(reference), **others.get("rewards", {})}
    return imitation_task(reference, model=body, **settings)


# ---- what the policy sees, where it begins, when it ends


def observe_with(reference: Reference) -> Callable[[State], tuple[Array, ...]]:
    """What a walker sees, how far it is from the reference, and the excitations to come there.

    With them the policy is a feed-forward and a feedback, which a small change of the weights
    makes: without them it would have to learn the curves by heart from the clock.
    """

    def observe(s: State) -> tuple[Array, ...]:
        follow = reference.on(s.model)
        seen = (*gait.observe(s), (s.qpos - follow.qpos.at(s.phase))[:, 1:])
        seen = (*seen, s.qvel - follow.qvel.at(s.phase))
        if follow.excitation is None:
            return seen
        return (*seen, follow.excitation.at(s.phase + LEAD_S / reference.cycle_s))

    return observe


def _start(reference: Reference, noise: float) -> Callable[[Draws, Model, Array], dict[str, Array]]:
    def start(rng: Draws, model: Model, goal: Array) -> dict[str, Array]:
        phase = rng.uniform(0.0, 1.0)
        follow = reference.on(model)
        qvel = follow.qvel.at(phase)
        if noise:
            qvel += rng.normal(np.zeros(model.mj.nv), noise) * gait.joints_only(model)
        resting = np.full((len(rng), len(model.muscles)), 0.1)
        active = resting if follow.activation is None else follow.activation.at(phase)
        return {
            "qpos": follow.qpos.at(phase),
            "qvel": qvel,
            "activation": active,
            "phase": phase,
        }

    return start


def lost(reference: Reference, degrees: float) -> Callable[[State], NDArray[np.bool_]]:
    """Fallen, or so many degrees off the reference on average: nothing is left to imitate."""

    def term(s: State) -> NDArray[np.bool_]:
        square = np.mean(np.square(_miss(s, reference, JOINTS)), axis=1)
        return _FALLEN(s) | (square > np.deg2rad(degrees) ** 2)

    return term


def close_and_on_pace(
    reference: Reference, degrees: float = 15.0, share: float = 0.15
) -> Callable[[State], NDArray[np.bool_]]:
    """Success: joints within ``degrees`` of the reference, mean speed within ``share`` of its."""
    far, on_pace = lost(reference, degrees), terms.mean_speed_within(share)
    return lambda s: ~far(s) & on_pace(s)


# ---- rewards


def _rewards(reference: Reference) -> dict[str, tuple[float, Term]]:
    """The terms of every imitation task; weights of 0 wait for a recipe's later stages."""
    pose, weight = pose_of(reference), dict.fromkeys(JOINTS, 1.0)
    return {
        "alive": (0.2, lambda s: np.ones(len(s.time))),
        "angles": (1.0, terms.imitation(pose, weight, margin=0.3)),
        "angles_fine": (0.0, terms.imitation(pose, weight, margin=0.1)),
        "speed": (0.5, terms.speed(margin=0.25)),
        "upright": (0.2, lambda s: terms.tolerance(s.coordinate("pelvis_tilt"), 0.25)),
        "vertical_force": (0.3, vertical_force(reference)),
        "effort": (-0.3, terms.effort),
        "metabolic": (0.0, terms.metabolic),
        "impact": (-0.3, terms.ground_impact(1.2)),
        "limit": (-0.01, terms.limit_torque),
        "smoothness": (-0.1, terms.smoothness),
    }


def _motion_rewards(reference: Reference) -> dict[str, tuple[float, Term]]:
    """What changes where the reference is a motion that muscles made."""
    trunk = dict.fromkeys(TRUNK, 1.0)
    return {
        "upright": (0.5, terms.imitation(pose_of(reference), trunk, margin=0.1)),
        "speed": (0.5, pace(reference)),
        "impact": (0.0, terms.ground_impact(1.2)),  # the motion's own impacts are followed
        "activation": (0.5, activation(reference)),
    }


def vertical_force(reference: Reference) -> Term:
    """Score of both feet's vertical force (body weights) following the reference; 0 if unknown."""
    follow = terms.vertical_force_near(lambda s: _known(s, reference, "vertical_force"))
    return _where_known(reference, "vertical_force", follow)


def pace(reference: Reference) -> Term:
    """Score of the forward speed following the reference's, which changes within a stride."""

    def wanted(s: State) -> Array:
        return reference.on(s.model).qvel.at(s.phase)[:, s.model.coordinate_index(TRAVEL)]

    return terms.speed(wanted, margin=0.25)


def activation(reference: Reference) -> Term:
    """Score of the muscles' activations following the reference's; 0 where it knows none."""
    follow = terms.activations_near(lambda s: _known(s, reference, "activation"))
    return _where_known(reference, "activation", follow)


def _known(s: State, reference: Reference, name: str) -> Array:
    """(B, n) what the reference does know, at the clock's phase."""
    values: Array = getattr(reference.on(s.model), name).at(s.phase)
    return values


def _where_known(reference: Reference, name: str, term: Term) -> Term:
    """``term``, or 0 on a model for which the reference does not know ``name``."""

    def known(s: State) -> Array:
        unknown = getattr(reference.on(s.model), name) is None
        return np.zeros(len(s.time)) if unknown else term(s)

    return known


def pose_of(reference: Reference) -> Callable[[State], Array]:
    """(B, nq) the reference at the clock's phase; rad, m."""
    return lambda s: reference.on(s.model).qpos.at(s.phase)


def _miss(s: State, reference: Reference, names: Sequence[str]) -> Array:
    """(B, names) rad, how far coordinates are from the reference at the clock's phase."""
    index = [s.model.coordinate_index(name) for name in names]
    return (s.qpos - pose_of(reference)(s))[:, index]
