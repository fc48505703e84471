"""The solver finds what calculus of variations finds."""

from __future__ import annotations

import numpy as np
import pytest
from particle import FORCE, MASS, particle

from bioenv.agents.trajopt.guess import static
from bioenv.agents.trajopt.problem import Problem
from bioenv.agents.trajopt.solution import Solution, kkt
from bioenv.agents.trajopt.solver import Stage, solve
from bioenv.agents.trajopt.transcription import Transcription
from bioenv.agents.trajopt.watch import LAST_ITERATE, restore
from bioenv.errors import BioenvError

DISTANCE, DURATION = 0.5, 1.0
# Minimum of the integral of u^2 from rest to rest: u(t) = 6 d / T^2 (1 - 2 t / T), 12 d^2 / T^3.
EFFORT = 12 * DISTANCE**2 / DURATION**4 * (MASS / FORCE) ** 2 / 2


def effort_problem(**changes: object) -> Problem:
    given: dict = {
        "goals": {"effort": 1.0}, "duration": (DURATION, DURATION), "activation": (0.0, 1.0),
        "start": {"x": 0.0}, "finish": {"x": DISTANCE},
    }  # fmt: skip
    return Problem(particle().model, **{**given, **changes})


def solved(problem: Problem, mesh: int, **settings: object) -> Solution:
    stage = Stage(mesh, tolerance=1e-9, feasibility=1e-9)
    return solve(problem, particle(), static(problem, mesh), [stage], **settings)  # type: ignore[arg-type]


def at_rest(mesh: int) -> Solution:
    """Velocity zero at both ends; the acceleration is free there."""
    problem = effort_problem()
    symbolic = particle()
    problem = Problem(
        problem.model, problem.goals, problem.duration, start={"x": 0.0}, finish={"x": DISTANCE},
        activation=(0.0, 1.0), still=("start", "end"),
    )  # fmt: skip
    stage = Stage(mesh, tolerance=1e-9, feasibility=1e-9)
    return solve(problem, symbolic, static(problem, mesh), [stage])


@pytest.fixture(scope="module")
def least_effort() -> list[Solution]:
    return [at_rest(mesh) for mesh in (10, 20, 40)]


def test_minimum_effort_of_a_particle_is_the_closed_form(least_effort: list[Solution]) -> None:
    solution = least_effort[-1]
    assert solution.status == "solved"
    assert solution.objective == pytest.approx(EFFORT, rel=4e-3)
    t = solution.trajectory.time / DURATION
    assert solution.trajectory.q[:, 0] == pytest.approx(DISTANCE * t**2 * (3 - 2 * t), abs=1e-3)


def test_the_error_falls_with_the_square_of_the_step(least_effort: list[Solution]) -> None:
    error = [abs(s.objective - EFFORT) for s in least_effort]
    order = np.log2(np.array(error[:-1]) / error[1:])
    assert order == pytest.approx(2.0, abs=0.3)


def test_conditions_of_optimality_hold_and_fail_where_they_should(
    least_effort: list[Solution],
) -> None:
    solution = least_effort[0]
    assert solution.violation < 1e-8
    assert solution.optimality < 1e-7
    assert solution.complementarity < 1e-7
    problem = effort_problem(still=("start", "end"))
    made = Transcription(problem, particle(), solution.mesh)
    off = solution.unknowns + 1e-2
    assert kkt(made, off, solution.parameters, solution.multipliers,
               solution.bound_multipliers)[0] > 1e-4  # fmt: skip


@pytest.mark.parametrize("goals", [{"effort": 1, "effort_cubed": 1}, {"effort": 1, "jerk": 1}])
def test_derivatives_are_those_of_the_functions(goals: dict[str, float]) -> None:
    """Of a sum of squares the slopes' own curvature is left out: here that by the duration."""
    made = Transcription(effort_problem(goals=goals), particle(), 4)
    rng = np.random.default_rng(0)
    x, lam = rng.uniform(0.1, 0.5, made.size), rng.normal(size=made.program.lower.size)
    p, step, program = np.ones(3), 1e-6, made.program
    direction = rng.normal(size=made.size)
    direction[-1] *= "jerk" not in goals

    def slopes(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        gradient = np.asarray(program.gradient(at, p)[1]).ravel()
        return gradient, program.jacobian(at, p)[1].full()

    ahead, behind = (program.value(x + s * step * direction, p) for s in (1, -1))
    gradient, jacobian = slopes(x)
    assert gradient @ direction == pytest.approx(float(ahead[0] - behind[0]) / 2 / step, rel=1e-5)
    numeric = np.asarray(ahead[1] - behind[1]).ravel() / 2 / step
    assert jacobian @ direction == pytest.approx(numeric, abs=1e-6)
    upper = program.hessian(x, p, 1.0, lam).full()
    hessian = upper + np.triu(upper, 1).T
    (g1, j1), (g0, j0) = (slopes(x + s * step * direction) for s in (1, -1))
    curve = (g1 + lam @ j1 - g0 - lam @ j0) / 2 / step
    exact = slice(None, -1) if "jerk" in goals else slice(None)
    assert (hessian @ direction)[exact] == pytest.approx(curve[exact], abs=1e-5)


def test_what_cannot_be_done_names_the_constraint() -> None:
    solution = solved(effort_problem(still=("start", "end"), parameters={"strength": 0.01}), 10)
    assert solution.status not in ("solved", "acceptable")
    assert not solution.success
    assert "most violated" in solution.message
    assert solution.violation > 1e-6


def test_the_last_iterate_stays_on_disk(tmp_path) -> None:  # type: ignore[no-untyped-def]
    solution = solved(effort_problem(still=("start", "end")), 10, out=tmp_path)
    kept = restore(tmp_path / LAST_ITERATE).trajectory
    assert kept.q == pytest.approx(solution.trajectory.q)
    with pytest.raises(BioenvError, match="no stored iterate"):
        restore(tmp_path / "absent.npz")


def test_a_reserve_in_the_last_stage_is_refused() -> None:
    problem = effort_problem()
    with pytest.raises(BioenvError, match="without assist"):
        solve(problem, particle(), static(problem, 5), [Stage(5, assist=1.0)])
