"""What-if studies: the optimal movement of a body, and of the same body after an intervention.

Both are optima of one recipe, without measured data, and both are local optima. So each is solved
from several starts, the best one counts, and the others that are nearly as good are kept: their
spread says how far a predicted change may be trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bioenv.agents.trajopt.guess import Trajectory
from bioenv.agents.trajopt.recipe import SolveRecipe
from bioenv.agents.trajopt.solution import Solution
from bioenv.agents.trajopt.solver import Stage, parameter_vector, solve
from bioenv.agents.trajopt.workshop import Workshop
from bioenv.diff.symbolic.compiled import PLAIN, Evaluation
from bioenv.diff.symbolic.model import build
from bioenv.errors import BioenvError, unknown
from bioenv.models import Model
from bioenv.models.interventions import NEUTRAL, one_sided
from bioenv.motion import Motion
from bioenv.paths import agent_file

ALIASES: Mapping[str, str] = {"weakness": "strength", "added_mass": "mass"}
"""Kinds of interventions that a recipe knows by another name."""
KINDS = ("weakness", "added_mass", *NEUTRAL)
GROUPS: Mapping[str, tuple[str, ...]] = {
    "plantarflexors": ("soleus", "gastroc"), "dorsiflexors": ("tib_ant",),
    "knee_extensors": ("vasti", "rect_fem"), "hip_flexors": ("iliopsoas", "rect_fem"),
    "hip_extensors": ("glut_max", "hamstrings"),
}  # fmt: skip
"""Muscle groups of walker2d, for weakness and contracture."""
SEGMENTS: Mapping[str, str] = {
    "foot": "calcn", "shank": "tibia", "thigh": "femur", "waist": "pelvis", "trunk": "torso"
}  # fmt: skip
"""What people call the bodies to which mass is added."""
CADENCE = (0.4, 0.7)
"""s, a half stride may take: both gaits choose their own cadence."""
NEAR = 1.02
"""A start's optimum counts for the spread up to so many times the best objective."""
_SAME = 1e-4  # of the objective, by which an optimum must be better to be another one
_OTHER = 1e-3  # of the objective, by which nearly best optima differ
_MOST = 3  # optima of a body that are followed
_NEUTRAL: Mapping[str, float] = {**NEUTRAL, "strength": 1.0, "mass": 0.0}


def settings_of(changes: Sequence[str]) -> tuple[str, ...]:
    """Settings of a recipe from interventions as they are written: "weakness.soleus=0.6".

    "weakness.plantarflexors=0.6" is that of each muscle of the group, "added_mass.foot=2" that of
    each heel body.

    Raises BioenvError for a form, kind or number that is none.
    """
    found = []
    for change in changes:
        key, _, text = change.partition("=")
        kind, _, target = key.partition(".")
        if kind not in KINDS and kind not in ALIASES.values():
            raise unknown("intervention", kind, KINDS)
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not target or not np.isfinite(value):
            raise BioenvError(
                "an intervention is kind.target=number, for instance weakness.soleus=0.6, not "
                f"{change!r}"
            )
        kind = ALIASES.get(kind, kind)
        targets: tuple[str, ...] = (target,)
        if kind in ("strength", "contracture"):
            targets = GROUPS.get(target, targets)
        if kind == "mass":
            stem, _, side = target.partition("_")
            named = SEGMENTS.get(stem)
            targets = targets if named is None else (f"{named}_{side}" if side else named,)
        found += [f"{kind}.{one}={value:.12g}" for one in targets]
    return tuple(found)


def effective(settings: Sequence[str]) -> tuple[str, ...]:
    """The settings that change anything."""
    kept = []
    for one in settings:
        key, _, text = one.partition("=")
        if float(text) != _NEUTRAL[key.partition(".")[0]]:
            kept.append(one)
    return tuple(kept)


def whole_stride(recipe: SolveRecipe) -> tuple[str, ...]:
    """Settings that make a recipe one of a whole stride, as fine as before; () where it is one."""
    if recipe.symmetry != "mirror":
        return ()
    last = int((list(recipe.stage) or [{}])[-1].get("mesh", 50))
    found = ["symmetry=cycle", f"mesh={2 * (recipe.mesh or last)}"]
    if not isinstance(recipe.duration, str):
        found.append("duration=[{:.12g}, {:.12g}]".format(*(2.0 * one for one in recipe.duration)))
    return tuple(found)


def settings_for(changes: Sequence[str], recipe: SolveRecipe) -> tuple[str, ...]:
    """What of a recipe must change for these interventions, for both bodies."""
    return whole_stride(recipe) if needs_whole_stride(settings_of(changes)) else ()


@dataclass(frozen=True, eq=False)
class Case:
    """A body's optimal movement, and those found from the other starts.

    Attributes:
        settings: what of the recipe was changed for it.
        model: the body that moves; how strong it is stands in the problem's parameters.
        best: the solved one of least objective; the least violated one where none is solved.
        starts: status, objective, violation, iterations and cpu_s of each start, by name.
        near: the best and, where they are other optima, up to two solutions within `NEAR` of its
            objective.
    """

    settings: tuple[str, ...]
    model: Model
    best: Solution
    starts: Mapping[str, Mapping[str, Any]]
    near: tuple[Solution, ...]


