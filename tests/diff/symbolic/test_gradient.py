"""Gradients of simulations equal central differences, for states, controls and parameters."""

from __future__ import annotations

from functools import cache

import casadi as ca
import numpy as np
import pytest
from bodies import FREE, STEP, simulation, start
from numpy.typing import NDArray

from bioenv.diff.symbolic import compiled
from bioenv.diff.symbolic.cost import Cost
from bioenv.diff.symbolic.simulation import PathGradient
from bioenv.errors import BioenvError

Array = NDArray[np.float64]
TOLERANCE = 1e-6


@cache
def cost(implicit: bool = False) -> Cost:
    """Of everything a running cost may depend on, ground reaction forces among it."""
    made = simulation(implicit_damping=implicit, free=FREE)
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


def value(implicit: bool, **shift: Array) -> float:
    made = simulation(implicit_damping=implicit, free=FREE)
    given = [
        x + shift.get(name, 0.0)
        for name, x in zip(
            ("q", "v", "act", "exc", "p"),
            (*start(100, height=-0.003), made.parameters.default), strict=True,
        )
    ]  # fmt: skip
    return made.value(made.simulate(*given), cost(implicit))


@cache
def found(implicit: bool) -> PathGradient:
    made = simulation(implicit_damping=implicit, free=FREE)
    path = made.simulate(*start(100, height=-0.003))
    return made.gradient(path, cost(implicit))


def slope(implicit: bool, name: str, direction: Array, size: float) -> float:
    ends = (value(implicit, **{name: sign * size * direction}) for sign in (1.0, -1.0))
    return (next(ends) - next(ends)) / (2.0 * size)


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize(
    ("name", "field", "size"),
    [("q", "qpos", 1e-7), ("v", "qvel", 1e-6), ("act", "activation", 1e-5),
     ("exc", "excitation", 1e-6)],
)  # fmt: skip
def test_by_the_initial_state_and_controls(
    name: str, field: str, size: float, implicit: bool
) -> None:
    gradient = np.asarray(getattr(found(implicit), field))
    direction = np.random.default_rng(1).normal(size=gradient.shape)
    expected = slope(implicit, name, direction, size)
    assert (gradient * direction).sum() == pytest.approx(expected, rel=TOLERANCE)


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("name", ["softness", "strength", "gravity", *FREE])
def test_by_parameters(name: str, implicit: bool) -> None:
    parameters = simulation(implicit_damping=implicit, free=FREE).parameters
    gradient, where = found(implicit).parameters[name], parameters.slices[name]
    direction = np.zeros(parameters.default.size)
    scale = np.maximum(np.abs(parameters.default[where]), 0.1)
    direction[where] = scale * np.random.default_rng(2).normal(size=len(scale))
    expected = slope(implicit, "p", direction, 1e-5)
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
@pytest.mark.parametrize("implicit", [False, True])
def test_numpy_finds_the_same_gradient(implicit: bool) -> None:
    weights = np.random.default_rng(0).normal(size=(21, 42))
    fast, slow = (
        made.gradient(made.simulate(*start(20)), weights)
        for made in (simulation(implicit_damping=implicit, compiled=c) for c in (True, False))
    )
    size = np.abs(slow.state).max()
    np.testing.assert_allclose(fast.state, slow.state, atol=1e-9 * size)
    np.testing.assert_allclose(fast.excitation, slow.excitation, atol=1e-9 * size)
    for name, expected in slow.parameters.items():
        np.testing.assert_allclose(fast.parameters[name], expected, rtol=1e-7, atol=1e-9 * size)


def test_a_pendulum_in_closed_form() -> None:
    """arm26 without muscles, hanging: small swings keep their energy, so L does not change."""
    made = simulation("arm26", smoothing=0.0)
    assert made.body.n_contact == 0
    still = np.zeros(made.body.nq)
    p = made.parameters.pack(strength=0.0, gravity=0.0)
    path = made.simulate(made.body.model.home, still, np.zeros(6), np.zeros((50, 6)), p)
    np.testing.assert_allclose(path.qpos[-1], path.qpos[0], atol=1e-12)
    weights = np.zeros((51, 2 * made.body.nq + 6))
    weights[-1, 0] = 1.0
    gradient = made.gradient(path, weights)
    # Without any force a body keeps its velocity but for the dampers: dq(T)/dq(0) = 1.
    np.testing.assert_allclose(gradient.qpos, [1.0, 0.0], atol=1e-9)
    assert 0.0 < gradient.qvel[0] < 0.05 + 1e-9


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
