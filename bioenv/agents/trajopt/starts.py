"""Many starts: one problem from several guesses, because a solver finds the nearest optimum."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bioenv.agents.atomic import write_bytes
from bioenv.agents.trajopt.recipe import SolveRecipe
from bioenv.agents.trajopt.solver import solve
from bioenv.agents.trajopt.workshop import Workshop
from bioenv.errors import BioenvError

STARTS = "starts.json"
Row = dict[str, Any]


def starts(
    recipe: SolveRecipe,
    count: int,
    out: Path,
    workshop: Workshop,
    *,
    resume: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Row]:
    """Solve from the guesses of seeds 0 to count - 1; seed 0 is the plain guess.

    Every start has a folder "start-<seed>" inside `out`; the files of the best one, of those that
    are solved the one of least objective, are copied into `out`. "starts.json" lists all.

    Args:
        resume: keep the starts that an earlier run finished.

    Returns:
        a row for each seed: seed, folder, status, success, objective, violation, iterations, cpu_s,
        best. Fewer rows when it was interrupted.
    """
    out.mkdir(parents=True, exist_ok=True)
    rows = _finished(out, repr(recipe)) if resume else {}
    for seed in range(count):
        if seed in rows:
            tell(f"seed {seed} is kept")
            continue
        tell(f"seed {seed}")
        rows[seed] = _start(recipe.changed([f"seed={seed}"]), out, workshop, tell)
        _write(out, recipe, rows)
        if rows[seed]["status"] == "interrupted":
            break
    chosen = [rows[seed] for seed in range(count) if seed in rows]
    best = min(chosen, key=lambda row: (not row["success"], row["objective"]))
    for row in rows.values():
        row["best"] = row is best
    _write(out, recipe, rows)
    for file in (out / best["folder"]).iterdir():
        shutil.copy(file, out / file.name)
    return chosen


def _start(recipe: SolveRecipe, out: Path, workshop: Workshop, tell: Callable[[str], None]) -> Row:
    folder = out / f"start-{recipe.seed}"
    folder.mkdir(exist_ok=True)
    problem, stages = recipe.problem(), recipe.stages()
    solution = solve(
        problem, workshop.symbolic, recipe.trajectory(problem, stages[0].mesh), stages, out=folder,
        progress=tell, max_seconds=recipe.max_seconds, workshop=workshop,
    )  # fmt: skip
    solution.save(folder)
    names = ("status", "success", "objective", "violation", "iterations", "cpu_s")
    told = {name: getattr(solution, name) for name in names}
    return {"seed": recipe.seed, "folder": folder.name, **told, "best": False}


def _finished(out: Path, settings: str) -> dict[int, Row]:
    try:
        content = json.loads((out / STARTS).read_text(encoding="utf-8"))
        if content["settings"] != settings:
            raise BioenvError(
                f"{out} holds starts of other settings; give the same recipe and --set, another "
                "folder, or --force"
            )
        return {row["seed"]: row for row in content["starts"] if row["status"] != "interrupted"}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError) as error:
        raise BioenvError(f"{out / STARTS} is not of `bioenv solve --starts`: {error}") from error


def _write(out: Path, recipe: SolveRecipe, rows: dict[int, Row]) -> None:
    content = {"recipe": recipe.name, "settings": repr(recipe),
               "starts": [rows[seed] for seed in sorted(rows)]}  # fmt: skip
    write_bytes(out / STARTS, (json.dumps(content, indent=2) + "\n").encode())
