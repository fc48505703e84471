"""Sweeps and many starts: order, warm starts, what is kept and what is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bioenv.agents.trajopt import sweep as sweeps
from bioenv.agents.trajopt.axis import Axis, own_value, parse, route
from bioenv.agents.trajopt.guess import static, step
from bioenv.agents.trajopt.ipopt import Stage
from bioenv.agents.trajopt.problem import Problem
from bioenv.agents.trajopt.recipe import SolveRecipe, load_recipe
from bioenv.agents.trajopt.solver import solve
from bioenv.agents.trajopt.starts import starts
from bioenv.agents.trajopt.sweep import Sweep, line, moved, read, table
from bioenv.agents.trajopt.transcription import Transcription
from bioenv.agents.trajopt.watch import Iterate
from bioenv.agents.trajopt.workshop import Workshop
from bioenv.diff.symbolic.model import SymbolicModel, build
from bioenv.errors import BioenvError
from bioenv.models import load


@pytest.fixture(scope="module")
def recipe() -> SolveRecipe:
    return load_recipe("reach").changed(["mesh=10"])


@pytest.fixture(scope="module")
def symbolic(recipe: SolveRecipe) -> SymbolicModel:
    return build(recipe.problem().model)


def swept(recipe: SolveRecipe, axis: str, out: Path, symbolic: SymbolicModel) -> Sweep:
    return Sweep(recipe, parse(axis), out, Workshop(symbolic))


# ---- what is asked for
def test_an_axis_is_a_range_or_a_list() -> None:
    assert parse("speed=0.6:2.0:8").values == (0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0)
    assert parse("strength.soleus=1,0.8,0.6") == Axis("strength.soleus", (0.6, 0.8, 1.0))
    assert parse("strength.soleus=1,0.8").folder(0.8) == "strength.soleus-0.8"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("speed", "takes key=first:last:count"),
        ("=1,2", "takes key=first:last:count"),
        ("speed=fast,slow", "takes key=first:last:count"),
        ("speed=0:1", "takes key=first:last:count"),
        ("speed=0:1:two", "takes key=first:last:count"),
        ("speed=1", "two different finite values"),
        ("speed=1,1.0", "two different finite values"),
        ("speed=1,inf", "two different finite values"),
    ],
)
def test_what_is_no_axis_is_refused(text: str, says: str) -> None:
    with pytest.raises(BioenvError, match=says):
        parse(text)


def test_the_recipes_own_value_comes_first_then_its_neighbours_outward() -> None:
    walk = load_recipe("predict-walk").changed(["speed=1.3", "strength.soleus=0.7"])
    assert own_value(walk, "speed") == 1.3
    assert own_value(walk, "strength.soleus") == 0.7
    assert own_value(walk, "strength.vasti") == 1.0
    assert own_value(walk, "goals.jerk") == 0.0
    assert own_value(walk, "guess") is None
    assert route([0.6, 0.8, 1.0, 1.2, 1.4], 0.95) == [2, 3, 4, 1, 0]
    assert route([3.0, 4.0], None) == [0, 1]


def test_an_unknown_key_is_named(
    recipe: SolveRecipe, symbolic: SymbolicModel, tmp_path: Path
) -> None:
    with pytest.raises(BioenvError, match="did you mean 'duration'"):
        swept(recipe, "duratoin=0.5,0.6", tmp_path, symbolic).run()


# ---- what comes out
@pytest.fixture(scope="module")
def durations(
    recipe: SolveRecipe, symbolic: SymbolicModel, tmp_path_factory: pytest.TempPathFactory
) -> Sweep:
    done = swept(recipe, "duration=0.5,0.6,0.7", tmp_path_factory.mktemp("sweep"), symbolic)
    done.run()
    return done


def test_every_point_is_a_solution_of_its_own(durations: Sweep, recipe: SolveRecipe) -> None:
    rows = read(durations.out)["points"]
    assert [row["value"] for row in rows] == [0.5, 0.6, 0.7]
    assert [row["from"] for row in rows] == [0.6, "guess", 0.6]
    assert all(row["success"] for row in rows)
    objective = [row["objective"] for row in rows]
    assert objective == sorted(objective, reverse=True)  # slowly is cheaper
    for row in rows:
        folder = durations.out / row["folder"]
        assert (folder / "motion.nc").is_file()
        figures = json.loads((folder / "solution.json").read_text())
        assert figures["duration_s"] == pytest.approx(row["value"])
        assert figures["objective"] == row["objective"]
        for name, weight in recipe.goals.items():
            assert row["unweighted"][name] * weight == pytest.approx(row["terms"][name])
    # A point is the same when it is solved alone.
    alone = recipe.changed(["duration=0.7"])
    problem, stages = alone.problem(), alone.stages()
    guess = alone.trajectory(problem, stages[0].mesh)
    found = solve(problem, build(problem.model), guess, stages)
    assert found.objective == pytest.approx(rows[2]["objective"], rel=1e-4)


def test_warm_points_take_fewer_iterations_and_one_program(durations: Sweep) -> None:
    cold, warm = durations.rows[1], (durations.rows[0], durations.rows[2])
    assert max(row["iterations"] for row in warm) < cold["iterations"]
    assert durations.workshop.built == 1


def test_finished_points_are_kept(
    durations: Sweep, recipe: SolveRecipe, symbolic: SymbolicModel
) -> None:
    lines: list[str] = []
    again = swept(recipe, "duration=0.5,0.6,0.7,0.8", durations.out, symbolic)
    again.tell = lines.append
    rows = again.run(resume=True)
    assert rows[:3] == durations._sorted()
    assert rows[3]["from"] == 0.7
    assert [one for one in lines if "kept" in one] == [
        f"duration = {value} is kept" for value in (0.5, 0.6, 0.7)
    ]
    other = swept(recipe.changed(["goals.effort=2"]), "duration=0.5,0.6", durations.out, symbolic)
    with pytest.raises(BioenvError, match="with other settings"):
        other.run(resume=True)


def test_a_goal_is_told_at_weight_zero_too(
    recipe: SolveRecipe, symbolic: SymbolicModel, tmp_path: Path
) -> None:
    rows = swept(recipe, "goals.jerk=0,1", tmp_path, symbolic).run()
    assert "jerk" not in rows[0]["terms"]
    assert rows[0]["unweighted"]["jerk"] > rows[1]["unweighted"]["jerk"] > 0
    assert rows[0]["unweighted"]["effort"] < rows[1]["unweighted"]["effort"]


def test_a_point_that_fails_is_tried_from_elsewhere_and_that_is_said(
    recipe: SolveRecipe, symbolic: SymbolicModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[tuple[float, bool]] = []

    def stubborn(problem: Problem, *given: object, **named: object) -> object:
        """0.65 s is solved from the recipe's guess alone."""
        value, warm = problem.duration[0], isinstance(given[1], Iterate)
        tried.append((value, warm))
        if value == 0.65 and warm:
            given = (*given[:2], [Stage(10, max_iterations=1)])
        return solve(problem, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(sweeps, "solve", stubborn)
    lines: list[str] = []
    job = swept(recipe, "duration=0.6,0.65,0.7", tmp_path, symbolic)
    job.tell = lines.append
    row = job.run()[1]
    assert [(one["from"], one["status"]) for one in row["attempts"]] == [
        (0.6, "iteration limit"), (0.7, "iteration limit"), ("guess", "solved"),
    ]  # fmt: skip
    assert row["success"]
    assert tried == [(0.6, False), (0.65, True), (0.7, True), (0.65, True), (0.65, False)]
    assert any("duration = 0.65 is iteration limit: " in one for one in lines)
    assert "duration = 0.65, from the recipe's guess" in lines


def test_a_table_leaves_out_what_nobody_has(durations: Sweep) -> None:
    lines = list(table("duration", durations._sorted()))
    assert lines[0].split()[:3] == ["duration", "status", "objective"]
    assert "vGRF" not in lines[0]
    assert len({len(one) for one in lines}) == 1
    assert len(lines) == 4


# ---- gait, without solving one
@pytest.fixture(scope="module")
def walk() -> Problem:
    return Problem(
        load("walker2d"), {"effort": 1.0}, (0.5, 0.6), symmetry="mirror", travel="pelvis_tx",
        speed=(1.2, 1.2),
    )  # fmt: skip


def test_a_gait_is_moved_to_another_speed_and_duration(walk: Problem) -> None:
    begin = step(walk, 10)
    found = moved(replace(walk, speed=(1.5, 1.5), duration=(0.4, 0.4)), Iterate(begin)).trajectory
    assert found.duration == 0.4
    assert found.q[-1, 0] - found.q[0, 0] == pytest.approx(1.5 * 0.4)
    assert found.v[:, 0] == pytest.approx(np.full(11, 1.5))
    assert found.q[:, 3:] == pytest.approx(begin.q[:, 3:])
    assert found.v[:, 3:] == pytest.approx(begin.v[:, 3:] * begin.duration / 0.4)


def test_a_gait_is_told_by_speed_stride_cost_and_load(walk: Problem) -> None:
    symbolic = build(walk.model)
    solution = solve(walk, symbolic, static(walk, 6), [Stage(6, max_iterations=2)])
    made = Workshop(symbolic).transcription(walk, 6)
    found = sweeps.figures(made, solution)
    assert set(found["unweighted"]) == {"effort"}
    assert found["stride_time"] == pytest.approx(solution.motion.time[-1])
    travelled = np.ptp(solution.motion["qpos"][:, 0])
    assert found["speed"] == pytest.approx(travelled / solution.motion.time[-1], rel=1e-6)
    assert found["cost_of_transport"] == pytest.approx(found["metabolic_rate"] / found["speed"])
    force = solution.motion["ground_reaction_force"][:, :2, 2].max()
    assert found["peak_vgrf"] == pytest.approx(force / walk.model.body_weight)


def test_the_line_through_two_neighbours_is_followed(walk: Problem) -> None:
    near, far = (
        Iterate(step(replace(walk, speed=(v, v)), 10), multipliers=np.full(3, v),
                bound_multipliers=np.full(2, v))
        for v in (1.4, 1.2)
    )  # fmt: skip
    ahead = line(near, far, 0.5)
    assert ahead.trajectory.q == pytest.approx(step(replace(walk, speed=(1.5, 1.5)), 10).q)
    assert ahead.multipliers == pytest.approx(np.full(3, 1.5))
    assert ahead.bound_multipliers == pytest.approx(np.full(2, 1.4))
    coarse = Iterate(step(walk, 8), multipliers=np.full(3, 1.0))
    assert line(near, coarse, 0.5) is near


# ---- programs that are kept
def test_a_kept_program_has_the_bounds_of_a_new_one(
    recipe: SolveRecipe, symbolic: SymbolicModel
) -> None:
    shop = Workshop(symbolic)
    first = shop.transcription(recipe.problem(), 10)
    changes = ["duration=[0.7,0.8]", "start.elbow_flexion=0.5", "target.hand=[0.3,0,-0.1]",
               "strength=0.9", "activation=[0.02,0.9]", "bounds.elbow_flexion=[0,2]"]  # fmt: skip
    for setting in changes:
        problem = recipe.changed([setting]).problem()
        kept, new = shop.transcription(problem, 10), Transcription(problem, symbolic, 10)
        assert shop.built == 1, setting
        for made in (kept, new):
            made.lower, made.upper = made.bounds(0.0)
        assert np.array_equal(kept.lower, new.lower)
        assert np.array_equal(kept.upper, new.upper)
        assert np.array_equal(kept.program.lower, new.program.lower)
        assert np.array_equal(kept.program.upper, new.program.upper)
        assert kept.program.blocks["ends"].labels == new.program.blocks["ends"].labels
    assert first.problem.duration == (0.6, 0.6)
    for setting in ("goals.effort=2", "rest=['end']", "total=true", "start.shoulder_elev=0.1"):
        shop.transcription(recipe.changed([setting]).problem(), 10)
    assert shop.built == 4  # a start already given is a bound, the others are new functions
    shop.transcription(recipe.problem(), 12)
    assert shop.built == 5


# ---- many starts
def test_the_best_of_many_starts_is_the_result(
    recipe: SolveRecipe, symbolic: SymbolicModel, tmp_path: Path
) -> None:
    rows = starts(recipe, 3, tmp_path, Workshop(symbolic))
    listed = json.loads((tmp_path / "starts.json").read_text())["starts"]
    assert listed == rows
    assert [row["seed"] for row in rows] == [0, 1, 2]
    best = min((row for row in rows if row["success"]), key=lambda row: row["objective"])
    assert [row["best"] for row in rows] == [row is best for row in rows]
    figures = json.loads((tmp_path / "solution.json").read_text())
    assert figures["objective"] == best["objective"]
    assert (tmp_path / "motion.nc").is_file()
    lines: list[str] = []
    more = starts(recipe, 4, tmp_path, Workshop(symbolic), resume=True, tell=lines.append)
    assert [row["seed"] for row in more] == [0, 1, 2, 3]
    assert [one for one in lines if "kept" in one] == [f"seed {i} is kept" for i in range(3)]
    with pytest.raises(BioenvError, match="starts of other settings"):
        starts(recipe.changed(["goals.jerk=1"]), 2, tmp_path, Workshop(symbolic), resume=True)
