"""The networks of the estimators: what sees a window and gives means and variances.

Every network maps inputs (N, L, I), scaled, to a `Gaussian` of scaled targets (N, H, O). They are
made by name from `Settings`, so that a model file can make them again; `add_network` adds a kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from bioenv.errors import BioenvError, unknown

LOG_VARIANCE = (-9.0, 4.0)
"""Range of a log variance, in scaled units: 1 % to 7 standard deviations of the targets."""


class Gaussian(NamedTuple):
    """Mean and log variance (N, H, O) of a normal distribution, in scaled units."""

    mean: Tensor
    log_variance: Tensor


class Shape(NamedTuple):
    """Sizes of a window's L samples, I inputs, H instants and O targets."""

    samples: int
    inputs: int
    instants: int
    outputs: int


@dataclass(frozen=True)
class Settings:
    """A network: its kind, units of a hidden layer, layers, and whether a linear map of the whole
    window is added to the mean (`skip`). `more` is for kinds of one's own; it must be plain JSON.
    """

    kind: str = "gru"
    hidden: int = 64
    layers: int = 1
    dropout: float = 0.0
    skip: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.hidden < 1 or self.layers < 1 or not 0 <= self.dropout < 1:
            raise BioenvError(
                "hidden and layers must be 1 or more and dropout in [0, 1); got "
                f"{self.hidden}, {self.layers}, {self.dropout}"
            )


Build = Callable[[Settings, Shape], nn.Module]
_KINDS: dict[str, Build] = {}
_ELSEWHERE = {
    "emg_torque": "bioenv.learn.sequences.muscle_network",
    "forecast": "bioenv.learn.sequences.forecast_network",
}
"""Kinds that are made known when their module is first imported."""


def add_network(kind: str, build: Build) -> None:
    """Make a kind of network known. Raises BioenvError for a name that is taken by another."""
    if _KINDS.get(kind, build) is not build:
        raise BioenvError(f"network {kind!r} exists already; choose another name")
    _KINDS[kind] = build


def kinds() -> tuple[str, ...]:
    """The kinds of networks."""
    return tuple(sorted({*_KINDS, *_ELSEWHERE}))


def build(settings: Settings, shape: Shape, seed: int) -> nn.Module:
    """A network with weights drawn from a seed; torch's own random state is left as it was."""
    if settings.kind not in _KINDS and settings.kind in _ELSEWHERE:
        import_module(_ELSEWHERE[settings.kind])
    if settings.kind not in _KINDS:
        raise unknown("network", settings.kind, kinds())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _KINDS[settings.kind](settings, shape)


def parameters_of(network: nn.Module) -> int:
    """How many numbers a network learns."""
    return sum(one.numel() for one in network.parameters())


class Head(nn.Module):
    """Features (N, F) to mean and log variance (N, H, O); a linear skip from the window."""

    def __init__(self, features: int, settings: Settings, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        size = shape.instants * shape.outputs
        self.mean = nn.Linear(features, size)
        self.spread = nn.Linear(features, size)
        self.skip = nn.Linear(shape.samples * shape.inputs, size) if settings.skip else None
        nn.init.zeros_(self.spread.weight)
        nn.init.constant_(self.spread.bias, -1.0)
        if self.skip is not None:
            nn.init.zeros_(self.skip.weight)

    def forward(self, features: Tensor, window: Tensor) -> Gaussian:
        """Gaussian (N, H, O) of features (N, F) and windows (N, L, I)."""
        mean = self.mean(features)
        if self.skip is not None:
            mean = mean + self.skip(window.flatten(1))
        size = (len(features), self.shape.instants, self.shape.outputs)
        return Gaussian(mean.view(size), bounded(self.spread(features)).view(size))


def bounded(raw: Tensor) -> Tensor:
    """A log variance within `LOG_VARIANCE`, smooth, so that its gradient never dies."""
    low, high = LOG_VARIANCE
    capped = high - nn.functional.softplus(high - raw)
    return low + nn.functional.softplus(capped - low)


class Recurrent(nn.Module):
    """LSTM (Hochreiter & Schmidhuber 1997) or GRU (Cho et al. 2014); its last state is read."""

    def __init__(self, settings: Settings, shape: Shape) -> None:
        super().__init__()
        cell = nn.LSTM if settings.kind == "lstm" else nn.GRU
        dropout = settings.dropout if settings.layers > 1 else 0.0
        self.cells = cell(
            shape.inputs, settings.hidden, settings.layers, batch_first=True, dropout=dropout
        )
        self.head = Head(settings.hidden, settings, shape)

    def forward(self, window: Tensor) -> Gaussian:
        """Gaussian (N, H, O) of scaled windows (N, L, I)."""
        states, _ = self.cells(window)
        found: Gaussian = self.head(states[:, -1], window)
        return found


class Convolution(nn.Module):
    """Dilated causal convolutions with residuals (Bai, Kolter & Koltun 2018, arXiv:1803.01271).

    Their number of layers grows until the last output sees the whole window.
    """

    KERNEL = 3

    def __init__(self, settings: Settings, shape: Shape) -> None:
        super().__init__()
        layers: list[nn.Conv1d] = []
        width, seen = shape.inputs, 1
        while seen < shape.samples or len(layers) < settings.layers:
            dilation = 2 ** len(layers)
            layers.append(nn.Conv1d(width, settings.hidden, self.KERNEL, dilation=dilation))
            width, seen = settings.hidden, seen + (self.KERNEL - 1) * dilation
        self.layers = nn.ModuleList(layers)
        self.drop = nn.Dropout(settings.dropout)
        self.head = Head(settings.hidden, settings, shape)

    def forward(self, window: Tensor) -> Gaussian:
        """Gaussian (N, H, O) of scaled windows (N, L, I)."""
        signal = window.transpose(1, 2)
        for number, layer in enumerate(self.layers):
            past = (self.KERNEL - 1) * 2**number
            new = self.drop(torch.relu(layer(nn.functional.pad(signal, (past, 0)))))
            signal = new + signal if new.shape == signal.shape else new
        found: Gaussian = self.head(signal[:, :, -1], window)
        return found


class Plain(nn.Module):
    """Dense layers over the whole window."""

    def __init__(self, settings: Settings, shape: Shape) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = shape.samples * shape.inputs
        for _ in range(settings.layers):
            layers += [nn.Linear(width, settings.hidden), nn.SiLU(), nn.Dropout(settings.dropout)]
            width = settings.hidden
        self.layers = nn.Sequential(*layers)
        self.head = Head(settings.hidden, settings, shape)

    def forward(self, window: Tensor) -> Gaussian:
        """Gaussian (N, H, O) of scaled windows (N, L, I)."""
        found: Gaussian = self.head(self.layers(window.flatten(1)), window)
        return found


add_network("gru", Recurrent)
add_network("lstm", Recurrent)
add_network("convolution", Convolution)
add_network("plain", Plain)
