"""The shipped assisted walk: assistance saves energy, and what the benchmark found holds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bioenv.agents.policy import Policy
from bioenv.envs.assist import Adversary, Faults, Limits, Violations
from bioenv.envs.catalog import assist_walk
from bioenv.envs.task import Task
from bioenv.envs.vector import BioVectorEnv

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results" / "assist.json"
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


def test_hostile_assistance_of_a_walking_person_violates_nothing(policy):
    device = replace(assist_walk.DEVICE, asking=Adversary("pump"), faults=Faults(every_s=2.0))
    env = BioVectorEnv(
        replace(assist_walk.TASK, device=device), 16, threads=1, autoreset_mode="Disabled"
    )
    seen = Violations(env, Limits())
    env.on_substep = seen
    observation, _ = env.reset(seed=50_000)
    for _ in range(150):
        observation, _, terminated, _, _ = env.step(policy.act(observation))
        seen.end(terminated)
    for kind, count in seen.device.items():
        assert not count.any(), kind


def test_recorded_results_meet_the_target():
    """Of the benchmark's thousand episodes: none violated with the filter, most without."""
    rows = json.loads(RESULTS.read_text())["safety"]
    hostile = [row for row in rows if row["adversary"]]
    for filtered in (True, False):
        mine = [row for row in hostile if row["filter"] is filtered]
        episodes = sum(row["episodes"] for row in mine)
        violated = sum(row["episodes/device"] for row in mine)
        assert episodes >= 1000
        assert violated == 0 if filtered else violated > 0.5 * episodes
