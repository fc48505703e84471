"""An experiment as a differentiable function: parameters -> what would be measured.

    swing = Experiment(
        "swing",
        (Parameter("inertia", 0.08, "kg m^2"), Parameter("angle at start", 0.3, "rad", size=0.1)),
        (Output("angle", "rad", noise=0.01),),
        function,                       # (..., P) -> (..., N, O), torch, float64
    )
    swing.knowing(inertia=0.0).measuring("angle").noisy(angle=0.005)

Parameters are sought as *steps* from their values: ``value * exp(step)``, or, where one has a size,
``value + size * step``. A step of 0.01 is 1 % of the value. In steps a product or a ratio of
parameters is a straight line, and columns of different units can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bioenv.errors import BioenvError, unknown
from bioenv.learn.identifiability.forward import slopes
from bioenv.learn.identifiability.ode import Equations

Array = NDArray[np.float64]
Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Parameter:
    """A number that is sought.

    Attributes:
        name; value and unit: in SI.
        size: None: the parameter is positive and its logarithm is sought; else one step in `unit`.
        known: standard deviation, in steps, of what is known beforehand: infinite for nothing, 0
            for everything (then it is not sought).
        nuisance: sought, but of no interest (where the movement starts): tables leave it out.

    Raises BioenvError for numbers that make no sense.
    """

    name: str
    value: float
    unit: str
    size: float | None = None
    known: float = math.inf
    nuisance: bool = False

    def __post_init__(self) -> None:
        if not math.isfinite(self.value) or (self.size is None and not self.value > 0.0):
            want = "finite" if self.size is not None else "positive (or give it a size)"
            raise BioenvError(f"the value of {self.name} must be {want}, got {self.value}")
        if self.size is not None and not (math.isfinite(self.size) and self.size > 0.0):
            raise BioenvError(f"the size of {self.name} must be positive, got {self.size}")
        if not self.known >= 0.0:
            raise BioenvError(f"what is known of {self.name} must be 0 or more, got {self.known}")

    @property
    def unit_step(self) -> float:
        """What one small step is in the parameter's unit."""
        return self.value if self.size is None else self.size

    def at(self, step: float) -> float:
        """The value at a step."""
        if self.size is None:
            return self.value * math.exp(min(step, 700.0))
        return self.value + self.size * step


@dataclass(frozen=True)
class Output:
    """A modality: name, unit, and the standard deviation of its noise in that unit; whether it is
    measured in this experiment or only could be."""

    name: str
    unit: str
    noise: float
    measured: bool = True

    def __post_init__(self) -> None:
        if not (math.isfinite(self.noise) and self.noise > 0.0):
            raise BioenvError(f"the noise of {self.name} must be positive, got {self.noise}")


