"""Make a trained run a shipped policy: copy its two files and write its gait figures on the card.

    .venv/bin/python agents/ship.py RUN_FOLDER

The folder under agents/policies is named after the task. Walking policies get the figures of a 12 s
rollout with seed 1 against the shipped reference, and those that follow an optimized gait their
deviation from it over 100 fresh episodes; tests/agents/test_shipped.py holds them to both.
"""

from __future__ import annotations

import sys

from bioenv.agents.following import following
from bioenv.agents.policy import Policy
from bioenv.agents.rollout import rollout
from bioenv.errors import BioenvError
from bioenv.evaluate import evaluate
from bioenv.paths import agent_file

FIGURES = (
    "speed", "duty_factor", "joint_angle_rmse", "left_right_difference", "peak_vertical_grf",
    "gross_metabolic_power", "cost_of_transport", "hip_flexion_rmse", "knee_angle_rmse",
    "ankle_angle_rmse", "joint_angle_r", "first_peak_vertical_grf", "valley_vertical_grf",
    "second_peak_vertical_grf", "grf_fore_aft_r", "knee_contact_peak", "foot_pitch_at_landing",
    "emg_r",
)  # fmt: skip


def main(run: str) -> None:
    """Ship the policy in folder ``run``."""
    policy = Policy.load(run)
    if "scores" not in policy.card:
        raise BioenvError(f"{run} holds an unfinished training: its card has no scores")
    if "Walk" in policy.task:
        judged = evaluate(rollout(policy, seed=1, seconds=12), "falisse2019")
        found = {score.name: score.value for score in judged.scores}
        figures = {name: round(float(found[name]), 4) for name in FIGURES if name in found}
        policy = policy.with_card(evaluation=figures)
    if policy.task == "bioenv/WalkOptimal-v0":
        policy = policy.with_card(following=following(policy)._asdict())
    folder = agent_file("policies", policy.task.split("/")[-1])
    policy.save(folder)
    print(folder.name, policy.card["scores"], policy.card.get("evaluation", ""))
    print(policy.card.get("following", ""))


if __name__ == "__main__":
    main(sys.argv[1])
