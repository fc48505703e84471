"""A compiled simulation inside a torch computation has the gradient of its differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from bodies import simulation, start

from bioenv.diff.symbolic.in_torch import simulated
from bioenv.errors import BioenvError


def test_a_loss_in_torch_is_differentiated_by_everything() -> None:
    made, (q, v, act, excitation) = simulation(), start(60)
    given = {
        "q": q, "v": v, "act": act, "exc": excitation, "p": made.parameters.default
    }  # fmt: skip
    tensors = {name: torch.tensor(x, requires_grad=True) for name, x in given.items()}

    def loss(**tensors: object) -> object:
        found = simulated(made, *tensors.values())  # type: ignore[arg-type]
        return (found.qpos[-1] ** 2).sum() + 0.1 * found.qvel.mean() + found.activation[30].sum()

    loss(**tensors).backward()  # type: ignore[attr-defined]
    rng, size = np.random.default_rng(0), 1e-6
    for name, tensor in tensors.items():
        direction = torch.from_numpy(rng.normal(size=given[name].shape) * (name != "p"))
        if name == "p":
            direction[made.parameters.slices["strength"]] = 1.0
        ends = []
        for sign in (1.0, -1.0):
            moved = {k: t.detach() + (sign * size * direction if k == name else 0.0)
                     for k, t in tensors.items()}  # fmt: skip
            ends.append(float(loss(**moved)))  # type: ignore[arg-type]
        expected = (ends[0] - ends[1]) / (2.0 * size)
        assert float((tensor.grad * direction).sum()) == pytest.approx(expected, rel=1e-6)


def test_defaults_single_precision_and_errors() -> None:
    made, (q, v, act, excitation) = simulation(), start(5)
    given = [torch.tensor(x, dtype=torch.float32, requires_grad=True) for x in (q, v, act)]
    found = simulated(made, *given, torch.tensor(excitation))
    found.qpos.sum().backward()
    assert given[0].grad.dtype == torch.float32
    with pytest.raises(BioenvError, match=r"must lie in 0..1"):
        simulated(made, *given, torch.tensor(excitation + 1.0))
