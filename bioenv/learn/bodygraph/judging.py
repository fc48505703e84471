"""How good a body graph is on people it has not seen, measured as a laboratory would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.learn.bodygraph.dataset import collect, draw_states
from bioenv.learn.bodygraph.estimator import BodyGraph
from bioenv.learn.bodygraph.population import OUTSIDE, TRAINING, Bodies
from bioenv.learn.bodygraph.states import States, torques

STRUCTURES = ("walker2d", "legs3d")
EACH = 40  # states of a person
PARTS: Mapping[str, tuple[Bodies, ...]] = {"inside": (TRAINING,), "outside": OUTSIDE}


def held_out(part: str, persons: int = 8, seed: int = 2027) -> list[States]:
    """Measured states of drawn people of one part of `PARTS`, half of them on each structure; other
    seeds than those of training mean other people."""
    if part not in PARTS:
        raise unknown("part", part, PARTS)
    rng = np.random.default_rng([seed, sorted(PARTS).index(part)])
    each = max(1, persons // len(PARTS[part]))
    return [
        states
        for bodies in PARTS[part]
        for name in STRUCTURES
        for states in draw_states(bodies, name, each, EACH, rng, measured=True)
    ]


def judge(graph: BodyGraph, states: Sequence[States]) -> dict[str, float]:
    """Scores over all joints, the root of a floating body left out.

    rmse and inverse_dynamics_rmse, N*m per kg of body: of the graph, and of exact inverse dynamics
    of the same measured states on the same assumed model; coverage of the band; its mean width,
    N*m/kg; share of samples flagged.

    Raises BioenvError for a graph that does not estimate torques.
    """
    if graph.job != "torque":
        raise BioenvError(f"judged is a body graph with the job torque, not {graph.job}")
    collection = collect(states)
    found, graphs = graph.predict(collection), collection.graphs
    truth = np.concatenate([one.torque.ravel() for one in states])
    exact = np.concatenate([
        torques(s.skeleton, s.qpos, s.qvel, s.qacc, s.contacts).ravel() for s in states
    ])  # fmt: skip
    mass = graphs.of_dofs(graphs.scale)[:, 0].double().numpy()
    mine = graphs.joint.numpy() > 0

    def rmse(values: NDArray[np.float64]) -> float:
        return float(np.sqrt(np.mean(((values - truth) / mass)[mine] ** 2)))

    inside = (found.lower <= truth) & (truth <= found.upper)
    return {
        "rmse": rmse(found.mean),
        "inverse_dynamics_rmse": rmse(exact),
        "coverage": float(inside[mine].mean()),
        "width": float(((found.upper - found.lower) / mass)[mine].mean()),
        "flagged": float(found.flag.mean()),
    }
