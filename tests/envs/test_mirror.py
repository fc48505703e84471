"""Left and right are exact mirrors: in the model, in the observation, in the movement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bioenv.envs.mirror import mirror_map
from bioenv.envs.task import task
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError


@pytest.mark.parametrize("name", ["bioenv/Walk-v0", "bioenv/WalkImitate-v0", "bioenv/Stand-v0"])
def test_mirror_is_its_own_inverse(name):
    mirror = mirror_map(name)
    n = len(mirror.obs_index)
    np.testing.assert_array_equal(mirror.obs_index[mirror.obs_index], np.arange(n))
    np.testing.assert_array_equal(mirror.obs_sign * mirror.obs_sign[mirror.obs_index], np.ones(n))
    assert (mirror.phase_index is None) == (task(name).cycle_s is None)


def test_mirrored_start_and_mirrored_actions_give_the_mirrored_movement():
    name = "bioenv/Walk-v0"
    mirror, env = mirror_map(name), BioVectorEnv(name, 2, threads=1, autoreset_mode="Disabled")
    env.reset(seed=0)
    sim, model, ep = env.simulation, env.model, env.episode
    qpos = sim.qpos[0].copy()
    both = {"qpos": np.stack([qpos, qpos[model.mirror_qpos]])}
    sim.reset(np.arange(2), both)
    ep.start_phase[:], ep.goal[1], ep.cycle_s[1] = [0.0, 0.5], ep.goal[0], ep.cycle_s[0]
    rng = np.random.default_rng(0)
    for _ in range(10):
        action = rng.uniform(0, 0.6, 18)
        obs, reward, *_ = env.step(np.stack([action, action[mirror.action_index]]))
    mirrored = obs[0, mirror.obs_index] * mirror.obs_sign
    # the contact solver stops at its own tolerance: the two sides agree to that, not to the bit
    np.testing.assert_allclose(mirrored, obs[1], rtol=1e-3, atol=1e-3)
    assert reward[0] == pytest.approx(reward[1], abs=1e-3)


def test_a_task_that_sees_one_side_has_no_mirror():
    lopsided = replace(task("bioenv/Stand-v0"), observe=lambda s: (s.coordinate("hip_flexion_r"),))
    with pytest.raises(BioenvError, match="no mirror image"):
        mirror_map(lopsided)
