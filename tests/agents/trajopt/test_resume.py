"""A solve that is cut off leaves its last iterate, and another one goes on from there."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from particle import particle

from bioenv.agents.trajopt import solver, watch
from bioenv.agents.trajopt.guess import static
from bioenv.agents.trajopt.problem import Problem
from bioenv.agents.trajopt.solution import Solution
from bioenv.agents.trajopt.solver import Stage, solve
from bioenv.agents.trajopt.watch import LAST_ITERATE, Iterate, Stop, restore, store
from bioenv.errors import BioenvError

STAGES = [Stage(8), Stage(16), Stage(24)]


@pytest.fixture(autouse=True)
def _every_iteration(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line for every iteration, not only every half second."""
    monkeypatch.setattr(watch, "_LINE_S", -1.0)


def problem() -> Problem:
    return Problem(
        particle().model, {"effort": 1.0}, (0.8, 1.2), start={"x": 0.0}, finish={"x": 0.3},
        rest=("start", "end"),
    )  # fmt: skip


def solved(
    out: Path, guess: object = None, stages: list[Stage] = STAGES,
    progress: Callable[[str], None] | None = None,
) -> Solution:  # fmt: skip
    found = problem()
    begin = static(found, 8) if guess is None else guess
    return solve(found, particle(), begin, stages, out=out, progress=progress)  # type: ignore[arg-type]


def signals(number: signal.Signals, stage: int, iteration: int) -> Callable[[str], None]:
    """A progress function that sends a signal when a stage comes to an iteration."""

    def progress(line: str) -> None:
        words = line.split()
        if words[1] == f"{stage}/3" and int(words[3]) == iteration:
            signal.raise_signal(number)

    return progress


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_solve_and_it_goes_on_in_its_stage(
    tmp_path: Path, number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    whole = solved(tmp_path)
    late = whole.steps[1].iterations - 2
    cut = solved(tmp_path, progress=signals(number, 2, late))
    assert signal.getsignal(number) is before
    assert cut.status == "interrupted"
    assert [step.status for step in cut.steps] == ["solved", "interrupted"]
    kept = restore(tmp_path / LAST_ITERATE)
    assert (kept.left, kept.status, kept.trajectory.mesh) == (2, "interrupted", 16)
    assert np.abs(kept.multipliers).max() > 0
    assert np.abs(kept.bound_multipliers).max() > 0
    rest = solved(tmp_path, kept, STAGES[-kept.left :])
    assert rest.success
    assert [step.mesh for step in rest.steps] == [16, 24]
    assert rest.steps[0].iterations < whole.steps[1].iterations
    assert rest.objective == pytest.approx(whole.objective, rel=1e-5)
    assert restore(tmp_path / LAST_ITERATE).left == 1


def test_the_iterate_on_disk_says_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left by a process that is killed."""
    monkeypatch.setattr(watch, "_STORE_S", -1.0)
    seen: list[tuple[str, Iterate]] = []

    def progress(line: str) -> None:
        if (tmp_path / LAST_ITERATE).exists():
            seen.append((line.split()[1], restore(tmp_path / LAST_ITERATE)))

    solved(tmp_path, progress=progress)
    running = [(where, kept) for where, kept in seen if kept.status == "running"]
    assert {where for where, _ in running} == {"1/3", "2/3", "3/3"}
    for where, kept in running:
        assert kept.left == 4 - int(where[0])
        assert kept.trajectory.mesh == STAGES[-kept.left].mesh


def test_a_crash_leaves_the_stages_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = solver.run

    def breaks(*given: object) -> object:
        if given[3] is STAGES[1]:
            raise MemoryError
        return run(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(solver, "run", breaks)
    with pytest.raises(MemoryError):
        solved(tmp_path)
    kept = restore(tmp_path / LAST_ITERATE)
    assert (kept.left, kept.status, kept.trajectory.mesh) == (2, "solved", 8)


def test_lines_tell_stage_objective_violation_and_time(tmp_path: Path) -> None:
    lines: list[str] = []
    solved(tmp_path, progress=lines.append)
    assert lines[0].startswith("stage 1/3 iteration    0  objective ")
    assert "  violation " in lines[0]
    assert lines[-1].startswith("stage 3/3")
    assert lines[-1].endswith(" s")


def test_the_second_signal_stops_at_once() -> None:
    with Stop() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_multipliers_of_another_mesh_are_left_out(tmp_path: Path) -> None:
    whole = solved(tmp_path, stages=STAGES[:1])
    assert whole.success
    other = solved(tmp_path, restore(tmp_path / LAST_ITERATE), [Stage(20)])
    assert other.success


def test_what_is_no_iterate_is_refused(tmp_path: Path) -> None:
    store(tmp_path, Iterate(static(problem(), 8)))
    assert restore(tmp_path / LAST_ITERATE).left == 1
    np.savez(tmp_path / "other.npz", q=np.zeros(3))
    with pytest.raises(BioenvError, match="no stored iterate"):
        restore(tmp_path / "other.npz")
