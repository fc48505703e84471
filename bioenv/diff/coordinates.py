"""The coordinates of an Anatomy in torch: couplers, joints that are functions of a coordinate.

An OpenSim knee glides by splines of its angle. Every such function is sampled once, with its first
and second derivatives, and becomes a piecewise polynomial of fifth degree that has them all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bioenv.errors import BioenvError
from bioenv.models.anatomy import Anatomy

Array = NDArray[np.float64]
_KNOTS, _FEW = 8001, 65
_WIDER = 0.5  # of the range, sampled beyond its ends
_LINE = 1e-12  # bends less: a line


class State(NamedTuple):
    """q (..., n), its rate and its acceleration."""

    q: Tensor
    v: Tensor
    a: Tensor


class _Bent(NamedTuple):
    """A target that is a function of one source: values and two derivatives at even knots."""

    target: int
    source: int
    low: float
    step: float
    table: Tensor  # (knots, 3)


class Coordinates:
    """Maps of an anatomy between its coordinates (..., n) and MuJoCo's joints (..., nv).

    Attributes: anatomy; independent: indices of the coordinates that follow no other.

    Raises BioenvError for a joint that depends on several coordinates at once.
    """

    def __init__(self, anatomy: Anatomy) -> None:
        self.anatomy = anatomy
        self.n, self.nv = len(anatomy.coordinates), int(anatomy.mj.nv)
        self.independent = torch.as_tensor(np.flatnonzero(anatomy.independent))
        base = np.array(anatomy.default, dtype=float)[None]
        joint = anatomy.expand(base)
        slope = anatomy.jacobian(base)[0]
        self._gradient, self._zero, self._bent = self._joints(base[0], joint.qpos[0], slope)
        self._followers = self._couplers(base[0])

    def couple(self, q: Tensor, v: Tensor | None = None, a: Tensor | None = None) -> State:
        """All coordinates from (..., n): those that follow others are set from them."""
        state = _state(q, v, a)
        for bent in self._followers:
            state = _put(state, bent, state)
        return state

    def expand(self, q: Tensor, v: Tensor | None = None, a: Tensor | None = None) -> State:
        """qpos, qvel and qacc (..., nv) of `anatomy.mj`; couplers are not applied."""
        state = _state(q, v, a)
        qpos = state.q @ self._gradient.T + self._zero
        out = State(qpos, state.v @ self._gradient.T, state.a @ self._gradient.T)
        for bent in self._bent:
            out = _put(out, bent, state)
        return out

    def reduce(self, q: Tensor, tau: Tensor) -> Tensor:
        """(..., n) generalized forces of the coordinates at q (..., n), couplers not applied, from
        those of MuJoCo's joints (..., nv)."""
        total = tau @ self._gradient
        for bent in self._bent:
            slope = _evaluate(bent, q[..., bent.source])[1]
            part = slope * tau[..., bent.target]
            total = total.index_add(-1, torch.tensor([bent.source]), part[..., None])
        return total

    def independent_forces(self, q: Tensor, tau: Tensor) -> Tensor:
        """(..., k) forces of the independent coordinates from those of all (..., n) at q."""
        total = tau
        for bent in reversed(self._followers):
            slope = _evaluate(bent, q[..., bent.source])[1]
            part = slope * total[..., bent.target]
            total = total.index_add(-1, torch.tensor([bent.source]), part[..., None])
        return total[..., self.independent]

    def _joints(self, base: Array, qpos: Array, slope: Array) -> tuple[Tensor, Tensor, list[_Bent]]:
        """Gradient (nv, n) and intercept (nv,) of joints along lines, and the others."""
        gradient, bent = slope.copy(), []
        several = np.zeros(self.nv, dtype=int)
        for source in range(self.n):
            q = self._varied(base, source, _FEW)
            slopes = self.anatomy.jacobian(q)[:, :, source]
            several += np.abs(slopes).max(axis=0) > 0.0
            joints = np.flatnonzero(np.ptp(slopes, axis=0) > _LINE)
            if not joints.size:
                continue
            q = self._varied(base, source, _KNOTS)
            rate = np.zeros_like(q)
            rate[:, source] = 1.0  # with it, velocities are slopes and accelerations bends
            table = np.stack(self.anatomy.expand(q, rate, np.zeros_like(q)), axis=2)
            bent += [_bent(int(j), source, q[:, source], table[:, j]) for j in joints]
            gradient[joints, source] = 0.0
        if (several > 1).any():
            names = [self.anatomy.mj.joint(int(j)).name for j in np.flatnonzero(several > 1)]
            raise BioenvError(f"joints that depend on several coordinates: {', '.join(names)}")
        zero = qpos - gradient @ base
        for one in bent:
            zero[one.target] = 0.0
        return torch.tensor(gradient), torch.tensor(zero), bent

    def _couplers(self, base: Array) -> list[_Bent]:
        """Followers as functions of what they follow, directly or through others."""
        out = []
        free = np.flatnonzero(self.anatomy.independent)
        sources = [(c, int(s), self._varied(base, int(s), _FEW)) for c, s in enumerate(free)]
        slopes = [(c, s, self.anatomy.reduction(q)[:, :, c]) for c, s, q in sources]
        for target in map(int, np.flatnonzero(~self.anatomy.independent)):
            found = [(c, s) for c, s, slope in slopes if np.abs(slope[:, target]).max() > 0.0]
            if len(found) > 1:
                name = self.anatomy.coordinates[target]
                raise BioenvError(f"coordinate {name} follows several others")
            for column, source in found:
                q = self._varied(base, source, _KNOTS)
                slope = self.anatomy.reduction(q)[:, target, column]
                bend = np.gradient(slope, q[:, source], edge_order=2)
                table = np.stack([self.anatomy.couple(q)[:, target], slope, bend], 1)
                out.append(_bent(target, source, q[:, source], table))
        return out

    def _varied(self, base: Array, source: int, count: int) -> Array:
        """(count, n) coordinates, one of them over its range and beyond."""
        low, high = np.clip(self.anatomy.coordinate_range[source], -20.0, 20.0)
        room = _WIDER * (high - low)
        q = np.tile(base, (count, 1))
        q[:, source] = np.linspace(low - room, high + room, count)
        return q


