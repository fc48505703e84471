"""The batch against MuJoCo itself: pairing in time, randomization, snapshots, control steps."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from bioenv import models
from bioenv.envs.simulation import Simulation, substeps
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError


@pytest.fixture(scope="module")
def walker():
    return models.load("walker2d")


def moved(walker, nstep=4, num=3, seed=0):
    rng = np.random.default_rng(seed)
    sim = Simulation(walker, num, threads=1)
    qpos = walker.home + rng.normal(0, 0.05, (num, walker.mj.nq))
    sim.reset(np.arange(num), {"qpos": qpos, "activation": rng.uniform(0, 0.5, (num, 18))})
    for _ in range(5):
        sim.excitation[:] = rng.uniform(0, 1, (num, 18))
        sim.advance(nstep)
    return sim


@pytest.mark.parametrize("nstep", [1, 4])
def test_forces_and_sensors_belong_to_the_positions_shown(walker, nstep):
    sim = moved(walker, nstep)
    data = mujoco.MjData(walker.mj)
    for i in range(sim.num):
        mujoco.mj_resetData(walker.mj, data)
        data.qpos[:], data.qvel[:] = sim.qpos[i], sim.qvel[i]
        data.act[:], data.ctrl[:] = sim.activation[i], sim.excitation[i]
        mujoco.mj_forward(walker.mj, data)
        np.testing.assert_allclose(sim.muscle_length[i], data.actuator_length, atol=1e-12)
        np.testing.assert_allclose(sim.actuator_force[i], data.actuator_force, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(sim.qacc[i], data.qacc, rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(sim.sensordata[i], data.sensordata, rtol=1e-5, atol=1e-3)


def test_a_call_shows_the_state_one_physics_step_before_its_end(walker):
    whole, split = moved(walker), moved(walker)
    whole.advance(4)
    split.advance(3)
    split.advance(1)
    for name in ("time", "qpos", "qvel", "activation", "sensordata"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(split, name))


def test_control_step_that_does_not_divide_names_both_numbers():
    assert substeps(0.02, 0.005) == 4
    with pytest.raises(BioenvError, match=r"0\.02 s .* 0\.003 s"):
        substeps(0.02, 0.003)
    with pytest.raises(BioenvError, match="whole multiple"):
        BioVectorEnv("bioenv/Stand-v0", 1, timestep=0.003)


def test_mass_strength_and_friction_act_per_simulation(walker):
    sim = Simulation(walker, 3, threads=1)
    ids = np.arange(3)
    factor = np.array([0.8, 1.0, 1.25])
    for name in ("mass", "strength", "friction"):
        sim.parameters.vary(name, ids, factor)
    sim.reset(ids, {"activation": np.full((3, 18), 0.5)})
    sim.advance(1)
    ratio = sim.actuator_force / sim.actuator_force[1]
    np.testing.assert_allclose(ratio, np.tile(factor[:, None], 18), rtol=1e-9)
    for i in ids:
        model = sim.batch.get_model(i)
        assert model.body_subtreemass[0] == pytest.approx(factor[i] * walker.mass)
        friction = model.pair_friction[:, 0] / walker.mj.pair_friction[:, 0]
        np.testing.assert_allclose(friction, factor[i])
    np.testing.assert_allclose(sim.parameters.body_weight, factor * walker.body_weight)
    with pytest.raises(BioenvError, match="strength"):
        sim.parameters.vary("strenght", ids, factor)


def test_snapshot_continues_to_the_bit():
    env = BioVectorEnv("bioenv/WalkPerturbed-v0", 4, threads=1, autoreset_mode="SameStep")
    rng = np.random.default_rng(0)
    actions = rng.uniform(0, 1, (60, *env.action_space.shape))
    env.reset(seed=0)
    for action in actions[:30]:
        obs = env.step(action)[0]
    saved = env.snapshot()
    rest = [env.step(action)[:2] for action in actions[30:]]
    other = BioVectorEnv("bioenv/WalkPerturbed-v0", 4, threads=1, autoreset_mode="SameStep")
    np.testing.assert_array_equal(other.restore(saved), obs)
    for action, (obs, reward) in zip(actions[30:], rest, strict=True):
        again = other.step(action)
        np.testing.assert_array_equal(again[0], obs)
        np.testing.assert_array_equal(again[1], reward)


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.5])
def test_bad_action_names_environment_and_muscle(bad):
    env = BioVectorEnv("bioenv/Walk-v0", 2, threads=1)
    env.reset(seed=0)
    action = np.full(env.action_space.shape, 0.1)
    action[1, 3] = bad
    with pytest.raises(BioenvError, match=r"environment 1, muscle 'iliopsoas_r'"):
        env.step(action)
    with pytest.raises(BioenvError, match=r"expected \(2, 18\)"):
        env.step(action[0])


def test_unknown_names_list_the_valid_ones():
    with pytest.raises(BioenvError, match=r"did you mean 'bioenv/Walk-v0'"):
        BioVectorEnv("bioenv/Wlak-v0")
    with pytest.raises(BioenvError, match="effort"):
        BioVectorEnv("bioenv/Walk-v0", reward_weights={"efort": 1.0})
    env = BioVectorEnv("bioenv/Walk-v0")
    with pytest.raises(BioenvError, match="hip_flexion_r"):
        env.state.coordinate("hip_flexion")
