"""Static optimization that also follows electromyograms.

    minimize   Σ a² + w Σ (a - s e)²    over the muscles below an electrode, subject to the balance

e is what an envelope's excitation makes of activation, s its unknown scale: an envelope tells when
and how strongly by its own standard, not how much of the muscle works. The scales are those of
least cost over the trial. The compromise of both terms follows EMG-assisted models (Sartori M,
Farina D, Lloyd DG 2014, J Biomech 47:3613).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from bioenv.errors import BioenvError, unknown
from bioenv.inverse.muscles import quadratic
from bioenv.inverse.muscles.activation import ActivationDynamics
from bioenv.inverse.muscles.problem import Sharing, SharingProblem

Array = NDArray[np.float64]

WEIGHTS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
SCALES = (0.02, 1.0)  # activation at an envelope's peak
SCALE_FRAMES = 100  # scales and weight are chosen on at most so many frames, evenly spread


class TradeOff(NamedTuple):
    """What a weight buys: effort, the mean sum of squared activations; tracking, RMS difference of
    the muscles from their scaled EMG."""

    weight: float
    effort: float
    tracking: float


@dataclass(frozen=True, eq=False)
class EmgSharing(Sharing):
    """A sharing that follows EMG.

    Attributes:
        channels: e names; scale (e,) activation per unit of the envelope given; on_bound (e,) bool:
            the scale rests on its bound, so the channel's size says nothing.
        measured: (T, e) scaled activation of the EMG, NaN where there was none.
        tracking: (e,) RMS difference of a channel's muscles from it. weight: of tracking.
        trade_off: effort and tracking at other weights, on the frames the choice was made on.
    """

    channels: tuple[str, ...]
    scale: Array
    on_bound: NDArray[np.bool_]
    measured: Array
    tracking: Array
    weight: float
    trade_off: tuple[TradeOff, ...] = ()


@dataclass(frozen=True, eq=False)
class _Tracking:
    """The criterion: problem; level (T, e) of 0 to 1 activation per unit of scale, 0 where unknown;
    known (T, e); listens (e, m) bool."""

    problem: SharingProblem
    level: Array
    known: NDArray[np.bool_]
    listens: NDArray[np.bool_]

    def take(self, frames: NDArray[np.intp]) -> _Tracking:
        return _Tracking(
            self.problem.at(frames), self.level[frames], self.known[frames], self.listens
        )

    def share(self, scale: Array, weight: float) -> quadratic.Targeted:
        """Least cost for given scales (e,)."""
        count = self.known.astype(float) @ self.listens
        pull = (self.level * scale) @ self.listens
        stiffness = 2.0 * (1.0 + weight * count)
        return quadratic.share(self.problem, stiffness, 2.0 * weight * pull / stiffness)

    def difference(self, activation: Array, scale: Array) -> Array:
        """(T, e, m) muscle minus scaled EMG, 0 for others."""
        heard = self.known[:, :, None] & self.listens
        return np.where(heard, activation[:, None] - (self.level * scale)[:, :, None], 0.0)

    def cost(self, found: quadratic.Targeted, scale: Array, weight: float) -> Array:
        """(T,) the criterion."""
        difference = self.difference(found.activation, scale)
        held = self.problem.reserve > 0
        reserve = found.reserve_torque[:, held] / self.problem.reserve[held]
        effort = (found.activation**2).sum(axis=1) + (reserve**2).sum(axis=1)
        return np.asarray(effort + weight * (difference**2).sum(axis=(1, 2)))

    def scales(self, weight: float, start: Array, bounds: tuple[float, float]) -> Array:
        """Scales (e,) of least cost: a convex problem, its gradient by the envelope theorem."""

        def value(scale: Array) -> tuple[float, Array]:
            found = self.share(scale, weight)
            difference = self.difference(found.activation, scale).sum(axis=2)
            slope = -2.0 * weight * (difference * self.level).sum(axis=0)
            frames = len(self.level)
            return float(self.cost(found, scale, weight).sum()) / frames, slope / frames

        found = minimize(
            value,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=[bounds] * len(start),
            options={"ftol": 1e-8, "gtol": 1e-6, "maxiter": 50},
        )
        return np.clip(found.x, *bounds)

    def trade_off(self, scale: Array, weight: float) -> TradeOff:
        found = self.share(scale, weight)
        difference = self.difference(found.activation, scale)
        heard = np.count_nonzero(self.known[:, :, None] & self.listens)
        effort = float((found.activation**2).sum(axis=1).mean())
        return TradeOff(weight, effort, float(np.sqrt((difference**2).sum() / max(heard, 1))))


def emg_informed(
    problem: SharingProblem,
    emg: ArrayLike,
    mapping: Mapping[str, Sequence[str]],
    *,
    weight: float | None = None,
    scale: ArrayLike | None = None,
    scale_bounds: tuple[float, float] = SCALES,
    activation_dynamics: bool = True,
) -> EmgSharing:
    """Activations that make the torque, cost little and follow the EMG.

    Args:
        problem: T frames.
        emg: (T, e) envelopes at these frames, not negative, in any unit; NaN where unknown.
        mapping: channel -> muscles below it, in the order of emg's columns. A muscle below several
            electrodes follows all of them.
        weight: of tracking against effort; None chooses from 0.1 ... 100 the one nearest to least
            effort and best tracking at once, each from 0 to 1 of its range over these weights.
        scale: (e,) activation per unit of envelope; None estimates them.
        scale_bounds: of the activation at a channel's peak, when estimated.
        activation_dynamics: envelopes are excitations, and pass first-order activation dynamics (15
            and 60 ms) before they are compared with activation.

    Returns an :class:`EmgSharing`. Raises BioenvError for channels that do not fit, unknown
    muscles, negative or empty envelopes, and a negative weight.
    """
    begin = time.perf_counter()
    if weight is not None and not weight >= 0:
        raise BioenvError(f"weight must be 0 or more, got {weight:g}")
    tracking, peak = _tracking(problem, emg, mapping, activation_dynamics)
    given = None if scale is None else np.asarray(scale, dtype=float) * peak
    table = _table(tracking, WEIGHTS if weight is None else (weight,), given, scale_bounds)
    offers = tuple(offer for offer, _ in table)
    chosen, factor = table[_knee(offers)]
    found = tracking.share(factor, chosen.weight)
    cost = tracking.cost(found, factor, chosen.weight)
    method = f"EMG-informed static optimization, tracking weight {chosen.weight:g}"
    difference = tracking.difference(found.activation, factor)
    heard = tracking.known.sum(axis=0) * tracking.listens.sum(axis=1)
    estimated = given is None
    return EmgSharing(
        **vars(quadratic.sharing(problem, found, cost, begin, method)),
        channels=tuple(mapping),
        scale=factor / peak,
        on_bound=np.isin(factor, scale_bounds) & estimated,
        measured=np.where(tracking.known, tracking.level * factor, np.nan),
        tracking=np.sqrt((difference**2).sum(axis=(0, 2)) / np.maximum(heard, 1)),
        weight=chosen.weight,
        trade_off=offers if weight is None else (),
    )


def _table(
    tracking: _Tracking,
    weights: Sequence[float],
    given: Array | None,
    bounds: tuple[float, float],
) -> list[tuple[TradeOff, Array]]:
    """What every weight buys on some of the frames, and its scales (e,)."""
    frames = len(tracking.level)
    sample = tracking.take(np.arange(0, frames, max(1, -(-frames // SCALE_FRAMES))))
    scale = np.full(tracking.level.shape[1], np.mean(bounds)) if given is None else given
    table = []
    for weight in weights:
        if given is None:
            scale = sample.scales(weight, scale, bounds)
        table.append((sample.trade_off(scale, weight), scale))
    return table


def _knee(offers: tuple[TradeOff, ...]) -> int:
    """The offer nearest to the least effort and the least tracking error among all."""
    values = np.array([[one.effort, one.tracking] for one in offers])
    span = np.ptp(values, axis=0)
    share = (values - values.min(axis=0)) / np.where(span > 0, span, 1.0)
    return int(np.argmin((share**2).sum(axis=1)))


def _tracking(
    problem: SharingProblem, emg: ArrayLike, mapping: Mapping[str, Sequence[str]], delayed: bool
) -> tuple[_Tracking, Array]:
    """The criterion and the envelopes' peaks (e,)."""
    envelope = np.asarray(emg, dtype=float)
    if envelope.shape != (len(problem.time), len(mapping)):
        raise BioenvError(
            f"emg must have shape ({len(problem.time)}, {len(mapping)}): a row per frame, a column "
            f"per channel of the mapping; got {envelope.shape}"
        )
    listens = np.zeros((len(mapping), len(problem.muscles)), dtype=bool)
    for row, (channel, muscles) in zip(listens, mapping.items(), strict=True):
        for muscle in muscles:
            if muscle not in problem.muscles:
                raise unknown(f"muscle below channel '{channel}':", muscle, problem.muscles)
            row[problem.muscles.index(muscle)] = True
    known = np.isfinite(envelope)
    filled = np.empty_like(envelope)
    for i, channel in enumerate(mapping):
        here = known[:, i]
        if not here.any() or not envelope[here, i].max() > 0 or envelope[here, i].min() < 0:
            raise BioenvError(
                f"EMG channel '{channel}' must be an envelope: not negative and somewhere above "
                "zero; rectify and low-pass the signal first, or leave the channel out"
            )
        filled[:, i] = np.interp(problem.time, problem.time[here], envelope[here, i])
    peak = filled.max(axis=0)
    level = filled / peak
    if delayed and len(problem.time) > 1:
        level = ActivationDynamics.of(problem.time, len(mapping)).activation(level)
    return _Tracking(problem, np.where(known, level, 0.0), known, listens), peak
