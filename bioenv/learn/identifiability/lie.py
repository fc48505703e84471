"""Structural identifiability for whatever inputs: the observability-identifiability matrix.

The parameters join the state, and the outputs' Lie derivatives along the flow, in the directions
of state and parameters, make the matrix ``O = d(y, L y, L^2 y, ...) / d(x, p)``; what its null
space does not move is told (Villaverde AF, Barreiro A, Papachristodoulou A 2016, Structural
identifiability of dynamic systems biology models, PLoS Comput Biol 12:e1005153; Karlsson J,
Anguelova M, Jirstrand M 2012, SYSID 16:941). The Lie derivatives are, but for factorials, the
coefficients of the output's power series in time, so they are computed by Taylor arithmetic at
random states and inputs, with exact forward derivatives.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bioenv.errors import BioenvError
from bioenv.learn.identifiability.combinations import ZERO, Blind
from bioenv.learn.identifiability.experiment import Experiment
from bioenv.learn.identifiability.forward import forward_ad
from bioenv.learn.identifiability.ode import Equations, Typical
from bioenv.learn.identifiability.structural import (
    DRAWS,
    SPREAD,
    Decomposition,
    Structure,
    decomposed,
    summary,
    units,
)
from bioenv.learn.identifiability.taylor import Series

Array = NDArray[np.float64]

RECORDS = 5
ORDER = 8


def lie_structure(
    experiment: Experiment,
    *,
    records: int = RECORDS,
    order: int = ORDER,
    draws: int = DRAWS,
    spread: float = SPREAD,
    seed: int = 0,
) -> Structure:
    """What the experiment's equations and outputs let tell with rich inputs, wherever it starts.

    Args:
        records: random states with random inputs, each with its own unknown state; several records
            of few derivatives are better conditioned than one of many. order: of the power series,
            the Lie derivatives taken being 0 to order - 1. draws, spread, seed: as in
            :func:`.structural.structure`.

    Where the start of a movement is a nuisance parameter, it counts among the unknown states.

    Raises BioenvError for an experiment without equations, and for fewer rows than unknowns.
    """
    equations = experiment.equations
    if equations is None:
        raise BioenvError(
            f"{experiment.name} has no equations of a movement in time; its record's sensitivities "
            "tell its structure: structure(experiment)"
        )
    free = [i for i, one in enumerate(experiment.free) if not one.nuisance]
    parameters = tuple(experiment.free[i] for i in free)
    rng = np.random.default_rng(seed)
    steps = spread * rng.normal(size=(draws + 1, len(experiment.free)))
    steps[0] = 0.0
    found, blinds = [], []
    for step in steps:
        slope = _matrix(experiment, equations, torch.tensor(step), free, records, order, seed)
        one = _parameters_only(decomposed(slope), len(free))
        found.append(one)
        blinds.append(Blind(one.null, one.scale, units(parameters, step[free])))
    return summary(parameters, found, blinds)


def _matrix(
    experiment: Experiment, equations: Equations, step: Tensor, free: list[int], records: int,
    order: int, seed: int,
) -> Array:  # fmt: skip
    """(R, F + records * n) derivatives of the outputs' power series; rows of unit length."""
    states, inputs = _drawn(equations.typical, records, order, seed)
    sizes = {key: x[0].numel() for key, x in states.items()}
    count = len(free) + sum(sizes.values())
    if records * order * len(experiment.measured) < len(free) + records * sum(sizes.values()):
        raise BioenvError(
            f"{records} records of order {order} are fewer numbers than there are unknowns; give a "
            "higher order"
        )
    along = torch.eye(count, dtype=torch.float64)
    steps = torch.zeros(count, 1, len(step), dtype=torch.float64)
    steps[..., free] = along[:, None, : len(free)]
    with torch.no_grad(), forward_ad.dual_level():
        dual = forward_ad.make_dual(step.expand_as(steps).contiguous(), steps)
        start, first = {}, len(free)
        for key, x in states.items():
            many = x.expand(count, *x.shape).contiguous()
            turn = along[:, first : first + sizes[key]].reshape(count, 1, *x.shape[1:])
            start[key] = forward_ad.make_dual(many, turn.expand_as(many).contiguous())
            first += sizes[key]
        drive = {key: Series(x[:, None]) for key, x in inputs.items()}
        series = _series(equations, start, experiment.values(dual), drive, order)
        keep = [i for i, one in enumerate(experiment.outputs) if one.measured]
        slope = forward_ad.unpack_dual(series[..., keep]).tangent
    assert slope is not None
    # (order, count, records, outputs) -> rows of each record.
    rows = slope.permute(2, 0, 3, 1).flatten(1, 2).numpy()
    return _blocked(rows, len(free))


def _blocked(rows: Array, free: int) -> Array:
    """Rows (records, R, F + n): every record has its own n states."""
    records, length, count = rows.shape
    out = np.zeros((records * length, free + records * (count - free)))
    for record, part in enumerate(rows):
        at = slice(record * length, (record + 1) * length)
        first = free + record * (count - free)
        out[at, :free] = part[:, :free]
        out[at, first : first + count - free] = part[:, free:]
    size = np.linalg.norm(out, axis=1, keepdims=True)
    return np.divide(out, size, out=np.zeros_like(out), where=size > 0.0)


def _series(
    equations: Equations, start: dict[str, Tensor], values: Tensor, drive: dict[str, Series],
    order: int,
) -> Tensor:  # fmt: skip
    """(order, ..., O) coefficients of the outputs: x_{k+1} = f_k / (k + 1)."""
    p = equations.gather(values)
    rows = {key: [x] for key, x in start.items()}
    for k in range(order):
        state = {key: Series(torch.stack(x)) for key, x in rows.items()}
        now = {key: Series(x.coefficients[: k + 1]) for key, x in drive.items()}
        if k == order - 1:
            found = equations.output(state, p, now)
            return torch.stack([x.coefficients for x in found.values()], -1)
        for key, x in equations.rate(state, p, now).items():
            rows[key].append(x.coefficients[k].expand_as(rows[key][0]) / (k + 1))
    raise AssertionError(order)


def _drawn(
    typical: Typical, records: int, order: int, seed: int
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Random states (records, ...) and power series of inputs (order, records, ...)."""
    rng = np.random.default_rng(seed + 1)
    states, inputs = {}, {}
    for key, (low, high, shape) in typical.states.items():
        states[key] = torch.tensor(rng.uniform(low, high, (records, *shape)))
    for key, (low, high, shape) in typical.inputs.items():
        value = rng.uniform(low, high, (order, records, *shape))
        value[1:] -= 0.5 * (low + high)
        pace = [typical.pace**k / max(1, _factorial(k)) for k in range(order)]
        inputs[key] = torch.tensor(value * np.reshape(pace, (-1,) + (1,) * (value.ndim - 1)))
    return states, inputs


def _factorial(k: int) -> int:
    return 1 if k < 2 else k * _factorial(k - 1)


def _parameters_only(found: Decomposition, count: int) -> Decomposition:
    """The null space's part in the parameters; the states' is of no interest here."""
    scale = found.scale[:count]
    left, size, _ = np.linalg.svd(found.null[:count] * scale[:, None], full_matrices=False)
    kept = left[:, size > ZERO] if size.size else left[:, :0]
    return Decomposition(
        found.values, scale, count - kept.shape[1], kept / scale[:, None], found.gap
    )
