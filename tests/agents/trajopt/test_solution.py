"""What a solution says of itself, and whether MuJoCo agrees."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bioenv.agents.trajopt.consistency import consistency, halfway
from bioenv.agents.trajopt.guess import Trajectory, from_motion, perturbed, static
from bioenv.agents.trajopt.movement import whole_stride
from bioenv.agents.trajopt.problem import Problem
from bioenv.models import load


@pytest.fixture(scope="module")
def walk() -> Problem:
    return Problem(
        load("walker2d"), {"effort": 1.0}, (0.5, 0.5), symmetry="mirror", travel="pelvis_tx",
        speed=(1.2, 1.2),
    )  # fmt: skip


def test_half_a_stride_and_its_mirror_image_are_a_stride(walk: Problem) -> None:
    half = perturbed(static(walk, 10), seed=0)
    stride = whole_stride(walk, half)
    knee = [walk.model.coordinate_index(f"knee_angle_{side}") for side in "rl"]
    assert stride.mesh == 20
    assert stride.duration == 2 * half.duration
    assert stride.q[11:, knee[0]] == pytest.approx(half.q[1:, knee[1]])
    assert stride.q[-1, 0] - stride.q[0, 0] == pytest.approx(2 * (half.q[-1, 0] - half.q[0, 0]))


def test_between_nodes_a_cubic_is_exact() -> None:
    t = np.linspace(0, 1, 4)[:, None]
    zero = 0 * t
    middle = halfway(Trajectory(t**2, 2 * t, 2 + zero, t**2, 2 * t, 1.0))
    between = (t[:-1] + t[1:]) / 2
    assert middle.q == pytest.approx(between**2)
    assert middle.v == pytest.approx(2 * between)
    assert middle.act == pytest.approx(between**2)


def test_a_body_in_free_fall_is_consistent_and_one_that_hovers_is_not(walk: Problem) -> None:
    model = walk.model
    high = static(walk, 4)
    q, a = high.q.copy(), np.zeros_like(high.q)
    q[:, model.coordinate_index("pelvis_tz")] += 1.0
    hovers = Trajectory(q, 0 * q, a, 0 * high.act, 0 * high.act, 0.1)
    assert consistency(model, hovers)["root_force"] == pytest.approx(100, rel=1e-6)
    a = a.copy()
    a[:, model.coordinate_index("pelvis_tz")] = -9.81
    falls = Trajectory(q, 0 * q, a, 0 * high.act, 0 * high.act, 0.1)
    assert consistency(model, falls)["root_force"] == pytest.approx(0, abs=1e-6)


def test_a_solution_is_plain_figures_and_a_motion_that_warms(tmp_path: Path) -> None:
    from particle import particle

    from bioenv.agents.trajopt.solver import Stage, solve

    problem = Problem(
        particle().model, {"effort": 1.0}, (0.8, 1.2), start={"x": 0.0}, finish={"x": 0.3},
        rest=("start", "end"),
    )  # fmt: skip
    lines: list[str] = []
    solution = solve(
        problem, particle(), static(problem, 8), [Stage(8), Stage(16)], progress=lines.append
    )
    solution.save(tmp_path)
    figures = json.loads((tmp_path / "solution.json").read_text())
    assert figures["status"] == "solved"
    assert [step["mesh"] for step in figures["steps"]] == [8, 16]
    assert figures["iterations"] == sum(step["iterations"] for step in figures["steps"])
    # Slowly is cheapest.
    assert figures["duration_s"] == pytest.approx(1.2, abs=1e-3)
    again = solve(problem, particle(), from_motion(problem, solution.motion, 16), [Stage(16)])
    assert again.objective == pytest.approx(solution.objective, rel=1e-3)
