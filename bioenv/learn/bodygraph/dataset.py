"""Collections of graphs of many bodies, and how much every coordinate's torque usually varies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from bioenv.learn.bodygraph.graphs import Graphs
from bioenv.learn.bodygraph.measured import as_measured
from bioenv.learn.bodygraph.population import Bodies
from bioenv.learn.bodygraph.skeleton import Skeleton
from bioenv.learn.bodygraph.states import States, around_gait

Spread = Mapping[str, tuple[float, float]]


class Collection(NamedTuple):
    """Graphs and the coordinate's name of every degree of freedom (D,)."""

    graphs: Graphs
    names: tuple[str, ...]

    def with_spread(self, spread: Spread) -> Collection:
        """The same with spreads by coordinate; a name that is not there gets the median."""
        usual = tuple(float(x) for x in np.median(list(spread.values()), axis=0))
        rows = torch.tensor([spread.get(name, usual) for name in self.names])
        return Collection(replace(self.graphs, spread=rows.to(self.graphs.mass.dtype)), self.names)


def draw_states(
    bodies: Bodies,
    model: str,
    persons: int,
    each: int,
    rng: np.random.Generator,
    measured: bool = False,
) -> list[States]:
    """`each` states around gait of `persons` drawn bodies of one model.

    measured: with errors of measurement, on the person's scaled model in the place of his own body.
    """
    out = []
    for _ in range(persons):
        person = bodies.person(model, rng)
        states = around_gait(bodies.changed(person, rng), each, rng)
        out.append(as_measured(states, Skeleton(person), rng) if measured else states)
    return out


def collect(states: Sequence[States]) -> Collection:
    """All states as one batch, float32."""
    names = [one.skeleton.coordinates * len(one.qpos) for one in states]
    graphs = Graphs.join([one.graphs() for one in states]).to(torch.float32)
    return Collection(graphs, tuple(name for part in names for name in part))


def spreads(collection: Collection) -> dict[str, tuple[float, float]]:
    """Standard deviation of torque and of acceleration by coordinate, in the bodies' units."""
    labels, which = np.unique(np.array(collection.names), return_inverse=True)
    graphs = collection.graphs
    both = torch.stack([graphs.torque, graphs.acceleration], -1).double().numpy()
    count = np.bincount(which)[:, None]
    mean = np.stack([np.bincount(which, x) for x in both.T], -1) / count
    square = np.stack([np.bincount(which, x) for x in ((both - mean[which]) ** 2).T], -1) / count
    least = 1e-9 + 1e-6 * np.abs(both).max(axis=0)
    deviation = np.maximum(np.sqrt(square), least)
    return {str(n): (float(a), float(b)) for n, (a, b) in zip(labels, deviation, strict=True)}
