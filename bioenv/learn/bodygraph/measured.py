"""States as a laboratory would have them: noise on all that is measured, and an assumed body."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bioenv.inverse.dynamics import Contact
from bioenv.learn.bodygraph.skeleton import Skeleton
from bioenv.learn.bodygraph.states import States


@dataclass(frozen=True)
class Measurement:
    """Standard deviations of the errors of measured states.

    angle rad, rate rad/s, acceleration rad/s^2 of rotations (markers, low-pass filtered and
    differentiated); length m, speed m/s, push m/s^2 of translations; force N of each component;
    point m of the pressure centre; moment N*m.
    """

    angle: float = 0.02
    rate: float = 0.15
    acceleration: float = 3.0
    length: float = 0.005
    speed: float = 0.03
    push: float = 0.3
    force: float = 5.0
    point: float = 0.005
    moment: float = 0.5


def as_measured(
    states: States,
    assumed: Skeleton,
    rng: np.random.Generator,
    measurement: Measurement | None = None,
) -> States:
    """The states with errors, on the body that one would assume; torques stay the true ones."""
    how, turns = measurement or Measurement(), states.skeleton.turns

    def noisy(values: np.ndarray, turn: float, slide: float) -> np.ndarray:
        return values + rng.normal(size=values.shape) * np.where(turns, turn, slide)

    contacts = []
    for one in states.contacts:
        there = (one.force != 0).any(axis=1, keepdims=True)
        force = one.force + there * how.force * rng.normal(size=one.force.shape)
        point = one.point + how.point * rng.normal(size=one.point.shape)
        moment = None
        if one.moment is not None:
            moment = one.moment + there * how.moment * rng.normal(size=one.moment.shape)
        contacts.append(Contact(one.body, force, point, moment))
    return replace(
        states,
        skeleton=assumed,
        qpos=noisy(states.qpos, how.angle, how.length),
        qvel=noisy(states.qvel, how.rate, how.speed),
        qacc=noisy(states.qacc, how.acceleration, how.push),
        contacts=tuple(contacts),
    )
