"""The composite loss of a physics-informed network, and the search for its minimum.

    def data(unknowns, point):        # the residual of ONE instant, in its own units
        return network(unknowns["net"], point["seen"]).value - point["measured"]

    def physics(unknowns, point):     # N*m
        q, v, a = network(unknowns["net"], point["seen"])
        return torch.exp(unknowns["log_inertia"]) * a - point["torque"]

    found = minimize(
        {
            "data": Block(data, {"seen": network.see(t), "measured": y}, noise=0.01),
            "physics": Block(physics, {"seen": network.see(c), "torque": u}, noise=1.0,
                             adapt=True, floor=0.01),
            "prior": prior("net", 10.0),
        },
        {"net": network.start(seed=0), "log_inertia": torch.zeros(1, dtype=torch.float64)},
    )
    found.status, found.rms["physics"], found.unknowns["net"]
    found.deviation(lambda unknowns: torch.exp(unknowns["log_inertia"]))

Every residual is divided by its noise, so that the loss ``1/2 sum (r / noise)^2 + sum log noise``
is a negative log posterior and lambda_data, lambda_phys are ``1 / noise^2``, not knobs. With
`adapt` the noise is learned: ``noise^2 = sum r^2 / (n - gamma)``, gamma the parameters the block
determines (MacKay 1992, Neural Comput 4:415). `causal` weighs the rows of a block in time order by
``exp(-causal * sum_{k<i} excess_k)`` (Wang, Sankaran, Perdikaris 2022, "Respecting causality is all
you need for training physics-informed neural networks", eq. 14), with excess the mean squared
residual beyond 9 in noise units, which noise alone hardly reaches; at the end all weights are 1.

A block's function is vmapped over its points, so that the Jacobian costs one small reverse pass per
component and point, not a pass per weight.
"""

from __future__ import annotations

import math
import time as clock
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

import torch
from torch import Tensor

from bioenv.errors import unknown
from bioenv.learn.block import Block, Packing, prior
from bioenv.learn.descent import descend
from bioenv.learn.levenberg import levenberg_marquardt, log_determinant, solve_spd
from bioenv.learn.row import Row, rows_of

__all__ = ["Block", "Fit", "Status", "minimize", "prior"]

Unknowns = dict[str, Tensor]
METHODS = ("levenberg-marquardt", "lbfgs", "adam")
STEADY = 0.01  # relative change of an adapted noise below which it counts as settled


class Status(StrEnum):
    """What became of a fit.

    CONVERGED. UNSETTLED: the iterations ran out. LARGE_RESIDUAL: it converged, but a block's
    residual is larger than its `accept`. DIVERGED: the loss was not finite at the start, or stopped
    being finite; the unknowns are the last finite ones.
    """

    CONVERGED = "converged"
    UNSETTLED = "unsettled"
    LARGE_RESIDUAL = "large residual"
    DIVERGED = "diverged"


