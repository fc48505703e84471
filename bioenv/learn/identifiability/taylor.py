"""Power series of time that go through the same torch code as tensors do.

    t = Series.of([0.0, 1.0, 0.0, 0.0])      # t, up to t^3
    torch.sin(t).coefficients                # 0, 1, 0, -1/6
    muscle(curves, parameters, length, velocity, activation)   # any of them a Series

Truncated Taylor arithmetic (Griewank A, Walther A 2008, Evaluating Derivatives, table 13.2).
Comparisons, `clamp`, `where` and `minimum` take the branch of the value at t = 0, so that a
piecewise curve is expanded in the piece where it stands. Coefficients may carry derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Like = Any  # a Series, a tensor or a number


class Series:
    """Coefficients (K, ...) of 1, t, ... t^(K - 1)."""

    def __init__(self, coefficients: Tensor) -> None:
        self.coefficients = coefficients

    @staticmethod
    def of(coefficients: Sequence[float]) -> Series:
        """From numbers."""
        return Series(torch.tensor(coefficients, dtype=torch.float64))

    @property
    def order(self) -> int:
        """K."""
        return len(self.coefficients)

    @property
    def value(self) -> Tensor:
        """At t = 0."""
        return self.coefficients[0]

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """torch's functions of tensors and series."""
        name = getattr(func, "__name__", "").strip("_")
        if name not in _FUNCTIONS:
            return NotImplemented
        return _FUNCTIONS[name](*args, **(kwargs or {}))

    def __add__(self, other: Like) -> Series:
        a, b = _aligned(self, other)
        return Series(a + b)

    def __mul__(self, other: Like) -> Series:
        if not isinstance(other, Series):
            return Series(_widened(self, other) * other)
        return Series(_product(*_aligned(self, other)))

    def __truediv__(self, other: Like) -> Series:
        if not isinstance(other, Series):
            return Series(_widened(self, other) / other)
        a, b = _aligned(self, other)
        rows: list[Tensor] = []
        for k in range(len(a)):
            rest = sum((rows[j] * b[k - j] for j in range(k)), torch.zeros_like(a[0]))
            rows.append((a[k] - rest) / b[0])
        return Series(torch.stack(rows))

    def __neg__(self) -> Series:
        return Series(-self.coefficients)

    def __sub__(self, other: Like) -> Series:
        return self + (-other)

    def __rsub__(self, other: Like) -> Series:
        return (-self) + other

    def __rtruediv__(self, other: Like) -> Series:
        return _constant(other, self) / self

    __radd__, __rmul__ = __add__, __mul__

    def __lt__(self, other: Like) -> Tensor:
        return self.value < _value(other)

    def __gt__(self, other: Like) -> Tensor:
        return self.value > _value(other)

    def __getitem__(self, place: Any) -> Series:
        places = place if isinstance(place, tuple) else (place,)
        return Series(self.coefficients[(slice(None), *places)])

    def clamp(self, min: Like = None, max: Like = None) -> Series:
        """Kept between two bounds."""
        out = self
        if min is not None:
            out = where(out.value < min, min, out)
        if max is not None:
            out = where(out.value > max, max, out)
        return out

    def sum(self, dim: int) -> Series:
        """Over an axis counted from the end."""
        assert dim < 0
        return Series(self.coefficients.sum(dim))

    def sin(self) -> Series:
        return _waves(self)[0]

    def cos(self) -> Series:
        return _waves(self)[1]

    def exp(self) -> Series:
        a = self.coefficients
        rows = [a[0].exp()]
        for k in range(1, len(a)):
            rows.append(sum((j * a[j] * rows[k - j] for j in range(1, k + 1)), 0.0 * a[0]) / k)
        return Series(torch.stack(rows))


def where(condition: Tensor, yes: Like, no: Like) -> Series:
    """Chosen by the condition, elementwise."""
    model = yes if isinstance(yes, Series) else no
    a, b = (Series(x) for x in _aligned(_constant(yes, model), _constant(no, model)))
    return Series(torch.where(condition, _widened(a, condition), _widened(b, condition)))


def _minimum(one: Like, other: Like) -> Series:
    return where(_value(one) < _value(other), one, other)


def _stack(parts: Sequence[Like], dim: int = 0) -> Series:
    assert dim == -1
    model = next(one for one in parts if isinstance(one, Series))
    return Series(torch.stack([_constant(one, model).coefficients for one in parts], -1))


def _waves(angle: Series) -> tuple[Series, Series]:
    a = angle.coefficients
    sine, cosine = [a[0].sin()], [a[0].cos()]
    for k in range(1, len(a)):
        parts = [(j * a[j], k - j) for j in range(1, k + 1)]
        up = sum((part * cosine[i] for part, i in parts), 0.0 * a[0]) / k
        down = -sum((part * sine[i] for part, i in parts), 0.0 * a[0]) / k
        sine.append(up)
        cosine.append(down)
    return Series(torch.stack(sine)), Series(torch.stack(cosine))


def _product(a: Tensor, b: Tensor) -> Tensor:
    return torch.stack([(a[: k + 1] * b[: k + 1].flip(0)).sum(0) for k in range(len(a))])


def _value(one: Like) -> Any:
    return one.value if isinstance(one, Series) else one


def _widened(one: Series, other: Like) -> Tensor:
    """Coefficients with as many axes as a tensor or number that multiplies all of them."""
    missing = other.ndim - one.coefficients.ndim + 1 if isinstance(other, Tensor) else 0
    return one.coefficients[(slice(None), *[None] * max(missing, 0))]


def _constant(other: Like, model: Series) -> Series:
    """A number or tensor as a series that does not change."""
    if isinstance(other, Series):
        return other
    value = torch.as_tensor(other, dtype=model.coefficients.dtype)
    rest = torch.zeros((model.order - 1, *value.shape), dtype=value.dtype)
    return Series(torch.cat([value[None], rest]))


def _aligned(one: Like, other: Like) -> tuple[Tensor, Tensor]:
    """Coefficients of both, as many and with as many axes."""
    model = one if isinstance(one, Series) else other
    a, b = _constant(one, model).coefficients, _constant(other, model).coefficients
    axes = max(a.ndim, b.ndim)
    a, b = (x[(slice(None), *[None] * (axes - x.ndim))] for x in (a, b))
    shape = torch.broadcast_shapes(a.shape[1:], b.shape[1:])
    return a.expand(len(a), *shape), b.expand(len(b), *shape)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: _constant(a, b) + b if isinstance(b, Series) else a + b,
    "sub": lambda a, b: a - b if isinstance(a, Series) else _constant(a, b) - b,
    "rsub": lambda a, b: b - a,
    "mul": lambda a, b: a * b if isinstance(a, Series) else b * a,
    "div": lambda a, b: a / b if isinstance(a, Series) else _constant(a, b) / b,
    "truediv": lambda a, b: a / b if isinstance(a, Series) else _constant(a, b) / b,
    "gt": lambda a, b: _value(a) > _value(b),
    "lt": lambda a, b: _value(a) < _value(b),
    "where": where,
    "minimum": _minimum,
    "stack": _stack,
    "sin": Series.sin,
    "cos": Series.cos,
    "exp": Series.exp,
}
_FUNCTIONS |= {"true_divide": _FUNCTIONS["div"]}
