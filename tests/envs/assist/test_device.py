"""The exoskeleton in its environment: actions, physics, faults, violations, determinism."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bioenv import models
from bioenv.envs.assist import (
    ADVERSARIES,
    Adversary,
    Estimate,
    Exoskeleton,
    Faults,
    Human,
    Limits,
    Violations,
    worn,
)
from bioenv.envs.assist.body import MASS
from bioenv.envs.assist.device import ankles, remembered, true_readings
from bioenv.envs.assist.load import TendonLoad, together
from bioenv.envs.catalog import assist_walk, walk
from bioenv.envs.mirror import mirror_map
from bioenv.envs.task import Task
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError

CALM = replace(assist_walk.TASK, perturb=None, device=replace(assist_walk.DEVICE, faults=None))


def made(task: Task, num: int = 4, **options) -> BioVectorEnv:
    env = BioVectorEnv(task, num, threads=1, autoreset_mode="Disabled", **options)
    env.reset(seed=3)
    return env


def with_device(**changes) -> Task:
    return replace(CALM, device=replace(assist_walk.DEVICE, faults=None, **changes))


def planned(env: BioVectorEnv, command: float = 0.0) -> np.ndarray:
    """The plan's excitations and one command at both ankles."""
    excitation = np.clip(walk.PLANS.now("excitation", env.state), 0.0, 1.0)
    return np.concatenate((excitation, np.full((env.num_envs, 2), command)), axis=1)


def test_the_action_is_excitations_and_two_commands():
    env = made(assist_walk.TASK)
    assert env.action_names[-2:] == ("assist_r", "assist_l")
    assert env.single_action_space.shape == (len(env.model.muscles) + 2,)
    with pytest.raises(BioenvError, match=r"expected \(4, 20\) .*then assist_r, assist_l"):
        env.step(np.zeros((4, 18)))
    action = np.zeros((4, 20))
    action[2, 19] = 1.5
    with pytest.raises(BioenvError, match=r"environment 2, command 'assist_l' is 1\.5"):
        env.step(action)


def test_device_weighs_what_it_says():
    bare, body = models.load(walk.MODEL), worn(walk.MODEL)(None)
    assert body.mass - bare.mass == pytest.approx(2 * sum(MASS))
    assert worn(walk.MODEL, (0.0, 0.0))(None).mass == bare.mass
    for what in ("coordinates", "muscles", "contact_joints"):
        assert getattr(body, what) == getattr(bare, what)
    with pytest.raises(BioenvError, match="mass of a device must be 0 or more"):
        worn(walk.MODEL, (-1.0, 0.0))
    with pytest.raises(BioenvError, match="needs a body named tibia_r"):
        worn("arm26")(None)


def test_torque_acts_on_the_joint_as_the_equation_of_motion_says():
    """Two environments that differ in torque alone: M times the difference of qacc is that."""
    import mujoco

    env = made(with_device(filter=None), 2)
    sim, index = env.simulation, ankles(env.model)
    start = {"qpos": np.tile(env.model.home, (2, 1))}
    start["qpos"][:, env.model.coordinate_index("pelvis_tz")] += 0.5  # in the air
    sim.reset(np.arange(2), start)
    sim.excitation[:] = 0.0
    sim.joint_torque[0, index[0]] = -5.0
    sim.advance(1)
    data = mujoco.MjData(env.model.mj)
    data.qpos[:] = start["qpos"][0]
    mujoco.mj_forward(env.model.mj, data)
    mass = np.zeros((env.model.mj.nv, env.model.mj.nv))
    mujoco.mj_fullM(env.model.mj, data, mass)
    moved = mass @ (sim.qacc[0] - sim.qacc[1])
    expected = np.zeros(env.model.mj.nv)
    expected[index[0]] = -5.0
    np.testing.assert_allclose(moved, expected, atol=1e-6)


def test_motor_without_filter_keeps_torque_and_rate():
    env = made(with_device(filter=None, monitor=None, asking=Adversary("random")))
    seen = Violations(env, Limits())
    env.on_substep = seen
    for _ in range(20):
        env.step(planned(env))
    assert seen.worst["torque"].max() == pytest.approx(1.0)
    assert seen.worst["rate"].max() == pytest.approx(1.0)
    assert seen.episodes("torque") == seen.episodes("rate") == 0


