"""What-ifs in one line: strength, gravity, added mass; and MuJoCo judges the changed body."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from bioenv.agents.trajopt.consistency import consistency, judged
from bioenv.agents.trajopt.recipe import load_recipe
from bioenv.agents.trajopt.solution import Solution
from bioenv.agents.trajopt.solver import parameter_vector, solve
from bioenv.diff.symbolic.model import build
from bioenv.errors import BioenvError
from bioenv.models import load, muscle
from bioenv.models.changed import with_mass, with_parameters


def reach(*settings: str) -> Solution:
    recipe = load_recipe("reach").changed([*settings, "mesh=16"])
    problem = recipe.problem()
    stages = recipe.stages()
    return solve(problem, build(problem.model), recipe.trajectory(problem, 16), stages)


@pytest.mark.parametrize("setting", ["strength.BRA=0.3", "strength=0.7", "gravity=3.7",
                                     "mass.forearm=2"])  # fmt: skip
def test_a_changed_arm_is_judged_as_changed(setting: str) -> None:
    found = reach(setting)
    assert found.success, found.message
    assert found.mujoco["joint_torque"] < 0.05  # N*m
    as_it_was = consistency(load("arm26"), found.trajectory)
    assert as_it_was["joint_torque"] > 0.2


def test_added_mass_is_told_with_the_motion() -> None:
    problem = load_recipe("reach").changed(["mass.humerus=1.5"]).problem()
    assert problem.added_mass == {"humerus": 1.5}
    found = reach("mass.humerus=1.5").motion
    assert found.meta["added_mass_kg"] == {"humerus": 1.5}
    assert found.meta["mass_kg"] == pytest.approx(load("arm26").mass + 1.5)


def test_added_mass_is_that_of_a_point_at_the_center_of_mass() -> None:
    model = load("walker2d")
    heavy = with_mass(model, {"torso": 20.0, "femur": 1.0})
    assert heavy.mass == pytest.approx(model.mass + 22.0)
    assert heavy.body_weight == pytest.approx(model.body_weight + 22.0 * 9.81)
    torso = model.mj.body("torso").id
    np.testing.assert_array_equal(heavy.mj.body_inertia[torso], model.mj.body_inertia[torso])
    # A heavier body is harder to push: MuJoCo's inverse weights follow.
    assert heavy.mj.body_invweight0[torso, 0] < model.mj.body_invweight0[torso, 0]
    rng, needed = np.random.default_rng(0), []
    q, v, a = rng.normal(size=(3, model.mj.nv)) * 0.2
    for body in (heavy, model):
        data = mujoco.MjData(body.mj)
        data.qpos[:], data.qvel[:], data.qacc[:] = q, v, a
        data.qpos[1] += 3.0
        mujoco.mj_inverse(body.mj, data)
        needed.append(data.qfrc_inverse.copy())
    point, jacobian = data.body("torso").xipos.copy(), np.zeros((3, model.mj.nv))
    mujoco.mj_jac(model.mj, data, jacobian, None, point, torso)
    before = jacobian.copy()
    data.qpos[:] = q + 1e-6 * v
    data.qpos[1] += 3.0
    mujoco.mj_forward(model.mj, data)
    mujoco.mj_jac(model.mj, data, jacobian, None, data.body("torso").xipos.copy(), torso)
    push = 20.0 * (before @ a + (jacobian - before) @ v / 1e-6 + [0.0, 0.0, 9.81])
    i = model.coordinate_index("lumbar_extension")
    assert (needed[0] - needed[1])[i] == pytest.approx(before[:, i] @ push, rel=1e-4)
    assert model.mj.body_mass[torso] == load("walker2d").mj.body_mass[torso]  # untouched


def test_the_contact_of_a_heavier_body_is_mujocos() -> None:
    model = with_mass(load("walker2d"), {"torso": 20.0})
    body, data = build(model), mujoco.MjData(model.mj)
    q, rest = model.home.copy(), np.zeros(model.mj.nv)
    q[1] -= 0.004
    data.qpos[:] = q
    mujoco.mj_inverse(model.mj, data)
    p = body.parameters.pack(smoothing=0.0)
    need = body.balance(q, rest, rest, np.zeros(body.nm), p)
    need += body.muscle_torque(q, rest, np.zeros(body.nm), p)
    np.testing.assert_allclose(np.array(need).ravel(), data.qfrc_inverse, atol=1e-8)


def test_strength_and_gravity_as_a_mujoco_model() -> None:
    model = load("arm26")
    weak = with_parameters(model, np.linspace(0.5, 1.0, 6), [0.0, 0.0, -3.7])
    length = 0.5 * (model.muscle.length_range_min + model.muscle.length_range_max)
    force = [muscle.muscle_force(length, np.zeros(6), np.ones(6), m.muscle) for m in (weak, model)]
    np.testing.assert_allclose(force[0], np.linspace(0.5, 1.0, 6) * force[1])
    assert weak.mj.opt.gravity[2] == -3.7
    data = [mujoco.MjData(m.mj) for m in (weak, model)]
    for one, body in zip(data, (weak, model), strict=True):
        one.act[:] = 0.5
        mujoco.mj_forward(body.mj, one)
    ratio = data[0].actuator_force / data[1].actuator_force
    np.testing.assert_allclose(ratio, np.linspace(0.5, 1.0, 6))
    assert with_parameters(model, 1.0, model.mj.opt.gravity) is model


def test_parameters_reach_the_judge() -> None:
    body = build(load("arm26"))
    p = parameter_vector(body, {"strength.BRA": 0.5, "gravity": 1.6})
    weak = judged(body, p)
    i = body.model.muscle_index("BRA")
    share = weak.muscle.element_force / body.model.muscle.element_force
    assert share == pytest.approx(np.where(np.arange(6) == i, 0.5, 1.0))
    assert weak.mj.opt.gravity[2] == pytest.approx(-1.6)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("mass.torzo=20", "unknown body 'torzo'; did you mean 'torso'"),
        ("mass.torso=-50", "leaves torso with -16.9"),
        ("mass.torso=heavy", "mass.torso must be a number"),
        ("mass=20", "mass must be a table"),
    ],
)
def test_masses_that_cannot_be_are_refused(setting: str, says: str) -> None:
    with pytest.raises(BioenvError, match=says):
        load_recipe("predict-walk").changed([setting]).problem()
