"""Mechanisms fitted from records: each node regressed on its causes in the graph.

Every regression has all observed parents of its node on the right, so each is adjusted; simulated
forward under ``do`` they are Robins's g-formula (1986, Math Model 7:1393-1512). What physics knows
without parameters is in the features: forces superpose, a muscle's force is proportional to its
strength, velocities add up to positions, excitations end at 0 and 1. Everything else is learned.

Forces and torques need not be recorded: their causes stand in for them, as in a latent projection
(Peters, Janzing and Schölkopf 2017, chapter 9), since only they lie between activation and
acceleration.
"""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from bioenv.errors import BioenvError
from bioenv.learn.causal.graph import INPUTS, Graph
from bioenv.learn.causal.records import Records
from bioenv.learn.causal.ridge import Ridge, monomials, products
from bioenv.learn.causal.simulated import Given, Moved

Array = NDArray[np.float64]

_NEEDED = ("excitation", "activation", "qpos", "qvel")
_CENSORED_STEPS = 15
_BOUNDED = ("load", "activation", "qpos", "qvel")
_WINDOW = 4  # steps, of means
_SEARCH_WINDOWS = 2000
_CHUNK = 50  # trials
_SAMPLES = 15_000  # steps used at most; more change nothing


class Fitted:
    """Mechanisms learned from records without interventions.

        fitted = Fitted(model.graph).fit(records)
        CausalModel(fitted).rollout(exogenous, [Do.parse("assistance+=2")])

    Args:
        graph: who listens to whom, and how many steps later.
        degree: of polynomials of qpos and qvel in accelerations; in excitations one less. 4 for a
            body of one coordinate and 3 for others, if not given.
        seed: of the choice of steps.

    Attributes after `fit`: excitation_, activation_ (the two slopes), acceleration_: regressions;
    observed_: nodes that the records held. Inputs that were not recorded are left out: then the
    mechanisms are biased if they are common causes, and `identify` says so.

    Noise of acceleration is rad/s^2. Raises BioenvError for records without needed channels.
    """

    def __init__(self, graph: Graph, *, degree: int | None = None, seed: int = 0) -> None:
        self.graph, self.degree, self.seed = graph, degree, seed
        self.lag = graph.lag("qvel", "excitation")
        self.needs: tuple[str, ...] = INPUTS

    def fit(self, records: Records) -> Fitted:
        """Regress every node on its causes."""
        lacking = [n for n in _NEEDED if n not in records]
        if lacking:
            raise BioenvError(
                f"mechanisms need {', '.join(lacking)} in the records; they hold "
                f"{', '.join(records.values)}"
            )
        self.name = records.model
        self.dt = float(records.time[1] - records.time[0])
        self.muscles, self.coordinates = records.labels["excitation"], records.labels["qpos"]
        self.degree_ = self.degree or (4 if len(self.coordinates) == 1 else 3)
        self.observed_ = frozenset(records.values)
        self.needs = tuple(n for n in INPUTS if n in self.observed_)
        self._scale = {n: _scale(records[n]) for n in ("qpos", "qvel")}
        bounds = {n: records[n] for n in _BOUNDED if n in records}
        self._seen = {n: (x.min(axis=(0, 1)), x.max(axis=(0, 1))) for n, x in bounds.items()}
        self._fit_control(records)
        self._fit_acceleration(records)
        return self

    def _fit_control(self, records: Records) -> None:
        """Excitation and activation, from steps taken at random."""
        trials, steps = records["qpos"].shape[:2]
        trial, k = np.divmod(_choose(trials, steps - 1, self.seed), steps - 1)
        past = np.maximum(k - self.lag, 0)
        then = (records["qpos"][trial, past], records["qvel"][trial, past])
        u, a = records["excitation"][trial, k], records["activation"][trial, k]
        wanting = self._wanting(*then, _given(records, trial, k))
        self.excitation_ = _censored(wanting, u, trial)
        change = (records["activation"][trial, k + 1] - a).reshape(-1, 1)
        hinges = _hinges(u.ravel(), a.ravel())
        self.activation_ = Ridge().fit(hinges, change, np.repeat(trial, u.shape[1]))

    def _fit_acceleration(self, records: Records) -> None:
        """From means over `_WINDOW` steps of features and of accelerations: what is linear stays
        so, and the noise of velocities falls by that number."""
        trials, steps = records["qpos"].shape[:2]
        many = (steps - 1) // _WINDOW
        start = _WINDOW * np.arange(many)
        ends = records["qvel"][:, start + _WINDOW] - records["qvel"][:, start]
        qacc = (ends / (_WINDOW * self.dt)).reshape(trials * many, -1)
        trial = np.repeat(np.arange(trials), many)
        some = np.arange(0, trials, max(1, trials * many // _SEARCH_WINDOWS))
        self.inertia_ = self._inertia(
            *self._windows(records.take(some), many), qacc[np.isin(trial, some)]
        )
        parts = [
            self._mean(*self._windows(records.take(slice(i, i + _CHUNK)), many), self.inertia_)
            for i in range(0, trials, _CHUNK)
        ]
        self.acceleration_ = Ridge().fit(np.concatenate(parts), qacc, trial)

    def _windows(self, records: Records, many: int) -> tuple[Array, Array | None]:
        """Forces' features (rows, f) of every step of the windows, and the load (rows, 1)."""
        trials, steps = len(records), many * _WINDOW
        trial, k = np.divmod(np.arange(trials * steps), steps)
        q, v, a = (records[n][trial, k] for n in ("qpos", "qvel", "activation"))
        given = _given(records, trial, k)
        return self._forces(q, v, a, given), given.load if "load" in self.observed_ else None

    @staticmethod
    def _mean(forces: Array, load: Array | None, inertia: float) -> Array:
        """(windows, f) means over the steps of each window."""
        features = forces if load is None else products(forces, _shared(load, inertia))
        return np.asarray(features.reshape(-1, _WINDOW, features.shape[1]).mean(axis=1))

    def _inertia(self, forces: Array, load: Array | None, qacc: Array) -> float:
        """kg in the hand that double the inertia: the one number in which nothing is linear."""
        if load is None:
            return 1.0
        found = minimize_scalar(
            lambda log: _left(self._mean(forces, load, float(np.exp(log))), qacc),
            bounds=(np.log(0.05), np.log(20.0)), method="bounded", options={"xatol": 0.02},
        )  # fmt: skip
        return float(np.exp(found.x))

    def excite(self, qpos: Array, qvel: Array, given: Given) -> Array:
        """Excitation by the state `lag` steps ago and the wanted posture."""
        return self.excitation_.predict(self._wanting(qpos, qvel, given))

    def activate(self, excitation: Array, activation: Array) -> Array:
        """Two slopes, up and down, polynomials of activation; one law for all muscles."""
        shape = activation.shape
        change = self.activation_.predict(_hinges(excitation.ravel(), activation.ravel()))
        return activation + change.reshape(shape)

    def move(
        self, qpos: Array, qvel: Array, activation: Array, given: Given, disturbance: Array
    ) -> Moved:
        """Acceleration by the state and the inputs that were recorded."""
        features = self._moving(qpos, qvel, activation, given)
        return Moved(self.acceleration_.predict(features) + disturbance)

    def disturbance(
        self, qpos: Array, qvel: Array, activation: Array, given: Given, qacc: Array
    ) -> Array:
        """What of an acceleration the regression leaves, rad/s^2."""
        return np.asarray(
            qacc - self.acceleration_.predict(self._moving(qpos, qvel, activation, given))
        )

    def outside(self, records: Records) -> NDArray[np.bool_]:
        """(E,) trials in which a load, activation, angle or velocity leaves the range of what was
        fitted. There the mechanisms extrapolate. (Strengths and torques may: forces superpose.)"""
        left = np.zeros(len(records), dtype=bool)
        for name, (low, high) in self._seen.items():
            left |= ((records[name] < low) | (records[name] > high)).any(axis=(1, 2))
        return left

    def resample(self, rng: np.random.Generator) -> Fitted:
        """The same mechanisms from a bootstrap sample of blocks of trials."""
        other = copy.copy(self)
        for name in ("excitation_", "activation_", "acceleration_"):
            setattr(other, name, getattr(self, name).resample(rng))
        return other

    def _state(self, qpos: Array, qvel: Array) -> Array:
        parts = []
        for name, value in (("qpos", qpos), ("qvel", qvel)):
            parts.append(self._scaled(name, value))
        return np.concatenate(parts, axis=1)

    def _scaled(self, name: str, value: Array) -> Array:
        """In half-widths of what was seen; beyond it the law of its edge holds."""
        center, size, low, high = self._scale[name]
        return np.asarray((np.clip(value, low, high) - center) / size)

    def _wanting(self, qpos: Array, qvel: Array, given: Given) -> Array:
        parts = [self._state(qpos, qvel)]
        if "target" in self.observed_:
            center, size, *_ = self._scale["qpos"]
            parts.append((given.target - center) / size)
        return monomials(np.concatenate(parts, axis=1), self.degree_ - 1)

    def _moving(self, qpos: Array, qvel: Array, activation: Array, given: Given) -> Array:
        """Features of acceleration: forces, and the load's, shared out over an inertia that grows
        with the load."""
        forces = self._forces(qpos, qvel, activation, given)
        if "load" not in self.observed_:
            return forces
        return products(forces, _shared(given.load, self.inertia_))

    def _forces(self, qpos: Array, qvel: Array, activation: Array, given: Given) -> Array:
        """Muscles (strength times activation) times polynomials of the state; strength alone, which
        is passive force, assistance and push times polynomials of qpos."""
        state = monomials(self._state(qpos, qvel), self.degree_)
        angles = monomials(self._scaled("qpos", qpos), self.degree_ - 1)
        strong = given.strength if "strength" in self.observed_ else np.ones_like(activation)
        others = [np.ones((len(qpos), 1))]
        if "strength" in self.observed_:
            others.append(given.strength)
        others += [getattr(given, n) for n in ("assistance", "push") if n in self.observed_]
        parts = [products(strong * activation, state), state,
                 products(np.concatenate(others, axis=1)[:, 1:], angles)]  # fmt: skip
        return np.concatenate(parts, axis=1)


def _shared(load: Array, inertia: float) -> Array:
    """(N, 2) 1 and load over (1 + load / inertia)."""
    return np.concatenate([np.ones_like(load), load], axis=1) / (1.0 + load / inertia)


def _left(features: Array, target: Array) -> float:
    """Mean square of what a regression leaves."""
    ridge = Ridge(1e-7, blocks=1).fit(features, target, np.zeros(len(target), dtype=np.intp))
    return float(np.sum(ridge.residual_**2))


def _hinges(u: Array, a: Array) -> Array:
    """(N, 8) rises and falls of u - a, each times 1, a, a^2, a^3."""
    error = u - a
    both = np.stack([np.maximum(error, 0.0), np.minimum(error, 0.0)], axis=1)
    return products(both, monomials(a[:, None], 3))


def _choose(trials: int, steps: int, seed: int) -> NDArray[np.intp]:
    """Steps of all trials, evenly taken: positions in (trials, steps) laid flat, ascending."""
    total = trials * steps
    if total <= _SAMPLES:
        return np.arange(total)
    return np.sort(np.random.default_rng(seed).choice(total, _SAMPLES, replace=False))


def _given(records: Records, trial: NDArray[np.intp], k: NDArray[np.intp]) -> Given:
    """Inputs of samples; of what was not recorded, one column of zeros that nothing reads."""
    values = []
    for name in Given._fields:
        value = records.values.get(name, np.zeros((len(records), 1, 1)))
        values.append(value[trial, np.minimum(k, value.shape[1] - 1)])
    return Given(*values)


def _scale(values: Array) -> tuple[Array, Array, Array, Array]:
    """Center, half-width, least and greatest of each of the last axis."""
    low, high = values.min(axis=(0, 1)), values.max(axis=(0, 1))
    return 0.5 * (low + high), np.maximum(0.5 * (high - low), 1e-9), low, high


def _censored(features: Array, excitation: Array, trial: NDArray[np.intp]) -> Ridge:
    """Regression of excitations that end at 0 and 1 (Tobin 1958, Econometrica 26:24-36).

    Expectation-maximization: an excitation at a limit stands for the mean of the normal tail beyond
    it. Leaving these samples out would flatten the reflex, taking them as they are as well.
    """
    low, high = excitation <= 0.0, excitation >= 1.0
    whole, size = excitation.copy(), excitation.std(axis=0)
    ridge = Ridge()
    for _ in range(_CENSORED_STEPS if (low | high).any() else 1):
        ridge.fit(features, whole, trial)
        mean = ridge.predict(features)
        below, above = (0.0 - mean) / size, (mean - 1.0) / size
        whole = np.where(low, mean - size * _hazard(below), excitation)
        whole = np.where(high, mean + size * _hazard(above), whole)
        spread = (whole - mean) ** 2
        # The variance of a tail about the mean of the whole distribution.
        tail = size**2 * (1.0 - np.where(low, below * _hazard(below), above * _hazard(above)))
        size = np.sqrt(np.where(low | high, tail, spread).mean(axis=0))
    return ridge


def _hazard(x: Array) -> Array:
    """phi(x) / Phi(x)."""
    return np.asarray(np.exp(norm.logpdf(x) - norm.logcdf(x)))
