"""The shipped policies: each loads, keeps the scores on its card, walks at other physics steps."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bioenv.agents.following import following
from bioenv.agents.policy import Policy
from bioenv.agents.policy_file import shipped
from bioenv.agents.rollout import rollout
from bioenv.agents.trial import Outcome, judge
from bioenv.envs.registration import CATALOG
from bioenv.envs.vector import BioVectorEnv
from bioenv.evaluate import evaluate

WALKERS = ("WalkImitate-v0", "WalkOptimal-v0", "Walk-v0", "WalkPerturbed-v0")
EPISODES = 100


def outcome(
    name: str, timestep: float | None = None, episodes: int = EPISODES, seconds: float = 10.0
) -> Outcome:
    """Shares of survival and success over fresh episodes of ``seconds`` s."""
    policy = Policy.load(name)
    env = BioVectorEnv(policy.task, episodes, autoreset_mode="SameStep", timestep=timestep)
    return judge(
        policy, env, 12345, round(seconds / env.task.control_dt), criterion="success", needed=0.0
    )


def test_every_task_has_a_policy_and_its_card_says_how_it_was_made():
    assert {f"bioenv/{name}" for name in shipped()} == set(CATALOG)
    for name in shipped():
        card = Policy.load(name).card
        assert card["command"].startswith("bioenv train")
        assert {"seed", "env_steps", "training_minutes", "scores"} <= set(card)
        json.dumps(dict(card))


@pytest.mark.parametrize("name", sorted(CATALOG))
def test_shipped_policy_reproduces_its_success(name):
    name = name.removeprefix("bioenv/")
    episode = 5.0 if name in ("ElbowPose-v0", "ArmReach-v0") else 10.0
    promised = Policy.load(name).card["scores"]["success"]
    episode = min(episode, BioVectorEnv(f"bioenv/{name}").task.episode_s)
    reached = outcome(name, seconds=episode).success
    # both shares come from that many episodes: three standard deviations of their difference
    margin = 3 * np.sqrt(2 * max(promised * (1 - promised), 0.01) / EPISODES)
    assert reached >= promised - margin


@pytest.mark.parametrize("name", WALKERS)
@pytest.mark.parametrize("part", [2, 4])
def test_walkers_stand_at_half_and_quarter_of_the_training_step(name, part):
    trained = BioVectorEnv(f"bioenv/{name}").simulation.timestep
    assert outcome(name, trained / part, episodes=10).survival >= 0.9


@pytest.fixture(scope="module")
def imitated():
    return evaluate(rollout(Policy.load("WalkImitate-v0"), seed=1, seconds=12), "falisse2019")


@pytest.fixture(scope="module")
def walked():
    return evaluate(rollout(Policy.load("Walk-v0"), seed=1, seconds=12), "falisse2019")


@pytest.mark.parametrize(
    ("name", "judged"), [("WalkImitate-v0", "imitated"), ("Walk-v0", "walked")]
)
def test_walkers_keep_their_figures(name, judged, request):
    """The figures of the README's tables, with room for another machine's rounding."""
    found = request.getfixturevalue(judged)
    for figure, value in Policy.load(name).card["evaluation"].items():
        assert found.score(figure).value == pytest.approx(value, rel=0.05, abs=0.03), figure


def test_walk_without_reference_data_stands_beside_a_person(walked):
    """Nothing of what is asked here was rewarded: no measured movement is in its training."""
    figure = {score.name: score.value for score in walked.scores}
    assert figure["joint_angle_r"] > 0.85
    assert figure["hip_flexion_rmse"] < 6.0
    for peak in ("first_peak_vertical_grf", "second_peak_vertical_grf"):
        assert 1.0 <= figure[peak] <= 1.25
    assert figure["valley_vertical_grf"] <= 0.85
    assert figure["foot_pitch_at_landing"] > 5.0
    assert figure["emg_r"] > 0.6


def test_walk_optimal_stays_on_the_optimized_gait():
    """At the clock's phase, at every physics step of 100 fresh episodes of 20 s."""
    policy = Policy.load("WalkOptimal-v0")
    card, found = policy.card["following"], following(policy, seed=777)
    assert found.survival >= 0.95
    assert found.rmse_deg <= 5.0
    # Other episodes than the card's: one that falls, in a hundred, is a good part of the mean.
    assert found.rmse_deg == pytest.approx(card["rmse_deg"], rel=0.3)
    assert set(found.joint_rmse_deg) == set(card["joint_rmse_deg"])


def test_whole_body_balance_of_the_walk(imitated):
    """Mean vertical force is body weight; the recorded motion obeys Newton and Euler."""
    assert imitated.score("vertical_impulse").value == pytest.approx(1.0, abs=0.02)
    assert imitated.score("root_force_rms_percent").value < 1e-6
    assert imitated.score("root_moment_rms_percent").value < 1e-6
    assert imitated.score("torque_mismatch_percent").value < 5.0
