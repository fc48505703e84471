"""Recipes of `bioenv solve`: a problem, a guess and the stages of its solution, as TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bioenv.agents.trajopt.goals import TRACKING
from bioenv.agents.trajopt.guess import Trajectory, from_motion, perturbed, planted, static, step
from bioenv.agents.trajopt.problem import Problem, Range
from bioenv.agents.trajopt.solver import Stage
from bioenv.agents.trajopt.splines import LEAST_MESH
from bioenv.agents.trajopt.tracks import pace, source_of, tracks
from bioenv.envs.gait import stride_time
from bioenv.envs.task import task, tasks
from bioenv.errors import BioenvError, unknown
from bioenv.lab.reference import Reference
from bioenv.models import Model, available
from bioenv.models.changed import with_mass
from bioenv.models.interventions import NEUTRAL, changed
from bioenv.motion import Motion
from bioenv.paths import agent_file

_SECTIONS = ("goals", "bounds", "start", "finish", "target", "parameters", "mass", "changes",
             "track", "stage")  # fmt: skip
_GUESSES: Mapping[str, Any] = {"static": static, "step": step, "planted": planted}
_CURVES = ("hip_flexion", "knee_angle", "ankle_angle")
_PACES = {"duration": ("clock", "reference"), "speed": ("reference",)}


@dataclass(frozen=True, eq=False)
class SolveRecipe:
    """What `bioenv solve` runs.

    Attributes:
        model: name or path of a model, or a task ("bioenv/SitToStand-v0"), whose model it is.
        duration, speed: s and m/s; one number, or lowest and highest. A duration of "clock" is that
            of the walking tasks' gait clock at the mean speed; "reference" is the reference's speed
            and the duration at which what is tracked carries the model's legs that fast.
        mesh: intervals of the last stage; earlier stages keep their share of it.
        guess: "static", the home pose carried along; "step", a hand-drawn step; "planted", from
            the start's pose to the end's with the feet where they stand.
        seed: above 0, the guess is changed by smooth random waves of that seed.
        mass: kg added to bodies, by name.
        changes: interventions by "kind.target", see :mod:`bioenv.models.interventions`.
        goals, bounds, start, finish, target, parameters, symmetry, travel, still, rest, total,
            gauss_newton, activation: as in :class:`~bioenv.agents.trajopt.problem.Problem`.
        track: what the goal "tracking" follows: `reference`, a name of a measured reference or a
            motion file, and `curves` of it, see :func:`~bioenv.agents.trajopt.tracks.tracks`.
        warm_stages: how many of the first stages a warm start leaves out; an optimized motion
            leaves out all but the last.
    """

    model: str
    duration: tuple[float, float] | str
    goals: Mapping[str, float]
    name: str = ""
    description: str = ""
    symmetry: str = "none"
    travel: str = ""
    speed: tuple[float, float] | str | None = None
    guess: str = "static"
    seed: int = 0
    mesh: int = 0
    max_seconds: float = 600.0
    still: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()
    total: bool = False
    gauss_newton: bool = True
    activation: tuple[float, float] = (0.01, 1.0)
    bounds: Mapping[str, Any] = field(default_factory=dict)
    start: Mapping[str, Any] = field(default_factory=dict)
    finish: Mapping[str, Any] = field(default_factory=dict)
    target: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, float] = field(default_factory=dict)
    mass: Mapping[str, float] = field(default_factory=dict)
    changes: Mapping[str, float] = field(default_factory=dict)
    track: Mapping[str, Any] = field(default_factory=dict)
    stage: Sequence[Mapping[str, Any]] = ()
    warm_stages: int = 0

    def problem(self) -> Problem:
        """The problem, with its model loaded."""
        model = with_mass(_body(self.model, self.changes), self.mass)
        cycles = 0.5 if self.symmetry == "mirror" else 1.0
        source = self._source()
        duration, speed = self._pace(model, source, cycles)
        curves = tuple(self.track.get("curves", _CURVES))
        return Problem(
            model, self.goals, duration,
            symmetry=self.symmetry, travel=self.travel or None, speed=speed,  # type: ignore[arg-type]
            start=self.start, finish=self.finish, still=tuple(self.still), rest=tuple(self.rest),
            bounds=self.bounds,
            target={k: tuple(v) for k, v in self.target.items()}, activation=self.activation,
            parameters=self.parameters, total=self.total, gauss_newton=self.gauss_newton,
            added_mass=self.mass, changes=self.changes,
            tracks=() if source is None else tracks(model, source, curves, cycles),
        )  # fmt: skip

    def _pace(
        self, model: Model, source: Reference | Motion | None, cycles: float
    ) -> tuple[Range, Range | None]:
        """Duration s of so many gait cycles, and speed m/s."""
        duration, speed = self.duration, self.speed
        if "reference" in (duration, speed):
            if source is None:
                raise BioenvError('a duration or speed of "reference" needs a curve to track')
            stride, fast = pace(model, source)
            duration = (cycles * stride,) * 2 if duration == "reference" else duration
            speed = (fast, fast) if speed == "reference" else speed
        if duration == "clock":
            if speed is None:
                raise BioenvError('duration = "clock" needs a speed')
            mean = np.mean(np.array(speed, dtype=float))
            duration = (cycles * float(stride_time(np.array([[mean]]))[0]),) * 2
        return duration, speed  # type: ignore[return-value]

    def _source(self) -> Reference | Motion | None:
        """What the goal "tracking" follows."""
        if not self.track or not self.goals.get(TRACKING, 0.0):
            return None
        name = self.track.get("reference")
        if not isinstance(name, str):
            raise BioenvError(f"track needs a reference: a name or a motion file, not {name!r}")
        return source_of(name)

    def stages(self, warm: Motion | None = None) -> list[Stage]:
        """The homotopy, rescaled to `mesh`: the last stage alone from an optimized motion."""
        rows, skip = list(self.stage) or [{}], 0
        if warm is not None:
            skip = min(self.warm_stages, len(rows) - 1)
        if warm is not None and "qpos" in warm and warm.source("qpos") == "optimized":
            skip = len(rows) - 1
        rows = rows[skip:]
        last = int(rows[-1].get("mesh", 50))
        share = (self.mesh or last) / last
        # Early stages may be finer than their share of a coarse mesh; the last is as asked for.
        meshes = [max(LEAST_MESH, round(share * int(row.get("mesh", 50)))) for row in rows[:-1]]
        meshes.append(self.mesh or last)
        return [_stage(row, mesh) for row, mesh in zip(rows, meshes, strict=True)]

    def trajectory(self, problem: Problem, mesh: int, warm: Motion | None = None) -> Trajectory:
        """Where to start: from a Motion, or as `guess` says."""
        if self.guess not in _GUESSES:
            raise unknown("guess", self.guess, _GUESSES)
        if warm is not None:
            guess = from_motion(problem, warm, mesh)
        else:
            guess = _GUESSES[self.guess](problem, mesh)
        return perturbed(guess, self.seed) if self.seed else guess

    def changed(self, settings: Sequence[str]) -> SolveRecipe:
        """A copy with "key=value" settings: "speed=1.3", "goals.effort=2", "strength.soleus=0.6".

        Raises BioenvError for an unknown key or a value of the wrong kind.
        """
        recipe = self
        for setting in settings:
            key, equals, text = setting.partition("=")
            if not equals or not key or not text:
                raise BioenvError(f"--set takes key=value, for instance speed=1.3; got {setting!r}")
            recipe = recipe._with(key, _parsed(text))
        return recipe

    def _with(self, key: str, value: Any) -> SolveRecipe:
        head, _, rest = key.partition(".")
        if head in ("strength", "gravity", "smoothing", "softness"):
            number = _number(key, value)
            if not number >= 0.0:
                raise BioenvError(f"{key} is a number of at least 0, not {value!r}")
            return replace(self, parameters={**self.parameters, key: number})
        if head in NEUTRAL:
            return replace(self, changes={**self.changes, key: _number(key, value)})
        if rest and head in _SECTIONS[:-1]:
            inner = {head: {**getattr(self, head), rest: value}}
            return from_table({**vars(self), **inner}, f"--set {key}")
        return from_table({**vars(self), key: value}, f"--set {key}")


def _body(name: str, changes: Mapping[str, float]) -> Model:
    """A shipped model or a model file, with interventions; or the model of a task."""
    if name in available() or name.endswith(".xml"):
        return changed(name, changes)
    if changes and name in tasks():
        raise BioenvError(f"{', '.join(changes)}: only a model can be changed, not task {name}")
    if name not in tasks():
        raise unknown("model or task", name, (*available(), *tasks()))
    return task(name).build_model()


def shipped() -> tuple[str, ...]:
    """Names of the recipes that come with bioenv."""
    return tuple(sorted(p.stem for p in agent_file("recipes", "solve").glob("*.toml")))


def load_recipe(source: str | Path) -> SolveRecipe:
    """A recipe by shipped name or by path of a TOML file.

    Raises BioenvError for a missing file, invalid TOML, and unknown keys.
    """
    path = Path(source)
    if str(source) in shipped():
        path = agent_file("recipes", "solve", f"{source}.toml")
    elif path.suffix != ".toml":
        raise unknown("recipe", str(source), shipped())
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BioenvError(f"cannot read recipe {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BioenvError(f"recipe {path} is not valid TOML: {error}") from error
    return from_table({"name": path.stem, **table}, f"recipe {path.name}")


def from_table(table: Mapping[str, Any], where: str) -> SolveRecipe:
    """A recipe from its plain content, checked."""
    known = SolveRecipe.__dataclass_fields__
    values = dict(table)
    for key in values:
        if key not in known:
            raise BioenvError(f"{where}: {unknown('key', key, known)}")
    for key in ("model", "duration", "goals"):
        if key not in values:
            raise BioenvError(f"{where}: key {key!r} is missing")
    for key in ("duration", "speed", "activation"):
        if values.get(key) is not None and values[key] not in _PACES.get(key, ()):
            values[key] = _range(f"{where}: {key}", values[key])
    for key in ("mesh", "warm_stages", "seed"):
        if not isinstance(values.get(key, 0), int) or values.get(key, 0) < 0:
            raise BioenvError(f"{where}: {key} is a whole number from 0, not {values[key]!r}")
    for key in _SECTIONS[:-1]:
        if not isinstance(values.get(key, {}), Mapping):
            raise BioenvError(f"{where}: {key} must be a table, not {values[key]!r}")
    for key in ("bounds", "start", "finish"):
        for name, limits in values.get(key, {}).items():
            _range(f"{where}: {key}.{name}", limits)
    for key in ("total", "gauss_newton"):
        if not isinstance(values.get(key, False), bool):
            raise BioenvError(f"{where}: {key} is true or false, not {values[key]!r}")
    for key in ("goals", "parameters", "mass", "changes"):
        for name, value in values.get(key, {}).items():
            _number(f"{where}: {key}.{name}", value)
    return SolveRecipe(**values)


def _stage(row: Mapping[str, Any], mesh: int) -> Stage:
    known = ("mesh", "smoothing", "softness", "tolerance", "max_iterations", "mu", "assist",
             "carried")  # fmt: skip
    for key, value in row.items():
        if key == "goals" and isinstance(value, Mapping):
            for name, weight in value.items():
                _number(f"stage: goals.{name}", weight)
            continue
        if key == "gauss_newton" and isinstance(value, bool):
            continue
        if key not in known:
            raise BioenvError(f"stage: {unknown('key', key, (*known, 'goals', 'gauss_newton'))}")
        _number(f"stage: {key}", value)
    sharp = {key: float(row[key]) for key in ("smoothing", "softness") if key in row}
    rest = {key: row[key] for key in known[3:] if key in row}
    rest["gauss_newton"] = row.get("gauss_newton")
    return Stage(mesh=mesh, parameters=sharp, goals=dict(row.get("goals", {})), **rest)


def _parsed(text: str) -> Any:
    """A value as in TOML; what is none is text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _number(what: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BioenvError(f"{what} must be a number, not {value!r}")
    return float(value)


def _range(what: str, value: Any) -> tuple[float, float]:
    pair = value if isinstance(value, list | tuple) else (value, value)
    if len(pair) != 2:
        raise BioenvError(f"{what} is one number or lowest and highest, not {value!r}")
    return _number(what, pair[0]), _number(what, pair[1])
