"""Hybrid models: a law of physics, its parameters, and a small learned residual inside it.

    muscle = MuscleHybrid(models.load("walker2d"), "soleus_r").fit(inputs, force)
    muscle.predict(inputs), muscle.deviation(inputs), muscle.parameters_, muscle.status_

First the law's own parameters are found within their priors, then what they leave is learned by
networks of Gaussian bumps (:mod:`bioenv.learn.radial`) that sit where they cannot break the law: in
a factor, in a stiffness. (Found together, parameters and residual explain each other away, and the
parameters lose their meaning outside the data: Brynjarsdóttir J, O'Hagan A 2014, Inverse Probl
30:114007.) How large the networks may be and the noise are estimated from the data (MacKay DJC
1992, Neural Comput 4:415); the length of their bumps is that of greatest evidence. Away from the
data a network is zero by construction, and the hybrid is the law with the parameters found.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from bioenv.errors import BioenvError
from bioenv.learn.fit import Block, Fit, Status, minimize, prior
from bioenv.learn.radial import Radial

Array = NDArray[np.float64]
Seen = Mapping[str, Tensor]

LEAST_SAMPLES = 10
LARGEST = 1e100  # squares of more overflow


class _Tried(NamedTuple):
    """Networks of one length of bumps."""

    length: float
    networks: dict[str, Radial]
    fit: Fit
    evidence: float


class Hybrid(ABC):
    """What all hybrids share; a law adds its settings, `see`, `places`, `named` and `law`.

    Args:
        inputs: names of the columns. channels: of the networks. priors: standard deviation of the
            step of each of the law's parameters.
        centers: bumps of each network at most.
        lengths: of the bumps, in standard deviations of the inputs, to choose from. Samples spread
            evenly lie within 1.7; longer bumps carry trends outside.
        size, largest: prior standard deviation of a network's output to start the estimate from,
            and the largest allowed: a residual as large as the law is no small one.
        distrust: how wrong the law may be where there are no data, in the networks' unit (a share
            of the force or the stiffness); it counts in `deviation` only.
        noise: of the target, in its unit; None estimates it.
        tune: find the law's parameters; False keeps those given. learn: use the networks.
        accept: root mean squared residual, in the target's unit, above which `status_` says so.
        iterations: of each search.

    Learned:
        parameters_, intervals_: of the law, by name, and their 95 % intervals.
        length_ (None without networks), size_ (by channel), noise_; evidence_: log, by length.
        rms_: residual. status_, message_: what became of the fit, see `bioenv.learn.fit.Status`.
    """

    def __init__(
        self,
        inputs: Sequence[str],
        channels: Sequence[str],
        priors: Mapping[str, float],
        *,
        centers: int = 40,
        lengths: Sequence[float] = (0.7, 1.4, 2.8),
        size: float = 0.3,
        largest: float = 1.0,
        distrust: float = 0.5,
        noise: float | None = None,
        tune: bool = True,
        learn: bool = True,
        accept: float | None = None,
        iterations: int = 200,
    ) -> None:
        numbers = (centers, *lengths, size, largest, distrust, noise or 1.0)
        if not lengths or min(numbers) <= 0 or largest < size:
            raise BioenvError(
                "centers, lengths, size, distrust and noise must be positive and size not above "
                f"largest; got {centers}, {tuple(lengths)}, {size}, {distrust}, {noise}, {largest}"
            )
        if not (tune or learn):
            raise BioenvError("tune=False and learn=False leave nothing to fit")
        self.inputs, self.channels, self.priors = tuple(inputs), tuple(channels), dict(priors)
        self.centers, self.lengths, self.distrust = centers, tuple(lengths), distrust
        self.size, self.largest, self.noise = size, largest, noise
        self.tune, self.learn = tune, learn
        self.accept, self.iterations = accept, iterations
        self._unknowns = {"step": torch.zeros(len(self.priors), dtype=torch.float64)}
        self._networks: dict[str, Radial] = {}
        self._fits: list[Fit] = []

    @abstractmethod
    def see(self, x: Tensor) -> dict[str, Tensor]:
        """What the law needs of inputs (..., d), whatever the unknowns are."""

    @abstractmethod
    def places(self, channel: str, x: Tensor) -> Tensor:
        """(..., k) or (..., j, k) inputs of a channel's network at inputs (..., d)."""

    @abstractmethod
    def named(self, step: Tensor) -> dict[str, Tensor]:
        """The law's parameters by name, a step (p,) away from the given ones."""

    @abstractmethod
    def law(self, step: Tensor, residual: Seen, seen: Seen) -> Tensor:
        """(...) target; residual: (...) or (..., j) output of each channel's network at `places`,
        a zero without axes when there is none."""

    def fit(self, inputs: ArrayLike, target: ArrayLike) -> Self:
        """Learn from T samples: inputs (T, d), columns as in `self.inputs`, and target (T,).

        Raises BioenvError for arrays of the wrong shape, values that are not finite, or fewer than
        ten samples.
        """
        x, y = self._checked(inputs, target)
        step = torch.zeros(len(self.priors), dtype=torch.float64)
        tuned = self._minimize(x, y, step, {}) if self.tune else None
        if tuned is not None:
            step = tuned.unknowns["step"]
        tried = [self._try(x, y, step, one) for one in self.lengths] if self.learn else []
        best = max(tried, key=lambda one: one.evidence, default=None)
        self.evidence_ = {one.length: one.evidence for one in tried}
        self.length_ = best.length if best else None
        self._networks = best.networks if best else {}
        self._fits = [one for one in (tuned, best.fit if best else None) if one is not None]
        self._unknowns = {"step": step, **(best.fit.unknowns if best else {})}
        self._tell()
        return self

    def predict(self, inputs: ArrayLike) -> Array:
        """(...) target at inputs (..., d); before `fit`, that of the law as given."""
        return self._target(inputs, self._networks)

    def physics(self, inputs: ArrayLike) -> Array:
        """(...) target of the law with the parameters found, without the networks."""
        return self._target(inputs, {})

    def deviation(self, inputs: ArrayLike) -> Array:
        """(...) standard deviation of the predicted target; noise of a measurement not included.

        Where there are data, that of parameters and weights (Laplace approximation); away from them
        it grows to what the networks could be, `size_` or `distrust`. Infinite after a fit that
        diverged. Raises BioenvError before `fit`.
        """
        if not self._fits:
            raise BioenvError(f"{type(self).__name__} has no deviation before fit")
        x = self._tensor(inputs)
        if self.status_ is Status.DIVERGED:
            return np.full(x.shape[:-1], np.inf)
        flat = x.reshape(-1, x.shape[-1])
        seen = self._seen(flat, self._networks)
        square = torch.zeros(len(flat), dtype=torch.float64)
        for fit in self._fits:
            own = fit.deviation(lambda u: self._law({**self._unknowns, **u}, seen))
            square = square + own.square()
        residual = self._residual(self._unknowns, seen)
        for name, network in self._networks.items():
            r = residual[name].detach().requires_grad_(True)
            total = self.law(self._unknowns["step"], {**residual, name: r}, seen).sum()
            (slope,) = torch.autograd.grad(total, r)
            free = slope.abs() * network.unknown(self.places(name, flat)).sqrt()
            wide = max(self.size_[name], self.distrust)
            square = square + (wide * free.reshape(len(flat), -1).sum(dim=1)).square()
        return _array(square.sqrt().reshape(x.shape[:-1]))

    def _try(self, x: Tensor, y: Tensor, step: Tensor, length: float) -> _Tried:
        networks = {}
        for name in self.channels:
            places = self.places(name, x)
            flat = places.reshape(-1, places.shape[-1])
            networks[name] = Radial.of(flat, self.centers, length)
        fit = self._minimize(x, y, step, networks)
        return _Tried(length, networks, fit, _evidence(fit, len(y)))

    def _minimize(self, x: Tensor, y: Tensor, step: Tensor, networks: Mapping[str, Radial]) -> Fit:
        """The parameters' steps without networks, or the networks at given steps."""
        noise = self.noise or 0.1 * max(float(y.std()), 1e-9)
        last = bool(networks) or not self.learn

        def data(unknowns: Seen, point: Seen) -> Tensor:
            return (self._law({"step": step, **unknowns}, point) - point["target"]).reshape(1)

        blocks: dict[str, Block] = {
            "data": Block(
                data, {**self._seen(x, networks), "target": y}, noise=noise,
                adapt=self.noise is None, floor=1e-4, accept=self.accept if last else None,
            )
        }  # fmt: skip
        start = {}
        for name, network in networks.items():
            start[name] = torch.zeros(network.count, dtype=torch.float64)
            blocks[name] = replace(
                prior(name, self.size), adapt=True, floor=0.03, ceiling=self.largest / self.size
            )
        if not networks:
            start["step"] = step
            wide = torch.tensor(list(self.priors.values()), dtype=torch.float64)
            blocks["step"] = prior("step", wide)
        return minimize(blocks, start, iterations=self.iterations)

    def _tell(self) -> None:
        """The learned names."""
        last = self._fits[-1]
        bad = [one for one in self._fits if one.status is Status.DIVERGED]
        self.status_, self.message_ = (bad or [last])[0].status, (bad or [last])[0].message
        self.noise_, self.rms_ = last.noise["data"], last.rms["data"]
        self.size_ = {name: last.noise[name] for name in self._networks}
        step = self._unknowns["step"]
        half = torch.full_like(step, np.inf if bad else 0.0)
        if self.tune and not bad:
            half = 1.96 * self._fits[0].deviation(lambda unknowns: unknowns["step"])
        # Every parameter grows with its own step.
        low, value, high = (self.named(one) for one in (step - half, step, step + half))
        self.parameters_ = {name: float(one) for name, one in value.items()}
        self.intervals_ = {name: (float(low[name]), float(high[name])) for name in value}

    def _seen(self, x: Tensor, networks: Mapping[str, Radial]) -> dict[str, Tensor]:
        bumps = {f"bumps {name}": net(self.places(name, x)) for name, net in networks.items()}
        return {**self.see(x), **bumps}

    def _residual(self, unknowns: Seen, seen: Seen) -> dict[str, Tensor]:
        none = torch.zeros((), dtype=torch.float64)
        known = [name for name in self.channels if f"bumps {name}" in seen]
        learned = {name: seen[f"bumps {name}"] @ unknowns[name] for name in known}
        return {**dict.fromkeys(self.channels, none), **learned}

    def _law(self, unknowns: Seen, seen: Seen) -> Tensor:
        return self.law(unknowns["step"], self._residual(unknowns, seen), seen)

    def _target(self, inputs: ArrayLike, networks: Mapping[str, Radial]) -> Array:
        x = self._tensor(inputs)
        with torch.no_grad():
            return _array(self._law(self._unknowns, self._seen(x, networks)))

    def _tensor(self, inputs: ArrayLike) -> Tensor:
        x, names = np.asarray(inputs, dtype=float), ", ".join(self.inputs)
        if x.ndim < 1 or x.shape[-1] != len(self.inputs):
            raise BioenvError(
                f"inputs must have shape (..., {len(self.inputs)}) for {names}; got {x.shape}"
            )
        if not np.isfinite(x).all():
            bad = self.inputs[int(np.argwhere(~np.isfinite(x))[0][-1])]
            raise BioenvError(f"inputs hold values that are not finite, the first in {bad}")
        return torch.tensor(x)

    def _checked(self, inputs: ArrayLike, target: ArrayLike) -> tuple[Tensor, Tensor]:
        x, y = self._tensor(inputs), np.asarray(target, dtype=float)
        if x.ndim != 2 or y.shape != x.shape[:1]:
            raise BioenvError(
                f"fit needs inputs (T, d) and target (T,), got {tuple(x.shape)} and {y.shape}"
            )
        if not np.isfinite(y).all():
            bad = int((~np.isfinite(y)).sum())
            raise BioenvError(f"target holds {bad} values that are not finite: leave them out")
        if len(y) < LEAST_SAMPLES:
            raise BioenvError(f"fit needs {LEAST_SAMPLES} samples or more, got {len(y)}")
        if max(float(x.abs().max()), float(np.abs(y).max())) > LARGEST:
            raise BioenvError(f"inputs or target exceed {LARGEST:g}: use other units")
        return x, torch.tensor(y)


def _evidence(fit: Fit, count: int) -> float:
    """Log evidence of networks up to a constant, in Laplace's approximation."""
    if fit.status is Status.DIVERGED:
        return -np.inf
    value = 0.5 * fit.losses["data"] * count + count * np.log(fit.noise["data"])
    for name, weights in fit.unknowns.items():
        value += len(weights) * (0.5 * fit.losses[name] + np.log(fit.noise[name]))
    return float(-value - 0.5 * torch.linalg.slogdet(fit.precision())[1])


def _array(value: Tensor) -> Array:
    return np.asarray(value.detach().numpy(), dtype=np.float64)
