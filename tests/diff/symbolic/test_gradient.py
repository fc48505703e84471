"""Gradients of simulations equal central differences, for states, controls and parameters."""

from __future__ import annotations

from functools import cache

import casadi as ca
import numpy as np
import pytest
from bodies import FREE, HOW, STEP, simulation, start
from numpy.typing import NDArray

from bioenv.diff.symbolic import compiled
from bioenv.diff.symbolic.cost import Cost
from bioenv.diff.symbolic.simulation import CompiledSimulation, PathGradient
from bioenv.errors import BioenvError
from bioenv.models import load

Array = NDArray[np.float64]
TOLERANCE = 1e-6


@cache
def cost(how: str) -> Cost:
    """Of everything a running cost may depend on, ground reaction forces among it."""
    made = simulation(how, free=FREE)
    q, v, a = (ca.SX.sym(name, 12) for name in "qva")
    act, exc = ca.SX.sym("act", 18), ca.SX.sym("exc", 18)
    p = ca.SX.sym("p", made.parameters.default.size)
    load = ca.sumsqr(made.body.grf(q, v, a, p)) / 700.0**2
    effort = ca.sumsqr(act) + ca.sumsqr(exc) + 1e-4 * ca.sumsqr(a) + ca.sumsqr(q[3:])
    running = ca.Function(
        "running", [exc, q, v, a, act, p], [STEP * (load + effort)],
        ["exc", "q", "v", "a", "act", "p"], ["cost"],
    )  # fmt: skip
    end = ca.sumsqr(made.body.com_velocity(q, v, p)) + q[2] + ca.sumsqr(act)
    return Cost(running, ca.Function("end", [v, q, act, p], [end], ["v", "q", "act", "p"], ["c"]))


def value(how: str, **shift: Array) -> float:
    made = simulation(how, free=FREE)
    given = [
        x + shift.get(name, 0.0)
        for name, x in zip(
            ("q", "v", "act", "exc", "p"),
            (*start(100, height=-0.003), made.parameters.default), strict=True,
        )
    ]  # fmt: skip
    return made.value(made.simulate(*given), cost(how))


@cache
def found(how: str) -> PathGradient:
    made = simulation(how, free=FREE)
    path = made.simulate(*start(100, height=-0.003))
    return made.gradient(path, cost(how))


def slope(how: str, name: str, direction: Array, size: float) -> float:
    ends = (value(how, **{name: sign * size * direction}) for sign in (1.0, -1.0))
    return (next(ends) - next(ends)) / (2.0 * size)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(
    ("name", "field", "size"),
    [("q", "qpos", 1e-7), ("v", "qvel", 1e-6), ("act", "activation", 1e-5),
     ("exc", "excitation", 1e-6)],
)  # fmt: skip
def test_by_the_initial_state_and_controls(name: str, field: str, size: float, how: str) -> None:
    gradient = np.asarray(getattr(found(how), field))
    direction = np.random.default_rng(1).normal(size=gradient.shape)
    expected = slope(how, name, direction, size)
    assert (gradient * direction).sum() == pytest.approx(expected, rel=TOLERANCE)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", ["softness", "strength", "gravity", *FREE])
def test_by_parameters(name: str, how: str) -> None:
    parameters = simulation(how, free=FREE).parameters
    gradient, where = found(how).parameters[name], parameters.slices[name]
    direction = np.zeros(parameters.default.size)
    scale = np.maximum(np.abs(parameters.default[where]), 0.1)
    direction[where] = scale * np.random.default_rng(2).normal(size=len(scale))
    expected = slope(how, "p", direction, 1e-5)
    assert gradient @ direction[where] == pytest.approx(expected, rel=TOLERANCE)


def test_given_derivatives_are_those_of_a_cost() -> None:
    """A scalar's dL/dstate in, its derivatives out: as torch hands them over."""
    made, s = simulation(), start(600)  # more than one chunk of the sweep
    path = made.simulate(*s)
    weights = np.random.default_rng(0).normal(size=(601, 42))
    weights[:-1] = 0.0
    w = ca.DM(weights[-1])
    q, v, act = ca.SX.sym("q", 12), ca.SX.sym("v", 12), ca.SX.sym("act", 18)
    end = ca.Function("end", [q, v, act], [ca.dot(w, ca.vertcat(q, v, act))],
                      ["q", "v", "act"], ["cost"])  # fmt: skip
    by_cost, given = made.gradient(path, Cost(final=end)), made.gradient(path, weights)
    final = np.concatenate([path.qpos[-1], path.qvel[-1], path.activation[-1]])
    assert by_cost.value == pytest.approx(float(weights[-1] @ final))
    assert np.isnan(given.value)
    np.testing.assert_array_equal(by_cost.state, given.state)
    np.testing.assert_array_equal(by_cost.excitation, given.excitation)
    np.testing.assert_array_equal(given.state[-1], weights[-1])
    np.testing.assert_array_equal(
        given.state[0], np.concatenate([given.qpos, given.qvel, given.activation])
    )


