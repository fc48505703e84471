"""Rising from a seat: the seat's contact is MuJoCo's, both legs are one, people's way to rise."""

from __future__ import annotations

from functools import cache

import mujoco
import numpy as np
import pytest

from bioenv.agents.trajopt.guess import planted
from bioenv.agents.trajopt.problem import Problem
from bioenv.agents.trajopt.recipe import SolveRecipe, load_recipe
from bioenv.agents.trajopt.solution import Solution
from bioenv.agents.trajopt.solver import solve
from bioenv.diff.symbolic import model as symbolic
from bioenv.envs.task import task
from bioenv.errors import BioenvError

Array = np.ndarray


@cache
def recipe() -> SolveRecipe:
    return load_recipe("sit-to-stand")


@cache
def body() -> symbolic.SymbolicModel:
    return symbolic.build(recipe().problem().model)


def seated(seed: int) -> tuple[Array, Array, Array]:
    """q, v, a near sitting: the sphere under the pelvis within 10 cm of its place on the seat."""
    rng = np.random.default_rng(seed)
    q = planted(recipe().problem(), 4).q[0] + rng.normal(size=body().nq) * 0.03
    # Not deeper than the middle of the seat, from where it would push downward.
    q[:2] = rng.uniform(-0.1, 0.1), 0.615 + rng.uniform(-0.02, 0.02)
    return q, rng.normal(size=q.size), rng.normal(size=q.size) * 10


def seat_force(q: Array, v: Array, a: Array, smoothing: float = 0.0) -> Array:
    """(3,) N on the sphere."""
    p = body().parameters.pack(smoothing=smoothing)
    names = [contact.name for contact in body().contacts]
    return np.array(body().contact_force(q, v, a, p))[names.index("buttocks")]


def test_the_recipe_has_the_model_of_the_task() -> None:
    assert recipe().problem().model is task("bioenv/SitToStand-v0").build_model()
    with pytest.raises(BioenvError, match="unknown model or task 'bioenv/SitToStan-v0'"):
        recipe().changed(["model=bioenv/SitToStan-v0"]).problem()


def test_the_seat_pushes_as_in_mujoco() -> None:
    mj, p, touched = body().model.mj, body().parameters.pack(smoothing=0.0), 0
    data, wrench, none = mujoco.MjData(mj), np.zeros(6), np.zeros(body().nm)
    seat, sphere = mj.geom("seat").id, mj.geom("buttocks").id
    for seed in range(60):
        q, v, a = seated(seed)
        data.qpos[:], data.qvel[:], data.qacc[:] = q, v, a
        mujoco.mj_inverse(mj, data)
        expected = np.zeros(3)
        for i in range(data.ncon):
            pair = data.contact[i].geom.tolist()
            if set(pair) == {seat, sphere}:
                mujoco.mj_contactForce(mj, data, i, wrench)
                sign = 1.0 if pair[1] == sphere else -1.0
                expected += sign * data.contact[i].frame.reshape(3, 3).T @ wrench[:3]
                touched += wrench[0] > 0
        np.testing.assert_allclose(
            seat_force(q, v, a), expected, atol=1e-9 * (1 + np.abs(expected).max())
        )
        need = np.array(body().balance(q, v, a, none, p)).ravel()
        need += np.array(body().muscle_torque(q, v, none, p)).ravel()
        size = 1 + np.abs(data.qfrc_inverse).max()
        np.testing.assert_allclose(need, data.qfrc_inverse, atol=1e-10 * size)
    assert touched > 20


def test_beside_the_seat_there_is_no_force() -> None:
    q, v, a = seated(0)[0], np.zeros(body().nq), np.zeros(body().nq)
    q[1] -= 0.02
    here = seat_force(q, v, a)[2]
    q[0] += 0.16  # the seat ends 15 cm ahead
    assert here > 100.0
    assert seat_force(q, v, a)[2] == 0.0
    ahead = np.eye(q.size)[0]
    edge = [seat_force(q + ahead * dx, v, a, 1.0)[2] for dx in np.linspace(-0.02, 0, 41)]
    assert np.diff(edge).max() <= 0.0  # fades, no step
    assert np.abs(np.diff(edge)).max() < 0.2 * here


def test_a_moving_box_and_a_capsule_on_a_box_are_named() -> None:
    from bioenv import models
    from bioenv.envs.catalog.sit_to_stand import _add_seat

    def rod(spec: mujoco.MjSpec) -> None:
        _add_seat(spec)
        spec.geom("buttocks").type = mujoco.mjtGeom.mjGEOM_CAPSULE
        spec.geom("buttocks").size = [0.06, 0.05, 0.0]

    with pytest.raises(BioenvError, match="contact of seat with buttocks is not supported"):
        symbolic.build(models.load("walker2d", edit=rod))


def test_the_guess_keeps_the_feet_in_place() -> None:
    problem = recipe().problem()
    guess, data = planted(problem, 10), mujoco.MjData(problem.model.mj)
    assert guess.q[0, 0] == 0.0
    heels = []
    for q in guess.q:
        data.qpos[:] = q
        mujoco.mj_kinematics(problem.model.mj, data)
        heels.append(data.geom("heel_r").xpos[[0, 2]].copy())
    assert np.ptp(heels, axis=0).max() < 0.08


def test_one_side_is_given() -> None:
    problem = recipe().problem()
    with pytest.raises(BioenvError, match="knee_angle_l is knee_angle_r"):
        Problem(problem.model, {"effort": 1.0}, (1.0, 1.0), symmetry="sides",
                finish={"knee_angle_l": 0.1})  # fmt: skip
    with pytest.raises(BioenvError, match="hip_flexion_r at the start cross"):
        recipe().changed(["start.hip_flexion_r=[1.0, 0.5]"]).problem()


@pytest.fixture(scope="module")
def rise() -> Solution:
    coarse = recipe().changed(["mesh=30"])
    problem, stages = coarse.problem(), coarse.stages()
    return solve(problem, body(), coarse.trajectory(problem, stages[0].mesh), stages)


def test_people_rise_like_that(rise: Solution) -> None:
    """Bow, leave the seat in the first half, push harder than one's weight, stand at rest.

    Schenkman et al. 1990 and Kralj et al. 1990 (from memory): seat-off at about 30-40 %, trunk
    bows by 30-45 degrees, 1.1-1.3 body weights under the feet.
    """
    assert rise.success, rise.message
    assert rise.violation < 1e-6
    m, weight = rise.motion, 9.81 * rise.motion.meta["mass_kg"]
    feet = sum(m.column("ground_reaction_force", foot)[:, 2] for foot in "rl") / weight
    seat = m.column("ground_reaction_force", "pelvis")[:, 2] / weight
    assert 0.25 < np.argmax(seat < 0.02) / (len(m) - 1) < 0.5
    assert 1.05 < feet.max() < 1.5
    assert seat[0] > 0.5
    assert feet[-1] == pytest.approx(1.0, abs=0.01)
    trunk = m.column("qpos", "pelvis_tilt") + m.column("qpos", "lumbar_extension")
    assert np.rad2deg(trunk[0] - trunk.min()) > 15
    np.testing.assert_allclose(m["qvel"][[0, -1]], 0.0, atol=1e-6)
    mirror = body().model.mirror_qpos
    np.testing.assert_array_equal(m["qpos"][:, mirror], m["qpos"])


def test_mujoco_agrees_about_the_rise(rise: Solution) -> None:
    assert rise.mujoco["root_force"] < 1.0  # % of body weight, rms at the nodes
    assert rise.mujoco["joint_torque"] < 1.0  # N*m
