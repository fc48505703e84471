"""How closely a policy follows its reference: against a straightforward count, and its edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bioenv.agents.following import following
from bioenv.agents.policy import Policy
from bioenv.envs.imitation import JOINTS
from bioenv.envs.task import task as find_task
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError


@pytest.fixture(scope="module")
def walker() -> Policy:
    return Policy.load("WalkImitate-v0")


def test_it_is_the_root_mean_square_at_the_clocks_phase(walker):
    seconds, num = 2.0, 4
    found = following(walker, episodes=num, seconds=seconds, seed=3, threads=1)
    task = find_task(walker.task)
    env = BioVectorEnv(task, num, threads=1, autoreset_mode="Disabled")
    rows: list[np.ndarray] = []
    env.on_substep = lambda s: rows.append(np.rad2deg(task.miss(s)))
    obs, _ = env.reset(seed=3)
    for _ in range(round(seconds / task.control_dt)):
        obs, *_ = env.step(walker.act(obs))
    miss = np.array(rows)  # (T, B, joints)
    assert found.survival == 1.0
    assert found.rmse_deg == pytest.approx(np.sqrt(np.mean(miss**2)))
    assert found.worst_rmse_deg == pytest.approx(np.sqrt(np.mean(miss**2, axis=0)).max())
    for i, name in enumerate(JOINTS):
        assert found.joint_rmse_deg[name] == pytest.approx(np.sqrt(np.mean(miss[..., i] ** 2)))


class Limp:
    """No excitation at all: falls."""

    task = "bioenv/WalkImitate-v0"

    def act(self, obs: np.ndarray) -> np.ndarray:
        return np.zeros((len(obs), 18), np.float32)


def test_what_comes_after_a_fall_is_not_counted():
    """The environment begins anew at the reference, which would flatter."""
    task = replace(find_task(Limp.task), terminate=None)
    down = following(Limp(), task, episodes=4, seconds=3.0, threads=1)
    caught = following(Limp(), episodes=4, seconds=3.0, threads=1)
    assert (down.survival, caught.survival) == (1.0, 0.0)
    assert down.rmse_deg > 25.0 > caught.rmse_deg
    short = following(Limp(), episodes=4, seconds=1.5, threads=1)
    assert short.rmse_deg == pytest.approx(caught.rmse_deg, rel=1e-9)


def test_a_task_without_a_reference_is_refused(walker):
    with pytest.raises(BioenvError, match="bioenv/Walk-v0 follows no reference"):
        following(walker, "bioenv/Walk-v0")
