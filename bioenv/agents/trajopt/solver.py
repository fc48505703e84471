"""Solving: a sequence of ever finer and sharper problems, watched and kept on disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioenv.agents.trajopt.guess import Trajectory
from bioenv.agents.trajopt.ipopt import Stage, Start, run, step_of
from bioenv.agents.trajopt.problem import Problem
from bioenv.agents.trajopt.solution import Solution, Step, build
from bioenv.agents.trajopt.transcription import Transcription
from bioenv.agents.trajopt.watch import Iterate, Stop, Watch, store
from bioenv.agents.trajopt.workshop import Workshop
from bioenv.diff.symbolic.compiled import PLAIN, Evaluation
from bioenv.errors import BioenvError

__all__ = ["Stage", "parameter_vector", "solve"]

Array = NDArray[np.float64]


def solve(
    problem: Problem,
    symbolic: Any,
    guess: Trajectory | Iterate,
    stages: Sequence[Stage] = (Stage(),),
    *,
    out: Path | None = None,
    progress: Callable[[str], None] | None = None,
    max_seconds: float = 600.0,
    evaluation: Evaluation = PLAIN,
    workshop: Workshop | None = None,
) -> Solution:
    """Go through the stages, each from the last one's result.

    Args:
        symbolic: the model's equations, see :mod:`bioenv.diff.symbolic.model`.
        guess: where to start; an Iterate brings multipliers too.
        out: folder for the last iterate ("last_iterate.npz"), rewritten every few seconds.
        progress: called with a line of text now and then.
        max_seconds: CPU limit over all stages.
        evaluation: threads that evaluate the nodes, and whether compiled C does.
        workshop: keeps programs for the next solve, and says how they are evaluated.

    Returns:
        A Solution, whatever happened: read its status. SIGINT and SIGTERM make it "interrupted".

    Raises BioenvError for an unknown parameter.
    """
    if not stages or stages[-1].assist or stages[-1].carried or stages[-1].goals:
        raise BioenvError(
            "the last stage must be without assist, or its movement is not physical, and with the "
            "problem's own goals"
        )
    shop = Workshop(symbolic, evaluation) if workshop is None else workshop
    wall, cpu = time.perf_counter(), time.process_time()
    steps: list[Step] = []
    made: Transcription | None = None
    now = guess if isinstance(guess, Iterate) else Iterate(guess)
    with Stop() as stop:
        for i, stage in enumerate(stages):
            begun, before = time.process_time(), made
            staged = _staged(problem, stage)
            made = shop.transcription(staged, stage.mesh, stage.carried)
            made.lower, made.upper = made.bounds(stage.assist)
            known = before is None or _same(before, made)
            start = _start(made, now, known)
            p = parameter_vector(symbolic, {**problem.parameters, **stage.parameters})
            watch = Watch(made, stop, progress, out, (i + 1, len(stages)), wall)
            built = time.process_time() - begun
            result = run(made, start, p, stage, watch, max_seconds - (begun + built - cpu))
            steps.append(step_of(made, result, stage, built, time.process_time() - begun))
            cut_off = result["status"] in ("interrupted", "time limit")
            left = len(stages) - i - (0 if cut_off else 1)
            now = Iterate(made.unpack(result["x"]), max(left, 1), result["status"],
                          result["lam_g"], result["lam_x"])  # fmt: skip
            if out is not None:
                store(out, now)
            if cut_off:
                break
    assert made is not None
    spent = (time.process_time() - cpu, time.perf_counter() - wall)
    return build(made, result, p, steps, *spent)


def _staged(problem: Problem, stage: Stage) -> Problem:
    """The problem with the goals and the second derivatives of a stage."""
    short = problem.gauss_newton if stage.gauss_newton is None else stage.gauss_newton
    return replace(problem, goals={**problem.goals, **stage.goals}, gauss_newton=short)


def _same(one: Transcription, other: Transcription) -> bool:
    """Whether multipliers of one program are those of the other: it differs in parameters alone."""
    return (one.mesh, one.carried) == (other.mesh, other.carried) and (
        one.problem.goals == other.problem.goals
    )


def _start(made: Transcription, now: Iterate, known: bool) -> Start:
    """An iterate in a program's unknowns; with its multipliers if they are `known` to be of it."""
    unknowns = made.pack(now.trajectory.resampled(made.mesh))
    sizes = now.multipliers.size, now.bound_multipliers.size
    if not known or sizes != (made.program.lower.size, made.size) or not sizes[0]:
        return Start(unknowns)
    return Start(unknowns, now.multipliers, now.bound_multipliers)


def parameter_vector(symbolic: Any, values: Mapping[str, float]) -> Array:
    """(np,) the model's parameters with `values` put in.

    Names: "smoothing", "softness", "gravity" (m/s^2, downward), "strength" of all muscles,
    "strength.soleus" of both sides, "strength.soleus_r" of one.

    Raises BioenvError for a name the model does not have.
    """
    model, chosen = symbolic.model, {}
    strength = np.ones(len(model.muscles))
    for name, value in values.items():
        if not np.isfinite(value):
            raise BioenvError(f"parameter {name} must be finite, not {value!r}")
        kind, _, muscle = name.partition(".")
        if kind == "strength" and muscle:
            sides = [i for i, m in enumerate(model.muscles) if m.rpartition("_")[0] == muscle]
            strength[sides or [model.muscle_index(muscle)]] = value
        elif name == "gravity":
            chosen["gravity"] = np.array([0.0, 0.0, -value])
        else:
            chosen[name] = np.asarray(value)
    return symbolic.parameters.pack(**{"strength": strength, **chosen})
