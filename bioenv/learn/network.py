"""A small network from time to n values that knows its own velocity and acceleration exactly.

    features = Periodic(period=1.1, harmonics=12)
    network = Network(features, outputs=9, hidden=(32,))
    weights = network.start(seed=0)                    # (P,) one flat vector, float64
    seen = network.see(time)                           # Jet (T, F): computed once
    value, velocity, acceleration = network(weights, seen)   # (T, 9) each

Weights are one flat vector so that `torch.func`, Levenberg-Marquardt and a batch of seeds need no
bookkeeping: weights (S, P) give (S, T, n). `seen` may also be one instant's, Jet (F,), as inside a
residual of one point for :func:`bioenv.learn.fit.minimize`; it then gives (n,).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bioenv.errors import BioenvError
from bioenv.learn.features import Features
from bioenv.learn.jet import Jet

ACTIVATIONS = ("tanh", "sine")


@dataclass(frozen=True)
class Initial:
    """Values (and, if given, velocities) that hold exactly at an instant.

    The output becomes ``value + velocity (t - time) + g(t) net(t)`` with g = tanh((t - time) /
    ramp), squared when the velocity is given: g and then also g' vanish at the instant, and far
    from it g is 1 or -1, which leaves the network its scale (Lagaris et al. 1998 use powers of t).

    Attributes: time s; value (n,); velocity (n,) per s or None; ramp s.
    """

    time: float
    value: tuple[float, ...]
    velocity: tuple[float, ...] | None = None
    ramp: float = 0.2

    def hold(self, net: Jet, time: Jet) -> Jet:
        """net (..., n) bound to the condition; time (..., 1) is t - time in s."""
        gate = time.scaled(torch.tensor(1.0 / self.ramp, dtype=net.value.dtype)).tanh()
        if self.velocity is not None:
            gate = gate * gate
        value, velocity, acceleration = gate * net
        start = torch.tensor(self.value, dtype=net.value.dtype)
        value = value + start
        if self.velocity is not None:
            speed = torch.tensor(self.velocity, dtype=net.value.dtype)
            value, velocity = value + speed * time.value, velocity + speed
        return Jet(value, velocity, acceleration)


class Seen(NamedTuple):
    """What the network sees of some instants: features (..., F) and time (..., 1)."""

    features: Jet
    time: Jet


@dataclass(frozen=True)
class Network:
    """Features of time, hidden layers, and a linear skip from the features to the outputs.

    With no hidden layers and the skip it is a linear model of the features, for which one
    Gauss-Newton step is exact.

    Attributes:
        features: :class:`~bioenv.learn.features.Periodic` or ``Window``.
        outputs: n.
        hidden: units of the hidden layers.
        activation: "tanh" or "sine".
        skip: add features @ matrix to the outputs.
        center, scale: numbers or one per output; the outputs are ``center + scale * net``.
        initial: a condition to hold exactly, or None.

    Raises BioenvError for settings that name nothing.
    """

    features: Features
    outputs: int = 1
    hidden: tuple[int, ...] = (32,)
    activation: str = "tanh"
    skip: bool = True
    center: float | tuple[float, ...] = 0.0
    scale: float | tuple[float, ...] = 1.0
    initial: Initial | None = None

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise BioenvError(f"activation must be one of {ACTIVATIONS}, got {self.activation!r}")
        if self.outputs < 1 or any(units < 1 for units in self.hidden):
            raise BioenvError(f"sizes must be 1 or more, got {self.outputs} and {self.hidden}")
        if not (self.hidden or self.skip):
            raise BioenvError("a network without hidden layers needs skip=True")
        for name in ("center", "scale"):
            size = np.size(getattr(self, name))
            if size not in (1, self.outputs):
                raise BioenvError(f"{name} must be one number or {self.outputs}, got {size}")

    @property
    def size(self) -> int:
        """Weights P."""
        return sum(prod(shape) for shape in self._shapes())

    def start(self, seed: int | Sequence[int] = 0) -> Tensor:
        """(P,) weights to start from, or (S, P) of several seeds: outputs near `center`.

        Hidden layers are drawn N(0, 1 / inputs) (LeCun); the skip starts at zero, the last hidden
        layer small, so that different seeds start from nearly the same curve.
        """
        if not isinstance(seed, int):
            return torch.stack([self.start(one) for one in seed])
        generator = torch.Generator().manual_seed(seed)
        parts = []
        last = 2 * len(self.hidden)
        for number, shape in enumerate(self._shapes()):
            drawn = torch.randn(shape, generator=generator, dtype=torch.float64)
            if len(shape) == 1 or number > last:  # biases, skip
                drawn = drawn * (0.5 if number < last else 0.0)
            else:
                drawn = drawn * (0.1 if number == last else 1.0) / shape[0] ** 0.5
            parts.append(drawn.reshape(-1))
        return torch.cat(parts)

    def grown(self, linear: Tensor, seed: int = 0) -> Tensor:
        """(P,) weights to start from where the features alone, `linear` (P0,), already fit.

        linear: weights of the same network without hidden layers; the skip takes them over.
        """
        if not (self.skip and self.hidden):
            raise BioenvError("grown() needs hidden layers and skip=True")
        weights = self.start(seed)
        skip = self.features.count * self.outputs
        if linear.shape != (skip + self.outputs,):
            raise BioenvError(f"linear must have {skip + self.outputs} weights, got {len(linear)}")
        weights[-skip:] = linear[:skip]
        weights[-skip - self.outputs : -skip] = linear[skip:]
        return weights

    def see(self, time: Tensor) -> Seen:
        """What the network needs to know of instants (...) s; it does not depend on the weights."""
        origin = self.initial.time if self.initial else 0.0
        return Seen(self.features(time), Jet.time(time, origin))

    def __call__(self, weights: Tensor, seen: Seen | Tensor) -> Jet:
        """Jet (T, n) at seen instants, or at times (T,) s; a batch of weights (S, P): (S, T, n)."""
        if isinstance(seen, Tensor):
            seen = self.see(seen)
        layers = self._layers(weights)
        net = seen.features
        for depth in range(len(self.hidden)):
            net = net.linear(*layers[2 * depth : 2 * depth + 2])
            net = net.tanh() if self.activation == "tanh" else net.sin()
        first = 2 * len(self.hidden)
        if self.hidden:
            net = net.linear(layers[first], layers[first + 1])
            if self.skip:
                net = net + seen.features.linear(layers[first + 2])
        else:
            net = net.linear(layers[0], layers[1])
        net = net.scaled(self._tensor(self.scale))
        net = Jet(net.value + self._tensor(self.center), net.velocity, net.acceleration)
        return self.initial.hold(net, seen.time) if self.initial else net

    def _shapes(self) -> list[tuple[int, ...]]:
        """Matrix and bias of every layer, then the skip's matrix."""
        sizes = [self.features.count, *self.hidden, self.outputs]
        shapes: list[tuple[int, ...]] = []
        for one, two in pairwise(sizes):
            shapes += [(one, two), (two,)]
        if self.skip and self.hidden:
            shapes.append((self.features.count, self.outputs))
        return shapes

    def _layers(self, weights: Tensor) -> list[Tensor]:
        if weights.shape[-1] != self.size:
            raise BioenvError(f"expected {self.size} weights, got {weights.shape[-1]}")
        shapes = self._shapes()
        pieces = torch.split(weights, [prod(shape) for shape in shapes], dim=-1)
        lead = weights.shape[:-1]
        return [one.reshape(*lead, *shape) for one, shape in zip(pieces, shapes, strict=True)]

    def _tensor(self, value: float | tuple[float, ...]) -> Tensor:
        return torch.tensor(value, dtype=torch.float64)
