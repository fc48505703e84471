"""Power series through torch code, and Lie derivatives against series known in closed form."""

from __future__ import annotations

from math import factorial

import numpy as np
import torch

from bioenv import models
from bioenv.diff.muscles import Curves, activation_rate, muscle
from bioenv.learn.identifiability.lie import _series
from bioenv.learn.identifiability.muscles import fixed_numbers
from bioenv.learn.identifiability.pendulum import _equations
from bioenv.learn.identifiability.taylor import Series

torch.set_num_threads(1)


def _along(series: Series, t: float) -> torch.Tensor:
    return sum(c * t**k for k, c in enumerate(series.coefficients))


def _random(rng: np.random.Generator, order: int, shape: tuple[int, ...], first: float) -> Series:
    values = rng.normal(size=(order, *shape))
    values[0] = first + 0.1 * rng.random(shape)
    return Series(torch.tensor(values))


def test_elementary_functions_have_their_known_series() -> None:
    t = Series.of([0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    known = {
        torch.sin: [0, 1, 0, -1 / 6, 0, 1 / 120],
        torch.cos: [1, 0, -1 / 2, 0, 1 / 24, 0],
        torch.exp: [1 / factorial(k) for k in range(6)],
    }
    for function, wanted in known.items():
        found = function(t).coefficients.tolist()  # type: ignore[call-overload]
        np.testing.assert_allclose(found, wanted, atol=1e-15)
    np.testing.assert_allclose((1.0 / (1.0 - t)).coefficients, np.ones(6))
    np.testing.assert_allclose(((2.0 - t) * (1.0 + t) / (1.0 + t)).coefficients,
                               [2, -1, 0, 0, 0, 0], atol=1e-15)  # fmt: skip


def test_tensors_and_series_mix_in_any_order() -> None:
    t = Series.of([0.5, 1.0, 0.0])
    two = torch.tensor([2.0, 3.0], dtype=torch.float64)
    for found, wanted in (
        (two * t, [[1.0, 1.5], [2.0, 3.0], [0, 0]]),
        (two + t, [[2.5, 3.5], [1.0, 1.0], [0, 0]]),
        (two - t, [[1.5, 2.5], [-1.0, -1.0], [0, 0]]),
        (two / (two * t), [[2.0, 2.0], [-4.0, -4.0], [8.0, 8.0]]),
        (torch.where(two > 2.5, t, 0.0), [[0.0, 0.5], [0.0, 1.0], [0, 0]]),
        (t.clamp(max=two), [[0.5, 0.5], [1.0, 1.0], [0, 0]]),
        (t.clamp(min=two), [[2.0, 3.0], [0.0, 0.0], [0, 0]]),
        (torch.minimum(two, t), [[0.5, 0.5], [1.0, 1.0], [0, 0]]),
    ):
        np.testing.assert_allclose(found.coefficients, wanted)


def test_muscles_take_series_as_they_take_numbers() -> None:
    """The truncation error falls with the power of time that was left out first."""
    rng, order = np.random.default_rng(0), 5
    own = models.load("elbow").muscle
    curves, fixed = Curves(own), fixed_numbers(own)
    names = ("max_isometric_force", "optimal_fiber_length", "tendon_slack_length")
    p = {**fixed, **{name: torch.tensor(getattr(own, name)) for name in names}}
    nm = len(own.vmax)
    length = p["tendon_slack_length"] + p["optimal_fiber_length"] * _random(rng, order, (nm,), 1.1)
    speed, active = (_random(rng, order, (nm,), x) for x in (0.1, 0.4))
    excited = _random(rng, order, (nm,), 0.7)
    for name, function in (
        ("force", lambda a, b, c, d: muscle(curves, p, a, b, c).force),
        ("rate", lambda a, b, c, d: activation_rate(curves, p, d, c)),
    ):
        series = function(length, speed, active, excited)
        errors = []
        for t in (1e-2, 5e-3):
            now = [_along(one, t) for one in (length, speed, active, excited)]
            errors.append(float((_along(series, t) - function(*now)).abs().max()))
        assert errors[0] / errors[1] > 0.8 * 2**order, (name, errors)


def test_the_flow_of_a_pendulum_is_its_power_series() -> None:
    """Against Runge and Kutta's solution in small steps."""
    equations = _equations(0.0)
    values = torch.tensor([1.5, 0.2, 0.08, 0.05, 0.7, 0.3], dtype=torch.float64)
    start = {"angle": values[4], "velocity": values[5]}
    drive = {"motor": Series(torch.zeros(12, dtype=torch.float64))}
    found = _series(equations, start, values, drive, 12)
    state, p = start, equations.gather(values)
    inputs = ({"motor": torch.zeros(())},) * 3
    for _ in range(50):
        state = equations.step(state, p, inputs, 1e-3)
    wanted = torch.stack(list(equations.output(state, p, inputs[0]).values()))
    at = sum(c * 0.05**k for k, c in enumerate(found))
    np.testing.assert_allclose(at, wanted, rtol=1e-7)
