"""Splines are the cubics they interpolate; periods close, mirrors exchange sides, sides are one."""

from __future__ import annotations

import numpy as np
import pytest

from bioenv.agents.trajopt.problem import Problem
from bioenv.agents.trajopt.splines import Layout
from bioenv.errors import BioenvError
from bioenv.models import load

Array = np.ndarray


def layout(symmetry: str, mesh: int) -> Layout:
    problem = Problem(load("walker2d"), {"effort": 1.0}, (1.0, 1.0), symmetry=symmetry)  # type: ignore[arg-type]
    return Layout.of(problem, mesh)


def waves(made: Layout, share: Array) -> tuple[Array, Array, Array]:
    """(n, nq+nm) a value and its first and second derivative by the share of the cycle.

    The other side's is half a cycle later, as in a symmetric gait; what has no side has twice the
    frequency.
    """
    rng = np.random.default_rng(0)
    size, turn = rng.normal(size=made.mirror.size), 2 * np.pi * np.ones(made.mirror.size)
    first = np.minimum(np.arange(size.size), made.mirror)
    late = np.where(np.arange(size.size) > made.mirror, np.pi, 0.0)
    turn[made.mirror == np.arange(size.size)] *= 2.0
    angle = share[:, None] * turn + late
    wave = size[first] * np.array([np.sin(angle), turn * np.cos(angle), -(turn**2) * np.sin(angle)])
    return wave[0], wave[1], wave[2]


@pytest.mark.parametrize(("symmetry", "cycles"), [("none", 0.7), ("cycle", 1.0), ("mirror", 0.5)])
def test_derivatives_converge_with_the_square_of_the_step(symmetry: str, cycles: float) -> None:
    errors = []
    for mesh in (20, 40):
        made, share = layout(symmetry, mesh), np.linspace(0.0, cycles, mesh + 1)
        value, first, second = waves(layout("mirror", mesh), share)
        step = cycles / mesh
        points = made.fit(value, first[[0, -1]] * step)
        found = made.at_nodes(points)
        assert np.abs(found[0] - value).max() < 1e-12
        errors.append([np.abs(found[i] / step**i - x).max() for i, x in ((1, first), (2, second))])
    order = np.log2(np.array(errors[0]) / errors[1])
    assert order[0] > 3.0  # fourth, third at clamped ends
    assert order[1] > 1.7


@pytest.mark.parametrize("symmetry", ["none", "cycle", "mirror", "sides"])
def test_what_is_fitted_is_read_again(symmetry: str) -> None:
    made, rng = layout(symmetry, 9), np.random.default_rng(1)
    points = rng.normal(size=(made.count, made.width))
    value, first, _ = made.at_nodes(points)
    assert made.fit(value, first[[0, -1]]) == pytest.approx(points, abs=1e-10)


def test_cubics_are_exact() -> None:
    made, t = layout("none", 6), np.linspace(0.0, 1.0, 7)[:, None]
    a, b, c, d = np.random.default_rng(2).normal(size=(4, made.mirror.size))
    value, slope = a + b * t + c * t**2 + d * t**3, b + 2 * c * t + 3 * d * t**2
    found = made.at_nodes(made.fit(value, slope[[0, -1]] / 6))
    assert found[1] * 6 == pytest.approx(slope)
    assert found[2] * 36 == pytest.approx(2 * c + 6 * d * t)


def test_a_period_ends_as_it_begins_and_half_a_stride_mirrored() -> None:
    rng = np.random.default_rng(3)
    for symmetry in ("cycle", "mirror"):
        made = layout(symmetry, 8)
        for found in made.at_nodes(rng.normal(size=made.count * made.width)):
            assert found[-1] == pytest.approx(found[0][made.mirror])
    made = layout("mirror", 8)
    knees = [load("walker2d").coordinate_index(f"knee_angle_{side}") for side in "rl"]
    assert made.mirror[knees].tolist() == knees[::-1]


def test_values_that_do_not_close_are_bent_at_both_ends_alike() -> None:
    made = layout("cycle", 8)
    line = np.linspace(0.0, 1.0, 9)[:, None] * np.ones(made.mirror.size)
    value = made.at_nodes(made.fit(line, np.zeros((2, made.mirror.size))))[0]
    assert value == pytest.approx(0.5 * np.ones_like(value))


def test_sides_that_move_alike_are_half_the_unknowns() -> None:
    made = layout("sides", 5)
    assert made.width == 3 + 1 + 4 + 9  # root, trunk, one leg, its muscles
    value = made.at_nodes(np.random.default_rng(4).normal(size=made.count * made.width))[0]
    assert value[:, made.mirror] == pytest.approx(value)
    assert not made.periodic


def test_taps_read_what_the_nodes_say() -> None:
    for symmetry in ("none", "mirror", "sides"):
        made = layout(symmetry, 6)
        points = np.random.default_rng(5).normal(size=made.count * made.width)
        index, weight = made.taps()
        numbers = (points[index] * weight).sum(axis=2)
        value, first, second = (x[:, made.columns] for x in made.at_nodes(points))
        q = made.moves.size
        expected = [value[:, :q], first[:, :q], second[:, :q], value[:, q:], first[:, q:]]
        assert numbers == pytest.approx(np.concatenate(expected, axis=1))


def test_bounds_on_control_points_hold_between_nodes() -> None:
    made = layout("none", 7)
    points = np.random.default_rng(6).uniform(-1, 1, (made.count, made.width))
    c, share = points[:, 0], np.linspace(0, 1, 21)
    basis = np.array([(1 - share) ** 3, 3 * share**3 - 6 * share**2 + 4,
                      -3 * share**3 + 3 * share**2 + 3 * share + 1, share**3]) / 6  # fmt: skip
    between = np.array([c[i : i + 4] @ basis for i in range(made.mesh)])
    assert between[:, 0] == pytest.approx(made.at_nodes(points)[0][:-1, 0])
    assert np.abs(between).max() <= np.abs(c).max()


def test_a_mesh_too_small_is_refused() -> None:
    with pytest.raises(BioenvError, match="at least 4 intervals, not 3"):
        layout("none", 3)
