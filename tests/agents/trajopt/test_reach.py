"""Reaching with the arm: least effort and least jerk."""

from __future__ import annotations

import casadi as ca
import numpy as np
import pytest

from bioenv.agents.trajopt.recipe import load_recipe
from bioenv.agents.trajopt.solution import Solution, kkt
from bioenv.agents.trajopt.solver import solve
from bioenv.agents.trajopt.transcription import Transcription
from bioenv.diff.symbolic.model import build
from bioenv.inverse import inverse_dynamics, limit_torque, muscle_torque


def reach(*settings: str) -> Solution:
    recipe = load_recipe("reach").changed([*settings, "mesh=30"])
    problem = recipe.problem()
    stages = recipe.stages()
    guess = recipe.trajectory(problem, stages[0].mesh)
    return solve(problem, build(problem.model), guess, stages)


@pytest.fixture(scope="module")
def effort() -> Solution:
    return reach()


@pytest.fixture(scope="module")
def jerk() -> Solution:
    return reach("goals.jerk=100", "goals.effort=0.01", "goals.activation_rate=1e-5")


def hand(solution: Solution) -> np.ndarray:
    """(T, 3) m."""
    symbolic = build(load_recipe("reach").problem().model)
    places = symbolic.positions.map(len(solution.motion))(solution.motion["qpos"].T)
    row = symbolic.position("hand")
    return np.array([np.asarray(p)[row] for p in ca.horzsplit(places, 3)])


def test_the_hand_arrives_at_rest(effort: Solution) -> None:
    assert effort.success, effort.message
    assert effort.violation < 1e-6
    assert hand(effort)[-1, [0, 2]] == pytest.approx([0.35, -0.2], abs=1e-5)
    assert effort.motion["qvel"][-1] == pytest.approx([0, 0], abs=1e-9)
    assert sum(effort.terms.values()) == pytest.approx(effort.objective)


def test_the_kkt_conditions_hold_when_taken_anew(effort: Solution) -> None:
    problem = load_recipe("reach").problem()
    made = Transcription(problem, build(problem.model), effort.mesh)
    optimality, complementarity = kkt(
        made, effort.unknowns, effort.parameters, effort.multipliers, effort.bound_multipliers
    )
    assert optimality < 1e-4
    assert complementarity < 1e-3


def test_mujoco_agrees_with_the_forces(effort: Solution) -> None:
    m, model = effort.motion, load_recipe("reach").problem().model
    needed = inverse_dynamics(model, m["qpos"], m["qvel"], m["qacc"])
    given = muscle_torque(model, m["qpos"], m["muscle_force"])
    given += limit_torque(model, m["qpos"], m["qvel"], m["qacc"])
    miss = np.sqrt(np.mean((needed - given) ** 2, axis=0))
    assert (miss < 0.03 * np.abs(needed).max(axis=0)).all(), miss


def test_the_least_jerk_is_the_bell_of_flash_and_hogan(jerk: Solution, effort: Solution) -> None:
    """Straight, with 1.875 times the mean speed at its peak (Flash and Hogan 1985)."""
    path = hand(jerk)[:, [0, 2]]
    t = np.linspace(0, 1, len(path))[:, None]
    ideal = path[0] + (path[-1] - path[0]) * (10 * t**3 - 15 * t**4 + 6 * t**5)
    assert np.abs(path - ideal).max() < 0.03 * np.linalg.norm(path[-1] - path[0])
    mean_square = [np.mean(s.motion["activation"] ** 2) for s in (jerk, effort)]
    assert mean_square[0] > mean_square[1]
