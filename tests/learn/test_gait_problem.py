"""The cost of a gait network and the search for its minimum."""

from dataclasses import replace

import numpy as np
import pytest

from bioenv.commands.trial_files import read_measured
from bioenv.learn.fit import Status
from bioenv.learn.gait import GaitPINN
from bioenv.learn.gait_body import GaitBody
from bioenv.learn.gait_data import CoordinateTerm, term_of
from bioenv.learn.gait_mass import mass_groups
from bioenv.learn.gait_problem import Noise, State
from bioenv.learn.gait_setup import plates_at, set_up, start_of
from bioenv.learn.gait_solver import solve
from bioenv.models import osim

SMALL = {"highest": 5.0, "force_highest": 4.0, "collocation": 30.0, "torque_time": 0.1}
NOISE = {"marker_noise": 2e-3, "angle_noise": 0.01, "position_noise": 3e-3}


def problem_of(files, forces):
    """A problem of the toy walk, its first guess, and root noise (9,)."""
    anatomy = osim.load(files["two.osim"])
    trial = read_measured(
        anatomy, markers=files["walk.trc"], coordinates=None, forces=forces, external_loads=None,
        emg=None,
    )  # fmt: skip
    pinn = GaitPINN(**SMALL, masses=0.2)
    term = term_of(anatomy, trial, (0.3, 1.0), **NOISE)
    body = GaitBody(anatomy, term.free)
    setup = set_up(body, term, **SMALL, hidden=0, periodic=False, seed=0)
    first = start_of(setup, term)
    contacts, _ = plates_at(body, setup.nodes, setup.at_nodes.value @ first, trial.plates)
    groups = mass_groups(anatomy)[1]
    if not contacts:
        groups = groups[:0]  # without a force there is no scale for them
    made = pinn._problem(body, term, setup, contacts, groups)
    return made, first, np.where(body.rotational, 1.0, 2.0)


@pytest.fixture(scope="module")
def problem(files):
    return problem_of(files, files["grf.mot"])


@pytest.mark.parametrize("forces", ["grf.mot", None])
def test_the_gradient_is_that_of_differences(files, forces) -> None:
    made, first, root = problem_of(files, forces and files[forces])
    draw = np.random.default_rng(0)
    empty = np.zeros((made.ground_basis.shape[1], 0))
    count = len(made.groups)
    state = State(first + draw.normal(0, 1e-3, first.shape), empty, np.zeros(count))
    ground, state = made.grounded(state)
    # Some of it breaks the contact constraints, so that they count.
    state = state._replace(
        w=draw.normal(0, 30.0, state.w.shape), m=np.array([0.05, -0.03, 0.02, 0.1])[:count]
    )
    noise = Noise(np.where(made.body.root, root, 20.0), np.full(9, 30.0), state.m)
    gradient, matrix = made.normal(state, ground, noise)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-6, atol=1e-6 * np.abs(matrix).max())
    for scale in np.eye(3):
        parts = [
            s * h * draw.normal(0, 1, part.shape)
            for s, h, part in zip(scale, (1e-6, 1e-2, 1e-4), state, strict=True)
        ]
        step = np.concatenate([part.ravel() for part in parts])
        ends = [made.cost(state.moved(sign * step), ground, noise) for sign in (1.0, -1.0)]
        assert 0.5 * (ends[0] - ends[1]) == pytest.approx(float(gradient @ step), rel=2e-4)


def test_the_search_ends_at_a_minimum(problem) -> None:
    made, first, root = problem
    found = solve(made, first, root, 15)
    assert found.status is Status.CONVERGED
    assert found.history[-1] < found.history[0]
    assert made.cost(found.state, found.ground, found.noise) == pytest.approx(
        found.history[-1], rel=0.05
    )
    draw = np.random.default_rng(1)
    least = made.cost(found.state, found.ground, found.noise)
    assert found.factor is not None
    for _ in range(5):
        # A step of a tenth of a standard deviation in some direction costs about 1/200.
        unit = draw.normal(0, 1, len(found.factor))
        step = np.linalg.solve(found.factor.T, 0.1 * unit / np.linalg.norm(unit))
        ends = [made.cost(found.state.moved(s * step), found.ground, found.noise) for s in (1, -1)]
        assert 0.003 < 0.5 * sum(ends) - least < 0.02


def test_numbers_that_are_not_finite_end_the_search(problem) -> None:
    made, first, root = problem
    bad = first.copy()
    bad[0, 0] = np.nan
    found = solve(made, bad, root, 5)
    assert found.status is Status.DIVERGED
    assert found.history == ()


def test_impossible_masses_cost_infinitely_much(problem) -> None:
    made, first, root = problem
    found = solve(made, first, root, 2)
    noise = found.noise
    state = found.state._replace(m=np.array([-0.95, 0.0, 0.0, 0.0]))
    assert made.cost(state, found.ground, noise) == np.inf


def test_unseen_coordinates_have_no_say() -> None:
    time, turns = np.linspace(0, 1, 10), np.array([True, False])
    target = np.arange(20.0).reshape(10, 2)
    target[3, 0] = np.nan
    term = CoordinateTerm(time, target, np.arange(2), turns, np.array([0.1, 0.2]))
    z = np.zeros((10, 2))
    cost, gradient, matrix = term.normal(z)
    assert cost == pytest.approx(term.cost(z))
    assert gradient[3, 0] == matrix[3, 0, 0] == 0.0
    assert gradient[4, 1] == pytest.approx(-9.0 / 0.04)
    assert matrix[4, 1, 1] == pytest.approx(1 / 0.04)
    assert term.count == 19
    assert term.residual(np.nan_to_num(target))["angle_rms"] == 0.0


def test_markers_pull_as_differences_say(files) -> None:
    anatomy = osim.load(files["two.osim"])
    trial = read_measured(
        anatomy, markers=files["walk.trc"], coordinates=None, forces=None, external_loads=None,
        emg=None,
    )  # fmt: skip
    assert trial.markers is not None
    positions = trial.markers.positions.copy()
    positions[5, 2] = np.nan
    trial = replace(trial, markers=replace(trial.markers, positions=positions))
    term = term_of(anatomy, trial, (0.0, 0.3), **NOISE)
    draw = np.random.default_rng(0)
    z = files.walk.q[:31] + draw.normal(0, 0.01, (31, 9))
    cost, gradient, _ = term.normal(z)
    assert cost == pytest.approx(term.cost(z))
    step = 1e-6 * draw.normal(0, 1, z.shape)
    slope = 0.5 * (term.cost(z + step) - term.cost(z - step))
    assert slope == pytest.approx(float((gradient * step).sum()), rel=1e-5)
    assert term.count == 3 * (31 * 22 - 1)
