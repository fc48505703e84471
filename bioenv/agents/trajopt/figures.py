"""Figures of a solution that a sweep compares: goals without weights, and those of a gait."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bioenv.agents.trajopt.solution import Solution, terms
from bioenv.agents.trajopt.transcription import Transcription

_CYCLES = {"mirror": 2.0, "cycle": 1.0}  # of the movement that was solved, in a stride


def figures(made: Transcription, solution: Solution, also: Sequence[str] = ()) -> dict[str, Any]:
    """Unweighted goals, and of a gait its speed, stride, cost of transport and peak load.

    Args:
        made: the program that was solved.
        also: goals to tell though they may have no weight.

    Returns:
        unweighted: every goal of the problem by name; and for a gait
        speed m/s, stride_time s, metabolic_rate W/kg and cost_of_transport J/kg/m, both without
        basal rate, and peak_vgrf, body weights under one foot.
    """
    problem = made.problem
    gait = problem.travel is not None and problem.symmetry in _CYCLES
    names = dict.fromkeys([*problem.goals, *also, *(["metabolic"] if gait else [])])
    plain = copy.copy(made)
    plain.problem = replace(problem, goals=dict.fromkeys(names, 1.0), total=False)
    values = terms(plain, solution.unknowns, solution.parameters)
    chosen = {name: values[name] for name in dict.fromkeys([*problem.goals, *also])}
    found: dict[str, Any] = {"unweighted": chosen}
    if gait and problem.travel is not None:
        t, i = solution.trajectory, problem.model.coordinate_index(problem.travel)
        speed = float(t.q[-1, i] - t.q[0, i]) / t.duration
        found |= {"speed": speed, "stride_time": _CYCLES[problem.symmetry] * t.duration}
        rate = values["metabolic"]
        found |= {"metabolic_rate": rate, "cost_of_transport": rate / speed if speed else None}
    if gait and "ground_reaction_force" in solution.motion:
        motion, feet = solution.motion, problem.model.feet
        load = np.stack([motion.column("ground_reaction_force", f)[:, 2] for f in feet])
        found["peak_vgrf"] = float(load.max()) / problem.model.body_weight
    return found