def test_chunks_join() -> None:
    """The gradient halfway is the gradient of the second half."""
    made, (q, v, act, excitation) = simulation(), start(600)
    path = made.simulate(q, v, act, excitation)
    weights = np.random.default_rng(0).normal(size=(601, 42))
    whole = made.gradient(path, weights)
    half = made.simulate(path.qpos[300], path.qvel[300], path.activation[300], excitation[300:])
    part = made.gradient(half, weights[300:])
    size = np.abs(part.state).max()
    np.testing.assert_allclose(whole.state[300:], part.state, atol=1e-8 * size)
    np.testing.assert_allclose(whole.excitation[300:], part.excitation, atol=1e-8 * size)


@pytest.mark.skipif(compiled.compiler() is None, reason="no C compiler here")
@pytest.mark.parametrize("how", HOW)
def test_numpy_finds_the_same_gradient(how: str) -> None:
    weights = np.random.default_rng(0).normal(size=(21, 42))
    fast, slow = (
        made.gradient(made.simulate(*start(20)), weights)
        for made in (simulation(how, compiled=c) for c in (True, False))
    )
    size = np.abs(slow.state).max()
    np.testing.assert_allclose(fast.state, slow.state, atol=1e-9 * size)
    np.testing.assert_allclose(fast.excitation, slow.excitation, atol=1e-9 * size)
    for name, expected in slow.parameters.items():
        np.testing.assert_allclose(fast.parameters[name], expected, rtol=1e-7, atol=1e-9 * size)


def test_without_forces_a_velocity_stays() -> None:
    """arm26 weightless and limp, at rest in range: dq(T)/dq(0) = 1, dq(T)/dv(0) is its drift."""
    made = CompiledSimulation(load("arm26"), step=0.01, smoothing=0.0, free=("damping",))
    n, steps = made.body.nq, 40
    p = made.parameters.pack(strength=0.0, gravity=0.0, damping=0.0)
    q, still = made.body.model.home + 0.3, np.zeros(n)
    path = made.simulate(q, still, np.zeros(6), np.zeros((steps, 6)), p)
    np.testing.assert_allclose(path.qpos[-1], q, atol=1e-12)
    weights = np.zeros((steps + 1, 2 * n + 6))
    weights[-1, 0] = 1.0
    gradient = made.gradient(path, weights)
    np.testing.assert_allclose(gradient.qpos, [1.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(gradient.qvel, [0.4, 0.0], atol=1e-9)


def test_an_end_without_steps() -> None:
    q, v, act, _ = start(0)
    made = simulation()
    path = made.simulate(q, v, act, np.zeros((0, 18)))
    symbol = ca.SX.sym("q", 12)
    end = ca.Function("end", [symbol], [ca.sumsqr(symbol)], ["q"], ["cost"])
    gradient = made.gradient(path, Cost(final=end))
    np.testing.assert_allclose(gradient.qpos, 2 * q)
    assert gradient.value == pytest.approx(q @ q)


def test_bad_costs() -> None:
    q, made = ca.SX.sym("q", 12), simulation()
    with pytest.raises(BioenvError, match="unknown input of the running cost 'qpos'"):
        Cost(running=ca.Function("f", [q], [q[0]], ["qpos"], ["cost"]))
    with pytest.raises(BioenvError, match="unknown input of the final cost 'a'"):
        Cost(final=ca.Function("f", [q], [q[0]], ["a"], ["cost"]))
    with pytest.raises(BioenvError, match="one output of one number"):
        Cost(final=ca.Function("f", [q], [q], ["q"], ["cost"]))
    path = made.simulate(*start(3))
    short = ca.SX.sym("q", 2)
    with pytest.raises(BioenvError, match="q must have 12 numbers, got 2"):
        made.gradient(path, Cost(final=ca.Function("f", [short], [short[0]], ["q"], ["cost"])))
    with pytest.raises(BioenvError, match=r"dL/dstate must have shape \(4, 42\)"):
        made.gradient(path, np.zeros((3, 42)))
    root = ca.Function("f", [q], [ca.log(-ca.sumsqr(q))], ["q"], ["cost"])
    with pytest.raises(BioenvError, match="the cost of this movement is nan"):
        made.gradient(path, Cost(final=root))
    with pytest.raises(BioenvError, match=r"not finite at step 2 of 3"):
        made.gradient(path, np.full((4, 42), 1e308))
