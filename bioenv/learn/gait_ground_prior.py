"""What is known of the ground's force beforehand: plates' noise; soft, upright, of body weight.

A force at a point of the sole is smooth in time, points near the body's center of mass (or the body
would begin to turn; Maus et al. 2010, Nat Commun 1:70, find it a little above), and all together
carry about the body's weight. These are wide priors: where the root's equation of motion
determines the force, in single support, it overrules them; in double support it leaves to them
little more than how hard the feet push against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.learn.gait_body import Load
from bioenv.learn.gait_torque import USUAL_RATE, whitener

Array = NDArray[np.float64]

LEAST_MOMENT = 0.5  # N*m, noise of a plate's moment beside that of its pressure center
# Body weights: a point's force beside the direction to the center of mass, along x and y; upward.
SIZE = (0.1, 0.1, 0.5)
TOTAL = 0.25  # body weights by which all vertical forces differ from the body's weight
SMOOTH = 0.1  # s over which an unknown force changes
LOOSE = 1e-4  # precision of a function where it means nothing, beside where it does


class Channels(NamedTuple):
    """S unknown functions ``amplitude * (basis @ w)``.

    load (S,): index among the loads; kind (S,): 0 force, 1 moment; axis (S,); amplitude (T, S);
    push (P, 3): the functions of each sole point's force, -1 for one that would move nothing.
    """

    load: NDArray[np.intp]
    kind: NDArray[np.intp]
    axis: NDArray[np.intp]
    amplitude: Array
    push: NDArray[np.intp]


class Prior(NamedTuple):
    """``1/2 w'A w + b'w + c`` of w (G, S): precision A (G, S, G, S), slope b (G, S), constant c."""

    precision: Array
    slope: Array
    constant: float

    def cost(self, w: Array) -> float:
        """At w (G, S)."""
        return float(0.5 * (w * self._times(w)).sum() + (self.slope * w).sum() + self.constant)

    def gradient(self, w: Array) -> Array:
        """(G, S)."""
        return self._times(w) + self.slope

    def _times(self, w: Array) -> Array:
        return np.asarray(np.tensordot(self.precision, w, axes=2))


class Builder:
    """Adds terms ``1/2 |rows w + value|^2`` to a prior of the functions of `channels`.

    time (T,) s; basis (T, G); weight N of the body; period s or None.
    """

    def __init__(
        self, time: Array, basis: Array, channels: Channels, weight: float, period: float | None
    ) -> None:
        size, count = basis.shape[1], channels.load.size
        self._basis, self._channels, self._weight = basis, channels, weight
        self._precision = np.zeros((size, count, size, count))
        self._slope, self._constant = np.zeros((size, count)), 0.0
        self._whiten = whitener(time, SMOOTH, period) if len(channels.push) else None
        self._share = float(np.sqrt((time[1] - time[0]) * USUAL_RATE))

    def built(self) -> Prior:
        """The sum of what was added."""
        return Prior(self._precision, self._slope, self._constant)

    def add_plates(self, plates: Sequence[Load], force: float, pressure: float) -> None:
        """Errors of plates: white noise of `force` N and `pressure` m at 100 nodes per s."""
        for s, (load, kind) in enumerate(zip(*self._channels[:2], strict=True)):
            if load >= len(plates):
                continue
            size = np.linalg.norm(plates[load].force, axis=1)
            noise = np.hypot(pressure * size, LEAST_MOMENT) if kind else np.full(len(size), force)
            rows = self._basis * (self._share * self._channels.amplitude[:, s] / noise)[:, None]
            self._add({s: rows})
            mean = np.trace(self._precision[:, s, :, s]) / len(self._slope)
            self._precision[:, s, :, s] += (LOOSE * mean + 1e-12) * np.eye(len(self._slope))

    def add_points(self, lean: Array) -> None:
        """Forces at sole points; lean (T, P, 3): direction to the center of mass, 1 upward."""
        smooth = self._smooth(self._basis)
        for p, push in enumerate(self._channels.push):
            for axis, s in enumerate(push):
                if s < 0:
                    continue
                rows = {int(s): smooth / (SIZE[axis] * self._weight)}
                if axis < 2 and push[2] >= 0:
                    along = self._smooth(lean[:, p, axis, None] * self._basis)
                    rows[int(push[2])] = -along / (SIZE[axis] * self._weight)
                self._add(rows)

    def add_total(self, felt: Array) -> None:
        """All vertical forces, those that plates felt (T,) N included, are about body weight."""
        upward = [int(s) for s in self._channels.push[:, 2] if s >= 0]
        amplitude = self._channels.amplitude
        on = np.clip(amplitude[:, upward].sum(axis=1) + (felt > 0.0), 0.0, 1.0)
        deviation = TOTAL * self._weight
        rows = {s: self._smooth(amplitude[:, s, None] * self._basis) / deviation for s in upward}
        value = self._smooth((felt - self._weight * on)[:, None])[:, 0] / deviation
        self._add(rows, value)

    def _smooth(self, rows: Array) -> Array:
        assert self._whiten is not None
        return np.asarray(self._whiten @ rows)

    def _add(self, rows: dict[int, Array], value: Array | None = None) -> None:
        for s, left in rows.items():
            for other, right in rows.items():
                self._precision[:, s, :, other] += left.T @ right
            if value is not None:
                self._slope[:, s] += left.T @ value
        if value is not None:
            self._constant += 0.5 * float(value @ value)
