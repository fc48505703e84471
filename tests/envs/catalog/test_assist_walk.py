"""The shipped assisted walk: assistance saves energy, and the filter makes it harmless."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bioenv.agents.policy import Policy
from bioenv.envs.assist import Adversary, Faults, Limits, Violations
from bioenv.envs.catalog import assist_walk
from bioenv.envs.task import Task
from bioenv.envs.vector import BioVectorEnv

CALM = replace(assist_walk.TASK, perturb=None, device=replace(assist_walk.DEVICE, faults=None))


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy.load("AssistWalk-v0")


def cost(task: Task, policy: Policy, num: int = 12, seconds: float = 5.0) -> float:
    """Net metabolic energy of the muscles per mass and distance, J/kg/m, after one second."""
    env = BioVectorEnv(task, num, threads=1, autoreset_mode="Disabled")
    observation, _ = env.reset(seed=40)
    rates, start = [], None
    for step in range(round(seconds / task.control_dt)):
        observation, _, terminated, _, _ = env.step(policy.act(observation))
        assert not terminated.any()
        if step >= 50:
            start = env.state.coordinate("pelvis_tx").copy() if start is None else start
            rates.append(env.state.metabolic_rate.sum(axis=1))
    way = env.state.coordinate("pelvis_tx") - start
    return float(np.mean(np.sum(rates, axis=0) * task.control_dt / way) / env.model.mass)


def test_assistance_saves_energy(policy):
    """The same policy, the same body, the device with all its power and with none."""
    with_power, silent = (cost(assist_walk.at(power, CALM), policy) for power in (1.0, 0.0))
    assert with_power < 0.97 * silent


@pytest.mark.parametrize("filtered", [True, False])
def test_the_filter_is_what_keeps_hostile_assistance_harmless(policy, filtered):
    """The same adversary on the same people: with the filter no limit is violated by the device,
    without it in most episodes."""
    device = replace(assist_walk.DEVICE, asking=Adversary("pump"), faults=Faults(every_s=2.0))
    device = device if filtered else device.without_filter()
    env = BioVectorEnv(
        replace(assist_walk.TASK, device=device), 16, threads=1, autoreset_mode="Disabled"
    )
    seen = Violations(env, Limits())
    env.on_substep = seen
    observation, _ = env.reset(seed=50_000)
    for _ in range(150):
        observation, _, terminated, _, _ = env.step(policy.act(observation))
        seen.end(terminated)
    violated = np.sum([count > 0 for count in seen.device.values()], axis=0) > 0
    assert not violated.any() if filtered else violated.mean() > 0.5
