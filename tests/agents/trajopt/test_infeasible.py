"""What cannot be done ends with a status and names what is in the way."""

from __future__ import annotations

import mujoco
import pytest
from particle import particle

from bioenv.agents.trajopt.guess import static
from bioenv.agents.trajopt.problem import Problem
from bioenv.agents.trajopt.recipe import load_recipe
from bioenv.agents.trajopt.solution import Solution
from bioenv.agents.trajopt.solver import Stage, solve
from bioenv.diff.symbolic.model import build
from bioenv.errors import BioenvError
from bioenv.models import load
from bioenv.models.model import from_mujoco


def attempt(name: str, *settings: str, mesh: int = 8, iterations: int = 40) -> Solution:
    recipe = load_recipe(name).changed(settings)
    problem = recipe.problem()
    stage = Stage(mesh, max_iterations=iterations)
    return solve(problem, build(problem.model), recipe.trajectory(problem, mesh), [stage])


def refused(solution: Solution) -> str:
    assert not solution.success
    assert solution.violation > 1e-6
    assert solution.message.startswith("most violated: ")
    return solution.message


def test_nobody_walks_at_five_meters_a_second() -> None:
    message = refused(attempt("predict-walk", "speed=5.0", "duration=0.5"))
    assert "do not balance" in message or "mean speed of pelvis_tx is not 5 to 5 m/s" in message


def test_an_arm_without_strength_cannot_reach() -> None:
    message = refused(attempt("reach", "strength=0.0"))
    assert "hand is not at its target" in message or "do not balance" in message


def test_a_target_out_of_reach_is_named() -> None:
    solution = attempt("reach", "target.hand=[2.0, 0.0, 0.0]")
    assert "hand is not at its target in x" in refused(solution)


def test_a_coordinate_that_may_not_go_where_it_should_is_named() -> None:
    problem = Problem(
        particle().model, {"effort": 1.0}, (1.0, 1.0), start={"x": 0.0}, finish={"x": 0.5},
        bounds={"x": (-0.1, 0.2)},
    )  # fmt: skip
    solution = solve(problem, particle(), static(problem, 8), [Stage(8, max_iterations=40)])
    assert "x at the end is not 0.5 by 0.3" in refused(solution)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("bounds.pelvis_tilt=[0.4, -0.4]", "bounds of pelvis_tilt cross: 0.4 to -0.4"),
        ("duration=[0.6, 0.4]", "bounds of duration cross"),
        ("speed=[1.3, 1.0]", "bounds of speed cross"),
        ("bounds.pelvis_tlit=[-1, 1]", "did you mean 'pelvis_tilt'"),
    ],
)
def test_bounds_that_cross_are_refused(setting: str, says: str) -> None:
    with pytest.raises(BioenvError, match=says):
        load_recipe("predict-walk").changed(["duration=0.5", setting]).problem()


BODY = """
<mujoco>
  <size nuser_actuator="3"/>
  <asset><mesh name="shape" vertex="0 0 0  .1 0 0  0 .1 0  0 0 .1"/></asset>
  <worldbody>
    <geom name="floor" type="plane" size="5 5 .1"/>
    <site name="origin"/>
    <body name="base" pos="0 0 1">
      {joint}
      {geom}
      <site name="end" pos=".1 .1 .1"/>
    </body>
  </worldbody>
  <tendon><spatial name="cord"><site site="origin"/><site site="end"/></spatial></tendon>
  <actuator><muscle name="cord" tendon="cord" force="100" lengthrange=".1 .6" user="0 .5 25e4"/>
  </actuator>
</mujoco>
"""
SLIDE = '<joint name="lift" type="slide" axis="0 0 1"/>'
BALL = '<geom name="ball" type="sphere" size=".1"/>'


@pytest.mark.parametrize(
    ("joint", "geom", "says"),
    [
        ('<joint name="hip" type="ball"/>', BALL, "'hip' is a ball"),
        ('<freejoint name="root"/>', BALL, "'root' is a free"),
        (SLIDE, '<geom name="skull" type="mesh" mesh="shape"/>', "floor with skull"),
        (SLIDE, '<geom name="egg" type="ellipsoid" size=".1 .1 .2"/>', "floor with egg"),
        (SLIDE + '<joint name="dry" frictionloss="1"/>', BALL, "friction loss of joint 'dry'"),
    ],
)
def test_what_cannot_be_expressed_is_named(joint: str, geom: str, says: str) -> None:
    mj = mujoco.MjModel.from_xml_string(BODY.format(joint=joint, geom=geom))
    with pytest.raises(BioenvError, match=says):
        build(from_mujoco(mj, "body"))


def test_a_box_that_moves_is_named() -> None:
    def carried(spec: mujoco.MjSpec) -> None:
        spec.body("pelvis").add_geom(
            name="bag", type=mujoco.mjtGeom.mjGEOM_BOX, size=[0.1, 0.1, 0.1], contype=1,
            conaffinity=1, density=0,
        )  # fmt: skip

    with pytest.raises(BioenvError, match="bag"):
        build(load("walker2d", edit=carried))