def _bent(target: int, source: int, values: Array, table: Array) -> _Bent:
    step = float(values[1] - values[0])
    return _Bent(int(target), int(source), float(values[0]), step, torch.tensor(table))


def _put(state: State, bent: _Bent, of: State) -> State:
    """The state with one column set from a source's by the chain rule."""
    value, slope, bend = _evaluate(bent, of.q[..., bent.source])
    rate = of.v[..., bent.source]
    column = torch.tensor([bent.target])
    new = (value, slope * rate, bend * rate * rate + slope * of.a[..., bent.source])
    return State(*(x.index_copy(-1, column, y[..., None]) for x, y in zip(state, new, strict=True)))


def _evaluate(bent: _Bent, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Value and two derivatives; lines beyond the sampled range."""
    h, count = bent.step, len(bent.table)
    place = (x - bent.low) / h
    cell = place.detach().floor().clamp(0, count - 2).long()
    t = place - cell
    inside = t.clamp(0.0, 1.0)
    beyond = (t - inside) * h
    v0, s0, b0 = bent.table[cell].unbind(-1)
    v1, s1, b1 = bent.table[cell + 1].unbind(-1)
    # Quintic in t with the values and derivatives of both ends (Hermite).
    c3 = 10 * (v1 - v0) - h * (6 * s0 + 4 * s1) + h * h * (0.5 * b1 - 1.5 * b0)
    c4 = -15 * (v1 - v0) + h * (8 * s0 + 7 * s1) + h * h * (1.5 * b0 - b1)
    c5 = 6 * (v1 - v0) - 3 * h * (s0 + s1) + 0.5 * h * h * (b1 - b0)
    u = inside
    low = v0 + u * (h * s0 + u * (0.5 * h * h * b0))
    value = low + u**3 * (c3 + u * (c4 + u * c5))
    slope = s0 + u * h * b0 + u * u * (3 * c3 + u * (4 * c4 + 5 * c5 * u)) / h
    bend = b0 + u * (6 * c3 + u * (12 * c4 + 20 * c5 * u)) / h**2
    return value + beyond * slope, slope, torch.where(beyond == 0.0, bend, 0.0)


def _state(q: Tensor, v: Tensor | None, a: Tensor | None) -> State:
    zero = torch.zeros_like(q)
    return State(q, zero if v is None else v, zero if a is None else a)
