"""What `ablation.py` compares: one walking task, frozen, and the variants of its training.

The task is bioenv/Walk-v0 as it was when the study was made, with more terms that wait at weight 0;
it is written out here so that the study stays what it was while the shipped task moves on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

import bioenv
from bioenv import models
from bioenv.agents.recipe import Recipe
from bioenv.envs import gait, terms, terms_human
from bioenv.envs.imitation import JOINTS, pose_of
from bioenv.envs.random import Draws
from bioenv.envs.stride import stride_reference
from bioenv.models import Model, Subject
from bioenv.motion import Motion
from bioenv.paths import agent_file

Array = NDArray[np.float64]
SYNERGIES = 4  # hold 94 % of the sum of squares of the optimized gait's activation
OPTIMUM = Motion.load(agent_file("solutions", "predict-walk", "motion.nc"))
FOLLOWED = stride_reference(OPTIMUM, models.load("walker2d"))


def walker(subject: Subject | None) -> Model:
    """walker2d with a sensor in its head."""
    return models.load("walker2d", subject, edit=terms_human.with_head)


def rigid_toes(subject: Subject | None) -> Model:
    """The same without toe joints."""
    return models.load("walker2d", subject, edit=_without_toes)


def _without_toes(spec: mujoco.MjSpec) -> None:
    terms_human.with_head(spec)
    toes = [i for i, joint in enumerate(spec.joints) if joint.name.startswith("mtp_angle")]
    for key in spec.keys:
        key.qpos = np.delete(key.qpos, toes)
    for side in "rl":
        spec.delete(spec.sensor(f"limit_mtp_angle_{side}"))
        spec.delete(spec.joint(f"mtp_angle_{side}"))


def stride_time(goal: Array) -> Array:
    """(n,) s, of the gait clock at speed ``goal[:, 0]`` m/s (Grieve & Gear 1966)."""
    return 1.1 * np.sqrt(1.25 / goal[:, 0])


def from_the_optimum(rng: Draws, model: Model, goal: Array) -> dict[str, Array]:
    """Begin anywhere in the optimized gait, at the commanded speed."""
    phase = rng.uniform(0.0, 1.0)
    follow = FOLLOWED.on(model)
    qvel = follow.qvel.at(phase)
    qvel[:, model.coordinate_index("pelvis_tx")] *= goal[:, 0] / FOLLOWED.speed
    assert follow.activation is not None
    qpos, activation = follow.qpos.at(phase), follow.activation.at(phase)
    return {"qpos": qpos, "qvel": qvel, "activation": activation, "phase": phase}


TASK = bioenv.Task(
    model=walker,
    observe=gait.observe,
    rewards={
        "alive": (0.5, lambda s: np.ones(len(s.time))),
        "speed": (0.5, terms.speed(margin=0.3)),
        "stepping": (1.0, terms.stepping(duty=0.62)),
        "upright": (0.3, lambda s: terms.tolerance(terms.trunk_tilt(s), 0.25)),
        "effort": (-1.0, terms.effort),
        "metabolic": (0.0, terms.metabolic),
        "joint_load": (0.0, terms.joint_load),
        "impact": (-0.5, terms.ground_impact(1.2)),
        "limit": (-0.01, terms.limit_torque),
        "smoothness": (-0.3, terms.smoothness),
        "head": (0.0, terms_human.head_acceleration),
        "synergies": (
            0.0,
            terms_human.off_synergies(
                terms_human.leg_synergies(OPTIMUM, models.load("walker2d"), SYNERGIES)
            ),
        ),
        "optimum": (0.0, terms.imitation(pose_of(FOLLOWED), dict.fromkeys(JOINTS, 1.0), 0.3)),
    },
    goal=lambda rng: rng.uniform([1.15], [1.35]),  # m/s
    cycle_s=stride_time,
    reset=lambda rng, model, goal: gait.step_start(rng, model, goal, stride_time),
    terminate=terms.fallen(),
    control_dt=0.02,
    episode_s=10.0,
    success=terms.mean_speed_within(0.15),
)
TASKS = {
    "ablation/Walk-v0": TASK,
    # The optimum knows toes: without them it cannot be followed, and this task does not ask it.
    "ablation/WalkRigidToes-v0": replace(
        TASK,
        model=rigid_toes,
        rewards={name: term for name, term in TASK.rewards.items() if name != "optimum"},
    ),
    "ablation/WalkFromOptimum-v0": replace(TASK, reset=from_the_optimum),
}


@dataclass(frozen=True)
class Root:
    """A first stage, which variants have in common.

    task: id; mirror: as in a recipe; weights: of reward terms, where not the task's.
    """

    task: str = "ablation/Walk-v0"
    mirror: bool = True
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Variant:
    """One row of the table: from which first stage, and the reward weights of the second.

    weights: where not `SECOND`; what: in words; control: the variant that it is compared with.
    """

    what: str
    root: str = "walk"
    weights: Mapping[str, float] = field(default_factory=dict)
    second: bool = True  # False: judged after the first stage
    control: str = "full"


SECOND = {"speed": 1.0, "effort": -3.0, "metabolic": -0.1, "impact": -3.0, "joint_load": -0.01}
ROOTS = {
    "walk": Root(),
    "no mirror": Root(mirror=False),
    "rigid toes": Root("ablation/WalkRigidToes-v0"),
    "optimum": Root("ablation/WalkFromOptimum-v0", weights={"optimum": 1.0}),
}
LED = "from the optimum"
VARIANTS = {
    "full": Variant("the recipe: walk, then save effort"),
    "first stage only": Variant("before effort is saved", second=False),
    "- metabolic": Variant("without metabolic rate", weights={"metabolic": 0.0}),
    "- joint load": Variant("without joint load", weights={"joint_load": 0.0}),
    "- impact": Variant("without ground impact", weights={"impact": 0.0}),
    "- effort": Variant("without activation squared", weights={"effort": 0.0}),
    "- smoothness": Variant("without smoothness", weights={"smoothness": 0.0}),
    "- clock": Variant("second stage without stepping in time", weights={"stepping": 0.0}),
    "metabolic x 4": Variant("metabolic rate weighs four times", weights={"metabolic": -0.4}),
    "joint load x 10": Variant("joint load weighs ten times", weights={"joint_load": -0.1}),
    "+ head": Variant("with head acceleration", weights={"head": -1.0}),
    "+ synergies": Variant("with muscle synergies", weights={"synergies": -20.0}),
    "rigid toes": Variant("without toe joints", "rigid toes"),
    "no mirror": Variant("no symmetric policy", "no mirror"),
    LED: Variant("first stage follows the optimized gait", "optimum"),
    **{
        f"optimum: {name}": Variant(f"from there, {what}", "optimum", weights, second, LED)
        for name, what, weights, second in (
            ("first stage only", "before effort is saved", {}, False),
            ("- impact", "without ground impact", {"impact": 0.0}, True),
            ("joint load x 10", "joint load weighs ten times", {"joint_load": -0.1}, True),
        )
    },
}


def first_recipe(root: str, steps: int) -> Recipe:
    """Until the policy walks, at most ``steps``."""
    chosen = ROOTS[root]
    stage = {"name": "walk", "env_steps": steps, "reward_weights": dict(chosen.weights)}
    return _recipe(root, stage)


def second_recipe(variant: str, steps: int) -> Recipe:
    """``steps`` from the first stage's last policy."""
    chosen = VARIANTS[variant]
    stage = {
        "name": variant,
        "env_steps": steps,
        "evaluate_every": 147_456,
        "stop_when_passed": False,
        "log_std": -1.5,
        "final_learning_rate": 5e-5,
        "reward_weights": {**SECOND, **chosen.weights},
    }
    return _recipe(chosen.root, stage)


def _recipe(root: str, stage: Mapping[str, Any]) -> Recipe:
    chosen = ROOTS[root]
    return Recipe.from_dict(
        {
            "task": chosen.task,
            "name": "ablation",
            "mirror": chosen.mirror,
            "episode_s": 10.0,
            # Short and few: half of a training's time would go into judging it otherwise.
            "evaluation": {"every": 98_304, "episodes": 20, "episode_s": 10.0},
            "stage": [stage],
        }
    )


def register() -> None:
    """Make the tasks known by name."""
    for name, task in TASKS.items():
        bioenv.register(name, task)