@dataclass(eq=False)
class Search:
    """Solves one case from several starts; :attr:`case` is what they came to."""

    recipe: SolveRecipe
    settings: tuple[str, ...] = ()
    evaluation: Evaluation = PLAIN
    tell: Callable[[str], None] = lambda _: None
    found: dict[str, Solution] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._recipe = self.recipe.changed(self.settings)
        self._problem = self._recipe.problem()
        self._symbolic = build(self._problem.model)
        # Names that the body does not have are told before minutes are spent.
        parameter_vector(self._symbolic, self._problem.parameters)
        self._shop = Workshop(self._symbolic, self.evaluation)

    def near(self, motion: Motion, name: str = "near", stages: int = 1) -> Solution:
        """Start from a movement, with the recipe's last stages."""
        last = self._recipe.stages()[-stages:]
        return self._solve(name, self._recipe.trajectory(self._problem, last[0].mesh, motion), last)

    def guess(self, seed: int = 0) -> None:
        """Start from the recipe's own guess, with all its stages."""
        every, seeded = self._recipe.stages(), self._recipe.changed([f"seed={seed}"])
        guess = seeded.trajectory(self._problem, every[0].mesh)
        self._solve(f"guess {seed}", guess, every)

    def several(self, motion: Motion | None, count: int) -> None:
        """1: the last stage from a movement; 2: also the last two stages; then the guesses.

        Without a movement all are guesses.
        """
        if motion is not None:
            self.near(motion)
        if motion is not None and count > 1:
            self.near(motion, "near, rounder", 2)
        for seed in range(count - (0 if motion is None else 2)):
            self.guess(seed)

    def _solve(self, name: str, guess: Trajectory, stages: list[Stage]) -> Solution:
        self.tell(f"{' '.join(self.settings) or 'baseline'}, start: {name}")
        self.found[name] = solve(
            self._problem, self._symbolic, guess, stages,
            max_seconds=self._recipe.max_seconds, workshop=self._shop,
        )  # fmt: skip
        if self.found[name].status == "interrupted":
            raise KeyboardInterrupt
        return self.found[name]

    @property
    def case(self) -> Case:
        """The best of what was found."""
        told = ("status", "objective", "violation", "iterations", "cpu_s")
        rows = {name: {key: getattr(one, key) for key in told} for name, one in self.found.items()}
        order = sorted(self.found.values(), key=_rank)
        best = order[0]
        near = [best]
        for one in order[1:]:
            other = one.objective - near[-1].objective > _OTHER * best.objective
            if one.success and other and one.objective <= NEAR * best.objective:
                near.append(one)
        return Case(self.settings, self._problem.model, best, rows, tuple(near[:_MOST]))


@dataclass(frozen=True, eq=False)
class Study:
    """A body before and after an intervention, both optimal by one recipe.

    pairs: nearly best optima of the body before it, and what each of them became where that is
    nearly the best, too (`NEAR`): how much the predicted change depends on where one starts. The
    first pair is the two best.
    """

    changes: tuple[str, ...]
    recipe: SolveRecipe
    baseline: Case
    changed: Case
    pairs: tuple[tuple[Solution, Solution], ...]

    @property
    def success(self) -> bool:
        """Whether both are optimal and feasible."""
        return self.baseline.best.success and self.changed.best.success


def study(
    changes: Sequence[str],
    recipe: SolveRecipe,
    *,
    baseline: Search | None = None,
    warm: Motion | None = None,
    starts: int = 2,
    evaluation: Evaluation = PLAIN,
    tell: Callable[[str], None] = lambda _: None,
) -> Study:
    """Solve a body before and after interventions.

    The body after it starts from each of the nearly best movements before it, and then the body
    before it from the best movement after it: where that is cheaper than what was found first, it
    counts, and the body after it is solved from there again.

    Args:
        changes: interventions as in :func:`settings_of`.
        recipe: of both; for a whole stride where the intervention makes the sides unlike.
        baseline: a search of the body before it, to share among studies; what it finds is kept.
        warm: where the body before it starts; the recipe's shipped solution where None.
        starts: as in :meth:`Search.several`, for each of the two.
    """
    settings = effective(settings_of(changes))
    recipe = recipe.changed(settings_for(changes, recipe))
    after, pairs = Search(recipe, settings, evaluation, tell), []
    if baseline is None:
        baseline = Search(recipe, (), evaluation, tell)
    if not baseline.found:
        baseline.several(warm or shipped_motion(recipe), starts)
    first = baseline.case.best
    for number, one in enumerate(baseline.case.near, 1):
        pairs.append((one, after.near(one.motion, f"near {number}")))
    if starts > 1:
        after.near(first.motion, "near, rounder", 2)
    for seed in range(starts - 2):
        after.guess(seed)
    baseline.near(after.case.best.motion, f"from {' '.join(settings)}")
    if baseline.case.best.objective < (1.0 - _SAME) * first.objective:
        again = baseline.case.best
        pairs.append((again, after.near(again.motion, "near, again")))
    both = baseline.case, after.case
    enough = NEAR * both[1].best.objective
    solved = [pair for pair in pairs if pair[1].success and pair[1].objective <= enough]
    return Study(tuple(changes), recipe, *both, ((both[0].best, both[1].best), *solved))


def shipped_motion(recipe: SolveRecipe) -> Motion | None:
    """The shipped solution of a recipe, None where there is none."""
    path = agent_file("solutions", recipe.name, "motion.nc")
    return Motion.load(path) if path.is_file() else None


def needs_whole_stride(settings: Sequence[str]) -> bool:
    """Whether the body's sides are unlike with these settings."""
    return bool(one_sided({one.partition("=")[0]: 0.0 for one in effective(settings)}))


def _rank(one: Solution) -> tuple[bool, float]:
    return (not one.success, one.objective if one.success else one.violation)
