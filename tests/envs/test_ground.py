"""Slopes and uneven footholds: closed forms, balance of forces, where floors go, saving."""

from __future__ import annotations

from dataclasses import replace

import mujoco
import numpy as np
import pytest

from bioenv import models
from bioenv.agents.policy import Policy
from bioenv.envs.catalog import walk, walk_perturbed
from bioenv.envs.ground import CLEARANCE, Footholds, Ground, on_footholds
from bioenv.envs.simulation import Simulation
from bioenv.envs.task import task as find_task
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError
from bioenv.models.model import from_mujoco

G = 9.81
ON_FOOTHOLDS = on_footholds("walker2d")
WALKER = Policy.load("WalkImitate-v0")
BLOCK = """
<mujoco>
  <option timestep="0.001" cone="elliptic" jacobian="dense"/>
  <size nuser_actuator="3"/>
  <default><geom contype="0" conaffinity="0" density="0"/></default>
  <worldbody>
    <geom name="floor" type="plane" size="0 0 1"/>
    <body name="block" pos="0 0 0.1">
      <inertial pos="0 0 0" mass="5" diaginertia="0.01 0.01 0.01"/>
      <joint name="x" type="slide" axis="1 0 0"/><joint name="z" type="slide" axis="0 0 1"/>
      <geom name="ball" type="sphere" size="0.1"/>
      <site name="a"/>
    </body>
    <site name="b"/>
  </worldbody>
  <contact><pair geom1="floor" geom2="ball" condim="3" friction="0.2 0.2 0.005 0.0001 0.0001"/></contact>
  <tendon><spatial name="t"><site site="a"/><site site="b"/></spatial></tendon>
  <actuator><muscle name="m" tendon="t" force="1e-6" lengthrange="0.1 1" user="0 0.5 250000"/></actuator>
  <sensor><contact name="grf_r" geom1="floor" subtree2="block" reduce="netforce" data="found force torque pos"/></sensor>
</mujoco>
"""  # noqa: E501


@pytest.mark.parametrize("degrees", [-20.0, -5.0, 5.0, 20.0])
def test_a_block_slides_down_a_slope_as_coulomb_says(degrees):
    """a = g (sin - mu cos) down a steep slope; none where friction holds; weight across it."""
    model = from_mujoco(mujoco.MjModel.from_xml_string(BLOCK), "block")
    sim, angle = Simulation(model, 1, threads=1), np.deg2rad(degrees)
    sim.parameters.incline(np.array([0]), np.array([angle]))
    sim.reset(np.array([0]), {})
    sim.advance(1000)
    before, force = sim.qvel[0].copy(), []
    for _ in range(4000):  # a mean over time: a sliding block chatters on its soft contact
        sim.advance(1)
        force.append(sim.sensordata[0, 1:4].copy())
    drive, hold = G * np.sin(abs(angle)), 0.2 * G * np.cos(angle)
    expected = -np.sign(angle) * max(drive - hold, 0.0)
    change = (sim.qvel[0] - before) / 4.0
    assert change[0] == pytest.approx(expected, abs=0.02)
    along, _, across = np.mean(force, axis=0) / 5.0
    assert across == pytest.approx(G * np.cos(angle) + change[1], rel=1e-3)
    assert along == pytest.approx(G * np.sin(angle) + change[0], abs=0.02)
    assert sim.parameters.body_weight[0] == pytest.approx(5 * G)


def played(ground, num=8, steps=150, seed=0, watch=None, model=ON_FOOTHOLDS):
    """Walk with the shipped WalkImitate-v0 policy over ``ground``; the environment afterwards."""
    one = replace(find_task("bioenv/WalkImitate-v0"), terminate=None, ground=ground, model=model)
    env, policy = BioVectorEnv(one, num, threads=1, autoreset_mode="Disabled"), WALKER
    obs, _ = env.reset(seed=seed)
    for _ in range(steps):
        obs, *_ = env.step(policy.act(obs))
        if watch is not None:
            watch(env)
    return env


def test_forces_of_ground_and_turned_gravity_are_the_change_of_momentum():
    """Newton for the whole body on a slope and on tilted footholds, at every instant."""

    def watch(env):
        data = [env.simulation.batch.get_data(i) for i in range(env.num_envs)]
        for i, d in enumerate(data):
            mj = env.simulation.batch.get_model(i)
            d.qpos[:], d.qvel[:] = env.state.qpos[i], env.state.qvel[i]
            mujoco.mj_fwdPosition(mj, d)
            mujoco.mj_fwdVelocity(mj, d)
            d.qacc[:] = env.state.qacc[i]
            mujoco.mj_rnePostConstraint(mj, d)  # cacc of every body, gravity as an acceleration
            force = np.zeros(3)
            for b in range(1, mj.nbody):
                a = np.zeros(6)
                mujoco.mj_objectAcceleration(mj, d, mujoco.mjtObj.mjOBJ_BODY, b, a, 0)
                force += mj.body_mass[b] * a[3:]
            ground = env.state.ground_reaction_force[i].sum(axis=0)
            np.testing.assert_allclose(ground[[0, 2]], force[[0, 2]], rtol=1e-6, atol=1e-3)
            slope = env.state.slope[i]
            np.testing.assert_allclose(
                mj.opt.gravity, -G * np.array([np.sin(slope), 0, np.cos(slope)])
            )

    played(Ground((0.03, 0.06), (-0.01, 0.01), (-0.05, 0.05)), num=2, steps=40, watch=watch)


