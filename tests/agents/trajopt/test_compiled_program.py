"""A program evaluated by compiled C is the one that CasADi evaluates, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from particle import particle

from bioenv.agents.trajopt.guess import static
from bioenv.agents.trajopt.problem import Problem
from bioenv.agents.trajopt.solver import Stage, solve
from bioenv.agents.trajopt.transcription import Transcription
from bioenv.diff.symbolic import compiled
from bioenv.diff.symbolic.compiled import PLAIN, Evaluation
from bioenv.diff.symbolic.model import build
from bioenv.models import load

needs_compiler = pytest.mark.skipif(compiled.compiler() is None, reason="no C compiler here")


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compiled code of the tests goes into a folder of their own."""
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    yield  # type: ignore[misc]
    patch.undo()


@needs_compiler
@pytest.mark.parametrize("evaluation", [Evaluation(1, True), Evaluation(2, True), Evaluation(2)])
def test_a_program_is_the_same(evaluation: Evaluation) -> None:
    model = load("arm26")
    goals = {"effort": 1.0, "metabolic": 0.1, "smoothness": 0.01}
    problem = Problem(model, goals, (0.5, 0.7), target={"hand": (0.3, 0.0, -0.2)})
    symbolic = build(model)
    made = [Transcription(problem, symbolic, 66, e).program for e in (PLAIN, evaluation)]
    rng = np.random.default_rng(0)
    x, lam = rng.uniform(0.05, 0.5, made[0].size), rng.normal(size=made[0].lower.size)
    p = symbolic.parameters.default
    for name, given in {
        "value": (x, p), "gradient": (x, p), "jacobian": (x, p), "hessian": (x, p, 0.7, lam),
    }.items():  # fmt: skip
        wanted, found = (getattr(program, name)(*given) for program in made)
        for a, b in zip(*((f if isinstance(f, tuple) else (f,)) for f in (wanted, found)),
                        strict=True):  # fmt: skip
            assert a.sparsity() == b.sparsity()
            assert np.array_equal(a.nonzeros(), b.nonzeros()), name


@needs_compiler
def test_a_particle_is_solved_the_same_by_both() -> None:
    problem = Problem(
        particle().model, {"effort": 1.0}, (1.0, 1.0), start={"x": 0.0}, finish={"x": 0.3},
        still=("start", "end"),
    )  # fmt: skip
    found = [
        solve(problem, particle(), static(problem, 300), [Stage(300)], evaluation=e)
        for e in (PLAIN, Evaluation(1, True))
    ]
    assert found[0].iterations == found[1].iterations
    assert np.array_equal(found[0].unknowns, found[1].unknowns)
