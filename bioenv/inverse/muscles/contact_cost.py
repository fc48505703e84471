"""Sharing that spares the joints: muscles' effort and the load on the joints are paid together.

    minimize  sum of a²  +  weight · sum over joints of (|F| / body weight)²   with the torque made

F = rest + pull · muscle force is what a joint transmits: linear in the muscle forces, so that the
program stays a convex quadratic one. Each component of F is written as one more balance,

    sqrt(weight) / body weight · pull · force  +  e  =  - sqrt(weight) / body weight · rest,

whose reserve e of strength 1 costs e²: the same cost. Every sharing method that knows reserves
therefore takes it as it is, activation dynamics and EMG included.

That people spare their joints as well as their muscles is an old hypothesis (Seireg A, Arvikar RJ
1975, J Biomech 8:89). Muscles that cross the knee for the sake of another joint (rectus femoris for
the hip, gastrocnemius for the ankle) give way to those that do not, as measured knee loads ask for
(DeMers MS, Pal S, Delp SL 2014, J Orthop Res 32:769, by weights on single muscles).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError
from bioenv.inverse.dynamics import Contact
from bioenv.inverse.loads import subtree
from bioenv.inverse.muscles.problem import Sharing, SharingProblem
from bioenv.inverse.muscles.static import static_optimization
from bioenv.inverse.reaction import joint_reaction
from bioenv.models.anatomy import Anatomy

Array = NDArray[np.float64]
AnySharing = TypeVar("AnySharing", bound=Sharing)

WEIGHT = 0.03
"""At it a knee load of 2 body weights costs as much as one muscle at an activation of 0.35. Fitted
to loads measured in a knee prosthesis it is 0.02 or 0.03 (``benchmarks/knee_load.py``)."""

_PULLS = 1e-6  # force across a joint at unit tension; a muscle that crosses it pulls with about 1
_LOOKS = 5  # frames looked at to see which muscles cross a joint


@dataclass(frozen=True, eq=False)
class ContactLoad:
    """What j joints transmit to their distal body in T frames, world axes.

    joints: names. rest: (T, j, 3) N without muscles. pull: (T, m, j, 3) N per N of each muscle.
    body_weight: N.
    """

    joints: tuple[str, ...]
    rest: Array
    pull: Array
    body_weight: float

    def force(self, muscle_force: ArrayLike) -> Array:
        """(T, j, 3) N under muscle forces (T, m) N."""
        tension = np.asarray(muscle_force, dtype=float)
        return self.rest + np.einsum("tm,tmji->tji", tension, self.pull)

    def resultant(self, muscle_force: ArrayLike) -> Array:
        """(T, j) N, its size."""
        return np.asarray(np.linalg.norm(self.force(muscle_force), axis=2))


def contact_load(
    anatomy: Anatomy,
    q: ArrayLike,
    qd: ArrayLike,
    qdd: ArrayLike,
    external: Sequence[Contact] = (),
    joints: Sequence[str] | None = None,
) -> ContactLoad:
    """How joint loads depend on muscle forces, during a motion.

    Args:
        q, qd, qdd: (T, n) coordinates in the file's senses, m, rad and s.
        external: measured forces on bodies, world frame z up.
        joints: names out of `anatomy.joints`; None takes those with "knee" in their name.

    Raises BioenvError when there is no such joint, and as `joint_reaction` does.
    """
    position = np.asarray(q, dtype=float)
    if joints is None:
        joints = [joint.name for joint in anatomy.joints if "knee" in joint.name]
        if not joints:
            names = ", ".join(joint.name for joint in anatomy.joints)
            raise BioenvError(f"no joint of {anatomy.name} is called a knee; name some of {names}")
    free = joint_reaction(anatomy, position, qd, qdd, None, external, joints, frame="ground")
    child = {joint.name: joint.child for joint in anatomy.joints}
    below = np.array([subtree(anatomy.mj, child[name]) for name in free.joints])
    pull = np.zeros((len(position), len(anatomy.muscles), len(below), 3))
    crosses = _crossing(anatomy, position, below)
    for group in _apart(crosses):
        pulling = np.zeros(pull.shape[:2])
        pulling[:, group] = 1.0
        given = -_on(anatomy, position, pulling, below)
        for muscle in group:
            pull[:, muscle, crosses[muscle]] = given[:, crosses[muscle]]
    return ContactLoad(free.joints, free.force, pull, anatomy.body_weight)


def with_contact(
    problem: SharingProblem, contact: ContactLoad, weight: ArrayLike = WEIGHT
) -> SharingProblem:
    """The problem with the load as further balances, (T, k + 3 j); see the module.

    weight: of (|F| / body weight)² against activation², one number or (j,).

    Raises BioenvError for a weight that is not positive and for other frames or muscles.
    """
    count = len(contact.joints)
    given = np.asarray(weight, dtype=float)
    if given.shape not in ((), (count,)) or not (given > 0).all() or not np.isfinite(given).all():
        raise BioenvError(
            f"the weight of joint loads must be positive, one number or one for each of "
            f"{', '.join(contact.joints)}; got {_plain(given)}"
        )
    wanted = (*problem.active.shape, count, 3)
    if contact.pull.shape != wanted:
        raise BioenvError(
            f"the contact's pull has shape {contact.pull.shape}, the problem's frames and muscles "
            f"ask for {wanted}: compute both from the same motion and model"
        )
    scale = np.repeat(np.sqrt(np.broadcast_to(given, count)) / contact.body_weight, 3)
    frames, m = problem.active.shape
    rest = contact.rest.reshape(frames, -1) * scale
    pull = contact.pull.reshape(frames, m, -1) * scale
    return replace(
        problem,
        torque=np.concatenate([problem.torque, -rest], axis=1),
        moment_arm=np.concatenate([problem.moment_arm, pull], axis=2),
        coordinates=(
            *problem.coordinates,
            *(f"load of {joint} along {axis}" for joint in contact.joints for axis in "xyz"),
        ),
        reserve=np.concatenate([problem.reserve, np.ones(3 * count)]),
    )


def load_sharing(
    problem: SharingProblem,
    contact: ContactLoad,
    weight: ArrayLike = WEIGHT,
    method: Callable[[SharingProblem], AnySharing] = static_optimization,  # type: ignore[assignment]
) -> AnySharing:
    """Activations that make the torque with little effort and little load on the joints.

    Args:
        problem: T frames of m muscles.
        contact: of the same frames and muscles, from :func:`contact_load`.
        weight: see :func:`with_contact`. As it grows, the load tends to the least that any sharing
            can have, which 1000 all but reaches; much larger ones are badly conditioned. Reserves
            of torque do not load the joint: a large weight calls on them, see `reserve_torque`.
        method: what shares: `static_optimization`, `dynamic_optimization`, or a function of one
            argument around them or `emg_informed` with its further arguments.

    Returns what `method` does, for the coordinates of `problem`; `cost` includes the load's.

    Raises BioenvError as :func:`with_contact` and the method do.
    """
    begin = time.perf_counter()
    found = method(with_contact(problem, contact, weight))
    k = len(problem.coordinates)
    paid = _plain(np.asarray(weight, dtype=float))
    return replace(
        found,
        reserve_torque=found.reserve_torque[:, :k],
        missing_torque=found.missing_torque[:, :k],
        seconds=time.perf_counter() - begin,
        method=f"{found.method}, and {paid} (load / body weight)^2 of {', '.join(contact.joints)}",
    )


def _plain(weight: Array) -> str:
    return ", ".join(f"{one:g}" for one in np.atleast_1d(weight).ravel())


def _on(anatomy: Anatomy, q: Array, tension: Array, below: NDArray[np.bool_]) -> Array:
    """(T, j, 3) N on everything beyond each joint by muscles pulling with `tension` (T, m)."""
    wrench = anatomy.muscle_wrench(q, tension)
    return np.asarray(np.einsum("jb,tbi->tji", below.astype(float), wrench[..., :3]))


def _crossing(anatomy: Anatomy, q: Array, below: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(m, j) which muscles pull across which joints."""
    m = len(anatomy.muscles)
    looks = q[np.unique(np.linspace(0, len(q) - 1, _LOOKS).astype(int))]
    alone = np.tile(np.eye(m), (len(looks), 1))
    given = _on(anatomy, np.repeat(looks, m, axis=0), alone, below).reshape(len(looks), m, -1, 3)
    return np.asarray((np.abs(given) > _PULLS).any(axis=(0, 3)))


def _apart(crosses: NDArray[np.bool_]) -> list[list[int]]:
    """Groups of muscles of which no two cross the same joint: one pull shows them all."""
    groups: list[list[int]] = []
    taken: list[NDArray[np.bool_]] = []
    for muscle in np.flatnonzero(crosses.any(axis=1)):
        mine = crosses[muscle]
        place = next((i for i, used in enumerate(taken) if not (used & mine).any()), len(groups))
        if place == len(groups):
            groups.append([])
            taken.append(np.zeros_like(mine))
        groups[place].append(int(muscle))
        taken[place] = taken[place] | mine
    return groups
