"""Model files of body graphs: weights as safetensors, the rest as a JSON card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as parse_tensors
from safetensors.numpy import save as dump_tensors

from bioenv.errors import BioenvError
from bioenv.learn.bodygraph.estimator import JOBS, NETWORKS, BodyGraph
from bioenv.learn.estimators import Scaling
from bioenv.learn.estimators.files import CARD, WEIGHTS, find
from bioenv.motion_io import write_atomically

FORMAT = "bioenv body graph 1"
_GIVEN = {"torque": "qacc", "acceleration": "joint_torque"}
_KINDS = {
    "job": str, "network": str, "hidden": int, "members": int, "level": float, "spread": dict,
    "weights_sha256": str,
}  # fmt: skip


def save(graph: BodyGraph, folder: Path, card: Mapping[str, Any]) -> Path:
    """Write both files. Raises BioenvError before `fit`, and for a card that is not JSON."""
    if not graph.networks_:
        raise BioenvError("this body graph has learned nothing yet; call fit() before save()")
    tensors: dict[str, NDArray[Any]] = {
        "factor": graph.factor_,
        "summary.center": graph.summary_.center,
        "summary.scale": graph.summary_.scale,
    }
    for name, value in graph.novelty.state().items():
        tensors[f"novelty.{name}"] = value.astype(np.float32)
    for number, network in enumerate(graph.networks_):
        for name, weight in network.state_dict().items():
            tensors[f"member{number}.{name}"] = weight.numpy()
    weights = dump_tensors({name: np.ascontiguousarray(x) for name, x in tensors.items()})
    record = {
        **card,
        "made_by": "bioenv",
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
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    try:
        text = json.dumps(record, indent=1, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise BioenvError(f"the card must be plain JSON: {error}") from error
    write_atomically(folder / WEIGHTS, weights)
    write_atomically(folder / CARD, text.encode())
    return folder


def load(source: str | Path) -> BodyGraph:
    """Read a model. Raises BioenvError naming the file, what was found and what was expected."""
    folder = find(source)
    record = _record(folder / CARD)
    path = folder / WEIGHTS
    try:
        raw = path.read_bytes()
        tensors = parse_tensors(raw)
    except OSError as error:
        raise BioenvError(f"cannot read {path}: {error.strerror}") from error
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise BioenvError(f"{path} is no intact safetensors file: {error}") from error
    if hashlib.sha256(raw).hexdigest() != record["weights_sha256"]:
        raise BioenvError(f"{path} does not belong to {CARD} beside it (sha256 differs)")
    try:
        return _assemble(record, tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BioenvError(f"{folder} holds no body graph that can be used: {error}") from error


def _record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_bytes())
    except OSError as error:
        raise BioenvError(
            f"cannot read {path}: {error.strerror}; a body graph is {WEIGHTS} and {CARD}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise BioenvError(f"{path} is not valid JSON: {error}") from error
    found = record.get("format") if isinstance(record, dict) else None
    if found != FORMAT:
        raise BioenvError(f'{path} is no body graph: expected "format": "{FORMAT}", not {found!r}')
    for name, kind in _KINDS.items():
        if not isinstance(record.get(name), kind):
            raise BioenvError(f"{path}: {name!r} must be a {kind.__name__}: {record.get(name)!r}")
    for name, valid in (("job", JOBS), ("network", tuple(NETWORKS))):
        if record[name] not in valid:
            raise BioenvError(f"{path}: {name} must be one of {', '.join(valid)}")
    return dict(record)


def _assemble(record: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> BodyGraph:
    graph = BodyGraph(
        record["job"], record["network"], hidden=record["hidden"], members=record["members"],
        level=record["level"],
    )  # fmt: skip
    graph.card_ = record
    graph.spread_ = {name: (float(a), float(b)) for name, (a, b) in record["spread"].items()}
    graph.factor_ = tensors["factor"]
    graph.summary_ = Scaling(tensors["summary.center"], tensors["summary.scale"])
    graph.novelty.restore(_below("novelty.", tensors))
    for number in range(record["members"]):
        network = graph.build(0)
        weights = _below(f"member{number}.", tensors)
        network.load_state_dict({name: torch.from_numpy(x) for name, x in weights.items()})
        graph.networks_.append(network.eval())
    return graph


def _below(prefix: str, tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {n.removeprefix(prefix): x for n, x in tensors.items() if n.startswith(prefix)}
