"""A movement as equations in time, solved so that its parameters have derivatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bioenv.errors import BioenvError

CHUNK = 300_000  # numbers in a tensor when many derivatives are taken at once

State = dict[str, Any]
Values = Mapping[str, Any]
Drive = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Typical:
    """Where to draw from: states by name, (low, high, shape); inputs by name, (low, high, shape);
    pace: 1/s, how fast inputs change, 2 pi times a typical frequency."""

    states: Mapping[str, tuple[float, float, tuple[int, ...]]]
    inputs: Mapping[str, tuple[float, float, tuple[int, ...]]]
    pace: float = 10.0


@dataclass(frozen=True, eq=False)
class Equations:
    """``x' = rate(x, p, u)``, ``y = output(x, p, u)``, ``x(0) = start(p)``.

    States, parameters and inputs are dicts of tensors (...) or (..., k) for any leading axes, the
    first state a scalar (...). The functions may use arithmetic, comparisons, and what
    :mod:`.taylor` lists, so that they also work on power series of time.

    Attributes:
        gather: values (..., P) of all parameters -> dict p.
        rate, output, start: see above; start gives states without leading axes of their own.
        drive: times (T,) s -> inputs, each (T,) or (T, k).
        typical: where the structural analysis draws states and inputs.
    """

    gather: Callable[[Tensor], dict[str, Tensor]]
    rate: Callable[[State, Values, Drive], State]
    output: Callable[[State, Values, Drive], dict[str, Any]]
    start: Callable[[Values], State]
    drive: Callable[[Tensor], dict[str, Tensor]]
    typical: Typical

    def step(self, x: State, p: Values, inputs: tuple[Drive, Drive, Drive], h: float) -> State:
        """The state h s later by Runge and Kutta's method of order 4; inputs at its start, middle
        and end."""
        first, middle, last = inputs
        one = self.rate(x, p, first)
        two = self.rate(_moved(x, one, 0.5 * h), p, middle)
        three = self.rate(_moved(x, two, 0.5 * h), p, middle)
        four = self.rate(_moved(x, three, h), p, last)
        return {
            key: x[key] + (h / 6.0) * (one[key] + 2.0 * (two[key] + three[key]) + four[key])
            for key in x
        }


class Movement:
    """The outputs (..., N, O) of equations at N instants, for parameters (..., P).

    Args:
        duration: s. rate: samples per s, the first at 0. substeps: Runge-Kutta steps a sample.

    Derivatives are those of the discrete solution, exactly. Only the states are computed one after
    the other; the derivatives of all steps are taken at once and then chained,
    ``S' = (dx'/dx) S + dx'/dp``.
    """

    def __init__(self, equations: Equations, duration: float, rate: float, substeps: int) -> None:
        if not (duration > 0.0 and rate > 0.0 and duration * rate >= 1.0):
            raise BioenvError(
                "duration and rate must be positive and give 2 samples or more, got "
                f"{duration:g} s at {rate:g} Hz"
            )
        self.equations, self.substeps = equations, substeps
        self.steps = round(duration * rate) * substeps
        self.h = 1.0 / (rate * substeps)
        halves = 0.5 * self.h * torch.arange(2 * self.steps + 1, dtype=torch.float64)
        self._drive = equations.drive(halves)

    def __call__(self, values: Tensor) -> Tensor:
        states = self._states(values)
        seen = {key: x[:: self.substeps] for key, x in states.items()}
        out = self._output(seen, values[None], self._at(slice(None, None, 2 * self.substeps), seen))
        return out.movedim(0, -2)

    def slopes(self, values: Tensor, along: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs (B, N, O) and their derivatives (B, N, O, F) by F directions along (B, P, F), at
        values (B, P)."""
        with torch.no_grad():
            states = self._states(values)
            chained = self._chained(states, values, along)
            return self._seen(states, chained, values, along)

    def _states(self, values: Tensor) -> State:
        """(T + 1, ..., k) states at every step."""
        p = self.equations.gather(values)
        state = self.equations.start(p)
        shape = values.shape[:-1]
        state = {key: x.expand((*shape, *x.shape[len(shape) :])) for key, x in state.items()}
        rows = [state]
        for number in range(self.steps):
            inputs = tuple({k: u[2 * number + i] for k, u in self._drive.items()} for i in range(3))
            state = self.equations.step(state, p, inputs, self.h)  # type: ignore[arg-type]
            rows.append(state)
        return {key: torch.stack([row[key] for row in rows]) for key in state}

    def _chained(self, states: State, values: Tensor, along: Tensor) -> Tensor:
        """(T + 1, B, n, F) derivatives of the states, all components in one axis."""
        first, size = _packed({key: x[0] for key, x in states.items()})
        zero = torch.zeros(*first.shape, along.shape[-1], dtype=first.dtype)
        start = _derivative(lambda v: _packed(self._start(v, states))[0], values, along)
        rows = [start + zero]
        count = max(1, CHUNK // (len(values) * (first.shape[-1] + along.shape[-1])))
        for at in range(0, self.steps, count):
            stretch = slice(at, min(at + count, self.steps))
            here = {key: x[stretch] for key, x in states.items()}
            inputs = tuple(
                self._at(slice(2 * at + i, 2 * stretch.stop + i - 1, 2), here) for i in range(3)
            )

            def step(both: Tensor, inputs: Any = inputs) -> Tensor:
                x, v = both[..., : -values.shape[-1]], both[..., -values.shape[-1] :]
                p = self.equations.gather(v)
                return _packed(self.equations.step(_unpacked(x, size), p, inputs, self.h))[0]

            by_state, by_value = self._split(step, here, values, along)
            for a, b in zip(by_state, by_value, strict=True):
                rows.append(a @ rows[-1] + b)
        return torch.stack(rows)

    def _seen(
        self, states: State, chained: Tensor, values: Tensor, along: Tensor
    ) -> tuple[Tensor, Tensor]:
        here = {key: x[:: self.substeps] for key, x in states.items()}
        size = _packed(here)[1]
        inputs = self._at(slice(None, None, 2 * self.substeps), here)

        def output(both: Tensor) -> Tensor:
            x, v = both[..., : -values.shape[-1]], both[..., -values.shape[-1] :]
            return self._output(_unpacked(x, size), v, inputs)

        by_state, by_value = self._split(output, here, values, along)
        slope = by_state @ chained[:: self.substeps] + by_value
        return self._output(here, values[None], inputs).movedim(0, 1), slope.movedim(0, 1)

    def _split(
        self, function: Callable[[Tensor], Tensor], states: State, values: Tensor, along: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Derivatives (T, B, k, n) by the states and (T, B, k, F) along the parameters."""
        x = _packed(states)[0]
        n, free = x.shape[-1], along.shape[-1]
        both = torch.cat([x, values.expand(len(x), *values.shape)], -1)
        turn = torch.zeros(*both.shape, n + free, dtype=both.dtype)
        turn[..., :n, :n] = torch.eye(n, dtype=both.dtype)
        turn[..., n:, n:] = along
        slope = _derivative(function, both, turn)
        return slope[..., :n], slope[..., n:]

    def _start(self, values: Tensor, states: State) -> State:
        start = self.equations.start(self.equations.gather(values))
        return {key: x.expand(states[key].shape[1:]) for key, x in start.items()}

    def _at(self, places: slice, states: State) -> Drive:
        """Inputs at some half steps, with the batch axes of states (T, ..., k)."""
        out = {}
        for key, u in self._drive.items():
            part = u[places]
            axes = next(iter(states.values())).ndim - 1  # every first state is a scalar
            out[key] = part.reshape(len(part), *[1] * axes, *part.shape[1:])
        return out

    def _output(self, states: State, values: Tensor, inputs: Drive) -> Tensor:
        p = self.equations.gather(values)
        return torch.stack(list(self.equations.output(states, p, inputs).values()), -1)


def _derivative(function: Callable[[Tensor], Tensor], at: Tensor, along: Tensor) -> Tensor:
    """Derivatives (..., k, F) of a function of (..., n) along (..., n, F)."""

    def one(turn: Tensor) -> Tensor:
        slope: Tensor = torch.func.jvp(function, (at,), (turn,))[1]
        return slope

    slopes: Tensor = torch.func.vmap(one, in_dims=-1, out_dims=-1)(along)
    return slopes


def _packed(state: State) -> tuple[Tensor, dict[str, int]]:
    """Components of all states in the last axis; how many each has, 0 for a scalar."""
    scalar = next(iter(state.values())).ndim
    size = {key: x.shape[-1] if x.ndim > scalar else 0 for key, x in state.items()}
    parts = [x if size[key] else x[..., None] for key, x in state.items()]
    return torch.cat(parts, -1), size


def _unpacked(values: Tensor, size: dict[str, int]) -> State:
    state, at = {}, 0
    for key, count in size.items():
        state[key] = values[..., at : at + count] if count else values[..., at]
        at += count or 1
    return state


def _moved(x: State, rate: State, h: float) -> State:
    return {key: x[key] + h * rate[key] for key in x}