def test_a_resting_block_on_a_tilted_floor_of_its_own_is_pushed_along_the_normal():
    spec = mujoco.MjSpec.from_string(BLOCK.replace('friction="0.2 0.2', 'friction="1e-6 1e-6'))
    from bioenv.envs.ground import separate_floors

    separate_floors(spec)
    sim = Simulation(from_mujoco(spec.compile(), "block"), 1, threads=1)
    floors = Footholds(sim, Ground(tilt=(0.1, 0.1)))
    floors.tilt[:] = 0.1
    sim.reset(np.array([0]), {})
    floors._lay(np.array([0]))
    sim.advance(400)
    force = sim.sensordata[0, 1:4]
    assert force[0] / force[2] == pytest.approx(-np.tan(0.1), rel=1e-3)  # uphill pushes back
    assert sim.qvel[0, 0] < -0.2
    # without friction the block goes along the floor, and the normal carries g cos
    assert np.linalg.norm(force) == pytest.approx(5 * G * np.cos(0.1), rel=0.02)


def test_footholds_get_their_height_and_tilt_and_rest_while_a_foot_stands():
    ground, seen = Ground(height=(-0.02, 0.02), tilt=(-0.05, 0.05)), []

    def watch(env):
        f = env._footholds
        bears = (env.state.ground_reaction_force[..., 2] > 0) & (env.state.time > 0.1)[:, None]
        place = np.stack((f.height, f.tilt, f.level, f.anchor), axis=2)
        if seen:
            stays = bears & seen[-1][0]
            np.testing.assert_array_equal(place[stays], seen[-1][1][stays])
        seen.append((bears, place))

    env = played(ground, watch=watch)
    landed = np.array(
        [
            p[k]
            for (b, p), (c, _) in zip(seen[1:], seen, strict=False)
            for k in zip(*np.nonzero(b & ~c), strict=True)
        ]
    )
    assert len(landed) > 20
    assert (landed[:, 2] <= landed[:, 0] + 1e-12).all()  # never above what was drawn
    assert np.mean(landed[:, 2] == landed[:, 0]) > 0.6  # mostly just that: swing feet pass low
    assert np.mean(landed[:, 0] - landed[:, 2]) < 0.004
    assert np.ptp(landed[:, 0]) > 0.02
    assert np.ptp(landed[:, 1]) > 0.05
    floors = env.simulation.batch.bind("geom_xpos")[
        :, [env.model.mj.geom(f"floor_{s}").id for s in "rl"]
    ]
    np.testing.assert_allclose(floors[..., 2], env._footholds.level, atol=1e-12)


def test_a_floor_is_laid_clear_of_the_foot_that_hangs_over_it():
    sim = Simulation(on_footholds("walker2d")(None), 3, threads=1)
    floors = Footholds(sim, Ground(height=(0.02, 0.02), tilt=(0.05, 0.05)))
    qpos = np.tile(sim.model.home, (3, 1))
    qpos[:, 1] += [0.0, 0.02, 0.1]  # stands, hangs low, hangs high
    sim.reset(np.arange(3), {"qpos": qpos})
    from bioenv.envs.random import BatchRng

    floors.move(BatchRng(np.arange(3)).select(np.arange(3)))
    np.testing.assert_array_equal(floors.level[0], 0.0)
    assert (floors.level[1] < 0.02).all()
    np.testing.assert_allclose(floors.level[2], 0.02)
    room = floors._room(floors.tilt, floors.anchor)
    np.testing.assert_allclose((room - floors.level)[1], CLEARANCE)
    sim.batch.forward()
    found = sim.sensordata[
        1:,
        [
            model_slice.start
            for model_slice in (sim.model.sensor_slice("grf_r"), sim.model.sensor_slice("grf_l"))
        ],
    ]
    np.testing.assert_array_equal(found, 0.0)  # no contact was made


def test_level_footholds_are_the_common_floor():
    """The same walk but for the order in which the solver sees the contacts."""
    one = played(None, num=2, steps=50)
    other = played(None, num=2, steps=50, model="walker2d")
    np.testing.assert_allclose(one.state.qpos, other.state.qpos, atol=1e-5)


def test_a_slope_is_felt_as_pitch_and_ends_no_episode_by_itself():
    env = BioVectorEnv(replace(walk_perturbed.TASK, ground=Ground(slope=(0.1, 0.1))), 2, threads=1)
    obs, _ = env.reset(seed=0)
    np.testing.assert_allclose(obs[:, -1], env.state.coordinate("pelvis_tilt") + 0.1, atol=1e-6)
    level = BioVectorEnv(walk_perturbed.TASK, 2, threads=1, randomize=False)
    level.reset(seed=0)
    level.step(np.full(level.action_space.shape, 0.1))
    np.testing.assert_array_equal(level.state.slope, 0.0)
    assert level._footholds is None


def test_footholds_do_not_depend_on_the_batch_and_continue_to_the_bit():
    action = np.full((4, 18), 0.25)
    envs = [
        BioVectorEnv("bioenv/WalkPerturbed-v0", n, threads=1, autoreset_mode="SameStep")
        for n in (4, 1, 4)
    ]
    envs[0].reset(seed=0)
    envs[1].reset(seed=2)
    for step in range(120):
        if step == 60:
            envs[2].restore(envs[0].snapshot())
        whole, alone = envs[0].step(action)[0], envs[1].step(action[:1])[0]
        np.testing.assert_array_equal(whole[2], alone[0])
        if step >= 60:
            np.testing.assert_array_equal(envs[2].step(action)[0], whole)
    assert (envs[0]._footholds.height != 0).any()


def test_uneven_ground_needs_floors_of_their_own():
    with pytest.raises(BioenvError, match=r"model=on_footholds\('walker2d'\)"):
        BioVectorEnv(replace(walk.FREE, model="walker2d", ground=Ground(tilt=(0.0, 0.1))), 1)
    assert models.load("walker2d").feet == on_footholds("walker2d")(None).feet