@dataclass(frozen=True, eq=False)
class Fit:
    """The unknowns found and how good they are.

    Attributes:
        unknowns: by name, as they were given at the start.
        status: see :class:`Status`. message: one sentence about it.
        rms: root mean squared residual of each block in its own units; of a block whose noise has
            several components, in units of the noise.
        noise: factor (or, for a scalar noise, the noise itself) of each block at the end.
        losses: mean squared residual of each block in units of its noise, about 1 or less.
        history: loss after each iteration, in the noise that held then.
        iterations, seconds.
    """

    unknowns: Unknowns
    status: Status
    message: str
    rms: dict[str, float]
    noise: dict[str, float]
    losses: dict[str, float]
    history: tuple[float, ...]
    iterations: int
    seconds: float
    _rows: tuple[Row, ...] = field(repr=False)
    _packing: Packing = field(repr=False)
    _cache: dict[str, Tensor] = field(default_factory=dict, repr=False)

    @property
    def ok(self) -> bool:
        """Whether the fit converged to an acceptable residual."""
        return self.status is Status.CONVERGED

    def precision(self) -> Tensor:
        """(P, P) Gauss-Newton matrix of the negative log posterior (Laplace approximation)."""
        if "precision" not in self._cache:
            x = self._packing.flat(self.unknowns)
            self._cache["precision"] = sum(
                (row.normal(x)[2] for row in self._rows), torch.zeros(len(x), len(x), dtype=x.dtype)
            )
        return self._cache["precision"]

    def covariance(self, function: Any, chunk: int = 256) -> Tensor:
        """(n, n) covariance of ``function(unknowns)`` (any shape, n numbers), to first order."""
        slope = self._slope(function, chunk)
        return slope @ solve_spd(self.precision(), slope.T)

    def deviation(self, function: Any, chunk: int = 256) -> Tensor:
        """Standard deviations of ``function(unknowns)``, in its shape and units."""
        slope = self._slope(function, chunk)
        solved = solve_spd(self.precision(), slope.T)
        shape = torch.as_tensor(function(self.unknowns)).shape
        return (slope * solved.T).sum(-1).clamp_min(0.0).sqrt().reshape(shape)

    def freedom(self, name: str) -> float:
        """Degrees of freedom of a block's noise: residuals shown less parameters it determines."""
        key = f"freedom {name}"
        if key not in self._cache:
            row = next((row for row in self._rows if row.name == name), None)
            if row is None:
                raise unknown("block", name, [row.name for row in self._rows])
            part = row.normal(self._packing.flat(self.unknowns))[2]
            self._cache[key] = row.shown_count() - solve_spd(self.precision(), part).trace()
        return float(self._cache[key])

    def evidence(self, laws: Sequence[str], curve: Sequence[str]) -> float:
        """Log probability of the measurements, at the noises of this fit, up to a constant.

        Laplace's approximation (MacKay 1992, Neural Comput 4:415), with the blocks `laws` taken as
        what they are: a prior on the unknowns `curve`, normalized over them; all other blocks are
        measurements. Compare it between fits that differ in the noises only.
        """
        x = self._packing.flat(self.unknowns)
        names = [row.name for row in self._rows]
        for name in laws:
            if name not in names:
                raise unknown("block", name, names)
        place = torch.cat([torch.arange(len(x))[self._packing.place(name)] for name in curve])
        parts = [row.normal(x) for row in self._rows if row.name in laws]
        cost, gradient, matrix = (sum(one[1:], one[0]) for one in zip(*parts, strict=True))
        bare = matrix[place][:, place]
        # The least the laws leave unexplained, whatever the measurements: part of their norm.
        least = cost - 0.5 * gradient[place] @ solve_spd(bare, gradient[place][:, None])[:, 0]
        told = -(cost - least) - 0.5 * (log_determinant(self.precision()) - log_determinant(bare))
        for row in self._rows:
            if row.name not in laws:
                told = told - row.cost(x) - row.shown_count() * math.log(row.noise_told())
        return float(told)

    def _slope(self, function: Any, chunk: int) -> Tensor:
        x = self._packing.flat(self.unknowns)

        def flat(x: Tensor) -> Tensor:
            return function(self._packing.named(x)).reshape(-1)

        slope: Tensor = torch.func.jacrev(flat, chunk_size=chunk)(x)
        return slope.detach()


