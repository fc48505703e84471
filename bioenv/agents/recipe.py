"""Recipes: what `bioenv train` runs, as TOML. Every key is checked before anything starts."""

from __future__ import annotations

import dataclasses
import math
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bioenv.errors import BioenvError, unknown
from bioenv.paths import agent_file

T = TypeVar("T")


def _number(default: Any, low: float, high: float = math.inf, open_low: bool = False) -> Any:
    """A field with bounds; `open_low` excludes the lower one."""
    bounds = {"low": low, "high": high, "open_low": open_low}
    if default is None:
        return field(metadata=bounds)
    return field(default=default, metadata=bounds)


@dataclass(frozen=True)
class PPOSettings:
    """Hyperparameters of PPO (Schulman et al. 2017), table `[ppo]`."""

    n_steps: int = _number(64, 1)  # per environment and iteration
    batch_size: int = _number(1024, 1)
    epochs: int = _number(5, 1)
    learning_rate: float = _number(3e-4, 0, 1, open_low=True)
    gamma: float = _number(0.98, 0, 1)
    gae_lambda: float = _number(0.95, 0, 1)
    clip: float = _number(0.2, 0, 1, open_low=True)
    entropy: float = _number(0.0, 0, 1)
    value_weight: float = _number(0.5, 0, 10)
    max_grad_norm: float = _number(0.5, 0, 1e3, open_low=True)
    log_std: float = _number(-0.7, -5, 2)  # at the start; learned
    target_kl: float = _number(0.0, 0, 1)  # > 0: the learning rate follows the divergence
    hidden: tuple[int, ...] = (128, 128)


@dataclass(frozen=True)
class EvaluationSettings:
    """When and how to judge, table `[evaluation]`; deterministic policy, fresh episodes."""

    every: int = _number(50_000, 1)  # env steps
    episodes: int = _number(100, 1)
    episode_s: float = _number(0.0, 0)  # 0: as the task says
    criterion: str = field(default="success", metadata={"choices": ("success", "survival")})
    share: float = _number(0.95, 0, 1)
    passes: int = _number(2, 1)  # evaluations in a row


@dataclass(frozen=True)
class Stage:
    """One `[[stage]]`: training goes through them in order, keeping everything learned."""

    env_steps: int = _number(None, 1)
    name: str = ""
    learning_rate: float = _number(0.0, 0, 1)  # 0: as in [ppo]
    final_learning_rate: float = _number(0.0, 0, 1)  # reached linearly; 0: constant
    reward_weights: Mapping[str, float] = field(default_factory=dict)
    stop_when_passed: bool = True  # else all env_steps are run
    evaluate_every: int = _number(0, 0)  # env steps; 0: as in [evaluation]
    log_std: float = _number(0.0, -5, 0)  # exploration set when the stage begins; 0: as learned


@dataclass(frozen=True)
class Recipe:
    """A training run but for its seed.

    Attributes:
        task: id of a registered task.
        name: of the file, for the command in the policy's card.
        num_envs: simulations stepped together.
        episode_s: length of a training episode in s; 0 as the task says.
        mirror: mirror the second half of a cycle (the task must have a phase).
        randomize: vary mass, strength and friction as the task says.
        start: policy whose actor training begins with, a shipped name or a folder; its observations
            and muscles come first in the task's. Empty: from nothing.
    """

    task: str
    name: str = ""
    num_envs: int = _number(64, 1)
    episode_s: float = _number(0.0, 0)
    mirror: bool = False
    randomize: bool = True
    start: str = ""
    ppo: PPOSettings = field(default_factory=PPOSettings)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    stage: tuple[Stage, ...] = (Stage(env_steps=300_000),)

    def __post_init__(self) -> None:
        rollout = self.num_envs * self.ppo.n_steps
        if self.ppo.batch_size > rollout or rollout % self.ppo.batch_size:
            raise BioenvError(
                f"recipe {self.name or self.task}: batch_size {self.ppo.batch_size} must divide "
                f"num_envs * n_steps = {self.num_envs} * {self.ppo.n_steps} = {rollout}"
            )
        if not self.stage:
            raise BioenvError(f"recipe {self.name or self.task}: needs at least one [[stage]]")

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON-able content."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: str = "recipe") -> Recipe:
        """Checked content of a TOML file; unknown keys, wrong types and bounds are BioenvErrors."""
        return _table(cls, data, where)


