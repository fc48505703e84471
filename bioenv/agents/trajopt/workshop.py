"""Programs that are kept from one solve to the next.

Building a program takes a second. What a sweep changes (a speed, a strength, a bound) is no part of
it but a number that it is given: then only bounds are made anew.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from bioenv.agents.trajopt.problem import Problem
from bioenv.agents.trajopt.tracks import Track
from bioenv.agents.trajopt.transcription import Transcription
from bioenv.diff.symbolic.compiled import PLAIN, Evaluation

_MOST = 8  # programs kept: as many as the stages of a long recipe
_NUMBERS = ("duration", "bounds", "activation", "parameters")
"""Fields of a Problem that its program is given as bounds or parameters."""
_GIVEN = ("start", "finish", "target")
"""Fields whose values are bounds, while their names say which constraints there are."""


@dataclass(eq=False)
class Workshop:
    """Makes the programs of one model's problems.

    Attributes:
        symbolic: the model's equations. evaluation: how they are evaluated.
        built: how many programs were built, not taken from those that are kept.
    """

    symbolic: Any
    evaluation: Evaluation = PLAIN
    built: int = 0
    _kept: list[Transcription] = field(default_factory=list)

    def transcription(self, problem: Problem, mesh: int, carried: float = 0.0) -> Transcription:
        """The program of a problem, built or taken from one that differs in bounds alone."""
        # The equations are of one model object; a recipe loads another one of the same body.
        problem = replace(problem, model=self.symbolic.model)
        for made in self._kept:
            if (made.mesh, made.carried) == (mesh, carried) and _alike(made.problem, problem):
                return rebounded(made, problem)
        made = Transcription(problem, self.symbolic, mesh, self.evaluation, carried)
        self.built += 1
        self._kept = [made, *self._kept[: _MOST - 1]]
        return copy.copy(made)  # whoever changes its bounds does not change these


def rebounded(made: Transcription, problem: Problem) -> Transcription:
    """The transcription with the bounds of another problem, whose functions are the same."""
    other = copy.copy(made)
    other.problem = problem
    ends = other.end_block()  # cheap, and the only constraints whose bounds the problem gives
    lower, upper = made.program.lower.copy(), made.program.upper.copy()
    rows = made.program.rows[ends.name].ravel()
    lower[rows], upper[rows] = ends.lower, ends.upper
    blocks = {**made.program.blocks, ends.name: ends}
    other.program = replace(made.program, lower=lower, upper=upper, blocks=blocks)
    other.lower, other.upper = other.bounds()
    return other


def _alike(a: Problem, b: Problem) -> bool:
    """Whether two problems have the same functions."""
    if (a.speed is None) != (b.speed is None):
        return False
    for one in fields(Problem):
        x, y = getattr(a, one.name), getattr(b, one.name)
        if one.name in (*_NUMBERS, "speed"):
            continue
        if one.name in _GIVEN:
            x, y = list(x), list(y)
        elif one.name == "tracks":
            x, y = [_plain(t) for t in x], [_plain(t) for t in y]
        elif isinstance(x, Mapping):
            x, y = dict(x), dict(y)
        if x is not y and x != y:
            return False
    return True


def _plain(track: Track) -> tuple[str, list[float], list[float]]:
    return track.name, np.asarray(track.mean).tolist(), np.asarray(track.sd).tolist()
