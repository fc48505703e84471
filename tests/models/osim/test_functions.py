"""Coordinate functions: OpenSim's own numbers, and derivatives against differences."""

import numpy as np
import pytest

from bioenv.errors import BioenvError
from bioenv.models.osim.functions import (
    Constant,
    Linear,
    NaturalSpline,
    PiecewiseLinear,
    Polynomial,
    Scaled,
    Sine,
    Spline,
)

KNOTS = np.array([-1.2, -0.8, 0.3, 0.7, 1.8, 2.2])
HEIGHTS = np.array([0.6, -2.2, 0.05, 0.7, 1.0, 0.4])
# SimmSpline.calcValue and calcDerivative of OpenSim 4.6: x, y, then rows of (at, value, slope,
# curvature) inside, at and beyond the ends.
OPENSIM = [
    (
        [-1.8867213154181481, -1.5028668940017442, -0.3092511152093662],
        [-0.6651946734866135, 0.3515100700930197, 0.9034701816518086],
        [
            (-0.6979346744286996, 1.1573364508349866, -0.11445993522369946, -2.771837828940399),
            (2.9832596147352657, -3.0206354015442045, -1.1918277281550431, 0.0),
        ],
    ),
    (
        [
            -1.20193822412715,
            -0.80521546872431,
            0.321329543947403,
            0.687979511825438,
            1.76845244202599,
        ],
        [
            0.633352622824915,
            -2.20350988064665,
            0.0520289742598865,
            0.683686190776535,
            1.00396157584217,
        ],
        [
            (2.7275429621444234, 0.0948625917653807, -0.9478761024189145, 0.0),
            (-0.0006251178741178975, -1.0381132883944149, 3.764188813583408, -0.0327583642881493),
            (-0.4486282509055468, -2.404286844740865, 1.612704105847032, 9.637533639756782),
            (0.7212807120922671, 0.7223866116816801, 1.1454222144982074, -1.0242743717677885),
        ],
    ),
]
FUNCTIONS = [
    Constant(0.3),
    Linear(-2.0, 0.4),
    Polynomial((0.3, -1.0, 0.2, 4.0)),
    Sine(0.4, 2.0, 0.3, 1.0),
    Spline(KNOTS, HEIGHTS),
    Spline(KNOTS[:2], HEIGHTS[:2]),
    NaturalSpline(KNOTS, HEIGHTS, degree=5),
    NaturalSpline(KNOTS, HEIGHTS, degree=3),
    Scaled(Spline(KNOTS, HEIGHTS), 1.3),
]


@pytest.mark.parametrize(("x", "y", "rows"), OPENSIM)
def test_spline_gives_opensims_numbers(x, y, rows):
    spline = Spline(x, y)
    at, value, slope, curvature = np.array(rows).T
    np.testing.assert_allclose(spline.value(at), value, rtol=1e-12)
    np.testing.assert_allclose(spline.slope(at), slope, rtol=1e-12)
    np.testing.assert_allclose(spline.curvature(at), curvature, atol=1e-12)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: type(f).__name__)
def test_derivatives_agree_with_differences(function):
    # Off the knots, where second derivatives jump; beyond both ends too.
    x, h = np.linspace(-2.037, 3.013, 97).reshape(97, 1), 1e-6
    slope = (function.value(x + h) - function.value(x - h)) / (2 * h)
    curvature = (function.slope(x + h) - function.slope(x - h)) / (2 * h)
    np.testing.assert_allclose(function.slope(x), slope, atol=1e-7)
    np.testing.assert_allclose(function.curvature(x), curvature, atol=1e-6)
    assert function.value(x).shape == x.shape


@pytest.mark.parametrize("kind", [Spline, PiecewiseLinear, NaturalSpline])
def test_tables_pass_through_their_points_and_stay_straight_or_low_order_beyond(kind):
    table = kind(KNOTS, HEIGHTS)
    np.testing.assert_allclose(table.value(KNOTS), HEIGHTS, atol=1e-12)
    beyond = np.array([-5.0, -4.0, -3.0, -2.0])
    order = 3 if kind is NaturalSpline else 2  # a natural quintic leaves its ends as a parabola
    np.testing.assert_allclose(np.diff(table.value(beyond), order), 0.0, atol=1e-9)


@pytest.mark.parametrize(
    ("x", "y"),
    [([0.0, 1.0], [1.0]), ([1.0, 0.0], [0.0, 1.0]), ([0.0], [1.0]), ([0, np.nan], [0, 1])],
)
def test_bad_points_are_refused(x, y):
    with pytest.raises(BioenvError, match="Spline needs"):
        Spline(x, y)
