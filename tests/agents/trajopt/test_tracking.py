"""Curves to follow: from references and motions, and a gait that reproduces the one it follows."""

from __future__ import annotations

import numpy as np
import pytest
from particle import particle

from bioenv.agents.trajopt.guess import static
from bioenv.agents.trajopt.problem import Problem
from bioenv.agents.trajopt.recipe import load_recipe
from bioenv.agents.trajopt.solver import Stage, solve
from bioenv.agents.trajopt.tracks import LEAST_SD, Track, pace, source_of, tracks
from bioenv.diff.symbolic.model import build
from bioenv.envs.catalog.walk_imitate import stride_time
from bioenv.errors import BioenvError
from bioenv.lab.gait_reference import ReferenceGait
from bioenv.models import load
from bioenv.motion import Motion
from bioenv.paths import agent_file

GAIT = agent_file("solutions", "predict-walk", "motion.nc")


def test_a_particle_follows_a_wave() -> None:
    share = np.linspace(0.0, 1.0, 101)
    wave = 0.2 * np.sin(2 * np.pi * share)
    problem = Problem(
        particle().model, {"tracking": 1.0, "effort": 1e-6}, (2.0, 2.0), symmetry="cycle",
        activation=(0.0, 1.0), tracks=(Track("x", wave, np.full(101, 0.01)),),
    )  # fmt: skip
    solution = solve(problem, particle(), static(problem, 40), [Stage(40)])
    assert solution.success
    x = solution.motion.column("qpos", "x")
    assert x == pytest.approx(0.2 * np.sin(2 * np.pi * np.linspace(0, 1, 41)), abs=1e-3)
    # The mean squared distance in standard deviations, times its weight.
    at = np.interp(np.linspace(0, 1, 41), share, wave)
    missed = np.mean(((x - at) / 0.01)[:-1] ** 2)
    assert solution.terms["tracking"] == pytest.approx(missed, rel=1e-6)


def test_the_left_leg_is_half_a_cycle_later() -> None:
    model = load("walker2d")
    found = {t.name: t for t in tracks(model, source_of("falisse2019"), ["knee_angle"], 1.0)}
    right, left = found["knee_angle_r"].mean, found["knee_angle_l"].mean
    np.testing.assert_allclose(left[:50], right[50:100], atol=1e-9)
    assert (found["knee_angle_r"].sd >= LEAST_SD["rad"]).all()


def test_forces_carry_the_body() -> None:
    model = load("walker2d")
    vertical = tracks(model, source_of("falisse2019"), ["grf_vertical"], 0.5)
    both = sum(t.mean for t in vertical)
    assert np.mean(both) == pytest.approx(1.0, abs=0.02)
    assert [t.force(model) for t in vertical] == [(0, 2), (1, 2)]


def test_the_pace_suits_the_legs() -> None:
    problem = load_recipe("track-walk").problem()
    assert problem.duration[0] == pytest.approx(0.5 * stride_time())
    assert problem.speed == (ReferenceGait.load("falisse2019").speed,) * 2
    fixed = load_recipe("track-walk").changed(["speed=1.1", "duration=0.6"]).problem()
    assert (fixed.speed, fixed.duration) == ((1.1, 1.1), (0.6, 0.6))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["track.reference=falise2019"], "did you mean 'falisse2019'"),
        (["track.reference=3"], "needs a reference: a name or a motion file, not 3"),
        (["track.curves=['knee_angl']"], "knee_angl"),
        (["goals.tracking=0"], 'duration or speed of "reference" needs a curve to track'),
    ],
)
def test_what_cannot_be_followed_is_said(settings: list[str], says: str) -> None:
    with pytest.raises(BioenvError, match=says):
        load_recipe("track-walk").changed(settings).problem()


def test_an_optimized_gait_is_reproduced() -> None:
    """Rounder than MuJoCo, so that a coarse mesh does."""
    recipe = load_recipe("track-walk").changed([f"track.reference={GAIT}"])
    gait, problem = Motion.load(GAIT), recipe.problem()
    stride, speed = pace(problem.model, gait)
    assert problem.duration[0] == pytest.approx(0.5 * gait.duration) == 0.5 * stride
    assert problem.speed == (speed, speed)
    guess = recipe.trajectory(problem, 25, gait)
    stages = [Stage(25, {"smoothing": x}, 1e-3, max_iterations=100) for x in (10.0, 5.0)]
    solution = solve(problem, build(problem.model), guess, stages)
    assert solution.success, solution.message
    half = solution.motion.time[:26]
    for name in ("hip_flexion_r", "knee_angle_r", "ankle_angle_r"):
        before = np.interp(half, gait.time, gait.column("qpos", name))
        after = solution.motion.column("qpos", name)[: half.size]
        assert np.sqrt(np.mean((before - after) ** 2)) < np.deg2rad(1.0), name
    for foot in "rl":
        force = [m.column("ground_reaction_force", foot)[:, 2] for m in (gait, solution.motion)]
        miss = np.interp(half, gait.time, force[0]) - force[1][: half.size]
        assert np.sqrt(np.mean(miss**2)) < 0.05 * problem.model.body_weight