@dataclass(frozen=True, eq=False)
class Experiment:
    """Parameters, what is measured, and the function between them.

    Attributes:
        name. parameters (P): all, also the known ones. outputs (O).
        function: values (..., P) in their units -> (..., N, O), float64, for any leading axes,
            built of torch operations with forward derivatives.
        equations: of a movement in time, where the function solves them; for Lie derivatives.
        text: one sentence for the reader.

    Noise is Gaussian and independent between samples and outputs.
    """

    name: str
    parameters: tuple[Parameter, ...]
    outputs: tuple[Output, ...]
    function: Function
    equations: Equations | None = None
    text: str = ""
    # Derivatives at the values themselves. Copies with other outputs or other knowledge share them.
    kept: dict[str, Tensor] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for kind, given in (("parameter", self.parameters), ("output", self.outputs)):
            names = [one.name for one in given]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise BioenvError(f"{self.name}: more than one {kind} is called {', '.join(twice)}")
        if not self.free:
            raise BioenvError(f"{self.name}: every parameter is known; leave one open")
        if not any(one.measured for one in self.outputs):
            raise BioenvError(f"{self.name}: nothing is measured; measure one of {self._names()}")

    @property
    def free(self) -> tuple[Parameter, ...]:
        """The F parameters that are sought, in order."""
        return tuple(one for one in self.parameters if one.known > 0.0)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters that are sought."""
        return tuple(one.name for one in self.free)

    @property
    def measured(self) -> tuple[Output, ...]:
        """The outputs that are measured."""
        return tuple(one for one in self.outputs if one.measured)

    @property
    def noise(self) -> Tensor:
        """(M,) standard deviations of the measured outputs."""
        return torch.tensor([one.noise for one in self.measured], dtype=torch.float64)

    def measuring(self, *names: str) -> Experiment:
        """The same with these outputs measured, and no others; "emg" means all "emg/...".

        Raises BioenvError for an unknown name, here and below.
        """
        meant = {one for name in names for one in self._meant("output", name, self.outputs)}
        outputs = tuple(replace(one, measured=one.name in meant) for one in self.outputs)
        return replace(self, outputs=outputs)

    def noisy(self, noise: Mapping[str, float] | None = None, **more: float) -> Experiment:
        """The same with other standard deviations of outputs, by name, in their units."""
        told = self._spread("output", {**(noise or {}), **more}, self.outputs)
        outputs = (replace(one, noise=told.get(one.name, one.noise)) for one in self.outputs)
        return replace(self, outputs=tuple(outputs))

    def knowing(self, known: Mapping[str, float] | None = None, **more: float) -> Experiment:
        """The same with parameters known beforehand to a standard deviation in steps (0.05: to
        5 % of the value; 0: exactly; infinite: not at all)."""
        told = self._spread("parameter", {**(known or {}), **more}, self.parameters)
        parameters = (replace(one, known=told.get(one.name, one.known)) for one in self.parameters)
        return replace(self, parameters=tuple(parameters))

    def like(self, other: Experiment) -> Experiment:
        """The same, measured, noisy and known as another one is, where names agree."""
        outputs = {one.name: one for one in other.outputs}
        known = {one.name: one.known for one in other.parameters}
        own = {one.name for one in self.parameters}
        return replace(
            self, outputs=tuple(outputs.get(one.name, one) for one in self.outputs)
        ).knowing({name: value for name, value in known.items() if name in own})

    def _meant(self, kind: str, name: str, given: Sequence[Parameter | Output]) -> list[str]:
        found = [one.name for one in given if name in (one.name, one.name.partition("/")[0])]
        if not found:
            raise unknown(f"{kind} of {self.name}", name, [one.name for one in given])
        return found

    def _spread(
        self, kind: str, told: Mapping[str, float], given: Sequence[Parameter | Output]
    ) -> dict[str, float]:
        return {one: x for name, x in told.items() for one in self._meant(kind, name, given)}

    def values(self, steps: Tensor) -> Tensor:
        """Values (..., P) of all parameters at steps (..., F) of those that are sought."""
        columns, number = [], 0
        for one in self.parameters:
            if one.known > 0.0:
                step, number = steps[..., number], number + 1
                move = one.value * torch.exp(step) if one.size is None else one.size * step
                columns.append(move if one.size is None else one.value + move)
            else:
                columns.append(torch.full_like(steps[..., 0], one.value))
        return torch.stack(columns, -1)

    def evaluate(self, steps: Tensor) -> Tensor:
        """What is measured, without noise: (..., N, M) in units, at steps (..., F)."""
        out = self.function(self.values(steps))
        self._check_outputs(out)
        return out[..., [i for i, one in enumerate(self.outputs) if one.measured]]

    def sensitivities(self, steps: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs (B, N, M) and their derivatives by the steps (B, N, M, F), at steps (B, F)."""
        values = self.values(steps)
        along = torch.zeros(*values.shape, steps.shape[-1], dtype=steps.dtype)
        places = [i for i, one in enumerate(self.parameters) if one.known > 0.0]
        for number, (place, one) in enumerate(zip(places, self.free, strict=True)):
            along[:, place, number] = values[:, place] if one.size is None else one.size
        value, slope = slopes(self.function, values, along)
        self._check_outputs(value)
        keep = [i for i, one in enumerate(self.outputs) if one.measured]
        return value[..., keep], slope[..., keep, :]

    def scaled_slope(self) -> Array:
        """(N * M, F) derivatives at the values themselves, in units of noise."""
        if "slope" not in self.kept:
            everything = replace(
                self,
                parameters=tuple(replace(one, known=math.inf) for one in self.parameters),
                outputs=tuple(replace(one, measured=True) for one in self.outputs),
            )
            at = torch.zeros(1, len(self.parameters), dtype=torch.float64)
            self.kept["slope"] = everything.sensitivities(at)[1][0]
        outputs = [i for i, one in enumerate(self.outputs) if one.measured]
        free = [i for i, one in enumerate(self.parameters) if one.known > 0.0]
        slope = self.kept["slope"][:, outputs][..., free]
        if not bool(torch.isfinite(slope).all()):
            raise self.not_finite("the given values")
        return np.asarray((slope / self.noise[:, None]).reshape(-1, len(free)).numpy())

    def not_finite(self, where: str) -> BioenvError:
        """The error for outputs that are not finite; the caller raises it."""
        return BioenvError(
            f"{self.name}: outputs or their derivatives are not finite at {where}; give other "
            "values, or shorter steps of the solver"
        )

    def prior_rows(self) -> Array:
        """(K, F) rows that say what is known beforehand, in units of its deviation."""
        rows = np.diag([1.0 / one.known for one in self.free])
        return rows[np.diagonal(rows) > 0.0]

    def _check_outputs(self, out: Tensor) -> None:
        if out.ndim < 2 or out.shape[-1] != len(self.outputs):
            raise BioenvError(
                f"{self.name}: the function must give (..., N, {len(self.outputs)}), for "
                f"{self._names()}; got shape {tuple(out.shape)}"
            )

    def _names(self) -> str:
        return ", ".join(one.name for one in self.outputs)
