"""Problems, guesses and recipes say what is wrong with them."""

from __future__ import annotations

import numpy as np
import pytest
from particle import particle

from bioenv.agents.trajopt.guess import from_motion, static
from bioenv.agents.trajopt.problem import Problem
from bioenv.agents.trajopt.recipe import from_table, load_recipe, shipped
from bioenv.agents.trajopt.solver import parameter_vector
from bioenv.agents.trajopt.splines import Layout
from bioenv.errors import BioenvError
from bioenv.motion import Motion


def line(**changes: object) -> Problem:
    given: dict = {"goals": {"effort": 1.0}, "duration": (1.0, 1.0)}
    return Problem(particle().model, **{**given, **changes})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"goals": {"efort": 1.0}}, "did you mean 'effort'"),
        ({"goals": {"effort": -1.0}}, "a number from 0"),
        ({"goals": {"effort": 0.0}}, "no goal has a weight"),
        ({"duration": (1.0, 0.5)}, "bounds of duration cross"),
        ({"duration": (0.0, 0.5)}, "above 0 s"),
        ({"bounds": {"x": (1.0, -1.0)}}, "bounds of x cross"),
        ({"bounds": {"y": (0.0, 1.0)}}, "unknown coordinate 'y'"),
        ({"symmetry": "mirrored"}, "unknown symmetry"),
        ({"speed": (1.0, 1.0)}, "needs `travel`"),
        ({"rest": ("finish",)}, "unknown end"),
        ({"activation": (float("nan"), 1.0)}, "bounds of activation"),
    ],
)
def test_what_is_wrong_is_said(changes: dict, says: str) -> None:
    with pytest.raises(BioenvError, match=says):
        line(**changes)


def test_a_guess_keeps_the_ends_and_the_speed() -> None:
    guess = static(line(start={"x": 0.2}, finish={"x": 0.6}), 4)
    assert guess.q[:, 0] == pytest.approx([0.2, 0.3, 0.4, 0.5, 0.6])
    moving = static(line(travel="x", speed=(2.0, 2.0)), 4)
    assert moving.v == pytest.approx(2.0 * np.ones((5, 1)))
    assert moving.q[-1, 0] - moving.q[0, 0] == pytest.approx(2.0)


def test_resampling_keeps_straight_lines() -> None:
    guess = static(line(start={"x": 0.2}, finish={"x": 0.6}), 4).resampled(7)
    assert guess.mesh == 7
    assert guess.q[:, 0] == pytest.approx(np.linspace(0.2, 0.6, 8))


def test_a_motion_becomes_a_guess() -> None:
    time = np.linspace(0, 1, 50)
    motion = Motion(time).add("qpos", time[:, None] ** 2, labels=("x",), source="measured")
    with pytest.raises(BioenvError, match="no qvel of x"):
        from_motion(line(), motion, 5)
    motion = motion.add("qvel", 2 * time[:, None], labels=("x",), source="measured")
    guess = from_motion(line(), motion, 10)
    assert guess.duration == pytest.approx(1.0)
    assert guess.a == pytest.approx(2.0 * np.ones((11, 1)))


def test_parameters_by_muscle_and_by_name() -> None:
    symbolic = particle()
    assert parameter_vector(symbolic, {"strength.fore": 0.5}) == pytest.approx([1, 1, 0.5])
    assert parameter_vector(symbolic, {"strength": 0.5}) == pytest.approx([1, 0.5, 0.5])
    with pytest.raises(BioenvError, match="unknown muscle 'soleus'"):
        parameter_vector(symbolic, {"strength.soleus": 0.5})
    with pytest.raises(BioenvError, match="unknown parameter 'slipperiness'"):
        parameter_vector(symbolic, {"slipperiness": 0.5})
    with pytest.raises(BioenvError, match="must be finite"):
        parameter_vector(symbolic, {"smoothing": float("inf")})


@pytest.mark.parametrize("name", shipped())
def test_shipped_recipes_are_problems(name: str) -> None:
    recipe = load_recipe(name)
    problem = recipe.problem()
    stages = recipe.stages()
    assert stages[-1].assist == 0
    guess = recipe.trajectory(problem, stages[0].mesh)
    assert guess.q.shape == (stages[0].mesh + 1, len(problem.model.coordinates))


def test_settings_change_a_recipe() -> None:
    recipe = load_recipe("reach").changed(
        ["duration=0.7", "goals.jerk=2", "strength.BRA=0.5", "mesh=20"]
    )
    assert recipe.duration == (0.7, 0.7)
    assert recipe.goals["jerk"] == 2
    assert recipe.parameters == {"strength.BRA": 0.5}
    assert recipe.stages()[-1].mesh == 20
    assert recipe.changed(["duration=[0.4, 0.9]"]).duration == (0.4, 0.9)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("duratoin=1", "did you mean 'duration'"),
        ("duration", "key=value"),
        ("duration=fast", "must be a number"),
        ("mesh=-3", "whole number"),
        ("goals=3", "must be a table"),
        ("goals.effort=much", "must be a number"),
        ("strength.BRA=weak", "must be a number"),
    ],
)
def test_wrong_settings_are_refused(setting: str, says: str) -> None:
    recipe = load_recipe("reach")
    with pytest.raises(BioenvError, match=says):
        recipe.changed([setting]).problem()


def test_wrong_recipes_are_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BioenvError, match="unknown recipe 'raech'"):
        load_recipe("raech")
    with pytest.raises(BioenvError, match="cannot read"):
        load_recipe(tmp_path / "absent.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("model = ")
    with pytest.raises(BioenvError, match="not valid TOML"):
        load_recipe(broken)
    with pytest.raises(BioenvError, match="'goals' is missing"):
        from_table({"model": "arm26", "duration": 1}, "recipe")
    wrong = from_table({"model": "arm26", "duration": 1, "goals": {}, "stage": [{"msh": 3}]}, "r")
    with pytest.raises(BioenvError, match="did you mean 'mesh'"):
        wrong.stages()


def test_a_coarse_mesh_leaves_early_stages_enough_intervals() -> None:
    meshes = [stage.mesh for stage in load_recipe("predict-walk").changed(["mesh=10"]).stages()]
    assert meshes[-1] == 10
    assert min(meshes) >= 4
    too_coarse = load_recipe("reach").changed(["mesh=2"])
    with pytest.raises(BioenvError, match="at least 4 intervals, not 2"):
        Layout.of(too_coarse.problem(), too_coarse.stages()[-1].mesh)