def minimize(
    blocks: Mapping[str, Block],
    start: Mapping[str, Tensor],
    *,
    method: str = "levenberg-marquardt",
    iterations: int = 200,
    rounds: int = 12,
    tolerance: float = 1e-5,
    learning_rate: float = 0.3,
    noise: Mapping[str, float] | None = None,
) -> Fit:
    """Unknowns of least loss.

    Args:
        blocks: by name. start: float64 tensors by name; not changed.
        method: "levenberg-marquardt" (some thousand unknowns at most: it solves a dense system),
            "lbfgs" or "adam" (any number).
        iterations: in all. rounds: re-estimations of noise and causal weights.
        tolerance: a round ends when the loss decreases by less than this times 1 + loss. The loss
            is a negative log posterior: a thousandth of 1 moves nothing by more than 5 % of its
            standard deviation.
        learning_rate: of Adam, in standard deviations of the unknowns.
        noise: where adapted noises start, by block, as :attr:`Fit.noise` of an earlier fit.

    Raises BioenvError for unknown methods, for starts that are not finite float64 tensors and for
    blocks without points.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    packing, began = Packing.of(start), clock.perf_counter()
    rows = tuple(row.starting((noise or {}).get(row.name)) for row in rows_of(blocks, packing))

    def search(rows: tuple[Row, ...], x: Tensor, left: int) -> tuple[Tensor, list[float], bool]:
        if method == METHODS[0]:
            return levenberg_marquardt(rows, x, left, tolerance)
        return descend(rows, x, left, tolerance, method, learning_rate)

    found = _in_rounds(search, rows, packing.flat(start), iterations, rounds, method)
    return _judged(blocks, packing, found, clock.perf_counter() - began)


class _Found(NamedTuple):
    rows: tuple[Row, ...]
    x: Tensor
    history: list[float]
    settled: bool
    finite: bool


def _in_rounds(
    search: Callable[[tuple[Row, ...], Tensor, int], tuple[Tensor, list[float], bool]],
    rows: tuple[Row, ...], x: Tensor, iterations: int, rounds: int, method: str,
) -> _Found:  # fmt: skip
    """Search, re-estimate the noises, and again until they stay."""
    history: list[float] = []
    settled = finite = False
    for turn in range(rounds):
        if len(history) >= iterations:
            break
        x, losses, done = search(rows, x, iterations - len(history))
        history += losses
        finite = bool(losses) and losses[-1] < float("inf")
        if not finite:
            break
        new = _reweighted(rows, x, method, last=turn + 2 >= rounds)
        settled = done and _same(rows, new)
        rows = new
        if settled:
            break
    return _Found(rows, x, history, settled, finite)


def _reweighted(rows: tuple[Row, ...], x: Tensor, method: str, last: bool) -> tuple[Row, ...]:
    """The rows with noise and causal weights of their residuals at x."""
    if not any(row.block.adapt or row.block.causal for row in rows):
        return rows
    # What a block determines by itself is known only where there is a Jacobian.
    parts = [row.normal(x)[2] for row in rows] if method == METHODS[0] else None
    inverse = None
    if parts is not None and any(row.block.adapt for row in rows):
        total = sum(parts[1:], parts[0])
        inverse = solve_spd(total, torch.eye(len(x), dtype=x.dtype))
    new = []
    for number, row in enumerate(rows):
        determined = 0.0
        if inverse is not None and parts is not None and row.block.adapt:
            determined = float((inverse * parts[number]).sum())
        new.append(row.reweighted(x, determined, last))
    return tuple(new)


def _same(old: tuple[Row, ...], new: tuple[Row, ...]) -> bool:
    return all(
        abs(a.factor - b.factor) <= STEADY * a.factor
        and float((a.causal - b.causal).abs().max()) <= STEADY
        for a, b in zip(old, new, strict=True)
    ) and all(float(row.causal.min()) > 1.0 - STEADY for row in new)


def _judged(blocks: Mapping[str, Block], packing: Packing, found: _Found, seconds: float) -> Fit:
    _, x, history, settled, finite = found
    rows = tuple(replace(row, causal=torch.ones_like(row.causal)) for row in found.rows)
    names = list(blocks)
    rms = {name: row.rms(x) for name, row in zip(names, rows, strict=True)}
    allowed = {name: block.accept for name, block in blocks.items() if block.accept is not None}
    large = {name: limit for name, limit in allowed.items() if not rms[name] <= limit}
    if not finite:
        status, message = Status.DIVERGED, "the loss is not finite; the unknowns are the last good"
    elif large:
        told = ", ".join(f"{n} {rms[n]:.3g} above {limit:.3g}" for n, limit in large.items())
        status, message = Status.LARGE_RESIDUAL, f"residual too large: {told}"
    elif not settled:
        status, message = Status.UNSETTLED, f"not settled after {len(history)} iterations"
    else:
        status, message = Status.CONVERGED, f"converged in {len(history)} iterations"
    return Fit(
        unknowns=packing.named(x),
        status=status,
        message=message,
        rms=rms,
        noise={name: row.noise_told() for name, row in zip(names, rows, strict=True)},
        losses={name: row.mean_square(x) for name, row in zip(names, rows, strict=True)},
        history=tuple(history),
        iterations=len(history),
        seconds=seconds,
        _rows=rows,
        _packing=packing,
    )
