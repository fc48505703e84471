"""How a walker of `ablation.py` is judged: against measured people, on what no reward saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from ablation_task import TASKS

from bioenv.agents.policy import Policy
from bioenv.agents.rollout import rollout
from bioenv.errors import BioenvError
from bioenv.evaluate import Evaluation, evaluate
from bioenv.evaluate.compare import compare
from bioenv.lab import reference
from bioenv.models import Model
from bioenv.motion import Motion

REFERENCE = reference.load("falisse2019")
PEOPLE = tuple(reference.load(name) for name in ("dorschky2019", "winter"))
ROLLOUTS, SECONDS = 4, 12.0
CURVES = (
    "hip_flexion", "knee_angle", "ankle_angle", "grf_fore_aft",
    "hip_flexion_moment", "knee_angle_moment", "ankle_angle_moment",
)  # fmt: skip
QUANTITIES = (*CURVES, "emg")
FIGURES = {
    "completed": "stood",
    "speed": "speed m/s",
    "joint_angle_rmse": "joint RMSE °",
    "joint_angle_r": "joint r",
    "emg_r": "EMG r",
    "grf_fore_aft_r": "fore-aft GRF r",
    "first_peak_vertical_grf": "1st vGRF peak BW",
    "valley_vertical_grf": "valley BW",
    "second_peak_vertical_grf": "2nd peak BW",
    "knee_contact_peak": "knee load BW",
    "cost_of_transport": "J/kg/m",
    "foot_pitch_at_landing": "landing foot °",
    "straightest_stance_knee": "stance knee °",
}
"""Score -> heading of the table."""


def figures(motion: Motion, model: Model | None) -> dict[str, float]:
    """`FIGURES` of a motion, and the RMSE of every curve; NaN for what it does not have."""
    judgement = evaluate(motion, REFERENCE, model)
    names = [*FIGURES, *(f"{curve}_rmse" for curve in CURVES)]
    return {name: _value(judgement, name) for name in names}


def judged(policy: Policy, model: Model) -> dict[str, float]:
    """The same of a policy, means over rollouts.

    A rollout that fell before there was a stride has no figures and is left out of their means;
    `completed` counts it.
    """
    # Everybody is judged from the same starts.
    task = replace(TASKS["ablation/Walk-v0"], model=TASKS[policy.task].model)
    found: list[dict[str, float]] = []
    for seed in range(1, ROLLOUTS + 1):
        motion = rollout(policy, seed=seed, seconds=SECONDS, task=task)
        found.append(figures(motion, model))
    return {name: _mean([one[name] for one in found]) for name in found[0]}


def scale(curve: str) -> tuple[float, float]:
    """RMSE of other people from the measured person, and of a body that holds the person's mean."""
    band = REFERENCE.curve(curve)
    others = [one.curves[curve].mean for one in PEOPLE if curve in one.curves]
    people = float(np.mean([compare(curve, other, band).rmse for other in others]))
    return people, compare(curve, np.full_like(band.mean, band.mean[:-1].mean()), band).rmse


def normalized(scores: dict[str, float]) -> tuple[float, ...]:
    """Human-normalized scores, one for each of `QUANTITIES`.

    1 as near to the measured person as other people are, 0 as far as who holds the person's mean
    angle, force or moment all the time, negative beyond; EMG: the mean correlation. This is the
    normalization of Agarwal et al. 2021 with a still body for chance. Who makes no stride gets 0.
    """
    values = []
    for curve in CURVES:
        people, still = scale(curve)
        values.append((still - scores[f"{curve}_rmse"]) / (still - people))
    return tuple(np.nan_to_num([*values, scores["emg_r"]]).tolist())


def _value(judgement: Evaluation, name: str) -> float:
    try:
        return float(judgement.score(name).value)
    except BioenvError:  # it fell before there was a stride
        return float("nan")


def _mean(values: Sequence[float]) -> float:
    known = [one for one in values if np.isfinite(one)]
    return float(np.mean(known)) if known else float("nan")
