"""Walkers whose place in any honest ranking is known beforehand.

A score that can be gamed ranks one of them too high: random excitations (it falls), standing still
(nothing to fault, but no gait), a limp (a trained walker with one weak leg), and a replay (a
person's angles on a body that nothing pushes: perfect curves, impossible physics).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bioenv import models
from bioenv.agents.policy import Policy
from bioenv.agents.rollout import rollout
from bioenv.envs.task import task
from bioenv.errors import BioenvError, unknown
from bioenv.lab.gait_reference import ReferenceGait
from bioenv.lab.reference import PERCENT, load
from bioenv.models import Model
from bioenv.motion import Motion

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]

_RATE = 150.0  # Hz of a replay, that of walker2d
_WEAK = 0.85  # of a weak leg's excitations is left: it limps by 11 degrees and does not fall


@dataclass
class RandomExcitations:
    """Every muscle's excitation uniform in 0..1, drawn anew every control step."""

    task: str = "bioenv/WalkImitate-v0"
    seed: int = 0
    card: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)
        self._muscles = len(_model_of(self.task).muscles)

    def act(self, obs: Any) -> Float32:
        """(B, no) to (B, nm), whatever is observed."""
        return self._rng.random((len(obs), self._muscles), dtype=np.float32)


class Limping:
    """A policy whose excitations reach the muscles of one side weakened.

    Args:
        policy: the sound one.
        side: "r" or "l".
        factor: what is left of that side's excitations, 0 to 1.
    """

    def __init__(self, policy: Policy, side: str = "l", factor: float = _WEAK) -> None:
        muscles = _model_of(policy.task).muscles
        own = np.array([name.endswith(f"_{side}") for name in muscles])
        if side not in ("r", "l") or not own.any():
            raise unknown("side", side, ("r", "l"))
        if not 0.0 <= factor <= 1.0:
            raise BioenvError(f"factor must lie in 0 to 1, got {factor:g}")
        self.policy, self.task, self.card = policy, policy.task, dict(policy.card)
        self._factor = np.where(own, factor, 1.0).astype(np.float32)

    def act(self, obs: Any) -> Float32:
        """(B, no) to (B, nm)."""
        return np.asarray(self.policy.act(obs) * self._factor, dtype=np.float32)


def replay(seconds: float = 10.0, reference: str = "falisse2019", forces: bool = False) -> Motion:
    """A person's joint angles on walker2d, moved forward at the person's speed without dynamics.

    The lower foot touches the ground at every instant. forces: carry the person's own ground
    reaction force, under the foot, which this body moving so could not have caused; without it the
    ground reaction is zero throughout. No muscles act. Raises BioenvError for an unknown reference.
    """
    gait, body = ReferenceGait.load(reference), models.load("walker2d")
    time = np.arange(0.0, seconds, 1.0 / _RATE)
    phase = time / gait.cycle_s + 0.02  # begins in the air of neither foot
    qpos = np.zeros((time.size, len(body.coordinates)))
    angles = gait.qpos(phase)
    for column, name in enumerate(gait.coordinates):
        if name in body.coordinates:
            qpos[:, body.coordinate_index(name)] = angles[:, column]
    qpos[:, body.coordinate_index("pelvis_tx")] = gait.speed * time
    _grounded(body, qpos)
    qvel = np.gradient(qpos, time, axis=0)
    force, point = _ground(body, reference, phase, qpos) if forces else _no_ground(body, time.size)
    motion = Motion(time, model=body.name, meta={
        "mass_kg": body.mass, "label": "replay with forces" if forces else "replay",
        "imposed": ["joint_angles", "speed", "vertical_grf", "fore_aft_grf"],
    })  # fmt: skip
    for name, values in (("qpos", qpos), ("qvel", qvel),
                         ("qacc", np.gradient(qvel, time, axis=0))):  # fmt: skip
        motion = motion.add(name, values, labels=body.coordinates, source="computed")
    motion = motion.add("ground_reaction_force", force, labels=body.feet, source="computed")
    return motion.add("center_of_pressure", point, labels=body.feet, source="computed")


def _random(seed: int, seconds: float) -> Motion:
    return rollout(cast(Policy, RandomExcitations(seed=seed)), seed, seconds)


def _standing(seed: int, seconds: float) -> Motion:
    return rollout(Policy.load("Stand-v0"), seed, seconds)


def _limping(seed: int, seconds: float) -> Motion:
    return rollout(cast(Policy, Limping(Policy.load("WalkImitate-v0"))), seed, seconds)


WALKERS: Mapping[str, Callable[[int, float], Motion]] = MappingProxyType(
    {
        "random": _random,
        "standing": _standing,
        "limping": _limping,
        "replay": lambda seed, seconds: replay(seconds),
        "replay-with-forces": lambda seed, seconds: replay(seconds, forces=True),
    }
)
"""Name -> an episode (seed, seconds) of a walker whose place is known, worst policy first."""


def walk(name: str, seed: int = 0, seconds: float = 10.0) -> Motion:
    """An episode of one of `WALKERS`, labelled with its name. Raises BioenvError."""
    if name not in WALKERS:
        raise unknown("reference walker", name, WALKERS)
    return WALKERS[name](seed, seconds).with_meta(label=name)


def _model_of(name: str) -> Model:
    model = task(name).model
    if not isinstance(model, str):
        raise BioenvError(f"task {name} makes its own model; name a task with a shipped one")
    return models.load(model)


def _grounded(body: Model, qpos: Array) -> None:
    """Set the height of the pelvis so that the lowest contact sphere touches the ground."""
    from bioenv.evaluate.steps import lowest_points

    height = body.coordinate_index("pelvis_tz")
    qpos[:, height] = body.home[height]
    qpos[:, height] -= lowest_points(body, qpos).min(axis=1)


def _no_ground(body: Model, count: int) -> tuple[Array, Array]:
    shape = (count, len(body.feet), 3)
    return np.zeros(shape), np.full(shape, np.nan)


def _ground(body: Model, reference: str, phase: Array, qpos: Array) -> tuple[Array, Array]:
    """The reference's vertical and fore-aft forces (T, feet, 3) N, under the moving feet."""
    source = load(reference)
    force, point = _no_ground(body, phase.size)
    for foot in range(2):
        percent = 100 * ((phase + 0.5 * foot) % 1.0)
        for axis, name in ((2, "grf_vertical"), (0, "grf_fore_aft")):
            curve = source.curve(name).mean
            force[:, foot, axis] = np.interp(percent, PERCENT, curve) * body.body_weight
        force[percent > 64, foot] = 0.0
        down = force[:, foot, 2] > 0
        force[~down, foot] = 0.0
        # From 0.3 m in front of the pelvis to 0.5 m behind it, as a person's pressure moves.
        point[down, foot] = 0.0
        point[down, foot, 0] = qpos[down, 0] + 0.3 - 0.8 * percent[down] / 64
    return force, point
