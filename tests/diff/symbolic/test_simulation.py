"""Compiled simulations are MuJoCo's, with and without a compiler, and say when they fail."""

from __future__ import annotations

import casadi as ca
import numpy as np
import pytest
from bodies import HOW, by_mujoco, simulation, start

from bioenv.diff.symbolic import compiled
from bioenv.diff.symbolic.columns import Columns
from bioenv.diff.symbolic.simulation import CompiledSimulation
from bioenv.diff.symbolic.tape import tape
from bioenv.errors import BioenvError
from bioenv.models import load

needs_compiler = pytest.mark.skipif(compiled.compiler() is None, reason="no C compiler here")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("height", [0.3, 0.0])
def test_without_muscles_the_steps_are_mujocos(height: float, how: str) -> None:
    """A fall of 0.3 m and what comes after it, and from the ground on: 0.4 s."""
    s = start(400, height)
    made = simulation(how, smoothing=0.0)
    path = made.simulate(*s, made.parameters.pack(strength=0.0))
    np.testing.assert_allclose(path.qpos, by_mujoco(s, how, strength=0.0), atol=1e-10)
    touched = np.array(made.body.contact_point(path.qpos[-1]))[:, 2].min() < 0.0
    assert touched
    assert path.iterations.max() < 20


def test_with_muscles_they_differ_by_the_fitted_paths() -> None:
    s = start(300)
    made = simulation(smoothing=0.0)
    expected = by_mujoco(s, "explicit")
    error = np.abs(made.simulate(*s).qpos - expected)
    assert error.max() < 2e-3  # rad or m
    weak = made.simulate(*s, made.parameters.pack(strength=0.9)).qpos
    assert np.abs(weak - expected).max() > 5 * error.max()


def test_implicitfast_takes_the_muscles_damping_as_mujoco() -> None:
    s, step = start(40), 0.005
    expected, euler = (by_mujoco(s, how, step=step) for how in ("implicitfast", "euler"))
    error = np.abs(
        simulation("implicitfast", smoothing=0.0, step=step).simulate(*s).qpos - expected
    )
    assert error.max() < 0.1 * np.abs(euler - expected).max()


def test_smoothing_changes_little() -> None:
    s = start(100)
    sharp, smooth = (simulation(smoothing=x).simulate(*s).qpos for x in (0.0, 1.0))
    assert 1e-7 < np.abs(sharp - smooth).max() < 2e-3


@needs_compiler
@pytest.mark.parametrize("how", HOW)
def test_numpy_makes_the_same_steps(how: str) -> None:
    s = start(30)
    fast, slow = (simulation(how, compiled=c).simulate(*s) for c in (True, False))
    for name in ("qpos", "qvel", "activation", "qacc", "applied"):
        expected = getattr(slow, name)
        size = 1.0 + np.abs(expected).max()
        np.testing.assert_allclose(getattr(fast, name), expected, atol=1e-10 * size)
    np.testing.assert_array_equal(fast.iterations, slow.iterations)


def test_the_path_satisfies_newton_at_every_step() -> None:
    made, s = simulation(), start(50)
    path = made.simulate(*s)
    assert path.time[-1] == pytest.approx(0.05)
    columns = (path.qpos[:-1], path.qvel[:-1], path.qacc, path.activation[:-1], path.parameters)
    missing = Columns(made.body.balance, compiled=False)(*columns)[0]
    assert np.abs(missing).max() < 1e-6  # N, N*m
    np.testing.assert_allclose(np.diff(path.qpos, axis=0), 0.001 * path.qvel[1:], atol=1e-15)
    np.testing.assert_allclose(np.diff(path.qvel, axis=0), 0.001 * path.qacc, atol=1e-12)