def test_power_is_drawn_and_scales_what_is_asked():
    env = made(assist_walk.TASK, 200)
    power = remembered(env.state, "power")
    np.testing.assert_array_equal(power[:, 0], power[:, 1])
    assert 0.15 < (power == 0.0).all(axis=1).mean() < 0.35
    assert 0.15 < (power == 1.0).all(axis=1).mean() < 0.35
    env.step(planned(env, 0.5))
    np.testing.assert_allclose(remembered(env.state, "asked"), -25.0 * power)
    np.testing.assert_array_equal(remembered(made(assist_walk.at(0.3)).state, "power"), 0.3)
    with pytest.raises(BioenvError, match="power must be 0 to 1, got 2"):
        assist_walk.at(2.0)
    with pytest.raises(BioenvError, match="the task has none"):
        assist_walk.at(0.5, walk.TASK)
    with pytest.raises(BioenvError, match=r"power must be \(low, high\)"):
        Exoskeleton(power=(1.0, 0.0))
    with pytest.raises(BioenvError, match="not its filter's"):
        Exoskeleton(limits=Limits(speed=5.0))


def test_observation_begins_with_that_of_walking():
    env, bare = made(assist_walk.TASK), made(walk.TASK)
    size = bare.single_observation_space.shape[0]
    assert env.single_observation_space.shape[0] == size + 3
    seen = env._observe()
    own = np.concatenate([p.reshape(4, -1) for p in walk.PLANS.observe(env.state)], axis=1)
    np.testing.assert_array_equal(seen[:, :size], own.astype(np.float32))
    found = mirror_map(assist_walk.TASK)
    assert list(found.action_index[-2:]) == [19, 18]
    assert list(found.obs_index[-3:] - size) == [0, 2, 1]


def test_load_estimate_is_near_the_true_load_and_honest_about_it():
    """True sensors, planned walking: what is believed beside the joint's contact force."""
    env = made(CALM, 16)
    errors, spreads = [], []
    joints = [env.model.contact_joints.index(f"ankle_{side}") for side in "rl"]

    def compare(state):
        guess = TendonLoad()(state, true_readings(state))
        true = np.linalg.norm(state.joint_contact_force[:, joints], axis=2)
        true = true / state.body_weight[:, None]
        heavy = true > 3.0
        errors.append((guess.load - true)[heavy])
        spreads.append(guess.deviation[heavy])

    env.on_substep = compare
    for _ in range(25):
        env.step(planned(env))
    error, spread = np.concatenate(errors), np.concatenate(spreads)
    assert len(error) > 50
    assert abs(error.mean()) < 0.1
    assert (np.abs(error) < 2.0 * spread).mean() > 0.95


def test_a_learned_estimate_can_only_tighten():
    shape = (1, 2)
    physical = Estimate(np.full(shape, 4.0), np.full(shape, 0.2), np.zeros(1, bool))
    liar = Estimate(np.zeros(shape), np.zeros(shape), np.zeros(1, bool))
    np.testing.assert_array_equal(together(physical, liar, 2.0).load, physical.load)
    doubtful = Estimate(np.full(shape, 3.0), np.full(shape, 1.0), np.zeros(1, bool))
    np.testing.assert_array_equal(together(physical, doubtful, 2.0).deviation, 1.0)
    for odd in (np.nan, np.inf, -1.0):
        strange = Estimate(np.full(shape, 3.0), np.full(shape, odd), np.zeros(1, bool))
        assert together(physical, strange, 2.0).flag.all()
    lost = Estimate(np.zeros(shape), np.zeros(shape), np.ones(1, bool))
    assert together(physical, lost, 2.0).flag.all()


