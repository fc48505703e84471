"""The imitation task: where it begins, what it shows, rewards and ends; a motion of one's own."""

from __future__ import annotations

import numpy as np
import pytest

from bioenv.agents.policy import Policy
from bioenv.agents.rollout import rollout
from bioenv.envs import gait
from bioenv.envs.imitation import JOINTS, LEAD_S, ImitationTask, motion_task
from bioenv.envs.mirror import mirror_map
from bioenv.envs.task import task as find_task
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError
from bioenv.motion import Motion


@pytest.fixture(scope="module")
def stride() -> Motion:
    """One stride of the shipped walker: a motion that muscles made, nearly periodic."""
    policy = Policy.load("WalkImitate-v0")
    period = find_task("bioenv/WalkImitate-v0").cycle_s
    walk = rollout(policy, seed=1, seconds=6.0)
    return walk.between(walk.time[-1] - period - 1e-6, walk.time[-1])


@pytest.fixture(scope="module")
def follow(stride) -> ImitationTask:
    return motion_task(stride, start_noise=0.0)


def begun(task, num_envs: int = 8, **keywords) -> BioVectorEnv:
    env = BioVectorEnv(task, num_envs, threads=1, **keywords)
    env.reset(seed=0)
    return env


def test_a_rolled_out_stride_can_be_followed(stride, follow):
    assert follow.cycle_s == pytest.approx(stride.duration)
    env = begun(follow)
    reference = follow.reference.on(env.model)
    s = env.state
    assert np.ptp(s.phase) > 0.5  # random phases
    np.testing.assert_array_equal(s.qpos, reference.qpos.at(s.phase))
    np.testing.assert_array_equal(s.qvel, reference.qvel.at(s.phase))
    np.testing.assert_array_equal(s.activation, reference.activation.at(s.phase))
    np.testing.assert_array_equal(follow.miss(s), np.zeros((8, 6)))


def test_at_the_reference_every_score_is_full(follow):
    s = begun(follow).state
    for name in ("angles", "angles_fine", "upright", "speed", "activation"):
        np.testing.assert_allclose(follow.rewards[name][1](s), 1.0, err_msg=name)


def test_its_own_excitations_keep_the_body_near_for_a_tenth_of_a_second(follow):
    """What is recorded at the physics rate and shown at the control rate belongs together."""
    env = begun(follow)
    reference = follow.reference.on(env.model)
    for _ in range(5):
        ahead = env.state.phase + LEAD_S / follow.cycle_s
        env.step(reference.excitation.at(ahead))
    assert np.rad2deg(np.abs(follow.miss(env.state))).max() < 3.0
    score = follow.rewards["activation"][1](env.state)
    assert score.min() > 0.9


def test_the_observation_ends_with_error_and_excitation(follow):
    env = begun(follow)
    s, observation = env.state, env._observe()
    base = np.concatenate([np.atleast_2d(p) for p in gait.observe(s)], axis=1)
    nq, nv, nm = s.qpos.shape[1], s.qvel.shape[1], s.activation.shape[1]
    assert observation.shape[1] == base.shape[1] + nq - 1 + nv + nm
    np.testing.assert_array_equal(observation[:, base.shape[1] : -nm], 0.0)
    expected = follow.reference.on(env.model).excitation.at(s.phase + LEAD_S / follow.cycle_s)
    np.testing.assert_allclose(observation[:, -nm:], expected, atol=1e-6)


def test_starts_scatter_in_velocity_so_that_no_foot_is_in_the_floor(stride):
    task = motion_task(stride, start_noise=0.2)
    s = begun(task, 200).state
    follow, joints = task.reference.on(s.model), gait.joints_only(s.model) > 0
    np.testing.assert_array_equal(s.qpos, follow.qpos.at(s.phase))
    scatter = s.qvel - follow.qvel.at(s.phase)
    assert np.std(scatter[:, joints]) == pytest.approx(0.2, rel=0.1)
    np.testing.assert_array_equal(scatter[:, ~joints], 0.0)


def test_far_from_the_reference_is_the_end_and_no_success(follow):
    env = begun(follow)
    s, knee = env.state, env.model.coordinate_index("knee_angle_r")
    s.qpos[0, knee] += np.deg2rad(26.0 * np.sqrt(len(JOINTS)))
    s.qpos[1, knee] += np.deg2rad(17.0 * np.sqrt(len(JOINTS)))
    np.testing.assert_array_equal(follow.terminate(s), [True] + [False] * 7)
    s.time[:] = 5.0
    pelvis = env.model.coordinate_index("pelvis_tx")
    s.qpos[:, pelvis] = s.start_qpos[:, pelvis] + 5.0 * follow.reference.speed
    assert not follow.success(s)[:2].any()


def test_a_motion_without_muscles_is_followed_by_its_angles(stride):
    bare = Motion(stride.time, {"qpos": stride.signals["qpos"]}, "walker2d")
    task = motion_task(bare)
    env = begun(task)
    _, reward, _, _, info = env.step(np.full(env.action_space.shape, 0.1))
    assert (info["reward_terms"]["activation"] == 0).all()
    assert (info["reward_terms"]["vertical_force"] == 0).all()
    assert np.isfinite(reward).all()
    np.testing.assert_allclose(begun(task).state.activation, 0.1)


def test_settings_and_rewards_of_ones_own(stride):
    task = motion_task(stride, rewards={"calm": (0.1, lambda s: 1.0 / (1.0 + s.time))}, episode_s=4)
    assert {"calm", "angles", "activation"} <= set(task.rewards)
    assert task.episode_s == 4


def test_a_motion_that_names_no_body_asks_for_it(stride):
    nameless = Motion(stride.time, stride.signals)
    with pytest.raises(BioenvError, match="name the body with model="):
        motion_task(nameless)
    assert motion_task(nameless, "walker2d").cycle_s == pytest.approx(stride.duration)


def test_it_may_come_from_a_file(stride, follow, tmp_path):
    task = motion_task(stride.save(tmp_path / "stride.nc"))
    assert task.cycle_s == follow.cycle_s


def test_the_mirrored_gait_of_a_symmetric_motion_is_itself():
    assert mirror_map("bioenv/WalkOptimal-v0").phase_index is not None


def test_the_measured_gait_is_the_same_task_with_another_reference():
    task = find_task("bioenv/WalkImitate-v0")
    assert isinstance(task, ImitationTask)
    env = begun(task)
    np.testing.assert_allclose(env.state.activation, 0.1)
    np.testing.assert_array_equal(task.miss(env.state), np.zeros((8, 6)))