def recipes() -> tuple[str, ...]:
    """Names of the recipes that come with bioenv."""
    return tuple(sorted(one.stem for one in agent_file("recipes").glob("*.toml")))


def load_recipe(source: str | Path) -> Recipe:
    """A recipe by shipped name ("walk_imitate"), by path of a TOML file, or by task id.

    A task without a shipped recipe gets the default hyperparameters.

    Raises:
        BioenvError: no such recipe, no valid TOML, or a key that is unknown or of the wrong type.
    """
    name = str(source)
    if name in recipes():
        return _read(agent_file("recipes", f"{name}.toml"))
    path = Path(source)
    if path.suffix == ".toml" or path.is_file():
        return _read(path)
    for shipped in recipes():
        recipe = _read(agent_file("recipes", f"{shipped}.toml"))
        if name in (recipe.task, recipe.task.removeprefix("bioenv/")):
            return recipe
    from bioenv.envs.task import tasks

    if name in tasks():
        return Recipe(task=name)
    raise unknown("recipe or task", name, [*recipes(), *tasks()])


def _read(path: Path) -> Recipe:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BioenvError(f"cannot read recipe {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BioenvError(f"recipe {path} is not valid TOML: {error}") from error
    data.setdefault("name", path.stem)
    return Recipe.from_dict(data, f"recipe {path.name}")


def _table(cls: type[T], data: Any, where: str) -> T:
    if not isinstance(data, Mapping):
        raise BioenvError(f"{where}: expected a table of keys, not {data!r}")
    fields = {one.name: one for one in dataclasses.fields(cls)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(cls)
    values = {}
    for key, value in data.items():
        if key not in fields:
            raise BioenvError(f"{where}: {unknown('key', str(key), fields)}")
        values[key] = _value(hints[key], value, f"{where}: {key}")
        _bounds(fields[key].metadata, values[key], f"{where}: {key}")
    for name, one in fields.items():
        required = one.default is one.default_factory is dataclasses.MISSING
        if required and name not in values:
            raise BioenvError(f"{where}: key {name!r} is missing")
    return cls(**values)


def _value(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return _table(typing.cast(type, hint), value, where)
    origin = typing.get_origin(hint)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise BioenvError(f"{where} must be a list, not {value!r}")
        inner = typing.get_args(hint)[0]
        return tuple(_value(inner, one, f"{where}[{i}]") for i, one in enumerate(value))
    if origin is not None and origin is not types.UnionType:
        if not isinstance(value, Mapping):
            raise BioenvError(f"{where} must be a table of numbers, not {value!r}")
        return {str(k): _value(float, v, f"{where}.{k}") for k, v in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise BioenvError(f"{where} must be of type {hint.__name__}, not {value!r}")
    if hint is float and not math.isfinite(value):
        raise BioenvError(f"{where} must be finite, not {value!r}")
    return value


def _bounds(metadata: Mapping[str, Any], value: Any, where: str) -> None:
    if "choices" in metadata and value not in metadata["choices"]:
        raise unknown(where, value, metadata["choices"])
    if "low" not in metadata:
        if isinstance(value, tuple) and any(isinstance(v, int) and v < 1 for v in value):
            raise BioenvError(f"{where} must hold positive numbers, not {value!r}")
        return
    low, high, open_low = metadata["low"], metadata["high"], metadata["open_low"]
    if not low <= value <= high or (open_low and value == low):
        least = f"above {low:g}" if open_low else f"at least {low:g}"
        most = "" if high == math.inf else f" and at most {high:g}"
        raise BioenvError(f"{where} must be {least}{most}, not {value!r}")
