"""Static optimization: the cheapest way to make the torque of each frame by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.inverse.muscles.dual import Batch, solve
from bioenv.inverse.muscles.interior import solve_power
from bioenv.inverse.muscles.problem import Sharing, SharingProblem, Status

Array = NDArray[np.float64]
Index = NDArray[np.intp]

COSTS = ("activation", "force")
LARGEST_EXPONENT = 8.0
ARM = 1e-10  # m; a moment arm below this in every frame is none
MISSING = 1e-7  # torque counts as missing above this part of what the muscles can make
CHUNK = 60_000  # numbers of one gain array: small enough for the processor's cache


def static_optimization(
    problem: SharingProblem,
    *,
    cost: Literal["activation", "force"] = "activation",
    exponent: float = 2.0,
) -> Sharing:
    """Activations that make the torque at least cost, every frame on its own.

    minimize sum x^p + sum (reserve torque / reserve)^2, with x the activation (cost "activation")
    or the force along the tendon over the maximum isometric force (cost "force"), p = `exponent`.

    With p = 2 the quadratic program is solved exactly through its dual (bioenv.inverse.muscles.
    dual), otherwise by an interior-point method. Frames whose torque is out of reach get the
    activations that leave the least torque (Euclidean norm) missing, and of those the cheapest;
    `status` says so. Coordinates that share no muscle are solved apart.

    OpenSim's StaticOptimization minimizes the same cost for p = 2; for other p it raises the
    reserves to p as well.

    Raises BioenvError for an unknown cost and an exponent that is not above 1 (the minimum would
    not be unique) or above 8 (take 8: it is near the least largest activation already).
    """
    if cost not in COSTS:
        raise unknown("cost", cost, COSTS)
    if not 1.0 < exponent <= LARGEST_EXPONENT:
        raise BioenvError(
            f"exponent must be above 1 and at most {LARGEST_EXPONENT:g}, got {exponent:g}: "
            "2 is usual, 3 after Crowninshield and Brand 1981"
        )
    start = time.perf_counter()
    shares = _Shares.of(problem, cost)
    answer = _Answer.empty(problem, shares)
    for parts in _alike(_blocks(problem)):
        for frames in _chunks(len(problem.time), parts):
            _solve(shares, parts, frames, exponent, answer)
    return _sharing(problem, shares, answer, start, f"sum of {cost}^{exponent:g}", exponent)


def _sharing(
    problem: SharingProblem,
    shares: _Shares,
    answer: _Answer,
    start: float,
    criterion: str,
    exponent: float,
) -> Sharing:
    activation = shares.activation(problem, answer.x)
    free = ~np.isfinite(problem.reserve)
    torque = answer.e * np.where(free, 0.0, problem.reserve)
    missing = problem.missing(activation, torque)
    torque[:, free], missing[:, free] = missing[:, free], 0.0
    status = np.where(answer.short, Status.SHORT, Status.OPTIMAL)
    return Sharing(
        activation=activation,
        force=problem.force(activation),
        reserve_torque=torque,
        missing_torque=missing,
        cost=(np.abs(answer.x) ** exponent).sum(1) + (answer.e**2).sum(1),
        status=np.where(answer.unsolved, Status.UNSOLVED, status).astype(np.int8),
        residual=answer.residual,
        seconds=time.perf_counter() - start,
        method=f"static optimization, {criterion}",
    )


@dataclass
class _Shares:
    """The problem in the variables whose powers are summed: torque (T, k) from x (T, m) of
    strength (T, m) N per unit, within lower and upper (T, m)."""

    moment_arm: Array
    strength: Array
    demand: Array
    lower: Array
    upper: Array
    reserve: Array
    by_force: bool

    @staticmethod
    def of(problem: SharingProblem, cost: str) -> _Shares:
        shape = problem.active.shape
        lower = np.broadcast_to(problem.lower, shape)
        upper = np.broadcast_to(problem.upper, shape)
        if cost == "activation":
            strength, demand = problem.active, problem.demand
        else:
            # x is all of the force: passive force counts as cost and cannot be switched off.
            strength = np.broadcast_to(problem.max_isometric_force, shape)
            demand = problem.torque
            lower, upper = (problem.force(bound) / strength for bound in (lower, upper))
        reserve = np.where(np.isfinite(problem.reserve), problem.reserve, 0.0)
        return _Shares(problem.moment_arm, strength, demand, lower, upper, reserve, cost == "force")

    def activation(self, problem: SharingProblem, x: Array) -> Array:
        """(T, m) of x; a muscle without active force rests at its lower bound."""
        if not self.by_force:
            return x
        passive = problem.passive if problem.use_passive else 0.0
        able = problem.active > 1e-9 * problem.max_isometric_force
        share = (x * self.strength - passive) / np.where(able, problem.active, 1.0)
        return np.clip(np.where(able, share, problem.lower), problem.lower, problem.upper)


@dataclass
class _Answer:
    """x (T, m), e (T, k); short, unsolved, residual (T,)."""

    x: Array
    e: Array
    short: NDArray[np.bool_]
    unsolved: NDArray[np.bool_]
    residual: Array

    @staticmethod
    def empty(problem: SharingProblem, shares: _Shares) -> _Answer:
        """What holds without solving: muscles that move nothing rest, and coordinates that no
        muscle moves are left to their reserve."""
        count = len(problem.time)
        idle = ~np.any(_moved(problem), axis=0) & np.isfinite(problem.reserve)
        held = idle & (problem.reserve > 0.0)
        e = np.zeros((count, len(problem.reserve)))
        e[:, held] = shares.demand[:, held] / problem.reserve[held]
        left = np.abs(shares.demand[:, idle & ~held]) > MISSING
        false = np.zeros(count, dtype=bool)
        x = np.clip(np.zeros(shares.lower.shape), shares.lower, shares.upper)
        return _Answer(x, e, np.any(left, axis=1), false, np.zeros(count))


def _moved(problem: SharingProblem) -> NDArray[np.bool_]:
    """(m, k) which muscle moves which coordinate in any frame."""
    reach = np.abs(problem.moment_arm).max(0, initial=0.0)
    return (reach > ARM) & np.isfinite(problem.reserve)


def _blocks(problem: SharingProblem) -> list[tuple[Index, Index]]:
    """(coordinates, muscles) that no muscle connects to the others: legs, trunk, arms."""
    moved = _moved(problem)
    linked = np.any(moved[:, :, None] & moved[:, None, :], axis=0)
    for _ in range(len(linked).bit_length()):
        linked |= linked @ linked
    first = linked.argmax(1)
    used = np.flatnonzero(np.any(moved, axis=0))
    blocks = [np.flatnonzero((first == i) & linked[i]) for i in dict.fromkeys(first[used].tolist())]
    return [(ids, np.flatnonzero(moved[:, ids].any(1))) for ids in blocks]


def _alike(blocks: list[tuple[Index, Index]]) -> list[list[tuple[Index, Index]]]:
    """Blocks of the same size together: both legs are solved as one batch."""
    groups: dict[tuple[int, int], list[tuple[Index, Index]]] = {}
    for k, m in blocks:
        groups.setdefault((k.size, m.size), []).append((k, m))
    return list(groups.values())


def _chunks(count: int, parts: list[tuple[Index, Index]]) -> Iterator[slice]:
    size = max(1, CHUNK // (len(parts) * parts[0][0].size * parts[0][1].size))
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def _solve(
    shares: _Shares,
    parts: list[tuple[Index, Index]],
    frames: slice,
    exponent: float,
    answer: _Answer,
) -> None:
    """Solve some frames of blocks of one size, and write them into the answer."""
    pieces = [_piece(shares, frames, k, m) for k, m in parts]
    batch = Batch(*(np.concatenate(fields) for fields in zip(*pieces, strict=True)))
    found = solve(batch)
    x, e, y, solved = found.x, found.e, found.multiplier, found.converged
    able = np.maximum(np.abs(batch.lower), np.where(np.isfinite(batch.upper), batch.upper, 1.0))
    reach = np.matmul(np.abs(batch.gain), able[:, :, None]).max(1)[:, 0]
    short = np.abs(found.missing).max(1) > MISSING * (1.0 + reach)
    if exponent != 2.0:
        reachable = _reachable(batch, x, found.missing, short)
        x, e, y, also = solve_power(reachable, exponent, np.abs(x).max(1))
        solved = solved & also
    made = batch.made(x, e) + np.where(short[:, None], found.missing, 0.0)
    balance = (np.abs(batch.demand - made) / (1.0 + np.abs(batch.gain).max(2))).max(1)
    off = _stationarity(batch, x, y, exponent, short, found.missing)
    count = frames.stop - frames.start
    for i, (k, m) in enumerate(parts):
        rows = slice(i * count, (i + 1) * count)
        answer.x[frames, m], answer.e[frames, k] = x[rows], e[rows]
        answer.short[frames] |= short[rows]
        answer.unsolved[frames] |= ~solved[rows]
        worst = np.maximum(balance[rows], off[rows])
        answer.residual[frames] = np.maximum(answer.residual[frames], worst)


def _piece(shares: _Shares, frames: slice, k: Index, m: Index) -> tuple[Array, ...]:
    """The fields of a Batch for one block."""
    strength = shares.strength[frames][:, m]
    gain = shares.moment_arm[frames][:, m[:, None], k] * strength[:, :, None]
    lower = shares.lower[frames][:, m]
    reserve = np.broadcast_to(shares.reserve[k], (len(lower), k.size))
    return (
        np.ascontiguousarray(gain.swapaxes(1, 2)),
        shares.demand[frames][:, k],
        lower,
        shares.upper[frames][:, m],
        np.full_like(lower, 2.0),
        np.zeros_like(lower),
        reserve,
    )


def _pinned(batch: Batch, missing: Array, short: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(B, m) muscles that give all they can against the missing torque: they have no choice."""
    push = np.abs(np.matmul(missing[:, None, :], batch.gain)[:, 0])
    return short[:, None] & (push > 1e-6 * push.max(1, keepdims=True))


def _reachable(batch: Batch, x: Array, missing: Array, short: NDArray[np.bool_]) -> Batch:
    """The problem without the torque that is out of reach."""
    pinned = _pinned(batch, missing, short)
    return Batch(
        batch.gain,
        batch.demand - np.where(short[:, None], missing, 0.0),
        np.where(pinned, x, batch.lower),
        np.where(pinned, x, batch.upper),
        batch.stiffness,
        batch.target,
        batch.reserve,
    )


def _stationarity(
    batch: Batch, x: Array, y: Array, p: float, short: NDArray[np.bool_], missing: Array
) -> Array:
    """(B,) largest distance of x to what its multipliers ask for, cut at the bounds."""
    slope = p * np.sign(x) * np.abs(x) ** (p - 1.0) - np.matmul(y[:, None, :], batch.gain)[:, 0]
    off = np.abs(x - np.clip(x - slope, batch.lower, batch.upper))
    return np.where(_pinned(batch, missing, short), 0.0, off).max(1)
