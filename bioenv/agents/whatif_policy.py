"""What-if with a trained policy: the moment after an intervention, before anybody adapts.

The policy was trained on the body as it was and learns nothing here. Whether it still stands is the
first answer; how its gait changes, where it goes on, is the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bioenv.agents.policy import Policy
from bioenv.agents.rollout import rollout
from bioenv.agents.trial import judge
from bioenv.agents.whatif import effective, settings_of
from bioenv.envs.task import Task, task
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError
from bioenv.models import Model, available
from bioenv.models.interventions import body
from bioenv.motion import Motion


@dataclass(frozen=True, eq=False)
class Episodes:
    """A policy on one body: the share of fresh episodes that stood, and one of them in full."""

    model: Model
    survival: float
    motion: Motion


def immediate(
    policy: Policy,
    changes: Sequence[str],
    *,
    episodes: int = 20,
    seconds: float = 10.0,
    seed: int = 1,
) -> tuple[Episodes, Episodes]:
    """The policy on its own body, and on the same body after interventions.

    Args:
        changes: interventions as in :func:`bioenv.agents.whatif.settings_of`.
        episodes, seconds: how many are played for the share that stands, and their length.

    Raises BioenvError for a task whose body is made by the task itself.
    """
    own = task(policy.task) if isinstance(policy.task, str) else policy.task
    if not isinstance(own.model, str) or own.model not in available():
        raise BioenvError(f"{policy.task}: its body is made by the task and cannot be changed here")
    settings = (one.partition("=") for one in effective(settings_of(changes)))
    changed = body(own.model, {key: float(value) for key, _, value in settings})
    return (
        _played(policy, own, own.build_model(), episodes, seconds, seed),
        _played(policy, own, changed, episodes, seconds, seed),
    )


def _played(
    policy: Policy, own: Task, model: Model, episodes: int, seconds: float, seed: int
) -> Episodes:
    asked = replace(own, model=lambda subject: model, episode_s=seconds)
    env = BioVectorEnv(asked, episodes)
    outcome = judge(policy, env, seed, round(seconds / own.control_dt), criterion="survival")
    env.close()
    motion = rollout(policy, seed=seed, seconds=seconds, task=asked)
    return Episodes(model, outcome.survival, motion)
