"""A scalar of a simulated movement: a running cost, summed over the steps, and an end cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import casadi as ca
import numpy as np
from numpy.typing import NDArray

from bioenv.diff.symbolic.columns import Columns
from bioenv.diff.symbolic.sweep import Direct
from bioenv.errors import BioenvError, unknown

Array = NDArray[np.float64]

RUNNING = ("q", "v", "a", "act", "exc", "p")
FINAL = ("q", "v", "act", "p")


@dataclass(frozen=True, eq=False)
class Cost:
    """``sum over t < T of running(t) + final(T)``.

    running: a CasADi function with one number as its output and inputs named by what they are:
        any of q (nq,), v, a (qacc), act (nm,), exc, p (np,), at the start of each step.
    final: the same of q, v, act, p at the end. Either may be left out.

    For example ``Cost(final=ca.Function("miss", [q], [ca.sumsqr(q)], ["q"], ["cost"]))``. Costs by
    time are sums: multiply by the step.
    """

    running: ca.Function | None = None
    final: ca.Function | None = None

    def __post_init__(self) -> None:
        for what, function, allowed in (
            ("running", self.running, RUNNING), ("final", self.final, FINAL),
        ):  # fmt: skip
            if function is None:
                continue
            for name in function.name_in():
                if name not in allowed:
                    raise unknown(f"input of the {what} cost", name, allowed)
            if function.n_out() != 1 or function.numel_out(0) != 1:
                raise BioenvError(f"the {what} cost must have one output of one number")


class Costing:
    """A cost of a model's movements, with its derivatives."""

    def __init__(self, cost: Cost, sizes: Mapping[str, int], compiled: bool) -> None:
        self._sizes = dict(sizes)
        self._running, self._final = (
            None if f is None else Columns(_slope(f, names, sizes), compiled)
            for f, names in ((cost.running, RUNNING), (cost.final, FINAL))
        )

    def __call__(self, values: Mapping[str, Array], p: Array) -> tuple[float, Direct]:
        """The cost, and what it changes by directly.

        values: q, v, act (T + 1, ...), a, exc (T, ...).
        """
        steps, n, m = len(values["exc"]), self._sizes["q"], self._sizes["act"]
        state = np.zeros((steps + 1, 2 * n + m))
        qacc, excitation = np.zeros((steps, n)), np.zeros((steps, m))
        total, by_p = 0.0, np.zeros(self._sizes["p"])
        if self._running is not None and steps:
            given = [values[name][:steps] for name in RUNNING[:-1]]
            value, q, v, qacc, act, excitation, at_p = self._running(*given, p)
            state[:steps] = np.hstack([q, v, act])
            total, by_p = float(value.sum()), by_p + at_p.sum(axis=0)
        if self._final is not None:
            given = [values[name][steps:] for name in FINAL[:-1]]
            value, q, v, act, at_p = self._final(*given, p)
            state[steps] = np.hstack([q, v, act])[0]
            total, by_p = total + float(value.sum()), by_p + at_p[0]
        return total, Direct(state, qacc, excitation, by_p)


def _slope(function: ca.Function, names: tuple[str, ...], sizes: Mapping[str, int]) -> ca.Function:
    """The function's value and its gradients by all of ``names``."""
    symbols = {name: ca.SX.sym(name, sizes[name]) for name in names}
    for i, name in enumerate(function.name_in()):
        if function.numel_in(i) != sizes[name]:
            raise BioenvError(
                f"cost {function.name()}: {name} must have {sizes[name]} numbers, "
                f"got {function.numel_in(i)}"
            )
    value = function.expand()(*(symbols[name] for name in function.name_in()))
    found = [value, *(ca.gradient(value, symbols[name]) for name in names)]
    return ca.Function(function.name(), list(symbols.values()), [ca.densify(x) for x in found])