@pytest.mark.parametrize("cause", ["flag", "faults"])
def test_device_lets_go_when_it_cannot_know(cause):
    lost = lambda s, r: Estimate(  # noqa: E731
        r.angle * 0.0, r.angle * 0.0, np.ones(len(r.angle), bool)
    )
    asks = {"asking": lambda state, asked: asked * 0.0 - 50.0}
    changes = {"estimator": lost} if cause == "flag" else {}
    task = with_device(**asks, **changes)
    if cause == "faults":
        broken = Faults(every_s=1e-9, duration_s=(9.0, 9.0), kinds=("nan",))
        task = replace(task, device=replace(task.device, faults=broken))
    env = made(task)
    for _ in range(15):
        env.step(planned(env))
        assert remembered(env.state, "fallback").all()
        speed = env.state.qvel[:, ankles(env.model)]
        torque = remembered(env.state, "torque")
        assert (torque * speed <= 0.5).all()  # W: it may brake, and it does not push
    if cause == "faults":
        np.testing.assert_array_equal(remembered(env.state, "torque"), 0.0)


@pytest.mark.parametrize("kind", ["pump", "switch"])
def test_filter_stands_between_an_adversary_and_the_ankle(kind):
    """The same adversary on the same device: without the filter every episode leaves the limits by
    the device's doing, with it none."""
    found = {}
    for filtered in (True, False):
        device = replace(assist_walk.DEVICE, asking=Adversary(kind), faults=Faults(every_s=1.0))
        device = device if filtered else device.without_filter()
        env = made(replace(CALM, device=device), 12)
        seen = Violations(env, Limits())
        env.on_substep = seen
        for _ in range(50):
            _, _, terminated, _, _ = env.step(planned(env))
            seen.end(terminated)
        found[filtered] = sum(seen.device[k] for k in ("angle", "speed", "load")) > 0
    assert not found[True].any()
    assert found[False].mean() > 0.9


def test_violations_are_seen_and_put_down_to_who_caused_them():
    """A joint beyond its limits without and with a torque that pushes it there."""
    env = made(with_device(filter=None), 3)
    seen = Violations(env, Limits())
    index = ankles(env.model)
    env.simulation.qpos[:, index[0]] = 0.6
    env.simulation.qvel[:, index] = 0.0
    env.episode.device[:, 0] = [0.0, 10.0, -10.0]
    seen(env.state)
    np.testing.assert_array_equal(seen.any_["angle"] > 0, [True, True, True])
    np.testing.assert_array_equal(seen.device["angle"] > 0, [False, True, False])
    seen.end(np.array([False, True, False]))
    seen(env.state)
    np.testing.assert_array_equal(seen.any_["angle"], [2, 1, 2])


def test_snapshot_continues_to_the_bit():
    env = made(assist_walk.TASK)
    for _ in range(10):
        env.step(planned(env, 0.4))
    saved, action = env.snapshot(), planned(env, 0.4)
    after = [env.step(action)[0] for _ in range(5)]
    env.restore(saved)
    for expected in after:
        np.testing.assert_array_equal(env.step(action)[0], expected)


def test_a_policy_walks_and_the_action_is_the_device():
    env = BioVectorEnv(CALM, 3, threads=1, autoreset_mode="Disabled")
    seen = []

    def act(observation):
        seen.append(observation.shape)
        return np.full((3, 18), 0.1)

    human = Human(env, act, observations=100)
    human.reset(seed=0)
    assert human.single_action_space.shape == (2,)
    human.step(np.full((3, 2), 0.3))
    assert seen == [(3, 100)]
    np.testing.assert_allclose(env.simulation.excitation, 0.1)
    with pytest.raises(BioenvError, match=r"commands have shape \(3, 20\), expected \(3, 2\)"):
        human.step(np.zeros((3, 20)))
    with pytest.raises(BioenvError, match="whose task has a device"):
        Human(BioVectorEnv(walk.TASK, 1, threads=1), act)


def test_finer_physics_keep_the_rate():
    env = made(with_device(asking=Adversary("random")), timestep=1.0 / 300.0)
    seen = Violations(env, Limits())
    env.on_substep = seen
    for _ in range(20):
        env.step(planned(env))
    assert 0.99 < seen.worst["rate"].max() <= 1.0 + 1e-9


def test_unknown_names_are_told():
    with pytest.raises(BioenvError, match="unknown adversary 'pmup'; did you mean 'pump'"):
        Adversary("pmup")
    with pytest.raises(BioenvError, match="unknown device quantity 'torqe'"):
        remembered(made(CALM, 1).state, "torqe")
    assert set(ADVERSARIES) >= {"largest", "random", "learned"}
