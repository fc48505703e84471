"""Solutions that come with bioenv are optima of their recipes, and physical in MuJoCo."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bioenv.agents.trajopt.consistency import consistency
from bioenv.agents.trajopt.guess import Trajectory
from bioenv.agents.trajopt.recipe import SolveRecipe, load_recipe
from bioenv.agents.trajopt.solution import Optimum, kkt
from bioenv.agents.trajopt.transcription import Transcription
from bioenv.diff.symbolic.model import build
from bioenv.evaluate import evaluate
from bioenv.models.muscle import activation_rate
from bioenv.motion import Motion
from bioenv.paths import agent_file

FOLDERS = sorted(p for p in agent_file("solutions").iterdir() if p.is_dir())
PLANS = sorted(p for p in agent_file("plans", "walk-speeds").iterdir() if p.is_dir())


def recipe_of(folder: Path) -> SolveRecipe:
    figures = json.loads((folder / "solution.json").read_text())
    return load_recipe(figures["recipe"]).changed(figures["settings"])


@pytest.mark.parametrize("folder", [*FOLDERS, *PLANS], ids=lambda p: p.name)
def test_conditions_of_optimality_hold(folder: Path) -> None:
    """Feasible to 1e-6, stationary and complementary as the recipe's last stage asks."""
    figures = json.loads((folder / "solution.json").read_text())
    recipe, optimum = recipe_of(folder), Optimum.load(folder / "optimum.npz")
    problem, last = recipe.problem(), recipe.stages()[-1]
    made = Transcription(problem, build(problem.model), last.mesh)
    f, g = made.program.value(optimum.unknowns, optimum.parameters)
    assert float(f) == pytest.approx(figures["objective"], rel=1e-6)
    assert made.program.worst(np.asarray(g).ravel())[0][2] <= 1e-6
    optimality, complementarity = kkt(
        made, optimum.unknowns, optimum.parameters, optimum.multipliers, optimum.bound_multipliers
    )
    assert optimality <= last.tolerance
    assert complementarity <= max(last.tolerance, 2 * last.mu)
    motion = Motion.load(folder / "motion.nc")
    half = made.unpack(optimum.unknowns)
    assert motion["qpos"][: half.mesh + 1] == pytest.approx(half.q, abs=1e-6)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_mujoco_finds_no_forces_missing(folder: Path) -> None:
    """Taken anew from the stored motion, in percent of body weight; as solution.json tells."""
    figures = json.loads((folder / "solution.json").read_text())
    m, problem = Motion.load(folder / "motion.nc"), recipe_of(folder).problem()
    rate = activation_rate(m["excitation"], m["activation"], problem.model.muscle)
    stride = Trajectory(m["qpos"], m["qvel"], m["qacc"], m["activation"], rate, m.duration)
    found = consistency(problem.model, stride)
    assert figures["status"] == "solved"
    assert found["root_force"] <= 1.0
    assert found["root_force_between"] <= 2.0
    for name in ("root_force", "root_force_between"):  # there of half a stride: other end weights
        assert found[name] == pytest.approx(figures["mujoco"][name], rel=0.05), name


def test_plans_cost_least_at_the_speed_that_people_choose() -> None:
    """1.1 to 1.4 m/s, gross, taken anew from the motions."""
    judged = [evaluate(Motion.load(folder / "motion.nc"), against=None) for folder in PLANS]
    speed = np.array([one.score("speed").value for one in judged])
    cost = np.array([one.score("cost_of_transport").value for one in judged])
    speed, cost = speed[speed.argsort()], cost[speed.argsort()]
    i = int(cost.argmin())
    a, b, _ = np.polyfit(speed[i - 1 : i + 2], cost[i - 1 : i + 2], 2)
    assert 1.1 <= -b / (2 * a) <= 1.4


def test_the_predicted_walk_is_near_people_who_were_never_shown_to_it() -> None:
    """Targets of the predicted gait but for the ankle, whose tendon is rigid here: 8.3 degrees."""
    walk = Motion.load(agent_file("solutions", "predict-walk", "motion.nc"))
    judged = evaluate(walk, "falisse2019")
    figures = {
        name: judged.score(name).value
        for name in ("hip_flexion_rmse", "knee_angle_rmse", "ankle_angle_rmse", "peak_swing_knee",
                     "duty_factor", "speed", "peak_vertical_grf")
    }  # fmt: skip
    assert figures["hip_flexion_rmse"] <= 6.0
    assert figures["knee_angle_rmse"] <= 8.0
    assert figures["ankle_angle_rmse"] <= 8.5
    assert figures["peak_swing_knee"] >= 55.0
    assert 0.58 <= figures["duty_factor"] <= 0.63
    assert figures["peak_vertical_grf"] <= 1.3
    assert figures["speed"] == pytest.approx(1.3, abs=1e-3)
