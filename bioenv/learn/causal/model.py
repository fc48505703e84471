"""The structural causal model of a controlled body: simulate, intervene, abduct, counterfactual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import truncnorm

from bioenv.errors import BioenvError
from bioenv.learn.causal.do import Do, select
from bioenv.learn.causal.graph import INPUTS
from bioenv.learn.causal.records import Records
from bioenv.learn.causal.simulated import Given, Mechanisms

Array = NDArray[np.float64]

_SAME = 1e-6  # rad/s: recorded velocities that differ more from differences of qpos are replaced


@dataclass(frozen=True)
class Exogenous:
    """Everything about E trials that nothing in the graph causes.

    Attributes:
        qpos (E, nq), qvel (E, nv), activation (E, nm): the state at the first step.
        neural (E, T, nm): noise of excitation; fiber (E, T, nm): of activation; disturbance
            (E, T, nv): of acceleration, N*m in the simulator.
        inputs: node -> (E, T or 1, labels), the causes in `INPUTS` and any other constant.
        silent: (E, T, nm) excitations at a limit, 0 or 1: there the record tells the noise only to
            one side; `neural` is the likeliest value. natural: (E, T, nm) excitation without noise.
    """

    qpos: Array
    qvel: Array
    activation: Array
    neural: Array
    fiber: Array
    disturbance: Array
    inputs: dict[str, Array]
    silent: NDArray[np.bool_] | None = None
    natural: Array | None = None

    def __len__(self) -> int:
        return len(self.qpos)

    def take(self, which: NDArray[np.intp]) -> Exogenous:
        """Some trials, by index."""
        own = {k: v[which] for k, v in vars(self).items() if isinstance(v, np.ndarray)}
        return Exogenous(**own, inputs={n: v[which] for n, v in self.inputs.items()})


class CausalModel:
    """Mechanisms put in a row in time.

        model = CausalModel(Simulated(Body("elbow")))
        records = model.rollout(exogenous)                        # what is seen
        records = model.rollout(exogenous, [Do.parse("load+=1")]) # what would be, everything else
                                                                  # that nothing causes being equal
        would = model.counterfactual(recorded, [Do.parse("strength.biceps*=1.2")])

    A structural causal model (Pearl 2009, definition 7.1.1): ``do`` replaces a mechanism and leaves
    the others; a counterfactual is abduction (noise from the record), action, prediction (theorem
    7.1.7). Feedback stays: reflexes answer to what the intervention does.
    """

    def __init__(self, mechanisms: Mechanisms) -> None:
        self.mechanisms, self.graph = mechanisms, mechanisms.graph

    def rollout(self, exogenous: Exogenous, do: Sequence[Do] = ()) -> Records:
        """E trials from their exogenous causes, under interventions.

        Raises BioenvError for an unknown label, an interval outside the trial, or when the motion
        leaves the finite numbers.
        """
        m, time = self.mechanisms, self._time(exogenous)
        inputs = self._inputs(exogenous, do, time)
        acts = _Acts(do, time, self._labels)
        q, v, a = exogenous.qpos, exogenous.qvel, exogenous.activation
        seen: dict[str, list[Array]] = {
            name: [] for name in ("excitation", "activation", "force", "torque", "qacc",
                                  "qvel", "qpos")
        }  # fmt: skip
        states: list[tuple[Array, Array]] = []
        for k in range(len(time)):
            states.append((q, v))
            given = _at(inputs, k)
            u = m.excite(*states[max(k - m.lag, 0)], given) + exogenous.neural[:, k]
            u = np.clip(acts("excitation", k, np.clip(u, 0.0, 1.0)), 0.0, 1.0)
            a = np.clip(acts("activation", k, a), 0.0, 1.0)
            moved = m.move(q, v, a, given, exogenous.disturbance[:, k])
            if not np.isfinite(moved.qacc).all():
                raise BioenvError(f"the motion leaves the finite numbers at {time[k]:g} s")
            now = {"excitation": u, "activation": a, "qpos": q, "qvel": v, **moved._asdict()}
            for name, value in now.items():
                if value is not None:
                    seen[name].append(value)
            a = np.clip(m.activate(u, a) + exogenous.fiber[:, k], 0.0, 1.0)
            v = v + m.dt * moved.qacc
            q = q + m.dt * v
        values = {n: np.stack(x, axis=1) for n, x in seen.items() if x}
        return self._records(time, {**inputs, **values})

    def abduct(self, records: Records) -> Exogenous:
        """The exogenous causes of recorded trials, by inverting every mechanism.

        Needs excitation, qpos and the inputs; activation is integrated from excitation where it was
        not recorded. Exact where mechanisms are invertible: everywhere but at excitations of 0 and
        1 (`Exogenous.silent`). Velocities are differences of qpos, as in `rollout`; whatever a
        record's own integrator did otherwise goes into the noise.

        Raises BioenvError for missing nodes, another body, or another step than the model's.
        """
        m = self.mechanisms
        self._check(records)
        u, q = records["excitation"], records["qpos"]
        v = self._velocity(records)
        inputs = {n: x for n, x in records.values.items() if n in self.graph.constant}
        steps = len(records.time)
        past = np.maximum(np.arange(steps) - m.lag, 0)
        natural = self._flat(m.excite, (q[:, past], v[:, past]), inputs, steps)
        a = records["activation"] if "activation" in records else self._integrate(u)
        fiber = np.zeros_like(a)
        onward = m.activate(_rows(u[:, :-1]), _rows(a[:, :-1])).reshape(a[:, :-1].shape)
        fiber[:, :-1] = a[:, 1:] - onward
        qacc = np.empty_like(v)
        qacc[:, :-1] = np.diff(v, axis=1) / m.dt
        qacc[:, -1] = records["qacc"][:, -1] if "qacc" in records else qacc[:, -2]
        pushed = self._flat(m.disturbance, (q, v, a), inputs, steps, qacc)
        silent = (u <= 0.0) | (u >= 1.0)
        likely = np.where(u <= 0.0, np.minimum(-natural, 0.0), np.maximum(1.0 - natural, 0.0))
        neural = np.where(silent, likely, u - natural)
        return Exogenous(
            q[:, 0], v[:, 0], a[:, 0], neural, fiber, pushed, inputs, silent, natural
        )  # fmt: skip

    def counterfactual(
        self, records: Records, do: Sequence[Do] = (), *, draws: int = 0, seed: int = 0
    ) -> Records:
        """What the recorded trials would have been under an intervention: E trials.

        draws: for each trial, that many samples of the noise that the record leaves open
            (excitation at a limit: a normal distribution of the rest's size, cut off there); then
            there are E * draws trials, those of one record next to each other.
        """
        exogenous = self.abduct(records)
        if draws:
            exogenous = _drawn(exogenous, draws, np.random.default_rng(seed))
        return self.rollout(exogenous, do)

    def _time(self, exogenous: Exogenous) -> Array:
        return np.arange(exogenous.neural.shape[1]) * np.float64(self.mechanisms.dt)

    @property
    def _labels(self) -> dict[str, tuple[str, ...]]:
        m = self.mechanisms
        muscles = dict.fromkeys(("excitation", "activation", "force", "strength"), m.muscles)
        names = ("torque", "qacc", "qvel", "qpos", "assistance", "target")
        others = {name: (name,) for name in self.graph.constant}
        return {
            **others, **muscles, **dict.fromkeys(names, m.coordinates), "push": ("x", "y", "z")
        }  # fmt: skip

    def _inputs(self, exogenous: Exogenous, do: Sequence[Do], time: Array) -> dict[str, Array]:
        """Inputs with the interventions on them, over time where they change."""
        inputs, labels = dict(exogenous.inputs), self._labels
        for one in do:
            if one.node not in INPUTS:
                continue
            if one.node not in inputs:
                raise BioenvError(f"do({one.text}): the records do not hold {one.node}")
            columns = select(labels[one.node], one.label, f"label of {one.node}")
            steps = one.steps(time)
            value = inputs[one.node]
            if len(steps) < len(time) and value.shape[1] == 1:
                value = np.repeat(value, len(time), axis=1)
            rows = slice(None) if value.shape[1] == 1 else steps
            value = value.copy()
            part = value[:, rows][..., columns]
            value[:, np.arange(value.shape[1])[rows][:, None], columns] = one.apply(part)
            inputs[one.node] = value
        return inputs

    def _flat(self, function: object, states: tuple[Array, ...], inputs: dict[str, Array],
              steps: int, *more: Array) -> Array:  # fmt: skip
        """A mechanism over all trials and steps at once."""
        long = {n: np.broadcast_to(x, (len(x), steps, x.shape[2])) for n, x in inputs.items()}
        flat = {n: _rows(x) for n, x in long.items()}
        none = np.zeros((len(states[0]) * steps, 1))
        given = Given(*(flat.get(n, none) for n in Given._fields))
        value = function(*map(_rows, states), given, *map(_rows, more))  # type: ignore[operator]
        return np.asarray(value).reshape(*states[0].shape[:2], -1)

    def _integrate(self, excitation: Array) -> Array:
        """Activation that starts at the excitation."""
        a = [excitation[:, 0]]
        for k in range(excitation.shape[1] - 1):
            a.append(np.clip(self.mechanisms.activate(excitation[:, k], a[-1]), 0.0, 1.0))
        return np.stack(a, axis=1)

    def _velocity(self, records: Records) -> Array:
        q, dt = records["qpos"], self.mechanisms.dt
        v = np.empty_like(q)
        v[:, 1:] = np.diff(q, axis=1) / dt
        v[:, 0] = records["qvel"][:, 0] if "qvel" in records else v[:, 1]
        if "qvel" in records and np.abs(v - records["qvel"]).max() < _SAME:
            return records["qvel"]
        return v

    def _check(self, records: Records) -> None:
        dt = float(records.time[1] - records.time[0])
        if abs(dt - self.mechanisms.dt) > 1e-6:
            raise BioenvError(
                f"the record has steps of {dt:g} s, the causal model of {self.mechanisms.dt:g} s; "
                f"resample it, or make the body with dt={dt:g}"
            )
        needs = ("excitation", "qpos", *self.mechanisms.needs)
        lacking = [n for n in needs if n not in records]
        if lacking:
            raise BioenvError(
                f"a counterfactual needs {', '.join(lacking)} in the record; it has "
                f"{', '.join(records.values)}"
            )
        if records.labels["qpos"] != self.mechanisms.coordinates:
            raise BioenvError(
                f"the record is of coordinates {', '.join(records.labels['qpos'])}, the model of "
                f"{', '.join(self.mechanisms.coordinates)}"
            )

    def _records(self, time: Array, values: dict[str, Array]) -> Records:
        labels = self._labels
        return Records(time, values, {n: labels[n] for n in values}, self.mechanisms.name)


class _Acts:
    """Interventions on excitation and activation, by step."""

    def __init__(self, do: Sequence[Do], time: Array, labels: dict[str, tuple[str, ...]]) -> None:
        self._all = [
            (one, select(labels[one.node], one.label, f"label of {one.node}"),
             frozenset(one.steps(time)))
            for one in do if one.node in ("excitation", "activation")
        ]  # fmt: skip

    def __call__(self, node: str, k: int, natural: Array) -> Array:
        for one, columns, steps in self._all:
            if one.node == node and k in steps:
                natural = natural.copy()
                natural[:, columns] = one.apply(natural[:, columns])
        return natural


def _at(inputs: dict[str, Array], k: int) -> Given:
    """Inputs at a step; of what was not recorded, zeros that no mechanism reads."""
    none = np.zeros((len(next(iter(inputs.values()))), 1, 1))
    every = (inputs.get(n, none) for n in Given._fields)
    return Given(*(x[:, min(k, x.shape[1] - 1)] for x in every))


def _rows(values: Array) -> Array:
    return np.ascontiguousarray(values).reshape(-1, values.shape[-1])


def _drawn(exogenous: Exogenous, draws: int, rng: np.random.Generator) -> Exogenous:
    """Every trial `draws` times, with the open noise drawn from what the record leaves of it."""
    many = exogenous.take(np.repeat(np.arange(len(exogenous)), draws))
    assert many.silent is not None
    assert many.natural is not None
    assert exogenous.silent is not None
    told = exogenous.neural[~exogenous.silent]
    size = float(told.std()) if len(told) > 1 else 0.0
    if not many.silent.any() or size == 0.0:
        return many
    natural = many.natural[many.silent]
    low = many.neural[many.silent] + natural <= 0.5
    # Below: noise under -natural; above: noise over 1 - natural.
    ends = np.where(low, -natural, 1.0 - natural) / size
    least, most = np.where(low, -np.inf, ends), np.where(low, ends, np.inf)
    noise = truncnorm.rvs(least, most, random_state=rng)
    neural = many.neural.copy()
    neural[many.silent] = size * noise
    return Exogenous(**{**vars(many), "neural": neural})
