"""Model files of body graphs: weights as safetensors, the rest as a JSON card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bioenv.errors import BioenvError
from bioenv.learn import model_files
from bioenv.learn.bodygraph.estimator import JOBS, NETWORKS, BodyGraph
from bioenv.learn.estimators import Scaling
from bioenv.learn.model_files import CARD, Tensors, below, find

FORMAT = "bioenv body graph 1"
_GIVEN = {"torque": "qacc", "acceleration": "joint_torque"}
_KINDS = {
    "job": str, "network": str, "hidden": int, "members": int, "level": float, "spread": dict,
}  # fmt: skip


def save(graph: BodyGraph, folder: Path, card: Mapping[str, Any]) -> Path:
    """Write both files. Raises BioenvError before `fit`, and for a card that is not JSON."""
    if not graph.networks_:
        raise BioenvError("this body graph has learned nothing yet; call fit() before save()")
    tensors: Tensors = {
        "factor": graph.factor_,
        "summary.center": graph.summary_.center,
        "summary.scale": graph.summary_.scale,
    }
    for name, value in graph.novelty.state().items():
        tensors[f"novelty.{name}"] = value.astype(np.float32)
    for number, network in enumerate(graph.networks_):
        for name, weight in network.state_dict().items():
            tensors[f"member{number}.{name}"] = weight.numpy()
    record = {
        **card,
        "format": FORMAT,
        "job": graph.job,
        "network": graph.network,
        "hidden": graph.hidden,
        "members": graph.members,
        "level": graph.level,
        "units": "N and N*m" if graph.job == "torque" else "m/s^2 and rad/s^2",
        "reads": f"model, qpos, qvel, {_GIVEN[graph.job]}, ground_reaction_force",
        "gives": "joint_torque" if graph.job == "torque" else "qacc",
        "rate": "any: every frame by itself",
        "spread": {name: list(pair) for name, pair in graph.spread_.items()},
    }
    return model_files.write(folder, tensors, record)


def load(source: str | Path) -> BodyGraph:
    """Read a model. Raises BioenvError naming the file, what was found and what was expected."""
    folder = find(source)
    record, tensors = model_files.read(folder, FORMAT, _KINDS)
    for name, valid in (("job", JOBS), ("network", tuple(NETWORKS))):
        if record[name] not in valid:
            raise BioenvError(f"{folder / CARD}: {name} must be one of {', '.join(valid)}")
    try:
        return _assemble(record, tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BioenvError(f"{folder} holds no body graph that can be used: {error}") from error


def _assemble(record: dict[str, Any], tensors: Tensors) -> BodyGraph:
    graph = BodyGraph(
        record["job"], record["network"], hidden=record["hidden"], members=record["members"],
        level=record["level"],
    )  # fmt: skip
    graph.card_ = record
    graph.spread_ = {name: (float(a), float(b)) for name, (a, b) in record["spread"].items()}
    graph.factor_ = tensors["factor"]
    graph.summary_ = Scaling(tensors["summary.center"], tensors["summary.scale"])
    graph.novelty.restore(below("novelty.", tensors))
    for number in range(record["members"]):
        network = graph.build(0)
        weights = below(f"member{number}.", tensors)
        network.load_state_dict({name: torch.from_numpy(x) for name, x in weights.items()})
        graph.networks_.append(network.eval())
    return graph