def test_a_failure_names_the_step() -> None:
    made, (q, v, act, excitation) = simulation(), start(2000)
    p = made.parameters.pack(gravity=[1e8, 0.0, 0.0])
    with pytest.raises(BioenvError, match=r"failed at step \d+ of 2000 .* not finite; fastest"):
        made.simulate(q, v * 1e150, act, excitation, p)
    if compiled.compiler() is not None:
        slow = simulation(compiled=False)
        with (
            pytest.raises(BioenvError, match=r"failed at step \d+ of 2000"),
            np.errstate(all="ignore"),
        ):
            slow.simulate(q, v * 1e150, act, excitation, p)


def test_leaving_the_fitted_range_is_said() -> None:
    made, (q, v, act, excitation) = simulation(), start(20, height=1.0)
    q[0], q[2] = 7.0, 3.0  # no muscle depends on the place and the turn of the whole body
    assert made.simulate(q, v, act, excitation).outside == {}
    knee = made.body.model.coordinates.index("knee_angle_r")
    v[knee] = -200.0
    path = made.simulate(q, v, act, excitation)
    first = path.outside["knee_angle_r"]
    low = made.body.valid_range[knee, 0]
    assert path.qpos[first - 1, knee] >= low > path.qpos[first, knee]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({0: np.zeros(3)}, r"qpos must have shape \(12,\), got \(3,\)"),
        ({1: np.full(12, np.nan)}, "qvel has values that are not finite"),
        ({3: np.zeros((5, 3))}, r"excitation must have shape \(5, 18\), got \(5, 3\)"),
        ({3: np.float64(0.1)}, r"excitation must have shape \(0, 18\), got \(\)"),
        ({3: np.full((5, 18), 1.2)}, "must lie in 0..1, got 1.2..1.2"),
        ({4: np.zeros(2)}, "parameters must have shape"),
    ],
)
def test_bad_input(changes: dict[int, object], message: str) -> None:
    given: list[object] = [*start(5), None]
    for i, value in changes.items():
        given[i] = value
    with pytest.raises(BioenvError, match=message):
        simulation().simulate(*given)  # type: ignore[arg-type]


def test_bad_settings() -> None:
    with pytest.raises(BioenvError, match="step must be positive, got -1"):
        CompiledSimulation(load("elbow"), step=-1.0)
    with pytest.raises(BioenvError, match="unknown integrator 'rk4'"):
        CompiledSimulation(load("elbow"), integrator="rk4")
    with pytest.raises(BioenvError, match="unknown free parameter 'length'"):
        CompiledSimulation(load("elbow"), free=("length",))


def test_muscles_that_polynomials_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bioenv.diff.symbolic.simulation.PATH_ERROR", 1e-6)
    with pytest.raises(BioenvError, match=r"paths of \d+ muscles .* worse than 0.001 mm, \w+ by"):
        CompiledSimulation(load("elbow"))


def test_no_steps() -> None:
    q, v, act, _ = start(0)
    path = simulation().simulate(q, v, act, np.zeros((0, 18)))
    np.testing.assert_array_equal(path.qpos, [q])


@needs_compiler
def test_columns_are_the_functions_of_each_place() -> None:
    a, b = ca.SX.sym("a", 2), ca.SX.sym("b", 3)
    one = ca.Function("f", [a, b], [ca.mtimes(a, b.T), ca.densify(ca.sum1(b)), ca.SX(0, 0)])
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(70, 2)), rng.normal(size=3)
    for how in (True, False):
        table, total, none = Columns(one, how)(x, y)
        assert none.shape == (70, 0)
        np.testing.assert_allclose(table, np.einsum("ti,j->tji", x, y).reshape(70, 6))
        np.testing.assert_allclose(total, np.full((70, 1), y.sum()))


def test_a_tape_does_nothing_twice() -> None:
    a, b = ca.SX.sym("a"), ca.SX.sym("b")
    one = ca.Function("f", [a, b], [a * ca.sin(b), ca.exp(a) * ca.cos(b)])
    made = tape(one)
    assert [len(part.rows) for part in made.parts] == [2, 1, 2]
    assert made.outputs[0][0] >= 0
    with pytest.raises(BioenvError, match="an operation that compiled C does not know"):
        tape(ca.Function("g", [a], [ca.erf(a)]))
