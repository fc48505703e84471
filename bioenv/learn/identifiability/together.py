"""Several experiments on one body, taken together."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from bioenv.errors import BioenvError
from bioenv.learn.identifiability.experiment import Experiment, Output, Parameter
from bioenv.learn.identifiability.forward import slopes


def joined(name: str, *experiments: Experiment) -> Experiment:
    """Several experiments on the same body as one. Parameters of one name are one parameter, but
    for nuisances, which belong to their experiment. Outputs get the experiment's name in front
    when several have one of that name.

    Samples of an output that an experiment does not have are absent, not zero: all measured
    samples are stacked in one column in units of noise.

    Raises BioenvError when a shared parameter has two values.
    """
    parameters: dict[str, Parameter] = {}
    places = []
    for number, one in enumerate(experiments):
        own = []
        for given in one.parameters:
            called = f"{given.name} ({number + 1})" if given.nuisance else given.name
            first = parameters.setdefault(called, replace(given, name=called))
            if first.value != given.value:
                raise BioenvError(
                    f"{name}: {called} is {first.value:g} in one experiment and {given.value:g} in "
                    "another; it must have one value"
                )
            own.append(list(parameters).index(called))
        places.append(own)

    return Experiment(
        name,
        tuple(parameters.values()),
        (Output("samples in units of noise", "1", 1.0),),
        _Joined(experiments, places),
    )


class _Joined:
    """Samples (..., N, 1) of all experiments, in units of noise."""

    def __init__(self, experiments: tuple[Experiment, ...], places: list[list[int]]) -> None:
        self.parts = list(zip(experiments, places, strict=True))

    def __call__(self, values: Tensor) -> Tensor:
        rows = []
        for one, own in self.parts:
            found = one.function(values[..., own])[..., _kept(one)] / one.noise
            rows.append(found.flatten(-2))
        return torch.cat(rows, -1)[..., None]

    def slopes(self, values: Tensor, along: Tensor) -> tuple[Tensor, Tensor]:
        """Each experiment its own way."""
        rows = []
        for one, own in self.parts:
            value, slope = slopes(one.function, values[:, own], along[:, own])
            noise, kept = one.noise, _kept(one)
            scaled = (slope[..., kept, :] / noise[:, None]).flatten(1, 2)
            rows.append(((value[..., kept] / noise).flatten(1), scaled))
        values, found = (torch.cat(parts, 1) for parts in zip(*rows, strict=True))
        return values[..., None], found[..., None, :]


def _kept(one: Experiment) -> list[int]:
    return [i for i, output in enumerate(one.outputs) if output.measured]
