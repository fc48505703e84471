"""Function elements of an OpenSim file."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bioenv.errors import BioenvError
from bioenv.models.osim.functions import (
    Constant,
    Function,
    Linear,
    NaturalSpline,
    PiecewiseLinear,
    Polynomial,
    Scaled,
    Sine,
    Spline,
)
from bioenv.models.osim.parse_xml import Node


def read_function(owner: Node) -> Function | None:
    """The function an element holds, directly or inside <function>; None when it holds none."""
    for child in owner.children():
        if child.tag in _READERS or child.name == "function":
            return _checked(child)
    holder = owner.find("function", "coupled_coordinates_function")
    return None if holder is None else held_function(holder)


def held_function(holder: Node) -> Function | None:
    """The function that is all an element holds; None for an empty element."""
    found = next(holder.children(), None)
    return None if found is None else _checked(found)


def _checked(node: Node) -> Function:
    if node.tag not in _READERS:
        raise node.fail(f"this function is not known; known are {', '.join(_READERS)}")
    try:
        return _READERS[node.tag](node)
    except BioenvError as error:
        if str(node.path) in str(error):
            raise
        raise node.fail(str(error)) from error


def _constant(node: Node) -> Function:
    return Constant(node.number("value", default=0.0))


def _linear(node: Node) -> Function:
    slope, intercept = node.numbers("coefficients", count=2, default=np.array([1.0, 0.0]))
    return Linear(float(slope), float(intercept))


def _polynomial(node: Node) -> Function:
    return Polynomial(tuple(float(c) for c in node.numbers("coefficients")))


def _scaled(node: Node) -> Function:
    inner = read_function(node)
    if inner is None:
        raise node.fail("<function> is missing")
    factor = node.number("scale", default=1.0)
    # A scaled constant or line is one: what it is decides which joints move.
    if isinstance(inner, Constant):
        return Constant(factor * inner.constant)
    if isinstance(inner, Linear):
        return Linear(factor * inner.gradient, factor * inner.intercept)
    return inner if factor == 1.0 else Scaled(inner, factor)


def _sine(node: Node) -> Function:
    return Sine(
        node.number("amplitude", default=1.0),
        node.number("omega", default=1.0),
        node.number("phase", default=0.0),
        node.number("offset", default=0.0),
    )


def _spline(node: Node) -> Function:
    return Spline(node.numbers("x"), node.numbers("y"))


def _piecewise(node: Node) -> Function:
    return PiecewiseLinear(node.numbers("x"), node.numbers("y"))


def _natural(node: Node) -> Function:
    if node.number("error_variance", default=0.0) > 0.0:
        raise node.fail("a smoothing spline (error_variance above 0) cannot be read; use 0")
    degree = 2 * int(node.number("half_order", default=3.0)) - 1
    return NaturalSpline(node.numbers("x"), node.numbers("y"), degree=degree)


_READERS: dict[str, Callable[[Node], Function]] = {
    "Constant": _constant,
    "LinearFunction": _linear,
    "PolynomialFunction": _polynomial,
    "MultiplierFunction": _scaled,
    "SimmSpline": _spline,
    "NaturalCubicSpline": _spline,
    "natCubicSpline": _spline,
    "PiecewiseLinearFunction": _piecewise,
    "GCVSpline": _natural,
    "Sine": _sine,
}
