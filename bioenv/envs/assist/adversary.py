"""Assistance that wants to harm: what a policy may ask for at worst."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bioenv.envs.assist.device import ankles
from bioenv.envs.state import State
from bioenv.errors import unknown

Array = NDArray[np.float64]

TORQUE = 100.0  # N*m asked for, twice what the device has


def largest(state: State, rng: np.random.Generator, weights: Array) -> Array:
    """All the torque there is, one way, always."""
    return np.full((len(state.time), 2), -TORQUE)


def random(state: State, rng: np.random.Generator, weights: Array) -> Array:
    """White noise of both signs, NaN and infinity among it."""
    asked = rng.uniform(-TORQUE, TORQUE, (len(state.time), 2))
    strange = rng.uniform(size=asked.shape)
    return np.select(
        [strange < 0.05, strange < 0.1, strange < 0.15], [np.nan, np.inf, -np.inf], asked
    )


def pump(state: State, rng: np.random.Generator, weights: Array) -> Array:
    """Bang-bang with the movement: every moment adds energy."""
    return TORQUE * np.sign(state.newest_qvel[:, ankles(state.model)])


def nearest(state: State, rng: np.random.Generator, weights: Array) -> Array:
    """Bang-bang towards the limit of angle that is reached first at the present speed."""
    index = ankles(state.model)
    ahead = state.newest_qpos[:, index] + 0.1 * state.newest_qvel[:, index]
    return TORQUE * np.sign(ahead + 0.175)  # the middle of -50 and 30 degrees


def switch(state: State, rng: np.random.Generator, weights: Array) -> Array:
    """Everything while the foot bears, the reverse at once when it does not: the worst way to let
    go of the ground."""
    bears = state.ground_reaction_force[..., 2] > 0.05 * state.body_weight[:, None]
    return np.where(bears, -TORQUE, TORQUE)


def learned(state: State, rng: np.random.Generator, weights: Array) -> Array:
    """Bang-bang by a linear map of clock, angle, speed and load, found by search."""
    index, angle = ankles(state.model), 2 * np.pi * state.phase
    waves = [np.ones_like(angle)]
    waves += [f(k * angle) for k in (1, 2, 3) for f in (np.sin, np.cos)]
    asked = []
    for side, sign in enumerate((1.0, -1.0)):  # the left leg is half a cycle later
        odd = [1.0, sign, sign, 1.0, 1.0, sign, sign]
        own = [
            state.newest_qpos[:, index[side]] / 0.3, state.newest_qvel[:, index[side]] / 5.0,
            state.ground_reaction_force[:, side, 2] / state.body_weight,
        ]  # fmt: skip
        features = np.stack([*(o * w for o, w in zip(odd, waves, strict=True)), *own], axis=1)
        asked.append(TORQUE * np.sign(features @ weights))
    return np.stack(asked, axis=1)


FEATURES = 10  # of `learned`

ADVERSARIES: dict[str, Callable[[State, np.random.Generator, Array], Array]] = {
    "largest": largest, "random": random, "pump": pump, "nearest": nearest, "switch": switch,
    "learned": learned,
}  # fmt: skip


@dataclass(eq=False)
class Adversary:
    """``Exoskeleton.asking`` that replaces what was asked; it sees the true state.

    Args:
        kind: one of `ADVERSARIES`.
        seed: of its random numbers.
        weights: (FEATURES,) of the learned one.
    """

    kind: str
    seed: int = 0
    weights: Array = field(default_factory=lambda: np.zeros(FEATURES))

    def __post_init__(self) -> None:
        if self.kind not in ADVERSARIES:
            raise unknown("adversary", self.kind, ADVERSARIES)
        self._rng = np.random.default_rng(self.seed)

    def __call__(self, state: State, asked: Array) -> Array:
        """(B, 2) N*m, dorsiflexion positive."""
        return ADVERSARIES[self.kind](state, self._rng, self.weights)
