"""Plans: the optimal gaits as one table over speed and phase, and what tasks make of them."""

from __future__ import annotations

import numpy as np
import pytest

from bioenv import models
from bioenv.envs.catalog import walk
from bioenv.envs.plans import Plans
from bioenv.envs.stride import stride_reference
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError
from bioenv.motion import Motion
from bioenv.paths import agent_file


@pytest.fixture(scope="module")
def motions() -> list[Motion]:
    folder = agent_file("plans", "walk-speeds")
    return [Motion.load(path) for path in sorted(folder.glob("*/motion.nc"))]


@pytest.fixture(scope="module")
def plans() -> Plans:
    return walk.PLANS


def test_speeds_are_those_that_were_solved(plans):
    np.testing.assert_allclose(plans.speeds, np.arange(0.6, 2.01, 0.2), atol=1e-6)
    np.testing.assert_allclose(plans.cycle_s, walk.stride_time(plans.speeds[:, None]), rtol=1e-6)


def test_at_a_planned_speed_the_table_is_that_stride(plans, motions):
    model = models.load(walk.MODEL)
    one = next(
        m for m in motions if abs(m.column("qpos", "pelvis_tx")[-1] / m.duration - 1.2) < 1e-3
    )
    stride = stride_reference(one, model).on(model)
    phase = np.linspace(0, 1, 50, endpoint=False)
    np.testing.assert_allclose(
        plans.at("qpos", np.full(50, 1.2), phase), stride.qpos.at(phase), atol=1e-6
    )


def test_between_speeds_and_phases_it_is_linear_and_held_at_the_ends(plans):
    phase = np.array([0.3, 0.3, 0.3])
    low, middle, high = plans.at("qpos", np.array([1.2, 1.3, 1.4]), phase)
    np.testing.assert_allclose(middle, (low + high) / 2, atol=1e-9)
    slow, slowest = plans.at("qpos", np.array([0.1, plans.speeds[0]]), phase[:2])
    np.testing.assert_array_equal(slow, slowest)
    a, b, c = plans.at("qpos", np.full(3, 1.2), np.array([0.0, 0.0025, 0.005]))
    np.testing.assert_allclose(b, (a + c) / 2, atol=1e-9)
    np.testing.assert_array_equal(*plans.at("qpos", np.full(2, 1.2), np.array([0.25, 1.25])))


def test_the_mirrored_leg_does_the_same_half_a_stride_later(plans):
    model, phase = models.load(walk.MODEL), np.linspace(0, 1, 20, endpoint=False)
    speed = np.full(20, 1.3)
    now, later = (plans.at("qpos", speed, p)[:, 2:] for p in (phase, phase + 0.5))
    mirror = model.mirror_qpos[2:] - 2
    np.testing.assert_allclose(later, now[:, mirror], atol=1e-3)


def test_episodes_begin_in_the_plan_and_it_pays_to_be_there():
    env = BioVectorEnv("bioenv/Walk-v0", 32, reward_weights={"plan_fine": 1.0, "plan_muscles": 1.0})
    env.reset(seed=0)
    s = env.state
    planned = walk.PLANS.now("qpos", s)
    np.testing.assert_allclose(s.qpos[:, 1:], planned[:, 1:], atol=1e-12)
    terms = {name: fn(s) for name, (_, fn) in env.task.rewards.items()}
    np.testing.assert_allclose(terms["plan_fine"], 1.0)
    np.testing.assert_allclose(terms["plan_muscles"], 1.0, atol=1e-9)
    env.close()


def test_another_body_follows_the_angles_by_name():
    env = BioVectorEnv("bioenv/Walk3D-v0", 4, reward_weights={"plan_fine": 1.0})
    env.reset(seed=0)
    s, term = env.state, env.task.rewards["plan_fine"][1]
    plan = walk.PLANS.now("qpos", s)
    for name in ("hip_flexion", "knee_angle", "ankle_angle"):
        for side in "rl":
            column = env.model.coordinate_index(f"{name}_{side}")
            s.qpos[:, column] = plan[:, walk.PLANS.coordinates.index(f"{name}_{side}")]
    np.testing.assert_allclose(term(s), 1.0)
    s.qpos[:, env.model.coordinate_index("ankle_angle_r")] += 0.1 * np.sqrt(6)
    np.testing.assert_allclose(term(s), np.exp(-1.0))
    env.close()


def test_plans_of_another_body_are_refused(motions):
    with pytest.raises(
        BioenvError, match="another body than walker2d: their coordinates are pelvis_tx"
    ):
        walk.PLANS.check(models.load("walker2d"))
    with pytest.raises(BioenvError, match="two speeds or more, got 1"):
        Plans.of(motions[:1], models.load(walk.MODEL))
    with pytest.raises(BioenvError, match="motion of walker2d_elastic"):
        Plans.of(motions, models.load("walker2d"))
