"""Predict human movement, then check it.

One flow, one direction:

    Subject + assets ─► Model ─► Task ─► environments ─► Policy ─► Motion ─► inverse dynamics
    measured data ───────────────────────────────────────────────► Motion ─► check ─► scores, report

A `Model` is a body (MuJoCo) with names for its coordinates, muscles and feet. A `Task` says what
the body shall do; it is a frozen description of plain functions. Environments run a task: one
body (`BioEnv`), or many on native threads (`BioVectorEnv`). `train` turns a task into a `Policy`,
`rollout` turns a policy into a `Motion`, `check` says how far a motion is from physics, and
`evaluate` judges it against measured people. `diff` holds the same bodies in torch and CasADi,
differentiable; `learn` what is learned from movements: networks that obey the equation of motion.

    policy = bioenv.train("bioenv/WalkImitate-v0", "ppo", seed=0)
    motion = bioenv.rollout(policy, seed=1)
    bioenv.evaluate(motion, against="falisse2019").save("report.html")

SI units and radians; x forward, y left, z up. Importing bioenv is light: a public name loads its
module when it is first used.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from bioenv.envs.registration import register_all

if TYPE_CHECKING:
    from bioenv import agents as agents
    from bioenv import diff as diff
    from bioenv import envs as envs
    from bioenv import inverse as inverse
    from bioenv import learn as learn
    from bioenv import models as models
    from bioenv.agents.policy import Policy as Policy
    from bioenv.agents.rollout import rollout as rollout
    from bioenv.agents.training import train as train
    from bioenv.envs.single import BioEnv as BioEnv
    from bioenv.envs.state import State as State
    from bioenv.envs.task import Task as Task
    from bioenv.envs.task import register as register
    from bioenv.envs.task import task as task
    from bioenv.envs.task import tasks as tasks
    from bioenv.envs.terms import effort as effort
    from bioenv.envs.terms import tolerance as tolerance
    from bioenv.envs.vector import BioVectorEnv as BioVectorEnv
    from bioenv.errors import BioenvError as BioenvError
    from bioenv.evaluate import Evaluation as Evaluation
    from bioenv.evaluate import Score as Score
    from bioenv.evaluate import evaluate as evaluate
    from bioenv.evaluate.whatif import whatif as whatif
    from bioenv.learn.consistency import check as check
    from bioenv.models import Model as Model
    from bioenv.models import Subject as Subject
    from bioenv.motion import CHANNELS as CHANNELS
    from bioenv.motion import Motion as Motion
    from bioenv.motion import Signal as Signal

__version__ = "0.1.0"

# public name -> the module that defines it
_PUBLIC = {
    "BioEnv": "bioenv.envs.single",
    "BioVectorEnv": "bioenv.envs.vector",
    "BioenvError": "bioenv.errors",
    "CHANNELS": "bioenv.motion",
    "Evaluation": "bioenv.evaluate",
    "Model": "bioenv.models",
    "Motion": "bioenv.motion",
    "Policy": "bioenv.agents.policy",
    "Score": "bioenv.evaluate",
    "Signal": "bioenv.motion",
    "State": "bioenv.envs.state",
    "Subject": "bioenv.models",
    "Task": "bioenv.envs.task",
    "check": "bioenv.learn.consistency",
    "effort": "bioenv.envs.terms",
    "register": "bioenv.envs.task",
    "rollout": "bioenv.agents.rollout",
    "task": "bioenv.envs.task",
    "tasks": "bioenv.envs.task",
    "tolerance": "bioenv.envs.terms",
    "train": "bioenv.agents.training",
    "whatif": "bioenv.evaluate.whatif",
}
_PACKAGES = ("agents", "diff", "envs", "evaluate", "inverse", "learn", "models")

__all__ = [*_PUBLIC, *_PACKAGES, "__version__"]


class _Verb(ModuleType):
    """A package that can be called by its own name: `bioenv.evaluate(motion)`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return getattr(self, self.__name__.rpartition(".")[2])(*args, **kwargs)


class _Bioenv(ModuleType):
    # `bioenv.evaluate` is a package and a verb. The import system binds the package here when
    # anything in it is first imported; this makes that binding callable.
    def __setattr__(self, name: str, value: Any) -> None:
        if name == "evaluate" and type(value) is ModuleType:
            value.__class__ = _Verb
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Bioenv


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return import_module(f"bioenv.{name}")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'bioenv' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


register_all()
