"""A simulated clinic: people whose weakness decides what they lift and what help they are given.

Holding a forearm against a load is simple mechanics; the records of such a clinic mislead all the
same. The weak are given assistance (confounding by indication: Walker 1996, Epidemiology
7:335-336), the strong are given the heavy loads, and a reflex drives the muscles of those whose
arms are being pulled the other way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.learn.causal.body import Body
from bioenv.learn.causal.model import CausalModel, Exogenous
from bioenv.learn.causal.reflex import Reflex
from bioenv.learn.causal.simulated import Simulated

Array = NDArray[np.float64]

INDICATION = (("health", "strength"), ("health", "assistance"), ("health", "load"))
"""Why people are given what they are given, as arrows."""


@dataclass(frozen=True)
class Population:
    """Trials of people who hold an arm against a load, with a push on the way.

    Args:
        seconds: of a trial. push_at: s, (start, stop) of a push at the hand of random size.
        weakest: least health; health is even between it and 1.1, and is the people's mean strength.
        load: kg in the hand at health 1, less for the weak by `load_slope` kg per 1.
        help_slope: N*m of assistance per health below 1. load_spread, help_spread: standard
            deviations of what is given beyond that, kg and N*m.
        neural: standard deviation of each excitation's noise; twitch: of the torque's, N*m.

    Raises BioenvError for a trial that ends before the push.
    """

    seconds: float = 1.0
    push_at: tuple[float, float] = (0.40, 0.45)
    weakest: float = 0.4
    load: float = 2.8
    load_slope: float = 0.6
    help_slope: float = 2.5
    load_spread: float = 0.6
    help_spread: float = 0.4
    neural: float = 0.03
    twitch: float = 0.2

    def __post_init__(self) -> None:
        if not 0.0 <= self.push_at[0] < self.push_at[1] < self.seconds:
            raise BioenvError(f"a push from {self.push_at} s does not fit into {self.seconds:g} s")

    def model(self, body: Body, reflex: Reflex | None = None) -> CausalModel:
        """The simulator's causal model with the arrows of indication."""
        return CausalModel(Simulated(body, reflex, INDICATION))

    def draw(self, body: Body, trials: int, seed: int) -> Exogenous:
        """Exogenous causes of some trials: a person each."""
        if trials < 1:
            raise BioenvError(f"a population needs one trial or more, got {trials}")
        rng, e = np.random.default_rng(seed), trials
        steps = round(self.seconds / body.dt) + 1
        health = rng.uniform(self.weakest, 1.1, (e, 1, 1))
        strength = health * np.exp(0.1 * rng.normal(size=(e, 1, body.nm)))
        load = self.load + self.load_slope * (health - 1.0)
        load = load + self.load_spread * rng.normal(size=(e, 1, 1))
        given = self.help_slope * (1.0 - health) + self.help_spread * rng.normal(size=(e, 1, 1))
        home = body.model.home
        assistance = np.zeros((e, 1, body.nv))
        # The device sits at the last joint, the elbow.
        assistance[..., -1:] = np.maximum(given, 0.0)
        return Exogenous(
            qpos=home + rng.uniform(-0.25, 0.25, (e, body.nv)),
            qvel=np.zeros((e, body.nv)),
            activation=np.clip(0.15 + 0.05 * rng.normal(size=(e, body.nm)), 0.01, 1.0),
            neural=self.neural * rng.normal(size=(e, steps, body.nm)),
            fiber=np.zeros((e, steps, body.nm)),
            disturbance=self.twitch * rng.normal(size=(e, steps, body.nv)),
            inputs={
                "health": health, "strength": strength, "load": np.maximum(load, 0.0),
                "assistance": assistance, "push": self._push(rng, e, steps, body.dt),
                "target": home + rng.uniform(0.1, 0.3, (e, 1, body.nv)),
            },
        )  # fmt: skip

    def _push(self, rng: np.random.Generator, trials: int, steps: int, dt: float) -> Array:
        """(E, T, 3) N: mostly downwards, in a given interval."""
        time = dt * np.arange(steps)
        inside = (time >= self.push_at[0] - 1e-9) & (time < self.push_at[1] - 1e-9)
        push = np.zeros((trials, steps, 3))
        push[:, inside, 2] = rng.normal(-10.0, 15.0, (trials, 1))
        return push
