"""`bioenv tasks` and `bioenv models`: what there is, as a table."""

from __future__ import annotations

import argparse

from bioenv import models, paths
from bioenv.envs.task import task, tasks
from bioenv.evaluate.aligned import table


def show_tasks(args: argparse.Namespace) -> int:
    """Every registered task with its model, control rate, episode and shipped policy."""
    rows = [["task", "model", "control", "episode", "policy", "what it asks"]]
    for name in tasks():
        one = task(name)
        model = one.model if isinstance(one.model, str) else "made by the task"
        shipped = paths.agent_file("policies", name.rpartition("/")[2], "policy.json").is_file()
        rows.append(
            [
                name,
                model,
                f"{1 / one.control_dt:g} Hz",
                f"{one.episode_s:g} s",
                "shipped" if shipped else "-",
                one.description,
            ]
        )
    print(table(rows, numbers=(2, 3)))
    return 0


def show_models(args: argparse.Namespace) -> int:
    """Every shipped model with its size."""
    rows = [["model", "coordinates", "muscles", "mass", "physics step"]]
    for name in models.available():
        one = models.load(name)
        step = f"{one.mj.opt.timestep * 1000:g} ms"
        size = [str(len(one.coordinates)), str(len(one.muscles)), f"{one.mass:.1f} kg", step]
        rows.append([name, *size])
    print(table(rows, numbers=(1, 2, 3, 4)))
    print(f"\nEvery model's folder has a README with its parameters' sources: {paths.asset()}")
    return 0
