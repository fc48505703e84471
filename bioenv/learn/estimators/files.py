"""Model files: weights as safetensors, everything else as a JSON card. Reading runs no code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as parse_tensors
from safetensors.numpy import save as dump_tensors

from bioenv.errors import BioenvError, unknown
from bioenv.learn.estimators.estimator import Estimator
from bioenv.learn.estimators.networks import Settings, Shape, build, kinds
from bioenv.learn.estimators.novelty import Novelty
from bioenv.learn.estimators.scaling import Scaling
from bioenv.motion_io import write_atomically
from bioenv.paths import agent_file

WEIGHTS, CARD = "model.safetensors", "card.json"
FORMAT = "bioenv estimator 1"
_LISTS = ("inputs", "input_units", "targets", "target_units", "offsets_s")
_NOVELTY = ("components", "neighbors", "references", "usual", "seed")


def shipped() -> tuple[str, ...]:
    """Names of the estimators that come with bioenv."""
    folder = agent_file("estimators")
    if not folder.is_dir():
        return ()
    return tuple(sorted(one.name for one in folder.iterdir() if (one / CARD).is_file()))


def find(source: str | Path) -> Path:
    """Folder of a model given as a folder or a shipped name. Raises BioenvError for neither."""
    path = Path(source)
    if path.is_dir():
        return path
    if str(source) in shipped():
        return agent_file("estimators", str(source))
    if path.suffix or len(path.parts) > 1:
        raise BioenvError(
            f"no estimator at {path}: expected a folder with {WEIGHTS} and {CARD}, or a shipped "
            f"name: {', '.join(shipped()) or 'none'}"
        )
    raise unknown("estimator", str(source), shipped())


def save(estimator: Estimator, folder: Path, card: Mapping[str, Any]) -> Path:
    """Write both files. Raises BioenvError for an estimator without a fit, or a card not JSON."""
    if not estimator.networks_:
        raise BioenvError("this estimator has learned nothing yet; call fit() before save()")
    weights = dump_tensors(_tensors(estimator))
    record = {
        **card,
        "made_by": "bioenv",
        "format": FORMAT,
        **{k: v for k, v in estimator.card_.items() if k not in card},
        "network": {**asdict(estimator.settings), "more": dict(estimator.settings.more)},
        "members": estimator.members,
        "level": estimator.level,
        "novelty": {name: getattr(estimator.novelty, name) for name in _NOVELTY},
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    try:
        text = json.dumps(record, indent=1, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise BioenvError(f"the card must be plain JSON: {error}") from error
    write_atomically(folder / WEIGHTS, weights)
    write_atomically(folder / CARD, text.encode())
    return folder


def load(source: str | Path) -> Estimator:
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
        raise BioenvError(f"{folder} holds no estimator that can be used: {error}") from error


def _tensors(estimator: Estimator) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {
        "inputs.center": estimator.inputs_.center, "inputs.scale": estimator.inputs_.scale,
        "targets.center": estimator.targets_.center, "targets.scale": estimator.targets_.scale,
        "factor": estimator.factor_,
    }  # fmt: skip
    if estimator.degraded_ is not None:
        found["degraded"] = estimator.degraded_
    for name, value in estimator.novelty.state().items():
        # They only say how far a window is: single precision is plenty.
        found[f"novelty.{name}"] = value.astype(np.float32)
    for number, network in enumerate(estimator.networks_):
        for name, value in network.state_dict().items():
            found[f"member{number}.{name}"] = value.numpy()
    return {name: np.ascontiguousarray(value) for name, value in found.items()}


def _record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_bytes())
    except OSError as error:
        raise BioenvError(
            f"cannot read {path}: {error.strerror}; an estimator is {WEIGHTS} and {CARD}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise BioenvError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise BioenvError(f'{path} is no bioenv estimator: expected "format": "{FORMAT}"')
    wanted = {**dict.fromkeys(_LISTS, list), "network": dict, "novelty": dict, "members": int}
    for name, kind in {**wanted, "weights_sha256": str, "length": int}.items():
        if not isinstance(record.get(name), kind):
            raise BioenvError(f"{path}: {name!r} must be a {kind.__name__}: {record.get(name)!r}")
    if record["network"].get("kind") not in kinds():
        raise unknown(f"network in {path}", str(record["network"].get("kind")), kinds())
    return record


def _assemble(record: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> Estimator:
    import torch

    found = Estimator(
        Settings(**record["network"]),
        members=record["members"],
        level=record["level"],
        novelty=Novelty(**record["novelty"]),
        degrade="degraded" in tensors,
    )
    found.card_ = record
    found.shape_ = Shape(
        record["length"], len(record["inputs"]), len(record["offsets_s"]), len(record["targets"])
    )
    found.inputs_ = Scaling(tensors["inputs.center"], tensors["inputs.scale"])
    found.targets_ = Scaling(tensors["targets.center"], tensors["targets.scale"])
    found.factor_, found.degraded_ = tensors["factor"], tensors.get("degraded")
    found.novelty.restore(_below("novelty.", tensors))
    for number in range(record["members"]):
        network = build(found.settings, found.shape_, 0)
        weights = _below(f"member{number}.", tensors)
        network.load_state_dict({name: torch.from_numpy(one) for name, one in weights.items()})
        network.eval()
        found.networks_.append(network)
    return found


def _below(prefix: str, tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}
