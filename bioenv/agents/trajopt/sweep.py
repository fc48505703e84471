"""Sweeps: one problem at many values of one setting, each solved from its neighbours' solutions.

The point nearest to the recipe's own value comes first, then its neighbours outward. With two
neighbours the line through them is followed: for a walk at another speed that takes about half the
iterations of starting at one of them. A point that fails is tried from the neighbour on the other
side and then from the recipe's guess; what it took is told with the result.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from bioenv.agents.atomic import write_bytes
from bioenv.agents.trajopt.axis import Axis, own_value, route
from bioenv.agents.trajopt.figures import figures
from bioenv.agents.trajopt.guess import Trajectory
from bioenv.agents.trajopt.problem import Problem
from bioenv.agents.trajopt.recipe import SolveRecipe
from bioenv.agents.trajopt.solution import Solution
from bioenv.agents.trajopt.solver import solve
from bioenv.agents.trajopt.watch import LAST_ITERATE, Iterate, restore
from bioenv.agents.trajopt.workshop import Workshop
from bioenv.diff.symbolic.model import build
from bioenv.errors import BioenvError
from bioenv.models.interventions import NEUTRAL

SWEEP = "sweep.json"
Row = dict[str, Any]
_FARTHEST = 2.0  # steps between its two neighbours that a point may lie beyond them


@dataclass(eq=False)
class Sweep:
    """A sweep and what it needs; :meth:`run` does it.

    Attributes:
        out: folder; every point gets one inside it, and "sweep.json" lists them.
        first: where the first point starts, instead of the recipe's guess.
        tell: called with a line of text now and then.
        rows: results, by index of the value.
    """

    recipe: SolveRecipe
    axis: Axis
    out: Path
    workshop: Workshop
    first: Iterate | None = None
    tell: Callable[[str], None] = lambda _: None
    rows: dict[int, Row] = field(default_factory=dict)

    def run(self, resume: bool = False) -> list[Row]:
        """Solve all points, or those that are missing; rows by ascending value."""
        self.out.mkdir(parents=True, exist_ok=True)
        if resume:
            self._load()
        order = route(self.axis.values, own_value(self.recipe, self.axis.key))
        for i in order:
            if not self._solved(i):
                self._point(i, self._nearest(i)[:1] or [None])
                if self.rows[i]["status"] == "interrupted":
                    return self._sorted()
        for i in order:
            if not self._solved(i):
                tried = {one["from"] for one in self.rows[i]["attempts"]}
                more = [j for j in self._nearest(i)[:2] if self.axis.values[j] not in tried]
                self._point(i, [*more, *([None] if "guess" not in tried else [])])
                if self.rows[i]["status"] == "interrupted":
                    break
        return self._sorted()

    def _solved(self, i: int) -> bool:
        return i in self.rows and self.rows[i]["success"]

    def _nearest(self, i: int) -> list[int]:
        """Solved points, nearest first."""
        values = self.axis.values
        solved = [j for j in range(len(values)) if self._solved(j)]
        return sorted(solved, key=lambda j: abs(values[j] - values[i]))

    def _point(self, i: int, begins: Sequence[int | None]) -> None:
        """Solve a point from each of these neighbours (None: the guess) until it is solved."""
        value, attempts = self.axis.values[i], list(self.rows.get(i, {}).get("attempts", ()))
        for begin in begins:
            source: float | str = "guess" if begin is None else self.axis.values[begin]
            self.tell(f"{self.axis.key} = {value:g}, from {_from(self.axis.key, source)}")
            solution, extra = self._solve(i, begin)
            told = {name: getattr(solution, name) for name in ("status", "iterations", "cpu_s")}
            attempts.append({"from": source, **told})
            self.rows[i] = self._row(value, solution, extra, attempts)
            self._write()
            if solution.success or solution.status == "interrupted":
                return
            self.tell(f"{self.axis.key} = {value:g} is {solution.status}: {solution.message}")

    def _solve(self, i: int, begin: int | None) -> tuple[Solution, Row]:
        clock = time.process_time()
        recipe = self.recipe.changed([f"{self.axis.key}={self.axis.values[i]:.12g}"])
        problem, shop = recipe.problem(), self.workshop
        if self.axis.key.partition(".")[0] in ("mass", *NEUTRAL):  # other equations
            shop = Workshop(build(problem.model), shop.evaluation)
        problem, stages = replace(problem, model=shop.symbolic.model), recipe.stages()
        guess: Iterate | Trajectory
        if begin is not None:
            guess, stages = self._predicted(i, begin), stages[-1:]
        elif self.first is not None and not self.rows:
            guess, stages = self.first, stages[-self.first.left :]
        else:
            guess = recipe.trajectory(problem, stages[0].mesh)
        if isinstance(guess, Iterate):
            guess = moved(problem, guess)
        folder = self._folder(i)
        folder.mkdir(exist_ok=True)
        solution = solve(
            problem, shop.symbolic, guess, stages, out=folder, progress=self.tell,
            max_seconds=recipe.max_seconds, workshop=shop,
        )  # fmt: skip
        solution.save(folder)
        made = shop.transcription(problem, solution.mesh)
        extra = figures(made, solution, also=self._goal())
        return solution, {**extra, "cpu_s": time.process_time() - clock}

    def _predicted(self, i: int, begin: int) -> Iterate:
        """The neighbour's solution, or the line through it and the one behind it."""
        values, near = self.axis.values, restore(self._folder(begin) / LAST_ITERATE)
        others = [j for j in self._nearest(i) if j != begin]
        if not others:
            return near
        behind = others[0]
        share = (values[i] - values[begin]) / (values[begin] - values[behind])
        if abs(share) > _FARTHEST:
            return near
        return line(near, restore(self._folder(behind) / LAST_ITERATE), share)

    def _goal(self) -> tuple[str, ...]:
        head, _, rest = self.axis.key.partition(".")
        return (rest,) if head == "goals" else ()

    def _folder(self, i: int) -> Path:
        return self.out / self.axis.folder(self.axis.values[i])

    def _row(self, value: float, solution: Solution, extra: Row, attempts: list[Row]) -> Row:
        return {
            "value": value, "folder": self.axis.folder(value), "status": solution.status,
            "success": solution.success, "objective": solution.objective,
            "violation": solution.violation, "iterations": solution.iterations,
            "terms": dict(solution.terms), **extra, "from": attempts[-1]["from"],
            "attempts": attempts,
        }  # fmt: skip

    # ---- sweep.json
    def _settings(self) -> str:
        """What all points share: the recipe but for the key."""
        return repr({k: v for k, v in vars(self.recipe).items() if k != self.axis.key})

    def _sorted(self) -> list[Row]:
        return [self.rows[i] for i in sorted(self.rows)]

    def _write(self) -> None:
        content = {"recipe": self.recipe.name, "key": self.axis.key,
                   "settings": self._settings(), "points": self._sorted()}  # fmt: skip
        write_bytes(self.out / SWEEP, (json.dumps(content, indent=2) + "\n").encode())

    def _load(self) -> None:
        """Keep the finished points of an earlier run of the same sweep."""
        try:
            content = read(self.out)
        except FileNotFoundError:
            return
        if (content["key"], content.get("settings")) != (self.axis.key, self._settings()):
            raise BioenvError(
                f"{self.out} holds a sweep of {content['key']} with other settings; give the same "
                "recipe and --set, another folder, or --force"
            )
        index = {value: i for i, value in enumerate(self.axis.values)}
        for row in content["points"]:
            place = self.out / row["folder"] / LAST_ITERATE
            if row["value"] in index and row["success"] and place.is_file():
                self.rows[index[row["value"]]] = row
                self.tell(f"{self.axis.key} = {row['value']:g} is kept")


