"""BodyGraph: an ensemble of networks of bodies, with a calibrated band and a flag.

graph = BodyGraph("torque").fit(train, valid)       # Collections
found = graph.predict(collection)                    # N*m or rad/s^2, band, flag
graph.save("folder"); BodyGraph.load("body_graph")   # a folder, or a shipped name
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bioenv.errors import BioenvError, unknown
from bioenv.learn.bodygraph.articulated import ArticulatedNetwork
from bioenv.learn.bodygraph.dataset import Collection, spreads
from bioenv.learn.bodygraph.generic import GenericNetwork
from bioenv.learn.bodygraph.graphs import Graphs
from bioenv.learn.bodygraph.training import FIRST, PLAN, fit_network, run, target
from bioenv.learn.bodygraph.unusual import described
from bioenv.learn.bodygraph.wrench import WrenchNetwork
from bioenv.learn.estimators import (
    Novelty,
    Plan,
    Scaling,
    Training,
    conformal_factor,
    total_variance,
)

Array = NDArray[np.float64]

JOBS = ("torque", "acceleration")
NETWORKS: Mapping[str, Callable[[str, int], nn.Module]] = {
    "physics": lambda job, hidden: (
        WrenchNetwork(hidden) if job == "torque" else ArticulatedNetwork(hidden)
    ),
    "generic": lambda job, hidden: GenericNetwork(job, hidden),
}


@dataclass(frozen=True, eq=False)
class Found:
    """Estimates for D degrees of freedom of B samples, N and N*m or m/s^2 and rad/s^2.

    mean, aleatoric, epistemic (variances), lower, upper: (D,), samples one after the other; novelty
    (B,): distance from the training data, 1 at the limit; flag (B,): beyond it.
    """

    mean: Array
    aleatoric: Array
    epistemic: Array
    lower: Array
    upper: Array
    novelty: Array
    flag: NDArray[np.bool_]

    @property
    def total(self) -> Array:
        """(D,) variance of the ensemble: the law of total variance."""
        return self.aleatoric + self.epistemic


class BodyGraph:
    """One network over bodies of different size and structure, as an ensemble.

    Args:
        job: "torque" (inverse dynamics: motion and ground forces -> joint torques) or
            "acceleration" (next state: torques and ground forces -> accelerations).
        network: "physics" (messages are wrenches and twists) or "generic" (any numbers).
        hidden: numbers of a node. members: of the ensemble. first: see `fit_network`.
        level: share of truths that the band shall hold.

    Learned:
        networks_; spread_: by coordinate; factor_: (2,) of the deviation to the band, of a root's
        and of joints' degrees of freedom; trainings_; card_.
    """

    def __init__(
        self,
        job: str = "torque",
        network: str = "physics",
        *,
        hidden: int = 32,
        members: int = 5,
        seed: int = 0,
        plan: Plan = PLAN,
        first: int = FIRST,
        level: float = 0.9,
    ) -> None:
        if job not in JOBS:
            raise unknown("job of a body graph", job, JOBS)
        if network not in NETWORKS:
            raise unknown("network of a body graph", network, NETWORKS)
        if members < 1 or hidden < 1 or not 0 < level < 1:
            raise BioenvError(
                "members and hidden must be 1 or more, level in (0, 1); got "
                f"{members}, {hidden}, {level}"
            )
        self.job, self.network, self.hidden = job, network, hidden
        self.members, self.seed, self.plan = members, seed, plan
        self.first, self.level = first, level
        self.novelty = Novelty(components=12)
        self.networks_: list[nn.Module] = []
        self.card_: dict[str, Any] = {}

    def build(self, seed: int) -> nn.Module:
        """A member before training."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return NETWORKS[self.network](self.job, self.hidden)

    def fit(self, train: Collection, valid: Collection) -> Self:
        """Learn from bodies; other bodies end the training and set the width of the band."""
        self.spread_ = spreads(train)
        train, valid = train.with_spread(self.spread_), valid.with_spread(self.spread_)
        self.networks_, trainings = [], []
        for member in range(self.members):
            seed = 1000 * self.seed + member
            network = self.build(seed)
            trainings.append(
                fit_network(
                    network, train.graphs, valid.graphs, plan=self.plan, seed=seed, first=self.first
                )
            )
            self.networks_.append(network)
        self.trainings_: tuple[Training, ...] = tuple(trainings)
        return self.calibrate(train, valid)

    def calibrate(self, train: Collection, valid: Collection) -> Self:
        """Set what counts as unusual, and the width of the band, from bodies that were not trained
        on."""
        train, valid = train.with_spread(self.spread_), valid.with_spread(self.spread_)
        seen, other = (self._described(x.graphs) for x in (train, valid))
        self.summary_ = Scaling.of(seen)
        self.novelty.fit(*(self.summary_.forward(x)[:, None] for x in (seen, other)))
        self._widen(valid.graphs)
        return self

    def predict(self, collection: Collection) -> Found:
        """Estimates in SI units. Raises BioenvError before `fit`."""
        if not self.networks_:
            raise BioenvError("this body graph has learned nothing yet; call fit() first")
        graphs = collection.with_spread(self.spread_).graphs.to(torch.float32)
        mean, aleatoric, epistemic = self._mixture(graphs)
        novelty = self.novelty.score(self.summary_.forward(self._described(graphs, mean))[:, None])
        dofs = graphs.dofs.numpy()
        wide = np.repeat(np.maximum(novelty, 1.0), dofs)
        factor = self.factor_[graphs.joint.numpy().astype(int)]
        unit = unit_of(graphs, self.job)
        half = wide * factor * np.sqrt(aleatoric + epistemic) * unit
        return Found(
            mean * unit, aleatoric * unit**2, epistemic * unit**2,
            mean * unit - half, mean * unit + half, novelty, novelty > 1.0,
        )  # fmt: skip

    def save(self, folder: str | Path, card: Mapping[str, Any] | None = None) -> Path:
        """Write model.safetensors and card.json; `card`: what the data were, scores, command."""
        from bioenv.learn.bodygraph import files

        return files.save(self, Path(folder), card or {})

    @staticmethod
    def load(folder: str | Path = "body_graph") -> BodyGraph:
        """Read a folder that `save` wrote, or a shipped model by name."""
        from bioenv.learn.bodygraph import files

        return files.load(folder)

    def _mixture(self, graphs: Graphs) -> tuple[Array, Array, Array]:
        """Mean, aleatoric and epistemic variance (D,) in the bodies' units."""
        each = [run(network, graphs) for network in self.networks_]
        means = np.stack([one.mean.double().numpy() for one in each])
        spreads = np.stack([one.log_variance.double().exp().numpy() for one in each])
        return total_variance(means, spreads)

    def _described(self, graphs: Graphs, mean: Array | None = None) -> Array:
        if mean is None:
            mean = self._mixture(graphs)[0]
        return described(graphs, torch.as_tensor(mean, dtype=graphs.mass.dtype))

    def _widen(self, graphs: Graphs) -> None:
        mean, aleatoric, epistemic = self._mixture(graphs)
        truth = target(graphs, self.job)[0].double().numpy()
        factor = np.ones(2)
        for kind in (0, 1):
            mine = graphs.joint.numpy() == kind
            if mine.any():
                error = (truth - mean)[mine][:, None, None]
                deviation = np.sqrt(aleatoric + epistemic)[mine][:, None, None]
                found = conformal_factor(error, deviation, self.level, np.ones(len(error)))
                factor[kind] = found[0, 0]
        self.factor_ = factor


def unit_of(graphs: Graphs, job: str) -> Array:
    """(D,) SI unit of what the networks say."""
    scale = graphs.of_dofs(graphs.scale).double()
    _, length, gravity, torque, _ = scale.unbind(-1)
    turns = graphs.turns > 0
    if job == "torque":
        unit: Tensor = torch.where(turns, torque, torque / length)
    else:
        unit = torch.where(turns, gravity / length, gravity)
    return np.asarray(unit.numpy(), dtype=np.float64)
