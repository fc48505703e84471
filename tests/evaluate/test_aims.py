"""What a movement was made for is read from its meta, and marks the figures it rewards."""

from __future__ import annotations

from typing import Any

import pytest

from bioenv.evaluate.aims import aim_of, described
from bioenv.evaluate.bands import rewarded
from bioenv.motion import Motion


def made(**meta: Any) -> Motion:
    return Motion([0.0, 1.0], meta=meta)


def test_a_policy_was_rewarded_and_penalized():
    stages = [
        {"reward_weights": {}},
        {"reward_weights": {"speed": 2.0, "effort": -4, "impact": -5.0}},
    ]
    card = {"command": "bioenv train walk", "best_at": {"stage": 1},
            "recipe": {"mirror": True, "stage": stages}}  # fmt: skip
    aim = aim_of(made(rewarded=["joint_angles", "effort"], policy=card))
    assert aim.maker == "policy"
    assert aim.rewarded == ("joint_angles",)
    assert aim.minimized == {"effort": 4.0, "ground_impact": 5.0}
    assert aim.imposed == ("symmetry",)
    said = described(aim)
    assert said["rewarded"] == "joint angles"
    assert said["penalized in its last stage"].startswith("effort (4), ground impact (5)")
    assert said["imposed"].startswith("left-right symmetry")


@pytest.mark.parametrize(
    "card", [{}, {"best_at": {"stage": 3}}, {"recipe": {"stage": []}}, {"recipe": "none"}]
)
def test_a_policy_card_may_say_less(card: dict[str, Any]):
    assert aim_of(made(policy=card)).minimized == {}


def test_optimal_control_minimized_its_goals():
    goals = {"effort": 9.0, "metabolic": 0.1, "joint_load": 0.0}
    aim = aim_of(made(goals=goals, rewarded=list(goals), imposed=["speed"], symmetry="mirror"))
    assert aim.maker == "optimal control"
    assert aim.minimized == {"effort": 9.0, "metabolic": 0.1}
    assert aim.imposed == ("speed", "symmetry")
    assert aim.quantities == {"effort", "metabolic", "speed", "symmetry"}
    assert described(aim)["minimized"] == "effort (9), metabolic (0.1); weights in brackets"


def test_tracking_aims_at_what_was_tracked():
    goals = {"tracking": 1.0}
    everything = aim_of(made(goals=goals)).quantities
    assert {"joint_angles", "vertical_grf", "fore_aft_grf"} <= everything
    some = aim_of(made(goals=goals, tracks=["knee_angle_r", "grf_fore_aft_l"]))
    assert some.rewarded == ("joint_angles", "fore_aft_grf")
    assert described(some)["tracked"] == "joint angles, fore-aft ground force"


def test_nobody_made_a_measured_walk():
    aim = aim_of(made())
    assert (aim.maker, aim.quantities, described(aim)) == ("nobody", frozenset(), {})


@pytest.mark.parametrize(
    ("score", "goal"),
    [
        ("cost_effort", "effort"),
        ("cost_of_transport", "metabolic"),
        ("gross_metabolic_power", "effort_cubed"),
        ("cost_metabolic", "metabolic_rate"),
        ("peak_vertical_grf", "ground_impact"),
        ("loading_rate", "ground_impact"),
        ("knee_contact_peak", "joint_load"),
        ("cost_joint_load", "joint_contact_force"),
        ("cost_total", "smoothness"),
        ("left_right_difference", "symmetry"),
        ("stride_time_sd", "period"),
        ("speed", "speed"),
        ("double_support", "duty_factor"),
        ("stride_time", "cadence"),
    ],
)
def test_a_goal_marks_what_it_rewards(score: str, goal: str):
    assert rewarded(score, [goal])


@pytest.mark.parametrize(
    ("score", "goal"),
    [
        ("cost_metabolic", "effort"),  # told apart by name, though they go together
        ("cost_effort_cubed", "effort"),
        ("cost_of_transport", "ground_impact"),
        ("grf_vertical_rmse", "ground_impact"),
        ("knee_contact_peak", "effort"),
        ("joint_angle_rmse", "effort"),
        ("emg_r", "metabolic"),
        ("vertical_impulse", "period"),
        ("cost_total", "joint_angles"),
    ],
)
def test_a_goal_marks_nothing_else(score: str, goal: str):
    assert not rewarded(score, [goal])