def line(near: Iterate, far: Iterate, share: float) -> Iterate:
    """near + share (near - far), of movements and multipliers of constraints.

    Multipliers of bounds stay: a bound is active or not. Iterates of other meshes are left out.
    """
    if near.trajectory.mesh != far.trajectory.mesh or near.multipliers.size != far.multipliers.size:
        return near
    t, old = near.trajectory, far.trajectory
    names = (one.name for one in fields(Trajectory))
    ahead = {n: getattr(t, n) + share * (getattr(t, n) - getattr(old, n)) for n in names}
    multipliers = near.multipliers + share * (near.multipliers - far.multipliers)
    return replace(near, trajectory=Trajectory(**ahead), multipliers=multipliers)


def moved(problem: Problem, iterate: Iterate) -> Iterate:
    """The iterate at the duration and speed that the problem asks for, its shape kept."""
    t = iterate.trajectory
    duration = float(np.clip(t.duration, *problem.duration))
    k = t.duration / duration
    q, v = t.q.copy(), k * t.v
    if problem.travel is not None and problem.speed is not None:
        i = problem.model.coordinate_index(problem.travel)
        distance = q[-1, i] - q[0, i]
        longer = float(np.clip(distance / duration, *problem.speed)) * duration - distance
        q[:, i] += longer * np.linspace(0.0, 1.0, t.mesh + 1)
        v[:, i] += longer / duration
    other = Trajectory(q, v, k * k * t.a, t.act, k * t.rate, duration)
    return Iterate(other, 1, "", iterate.multipliers, iterate.bound_multipliers)


def read(folder: Path) -> dict[str, Any]:
    """The content of a sweep's folder: "key", and "points" with a row each.

    Raises BioenvError when sweep.json is none, FileNotFoundError when it is absent.
    """
    path = folder / SWEEP
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BioenvError(f"{path} is no JSON: {error}") from error
    if not isinstance(content, Mapping) or not {"key", "points"} <= set(content):
        raise BioenvError(f"{path} is not of `bioenv solve --sweep`")
    return dict(content)


_COLUMNS = (
    ("status", "status", "{}"), ("objective", "objective", "{:.5g}"),
    ("iterations", "iterations", "{}"), ("CPU s", "cpu_s", "{:.1f}"), ("from", "from", "{}"),
    ("speed m/s", "speed", "{:.2f}"), ("stride s", "stride_time", "{:.3f}"),
    ("J/kg/m", "cost_of_transport", "{:.2f}"), ("peak vGRF BW", "peak_vgrf", "{:.2f}"),
)  # fmt: skip


def table(key: str, rows: Sequence[Row]) -> Iterator[str]:
    """Lines of a table of the points; columns that no point has are left out."""
    shown = [c for c in _COLUMNS if any(row.get(c[1]) is not None for row in rows)]
    cells = [[key, *(title for title, _, _ in shown)]]
    for row in rows:
        line = [f"{row['value']:g}"]
        for _, name, form in shown:
            line.append("-" if row.get(name) is None else form.format(row[name]))
        cells.append(line)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for cell in cells:
        yield "  ".join(text.rjust(width) for text, width in zip(cell, widths, strict=True))


def _from(key: str, source: float | str) -> str:
    return "the recipe's guess" if isinstance(source, str) else f"{key} = {source:g}"
