"""Which goals bring the optimal gait towards people: the ablation without the luck of training.

    .venv/bin/python benchmarks/ablation_optimum.py --work runs/optimum [--seeds 0] [--out F.json]

`bioenv solve predict-walk` with each goal left out and some made heavier, from the shipped optimum,
and with ``--seeds`` also from perturbed standing guesses. A policy can at best do what its reward
asks for; here is what the terms ask for, judged on the same scale as in `ablation.py`.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from typing import Any

from ablation import write_into
from ablation_figures import FIGURES, QUANTITIES, figures, normalized
from ablation_task import OPTIMUM

from bioenv.agents.run_statistics import interquartile_mean
from bioenv.agents.trajopt.recipe import load_recipe
from bioenv.agents.trajopt.solver import solve
from bioenv.agents.trajopt.workshop import Workshop
from bioenv.diff.symbolic.compiled import Evaluation
from bioenv.diff.symbolic.model import build
from bioenv.motion import Motion

RECIPE = "predict-walk"
LEFT_OUT = (
    "metabolic", "effort", "joint_load", "ground_impact", "loading_rate", "contact_loss",
)  # fmt: skip
GENTLE = ("joint_load", "ground_impact", "loading_rate", "contact_loss")
HEAVIER = ("metabolic", "effort", "joint_load", "loading_rate")
FACTOR = 4
SHOWN = (
    "joint_angle_rmse", "grf_fore_aft_r", "first_peak_vertical_grf",
    "valley_vertical_grf", "second_peak_vertical_grf", "knee_contact_peak", "cost_of_transport",
    "foot_pitch_at_landing", "straightest_stance_knee",
)  # fmt: skip


def variants() -> dict[str, list[str]]:
    """Name -> settings of the recipe."""
    goals = load_recipe(RECIPE).goals
    found: dict[str, list[str]] = {"full": []}
    found |= {f"- {goal}": [f"goals.{goal}=0"] for goal in LEFT_OUT}
    found[f"- {', '.join(GENTLE)}"] = [f"goals.{goal}=0" for goal in GENTLE]
    found |= {f"{g} x {FACTOR}": [f"goals.{g}={FACTOR * goals[g]:g}"] for g in HEAVIER}
    return found


def optimum(settings: list[str], folder: Path, shop: Workshop, seed: int | None) -> str:
    """Solve into ``folder`` unless that was done; returns the status."""
    told = folder / "solution.json"
    if not told.is_file():
        warm = OPTIMUM if seed is None else None
        recipe = load_recipe(RECIPE).changed([*settings, f"seed={seed}"] if seed else settings)
        problem, stages = recipe.problem(), recipe.stages(warm)
        guess = recipe.trajectory(problem, stages[0].mesh, warm)
        folder.mkdir(parents=True, exist_ok=True)
        found = solve(problem, shop.symbolic, guess, stages, out=folder, workshop=shop)
        found.save(folder, recipe=RECIPE, settings=settings)
    return str(json.loads(told.read_text())["status"])


def markdown(rows: list[dict[str, Any]]) -> str:
    """The score, its parts and some figures of every optimum."""
    head = ("goals", "start", "score", *QUANTITIES, *(FIGURES[one] for one in SHOWN), "status")
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in rows:
        cells = [f"{row[one]:.2f}" for one in ("score", *QUANTITIES, *SHOWN)]
        lines.append("| " + " | ".join((row["goals"], row["start"], *cells, row["status"])) + " |")
    return "\n".join(lines)


def main() -> None:
    """Solve what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder of the solutions")
    parser.add_argument("--seeds", type=int, default=0, help="perturbed standing guesses")
    parser.add_argument("--out", type=Path, help="JSON file of the table")
    parser.add_argument("--page", type=Path, help="document whose table is renewed")
    args = parser.parse_args()
    shop = Workshop(build(load_recipe(RECIPE).problem().model), Evaluation(1, True))
    rows: list[dict[str, Any]] = []
    starts = (None, *range(1, args.seeds + 1))
    for start, (name, settings) in itertools.product(starts, variants().items()):
        begun = "shipped" if start is None else f"seed {start}"
        folder = args.work / begun / name
        status = optimum(settings, folder, shop, start)
        scores = figures(Motion.load(folder / "motion.nc"), None)
        parts = dict(zip(QUANTITIES, normalized(scores), strict=True))
        mean = interquartile_mean([list(parts.values())])
        found = {key: round(value, 4) for key, value in ({"score": mean} | parts | scores).items()}
        rows.append({"goals": name, "start": begun, "status": status, **found})
        print(f"{name}, {begun}: {status}, score {mean:.2f}", flush=True)
    print(markdown(rows))
    if args.page:
        write_into(args.page, markdown(rows), "optimum")
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
