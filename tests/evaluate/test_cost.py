"""The shared cost: closed forms, and the terms of an optimization itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bioenv.agents.trajopt import goals as solver_goals
from bioenv.agents.trajopt.recipe import load_recipe
from bioenv.agents.trajopt.solution import Solution
from bioenv.agents.trajopt.solver import solve
from bioenv.diff.symbolic.model import build
from bioenv.evaluate import cost, evaluate
from bioenv.evaluate.gait import analyse
from bioenv.models import goals as sizes
from bioenv.models import load
from bioenv.motion import Motion

KNOWN = {*solver_goals.AT_POINT, *solver_goals.BETWEEN}
MASS = 70.0
WEIGHT = MASS * 9.81


def values_of(motion: Motion, model: Any = None) -> dict[str, float]:
    return cost.goal_values(analyse(motion), model)


def solution(name: str, *settings: str, **stage: Any) -> Solution:
    recipe = load_recipe(name).changed(settings)
    problem = recipe.problem()
    stages = [replace(recipe.stages()[-1], **stage)]
    guess = recipe.trajectory(problem, stages[0].mesh)
    return solve(problem, build(problem.model), guess, stages)


@pytest.fixture(scope="module")
def reach() -> Solution:
    """A reach that minimizes everything an arm can."""
    names = ("effort_cubed", "metabolic", "joint_load", "smoothness", "acceleration")
    settings = [f"goals.{name}=0.1" for name in names]
    return solution("reach", *settings, "goals.activation_rate=0.1", mesh=20)


def test_the_cost_of_an_optimized_motion_is_the_solvers_own(reach):
    assert reach.success, reach.message
    result = evaluate(reach.motion, against=None)
    assert result.weights == pytest.approx(dict(reach.motion.meta["goals"]))
    for name, share in reach.terms.items():
        # Exact but for the solver's rounded corners and, in the joint load, its fitted paths.
        exact = name in ("effort", "effort_cubed", "acceleration")
        allowed = 1e-6 if exact else 0.05 if name == "metabolic" else 0.02
        assert result.score(f"cost_{name}").value == pytest.approx(share, rel=allowed), name
        assert result.score(f"cost_{name}").rewarded
    assert result.score("cost_total").value == pytest.approx(reach.objective, rel=0.02)


@pytest.mark.slow
def test_half_a_stride_costs_what_the_whole_one_does():
    names = ("effort_cubed", "joint_load", "smoothness", "loading_rate", "contact_loss")
    settings = [f"goals.{name}=0.1" for name in names if name in KNOWN]
    # Far from a walk after one iteration, but with every term of its cost, and corners kept sharp.
    sharp = {"smoothing": 0.05}
    walk = solution("predict-walk", *settings, mesh=6, max_iterations=1, parameters=sharp)
    result = evaluate(walk.motion, against=None)
    assert {"ground_impact", "joint_load"} <= set(walk.terms)
    for name in walk.terms.keys() & cost.GOALS.keys():
        share = walk.terms[name]
        found = result.weights[name] * result.costs[0][name]
        assert found == pytest.approx(share, rel=0.01), name


def test_one_copy_of_the_sizes():
    assert solver_goals.CONTROL_DT == sizes.CONTROL_DT
    assert solver_goals.IMPACT_THRESHOLD == sizes.IMPACT_THRESHOLD
    shared = {"effort", "effort_cubed", "metabolic", "joint_load", "ground_impact", "smoothness",
              "acceleration", "activation_rate"}  # fmt: skip
    assert shared <= set(cost.GOALS)
    assert shared <= KNOWN
    assert cost.left_out({"effort": 1, "jerk": 1, "tracking": 1}) == ("jerk", "tracking")


def test_closed_forms_of_a_movement_without_strides():
    time = np.linspace(0.0, 2.0, 401)
    motion = Motion(time, meta={"mass_kg": MASS})
    ramp = np.outer(time / 2, [1.0, 0.5])  # activations 0 to 1 and 0 to 1/2
    force = np.zeros((401, 2, 3))
    force[:, 0, 2], force[:, 1, 2] = 2.2 * WEIGHT, 1.1 * WEIGHT
    contact = np.tile([[3.0, 0.0, 4.0], [0.0, 0.0, 1.0]], (401, 1, 1)) * WEIGHT
    for name, values, labels in (
        ("activation", ramp, "ab"),
        ("excitation", ramp, "ab"),
        ("qacc", np.tile([20.0, 0.0], (401, 1)), "xy"),
        ("metabolic_rate", np.tile([140.0, 70.0], (401, 1)), "ab"),
        ("ground_reaction_force", force, "rl"),
        ("joint_contact_force", contact, ["knee_r", "hip_r"]),
    ):
        motion = motion.add(name, values, labels=labels, source="computed")
    found = values_of(motion)
    # Mean over a ramp of its square is a third, of its cube a fourth.
    assert found["effort"] == pytest.approx((1 + 1 / 4) / 2 / 3, rel=1e-4)
    assert found["effort_cubed"] == pytest.approx((1 + 1 / 8) / 2 / 4, rel=1e-4)
    assert found["metabolic"] == pytest.approx(3.0)  # W/kg
    assert found["ground_impact"] == pytest.approx(1.0)  # (2.2 - 1.2)^2, the other foot below
    assert found["joint_load"] == pytest.approx((25 + 1) / 2)
    assert found["acceleration"] == pytest.approx(4 / 2)  # (20 / 10)^2 of one of two
    assert found["loading_rate"] == 0
    # Excitations rise by 0.01 and 0.005 in 0.02 s.
    assert found["smoothness"] == pytest.approx((0.01**2 + 0.005**2) / 2)
    assert "activation_rate" not in found  # whose activation dynamics?


def test_closed_forms_of_rates():
    time = np.linspace(0.0, 2.0, 401)
    walker = load("walker2d")
    force = np.zeros((401, 2, 3))
    force[..., 2] = time[:, None] * [40 * WEIGHT, 20 * WEIGHT]  # 40 and 20 body weights a second
    rising = Motion(time, meta={"mass_kg": MASS}).add(
        "ground_reaction_force", force, labels="rl", source="computed"
    )
    assert values_of(rising)["loading_rate"] == pytest.approx(2**2 + 1**2)
    resting = np.full((401, 18), 0.3)
    still = Motion(time, model="walker2d")
    for name, values in (("activation", resting), ("excitation", resting + 0.1)):
        still = still.add(name, values, labels=walker.muscles, source="computed")
    # 0.1 above an activation of 0.3 makes it rise by 0.1 / (tau_act (0.5 + 1.5 * 0.3)).
    rate = 0.1 / (walker.muscle.tau_act * 0.95)
    expected = np.mean((rate / 10) ** 2)
    assert values_of(still, walker)["activation_rate"] == pytest.approx(expected, rel=1e-6)


def test_a_held_excitation_changes_once_per_control_step():
    """A policy's excitation is a staircase: what counts is the height of its steps."""
    time = np.arange(301) / 150  # 3 physics steps in each control step of 0.02 s
    stairs = 0.3 + 0.1 * (np.arange(301) // 3 % 2)
    motion = Motion(time, meta={"control_dt": 0.02})
    motion = motion.add("excitation", stairs[:, None], labels="a", source="simulated")
    assert values_of(motion)["smoothness"] == pytest.approx(0.1**2)
    slower = Motion(time / 2 * 3, meta={"control_dt": 0.03}, signals=motion.signals)
    assert values_of(slower)["smoothness"] == pytest.approx((0.1 * 2 / 3) ** 2)


def test_a_simulators_reported_acceleration_is_not_trusted():
    """Stiff dampers make it jump within a step; the velocities show what came of it."""
    time = np.arange(101) / 100
    motion = Motion(time)
    for name, values in (("qvel", 5 * time), ("qacc", 300 * (-1.0) ** np.arange(101))):
        motion = motion.add(name, values[:, None], labels="x", source="simulated")
    assert values_of(motion)["acceleration"] == pytest.approx(0.5**2)


def test_whole_strides_are_what_counts(make_walk):
    walk = make_walk(period=1.0, duty=0.6, rate=100.0, seconds=6.3)
    effort = 0.5 + 0.5 * np.sin(2 * np.pi * walk.time)  # mean square over a period: 3/8
    walk = walk.add("activation", effort[:, None], labels="a", source="simulated")
    assert values_of(walk)["effort"] == pytest.approx(3 / 8)
    # A half sine of peak pi / (4 * 0.6) body weights over 0.6 of the cycle, beyond 1.2.
    peak, at = np.pi / 2.4, np.linspace(0, np.pi, 100001)
    excess = np.maximum(peak * np.sin(at) - 1.2, 0) ** 2
    assert values_of(walk)["ground_impact"] == pytest.approx(2 * 0.6 * excess.mean(), rel=2e-2)


def test_one_motions_weights_apply_to_all(make_walk):
    def walk(label: str, level: float, **meta: Any) -> Motion:
        motion = make_walk(label=label, **meta)
        activation = np.full((len(motion), 1), level)
        return motion.add("activation", activation, labels="a", source="simulated")

    policy = walk("policy", 0.2, rewarded=["speed"], policy={"command": "bioenv train"})
    goals = {"effort": 10.0, "ground_impact": 2.0, "tracking": 1.0, "acceleration": 0.0}
    optimal = walk("optimal", 0.1, goals=goals)
    later = walk("later", 0.1, goals={"effort": 5.0})
    result = evaluate([policy, optimal, later])
    assert result.weights == {"effort": 10.0, "ground_impact": 2.0, "tracking": 1.0}
    for name, expected in (("policy", 0.4), ("optimal", 0.1), ("later", 0.1)):
        assert result.score("cost_effort", name).value == pytest.approx(expected)
        impact = result.score("cost_ground_impact", name).value
        total = result.score("cost_total", name)
        assert total.value == pytest.approx(expected + impact)
        assert "without tracking" in total.source
    marks = [result.score("cost_effort", n).rewarded for n in ("policy", "optimal", "later")]
    assert marks == [False, True, True]
    assert not result.score("cost_total", "policy").rewarded


def test_a_sum_with_a_hole_is_no_sum(make_walk):
    result = evaluate([make_walk(label="a"), make_walk(label="b", goals={"effort": 1.0})])
    assert not [s for s in result.scores if s.name.startswith("cost_")]
    assert cost.total({"effort": 1.0}, {}) is None
    assert evaluate(make_walk()).weights == {}
