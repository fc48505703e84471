"""Task: what to observe, what to reward, when to stop; and the registry of tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bioenv import models
from bioenv.envs.random import Draws
from bioenv.envs.registration import CATALOG, gymnasium_register, load
from bioenv.envs.state import State
from bioenv.errors import BioenvError, unknown
from bioenv.models import Model, Subject

if TYPE_CHECKING:
    from bioenv.envs.ground import Ground

Array = NDArray[np.float64]
Term = Callable[[State], Any]  # (B,) float or bool
Range = tuple[float, float]


class Perturbation(Protocol):
    """Pushes: fills the external forces for the coming control step."""

    def __call__(self, state: State, rng: Draws, force: Array) -> None:
        """Write into ``force`` (B, nbody, 6) N, N*m in world axes; rng draws B rows."""


class Memory(Protocol):
    """What terms remember of a running episode; saved and restored with it."""

    @property
    def width(self) -> int:
        """Numbers kept per environment."""

    def update(self, state: State, memory: Array) -> None:
        """Bring ``memory`` (B, width) up to date, in place, after every control step; an episode
        begins with zeros."""


class Device(Protocol):
    """What acts on the joints besides the muscles: an exoskeleton."""

    @property
    def actions(self) -> tuple[str, ...]:
        """Names of its commands, which follow the excitations in every action; 0..1 each."""

    @property
    def width(self) -> int:
        """Numbers kept per environment, saved and restored with the episode."""

    @property
    def mirror(self) -> NDArray[np.intp]:
        """(width,) index of the same number on the other side."""

    def begin(self, rng: Draws | None, n: int) -> Array:
        """(n, width) what it remembers when an episode begins; without ``rng`` nothing is
        drawn."""

    def drive(self, state: State, command: Array, memory: Array, dt: float, rng: Draws) -> Array:
        """(B, nv) N*m or N on every coordinate for the coming physics step of ``dt`` s, from the
        commands (B, k); ``memory`` (B, width) is brought up to date in place, rng draws B rows."""


@dataclass(frozen=True)
class Task:
    """A movement task on one model, written once over a leading batch axis.

    Args:
        model: name of a shipped model, path of an MJCF, or a function ``(subject) -> Model``.
        observe: State -> sequence of arrays (B, k) or (B,), joined into the observation.
        rewards: name -> (weight, term); each term gives (B,) and the reward is the weighted sum.
        control_dt: s between actions; a whole multiple of the physics step.
        episode_s: s after which the episode is truncated.
        terminate: State -> (B,) bool; an episode that falls is over.
        reset: (rng, body's model, goal) -> mapping with any of qpos (n, nq), qvel (n, nv),
            activation (n, nm), phase (n,) for the n environments that begin; at rest in the home
            pose by default.
        goal: rng -> (n, k) or (n,), drawn when an episode begins and read as ``state.goal``.
        goal_every_s: (shortest, longest) s; the goal is drawn again within an episode, each time
            after an interval drawn from this range. None: one goal an episode.
        goal_rate: largest change per second of each part of the goal on the way to a newly drawn
            one; None: it changes at once.
        cycle_s: period of the gait clock ``state.phase``, or a function of the goal (n, k) -> (n,).
        memory: what terms remember of an episode beyond one instant, read as ``state.memory``.
        success: State -> (B,) bool; must hold without a break for the last ``success_hold_s``
            seconds of an episode that did not terminate.
        perturb: pushes during the episode.
        ground: slopes and uneven footholds instead of a level floor.
        device: what acts on the joints besides the muscles; its commands lengthen the action.
        people: whose bodies the environments have; one of them is drawn per episode. A person's
            stride lasts ``cycle_s`` times the ratio of heights to the power 0.58, which is
            what the stride law of Grieve & Gear 1966 says of tall and short people at one speed.
        randomize: property ("mass", "strength", "friction") -> (low, high) factor drawn per
            episode.
        rewarded: names of measured quantities that the rewards look at, such as "joint_angles"; the
            evaluation report keeps them apart from quantities that were never rewarded.
        description: one line for ``bioenv tasks``.
    """

    model: str | Callable[[Subject | None], Model]
    observe: Callable[[State], Sequence[Any]]
    rewards: Mapping[str, tuple[float, Term]]
    control_dt: float = 0.02
    episode_s: float = 10.0
    terminate: Callable[[State], Any] | None = None
    reset: Callable[[Draws, Model, Array], Mapping[str, Any]] | None = None
    goal: Callable[[Draws], Any] | None = None
    goal_every_s: Range | None = None
    goal_rate: float | None = None
    cycle_s: float | Callable[[Array], Array] | None = None
    memory: Memory | None = None
    success: Callable[[State], Any] | None = None
    success_hold_s: float = 0.5
    perturb: Perturbation | None = None
    ground: Ground | None = None
    device: Device | None = None
    people: tuple[Subject, ...] = ()
    randomize: Mapping[str, Range] = field(default_factory=dict)
    rewarded: tuple[str, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        if not self.rewards:
            raise BioenvError(
                "a task needs at least one reward: rewards={'name': (weight, function)}"
            )
        for name, entry in self.rewards.items():
            if not (isinstance(entry, tuple) and len(entry) == 2 and callable(entry[1])):
                raise BioenvError(f"reward {name!r} must be (weight, function), got {entry!r}")
        for name, value in (("control_dt", self.control_dt), ("episode_s", self.episode_s)):
            if not (np.isfinite(value) and value > 0):
                raise BioenvError(f"{name} must be a positive number of seconds, got {value!r}")
        if self.goal_every_s is not None and not 0 < self.goal_every_s[0] <= self.goal_every_s[1]:
            raise BioenvError(
                "goal_every_s must be (shortest, longest) in seconds, 0 < shortest <= longest, "
                f"got {self.goal_every_s!r}"
            )
        if self.goal_every_s is not None and self.goal is None:
            raise BioenvError("goal_every_s draws the goal anew: the task needs goal=...")
        if self.goal_rate is not None and not self.goal_rate > 0:
            raise BioenvError(f"goal_rate must be positive (per second), got {self.goal_rate!r}")
        object.__setattr__(self, "people", tuple(self.people))
        if not all(isinstance(one, Subject) for one in self.people):
            raise BioenvError(f"people must be bioenv.Subject, got {self.people!r}")
        for name in ("rewards", "randomize"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def build_model(self, subject: Subject | None = None) -> Model:
        """The model of this task, scaled to ``subject``."""
        if subject is None and (callable(self.model) or self.model in models.available()):
            return own_body(self.model)
        return scaled_body(self.model, subject)

    def weighted(self, **weights: float) -> Task:
        """The same task with other reward weights, by term name."""
        for name in weights:
            if name not in self.rewards:
                raise unknown("reward term", name, self.rewards)
        new = {name: (weights.get(name, w), fn) for name, (w, fn) in self.rewards.items()}
        return replace(self, rewards=new)


@lru_cache(maxsize=32)
def own_body(model: str | Callable[[Subject | None], Model]) -> Model:
    """A model at its own size: built once, shared by every environment (nothing changes it)."""
    return scaled_body(model, None)


def scaled_body(model: str | Callable[[Subject | None], Model], subject: Subject | None) -> Model:
    """A task's model scaled to ``subject``."""
    return model(subject) if callable(model) else models.load(model, subject)


_TASKS: dict[str, Task] = {}


def register(name: str, task: Task) -> None:
    """Make ``task`` known by ``name`` here and to ``gymnasium.make`` and ``gymnasium.make_vec``.

    Args:
        name: "namespace/Name-vN", for instance "my/Reach-v0".

    Raises:
        BioenvError: malformed name, or a name that is taken.
    """
    import gymnasium
    from gymnasium.envs.registration import parse_env_id

    if name in tasks():
        raise BioenvError(f"task {name!r} is registered already; choose another name or version")
    if not isinstance(task, Task):
        raise BioenvError(f"register needs a bioenv.Task, got {type(task).__name__}")
    try:
        namespace, _, version = parse_env_id(name)
    except gymnasium.error.Error as error:
        raise BioenvError(f"task name {name!r} must look like 'my/Reach-v0'") from error
    if namespace is None or version is None:
        raise BioenvError(
            f"task name {name!r} must look like 'my/Reach-v0', with namespace and version"
        )
    _TASKS[name] = task
    gymnasium_register(name)


def task(name: str) -> Task:
    """The registered task of that name."""
    if name in CATALOG and name not in _TASKS:
        built_in = load(name)
        assert isinstance(built_in, Task)
        _TASKS[name] = built_in
    if name not in _TASKS:
        raise unknown("task", name, tasks())
    return _TASKS[name]


def tasks() -> tuple[str, ...]:
    """Names of all registered tasks, built-in and the user's, sorted."""
    return tuple(sorted({*CATALOG, *_TASKS}))
